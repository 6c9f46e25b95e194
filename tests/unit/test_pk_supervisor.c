#include "roles/pk_supervisor.h"

#include <string.h>

#include "roles/pk_roles.h"
#include "support/pk_test.h"
#include "support/super_rig.h"

static struct super_rig the_rig;
static struct pk_supervisor the_supervisor;
static const char actions_text[] = "[action a]\nrisk = low\nargv = /bin/a\ncooldown = 0\nper_hour = 2\n";

static struct super_rig *fresh(void) {
    super_rig_init(&the_rig, &the_supervisor, actions_text);
    return &the_rig;
}
static struct super_rig *running(void) {
    super_rig_run(fresh());
    return &the_rig;
}
static void ready(struct super_rig *r) {
    const struct pk_ipc_ready body = {0};
    super_rig_say(r, PK_IPC_READY, 0, &body, sizeof body);
    super_rig_step(r, 0, 0);
}
static void tick(struct super_rig *r, uint64_t count) {
    const struct pk_ipc_tick t = {.tick_count = count};
    super_rig_say(r, PK_IPC_TICK, 0, &t, sizeof t);
}
static void crash(struct super_rig *r) {
    super_rig_child_ends(r, PK_SUPER_AGENT, 1, false);
    super_rig_step(r, 0, 0);
}

PK_TEST(supervisor__first_start__checks_the_store_then_runs) {
    struct super_rig *r = fresh();
    pk_supervisor_start(&the_supervisor, &r->port);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_CHECKING);
    CHECK_EQ_INT(r->spawn_count[PK_SUPER_AGENT], 0);
    super_rig_child_ends(r, PK_SUPER_CHECK_STORE, 0, false);
    super_rig_step(r, 30, 0);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_RUNNING);
    CHECK_EQ_INT(r->spawn_count[PK_SUPER_AGENT], 1);
    /* no record at all: random, with the top bit, and one for this start */
    CHECK_EQ_INT(the_supervisor.record.boot_epoch, 0xBFFFFFFFu + 1u);
    CHECK_EQ_INT(r->save_count, 1);
    CHECK_EQ_INT(pk_supervisor_wanted(&the_supervisor), PK_SUPER_FRAME_READY);
}

PK_TEST(supervisor__clean_stop_and_start__needs_no_check) {
    struct super_rig *r = running();
    ready(r);
    super_rig_step(r, 1000, PK_SIG_STOP);
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_TERM], 1);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_STOPPING);
    CHECK(strstr(r->told, "STOPPING=1|") != NULL);
    super_rig_child_ends(r, PK_SUPER_AGENT, 0, false);
    super_rig_step(r, 100, 0);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_DONE);
    CHECK_EQ_INT(the_supervisor.exit_code, 0);
    const uint32_t epoch = the_supervisor.record.boot_epoch;
    uint8_t record[sizeof r->record];
    const int n = r->record_bytes;
    REQUIRE(n > 0);
    memcpy(record, r->record, (size_t)n);
    fresh();
    memcpy(r->record, record, (size_t)n);
    r->record_bytes = n;
    pk_supervisor_start(&the_supervisor, &r->port);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_RUNNING);
    CHECK_EQ_INT(r->spawn_count[PK_SUPER_CHECK_STORE], 0);
    CHECK_EQ_INT(the_supervisor.record.boot_epoch, epoch + 1u);
    CHECK(!the_supervisor.record.is_clean); /* until it ends well again */
}

