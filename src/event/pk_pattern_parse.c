#include "event/pk_pattern_parse.h"

#include <string.h>

#include "base/pk_assert.h"
#include "event/pk_intern.h"

enum { ONCE_WORD_BYTES_MAX = 47, ONCE_GROUPS_MAX = 16 }; /* in one file */

struct parse {
    struct pk_pattern_book *book;
    struct pk_diag *diag;
    const char *file;
    struct pk_pattern section;
    struct pk_pattern_ref family; /* n 0: not stored yet */
    uint32_t first_row;
    uint32_t line, column;               /* of the section */
    struct pk_ini_item source, value;    /* where they were said, for messages */
    struct pk_str once[ONCE_GROUPS_MAX]; /* words met in this file */
    uint8_t once_count[ONCE_GROUPS_MAX]; /* members so far */
    uint32_t group_count;
    uint32_t group_first; /* number of this file's first word */
    bool is_open;
};

static int fail(struct parse *p, uint32_t line, uint32_t column, const char *message,
                struct pk_str argument) {
    pk_diag_set1(p->diag, p->file, line, column, message, argument);
    return PK_E_CONFIG;
}

static int fail_value(struct parse *p, const struct pk_ini_item *item, const char *message) {
    return fail(p, item->value_line, item->value_column, message, item->value);
}

/* message with the word and the nearest known one. */
static int fail_word(struct parse *p, uint32_t line, uint32_t column, const char *what, struct pk_str word,
                     const char *const *known, size_t known_count) {
    char text[160];
    struct pk_buf b;
    const char *near = pk_text_suggest(word, known, known_count);
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "unknown ");
    pk_buf_puts(&b, what);
    pk_buf_puts(&b, " '{}'");
    if (near != NULL) {
        pk_buf_puts(&b, "; did you mean '");
        pk_buf_puts(&b, near);
        pk_buf_putc(&b, '\'');
    }
    return fail(p, line, column, text, word);
}

static int fail_room(struct parse *p, uint32_t line, uint32_t column, const char *what, uint32_t cap,
                     struct pk_str argument) {
    char text[96];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "no room for '{}': this board takes ");
    pk_buf_put_u64(&b, cap);
    pk_buf_putc(&b, ' ');
    pk_buf_puts(&b, what);
    return fail(p, line, column, text, argument);
}

/* ---- the book's text ---- */

static int store(struct parse *p, uint32_t line, uint32_t column, struct pk_str s,
                 struct pk_pattern_ref *out) {
    struct pk_pattern_book *b = p->book;
    if (s.n > b->text_cap - b->text_bytes) {
        return fail_room(p, line, column, "bytes of patterns", b->text_cap, s);
    }
    memcpy(b->text + b->text_bytes, s.p, s.n);
    *out = (struct pk_pattern_ref){(uint16_t)b->text_bytes, (uint16_t)s.n};
    b->text_bytes += s.n;
    return PK_OK;
}

static int store_value(struct parse *p, const struct pk_ini_item *item, struct pk_pattern_ref *out) {
    return store(p, item->value_line, item->value_column, item->value, out);
}

/* "text" with \" and \\ resolved, or the bare value. Shortens the copy in place. */
static int store_match(struct parse *p, const struct pk_ini_item *item, struct pk_str s,
                       struct pk_pattern_ref *out) {
    const bool is_quoted = s.n >= 2u && s.p[0] == '"' && s.p[s.n - 1u] == '"';
    s = is_quoted ? (struct pk_str){s.p + 1, s.n - 2u} : s;
    const int err = store(p, item->value_line, item->value_column, s, out);
    if (err != PK_OK || !is_quoted) {
        return err;
    }
    char *text = p->book->text + out->at;
    uint32_t n = 0;
    for (uint32_t i = 0; i < out->n; i++) {
        if (text[i] == '\\' && i + 1u < out->n && (text[i + 1u] == '"' || text[i + 1u] == '\\')) {
            i++;
        }
        text[n++] = text[i];
    }
    p->book->text_bytes -= out->n - n;
    out->n = (uint16_t)n;
    return PK_OK;
}

/* ---- match ---- */

