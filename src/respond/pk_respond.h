#ifndef PK_RESPOND_H
#define PK_RESPOND_H
/* Decides what to do about an incident and sees each run through: plan, approval, budget, write-ahead, start,
 * verify, outcome. A state machine without I/O. The agent feeds it (pk_respond_on_*), calls pk_respond_tick
 * once a tick and then pulls requests until PK_E_NOT_FOUND:
 *
 * - PERSIST: put *run (pk_run_pack), all of pk_budget_next_dirty(&r->budget) and of
 * pk_standings_next_dirty(&r->standings) into one batch; once it was
 * submitted, pk_respond_on_submitted with its number.
 * - NOTIFY: pk_run_to_action, then pk_incidents_set_action(number, &a, !run->is_read_only).
 * - APPROVAL: run->state tells: awaiting_approval = publish the request; anything else = it is decided, empty
 * it.
 * - CALL: the run is `escalate` or `notify_team`: say so on the incident (once for each run).
 * - START: send pk_ipc_run {action_index, phase, is_approved = approvals_have > 0, incident, target}, frame
 * id run->id.
 * - STOP: send PK_IPC_STOP, frame id run->id.
 * - FORGET: the run left the table; its stored record may go (only id and boot are set).
 *
 * No START ever leaves unless, at that moment: the incident is live (but for the undo a person asks for), the
 * mode allows it (or enough people approved and the mode lets them), the budget was taken, and the record of
 * the intent is durable. tests/unit/test_pk_respond.c drives this with a million random steps. */
#include "respond/pk_respond_run.h"

/* actions and incidents are kept and must outlive it. */
void pk_respond_init(struct pk_respond *r, const struct pk_action_table *actions,
                     const struct pk_incidents *incidents, uint32_t boot,
                     const struct pk_respond_settings *settings);
void pk_respond_settings_defaults(struct pk_respond_settings *s); /* safe, safe_mode, 5 min */
/* Mode and the rest; counts for every start that has not left yet. */
void pk_respond_configure(struct pk_respond *r, const struct pk_respond_settings *settings);
/* What depends on what; kept, NULL allowed. */
void pk_respond_set_topology(struct pk_respond *r, const struct pk_topology *topology);
/* A reloaded table: runs find their row by name again; what waits for a row that is gone is refused. Counters
 * start anew. */
void pk_respond_set_actions(struct pk_respond *r, const struct pk_action_table *actions,
                            const struct pk_stamp *now);
/* Before the restore: the process before acted on, and nothing of it was stored any more (ADR 0024). What is
 * unfinished there may have ended or been interrupted: an intent then becomes `unknown` unless the action
 * only reads, and what a rule had planned asks a responder. */
void pk_respond_doubt(struct pk_respond *r);
/* A stored run, at start, before the first tick. Restore incidents first. Unfinished: an
 * approval that has certainly not expired waits on; an intent becomes `unknown` unless the row is idempotent;
 * that, and what had no intent yet, is decided anew through every gate. PK_OK, PK_E_CORRUPT, PK_E_FULL,
 * PK_E_CONFLICT (id known). */
PK_MUST_USE int pk_respond_restore(struct pk_respond *r, struct pk_str stored, const struct pk_stamp *now);

/* -- what to do -- */
/* A rule fired for a live incident: try `names` ("a, b, c" as the rule row has them; unknown ones become
 * refused runs) on `target` (the incident's component or group key). is_auto: the rule says auto = yes; else
 * every run that would run asks a responder. PK_OK; PK_E_CONFLICT (a plan for it is under way);
 * PK_E_NOT_FOUND (no live incident); PK_E_FULL; PK_E_BAD_FIELD (no name, or more than
 * PK_RESPOND_PLAN_ACTIONS). */
PK_MUST_USE int pk_respond_plan(struct pk_respond *r, uint32_t incident, struct pk_str names,
                                struct pk_str target, bool is_auto, const struct pk_stamp *now);
