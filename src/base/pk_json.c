#include "base/pk_json.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_copy.h"
#include "base/pk_decimal.h"
#include "base/pk_time.h"

enum reader_state {
    STATE_VALUE,  /* at the top, before the only value */
    STATE_OPENED, /* behind '{' or '[': first item or close */
    STATE_ITEM,   /* behind an item: ',' or close; at the top: the end */
    STATE_FAILED,
    STATE_TOO_DEEP
};

void pk_json_init(struct pk_json_reader *r, const void *p, uint32_t n) {
    *r = (struct pk_json_reader){.p = p, .n = n, .state = STATE_VALUE};
}

static int fail(struct pk_json_reader *r, uint32_t at_byte) {
    r->state = STATE_FAILED;
    r->at_byte = at_byte;
    return PK_E_BAD_MSG;
}

static void skip_space(struct pk_json_reader *r) {
    while (r->at_byte < r->n) {
        const char c = r->p[r->at_byte];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
            return;
        }
        r->at_byte++;
    }
}

static uint64_t load_le64(const char *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

/* Length of the run of characters that stand for themselves inside quotes: ASCII from the space on, except
 * '"' and '\'. Eight bytes a step: subtracting 1 from (or 0x20 over) a byte borrows into its top bit exactly
 * when it is the one looked for; a borrow can only spoil bytes above a hit, and the lowest hit is the one
 * taken. */
static uint32_t plain_run(const char *p, uint32_t n) {
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t tops = ones << 7;
    uint32_t at = 0;
    for (; n - at >= 8u; at += 8u) {
        const uint64_t v = load_le64(p + at);
        const uint64_t quote = v ^ (ones * '"');
        const uint64_t backslash = v ^ (ones * '\\');
        const uint64_t special = (v | (((quote - ones) | (backslash - ones) | (v - ones * ' ')) & ~v)) & tops;
        if (special != 0) {
            return at + (uint32_t)__builtin_ctzll(special) / 8u;
        }
    }
    for (; at < n; at++) {
        const unsigned char c = (unsigned char)p[at];
        if (c < ' ' || c >= 0x80u || c == '"' || c == '\\') {
            break;
        }
    }
    return at;
}

/* The code unit of the four hex digits at p, or -1. */
static int32_t hex4(const char *p, size_t n) {
    uint64_t unit = 0;
    if (n < 4u || pk_parse_hex_u64((struct pk_str){p, 4}, &unit) < 0) {
        return -1;
    }
    return (int32_t)unit;
}

static uint32_t put_utf8(uint32_t code, char out[4]) {
    if (code < 0x80u) {
        out[0] = (char)code;
        return 1;
    }
    const uint32_t len = code < 0x800u ? 2u : code < 0x10000u ? 3u : 4u;
    for (uint32_t i = len - 1u; i > 0; i--) {
        out[i] = (char)(0x80u | (code & 0x3Fu));
        code >>= 6;
    }
    out[0] = (char)((0xF00u >> len & 0xF0u) | code);
    return len;
}

/* The escape at p (its backslash): the character in UTF-8, its length in *out_len. Returns the length of the
 * escape, 0 when it is bad. */
static uint32_t read_escape(const char *p, size_t n, char out[4], uint32_t *out_len) {
    static const char FROM[] = "\"\\/bfnrt";
    static const char TO[] = "\"\\/\b\f\n\r\t";
    if (n < 2u || p[1] == '\0') {
        return 0;
    }
    if (p[1] != 'u') {
        const char *found = strchr(FROM, p[1]);
        if (found == NULL) {
            return 0;
        }
        out[0] = TO[found - FROM];
        *out_len = 1;
        return 2;
    }
    const int32_t first = hex4(p + 2, n - 2u);
    if (first < 0 || (first >= 0xDC00 && first <= 0xDFFF)) {
        return 0;
    }
    if (first < 0xD800 || first > 0xDFFF) {
        *out_len = put_utf8((uint32_t)first, out);
        return 6;
    }
    if (n < 12u || p[6] != '\\' || p[7] != 'u') {
        return 0;
    }
    const int32_t second = hex4(p + 8, n - 8u);
    if (second < 0xDC00 || second > 0xDFFF) {
        return 0;
    }
    *out_len = put_utf8(0x10000u + (((uint32_t)first & 0x3FFu) << 10) + ((uint32_t)second & 0x3FFu), out);
    return 12;
}

/* at_byte is behind the opening quote; leaves it behind the closing one. */
static int read_string(struct pk_json_reader *r, struct pk_str *out, bool *out_has_escape) {
    const uint32_t start = r->at_byte;
    uint32_t at = start;
    *out_has_escape = false;
    for (;;) {
        at += plain_run(r->p + at, r->n - at);
        if (at == r->n) {
            return fail(r, at);
        }
        if (r->p[at] == '"') {
            break;
        }
        uint32_t len = 0;
        if (r->p[at] == '\\') {
            char unused[4];
            uint32_t unused_len;
            len = read_escape(r->p + at, r->n - at, unused, &unused_len);
            *out_has_escape = true;
        } else if ((unsigned char)r->p[at] >= 0x80u) {
            len = pk_utf8_len(r->p + at, r->n - at);
        }
        if (len == 0) {
            return fail(r, at);
        }
        at += len;
    }
    *out = (struct pk_str){r->p + start, at - start};
    r->at_byte = at + 1u;
    return PK_OK;
}

static uint32_t skip_digits(const struct pk_json_reader *r, uint32_t at) {
    while (at < r->n && r->p[at] >= '0' && r->p[at] <= '9') {
        at++;
    }
    return at;
}

/* at_byte is at '-' or a digit. */
static int read_number(struct pk_json_reader *r, struct pk_str *out) {
    const uint32_t start = r->at_byte;
    uint32_t at = start + (r->p[start] == '-' ? 1u : 0u);
    uint32_t end = skip_digits(r, at);
    if (end == at || (r->p[at] == '0' && end != at + 1u)) {
        return fail(r, at);
    }
    if (end < r->n && r->p[end] == '.') {
        at = end + 1u;
        end = skip_digits(r, at);
        if (end == at) {
            return fail(r, at);
        }
    }
    if (end < r->n && (r->p[end] == 'e' || r->p[end] == 'E')) {
        at = end + 1u;
        if (at < r->n && (r->p[at] == '+' || r->p[at] == '-')) {
            at++;
        }
        end = skip_digits(r, at);
        if (end == at) {
            return fail(r, at);
        }
    }
    *out = (struct pk_str){r->p + start, end - start};
    r->at_byte = end;
    return PK_OK;
}

static int read_word(struct pk_json_reader *r, const char *word, enum pk_json_kind kind,
                     struct pk_json_token *out) {
    const struct pk_str rest = {r->p + r->at_byte, r->n - r->at_byte};
    if (!pk_str_starts(rest, word)) {
        return fail(r, r->at_byte);
    }
    r->at_byte += (uint32_t)strlen(word);
    out->kind = kind;
    return PK_OK;
}

static int open_container(struct pk_json_reader *r, struct pk_json_token *out, enum pk_json_kind kind) {
    if (r->depth == PK_JSON_DEPTH_MAX) {
        r->state = STATE_TOO_DEEP;
        return PK_E_TOO_DEEP;
    }
    const uint32_t bit = (uint32_t)1 << r->depth;
    r->object_bits = kind == PK_JSON_OBJECT ? r->object_bits | bit : r->object_bits & ~bit;
    r->depth++;
    r->at_byte++;
    r->state = STATE_OPENED;
    out->kind = kind;
    return PK_OK;
}

static int read_value(struct pk_json_reader *r, struct pk_json_token *out) {
    if (r->at_byte == r->n) {
        return fail(r, r->at_byte);
    }
    const char c = r->p[r->at_byte];
    out->at_byte = r->at_byte;
    r->state = STATE_ITEM;
    switch (c) {
    case '"':
        r->at_byte++;
        out->kind = PK_JSON_STRING;
        return read_string(r, &out->raw, &out->has_escape);
    case '{':
        return open_container(r, out, PK_JSON_OBJECT);
    case '[':
        return open_container(r, out, PK_JSON_ARRAY);
    case 't':
        return read_word(r, "true", PK_JSON_TRUE, out);
    case 'f':
        return read_word(r, "false", PK_JSON_FALSE, out);
    case 'n':
        return read_word(r, "null", PK_JSON_NULL, out);
    default:
        out->kind = PK_JSON_NUMBER;
        return c == '-' || (c >= '0' && c <= '9') ? read_number(r, &out->raw) : fail(r, r->at_byte);
    }
}

/* A member name and its colon. */
static int read_key(struct pk_json_reader *r, struct pk_json_token *out) {
    if (r->at_byte == r->n || r->p[r->at_byte] != '"') {
        return fail(r, r->at_byte);
    }
    r->at_byte++;
    out->has_key = true;
    if (read_string(r, &out->key, &out->key_has_escape) < 0) {
        return PK_E_BAD_MSG;
    }
    skip_space(r);
    if (r->at_byte == r->n || r->p[r->at_byte] != ':') {
        return fail(r, r->at_byte);
    }
    r->at_byte++;
    skip_space(r);
    return PK_OK;
}

/* What may stand where the next item begins: a comma, a close, the end. PK_OK: an item follows; 1: *out is
 * complete. */
static int read_separator(struct pk_json_reader *r, bool is_object, struct pk_json_token *out) {
    if (r->depth == 0) {
        out->kind = PK_JSON_END;
        return r->at_byte == r->n ? 1 : fail(r, r->at_byte);
    }
    if (r->at_byte == r->n) {
        return fail(r, r->at_byte);
    }
    const char c = r->p[r->at_byte];
    if (c == (is_object ? '}' : ']')) {
        out->kind = PK_JSON_CLOSE;
        out->at_byte = r->at_byte++;
        r->depth--;
        out->depth = r->depth;
        r->state = STATE_ITEM;
        return 1;
    }
    if (r->state == STATE_OPENED) {
        return PK_OK;
    }
    if (c != ',') {
        return fail(r, r->at_byte);
    }
    r->at_byte++;
    skip_space(r);
    return PK_OK;
}

int pk_json_next(struct pk_json_reader *r, struct pk_json_token *out) {
    *out = (struct pk_json_token){.depth = r->depth};
    if (r->state == STATE_FAILED) {
        return PK_E_BAD_MSG;
    }
    if (r->state == STATE_TOO_DEEP) {
        return PK_E_TOO_DEEP;
    }
    skip_space(r);
    const bool is_object = r->depth > 0 && (r->object_bits >> (r->depth - 1u) & 1u) != 0;
    if (r->state != STATE_VALUE) {
        const int step = read_separator(r, is_object, out);
        if (step != PK_OK) {
            return step > 0 ? PK_OK : step;
        }
    }
    if (is_object && read_key(r, out) < 0) {
        return PK_E_BAD_MSG;
    }
    return read_value(r, out);
}

int pk_json_skip(struct pk_json_reader *r, const struct pk_json_token *token) {
    if (token->kind != PK_JSON_OBJECT && token->kind != PK_JSON_ARRAY) {
        return PK_OK;
    }
    const uint8_t depth = token->depth; /* the caller may pass its own token to read into later */
    while (r->depth > depth) {
        struct pk_json_token inner;
        const int err = pk_json_next(r, &inner);
        if (err < 0) {
            return err;
        }
    }
    return PK_OK;
}

/* The next character of raw string text, escapes resolved. Advances *rest past it. The reader has validated
 * the text. */
static uint32_t next_character(struct pk_str *rest, char out[4]) {
    uint32_t out_len = 0;
    uint32_t len;
    if (rest->p[0] == '\\') {
        len = read_escape(rest->p, rest->n, out, &out_len);
    } else {
        len = pk_utf8_len(rest->p, rest->n);
        memcpy(out, rest->p, len);
        out_len = len;
    }
    PK_ASSERT(len > 0);
    rest->p += len;
    rest->n -= len;
    return out_len;
}

/* Compares from the front without measuring `terminated` first: a reader asks this for every word it knows.
 */
static bool text_is(struct pk_str raw, bool has_escape, const char *terminated) {
    if (!has_escape) {
        uint32_t same = 0;
        while (same < raw.n && terminated[same] != '\0' && raw.p[same] == terminated[same]) {
            same++;
        }
        return same == raw.n && terminated[same] == '\0';
    }
    while (raw.n > 0) {
        char character[4];
        const uint32_t len = next_character(&raw, character);
        if (strncmp(terminated, character, len) != 0 || memchr(character, '\0', len) != NULL) {
            return false;
        }
        terminated += len;
    }
    return *terminated == '\0';
}

static int text_copy(struct pk_str raw, bool has_escape, char *out, size_t cap_bytes) {
    PK_ASSERT(cap_bytes > 0);
    if (!has_escape) {
        const uint32_t len = pk_str_copy_cut(raw, out, cap_bytes);
        return len == raw.n ? (int)len : PK_E_TOO_BIG;
    }
    size_t n = 0;
    out[0] = '\0';
    while (raw.n > 0) {
        char character[4];
        const uint32_t room = (uint32_t)(cap_bytes - n) - 1u;
        const uint32_t plain = plain_run(raw.p, raw.n < room ? raw.n : room);
        pk_copy(out + n, raw.p, plain);
        n += plain;
        out[n] = '\0';
        raw = (struct pk_str){raw.p + plain, raw.n - plain};
        if (raw.n == 0) {
            break;
        }
        const uint32_t len = next_character(&raw, character);
        if (len >= cap_bytes - n) {
            return PK_E_TOO_BIG;
        }
        memcpy(out + n, character, len);
        n += len;
        out[n] = '\0';
    }
    return (int)n;
}

bool pk_json_key_is(const struct pk_json_token *t, const char *terminated) {
    return t->has_key && text_is(t->key, t->key_has_escape, terminated);
}

int pk_json_string(const struct pk_json_token *t, char *out, size_t cap_bytes) {
    if (t->kind != PK_JSON_STRING) {
        return PK_E_BAD_FIELD;
    }
    return text_copy(t->raw, t->has_escape, out, cap_bytes);
}

int pk_json_key(const struct pk_json_token *t, char *out, size_t cap_bytes) {
    if (!t->has_key) {
        return PK_E_BAD_FIELD;
    }
    return text_copy(t->key, t->key_has_escape, out, cap_bytes);
}

/* The whole number and its sign apart, so that -2^63 fits. "5.0" and "1e3" are whole too. */
static int whole_number(const struct pk_json_token *t, uint64_t *out, bool *out_is_negative) {
    if (t->kind != PK_JSON_NUMBER) {
        return PK_E_BAD_FIELD;
    }
    struct pk_str size = t->raw;
    const bool has_sign = size.p[0] == '-';
    if (has_sign) {
        size.p++;
        size.n--;
    }
    if (pk_parse_u64(size, out) < 0) {
        struct pk_decimal d;
        if (pk_decimal_parse(size, &d) < 0 || pk_decimal_to_u64(&d, out) < 0) {
            return PK_E_BAD_FIELD;
        }
    }
    *out_is_negative = has_sign && *out != 0;
    return PK_OK;
}

int pk_json_u64(const struct pk_json_token *t, uint64_t *out) {
    uint64_t v;
    bool is_negative;
    if (whole_number(t, &v, &is_negative) < 0 || is_negative) {
        return PK_E_BAD_FIELD;
    }
    *out = v;
    return PK_OK;
}

int pk_json_i64(const struct pk_json_token *t, int64_t *out) {
    uint64_t v;
    bool is_negative;
    if (whole_number(t, &v, &is_negative) < 0 || v > (uint64_t)INT64_MAX + (is_negative ? 1u : 0u)) {
        return PK_E_BAD_FIELD;
    }
    *out = is_negative ? -(int64_t)(v - 1u) - 1 : (int64_t)v;
    return PK_OK;
}

int pk_json_double(const struct pk_json_token *t, double *out) {
    if (t->kind != PK_JSON_NUMBER || pk_parse_double(t->raw, out) < 0) {
        return PK_E_BAD_FIELD;
    }
    return PK_OK;
}

int pk_json_bool(const struct pk_json_token *t, bool *out) {
    if (t->kind != PK_JSON_TRUE && t->kind != PK_JSON_FALSE) {
        return PK_E_BAD_FIELD;
    }
    *out = t->kind == PK_JSON_TRUE;
    return PK_OK;
}

void pk_jw_init(struct pk_json_writer *w, struct pk_buf *b) {
    *w = (struct pk_json_writer){.b = b};
}

static void put_quoted(struct pk_buf *b, struct pk_str s) {
    static const char ESCAPED[] = "\"\\\b\f\n\r\t";
    static const char LETTERS[] = "\"\\bfnrt";
    static const char REPLACEMENT[] = "\xEF\xBF\xBD"; /* U+FFFD */
    pk_buf_putc(b, '"');
    while (s.n > 0) {
        uint32_t len = plain_run(s.p, s.n);
        if (len == 0 && (unsigned char)s.p[0] >= 0x80u) {
            len = pk_utf8_len(s.p, s.n);
        }
        if (len > 0) {
            pk_buf_put(b, s.p, len);
        } else if ((unsigned char)s.p[0] >= 0x80u) {
            len = 1;
            pk_buf_puts(b, REPLACEMENT);
        } else {
            const char *found = s.p[0] == '\0' ? NULL : strchr(ESCAPED, s.p[0]);
            const uint8_t byte = (uint8_t)s.p[0];
            len = 1;
            pk_buf_putc(b, '\\');
            if (found != NULL) {
                pk_buf_putc(b, LETTERS[found - ESCAPED]);
            } else {
                pk_buf_puts(b, "u00");
                pk_buf_put_hex(b, &byte, 1);
            }
        }
        s.p += len;
        s.n -= len;
    }
    pk_buf_putc(b, '"');
}

static void put_comma(struct pk_json_writer *w) {
    const uint32_t bit = (uint32_t)1 << w->depth;
    if ((w->has_item_bits & bit) != 0) {
        pk_buf_putc(w->b, ',');
    }
    w->has_item_bits |= bit;
}

/* What stands before a value: the comma and the name. */
static void begin_value(struct pk_json_writer *w, const char *key) {
    put_comma(w);
    if (key != NULL) {
        pk_buf_putc(w->b, '"');
        pk_buf_puts(w->b, key);
        pk_buf_puts(w->b, "\":");
    }
}

void pk_jw_key(struct pk_json_writer *w, struct pk_str key) {
    put_comma(w);
    put_quoted(w->b, key);
    pk_buf_putc(w->b, ':');
    /* The value that follows is to come without a comma, and sets the bit again. */
    w->has_item_bits &= ~((uint32_t)1 << w->depth);
}

static void open_level(struct pk_json_writer *w, const char *key, char bracket) {
    begin_value(w, key);
    pk_buf_putc(w->b, bracket);
    PK_ASSERT(w->depth < PK_JSON_DEPTH_MAX);
    w->depth++;
    w->has_item_bits &= ~((uint32_t)1 << w->depth);
}

static void close_level(struct pk_json_writer *w, char bracket) {
    PK_ASSERT(w->depth > 0);
    w->depth--;
    pk_buf_putc(w->b, bracket);
}

void pk_jw_object(struct pk_json_writer *w, const char *key) {
    open_level(w, key, '{');
}

void pk_jw_object_end(struct pk_json_writer *w) {
    close_level(w, '}');
}

void pk_jw_array(struct pk_json_writer *w, const char *key) {
    open_level(w, key, '[');
}

void pk_jw_array_end(struct pk_json_writer *w) {
    close_level(w, ']');
}

void pk_jw_str(struct pk_json_writer *w, const char *key, struct pk_str v) {
    begin_value(w, key);
    put_quoted(w->b, v);
}

void pk_jw_cstr(struct pk_json_writer *w, const char *key, const char *v) {
    if (v == NULL) {
        pk_jw_null(w, key);
    } else {
        pk_jw_str(w, key, pk_str_of(v));
    }
}

void pk_jw_u64(struct pk_json_writer *w, const char *key, uint64_t v) {
    begin_value(w, key);
    pk_buf_put_u64(w->b, v);
}

void pk_jw_i64(struct pk_json_writer *w, const char *key, int64_t v) {
    begin_value(w, key);
    pk_buf_put_i64(w->b, v);
}

void pk_jw_double(struct pk_json_writer *w, const char *key, double v) {
    begin_value(w, key);
    pk_buf_put_double(w->b, v);
}

void pk_jw_raw(struct pk_json_writer *w, const char *key, struct pk_str json) {
    begin_value(w, key);
    pk_buf_put_str(w->b, json);
}

void pk_jw_bool(struct pk_json_writer *w, const char *key, bool v) {
    pk_jw_raw(w, key, pk_str_of(v ? "true" : "false"));
}

void pk_jw_null(struct pk_json_writer *w, const char *key) {
    pk_jw_raw(w, key, pk_str_of("null"));
}

void pk_jw_ms_as_seconds(struct pk_json_writer *w, const char *key, uint64_t ms) {
    begin_value(w, key);
    pk_buf_put_u64(w->b, ms / 1000u);
    pk_buf_putc(w->b, '.');
    pk_buf_put_u64_pad(w->b, ms % 1000u, 3);
}

void pk_jw_time(struct pk_json_writer *w, const char *key, int64_t wall_ms) {
    char text[PK_TIME_TEXT_BYTES];
    if (wall_ms <= 0) {
        pk_jw_null(w, key);
        return;
    }
    pk_time_format(wall_ms, text);
    pk_jw_cstr(w, key, text);
}
