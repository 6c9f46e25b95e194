/* rate and ratio: events counted in fifteenths of the window, whose ends are multiples of a fifteenth on the
 * window's clock. What is judged is the fifteenth that now lies in and the fourteen before it: the window is
 * T, or up to a fifteenth shorter. Nothing older than T counts, so neither form fires on what did not happen
 * within T; an excess that needs the oldest fifteenth may be missed. Counts themselves are exact (32 bits).
 */
#include "base/pk_assert.h"
#include "detect/pk_cond.h"

enum { PARTS = 15, RATE_MAX = 1000000000, RATIO_LEAST_MAX = 10000 };

struct rate_state {
    uint32_t newest; /* number of the newest part */
    uint32_t counts[PARTS];
};

struct ratio_state {
    uint32_t newest, reserved;
    uint32_t counts[PARTS], alls[PARTS];
};

static uint32_t width_ms(const struct pk_rule_cond *c) {
    return c->within_ms / PARTS > 0 ? c->within_ms / PARTS : 1u;
}

static uint64_t part_of(const struct pk_rule_cond *c, uint64_t time_ms) {
    return time_ms / width_ms(c);
}

static bool is_empty(const uint32_t *counts) {
    uint32_t any = 0;
    for (uint32_t i = 0; i < PARTS; i++) {
        any |= counts[i];
    }
    return any == 0;
}

/* Makes room for the part; false when it is older than all of them. newest: low 32 bits of the newest part's
 * number, at will while nothing is counted. parts2 may be NULL. */
static bool roll(uint32_t *newest, uint64_t part, const uint32_t *alls, uint32_t *parts, uint32_t *parts2) {
    const int32_t ahead = (int32_t)((uint32_t)part - *newest);
    if (ahead <= -PARTS) {
        if (!is_empty(alls)) {
            return false;
        }
        *newest = (uint32_t)part;
        return true;
    }
    uint32_t at = (uint32_t)(part % PARTS);
    for (int32_t i = 0; i < ahead && i < PARTS; i++) {
        parts[at] = 0;
        if (parts2 != NULL) {
            parts2[at] = 0;
        }
        at = at > 0 ? at - 1u : PARTS - 1u;
    }
    *newest = ahead > 0 ? (uint32_t)part : *newest;
    return true;
}

/* Of the parts that count at part number `now`, which is not before the newest. */
static uint64_t sum_at(const uint32_t *parts, uint32_t newest, uint64_t now) {
    const uint32_t gone = (uint32_t)now - newest;
    uint32_t at = (uint32_t)((now - gone) % PARTS);
    uint64_t sum = 0;
    for (uint32_t i = gone; i < PARTS; i++) {
        sum += parts[at];
        at = at > 0 ? at - 1u : PARTS - 1u;
    }
    return sum;
}

/* What leaves when the clock goes from part now + step - 1 to now + step; step is 1 to PARTS. */
static uint32_t leaving(const uint32_t *parts, uint32_t newest, uint64_t now, uint32_t step) {
    const uint64_t part = now + step - PARTS;
    return newest - (uint32_t)part < PARTS ? parts[part % PARTS] : 0u;
}

/* -- rate -- */

/* ">" n "per" span; of `clear` "<". What fits a ring of times is count: exact. */
static int read_rate(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_cond *cond) {
    const bool is_clear = cond == &r->clear;
    uint32_t n = 0;
    int err = pk_rule_read_inner(c, r, &cond->term_first, &cond->term_count);
    err = err != PK_OK ? err : pk_rule_expect(c, is_clear ? "<" : ">");
    err = err != PK_OK ? err : pk_rule_read_integer(c, is_clear ? 1 : 0, RATE_MAX, &n);
    err = err != PK_OK ? err : pk_rule_expect(c, "per");
    err = err != PK_OK ? err : pk_rule_read_span(c, &cond->within_ms);
    const uint32_t least = is_clear ? n : n + 1u;
    cond->cmp = is_clear ? PK_CMP_LT : PK_CMP_GE;
    cond->kind = least <= PK_RULE_COUNT_MAX ? PK_COND_COUNT : PK_COND_RATE;
    cond->option = PK_COND_SAID_AS_RATE;
    cond->count = (uint16_t)(least <= PK_RULE_COUNT_MAX ? least : 0u);
    cond->whole = least;
    return err;
}

