/* p95 > X in T: on which side of X is the percentile of the numbers of the window? Exact as to X; the figure
 * that is told has an error of at most 2 %; windows go by quarters (pk_quantile.h). Conditions of a rule on
 * the same numbers share one state, each with a cut of its own; so does an escalation `if p95 > Y`. */
#include "detect/pk_cond_quantile.h"

#include "base/pk_assert.h"
#include "detect/pk_cond_gauge.h"
#include "detect/pk_quantile.h"

enum { PERCENT_MIN = 50, PERCENT_MAX = 99, LEAST_MAX = 10000 };

struct quantile_state {
    struct pk_cond_gauge gauge; /* only whether the newest sample was a fault, and when */
    struct pk_quantile q;
};

uint32_t pk_cond_percent_of(struct pk_str word) {
    uint64_t percent = 0;
    const bool is_it = word.n == 3 && (word.p[0] == 'p' || word.p[0] == 'P') &&
                       pk_parse_u64(pk_str_make(word.p + 1, 2), &percent) == PK_OK;
    return is_it && percent >= PERCENT_MIN && percent <= PERCENT_MAX ? (uint32_t)percent : 0;
}

/* So many numbers that the percentile is not simply the largest. */
static uint16_t least_of(uint32_t percent) {
    return (uint16_t)((100u + 99u - percent) / (100u - percent));
}

static int read_threshold(struct pk_rule_cursor *c, uint8_t *out_cmp, double *out_value) {
    (void)pk_rule_peek(c);
    const uint32_t at = c->at;
    int err = pk_rule_read_cmp(c, out_cmp);
    if (err == PK_OK && (*out_cmp == PK_CMP_EQ || *out_cmp == PK_CMP_NE)) {
        return pk_rule_fail(c, at, "a quantile is compared with < <= > or >=", pk_str_make(NULL, 0));
    }
    return err != PK_OK ? err : pk_rule_read_number(c, out_value);
}

/* cmp number ( "in" | "within" ) span [ "min" count ] */
static int read_quantile(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_cond *cond) {
    const struct pk_str word = pk_str_make(c->value.p + c->at - 3u, 3); /* the one that led here */
    cond->option = (uint8_t)pk_cond_percent_of(word);
    const bool is_of_when = cond == &r->clear && r->when.kind == PK_COND_QUANTILE;
    cond->count = is_of_when ? r->when.count : least_of(cond->option);
    int err = pk_rule_read_inner(c, r, &cond->term_first, &cond->term_count);
    (void)pk_rule_peek(c);
    const uint32_t at = c->at;
    err = err != PK_OK ? err : read_threshold(c, &cond->cmp, &cond->value);
    struct pk_quantile_scale scale;
    if (err == PK_OK && pk_quantile_scale_init(&scale, cond->value) != PK_OK) {
        return pk_rule_fail(c, at, "a quantile needs a threshold that is not 0", pk_str_make(NULL, 0));
    }
    err = err != PK_OK ? err : pk_rule_expect_in(c);
    err = err != PK_OK ? err : pk_rule_read_span(c, &cond->within_ms);
    uint32_t least = cond->count;
    if (err == PK_OK && pk_rule_take_if(c, "min")) {
        err = pk_rule_read_integer(c, 1, LEAST_MAX, &least);
    }
    cond->count = (uint16_t)least;
    return err;
}

int pk_cond_read_quantile_raise(struct pk_rule_cursor *c, const struct pk_rule *r,
                                struct pk_rule_raise *raise, uint32_t percent) {
    uint32_t count = 0;
    const struct pk_rule_cond *clauses = pk_cond_clauses(r, &count);
    bool has_quantile = false;
    for (uint32_t i = 0; i < count; i++) {
        has_quantile = has_quantile || clauses[i].kind == PK_COND_QUANTILE;
    }
    if (!has_quantile) {
        return pk_rule_fail(c, c->at - 3u, "a quantile here needs one in 'when'", pk_str_make(NULL, 0));
    }
    raise->kind = PK_RAISE_QUANTILE;
    raise->percent = (uint16_t)percent;
    return read_threshold(c, &raise->cmp, &raise->value);
}

static void put_quantile(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                         const struct pk_rule_cond *c) {
    pk_buf_putc(b, 'p');
    pk_buf_put_u64(b, c->option);
    pk_cond_put_inner(b, e, r, c->term_first, c->term_count);
    pk_buf_putc(b, ' ');
    pk_buf_puts(b, pk_cmp_word((enum pk_cmp)c->cmp));
    pk_buf_putc(b, ' ');
    pk_buf_put_double(b, c->value);
    pk_buf_puts(b, " in ");
    pk_buf_put_duration(b, c->within_ms);
    if (c->count != least_of(c->option)) {
        pk_buf_puts(b, " min ");
        pk_buf_put_u64(b, c->count);
    }
}

