#ifndef PK_CTL_EXPLAIN_H
#define PK_CTL_EXPLAIN_H
/* Parts of explanations. */
#include "ctl/pk_ctl_because.h"
#include "ctl/pk_ctl_call.h"

/* What the agent would decide about an action for an incident now, in its own words. `target` NULL: its
 * choice. Needs the role of somebody who may run actions; a refusal is a line too. */
void pk_ctl_explain_dry_run(struct pk_ctl *c, struct pk_ctl_because *b, const char *about,
                            struct pk_str incident_id, struct pk_str action, const char *target);
/* A line for each open request whose `member` is `wanted`; whether there was one. */
bool pk_ctl_explain_approvals(struct pk_ctl *c, struct pk_ctl_because *b, const char *member,
                              struct pk_str wanted);
/* A line for each switch that is off, from the agent's status. */
void pk_ctl_explain_switches(struct pk_ctl *c, struct pk_ctl_because *b, struct pk_str status);
/* All of `explain action`; incident and target may be NULL. Exit code, a failure is said. */
int pk_ctl_explain_action(struct pk_ctl *c, const char *action, const char *incident_id, const char *target);
#endif
