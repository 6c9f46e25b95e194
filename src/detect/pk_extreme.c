#include "detect/pk_extreme.h"

#include <math.h>
#include <string.h>

enum { STEPS = PK_EXTREME_STEPS };

static bool is_later(uint32_t a_ms, uint32_t b_ms) {
    return (int32_t)(a_ms - b_ms) > 0;
}

/* a is a higher step than b; of a rise everything is turned over. */
static bool is_above(bool is_rise, double a, double b) {
    return is_rise ? a < b : a > b;
}

static void take_out(struct pk_extreme *x, uint32_t first, uint32_t count) {
    if (count == 0) {
        return; /* as a rule; a memmove of nothing costs more than all the rest */
    }
    const uint32_t behind = x->count - first - count;
    memmove(&x->value[first], &x->value[first + count], behind * sizeof x->value[0]);
    memmove(&x->at_ms[first], &x->at_ms[first + count], behind * sizeof x->at_ms[0]);
    x->count = (uint8_t)(x->count - count);
}

static void drop_old(struct pk_extreme *x, uint32_t within_ms, uint32_t now_ms) {
    uint32_t old = 0;
    while (old < x->count && now_ms - x->at_ms[old] >= within_ms && !is_later(x->at_ms[old], now_ms)) {
        old++;
    }
    take_out(x, 0, old);
}

/* The step whose loss leaves the smallest hole; never the first, which is the answer. */
static void thin(struct pk_extreme *x) {
    uint32_t best = 1;
    for (uint32_t i = 2; i + 1u < x->count; i++) {
        const uint32_t hole_ms = x->at_ms[i + 1u] - x->at_ms[i - 1u];
        best = hole_ms < x->at_ms[best + 1u] - x->at_ms[best - 1u] ? i : best;
    }
    take_out(x, best, 1);
}

/* Where a number of this time stands: behind all that are not later. */
static uint32_t place_of(const struct pk_extreme *x, uint32_t time_ms) {
    uint32_t at = x->count;
    while (at > 0 && is_later(x->at_ms[at - 1u], time_ms)) {
        at--;
    }
    return at;
}

int pk_extreme_add(struct pk_extreme *x, bool is_rise, uint32_t within_ms, uint32_t time_ms, double v) {
    if (!isfinite(v)) {
        return PK_E_BAD_FIELD;
    }
    if (!x->has_newest || !is_later(x->newest_ms, time_ms)) {
        x->newest = v;
        x->newest_ms = time_ms;
        x->has_newest = true;
    }
    drop_old(x, within_ms, x->newest_ms);
    if (x->newest_ms - time_ms >= within_ms) {
        return PK_OK;
    }
    uint32_t at = place_of(x, time_ms);
    if (at < x->count && !is_above(is_rise, v, x->value[at])) {
        return PK_OK; /* a later number is as high */
    }
    uint32_t first = at;
    while (first > 0 && !is_above(is_rise, x->value[first - 1u], v)) {
        first--;
    }
    take_out(x, first, at - first);
    if (x->count == STEPS) {
        thin(x);
        first = place_of(x, time_ms);
    }
    if (first < x->count) {
        memmove(&x->value[first + 1u], &x->value[first], (x->count - first) * sizeof x->value[0]);
        memmove(&x->at_ms[first + 1u], &x->at_ms[first], (x->count - first) * sizeof x->at_ms[0]);
    }
    x->value[first] = v;
    x->at_ms[first] = time_ms;
    x->count++;
    return PK_OK;
}

bool pk_extreme_top(const struct pk_extreme *x, uint32_t within_ms, uint32_t now_ms, double *out_value,
                    uint32_t *out_at_ms) {
    for (uint32_t i = 0; i < x->count; i++) {
        if (now_ms - x->at_ms[i] >= within_ms) {
            continue;
        }
        *out_value = x->value[i];
        if (out_at_ms != NULL) {
            *out_at_ms = x->at_ms[i];
        }
        return true;
    }
    return false;
}

bool pk_extreme_holds(const struct pk_extreme *x, bool is_rise, uint32_t within_ms, uint32_t now_ms,
                      double amount, bool is_percent) {
    double top = 0;
    if (!pk_extreme_top(x, within_ms, now_ms, &top, NULL)) {
        return false;
    }
    const double away = is_rise ? x->newest - top : top - x->newest;
    if (!is_percent) {
        return away >= amount;
    }
    return (top > 0 || top < 0) && away >= fabs(top) * amount / 100.0;
}
