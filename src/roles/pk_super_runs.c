#include <string.h>

#include "base/pk_assert.h"
#include "roles/pk_supervisor.h"

uint32_t pk_super_runs_active(const struct pk_supervisor *s) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < PK_SUPER_RUNS; i++) {
        n += s->runs[i].is_running ? 1u : 0u;
    }
    return n;
}

/* Its undo failed and is tried again. */
static bool waits(const struct pk_super_run *run) {
    return run->id != 0 && run->undo_again_ms != 0 && !run->is_running && !run->is_done;
}

uint32_t pk_super_runs_open(const struct pk_supervisor *s) {
    uint32_t n = pk_super_runs_active(s);
    for (uint32_t i = 0; i < PK_SUPER_RUNS; i++) {
        n += waits(&s->runs[i]) ? 1u : 0u;
    }
    return n;
}

/* Rows that are taken, be it by a run whose end is not told yet. */
static uint32_t rows_taken(const struct pk_supervisor *s) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < PK_SUPER_RUNS; i++) {
        n += s->runs[i].id != 0 ? 1u : 0u;
    }
    return n;
}

/* PK_SUPER_RUNS: there is none. An id of 0 is that of a free row. */
static uint32_t index_of(const struct pk_supervisor *s, uint32_t id) {
    uint32_t i = 0;
    while (i < PK_SUPER_RUNS && s->runs[i].id != id) {
        i++;
    }
    return i;
}

static struct pk_super_run *find(struct pk_supervisor *s, uint32_t id) {
    const uint32_t i = index_of(s, id);
    return i < PK_SUPER_RUNS ? &s->runs[i] : NULL;
}

bool pk_super_run_is_here(const struct pk_supervisor *s, uint32_t id) {
    return index_of(s, id) < PK_SUPER_RUNS;
}

bool pk_super_run_is_at_work(const struct pk_supervisor *s, uint32_t id) {
    const uint32_t i = index_of(s, id);
    return i < PK_SUPER_RUNS && s->runs[i].is_running;
}

/* Slot index, or negative: why the step cannot start. PK_E_NOT_FOUND also when there is no such step. */
static int start_step(struct pk_supervisor *s, struct pk_super_run *run) {
    const char *argv[PK_ACTION_ARGV_MAX];
    char snapshot[PK_ACTION_SNAPSHOT_BYTES];
    struct pk_action_words words = {.target = run->target, .snapshot = snapshot};
    const struct pk_action *row = &s->policy.actions->rows[run->action_index];
    if (pk_action_snapshot_path(s->config.state_dir, row->name, run->target, snapshot) != PK_OK) {
        return PK_E_TOO_BIG;
    }
    const int argc =
        pk_action_argv(s->policy.actions, run->action_index, run->phase, run->step, &words, argv);
    if (argc < 0) {
        return argc;
    }
    const struct pk_exec_request request = {
        .argv = argv, .timeout_ms = row->timeout_ms, .leaves_children = row->leaves_children};
    return s->port->exec.start(s->port->exec.ctx, &request);
}

static uint8_t step_count(const struct pk_supervisor *s, const struct pk_super_run *run, uint8_t phase) {
    return s->policy.actions->rows[run->action_index].step_count[phase];
}

static bool has_next_step(const struct pk_supervisor *s, const struct pk_super_run *run) {
    return run->step + 1u < step_count(s, run, run->phase);
}

static bool is_armed_row(const struct pk_supervisor *s, const struct pk_ipc_run *request) {
    return request->phase == PK_IPC_PHASE_ACT && request->action_index < s->policy.actions->count &&
           s->policy.actions->rows[request->action_index].confirm_within_ms > 0;
}

/* A new snapshot would take the place of the one that the undo needs. */
static bool is_after_owed(const struct pk_supervisor *s, const struct pk_ipc_run *request) {
    return request->phase == PK_IPC_PHASE_ACT && request->action_index < s->policy.actions->count &&
           memchr(request->target, 0, sizeof request->target) != NULL &&
           pk_super_armed_owes(s, s->policy.actions->rows[request->action_index].name, request->target);
}

