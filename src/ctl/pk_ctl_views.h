#ifndef PK_CTL_VIEWS_H
#define PK_CTL_VIEWS_H
/* How each answer is shown. Constant data: the paths are those of the daemon's answers. */
#include "ctl/pk_ctl_lines.h"
#include "ctl/pk_ctl_table.h"

struct pk_ctl_view {
    const char *list; /* the array that is the answer, NULL: the answer is one object */
    const struct pk_ctl_column *columns;
    uint32_t column_count;
    const char *empty; /* said instead of a table without rows */
    /* One object, or what follows the table. */
    const struct pk_ctl_line *lines;
    uint32_t line_count;
};

extern const struct pk_ctl_view PK_CTL_VIEW_status, PK_CTL_VIEW_incidents, PK_CTL_VIEW_incident,
    PK_CTL_VIEW_timeline, PK_CTL_VIEW_stats, PK_CTL_VIEW_events, PK_CTL_VIEW_sources, PK_CTL_VIEW_recorded,
    PK_CTL_VIEW_source, PK_CTL_VIEW_maps, PK_CTL_VIEW_rules, PK_CTL_VIEW_rule, PK_CTL_VIEW_switched,
    PK_CTL_VIEW_explain, PK_CTL_VIEW_actions, PK_CTL_VIEW_approvals, PK_CTL_VIEW_memory, PK_CTL_VIEW_doctor,
    PK_CTL_VIEW_sent, PK_CTL_VIEW_reports, PK_CTL_VIEW_explained, PK_CTL_VIEW_silences, PK_CTL_VIEW_keys,
    PK_CTL_VIEW_states, PK_CTL_VIEW_words, PK_CTL_VIEW_standing, PK_CTL_VIEW_capsule, PK_CTL_VIEW_switches,
    PK_CTL_VIEW_maintenance;
/* No columns, no lines: the members as they come. */
extern const struct pk_ctl_view PK_CTL_VIEW_changed;

/* The whole answer in a form. */
void pk_ctl_view_table(struct pk_ctl_text *t, const struct pk_ctl_view *view, struct pk_str result,
                       const struct pk_ctl_look *look);
void pk_ctl_view_csv(struct pk_ctl_text *t, const struct pk_ctl_view *view, struct pk_str result);
/* {"v":1, and the members of the answer}, unless it has a v of its own. */
void pk_ctl_view_json(struct pk_ctl_text *t, struct pk_str result);
/* A line for each row of a list; else as pk_ctl_view_json. */
void pk_ctl_view_ndjson(struct pk_ctl_text *t, const struct pk_ctl_view *view, struct pk_str result);
#endif
