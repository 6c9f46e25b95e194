#include "ctl/pk_ctl_lines.h"

#include <string.h>

#include "base/pk_assert.h"
#include "ctl/pk_ctl_table.h"

enum { LABEL_WIDTH = 14, PATH_BYTES = 64 };

static enum pk_ctl_cell cell_of(struct pk_str word) {
    static const struct {
        const char *word;
        enum pk_ctl_cell cell;
    } ROWS[] = {
        {"", PK_CTL_CELL_TEXT},       {"upper", PK_CTL_CELL_WORD},      {"severity", PK_CTL_CELL_SEVERITY},
        {"bytes", PK_CTL_CELL_BYTES}, {"seconds", PK_CTL_CELL_SECONDS}, {"ago", PK_CTL_CELL_AGO},
        {"age", PK_CTL_CELL_AGE},     {"clock", PK_CTL_CELL_CLOCK},     {"lines", PK_CTL_CELL_LINES},
    };
    for (uint32_t i = 0; i < PK_COUNT_OF(ROWS); i++) {
        if (pk_str_eq_c(word, ROWS[i].word)) {
            return ROWS[i].cell;
        }
    }
    PK_ASSERT(false);
    return PK_CTL_CELL_TEXT;
}

static void put_place(struct pk_ctl_text *t, struct pk_str place, struct pk_str object,
                      const struct pk_ctl_look *look) {
    char path[PATH_BYTES];
    struct pk_str rest = place, name = place;
    (void)pk_str_split(&rest, ':', &name);
    const int n = pk_str_copy(name, path, sizeof path);
    PK_ASSERT(n >= 0);
    const enum pk_ctl_cell cell = cell_of(rest);
    const char *colour = cell == PK_CTL_CELL_SEVERITY && look->has_colour
                             ? pk_ctl_severity_colour(pk_ctl_word(pk_ctl_member(object, path)))
                             : "";
    pk_ctl_text_puts(t, colour);
    pk_ctl_put_cell(t, cell, object, path, look);
    pk_ctl_text_puts(t, colour[0] != '\0' ? PK_CTL_PLAIN : "");
}

void pk_ctl_put_template(struct pk_ctl_text *t, const char *text, struct pk_str object,
                         const struct pk_ctl_look *look) {
    const char *at = text;
    for (;;) {
        const char *open = strchr(at, '{');
        const char *close = open != NULL ? strchr(open, '}') : NULL;
        if (close == NULL) {
            pk_ctl_text_puts(t, at);
            return;
        }
        pk_ctl_text_put(t, at, (size_t)(open - at));
        put_place(t, pk_str_make(open + 1, (size_t)(close - open) - 1), object, look);
        at = close + 1;
    }
}

static bool is_said(struct pk_str object, const char *when) {
    const struct pk_ctl_value v =
        when != NULL ? pk_ctl_member(object, when) : (struct pk_ctl_value){.kind = PK_JSON_TRUE};
    return v.kind != PK_JSON_END && v.kind != PK_JSON_NULL && v.kind != PK_JSON_FALSE &&
           !pk_str_eq_c(v.json, "0") && !pk_str_eq_c(v.json, "\"\"") && !pk_str_eq_c(v.json, "[]");
}

/* False: there was nothing to say. */
static bool put_line(struct pk_ctl_text *t, const struct pk_ctl_line *line, const char *label,
                     struct pk_str object, const struct pk_ctl_look *look) {
    if (!is_said(object, line->when)) {
        return false;
    }
    if (line->label[0] != '\0') {
        const size_t n = strlen(label);
        pk_ctl_text_puts(t, label);
        pk_ctl_text_fill(t, ' ', n < LABEL_WIDTH ? LABEL_WIDTH - n : 1);
    }
    pk_ctl_put_template(t, line->text, object, look);
    pk_ctl_text_putc(t, '\n');
    return true;
}

void pk_ctl_put_lines(struct pk_ctl_text *t, const struct pk_ctl_line *lines, uint32_t line_count,
                      struct pk_str object, const struct pk_ctl_look *look) {
    for (uint32_t i = 0; i < line_count; i++) {
        if (lines[i].list == NULL) {
            (void)put_line(t, &lines[i], lines[i].label, object, look);
            continue;
        }
        struct pk_ctl_walk walk;
        struct pk_ctl_value item;
        const char *label = lines[i].label;
        pk_ctl_walk_init(&walk, pk_ctl_member(object, lines[i].list).json);
        while (pk_ctl_walk_next(&walk, &item)) {
            label = put_line(t, &lines[i], label, item.json, look) ? "" : label;
        }
    }
}

static void put_member(struct pk_ctl_text *t, struct pk_str outer, struct pk_ctl_value v, bool is_csv) {
    const size_t from = t->n;
    pk_ctl_text_put_safe(t, outer, false);
    pk_ctl_text_puts(t, outer.n > 0 ? "." : "");
    pk_ctl_text_put_safe(t, v.key, false);
    if (is_csv) {
        pk_ctl_text_putc(t, ',');
        pk_ctl_put_csv_field(t, v);
    } else {
        const size_t n = t->n - from;
        pk_ctl_text_fill(t, ' ', n < LABEL_WIDTH ? LABEL_WIDTH - n : 1);
        pk_ctl_put_value(t, v, false);
    }
    pk_ctl_text_putc(t, '\n');
}

static void put_members(struct pk_ctl_text *t, struct pk_str object, bool is_csv) {
    struct pk_ctl_walk walk, inner;
    struct pk_ctl_value v, member;
    pk_ctl_walk_init(&walk, object);
    while (pk_ctl_walk_next(&walk, &v)) {
        if (v.kind != PK_JSON_OBJECT) {
            put_member(t, pk_str_make(NULL, 0), v, is_csv);
            continue;
        }
        pk_ctl_walk_init(&inner, v.json);
        while (pk_ctl_walk_next(&inner, &member)) {
            put_member(t, v.key, member, is_csv);
        }
    }
}

void pk_ctl_put_members(struct pk_ctl_text *t, struct pk_str object) {
    put_members(t, object, false);
}

void pk_ctl_put_members_csv(struct pk_ctl_text *t, struct pk_str object) {
    pk_ctl_text_puts(t, "name,value\n");
    put_members(t, object, true);
}
