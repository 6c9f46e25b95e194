#include "detect/pk_engine.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "base/pk_zero.h"
#include "detect/pk_cond.h"
#include "detect/pk_eval.h"
#include "detect/pk_expect.h"
#include "detect/pk_feed.h"
#include "detect/pk_judge.h"
#include "detect/pk_match.h"

_Static_assert(PK_ENGINE_LIST_RULES >= 2 * PK_LIMIT_RULES, "a list of every rule fits, and another");

enum {
    SWEEP_SHIFT = 26 /* 18.6 h */,
    SWEEP_OLD = 14 /* of them: 10.9 days, above the longest window */,
    NO_RULE = 0xFFFF
};

void pk_engine_init(struct pk_engine *e, const struct pk_engine_world *world, uint64_t now_ms) {
    pk_zero(e, sizeof *e);
    e->world = *world;
    e->now_ms = now_ms;
    e->swept = (uint32_t)(now_ms >> SWEEP_SHIFT);
    pk_ruleset_init(&e->rules);
    pk_windows_init(&e->windows);
    pk_wheel_init(&e->wheel, e->nodes, PK_LIMIT_KEYS, now_ms);
    pk_match_reset(e);
}

static uint64_t id_hash_of(const struct pk_engine *e, const struct pk_rule *r) {
    const struct pk_str id = pk_ruleset_str(&e->rules, r, r->id);
    return pk_hash64(id.p, id.n);
}

static void drop_windows(struct pk_engine *e, uint16_t rule) {
    for (uint32_t slot = 0; slot < PK_LIMIT_KEYS; slot++) {
        if (pk_windows_is_used(&e->windows, slot) && e->windows.slots[slot].rule == rule) {
            pk_eval_drop(e, slot, false);
        }
    }
}

/* Index of the row with this id among the loaded rules. */
static uint16_t row_with(const struct pk_engine *e, uint64_t id_hash) {
    for (uint32_t i = 0; i < e->rules.count; i++) {
        if (id_hash_of(e, e->rules.rows[i]) == id_hash) {
            return (uint16_t)i;
        }
    }
    return NO_RULE;
}

/* A firing group without a window, until it has one under the new rules. */
static void detach(struct pk_engine *e) {
    for (uint32_t i = 0; i < PK_ENGINE_ACTIVE; i++) {
        struct pk_active *a = &e->active[i];
        if (!a->is_used || a->is_replayed) {
            continue;
        }
        struct pk_window *w = &e->windows.slots[a->slot];
        const struct pk_active kept = *a;
        const uint16_t rule = w->rule;
        if (e->status[rule].definition_hash != 0) {
            continue;
        }
        pk_eval_drop(e, kept.slot, false);
        *a = kept;
        a->rule = rule;
        a->slot = PK_WINDOW_NONE;
    }
}

static void attach(struct pk_engine *e, uint32_t index, uint16_t rule) {
    struct pk_active *a = &e->active[index];
    const struct pk_active kept = *a;
    uint64_t key = 0;
    bool is_new = false;
    a->is_used = false;
    if (rule == NO_RULE || !e->status[rule].is_enabled ||
        pk_match_key(e, e->rules.rows[rule], pk_str_of(kept.group_key), &key) != PK_OK) {
        return;
    }
    const uint16_t source_id = e->rules.rows[rule]->group == PK_GROUP_SOURCE ? (uint16_t)(key - 1u) : 0u;
    const uint32_t slot = pk_eval_get(e, rule, key, source_id, &is_new);
    if (slot == PK_WINDOW_NONE || e->windows.slots[slot].active != PK_WINDOW_NO_ACTIVE ||
        !pk_eval_activate(e, slot)) {
        return;
    }
    struct pk_active *now = &e->active[e->windows.slots[slot].active];
    *now = kept;
    now->slot = slot;
    now->seen_bits = 0; /* of the clauses of the old text */
    e->windows.slots[slot].state = PK_WIN_FIRING;
    e->windows.slots[slot].last_ms = (uint32_t)e->now_ms;
    if (is_new) {
        now->adopted_ms = e->now_ms;
        pk_cond_adopt(e, slot);
    }
}

/* Puts each row's results where its rule now is; rows of removed rules were zeroed before, so a free one is
 * always at hand. */
