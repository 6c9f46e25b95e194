/* count, value and absent inside all of and any of, and as `clear` of other forms. A rule of one of them
 * alone is plain: pk_feed.c and pk_judge.c do the same with the times of its window. */
#include "base/pk_assert.h"
#include "detect/pk_cond.h"
#include "detect/pk_cond_usual.h"
#include "detect/pk_feed.h"

/* -- count: the newest N times, exact -- */

struct count_state {
    uint32_t head, used; /* next place; times kept */
    uint64_t times[];    /* ordered, N of them */
};

/* Where exact counting ends, the message says how to go on. */
static int read_number(struct pk_rule_cursor *c, bool is_clear, uint32_t *out) {
    uint64_t more = 0;
    const struct pk_str got = pk_rule_peek(c);
    if (!is_clear && pk_parse_u64(got, &more) == PK_OK && more > PK_RULE_COUNT_MAX) {
        return pk_rule_fail(c, c->at, "{} is outside 1 .. 64; for more: rate > N per T", got);
    }
    return pk_rule_read_integer(c, 1, PK_RULE_COUNT_MAX, out);
}

static int read_count(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_cond *cond) {
    const bool is_clear = cond == &r->clear;
    uint32_t count = 0;
    int err = pk_rule_read_inner(c, r, &cond->term_first, &cond->term_count);
    err = err != PK_OK ? err : pk_rule_expect(c, is_clear ? "<" : ">=");
    err = err != PK_OK ? err : read_number(c, is_clear, &count);
    err = err != PK_OK ? err : pk_rule_expect(c, "in");
    err = err != PK_OK ? err : pk_rule_read_span(c, &cond->within_ms);
    cond->count = (uint16_t)count;
    cond->cmp = is_clear ? PK_CMP_LT : PK_CMP_GE;
    return err;
}

static void put_count(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                      const struct pk_rule_cond *c) {
    if (c->option == PK_COND_SAID_AS_RATE) {
        pk_cond_put_rate(b, e, r, c);
        return;
    }
    pk_buf_puts(b, "count");
    pk_cond_put_inner(b, e, r, c->term_first, c->term_count);
    pk_buf_puts(b, c->cmp == PK_CMP_LT ? " < " : " >= ");
    pk_buf_put_u64(b, c->count);
    pk_buf_puts(b, " in ");
    pk_buf_put_duration(b, c->within_ms);
}

static uint32_t count_bytes(const struct pk_rule_cond *c) {
    return (uint32_t)(sizeof(struct count_state) + c->count * sizeof(uint64_t));
}

/* The nth newest time, 1 = newest. */
static uint64_t nth(const struct count_state *s, uint32_t cap, uint32_t n) {
    return s->times[(s->head + cap - n) % cap];
}

static bool feed_count(const struct pk_cond_at *at, const struct pk_cond_input *in) {
    struct count_state *s = at->state;
    const uint32_t cap = at->c->count;
    const bool is_full = s->used == cap;
    if (is_full && nth(s, cap, cap) > in->time_ms) {
        return true; /* counted, but too old to matter */
    }
    uint32_t n = 1;
    const uint32_t steps_max = is_full ? cap - 1u : s->used;
    while (n <= steps_max && nth(s, cap, n) > in->time_ms) {
        s->times[(s->head + cap - n + 1u) % cap] = nth(s, cap, n);
        n++;
    }
    s->times[(s->head + cap - n + 1u) % cap] = in->time_ms;
    s->head = (s->head + 1u) % cap;
    s->used += is_full ? 0u : 1u;
    return true;
}

static struct pk_judgement judge_count(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct count_state *s = at->state;
    const bool is_more = at->c->cmp != PK_CMP_LT;
    const bool is_full = s->used == at->c->count;
    const uint64_t ends_ms = is_full ? nth(s, at->c->count, at->c->count) + at->c->within_ms : 0u;
    if (ends_ms > now_ms) {
        return pk_judgement_of(is_more ? PK_TRUE : PK_FALSE, now_ms, ends_ms);
    }
    return pk_judgement_of(is_more ? PK_FALSE : PK_TRUE, is_full ? ends_ms : now_ms, UINT64_MAX);
}

static uint32_t count_within(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct count_state *s = at->state;
    uint32_t n = 0;
    while (n < s->used && nth(s, at->c->count, n + 1u) + at->c->within_ms > now_ms) {
        n++;
    }
    return n;
}

static uint64_t count_first_ms(const struct pk_cond_at *at, uint64_t now_ms) {
    const uint32_t n = count_within(at, now_ms);
    return n > 0 ? nth(at->state, at->c->count, n) : now_ms;
}

