/* value > 3x usual: the newest sample against a multiple of what is usual at this hour of the day, learned
 * over a week (pk_baseline.h). Unknown until an hour was seen, and of a usual value that is not above
 * zero, which has no multiples, unless `min` says what is a lot. */
#include "detect/pk_cond_usual.h"

#include "detect/pk_baseline.h"
#include "detect/pk_cond_gauge.h"

static const double FACTOR_MAX = 1000;

struct usual_state {
    struct pk_cond_gauge gauge;
    double value; /* of the newest sample */
    struct pk_baseline b;
};

/* factor "x" */
static int read_factor(struct pk_rule_cursor *c, struct pk_rule_cond *cond) {
    const struct pk_str word = pk_rule_peek(c);
    if (pk_parse_double(pk_str_make(word.p, word.n - 1u), &cond->value) != PK_OK || !(cond->value > 0) ||
        cond->value > FACTOR_MAX) {
        return pk_rule_fail(c, c->at, "'{}' must be a factor above 0x and at most 1000x", word);
    }
    (void)pk_rule_take(c);
    return PK_OK;
}

bool pk_cond_is_usual_next(struct pk_rule_cursor *c) {
    const struct pk_str word = pk_rule_peek(c);
    return word.n >= 2 && (word.p[word.n - 1u] == 'x' || word.p[word.n - 1u] == 'X');
}

int pk_cond_read_usual(struct pk_rule_cursor *c, struct pk_rule_cond *cond) {
    cond->kind = PK_COND_USUAL;
    const bool is_order = cond->cmp != PK_CMP_EQ && cond->cmp != PK_CMP_NE;
    if (!is_order) {
        return pk_rule_fail(c, c->at, "usual is compared with < <= > or >=", pk_str_make(NULL, 0));
    }
    int err = read_factor(c, cond);
    err = err != PK_OK ? err : pk_rule_expect(c, "usual");
    if (err == PK_OK && pk_rule_take_if(c, "min")) {
        (void)pk_rule_peek(c);
        const uint32_t at = c->at;
        err = pk_rule_read_number(c, &cond->least);
        if (err == PK_OK && !(cond->least > 0)) {
            return pk_rule_fail(c, at, "the least threshold must be above 0", pk_str_make(NULL, 0));
        }
    }
    return err;
}

static void put_usual(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                      const struct pk_rule_cond *c) {
    pk_buf_puts(b, "value");
    pk_cond_put_inner(b, e, r, c->term_first, c->term_count);
    pk_buf_putc(b, ' ');
    pk_buf_puts(b, pk_cmp_word((enum pk_cmp)c->cmp));
    pk_buf_putc(b, ' ');
    pk_buf_put_double(b, c->value);
    pk_buf_puts(b, "x usual");
    if (c->least > 0) {
        pk_buf_puts(b, " min ");
        pk_buf_put_double(b, c->least);
    }
}

static uint32_t usual_bytes(const struct pk_rule_cond *c) {
    (void)c;
    return (uint32_t)sizeof(struct usual_state);
}

static void init_usual(const struct pk_cond_at *at) {
    struct usual_state *s = at->state;
    pk_cond_gauge_init(&s->gauge);
}

/* false: what is usual is unknown, or has no multiples. */
static bool threshold_of(const struct pk_cond_at *at, double *out) {
    const struct usual_state *s = at->state;
    double usual = 0;
    if (pk_baseline_usual(&s->b, &usual) == PK_BASELINE_UNKNOWN) {
        return false;
    }
    const double threshold = usual * at->c->value;
    *out = threshold > at->c->least ? threshold : at->c->least;
    return *out > 0;
}

static struct pk_judgement judge_usual(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct usual_state *s = at->state;
    uint64_t until_ms = 0;
    double threshold = 0;
    enum pk_verdict v = pk_cond_gauge_judge(&s->gauge, at->r, now_ms, &until_ms);
    if (v == PK_FALSE) {
        v = PK_STALE;
        if (threshold_of(at, &threshold)) {
            v = pk_cmp_doubles(s->value, (enum pk_cmp)at->c->cmp, threshold) ? PK_TRUE : PK_FALSE;
        }
    }
    return pk_judgement_of(v, pk_cond_gauge_last_ms(&s->gauge), until_ms);
}

static bool feed_usual(const struct pk_cond_at *at, const struct pk_cond_input *in) {
    struct usual_state *s = at->state;
    if (!pk_cond_gauge_take(&s->gauge, in) || !pk_cond_has_number(in)) {
        return false;
    }
    s->value = in->event->value;
    if (pk_baseline_add(&s->b, in->time_ms + at->ahead_ms, s->value) != PK_OK) {
        pk_cond_gauge_set(&s->gauge, PK_FAULT);
    }
    return judge_usual(at, in->now_ms).verdict == PK_TRUE;
}

static void put_usual_numbers(struct pk_buf *b, const struct pk_cond_at *at, uint64_t now_ms) {
    static const char *const OF[] = {"", " so far", " over all hours", " at this hour"};
    const struct usual_state *s = at->state;
    uint64_t until_ms = 0;
    double usual = 0;
    if (pk_cond_put_unknown(b, "value", pk_cond_gauge_judge(&s->gauge, at->r, now_ms, &until_ms))) {
        return;
    }
    pk_buf_puts(b, "value ");
    pk_buf_put_double(b, s->value);
    const enum pk_baseline_kind kind = pk_baseline_usual(&s->b, &usual);
    if (kind == PK_BASELINE_UNKNOWN) {
        pk_buf_puts(b, ", what is usual is not known yet");
        return;
    }
    pk_buf_puts(b, ", usual ");
    pk_cond_put_figure(b, usual);
    pk_buf_puts(b, OF[kind]);
}

static void save_usual(const struct pk_cond_at *at, struct pk_writer *w) {
    const struct usual_state *s = at->state;
    pk_baseline_put(&s->b, w);
}

static int load_usual(const struct pk_cond_at *at, struct pk_reader *r) {
    struct usual_state *s = at->state;
    const int err = pk_baseline_get(&s->b, r);
    if (err == PK_OK && s->b.part_number > (at->e->now_ms + at->ahead_ms) / PK_BASELINE_PART_MS) {
        s->b = (struct pk_baseline){0}; /* of the future: nothing would be taken until then */
        return PK_E_CORRUPT;
    }
    return err;
}

const struct pk_cond_ops PK_COND_USUAL_OPS = {
    .traits = PK_COND_NEEDS_VALUE | PK_COND_STARTS_UNKNOWN | PK_COND_IS_OF_SOURCE,
    .put = put_usual,
    .state_bytes = usual_bytes,
    .may_share = pk_cond_is_same_inner,
    .init = init_usual,
    .save = save_usual,
    .load = load_usual,
    .feed = feed_usual,
    .judge = judge_usual,
    .put_numbers = put_usual_numbers,
};