PK_TEST(supervisor__crashes__back_off_to_a_minute_and_never_give_up) {
    struct super_rig *r = running();
    static const uint64_t want_ms[] = {500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    for (size_t i = 0; i < sizeof want_ms / sizeof want_ms[0]; i++) {
        crash(r);
        CHECK_EQ_INT(the_supervisor.state, PK_SUPER_BACKOFF);
        CHECK_EQ_U64(pk_supervisor_until_ms(&the_supervisor) - r->now_ms, want_ms[i]);
        super_rig_step(r, want_ms[i] - 1u, 0);
        CHECK_EQ_INT(the_supervisor.state, PK_SUPER_BACKOFF);
        super_rig_step(r, 1, 0);
        CHECK_EQ_INT(the_supervisor.state, PK_SUPER_CHECKING);
        super_rig_child_ends(r, PK_SUPER_CHECK_STORE, 0, false);
        super_rig_step(r, 0, 0);
        CHECK_EQ_INT(the_supervisor.record.crash_count, i + 1u);
    }
    for (int i = 0; i < 100; i++) { /* far beyond any shift */
        crash(r);
        super_rig_step(r, 60000, 0);
        super_rig_child_ends(r, PK_SUPER_CHECK_STORE, 0, false);
        super_rig_step(r, 0, 0);
    }
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_RUNNING);
    ready(r);
    tick(r, 1);
    super_rig_step(r, PK_SUPER_GOOD_RUN_MS, 0);
    crash(r);
    CHECK_EQ_INT(the_supervisor.record.crash_count, 1); /* ten good minutes: a row of its own */
}

PK_TEST(supervisor__crash_count__outlives_the_supervisor) {
    struct super_rig *r = running();
    crash(r);
    uint8_t record[sizeof r->record];
    const int n = r->record_bytes;
    REQUIRE(n > 0);
    memcpy(record, r->record, (size_t)n);
    fresh();
    memcpy(r->record, record, (size_t)n);
    r->record_bytes = n;
    super_rig_run(r);
    CHECK_EQ_INT(r->spawn_count[PK_SUPER_CHECK_STORE], 1);
    CHECK_EQ_INT(the_supervisor.record.crash_count, 1);
    CHECK_EQ_INT(the_supervisor.record.last_exit, 1u << 8);
}

PK_TEST(supervisor__store_that_cannot_be_checked__goes_when_the_agent_keeps_failing) {
    struct super_rig *r = running();
    for (uint32_t i = 1; i <= PK_SUPER_UNCHECKED_MAX; i++) {
        CHECK_EQ_INT(the_supervisor.state, PK_SUPER_RUNNING);
        crash(r);
        super_rig_step(r, PK_SUPER_BACKOFF_MAX_MS, 0);
        super_rig_child_ends(r, PK_SUPER_CHECK_STORE, 78, false);
        super_rig_step(r, 0, 0);
    }
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_MOVING);
}

PK_TEST(supervisor__what_counts_as_a_damaged_store) {
    static const struct {
        int32_t exit_code;
        bool is_fault, is_moved;
    } ends[] = {{0, false, false},   {1, false, true},   {139, true, true},
                {137, false, false}, {78, false, false}, {127, false, false}};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct super_rig *r = fresh();
        pk_supervisor_start(&the_supervisor, &r->port);
        super_rig_child_ends(r, PK_SUPER_CHECK_STORE, ends[i].exit_code, ends[i].is_fault);
        super_rig_step(r, 0, 0);
        CHECK_EQ_INT(r->spawn_count[PK_SUPER_MOVE_STORE], ends[i].is_moved ? 1 : 0);
        if (ends[i].is_moved) {
            CHECK_EQ_INT(the_supervisor.state, PK_SUPER_MOVING);
            super_rig_child_ends(r, PK_SUPER_MOVE_STORE, 0, false);
            super_rig_step(r, 0, 0);
        }
        CHECK_EQ_INT(the_supervisor.state, PK_SUPER_RUNNING);
        CHECK_EQ_INT(the_supervisor.is_store_moved, ends[i].is_moved);
    }
    struct super_rig *r = fresh(); /* a check that never ends is ended, and proves nothing */
    pk_supervisor_start(&the_supervisor, &r->port);
    super_rig_step(r, PK_SUPER_CHECK_MS, 0);
    CHECK_EQ_INT(r->kills[PK_SUPER_CHECK_STORE][PK_SUPER_KILL_KILL], 1);
    super_rig_child_ends(r, PK_SUPER_CHECK_STORE, 137, false);
    super_rig_step(r, 0, 0);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_RUNNING);
    CHECK(!the_supervisor.is_store_moved);
}

