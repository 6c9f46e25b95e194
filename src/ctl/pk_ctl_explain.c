/* `explain incident`, `explain` of anything: why something was or was not done (REQUIREMENTS S0-83, S0-84).
 */
#include <string.h>

#include "ctl/pk_ctl_because.h"
#include "ctl/pk_ctl_case.h"
#include "ctl/pk_ctl_explain.h"
#include "ctl/pk_ctl_handlers.h"

enum { ARGS_BYTES = 512 };

void pk_ctl_explain_dry_run(struct pk_ctl *c, struct pk_ctl_because *b, const char *about,
                            struct pk_str incident_id, struct pk_str action, const char *target) {
    char args[ARGS_BYTES];
    struct pk_buf buf;
    struct pk_json_writer w;
    struct pk_ctl_answer answer;
    pk_buf_init(&buf, args, sizeof args);
    pk_jw_init(&w, &buf);
    pk_jw_object(&w, NULL);
    pk_jw_str(&w, "incident_id", incident_id);
    pk_jw_str(&w, "action", action);
    if (target != NULL) {
        pk_jw_cstr(&w, "target", target);
    }
    pk_jw_bool(&w, "dry_run", true);
    pk_jw_object_end(&w);
    pk_ctl_ask(c, PK_CMD_MITIGATE, pk_buf_str(&buf), &answer);
    if (answer.exit_code != 0) {
        pk_ctl_text_puts(&b->text, "the agent does not say: ");
        pk_ctl_text_puts(&b->text, answer.why);
        pk_ctl_because_end_line(b, about);
        return;
    }
    const bool would_run = pk_str_eq_c(pk_ctl_word(pk_ctl_member(answer.result, "would")), "run");
    pk_ctl_because_fill(b, about, would_run ? "would run now: {why}" : "would not run now ({would}): {why}",
                        answer.result, &c->look);
}

bool pk_ctl_explain_approvals(struct pk_ctl *c, struct pk_ctl_because *b, const char *member,
                              struct pk_str wanted) {
    struct pk_ctl_answer answer;
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    bool is_any = false;
    pk_ctl_ask(c, PK_CMD_APPROVAL_LIST, pk_str_of("{}"), &answer);
    pk_ctl_walk_init(&walk, pk_ctl_member(answer.result, "approvals").json);
    while (pk_ctl_walk_next(&walk, &row)) {
        if (!pk_str_eq(pk_ctl_word(pk_ctl_member(row.json, member)), wanted)) {
            continue;
        }
        is_any = true;
        pk_ctl_because_fill(b, "waits for approval",
                            "{action} {target}, risk {risk}: {have} of {needs} given, rejected in "
                            "{expires_in_seconds:seconds}; picketctl approve {approval_id}",
                            row.json, &c->look);
    }
    return is_any;
}

void pk_ctl_explain_switches(struct pk_ctl *c, struct pk_ctl_because *b, struct pk_str status) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    pk_ctl_walk_init(&walk, pk_ctl_member(status, "switched_off").json);
    while (pk_ctl_walk_next(&walk, &row)) {
        pk_ctl_because_fill(b, "switched off", "{words}", row.json, &c->look);
    }
}

/* ---- an incident ---- */

static void say_rule(struct pk_ctl_because *b, const struct pk_ctl_case *k) {
    static const char *const LINES[][2] = {
        {"on", "the rule looks at"},  {"when", "it opens when"}, {"severity", "how severe"},
        {"clear", "it is over when"}, {"state", "the rule now"}, {"source", "its source"},
    };
    struct pk_ctl_text rule = {0};
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++) {
        pk_ctl_text_put_str(&b->text, pk_ctl_case_rule_line(k, LINES[i][0], &rule));
        pk_ctl_because_end_line(b, LINES[i][1]);
    }
    char group[96];
    struct pk_buf name;
    pk_buf_init(&name, group, sizeof group);
    pk_buf_puts(&name, "group ");
    pk_buf_put_str(&name, pk_ctl_word(pk_ctl_case_get(k, "metadata.group_key")));
    pk_ctl_text_put_str(&b->text, pk_ctl_case_rule_line(k, group, &rule));
    pk_ctl_because_end_line(b, "its condition now");
    pk_ctl_text_free(&rule);
    if (k->rule.n == 0) {
        pk_ctl_because_say(b, "rule", "it is not loaded any more");
    }
}

static bool was_run(const struct pk_ctl_case *k, struct pk_str action) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    pk_ctl_walk_init(&walk, pk_ctl_case_get(k, "actions").json);
    while (pk_ctl_walk_next(&walk, &row)) {
        if (pk_str_eq(pk_ctl_word(pk_ctl_member(row.json, "action")), action)) {
            return true;
        }
    }
    return false;
}