void pk_cond_put_rate(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                      const struct pk_rule_cond *c) {
    const bool is_less = c->cmp == PK_CMP_LT;
    pk_buf_puts(b, "rate");
    pk_cond_put_inner(b, e, r, c->term_first, c->term_count);
    pk_buf_puts(b, is_less ? " < " : " > ");
    pk_buf_put_u64(b, is_less ? c->whole : c->whole - 1u);
    pk_buf_puts(b, " per ");
    pk_buf_put_duration(b, c->within_ms);
}

static uint32_t rate_bytes(const struct pk_rule_cond *c) {
    (void)c;
    return (uint32_t)sizeof(struct rate_state);
}

static bool feed_rate(const struct pk_cond_at *at, const struct pk_cond_input *in) {
    struct rate_state *s = at->state;
    const uint64_t part = part_of(at->c, in->time_ms);
    if (roll(&s->newest, part, s->counts, s->counts, NULL) && s->counts[part % PARTS] < UINT32_MAX) {
        s->counts[part % PARTS]++;
    }
    return true;
}

static struct pk_judgement judge_rate(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct rate_state *s = at->state;
    const uint64_t now = part_of(at->c, now_ms);
    const bool is_less = at->c->cmp == PK_CMP_LT;
    uint64_t sum = sum_at(s->counts, s->newest, now);
    if (sum < at->c->whole) {
        return pk_judgement_of(is_less ? PK_TRUE : PK_FALSE, now_ms, UINT64_MAX);
    }
    uint32_t step = 0;
    while (sum >= at->c->whole) { /* which is above 0: it ends with the last part */
        step++;
        sum -= leaving(s->counts, s->newest, now, step);
    }
    return pk_judgement_of(is_less ? PK_FALSE : PK_TRUE, now_ms, (now + step) * width_ms(at->c));
}

static uint64_t window_first_ms(const struct pk_cond_at *at, uint64_t now_ms) {
    return now_ms > at->c->within_ms ? now_ms - at->c->within_ms + 1u : 0u;
}

static void put_rate_numbers(struct pk_buf *b, const struct pk_cond_at *at, uint64_t now_ms) {
    const struct rate_state *s = at->state;
    pk_buf_put_u64(b, sum_at(s->counts, s->newest, part_of(at->c, now_ms)));
    pk_buf_puts(b, " events per ");
    pk_buf_put_duration(b, at->c->within_ms);
    pk_buf_puts(b, at->c->cmp == PK_CMP_LT ? ", threshold below " : ", threshold above ");
    pk_buf_put_u64(b, at->c->cmp == PK_CMP_LT ? at->c->whole : at->c->whole - 1u);
}

const struct pk_cond_ops PK_COND_RATE_OPS = {
    .word = "rate",
    .read = read_rate,
    .put = pk_cond_put_rate,
    .state_bytes = rate_bytes,
    .feed = feed_rate,
    .judge = judge_rate,
    .first_ms = window_first_ms,
    .put_numbers = put_rate_numbers,
};

/* -- ratio: first brackets = what is divided by, second = what is counted of it -- */

/* "(" terms ")" [ "of" ( "events" | "(" terms ")" ) ] ( ">" | "<" ) p "%" "in" span "min" n */
static int read_ratio(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_cond *cond) {
    uint32_t percent = 0;
    uint32_t least = 0;
    int err = pk_rule_need_inner(c, r, &cond->then_first, &cond->then_count);
    if (err == PK_OK && pk_rule_take_if(c, "of") && !pk_rule_take_if(c, "events")) {
        err = pk_rule_need_inner(c, r, &cond->term_first, &cond->term_count);
    }
    err = err != PK_OK ? err : pk_rule_read_more_or_less(c, &cond->cmp);
    const bool is_less = cond->cmp == PK_CMP_LT;
    err = err != PK_OK ? err : pk_rule_read_integer(c, is_less ? 1 : 0, is_less ? 100 : 99, &percent);
    err = err != PK_OK ? err : pk_rule_expect(c, "%");
    err = err != PK_OK ? err : pk_rule_expect(c, "in");
    err = err != PK_OK ? err : pk_rule_read_span(c, &cond->within_ms);
    err = err != PK_OK ? err : pk_rule_expect(c, "min");
    err = err != PK_OK ? err : pk_rule_read_integer(c, 1, RATIO_LEAST_MAX, &least);
    cond->option = (uint8_t)percent;
    cond->count = (uint16_t)least;
    return err;
}

