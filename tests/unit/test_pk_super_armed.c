#include <string.h>

#include "base/pk_assert.h"
#include "support/pk_test.h"
#include "support/super_rig.h"

enum { LOCK, PROVED, PLAIN };
static struct super_rig the_rig;
static struct pk_supervisor the_supervisor;
static const char actions_text[] =
    "[action lock]\nrisk = low\nargv = /bin/lock\nundo = /bin/unlock\nconfirm_within = 1m\ntimeout = "
    "10s\ncooldown = "
    "0\nper_hour = 60\n"
    "[action proved]\nrisk = low\nargv = /bin/set {target}\nverify = /bin/check\nsnapshot = /bin/save "
    "{snapshot}\n"
    "undo = /bin/back {snapshot}\nconfirm_within = 1m\ntimeout = 10s\ntargets = web\ncooldown = 0\nper_hour "
    "= 60\n"
    "[action plain]\nrisk = low\nargv = /bin/x\nundo = /bin/y\ncooldown = 0\nper_hour = 60\n";

static void program_ends(struct super_rig *r, int32_t exit_code) {
    super_rig_program_ends(r, 0, exit_code, "");
    super_rig_step(r, 1, 0);
}

static const char *running_program(const struct super_rig *r) {
    return r->slots[0].is_running ? r->slots[0].argv : "";
}

static void ready(struct super_rig *r) {
    const struct pk_ipc_ready said = {.seal_bits = 7};
    super_rig_say(r, PK_IPC_READY, 0, &said, sizeof said);
    super_rig_step(r, 1, 0);
}

static struct super_rig *running(void) {
    super_rig_init(&the_rig, &the_supervisor, actions_text);
    memcpy(the_supervisor.config.state_dir, "/s", sizeof "/s");
    the_supervisor.policy.is_auto_rollback = true;
    super_rig_run(&the_rig);
    ready(&the_rig);
    return &the_rig;
}

static void ask(struct super_rig *r, uint32_t id, uint16_t action, const char *target, uint8_t phase) {
    super_rig_ask(r, id, action, target, phase);
    super_rig_step(r, 1, 0);
}

static struct super_rig *locked(void) {
    struct super_rig *r = running();
    ask(r, 7, LOCK, "", PK_IPC_PHASE_ACT);
    CHECK_STR(running_program(r), "/bin/lock");
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED); /* before it is done */
    program_ends(r, 0);
    super_rig_forget(r);
    return r;
}

/* As many changes wait to be confirmed as there are places. */
static struct super_rig *full(void) {
    struct super_rig *r = running();
    for (uint32_t id = 1; id <= PK_SUPER_ARMED_MAX; id++) {
        ask(r, id, LOCK, "", PK_IPC_PHASE_ACT);
        program_ends(r, 0);
    }
    return r;
}

/* Time passes; the agent goes on living. */
static void pass(struct super_rig *r, uint64_t ms) {
    static uint64_t ticks = 1000;
    while (ms > 0) {
        const uint64_t step_ms = ms > 10000 ? 10000 : ms;
        const struct pk_ipc_tick tick = {.tick_count = ++ticks};
        super_rig_say(r, PK_IPC_TICK, 0, &tick, sizeof tick);
        super_rig_step(r, step_ms, 0);
        ms -= step_ms;
    }
}

static int32_t told(const struct super_rig *r, uint32_t run) {
    const struct pk_ipc_frame *f = super_rig_heard(r, PK_IPC_UNDONE);
    struct pk_ipc_done d = {.exit_code = -1};
    if (f != NULL && f->id == run) {
        memcpy(&d, f->body, sizeof d);
    }
    return d.exit_code;
}

/* What it is answered. */
static int confirm(struct super_rig *r, uint32_t run) {
    super_rig_say(r, PK_IPC_CONFIRM, run, NULL, 0);
    super_rig_step(r, 1, 0);
    const struct pk_ipc_frame *f = super_rig_heard(r, PK_IPC_CONFIRMED);
    struct pk_ipc_confirmed c = {.error = 1};
    if (f != NULL && f->id == run) {
        memcpy(&c, f->body, sizeof c);
    }
    return c.error;
}

