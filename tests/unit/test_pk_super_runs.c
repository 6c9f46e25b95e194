#include <string.h>

#include "support/pk_test.h"
#include "support/super_rig.h"

enum { ONE, STEPS, DAEMON, BACK };
static struct super_rig the_rig;
static struct pk_supervisor the_supervisor;
static const char actions_text[] =
    "[action one]\nrisk = low\nargv = /bin/one --x\nverify = /bin/check\nverify_within = 5s\ntimeout = "
    "7s\ncooldown = 0\nper_hour = 60\n"
    "[action steps]\nrisk = low\nargv = /bin/first {target}\nargv = /bin/second\nargv = /bin/third\ntargets "
    "= web\ncooldown = 0\nper_hour = 60\n"
    "[action daemon]\nrisk = low\nargv = /etc/init.d/x restart\ndaemon = yes\ncooldown = 0\nper_hour = 60\n"
    "[action back]\nrisk = low\nargv = /bin/set {target}\nargv = /bin/more\nsnapshot = /bin/save {snapshot}\n"
    "undo = /bin/back {snapshot}\nundo = /bin/back2\ntargets = web\ncooldown = 0\nper_hour = 60\n";

static struct super_rig *running(void) {
    super_rig_init(&the_rig, &the_supervisor, actions_text);
    super_rig_run(&the_rig);
    return &the_rig;
}

static struct pk_ipc_done done_of(const struct super_rig *r) {
    struct pk_ipc_done d;
    const struct pk_ipc_frame *f = super_rig_heard(r, PK_IPC_DONE);
    memset(&d, 0xEE, sizeof d);
    if (f != NULL) {
        memcpy(&d, f->body, sizeof d);
    }
    return d;
}

PK_TEST(runs__one_program__started_output_done) {
    struct super_rig *r = running();
    super_rig_ask(r, 7, ONE, "", PK_IPC_PHASE_ACT);
    const uint32_t saved = r->save_count;
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(r->save_count, saved + 1); /* counted on the medium first */
    CHECK_STR(r->slots[0].argv, "/bin/one --x");
    CHECK_EQ_INT(r->slots[0].timeout_ms, 7000);
    CHECK(!r->slots[0].leaves_children);
    REQUIRE(super_rig_heard(r, PK_IPC_STARTED) != NULL);
    CHECK_EQ_INT(super_rig_heard(r, PK_IPC_STARTED)->id, 7);
    CHECK(super_rig_heard(r, PK_IPC_DONE) == NULL);
    super_rig_program_ends(r, 0, 3, "hello\n");
    super_rig_step(r, 250, 0);
    struct pk_ipc_output o;
    const struct pk_ipc_frame *f = super_rig_heard(r, PK_IPC_OUTPUT);
    REQUIRE(f != NULL);
    memcpy(&o, f->body, sizeof o);
    CHECK_EQ_INT(o.n, 6);
    CHECK_MEM(o.bytes, "hello\n", 6);
    const struct pk_ipc_done d = done_of(r);
    CHECK_EQ_INT(d.exit_code, 3);
    CHECK_EQ_INT(d.duration_ms, 250);
    CHECK_EQ_INT(d.step, 0);
    CHECK_EQ_U64(d.output_bytes, 6);
    CHECK_EQ_INT(pk_super_runs_active(&the_supervisor), 0);
    super_rig_ask(r, 7, ONE, "", PK_IPC_PHASE_VERIFY); /* its verification, under the same number */
    super_rig_step(r, 1, 0);
    CHECK_STR(r->slots[0].argv, "/bin/check");
    super_rig_program_ends(r, 0, 0, "");
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(done_of(r).phase, PK_IPC_PHASE_VERIFY);
}

