#ifndef PK_RESPOND_RUN_H
#define PK_RESPOND_RUN_H
/* The state behind pk_respond.h and the steps of a single run. For src/respond itself; everybody else uses
 * pk_respond.h. */
#include "incident/pk_incidents.h"
#include "incident/pk_topology.h"
#include "respond/pk_budget.h"
#include "respond/pk_decision.h"
#include "respond/pk_risk.h"
#include "respond/pk_run.h"
#include "respond/pk_standing.h"

enum {
    PK_RESPOND_CONCURRENT = 3,
    PK_RESPOND_UNDOS = 1, /* beside them: three that run long are not in the way of an undo */
    PK_RESPOND_PLAN_ACTIONS = 6,
    PK_RESPOND_FORGOTTEN = 8,
    PK_RESPOND_DELEGATIONS = 3 /* each gives the time to answer anew */
};

struct pk_respond_settings {
    uint8_t mode; /* enum pk_mode */
    bool is_safe_mode;
    bool is_auto_off;             /* rules start nothing: only persons do */
    bool is_quiet;                /* hooks of calls run only when a person wants it */
    bool is_auto_rollback;        /* what does not help is undone, where the row says how */
    uint32_t approval_timeout_ms; /* 5 min */
    struct pk_risk_limits risk;
};

enum pk_respond_request_kind {
    PK_REQ_PERSIST,
    PK_REQ_NOTIFY,
    PK_REQ_APPROVAL,
    PK_REQ_CALL,
    PK_REQ_START,
    PK_REQ_STOP,
    PK_REQ_FORGET
};
struct pk_respond_request {
    enum pk_respond_request_kind kind;
    const struct pk_run *run; /* valid until the next call */
    uint8_t phase;            /* START: enum pk_action_phase */
};

/* Actions of one incident, tried in order: the next when the one before did not help. Diagnostics never end a
 * plan. */
struct pk_respond_plan {
    uint32_t incident; /* 0 = free */
    uint32_t run;      /* the one under way; 0 = none */
    uint8_t action_count, next;
    bool is_auto;
    char target[PK_ACTION_TARGET_BYTES];
    char actions[PK_RESPOND_PLAN_ACTIONS][PK_ACTION_NAME_BYTES];
};

struct pk_respond_count {
    uint32_t ok, failed, refused;
};

enum pk_approval_result {
    PK_APPROVAL_APPROVED,
    PK_APPROVAL_REJECTED,
    PK_APPROVAL_EXPIRED,
    PK_APPROVAL_RESULT_COUNT
};

struct pk_respond {
    const struct pk_action_table *actions;
    const struct pk_incidents *incidents;
    const struct pk_topology *topology; /* NULL: nothing is known to depend on anything */
    struct pk_respond_settings settings;
    uint32_t boot, next_run;
    uint32_t places_taken;             /* of PK_RESPOND_CONCURRENT, by what is no run of an incident */
    uint32_t run_used, plan_used;      /* rows behind these were never used: a tick does not look at them */
    struct pk_run runs[PK_LIMIT_RUNS]; /* id 0 = free */
    struct pk_respond_plan plans[PK_LIMIT_RUNS];
    struct pk_budget budget;
    struct pk_standings standings;
    struct pk_respond_count counts[PK_LIMIT_ACTIONS]; /* by row of the current table */
    uint64_t approvals[PK_APPROVAL_RESULT_COUNT];     /* since the start */
    struct pk_metric duration;                        /* of the runs that ended by themselves */
    uint64_t durable_seq;
    uint64_t full_count; /* plans or runs refused because the table was full */
    uint32_t request_cursor;
    struct pk_run forgotten[PK_RESPOND_FORGOTTEN]; /* id and boot of runs that left */
    uint32_t forgotten_count;
    bool is_end_unsure;   /* what is restored may be over: pk_respond_doubt */
    struct pk_run handed; /* what a FORGET request points at */
};

/* `escalate` and `notify_team`: words on the incident, which need no row; a row of that name is their hook.
 */
bool pk_respond_is_call(struct pk_str action);
/* What a hook with a {target} is told: the tier that is called (is_next: is about to be), "tier-2"; of
 * another call what the incident is about. */
void pk_respond_call_target(const struct pk_respond *r, uint32_t incident, struct pk_str action, bool is_next,
                            char out[PK_ACTION_TARGET_BYTES]);
/* NULL: not in the table. */
struct pk_run *pk_respond_run_find(struct pk_respond *r, uint32_t id);
/* A cleared row with an id, the oldest finished one makes room. NULL (counted): all are under way. */
struct pk_run *pk_respond_run_new(struct pk_respond *r, uint32_t incident, struct pk_str action,
                                  struct pk_str target, const struct pk_stamp *now);
/* An unfinished run of the same action on the same target, of any incident: two at once never help. NULL:
 * none. */
struct pk_run *pk_respond_run_twin(struct pk_respond *r, struct pk_str action, struct pk_str target);
/* State and result, with everything that has to be told. */
void pk_respond_run_end(struct pk_respond *r, struct pk_run *run, uint8_t state, struct pk_str result,
                        const struct pk_stamp *now);
void pk_respond_run_say(struct pk_run *run, const char *words);
/* What the tables say about the run now. PK_OK, or PK_E_NOT_FOUND (no row), PK_E_POLICY, PK_E_BAD_FIELD
 * (target). */
PK_MUST_USE int pk_respond_run_decide(const struct pk_respond *r, const struct pk_run *run,
                                      const struct pk_stamp *now, struct pk_decision *out);
/* What is known of it now, for its risk. */
void pk_respond_run_weigh(const struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now);
/* The time to answer its approval request starts now. */
void pk_respond_run_ask_until(const struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now);
/* Takes the run as far as it can go now without an answer from outside: out of AT_WAIT, or to its end. */
void pk_respond_run_promote(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now);
/* Every condition of a START, again, right before it leaves; ends the run when one does not hold. */
PK_MUST_USE bool pk_respond_run_may_leave(struct pk_respond *r, struct pk_run *run,
                                          const struct pk_stamp *now);
/* The same for a verify attempt. */
PK_MUST_USE bool pk_respond_run_may_verify(struct pk_respond *r, struct pk_run *run,
                                           const struct pk_stamp *now);
/* It did not prove itself: undone when the row can and it may be, else failed with these words. */
void pk_respond_run_disproved(struct pk_respond *r, struct pk_run *run, const char *words,
                              const struct pk_stamp *now);
/* The row says how, and the mode lets something run. */
bool pk_respond_run_can_undo(const struct pk_respond *r, const struct pk_run *run);
/* Of a fire drill: it goes the whole way but for the last step, and no figure counts it. */
bool pk_respond_run_is_drill(const struct pk_respond *r, const struct pk_run *run);
/* An undo that a person asked for outlives the incident. */
bool pk_respond_run_is_wanted(const struct pk_respond *r, const struct pk_run *run);
/* The action ended with exit code 0. */
void pk_respond_run_succeeded(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now);
/* Until when the supervisor must have answered about a started program. */
uint64_t pk_respond_run_answer_ms(const struct pk_respond *r, const struct pk_run *run,
                                  const struct pk_stamp *now);
uint32_t pk_respond_running_count(const struct pk_respond *r);
/* Deadlines of one run. Returns when it is due next, UINT64_MAX = never by time alone. */
uint64_t pk_respond_run_tick(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now);
#endif