PK_TEST(armed__nobody_confirms__undone_at_its_time_and_told) {
    struct super_rig *r = locked();
    pass(r, 59000);
    CHECK_STR(running_program(r), "");
    CHECK(pk_supervisor_until_ms(&the_supervisor) <= r->now_ms + 1000);
    pass(r, 1100);
    CHECK_STR(running_program(r), "/bin/unlock");
    program_ends(r, 0);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(told(r, 7), 0);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FREE);
    super_rig_forget(r);
    pass(r, 200000);
    CHECK(super_rig_heard(r, PK_IPC_UNDONE) == NULL); /* once */
    CHECK_STR(running_program(r), "");
}

PK_TEST(armed__confirmed__stays) {
    struct super_rig *r = locked();
    CHECK_EQ_INT(confirm(r, 8), PK_E_NOT_FOUND);
    r->save_error = PK_E_NO_SPACE; /* a restart would undo it: not confirmed, and still armed */
    CHECK_EQ_INT(confirm(r, 7), PK_E_NO_SPACE);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED);
    r->save_error = PK_OK;
    CHECK_EQ_INT(confirm(r, 7), PK_OK);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FREE);
    pass(r, 200000);
    CHECK_STR(running_program(r), "");
}

PK_TEST(armed__proves_itself__stays_and_else_is_undone_with_its_snapshot) {
    struct super_rig *r = running();
    ask(r, 7, PROVED, "web", PK_IPC_PHASE_ACT);
    program_ends(r, 0);
    CHECK_STR(running_program(r), "/bin/set web");
    program_ends(r, 0);
    ask(r, 7, PROVED, "web", PK_IPC_PHASE_VERIFY);
    program_ends(r, 1); /* not yet */
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED);
    ask(r, 7, PROVED, "web", PK_IPC_PHASE_VERIFY);
    program_ends(r, 0);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FREE);
    ask(r, 8, PROVED, "web", PK_IPC_PHASE_ACT);
    program_ends(r, 0);
    program_ends(r, 0);
    pass(r, 61000);
    CHECK_STR(running_program(r), "/bin/back /s/supervisor/undo.proved@web");
    program_ends(r, 5);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(told(r, 8), -1); /* tried again, and again */
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FIRED);
    pass(r, PK_UNDO_PAUSE_MS);
    program_ends(r, 5);
    pass(r, 2 * PK_UNDO_PAUSE_MS);
    program_ends(r, 5);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(told(r, 8), 5);
}

PK_TEST(armed__nothing_was_changed__nothing_to_undo) {
    struct super_rig *r = running();
    ask(r, 7, PROVED, "web", PK_IPC_PHASE_ACT);
    program_ends(r, 1); /* no snapshot */
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FREE);
    ask(r, 8, LOCK, "", PK_IPC_PHASE_ACT);
    program_ends(r, 1);
    CHECK_STR(running_program(r), "/bin/unlock"); /* it failed: at once */
    program_ends(r, 0);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FREE);
    ask(r, 9, PLAIN, "", PK_IPC_PHASE_ACT);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FREE);
    program_ends(r, 0);
    r->exec_error = PK_E_NOT_FOUND;
    ask(r, 10, LOCK, "", PK_IPC_PHASE_ACT);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FREE);
}

PK_TEST(armed__record_cannot_be_written__it_does_not_start) {
    struct super_rig *r = running();
    r->save_error = PK_E_IO;
    ask(r, 7, LOCK, "", PK_IPC_PHASE_ACT);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_IO);
    CHECK_STR(running_program(r), "");
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FREE);
}

/* The record as it was left, read by a new supervisor: in the same boot of the kernel, or another. */
static struct super_rig *again_with(uint64_t boot_id, enum pk_mode mode, bool is_auto_rollback) {
    static uint8_t kept[PK_SUPER_SCRATCH_BYTES];
    struct super_rig *r = &the_rig;
    const int n = r->record_bytes;
    const uint64_t now_ms = r->now_ms, boot = r->boot_id;
    CHECK(n > 0);
    PK_ASSERT(n > 0);
    memcpy(kept, r->record, (size_t)n);
    super_rig_init(r, &the_supervisor, actions_text);
    memcpy(the_supervisor.config.state_dir, "/s", sizeof "/s");
    memcpy(r->record, kept, (size_t)n);
    r->record_bytes = n;
    r->now_ms = boot_id == 0 ? now_ms : 5000;
    r->boot_id = boot_id == 0 ? boot : boot_id;
    the_supervisor.policy.mode = (uint8_t)mode;
    the_supervisor.policy.is_auto_rollback = is_auto_rollback;
    super_rig_run(r);
    return r;
}