static void say_actions(struct pk_ctl *c, struct pk_ctl_because *b, const struct pk_ctl_case *k) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value row, rule = {.kind = PK_JSON_END};
    pk_ctl_walk_init(&walk, pk_ctl_case_get(k, "actions").json);
    while (pk_ctl_walk_next(&walk, &row)) {
        pk_ctl_because_fill(b, "action", "{action} {target}: {state} {result}", row.json, &c->look);
    }
    pk_ctl_walk_init(&walk, pk_ctl_member(pk_ctl_text_str(&k->rule), "rules").json);
    if (pk_ctl_walk_next(&walk, &rule) && !pk_ctl_is_true(pk_ctl_member(rule.json, "auto"))) {
        pk_ctl_because_say(b, "no action by itself",
                           "the rule says auto = no: its actions wait for a person");
    }
    bool is_any = false;
    pk_ctl_walk_init(&walk, pk_ctl_case_get(k, "recommended").json);
    while (pk_ctl_walk_next(&walk, &row)) {
        char about[64];
        struct pk_buf name;
        is_any = true;
        pk_buf_init(&name, about, sizeof about);
        pk_buf_puts(&name, was_run(k, pk_ctl_word(row)) ? "once more " : "recommended ");
        pk_buf_put_str(&name, pk_ctl_word(row));
        pk_ctl_explain_dry_run(c, b, about, pk_ctl_word(pk_ctl_case_get(k, "incident_id")), pk_ctl_word(row),
                               NULL);
    }
    if (!is_any) {
        pk_ctl_because_say(b, "no action recommended",
                           "the rule names none that is configured and allowed for this target");
    }
}

static void say_state(struct pk_ctl *c, struct pk_ctl_because *b, const struct pk_ctl_case *k) {
    const struct pk_str incident = pk_ctl_text_str(&k->incident);
    pk_ctl_because_fill(b, "state", "{status}, stage {stage}, severity {severity}, {event_count} events",
                        incident, &c->look);
    pk_ctl_because_fill(b, "opened", "{detected_at} by rule {rule_id}: {description}", incident, &c->look);
    if (pk_ctl_member(incident, "caused_by").kind == PK_JSON_STRING) {
        pk_ctl_because_fill(b, "caused by", "{caused_by}: it is shown, but not announced by itself", incident,
                            &c->look);
    }
    if (pk_ctl_is_true(pk_ctl_member(incident, "flapping"))) {
        pk_ctl_because_fill(b, "flapping", "it came and went {metadata.flap_count} times", incident,
                            &c->look);
    }
    if (k->status.n > 0) {
        pk_ctl_because_fill(b, "mode", "{mode}, safe_mode {safe_mode}", pk_ctl_text_str(&k->status),
                            &c->look);
        pk_ctl_explain_switches(c, b, pk_ctl_text_str(&k->status));
    }
}

static void say_steps(struct pk_ctl *c, struct pk_ctl_because *b, const struct pk_ctl_case *k) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value entry;
    pk_ctl_walk_init(&walk, pk_ctl_text_str(&k->timeline));
    while (pk_ctl_walk_next(&walk, &entry)) {
        const struct pk_str kind = pk_ctl_word(pk_ctl_member(entry.json, "event"));
        if (!pk_str_eq_c(kind, "joined")) {
            pk_ctl_because_fill(b, "then", "{at:clock} {source}: {message}", entry.json, &c->look);
        }
    }
}

static int explain_incident(struct pk_ctl *c, const char *id) {
    struct pk_ctl_case k;
    struct pk_ctl_because b;
    const int exit_code = pk_ctl_case_open(c, &k, id);
    if (exit_code == 0) {
        struct pk_ctl_text title = {0};
        const struct pk_str full_id = pk_ctl_word(pk_ctl_case_get(&k, "incident_id"));
        pk_ctl_put_template(&title, "{incident_id} {title}", pk_ctl_text_str(&k.incident), &c->look);
        pk_ctl_because_begin(&b, pk_ctl_text_str(&title));
        say_state(c, &b, &k);
        say_rule(&b, &k);
        say_actions(c, &b, &k);
        (void)pk_ctl_explain_approvals(c, &b, "incident_id", full_id);
        say_steps(c, &b, &k);
        pk_ctl_because_show(c, &b);
        pk_ctl_text_free(&title);
    }
    pk_ctl_case_free(&k);
    return exit_code;
}

int pk_ctl_do_explain_incident(struct pk_ctl *c) {
    return explain_incident(c, pk_ctl_args_text(&c->args, "id"));
}

/* ---- whatever has this id ---- */

int pk_ctl_do_explain_any(struct pk_ctl *c) {
    char args[ARGS_BYTES];
    struct pk_buf buf;
    struct pk_json_writer w;
    struct pk_ctl_answer answer;
    const char *id = pk_ctl_args_text(&c->args, "id");
    if (pk_str_starts(pk_str_of(id), "inc_")) {
        return explain_incident(c, id);
    }
    pk_buf_init(&buf, args, sizeof args);
    pk_jw_init(&w, &buf);
    pk_jw_object(&w, NULL);
    pk_jw_cstr(&w, "rule", id);
    pk_jw_object_end(&w);
    if (buf.is_cut) {
        return pk_ctl_fail(c, PK_E_NOT_FOUND, "there is no rule, incident or action of this name",
                           pk_str_make(NULL, 0));
    }
    pk_ctl_ask(c, PK_CMD_RULES_SHOW, pk_buf_str(&buf), &answer);
    if (answer.exit_code == 0) {
        pk_ctl_show(c, &PK_CTL_VIEW_explain, answer.result);
        return 0;
    }
    if (answer.exit_code != pk_err_exit_code(PK_E_NOT_FOUND)) {
        (void)pk_ctl_fail(c, PK_OK, "{}", pk_str_of(answer.why));
        return answer.exit_code;
    }
    return pk_ctl_explain_action(c, id, NULL, NULL);
}
