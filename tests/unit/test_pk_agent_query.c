#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

PK_TEST(ping__version_boot_time) {
    begin(NULL);
    const char *a = gateway_command(&gw, 1000, "ping", "{}");
    REQUIRE(a != NULL);
    CHECK(strstr(a, "\"version\":\"1.0.0\",\"boot\":1,\"time\":\"2026-09-21T14:13:") != NULL);
}

PK_TEST(status__says_who_how_and_how_well) {
    begin(NULL);
    REQUIRE(open_incident() != NULL);
    const char *a = gateway_command(&gw, 1000, "status", "{}");
    REQUIRE(a != NULL);
    static const char *const HAS[] = {"\"site\":\"lab\"",
                                      "\"gateway\":\"gw-1\"",
                                      "\"mode\":\"safe\"",
                                      "\"time_quality\":\"ntp\"",
                                      "\"seal\":[\"no_new_privs\",\"seccomp\",\"landlock\"]",
                                      "\"name\":\"central\"",
                                      "\"state\":\"online\"",
                                      "\"active\":1",
                                      "\"mttd\":{",
                                      "\"formula\":\"",
                                      "\"outbox\":0",
                                      "\"state\":\"ok\""};
    for (uint32_t i = 0; i < PK_COUNT_OF(HAS); i++) {
        if (strstr(a, HAS[i]) == NULL) {
            CHECK_STR(a, HAS[i]);
        }
    }
    CHECK(strstr(a, "\"name\":\"site\"") == NULL); /* that broker is not configured */
}

PK_TEST(incidents_list__filters_pages_and_refuses_what_it_does_not_know) {
    begin(NULL);
    for (uint32_t n = 0; n < 5; n++) {
        char lines[400];
        (void)snprintf(
            lines, sizeof lines,
            "{\"type\":\"deadlock\",\"source\":\"d-%u\"}\n{\"type\":\"cache_error\",\"source\":\"c-%u\"}\n",
            n, n);
        (void)gateway_events(&gw, lines);
    }
    wait_ms(100);
    CHECK(says(1000, "incidents.list", "{}", "\"more\":false"));
    CHECK(says(1000, "incidents.list", "{\"limit\":2}", "\"more\":true"));
    CHECK(says(1000, "incidents.list", "{\"limit\":2}", "inc_gw-1_1_00005"));
    CHECK(says(1000, "incidents.list", "{\"limit\":2,\"before\":\"inc_gw-1_1_00004\"}", "inc_gw-1_1_00003"));
    CHECK(says(1000, "incidents.list", "{\"severity\":\"critical\"}", "\"incidents\":[]"));
    CHECK(says(1000, "incidents.list", "{\"type\":\"deadlock_detected\"}", "Deadlock"));
    CHECK(says(1000, "incidents.list", "{\"type\":\"service_down\"}", "\"incidents\":[]"));
    CHECK(says(1000, "incidents.list", "{\"source\":\"d-3\"}", "inc_gw-1_1_00004"));
    CHECK(says(1000, "incidents.list", "{\"status\":\"closed\"}", "\"incidents\":[]"));
    CHECK(says(1000, "incidents.list", "{\"status\":\"active\"}", "inc_gw-1_1_00001"));
    CHECK(says(1000, "incidents.list", "{\"status\":\"odd\"}", "\"error\":\"bad_field\""));
    CHECK(says(1000, "incidents.list", "{\"severity\":\"odd\"}", "\"error\":\"bad_field\""));
    CHECK(says(1000, "incidents.list", "{\"before\":\"odd\"}", "\"error\":\"bad_field\""));
}

PK_TEST(incidents_get__by_either_id_with_timeline) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    char args[120];
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"timeline\":true}", i->id);
    CHECK(says(1000, "incidents.get", args, "\"rule_id\":\"process_lost\""));
    CHECK(says(1000, "incidents.get", args, "\"event\":\"created\""));
    CHECK(says(1000, "incidents.get", args, "\"affected_systems\":[\"web\"]"));
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"inc_%05u\"}", i->number);
    CHECK(says(1000, "incidents.get", args, "\"rule_id\":\"process_lost\""));
    const char *a = gateway_command(&gw, 1000, "incidents.get", args);
    CHECK(a != NULL && strstr(a, "\"timeline\"") == NULL);
    CHECK(says(1000, "incidents.get", "{\"incident_id\":\"inc_99999\"}", "\"error\":\"not_found\""));
    CHECK(says(1000, "incidents.get", "{\"incident_id\":\"what\"}", "\"error\":\"bad_field\""));
}

PK_TEST(events_list__globs_severity_limit) {
    begin(NULL);
    (void)gateway_events(
        &gw, "{\"type\":\"door\",\"source\":\"gate-1\",\"severity\":\"low\",\"message\":\"opened\"}\n"
             "{\"type\":\"door\",\"source\":\"gate-2\",\"severity\":\"high\"}\n");
    wait_ms(10);
    CHECK(says(1000, "events.list", "{\"type\":\"door\"}", "\"message\":\"opened\""));
    CHECK(says(1000, "events.list", "{\"source\":\"gate-*\",\"limit\":1}", "\"more\":true"));
    CHECK(says(1000, "events.list", "{\"source\":\"gate-*\",\"severity\":\"high\"}", "gate-2"));
    const char *a = gateway_command(&gw, 1000, "events.list", "{\"severity\":\"high\",\"type\":\"door\"}");
    CHECK(a != NULL && strstr(a, "gate-1") == NULL);
    CHECK(says(1000, "events.list", "{\"source\":\"nobody\"}", "\"events\":[]"));
    CHECK(says(1000, "events.list", "{\"severity\":\"odd\"}", "\"error\":\"bad_field\""));
}

