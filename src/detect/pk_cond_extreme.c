/* drop >= X in T, rise >= X% in T: how far the newest sample is from the highest (lowest) of the window.
 * Exact as long as the values step down (up) at most 18 times in it (pk_extreme.h). */
#include "detect/pk_cond_gauge.h"
#include "detect/pk_extreme.h"

enum { OPTION_PERCENT = 1 };

struct extreme_state {
    struct pk_cond_gauge gauge;
    struct pk_extreme x;
};

static bool is_rise(const struct pk_rule_cond *c) {
    return c->kind == PK_COND_RISE;
}

/* ">=" number [ "%" ] ( "in" | "within" ) span */
static int read_extreme(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_cond *cond) {
    int err = pk_rule_read_inner(c, r, &cond->term_first, &cond->term_count);
    cond->cmp = PK_CMP_GE;
    err = err != PK_OK ? err : pk_rule_expect(c, ">=");
    (void)pk_rule_peek(c);
    const uint32_t at = c->at;
    err = err != PK_OK ? err : pk_rule_read_number(c, &cond->value);
    if (err != PK_OK) {
        return err;
    }
    if (!(cond->value > 0)) {
        return pk_rule_fail(c, at, "the amount must be above 0", pk_str_make(NULL, 0));
    }
    cond->option = pk_rule_take_if(c, "%") ? OPTION_PERCENT : 0;
    if (cond->option == OPTION_PERCENT && !is_rise(cond) && cond->value > 100) {
        return pk_rule_fail(c, at, "a value drops by at most 100%", pk_str_make(NULL, 0));
    }
    err = pk_rule_expect_in(c);
    return err != PK_OK ? err : pk_rule_read_span(c, &cond->within_ms);
}

static void put_amount(struct pk_buf *b, const struct pk_rule_cond *c) {
    pk_buf_put_double(b, c->value);
    pk_buf_puts(b, c->option == OPTION_PERCENT ? "%" : "");
}

static void put_extreme(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                        const struct pk_rule_cond *c) {
    pk_buf_puts(b, is_rise(c) ? "rise" : "drop");
    pk_cond_put_inner(b, e, r, c->term_first, c->term_count);
    pk_buf_puts(b, " >= ");
    put_amount(b, c);
    pk_buf_puts(b, " in ");
    pk_buf_put_duration(b, c->within_ms);
}

static uint32_t extreme_bytes(const struct pk_rule_cond *c) {
    (void)c;
    return (uint32_t)sizeof(struct extreme_state);
}

static bool may_share(const struct pk_rule_cond *host, const struct pk_rule_cond *guest) {
    return host->within_ms == guest->within_ms && pk_cond_is_same_inner(host, guest);
}

static void init_extreme(const struct pk_cond_at *at) {
    struct extreme_state *s = at->state;
    pk_cond_gauge_init(&s->gauge);
}

static bool holds(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct extreme_state *s = at->state;
    return pk_extreme_holds(&s->x, is_rise(at->c), at->c->within_ms, (uint32_t)now_ms, at->c->value,
                            at->c->option == OPTION_PERCENT);
}

static bool feed_extreme(const struct pk_cond_at *at, const struct pk_cond_input *in) {
    struct extreme_state *s = at->state;
    const uint64_t last_ms = pk_cond_gauge_last_ms(&s->gauge);
    if (in->time_ms > last_ms && in->time_ms - last_ms >= at->c->within_ms) {
        s->x = (struct pk_extreme){0}; /* all of it is too old, however far 32 bits reach */
    }
    const bool is_newest = pk_cond_gauge_take(&s->gauge, in);
    if (!pk_cond_has_number(in)) {
        return false;
    }
    if (pk_extreme_add(&s->x, is_rise(at->c), at->c->within_ms, (uint32_t)in->time_ms, in->event->value) !=
            PK_OK &&
        is_newest) {
        pk_cond_gauge_set(&s->gauge, PK_FAULT);
    }
    return is_newest && holds(at, in->now_ms);
}

/* Time takes the top out of the window: then the next one counts, which is nearer, but may be so much smaller
 * that the percentage is larger. */
static struct pk_judgement judge_extreme(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct extreme_state *s = at->state;
    uint64_t until_ms = 0;
    double top = 0;
    uint32_t top_ms = 0;
    enum pk_verdict v = pk_cond_gauge_judge(&s->gauge, at->r, now_ms, &until_ms);
    if (v != PK_FALSE) {
        return pk_judgement_of(v, now_ms, until_ms);
    }
    v = holds(at, now_ms) ? PK_TRUE : PK_FALSE;
    const bool is_moving = v == PK_TRUE || at->c->option == OPTION_PERCENT;
    if (is_moving && pk_extreme_top(&s->x, at->c->within_ms, (uint32_t)now_ms, &top, &top_ms)) {
        const uint64_t ends_ms = pk_judge_full_ms(now_ms, top_ms) + at->c->within_ms;
        until_ms = ends_ms < until_ms ? ends_ms : until_ms;
    }
    return pk_judgement_of(v, now_ms, until_ms);
}

static uint64_t extreme_first_ms(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct extreme_state *s = at->state;
    double top = 0;
    uint32_t top_ms = (uint32_t)now_ms;
    (void)pk_extreme_top(&s->x, at->c->within_ms, (uint32_t)now_ms, &top, &top_ms);
    return pk_judge_full_ms(now_ms, top_ms);
}

static void put_extreme_numbers(struct pk_buf *b, const struct pk_cond_at *at, uint64_t now_ms) {
    const struct extreme_state *s = at->state;
    uint64_t until_ms = 0;
    const enum pk_verdict v = pk_cond_gauge_judge(&s->gauge, at->r, now_ms, &until_ms);
    if (pk_cond_put_unknown(b, is_rise(at->c) ? "rise" : "drop", v)) {
        return;
    }
    double top = s->x.newest;
    (void)pk_extreme_top(&s->x, at->c->within_ms, (uint32_t)now_ms, &top, NULL);
    pk_buf_puts(b, "from ");
    pk_cond_put_figure(b, top);
    pk_buf_puts(b, " to ");
    pk_cond_put_figure(b, s->x.newest);
    pk_buf_puts(b, " in ");
    pk_buf_put_duration(b, at->c->within_ms);
    pk_buf_puts(b, ", threshold ");
    put_amount(b, at->c);
}

const struct pk_cond_ops PK_COND_DROP_OPS = {
    .word = "drop",
    .traits = PK_COND_NEEDS_VALUE | PK_COND_STARTS_UNKNOWN | PK_COND_IS_OF_SOURCE,
    .read = read_extreme,
    .put = put_extreme,
    .state_bytes = extreme_bytes,
    .may_share = may_share,
    .init = init_extreme,
    .feed = feed_extreme,
    .judge = judge_extreme,
    .first_ms = extreme_first_ms,
    .put_numbers = put_extreme_numbers,
};

const struct pk_cond_ops PK_COND_RISE_OPS = {
    .word = "rise",
    .traits = PK_COND_NEEDS_VALUE | PK_COND_STARTS_UNKNOWN | PK_COND_IS_OF_SOURCE,
    .read = read_extreme,
    .put = put_extreme,
    .state_bytes = extreme_bytes,
    .may_share = may_share,
    .init = init_extreme,
    .feed = feed_extreme,
    .judge = judge_extreme,
    .first_ms = extreme_first_ms,
    .put_numbers = put_extreme_numbers,
};
