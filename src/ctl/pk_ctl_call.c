#include "ctl/pk_ctl_call.h"

#include <string.h>

#include "ctl/pk_ctl_handlers.h"

static void refuse(struct pk_ctl_answer *out, int exit_code, const char *before, struct pk_str what,
                   const char *after) {
    struct pk_buf b;
    struct pk_ctl_text safe = {0};
    out->exit_code = exit_code;
    out->result = pk_str_make(NULL, 0);
    pk_ctl_text_put_safe(&safe, what, false);
    char cut[360];
    (void)pk_str_copy_cut(pk_ctl_text_str(&safe), cut, sizeof cut);
    pk_ctl_text_free(&safe);
    pk_buf_init(&b, out->why, sizeof out->why);
    pk_buf_puts(&b, before);
    pk_buf_puts(&b, cut);
    pk_buf_puts(&b, after);
}

static void link_failed(struct pk_ctl *c, int err, struct pk_ctl_answer *out) {
    char path[120];
    struct pk_buf b;
    char text[sizeof c->conn.why + sizeof path + 8];
    (void)pk_str_copy_cut(pk_str_of(c->socket_path), path, sizeof path);
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, path);
    pk_buf_puts(&b, ": ");
    pk_buf_puts(&b, c->conn.why);
    /* An answer that is too long breaks the protocol, as garbage does. */
    const int exit_code = pk_err_exit_code(err == PK_E_TOO_BIG ? PK_E_PROTOCOL : err);
    refuse(out, exit_code,
           err == PK_E_UNREACHABLE || err == PK_E_USAGE ? "cannot reach picketd at " : "picketd at ",
           pk_buf_str(&b), "");
    pk_ctl_conn_close(&c->conn);
    c->is_connected = false;
}

static bool make_ready(struct pk_ctl *c, struct pk_ctl_answer *out) {
    if (c->is_connected) {
        return true;
    }
    pk_ctl_conn_init(&c->conn, c->timeout_ms);
    const int err = pk_ctl_conn_open(&c->conn, c->socket_path);
    if (err != PK_OK) {
        link_failed(c, err, out);
        return false;
    }
    c->is_connected = true;
    return true;
}

static bool send_request(struct pk_ctl *c, enum pk_cmd cmd, struct pk_str args_json,
                         struct pk_ctl_answer *out) {
    struct pk_buf b;
    if (!make_ready(c, out)) {
        return false;
    }
    c->last_id++;
    pk_buf_init(&b, c->request, sizeof c->request);
    pk_control_write_request(&b, c->last_id, pk_str_of(pk_cmd_row(cmd)->name), args_json);
    const int err = b.is_cut ? PK_E_TOO_BIG : pk_ctl_conn_send(&c->conn, b.p, b.n);
    if (err != PK_OK) {
        link_failed(c, err, out);
    }
    return err == PK_OK;
}

static void reply_refused(const struct pk_control_reply *r, struct pk_ctl_answer *out) {
    const int exit_code = r->code >= 1 && r->code <= 9 ? r->code : 1;
    struct pk_ctl_text message = {0};
    if (r->message.p != NULL) {
        /* Its escapes are resolved as those of any string: with its quotes back on. */
        const struct pk_ctl_value v = {.kind = PK_JSON_STRING,
                                       .json = pk_str_make(r->message.p - 1, r->message.n + 2)};
        pk_ctl_put_string(&message, v);
    }
    refuse(out, exit_code, "", message.n > 0 ? pk_ctl_text_str(&message) : r->error, "");
    pk_ctl_text_free(&message);
}

void pk_ctl_read(struct pk_ctl *c, struct pk_ctl_answer *out, bool *out_is_done) {
    struct pk_str line;
    struct pk_control_reply reply;
    *out = (struct pk_ctl_answer){.exit_code = 0};
    *out_is_done = false;
    const int err = pk_ctl_conn_line(&c->conn, &line);
    if (err != PK_OK) {
        link_failed(c, err, out);
        return;
    }
    if (pk_control_reply_parse(line, &reply) != PK_OK) {
        refuse(out, pk_err_exit_code(PK_E_PROTOCOL), "picketd at ", pk_str_of(c->socket_path),
               " sent something that is no answer");
        return;
    }
    /* A request that could not be read at all is answered under id 0. */
    if (reply.id != c->last_id && !(reply.id == 0 && !reply.is_ok)) {
        refuse(out, pk_err_exit_code(PK_E_PROTOCOL), "picketd at ", pk_str_of(c->socket_path),
               " answered another question");
        return;
    }
    if (!reply.is_ok) {
        reply_refused(&reply, out);
        return;
    }
    *out_is_done = reply.is_done;
    out->result = reply.result;
}

