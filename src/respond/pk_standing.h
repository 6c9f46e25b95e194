#ifndef PK_STANDING_H
#define PK_STANDING_H
/* Standing orders: what a person approved in advance, for one action on one target, so many times, until a
 * time; they hold with no link. An order approves as far as the role and number of those who gave it reach.
 * Whatever is not certain (its end after a restart without a good clock, a damaged count) counts as over. */
#include "base/pk_bytes.h"
#include "base/pk_time.h"
#include "respond/pk_action.h"

enum {
    PK_STANDING_KEY_BYTES = 5,
    PK_STANDING_STORED_BYTES = 256,
    PK_STANDING_USES_MAX = 250,
    PK_STANDING_PERSON_BYTES = 33,
    PK_STANDING_WHY_BYTES = 48
};

struct pk_standing {
    uint16_t number;        /* 0 = free */
    uint8_t role;           /* enum pk_role: the lowest of those who gave it */
    uint8_t left, left_inv; /* uses, and their complement */
    bool is_dirty, is_gone; /* to be stored; to be deleted and freed */
    struct pk_stamp until;
    char action[PK_ACTION_NAME_BYTES];
    char target[PK_ACTION_TARGET_BYTES];  /* "" for an action that takes none */
    char by[2][PK_STANDING_PERSON_BYTES]; /* [1] "": one person gave it */
    char why[PK_STANDING_WHY_BYTES];
};
struct pk_standings {
    struct pk_standing rows[PK_LIMIT_STANDING];
    uint16_t last_number;
    uint32_t high_count;
    uint64_t refused_count;
};

/* Copies *s under a new number; left, action, by[0], role and until must be set. Number; PK_E_FULL (counted);
 * PK_E_BAD_FIELD (no uses or too many, no person, or over already). */
PK_MUST_USE int pk_standings_add(struct pk_standings *t, const struct pk_standing *s,
                                 const struct pk_stamp *now);
/* PK_OK or PK_E_NOT_FOUND. */
PK_MUST_USE int pk_standings_end(struct pk_standings *t, uint32_t number);
/* NULL: no such order. */
const struct pk_standing *pk_standings_get(const struct pk_standings *t, uint32_t number);
/* Does it still approve anything? */
bool pk_standing_holds(const struct pk_standing *s, const struct pk_stamp *now);
/* An order for this action and target that reaches the role and is of `people` at least: one use less, and
 * the order; NULL: there is none. */
const struct pk_standing *pk_standings_take(struct pk_standings *t, struct pk_str action,
                                            struct pk_str target, uint8_t role, uint8_t people,
                                            const struct pk_stamp *now);

/* -- the store -- */
struct pk_standing_record {
    uint8_t key[PK_STANDING_KEY_BYTES];
    uint8_t value[PK_STANDING_STORED_BYTES];
    uint32_t value_bytes; /* 0: delete the key */
};
/* The next order that changed, was used up or ended. PK_OK, or PK_E_NOT_FOUND when there is no more. */
PK_MUST_USE int pk_standings_next_dirty(struct pk_standings *t, const struct pk_stamp *now,
                                        struct pk_standing_record *out);
/* A stored value back, at start. PK_OK, PK_E_CORRUPT, PK_E_FULL, PK_E_CONFLICT (the number is there). */
PK_MUST_USE int pk_standings_restore(struct pk_standings *t, struct pk_str value);
#endif
