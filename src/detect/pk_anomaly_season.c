#include "detect/pk_anomaly_season.h"

#include <math.h>

enum { ALL_DAYS, WORKING_DAYS, WEEKEND };
enum { DAY_VISITS = 120 };  /* memory of a bin: five days of a series with a point every five minutes */
enum { CYCLE_MEMORY = 10 }; /* cycles */
static const double GAIN_RATE = 1.0 / 500;
static const double GAIN_MIN = 0.1; /* of the error of the slow mean */
static const uint16_t CYCLE_POINTS[PK_ANOMALY_CYCLES] = {24, 48, 96, 144, 288};
static const double CYCLE_RATE[PK_ANOMALY_CYCLES] = {1.0 / (CYCLE_MEMORY * 3), 1.0 / (CYCLE_MEMORY * 6),
                                                     1.0 / (CYCLE_MEMORY * 12), 1.0 / (CYCLE_MEMORY * 18),
                                                     1.0 / (CYCLE_MEMORY * 36)};

struct pk_anomaly_moment pk_anomaly_moment_of(int64_t wall_ms) {
    int64_t day = wall_ms / PK_ANOMALY_DAY_MS;
    int64_t ms = wall_ms % PK_ANOMALY_DAY_MS;
    if (ms < 0) {
        ms += PK_ANOMALY_DAY_MS;
        day--;
    }
    const int64_t weekday = (day % 7 + 7 + 4) % 7; /* 1 January 1970 was a Thursday; Sunday is 0 */
    return (struct pk_anomaly_moment){(uint32_t)ms, weekday == 0 || weekday == 6};
}

static double distance(float a, float b) {
    return fabs((double)a - (double)b);
}

static void learn(float *usual, uint8_t *seen_count, float v) {
    if (*seen_count < UINT8_MAX) {
        (*seen_count)++;
    }
    const double rate = *seen_count < DAY_VISITS ? 1.0 / *seen_count : 1.0 / DAY_VISITS;
    *usual = (float)((double)*usual + rate * ((double)v - (double)*usual));
}

float pk_anomaly_days_push(struct pk_anomaly_days *d, float v, const struct pk_anomaly_moment *at) {
    const unsigned kind = at->is_weekend ? WEEKEND : WORKING_DAYS;
    const unsigned bin = at->ms_of_day / (PK_ANOMALY_DAY_MS / PK_ANOMALY_DAY_BINS);
    const float any_day = d->usual[ALL_DAYS][bin];
    float expected = d->seen_count[ALL_DAYS][bin] > 0 ? any_day : v;
    if (d->seen_count[kind][bin] > 0 && !(distance(v, any_day) < distance(v, d->usual[kind][bin]))) {
        expected = d->usual[kind][bin];
    }
    learn(&d->usual[ALL_DAYS][bin], &d->seen_count[ALL_DAYS][bin], v);
    learn(&d->usual[kind][bin], &d->seen_count[kind][bin], v);
    return expected;
}

/* Which eighth of each cycle a phase is in. Two divisions for all, because this is done for every point. */
static void bins_of(unsigned phase, unsigned bins[PK_ANOMALY_CYCLES]) {
    const unsigned by_3 = phase / 3u;
    const unsigned by_18 = phase / 18u;
    bins[0] = by_3 % PK_ANOMALY_CYCLE_BINS;
    bins[1] = by_3 / 2u % PK_ANOMALY_CYCLE_BINS;
    bins[2] = by_3 / 4u % PK_ANOMALY_CYCLE_BINS;
    bins[3] = by_18 % PK_ANOMALY_CYCLE_BINS;
    bins[4] = by_18 / 2u % PK_ANOMALY_CYCLE_BINS;
}

/* A young bin is the plain mean of its visits. */
static double cycle_rate(unsigned i, uint32_t before_count, unsigned phase) {
    const unsigned points = CYCLE_POINTS[i];
    if (before_count >= CYCLE_MEMORY * points) {
        return CYCLE_RATE[i];
    }
    const unsigned bin_points = points / PK_ANOMALY_CYCLE_BINS;
    const uint32_t visits = before_count / points * bin_points + phase % bin_points + 1u;
    return 1.0 / visits;
}

float pk_anomaly_cycles_push(struct pk_anomaly_cycles *c, float v, uint32_t before_count, unsigned phase,
                             float slow_mean, float error) {
    unsigned bins[PK_ANOMALY_CYCLES];
    bins_of(phase, bins);
    const double from_slow = distance(v, slow_mean);
    float expected = slow_mean;
    double best = GAIN_MIN * (double)error;
    for (unsigned i = 0; i < PK_ANOMALY_CYCLES; i++) {
        float *usual = &c->usual[i][bins[i]];
        if (before_count >= CYCLE_POINTS[i]) {
            const double gain = (double)c->gain[i];
            c->gain[i] = (float)(gain + GAIN_RATE * (from_slow - distance(v, *usual) - gain));
            if ((double)c->gain[i] > best) {
                best = (double)c->gain[i];
                expected = *usual;
            }
        }
        const double rate = cycle_rate(i, before_count, phase);
        *usual = (float)((double)*usual + rate * ((double)v - (double)*usual));
    }
    return expected;
}
