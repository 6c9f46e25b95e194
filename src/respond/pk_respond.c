#include "respond/pk_respond.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_zero.h"

enum { APPROVAL_TIMEOUT_MS = 300000, RETRY_MS = 1000, RETRY_MAX = 10, VERIFY_EVERY_MS = 1000, DEFER_MS = 10 };
enum { RISK_BEHIND = 5, RISK_REPEAT = 3 };

void pk_respond_settings_defaults(struct pk_respond_settings *s) {
    *s = (struct pk_respond_settings){.mode = PK_MODE_SAFE,
                                      .is_safe_mode = true,
                                      .is_auto_rollback = true,
                                      .approval_timeout_ms = APPROVAL_TIMEOUT_MS,
                                      .risk = {.behind_count = RISK_BEHIND, .repeat_count = RISK_REPEAT}};
}

void pk_respond_configure(struct pk_respond *r, const struct pk_respond_settings *settings) {
    PK_ASSERT(settings->mode < PK_MODE_COUNT);
    r->settings = *settings;
}

void pk_respond_init(struct pk_respond *r, const struct pk_action_table *actions,
                     const struct pk_incidents *incidents, uint32_t boot,
                     const struct pk_respond_settings *settings) {
    PK_ASSERT(actions != NULL && incidents != NULL);
    pk_zero(r, sizeof *r);
    r->actions = actions;
    r->incidents = incidents;
    r->boot = boot;
    r->next_run = 1;
    pk_budget_init(&r->budget);
    pk_respond_configure(r, settings);
}

void pk_respond_set_topology(struct pk_respond *r, const struct pk_topology *topology) {
    r->topology = topology;
}

void pk_respond_set_actions(struct pk_respond *r, const struct pk_action_table *actions,
                            const struct pk_stamp *now) {
    r->actions = actions;
    memset(r->counts, 0, sizeof r->counts);
    for (uint32_t i = 0; i < PK_LIMIT_RUNS; i++) {
        struct pk_run *run = &r->runs[i];
        const int index = pk_actions_find(actions, pk_str_of(run->action));
        run->action_index = index >= 0 ? index : -1;
        const bool is_waiting = run->step == PK_RUN_AT_WAIT || run->step == PK_RUN_AT_APPROVAL;
        if (run->id != 0 && run->action_index < 0 && is_waiting) {
            pk_respond_run_end(r, run, PK_RUN_REFUSED, pk_str_of("no such action any more"), now);
        }
    }
}

/* -- plans -- */
static struct pk_respond_plan *find_plan(struct pk_respond *r, uint32_t incident) {
    for (uint32_t i = 0; i < PK_LIMIT_RUNS; i++) {
        if (r->plans[i].incident == incident) {
            return &r->plans[i];
        }
    }
    return NULL;
}

static bool takes_target(const struct pk_respond *r, struct pk_str action) {
    const int index = pk_actions_find(r->actions, action);
    return index < 0 || r->actions->rows[index].needs_target;
}

/* Starts the next action of the plan; frees the plan when there is none. */
static void plan_next(struct pk_respond *r, struct pk_respond_plan *plan, const struct pk_stamp *now) {
    plan->run = 0;
    while (plan->next < plan->action_count) {
        const struct pk_str action = pk_str_of(plan->actions[plan->next]);
        const bool is_call = pk_respond_is_call(action);
        char call_target[PK_ACTION_TARGET_BYTES] = "";
        if (is_call) {
            pk_respond_call_target(r, plan->incident, action, true, call_target);
        }
        const struct pk_str target = is_call                   ? pk_str_of(call_target)
                                     : takes_target(r, action) ? pk_str_of(plan->target)
                                                               : pk_str_make("", 0);
        if (pk_respond_run_twin(r, action, target) != NULL) {
            plan->next++;
            continue;
        }
        struct pk_run *run = pk_respond_run_new(r, plan->incident, action, target, now);
        if (run == NULL) {
            return; /* tried again at the next tick */
        }
        plan->next++;
        plan->run = run->id;
        run->is_auto = plan->is_auto || is_call; /* asking leave to ask for help is a trap */
        run->needs_call = is_call;
        pk_str_copy_cut(pk_str_of("rule"), run->requested_by, sizeof run->requested_by);
        pk_respond_run_promote(r, run, now);
        return;
    }
    *plan = (struct pk_respond_plan){0};
}

/* Did the run's end leave the next action of the plan worth trying? Nothing is piled on what nobody knows
 * the end of, or what a person stopped. */
static bool goes_on_after(const struct pk_run *run) {
    switch ((enum pk_run_state)run->state) {
    case PK_RUN_COMPLETED:
        return run->is_read_only;
    case PK_RUN_FAILED:
    case PK_RUN_TIMED_OUT:
    case PK_RUN_ROLLED_BACK:
    case PK_RUN_REFUSED:
    case PK_RUN_REJECTED:
    case PK_RUN_EXPIRED:
    case PK_RUN_WOULD_RUN:
        return true;
    case PK_RUN_INTERRUPTED:
    case PK_RUN_UNKNOWN:
    case PK_RUN_PLANNED:
    case PK_RUN_AWAITING_APPROVAL:
    case PK_RUN_APPROVED:
    case PK_RUN_EXECUTING:
    case PK_RUN_STATE_COUNT:
        break;
    }
    return false;
}

static void advance_plan(struct pk_respond *r, struct pk_respond_plan *plan, const struct pk_stamp *now) {
    const struct pk_run *run = pk_respond_run_find(r, plan->run);
    if (run != NULL && !pk_run_state_is_final(run->state)) {
        return;
    }
    if (!pk_incidents_is_live(r->incidents, plan->incident) || (run != NULL && !goes_on_after(run))) {
        *plan = (struct pk_respond_plan){0};
        return;
    }
    plan_next(r, plan, now);
}

static int fill_plan(struct pk_respond_plan *plan, struct pk_str names) {
    struct pk_str piece;
    while (pk_str_split(&names, ',', &piece)) {
        piece = pk_str_trim(piece);
        if (!pk_text_is_id(piece, "", PK_ACTION_NAME_BYTES - 1) ||
            plan->action_count == PK_RESPOND_PLAN_ACTIONS) {
            return PK_E_BAD_FIELD;
        }
        pk_str_copy_cut(piece, plan->actions[plan->action_count++], PK_ACTION_NAME_BYTES);
    }
    return plan->action_count > 0 ? PK_OK : PK_E_BAD_FIELD;
}

