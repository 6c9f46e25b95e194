#ifndef PK_EVAL_H
#define PK_EVAL_H
/* The life of a window: idle, pending, firing, clearing, cooling; moved by events (pk_feed) and by its timer.
 */
#include "detect/pk_judge.h"

/* Judges a window again and arms its timer. event: the one that counted, NULL = time, or an event that does
 * not. */
void pk_eval_window(struct pk_engine *e, uint32_t slot, const struct pk_event *event);
/* The same for a rule that is not plain, whose condition was judged at this moment. */
void pk_eval_judged(struct pk_engine *e, uint32_t slot, const struct pk_event *event, struct pk_judgement j);
/* A window of replayed events: time_ms is the newest of their own times, holds = what the condition says
 * around it. */
void pk_eval_replayed(struct pk_engine *e, uint32_t slot, const struct pk_event *event, uint32_t time_ms,
                      bool holds);
/* Its timer came. */
void pk_eval_timer(struct pk_engine *e, uint32_t slot);
/* What is last known of the condition (counted by rule). */
void pk_eval_set_verdict(struct pk_engine *e, uint32_t slot, enum pk_verdict v);
/* Becomes a firing window with a record of its own. false when there is none free. */
bool pk_eval_activate(struct pk_engine *e, uint32_t slot);
/* Ends the firing without a finding; goes to `next`. */
void pk_eval_deactivate(struct pk_engine *e, uint32_t slot, enum pk_window_state next);
/* Forgets a window: timer, record, counts. is_eviction counts it as one. */
void pk_eval_drop(struct pk_engine *e, uint32_t slot, bool is_eviction);
/* The window of (rule, key), made when it is not there; evicts when it must. PK_WINDOW_NONE when it cannot be
 * had. */
uint32_t pk_eval_get(struct pk_engine *e, uint16_t rule, uint64_t key, uint16_t source_id, bool *out_is_new);
#endif
