#include <math.h>
#include <stdio.h>

#include "base/pk_assert.h"
#include "support/oracle_cond.h"

static const char *const TYPES[ORACLE_TYPES] = {"a", "b", "c", "x"};
static const char *const SEVERITIES[] = {"info", "low", "medium", "high", "critical"};

uint32_t oracle_between(struct pk_rng *r, uint32_t low, uint32_t high) {
    return low + (uint32_t)pk_rng_below(r, high - low + 1u);
}

struct oracle_match oracle_match_make(struct pk_rng *r, bool must_be_there) {
    struct oracle_match m = {false, ORACLE_TYPES, -1, ORACLE_USERS, 0};
    const uint32_t kind = oracle_between(r, must_be_there ? 3 : 0, 9);
    if (kind < 3) {
        return m;
    }
    m.is_there = true;
    m.type = kind < 8 ? oracle_between(r, 0, ORACLE_TYPES - 1) : ORACLE_TYPES;
    m.more_than = kind >= 7 ? (int)oracle_between(r, 0, 7) : -1;
    m.user = kind == 5 ? oracle_between(r, 0, ORACLE_USERS - 1) : (uint32_t)ORACLE_USERS;
    m.severity = kind == 6 ? oracle_between(r, 1, 3) : 0u;
    return m;
}

bool oracle_matches(const struct oracle_match *m, const struct oracle_event *e) {
    return (m->type == ORACLE_TYPES || m->type == e->type) &&
           (m->more_than < 0 || (e->has_value && e->value > (double)m->more_than)) &&
           (m->user == ORACLE_USERS || m->user == e->user) && e->severity >= m->severity;
}

bool oracle_takes(const struct oracle_cond *c, const struct oracle_event *e) {
    const bool needs_value = (c->form->traits & ORACLE_NEEDS_VALUE) != 0;
    return oracle_matches(&c->first, e) && (!needs_value || e->has_value || e->is_fault);
}

void oracle_put_ms(struct pk_buf *b, const char *word, uint64_t ms) {
    pk_buf_puts(b, word);
    pk_buf_put_u64(b, ms);
    pk_buf_puts(b, "ms");
}

void oracle_put_match(struct pk_buf *b, const struct oracle_match *m) {
    const char *glue = "(";
    if (!m->is_there) {
        return;
    }
    if (m->type < ORACLE_TYPES) {
        pk_buf_puts(b, glue);
        pk_buf_puts(b, "type = ");
        pk_buf_puts(b, TYPES[m->type]);
        glue = " and ";
    }
    if (m->more_than >= 0) {
        pk_buf_puts(b, glue);
        pk_buf_puts(b, "value > ");
        pk_buf_put_u64(b, (uint64_t)m->more_than);
        glue = " and ";
    }
    if (m->user < ORACLE_USERS) {
        pk_buf_puts(b, glue);
        pk_buf_puts(b, "data.user = u");
        pk_buf_put_u64(b, m->user);
        glue = " and ";
    }
    if (m->severity > 0) {
        pk_buf_puts(b, glue);
        pk_buf_puts(b, "severity >= ");
        pk_buf_puts(b, SEVERITIES[m->severity]);
    }
    pk_buf_putc(b, ')');
}

static struct oracle_says says(bool holds, uint64_t from_ms) {
    return (struct oracle_says){holds ? ORACLE_YES : ORACLE_NO, from_ms};
}

static struct oracle_says unknown(uint64_t now_ms) {
    return (struct oracle_says){ORACLE_UNKNOWN, now_ms};
}

static bool is_in(const struct oracle_event *e, uint64_t now_ms, uint32_t within_ms) {
    return e->at_ms + within_ms > now_ms;
}

/* -- count -- */

static void make_count(struct pk_rng *r, struct oracle_cond *c) {
    c->first = oracle_match_make(r, c->is_clear);
    c->n = oracle_between(r, 1, 6);
    c->within_ms = oracle_between(r, 2, 60) * oracle_step_ms;
}