int pk_super_run_undo(struct pk_supervisor *s, uint32_t id, const char *action, const char *target) {
    struct pk_super_run *run = find(s, 0);
    bool is_critical = false;
    const int index = pk_actions_find(s->policy.actions, pk_str_of(action));
    if (find(s, id) != NULL || run == NULL) {
        return PK_E_BUSY;
    }
    if (index < 0 || s->policy.actions->rows[index].step_count[PK_PHASE_UNDO] == 0 ||
        pk_action_check_target(s->policy.actions, (uint32_t)index, pk_str_of(target), &is_critical) !=
            PK_OK) {
        return PK_E_NOT_FOUND;
    }
    memset(run, 0, sizeof *run);
    run->action_index = (uint16_t)index;
    run->asked = run->phase = PK_IPC_PHASE_UNDO;
    run->is_orphan = true; /* nobody asked: pk_super_armed_tell says it */
    (void)pk_str_copy_cut(pk_str_of(target), run->target, sizeof run->target);
    const int slot = start_step(s, run);
    if (slot < 0) {
        return slot;
    }
    run->id = id;
    run->slot = (uint32_t)slot;
    run->is_running = true;
    run->started_ms = s->port->mono_ms(s->port->ctx);
    return PK_OK;
}

void pk_super_run_start(struct pk_supervisor *s, uint32_t id, const struct pk_ipc_run *request) {
    struct pk_super_run *run = find(s, 0);
    if (id == 0 || find(s, id) != NULL) {
        pk_super_refuse(s, id, id == 0 ? PK_E_BAD_MSG : PK_E_CONFLICT, 0, "the run number is in use");
        return;
    }
    /* The last row is for taking something back: three programs that run long must not be in its way. */
    const bool is_undo = request->phase == PK_IPC_PHASE_UNDO;
    if (run == NULL || (!is_undo && rows_taken(s) >= PK_SUPER_CONCURRENT)) {
        pk_super_refuse(s, id, PK_E_BUSY, 1000, "as many runs as may be at a time");
        return;
    }
    if (is_armed_row(s, request) && !pk_super_armed_has_room(s)) {
        pk_super_refuse(s, id, PK_E_BUSY, 1000, "too many changes wait to be confirmed");
        return;
    }
    if (is_armed_row(s, request) && pk_super_armed_has(s, id)) {
        pk_super_refuse(s, id, PK_E_CONFLICT, 0, "a change of that number waits to be confirmed");
        return;
    }
    if (is_after_owed(s, request)) {
        pk_super_refuse(s, id, PK_E_BUSY, 1000, "what it did before is still to be undone");
        return;
    }
    const struct pk_stamp now = pk_super_stamp(s);
    struct pk_super_verdict verdict;
    pk_super_policy_take(&s->policy, id, request, pk_super_runs_open(s), &now, &verdict);
    const bool is_armed = verdict.error == PK_OK && is_armed_row(s, request);
    if (is_armed) {
        pk_super_armed_add(s, id, &s->policy.actions->rows[request->action_index], request->target, &now);
    }
    /* Counted on the medium before it starts, or it does not start. */
    if (verdict.error == PK_OK && request->phase != PK_IPC_PHASE_VERIFY && pk_super_save(s) != PK_OK) {
        verdict = (struct pk_super_verdict){.error = PK_E_IO, .why = "the start could not be recorded"};
    }
    if (verdict.error != PK_OK) {
        if (is_armed) {
            pk_super_armed_drop(s, id, s->policy.actions->rows[request->action_index].name, request->target);
        }
        pk_super_refuse(s, id, verdict.error, verdict.wait_ms, verdict.why);
        return;
    }
    memset(run, 0, sizeof *run);
    run->action_index = request->action_index;
    run->asked = request->phase;
    run->is_undo_off = request->is_undo_off != 0;
    run->phase = request->phase;
    if (run->asked == PK_IPC_PHASE_ACT && step_count(s, run, PK_IPC_PHASE_SNAPSHOT) > 0) {
        run->phase = PK_IPC_PHASE_SNAPSHOT;
    }
    memcpy(run->target, request->target, sizeof run->target);
    const int slot = start_step(s, run);
    if (slot < 0) {
        if (is_armed) {
            pk_super_armed_drop(s, id, s->policy.actions->rows[request->action_index].name, request->target);
        }
        pk_super_refuse(s, id, slot, 0, "the program cannot be started");
        return;
    }
    run->id = id;
    run->slot = (uint32_t)slot;
    run->is_running = true;
    run->started_ms = now.mono_ms;
    pk_super_runs_send(s);
}

