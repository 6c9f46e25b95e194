#include "event/pk_logevent.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_copy.h"
#include "base/pk_hash.h"

static const struct pk_str IP = {"ip", 2}, PROGRAM = {"program", 7}, PATTERN = {"pattern", 7},
                           HOST = {"host", 4}, VALUE = {"value", 5},
                           ERROR = {PK_LOGEVENT_ERROR, sizeof PK_LOGEVENT_ERROR - 1u},
                           NOTHING = {PK_LOGEVENT_NONE, sizeof PK_LOGEVENT_NONE - 1u};

struct context {
    const struct pk_patterns *patterns; /* that know the line; NULL: none does */
    const char *text;                   /* of them */
    const struct pk_logline *line;
    struct pk_pattern_fields fields;
};

/* A field of the text, or one that every line has. */
static struct pk_str field_of(const struct context *c, struct pk_str name) {
    const struct pk_str value = pk_pattern_field(&c->fields, name);
    if (value.n > 0) {
        return value;
    }
    return pk_str_eq(name, PROGRAM) ? c->line->program
           : pk_str_eq(name, HOST)  ? c->line->host
           : pk_str_eq(name, IP)    ? c->line->ip
                                    : (struct pk_str){NULL, 0};
}

/* Names are of few characters (pk_intern_is_name); others become '_'. */
static const char NAME_BYTES[256 + 1] = "_____________________________________________-._0123456789:_____"
                                        "@ABCDEFGHIJKLMNOPQRSTUVWXYZ______abcdefghijklmnopqrstuvwxyz_____"
                                        "________________________________________________________________"
                                        "________________________________________________________________";

static void put_name(struct pk_buf *b, struct pk_str s) {
    const uint32_t room = b->cap_bytes - b->n - 1u;
    const uint32_t n = s.n < room ? s.n : room;
    char *to = b->p + b->n;
    for (uint32_t i = 0; i < n; i++) {
        to[i] = NAME_BYTES[(uint8_t)s.p[i]];
    }
    to[n] = '\0';
    b->n += n;
}

/* Foreign is every source that the line has a say in, its program too: any local process may write a line,
 * and names itself. */
static void put_source(const struct context *c, struct pk_str template, struct pk_event_in *out) {
    struct pk_pattern_piece piece;
    struct pk_buf b;
    bool is_missing = template.n == 0;
    pk_buf_init(&b, out->source, sizeof out->source);
    while (pk_pattern_piece_known(&template, &piece)) {
        if (piece.has_field) {
            const struct pk_str value = field_of(c, piece.name);
            is_missing = is_missing || value.n == 0;
            out->is_foreign = true;
            put_name(&b, value);
        }
        put_name(&b, piece.literal);
    }
    if (!is_missing && b.n > 0) {
        return;
    }
    out->is_foreign = c->line->program.n > 0 || c->line->host.n > 0;
    pk_buf_init(&b, out->source, sizeof out->source);
    put_name(&b, c->line->program.n > 0 ? c->line->program : c->line->host);
    if (b.n == 0) {
        pk_buf_puts(&b, "log");
    }
}

/* Text for people: what a terminal would obey and what is no UTF-8 becomes '?'. */
static void put_message(struct pk_str s, bool is_plain, struct pk_event_in *out) {
    const uint32_t most = s.n < PK_EVENT_MESSAGE_BYTES ? s.n : PK_EVENT_MESSAGE_BYTES;
    const uint32_t plain = is_plain ? most : pk_text_plain_run((struct pk_str){s.p, most});
    uint32_t n = plain, at = plain;
    pk_copy(out->message, s.p, plain);
    while (at < s.n) {
        const bool is_printed = s.p[at] >= ' ' && s.p[at] < 0x7F;
        const uint32_t bytes = is_printed ? 1u : pk_utf8_len(s.p + at, s.n - at);
        const uint32_t step = bytes > 0 ? bytes : 1u;
        if (n + step > PK_EVENT_MESSAGE_BYTES) {
            out->cut_count++;
            break;
        }
        for (uint32_t i = 0; i < step; i++) {
            out->message[n + i] = s.p[at + i];
        }
        if (!is_printed && step == 1u) {
            out->message[n] = s.p[at] == '\t' ? ' ' : '?';
        }
        n += step;
        at += step;
    }
    out->message[n] = '\0';
    out->message_bytes = (uint16_t)n;
}

