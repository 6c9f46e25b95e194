/* Forms that learn: what is usual at this hour, from all numbers by its definition; anomalies, by a detector
 * that is shown all numbers anew (its own arithmetic has other tests). */
#include <math.h>
#include <stdlib.h>

#include "detect/pk_anomaly.h"
#include "support/oracle_cond.h"

enum { PARTS = 12, DAYS = 7, HOURS = 24 * DAYS, NUMBERS_MAX = 2000, CACHED = 64 };
static const uint64_t PART_MS = 300000;

static struct oracle_says says(bool holds, uint64_t from_ms) {
    return (struct oracle_says){holds ? ORACLE_YES : ORACLE_NO, from_ms};
}

static struct oracle_says unknown(uint64_t now_ms) {
    return (struct oracle_says){ORACLE_UNKNOWN, now_ms};
}

static int by_value(const void *a, const void *b) {
    const float x = *(const float *)a;
    const float y = *(const float *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static float median(float *v, uint32_t n) {
    qsort(v, n, sizeof *v, by_value);
    return n % 2u == 1u ? v[n / 2u] : (float)(((double)v[n / 2u - 1u] + (double)v[n / 2u]) / 2.0);
}

/* What is taken of a group, in the order it came: never what is older than something before. */
static uint32_t taken(const struct oracle_cond *c, const struct oracle_view *v,
                      const struct oracle_event **out) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct oracle_event *e = v->events[i];
        if (oracle_takes(c, e) && (n == 0 || e->at_ms >= out[n - 1u]->at_ms)) {
            out[n++] = e;
        }
    }
    return n;
}

/* -- usual -- */

void oracle_usual_make(struct pk_rng *r, struct oracle_cond *c) {
    c->first = oracle_match_make(r, false);
    c->tenths = oracle_between(r, 2, 25);
    c->is_less = oracle_between(r, 0, 2) == 0;
    c->n = oracle_between(r, 0, 3); /* min; 0 = not said */
}

void oracle_usual_put(struct pk_buf *b, const struct oracle_cond *c) {
    pk_buf_puts(b, "value");
    oracle_put_match(b, &c->first);
    pk_buf_puts(b, c->is_less ? " < " : " > ");
    pk_buf_put_u64(b, c->tenths / 10u);
    pk_buf_putc(b, '.');
    pk_buf_put_u64(b, c->tenths % 10u);
    pk_buf_puts(b, "x usual");
    if (c->n > 0) {
        pk_buf_puts(b, " min ");
        pk_buf_put_u64(b, c->n);
    }
}

/* Of the numbers of one five minutes: without the lowest and the highest, when there are more than two. */
static float mean_of_part(const struct oracle_event *const *events, uint32_t n, uint64_t part,
                          bool *out_is_there) {
    double sum = 0;
    double low = 0;
    double high = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!events[i]->has_value || events[i]->at_ms / PART_MS != part) {
            continue;
        }
        const double v = events[i]->value;
        low = count == 0 || v < low ? v : low;
        high = count == 0 || v > high ? v : high;
        sum += v;
        count++;
    }
    *out_is_there = count > 0;
    return count == 0 ? 0.0f
                      : (float)(count > 2u ? (sum - low - high) / (double)(count - 2u) : (low + high) / 2.0);
}

/* To eight binary digits, halves away from zero. */
static float rounded(float v) {
    int exponent = 0;
    const double fraction = frexp((double)v, &exponent);
    return (float)ldexp(floor(fraction * 256.0 + 0.5), exponent - 8);
}

/* Means of the parts of an hour that are there. */
static uint32_t parts_of_hour(const struct oracle_event *const *events, uint32_t n, uint64_t hour,
                              float out[PARTS]) {
    uint32_t count = 0;
    for (uint32_t part = 0; part < PARTS; part++) {
        bool is_there = false;
        const float mean = mean_of_part(events, n, hour * PARTS + part, &is_there);
        if (is_there) {
            out[count++] = mean;
        }
    }
    return count;
}

/* What was told before the part of five minutes that began last. */
static bool usual_before(const struct oracle_event *const *events, uint32_t n, uint64_t hour, double *out) {
    float same[DAYS];
    float all[HOURS + PARTS];
    float means[PARTS];
    uint32_t same_count = 0;
    uint32_t all_count = 0;
    uint32_t part_count = 0;
    for (uint64_t back = 1; back <= HOURS && back <= hour; back++) {
        const uint32_t parts = parts_of_hour(events, n, hour - back, means);
        part_count += parts;
        if (parts == 0) {
            continue;
        }
        all[all_count++] = rounded(median(means, parts));
        if (back % 24u == 0) {
            same[same_count++] = all[all_count - 1u];
        }
    }
    if (all_count < 3u) {
        const uint32_t parts = parts_of_hour(events, n, hour, &all[all_count]);
        all_count += parts;
        if (part_count + parts < PARTS) {
            return false;
        }
    }
    *out = (double)(same_count >= 3u ? median(same, same_count) : median(all, all_count));
    return true;
}

