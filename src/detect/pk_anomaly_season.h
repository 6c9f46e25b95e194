#ifndef PK_ANOMALY_SEASON_H
#define PK_ANOMALY_SEASON_H
/* What is usual now? With a clock: the mean of this time of day, of all days and of this kind of day (working
 * day, weekend), in steps of two hours; the nearer of the two counts, so that a holiday that looks like a
 * Sunday, or a Sunday that looks like any day, is nothing new. Without a clock: the mean at this phase of
 * that cycle which, so far, would have foretold the series better than its slow mean by a tenth; cycles of
 * 24, 48, 96, 144 and 288 points are tried, a day in steps of 60, 30, 15, 10 and 5 minutes. When none does,
 * the slow mean. */
#include <stdbool.h>
#include <stdint.h>

enum {
    PK_ANOMALY_DAY_BINS = 12,
    PK_ANOMALY_DAY_KINDS = 3, /* all, working day, weekend */
    PK_ANOMALY_CYCLES = 5,
    PK_ANOMALY_CYCLE_BINS = 8,
    PK_ANOMALY_PHASES = 288 /* every cycle divides it */
};

struct pk_anomaly_days {
    float usual[PK_ANOMALY_DAY_KINDS][PK_ANOMALY_DAY_BINS];
    uint8_t seen_count[PK_ANOMALY_DAY_KINDS][PK_ANOMALY_DAY_BINS]; /* up to 255 */
};

struct pk_anomaly_cycles {
    float usual[PK_ANOMALY_CYCLES][PK_ANOMALY_CYCLE_BINS];
    float gain[PK_ANOMALY_CYCLES]; /* mean of: how much nearer than the slow mean it was */
};

enum { PK_ANOMALY_DAY_MS = 86400000 };
struct pk_anomaly_moment {
    uint32_t ms_of_day; /* 0..86,399,999, for times before 1970 as well */
    bool is_weekend;
};
/* Of a Unix time, UTC or local. */
struct pk_anomaly_moment pk_anomaly_moment_of(int64_t wall_ms);

/* All zero is the start of each. Both return what was to be expected before they learn v. At a time of day
 * that was never seen that is v itself: what has no season yet cannot deviate from it. */
float pk_anomaly_days_push(struct pk_anomaly_days *d, float v, const struct pk_anomaly_moment *at);
/* before_count: points of the series before this one; phase: the same modulo PK_ANOMALY_PHASES, kept apart
 * because the count stops at its limit. error: mean distance of the series from its slow mean. */
float pk_anomaly_cycles_push(struct pk_anomaly_cycles *c, float v, uint32_t before_count, unsigned phase,
                             float slow_mean, float error);
#endif
