#include "detect/pk_judge.h"

#include "base/pk_assert.h"
#include "detect/pk_cond.h"
#include "detect/pk_cond_quantile.h"
#include "detect/pk_match.h"

enum { RATIO_BUCKETS = 4, RATIO_COUNT_MAX = 0xFFFF };

uint64_t pk_judge_full_ms(uint64_t now_ms, uint32_t ms) {
    const uint32_t age_ms = (uint32_t)now_ms - ms;
    return age_ms <= now_ms ? now_ms - age_ms : 0u;
}

bool pk_judge_is_child(const struct pk_rule *r, const struct pk_window *w) {
    return r->across > 0 && (w->key & ~PK_MATCH_REPLAYED) != 0;
}

static const struct pk_rule *rule_of(const struct pk_engine *e, uint32_t slot) {
    return e->rules.rows[e->windows.slots[slot].rule];
}

static struct pk_judgement judgement(enum pk_verdict v, uint64_t from_ms, uint64_t until_ms) {
    return (struct pk_judgement){v, from_ms, until_ms};
}

uint64_t pk_judge_stale_ms(const struct pk_rule *r, const struct pk_window *w) {
    if (r->stale_ms > 0) {
        return r->stale_ms;
    }
    if (w->gap_ms == 0) {
        return PK_JUDGE_STALE_MS;
    }
    const uint64_t usual_ms = (uint64_t)w->gap_ms * PK_JUDGE_STALE_GAPS;
    return usual_ms > PK_JUDGE_STALE_LEAST_MS ? usual_ms : PK_JUDGE_STALE_LEAST_MS;
}

uint64_t pk_judge_deadline_ms(const struct pk_rule *r, const struct pk_window *w, uint64_t now_ms) {
    const uint64_t last_ms = pk_judge_full_ms(now_ms, w->last_ms);
    const bool is_promised = r->when.promised_factor > 0 && w->gap_ms > 0;
    return last_ms + (is_promised ? (uint64_t)w->gap_ms * r->when.promised_factor : r->when.for_ms);
}

/* When the last sample stops to count; <= now means it has. */
static uint64_t fresh_until_ms(const struct pk_rule *r, const struct pk_window *w, uint64_t now_ms) {
    return pk_judge_full_ms(now_ms, w->last_ms) + pk_judge_stale_ms(r, w);
}

uint32_t pk_judge_sources(const struct pk_engine *e, uint16_t rule, uint64_t replay_bit, uint32_t now_ms,
                          uint32_t within_ms, uint32_t *out_first_left_ms) {
    uint32_t count = 0;
    uint32_t oldest_age_ms = 0;
    for (uint32_t s = e->windows.rows.newest[rule]; s != PK_WINDOW_NONE; s = e->windows.slots[s].older) {
        const struct pk_window *w = &e->windows.slots[s];
        const uint32_t age_ms = now_ms - w->last_ms;
        if ((w->key & PK_MATCH_REPLAYED) != replay_bit || (w->key & ~PK_MATCH_REPLAYED) == 0 ||
            age_ms >= within_ms) {
            continue;
        }
        count++;
        oldest_age_ms = age_ms > oldest_age_ms ? age_ms : oldest_age_ms;
    }
    *out_first_left_ms = within_ms - oldest_age_ms;
    return count;
}

/* At least `count` times in the window. */
static struct pk_judgement count_holds(const struct pk_engine *e, uint32_t slot, uint32_t count,
                                       uint32_t within_ms, uint64_t now_ms) {
    const uint32_t cap = rule_of(e, slot)->ring_cap;
    uint32_t time_ms = 0;
    if (!pk_windows_nth(&e->windows, slot, cap, count, &time_ms)) {
        return judgement(PK_FALSE, now_ms, UINT64_MAX);
    }
    const uint64_t ends_ms = pk_judge_full_ms(now_ms, time_ms) + within_ms;
    if (ends_ms > now_ms) {
        return judgement(PK_TRUE, now_ms, ends_ms);
    }
    return judgement(PK_FALSE, ends_ms, UINT64_MAX);
}

