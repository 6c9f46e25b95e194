/* One message under one mapping row. */
#include <string.h>

#include "event/pk_map.h"
#include "event/pk_map_text.h"

#define UNIX_MS_FROM 100000000000u /* whole numbers from here on are milliseconds */

struct apply {
    const struct pk_map_table *t;
    const struct pk_map_row *row;
    struct pk_map_input in;
    struct pk_payload payload;
    struct pk_event_in *out;
    struct pk_map_outcome *outcome;
    struct pk_str captures[PK_MAP_CAPTURES_MAX];
    char text[PK_MAP_TEXT_BYTES]; /* last filled */
};

static enum pk_map_reason misfit(struct apply *a, enum pk_map_reason reason, struct pk_str detail) {
    a->outcome->reason = reason;
    (void)pk_str_copy_cut(detail, a->outcome->detail, sizeof a->outcome->detail);
    return reason;
}

/* Template to a->text and *out. */
static enum pk_map_reason fill(struct apply *a, struct pk_map_ref ref, bool may_cut, struct pk_str *out) {
    struct pk_str field = {NULL, 0};
    a->in.may_cut = may_cut;
    const int n = pk_map_text_fill(pk_map_str(a->t, ref), &a->in, a->text, sizeof a->text, &field);
    *out = pk_str_trim(pk_str_make(a->text, n > 0 ? (size_t)n : 0));
    if (n == PK_E_TOO_BIG) {
        return misfit(a, PK_MAP_TOO_LONG, field);
    }
    if (n < 0) {
        return misfit(a, a->payload.form == PK_PAYLOAD_EMPTY ? PK_MAP_EMPTY : PK_MAP_NO_FIELD, field);
    }
    return PK_MAP_TAKEN;
}

/* '/' becomes '.', whatever else may not be in a name '_'. */
static enum pk_map_reason put_name(struct apply *a, struct pk_map_ref ref, struct pk_map_ref words,
                                   char out[PK_EVENT_TYPE_BYTES]) {
    struct pk_str name;
    const enum pk_map_reason reason = fill(a, ref, false, &name);
    if (reason != PK_MAP_TAKEN) {
        return reason;
    }
    if (words.n > 0) {
        name = pk_map_text_word(pk_map_str(a->t, words), name);
    }
    if (name.n == 0 || name.n >= PK_EVENT_TYPE_BYTES) {
        return misfit(a, PK_MAP_BAD_NAME, name);
    }
    for (uint32_t i = 0; i < name.n; i++) {
        const char c = name.p[i];
        const bool is_good = pk_intern_is_name(pk_str_make(&c, 1));
        out[i] = is_good ? c : (char)(c == '/' ? '.' : '_');
    }
    out[name.n] = '\0';
    return PK_MAP_TAKEN;
}

static enum pk_map_reason put_severity(struct apply *a) {
    struct pk_str word;
    enum pk_severity severity = PK_SEV_INFO;
    if (a->row->severity.n == 0) {
        return PK_MAP_TAKEN;
    }
    const enum pk_map_reason reason = fill(a, a->row->severity, false, &word);
    if (reason != PK_MAP_TAKEN) {
        return reason;
    }
    word = pk_map_text_word(pk_map_str(a->t, a->row->severities), word);
    if (pk_severity_parse(word, &severity) < 0) {
        return misfit(a, PK_MAP_NO_SEVERITY, word);
    }
    a->out->severity = (uint8_t)severity;
    return PK_MAP_TAKEN;
}

static bool to_number(struct pk_str s, double *out) {
    if (pk_str_eq_nocase(s, "true") || pk_str_eq_nocase(s, "false")) {
        *out = s.n == 4 ? 1.0 : 0.0;
        return true;
    }
    return pk_parse_double(s, out) == PK_OK;
}

