#ifndef PK_CTL_FINDINGS_H
#define PK_CTL_FINDINGS_H
/* Findings of `doctor` that grow one by one, in the form the agent answers in. */
#include "ctl/pk_ctl.h"

enum pk_ctl_verdict { PK_CTL_FINE, PK_CTL_WARNING, PK_CTL_ERROR };

struct pk_ctl_findings {
    struct pk_ctl_text json; /* {"findings":[..., open */
    bool has_error;
};
void pk_ctl_findings_begin(struct pk_ctl_findings *f);
/* `cure` is left empty when all is well. */
void pk_ctl_findings_add(struct pk_ctl_findings *f, const char *check, enum pk_ctl_verdict verdict,
                         struct pk_str what, const char *cure);
void pk_ctl_findings_say(struct pk_ctl_findings *f, const char *check, enum pk_ctl_verdict verdict,
                         const char *what, const char *cure);
/* A finding as the agent wrote it. */
void pk_ctl_findings_take(struct pk_ctl_findings *f, struct pk_str json);
void pk_ctl_findings_free(struct pk_ctl_findings *f);

/* ---- the checks; exit code of a question that failed, which was said ---- */

/* S0-83, S0-84: rules that cannot find, actions that cannot run. (pk_ctl_doctor_rules.c) */
int pk_ctl_doctor_rules(struct pk_ctl *c, struct pk_ctl_findings *f);
/* S0-85: whether what happens is told to anybody. (pk_ctl_doctor_reports.c) */
int pk_ctl_doctor_reports(struct pk_ctl *c, struct pk_ctl_findings *f);
/* S2-47: permissions, disk space, folders, sources. (pk_ctl_doctor_files.c) */
int pk_ctl_doctor_files(struct pk_ctl *c, struct pk_ctl_findings *f);
#endif