static uint32_t quantile_bytes(const struct pk_rule_cond *c) {
    (void)c;
    return (uint32_t)sizeof(struct quantile_state);
}

static bool may_share(const struct pk_rule_cond *host, const struct pk_rule_cond *guest) {
    return host->within_ms == guest->within_ms && pk_cond_is_same_inner(host, guest);
}

static void init_quantile(const struct pk_cond_at *at) {
    struct quantile_state *s = at->state;
    pk_cond_gauge_init(&s->gauge);
}

/* The first quantile of the rule is the one that escalations are about. */
static bool has_raises(const struct pk_rule *r, const struct pk_rule_cond *const *conds, uint32_t count,
                       const struct pk_rule_cond *c) {
    for (uint32_t i = 0; i < count; i++) {
        if (conds[i]->kind == PK_COND_QUANTILE) {
            return conds[i]->state_at == c->state_at && r->raise_count > 0;
        }
    }
    return false;
}

/* Cuts of all that share the state of c, in the order of the rule, then of the escalation. Returns that of c
 * or, when raise is not NULL, of the escalation. */
static uint32_t scale_of(const struct pk_rule *r, const struct pk_rule_cond *c,
                         const struct pk_rule_raise *raise, struct pk_quantile_scale *out) {
    const struct pk_rule_cond *conds[PK_COND_CONDS_MAX];
    const uint32_t count = pk_cond_all(r, conds);
    uint32_t own = 0;
    out->cut_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (conds[i]->kind != PK_COND_QUANTILE || conds[i]->state_at != c->state_at) {
            continue;
        }
        if (out->cut_count == 0) {
            const int err = pk_quantile_scale_init(out, conds[i]->value);
            PK_ASSERT(err == PK_OK);
        }
        const uint32_t cut = pk_quantile_scale_cut(out, (enum pk_cmp)conds[i]->cmp, conds[i]->value);
        own = conds[i] == c ? cut : own;
    }
    const struct pk_rule_raise *asked = pk_rule_raise_of(r, PK_RAISE_QUANTILE);
    if (asked != NULL && has_raises(r, conds, count, c)) {
        const uint32_t cut = pk_quantile_scale_cut(out, (enum pk_cmp)asked->cmp, asked->value);
        own = asked == raise ? cut : own;
    }
    return own;
}

static bool quantile_speaks(const struct pk_rule_cond *c, const struct pk_cond_input *in) {
    return pk_cond_has_number(in) && pk_cmp_doubles(in->event->value, (enum pk_cmp)c->cmp, c->value);
}

static bool feed_quantile(const struct pk_cond_at *at, const struct pk_cond_input *in) {
    struct quantile_state *s = at->state;
    const bool is_newest = pk_cond_gauge_take(&s->gauge, in);
    if (!pk_cond_has_number(in)) {
        return false;
    }
    struct pk_quantile_scale scale;
    (void)scale_of(at->r, at->c, NULL, &scale);
    const int err = pk_quantile_add(&s->q, &scale, at->c->within_ms, in->time_ms, in->event->value);
    if (err != PK_OK && is_newest) {
        pk_cond_gauge_set(&s->gauge, PK_FAULT);
    }
    return err == PK_OK && quantile_speaks(at->c, in);
}

/* FALSE when there are enough numbers to ask. *out_until_ms: when a fault has become too old to be told. */
static enum pk_verdict known(const struct pk_cond_at *at, uint64_t now_ms, uint64_t count,
                             uint64_t *out_until_ms) {
    const struct quantile_state *s = at->state;
    if (pk_cond_gauge_judge(&s->gauge, at->r, now_ms, out_until_ms) == PK_FAULT) {
        return PK_FAULT;
    }
    *out_until_ms = UINT64_MAX;
    return count < at->c->count ? PK_STALE : PK_FALSE;
}

