#include "respond/pk_respond_run.h"

#include <string.h>

#include "base/pk_assert.h"

enum {
    ANSWER_MS = 10000,   /* the supervisor answers a frame at once; ten seconds is gone */
    STOP_GRACE_MS = 5000 /* after the timeout: TERM, 2 s, KILL, and the frame */
};

static const char CALL_ESCALATE[] = "escalate", CALL_NOTIFY[] = "notify_team";

bool pk_respond_is_call(struct pk_str action) {
    return pk_str_eq_c(action, CALL_ESCALATE) || pk_str_eq_c(action, CALL_NOTIFY);
}

void pk_respond_call_target(const struct pk_respond *r, uint32_t incident, struct pk_str action, bool is_next,
                            char out[PK_ACTION_TARGET_BYTES]) {
    const int row = pk_actions_find(r->actions, action);
    const struct pk_incident *i = pk_incidents_get(r->incidents, incident);
    struct pk_buf b;
    pk_buf_init(&b, out, PK_ACTION_TARGET_BYTES);
    if (row < 0 || !r->actions->rows[row].needs_target || i == NULL) {
        return;
    }
    if (pk_str_eq_c(action, CALL_ESCALATE)) {
        const uint8_t last = r->incidents->settings.escalate_tiers;
        const uint8_t tier = (uint8_t)(i->escalation_tier + (is_next ? 1u : 0u));
        pk_buf_puts(&b, "tier-");
        pk_buf_put_u64(&b, tier < last ? tier : last);
        return;
    }
    pk_buf_puts(&b, i->component_count > 0 ? i->components[0] : i->group_key);
}

struct pk_run *pk_respond_run_find(struct pk_respond *r, uint32_t id) {
    for (uint32_t i = 0; id != 0 && i < PK_LIMIT_RUNS; i++) {
        if (r->runs[i].id == id) {
            return &r->runs[i];
        }
    }
    return NULL;
}

static bool is_in_plan(const struct pk_respond *r, uint32_t run) {
    for (uint32_t i = 0; i < PK_LIMIT_RUNS; i++) {
        if (r->plans[i].incident != 0 && r->plans[i].run == run) {
            return true;
        }
    }
    return false;
}

static bool is_evictable(const struct pk_respond *r, const struct pk_run *run) {
    return pk_run_state_is_final(run->state) && !run->needs_persist && !run->needs_notify &&
           !run->needs_approval_note && !run->needs_stop && !run->needs_call && !is_in_plan(r, run->id);
}

static struct pk_run *make_room(struct pk_respond *r) {
    struct pk_run *oldest = NULL;
    for (uint32_t i = 0; i < PK_LIMIT_RUNS; i++) {
        struct pk_run *run = &r->runs[i];
        if (run->id == 0) {
            r->run_used = i >= r->run_used ? i + 1u : r->run_used;
            return run;
        }
        if (is_evictable(r, run) && (oldest == NULL || run->id < oldest->id)) {
            oldest = run;
        }
    }
    if (oldest == NULL || r->forgotten_count == PK_RESPOND_FORGOTTEN) {
        r->full_count++;
        return NULL;
    }
    r->forgotten[r->forgotten_count++] = (struct pk_run){.id = oldest->id, .boot = oldest->boot};
    return oldest;
}

struct pk_run *pk_respond_run_new(struct pk_respond *r, uint32_t incident, struct pk_str action,
                                  struct pk_str target, const struct pk_stamp *now) {
    struct pk_run *run = r->next_run < UINT32_MAX ? make_room(r) : NULL;
    if (run == NULL) {
        return NULL;
    }
    *run = (struct pk_run){.id = r->next_run++,
                           .boot = r->boot,
                           .incident = incident,
                           .planned = *now,
                           .not_before_ms = now->mono_ms};
    pk_str_copy_cut(action, run->action, sizeof run->action);
    pk_str_copy_cut(target, run->target, sizeof run->target);
    const int index = pk_actions_find(r->actions, action);
    run->action_index = index >= 0 ? index : -1;
    if (index >= 0) {
        const struct pk_action *row = &r->actions->rows[run->action_index];
        run->risk = row->risk;
        run->is_read_only = row->is_read_only;
        run->is_idempotent = row->is_idempotent;
    }
    run->is_read_only = run->is_read_only || pk_respond_is_call(action); /* it mends nothing */
    run->needs_persist = true;
    run->needs_notify = true;
    return run;
}

