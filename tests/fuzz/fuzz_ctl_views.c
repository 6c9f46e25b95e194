/* An answer of a daemon that lost its mind, in every view and form. What is shown must be harmless on a
 * terminal. */
#include <stdlib.h>

#include "ctl/pk_ctl_views.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_harmless(const struct pk_ctl_text *t) {
    size_t at = 0;
    while (at < t->n) {
        if (pk_ctl_text_hostile(t->p + at, t->n - at) > 0 && t->p[at] != '\n') {
            abort();
        }
        const uint32_t n = pk_utf8_len(t->p + at, t->n - at);
        at += n > 0 ? n : 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct pk_ctl_view *const VIEWS[] = {
        &PK_CTL_VIEW_status,    &PK_CTL_VIEW_incidents, &PK_CTL_VIEW_incident, &PK_CTL_VIEW_timeline,
        &PK_CTL_VIEW_stats,     &PK_CTL_VIEW_events,    &PK_CTL_VIEW_rules,    &PK_CTL_VIEW_rule,
        &PK_CTL_VIEW_explain,   &PK_CTL_VIEW_actions,   &PK_CTL_VIEW_sent,     &PK_CTL_VIEW_memory,
        &PK_CTL_VIEW_approvals, &PK_CTL_VIEW_doctor,    &PK_CTL_VIEW_changed,
    };
    const struct pk_ctl_look look = {.now_ms = 1767226200000, .has_colour = false};
    const struct pk_str result = pk_str_make((const char *)data, size);
    if (size == 0 || size > 4096) {
        return 0;
    }
    for (size_t i = 0; i < sizeof VIEWS / sizeof VIEWS[0]; i++) {
        struct pk_ctl_text t = {0};
        pk_ctl_view_table(&t, VIEWS[i], result, &look);
        pk_ctl_view_csv(&t, VIEWS[i], result);
        pk_ctl_view_ndjson(&t, VIEWS[i], result);
        check_harmless(&t);
        pk_ctl_text_free(&t);
    }
    return 0;
}