static enum pk_map_reason put_value(struct apply *a) {
    struct pk_str text;
    double v = 0;
    if (a->row->value.n == 0) {
        return PK_MAP_TAKEN;
    }
    const enum pk_map_reason reason = fill(a, a->row->value, false, &text);
    if (reason != PK_MAP_TAKEN || text.n == 0) {
        return reason;
    }
    text = pk_map_text_word(pk_map_str(a->t, a->row->values), text);
    if (!to_number(text, &v)) {
        return misfit(a, PK_MAP_NO_NUMBER, text);
    }
    v = v * a->row->scale;
    v = v + a->row->offset;
    if (v - v != 0.0) { /* infinite */
        return misfit(a, PK_MAP_NO_NUMBER, text);
    }
    a->out->value = v;
    a->out->has_value = true;
    return PK_MAP_TAKEN;
}

/* Bytes that are no text become '?', so that what is shown and sent is. */
static void scrub(char *p, uint32_t n) {
    for (uint32_t i = 0; i < n;) {
        const uint32_t len = pk_utf8_len(p + i, n - i);
        const bool is_control = len == 1 && ((uint8_t)p[i] < 0x20 || p[i] == 0x7F);
        if (len == 0 || is_control) {
            p[i] = is_control ? ' ' : '?';
        }
        i += len > 0 ? len : 1;
    }
}

static enum pk_map_reason put_text(struct apply *a) {
    struct pk_str text;
    if (a->row->text.n == 0) {
        return PK_MAP_TAKEN;
    }
    const enum pk_map_reason reason = fill(a, a->row->text, true, &text);
    if (reason != PK_MAP_TAKEN) {
        return reason;
    }
    scrub(a->text, (uint32_t)(text.p - a->text) + text.n);
    a->out->cut_count += text.n > PK_EVENT_MESSAGE_BYTES ? 1u : 0u;
    a->out->message_bytes = (uint16_t)pk_str_copy_cut(text, a->out->message, sizeof a->out->message);
    return PK_MAP_TAKEN;
}

static enum pk_map_reason put_correlation(struct apply *a) {
    struct pk_str text;
    if (a->row->correlation.n == 0) {
        return PK_MAP_TAKEN;
    }
    const enum pk_map_reason reason = fill(a, a->row->correlation, false, &text);
    if (reason != PK_MAP_TAKEN || text.n == 0) {
        return reason;
    }
    scrub(a->text, (uint32_t)(text.p - a->text) + text.n);
    if (pk_str_copy(text, a->out->correlation, sizeof a->out->correlation) < 0) {
        return misfit(a, PK_MAP_TOO_LONG, text);
    }
    return PK_MAP_TAKEN;
}

/* RFC 3339, Unix seconds with or without a fraction, or Unix milliseconds. */
static bool to_time(struct pk_str s, int64_t *out_ms) {
    struct pk_str rest = s, whole;
    uint64_t n = 0, ms = 0;
    if (pk_time_parse(s, out_ms) == PK_OK) {
        return *out_ms > 0;
    }
    (void)pk_str_split(&rest, '.', &whole);
    if (pk_parse_u64(whole, &n) < 0 || n > INT64_MAX / 1000) {
        return false;
    }
    if (n >= UNIX_MS_FROM) {
        *out_ms = (int64_t)n;
        return rest.p == NULL;
    }
    for (uint32_t i = 0; i < 3; i++) {
        const bool is_digit = i < rest.n && rest.p[i] >= '0' && rest.p[i] <= '9';
        ms = ms * 10u + (is_digit ? (uint64_t)(rest.p[i] - '0') : 0u);
    }
    *out_ms = (int64_t)(n * 1000u + ms);
    return *out_ms > 0 && (rest.p == NULL || pk_parse_u64(rest, &n) == PK_OK);
}

static enum pk_map_reason put_time(struct apply *a) {
    struct pk_str text;
    if (a->row->time.n == 0) {
        return PK_MAP_TAKEN;
    }
    const enum pk_map_reason reason = fill(a, a->row->time, false, &text);
    if (reason != PK_MAP_TAKEN || text.n == 0) {
        return reason;
    }
    a->out->has_time = to_time(text, &a->out->wall_ms);
    return a->out->has_time ? PK_MAP_TAKEN : misfit(a, PK_MAP_NO_TIME, text);
}

static void pack(struct apply *a, const struct pk_field *f) {
    uint32_t bytes = a->out->field_bytes;
    if (pk_field_pack(a->out->fields, sizeof a->out->fields, &bytes, f) != PK_OK) {
        a->out->cut_count++;
        return;
    }
    a->out->field_bytes = (uint16_t)bytes;
}

