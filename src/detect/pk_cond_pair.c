/* event(A) then event(B) within T; event(A) without event(B) within T. Both by the events' own times, in one
 * group.
 *
 * then: holds while the window (now - T, now] has an A which had come when a B not older than it came. Of the
 * A the four newest are kept: exact unless a B comes late, behind more than four newer A.
 *
 * without: holds from T after an A on, until a B not older than that A comes; each A waits for its own B. A
 * late A says nothing (its B may be under way), a late B answers. Of the A that wait six are kept, the five
 * oldest and the newest: exact unless more of them wait at a time and a B answers only some; then the alarm
 * for those left is late, never early. */
#include "base/pk_assert.h"
#include "detect/pk_cond.h"

enum { THEN_KEPT = 4, WITHOUT_KEPT = 6 };

struct then_state {
    uint64_t pair_ms; /* of the A of the newest pair */
    uint32_t has_pair, used;
    uint64_t a_ms[THEN_KEPT]; /* newest first */
};

struct without_state {
    uint32_t used, is_adopted;   /* adopted: something waits that is not among these */
    uint64_t a_ms[WITHOUT_KEPT]; /* waiting, oldest first */
};

static bool is_same_term(const struct pk_rule_cursor *c, const struct pk_rule_term *a,
                         const struct pk_rule_term *b) {
    return a->field == b->field && a->cmp == b->cmp && a->severity == b->severity &&
           a->is_number == b->is_number && pk_cmp_doubles(a->number, PK_CMP_EQ, b->number) &&
           pk_str_eq(pk_rule_ref_str(c->text, a->name), pk_rule_ref_str(c->text, b->name)) &&
           pk_str_eq(pk_rule_ref_str(c->text, a->text), pk_rule_ref_str(c->text, b->text));
}

static bool is_same(const struct pk_rule_cursor *c, const struct pk_rule *r,
                    const struct pk_rule_cond *cond) {
    bool is_same_so_far = cond->term_count == cond->then_count;
    for (uint32_t i = 0; i < cond->term_count && is_same_so_far; i++) {
        is_same_so_far = is_same_term(c, &r->terms[cond->term_first + i], &r->terms[cond->then_first + i]);
    }
    return is_same_so_far;
}

/* "(" terms ")" ( "then" | "without" ) "event" "(" terms ")" "within" span */
static int read_pair(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_cond *cond) {
    static const char *const WORDS[] = {"then", "without"};
    int err = pk_rule_need_inner(c, r, &cond->term_first, &cond->term_count);
    if (err != PK_OK) {
        return err;
    }
    const struct pk_str word = pk_rule_take(c);
    if (pk_str_eq_nocase(word, "without")) {
        cond->kind = PK_COND_WITHOUT;
    } else if (!pk_str_eq_nocase(word, "then")) {
        return pk_rule_fail_word(c, c->at - word.n, "expected 'then' or 'without', not '{}'", word, WORDS,
                                 PK_COUNT_OF(WORDS));
    }
    err = pk_rule_expect(c, "event");
    const uint32_t at = c->at;
    err = err != PK_OK ? err : pk_rule_need_inner(c, r, &cond->then_first, &cond->then_count);
    if (err == PK_OK && is_same(c, r, cond)) {
        return pk_rule_fail(c, at, "both events are the same: 'count >= 2' counts repetitions",
                            pk_str_make(NULL, 0));
    }
    err = err != PK_OK ? err : pk_rule_expect(c, "within");
    return err != PK_OK ? err : pk_rule_read_span(c, &cond->within_ms);
}

static void put_pair(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                     const struct pk_rule_cond *c) {
    pk_buf_puts(b, "event");
    pk_cond_put_inner(b, e, r, c->term_first, c->term_count);
    pk_buf_puts(b, c->kind == PK_COND_THEN ? " then event" : " without event");
    pk_cond_put_inner(b, e, r, c->then_first, c->then_count);
    pk_buf_puts(b, " within ");
    pk_buf_put_duration(b, c->within_ms);
}

static bool either(const struct pk_rule_cond *c, const struct pk_cond_input *in) {
    (void)c;
    return in->is_first || in->is_second;
}

/* -- then -- */

static uint32_t then_bytes(const struct pk_rule_cond *c) {
    (void)c;
    return (uint32_t)sizeof(struct then_state);
}

static bool feed_then(const struct pk_cond_at *at, const struct pk_cond_input *in) {
    struct then_state *s = at->state;
    bool is_pair = false;
    for (uint32_t i = 0; in->is_second && i < s->used && !is_pair; i++) {
        is_pair = s->a_ms[i] <= in->time_ms;
        if (is_pair && (s->has_pair == 0 || s->a_ms[i] > s->pair_ms)) {
            s->has_pair = 1;
            s->pair_ms = s->a_ms[i];
        }
    }
    if (!in->is_first || (s->used == THEN_KEPT && s->a_ms[THEN_KEPT - 1] >= in->time_ms)) {
        return is_pair;
    }
    s->used += s->used < THEN_KEPT ? 1u : 0u;
    uint32_t to = s->used - 1u;
    while (to > 0 && s->a_ms[to - 1u] < in->time_ms) {
        s->a_ms[to] = s->a_ms[to - 1u];
        to--;
    }
    s->a_ms[to] = in->time_ms;
    return is_pair;
}

