#ifndef PK_LEDGER_H
#define PK_LEDGER_H
/* The loss ledger: every event that was offered and not taken, by source, reason and sequence range (DESIGN
 * 7). Entries stay open and grow until they are reported; the totals never go back. All state is the
 * caller's; nothing blocks or allocates. */
#include <stdbool.h>
#include <stdint.h>

#include "pk_limits.h"

enum pk_loss_reason {
    PK_LOSS_RATE,         /* the source's token bucket was empty */
    PK_LOSS_DUPLICATE,    /* its event_id was seen before */
    PK_LOSS_INTAKE_FULL,  /* the tick did not drain the intake ring in time */
    PK_LOSS_TYPE_TABLE,   /* a new event type and no room for its name */
    PK_LOSS_SOURCE_TABLE, /* a new source and no room for its name; the entry has no source and no sequences
                           */
    PK_LOSS_BAD_INPUT,    /* malformed; source only when it could be told */
    PK_LOSS_OVERFLOW,     /* the kernel or a file lost it before it was read */
    PK_LOSS_COUNT
};
/* Word on the wire: "rate", "duplicate", "intake_full", "type_table", "source_table", "bad_input",
 * "overflow". Never NULL. */
const char *pk_loss_reason_word(enum pk_loss_reason reason);

enum { PK_LEDGER_NO_SOURCE = 0xFFFF };

struct pk_loss {                /* 40 bytes */
    uint64_t first_ms, last_ms; /* boot-time clock */
    uint64_t count;
    uint32_t from, to;  /* lowest and highest sequence lost; other sequences between them may have been taken.
                           0, 0 = none known */
    uint16_t source_id; /* or PK_LEDGER_NO_SOURCE */
    uint8_t reason;     /* enum pk_loss_reason */
    uint8_t reserved;
    uint32_t said_count; /* of count, by the report that is on its way; 0: it does not name this entry */
};

struct pk_ledger {
    struct pk_loss entries[PK_LIMIT_LEDGER];
    uint32_t count, high;
    uint64_t total[PK_LOSS_COUNT];
    uint64_t merged_count; /* losses put into an entry without source because every entry was taken; still in
                              total */
};

void pk_ledger_init(struct pk_ledger *l);
/* Adds one loss. sequence 0 = none. Room for one entry of each reason is held back; when the rest is taken,
 * further sources share those entries, without source and sequences. */
void pk_ledger_add(struct pk_ledger *l, uint16_t source_id, enum pk_loss_reason reason, uint32_t sequence,
                   uint64_t now_ms);
/* Adds `count` losses without sequences at once. */
void pk_ledger_add_many(struct pk_ledger *l, uint16_t source_id, enum pk_loss_reason reason, uint64_t count,
                        uint64_t now_ms);
/* The source is forgotten and its id given to another one: its entries lose their source. */
void pk_ledger_forget(struct pk_ledger *l, uint16_t source_id);
/* Entries 0..count-1; NULL beyond. Valid until the next call that changes the ledger. */
const struct pk_loss *pk_ledger_at(const struct pk_ledger *l, uint32_t index);
/* The first `count` entries, as they are now, are in a report that is on its way; no other one is. */
void pk_ledger_said(struct pk_ledger *l, uint32_t count);
/* It arrived: what it named goes, what was lost since stays (and so do the totals). */
void pk_ledger_drop_said(struct pk_ledger *l);
uint64_t pk_ledger_total(const struct pk_ledger *l);
#endif
