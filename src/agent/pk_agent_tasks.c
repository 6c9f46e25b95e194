/* Maintenance by the schedule of the configuration (REQUIREMENTS S2-12 to S2-15, S2-22, S2-39, S2-40): one
 * run at a time, beside the runs of incidents, of rows that the mode lets run unasked. Its start is on the
 * medium before it begins. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "base/pk_batch.h"
#include "base/pk_hash.h"

enum {
    OP_BYTES = PK_TASK_VALUE_BYTES + 64,
    ROW_BYTES = 640,
    AGAIN_MS = 60000, /* the supervisor had no room */
    STORE_MS = 60000, /* what is not on the medium by then does not begin */
    STORE_POLL_MS = 20,
    LEAST_RUNS = 5, /* before a share means anything */
    ALL_DONE = 100
};

static const struct pk_task_rows *rows_of(const struct pk_agent *a) {
    return &a->config.tasks;
}

void pk_agent_tasks_begin(struct pk_agent *a) {
    pk_tasks_init(&a->tasks.table, pk_hash64(a->config.gateway, strlen(a->config.gateway)) ^ a->now.boot);
    a->tasks.row = PK_AGENT_NO_TASK;
    a->tasks.owed_row = PK_AGENT_NO_TASK;
}

/* ---- the audit ---- */

static void record(struct pk_agent *a, const struct pk_stamp *at, const char *name, const char *what,
                   struct pk_str said) {
    char text[PK_AUDIT_TEXT_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, name);
    pk_buf_puts(&b, ": ");
    pk_buf_puts(&b, what);
    if (said.n > 0) {
        pk_buf_puts(&b, ", ");
        const uint32_t room = b.cap_bytes - b.n - 1;
        pk_buf_put(&b, said.p, said.n < room ? said.n : room);
    }
    pk_agent_audit_at(a, at, 0, "maintenance", "agent", pk_buf_str(&b));
}

/* The end of a look that waited to be stored. rows: as they were when it ended. */
static void tell_owed(struct pk_agent *a, const struct pk_task_rows *rows) {
    const uint32_t row = a->tasks.owed_row;
    if (row == PK_AGENT_NO_TASK) {
        return;
    }
    const struct pk_task_state *s = &a->tasks.table.states[row];
    const struct pk_stamp at = pk_agent_stamp_at(a, a->tasks.owed_ms);
    a->tasks.owed_row = PK_AGENT_NO_TASK;
    record(a, &at, rows->rows[row].name, pk_task_result_word(s->result), pk_str_of(s->said));
}

void pk_agent_tasks_reload(struct pk_agent *a) {
    tell_owed(a, &a->config_spare.tasks);
    pk_tasks_take(&a->tasks.table, &a->config_spare.tasks, rows_of(a), &a->now);
    if (a->tasks.row >= a->config_spare.tasks.count) {
        return; /* none, or lost before */
    }
    const char *name = a->config_spare.tasks.rows[a->tasks.row].name;
    a->tasks.row = PK_AGENT_LOST_TASK;
    for (uint32_t i = 0; i < rows_of(a)->count; i++) {
        a->tasks.row = strcmp(rows_of(a)->rows[i].name, name) == 0 ? i : a->tasks.row;
    }
}

/* ---- outcome ---- */

static void tell_share(struct pk_agent *a, uint32_t row) {
    const struct pk_task_state *s = &a->tasks.table.states[row];
    char source[PK_TASK_NAME_BYTES + 16];
    struct pk_buf b;
    if (s->recent_count < LEAST_RUNS) {
        return;
    }
    pk_buf_init(&b, source, sizeof source);
    pk_buf_puts(&b, "maintenance:");
    pk_buf_puts(&b, rows_of(a)->rows[row].name);
    if (pk_event_sample("success_pct", source, (double)pk_tasks_share(s), PK_OK, &a->event_in) == PK_OK) {
        (void)pk_agent_offer(a);
    }
}

/* A crash that takes the end of such a run takes nothing but that somebody looked. */
static bool only_looks(const struct pk_agent *a, uint32_t row) {
    const struct pk_action_table *t = pk_agent_actions(a);
    const int index = pk_actions_find(t, pk_str_of(rows_of(a)->rows[row].action));
    return index >= 0 && t->rows[index].is_read_only && t->rows[index].is_idempotent;
}

