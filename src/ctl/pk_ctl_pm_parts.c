/* What both forms of a post-mortem are made of. */
#include <string.h>

#include "base/pk_time.h"
#include "ctl/pk_ctl_markdown.h"
#include "ctl/pk_ctl_pm.h"

static void put_member(struct pk_ctl_text *t, const struct pk_ctl_pm *p, const char *path, bool is_code) {
    const struct pk_ctl_value v = pk_ctl_case_get(p->k, path);
    if (!pk_ctl_md_is_given(v)) {
        pk_ctl_md_unknown(t, "");
    } else if (is_code) {
        pk_ctl_md_value_code(t, v);
    } else {
        pk_ctl_md_value(t, v);
    }
}

void pk_ctl_pm_put(struct pk_ctl_text *t, const struct pk_ctl_pm *p, const char *path) {
    put_member(t, p, path, false);
}

void pk_ctl_pm_put_code(struct pk_ctl_text *t, const struct pk_ctl_pm *p, const char *path) {
    put_member(t, p, path, true);
}

void pk_ctl_pm_put_upper(struct pk_ctl_text *t, struct pk_str row, const char *path) {
    struct pk_ctl_text word = {0};
    pk_ctl_put_cell(&word, PK_CTL_CELL_WORD, row, path, &(struct pk_ctl_look){0});
    pk_ctl_md_text(t, pk_ctl_text_str(&word));
    pk_ctl_text_free(&word);
}

void pk_ctl_pm_blank_section(struct pk_ctl_text *t, const char *heading, const char *what) {
    pk_ctl_text_puts(t, "\n### ");
    pk_ctl_text_puts(t, heading);
    pk_ctl_text_puts(t, "\n\n");
    pk_ctl_md_blank(t, what);
    pk_ctl_text_putc(t, '\n');
}

void pk_ctl_pm_put_time(struct pk_ctl_text *t, int64_t at_ms) {
    char text[PK_TIME_TEXT_BYTES];
    pk_time_format(at_ms, text);
    pk_ctl_text_puts(t, text);
}

void pk_ctl_pm_label(struct pk_ctl_text *t, const char *label) {
    pk_ctl_text_puts(t, "- **");
    pk_ctl_text_puts(t, label);
    pk_ctl_text_puts(t, ":** ");
}

/* ---- numbers ---- */

void pk_ctl_pm_duration(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    char text[48];
    struct pk_buf b;
    int64_t from_ms = 0, to_ms = 0, resolved_ms = 0;
    const bool is_over = pk_ctl_case_time(p->k, "resolved_at", &resolved_ms);
    pk_ctl_case_span(p->k, p->now_ms, &from_ms, &to_ms);
    pk_buf_init(&b, text, sizeof text);
    pk_buf_put_duration(&b, to_ms > from_ms ? (uint64_t)(to_ms - from_ms) : 0);
    pk_ctl_text_puts(t, text);
    pk_ctl_text_puts(t, is_over ? " (resolved - first event)" : " so far (now - first event)");
}

void pk_ctl_pm_metric(struct pk_ctl_text *t, const struct pk_ctl_pm *p, const char *path,
                      const char *formula) {
    const struct pk_ctl_value v = pk_ctl_case_get(p->k, path);
    if (v.kind != PK_JSON_NUMBER) {
        pk_ctl_text_puts(t, "not yet defined (");
    } else {
        pk_ctl_text_put_json(t, v.json);
        pk_ctl_text_puts(t, " s (");
    }
    pk_ctl_text_puts(t, formula);
    pk_ctl_text_puts(t, ")");
}

