#ifndef PK_FINDING_H
#define PK_FINDING_H
/* Findings: built whole when they happen, with the evidence the history still has, and kept in a bounded
 * queue. */
#include "detect/pk_engine.h"

/* The window is firing (it has its record). event: what triggered it, NULL = time. false when the queue is
 * full. */
bool pk_finding_push(struct pk_engine *e, enum pk_finding_kind kind, uint32_t slot,
                     const struct pk_event *event);
/* Newest event in the history that belongs to the window's group; NULL when there is none. For the group's
 * text when time fires a rule. */
const struct pk_event *pk_finding_newest_event(const struct pk_engine *e, uint32_t slot);
/* Events of the history that speak for a window that is firing; escalation clauses that ask for one of them
 * note it. */
uint32_t pk_finding_look_back(struct pk_engine *e, uint32_t slot);
/* Correlation id of the newest event that the finding names, while history and text ring have it; else empty.
 * Points into the text ring. */
struct pk_str pk_finding_correlation(const struct pk_engine *e, const struct pk_finding *f);
#endif
