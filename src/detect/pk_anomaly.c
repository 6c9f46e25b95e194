#include "detect/pk_anomaly.h"

#include <math.h>
#include <string.h>

static const double LADDER_STEP = 0.25; /* rates 1/4 1/16 1/64 1/256 */
static const double SLOW_RATE = 1.0 / 500;
static const double SMOOTH_RATE = 1.0 / 64;
static const double HALF_AGE_POINTS = 350;
static const double HOLD_POINTS_MAX = 150;
static const double HOLD_POINTS_MIN = 20;
static const double HOLD_POINTS_PER_POINT = 0.1;
static const double HABIT_RATE = 0.001;
static const double FAR_AWAY = 1e30; /* its square is far below the largest double */

void pk_anomaly_init(struct pk_anomaly *a) {
    memset(a, 0, sizeof *a);
    pk_anomaly_grid_init(&a->grid);
}

bool pk_anomaly_is_awake(const struct pk_anomaly *a) {
    return a->count > PK_ANOMALY_SILENT_POINTS;
}

static float relative_to(double origin, double value) {
    const double v = value - origin;
    return (float)(v > FAR_AWAY ? FAR_AWAY : v < -FAR_AWAY ? -FAR_AWAY : v);
}

/* A young mean is the plain one: at the n-th point no rate is below 1/n. */
static void follow(float *mean, double v, double rate, double rate_min) {
    rate = rate > rate_min ? rate : rate_min;
    *mean = (float)((double)*mean + rate * (v - (double)*mean));
}

static struct pk_anomaly_tick next_tick(struct pk_anomaly *a) {
    struct pk_anomaly_tick tick = {.is_first = a->count == 0, .block_count = a->block_count};
    a->count += a->count < PK_ANOMALY_COUNT_MAX;
    a->block_fill++;
    tick.rate_min = 1.0 / a->count;
    tick.is_block_end = a->block_fill == PK_ANOMALY_BLOCK_POINTS;
    if (tick.is_block_end) {
        a->block_fill = 0;
        a->block_count = (uint16_t)(a->block_count + (a->block_count < UINT16_MAX));
    }
    return tick;
}

