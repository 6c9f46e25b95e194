#include "ctl/pk_ctl_json.h"

#include <stdlib.h>
#include <string.h>

void pk_ctl_walk_init(struct pk_ctl_walk *walk, struct pk_str container) {
    struct pk_json_token t;
    pk_json_init(&walk->r, container.p, container.n);
    walk->is_over =
        pk_json_next(&walk->r, &t) != PK_OK || (t.kind != PK_JSON_OBJECT && t.kind != PK_JSON_ARRAY);
}

bool pk_ctl_walk_next(struct pk_ctl_walk *walk, struct pk_ctl_value *out) {
    struct pk_json_token t;
    *out = (struct pk_ctl_value){.kind = PK_JSON_END};
    if (walk->is_over) {
        return false;
    }
    if (pk_json_next(&walk->r, &t) != PK_OK || t.kind == PK_JSON_CLOSE || t.kind == PK_JSON_END ||
        pk_json_skip(&walk->r, &t) != PK_OK) {
        walk->is_over = true;
        return false;
    }
    out->kind = t.kind;
    out->key = t.has_key ? t.key : pk_str_make(NULL, 0);
    out->json = pk_str_make(walk->r.p + t.at_byte, walk->r.at_byte - t.at_byte);
    return true;
}

struct pk_ctl_value pk_ctl_member(struct pk_str object, const char *path) {
    struct pk_str rest = pk_str_of(path), name;
    struct pk_ctl_value v = {.kind = PK_JSON_OBJECT, .json = object};
    while (pk_str_split(&rest, '.', &name)) {
        struct pk_ctl_walk walk;
        bool is_found = false;
        if (v.kind != PK_JSON_OBJECT) {
            return (struct pk_ctl_value){.kind = PK_JSON_END};
        }
        pk_ctl_walk_init(&walk, v.json);
        while (!is_found && pk_ctl_walk_next(&walk, &v)) {
            is_found = pk_str_eq(v.key, name);
        }
        if (!is_found) {
            return (struct pk_ctl_value){.kind = PK_JSON_END};
        }
    }
    return v;
}

struct pk_str pk_ctl_word(struct pk_ctl_value v) {
    if (v.kind != PK_JSON_STRING || memchr(v.json.p, '\\', v.json.n) != NULL) {
        return pk_str_make(NULL, 0);
    }
    return pk_str_make(v.json.p + 1, v.json.n - 2);
}

uint64_t pk_ctl_u64(struct pk_ctl_value v, uint64_t fallback) {
    uint64_t number = 0;
    return v.kind == PK_JSON_NUMBER && pk_parse_u64(v.json, &number) == PK_OK ? number : fallback;
}

bool pk_ctl_is_true(struct pk_ctl_value v) {
    return v.kind == PK_JSON_TRUE;
}

bool pk_ctl_seconds_ms(struct pk_ctl_value v, uint64_t *out_ms) {
    double seconds = 0;
    if (v.kind != PK_JSON_NUMBER || pk_parse_double(v.json, &seconds) != PK_OK || !(seconds >= 0) ||
        seconds > 1e12) {
        return false;
    }
    *out_ms = (uint64_t)(seconds * 1000.0 + 0.5);
    return true;
}

void pk_ctl_put_string(struct pk_ctl_text *t, struct pk_ctl_value v) {
    struct pk_json_reader r;
    struct pk_json_token token;
    if (v.kind != PK_JSON_STRING) {
        return;
    }
    pk_json_init(&r, v.json.p, v.json.n);
    char *text = malloc((size_t)v.json.n + 1);
    if (text == NULL || pk_json_next(&r, &token) != PK_OK) {
        t->is_cut = t->is_cut || text == NULL;
        free(text);
        return;
    }
    /* Escapes only shrink, so it fits. */
    const int n = pk_json_string(&token, text, v.json.n);
    pk_ctl_text_put(t, text, n > 0 ? (size_t)n : 0);
    free(text);
}

static void put_scalar(struct pk_ctl_text *t, struct pk_ctl_value v, bool keep_lines) {
    switch (v.kind) {
    case PK_JSON_STRING: {
        struct pk_ctl_text plain = {0};
        pk_ctl_put_string(&plain, v);
        pk_ctl_text_put_safe(t, pk_ctl_text_str(&plain), keep_lines);
        pk_ctl_text_free(&plain);
        return;
    }
    case PK_JSON_TRUE:
        pk_ctl_text_puts(t, "yes");
        return;
    case PK_JSON_FALSE:
        pk_ctl_text_puts(t, "no");
        return;
    case PK_JSON_NULL:
    case PK_JSON_END:
    case PK_JSON_CLOSE:
        pk_ctl_text_putc(t, '-');
        return;
    case PK_JSON_NUMBER:
    case PK_JSON_OBJECT:
    case PK_JSON_ARRAY:
        pk_ctl_text_put_json(t, v.json);
        return;
    }
}

void pk_ctl_put_value(struct pk_ctl_text *t, struct pk_ctl_value v, bool keep_lines) {
    if (v.kind != PK_JSON_ARRAY) {
        put_scalar(t, v, keep_lines);
        return;
    }
    struct pk_ctl_walk walk;
    struct pk_ctl_value item;
    const size_t before = t->n;
    pk_ctl_walk_init(&walk, v.json);
    while (pk_ctl_walk_next(&walk, &item)) {
        pk_ctl_text_puts(t, t->n > before ? ", " : "");
        put_scalar(t, item, keep_lines);
    }
    if (t->n == before) {
        pk_ctl_text_putc(t, '-');
    }
}
