#include "detect/pk_cond.h"

#include <string.h>

#include "base/pk_assert.h"
#include "detect/pk_cond_quantile.h"
#include "detect/pk_eval.h"
#include "detect/pk_match.h"

_Static_assert((int)PK_COND_STATE_BYTES_MAX == (int)PK_WINDOW_PAGE_TIMES * 4, "the largest block is a page");

static const struct pk_cond_ops *const OPS[PK_COND_KIND_COUNT] = {
    [PK_COND_COUNT] = &PK_COND_COUNT_OPS,
    [PK_COND_VALUE] = &PK_COND_VALUE_OPS,
    [PK_COND_ABSENT] = &PK_COND_ABSENT_OPS,
    [PK_COND_RATE] = &PK_COND_RATE_OPS,
    [PK_COND_RATIO] = &PK_COND_RATIO_OPS,
    [PK_COND_DISTINCT] = &PK_COND_DISTINCT_OPS,
    [PK_COND_CONSECUTIVE] = &PK_COND_CONSECUTIVE_OPS,
    [PK_COND_EXPIRES] = &PK_COND_EXPIRES_OPS,
    [PK_COND_THEN] = &PK_COND_THEN_OPS,
    [PK_COND_WITHOUT] = &PK_COND_WITHOUT_OPS,
    [PK_COND_QUANTILE] = &PK_COND_QUANTILE_OPS,
    [PK_COND_DROP] = &PK_COND_DROP_OPS,
    [PK_COND_RISE] = &PK_COND_RISE_OPS,
    [PK_COND_TREND] = &PK_COND_TREND_OPS,
    [PK_COND_USUAL] = &PK_COND_USUAL_OPS,
    [PK_COND_ANOMALY] = &PK_COND_ANOMALY_OPS,
};

const struct pk_cond_ops *pk_cond_ops(uint8_t kind) {
    PK_ASSERT(kind < PK_COND_KIND_COUNT);
    return OPS[kind];
}

enum pk_cond_kind pk_cond_kind_of(struct pk_str word) {
    for (uint32_t i = 0; i < PK_COND_KIND_COUNT; i++) {
        if (OPS[i] != NULL && OPS[i]->word != NULL && pk_str_eq_nocase(word, OPS[i]->word)) {
            return (enum pk_cond_kind)i;
        }
    }
    return pk_cond_percent_of(word) > 0 ? PK_COND_QUANTILE : PK_COND_NONE;
}

const struct pk_rule_cond *pk_cond_clauses(const struct pk_rule *r, uint32_t *out_count) {
    const bool is_many = r->when.kind == PK_COND_ALL || r->when.kind == PK_COND_ANY;
    *out_count = is_many ? r->clause_count : 1u;
    return is_many ? r->clauses : &r->when;
}

uint8_t pk_cond_traits(const struct pk_rule *r) {
    uint32_t count = 0;
    const struct pk_rule_cond *clauses = pk_cond_clauses(r, &count);
    uint8_t traits = 0;
    for (uint32_t i = 0; i < count; i++) {
        traits |= pk_cond_ops(clauses[i].kind)->traits;
    }
    return traits;
}

static uint32_t lay_out_one(struct pk_rule_cond *c, uint32_t at_words) {
    const uint32_t bytes = pk_cond_ops(c->kind)->state_bytes(c);
    const uint32_t words = (bytes + 7u) / 8u * 2u;
    const bool is_fit = at_words + words <= UINT16_MAX;
    c->state_at = (uint16_t)(is_fit ? at_words : 0u);
    c->state_words = (uint16_t)(is_fit ? words : 0u);
    return at_words + words;
}

bool pk_cond_is_same_inner(const struct pk_rule_cond *a, const struct pk_rule_cond *b) {
    return a->term_count == b->term_count && (a->term_count == 0 || a->term_first == b->term_first);
}

