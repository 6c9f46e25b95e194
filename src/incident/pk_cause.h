#ifndef PK_CAUSE_H
#define PK_CAUSE_H
/* What is known to bring about what: root-cause patterns between incident types, and the changes that people
 * and machines make, as one const table each. */
#include "incident/pk_incident_words.h"

/* Where the effect must be seen from the cause. */
enum pk_cause_where {
    PK_CAUSE_NEAR, /* the same component, or one that depends on it */
    PK_CAUSE_HOST  /* anywhere on this gateway: disk, memory, network are everybody's */
};
struct pk_cause_pattern {
    const char *words;        /* "a full disk stops what writes to it" */
    uint32_t causes, effects; /* bits 1 << enum pk_incident_type */
    uint8_t where;            /* enum pk_cause_where */
};

const struct pk_cause_pattern *pk_cause_patterns(uint32_t *out_count);
/* 1 + index of the first pattern from one type to the other, 0 = none. */
uint8_t pk_cause_pattern_find(uint8_t cause_type, uint8_t effect_type);
/* The types that some pattern leads from to this one, and from this one to: bits 1 << enum pk_incident_type.
 */
uint32_t pk_cause_types_before(uint8_t effect_type);
uint32_t pk_cause_types_after(uint8_t cause_type);

enum pk_change_kind {
    PK_CHANGE_DEPLOYMENT,
    PK_CHANGE_CONFIGURATION,
    PK_CHANGE_PACKAGE,
    PK_CHANGE_REBOOT,
    PK_CHANGE_KIND_COUNT
};
const char *pk_change_kind_word(uint8_t kind); /* "deployment" "configuration change" ... */
/* Whether an event of this type tells of a change: "deployment", "config_changed", "package_installed",
 * "reboot" and their other forms. PK_OK or PK_E_NOT_FOUND. */
PK_MUST_USE int pk_change_kind_of(struct pk_str event_type, uint8_t *out_kind);
#endif
