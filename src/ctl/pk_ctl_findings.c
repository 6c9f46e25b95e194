#include "ctl/pk_ctl_findings.h"

#include "ctl/pk_ctl_json.h"

void pk_ctl_findings_begin(struct pk_ctl_findings *f) {
    *f = (struct pk_ctl_findings){.has_error = false};
    pk_ctl_text_puts(&f->json, "{\"findings\":[");
}

void pk_ctl_findings_free(struct pk_ctl_findings *f) {
    pk_ctl_text_free(&f->json);
}

static void separate(struct pk_ctl_findings *f) {
    pk_ctl_text_puts(&f->json, f->json.n > 0 && f->json.p[f->json.n - 1] == '}' ? "," : "");
}

void pk_ctl_findings_add(struct pk_ctl_findings *f, const char *check, enum pk_ctl_verdict verdict,
                         struct pk_str what, const char *cure) {
    static const char *const WORDS[] = {
        [PK_CTL_FINE] = "ok", [PK_CTL_WARNING] = "warning", [PK_CTL_ERROR] = "error"};
    separate(f);
    pk_ctl_text_puts(&f->json, "{\"check\":");
    pk_ctl_text_put_quoted(&f->json, pk_str_of(check));
    pk_ctl_text_puts(&f->json, ",\"verdict\":\"");
    pk_ctl_text_puts(&f->json, WORDS[verdict]);
    pk_ctl_text_puts(&f->json, "\",\"what\":");
    pk_ctl_text_put_quoted(&f->json, what);
    pk_ctl_text_puts(&f->json, ",\"cure\":");
    pk_ctl_text_put_quoted(&f->json, pk_str_of(cure));
    pk_ctl_text_putc(&f->json, '}');
    f->has_error = f->has_error || verdict == PK_CTL_ERROR;
}

void pk_ctl_findings_say(struct pk_ctl_findings *f, const char *check, enum pk_ctl_verdict verdict,
                         const char *what, const char *cure) {
    pk_ctl_findings_add(f, check, verdict, pk_str_of(what), cure);
}

void pk_ctl_findings_take(struct pk_ctl_findings *f, struct pk_str json) {
    if (json.n == 0 || json.p[0] != '{') {
        return;
    }
    separate(f);
    pk_ctl_text_put_str(&f->json, json);
    f->has_error = f->has_error || pk_str_eq_c(pk_ctl_word(pk_ctl_member(json, "verdict")), "error");
}
