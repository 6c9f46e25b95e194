/* Between the response machine and the supervisor. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "base/pk_batch.h"

enum { FRAMES_PER_TICK = 64, TICK_MS = 5000, RUN_BYTES = PK_RUN_STORED_BYTES + 64 };

static void body_of(const struct pk_ipc_frame *f, void *out, uint32_t n) {
    memset(out, 0, n);
    memcpy(out, f->body, f->body_bytes < n ? f->body_bytes : n);
}

int pk_agent_send_frame(struct pk_agent *a, uint16_t type, uint32_t id, const void *body, uint32_t n) {
    struct pk_ipc_frame f = {.version = PK_IPC_VERSION, .type = type, .id = id, .body_bytes = (uint16_t)n};
    if (n > 0) {
        memcpy(f.body, body, n);
    }
    return a->port->ipc.send(a->port->ipc.ctx, &f);
}

void pk_agent_resolve(struct pk_agent *a, uint32_t link) {
    const char *host = a->config.broker[link].host;
    a->resolve_id[link] = ++a->next_resolve_id;
    if (pk_agent_send_frame(a, PK_IPC_RESOLVE, a->resolve_id[link], host, (uint32_t)strlen(host) + 1) < 0) {
        pk_link_resolved(&a->links[link], PK_E_AGAIN, NULL, 0, a->now.mono_ms);
    }
}

static void on_resolved(struct pk_agent *a, const struct pk_ipc_frame *f) {
    struct pk_ipc_resolved r;
    body_of(f, &r, sizeof r);
    if (r.address_count > PK_COUNT_OF(r.address)) {
        r.address_count = PK_COUNT_OF(r.address);
    }
    for (uint32_t i = 0; i < r.address_count; i++) {
        r.address[i][sizeof r.address[i] - 1] = '\0';
    }
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        if (a->resolve_id[i] != f->id || f->id == 0) {
            continue;
        }
        a->resolve_id[i] = 0;
        pk_link_resolved(&a->links[i], r.error, (const char(*)[PK_ADDRESS_BYTES])r.address, r.address_count,
                         a->now.mono_ms);
    }
}

static void on_refused(struct pk_agent *a, const struct pk_ipc_frame *f) {
    struct pk_ipc_refused r;
    body_of(f, &r, sizeof r);
    r.why[sizeof r.why - 1] = '\0';
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        if (f->id != 0 && a->resolve_id[i] == f->id) {
            a->resolve_id[i] = 0;
            pk_link_resolved(&a->links[i], r.error, NULL, 0, a->now.mono_ms);
            return;
        }
    }
    pk_respond_on_refused(&a->respond, f->id, r.error, r.retry_after_ms, pk_str_of(r.why), &a->now);
}

/* The first words of what an action printed go beside its outcome. */
static void on_output(struct pk_agent *a, const struct pk_ipc_frame *f) {
    struct pk_ipc_output o;
    body_of(f, &o, sizeof o);
    if (o.offset != 0 || o.n == 0 || o.n > sizeof o.bytes) {
        return;
    }
    struct pk_str text = pk_str_trim(pk_str_make((const char *)o.bytes, o.n));
    const char *end = text.n == 0 ? NULL : memchr(text.p, '\n', text.n);
    if (end != NULL) {
        text.n = (uint32_t)(end - text.p);
    }
    if (!pk_text_is_utf8(text)) {
        return;
    }
    (void)pk_str_copy_cut(text, a->run_output, sizeof a->run_output);
    a->run_output_run = f->id;
}

static void on_done(struct pk_agent *a, const struct pk_ipc_frame *f) {
    struct pk_ipc_done d;
    body_of(f, &d, sizeof d);
    const struct pk_run *run = pk_respond_get(&a->respond, f->id);
    if (run != NULL && a->run_output_run == f->id && a->run_output[0] != '\0' &&
        (d.exit_code != 0 || run->is_read_only)) {
        char text[PK_TIMELINE_TEXT_BYTES];
        struct pk_buf b;
        pk_buf_init(&b, text, sizeof text);
        pk_buf_puts(&b, run->action);
        pk_buf_puts(&b, " said: ");
        const uint32_t room = b.cap_bytes - b.n - 1;
        const struct pk_str said = pk_str_of(a->run_output);
        pk_buf_put(&b, said.p, said.n < room ? said.n : room);
        pk_incidents_remark(&a->incidents, run->incident, PK_TL_ACTION, PK_TL_BY_ACTION, pk_buf_str(&b),
                            &a->now);
    }
    a->run_output_run = 0;
    pk_respond_on_undone(&a->respond, f->id, d.undo);
    pk_respond_on_done(&a->respond, f->id, d.phase, d.exit_code, d.is_timed_out != 0, d.duration_ms, &a->now);
}