PK_TEST(runs__several_steps__go_on_while_they_succeed) {
    struct super_rig *r = running();
    super_rig_ask(r, 8, STEPS, "web", PK_IPC_PHASE_ACT);
    super_rig_step(r, 1, 0);
    CHECK_STR(r->slots[0].argv, "/bin/first web");
    super_rig_program_ends(r, 0, 0, "one ");
    super_rig_step(r, 1, 0);
    CHECK(super_rig_heard(r, PK_IPC_DONE) == NULL);
    CHECK_STR(r->slots[0].argv, "/bin/second");
    super_rig_program_ends(r, 0, 0, "two ");
    super_rig_step(r, 1, 0);
    super_rig_program_ends(r, 0, 0, "three");
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(done_of(r).exit_code, 0);
    CHECK_EQ_INT(done_of(r).step, 2);
    CHECK_EQ_U64(done_of(r).output_bytes, 13);
    struct pk_ipc_output o;
    memcpy(&o, super_rig_heard(r, PK_IPC_OUTPUT)->body, sizeof o);
    CHECK_MEM(o.bytes, "one two three", 13);
    super_rig_forget(r);
    super_rig_ask(r, 9, STEPS, "web", PK_IPC_PHASE_ACT);
    super_rig_step(r, 1, 0);
    super_rig_program_ends(r, 0, 1, "");
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(done_of(r).exit_code, 1);
    CHECK_EQ_INT(done_of(r).step, 0);
    CHECK_EQ_INT(r->exec_count, 4); /* what follows a failure is not run */
}

PK_TEST(runs__step_that_cannot_start__ends_the_run_as_a_shell_would) {
    struct super_rig *r = running();
    super_rig_ask(r, 8, STEPS, "web", PK_IPC_PHASE_ACT);
    super_rig_step(r, 1, 0);
    super_rig_program_ends(r, 0, 0, "");
    r->exec_error = PK_E_NOT_FOUND;
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(done_of(r).exit_code, 127);
    CHECK_EQ_INT(done_of(r).step, 1);
    super_rig_ask(r, 9, ONE, "", PK_IPC_PHASE_ACT);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_NOT_FOUND); /* not even the first */
}

PK_TEST(runs__record_cannot_be_written__nothing_starts) {
    struct super_rig *r = running();
    r->save_error = PK_E_NO_SPACE;
    super_rig_ask(r, 8, ONE, "", PK_IPC_PHASE_ACT);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_IO);
    CHECK_EQ_INT(r->exec_count, 0);
}

PK_TEST(runs__three_at_a_time__numbers_are_unique) {
    struct super_rig *r = running();
    for (uint32_t id = 1; id <= 3; id++) {
        super_rig_ask(r, id, ONE, "", PK_IPC_PHASE_ACT);
    }
    super_rig_ask(r, 2, ONE, "", PK_IPC_PHASE_ACT);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(r->exec_count, 3);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_CONFLICT);
    super_rig_ask(r, 4, ONE, "", PK_IPC_PHASE_ACT);
    super_rig_ask(r, 0, ONE, "", PK_IPC_PHASE_ACT);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_BAD_MSG);
    CHECK_EQ_INT(r->exec_count, 3);
    super_rig_program_ends(r, 1, 0, "");
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(super_rig_heard(r, PK_IPC_DONE)->id, 2);
    super_rig_ask(r, 5, DAEMON, "", PK_IPC_PHASE_ACT);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(r->exec_count, 4);
    CHECK(r->slots[1].leaves_children);
}

PK_TEST(runs__slow_reader__gets_all_of_it_later) {
    static char text[PK_EXEC_OUTPUT_BYTES + 1];
    struct super_rig *r = running();
    memset(text, 'z', sizeof text - 1u);
    super_rig_ask(r, 7, ONE, "", PK_IPC_PHASE_ACT);
    r->room = 0;
    super_rig_step(r, 1, 0);
    CHECK((pk_supervisor_wanted(&the_supervisor) & PK_SUPER_FRAME_ROOM) != 0);
    super_rig_program_ends(r, 0, 0, text);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(r->out_count, 0);
    uint32_t bytes = 0, frames = 0;
    for (int i = 0; i < 50 && super_rig_heard(r, PK_IPC_DONE) == NULL; i++) {
        r->room = 2;
        super_rig_step(r, 1, 0);
    }
    for (uint32_t i = 0; i < r->out_count; i++) {
        if (r->out[i].type == PK_IPC_OUTPUT) {
            struct pk_ipc_output o;
            memcpy(&o, r->out[i].body, sizeof o);
            CHECK_EQ_INT(o.offset, bytes);
            bytes += o.n;
            frames++;
        }
    }
    CHECK_EQ_INT(bytes, PK_EXEC_OUTPUT_BYTES);
    CHECK_EQ_INT(frames, (PK_EXEC_OUTPUT_BYTES + PK_IPC_CHUNK_BYTES - 1) / PK_IPC_CHUNK_BYTES);
    CHECK_EQ_INT(r->out[0].type, PK_IPC_STARTED);
    CHECK_EQ_INT(r->out[r->out_count - 1u].type, PK_IPC_DONE);
    CHECK((pk_supervisor_wanted(&the_supervisor) & PK_SUPER_FRAME_ROOM) == 0);
}