static void put_count(struct pk_buf *b, const struct oracle_cond *c) {
    pk_buf_puts(b, "count");
    oracle_put_match(b, &c->first);
    pk_buf_puts(b, c->is_clear ? " < " : " >= ");
    pk_buf_put_u64(b, c->n);
    oracle_put_ms(b, " in ", c->within_ms);
}

static struct oracle_says judge_count(const struct oracle_cond *c, const struct oracle_view *v,
                                      uint64_t now_ms) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < v->count; i++) {
        n += oracle_takes(c, v->events[i]) && is_in(v->events[i], now_ms, c->within_ms) ? 1u : 0u;
    }
    return says((n >= c->n) != c->is_clear, now_ms);
}

/* -- value, absent, expires: the newest event by its own time, of equal ones the last that came -- */

static void make_value(struct pk_rng *r, struct oracle_cond *c) {
    c->first = oracle_match_make(r, c->is_clear);
    c->value = (int)oracle_between(r, 3, 6);
}

static void put_value(struct pk_buf *b, const struct oracle_cond *c) {
    pk_buf_puts(b, "value");
    oracle_put_match(b, &c->first);
    pk_buf_puts(b, c->is_clear ? " < " : " > ");
    pk_buf_put_u64(b, (uint64_t)c->value);
}

static const struct oracle_event *newest(const struct oracle_cond *c, const struct oracle_view *v) {
    const struct oracle_event *best = NULL;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct oracle_event *e = v->events[i];
        best = oracle_takes(c, e) && (best == NULL || e->at_ms >= best->at_ms) ? e : best;
    }
    return best;
}

static struct oracle_says judge_value(const struct oracle_cond *c, const struct oracle_view *v,
                                      uint64_t now_ms) {
    const struct oracle_event *e = newest(c, v);
    if (e == NULL || e->at_ms + c->stale_ms <= now_ms || !e->has_value) {
        return unknown(now_ms);
    }
    return says(c->is_clear ? e->value < (double)c->value : e->value > (double)c->value, e->at_ms);
}

static void make_absent(struct pk_rng *r, struct oracle_cond *c) {
    c->first = oracle_match_make(r, false);
    c->within_ms = oracle_between(r, 5, 80) * oracle_step_ms;
}

static void put_absent(struct pk_buf *b, const struct oracle_cond *c) {
    pk_buf_puts(b, "absent");
    oracle_put_match(b, &c->first);
    oracle_put_ms(b, " for ", c->within_ms);
}

static struct oracle_says judge_absent(const struct oracle_cond *c, const struct oracle_view *v,
                                       uint64_t now_ms) {
    const struct oracle_event *last = NULL;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct oracle_event *e = v->events[i];
        if (!oracle_takes(c, e) || e->is_fault || (last == NULL && e->is_late)) {
            continue;
        }
        last = last == NULL || e->at_ms >= last->at_ms ? e : last;
    }
    if (last == NULL) {
        return unknown(now_ms);
    }
    const uint64_t due_ms = last->at_ms + c->within_ms;
    return due_ms <= now_ms ? says(true, due_ms) : says(false, last->at_ms);
}

static void make_expires(struct pk_rng *r, struct oracle_cond *c) {
    c->first = oracle_match_make(r, true);
    c->first.type = ORACLE_TYPES - 1;
    c->first.more_than = -1;
    c->ahead_ms = oracle_between(r, 5, 100) * oracle_step_ms;
}

static void put_expires(struct pk_buf *b, const struct oracle_cond *c) {
    pk_buf_puts(b, "expires");
    oracle_put_match(b, &c->first);
    oracle_put_ms(b, " within ", c->ahead_ms);
}