/* A person asks for one action (`incidents mitigate`). role: his; when it reaches the one needed it counts as
 * his approval. Run id (> 0) or PK_E_NOT_FOUND (incident not live, or no such action), PK_E_BAD_FIELD,
 * PK_E_POLICY (target, mode), PK_E_DENIED (below responder), PK_E_BUDGET, PK_E_COOLDOWN, PK_E_CONFLICT (the
 * same is under way), PK_E_FULL.
 */
PK_MUST_USE int64_t pk_respond_ask(struct pk_respond *r, uint32_t incident, struct pk_str action,
                                   struct pk_str target, struct pk_str who, enum pk_role role,
                                   const struct pk_stamp *now);

/* A tier was called by itself: runs the hook, the row named like the call (`escalate`), with the guards of
 * any action. PK_OK; PK_E_NOT_FOUND (no such row, or the incident is not live); PK_E_CONFLICT (it is under
 * way); PK_E_FULL. */
PK_MUST_USE int pk_respond_hook(struct pk_respond *r, uint32_t incident, struct pk_str call,
                                const struct pk_stamp *now);

/* May what the run did be undone now? PK_OK, or PK_E_NOT_FOUND, PK_E_CONFLICT with words. */
PK_MUST_USE int pk_respond_undo_check(const struct pk_respond *r, uint32_t run, const char **out_why);
/* A person wants it undone: a run of its own, which passes mode, approval and budget as the action did. Run
 * id
 * (> 0), or as pk_respond_undo_check, PK_E_DENIED (below responder), PK_E_POLICY, PK_E_BAD_FIELD, PK_E_FULL,
 * PK_E_CONFLICT (the action runs again). */
PK_MUST_USE int64_t pk_respond_undo(struct pk_respond *r, uint32_t run, struct pk_str who, enum pk_role role,
                                    const struct pk_stamp *now);

/* -- approvals and interrupts -- */
/* PK_OK; PK_E_NOT_FOUND; PK_E_EXPIRED (late); PK_E_CONFLICT (decided already, or the same person twice, which
 * "uid:..." and any other name may be); PK_E_DENIED (his role does not reach). */
PK_MUST_USE int pk_respond_decide(struct pk_respond *r, uint32_t run, bool is_approved, struct pk_str who,
                                  enum pk_role role, const struct pk_stamp *now);
/* Hands the say on: from now on `to` answers, or an admin; his role must reach as anybody's. The time to
 * answer starts anew. PK_OK; as pk_respond_decide; PK_E_BAD_FIELD (no name, or one's own); PK_E_BUDGET
 * (handed on PK_RESPOND_DELEGATIONS times already). */
PK_MUST_USE int pk_respond_delegate(struct pk_respond *r, uint32_t run, struct pk_str who, enum pk_role role,
                                    struct pk_str to, const struct pk_stamp *now);
/* Not started yet: ends at once. Running: a STOP request, and `interrupted` when it ended. PK_OK,
 * PK_E_NOT_FOUND, PK_E_CONFLICT (finished, or an undo that runs), PK_E_DENIED (below the role its risk needs;
 * one person is enough). */
PK_MUST_USE int pk_respond_interrupt(struct pk_respond *r, uint32_t run, struct pk_str who, enum pk_role role,
                                     const struct pk_stamp *now);

/* -- answers of the world; an id that is not known or not in that step is ignored (late answers are no error)
 * -- */