void pk_super_run_stop(struct pk_supervisor *s, uint32_t id) {
    struct pk_super_run *run = id == 0 ? NULL : find(s, id);
    if (run == NULL || run->is_done) {
        return; /* its DONE is on the way */
    }
    run->is_stopped = true;
    if (run->phase == PK_IPC_PHASE_UNDO) {
        return; /* half undone would be worse; its timeout ends it */
    }
    s->port->exec.stop(s->port->exec.ctx, run->slot);
}

/* Keeps the last PK_EXEC_OUTPUT_BYTES over all steps. */
static void keep_output(struct pk_supervisor *s, struct pk_super_run *run) {
    uint8_t piece[512];
    uint32_t from = 0;
    for (;;) {
        const int n = s->port->exec.output(s->port->exec.ctx, run->slot, from, piece, sizeof piece);
        if (n <= 0) {
            return;
        }
        const uint32_t got = (uint32_t)n;
        from += got;
        if (run->kept_bytes + got > sizeof run->transcript) {
            const uint32_t over = run->kept_bytes + got - (uint32_t)sizeof run->transcript;
            memmove(run->transcript, run->transcript + over, run->kept_bytes - over);
            run->kept_bytes -= over;
        }
        memcpy(run->transcript + run->kept_bytes, piece, got);
        run->kept_bytes += got;
    }
}

/* 0 and it runs, or the exit code a shell would give. */
static int32_t go_on(struct pk_supervisor *s, struct pk_super_run *run, uint8_t phase, uint16_t step) {
    run->phase = phase;
    run->step = step;
    const int slot = start_step(s, run);
    if (slot < 0) {
        return slot == PK_E_NOT_FOUND ? 127 : 126;
    }
    run->slot = (uint32_t)slot;
    run->is_running = true;
    return 0;
}

/* What follows a program of the run that ended well. True: something does. */
static bool has_begun_next(struct pk_supervisor *s, struct pk_super_run *run) {
    if (run->is_stopped) {
        return false;
    }
    if (has_next_step(s, run)) {
        run->done.exit_code = go_on(s, run, run->phase, (uint16_t)(run->step + 1u));
    } else if (run->phase == PK_IPC_PHASE_SNAPSHOT) {
        run->done.exit_code = go_on(s, run, PK_IPC_PHASE_ACT, 0);
    }
    return run->is_running;
}

static bool is_undoing_by_itself(const struct pk_super_run *run) {
    return run->asked == PK_IPC_PHASE_ACT && run->phase == PK_IPC_PHASE_UNDO;
}

/* How the undo stands. That of an ACT is told beside what went wrong before it. */
static void note_undo(struct pk_super_run *run, int32_t code, bool is_timed_out) {
    if (is_undoing_by_itself(run)) {
        run->done.undo = code == 0 ? PK_IPC_UNDO_DONE : PK_IPC_UNDO_FAILED;
        run->done.undo_exit = (uint8_t)code;
        return;
    }
    run->done.exit_code = code;
    run->done.is_timed_out = is_timed_out ? 1 : 0;
    run->done.step = run->step;
    run->done.phase = run->phase;
}

/* It failed: what made it fail may pass, so it is tried from its first line again, a few times. True: it will
 * be, or runs. */
static bool has_undo_again(struct pk_supervisor *s, struct pk_super_run *run, int32_t code) {
    run->undo_try_count++;
    if (code == 0 || run->undo_try_count >= PK_UNDO_TRIES) {
        run->undo_again_ms = 0;
        return false;
    }
    run->undo_again_ms =
        s->port->mono_ms(s->port->ctx) + ((uint64_t)PK_UNDO_PAUSE_MS << (run->undo_try_count - 1u));
    pk_super_log(s, PK_LOG_WARNING, "an undo failed and is tried again: run ", run->id);
    return true;
}

/* An action that did not end well, or was stopped, is undone here and at once: the agent may be gone. */
static bool has_begun_undo(struct pk_supervisor *s, struct pk_super_run *run) {
    const bool is_well = run->done.exit_code == 0 && run->done.is_timed_out == 0 && !run->is_stopped;
    if (run->phase != PK_IPC_PHASE_ACT || is_well || !s->policy.is_auto_rollback || run->is_undo_off ||
        step_count(s, run, PK_IPC_PHASE_UNDO) == 0) {
        return false;
    }
    pk_super_armed_owe(s, run->id, s->policy.actions->rows[run->action_index].name, run->target,
                       s->port->mono_ms(s->port->ctx) + PK_SUPER_ARMED_RETRY_MS);
    const int32_t code = go_on(s, run, PK_IPC_PHASE_UNDO, 0);
    note_undo(run, code, false);
    run->done.undo = PK_IPC_UNDO_FAILED; /* until it ended well */
    return run->is_running || has_undo_again(s, run, code);
}