struct pk_run *pk_respond_run_twin(struct pk_respond *r, struct pk_str action, struct pk_str target) {
    for (uint32_t i = 0; i < PK_LIMIT_RUNS; i++) {
        struct pk_run *run = &r->runs[i];
        if (run->id != 0 && !pk_run_state_is_final(run->state) && pk_str_eq_c(action, run->action) &&
            pk_str_eq_c(target, run->target)) {
            return run;
        }
    }
    return NULL;
}

static void set_state(struct pk_run *run, uint8_t state, uint8_t step) {
    if (run->state == PK_RUN_AWAITING_APPROVAL || state == PK_RUN_AWAITING_APPROVAL) {
        run->needs_approval_note = true;
    }
    run->state = state;
    run->step = step;
    run->needs_persist = true;
    run->needs_notify = true;
}

void pk_respond_run_say(struct pk_run *run, const char *words) {
    if (strcmp(run->result, words) == 0) {
        return;
    }
    pk_str_copy_cut(pk_str_of(words), run->result, sizeof run->result);
    run->needs_persist = true;
    run->needs_notify = true;
}

bool pk_respond_run_is_drill(const struct pk_respond *r, const struct pk_run *run) {
    const struct pk_incident *i = pk_incidents_get(r->incidents, run->incident);
    return i != NULL && i->is_drill;
}

static void count_end(struct pk_respond *r, const struct pk_run *run) {
    if (pk_respond_run_is_drill(r, run)) {
        return;
    }
    r->approvals[PK_APPROVAL_REJECTED] += run->state == PK_RUN_REJECTED ? 1u : 0u;
    r->approvals[PK_APPROVAL_EXPIRED] += run->state == PK_RUN_EXPIRED ? 1u : 0u;
    if (run->state == PK_RUN_COMPLETED || run->state == PK_RUN_FAILED || run->state == PK_RUN_TIMED_OUT) {
        pk_metric_add(&r->duration, run->duration_ms);
    }
    if (run->action_index < 0) {
        return;
    }
    struct pk_respond_count *c = &r->counts[run->action_index];
    switch ((enum pk_run_state)run->state) {
    case PK_RUN_COMPLETED:
        c->ok++;
        break;
    case PK_RUN_FAILED:
    case PK_RUN_TIMED_OUT:
    case PK_RUN_UNKNOWN:
    case PK_RUN_ROLLED_BACK:
        c->failed++;
        break;
    case PK_RUN_REFUSED:
    case PK_RUN_REJECTED:
    case PK_RUN_EXPIRED:
        c->refused++;
        break;
    case PK_RUN_PLANNED:
    case PK_RUN_AWAITING_APPROVAL:
    case PK_RUN_APPROVED:
    case PK_RUN_WOULD_RUN:
    case PK_RUN_EXECUTING:
    case PK_RUN_INTERRUPTED:
    case PK_RUN_STATE_COUNT:
        break;
    }
}

void pk_respond_run_end(struct pk_respond *r, struct pk_run *run, uint8_t state, struct pk_str result,
                        const struct pk_stamp *now) {
    PK_ASSERT(pk_run_state_is_final(state));
    PK_ASSERT(!pk_run_state_is_final(run->state));
    pk_str_copy_cut(result, run->result, sizeof run->result);
    run->finished = *now;
    set_state(run, state, PK_RUN_AT_END);
    count_end(r, run);
}

/* Things that depend on what the action is done to: its target or, when the topology does not know that, what
 * the incident is about. */