static void put_count_numbers(struct pk_buf *b, const struct pk_cond_at *at, uint64_t now_ms) {
    pk_buf_put_u64(b, count_within(at, now_ms));
    pk_buf_puts(b, at->c->cmp == PK_CMP_LT ? " events, below " : " of ");
    pk_buf_put_u64(b, at->c->count);
    pk_buf_puts(b, at->c->cmp == PK_CMP_LT ? " in " : " events in ");
    pk_buf_put_duration(b, at->c->within_ms);
}

const struct pk_cond_ops PK_COND_COUNT_OPS = {
    .word = "count",
    .read = read_count,
    .put = put_count,
    .state_bytes = count_bytes,
    .feed = feed_count,
    .judge = judge_count,
    .first_ms = count_first_ms,
    .put_numbers = put_count_numbers,
};

/* -- value: the last sample -- */

struct value_state {
    uint64_t last_ms, gap_ms;
    double value;
    uint32_t verdict; /* enum pk_verdict of the sample; STALE = none yet */
    uint32_t reserved;
};

static int read_value(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_cond *cond) {
    int err = pk_rule_read_inner(c, r, &cond->term_first, &cond->term_count);
    err = err != PK_OK ? err : pk_rule_read_cmp(c, &cond->cmp);
    if (err == PK_OK && pk_cond_is_usual_next(c)) {
        return pk_cond_read_usual(c, cond);
    }
    return err != PK_OK ? err : pk_rule_read_number(c, &cond->value);
}

static void put_value(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                      const struct pk_rule_cond *c) {
    pk_buf_puts(b, "value");
    pk_cond_put_inner(b, e, r, c->term_first, c->term_count);
    pk_buf_putc(b, ' ');
    pk_buf_puts(b, pk_cmp_word((enum pk_cmp)c->cmp));
    pk_buf_putc(b, ' ');
    pk_buf_put_double(b, c->value);
}

static uint32_t value_bytes(const struct pk_rule_cond *c) {
    (void)c;
    return (uint32_t)sizeof(struct value_state);
}

static void init_value(const struct pk_cond_at *at) {
    struct value_state *s = at->state;
    s->verdict = PK_STALE;
}

static bool value_speaks(const struct pk_rule_cond *c, const struct pk_cond_input *in) {
    return in->is_first && (in->event->flags & PK_EVENT_HAS_VALUE) != 0 &&
           pk_cmp_doubles(in->event->value, (enum pk_cmp)c->cmp, c->value);
}

static bool feed_value(const struct pk_cond_at *at, const struct pk_cond_input *in) {
    struct value_state *s = at->state;
    if (s->verdict != PK_STALE && in->time_ms < s->last_ms) {
        return false; /* older than what is known */
    }
    const bool speaks = value_speaks(at->c, in);
    s->gap_ms = s->verdict != PK_STALE && in->time_ms > s->last_ms ? in->time_ms - s->last_ms : s->gap_ms;
    s->last_ms = in->time_ms;
    s->value = in->event->value;
    s->verdict = speaks ? PK_TRUE : PK_FALSE;
    if ((in->event->flags & PK_EVENT_HAS_VALUE) == 0) {
        s->verdict = PK_FAULT;
    }
    return speaks;
}

static struct pk_judgement judge_value(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct value_state *s = at->state;
    const uint64_t until_ms = s->last_ms + pk_cond_stale_ms(at->r, s->gap_ms);
    if (s->verdict == PK_STALE || until_ms <= now_ms) {
        return pk_judgement_of(PK_STALE, now_ms, UINT64_MAX);
    }
    return pk_judgement_of((enum pk_verdict)s->verdict, s->last_ms, until_ms);
}

static void put_value_numbers(struct pk_buf *b, const struct pk_cond_at *at, uint64_t now_ms) {
    const struct value_state *s = at->state;
    const enum pk_verdict v = judge_value(at, now_ms).verdict;
    if (v == PK_STALE || v == PK_FAULT) {
        pk_buf_puts(b, v == PK_STALE ? "value unknown" : "value cannot be measured");
        return;
    }
    pk_buf_puts(b, "value ");
    pk_buf_put_double(b, s->value);
    pk_buf_puts(b, ", threshold ");
    pk_buf_puts(b, pk_cmp_word((enum pk_cmp)at->c->cmp));
    pk_buf_putc(b, ' ');
    pk_buf_put_double(b, at->c->value);
}

const struct pk_cond_ops PK_COND_VALUE_OPS = {
    .word = "value",
    .traits = PK_COND_NEEDS_VALUE | PK_COND_STARTS_UNKNOWN | PK_COND_IS_OF_SOURCE,
    .read = read_value,
    .put = put_value,
    .state_bytes = value_bytes,
    .init = init_value,
    .feed = feed_value,
    .judge = judge_value,
    .is_evidence = value_speaks,
    .put_numbers = put_value_numbers,
};

