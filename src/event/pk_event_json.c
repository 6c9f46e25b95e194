#include "event/pk_event_json.h"

#include <stddef.h>
#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_copy.h"
#include "base/pk_hash.h"

enum member {
    MEMBER_TYPE,
    MEMBER_SOURCE,
    MEMBER_SEVERITY,
    MEMBER_VALUE,
    MEMBER_MESSAGE,
    MEMBER_TIME,
    MEMBER_EVENT_ID,
    MEMBER_CORRELATION,
    MEMBER_METADATA,
    MEMBER_REPLAYED,
    MEMBER_RECEIVED,
    MEMBER_FAULT,
    MEMBER_COUNT
};

enum { MEMBER_NAME_BYTES = 15 };

struct member_name {
    char name[MEMBER_NAME_BYTES];
    uint8_t n;
    enum member member;
};

/* WIRE "Event": the names and their aliases. */
static const struct member_name MEMBERS[] = {
    {"type", 4, MEMBER_TYPE},         {"event_type", 10, MEMBER_TYPE},
    {"source", 6, MEMBER_SOURCE},     {"source_system", 13, MEMBER_SOURCE},
    {"severity", 8, MEMBER_SEVERITY}, {"value", 5, MEMBER_VALUE},
    {"message", 7, MEMBER_MESSAGE},   {"text", 4, MEMBER_MESSAGE},
    {"time", 4, MEMBER_TIME},         {"timestamp", 9, MEMBER_TIME},
    {"event_id", 8, MEMBER_EVENT_ID}, {"correlation_id", 14, MEMBER_CORRELATION},
    {"metadata", 8, MEMBER_METADATA}, {"data", 4, MEMBER_METADATA},
    {"replayed", 8, MEMBER_REPLAYED}, {"received", 8, MEMBER_RECEIVED},
    {"fault", 5, MEMBER_FAULT},
};

enum {
    EVENT_ID_BYTES_MAX = 128,
    FIELD_VALUE_BYTES_MAX = 256,
    ALL_NAMED = (1 << MEMBER_TYPE) | (1 << MEMBER_SOURCE)
};

struct parse {
    struct pk_json_reader reader;
    struct pk_event_in *out;
    struct pk_event_error *error;
    uint32_t seen;    /* bit per member */
    uint32_t ignored; /* bit per member that is known from elsewhere */
};

static int fail(struct pk_event_error *error, int err, struct pk_str field, uint32_t at_byte,
                const char *message) {
    error->err = err;
    error->at_byte = at_byte;
    (void)pk_str_copy_cut(field, error->field, sizeof error->field);
    (void)pk_str_copy_cut(pk_str_of(message), error->message, sizeof error->message);
    return err;
}

static int fail_token(struct parse *p, const struct pk_json_token *t, int err, const char *message) {
    return fail(p->error, err, t->key, t->at_byte, message);
}

static int fail_syntax(struct parse *p, int err) {
    const char *message = err == PK_E_TOO_DEEP ? "nested deeper than the limit" : "not valid JSON";
    return fail(p->error, err, pk_str_make(NULL, 0), p->reader.at_byte, message);
}

static int read_name(struct parse *p, const struct pk_json_token *t, char out[PK_EVENT_TYPE_BYTES]) {
    const int n = pk_json_string(t, out, PK_EVENT_TYPE_BYTES);
    if (n < 0 || !pk_intern_is_name(pk_str_make(out, (size_t)n))) {
        return fail_token(p, t, PK_E_BAD_FIELD, "must be a string of 1 to 64 of A-Z a-z 0-9 _ . : @ -");
    }
    return PK_OK;
}

static int read_severity(struct parse *p, const struct pk_json_token *t) {
    char word[24];
    enum pk_severity severity = PK_SEV_INFO;
    const int n = pk_json_string(t, word, sizeof word);
    if (n < 0 || pk_severity_parse(pk_str_make(word, (size_t)n), &severity) != PK_OK) {
        return fail_token(p, t, PK_E_BAD_FIELD, "must be info, low, medium, high, critical or a known alias");
    }
    p->out->severity = (uint8_t)severity;
    return PK_OK;
}

