/* What rules learned is saved rarely: it changes with every sample, and flash wears. A round begins when it
 * is due and something else is being written anyway, or a while later; it goes over all windows in slices,
 * one a tick, and the last of them deletes the rows of series that are no more. The tick waits for none of
 * it. */
#include "agent/pk_agent_priv.h"
#include "detect/pk_learned.h"

enum {
    GRACE_MS = PK_AGENT_META_SAVE_MS / 4 *
               5,  /* an idle gateway saves its clock every hour: so long, a round waits for company */
    PAUSE_MS = 20, /* between two slices */
    WINDOWS_AT_ONCE = 512,
    OP_BYTES = PK_LEARNED_BYTES + 64,
    NO_ROW = PK_LIMIT_LEARNED
};
_Static_assert((int)PK_RECORD_LEARNED == (int)PK_LEARNED_KIND, "one list of kinds");
_Static_assert((int)PK_LEARNED_BYTES <= (int)PK_STORE_VALUE_BYTES, "a row is one record");
_Static_assert(PK_LIMIT_PAYLOAD_BYTES >= (unsigned)PK_LEARNED_BYTES, "a row fits the scratch");

/* ---- start ---- */

void pk_agent_learned_clock(struct pk_agent *a, struct pk_str value) {
    struct pk_agent_learned *l = &a->learned;
    struct pk_learned row;
    if (pk_learned_read(value, &row) == PK_OK && row.clock_ms > l->base_clock_ms) {
        l->base_clock_ms = row.clock_ms;
        l->base_wall_ms = row.wall_ms;
    }
}

/* The clock of what is learned goes on where it was, plus the time we were away as far as that is known. */
static void set_ahead(struct pk_agent *a) {
    const struct pk_agent_learned *l = &a->learned;
    const bool is_away_known = a->now.quality >= PK_TIME_NTP && l->base_wall_ms > 0;
    const int64_t away_ms = is_away_known ? a->now.wall_ms - l->base_wall_ms : 0;
    const uint64_t clock_ms = l->base_clock_ms + (away_ms > 0 ? (uint64_t)away_ms : 0u);
    pk_engine_set_ahead(&a->engine, clock_ms > a->now.mono_ms ? clock_ms - a->now.mono_ms : 0u);
}

void pk_agent_learned_begin(struct pk_agent *a) {
    struct pk_agent_learned *l = &a->learned;
    set_ahead(a);
    l->is_clock_known = a->now.quality >= PK_TIME_NTP;
    l->round_ms = a->now.mono_ms;
    l->whole_ms = a->now.mono_ms;
    l->due_ms = a->now.mono_ms + a->config.learned_ms;
}

void pk_agent_learned_set_clock(struct pk_agent *a) {
    if (!a->learned.is_clock_known && a->learned.base_clock_ms > 0) {
        set_ahead(a);
    }
    a->learned.is_clock_known = true;
}

static int take(struct pk_agent *a, const struct pk_learned *row) {
    const int rule = pk_learned_rule(&a->engine, row);
    if (rule < 0 || row->source.n == 0) {
        return rule < 0 ? rule : pk_learned_take(&a->engine, (uint32_t)rule, row, 0);
    }
    struct pk_sources *s = &a->intake.sources;
    const int id =
        row->is_foreign ? pk_sources_intern_foreign(s, row->source) : pk_sources_intern(s, row->source);
    if (id < 0 || !pk_str_eq_c(row->source, pk_sources_name(s, (uint16_t)id))) {
        return PK_E_FULL; /* folded into the others */
    }
    return pk_learned_take(&a->engine, (uint32_t)rule, row, (uint16_t)id);
}

void pk_agent_learned_restore(struct pk_agent *a, uint16_t number, struct pk_str value) {
    struct pk_agent_learned *l = &a->learned;
    struct pk_learned row;
    int err = pk_learned_read(value, &row);
    err = err == PK_OK && number < PK_LIMIT_LEARNED ? take(a, &row) : err;
    if (number >= PK_LIMIT_LEARNED) {
        l->strange_count++; /* of a larger board: a round never gets there, so it stays and harms nobody */
        return;
    }
    l->names[number] = err == PK_OK ? pk_learned_name_of(&row) : PK_AGENT_LEARNED_STRANGE;
    l->used++;
    l->taken_count += err == PK_OK ? 1u : 0u;
    l->strange_count += err == PK_OK ? 0u : 1u;
}

void pk_agent_learned_restored(struct pk_agent *a) {
    const struct pk_agent_learned *l = &a->learned;
    char text[96];
    struct pk_buf b;
    a->learned.high = l->used;
    if (l->taken_count + l->strange_count == 0) {
        return;
    }
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "what rules learned before: series taken ");
    pk_buf_put_u64(&b, l->taken_count);
    pk_buf_puts(&b, ", of changed rules or damaged ");
    pk_buf_put_u64(&b, l->strange_count);
    pk_agent_log(a, PK_LOG_NOTICE, text);
}

/* ---- rounds ---- */

static uint32_t row_named(const struct pk_agent_learned *l, uint64_t name) {
    uint32_t i = 0;
    while (i < PK_LIMIT_LEARNED && l->names[i] != name) {
        i++;
    }
    return i;
}

