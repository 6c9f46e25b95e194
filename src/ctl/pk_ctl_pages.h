#ifndef PK_CTL_PAGES_H
#define PK_CTL_PAGES_H
/* Rows of incidents.list, or of another list, over as many answers as it takes. */
#include "ctl/pk_ctl_call.h"

enum { PK_CTL_PAGE_ROWS = 200, PK_CTL_PAGES_FILTER_BYTES = 512, PK_CTL_PAGES_ID_BYTES = 80 };

/* A list whose answers lead on: its rows are in the array `list`, and `before` takes the member `id` of one.
 */
struct pk_ctl_pages_of {
    enum pk_cmd cmd;
    const char *list, *id;
};

struct pk_ctl_pages {
    struct pk_ctl_pages_of of;
    char filter[PK_CTL_PAGES_FILTER_BYTES]; /* members of the arguments, with a comma behind each */
    char before[PK_CTL_PAGES_ID_BYTES];     /* last id handed out */
    struct pk_ctl_text page;                /* array */
    struct pk_ctl_walk walk;
    uint32_t rows; /* asked for at once */
    bool has_more, is_open;
    int exit_code; /* of the question that failed */
};
/* Incidents, unless p->of is set to something else before the first row. `filter`: JSON object of further
 * arguments, without limit and before; `before`: start behind this id, or NULL. */
void pk_ctl_pages_init(struct pk_ctl *c, struct pk_ctl_pages *p, struct pk_str filter, const char *before);
/* false at the end; then p->exit_code says whether it is one, and a failure was said. `row` holds until the
 * next call. */
bool pk_ctl_pages_next(struct pk_ctl *c, struct pk_ctl_pages *p, struct pk_str *out_row);
/* Whether there is another row, as far as the last answer says. */
bool pk_ctl_pages_has_more(const struct pk_ctl_pages *p);
void pk_ctl_pages_free(struct pk_ctl_pages *p);

/* --since of the command line. Exit code, a failure is said. */
int pk_ctl_take_since(struct pk_ctl *c, bool *out_has, uint64_t *out_ms);
/* Detected within the last so many milliseconds, by the agent's clock where it says the age. */
bool pk_ctl_row_is_recent(const struct pk_ctl *c, struct pk_str row, uint64_t since_ms);
#endif
