#ifndef PK_CORRELATE_H
#define PK_CORRELATE_H
/* Which incident, or which recent change, brought about which: from correlation ids, time, topology and the
 * patterns of pk_cause.h.
 *
 * Confidence, in thousandths, is a sum of what speaks for it: a pattern 300, the same correlation id 300,
 * what is affected needs the suspect directly 450 or through others 350, is the same component 250, or both
 * are merely on this gateway and the pattern says that this is enough 150; it began up to two minutes before
 * 150, up to ten minutes 100, up to a minute after 50 (detectors differ in speed); else it is no suspect. At
 * most 950. From 600 on the incident is `caused_by` the suspect. As a root cause a suspect counts for what
 * its own cause does not explain: in disk -> database -> api the disk comes first. */
#include "incident/pk_cause.h"
#include "incident/pk_topology.h"

enum { PK_CORRELATE_LINKS = 3, PK_CORRELATE_NODES = 4, PK_CAUSED_MILLI = 600, PK_CHANGE_TEXT_BYTES = 64 };

/* What speaks for one suspect. */
struct pk_cause_link {
    uint32_t number; /* of the incident that is suspected; 0 = a change */
    uint32_t change; /* of the change; 0 = none */
    uint16_t milli;
    uint8_t pattern;  /* 1 + index; 0 = none */
    uint8_t relation; /* enum pk_cause_relation */
    bool is_same_id;
    int32_t lead_ms; /* began so long before; negative: after */
};
enum pk_cause_relation { PK_REL_NONE, PK_REL_HOST, PK_REL_SAME, PK_REL_NEEDS_FAR, PK_REL_NEEDS };

/* What correlation keeps of an incident, in its slot. */
struct pk_correlation {
    struct pk_cause_link links[PK_CORRELATE_LINKS]; /* strongest first */
    uint16_t nodes[PK_CORRELATE_NODES];             /* of its components in the topology */
    uint8_t type;                                   /* enum pk_incident_type */
    bool is_cause_set;                              /* the root cause was written by a person */
};

/* What correlation first looks at, kept apart from the slots: most of the others are no suspects, and what
 * rules them out stands in few lines of cache. */
struct pk_correlate_key {
    uint64_t first_ms; /* first event, boot-time clock of `boot` */
    uint32_t boot;
    uint32_t names;   /* a bit for the name of each component */
    uint32_t same_id; /* hash of the correlation id; 0 = none */
    uint8_t type;     /* enum pk_incident_type */
    uint8_t status;   /* enum pk_incident_status */
    bool has_nodes;
    bool is_drill;
};

struct pk_change {
    uint32_t number; /* 1, 2, ... of this start */
    uint8_t kind;    /* enum pk_change_kind */
    struct pk_stamp at;
    char component[PK_INC_NAME_BYTES];
    char text[PK_CHANGE_TEXT_BYTES];
};
struct pk_changes {
    struct pk_change rows[PK_LIMIT_CHANGES]; /* a ring, the oldest makes room */
    uint32_t count;
    uint32_t last_number;
};

struct pk_incidents;
/* The incident in this slot is new or changed. */
void pk_correlate_note(struct pk_incidents *t, uint32_t slot);
/* An incident was opened or fired again: looks for its causes, and whether it is one of others. */
void pk_correlate(struct pk_incidents *t, const struct pk_topology *topology, uint32_t number,
                  const struct pk_stamp *now);
/* Something was changed: a suspect from now on. */
void pk_correlate_change(struct pk_incidents *t, const struct pk_change *change);
/* The topology is another one, or the table was restored: nodes anew. */
void pk_correlate_rebind(struct pk_incidents *t, const struct pk_topology *topology);
/* Names of what depends on the components of the incident: how many were written, of *out_count. */
uint32_t pk_correlate_blast(const struct pk_topology *topology, const struct pk_incident *i,
                            const char **names, uint32_t names_max, uint32_t *out_count);
#endif
