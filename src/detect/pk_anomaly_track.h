#ifndef PK_ANOMALY_TRACK_H
#define PK_ANOMALY_TRACK_H
/* The record test: has a stream of numbers gone where it has never been, and how far, in the measure of its
 * own range? Both ends are watched. An extreme far outside what blocks of 64 points usually reach fades
 * slowly, so that one old outlier does not blind the test for ever. */
#include <stdbool.h>
#include <stdint.h>

enum {
    PK_ANOMALY_BLOCK_POINTS = 64,
    PK_ANOMALY_BLOCKS_MIN = 6 /* blocks seen before an extreme can be told from the usual */
};
/* What counts as one unit of novelty: this much of the range of a stream, and this much of its mean step. */
#define PK_ANOMALY_UNIT_RANGE 0.04
#define PK_ANOMALY_UNIT_STEP 0.5

struct pk_anomaly_side { /* 16 bytes; for the lower side everything is negated */
    float record;
    float block_top;   /* highest of the block that is being filled */
    float usual, wide; /* block tops: mean and standard deviation */
};

struct pk_anomaly_track { /* 40 bytes */
    struct pk_anomaly_side side[2];
    float last, step; /* previous number; mean absolute difference of neighbours */
};

/* What all streams of a series share at one point. */
struct pk_anomaly_tick {
    double rate_min;      /* 1/n: no mean is slower than the plain one */
    bool is_first;        /* first point of the series */
    bool is_block_end;    /* this point completes a block */
    uint32_t block_count; /* blocks completed before this point */
};

/* Takes the next number, returns how far it is beyond the record in units; 0 when it is none. */
double pk_anomaly_track_push(struct pk_anomaly_track *t, float v, const struct pk_anomaly_tick *tick);
#endif
