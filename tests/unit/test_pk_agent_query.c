#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

PK_TEST(query__every_reading_command__answers_a_viewer) {
    static const char *const COMMANDS[] = {"ping",   "status",     "incidents.list", "events.list",
                                           "memory", "rules.list", "actions.list",   "approval.list",
                                           "doctor", "audit.head"};
    begin(NULL);
    CHECK(open_incident() != NULL);
    for (size_t i = 0; i < PK_COUNT_OF(COMMANDS); i++) {
        CHECK(says(1000, COMMANDS[i], "{}", "\"ok\":true"));
    }
    check_sound();
}

PK_TEST(status__links_store_and_counts) {
    begin(NULL);
    CHECK(open_incident() != NULL);
    CHECK(says(1000, "status", "{}", "\"name\":\"central\""));
    CHECK(says(1000, "status", "{}", "\"state\":\"online\""));
    CHECK(says(1000, "status", "{}", "\"active\":1"));
    CHECK(says(1000, "status", "{}", "\"mode\":\"safe\""));
    CHECK(says(1000, "status", "{}", "\"formula\":\"mean(detected - first contributing event)\""));
}

PK_TEST(incidents__filters_and_bad_words) {
    begin(NULL);
    CHECK(open_incident() != NULL);
    CHECK(says(1000, "incidents.list", "{\"status\":\"active\",\"severity\":\"high\"}", "Service down"));
    CHECK(says(1000, "incidents.list", "{\"status\":\"resolved\"}", "\"incidents\":[]"));
    CHECK(says(1000, "incidents.list", "{\"type\":\"cpu_high\"}", "\"incidents\":[]"));
    CHECK(says(1000, "incidents.list", "{\"source\":\"web\"}", "\"component\":\"web\""));
    CHECK(says(1000, "incidents.list", "{\"limit\":0}", "\"more\":true"));
    CHECK(says(1000, "incidents.list", "{\"status\":\"sleepy\"}", "\"error\":\"bad_field\""));
    CHECK(says(1000, "incidents.list", "{\"severity\":\"loud\"}", "\"error\":\"bad_field\""));
    CHECK(says(1000, "incidents.list", "{\"before\":\"x\"}", "\"error\":\"bad_field\""));
}

PK_TEST(incidents_get__by_long_and_short_id_with_timeline) {
    char args[160];
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"timeline\":true}", i->id);
    CHECK(says(1000, "incidents.get", args, "\"event\":\"created\""));
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"inc_%05u\"}", (unsigned)i->number);
    CHECK(says(1000, "incidents.get", args, i->id));
    CHECK(says(1000, "incidents.get", "{\"incident_id\":\"inc_99999\"}", "\"error\":\"not_found\""));
    CHECK(says(1000, "incidents.get", "{\"incident_id\":\"what\"}", "\"error\":\"bad_field\""));
}

PK_TEST(events__newest_first_and_filtered) {
    begin(NULL);
    CHECK(gateway_events(
              &gw, "{\"type\":\"api_error\",\"source\":\"api\",\"severity\":\"high\",\"message\":\"m1\"}\n"
                   "{\"type\":\"slow_request\",\"source\":\"api\",\"message\":\"m2\"}\n") != NULL);
    CHECK(says(1000, "events.list", "{\"type\":\"api_*\"}", "m1"));
    const char *answer = gateway_command(&gw, 1000, "events.list", "{\"severity\":\"high\"}");
    REQUIRE(answer != NULL);
    CHECK(strstr(answer, "m1") != NULL && strstr(answer, "m2") == NULL);
    answer = gateway_command(&gw, 1000, "events.list", "{\"source\":\"api\",\"limit\":1}");
    REQUIRE(answer != NULL);
    CHECK(strstr(answer, "m2") != NULL && strstr(answer, "m1") == NULL &&
          strstr(answer, "\"more\":true") != NULL);
}

PK_TEST(rules__show_explains_and_cost_is_priced) {
    begin(NULL);
    CHECK(says(1000, "rules.list", "{\"cost\":true}", "\"bytes_max\":"));
    CHECK(says(1000, "rules.show", "{\"rule\":\"process_lost\"}", "\"explain\":"));
    CHECK(says(1000, "rules.show", "{\"rule\":\"nothing_like_it\"}", "\"error\":\"not_found\""));
}

PK_TEST(audit_head__advances_with_what_happens) {
    begin(NULL);
    const uint64_t before = gw.agent.audit.head.n;
    CHECK(open_incident() != NULL);
    CHECK(gw.agent.audit.head.n > before);
    char text[48];
    (void)snprintf(text, sizeof text, "\"n\":%u", (unsigned)gw.agent.audit.head.n);
    CHECK(says(1000, "audit.head", "{}", text));
}

PK_TEST(roles__strangers_are_refused_and_admin_commands_need_an_admin) {
    begin(NULL);
    CHECK(says(4711, "status", "{}", "\"error\":\"denied\""));
    CHECK(says(1000, "dump-state", "{}", "\"error\":\"denied\""));
    CHECK(says(0, "dump-state", "{}", "\"ok\":true"));
    CHECK(says(1000, "status", "{\"extra\":1}", "\"error\":\"unknown_field\""));
    CHECK(says(1000, "stauts", "{}", "\"error\":\"unknown_command\""));
}

PK_TEST_MAIN(query__every_reading_command__answers_a_viewer, status__links_store_and_counts,
             incidents__filters_and_bad_words, incidents_get__by_long_and_short_id_with_timeline,
             events__newest_first_and_filtered, rules__show_explains_and_cost_is_priced,
             audit_head__advances_with_what_happens,
             roles__strangers_are_refused_and_admin_commands_need_an_admin)
