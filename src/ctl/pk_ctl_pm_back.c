/* The long form, REQUIREMENTS S1-80..85: from the actions to the sign-off. */
#include "base/pk_time.h"
#include "ctl/pk_ctl_markdown.h"
#include "ctl/pk_ctl_pm.h"

enum { EVENTS_SHOWN = 40 };

static bool is_one_of(struct pk_str word, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (pk_str_eq_c(word, words[i])) {
            return true;
        }
    }
    return false;
}

/* Entries of these kinds as a table of time, what and who. */
static void put_entries(struct pk_ctl_text *t, const struct pk_ctl_pm *p, const char *const *kinds,
                        size_t kind_count) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value entry;
    const char *heading = "| Time (UTC) | What | Owner |\n|---|---|---|\n";
    pk_ctl_walk_init(&walk, pk_ctl_text_str(&p->k->timeline));
    while (pk_ctl_walk_next(&walk, &entry)) {
        if (!is_one_of(pk_ctl_word(pk_ctl_member(entry.json, "event")), kinds, kind_count)) {
            continue;
        }
        pk_ctl_text_puts(t, heading);
        heading = "";
        pk_ctl_text_puts(t, "| ");
        pk_ctl_md_value(t, pk_ctl_member(entry.json, "at"));
        pk_ctl_text_puts(t, " | ");
        pk_ctl_md_value(t, pk_ctl_member(entry.json, "message"));
        pk_ctl_text_puts(t, " | ");
        pk_ctl_text_puts(t, pk_ctl_pm_owner(pk_ctl_word(pk_ctl_member(entry.json, "source"))));
        pk_ctl_text_puts(t, " |\n");
    }
    pk_ctl_text_puts(t, heading[0] != '\0' ? "The timeline has no such entry.\n" : "");
}

static void put_actions(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    static const char *const STEPS[] = {"status", "action", "approval", "acknowledged", "assigned", "note"};
    static const char *const CHECKS[] = {"cleared", "restored"};
    struct pk_ctl_text rule = {0};
    pk_ctl_text_puts(t, "\n## Actions taken\n\n");
    pk_ctl_pm_actions(t, p);
    pk_ctl_text_puts(t, "\n");
    pk_ctl_pm_resolution(t, p);
    pk_ctl_text_puts(t, "\n### Resolution timeline\n\n");
    put_entries(t, p, STEPS, sizeof STEPS / sizeof STEPS[0]);
    pk_ctl_text_puts(t, "\n### Verification steps\n\n");
    const struct pk_str clear = pk_ctl_case_rule_line(p->k, "clear", &rule);
    if (clear.n > 0) {
        pk_ctl_text_puts(t, "The rule's clear condition had to hold: ");
        pk_ctl_md_code(t, clear);
        pk_ctl_text_puts(t, "\n\n");
    }
    put_entries(t, p, CHECKS, sizeof CHECKS / sizeof CHECKS[0]);
    pk_ctl_text_puts(t, "\n");
    pk_ctl_md_blank(t, "what people checked");
    pk_ctl_text_putc(t, '\n');
    pk_ctl_text_free(&rule);
}

static bool has_completed_action(const struct pk_ctl_pm *p) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    pk_ctl_walk_init(&walk, pk_ctl_case_get(p->k, "actions").json);
    while (pk_ctl_walk_next(&walk, &row)) {
        if (pk_str_eq_c(pk_ctl_word(pk_ctl_member(row.json, "state")), "completed")) {
            return true;
        }
    }
    return false;
}

static void put_lessons(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    const struct pk_ctl_value end = pk_ctl_pm_last_entry(p, "status", "resolved");
    const struct pk_str by = pk_ctl_word(pk_ctl_member(end.json, "source"));
    pk_ctl_text_puts(t, "\n## Lessons\n\n### What went well\n\n");
    if (has_completed_action(p)) {
        pk_ctl_text_puts(t, "- An action completed and was verified.\n");
    }
    if (end.kind != PK_JSON_END && !pk_str_eq_c(by, "operator") && !pk_str_eq_c(by, "hub")) {
        pk_ctl_text_puts(t, "- It was resolved without a person.\n");
    }
    pk_ctl_text_puts(t, "- ");
    pk_ctl_md_blank(t, "");
    pk_ctl_text_puts(t, "\n\n### What to improve\n\n");
    (void)pk_ctl_pm_follow_ups(t, p);
    pk_ctl_text_puts(t, "- [ ] ");
    pk_ctl_md_blank(t, "");
    pk_ctl_text_putc(t, '\n');
    pk_ctl_pm_blank_section(t, "Process gaps",
                            "who was told too late, what nobody owned, what no runbook said");
}