/* The condition before conds[index] in whose state it lives, or NULL. */
static const struct pk_rule_cond *host_of(struct pk_rule_cond *const *conds, uint32_t index) {
    const struct pk_cond_ops *ops = pk_cond_ops(conds[index]->kind);
    for (uint32_t i = 0; i < index && ops->may_share != NULL; i++) {
        if (conds[i]->kind == conds[index]->kind && ops->may_share(conds[i], conds[index])) {
            return conds[i];
        }
    }
    return NULL;
}

uint32_t pk_cond_lay_out(struct pk_rule *r) {
    struct pk_rule_cond *conds[PK_COND_CONDS_MAX];
    const bool is_many = r->when.kind == PK_COND_ALL || r->when.kind == PK_COND_ANY;
    uint32_t count = 0;
    for (uint32_t i = 0; i < (is_many ? r->clause_count : 1u); i++) {
        conds[count++] = is_many ? &r->clauses[i] : &r->when;
    }
    if (pk_cond_ops(r->clear.kind) != NULL) {
        conds[count++] = &r->clear;
    }
    uint32_t at_words = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct pk_rule_cond *host = host_of(conds, i);
        if (host == NULL) {
            at_words = lay_out_one(conds[i], at_words);
        } else {
            conds[i]->state_at = host->state_at;
            conds[i]->state_words = host->state_words;
        }
    }
    return at_words * (uint32_t)sizeof(uint32_t);
}

bool pk_cond_is_guest(const struct pk_rule_cond *const *conds, uint32_t index) {
    for (uint32_t i = 0; i < index; i++) {
        if (conds[i]->kind == conds[index]->kind && conds[i]->state_at == conds[index]->state_at &&
            conds[i]->state_words > 0) {
            return true;
        }
    }
    return false;
}

struct pk_cond_at pk_cond_at_of(const struct pk_engine *e, uint32_t slot, const struct pk_rule_cond *c) {
    const struct pk_window *w = &e->windows.slots[slot];
    PK_ASSERT(w->ring != PK_WINDOW_NONE);
    /* The state is the engine's; forms change it only when they are fed. */
    uint32_t *block = (uint32_t *)(uintptr_t)&e->windows.times[w->ring];
    const bool is_replayed = (w->key & PK_MATCH_REPLAYED) != 0;
    return (struct pk_cond_at){e, e->rules.rows[w->rule], c, block + c->state_at,
                               is_replayed ? 0u : e->ahead_ms};
}

uint32_t pk_cond_all(const struct pk_rule *r, const struct pk_rule_cond *out[PK_COND_CONDS_MAX]) {
    uint32_t count = 0;
    const struct pk_rule_cond *clauses = pk_cond_clauses(r, &count);
    for (uint32_t i = 0; i < count; i++) {
        out[i] = &clauses[i];
    }
    if (pk_cond_ops(r->clear.kind) != NULL) {
        out[count++] = &r->clear;
    }
    return count;
}

void pk_cond_init(struct pk_engine *e, uint32_t slot) {
    const struct pk_rule_cond *conds[PK_COND_CONDS_MAX];
    const uint32_t count = pk_cond_all(e->rules.rows[e->windows.slots[slot].rule], conds);
    for (uint32_t i = 0; i < count; i++) {
        const struct pk_cond_at at = pk_cond_at_of(e, slot, conds[i]);
        const struct pk_cond_ops *ops = pk_cond_ops(conds[i]->kind);
        if (ops->init != NULL && !pk_cond_is_guest(conds, i)) {
            ops->init(&at);
        }
    }
}

void pk_cond_adopt(struct pk_engine *e, uint32_t slot) {
    const struct pk_rule_cond *conds[PK_COND_CONDS_MAX];
    const struct pk_window *w = &e->windows.slots[slot];
    const struct pk_rule *r = e->rules.rows[w->rule];
    const uint32_t count = r->is_plain || w->ring == PK_WINDOW_NONE ? 0u : pk_cond_all(r, conds);
    for (uint32_t i = 0; i < count; i++) {
        const struct pk_cond_at at = pk_cond_at_of(e, slot, conds[i]);
        const struct pk_cond_ops *ops = pk_cond_ops(conds[i]->kind);
        if (ops->adopt != NULL) {
            ops->adopt(&at);
        }
    }
}

