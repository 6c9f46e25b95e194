#ifndef PK_CTL_BECAUSE_H
#define PK_CTL_BECAUSE_H
/* An explanation that grows line by line: {"subject":..., "because":[{"about":...,"text":...}]}. */
#include "ctl/pk_ctl.h"

struct pk_ctl_because {
    struct pk_ctl_text json; /* open */
    struct pk_ctl_text text; /* of the line that is being written: foreign text as it comes */
    uint32_t count;
};
void pk_ctl_because_begin(struct pk_ctl_because *b, struct pk_str subject);
/* One line: begin, put into b->text, end. A line without text is left out. */
void pk_ctl_because_end_line(struct pk_ctl_because *b, const char *about);
void pk_ctl_because_say(struct pk_ctl_because *b, const char *about, const char *words);
/* "words" with the places of a template filled from a row (ctl/pk_ctl_lines.h). */
void pk_ctl_because_fill(struct pk_ctl_because *b, const char *about, const char *words, struct pk_str row,
                         const struct pk_ctl_look *look);
/* Closes it, shows it, frees it. */
void pk_ctl_because_show(struct pk_ctl *c, struct pk_ctl_because *b);
void pk_ctl_because_free(struct pk_ctl_because *b);
#endif
