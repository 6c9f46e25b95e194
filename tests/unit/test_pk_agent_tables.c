#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static const struct pk_agent_table *find(const struct pk_agent_table *t, uint32_t n, const char *name) {
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(t[i].name, name) == 0) {
            return &t[i];
        }
    }
    CHECK_STR(name, "a table of that name");
    return NULL;
}

PK_TEST(tables__used_never_beyond_capacity_and_together_within_the_budget) {
    struct pk_agent_table t[PK_AGENT_TABLES];
    begin(NULL);
    REQUIRE(open_incident() != NULL);
    wait_ms(60000);
    const uint32_t n = pk_agent_tables(&gw.agent, t);
    CHECK(n > 20 && n <= PK_AGENT_TABLES);
    uint64_t own = 0;
    for (uint32_t i = 0; i < n; i++) {
        CHECK(t[i].used <= t[i].capacity);
        CHECK(t[i].high <= t[i].capacity);
        for (uint32_t k = 0; k < i; k++) {
            CHECK(strcmp(t[i].name, t[k].name) != 0);
        }
        const bool is_outside = strncmp(t[i].name, "store_", 6) == 0 || strstr(t[i].name, "arena") != NULL;
        own += is_outside ? 0 : t[i].bytes;
    }
    CHECK(own <= sizeof gw.agent);
    CHECK(own > sizeof gw.agent / 2); /* nearly all of the state is in a named table */
    CHECK_EQ_U64(find(t, n, "incidents")->used, gw.agent.incidents.used_count);
    CHECK(find(t, n, "incidents")->used >= 1);
    CHECK_EQ_U64(find(t, n, "incidents")->capacity, PK_LIMIT_INCIDENTS);
    CHECK(find(t, n, "event_intake")->high >= 1);
    CHECK_EQ_U64(find(t, n, "rules")->used, pk_engine_rule_count(&gw.agent.engine));
}

PK_TEST(tables__drops__are_counted_where_they_happen) {
    struct pk_agent_table t[PK_AGENT_TABLES];
    begin(NULL);
    for (uint32_t i = 0; i < 100; i++) { /* more open incidents than the table holds */
        char line[120];
        (void)snprintf(line, sizeof line, "{\"type\":\"deadlock\",\"source\":\"d-%u\"}\n", i);
        (void)gateway_events(&gw, line);
        (void)snprintf(line, sizeof line, "{\"type\":\"cache_error\",\"source\":\"c-%u\"}\n", i);
        (void)gateway_events(&gw, line);
    }
    const uint32_t n = pk_agent_tables(&gw.agent, t);
    const struct pk_agent_table *incidents = find(t, n, "incidents");
    const struct pk_agent_table *windows = find(t, n, "windows");
    REQUIRE(incidents != NULL && windows != NULL);
    CHECK(incidents->high <= PK_LIMIT_INCIDENTS);
    CHECK(incidents->drops + windows->drops > 0); /* `keys` of a rule bounds it before the table does */
    CHECK_STR(site.breach, "");
}

PK_TEST(summary__of_a_usual_hour__is_at_most_1_KB) {
    static char text[8192];
    static struct pk_agent_summary s;
    struct pk_buf b;
    struct pk_json_writer w;
    begin(NULL);
    REQUIRE(open_incident() != NULL); /* one incident, repaired by its action */
    wait_ms(3000);
    gateway_process(&gw, "web", true);
    wait_ms(3600000);
    pk_agent_summary(&gw.agent, &s);
    pk_buf_init(&b, text, sizeof text);
    pk_jw_init(&w, &b);
    pk_summary_json_write(&w, NULL, &s.summary);
    printf("# %u bytes\n", (unsigned)b.n);
    CHECK(b.n > 300 && b.n <= 1024);
}

PK_TEST(summary__counts_what_happened) {
    begin(NULL);
    gateway_process(&gw, "web", false);
    wait_ms(6000);
    (void)gateway_events(&gw, "rubbish\n");
    static struct pk_agent_summary s;
    pk_agent_summary(&gw.agent, &s);
    const struct pk_summary *m = &s.summary;
    CHECK_EQ_U64(m->by_severity[PK_SEV_CRITICAL], 1);
    CHECK(m->type_count >= 1 && m->loss_count >= 1);
    wait_ms(1000); /* all of it on the medium */
    pk_agent_summary(&gw.agent, &s);
    CHECK_EQ_U64(m->audit_n, gw.agent.audit.head.n);
    CHECK_MEM(m->audit_head, gw.agent.audit.head.hash, sizeof m->audit_head);
    CHECK(m->action_count == 0 || m->actions[0].ok + m->actions[0].failed > 0);
    CHECK(m->table_count < PK_AGENT_TABLES);
    gateway_process(&gw, "web", true);
    wait_ms(60000);
    pk_agent_summary(&gw.agent, &s);
    CHECK_EQ_U64(s.summary.action_count, 1);
    CHECK_EQ_U64(s.summary.actions[0].ok, 1);
}

PK_TEST(printed_budget__adds_up_and_prices_every_rule) {
    static char text[24576];
    struct pk_buf b;
    prepare(NULL);
    REQUIRE(gateway_boot(&gw));
    pk_buf_init(&b, text, sizeof text);
    pk_agent_print_budget(&gw.agent, &b);
    CHECK(!b.is_cut);
    CHECK(strstr(text, "incidents") != NULL && strstr(text, "tables together ") != NULL);
    char want[60];
    (void)snprintf(want, sizeof want, "agent state %zu of at most %u bytes", sizeof gw.agent,
                   PK_AGENT_RAM_MAX);
    CHECK(strstr(text, want) != NULL);
    pk_buf_init(&b, text, sizeof text);
    pk_agent_print_rule_prices(&gw.agent, &b);
    uint32_t lines = 0;
    for (const char *p = text; (p = strstr(p, "\nrule ")) != NULL; p++) {
        lines++;
    }
    CHECK_EQ_U64(lines + 1, pk_engine_rule_count(&gw.agent.engine)); /* one stands at the start */
    CHECK(strstr(text, "rules together at most ") != NULL);
}

PK_TEST_MAIN(summary__of_a_usual_hour__is_at_most_1_KB,
             tables__used_never_beyond_capacity_and_together_within_the_budget,
             tables__drops__are_counted_where_they_happen, summary__counts_what_happened,
             printed_budget__adds_up_and_prices_every_rule)