/* Whether the condition is fed the event. */
static bool takes(const struct pk_engine *e, const struct pk_rule *r, const struct pk_rule_cond *c,
                  const struct pk_event *event, struct pk_cond_input *in) {
    const uint8_t traits = pk_cond_ops(c->kind)->traits;
    in->is_first = false;
    in->is_second = false;
    if ((traits & PK_COND_NEEDS_VALUE) != 0 && (event->flags & (PK_EVENT_HAS_VALUE | PK_EVENT_FAULT)) == 0) {
        return false;
    }
    in->is_first = pk_match_terms(e, r, c->term_first, c->term_count, event);
    in->is_second = c->then_count > 0 && pk_match_terms(e, r, c->then_first, c->then_count, event);
    return in->is_first || in->is_second || (traits & PK_COND_TAKES_ALL) != 0;
}

/* The window of the event's group. An event that begins nothing gets only one that is there already. */
static uint32_t window_of(struct pk_engine *e, uint16_t rule, const struct pk_rule *r,
                          const struct pk_event *event, bool may_make) {
    uint64_t key = 0;
    bool is_new = false;
    if (r->across > 0) {
        key = event->source_id + 1u;
    } else if (!pk_match_group(e, r, event, &key, NULL)) {
        return PK_WINDOW_NONE;
    }
    if (!may_make) {
        return pk_windows_find(&e->windows, rule, key);
    }
    if (r->across > 0 && pk_eval_get(e, rule, 0, event->source_id, &is_new) == PK_WINDOW_NONE) {
        return PK_WINDOW_NONE;
    }
    const uint32_t slot = pk_eval_get(e, rule, key, event->source_id, &is_new);
    if (slot != PK_WINDOW_NONE && is_new) {
        e->windows.slots[slot].last_ms = (uint32_t)pk_cond_clock(e, event);
    }
    return slot;
}

/* The newest time of the window's clock, after the event. */
static uint64_t newest_ms(const struct pk_window *w, uint64_t time_ms) {
    const int32_t ahead_ms = (int32_t)(w->last_ms - (uint32_t)time_ms);
    return ahead_ms > 0 ? time_ms + (uint32_t)ahead_ms : time_ms;
}

static void note(struct pk_engine *e, uint32_t slot, const struct pk_event *event, bool is_counted) {
    const struct pk_window *w = &e->windows.slots[slot];
    if (w->active == PK_WINDOW_NO_ACTIVE) {
        return;
    }
    struct pk_active *a = &e->active[w->active];
    if ((event->flags & PK_EVENT_HAS_VALUE) != 0) {
        a->has_value = true;
        a->value = event->value;
    }
    a->event_count += is_counted ? 1u : 0u;
    pk_judge_note(e, a, e->rules.rows[w->rule], is_counted ? event : NULL);
}

