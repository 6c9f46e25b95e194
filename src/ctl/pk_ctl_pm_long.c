/* The long form, REQUIREMENTS S1-76..85: from the header to the analysis. */
#include "ctl/pk_ctl_markdown.h"
#include "ctl/pk_ctl_pm.h"

static void put_header(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    static const char *const ROWS[][2] = {
        {"Date", "detected_at"}, {"Incident", "incident_id"}, {"Severity", "severity"},
        {"Status", "status"},    {"Type", "incident_type"},   {"Rule", "rule_id"},
    };
    pk_ctl_text_puts(t, "| | |\n|---|---|\n");
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        pk_ctl_text_puts(t, "| ");
        pk_ctl_text_puts(t, ROWS[i][0]);
        pk_ctl_text_puts(t, " | ");
        pk_ctl_pm_put(t, p, ROWS[i][1]);
        pk_ctl_text_puts(t, " |\n");
    }
    pk_ctl_text_puts(t, "| Assigned to | ");
    if (pk_ctl_md_is_given(pk_ctl_case_get(p->k, "assigned_to"))) {
        pk_ctl_pm_put(t, p, "assigned_to");
    } else {
        pk_ctl_text_puts(t, "nobody");
    }
    pk_ctl_text_puts(t, " |\n| Duration | ");
    pk_ctl_pm_duration(t, p);
    pk_ctl_text_puts(t, " |\n| MTTD | ");
    pk_ctl_pm_metric(t, p, "mttd_seconds", "detected - first contributing event");
    pk_ctl_text_puts(t, " |\n| MTTR | ");
    pk_ctl_pm_metric(t, p, "mttr_seconds", "resolved - detected");
    pk_ctl_text_puts(t, " |\n");
}

static void put_impact(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    pk_ctl_text_puts(t, "\n## Impact\n\n### Systems\n\n");
    pk_ctl_pm_affected(t, p);
    pk_ctl_pm_blank_section(t, "Users", "a gateway does not see users");
    pk_ctl_text_puts(t, "\n### Geography\n\nSite ");
    pk_ctl_pm_put_code(t, p, "site");
    pk_ctl_text_puts(t, ", gateway ");
    pk_ctl_pm_put_code(t, p, "gateway");
    pk_ctl_text_puts(t, ". ");
    pk_ctl_md_blank(t, "places and regions behind it");
    pk_ctl_text_putc(t, '\n');
    pk_ctl_pm_blank_section(t, "Business", "cost, missed commitments, reputation");
}

/* What an entry means for those who depend on it. */
static const char *impact_of(struct pk_str event) {
    static const struct {
        const char *event, *impact;
    } ROWS[] = {
        {"created", "begins"},          {"joined", "goes on"},
        {"severity", "changes"},        {"cleared", "over, as far as the rule sees"},
        {"flapping", "comes and goes"}, {"loss", "events are missing: may be larger than shown"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        if (pk_str_eq_c(event, ROWS[i].event)) {
            return ROWS[i].impact;
        }
    }
    return "-";
}

static void put_timeline(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value entry;
    pk_ctl_text_puts(t, "\n## Timeline\n\n| Time (UTC) | Severity | Source | What happened | Impact "
                        "|\n|---|---|---|---|---|\n");
    pk_ctl_walk_init(&walk, pk_ctl_text_str(&p->k->timeline));
    while (pk_ctl_walk_next(&walk, &entry)) {
        pk_ctl_text_puts(t, "| ");
        pk_ctl_md_value(t, pk_ctl_member(entry.json, "at"));
        pk_ctl_text_puts(t, " | ");
        pk_ctl_pm_put_upper(t, entry.json, "severity");
        pk_ctl_text_puts(t, " | ");
        pk_ctl_md_value(t, pk_ctl_member(entry.json, "source"));
        pk_ctl_text_puts(t, " | ");
        pk_ctl_md_value(t, pk_ctl_member(entry.json, "message"));
        pk_ctl_text_puts(t, " | ");
        pk_ctl_text_puts(t, impact_of(pk_ctl_word(pk_ctl_member(entry.json, "event"))));
        pk_ctl_text_puts(t, " |\n");
    }
    if (p->k->is_timeline_cut) {
        pk_ctl_text_puts(t, "\nThe rest did not fit into the agent's answer.\n");
    }
}

/* ---- analysis ---- */

static void put_tally(struct pk_ctl_text *t, const char *label, const struct pk_ctl_tally *tally) {
    pk_ctl_pm_label(t, label);
    if (tally->count == 0) {
        pk_ctl_md_unknown(t, "no error in the agent's memory any more");
    }
    for (uint32_t i = 0; i < tally->count; i++) {
        pk_ctl_text_puts(t, i > 0 ? ", " : "");
        pk_ctl_md_code(t, pk_str_of(tally->words[i]));
        pk_ctl_text_putc(t, ' ');
        pk_ctl_text_put_u64(t, tally->counts[i]);
    }
    if (tally->other_count > 0) {
        pk_ctl_text_puts(t, ", others ");
        pk_ctl_text_put_u64(t, tally->other_count);
    }
    pk_ctl_text_putc(t, '\n');
}

static void put_primary(struct pk_ctl_text *t, const char *label, const struct pk_ctl_tally *tally) {
    pk_ctl_pm_label(t, label);
    if (tally->count == 0) {
        pk_ctl_md_unknown(t, "");
    } else {
        pk_ctl_md_code(t, pk_ctl_tally_first(tally));
        pk_ctl_text_puts(t, " (counted most often)");
    }
    pk_ctl_text_putc(t, '\n');
}

static void put_what(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    static const char *const LINES[][2] = {
        {"on", "Looks at"}, {"when", "Opens when"}, {"clear", "Over when"}};
    struct pk_ctl_text rule = {0};
    pk_ctl_text_puts(t, "\n### What happened\n\n");
    pk_ctl_pm_put(t, p, "title");
    pk_ctl_text_puts(t, ": ");
    pk_ctl_pm_put(t, p, "description");
    pk_ctl_text_puts(t, "\n\nThe rule that found it, ");
    pk_ctl_pm_put_code(t, p, "rule_id");
    pk_ctl_text_puts(t, ":\n\n");
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++) {
        const struct pk_str line = pk_ctl_case_rule_line(p->k, LINES[i][0], &rule);
        pk_ctl_pm_label(t, LINES[i][1]);
        if (line.n > 0) {
            pk_ctl_md_code(t, line);
        } else {
            pk_ctl_md_unknown(t, "the rule is not loaded any more");
        }
        pk_ctl_text_putc(t, '\n');
    }
    pk_ctl_text_free(&rule);
}

