#include "respond/pk_respond_run.h"

#include "support/pk_respond_rig.h"

static struct rig g;

static struct pk_run *new_run(const char *action, const char *target) {
    const uint32_t incident = rig_incident(&g, "web");
    struct pk_run *run =
        pk_respond_run_new(&g.respond, incident, pk_str_of(action), pk_str_of(target), &g.now);
    CHECK(run != NULL);
    run->is_auto = true;
    return run;
}

PK_TEST(new__takes_what_the_row_says) {
    rig_init(&g, PK_MODE_SAFE);
    const struct pk_run *run = new_run("look", "");
    CHECK_EQ_U64(run->id, 1);
    CHECK_EQ_INT(run->action_index, 0);
    CHECK(run->is_read_only && run->is_idempotent && run->needs_persist && run->needs_notify);
    CHECK_EQ_INT(new_run("nonsense", "")->action_index, -1);
    CHECK(pk_respond_run_find(&g.respond, 2) != NULL);
    CHECK(pk_respond_run_find(&g.respond, 0) == NULL);
}

PK_TEST(twin__same_action_and_target_unfinished) {
    rig_init(&g, PK_MODE_SAFE);
    struct pk_run *run = new_run("restart", "web");
    CHECK(pk_respond_run_twin(&g.respond, pk_str_of("restart"), pk_str_of("web")) == run);
    CHECK(pk_respond_run_twin(&g.respond, pk_str_of("restart"), pk_str_of("db")) == NULL);
    pk_respond_run_end(&g.respond, run, PK_RUN_FAILED, pk_str_of("x"), &g.now);
    CHECK(pk_respond_run_twin(&g.respond, pk_str_of("restart"), pk_str_of("web")) == NULL);
    CHECK_EQ_U64(g.respond.counts[1].failed, 1);
}

PK_TEST(decide__reasons) {
    struct pk_decision d;
    rig_init(&g, PK_MODE_SAFE);
    CHECK_EQ_INT(pk_respond_run_decide(&g.respond, new_run("nonsense", ""), &g.now, &d), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_respond_run_decide(&g.respond, new_run("restart", "mail"), &g.now, &d), PK_E_POLICY);
    CHECK_STR(d.reason, "target is not on the allow-list");
    CHECK_EQ_INT(pk_respond_run_decide(&g.respond, new_run("restart", ""), &g.now, &d), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_respond_run_decide(&g.respond, new_run("restart", "web"), &g.now, &d), PK_OK);
    CHECK_EQ_INT(d.kind, PK_DECIDE_RUN);
    g.actions.rows[1].is_enabled = false;
    CHECK_EQ_INT(pk_respond_run_decide(&g.respond, new_run("restart", "web"), &g.now, &d), PK_E_POLICY);
    CHECK_STR(d.reason, "the action is disabled");
}

PK_TEST(promote__takes_budget_and_writes_the_intent_once) {
    rig_init(&g, PK_MODE_SAFE);
    struct pk_run *run = new_run("restart", "web");
    pk_respond_run_promote(&g.respond, run, &g.now);
    CHECK_EQ_INT(run->step, PK_RUN_AT_INTENT);
    CHECK_EQ_INT(run->state, PK_RUN_EXECUTING);
    CHECK(run->is_intent && run->intent_seq == 0);
    pk_respond_run_promote(&g.respond, run, &g.now);
    CHECK_EQ_U64(pk_budget_used(&g.respond.budget, pk_str_of("restart"), pk_str_of("web"), &g.now), 1);
}

