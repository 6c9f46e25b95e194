/* `test-rule`: one rule against recorded events: whether it fires, when, and why not. */
#include <stdlib.h>
#include <string.h>

#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_recorded.h"

enum { FIRINGS_SHOWN = 100, EXPLAIN_BYTES = 4096, RESULT_BYTES = 131072 };

struct test_rule {
    struct pk_ctl *c;
    struct pk_ctl_lab *lab;
    uint32_t rule;
    uint64_t event_count, matched_count, firing_count, shown_count;
    struct pk_buf firings_text; /* JSON array items */
    struct pk_json_writer firings;
    char explained[EXPLAIN_BYTES]; /* behind the last event the rule looked at */
    char firings_json[RESULT_BYTES / 2];
    char result[RESULT_BYTES];
};

static void on_finding(void *ctx, const struct pk_ctl_lab *lab, const struct pk_finding *f) {
    struct test_rule *t = ctx;
    if (f->rule_index != t->rule || f->kind == PK_FINDING_STILL) {
        return;
    }
    t->firing_count += f->kind == PK_FINDING_FIRE ? 1u : 0u;
    if (t->shown_count >= FIRINGS_SHOWN) {
        return;
    }
    t->shown_count++;
    pk_jw_object(&t->firings, NULL);
    pk_jw_cstr(&t->firings, "what", pk_finding_kind_word((enum pk_finding_kind)f->kind));
    pk_jw_time(&t->firings, "at", lab->now.wall_ms);
    pk_jw_u64(&t->firings, "event", t->event_count);
    pk_jw_cstr(&t->firings, "group", f->group_key);
    pk_jw_cstr(&t->firings, "severity", pk_severity_word((enum pk_severity)f->severity));
    pk_jw_u64(&t->firings, "event_count", f->event_count);
    pk_jw_cstr(&t->firings, "words", f->words);
    pk_jw_object_end(&t->firings);
}

static void explain(struct test_rule *t) {
    struct pk_buf b;
    pk_buf_init(&b, t->explained, sizeof t->explained);
    pk_engine_explain(&t->lab->engine, t->rule, t->lab->now.mono_ms, &b);
}

static void give(void *ctx, struct pk_event_in *event) {
    struct test_rule *t = ctx;
    const struct pk_rule_status *status = pk_engine_rule_status(&t->lab->engine, t->rule);
    const uint64_t before = status->evaluation_count;
    t->event_count++;
    pk_ctl_lab_event(t->lab, event);
    if (status->evaluation_count != before) {
        t->matched_count++;
        explain(t);
    }
}

static void show(struct test_rule *t) {
    const struct pk_engine *e = &t->lab->engine;
    const struct pk_rule *rule = pk_engine_rule(e, t->rule);
    struct pk_buf b;
    struct pk_json_writer w;
    pk_jw_array_end(&t->firings);
    pk_buf_init(&b, t->result, sizeof t->result);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_str(&w, "rule", pk_engine_str(e, rule, rule->id));
    pk_jw_bool(&w, "fired", t->firing_count > 0);
    pk_jw_u64(&w, "firings", t->firing_count);
    pk_jw_u64(&w, "events", t->event_count);
    pk_jw_u64(&w, "matching", t->matched_count);
    pk_jw_u64(&w, "refused", t->lab->refused_count);
    pk_jw_cstr(&w, "state", pk_rule_state_word(pk_engine_rule_state(e, t->rule)));
    pk_jw_cstr(&w, "why",
               t->matched_count > 0 ? t->explained
               : t->event_count > 0 ? "no event matches its `on`"
                                    : "there is no event");
    pk_jw_raw(&w, "findings", t->firings_text.is_cut ? pk_str_of("[]") : pk_buf_str(&t->firings_text));
    pk_jw_object_end(&w);
    pk_ctl_show(t->c, t->c->command->view, pk_buf_str(&b));
}

static int run(struct test_rule *t, struct pk_ctl_rules *rules) {
    struct pk_ctl *c = t->c;
    const char *id = pk_ctl_args_text(&c->args, "id"), *path = pk_ctl_args_text(&c->args, "events");
    struct pk_ctl_input input;
    int exit_code = pk_ctl_recorded_rules(c, rules);
    exit_code = exit_code != 0 ? exit_code : pk_ctl_recorded_lab(c, rules, &t->lab);
    if (exit_code != 0) {
        return exit_code;
    }
    const int rule = pk_engine_find_rule(&t->lab->engine, pk_str_of(id));
    if (rule < 0) {
        return pk_ctl_fail(c, PK_E_NOT_FOUND, "there is no rule '{}'; --rules FILE adds those of a file",
                           pk_str_of(id));
    }
    t->rule = (uint32_t)rule;
    t->lab->on_finding = on_finding;
    t->lab->ctx = t;
    pk_buf_init(&t->firings_text, t->firings_json, sizeof t->firings_json);
    pk_jw_init(&t->firings, &t->firings_text);
    pk_jw_array(&t->firings, NULL);
    exit_code = pk_ctl_recorded_open(c, path, &input);
    if (exit_code != 0) {
        return exit_code;
    }
    exit_code = pk_ctl_recorded_events(c, path, &input, give, t, NULL);
    pk_ctl_input_close(&input);
    if (exit_code == 0) {
        show(t);
    }
    return exit_code;
}

int pk_ctl_do_test_rule(struct pk_ctl *c) {
    struct test_rule *t = calloc(1, sizeof *t);
    struct pk_ctl_rules rules = {.count = 0};
    if (t == NULL) {
        return pk_ctl_fail(c, PK_E_FULL, "out of memory", pk_str_make(NULL, 0));
    }
    t->c = c;
    const int exit_code = run(t, &rules);
    pk_ctl_lab_close(t->lab);
    pk_ctl_recorded_rules_close(&rules);
    free(t);
    return exit_code;
}