static void sort_status(struct pk_engine *e) {
    for (uint32_t i = 0; i < e->rules.count; i++) {
        const uint64_t want = id_hash_of(e, e->rules.rows[i]);
        uint32_t from = i;
        while (from < PK_LIMIT_RULES && e->status[from].id_hash != want) {
            from++;
        }
        for (uint32_t j = i; from == PK_LIMIT_RULES && j < PK_LIMIT_RULES; j++) {
            from = e->status[j].id_hash == 0 ? j : from;
        }
        PK_ASSERT(from < PK_LIMIT_RULES);
        const struct pk_rule_status moved = e->status[from];
        e->status[from] = e->status[i];
        e->status[i] = moved;
        e->status[i].id_hash = want;
        e->status[i].definition_hash = e->rules.rows[i]->window_hash;
        e->status[i].is_enabled = pk_ruleset_is_enabled(&e->rules, i);
    }
}

static void renumber_findings(struct pk_engine *e, const uint16_t *new_index) {
    const uint32_t count = e->finding_count;
    e->finding_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct pk_finding *f = &e->findings[(e->finding_head + i) % PK_ENGINE_FINDINGS];
        const uint16_t rule = new_index[f->rule_index];
        if (rule == NO_RULE) {
            continue;
        }
        f->rule_index = rule;
        struct pk_finding *to = &e->findings[(e->finding_head + e->finding_count) % PK_ENGINE_FINDINGS];
        if (to != f) {
            *to = *f;
        }
        e->finding_count++;
    }
}

/* Old rows whose rule is gone or has another text lose their windows; definition_hash 0 marks them meanwhile.
 */
static void mark_changed(struct pk_engine *e, uint32_t old_count, uint16_t *new_index) {
    for (uint32_t i = 0; i < PK_LIMIT_RULES; i++) {
        new_index[i] = i < old_count ? row_with(e, e->status[i].id_hash) : (uint16_t)NO_RULE;
        const bool is_kept = new_index[i] != NO_RULE &&
                             e->rules.rows[new_index[i]]->window_hash == e->status[i].definition_hash;
        e->status[i].definition_hash = is_kept ? e->status[i].definition_hash : 0;
    }
}

static void drop_changed(struct pk_engine *e) {
    detach(e);
    for (uint32_t slot = 0; slot < PK_LIMIT_KEYS; slot++) {
        if (pk_windows_is_used(&e->windows, slot) &&
            e->status[e->windows.slots[slot].rule].definition_hash == 0) {
            pk_eval_drop(e, slot, false);
        }
    }
}

/* The rows changed: what was known of each rule goes to where its rule now is. */
static void relink(struct pk_engine *e, uint32_t old_count, uint64_t now_ms) {
    uint16_t new_index[PK_LIMIT_RULES];
    e->now_ms = now_ms > e->now_ms ? now_ms : e->now_ms;
    mark_changed(e, old_count, new_index);
    drop_changed(e);
    for (uint32_t i = 0; i < old_count; i++) {
        if (new_index[i] == NO_RULE) {
            memset(&e->status[i], 0, sizeof e->status[i]);
        }
    }
    sort_status(e);
    pk_windows_renumber(&e->windows, new_index);
    renumber_findings(e, new_index);
    pk_match_reset(e);
    for (uint32_t i = 0; i < PK_ENGINE_ACTIVE; i++) {
        if (e->active[i].is_used && e->active[i].slot == PK_WINDOW_NONE) {
            attach(e, i, new_index[e->active[i].rule]);
        }
    }
    for (uint32_t i = 0; i < e->rules.count; i++) {
        if (!e->status[i].is_enabled) {
            drop_windows(e, (uint16_t)i);
        }
    }
    pk_expect_begin_all(e);
}

int pk_engine_load(struct pk_engine *e, const struct pk_rule_book *shipped, const struct pk_rule_file *files,
                   uint32_t file_count, uint64_t now_ms, struct pk_diag *out_diag) {
    const uint32_t old_count = e->rules.count;
    const int err = pk_ruleset_load(&e->rules, shipped, files, file_count, out_diag);
    if (err == PK_OK) {
        relink(e, old_count, now_ms);
    }
    return err;
}

int pk_engine_set_stored(struct pk_engine *e, struct pk_str text, uint64_t now_ms, struct pk_diag *out_diag) {
    const uint32_t old_count = e->rules.count;
    const int err = pk_ruleset_set_stored(&e->rules, text, out_diag);
    relink(e, old_count, now_ms); /* switches may have been read before */
    return err;
}

