#ifndef PK_SUPER_RECORD_H
#define PK_SUPER_RECORD_H
/* What the supervisor keeps across its own restart: start numbers, crash count, action counters. One small
 * file, CRC over all. */
#include "base/pk_bytes.h"
#include "respond/pk_budget.h"

/* Counters per incident are not used here (pk_super_policy.c). */
enum { PK_SUPER_RECORD_BYTES_MAX = 48 + PK_LIMIT_BUDGETS * (PK_BUDGET_VALUE_BYTES + 2) };

struct pk_super_record {
    uint32_t boot_epoch;  /* of the newest agent start */
    uint32_t crash_count; /* unclean ends of agents in a row; one that ran long enough starts anew */
    uint32_t last_exit;   /* wait status of the last agent; 0xFFFFFFFF none */
    bool is_clean;        /* the last agent ended when asked to */
};

/* Bytes written, or PK_E_FULL. */
PK_MUST_USE int pk_super_record_pack(const struct pk_super_record *r, struct pk_budget *budget, void *out,
                                     uint32_t cap_bytes);
/* PK_OK, or PK_E_CORRUPT: then *r is unchanged and *budget has been told to distrust itself. */
PK_MUST_USE int pk_super_record_unpack(struct pk_super_record *r, struct pk_budget *budget, const void *p,
                                       uint32_t n, const struct pk_stamp *now);
#endif
