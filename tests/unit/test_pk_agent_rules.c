#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static bool made(const char *args) {
    return says(0, "rules.create", args, "\"origin\":\"stored\"");
}

PK_TEST(create__a_rule_of_fields_or_text__fires_and_outlives_a_crash) {
    begin(NULL);
    CHECK(made("{\"id\":\"knocks\",\"type\":\"custom\",\"on\":\"type = "
               "knock\",\"severity\":\"high\",\"threshold\":\"2\",\"time_window\":\"60\"}"));
    CHECK(made("{\"text\":\"# mine\\n[rule deep]\\non = type = level\\nwhen = value > 4\\ntype = "
               "custom\\nseverity = low\\n\"}"));
    CHECK(says(0, "rules.list", "{\"after\":\"knocks\"}", "\"rule_id\":\"deep\""));
    wait_ms(100);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    (void)gateway_events(&gw, "{\"type\":\"knock\",\"source\":\"d\"}\n{\"type\":\"knock\",\"source\":\"d\"}"
                              "\n{\"type\":\"level\",\"source\":\"t\",\"value\":5}\n");
    wait_ms(100);
    CHECK(gateway_incident(&gw, "knocks") != NULL);
    CHECK(gateway_incident(&gw, "deep") != NULL);
    CHECK(says(0, "rules.show", "{\"rule\":\"deep\"}", "\"text\":\"[rule deep]"));
}

PK_TEST(update__a_copy_covers_the_shipped_rule__delete_brings_it_back) {
    begin(NULL);
    CHECK(says(0, "rules.update", "{\"rule\":\"cpu_high\",\"threshold\":\"50\"}", "\"origin\":\"stored\""));
    CHECK(says(0, "rules.show", "{\"rule\":\"cpu_high\"}", "value > 50"));
    CHECK(says(0, "rules.disable", "{\"rules\":\"cpu_high\"}", "\"enabled\":false"));
    wait_ms(100);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    CHECK(says(0, "rules.show", "{\"rule\":\"cpu_high\"}", "value > 50"));
    CHECK(says(0, "rules.show", "{\"rule\":\"cpu_high\"}", "\"state\":\"disabled\""));
    CHECK(says(0, "rules.delete", "{\"rule\":\"cpu_high\"}",
               "\"origin\":\"shipped\",\"switched\":false,\"enabled\":true"));
    wait_ms(100);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    const char *a = gateway_command(&gw, 0, "rules.show", "{\"rule\":\"cpu_high\"}");
    CHECK(a != NULL && strstr(a, "value > 50") == NULL);
    CHECK(says(0, "rules.show", "{\"rule\":\"cpu_high\"}", "\"enabled\":true"));
}

PK_TEST(switch__all_named_rules_or_none) {
    begin(NULL);
    CHECK(
        says(0, "rules.disable", "{\"rules\":\"cpu_high, swap_high nothing\"}", "there is no rule nothing"));
    CHECK(says(0, "rules.show", "{\"rule\":\"cpu_high\"}", "\"enabled\":true"));
    CHECK(says(0, "rules.disable", "{\"rules\":\" ,\"}", "no rule is named"));
    CHECK(says(0, "rules.disable", "{\"rules\":\"cpu_high, error_burst_detection\"}",
               "\"rule_id\":\"error_burst\""));
    CHECK(says(0, "rules.list", "{\"enabled\":true}", "swap_high"));
    const char *a = gateway_command(&gw, 0, "rules.list", "{\"enabled\":true}");
    CHECK(a != NULL && strstr(a, "\"rule_id\":\"cpu_high\"") == NULL);
    CHECK(says(0, "rules.enable", "{\"rules\":\"cpu_high error_burst\"}", "\"enabled\":true"));
}

PK_TEST(disable__an_open_incident__is_told_and_found_again) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    char args[100];
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"timeline\":true}", i->id);
    CHECK(says(0, "rules.disable", "{\"rules\":\"process_lost\"}", "\"enabled\":false"));
    CHECK(says(0, "incidents.get", args, "its rule is disabled: a person has to end it"));
    gateway_process(&gw, "web", true);
    wait_ms(600000);
    i = gateway_incident(&gw, "process_lost");
    REQUIRE(i != NULL);
    CHECK(pk_incident_status_is_active(i->status));
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    CHECK(says(0, "incidents.get", args, "Picket restarted; its rule is disabled: a person has to end it"));
    const char *told = gateway_command(&gw, 0, "incidents.get", args);
    CHECK(told != NULL && strstr(told, "waiting for the rule") == NULL);
    CHECK(says(0, "rules.enable", "{\"rules\":\"process_lost\"}", "\"enabled\":true"));
    wait_ms(600000);
    i = gateway_incident(&gw, "process_lost");
    REQUIRE(i != NULL);
    CHECK(!pk_incident_status_is_active(i->status));
}