/* What the payload does not have is left out: rules see that the field is missing. */
static void put_data(struct apply *a) {
    struct pk_str list = pk_map_str(a->t, a->row->data), one;
    while (list.n > 0 && pk_str_split(&list, ',', &one)) {
        const struct pk_str path = pk_str_trim(one);
        struct pk_field f = {PK_FIELD_STRING, pk_payload_path_name(path), {NULL, 0}};
        const int n = pk_payload_find(&a->payload, path, a->text, PK_EVENT_MESSAGE_BYTES + 1, &f.kind);
        if (n == PK_E_TOO_BIG && f.kind == PK_FIELD_STRING) {
            a->out->cut_count++;
        } else if (n < 0) {
            continue;
        }
        f.value = pk_str_of(a->text);
        scrub(a->text, f.value.n);
        pack(a, &f);
    }
    const struct pk_field correlation = {PK_FIELD_CORRELATION, {NULL, 0}, pk_str_of(a->out->correlation)};
    if (correlation.value.n > 0) {
        pack(a, &correlation);
    }
}

/* The message that ends a retained one: what it means stands in the row, not in it. */
static enum pk_map_reason put_empty(struct apply *a) {
    a->out->has_value = true;
    a->out->value = a->row->empty;
    return PK_MAP_TAKEN;
}

static enum pk_map_reason put_rest(struct apply *a) {
    enum pk_map_reason r = put_severity(a);
    r = r != PK_MAP_TAKEN ? r : put_value(a);
    r = r != PK_MAP_TAKEN ? r : put_text(a);
    r = r != PK_MAP_TAKEN ? r : put_correlation(a);
    r = r != PK_MAP_TAKEN ? r : put_time(a);
    if (r == PK_MAP_TAKEN) {
        put_data(a);
    }
    return r;
}

/* What the topic or the payload fills in is named by whoever may publish there, and they may be any number.
 */
static bool has_field(const struct pk_map_table *t, struct pk_map_ref ref) {
    const struct pk_str s = pk_map_str(t, ref);
    return s.n > 0 && memchr(s.p, '{', s.n) != NULL;
}

enum pk_map_reason pk_map_apply(const struct pk_map_table *t, uint32_t row, struct pk_str topic,
                                struct pk_str payload, bool is_retained, struct pk_event_in *out,
                                struct pk_map_outcome *outcome) {
    const struct pk_map_ref no_words = {0, 0};
    struct apply a;
    uint32_t at_byte = 0;
    a.t = t;
    a.row = &t->rows[row];
    a.out = out;
    a.outcome = outcome;
    memset(out, 0, sizeof *out);
    *outcome = (struct pk_map_outcome){.reason = PK_MAP_TAKEN};
    a.in = (struct pk_map_input){.topic = topic, .captures = a.captures, .payload = &a.payload};
    if (topic.n > PK_MAP_TOPIC_BYTES_MAX ||
        !pk_map_match(pk_map_str(t, a.row->topic), topic, a.captures, &a.in.capture_count)) {
        return misfit(&a, PK_MAP_TOO_LONG, topic);
    }
    if (is_retained && !a.row->takes_retained) {
        return misfit(&a, PK_MAP_RETAINED, topic);
    }
    if (pk_payload_open(&a.payload, payload, &at_byte) < 0) {
        return misfit(&a, PK_MAP_BAD_JSON, a.payload.text);
    }
    const bool is_empty = a.payload.form == PK_PAYLOAD_EMPTY;
    if (is_empty && a.row->skips_empty) {
        return misfit(&a, PK_MAP_SKIPPED, topic);
    }
    enum pk_map_reason r = put_name(&a, a.row->type, a.row->types, out->type);
    r = r != PK_MAP_TAKEN ? r : put_name(&a, a.row->source, no_words, out->source);
    if (r != PK_MAP_TAKEN) {
        return r;
    }
    out->is_foreign = has_field(t, a.row->source);
    out->is_type_foreign = has_field(t, a.row->type);
    return is_empty && a.row->has_empty ? put_empty(&a) : put_rest(&a);
}