static struct super_rig *again(uint64_t boot_id) {
    return again_with(boot_id, PK_MODE_SAFE, true);
}

PK_TEST(armed__reboot__undone_at_once_and_told_when_there_is_an_agent) {
    struct super_rig *r = locked();
    r = again(1001);
    super_rig_step(r, 1, 0);
    CHECK_STR(running_program(r), "/bin/unlock");
    program_ends(r, 0);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(told(r, 7), -1); /* nobody is there to hear it */
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_TELL);
    r = again(1002);
    CHECK_STR(running_program(r), ""); /* and not once more */
    ready(r);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(told(r, 7), 0);
}

PK_TEST(armed__supervisor_restarted__the_deadline_holds) {
    struct super_rig *r = locked();
    pass(r, 30000);
    r = again(0);
    ready(r);
    pass(r, 20000);
    CHECK_STR(running_program(r), "");
    pass(r, 11000);
    CHECK_STR(running_program(r), "/bin/unlock");
}

PK_TEST(armed__killed_while_it_acts_or_undoes__undone) {
    struct super_rig *r = running();
    ask(r, 7, LOCK, "", PK_IPC_PHASE_ACT);
    CHECK_STR(running_program(r), "/bin/lock");
    r = again(1001);
    super_rig_step(r, 1, 0);
    CHECK_STR(running_program(r), "/bin/unlock");
    const int saved = pk_super_save(&the_supervisor); /* as of another action meanwhile */
    CHECK_EQ_INT(saved, PK_OK);
    r = again(0);
    super_rig_step(r, 1, 0);
    CHECK_STR(running_program(r), "/bin/unlock");
}

/* Numbers of runs begin anew with a store that was moved aside. */
PK_TEST(armed__another_action_or_target_of_the_same_number__is_not_meant) {
    struct super_rig *r = locked();
    ask(r, 7, PLAIN, "", PK_IPC_PHASE_ACT);
    CHECK_STR(running_program(r), "/bin/x");
    program_ends(r, 1); /* it fails and is undone: that of lock is not */
    CHECK_STR(running_program(r), "/bin/y");
    program_ends(r, 0);
    ask(r, 7, PLAIN, "", PK_IPC_PHASE_UNDO);
    program_ends(r, 0);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED);
    CHECK_STR(the_supervisor.record.armed[0].action, "lock");
    super_rig_forget(r);
    ask(r, 7, PROVED, "web", PK_IPC_PHASE_ACT); /* nor is it armed over it */
    CHECK_EQ_INT(super_rig_refused(r), PK_E_CONFLICT);
    pass(r, 61000);
    CHECK_STR(running_program(r), "/bin/unlock");
}

static uint8_t lost_of(const struct super_rig *r) {
    struct pk_ipc_welcome w = {.record_lost = 99};
    const struct pk_ipc_frame *f = super_rig_heard(r, PK_IPC_WELCOME);
    if (f != NULL) {
        memcpy(&w, f->body, sizeof w);
    }
    return w.record_lost;
}

/* The same supervisor starts anew, its record damaged. */
static void again_damaged(struct super_rig *r, int copy_bytes) {
    static uint8_t copy[sizeof the_rig.armed];
    const struct pk_ipc_hello hello = {.agent_version = 1};
    memcpy(copy, r->armed, sizeof copy);
    super_rig_init(r, &the_supervisor, actions_text);
    memcpy(the_supervisor.config.state_dir, "/s", sizeof "/s");
    memcpy(r->armed, copy, sizeof copy);
    r->armed_bytes = copy_bytes;
    r->record_bytes = PK_E_CORRUPT;
    r->boot_id = 1003;
    super_rig_run(r);
    super_rig_say(r, PK_IPC_HELLO, 0, &hello, sizeof hello);
    super_rig_step(r, 1, 0);
}