static void on_unconfirmed(struct pk_agent *a, const struct pk_ipc_frame *f) {
    struct pk_ipc_done d;
    body_of(f, &d, sizeof d);
    pk_respond_on_unconfirmed(&a->respond, f->id, d.exit_code, &a->now);
}

static void on_confirmed(struct pk_agent *a, const struct pk_ipc_frame *f) {
    struct pk_ipc_confirmed c;
    body_of(f, &c, sizeof c);
    pk_respond_on_confirmed(&a->respond, f->id, c.error);
}

static void on_probed(struct pk_agent *a, const struct pk_ipc_frame *f) {
    struct pk_ipc_probed r;
    body_of(f, &r, sizeof r);
    pk_agent_probed(a, f->id, &r);
}

static void on_frame(struct pk_agent *a, const struct pk_ipc_frame *f) {
    if (pk_agent_task_frame(a, f)) {
        return;
    }
    switch (f->type) {
    case PK_IPC_STARTED:
        pk_respond_on_started(&a->respond, f->id, &a->now);
        return;
    case PK_IPC_OUTPUT:
        on_output(a, f);
        return;
    case PK_IPC_DONE:
        on_done(a, f);
        return;
    case PK_IPC_UNDONE:
        on_unconfirmed(a, f);
        return;
    case PK_IPC_CONFIRMED:
        on_confirmed(a, f);
        return;
    case PK_IPC_REFUSED:
        on_refused(a, f);
        return;
    case PK_IPC_RESOLVED:
        on_resolved(a, f);
        return;
    case PK_IPC_PROBED:
        on_probed(a, f);
        return;
    case PK_IPC_FD:
    case PK_IPC_NO_INLET:
        pk_agent_inlet_frame(a, f);
        return;
    default:
        a->counters.ipc_bad++;
        return;
    }
}

void pk_agent_ipc(struct pk_agent *a) {
    struct pk_ipc_frame f;
    for (uint32_t i = 0; i < FRAMES_PER_TICK; i++) {
        const int err = a->port->ipc.recv(a->port->ipc.ctx, &f);
        if (err == PK_E_BAD_MSG) {
            a->counters.ipc_bad++;
            continue;
        }
        if (err == PK_E_CLOSED && !a->is_stopping) {
            /* Nobody can run actions or feed the watchdog any more: end, so that the service manager starts
             * both anew. */
            pk_agent_log(a, PK_LOG_ERROR, "the supervisor is gone");
            pk_respond_on_supervisor_lost(&a->respond, &a->now);
            a->is_stopping = true;
            a->stop_deadline_ms = a->now.mono_ms + PK_AGENT_STOP_MS;
            pk_agent_links_stop(a);
        }
        if (err != PK_OK) {
            return;
        }
        on_frame(a, &f);
    }
}

/* ---- requests ---- */

void pk_agent_respond_configure(struct pk_agent *a, uint8_t mode) {
    const struct pk_respond_settings settings = {
        .mode = mode,
        .is_safe_mode = a->config.is_safe_mode,
        .is_auto_off = !pk_agent_switch_is_on(a, PK_SWITCH_AUTO_REMEDIATION),
        .is_quiet = !pk_agent_switch_is_on(a, PK_SWITCH_NOTIFICATIONS),
        .is_auto_rollback = pk_agent_switch_is_on(a, PK_SWITCH_AUTO_ROLLBACK),
        .approval_timeout_ms = a->config.approval_timeout_ms,
        .risk = a->config.risk};
    pk_respond_configure(&a->respond, &settings);
}

/* The batch that is submitted next holds the newest record of this run. */
static bool note_in_batch(struct pk_agent *a, uint32_t run) {
    for (uint32_t i = 0; i < a->batch_run_count; i++) {
        if (a->batch_runs[i] == run) {
            return true;
        }
    }
    if (a->batch_run_count == PK_LIMIT_RUNS) {
        return false;
    }
    a->batch_runs[a->batch_run_count++] = run;
    return true;
}

/* The run and every counter it was counted in, in one batch: a start is never durable without its price. */
static bool persist(struct pk_agent *a, const struct pk_run *run) {
    struct pk_record_key key;
    uint8_t value[PK_RUN_STORED_BYTES];
    if (!pk_agent_journal_budgets(a) || !pk_agent_journal_standings(a) ||
        !pk_agent_batch_has_room(a, RUN_BYTES)) {
        return false;
    }
    const int n = pk_run_pack(run, value, sizeof value);
    if (n < 0) {
        return false;
    }
    pk_record_key_run(&key, run->boot, run->id);
    if (pk_batch_put(&a->batch, PK_TREE_OBJECTS, pk_record_key_str(&key),
                     pk_str_make((const char *)value, (size_t)n)) < 0) {
        return false;
    }
    return note_in_batch(a, run->id);
}

