#include "respond/pk_decision.h"

#include "base/pk_assert.h"

struct cell {
    uint8_t kind;
    const char *reason;
};

/* REQUIREMENTS A.0 "Mode x risk". Critical asks two people wherever it asks. */
static const struct cell TABLE[PK_MODE_COUNT][PK_RISK_COUNT] = {
    [PK_MODE_OFF] = {[PK_RISK_LOW] = {PK_DECIDE_REFUSE, "mode off: nothing runs"},
                     [PK_RISK_MEDIUM] = {PK_DECIDE_REFUSE, "mode off: nothing runs"},
                     [PK_RISK_HIGH] = {PK_DECIDE_REFUSE, "mode off: nothing runs"},
                     [PK_RISK_CRITICAL] = {PK_DECIDE_REFUSE, "mode off: nothing runs"}},
    [PK_MODE_OBSERVE] = {[PK_RISK_LOW] = {PK_DECIDE_WOULD_RUN, "mode observe: only recorded"},
                         [PK_RISK_MEDIUM] = {PK_DECIDE_WOULD_RUN, "mode observe: only recorded"},
                         [PK_RISK_HIGH] = {PK_DECIDE_WOULD_RUN, "mode observe: only recorded"},
                         [PK_RISK_CRITICAL] = {PK_DECIDE_WOULD_RUN, "mode observe: only recorded"}},
    [PK_MODE_SAFE] = {[PK_RISK_LOW] = {PK_DECIDE_RUN, "low risk runs in mode safe"},
                      [PK_RISK_MEDIUM] = {PK_DECIDE_ASK, "medium risk asks in mode safe"},
                      [PK_RISK_HIGH] = {PK_DECIDE_ASK, "high risk asks"},
                      [PK_RISK_CRITICAL] = {PK_DECIDE_ASK_TWO, "critical risk asks two"}},
    [PK_MODE_AUTO] = {[PK_RISK_LOW] = {PK_DECIDE_RUN, "low risk runs in mode auto"},
                      [PK_RISK_MEDIUM] = {PK_DECIDE_RUN, "medium risk runs in mode auto"},
                      [PK_RISK_HIGH] = {PK_DECIDE_ASK, "high risk asks"},
                      [PK_RISK_CRITICAL] = {PK_DECIDE_ASK_TWO, "critical risk asks two"}}};

static const uint8_t RAISED[PK_RISK_COUNT] = {[PK_RISK_LOW] = PK_RISK_MEDIUM,
                                              [PK_RISK_MEDIUM] = PK_RISK_HIGH,
                                              [PK_RISK_HIGH] = PK_RISK_CRITICAL,
                                              [PK_RISK_CRITICAL] = PK_RISK_CRITICAL};
static const uint8_t RAISED_NOW[PK_RISK_COUNT] = {[PK_RISK_LOW] = PK_RISK_MEDIUM,
                                                  [PK_RISK_MEDIUM] = PK_RISK_HIGH,
                                                  [PK_RISK_HIGH] = PK_RISK_HIGH,
                                                  [PK_RISK_CRITICAL] = PK_RISK_CRITICAL};
/* WIRE "Command": responder up to medium risk, approver above. */
static const uint8_t ROLE_FOR[PK_RISK_COUNT] = {[PK_RISK_LOW] = PK_ROLE_RESPONDER,
                                                [PK_RISK_MEDIUM] = PK_ROLE_RESPONDER,
                                                [PK_RISK_HIGH] = PK_ROLE_APPROVER,
                                                [PK_RISK_CRITICAL] = PK_ROLE_APPROVER};
static const uint8_t APPROVALS[PK_DECIDE_COUNT] = {[PK_DECIDE_ASK] = 1, [PK_DECIDE_ASK_TWO] = 2};
static const char *const WORDS[PK_DECIDE_COUNT] = {[PK_DECIDE_REFUSE] = "refuse",
                                                   [PK_DECIDE_WOULD_RUN] = "would_run",
                                                   [PK_DECIDE_RUN] = "run",
                                                   [PK_DECIDE_ASK] = "ask",
                                                   [PK_DECIDE_ASK_TWO] = "ask_two"};
static const char *const MODE_WORDS[PK_MODE_COUNT] = {
    [PK_MODE_OFF] = "off", [PK_MODE_OBSERVE] = "observe", [PK_MODE_SAFE] = "safe", [PK_MODE_AUTO] = "auto"};

const char *pk_decision_word(uint8_t kind) {
    return kind < PK_DECIDE_COUNT ? WORDS[kind] : "unknown";
}

static void ask_somebody(struct pk_decision *out) {
    out->approvals_needed = APPROVALS[out->kind];
    out->role = out->approvals_needed > 0 ? ROLE_FOR[out->risk] : PK_ROLE_NONE;
}

void pk_decide(const struct pk_decision_input *in, struct pk_decision *out) {
    if (in->mode >= PK_MODE_COUNT || in->risk >= PK_RISK_COUNT) {
        *out = (struct pk_decision){
            .kind = PK_DECIDE_REFUSE, .risk = PK_RISK_CRITICAL, .reason = "bad mode or risk"};
        return;
    }
    const uint8_t target_risk = in->is_critical_target ? RAISED[in->risk] : in->risk;
    const uint8_t risk = in->is_risky_now ? RAISED_NOW[target_risk] : target_risk;
    const struct cell *c = &TABLE[in->mode][risk];
    *out = (struct pk_decision){.kind = c->kind, .risk = risk, .reason = c->reason};
    if (c->kind == PK_DECIDE_RUN && in->is_safe_mode && in->asks_in_safe_mode) {
        out->kind = PK_DECIDE_ASK;
        out->reason = "safe_mode: this action asks in every mode";
    }
    ask_somebody(out);
    PK_ASSERT(out->kind < PK_DECIDE_COUNT);
}

void pk_decision_print(struct pk_buf *out) {
    for (unsigned mode = 0; mode < PK_MODE_COUNT; mode++) {
        for (unsigned risk = 0; risk < PK_RISK_COUNT; risk++) {
            pk_buf_puts(out, MODE_WORDS[mode]);
            pk_buf_puts(out, " + ");
            pk_buf_puts(out, pk_risk_word((uint8_t)risk));
            pk_buf_puts(out, " -> ");
            pk_buf_puts(out, WORDS[TABLE[mode][risk].kind]);
            pk_buf_putc(out, '\n');
        }
    }
}