static int read_value(struct parse *p, const struct pk_json_token *t) {
    if (pk_json_double(t, &p->out->value) != PK_OK) {
        return fail_token(p, t, PK_E_BAD_FIELD, "must be a number in the range of a double");
    }
    p->out->has_value = true;
    return PK_OK;
}

static int read_message(struct parse *p, const struct pk_json_token *t) {
    const int n = pk_json_string(t, p->out->message, sizeof p->out->message);
    if (n == PK_E_BAD_FIELD) {
        return fail_token(p, t, PK_E_BAD_FIELD, "must be a string");
    }
    p->out->cut_count += n < 0 ? 1u : 0u;
    p->out->message_bytes = (uint16_t)(n < 0 ? strlen(p->out->message) : (size_t)n);
    return PK_OK;
}

static int read_wall(struct parse *p, const struct pk_json_token *t, int64_t *out_ms) {
    char text[40];
    int64_t wall_ms = 0;
    const int n = t->kind == PK_JSON_STRING ? pk_json_string(t, text, sizeof text) : PK_E_BAD_FIELD;
    const bool is_good = n >= 0 ? pk_time_parse(pk_str_make(text, (size_t)n), &wall_ms) == PK_OK
                                : t->kind == PK_JSON_NUMBER && pk_json_i64(t, &wall_ms) == PK_OK;
    if (!is_good || wall_ms <= 0) {
        return fail_token(p, t, PK_E_BAD_FIELD, "must be an RFC 3339 time or whole Unix milliseconds");
    }
    *out_ms = wall_ms;
    return PK_OK;
}

static int read_time(struct parse *p, const struct pk_json_token *t) {
    const int err = read_wall(p, t, &p->out->wall_ms);
    p->out->has_time = err == PK_OK;
    return err;
}

static int read_event_id(struct parse *p, const struct pk_json_token *t) {
    char id[EVENT_ID_BYTES_MAX + 1];
    int n = t->raw.n > 0 && t->kind == PK_JSON_NUMBER ? pk_str_copy(t->raw, id, sizeof id)
                                                      : pk_json_string(t, id, sizeof id);
    if (n <= 0) {
        return fail_token(p, t, PK_E_BAD_FIELD, "must be a string of 1 to 128 bytes");
    }
    const uint64_t hash = pk_hash64(id, (size_t)n);
    p->out->event_id_hash = hash != 0 ? hash : 1u;
    return PK_OK;
}

static int read_correlation(struct parse *p, const struct pk_json_token *t) {
    const int n = pk_json_string(t, p->out->correlation, sizeof p->out->correlation);
    if (n <= 0 || strlen(p->out->correlation) != (size_t)n) {
        p->out->correlation[0] = '\0';
        return fail_token(p, t, PK_E_BAD_FIELD, "must be a string of 1 to 64 bytes");
    }
    return PK_OK;
}

/* One scalar of metadata. What does not fit the limits is left out and counted. */
static int read_field(struct parse *p, const struct pk_json_token *t, uint32_t *io_count) {
    char name[PK_FIELD_NAME_BYTES_MAX + 1];
    char text[FIELD_VALUE_BYTES_MAX + 1];
    struct pk_field field = {PK_FIELD_STRING, {NULL, 0}, t->raw};
    const int name_n = pk_json_key(t, name, sizeof name);
    int n = 0;
    switch (t->kind) {
    case PK_JSON_STRING:
        n = pk_json_string(t, text, sizeof text);
        field.value = pk_str_make(text, n > 0 ? (size_t)n : 0u);
        break;
    case PK_JSON_NUMBER:
        field.kind = PK_FIELD_NUMBER;
        n = t->raw.n > FIELD_VALUE_BYTES_MAX ? PK_E_TOO_BIG : 0;
        break;
    case PK_JSON_TRUE:
    case PK_JSON_FALSE:
        field.kind = PK_FIELD_BOOL;
        field.value = pk_str_of(t->kind == PK_JSON_TRUE ? "true" : "false");
        break;
    case PK_JSON_NULL:
        return PK_OK;
    case PK_JSON_OBJECT:
    case PK_JSON_ARRAY:
    case PK_JSON_CLOSE:
    case PK_JSON_END:
        return fail_token(p, t, PK_E_BAD_FIELD, "metadata must be flat: text, numbers, true or false");
    }
    uint32_t bytes = p->out->field_bytes;
    field.name = pk_str_make(name, name_n > 0 ? (size_t)name_n : 0u);
    if (name_n <= 0 || n < 0 || *io_count >= PK_EVENT_FIELDS_MAX ||
        pk_field_pack(p->out->fields, sizeof p->out->fields, &bytes, &field) != PK_OK) {
        p->out->cut_count++;
        return PK_OK;
    }
    p->out->field_bytes = (uint16_t)bytes;
    (*io_count)++;
    return PK_OK;
}

