/* `doctor`: what is wrong and what to do about it. Exit 1 when something is in error, so that a script can
 * ask. */
#include "ctl/pk_ctl_call.h"
#include "ctl/pk_ctl_findings.h"
#include "ctl/pk_ctl_handlers.h"

/* What the agent says of itself. */
static int take_agent(struct pk_ctl *c, struct pk_ctl_findings *f) {
    struct pk_str result;
    struct pk_ctl_walk walk;
    struct pk_ctl_value finding;
    const int exit_code = pk_ctl_ask_or_fail(c, PK_CMD_DOCTOR, pk_str_of("{}"), &result);
    pk_ctl_walk_init(&walk, pk_ctl_member(result, "findings").json);
    while (exit_code == 0 && pk_ctl_walk_next(&walk, &finding)) {
        pk_ctl_findings_take(f, finding.json);
    }
    return exit_code;
}

int pk_ctl_do_doctor(struct pk_ctl *c) {
    struct pk_ctl_findings f;
    pk_ctl_findings_begin(&f);
    int exit_code = take_agent(c, &f);
    if (exit_code == 0) {
        exit_code = pk_ctl_doctor_rules(c, &f);
    }
    if (exit_code == 0) {
        exit_code = pk_ctl_doctor_reports(c, &f);
    }
    if (exit_code == 0) {
        exit_code = pk_ctl_doctor_files(c, &f);
    }
    if (exit_code == 0) {
        pk_ctl_text_puts(&f.json, "]}");
        pk_ctl_show(c, c->command->view, pk_ctl_text_str(&f.json));
        exit_code = f.has_error ? 1 : 0;
    }
    pk_ctl_findings_free(&f);
    return exit_code;
}
