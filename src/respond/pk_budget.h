#ifndef PK_BUDGET_H
#define PK_BUDGET_H
/* How often an action may start: per action x target and hour, cooldown between starts, iterations per
 * incident. Every count is held with its complement: a damaged one counts as spent. The hour is counted in 13
 * slices of five minutes, the running one included: never more than the limit in any 60 minutes. Counters are
 * persisted; when the age of a stored counter cannot be known it counts from now. */
#include "base/pk_bytes.h"
#include "base/pk_time.h"
#include "pk_limits.h"

enum {
    PK_BUDGET_SLICES = 13,
    PK_BUDGET_SLICE_MS = 300000,
    PK_BUDGET_ITERATIONS = 10,
    PK_BUDGET_KEY_BYTES = 9,
    PK_BUDGET_VALUE_BYTES = 96
};

struct pk_budget_slot {
    uint64_t key; /* pk_hash64 of action NUL target; 0 = free */
    struct pk_stamp last_start;
    uint64_t slice;                                             /* mono_ms / PK_BUDGET_SLICE_MS of used[0] */
    uint8_t used[PK_BUDGET_SLICES], used_inv[PK_BUDGET_SLICES]; /* [0] is the running slice */
    uint64_t gone_key; /* counter this row held before, still in the store; 0 = none */
    bool is_dirty;
};
struct pk_budget_incident {
    uint32_t number; /* 0 = free */
    uint8_t used, used_inv;
    bool is_dirty, is_gone; /* gone: free once its deletion was handed out */
};
struct pk_budget {
    struct pk_budget_slot slots[PK_LIMIT_BUDGETS];
    struct pk_budget_incident incidents[PK_LIMIT_INCIDENTS];
    uint64_t distrust_until_ms; /* everything counts as spent before it */
    uint64_t corrupt_count, full_count;
    uint32_t used_count; /* rows of slots[] with a counter */
    bool has_dirty;      /* else no row needs to be looked at: this is asked each tick */
};

void pk_budget_init(struct pk_budget *b);
/* Would a start be allowed now? PK_OK; PK_E_COOLDOWN with *out_wait_ms; PK_E_BUDGET (*out_wait_ms until the
 * hour has room, UINT64_MAX = not by waiting: the incident's iterations are spent, or a counter is damaged,
 * or there is no room for a counter). Changes nothing. */
PK_MUST_USE int pk_budget_check(const struct pk_budget *b, struct pk_str action, struct pk_str target,
                                uint32_t incident, uint32_t per_hour, uint32_t cooldown_ms,
                                const struct pk_stamp *now, uint64_t *out_wait_ms);
/* pk_budget_check and, when PK_OK, counts the start. */
PK_MUST_USE int pk_budget_take(struct pk_budget *b, struct pk_str action, struct pk_str target,
                               uint32_t incident, uint32_t per_hour, uint32_t cooldown_ms,
                               const struct pk_stamp *now, uint64_t *out_wait_ms);
/* Starts counted in the last hour; iterations used by an incident. A damaged counter reads as the maximum
 * (255; PK_BUDGET_ITERATIONS). */
uint32_t pk_budget_used(const struct pk_budget *b, struct pk_str action, struct pk_str target,
                        const struct pk_stamp *now);
uint32_t pk_budget_iterations(const struct pk_budget *b, uint32_t incident);
/* The incident left the table. */
void pk_budget_forget_incident(struct pk_budget *b, uint32_t incident);
/* Stored counters were lost or unreadable: everything is spent for an hour from now. */
void pk_budget_distrust(struct pk_budget *b, const struct pk_stamp *now);

/* A counter as it is stored in the tree `objects`: key 'b' and 8 bytes (action and target) or 'b' and 4 bytes
 * (incident). */
struct pk_budget_record {
    uint8_t key[PK_BUDGET_KEY_BYTES];
    uint8_t value[PK_BUDGET_VALUE_BYTES];
    uint32_t key_bytes, value_bytes; /* value_bytes 0: delete the key */
};
/* The next counter changed since it was last pulled. PK_OK, or PK_E_NOT_FOUND when there are no more. */
PK_MUST_USE int pk_budget_next_dirty(struct pk_budget *b, struct pk_budget_record *out);
/* The batch was not taken by the store: every counter is handed out again. */
void pk_budget_dirty_all(struct pk_budget *b);
/* A stored value back, at start. PK_OK; PK_E_CORRUPT (malformed: counted, and everything is distrusted);
 * PK_E_FULL (likewise). */
PK_MUST_USE int pk_budget_restore(struct pk_budget *b, struct pk_str value, const struct pk_stamp *now);
#endif