static struct pk_judgement when_count(const struct pk_engine *e, uint32_t slot, uint64_t now_ms) {
    const struct pk_rule *r = rule_of(e, slot);
    struct pk_judgement j = count_holds(e, slot, r->when.count, r->when.within_ms, now_ms);
    if (j.verdict != PK_TRUE || r->across == 0) {
        return j;
    }
    uint32_t left_ms = 0;
    const uint32_t sources =
        pk_judge_sources(e, e->windows.slots[slot].rule, 0, (uint32_t)now_ms, r->when.within_ms, &left_ms);
    if (sources < r->across) {
        return judgement(PK_FALSE, now_ms, UINT64_MAX);
    }
    j.until_ms = now_ms + left_ms < j.until_ms ? now_ms + left_ms : j.until_ms;
    return j;
}

static struct pk_judgement when_value(const struct pk_engine *e, uint32_t slot, uint64_t now_ms) {
    const struct pk_window *w = &e->windows.slots[slot];
    const struct pk_rule *r = rule_of(e, slot);
    const uint64_t until_ms = fresh_until_ms(r, w, now_ms);
    if (w->verdict == PK_STALE || until_ms <= now_ms) {
        return judgement(PK_STALE, now_ms, UINT64_MAX);
    }
    const bool is_run_short = w->verdict == PK_TRUE && w->run < r->consecutive;
    const enum pk_verdict v = is_run_short ? PK_FALSE : (enum pk_verdict)w->verdict;
    return judgement(v, pk_judge_full_ms(now_ms, w->last_ms), until_ms);
}

static struct pk_judgement when_absent(const struct pk_engine *e, uint32_t slot, uint64_t now_ms) {
    const struct pk_window *w = &e->windows.slots[slot];
    if (w->verdict == PK_STALE) {
        return judgement(PK_STALE, now_ms, UINT64_MAX); /* not seen since the start */
    }
    const uint64_t deadline_ms = pk_judge_deadline_ms(rule_of(e, slot), w, now_ms);
    if (deadline_ms <= now_ms) {
        return judgement(PK_TRUE, deadline_ms, UINT64_MAX);
    }
    return judgement(PK_FALSE, pk_judge_full_ms(now_ms, w->last_ms), deadline_ms);
}

/* The group of an across rule whose sources are judged one by one. */
static struct pk_judgement when_held(const struct pk_engine *e, uint32_t slot, uint64_t now_ms) {
    const struct pk_window *w = &e->windows.slots[slot];
    const struct pk_rule *r = rule_of(e, slot);
    const uint32_t known = e->windows.rows.keys[w->rule] - 1u;
    if (w->held >= r->across) {
        return judgement(PK_TRUE, now_ms, UINT64_MAX);
    }
    return judgement(known < r->across ? PK_STALE : PK_FALSE, now_ms, UINT64_MAX);
}

struct pk_judgement pk_judge_when(const struct pk_engine *e, uint32_t slot, uint64_t now_ms) {
    const struct pk_window *w = &e->windows.slots[slot];
    const struct pk_rule *r = rule_of(e, slot);
    if (r->is_plain && r->when.kind == PK_COND_COUNT) {
        return when_count(e, slot, now_ms);
    }
    if (r->across > 0 && !pk_judge_is_child(r, w)) {
        return when_held(e, slot, now_ms);
    }
    if (!r->is_plain) {
        return pk_cond_judge_when(e, slot, now_ms);
    }
    return r->when.kind == PK_COND_VALUE ? when_value(e, slot, now_ms) : when_absent(e, slot, now_ms);
}

/* The condition does not hold, and that is known. */
static struct pk_judgement clear_stable(const struct pk_engine *e, uint32_t slot, uint64_t now_ms) {
    struct pk_judgement j = pk_judge_when(e, slot, now_ms);
    j.verdict = (enum pk_verdict)PK_VERDICT_NOT[j.verdict];
    return j;
}

