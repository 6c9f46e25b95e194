/* ctest: lane=default timeout=240 */
#include "respond/pk_respond.h"

#include <stdio.h>

#include "base/pk_rng.h"
#include "incident/pk_escalation.h"
#include "support/pk_respond_rig.h"

static struct rig g;

static uint32_t plan(const char *names, const char *target, bool is_auto) {
    const uint32_t incident = rig_incident(&g, target);
    CHECK_EQ_INT(pk_respond_plan(&g.respond, incident, pk_str_of(names), pk_str_of(target), is_auto, &g.now),
                 PK_OK);
    rig_settle(&g);
    return incident;
}

PK_TEST(plan__low_risk_runs_verifies_and_mitigates) {
    rig_init(&g, PK_MODE_SAFE);
    const uint32_t incident = plan("restart", "web", true);
    CHECK_EQ_U64(g.started, 1);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXECUTING);
    CHECK_EQ_INT(pk_incidents_get(&g.incidents, incident)->status, PK_INC_MITIGATING);
    pk_respond_on_started(&g.respond, 1, &g.now);
    rig_pass(&g, 500);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 0, false, 500, &g.now);
    rig_settle(&g);
    CHECK_EQ_U64(g.verified, 1);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_VERIFY, 3, false, 10, &g.now);
    rig_settle(&g);
    CHECK_EQ_U64(g.verified, 1);
    rig_pass(&g, 1000);
    rig_settle(&g);
    CHECK_EQ_U64(g.verified, 2);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_VERIFY, 0, false, 10, &g.now);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_COMPLETED);
    CHECK_EQ_INT(pk_incidents_get(&g.incidents, incident)->status, PK_INC_MITIGATED);
    CHECK_STR(pk_incidents_get(&g.incidents, incident)->actions[0].result, "verified");
    CHECK_EQ_U64(g.respond.counts[1].ok, 1);
}

PK_TEST(plan__nothing_starts_before_the_intent_is_durable) {
    rig_init(&g, PK_MODE_SAFE);
    g.is_disk_stuck = true;
    (void)plan("restart", "web", true);
    for (int i = 0; i < 50; i++) {
        rig_pass(&g, 100);
        rig_tick(&g);
    }
    CHECK_EQ_U64(g.started, 0);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXECUTING);
    g.is_disk_stuck = false;
    rig_settle(&g);
    CHECK_EQ_U64(g.started, 1);
}

PK_TEST(plan__mode_turned_off_between_intent_and_start) {
    rig_init(&g, PK_MODE_SAFE);
    g.is_disk_stuck = true;
    (void)plan("restart", "web", true);
    g.respond.settings.mode = PK_MODE_OFF;
    g.is_disk_stuck = false;
    rig_settle(&g);
    CHECK_EQ_U64(g.started, 0);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_REFUSED);
}

PK_TEST(plan__modes) {
    static const struct {
        uint8_t mode, state;
    } CASES[] = {{PK_MODE_OFF, PK_RUN_REFUSED},
                 {PK_MODE_OBSERVE, PK_RUN_WOULD_RUN},
                 {PK_MODE_SAFE, PK_RUN_AWAITING_APPROVAL},
                 {PK_MODE_AUTO, PK_RUN_EXECUTING}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        rig_init(&g, CASES[i].mode);
        (void)plan("tune", "web", true);
        CHECK_EQ_INT(rig_state(&g, 1), CASES[i].state);
        CHECK_EQ_U64(g.started, CASES[i].state == PK_RUN_EXECUTING ? 1 : 0);
    }
}

PK_TEST(plan__refuses_targets_that_are_not_listed) {
    static const char *const BAD[] = {"cache", "../web", "-web", "a b", ""};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        rig_init(&g, PK_MODE_AUTO);
        const uint32_t incident = rig_incident(&g, "web");
        CHECK_EQ_INT(
            pk_respond_plan(&g.respond, incident, pk_str_of("restart"), pk_str_of(BAD[i]), true, &g.now),
            PK_OK);
        rig_settle(&g);
        CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_REFUSED);
        CHECK_EQ_U64(g.started, 0);
    }
}

PK_TEST(plan__bad_calls) {
    rig_init(&g, PK_MODE_SAFE);
    const uint32_t incident = rig_incident(&g, "web");
    CHECK_EQ_INT(pk_respond_plan(&g.respond, 99, pk_str_of("restart"), pk_str_of("web"), true, &g.now),
                 PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_respond_plan(&g.respond, incident, pk_str_of(""), pk_str_of("web"), true, &g.now),
                 PK_E_BAD_FIELD);
    CHECK_EQ_INT(
        pk_respond_plan(&g.respond, incident, pk_str_of("a,b,c,d,e,f,g"), pk_str_of("web"), true, &g.now),
        PK_E_BAD_FIELD);
    CHECK_EQ_INT(
        pk_respond_plan(&g.respond, incident, pk_str_of("restart; id"), pk_str_of("web"), true, &g.now),
        PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_respond_plan(&g.respond, incident, pk_str_of("restart"), pk_str_of("web"), true, &g.now),
                 PK_OK);
    CHECK_EQ_INT(pk_respond_plan(&g.respond, incident, pk_str_of("restart"), pk_str_of("web"), true, &g.now),
                 PK_E_CONFLICT);
}

PK_TEST(plan__next_action_when_the_first_did_not_help_and_unknown_ones_are_seen) {
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("look, nonsense, restart, tune", "web", true);
    CHECK_EQ_INT(g.started, 1);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 0, false, 1, &g.now);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_COMPLETED);
    CHECK_EQ_INT(rig_state(&g, 2), PK_RUN_REFUSED);
    CHECK_EQ_INT(rig_state(&g, 3), PK_RUN_EXECUTING);
    pk_respond_on_done(&g.respond, 3, PK_PHASE_ACT, 4, false, 1, &g.now);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 3), PK_RUN_FAILED);
    CHECK_STR(pk_respond_get(&g.respond, 3)->result, "exit 4");
    CHECK_EQ_INT(rig_state(&g, 4), PK_RUN_EXECUTING);
    CHECK_STR(pk_respond_get(&g.respond, 4)->target, "");
}

PK_TEST(plan__stops_after_success_and_after_the_unknown) {
    rig_init(&g, PK_MODE_AUTO);
    const uint32_t incident = plan("restart, tune", "web", true);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 0, false, 1, &g.now);
    rig_settle(&g);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_VERIFY, 0, false, 1, &g.now);
    rig_settle(&g);
    CHECK(pk_respond_get(&g.respond, 2) == NULL);
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("restart, tune", "web", true);
    rig_pass(&g, 3600000);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_UNKNOWN);
    CHECK(pk_respond_get(&g.respond, 2) == NULL);
    CHECK_EQ_INT(pk_incidents_get(&g.incidents, incident)->status, PK_INC_INVESTIGATING);
}

PK_TEST(clear__verifies_what_runs_and_drops_what_waits) {
    rig_init(&g, PK_MODE_AUTO);
    const uint32_t incident = plan("tune", "web", true);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 0, false, 1, &g.now);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXECUTING);
    CHECK_EQ_INT(pk_incidents_cleared(&g.incidents, pk_str_of("service_down"), pk_str_of("web"), 0, &g.now),
                 incident);
    pk_respond_on_cleared(&g.respond, incident, &g.now);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_COMPLETED);
    rig_init(&g, PK_MODE_SAFE);
    const uint32_t waiting = plan("tune", "web", true);
    pk_respond_on_cleared(&g.respond, waiting, &g.now);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_INTERRUPTED);
    CHECK_EQ_U64(g.approvals, 2);
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("tune", "web", true);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 0, false, 1, &g.now);
    rig_pass(&g, 30000);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_FAILED);
}

PK_TEST(approval__one_two_late_twice_and_too_low) {
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("wipe", "web", true);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_AWAITING_APPROVAL);
    CHECK_EQ_INT(pk_respond_get(&g.respond, 1)->approvals_needed, 2);
    CHECK_EQ_INT(pk_respond_decide(&g.respond, 9, true, pk_str_of("ann"), PK_ROLE_ADMIN, &g.now),
                 PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_respond_decide(&g.respond, 1, true, pk_str_of("joe"), PK_ROLE_RESPONDER, &g.now),
                 PK_E_DENIED);
    CHECK_EQ_INT(pk_respond_decide(&g.respond, 1, true, pk_str_of("ann"), PK_ROLE_APPROVER, &g.now), PK_OK);
    rig_settle(&g);
    CHECK_EQ_U64(g.started, 0);
    CHECK_EQ_INT(pk_respond_decide(&g.respond, 1, true, pk_str_of("ann"), PK_ROLE_APPROVER, &g.now),
                 PK_E_CONFLICT);
    /* Who uid:1000 is nobody said: it may be ann. */
    CHECK_EQ_INT(pk_respond_decide(&g.respond, 1, true, pk_str_of("uid:1000"), PK_ROLE_ADMIN, &g.now),
                 PK_E_CONFLICT);
    CHECK_EQ_INT(pk_respond_decide(&g.respond, 1, true, pk_str_of("bob"), PK_ROLE_ADMIN, &g.now), PK_OK);
    CHECK_EQ_INT(pk_respond_decide(&g.respond, 1, true, pk_str_of("eve"), PK_ROLE_ADMIN, &g.now),
                 PK_E_CONFLICT);
    rig_settle(&g);
    CHECK_EQ_U64(g.started, 1);
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("tune", "web", true);
    rig_pass(&g, 300000);
    CHECK_EQ_INT(pk_respond_decide(&g.respond, 1, true, pk_str_of("ann"), PK_ROLE_ADMIN, &g.now),
                 PK_E_EXPIRED);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXPIRED);
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("tune", "web", true);
    CHECK_EQ_INT(pk_respond_decide(&g.respond, 1, false, pk_str_of("ann"), PK_ROLE_RESPONDER, &g.now), PK_OK);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_REJECTED);
    CHECK_EQ_INT(pk_respond_decide(&g.respond, 1, true, pk_str_of("bob"), PK_ROLE_ADMIN, &g.now),
                 PK_E_CONFLICT);
    rig_settle(&g);
    CHECK_EQ_U64(g.started, 0);
}

