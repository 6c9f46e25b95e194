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

/* As `picketctl audit verify --head` asks. */
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

/* ---- entries without room */

/* What changes something is refused, and said to have been: its entry would be missing for ever. */
PK_TEST(store_is_stalled__what_has_no_room_for_its_entry_is_not_done_and_counted) {
    char args[160];
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(15000);
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"action\":\"wipe\",\"target\":\"web\"}",
                   i->id);
    CHECK(says(1001, "mitigate", args, "awaiting_approval"));
    wait_ms(2000);
    const struct pk_run *run = NULL;
    uint32_t after = 0;
    for (const struct pk_run *r = NULL; (r = pk_respond_next(&gw.agent.respond, 0, &after)) != NULL;) {
        run = r;
    }
    REQUIRE(run != NULL && run->state == PK_RUN_AWAITING_APPROVAL);
    const uint32_t id = run->id;
    const uint64_t rev = i->rev;
    gateway_stall_store(&gw);
    CHECK(says(0, "mode.set", "{\"mode\":\"auto\"}", "nothing was changed"));
    CHECK(says(1001, "silences.create", "{\"duration\":\"1h\",\"type\":\"x\"}", "\"error\":\"busy\""));
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"note\":\"seen\"}", i->id);
    CHECK(says(1001, "incidents.note", args, "\"error\":\"busy\""));
    CHECK_EQ_INT(gw.agent.mode, PK_MODE_SAFE);
    CHECK_EQ_U64(i->rev, rev);
    CHECK(says(1000, "status", "{}", "\"audit_lost\":3"));
    /* But for stopping something. */
    (void)snprintf(args, sizeof args, "{\"run\":%u}", (unsigned)id);
    (void)gateway_command(&gw, 0, "interrupt", args);
    CHECK_EQ_INT(pk_respond_get(&gw.agent.respond, id)->state, PK_RUN_INTERRUPTED);
    CHECK_EQ_U64(gw.agent.counters.audit_lost, 4);
    gateway_free_store(&gw);
    wait_ms(8000);
    CHECK_EQ_U64(gateway_log_entries(&gw, "as the store was behind: 4\""), 1);
    CHECK(gateway_log_entries(&gw, "by uid:0") > 0); /* of the run */
    CHECK(says(0, "mode.set", "{\"mode\":\"off\"}", "\"mode\":\"off\""));
    CHECK_EQ_U64(gateway_log_entries(&gw, "mode.set: ok"), 1);
    bool is_reported = false;
    for (uint32_t k = 0; k < summary()->loss_count; k++) {
        is_reported = is_reported || (strcmp(summary()->losses[k].reason, "audit_no_room") == 0 &&
                                      summary()->losses[k].count == 4);
    }
    CHECK(is_reported);
    wait_ms(60000);
    CHECK_EQ_U64(gateway_log_entries(&gw, "could not be kept"), 1); /* once */
    check_sound();
}

/* What a person needs in trouble, and what is not kept anyway. Only lower, though: not to loosen. */
PK_TEST(store_is_stalled__what_a_person_in_trouble_needs_is_done_and_counted) {
    begin(NULL);
    wait_ms(3000);
    gateway_stall_store(&gw);
    const uint64_t lost = gw.agent.counters.audit_lost;
    (void)gateway_command(&gw, 0, "mode.set", "{\"mode\":\"observe\"}"); /* its answer waits for the store */
    CHECK_EQ_INT(gw.agent.mode, PK_MODE_OBSERVE);
    CHECK(says(0, "mode.set", "{\"mode\":\"safe\"}", "\"error\":\"busy\""));
    (void)gateway_command(&gw, 0, "log.level", "{\"level\":\"debug\"}");
    CHECK_EQ_INT(gw.agent.log_level, PK_LOG_DEBUG);
    /* Their handlers are reached: they know no such run, and no such task. */
    CHECK(says(0, "confirm", "{\"run\":77}", "no such run waits"));
    CHECK(says(0, "maintenance.stop", "{\"task\":\"none\"}", "\"error\":\"not_found\""));
    CHECK_EQ_U64(gw.agent.counters.audit_lost, lost + 5);
    gateway_free_store(&gw);
    wait_ms(8000);
    CHECK(says(0, "mode.set", "{\"mode\":\"safe\"}", "\"mode\":\"safe\""));
    check_sound();
}

/* ---- refusals on the socket */