PK_TEST(rules__list_and_show) {
    begin(NULL);
    REQUIRE(open_incident() != NULL);
    CHECK(says(1000, "rules.list", "{}", "\"rule_id\":\"process_lost\""));
    CHECK(says(1000, "rules.list", "{\"cost\":true}", "\"bytes_max\":"));
    CHECK(says(1000, "rules.show", "{\"rule\":\"process_lost\"}", "\"state\":\"firing\""));
    CHECK(says(1000, "rules.show", "{\"rule\":\"service_down_detection\"}",
               "\"rule_id\":\"service_down\"")); /* alias */
    CHECK(says(1000, "rules.show", "{\"rule\":\"process_lost\"}", "group web: firing"));
    CHECK(says(1000, "rules.show", "{\"rule\":\"odd\"}", "\"error\":\"not_found\""));
}

PK_TEST(actions_and_approvals__are_listed) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK(says(1000, "actions.list", "{}",
               "{\"action\":\"restart_service\",\"about\":\"Restarts\",\"risk\":\"low\""));
    CHECK(says(1000, "actions.list", "{}", "\"targets\":[\"web\",\"db\",\"core\"]"));
    CHECK(says(1000, "approval.list", "{}", "\"approvals\":[]"));
    gateway_site_run(&site, 15000); /* the restart runs into its verification */
    char args[160];
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"action\":\"wipe\",\"target\":\"web\"}",
                   i->id);
    CHECK(says(1001, "mitigate", args, "\"state\":\"awaiting_approval\""));
    CHECK(says(1000, "approval.list", "{}",
               "\"action\":\"wipe\",\"target\":\"web\",\"risk\":\"high\",\"risk_factors\":"));
}

PK_TEST(memory_audit_and_dump) {
    static char text[PK_SIM_FILE_BYTES];
    begin(NULL);
    wait_ms(1000);
    CHECK(says(1000, "memory", "{}", "\"table\":\"incidents\",\"capacity\":"));
    const char *a = gateway_command(&gw, 1000, "audit.head", "{}");
    REQUIRE(a != NULL);
    char want[80];
    (void)snprintf(want, sizeof want, "\"n\":%llu,\"head\":\"", (unsigned long long)gw.agent.audit.head.n);
    CHECK(strstr(a, want) != NULL);
    CHECK(says(1000, "dump-state", "{}", "\"error\":\"denied\""));
    CHECK(says(0, "dump-state", "{}", "\"directory\":\"/var/lib/picket\""));
    CHECK(gw.port.files.read(gw.port.files.ctx, "/var/lib/picket/dump.json", text, sizeof text) > 100);
}

PK_TEST(answer_too_large__is_an_error_not_half_an_answer) {
    begin(NULL);
    static char longer[4000];
    memset(longer, 'm', 250);
    for (uint32_t i = 0; i < 200; i++) {
        char line[500];
        (void)snprintf(line, sizeof line, "{\"type\":\"t\",\"source\":\"s\",\"message\":\"%.240s\"}\n",
                       longer);
        (void)gateway_events(&gw, line);
    }
    /* Rows are left out before the reply overflows, and it says so. */
    const char *a = gateway_command(&gw, 1000, "events.list", "{\"limit\":1000}");
    REQUIRE(a != NULL);
    CHECK(strlen(a) < PK_LIMIT_REPLY_BYTES);
    CHECK(strstr(a, "\"more\":true") != NULL);
}

PK_TEST(rules_show__says_whether_the_source_sends) {
    begin(NULL);
    CHECK(says(1000, "rules.show", "{\"rule\":\"queue_backlog\"}",
               "source: no event it looks at was heard since the start"));
    CHECK(says(0, "rules.disable", "{\"rules\":\"queue_backlog\"}", "\"enabled\":false"));
    CHECK(says(1000, "rules.show", "{\"rule\":\"queue_backlog\"}", "not looked at: the rule is disabled"));
    CHECK(says(0, "rules.enable", "{\"rules\":\"queue_backlog\"}", "\"enabled\":true"));
    (void)gateway_events(&gw, "{\"type\":\"queue_depth\",\"source\":\"q\",\"value\":5}\n");
    wait_ms(2000);
    CHECK(says(1000, "rules.show", "{\"rule\":\"queue_backlog\"}", "source: last event at 2026-09-21T14:"));
    wait_ms(660000);
    CHECK(says(1000, "rules.show", "{\"rule\":\"queue_backlog\"}",
               "source: has been silent since 2026-09-21T14:"));
    CHECK(says(1000, "rules.show", "{\"rule\":\"queue_backlog\"}", ", 11m "));
}

PK_TEST_MAIN(ping__version_boot_time, status__says_who_how_and_how_well,
             incidents_list__filters_pages_and_refuses_what_it_does_not_know,
             incidents_get__by_either_id_with_timeline, events_list__globs_severity_limit,
             rules__list_and_show, actions_and_approvals__are_listed, memory_audit_and_dump,
             answer_too_large__is_an_error_not_half_an_answer, rules_show__says_whether_the_source_sends)