PK_TEST(runs__stop__ends_the_program_and_skips_the_rest) {
    struct super_rig *r = running();
    super_rig_ask(r, 8, STEPS, "web", PK_IPC_PHASE_ACT);
    super_rig_say(r, PK_IPC_STOP, 99, NULL, 0); /* nobody */
    super_rig_say(r, PK_IPC_STOP, 0, NULL, 0);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(r->stop_count, 0);
    super_rig_say(r, PK_IPC_STOP, 8, NULL, 0);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(r->stop_count, 1);
    super_rig_program_ends(r, 0, 0, ""); /* it had just succeeded: still no second step */
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(done_of(r).step, 0);
    CHECK_EQ_INT(r->exec_count, 1);
}

PK_TEST(runs__agent_gone__the_program_goes_on_and_nobody_is_told) {
    struct super_rig *r = running();
    super_rig_ask(r, 8, STEPS, "web", PK_IPC_PHASE_ACT);
    super_rig_step(r, 1, 0);
    super_rig_child_ends(r, PK_SUPER_AGENT, 1, false);
    super_rig_step(r, 1, 0);
    super_rig_forget(r);
    CHECK_EQ_INT(pk_super_runs_active(&the_supervisor), 1);
    super_rig_program_ends(r, 0, 0, "x");
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(r->exec_count, 2); /* half an action is worse than a whole one */
    super_rig_program_ends(r, 0, 0, "x");
    super_rig_step(r, 1, 0);
    super_rig_program_ends(r, 0, 0, "x");
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(pk_super_runs_active(&the_supervisor), 0);
    CHECK_EQ_INT(the_supervisor.runs[0].id, 0);
    CHECK_EQ_INT(r->out_count, 0);
}

/* The program in the first slot ends; the next one, "" when there is none. */
static const char *next_after(struct super_rig *r, int32_t exit_code) {
    super_rig_program_ends(r, 0, exit_code, "");
    super_rig_step(r, 1, 0);
    return r->slots[0].is_running ? r->slots[0].argv : "";
}

/* Time passes until an undo is tried again. */
static void after_pause(struct super_rig *r, uint64_t ms) {
    super_rig_step(r, ms, 0);
    CHECK_STR(r->slots[0].is_running ? r->slots[0].argv : "", "/bin/back /s/supervisor/undo.back@web");
}

static struct super_rig *acting(void) {
    struct super_rig *r = running();
    memcpy(the_supervisor.config.state_dir, "/s", sizeof "/s");
    the_supervisor.policy.is_auto_rollback = true;
    super_rig_ask(r, 7, BACK, "web", PK_IPC_PHASE_ACT);
    super_rig_step(r, 1, 0);
    CHECK_STR(r->slots[0].argv, "/bin/save /s/supervisor/undo.back@web");
    return r;
}

PK_TEST(undo__all_well__snapshot_then_act_and_nothing_undone) {
    struct super_rig *r = acting();
    CHECK_STR(next_after(r, 0), "/bin/set web");
    CHECK_STR(next_after(r, 0), "/bin/more");
    CHECK_STR(next_after(r, 0), "");
    CHECK_EQ_INT(done_of(r).phase, PK_IPC_PHASE_ACT);
    CHECK_EQ_INT(done_of(r).undo, PK_IPC_UNDO_NONE);
    CHECK_EQ_INT(done_of(r).exit_code, 0);
}

PK_TEST(undo__no_snapshot__nothing_is_changed_and_nothing_undone) {
    struct super_rig *r = acting();
    CHECK_STR(next_after(r, 5), "");
    CHECK_EQ_INT(done_of(r).phase, PK_IPC_PHASE_SNAPSHOT);
    CHECK_EQ_INT(done_of(r).exit_code, 5);
    CHECK_EQ_INT(done_of(r).undo, PK_IPC_UNDO_NONE);
}

