#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static char config[4000];

static const char *with_tasks(const char *tasks) {
    (void)snprintf(config, sizeof config, "%s%s", GATEWAY_CONFIG, tasks);
    return config;
}

/* `look` of the rig is of low risk and idempotent. */
PK_TEST(task__runs_by_its_schedule__counts_and_outlives_a_crash) {
    begin(&(struct gateway_setup){
        .seed = 1, .config = with_tasks("[maintenance health]\naction = look\nevery = 10m\njitter = 0\n")});
    CHECK(says(1000, "maintenance.list", "{}", "\"when\":\"every 10m\",\"state\":\"scheduled\""));
    wait_ms(590000);
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "look"), 0);
    wait_ms(30000);
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "look"), 1);
    CHECK(
        says(1000, "maintenance.list", "{}", "\"success_count\":1,\"failure_count\":0,\"success_pct\":100"));
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    CHECK(says(1000, "maintenance.list", "{}", "\"success_count\":1"));
    CHECK(says(
        1000, "status", "{}",
        "\"maintenance\":{\"enabled\":true,\"run_count\":1,\"completed_count\":1,\"completed_pct\":100}"));
    check_sound();
}

PK_TEST(task__who_may_run_it_and_what_may_not_run) {
    begin(&(struct gateway_setup){
        .seed = 1,
        .config = with_tasks("[maintenance health]\naction = look\nevery = 1d\n"
                             "[maintenance wipe]\naction = wipe\ntarget = web\nevery = 1d\n")});
    CHECK(says(1000, "maintenance.run", "{\"task\":\"health\"}", "\"error\":\"denied\""));
    CHECK(says(1001, "maintenance.run", "{\"task\":\"none\"}", "\"error\":\"not_found\""));
    CHECK(says(1001, "maintenance.run", "{\"task\":\"wipe\"}", "\"ok\":false"));
    CHECK(says(1000, "maintenance.list", "{}", "\"last\":\"refused\""));
    CHECK(says(1001, "maintenance.run", "{\"task\":\"health\"}", "\"state\":\"running\""));
    wait_ms(5000);
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "look"), 1);
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "wipe"), 0);
    CHECK(says(1001, "maintenance.stop", "{\"task\":\"health\"}", "\"error\":\"conflict\""));
    check_sound();
}

/* To people and their approval, and no further; the statistics never hear of it. */
PK_TEST(drill__goes_the_whole_way_and_starts_nothing) {
    begin(&(struct gateway_setup){.seed = 1,
                                  .rules = "[rule fire_drill]\non = type = fire_drill\nwhen = count >= 1 in "
                                           "1m\ntype = self\nseverity = critical\n"
                                           "clear = count < 1 in 1m\nactions = look\n"});
    CHECK(says(1000, "drill", "{}", "\"error\":\"denied\""));
    CHECK(says(1001, "drill", "{}", "\"state\":\"begun\""));
    wait_ms(3000);
    const struct pk_incident *i = gateway_incident(&gw, "fire_drill");
    REQUIRE(i != NULL);
    CHECK(i->is_drill && i->is_announced);
    CHECK_EQ_U64(gw.agent.incidents.metrics.opened_count, 0);
    CHECK_EQ_U64(i->action_count, 1);
    CHECK_EQ_INT(i->actions[0].state, PK_RUN_AWAITING_APPROVAL);
    char args[160];
    const char *list = gateway_command(&gw, 1000, "approval.list", "{}");
    const char *at = list != NULL ? strstr(list, "\"approval_id\":\"") : NULL;
    REQUIRE(at != NULL);
    (void)snprintf(args, sizeof args, "{%.*s\",\"decision\":\"approve\"}", (int)(strcspn(at + 15, "\"") + 15),
                   at);
    CHECK(says(1002, "approval.decide", args, "\"ok\":true"));
    wait_ms(3000);
    CHECK_EQ_INT(i->actions[0].state, PK_RUN_WOULD_RUN);
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "look"), 0);
    wait_ms(120000);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    CHECK_EQ_U64(gw.agent.incidents.metrics.resolved_count, 0);
    CHECK_EQ_U64(gw.agent.incidents.metrics.auto_resolved_count, 0);
    check_sound();
}

PK_TEST(window__opens_by_its_schedule) {
    begin(&(struct gateway_setup){
        .seed = 1,
        .config = with_tasks("[maintenance quiet]\nwindow = 5m\nevery = 1h\njitter = 0\ncomponent = web\n")});
    wait_ms(3610000);
    CHECK(says(1000, "silences.list", "{}", "\"kind\":\"maintenance\",\"state\":\"active\""));
    wait_ms(310000);
    CHECK(says(1000, "silences.list", "{}", "\"silences\":[]"));
    check_sound();
}

PK_TEST_MAIN(task__runs_by_its_schedule__counts_and_outlives_a_crash,
             task__who_may_run_it_and_what_may_not_run, drill__goes_the_whole_way_and_starts_nothing,
             window__opens_by_its_schedule)