int pk_respond_plan(struct pk_respond *r, uint32_t incident, struct pk_str names, struct pk_str target,
                    bool is_auto, const struct pk_stamp *now) {
    struct pk_respond_plan plan = {.incident = incident, .is_auto = is_auto};
    if (!pk_incidents_is_live(r->incidents, incident)) {
        return PK_E_NOT_FOUND;
    }
    if (find_plan(r, incident) != NULL) {
        return PK_E_CONFLICT;
    }
    if (fill_plan(&plan, names) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    /* A target no row could allow stays empty: the run is then refused where everybody sees it. */
    if (pk_action_target_is_valid(target)) {
        pk_str_copy_cut(target, plan.target, sizeof plan.target);
    }
    struct pk_respond_plan *row = find_plan(r, 0);
    if (row == NULL) {
        r->full_count++;
        return PK_E_FULL;
    }
    *row = plan;
    const uint32_t used = (uint32_t)(row - r->plans) + 1u;
    r->plan_used = used > r->plan_used ? used : r->plan_used;
    plan_next(r, row, now);
    return PK_OK;
}

/* A person wants it: when his role reaches, that is his approval. */
static void take_wish(struct pk_run *run, const struct pk_decision *d, struct pk_str who, enum pk_role role) {
    run->is_manual = true;
    run->role = d->role;
    run->approvals_needed = d->approvals_needed;
    pk_str_copy_cut(who, run->requested_by, sizeof run->requested_by);
    if (d->approvals_needed > 0 && pk_role_reaches(role, (enum pk_role)d->role)) {
        run->approvals_have = 1;
        pk_str_copy_cut(who, run->approved_by[0], sizeof run->approved_by[0]);
    }
}

/* A call without a hook: nothing starts, so nothing is asked but the role. */
static int64_t ask_call(struct pk_respond *r, uint32_t incident, struct pk_str action, struct pk_str who,
                        enum pk_role role, const struct pk_stamp *now) {
    if (!pk_role_reaches(role, PK_ROLE_RESPONDER)) {
        return PK_E_DENIED;
    }
    struct pk_run *run = pk_respond_run_new(r, incident, action, pk_str_make("", 0), now);
    if (run == NULL) {
        return PK_E_FULL;
    }
    run->is_manual = true;
    run->needs_call = true;
    pk_str_copy_cut(who, run->requested_by, sizeof run->requested_by);
    pk_respond_run_promote(r, run, now);
    return run->id;
}

int64_t pk_respond_ask(struct pk_respond *r, uint32_t incident, struct pk_str action, struct pk_str target,
                       struct pk_str who, enum pk_role role, const struct pk_stamp *now) {
    struct pk_decision d;
    struct pk_run probe = {
        .is_manual = true, .incident = incident, .action_index = pk_actions_find(r->actions, action)};
    uint64_t wait_ms = 0;
    const bool is_call = pk_respond_is_call(action);
    if (!pk_incidents_is_live(r->incidents, incident) || (probe.action_index < 0 && !is_call)) {
        return PK_E_NOT_FOUND;
    }
    if (probe.action_index < 0) {
        return ask_call(r, incident, action, who, role, now);
    }
    (void)pk_str_copy_cut(action, probe.action, sizeof probe.action);
    if (pk_str_copy(target, probe.target, sizeof probe.target) < 0) {
        return PK_E_BAD_FIELD;
    }
    if (!pk_role_reaches(role, PK_ROLE_RESPONDER)) {
        return PK_E_DENIED;
    }
    int err = pk_respond_run_decide(r, &probe, now, &d);
    if (err != PK_OK || d.kind == PK_DECIDE_REFUSE) {
        return err != PK_OK ? err : PK_E_POLICY;
    }
    if (pk_respond_run_twin(r, action, target) != NULL) {
        return PK_E_CONFLICT;
    }
    const struct pk_action *row = &r->actions->rows[probe.action_index];
    err =
        pk_budget_check(&r->budget, action, target, incident, row->per_hour, row->cooldown_ms, now, &wait_ms);
    if (err != PK_OK && d.kind != PK_DECIDE_WOULD_RUN) {
        return err;
    }
    struct pk_run *run = pk_respond_run_new(r, incident, action, target, now);
    if (run == NULL) {
        return PK_E_FULL;
    }
    take_wish(run, &d, who, role);
    run->needs_call = is_call;
    pk_respond_run_promote(r, run, now);
    return run->id;
}

int pk_respond_hook(struct pk_respond *r, uint32_t incident, struct pk_str call, const struct pk_stamp *now) {
    char target[PK_ACTION_TARGET_BYTES] = "";
    PK_ASSERT(pk_respond_is_call(call));
    if (!pk_incidents_is_live(r->incidents, incident) || pk_actions_find(r->actions, call) < 0) {
        return PK_E_NOT_FOUND;
    }
    pk_respond_call_target(r, incident, call, false, target);
    if (pk_respond_run_twin(r, call, pk_str_of(target)) != NULL) {
        return PK_E_CONFLICT;
    }
    struct pk_run *run = pk_respond_run_new(r, incident, call, pk_str_of(target), now);
    if (run == NULL) {
        return PK_E_FULL;
    }
    run->is_auto = true;
    pk_str_copy_cut(pk_str_of("escalation"), run->requested_by, sizeof run->requested_by);
    pk_respond_run_promote(r, run, now);
    return PK_OK;
}

/* A newer run on the same target took a newer snapshot: that one has to go first. */
static bool is_newest(const struct pk_respond *r, const struct pk_run *run) {
    for (uint32_t i = 0; i < PK_LIMIT_RUNS; i++) {
        const struct pk_run *other = &r->runs[i];
        if (other->id > run->id && other->undo_of == 0 && other->is_intent &&
            other->undo != PK_RUN_UNDO_DONE && strcmp(other->action, run->action) == 0 &&
            strcmp(other->target, run->target) == 0) {
            return false;
        }
    }
    return true;
}

int pk_respond_undo_check(const struct pk_respond *r, uint32_t id, const char **out_why) {
    const struct pk_run *run = pk_respond_get(r, id);
    *out_why = "there is no such run any more";
    if (run == NULL) {
        return PK_E_NOT_FOUND;
    }
    *out_why = "its action has no undo";
    if (run->action_index < 0 || r->actions->rows[run->action_index].step_count[PK_PHASE_UNDO] == 0) {
        return PK_E_NOT_FOUND;
    }
    *out_why = run->undo_of != 0                    ? "it is an undo itself"
               : !run->is_intent                    ? "it never started"
               : !pk_run_state_is_final(run->state) ? "it is not over: interrupt it"
               : run->undo == PK_RUN_UNDO_DONE      ? "it was undone already"
               : !is_newest(r, run)                 ? "a later run did the same: undo that one first"
                                                    : NULL;
    return *out_why == NULL ? PK_OK : PK_E_CONFLICT;
}

int64_t pk_respond_undo(struct pk_respond *r, uint32_t id, struct pk_str who, enum pk_role role,
                        const struct pk_stamp *now) {
    struct pk_decision d;
    const char *why = NULL;
    const int err = pk_respond_undo_check(r, id, &why);
    if (err != PK_OK) {
        return err;
    }
    if (!pk_role_reaches(role, PK_ROLE_RESPONDER)) {
        return PK_E_DENIED;
    }
    const struct pk_run of = *pk_respond_get(r, id);
    struct pk_run wish = {.is_manual = true, .undo_of = id, .action_index = of.action_index};
    memcpy(wish.target, of.target, sizeof wish.target);
    const int decided = pk_respond_run_decide(r, &wish, now, &d);
    if (decided != PK_OK || d.kind == PK_DECIDE_REFUSE) {
        return decided != PK_OK ? decided : PK_E_POLICY;
    }
    if (pk_respond_run_twin(r, pk_str_of(of.action), pk_str_of(of.target)) != NULL) {
        return PK_E_CONFLICT;
    }
    struct pk_run *run = pk_respond_run_new(r, of.incident, pk_str_of(of.action), pk_str_of(of.target), now);
    if (run == NULL) {
        return PK_E_FULL;
    }
    run->undo_of = id;
    run->is_idempotent = true;
    take_wish(run, &d, who, role);
    pk_respond_run_promote(r, run, now);
    return run->id;
}

/* -- approvals and interrupts -- */
static void approve(struct pk_respond *r, struct pk_run *run, struct pk_str who, const struct pk_stamp *now) {
    pk_str_copy_cut(who, run->approved_by[run->approvals_have], sizeof run->approved_by[0]);
    run->approvals_have++;
    run->needs_persist = true;
    run->needs_notify = true;
    run->needs_approval_note = true;
    run->delegated_to[0] = '\0';
    if (run->approvals_have < run->approvals_needed) {
        pk_respond_run_say(run, "approved by one, needs two");
        return;
    }
    r->approvals[PK_APPROVAL_APPROVED] += pk_respond_run_is_drill(r, run) ? 0u : 1u;
    run->state = PK_RUN_APPROVED;
    run->step = PK_RUN_AT_WAIT;
    run->not_before_ms = now->mono_ms;
    run->result[0] = '\0';
}

/* May this person answer now? As pk_respond_decide says. */
static int check_answer(struct pk_respond *r, struct pk_run *run, struct pk_str who, enum pk_role role,
                        const struct pk_stamp *now) {
    if (run == NULL) {
        return PK_E_NOT_FOUND;
    }
    if (run->step == PK_RUN_AT_APPROVAL && now->mono_ms >= run->expires_ms) {
        pk_respond_run_end(r, run, PK_RUN_EXPIRED, pk_str_of("nobody answered in time"), now);
    }
    if (run->state == PK_RUN_EXPIRED) {
        return PK_E_EXPIRED;
    }
    if (run->step != PK_RUN_AT_APPROVAL) {
        return PK_E_CONFLICT;
    }
    const bool is_his =
        run->delegated_to[0] == '\0' || role == PK_ROLE_ADMIN || pk_str_eq_c(who, run->delegated_to);
    return who.n == 0 || who.n >= PK_INC_USER_BYTES || !is_his ||
                   !pk_role_reaches(role, (enum pk_role)run->role)
               ? PK_E_DENIED
               : PK_OK;
}

/* Two people, for sure? A user of the gateway whose person nobody named may be he who signed with a key. */
static bool are_two(struct pk_str who, const char *first) {
    const bool is_uid = pk_str_starts(who, "uid:");
    return !pk_str_eq_c(who, first) && is_uid == pk_str_starts(pk_str_of(first), "uid:");
}

int pk_respond_decide(struct pk_respond *r, uint32_t id, bool is_approved, struct pk_str who,
                      enum pk_role role, const struct pk_stamp *now) {
    struct pk_run *run = pk_respond_run_find(r, id);
    const int err = check_answer(r, run, who, role, now);
    if (err != PK_OK) {
        return err;
    }
    if (!is_approved) {
        pk_str_copy_cut(who, run->approved_by[0], sizeof run->approved_by[0]);
        pk_respond_run_end(r, run, PK_RUN_REJECTED, who, now);
        return PK_OK;
    }
    if (run->approvals_have > 0 && !are_two(who, run->approved_by[0])) {
        return PK_E_CONFLICT;
    }
    approve(r, run, who, now);
    return PK_OK;
}

int pk_respond_delegate(struct pk_respond *r, uint32_t id, struct pk_str who, enum pk_role role,
                        struct pk_str to, const struct pk_stamp *now) {
    struct pk_run *run = pk_respond_run_find(r, id);
    const int err = check_answer(r, run, who, role, now);
    if (err != PK_OK) {
        return err;
    }
    if (!pk_text_is_id(to, "_.:@-", PK_INC_USER_BYTES - 1) ||
        (to.n == who.n && memcmp(to.p, who.p, to.n) == 0)) {
        return PK_E_BAD_FIELD;
    }
    /* Who gave his say has none to hand on; who got two of two cannot be him who gave the first. */
    if (run->approvals_have > 0 &&
        (pk_str_eq_c(who, run->approved_by[0]) || pk_str_eq_c(to, run->approved_by[0]))) {
        return PK_E_CONFLICT;
    }
    if (run->delegate_count >= PK_RESPOND_DELEGATIONS) {
        return PK_E_BUDGET;
    }
    run->delegate_count++;
    pk_str_copy_cut(to, run->delegated_to, sizeof run->delegated_to);
    pk_respond_run_ask_until(r, run, now);
    run->needs_persist = true;
    run->needs_approval_note = true;
    return PK_OK;
}

uint32_t pk_respond_correct_wall(struct pk_respond *r, const struct pk_time_fix *fix) {
    uint32_t changed = 0;
    for (uint32_t i = 0; i < PK_LIMIT_RUNS; i++) {
        struct pk_run *run = &r->runs[i];
        bool is_changed = run->id != 0 && pk_stamp_correct(&run->planned, fix);
        is_changed |= run->id != 0 && pk_stamp_correct(&run->started, fix);
        is_changed |= run->id != 0 && pk_stamp_correct(&run->finished, fix);
        if (is_changed && run->state == PK_RUN_AWAITING_APPROVAL) {
            run->expires_wall_ms = (int64_t)run->expires_ms + fix->wall_minus_mono_ms;
            run->needs_persist = true;
            run->needs_approval_note = true;
        }
        changed += is_changed ? 1u : 0u;
    }
    return changed;
}

int pk_respond_interrupt(struct pk_respond *r, uint32_t id, struct pk_str who, enum pk_role role,
                         const struct pk_stamp *now) {
    struct pk_run *run = pk_respond_run_find(r, id);
    char words[PK_RUN_RESULT_BYTES * 2];
    struct pk_buf b;
    if (run == NULL) {
        return PK_E_NOT_FOUND;
    }
    const bool is_acting = run->step == PK_RUN_AT_STARTING || run->step == PK_RUN_AT_RUNNING;
    const bool is_undoing =
        run->step == PK_RUN_AT_UNDO || run->step == PK_RUN_AT_UNDOING || (run->undo_of != 0 && is_acting);
    if (pk_run_state_is_final(run->state) || is_undoing) {
        return PK_E_CONFLICT; /* half undone would be worse */
    }
    if (!pk_role_reaches(role, PK_ROLE_RESPONDER) || !pk_role_reaches(role, (enum pk_role)run->role)) {
        return PK_E_DENIED;
    }
    pk_buf_init(&b, words, sizeof words);
    pk_buf_puts(&b, is_acting ? "being stopped by " : "by ");
    pk_buf_put(&b, who.p, who.n < PK_RUN_RESULT_BYTES ? who.n : PK_RUN_RESULT_BYTES);
    if (is_acting) {
        run->is_stop_wanted = true;
        run->needs_stop = true;
        pk_respond_run_say(run, words);
        return PK_OK;
    }
    run->needs_stop = run->step == PK_RUN_AT_VERIFYING;
    pk_respond_run_end(r, run, PK_RUN_INTERRUPTED, pk_buf_str(&b), now);
    return PK_OK;
}

/* -- answers of the world -- */
void pk_respond_on_submitted(struct pk_respond *r, uint32_t id, uint64_t seq) {
    struct pk_run *run = pk_respond_run_find(r, id);
    PK_ASSERT(seq > 0);
    if (run == NULL || run->step != PK_RUN_AT_INTENT || run->needs_persist) {
        return; /* not the intent, or it changed since */
    }
    run->intent_seq = seq;
    pk_respond_on_durable(r, r->durable_seq);
}

void pk_respond_on_submit_failed(struct pk_respond *r, uint32_t id) {
    struct pk_run *run = pk_respond_run_find(r, id);
    if (run != NULL) {
        run->needs_persist = true;
        run->is_persist_deferred = true;
        pk_budget_dirty_all(&r->budget);
    }
}

void pk_respond_on_not_queued(struct pk_respond *r, uint32_t id) {
    struct pk_run *run = pk_respond_run_find(r, id);
    if (run != NULL) {
        run->needs_approval_note = true;
        run->is_persist_deferred = true;
    }
}

void pk_respond_on_durable(struct pk_respond *r, uint64_t durable_seq) {
    r->durable_seq = durable_seq > r->durable_seq ? durable_seq : r->durable_seq;
    for (uint32_t i = 0; i < r->run_used; i++) {
        struct pk_run *run = &r->runs[i];
        if (run->id != 0 && run->step == PK_RUN_AT_INTENT && run->intent_seq != 0 &&
            run->intent_seq <= r->durable_seq) {
            run->step = PK_RUN_AT_START;
            run->not_before_ms = 0;
        }
    }
}

void pk_respond_on_not_sent(struct pk_respond *r, uint32_t id) {
    struct pk_run *run = pk_respond_run_find(r, id);
    if (run == NULL) {
        return;
    }
    run->is_send_deferred = true;
    if (run->step == PK_RUN_AT_STARTING) {
        run->step = PK_RUN_AT_START;
    } else if (run->step == PK_RUN_AT_VERIFYING) {
        run->step = PK_RUN_AT_VERIFY;
    } else if (run->step == PK_RUN_AT_UNDOING) {
        run->step = PK_RUN_AT_UNDO;
    }
}

void pk_respond_on_stop_not_sent(struct pk_respond *r, uint32_t id) {
    struct pk_run *run = pk_respond_run_find(r, id);
    if (run != NULL && (run->step == PK_RUN_AT_STARTING || run->step == PK_RUN_AT_RUNNING)) {
        run->is_send_deferred = true;
        run->needs_stop = true;
    }
}

void pk_respond_on_started(struct pk_respond *r, uint32_t id, const struct pk_stamp *now) {
    struct pk_run *run = pk_respond_run_find(r, id);
    if (run == NULL || run->step != PK_RUN_AT_STARTING) {
        return;
    }
    run->step = PK_RUN_AT_RUNNING;
    run->started = *now;
    run->deadline_ms = pk_respond_run_answer_ms(r, run, now);
    run->needs_persist = true;
}

/* Full, or one of the two reads its action table a moment later than the other (SIGHUP while something runs).
 */
static bool is_passing(int error) {
    return error == PK_E_BUSY || error == PK_E_AGAIN || error == PK_E_STALE;
}

static void refuse_verify(struct pk_respond *r, struct pk_run *run, int error, const struct pk_stamp *now) {
    if (is_passing(error) && now->mono_ms + RETRY_MS < run->verify_until_ms) {
        run->step = PK_RUN_AT_VERIFY;
        run->not_before_ms = now->mono_ms + RETRY_MS;
        return;
    }
    pk_respond_run_disproved(r, run, "the supervisor refused the verification", now);
}

/* How long until an undo that could not start asks again: it is never dropped for a moment of bustle. */
static uint64_t undo_pause_ms(const struct pk_run *run) {
    enum { PAUSE_MAX_MS = 60000, DOUBLINGS = 6 };
    const uint64_t ms = (uint64_t)RETRY_MS << (run->retry_count < DOUBLINGS ? run->retry_count : DOUBLINGS);
    return ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
}

static void refuse_undo(struct pk_respond *r, struct pk_run *run, int error, const struct pk_stamp *now) {
    /* In conflict: the one an agent before us asked for still runs under this number. */
    if ((is_passing(error) || error == PK_E_CONFLICT) && run->retry_count < RETRY_MAX) {
        run->step = PK_RUN_AT_UNDO;
        run->not_before_ms = now->mono_ms + undo_pause_ms(run);
        run->retry_count++;
        return;
    }
    run->undo = PK_RUN_UNDO_FAILED;
    pk_respond_run_end(r, run, PK_RUN_FAILED, pk_str_of("UNDO FAILED: the supervisor refused it"), now);
}

void pk_respond_on_refused(struct pk_respond *r, uint32_t id, int error, uint32_t retry_after_ms,
                           struct pk_str why, const struct pk_stamp *now) {
    struct pk_run *run = pk_respond_run_find(r, id);
    if (run != NULL && run->step == PK_RUN_AT_VERIFYING) {
        refuse_verify(r, run, error, now);
        return;
    }
    if (run != NULL && run->step == PK_RUN_AT_UNDOING) {
        refuse_undo(r, run, error, now);
        return;
    }
    if (run == NULL || run->step != PK_RUN_AT_STARTING) {
        return;
    }
    /* The supervisor counts from the start itself, some milliseconds after us: its cooldown may last that
     * much longer. */
    if ((is_passing(error) || error == PK_E_COOLDOWN) && run->retry_count < RETRY_MAX &&
        !run->is_stop_wanted) {
        const uint64_t pause_ms = run->undo_of != 0 ? undo_pause_ms(run) : RETRY_MS;
        run->retry_count++;
        run->step = PK_RUN_AT_START;
        run->not_before_ms = now->mono_ms + (retry_after_ms > pause_ms ? retry_after_ms : pause_ms);
        return;
    }
    pk_respond_run_end(r, run, run->is_stop_wanted ? PK_RUN_INTERRUPTED : PK_RUN_REFUSED,
                       why.n > 0 ? why : pk_str_of(pk_err_text(error)), now);
}

static void end_with_code(struct pk_respond *r, struct pk_run *run, uint8_t state, const char *words,
                          int32_t exit_code, const struct pk_stamp *now) {
    char text[PK_RUN_RESULT_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, words);
    pk_buf_put_i64(&b, exit_code);
    pk_respond_run_end(r, run, state, pk_buf_str(&b), now);
}

/* Words, and what came of the undo the supervisor did by itself. */
static const char *with_undo(const struct pk_run *run, const char *plain, const char *undone,
                             const char *failed) {
    return run->undo == PK_RUN_UNDO_DONE ? undone : run->undo == PK_RUN_UNDO_FAILED ? failed : plain;
}

static void act_done(struct pk_respond *r, struct pk_run *run, int32_t exit_code, bool is_timed_out,
                     const struct pk_stamp *now) {
    if (!pk_stamp_is_set(&run->started)) {
        run->started = *now;
    }
    run->exit_code = exit_code;
    const bool is_undone = run->undo == PK_RUN_UNDO_DONE;
    if (run->is_stop_wanted) {
        end_with_code(
            r, run, PK_RUN_INTERRUPTED,
            with_undo(run, "stopped, exit ", "stopped and undone, exit ", "stopped, UNDO FAILED, exit "),
            exit_code, now);
    } else if (is_timed_out) {
        const char *words = with_undo(run, "ran out of its time and was stopped",
                                      "ran out of its time; undone", "ran out of its time; UNDO FAILED");
        pk_respond_run_end(r, run, is_undone ? PK_RUN_ROLLED_BACK : PK_RUN_TIMED_OUT, pk_str_of(words), now);
    } else if (exit_code != 0) {
        end_with_code(r, run, is_undone ? PK_RUN_ROLLED_BACK : PK_RUN_FAILED,
                      with_undo(run, "exit ", "undone, exit ", "UNDO FAILED, exit "), exit_code, now);
    } else {
        pk_respond_run_succeeded(r, run, now);
    }
}

static void verify_done(struct pk_respond *r, struct pk_run *run, int32_t exit_code, bool is_timed_out,
                        const struct pk_stamp *now) {
    if (exit_code == 0 && !is_timed_out) {
        pk_respond_run_end(r, run, PK_RUN_COMPLETED, pk_str_of("verified"), now);
    } else if (now->mono_ms + VERIFY_EVERY_MS < run->verify_until_ms) {
        run->step = PK_RUN_AT_VERIFY;
        run->not_before_ms = now->mono_ms + VERIFY_EVERY_MS;
    } else {
        char text[PK_RUN_RESULT_BYTES];
        struct pk_buf b;
        pk_buf_init(&b, text, sizeof text);
        pk_buf_puts(&b, "not verified, exit ");
        pk_buf_put_i64(&b, exit_code);
        pk_respond_run_disproved(r, run, text, now);
    }
}

/* The undo of a run that did not prove itself. */
static void undo_done(struct pk_respond *r, struct pk_run *run, int32_t exit_code, bool is_timed_out,
                      const struct pk_stamp *now) {
    const bool is_undone = exit_code == 0 && !is_timed_out;
    run->undo = is_undone ? PK_RUN_UNDO_DONE : PK_RUN_UNDO_FAILED;
    if (is_undone) {
        pk_respond_run_end(r, run, PK_RUN_ROLLED_BACK, pk_str_of("it did not help; undone"), now);
    } else {
        end_with_code(r, run, PK_RUN_FAILED, "it did not help; UNDO FAILED, exit ", exit_code, now);
    }
}

/* The run a person had undone, when it is still known. */
static void mark_undone(struct pk_respond *r, const struct pk_run *undo, bool is_undone) {
    struct pk_run *run = pk_respond_run_find(r, undo->undo_of);
    if (run == NULL || run->undo == PK_RUN_UNDO_DONE) {
        return;
    }
    run->undo = is_undone ? PK_RUN_UNDO_DONE : PK_RUN_UNDO_FAILED;
    run->state = is_undone ? PK_RUN_ROLLED_BACK : run->state;
    pk_str_copy_cut(pk_str_of(is_undone ? "undone on request" : "UNDO FAILED on request"), run->result,
                    sizeof run->result);
    run->needs_persist = true;
    run->needs_notify = true;
}

static void wanted_undo_done(struct pk_respond *r, struct pk_run *run, int32_t exit_code, bool is_timed_out,
                             const struct pk_stamp *now) {
    run->exit_code = exit_code;
    if (is_timed_out) {
        pk_respond_run_end(r, run, PK_RUN_TIMED_OUT, pk_str_of("UNDO ran out of its time"), now);
    } else if (exit_code != 0) {
        end_with_code(r, run, PK_RUN_FAILED, "UNDO FAILED, exit ", exit_code, now);
    } else {
        end_with_code(r, run, PK_RUN_COMPLETED, "undid run ", (int32_t)run->undo_of, now);
    }
    mark_undone(r, run, run->state == PK_RUN_COMPLETED);
}

void pk_respond_on_unconfirmed(struct pk_respond *r, uint32_t id, int32_t exit_code,
                               const struct pk_stamp *now) {
    struct pk_run *run = pk_respond_run_find(r, id);
    if (run == NULL || run->undo == PK_RUN_UNDO_DONE || run->undo_of != 0) {
        return;
    }
    const bool is_undone = exit_code == 0;
    const bool is_change =
        run->action_index >= 0 && r->actions->rows[run->action_index].confirm_within_ms > 0;
    const bool is_left = exit_code < 0;
    const char *words =
        is_left     ? "left as it is; `picketctl undo RUN` undoes it"
        : is_change ? is_undone ? "not confirmed in time; undone" : "not confirmed in time; UNDO FAILED"
        : is_undone ? "it went wrong; undone, over a restart"
                    : "it went wrong; UNDO FAILED, over a restart";
    run->undo = is_undone ? PK_RUN_UNDO_DONE : is_left ? run->undo : PK_RUN_UNDO_FAILED;
    if (!pk_run_state_is_final(run->state)) {
        pk_respond_run_end(r, run, is_undone ? PK_RUN_ROLLED_BACK : PK_RUN_FAILED, pk_str_of(words), now);
        return;
    }
    run->state = is_undone ? PK_RUN_ROLLED_BACK : PK_RUN_FAILED;
    pk_respond_run_say(run, words);
    run->needs_persist = true;
    run->needs_notify = true;
}

static const char CONFIRMING[] = "to be confirmed by ";

void pk_respond_on_confirmed(struct pk_respond *r, uint32_t id, int error) {
    struct pk_run *run = pk_respond_run_find(r, id);
    char words[PK_RUN_RESULT_BYTES * 2];
    struct pk_buf b;
    if (run == NULL || !pk_str_starts(pk_str_of(run->result), CONFIRMING)) {
        return;
    }
    const char *who = run->result + sizeof CONFIRMING - 1;
    pk_buf_init(&b, words, sizeof words);
    pk_buf_puts(&b, error == PK_OK ? "confirmed by " : "NOT confirmed: ");
    pk_buf_puts(&b, error == PK_OK            ? who
                    : error == PK_E_NOT_FOUND ? "nothing waits to be"
                                              : pk_err_text(error));
    pk_respond_run_say(run, words);
}

/* It is taken back by itself, or may be: whether an undo is owed, the supervisor knows. */
static bool may_wait(const struct pk_respond *r, const struct pk_run *run) {
    const struct pk_action *row = &r->actions->rows[run->action_index];
    const bool is_open = !pk_run_state_is_final(run->state) || run->state == PK_RUN_UNKNOWN;
    return row->confirm_within_ms > 0 || (is_open && row->step_count[PK_PHASE_UNDO] > 0);
}

int pk_respond_confirm(struct pk_respond *r, uint32_t id, struct pk_str who, enum pk_role role) {
    struct pk_run *run = pk_respond_run_find(r, id);
    char words[PK_RUN_RESULT_BYTES * 2];
    struct pk_buf b;
    if (run == NULL || run->action_index < 0 || !may_wait(r, run)) {
        return PK_E_NOT_FOUND;
    }
    if (run->undo_of != 0 || !run->is_intent || run->undo != PK_RUN_UNDO_NONE) {
        return PK_E_CONFLICT;
    }
    if (!pk_role_reaches(role, PK_ROLE_RESPONDER) || !pk_role_reaches(role, (enum pk_role)run->role)) {
        return PK_E_DENIED;
    }
    pk_buf_init(&b, words, sizeof words);
    pk_buf_puts(&b, CONFIRMING);
    pk_buf_put(&b, who.p, who.n < PK_RUN_RESULT_BYTES ? who.n : PK_RUN_RESULT_BYTES);
    pk_respond_run_say(run, words);
    return PK_OK;
}

void pk_respond_on_undone(struct pk_respond *r, uint32_t id, uint8_t undo) {
    struct pk_run *run = pk_respond_run_find(r, id);
    const bool is_acting = run != NULL && (run->step == PK_RUN_AT_STARTING || run->step == PK_RUN_AT_RUNNING);
    if (is_acting && undo < PK_RUN_UNDO_COUNT) {
        run->undo = undo;
    }
}

void pk_respond_on_done(struct pk_respond *r, uint32_t id, uint8_t phase, int32_t exit_code,
                        bool is_timed_out, uint32_t duration_ms, const struct pk_stamp *now) {
    struct pk_run *run = pk_respond_run_find(r, id);
    if (run == NULL) {
        return;
    }
    const bool is_acting = run->step == PK_RUN_AT_STARTING || run->step == PK_RUN_AT_RUNNING;
    if (is_acting && run->undo_of != 0 && phase == PK_PHASE_UNDO) {
        run->duration_ms = duration_ms;
        wanted_undo_done(r, run, exit_code, is_timed_out, now);
    } else if (is_acting && run->undo_of == 0 && (phase == PK_PHASE_ACT || phase == PK_PHASE_SNAPSHOT)) {
        run->duration_ms = duration_ms;
        act_done(r, run, exit_code, is_timed_out, now);
    } else if (phase == PK_PHASE_UNDO && run->step == PK_RUN_AT_UNDOING) {
        undo_done(r, run, exit_code, is_timed_out, now);
    } else if (phase == PK_PHASE_VERIFY && run->step == PK_RUN_AT_VERIFYING) {
        verify_done(r, run, exit_code, is_timed_out, now);
    }
}

void pk_respond_on_supervisor_lost(struct pk_respond *r, const struct pk_stamp *now) {
    for (uint32_t i = 0; i < PK_LIMIT_RUNS; i++) {
        struct pk_run *run = &r->runs[i];
        if (run->id == 0) {
            continue;
        }
        if (run->step == PK_RUN_AT_STARTING || run->step == PK_RUN_AT_RUNNING) {
            pk_respond_run_end(r, run, PK_RUN_UNKNOWN, pk_str_of("the supervisor went away"), now);
        } else if (run->step == PK_RUN_AT_VERIFYING) {
            run->step = PK_RUN_AT_VERIFY;
            run->not_before_ms = now->mono_ms + RETRY_MS;
        } else if (run->step == PK_RUN_AT_UNDOING) {
            run->step = PK_RUN_AT_UNDO;
            run->not_before_ms = now->mono_ms + RETRY_MS;
        }
    }
}

static void run_cleared(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now) {
    switch ((enum pk_run_step)run->step) {
    case PK_RUN_AT_WAIT:
    case PK_RUN_AT_APPROVAL:
    case PK_RUN_AT_INTENT:
    case PK_RUN_AT_START:
        pk_respond_run_end(r, run, PK_RUN_INTERRUPTED, pk_str_of("cleared before it started"), now);
        break;
    case PK_RUN_AT_VERIFYING:
    case PK_RUN_AT_VERIFY:
    case PK_RUN_AT_CLEAR:
        pk_respond_run_end(r, run, PK_RUN_COMPLETED, pk_str_of("verified: the condition cleared"), now);
        break;
    case PK_RUN_AT_STARTING:
    case PK_RUN_AT_RUNNING:
        run->is_cleared = true;
        break;
    case PK_RUN_AT_UNDO:
    case PK_RUN_AT_UNDOING:
    case PK_RUN_AT_END:
    case PK_RUN_STEP_COUNT:
        break;
    }
}

void pk_respond_on_cleared(struct pk_respond *r, uint32_t incident, const struct pk_stamp *now) {
    for (uint32_t i = 0; i < PK_LIMIT_RUNS; i++) {
        if (r->runs[i].id != 0 && r->runs[i].incident == incident && r->runs[i].undo_of == 0) {
            run_cleared(r, &r->runs[i], now);
        }
    }
    struct pk_respond_plan *plan = incident != 0 ? find_plan(r, incident) : NULL;
    if (plan != NULL) {
        *plan = (struct pk_respond_plan){0};
    }
}

/* -- start -- */
static void resume_approval(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now) {
    const bool is_clock_good = now->quality >= PK_TIME_NTP && run->expires_wall_ms > 0;
    if (!is_clock_good || now->wall_ms >= run->expires_wall_ms) {
        pk_respond_run_end(r, run, PK_RUN_EXPIRED, pk_str_of("Picket restarted while it was asked"), now);
        return;
    }
    const uint64_t left_ms = (uint64_t)(run->expires_wall_ms - now->wall_ms);
    run->expires_ms = now->mono_ms +
                      (left_ms < r->settings.approval_timeout_ms ? left_ms : r->settings.approval_timeout_ms);
    run->needs_approval_note = true;
}

static void resume_run(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now) {
    const struct pk_action *row = run->action_index >= 0 ? &r->actions->rows[run->action_index] : NULL;
    const bool was_proving =
        run->step == PK_RUN_AT_VERIFY || run->step == PK_RUN_AT_VERIFYING || run->step == PK_RUN_AT_CLEAR;
    const bool was_undoing = run->step == PK_RUN_AT_UNDO || run->step == PK_RUN_AT_UNDOING;
    if (run->step == PK_RUN_AT_APPROVAL) {
        resume_approval(r, run, now);
    } else if (was_undoing && row != NULL) {
        run->step =
            PK_RUN_AT_UNDO; /* once more: an undo can be repeated, half of one is not known to be one */
        run->not_before_ms = now->mono_ms;
        run->needs_persist = true;
    } else if (run->is_intent && r->is_end_unsure && !run->is_read_only) {
        pk_respond_run_end(r, run, PK_RUN_UNKNOWN, pk_str_of("the store kept nothing while it may have run"),
                           now); /* a person may have stopped it, too */
    } else if (run->is_intent && was_proving && row != NULL) {
        run->intent_seq = 0;
        pk_respond_run_succeeded(r, run, now);
    } else if (run->is_intent && !run->is_idempotent) {
        pk_respond_run_end(r, run, PK_RUN_UNKNOWN, pk_str_of("Picket restarted while it may have run"), now);
    } else if (run->is_stop_wanted) {
        pk_respond_run_end(r, run, PK_RUN_INTERRUPTED, pk_str_of("Picket restarted while it was stopped"),
                           now); /* it could be run again, but a person said no */
    } else {
        run->state = PK_RUN_PLANNED;
        run->step = PK_RUN_AT_WAIT;
        run->is_intent = false;
        run->approvals_have = 0; /* how long ago somebody agreed is not known: decided anew, so asked anew */
        run->standing = 0;
        run->is_auto = run->is_auto && (!r->is_end_unsure || run->is_read_only || run->needs_call);
        run->not_before_ms = now->mono_ms;
        run->needs_persist = true;
        run->needs_notify = true;
    }
}

void pk_respond_doubt(struct pk_respond *r) {
    r->is_end_unsure = true;
}

int pk_respond_restore(struct pk_respond *r, struct pk_str stored, const struct pk_stamp *now) {
    struct pk_run run;
    if (pk_run_unpack(&run, stored) != PK_OK || run.id == UINT32_MAX) {
        return PK_E_CORRUPT;
    }
    if (pk_respond_run_find(r, run.id) != NULL) {
        return PK_E_CONFLICT;
    }
    const uint32_t next_run = run.id >= r->next_run ? run.id + 1u : r->next_run;
    struct pk_run *row =
        pk_respond_run_new(r, run.incident, pk_str_of(run.action), pk_str_of(run.target), now);
    r->next_run = next_run;
    if (row == NULL) {
        return PK_E_FULL;
    }
    run.action_index = row->action_index;
    *row = run;
    if (!pk_run_state_is_final(row->state)) {
        resume_run(r, row, now);
    }
    return PK_OK;
}

/* -- the tick -- */
uint64_t pk_respond_tick(struct pk_respond *r, const struct pk_stamp *now) {
    uint64_t next_ms = UINT64_MAX;
    for (uint32_t i = 0; i < r->run_used; i++) {
        struct pk_run *run = &r->runs[i];
        if (run->id == 0 || pk_run_state_is_final(run->state)) {
            run->is_persist_deferred = false;
            run->is_send_deferred = false;
            continue;
        }
        if (run->is_send_deferred) {
            run->not_before_ms = now->mono_ms + DEFER_MS; /* the socket was full: not a busy loop */
        }
        const uint64_t due_ms = pk_respond_run_tick(r, run, now);
        next_ms = due_ms < next_ms ? due_ms : next_ms;
    }
    for (uint32_t i = 0; i < r->plan_used; i++) {
        if (r->plans[i].incident != 0) {
            advance_plan(r, &r->plans[i], now);
        }
    }
    return next_ms;
}

static bool may_undo(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now) {
    if (!pk_respond_run_can_undo(r, run)) {
        run->undo = PK_RUN_UNDO_FAILED;
        pk_respond_run_end(r, run, PK_RUN_FAILED, pk_str_of("UNDO FAILED: its row or the mode forbids it"),
                           now);
        return false;
    }
    run->deadline_ms = pk_respond_run_answer_ms(r, run, now);
    return true;
}

/* START of the action or of a verify attempt, when the run is there and everything still holds. */
static bool next_start(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now,
                       struct pk_respond_request *out) {
    if (run->is_send_deferred || now->mono_ms < run->not_before_ms) {
        return false;
    }
    if (run->step == PK_RUN_AT_START && run->is_cleared) {
        pk_respond_run_end(r, run, PK_RUN_INTERRUPTED, pk_str_of("stopped before it started"), now);
        return false;
    }
    if (run->step == PK_RUN_AT_START && pk_respond_run_may_leave(r, run, now)) {
        run->step = PK_RUN_AT_STARTING;
        *out = (struct pk_respond_request){
            .kind = PK_REQ_START, .run = run, .phase = run->undo_of != 0 ? PK_PHASE_UNDO : PK_PHASE_ACT};
        return true;
    }
    if (run->step == PK_RUN_AT_UNDO && may_undo(r, run, now)) {
        run->step = PK_RUN_AT_UNDOING;
        *out = (struct pk_respond_request){.kind = PK_REQ_START, .run = run, .phase = PK_PHASE_UNDO};
        return true;
    }
    if (run->step == PK_RUN_AT_VERIFY && pk_respond_run_may_verify(r, run, now)) {
        run->step = PK_RUN_AT_VERIFYING;
        *out = (struct pk_respond_request){.kind = PK_REQ_START, .run = run, .phase = PK_PHASE_VERIFY};
        return true;
    }
    return false;
}

static bool next_of_run(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now,
                        struct pk_respond_request *out) {
    pk_respond_run_promote(r, run, now);
    if (next_start(r, run, now, out)) {
        return true;
    }
    *out = (struct pk_respond_request){.run = run};
    if (run->needs_call) {
        run->needs_call = false;
        out->kind = PK_REQ_CALL;
        return true;
    }
    if (run->needs_notify) {
        run->needs_notify = false;
        out->kind = PK_REQ_NOTIFY;
        return true;
    }
    if (run->needs_persist && !run->is_persist_deferred) {
        run->needs_persist = false;
        out->kind = PK_REQ_PERSIST;
        return true;
    }
    if (run->needs_approval_note && !run->is_persist_deferred) {
        run->needs_approval_note = false;
        out->kind = PK_REQ_APPROVAL;
        return true;
    }
    if (run->needs_stop && !run->is_send_deferred) {
        run->needs_stop = false;
        out->kind = PK_REQ_STOP;
        return true;
    }
    return false;
}

int pk_respond_next_request(struct pk_respond *r, const struct pk_stamp *now,
                            struct pk_respond_request *out) {
    if (r->forgotten_count > 0) {
        r->handed = r->forgotten[--r->forgotten_count];
        *out = (struct pk_respond_request){.kind = PK_REQ_FORGET, .run = &r->handed};
        return PK_OK;
    }
    for (uint32_t n = 0; n < r->run_used; n++) {
        const uint32_t i = (r->request_cursor + n) % r->run_used;
        if (r->runs[i].id != 0 && next_of_run(r, &r->runs[i], now, out)) {
            r->request_cursor = i;
            return PK_OK;
        }
    }
    return PK_E_NOT_FOUND;
}

/* -- read -- */
const struct pk_run *pk_respond_get(const struct pk_respond *r, uint32_t id) {
    for (uint32_t i = 0; id != 0 && i < PK_LIMIT_RUNS; i++) {
        if (r->runs[i].id == id) {
            return &r->runs[i];
        }
    }
    return NULL;
}

const struct pk_run *pk_respond_next(const struct pk_respond *r, uint32_t incident, uint32_t *after) {
    const struct pk_run *best = NULL;
    for (uint32_t i = 0; i < PK_LIMIT_RUNS; i++) {
        const struct pk_run *run = &r->runs[i];
        if (run->id > *after && (incident == 0 || run->incident == incident) &&
            (best == NULL || run->id < best->id)) {
            best = run;
        }
    }
    if (best != NULL) {
        *after = best->id;
    }
    return best;
}

/* "; raised: the target is marked critical, 7 things depend on the target" */
static void explain_risk(const struct pk_respond *r, struct pk_run *probe, const struct pk_stamp *now,
                         struct pk_buf *out) {
    char words[PK_RISK_FACTORS][PK_RISK_FACTOR_BYTES];
    if (probe->action_index < 0) {
        return;
    }
    pk_respond_run_weigh(r, probe, now);
    const uint32_t n =
        pk_risk_words(probe->raised_by, &r->settings.risk, probe->behind_count, probe->start_count, words);
    for (uint32_t i = 0; i < n; i++) {
        pk_buf_puts(out, i == 0 ? "; raised: " : ", ");
        pk_buf_puts(out, words[i]);
    }
}

int pk_respond_explain(const struct pk_respond *r, uint32_t incident, struct pk_str action,
                       struct pk_str target, const struct pk_stamp *now, struct pk_buf *out) {
    struct pk_decision d;
    struct pk_run probe = {
        .is_manual = true, .incident = incident, .action_index = pk_actions_find(r->actions, action)};
    uint64_t wait_ms = 0;
    if (!pk_incidents_is_live(r->incidents, incident)) {
        pk_buf_puts(out, "the incident is not live");
        return PK_E_NOT_FOUND;
    }
    if (pk_str_copy(target, probe.target, sizeof probe.target) < 0) {
        pk_buf_puts(out, "target is too long");
        return PK_E_BAD_FIELD;
    }
    if (probe.action_index < 0 && pk_respond_is_call(action)) {
        pk_buf_puts(out, "a word on the incident: no program runs");
        return PK_OK;
    }
    int err = pk_respond_run_decide(r, &probe, now, &d);
    pk_buf_puts(out, d.reason);
    explain_risk(r, &probe, now, out);
    if (err != PK_OK || d.kind == PK_DECIDE_REFUSE || d.kind == PK_DECIDE_WOULD_RUN) {
        return err != PK_OK ? err : PK_E_POLICY;
    }
    const struct pk_action *row = &r->actions->rows[probe.action_index];
    err =
        pk_budget_check(&r->budget, action, target, incident, row->per_hour, row->cooldown_ms, now, &wait_ms);
    pk_buf_puts(out, "; starts this hour: ");
    pk_buf_put_u64(out, pk_budget_used(&r->budget, action, target, now));
    pk_buf_puts(out, " of ");
    pk_buf_put_u64(out, row->per_hour);
    pk_buf_puts(out, "; iterations for this incident: ");
    pk_buf_put_u64(out, pk_budget_iterations(&r->budget, incident));
    pk_buf_puts(out, " of 10");
    if (err != PK_OK) {
        pk_buf_puts(out, err == PK_E_COOLDOWN ? "; cooling down" : "; spent");
        if (wait_ms != UINT64_MAX) {
            pk_buf_puts(out, ", free in ");
            pk_buf_put_duration(out, wait_ms);
        }
        return err;
    }
    return d.approvals_needed > 0 ? PK_E_NEEDS_APPROVAL : PK_OK;
}