/* The wall clock jumps; time to answer is time that passed. */
PK_TEST(approval__clock_jumps__the_deadline_stays) {
    static const int64_t JUMPS_MS[] = {315360000000, -315360000000, -1700000000000};
    for (size_t i = 0; i < sizeof JUMPS_MS / sizeof JUMPS_MS[0]; i++) {
        rig_init(&g, PK_MODE_SAFE);
        (void)plan("tune", "web", true);
        g.now.wall_ms += JUMPS_MS[i];
        rig_pass(&g, 299000);
        rig_settle(&g);
        CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_AWAITING_APPROVAL);
        rig_pass(&g, 1000);
        rig_settle(&g);
        CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXPIRED);
        CHECK_EQ_U64(g.started, 0);
    }
}

PK_TEST(approval__expires_by_the_tick_alone) {
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("tune", "web", true);
    CHECK_EQ_U64(pk_respond_tick(&g.respond, &g.now), g.now.mono_ms + 300000);
    rig_pass(&g, 299999);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_AWAITING_APPROVAL);
    rig_pass(&g, 1);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXPIRED);
}

PK_TEST(approval__asked_with_an_unsure_clock__is_stored_and_published_with_the_true_times) {
    rig_init(&g, PK_MODE_SAFE);
    g.now.quality = PK_TIME_UNSET;
    g.now.wall_ms = 5000;
    const uint64_t asked_ms = g.now.mono_ms;
    (void)plan("tune", "web", true);
    rig_settle(&g);
    REQUIRE(rig_state(&g, 1) == PK_RUN_AWAITING_APPROVAL);
    const struct pk_run *run = pk_respond_get(&g.respond, 1);
    CHECK(!run->needs_persist && !run->needs_approval_note);
    const struct pk_time_fix other = {
        .wall_minus_mono_ms = 7, .boot = g.now.boot + 1, .quality = PK_TIME_NTP};
    CHECK_EQ_U64(pk_respond_correct_wall(&g.respond, &other), 0);
    const struct pk_time_fix fix = {
        .wall_minus_mono_ms = 1790000000000, .boot = g.now.boot, .quality = PK_TIME_HUB};
    CHECK_EQ_U64(pk_respond_correct_wall(&g.respond, &fix), 1);
    CHECK_EQ_INT(run->planned.wall_ms, 1790000000000 + (int64_t)asked_ms);
    CHECK_EQ_INT(run->planned.quality, PK_TIME_HUB);
    CHECK_EQ_INT(run->expires_wall_ms, 1790000000000 + (int64_t)run->expires_ms);
    CHECK(run->needs_persist && run->needs_approval_note);
    CHECK_EQ_U64(pk_respond_correct_wall(&g.respond, &fix), 0);
    g.now.wall_ms = 1790000000000 + (int64_t)g.now.mono_ms;
    g.now.quality = PK_TIME_HUB;
    rig_settle(&g);
    CHECK_EQ_INT(pk_respond_decide(&g.respond, 1, true, pk_str_of("ann"), PK_ROLE_APPROVER, &g.now), PK_OK);
    rig_settle(&g);
    CHECK_EQ_U64(g.started, 1);
}

PK_TEST(rule_without_auto__asks_in_every_mode) {
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("restart", "web", false);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_AWAITING_APPROVAL);
    CHECK_EQ_INT(pk_respond_decide(&g.respond, 1, true, pk_str_of("joe"), PK_ROLE_RESPONDER, &g.now), PK_OK);
    rig_settle(&g);
    CHECK_EQ_U64(g.started, 1);
}

PK_TEST(safe_mode_and_critical_targets__ask) {
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("kill_queries", "web", true);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_AWAITING_APPROVAL);
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("restart", "core", true);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_AWAITING_APPROVAL);
    CHECK_EQ_INT(pk_respond_get(&g.respond, 1)->risk, PK_RISK_MEDIUM);
}

/* A topology in which five things need `web`. */
static void many_behind_web(void) {
    static struct pk_topology topology;
    struct pk_diag diag;
    pk_topology_init(&topology);
    CHECK_EQ_INT(
        pk_topology_parse(&topology, pk_str_of("a -> web\nb -> a\nc -> b\nd -> c\ne -> d\n"), "t", &diag),
        PK_OK);
    pk_topology_finish(&topology);
    pk_respond_set_topology(&g.respond, &topology);
}

PK_TEST(context__what_depends_on_the_target_raises_the_class) {
    rig_init(&g, PK_MODE_SAFE);
    many_behind_web();
    (void)plan("restart", "web", true);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_AWAITING_APPROVAL);
    CHECK_EQ_INT(pk_respond_get(&g.respond, 1)->risk, PK_RISK_MEDIUM);
    CHECK_EQ_INT(pk_respond_get(&g.respond, 1)->raised_by, PK_RISK_BY_BEHIND);
    CHECK_EQ_U64(pk_respond_get(&g.respond, 1)->behind_count, 5);
    (void)plan("restart", "db", true);
    CHECK_EQ_INT(rig_state(&g, 2), PK_RUN_EXECUTING);
    g.respond.settings.risk.behind_count = 6;
    CHECK_EQ_INT(pk_respond_decide(&g.respond, 1, false, pk_str_of("ann"), PK_ROLE_ADMIN, &g.now), PK_OK);
    CHECK_EQ_INT(pk_respond_ask(&g.respond, rig_incident(&g, "web"), pk_str_of("restart"), pk_str_of("web"),
                                pk_str_of("ann"), PK_ROLE_RESPONDER, &g.now),
                 3);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 3), PK_RUN_EXECUTING);
}

PK_TEST(context__what_was_tried_often_asks__and_is_not_raised_by_its_own_start) {
    rig_init(&g, PK_MODE_SAFE);
    g.actions.rows[1].per_hour = 9;
    for (uint32_t n = 1; n <= 4; n++) {
        (void)plan("restart", "web", true);
        CHECK_EQ_INT(rig_state(&g, n), n < 4 ? PK_RUN_EXECUTING : PK_RUN_AWAITING_APPROVAL);
        CHECK_EQ_U64(g.started, n < 4 ? n : 3);
        if (n < 4) {
            pk_respond_on_done(&g.respond, n, PK_PHASE_ACT, 1, false, 1, &g.now);
        }
        rig_pass(&g, 61000);
        rig_settle(&g);
    }
    CHECK_EQ_INT(pk_respond_get(&g.respond, 4)->raised_by, PK_RISK_BY_REPEAT);
    CHECK_EQ_U64(pk_respond_get(&g.respond, 4)->start_count, 3);
}

PK_TEST(context__raised_between_asking_and_starting__needs_the_higher_role) {
    rig_init(&g, PK_MODE_SAFE);
    g.is_disk_stuck = true;
    (void)plan("restart", "web", true);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXECUTING);
    many_behind_web(); /* a reload */
    g.is_disk_stuck = false;
    rig_settle(&g);
    CHECK_EQ_U64(g.started, 0);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_REFUSED);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "needs more approval than it has; not started");
}

PK_TEST(budget_that_is_spent__asks_nobody) {
    rig_init(&g, PK_MODE_SAFE);
    g.actions.rows[3].per_hour = 1;
    for (uint32_t n = 1; n <= 2; n++) {
        (void)plan("tune", "web", true);
        if (n == 1) {
            CHECK_EQ_INT(pk_respond_decide(&g.respond, 1, true, pk_str_of("ann"), PK_ROLE_ADMIN, &g.now),
                         PK_OK);
            rig_settle(&g);
            pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 1, false, 1, &g.now);
        }
        rig_pass(&g, 400000);
        rig_settle(&g);
    }
    CHECK_EQ_INT(rig_state(&g, 2), PK_RUN_REFUSED);
    CHECK_STR(pk_respond_get(&g.respond, 2)->result, "the budget is spent");
}

static uint32_t restart_with(uint32_t run, uint8_t quality);

static void plan_of(const char *group, const char *names, const char *target) {
    const uint32_t incident = rig_incident(&g, group);
    CHECK_EQ_INT(pk_respond_plan(&g.respond, incident, pk_str_of(names), pk_str_of(target), true, &g.now),
                 PK_OK);
    rig_settle(&g);
}

static int say(uint32_t run, bool is_yes, const char *who, enum pk_role role) {
    return pk_respond_decide(&g.respond, run, is_yes, pk_str_of(who), role, &g.now);
}

static int hand_on(uint32_t run, const char *who, enum pk_role role, const char *to) {
    return pk_respond_delegate(&g.respond, run, pk_str_of(who), role, pk_str_of(to), &g.now);
}

PK_TEST(delegate__he_or_an_admin_answers_and_the_time_starts_anew) {
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("tune", "web", true);
    rig_pass(&g, 200000);
    CHECK_EQ_INT(hand_on(1, "vic", PK_ROLE_VIEWER, "bob"), PK_E_DENIED);
    CHECK_EQ_INT(hand_on(1, "ann", PK_ROLE_RESPONDER, "ann"), PK_E_BAD_FIELD);
    CHECK_EQ_INT(hand_on(1, "ann", PK_ROLE_RESPONDER, ""), PK_E_BAD_FIELD);
    CHECK_EQ_INT(hand_on(1, "ann", PK_ROLE_RESPONDER, "b b"), PK_E_BAD_FIELD);
    CHECK_EQ_INT(hand_on(7, "ann", PK_ROLE_RESPONDER, "bob"), PK_E_NOT_FOUND);
    CHECK_EQ_INT(hand_on(1, "ann", PK_ROLE_RESPONDER, "bob"), PK_OK);
    rig_pass(&g, 200000);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_AWAITING_APPROVAL);
    CHECK_EQ_INT(say(1, true, "ann", PK_ROLE_APPROVER), PK_E_DENIED); /* she handed it on */
    CHECK_EQ_INT(say(1, false, "ann", PK_ROLE_APPROVER), PK_E_DENIED);
    CHECK_EQ_INT(say(1, true, "bob", PK_ROLE_VIEWER), PK_E_DENIED); /* his role must reach all the same */
    CHECK_EQ_INT(hand_on(1, "ann", PK_ROLE_APPROVER, "eve"), PK_E_DENIED);
    CHECK_EQ_INT(hand_on(1, "bob", PK_ROLE_RESPONDER, "eve"), PK_OK);
    CHECK_EQ_INT(hand_on(1, "eve", PK_ROLE_RESPONDER, "ann"), PK_OK);
    CHECK_EQ_INT(hand_on(1, "ann", PK_ROLE_RESPONDER, "bob"), PK_E_BUDGET);
    CHECK_EQ_INT(say(1, true, "root", PK_ROLE_ADMIN), PK_OK);
    rig_settle(&g);
    CHECK_EQ_U64(g.started, 1);
    CHECK_EQ_INT(hand_on(1, "root", PK_ROLE_ADMIN, "bob"), PK_E_CONFLICT);
}