static int read_metadata(struct parse *p, const struct pk_json_token *open) {
    if (open->kind != PK_JSON_OBJECT) {
        return fail_token(p, open, PK_E_BAD_FIELD, "must be an object");
    }
    uint32_t count = 0;
    for (;;) {
        struct pk_json_token t;
        int err = pk_json_next(&p->reader, &t);
        if (err != PK_OK) {
            return fail_syntax(p, err);
        }
        if (t.kind == PK_JSON_CLOSE) {
            return PK_OK;
        }
        err = read_field(p, &t, &count);
        if (err != PK_OK) {
            return err;
        }
    }
}

static int read_bool(struct parse *p, const struct pk_json_token *t, bool *out) {
    if (pk_json_bool(t, out) != PK_OK) {
        return fail_token(p, t, PK_E_BAD_FIELD, "must be true or false");
    }
    return PK_OK;
}

static int read_member(struct parse *p, enum member member, const struct pk_json_token *t) {
    switch (member) {
    case MEMBER_TYPE:
        return read_name(p, t, p->out->type);
    case MEMBER_SOURCE:
        return read_name(p, t, p->out->source);
    case MEMBER_SEVERITY:
        return read_severity(p, t);
    case MEMBER_VALUE:
        return read_value(p, t);
    case MEMBER_MESSAGE:
        return read_message(p, t);
    case MEMBER_TIME:
        return read_time(p, t);
    case MEMBER_EVENT_ID:
        return read_event_id(p, t);
    case MEMBER_CORRELATION:
        return read_correlation(p, t);
    case MEMBER_METADATA:
        return read_metadata(p, t);
    case MEMBER_REPLAYED:
        return read_bool(p, t, &p->out->is_replayed);
    case MEMBER_RECEIVED:
        return read_wall(p, t, &p->out->received_ms);
    case MEMBER_FAULT:
        return read_bool(p, t, &p->out->is_fault);
    case MEMBER_COUNT:
        break;
    }
    PK_ASSERT(false);
    return PK_E_UNSUPPORTED;
}

static enum member member_of(const struct pk_json_token *t) {
    for (size_t i = 0; i < PK_COUNT_OF(MEMBERS); i++) {
        const struct member_name *m = &MEMBERS[i];
        const bool is_it = t->key_has_escape ? pk_json_key_is(t, m->name)
                                             : t->key.n == m->n && pk_is_same(t->key.p, m->name, m->n);
        if (is_it) {
            return m->member;
        }
    }
    return MEMBER_COUNT;
}

static int take_member(struct parse *p, const struct pk_json_token *t) {
    const enum member member = member_of(t);
    const uint32_t bit = 1u << member;
    if (member == MEMBER_COUNT || (p->ignored & bit) != 0) {
        p->out->unknown_count += member == MEMBER_COUNT ? 1u : 0u;
        const int err = pk_json_skip(&p->reader, t);
        return err == PK_OK ? PK_OK : fail_syntax(p, err);
    }
    if ((p->seen & bit) != 0) {
        return fail_token(p, t, PK_E_BAD_FIELD, "given twice (perhaps under another of its names)");
    }
    p->seen |= bit;
    return t->kind == PK_JSON_NULL ? PK_OK : read_member(p, member, t);
}

