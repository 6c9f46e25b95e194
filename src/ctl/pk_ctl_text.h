#ifndef PK_CTL_TEXT_H
#define PK_CTL_TEXT_H
/* Output of picketctl: text that grows, and what makes foreign text harmless on a terminal. */
#include "base/pk_text.h"

struct pk_ctl_text {
    char *p; /* not terminated */
    size_t n, cap_bytes;
    bool is_cut; /* memory ran out: nothing more is added */
};
/* A zeroed struct is an empty text. Frees; the struct is empty again. */
void pk_ctl_text_free(struct pk_ctl_text *t);
void pk_ctl_text_put(struct pk_ctl_text *t, const char *p, size_t n);
void pk_ctl_text_puts(struct pk_ctl_text *t, const char *terminated);
void pk_ctl_text_put_str(struct pk_ctl_text *t, struct pk_str s);
void pk_ctl_text_putc(struct pk_ctl_text *t, char c);
void pk_ctl_text_put_u64(struct pk_ctl_text *t, uint64_t v);
void pk_ctl_text_fill(struct pk_ctl_text *t, char c, size_t count);
struct pk_str pk_ctl_text_str(const struct pk_ctl_text *t);

/* Characters that a terminal obeys instead of showing them: C0 and C1 controls, DEL, marks that reorder text,
 * line and paragraph separators, bytes that are not UTF-8. Length in bytes of the one at p, 0 = harmless. */
uint32_t pk_ctl_text_hostile(const char *p, size_t n);
/* Foreign text for people. Each hostile character becomes '?'; line ends and tabs become a space, or stay
 * when keep_lines (a tab becomes a space in both). */
void pk_ctl_text_put_safe(struct pk_ctl_text *t, struct pk_str s, bool keep_lines);
/* JSON as it stands, hostile characters inside its strings as \u escapes: the same document. */
void pk_ctl_text_put_json(struct pk_ctl_text *t, struct pk_str json);
/* A string of JSON with its quotes; bytes that are not UTF-8 become U+FFFD. */
void pk_ctl_text_put_quoted(struct pk_ctl_text *t, struct pk_str s);
/* Terminal columns: characters, without regard to wide ones. */
uint32_t pk_ctl_text_columns(struct pk_str s);
#endif