void pk_ctl_ask(struct pk_ctl *c, enum pk_cmd cmd, struct pk_str args_json, struct pk_ctl_answer *out) {
    bool is_done = false;
    *out = (struct pk_ctl_answer){.exit_code = 0};
    if (!send_request(c, cmd, args_json, out)) {
        return;
    }
    pk_ctl_read(c, out, &is_done);
    if (out->exit_code == 0 && out->result.n == 0) {
        refuse(out, pk_err_exit_code(PK_E_PROTOCOL), "picketd at ", pk_str_of(c->socket_path),
               " answered without a result");
    }
}

int pk_ctl_ask_or_fail(struct pk_ctl *c, enum pk_cmd cmd, struct pk_str args_json,
                       struct pk_str *out_result) {
    struct pk_ctl_answer answer;
    pk_ctl_ask(c, cmd, args_json, &answer);
    *out_result = answer.result;
    if (answer.exit_code != 0) {
        (void)pk_ctl_fail(c, PK_OK, "{}", pk_str_of(answer.why));
    }
    return answer.exit_code;
}

int pk_ctl_send(struct pk_ctl *c, enum pk_cmd cmd, struct pk_str args_json) {
    struct pk_ctl_answer answer = {.exit_code = 0};
    if (!send_request(c, cmd, args_json, &answer)) {
        (void)pk_ctl_fail(c, PK_OK, "{}", pk_str_of(answer.why));
    }
    return answer.exit_code;
}

/* ---- arguments ---- */

static void put_argument(struct pk_json_writer *w, const struct pk_ctl_arg *given) {
    const struct pk_str value = pk_str_of(given->value);
    uint64_t number = 0;
    switch (given->option->kind) {
    case PK_CTL_TEXT:
        pk_jw_str(w, given->option->arg, value);
        return;
    case PK_CTL_NUMBER:
        /* It was checked when the command line was. */
        pk_jw_u64(w, given->option->arg, pk_parse_u64(value, &number) == PK_OK ? number : 0);
        return;
    case PK_CTL_FLAG:
        pk_jw_bool(w, given->option->arg, true);
        return;
    }
}

void pk_ctl_args_begin(struct pk_ctl *c, struct pk_ctl_args_writer *w) {
    uint32_t count = 0;
    const struct pk_ctl_option *rows = pk_ctl_options(c->args.command, &count);
    pk_buf_init(&w->b, c->args_json, sizeof c->args_json);
    pk_jw_init(&w->w, &w->b);
    pk_jw_object(&w->w, NULL);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < c->args.count && rows[i].arg != NULL; k++) {
            if (c->args.values[k].option == &rows[i]) {
                put_argument(&w->w, &c->args.values[k]);
            }
        }
    }
}

int pk_ctl_args_end(struct pk_ctl_args_writer *w, struct pk_str *out_json) {
    pk_jw_object_end(&w->w);
    *out_json = pk_buf_str(&w->b);
    return w->b.is_cut ? PK_E_TOO_BIG : PK_OK;
}

int pk_ctl_args_json(struct pk_ctl *c, struct pk_str *out_json) {
    struct pk_ctl_args_writer w;
    pk_ctl_args_begin(c, &w);
    if (pk_ctl_args_end(&w, out_json) != PK_OK) {
        return pk_ctl_fail(c, PK_E_USAGE, "the arguments are too long", pk_str_make(NULL, 0));
    }
    return 0;
}

bool pk_ctl_is_dry_run(struct pk_ctl *c, enum pk_cmd cmd, struct pk_str args_json) {
    if (!c->is_dry_run || (pk_cmd_row(cmd)->flags & PK_CMD_MUTATES) == 0) {
        return false;
    }
    pk_ctl_text_puts(&c->out, "would send ");
    pk_ctl_text_puts(&c->out, pk_cmd_row(cmd)->name);
    pk_ctl_text_putc(&c->out, ' ');
    pk_ctl_text_put_json(&c->out, args_json);
    pk_ctl_text_putc(&c->out, '\n');
    return true;
}

int pk_ctl_ask_and_show(struct pk_ctl *c, struct pk_str args_json) {
    struct pk_str result;
    if (pk_ctl_is_dry_run(c, c->command->cmd, args_json)) {
        return 0;
    }
    const int exit_code = pk_ctl_ask_or_fail(c, c->command->cmd, args_json, &result);
    if (exit_code == 0) {
        pk_ctl_show(c, c->command->view, result);
    }
    return exit_code;
}

int pk_ctl_do_call(struct pk_ctl *c) {
    struct pk_str args_json;
    const int exit_code = pk_ctl_args_json(c, &args_json);
    return exit_code != 0 ? exit_code : pk_ctl_ask_and_show(c, args_json);
}