void pk_cond_feed(struct pk_engine *e, uint16_t rule, const struct pk_event *event) {
    const struct pk_rule *r = e->rules.rows[rule];
    const struct pk_rule_cond *conds[PK_COND_CONDS_MAX];
    struct pk_cond_input inputs[PK_COND_CONDS_MAX];
    const bool is_replayed = (event->flags & PK_EVENT_REPLAYED) != 0;
    if (is_replayed && (r->across > 0 || (pk_cond_traits(r) & PK_COND_IS_OF_TIME) != 0)) {
        return;
    }
    const uint32_t count = pk_cond_all(r, conds);
    uint32_t fed_bits = 0;
    bool may_make = false;
    for (uint32_t i = 0; i < count; i++) {
        const bool is_fed = takes(e, r, conds[i], event, &inputs[i]) && !pk_cond_is_guest(conds, i);
        fed_bits |= is_fed ? 1u << i : 0u;
        may_make = may_make || (conds[i] != &r->clear && inputs[i].is_first);
    }
    const uint32_t slot = fed_bits != 0 ? window_of(e, rule, r, event, may_make) : PK_WINDOW_NONE;
    if (slot == PK_WINDOW_NONE) {
        return;
    }
    struct pk_window *w = &e->windows.slots[slot];
    const uint64_t time_ms = pk_cond_clock(e, event);
    const uint64_t clock_ms = newest_ms(w, time_ms);
    bool is_counted = false;
    for (uint32_t i = 0; i < count; i++) {
        const struct pk_cond_at at = pk_cond_at_of(e, slot, conds[i]);
        inputs[i].event = event;
        inputs[i].time_ms = time_ms;
        inputs[i].now_ms = is_replayed ? clock_ms : e->now_ms;
        const bool speaks = (fed_bits & 1u << i) != 0 && pk_cond_ops(conds[i]->kind)->feed(&at, &inputs[i]);
        is_counted = is_counted || (speaks && conds[i] != &r->clear);
    }
    if (clock_ms == time_ms) {
        pk_windows_touch(&e->windows, slot, (uint32_t)time_ms);
    }
    note(e, slot, event, is_counted);
    const struct pk_judgement j = pk_cond_judge_when(e, slot, is_replayed ? clock_ms : e->now_ms);
    pk_eval_set_verdict(e, slot, j.verdict);
    if (is_replayed) {
        pk_eval_replayed(e, slot, event, (uint32_t)clock_ms, j.verdict == PK_TRUE);
    } else {
        pk_eval_judged(e, slot, is_counted ? event : NULL, j);
    }
}

static enum pk_verdict or_of(enum pk_verdict a, enum pk_verdict b) {
    return (enum pk_verdict)PK_VERDICT_NOT[PK_VERDICT_AND[PK_VERDICT_NOT[a]][PK_VERDICT_NOT[b]]];
}

static struct pk_judgement judge_one(const struct pk_engine *e, uint32_t slot, const struct pk_rule_cond *c,
                                     uint64_t now_ms) {
    const struct pk_cond_at at = pk_cond_at_of(e, slot, c);
    return pk_cond_ops(c->kind)->judge(&at, now_ms);
}

/* `all` stays false as long as one clause is false, `any` true as long as one is true: until the last of them
 * changes. Otherwise the first change of any clause may matter. */
static struct pk_judgement judge_many(const struct pk_engine *e, uint32_t slot, const struct pk_rule *r,
                                      uint64_t now_ms) {
    const bool is_all = r->when.kind == PK_COND_ALL;
    const enum pk_verdict decides = is_all ? PK_FALSE : PK_TRUE;
    enum pk_verdict v = is_all ? PK_TRUE : PK_FALSE;
    uint64_t first_ms = UINT64_MAX;
    uint64_t last_ms = 0;
    for (uint32_t i = 0; i < r->clause_count; i++) {
        const struct pk_judgement j = judge_one(e, slot, &r->clauses[i], now_ms);
        v = is_all ? (enum pk_verdict)PK_VERDICT_AND[v][j.verdict] : or_of(v, j.verdict);
        first_ms = j.until_ms < first_ms ? j.until_ms : first_ms;
        last_ms = j.verdict == decides && j.until_ms > last_ms ? j.until_ms : last_ms;
    }
    return pk_judgement_of(v, now_ms, v == decides ? last_ms : first_ms);
}

struct pk_judgement pk_cond_judge_when(const struct pk_engine *e, uint32_t slot, uint64_t now_ms) {
    const struct pk_rule *r = e->rules.rows[e->windows.slots[slot].rule];
    const bool is_many = r->when.kind == PK_COND_ALL || r->when.kind == PK_COND_ANY;
    return is_many ? judge_many(e, slot, r, now_ms) : judge_one(e, slot, &r->when, now_ms);
}

/* A condition of its own for `clear` is not enough while that of `when` still holds: the two would take turns
 * for ever. */
static struct pk_judgement recovery(struct pk_judgement clear, struct pk_judgement when, uint64_t now_ms) {
    if (when.verdict == PK_TRUE) {
        return pk_judgement_of(PK_FALSE, when.from_ms, when.until_ms);
    }
    clear.from_ms = now_ms;
    clear.until_ms = when.until_ms < clear.until_ms ? when.until_ms : clear.until_ms;
    return clear;
}

