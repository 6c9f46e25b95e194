#ifndef PK_HISTORY_H
#define PK_HISTORY_H
/* The last events, for the flight recorder, evidence of findings and `events list`. The oldest makes room; a
 * retention hides what is older. */
#include "event/pk_event.h"
#include "pk_limits.h"

struct pk_history {
    struct pk_event ring[PK_LIMIT_EVENT_HISTORY];
    uint64_t total;        /* ever put */
    uint64_t pruned;       /* of them, the oldest, that are forgotten */
    uint32_t events_max;   /* <= PK_LIMIT_EVENT_HISTORY */
    uint64_t retention_ms; /* 0 = none */
};

/* events_max 0 = the whole table. */
void pk_history_init(struct pk_history *h, uint32_t events_max, uint64_t retention_ms);
/* The same, and what is there stays. */
void pk_history_limit(struct pk_history *h, uint32_t events_max, uint64_t retention_ms);
/* Forgets what is older than the retention. */
void pk_history_prune(struct pk_history *h, uint64_t now_ms);
void pk_history_put(struct pk_history *h, const struct pk_event *e);
/* Events of these sources (a bit for each of PK_LIMIT_SOURCES ids) are of source `heir` from now on: their
 * ids are given to others. */
void pk_history_forget(struct pk_history *h, const uint64_t *sources, uint16_t heir);
/* Events that can be read now: newest first, age 0 .. count-1. */
uint32_t pk_history_count(const struct pk_history *h, uint64_t now_ms);
/* NULL when age >= the number stored. Valid until the next put. */
const struct pk_event *pk_history_at(const struct pk_history *h, uint32_t age);
#endif
