#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static uint32_t run_of(uint8_t state) {
    uint32_t after = 0;
    const struct pk_run *r = NULL;
    while ((r = pk_respond_next(&gw.agent.respond, 0, &after)) != NULL) {
        if (r->state == state) {
            return r->id;
        }
    }
    return 0;
}

PK_TEST(run__starts_only_after_its_intent_is_durable) {
    begin(NULL);
    gw.sim.store.delay_min_ms = 20000;
    gw.sim.store.delay_max_ms = 20000;
    gateway_process(&gw, "web", false);
    wait_ms(5500);
    CHECK(gateway_incident(&gw, "process_lost") != NULL);                 /* detection did not wait */
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "restart_service"), 0); /* acting does */
    wait_ms(60000);
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "restart_service"), 1);
    check_sound();
}

PK_TEST(run__crash_between_intent_and_outcome__is_unknown_and_not_started_again) {
    begin(NULL);
    CHECK(open_incident() != NULL);
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "restart_service"), 1);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    wait_ms(5000);
    CHECK(run_of(PK_RUN_UNKNOWN) != 0 || run_of(PK_RUN_COMPLETED) != 0 || run_of(PK_RUN_FAILED) != 0);
    CHECK_STR(gw.super.breach, "");
    check_sound();
}

PK_TEST(tick_frames__reach_the_supervisor_regularly) {
    begin(NULL);
    const uint64_t before = gw.super.tick_frames;
    wait_ms(60000);
    CHECK(gw.super.tick_frames - before >= 10);
}

PK_TEST(run__outcome_is_on_the_incident) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    gateway_process(&gw, "web", true);
    wait_ms(30000);
    CHECK_EQ_INT(i->action_count, 1);
    CHECK_STR(i->actions[0].action, "restart_service");
    CHECK_EQ_INT(i->actions[0].state, PK_RUN_COMPLETED);
    check_sound();
}

PK_TEST_MAIN(run__starts_only_after_its_intent_is_durable,
             run__crash_between_intent_and_outcome__is_unknown_and_not_started_again,
             tick_frames__reach_the_supervisor_regularly, run__outcome_is_on_the_incident)
