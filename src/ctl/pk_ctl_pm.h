#ifndef PK_CTL_PM_H
#define PK_CTL_PM_H
/* Post-mortems in Markdown (REQUIREMENTS S1-35 short, S1-76..85 long): filled from what the device knows,
 * every number with its formula, what is left to people marked as a blank. */
#include "ctl/pk_ctl_figures.h"

enum pk_ctl_pm_form { PK_CTL_PM_SHORT, PK_CTL_PM_LONG };

struct pk_ctl_pm {
    const struct pk_ctl_case *k;
    struct pk_ctl_figures figures;
    int64_t now_ms;
};
/* The whole document, with a line end. */
void pk_ctl_pm_write(struct pk_ctl_text *t, const struct pk_ctl_case *k, enum pk_ctl_pm_form form,
                     int64_t now_ms);
void pk_ctl_pm_short(struct pk_ctl_text *t, const struct pk_ctl_pm *p);
void pk_ctl_pm_long(struct pk_ctl_text *t, const struct pk_ctl_pm *p);
/* Of the long form, from the actions to the sign-off (pk_ctl_pm_back.c). */
void pk_ctl_pm_back(struct pk_ctl_text *t, const struct pk_ctl_pm *p);

/* ---- parts of both forms (pk_ctl_pm_parts.c) ---- */

/* Value of a member as text or code; a blank that says it is not known when there is none. */
void pk_ctl_pm_put(struct pk_ctl_text *t, const struct pk_ctl_pm *p, const char *path);
void pk_ctl_pm_put_code(struct pk_ctl_text *t, const struct pk_ctl_pm *p, const char *path);
void pk_ctl_pm_put_upper(struct pk_ctl_text *t, struct pk_str row, const char *path);
void pk_ctl_pm_put_time(struct pk_ctl_text *t, int64_t at_ms);
/* "- **label:** " */
void pk_ctl_pm_label(struct pk_ctl_text *t, const char *label);
/* First event to resolution as a duration, or how long it has been going on. */
void pk_ctl_pm_duration(struct pk_ctl_text *t, const struct pk_ctl_pm *p);
/* "0.250 s (detected - first contributing event)", or that the moment has not come. */
void pk_ctl_pm_metric(struct pk_ctl_text *t, const struct pk_ctl_pm *p, const char *path,
                      const char *formula);
/* MTTD, MTTA, MTTR, events, peak error rate as a list. */
void pk_ctl_pm_metrics(struct pk_ctl_text *t, const struct pk_ctl_pm *p);
/* Affected components, how many more there were, and the number of events, as a list. */
void pk_ctl_pm_affected(struct pk_ctl_text *t, const struct pk_ctl_pm *p);
/* In sentences: what, where, when, how it ended. */
void pk_ctl_pm_summary(struct pk_ctl_text *t, const struct pk_ctl_pm *p);
/* Root cause, or the candidates with their confidence, or a blank. */
void pk_ctl_pm_causes(struct pk_ctl_text *t, const struct pk_ctl_pm *p);
/* How it ended and who ended it. */
void pk_ctl_pm_resolution(struct pk_ctl_text *t, const struct pk_ctl_pm *p);
/* Table: action, target, status, result, time. */
void pk_ctl_pm_actions(struct pk_ctl_text *t, const struct pk_ctl_pm *p);
/* Things the record itself suggests doing, as unticked boxes; how many there were. */
uint32_t pk_ctl_pm_follow_ups(struct pk_ctl_text *t, const struct pk_ctl_pm *p);
/* Processes, measurements, probes and log lines of the capsule, or that there is none (pk_ctl_pm_capsule.c).
 */
void pk_ctl_pm_recorded(struct pk_ctl_text *t, const struct pk_ctl_pm *p);
/* Timeline entry of this kind, or one of a status change to `word`: the last one. PK_JSON_END: none. */
struct pk_ctl_value pk_ctl_pm_last_entry(const struct pk_ctl_pm *p, const char *kind, const char *word);
/* A heading of level 3 with a blank below it. */
void pk_ctl_pm_blank_section(struct pk_ctl_text *t, const char *heading, const char *what);
/* Who acts under a timeline source. */
const char *pk_ctl_pm_owner(struct pk_str source);
#endif
