/* What the agent says. It is taken for hostile: every field is checked, every kind of frame is bounded in
 * rate or in effect. */
#include <string.h>

#include "base/pk_assert.h"
#include "roles/pk_supervisor.h"

void pk_super_refill(struct pk_supervisor *s, uint64_t now_ms) {
    const uint64_t added = (now_ms - s->frame_tokens_ms) * PK_SUPER_FRAMES_PER_S / 1000u;
    if (added == 0) {
        return;
    }
    s->frame_tokens_ms = now_ms;
    const uint64_t tokens = s->frame_tokens + added;
    s->frame_tokens = tokens > PK_SUPER_FRAMES_BURST ? PK_SUPER_FRAMES_BURST : (uint32_t)tokens;
}

static void count_bad(struct pk_supervisor *s, const struct pk_ipc_frame *frame, uint64_t now_ms) {
    enum { PAUSE_MS = 60000 };
    s->counts.bad_frames++;
    if (s->counts.bad_frames == 1 || now_ms - s->warned_ms >= PAUSE_MS) {
        s->warned_ms = now_ms;
        pk_super_log(s, PK_LOG_WARNING, "bad frame from the agent dropped, type ",
                     frame == NULL ? 0 : frame->type);
    }
}

static void on_hello(struct pk_supervisor *s, const struct pk_ipc_hello *hello) {
    struct pk_ipc_welcome welcome = {
        .boot_epoch = s->record.boot_epoch,
        .actions_crc = s->policy.actions->crc,
        .restart_count = s->record.crash_count,
        .last_exit = s->record.last_exit,
        .start_mono_ms = s->started_ms,
        .store_moved_aside = s->is_store_moved ? 1u : 0u,
        .record_lost = s->lost,
        .oom_kill_count = s->oom_kill_count,
        .kernel_boot = s->port->boot_id(s->port->ctx),
        .trace_crc = s->trace_crc,
        .trace = s->trace,
        .has_watchdog_fired = s->port->has_watchdog_fired(s->port->ctx) ? 1u : 0u,
        .was_hung = s->was_hung ? 1u : 0u,
    };
    (void)pk_str_copy_cut(pk_str_of(s->trace_line), welcome.trace_line, sizeof welcome.trace_line);
    if (hello->actions_crc != s->policy.actions->crc) {
        pk_super_log(s, PK_LOG_WARNING,
                     "the agent read another action table; its actions are refused until a reload", 0);
    }
    struct pk_ipc_frame frame;
    pk_super_frame(&frame, PK_IPC_WELCOME, 0, &welcome, sizeof welcome);
    pk_super_reply(s, &frame);
}

static void on_tick(struct pk_supervisor *s, const struct pk_ipc_tick *tick, uint64_t now_ms) {
    if (tick->tick_count <= s->tick_count) {
        return; /* only a rising count proves that rules are looked at */
    }
    s->tick_count = tick->tick_count;
    if (s->hang_step < 2) {
        s->hang_step = 0;
        if (s->is_ready) {
            s->hang_ms = now_ms + PK_SUPER_TICK_MS;
        }
    }
    if (tick->durable_seq >= tick->submitted_seq || tick->durable_seq > s->durable_seq) {
        s->durable_ms = now_ms;
        s->is_store_stuck = false;
    } else if (now_ms - s->durable_ms >= PK_SUPER_DURABLE_MS && !s->is_store_stuck) {
        s->is_store_stuck = true;
        pk_super_log(s, PK_LOG_ERROR, "the store has not written for minutes: the watchdog is no longer fed",
                     0);
    }
    s->durable_seq = tick->durable_seq;
}

static void on_open(struct pk_supervisor *s, uint32_t id) {
    struct pk_ipc_frame frame;
    if (id > PK_IPC_OPEN_EVENTS) {
        pk_super_refuse(s, id, PK_E_NOT_FOUND, 0, "no such descriptor");
        return;
    }
    pk_super_frame(&frame, PK_IPC_FD, id, NULL, 0);
    const int err = s->port->send(s->port->ctx, &frame, (int)id);
    if (err == PK_E_NOT_FOUND) {
        pk_super_refuse(s, id, PK_E_NOT_FOUND, 0, "it cannot be opened here");
    } else if (err != PK_OK) {
        s->counts.dropped_frames++;
    }
}

