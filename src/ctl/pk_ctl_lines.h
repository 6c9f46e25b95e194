#ifndef PK_CTL_LINES_H
#define PK_CTL_LINES_H
/* Single objects for people: lines with places in them.
 *
 * "{path}" is a member's value, "{path:upper}" in upper-case, ":severity" the same in colour, ":bytes",
 * ":seconds",
 * ":ago", ":age", ":clock", ":lines" as the cells of that name. */
#include "ctl/pk_ctl_cell.h"

struct pk_ctl_line {
    const char *label; /* in front; "" for none, " " for the room of one */
    const char *list;  /* path of an array of which each object makes a line; NULL: the object itself */
    const char
        *when; /* path: the line is left out when it is not there, null, false, 0, "" or []; NULL: always */
    const char *text;
};

void pk_ctl_put_lines(struct pk_ctl_text *t, const struct pk_ctl_line *lines, uint32_t line_count,
                      struct pk_str object, const struct pk_ctl_look *look);
/* One text with its places filled, without a line end. */
void pk_ctl_put_template(struct pk_ctl_text *t, const char *text, struct pk_str object,
                         const struct pk_ctl_look *look);
/* Members of an object as "name  value" lines; objects inside as "name.member". */
void pk_ctl_put_members(struct pk_ctl_text *t, struct pk_str object);
/* The same as CSV: heading "name,value". */
void pk_ctl_put_members_csv(struct pk_ctl_text *t, struct pk_str object);
#endif