static void end(struct pk_agent *a, uint8_t result, struct pk_str said) {
    const uint32_t row = a->tasks.row;
    a->tasks.row = PK_AGENT_NO_TASK;
    a->tasks.phase = PK_AGENT_TASK_NONE;
    a->respond.places_taken = 0;
    if (row >= rows_of(a)->count) {
        return; /* a reload took it away meanwhile */
    }
    pk_tasks_end(&a->tasks.table, row, result, said);
    a->tasks.owed_row = row;
    a->tasks.owed_ms = a->now.mono_ms;
    if (result == PK_TASK_REFUSED || !only_looks(a, row)) {
        tell_owed(a, rows_of(a));
    }
    if (result != PK_TASK_REFUSED) {
        tell_share(a, row);
    }
}

/* Others had the places: not for want of anything of its own. */
static void again(struct pk_agent *a, uint32_t row) {
    struct pk_task_state *s = &a->tasks.table.states[row];
    if (rows_of(a)->rows[row].at_min == PK_TASK_NO_TIME) {
        s->due_mono_ms = a->now.mono_ms + AGAIN_MS;
    } else {
        s->due_wall_ms = a->now.wall_ms + AGAIN_MS;
    }
}

/* ---- start ---- */

static void open_window(struct pk_agent *a, uint32_t row) {
    const struct pk_task_row *r = &rows_of(a)->rows[row];
    struct pk_silence s;
    memset(&s, 0, sizeof s);
    s.kind = PK_SILENCE_MAINTENANCE;
    s.severity = PK_SEV_CRITICAL;
    s.from = s.until = a->now;
    s.until.mono_ms += r->window_ms;
    s.until.wall_ms += s.until.wall_ms > 0 ? (int64_t)r->window_ms : 0;
    (void)pk_str_copy_cut(pk_str_of(r->component), s.component, sizeof s.component);
    (void)pk_str_copy_cut(pk_str_of("schedule"), s.by, sizeof s.by);
    (void)pk_str_copy_cut(pk_str_of(r->about[0] != '\0' ? r->about : r->name), s.why, sizeof s.why);
    const int number = pk_agent_silences_open(a, &s);
    end(a, number < 0 ? PK_TASK_FAILED : PK_TASK_COMPLETED,
        pk_str_of(number < 0 ? pk_err_text(number) : "window opened"));
}

/* What it runs, or why it does not. Nobody is there to be asked. */
static int check(const struct pk_agent *a, const struct pk_task_row *r, uint32_t *out_index,
                 const char **out_why) {
    const struct pk_action_table *t = pk_agent_actions(a);
    const int index = pk_actions_find(t, pk_str_of(r->action));
    bool is_critical = false;
    struct pk_decision d;
    if (index < 0) {
        *out_why = "there is no such action";
        return PK_E_NOT_FOUND;
    }
    if (pk_action_check_target(t, (uint32_t)index, pk_str_of(r->target), &is_critical) < 0) {
        *out_why = "not a target for this action, or it is disabled";
        return PK_E_POLICY;
    }
    const struct pk_action *row = &t->rows[index];
    if (row->confirm_within_ms > 0 || !row->is_idempotent) {
        *out_why = "only actions that are idempotent, and need no confirmation, run by a schedule";
        return PK_E_POLICY;
    }
    const struct pk_decision_input in = {.risk = row->risk,
                                         .mode = a->mode,
                                         .is_safe_mode = a->config.is_safe_mode,
                                         .asks_in_safe_mode = row->asks_in_safe_mode,
                                         .is_critical_target = is_critical};
    pk_decide(&in, &d);
    *out_why = d.reason;
    *out_index = (uint32_t)index;
    return d.kind == PK_DECIDE_RUN ? PK_OK : PK_E_POLICY;
}

static bool put_state(struct pk_agent *a, uint32_t row) {
    uint8_t key[PK_TASK_KEY_BYTES], value[PK_TASK_VALUE_BYTES];
    uint32_t n = 0;
    if (!pk_agent_batch_has_room(a, OP_BYTES)) {
        return false;
    }
    pk_tasks_pack(&a->tasks.table, rows_of(a), row, key, value, &n);
    const int err = pk_batch_put(&a->batch, PK_TREE_OBJECTS, pk_str_make((const char *)key, sizeof key),
                                 pk_str_make((const char *)value, n));
    PK_ASSERT(err == PK_OK); /* room was checked */
    a->tasks.table.states[row].is_dirty = false;
    return true;
}

/* The end of a look goes with what is stored anyway: alone it is a commit, and looks come every hour. */
void pk_agent_journal_tasks(struct pk_agent *a) {
    if (a->batch.op_count > 0 || a->is_meta_dirty || a->is_stopping ||
        a->now.mono_ms - a->tasks.owed_ms >= PK_AGENT_META_LATEST_MS) {
        tell_owed(a, rows_of(a));
    }
    for (uint32_t i = 0; i < rows_of(a)->count; i++) {
        if (a->tasks.table.states[i].is_dirty && i != a->tasks.owed_row && !put_state(a, i)) {
            return; /* the rest with the next batch */
        }
    }
}

