#ifndef PK_REPLAY_H
#define PK_REPLAY_H
/* Used command ids. Bounded and never forgets an unexpired one: when it is full of them, commands are refused
 * (PK_E_FULL). Kept over restarts by records in the object tree that the caller's batches carry. */
#include "base/pk_batch.h"
#include "pk_limits.h"
#include "wire/pk_jws.h"

struct pk_replay_entry {
    char jti[PK_JWS_JTI_BYTES]; /* "" = free */
    uint8_t flags;              /* of pk_replay.c: to be written, to be deleted */
    uint32_t exp_s;             /* Unix seconds + skew; years up to 2106 */
};
struct pk_replay {
    struct pk_replay_entry items[PK_LIMIT_REPLAY_JTI];
    uint32_t count, high_count;
    uint32_t pending_count; /* records to be written or deleted */
    uint64_t refused_full_count;
};

void pk_replay_init(struct pk_replay *r);
/* PK_OK: unknown and there is room; PK_E_REPLAYED; PK_E_FULL. Expired ids are dropped on the way. now_s: Unix
 * seconds of a clock good enough to judge, or 0: then nothing expires. */
PK_MUST_USE int pk_replay_check(struct pk_replay *r, struct pk_str jti, int64_t now_s);
/* Remembers it until exp_s. PK_OK, or PK_E_REPLAYED / PK_E_FULL as above. */
PK_MUST_USE int pk_replay_add(struct pk_replay *r, struct pk_str jti, int64_t exp_s, int64_t now_s);
/* The next write deletes ids that ran out. The time by which they did has to be in the same batch: after a
 * crash a clock that knows only an earlier one would take them again. */
bool pk_replay_forgets(const struct pk_replay *r);
/* Puts and deletes what changed into the batch of this tick. PK_OK or PK_E_FULL: the rest goes into a later
 * one. */
PK_MUST_USE int pk_replay_write(struct pk_replay *r, struct pk_store_batch *batch);
/* One stored record at start. PK_OK, PK_E_BAD_MSG, PK_E_FULL. */
PK_MUST_USE int pk_replay_load(struct pk_replay *r, struct pk_str value);
#endif
