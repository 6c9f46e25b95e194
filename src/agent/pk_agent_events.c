/* Lines of the events socket. */
#include <string.h>

#include "agent/pk_agent_priv.h"

/* Of a line: the shortest event takes 26 bytes with its comma. */
enum { BATCH_EVENTS_MAX = PK_EVENT_LINE_BYTES / 26 };
_Static_assert(BATCH_EVENTS_MAX < PK_LIMIT_INTAKE_EVENTS, "a batch fits an empty ring");

bool pk_agent_has_batch_room(const struct pk_agent *a, const struct pk_lines *lines) {
    const uint32_t at = lines->taken_bytes;
    const bool is_batch = at < lines->used_bytes && lines->p[at] == '[';
    return !is_batch || a->intake.count + BATCH_EVENTS_MAX < PK_LIMIT_INTAKE_EVENTS;
}

static int offer(struct pk_agent *a, struct pk_event_error *error, uint32_t *out_number) {
    const struct pk_intake_clock clock = pk_agent_intake_clock(a);
    a->event_in.is_foreign = a->event_in.is_type_foreign = true; /* any local process may send */
    const int err = pk_intake_offer(&a->intake, &a->event_in, &clock, out_number);
    if (err < 0) {
        pk_intake_error(err, error);
    }
    return err;
}

static void take_one(struct pk_agent *a, struct pk_buf *replies, struct pk_str line) {
    struct pk_event_error error;
    uint32_t number = 0;
    int err = pk_event_json_parse(line, &a->event_in, &error);
    if (err < 0) {
        pk_intake_bad(&a->intake, pk_str_make(NULL, 0), a->now.mono_ms);
    } else {
        err = offer(a, &error, &number);
    }
    if (err < 0) {
        pk_event_reply_error(replies, &error);
    } else {
        pk_event_reply_ok(replies, a->now.boot, number);
    }
}

/* ---- batches ---- */

struct batch {
    struct pk_json_reader reader;
    struct pk_str line;
    uint32_t at_byte; /* of the element */
};

static int syntax(struct pk_event_error *error, int err, uint32_t at_byte, const char *message) {
    memset(error, 0, sizeof *error);
    error->err = err;
    error->at_byte = at_byte;
    (void)pk_str_copy_cut(pk_str_of(message), error->message, sizeof error->message);
    return err;
}

static int begin(struct batch *b, struct pk_str line) {
    struct pk_json_token t;
    b->line = line;
    pk_json_init(&b->reader, line.p, line.n);
    return pk_json_next(&b->reader, &t); /* the bracket, seen before */
}

/* The next element into a->event_in: PK_OK, PK_E_NOT_FOUND at the end of a whole array, or what is wrong. */
static int next(struct pk_agent *a, struct batch *b, struct pk_event_error *error) {
    struct pk_json_token t;
    int err = pk_json_next(&b->reader, &t);
    b->at_byte = err == PK_OK ? t.at_byte : 0;
    if (err == PK_OK && t.kind == PK_JSON_CLOSE) {
        err = pk_json_next(&b->reader, &t);
        return err == PK_OK ? PK_E_NOT_FOUND : syntax(error, err, b->reader.at_byte, "not valid JSON");
    }
    err = err == PK_OK ? pk_json_skip(&b->reader, &t) : err;
    if (err < 0) {
        return syntax(error, err, b->reader.at_byte, "not valid JSON");
    }
    if (t.kind != PK_JSON_OBJECT) {
        return syntax(error, PK_E_BAD_MSG, b->at_byte, "a batch is an array of events");
    }
    const struct pk_str element = pk_str_make(b->line.p + b->at_byte, b->reader.at_byte - b->at_byte);
    err = pk_event_json_parse(element, &a->event_in, error);
    error->at_byte += err < 0 ? b->at_byte : 0;
    return err;
}

/* Every element is read before the first is taken. Their count, or what is wrong. */
static int check(struct pk_agent *a, struct batch *b, struct pk_event_error *error) {
    int count = 0;
    int err = begin(b, b->line);
    while (err == PK_OK) {
        err = next(a, b, error);
        count += err == PK_OK ? 1 : 0;
    }
    return err == PK_E_NOT_FOUND ? count : err;
}

static void put_refused(struct pk_buf *replies, const struct pk_event_error *error, uint32_t accepted,
                        uint32_t count) {
    struct pk_json_writer w;
    pk_jw_init(&w, replies);
    pk_jw_object(&w, NULL);
    pk_jw_bool(&w, "ok", false);
    pk_jw_cstr(&w, "error", pk_err_word(error->err));
    pk_jw_u64(&w, "accepted", accepted);
    pk_jw_u64(&w, "count", count);
    pk_jw_cstr(&w, "message", error->message);
    pk_jw_object_end(&w);
}

static void put_taken(const struct pk_agent *a, struct pk_buf *replies, uint32_t number, uint32_t count) {
    pk_event_reply_ok(replies, a->now.boot, number);
    replies->n--; /* the bracket */
    pk_buf_puts(replies, ",\"count\":");
    pk_buf_put_u64(replies, count);
    pk_buf_putc(replies, '}');
}

static void take_batch(struct pk_agent *a, struct pk_buf *replies, struct pk_str line) {
    struct batch b = {.line = line};
    struct pk_event_error error, first;
    uint32_t number = 0, last = 0, accepted = 0;
    const int count = check(a, &b, &error);
    if (count < 0) {
        pk_intake_bad(&a->intake, pk_str_make(NULL, 0), a->now.mono_ms);
        pk_event_reply_error(replies, &error);
        return;
    }
    memset(&first, 0, sizeof first);
    int err = begin(&b, line);
    while (err == PK_OK && next(a, &b, &error) == PK_OK) {
        if (offer(a, &error, &number) == PK_OK) {
            last = number;
            accepted++;
        } else if (first.err == PK_OK) {
            first = error;
        }
    }
    if (first.err != PK_OK) {
        put_refused(replies, &first, accepted, (uint32_t)count);
    } else {
        put_taken(a, replies, last, accepted);
    }
}

void pk_agent_event_line(struct pk_agent *a, struct pk_buf *replies, int line_err, struct pk_str line) {
    if (line_err < 0 || line.n > PK_EVENT_LINE_BYTES) {
        struct pk_event_error error;
        (void)syntax(&error, PK_E_TOO_BIG, 0, "the line is longer than 4096 bytes");
        pk_intake_bad(&a->intake, pk_str_make(NULL, 0), a->now.mono_ms);
        pk_event_reply_error(replies, &error);
    } else if (line.n > 0 && line.p[0] == '[') {
        take_batch(a, replies, line);
    } else {
        take_one(a, replies, line);
    }
    pk_buf_putc(replies, '\n');
}