PK_TEST(undo__a_line_fails__undone_at_once_and_the_first_fault_is_told) {
    struct super_rig *r = acting();
    CHECK_STR(next_after(r, 0), "/bin/set web");
    CHECK_STR(next_after(r, 0), "/bin/more");
    CHECK_STR(next_after(r, 3), "/bin/back /s/supervisor/undo.back@web");
    CHECK(super_rig_heard(r, PK_IPC_DONE) == NULL);
    CHECK_STR(next_after(r, 0), "/bin/back2");
    CHECK_STR(next_after(r, 0), "");
    CHECK_EQ_INT(done_of(r).exit_code, 3);
    CHECK_EQ_INT(done_of(r).step, 1);
    CHECK_EQ_INT(done_of(r).phase, PK_IPC_PHASE_ACT);
    CHECK_EQ_INT(done_of(r).undo, PK_IPC_UNDO_DONE);
}

PK_TEST(undo__it_fails_or_cannot_start__said) {
    struct super_rig *r = acting();
    CHECK_STR(next_after(r, 0), "/bin/set web");
    CHECK_STR(next_after(r, 3), "/bin/back /s/supervisor/undo.back@web");
    CHECK_STR(next_after(r, 9), "");                /* the second line is not tried on top of it */
    CHECK(super_rig_heard(r, PK_IPC_DONE) == NULL); /* it is tried again */
    after_pause(r, PK_UNDO_PAUSE_MS);
    CHECK_STR(next_after(r, 0), "/bin/back2");
    CHECK_STR(next_after(r, 8), ""); /* the second failure, of the other line */
    CHECK_EQ_U64(pk_supervisor_until_ms(&the_supervisor) <= r->now_ms + 2 * PK_UNDO_PAUSE_MS, 1);
    after_pause(r, 2 * PK_UNDO_PAUSE_MS);
    CHECK_STR(next_after(r, 9), "");
    CHECK_EQ_INT(done_of(r).undo, PK_IPC_UNDO_FAILED);
    CHECK_EQ_INT(done_of(r).undo_exit, 9);
    CHECK_EQ_INT(done_of(r).exit_code, 3);
    CHECK_EQ_INT(done_of(r).phase, PK_IPC_PHASE_ACT);
    r = acting();
    CHECK_STR(next_after(r, 0), "/bin/set web");
    r->exec_error = PK_E_NOT_FOUND;
    CHECK_STR(next_after(r, 3), "");
    super_rig_step(r, PK_UNDO_PAUSE_MS, 0);
    CHECK(super_rig_heard(r, PK_IPC_DONE) == NULL);
    super_rig_step(r, 2 * PK_UNDO_PAUSE_MS, 0);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(done_of(r).undo, PK_IPC_UNDO_FAILED);
    CHECK_EQ_INT(done_of(r).undo_exit, 127);
}

PK_TEST(undo__fails_once__the_second_try_takes_it_back) {
    struct super_rig *r = acting();
    CHECK_STR(next_after(r, 0), "/bin/set web");
    CHECK_STR(next_after(r, 3), "/bin/back /s/supervisor/undo.back@web");
    CHECK_STR(next_after(r, 1), "");
    CHECK_EQ_INT(pk_super_runs_active(&the_supervisor), 0);
    CHECK_EQ_INT(pk_super_runs_open(&the_supervisor), 1); /* the table it belongs to stays meanwhile */
    super_rig_say(r, PK_IPC_STOP, 7, NULL, 0);            /* and nobody stops it */
    super_rig_step(r, PK_UNDO_PAUSE_MS - 10, 0);
    CHECK(!r->slots[0].is_running);
    after_pause(r, 10);
    CHECK_STR(next_after(r, 0), "/bin/back2");
    CHECK_STR(next_after(r, 0), "");
    CHECK_EQ_INT(done_of(r).undo, PK_IPC_UNDO_DONE);
    CHECK_EQ_INT(done_of(r).exit_code, 3);
    CHECK_EQ_INT(pk_super_runs_open(&the_supervisor), 0);
    super_rig_forget(r); /* the same for one that is asked for */
    super_rig_ask(r, 8, BACK, "web", PK_IPC_PHASE_UNDO);
    super_rig_step(r, 1, 0);
    CHECK_STR(next_after(r, 1), "");
    after_pause(r, PK_UNDO_PAUSE_MS);
    CHECK_STR(next_after(r, 0), "/bin/back2");
    CHECK_STR(next_after(r, 0), "");
    CHECK_EQ_INT(done_of(r).phase, PK_IPC_PHASE_UNDO);
    CHECK_EQ_INT(done_of(r).exit_code, 0);
}

