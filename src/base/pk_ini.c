#include "base/pk_ini.h"

#include <string.h>

struct line {
    struct pk_str text; /* without the line break */
    struct pk_str body; /* without comment and outer white space */
    uint32_t next_byte; /* where the following line starts */
    bool is_indented;
    bool has_comment;
};

void pk_ini_init(struct pk_ini_reader *r, const char *p, uint32_t n) {
    static const char BYTE_ORDER_MARK[] = "\xEF\xBB\xBF";
    *r = (struct pk_ini_reader){.p = p, .n = n, .line = 1};
    if (pk_str_starts((struct pk_str){p, n}, BYTE_ORDER_MARK)) {
        r->at_byte = sizeof BYTE_ORDER_MARK - 1u;
    }
}

static int fail(struct pk_ini_reader *r, const char *error, uint32_t column) {
    r->error = error;
    r->error_line = r->line;
    r->error_column = column;
    return PK_E_CONFIG;
}

/* 1-based column of a place inside a line. */
static uint32_t column_of(const struct line *line, const char *at) {
    return (uint32_t)(at - line->text.p) + 1u;
}

/* Refuses bytes that are no text; finds where a comment starts (the line's length when there is none). */
static int scan_line(struct pk_ini_reader *r, struct pk_str text, uint32_t *out_body_bytes) {
    bool is_quoted = false;
    uint32_t quote_at = 0;
    for (uint32_t at = 0; at < text.n;) {
        const char c = text.p[at];
        const uint32_t len = pk_utf8_len(text.p + at, text.n - at);
        if (len == 0) {
            return fail(r, "not valid UTF-8", at + 1u);
        }
        if (((unsigned char)c < ' ' && c != '\t') || c == 0x7F) {
            return fail(r, "control character", at + 1u);
        }
        at += len;
        if (*out_body_bytes != text.n) {
            continue; /* inside the comment */
        }
        if (c == '"') {
            is_quoted = !is_quoted;
            quote_at = at;
        } else if (c == '\\' && is_quoted && at < text.n && (text.p[at] == '"' || text.p[at] == '\\')) {
            at++;
        } else if (c == '#' && !is_quoted && (at == 1u || pk_is_blank(text.p[at - 2u]))) {
            *out_body_bytes = at - 1u;
        }
    }
    return is_quoted ? fail(r, "quote is not closed on this line", quote_at) : PK_OK;
}

/* The line at at_byte, checked. The reader does not move. */
static int look_at_line(struct pk_ini_reader *r, struct line *out) {
    const char *start = r->p + r->at_byte;
    const uint32_t rest_bytes = r->n - r->at_byte;
    const char *line_feed = memchr(start, '\n', rest_bytes);
    uint32_t n = line_feed == NULL ? rest_bytes : (uint32_t)(line_feed - start);
    *out = (struct line){.next_byte = r->at_byte + n + (line_feed == NULL ? 0u : 1u)};
    if (n > 0 && line_feed != NULL && start[n - 1u] == '\r') {
        n--;
    }
    if (n > PK_INI_LINE_BYTES_MAX) {
        return fail(r, "line is too long", PK_INI_LINE_BYTES_MAX + 1u);
    }
    uint32_t body_bytes = n;
    out->text = (struct pk_str){start, n};
    if (scan_line(r, out->text, &body_bytes) < 0) {
        return PK_E_CONFIG;
    }
    out->is_indented = n > 0 && pk_is_blank(start[0]);
    out->has_comment = body_bytes < n;
    out->body = pk_str_trim((struct pk_str){start, body_bytes});
    return PK_OK;
}

static void leave_line(struct pk_ini_reader *r, const struct line *line) {
    r->at_byte = line->next_byte;
    r->line++;
}

/* [kind] or [kind name] */
static int read_section(struct pk_ini_reader *r, const struct line *line, struct pk_ini_item *out) {
    struct pk_str inner = line->body;
    if (inner.p[inner.n - 1u] != ']') {
        return fail(r, "section header does not end with ']'", column_of(line, inner.p + inner.n));
    }
    inner = pk_str_trim((struct pk_str){inner.p + 1, inner.n - 2u});
    struct pk_str kind = inner;
    for (uint32_t i = 0; i < inner.n; i++) {
        if (pk_is_blank(inner.p[i])) {
            kind.n = i;
            break;
        }
    }
    const struct pk_str name = pk_str_trim((struct pk_str){kind.p + kind.n, inner.n - kind.n});
    if (!pk_text_is_id(kind, NULL, PK_INI_LINE_BYTES_MAX)) {
        return fail(r, "section header needs a kind of letters, digits, '_' or '-'",
                    column_of(line, inner.p));
    }
    for (uint32_t i = 0; i < name.n; i++) {
        if (pk_is_blank(name.p[i]) || name.p[i] == '[' || name.p[i] == ']') {
            return fail(r, "section name is more than one word", column_of(line, name.p + i));
        }
    }
    r->section_kind = kind;
    r->section_name = name;
    out->kind = PK_INI_SECTION;
    out->section_kind = kind;
    out->section_name = name;
    leave_line(r, line);
    return PK_OK;
}