PK_TEST(delegate__expires_and_is_kept_over_a_restart) {
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("tune", "web", true);
    CHECK_EQ_INT(hand_on(1, "ann", PK_ROLE_RESPONDER, "bob"), PK_OK);
    (void)restart_with(1, PK_TIME_NTP);
    CHECK_EQ_INT(say(1, true, "ann", PK_ROLE_APPROVER), PK_E_DENIED);
    rig_pass(&g, 300001);
    CHECK_EQ_INT(say(1, true, "bob", PK_ROLE_RESPONDER), PK_E_EXPIRED);
    CHECK_EQ_INT(hand_on(1, "bob", PK_ROLE_RESPONDER, "eve"), PK_E_EXPIRED);
    CHECK_EQ_U64(g.started, 0);
}

PK_TEST(delegate__of_two_approvals_is_one_and_not_for_him_who_gave_the_other) {
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("wipe", "web", true);
    CHECK_EQ_INT(say(1, true, "ann", PK_ROLE_APPROVER), PK_OK);
    CHECK_EQ_INT(hand_on(1, "ann", PK_ROLE_APPROVER, "eve"), PK_E_CONFLICT); /* she gave hers */
    CHECK_EQ_INT(hand_on(1, "bob", PK_ROLE_APPROVER, "ann"), PK_E_CONFLICT);
    CHECK_EQ_INT(hand_on(1, "bob", PK_ROLE_APPROVER, "eve"), PK_OK);
    CHECK_EQ_INT(say(1, true, "eve", PK_ROLE_RESPONDER), PK_E_DENIED);
    CHECK_EQ_INT(say(1, true, "eve", PK_ROLE_APPROVER), PK_OK);
    rig_settle(&g);
    CHECK_EQ_U64(g.started, 1);
}

PK_TEST(race__the_first_answer_counts_and_the_other_is_told) {
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("tune", "web", true);
    CHECK_EQ_INT(say(1, false, "ann", PK_ROLE_RESPONDER), PK_OK);
    CHECK_EQ_INT(say(1, true, "bob", PK_ROLE_ADMIN), PK_E_CONFLICT);
    rig_settle(&g);
    CHECK_EQ_U64(g.started, 0);
    CHECK_STR(pk_respond_get(&g.respond, 1)->approved_by[0], "ann");
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("wipe", "web", true);
    CHECK_EQ_INT(say(1, true, "ann", PK_ROLE_APPROVER), PK_OK);
    CHECK_EQ_INT(say(1, true, "ann", PK_ROLE_ADMIN), PK_E_CONFLICT);
    CHECK_EQ_INT(say(1, false, "bob", PK_ROLE_APPROVER), PK_OK); /* one no outweighs one yes */
    rig_settle(&g);
    CHECK_EQ_U64(g.started, 0);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_REJECTED);
}

/* The rig's actions and hooks for both calls. */
static void with_hooks(uint8_t mode) {
    static const char HOOKS[] =
        "[action escalate]\nrisk = low\nargv = /bin/page {target}\ntargets = tier-1, tier-2, tier-3\n"
        "[action notify_team]\nrisk = medium\nargv = /bin/mail {target}\ntargets = web\n";
    struct pk_diag diag;
    rig_init(&g, mode);
    CHECK_EQ_INT(pk_actions_parse(&g.actions, pk_str_of(HOOKS), "hooks", &diag), PK_OK);
    CHECK_EQ_INT(pk_actions_finish(&g.actions, "hooks", &diag), PK_OK);
}

static int64_t ask(uint32_t incident, const char *action, const char *target, enum pk_role role) {
    return pk_respond_ask(&g.respond, incident, pk_str_of(action), pk_str_of(target), pk_str_of("ann"), role,
                          &g.now);
}

PK_TEST(call__without_a_hook__is_a_word_in_every_mode_and_the_plan_goes_on) {
    for (uint8_t mode = 0; mode < PK_MODE_COUNT; mode++) {
        rig_init(&g, mode);
        (void)plan("notify_team, look, escalate", "web", false);
        CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_COMPLETED);
        CHECK_STR(pk_respond_get(&g.respond, 1)->result, "on the incident");
        CHECK(g.calls >= 1);
        CHECK_STR(pk_respond_get(&g.respond, 2)->action, "look");
        CHECK_EQ_U64(g.started, 0);
    }
    rig_init(&g, PK_MODE_OFF);
    const uint32_t incident = rig_incident(&g, "web");
    CHECK_EQ_INT(ask(incident, "escalate", "", PK_ROLE_VIEWER), PK_E_DENIED);
    CHECK_EQ_INT(ask(incident, "escalate", "", PK_ROLE_RESPONDER), 1);
    rig_settle(&g);
    CHECK_EQ_U64(g.calls, 1);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_COMPLETED);
    char words[200];
    struct pk_buf b;
    pk_buf_init(&b, words, sizeof words);
    CHECK_EQ_INT(pk_respond_explain(&g.respond, incident, pk_str_of("escalate"), pk_str_of(""), &g.now, &b),
                 PK_OK);
    CHECK_STR(words, "a word on the incident: no program runs");
}

PK_TEST(call__with_a_hook__has_the_guards_of_any_action) {
    with_hooks(PK_MODE_SAFE);
    const uint32_t incident = plan("escalate, notify_team", "web", false);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXECUTING);
    CHECK_STR(pk_respond_get(&g.respond, 1)->target, "tier-1");
    CHECK_EQ_U64(g.calls, 1);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 0, false, 5, &g.now);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_COMPLETED);
    CHECK_EQ_INT(rig_state(&g, 2), PK_RUN_AWAITING_APPROVAL); /* its row says medium */
    CHECK_STR(pk_respond_get(&g.respond, 2)->target, "web");
    CHECK_EQ_INT(pk_incidents_get(&g.incidents, incident)->status,
                 PK_INC_DETECTED); /* calling mends nothing */
    with_hooks(PK_MODE_OBSERVE);
    (void)plan("escalate", "web", true);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_WOULD_RUN);
}

PK_TEST(hook__of_a_tier__runs_once_and_not_while_notifications_are_off) {
    const struct pk_str escalate = pk_str_of("escalate");
    with_hooks(PK_MODE_SAFE);
    const uint32_t incident = rig_incident(&g, "web");
    CHECK_EQ_INT(pk_respond_hook(&g.respond, 99, escalate, &g.now), PK_E_NOT_FOUND);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ_INT(pk_incidents_escalate(&g.incidents, incident, PK_ESC_RESPONSE, pk_str_of(""), &g.now),
                     PK_OK);
    }
    g.respond.settings.is_auto_off = true; /* it is no remediation */
    CHECK_EQ_INT(pk_respond_hook(&g.respond, incident, escalate, &g.now), PK_OK);
    CHECK_EQ_INT(pk_respond_hook(&g.respond, incident, escalate, &g.now), PK_E_CONFLICT);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXECUTING);
    CHECK_STR(pk_respond_get(&g.respond, 1)->target, "tier-2");
    CHECK_STR(pk_respond_get(&g.respond, 1)->requested_by, "escalation");
    CHECK_EQ_U64(g.calls, 0); /* the tier was called before */
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 1, false, 5, &g.now);
    g.respond.settings.is_quiet = true;
    rig_pass(&g, 600000);
    CHECK_EQ_INT(pk_respond_hook(&g.respond, incident, escalate, &g.now), PK_OK);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 2), PK_RUN_REFUSED);
    CHECK_STR(pk_respond_get(&g.respond, 2)->result, "notifications_enabled is off");
    CHECK_EQ_INT(ask(incident, "escalate", "tier-3", PK_ROLE_RESPONDER), 3);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 3), PK_RUN_EXECUTING);
    rig_init(&g, PK_MODE_SAFE);
    CHECK_EQ_INT(pk_respond_hook(&g.respond, rig_incident(&g, "web"), escalate, &g.now), PK_E_NOT_FOUND);
}

PK_TEST(auto_remediation_off__only_what_a_person_wants_starts) {
    rig_init(&g, PK_MODE_AUTO);
    struct pk_standing s = {
        .role = PK_ROLE_ADMIN, .left = 5, .until = g.now, .action = "kill_queries", .by = {"ann"}};
    s.until.mono_ms += 100000000;
    CHECK_EQ_INT(pk_standings_add(&g.respond.standings, &s, &g.now), 1);
    g.respond.settings.is_auto_off = true;
    plan_of("o1", "restart, kill_queries", "web");
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_REFUSED);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "auto_remediation_enabled is off");
    CHECK_EQ_INT(rig_state(&g, 2), PK_RUN_REFUSED);
    CHECK_EQ_INT(pk_standings_get(&g.respond.standings, 1)->left, 5);
    const int64_t run = pk_respond_ask(&g.respond, rig_incident(&g, "o2"), pk_str_of("restart"),
                                       pk_str_of("web"), pk_str_of("ann"), PK_ROLE_RESPONDER, &g.now);
    CHECK(run > 0);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, (uint32_t)run), PK_RUN_EXECUTING);
    CHECK_EQ_U64(g.started, 1);
}

PK_TEST(auto_remediation_off__reaches_what_has_not_left_and_spares_what_a_person_approved) {
    rig_init(&g, PK_MODE_AUTO);
    g.is_disk_stuck = true;
    plan_of("o3", "restart", "web"); /* its intent is on the way to the disk */
    g.respond.settings.is_safe_mode = true;
    plan_of("o4", "kill_queries", "web");
    CHECK_EQ_INT(rig_state(&g, 2), PK_RUN_AWAITING_APPROVAL);
    g.respond.settings.is_auto_off = true;
    CHECK_EQ_INT(pk_respond_decide(&g.respond, 2, true, pk_str_of("joe"), PK_ROLE_APPROVER, &g.now), PK_OK);
    g.is_disk_stuck = false;
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_REFUSED);
    CHECK_EQ_INT(rig_state(&g, 2), PK_RUN_EXECUTING);
    CHECK_EQ_U64(g.started, 1);
}