static uint32_t count_behind(const struct pk_respond *r, const struct pk_run *run) {
    uint64_t set[PK_BITSET_WORDS(PK_LIMIT_TOPOLOGY_NODES)] = {0};
    const uint16_t node = r->topology != NULL ? pk_topology_find(r->topology, pk_str_of(run->target))
                                              : (uint16_t)PK_TOPOLOGY_NONE;
    if (node != PK_TOPOLOGY_NONE) {
        pk_topology_blast(r->topology, node, set);
        return pk_bitset_count(set, PK_LIMIT_TOPOLOGY_NODES);
    }
    const struct pk_incident *i = pk_incidents_get(r->incidents, run->incident);
    return i != NULL ? i->blast_count : 0;
}

void pk_respond_run_weigh(const struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now) {
    bool is_critical = false;
    PK_ASSERT(run->action_index >= 0);
    const struct pk_str target = pk_str_of(run->target);
    const struct pk_action *row = &r->actions->rows[run->action_index];
    const int err = pk_action_check_target(r->actions, (uint32_t)run->action_index, target, &is_critical);
    const uint32_t used = pk_budget_used(&r->budget, pk_str_of(row->name), target, now);
    const struct pk_risk_context context = {.is_critical_target = err == PK_OK && is_critical,
                                            .is_read_only = row->is_read_only || run->undo_of != 0,
                                            .behind_count = count_behind(r, run),
                                            .start_count = used - (run->is_intent && used > 0 ? 1u : 0u)};
    run->raised_by = pk_risk_weigh(&r->settings.risk, &context, now);
    run->behind_count = (uint16_t)(context.behind_count < UINT16_MAX ? context.behind_count : UINT16_MAX);
    run->start_count = (uint16_t)context.start_count;
}

/* Asked for by one, or approved by one who saw the request; a standing order is no such word. */
static bool is_by_person(const struct pk_run *run) {
    return run->is_manual || run->undo_of != 0 || (run->approvals_have > 0 && run->standing == 0);
}

int pk_respond_run_decide(const struct pk_respond *r, const struct pk_run *run, const struct pk_stamp *now,
                          struct pk_decision *out) {
    bool is_critical = false;
    *out = (struct pk_decision){.kind = PK_DECIDE_REFUSE, .reason = "no such action"};
    const bool is_call = pk_respond_is_call(pk_str_of(run->action));
    if (run->action_index < 0) {
        return PK_E_NOT_FOUND;
    }
    if (is_call && r->settings.is_quiet && !run->is_manual) {
        out->reason = "notifications_enabled is off";
        return PK_E_POLICY;
    }
    const struct pk_action *row = &r->actions->rows[run->action_index];
    const int err =
        pk_action_check_target(r->actions, (uint32_t)run->action_index, pk_str_of(run->target), &is_critical);
    if (err != PK_OK) {
        out->reason = !row->is_enabled     ? "the action is disabled"
                      : err == PK_E_POLICY ? "target is not on the allow-list"
                                           : "not a target for this action";
        return err;
    }
    if (r->settings.is_auto_off && !is_call && !is_by_person(run)) {
        out->reason = "auto_remediation_enabled is off";
        return PK_E_POLICY;
    }
    struct pk_run weighed = *run;
    pk_respond_run_weigh(r, &weighed, now);
    const struct pk_decision_input in = {.risk = row->risk,
                                         .mode = r->settings.mode,
                                         .is_safe_mode = r->settings.is_safe_mode,
                                         .asks_in_safe_mode = row->asks_in_safe_mode,
                                         .is_critical_target = is_critical,
                                         .is_risky_now = (weighed.raised_by & ~PK_RISK_BY_TARGET) != 0};
    pk_decide(&in, out);
    if (out->kind == PK_DECIDE_RUN && !run->is_auto && !run->is_manual) {
        out->kind = PK_DECIDE_ASK;
        out->approvals_needed = 1;
        out->role = out->risk >= PK_RISK_HIGH ? PK_ROLE_APPROVER : PK_ROLE_RESPONDER;
        out->reason = "the rule does not say auto = yes";
    }
    return PK_OK;
}