static int check_pieces(struct parse *p, const struct pk_ini_item *item, struct pk_str match) {
    struct pk_pattern_piece piece;
    uint32_t fields = 0, pieces = 0;
    struct pk_str rest = match;
    int err = PK_OK;
    while ((err = pk_pattern_piece_next(&rest, &piece)) == PK_OK) {
        if (piece.has_field && piece.literal.n == 0 && rest.n > 0) {
            return fail_value(p, item, "two fields need text between them");
        }
        if (piece.name.n > 0 && pk_str_eq_c(piece.name, "text") && (piece.literal.n > 0 || rest.n > 0)) {
            return fail_value(p, item, "{text} takes the rest of the line, so it stands at the end");
        }
        fields += piece.has_field ? 1u : 0u;
        pieces++;
    }
    if (err == PK_E_BAD_FIELD) {
        return fail_value(p, item,
                          "a field is {name}, of a to z and _, or a pair of braces for text nobody wants");
    }
    if (fields > PK_PATTERN_FIELDS_MAX) {
        return fail_value(p, item, "more than six fields in one text");
    }
    if (pk_pattern_anchor(match).n < PK_PATTERN_LITERAL_BYTES_MIN) {
        return fail_value(p, item, "needs four or more characters in a row that are no field: '{}'");
    }
    return PK_OK;
}

static void store_anchor(const char *text, struct pk_pattern_row *row) {
    const struct pk_str match = pk_pattern_ref_str(text, row->match), anchor = pk_pattern_anchor(match);
    const uint32_t at = (uint32_t)(anchor.p - match.p);
    if (at <= UINT8_MAX && anchor.n <= UINT8_MAX) {
        row->anchor_at = (uint8_t)at;
        row->anchor_bytes = (uint8_t)anchor.n;
    }
}

static int take_match(struct parse *p, const struct pk_ini_item *item) {
    struct pk_pattern_book *b = p->book;
    if (b->row_count >= b->row_cap) {
        return fail_room(p, item->value_line, item->value_column, "texts", b->row_cap, item->value);
    }
    struct pk_pattern_row *row = &b->rows[b->row_count];
    PK_ASSERT(b->pattern_count < PK_PATTERNS_MAX);
    *row = (struct pk_pattern_row){.pattern = (uint8_t)b->pattern_count};
    struct pk_str s = item->value;
    row->is_at_start = s.n > 0 && s.p[0] == '^';
    if (row->is_at_start) {
        s = (struct pk_str){s.p + 1, s.n - 1u};
    }
    int err = store_match(p, item, s, &row->match);
    err = err != PK_OK ? err : check_pieces(p, item, pk_pattern_ref_str(b->text, row->match));
    if (err == PK_OK) {
        store_anchor(b->text, row);
        b->row_count++;
    }
    return err;
}

/* ---- the other keys ---- */

static int take_event(struct parse *p, const struct pk_ini_item *item) {
    if (!pk_intern_is_name(item->value)) {
        return fail_value(p, item, "an event type is 1 to 64 of A-Z a-z 0-9 _ . : @ -, not '{}'");
    }
    return store_value(p, item, &p->section.event);
}

static int take_severity(struct parse *p, const struct pk_ini_item *item) {
    static const char *const WORDS[] = {"info", "low", "medium", "high", "critical", "line"};
    enum pk_severity severity = PK_SEV_COUNT;
    if (!pk_str_eq_c(item->value, "line") && pk_severity_parse(item->value, &severity) != PK_OK) {
        return fail_word(p, item->value_line, item->value_column, "severity", item->value, WORDS,
                         PK_COUNT_OF(WORDS));
    }
    p->section.severity = (uint8_t)severity;
    return PK_OK;
}

static int take_value(struct parse *p, const struct pk_ini_item *item) {
    int64_t whole = 0;
    p->section.has_value = true;
    p->value = *item;
    if (item->value.n > 2u && item->value.p[0] == '{' && item->value.p[item->value.n - 1u] == '}') {
        return store(p, item->value_line, item->value_column,
                     (struct pk_str){item->value.p + 1, item->value.n - 2u}, &p->section.value);
    }
    if (pk_parse_i64(item->value, &whole) != PK_OK || whole < INT16_MIN || whole > INT16_MAX) {
        return fail_value(p, item, "value is a whole number to 32767 or {field}, not '{}'");
    }
    p->section.value_whole = (int16_t)whole;
    return PK_OK;
}

static int take_formats(struct parse *p, const struct pk_ini_item *item) {
    const char *words[PK_LOG_FORMAT_COUNT];
    struct pk_str rest = item->value, word;
    for (unsigned i = 0; i < PK_LOG_FORMAT_COUNT; i++) {
        words[i] = pk_log_format_word((enum pk_log_format)i);
    }
    while (pk_str_split(&rest, '|', &word)) {
        enum pk_log_format format = PK_LOG_FORMAT_PLAIN;
        word = pk_str_trim(word);
        if (pk_log_format_parse(word, &format) != PK_OK) {
            return fail_word(p, item->value_line, item->value_column, "log format", word, words,
                             PK_LOG_FORMAT_COUNT);
        }
        p->section.formats |= (uint8_t)(1u << format);
    }
    return PK_OK;
}

