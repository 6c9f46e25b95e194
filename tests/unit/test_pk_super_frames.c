#include <string.h>

#include "support/pk_test.h"
#include "support/super_rig.h"

static struct super_rig the_rig;
static struct pk_supervisor the_supervisor;
static const char actions_text[] = "[action a]\nrisk = low\nargv = /bin/a\ncooldown = 0\n";

static struct super_rig *running(void) {
    super_rig_init(&the_rig, &the_supervisor, actions_text);
    super_rig_run(&the_rig);
    return &the_rig;
}

static void tick(struct super_rig *r, uint64_t count, uint64_t durable, uint64_t submitted) {
    const struct pk_ipc_tick t = {.tick_count = count, .durable_seq = durable, .submitted_seq = submitted};
    super_rig_say(r, PK_IPC_TICK, 0, &t, sizeof t);
}

PK_TEST(frames__hello__is_answered_with_what_the_agent_must_know) {
    struct super_rig *r = running();
    const struct pk_ipc_hello h = {.agent_version = 1, .actions_crc = 12345};
    super_rig_say(r, PK_IPC_HELLO, 0, &h, sizeof h);
    super_rig_step(r, 5, 0);
    const struct pk_ipc_frame *f = super_rig_heard(r, PK_IPC_WELCOME);
    REQUIRE(f != NULL && f->body_bytes == sizeof(struct pk_ipc_welcome));
    struct pk_ipc_welcome w;
    memcpy(&w, f->body, sizeof w);
    CHECK_EQ_INT(w.boot_epoch, the_supervisor.record.boot_epoch);
    CHECK_EQ_INT(w.actions_crc, the_supervisor.policy.actions->crc);
    CHECK_EQ_INT(w.last_exit, 0xFFFFFFFFu);
    CHECK_EQ_INT(w.restart_count, 0);
    CHECK_EQ_U64(w.start_mono_ms, 1000000);
    CHECK_EQ_INT(the_rig.logged[PK_LOG_WARNING], 1); /* the tables differ: said once, refused later */
}

static struct pk_ipc_welcome welcome(struct super_rig *r) {
    const struct pk_ipc_hello h = {.agent_version = 1, .actions_crc = the_supervisor.policy.actions->crc};
    struct pk_ipc_welcome w = {0};
    super_rig_forget(r);
    super_rig_say(r, PK_IPC_HELLO, 0, &h, sizeof h);
    super_rig_step(r, 5, 0);
    const struct pk_ipc_frame *f = super_rig_heard(r, PK_IPC_WELCOME);
    CHECK(f != NULL && f->body_bytes == sizeof w);
    if (f != NULL) {
        memcpy(&w, f->body, sizeof w);
    }
    return w;
}

PK_TEST(frames__welcome__says_how_the_boot_before_ended) {
    struct super_rig *r = &the_rig;
    super_rig_init(r, &the_supervisor, actions_text);
    r->kernel_dump = "Panic#1 Part1\n<0>[    1.5] Kernel panic - not syncing: Fatal exception\n";
    r->has_watchdog_fired = true;
    super_rig_run(r);
    const struct pk_ipc_welcome w = welcome(r);
    CHECK_EQ_U64(w.kernel_boot, 77);
    CHECK_EQ_INT(w.trace, PK_STOP_TRACE_PANIC);
    CHECK_STR(w.trace_line, "Kernel panic - not syncing: Fatal exception");
    CHECK(w.trace_crc != 0);
    CHECK_EQ_INT(w.has_watchdog_fired, 1);
    CHECK_EQ_INT(w.was_hung, 0);
    CHECK_EQ_INT(w.oom_kill_count, 0);
}

static void end_and_start_again(struct super_rig *r) {
    super_rig_child_ends(r, PK_SUPER_AGENT, 137, false);
    super_rig_step(r, 1, 0);
    super_rig_step(r, PK_SUPER_BACKOFF_MAX_MS, 0);
    super_rig_child_ends(r, PK_SUPER_CHECK_STORE, 0, false);
    super_rig_step(r, 0, 0);
    CHECK_EQ_INT(the_supervisor.state, PK_SUPER_RUNNING);
}

