/* `events send`: one event from options, or lines of standard input to the event socket. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/pk_ctl_call.h"
#include "ctl/pk_ctl_handlers.h"

/* Lines under way at a time: their answers fit into any socket buffer, so neither side waits for the other.
 */
enum { UNANSWERED_MAX = 64, INPUT_BYTES = 65536, REFUSALS_SHOWN = 20 };

/* ---- one event ---- */

static int put_data(struct pk_ctl *c, struct pk_json_writer *w) {
    bool is_open = false;
    for (uint32_t i = 0; i < c->args.count; i++) {
        if (!pk_str_eq_c(pk_ctl_option_name(c->args.values[i].option), "data")) {
            continue;
        }
        struct pk_str rest = pk_str_of(c->args.values[i].value), name;
        (void)pk_str_split(&rest, '=', &name);
        if (rest.p == NULL || name.n == 0) {
            return pk_ctl_fail(c, PK_E_USAGE, "--data takes NAME=VALUE, not '{}'",
                               pk_str_of(c->args.values[i].value));
        }
        if (!is_open) {
            pk_jw_object(w, "metadata");
            is_open = true;
        }
        pk_jw_key(w, name);
        pk_jw_str(w, NULL, rest);
    }
    if (is_open) {
        pk_jw_object_end(w);
    }
    return 0;
}

static int put_event(struct pk_ctl *c, struct pk_json_writer *w) {
    static const char *const TEXTS[][2] = {{"type", "type"},
                                           {"source", "source"},
                                           {"severity", "severity"},
                                           {"message", "message"},
                                           {"correlation-id", "correlation_id"}};
    const char *value = pk_ctl_args_text(&c->args, "value");
    double number = 0;
    pk_jw_object(w, "event");
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        const char *text = pk_ctl_args_text(&c->args, TEXTS[i][0]);
        if (text != NULL) {
            pk_jw_cstr(w, TEXTS[i][1], text);
        }
    }
    if (pk_ctl_args_has(&c->args, "fault")) {
        if (value != NULL) {
            return pk_ctl_fail(c, PK_E_USAGE, "either --value or --fault", pk_str_make(NULL, 0));
        }
        pk_jw_bool(w, "fault", true);
    }
    if (value != NULL) {
        if (pk_parse_double(pk_str_of(value), &number) != PK_OK) {
            return pk_ctl_fail(c, PK_E_USAGE, "--value takes a number, not '{}'", pk_str_of(value));
        }
        pk_jw_double(w, "value", number);
    }
    const int exit_code = put_data(c, w);
    pk_jw_object_end(w);
    return exit_code;
}

static int send_one(struct pk_ctl *c) {
    struct pk_buf b;
    struct pk_json_writer w;
    if (!pk_ctl_args_has(&c->args, "type") || !pk_ctl_args_has(&c->args, "source")) {
        return pk_ctl_fail(c, PK_E_USAGE, "'events send' needs --type and --source, or - for standard input",
                           pk_str_make(NULL, 0));
    }
    pk_buf_init(&b, c->args_json, sizeof c->args_json);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    const int exit_code = put_event(c, &w);
    if (exit_code != 0) {
        return exit_code;
    }
    pk_jw_object_end(&w);
    if (b.is_cut) {
        return pk_ctl_fail(c, PK_E_USAGE, "the event is too long", pk_str_make(NULL, 0));
    }
    return pk_ctl_ask_and_show(c, pk_buf_str(&b));
}

/* ---- lines of standard input ---- */

struct stream {
    char *input;                /* INPUT_BYTES */
    uint32_t used, taken, sent; /* of input: read; made into lines; of those, handed to the socket */
    bool is_input_over;
    uint64_t line_count, answer_count, accepted, refused;
};

/* Takes the next line into the stretch to send: true when there is one. Empty lines are dropped. */
static bool take_line(struct pk_ctl *c, struct stream *s) {
    while (s->taken < s->used) {
        char *from = s->input + s->taken;
        char *end = memchr(from, '\n', s->used - s->taken);
        if (end == NULL && !s->is_input_over) {
            return false;
        }
        if (end == NULL) {
            /* The last line may lack its end; take_input left room for it. */
            end = s->input + s->used;
            *end = '\n';
            s->used++;
        }
        const uint32_t n = (uint32_t)(end - from) + 1;
        if (n == 1) {
            memmove(from, from + 1, s->used - s->taken - 1);
            s->used--;
            continue;
        }
        s->taken += n;
        s->line_count++;
        return true;
    }
    (void)c;
    return false;
}

static int take_input(struct pk_ctl *c, struct stream *s) {
    memmove(s->input, s->input + s->sent, s->used - s->sent);
    s->used -= s->sent;
    s->taken -= s->sent;
    s->sent = 0;
    if (s->used + 1 >= INPUT_BYTES) {
        return s->taken > 0 ? 0
                            : pk_ctl_fail(c, PK_E_TOO_BIG, "a line of the input is longer than 64 KiB",
                                          pk_str_make(NULL, 0));
    }
    const ssize_t n = read(c->in_fd, s->input + s->used, INPUT_BYTES - 1 - s->used);
    if (n < 0 && errno != EINTR && errno != EAGAIN) {
        return pk_ctl_fail(c, PK_E_IO, "cannot read standard input: {}", pk_str_of(strerror(errno)));
    }
    s->is_input_over = n == 0;
    s->used += n > 0 ? (uint32_t)n : 0;
    return 0;
}