static double median(double a, double b, double c) {
    const double low = a < b ? a : b;
    const double high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

static double band_novelty(struct pk_anomaly *a, float v, const struct pk_anomaly_tick *tick) {
    double z[PK_ANOMALY_BANDS];
    double rate = LADDER_STEP;
    for (unsigned i = 0; i < PK_ANOMALY_LEVELS; i++) {
        follow(&a->level[i], (double)v, rate, tick->rate_min);
        rate *= LADDER_STEP;
    }
    for (unsigned i = 0; i < PK_ANOMALY_BANDS; i++) {
        const float band = (float)((double)a->level[i] - (double)a->level[i + 1]);
        z[i] = pk_anomaly_track_push(&a->track[PK_ANOMALY_BAND + i], band, tick);
    }
    return median(z[0], z[1], z[2]);
}

static float expected(struct pk_anomaly *a, float v, const struct pk_anomaly_moment *at) {
    if (at != NULL) {
        return pk_anomaly_days_push(&a->season.days, v, at);
    }
    if (a->has_clock) {
        return v;
    }
    const unsigned phase = a->phase;
    a->phase = (uint16_t)(phase + 1u < PK_ANOMALY_PHASES ? phase + 1u : 0);
    return pk_anomaly_cycles_push(&a->season.cycles, v, a->count - 1u, phase, a->slow_mean, a->error);
}

/* In the same units as the value itself. `step`: of the values, before this one. */
static double grid_novelty(struct pk_anomaly *a, float v, const struct pk_anomaly_moment *at, double step) {
    double share = 0;
    if (at != NULL) {
        const unsigned column_ms = PK_ANOMALY_DAY_MS / PK_ANOMALY_GRID_COLUMNS;
        share = pk_anomaly_grid_by_time(&a->grid, v, at->ms_of_day / column_ms);
    } else if (!a->has_clock) {
        share = pk_anomaly_grid_by_mean(&a->grid, v, a->slow_mean);
    }
    if (!(share > 0)) {
        return 0;
    }
    const double range = (double)a->grid.high - (double)a->grid.low;
    return share * range / (PK_ANOMALY_UNIT_RANGE * range + PK_ANOMALY_UNIT_STEP * step);
}

/* `at` is NULL without a clock. Sum of the squares of what the five witnesses say. */
static double novelty(struct pk_anomaly *a, float v, const struct pk_anomaly_moment *at) {
    const struct pk_anomaly_tick tick = next_tick(a);
    const double step = (double)a->track[PK_ANOMALY_VALUE].step;
    const double value = pk_anomaly_track_push(&a->track[PK_ANOMALY_VALUE], v, &tick);
    const double band = band_novelty(a, v, &tick);
    follow(&a->slow_mean, (double)v, SLOW_RATE, tick.rate_min);
    follow(&a->error, fabs((double)v - (double)a->slow_mean), SLOW_RATE, tick.rate_min);
    const float residual = (float)((double)v - (double)expected(a, v, at));
    follow(&a->smoothed, (double)residual, SMOOTH_RATE, tick.rate_min);
    const double raw = pk_anomaly_track_push(&a->track[PK_ANOMALY_RESIDUAL], residual, &tick);
    const double smoothed = pk_anomaly_track_push(&a->track[PK_ANOMALY_SMOOTHED], a->smoothed, &tick);
    const double grid = grid_novelty(a, v, at, step);
    return value * value + band * band + raw * raw + smoothed * smoothed + grid * grid;
}

/* What is left to report of a score: nothing while an earlier one holds. What is too near to what was usual
 * is no report: neither does it hold, nor does it make a habit. */
static double report(struct pk_anomaly *a, double score, bool is_near) {
    const double points = HOLD_POINTS_MIN + HOLD_POINTS_PER_POINT * (double)a->count;
    const double rate = points < HOLD_POINTS_MAX ? 1.0 / points : 1.0 / HOLD_POINTS_MAX;
    a->hold = (float)((double)a->hold - (double)a->hold * rate);
    a->habit = (float)((double)a->habit - (double)a->habit * HABIT_RATE);
    if (is_near || !pk_anomaly_is_awake(a) || !(score > (double)a->hold)) {
        return 0;
    }
    a->hold = (float)score;
    if (score >= PK_ANOMALY_ALERT) {
        a->habit += 1.0F;
    }
    return score;
}

int pk_anomaly_push(struct pk_anomaly *a, double value, int64_t wall_ms, bool has_clock, double *score) {
    return pk_anomaly_push_beyond(a, value, wall_ms, has_clock, 0, score);
}

int pk_anomaly_push_beyond(struct pk_anomaly *a, double value, int64_t wall_ms, bool has_clock, double least,
                           double *score) {
    *score = 0;
    if (!isfinite(value)) {
        return PK_E_BAD_FIELD;
    }
    if (a->count == 0) {
        a->origin = value;
    }
    if (has_clock && !a->has_clock) {
        memset(&a->season, 0, sizeof a->season);
        pk_anomaly_grid_init(&a->grid);
        a->has_clock = 1;
    }
    const struct pk_anomaly_moment at = pk_anomaly_moment_of(has_clock ? wall_ms : 0);
    const float v = relative_to(a->origin, value);
    const bool is_near = fabs((double)v - (double)a->slow_mean) < least;
    const double squares = novelty(a, v, has_clock ? &at : NULL);
    double z = 0;
    if (squares > 0) {
        const double n = a->count;
        z = sqrt(squares) * (n / (n + HALF_AGE_POINTS)) / (1.0 + (double)a->habit);
    }
    *score = report(a, z / (1.0 + z), is_near);
    return PK_OK;
}
