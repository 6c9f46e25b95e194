#ifndef PK_ESCALATION_H
#define PK_ESCALATION_H
/* Calling for help, tier by tier, without a hub. Timers of their own: no response in time (the deadline is in
 * the record, so it holds over restarts), and, told from outside, an approval nobody answered. What somebody
 * acknowledged, what was mitigated or has ended, what is kept quiet and what another incident caused calls
 * nobody by itself. */
#include "incident/pk_incident_table.h"

enum pk_escalation_reason {
    PK_ESC_NONE,
    PK_ESC_RESPONSE, /* not acknowledged and not mitigated in time */
    PK_ESC_APPROVAL, /* nobody answered a request */
    PK_ESC_RULE,     /* its action `escalate` */
    PK_ESC_PERSON,
    PK_ESC_REASON_COUNT
};
enum { PK_ESC_TIERS_MAX = 9 };

const char *
pk_escalation_reason_word(uint8_t reason); /* "" "no_response" "approval_expired" "rule" "person" */
/* PK_OK or PK_E_BAD_FIELD. */
PK_MUST_USE int pk_escalation_reason_parse(struct pk_str word, uint8_t *out);

/* The next tier, whatever the timers say; why: more words for the timeline, may be empty. PK_OK;
 * PK_E_NOT_FOUND (not live); PK_E_CONFLICT (somebody acknowledged it: only a rule or a person calls further);
 * PK_E_FULL (the last tier was called). */
PK_MUST_USE int pk_incidents_escalate(struct pk_incidents *t, uint32_t number, uint8_t reason,
                                      struct pk_str why, const struct pk_stamp *now);
/* Escalations by themselves since the last call, each incident once: its number, 0 = no more. */
uint32_t pk_incidents_next_escalation(struct pk_incidents *t);

/* -- for src/incident -- */
/* The response deadline of the slot: sets it, ends it, or lets it pass. Boot-time ms of the next one,
 * UINT64_MAX = none. */
uint64_t pk_escalation_tick(struct pk_incidents *t, uint32_t slot, const struct pk_stamp *now,
                            uint32_t *kinds);
/* A new episode of an ended incident: nobody was called for it yet. */
void pk_escalation_reset(struct pk_incident *i);
#endif
