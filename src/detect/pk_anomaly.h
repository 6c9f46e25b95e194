#ifndef PK_ANOMALY_H
#define PK_ANOMALY_H
/* A detector of unusual values in a series of numbers, in 504 bytes, learning as it goes: no training, no
 * settings, one threshold. Decision 0040 says why it is made like this and what it reaches.
 *
 * A point is interesting when some simple stream made from the series goes where it has never been
 * (pk_anomaly_track.h). The streams: the value; the median of three bands, differences of neighbours on a
 * ladder of four running means, each four times slower than the one before; the distance from what is usual
 * now (pk_anomaly_season.h), raw and smoothed. A fifth witness is a value in circumstances in which it was
 * not seen before (pk_anomaly_grid.h). Together they give z = sqrt(z_value^2 + z_band^2 + z_residual^2 +
 * z_smoothed^2 + z_grid^2) * n / (n + 350) / (1 + habit) score = z / (1 + z) n points were seen; habit counts
 * the recent alerts of this series, each forgotten over 1000 points: who has cried wolf must cry louder.
 * After a report only a higher score is reported, until its hold has faded (up to 150 points).
 *
 * Doubles, rounded to floats where they are kept; square root and no other function of a library: equal bytes
 * on every instruction set. The series may be anything: it is measured by its own range and steps. */
#include "base/pk_text.h"
#include "detect/pk_anomaly_grid.h"
#include "detect/pk_anomaly_season.h"
#include "detect/pk_anomaly_track.h"

/* From this score on a point is an alert. Raising it trades alerts for silence; nothing else can be set. */
#define PK_ANOMALY_ALERT 0.2

enum {
    PK_ANOMALY_SILENT_POINTS = 20, /* the first points of a series are only learned from */
    PK_ANOMALY_BANDS = 3,
    PK_ANOMALY_LEVELS = PK_ANOMALY_BANDS + 1,
    PK_ANOMALY_COUNT_MAX = 1 << 24, /* every smaller count is exact as a float */
    PK_ANOMALY_BYTES = 499          /* as pk_anomaly_save() writes it */
};

enum pk_anomaly_stream {
    PK_ANOMALY_VALUE,
    PK_ANOMALY_BAND, /* and the two after it */
    PK_ANOMALY_RESIDUAL = PK_ANOMALY_BAND + PK_ANOMALY_BANDS,
    PK_ANOMALY_SMOOTHED,
    PK_ANOMALY_STREAMS
};

struct pk_anomaly {
    double origin; /* the first value; everything below is relative to it */
    struct pk_anomaly_track track[PK_ANOMALY_STREAMS];
    float level[PK_ANOMALY_LEVELS]; /* running means, fast to slow */
    float slow_mean, error;         /* the slowest mean, and the mean distance from it */
    float smoothed;                 /* running mean of the residual */
    float hold, habit;
    union {
        struct pk_anomaly_cycles cycles; /* until the first point with a clock */
        struct pk_anomaly_days days;     /* from then on */
    } season;
    struct pk_anomaly_grid grid;
    uint32_t count; /* points taken, up to PK_ANOMALY_COUNT_MAX */
    uint16_t phase; /* points given to the cycles, modulo PK_ANOMALY_PHASES */
    uint16_t block_count;
    uint8_t block_fill; /* points in the block that is being filled */
    uint8_t has_clock;  /* season holds days */
};
_Static_assert(sizeof(struct pk_anomaly) <= 512, "the price of a series");

void pk_anomaly_init(struct pk_anomaly *a);

/* Takes the next value and says how unusual it is: *score is 0 (nothing new, or already reported) to 1.
 * wall_ms: Unix time, UTC or local, looked at only when has_clock. Nothing but its time of day and day of the
 * week is used, so gaps, repeats and steps back are harmless; of a series that once had a clock, a point
 * without one is judged without its season. The first point with a clock drops what was learned about cycles.
 * PK_E_BAD_FIELD: not a finite number; nothing is changed and *score is 0. Values further than 1e30 from the
 * first one count as that far. */
PK_MUST_USE int pk_anomaly_push(struct pk_anomaly *a, double value, int64_t wall_ms, bool has_clock,
                                double *score);

/* The same, but only what is at least so far from the slow mean of the values before it (each counts 1/500)
 * is reported, in the units of the value; 0 = all. Everything is learned from as ever. */
PK_MUST_USE int pk_anomaly_push_beyond(struct pk_anomaly *a, double value, int64_t wall_ms, bool has_clock,
                                       double least, double *score);

/* It has seen enough to report. */
bool pk_anomaly_is_awake(const struct pk_anomaly *a);
#endif