void pk_respond_on_submitted(struct pk_respond *r, uint32_t run, uint64_t seq);
/* The store queue was full: the PERSIST request comes again at the next tick. */
void pk_respond_on_submit_failed(struct pk_respond *r, uint32_t run);
void pk_respond_on_durable(struct pk_respond *r, uint64_t durable_seq);
/* The APPROVAL request found no room: it comes again at the next tick. */
void pk_respond_on_not_queued(struct pk_respond *r, uint32_t run);
/* What the run needs next could not be sent now (socket full): it comes again at the next tick. */
void pk_respond_on_not_sent(struct pk_respond *r, uint32_t run);
/* The same of a STOP: what is to be stopped goes on, its START may have left. */
void pk_respond_on_stop_not_sent(struct pk_respond *r, uint32_t run);
void pk_respond_on_started(struct pk_respond *r, uint32_t run, const struct pk_stamp *now);
/* error: enum pk_err of pk_ipc_refused; PK_E_BUSY and PK_E_AGAIN are tried again. why: terminated text of the
 * frame. */
void pk_respond_on_refused(struct pk_respond *r, uint32_t run, int error, uint32_t retry_after_ms,
                           struct pk_str why, const struct pk_stamp *now);
/* Nobody confirmed the run in time, or its undo was owed over a restart; the supervisor's undo ended, or with
 * an exit code below 0 was not to be run. Unknown runs are ignored. */
void pk_respond_on_unconfirmed(struct pk_respond *r, uint32_t run, int32_t exit_code,
                               const struct pk_stamp *now);
/* May the run be confirmed by this person? PK_OK: ask the supervisor, whose answer counts. PK_E_NOT_FOUND,
 * PK_E_CONFLICT, PK_E_DENIED. */
PK_MUST_USE int pk_respond_confirm(struct pk_respond *r, uint32_t run, struct pk_str who, enum pk_role role);
/* The supervisor's answer; error: enum pk_err. Without a question it is ignored. */
void pk_respond_on_confirmed(struct pk_respond *r, uint32_t run, int error);
/* Before on_done, of the same answer: what came of the undo the supervisor did by itself (enum pk_ipc_undo).
 */
void pk_respond_on_undone(struct pk_respond *r, uint32_t run, uint8_t undo);
void pk_respond_on_done(struct pk_respond *r, uint32_t run, uint8_t phase, int32_t exit_code,
                        bool is_timed_out, uint32_t duration_ms, const struct pk_stamp *now);
/* The supervisor went away (agent and supervisor end together, but the frame socket may break first): what
 * was sent is `unknown`. */
void pk_respond_on_supervisor_lost(struct pk_respond *r, const struct pk_stamp *now);
/* The rule's clear condition holds: verifies what runs, drops what waits. */
void pk_respond_on_cleared(struct pk_respond *r, uint32_t incident, const struct pk_stamp *now);

/* The clock became good: the moments of all runs, as pk_stamp_correct; a request that waits for an answer is
 * stored and published anew. How many runs changed. */
uint32_t pk_respond_correct_wall(struct pk_respond *r, const struct pk_time_fix *fix);

/* -- the tick -- */
/* Deadlines: approvals, answers, verification, cooldowns. Returns the earliest mono_ms at which it must be
 * called again, UINT64_MAX = none. */
uint64_t pk_respond_tick(struct pk_respond *r, const struct pk_stamp *now);
/* Next thing the agent has to do; see the top. PK_OK or PK_E_NOT_FOUND. */
PK_MUST_USE int pk_respond_next_request(struct pk_respond *r, const struct pk_stamp *now,
                                        struct pk_respond_request *out);

/* -- read -- */
const struct pk_run *pk_respond_get(const struct pk_respond *r, uint32_t run); /* NULL: not in the table */
/* Runs in rising id, start with *after = 0; incident 0 = of all. NULL at the end. */
const struct pk_run *pk_respond_next(const struct pk_respond *r, uint32_t incident, uint32_t *after);
/* Why an action would or would not run on this incident and target now, in words (explain). The error a start
 * would get, PK_OK, or PK_E_NEEDS_APPROVAL. */
int pk_respond_explain(const struct pk_respond *r, uint32_t incident, struct pk_str action,
                       struct pk_str target, const struct pk_stamp *now, struct pk_buf *out);
#endif