static void put_items(struct pk_ctl_text *t) {
    static const char *const SECTIONS[] = {"Detection", "Response", "Documentation"};
    static const char *const WHAT[] = {"rules, thresholds and sources to add or change",
                                       "actions, approvals and escalation to change",
                                       "runbooks and manuals to write"};
    pk_ctl_text_puts(t, "\n## Action items\n\n### Preventive\n\n| Item | Owner | Priority | Due | Status "
                        "|\n|---|---|---|---|---|\n");
    for (unsigned i = 0; i < 3; i++) {
        pk_ctl_text_puts(t, "| ");
        for (unsigned k = 0; k < 4; k++) {
            pk_ctl_md_blank(t, "");
            pk_ctl_text_puts(t, " | ");
        }
        pk_ctl_text_puts(t, "open |\n");
    }
    for (size_t i = 0; i < sizeof SECTIONS / sizeof SECTIONS[0]; i++) {
        pk_ctl_pm_blank_section(t, SECTIONS[i], WHAT[i]);
    }
}

/* ---- metrics ---- */

static void put_gauge(struct pk_ctl_text *t, const char *value) {
    if (value[0] != '\0') {
        pk_ctl_md_text(t, pk_str_of(value));
    } else {
        pk_ctl_md_unknown(t, "");
    }
    pk_ctl_text_puts(t, " | ");
}

static void put_metrics(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    const struct pk_str status = pk_ctl_text_str(&p->k->status);
    const struct pk_ctl_value lost = pk_ctl_member(status, "events.lost");
    pk_ctl_text_puts(t, "\n## Metrics\n\n");
    pk_ctl_pm_metrics(t, p);
    pk_ctl_pm_label(t, "Data loss");
    if (lost.kind == PK_JSON_NUMBER) {
        pk_ctl_md_value(t, lost);
        pk_ctl_text_puts(t, " events lost by the agent since it started (sum of its loss ledger); ");
    }
    pk_ctl_md_blank(t, "data lost by the affected components");
    pk_ctl_text_puts(t, "\n\n### System before and after\n\n| Measure | Before | Highest meanwhile | After "
                        "|\n|---|---|---|---|\n");
    for (uint32_t i = 0; i < p->figures.gauge_count; i++) {
        const struct pk_ctl_gauge *g = &p->figures.gauges[i];
        pk_ctl_text_puts(t, "| ");
        pk_ctl_md_code(t, pk_str_of(g->name));
        pk_ctl_text_puts(t, " | ");
        put_gauge(t, g->before);
        put_gauge(t, g->worst);
        put_gauge(t, g->after);
        pk_ctl_text_putc(t, '\n');
    }
    pk_ctl_text_puts(t, "| response time | ");
    for (unsigned i = 0; i < 3; i++) {
        pk_ctl_md_blank(t, "");
        pk_ctl_text_puts(t, " | ");
    }
    pk_ctl_text_puts(t, "\n\nBefore: newest sample up to the detection. After: first sample from the "
                        "resolution on. Percentages as the agent measured them.\n");
}

/* ---- appendices ---- */

static void put_events(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    static const char *const PATHS[] = {"time", "severity", "source", "type", "value", "message"};
    struct pk_ctl_walk walk;
    struct pk_ctl_value event;
    uint32_t n = 0;
    pk_ctl_text_puts(t, "\n### A. Events\n\nOf the affected components, newest first, as far as the agent's "
                        "memory reaches.\n\n");
    pk_ctl_walk_init(&walk, pk_ctl_text_str(&p->k->events));
    while (pk_ctl_walk_next(&walk, &event)) {
        if (n++ >= EVENTS_SHOWN) {
            continue;
        }
        pk_ctl_text_puts(t, n == 1 ? "| Time | Severity | Source | Type | Value | Message "
                                     "|\n|---|---|---|---|---|---|\n"
                                   : "");
        for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
            const struct pk_ctl_value v = pk_ctl_member(event.json, PATHS[i]);
            pk_ctl_text_puts(t, "| ");
            if (pk_ctl_md_is_given(v)) {
                pk_ctl_md_value(t, v);
            }
            pk_ctl_text_putc(t, ' ');
        }
        pk_ctl_text_puts(t, "|\n");
    }
    if (n == 0) {
        pk_ctl_md_unknown(t, "none is in the agent's memory any more");
        pk_ctl_text_putc(t, '\n');
    }
    if (n > EVENTS_SHOWN) {
        pk_ctl_text_puts(t, "\nand ");
        pk_ctl_text_put_u64(t, n - EVENTS_SHOWN);
        pk_ctl_text_puts(t, " older ones\n");
    }
    pk_ctl_text_puts(t, "\n### B. Logs and graphs\n\n");
    pk_ctl_pm_recorded(t, p);
    pk_ctl_text_putc(t, '\n');
    pk_ctl_md_blank(t, "graphs and further logs");
    pk_ctl_text_putc(t, '\n');
}

