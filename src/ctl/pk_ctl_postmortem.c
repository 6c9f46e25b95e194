/* `incidents postmortem`: Markdown on standard output or into a file. */
#include <string.h>

#include "ctl/pk_ctl_handlers.h"
#include "ctl/pk_ctl_pm.h"

void pk_ctl_pm_write(struct pk_ctl_text *t, const struct pk_ctl_case *k, enum pk_ctl_pm_form form,
                     int64_t now_ms) {
    struct pk_ctl_pm p = {.k = k, .now_ms = now_ms};
    pk_ctl_figures_count(&p.figures, k, now_ms);
    switch (form) {
    case PK_CTL_PM_SHORT:
        pk_ctl_pm_short(t, &p);
        return;
    case PK_CTL_PM_LONG:
        pk_ctl_pm_long(t, &p);
        return;
    }
}

static int take_form(struct pk_ctl *c, enum pk_ctl_pm_form *out) {
    const char *word = pk_ctl_args_text(&c->args, "form");
    *out = PK_CTL_PM_SHORT;
    if (word != NULL && strcmp(word, "long") == 0) {
        *out = PK_CTL_PM_LONG;
    } else if (word != NULL && strcmp(word, "short") != 0) {
        return pk_ctl_fail(c, PK_E_USAGE, "--form is short or long, not '{}'", pk_str_of(word));
    }
    return 0;
}

int pk_ctl_do_postmortem(struct pk_ctl *c) {
    struct pk_ctl_case k;
    struct pk_ctl_text text = {0};
    enum pk_ctl_pm_form form = PK_CTL_PM_SHORT;
    const char *path = pk_ctl_args_text(&c->args, "output");
    int exit_code = take_form(c, &form);
    if (exit_code != 0) {
        return exit_code;
    }
    exit_code = pk_ctl_case_open(c, &k, pk_ctl_args_text(&c->args, "id"));
    if (exit_code == 0) {
        pk_ctl_pm_write(&text, &k, form, c->look.now_ms);
    }
    if (exit_code == 0 && path != NULL && strcmp(path, "-") != 0 && !c->is_dry_run) {
        exit_code = pk_ctl_write_file(c, path, &text);
    } else if (exit_code == 0) {
        pk_ctl_text_put_str(&c->out, pk_ctl_text_str(&text));
    }
    pk_ctl_text_free(&text);
    pk_ctl_case_free(&k);
    return exit_code;
}
