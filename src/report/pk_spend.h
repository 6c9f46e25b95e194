#ifndef PK_SPEND_H
#define PK_SPEND_H
/* What a day may write to the flash and a month may send over a link that costs (DESIGN 11): how much of it
 * is used, and how much of what is not urgent has to wait for it. Counters come from outside and only rise.
 * What each level means is the business of who asks (src/decisions/0081). No clock, no I/O. */
#include "wire/pk_record.h"

enum pk_spend_kind {
    PK_SPEND_FLASH, /* a day, UTC */
    PK_SPEND_DATA,  /* a calendar month, UTC */
    PK_SPEND_COUNT
};
enum pk_spend_level {
    PK_SPEND_FREE,
    PK_SPEND_TIGHT,  /* from 80 % of the limit on */
    PK_SPEND_SHORT,  /* 90 % */
    PK_SPEND_SCARCE, /* 95 % */
    PK_SPEND_OVER,   /* all of it */
    PK_SPEND_LEVEL_COUNT
};
const char *pk_spend_word(enum pk_spend_kind kind);         /* "flash" "data" */
const char *pk_spend_level_word(enum pk_spend_level level); /* "free" "tight" "short" "scarce" "over" */

struct pk_spend {
    uint8_t kind;         /* enum pk_spend_kind */
    uint8_t level;        /* enum pk_spend_level; FREE without a limit */
    uint64_t limit_bytes; /* 0 = none: it is only counted */
    /* What outlives a restart. Period: day or month since 1970, plus 1; 0 = the clock was never good in it.
     * elapsed_s of running time ends it where no clock does. */
    struct pk_meta_spend record;
    uint64_t seen_bytes;     /* of the counter */
    uint64_t seen_ms;        /* boot-time clock of the last look; 0 = none yet */
    uint64_t left_out_count; /* what the caller left out or held back because of the level, since the start */
};

void pk_spend_init(struct pk_spend *s, enum pk_spend_kind kind);
/* At start: the period goes on. A record that cannot be (a period of another kind of clock) is taken all the
 * same: the next good clock ends it. */
void pk_spend_restore(struct pk_spend *s, const struct pk_meta_spend *record);
void pk_spend_limit(struct pk_spend *s, uint64_t limit_bytes);
/* The counter now. True when the level is another one, or a new period began. A counter that went back began
 * anew. The period is judged by the wall clock where that is good, by the time that passed where it is not: a
 * day, or 30 (31 once a good clock said which month it is). A clock that goes back begins no new period, and
 * one that goes back to the period before stays in this one. */
bool pk_spend_look(struct pk_spend *s, uint64_t counter_bytes, const struct pk_stamp *now);
#endif
