#include "ctl/pk_ctl_table.h"

#include <string.h>

#include "base/pk_assert.h"

struct layout {
    const struct pk_ctl_column *columns[PK_CTL_COLUMNS_MAX];
    uint32_t widths[PK_CTL_COLUMNS_MAX];
    uint32_t count;
};

static bool any_row_has(struct pk_str rows, const char *path) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    pk_ctl_walk_init(&walk, rows);
    while (pk_ctl_walk_next(&walk, &row)) {
        if (pk_ctl_member(row.json, path).kind != PK_JSON_END) {
            return true;
        }
    }
    return false;
}

static void lay_out(struct layout *l, const struct pk_ctl_column *columns, uint32_t column_count,
                    struct pk_str rows, const struct pk_ctl_look *look) {
    l->count = 0;
    for (uint32_t i = 0; i < column_count; i++) {
        if (columns[i].title == NULL || (columns[i].is_optional && !any_row_has(rows, columns[i].path))) {
            continue;
        }
        PK_ASSERT(l->count < PK_CTL_COLUMNS_MAX);
        uint32_t width = (uint32_t)strlen(columns[i].title);
        struct pk_ctl_walk walk;
        struct pk_ctl_value row;
        struct pk_ctl_text cell = {0};
        pk_ctl_walk_init(&walk, rows);
        while (pk_ctl_walk_next(&walk, &row)) {
            cell.n = 0;
            pk_ctl_put_cell(&cell, columns[i].cell, row.json, columns[i].path, look);
            const uint32_t n = pk_ctl_text_columns(pk_ctl_text_str(&cell));
            width = n > width ? n : width;
        }
        pk_ctl_text_free(&cell);
        l->columns[l->count] = &columns[i];
        l->widths[l->count] = width < PK_CTL_COLUMN_WIDTH_MAX ? width : PK_CTL_COLUMN_WIDTH_MAX;
        l->count++;
    }
}

/* The first `columns` characters of s. */
static struct pk_str cut(struct pk_str s, uint32_t columns) {
    uint32_t seen = 0, at = 0;
    while (at < s.n && seen < columns) {
        const uint32_t n = pk_utf8_len(s.p + at, s.n - at);
        at += n > 0 ? n : 1;
        seen++;
    }
    return pk_str_make(s.p, at);
}

static void put_padded(struct pk_ctl_text *t, struct pk_str text, uint32_t width, bool is_right, bool is_last,
                       const char *colour) {
    uint32_t n = pk_ctl_text_columns(text);
    const bool is_cut = n > width && !is_last;
    const struct pk_str shown = is_cut ? cut(text, width - 1) : text;
    n = is_cut ? width : n;
    pk_ctl_text_fill(t, ' ', is_right && n < width ? width - n : 0);
    pk_ctl_text_puts(t, colour);
    pk_ctl_text_put_str(t, shown);
    pk_ctl_text_puts(t, is_cut ? "~" : "");
    pk_ctl_text_puts(t, colour[0] != '\0' ? PK_CTL_PLAIN : "");
    if (!is_last) {
        pk_ctl_text_fill(t, ' ', (is_right || n >= width ? 0 : width - n) + 2);
    }
}

static void put_row(struct pk_ctl_text *t, const struct layout *l, struct pk_str row,
                    const struct pk_ctl_look *look) {
    struct pk_ctl_text cell = {0};
    for (uint32_t i = 0; i < l->count; i++) {
        const struct pk_ctl_column *c = l->columns[i];
        cell.n = 0;
        pk_ctl_put_cell(&cell, c->cell, row, c->path, look);
        const bool is_coloured = look->has_colour && c->cell == PK_CTL_CELL_SEVERITY;
        const struct pk_str text = pk_ctl_text_str(&cell);
        put_padded(t, text, l->widths[i], pk_ctl_cell_is_right(c->cell), i + 1 == l->count,
                   is_coloured ? pk_ctl_severity_colour(text) : "");
    }
    pk_ctl_text_free(&cell);
    pk_ctl_text_putc(t, '\n');
}

void pk_ctl_put_table(struct pk_ctl_text *t, const struct pk_ctl_column *columns, uint32_t column_count,
                      struct pk_str rows, const char *empty, const struct pk_ctl_look *look) {
    struct layout l;
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    pk_ctl_walk_init(&walk, rows);
    if (!pk_ctl_walk_next(&walk, &row)) {
        pk_ctl_text_puts(t, empty);
        pk_ctl_text_putc(t, '\n');
        return;
    }
    lay_out(&l, columns, column_count, rows, look);
    for (uint32_t i = 0; i < l.count; i++) {
        put_padded(t, pk_str_of(l.columns[i]->title), l.widths[i], pk_ctl_cell_is_right(l.columns[i]->cell),
                   i + 1 == l.count, "");
    }
    pk_ctl_text_putc(t, '\n');
    pk_ctl_walk_init(&walk, rows);
    while (pk_ctl_walk_next(&walk, &row)) {
        put_row(t, &l, row.json, look);
    }
}

void pk_ctl_put_csv_field(struct pk_ctl_text *t, struct pk_ctl_value v) {
    struct pk_ctl_text plain = {0};
    if (v.kind == PK_JSON_NULL || v.kind == PK_JSON_END) {
        return;
    }
    if (v.kind == PK_JSON_TRUE || v.kind == PK_JSON_FALSE || v.kind == PK_JSON_OBJECT) {
        pk_ctl_text_put_json(&plain, v.json);
    } else {
        pk_ctl_put_value(&plain, v, true);
    }
    const struct pk_str s = pk_ctl_text_str(&plain);
    bool needs_quotes = false;
    for (uint32_t i = 0; i < s.n; i++) {
        needs_quotes = needs_quotes || s.p[i] == '"' || s.p[i] == ',' || s.p[i] == '\n';
    }
    pk_ctl_text_puts(t, needs_quotes ? "\"" : "");
    for (uint32_t i = 0; i < s.n; i++) {
        pk_ctl_text_puts(t, s.p[i] == '"' ? "\"" : "");
        pk_ctl_text_putc(t, s.p[i]);
    }
    pk_ctl_text_puts(t, needs_quotes ? "\"" : "");
    pk_ctl_text_free(&plain);
}

void pk_ctl_put_csv(struct pk_ctl_text *t, const struct pk_ctl_column *columns, uint32_t column_count,
                    struct pk_str rows) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value row;
    for (uint32_t i = 0; i < column_count; i++) {
        pk_ctl_text_puts(t, i > 0 ? "," : "");
        pk_ctl_text_puts(t, columns[i].path);
    }
    pk_ctl_text_putc(t, '\n');
    pk_ctl_walk_init(&walk, rows);
    while (pk_ctl_walk_next(&walk, &row)) {
        for (uint32_t i = 0; i < column_count; i++) {
            pk_ctl_text_puts(t, i > 0 ? "," : "");
            pk_ctl_put_csv_field(t, pk_ctl_member(row.json, columns[i].path));
        }
        pk_ctl_text_putc(t, '\n');
    }
}