int pk_engine_put_rule(struct pk_engine *e, const char *name, struct pk_str text, uint64_t now_ms,
                       struct pk_rule_put *out_put, struct pk_diag *out_diag) {
    const uint32_t old_count = e->rules.count;
    const int err = pk_ruleset_put(&e->rules, name, text, out_put, out_diag);
    if (err == PK_OK) {
        relink(e, old_count, now_ms);
    }
    return err;
}

int pk_engine_remove_rule(struct pk_engine *e, struct pk_str id, uint64_t now_ms, struct pk_diag *out_diag) {
    const uint32_t old_count = e->rules.count;
    const int err = pk_ruleset_remove(&e->rules, id, out_diag);
    if (err == PK_OK) {
        pk_ruleset_forget_switch(&e->rules, id);
        relink(e, old_count, now_ms);
    }
    return err;
}

int pk_engine_enable(struct pk_engine *e, uint32_t rule_index, bool is_enabled, uint64_t now_ms) {
    if (rule_index >= e->rules.count) {
        return PK_E_NOT_FOUND;
    }
    const struct pk_rule *r = e->rules.rows[rule_index];
    const int err = pk_ruleset_switch(&e->rules, pk_ruleset_str(&e->rules, r, r->id), is_enabled);
    if (err != PK_OK) {
        return err;
    }
    e->now_ms = now_ms > e->now_ms ? now_ms : e->now_ms;
    e->status[rule_index].is_enabled = is_enabled;
    pk_match_reset(e);
    if (!is_enabled) {
        drop_windows(e, (uint16_t)rule_index);
    }
    pk_expect_begin_all(e);
    return PK_OK;
}

/* The group of an across rule is there as long as any of its sources: it counts those that hold. */
static bool has_sources(const struct pk_engine *e, const struct pk_window *w) {
    const bool is_of_all = (w->key & ~PK_MATCH_REPLAYED) == 0 && e->rules.rows[w->rule]->across > 0;
    return is_of_all && e->windows.rows.keys[w->rule] > 1;
}

/* Whether a window says nothing any more that a new one would not. */
static bool is_forgettable(const struct pk_engine *e, uint32_t slot) {
    const struct pk_window *w = &e->windows.slots[slot];
    return w->active == PK_WINDOW_NO_ACTIVE && w->state == PK_WIN_IDLE && w->held == 0 &&
           !pk_wheel_is_armed(&e->wheel, slot) && !has_sources(e, w);
}

/* Times are 32 bits: what would soon be too old to compare is forgotten, or kept at the age that is long
 * enough for every rule. */
static void sweep(struct pk_engine *e) {
    const uint32_t old_ms = (uint32_t)SWEEP_OLD << SWEEP_SHIFT;
    for (uint32_t slot = 0; slot < PK_LIMIT_KEYS; slot++) {
        struct pk_window *w = &e->windows.slots[slot];
        const bool is_live = pk_windows_is_used(&e->windows, slot) && (w->key & PK_MATCH_REPLAYED) == 0;
        if (!is_live || (uint32_t)e->now_ms - w->last_ms <= old_ms) {
            continue;
        }
        if (is_forgettable(e, slot)) {
            pk_eval_drop(e, slot, false);
            continue;
        }
        w->last_ms = (uint32_t)e->now_ms - old_ms;
        pk_windows_clear_times(&e->windows, slot); /* blocks of other rules hold full times */
    }
}

void pk_engine_tick(struct pk_engine *e, uint64_t now_ms) {
    e->now_ms = now_ms > e->now_ms ? now_ms : e->now_ms;
    /* Also where no group more can fire until what is waiting was read, and maybe put off. */
    while (e->finding_count < PK_ENGINE_FINDINGS &&
           (e->active_count < PK_ENGINE_ACTIVE || e->finding_count == 0)) {
        const uint32_t slot = pk_wheel_advance(&e->wheel, e->now_ms);
        if (slot == PK_WHEEL_NONE) {
            break;
        }
        pk_eval_timer(e, slot);
    }
    if (e->swept != (uint32_t)(e->now_ms >> SWEEP_SHIFT)) {
        e->swept = (uint32_t)(e->now_ms >> SWEEP_SHIFT);
        sweep(e);
    }
}