PK_TEST(standing_order__approves_as_far_as_it_reaches_and_is_counted_down) {
    rig_init(&g, PK_MODE_SAFE);
    struct pk_standing s = {
        .role = PK_ROLE_RESPONDER, .left = 1, .until = g.now, .action = "tune", .by = {"ann"}};
    s.until.mono_ms += 100000000;
    CHECK_EQ_INT(pk_standings_add(&g.respond.standings, &s, &g.now), 1);
    memcpy(s.action, "wipe", sizeof "wipe");
    memcpy(s.target, "web", sizeof "web");
    s.role = PK_ROLE_APPROVER;
    CHECK_EQ_INT(pk_standings_add(&g.respond.standings, &s, &g.now), 2);
    plan_of("g1", "tune", "web");
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXECUTING);
    CHECK_EQ_INT(pk_respond_get(&g.respond, 1)->standing, 1);
    CHECK_STR(pk_respond_get(&g.respond, 1)->approved_by[0], "ann");
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "standing order 1 approves");
    plan_of("g2", "wipe", "web");
    CHECK_EQ_INT(rig_state(&g, 2), PK_RUN_AWAITING_APPROVAL); /* of one person; two are needed */
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 1, false, 1, &g.now);
    rig_pass(&g, 3600000);
    plan_of("g3", "tune", "web");
    CHECK_EQ_INT(rig_last_run(&g)->state, PK_RUN_AWAITING_APPROVAL); /* used up */
    CHECK_EQ_U64(g.started, 1);
}

PK_TEST(standing_order__is_not_spent_where_nothing_may_start) {
    rig_init(&g, PK_MODE_OFF);
    struct pk_standing s = {
        .role = PK_ROLE_ADMIN, .left = 5, .until = g.now, .action = "tune", .by = {"ann"}};
    s.until.mono_ms += 100000000;
    CHECK_EQ_INT(pk_standings_add(&g.respond.standings, &s, &g.now), 1);
    plan_of("g4", "tune", "web");
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_REFUSED);
    g.respond.settings.mode = PK_MODE_SAFE;
    g.actions.rows[3].per_hour = 1;
    plan_of("g5", "tune", "web");
    CHECK_EQ_U64(g.started, 1);
    pk_respond_on_done(&g.respond, 2, PK_PHASE_ACT, 1, false, 1, &g.now);
    rig_pass(&g, 400000);
    plan_of("g6", "tune", "web");
    CHECK_STR(rig_last_run(&g)->result, "the budget is spent");
    CHECK_EQ_INT(pk_standings_get(&g.respond.standings, 1)->left, 4);
}

PK_TEST(cooldown__waits_then_runs__and_the_hour_refuses) {
    rig_init(&g, PK_MODE_SAFE);
    const uint32_t incident = rig_incident(&g, "web");
    for (uint32_t i = 1; i <= 3; i++) {
        CHECK_EQ_INT(
            pk_respond_plan(&g.respond, incident, pk_str_of("restart"), pk_str_of("web"), true, &g.now),
            PK_OK);
        rig_settle(&g);
        if (i > 1) {
            CHECK_EQ_INT(rig_state(&g, i), PK_RUN_PLANNED);
            rig_pass(&g, 60000);
            rig_settle(&g);
        }
        CHECK_EQ_U64(g.started, i);
        pk_respond_on_done(&g.respond, i, PK_PHASE_ACT, 1, false, 1, &g.now);
        rig_settle(&g);
    }
    rig_pass(&g, 60000);
    CHECK_EQ_INT(pk_respond_plan(&g.respond, incident, pk_str_of("restart"), pk_str_of("web"), true, &g.now),
                 PK_OK);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 4), PK_RUN_REFUSED);
    CHECK_STR(pk_respond_get(&g.respond, 4)->result, "the budget is spent");
    CHECK_EQ_U64(g.started, 3);
}

PK_TEST(iterations__ten_for_an_incident) {
    rig_init(&g, PK_MODE_SAFE);
    const uint32_t incident = rig_incident(&g, "web");
    for (uint32_t i = 1; i <= 12; i++) {
        CHECK_EQ_INT(pk_respond_plan(&g.respond, incident, pk_str_of("look"), pk_str_of("web"), true, &g.now),
                     PK_OK);
        rig_settle(&g);
        pk_respond_on_done(&g.respond, i, PK_PHASE_ACT, 0, false, 1, &g.now);
        rig_settle(&g);
        rig_pass(&g, 2000);
    }
    CHECK_EQ_U64(g.started, 10);
    CHECK_EQ_INT(rig_state(&g, 11), PK_RUN_REFUSED);
}

PK_TEST(ask__a_person_and_his_role) {
    rig_init(&g, PK_MODE_SAFE);
    const uint32_t incident = rig_incident(&g, "web");
    const struct pk_str joe = pk_str_of("joe"), web = pk_str_of("web"), none = pk_str_of("");
    CHECK_EQ_INT(pk_respond_ask(&g.respond, incident, pk_str_of("restart"), web, joe, PK_ROLE_VIEWER, &g.now),
                 PK_E_DENIED);
    CHECK_EQ_INT(pk_respond_ask(&g.respond, 99, pk_str_of("restart"), web, joe, PK_ROLE_ADMIN, &g.now),
                 PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_respond_ask(&g.respond, incident, pk_str_of("rm"), web, joe, PK_ROLE_ADMIN, &g.now),
                 PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_respond_ask(&g.respond, incident, pk_str_of("restart"), pk_str_of("mail"), joe,
                                PK_ROLE_ADMIN, &g.now),
                 PK_E_POLICY);
    CHECK_EQ_INT(
        pk_respond_ask(&g.respond, incident, pk_str_of("tune"), none, joe, PK_ROLE_RESPONDER, &g.now), 1);
    CHECK_EQ_INT(
        pk_respond_ask(&g.respond, incident, pk_str_of("tune"), none, joe, PK_ROLE_RESPONDER, &g.now),
        PK_E_CONFLICT);
    CHECK_EQ_INT(pk_respond_ask(&g.respond, incident, pk_str_of("wipe"), web, joe, PK_ROLE_RESPONDER, &g.now),
                 2);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXECUTING);
    CHECK_EQ_INT(rig_state(&g, 2), PK_RUN_AWAITING_APPROVAL);
    CHECK_EQ_INT(pk_respond_get(&g.respond, 2)->approvals_have, 0);
    CHECK_EQ_INT(
        pk_respond_ask(&g.respond, incident, pk_str_of("look"), none, joe, PK_ROLE_RESPONDER, &g.now), 3);
    rig_settle(&g);
    pk_respond_on_done(&g.respond, 3, PK_PHASE_ACT, 0, false, 1, &g.now);
    rig_settle(&g);
    CHECK_EQ_INT(
        pk_respond_ask(&g.respond, incident, pk_str_of("look"), none, joe, PK_ROLE_RESPONDER, &g.now),
        PK_E_COOLDOWN);
    g.respond.settings.mode = PK_MODE_OFF;
    CHECK_EQ_INT(pk_respond_ask(&g.respond, incident, pk_str_of("look"), none, joe, PK_ROLE_ADMIN, &g.now),
                 PK_E_POLICY);
}

PK_TEST(concurrency__three) {
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("restart", "web", true);
    (void)plan("restart", "db", true);
    (void)plan("look", "a", true);
    (void)plan("tune", "b", true);
    CHECK_EQ_U64(g.started, 3);
    CHECK_EQ_INT(rig_state(&g, 4), PK_RUN_PLANNED);
    pk_respond_on_done(&g.respond, 3, PK_PHASE_ACT, 0, false, 1, &g.now);
    rig_settle(&g);
    CHECK_EQ_U64(g.started, 4);
}

PK_TEST(refused_by_the_supervisor__busy_is_tried_again) {
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("restart", "web", true);
    pk_respond_on_refused(&g.respond, 1, PK_E_BUSY, 2500, pk_str_of("slots"), &g.now);
    rig_pass(&g, 2499);
    rig_settle(&g);
    CHECK_EQ_U64(g.started, 1);
    rig_pass(&g, 1);
    rig_settle(&g);
    CHECK_EQ_U64(g.started, 2);
    pk_respond_on_refused(&g.respond, 1, PK_E_POLICY, 0, pk_str_of("mode off"), &g.now);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_REFUSED);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "mode off");
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 0, false, 1, &g.now);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_REFUSED);
}

PK_TEST(not_sent_and_not_stored__come_again_at_the_next_tick) {
    struct pk_respond_request q;
    rig_init(&g, PK_MODE_AUTO);
    const uint32_t incident = rig_incident(&g, "web");
    CHECK_EQ_INT(pk_respond_plan(&g.respond, incident, pk_str_of("restart"), pk_str_of("web"), true, &g.now),
                 PK_OK);
    CHECK_EQ_INT(pk_respond_next_request(&g.respond, &g.now, &q), PK_OK);
    CHECK_EQ_INT(q.kind, PK_REQ_NOTIFY);
    CHECK_EQ_INT(pk_respond_next_request(&g.respond, &g.now, &q), PK_OK);
    CHECK_EQ_INT(q.kind, PK_REQ_PERSIST);
    pk_respond_on_submit_failed(&g.respond, q.run->id);
    CHECK_EQ_INT(pk_respond_next_request(&g.respond, &g.now, &q), PK_E_NOT_FOUND);
    (void)pk_respond_tick(&g.respond, &g.now);
    CHECK_EQ_INT(pk_respond_next_request(&g.respond, &g.now, &q), PK_OK);
    CHECK_EQ_INT(q.kind, PK_REQ_PERSIST);
    pk_respond_on_submitted(&g.respond, 1, 5);
    pk_respond_on_durable(&g.respond, 4);
    CHECK_EQ_INT(pk_respond_next_request(&g.respond, &g.now, &q), PK_E_NOT_FOUND);
    pk_respond_on_durable(&g.respond, 5);
    CHECK_EQ_INT(pk_respond_next_request(&g.respond, &g.now, &q), PK_OK);
    CHECK_EQ_INT(q.kind, PK_REQ_START);
    pk_respond_on_not_sent(&g.respond, 1);
    CHECK_EQ_INT(pk_respond_next_request(&g.respond, &g.now, &q), PK_E_NOT_FOUND);
    CHECK_EQ_U64(pk_respond_tick(&g.respond, &g.now), g.now.mono_ms + 10);
    rig_pass(&g, 10);
    (void)pk_respond_tick(&g.respond, &g.now);
    CHECK_EQ_INT(pk_respond_next_request(&g.respond, &g.now, &q), PK_OK);
    CHECK_EQ_INT(q.kind, PK_REQ_START);
}