PK_TEST(armed__record_is_damaged__the_copy_knows) {
    struct super_rig *r = locked();
    const uint32_t copies = r->armed_save_count;
    CHECK(copies > 0);
    CHECK_EQ_INT(pk_super_save(&the_supervisor), PK_OK);
    CHECK_EQ_INT(r->armed_save_count, copies); /* only when one came or went */
    const int n = r->armed_bytes;
    again_damaged(r, n);
    CHECK_EQ_INT(lost_of(r), PK_SUPER_LOST_NOTHING);
    super_rig_step(r, 1, 0);
    CHECK_STR(running_program(r), "/bin/unlock"); /* taken back at once, as after any other boot */
    program_ends(r, 0);
    ready(r);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(told(r, 7), 0);
    r = locked(); /* confirmed: the copy knows that too */
    CHECK_EQ_INT(confirm(r, 7), PK_OK);
    again_damaged(r, r->armed_bytes);
    super_rig_step(r, 1, 0);
    CHECK_STR(running_program(r), "");
}

PK_TEST(armed__record_and_copy_are_damaged__said_and_nothing_guessed) {
    struct super_rig *r = locked();
    const int n = r->armed_bytes;
    for (int bit = 0; bit < n * 8; bit += 7) {
        r = locked();
        r->armed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        again_damaged(r, n);
        CHECK_EQ_INT(lost_of(r), PK_SUPER_LOST_ARMED);
        super_rig_step(r, 1, 0);
        CHECK_STR(running_program(r), "");
    }
    r = locked();
    again_damaged(r, PK_E_NOT_FOUND);
    CHECK_EQ_INT(lost_of(r), PK_SUPER_LOST_ARMED);
    CHECK(r->logged[PK_LOG_ERROR] > 0);
}

PK_TEST(armed__row_is_gone_or_no_room__said) {
    struct super_rig *r = locked();
    the_supervisor.tables[0].rows[LOCK].step_count[PK_PHASE_UNDO] = 0;
    pass(r, 61000);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(told(r, 7), 127);
    r = full();
    super_rig_forget(r);
    ask(r, 9, LOCK, "", PK_IPC_PHASE_ACT);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_BUSY);
    ask(r, 10, LOCK, "", PK_IPC_PHASE_UNDO); /* a person is faster: for all of them */
    program_ends(r, 0);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FREE);
    CHECK_EQ_INT(the_supervisor.record.armed[3].state, PK_SUPER_ARMED_FREE);
}

/* Its act failed, and so did the first try to undo it. */
static struct super_rig *owing(void) {
    struct super_rig *r = running();
    ask(r, 7, PLAIN, "", PK_IPC_PHASE_ACT);
    program_ends(r, 3);
    CHECK_STR(running_program(r), "/bin/y");
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_OWED); /* from its beginning on */
    program_ends(r, 1);
    CHECK_STR(running_program(r), ""); /* it waits for its second try */
    return r;
}

PK_TEST(owed__all_in_one_life__done_and_told_once) {
    struct super_rig *r = owing();
    super_rig_forget(r);
    ask(r, 8, PLAIN, "", PK_IPC_PHASE_ACT);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_BUSY); /* on top of what is half undone */
    pass(r, PK_UNDO_PAUSE_MS);
    CHECK_STR(running_program(r), "/bin/y");
    CHECK_EQ_INT(confirm(r, 7), PK_E_BUSY); /* half undone would be worse */
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_OWED);
    program_ends(r, 0);
    super_rig_step(r, 1, 0);
    CHECK(super_rig_heard(r, PK_IPC_DONE) != NULL);
    CHECK_EQ_INT(told(r, 7), -1);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FREE);
    pass(r, 60000);
    CHECK_STR(running_program(r), "");
    r = again(0);
    pass(r, 60000);
    CHECK_STR(running_program(r), "");
}

