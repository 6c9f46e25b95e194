#include "report/pk_args.h"

#include <string.h>

#include "base/pk_assert.h"

static bool has_control(struct pk_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < 0x20u || s.p[i] == 0x7F) {
            return true;
        }
    }
    return false;
}

static int read_text(const struct pk_json_token *t, const struct pk_cmd_arg_row *row, struct pk_args *a,
                     struct pk_arg_value *v) {
    const bool is_number = t->kind == PK_JSON_NUMBER && (row->flags & PK_ARG_OR_NUMBER) != 0;
    if (t->kind != PK_JSON_STRING && !is_number) {
        return PK_E_BAD_FIELD;
    }
    if (is_number) {
        v->text = t->raw;
        return t->raw.n > row->max_bytes ? PK_E_TOO_BIG : PK_OK;
    }
    const uint32_t room = PK_ARGS_TEXT_BYTES - a->text_bytes;
    PK_ASSERT(room > row->max_bytes);
    char *at = a->text + a->text_bytes;
    const int n = pk_json_string(t, at, row->max_bytes + 1u);
    if (n < 0) {
        return PK_E_TOO_BIG;
    }
    v->text = pk_str_make(at, (size_t)n);
    a->text_bytes += (uint32_t)n + 1u;
    /* They end up in logs, terminals and timelines: one line, nothing that steers a terminal. */
    return has_control(v->text) ? PK_E_BAD_FIELD : PK_OK;
}

static int read_object(struct pk_json_reader *r, const struct pk_json_token *t,
                       const struct pk_cmd_arg_row *row, struct pk_arg_value *v) {
    if (t->kind != PK_JSON_OBJECT) {
        return PK_E_BAD_FIELD;
    }
    const uint32_t start = t->at_byte;
    const int err = pk_json_skip(r, t);
    if (err != PK_OK) {
        return err;
    }
    v->text = pk_str_make(r->p + start, r->at_byte - start);
    return v->text.n > row->max_bytes ? PK_E_TOO_BIG : PK_OK;
}

static int read_value(struct pk_json_reader *r, const struct pk_json_token *t,
                      const struct pk_cmd_arg_row *row, struct pk_args *a, struct pk_arg_value *v) {
    bool flag = false;
    switch (row->type) {
    case PK_ARG_TEXT:
        return read_text(t, row, a, v);
    case PK_ARG_U64:
        return pk_json_u64(t, &v->number);
    case PK_ARG_BOOL:
        if (pk_json_bool(t, &flag) != PK_OK) {
            return PK_E_BAD_FIELD;
        }
        v->number = flag ? 1 : 0;
        return PK_OK;
    case PK_ARG_OBJECT:
        return read_object(r, t, row, v);
    case PK_ARG_LINES:
        v->text = t->raw;
        return t->kind != PK_JSON_STRING ? PK_E_BAD_FIELD : t->raw.n > row->max_bytes ? PK_E_TOO_BIG : PK_OK;
    }
    PK_ASSERT(false);
    return PK_E_BAD_FIELD;
}

static int read_member(struct pk_json_reader *r, const struct pk_json_token *t, struct pk_args *a,
                       char *out_field) {
    uint32_t row_count = 0;
    const struct pk_cmd_arg_row *rows = pk_cmd_args(a->cmd, &row_count);
    /* A name that is too long is cut: it is not one of ours then, and only shown. */
    const int name_bytes = pk_json_key(t, out_field, PK_ARGS_FIELD_BYTES);
    PK_ASSERT(name_bytes >= 0 || name_bytes == PK_E_TOO_BIG);
    for (uint32_t i = 0; i < row_count; i++) {
        if (!pk_json_key_is(t, rows[i].name)) {
            continue;
        }
        if (a->values[i].is_given) {
            return PK_E_BAD_FIELD;
        }
        a->values[i].is_given = true;
        return read_value(r, t, &rows[i], a, &a->values[i]);
    }
    return PK_E_UNKNOWN_FIELD;
}

int pk_args_parse(enum pk_cmd cmd, struct pk_str args_json, struct pk_args *out,
                  char out_field[PK_ARGS_FIELD_BYTES]) {
    struct pk_json_reader r;
    struct pk_json_token t;
    out->cmd = cmd;
    out->text_bytes = 0;
    memset(out->values, 0, sizeof out->values);
    out_field[0] = '\0';
    pk_json_init(&r, args_json.p, args_json.n);
    int err = pk_json_next(&r, &t);
    if (err != PK_OK || t.kind != PK_JSON_OBJECT) {
        return err != PK_OK ? err : PK_E_BAD_MSG;
    }
    while ((err = pk_json_next(&r, &t)) == PK_OK && t.kind != PK_JSON_CLOSE) {
        err = read_member(&r, &t, out, out_field);
        if (err != PK_OK) {
            return err;
        }
        out_field[0] = '\0';
    }
    if (err == PK_OK) {
        err = pk_json_next(&r, &t);
    }
    if (err != PK_OK) {
        return err;
    }
    uint32_t row_count = 0;
    const struct pk_cmd_arg_row *rows = pk_cmd_args(cmd, &row_count);
    for (uint32_t i = 0; i < row_count; i++) {
        if ((rows[i].flags & PK_ARG_REQUIRED) != 0 && !out->values[i].is_given) {
            (void)pk_str_copy_cut(pk_str_of(rows[i].name), out_field, PK_ARGS_FIELD_BYTES);
            return PK_E_MISSING_FIELD;
        }
    }
    return PK_OK;
}

static const struct pk_arg_value *find(const struct pk_args *args, const char *name) {
    uint32_t row_count = 0;
    const struct pk_cmd_arg_row *rows = pk_cmd_args(args->cmd, &row_count);
    for (uint32_t i = 0; i < row_count; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &args->values[i];
        }
    }
    /* Our own bug: a handler asks for an argument that its command does not have. */
    PK_ASSERT(false);
    return NULL;
}

struct pk_str pk_args_text(const struct pk_args *args, const char *name) {
    return find(args, name)->text;
}

int pk_args_lines(const struct pk_args *args, const char *name, char *out, size_t cap_bytes) {
    const struct pk_arg_value *v = find(args, name);
    const struct pk_json_token t = {.kind = PK_JSON_STRING, .has_escape = true, .raw = v->text};
    out[0] = '\0';
    return v->is_given ? pk_json_string(&t, out, cap_bytes) : 0;
}

uint64_t pk_args_u64(const struct pk_args *args, const char *name, uint64_t fallback) {
    const struct pk_arg_value *v = find(args, name);
    return v->is_given ? v->number : fallback;
}

bool pk_args_bool(const struct pk_args *args, const char *name) {
    return find(args, name)->number != 0;
}

bool pk_args_has(const struct pk_args *args, const char *name) {
    return find(args, name)->is_given;
}