PK_TEST(supervisor__refused_configuration__ends_both) {
    struct super_rig *r = running();
    super_rig_child_ends(r, PK_SUPER_AGENT, PK_EXIT_DAEMON_CONFIG, false);
    super_rig_step(r, 0, 0);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_DONE);
    CHECK_EQ_INT(the_supervisor.exit_code, PK_EXIT_DAEMON_CONFIG);
}

PK_TEST(supervisor__configuration_refused_by_a_later_agent__keeps_trying) {
    struct super_rig *r = running();
    ready(r);
    super_rig_child_ends(r, PK_SUPER_AGENT, 139, true);
    super_rig_step(r, 0, 0);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_BACKOFF);
    super_rig_step(r, PK_SUPER_BACKOFF_MAX_MS, 0);
    super_rig_child_ends(r, PK_SUPER_CHECK_STORE, 0, false);
    super_rig_step(r, 0, 0);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_RUNNING);
    super_rig_child_ends(r, PK_SUPER_AGENT, PK_EXIT_DAEMON_CONFIG,
                         false); /* edited meanwhile; may be mended */
    super_rig_step(r, 0, 0);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_BACKOFF);
}

PK_TEST(supervisor__hanging_agent__grace_abort_kill) {
    struct super_rig *r = running();
    ready(r);
    tick(r, 1);
    super_rig_step(r, 1000, 0);
    super_rig_step(r, PK_SUPER_TICK_MS, 0); /* first doubt: perhaps the whole machine slept */
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_ABORT], 0);
    tick(r, 2);
    super_rig_step(r, 10, 0);
    super_rig_step(r, PK_SUPER_TICK_MS - 1, 0);
    CHECK_EQ_INT(the_supervisor.hang_step, 0); /* it was alive after all */
    super_rig_step(r, 1, 0);
    super_rig_step(r, PK_SUPER_GRACE_MS, 0);
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_ABORT], 1);
    super_rig_step(r, PK_SUPER_GRACE_MS, 0);
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_KILL], 1);
}

PK_TEST(supervisor__agent_that_never_gets_ready__is_ended_too) {
    struct super_rig *r = running();
    super_rig_step(r, PK_SUPER_START_MS, 0);
    super_rig_step(r, PK_SUPER_GRACE_MS, 0);
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_ABORT], 1);
}

PK_TEST(supervisor__closed_socket__is_the_end_of_that_agent) {
    struct super_rig *r = running();
    ready(r);
    super_rig_say(r, PK_IPC_TICK, 0, NULL, 0);
    r->in_error[0] = PK_E_CLOSED;
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(pk_supervisor_wanted(&the_supervisor), 0); /* else poll would spin on the hang-up */
    super_rig_step(r, PK_SUPER_GRACE_MS, 0);
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_ABORT], 1);
}

PK_TEST(supervisor__stop__does_not_wait_for_ever) {
    struct super_rig *r = running();
    super_rig_step(r, 0, PK_SIG_STOP);
    super_rig_step(r, PK_SUPER_STOP_MS - 1, PK_SIG_STOP); /* asking twice changes nothing */
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_TERM], 1);
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_KILL], 0);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_KILL], 1);
    super_rig_step(r, PK_SUPER_GRACE_MS, 0); /* in the kernel's hands: we go */
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_DONE);
    CHECK_EQ_INT(the_supervisor.exit_code, 0);
}

PK_TEST(supervisor__stop_while_waiting__ends_at_once) {
    struct super_rig *r = running();
    crash(r);
    super_rig_step(r, 10, PK_SIG_STOP);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_DONE);
    r = fresh();
    pk_supervisor_start(&the_supervisor, &r->port);
    super_rig_step(r, 10, PK_SIG_STOP);
    CHECK_EQ_INT(r->kills[PK_SUPER_CHECK_STORE][PK_SUPER_KILL_KILL], 1);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_DONE);
    CHECK_EQ_INT(r->spawn_count[PK_SUPER_AGENT], 0);
}

PK_TEST(supervisor__stop_with_a_run__lets_it_end) {
    struct super_rig *r = running();
    super_rig_ask(r, 5, 0, "", PK_IPC_PHASE_ACT);
    super_rig_step(r, 1, 0);
    super_rig_step(r, 1, PK_SIG_STOP);
    CHECK_EQ_INT(r->stop_count, 1);
    super_rig_child_ends(r, PK_SUPER_AGENT, 0, false);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_STOPPING);
    super_rig_program_ends(r, 0, 143, "");
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_DONE);
}