static struct pk_judgement clear_value(const struct pk_engine *e, uint32_t slot, uint64_t now_ms) {
    const struct pk_window *w = &e->windows.slots[slot];
    const struct pk_rule *r = rule_of(e, slot);
    PK_ASSERT(w->active < PK_ENGINE_ACTIVE);
    const struct pk_active *a = &e->active[w->active];
    const uint64_t until_ms = fresh_until_ms(r, w, now_ms);
    enum pk_verdict v = PK_STALE;
    if (w->verdict == PK_FAULT) {
        v = PK_FAULT;
    } else if (a->has_value) {
        v = pk_cmp_doubles(a->value, (enum pk_cmp)r->clear.cmp, r->clear.value) ? PK_TRUE : PK_FALSE;
    }
    v = (enum pk_verdict)PK_VERDICT_AND[v][until_ms <= now_ms ? PK_STALE : PK_TRUE];
    return judgement(v, pk_judge_full_ms(now_ms, w->last_ms), until_ms > now_ms ? until_ms : UINT64_MAX);
}

/* What the condition of `clear` says of what is known. */
static struct pk_judgement clear_known(const struct pk_engine *e, uint32_t slot, uint64_t now_ms) {
    const struct pk_rule *r = rule_of(e, slot);
    const bool is_group_of_sources = r->across > 0 && !pk_judge_is_child(r, &e->windows.slots[slot]);
    if (!r->is_plain && !is_group_of_sources) {
        return pk_cond_judge_clear(e, slot, now_ms);
    }
    if (r->clear.kind == PK_COND_VALUE) {
        return clear_value(e, slot, now_ms);
    }
    if (r->clear.kind == PK_COND_COUNT) {
        struct pk_judgement j = count_holds(e, slot, r->clear.count, r->clear.within_ms, now_ms);
        j.verdict = (enum pk_verdict)PK_VERDICT_NOT[j.verdict];
        return j;
    }
    return clear_stable(e, slot, now_ms);
}

/* The longest time back that counts. The group of an across rule hears of a source only when that held for
 * long enough. */
static uint64_t memory_ms(const struct pk_engine *e, uint32_t slot) {
    const struct pk_rule *r = rule_of(e, slot);
    const bool is_of_sources = r->across > 0 && r->when.kind != PK_COND_ABSENT;
    return (uint64_t)pk_cond_memory_ms(r, e->windows.slots[slot].is_learned) +
           (is_of_sources ? r->when.for_ms : 0u);
}

/* A gauge that is where it was, and was not yet seen often enough to fire by it. */
static bool is_run_unknown(const struct pk_engine *e, uint32_t slot) {
    const struct pk_rule *r = rule_of(e, slot);
    return r->is_plain && r->when.kind == PK_COND_VALUE && r->clear.kind == PK_COND_STABLE &&
           e->windows.slots[slot].verdict == PK_TRUE;
}

/* Of a group that was adopted, what was seen before is lost: that nothing is wrong is known only once
 * everything the rule looks back at came after it. */
struct pk_judgement pk_judge_clear(const struct pk_engine *e, uint32_t slot, uint64_t now_ms) {
    const struct pk_window *w = &e->windows.slots[slot];
    if (rule_of(e, slot)->clear.kind == PK_COND_NEVER) {
        return judgement(PK_FALSE, now_ms, UINT64_MAX);
    }
    struct pk_judgement j = clear_known(e, slot, now_ms);
    const uint64_t adopted_ms = w->active < PK_ENGINE_ACTIVE ? e->active[w->active].adopted_ms : 0u;
    if (j.verdict != PK_TRUE || adopted_ms == 0) {
        return j;
    }
    const uint64_t known_ms = adopted_ms + memory_ms(e, slot);
    if (now_ms < known_ms || is_run_unknown(e, slot)) {
        return judgement(PK_STALE, now_ms,
                         now_ms < known_ms && known_ms < j.until_ms ? known_ms : j.until_ms);
    }
    j.from_ms = j.from_ms > known_ms ? j.from_ms : known_ms;
    return j;
}

