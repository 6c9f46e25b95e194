#ifndef PK_INCIDENT_RECORD_H
#define PK_INCIDENT_RECORD_H
/* What may be done to one record: its bounded lists and what makes it well-formed. No table, no clock. */
#include "incident/pk_incident.h"

/* Opened by a person: no rule speaks for it. */
#define PK_INC_MANUAL_RULE "manual"
bool pk_incident_is_manual(const struct pk_incident *i);
/* Remembers the newest events (refs it has, or older ones of the same boot, are passed over): the first one
 * stays (it is where it began), then the last PK_INC_SOURCE_EVENTS
 * - 1; the rest is counted. */
void pk_incident_add_events(struct pk_incident *i, const struct pk_incident_event_ref *refs, uint32_t count);
/* Each component once; beyond the room counted. Returns whether the list changed. */
bool pk_incident_add_component(struct pk_incident *i, struct pk_str component);
/* Adds or updates the entry of (boot of the run is not kept) run a->run with the same action. When the list
 * is full the oldest finished entry goes, else the newest is only counted. Returns whether the entry is in
 * the list. */
bool pk_incident_put_action(struct pk_incident *i, const struct pk_incident_action *a);
/* Each once. PK_OK; PK_E_FULL; PK_E_BAD_FIELD (empty or too long). */
PK_MUST_USE int pk_incident_add_recommended(struct pk_incident *i, struct pk_str action);
/* "[high] Service down on demo": from the words given, or from type and component. */
void pk_incident_make_title(struct pk_incident *i, struct pk_str words);
/* The severity changed: only the word in brackets. */
void pk_incident_retitle(struct pk_incident *i);
/* rejected, expired, refused, would_run, completed, failed, timed_out, interrupted, rolled_back, unknown */
bool pk_run_state_is_final(uint8_t state);
/* PK_OK, or PK_E_BAD_FIELD: an enumerator, count, terminator or id no record may have. */
PK_MUST_USE int pk_incident_check(const struct pk_incident *i);
#endif