/* The correlation id travels as a field as well, so that its text is there when a finding names its group. */
static int finish(struct parse *p) {
    struct pk_event_in *out = p->out;
    const bool is_whole = out->type[0] != '\0' && out->source[0] != '\0';
    if (!is_whole) {
        const char *name = out->type[0] == '\0' ? "type" : "source";
        return fail(p->error, PK_E_MISSING_FIELD, pk_str_of(name), p->reader.at_byte,
                    "a required field is missing");
    }
    if (out->correlation[0] == '\0') {
        return PK_OK;
    }
    const struct pk_field field = {PK_FIELD_CORRELATION, {NULL, 0}, pk_str_of(out->correlation)};
    uint32_t bytes = out->field_bytes;
    if (pk_field_pack(out->fields, sizeof out->fields, &bytes, &field) != PK_OK) {
        out->cut_count++;
        return PK_OK;
    }
    out->field_bytes = (uint16_t)bytes;
    return PK_OK;
}

static int read_object(struct parse *p, struct pk_str line) {
    struct pk_json_token t;
    pk_json_init(&p->reader, line.p, line.n);
    int err = pk_json_next(&p->reader, &t);
    if (err == PK_OK && t.kind != PK_JSON_OBJECT) {
        return fail(p->error, PK_E_BAD_MSG, pk_str_make(NULL, 0), t.at_byte, "must be one JSON object");
    }
    while (err == PK_OK) {
        err = pk_json_next(&p->reader, &t);
        if (err != PK_OK || t.kind == PK_JSON_CLOSE) {
            break;
        }
        err = take_member(p, &t);
        if (err != PK_OK) {
            return err;
        }
    }
    if (err == PK_OK) {
        err = pk_json_next(&p->reader, &t);
    }
    return err == PK_OK ? finish(p) : fail_syntax(p, err);
}

/* The texts are as long as they say: clearing two kilobytes for each event would cost more than reading it.
 */
static void clear(struct pk_event_in *out) {
    out->type[0] = '\0';
    out->source[0] = '\0';
    out->message[0] = '\0';
    out->correlation[0] = '\0';
    memset(&out->message_bytes, 0, sizeof *out - offsetof(struct pk_event_in, message_bytes));
}

static void start(struct parse *p, struct pk_event_in *out, struct pk_event_error *error) {
    memset(p, 0, sizeof *p);
    clear(out);
    memset(error, 0, sizeof *error);
    p->out = out;
    p->error = error;
}

int pk_event_json_parse(struct pk_str line, struct pk_event_in *out, struct pk_event_error *out_error) {
    struct parse p;
    start(&p, out, out_error);
    if (line.n > PK_EVENT_LINE_BYTES) {
        return fail(out_error, PK_E_TOO_BIG, pk_str_make(NULL, 0), PK_EVENT_LINE_BYTES,
                    "the line is longer than 4096 bytes");
    }
    return read_object(&p, line);
}

int pk_event_topic_parse(struct pk_str source, struct pk_str type, struct pk_str payload,
                         struct pk_event_in *out, struct pk_event_error *out_error) {
    struct parse p;
    start(&p, out, out_error);
    if (!pk_intern_is_name(source) || !pk_intern_is_name(type)) {
        const char *name = pk_intern_is_name(type) ? "source" : "type";
        return fail(out_error, PK_E_BAD_FIELD, pk_str_of(name), 0, "the topic level is not a name");
    }
    if (payload.n > PK_EVENT_LINE_BYTES) {
        return fail(out_error, PK_E_TOO_BIG, pk_str_make(NULL, 0), PK_EVENT_LINE_BYTES,
                    "the payload is longer than 4096 bytes");
    }
    (void)pk_str_copy_cut(type, out->type, sizeof out->type);
    (void)pk_str_copy_cut(source, out->source, sizeof out->source);
    const struct pk_str bare = pk_str_trim(payload);
    if (bare.n == 0) {
        return PK_OK;
    }
    if (bare.p[0] != '{') {
        out->has_value = pk_parse_double(bare, &out->value) == PK_OK;
        return out->has_value ? PK_OK
                              : fail(out_error, PK_E_BAD_MSG, pk_str_of("value"), 0,
                                     "must be a JSON object or a bare number");
    }
    p.ignored = ALL_NAMED;
    return read_object(&p, payload);
}