PK_TEST(undo__three_that_run_long__are_not_in_its_way) {
    struct super_rig *r = acting();
    CHECK_STR(next_after(r, 0), "/bin/set web");
    CHECK_STR(next_after(r, 0), "/bin/more");
    CHECK_STR(next_after(r, 0), "");
    super_rig_forget(r);
    for (uint32_t id = 21; id <= 24; id++) {
        super_rig_ask(r, id, ONE, "", PK_IPC_PHASE_ACT);
        super_rig_step(r, 1, 0);
    }
    CHECK_EQ_INT(super_rig_refused(r), PK_E_BUSY); /* the fourth action */
    CHECK_EQ_INT(pk_super_runs_active(&the_supervisor), 3);
    super_rig_ask(r, 7, BACK, "web", PK_IPC_PHASE_UNDO);
    super_rig_step(r, 1, 0);
    CHECK_STR(r->slots[3].argv, "/bin/back /s/supervisor/undo.back@web");
    super_rig_forget(r);
    super_rig_ask(r, 25, BACK, "web", PK_IPC_PHASE_UNDO); /* that place is one */
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_BUSY);
    super_rig_program_ends(r, 0, 0, "");
    super_rig_program_ends(r, 3, 0, "");
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(pk_super_runs_active(&the_supervisor), 3);
    super_rig_ask(r, 26, ONE, "", PK_IPC_PHASE_ACT); /* an undo under way takes the place of an action */
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_BUSY);
}

PK_TEST(undo__stopped_in_the_middle__undone_and_that_is_not_stopped_too) {
    struct super_rig *r = acting();
    CHECK_STR(next_after(r, 0), "/bin/set web");
    super_rig_say(r, PK_IPC_STOP, 7, NULL, 0);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(r->stop_count, 1);
    CHECK_STR(next_after(r, 143), "/bin/back /s/supervisor/undo.back@web");
    super_rig_say(r, PK_IPC_STOP, 7, NULL, 0);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(r->stop_count, 1);
    CHECK_STR(next_after(r, 0), "/bin/back2");
    CHECK_STR(next_after(r, 0), "");
    CHECK_EQ_INT(done_of(r).undo, PK_IPC_UNDO_DONE);
}

PK_TEST(undo__agent_dies_meanwhile__it_is_undone_all_the_same) {
    struct super_rig *r = acting();
    CHECK_STR(next_after(r, 0), "/bin/set web");
    super_rig_child_ends(r, PK_SUPER_AGENT, 139, true);
    super_rig_step(r, 1, 0);
    CHECK_STR(next_after(r, 1), "/bin/back /s/supervisor/undo.back@web");
    CHECK_STR(next_after(r, 0), "/bin/back2");
    CHECK_STR(next_after(r, 0), "");
    CHECK_EQ_INT(pk_super_runs_active(&the_supervisor), 0);
}

