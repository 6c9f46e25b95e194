/* Broken machines: each must be noticed, or the checks are blind. */
#include <string.h>

#include "base/pk_batch.h"
#include "base/pk_hash.h"
#include "support/sim_world_priv.h"

static struct pk_sim *sim_of(void *ctx) {
    return ctx;
}

static uint64_t lying_durable(void *ctx) {
    return sim_of(ctx)->store.submitted_seq;
}

/* What the wrapped functions were; the same for every gateway. */
static struct pk_port_store sound_store;
static struct pk_port_clock sound_clock;

static int filtered_submit(void *ctx, const struct pk_store_batch *batch, uint64_t *out_seq,
                           bool (*is_left_out)(const struct pk_batch_op *op)) {
    static uint8_t bytes[PK_LIMIT_BATCH_BYTES];
    struct pk_store_batch kept;
    struct pk_batch_op op;
    uint32_t at = 0;
    pk_batch_init(&kept, bytes, sizeof bytes);
    while (pk_batch_next(batch, &at, &op) == PK_OK) {
        if (is_left_out(&op)) {
            continue;
        }
        const int err = op.is_delete ? pk_batch_delete(&kept, op.tree, op.key)
                                     : pk_batch_put(&kept, op.tree, op.key, op.value);
        if (err != PK_OK) {
            return PK_E_FULL;
        }
    }
    return sound_store.submit(ctx, &kept, out_seq);
}

static bool is_some_entry(const struct pk_batch_op *op) {
    return !op->is_delete && op->tree == PK_TREE_JOURNAL && op->key.p[0] == 'L' &&
           (op->key.p[op->key.n - 1] & 31) == 7;
}

static bool is_some_incident(const struct pk_batch_op *op) {
    return !op->is_delete && op->tree == PK_TREE_OBJECTS && op->key.n == 5 && op->key.p[0] == 'i' &&
           pk_crc32c(0, op->value.p, op->value.n) % 4 == 0;
}

static int losing_submit(void *ctx, const struct pk_store_batch *batch, uint64_t *out_seq) {
    return filtered_submit(ctx, batch, out_seq, is_some_entry);
}

static int incident_losing_submit(void *ctx, const struct pk_store_batch *batch, uint64_t *out_seq) {
    return filtered_submit(ctx, batch, out_seq, is_some_incident);
}

struct hiding {
    pk_store_visit *visit;
    void *arg;
};

static int visit_unhidden(void *arg, struct pk_str key, struct pk_str value) {
    const struct hiding *h = arg;
    const bool is_hidden = (key.n == 9 && key.p[0] == 'r') || (key.n > 1 && key.n <= 9 && key.p[0] == 'b');
    return is_hidden ? PK_OK : h->visit(h->arg, key, value);
}

static int hiding_load(void *ctx, enum pk_tree tree, struct pk_str from, pk_store_visit *visit, void *arg) {
    struct hiding h = {.visit = visit, .arg = arg};
    /* The judge looks for one key; the agent walks from the start. */
    return from.n == 0 ? sound_store.load(ctx, tree, from, visit_unhidden, &h)
                       : sound_store.load(ctx, tree, from, visit, arg);
}

static uint64_t backward_mono(void *ctx) {
    const uint64_t ms = sound_clock.mono_ms(ctx);
    return ms / 600000 % 2 == 1 && ms % 600000 > 300000 ? ms - 120000 : ms;
}

void world_wrap(struct gateway *g) {
    const struct world *w = g->site->arg;
    sound_store = g->port.store;
    sound_clock = g->port.clock;
    switch (w->canary) {
    case WORLD_STORE_LIES:
        g->port.store.durable = lying_durable;
        return;
    case WORLD_STORE_LOSES_ENTRY:
        g->port.store.submit = losing_submit;
        return;
    case WORLD_STORE_LOSES_OBJECT:
        g->port.store.submit = incident_losing_submit;
        return;
    case WORLD_RESTARTS_FORGET:
        g->port.store.load = hiding_load;
        return;
    case WORLD_CLOCK_GOES_BACK:
        g->port.clock.mono_ms = backward_mono;
        return;
    case WORLD_SOUND:
    case WORLD_RUNS_TWICE:
    case WORLD_HUB_COUNTS_TWICE:
    case WORLD_BROKER_FORGETS:
    case WORLD_HUB_MISSES:
    case WORLD_HUB_MISSES_AND_ACKS:
    case WORLD_CANARY_COUNT:
        return;
    }
}

/* What is only retained is there when the hub comes back; of the rest the broker remembers nothing. */
static void lossy_accept(void *arg, const struct broker_publish *m) {
    const struct gateway_site *site = arg;
    struct world *w = site->arg;
    struct pk_topic t;
    const bool is_report =
        pk_topic_parse(m->topic, &t) == PK_OK && (t.kind == PK_TOPIC_INCIDENT || t.kind == PK_TOPIC_APPROVAL);
    if (is_report && world_hub_is_away(w)) {
        return;
    }
    hub_model_accept(&w->hub, m);
}

void world_set_canary(struct world *w) {
    if (w->canary >= WORLD_HUB_MISSES) {
        w->broker.accepted = lossy_accept;
        w->hub.acks = w->canary == WORLD_HUB_MISSES_AND_ACKS;
    }
    w->hub.skips_dedupe = w->canary == WORLD_HUB_COUNTS_TWICE;
    if (w->canary == WORLD_HUB_COUNTS_TWICE) {
        w->broker.weights.cut_before_ack = 200;
    }
    w->broker.weights.swallow = w->canary == WORLD_BROKER_FORGETS ? 20 : 0;
    for (uint32_t i = 0; i < WORLD_GATEWAYS; i++) {
        w->places[i].gateway.super.weights.twice = w->canary == WORLD_RUNS_TWICE ? 1000 : 0;
    }
    if (w->canary == WORLD_STORE_LIES || w->canary == WORLD_STORE_LOSES_OBJECT ||
        w->canary == WORLD_RESTARTS_FORGET) {
        w->fault_weights[WORLD_FAULT_CRASH] = 10;
        w->fault_weights[WORLD_FAULT_SLOW_STORE] = 10;
        w->fault_every_ms = 60000;
    }
}
