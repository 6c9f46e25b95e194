#ifndef PK_CTL_MARKDOWN_H
#define PK_CTL_MARKDOWN_H
/* Markdown (CommonMark with GitHub's tables) around foreign text: whatever an event, a title or a note holds,
 * it stays the text it is and neither markup, link nor row. */
#include "ctl/pk_ctl_json.h"

/* Text on one line, what Markdown obeys behind a backslash, hostile characters as in pk_ctl_text_put_safe.
 * Good anywhere in a line and in a table cell. */
void pk_ctl_md_text(struct pk_ctl_text *t, struct pk_str s);
/* `code`, for ids and words of our own. A backtick in it becomes an apostrophe, a bar a slash. Empty:
 * nothing. */
void pk_ctl_md_code(struct pk_ctl_text *t, struct pk_str s);
/* The member `path` for people: numbers as they stand, arrays of scalars joined by ", ", and as text or as
 * code. */
void pk_ctl_md_value(struct pk_ctl_text *t, struct pk_ctl_value v);
void pk_ctl_md_value_code(struct pk_ctl_text *t, struct pk_ctl_value v);
/* A blank that a person fills in, and one that nobody on this gateway knows: marked, so that it cannot be
 * overlooked. */
void pk_ctl_md_blank(struct pk_ctl_text *t, const char *what);
void pk_ctl_md_unknown(struct pk_ctl_text *t, const char *why);
/* Whether there is something to show: not null, not missing, not "" and not []. */
bool pk_ctl_md_is_given(struct pk_ctl_value v);
#endif