PK_TEST(frames__welcome__says_how_the_agent_before_ended) {
    struct super_rig *r = running();
    CHECK_EQ_INT(welcome(r).trace_crc, 0);
    r->oom_kill_count = 3;
    end_and_start_again(r);
    struct pk_ipc_welcome w = welcome(r);
    CHECK_EQ_INT(w.oom_kill_count, 3);
    CHECK_EQ_INT(w.was_hung, 0);
    super_rig_step(r, PK_SUPER_START_MS, 0); /* it never gets ready: once more, then aborted */
    super_rig_step(r, PK_SUPER_GRACE_MS, 0);
    end_and_start_again(r);
    w = welcome(r);
    CHECK_EQ_INT(w.oom_kill_count, 0);
    CHECK_EQ_INT(w.was_hung, 1);
}

PK_TEST(frames__malformed__are_counted_dropped_and_logged_sparingly) {
    struct super_rig *r = running();
    for (uint32_t i = 0; i < 20; i++) {
        super_rig_say(r, (enum pk_ipc_type)(i < 10 ? 0 : 200), i, NULL, 0);
    }
    super_rig_say(r, PK_IPC_TICK, 0, "short", 5); /* of the wrong size */
    super_rig_say(r, PK_IPC_WELCOME, 0, NULL, 0); /* ours to send */
    super_rig_say(r, PK_IPC_READY, 0, NULL, 0);
    r->in[22].body_bytes = 9999;
    super_rig_say(r, PK_IPC_OPEN, 0, NULL, 0);
    r->in[23].reserved2 = 1;
    super_rig_say(r, PK_IPC_OPEN, 0, NULL, 0);
    r->in_error[24] = PK_E_BAD_MSG;
    super_rig_step(r, 1, 0);
    CHECK_EQ_U64(the_supervisor.counts.bad_frames, 25);
    CHECK_EQ_INT(r->logged[PK_LOG_WARNING], 1);
    CHECK_EQ_INT(r->out_count, 0);
    CHECK(!the_supervisor.is_ready);
    super_rig_say(r, (enum pk_ipc_type)99, 0, NULL, 0);
    super_rig_step(r, 60000, 0);
    CHECK_EQ_INT(r->logged[PK_LOG_WARNING], 2);
}

PK_TEST(frames__open__hands_out_only_the_table) {
    struct super_rig *r = running();
    for (uint32_t id = 0; id <= PK_IPC_OPEN_EVENTS; id++) {
        super_rig_say(r, PK_IPC_OPEN, id, NULL, 0);
        super_rig_step(r, 1, 0);
        REQUIRE(r->out_count > 0);
        CHECK_EQ_INT(r->out[r->out_count - 1u].type, PK_IPC_FD);
        CHECK_EQ_INT(r->out[r->out_count - 1u].id, id);
        CHECK_EQ_INT(r->out_open_id[r->out_count - 1u], (int)id);
    }
    super_rig_say(r, PK_IPC_OPEN, 2, NULL, 0);
    super_rig_step(r, 1, 0);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_NOT_FOUND);
    CHECK_EQ_INT(r->out_open_id[r->out_count - 1u], -1);
}