static struct oracle_says judge_expires(const struct oracle_cond *c, const struct oracle_view *v,
                                        uint64_t now_ms) {
    const struct oracle_event *e = newest(c, v);
    const bool is_moment = e != NULL && e->value >= 1e6;
    if (e == NULL || !e->has_value || e->at_ms + c->stale_ms <= now_ms || (is_moment && e->is_unsure)) {
        return unknown(now_ms);
    }
    const double left_ms =
        e->value < 1e6 ? trunc(e->value * 86400000.0) : e->value * 1000.0 - (double)e->wall_ms;
    const double due_ms = (double)e->at_ms + left_ms - (double)c->ahead_ms;
    if (due_ms > (double)now_ms) {
        return says(false, e->at_ms);
    }
    return says(true, due_ms > (double)e->at_ms ? (uint64_t)due_ms : e->at_ms);
}

/* -- rate, ratio: events of the last fifteen parts of the clock -- */

static void make_rate(struct pk_rng *r, struct oracle_cond *c) {
    c->first = oracle_match_make(r, c->is_clear);
    c->n = oracle_between(r, 0, 1) == 0 ? oracle_between(r, 1, 8) : oracle_between(r, 60, 80);
    c->within_ms = oracle_between(r, 1, 10) * 15 * oracle_step_ms;
}

static void put_rate(struct pk_buf *b, const struct oracle_cond *c) {
    pk_buf_puts(b, "rate");
    oracle_put_match(b, &c->first);
    pk_buf_puts(b, c->is_clear ? " < " : " > ");
    pk_buf_put_u64(b, c->n);
    oracle_put_ms(b, " per ", c->within_ms);
}

static bool is_in_parts(const struct oracle_event *e, uint64_t now_ms, uint32_t within_ms) {
    const uint64_t width_ms = within_ms / 15u;
    return e->at_ms / width_ms + 15u > now_ms / width_ms;
}

static struct oracle_says judge_rate(const struct oracle_cond *c, const struct oracle_view *v,
                                     uint64_t now_ms) {
    const uint32_t least = c->is_clear ? c->n : c->n + 1u;
    uint32_t n = 0;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct oracle_event *e = v->events[i];
        const bool counts =
            least <= 64 ? is_in(e, now_ms, c->within_ms) : is_in_parts(e, now_ms, c->within_ms);
        n += oracle_takes(c, e) && counts ? 1u : 0u;
    }
    return says((n >= least) != c->is_clear, now_ms);
}

static void make_ratio(struct pk_rng *r, struct oracle_cond *c) {
    c->first = oracle_match_make(r, false);
    c->second = oracle_match_make(r, true);
    c->is_less = oracle_between(r, 0, 2) == 0;
    c->percent = oracle_between(r, 10, 90);
    c->n = oracle_between(r, 1, 6);
    c->within_ms = oracle_between(r, 1, 6) * 15 * oracle_step_ms;
}

static void put_ratio(struct pk_buf *b, const struct oracle_cond *c) {
    pk_buf_puts(b, "ratio");
    oracle_put_match(b, &c->second);
    pk_buf_puts(b, c->first.is_there ? " of " : " of events");
    oracle_put_match(b, &c->first);
    pk_buf_puts(b, c->is_less ? " < " : " > ");
    pk_buf_put_u64(b, c->percent);
    oracle_put_ms(b, "% in ", c->within_ms);
    pk_buf_puts(b, " min ");
    pk_buf_put_u64(b, c->n);
}

static struct oracle_says judge_ratio(const struct oracle_cond *c, const struct oracle_view *v,
                                      uint64_t now_ms) {
    uint32_t n = 0;
    uint32_t all = 0;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct oracle_event *e = v->events[i];
        if (oracle_takes(c, e) && is_in_parts(e, now_ms, c->within_ms)) {
            all++;
            n += oracle_matches(&c->second, e) ? 1u : 0u;
        }
    }
    const bool is_beyond = c->is_less ? n * 100u < all * c->percent : n * 100u > all * c->percent;
    return says(all >= c->n && is_beyond, now_ms);
}

/* -- distinct -- */

