/* trend reaches X within T over L: where a robust line through the last L goes (pk_trend.h). Judged at the
 * newest sample; until the next one only its age changes anything. */
#include <math.h>

#include "base/pk_assert.h"
#include "detect/pk_cond_gauge.h"
#include "detect/pk_trend.h"

enum { LOOK_BACK_SHARE = 4, LOOK_BACK_LEAST_MS = 1000, MS_PER_H = 3600000, MS_PER_MIN = 60000 };

struct trend_state {
    struct pk_cond_gauge gauge;
    struct pk_trend t;
};

static int read_way(struct pk_rule_cursor *c, struct pk_rule_cond *cond) {
    static const char *const WORDS[] = {"reaches", "rises", "falls"};
    const struct pk_str word = pk_rule_take(c);
    cond->option = PK_TREND_EITHER;
    if (pk_str_eq_nocase(word, "reaches")) {
        return PK_OK;
    }
    if (pk_str_eq_nocase(word, "rises") || pk_str_eq_nocase(word, "falls")) {
        cond->option = pk_str_eq_nocase(word, "rises") ? PK_TREND_UP : PK_TREND_DOWN;
        return pk_rule_expect(c, "to");
    }
    return pk_rule_fail_word(c, c->at - word.n, "expected reaches, rises to or falls to, not '{}'", word,
                             WORDS, PK_COUNT_OF(WORDS));
}

/* ( "reaches" | "rises" "to" | "falls" "to" ) number "within" span [ "over" span ] */
static int read_trend(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_cond *cond) {
    int err = pk_rule_read_inner(c, r, &cond->term_first, &cond->term_count);
    err = err != PK_OK ? err : read_way(c, cond);
    err = err != PK_OK ? err : pk_rule_read_number(c, &cond->value);
    err = err != PK_OK ? err : pk_rule_expect_in(c);
    err = err != PK_OK ? err : pk_rule_read_span(c, &cond->soon_ms);
    if (err != PK_OK) {
        return err;
    }
    const uint32_t share_ms = cond->soon_ms / LOOK_BACK_SHARE;
    cond->within_ms = share_ms > LOOK_BACK_LEAST_MS ? share_ms : (uint32_t)LOOK_BACK_LEAST_MS;
    (void)pk_rule_peek(c);
    const uint32_t at = c->at;
    if (!pk_rule_take_if(c, "over")) {
        return PK_OK;
    }
    err = pk_rule_read_span(c, &cond->within_ms);
    if (err == PK_OK && cond->within_ms < LOOK_BACK_LEAST_MS) {
        return pk_rule_fail(c, at, "a trend is looked for over at least 1s", pk_str_make(NULL, 0));
    }
    return err;
}

static void put_trend(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                      const struct pk_rule_cond *c) {
    static const char *const WAYS[] = {" reaches ", " rises to ", " falls to "};
    pk_buf_puts(b, "trend");
    pk_cond_put_inner(b, e, r, c->term_first, c->term_count);
    pk_buf_puts(b, WAYS[c->option]);
    pk_buf_put_double(b, c->value);
    pk_buf_puts(b, " within ");
    pk_buf_put_duration(b, c->soon_ms);
    pk_buf_puts(b, " over ");
    pk_buf_put_duration(b, c->within_ms);
}

static uint32_t trend_bytes(const struct pk_rule_cond *c) {
    (void)c;
    return (uint32_t)sizeof(struct trend_state);
}

static bool may_share(const struct pk_rule_cond *host, const struct pk_rule_cond *guest) {
    return host->within_ms == guest->within_ms && pk_cond_is_same_inner(host, guest);
}

static void init_trend(const struct pk_cond_at *at) {
    struct trend_state *s = at->state;
    pk_cond_gauge_init(&s->gauge);
}

static bool reaches(const struct pk_cond_at *at, uint64_t *out_left_ms) {
    const struct trend_state *s = at->state;
    return pk_trend_reaches(&s->t, (enum pk_trend_way)at->c->option, at->c->value,
                            pk_cond_gauge_last_ms(&s->gauge) + at->ahead_ms, at->c->soon_ms, out_left_ms);
}