static struct pk_judgement judge_then(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct then_state *s = at->state;
    const uint64_t ends_ms = s->has_pair != 0 ? s->pair_ms + at->c->within_ms : 0u;
    if (ends_ms > now_ms) {
        return pk_judgement_of(PK_TRUE, now_ms, ends_ms);
    }
    return pk_judgement_of(PK_FALSE, s->has_pair != 0 ? ends_ms : now_ms, UINT64_MAX);
}

static uint64_t then_first_ms(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct then_state *s = at->state;
    return s->has_pair != 0 ? s->pair_ms : now_ms;
}

static void put_then_numbers(struct pk_buf *b, const struct pk_cond_at *at, uint64_t now_ms) {
    const struct then_state *s = at->state;
    const bool holds = judge_then(at, now_ms).verdict == PK_TRUE;
    const bool is_begun = !holds && s->used > 0 && s->a_ms[0] + at->c->within_ms > now_ms;
    if (!holds && !is_begun) {
        pk_buf_puts(b, "the first event did not come");
        return;
    }
    const uint64_t began_ms = holds ? s->pair_ms : s->a_ms[0];
    pk_buf_puts(b, holds ? "both events came, the first " : "the first event came ");
    pk_buf_put_duration(b, now_ms > began_ms ? now_ms - began_ms : 0u);
    pk_buf_puts(b, holds ? " ago" : " ago, the second did not");
}

const struct pk_cond_ops PK_COND_THEN_OPS = {
    .word = "event",
    .read = read_pair,
    .put = put_pair,
    .state_bytes = then_bytes,
    .feed = feed_then,
    .judge = judge_then,
    .is_evidence = either,
    .first_ms = then_first_ms,
    .put_numbers = put_then_numbers,
};

/* -- without -- */

static uint32_t without_bytes(const struct pk_rule_cond *c) {
    (void)c;
    return (uint32_t)sizeof(struct without_state);
}

static void adopt_without(const struct pk_cond_at *at) {
    struct without_state *s = at->state;
    s->is_adopted = 1;
}

/* A B at this time answers every A up to it; what waits unseen is older than whatever comes. */
static void answer(struct without_state *s, uint64_t time_ms) {
    uint32_t gone = 0;
    s->is_adopted = 0;
    while (gone < s->used && s->a_ms[gone] <= time_ms) {
        gone++;
    }
    for (uint32_t i = gone; i < s->used && gone > 0; i++) {
        s->a_ms[i - gone] = s->a_ms[i];
    }
    s->used -= gone;
}

static void await(struct without_state *s, uint64_t time_ms) {
    if (s->used == WITHOUT_KEPT) {
        s->a_ms[WITHOUT_KEPT - 1] = time_ms > s->a_ms[WITHOUT_KEPT - 1] ? time_ms : s->a_ms[WITHOUT_KEPT - 1];
        return;
    }
    uint32_t to = s->used++;
    while (to > 0 && s->a_ms[to - 1u] > time_ms) {
        s->a_ms[to] = s->a_ms[to - 1u];
        to--;
    }
    s->a_ms[to] = time_ms;
}

static bool feed_without(const struct pk_cond_at *at, const struct pk_cond_input *in) {
    struct without_state *s = at->state;
    const bool is_late =
        (in->event->flags & PK_EVENT_LATE) != 0 || in->time_ms + at->c->within_ms <= in->now_ms;
    if (in->is_second) {
        answer(s, in->time_ms);
    }
    if (in->is_first && !is_late) {
        await(s, in->time_ms);
    }
    return in->is_first && !is_late;
}

static struct pk_judgement judge_without(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct without_state *s = at->state;
    const enum pk_verdict not_due = s->is_adopted != 0 ? PK_STALE : PK_FALSE;
    if (s->used == 0) {
        return pk_judgement_of(not_due, now_ms, UINT64_MAX);
    }
    const uint64_t due_ms = s->a_ms[0] + at->c->within_ms;
    if (due_ms <= now_ms) {
        return pk_judgement_of(PK_TRUE, due_ms, UINT64_MAX);
    }
    return pk_judgement_of(not_due, now_ms, due_ms);
}

static uint64_t without_first_ms(const struct pk_cond_at *at, uint64_t now_ms) {
    const struct without_state *s = at->state;
    return s->used > 0 ? s->a_ms[0] : now_ms;
}

static void put_without_numbers(struct pk_buf *b, const struct pk_cond_at *at, uint64_t now_ms) {
    const struct without_state *s = at->state;
    if (s->used == 0) {
        pk_buf_puts(b, s->is_adopted != 0 ? "no second event so far" : "nothing waits");
        return;
    }
    pk_buf_puts(b, "no second event for ");
    pk_buf_put_duration(b, now_ms > s->a_ms[0] ? now_ms - s->a_ms[0] : 0u);
    pk_buf_puts(b, ", limit ");
    pk_buf_put_duration(b, at->c->within_ms);
}

const struct pk_cond_ops PK_COND_WITHOUT_OPS = {
    .traits = PK_COND_IS_OF_TIME,
    .read = read_pair,
    .put = put_pair,
    .state_bytes = without_bytes,
    .adopt = adopt_without,
    .feed = feed_without,
    .judge = judge_without,
    .is_evidence = either,
    .first_ms = without_first_ms,
    .put_numbers = put_without_numbers,
};