struct pk_judgement pk_cond_judge_clear(const struct pk_engine *e, uint32_t slot, uint64_t now_ms) {
    const struct pk_window *w = &e->windows.slots[slot];
    const struct pk_rule *r = e->rules.rows[w->rule];
    struct pk_judgement j = pk_cond_judge_when(e, slot, now_ms);
    if (r->clear.kind == PK_COND_STABLE) {
        j.verdict = (enum pk_verdict)PK_VERDICT_NOT[j.verdict];
    } else {
        j = recovery(judge_one(e, slot, &r->clear, now_ms), j, now_ms);
    }
    return j;
}

enum pk_verdict pk_cond_empty_verdict(const struct pk_rule *r) {
    uint32_t count = 0;
    const struct pk_rule_cond *clauses = pk_cond_clauses(r, &count);
    const bool is_any = r->when.kind == PK_COND_ANY;
    enum pk_verdict v = is_any ? PK_FALSE : PK_TRUE;
    for (uint32_t i = 0; i < count; i++) {
        const bool is_unknown = (pk_cond_ops(clauses[i].kind)->traits & PK_COND_STARTS_UNKNOWN) != 0;
        const enum pk_verdict one = is_unknown ? PK_STALE : PK_FALSE;
        v = is_any ? or_of(v, one) : (enum pk_verdict)PK_VERDICT_AND[v][one];
    }
    return v;
}

uint64_t pk_cond_first_ms(const struct pk_engine *e, uint32_t slot, uint64_t now_ms) {
    const struct pk_rule *r = e->rules.rows[e->windows.slots[slot].rule];
    uint32_t count = 0;
    const struct pk_rule_cond *clauses = pk_cond_clauses(r, &count);
    uint64_t first_ms = now_ms;
    for (uint32_t i = 0; i < count; i++) {
        const struct pk_cond_at at = pk_cond_at_of(e, slot, &clauses[i]);
        const struct pk_cond_ops *ops = pk_cond_ops(clauses[i].kind);
        const struct pk_judgement j = ops->judge(&at, now_ms);
        const uint64_t own_ms = ops->first_ms != NULL ? ops->first_ms(&at, now_ms) : j.from_ms;
        first_ms = j.verdict == PK_TRUE && own_ms < first_ms ? own_ms : first_ms;
    }
    return first_ms;
}

uint32_t pk_cond_memory_ms(const struct pk_rule *r, bool is_learned) {
    const struct pk_rule_cond *conds[PK_COND_CONDS_MAX];
    const uint32_t count = pk_cond_all(r, conds);
    uint32_t memory_ms = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (is_learned && pk_cond_ops(conds[i]->kind)->save != NULL) {
            continue;
        }
        memory_ms = conds[i]->within_ms > memory_ms ? conds[i]->within_ms : memory_ms;
    }
    return memory_ms;
}

bool pk_cond_is_evidence(const struct pk_engine *e, const struct pk_rule *r, const struct pk_event *event) {
    uint32_t count = 0;
    const struct pk_rule_cond *clauses = pk_cond_clauses(r, &count);
    for (uint32_t i = 0; i < count; i++) {
        const struct pk_cond_ops *ops = pk_cond_ops(clauses[i].kind);
        struct pk_cond_input in = {.event = event};
        const bool is_fed = takes(e, r, &clauses[i], event, &in);
        if (is_fed && (ops->is_evidence != NULL ? ops->is_evidence(&clauses[i], &in) : in.is_first)) {
            return true;
        }
    }
    return false;
}

uint64_t pk_cond_stale_ms(const struct pk_rule *r, uint64_t gap_ms) {
    if (r->stale_ms > 0) {
        return r->stale_ms;
    }
    if (gap_ms == 0) {
        return PK_JUDGE_STALE_MS;
    }
    const uint64_t usual_ms = gap_ms * PK_JUDGE_STALE_GAPS;
    return usual_ms > PK_JUDGE_STALE_LEAST_MS ? usual_ms : (uint64_t)PK_JUDGE_STALE_LEAST_MS;
}
