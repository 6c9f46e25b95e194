/* `events record`: every event the agent takes, as JSON lines with the moment it was taken, for `replay`. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ctl/pk_ctl_call.h"
#include "ctl/pk_ctl_handlers.h"

struct record {
    struct pk_ctl *c;
    const char *path;
    int fd;
    uint64_t limit, end_ms; /* end_ms: of the monotonic clock, 0 = none */
    uint64_t recorded, missed, last_number;
    struct pk_ctl_text line;
};

static int open_file(struct record *r) {
    if (strcmp(r->path, "-") == 0) {
        r->fd = r->c->out_fd;
        return 0;
    }
    r->fd = open(r->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (r->fd >= 0) {
        return 0;
    }
    return errno == EEXIST
               ? pk_ctl_fail(r->c, PK_E_CONFLICT, "there is a file {} already", pk_str_of(r->path))
               : pk_ctl_fail(r->c, PK_E_IO, "cannot write {}", pk_str_of(r->path));
}

static int put_line(struct record *r) {
    for (size_t at = 0; at < r->line.n;) {
        const ssize_t n = write(r->fd, r->line.p + at, r->line.n - at);
        if (n < 0 && errno != EINTR) {
            return pk_ctl_fail(r->c, PK_E_IO, "cannot write {}", pk_str_of(r->path));
        }
        at += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Every event has the next number: a gap is what the socket could not take. A new life of the agent counts
 * anew. */
static void count(struct record *r, struct pk_str event_id) {
    struct pk_str boot;
    uint64_t number = 0;
    (void)pk_str_split(&event_id, '-', &boot);
    if (event_id.p == NULL || pk_parse_u64(event_id, &number) < 0) {
        return;
    }
    r->missed += r->last_number > 0 && number > r->last_number + 1 ? number - r->last_number - 1 : 0;
    r->last_number = number;
    r->recorded++;
}

/* {"received":…, and what the event says of itself. */
static int take_item(struct record *r, struct pk_str item) {
    const struct pk_ctl_value event = pk_ctl_member(item, "event");
    const struct pk_str received = pk_ctl_word(pk_ctl_member(item, "received"));
    if (event.kind != PK_JSON_OBJECT || event.json.n < 2) {
        return 0; /* incidents and what happens to them */
    }
    r->line.n = 0;
    pk_ctl_text_putc(&r->line, '{');
    if (received.n > 0) {
        pk_ctl_text_puts(&r->line, "\"received\":\"");
        pk_ctl_text_put_str(&r->line, received);
        pk_ctl_text_puts(&r->line, "\",");
    }
    pk_ctl_text_put_str(&r->line, pk_str_make(event.json.p + 1, event.json.n - 1));
    pk_ctl_text_putc(&r->line, '\n');
    count(r, pk_ctl_word(pk_ctl_member(event.json, "event_id")));
    return put_line(r);
}

/* Until interrupted, the time is over, or the number reached. */
static int run(struct record *r) {
    struct pk_ctl *c = r->c;
    struct pk_ctl_answer answer;
    bool is_done = false;
    int exit_code = pk_ctl_send(c, PK_CMD_WATCH, pk_str_of("{\"events\":true}"));
    while (exit_code == 0 && !is_done && r->recorded < r->limit) {
        const uint64_t now_ms = pk_ctl_mono_ms();
        if (r->end_ms > 0 && now_ms >= r->end_ms) {
            return 0;
        }
        c->conn.timeout_ms = r->end_ms > 0 ? r->end_ms - now_ms : 0; /* quiet times are no fault */
        pk_ctl_read(c, &answer, &is_done);
        if (answer.exit_code == pk_err_exit_code(PK_E_TIMEOUT) && r->end_ms > 0 &&
            pk_ctl_mono_ms() >= r->end_ms) {
            return 0;
        }
        if (answer.exit_code != 0) {
            (void)pk_ctl_fail(c, PK_OK, "{}", pk_str_of(answer.why));
            return answer.exit_code;
        }
        exit_code = answer.result.n > 0 ? take_item(r, answer.result) : 0;
    }
    return exit_code;
}

static void show(struct record *r) {
    char json[512];
    struct pk_buf b;
    struct pk_json_writer w;
    pk_buf_init(&b, json, sizeof json);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_u64(&w, "recorded", r->recorded);
    if (r->missed > 0) {
        pk_jw_u64(&w, "missed", r->missed);
    }
    pk_jw_cstr(&w, "file", r->path);
    pk_jw_object_end(&w);
    if (!b.is_cut && r->fd != r->c->out_fd) {
        pk_ctl_show(r->c, r->c->command->view, pk_buf_str(&b));
    }
}

int pk_ctl_do_events_record(struct pk_ctl *c) {
    struct record r = {.c = c, .path = pk_ctl_args_text(&c->args, "file"), .fd = -1};
    const char *length = pk_ctl_args_text(&c->args, "for");
    uint64_t length_ms = 0;
    r.limit = pk_ctl_args_u64(&c->args, "limit", UINT64_MAX);
    if (length != NULL && pk_parse_duration_ms(pk_str_of(length), &length_ms) < 0) {
        return pk_ctl_fail(c, PK_E_USAGE, "--for takes a time such as 30s or 10m, not '{}'",
                           pk_str_of(length));
    }
    if (c->is_dry_run) {
        pk_ctl_text_puts(&c->out, "would record events\n");
        return 0;
    }
    r.end_ms = length != NULL ? pk_ctl_mono_ms() + length_ms : 0;
    int exit_code = open_file(&r);
    if (exit_code != 0) {
        return exit_code;
    }
    exit_code = run(&r);
    if (r.fd != c->out_fd && close(r.fd) < 0 && exit_code == 0) {
        exit_code = pk_ctl_fail(c, PK_E_IO, "cannot write {}", pk_str_of(r.path));
    }
    show(&r);
    pk_ctl_text_free(&r.line);
    return exit_code != 0 ? exit_code : r.missed > 0 ? 1 : 0;
}
