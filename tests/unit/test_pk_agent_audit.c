#include "agent/pk_agent_priv.h"
#include "base/pk_json.h"

#include "support/gateway_test.h"

/* Asks until the page is there; the answer of the agent. */
static const char *page(const char *args) {
    const char *answer = NULL;
    for (int i = 0; i < 20; i++) {
        answer = gateway_command(&gw, 1000, "audit.list", args);
        if (answer == NULL || strstr(answer, "\"ready\":true") != NULL) {
            return answer;
        }
        wait_ms(20);
    }
    return answer;
}

static bool has(const char *answer, const char *text) {
    return answer != NULL && strstr(answer, text) != NULL;
}

PK_TEST(list__is_read_from_the_store_page_by_page) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    for (int k = 0; k < 30; k++) {
        CHECK(says(1001, "incidents.note", "{\"incident_id\":\"inc_1\",\"note\":\"seen\"}", "\"ok\":true"));
    }
    wait_ms(1000);
    CHECK(says(1000, "audit.list", "{}", "\"ready\":false,\"entries\":[]"));
    wait_ms(100);
    const char *first = page("{}");
    CHECK(has(first, "{\"n\":1,\"hash\":\""));
    CHECK(has(first, "\"entry\":{\"at\":"));
    CHECK(!has(first, "{\"n\":30,"));
    CHECK(has(page("{\"after\":20}"), "[{\"n\":21,"));
    /* Behind the newest there is nothing, and that is an answer. */
    CHECK(has(page("{\"after\":100000}"), "\"ready\":true,\"entries\":[]"));
    CHECK(has(page("{\"after\":18446744073709551614}"), "\"entries\":[]"));
    CHECK(says(1000, "audit.head", "{}", "\"base_n\":0,\"base\":\"00000000"));
    check_sound();
}

PK_TEST(list__another_question_takes_the_place_of_the_first) {
    begin(NULL);
    REQUIRE(open_incident() != NULL);
    wait_ms(1000);
    CHECK(says(1000, "audit.list", "{\"after\":1}", "\"ready\":false"));
    CHECK(says(1000, "audit.list", "{}", "\"ready\":"));
    wait_ms(100);
    CHECK(has(page("{\"after\":1}"), "[{\"n\":2,"));
    CHECK(has(page("{}"), "[{\"n\":1,"));
    check_sound();
}

PK_TEST(list__goes_on_while_old_entries_are_trimmed) {
    begin(&(struct gateway_setup){.seed = 3, .config = NULL});
    REQUIRE(open_incident() != NULL);
    gw.agent.config.journal_keep_count = 20; /* less than a configuration may say */
    for (int k = 0; k < 80; k++) {
        CHECK(says(1001, "incidents.note", "{\"incident_id\":\"inc_1\",\"note\":\"seen\"}", "\"ok\":true"));
        CHECK(says(1000, "audit.list", "{}", "\"ready\":"));
        wait_ms(50);
    }
    CHECK(gw.agent.audit.base.n > 20);
    CHECK(has(page("{}"), "\"entry\":{"));
    check_sound();
}

/* ---- the head that others are told */

struct search {
    const uint8_t *hash;
    bool is_found;
};

static int compare_hash(void *arg, struct pk_str key, struct pk_str value) {
    struct search *s = arg;
    struct pk_log_record record;
    uint64_t n = 0;
    if (pk_record_key_log_parse(key, &n) != PK_OK) {
        return PK_E_NOT_FOUND;
    }
    s->is_found = s->is_found || (pk_record_log_unpack(value, &record) == PK_OK &&
                                  memcmp(record.hash, s->hash, PK_SHA256_BYTES) == 0);
    return PK_OK;
}

/* As `picketctl audit verify --head` asks. */
static bool chain_had(const uint8_t *hash) {
    struct search s = {.hash = hash};
    (void)gw.port.store.load(gw.port.store.ctx, PK_TREE_JOURNAL, pk_str_of("L"), compare_hash, &s);
    return s.is_found;
}

static const struct pk_summary *summary(void) {
    static struct pk_agent_summary s;
    pk_agent_summary(&gw.agent, &s);
    return &s.summary;
}

static void note(void) {
    CHECK(says(1001, "incidents.note", "{\"incident_id\":\"inc_1\",\"note\":\"seen\"}", "\"ok\":true"));
}

PK_TEST(head__told_while_the_disk_is_slow__is_there_after_a_power_cut) {
    uint8_t told[PK_SHA256_BYTES];
    begin(NULL);
    REQUIRE(open_incident() != NULL);
    wait_ms(1000);
    gw.sim.store.delay_min_ms = gw.sim.store.delay_max_ms = 60000;
    (void)gateway_command(&gw, 1001, "incidents.note", "{\"incident_id\":\"inc_1\",\"note\":\"seen\"}");
    wait_ms(3000);
    const uint64_t n = summary()->audit_n;
    CHECK(n > 0 && n < gw.agent.audit.head.n);
    memcpy(told, summary()->audit_head, sizeof told);
    CHECK(chain_had(told));
    char head[24];
    (void)snprintf(head, sizeof head, "\"n\":%u,", (unsigned)n);
    CHECK(says(1000, "audit.head", "{}", head));
    gateway_power_cut(&gw);
    CHECK(chain_had(told));
    gw.sim.store.delay_min_ms = gw.sim.store.delay_max_ms = 1;
    REQUIRE(gateway_boot(&gw));
    CHECK_EQ_U64(summary()->audit_n, n); /* what this start has to say is not kept yet */
    wait_ms(5000);
    CHECK(chain_had(told));
    CHECK(summary()->audit_n > n);
    CHECK(chain_had(summary()->audit_head));
    check_sound();
}

/* Each commit finds the next batch waiting already. */
PK_TEST(head__while_entries_keep_coming__lags_and_never_runs_ahead) {
    uint64_t before = 0;
    uint32_t rises = 0;
    begin(NULL);
    REQUIRE(open_incident() != NULL);
    gw.sim.store.delay_min_ms = gw.sim.store.delay_max_ms = 300;
    for (uint32_t i = 0; i < 100; i++) {
        char line[120];
        (void)snprintf(line, sizeof line, "{\"type\":\"deadlock\",\"source\":\"d-%u\"}\n", i % 20);
        (void)gateway_events(&gw, line);
        pk_agent_audit(&gw.agent, 0, "note", "test", pk_str_of("one more"));
        wait_ms(50);
        REQUIRE(chain_had(summary()->audit_head));
        rises += summary()->audit_n > before ? 1u : 0u;
        before = summary()->audit_n;
    }
    CHECK(rises >= 5);
    gw.sim.store.delay_min_ms = gw.sim.store.delay_max_ms = 1;
    wait_ms(60000);
    note();
    wait_ms(1000);
    CHECK_EQ_U64(summary()->audit_n, gw.agent.audit.head.n);
    CHECK_MEM(summary()->audit_head, gw.agent.audit.head.hash, PK_SHA256_BYTES);
    check_sound();
}

PK_TEST_MAIN(head__told_while_the_disk_is_slow__is_there_after_a_power_cut,
             head__while_entries_keep_coming__lags_and_never_runs_ahead,
             list__is_read_from_the_store_page_by_page, list__another_question_takes_the_place_of_the_first,
             list__goes_on_while_old_entries_are_trimmed)