/* Sections of one file with the same word; each is a member. */
static int take_once(struct parse *p, const struct pk_ini_item *item) {
    uint32_t i = 0;
    if (!pk_text_is_id(item->value, ".:", ONCE_WORD_BYTES_MAX)) {
        return fail_value(p, item, "`once` is one word of 1 to 47 of A-Z a-z 0-9 _ - . :, not '{}'");
    }
    while (i < p->group_count && !pk_str_eq(p->once[i], item->value)) {
        i++;
    }
    if (i == ONCE_GROUPS_MAX || p->group_first + i > UINT8_MAX) {
        return fail_value(p, item, "too many words of `once`");
    }
    if (i < p->group_count && p->once_count[i] == PK_PATTERN_ONCE_MAX) {
        return fail_value(p, item, "more than four patterns are once = {}");
    }
    p->once[i] = item->value;
    p->group_count += i == p->group_count ? 1u : 0u;
    p->section.once = (uint8_t)(p->group_first + i);
    p->section.once_member = p->once_count[i]++;
    return PK_OK;
}

static int take_source(struct parse *p, const struct pk_ini_item *item) {
    p->source = *item;
    return store_value(p, item, &p->section.source);
}

static int take_programs(struct parse *p, const struct pk_ini_item *item) {
    return store_value(p, item, &p->section.programs);
}

static int take_about(struct parse *p, const struct pk_ini_item *item) {
    (void)p;
    (void)item;
    return PK_OK;
}

static int take_pair(struct parse *p, const struct pk_ini_item *item) {
    static const char *const KEYS[] = {"about",    "programs", "formats", "event", "source",
                                       "severity", "value",    "match",   "once"};
    static int (*const TAKE[])(struct parse *, const struct pk_ini_item *) = {
        take_about,    take_programs, take_formats, take_event, take_source,
        take_severity, take_value,    take_match,   take_once};
    if (!p->is_open) {
        return fail(p, item->line, item->column, "'{}' stands before the first [pattern NAME]", item->key);
    }
    for (size_t i = 0; i < PK_COUNT_OF(KEYS); i++) {
        if (pk_str_eq_c(item->key, KEYS[i])) {
            return item->value.n > 0 ? TAKE[i](p, item)
                                     : fail(p, item->line, item->column, "'{}' has no value", item->key);
        }
    }
    return fail_word(p, item->line, item->column, "key", item->key, KEYS, PK_COUNT_OF(KEYS));
}

/* ---- sections ---- */

static bool match_has_field(struct pk_str match, struct pk_str name) {
    struct pk_pattern_piece piece;
    while (pk_pattern_piece_next(&match, &piece) == PK_OK) {
        if (piece.has_field && pk_str_eq(piece.name, name)) {
            return true;
        }
    }
    return false;
}

static bool is_field_of_line(struct pk_str name) {
    return pk_str_eq_c(name, "program") || pk_str_eq_c(name, "host") || pk_str_eq_c(name, "ip");
}

/* Every field that `source` or `value` takes is in each text of the section, or the line always has it. */
static int check_fields(struct parse *p, struct pk_str match) {
    const char *text = p->book->text;
    struct pk_str rest = pk_pattern_ref_str(text, p->section.source);
    const struct pk_str value = pk_pattern_ref_str(text, p->section.value);
    struct pk_pattern_piece piece;
    int err = PK_OK;
    while ((err = pk_pattern_piece_next(&rest, &piece)) == PK_OK) {
        if (piece.has_field && !is_field_of_line(piece.name) && !match_has_field(match, piece.name)) {
            return fail(p, p->source.value_line, p->source.value_column,
                        "source takes {} from a text that does not have it", piece.name);
        }
    }
    if (err == PK_E_BAD_FIELD) {
        return fail_value(p, &p->source, "source is a name with {field} in it, not '{}'");
    }
    if (value.n > 0 && !match_has_field(match, value)) {
        return fail(p, p->value.value_line, p->value.value_column,
                    "value takes {} from a text that does not have it", value);
    }
    return PK_OK;
}

