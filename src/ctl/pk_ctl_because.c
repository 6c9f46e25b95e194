#include "ctl/pk_ctl_because.h"

void pk_ctl_because_begin(struct pk_ctl_because *b, struct pk_str subject) {
    *b = (struct pk_ctl_because){.count = 0};
    pk_ctl_text_puts(&b->json, "{\"subject\":");
    pk_ctl_text_put_quoted(&b->json, subject);
    pk_ctl_text_puts(&b->json, ",\"because\":[");
}

void pk_ctl_because_end_line(struct pk_ctl_because *b, const char *about) {
    if (b->text.n == 0) {
        return;
    }
    pk_ctl_text_puts(&b->json, b->count++ > 0 ? "," : "");
    pk_ctl_text_puts(&b->json, "{\"about\":");
    pk_ctl_text_put_quoted(&b->json, pk_str_of(about));
    pk_ctl_text_puts(&b->json, ",\"text\":");
    pk_ctl_text_put_quoted(&b->json, pk_ctl_text_str(&b->text));
    pk_ctl_text_putc(&b->json, '}');
    b->text.n = 0;
}

void pk_ctl_because_say(struct pk_ctl_because *b, const char *about, const char *words) {
    pk_ctl_text_puts(&b->text, words);
    pk_ctl_because_end_line(b, about);
}

void pk_ctl_because_fill(struct pk_ctl_because *b, const char *about, const char *words, struct pk_str row,
                         const struct pk_ctl_look *look) {
    pk_ctl_put_template(&b->text, words, row, look);
    pk_ctl_because_end_line(b, about);
}

void pk_ctl_because_free(struct pk_ctl_because *b) {
    pk_ctl_text_free(&b->json);
    pk_ctl_text_free(&b->text);
}

void pk_ctl_because_show(struct pk_ctl *c, struct pk_ctl_because *b) {
    pk_ctl_text_puts(&b->json, "]}");
    pk_ctl_show(c, &PK_CTL_VIEW_explained, pk_ctl_text_str(&b->json));
    pk_ctl_because_free(b);
}
