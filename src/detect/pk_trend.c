#include "detect/pk_trend.h"

#include <math.h>
#include <string.h>

#include "base/pk_assert.h"

enum { SLOTS = PK_TREND_SLOTS, TRIM_FROM = 3 };
static const double FAR_AWAY = 1e150; /* sums and differences stay finite */

static uint32_t width_of(uint32_t look_back_ms) {
    PK_ASSERT(look_back_ms >= SLOTS);
    return look_back_ms / SLOTS;
}

/* Of n >= 1 numbers, which are put in order. */
static double median(double *v, uint32_t n) {
    for (uint32_t i = 1; i < n; i++) {
        const double x = v[i];
        uint32_t at = i;
        while (at > 0 && v[at - 1u] > x) {
            v[at] = v[at - 1u];
            at--;
        }
        v[at] = x;
    }
    return n % 2u == 1u ? v[n / 2u] : v[n / 2u - 1u] / 2 + v[n / 2u] / 2;
}

static double gap_ms(const struct pk_trend *t, uint32_t from, uint32_t to) {
    return (double)(int32_t)(t->at_ms[to] - t->at_ms[from]);
}

static double repeated_median_slope(const struct pk_trend *t) {
    double of_slot[SLOTS];
    for (uint32_t i = 0; i < t->count; i++) {
        double slope[SLOTS];
        uint32_t n = 0;
        for (uint32_t j = 0; j < t->count; j++) {
            if (j != i) {
                slope[n++] = (t->value[j] - t->value[i]) / gap_ms(t, i, j);
            }
        }
        of_slot[i] = median(slope, n);
    }
    return median(of_slot, t->count);
}

static double kendall_tau(const struct pk_trend *t) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        for (uint32_t j = i + 1u; j < t->count; j++) {
            sum += t->value[j] > t->value[i] ? 1 : t->value[j] < t->value[i] ? -1 : 0;
        }
    }
    const uint32_t pairs = t->count * (t->count - 1u) / 2u;
    return (double)sum / (double)pairs;
}

static void estimate(struct pk_trend *t) {
    t->is_known = t->count >= PK_TREND_SLOTS_MIN;
    if (!t->is_known) {
        return;
    }
    double rest[SLOTS];
    t->slope_per_ms = repeated_median_slope(t);
    for (uint32_t i = 0; i < t->count; i++) {
        rest[i] = t->value[i] + t->slope_per_ms * gap_ms(t, i, t->count - 1u);
    }
    t->level = median(rest, t->count);
    const double tau = kendall_tau(t);
    const double agreed = t->slope_per_ms > 0 ? tau : t->slope_per_ms < 0 ? -tau : 0;
    t->confidence = agreed > 0 ? agreed : 0;
}

static void drop_old(struct pk_trend *t, uint32_t look_back_ms, uint64_t now_ms) {
    uint32_t old = 0;
    while (old < t->count && (uint32_t)now_ms - t->at_ms[old] > look_back_ms) {
        old++;
    }
    const uint32_t first = t->count - old == SLOTS ? 1u : old;
    t->count = (uint8_t)(t->count - first);
    memmove(t->value, &t->value[first], t->count * sizeof t->value[0]);
    memmove(t->at_ms, &t->at_ms[first], t->count * sizeof t->at_ms[0]);
}

static void complete_slot(struct pk_trend *t, uint32_t look_back_ms) {
    const struct pk_trend_slot *s = &t->slot;
    const bool is_trimmed = s->count >= TRIM_FROM;
    const uint64_t at_ms = s->number * width_of(look_back_ms) + s->offset_ms / s->count;
    if (t->count > 0 && at_ms - t->made_ms > look_back_ms) {
        t->count = 0; /* nothing left; and 32-bit times could not tell */
    }
    drop_old(t, look_back_ms, at_ms);
    t->value[t->count] = is_trimmed ? s->inner / (double)(s->count - 2u) : (s->low + s->high) / 2;
    t->at_ms[t->count] = (uint32_t)at_ms;
    t->count++;
    t->made_ms = at_ms;
    estimate(t);
}

static void put_in_slot(struct pk_trend_slot *s, double v) {
    double middle = v;
    if (s->count == 0) {
        s->low = v;
        s->high = v;
    } else if (v < s->low) {
        middle = s->low;
        s->low = v;
    } else if (v > s->high) {
        middle = s->high;
        s->high = v;
    }
    s->inner += s->count > 1 ? middle : 0;
    s->count++;
}

int pk_trend_add(struct pk_trend *t, uint32_t look_back_ms, uint64_t time_ms, double v) {
    if (!isfinite(v) || fabs(v) >= FAR_AWAY) {
        return PK_E_BAD_FIELD;
    }
    struct pk_trend_slot *s = &t->slot;
    const uint32_t width_ms = width_of(look_back_ms);
    const uint64_t number = time_ms / width_ms;
    if (s->count > 0 && number < s->number) {
        return PK_OK;
    }
    if (s->count > 0 && number > s->number) {
        complete_slot(t, look_back_ms);
        memset(s, 0, sizeof *s);
    }
    if (s->count == UINT32_MAX) {
        return PK_OK;
    }
    put_in_slot(s, v);
    s->number = number;
    s->offset_ms += time_ms - number * width_ms;
    return PK_OK;
}

