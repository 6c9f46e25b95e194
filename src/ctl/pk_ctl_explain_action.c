/* `explain action`: whether it would run now, and why (REQUIREMENTS S0-84). */
#include "ctl/pk_ctl_explain.h"
#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_rule_text.h"
#include "respond/pk_decision.h"

/* The row, copied: the answer is gone with the next question. False: there is no such action. */
static bool find_row(struct pk_str result, struct pk_str action, struct pk_ctl_text *out) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    pk_ctl_walk_init(&walk, pk_ctl_member(result, "actions").json);
    while (pk_ctl_walk_next(&walk, &row)) {
        if (pk_str_eq(pk_ctl_word(pk_ctl_member(row.json, "action")), action)) {
            pk_ctl_text_put_str(out, row.json);
            return true;
        }
    }
    return false;
}

static bool risk_of(struct pk_str word, uint8_t *out) {
    for (uint8_t r = 0; r < PK_RISK_COUNT; r++) {
        if (pk_str_eq_c(word, pk_risk_word(r))) {
            *out = r;
            return true;
        }
    }
    return false;
}

static bool mode_of(struct pk_str word, uint8_t *out) {
    static const char *const WORDS[PK_MODE_COUNT] = {"off", "observe", "safe", "auto"};
    for (uint8_t m = 0; m < PK_MODE_COUNT; m++) {
        if (pk_str_eq_c(word, WORDS[m])) {
            *out = m;
            return true;
        }
    }
    return false;
}

/* The table of modes and risks is the one the agent decides by. */
static void say_decision(struct pk_ctl_because *b, struct pk_str row, struct pk_str status) {
    struct pk_decision_input in = {.is_safe_mode = false};
    struct pk_decision d;
    if (!risk_of(pk_ctl_word(pk_ctl_member(row, "risk")), &in.risk) ||
        !mode_of(pk_ctl_word(pk_ctl_member(status, "mode")), &in.mode)) {
        return;
    }
    for (unsigned k = 0; k < 2; k++) {
        in.is_critical_target = k == 1;
        pk_decide(&in, &d);
        pk_ctl_text_puts(&b->text, k == 0 ? "" : "; on a critical target: ");
        pk_ctl_text_puts(&b->text, d.reason);
        if (d.approvals_needed > 0) {
            pk_ctl_text_puts(&b->text, ", answered by role ");
            pk_ctl_text_puts(&b->text, pk_role_word(d.role));
        }
    }
    pk_ctl_because_end_line(b, "mode and risk");
}

static void say_row(struct pk_ctl *c, struct pk_ctl_because *b, struct pk_str row) {
    const struct pk_ctl_value targets = pk_ctl_member(row, "targets");
    pk_ctl_because_fill(b, "about", "{about}", row, &c->look);
    pk_ctl_because_fill(b, "risk and cost", "{risk}, {cost}", row, &c->look);
    if (!pk_ctl_is_true(pk_ctl_member(row, "enabled"))) {
        pk_ctl_because_say(b, "disabled", "its row says enabled = no: it is refused whatever the mode");
    }
    if (pk_str_eq_c(targets.json, "[]")) {
        pk_ctl_because_say(b, "targets", "none is listed in actions.conf: where it needs one, it is refused");
    } else {
        pk_ctl_because_fill(b, "targets", "only {targets}", row, &c->look);
    }
    pk_ctl_because_fill(b, "budget",
                        "at most {per_hour} starts an hour on one target, {cooldown_seconds:seconds} apart, "
                        "{timeout_seconds:seconds} each; 10 for one incident",
                        row, &c->look);
    pk_ctl_because_fill(b, "so far", "{ok} went well, {failed} failed since the agent started", row,
                        &c->look);
}

/* Rules whose actions name it, as the agent has them. */
static int say_rules(struct pk_ctl *c, struct pk_ctl_because *b, struct pk_str action) {
    struct pk_ctl_rules rules;
    struct pk_ctl_rule_text rule;
    uint32_t n = 0;
    int exit_code = pk_ctl_rules_open(c, &rules);
    while (exit_code == 0 && pk_ctl_rules_next(c, &rules, &rule)) {
        if (pk_ctl_rule_names(&rule, action)) {
            pk_ctl_text_puts(&b->text, n++ > 0 ? ", " : "");
            pk_ctl_text_put_str(&b->text, rule.id);
            pk_ctl_text_puts(&b->text, !rule.is_enabled ? " (disabled)"
                                       : rule.is_auto   ? " (auto)"
                                                        : " (asks)");
        }
    }
    exit_code = exit_code != 0 ? exit_code : rules.exit_code;
    pk_ctl_rules_free(&rules);
    if (n == 0) {
        pk_ctl_text_puts(&b->text, "none: it runs only when a person asks for it");
    }
    pk_ctl_because_end_line(b, "rules that name it");
    return exit_code;
}

int pk_ctl_explain_action(struct pk_ctl *c, const char *action, const char *incident_id, const char *target) {
    struct pk_ctl_because b;
    struct pk_ctl_text row = {0};
    struct pk_str result;
    int exit_code = pk_ctl_ask_or_fail(c, PK_CMD_ACTIONS_LIST, pk_str_of("{}"), &result);
    if (exit_code == 0 && !find_row(result, pk_str_of(action), &row)) {
        exit_code = pk_ctl_fail(c, PK_E_NOT_FOUND, "there is no '{}' here: actions.conf has no such row",
                                pk_str_of(action));
    }
    if (exit_code == 0) {
        exit_code = pk_ctl_ask_or_fail(c, PK_CMD_STATUS, pk_str_of("{}"), &result);
    }
    if (exit_code != 0) {
        pk_ctl_text_free(&row);
        return exit_code;
    }
    pk_ctl_because_begin(&b, pk_str_of(action));
    pk_ctl_because_fill(&b, "mode", "{mode}, safe_mode {safe_mode}, {running_actions} running now", result,
                        &c->look);
    pk_ctl_explain_switches(c, &b, result);
    say_decision(&b, pk_ctl_text_str(&row), result);
    say_row(c, &b, pk_ctl_text_str(&row));
    exit_code = say_rules(c, &b, pk_str_of(action));
    if (exit_code == 0) {
        (void)pk_ctl_explain_approvals(c, &b, "action", pk_str_of(action));
        if (incident_id != NULL) {
            pk_ctl_explain_dry_run(c, &b, "for this incident", pk_str_of(incident_id), pk_str_of(action),
                                   target);
        }
        pk_ctl_because_show(c, &b);
    }
    pk_ctl_because_free(&b);
    pk_ctl_text_free(&row);
    return exit_code;
}

int pk_ctl_do_explain_action(struct pk_ctl *c) {
    return pk_ctl_explain_action(c, pk_ctl_args_text(&c->args, "id"), pk_ctl_args_text(&c->args, "incident"),
                                 pk_ctl_args_text(&c->args, "target"));
}
