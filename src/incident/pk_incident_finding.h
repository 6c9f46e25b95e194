#ifndef PK_INCIDENT_FINDING_H
#define PK_INCIDENT_FINDING_H
/* From what a rule found to what the table takes. */
#include "detect/pk_engine.h"
#include "incident/pk_incidents.h"

/* FIRE, RAISED and STILL (CLEARED goes to pk_incidents_cleared with the same rule_id and group_key). Texts of
 * *out point into the engine, the sources and *f: use it before they change. */
void pk_incident_signal_of_finding(const struct pk_engine *e, const struct pk_sources *sources,
                                   const struct pk_finding *f, const struct pk_stamp *now,
                                   struct pk_incident_signal *out);
/* What an action of the rule is aimed at when the rule row names nothing else: the first component, else the
 * group. */
struct pk_str pk_incident_default_target(const struct pk_incident *i);
#endif