static int begin(struct pk_agent *a, uint32_t row, bool is_asked) {
    const char *why = NULL;
    uint32_t index = 0;
    tell_owed(a, rows_of(a));
    a->tasks.row = row;
    pk_tasks_begin(&a->tasks.table, rows_of(a), row, &a->now);
    if (rows_of(a)->rows[row].window_ms > 0) {
        open_window(a, row);
        return PK_OK;
    }
    const int err = check(a, &rows_of(a)->rows[row], &index, &why);
    if (err < 0) {
        end(a, PK_TASK_REFUSED, pk_str_of(why));
        return pk_agent_fail(a, err, why);
    }
    record(a, &a->now, rows_of(a)->rows[row].name, "starts", pk_str_of(rows_of(a)->rows[row].action));
    a->tasks.phase = PK_AGENT_TASK_STORING;
    a->tasks.is_stopped = false;
    a->tasks.is_asked = is_asked;
    a->tasks.said[0] = '\0';
    return PK_OK;
}

static void send(struct pk_agent *a) {
    const struct pk_task_row *r = &rows_of(a)->rows[a->tasks.row];
    const char *why = NULL;
    uint32_t index = 0;
    if (check(a, r, &index, &why) < 0) { /* meanwhile */
        end(a, PK_TASK_REFUSED, pk_str_of(why));
        return;
    }
    if (pk_respond_running_count(&a->respond) >= PK_RESPOND_CONCURRENT) {
        const uint32_t row = a->tasks.row;
        end(a, PK_TASK_REFUSED, pk_str_of("as many actions run as may at a time"));
        again(a, row);
        return;
    }
    struct pk_ipc_run run = {.actions_crc = pk_agent_actions(a)->crc,
                             .action_index = (uint16_t)index,
                             .phase = PK_IPC_PHASE_ACT,
                             .is_undo_off = !pk_agent_switch_is_on(a, PK_SWITCH_AUTO_ROLLBACK)};
    memcpy(run.target, r->target, sizeof run.target);
    a->tasks.run_id = PK_AGENT_TASK_IDS | ++a->tasks.run_count;
    if (pk_agent_send_frame(a, PK_IPC_RUN, a->tasks.run_id, &run, sizeof run) == PK_OK) {
        a->tasks.phase = PK_AGENT_TASK_RUNNING;
        a->respond.places_taken = 1;
    }
}

/* It begins once its start is on the medium. */
static void store(struct pk_agent *a) {
    if (a->tasks.row >= rows_of(a)->count) {
        end(a, PK_TASK_REFUSED, pk_str_of("removed"));
        return;
    }
    const struct pk_task_state *s = &a->tasks.table.states[a->tasks.row];
    if (!a->tasks.is_asked && !pk_agent_switch_is_on(a, PK_SWITCH_MAINTENANCE)) {
        end(a, PK_TASK_REFUSED, pk_str_of("maintenance_enabled is off"));
    } else if (!s->is_dirty && a->batch.op_count == 0 && a->durable_seq >= a->submitted_seq) {
        send(a);
    } else if (a->now.mono_ms - s->last_mono_ms >= STORE_MS) {
        end(a, PK_TASK_REFUSED, pk_str_of("its start could not be stored"));
    }
}

static uint64_t least_wait_ms(const struct pk_agent *a) {
    uint64_t wait_ms = UINT64_MAX;
    for (uint32_t i = 0; i < rows_of(a)->count; i++) {
        const uint64_t ms = pk_tasks_wait_ms(&a->tasks.table, rows_of(a), i, &a->now);
        wait_ms = ms < wait_ms ? ms : wait_ms;
    }
    return wait_ms;
}

bool pk_agent_tasks_are_near(const struct pk_agent *a, uint64_t within_ms) {
    return !a->is_stopping && pk_agent_switch_is_on(a, PK_SWITCH_MAINTENANCE) &&
           least_wait_ms(a) <= within_ms;
}

