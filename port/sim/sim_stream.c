#include <string.h>

#include "base/pk_assert.h"
#include "port/sim/sim_parts.h"

static uint64_t delay_from(const struct pk_sim_link *l, struct pk_sim_pipe *pipe) {
    uint64_t at_ms = l->sim->now_ms + pk_sim_between(l->sim, l->delay_min_ms, l->delay_max_ms);
    at_ms = at_ms < pipe->last_ms ? pipe->last_ms : at_ms; /* a stream keeps its order */
    pipe->last_ms = at_ms;
    return at_ms;
}

static uint32_t pipe_put(const struct pk_sim_link *l, struct pk_sim_pipe *pipe, const uint8_t *p,
                         uint32_t n) {
    const uint32_t room = PK_SIM_STREAM_BYTES - pipe->count;
    n = n < room ? n : room;
    if (n == 0 || pipe->segment_count == PK_SIM_SEGMENTS) {
        return 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        pipe->bytes[(pipe->head + pipe->count + i) % PK_SIM_STREAM_BYTES] = p[i];
    }
    pipe->count += n;
    pipe->segments[(pipe->first + pipe->segment_count) % PK_SIM_SEGMENTS] =
        (struct pk_sim_segment){.at_ms = delay_from(l, pipe), .n = n};
    pipe->segment_count++;
    return n;
}

static uint32_t pipe_take(struct pk_sim_pipe *pipe, uint8_t *out, uint32_t cap_bytes) {
    const uint32_t n = pipe->arrived < cap_bytes ? pipe->arrived : cap_bytes;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = pipe->bytes[(pipe->head + i) % PK_SIM_STREAM_BYTES];
    }
    pipe->head = (pipe->head + n) % PK_SIM_STREAM_BYTES;
    pipe->count -= n;
    pipe->arrived -= n;
    return n;
}

static uint64_t pipe_next_ms(const struct pk_sim_pipe *pipe) {
    if (pipe->segment_count > 0) {
        return pipe->segments[pipe->first].at_ms;
    }
    return pipe->is_ended ? pipe->end_ms : UINT64_MAX;
}

/* Bytes that arrived up to now; true when there were any. */
static bool pipe_arrive(struct pk_sim_pipe *pipe, uint64_t now_ms) {
    bool any = false;
    while (pipe->segment_count > 0 && pipe->segments[pipe->first].at_ms <= now_ms) {
        pipe->arrived += pipe->segments[pipe->first].n;
        pipe->first = (pipe->first + 1u) % PK_SIM_SEGMENTS;
        pipe->segment_count--;
        any = true;
    }
    return any;
}

static void pipe_clear(struct pk_sim_pipe *pipe) {
    pipe->head = 0;
    pipe->count = 0;
    pipe->first = 0;
    pipe->segment_count = 0;
    pipe->arrived = 0;
    pipe->last_ms = 0;
    pipe->is_ended = false;
    pipe->end_ms = 0;
}

/* ---- the agent's side */
static int stream_open(void *ctx, const struct pk_endpoint *endpoint) {
    struct pk_sim_link *l = ctx;
    if (l->state != PK_SIM_CLOSED) {
        l->error = "the previous connection is not closed";
        return PK_E_UNREACHABLE;
    }
    if (l->answer == PK_SIM_NO_ROUTE) {
        l->error = "connect: network unreachable";
        return PK_E_UNREACHABLE;
    }
    pipe_clear(&l->up);
    pipe_clear(&l->down);
    l->endpoint = *endpoint;
    l->state = PK_SIM_CONNECTING;
    l->is_cut = false;
    l->is_unfinished = false;
    l->connect_ms = l->sim->now_ms + pk_sim_between(l->sim, l->delay_min_ms, l->delay_max_ms);
    l->error = "connecting";
    pk_sim_trace(l->sim, "open", endpoint->address, (uint32_t)strlen(endpoint->address));
    return PK_OK;
}