/* Maintenance runs: it has one of the three places, and none of those of undos. */
PK_TEST(promote__waits_for_a_place_that_another_has) {
    rig_init(&g, PK_MODE_SAFE);
    g.respond.places_taken = 1;
    struct pk_run *first = new_run("look", "");
    struct pk_run *second = new_run("restart", "web");
    struct pk_run *third = new_run("restart", "db");
    pk_respond_run_promote(&g.respond, first, &g.now);
    pk_respond_run_promote(&g.respond, second, &g.now);
    pk_respond_run_promote(&g.respond, third, &g.now);
    CHECK_EQ_INT(first->step, PK_RUN_AT_INTENT);
    CHECK_EQ_INT(second->step, PK_RUN_AT_INTENT);
    CHECK_EQ_INT(third->step, PK_RUN_AT_WAIT);
    CHECK_EQ_U64(pk_budget_used(&g.respond.budget, pk_str_of("restart"), pk_str_of("db"), &g.now), 0);
    g.respond.places_taken = 0;
    CHECK(pk_respond_run_tick(&g.respond, third, &g.now) > g.now.mono_ms);
    CHECK_EQ_INT(third->step, PK_RUN_AT_INTENT);
}

PK_TEST(promote__not_for_an_incident_that_is_over) {
    const struct pk_incident_actor by = {.source = PK_TL_BY_OPERATOR};
    rig_init(&g, PK_MODE_SAFE);
    struct pk_run *run = new_run("restart", "web");
    CHECK_EQ_INT(
        pk_incidents_set_status(&g.incidents, run->incident, PK_INC_RESOLVED, PK_STAGE_COUNT, by, &g.now),
        PK_OK);
    pk_respond_run_promote(&g.respond, run, &g.now);
    CHECK_EQ_INT(run->state, PK_RUN_INTERRUPTED);
    CHECK_EQ_U64(pk_budget_used(&g.respond.budget, pk_str_of("restart"), pk_str_of("web"), &g.now), 0);
}

PK_TEST(approvals__for_a_lower_class_do_not_count_for_a_higher) {
    rig_init(&g, PK_MODE_SAFE);
    struct pk_run *run = new_run("tune", "");
    run->role = PK_ROLE_RESPONDER;
    run->approvals_needed = 1;
    run->approvals_have = 1;
    g.actions.rows[3].risk = PK_RISK_HIGH;
    pk_respond_run_promote(&g.respond, run, &g.now);
    CHECK_EQ_INT(run->state, PK_RUN_AWAITING_APPROVAL);
    CHECK_EQ_INT(run->approvals_have, 0);
    CHECK_EQ_INT(run->role, PK_ROLE_APPROVER);
}

PK_TEST(may_verify__not_when_the_mode_lets_nothing_run) {
    rig_init(&g, PK_MODE_SAFE);
    struct pk_run *run = new_run("restart", "web");
    pk_respond_run_promote(&g.respond, run, &g.now);
    pk_respond_run_succeeded(&g.respond, run, &g.now);
    CHECK_EQ_INT(run->step, PK_RUN_AT_VERIFY);
    CHECK(pk_respond_run_may_verify(&g.respond, run, &g.now));
    g.respond.settings.mode = PK_MODE_OBSERVE;
    CHECK(!pk_respond_run_may_verify(&g.respond, run, &g.now));
    CHECK_EQ_INT(run->state, PK_RUN_FAILED);
}

PK_TEST(tick__no_answer_is_unknown) {
    rig_init(&g, PK_MODE_SAFE);
    struct pk_run *run = new_run("restart", "web");
    pk_respond_run_promote(&g.respond, run, &g.now);
    run->step = PK_RUN_AT_STARTING;
    run->deadline_ms = g.now.mono_ms + 10;
    CHECK_EQ_U64(pk_respond_run_tick(&g.respond, run, &g.now), g.now.mono_ms + 10);
    rig_pass(&g, 10);
    CHECK_EQ_U64(pk_respond_run_tick(&g.respond, run, &g.now), UINT64_MAX);
    CHECK_EQ_INT(run->state, PK_RUN_UNKNOWN);
    CHECK(pk_respond_run_answer_ms(&g.respond, run, &g.now) > g.now.mono_ms + 10000);
}

PK_TEST_MAIN(new__takes_what_the_row_says, twin__same_action_and_target_unfinished, decide__reasons,
             promote__takes_budget_and_writes_the_intent_once, promote__waits_for_a_place_that_another_has,
             promote__not_for_an_incident_that_is_over,
             approvals__for_a_lower_class_do_not_count_for_a_higher,
             may_verify__not_when_the_mode_lets_nothing_run, tick__no_answer_is_unknown)
