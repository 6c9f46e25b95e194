#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static char args_text[400];

/* {"incident_id":ID REST} */
static const char *about(const struct pk_incident *i, const char *rest) {
    (void)snprintf(args_text, sizeof args_text, "{\"incident_id\":\"%s\"%s}", i->id, rest);
    return args_text;
}

PK_TEST(incident__ack_note_assign_resolve_close__each_reaches_hub_and_log) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK(says(1001, "incidents.ack", about(i, ",\"note\":\"on it\""), "\"acked\":true"));
    CHECK(says(1001, "incidents.note", about(i, ",\"note\":\"still there\""), "\"ok\":true"));
    CHECK(says(1001, "incidents.assign", about(i, ",\"user\":\"ada\""), "\"ok\":true"));
    CHECK_STR(i->assigned_to, "ada");
    CHECK(says(1001, "incidents.assign", about(i, ""), "\"ok\":true"));
    CHECK_STR(i->assigned_to, "");
    CHECK(says(1001, "incidents.close", about(i, ""), "\"error\":\"conflict\"")); /* only from resolved */
    CHECK(says(1001, "incidents.resolve", about(i, ""), "\"status\":\"resolved\""));
    CHECK(says(1001, "incidents.close", about(i, ""), "\"status\":\"closed\""));
    CHECK(says(1001, "incidents.resolve", about(i, ""), "\"error\":\"conflict\""));
    wait_ms(500);
    CHECK_EQ_INT(hub_model_find(&hub, i->id)->status, PK_INC_CLOSED);
    CHECK(says(1000, "incidents.get", about(i, ",\"timeline\":true"), "on it"));
    CHECK(says(1000, "incidents.get", about(i, ",\"timeline\":true"), "still there"));
    check_sound();
}

PK_TEST(incident__update__words_and_aliases_or_refused) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK(says(1001, "incidents.update", about(i, ",\"status\":\"investigating\""),
               "\"status\":\"investigating\""));
    CHECK(says(1001, "incidents.update", about(i, ",\"severity\":\"odd\""), "\"error\":\"bad_field\""));
    CHECK(says(1001, "incidents.update", about(i, ",\"severity\":\"low\",\"status\":\"closed\""),
               "\"error\":\"conflict\"")); /* all or nothing */
    CHECK_EQ_INT(i->severity, PK_SEV_CRITICAL);
    CHECK(says(1001, "incidents.update", about(i, ",\"severity\":\"low\""), "\"severity\":\"low\""));
    CHECK(says(1001, "incidents.update", about(i, ",\"status\":\"acknowledged\""), "\"acked\":true"));
    CHECK_STR(i->acked_by[0] != '\0' ? "somebody" : "nobody", "somebody");
    CHECK(says(1001, "incidents.update", about(i, ",\"stage\":\"contain\""), "\"error\":\"missing_field\""));
    CHECK(says(1001, "incidents.update", about(i, ",\"status\":\"odd\""), "\"error\":\"bad_field\""));
    CHECK(says(1001, "incidents.update", about(i, ",\"status\":\"mitigating\",\"stage\":\"odd\""),
               "\"error\":\"bad_field\""));
    CHECK(says(1001, "incidents.update", about(i, ",\"status\":\"false_positive\""),
               "\"status\":\"false_positive\""));
    CHECK(says(1001, "incidents.ack", "{\"incident_id\":\"inc_77777\"}", "\"error\":\"not_found\""));
    CHECK(says(1001, "incidents.ack", "{\"incident_id\":\"x\"}", "\"error\":\"bad_field\""));
    CHECK(says(1000, "incidents.ack", about(i, ""), "\"error\":\"denied\""));
}

PK_TEST(incident__ack_with_an_end__runs_out) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK(says(1001, "incidents.ack", about(i, ",\"expires\":\"soon\""), "\"error\":\"bad_field\""));
    CHECK(says(1001, "incidents.ack", about(i, ",\"expires\":\"31d\""), "\"error\":\"bad_field\""));
    CHECK(says(1001, "incidents.ack", about(i, ",\"expires\":\"20s\""), "\"acked\":true"));
    CHECK(says(1000, "incidents.list", "{\"status\":\"acknowledged\"}", i->id));
    wait_ms(21000);
    CHECK(!i->is_acked);
    CHECK(says(1000, "incidents.list", "{\"status\":\"acknowledged\"}", "\"incidents\":[]"));
    check_sound();
}

