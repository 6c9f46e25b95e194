#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_batch.h"
#include "port/sim/sim_parts.h"

enum { BACKOFF_FIRST_MS = 50, BACKOFF_MAX_MS = 5000, RECORD_COST_BYTES = 24 };

/* ---- records, sorted by tree and key */
static int compare(const struct pk_sim_record *r, enum pk_tree tree, const void *key, uint32_t key_bytes) {
    if (r->tree != (uint8_t)tree) {
        return r->tree < (uint8_t)tree ? -1 : 1;
    }
    const int c = memcmp(r->key, key, r->key_bytes < key_bytes ? r->key_bytes : key_bytes);
    if (c != 0) {
        return c;
    }
    return r->key_bytes < key_bytes ? -1 : r->key_bytes > key_bytes ? 1 : 0;
}

/* Place of the first record >= key. */
static uint32_t lower_bound(const struct pk_sim_store *s, enum pk_tree tree, const void *key,
                            uint32_t key_bytes) {
    uint32_t low = 0;
    uint32_t high = s->record_count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2u;
        if (compare(&s->records[s->order[middle]], tree, key, key_bytes) < 0) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct pk_sim_record *record_at(struct pk_sim_store *s, uint32_t place) {
    return &s->records[s->order[place]];
}

static bool is_at(const struct pk_sim_store *s, uint32_t place, enum pk_tree tree, struct pk_str key) {
    return place < s->record_count && compare(&s->records[s->order[place]], tree, key.p, key.n) == 0;
}

static uint64_t cost_of(const struct pk_sim_record *r) {
    return (uint64_t)RECORD_COST_BYTES + r->key_bytes + r->value_bytes;
}

static void put(struct pk_sim_store *s, const struct pk_batch_op *op) {
    const uint32_t place = lower_bound(s, op->tree, op->key.p, op->key.n);
    if (!is_at(s, place, op->tree, op->key)) {
        /* Slots behind record_count in `order` are the free ones; a test that fills them all asked for too
         * much. */
        PK_ASSERT(s->record_count < PK_SIM_RECORDS);
        const uint16_t slot = s->order[s->record_count];
        memmove(&s->order[place + 1u], &s->order[place], (s->record_count - place) * sizeof s->order[0]);
        s->order[place] = slot;
        s->record_count++;
    } else {
        s->status.used_bytes -= cost_of(record_at(s, place));
    }
    struct pk_sim_record *r = record_at(s, place);
    r->tree = (uint8_t)op->tree;
    r->key_bytes = (uint8_t)op->key.n;
    r->value_bytes = (uint16_t)op->value.n;
    r->is_damaged = false;
    memcpy(r->key, op->key.p, op->key.n);
    if (op->value.n > 0) {
        memcpy(r->value, op->value.p, op->value.n);
    }
    s->status.used_bytes += cost_of(r);
}

static void erase(struct pk_sim_store *s, const struct pk_batch_op *op) {
    const uint32_t place = lower_bound(s, op->tree, op->key.p, op->key.n);
    if (!is_at(s, place, op->tree, op->key)) {
        return;
    }
    const uint16_t slot = s->order[place];
    s->status.used_bytes -= cost_of(&s->records[slot]);
    s->record_count--;
    memmove(&s->order[place], &s->order[place + 1u], (s->record_count - place) * sizeof s->order[0]);
    s->order[s->record_count] = slot;
}

/* ---- commits */
static void apply(struct pk_sim *sim, uint32_t batch_count) {
    struct pk_sim_store *s = &sim->store;
    uint32_t done_bytes = 0;
    for (uint32_t i = 0; i < batch_count; i++) {
        const struct pk_store_batch batch = {
            .p = s->queue + done_bytes, .cap_bytes = s->batches[i].n, .n = s->batches[i].n};
        uint32_t at = 0;
        struct pk_batch_op op;
        while (pk_batch_next(&batch, &at, &op) == PK_OK) {
            if (op.is_delete) {
                erase(s, &op);
            } else {
                put(s, &op);
            }
        }
        pk_sim_trace(sim, "durable", batch.p, batch.n);
        done_bytes += batch.n;
    }
    memmove(s->queue, s->queue + done_bytes, s->queued_bytes - done_bytes);
    memmove(&s->batches[0], &s->batches[batch_count], (s->batch_count - batch_count) * sizeof s->batches[0]);
    s->queued_bytes -= done_bytes;
    s->batch_count -= batch_count;
    s->durable_seq += batch_count;
    s->status.written_bytes += done_bytes;
    s->status.commit_count++;
    s->status.is_map_full = s->status.used_bytes >= s->status.map_bytes - s->status.map_bytes / 8u;
}

static void begin_commit(struct pk_sim *sim) {
    struct pk_sim_store *s = &sim->store;
    s->committing = s->batch_count;
    s->commit_start_ms = sim->now_ms;
    s->commit_end_ms = sim->now_ms + s->backoff_ms + pk_sim_between(sim, s->delay_min_ms, s->delay_max_ms);
}

static int write_error_of(const struct pk_sim_store *s) {
    return s->is_disk_full && !s->has_spare ? PK_E_NO_SPACE : s->write_error;
}

static void end_commit(struct pk_sim *sim) {
    struct pk_sim_store *s = &sim->store;
    const int error = write_error_of(s);
    if (error != PK_OK) {
        s->status.last_error = error;
        s->status.failed_commit_count++;
        s->backoff_ms = s->backoff_ms == 0 ? BACKOFF_FIRST_MS : s->backoff_ms * 2u;
        s->backoff_ms = s->backoff_ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : s->backoff_ms;
    } else {
        const uint64_t took_ms = sim->now_ms - s->commit_start_ms - s->backoff_ms;
        if (took_ms > s->status.longest_commit_ms) {
            s->status.longest_commit_ms = (uint32_t)took_ms;
        }
        s->status.last_error = s->is_disk_full ? PK_E_NO_SPACE : PK_OK;
        s->backoff_ms = 0;
        apply(sim, s->committing);
    }
    s->committing = 0;
    sim->is_event_due = true;
    if (s->batch_count > 0) {
        begin_commit(sim);
    }
}

/* ---- the contract */
static int store_load(void *ctx, enum pk_tree tree, struct pk_str from, pk_store_visit *visit, void *arg) {
    struct pk_sim *sim = ctx;
    struct pk_sim_store *s = &sim->store;
    uint32_t place = lower_bound(s, tree, from.n > 0 ? from.p : "", from.n);
    for (; place < s->record_count && record_at(s, place)->tree == (uint8_t)tree; place++) {
        const struct pk_sim_record *r = record_at(s, place);
        s->status.bad_value_count += r->is_damaged ? 1u : 0u;
        if (r->is_damaged && tree != PK_TREE_OBJECTS) {
            continue;
        }
        const int err = visit(arg, pk_str_make((const char *)r->key, r->key_bytes),
                              pk_str_make((const char *)r->value, r->is_damaged ? 0u : r->value_bytes));
        if (err < 0) {
            return err;
        }
    }
    return PK_OK;
}

static int store_submit(void *ctx, const struct pk_store_batch *batch, uint64_t *out_seq) {
    struct pk_sim *sim = ctx;
    struct pk_sim_store *s = &sim->store;
    if (batch->n == 0) {
        *out_seq = s->submitted_seq;
        return PK_OK;
    }
    if (batch->n > sizeof s->queue - s->queued_bytes || s->batch_count == PK_SIM_BATCHES ||
        (s->status.is_map_full && !pk_batch_has_delete(batch))) {
        return PK_E_FULL;
    }
    memcpy(s->queue + s->queued_bytes, batch->p, batch->n);
    s->queued_bytes += batch->n;
    s->batches[s->batch_count].n = batch->n;
    s->batches[s->batch_count].op_count = batch->op_count;
    s->batch_count++;
    if (s->queued_bytes > s->status.queued_high_bytes) {
        s->status.queued_high_bytes = s->queued_bytes;
    }
    *out_seq = ++s->submitted_seq;
    pk_sim_trace(sim, "submit", batch->p, batch->n);
    if (s->committing == 0) {
        begin_commit(sim);
    }
    return PK_OK;
}

static uint64_t store_durable(void *ctx) {
    const struct pk_sim *sim = ctx;
    return sim->store.durable_seq;
}

static int store_fetch(void *ctx, const struct pk_store_fetch *request) {
    struct pk_sim *sim = ctx;
    if (sim->store.has_fetch) {
        return PK_E_BUSY;
    }
    sim->store.fetch = *request;
    sim->store.has_fetch = true;
    sim->store.fetch_ms = sim->now_ms + pk_sim_between(sim, 1, sim->store.delay_max_ms);
    return PK_OK;
}

static bool put_record(const struct pk_store_fetch *f, uint32_t *at, const struct pk_sim_record *r) {
    if (f->out_cap_bytes - *at < 4u + r->key_bytes + r->value_bytes) {
        return false;
    }
    uint8_t *p = f->out + *at;
    p[0] = r->tree;
    p[1] = r->key_bytes;
    p[2] = (uint8_t)(r->value_bytes & 0xFFu);
    p[3] = (uint8_t)(r->value_bytes >> 8);
    memcpy(p + 4, r->key, r->key_bytes);
    memcpy(p + 4 + r->key_bytes, r->value, r->value_bytes);
    *at += 4u + r->key_bytes + r->value_bytes;
    return true;
}

static int store_fetched(void *ctx, uint32_t *out_bytes) {
    struct pk_sim *sim = ctx;
    struct pk_sim_store *s = &sim->store;
    *out_bytes = 0;
    if (!s->has_fetch) {
        return PK_E_NOT_FOUND;
    }
    if (sim->now_ms < s->fetch_ms) {
        return PK_E_AGAIN;
    }
    const struct pk_store_fetch *f = &s->fetch;
    uint32_t count = 0;
    s->has_fetch = false;
    for (uint32_t place = lower_bound(s, f->tree, f->from, f->from_bytes);
         place < s->record_count && count < f->max_records; place++) {
        const struct pk_sim_record *r = record_at(s, place);
        if (compare(r, f->tree, f->to, f->to_bytes) >= 0) {
            break;
        }
        if (r->is_damaged) {
            s->status.bad_value_count++;
        } else if (put_record(f, out_bytes, r)) {
            count++;
        } else {
            break;
        }
    }
    return (int)count;
}

static void store_status(void *ctx, struct pk_store_status *out) {
    const struct pk_sim *sim = ctx;
    *out = sim->store.status;
    if (sim->store.has_spare) {
        out->last_error = sim->store.is_disk_full ? PK_E_NO_SPACE : PK_OK; /* found without a commit */
    }
    out->queued_bytes = sim->store.queued_bytes;
    out->record_count = sim->store.record_count;
}

void pk_sim_store_open(struct pk_sim *sim, struct pk_port_store *out) {
    struct pk_sim_store *s = &sim->store;
    if (s->order[0] == s->order[1]) { /* never used */
        for (uint32_t i = 0; i < PK_SIM_RECORDS; i++) {
            s->order[i] = (uint16_t)i;
        }
    }
    *out = (struct pk_port_store){.ctx = sim,
                                  .load = store_load,
                                  .submit = store_submit,
                                  .durable = store_durable,
                                  .fetch = store_fetch,
                                  .fetched = store_fetched,
                                  .status = store_status};
}

uint64_t pk_sim_store_next_ms(const struct pk_sim *sim) {
    const struct pk_sim_store *s = &sim->store;
    uint64_t next = s->committing > 0 ? s->commit_end_ms : UINT64_MAX;
    if (s->has_fetch && s->fetch_ms > sim->now_ms && s->fetch_ms < next) {
        next = s->fetch_ms;
    }
    return next;
}

void pk_sim_store_run(struct pk_sim *sim) {
    if (sim->store.committing > 0 && sim->store.commit_end_ms <= sim->now_ms) {
        end_commit(sim);
    }
    if (sim->store.has_fetch && sim->store.fetch_ms == sim->now_ms) {
        sim->is_event_due = true;
    }
}

void pk_sim_store_reset(struct pk_sim *sim) {
    struct pk_sim_store *s = &sim->store;
    /* A commit that was under way is on the medium whole, or not at all. */
    if (s->committing > 0 && write_error_of(s) == PK_OK && pk_rng_below(&sim->rng, 2) == 0) {
        apply(sim, s->committing);
    }
    s->committing = 0;
    s->batch_count = 0;
    s->queued_bytes = 0;
    s->submitted_seq = 0;
    s->durable_seq = 0;
    s->backoff_ms = 0;
    s->has_fetch = false;
    const struct pk_store_status old = s->status;
    s->status = (struct pk_store_status){
        .map_bytes = old.map_bytes, .used_bytes = old.used_bytes, .is_map_full = old.is_map_full};
}

bool pk_sim_store_damage(struct pk_sim *sim, enum pk_tree tree, struct pk_str key) {
    struct pk_sim_store *s = &sim->store;
    const uint32_t place = lower_bound(s, tree, key.p, key.n);
    if (!is_at(s, place, tree, key)) {
        return false;
    }
    record_at(s, place)->is_damaged = true;
    return true;
}