static void make_distinct(struct pk_rng *r, struct oracle_cond *c) {
    c->first = oracle_match_make(r, false);
    c->is_source = oracle_between(r, 0, 1) == 0;
    c->n = oracle_between(r, 2, c->is_source ? ORACLE_SOURCES : 5);
    c->within_ms = oracle_between(r, 2, 60) * oracle_step_ms;
}

static void put_distinct(struct pk_buf *b, const struct oracle_cond *c) {
    pk_buf_puts(b, c->is_source ? "distinct(source)" : "distinct(data.user)");
    pk_buf_puts(b, c->first.is_there ? " of " : "");
    oracle_put_match(b, &c->first);
    pk_buf_puts(b, " >= ");
    pk_buf_put_u64(b, c->n);
    oracle_put_ms(b, " in ", c->within_ms);
}

static struct oracle_says judge_distinct(const struct oracle_cond *c, const struct oracle_view *v,
                                         uint64_t now_ms) {
    bool was_seen[ORACLE_USERS + 1] = {false};
    uint32_t n = 0;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct oracle_event *e = v->events[i];
        if (oracle_takes(c, e) && is_in(e, now_ms, c->within_ms)) {
            was_seen[c->is_source ? e->source : e->user] = true;
        }
    }
    const uint32_t kinds = c->is_source ? ORACLE_SOURCES : ORACLE_USERS; /* no user is none of them */
    for (uint32_t i = 0; i < kinds; i++) {
        n += was_seen[i] ? 1u : 0u;
    }
    return says(n >= c->n, now_ms);
}

/* -- consecutive -- */

static void make_run(struct pk_rng *r, struct oracle_cond *c) {
    c->first = oracle_match_make(r, true);
    c->n = oracle_between(r, 2, 4);
}

static void put_run(struct pk_buf *b, const struct oracle_cond *c) {
    pk_buf_puts(b, "consecutive");
    oracle_put_match(b, &c->first);
    pk_buf_puts(b, " >= ");
    pk_buf_put_u64(b, c->n);
}

static struct oracle_says judge_run(const struct oracle_cond *c, const struct oracle_view *v,
                                    uint64_t now_ms) {
    uint64_t last_ms = 0;
    uint32_t run = 0;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct oracle_event *e = v->events[i];
        if (e->at_ms >= last_ms) {
            last_ms = e->at_ms;
            run = oracle_takes(c, e) ? run + 1u : 0u;
        }
    }
    return v->count == 0 ? unknown(now_ms) : says(run >= c->n, last_ms);
}

/* -- then, without -- */

static void make_pair(struct pk_rng *r, struct oracle_cond *c) {
    c->first = oracle_match_make(r, true);
    c->first.type = oracle_between(r, 0, 1);
    c->second = oracle_match_make(r, true);
    c->second.type = oracle_between(r, 0, 3) == 0 ? (uint32_t)ORACLE_TYPES : 2u;
    c->second.more_than = c->second.type == ORACLE_TYPES ? 3 : c->second.more_than;
    c->within_ms = oracle_between(r, 2, 60) * oracle_step_ms;
}

static void put_pair(struct pk_buf *b, const struct oracle_cond *c, const char *word) {
    pk_buf_puts(b, "event");
    oracle_put_match(b, &c->first);
    pk_buf_puts(b, word);
    oracle_put_match(b, &c->second);
    oracle_put_ms(b, " within ", c->within_ms);
}

static void put_then(struct pk_buf *b, const struct oracle_cond *c) {
    put_pair(b, c, " then event");
}

static void put_without(struct pk_buf *b, const struct oracle_cond *c) {
    put_pair(b, c, " without event");
}

/* The A of every pair (A came before B, and is not newer), when fewer than four A that had come were newer.
 */
