#ifndef PK_CTL_TABLE_H
#define PK_CTL_TABLE_H
/* Lists: rows of an answer as a table for people, or as CSV. */
#include "ctl/pk_ctl_cell.h"

struct pk_ctl_column {
    const char *title; /* NULL: in CSV only */
    const char *path;  /* member of the row; heading in CSV */
    enum pk_ctl_cell cell;
    bool is_optional; /* left out when no row has it */
};
enum { PK_CTL_COLUMNS_MAX = 16, PK_CTL_COLUMN_WIDTH_MAX = 60 };

/* `rows`: a JSON array of objects. No row: `empty` in a line of its own. The last column is never cut. */
void pk_ctl_put_table(struct pk_ctl_text *t, const struct pk_ctl_column *columns, uint32_t column_count,
                      struct pk_str rows, const char *empty, const struct pk_ctl_look *look);
/* RFC 4180 with a heading; values as in the JSON, strings without quotes, null as an empty field. */
void pk_ctl_put_csv(struct pk_ctl_text *t, const struct pk_ctl_column *columns, uint32_t column_count,
                    struct pk_str rows);
/* One field, quoted where needed. */
void pk_ctl_put_csv_field(struct pk_ctl_text *t, struct pk_ctl_value v);
#endif