static void put_ratio(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                      const struct pk_rule_cond *c) {
    pk_buf_puts(b, "ratio");
    pk_cond_put_inner(b, e, r, c->then_first, c->then_count);
    pk_buf_puts(b, c->term_count > 0 ? " of " : "");
    pk_cond_put_inner(b, e, r, c->term_first, c->term_count);
    pk_buf_puts(b, c->cmp == PK_CMP_LT ? " < " : " > ");
    pk_buf_put_u64(b, c->option);
    pk_buf_puts(b, "% in ");
    pk_buf_put_duration(b, c->within_ms);
    pk_buf_puts(b, " min ");
    pk_buf_put_u64(b, c->count);
}

static uint32_t ratio_bytes(const struct pk_rule_cond *c) {
    (void)c;
    return (uint32_t)sizeof(struct ratio_state);
}

/* Of a ratio that is too low, those outside are what speaks for it. */
static bool ratio_speaks(const struct pk_rule_cond *c, const struct pk_cond_input *in) {
    return in->is_first && in->is_second == (c->cmp == PK_CMP_GT);
}

static bool feed_ratio(const struct pk_cond_at *at, const struct pk_cond_input *in) {
    struct ratio_state *s = at->state;
    const uint64_t part = part_of(at->c, in->time_ms);
    if (!in->is_first || !roll(&s->newest, part, s->alls, s->counts, s->alls)) {
        return false;
    }
    const uint32_t i = (uint32_t)(part % PARTS);
    if (s->alls[i] < UINT32_MAX) {
        s->alls[i]++;
        s->counts[i] += in->is_second ? 1u : 0u;
    }
    return ratio_speaks(at->c, in);
}

static bool ratio_holds(const struct pk_rule_cond *c, uint64_t n, uint64_t all) {
    const uint64_t limit = all * c->option;
    return all >= c->count && (c->cmp == PK_CMP_LT ? n * 100u < limit : n * 100u > limit);
}

/* Old parts that leave can turn it either way, as long as enough is left. */
static struct pk_judgement judge_ratio(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct ratio_state *s = at->state;
    const uint64_t now = part_of(at->c, now_ms);
    uint64_t n = sum_at(s->counts, s->newest, now);
    uint64_t all = sum_at(s->alls, s->newest, now);
    const bool holds = ratio_holds(at->c, n, all);
    uint64_t until_ms = UINT64_MAX;
    for (uint32_t step = 1; until_ms == UINT64_MAX && all >= at->c->count; step++) {
        n -= leaving(s->counts, s->newest, now, step);
        all -= leaving(s->alls, s->newest, now, step);
        until_ms = ratio_holds(at->c, n, all) != holds ? (now + step) * width_ms(at->c) : UINT64_MAX;
    }
    return pk_judgement_of(holds ? PK_TRUE : PK_FALSE, now_ms, until_ms);
}

static void put_ratio_numbers(struct pk_buf *b, const struct pk_cond_at *at, uint64_t now_ms) {
    const struct ratio_state *s = at->state;
    const uint64_t now = part_of(at->c, now_ms);
    pk_buf_put_u64(b, sum_at(s->counts, s->newest, now));
    pk_buf_puts(b, " of ");
    pk_buf_put_u64(b, sum_at(s->alls, s->newest, now));
    pk_buf_puts(b, " events in ");
    pk_buf_put_duration(b, at->c->within_ms);
    pk_buf_puts(b, at->c->cmp == PK_CMP_LT ? ", threshold below " : ", threshold above ");
    pk_buf_put_u64(b, at->c->option);
    pk_buf_puts(b, "% of at least ");
    pk_buf_put_u64(b, at->c->count);
}

const struct pk_cond_ops PK_COND_RATIO_OPS = {
    .word = "ratio",
    .read = read_ratio,
    .put = put_ratio,
    .state_bytes = ratio_bytes,
    .feed = feed_ratio,
    .judge = judge_ratio,
    .is_evidence = ratio_speaks,
    .first_ms = window_first_ms,
    .put_numbers = put_ratio_numbers,
};