PK_TEST(frames__flood__is_held_back_not_lost) {
    struct super_rig *r = running();
    uint32_t handled = 0;
    for (int step = 0; step < 40; step++) {
        r->in_at = r->in_count = 0;
        for (uint32_t i = 0; i < RIG_FRAMES; i++) {
            super_rig_say(r, (enum pk_ipc_type)99, i, NULL, 0);
        }
        super_rig_step(r, 0, 0);
        handled += r->in_at;
    }
    CHECK_EQ_INT(handled, PK_SUPER_FRAMES_BURST);
    CHECK((pk_supervisor_wanted(&the_supervisor) & PK_SUPER_FRAME_READY) == 0); /* not even looked at */
    const uint64_t until_ms = pk_supervisor_until_ms(&the_supervisor);
    CHECK(until_ms > r->now_ms && until_ms <= r->now_ms + 50);
    r->in_at = r->in_count = 0;
    super_rig_step(r, 100, 0);
    CHECK_EQ_INT(the_supervisor.frame_tokens, PK_SUPER_FRAMES_PER_S / 10);
    CHECK((pk_supervisor_wanted(&the_supervisor) & PK_SUPER_FRAME_READY) != 0);
}

PK_TEST(frames__resolve__names_are_checked_and_answers_passed_on) {
    struct super_rig *r = running();
    static const char *const bad[] = {"-x", "a b", "a;b", "$(id)", "a/b", ""};
    r->now_ms += 1000;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        super_rig_say(r, PK_IPC_RESOLVE, 50, bad[i], (uint32_t)strlen(bad[i]) + 1u);
        super_rig_step(r, 1000, 0);
        CHECK_EQ_INT(super_rig_refused(r), PK_E_BAD_FIELD);
    }
    char unending[PK_IPC_BODY_BYTES];
    memset(unending, 'a', sizeof unending);
    super_rig_say(r, PK_IPC_RESOLVE, 50, unending, sizeof unending);
    super_rig_step(r, 1000, 0);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_BAD_FIELD);
    CHECK_EQ_INT(r->spawn_count[PK_SUPER_RESOLVE_0], 0);
    super_rig_forget(r);
    super_rig_say(r, PK_IPC_RESOLVE, 51, "broker.example", 15);
    super_rig_step(r, 1000, 0);
    CHECK_STR(r->spawned_argument, "broker.example");
    r->has_resolved = true;
    r->resolved = (struct pk_ipc_resolved){.error = PK_OK, .address_count = 1, .address = {"192.0.2.1"}};
    super_rig_child_ends(r, PK_SUPER_RESOLVE_0, 0, false);
    super_rig_step(r, 10, 0);
    const struct pk_ipc_frame *f = super_rig_heard(r, PK_IPC_RESOLVED);
    REQUIRE(f != NULL);
    CHECK_EQ_INT(f->id, 51);
    CHECK_MEM(f->body, &r->resolved, sizeof r->resolved);
}

PK_TEST(frames__resolve__two_at_a_time_and_not_for_ever) {
    struct super_rig *r = running();
    for (uint32_t id = 60; id < 63; id++) {
        super_rig_say(r, PK_IPC_RESOLVE, id, "a.example", 10);
        super_rig_step(r, 1000, 0);
    }
    CHECK_EQ_INT(r->spawn_count[PK_SUPER_RESOLVE_0] + r->spawn_count[PK_SUPER_RESOLVE_1], 2);
    CHECK_EQ_INT(super_rig_refused(r), PK_E_BUSY);
    super_rig_step(r, PK_SUPER_RESOLVE_MS, 0);
    CHECK_EQ_INT(r->kills[PK_SUPER_RESOLVE_0][PK_SUPER_KILL_KILL], 1);
    super_rig_child_ends(r, PK_SUPER_RESOLVE_0, 137, false);
    super_rig_step(r, 1, 0);
    struct pk_ipc_resolved answer;
    const struct pk_ipc_frame *f = super_rig_heard(r, PK_IPC_RESOLVED);
    REQUIRE(f != NULL);
    memcpy(&answer, f->body, sizeof answer);
    CHECK_EQ_INT(f->id, 60);
    CHECK_EQ_INT(answer.error, PK_E_TIMEOUT);
    CHECK_EQ_INT(answer.address_count, 0);
}

