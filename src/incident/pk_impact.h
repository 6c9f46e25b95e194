#ifndef PK_IMPACT_H
#define PK_IMPACT_H
/* What an incident means (REQUIREMENTS S1-23, S4-17): the severity matrix, severity by how far it reaches. */
#include "base/pk_text.h"
#include "incident/pk_incident.h"

enum pk_impact_reach {
    PK_REACH_LOCAL,  /* one component, nothing depends on it */
    PK_REACH_SHARED, /* several components, those that depend on the affected ones included */
    PK_REACH_WIDE,   /* PK_IMPACT_WIDE or more */
    PK_REACH_COUNT
};
enum pk_impact_level {
    PK_IMPACT_NONE,
    PK_IMPACT_MINOR,
    PK_IMPACT_MODERATE,
    PK_IMPACT_MAJOR,
    PK_IMPACT_SEVERE,
    PK_IMPACT_COUNT
};
enum { PK_IMPACT_WIDE = 5 };

struct pk_impact {
    uint8_t level, reach;    /* enums above */
    uint32_t affected_count; /* components, those the record has no room for included */
};

struct pk_impact pk_impact_of(const struct pk_incident *i);
const char *pk_impact_level_word(uint8_t level); /* "none" "minor" "moderate" "major" "severe" */
const char *pk_impact_reach_word(uint8_t reach); /* "local" "shared" "wide" */
/* "impact major (high, shared): 1 affected, 3 depend on it" */
void pk_impact_words(const struct pk_incident *i, struct pk_buf *out);
#endif