void pk_engine_event(struct pk_engine *e, const struct pk_event *event, uint64_t now_ms) {
    if (now_ms > e->now_ms) {
        pk_engine_tick(e, now_ms);
    }
    /* A fire drill stirs no rule but its own: what another one makes of real events must not become a drill.
     * And its own hears nothing else: an event of that type that anybody may send is no drill, and must not
     * hold it. */
    const bool is_drill = (event->flags & PK_EVENT_DRILL) != 0;
    struct pk_match_list list;
    e->event_count++;
    pk_match_find(e, event, &list);
    for (uint32_t i = 0; i < list.count; i++) {
        const struct pk_rule *r = e->rules.rows[list.rules[i]];
        if (r->is_drill == is_drill && (!list.must_check_source || pk_match_source(e, r, event->source_id)) &&
            (!r->is_dynamic || pk_match_terms(e, r, 0, r->on_count, event))) {
            e->match_count++;
            pk_feed_rule(e, list.rules[i], event);
        }
    }
}

void pk_engine_set_ahead(struct pk_engine *e, uint64_t ahead_ms) {
    e->ahead_ms = ahead_ms > e->ahead_ms ? ahead_ms : e->ahead_ms;
}

uint64_t pk_engine_next_ms(const struct pk_engine *e) {
    return e->finding_count >= PK_ENGINE_FINDINGS ? e->now_ms : pk_wheel_next_ms(&e->wheel);
}

bool pk_engine_next_finding(struct pk_engine *e, struct pk_finding *out) {
    if (e->finding_count == 0) {
        return false;
    }
    *out = e->findings[e->finding_head];
    e->finding_head = (e->finding_head + 1u) % PK_ENGINE_FINDINGS;
    e->finding_count--;
    return true;
}

int pk_engine_adopt(struct pk_engine *e, uint32_t rule_index, struct pk_str group_key,
                    enum pk_severity severity, uint64_t lasted_ms, uint64_t now_ms) {
    e->now_ms = now_ms > e->now_ms ? now_ms : e->now_ms;
    uint64_t key = 0;
    bool is_new = false;
    if (rule_index >= e->rules.count || !e->status[rule_index].is_enabled ||
        pk_match_key(e, e->rules.rows[rule_index], group_key, &key) != PK_OK) {
        return PK_E_NOT_FOUND;
    }
    const struct pk_rule *r = e->rules.rows[rule_index];
    const uint16_t source_id = r->group == PK_GROUP_SOURCE ? (uint16_t)(key - 1u) : 0u;
    const uint32_t slot = pk_eval_get(e, (uint16_t)rule_index, key, source_id, &is_new);
    if (slot == PK_WINDOW_NONE) {
        return PK_E_FULL;
    }
    struct pk_window *w = &e->windows.slots[slot];
    if (w->active != PK_WINDOW_NO_ACTIVE) {
        return PK_OK;
    }
    if (w->state != PK_WIN_IDLE || !pk_eval_activate(e, slot)) {
        return PK_E_FULL;
    }
    struct pk_active *a = &e->active[w->active];
    a->fired_ms = e->now_ms;
    a->first_ms = e->now_ms;
    a->told_ms = e->now_ms;
    a->lasted_ms = lasted_ms;
    a->adopted_ms = e->now_ms;
    a->severity = (uint8_t)severity;
    (void)pk_str_copy_cut(group_key, a->group_key, sizeof a->group_key);
    w->last_ms = is_new ? (uint32_t)e->now_ms : w->last_ms;
    w->state = PK_WIN_FIRING;
    if (is_new) {
        pk_cond_adopt(e, slot);
    }
    pk_eval_window(e, slot, NULL);
    return PK_OK;
}

/* It holds still, and there was no room for what the rule fired. */
static bool is_put_off(const struct pk_engine *e, uint16_t rule, struct pk_str source) {
    uint64_t key = 0;
    if (e->rules.rows[rule]->group != PK_GROUP_SOURCE ||
        pk_match_key(e, e->rules.rows[rule], source, &key) != PK_OK) {
        return false;
    }
    const uint32_t slot = pk_windows_find(&e->windows, rule, key);
    return slot != PK_WINDOW_NONE && e->windows.slots[slot].put_off_count > 0 &&
           pk_judge_when(e, slot, e->now_ms).verdict == PK_TRUE;
}