static struct pk_judgement judge_trend(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct trend_state *s = at->state;
    uint64_t until_ms = 0;
    uint64_t left_ms = 0;
    enum pk_verdict v = pk_cond_gauge_judge(&s->gauge, at->r, now_ms, &until_ms);
    if (v != PK_FALSE) {
        return pk_judgement_of(v, now_ms, until_ms);
    }
    if (!pk_trend_is_known(&s->t, at->c->within_ms, now_ms + at->ahead_ms)) {
        return pk_judgement_of(PK_STALE, now_ms, until_ms);
    }
    const uint64_t known_ms = s->t.made_ms + at->c->within_ms + 1u - at->ahead_ms;
    v = reaches(at, &left_ms) ? PK_TRUE : PK_FALSE;
    return pk_judgement_of(v, now_ms, known_ms < until_ms ? known_ms : until_ms);
}

static bool feed_trend(const struct pk_cond_at *at, const struct pk_cond_input *in) {
    struct trend_state *s = at->state;
    const bool is_newest = pk_cond_gauge_take(&s->gauge, in);
    if (!pk_cond_has_number(in)) {
        return false;
    }
    if (pk_trend_add(&s->t, at->c->within_ms, in->time_ms + at->ahead_ms, in->event->value) != PK_OK &&
        is_newest) {
        pk_cond_gauge_set(&s->gauge, PK_FAULT);
    }
    return is_newest && judge_trend(at, in->now_ms).verdict == PK_TRUE;
}

/* When the slope was first seen: the look-back's start. */
static uint64_t trend_first_ms(const struct pk_cond_at *at, uint64_t now_ms) {
    return now_ms > at->c->within_ms ? now_ms - at->c->within_ms : 0u;
}

static void put_slope(struct pk_buf *b, double slope_per_ms) {
    const bool is_fast = fabs(slope_per_ms) * MS_PER_H >= 1000;
    pk_buf_puts(b, slope_per_ms < 0 ? " falling " : " rising ");
    pk_cond_put_figure(b, fabs(slope_per_ms) * (is_fast ? MS_PER_MIN : MS_PER_H));
    pk_buf_puts(b, is_fast ? "/min" : "/h");
}

static void put_trend_numbers(struct pk_buf *b, const struct pk_cond_at *at, uint64_t now_ms) {
    const struct trend_state *s = at->state;
    const uint64_t last_ms = pk_cond_gauge_last_ms(&s->gauge) + at->ahead_ms;
    uint64_t left_ms = 0;
    if (pk_cond_put_unknown(b, "trend", judge_trend(at, now_ms).verdict)) {
        return;
    }
    const bool is_soon = reaches(at, &left_ms);
    pk_buf_puts(b, "level ");
    pk_cond_put_figure(b, pk_trend_level(&s->t, last_ms));
    put_slope(b, s->t.slope_per_ms);
    pk_buf_puts(b, ", confidence ");
    pk_buf_put_double(b, floor(s->t.confidence * 100 + 0.5) / 100);
    if (is_soon) {
        pk_buf_puts(b, left_ms > 0 ? ", reaches " : ", has reached ");
        pk_buf_put_double(b, at->c->value);
    }
    if (is_soon && left_ms > 0) {
        pk_buf_puts(b, " in ");
        pk_buf_put_duration(b, left_ms - (left_ms > MS_PER_MIN ? left_ms % MS_PER_MIN : 0u));
    }
}

static void save_trend(const struct pk_cond_at *at, struct pk_writer *w) {
    const struct trend_state *s = at->state;
    pk_trend_put(&s->t, w);
}

static int load_trend(const struct pk_cond_at *at, struct pk_reader *r) {
    struct trend_state *s = at->state;
    const int err = pk_trend_get(&s->t, at->c->within_ms, r);
    if (err == PK_OK &&
        s->t.slot.number > (at->e->now_ms + at->ahead_ms) / (at->c->within_ms / PK_TREND_SLOTS)) {
        s->t = (struct pk_trend){0}; /* of the future: nothing would be taken until then */
        return PK_E_CORRUPT;
    }
    return err;
}

const struct pk_cond_ops PK_COND_TREND_OPS = {
    .word = "trend",
    .traits = PK_COND_NEEDS_VALUE | PK_COND_STARTS_UNKNOWN | PK_COND_IS_OF_SOURCE,
    .read = read_trend,
    .put = put_trend,
    .state_bytes = trend_bytes,
    .may_share = may_share,
    .init = init_trend,
    .save = save_trend,
    .load = load_trend,
    .feed = feed_trend,
    .judge = judge_trend,
    .first_ms = trend_first_ms,
    .put_numbers = put_trend_numbers,
};