PK_TEST(interrupt__before_and_while_it_runs) {
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("restart", "web", true);
    pk_respond_on_started(&g.respond, 1, &g.now);
    CHECK_EQ_INT(pk_respond_interrupt(&g.respond, 1, pk_str_of("joe"), PK_ROLE_ADMIN, &g.now), PK_OK);
    rig_settle(&g);
    CHECK_EQ_U64(g.stopped, 1);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXECUTING);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 143, false, 1, &g.now);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_INTERRUPTED);
    CHECK_EQ_INT(pk_respond_interrupt(&g.respond, 1, pk_str_of("joe"), PK_ROLE_ADMIN, &g.now), PK_E_CONFLICT);
    CHECK_EQ_INT(pk_respond_interrupt(&g.respond, 9, pk_str_of("joe"), PK_ROLE_ADMIN, &g.now),
                 PK_E_NOT_FOUND);
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("tune", "web", true);
    CHECK_EQ_INT(pk_respond_interrupt(&g.respond, 1, pk_str_of("joe"), PK_ROLE_ADMIN, &g.now), PK_OK);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_INTERRUPTED);
}

/* As with a rejection one person is enough, and his role must reach. */
PK_TEST(interrupt__by_whom) {
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("wipe", "web", true);
    CHECK_EQ_INT(pk_respond_interrupt(&g.respond, 1, pk_str_of("joe"), PK_ROLE_RESPONDER, &g.now),
                 PK_E_DENIED);
    CHECK_EQ_INT(pk_respond_decide(&g.respond, 1, true, pk_str_of("ann"), PK_ROLE_APPROVER, &g.now), PK_OK);
    CHECK_EQ_INT(pk_respond_decide(&g.respond, 1, true, pk_str_of("bob"), PK_ROLE_ADMIN, &g.now), PK_OK);
    rig_settle(&g);
    pk_respond_on_started(&g.respond, 1, &g.now);
    CHECK_EQ_INT(pk_respond_interrupt(&g.respond, 1, pk_str_of("hub"), PK_ROLE_HUB, &g.now), PK_E_DENIED);
    CHECK_EQ_INT(pk_respond_interrupt(&g.respond, 1, pk_str_of("joe"), PK_ROLE_RESPONDER, &g.now),
                 PK_E_DENIED);
    rig_settle(&g);
    CHECK_EQ_U64(g.stopped, 0);
    CHECK_EQ_INT(pk_respond_interrupt(&g.respond, 1, pk_str_of("bob"), PK_ROLE_APPROVER, &g.now), PK_OK);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "being stopped by bob");
    rig_settle(&g);
    CHECK_EQ_U64(g.stopped, 1);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 143, false, 1, &g.now);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_INTERRUPTED);
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("restart", "web", true);
    CHECK_EQ_INT(pk_respond_interrupt(&g.respond, 1, pk_str_of("vic"), PK_ROLE_VIEWER, &g.now), PK_E_DENIED);
    CHECK_EQ_INT(pk_respond_interrupt(&g.respond, 1, pk_str_of("joe"), PK_ROLE_RESPONDER, &g.now), PK_OK);
}

PK_TEST(timeout_and_lost_supervisor) {
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("restart", "web", true);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 143, true, 10000, &g.now);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_TIMED_OUT);
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("restart", "web", true);
    pk_respond_on_supervisor_lost(&g.respond, &g.now);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_UNKNOWN);
}

static uint32_t restart(uint32_t run, uint8_t quality, bool is_end_unsure) {
    static uint8_t stored[PK_RUN_STORED_BYTES];
    const struct pk_run *r = pk_respond_get(&g.respond, run);
    const int n = pk_run_pack(r, stored, sizeof stored);
    const struct pk_respond_settings s = g.respond.settings;
    g.now.boot++;
    g.now.mono_ms = 50;
    g.now.quality = quality;
    g.started = 0;
    pk_respond_init(&g.respond, &g.actions, &g.incidents, g.now.boot, &s);
    if (is_end_unsure) {
        pk_respond_doubt(&g.respond);
    }
    CHECK_EQ_INT(pk_respond_restore(&g.respond, pk_str_make((const char *)stored, (size_t)n), &g.now), PK_OK);
    CHECK_EQ_INT(pk_respond_restore(&g.respond, pk_str_make((const char *)stored, (size_t)n), &g.now),
                 PK_E_CONFLICT);
    CHECK_EQ_INT(pk_respond_restore(&g.respond, pk_str_make((const char *)stored, (size_t)n - 1), &g.now),
                 PK_E_CORRUPT);
    rig_settle(&g);
    return run;
}

static uint32_t restart_with(uint32_t run, uint8_t quality) {
    return restart(run, quality, false);
}

PK_TEST(restart__an_intent_is_unknown_and_never_runs_again) {
    rig_init(&g, PK_MODE_AUTO);
    g.is_disk_stuck = true;
    (void)plan("restart", "web", true);
    g.is_disk_stuck = false;
    (void)restart_with(1, PK_TIME_NTP);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_UNKNOWN);
    CHECK_EQ_U64(g.started, 0);
    CHECK_EQ_U64(g.respond.next_run, 2);
}

PK_TEST(restart__approved_and_waiting_for_its_cooldown__is_asked_anew) {
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("wipe", "web", true);
    CHECK_EQ_INT(say(1, true, "ann", PK_ROLE_APPROVER), PK_OK);
    CHECK_EQ_INT(say(1, true, "bob", PK_ROLE_ADMIN), PK_OK);
    struct pk_run *run = pk_respond_run_find(&g.respond, 1);
    REQUIRE(run != NULL);
    run->state = PK_RUN_APPROVED;
    run->step = PK_RUN_AT_WAIT;
    run->is_intent = false;
    const uint32_t before = (uint32_t)g.started;
    (void)restart_with(1, PK_TIME_NTP);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_AWAITING_APPROVAL);
    CHECK_EQ_U64(g.started, before);
}

PK_TEST(restart__idempotent_is_decided_anew_and_approvals_live_on) {
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("look", "web", true);
    (void)restart_with(1, PK_TIME_NTP);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXECUTING);
    CHECK_EQ_U64(g.started, 1);
    /* But not what a person had stopped. */
    CHECK_EQ_INT(pk_respond_interrupt(&g.respond, 1, pk_str_of("joe"), PK_ROLE_RESPONDER, &g.now), PK_OK);
    (void)restart_with(1, PK_TIME_NTP);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_INTERRUPTED);
    CHECK_EQ_U64(g.started, 0);
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("tune", "web", true);
    rig_pass(&g, 100000);
    (void)restart_with(1, PK_TIME_NTP);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_AWAITING_APPROVAL);
    rig_pass(&g, 200000);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXPIRED);
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("tune", "web", true);
    (void)restart_with(1, PK_TIME_UNSET);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXPIRED);
}

/* It may have ended, or a person may have stopped it, while nothing was stored (ADR 0024). */
PK_TEST(restart__after_a_store_that_kept_nothing__what_acts_is_not_run_again_by_itself) {
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("restart", "web", true);
    struct pk_run *run = pk_respond_run_find(&g.respond, 1);
    REQUIRE(run != NULL && run->is_intent);
    run->is_idempotent = true;
    (void)restart(1, PK_TIME_NTP, true);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_UNKNOWN);
    CHECK_EQ_U64(g.started, 0);
    /* Not proved either: its undo would follow. */
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("restart", "web", true);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 0, false, 1, &g.now);
    (void)restart(1, PK_TIME_NTP, true);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_UNKNOWN);
    /* What had not begun asks. */
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("restart", "web", true);
    run = pk_respond_run_find(&g.respond, 1);
    REQUIRE(run != NULL);
    run->state = PK_RUN_PLANNED;
    run->step = PK_RUN_AT_WAIT;
    run->is_intent = false;
    (void)restart(1, PK_TIME_NTP, true);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_AWAITING_APPROVAL);
    CHECK_EQ_U64(g.started, 0);
    /* Reading harms nothing. */
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("look", "web", true);
    (void)restart(1, PK_TIME_NTP, true);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXECUTING);
    CHECK_EQ_U64(g.started, 1);
}

PK_TEST(reload__a_row_that_is_gone) {
    static struct pk_action_table none;
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("tune", "web", true);
    (void)plan("restart", "db", true);
    pk_actions_init(&none);
    pk_respond_set_actions(&g.respond, &none, &g.now);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_REFUSED);
    pk_respond_on_done(&g.respond, 2, PK_PHASE_ACT, 0, false, 1, &g.now);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 2), PK_RUN_COMPLETED);
}

PK_TEST(table_full__finished_runs_leave_and_are_forgotten) {
    rig_init(&g, PK_MODE_OBSERVE);
    for (uint32_t i = 0; i < PK_LIMIT_RUNS * 3u; i++) {
        const uint32_t incident = rig_incident(&g, "web");
        CHECK_EQ_INT(
            pk_respond_plan(&g.respond, incident, pk_str_of("restart"), pk_str_of("web"), true, &g.now),
            PK_OK);
        rig_settle(&g);
    }
    CHECK_EQ_U64(g.forgotten, PK_LIMIT_RUNS * 2u);
    CHECK_EQ_U64(g.respond.full_count, 0);
    CHECK_EQ_INT(rig_last_run(&g)->state, PK_RUN_WOULD_RUN);
}

PK_TEST(explain__says_what_blocks) {
    char text[256];
    struct pk_buf b;
    rig_init(&g, PK_MODE_SAFE);
    const uint32_t incident = plan("restart", "web", true);
    pk_buf_init(&b, text, sizeof text);
    CHECK_EQ_INT(pk_respond_explain(&g.respond, incident, pk_str_of("restart"), pk_str_of("web"), &g.now, &b),
                 PK_E_COOLDOWN);
    CHECK_STR(text, "low risk runs in mode safe; starts this hour: 1 of 3; iterations for this incident: 1 "
                    "of 10; cooling down, free in 1m");
    pk_buf_init(&b, text, sizeof text);
    CHECK_EQ_INT(pk_respond_explain(&g.respond, incident, pk_str_of("wipe"), pk_str_of("web"), &g.now, &b),
                 PK_E_NEEDS_APPROVAL);
    pk_buf_init(&b, text, sizeof text);
    CHECK_EQ_INT(pk_respond_explain(&g.respond, incident, pk_str_of("wipe"), pk_str_of("db"), &g.now, &b),
                 PK_E_POLICY);
    CHECK_STR(text, "target is not on the allow-list");
}

