#include <string.h>

#include "base/pk_assert.h"
#include "port/sim/sim_parts.h"

static struct pk_sim_client *client_of(struct pk_sim *sim, uint32_t index) {
    PK_ASSERT(index < PK_LIMIT_CONNECTIONS);
    return &sim->clients[index];
}

/* ---- the agent's side */
static bool has_input(const struct pk_sim_client *c) {
    return c->to_agent_bytes > 0 || c->is_closed_by_client;
}

static int serve_next(void *ctx, struct pk_serve_event *out) {
    struct pk_sim *sim = ctx;
    for (uint32_t tried = 0; tried < PK_LIMIT_CONNECTIONS; tried++) {
        const uint32_t index = sim->client_at;
        sim->client_at = (sim->client_at + 1u) % PK_LIMIT_CONNECTIONS;
        struct pk_sim_client *c = &sim->clients[index];
        if (!c->is_used || c->is_closed_by_agent) {
            continue;
        }
        *out = (struct pk_serve_event){
            .connection = index, .listener = c->listener, .uid = c->uid, .gid = c->gid};
        if (!c->is_announced) {
            c->is_announced = true;
            out->kind = PK_SERVE_OPENED;
            return PK_OK;
        }
        if (c->is_dead && !c->is_dead_reported) {
            c->is_dead_reported = true;
            out->kind = PK_SERVE_CLOSED;
            return PK_OK;
        }
        if (!c->is_dead && has_input(c) && c->round != sim->round + 1u) {
            c->round = sim->round + 1u;
            out->kind = PK_SERVE_READABLE;
            return PK_OK;
        }
    }
    return PK_E_AGAIN;
}

static int serve_recv(void *ctx, uint32_t connection, void *out, uint32_t cap_bytes) {
    struct pk_sim_client *c = client_of(ctx, connection);
    if (!c->is_used || c->is_closed_by_agent || c->is_dead) {
        return PK_E_CLOSED;
    }
    const uint32_t n = c->to_agent_bytes < cap_bytes ? c->to_agent_bytes : cap_bytes;
    if (n > 0) {
        memcpy(out, c->to_agent, n);
        memmove(c->to_agent, c->to_agent + n, c->to_agent_bytes - n);
        c->to_agent_bytes -= n;
        c->is_unfinished = has_input(c);
        return (int)n;
    }
    c->is_unfinished = false;
    c->is_dead = c->is_closed_by_client && cap_bytes > 0;
    return c->is_dead ? PK_E_CLOSED : 0;
}

static int serve_send(void *ctx, uint32_t connection, const void *p, uint32_t n) {
    struct pk_sim *sim = ctx;
    struct pk_sim_client *c = client_of(sim, connection);
    if (!c->is_used || c->is_closed_by_agent) {
        return PK_E_CLOSED;
    }
    if (c->is_closed_by_client) {
        c->is_dead = true;
        return PK_E_CLOSED;
    }
    const uint32_t room = PK_SIM_CLIENT_BYTES - c->to_client_bytes;
    n = n < room ? n : room;
    if (n > 0) {
        memcpy(c->to_client + c->to_client_bytes, p, n);
    }
    c->to_client_bytes += n;
    pk_sim_trace(sim, "answer", p, n);
    return (int)n;
}

static void serve_close(void *ctx, uint32_t connection) {
    struct pk_sim_client *c = client_of(ctx, connection);
    c->is_unfinished = false;
    c->is_closed_by_agent = true;
    if (c->is_closed_by_client) {
        c->is_used = false;
    }
}

static uint64_t serve_refused_count(void *ctx) {
    const struct pk_sim *sim = ctx;
    return sim->refused_count;
}

void pk_sim_serve_open(struct pk_sim *sim, struct pk_port_serve *out) {
    *out = (struct pk_port_serve){.ctx = sim,
                                  .next = serve_next,
                                  .recv = serve_recv,
                                  .send = serve_send,
                                  .close = serve_close,
                                  .refused_count = serve_refused_count};
}

void pk_sim_serve_reset(struct pk_sim *sim) {
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        serve_close(sim, i);
    }
}

/* ---- the client's side */
static bool has_place(const struct pk_sim *sim, enum pk_listener listener) {
    uint32_t senders = 0;
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        senders += sim->clients[i].is_used && sim->clients[i].listener == PK_LISTEN_EVENTS ? 1u : 0u;
    }
    return listener != PK_LISTEN_EVENTS || senders < PK_LIMIT_CONNECTIONS - PK_SERVE_CONTROL_RESERVE;
}

int pk_sim_client_open(struct pk_sim *sim, enum pk_listener listener, uint32_t uid, uint32_t gid) {
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS && has_place(sim, listener); i++) {
        struct pk_sim_client *c = &sim->clients[i];
        if (!c->is_used) {
            c->is_used = true;
            c->is_announced = false;
            c->is_closed_by_client = false;
            c->is_closed_by_agent = false;
            c->is_dead = false;
            c->is_dead_reported = false;
            c->is_unfinished = false;
            c->round = 0;
            c->listener = listener;
            c->uid = uid;
            c->gid = gid;
            c->to_agent_bytes = 0;
            c->to_client_bytes = 0;
            sim->is_event_due = true;
            return (int)i;
        }
    }
    sim->refused_count++;
    return PK_E_FULL;
}

uint32_t pk_sim_client_send(struct pk_sim *sim, uint32_t client, const void *p, uint32_t n) {
    struct pk_sim_client *c = client_of(sim, client);
    if (!c->is_used || c->is_closed_by_agent || c->is_closed_by_client) {
        return 0;
    }
    const uint32_t room = (uint32_t)sizeof c->to_agent - c->to_agent_bytes;
    n = n < room ? n : room;
    if (n > 0) {
        memcpy(c->to_agent + c->to_agent_bytes, p, n);
    }
    c->to_agent_bytes += n;
    sim->is_event_due = true;
    return n;
}

int pk_sim_client_recv(struct pk_sim *sim, uint32_t client, void *out, uint32_t cap_bytes) {
    struct pk_sim_client *c = client_of(sim, client);
    const uint32_t n = c->to_client_bytes < cap_bytes ? c->to_client_bytes : cap_bytes;
    if (n > 0) {
        memcpy(out, c->to_client, n);
        memmove(c->to_client, c->to_client + n, c->to_client_bytes - n);
        c->to_client_bytes -= n;
        return (int)n;
    }
    if (!c->is_used || c->is_closed_by_agent) {
        c->is_used = false;
        return PK_E_CLOSED;
    }
    return 0;
}

void pk_sim_client_close(struct pk_sim *sim, uint32_t client) {
    struct pk_sim_client *c = client_of(sim, client);
    c->is_closed_by_client = true;
    if (c->is_closed_by_agent) {
        c->is_used = false;
    }
    sim->is_event_due = true;
}
