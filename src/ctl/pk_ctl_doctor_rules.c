/* Doctor on rules and actions: "incident not detected" (REQUIREMENTS S0-83), "remediation not working"
 * (S0-84), "conflicting handlers" (S2-47). */
#include "ctl/pk_ctl_findings.h"
#include "ctl/pk_ctl_rule_text.h"

enum { TYPES_MAX = 12, WORD_BYTES = 64, NAMED_MAX = 12 };

/* The first rule that acts by itself on a type, and what it does. */
struct handler {
    char type[WORD_BYTES], rule[WORD_BYTES], actions[WORD_BYTES * 2];
};
struct survey {
    struct pk_ctl_text actions; /* rows of actions.list */
    struct pk_ctl_text disabled, waiting, missing, asking, conflicts;
    uint32_t disabled_count, waiting_count, asking_count;
    char faulty[NAMED_MAX][WORD_BYTES]; /* actions that were named already */
    uint32_t faulty_count;
    struct handler *handlers; /* TYPES_MAX */
    uint32_t handler_count;
};

static void name_it(struct pk_ctl_text *t, uint32_t *count, struct pk_str word) {
    if (*count < NAMED_MAX) {
        pk_ctl_text_puts(t, *count > 0 ? ", " : "");
        pk_ctl_text_put_str(t, word);
    } else if (*count == NAMED_MAX) {
        pk_ctl_text_puts(t, ", ...");
    }
    *count += 1;
}

/* The configured action of this name; empty: none. */
static struct pk_str row_of(const struct survey *s, struct pk_str action) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    pk_ctl_walk_init(&walk, pk_ctl_text_str(&s->actions));
    while (pk_ctl_walk_next(&walk, &row)) {
        if (pk_str_eq(pk_ctl_word(pk_ctl_member(row.json, "action")), action)) {
            return row.json;
        }
    }
    return pk_str_make(NULL, 0);
}

/* "" when the action can be run, else what is wrong with it. */
static const char *fault_of(const struct survey *s, struct pk_str action) {
    const struct pk_str row = row_of(s, action);
    if (row.n == 0) {
        return " is not configured";
    }
    return pk_ctl_is_true(pk_ctl_member(row, "enabled")) ? "" : " is disabled";
}

/* Each action once, with the first rule that names it. */
static void check_actions(struct survey *s, const struct pk_ctl_rule_text *rule) {
    struct pk_str rest = rule->actions, action;
    while (pk_ctl_rule_next_action(&rest, &action)) {
        const char *fault = fault_of(s, action);
        uint32_t i = 0;
        while (i < s->faulty_count && !pk_str_eq_c(action, s->faulty[i])) {
            i++;
        }
        if (fault[0] == '\0' || i < s->faulty_count || i == NAMED_MAX) {
            continue;
        }
        (void)pk_str_copy_cut(action, s->faulty[s->faulty_count++], WORD_BYTES);
        pk_ctl_text_puts(&s->missing, s->missing.n > 0 ? "; " : "");
        pk_ctl_text_put_str(&s->missing, action);
        pk_ctl_text_puts(&s->missing, fault);
        pk_ctl_text_puts(&s->missing, " (rule ");
        pk_ctl_text_put_str(&s->missing, rule->id);
        pk_ctl_text_puts(&s->missing, " names it)");
    }
}

/* What of the rule's actions can run and is noticed: what costs nothing is in nobody's way. */
static void effects_of(const struct survey *s, const struct pk_ctl_rule_text *rule, char *out,
                       size_t cap_bytes) {
    struct pk_str rest = rule->actions, action;
    struct pk_buf b;
    pk_buf_init(&b, out, cap_bytes);
    while (pk_ctl_rule_next_action(&rest, &action)) {
        const struct pk_str row = row_of(s, action);
        if (row.n > 0 && !pk_str_eq_c(pk_ctl_word(pk_ctl_member(row, "cost")), "none")) {
            pk_buf_put_str(&b, action);
            pk_buf_putc(&b, ',');
        }
    }
}