uint64_t pk_agent_tasks(struct pk_agent *a) {
    if (a->is_stopping) {
        return UINT64_MAX; /* nothing begins that nobody would wait for */
    }
    if (a->tasks.phase == PK_AGENT_TASK_STORING) {
        store(a);
    }
    if (a->tasks.phase != PK_AGENT_TASK_NONE || !pk_agent_switch_is_on(a, PK_SWITCH_MAINTENANCE)) {
        return a->tasks.phase == PK_AGENT_TASK_STORING ? a->now.mono_ms + STORE_POLL_MS : UINT64_MAX;
    }
    const int row = pk_tasks_due(&a->tasks.table, rows_of(a), &a->now);
    if (row >= 0) {
        (void)begin(a, (uint32_t)row, false);
    }
    const uint64_t wait_ms = least_wait_ms(a);
    return rows_of(a)->count == 0 ? UINT64_MAX : a->now.mono_ms + (wait_ms < AGAIN_MS ? wait_ms : AGAIN_MS);
}

/* ---- the supervisor's answers ---- */

static void on_output(struct pk_agent *a, const struct pk_ipc_frame *f) {
    struct pk_ipc_output o;
    memset(&o, 0, sizeof o);
    memcpy(&o, f->body, f->body_bytes < sizeof o ? f->body_bytes : sizeof o);
    if (o.offset != 0 || o.n == 0 || o.n > sizeof o.bytes) {
        return;
    }
    struct pk_str text = pk_str_trim(pk_str_make((const char *)o.bytes, o.n));
    const char *line_end = text.n == 0 ? NULL : memchr(text.p, '\n', text.n);
    text.n = line_end != NULL ? (uint32_t)(line_end - text.p) : text.n;
    if (pk_text_is_utf8(text)) {
        (void)pk_str_copy_cut(text, a->tasks.said, sizeof a->tasks.said);
    }
}

static void on_done(struct pk_agent *a, const struct pk_ipc_frame *f) {
    struct pk_ipc_done d;
    char text[PK_TASK_SAID_BYTES];
    struct pk_buf b;
    memset(&d, 0, sizeof d);
    memcpy(&d, f->body, f->body_bytes < sizeof d ? f->body_bytes : sizeof d);
    pk_buf_init(&b, text, sizeof text);
    if (d.exit_code != 0) {
        pk_buf_puts(&b, "exit ");
        pk_buf_put_u64(&b, (uint64_t)(d.exit_code < 0 ? -(int64_t)d.exit_code : d.exit_code));
        pk_buf_puts(&b, a->tasks.said[0] != '\0' ? ": " : "");
    }
    const uint32_t room = b.cap_bytes - b.n - 1;
    const struct pk_str said = pk_str_of(a->tasks.said);
    pk_buf_put(&b, said.p, said.n < room ? said.n : room);
    const uint8_t result = a->tasks.is_stopped   ? PK_TASK_STOPPED
                           : d.is_timed_out != 0 ? PK_TASK_TIMED_OUT
                           : d.exit_code != 0    ? PK_TASK_FAILED
                                                 : PK_TASK_COMPLETED;
    end(a, result, pk_buf_str(&b));
}

static void on_refused(struct pk_agent *a, const struct pk_ipc_frame *f) {
    struct pk_ipc_refused r;
    memset(&r, 0, sizeof r);
    memcpy(&r, f->body, f->body_bytes < sizeof r ? f->body_bytes : sizeof r);
    r.why[sizeof r.why - 1] = '\0';
    const uint32_t row = a->tasks.row;
    end(a, PK_TASK_REFUSED, pk_str_of(r.why));
    if (row < rows_of(a)->count && (r.error == PK_E_BUSY || r.error == PK_E_AGAIN)) {
        again(a, row);
    }
}

bool pk_agent_task_frame(struct pk_agent *a, const struct pk_ipc_frame *f) {
    if ((f->id & PK_AGENT_TASK_IDS) == 0 || (f->type != PK_IPC_STARTED && f->type != PK_IPC_OUTPUT &&
                                             f->type != PK_IPC_DONE && f->type != PK_IPC_REFUSED)) {
        return false;
    }
    if (a->tasks.phase != PK_AGENT_TASK_RUNNING || f->id != a->tasks.run_id) {
        return true; /* of an agent before */
    }
    if (f->type == PK_IPC_OUTPUT) {
        on_output(a, f);
    } else if (f->type == PK_IPC_DONE) {
        on_done(a, f);
    } else if (f->type == PK_IPC_REFUSED) {
        on_refused(a, f);
    }
    return true;
}

/* ---- commands ---- */

