#include "event/pk_map_text.h"

#include <string.h>

enum { FIELD_BYTES = 257 /* longest value of one field, with its end */ };

/* A piece of a template: a literal, then a field; either may be missing. */
struct piece {
    struct pk_str literal, field;
    bool has_field;
};

static struct pk_str from(struct pk_str s, uint32_t at) {
    return pk_str_make(s.p + at, s.n - at);
}

/* False at the end, or at a brace that has no other: *rest is left there. */
static bool take_piece(struct pk_str *rest, struct piece *out) {
    if (rest->n == 0) {
        return false;
    }
    const char *open = memchr(rest->p, '{', rest->n);
    const uint32_t literal_n = open == NULL ? rest->n : (uint32_t)(open - rest->p);
    out->literal = pk_str_make(rest->p, literal_n);
    out->has_field = open != NULL;
    if (memchr(out->literal.p, '}', literal_n) != NULL) {
        return false;
    }
    if (open == NULL) {
        *rest = from(*rest, rest->n);
        return true;
    }
    const struct pk_str inner = from(*rest, literal_n + 1);
    const char *close = inner.n > 0 ? memchr(inner.p, '}', inner.n) : NULL;
    if (close == NULL) {
        return false;
    }
    out->field = pk_str_make(inner.p, (size_t)(close - inner.p));
    *rest = from(inner, out->field.n + 1);
    return true;
}

static bool is_number(struct pk_str s, uint64_t *out) {
    return s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9' && pk_parse_u64(s, out) == PK_OK;
}

/* One alternative of a field into out. Its length or PK_E_NOT_FOUND, PK_E_TOO_BIG, PK_E_BAD_FIELD. */
static int take_source(struct pk_str name, const struct pk_map_input *in, char *out, size_t cap_bytes) {
    enum pk_field_kind kind = PK_FIELD_STRING;
    uint64_t n = 0;
    if (is_number(name, &n)) {
        return n >= 1 && n <= in->capture_count ? pk_str_copy(in->captures[n - 1], out, cap_bytes)
                                                : PK_E_NOT_FOUND;
    }
    if (pk_str_eq_c(name, "topic")) {
        return pk_str_copy(in->topic, out, cap_bytes);
    }
    if (pk_str_eq_c(name, "payload")) {
        return (int)pk_str_copy_cut(in->payload->text, out, cap_bytes);
    }
    return pk_payload_find(in->payload, name, out, cap_bytes, &kind);
}

/* "a,b|x" */
static int take_field(struct pk_str field, const struct pk_map_input *in, char *out, size_t cap_bytes) {
    struct pk_str names, name;
    bool has_default = memchr(field.p, '|', field.n) != NULL;
    (void)pk_str_split(&field, '|', &names);
    int n = PK_E_NOT_FOUND;
    while ((n == PK_E_NOT_FOUND || n == PK_E_BAD_FIELD) && pk_str_split(&names, ',', &name)) {
        n = take_source(pk_str_trim(name), in, out, cap_bytes);
    }
    if (n == PK_E_TOO_BIG) {
        return in->may_cut ? (int)strlen(out) : n;
    }
    return n <= 0 && has_default ? pk_str_copy(field, out, cap_bytes) : n;
}

int pk_map_text_fill(struct pk_str template, const struct pk_map_input *in, char *out, size_t cap_bytes,
                     struct pk_str *out_field) {
    char value[FIELD_BYTES];
    struct piece p = {{NULL, 0}, {NULL, 0}, false};
    struct pk_buf b;
    pk_buf_init(&b, out, cap_bytes);
    while (take_piece(&template, &p)) {
        const int n = p.has_field ? take_field(p.field, in, value, sizeof value) : 0;
        if (n < 0) {
            *out_field = p.field;
            return n == PK_E_TOO_BIG ? n : PK_E_NOT_FOUND;
        }
        if (!p.has_field || n > 0) {
            pk_buf_put_str(&b, p.literal);
            pk_buf_put(&b, value, (size_t)n);
        }
    }
    return b.is_cut ? PK_E_TOO_BIG : (int)b.n;
}

static bool is_source(struct pk_str name, uint32_t capture_count, const char **out_why) {
    uint64_t n = 0;
    if (is_number(name, &n)) {
        *out_why = "'{}' names a wildcard that the topic does not have";
        return n >= 1 && n <= capture_count;
    }
    *out_why = "'{}' has a field that is no path such as state.temp or sensors[1].value";
    return pk_payload_is_path(name);
}

bool pk_map_text_is_template(struct pk_str template, uint32_t capture_count, const char **out_why) {
    struct piece p = {{NULL, 0}, {NULL, 0}, false};
    struct pk_str names, name;
    while (take_piece(&template, &p)) {
        if (!p.has_field) {
            continue;
        }
        if (p.field.n == 0) {
            *out_why = "'{}' has a field without a name";
            return false;
        }
        (void)pk_str_split(&p.field, '|', &names);
        do {
            (void)pk_str_split(&names, ',', &name);
            if (!is_source(pk_str_trim(name), capture_count, out_why)) {
                return false;
            }
        } while (names.p != NULL);
    }
    *out_why = "'{}' has a brace without the other";
    return template.n == 0;
}

/* ---- words ---- */

/* "a -> b" of the list; false at the end or where it is none (*rest is left there). */
static bool take_pair(struct pk_str *rest, struct pk_str *out_left, struct pk_str *out_right) {
    struct pk_str list = *rest, pair;
    if (!pk_str_split(&list, ',', &pair)) {
        return false;
    }
    for (uint32_t i = 0; i + 1 < pair.n; i++) {
        if (pair.p[i] == '-' && pair.p[i + 1] == '>') {
            *out_left = pk_str_trim(pk_str_make(pair.p, i));
            *out_right = pk_str_trim(from(pair, i + 2));
            const bool is_pair = out_left->n > 0 && out_right->n > 0;
            *rest = is_pair ? list : *rest;
            return is_pair;
        }
    }
    return false;
}

static bool is_equal(struct pk_str a, struct pk_str b) {
    char text[PK_PAYLOAD_NAME_BYTES];
    return pk_str_copy(b, text, sizeof text) >= 0 && pk_str_eq_nocase(a, text);
}

struct pk_str pk_map_text_word(struct pk_str words, struct pk_str word) {
    struct pk_str left, right;
    struct pk_str found = word;
    while (words.n > 0 && take_pair(&words, &left, &right)) {
        if (is_equal(left, word)) {
            return right;
        }
        found = pk_str_eq_c(left, "*") ? right : found;
    }
    return found;
}

bool pk_map_text_is_words(struct pk_str words) {
    struct pk_str left, right;
    while (words.p != NULL && take_pair(&words, &left, &right)) {
    }
    return words.p == NULL;
}
