/* JSON from outside: no read beyond the input, every token inside it, and what was read survives being
 * written and read again. */
#include "base/pk_json.h"

#include <string.h>

#include "base/pk_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_BYTES_MAX = 4096, OUTPUT_BYTES_MAX = 8 * INPUT_BYTES_MAX };

static bool is_inside(struct pk_str s, const struct pk_json_reader *r) {
    return s.n == 0 || (s.p >= r->p && s.p + s.n <= r->p + r->n);
}

static void check_number(const struct pk_json_token *t) {
    char text[64];
    struct pk_buf b;
    double v;
    double back = 0.0;
    if (pk_json_double(t, &v) < 0) {
        return;
    }
    pk_buf_init(&b, text, sizeof text);
    pk_buf_put_double(&b, v);
    PK_ASSERT(!b.is_cut);
    PK_ASSERT(pk_parse_double(pk_buf_str(&b), &back) == PK_OK);
    PK_ASSERT(memcmp(&v, &back, sizeof v) == 0);
    uint64_t u;
    int64_t i;
    if (pk_json_u64(t, &u) == PK_OK && pk_json_i64(t, &i) == PK_OK) {
        PK_ASSERT(i >= 0 && (uint64_t)i == u);
    }
}

/* Resolved text of a name or a string; pk_json_string cut to nothing must be refused, not overrun. */
static struct pk_str resolved(const struct pk_json_token *t, bool of_key, char out[INPUT_BYTES_MAX + 1]) {
    char tiny[3];
    const int n =
        of_key ? pk_json_key(t, out, INPUT_BYTES_MAX + 1) : pk_json_string(t, out, INPUT_BYTES_MAX + 1);
    PK_ASSERT(n >= 0);
    const int cut = of_key ? pk_json_key(t, tiny, sizeof tiny) : pk_json_string(t, tiny, sizeof tiny);
    PK_ASSERT(cut == (n < (int)sizeof tiny ? n : (int)PK_E_TOO_BIG));
    const struct pk_str s = {out, (uint32_t)n};
    PK_ASSERT(pk_text_is_utf8(s));
    return s;
}

static void copy_token(struct pk_json_writer *w, const struct pk_json_token *t, const bool is_object[]) {
    static char text[INPUT_BYTES_MAX + 1];
    if (t->has_key) {
        pk_jw_key(w, resolved(t, true, text));
    }
    switch (t->kind) {
    case PK_JSON_END:
        return;
    case PK_JSON_OBJECT:
        pk_jw_object(w, NULL);
        return;
    case PK_JSON_ARRAY:
        pk_jw_array(w, NULL);
        return;
    case PK_JSON_CLOSE:
        if (is_object[t->depth]) {
            pk_jw_object_end(w);
        } else {
            pk_jw_array_end(w);
        }
        return;
    case PK_JSON_STRING:
        pk_jw_str(w, NULL, resolved(t, false, text));
        return;
    case PK_JSON_NUMBER:
        check_number(t);
        pk_jw_raw(w, NULL, t->raw);
        return;
    case PK_JSON_TRUE:
    case PK_JSON_FALSE:
        pk_jw_bool(w, NULL, t->kind == PK_JSON_TRUE);
        return;
    case PK_JSON_NULL:
        pk_jw_null(w, NULL);
        return;
    }
}

/* Reads a document and writes it in our own form. The reader's verdict. */
static int rewrite(const void *p, size_t n, struct pk_buf *out) {
    struct pk_json_reader r;
    struct pk_json_writer w;
    struct pk_json_token t;
    bool is_object[PK_JSON_DEPTH_MAX] = {false};
    pk_json_init(&r, p, (uint32_t)n);
    pk_jw_init(&w, out);
    for (;;) {
        const int err = pk_json_next(&r, &t);
        if (err < 0) {
            PK_ASSERT(err == PK_E_BAD_MSG || err == PK_E_TOO_DEEP);
            PK_ASSERT(r.at_byte <= n);
            PK_ASSERT(pk_json_next(&r, &t) == err);
            return err;
        }
        PK_ASSERT(is_inside(t.key, &r) && is_inside(t.raw, &r));
        PK_ASSERT(t.at_byte <= n && r.depth <= PK_JSON_DEPTH_MAX);
        if (t.kind == PK_JSON_END) {
            return PK_OK;
        }
        if (t.kind == PK_JSON_OBJECT || t.kind == PK_JSON_ARRAY) {
            is_object[t.depth] = t.kind == PK_JSON_OBJECT;
        }
        copy_token(&w, &t, is_object);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char first[OUTPUT_BYTES_MAX];
    static char second[OUTPUT_BYTES_MAX];
    struct pk_buf once;
    struct pk_buf twice;
    if (size > INPUT_BYTES_MAX) {
        return 0;
    }
    pk_buf_init(&once, first, sizeof first);
    if (rewrite(data, size, &once) == PK_OK) {
        PK_ASSERT(!once.is_cut);
        pk_buf_init(&twice, second, sizeof second);
        PK_ASSERT(rewrite(first, once.n, &twice) == PK_OK);
        PK_ASSERT(pk_str_eq(pk_buf_str(&once), pk_buf_str(&twice)));
    }
    return 0;
}
