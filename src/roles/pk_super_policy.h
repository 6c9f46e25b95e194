#ifndef PK_SUPER_POLICY_H
#define PK_SUPER_POLICY_H
/* May the supervisor start what the agent asks for? Decided from root-owned files and the supervisor's own
 * counters only; the agent's word counts for one thing, that a person approved, and no approval lifts mode,
 * allow-list, cap or cooldown. Pure. */
#include "port/ipc.h"
#include "respond/pk_action.h"
#include "respond/pk_budget.h"
#include "respond/pk_decision.h"

enum {
    PK_SUPER_CONCURRENT = 3,  /* runs at a time (DESIGN 10) */
    PK_SUPER_RUNS = 4,        /* one more, for an undo: it does not wait for three that run long */
    PK_SUPER_VERIFY_RUNS = 8, /* acts whose verification is still allowed */
    /* A verification changes nothing, but it is a process: one each second of verify_within, and these. */
    PK_SUPER_VERIFIES_SPARE = 4,
    PK_SUPER_BLIND_UNDOS = 4
};

struct pk_super_verifiable {
    uint32_t run_id; /* 0 = free */
    uint16_t action_index;
    uint32_t left_count;
    /* The agent may say, without asking anybody, that it did not help; once more, should it have died while
     * it was undone. */
    uint8_t undo_left;
    char target[PK_IPC_TARGET_BYTES];
};

struct pk_super_policy {
    const struct pk_action_table *actions; /* the caller's; swapped whole on reload */
    struct pk_budget budget;
    uint8_t mode; /* enum pk_mode */
    bool is_safe_mode;
    bool is_auto_rollback;
    /* The counters were lost, so all of them count as spent: so many undos are let through all the same. What
     * waited to be confirmed may have to be taken back by hand. */
    uint8_t blind_undos;
    struct pk_super_verifiable verifiable[PK_SUPER_VERIFY_RUNS];
    uint32_t verifiable_next;
};

struct pk_super_verdict {
    int error;        /* PK_OK: start it */
    uint64_t wait_ms; /* how long until asking again may help; 0 = waiting does not */
    const char *why;  /* static */
};

/* Decides, and when the answer is yes counts it (an act, an undo somebody asked for) or uses up one
 * verification or the one undo of an act that did not help. The caller has to
 * persist the budget before it starts anything. PK_E_BAD_MSG (malformed), PK_E_STALE (another table, or
 * nothing to verify), PK_E_NOT_FOUND (no such row or no such phase), PK_E_BAD_FIELD, PK_E_POLICY,
 * PK_E_NEEDS_APPROVAL, PK_E_BUSY, PK_E_COOLDOWN, PK_E_BUDGET. */
void pk_super_policy_take(struct pk_super_policy *p, uint32_t run_id, const struct pk_ipc_run *run,
                          uint32_t running_count, const struct pk_stamp *now, struct pk_super_verdict *out);
/* A new table: what was to be verified named rows of the old one. */
void pk_super_policy_forget_verifiable(struct pk_super_policy *p);
#endif