/* -- absent: the last sign of life -- */

struct absent_state {
    uint64_t last_ms, promised_ms;
    uint32_t was_seen, reserved;
};

static int read_promised(struct pk_rule_cursor *c, struct pk_rule_cond *cond, uint64_t factor, bool is_told) {
    if (factor < 1 || factor > 10) {
        return pk_rule_fail(c, c->at, "'{}' must be 1x to 10x", pk_rule_peek(c));
    }
    cond->promised_factor = (uint8_t)factor;
    if (is_told) {
        (void)pk_rule_take(c);
    }
    int err = pk_rule_expect(c, "promised");
    err = err != PK_OK ? err : pk_rule_expect(c, "else");
    return err != PK_OK ? err : pk_rule_read_span(c, &cond->for_ms);
}

/* "for" ( span | [ n "x" ] "promised" "else" span ) */
static int read_absent(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_cond *cond) {
    int err = pk_rule_read_inner(c, r, &cond->term_first, &cond->term_count);
    err = err != PK_OK ? err : pk_rule_expect(c, "for");
    if (err != PK_OK) {
        return err;
    }
    const struct pk_str word = pk_rule_peek(c);
    uint64_t factor = 1;
    const bool is_factor = word.n >= 2 && word.p[word.n - 1u] == 'x' &&
                           pk_parse_u64(pk_str_make(word.p, word.n - 1u), &factor) == PK_OK;
    if (is_factor || pk_str_eq_nocase(word, "promised")) {
        return read_promised(c, cond, factor, is_factor);
    }
    return pk_rule_read_span(c, &cond->for_ms);
}

static void put_absent(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                       const struct pk_rule_cond *c) {
    pk_buf_puts(b, "absent");
    pk_cond_put_inner(b, e, r, c->term_first, c->term_count);
    pk_buf_puts(b, " for ");
    if (c->promised_factor > 0) {
        pk_buf_put_u64(b, c->promised_factor);
        pk_buf_puts(b, "x promised else ");
    }
    pk_buf_put_duration(b, c->for_ms);
}

static uint32_t absent_bytes(const struct pk_rule_cond *c) {
    (void)c;
    return (uint32_t)sizeof(struct absent_state);
}

/* A late event is no first sight, and a fault is no sign of life. */
static bool feed_absent(const struct pk_cond_at *at, const struct pk_cond_input *in) {
    struct absent_state *s = at->state;
    const bool is_late = (in->event->flags & PK_EVENT_LATE) != 0;
    const bool is_fault = (in->event->flags & PK_EVENT_FAULT) != 0;
    if (is_fault || (s->was_seen == 0 ? is_late : in->time_ms < s->last_ms)) {
        return false;
    }
    s->was_seen = 1;
    s->last_ms = in->time_ms;
    s->promised_ms = at->c->promised_factor > 0 ? pk_feed_promise_ms(at->e, in->event) : 0u;
    return false;
}

static struct pk_judgement judge_absent(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct absent_state *s = at->state;
    if (s->was_seen == 0) {
        return pk_judgement_of(PK_STALE, now_ms, UINT64_MAX);
    }
    const uint64_t wait_ms = s->promised_ms > 0 ? s->promised_ms * at->c->promised_factor : at->c->for_ms;
    const uint64_t due_ms = s->last_ms + wait_ms;
    if (due_ms <= now_ms) {
        return pk_judgement_of(PK_TRUE, due_ms, UINT64_MAX);
    }
    return pk_judgement_of(PK_FALSE, s->last_ms, due_ms);
}

static uint64_t absent_first_ms(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct absent_state *s = at->state;
    return s->was_seen != 0 ? s->last_ms : now_ms;
}

static void put_absent_numbers(struct pk_buf *b, const struct pk_cond_at *at, uint64_t now_ms) {
    const struct absent_state *s = at->state;
    if (s->was_seen == 0) {
        pk_buf_puts(b, "not seen yet");
        return;
    }
    pk_buf_puts(b, "silent for ");
    pk_buf_put_duration(b, now_ms > s->last_ms ? now_ms - s->last_ms : 0u);
    if (s->promised_ms > 0) {
        pk_buf_puts(b, ", promised every ");
        pk_buf_put_duration(b, s->promised_ms);
    }
}

const struct pk_cond_ops PK_COND_ABSENT_OPS = {
    .word = "absent",
    .traits = PK_COND_IS_OF_TIME | PK_COND_STARTS_UNKNOWN | PK_COND_IS_OF_SOURCE | PK_COND_FOR_IS_ITS_OWN,
    .read = read_absent,
    .put = put_absent,
    .state_bytes = absent_bytes,
    .feed = feed_absent,
    .judge = judge_absent,
    .first_ms = absent_first_ms,
    .put_numbers = put_absent_numbers,
};
