#include "event/pk_statsd.h"

#include <string.h>

#include "base/pk_assert.h"

const char *pk_statsd_refusal_text(enum pk_statsd_refusal r) {
    switch (r) {
    case PK_STATSD_OK:
        return "ok";
    case PK_STATSD_FORM:
        return "not of the form name:value|type";
    case PK_STATSD_NAME:
        return "no name";
    case PK_STATSD_VALUE:
        return "no number, or one relative to another";
    case PK_STATSD_TYPE:
        return "a type that is not g, c, ms, h or d";
    case PK_STATSD_RATE:
        return "a rate outside 0 to 1";
    case PK_STATSD_COUNT:
        break;
    }
    return "unknown";
}

static bool is_name_byte(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("_.:@-", c) != NULL);
}

/* Clients put blanks, slashes and more into names; what is no name byte becomes '_'. False: none, or too
 * long. */
static bool put_name(struct pk_str s, char *out, uint32_t cap_bytes) {
    if (s.n == 0 || s.n >= cap_bytes) {
        return false;
    }
    for (uint32_t i = 0; i < s.n; i++) {
        out[i] = is_name_byte(s.p[i]) ? s.p[i] : '_';
    }
    out[s.n] = '\0';
    return true;
}

static struct pk_str cut(struct pk_str s, uint32_t from) {
    return (struct pk_str){s.p + from, s.n - from};
}

/* The number ends the text, as ours do: "1", "-2.5", "1e3"; ".5" and "5." are of other languages. */
static bool take_value(struct pk_str s, bool is_gauge, double *out) {
    if (is_gauge && s.n > 0 && s.p[0] == '+') {
        return false;
    }
    const struct pk_str digits = s.n > 0 && s.p[0] == '+' ? cut(s, 1) : s;
    return pk_parse_double(digits, out) == PK_OK;
}

static bool is_known_type(struct pk_str s) {
    static const char *const TYPES[] = {"g", "c", "ms", "h", "d"};
    for (size_t i = 0; i < PK_COUNT_OF(TYPES); i++) {
        if (pk_str_eq_c(s, TYPES[i])) {
            return true;
        }
    }
    return false;
}

struct tags {
    struct pk_event_in *out;
    uint32_t field_bytes, field_count;
    bool has_source; /* said by "source", which is stronger than "host" */
};

static bool take_tag(struct tags *t, struct pk_str tag) {
    enum { VALUE_BYTES_MAX = 128 };
    const char *colon = tag.n > 0 ? memchr(tag.p, ':', tag.n) : NULL;
    if (colon == NULL || colon == tag.p) {
        return true; /* a bare tag says nothing a rule could ask for */
    }
    const uint32_t n = (uint32_t)(colon - tag.p);
    const struct pk_str name = {tag.p, n}, value = cut(tag, n + 1u);
    enum pk_severity severity = PK_SEV_INFO;
    if (pk_str_eq_c(name, "source") || (pk_str_eq_c(name, "host") && !t->has_source)) {
        t->has_source = t->has_source || name.n == 6u;
        return put_name(value, t->out->source, sizeof t->out->source);
    }
    if (pk_str_eq_c(name, "severity") && pk_severity_parse(value, &severity) == PK_OK) {
        t->out->severity = (uint8_t)severity;
        return true;
    }
    const struct pk_field field = {.kind = PK_FIELD_STRING, .name = name, .value = value};
    if (t->field_count == PK_EVENT_FIELDS_MAX || value.n == 0 || value.n > VALUE_BYTES_MAX ||
        !pk_text_is_id(name, ".", PK_FIELD_NAME_BYTES_MAX) || !pk_text_is_utf8(value) ||
        pk_field_pack(t->out->fields, sizeof t->out->fields, &t->field_bytes, &field) != PK_OK) {
        t->out->cut_count++;
        return true;
    }
    t->field_count++;
    return true;
}

static enum pk_statsd_refusal take_rest(struct pk_str rest, double *io_rate, struct tags *t) {
    struct pk_str piece, tag;
    while (rest.p != NULL && pk_str_split(&rest, '|', &piece)) {
        if (piece.n > 0 && piece.p[0] == '@') {
            const bool is_rate = pk_parse_double(cut(piece, 1), io_rate) == PK_OK;
            if (!is_rate || !(*io_rate > 0.0) || *io_rate > 1.0) {
                return PK_STATSD_RATE;
            }
        } else if (piece.n > 0 && piece.p[0] == '#') {
            piece = cut(piece, 1);
            while (pk_str_split(&piece, ',', &tag)) {
                if (!take_tag(t, tag)) {
                    return PK_STATSD_NAME;
                }
            }
        }
    }
    return PK_STATSD_OK;
}

enum pk_statsd_refusal pk_statsd_parse(struct pk_str line, const char *fallback_source,
                                       struct pk_event_in *out) {
    struct pk_str rest = line, name, number, type;
    double rate = 1.0;
    if (line.n == 0 || !pk_str_split(&rest, '|', &name) || rest.p == NULL) {
        return PK_STATSD_FORM;
    }
    uint32_t colon = name.n;
    while (colon > 0 && name.p[colon - 1u] != ':') { /* the last: names may hold some */
        colon--;
    }
    if (colon == 0) {
        return PK_STATSD_FORM;
    }
    number = cut(name, colon);
    name.n = colon - 1u;
    (void)pk_str_split(&rest, '|', &type);
    memset(out, 0, sizeof *out);
    struct tags tags = {.out = out};
    if (!put_name(name, out->type, sizeof out->type)) {
        return PK_STATSD_NAME;
    }
    if (!is_known_type(type)) {
        return PK_STATSD_TYPE;
    }
    if (!take_value(number, pk_str_eq_c(type, "g"), &out->value)) {
        return PK_STATSD_VALUE;
    }
    (void)pk_str_copy_cut(pk_str_of(fallback_source), out->source, sizeof out->source);
    const enum pk_statsd_refusal refusal = take_rest(rest, &rate, &tags);
    if (refusal != PK_STATSD_OK) {
        return refusal;
    }
    out->field_bytes = (uint16_t)tags.field_bytes;
    out->has_value = true;
    out->value = pk_str_eq_c(type, "c") ? out->value / rate : out->value;
    return out->value > 1e300 || out->value < -1e300 ? PK_STATSD_VALUE : PK_STATSD_OK;
}