static void put_others(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    pk_ctl_walk_init(&walk, pk_ctl_text_str(&p->k->others));
    while (pk_ctl_walk_next(&walk, &row)) {
        pk_ctl_text_puts(t, "- In the same time: ");
        pk_ctl_md_value(t, pk_ctl_member(row.json, "title"));
        pk_ctl_text_puts(t, " (");
        pk_ctl_md_value_code(t, pk_ctl_member(row.json, "incident_id"));
        pk_ctl_text_puts(t, ", detected ");
        pk_ctl_md_value(t, pk_ctl_member(row.json, "detected_at"));
        pk_ctl_text_puts(t, ")\n");
    }
}

static void put_analysis(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    pk_ctl_text_puts(t, "\n## Root cause analysis\n");
    put_what(t, p);
    pk_ctl_text_puts(t, "\n### Why it happened\n\n");
    pk_ctl_pm_causes(t, p);
    pk_ctl_text_puts(t, "\n### Errors\n\n");
    pk_ctl_pm_label(t, "Assessed at");
    pk_ctl_pm_put_time(t, p->now_ms);
    pk_ctl_text_putc(t, '\n');
    put_primary(t, "Primary error type", &p->figures.types);
    put_primary(t, "Primary source", &p->figures.sources);
    put_tally(t, "Errors by type", &p->figures.types);
    put_tally(t, "Errors by source", &p->figures.sources);
    pk_ctl_text_puts(t, "\n### Contributing factors\n\n");
    put_others(t, p);
    if (pk_ctl_is_true(pk_ctl_case_get(p->k, "flapping"))) {
        pk_ctl_text_puts(t, "- It came and went ");
        pk_ctl_pm_put(t, p, "metadata.flap_count");
        pk_ctl_text_puts(t, " times\n");
    }
    pk_ctl_text_puts(t, "- ");
    pk_ctl_md_blank(t, "deployments, changes, load, dependencies, people");
    pk_ctl_text_puts(t, "\n\n### Five whys\n\n");
    for (unsigned i = 1; i <= 5; i++) {
        pk_ctl_text_put_u64(t, i);
        pk_ctl_text_puts(t, ". Why? ");
        if (i == 1 && pk_ctl_md_is_given(pk_ctl_case_get(p->k, "root_cause"))) {
            pk_ctl_pm_put(t, p, "root_cause");
        } else {
            pk_ctl_md_blank(t, "");
        }
        pk_ctl_text_putc(t, '\n');
    }
}

void pk_ctl_pm_long(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    pk_ctl_text_puts(t, "# Post-mortem: ");
    pk_ctl_pm_put(t, p, "title");
    pk_ctl_text_puts(t, "\n\n");
    put_header(t, p);
    pk_ctl_text_puts(t, "\n## Executive summary\n\n");
    pk_ctl_pm_summary(t, p);
    put_impact(t, p);
    put_timeline(t, p);
    put_analysis(t, p);
    pk_ctl_pm_back(t, p);
}