static void refuse_budget(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now) {
    const bool is_loop = pk_budget_iterations(&r->budget, run->incident) >= PK_BUDGET_ITERATIONS;
    pk_respond_run_end(
        r, run, PK_RUN_REFUSED,
        pk_str_of(is_loop ? "10 iterations for this incident are spent" : "the budget is spent"), now);
}

void pk_respond_run_ask_until(const struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now) {
    run->expires_ms = now->mono_ms + r->settings.approval_timeout_ms;
    run->expires_wall_ms = now->wall_ms > 0 ? now->wall_ms + (int64_t)r->settings.approval_timeout_ms : 0;
}

/* Approved in advance? */
static bool take_standing(struct pk_respond *r, struct pk_run *run, const struct pk_decision *d,
                          const struct pk_stamp *now) {
    const struct pk_standing *s = pk_standings_take(
        &r->standings, pk_str_of(run->action), pk_str_of(run->target), d->role, d->approvals_needed, now);
    if (s == NULL) {
        return false;
    }
    run->standing = s->number;
    run->approvals_have = d->approvals_needed;
    for (unsigned i = 0; i < 2; i++) {
        pk_str_copy_cut(pk_str_of(s->by[i]), run->approved_by[i], sizeof run->approved_by[i]);
    }
    set_state(run, PK_RUN_APPROVED, PK_RUN_AT_WAIT);
    return true;
}

/* false: it is asked for, or was refused. */
static bool ask(struct pk_respond *r, struct pk_run *run, const struct pk_decision *d,
                const struct pk_stamp *now) {
    const struct pk_action *row = &r->actions->rows[run->action_index];
    uint64_t wait_ms = 0;
    /* Nobody is asked for what could not start whatever he says. */
    if (run->undo_of == 0 &&
        pk_budget_check(&r->budget, pk_str_of(run->action), pk_str_of(run->target), run->incident,
                        row->per_hour, row->cooldown_ms, now, &wait_ms) == PK_E_BUDGET) {
        refuse_budget(r, run, now);
        return false;
    }
    if (run->undo_of == 0 && !pk_respond_run_is_drill(r, run) && take_standing(r, run, d, now)) {
        return true;
    }
    pk_respond_run_ask_until(r, run, now);
    run->delegated_to[0] = '\0';
    pk_str_copy_cut(pk_str_of(d->reason), run->result, sizeof run->result);
    set_state(run, PK_RUN_AWAITING_APPROVAL, PK_RUN_AT_APPROVAL);
    return false;
}

/* The decision as it stands now. true: it may run. Else the run was moved to where it belongs. */
static bool passes_decision(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now) {
    struct pk_decision d;
    if (pk_respond_run_decide(r, run, now, &d) != PK_OK || d.kind == PK_DECIDE_REFUSE) {
        pk_respond_run_end(r, run, PK_RUN_REFUSED, pk_str_of(d.reason), now);
        return false;
    }
    run->risk = d.risk;
    pk_respond_run_weigh(r, run, now);
    if (d.kind == PK_DECIDE_WOULD_RUN) {
        pk_respond_run_end(r, run, PK_RUN_WOULD_RUN, pk_str_of(d.reason), now);
        return false;
    }
    /* Approvals given for a lower class say nothing about a higher one. */
    if (d.role > run->role && run->approvals_needed > 0) {
        run->approvals_have = 0;
    }
    run->approvals_needed = d.approvals_needed;
    run->role = d.role > run->role ? d.role : run->role;
    if (run->approvals_have < d.approvals_needed && !ask(r, run, &d, now)) {
        return false;
    }
    if (pk_respond_run_is_drill(r, run)) {
        pk_respond_run_end(r, run, PK_RUN_WOULD_RUN, pk_str_of("fire drill: it would run now"), now);
        return false;
    }
    return true;
}

uint32_t pk_respond_running_count(const struct pk_respond *r) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < PK_LIMIT_RUNS; i++) {
        count += r->runs[i].id != 0 && r->runs[i].state == PK_RUN_EXECUTING ? 1u : 0u;
    }
    return count;
}

bool pk_respond_run_is_wanted(const struct pk_respond *r, const struct pk_run *run) {
    return run->undo_of != 0 || pk_incidents_is_live(r->incidents, run->incident);
}