static void save_row(struct pk_agent *a, uint32_t slot, uint32_t row) {
    struct pk_record_key key;
    uint8_t *value = (uint8_t *)a->payload; /* scratch: the batch copies */
    const int64_t wall_ms = a->now.quality >= PK_TIME_NTP ? a->now.wall_ms : 0;
    const uint32_t n = pk_learned_pack(&a->engine, slot, wall_ms, value);
    pk_record_key_learned(&key, (uint16_t)row);
    const int err = pk_batch_put(&a->batch, PK_TREE_OBJECTS, pk_record_key_str(&key),
                                 pk_str_make((const char *)value, n));
    PK_ASSERT(err == PK_OK); /* room was checked */
    a->learned.saved_count++;
    a->learned.saved_bytes += n;
}

static bool is_changed(const struct pk_agent *a, uint32_t slot) {
    const struct pk_window *w = &a->engine.windows.slots[slot];
    return w->is_heard && (int32_t)(w->last_ms - (uint32_t)a->learned.whole_ms) >= 0;
}

static void look_at(struct pk_agent *a, uint32_t slot) {
    struct pk_agent_learned *l = &a->learned;
    if (!pk_learned_has(&a->engine, slot)) {
        return;
    }
    const uint64_t name = pk_learned_name(&a->engine, slot);
    uint32_t row = row_named(l, name);
    const bool is_known = row != NO_ROW;
    if (!is_known && !a->engine.windows.slots[slot].is_heard) {
        return; /* nothing was learned yet */
    }
    row = is_known ? row : row_named(l, 0);
    if (row == NO_ROW) {
        l->full_count++;
        return;
    }
    if (!is_known) {
        l->names[row] = name;
        l->used++;
        l->high = l->used > l->high ? l->used : l->high;
    }
    pk_bitset_set(l->met, PK_LIMIT_LEARNED, row);
    if (!is_known || is_changed(a, slot)) {
        save_row(a, slot, row);
    }
}

/* Few large commits wear flash least; a part of the batch is left for what is urgent. */
static bool has_room(const struct pk_agent *a) {
    return a->batch.n + OP_BYTES <= a->batch.cap_bytes / 8u * 7u && pk_agent_batch_has_room(a, OP_BYTES);
}

static void begin_round(struct pk_agent *a) {
    struct pk_agent_learned *l = &a->learned;
    l->is_round = true;
    l->is_last = a->is_stopping;
    l->round_ms = a->now.mono_ms;
    l->slot = 0;
    pk_bitset_clear_all(l->met, PK_LIMIT_LEARNED);
}

/* False: the batch has no room for all. */
static bool delete_unmet(struct pk_agent *a) {
    struct pk_agent_learned *l = &a->learned;
    struct pk_record_key key;
    for (uint32_t i = 0; i < PK_LIMIT_LEARNED; i++) {
        if (l->names[i] == 0 || pk_bitset_has(l->met, PK_LIMIT_LEARNED, i)) {
            continue;
        }
        pk_record_key_learned(&key, (uint16_t)i);
        if (!has_room(a) || pk_batch_delete(&a->batch, PK_TREE_OBJECTS, pk_record_key_str(&key)) < 0) {
            return false;
        }
        l->names[i] = 0;
        l->used--;
    }
    return true;
}

static uint64_t grace_ms(const struct pk_agent *a) {
    return a->config.learned_ms < GRACE_MS ? a->config.learned_ms : (uint64_t)GRACE_MS;
}

static bool is_due(const struct pk_agent *a) {
    const struct pk_agent_learned *l = &a->learned;
    const bool has_company = a->batch.op_count > 0 || a->is_meta_dirty;
    if (a->is_stopping) {
        return !l->is_last;
    }
    return a->now.mono_ms >= l->due_ms && (has_company || a->now.mono_ms - l->due_ms >= grace_ms(a));
}

void pk_agent_learned_save(struct pk_agent *a, bool may_add) {
    struct pk_agent_learned *l = &a->learned;
    if (!may_add) {
        l->is_round = l->is_round && !a->is_stopping;
        l->is_last = a->is_stopping;
        return;
    }
    if (is_due(a) && (!l->is_round || a->is_stopping)) {
        if (pk_agent_budget_postpones(a)) {
            l->due_ms = a->now.mono_ms + a->config.learned_ms;
            return;
        }
        begin_round(a);
    }
    if (!l->is_round) {
        return;
    }
    for (uint32_t i = 0; i < WINDOWS_AT_ONCE && l->slot < a->engine.windows.fresh; i++) {
        if (!has_room(a)) {
            return;
        }
        look_at(a, l->slot++);
    }
    if (l->slot < a->engine.windows.fresh || !delete_unmet(a)) {
        return;
    }
    l->is_round = false;
    l->whole_ms = l->round_ms;
    l->due_ms = l->round_ms + a->config.learned_ms;
}

bool pk_agent_learned_is_done(const struct pk_agent *a) {
    return a->learned.is_last && !a->learned.is_round;
}

uint64_t pk_agent_learned_next_ms(const struct pk_agent *a) {
    const struct pk_agent_learned *l = &a->learned;
    if (l->is_round || (a->is_stopping && !l->is_last)) {
        return a->now.mono_ms + PAUSE_MS;
    }
    return l->due_ms > a->now.mono_ms ? l->due_ms : l->due_ms + grace_ms(a);
}