PK_TEST(incidents_create__by_hand__each_is_its_own_and_survives_a_restart) {
    begin(NULL);
    CHECK(says(1001, "incidents.create", "{}", "\"error\":\"missing_field\""));
    CHECK(says(1001, "incidents.create", "{\"type\":\"a b\"}", "\"error\":\"bad_field\""));
    CHECK(says(1001, "incidents.create", "{\"type\":\"custom\",\"severity\":\"odd\"}",
               "\"error\":\"bad_field\""));
    CHECK(says(1001, "incidents.create", "{\"type\":\"custom\",\"components\":\"a,,b\"}",
               "\"error\":\"bad_field\""));
    CHECK(says(1001, "incidents.create", "{\"type\":\"custom\",\"components\":\"1,2,3,4,5,6,7,8,9\"}",
               "\"error\":\"bad_field\""));
    CHECK(says(1000, "incidents.create", "{\"type\":\"custom\"}", "\"error\":\"denied\""));
    CHECK_EQ_U64(gw.agent.incidents.open_count, 0);
    CHECK(says(1001, "incidents.create",
               "{\"type\":\"service_down\",\"title\":\"Pump stands\",\"description\":\"seen by eye\","
               "\"components\":\"pump, valve\"}",
               "\"severity\":\"critical\""));
    CHECK(says(1001, "incidents.create", "{\"type\":\"own_kind\",\"severity\":\"P3\"}",
               "\"severity\":\"low\""));
    CHECK_EQ_U64(gw.agent.incidents.open_count, 2);
    wait_ms(500);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    wait_ms(5000);
    CHECK_EQ_U64(gw.agent.incidents.open_count, 2);
    CHECK(says(1000, "incidents.get", "{\"incident_id\":\"inc_1\"}", "[critical] Pump stands"));
    CHECK(says(1000, "incidents.get", "{\"incident_id\":\"inc_1\"}",
               "\"affected_components\":[\"pump\",\"valve\"]"));
    CHECK(says(1001, "incidents.resolve", "{\"incident_id\":\"inc_1\"}", "\"status\":\"resolved\""));
    check_sound();
}

/* swarm:mixed:13 of the simulation. */
PK_TEST(incident__closing_an_old_one__leaves_the_rule_of_its_successor_alone) {
    begin(NULL);
    (void)pk_sim_sample_set(&gw.sim, PK_COLLECT_DISK, "disk_pct", "root", 93.0, PK_OK);
    wait_ms(35000);
    const struct pk_incident *old = gateway_incident(&gw, "disk_space_low");
    REQUIRE(old != NULL);
    char id[PK_INC_ID_BYTES];
    memcpy(id, old->id, sizeof id);
    (void)pk_sim_sample_set(&gw.sim, PK_COLLECT_DISK, "disk_pct", "root", 40.0, PK_OK);
    wait_ms(1200000); /* resolved, and long enough ago that the next firing is another incident */
    CHECK_EQ_INT(old->status, PK_INC_RESOLVED);
    (void)pk_sim_sample_set(&gw.sim, PK_COLLECT_DISK, "disk_pct", "root", 93.0, PK_OK);
    wait_ms(35000);
    const struct pk_incident *young = gateway_incident(&gw, "disk_space_low");
    REQUIRE(young != NULL && strcmp(young->id, id) != 0);
    (void)snprintf(args_text, sizeof args_text, "{\"incident_id\":\"%s\"}", id);
    CHECK(says(1001, "incidents.close", args_text, "\"status\":\"closed\""));
    (void)pk_sim_sample_set(&gw.sim, PK_COLLECT_DISK, "disk_pct", "root", 40.0, PK_OK);
    wait_ms(200000);
    CHECK_EQ_INT(young->status, PK_INC_RESOLVED);
}

PK_TEST(incident__ended_by_a_person_while_it_lasts__fires_anew_later) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    const uint32_t number = i->number;
    CHECK(says(1001, "incidents.update", about(i, ",\"status\":\"false_positive\""), "\"ok\":true"));
    wait_ms(60000);
    i = gateway_incident(&gw, "process_lost");
    REQUIRE(i != NULL);
    CHECK(i->number > number);
    CHECK(pk_incident_status_is_active(i->status));
}

PK_TEST(events_send__good_and_bad) {
    begin(NULL);
    CHECK(says(1001, "events.send", "{\"event\":{\"type\":\"deadlock\",\"source\":\"d\"}}", "\"id\":\"1-"));
    wait_ms(100);
    CHECK(gateway_incident(&gw, "deadlock_detected") != NULL);
    CHECK(says(1001, "events.send", "{\"event\":{\"type\":\"a b\",\"source\":\"d\"}}", "type"));
    CHECK(says(1001, "events.send", "{\"event\":{}}", "\"ok\":false"));
    CHECK(says(1001, "events.send", "{\"event\":7}", "\"ok\":false"));
}

PK_TEST(mitigate__dry_run_run_conflict_policy_and_approval) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK(says(1001, "mitigate",
               about(i, ",\"action\":\"restart_service\",\"target\":\"db\",\"dry_run\":true"),
               "\"would\":\"run\""));
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "restart_service"), 1); /* only the rule's own */
    CHECK(says(1001, "mitigate", about(i, ",\"action\":\"nope\""), "\"error\":\"not_found\""));
    CHECK(says(1001, "mitigate", about(i, ",\"action\":\"restart_service\",\"target\":\"elsewhere\""),
               "\"error\":\"refused\""));
    CHECK(says(1001, "mitigate", about(i, ",\"action\":\"look\",\"target\":\"web\""), "\"ok\":false"));
    CHECK(says(1001, "mitigate", about(i, ",\"action\":\"look\""), "\"target\":\"\"")); /* takes none */
    CHECK(says(1001, "mitigate", about(i, ",\"action\":\"restart_service\",\"target\":\"db\""), "\"run\":"));
    wait_ms(1000);
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "restart_service"), 2);
    wait_ms(20000);
    CHECK(says(1001, "mitigate", about(i, ",\"action\":\"wipe\",\"target\":\"web\""),
               "\"state\":\"awaiting_approval\""));
    CHECK(says(1001, "mitigate", about(i, ",\"action\":\"wipe\",\"target\":\"web\""),
               "\"error\":\"conflict\""));
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "wipe"), 0);
    check_sound();
}

