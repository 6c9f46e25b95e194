#include <string.h>

#include "support/pk_test.h"
#include "support/super_rig.h"

enum { ONE, STEPS, DAEMON };
static struct super_rig the_rig;
static struct pk_supervisor the_supervisor;
static const char actions_text[] =
    "[action one]\nrisk = low\nargv = /bin/one --x\nverify = /bin/check\nverify_within = 5s\ntimeout = "
    "7s\ncooldown = 0\nper_hour = 60\n"
    "[action steps]\nrisk = low\nargv = /bin/first {target}\nargv = /bin/second\nargv = /bin/third\ntargets "
    "= web\ncooldown = 0\nper_hour = 60\n"
    "[action daemon]\nrisk = low\nargv = /etc/init.d/x restart\ndaemon = yes\ncooldown = 0\nper_hour = 60\n";

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

PK_TEST_MAIN(runs__one_program__started_output_done, runs__several_steps__go_on_while_they_succeed,
             runs__step_that_cannot_start__ends_the_run_as_a_shell_would,
             runs__record_cannot_be_written__nothing_starts, runs__three_at_a_time__numbers_are_unique,
             runs__slow_reader__gets_all_of_it_later, runs__stop__ends_the_program_and_skips_the_rest,
             runs__agent_gone__the_program_goes_on_and_nobody_is_told)