/* One program of an undo ended. True: the next one runs, or it is tried again. */
static bool has_more_undo(struct pk_supervisor *s, struct pk_super_run *run,
                          const struct pk_exec_result *result) {
    int32_t code = result->is_timed_out ? 124 : result->exit_code; /* as timeout(1) says it */
    if (code == 0 && has_next_step(s, run)) {
        code = go_on(s, run, run->phase, (uint16_t)(run->step + 1u));
        if (code == 0) {
            return true;
        }
    }
    note_undo(run, code, result->is_timed_out);
    return has_undo_again(s, run, code);
}

/* True: another program of the run was started, or will be. */
static bool has_more(struct pk_supervisor *s, struct pk_super_run *run, const struct pk_exec_result *result) {
    run->is_running = false;
    run->done.output_bytes += result->output_bytes;
    if (run->phase == PK_IPC_PHASE_UNDO) {
        return has_more_undo(s, run, result);
    }
    run->done.exit_code = result->exit_code;
    run->done.is_timed_out = result->is_timed_out ? 1 : 0;
    if (result->exit_code == 0 && !result->is_timed_out && has_begun_next(s, run)) {
        return true;
    }
    run->done.step = run->step;
    run->done.phase = run->phase;
    return has_begun_undo(s, run);
}

/* What the end of a run means for a change that waits to be confirmed. */
static void tell_armed(struct pk_supervisor *s, const struct pk_super_run *run) {
    const struct pk_action *row = &s->policy.actions->rows[run->action_index];
    const int32_t code = run->done.is_timed_out != 0 ? 124 : run->done.exit_code;
    if (run->asked == PK_IPC_PHASE_ACT) {
        pk_super_armed_acted(s, run->id, row, run->target, &run->done);
    } else if (run->asked == PK_IPC_PHASE_UNDO) {
        pk_super_armed_undone(s, run->id, row->name, run->target, code);
    } else if (code == 0) {
        pk_super_armed_drop(s, run->id, row->name, run->target); /* it proved itself */
    }
}

/* The undo it made by itself is over: on the medium before its DONE leaves, or a power cut in between would
 * undo it twice. */
static void pay(struct pk_supervisor *s, const struct pk_super_run *run) {
    const int32_t failed = run->done.undo_exit != 0 ? run->done.undo_exit : 1;
    if (run->done.undo != PK_IPC_UNDO_NONE) {
        pk_super_armed_paid(s, run->id, s->policy.actions->rows[run->action_index].name, run->target,
                            run->done.undo == PK_IPC_UNDO_DONE ? 0 : failed);
    }
}

static void finish(struct pk_supervisor *s, struct pk_super_run *run) {
    const uint64_t now_ms = s->port->mono_ms(s->port->ctx);
    run->is_done = true;
    tell_armed(s, run);
    pay(s, run);
    run->done.duration_ms = (uint32_t)(now_ms - run->started_ms);
    if (run->is_orphan) {
        pk_super_log(s, PK_LOG_NOTICE, "a run of an agent that is gone ended with ",
                     (uint64_t)run->done.exit_code);
        memset(run, 0, sizeof *run);
    }
}

void pk_super_run_leave(struct pk_supervisor *s, uint32_t id, const char *action, const char *target) {
    struct pk_super_run *run = find(s, id);
    if (run != NULL && waits(run) && strcmp(run->target, target) == 0 &&
        strcmp(s->policy.actions->rows[run->action_index].name, action) == 0) {
        run->undo_again_ms = 0;
        finish(s, run);
    }
}

void pk_super_runs_collect(struct pk_supervisor *s) {
    struct pk_exec_result result;
    while (s->port->exec.finished(s->port->exec.ctx, &result) == PK_OK) {
        if (pk_super_probe_program_ended(s, &result)) {
            continue;
        }
        for (uint32_t i = 0; i < PK_SUPER_RUNS; i++) {
            struct pk_super_run *run = &s->runs[i];
            if (run->is_running && run->slot == result.slot) {
                keep_output(s, run);
                if (!has_more(s, run, &result)) {
                    finish(s, run);
                }
                break;
            }
        }
    }
}