/* A name as DNS or /etc/hosts has it, or a numeric address. */
static bool is_host_name(const uint8_t *body) {
    const void *end = memchr(body, '\0', PK_HOST_BYTES);
    const char *name = (const char *)body;
    return end != NULL && name[0] != '-' && pk_text_is_id(pk_str_of(name), ".:%", PK_HOST_BYTES - 1u);
}

static void on_resolve(struct pk_supervisor *s, const struct pk_ipc_frame *frame, uint64_t now_ms) {
    if (!is_host_name(frame->body)) {
        pk_super_refuse(s, frame->id, PK_E_BAD_FIELD, 0, "not a host name");
        return;
    }
    for (uint32_t i = 0; i < PK_SUPER_RESOLVERS; i++) {
        struct pk_super_resolve *r = &s->resolves[i];
        if (r->is_used || now_ms - s->resolved_ms < PK_SUPER_RESOLVE_PAUSE_MS) {
            continue;
        }
        s->resolved_ms = now_ms;
        const enum pk_super_child child = (enum pk_super_child)(PK_SUPER_RESOLVE_0 + i);
        const int err = s->port->spawn(s->port->ctx, child, (const char *)frame->body);
        if (err < 0) {
            pk_super_refuse(s, frame->id, err, PK_SUPER_RESOLVE_PAUSE_MS, "the resolver cannot be started");
            return;
        }
        *r = (struct pk_super_resolve){
            .is_used = true, .id = frame->id, .deadline_ms = now_ms + PK_SUPER_RESOLVE_MS};
        return;
    }
    pk_super_refuse(s, frame->id, PK_E_BUSY, PK_SUPER_RESOLVE_PAUSE_MS, "too many names at a time");
}

void pk_super_resolve_ended(struct pk_supervisor *s, uint32_t index) {
    PK_ASSERT(index < PK_SUPER_RESOLVERS);
    struct pk_super_resolve *r = &s->resolves[index];
    struct pk_ipc_resolved answer;
    const enum pk_super_child child = (enum pk_super_child)(PK_SUPER_RESOLVE_0 + index);
    if (s->port->resolved(s->port->ctx, child, &answer) != PK_OK) {
        memset(&answer, 0, sizeof answer);
        answer.error = s->port->mono_ms(s->port->ctx) >= r->deadline_ms ? PK_E_TIMEOUT : PK_E_IO;
    }
    const bool is_wanted = r->is_used && !r->is_orphan;
    const uint32_t id = r->id;
    memset(r, 0, sizeof *r);
    if (is_wanted) {
        struct pk_ipc_frame frame;
        pk_super_frame(&frame, PK_IPC_RESOLVED, id, &answer, sizeof answer);
        pk_super_reply(s, &frame);
    }
}

/* A line break would let the agent speak to the service manager in our name. */
static void on_notify(struct pk_supervisor *s, const struct pk_ipc_frame *frame, uint64_t now_ms) {
    if (now_ms - s->notified_ms < PK_SUPER_NOTIFY_PAUSE_MS && s->notified_ms != 0) {
        s->counts.throttled++;
        return;
    }
    s->notified_ms = now_ms;
    char text[PK_IPC_BODY_BYTES + 8];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "STATUS=");
    for (uint32_t i = 0; i < PK_IPC_BODY_BYTES - 1u && frame->body[i] != '\0'; i++) {
        const char c = (char)frame->body[i];
        pk_buf_putc(&b, (unsigned char)c < 0x20u || c == 0x7f ? '?' : c);
    }
    s->port->notify(s->port->ctx, text);
}

static void on_ready(struct pk_supervisor *s, const struct pk_ipc_ready *ready, uint64_t now_ms) {
    if (s->is_ready) {
        return;
    }
    s->is_ready = true;
    s->was_ready = true;
    s->hang_step = 0;
    s->hang_ms = now_ms + PK_SUPER_TICK_MS;
    s->port->notify(s->port->ctx, "READY=1");
    pk_super_log(s, PK_LOG_NOTICE, "the agent is ready, seal bits ", ready->seal_bits);
}

