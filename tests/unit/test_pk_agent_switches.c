#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static bool was_run(const struct pk_incident *i, const char *action) {
    for (uint32_t k = 0; k < i->action_count; k++) {
        if (strcmp(i->actions[k].action, action) == 0 && i->actions[k].state != PK_RUN_REFUSED) {
            return true;
        }
    }
    return false;
}

PK_TEST(auto_remediation__off_only_recommends_and_a_person_still_may) {
    begin(NULL);
    CHECK(says(1001, "switches.set", "{\"switch\":\"auto_remediation_enabled\",\"on\":\"off\"}",
               "\"error\":\"denied\""));
    CHECK(says(0, "switches.set",
               "{\"switch\":\"auto_remediation_enabled\",\"on\":\"off\",\"reason\":\"rewiring\"}",
               "\"on\":false"));
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK(i->recommended_count > 0);
    CHECK_EQ_U64(i->action_count, 0);
    char args[160];
    snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"timeline\":true}", i->id);
    CHECK(says(1000, "incidents.get", args,
               "only recommended; auto_remediation_enabled is off: uid:0: rewiring"));
    CHECK(says(1000, "status", "{}", "\"auto_remediation_enabled\":false"));
    CHECK(says(1000, "status", "{}", "auto_remediation_enabled is off: uid:0: rewiring"));
    snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"action\":\"%s\"}", i->id, i->recommended[0]);
    CHECK(says(0, "mitigate", args, "\"ok\":true"));
    wait_ms(3000);
    CHECK(was_run(i, i->recommended[0]));
    check_sound();
}

/* ADR 0079: calling somebody is no remediation. */
PK_TEST(auto_remediation__off__a_rule_still_calls) {
    static const char RULES[] = "[rule lost]\non = type = process_up\nwhen = value < 1\ntype = service_down\n"
                                "severity = high\nclear = value >= 1 for 3s\n"
                                "actions = restart_service, escalate, notify_team\n";
    char args[160];
    begin(&(struct gateway_setup){.seed = 1, .rules = RULES});
    CHECK(
        says(0, "switches.set", "{\"switch\":\"auto_remediation_enabled\",\"on\":\"off\"}", "\"on\":false"));
    gateway_process(&gw, "web", false);
    wait_ms(8000);
    const struct pk_incident *i = gateway_incident(&gw, "lost");
    REQUIRE(i != NULL);
    CHECK_EQ_U64(i->recommended_count, 3);
    CHECK(!was_run(i, "restart_service"));
    CHECK(was_run(i, "escalate"));
    CHECK(was_run(i, "notify_team"));
    CHECK_EQ_INT(i->escalation_tier, 1);
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"timeline\":true}", i->id);
    CHECK(says(1000, "incidents.get", args, "only recommended; auto_remediation_enabled is off"));
    check_sound();
}

PK_TEST(switches__a_damaged_record__is_off_and_said) {
    begin(NULL);
    const char key[] = {'w', PK_SWITCH_AUTO_ROLLBACK};
    CHECK_EQ_INT(pk_agent_switch_restore(&gw.agent, pk_str_make(key, 2), pk_str_of("rubbish")), PK_E_CORRUPT);
    pk_agent_switches_apply(&gw.agent);
    CHECK(!gw.agent.respond.settings.is_auto_rollback);
    wait_ms(100);
    CHECK(gateway_log_has(&gw, "the record of a switch is damaged, so it is off until somebody says so"));
    CHECK(says(1000, "status", "{}", "auto_rollback is off: store: record damaged"));
    CHECK(says(0, "switches.set", "{\"switch\":\"auto_rollback\",\"on\":\"on\"}", "\"on\":true"));
    CHECK(gw.agent.respond.settings.is_auto_rollback);
    check_sound();
}

PK_TEST(switches__hold_over_a_crash_until_somebody_switches_on) {
    begin(NULL);
    CHECK(says(0, "switches.set",
               "{\"switch\":\"notifications_enabled\",\"on\":\"OFF\",\"reason\":\"tests\"}",
               "\"by\":\"uid:0\""));
    CHECK(says(0, "switches.set", "{\"switch\":\"auto_rollback\",\"on\":\"off\"}", "\"on\":false"));
    CHECK(!gw.agent.respond.settings.is_auto_rollback);
    wait_ms(2000);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    CHECK(says(1000, "switches.list", "{}", "\"reason\":\"tests\""));
    CHECK(!gw.agent.respond.settings.is_auto_rollback);
    CHECK(gw.agent.incidents.is_quiet);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(5000);
    CHECK(!i->is_announced);
    char args[160];
    snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"timeline\":true}", i->id);
    CHECK(says(1000, "incidents.get", args, "not announced: notifications_enabled is off"));
    CHECK(hub_model_find(&hub, i->id) != NULL); /* on record all the same */
    CHECK(says(0, "switches.set", "{\"switch\":\"notifications_enabled\",\"on\":\"on\"}", "\"by\":null"));
    wait_ms(1000);
    CHECK(i->is_announced);
    CHECK(says(0, "switches.set", "{\"switch\":\"auto_rollback\",\"on\":\"on\"}", "\"on\":true"));
    wait_ms(2000);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    CHECK(gw.agent.respond.settings.is_auto_rollback && !gw.agent.incidents.is_quiet);
    check_sound();
}

PK_TEST(switches__the_file_is_the_ceiling) {
    static const char FILE_SAYS[] = "[agent]\nauto_remediation_enabled = no\nnotifications_enabled = no\n";
    begin(NULL);
    (void)pk_sim_file_set(&gw.sim, "/etc/picket/conf.d/10-more.conf", FILE_SAYS, (uint32_t)strlen(FILE_SAYS));
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(500);
    CHECK(says(0, "switches.set", "{\"switch\":\"auto_remediation_enabled\",\"on\":\"on\"}",
               "\"error\":\"refused\""));
    CHECK(says(0, "switches.set", "{\"switch\":\"auto_remediation_enabled\",\"on\":\"on\"}",
               "the local file says no"));
    CHECK(says(1000, "status", "{}", "notifications_enabled is off: the local file says no"));
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK(!i->is_announced);
    CHECK_EQ_U64(i->action_count, 0);
    check_sound();
}

PK_TEST(switches__bad_arguments_change_nothing) {
    begin(NULL);
    CHECK(says(0, "switches.set", "{\"switch\":\"autopilot\",\"on\":\"off\"}", "\"error\":\"bad_field\""));
    CHECK(says(0, "switches.set", "{\"switch\":\"auto_rollback\",\"on\":\"maybe\"}",
               "\"error\":\"bad_field\""));
    CHECK(says(0, "switches.set", "{\"switch\":\"auto_rollback\"}", "\"error\":\"missing_field\""));
    CHECK(pk_agent_switch_is_on(&gw.agent, PK_SWITCH_AUTO_ROLLBACK));
    CHECK(says(1000, "status", "{}", "\"switched_off\":[]"));
    check_sound();
}

PK_TEST_MAIN(auto_remediation__off_only_recommends_and_a_person_still_may,
             auto_remediation__off__a_rule_still_calls, switches__a_damaged_record__is_off_and_said,
             switches__hold_over_a_crash_until_somebody_switches_on, switches__the_file_is_the_ceiling,
             switches__bad_arguments_change_nothing)
