#ifndef PK_RUN_H
#define PK_RUN_H
/* One run of an action: what was asked, decided, approved, started and came of it. Fixed size; its stored
 * form. */
#include "base/pk_bytes.h"
#include "incident/pk_incident_record.h"
#include "respond/pk_action.h"

/* Where the machine stands inside a WIRE run state. */
enum pk_run_step {
    PK_RUN_AT_WAIT,     /* planned or approved: waits for its turn, a cooldown, a free place */
    PK_RUN_AT_APPROVAL, /* awaiting_approval */
    PK_RUN_AT_INTENT,   /* its intent is handed to the store, not yet durable */
    PK_RUN_AT_START,    /* intent durable: the start is to be sent */
    PK_RUN_AT_STARTING, /* start sent, no answer yet */
    PK_RUN_AT_RUNNING,
    PK_RUN_AT_VERIFY,    /* a verify attempt is to be sent, or waits for its second */
    PK_RUN_AT_VERIFYING, /* verify sent */
    PK_RUN_AT_CLEAR,     /* waits for the rule's clear condition */
    PK_RUN_AT_END,
    PK_RUN_AT_UNDO, /* it did not help: its undo is to be sent */
    PK_RUN_AT_UNDOING,
    PK_RUN_STEP_COUNT
};

/* What became of what it did. */
enum pk_run_undo {
    PK_RUN_UNDO_NONE,
    PK_RUN_UNDO_DONE,
    PK_RUN_UNDO_FAILED,
    PK_RUN_UNDO_COUNT
}; /* as pk_ipc_undo */

enum { PK_RUN_RESULT_BYTES = 48, PK_RUN_STORED_BYTES = 448, PK_RUN_APPROVAL_ID_BYTES = 28 };

struct pk_run {
    uint32_t id;       /* > 0, never used twice within what is stored */
    uint32_t boot;     /* boot epoch it was planned in */
    uint32_t incident; /* number */
    uint32_t undo_of;  /* this run undoes that one; 0 = it is an action */
    uint8_t state;     /* enum pk_run_state (WIRE) */
    uint8_t step;      /* enum pk_run_step */
    uint8_t risk, role, approvals_needed, approvals_have;
    uint8_t undo;                       /* enum pk_run_undo */
    uint8_t raised_by;                  /* enum pk_risk_reason bits: why risk is more than the row says */
    uint16_t behind_count, start_count; /* as in struct pk_risk_context, when it was decided */
    bool is_manual;                     /* a person asked for it */
    bool is_auto;                       /* the rule says auto = yes: what the mode lets run, runs unasked */
    bool is_intent;                     /* from the write-ahead on: it may have been started */
    bool is_read_only, is_idempotent;
    bool is_stop_wanted;
    bool is_cleared; /* the rule's clear condition came while it ran */
    /* Requests not yet handed out; deferred: not before the next tick. */
    bool needs_persist, needs_notify, needs_approval_note, needs_stop, needs_call, is_persist_deferred,
        is_send_deferred;
    int32_t action_index; /* in the current table; -1 = the row is gone */
    char action[PK_ACTION_NAME_BYTES];
    char target[PK_ACTION_TARGET_BYTES];
    char requested_by[PK_INC_USER_BYTES];   /* "rule" or a name */
    char approved_by[2][PK_INC_USER_BYTES]; /* who approved; [0] also who rejected */
    char delegated_to[PK_INC_USER_BYTES];   /* he, or an admin, answers; "": whoever reaches the role */
    uint8_t delegate_count;
    uint16_t standing; /* number of the standing order that approved it; 0 = none did */
    struct pk_stamp planned, started, finished;
    int64_t expires_wall_ms;  /* approval; 0 = wall unknown */
    uint64_t expires_ms;      /* approval, boot-time clock */
    uint64_t not_before_ms;   /* AT_WAIT, AT_START, AT_VERIFY */
    uint64_t deadline_ms;     /* an answer of the supervisor is expected until then */
    uint64_t verify_until_ms; /* AT_VERIFY, AT_VERIFYING, AT_CLEAR */
    uint64_t intent_seq;      /* store sequence of the intent; 0 = not yet submitted */
    int32_t exit_code;
    uint32_t duration_ms;
    uint8_t retry_count;
    char result[PK_RUN_RESULT_BYTES]; /* a few words: "verified", "exit 3", "budget is spent" */
};

/* As an incident lists it. */
void pk_run_to_action(const struct pk_run *r, struct pk_incident_action *out);
/* "apr_{boot}_{run}". */
void pk_run_approval_id(const struct pk_run *r, char out[PK_RUN_APPROVAL_ID_BYTES]);
PK_MUST_USE int pk_run_approval_parse(struct pk_str s, uint32_t *out_boot, uint32_t *out_run);

/* Stored value; its key is pk_record_key_run(boot, id) of wire/pk_record.h. Bytes written (<=
 * PK_RUN_STORED_BYTES). */
PK_MUST_USE int pk_run_pack(const struct pk_run *r, void *out, uint32_t cap_bytes);
/* PK_OK or PK_E_CORRUPT (short, long, or a value outside its range). action_index is -1 afterwards. */
PK_MUST_USE int pk_run_unpack(struct pk_run *r, struct pk_str stored);
#endif