static int stream_poll(void *ctx) {
    struct pk_sim_link *l = ctx;
    if (l->state == PK_SIM_OPEN) {
        return PK_OK;
    }
    if (l->state != PK_SIM_CONNECTING) {
        return PK_E_CLOSED;
    }
    if (l->sim->now_ms < l->connect_ms) {
        return PK_E_AGAIN;
    }
    switch (l->answer) {
    case PK_SIM_ACCEPT:
        break;
    case PK_SIM_NO_ROUTE: /* lost while it was on its way */
    case PK_SIM_REFUSE:
        l->state = PK_SIM_BROKEN;
        l->error = "connect: connection refused";
        return PK_E_UNREACHABLE;
    case PK_SIM_TLS_FAILS:
        l->state = PK_SIM_BROKEN;
        l->error = "certificate verify failed: wrong CA (not signed by ours)";
        return PK_E_TLS;
    case PK_SIM_SILENT:
        return PK_E_AGAIN;
    }
    l->state = PK_SIM_OPEN;
    l->error = "";
    l->connect_count++;
    pk_sim_trace(l->sim, "connected", "", 0);
    if (l->peer.connected != NULL) {
        l->peer.connected(l->peer.arg, l->sim, l->index);
    }
    return PK_OK;
}

static int dead(struct pk_sim_link *l, int err, const char *why) {
    l->state = PK_SIM_BROKEN;
    l->error = why;
    l->is_unfinished = false;
    return err;
}

static uint32_t fragment(const struct pk_sim_link *l, uint32_t n) {
    if (l->fragment_max == 0 || n <= 1) {
        return n;
    }
    const uint32_t piece = pk_sim_between(l->sim, 1, l->fragment_max);
    return piece < n ? piece : n;
}

static int stream_send(void *ctx, const void *p, uint32_t n) {
    struct pk_sim_link *l = ctx;
    if (l->state != PK_SIM_OPEN) {
        return PK_E_CLOSED;
    }
    if (l->down.is_ended && l->sim->now_ms >= l->down.end_ms && l->down.count == 0) {
        return dead(l, PK_E_CLOSED, "the peer closed the connection");
    }
    n = pipe_put(l, &l->up, p, fragment(l, n));
    pk_sim_trace(l->sim, "send", p, n);
    l->carried_bytes += n;
    return (int)n;
}

static int stream_recv(void *ctx, void *out, uint32_t cap_bytes) {
    struct pk_sim_link *l = ctx;
    if (l->state != PK_SIM_OPEN) {
        return PK_E_CLOSED;
    }
    const uint32_t n = pipe_take(&l->down, out, fragment(l, cap_bytes));
    if (n > 0) {
        l->carried_bytes += n;
        l->is_unfinished = l->down.arrived > 0 || (l->down.is_ended && l->down.segment_count == 0);
        return (int)n;
    }
    l->is_unfinished = false;
    if (l->down.is_ended && l->down.segment_count == 0 && l->sim->now_ms >= l->down.end_ms && cap_bytes > 0) {
        return dead(l, PK_E_CLOSED, "the peer closed the connection");
    }
    return 0;
}

static void stream_close(void *ctx) {
    struct pk_sim_link *l = ctx;
    if (l->state == PK_SIM_OPEN && !l->is_cut) {
        /* What was sent arrives, then the end. */
        l->up.is_ended = true;
        l->up.end_ms = delay_from(l, &l->up);
    }
    if (l->state != PK_SIM_CLOSED) {
        pk_sim_trace(l->sim, "close", "", 0);
    }
    l->state = PK_SIM_CLOSED;
    l->is_unfinished = false;
    pipe_clear(&l->down);
}

static const char *stream_error_text(void *ctx) {
    const struct pk_sim_link *l = ctx;
    return l->error;
}

static uint64_t stream_resumed_count(void *ctx) {
    (void)ctx; /* its bytes are plain */
    return 0;
}

static uint64_t stream_carried_bytes(void *ctx) {
    const struct pk_sim_link *l = ctx;
    return l->carried_bytes;
}

