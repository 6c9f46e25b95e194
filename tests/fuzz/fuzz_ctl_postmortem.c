/* An incident, a timeline and events (one on a line) of a daemon that lost its mind, as both forms of a
 * post-mortem. The document is harmless on a terminal, and no foreign text opens a tag, a link or a code
 * block in it. */
#include <stdlib.h>
#include <string.h>

#include "ctl/pk_ctl_markdown.h"
#include "ctl/pk_ctl_pm.h"

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

/* Foreign text alone: what starts markup has its mark, and there is one line. */
static void check_text(struct pk_str s) {
    struct pk_ctl_text t = {0};
    pk_ctl_md_text(&t, s);
    for (size_t i = 0; i < t.n; i++) {
        const bool is_marked = i > 0 && t.p[i - 1] == '\\';
        const char next = i + 1 < t.n ? t.p[i + 1] : ' ';
        const bool is_obeyed = memchr("`*|~", t.p[i], 4) != NULL ||
                               (t.p[i] == ']' && memchr("([:", next, 3) != NULL) ||
                               (t.p[i] == '<' && next != ' ' && next != '=');
        if (t.p[i] == '\n' || (is_obeyed && !is_marked)) {
            abort();
        }
        i += t.p[i] == '\\' && i + 1 < t.n && t.p[i + 1] == '\\' ? 1 : 0;
    }
    pk_ctl_text_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pk_ctl_case k = {.is_timeline_cut = false};
    struct pk_ctl_text t = {0};
    struct pk_str rest = pk_str_make((const char *)data, size), line;
    struct pk_ctl_text *const parts[] = {&k.incident, &k.timeline, &k.events, &k.status,
                                         &k.rule,     &k.others,   &k.gauges, &k.capsule};
    if (size == 0 || size > 8192) {
        return 0;
    }
    check_text(rest);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && pk_str_split(&rest, '\n', &line); i++) {
        pk_ctl_text_put_str(parts[i], line);
    }
    pk_ctl_pm_write(&t, &k, PK_CTL_PM_SHORT, 1767226200000);
    pk_ctl_pm_write(&t, &k, PK_CTL_PM_LONG, 1767226200000);
    check_harmless(&t);
    pk_ctl_text_free(&t);
    pk_ctl_case_free(&k);
    return 0;
}