static struct pk_judgement judge_quantile(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct quantile_state *s = at->state;
    const uint32_t within_ms = at->c->within_ms;
    const uint64_t count = pk_quantile_count(&s->q, within_ms, now_ms);
    const uint64_t next_ms = count > 0 ? pk_quantile_next_ms(within_ms, now_ms) : UINT64_MAX;
    uint64_t until_ms = 0;
    enum pk_verdict v = known(at, now_ms, count, &until_ms);
    if (v == PK_FALSE) {
        struct pk_quantile_scale scale;
        const uint32_t cut = scale_of(at->r, at->c, NULL, &scale);
        v = pk_quantile_holds(&s->q, &scale, within_ms, now_ms, at->c->option, cut) ? PK_TRUE : PK_FALSE;
    }
    return pk_judgement_of(v, now_ms, next_ms < until_ms ? next_ms : until_ms);
}

static struct pk_cond_at host_of(const struct pk_engine *e, uint32_t slot) {
    uint32_t count = 0;
    const struct pk_rule_cond *clauses = pk_cond_clauses(e->rules.rows[e->windows.slots[slot].rule], &count);
    uint32_t i = 0;
    while (i + 1u < count && clauses[i].kind != PK_COND_QUANTILE) {
        i++;
    }
    return pk_cond_at_of(e, slot, &clauses[i]);
}

bool pk_cond_quantile_raises(const struct pk_engine *e, uint32_t slot, const struct pk_rule_raise *raise,
                             uint64_t now_ms) {
    const struct pk_cond_at at = host_of(e, slot);
    const struct quantile_state *s = at.state;
    struct pk_quantile_scale scale;
    const uint32_t cut = scale_of(at.r, at.c, raise, &scale);
    uint64_t until_ms = 0;
    const uint64_t count = pk_quantile_count(&s->q, at.c->within_ms, now_ms);
    return known(&at, now_ms, count, &until_ms) == PK_FALSE &&
           pk_quantile_holds(&s->q, &scale, at.c->within_ms, now_ms, raise->percent, cut);
}

static void put_figure(struct pk_buf *b, const struct pk_cond_at *at, uint32_t percent, uint64_t now_ms) {
    const struct quantile_state *s = at->state;
    struct pk_quantile_scale scale;
    struct pk_quantile_figure f = {0, PK_QUANTILE_IN};
    (void)scale_of(at->r, at->c, NULL, &scale);
    (void)pk_quantile_figure(&s->q, &scale, at->c->within_ms, now_ms, percent, &f);
    pk_buf_putc(b, 'p');
    pk_buf_put_u64(b, percent);
    pk_buf_puts(b, f.side == PK_QUANTILE_BELOW ? " below " : f.side == PK_QUANTILE_ABOVE ? " above " : " ");
    pk_cond_put_figure(b, f.value);
    pk_buf_puts(b, " in ");
    pk_buf_put_duration(b, at->c->within_ms);
}

void pk_cond_put_quantile_raise(struct pk_buf *b, const struct pk_engine *e, uint32_t slot,
                                const struct pk_rule_raise *raise, uint64_t now_ms) {
    const struct pk_cond_at at = host_of(e, slot);
    put_figure(b, &at, raise->percent, now_ms);
    pk_buf_puts(b, ", escalates at ");
    pk_buf_puts(b, pk_cmp_word((enum pk_cmp)raise->cmp));
    pk_buf_putc(b, ' ');
    pk_buf_put_double(b, raise->value);
}

static void put_quantile_numbers(struct pk_buf *b, const struct pk_cond_at *at, uint64_t now_ms) {
    const struct quantile_state *s = at->state;
    const uint64_t count = pk_quantile_count(&s->q, at->c->within_ms, now_ms);
    uint64_t until_ms = 0;
    const enum pk_verdict v = known(at, now_ms, count, &until_ms);
    if (v == PK_STALE) {
        pk_buf_puts(b, "quantile unknown, ");
        pk_buf_put_u64(b, count);
        pk_buf_puts(b, " of ");
        pk_buf_put_u64(b, at->c->count);
        pk_buf_puts(b, " numbers in ");
        pk_buf_put_duration(b, at->c->within_ms);
    } else if (!pk_cond_put_unknown(b, "quantile", v)) {
        put_figure(b, at, at->c->option, now_ms);
        pk_cond_put_threshold(b, at->c->cmp, at->c->value);
    }
}

const struct pk_cond_ops PK_COND_QUANTILE_OPS = {
    .traits = PK_COND_NEEDS_VALUE | PK_COND_STARTS_UNKNOWN,
    .read = read_quantile,
    .put = put_quantile,
    .state_bytes = quantile_bytes,
    .may_share = may_share,
    .init = init_quantile,
    .feed = feed_quantile,
    .judge = judge_quantile,
    .is_evidence = quantile_speaks,
    .put_numbers = put_quantile_numbers,
};