bool pk_engine_is_silent(const struct pk_engine *e, struct pk_str source) {
    for (uint32_t i = 0; i < PK_ENGINE_ACTIVE; i++) {
        const struct pk_active *a = &e->active[i];
        if (!a->is_used) {
            continue;
        }
        const struct pk_rule *r = e->rules.rows[e->windows.slots[a->slot].rule];
        if (r->when.kind == PK_COND_ABSENT && pk_str_eq(pk_str_of(a->group_key), source)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < e->rules.count; i++) {
        if (e->rules.rows[i]->when.kind == PK_COND_ABSENT && is_put_off(e, (uint16_t)i, source)) {
            return true;
        }
    }
    return false;
}

static uint32_t firing_slot(const struct pk_engine *e, uint32_t rule_index, struct pk_str group_key) {
    for (uint32_t i = 0; i < PK_ENGINE_ACTIVE; i++) {
        const struct pk_active *a = &e->active[i];
        if (!a->is_used || e->windows.slots[a->slot].rule != rule_index ||
            !pk_str_eq(pk_str_of(a->group_key), group_key)) {
            continue;
        }
        return a->slot;
    }
    return PK_WINDOW_NONE;
}

/* Idle again without a finding, and judged so long after. */
static void leave(struct pk_engine *e, uint32_t slot, uint64_t wait_ms, uint64_t now_ms) {
    e->now_ms = now_ms > e->now_ms ? now_ms : e->now_ms;
    pk_eval_deactivate(e, slot, PK_WIN_COOLING);
    e->windows.slots[slot].since_ms = (uint32_t)(e->now_ms + wait_ms);
    pk_wheel_arm(&e->wheel, slot, e->now_ms + wait_ms);
}

int pk_engine_release(struct pk_engine *e, uint32_t rule_index, struct pk_str group_key, uint64_t now_ms) {
    const struct pk_rule *r = pk_engine_rule(e, rule_index);
    const uint32_t slot = firing_slot(e, rule_index, group_key);
    if (r == NULL || slot == PK_WINDOW_NONE) {
        return PK_E_NOT_FOUND;
    }
    e->windows.slots[slot].put_off_count = 0;
    leave(e, slot, r->cooldown_ms > r->repeat_ms ? r->cooldown_ms : r->repeat_ms, now_ms);
    return PK_OK;
}

int pk_engine_put_off(struct pk_engine *e, uint32_t rule_index, struct pk_str group_key, uint64_t now_ms) {
    enum { FIRST_MS = 1000, LAST_MS = 300000, DOUBLED = 9, DOUBLED_RAISABLE = 4 };
    const uint32_t slot = firing_slot(e, rule_index, group_key);
    if (slot == PK_WINDOW_NONE) {
        return PK_E_NOT_FOUND;
    }
    struct pk_window *w = &e->windows.slots[slot];
    const uint32_t most = e->rules.rows[w->rule]->raise_count > 0 ? DOUBLED_RAISABLE : DOUBLED;
    const uint32_t doubled = w->put_off_count < most ? w->put_off_count : most;
    const uint32_t wait_ms = (uint32_t)FIRST_MS << doubled;
    const uint8_t severity = e->active[w->active].severity;
    const bool is_worst = w->put_off_count == 0 || severity > w->put_off_severity;
    w->put_off_severity = is_worst ? severity : w->put_off_severity;
    w->put_off_count = (uint8_t)(doubled + 1u);
    leave(e, slot, wait_ms < LAST_MS ? wait_ms : (uint32_t)LAST_MS, now_ms);
    return PK_OK;
}

uint32_t pk_engine_rule_count(const struct pk_engine *e) {
    return e->rules.count;
}

const struct pk_rule *pk_engine_rule(const struct pk_engine *e, uint32_t rule_index) {
    return rule_index < e->rules.count ? e->rules.rows[rule_index] : NULL;
}

const struct pk_rule_status *pk_engine_rule_status(const struct pk_engine *e, uint32_t rule_index) {
    return rule_index < e->rules.count ? &e->status[rule_index] : NULL;
}

struct pk_str pk_engine_str(const struct pk_engine *e, const struct pk_rule *r, struct pk_rule_ref ref) {
    return pk_ruleset_str(&e->rules, r, ref);
}

int pk_engine_find_rule(const struct pk_engine *e, struct pk_str id) {
    return pk_ruleset_find(&e->rules, id);
}

uint32_t pk_engine_rule_bytes(const struct pk_engine *e, uint32_t rule_index) {
    if (rule_index >= e->rules.count) {
        return 0;
    }
    const uint32_t one =
        (uint32_t)(sizeof(struct pk_window) + sizeof(struct pk_wheel_node) + sizeof(uint32_t));
    return e->windows.rows.keys[rule_index] * one + e->windows.rows.block_bytes[rule_index];
}