static void counted_as(const struct pk_run *run, char out[PK_ACTION_NAME_BYTES + 8]) {
    if (run->undo_of != 0) {
        pk_action_undo_name(run->action, out);
    } else {
        memcpy(out, run->action, sizeof run->action);
    }
}

/* Counts the start. false: it waits for its cooldown, or was refused. */
static bool passes_budget(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now) {
    const struct pk_action *row = &r->actions->rows[run->action_index];
    uint64_t wait_ms = 0;
    char name[PK_ACTION_NAME_BYTES + 8];
    counted_as(run, name);
    const int err = pk_budget_take(&r->budget, pk_str_of(name), pk_str_of(run->target), run->incident,
                                   row->per_hour, run->undo_of != 0 ? 0 : row->cooldown_ms, now, &wait_ms);
    if (err == PK_OK) {
        return true;
    }
    if (err == PK_E_COOLDOWN) {
        run->not_before_ms = now->mono_ms + wait_ms;
        pk_respond_run_say(run, "waits for its cooldown");
        return false;
    }
    refuse_budget(r, run, now);
    return false;
}

/* The words of an execution that goes on: nothing, or who had said yes. */
static void say_standing(struct pk_run *run) {
    struct pk_buf b;
    pk_buf_init(&b, run->result, sizeof run->result);
    if (run->standing != 0) {
        pk_buf_puts(&b, "standing order ");
        pk_buf_put_u64(&b, run->standing);
        pk_buf_puts(&b, " approves");
    }
}

void pk_respond_run_promote(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now) {
    if (run->step != PK_RUN_AT_WAIT || now->mono_ms < run->not_before_ms) {
        return;
    }
    if (!pk_respond_run_is_wanted(r, run)) {
        pk_respond_run_end(r, run, PK_RUN_INTERRUPTED, pk_str_of("the incident is over"), now);
        return;
    }
    if (run->action_index < 0 && pk_respond_is_call(pk_str_of(run->action))) {
        pk_respond_run_end(r, run, PK_RUN_COMPLETED, pk_str_of("on the incident"), now);
        return;
    }
    const uint32_t room = run->undo_of != 0 ? PK_RESPOND_CONCURRENT + PK_RESPOND_UNDOS
                                            : PK_RESPOND_CONCURRENT - r->places_taken;
    if (!passes_decision(r, run, now) || pk_respond_running_count(r) >= room || !passes_budget(r, run, now)) {
        return;
    }
    run->is_intent = true;
    run->intent_seq = 0;
    say_standing(run);
    set_state(run, PK_RUN_EXECUTING, PK_RUN_AT_INTENT);
}

bool pk_respond_run_may_leave(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now) {
    struct pk_decision d;
    PK_ASSERT(run->is_intent && run->intent_seq != 0 && run->intent_seq <= r->durable_seq);
    if (!pk_respond_run_is_wanted(r, run)) {
        pk_respond_run_end(r, run, PK_RUN_INTERRUPTED, pk_str_of("the incident is over; not started"), now);
        return false;
    }
    if (run->undo_of != 0 && !pk_respond_run_can_undo(r, run)) {
        pk_respond_run_end(r, run, PK_RUN_REFUSED, pk_str_of("its undo is gone, or nothing may run"), now);
        return false;
    }
    if (pk_respond_run_is_drill(r, run)) {
        pk_respond_run_end(r, run, PK_RUN_REFUSED, pk_str_of("a fire drill starts nothing"), now);
        return false;
    }
    if (pk_respond_run_decide(r, run, now, &d) != PK_OK || d.kind == PK_DECIDE_REFUSE ||
        d.kind == PK_DECIDE_WOULD_RUN) {
        pk_respond_run_end(r, run, PK_RUN_REFUSED, pk_str_of(d.reason), now);
        return false;
    }
    if (run->approvals_have < d.approvals_needed || (d.approvals_needed > 0 && d.role > run->role)) {
        pk_respond_run_end(r, run, PK_RUN_REFUSED, pk_str_of("needs more approval than it has; not started"),
                           now);
        return false;
    }
    run->deadline_ms = now->mono_ms + ANSWER_MS;
    return true;
}