static uint32_t ratio_at(const struct pk_windows *w, uint32_t slot) {
    const struct pk_window *s = &w->slots[slot];
    return s->ring + PK_WINDOW_CLASS_TIMES[s->ring_class] - PK_RULE_RATIO_TIMES;
}

/* Of full times: the number of 32-bit ones would jump when they wrap. */
static uint32_t bucket_number(uint32_t within_ms, uint64_t time_ms) {
    const uint32_t width_ms = within_ms / RATIO_BUCKETS;
    return (uint32_t)(time_ms / (width_ms > 0 ? width_ms : 1u));
}

/* Words 0..3: counted << 16 | all of a bucket; word 4: number of the newest bucket. */
void pk_judge_ratio_add(struct pk_windows *w, uint32_t slot, uint32_t within_ms, uint64_t time_ms,
                        bool is_counted) {
    uint32_t *block = &w->times[ratio_at(w, slot)];
    const uint32_t number = bucket_number(within_ms, time_ms);
    const int32_t ahead = (int32_t)(number - block[RATIO_BUCKETS]);
    if (ahead <= -RATIO_BUCKETS && (block[0] | block[1] | block[2] | block[3]) != 0) {
        return; /* late, and out of the window */
    }
    if (ahead <= -RATIO_BUCKETS) {
        block[RATIO_BUCKETS] = number; /* nothing is counted yet: the numbers begin here */
    }
    for (int32_t i = 0; i < ahead && i < RATIO_BUCKETS; i++) {
        block[(number - (uint32_t)i) % RATIO_BUCKETS] = 0;
    }
    block[RATIO_BUCKETS] = ahead > 0 ? number : block[RATIO_BUCKETS];
    uint32_t *bucket = &block[number % RATIO_BUCKETS];
    if ((*bucket & RATIO_COUNT_MAX) == RATIO_COUNT_MAX) {
        return; /* a full bucket keeps its ratio */
    }
    *bucket += 1u + (is_counted ? 1u << 16 : 0u);
}

void pk_judge_ratio_sums(const struct pk_windows *w, uint32_t slot, uint32_t within_ms, uint64_t now_ms,
                         uint32_t *out_counted, uint32_t *out_all) {
    const uint32_t number = bucket_number(within_ms, now_ms);
    const uint32_t *block = &w->times[ratio_at(w, slot)];
    const uint32_t ahead = number - block[RATIO_BUCKETS];
    *out_counted = 0;
    *out_all = 0;
    for (uint32_t i = ahead; i < RATIO_BUCKETS; i++) {
        const uint32_t bucket = block[(number - i) % RATIO_BUCKETS];
        *out_counted += bucket >> 16;
        *out_all += bucket & RATIO_COUNT_MAX;
    }
}

static struct pk_judgement raise_ratio(const struct pk_engine *e, uint32_t slot,
                                       const struct pk_rule_raise *raise, uint64_t now_ms) {
    const struct pk_rule *r = rule_of(e, slot);
    uint32_t counted = 0;
    uint32_t all = 0;
    pk_judge_ratio_sums(&e->windows, slot, r->when.within_ms, now_ms, &counted, &all);
    const bool holds = all >= raise->min_count && (uint64_t)counted * 100u > (uint64_t)all * raise->percent;
    return judgement(holds ? PK_TRUE : PK_FALSE, now_ms, UINT64_MAX);
}

static struct pk_judgement raise_expires(const struct pk_engine *e, uint32_t slot,
                                         const struct pk_rule_raise *raise, uint64_t now_ms) {
    if (e->windows.slots[slot].ring == PK_WINDOW_NONE) {
        return judgement(PK_FALSE, now_ms, UINT64_MAX);
    }
    struct pk_rule_cond sooner = rule_of(e, slot)->when;
    sooner.whole = raise->whole;
    const struct pk_cond_at at = pk_cond_at_of(e, slot, &sooner);
    return pk_cond_ops(PK_COND_EXPIRES)->judge(&at, now_ms);
}