/* -- the model: whatever happens in whatever order, a START that leaves is allowed to -- */
struct model {
    struct pk_rng rng;
    uint32_t approvals[4096]; /* by run: people who approved, as the model saw it */
    uint64_t intent_seq[4096];
    bool is_counted[4096];       /* newest submitted sequence of an intent, by run */
    uint64_t start_ms[5][8][64]; /* by action and target: start times, a ring */
    uint32_t start_count[5][8];
    uint32_t iterations[8192]; /* by incident */
    uint32_t act_starts, verify_starts, in_flight;
    uint64_t durable;
};
static struct model m;
static const char *const NAMES[] = {"look", "restart", "wipe", "tune", "kill_queries"};
static const char *const TARGETS[] = {"web", "db", "core", "mail", ""};

static uint32_t dice(uint32_t n) {
    return (uint32_t)pk_rng_below(&m.rng, n);
}

static uint32_t target_index(const char *target) {
    for (uint32_t i = 0; i < 5; i++) {
        if (strcmp(target, TARGETS[i]) == 0) {
            return i;
        }
    }
    return 5;
}

/* The tables once more, written differently: what the promise says. */
static uint32_t people_needed(const struct pk_run *run, bool *out_may) {
    static const uint8_t BASE[5] = {0, 0, 3, 1, 0};
    const uint8_t mode = g.respond.settings.mode;
    uint32_t risk = BASE[run->action_index];
    *out_may = mode == PK_MODE_SAFE || mode == PK_MODE_AUTO;
    risk += strcmp(run->target, "core") == 0 ? 1u : 0u;
    if (risk >= 3) {
        return 2;
    }
    if (risk == 2 || (risk == 1 && mode == PK_MODE_SAFE)) {
        return 1;
    }
    if (run->action_index == 4 && g.respond.settings.is_safe_mode) {
        return 1;
    }
    return run->is_auto || run->is_manual ? 0 : 1;
}

static void check_budget(const struct pk_run *run) {
    const uint32_t a = (uint32_t)run->action_index, t = target_index(run->target);
    const struct pk_action *row = &g.actions.rows[a];
    const uint32_t n = m.start_count[a][t];
    uint32_t in_hour = 0;
    for (uint32_t k = 0; k < 64 && k < n; k++) {
        in_hour += g.now.mono_ms - m.start_ms[a][t][(n - 1 - k) % 64] < 3600000 ? 1u : 0u;
    }
    CHECK(in_hour < row->per_hour);
    m.start_ms[a][t][n % 64] = g.now.mono_ms;
    m.start_count[a][t]++;
    CHECK(m.iterations[run->incident % 8192] < PK_BUDGET_ITERATIONS);
    m.iterations[run->incident % 8192]++;
}

static void model_start(const struct pk_respond_request *q) {
    const struct pk_run *run = q->run;
    bool may = false, is_critical = false;
    CHECK(pk_incidents_is_live(&g.incidents, run->incident));
    CHECK(run->action_index >= 0 && run->action_index < 5);
    CHECK_EQ_INT(
        pk_action_check_target(&g.actions, (uint32_t)run->action_index, pk_str_of(run->target), &is_critical),
        PK_OK);
    const uint32_t needed = people_needed(run, &may);
    CHECK(may);
    if (q->phase == PK_PHASE_VERIFY) {
        m.verify_starts++;
        return;
    }
    m.act_starts++;
    CHECK(!g.respond.settings.is_auto_off || run->is_manual || run->approvals_have > 0);
    CHECK(m.approvals[run->id % 4096] >= needed);
    CHECK(m.intent_seq[run->id % 4096] != 0 && m.intent_seq[run->id % 4096] <= m.durable);
    CHECK(pk_respond_running_count(&g.respond) <= PK_RESPOND_CONCURRENT);
    m.intent_seq[run->id % 4096] = 0;
    m.is_counted[run->id % 4096] = false;
}

static void model_requests(void) {
    struct pk_respond_request q;
    for (uint32_t n = 0; n < 200 && pk_respond_next_request(&g.respond, &g.now, &q) == PK_OK; n++) {
        struct pk_incident_action a;
        switch (q.kind) {
        case PK_REQ_PERSIST:
            if (q.run->is_intent && q.run->step == PK_RUN_AT_INTENT && !m.is_counted[q.run->id % 4096]) {
                m.is_counted[q.run->id % 4096] =
                    true; /* the budget was taken now, however late the store is */
                check_budget(q.run);
            }
            if (dice(8) == 0) {
                pk_respond_on_submit_failed(&g.respond, q.run->id);
                break;
            }
            if (q.run->is_intent && q.run->step == PK_RUN_AT_INTENT) {
                m.intent_seq[q.run->id % 4096] = g.next_seq;
            }
            pk_respond_on_submitted(&g.respond, q.run->id, g.next_seq++);
            break;
        case PK_REQ_NOTIFY:
            pk_run_to_action(q.run, &a);
            (void)!pk_incidents_set_action(&g.incidents, q.run->incident, &a, !q.run->is_read_only, &g.now);
            break;
        case PK_REQ_CALL:
            break;
        case PK_REQ_START:
            model_start(&q);
            if (dice(10) == 0) {
                if (q.phase == PK_PHASE_ACT) {
                    m.intent_seq[q.run->id % 4096] = 1;
                }
                pk_respond_on_not_sent(&g.respond, q.run->id);
            }
            break;
        case PK_REQ_APPROVAL:
        case PK_REQ_STOP:
            break;
        case PK_REQ_FORGET:
            m.approvals[q.run->id % 4096] = 0;
            m.intent_seq[q.run->id % 4096] = 0;
            m.is_counted[q.run->id % 4096] = false;
            break;
        }
    }
}

/* Mostly one that is under way: what a table of any size does with answers to finished runs is soon known. */
static uint32_t some_run(void) {
    const uint32_t from = dice(PK_LIMIT_RUNS);
    const bool any = dice(8) == 0;
    for (uint32_t n = 0; n < PK_LIMIT_RUNS; n++) {
        const struct pk_run *run = &g.respond.runs[(from + n) % PK_LIMIT_RUNS];
        if (run->id != 0 && (any || !pk_run_state_is_final(run->state))) {
            return run->id;
        }
    }
    return 0;
}

static uint32_t some_incident(void) {
    return g.incidents.numbers[dice(16)];
}

static void model_people(uint32_t what) {
    static const char *const WHO[] = {"ann", "bob", "eve"};
    const struct pk_str who = pk_str_of(WHO[dice(3)]);
    const enum pk_role role = (enum pk_role)dice(PK_ROLE_COUNT);
    if (what == 0) {
        const uint32_t run = some_run();
        const bool is_approved = dice(4) != 0;
        if (pk_respond_decide(&g.respond, run, is_approved, who, role, &g.now) == PK_OK && is_approved) {
            m.approvals[run % 4096]++;
            CHECK(role >= PK_ROLE_RESPONDER && role <= PK_ROLE_ADMIN);
        }
        return;
    }
    if (what == 1 && dice(3) == 0) {
        (void)!pk_respond_delegate(&g.respond, some_run(), who, role, pk_str_of(WHO[dice(3)]), &g.now);
        return;
    }
    if (what == 1) {
        (void)!pk_respond_interrupt(&g.respond, some_run(), who, role, &g.now);
        return;
    }
    const int64_t run = pk_respond_ask(&g.respond, some_incident(), pk_str_of(NAMES[dice(5)]),
                                       pk_str_of(TARGETS[dice(5)]), who, role, &g.now);
    if (run > 0) {
        m.approvals[run % 4096] = pk_respond_get(&g.respond, (uint32_t)run)->approvals_have;
        CHECK(role >= PK_ROLE_RESPONDER && role <= PK_ROLE_ADMIN);
    }
}

static void model_world(uint32_t what) {
    const uint32_t run = some_run();
    switch (what) {
    case 0:
        pk_respond_on_started(&g.respond, run, &g.now);
        break;
    case 1:
        pk_respond_on_done(&g.respond, run, (uint8_t)dice(2), (int32_t)dice(3) == 0 ? 1 : 0, dice(10) == 0, 5,
                           &g.now);
        break;
    case 2:
        pk_respond_on_refused(&g.respond, run, dice(2) == 0 ? PK_E_BUSY : PK_E_POLICY, dice(3000),
                              pk_str_of("no"), &g.now);
        /* Busy: the same intent starts again later. */
        m.intent_seq[run % 4096] = m.intent_seq[run % 4096] == 0 ? 1 : m.intent_seq[run % 4096];
        break;
    case 3:
        m.durable = g.next_seq - 1;
        pk_respond_on_durable(&g.respond, m.durable);
        break;
    case 4:
        g.respond.settings.mode = dice(2) == 0 ? PK_MODE_AUTO : (uint8_t)dice(PK_MODE_COUNT);
        g.respond.settings.is_safe_mode = dice(2) == 0;
        g.respond.settings.is_auto_off = dice(4) == 0;
        break;
    default:
        if (dice(20) == 0) {
            pk_respond_on_supervisor_lost(&g.respond, &g.now);
        }
        break;
    }
}

static void model_incidents(uint32_t what) {
    char group[8] = {'g', (char)('a' + (int)dice(12)), 0};
    const struct pk_incident_actor by = {.source = PK_TL_BY_OPERATOR, .name = pk_str_of("ann")};
    struct pk_incident_change change;
    if (what == 0) {
        const struct pk_incident_signal s = {.rule_id = pk_str_of("r"),
                                             .group_key = pk_str_of(group),
                                             .type = pk_str_of("custom"),
                                             .kind = (uint8_t)dice(3),
                                             .severity = (uint8_t)dice(PK_SEV_COUNT),
                                             .event_count = 1};
        uint32_t kinds = 0;
        const int64_t number = pk_incidents_signal(&g.incidents, &s, &g.now, &kinds);
        if (number > 0 && (kinds & PK_INC_CHANGED_CREATED) != 0) {
            m.iterations[number % 8192] = 0;
        }
        if (number > 0 && kinds != 0) {
            static const char *const LISTS[] = {"look, restart", "restart", "tune, wipe",
                                                "kill_queries, escalate"};
            (void)!pk_respond_plan(&g.respond, (uint32_t)number, pk_str_of(LISTS[dice(4)]),
                                   pk_str_of(TARGETS[dice(5)]), dice(3) != 0, &g.now);
        }
    } else if (what == 1) {
        const int64_t number =
            pk_incidents_cleared(&g.incidents, pk_str_of("r"), pk_str_of(group), 0, &g.now);
        if (number > 0) {
            pk_respond_on_cleared(&g.respond, (uint32_t)number, &g.now);
        }
    } else {
        (void)!pk_incidents_set_status(&g.incidents, some_incident(), (uint8_t)dice(PK_INC_STATUS_COUNT),
                                       PK_STAGE_COUNT, by, &g.now);
    }
    while (pk_incidents_next_change(&g.incidents, &change) == PK_OK) {
        if ((change.kinds & PK_INC_CHANGED_REMOVED) != 0) {
            pk_budget_forget_incident(&g.respond.budget, change.number);
        }
    }
}

