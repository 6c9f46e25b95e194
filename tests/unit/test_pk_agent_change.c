#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static char args[320];
static const char *with_id(const struct pk_incident *i, const char *rest) {
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\"%s}", i->id, rest);
    return args;
}

PK_TEST(incident__ack_assign_note_resolve_close__in_that_order_only) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK(says(1000, "incidents.ack", with_id(i, ""), "\"error\":\"denied\"")); /* a viewer */
    CHECK(says(1001, "incidents.ack", with_id(i, ",\"note\":\"mine\""), "\"acked\":true"));
    CHECK(i->is_acked);
    CHECK(says(1001, "incidents.assign", with_id(i, ",\"user\":\"bob\""), "\"ok\":true"));
    CHECK_STR(i->assigned_to, "bob");
    CHECK(says(1001, "incidents.note", with_id(i, ",\"note\":\"looked at it\""), "\"ok\":true"));
    CHECK(says(1001, "incidents.close", with_id(i, ""),
               "\"error\":\"conflict\"")); /* close only from resolved */
    CHECK(says(1001, "incidents.resolve", with_id(i, ""), "\"status\":\"resolved\""));
    CHECK(says(1001, "incidents.close", with_id(i, ""), "\"status\":\"closed\""));
    check_sound();
}

PK_TEST(incident__update__takes_words_and_refuses_what_it_cannot) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK(says(1001, "incidents.update", with_id(i, ",\"status\":\"sleepy\""), "\"error\":\"bad_field\""));
    CHECK(
        says(1001, "incidents.update", with_id(i, ",\"stage\":\"contain\""), "\"error\":\"missing_field\""));
    CHECK(says(1001, "incidents.update", with_id(i, ",\"severity\":\"low\""), "\"error\":\"unsupported\""));
    CHECK(says(1001, "incidents.update", with_id(i, ",\"status\":\"false_positive\""),
               "\"status\":\"false_positive\""));
    CHECK(says(1001, "incidents.ack", "{\"incident_id\":\"inc_99999\"}", "\"error\":\"not_found\""));
}

PK_TEST(events_send__is_taken_or_told_why_not) {
    begin(NULL);
    CHECK(says(1001, "events.send", "{\"event\":{\"type\":\"api_error\",\"source\":\"api\"}}", "\"id\":\""));
    CHECK(says(1001, "events.send", "{\"event\":{\"type\":\"a b\",\"source\":\"api\"}}",
               "\"error\":\"bad_field\""));
    CHECK(says(1001, "events.send", "{\"event\":{\"source\":\"api\"}}", "\"error\":\"missing_field\""));
    CHECK(says(1000, "events.send", "{\"event\":{\"type\":\"x\",\"source\":\"y\"}}", "\"error\":\"denied\""));
}

PK_TEST(mode__can_only_be_lowered) {
    begin(NULL);
    CHECK(says(0, "mode.set", "{\"mode\":\"auto\"}", "\"error\":\"refused\""));
    CHECK(says(0, "mode.set", "{\"mode\":\"observe\"}", "\"mode\":\"observe\""));
    CHECK(says(0, "mode.set", "{\"mode\":\"fast\"}", "\"error\":\"bad_field\""));
    CHECK(says(1002, "mode.set", "{\"mode\":\"off\"}", "\"error\":\"denied\""));
    CHECK(open_incident() != NULL);
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "restart_service"), 0); /* observe: nothing runs */
}

PK_TEST(log_level__shown_set_and_refused) {
    begin(NULL);
    CHECK(says(0, "log.level", "{\"level\":\"debug\"}", "\"level\":\"debug\""));
    CHECK(says(0, "log.level", "{}", "\"level\":\"debug\""));
    CHECK(says(0, "log.level", "{\"level\":\"loud\"}", "\"error\":\"bad_field\""));
}

PK_TEST(time_set__raises_the_quality) {
    begin(NULL);
    CHECK(says(0, "time.set", "{\"time\":\"yesterday\"}", "\"error\":\"bad_field\""));
    CHECK(says(0, "time.set", "{\"time\":\"2030-01-02T03:04:05Z\"}", "\"ok\":true"));
}

PK_TEST(mitigate__dry_run_says_and_does_nothing) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    const uint64_t before = super_model_starts_of(&gw.super, "restart_service");
    CHECK(says(1001, "mitigate",
               with_id(i, ",\"action\":\"restart_service\",\"target\":\"web\",\"dry_run\":true"),
               "\"would\":"));
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "restart_service"), before);
    CHECK(says(1001, "mitigate", with_id(i, ",\"action\":\"no_such\",\"target\":\"web\""),
               "\"error\":\"not_found\""));
    CHECK(says(1001, "mitigate", with_id(i, ",\"action\":\"restart_service\",\"target\":\"../x\""),
               "\"ok\":false"));
}

PK_TEST(approval__unknown_and_malformed_ids) {
    begin(NULL);
    CHECK(says(1002, "approval.decide", "{\"approval_id\":\"apr_1_1\",\"decision\":\"approve\"}",
               "\"error\":\"not_found\""));
    CHECK(says(1002, "approval.decide", "{\"approval_id\":\"x\",\"decision\":\"approve\"}",
               "\"error\":\"bad_field\""));
    CHECK(says(1002, "approval.decide", "{\"approval_id\":\"apr_1_1\",\"decision\":\"perhaps\"}",
               "\"error\":\"bad_field\""));
}

PK_TEST(changes__are_audited_with_who) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    const uint64_t before = gw.agent.audit.head.n;
    CHECK(says(1001, "incidents.ack", with_id(i, ""), "\"ok\":true"));
    CHECK(gw.agent.audit.head.n >= before + 2); /* the step and the command */
    check_sound();
}

PK_TEST_MAIN(incident__ack_assign_note_resolve_close__in_that_order_only,
             incident__update__takes_words_and_refuses_what_it_cannot, events_send__is_taken_or_told_why_not,
             mode__can_only_be_lowered, log_level__shown_set_and_refused, time_set__raises_the_quality,
             mitigate__dry_run_says_and_does_nothing, approval__unknown_and_malformed_ids,
             changes__are_audited_with_who)