bool pk_respond_run_may_verify(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now) {
    const bool has_steps =
        run->action_index >= 0 && r->actions->rows[run->action_index].step_count[PK_PHASE_VERIFY] > 0;
    if (!pk_incidents_is_live(r->incidents, run->incident)) {
        pk_respond_run_end(r, run, PK_RUN_COMPLETED, pk_str_of("exit 0; the incident is over"), now);
        return false;
    }
    if (!has_steps) {
        pk_respond_run_end(r, run, PK_RUN_FAILED, pk_str_of("not verified: its row is gone"), now);
        return false;
    }
    if (r->settings.mode != PK_MODE_SAFE && r->settings.mode != PK_MODE_AUTO) {
        pk_respond_run_end(r, run, PK_RUN_FAILED, pk_str_of("not verified: the mode lets nothing run"), now);
        return false;
    }
    run->deadline_ms = pk_respond_run_answer_ms(r, run, now);
    return true;
}

bool pk_respond_run_can_undo(const struct pk_respond *r, const struct pk_run *run) {
    return run->action_index >= 0 && r->actions->rows[run->action_index].step_count[PK_PHASE_UNDO] > 0 &&
           (r->settings.mode == PK_MODE_SAFE || r->settings.mode == PK_MODE_AUTO);
}

void pk_respond_run_disproved(struct pk_respond *r, struct pk_run *run, const char *words,
                              const struct pk_stamp *now) {
    if (!r->settings.is_auto_rollback || !pk_respond_run_can_undo(r, run)) {
        pk_respond_run_end(r, run, PK_RUN_FAILED, pk_str_of(words), now);
        return;
    }
    run->step = PK_RUN_AT_UNDO;
    run->not_before_ms = now->mono_ms;
    run->retry_count = 0;
    run->needs_persist = true;
    run->needs_notify = true;
    pk_str_copy_cut(pk_str_of(words), run->result, sizeof run->result);
}

void pk_respond_run_succeeded(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now) {
    const struct pk_action *row = run->action_index >= 0 ? &r->actions->rows[run->action_index] : NULL;
    const bool has_steps = row != NULL && row->step_count[PK_PHASE_VERIFY] > 0;
    if (run->is_cleared) {
        pk_respond_run_end(r, run, PK_RUN_COMPLETED, pk_str_of("verified: the condition cleared"), now);
        return;
    }
    if (!has_steps && (row == NULL || !row->verifies_by_clear)) {
        const bool is_armed = row != NULL && row->confirm_within_ms > 0;
        pk_respond_run_end(r, run, PK_RUN_COMPLETED,
                           pk_str_of(is_armed ? "exit 0; undone unless confirmed" : "exit 0"), now);
        return;
    }
    run->step = has_steps ? PK_RUN_AT_VERIFY : PK_RUN_AT_CLEAR;
    run->verify_until_ms = now->mono_ms + row->verify_within_ms;
    run->not_before_ms = now->mono_ms;
    pk_respond_run_say(run, "exit 0, verifying");
}

static uint64_t answer_window_ms(const struct pk_respond *r, const struct pk_run *run) {
    uint64_t ms = ANSWER_MS + STOP_GRACE_MS;
    if (run->action_index >= 0) {
        const struct pk_action *row = &r->actions->rows[run->action_index];
        ms += (uint64_t)row->timeout_ms * PK_ACTION_STEPS;
        ms += (uint64_t)(row->timeout_ms + STOP_GRACE_MS) *
              (row->step_count[PK_PHASE_SNAPSHOT] + PK_UNDO_TRIES * (uint32_t)row->step_count[PK_PHASE_UNDO]);
        ms += row->step_count[PK_PHASE_UNDO] > 0 ? PK_UNDO_PAUSES_MS : 0;
    }
    return ms;
}

uint64_t pk_respond_run_answer_ms(const struct pk_respond *r, const struct pk_run *run,
                                  const struct pk_stamp *now) {
    return now->mono_ms + answer_window_ms(r, run);
}