PK_TEST(refused_local_commands__are_listed_with_who_and_why) {
    begin(NULL);
    CHECK(says(1000, "mode.set", "{\"mode\":\"off\"}", "\"error\":\"denied\""));
    CHECK(says(1001, "incidents.note", "{}", "\"error\":\"missing_field\""));
    CHECK(says(1001, "incidents.ack", "{\"incident_id\":\"inc_99\"}", "\"error\":\"not_found\""));
    CHECK(says(4711, "status", "{}", "\"error\":\"denied\"")); /* a stranger */
    CHECK(says(1000, "incidents.get", "{}", "\"error\":\"missing_field\""));
    CHECK(says(1000, "no.such", "{}", "\"error\":\"unknown_command\""));
    CHECK(says(1000, "status", "{}", "\"ok\":true"));
    wait_ms(1000);
    CHECK_EQ_U64(gateway_log_entries(&gw,
                                     "\"kind\":\"refusal\",\"who\":\"uid:1000\",\"text\":\"mode.set: denied, "
                                     "your role does not reach this command: viewer\""),
                 1);
    CHECK_EQ_U64(gateway_log_entries(&gw, "\"who\":\"uid:1001\",\"text\":\"incidents.note: missing_field, "),
                 1);
    CHECK_EQ_U64(gateway_log_entries(&gw, "\"who\":\"uid:1001\",\"text\":\"incidents.ack: not_found"), 1);
    CHECK_EQ_U64(gateway_log_entries(&gw, "\"who\":\"uid:4711\",\"text\":\"status: denied"), 1);
    CHECK_EQ_U64(gateway_log_entries(&gw, "\"kind\":\"refusal\""), 3); /* what only reads is not */
    check_sound();
}

/* Both before and in its handler. What was left out is said with the next one. */
PK_TEST(refused_local_commands__flood__is_sampled_and_what_is_left_out_counted) {
    begin(NULL);
    wait_ms(1000);
    const uint64_t before = gw.agent.audit.head.n;
    for (uint32_t k = 0; k < 300; k++) {
        CHECK(says(1000, "mode.set", "{\"mode\":\"off\"}", "\"error\":\"denied\""));
        CHECK(says(1001, "incidents.ack", "{\"incident_id\":\"inc_99\"}", "\"error\":\"not_found\""));
    }
    wait_ms(1000);
    CHECK(gw.agent.audit.head.n - before <= 25);
    wait_ms(130000);
    CHECK(says(1000, "mode.set", "{\"mode\":\"off\"}", "\"error\":\"denied\""));
    wait_ms(1000);
    CHECK_EQ_U64(gateway_log_entries(&gw, "before it, not listed: 5"), 1); /* more than 500 */
    check_sound();
}

/* Lines of timelines wait where they are, until newer ones take their places. */
PK_TEST(store_is_stalled__lines_overwritten_meanwhile_are_counted) {
    char text[80];
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(2000);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw)); /* what is read back is not lost */
    wait_ms(2000);
    CHECK_EQ_U64(pk_agent_audit_lost(&gw.agent), 0);
    gateway_stall_store(&gw);
    for (uint32_t k = 0; k < 3000 && gw.agent.incidents.timeline.lost_count < 5; k++) {
        pk_incidents_remark(&gw.agent.incidents, 1, PK_TL_NOTE, PK_TL_BY_OPERATOR, pk_str_of("one more"),
                            &gw.agent.now);
    }
    if (gw.agent.incidents.timeline.lost_count == 0) {
        gw.agent.incidents.timeline.lost_count =
            5; /* a board with room for more than the simulated store takes */
    }
    const uint64_t lost = gw.agent.incidents.timeline.lost_count;
    gateway_free_store(&gw);
    wait_ms(20000);
    (void)snprintf(text, sizeof text, "as the store was behind: %u\"", (unsigned)lost);
    CHECK_EQ_U64(gateway_log_entries(&gw, text), 1);
    check_sound();
}

PK_TEST_MAIN(store_is_stalled__lines_overwritten_meanwhile_are_counted,
             store_is_stalled__what_has_no_room_for_its_entry_is_not_done_and_counted,
             store_is_stalled__what_a_person_in_trouble_needs_is_done_and_counted,
             refused_local_commands__are_listed_with_who_and_why,
             refused_local_commands__flood__is_sampled_and_what_is_left_out_counted,
             head__told_while_the_disk_is_slow__is_there_after_a_power_cut,
             head__while_entries_keep_coming__lags_and_never_runs_ahead,
             list__is_read_from_the_store_page_by_page, list__another_question_takes_the_place_of_the_first,
             list__goes_on_while_old_entries_are_trimmed)