/* Adds the lines that continue the value. */
static int read_continuation(struct pk_ini_reader *r, struct line *line, struct pk_ini_item *out) {
    while (!line->has_comment && r->at_byte < r->n) {
        if (look_at_line(r, line) < 0) {
            return PK_E_CONFIG;
        }
        if (!line->is_indented || line->body.n == 0) {
            return PK_OK;
        }
        if (out->value.n == 0) {
            out->value = line->body;
            out->value_line = r->line;
            out->value_column = column_of(line, line->body.p);
        } else {
            out->value.n = (uint32_t)(line->body.p + line->body.n - out->value.p);
        }
        leave_line(r, line);
    }
    return PK_OK;
}

static int read_pair(struct pk_ini_reader *r, struct line *line, struct pk_ini_item *out) {
    const char *equals = memchr(line->body.p, '=', line->body.n);
    if (equals == NULL) {
        return fail(r, "expected 'key = value' or '[section]'", column_of(line, line->body.p));
    }
    const uint32_t key_bytes = (uint32_t)(equals - line->body.p);
    out->kind = PK_INI_PAIR;
    out->key = pk_str_trim((struct pk_str){line->body.p, key_bytes});
    if (out->key.n == 0) {
        return fail(r, "no key before '='", column_of(line, equals));
    }
    out->value = pk_str_trim((struct pk_str){equals + 1, line->body.n - key_bytes - 1u});
    out->value_line = r->line;
    out->value_column = column_of(line, out->value.p);
    leave_line(r, line);
    return read_continuation(r, line, out);
}

int pk_ini_next(struct pk_ini_reader *r, struct pk_ini_item *out) {
    *out = (struct pk_ini_item){.kind = PK_INI_END};
    while (r->error == NULL && r->at_byte < r->n) {
        struct line line;
        if (look_at_line(r, &line) < 0) {
            return PK_E_CONFIG;
        }
        if (line.body.n == 0) {
            leave_line(r, &line);
            continue;
        }
        if (line.is_indented) {
            return fail(r, "indented line continues no value", column_of(&line, line.body.p));
        }
        out->line = r->line;
        out->column = column_of(&line, line.body.p);
        out->section_kind = r->section_kind;
        out->section_name = r->section_name;
        return line.body.p[0] == '[' ? read_section(r, &line, out) : read_pair(r, &line, out);
    }
    out->section_kind = r->section_kind;
    out->section_name = r->section_name;
    out->line = r->line;
    return r->error == NULL ? PK_OK : PK_E_CONFIG;
}

bool pk_ini_find(struct pk_str text, struct pk_str kind, struct pk_str name, struct pk_str key,
                 uint32_t *out_line, uint32_t *out_column) {
    struct pk_ini_reader r;
    struct pk_ini_item item;
    bool is_found = false;
    pk_ini_init(&r, text.p, text.n);
    while (pk_ini_next(&r, &item) == PK_OK && item.kind != PK_INI_END) {
        const bool is_it = item.kind == PK_INI_SECTION ? key.n == 0 : pk_str_eq(item.key, key);
        if (is_it && pk_str_eq(item.section_kind, kind) && pk_str_eq(item.section_name, name)) {
            *out_line = key.n == 0 ? item.line : item.value_line;
            *out_column = key.n == 0 ? item.column : item.value_column;
            is_found = true;
        }
        if (is_found && key.n == 0) {
            return true;
        }
    }
    return is_found;
}

void pk_diag_set(struct pk_diag *d, const char *file, uint32_t line, uint32_t column, const char *message) {
    *d = (struct pk_diag){.line = line, .column = column};
    pk_str_copy_cut(pk_str_of(file), d->file, sizeof d->file);
    pk_str_copy_cut(pk_str_of(message), d->message, sizeof d->message);
}

void pk_diag_set1(struct pk_diag *d, const char *file, uint32_t line, uint32_t column, const char *message,
                  struct pk_str argument) {
    const char *place = strstr(message, "{}");
    pk_diag_set(d, file, line, column, message);
    if (place == NULL) {
        return;
    }
    const size_t before_bytes = (size_t)(place - message);
    const size_t cap_bytes = sizeof d->message;
    if (before_bytes >= cap_bytes) {
        return;
    }
    uint32_t at = (uint32_t)before_bytes;
    at += pk_str_copy_cut(argument, d->message + at, cap_bytes - at);
    pk_str_copy_cut(pk_str_of(place + 2), d->message + at, cap_bytes - at);
}

void pk_diag_format(const struct pk_diag *d, struct pk_buf *out) {
    pk_buf_puts(out, d->file);
    if (d->line > 0) {
        pk_buf_putc(out, ':');
        pk_buf_put_u64(out, d->line);
        pk_buf_putc(out, ':');
        pk_buf_put_u64(out, d->column);
    }
    pk_buf_puts(out, ": ");
    pk_buf_puts(out, d->message);
}
