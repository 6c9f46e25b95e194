#ifndef PK_CTL_FIGURES_H
#define PK_CTL_FIGURES_H
/* Figures of one incident counted here, from the events the agent still has in memory. */
#include "ctl/pk_ctl_case.h"

enum { PK_CTL_TALLY_WORDS = 12, PK_CTL_TALLY_BYTES = 72, PK_CTL_GAUGES_MAX = 8, PK_CTL_GAUGE_BYTES = 32 };

struct pk_ctl_tally {
    char words[PK_CTL_TALLY_WORDS][PK_CTL_TALLY_BYTES];
    uint32_t counts[PK_CTL_TALLY_WORDS];
    uint32_t count;
    uint32_t other_count; /* of words that found no place */
};
void pk_ctl_tally_add(struct pk_ctl_tally *t, struct pk_str word);
/* The word counted most, the first of equals; empty when nothing was counted. */
struct pk_str pk_ctl_tally_first(const struct pk_ctl_tally *t);

struct pk_ctl_gauge { /* values as the agent wrote them, empty: no sample in memory */
    char name[PK_CTL_TALLY_BYTES + PK_CTL_GAUGE_BYTES];
    char before[PK_CTL_GAUGE_BYTES]; /* newest sample up to the detection */
    char worst[PK_CTL_GAUGE_BYTES];  /* highest from detection to resolution */
    char after[PK_CTL_GAUGE_BYTES];  /* oldest sample from the resolution on */
    double worst_value;
};

/* Errors are the events of severity medium or above, and those that the incident was opened for. */
struct pk_ctl_figures {
    uint32_t event_count; /* of the affected components, from ten minutes before to the end */
    uint32_t error_count;
    uint32_t peak_per_minute; /* most errors within any 60 s */
    struct pk_ctl_tally types, sources;
    struct pk_ctl_gauge gauges[PK_CTL_GAUGES_MAX];
    uint32_t gauge_count;
};
void pk_ctl_figures_count(struct pk_ctl_figures *f, const struct pk_ctl_case *k, int64_t now_ms);
#endif
