#include "ctl/pk_ctl.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "ctl/pk_ctl_handlers.h"

static const char DEFAULT_SOCKET[] = "/run/picket/control.sock";

static bool write_all(int fd, const struct pk_ctl_text *t) {
    size_t done = 0;
    while (done < t->n) {
        const ssize_t n = write(fd, t->p + done, t->n - done);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

bool pk_ctl_flush(struct pk_ctl *c) {
    const bool is_whole = !c->out.is_cut && !c->err.is_cut;
    const bool is_out = write_all(c->out_fd, &c->out);
    if (!is_out || !is_whole) {
        pk_ctl_text_puts(&c->err,
                         is_out ? "picketctl: out of memory\n" : "picketctl: cannot write the output\n");
    }
    (void)write_all(c->err_fd, &c->err);
    c->out.n = c->err.n = 0;
    return is_out && is_whole;
}

int pk_ctl_fail(struct pk_ctl *c, int err, const char *message, struct pk_str argument) {
    const char *place = strstr(message, "{}");
    pk_ctl_text_puts(&c->err, "picketctl: ");
    if (place == NULL) {
        pk_ctl_text_puts(&c->err, message);
    } else {
        pk_ctl_text_put(&c->err, message, (size_t)(place - message));
        pk_ctl_text_put_safe(&c->err, argument, false);
        pk_ctl_text_puts(&c->err, place + 2);
    }
    pk_ctl_text_putc(&c->err, '\n');
    return pk_err_exit_code(err);
}

int pk_ctl_write_file(struct pk_ctl *c, const char *path, const struct pk_ctl_text *text) {
    if (text->is_cut || text->n > UINT32_MAX) {
        return pk_ctl_fail(c, PK_E_FULL, "out of memory", pk_str_make(NULL, 0));
    }
    const int err = c->port.files.replace(c->port.files.ctx, path, text->p, (uint32_t)text->n);
    if (err < 0) {
        (void)pk_ctl_fail(c, err, "cannot write {}", pk_str_of(path));
        return pk_ctl_fail(c, err, "{}", pk_str_of(pk_err_text(err)));
    }
    return 0;
}

void pk_ctl_show(struct pk_ctl *c, const struct pk_ctl_view *view, struct pk_str result) {
    switch (c->format) {
    case PK_CTL_TABLE:
        pk_ctl_view_table(&c->out, view, result, &c->look);
        return;
    case PK_CTL_JSON:
        pk_ctl_view_json(&c->out, result);
        return;
    case PK_CTL_CSV:
        pk_ctl_view_csv(&c->out, view, result);
        return;
    case PK_CTL_NDJSON:
        pk_ctl_view_ndjson(&c->out, view, result);
        return;
    case PK_CTL_FORMAT_COUNT:
        break;
    }
    PK_ASSERT(false);
}

static int take_format(struct pk_ctl *c) {
    static const char *const WORDS[PK_CTL_FORMAT_COUNT] = {"table", "json", "csv", "ndjson"};
    const char *word = pk_ctl_args_text(&c->args, "format");
    const bool is_terminal = isatty(c->out_fd) == 1;
    c->format = is_terminal ? PK_CTL_TABLE : PK_CTL_JSON;
    c->look.has_colour = is_terminal && !c->no_colour;
    if (word == NULL) {
        return 0;
    }
    for (unsigned i = 0; i < PK_CTL_FORMAT_COUNT; i++) {
        if (pk_str_eq_nocase(pk_str_of(word), WORDS[i])) {
            c->format = (enum pk_ctl_format)i;
            return 0;
        }
    }
    return pk_ctl_fail(c, PK_E_USAGE, "--format is table, json, csv or ndjson, not '{}'", pk_str_of(word));
}

static int take_globals(struct pk_ctl *c) {
    const char *socket_path = pk_ctl_args_text(&c->args, "socket");
    const char *timeout = pk_ctl_args_text(&c->args, "timeout");
    bool is_synced = false;
    socket_path = socket_path != NULL ? socket_path : c->socket_env;
    c->socket_path = socket_path != NULL && socket_path[0] != '\0' ? socket_path : DEFAULT_SOCKET;
    c->timeout_ms = PK_CTL_TIMEOUT_MS;
    if (timeout != NULL && (pk_parse_duration_ms(pk_str_of(timeout), &c->timeout_ms) != PK_OK ||
                            c->timeout_ms == 0 || c->timeout_ms > INT32_MAX)) {
        return pk_ctl_fail(c, PK_E_USAGE, "--timeout takes a time such as 500ms or 10s, not '{}'",
                           pk_str_of(timeout));
    }
    c->is_dry_run = pk_ctl_args_has(&c->args, "dry-run");
    c->look.now_ms = c->port.clock.wall_ms(c->port.clock.ctx, &is_synced);
    return take_format(c);
}

static int carry_out(struct pk_ctl *c, int argc, char *const *argv) {
    char why[PK_CTL_WHY_BYTES];
    const int err = pk_ctl_args_parse(&c->args, argc, argv, why);
    c->command = pk_ctl_command(c->args.command);
    if (err != PK_OK && c->args.command == PK_CTL_CHECK) {
        return pk_ctl_check_usage(c, why);
    }
    if (err != PK_OK) {
        const int exit_code = pk_ctl_fail(c, err, "{}", pk_str_of(why));
        pk_ctl_text_puts(&c->err, "Try 'picketctl help'.\n");
        return exit_code;
    }
    const int exit_code = take_globals(c);
    if (exit_code != 0) {
        return c->args.command == PK_CTL_CHECK
                   ? pk_ctl_check_usage(c, "wrong --format or --timeout") /* what is wrong was said */
                   : exit_code;
    }
    return pk_ctl_args_has(&c->args, "help") ? pk_ctl_do_help(c) : c->command->handler(c);
}

int pk_ctl_run(struct pk_ctl *c, int argc, char *const *argv) {
    pk_platform_open_tool(&c->port);
    c->out = c->err = (struct pk_ctl_text){0};
    pk_ctl_conn_init(&c->conn, PK_CTL_TIMEOUT_MS);
    c->is_connected = false;
    c->last_id = 0;
    int exit_code = carry_out(c, argc, argv);
    if (!pk_ctl_flush(c) && exit_code == 0) {
        exit_code = pk_err_exit_code(PK_E_IO);
    }
    pk_ctl_conn_close(&c->conn);
    pk_ctl_text_free(&c->out);
    pk_ctl_text_free(&c->err);
    return exit_code;
}
