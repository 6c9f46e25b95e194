#include "event/pk_payload.h"

#include <string.h>

/* One step of a path. */
struct step {
    bool is_index;
    uint64_t index;
    char name[PK_PAYLOAD_NAME_BYTES];
};

static bool is_separator(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == ';' || c == '&';
}

static struct pk_str from(struct pk_str s, uint32_t at) {
    return pk_str_make(s.p + at, s.n - at);
}

/* "[12]" at the start: bytes taken, 0 = it is none. */
static uint32_t take_index(struct pk_str path, struct step *out) {
    const char *end = memchr(path.p, ']', path.n);
    const uint32_t n = end == NULL ? 0 : (uint32_t)(end - path.p);
    out->is_index = true;
    return n > 1 && pk_parse_u64(pk_str_make(path.p + 1, n - 1), &out->index) == PK_OK ? n + 1 : 0;
}

/* Cuts the next step off. False: the path is not of its form. */
static bool take_step(struct pk_str *path, struct step *out) {
    uint32_t n = 0;
    if (path->n > 0 && path->p[0] == '[') {
        n = take_index(*path, out);
    } else {
        while (n < path->n && path->p[n] != '.' && path->p[n] != '[') {
            n++;
        }
        out->is_index = false;
        if (n > 0 && pk_str_copy(pk_str_make(path->p, n), out->name, sizeof out->name) < 0) {
            return false;
        }
    }
    if (n == 0) {
        return false;
    }
    *path = from(*path, n);
    if (path->n > 0 && path->p[0] == '.') {
        *path = from(*path, 1);
        return path->n > 0 && path->p[0] != '[';
    }
    return path->n == 0 || path->p[0] == '[';
}

static struct pk_str without_dot(struct pk_str path) {
    return path.n > 0 && path.p[0] == '.' ? from(path, 1) : path;
}

bool pk_payload_is_path(struct pk_str path) {
    struct step step;
    path = without_dot(path);
    bool is_good = path.n > 0;
    while (is_good && path.n > 0) {
        is_good = take_step(&path, &step);
    }
    return is_good;
}

struct pk_str pk_payload_path_name(struct pk_str path) {
    uint32_t end = path.n;
    while (end > 0 && path.p[end - 1] == ']') {
        while (end > 0 && path.p[end - 1] != '[') {
            end--;
        }
        end -= end > 0 ? 1u : 0u;
    }
    uint32_t start = end;
    while (start > 0 && path.p[start - 1] != '.' && path.p[start - 1] != ']') {
        start--;
    }
    return pk_str_make(path.p + start, end - start);
}

int pk_payload_open(struct pk_payload *p, struct pk_str text, uint32_t *out_at_byte) {
    struct pk_json_reader r;
    struct pk_json_token t = {.kind = PK_JSON_NULL};
    *p = (struct pk_payload){.text = pk_str_trim(text), .form = PK_PAYLOAD_TEXT};
    *out_at_byte = 0;
    if (p->text.n == 0) {
        p->form = PK_PAYLOAD_EMPTY;
        return PK_OK;
    }
    if (p->text.p[0] != '{' && p->text.p[0] != '[') {
        return PK_OK;
    }
    p->form = PK_PAYLOAD_JSON;
    pk_json_init(&r, p->text.p, p->text.n);
    int err = PK_OK;
    while (err == PK_OK && t.kind != PK_JSON_END) {
        err = pk_json_next(&r, &t);
    }
    *out_at_byte = err == PK_OK ? 0 : r.at_byte + (uint32_t)(p->text.p - text.p);
    return err;
}

/* ---- JSON ---- */

/* The member or element of the container that was just opened. */
static int json_enter(struct pk_json_reader *r, const struct step *step, struct pk_json_token *t) {
    if (t->kind != (step->is_index ? PK_JSON_ARRAY : PK_JSON_OBJECT)) {
        return PK_E_NOT_FOUND;
    }
    for (uint64_t i = 0;; i++) {
        int err = pk_json_next(r, t);
        if (err < 0 || t->kind == PK_JSON_CLOSE) {
            return PK_E_NOT_FOUND;
        }
        if (step->is_index ? i == step->index : pk_json_key_is(t, step->name)) {
            return PK_OK;
        }
        err = pk_json_skip(r, t);
        if (err < 0) {
            return PK_E_NOT_FOUND;
        }
    }
}