static void put_row(const struct pk_agent *a, struct pk_json_writer *w, uint32_t i) {
    const struct pk_task_row *r = &rows_of(a)->rows[i];
    const struct pk_task_state *s = &a->tasks.table.states[i];
    const uint64_t wait_ms = pk_tasks_wait_ms(&a->tasks.table, rows_of(a), i, &a->now);
    char when[96];
    struct pk_buf b;
    pk_buf_init(&b, when, sizeof when);
    pk_task_put_when(r, &b);
    const bool is_running = a->tasks.phase != PK_AGENT_TASK_NONE && a->tasks.row == i;
    pk_jw_object(w, NULL);
    pk_jw_cstr(w, "task", r->name);
    pk_jw_cstr(w, "about", r->about);
    pk_jw_cstr(w, "action", r->window_ms > 0 ? "maintenance window" : r->action);
    pk_jw_cstr(w, "target", r->window_ms > 0 ? r->component : r->target);
    pk_jw_str(w, "when", pk_buf_str(&b));
    pk_jw_cstr(w, "state",
               is_running                                                    ? "running"
               : r->is_on && pk_agent_switch_is_on(a, PK_SWITCH_MAINTENANCE) ? "scheduled"
                                                                             : "off");
    if (wait_ms != UINT64_MAX) {
        pk_jw_ms_as_seconds(w, "next_in_seconds", wait_ms);
    }
    pk_jw_cstr(w, "last", pk_task_result_word(s->result));
    pk_jw_time(w, "last_at", s->last_wall_ms);
    pk_jw_cstr(w, "said", s->said);
    pk_jw_u64(w, "success_count", s->completed_count);
    pk_jw_u64(w, "failure_count", s->run_count - s->completed_count);
    pk_jw_u64(w, "success_pct", pk_tasks_share(s));
    pk_jw_object_end(w);
}

void pk_agent_put_tasks(const struct pk_agent *a, struct pk_json_writer *w) {
    uint64_t runs = 0, completed = 0;
    for (uint32_t i = 0; i < rows_of(a)->count; i++) {
        runs += a->tasks.table.states[i].run_count;
        completed += a->tasks.table.states[i].completed_count;
    }
    pk_jw_u64(w, "run_count", runs);
    pk_jw_u64(w, "completed_count", completed);
    pk_jw_u64(w, "completed_pct", runs == 0 ? ALL_DONE : completed * ALL_DONE / runs);
}

static int list(const struct pk_agent *a, struct pk_json_writer *w) {
    bool has_more = false;
    pk_jw_object(w, "result");
    pk_jw_array(w, "tasks");
    for (uint32_t i = 0; i < rows_of(a)->count && !has_more; i++) {
        has_more = !pk_agent_has_row_room(w, ROW_BYTES);
        if (!has_more) {
            put_row(a, w, i);
        }
    }
    pk_jw_array_end(w);
    pk_jw_bool(w, "more", has_more);
    pk_agent_put_tasks(a, w);
    pk_jw_object_end(w);
    return PK_OK;
}

static int stop(struct pk_agent *a, uint32_t row) {
    if (a->tasks.phase == PK_AGENT_TASK_STORING && a->tasks.row == row) {
        end(a, PK_TASK_STOPPED, pk_str_of("before it started"));
        return PK_OK;
    }
    if (a->tasks.phase != PK_AGENT_TASK_RUNNING || a->tasks.row != row ||
        pk_agent_send_frame(a, PK_IPC_STOP, a->tasks.run_id, NULL, 0) < 0) {
        return pk_agent_fail(a, PK_E_CONFLICT, "it does not run");
    }
    a->tasks.is_stopped = true;
    return PK_OK;
}

static int run_or_stop(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const struct pk_str name = pk_args_text(&q->args, "task");
    uint32_t row = PK_AGENT_NO_TASK;
    for (uint32_t i = 0; i < rows_of(a)->count; i++) {
        row = pk_str_eq_c(name, rows_of(a)->rows[i].name) ? i : row;
    }
    if (row == PK_AGENT_NO_TASK) {
        return pk_agent_fail(a, PK_E_NOT_FOUND, "there is no such maintenance task");
    }
    if (q->cmd == PK_CMD_MAINTENANCE_STOP) {
        const int err = stop(a, row);
        if (err < 0) {
            return err;
        }
    } else if (a->tasks.phase != PK_AGENT_TASK_NONE) {
        return pk_agent_fail(a, PK_E_BUSY, "another task runs");
    } else {
        const int err = begin(a, row, true);
        if (err < 0) {
            return err;
        }
    }
    pk_jw_object(w, "result");
    pk_jw_cstr(w, "task", rows_of(a)->rows[row].name);
    pk_jw_cstr(w, "state", q->cmd == PK_CMD_MAINTENANCE_STOP ? "stopping" : "running");
    pk_jw_object_end(w);
    return PK_OK;
}

int pk_agent_tasks_command(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    return q->cmd == PK_CMD_MAINTENANCE_LIST ? list(a, w) : run_or_stop(a, q, w);
}
