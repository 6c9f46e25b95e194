#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static const struct pk_incident *process_lost(void) {
    return gateway_incident(&gw, "process_lost");
}

PK_TEST(silence__keeps_quiet_what_opens_under_it_and_announces_what_outlives_it) {
    begin(NULL);
    CHECK(says(1001, "silences.create",
               "{\"duration\":\"60s\",\"rule\":\"process_*\",\"reason\":\"moving cables\"}",
               "\"state\":\"active\""));
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK(!i->is_announced);
    CHECK_EQ_U64(i->silenced_by, 1);
    CHECK(says(1000, "incidents.list", "{}", "\"announced\":false"));
    CHECK(says(1000, "silences.list", "{}", "\"reason\":\"moving cables\""));
    wait_ms(60000);
    CHECK(i->is_announced);
    CHECK_EQ_U64(i->silenced_by, 0);
    CHECK(says(1000, "silences.list", "{}", "\"silences\":[]"));
    CHECK(gateway_log_has(&gw, "silence 1 is over"));
    check_sound();
}

PK_TEST(silence__never_hides_the_end_of_what_was_announced) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK(i->is_announced);
    CHECK(says(1001, "silences.create", "{\"duration\":\"1h\",\"component\":\"web\"}", "\"silence_id\":1"));
    wait_ms(100);
    CHECK_EQ_U64(i->silenced_by, 1);
    CHECK(i->is_announced);
    gateway_process(&gw, "web", true);
    wait_ms(700000);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    CHECK(i->is_announced);
    CHECK_EQ_INT(hub_model_find(&hub, i->id)->status, PK_INC_RESOLVED);
    check_sound();
}

PK_TEST(maintenance__scheduled_runs_no_action_and_survives_a_restart) {
    begin(NULL);
    CHECK(says(1001, "silences.create",
               "{\"kind\":\"maintenance\",\"start\":\"10s\",\"duration\":\"1h\",\"reason\":\"new disk\"}",
               "\"state\":\"scheduled\""));
    wait_ms(500);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    wait_ms(15000);
    CHECK(says(1000, "silences.list", "{}", "\"state\":\"active\""));
    CHECK(gateway_log_has(&gw, "maintenance 1 begins"));
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(5000);
    CHECK(!i->is_announced);
    for (uint32_t k = 0; k < i->action_count; k++) {
        CHECK(i->actions[k].state != PK_RUN_COMPLETED && i->actions[k].state != PK_RUN_EXECUTING);
    }
    CHECK(says(1001, "silences.end", "{\"silence_id\":1}", "\"state\":\"over\""));
    CHECK(says(1001, "silences.end", "{\"silence_id\":1}", "\"error\":\"not_found\""));
    wait_ms(500);
    CHECK(process_lost()->is_announced);
    check_sound();
}

/* A board whose clock begins at its floor at each start, and whose power goes every nine minutes. */
PK_TEST(silence__over_cuts_of_the_power_with_a_clock_that_stands__comes_to_an_end) {
    enum { CUTS = 8, APART_MS = 540000 };
    prepare(&(struct gateway_setup){.seed = 1, .config = "[gateway]\nsite = lab\ngateway = @\n"});
    REQUIRE(gateway_boot(&gw));
    wait_ms(5000);
    CHECK(says(0, "silences.create", "{\"duration\":\"10m\",\"component\":\"x\"}", "\"silence_id\":1"));
    wait_ms(480000);
    uint32_t held = 0;
    for (uint32_t k = 0; k < CUTS; k++) {
        gateway_power_cut(&gw);
        gw.sim.wall_offset_ms -= k == 0 ? 1800000 : APART_MS;
        gw.sim.is_wall_synced = false;
        wait_ms(1000);
        REQUIRE(gateway_boot(&gw));
        wait_ms(1000);
        held += pk_silences_get(&gw.agent.incidents.silences, 1) != NULL ? 1u : 0u;
        wait_ms(APART_MS - 1000);
    }
    CHECK_EQ_U64(held, 2);
    CHECK(pk_silences_get(&gw.agent.incidents.silences, 1) == NULL);
    check_sound();
}

PK_TEST(silence__bad_requests_change_nothing) {
    static const char *const BAD[] = {"{\"duration\":\"0s\",\"rule\":\"x\"}",
                                      "{\"duration\":\"31d\",\"rule\":\"x\"}",
                                      "{\"duration\":\"soon\",\"rule\":\"x\"}",
                                      "{\"duration\":\"1h\",\"rule\":\"x\",\"start\":\"tomorrow\"}",
                                      "{\"duration\":\"1h\",\"rule\":\"x\",\"start\":\"31d\"}",
                                      "{\"duration\":\"1h\",\"rule\":\"x\",\"severity\":\"odd\"}",
                                      "{\"duration\":\"1h\",\"rule\":\"x\",\"kind\":\"odd\"}"};
    begin(NULL);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK(says(1001, "silences.create", BAD[i], "\"error\":\"bad_field\""));
    }
    CHECK(says(1001, "silences.create", "{\"duration\":\"1h\"}", "\"error\":\"missing_field\""));
    CHECK(says(1001, "silences.create", "{\"rule\":\"x\"}", "\"error\":\"missing_field\""));
    CHECK(says(1000, "silences.create", "{\"duration\":\"1h\",\"rule\":\"x\"}", "\"error\":\"denied\""));
    CHECK(says(1001, "silences.end", "{\"silence_id\":99999999}", "\"error\":\"not_found\""));
    CHECK(says(1000, "silences.list", "{}", "\"silences\":[]"));
}

PK_TEST(card__false_positives_are_on_the_rules_card_also_after_a_restart) {
    char args[120];
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"status\":\"false_positive\"}", i->id);
    CHECK(says(1001, "incidents.update", args, "\"status\":\"false_positive\""));
    wait_ms(500);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    CHECK(says(1000, "rules.show", "{\"rule\":\"process_lost\"}",
               "\"card\":{\"opened\":1,\"resolved\":0,\"auto_resolved\":0,\"false_positive\":1}"));
}

PK_TEST_MAIN(silence__keeps_quiet_what_opens_under_it_and_announces_what_outlives_it,
             silence__never_hides_the_end_of_what_was_announced,
             maintenance__scheduled_runs_no_action_and_survives_a_restart,
             silence__over_cuts_of_the_power_with_a_clock_that_stands__comes_to_an_end,
             silence__bad_requests_change_nothing,
             card__false_positives_are_on_the_rules_card_also_after_a_restart)
