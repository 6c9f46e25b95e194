#include "detect/pk_learned.h"

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "detect/pk_cond.h"
#include "detect/pk_eval.h"
#include "detect/pk_match.h"

enum { VERSION = 1, IS_SOURCE = 1, IS_FOREIGN = 2 };

/* Those of a rule that learn and have a state of their own. */
static uint32_t learning(const struct pk_rule *r, const struct pk_rule_cond *out[PK_COND_CONDS_MAX],
                         uint8_t numbers[PK_COND_CONDS_MAX]) {
    const struct pk_rule_cond *conds[PK_COND_CONDS_MAX];
    const uint32_t count = r->is_plain ? 0u : pk_cond_all(r, conds);
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (pk_cond_ops(conds[i]->kind)->save != NULL && !pk_cond_is_guest(conds, i)) {
            numbers[n] = (uint8_t)i;
            out[n++] = conds[i];
        }
    }
    return n;
}

bool pk_learned_has(const struct pk_engine *e, uint32_t slot) {
    const struct pk_rule_cond *conds[PK_COND_CONDS_MAX];
    uint8_t numbers[PK_COND_CONDS_MAX];
    if (!pk_windows_is_used(&e->windows, slot)) {
        return false;
    }
    const struct pk_window *w = &e->windows.slots[slot];
    return w->ring != PK_WINDOW_NONE && (w->key & PK_MATCH_REPLAYED) == 0 &&
           learning(e->rules.rows[w->rule], conds, numbers) > 0;
}

/* The key of its window is the number of a source, which the next start gives anew. */
static bool is_of_source(const struct pk_rule *r, uint64_t key) {
    return r->group == PK_GROUP_SOURCE || (r->across > 0 && key != 0);
}

static uint64_t name_of(uint64_t id_hash, struct pk_str source, uint64_t key) {
    const uint64_t group = source.n > 0 ? pk_hash64(source.p, source.n) : key;
    const uint64_t name = pk_hash64_mix(id_hash, group);
    return name == 0 || name == UINT64_MAX ? 1u : name;
}

uint64_t pk_learned_name(const struct pk_engine *e, uint32_t slot) {
    const struct pk_window *w = &e->windows.slots[slot];
    const bool is_source = is_of_source(e->rules.rows[w->rule], w->key);
    const struct pk_str source = pk_str_of(is_source ? pk_sources_name(e->world.sources, w->source_id) : "");
    return name_of(e->status[w->rule].id_hash, source, w->key);
}

uint64_t pk_learned_name_of(const struct pk_learned *row) {
    return name_of(row->id_hash, row->source, row->key);
}

uint32_t pk_learned_pack(const struct pk_engine *e, uint32_t slot, int64_t wall_ms,
                         uint8_t out[PK_LEARNED_BYTES]) {
    const struct pk_window *w = &e->windows.slots[slot];
    const struct pk_rule *r = e->rules.rows[w->rule];
    const struct pk_rule_cond *conds[PK_COND_CONDS_MAX];
    uint8_t numbers[PK_COND_CONDS_MAX];
    const uint32_t count = learning(r, conds, numbers);
    const bool is_source = is_of_source(r, w->key);
    const bool is_foreign = is_source && e->world.sources->state[w->source_id].is_foreign;
    struct pk_writer to;
    pk_writer_init(&to, out, PK_LEARNED_BYTES);
    pk_put_u8(&to, PK_LEARNED_KIND);
    pk_put_u8(&to, VERSION);
    pk_put_u8(&to, (uint8_t)((is_source ? IS_SOURCE : 0) | (is_foreign ? IS_FOREIGN : 0)));
    pk_put_u64(&to, e->status[w->rule].id_hash);
    pk_put_u64(&to, e->status[w->rule].definition_hash);
    pk_put_u64(&to, is_source ? 0u : w->key);
    pk_put_u64(&to, e->now_ms + e->ahead_ms);
    pk_put_i64(&to, wall_ms);
    pk_put_text(&to, pk_str_of(is_source ? pk_sources_name(e->world.sources, w->source_id) : ""));
    for (uint32_t i = 0; i < count; i++) {
        const struct pk_cond_at at = pk_cond_at_of(e, slot, conds[i]);
        pk_put_u8(&to, numbers[i]);
        pk_put_u8(&to, conds[i]->kind);
        pk_cond_ops(conds[i]->kind)->save(&at, &to);
    }
    PK_ASSERT(count > 0 && !to.is_full);
    return to.n;
}

