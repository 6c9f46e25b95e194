#ifndef PK_SUPER_RECORD_H
#define PK_SUPER_RECORD_H
/* What the supervisor keeps across its own restart: start numbers, crash count, action counters. One small
 * file, CRC over all. */
#include "base/pk_bytes.h"
#include "respond/pk_action.h"
#include "respond/pk_budget.h"

/* Counters per incident are not used here (pk_super_policy.c). */
enum { PK_SUPER_ARMED_MAX = 4 }; /* changes that wait to be confirmed, at a time */
enum pk_super_armed_state {
    PK_SUPER_ARMED_FREE,
    PK_SUPER_ARMED,            /* undone at its deadline */
    PK_SUPER_ARMED_FIRED,      /* its undo runs */
    PK_SUPER_ARMED_TELL,       /* undone; the agent has to hear of it */
    PK_SUPER_ARMED_OWED,       /* nothing to confirm: the undo of what went wrong began and has not ended */
    PK_SUPER_ARMED_OWED_FIRED, /* its undo runs anew, after a restart */
    PK_SUPER_ARMED_STATE_COUNT
};
struct pk_super_armed {
    uint8_t state; /* enum pk_super_armed_state */
    uint32_t run_id, boot;
    uint64_t deadline_ms; /* of the monotonic clock of that boot */
    int32_t exit_code;    /* TELL: of the undo, or PK_IPC_UNDO_LEFT */
    char action[PK_ACTION_NAME_BYTES], target[PK_ACTION_TARGET_BYTES];
};
enum { PK_SUPER_ARMED_BYTES = 128 }; /* of one, packed */

enum {
    PK_SUPER_RECORD_BYTES_MAX =
        56 + PK_SUPER_ARMED_MAX * PK_SUPER_ARMED_BYTES + PK_LIMIT_BUDGETS * (PK_BUDGET_VALUE_BYTES + 2)
};

struct pk_super_record {
    uint32_t boot_epoch;  /* of the newest agent start */
    uint32_t crash_count; /* unclean ends of agents in a row; one that ran long enough starts anew */
    uint32_t last_exit;   /* wait status of the last agent; 0xFFFFFFFF none */
    bool is_clean;        /* the last agent ended when asked to */
    struct pk_super_armed armed[PK_SUPER_ARMED_MAX];
};

/* The armed changes alone, for their second copy. Bytes, or PK_E_FULL. */
PK_MUST_USE int pk_super_record_pack_armed(const struct pk_super_record *r, void *out, uint32_t cap_bytes);
/* PK_OK, or PK_E_CORRUPT: then *r is unchanged. */
PK_MUST_USE int pk_super_record_unpack_armed(struct pk_super_record *r, const void *p, uint32_t n);
/* Bytes written, or PK_E_FULL. */
PK_MUST_USE int pk_super_record_pack(const struct pk_super_record *r, struct pk_budget *budget, void *out,
                                     uint32_t cap_bytes);
/* PK_OK, or PK_E_CORRUPT: then *r is unchanged and *budget has been told to distrust itself. */
PK_MUST_USE int pk_super_record_unpack(struct pk_super_record *r, struct pk_budget *budget, const void *p,
                                       uint32_t n, const struct pk_stamp *now);
#endif