bool pk_trend_is_known(const struct pk_trend *t, uint32_t look_back_ms, uint64_t now_ms) {
    return t->is_known && (now_ms < t->made_ms || now_ms - t->made_ms <= look_back_ms);
}

double pk_trend_level(const struct pk_trend *t, uint64_t now_ms) {
    const double passed_ms = now_ms > t->made_ms ? (double)(now_ms - t->made_ms) : 0;
    return t->level + t->slope_per_ms * passed_ms;
}

/* By the estimate the look-back began on this side of the limit. */
static bool was_before(const struct pk_trend *t, double limit, bool is_up) {
    const double began = t->level - t->slope_per_ms * gap_ms(t, 0, t->count - 1u);
    return is_up ? began < limit : began > limit;
}

bool pk_trend_reaches(const struct pk_trend *t, enum pk_trend_way way, double limit, uint64_t now_ms,
                      uint32_t within_ms, uint64_t *out_left_ms) {
    const double slope = t->slope_per_ms;
    const double left = limit - pk_trend_level(t, now_ms);
    const bool is_up = way == PK_TREND_UP || (way == PK_TREND_EITHER && slope > 0);
    const bool is_passed = is_up ? left <= 0 : left >= 0;
    const bool is_sure = t->confidence >= PK_TREND_CONFIDENCE_MIN;
    *out_left_ms = 0;
    if (is_passed) {
        return way != PK_TREND_EITHER || (is_sure && was_before(t, limit, is_up));
    }
    if (!is_sure || (is_up ? !(slope > 0) : !(slope < 0))) {
        return false;
    }
    const double wait_ms = left / slope;
    if (!(wait_ms <= (double)within_ms)) {
        return false;
    }
    *out_left_ms = (uint64_t)wait_ms;
    return true;
}

void pk_trend_put(const struct pk_trend *t, struct pk_writer *w) {
    for (uint32_t i = 0; i < SLOTS; i++) {
        pk_put_double(w, i < t->count ? t->value[i] : 0.0);
        pk_put_u32(w, i < t->count ? t->at_ms[i] : 0u);
    }
    pk_put_double(w, t->slot.low);
    pk_put_double(w, t->slot.high);
    pk_put_double(w, t->slot.inner);
    pk_put_u64(w, t->slot.number);
    pk_put_u64(w, t->slot.offset_ms);
    pk_put_u32(w, t->slot.count);
    pk_put_double(w, t->slope_per_ms);
    pk_put_double(w, t->level);
    pk_put_u64(w, t->made_ms);
    pk_put_double(w, t->confidence);
    pk_put_u8(w, t->count);
    pk_put_u8(w, t->is_known ? 1u : 0u);
}

/* Times rise: a slope divides by their distance. */
static bool is_possible(const struct pk_trend *t) {
    bool is_good = t->count <= SLOTS && (!t->is_known || t->count >= PK_TREND_SLOTS_MIN);
    for (uint32_t i = 0; i < SLOTS; i++) {
        is_good = is_good && fabs(t->value[i]) <= FAR_AWAY &&
                  (i == 0 || i >= t->count || (int32_t)(t->at_ms[i] - t->at_ms[i - 1u]) > 0);
    }
    return is_good && fabs(t->slot.low) <= FAR_AWAY && fabs(t->slot.high) <= FAR_AWAY &&
           t->slot.low <= t->slot.high && fabs(t->slot.inner) <= FAR_AWAY * ((double)t->slot.count + 1) &&
           isfinite(t->slope_per_ms) && isfinite(t->level) && t->confidence >= 0 && t->confidence <= 1 &&
           (t->count == 0 || t->at_ms[t->count - 1u] == (uint32_t)t->made_ms);
}

/* What is filled is later than what is complete, and the mean of its times lies in it. */
static bool is_slot_possible(const struct pk_trend *t, uint64_t width_ms) {
    const struct pk_trend_slot *s = &t->slot;
    if (s->count == 0) {
        return t->count == 0 && s->offset_ms == 0;
    }
    return s->number <= (uint64_t)INT64_MAX / width_ms && s->offset_ms / s->count < width_ms &&
           (t->count == 0 || (t->made_ms <= (uint64_t)INT64_MAX && s->number > t->made_ms / width_ms));
}

int pk_trend_get(struct pk_trend *t, uint32_t look_back_ms, struct pk_reader *r) {
    memset(t, 0, sizeof *t);
    for (uint32_t i = 0; i < SLOTS; i++) {
        t->value[i] = pk_get_double(r);
        t->at_ms[i] = pk_get_u32(r);
    }
    t->slot.low = pk_get_double(r);
    t->slot.high = pk_get_double(r);
    t->slot.inner = pk_get_double(r);
    t->slot.number = pk_get_u64(r);
    t->slot.offset_ms = pk_get_u64(r);
    t->slot.count = pk_get_u32(r);
    t->slope_per_ms = pk_get_double(r);
    t->level = pk_get_double(r);
    t->made_ms = pk_get_u64(r);
    t->confidence = pk_get_double(r);
    t->count = pk_get_u8(r);
    const uint8_t is_known = pk_get_u8(r);
    t->is_known = is_known == 1u;
    if (r->is_bad || is_known > 1u || !is_possible(t) || !is_slot_possible(t, width_of(look_back_ms))) {
        memset(t, 0, sizeof *t);
        return PK_E_CORRUPT;
    }
    return PK_OK;
}