enum { VALUE_BYTES_MAX = 128 };

/* Packed one behind the other; `count` counts them. */
struct packer {
    struct pk_event_in *out;
    uint32_t bytes, count;
};

static void pack(struct packer *k, struct pk_field field) {
    if (pk_field_pack(k->out->fields, sizeof k->out->fields, &k->bytes, &field) == PK_OK) {
        k->count++;
    }
}

static void pack_cut(struct packer *k, struct pk_field field) {
    char cut[VALUE_BYTES_MAX + 1];
    field.value = (struct pk_str){cut, pk_str_copy_cut(field.value, cut, sizeof cut)};
    pack(k, field);
}

/* is_plain: the value is known to be; others are looked through for what is no UTF-8. */
static inline void put_field(struct packer *k, bool is_plain, struct pk_str name, struct pk_str value,
                             enum pk_field_kind kind) {
    if (value.n == 0 || k->count >= PK_EVENT_FIELDS_MAX ||
        (!is_plain && pk_text_plain_run(value) != value.n && !pk_text_is_utf8(value))) {
        return;
    }
    const struct pk_field field = {.kind = kind, .name = name, .value = value};
    if (value.n > VALUE_BYTES_MAX) {
        pack_cut(k, field);
    } else {
        pack(k, field);
    }
}

static void put_fields(const struct context *c, struct pk_str pattern_id, struct pk_event_in *out) {
    struct packer k = {.out = out};
    const bool is_plain = c->line->is_plain;
    bool has_ip = false;
    /* Last first: the walk found those before the anchor from behind, and what is short of room is told last.
     */
    for (uint32_t i = 0; i < c->fields.count && i < PK_PATTERN_FIELDS_MAX; i++) {
        const struct pk_pattern_field *f = &c->fields.items[i];
        const bool is_number = pk_str_eq(f->name, VALUE);
        has_ip = has_ip || pk_str_eq(f->name, IP);
        put_field(&k, is_plain, f->name, f->value, is_number ? PK_FIELD_NUMBER : PK_FIELD_STRING);
    }
    if (!has_ip) {
        put_field(&k, is_plain, IP, c->line->ip, PK_FIELD_STRING);
    }
    put_field(&k, is_plain, PROGRAM, c->line->program, PK_FIELD_STRING);
    put_field(&k, true, PATTERN, pattern_id, PK_FIELD_STRING);
    put_field(&k, is_plain, HOST, c->line->host, PK_FIELD_STRING);
    out->field_bytes = (uint16_t)k.bytes;
}

static void put_value(const struct context *c, const struct pk_pattern *row, struct pk_event_in *out) {
    if (!row->has_value) {
        return;
    }
    const struct pk_str name = pk_pattern_ref_str(c->text, row->value);
    out->value = (double)row->value_whole;
    out->has_value = name.n == 0 || pk_parse_double(pk_pattern_field(&c->fields, name), &out->value) == PK_OK;
}

/* `once` words of both tables are numbered from 1. */
static uint64_t once_number(const struct context *c, const struct pk_pattern *row) {
    return c->patterns == &PK_SHIPPED_PATTERNS ? row->once : row->once + 256u;
}