PK_TEST(undo__asked_for__free_then_at_a_price_and_never_the_snapshot_alone) {
    struct super_rig *r = acting();
    CHECK_STR(next_after(r, 0), "/bin/set web");
    CHECK_STR(next_after(r, 0), "/bin/more");
    CHECK_STR(next_after(r, 0), "");
    super_rig_ask(r, 7, BACK, "web", PK_IPC_PHASE_SNAPSHOT);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_BAD_MSG);
    super_rig_ask(r, 7, BACK, "web", PK_IPC_PHASE_UNDO);
    super_rig_step(r, 1, 0);
    CHECK_STR(r->slots[0].argv, "/bin/back /s/supervisor/undo.back@web");
    CHECK_STR(next_after(r, 0), "/bin/back2");
    super_rig_forget(r);
    CHECK_STR(next_after(r, 0), "");
    CHECK_EQ_INT(done_of(r).phase, PK_IPC_PHASE_UNDO);
    super_rig_ask(r, 7, BACK, "web", PK_IPC_PHASE_UNDO); /* should the agent have died meanwhile: once more */
    super_rig_step(r, 1, 0);
    CHECK_STR(next_after(r, 0), "/bin/back2");
    CHECK_STR(next_after(r, 0), "");
    super_rig_forget(r);
    for (uint32_t i = 0; i < 60; i++) { /* per_hour of the row holds for its undo too */
        super_rig_ask(r, 100 + i, BACK, "web", PK_IPC_PHASE_UNDO);
        super_rig_step(r, 1000, 0);
        CHECK_STR(next_after(r, 0), "/bin/back2");
        CHECK_STR(next_after(r, 0), "");
        super_rig_forget(r);
    }
    super_rig_ask(r, 200, BACK, "web", PK_IPC_PHASE_UNDO);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_BUDGET);
    super_rig_ask(r, 201, ONE, "", PK_IPC_PHASE_UNDO);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_NOT_FOUND); /* no such phase */
    the_supervisor.policy.mode = PK_MODE_OBSERVE;
    super_rig_ask(r, 202, BACK, "web", PK_IPC_PHASE_UNDO);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_POLICY);
}

PK_TEST(undo__switched_off__left_as_it_is) {
    struct super_rig *r = acting();
    the_supervisor.policy.is_auto_rollback = false;
    CHECK_STR(next_after(r, 0), "/bin/set web");
    CHECK_STR(next_after(r, 3), "");
    CHECK_EQ_INT(done_of(r).undo, PK_IPC_UNDO_NONE);
}

PK_TEST(undo__a_person_switched_it_off__left_as_it_is_for_this_run) {
    struct super_rig *r = running();
    struct pk_ipc_run run;
    memcpy(the_supervisor.config.state_dir, "/s", sizeof "/s");
    the_supervisor.policy.is_auto_rollback = true;
    memset(&run, 0, sizeof run);
    run.actions_crc = the_supervisor.policy.actions->crc;
    run.action_index = BACK;
    run.phase = PK_IPC_PHASE_ACT;
    run.is_undo_off = 1;
    (void)pk_str_copy_cut(pk_str_of("web"), run.target, sizeof run.target);
    super_rig_say(r, PK_IPC_RUN, 300, &run, sizeof run);
    super_rig_step(r, 1, 0);
    CHECK_STR(next_after(r, 0), "/bin/set web");
    CHECK_STR(next_after(r, 3), "");
    CHECK_EQ_INT(done_of(r).undo, PK_IPC_UNDO_NONE);
    run.is_undo_off = 2;
    super_rig_say(r, PK_IPC_RUN, 301, &run, sizeof run);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_BAD_MSG);
}

PK_TEST_MAIN(undo__all_well__snapshot_then_act_and_nothing_undone,
             undo__no_snapshot__nothing_is_changed_and_nothing_undone,
             undo__a_line_fails__undone_at_once_and_the_first_fault_is_told,
             undo__it_fails_or_cannot_start__said, undo__fails_once__the_second_try_takes_it_back,
             undo__three_that_run_long__are_not_in_its_way,
             undo__stopped_in_the_middle__undone_and_that_is_not_stopped_too,
             undo__agent_dies_meanwhile__it_is_undone_all_the_same,
             undo__asked_for__free_then_at_a_price_and_never_the_snapshot_alone,
             undo__switched_off__left_as_it_is, undo__a_person_switched_it_off__left_as_it_is_for_this_run,
             runs__one_program__started_output_done, runs__several_steps__go_on_while_they_succeed,
             runs__step_that_cannot_start__ends_the_run_as_a_shell_would,
             runs__record_cannot_be_written__nothing_starts, runs__three_at_a_time__numbers_are_unique,
             runs__slow_reader__gets_all_of_it_later, runs__stop__ends_the_program_and_skips_the_rest,
             runs__agent_gone__the_program_goes_on_and_nobody_is_told)
