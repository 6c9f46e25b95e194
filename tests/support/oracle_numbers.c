/* Forms on numbers: quantiles, drop and rise, trends. */
#include <math.h>
#include <stdlib.h>

#include "detect/pk_trend.h"
#include "support/oracle_cond.h"

enum { QUARTERS = 4, EVENTS_MAX = 2000, SLOTS = PK_TREND_SLOTS };

static struct oracle_says says(bool holds, uint64_t now_ms) {
    return (struct oracle_says){holds ? ORACLE_YES : ORACLE_NO, now_ms};
}

static struct oracle_says unknown(uint64_t now_ms) {
    return (struct oracle_says){ORACLE_UNKNOWN, now_ms};
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static const struct oracle_event *newest(const struct oracle_cond *c, const struct oracle_view *v) {
    const struct oracle_event *best = NULL;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct oracle_event *e = v->events[i];
        best = oracle_takes(c, e) && (best == NULL || e->at_ms >= best->at_ms) ? e : best;
    }
    return best;
}

static bool is_fresh(const struct oracle_cond *c, const struct oracle_event *e, uint64_t now_ms) {
    return e != NULL && e->at_ms + c->stale_ms > now_ms;
}

/* -- quantiles: all numbers of the last four quarters on the clock, sorted -- */

void oracle_quantile_make(struct pk_rng *r, struct oracle_cond *c) {
    c->first = oracle_match_make(r, c->is_clear);
    c->percent = oracle_between(r, 50, 99);
    c->n = oracle_between(r, 1, 6);
    c->within_ms = oracle_between(r, 1, 15) * QUARTERS * oracle_step_ms;
    c->value = (int)oracle_between(r, 2, 7);
    c->is_less = oracle_between(r, 0, 3) == 0;
}

void oracle_quantile_put(struct pk_buf *b, const struct oracle_cond *c) {
    pk_buf_putc(b, 'p');
    pk_buf_put_u64(b, c->percent);
    oracle_put_match(b, &c->first);
    pk_buf_puts(b, c->is_less ? " < " : " > ");
    pk_buf_put_u64(b, (uint64_t)c->value);
    oracle_put_ms(b, " in ", c->within_ms);
    pk_buf_puts(b, " min ");
    pk_buf_put_u64(b, c->n);
}

struct oracle_says oracle_quantile_judge(const struct oracle_cond *c, const struct oracle_view *v,
                                         uint64_t now_ms) {
    static double numbers[EVENTS_MAX];
    const struct oracle_event *last = newest(c, v);
    const uint64_t width_ms = c->within_ms / QUARTERS;
    uint32_t n = 0;
    if (last != NULL && !last->has_value && is_fresh(c, last, now_ms)) {
        return unknown(now_ms);
    }
    for (uint32_t i = 0; i < v->count; i++) {
        const struct oracle_event *e = v->events[i];
        if (oracle_takes(c, e) && e->has_value && e->at_ms / width_ms + QUARTERS > now_ms / width_ms) {
            numbers[n++] = e->value;
        }
    }
    if (n < c->n) {
        return unknown(now_ms);
    }
    qsort(numbers, n, sizeof numbers[0], by_value);
    const double percentile = numbers[(n * c->percent + 99u) / 100u - 1u];
    return says(c->is_less ? percentile < (double)c->value : percentile > (double)c->value, now_ms);
}

/* -- drop, rise: the newest number against the farthest of the window -- */

void oracle_extreme_make(struct pk_rng *r, struct oracle_cond *c) {
    c->first = oracle_match_make(r, false);
    c->is_less = oracle_between(r, 0, 1) == 0;
    c->percent = oracle_between(r, 0, 2) == 0 ? oracle_between(r, 10, c->is_less ? 100 : 200) : 0u;
    c->n = oracle_between(r, 2, 8);
    c->within_ms = oracle_between(r, 2, 60) * oracle_step_ms;
}

void oracle_extreme_put(struct pk_buf *b, const struct oracle_cond *c) {
    pk_buf_puts(b, c->is_less ? "drop" : "rise");
    oracle_put_match(b, &c->first);
    pk_buf_puts(b, " >= ");
    pk_buf_put_u64(b, c->percent > 0 ? c->percent : c->n);
    pk_buf_puts(b, c->percent > 0 ? "%" : "");
    oracle_put_ms(b, " within ", c->within_ms);
}

struct oracle_says oracle_extreme_judge(const struct oracle_cond *c, const struct oracle_view *v,
                                        uint64_t now_ms) {
    const struct oracle_event *last = newest(c, v);
    if (!is_fresh(c, last, now_ms) || !last->has_value) {
        return unknown(now_ms);
    }
    bool is_found = false;
    double top = 0;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct oracle_event *e = v->events[i];
        if (!oracle_takes(c, e) || !e->has_value || e->at_ms + c->within_ms <= now_ms) {
            continue;
        }
        top = !is_found || (c->is_less ? e->value > top : e->value < top) ? e->value : top;
        is_found = true;
    }
    const double away = c->is_less ? top - last->value : last->value - top;
    if (c->percent > 0) {
        return says(is_found && top != 0 && away >= fabs(top) * (double)c->percent / 100.0, now_ms);
    }
    return says(is_found && away >= (double)c->n, now_ms);
}

/* -- trend: the slots made anew from all events, every slope anew -- */

struct slot {
    double numbers[EVENTS_MAX / 4];
    uint32_t count;
    uint64_t number, offset_ms;
};

struct point {
    double value;
    uint64_t at_ms;
};