/* A million where a step is fast. */
enum { MODEL_STEPS = PK_IS_SLOW || PK_LIMIT_RUNS > 32u ? 250000 : 1000000 };

PK_TEST(model__a_million_steps_and_no_start_that_was_not_allowed) {
    struct pk_budget_record record;
    rig_init(&g, PK_MODE_AUTO);
    memset(&m, 0, sizeof m);
    pk_rng_seed(&m.rng, 20261121);
    for (uint32_t step = 0; step < MODEL_STEPS; step++) {
        rig_pass(&g, dice(50) == 0 ? dice(200000) : dice(400));
        /* Weighted, so that most incidents live long enough for their runs to be proved. */
        static const uint8_t WEIGHTED[] = {0, 0, 0, 1, 2, 3, 3, 4, 5, 6, 6,  6,
                                           7, 7, 7, 7, 8, 9, 9, 9, 9, 9, 10, 11};
        const uint32_t what = dice(8) == 0 ? dice(12) : WEIGHTED[3u + dice(sizeof WEIGHTED - 3u)];
        if (what < 3) {
            model_incidents((what == 1 || what == 2) && dice(6) != 0 ? 0 : what);
        } else if (what < 6) {
            model_people(what == 4 && dice(6) != 0 ? 0 : what - 3);
        } else {
            model_world(what - 6);
        }
        (void)pk_respond_tick(&g.respond, &g.now);
        model_requests();
        while (pk_budget_next_dirty(&g.respond.budget, &record) == PK_OK) {
        }
    }
    printf("# %u starts, %u verify attempts, %u incidents\n", m.act_starts, m.verify_starts,
           g.incidents.next_number - 1);
    CHECK(m.act_starts > MODEL_STEPS / 1000);
    CHECK(m.verify_starts > MODEL_STEPS / 20000);
}

/* `swap` on web is planned and was started as run 1. */
static void swapped(void) {
    rig_init(&g, PK_MODE_SAFE);
    (void)plan("swap", "web", true);
    CHECK_EQ_U64(g.started, 1);
    pk_respond_on_started(&g.respond, 1, &g.now);
}

static void disproved(void) {
    swapped();
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 0, false, 1, &g.now);
    rig_settle(&g);
    CHECK_EQ_U64(g.verified, 1);
    rig_pass(&g, 3000);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_VERIFY, 4, false, 1, &g.now);
    rig_settle(&g);
}

PK_TEST(undo__what_does_not_help_is_undone) {
    disproved();
    CHECK_EQ_U64(g.undone, 1);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_EXECUTING);
    CHECK_EQ_INT(pk_respond_interrupt(&g.respond, 1, pk_str_of("ann"), PK_ROLE_ADMIN, &g.now), PK_E_CONFLICT);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_UNDO, 0, false, 1, &g.now);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_ROLLED_BACK);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "it did not help; undone");
    disproved();
    pk_respond_on_refused(&g.respond, 1, PK_E_BUSY, 0, pk_str_of(""), &g.now);
    rig_pass(&g, 1000);
    rig_settle(&g);
    CHECK_EQ_U64(g.undone, 2); /* a passing refusal is tried again */
    pk_respond_on_done(&g.respond, 1, PK_PHASE_UNDO, 9, false, 1, &g.now);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_FAILED);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "it did not help; UNDO FAILED, exit 9");
    disproved();
    rig_pass(&g, 3600000);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_FAILED);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "UNDO FAILED: no answer");
}

PK_TEST(undo__switched_off_or_mode_changed__left_and_said) {
    struct pk_respond_settings s;
    swapped();
    s = g.respond.settings;
    s.is_auto_rollback = false;
    pk_respond_configure(&g.respond, &s);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 0, false, 1, &g.now);
    rig_settle(&g);
    rig_pass(&g, 3000);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_VERIFY, 4, false, 1, &g.now);
    rig_settle(&g);
    CHECK_EQ_U64(g.undone, 0);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_FAILED);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "not verified, exit 4");
}

PK_TEST(undo__what_the_supervisor_undid_is_told) {
    swapped();
    pk_respond_on_undone(&g.respond, 1, PK_RUN_UNDO_DONE);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 3, false, 1, &g.now);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_ROLLED_BACK);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "undone, exit 3");
    swapped();
    pk_respond_on_undone(&g.respond, 1, PK_RUN_UNDO_FAILED);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 143, true, 1, &g.now);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_TIMED_OUT);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "ran out of its time; UNDO FAILED");
    swapped();
    pk_respond_on_undone(&g.respond, 1, PK_RUN_UNDO_COUNT); /* a word nobody knows */
    pk_respond_on_done(&g.respond, 1, PK_PHASE_SNAPSHOT, 2, false, 1, &g.now);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_FAILED);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "exit 2");
}

static int64_t undo_by_ann(uint32_t run) {
    return pk_respond_undo(&g.respond, run, pk_str_of("ann"), PK_ROLE_RESPONDER, &g.now);
}

PK_TEST(undo__by_command__a_run_of_its_own) {
    const char *why = NULL;
    swapped();
    CHECK_EQ_INT(undo_by_ann(1), PK_E_CONFLICT); /* it runs */
    CHECK_EQ_INT(undo_by_ann(9), PK_E_NOT_FOUND);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 0, false, 1, &g.now);
    rig_settle(&g);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_VERIFY, 0, false, 1, &g.now);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_COMPLETED);
    CHECK_EQ_INT(pk_respond_undo(&g.respond, 1, pk_str_of("vic"), PK_ROLE_VIEWER, &g.now), PK_E_DENIED);
    CHECK_EQ_INT(undo_by_ann(1), 2); /* the action's cooldown is not in its way */
    CHECK_EQ_INT(undo_by_ann(1), PK_E_CONFLICT);
    rig_settle(&g);
    CHECK_EQ_U64(g.undone, 1);
    pk_respond_on_started(&g.respond, 2, &g.now);
    CHECK_EQ_INT(pk_respond_interrupt(&g.respond, 2, pk_str_of("ann"), PK_ROLE_ADMIN, &g.now), PK_E_CONFLICT);
    rig_settle(&g);
    CHECK_EQ_U64(g.stopped, 0);                                           /* half an undo would be worse */
    pk_respond_on_done(&g.respond, 2, PK_PHASE_ACT, 0, false, 1, &g.now); /* not what was asked for */
    CHECK_EQ_INT(rig_state(&g, 2), PK_RUN_EXECUTING);
    pk_respond_on_done(&g.respond, 2, PK_PHASE_UNDO, 0, false, 1, &g.now);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 2), PK_RUN_COMPLETED);
    CHECK_STR(pk_respond_get(&g.respond, 2)->result, "undid run 1");
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_ROLLED_BACK);
    CHECK_EQ_INT(pk_respond_undo_check(&g.respond, 1, &why), PK_E_CONFLICT);
    CHECK_STR(why, "it was undone already");
    CHECK_EQ_INT(pk_respond_undo_check(&g.respond, 2, &why), PK_E_CONFLICT);
    CHECK_STR(why, "it is an undo itself");
}

PK_TEST(undo__fails_by_command__can_be_tried_again_until_the_hour_is_spent) {
    swapped();
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 0, false, 1, &g.now);
    rig_settle(&g);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_VERIFY, 0, false, 1, &g.now);
    for (uint32_t id = 2; id < 5; id++) {
        CHECK_EQ_INT(undo_by_ann(1), id);
        rig_settle(&g);
        pk_respond_on_started(&g.respond, id, &g.now);
        pk_respond_on_done(&g.respond, id, PK_PHASE_UNDO, 1, false, 1, &g.now);
        CHECK_EQ_INT(rig_state(&g, id), PK_RUN_FAILED);
    }
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "UNDO FAILED on request");
    CHECK_EQ_INT(undo_by_ann(1), 5);
    CHECK_EQ_INT(rig_state(&g, 5), PK_RUN_REFUSED);
    CHECK_EQ_U64(g.undone, 3);
}

PK_TEST(undo__three_that_run_long__are_not_in_its_way) {
    rig_init(&g, PK_MODE_AUTO);
    (void)plan("swap", "web", true);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 0, false, 1, &g.now);
    rig_settle(&g);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_VERIFY, 0, false, 1, &g.now);
    rig_settle(&g);
    (void)plan("restart", "web", true);
    (void)plan("restart", "db", true);
    (void)plan("look", "a", true);
    (void)plan("tune", "b", true);
    CHECK_EQ_U64(pk_respond_running_count(&g.respond), 3);
    CHECK_EQ_INT(rig_state(&g, 5), PK_RUN_PLANNED); /* the fourth action waits */
    CHECK_EQ_INT(undo_by_ann(1), 6);
    rig_settle(&g);
    CHECK_EQ_U64(g.undone, 1); /* the undo does not */
    CHECK_EQ_U64(pk_respond_running_count(&g.respond), 4);
    pk_respond_on_done(&g.respond, 2, PK_PHASE_ACT, 1, false, 1, &g.now);
    rig_settle(&g);
    CHECK_EQ_INT(rig_state(&g, 5), PK_RUN_PLANNED); /* three run, one of them the undo */
}

PK_TEST(undo__no_room_at_the_supervisor__is_asked_for_again_with_growing_pauses) {
    disproved();
    uint64_t waited_ms = 0;
    for (uint32_t i = 0; i < 10; i++) {
        CHECK_EQ_U64(g.undone, i + 1u);
        pk_respond_on_refused(&g.respond, 1, i % 2u == 0 ? PK_E_BUSY : PK_E_CONFLICT, 0, pk_str_of(""),
                              &g.now);
        const uint64_t pause_ms = i < 6 ? (uint64_t)1000 << i : 60000;
        rig_pass(&g, pause_ms - 1);
        rig_settle(&g);
        CHECK_EQ_U64(g.undone, i + 1u);
        rig_pass(&g, 1);
        rig_settle(&g);
        waited_ms += pause_ms;
    }
    CHECK(waited_ms > 240000); /* minutes, and then it is said */
    pk_respond_on_refused(&g.respond, 1, PK_E_BUSY, 0, pk_str_of(""), &g.now);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_FAILED);
    CHECK_EQ_INT(pk_respond_get(&g.respond, 1)->undo, PK_RUN_UNDO_FAILED);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "UNDO FAILED: the supervisor refused it");
}

