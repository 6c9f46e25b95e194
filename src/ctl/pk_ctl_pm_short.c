/* The short form, REQUIREMENTS S1-35. */
#include "ctl/pk_ctl_markdown.h"
#include "ctl/pk_ctl_pm.h"

static void put_impact(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    pk_ctl_pm_affected(t, p);
    pk_ctl_pm_label(t, "Duration");
    pk_ctl_pm_duration(t, p);
    pk_ctl_text_putc(t, '\n');
    pk_ctl_pm_label(t, "MTTD");
    pk_ctl_pm_metric(t, p, "mttd_seconds", "detected - first contributing event");
    pk_ctl_text_putc(t, '\n');
    pk_ctl_pm_label(t, "MTTR");
    pk_ctl_pm_metric(t, p, "mttr_seconds", "resolved - detected");
    pk_ctl_text_putc(t, '\n');
    pk_ctl_pm_label(t, "Users affected");
    pk_ctl_md_blank(t, "a gateway does not see users");
    pk_ctl_text_putc(t, '\n');
}

/* REQUIREMENTS S1-68 on each line. */
static void put_timeline(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value entry;
    bool is_any = false;
    pk_ctl_walk_init(&walk, pk_ctl_text_str(&p->k->timeline));
    while (pk_ctl_walk_next(&walk, &entry)) {
        is_any = true;
        pk_ctl_text_puts(t, "- ");
        pk_ctl_put_clock(t, pk_ctl_member(entry.json, "at"));
        pk_ctl_text_puts(t, " [");
        pk_ctl_pm_put_upper(t, entry.json, "severity");
        pk_ctl_text_puts(t, "] ");
        pk_ctl_md_value(t, pk_ctl_member(entry.json, "source"));
        pk_ctl_text_puts(t, ": ");
        pk_ctl_md_value(t, pk_ctl_member(entry.json, "message"));
        pk_ctl_text_putc(t, '\n');
    }
    if (!is_any) {
        pk_ctl_md_unknown(t, "the timeline is no longer in the agent's memory");
        pk_ctl_text_putc(t, '\n');
    }
    pk_ctl_text_puts(t, p->k->is_timeline_cut ? "- the rest did not fit into the agent's answer\n" : "");
}

void pk_ctl_pm_short(struct pk_ctl_text *t, const struct pk_ctl_pm *p) {
    pk_ctl_text_puts(t, "# Post-mortem: ");
    pk_ctl_pm_put(t, p, "title");
    pk_ctl_text_puts(t, "\n\nIncident ");
    pk_ctl_pm_put_code(t, p, "incident_id");
    pk_ctl_text_puts(t, "\n\n## Summary\n\n");
    pk_ctl_pm_summary(t, p);
    pk_ctl_text_puts(t, "\n## Impact\n\n");
    put_impact(t, p);
    pk_ctl_text_puts(t, "\n## Timeline\n\nTimes are UTC.\n\n");
    put_timeline(t, p);
    pk_ctl_text_puts(t, "\n### Recorded at the opening\n\n");
    pk_ctl_pm_recorded(t, p);
    pk_ctl_text_puts(t, "\n## Root cause\n\n");
    pk_ctl_pm_causes(t, p);
    pk_ctl_text_puts(t, "\n## Resolution\n\n");
    pk_ctl_pm_resolution(t, p);
    pk_ctl_text_puts(t, "\n## Actions\n\n");
    pk_ctl_pm_actions(t, p);
    pk_ctl_text_puts(t, "\n## Follow-ups\n\n");
    (void)pk_ctl_pm_follow_ups(t, p);
    pk_ctl_text_puts(t, "- [ ] ");
    pk_ctl_md_blank(t, "further follow-ups, each with an owner");
    pk_ctl_text_puts(t, "\n\n## Metrics\n\n");
    pk_ctl_pm_metrics(t, p);
    pk_ctl_text_puts(t, "\nGenerated at ");
    pk_ctl_pm_put_time(t, p->now_ms);
    pk_ctl_text_puts(t, " by picketctl " PK_VERSION ".\n");
}
