#include "wire/pk_control.h"

#include <stddef.h>

#include "base/pk_assert.h"
#include "wire/pk_fields.h"

struct reading {
    uint64_t v, id;
    char cmd[PK_CONTROL_CMD_BYTES];
    struct pk_str args;
};
#define ROW(name, kind, flags, member)                                                                       \
    {                                                                                                        \
        name, kind, flags, (uint32_t)offsetof(struct reading, member),                                       \
            (uint32_t)sizeof(((struct reading *)NULL)->member)                                               \
    }
enum { ROW_V, ROW_ID };
static const struct pk_field ROWS[] = {
    [ROW_V] = ROW("v", PK_FIELD_U64, PK_FIELD_REQUIRED, v),
    [ROW_ID] = ROW("id", PK_FIELD_U64, 0, id),
    ROW("cmd", PK_FIELD_TEXT, PK_FIELD_REQUIRED, cmd),
    ROW("args", PK_FIELD_OBJECT, 0, args),
};

int pk_control_parse(struct pk_str line, struct pk_control_request *out, const char **out_field,
                     uint32_t *out_at_byte) {
    struct reading r = {.args = pk_str_of("{}")};
    struct pk_fields_result result;
    *out = (struct pk_control_request){.args = pk_str_of("{}")};
    *out_field = "";
    *out_at_byte = PK_CONTROL_LINE_BYTES_MAX;
    if (line.n > PK_CONTROL_LINE_BYTES_MAX) {
        return PK_E_TOO_BIG;
    }
    const int err = pk_fields_read(line.p, line.n, ROWS, PK_COUNT_OF(ROWS), PK_FIELDS_STRICT, &r, &result);
    if (err != PK_OK && !pk_fields_has(&result, ROW_ID)) {
        /* The fault stands before the id: look for it, so that the answer finds its question. */
        struct pk_fields_result ignored;
        if (pk_fields_read(line.p, line.n, &ROWS[ROW_ID], 1, PK_FIELDS_LENIENT, &r, &ignored) != PK_OK &&
            !pk_fields_has(&ignored, 0)) {
            r.id = 0;
        }
    }
    out->id = r.id;
    *out_field = result.field;
    *out_at_byte = result.at_byte;
    if (err != PK_OK) {
        return err;
    }
    if (r.v != PK_CONTROL_VERSION) {
        *out_field = "v";
        return PK_E_UNSUPPORTED;
    }
    if (r.cmd[0] == '\0') {
        *out_field = "cmd";
        return PK_E_BAD_FIELD;
    }
    (void)pk_str_copy_cut(pk_str_of(r.cmd), out->cmd, sizeof out->cmd);
    out->args = r.args;
    *out_field = "";
    return PK_OK;
}

void pk_control_write_request(struct pk_buf *b, uint64_t id, struct pk_str cmd, struct pk_str args_json) {
    struct pk_json_writer w;
    pk_jw_init(&w, b);
    pk_jw_object(&w, NULL);
    pk_jw_u64(&w, "v", PK_CONTROL_VERSION);
    pk_jw_u64(&w, "id", id);
    pk_jw_str(&w, "cmd", cmd);
    pk_jw_raw(&w, "args", args_json.n > 0 ? args_json : pk_str_of("{}"));
    pk_jw_object_end(&w);
    pk_buf_putc(b, '\n');
}

static void begin(struct pk_json_writer *w, struct pk_buf *b, const struct pk_reply_to *to) {
    pk_jw_init(w, b);
    pk_jw_object(w, NULL);
    if (to->is_socket) {
        pk_jw_u64(w, "id", to->id);
        return;
    }
    if (to->jti.n > 0) {
        pk_jw_str(w, "jti", to->jti);
    } else {
        pk_jw_null(w, "jti");
    }
    if (to->corr.n > 0) {
        pk_jw_str(w, "corr", to->corr);
    }
}

