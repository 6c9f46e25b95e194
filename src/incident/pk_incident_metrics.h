#ifndef PK_INCIDENT_METRICS_H
#define PK_INCIDENT_METRICS_H
/* MTTD, MTTA, MTTR, MTTF (WIRE "Formulas"): integers only, from the boot-time clock within one boot epoch,
 * from the wall clock across. */
#include "incident/pk_incident_words.h"

enum pk_incident_metric { PK_MTTD, PK_MTTA, PK_MTTR, PK_MTTF, PK_METRIC_COUNT };
enum {
    PK_METRIC_BUCKETS = 32
}; /* bucket b counts durations of [2^b, 2^(b+1)) ms; 0 ms is in bucket 0; the last has no upper end */

struct pk_metric {
    uint64_t sum_ms;
    uint32_t count;
    uint32_t hist[PK_METRIC_BUCKETS];
    uint32_t unknown_count; /* both moments exist, but no common clock: excluded */
};
struct pk_incident_metrics {
    struct pk_metric metric[PK_METRIC_COUNT];
    /* since the agent started */
    uint32_t opened[PK_INC_TYPE_COUNT][PK_SEV_COUNT]; /* by the severity they began with */
    uint32_t opened_count, joined_count, reopened_count, resolved_count, auto_resolved_count,
        false_positive_count;
    uint32_t drill_count; /* fire drills opened; they are in nothing else here */
};

/* "mttd" ...; and the formula as printed beside the number. */
const char *pk_metric_word(enum pk_incident_metric m);
const char *pk_metric_formula(enum pk_incident_metric m);

/* Milliseconds from one moment to a later one; false when either has not happened or they share no usable
 * clock. Never negative: a step backwards reads as 0. */
bool pk_stamp_elapsed_ms(const struct pk_stamp *from, const struct pk_stamp *to, uint64_t *out_ms);
bool pk_stamp_is_set(const struct pk_stamp *s);
/* Whether a deadline may hang on the time between them: one start, or wall times that can be compared. A
 * clock that was never set is none, and the floor is only a bound: what came after it may have been later. */
bool pk_stamp_is_sure(const struct pk_stamp *earlier, const struct pk_stamp *later);

/* The incident's own durations; false: not (yet) defined. PK_MTTF is not one of them: always false. */
bool pk_incident_duration_ms(const struct pk_incident *i, enum pk_incident_metric m, uint64_t *out_ms);

void pk_metric_add(struct pk_metric *m, uint64_t ms);
/* Takes a sample back (a reopened incident was not resolved after all). */
void pk_metric_remove(struct pk_metric *m, uint64_t ms);
uint64_t pk_metric_mean_ms(const struct pk_metric *m); /* 0 when there is no sample */
#endif