/* It changes with each five minutes only: asked once for each of a group. */
static bool usual_at(const struct oracle_cond *c, const struct oracle_event *const *events, uint32_t n,
                     uint64_t part, double *out) {
    static struct {
        uint32_t generation;
        const struct oracle_cond *c;
        const struct oracle_event *first;
        uint64_t part;
        double usual;
        bool is_known;
    } cache[CACHED];
    uint32_t end = n;
    while (end > 0 && events[end - 1u]->at_ms / PART_MS >= part) {
        end--; /* these five minutes say nothing yet */
    }
    const uint32_t at = (uint32_t)(((uintptr_t)c / 8u + (uintptr_t)events[0] / 64u) % CACHED);
    if (cache[at].generation != oracle_generation || cache[at].c != c || cache[at].first != events[0] ||
        cache[at].part != part) {
        cache[at].generation = oracle_generation;
        cache[at].c = c;
        cache[at].first = events[0];
        cache[at].part = part;
        cache[at].is_known = usual_before(events, end, part / PARTS, &cache[at].usual);
    }
    *out = cache[at].usual;
    return cache[at].is_known;
}

struct oracle_says oracle_usual_judge(const struct oracle_cond *c, const struct oracle_view *v,
                                      uint64_t now_ms) {
    static const struct oracle_event *events[NUMBERS_MAX];
    const uint32_t n = taken(c, v, events);
    const struct oracle_event *last = n > 0 ? events[n - 1u] : NULL;
    double usual = 0;
    if (last == NULL || !last->has_value || last->at_ms + c->stale_ms <= now_ms ||
        !usual_at(c, events, n, last->at_ms / PART_MS, &usual)) {
        return unknown(now_ms);
    }
    const double times = usual * ((double)c->tenths / 10.0);
    const double threshold = times > (double)c->n ? times : (double)c->n;
    if (!(threshold > 0)) {
        return unknown(now_ms);
    }
    return says(c->is_less ? last->value < threshold : last->value > threshold, last->at_ms);
}

/* -- anomaly -- */

void oracle_anomaly_make(struct pk_rng *r, struct oracle_cond *c) {
    c->first = oracle_match_make(r, false);
    c->tenths = oracle_between(r, 1, 60); /* thousandths */
}

void oracle_anomaly_put(struct pk_buf *b, const struct oracle_cond *c) {
    pk_buf_puts(b, "anomaly");
    oracle_put_match(b, &c->first);
    pk_buf_puts(b, c->tenths < 10u ? " > 0.00" : " > 0.0");
    pk_buf_put_u64(b, c->tenths);
}

struct anomaly_answer {
    uint32_t generation;
    const struct oracle_cond *c;
    const struct oracle_event *first, *last;
    uint32_t count;
    double score;
    bool is_awake;
};

static const struct anomaly_answer *score_of(const struct oracle_cond *c,
                                             const struct oracle_event *const *events, uint32_t n) {
    static struct anomaly_answer cache[CACHED];
    struct anomaly_answer *a = &cache[((uintptr_t)c / 8u + (uintptr_t)events[0] / 64u) % CACHED];
    if (a->generation == oracle_generation && a->c == c && a->first == events[0] &&
        a->last == events[n - 1u] && a->count == n) {
        return a;
    }
    struct pk_anomaly detector;
    pk_anomaly_init(&detector);
    *a = (struct anomaly_answer){oracle_generation, c, events[0], events[n - 1u], n, 0.0, false};
    for (uint32_t i = 0; i < n; i++) {
        const struct oracle_event *e = events[i];
        if (e->has_value &&
            pk_anomaly_push(&detector, e->value, (int64_t)e->wall_ms, !e->is_unsure, &a->score) != PK_OK) {
            a->score = 0.0;
        }
    }
    a->is_awake = pk_anomaly_is_awake(&detector);
    return a;
}

struct oracle_says oracle_anomaly_judge(const struct oracle_cond *c, const struct oracle_view *v,
                                        uint64_t now_ms) {
    static const struct oracle_event *events[NUMBERS_MAX];
    const uint32_t n = taken(c, v, events);
    const struct oracle_event *last = n > 0 ? events[n - 1u] : NULL;
    if (last == NULL || !last->has_value || last->at_ms + c->stale_ms <= now_ms) {
        return unknown(now_ms);
    }
    const struct anomaly_answer *a = score_of(c, events, n);
    const bool is_alert = a->score > (double)c->tenths / 1000.0;
    return !is_alert && !a->is_awake ? unknown(now_ms) : says(is_alert, last->at_ms);
}