static struct oracle_says judge_then(const struct oracle_cond *c, const struct oracle_view *v,
                                     uint64_t now_ms) {
    for (uint32_t b = 0; b < v->count; b++) {
        if (!oracle_matches(&c->second, v->events[b]) || !is_in(v->events[b], now_ms, c->within_ms)) {
            continue; /* with a B that is out of the window, its A is */
        }
        for (uint32_t a = 0; a < b; a++) {
            const struct oracle_event *first = v->events[a];
            if (!oracle_takes(c, first) || !is_in(first, now_ms, c->within_ms)) {
                continue;
            }
            uint32_t newer = 0;
            for (uint32_t i = 0; i < b; i++) {
                newer += oracle_takes(c, v->events[i]) && v->events[i]->at_ms > first->at_ms ? 1u : 0u;
            }
            if (first->at_ms <= v->events[b]->at_ms && newer < 4) {
                return says(true, now_ms);
            }
        }
    }
    return says(false, now_ms);
}

/* Of those that wait the five oldest and the newest are kept. */
static struct oracle_says judge_without(const struct oracle_cond *c, const struct oracle_view *v,
                                        uint64_t now_ms) {
    uint64_t waiting[8];
    uint32_t n = 0;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct oracle_event *e = v->events[i];
        if (oracle_matches(&c->second, e)) {
            uint32_t left = 0;
            for (uint32_t k = 0; k < n; k++) {
                waiting[left] = waiting[k];
                left += waiting[k] > e->at_ms ? 1u : 0u;
            }
            n = left;
        }
        if (!oracle_takes(c, e) || e->is_late) {
            continue;
        }
        waiting[n++] = e->at_ms; /* not late: none is newer */
        if (n == 7) {
            waiting[5] = waiting[6];
            n = 6;
        }
    }
    if (n > 0 && waiting[0] + c->within_ms <= now_ms) {
        return says(true, waiting[0] + c->within_ms);
    }
    return says(false, now_ms);
}

const struct oracle_form ORACLE_FORMS[] = {
    {"count", ORACLE_MAY_CLEAR, make_count, put_count, judge_count},
    {"value", ORACLE_NEEDS_VALUE | ORACLE_BY_SOURCE_ALONE | ORACLE_MAY_CLEAR, make_value, put_value,
     judge_value},
    {"absent", ORACLE_IS_OF_TIME | ORACLE_BY_SOURCE_ALONE | ORACLE_FOR_IS_ITS_OWN, make_absent, put_absent,
     judge_absent},
    {"expires", ORACLE_NEEDS_VALUE | ORACLE_IS_OF_TIME, make_expires, put_expires, judge_expires},
    {"rate", ORACLE_MAY_CLEAR | ORACLE_NOT_ACROSS, make_rate, put_rate, judge_rate},
    {"ratio", 0, make_ratio, put_ratio, judge_ratio},
    {"distinct", 0, make_distinct, put_distinct, judge_distinct},
    {"consecutive", ORACLE_MAY_CLEAR | ORACLE_TAKES_ALL, make_run, put_run, judge_run},
    {"then", 0, make_pair, put_then, judge_then},
    {"without", ORACLE_IS_OF_TIME, make_pair, put_without, judge_without},
    {"quantile", ORACLE_NEEDS_VALUE | ORACLE_IS_LARGE | ORACLE_MAY_CLEAR, oracle_quantile_make,
     oracle_quantile_put, oracle_quantile_judge},
    {"extreme", ORACLE_NEEDS_VALUE, oracle_extreme_make, oracle_extreme_put, oracle_extreme_judge},
    {"trend", ORACLE_NEEDS_VALUE, oracle_trend_make, oracle_trend_put, oracle_trend_judge},
    {"usual", ORACLE_NEEDS_VALUE, oracle_usual_make, oracle_usual_put, oracle_usual_judge},
    {"anomaly", ORACLE_NEEDS_VALUE, oracle_anomaly_make, oracle_anomaly_put, oracle_anomaly_judge},
};
const uint32_t ORACLE_FORM_COUNT = PK_COUNT_OF(ORACLE_FORMS);