PK_TEST(supervisor__signals__go_to_the_agent) {
    struct super_rig *r = running();
    super_rig_step(r, 1, PK_SIG_DUMP | PK_SIG_LOG_LEVEL);
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_DUMP], 1);
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_LOG_LEVEL], 1);
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_RELOAD], 0);
}

PK_TEST(supervisor__reload__is_checked_as_the_agent_would_before_anybody_takes_it) {
    struct super_rig *r = running();
    super_rig_step(r, 1, PK_SIG_RELOAD);
    CHECK_EQ_INT(r->spawn_count[PK_SUPER_CHECK_CONFIG], 1);
    CHECK(strstr(r->told, "RELOADING=1|") != NULL && strstr(r->told, "RELOADING=1|READY=1|") == NULL);
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_RELOAD], 0);
    super_rig_child_ends(r, PK_SUPER_CHECK_CONFIG, 0, false);
    super_rig_step(r, 1, 0);
    /* gone since the check: the supervisor keeps the old rows, so the agent is not told to take others */
    CHECK(r->logged[PK_LOG_ERROR] >= 1);
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_RELOAD], 0);
    CHECK_EQ_INT(the_supervisor.policy.actions->count, 1);
    CHECK(strstr(r->told, "RELOADING=1|READY=1|") != NULL);
}

PK_TEST(supervisor__reload_refused_by_the_check__changes_neither_side) {
    struct super_rig *r = running();
    super_rig_step(r, 1, PK_SIG_RELOAD);
    super_rig_child_ends(r, PK_SUPER_CHECK_CONFIG, PK_EXIT_DAEMON_CONFIG, false);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(the_supervisor.policy.mode, PK_MODE_SAFE);
    CHECK_EQ_INT(the_supervisor.policy.actions->count, 1);
    CHECK_EQ_INT(r->logged[PK_LOG_ERROR], 1);
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_RELOAD], 1); /* to refuse it in its own words */
    CHECK(strstr(r->told, "RELOADING=1|READY=1|") != NULL);
    super_rig_ask(r, 5, 0, "", PK_IPC_PHASE_ACT);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(r->exec_count, 1);
}

PK_TEST(supervisor__check_of_a_reload_dies_or_cannot_start__nobody_takes_anything) {
    struct super_rig *r = running();
    super_rig_step(r, 1, PK_SIG_RELOAD);
    super_rig_child_ends(r, PK_SUPER_CHECK_CONFIG, 137, false);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_RELOAD], 0);
    r->fails_spawn = true;
    super_rig_step(r, 1, PK_SIG_RELOAD);
    CHECK_EQ_INT(r->kills[PK_SUPER_AGENT][PK_SUPER_KILL_RELOAD], 0);
    CHECK_EQ_INT(r->logged[PK_LOG_ERROR], 2);
    CHECK_EQ_INT(the_supervisor.policy.actions->count, 1);
}

PK_TEST(supervisor__reload_asked_again_during_the_check__is_checked_again) {
    struct super_rig *r = running();
    super_rig_step(r, 1, PK_SIG_RELOAD);
    super_rig_step(r, 1, PK_SIG_RELOAD);
    CHECK_EQ_INT(r->spawn_count[PK_SUPER_CHECK_CONFIG], 1);
    super_rig_child_ends(r, PK_SUPER_CHECK_CONFIG, 0, false);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(r->spawn_count[PK_SUPER_CHECK_CONFIG], 2);
    CHECK(!the_supervisor.is_reload_pending);
    super_rig_child_ends(r, PK_SUPER_CHECK_CONFIG, PK_EXIT_DAEMON_CONFIG, false);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(the_supervisor.policy.actions->count, 1);
}

