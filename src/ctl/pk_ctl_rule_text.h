#ifndef PK_CTL_RULE_TEXT_H
#define PK_CTL_RULE_TEXT_H
/* The rules of the agent one by one, with what their text says. */
#include "ctl/pk_ctl_call.h"

struct pk_ctl_rules {
    struct pk_ctl_text list, answer; /* rules.list; rules.show of the current one */
    struct pk_ctl_walk walk;
    int exit_code; /* of a question that failed in between */
};
struct pk_ctl_rule_text { /* slices hold until the next rule */
    struct pk_str id, type, state;
    bool is_enabled, is_auto;
    struct pk_ctl_text *source; /* the rule's text as the agent keeps it */
    struct pk_str actions;      /* value of `actions =`, may be empty */
};
/* Every page of rules.list as one array; args_json: an object with the filter. Exit code, a failure is said.
 */
int pk_ctl_rules_all(struct pk_ctl *c, struct pk_str args_json, struct pk_ctl_text *out);
/* Exit code, a failure is said. Free in any case. */
int pk_ctl_rules_open(struct pk_ctl *c, struct pk_ctl_rules *rules);
/* false at the end, and after a failure (rules->exit_code, which was said). */
bool pk_ctl_rules_next(struct pk_ctl *c, struct pk_ctl_rules *rules, struct pk_ctl_rule_text *out);
void pk_ctl_rules_free(struct pk_ctl_rules *rules);
/* Whether `actions` names this one. */
bool pk_ctl_rule_names(const struct pk_ctl_rule_text *rule, struct pk_str action);
/* Each action in turn: false at the end. *rest starts as rule->actions. */
bool pk_ctl_rule_next_action(struct pk_str *rest, struct pk_str *out_action);
#endif
