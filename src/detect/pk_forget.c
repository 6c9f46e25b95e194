#include "detect/pk_forget.h"

#include "base/pk_bitset.h"
#include "detect/pk_eval.h"
#include "detect/pk_match.h"

/* The window counts for one source: its group is the source, or it is a source's own under an across rule.
 * The one of all sources there only names the source that was first. */
static bool is_of_source(const struct pk_engine *e, const struct pk_window *w) {
    const struct pk_rule *r = e->rules.rows[w->rule];
    const bool is_of_all = r->across > 0 && (w->key & ~PK_MATCH_REPLAYED) == 0;
    return (r->group == PK_GROUP_SOURCE || r->across > 0) && !is_of_all;
}

static bool is_meant(const struct pk_engine *e, uint32_t slot, const uint64_t *bits) {
    const struct pk_window *w = &e->windows.slots[slot];
    return pk_windows_is_used(&e->windows, slot) && is_of_source(e, w) &&
           pk_bitset_has(bits, PK_LIMIT_SOURCES, w->source_id);
}

/* The group of its across rule fires: it ends when enough sources say so, and this is one of them. */
static bool is_of_firing(const struct pk_engine *e, const struct pk_window *w) {
    if (e->rules.rows[w->rule]->across == 0) {
        return false;
    }
    const uint32_t all = pk_windows_find(&e->windows, w->rule, w->key & PK_MATCH_REPLAYED);
    return all != PK_WINDOW_NONE && e->windows.slots[all].active != PK_WINDOW_NO_ACTIVE;
}

/* An armed timer: time alone may make it fire, as a silence does. Strangers cannot put an end to that. */
static bool is_awaited(const struct pk_engine *e, uint32_t slot) {
    const struct pk_window *w = &e->windows.slots[slot];
    return w->state != PK_WIN_IDLE || w->active != PK_WINDOW_NO_ACTIVE ||
           pk_wheel_is_armed(&e->wheel, slot) || is_of_firing(e, w);
}

void pk_engine_forget_sources(struct pk_engine *e, uint64_t *bits) {
    for (uint32_t slot = 0; slot < PK_LIMIT_KEYS; slot++) {
        if (is_meant(e, slot, bits) && is_awaited(e, slot)) {
            pk_bitset_clear(bits, PK_LIMIT_SOURCES, e->windows.slots[slot].source_id);
        }
    }
    for (uint32_t slot = 0; slot < PK_LIMIT_KEYS; slot++) {
        if (is_meant(e, slot, bits)) {
            pk_eval_drop(e, slot, true);
        }
    }
    for (uint32_t id = 0; id < PK_LIMIT_SOURCES; id++) {
        if (pk_bitset_has(bits, PK_LIMIT_SOURCES, id)) {
            e->source_class[id] = PK_ENGINE_NO_CLASS;
        }
    }
}