static int json_find(struct pk_str text, struct pk_str path, struct pk_json_token *out) {
    struct pk_json_reader r;
    struct step step;
    pk_json_init(&r, text.p, text.n);
    int err = pk_json_next(&r, out);
    while (err == PK_OK && path.n > 0) {
        err = take_step(&path, &step) ? json_enter(&r, &step, out) : PK_E_NOT_FOUND;
    }
    return err;
}

static int json_scalar(const struct pk_json_token *t, char *out, size_t cap_bytes,
                       enum pk_field_kind *out_kind) {
    switch (t->kind) {
    case PK_JSON_STRING:
        *out_kind = PK_FIELD_STRING;
        return pk_json_string(t, out, cap_bytes);
    case PK_JSON_NUMBER:
        *out_kind = PK_FIELD_NUMBER;
        return pk_str_copy(t->raw, out, cap_bytes);
    case PK_JSON_TRUE:
    case PK_JSON_FALSE:
        *out_kind = PK_FIELD_BOOL;
        return pk_str_copy(pk_str_of(t->kind == PK_JSON_TRUE ? "true" : "false"), out, cap_bytes);
    case PK_JSON_OBJECT:
    case PK_JSON_ARRAY:
        return PK_E_BAD_FIELD;
    case PK_JSON_NULL:
    case PK_JSON_CLOSE:
    case PK_JSON_END:
        break;
    }
    return PK_E_NOT_FOUND;
}

/* ---- pairs ---- */

/* Cuts the next word up to a separator or '=' off; a quoted one is without its quotes. */
static struct pk_str take_word(struct pk_str *rest) {
    uint32_t n = 0;
    if (rest->n > 1 && rest->p[0] == '"') {
        const char *end = memchr(rest->p + 1, '"', rest->n - 1);
        if (end != NULL) {
            const struct pk_str word = pk_str_make(rest->p + 1, (size_t)(end - rest->p - 1));
            *rest = from(*rest, word.n + 2);
            return word;
        }
    }
    while (n < rest->n && rest->p[n] != '=' && !is_separator(rest->p[n])) {
        n++;
    }
    const struct pk_str word = pk_str_make(rest->p, n);
    *rest = from(*rest, n);
    return word;
}

static int pair_find(struct pk_str rest, struct pk_str key, struct pk_str *out) {
    while (rest.n > 0) {
        if (is_separator(rest.p[0])) {
            rest = from(rest, 1);
            continue;
        }
        const struct pk_str name = take_word(&rest);
        if (rest.n == 0 || rest.p[0] != '=') {
            continue; /* a word that is no pair */
        }
        rest = from(rest, 1);
        *out = take_word(&rest);
        if (pk_str_eq(name, key)) {
            return PK_OK;
        }
    }
    return PK_E_NOT_FOUND;
}

static int cut(struct pk_str value, char *out, size_t cap_bytes) {
    (void)pk_str_copy_cut(value, out, cap_bytes);
    return PK_E_TOO_BIG;
}

int pk_payload_find(const struct pk_payload *p, struct pk_str path, char *out, size_t cap_bytes,
                    enum pk_field_kind *out_kind) {
    struct pk_json_token t;
    struct pk_str value;
    int err = PK_E_NOT_FOUND;
    path = without_dot(path);
    *out_kind = PK_FIELD_STRING;
    out[0] = '\0';
    if (p->form == PK_PAYLOAD_JSON) {
        err = json_find(p->text, path, &t);
        return err < 0 ? PK_E_NOT_FOUND : json_scalar(&t, out, cap_bytes, out_kind);
    }
    if (p->form == PK_PAYLOAD_TEXT) {
        err = pair_find(p->text, path, &value);
    }
    if (err < 0) {
        return err;
    }
    return value.n < cap_bytes ? pk_str_copy(value, out, cap_bytes) : cut(value, out, cap_bytes);
}