PK_TEST(roles__only_an_admin_changes_rules) {
    begin(NULL);
    CHECK(says(1002, "rules.create", "{\"id\":\"a\",\"type\":\"custom\",\"severity\":\"low\"}",
               "\"error\":\"denied\""));
    CHECK(says(1002, "rules.update", "{\"rule\":\"cpu_high\",\"severity\":\"low\"}", "\"error\":\"denied\""));
    CHECK(says(1002, "rules.disable", "{\"rules\":\"cpu_high\"}", "\"error\":\"denied\""));
    CHECK(says(1002, "rules.enable", "{\"rules\":\"cpu_high\"}", "\"error\":\"denied\""));
    CHECK(says(1002, "rules.delete", "{\"rule\":\"cpu_high\"}", "\"error\":\"denied\""));
}

PK_TEST(bad__is_told_and_changes_nothing) {
    static const struct {
        const char *cmd, *args, *want;
    } CASES[] = {
        {"rules.create",
         "{\"text\":\"[rule a]\\non = any\\nwhen = cuont >= 3 in 5m\\n\",\"file\":\"f.rules\"}",
         "f.rules:3:8: 'cuont'"},
        {"rules.create", "{\"text\":\"[rule a]\\n\",\"id\":\"a\"}", "not both"},
        {"rules.create", "{\"type\":\"custom\"}", "id is missing"},
        {"rules.create", "{\"id\":\"a\",\"type\":\"custom\",\"severity\":\"low\",\"name\":\"a # b\"}",
         "would begin a comment"},
        {"rules.create", "{\"id\":\"cpu_high\",\"type\":\"custom\",\"severity\":\"low\"}",
         "there is such a rule"},
        {"rules.update", "{\"rule\":\"none\",\"threshold\":\"3\"}", "there is no such rule"},
        {"rules.update", "{\"rule\":\"none\",\"text\":\"[rule none]\\n\"}", "rules create makes it"},
        {"rules.update", "{\"rule\":\"a\",\"text\":\"[rule b]\\n\"}", "of another rule"},
        {"rules.update", "{\"rule\":\"cpu_high\"}", "nothing to change"},
        {"rules.update", "{\"rule\":\"cpu_high\",\"threshold\":\"x\"}", "threshold is a number"},
        {"rules.delete", "{\"rule\":\"cpu_high\"}", "only rules made at run time"},
        {"rules.delete", "{\"rule\":\"none\"}", "there is no such rule"},
        {"rules.list", "{\"after\":\"none\"}", "after is not a rule"},
    };
    begin(NULL);
    const uint64_t hash = gw.agent.engine.rules.hash;
    for (size_t i = 0; i < PK_COUNT_OF(CASES); i++) {
        if (!says(0, CASES[i].cmd, CASES[i].args, CASES[i].want)) {
            CHECK_STR(CASES[i].args, CASES[i].want);
        }
    }
    CHECK_EQ_U64(gw.agent.engine.rules.hash, hash);
    CHECK_EQ_U64(gw.agent.engine.rules.switch_count, 0);
}

PK_TEST(list__in_pages) {
    begin(NULL);
    CHECK(says(0, "rules.list", "{\"limit\":2}", "\"more\":true"));
    CHECK(says(0, "rules.list", "{\"limit\":500}", "\"more\":false"));
    CHECK(says(0, "rules.list", "{\"limit\":1,\"after\":\"error_burst\"}",
               "\"rule_id\":\"error_rate_sustained\""));
}

PK_TEST_MAIN(create__a_rule_of_fields_or_text__fires_and_outlives_a_crash,
             update__a_copy_covers_the_shipped_rule__delete_brings_it_back, switch__all_named_rules_or_none,
             disable__an_open_incident__is_told_and_found_again, roles__only_an_admin_changes_rules,
             bad__is_told_and_changes_nothing, list__in_pages)
