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
    CHECK_EQ_U64(gw.agent.tasks.owed_row, 0); /* a look: its end waits */
    REQUIRE(open_incident() != NULL);
    wait_ms(1000);
    CHECK_EQ_U64(gw.agent.tasks.owed_row, PK_AGENT_NO_TASK);
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
    (void)gateway_events(&gw, "{\"type\":\"fire_drill\",\"source\":\"x\"}\n"); /* of anybody: no drill */
    wait_ms(1000);
    REQUIRE(gateway_incident(&gw, "fire_drill") == NULL);
    CHECK(says(1001, "drill", "{}", "\"state\":\"begun\""));
    wait_ms(3000);
    CHECK(says(1001, "drill", "{}", "\"error\":\"conflict\""));
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
    /* Meanwhile a real one came: the rig's device is silent. */
    CHECK_EQ_U64(gw.agent.metrics.processing.count, 1);
    CHECK_EQ_U64(gw.agent.metrics.detection.count, 0);
    CHECK_EQ_U64(gw.agent.respond.approvals[PK_APPROVAL_APPROVED], 0);
    CHECK_EQ_U64(gw.agent.respond.budget.used_count, 0);
    CHECK(says(1000, "status", "{}", "\"incidents\":{\"active\":1"));
    CHECK(says(1000, "status", "{}", "\"drills\":1"));
    CHECK(says(1000, "incidents.list", "{}", "\"drill\":true"));
    CHECK(says(0, "rules.disable", "{\"rules\":\"fire_drill\"}", "\"ok\":true"));
    CHECK(says(1001, "drill", "{}", "\"error\":\"not_found\""));
    CHECK(says(0, "rules.enable", "{\"rules\":\"fire_drill\"}", "\"ok\":true"));
    /* Nobody answers the next one. */
    CHECK(says(1001, "drill", "{}", "\"state\":\"begun\""));
    wait_ms(400000);
    CHECK_EQ_U64(gw.agent.incidents.metrics.opened_count, 1);
    CHECK_EQ_U64(gw.agent.incidents.metrics.reopened_count, 0);
    CHECK_EQ_U64(gw.agent.respond.approvals[PK_APPROVAL_EXPIRED], 0);
    CHECK_EQ_U64(gw.agent.respond.counts[0].refused, 0);
    check_sound();
}

#define ONE_TASK "[maintenance health]\naction = look\nevery = 1d\n"

static void reload_with(const char *text) {
    (void)pk_sim_file_set(&gw.sim, "/etc/picket/conf.d/10-more.conf", text, (uint32_t)strlen(text));
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(500);
    CHECK_STR(gw.agent.diag.message, "");
}

PK_TEST(reload__twice_while_the_row_of_the_running_one_is_gone) {
    begin(NULL);
    reload_with(ONE_TASK);
    gw.super.duration_min_ms = gw.super.duration_max_ms = 30000;
    CHECK(says(1001, "maintenance.run", "{\"task\":\"health\"}", "\"state\":\"running\""));
    wait_ms(2000);
    CHECK_EQ_INT(gw.agent.tasks.phase, PK_AGENT_TASK_RUNNING);
    reload_with("");
    CHECK_EQ_U64(gw.agent.tasks.row, PK_AGENT_LOST_TASK);
    reload_with(ONE_TASK);
    CHECK_EQ_U64(gw.agent.tasks.row, PK_AGENT_LOST_TASK);
    wait_ms(40000);
    CHECK_EQ_INT(gw.agent.tasks.phase, PK_AGENT_TASK_NONE);
    CHECK(says(1000, "maintenance.list", "{}", "\"state\":\"scheduled\""));
    check_sound();
}

PK_TEST(task__has_a_place_while_it_runs__and_knows_whether_it_is_undone) {
    begin(&(struct gateway_setup){.seed = 1, .config = with_tasks(ONE_TASK)});
    gw.super.duration_min_ms = gw.super.duration_max_ms = 5000;
    CHECK(says(1001, "maintenance.run", "{\"task\":\"health\"}", "\"state\":\"running\""));
    wait_ms(2000);
    CHECK_EQ_U64(gw.agent.respond.places_taken, 1);
    CHECK(!gw.super.starts[0].is_undo_off);
    wait_ms(10000);
    CHECK_EQ_U64(gw.agent.respond.places_taken, 0);
    CHECK(says(0, "switches.set", "{\"switch\":\"auto_rollback\",\"on\":\"off\"}", "\"on\":false"));
    CHECK(says(1001, "maintenance.run", "{\"task\":\"health\"}", "\"state\":\"running\""));
    wait_ms(2000);
    REQUIRE(gw.super.start_count == 2);
    CHECK(gw.super.starts[1].is_undo_off);
    check_sound();
}