PK_TEST(owed__stopped_before_its_second_try__done_after_the_restart_and_told) {
    static const uint64_t BOOTS[] = {0, 1001}; /* in the same boot of the machine, or the next */
    for (uint32_t i = 0; i < 2; i++) {
        struct super_rig *r = owing();
        super_rig_step(r, 1, PK_SIG_STOP);
        super_rig_child_ends(r, PK_SUPER_AGENT, 0, false);
        super_rig_step(r, 1, 0);
        CHECK_EQ_INT(the_supervisor.state, PK_SUPER_DONE);
        r = again(BOOTS[i]);
        pass(r, 2000);
        CHECK_STR(running_program(r), "/bin/y");
        program_ends(r, 0);
        ready(r);
        super_rig_step(r, 1, 0);
        CHECK_EQ_INT(told(r, 7), 0);
        CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FREE);
        pass(r, 60000);
        CHECK_STR(running_program(r), "");
    }
}

PK_TEST(owed__fails_for_good_after_the_restart__told_as_failed) {
    struct super_rig *r = owing();
    r = again(1001); /* the power went */
    pass(r, 2000);
    for (uint32_t i = 0; i < PK_UNDO_TRIES; i++) {
        CHECK_STR(running_program(r), "/bin/y");
        program_ends(r, 9);
        pass(r, 4 * PK_UNDO_PAUSE_MS);
    }
    ready(r);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(told(r, 7), 9);
    CHECK_STR(running_program(r), "");
}

PK_TEST(owed__agent_dies_meanwhile__the_next_one_is_told) {
    struct super_rig *r = owing();
    super_rig_child_ends(r, PK_SUPER_AGENT, 9, false);
    super_rig_step(r, 1, 0);
    pass(r, PK_UNDO_PAUSE_MS);
    CHECK_STR(running_program(r), "/bin/y");
    program_ends(r, 0);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_TELL);
}

PK_TEST(owed__no_room__said_and_undone_all_the_same) {
    struct super_rig *r = full();
    const uint32_t before = r->logged[PK_LOG_ERROR];
    ask(r, 9, PLAIN, "", PK_IPC_PHASE_ACT);
    program_ends(r, 3);
    CHECK_EQ_U64(r->logged[PK_LOG_ERROR], before + 1u);
    CHECK_STR(running_program(r), "/bin/y");
}

/* The agent does not read when the undo ends well, and then the power goes. */
PK_TEST(owed__ended_before_its_done_has_left__not_done_twice) {
    struct super_rig *r = owing();
    r->room = 0;
    pass(r, PK_UNDO_PAUSE_MS);
    CHECK_STR(running_program(r), "/bin/y");
    r->room = 0;
    program_ends(r, 0);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_TELL);
    r = again(1001);
    ready(r);
    pass(r, 20000);
    CHECK_STR(running_program(r), "");
    CHECK_EQ_INT(told(r, 7), 0);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FREE);
    r = owing(); /* without the power cut: its run says it, and nobody else */
    pass(r, PK_UNDO_PAUSE_MS);
    super_rig_program_ends(r, 0, 0, "");
    r->room = 0;
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_TELL);
    r->room = 9;
    pk_super_armed_tell(&the_supervisor); /* before its run could */
    super_rig_step(r, 1, 0);
    CHECK(super_rig_heard(r, PK_IPC_DONE) != NULL);
    CHECK(super_rig_heard(r, PK_IPC_UNDONE) == NULL);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FREE);
}

/* Whoever stopped it may have mended the file meanwhile. */
PK_TEST(owed__mode_or_switch_against_it_at_the_start__left_and_told) {
    static const struct {
        enum pk_mode mode;
        bool is_auto_rollback;
    } CASES[] = {{PK_MODE_OFF, true}, {PK_MODE_OBSERVE, true}, {PK_MODE_SAFE, false}, {PK_MODE_OFF, false}};
    for (uint32_t i = 0; i < 8; i++) {
        struct super_rig *r = owing();
        if (i >= 4) { /* a second restart, in the middle of its undo */
            r = again(1001);
            pass(r, 2000);
            CHECK_STR(running_program(r), "/bin/y");
            CHECK_EQ_INT(pk_super_save(&the_supervisor), PK_OK); /* as of another action meanwhile */
        }
        r = again_with(1002, CASES[i % 4].mode, CASES[i % 4].is_auto_rollback);
        pass(r, 5000);
        CHECK_STR(running_program(r), "");
        ready(r);
        super_rig_step(r, 1, 0);
        CHECK(super_rig_heard(r, PK_IPC_UNDONE) != NULL);
        CHECK_EQ_INT(told(r, 7), PK_IPC_UNDO_LEFT);
        CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FREE);
        r = again(1003);
        pass(r, 5000);
        CHECK_STR(running_program(r), "");
    }
    struct super_rig *r = locked(); /* the way home does not depend on it */
    r = again_with(1001, PK_MODE_OFF, false);
    super_rig_step(r, 1, 0);
    CHECK_STR(running_program(r), "/bin/unlock");
}