static int stream_failed(struct pk_ctl *c, int err) {
    return pk_ctl_fail(c, err, "events.sock: {}", pk_str_of(c->conn.why));
}

static int take_answers(struct pk_ctl *c, struct stream *s) {
    struct pk_str line;
    int err = pk_ctl_conn_try_line(&c->conn, &line);
    for (; err == PK_OK; err = pk_ctl_conn_try_line(&c->conn, &line)) {
        s->answer_count++;
        if (pk_ctl_is_true(pk_ctl_member(line, "ok"))) {
            s->accepted++;
            continue;
        }
        s->refused++;
        if (s->refused > REFUSALS_SHOWN) {
            continue;
        }
        pk_ctl_text_puts(&c->err, "picketctl: line ");
        pk_ctl_text_put_u64(&c->err, s->answer_count);
        pk_ctl_text_puts(&c->err, ": ");
        pk_ctl_put_template(&c->err, "{error}: {message}", line, &c->look);
        pk_ctl_text_putc(&c->err, '\n');
    }
    return err == PK_E_AGAIN ? 0 : stream_failed(c, err);
}

static int send_lines(struct pk_ctl *c, struct stream *s) {
    while (s->line_count - s->answer_count < UNANSWERED_MAX && take_line(c, s)) {
    }
    if (s->sent == s->taken) {
        return 0;
    }
    const int n = pk_ctl_conn_try_send(&c->conn, s->input + s->sent, s->taken - s->sent);
    if (n < 0) {
        return stream_failed(c, n);
    }
    s->sent += (uint32_t)n;
    return 0;
}

/* Reads input only when nothing else is to be done, so that a slow source does not hold up answers. */
static int step(struct pk_ctl *c, struct stream *s) {
    int exit_code = send_lines(c, s);
    if (exit_code != 0) {
        return exit_code;
    }
    const bool is_sent = s->sent == s->taken;
    const bool can_read = is_sent && !s->is_input_over && s->line_count - s->answer_count < UNANSWERED_MAX;
    struct pollfd p[2] = {{.fd = c->conn.fd, .events = (short)(POLLIN | (is_sent ? 0 : POLLOUT))},
                          {.fd = can_read ? c->in_fd : -1, .events = POLLIN}};
    const bool waits_for_agent = !is_sent || s->line_count > s->answer_count;
    const int n = poll(p, 2, waits_for_agent ? (int)c->timeout_ms : -1);
    if (n == 0) {
        return pk_ctl_fail(c, PK_E_TIMEOUT, "picketd does not answer events in time", pk_str_make(NULL, 0));
    }
    if (n > 0 && p[0].revents != 0) {
        exit_code = take_answers(c, s);
    }
    if (exit_code == 0 && n > 0 && p[1].revents != 0) {
        exit_code = take_input(c, s);
    }
    return exit_code;
}

static void show_stream(struct pk_ctl *c, const struct stream *s) {
    char text[160];
    struct pk_buf b;
    struct pk_json_writer w;
    if (s->refused > REFUSALS_SHOWN) {
        pk_ctl_text_puts(&c->err, "picketctl: and more refused lines\n");
    }
    pk_buf_init(&b, text, sizeof text);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_u64(&w, "sent", s->line_count);
    pk_jw_u64(&w, "accepted", s->accepted);
    pk_jw_u64(&w, "refused", s->refused);
    pk_jw_object_end(&w);
    pk_ctl_show(c, c->command->view, pk_buf_str(&b));
}

/* events.sock lies beside the control socket. */
static int open_events(struct pk_ctl *c) {
    char path[512];
    struct pk_buf b;
    const char *slash = strrchr(c->socket_path, '/');
    pk_buf_init(&b, path, sizeof path);
    pk_buf_put(&b, c->socket_path, slash != NULL ? (size_t)(slash - c->socket_path) + 1 : 0);
    pk_buf_puts(&b, "events.sock");
    pk_ctl_conn_init(&c->conn, c->timeout_ms);
    const int err = pk_ctl_conn_open(&c->conn, path);
    if (err != PK_OK) {
        (void)pk_ctl_fail(c, err, "cannot reach picketd at {}", pk_buf_str(&b));
        return pk_ctl_fail(c, err, "{}", pk_str_of(c->conn.why));
    }
    c->is_connected = true;
    return 0;
}

static int send_stream(struct pk_ctl *c) {
    struct stream s = {.input = malloc(INPUT_BYTES)};
    if (s.input == NULL) {
        return pk_ctl_fail(c, PK_E_FULL, "out of memory", pk_str_make(NULL, 0));
    }
    int exit_code = open_events(c);
    while (exit_code == 0 && !(s.is_input_over && s.taken == s.used && s.answer_count >= s.line_count)) {
        exit_code = step(c, &s);
    }
    if (exit_code == 0) {
        show_stream(c, &s);
        exit_code = s.refused > 0 ? 1 : 0;
    }
    free(s.input);
    return exit_code;
}

int pk_ctl_do_events_send(struct pk_ctl *c) {
    const char *from = pk_ctl_args_text(&c->args, "-");
    if (from == NULL) {
        return send_one(c);
    }
    if (strcmp(from, "-") != 0 || pk_ctl_args_has(&c->args, "type")) {
        return pk_ctl_fail(c, PK_E_USAGE,
                           "events come from options or from - (standard input), not from '{}'",
                           pk_str_of(from));
    }
    if (c->is_dry_run) {
        pk_ctl_text_puts(&c->out, "would send the lines of standard input\n");
        return 0;
    }
    return send_stream(c);
}
