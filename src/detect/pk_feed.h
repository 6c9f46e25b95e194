#ifndef PK_FEED_H
#define PK_FEED_H
/* One event into one rule: its window, what it adds there, and the judgement that follows. */
#include "detect/pk_engine.h"

/* The event matches `on` of the rule. */
void pk_feed_rule(struct pk_engine *e, uint16_t rule_index, const struct pk_event *event);
/* Interval a heartbeat promises; 0 when the event is none. */
uint32_t pk_feed_promise_ms(const struct pk_engine *e, const struct pk_event *event);
#endif
