#ifndef PK_DECISION_H
#define PK_DECISION_H
/* Risk x mode -> what may happen (REQUIREMENTS A.0), as const tables. No state. */
#include "base/pk_mode.h"
#include "respond/pk_action.h"
#include "wire/pk_role.h"

enum pk_decision_kind {
    PK_DECIDE_REFUSE,
    PK_DECIDE_WOULD_RUN,
    PK_DECIDE_RUN,
    PK_DECIDE_ASK,
    PK_DECIDE_ASK_TWO,
    PK_DECIDE_COUNT
};

struct pk_decision_input {
    uint8_t risk; /* enum pk_risk of the row */
    uint8_t mode; /* enum pk_mode */
    bool is_safe_mode;
    bool asks_in_safe_mode;  /* of the row */
    bool is_critical_target; /* raises the risk by one class */
    bool is_risky_now; /* circumstances (pk_risk.h): one class higher, but not to critical: two people are
                          for what an action is, not for when it comes */
};
struct pk_decision {
    uint8_t kind; /* enum pk_decision_kind */
    uint8_t risk; /* enum pk_risk, raised by context */
    uint8_t role; /* enum pk_role that may answer (WIRE: responder up to medium, approver above); PK_ROLE_NONE
                     when it is not asked */
    uint8_t approvals_needed; /* 0, 1 or 2 */
    const char *reason;       /* "risk low runs in mode safe"; static */
};

/* An index outside its enum is refused ("bad mode"). */
void pk_decide(const struct pk_decision_input *in, struct pk_decision *out);
const char *pk_decision_word(uint8_t kind); /* "refuse" "would_run" "run" "ask" "ask_two" */
/* All of the table, one line per mode x risk. */
void pk_decision_print(struct pk_buf *out);
#endif
