#include "ctl/pk_ctl_rule_text.h"

#include <string.h>

#include "detect/pk_rule.h"

/* The filter with the last row that was shown: what comes behind it. False when it is too long. */
static bool page_args(struct pk_str filter, const char *after, struct pk_buf *out) {
    pk_buf_put(out, filter.p, filter.n - 1u);
    if (after[0] != '\0') {
        pk_buf_puts(out, filter.n > 2 ? ",\"after\":\"" : "\"after\":\"");
        pk_buf_puts(out, after);
        pk_buf_putc(out, '"');
    }
    pk_buf_putc(out, '}');
    return !out->is_cut;
}

int pk_ctl_rules_all(struct pk_ctl *c, struct pk_str args_json, struct pk_ctl_text *out) {
    char filter[256], args[400], after[PK_RULE_ID_BYTES_MAX + 1] = "";
    bool has_more = true;
    (void)pk_str_copy_cut(args_json, filter, sizeof filter);
    pk_ctl_text_puts(out, "[");
    while (has_more) {
        struct pk_buf b;
        struct pk_str result;
        struct pk_ctl_walk walk;
        struct pk_ctl_value row;
        pk_buf_init(&b, args, sizeof args);
        if (!page_args(pk_str_of(filter), after, &b)) {
            return pk_ctl_fail(c, PK_E_USAGE, "the arguments are too long", pk_str_make(NULL, 0));
        }
        const int exit_code = pk_ctl_ask_or_fail(c, PK_CMD_RULES_LIST, pk_buf_str(&b), &result);
        if (exit_code != 0) {
            return exit_code;
        }
        has_more = false;
        pk_ctl_walk_init(&walk, pk_ctl_member(result, "rules").json);
        while (pk_ctl_walk_next(&walk, &row)) {
            pk_ctl_text_puts(out, out->n > 1 ? "," : "");
            pk_ctl_text_put_str(out, row.json);
            /* An empty page is the last one, whatever it says. */
            has_more = pk_ctl_is_true(pk_ctl_member(result, "more"));
            const struct pk_str id = pk_ctl_word(pk_ctl_member(row.json, "rule_id"));
            has_more = has_more && pk_str_copy(id, after, sizeof after) > 0;
        }
    }
    pk_ctl_text_puts(out, "]");
    return 0;
}

int pk_ctl_rules_open(struct pk_ctl *c, struct pk_ctl_rules *rules) {
    memset(rules, 0, sizeof *rules);
    const int exit_code = pk_ctl_rules_all(c, pk_str_of("{}"), &rules->list);
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