int pk_learned_read(struct pk_str value, struct pk_learned *out) {
    struct pk_reader from;
    pk_reader_init(&from, value.p, value.n);
    const uint8_t kind = pk_get_u8(&from);
    const uint8_t version = pk_get_u8(&from);
    if (from.is_bad || kind != PK_LEARNED_KIND || version == 0) {
        return PK_E_BAD_MSG;
    }
    if (version > VERSION) {
        return PK_E_UNSUPPORTED;
    }
    const uint8_t flags = pk_get_u8(&from);
    out->id_hash = pk_get_u64(&from);
    out->definition_hash = pk_get_u64(&from);
    out->key = pk_get_u64(&from);
    out->clock_ms = pk_get_u64(&from);
    out->wall_ms = pk_get_i64(&from);
    out->source = pk_get_text(&from);
    out->is_foreign = (flags & IS_FOREIGN) != 0;
    out->state = pk_str_make(value.p + from.at, from.is_bad ? 0u : value.n - from.at);
    const bool is_source = (flags & IS_SOURCE) != 0;
    const bool is_good = flags <= (IS_SOURCE | IS_FOREIGN) && (is_source || !out->is_foreign) &&
                         is_source == (out->source.n > 0) && (!is_source || pk_intern_is_name(out->source)) &&
                         (out->key & PK_MATCH_REPLAYED) == 0 && out->clock_ms <= (uint64_t)INT64_MAX &&
                         out->wall_ms >= 0 && out->state.n > 0;
    return from.is_bad || !is_good ? PK_E_BAD_MSG : PK_OK;
}

int pk_learned_rule(const struct pk_engine *e, const struct pk_learned *row) {
    for (uint32_t i = 0; i < e->rules.count; i++) {
        const struct pk_rule_status *s = &e->status[i];
        if (s->id_hash == row->id_hash) {
            return s->is_enabled && s->definition_hash == row->definition_hash ? (int)i : PK_E_NOT_FOUND;
        }
    }
    return PK_E_NOT_FOUND;
}

/* As the rule has them, one after the other and nothing else. */
static int load_all(struct pk_engine *e, uint32_t slot, struct pk_str state) {
    const struct pk_rule_cond *conds[PK_COND_CONDS_MAX];
    uint8_t numbers[PK_COND_CONDS_MAX];
    const uint32_t count = learning(e->rules.rows[e->windows.slots[slot].rule], conds, numbers);
    struct pk_reader from;
    pk_reader_init(&from, state.p, state.n);
    for (uint32_t i = 0; i < count; i++) {
        const struct pk_cond_at at = pk_cond_at_of(e, slot, conds[i]);
        const uint8_t number = pk_get_u8(&from);
        const uint8_t kind = pk_get_u8(&from);
        if (number != numbers[i] || kind != conds[i]->kind || pk_cond_ops(kind)->load(&at, &from) != PK_OK) {
            return PK_E_BAD_MSG;
        }
    }
    return count > 0 && pk_reader_done(&from) ? PK_OK : PK_E_BAD_MSG;
}

int pk_learned_take(struct pk_engine *e, uint32_t rule_index, const struct pk_learned *row,
                    uint16_t source_id) {
    const struct pk_rule *r = e->rules.rows[rule_index];
    const bool has_source = row->source.n > 0;
    const uint64_t key = has_source ? source_id + 1u : row->key;
    bool is_new = false;
    if (r->is_plain || is_of_source(r, key) != has_source) {
        return PK_E_BAD_MSG;
    }
    if (r->across > 0 && pk_eval_get(e, (uint16_t)rule_index, 0, source_id, &is_new) == PK_WINDOW_NONE) {
        return PK_E_FULL;
    }
    const uint32_t slot = pk_eval_get(e, (uint16_t)rule_index, key, has_source ? source_id : 0u, &is_new);
    if (slot == PK_WINDOW_NONE) {
        return PK_E_FULL;
    }
    if (!is_new) {
        return PK_E_CONFLICT;
    }
    struct pk_window *w = &e->windows.slots[slot];
    w->last_ms = (uint32_t)e->now_ms;
    w->is_learned = true;
    if (w->ring == PK_WINDOW_NONE || load_all(e, slot, row->state) != PK_OK) {
        pk_eval_drop(e, slot, false);
        return PK_E_BAD_MSG;
    }
    return PK_OK;
}
