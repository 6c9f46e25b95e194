#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

/* The newest run of an action. */
static const struct pk_run *run_of(const char *action) {
    uint32_t after = 0;
    const struct pk_run *r = NULL;
    const struct pk_run *found = NULL;
    while ((r = pk_respond_next(&gw.agent.respond, 0, &after)) != NULL) {
        found = strcmp(r->action, action) == 0 ? r : found;
    }
    return found;
}

static void push(uint16_t type, uint32_t id, const void *body, uint16_t n) {
    struct pk_ipc_frame f = {.version = PK_IPC_VERSION, .type = type, .id = id, .body_bytes = n};
    if (n > 0) {
        memcpy(f.body, body, n);
    }
    CHECK_EQ_INT(pk_sim_ipc_push(&gw.sim, &f, 0), PK_OK);
}

PK_TEST(start__leaves_only_after_its_intent_and_its_budget_are_durable) {
    begin(NULL);
    gw.sim.store.delay_min_ms = gw.sim.store.delay_max_ms = 3000;
    gateway_process(&gw, "web", false);
    wait_ms(5500);
    const struct pk_run *run = run_of("restart_service");
    REQUIRE(run != NULL);
    CHECK_EQ_INT(run->step, PK_RUN_AT_INTENT);
    CHECK_EQ_U64(gw.super.start_count, 0);
    wait_ms(7000);
    CHECK_EQ_U64(gw.super.start_count, 1); /* the model of the supervisor looked into the store itself */
    check_sound();
}

PK_TEST(start__crash_after_it__is_never_run_again_and_the_budget_is_kept) {
    begin(NULL);
    gw.super.duration_min_ms = gw.super.duration_max_ms = 9000;
    gateway_process(&gw, "web", false);
    wait_ms(6000);
    REQUIRE(gw.super.start_count == 1);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    wait_ms(20000);
    const struct pk_run *run = run_of("restart_service");
    REQUIRE(run != NULL);
    CHECK_EQ_INT(run->state, PK_RUN_UNKNOWN);
    CHECK_EQ_U64(gw.super.start_count, 1);
    CHECK_EQ_U64(pk_budget_used(&gw.agent.respond.budget, pk_str_of("restart_service"), pk_str_of("web"),
                                &gw.agent.now),
                 1);
    check_sound();
}

PK_TEST(outcome__what_a_failed_action_printed_stands_in_the_timeline) {
    begin(NULL);
    gw.super.weights.fail = 1000;
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(5000);
    CHECK_EQ_INT(run_of("restart_service")->state, PK_RUN_FAILED);
    char args[120];
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"timeline\":true}", i->id);
    CHECK(says(1000, "incidents.get", args, "restart_service said: said so."));
    check_sound();
}

PK_TEST(refused_and_busy__are_tried_again_or_end_as_refused) {
    begin(NULL);
    gw.super.weights.busy = 1000;
    REQUIRE(open_incident() != NULL);
    wait_ms(5000);
    CHECK(gw.super.refused_count >= 2);
    CHECK_EQ_U64(gw.super.start_count, 0);
    gw.super.weights.busy = 0;
    wait_ms(5000);
    CHECK_EQ_U64(gw.super.start_count, 1);
    begin(NULL);
    gw.super.weights.refuse = 1000;
    REQUIRE(open_incident() != NULL);
    wait_ms(3000);
    CHECK_EQ_INT(run_of("restart_service")->state, PK_RUN_REFUSED);
    CHECK_STR(run_of("restart_service")->result, "the supervisor's own budget is spent");
}

PK_TEST(answers__that_never_come__end_as_unknown_or_timed_out) {
    begin(NULL);
    gw.super.weights.never_answer = 1000;
    REQUIRE(open_incident() != NULL);
    wait_ms(120000);
    const struct pk_run *run = run_of("restart_service");
    REQUIRE(run != NULL);
    CHECK(pk_run_state_is_final(gw.agent.respond.runs[0].state) || run->id > 1);
    CHECK_STR(gw.super.breach, "");
}