void pk_ctl_pm_metrics(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    static const char *const ROWS[][3] = {
        {"MTTD", "mttd_seconds", "detected - first contributing event"},
        {"MTTA", "mtta_seconds", "acknowledged - detected"},
        {"MTTR", "mttr_seconds", "resolved - detected"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        pk_ctl_pm_label(t, ROWS[i][0]);
        pk_ctl_pm_metric(t, p, ROWS[i][1], ROWS[i][2]);
        pk_ctl_text_putc(t, '\n');
    }
    pk_ctl_pm_label(t, "Events");
    pk_ctl_pm_put(t, p, "event_count");
    pk_ctl_text_puts(t, " (counted by the rule while the incident was open)\n");
    pk_ctl_pm_label(t, "Peak error rate");
    if (p->figures.error_count == 0) {
        pk_ctl_md_unknown(t, "no error of the affected components is in the agent's memory any more");
    } else {
        pk_ctl_text_put_u64(t, p->figures.peak_per_minute);
        pk_ctl_text_puts(t, " per minute (most errors within any 60 s, of the ");
        pk_ctl_text_put_u64(t, p->figures.error_count);
        pk_ctl_text_puts(t, " in the agent's memory; an error is an event of severity medium or above, or "
                            "one the incident was opened for)");
    }
    pk_ctl_text_putc(t, '\n');
}

/* ---- the timeline ---- */

const char *pk_ctl_pm_owner(struct pk_str source) {
    if (pk_str_eq_c(source, "operator")) {
        return "operator";
    }
    return pk_str_eq_c(source, "hub") ? "hub" : "picketd (automatic)";
}

struct pk_ctl_value pk_ctl_pm_last_entry(const struct pk_ctl_pm *p, const char *kind, const char *word) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value entry, found = {.kind = PK_JSON_END};
    pk_ctl_walk_init(&walk, pk_ctl_text_str(&p->k->timeline));
    while (pk_ctl_walk_next(&walk, &entry)) {
        const struct pk_ctl_value message = pk_ctl_member(entry.json, "message");
        if (pk_str_eq_c(pk_ctl_word(pk_ctl_member(entry.json, "event")), kind) &&
            (word == NULL || pk_ctl_leads_to(message.json, word))) {
            found = entry;
        }
    }
    return found;
}

/* ---- sentences ---- */

void pk_ctl_pm_summary(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    pk_ctl_pm_put(t, p, "title");
    pk_ctl_text_puts(t, " (");
    pk_ctl_pm_put(t, p, "incident_type");
    pk_ctl_text_puts(t, ", severity ");
    pk_ctl_pm_put(t, p, "severity");
    pk_ctl_text_puts(t, ") was detected at ");
    pk_ctl_pm_put(t, p, "detected_at");
    pk_ctl_text_puts(t, " on gateway ");
    pk_ctl_pm_put_code(t, p, "gateway");
    pk_ctl_text_puts(t, ", site ");
    pk_ctl_pm_put_code(t, p, "site");
    pk_ctl_text_puts(t, ", by rule ");
    pk_ctl_pm_put_code(t, p, "rule_id");
    if (pk_ctl_md_is_given(pk_ctl_case_get(p->k, "description"))) {
        pk_ctl_text_puts(t, ": ");
        pk_ctl_pm_put(t, p, "description");
    }
    pk_ctl_text_puts(t, ". It is ");
    pk_ctl_pm_put(t, p, "status");
    pk_ctl_text_puts(t, " and lasted ");
    pk_ctl_pm_duration(t, p);
    pk_ctl_text_puts(t, ".\n");
    if (pk_ctl_is_true(pk_ctl_case_get(p->k, "drill"))) {
        pk_ctl_text_puts(t, "\nThis was a drill.\n");
    }
    if (pk_ctl_md_is_given(pk_ctl_case_get(p->k, "caused_by"))) {
        pk_ctl_text_puts(t, "\nIt was caused by incident ");
        pk_ctl_pm_put_code(t, p, "caused_by");
        pk_ctl_text_puts(t, ".\n");
    }
}

void pk_ctl_pm_affected(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    pk_ctl_pm_label(t, "Affected components");
    pk_ctl_pm_put_code(t, p, "affected_components");
    const uint64_t more = pk_ctl_u64(pk_ctl_case_get(p->k, "overflow.affected_components"), 0);
    if (more > 0) {
        pk_ctl_text_puts(t, " and ");
        pk_ctl_text_put_u64(t, more);
        pk_ctl_text_puts(t, " more");
    }
    pk_ctl_text_putc(t, '\n');
    pk_ctl_pm_label(t, "Events");
    pk_ctl_pm_put(t, p, "event_count");
    pk_ctl_text_putc(t, '\n');
}

