#include "wire/pk_cloudevents.h"

#include "base/pk_assert.h"
#include "base/pk_time.h"
#include "wire/pk_topic.h"

const char PK_CE_CONTENT_TYPE_BINARY[] = "application/json";
const char PK_CE_CONTENT_TYPE_STRUCTURED[] = "application/cloudevents+json; charset=utf-8";

static const char TYPES[PK_CE_KIND_COUNT][sizeof "org.picket.incident.v1"] = {
    [PK_CE_INCIDENT] = "org.picket.incident.v1",
    [PK_CE_APPROVAL] = "org.picket.approval.v1",
    [PK_CE_SUMMARY] = "org.picket.summary.v1",
    [PK_CE_STATUS] = "org.picket.status.v1",
};

enum { SEQUENCE_DIGITS = 20 };
enum { SEEN_ID = 1, SEEN_SOURCE = 2, SEEN_SPEC = 4, SEEN_TYPE = 8, SEEN_SEQUENCE = 16, SEEN_REQUIRED = 31 };

static bool is_valid(const struct pk_ce *ce) {
    return pk_topic_is_id(ce->site) && pk_topic_is_id(ce->gateway) &&
           (ce->subject.n == 0 || pk_topic_is_name(ce->subject));
}

/* Everything put between two calls becomes the value of one attribute. */
static void add(struct pk_ce_attributes *a, struct pk_buf *b, uint32_t start, const char *name) {
    PK_ASSERT(a->count < PK_CE_ATTRIBUTES_MAX);
    PK_ASSERT(!b->is_cut);
    a->items[a->count].name = pk_str_of(name);
    a->items[a->count].value = pk_str_make(b->p + start, b->n - start);
    a->count++;
}

static void put_source(struct pk_buf *b, const struct pk_ce *ce) {
    pk_buf_puts(b, "/picket/");
    pk_buf_put_str(b, ce->site);
    pk_buf_putc(b, '/');
    pk_buf_put_str(b, ce->gateway);
}

int pk_ce_binary(const struct pk_ce *ce, struct pk_ce_attributes *out) {
    PK_ASSERT((unsigned)ce->kind < PK_CE_KIND_COUNT);
    out->count = 0;
    if (!is_valid(ce)) {
        return PK_E_BAD_FIELD;
    }
    struct pk_buf b;
    pk_buf_init(&b, out->text, sizeof out->text);
    uint32_t start = b.n;
    pk_buf_put_u64(&b, ce->boot);
    pk_buf_putc(&b, '-');
    pk_buf_put_u64(&b, ce->seq);
    add(out, &b, start, "id");
    start = b.n;
    put_source(&b, ce);
    add(out, &b, start, "source");
    start = b.n;
    pk_buf_puts(&b, "1.0");
    add(out, &b, start, "specversion");
    start = b.n;
    pk_buf_puts(&b, TYPES[ce->kind]);
    add(out, &b, start, "type");
    start = b.n;
    pk_buf_put_u64_pad(&b, ce->seq, SEQUENCE_DIGITS);
    add(out, &b, start, "sequence");
    if (ce->wall_ms > 0) {
        char time[PK_TIME_TEXT_BYTES];
        pk_time_format(ce->wall_ms, time);
        start = b.n;
        pk_buf_puts(&b, time);
        add(out, &b, start, "time");
    }
    if (ce->subject.n > 0) {
        start = b.n;
        pk_buf_put_str(&b, ce->subject);
        add(out, &b, start, "subject");
    }
    return PK_OK;
}

int pk_ce_structured_begin(const struct pk_ce *ce, struct pk_json_writer *w, struct pk_buf *b) {
    struct pk_ce_attributes a;
    const int err = pk_ce_binary(ce, &a);
    if (err != PK_OK) {
        return err;
    }
    pk_jw_init(w, b);
    pk_jw_object(w, NULL);
    for (uint32_t i = 0; i < a.count; i++) {
        pk_jw_key(w, a.items[i].name);
        pk_jw_str(w, NULL, a.items[i].value);
    }
    pk_jw_cstr(w, "datacontenttype", PK_CE_CONTENT_TYPE_BINARY);
    return PK_OK;
}

void pk_ce_structured_end(struct pk_json_writer *w) {
    pk_jw_object_end(w);
}

void pk_ce_read_init(struct pk_ce_read *r) {
    *r = (struct pk_ce_read){0};
}

