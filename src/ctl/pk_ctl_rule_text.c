#include "ctl/pk_ctl_rule_text.h"

#include <string.h>

int pk_ctl_rules_open(struct pk_ctl *c, struct pk_ctl_rules *rules) {
    struct pk_str result;
    memset(rules, 0, sizeof *rules);
    const int exit_code = pk_ctl_ask_or_fail(c, PK_CMD_RULES_LIST, pk_str_of("{}"), &result);
    pk_ctl_text_put_str(&rules->list, pk_ctl_member(result, "rules").json);
    pk_ctl_walk_init(&rules->walk, pk_ctl_text_str(&rules->list));
    return exit_code;
}

void pk_ctl_rules_free(struct pk_ctl_rules *rules) {
    pk_ctl_text_free(&rules->list);
    pk_ctl_text_free(&rules->answer);
}

static struct pk_str actions_of(struct pk_str text) {
    struct pk_str line, name;
    while (pk_str_split(&text, '\n', &line)) {
        struct pk_str value = line;
        if (pk_str_split(&value, '=', &name) && value.p != NULL &&
            pk_str_eq_c(pk_str_trim(name), "actions")) {
            return pk_str_trim(value);
        }
    }
    return pk_str_make(NULL, 0);
}

bool pk_ctl_rules_next(struct pk_ctl *c, struct pk_ctl_rules *rules, struct pk_ctl_rule_text *out) {
    struct pk_ctl_value row;
    char args[160];
    struct pk_buf b;
    struct pk_json_writer w;
    struct pk_str result;
    if (rules->exit_code != 0 || !pk_ctl_walk_next(&rules->walk, &row)) {
        return false;
    }
    *out = (struct pk_ctl_rule_text){
        .id = pk_ctl_word(pk_ctl_member(row.json, "rule_id")),
        .type = pk_ctl_word(pk_ctl_member(row.json, "incident_type")),
        .state = pk_ctl_word(pk_ctl_member(row.json, "state")),
        .is_enabled = pk_ctl_is_true(pk_ctl_member(row.json, "enabled")),
        .is_auto = pk_ctl_is_true(pk_ctl_member(row.json, "auto")),
        .source = &rules->answer,
    };
    pk_buf_init(&b, args, sizeof args);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_str(&w, "rule", out->id);
    pk_jw_object_end(&w);
    rules->exit_code = pk_ctl_ask_or_fail(c, PK_CMD_RULES_SHOW, pk_buf_str(&b), &result);
    rules->answer.n = 0;
    pk_ctl_put_string(&rules->answer, pk_ctl_member(result, "text"));
    out->actions = actions_of(pk_ctl_text_str(&rules->answer));
    return rules->exit_code == 0;
}

bool pk_ctl_rule_next_action(struct pk_str *rest, struct pk_str *out_action) {
    struct pk_str piece;
    while (pk_str_split(rest, ',', &piece)) {
        *out_action = pk_str_trim(piece);
        if (out_action->n > 0) {
            return true;
        }
    }
    return false;
}

bool pk_ctl_rule_names(const struct pk_ctl_rule_text *rule, struct pk_str action) {
    struct pk_str rest = rule->actions, one;
    while (pk_ctl_rule_next_action(&rest, &one)) {
        if (pk_str_eq(one, action)) {
            return true;
        }
    }
    return false;
}