/* Newest approval id. */
static void approval_id(char out[PK_RUN_APPROVAL_ID_BYTES]) {
    uint32_t after = 0;
    const struct pk_run *r = NULL;
    out[0] = '\0';
    while ((r = pk_respond_next(&gw.agent.respond, 0, &after)) != NULL) {
        if (r->state == PK_RUN_AWAITING_APPROVAL) {
            pk_run_approval_id(r, out);
        }
    }
}

PK_TEST(approval__asked_decided_by_the_right_person_and_told_to_the_hub) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(15000);
    CHECK(says(1001, "mitigate", about(i, ",\"action\":\"wipe\",\"target\":\"web\""), "awaiting_approval"));
    wait_ms(500);
    char id[PK_RUN_APPROVAL_ID_BYTES], topic[128], args[160];
    approval_id(id);
    REQUIRE(id[0] != '\0');
    (void)snprintf(topic, sizeof topic, "picket/v1/lab/gw-1/approval/%s", id);
    CHECK(broker_find_retained(&broker, topic) != NULL);
    (void)snprintf(args, sizeof args, "{\"approval_id\":\"%s\",\"decision\":\"approve\"}", id);
    CHECK(says(1001, "approval.decide", args, "\"error\":\"denied\"")); /* a responder is not enough */
    CHECK(says(1002, "approval.decide", args, "\"state\":\"approved\""));
    CHECK(says(1002, "approval.decide", args, "\"error\":\"conflict\""));
    wait_ms(3000);
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "wipe"), 1);
    CHECK(broker_find_retained(&broker, topic) == NULL);
    CHECK(says(1002, "approval.decide", "{\"approval_id\":\"apr_1_999\",\"decision\":\"reject\"}",
               "\"error\":\"not_found\""));
    CHECK(says(1002, "approval.decide", "{\"approval_id\":\"odd\",\"decision\":\"reject\"}",
               "\"error\":\"bad_field\""));
    (void)snprintf(args, sizeof args, "{\"approval_id\":\"%s\",\"decision\":\"perhaps\"}", id);
    CHECK(says(1002, "approval.decide", args, "\"error\":\"bad_field\""));
    check_sound();
}

PK_TEST(mode_log_level_and_time) {
    begin(NULL);
    CHECK(says(0, "mode.set", "{\"mode\":\"auto\"}", "\"error\":\"refused\"")); /* the file says safe */
    CHECK(says(0, "mode.set", "{\"mode\":\"off\"}", "\"mode\":\"off\""));
    CHECK(says(0, "mode.set", "{\"mode\":\"odd\"}", "\"error\":\"bad_field\""));
    pk_sim_signal(&gw.sim,
                  PK_SIG_RELOAD); /* a command holds until the next start, not until the next reload */
    wait_ms(500);
    CHECK_EQ_INT(gw.agent.mode, PK_MODE_OFF);
    REQUIRE(open_incident() != NULL);
    wait_ms(5000);
    CHECK_EQ_U64(gw.super.start_count, 0); /* off: nothing runs */
    CHECK(says(0, "log.level", "{}", "\"level\":\"notice\""));
    CHECK(says(0, "log.level", "{\"level\":\"debug\"}", "\"level\":\"debug\""));
    CHECK(says(0, "log.level", "{\"level\":\"odd\"}", "\"error\":\"bad_field\""));
    gw.sim.is_wall_synced = false;
    gw.sim.wall_offset_ms = -1000000000;
    wait_ms(100);
    CHECK(says(0, "time.set", "{\"time\":\"2026-10-01T00:00:00Z\"}", "\"quality\":\"hub\""));
    CHECK(says(0, "time.set", "{\"time\":\"noon\"}", "\"error\":\"bad_field\""));
    CHECK_STR(site.breach, "");
}

PK_TEST_MAIN(incident__ack_with_an_end__runs_out,
             incidents_create__by_hand__each_is_its_own_and_survives_a_restart,
             incident__ack_note_assign_resolve_close__each_reaches_hub_and_log,
             incident__update__words_and_aliases_or_refused,
             incident__closing_an_old_one__leaves_the_rule_of_its_successor_alone,
             incident__ended_by_a_person_while_it_lasts__fires_anew_later, events_send__good_and_bad,
             mitigate__dry_run_run_conflict_policy_and_approval,
             approval__asked_decided_by_the_right_person_and_told_to_the_hub, mode_log_level_and_time)
