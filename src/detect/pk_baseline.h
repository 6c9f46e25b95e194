#ifndef PK_BASELINE_H
#define PK_BASELINE_H
/* What is usual for a series at this time of day?
 *
 * Medians all the way, so that no incident becomes usual because it was extreme: the mean of five minutes
 * (without its highest and lowest number), the median of the twelve of an hour, and of these the last seven
 * days. Usual is the median of the same hour of those days, once three of them have it; before that, the
 * median of all hours of the last seven days, once there are three. The hour that is being filled says
 * nothing yet. In the first three hours usual is the median of what there is, the hours and the five minutes
 * of the hour that is being filled, once there were twelve such means; before that it is unknown. The same
 * hour of another day is 24 hours away: no wall clock is needed, none can jump.
 *
 * An hour's figure is kept as a 16-bit float: within 0.4 % of what it was. Add, divide, compare: equal on
 * every instruction set. */
#include <stdbool.h>
#include <stdint.h>

#include "base/pk_bytes.h"

enum {
    PK_BASELINE_DAYS = 7,
    PK_BASELINE_HOURS = 24 * PK_BASELINE_DAYS,
    PK_BASELINE_PARTS = 12, /* five minutes */
    PK_BASELINE_PART_MS = 300000,
    PK_BASELINE_LEAST = 3 /* figures a median is made of, at least */
};

enum pk_baseline_kind {
    PK_BASELINE_UNKNOWN,
    PK_BASELINE_FIRST,   /* of what the first hours gave */
    PK_BASELINE_OVERALL, /* of all hours */
    PK_BASELINE_HOUR,    /* of this hour of the day */
    PK_BASELINE_KIND_COUNT
};

struct pk_baseline {                  /* 464 bytes; all zero is the start */
    uint16_t hour[PK_BASELINE_HOURS]; /* by the number of the hour since the clock began; 0 = nothing */
    float part[PK_BASELINE_PARTS];    /* of the hour that is being filled */
    double low, high, inner;          /* of the part that is being filled; inner: sum of all but these two */
    uint64_t part_number;             /* time divided by five minutes */
    uint32_t count;                   /* numbers in it */
    float usual;                      /* in the hour that is being filled */
    uint8_t kind;                     /* enum pk_baseline_kind, of usual */
    uint8_t part_count;
    uint8_t made; /* means behind the hours, while there are less than three of them; at most 2 * PARTS */
    uint8_t reserved[5];
};
_Static_assert(sizeof(struct pk_baseline) <= 464, "the price of a series");

/* time_ms: any clock that does not jump. A number older than the five minutes that are being filled is passed
 * over. PK_E_BAD_FIELD: not a finite number; nothing is changed. Numbers beyond 1e30 count as that. */
PK_MUST_USE int pk_baseline_add(struct pk_baseline *b, uint64_t time_ms, double v);
/* What is usual in the hour of the newest number; of UNKNOWN *out_usual is not set. */
enum pk_baseline_kind pk_baseline_usual(const struct pk_baseline *b, double *out_usual);

/* As bytes, to keep it over a restart: the same on every machine. */
enum { PK_BASELINE_BYTES = PK_BASELINE_HOURS * 2 + PK_BASELINE_PARTS * 4 + 3 * 8 + 8 + 2 * 4 + 3 };
void pk_baseline_put(const struct pk_baseline *b, struct pk_writer *w);
/* PK_E_CORRUPT: no series can be like this; *b is then all zero. */
PK_MUST_USE int pk_baseline_get(struct pk_baseline *b, struct pk_reader *r);
#endif