void pk_ctl_pm_causes(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value cause;
    bool is_any = pk_ctl_md_is_given(pk_ctl_case_get(p->k, "root_cause"));
    if (is_any) {
        pk_ctl_pm_put(t, p, "root_cause");
        pk_ctl_text_puts(t, "\n");
    }
    pk_ctl_walk_init(&walk, pk_ctl_case_get(p->k, "causes").json);
    for (bool is_first = true; pk_ctl_walk_next(&walk, &cause); is_first = false) {
        pk_ctl_text_puts(t, is_first ? (is_any ? "\nCandidates, ranked by the agent:\n\n"
                                               : "Candidates, ranked by the agent:\n\n")
                                     : "");
        pk_ctl_text_puts(t, "- ");
        pk_ctl_md_value(t, pk_ctl_member(cause.json, "cause"));
        pk_ctl_text_puts(t, ", confidence ");
        pk_ctl_md_value(t, pk_ctl_member(cause.json, "confidence"));
        pk_ctl_text_puts(t, " of 1, because: ");
        pk_ctl_md_value(t, pk_ctl_member(cause.json, "evidence"));
        pk_ctl_text_putc(t, '\n');
        is_any = true;
    }
    if (!is_any) {
        pk_ctl_text_puts(t, "The agent named no cause. ");
        pk_ctl_md_blank(t, "root cause");
        pk_ctl_text_putc(t, '\n');
    }
}

void pk_ctl_pm_resolution(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    struct pk_ctl_text rule = {0};
    const struct pk_ctl_value entry = pk_ctl_pm_last_entry(p, "status", "resolved");
    const struct pk_str clear = pk_ctl_case_rule_line(p->k, "clear", &rule);
    if (!pk_ctl_md_is_given(pk_ctl_case_get(p->k, "resolved_at"))) {
        pk_ctl_text_puts(t, "Not resolved yet.");
    } else {
        pk_ctl_text_puts(t, "Resolved at ");
        pk_ctl_pm_put(t, p, "resolved_at");
        if (entry.kind != PK_JSON_END) {
            pk_ctl_text_puts(t, " by ");
            pk_ctl_text_puts(t, pk_ctl_pm_owner(pk_ctl_word(pk_ctl_member(entry.json, "source"))));
            pk_ctl_text_puts(t, ": ");
            pk_ctl_md_value(t, pk_ctl_member(entry.json, "message"));
        }
        pk_ctl_text_puts(t, ".");
    }
    if (clear.n > 0) {
        pk_ctl_text_puts(t, " The rule calls it over when: ");
        pk_ctl_md_text(t, clear);
        pk_ctl_text_puts(t, ".");
    }
    pk_ctl_text_puts(t, "\n");
    pk_ctl_text_free(&rule);
}

/* ---- tables and lists ---- */

void pk_ctl_pm_actions(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    static const char *const PATHS[] = {"action", "target", "state", "result", "at"};
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    const struct pk_ctl_value actions = pk_ctl_case_get(p->k, "actions");
    if (!pk_ctl_md_is_given(actions)) {
        pk_ctl_text_puts(t, "No action was taken.\n");
        return;
    }
    pk_ctl_text_puts(t, "| Action | Target | Status | Result | At |\n|---|---|---|---|---|\n");
    pk_ctl_walk_init(&walk, actions.json);
    while (pk_ctl_walk_next(&walk, &row)) {
        for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
            const struct pk_ctl_value v = pk_ctl_member(row.json, PATHS[i]);
            pk_ctl_text_puts(t, "| ");
            if (!pk_ctl_md_is_given(v)) {
                pk_ctl_text_putc(t, '-');
            } else if (i < 2) {
                pk_ctl_md_value_code(t, v);
            } else {
                pk_ctl_md_value(t, v);
            }
            pk_ctl_text_putc(t, ' ');
        }
        pk_ctl_text_puts(t, "|\n");
    }
    const uint64_t more = pk_ctl_u64(pk_ctl_case_get(p->k, "overflow.actions"), 0);
    if (more > 0) {
        pk_ctl_text_puts(t, "\nThe record had no room for ");
        pk_ctl_text_put_u64(t, more);
        pk_ctl_text_puts(t, " more; they are in the timeline.\n");
    }
}

