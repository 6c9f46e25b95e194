/* expires within T: what a certificate, a licence or a lease says of its end. The value of an event is the
 * time left in days (negative: over), or, from 10^8 on, the moment of the end in Unix seconds (1973 and
 * later); what lies between is no known unit and counts as a fault, as does a moment when the clock is
 * unsure. Only the newest event counts. The end is kept on the clock that never jumps; it needs no further
 * events and does not grow stale unless the rule has `stale`. */
#include "detect/pk_cond.h"

#define DAYS_MAX 100000.0       /* 273 years */
#define UNIX_LEAST 1e8          /* seconds */
#define UNIX_MAX 253402300800.0 /* year 10000 */

enum { AHEAD_DAYS_MAX = 3650, DAY_MS = 86400000 };

struct expires_state {
    int64_t end_ms; /* on the window's clock; may lie before its start */
    uint64_t last_ms;
    uint32_t verdict, reserved; /* FALSE = known */
};

static int read_expires(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_cond *cond) {
    int err = pk_rule_read_inner(c, r, &cond->term_first, &cond->term_count);
    err = err != PK_OK ? err : pk_rule_expect(c, "within");
    return err != PK_OK ? err : pk_rule_read_long_span(c, (uint64_t)AHEAD_DAYS_MAX * DAY_MS, &cond->whole);
}

static void put_expires(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                        const struct pk_rule_cond *c) {
    pk_buf_puts(b, "expires");
    pk_cond_put_inner(b, e, r, c->term_first, c->term_count);
    pk_buf_puts(b, " within ");
    pk_buf_put_duration(b, c->whole);
}

static uint32_t expires_bytes(const struct pk_rule_cond *c) {
    (void)c;
    return (uint32_t)sizeof(struct expires_state);
}

static void init_expires(const struct pk_cond_at *at) {
    struct expires_state *s = at->state;
    s->verdict = PK_STALE;
}

/* Time left at the event, or false. */
static bool left_of(const struct pk_event *event, int64_t *out_ms) {
    const double v = event->value;
    if ((event->flags & PK_EVENT_HAS_VALUE) == 0) {
        return false;
    }
    if (v > -DAYS_MAX && v < DAYS_MAX) {
        *out_ms = (int64_t)(v * (double)DAY_MS);
        return true;
    }
    const bool is_now_known = event->wall_ms > 0 && (event->flags & PK_EVENT_CLOCK_UNSURE) == 0;
    if (v >= UNIX_LEAST && v < UNIX_MAX && is_now_known) {
        *out_ms = (int64_t)(v * 1000.0) - event->wall_ms;
        return true;
    }
    return false;
}

static bool feed_expires(const struct pk_cond_at *at, const struct pk_cond_input *in) {
    struct expires_state *s = at->state;
    if (s->verdict != PK_STALE && in->time_ms < s->last_ms) {
        return false; /* older than what is known */
    }
    int64_t left_ms = 0;
    s->last_ms = in->time_ms;
    s->verdict = left_of(in->event, &left_ms) ? PK_FALSE : PK_FAULT;
    s->end_ms = (int64_t)in->time_ms + left_ms;
    return s->verdict == PK_FALSE && left_ms <= (int64_t)at->c->whole;
}

static struct pk_judgement judge_expires(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct expires_state *s = at->state;
    const uint64_t stale_ms = at->r->stale_ms > 0 ? s->last_ms + at->r->stale_ms : UINT64_MAX;
    if (s->verdict == PK_STALE || stale_ms <= now_ms) {
        return pk_judgement_of(PK_STALE, now_ms, UINT64_MAX);
    }
    if (s->verdict == PK_FAULT) {
        return pk_judgement_of(PK_FAULT, now_ms, stale_ms);
    }
    const int64_t due_ms = s->end_ms - (int64_t)at->c->whole;
    if (due_ms <= (int64_t)now_ms) {
        const uint64_t from_ms = due_ms > (int64_t)s->last_ms ? (uint64_t)due_ms : s->last_ms;
        return pk_judgement_of(PK_TRUE, from_ms, stale_ms);
    }
    return pk_judgement_of(PK_FALSE, s->last_ms, (uint64_t)due_ms < stale_ms ? (uint64_t)due_ms : stale_ms);
}

static uint64_t expires_first_ms(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct expires_state *s = at->state;
    return s->last_ms < now_ms ? s->last_ms : now_ms;
}

static void put_expires_numbers(struct pk_buf *b, const struct pk_cond_at *at, uint64_t now_ms) {
    const struct expires_state *s = at->state;
    if (s->verdict != PK_FALSE) {
        pk_buf_puts(b, s->verdict == PK_FAULT ? "end cannot be told" : "end not known yet");
        return;
    }
    const int64_t left_ms = s->end_ms - (int64_t)now_ms;
    pk_buf_puts(b, left_ms > 0 ? "expires in " : "expired ");
    pk_buf_put_duration(b, (uint64_t)(left_ms > 0 ? left_ms : -left_ms));
    pk_buf_puts(b, left_ms > 0 ? ", threshold " : " ago, threshold ");
    pk_buf_put_duration(b, at->c->whole);
}

static bool expires_speaks(const struct pk_rule_cond *c, const struct pk_cond_input *in) {
    int64_t left_ms = 0;
    (void)c;
    return in->is_first && left_of(in->event, &left_ms); /* what is far off now comes with time */
}

const struct pk_cond_ops PK_COND_EXPIRES_OPS = {
    .word = "expires",
    .traits = PK_COND_NEEDS_VALUE | PK_COND_IS_OF_TIME | PK_COND_STARTS_UNKNOWN | PK_COND_IS_OF_SOURCE,
    .read = read_expires,
    .put = put_expires,
    .state_bytes = expires_bytes,
    .init = init_expires,
    .feed = feed_expires,
    .judge = judge_expires,
    .is_evidence = expires_speaks,
    .first_ms = expires_first_ms,
    .put_numbers = put_expires_numbers,
};