PK_TEST(supervisor__reload_during_a_run__waits_for_its_end) {
    struct super_rig *r = running();
    super_rig_ask(r, 5, 0, "", PK_IPC_PHASE_ACT);
    super_rig_step(r, 1, 0);
    super_rig_step(r, 1, PK_SIG_RELOAD);
    super_rig_child_ends(r, PK_SUPER_CHECK_CONFIG, 0, false);
    super_rig_step(r, 1, 0);
    CHECK(the_supervisor.is_reload_pending); /* its steps name rows of the old table */
    super_rig_program_ends(r, 0, 0, "");
    super_rig_step(r, 1, 0);
    CHECK(!the_supervisor.is_reload_pending);
}

PK_TEST(supervisor__lost_record__spends_every_budget) {
    struct super_rig *r = fresh();
    r->record_bytes = PK_E_CORRUPT;
    super_rig_run(r);
    CHECK(the_supervisor.record.boot_epoch >= 0x80000000u);
    super_rig_ask(r, 5, 0, "", PK_IPC_PHASE_ACT);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_BUDGET);
    r = fresh();
    memset(r->record, 'x', 100);
    r->record_bytes = 100;
    super_rig_run(r);
    super_rig_ask(r, 5, 0, "", PK_IPC_PHASE_ACT);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_BUDGET);
}

PK_TEST(supervisor__idle__has_nothing_to_wake_for) {
    struct super_rig *r = running();
    ready(r);
    tick(r, 1);
    super_rig_step(r, 100, 0);
    CHECK_EQ_U64(pk_supervisor_until_ms(&the_supervisor) - r->now_ms, PK_SUPER_TICK_MS);
    r->watchdog_ms = 10000; /* fed on ticks: no timer of its own */
    CHECK_EQ_U64(pk_supervisor_until_ms(&the_supervisor) - r->now_ms, PK_SUPER_TICK_MS);
    crash(r);
    the_supervisor.deadline_ms = r->now_ms + 60000;
    CHECK(pk_supervisor_until_ms(&the_supervisor) <= r->now_ms + 5000); /* alone: fed by itself */
    const uint32_t before = r->feed_count;
    super_rig_step(r, 5000, 0);
    CHECK_EQ_INT(r->feed_count, before + 1);
}

PK_TEST(supervisor__agent_cannot_be_started__tries_again) {
    struct super_rig *r = fresh();
    pk_supervisor_start(&the_supervisor, &r->port);
    r->fails_spawn = true;
    super_rig_child_ends(r, PK_SUPER_CHECK_STORE, 0, false);
    super_rig_step(r, 0, 0);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_BACKOFF);
    r->fails_spawn = false;
    super_rig_step(r, PK_SUPER_BACKOFF_MAX_MS, 0);
    super_rig_child_ends(r, PK_SUPER_CHECK_STORE, 0, false);
    super_rig_step(r, 0, 0);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_RUNNING);
}

PK_TEST_MAIN(supervisor__first_start__checks_the_store_then_runs,
             supervisor__clean_stop_and_start__needs_no_check,
             supervisor__crashes__back_off_to_a_minute_and_never_give_up,
             supervisor__crash_count__outlives_the_supervisor,
             supervisor__store_that_cannot_be_checked__goes_when_the_agent_keeps_failing,
             supervisor__what_counts_as_a_damaged_store, supervisor__refused_configuration__ends_both,
             supervisor__configuration_refused_by_a_later_agent__keeps_trying,
             supervisor__hanging_agent__grace_abort_kill,
             supervisor__agent_that_never_gets_ready__is_ended_too,
             supervisor__closed_socket__is_the_end_of_that_agent, supervisor__stop__does_not_wait_for_ever,
             supervisor__stop_while_waiting__ends_at_once, supervisor__stop_with_a_run__lets_it_end,
             supervisor__signals__go_to_the_agent,
             supervisor__reload__is_checked_as_the_agent_would_before_anybody_takes_it,
             supervisor__reload_refused_by_the_check__changes_neither_side,
             supervisor__check_of_a_reload_dies_or_cannot_start__nobody_takes_anything,
             supervisor__reload_asked_again_during_the_check__is_checked_again,
             supervisor__reload_during_a_run__waits_for_its_end, supervisor__lost_record__spends_every_budget,
             supervisor__idle__has_nothing_to_wake_for, supervisor__agent_cannot_be_started__tries_again)