PK_TEST(frames__strange_ones__are_counted_and_change_nothing) {
    begin(NULL);
    const uint64_t bad = gw.agent.counters.ipc_bad;
    struct pk_ipc_frame wrong = {.version = 99, .type = PK_IPC_DONE, .id = 1};
    CHECK_EQ_INT(pk_sim_ipc_push(&gw.sim, &wrong, 0), PK_OK);
    push(4711, 1, NULL, 0);
    push(PK_IPC_HELLO, 1, NULL, 0); /* ours, not theirs */
    wait_ms(10);
    CHECK_EQ_U64(gw.agent.counters.ipc_bad, bad + 3);
    /* Late or invented answers: of no run. */
    const struct pk_ipc_done done = {.exit_code = 0};
    push(PK_IPC_DONE, 4242, &done, sizeof done);
    push(PK_IPC_STARTED, 4242, NULL, 0);
    const struct pk_ipc_refused refused = {.error = PK_E_POLICY};
    push(PK_IPC_REFUSED, 4242, &refused, sizeof refused);
    struct pk_ipc_output output = {.offset = 0, .n = 60000};
    push(PK_IPC_OUTPUT, 4242, &output, sizeof output);
    struct pk_ipc_resolved resolved = {.address_count = 4000000};
    push(PK_IPC_RESOLVED, 4242, &resolved, sizeof resolved);
    wait_ms(10);
    CHECK_EQ_U64(gw.agent.counters.ipc_bad, bad + 3);
    CHECK(gateway_is_online(&gw));
    CHECK(open_incident() != NULL);
    check_sound();
}

PK_TEST(resolver__failing_or_silent__is_asked_again_until_it_answers) {
    prepare(NULL);
    gw.super.weights.resolve_fail = 1000;
    REQUIRE(gateway_boot(&gw));
    wait_ms(30000);
    CHECK(!gateway_is_online(&gw));
    CHECK(gw.super.resolve_count > 2);
    gw.super.weights.resolve_fail = 0;
    gw.super.weights.resolve_never = 1000;
    wait_ms(60000);
    CHECK(!gateway_is_online(&gw));
    gw.super.weights.resolve_never = 0;
    REQUIRE(gateway_run_until_online(&gw));
    check_sound();
}

PK_TEST(cleared_while_it_runs__verifies_the_action) {
    begin(NULL);
    gw.super.duration_min_ms = gw.super.duration_max_ms = 6000;
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    gateway_process(&gw, "web", true);
    wait_ms(25000);
    CHECK_EQ_INT(run_of("restart_service")->state, PK_RUN_COMPLETED);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    check_sound();
}

PK_TEST(approval__expires_by_itself_and_the_hub_knows) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(15000);
    char args[160];
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"action\":\"wipe\",\"target\":\"web\"}",
                   i->id);
    CHECK(says(1001, "mitigate", args, "awaiting_approval"));
    wait_ms(1000);
    CHECK(hub_model_gateway(&hub, "gw-1")->approvals >= 1);
    wait_ms(310000);
    CHECK_EQ_INT(run_of("wipe")->state, PK_RUN_EXPIRED);
    for (uint32_t r = 0; r < BROKER_RETAINED; r++) {
        CHECK(strstr(broker.retained[r].topic, "/approval/") == NULL);
    }
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "wipe"), 0);
    check_sound();
}

PK_TEST(supervisor__hears_the_tick_and_what_is_durable) {
    begin(NULL);
    wait_ms(61000);
    CHECK(gw.super.tick_frames >= 11 && gw.super.tick_frames <= 16);
    CHECK(gw.super.tick_count > 0);
    check_sound();
}

PK_TEST_MAIN(start__leaves_only_after_its_intent_and_its_budget_are_durable,
             start__crash_after_it__is_never_run_again_and_the_budget_is_kept,
             outcome__what_a_failed_action_printed_stands_in_the_timeline,
             refused_and_busy__are_tried_again_or_end_as_refused,
             answers__that_never_come__end_as_unknown_or_timed_out,
             frames__strange_ones__are_counted_and_change_nothing,
             resolver__failing_or_silent__is_asked_again_until_it_answers,
             cleared_while_it_runs__verifies_the_action, approval__expires_by_itself_and_the_hub_knows,
             supervisor__hears_the_tick_and_what_is_durable)