static struct pk_judgement raise_lasting(const struct pk_active *a, const struct pk_rule_raise *raise,
                                         uint64_t now_ms) {
    if (a == NULL) {
        return judgement(PK_FALSE, now_ms, UINT64_MAX);
    }
    const uint64_t left_ms = a->lasted_ms < raise->for_ms ? raise->for_ms - a->lasted_ms : 0u;
    const uint64_t due_ms = a->fired_ms + left_ms;
    return due_ms <= now_ms ? judgement(PK_TRUE, due_ms, UINT64_MAX) : judgement(PK_FALSE, now_ms, due_ms);
}

struct pk_judgement pk_judge_raise(const struct pk_engine *e, uint32_t slot,
                                   const struct pk_rule_raise *raise, uint64_t now_ms) {
    const struct pk_window *w = &e->windows.slots[slot];
    const struct pk_active *a = w->active < PK_ENGINE_ACTIVE ? &e->active[w->active] : NULL;
    switch ((enum pk_raise_kind)raise->kind) {
    case PK_RAISE_NONE:
        break;
    case PK_RAISE_RATIO:
        return raise_ratio(e, slot, raise, now_ms);
    case PK_RAISE_VALUE: {
        const bool holds =
            a != NULL && a->has_value && pk_cmp_doubles(a->value, (enum pk_cmp)raise->cmp, raise->value);
        return judgement(holds ? PK_TRUE : PK_FALSE, now_ms, UINT64_MAX);
    }
    case PK_RAISE_COUNT:
        return count_holds(e, slot, raise->min_count, rule_of(e, slot)->when.within_ms, now_ms);
    case PK_RAISE_QUANTILE: {
        const bool holds = pk_cond_quantile_raises(e, slot, raise, now_ms);
        return judgement(holds ? PK_TRUE : PK_FALSE, now_ms, UINT64_MAX);
    }
    case PK_RAISE_LASTING:
        return raise_lasting(a, raise, now_ms);
    case PK_RAISE_EXPIRES:
        return raise_expires(e, slot, raise, now_ms);
    case PK_RAISE_EVENT: {
        const uint32_t index = (uint32_t)(raise - rule_of(e, slot)->raises);
        const bool holds = a != NULL && (a->seen_bits & 1u << index) != 0;
        return judgement(holds ? PK_TRUE : PK_FALSE, now_ms, UINT64_MAX);
    }
    }
    return judgement(PK_FALSE, now_ms, UINT64_MAX);
}

void pk_judge_note(const struct pk_engine *e, struct pk_active *a, const struct pk_rule *r,
                   const struct pk_event *event) {
    for (uint32_t i = 0; i < r->raise_count && event != NULL; i++) {
        const struct pk_rule_raise *raise = &r->raises[i];
        const bool is_seen = raise->kind == PK_RAISE_EVENT &&
                             pk_match_terms(e, r, raise->term_first, raise->term_count, event);
        a->seen_bits |= (uint8_t)(is_seen ? 1u << i : 0u);
    }
}

bool pk_judge_replayed_count(const struct pk_engine *e, uint32_t slot) {
    const struct pk_rule *r = rule_of(e, slot);
    const uint32_t cap = r->ring_cap;
    uint32_t newest_ms = 0;
    uint32_t nth_ms = 0;
    uint32_t left_ms = 0;
    if (!pk_windows_nth(&e->windows, slot, cap, 1, &newest_ms) ||
        !pk_windows_nth(&e->windows, slot, cap, r->when.count, &nth_ms) ||
        newest_ms - nth_ms >= r->when.within_ms) {
        return false;
    }
    return r->across == 0 || pk_judge_sources(e, e->windows.slots[slot].rule, PK_MATCH_REPLAYED, newest_ms,
                                              r->when.within_ms, &left_ms) >= r->across;
}