/* Direct-mapped: a source that takes another's place starts over, and so does the other. */
static uint32_t new_count(const struct context *c, struct pk_logevent_once *o, const struct pk_pattern *row,
                          const struct pk_event_in *e) {
    const uint32_t times = c->line->repeat_count > 0 ? c->line->repeat_count : 1u;
    const uint32_t said = times < PK_LOG_REPEATS_MAX ? times : PK_LOG_REPEATS_MAX;
    if (row->once == 0) {
        return said;
    }
    const uint64_t hash = pk_hash64_mix(pk_hash64(e->source, strlen(e->source)), once_number(c, row));
    const uint64_t key = hash != 0 ? hash : 1u;
    const uint32_t slot = (uint32_t)(key % PK_LOGEVENT_ONCE_SLOTS);
    const int64_t idle_ms = e->wall_ms - o->slots[slot].wall_ms;
    if (o->slots[slot].key != key || idle_ms > PK_LOGEVENT_ONCE_MS || idle_ms < -PK_LOGEVENT_ONCE_MS) {
        o->moved_count += o->slots[slot].key != 0 && o->slots[slot].key != key ? 1u : 0u;
        memset(&o->slots[slot], 0, sizeof o->slots[slot]);
        o->slots[slot].key = key;
    }
    o->slots[slot].wall_ms = e->wall_ms;
    uint32_t *count = &o->slots[slot].counts[row->once_member];
    const uint32_t most = o->slots[slot].most;
    *count += said < UINT32_MAX - *count ? said : UINT32_MAX - *count;
    const uint32_t fresh = *count > most ? *count - most : 0;
    o->slots[slot].most = most + fresh;
    o->same_count += said - (fresh < said ? fresh : said);
    return fresh;
}

/* The first table that knows the line. The row, or -1. */
static int find(const struct pk_patterns_tables *t, struct context *c) {
    struct pk_patterns_query query = {
        .message = c->line->message, .program = c->line->program, .format = c->line->format};
    for (uint32_t i = 0; i < t->count; i++) {
        query.only = t->only[i];
        const int row = pk_patterns_find(t->tables[i], &query, &c->fields);
        if (row >= 0) {
            c->patterns = t->tables[i];
            return row;
        }
    }
    return -1;
}

int pk_logevent_make(const struct pk_patterns_tables *tables, const struct pk_logline *line,
                     struct pk_logevent_once *once, struct pk_event_in *out,
                     struct pk_logevent_pattern *out_pattern) {
    static const struct pk_pattern UNKNOWN = {.severity = PK_SEV_COUNT};
    static const char NO_TEXT[] = "";
    struct context c; /* the fields are for pk_patterns_find */
    const struct pk_pattern *p = &UNKNOWN;
    struct pk_str event = ERROR;
    c.patterns = NULL;
    c.text = NO_TEXT;
    c.line = line;
    c.fields.count = 0;
    const int row = find(tables, &c);
    *out_pattern = (struct pk_logevent_pattern){.table = c.patterns, .row = row >= 0 ? (uint32_t)row : 0};
    if (row < 0 && (!line->has_severity || line->severity < PK_SEV_HIGH)) {
        return PK_E_NOT_FOUND;
    }
    if (row >= 0) {
        c.text = c.patterns->text;
        p = &c.patterns->patterns[c.patterns->rows[row].pattern];
        event = pk_pattern_ref_str(c.text, p->event);
    }
    if (pk_str_eq(event, NOTHING)) {
        return PK_E_NOT_FOUND;
    }
    /* Field by field: the struct is 2.6 KB, and a line of a log is soon told. */
    out->message_bytes = out->field_bytes = 0;
    out->correlation[0] = '\0';
    out->has_value = out->is_replayed = out->is_drill = out->is_fault = false;
    out->is_local = true;
    out->is_foreign = out->is_type_foreign = false;
    out->via = 0;
    out->event_id_hash = 0;
    out->unknown_count = out->cut_count = 0;
    out->has_time = line->has_time;
    out->wall_ms = line->wall_ms;
    (void)pk_str_copy_cut(event, out->type, sizeof out->type);
    out->severity = p->severity < PK_SEV_COUNT ? p->severity
                    : line->has_severity       ? line->severity
                                               : PK_SEV_MEDIUM;
    put_source(&c, pk_pattern_ref_str(c.text, p->source), out);
    out_pattern->count = new_count(&c, once, p, out);
    if (out_pattern->count == 0) {
        return PK_E_NOT_FOUND;
    }
    put_message(line->message, line->is_plain, out);
    put_value(&c, p, out);
    put_fields(&c, pk_pattern_ref_str(c.text, p->id), out);
    return PK_OK;
}
