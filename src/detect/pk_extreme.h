#ifndef PK_EXTREME_H
#define PK_EXTREME_H
/* How far the newest number of a series is below the highest (above the lowest) of a sliding window.
 *
 * Kept are the numbers that are still the highest of all that came after them, with their times: the steps of
 * a descending stair. With up to 18 steps in the window the answer is exact. A longer stair loses, one for
 * each new step, the step whose neighbours are nearest to each other in time: then no higher number is
 * invented, but one may be missed that is older than seven eighths of the window. */
#include <stdbool.h>
#include <stdint.h>

#include "base/pk_err.h"

enum { PK_EXTREME_STEPS = 18 };

struct pk_extreme { /* 232 bytes; all zero is the start */
    double value[PK_EXTREME_STEPS];
    uint32_t
        at_ms[PK_EXTREME_STEPS]; /* oldest first; low 32 bits of the clock, within 24 days of each other */
    double newest;
    uint32_t newest_ms;
    uint8_t count;
    bool has_newest, reserved[2];
};
_Static_assert(sizeof(struct pk_extreme) == 232, "the price of a series");

/* is_rise: the lowest is kept, else the highest; the same in all calls for a series. A late number takes its
 * place by its own time; of two of one time the one that came last is the newer. PK_E_BAD_FIELD: not a finite
 * number; nothing is changed. */
PK_MUST_USE int pk_extreme_add(struct pk_extreme *x, bool is_rise, uint32_t within_ms, uint32_t time_ms,
                               double v);
/* The highest (lowest) number of (now - within, now]; false when there is none. *out_at_ms may be NULL. */
bool pk_extreme_top(const struct pk_extreme *x, uint32_t within_ms, uint32_t now_ms, double *out_value,
                    uint32_t *out_at_ms);
/* Whether the newest number is away from it by at least `amount`, or by `amount` percent of it (of zero
 * nothing is a share: false). False without a number in the window. */
bool pk_extreme_holds(const struct pk_extreme *x, bool is_rise, uint32_t within_ms, uint32_t now_ms,
                      double amount, bool is_percent);
#endif