static int end_section(struct parse *p) {
    struct pk_pattern_book *b = p->book;
    if (!p->is_open) {
        return PK_OK;
    }
    const struct pk_str id = pk_pattern_ref_str(b->text, p->section.id);
    if (p->section.event.n == 0) {
        return fail(p, p->line, p->column, "pattern '{}' has no event", id);
    }
    if (b->row_count == p->first_row) {
        return fail(p, p->line, p->column, "pattern '{}' has no match", id);
    }
    for (uint32_t i = p->first_row; i < b->row_count; i++) {
        const int err = check_fields(p, pk_pattern_ref_str(b->text, b->rows[i].match));
        if (err != PK_OK) {
            return err;
        }
    }
    /* Who asks a web server for something writes most of a line of an access log. */
    const bool is_default = p->section.formats == 0;
    p->section.formats = is_default ? (uint8_t) ~(1u << PK_LOG_FORMAT_ACCESS) : p->section.formats;
    b->patterns[b->pattern_count++] = p->section;
    return PK_OK;
}

/* "auth" of "/etc/picket/patterns.d/auth.patterns" */
static struct pk_str family_of(const char *file) {
    const struct pk_str suffix = pk_str_of(".patterns");
    struct pk_str rest = pk_str_of(file), name = rest;
    while (pk_str_split(&rest, '/', &name)) {
    }
    const bool is_usual =
        name.n > suffix.n && pk_str_eq(pk_str_make(name.p + name.n - suffix.n, suffix.n), suffix);
    name.n -= is_usual ? suffix.n : 0;
    return name;
}

static int begin_section(struct parse *p, const struct pk_ini_item *item) {
    struct pk_pattern_book *b = p->book;
    static const char *const KINDS[] = {"pattern"};
    if (!pk_str_eq_c(item->section_kind, "pattern")) {
        return fail_word(p, item->line, item->column, "section", item->section_kind, KINDS, 1);
    }
    if (!pk_text_is_id(item->section_name, NULL, 47)) {
        return fail(p, item->line, item->column,
                    "a pattern needs a name of letters, digits, _ and -: [pattern NAME]", item->section_name);
    }
    for (uint32_t i = 0; i < b->pattern_count; i++) {
        if (pk_str_eq(pk_pattern_ref_str(b->text, b->patterns[i].id), item->section_name)) {
            return fail(p, item->line, item->column, "pattern '{}' is defined twice", item->section_name);
        }
    }
    if (b->pattern_count >= b->pattern_cap) {
        return fail_room(p, item->line, item->column, "patterns", b->pattern_cap, item->section_name);
    }
    memset(&p->section, 0, sizeof p->section);
    p->section.severity = PK_SEV_COUNT;
    if (p->family.n == 0) {
        const int err = store(p, item->line, item->column, family_of(p->file), &p->family);
        if (err != PK_OK) {
            return err;
        }
    }
    p->section.family = p->family;
    p->first_row = b->row_count;
    p->line = item->line;
    p->column = item->column;
    p->is_open = true;
    return store(p, item->line, item->column, item->section_name, &p->section.id);
}

int pk_pattern_parse(struct pk_pattern_book *book, const char *file, struct pk_str text,
                     struct pk_diag *out_diag) {
    struct parse p = {.book = book, .diag = out_diag, .file = file};
    const uint32_t pattern_count = book->pattern_count, row_count = book->row_count;
    const uint32_t text_bytes = book->text_bytes;
    struct pk_ini_reader ini;
    struct pk_ini_item item;
    PK_ASSERT(book->text_cap <= 65536u);
    for (uint32_t i = 0; i < pattern_count; i++) {
        const uint8_t once = book->patterns[i].once;
        p.group_first = once > p.group_first ? once : p.group_first;
    }
    p.group_first++;
    pk_ini_init(&ini, text.p, text.n);
    int err = PK_OK;
    do {
        if (pk_ini_next(&ini, &item) != PK_OK) {
            err = fail(&p, ini.error_line, ini.error_column, ini.error, (struct pk_str){NULL, 0});
            break;
        }
        if (item.kind == PK_INI_PAIR) {
            err = take_pair(&p, &item);
            continue;
        }
        err = end_section(&p);
        err = err == PK_OK && item.kind == PK_INI_SECTION ? begin_section(&p, &item) : err;
    } while (err == PK_OK && item.kind != PK_INI_END);
    if (err != PK_OK) {
        book->pattern_count = pattern_count;
        book->row_count = row_count;
        book->text_bytes = text_bytes;
    }
    return err;
}
