/* anomaly, anomaly > X min N: how unusual the newest sample is for its series (pk_anomaly.h, decision 0040).
 * An alert is one sample: the next one, already known by then, is none. `min` says what is too little to
 * matter, however unusual it is: three times 0.3 ms is nothing to anybody. */
#include "detect/pk_anomaly_bytes.h"
#include "detect/pk_cond_gauge.h"

struct anomaly_state {
    struct pk_anomaly a;
    struct pk_cond_gauge gauge;
};

/* ">" number */
static int read_score(struct pk_rule_cursor *c, struct pk_rule_cond *cond) {
    (void)pk_rule_peek(c);
    const uint32_t at = c->at;
    cond->cmp = PK_CMP_GT;
    const int err = pk_rule_read_number(c, &cond->value);
    if (err == PK_OK && (!(cond->value > 0) || !(cond->value < 1))) {
        return pk_rule_fail(c, at, "a score is between 0 and 1; 0.2 is an alert", pk_str_make(NULL, 0));
    }
    return err;
}

/* "min" number */
static int read_least(struct pk_rule_cursor *c, struct pk_rule_cond *cond) {
    (void)pk_rule_peek(c);
    const uint32_t at = c->at;
    const int err = pk_rule_read_number(c, &cond->least);
    if (err == PK_OK && !(cond->least > 0)) {
        return pk_rule_fail(c, at, "the least difference must be above 0", pk_str_make(NULL, 0));
    }
    return err;
}

/* [ ">" number ] [ "min" number ] */
static int read_anomaly(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_cond *cond) {
    int err = pk_rule_read_inner(c, r, &cond->term_first, &cond->term_count);
    cond->cmp = PK_CMP_GE;
    cond->value = PK_ANOMALY_ALERT;
    cond->least = 0;
    if (err == PK_OK && pk_rule_take_if(c, ">")) {
        err = read_score(c, cond);
    }
    if (err == PK_OK && pk_rule_take_if(c, "min")) {
        err = read_least(c, cond);
    }
    return err;
}

static void put_anomaly(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                        const struct pk_rule_cond *c) {
    pk_buf_puts(b, "anomaly");
    pk_cond_put_inner(b, e, r, c->term_first, c->term_count);
    if (c->cmp == PK_CMP_GT) {
        pk_buf_puts(b, " > ");
        pk_buf_put_double(b, c->value);
    }
    if (c->least > 0) {
        pk_buf_puts(b, " min ");
        pk_buf_put_double(b, c->least);
    }
}

static uint32_t anomaly_bytes(const struct pk_rule_cond *c) {
    (void)c;
    return (uint32_t)sizeof(struct anomaly_state);
}

static void init_anomaly(const struct pk_cond_at *at) {
    struct anomaly_state *s = at->state;
    pk_anomaly_init(&s->a);
    pk_cond_gauge_init(&s->gauge);
}

static bool feed_anomaly(const struct pk_cond_at *at, const struct pk_cond_input *in) {
    struct anomaly_state *s = at->state;
    if (!pk_cond_gauge_take(&s->gauge, in) || !pk_cond_has_number(in)) {
        return false;
    }
    double score = 0;
    const int64_t wall_ms = in->event->wall_ms;
    const bool has_clock = wall_ms > 0 && (in->event->flags & PK_EVENT_CLOCK_UNSURE) == 0;
    if (pk_anomaly_push_beyond(&s->a, in->event->value, wall_ms, has_clock, at->c->least, &score) != PK_OK) {
        pk_cond_gauge_set(&s->gauge, PK_FAULT);
        return false;
    }
    const bool is_alert = pk_cmp_doubles(score, (enum pk_cmp)at->c->cmp, at->c->value);
    pk_cond_gauge_set(&s->gauge, is_alert ? PK_TRUE : PK_FALSE);
    return is_alert;
}

static struct pk_judgement judge_anomaly(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct anomaly_state *s = at->state;
    uint64_t until_ms = 0;
    const enum pk_verdict v = pk_cond_gauge_judge(&s->gauge, at->r, now_ms, &until_ms);
    const bool is_learning = v == PK_FALSE && !pk_anomaly_is_awake(&s->a);
    return pk_judgement_of(is_learning ? PK_STALE : v, pk_cond_gauge_last_ms(&s->gauge), until_ms);
}

static void put_anomaly_numbers(struct pk_buf *b, const struct pk_cond_at *at, uint64_t now_ms) {
    const struct anomaly_state *s = at->state;
    const struct pk_judgement j = judge_anomaly(at, now_ms);
    if (pk_cond_put_unknown(b, "anomaly", j.verdict)) {
        return;
    }
    pk_buf_puts(b, j.verdict == PK_TRUE ? "anomaly, score " : "last alert, fading: ");
    pk_cond_put_figure(b, (double)s->a.hold); /* of the newest alert the score itself */
    pk_cond_put_threshold(b, at->c->cmp, at->c->value);
}

static void save_anomaly(const struct pk_cond_at *at, struct pk_writer *w) {
    const struct anomaly_state *s = at->state;
    uint8_t bytes[PK_ANOMALY_BYTES];
    pk_anomaly_save(&s->a, bytes);
    pk_put_bytes(w, bytes, sizeof bytes);
}

static int load_anomaly(const struct pk_cond_at *at, struct pk_reader *r) {
    struct anomaly_state *s = at->state;
    uint8_t bytes[PK_ANOMALY_BYTES];
    pk_get_bytes(r, bytes, sizeof bytes);
    return pk_anomaly_load(&s->a, bytes, sizeof bytes) == PK_OK ? PK_OK : PK_E_CORRUPT;
}

const struct pk_cond_ops PK_COND_ANOMALY_OPS = {
    .word = "anomaly",
    .traits = PK_COND_NEEDS_VALUE | PK_COND_STARTS_UNKNOWN | PK_COND_IS_OF_SOURCE,
    .read = read_anomaly,
    .put = put_anomaly,
    .state_bytes = anomaly_bytes,
    .init = init_anomaly,
    .save = save_anomaly,
    .load = load_anomaly,
    .feed = feed_anomaly,
    .judge = judge_anomaly,
    .put_numbers = put_anomaly_numbers,
};