PK_TEST(frames__notify__cannot_speak_in_our_name) {
    struct super_rig *r = running();
    r->told[0] = '\0';
    super_rig_say(r, PK_IPC_NOTIFY, 0, "ok\nMAINPID=1\x01", 14);
    super_rig_step(r, 1000, 0);
    CHECK_STR(r->told, "STATUS=ok?MAINPID=1?|");
    super_rig_say(r, PK_IPC_NOTIFY, 0, "again", 6);
    super_rig_step(r, 10, 0); /* too soon */
    CHECK_STR(r->told, "STATUS=ok?MAINPID=1?|");
    char full[PK_IPC_BODY_BYTES];
    memset(full, 'x', sizeof full);
    super_rig_say(r, PK_IPC_NOTIFY, 0, full, sizeof full);
    super_rig_step(r, 2000, 0);
    CHECK_EQ_INT(strlen(r->told), 21 + 7 + PK_IPC_BODY_BYTES - 1 + 1);
}

PK_TEST(frames__ready_and_ticks__feed_the_watchdog) {
    struct super_rig *r = running();
    r->watchdog_ms = 10000;
    const struct pk_ipc_ready ready = {.seal_bits = 7, .start_ms = 20};
    super_rig_say(r, PK_IPC_READY, 0, &ready, sizeof ready);
    super_rig_step(r, 10, 0);
    CHECK(strstr(r->told, "READY=1|") != NULL);
    CHECK(the_supervisor.is_ready);
    const uint32_t before = r->feed_count;
    for (uint64_t i = 1; i <= 20; i++) { /* one a second: fed every five */
        tick(r, i, 0, 0);
        super_rig_step(r, 1000, 0);
    }
    CHECK_EQ_INT(r->feed_count - before, 4);
    for (int i = 0; i < 15; i++) { /* a count that does not rise proves nothing */
        tick(r, 20, 0, 0);
        super_rig_step(r, 1000, 0);
    }
    CHECK_EQ_INT(r->feed_count - before, 4);
}

PK_TEST(frames__stuck_store__starves_the_watchdog_after_minutes) {
    struct super_rig *r = running();
    r->watchdog_ms = 10000;
    const struct pk_ipc_ready ready = {0};
    super_rig_say(r, PK_IPC_READY, 0, &ready, sizeof ready);
    super_rig_step(r, 10, 0);
    uint64_t n = 0;
    for (; n < PK_SUPER_DURABLE_MS / 5000 - 2;
         n++) { /* nothing written for nearly eleven minutes: slow, not dead */
        tick(r, n + 1, 3, 9);
        super_rig_step(r, 5000, 0);
    }
    CHECK(!the_supervisor.is_store_stuck);
    for (uint64_t end = n + 4; n < end; n++) {
        tick(r, n + 1, 3, 9);
        super_rig_step(r, 5000, 0);
    }
    CHECK(the_supervisor.is_store_stuck);
    const uint32_t before = r->feed_count;
    for (uint64_t end = n + 10; n < end; n++) {
        tick(r, n + 1, 3, 9);
        super_rig_step(r, 5000, 0);
    }
    CHECK_EQ_INT(r->feed_count, before);
    tick(r, n + 1, 4, 9); /* it moves again */
    super_rig_step(r, 5000, 0);
    CHECK_EQ_INT(r->feed_count, before + 1);
}

PK_TEST_MAIN(frames__hello__is_answered_with_what_the_agent_must_know,
             frames__welcome__says_how_the_boot_before_ended,
             frames__welcome__says_how_the_agent_before_ended,
             frames__malformed__are_counted_dropped_and_logged_sparingly,
             frames__open__hands_out_only_the_table, frames__flood__is_held_back_not_lost,
             frames__resolve__names_are_checked_and_answers_passed_on,
             frames__resolve__two_at_a_time_and_not_for_ever, frames__notify__cannot_speak_in_our_name,
             frames__ready_and_ticks__feed_the_watchdog,
             frames__stuck_store__starves_the_watchdog_after_minutes)
