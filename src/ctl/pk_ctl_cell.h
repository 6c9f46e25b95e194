#ifndef PK_CTL_CELL_H
#define PK_CTL_CELL_H
/* One value of an answer as a person reads it. */
#include "ctl/pk_ctl_json.h"

enum pk_ctl_cell {
    PK_CTL_CELL_TEXT,
    PK_CTL_CELL_WORD,     /* upper-case */
    PK_CTL_CELL_SEVERITY, /* upper-case, coloured */
    PK_CTL_CELL_NUMBER,   /* flushed right */
    PK_CTL_CELL_BYTES,    /* 1.5M; flushed right */
    PK_CTL_CELL_SECONDS,  /* duration, "5m 2s" */
    PK_CTL_CELL_AGO,      /* seconds since, "5m ago" */
    PK_CTL_CELL_AGE,      /* RFC 3339, "5m ago"; takes the row's age_seconds where there is one */
    PK_CTL_CELL_CLOCK,    /* RFC 3339, "HH:MM:SSZ" */
    PK_CTL_CELL_INCIDENT, /* an incident's id in its short form, inc_00001: its number is unique on a gateway
                           */
    PK_CTL_CELL_LINES     /* text that keeps its line ends */
};

struct pk_ctl_look {
    int64_t now_ms; /* wall clock, for ages */
    bool has_colour;
};

bool pk_ctl_cell_is_right(enum pk_ctl_cell cell);
/* Appends the member `path` of `row`, harmless, without colour. */
void pk_ctl_put_cell(struct pk_ctl_text *t, enum pk_ctl_cell cell, struct pk_str row, const char *path,
                     const struct pk_ctl_look *look);
/* Escape sequence that starts the colour of a severity word, "" for none; PK_CTL_PLAIN ends it. */
const char *pk_ctl_severity_colour(struct pk_str word);
#define PK_CTL_PLAIN "\x1b[0m"
/* "HH:MM:SSZ", or "--:--:--Z" when there is no time. */
void pk_ctl_put_clock(struct pk_ctl_text *t, struct pk_ctl_value time);
#endif
