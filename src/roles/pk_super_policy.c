#include "roles/pk_super_policy.h"

#include <string.h>

#include "base/pk_assert.h"

static void answer(struct pk_super_verdict *v, int error, const char *why) {
    v->error = error;
    v->why = why;
}

static bool is_terminated(const char *p, size_t n) {
    return memchr(p, '\0', n) != NULL;
}

/* What holds for both phases. */
static bool check_request(const struct pk_super_policy *p, uint32_t run_id, const struct pk_ipc_run *run,
                          bool *out_is_critical, struct pk_super_verdict *out) {
    if (run_id == 0 || run->phase >= PK_PHASE_COUNT || run->phase == PK_PHASE_SNAPSHOT ||
        run->is_approved > 1u || run->is_undo_off > 1u || !is_terminated(run->target, sizeof run->target)) {
        answer(out, PK_E_BAD_MSG, "malformed request");
        return false;
    }
    if (run->actions_crc != p->actions->crc) {
        answer(out, PK_E_STALE, "the action table changed: reload");
        return false;
    }
    if (run->action_index >= p->actions->count) {
        answer(out, PK_E_NOT_FOUND, "no such action");
        return false;
    }
    if (p->actions->rows[run->action_index].step_count[run->phase] == 0) {
        answer(out, PK_E_NOT_FOUND, "the action has no such phase");
        return false;
    }
    const int err =
        pk_action_check_target(p->actions, run->action_index, pk_str_of(run->target), out_is_critical);
    if (err != PK_OK) {
        answer(out, err, err == PK_E_POLICY ? "target not allowed, or action disabled" : "bad target");
        return false;
    }
    return true;
}

static void decide(const struct pk_super_policy *p, const struct pk_ipc_run *run, bool is_critical_target,
                   struct pk_super_verdict *out) {
    const struct pk_action *row = &p->actions->rows[run->action_index];
    const struct pk_decision_input in = {.risk = row->risk,
                                         .mode = p->mode,
                                         .is_safe_mode = p->is_safe_mode,
                                         .asks_in_safe_mode = row->asks_in_safe_mode,
                                         .is_critical_target = is_critical_target};
    struct pk_decision d;
    pk_decide(&in, &d);
    const bool is_approved = run->is_approved != 0;
    if (d.kind == PK_DECIDE_RUN) {
        answer(out, PK_OK, d.reason);
    } else if (d.kind == PK_DECIDE_ASK || d.kind == PK_DECIDE_ASK_TWO) {
        answer(out, is_approved ? PK_OK : PK_E_NEEDS_APPROVAL, is_approved ? "approved" : "needs approval");
    } else {
        answer(out, PK_E_POLICY, d.reason);
    }
}

enum { FREE_UNDOS = 2 };

static void remember(struct pk_super_policy *p, uint32_t run_id, const struct pk_ipc_run *run) {
    struct pk_super_verifiable *v = &p->verifiable[p->verifiable_next % PK_SUPER_VERIFY_RUNS];
    p->verifiable_next++;
    v->run_id = run_id;
    v->action_index = run->action_index;
    v->left_count = p->actions->rows[run->action_index].verify_within_ms / 1000u + PK_SUPER_VERIFIES_SPARE;
    v->undo_left = p->is_auto_rollback ? FREE_UNDOS : 0;
    memcpy(v->target, run->target, sizeof v->target);
}

static struct pk_super_verifiable *remembered(struct pk_super_policy *p, uint32_t run_id,
                                              const struct pk_ipc_run *run) {
    for (uint32_t i = 0; i < PK_SUPER_VERIFY_RUNS; i++) {
        struct pk_super_verifiable *v = &p->verifiable[i];
        if (v->run_id == run_id && v->action_index == run->action_index &&
            strcmp(v->target, run->target) == 0) {
            return v;
        }
    }
    return NULL;
}

static void take_verify(struct pk_super_policy *p, uint32_t run_id, const struct pk_ipc_run *run,
                        struct pk_super_verdict *out) {
    if (p->mode == PK_MODE_OFF || p->mode == PK_MODE_OBSERVE) {
        answer(out, PK_E_POLICY, "nothing runs in this mode");
        return;
    }
    struct pk_super_verifiable *v = remembered(p, run_id, run);
    if (v == NULL) {
        answer(out, PK_E_STALE, "no such run to verify");
    } else if (v->left_count == 0) {
        answer(out, PK_E_BUDGET, "verified often enough");
    } else {
        v->left_count--;
        answer(out, PK_OK, "verification");
    }
}

