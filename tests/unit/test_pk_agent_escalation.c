#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static const char MINUTES[] =
    "[escalation]\nresponse = 2m\nagain = 1m\n[response_team]\ncritical = plant manager\n"
    "high = plant manager\nmedium = plant manager\n[agent]\nmode = observe\n";
static const char HOOK[] =
    "[action restart_service]\nrisk = low\nargv = /bin/restart {target}\ntargets = web\n"
    "[action escalate]\nrisk = low\nargv = /bin/page {target}\ntargets = tier-1, tier-2, tier-3\n"
    "cooldown = 0\n";

static void configure(const char *more) {
    (void)pk_sim_file_set(&gw.sim, "/etc/picket/conf.d/10-more.conf", more, (uint32_t)strlen(more));
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(500);
    CHECK_STR(gw.agent.diag.message, "");
}

static bool shows(const struct pk_incident *i, const char *text) {
    char args[200];
    snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"timeline\":true}", i->id);
    return says(1000, "incidents.get", args, text);
}

static const struct pk_incident_action *newest(const struct pk_incident *i, const char *action) {
    const struct pk_incident_action *found = NULL;
    for (uint32_t k = 0; k < i->action_count; k++) {
        found = strcmp(i->actions[k].action, action) == 0 ? &i->actions[k] : found;
    }
    return found;
}

PK_TEST(escalation__tiers_on_the_incident_on_the_wire_and_until_somebody_acknowledges) {
    begin(NULL);
    configure(MINUTES);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK(shows(i, "\"escalation\":{\"tier\":0,\"at\":null,\"reason\":null,\"next_at\":\""));
    CHECK(shows(i, "\"response_team\":\"plant manager\""));
    CHECK(shows(i, "\"impact\":{\"level\":"));
    wait_ms(120000);
    CHECK_EQ_INT(i->escalation_tier, 1);
    CHECK(shows(i, "\"reason\":\"no_response\""));
    CHECK(gateway_log_has(&gw, "escalated"));
    CHECK(newest(i, "escalate") == NULL); /* nobody made a hook */
    wait_ms(60000);
    CHECK_EQ_INT(i->escalation_tier, 2);
    char args[200];
    snprintf(args, sizeof args, "{\"incident_id\":\"%s\"}", i->id);
    CHECK(says(1001, "incidents.ack", args, "\"acked\":true"));
    wait_ms(600000);
    CHECK_EQ_INT(i->escalation_tier, 2);
    snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"action\":\"escalate\"}", i->id);
    CHECK(says(1001, "mitigate", args, "\"state\":\"completed\""));
    wait_ms(1000);
    CHECK_EQ_INT(i->escalation_tier, 3);
    CHECK(shows(i, "tier 3 of 3: person, uid:1001"));
    CHECK(says(1001, "mitigate", args, "\"state\":\"completed\""));
    wait_ms(1000);
    CHECK(shows(i, "asked for again; the last tier was called already"));
    snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"action\":\"notify_team\"}", i->id);
    CHECK(says(1001, "mitigate", args, "\"state\":\"completed\""));
    wait_ms(1000);
    CHECK(shows(i, "for the team (plant manager), by uid:1001"));
    check_sound();
}

PK_TEST(escalation__killed_over_its_deadline__calls_once_at_start) {
    begin(NULL);
    configure(MINUTES);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(10000);
    gateway_crash(&gw);
    wait_ms(900000);
    REQUIRE(gateway_boot(&gw));
    wait_ms(1000);
    i = gateway_incident(&gw, "process_lost");
    REQUIRE(i != NULL);
    CHECK_EQ_INT(i->escalation_tier, 1);
    wait_ms(50000);
    CHECK_EQ_INT(i->escalation_tier, 1);
    wait_ms(15000);
    CHECK_EQ_INT(i->escalation_tier, 2);
    check_sound();
}

PK_TEST(escalation__hook__runs_with_the_tier_and_not_while_notifications_are_off) {
    const struct gateway_setup setup = {.seed = 1, .actions = HOOK};
    begin(&setup);
    configure("[escalation]\nresponse = 2m\nagain = 1m\n[agent]\nauto_remediation_enabled = no\n");
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(125000);
    CHECK_EQ_INT(i->escalation_tier, 1);
    const struct pk_incident_action *run = newest(i, "escalate");
    REQUIRE(run != NULL);
    CHECK_STR(run->target, "tier-1");
    CHECK_EQ_INT(run->state, PK_RUN_COMPLETED);
    CHECK_EQ_INT(i->status, PK_INC_DETECTED); /* calling mends nothing */
    CHECK(says(0, "switches.set", "{\"switch\":\"notifications_enabled\",\"on\":\"off\"}", "\"on\":false"));
    wait_ms(60000);
    CHECK_EQ_INT(i->escalation_tier, 2); /* the record goes on */
    run = newest(i, "escalate");
    CHECK_EQ_INT(run->state, PK_RUN_REFUSED);
    CHECK_STR(run->result, "notifications_enabled is off");
    check_sound();
}

PK_TEST(escalation__an_approval_nobody_answers__calls_at_once) {
    const struct gateway_setup setup = {.seed = 1,
                                        .actions = "[action tune]\nrisk = high\nargv = /bin/tune\n"};
    begin(&setup);
    configure("[agent]\napproval_timeout = 30s\nauto_remediation_enabled = no\n");
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    char args[200];
    snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"action\":\"tune\"}", i->id);
    CHECK(says(1001, "mitigate", args, "\"state\":\"awaiting_approval\""));
    wait_ms(29000);
    CHECK_EQ_INT(i->escalation_tier, 0);
    wait_ms(3000);
    CHECK_EQ_INT(newest(i, "tune")->state, PK_RUN_EXPIRED);
    CHECK_EQ_INT(i->escalation_tier, 1);
    CHECK(shows(i, "tier 1 of 3: approval_expired, tune"));
    check_sound();
}

PK_TEST_MAIN(escalation__tiers_on_the_incident_on_the_wire_and_until_somebody_acknowledges,
             escalation__killed_over_its_deadline__calls_once_at_start,
             escalation__hook__runs_with_the_tier_and_not_while_notifications_are_off,
             escalation__an_approval_nobody_answers__calls_at_once)