PK_TEST(owed__confirmed_while_it_waits__left) {
    struct super_rig *r = owing();
    super_rig_forget(r);
    CHECK_EQ_INT(confirm(r, 7), PK_OK);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FREE);
    super_rig_step(r, 1, 0);
    CHECK(super_rig_heard(r, PK_IPC_DONE) != NULL); /* it is not undone, and the run says so */
    pass(r, 60000);
    CHECK_STR(running_program(r), "");
    r = owing();
    r = again(1001);
    pass(r, 2000);
    ready(r);
    CHECK_EQ_INT(confirm(r, 7), PK_E_BUSY);
    super_rig_forget(r);
    program_ends(r, 1);
    CHECK_EQ_INT(confirm(r, 7), PK_OK);
    pass(r, 60000);
    CHECK_STR(running_program(r), "");
    CHECK(super_rig_heard(r, PK_IPC_UNDONE) == NULL);
    CHECK_EQ_INT(the_supervisor.record.armed[0].state, PK_SUPER_ARMED_FREE);
}

/* Numbers of maintenance's runs begin anew with each agent. */
PK_TEST(owed__another_action_of_the_same_number_and_target__is_not_meant) {
    struct pk_supervisor *s = &the_supervisor;
    (void)running();
    pk_super_armed_owe(s, 7, "plain", "", UINT64_MAX);
    pk_super_armed_owe(s, 7, "other", "", UINT64_MAX);
    CHECK_EQ_INT(s->record.armed[1].state, PK_SUPER_ARMED_OWED);
    pk_super_armed_paid(s, 7, "other", "", 0);
    CHECK_EQ_INT(s->record.armed[0].state, PK_SUPER_ARMED_OWED);
    CHECK_EQ_INT(s->record.armed[1].state, PK_SUPER_ARMED_TELL);
    pk_super_armed_told(s, 7, "plain", "");
    CHECK_EQ_INT(s->record.armed[1].state, PK_SUPER_ARMED_TELL);
    pk_super_armed_told(s, 7, "other", "");
    CHECK_EQ_INT(s->record.armed[1].state, PK_SUPER_ARMED_FREE);
}

PK_TEST_MAIN(armed__nobody_confirms__undone_at_its_time_and_told, armed__confirmed__stays,
             armed__proves_itself__stays_and_else_is_undone_with_its_snapshot,
             armed__nothing_was_changed__nothing_to_undo, armed__record_cannot_be_written__it_does_not_start,
             armed__reboot__undone_at_once_and_told_when_there_is_an_agent,
             armed__supervisor_restarted__the_deadline_holds, armed__killed_while_it_acts_or_undoes__undone,
             armed__another_action_or_target_of_the_same_number__is_not_meant,
             armed__record_is_damaged__the_copy_knows,
             armed__record_and_copy_are_damaged__said_and_nothing_guessed,
             armed__row_is_gone_or_no_room__said, owed__all_in_one_life__done_and_told_once,
             owed__stopped_before_its_second_try__done_after_the_restart_and_told,
             owed__fails_for_good_after_the_restart__told_as_failed,
             owed__agent_dies_meanwhile__the_next_one_is_told, owed__no_room__said_and_undone_all_the_same,
             owed__ended_before_its_done_has_left__not_done_twice,
             owed__mode_or_switch_against_it_at_the_start__left_and_told,
             owed__confirmed_while_it_waits__left,
             owed__another_action_of_the_same_number_and_target__is_not_meant)