static void deadline_passed(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now) {
    switch ((enum pk_run_step)run->step) {
    case PK_RUN_AT_APPROVAL:
        pk_respond_run_end(r, run, PK_RUN_EXPIRED, pk_str_of("nobody answered in time"), now);
        break;
    case PK_RUN_AT_STARTING:
    case PK_RUN_AT_RUNNING:
        pk_respond_run_end(r, run, PK_RUN_UNKNOWN, pk_str_of("no answer from the supervisor"), now);
        break;
    case PK_RUN_AT_VERIFYING:
        pk_respond_run_disproved(r, run, "verification gave no answer", now);
        break;
    case PK_RUN_AT_CLEAR:
        pk_respond_run_disproved(r, run, "the condition did not clear in time", now);
        break;
    case PK_RUN_AT_UNDOING:
        run->undo = PK_RUN_UNDO_FAILED;
        pk_respond_run_end(r, run, PK_RUN_FAILED, pk_str_of("UNDO FAILED: no answer"), now);
        break;
    case PK_RUN_AT_UNDO:
    case PK_RUN_AT_WAIT:
    case PK_RUN_AT_INTENT:
    case PK_RUN_AT_START:
    case PK_RUN_AT_VERIFY:
    case PK_RUN_AT_END:
    case PK_RUN_STEP_COUNT:
        break;
    }
}

/* What ends this step by time; UINT64_MAX: nothing. */
static uint64_t deadline_of(const struct pk_run *run) {
    switch ((enum pk_run_step)run->step) {
    case PK_RUN_AT_APPROVAL:
        return run->expires_ms;
    case PK_RUN_AT_STARTING:
    case PK_RUN_AT_RUNNING:
    case PK_RUN_AT_VERIFYING:
    case PK_RUN_AT_UNDOING:
        return run->deadline_ms;
    case PK_RUN_AT_CLEAR:
        return run->verify_until_ms;
    case PK_RUN_AT_WAIT:
    case PK_RUN_AT_START:
    case PK_RUN_AT_VERIFY:
    case PK_RUN_AT_UNDO:
        return run->not_before_ms;
    case PK_RUN_AT_INTENT:
    case PK_RUN_AT_END:
    case PK_RUN_STEP_COUNT:
        break;
    }
    return UINT64_MAX;
}

/* The incident ended while this run was before its start, or between its end and its proof. */
static void incident_over(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now) {
    switch ((enum pk_run_step)run->step) {
    case PK_RUN_AT_WAIT:
    case PK_RUN_AT_APPROVAL:
        pk_respond_run_end(r, run, PK_RUN_INTERRUPTED, pk_str_of("the incident is over"), now);
        break;
    case PK_RUN_AT_VERIFY:
    case PK_RUN_AT_CLEAR:
        pk_respond_run_end(r, run, PK_RUN_COMPLETED, pk_str_of("exit 0; the incident is over"), now);
        break;
    case PK_RUN_AT_INTENT:
    case PK_RUN_AT_START:
    case PK_RUN_AT_STARTING:
    case PK_RUN_AT_RUNNING:
    case PK_RUN_AT_VERIFYING:
    case PK_RUN_AT_UNDO:
    case PK_RUN_AT_UNDOING:
    case PK_RUN_AT_END:
    case PK_RUN_STEP_COUNT:
        break;
    }
}

uint64_t pk_respond_run_tick(struct pk_respond *r, struct pk_run *run, const struct pk_stamp *now) {
    run->is_persist_deferred = false;
    run->is_send_deferred = false;
    if (!pk_respond_run_is_wanted(r, run)) {
        incident_over(r, run, now);
    }
    if (deadline_of(run) <= now->mono_ms) {
        deadline_passed(r, run, now);
    }
    pk_respond_run_promote(r, run, now);
    const uint64_t due_ms = deadline_of(run);
    /* Waits for a free place: the run that gives it up brings the next tick. */
    return run->step == PK_RUN_AT_WAIT && due_ms <= now->mono_ms ? UINT64_MAX : due_ms;
}