void oracle_trend_make(struct pk_rng *r, struct oracle_cond *c) {
    c->first = oracle_match_make(r, true);
    c->first.type = oracle_between(r, 0, ORACLE_TYPES - 2); /* small whole numbers: sums have no order */
    c->first.user = ORACLE_USERS;
    c->first.severity = 0;
    c->first.more_than = -1;
    c->n = oracle_between(r, 0, 2); /* way */
    c->value = (int)oracle_between(r, 0, 12);
    c->within_ms = oracle_between(r, 2, 8) * SLOTS * oracle_step_ms;
    c->ahead_ms = oracle_between(r, 1, 600) * oracle_step_ms;
}

void oracle_trend_put(struct pk_buf *b, const struct oracle_cond *c) {
    static const char *const WAYS[] = {" reaches ", " rises to ", " falls to "};
    pk_buf_puts(b, "trend");
    oracle_put_match(b, &c->first);
    pk_buf_puts(b, WAYS[c->n]);
    pk_buf_put_u64(b, (uint64_t)c->value);
    oracle_put_ms(b, " within ", c->ahead_ms);
    oracle_put_ms(b, " over ", c->within_ms);
}

static double median(double *numbers, uint32_t n) {
    qsort(numbers, n, sizeof numbers[0], by_value);
    return n % 2 == 1 ? numbers[n / 2] : numbers[n / 2 - 1] / 2 + numbers[n / 2] / 2;
}

static struct point point_of(struct slot *s, uint64_t width_ms) {
    const uint32_t trim = s->count >= 3 ? 1u : 0u;
    double sum = 0;
    qsort(s->numbers, s->count, sizeof s->numbers[0], by_value);
    for (uint32_t i = trim; i < s->count - trim; i++) {
        sum += s->numbers[i];
    }
    return (struct point){sum / (s->count - 2u * trim), s->number * width_ms + s->offset_ms / s->count};
}

/* Complete slots in the look-back before the newest complete one, oldest first. */
static uint32_t points_of(const struct oracle_cond *c, const struct oracle_view *v, struct point *out) {
    static struct slot s;
    const uint64_t width_ms = c->within_ms / SLOTS;
    uint32_t n = 0;
    s.count = 0;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct oracle_event *e = v->events[i];
        const uint64_t number = e->at_ms / width_ms;
        if (!oracle_takes(c, e) || !e->has_value || (s.count > 0 && number < s.number)) {
            continue;
        }
        if (s.count > 0 && number > s.number) {
            out[n++] = point_of(&s, width_ms);
            s.count = 0;
        }
        s.offset_ms = s.count > 0 ? s.offset_ms + e->at_ms % width_ms : e->at_ms % width_ms;
        s.number = number;
        s.numbers[s.count++] = e->value;
    }
    uint32_t first = n > SLOTS ? n - SLOTS : 0u;
    while (first < n && out[n - 1].at_ms - out[first].at_ms > c->within_ms) {
        first++;
    }
    for (uint32_t i = first; i < n; i++) {
        out[i - first] = out[i];
    }
    return n - first;
}

struct line {
    double slope, level, confidence;
};

static struct line line_of(const struct point *p, uint32_t n) {
    struct line l = {0, 0, 0};
    double outer[SLOTS];
    double rest[SLOTS];
    int agree = 0;
    for (uint32_t i = 0; i < n; i++) {
        double inner[SLOTS];
        uint32_t k = 0;
        for (uint32_t j = 0; j < n; j++) {
            if (j != i) {
                inner[k++] = (p[j].value - p[i].value) / ((double)p[j].at_ms - (double)p[i].at_ms);
            }
        }
        outer[i] = median(inner, k);
    }
    l.slope = median(outer, n);
    for (uint32_t i = 0; i < n; i++) {
        rest[i] = p[i].value + l.slope * (double)(p[n - 1].at_ms - p[i].at_ms);
        for (uint32_t j = i + 1u; j < n; j++) {
            agree += p[j].value > p[i].value ? 1 : p[j].value < p[i].value ? -1 : 0;
        }
    }
    l.level = median(rest, n);
    l.confidence = (double)agree / (double)(n * (n - 1u) / 2u) * (l.slope > 0 ? 1 : l.slope < 0 ? -1 : 0);
    return l;
}

struct oracle_says oracle_trend_judge(const struct oracle_cond *c, const struct oracle_view *v,
                                      uint64_t now_ms) {
    static struct point p[EVENTS_MAX];
    const struct oracle_event *last = newest(c, v);
    const uint32_t n = points_of(c, v, p);
    if (!is_fresh(c, last, now_ms) || !last->has_value || n < PK_TREND_SLOTS_MIN ||
        p[n - 1].at_ms + c->within_ms < now_ms) {
        return unknown(now_ms);
    }
    const struct line l = line_of(p, n);
    const uint64_t made_ms = p[n - 1].at_ms;
    const double level = l.level + l.slope * (last->at_ms > made_ms ? (double)(last->at_ms - made_ms) : 0);
    const double began = l.level - l.slope * (double)(made_ms - p[0].at_ms);
    const double left = (double)c->value - level;
    const bool is_up = c->n == PK_TREND_UP || (c->n == PK_TREND_EITHER && l.slope > 0);
    const bool is_sure = l.confidence >= PK_TREND_CONFIDENCE_MIN;
    if (is_up ? left <= 0 : left >= 0) {
        const bool was_before = is_up ? began < (double)c->value : began > (double)c->value;
        return says(c->n != PK_TREND_EITHER || (is_sure && was_before), now_ms);
    }
    const bool is_way = is_up ? l.slope > 0 : l.slope < 0;
    return says(is_sure && is_way && left / l.slope <= (double)c->ahead_ms, now_ms);
}