/* The undo of an act that was just let through and did not help costs nothing. Any other is somebody's
 * wish: it needs what the action needs, and is counted apart from it, for its cooldown would be in the way.
 */
static void take_undo(struct pk_super_policy *p, uint32_t run_id, const struct pk_ipc_run *run,
                      bool is_critical_target, const struct pk_stamp *now, struct pk_super_verdict *out) {
    enum { ANY_INCIDENT = 1 };
    const struct pk_action *row = &p->actions->rows[run->action_index];
    struct pk_super_verifiable *v = remembered(p, run_id, run);
    char name[PK_ACTION_NAME_BYTES + 8];
    if (p->mode == PK_MODE_OFF || p->mode == PK_MODE_OBSERVE) {
        answer(out, PK_E_POLICY, "nothing runs in this mode");
        return;
    }
    if (v != NULL && v->undo_left > 0) {
        v->undo_left--;
        answer(out, PK_OK, "it did not help");
        return;
    }
    decide(p, run, is_critical_target, out);
    if (out->error != PK_OK) {
        return;
    }
    pk_action_undo_name(row->name, name);
    const int err = pk_budget_take(&p->budget, pk_str_of(name), pk_str_of(run->target), ANY_INCIDENT,
                                   row->per_hour, 0, now, &out->wait_ms);
    pk_budget_forget_incident(&p->budget, ANY_INCIDENT);
    if (err != PK_OK && p->blind_undos > 0) {
        p->blind_undos--;
        answer(out, PK_OK, "counters are lost, and an undo is what may help");
    } else if (err != PK_OK) {
        answer(out, err, "the hour's budget is spent");
    }
}

static void take_act(struct pk_super_policy *p, uint32_t run_id, const struct pk_ipc_run *run,
                     const struct pk_stamp *now, struct pk_super_verdict *out) {
    const struct pk_action *row = &p->actions->rows[run->action_index];
    /* Incident numbers come from the agent, which could so dodge or spend their counters at will: here every
     * start is of its own. */
    enum { ANY_INCIDENT = 1 };
    const int err = pk_budget_take(&p->budget, pk_str_of(row->name), pk_str_of(run->target), ANY_INCIDENT,
                                   row->per_hour, row->cooldown_ms, now, &out->wait_ms);
    pk_budget_forget_incident(&p->budget, ANY_INCIDENT);
    if (err == PK_OK) {
        remember(p, run_id, run);
        return;
    }
    answer(out, err, err == PK_E_COOLDOWN ? "cooling down" : "the hour's budget is spent");
}

void pk_super_policy_take(struct pk_super_policy *p, uint32_t run_id, const struct pk_ipc_run *run,
                          uint32_t running_count, const struct pk_stamp *now, struct pk_super_verdict *out) {
    bool is_critical_target = false;
    *out = (struct pk_super_verdict){.error = PK_OK, .wait_ms = 0, .why = ""};
    if (!check_request(p, run_id, run, &is_critical_target, out)) {
        return;
    }
    if (run->phase == PK_PHASE_ACT) {
        decide(p, run, is_critical_target, out);
    }
    const uint32_t room = run->phase == PK_PHASE_UNDO ? PK_SUPER_RUNS : PK_SUPER_CONCURRENT;
    if (out->error == PK_OK && running_count >= room) {
        answer(out, PK_E_BUSY, "as many runs as may be at a time");
        out->wait_ms = 1000;
    }
    if (out->error != PK_OK) {
        return;
    }
    if (run->phase == PK_PHASE_VERIFY) {
        take_verify(p, run_id, run, out);
    } else if (run->phase == PK_PHASE_UNDO) {
        take_undo(p, run_id, run, is_critical_target, now, out);
    } else {
        take_act(p, run_id, run, now, out);
    }
}

void pk_super_policy_forget_verifiable(struct pk_super_policy *p) {
    memset(p->verifiable, 0, sizeof p->verifiable);
}