PK_TEST(task__comes_again_in_a_minute_when_there_is_no_place) {
    begin(&(struct gateway_setup){.seed = 1,
                                  .config = with_tasks("[maintenance health]\naction = look\nat = 03:30\n")});
    gw.sim.is_wall_synced = true;
    gw.super.weights.busy = 1000;
    CHECK(says(1001, "maintenance.run", "{\"task\":\"health\"}", "\"state\":\"running\""));
    wait_ms(2000);
    CHECK(says(1000, "maintenance.list", "{}", "\"last\":\"refused\""));
    gw.super.weights.busy = 0;
    struct pk_run *runs = gw.agent.respond.runs;
    for (uint32_t i = 0; i < PK_RESPOND_CONCURRENT; i++) { /* as many as may run already */
        runs[i] = (struct pk_run){
            .id = 900 + i, .state = PK_RUN_EXECUTING, .step = PK_RUN_AT_RUNNING, .deadline_ms = UINT64_MAX};
    }
    const uint64_t refused_count = gw.super.refused_count;
    wait_ms(61000);
    CHECK(says(1000, "maintenance.list", "{}", "as many actions run as may at a time"));
    CHECK_EQ_U64(gw.super.start_count, 0);
    CHECK_EQ_U64(gw.super.refused_count, refused_count); /* the supervisor was not asked */
    memset(runs, 0, PK_RESPOND_CONCURRENT * sizeof *runs);
    wait_ms(61000);
    CHECK_EQ_U64(gw.super.start_count, 1);
    CHECK(says(1000, "maintenance.list", "{}", "\"last\":\"completed\""));
    check_sound();
}

/* Its time is now, and the disk takes nothing. */
static void begin_with_a_stuck_disk(void) {
    begin(&(struct gateway_setup){.seed = 1, .config = with_tasks(ONE_TASK)});
    gw.sim.store.is_disk_full = true;
    gw.agent.tasks.table.states[0].due_mono_ms = gw.agent.now.mono_ms;
    wait_ms(5000);
    CHECK_EQ_INT(gw.agent.tasks.phase, PK_AGENT_TASK_STORING);
}

PK_TEST(task__that_cannot_be_stored_ends) {
    begin_with_a_stuck_disk();
    wait_ms(120000);
    CHECK_EQ_INT(gw.agent.tasks.phase, PK_AGENT_TASK_NONE);
    CHECK_STR(gw.agent.tasks.table.states[0].said, "its start could not be stored");
    gw.sim.store.is_disk_full = false;
    wait_ms(60000);
    CHECK_EQ_U64(gw.super.start_count, 0);
}

PK_TEST(task__does_not_begin_once_maintenance_is_off_or_the_agent_stops) {
    begin_with_a_stuck_disk();
    gw.agent.switches.rows[PK_SWITCH_MAINTENANCE].is_off = true;
    wait_ms(1000);
    CHECK_EQ_INT(gw.agent.tasks.phase, PK_AGENT_TASK_NONE);
    CHECK_STR(gw.agent.tasks.table.states[0].said, "maintenance_enabled is off");
    begin_with_a_stuck_disk();
    pk_sim_signal(&gw.sim, PK_SIG_STOP);
    wait_ms(100);
    gw.sim.store.is_disk_full = false;
    CHECK(gateway_stop(&gw));
    CHECK_EQ_U64(gw.super.start_count, 0);
}

PK_TEST(stop__before_its_start_is_stored) {
    begin_with_a_stuck_disk();
    (void)gateway_command(&gw, 1001, "maintenance.stop", "{\"task\":\"health\"}");
    CHECK_EQ_INT(gw.agent.tasks.phase, PK_AGENT_TASK_NONE);
    gw.sim.store.is_disk_full = false;
    wait_ms(60000);
    CHECK(says(1000, "maintenance.list", "{}", "\"last\":\"stopped\""));
    CHECK_EQ_U64(gw.super.start_count, 0);
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
             reload__twice_while_the_row_of_the_running_one_is_gone,
             task__has_a_place_while_it_runs__and_knows_whether_it_is_undone,
             task__comes_again_in_a_minute_when_there_is_no_place, task__that_cannot_be_stored_ends,
             task__does_not_begin_once_maintenance_is_off_or_the_agent_stops,
             stop__before_its_start_is_stored, window__opens_by_its_schedule)