static void put_communication(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    static const char *const KINDS[] = {"acknowledged", "assigned", "note", "approval"};
    struct pk_ctl_walk walk;
    struct pk_ctl_value link;
    pk_ctl_text_puts(t, "\n### C. Communication log\n\n");
    put_entries(t, p, KINDS, sizeof KINDS / sizeof KINDS[0]);
    pk_ctl_text_putc(t, '\n');
    pk_ctl_walk_init(&walk, pk_ctl_member(pk_ctl_text_str(&p->k->status), "links").json);
    while (pk_ctl_walk_next(&walk, &link)) {
        pk_ctl_text_puts(t, "- Reported over the link ");
        pk_ctl_md_value_code(t, pk_ctl_member(link.json, "name"));
        pk_ctl_text_puts(t, ", which is now ");
        pk_ctl_md_value(t, pk_ctl_member(link.json, "state"));
        pk_ctl_text_putc(t, '\n');
    }
    pk_ctl_text_puts(t, "- ");
    pk_ctl_md_blank(t, "who was told, when and how");
    pk_ctl_text_putc(t, '\n');
}

static void put_related(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    static const char *const PATHS[] = {"incident_id", "title", "severity", "status", "detected_at"};
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    const char *heading = "| Incident | Title | Severity | Status | Detected |\n|---|---|---|---|---|\n";
    pk_ctl_text_puts(t,
                     "\n### D. Related incidents\n\nThose this gateway detected while it was open, or up to "
                     "ten minutes before.\n\n");
    pk_ctl_walk_init(&walk, pk_ctl_text_str(&p->k->others));
    while (pk_ctl_walk_next(&walk, &row)) {
        pk_ctl_text_puts(t, heading);
        heading = "";
        for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
            pk_ctl_text_puts(t, "| ");
            pk_ctl_md_value(t, pk_ctl_member(row.json, PATHS[i]));
            pk_ctl_text_putc(t, ' ');
        }
        pk_ctl_text_puts(t, "|\n");
    }
    pk_ctl_text_puts(t, heading[0] != '\0' ? "None.\n" : "");
}

static void put_sign_off(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    static const char *const ROLES[] = {"Incident owner", "Team lead", "Service owner"};
    pk_ctl_text_puts(t, "\n## Sign-off\n\n| Role | Name | Date | Approved |\n|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof ROLES / sizeof ROLES[0]; i++) {
        pk_ctl_text_puts(t, "| ");
        pk_ctl_text_puts(t, ROLES[i]);
        pk_ctl_text_puts(t, " | ");
        pk_ctl_md_blank(t, "");
        pk_ctl_text_puts(t, " | ");
        pk_ctl_md_blank(t, "");
        pk_ctl_text_puts(t, " | no |\n");
    }
    pk_ctl_text_putc(t, '\n');
    pk_ctl_pm_label(t, "Version");
    pk_ctl_text_puts(t, "draft, from revision ");
    pk_ctl_pm_put(t, p, "rev");
    pk_ctl_text_puts(t, " of the incident\n");
    pk_ctl_pm_label(t, "Last updated");
    pk_ctl_pm_put_time(t, p->now_ms);
    pk_ctl_text_puts(t, " by picketctl " PK_VERSION "\n");
}

void pk_ctl_pm_back(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    put_actions(t, p);
    put_lessons(t, p);
    put_items(t);
    put_metrics(t, p);
    pk_ctl_text_puts(t, "\n## Appendices\n");
    put_events(t, p);
    put_communication(t, p);
    put_related(t, p);
    put_sign_off(t, p);
}