void pk_reply_begin(struct pk_json_writer *w, struct pk_buf *b, const struct pk_reply_to *to,
                    enum pk_reply_kind kind) {
    begin(w, b, to);
    switch (kind) {
    case PK_REPLY_RESULT:
        pk_jw_bool(w, "ok", true);
        break;
    case PK_REPLY_MORE:
        pk_jw_bool(w, "more", true);
        break;
    case PK_REPLY_DONE:
        pk_jw_bool(w, "done", true);
        break;
    }
}

void pk_reply_end(struct pk_json_writer *w, const struct pk_reply_to *to) {
    pk_jw_object_end(w);
    if (to->is_socket) {
        pk_buf_putc(w->b, '\n');
    }
}

void pk_reply_error(struct pk_buf *b, const struct pk_reply_to *to, int err, const char *message) {
    pk_reply_error_detail(b, to, err, message, (struct pk_str){0});
}

void pk_reply_error_detail(struct pk_buf *b, const struct pk_reply_to *to, int err, const char *message,
                           struct pk_str detail) {
    PK_ASSERT(err < 0);
    struct pk_json_writer w;
    char text[256];
    struct pk_buf t;
    pk_buf_init(&t, text, sizeof text);
    pk_buf_puts(&t, message != NULL ? message : pk_err_text(err));
    if (detail.n > 0) {
        pk_buf_puts(&t, ": ");
        /* Often somebody's input: as much of it as fits, cut at a character. */
        char cut[160];
        (void)pk_str_copy_cut(detail, cut, sizeof cut);
        pk_buf_puts(&t, cut);
    }
    begin(&w, b, to);
    pk_jw_bool(&w, "ok", false);
    pk_jw_i64(&w, "code", pk_err_exit_code(err));
    pk_jw_cstr(&w, "error", pk_err_word(err));
    pk_jw_str(&w, "message", pk_buf_str(&t));
    pk_reply_end(&w, to);
}

struct reply_reading {
    struct pk_control_reply reply;
    int64_t code;
    struct pk_str message;
};
#define REPLY(name, kind, flags, member)                                                                     \
    { name, kind, flags, (uint32_t)offsetof(struct reply_reading, member), 0 }
enum { REPLY_OK, REPLY_MORE, REPLY_DONE };
static const struct pk_field REPLY_ROWS[] = {
    [REPLY_OK] = REPLY("ok", PK_FIELD_BOOL, 0, reply.is_ok),
    [REPLY_MORE] = REPLY("more", PK_FIELD_BOOL, 0, reply.is_more),
    [REPLY_DONE] = REPLY("done", PK_FIELD_BOOL, 0, reply.is_done),
    REPLY("id", PK_FIELD_U64, 0, reply.id),
    REPLY("code", PK_FIELD_I64, 0, code),
    REPLY("error", PK_FIELD_SLICE, 0, reply.error),
    REPLY("message", PK_FIELD_RAW, 0, message),
    REPLY("result", PK_FIELD_RAW, 0, reply.result),
};

int pk_control_reply_parse(struct pk_str line, struct pk_control_reply *out) {
    struct reply_reading r = {.code = 0};
    struct pk_fields_result result;
    const int err =
        pk_fields_read(line.p, line.n, REPLY_ROWS, PK_COUNT_OF(REPLY_ROWS), PK_FIELDS_LENIENT, &r, &result);
    if (err != PK_OK) {
        return err;
    }
    if (!pk_fields_has(&result, REPLY_OK) && !r.reply.is_more && !r.reply.is_done) {
        return PK_E_MISSING_FIELD;
    }
    if (r.code < INT32_MIN || r.code > INT32_MAX) {
        return PK_E_BAD_FIELD;
    }
    *out = r.reply;
    out->code = (int32_t)r.code;
    out->is_ok = r.reply.is_ok || r.reply.is_more || r.reply.is_done;
    if (r.message.n >= 2 && r.message.p[0] == '"') {
        out->message = pk_str_make(r.message.p + 1, r.message.n - 2);
    }
    return PK_OK;
}