static uint32_t put_follow_up(struct pk_ctl_text *t, bool is_said, const char *words) {
    if (is_said) {
        pk_ctl_text_puts(t, "- [ ] ");
        pk_ctl_text_puts(t, words);
        pk_ctl_text_putc(t, '\n');
    }
    return is_said ? 1 : 0;
}

static bool any_action_is(const struct pk_ctl_pm *p, const char *const *states, size_t count) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    pk_ctl_walk_init(&walk, pk_ctl_case_get(p->k, "actions").json);
    while (pk_ctl_walk_next(&walk, &row)) {
        for (size_t i = 0; i < count; i++) {
            if (pk_str_eq_c(pk_ctl_word(pk_ctl_member(row.json, "state")), states[i])) {
                return true;
            }
        }
    }
    return false;
}

/* What no action can do for trouble of this kind (REQUIREMENTS S1-41 to S1-45). */
static uint32_t put_advice(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    static const struct {
        const char *type, *advice;
    } ROWS[] = {
        {"api_rate_limit",
         "Call less often: back off with growing, random pauses, cache answers, ask for a larger quota."},
        {"database_connection_fail", "See whether connections leak, and whether the pool of the clients and "
                                     "the limit of the server fit."},
        {"disk_space_low", "Find what grows, bound it, or add storage: what was deleted comes back."},
        {"network_partition",
         "Ask who runs the network: cable, switch, provider; a second way would have kept it up."},
        {"security_breach",
         "Have security look at it: what was tried, what was reached, which keys and passwords to change."},
        {"certificate_expiration", "Let certificates be renewed by a program, a month before they end."}};
    const struct pk_ctl_value type = pk_ctl_case_get(p->k, "incident_type");
    uint32_t n = 0;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        n += put_follow_up(t, pk_str_eq_c(pk_ctl_word(type), ROWS[i].type), ROWS[i].advice);
    }
    return n;
}

uint32_t pk_ctl_pm_follow_ups(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    static const char *const FAILED[] = {"failed", "timed_out", "interrupted", "rolled_back", "unknown"};
    static const char *const UNDONE[] = {"refused", "rejected", "expired", "would_run"};
    const bool has_actions = pk_ctl_md_is_given(pk_ctl_case_get(p->k, "actions"));
    const bool has_ideas = pk_ctl_md_is_given(pk_ctl_case_get(p->k, "recommended"));
    const bool is_named = pk_ctl_md_is_given(pk_ctl_case_get(p->k, "root_cause"));
    const struct pk_ctl_value rules = pk_ctl_member(pk_ctl_text_str(&p->k->rule), "rules");
    struct pk_ctl_walk walk;
    struct pk_ctl_value rule = {.kind = PK_JSON_END};
    uint32_t n = 0;
    pk_ctl_walk_init(&walk, rules.json);
    const bool has_rule = pk_ctl_walk_next(&walk, &rule);
    const bool is_auto = has_rule && pk_ctl_is_true(pk_ctl_member(rule.json, "auto"));
    n += put_follow_up(t, !is_named, "Find the root cause: the agent named none for certain.");
    n += put_follow_up(t, any_action_is(p, FAILED, sizeof FAILED / sizeof FAILED[0]),
                       "An action did not succeed: read its result, mend the action or its target.");
    n += put_follow_up(t, any_action_is(p, UNDONE, sizeof UNDONE / sizeof UNDONE[0]),
                       "An action was refused, rejected or not answered in time: decide whether it should "
                       "have run (mode, approvals, budget).");
    n += put_follow_up(t, has_ideas && !has_actions,
                       "An action was recommended and none was taken: decide whether the rule may start it.");
    n += put_follow_up(t, has_rule && !is_auto && has_ideas,
                       "The rule may not act by itself (auto = no): decide whether it should.");
    n += put_follow_up(t, pk_ctl_is_true(pk_ctl_case_get(p->k, "flapping")),
                       "It came and went: lengthen the clear condition, or mend what oscillates.");
    n += put_follow_up(t, !pk_ctl_md_is_given(pk_ctl_case_get(p->k, "acknowledged_at")),
                       "Nobody acknowledged it: check who is told, and how.");
    n += put_advice(t, p);
    return n;
}