PK_TEST(undo__outlives_the_incident_and_a_restart) {
    uint8_t stored[PK_RUN_STORED_BYTES];
    disproved();
    const int n = pk_run_pack(pk_respond_get(&g.respond, 1), stored, sizeof stored);
    CHECK(n > 0);
    rig_init(&g, PK_MODE_SAFE);
    (void)rig_incident(&g, "web");
    CHECK_EQ_INT(pk_respond_restore(&g.respond, pk_str_make((const char *)stored, (size_t)n), &g.now), PK_OK);
    rig_settle(&g);
    CHECK_EQ_U64(g.undone, 1); /* an undo that may have been cut off is done once more */
    CHECK_EQ_U64(g.started, 0);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_UNDO, 1, false, 1, &g.now);
    rig_settle(&g);
    struct pk_run run = *pk_respond_get(&g.respond, 1);
    CHECK_EQ_INT(run.undo, PK_RUN_UNDO_FAILED);
    const int again = pk_run_pack(&run, stored, sizeof stored);
    CHECK_EQ_INT(pk_run_unpack(&run, pk_str_make((const char *)stored, (size_t)again)), PK_OK);
    CHECK_EQ_INT(run.undo, PK_RUN_UNDO_FAILED);
    stored[1] = 2; /* as it was stored before risk had reasons: ten bytes less */
    CHECK_EQ_INT(pk_run_unpack(&run, pk_str_make((const char *)stored, (size_t)again - 10u)), PK_OK);
    CHECK_EQ_INT(run.undo, PK_RUN_UNDO_FAILED);
    stored[1] = 1; /* before there was an undo: five bytes less */
    CHECK_EQ_INT(pk_run_unpack(&run, pk_str_make((const char *)stored, (size_t)again - 15u)), PK_OK);
    CHECK_EQ_INT(run.undo, PK_RUN_UNDO_NONE);
}

PK_TEST(confirm__in_time_or_undone) {
    const uint32_t row = 5; /* swap */
    swapped();
    const uint8_t undo_steps = g.actions.rows[row].step_count[PK_PHASE_UNDO];
    g.actions.rows[row].step_count[PK_PHASE_UNDO] = 0;
    CHECK_EQ_INT(pk_respond_confirm(&g.respond, 1, pk_str_of("ann"), PK_ROLE_RESPONDER), PK_E_NOT_FOUND);
    g.actions.rows[row].step_count[PK_PHASE_UNDO] = undo_steps;
    g.actions.rows[row].confirm_within_ms = 60000;
    CHECK_EQ_INT(pk_respond_confirm(&g.respond, 9, pk_str_of("ann"), PK_ROLE_RESPONDER), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_respond_confirm(&g.respond, 1, pk_str_of("vic"), PK_ROLE_VIEWER), PK_E_DENIED);
    CHECK_EQ_INT(pk_respond_confirm(&g.respond, 1, pk_str_of("ann"), PK_ROLE_RESPONDER), PK_OK);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "to be confirmed by ann"); /* the supervisor decides */
    pk_respond_on_confirmed(&g.respond, 9, PK_OK);
    pk_respond_on_confirmed(&g.respond, 1, PK_E_IO);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "NOT confirmed: input/output failed");
    pk_respond_on_confirmed(&g.respond, 1, PK_OK); /* nobody asked */
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "NOT confirmed: input/output failed");
    CHECK_EQ_INT(pk_respond_confirm(&g.respond, 1, pk_str_of("ann"), PK_ROLE_RESPONDER), PK_OK);
    pk_respond_on_confirmed(&g.respond, 1, PK_OK);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "confirmed by ann");
    pk_respond_on_unconfirmed(&g.respond, 9, 0, &g.now); /* of a run nobody knows any more */
    pk_respond_on_unconfirmed(&g.respond, 1, 0, &g.now);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_ROLLED_BACK);
    CHECK_EQ_INT(pk_respond_confirm(&g.respond, 1, pk_str_of("ann"), PK_ROLE_RESPONDER), PK_E_CONFLICT);
    swapped();
    pk_respond_on_done(&g.respond, 1, PK_PHASE_ACT, 0, false, 1, &g.now);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_VERIFY, 0, false, 1, &g.now);
    rig_settle(&g);
    pk_respond_on_done(&g.respond, 1, PK_PHASE_VERIFY, 0, false, 1, &g.now);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_COMPLETED);
    g.actions.rows[row].confirm_within_ms = 60000;
    pk_respond_on_unconfirmed(&g.respond, 1, 3, &g.now);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_FAILED);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "not confirmed in time; UNDO FAILED");
}

/* What the supervisor owed when it was stopped. */
PK_TEST(undo__owed_over_a_restart__told) {
    static const struct {
        int32_t exit_code;
        enum pk_run_state state;
        const char *words;
        enum pk_run_undo undo;
    } CASES[] = {{0, PK_RUN_ROLLED_BACK, "it went wrong; undone, over a restart", PK_RUN_UNDO_DONE},
                 {9, PK_RUN_FAILED, "it went wrong; UNDO FAILED, over a restart", PK_RUN_UNDO_FAILED},
                 {-1, PK_RUN_FAILED, "left as it is; `picketctl undo RUN` undoes it", PK_RUN_UNDO_NONE}};
    for (uint32_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        swapped();
        pk_respond_on_supervisor_lost(&g.respond, &g.now);
        CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_UNKNOWN);
        pk_respond_on_unconfirmed(&g.respond, 1, CASES[i].exit_code, &g.now);
        CHECK_EQ_INT(rig_state(&g, 1), CASES[i].state);
        CHECK_STR(pk_respond_get(&g.respond, 1)->result, CASES[i].words);
        CHECK_EQ_INT(pk_respond_get(&g.respond, 1)->undo, CASES[i].undo);
    }
}

PK_TEST(undo__owed_over_a_restart__can_be_called_off) {
    swapped();
    CHECK_EQ_INT(pk_respond_confirm(&g.respond, 1, pk_str_of("ann"), PK_ROLE_RESPONDER), PK_OK);
    pk_respond_on_supervisor_lost(&g.respond, &g.now);
    CHECK_EQ_INT(pk_respond_confirm(&g.respond, 1, pk_str_of("ann"), PK_ROLE_RESPONDER), PK_OK);
    pk_respond_on_confirmed(&g.respond, 1, PK_OK);
    CHECK_STR(pk_respond_get(&g.respond, 1)->result, "confirmed by ann");
    pk_respond_on_unconfirmed(&g.respond, 1, 9, &g.now);
    CHECK_EQ_INT(rig_state(&g, 1), PK_RUN_FAILED); /* it is over */
    CHECK_EQ_INT(pk_respond_confirm(&g.respond, 1, pk_str_of("ann"), PK_ROLE_RESPONDER), PK_E_NOT_FOUND);
}

PK_TEST_MAIN(
    confirm__in_time_or_undone, undo__owed_over_a_restart__told, undo__owed_over_a_restart__can_be_called_off,
    undo__what_does_not_help_is_undone, undo__switched_off_or_mode_changed__left_and_said,
    undo__what_the_supervisor_undid_is_told, undo__by_command__a_run_of_its_own,
    undo__fails_by_command__can_be_tried_again_until_the_hour_is_spent,
    undo__three_that_run_long__are_not_in_its_way,
    undo__no_room_at_the_supervisor__is_asked_for_again_with_growing_pauses,
    undo__outlives_the_incident_and_a_restart, plan__low_risk_runs_verifies_and_mitigates,
    plan__nothing_starts_before_the_intent_is_durable, plan__mode_turned_off_between_intent_and_start,
    plan__modes, plan__refuses_targets_that_are_not_listed, plan__bad_calls,
    plan__next_action_when_the_first_did_not_help_and_unknown_ones_are_seen,
    plan__stops_after_success_and_after_the_unknown, clear__verifies_what_runs_and_drops_what_waits,
    approval__one_two_late_twice_and_too_low, approval__expires_by_the_tick_alone,
    approval__asked_with_an_unsure_clock__is_stored_and_published_with_the_true_times,
    approval__clock_jumps__the_deadline_stays,
    call__without_a_hook__is_a_word_in_every_mode_and_the_plan_goes_on,
    call__with_a_hook__has_the_guards_of_any_action,
    hook__of_a_tier__runs_once_and_not_while_notifications_are_off, rule_without_auto__asks_in_every_mode,
    auto_remediation_off__only_what_a_person_wants_starts,
    auto_remediation_off__reaches_what_has_not_left_and_spares_what_a_person_approved,
    safe_mode_and_critical_targets__ask, context__what_depends_on_the_target_raises_the_class,
    context__what_was_tried_often_asks__and_is_not_raised_by_its_own_start,
    context__raised_between_asking_and_starting__needs_the_higher_role, budget_that_is_spent__asks_nobody,
    delegate__he_or_an_admin_answers_and_the_time_starts_anew, delegate__expires_and_is_kept_over_a_restart,
    delegate__of_two_approvals_is_one_and_not_for_him_who_gave_the_other,
    race__the_first_answer_counts_and_the_other_is_told,
    standing_order__approves_as_far_as_it_reaches_and_is_counted_down,
    standing_order__is_not_spent_where_nothing_may_start, cooldown__waits_then_runs__and_the_hour_refuses,
    iterations__ten_for_an_incident, ask__a_person_and_his_role, concurrency__three,
    refused_by_the_supervisor__busy_is_tried_again, not_sent_and_not_stored__come_again_at_the_next_tick,
    interrupt__before_and_while_it_runs, interrupt__by_whom, timeout_and_lost_supervisor,
    restart__an_intent_is_unknown_and_never_runs_again,
    restart__after_a_store_that_kept_nothing__what_acts_is_not_run_again_by_itself,
    restart__approved_and_waiting_for_its_cooldown__is_asked_anew,
    restart__idempotent_is_decided_anew_and_approvals_live_on, reload__a_row_that_is_gone,
    table_full__finished_runs_leave_and_are_forgotten, explain__says_what_blocks,
    model__a_million_steps_and_no_start_that_was_not_allowed)