void pk_sim_stream_open(struct pk_sim *sim, uint32_t link, struct pk_port_stream *out) {
    sim->links[link].sim = sim;
    sim->links[link].index = link;
    *out = (struct pk_port_stream){.ctx = &sim->links[link],
                                   .open = stream_open,
                                   .poll = stream_poll,
                                   .send = stream_send,
                                   .recv = stream_recv,
                                   .close = stream_close,
                                   .error_text = stream_error_text,
                                   .resumed_count = stream_resumed_count,
                                   .carried_bytes = stream_carried_bytes};
}

/* ---- the network */
static uint64_t link_next_ms(const struct pk_sim_link *l, uint64_t now_ms) {
    /* Before the connection is polled its time counts once; after that only what is on the way. */
    uint64_t next = l->state == PK_SIM_CONNECTING && l->connect_ms > now_ms ? l->connect_ms : UINT64_MAX;
    const uint64_t up = pipe_next_ms(&l->up);
    next = up < next ? up : next;
    const uint64_t down =
        l->down.segment_count > 0 || l->down.end_ms > now_ms ? pipe_next_ms(&l->down) : UINT64_MAX;
    return down < next ? down : next;
}

uint64_t pk_sim_stream_next_ms(const struct pk_sim *sim) {
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        const uint64_t at_ms = link_next_ms(&sim->links[i], sim->now_ms);
        next = at_ms < next ? at_ms : next;
    }
    return next;
}

static void run_up(struct pk_sim_link *l) {
    uint8_t bytes[1024];
    pipe_arrive(&l->up, l->sim->now_ms);
    for (uint32_t n = pipe_take(&l->up, bytes, sizeof bytes); n > 0;
         n = pipe_take(&l->up, bytes, sizeof bytes)) {
        if (!l->is_cut && l->peer.received != NULL) {
            l->peer.received(l->peer.arg, l->sim, l->index, bytes, n);
        }
        l->sim->is_event_due = true; /* room to send */
    }
    if (l->up.is_ended && l->up.segment_count == 0 && l->up.end_ms <= l->sim->now_ms) {
        l->up.is_ended = false;
        if (!l->is_cut && l->peer.closed != NULL) {
            l->peer.closed(l->peer.arg, l->sim, l->index);
        }
    }
}

void pk_sim_stream_run(struct pk_sim *sim) {
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        struct pk_sim_link *l = &sim->links[i];
        run_up(l);
        const bool has_ended = l->down.is_ended && l->down.end_ms == sim->now_ms;
        if (pipe_arrive(&l->down, sim->now_ms) || has_ended ||
            (l->state == PK_SIM_CONNECTING && l->connect_ms == sim->now_ms && l->answer != PK_SIM_SILENT)) {
            sim->is_event_due = true;
        }
    }
}

void pk_sim_stream_reset(struct pk_sim *sim) {
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        stream_close(&sim->links[i]);
    }
}

void pk_sim_peer_set(struct pk_sim *sim, uint32_t link, const struct pk_sim_peer *peer) {
    sim->links[link].peer = *peer;
}

uint32_t pk_sim_peer_send(struct pk_sim *sim, uint32_t link, const void *p, uint32_t n) {
    struct pk_sim_link *l = &sim->links[link];
    if (l->state != PK_SIM_OPEN || l->down.is_ended) {
        return 0;
    }
    return l->is_cut ? n : pipe_put(l, &l->down, p, n);
}

void pk_sim_peer_close(struct pk_sim *sim, uint32_t link) {
    struct pk_sim_link *l = &sim->links[link];
    if (l->state == PK_SIM_OPEN && !l->is_cut && !l->down.is_ended) {
        l->down.is_ended = true;
        l->down.end_ms = delay_from(l, &l->down);
    }
}

void pk_sim_peer_reset(struct pk_sim *sim, uint32_t link) {
    struct pk_sim_link *l = &sim->links[link];
    if (l->state == PK_SIM_OPEN || l->state == PK_SIM_CONNECTING) {
        l->state = PK_SIM_BROKEN;
        l->error = "recv: reset by the peer";
        pipe_clear(&l->up);
        pipe_clear(&l->down);
        sim->is_event_due = true;
    }
}