/* Two rules that start different things for the same kind of trouble may work against each other. */
static void check_conflict(struct survey *s, const struct pk_ctl_rule_text *rule) {
    char effects[WORD_BYTES * 2];
    effects_of(s, rule, effects, sizeof effects);
    if (effects[0] == '\0') {
        return;
    }
    for (uint32_t i = 0; i < s->handler_count; i++) {
        const struct handler *h = &s->handlers[i];
        if (!pk_str_eq_c(rule->type, h->type)) {
            continue;
        }
        if (!pk_str_eq_c(pk_str_of(effects), h->actions)) {
            pk_ctl_text_puts(&s->conflicts, s->conflicts.n > 0 ? "; " : "");
            pk_ctl_text_puts(&s->conflicts, h->rule);
            pk_ctl_text_puts(&s->conflicts, " and ");
            pk_ctl_text_put_str(&s->conflicts, rule->id);
            pk_ctl_text_puts(&s->conflicts, " both handle ");
            pk_ctl_text_puts(&s->conflicts, h->type);
        }
        return;
    }
    if (s->handler_count < TYPES_MAX) {
        struct handler *h = &s->handlers[s->handler_count++];
        (void)pk_str_copy_cut(rule->type, h->type, sizeof h->type);
        (void)pk_str_copy_cut(rule->id, h->rule, sizeof h->rule);
        (void)pk_str_copy_cut(pk_str_of(effects), h->actions, sizeof h->actions);
    }
}

static void survey_rule(struct survey *s, const struct pk_ctl_rule_text *rule) {
    if (!rule->is_enabled) {
        name_it(&s->disabled, &s->disabled_count, rule->id);
        return;
    }
    if (pk_str_eq_c(rule->state, "unknown")) {
        name_it(&s->waiting, &s->waiting_count, rule->id);
    }
    check_actions(s, rule);
    if (rule->actions.n > 0 && rule->is_auto) {
        check_conflict(s, rule);
    } else if (rule->actions.n > 0) {
        name_it(&s->asking, &s->asking_count, rule->id);
    }
}

static void tell(struct pk_ctl_findings *f, const char *check, enum pk_ctl_verdict bad,
                 const struct pk_ctl_text *what, const char *before, const char *fine, const char *cure) {
    struct pk_ctl_text words = {0};
    if (what->n == 0) {
        pk_ctl_findings_say(f, check, PK_CTL_FINE, fine, "");
        return;
    }
    pk_ctl_text_puts(&words, before);
    pk_ctl_text_put_str(&words, pk_ctl_text_str(what));
    pk_ctl_findings_add(f, check, bad, pk_ctl_text_str(&words), bad == PK_CTL_FINE ? "" : cure);
    pk_ctl_text_free(&words);
}

static void tell_all(struct pk_ctl_findings *f, const struct survey *s) {
    tell(f, "rules enabled", PK_CTL_WARNING, &s->disabled, "these find nothing: ", "every rule is enabled",
         "enabled = yes in a row of /etc/picket/rules.d, then reload");
    tell(f, "rules with data", PK_CTL_FINE, &s->waiting,
         "no data yet, which is right where there is no such source (explain rule ID says what it waits "
         "for): ",
         "every rule has data", "");
    tell(f, "actions of rules", PK_CTL_WARNING, &s->missing, "", "every action a rule names is configured",
         "add or enable the row in actions.conf, or change `actions` of the rule; then reload");
    tell(f, "rules that act", PK_CTL_FINE, &s->asking,
         "these wait for a person (auto = no): ", "every rule with actions may start them", "");
    tell(f, "conflicting handlers", PK_CTL_WARNING, &s->conflicts, "",
         "no two rules act differently on one type",
         "give rules of one incident type the same `actions`, or let only one of them be auto");
}

static void free_survey(struct survey *s) {
    pk_ctl_text_free(&s->actions);
    pk_ctl_text_free(&s->disabled);
    pk_ctl_text_free(&s->waiting);
    pk_ctl_text_free(&s->missing);
    pk_ctl_text_free(&s->asking);
    pk_ctl_text_free(&s->conflicts);
}

int pk_ctl_doctor_rules(struct pk_ctl *c, struct pk_ctl_findings *f) {
    struct handler handlers[TYPES_MAX];
    struct survey s = {.handlers = handlers};
    struct pk_ctl_rules rules;
    struct pk_ctl_rule_text rule;
    struct pk_str result;
    int exit_code = pk_ctl_ask_or_fail(c, PK_CMD_ACTIONS_LIST, pk_str_of("{}"), &result);
    pk_ctl_text_put_str(&s.actions, pk_ctl_member(result, "actions").json);
    if (exit_code == 0) {
        exit_code = pk_ctl_rules_open(c, &rules);
        while (exit_code == 0 && pk_ctl_rules_next(c, &rules, &rule)) {
            survey_rule(&s, &rule);
        }
        exit_code = exit_code != 0 ? exit_code : rules.exit_code;
        pk_ctl_rules_free(&rules);
    }
    if (exit_code == 0) {
        tell_all(f, &s);
    }
    free_survey(&s);
    return exit_code;
}
