#ifndef PK_INCIDENT_PEOPLE_H
#define PK_INCIDENT_PEOPLE_H
/* What people and the response do to an incident of the table. */
#include "incident/pk_incident_table.h"

/* -- people and programs; `by` is the name for the timeline, cut at 32 bytes -- */
struct pk_incident_actor {
    uint8_t source; /* enum pk_timeline_source */
    struct pk_str name;
};
/* All: PK_OK, PK_E_NOT_FOUND (no such number), PK_E_CONFLICT (the table of states has no such step),
 * PK_E_BAD_FIELD (text empty or not UTF-8), PK_E_TOO_BIG. */
/* for_ms: after so long the acknowledgement runs out, 0 = it does not. Acknowledging again changes owner and
 * end; the time to acknowledge counts once. */
#define PK_INC_ACK_MS_MAX (30ull * 86400u * 1000u)
PK_MUST_USE int pk_incidents_acknowledge(struct pk_incidents *t, uint32_t number, uint64_t for_ms,
                                         struct pk_incident_actor by, const struct pk_stamp *now);
/* Higher or lower; the rule changes it again when it escalates or fires anew. */
PK_MUST_USE int pk_incidents_set_severity(struct pk_incidents *t, uint32_t number, uint8_t severity,
                                          struct pk_incident_actor by, const struct pk_stamp *now);
/* assignee empty: nobody. */
PK_MUST_USE int pk_incidents_assign(struct pk_incidents *t, uint32_t number, struct pk_str assignee,
                                    struct pk_incident_actor by, const struct pk_stamp *now);
PK_MUST_USE int pk_incidents_note(struct pk_incidents *t, uint32_t number, struct pk_str text,
                                  struct pk_incident_actor by, const struct pk_stamp *now);
/* stage: PK_STAGE_COUNT = the one the table implies; else it must fit the status. Close only from resolved.
 */
PK_MUST_USE int pk_incidents_set_status(struct pk_incidents *t, uint32_t number, uint8_t status,
                                        uint8_t stage, struct pk_incident_actor by,
                                        const struct pk_stamp *now);
PK_MUST_USE int pk_incidents_set_root_cause(struct pk_incidents *t, uint32_t number, struct pk_str cause,
                                            struct pk_incident_actor by, const struct pk_stamp *now);
PK_MUST_USE int pk_incidents_recommend(struct pk_incidents *t, uint32_t number, struct pk_str action);

/* -- respond -- */
/* Adds or updates the entry of run a->run. drives_status: executing/completed/failed move the status (a
 * read-only action does not). When the list is full the oldest finished entry goes and actions_overflow
 * counts it. PK_OK or PK_E_NOT_FOUND. */
PK_MUST_USE int pk_incidents_set_action(struct pk_incidents *t, uint32_t number,
                                        const struct pk_incident_action *a, bool drives_status,
                                        const struct pk_stamp *now);
#endif
