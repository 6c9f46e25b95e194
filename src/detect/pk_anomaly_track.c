#include "detect/pk_anomaly_track.h"

#include <float.h>
#include <math.h>

/* The states are IEEE binary32 and every step is rounded as written: equal bytes on every instruction set. */
_Static_assert(FLT_EVAL_METHOD == 0 && FLT_MANT_DIG == 24 && DBL_MANT_DIG == 53, "no hidden precision");
_Static_assert(sizeof(struct pk_anomaly_track) == 40, "six of them are half of a series");

static const double STEP_RATE_MIN = 1.0 / 2000;
static const double BLOCK_RATE_MIN = 1.0 / 50;
static const double FADE_RATE = 0.0128; /* of a block: 1/5000 a point */
static const double WIDE_FLOOR = 0.02;  /* of the range, added to the deviation of block tops */
static const double CLIP_WIDES = 4;     /* a block top counts at most this far above the usual one */
static const double OUTLIER_WIDES = 2;  /* a record beyond this fades */

static const float NO_TOP = -1e31F; /* below every number of a stream */

static double larger(double a, double b) {
    return a > b ? a : b;
}

/* Exponentially weighted mean and variance of block tops (West 1979; Finch 2009, section 9). */
static void close_block(struct pk_anomaly_side *s, double range, uint32_t block_count) {
    const double wide = (double)s->wide;
    const double d_max = CLIP_WIDES * (wide + WIDE_FLOOR * range);
    double d = (double)s->block_top - (double)s->usual;
    if (block_count >= PK_ANOMALY_BLOCKS_MIN && d > d_max) {
        d = d_max;
    }
    const double rate = larger(1.0 / ((double)block_count + 1.0), BLOCK_RATE_MIN);
    s->usual = (float)((double)s->usual + rate * d);
    s->wide = (float)sqrt(wide * wide + rate * ((1.0 - rate) * d * d - wide * wide));
    s->block_top = NO_TOP;
}

static void fade(struct pk_anomaly_side *s, double range) {
    const double most = (double)s->usual + OUTLIER_WIDES * ((double)s->wide + WIDE_FLOOR * range);
    const double above = (double)s->record - most;
    if (above > 0) {
        s->record = (float)((double)s->record - FADE_RATE * above);
    }
}

static double range_of(const struct pk_anomaly_track *t) {
    return (double)t->side[0].record + (double)t->side[1].record;
}

static void end_block(struct pk_anomaly_track *t, uint32_t block_count) {
    const double range = range_of(t);
    for (unsigned k = 0; k < 2; k++) {
        close_block(&t->side[k], range, block_count);
        if (block_count >= PK_ANOMALY_BLOCKS_MIN) {
            fade(&t->side[k], range);
        }
    }
}

/* In units, and the new record is set. */
static double beyond(struct pk_anomaly_track *t, struct pk_anomaly_side *s, float v, double step) {
    const double range = range_of(t);
    const double over = (double)v - (double)s->record;
    s->record = v;
    return range > 0 ? over / (PK_ANOMALY_UNIT_RANGE * range + PK_ANOMALY_UNIT_STEP * step) : 0;
}

double pk_anomaly_track_push(struct pk_anomaly_track *t, float v, const struct pk_anomaly_tick *tick) {
    if (tick->is_first) {
        t->side[0] = (struct pk_anomaly_side){v, v, 0, 0};
        t->side[1] = (struct pk_anomaly_side){-v, -v, 0, 0};
        t->last = v;
        t->step = 0;
        return 0;
    }
    struct pk_anomaly_side *up = &t->side[0];
    struct pk_anomaly_side *down = &t->side[1];
    const double step = (double)t->step;
    const double now = fabs((double)v - (double)t->last);
    t->step = (float)(step + larger(tick->rate_min, STEP_RATE_MIN) * (now - step));
    t->last = v;
    up->block_top = v > up->block_top ? v : up->block_top;
    down->block_top = -v > down->block_top ? -v : down->block_top;
    double z = 0;
    if (v > up->record) {
        z = beyond(t, up, v, step);
    } else if (-v > down->record) {
        z = beyond(t, down, -v, step);
    }
    if (tick->is_block_end) {
        end_block(t, tick->block_count);
    }
    return z;
}