void pk_super_runs_check_time(struct pk_supervisor *s, uint64_t now_ms) {
    for (uint32_t i = 0; i < PK_SUPER_RUNS; i++) {
        struct pk_super_run *run = &s->runs[i];
        if (!waits(run) || now_ms < run->undo_again_ms) {
            continue;
        }
        const int32_t code = go_on(s, run, PK_IPC_PHASE_UNDO, 0);
        if (code != 0) {
            note_undo(run, code, false);
            if (!has_undo_again(s, run, code)) {
                finish(s, run);
            }
        }
    }
}

uint64_t pk_super_runs_until_ms(const struct pk_supervisor *s) {
    uint64_t until_ms = UINT64_MAX;
    for (uint32_t i = 0; i < PK_SUPER_RUNS; i++) {
        if (waits(&s->runs[i]) && s->runs[i].undo_again_ms < until_ms) {
            until_ms = s->runs[i].undo_again_ms;
        }
    }
    return until_ms;
}

/* True when the frame is on its way. */
static bool sent(struct pk_supervisor *s, const struct pk_ipc_frame *frame) {
    return s->port->send(s->port->ctx, frame, -1) == PK_OK;
}

static bool send_output(struct pk_supervisor *s, struct pk_super_run *run) {
    struct pk_ipc_frame frame;
    while (run->sent_bytes < run->kept_bytes) {
        struct pk_ipc_output body = {.offset = run->sent_bytes, .n = run->kept_bytes - run->sent_bytes};
        if (body.n > PK_IPC_CHUNK_BYTES) {
            body.n = PK_IPC_CHUNK_BYTES;
        }
        memcpy(body.bytes, run->transcript + run->sent_bytes, body.n);
        pk_super_frame(&frame, PK_IPC_OUTPUT, run->id, &body, sizeof body);
        if (!sent(s, &frame)) {
            return false;
        }
        run->sent_bytes += body.n;
    }
    return true;
}

static void send_run(struct pk_supervisor *s, struct pk_super_run *run) {
    struct pk_ipc_frame frame;
    if (!run->is_started_sent) {
        const struct pk_ipc_started started = {0};
        pk_super_frame(&frame, PK_IPC_STARTED, run->id, &started, sizeof started);
        run->is_started_sent = sent(s, &frame);
    }
    if (!run->is_done || !run->is_started_sent || !send_output(s, run)) {
        return;
    }
    pk_super_frame(&frame, PK_IPC_DONE, run->id, &run->done, sizeof run->done);
    if (sent(s, &frame)) {
        if (run->done.undo != PK_IPC_UNDO_NONE) {
            pk_super_armed_told(s, run->id, s->policy.actions->rows[run->action_index].name, run->target);
        }
        memset(run, 0, sizeof *run);
    }
}

void pk_super_runs_send(struct pk_supervisor *s) {
    for (uint32_t i = 0; i < PK_SUPER_RUNS; i++) {
        if (s->runs[i].id != 0 && !s->runs[i].is_orphan) {
            send_run(s, &s->runs[i]);
        }
    }
}

bool pk_super_runs_want_room(const struct pk_supervisor *s) {
    for (uint32_t i = 0; i < PK_SUPER_RUNS; i++) {
        const struct pk_super_run *run = &s->runs[i];
        if (run->id != 0 && !run->is_orphan && (!run->is_started_sent || run->is_done)) {
            return true;
        }
    }
    return false;
}

void pk_super_runs_orphan(struct pk_supervisor *s) {
    for (uint32_t i = 0; i < PK_SUPER_RUNS; i++) {
        struct pk_super_run *run = &s->runs[i];
        if (run->id != 0 && run->is_done) {
            memset(run, 0, sizeof *run);
        }
        run->is_orphan = run->id != 0;
    }
}

void pk_super_runs_stop_all(struct pk_supervisor *s) {
    for (uint32_t i = 0; i < PK_SUPER_RUNS; i++) {
        if (s->runs[i].is_running) {
            pk_super_run_stop(s, s->runs[i].id);
        }
    }
}
