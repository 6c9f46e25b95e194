#ifndef PK_INCIDENT_JSON_H
#define PK_INCIDENT_JSON_H
/* The incident as JSON (WIRE "Incident"): one codec for agent, ctl and hub. */
#include "base/pk_json.h"
#include "incident/pk_incident_metrics.h"

enum { PK_INCIDENT_JSON_VERSION = 1, PK_INCIDENT_SITE_BYTES = 33 };

/* A duration that may not be known yet. */
struct pk_span_ms {
    bool is_known;
    uint64_t ms;
};

/* The record and what the place it comes from adds. */
struct pk_incident_doc {
    struct pk_incident incident;
    char site[PK_INCIDENT_SITE_BYTES], gateway[PK_INCIDENT_SITE_BYTES];
    uint32_t boot; /* with seq: outbound identity of this revision; the hub de-duplicates by (gateway, boot,
                      seq) */
    uint64_t seq;  /* 0 = not published (local socket) */
    /* Decode: as the document said. Encode ignores them and computes. */
    struct pk_span_ms mttd, mtta, mttr;
};

/* What surrounds the record when it is written. */
struct pk_incident_view {
    struct pk_str site, gateway;
    struct pk_str response_team; /* who answers for its severity; empty: nobody is named */
    uint32_t boot;
    uint64_t seq;
    bool with_aliases; /* also affected_systems, mttd, mttr, timestamp, for readers of the older names (local
                          socket, REST) */
};

/* Writes the incident as one object member `key` (NULL at the top or in an array). Every field is always
 * there: unknown times and durations are null, empty lists []. Cut output shows as b->is_cut of the writer's
 * buffer. */
void pk_incident_json_write(struct pk_json_writer *w, const char *key, const struct pk_incident *incident,
                            const struct pk_incident_view *view);

/* Reads one object. Unknown members are ignored (a newer agent may add some); the aliases are accepted where
 * the main name is missing. Times come back as wall times with mono_ms 0. Descriptive texts longer than the
 * record's are cut at a character; list items beyond the record's room are counted in its overflow members.
 * PK_OK; PK_E_BAD_MSG, PK_E_TOO_DEEP: not JSON; PK_E_MISSING_FIELD: no incident_id, status or rev;
 * PK_E_BAD_FIELD: a known field has a value it may not have; PK_E_UNSUPPORTED: v is higher than ours.
 * *out_field names the field at fault ("" else). */
PK_MUST_USE int pk_incident_json_read(const void *p, uint32_t n, struct pk_incident_doc *out,
                                      const char **out_field);

#endif