static uint32_t body_bytes_of(uint16_t type) {
    switch (type) {
    case PK_IPC_HELLO:
        return sizeof(struct pk_ipc_hello);
    case PK_IPC_TICK:
        return sizeof(struct pk_ipc_tick);
    case PK_IPC_RUN:
        return sizeof(struct pk_ipc_run);
    case PK_IPC_READY:
        return sizeof(struct pk_ipc_ready);
    case PK_IPC_PROBE:
        return sizeof(struct pk_ipc_probe);
    case PK_IPC_INLET:
        return sizeof(struct pk_ipc_inlet);
    case PK_IPC_INLET_AT:
        return sizeof(struct pk_ipc_inlet_at);
    default:
        return 0; /* text, or nothing */
    }
}

static void dispatch(struct pk_supervisor *s, const struct pk_ipc_frame *frame, uint64_t now_ms) {
    union {
        struct pk_ipc_hello hello;
        struct pk_ipc_tick tick;
        struct pk_ipc_run run;
        struct pk_ipc_ready ready;
        struct pk_ipc_probe probe;
        struct pk_ipc_inlet inlet;
        struct pk_ipc_inlet_at inlet_at;
        uint8_t bytes[PK_IPC_BODY_BYTES];
    } body;
    memcpy(body.bytes, frame->body, sizeof body.bytes);
    switch (frame->type) {
    case PK_IPC_HELLO:
        on_hello(s, &body.hello);
        break;
    case PK_IPC_TICK:
        on_tick(s, &body.tick, now_ms);
        break;
    case PK_IPC_RUN:
        pk_super_run_start(s, frame->id, &body.run);
        break;
    case PK_IPC_CONFIRM:
        pk_super_armed_confirm(s, frame->id);
        break;
    case PK_IPC_STOP:
        pk_super_run_stop(s, frame->id);
        break;
    case PK_IPC_OPEN:
        on_open(s, frame->id);
        break;
    case PK_IPC_INLET:
        if (frame->id < PK_LIMIT_INLETS) {
            pk_super_inlet_asked(s, frame->id, &body.inlet);
            pk_super_inlets_arm(s, now_ms);
        } else {
            count_bad(s, frame, now_ms);
        }
        break;
    case PK_IPC_INLET_AT:
        pk_super_inlet_at(s, frame->id, &body.inlet_at);
        break;
    case PK_IPC_RESOLVE:
        on_resolve(s, frame, now_ms);
        break;
    case PK_IPC_NOTIFY:
        on_notify(s, frame, now_ms);
        break;
    case PK_IPC_READY:
        on_ready(s, &body.ready, now_ms);
        break;
    case PK_IPC_PROBE:
        pk_super_probe_start(s, frame->id, &body.probe, now_ms);
        break;
    default:
        count_bad(s, frame, now_ms);
        break;
    }
}

static bool is_well_formed(const struct pk_ipc_frame *frame) {
    const uint32_t wanted_bytes = body_bytes_of(frame->type);
    return frame->reserved == 0 && frame->reserved2 == 0 && frame->body_bytes <= PK_IPC_BODY_BYTES &&
           (wanted_bytes == 0 || frame->body_bytes == wanted_bytes);
}

void pk_super_frames(struct pk_supervisor *s, uint64_t now_ms) {
    struct pk_ipc_frame frame;
    for (int i = 0; i < PK_SUPER_FRAMES_PER_STEP && s->frame_tokens > 0; i++) {
        const int err = s->port->recv(s->port->ctx, &frame);
        if (err == PK_E_AGAIN) {
            return;
        }
        if (err == PK_E_CLOSED) {
            s->is_ipc_closed = true;
            return;
        }
        s->frame_tokens--;
        if (err != PK_OK || !is_well_formed(&frame)) {
            count_bad(s, err == PK_OK ? &frame : NULL, now_ms);
            continue;
        }
        dispatch(s, &frame, now_ms);
    }
    if (s->frame_tokens == 0) {
        s->counts.throttled++;
    }
}
