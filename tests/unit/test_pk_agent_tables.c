#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static const struct pk_agent_table *find(const struct pk_agent_table *t, uint32_t n, const char *name) {
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(t[i].name, name) == 0) {
            return &t[i];
        }
    }
    return NULL;
}

PK_TEST(tables__capacities_are_the_limits_and_names_are_unique) {
    static struct pk_agent_table t[PK_AGENT_TABLES];
    begin(NULL);
    const uint32_t n = pk_agent_tables(&gw.agent, t);
    CHECK(n > 20 && n <= PK_AGENT_TABLES);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(find(t, n, t[i].name) == &t[i]);
    }
    CHECK_EQ_U64(find(t, n, "incidents")->capacity, PK_LIMIT_INCIDENTS);
    CHECK_EQ_U64(find(t, n, "event_sources")->capacity, PK_LIMIT_SOURCES);
    CHECK_EQ_U64(find(t, n, "rules")->capacity, PK_LIMIT_RULES);
    CHECK(find(t, n, "rules")->used > 20);
}

PK_TEST(tables__use_and_drops_are_counted) {
    static struct pk_agent_table before[PK_AGENT_TABLES], after[PK_AGENT_TABLES];
    begin(NULL);
    const uint32_t n = pk_agent_tables(&gw.agent, before);
    CHECK(open_incident() != NULL);
    CHECK_EQ_U64(pk_agent_tables(&gw.agent, after), n);
    CHECK_EQ_U64(find(after, n, "incidents")->used, find(before, n, "incidents")->used + 1);
    CHECK(find(after, n, "incidents")->high >= find(after, n, "incidents")->used);
    CHECK(find(after, n, "event_history")->used > find(before, n, "event_history")->used);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(after[i].used <= after[i].capacity);
        CHECK(after[i].high <= after[i].capacity);
    }
}

PK_TEST(summary__numbers_are_those_of_the_incidents) {
    static struct pk_agent_summary s;
    begin(NULL);
    CHECK(open_incident() != NULL);
    pk_agent_summary(&gw.agent, &s);
    CHECK_EQ_INT(s.summary.by_severity[PK_SEV_CRITICAL], 1);
    CHECK_EQ_INT(s.summary.type_count, 1);
    CHECK(pk_str_eq_c(s.summary.types[0].type, "service_down"));
    CHECK_EQ_U64(s.summary.audit_n, gw.agent.audit.head.n);
    CHECK(gateway_events(&gw, "not json\n") != NULL);
    pk_agent_summary(&gw.agent, &s);
    CHECK_EQ_INT(s.summary.loss_count, 1);
    CHECK_STR(s.summary.losses[0].reason, "bad_input");
}

PK_TEST(print__budget_and_prices__end_with_their_sums) {
    static char text[16384];
    struct pk_buf b;
    begin(NULL);
    pk_buf_init(&b, text, sizeof text);
    pk_agent_print_budget(&gw.agent, &b);
    pk_agent_print_rule_prices(&gw.agent, &b);
    CHECK(!b.is_cut);
    CHECK(strstr(text, "incidents ") != NULL);
    CHECK(strstr(text, "tables together ") != NULL);
    CHECK(strstr(text, "rule process_lost: at most ") != NULL);
    CHECK(strstr(text, "rules together at most ") != NULL);
}

PK_TEST_MAIN(tables__capacities_are_the_limits_and_names_are_unique, tables__use_and_drops_are_counted,
             summary__numbers_are_those_of_the_incidents, print__budget_and_prices__end_with_their_sums)