/* Its record may go. Without room it stays and is passed over at the next start, when it is final anyway. */
static void forget(struct pk_agent *a, const struct pk_run *run) {
    struct pk_record_key key;
    pk_record_key_run(&key, run->boot, run->id);
    if (pk_batch_delete(&a->batch, PK_TREE_OBJECTS, pk_record_key_str(&key)) < 0) {
        a->counters.batch_full++;
    }
}

/* Nobody else would know that a change is left which was to be taken back: it is an incident of its own, and
 * stands on the timeline of the one it was done for. */
static void tell_undo_failed(struct pk_agent *a, const struct pk_run *run) {
    char text[PK_TIMELINE_TEXT_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "UNDO FAILED: what ");
    pk_buf_puts(&b, run->action);
    pk_buf_puts(&b, " changed is left as it is. Mend it by hand, or: picketctl undo ");
    pk_buf_put_u64(&b, run->id);
    pk_incidents_remark(&a->incidents, run->incident, PK_TL_ACTION, PK_TL_BY_AGENT, pk_buf_str(&b), &a->now);
    pk_agent_log1(a, PK_LOG_ERROR, "an undo failed, the change is left", pk_str_of(run->action));
    struct pk_event_in *in = &a->event_in;
    if (pk_event_sample("undo_failed", run->target[0] != '\0' ? run->target : run->action, 1.0, PK_OK, in) >=
        0) {
        in->severity = PK_SEV_CRITICAL;
        in->message_bytes = (uint16_t)pk_str_copy_cut(pk_buf_str(&b), in->message, sizeof in->message);
        pk_agent_offer(a);
    }
}

static void notify(struct pk_agent *a, const struct pk_run *run) {
    struct pk_incident_action action;
    pk_run_to_action(run, &action);
    if (pk_incidents_set_action(&a->incidents, run->incident, &action, !run->is_read_only, &a->now) < 0) {
        a->counters.runs_orphaned++; /* its incident left the table meanwhile */
    }
    if (run->undo == PK_RUN_UNDO_FAILED && pk_run_state_is_final(run->state)) {
        tell_undo_failed(a, run);
    }
}

static void start_run(struct pk_agent *a, const struct pk_run *run, uint8_t phase) {
    struct pk_ipc_run r = {.actions_crc = pk_agent_actions(a)->crc,
                           .action_index = (uint16_t)run->action_index,
                           .phase = phase,
                           .is_approved =
                               run->approvals_have > 0 && run->approvals_have >= run->approvals_needed,
                           .incident_number = run->incident,
                           .is_undo_off = !pk_agent_switch_is_on(a, PK_SWITCH_AUTO_ROLLBACK)};
    memcpy(r.target, run->target, sizeof r.target);
    if (pk_agent_send_frame(a, PK_IPC_RUN, run->id, &r, sizeof r) < 0) {
        pk_respond_on_not_sent(&a->respond, run->id);
    }
}

void pk_agent_respond(struct pk_agent *a) {
    struct pk_respond_request q;
    while (pk_respond_next_request(&a->respond, &a->now, &q) == PK_OK) {
        switch (q.kind) {
        case PK_REQ_PERSIST:
            if (!persist(a, q.run)) {
                pk_respond_on_submit_failed(&a->respond, q.run->id);
            }
            break;
        case PK_REQ_FORGET:
            forget(a, q.run);
            break;
        case PK_REQ_NOTIFY:
            notify(a, q.run);
            break;
        case PK_REQ_APPROVAL:
            if (!pk_agent_queue_approval(a, q.run)) {
                pk_respond_on_not_queued(&a->respond, q.run->id);
            }
            break;
        case PK_REQ_CALL:
            pk_agent_call(a, q.run);
            break;
        case PK_REQ_START:
            start_run(a, q.run, q.phase);
            break;
        case PK_REQ_STOP:
            if (pk_agent_send_frame(a, PK_IPC_STOP, q.run->id, NULL, 0) < 0) {
                pk_respond_on_stop_not_sent(&a->respond, q.run->id);
            }
            break;
        }
    }
}

void pk_agent_tell_supervisor(struct pk_agent *a) {
    if (a->tick_sent_ms != 0 && a->now.mono_ms - a->tick_sent_ms < TICK_MS) {
        return;
    }
    const struct pk_ipc_tick t = {
        .tick_count = a->counters.ticks, .durable_seq = a->durable_seq, .submitted_seq = a->submitted_seq};
    if (pk_agent_send_frame(a, PK_IPC_TICK, 0, &t, sizeof t) == PK_OK) {
        a->tick_sent_ms = a->now.mono_ms;
    }
}