int pk_event_sample(const char *type, const char *source, double value, int error, struct pk_event_in *out) {
    clear(out);
    if (!pk_intern_is_name(pk_str_of(type)) || !pk_intern_is_name(pk_str_of(source))) {
        return PK_E_BAD_FIELD;
    }
    (void)pk_str_copy_cut(pk_str_of(type), out->type, sizeof out->type);
    (void)pk_str_copy_cut(pk_str_of(source), out->source, sizeof out->source);
    out->is_local = true;
    out->is_fault = error != PK_OK;
    out->has_value = !out->is_fault;
    out->value = out->is_fault ? 0.0 : value;
    if (!out->is_fault) {
        return PK_OK;
    }
    struct pk_buf b;
    pk_buf_init(&b, out->message, sizeof out->message);
    pk_buf_puts(&b, "cannot be measured: ");
    pk_buf_puts(&b, pk_err_text(error));
    out->message_bytes = (uint16_t)b.n;
    return PK_OK;
}

static void put_id(struct pk_buf *b, uint32_t boot, uint32_t number) {
    pk_buf_put_u64(b, boot);
    pk_buf_putc(b, '-');
    pk_buf_put_u64(b, number);
}

void pk_event_reply_ok(struct pk_buf *out, uint32_t boot, uint32_t number) {
    pk_buf_puts(out, "{\"ok\":true,\"id\":\"");
    put_id(out, boot, number);
    pk_buf_puts(out, "\"}");
}

void pk_event_reply_error(struct pk_buf *out, const struct pk_event_error *error) {
    struct pk_json_writer w;
    pk_jw_init(&w, out);
    pk_jw_object(&w, NULL);
    pk_jw_bool(&w, "ok", false);
    pk_jw_cstr(&w, "error", pk_err_word(error->err));
    if (error->field[0] != '\0') {
        pk_jw_cstr(&w, "field", error->field);
    }
    pk_jw_u64(&w, "at", error->at_byte);
    pk_jw_cstr(&w, "message", error->message);
    pk_jw_object_end(&w);
}

static void write_metadata(struct pk_json_writer *w, struct pk_str fields) {
    struct pk_field f;
    bool is_open = false;
    while (pk_field_next(&fields, &f)) {
        if (f.kind == PK_FIELD_CORRELATION) {
            continue;
        }
        if (!is_open) {
            pk_jw_object(w, "metadata");
            is_open = true;
        }
        pk_jw_key(w, f.name);
        if (f.kind == PK_FIELD_STRING) {
            pk_jw_str(w, NULL, f.value);
        } else {
            pk_jw_raw(w, NULL, f.value);
        }
    }
    if (is_open) {
        pk_jw_object_end(w);
    }
}

void pk_event_json_write(struct pk_json_writer *w, const char *key, const struct pk_event *e,
                         const struct pk_types *types, const struct pk_sources *sources,
                         const struct pk_textring *text, uint32_t boot) {
    char id[32];
    struct pk_buf b;
    pk_buf_init(&b, id, sizeof id);
    put_id(&b, boot, e->number);
    const struct pk_str message = pk_textring_message(text, e);
    const struct pk_str fields = pk_textring_fields(text, e);
    struct pk_field correlation;
    pk_jw_object(w, key);
    pk_jw_str(w, "event_id", pk_buf_str(&b));
    pk_jw_cstr(w, "type", pk_types_name(types, e->type_id));
    pk_jw_cstr(w, "source", pk_sources_name(sources, e->source_id));
    pk_jw_cstr(w, "severity", pk_severity_word((enum pk_severity)e->severity));
    if ((e->flags & PK_EVENT_HAS_VALUE) != 0) {
        pk_jw_double(w, "value", e->value);
    }
    if (message.n > 0) {
        pk_jw_str(w, "message", message);
    }
    pk_jw_time(w, "time", e->wall_ms);
    if (e->correlation != 0 && pk_field_find(fields, pk_str_make(NULL, 0), &correlation)) {
        pk_jw_str(w, "correlation_id", correlation.value);
    }
    write_metadata(w, fields);
    if ((e->flags & PK_EVENT_REPLAYED) != 0) {
        pk_jw_bool(w, "replayed", true);
    }
    if ((e->flags & PK_EVENT_FAULT) != 0) {
        pk_jw_bool(w, "fault", true);
    }
    pk_jw_object_end(w);
}