static int read_id(struct pk_ce *ce, struct pk_str value) {
    struct pk_str rest = value;
    struct pk_str boot, seq;
    uint64_t boot_number, seq_number;
    if (!pk_str_split(&rest, '-', &boot) || !pk_str_split(&rest, '-', &seq) || rest.p != NULL ||
        pk_parse_u64(boot, &boot_number) != PK_OK || boot_number > UINT32_MAX ||
        pk_parse_u64(seq, &seq_number) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    ce->boot = (uint32_t)boot_number;
    ce->seq = seq_number;
    return PK_OK;
}

static int read_source(struct pk_ce *ce, struct pk_str value) {
    struct pk_str rest = value;
    struct pk_str empty, word;
    if (!pk_str_split(&rest, '/', &empty) || empty.n != 0 || !pk_str_split(&rest, '/', &word) ||
        !pk_str_eq_c(word, "picket") || !pk_str_split(&rest, '/', &ce->site) ||
        !pk_str_split(&rest, '/', &ce->gateway) || rest.p != NULL || !pk_topic_is_id(ce->site) ||
        !pk_topic_is_id(ce->gateway)) {
        return PK_E_BAD_FIELD;
    }
    return PK_OK;
}

static int read_type(struct pk_ce *ce, struct pk_str value) {
    for (unsigned i = 0; i < PK_CE_KIND_COUNT; i++) {
        if (pk_str_eq_c(value, TYPES[i])) {
            ce->kind = (enum pk_ce_kind)i;
            return PK_OK;
        }
    }
    return PK_E_BAD_FIELD;
}

int pk_ce_read_attribute(struct pk_ce_read *r, struct pk_str name, struct pk_str value) {
    uint64_t sequence;
    if (pk_str_eq_c(name, "id")) {
        r->seen_bits |= SEEN_ID;
        return read_id(&r->ce, value);
    }
    if (pk_str_eq_c(name, "source")) {
        r->seen_bits |= SEEN_SOURCE;
        return read_source(&r->ce, value);
    }
    if (pk_str_eq_c(name, "specversion")) {
        r->seen_bits |= SEEN_SPEC;
        return pk_str_eq_c(value, "1.0") ? PK_OK : PK_E_BAD_FIELD;
    }
    if (pk_str_eq_c(name, "type")) {
        r->seen_bits |= SEEN_TYPE;
        return read_type(&r->ce, value);
    }
    if (pk_str_eq_c(name, "sequence")) {
        r->seen_bits |= SEEN_SEQUENCE;
        return value.n == SEQUENCE_DIGITS ? pk_parse_u64(value, &sequence) : PK_E_BAD_FIELD;
    }
    if (pk_str_eq_c(name, "time")) {
        return pk_time_parse(value, &r->ce.wall_ms);
    }
    if (pk_str_eq_c(name, "subject")) {
        r->ce.subject = value;
        return pk_topic_is_name(value) ? PK_OK : PK_E_BAD_FIELD;
    }
    return PK_OK;
}

int pk_ce_read_done(const struct pk_ce_read *r, struct pk_ce *out) {
    if ((r->seen_bits & SEEN_REQUIRED) != SEEN_REQUIRED) {
        return PK_E_MISSING_FIELD;
    }
    *out = r->ce;
    return PK_OK;
}

int pk_ce_structured_parse(const void *p, uint32_t n, struct pk_ce *out, struct pk_str *out_data) {
    struct pk_json_reader reader;
    struct pk_json_token t;
    struct pk_ce_read read;
    pk_json_init(&reader, p, n);
    pk_ce_read_init(&read);
    *out_data = (struct pk_str){0};
    int err = pk_json_next(&reader, &t);
    if (err != PK_OK) {
        return err;
    }
    if (t.kind != PK_JSON_OBJECT) {
        return PK_E_BAD_MSG;
    }
    for (;;) {
        if ((err = pk_json_next(&reader, &t)) != PK_OK) {
            return err;
        }
        if (t.kind == PK_JSON_CLOSE) {
            break;
        }
        if (pk_json_key_is(&t, "data")) {
            if ((err = pk_json_skip(&reader, &t)) != PK_OK) {
                return err;
            }
            *out_data = pk_str_make((const char *)p + t.at_byte, reader.at_byte - t.at_byte);
            continue;
        }
        if (t.kind == PK_JSON_STRING && !t.has_escape && !t.key_has_escape) {
            err = pk_ce_read_attribute(&read, t.key, t.raw);
        } else {
            err = pk_json_skip(&reader, &t);
        }
        if (err != PK_OK) {
            return err;
        }
    }
    if ((err = pk_json_next(&reader, &t)) != PK_OK) {
        return err;
    }
    return out_data->p == NULL ? PK_E_MISSING_FIELD : pk_ce_read_done(&read, out);
}
