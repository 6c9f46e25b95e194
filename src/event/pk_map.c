#include "event/pk_map.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_zero.h"
#include "event/pk_map_text.h"

_Static_assert(PK_LIMIT_MAP_TEXT_BYTES <= 65536u, "references are 16 bits");

static const char *const REASON_WORDS[PK_MAP_REASON_COUNT] = {
    "taken",    "skipped",     "empty",   "bad_json", "no_field", "no_number",
    "bad_name", "no_severity", "no_time", "too_long", "retained", "refused"};

const char *pk_map_reason_word(enum pk_map_reason r) {
    return (unsigned)r < PK_MAP_REASON_COUNT ? REASON_WORDS[r] : "unknown";
}

struct pk_str pk_map_str(const struct pk_map_table *t, struct pk_map_ref ref) {
    return pk_str_make(t->text + ref.at, ref.n);
}

void pk_map_init(struct pk_map_table *t) {
    pk_zero(t, sizeof *t);
}

int pk_map_open(struct pk_map_table *t, struct pk_str name) {
    if (!pk_text_is_id(name, ".", PK_MAP_NAME_BYTES - 1)) {
        return PK_E_BAD_FIELD;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        if (pk_str_eq_c(name, t->rows[i].name)) {
            return (int)i;
        }
    }
    if (t->count == PK_LIMIT_MAPS) {
        return PK_E_FULL;
    }
    struct pk_map_row *row = &t->rows[t->count];
    memset(row, 0, sizeof *row);
    row->scale = 1.0;
    (void)pk_str_copy_cut(name, row->name, sizeof row->name);
    return (int)t->count++;
}

/* ---- keys ---- */

enum kind { K_TOPIC, K_TEMPLATE, K_PATHS, K_WORDS, K_SEVERITIES, K_NUMBERS, K_DOUBLE, K_EMPTY, K_BOOL };
struct key_row {
    const char *word;
    uint8_t kind;
    uint16_t offset;
};
#define AT(member) (uint16_t) offsetof(struct pk_map_row, member)
static const struct key_row KEYS[] = {
    {"topic", K_TOPIC, AT(topic)},
    {"type", K_TEMPLATE, AT(type)},
    {"source", K_TEMPLATE, AT(source)},
    {"severity", K_TEMPLATE, AT(severity)},
    {"value", K_TEMPLATE, AT(value)},
    {"text", K_TEMPLATE, AT(text)},
    {"correlation", K_TEMPLATE, AT(correlation)},
    {"time", K_TEMPLATE, AT(time)},
    {"data", K_PATHS, AT(data)},
    {"types", K_WORDS, AT(types)},
    {"severities", K_SEVERITIES, AT(severities)},
    {"values", K_NUMBERS, AT(values)},
    {"scale", K_DOUBLE, AT(scale)},
    {"offset", K_DOUBLE, AT(offset)},
    {"empty", K_EMPTY, 0},
    {"retained", K_BOOL, AT(takes_retained)},
};
#undef AT

const char *pk_map_key_word(uint32_t index) {
    return index < PK_COUNT_OF(KEYS) ? KEYS[index].word : NULL;
}

/* The next level of a topic or filter; false at the end. */
static bool take_level(struct pk_str *rest, struct pk_str *out) {
    return pk_str_split(rest, '/', out);
}

static bool is_filter(struct pk_str filter, const char **out_why) {
    struct pk_str level, rest = filter;
    uint32_t wildcards = 0;
    *out_why = "'{}' is not a topic filter";
    if (filter.n == 0 || filter.n > PK_MAP_TOPIC_BYTES_MAX || !pk_text_is_utf8(filter)) {
        return false;
    }
    if (pk_str_starts(filter, "$share/") || pk_str_starts(filter, "picket/v1/")) {
        *out_why = "'{}': shared subscriptions and Picket's own topics cannot be mapped";
        return false;
    }
    while (take_level(&rest, &level)) {
        const bool is_many = pk_str_eq_c(level, "#"), is_one = pk_str_eq_c(level, "+");
        wildcards += is_many || is_one ? 1u : 0u;
        const bool has_wildcard =
            level.n > 0 && (memchr(level.p, '#', level.n) != NULL || memchr(level.p, '+', level.n) != NULL);
        if ((has_wildcard && !is_many && !is_one) || (is_many && rest.p != NULL)) {
            return false;
        }
    }
    *out_why = "'{}' has more than 9 wildcards";
    return wildcards <= PK_MAP_CAPTURES_MAX;
}

static bool are_paths(struct pk_str list, const char **out_why) {
    struct pk_str one;
    uint32_t count = 0;
    *out_why = "'{}' is not a list of paths such as state.temp, up to 8";
    while (pk_str_split(&list, ',', &one)) {
        const struct pk_str path = pk_str_trim(one);
        if (!pk_payload_is_path(path) || pk_payload_path_name(path).n == 0 || ++count > PK_EVENT_FIELDS_MAX) {
            return false;
        }
    }
    return true;
}

/* Every right side must be of the kind the words lead to. */
static bool are_words(struct pk_str words, enum kind kind, const char **out_why) {
    *out_why = "'{}' is not of the form a -> b, c -> d, * -> e";
    if (!pk_map_text_is_words(words)) {
        return false;
    }
    struct pk_str pair;
    while (kind != K_WORDS && pk_str_split(&words, ',', &pair)) {
        enum pk_severity severity = PK_SEV_INFO;
        double number = 0;
        struct pk_str right = pair;
        while (right.n > 1 && !(right.p[0] == '-' && right.p[1] == '>')) {
            right = pk_str_make(right.p + 1, right.n - 1);
        }
        right = pk_str_trim(pk_str_make(right.p + 2, right.n - 2));
        if (kind == K_SEVERITIES ? pk_severity_parse(right, &severity) < 0
                                 : pk_parse_double(right, &number) < 0) {
            *out_why = kind == K_SEVERITIES ? "'{}' leads to a word that is no severity"
                                            : "'{}' leads to something that is no number";
            return false;
        }
    }
    return true;
}

static int keep(struct pk_map_table *t, struct pk_map_row *row, const struct key_row *key,
                struct pk_str value, const char **out_why) {
    if (value.n > sizeof t->text - t->text_bytes) {
        *out_why = "no room for '{}': the texts of the mapping rows are larger than this board keeps";
        return PK_E_FULL;
    }
    const struct pk_map_ref ref = {(uint16_t)t->text_bytes, (uint16_t)value.n};
    memcpy(t->text + t->text_bytes, value.p, value.n);
    t->text_bytes += value.n;
    memcpy((uint8_t *)row + key->offset, &ref, sizeof ref);
    return PK_OK;
}

static int set_empty(struct pk_map_row *row, struct pk_str value, const char **out_why) {
    *out_why = "'{}' is not a number or skip";
    row->skips_empty = pk_str_eq_c(value, "skip");
    row->has_empty = !row->skips_empty;
    return row->skips_empty ? PK_OK : pk_parse_double(value, &row->empty);
}

static int set(struct pk_map_table *t, struct pk_map_row *row, const struct key_row *key, struct pk_str value,
               const char **out_why) {
    double number = 0;
    bool is_good = value.n > 0 && value.n <= PK_MAP_TEXT_BYTES;
    *out_why = "'{}' is empty or too long";
    switch ((enum kind)key->kind) {
    case K_TOPIC:
        is_good = is_good && is_filter(value, out_why);
        break;
    case K_TEMPLATE:
        is_good = is_good && pk_map_text_is_template(value, PK_MAP_CAPTURES_MAX, out_why);
        break;
    case K_PATHS:
        is_good = is_good && are_paths(value, out_why);
        break;
    case K_WORDS:
    case K_SEVERITIES:
    case K_NUMBERS:
        is_good = is_good && are_words(value, (enum kind)key->kind, out_why);
        break;
    case K_DOUBLE:
        *out_why = "'{}' is not a number";
        is_good = pk_parse_double(value, &number) == PK_OK;
        memcpy((uint8_t *)row + key->offset, &number, sizeof number);
        return is_good ? PK_OK : PK_E_BAD_FIELD;
    case K_EMPTY:
        return set_empty(row, value, out_why) < 0 ? PK_E_BAD_FIELD : PK_OK;
    case K_BOOL:
        *out_why = "'{}' is not yes or no";
        return pk_parse_bool(value, &row->takes_retained) < 0 ? PK_E_BAD_FIELD : PK_OK;
    }
    return is_good ? keep(t, row, key, value, out_why) : PK_E_BAD_FIELD;
}

int pk_map_set(struct pk_map_table *t, uint32_t row, struct pk_str key, struct pk_str value,
               const char **out_why) {
    PK_ASSERT(row < t->count);
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"') {
        value = pk_str_make(value.p + 1, value.n - 2); /* topic = "#" */
    }
    for (uint32_t i = 0; i < PK_COUNT_OF(KEYS); i++) {
        if (pk_str_eq_c(key, KEYS[i].word)) {
            return set(t, &t->rows[row], &KEYS[i], value, out_why);
        }
    }
    return PK_E_NOT_FOUND;
}

/* ---- rows ---- */

static uint32_t wildcard_count(struct pk_str filter) {
    struct pk_str level;
    uint32_t count = 0;
    while (take_level(&filter, &level)) {
        count += pk_str_eq_c(level, "+") || pk_str_eq_c(level, "#") ? 1u : 0u;
    }
    return count;
}

/* What a template says when the message says nothing: all of it when it has no field, the default of its only
 * field; empty: it depends. */
static struct pk_str fixed_text(struct pk_str template) {
    const char *open = template.n > 0 ? memchr(template.p, '{', template.n) : NULL;
    const char *bar = open != NULL ? memchr(template.p, '|', template.n) : NULL;
    if (open == NULL) {
        return template;
    }
    const char *end = template.p + template.n - 1;
    if (open != template.p || bar == NULL || memchr(template.p, '}', template.n) != end) {
        return pk_str_make(NULL, 0);
    }
    return pk_str_make(bar + 1, (size_t)(end - bar - 1));
}

static bool are_words_right(const struct pk_map_table *t, const struct pk_map_row *r,
                            struct pk_map_error *out) {
    enum pk_severity severity = PK_SEV_INFO;
    double number = 0;
    const struct pk_str said = fixed_text(pk_map_str(t, r->severity));
    const struct pk_str value = fixed_text(pk_map_str(t, r->value));
    const struct pk_str word = pk_map_text_word(pk_map_str(t, r->severities), said);
    const struct pk_str figure = pk_map_text_word(pk_map_str(t, r->values), value);
    if (word.n > 0 && pk_severity_parse(word, &severity) < 0) {
        *out = (struct pk_map_error){"'{}' is not a severity: info, low, medium, high, critical", word,
                                     "severity"};
        return false;
    }
    if (figure.n > 0 && !pk_str_eq_nocase(figure, "true") && !pk_str_eq_nocase(figure, "false") &&
        pk_parse_double(figure, &number) < 0) {
        *out = (struct pk_map_error){"'{}' is not a number; a part of the message stands in braces", figure,
                                     "value"};
        return false;
    }
    return true;
}

int pk_map_incomplete(const struct pk_map_table *t, struct pk_map_error *out) {
    const char *why = NULL;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct pk_map_row *r = &t->rows[i];
        const struct pk_str name = pk_str_of(r->name);
        if (r->topic.n == 0 || r->type.n == 0 || r->source.n == 0) {
            *out = (struct pk_map_error){"[map {}] needs topic, type and source", name, NULL};
            return (int)i;
        }
        const struct {
            struct pk_map_ref text;
            const char *key;
        } templates[] = {{r->type, "type"},   {r->source, "source"}, {r->severity, "severity"},
                         {r->value, "value"}, {r->text, "text"},     {r->correlation, "correlation"},
                         {r->time, "time"}};
        const uint32_t captures = wildcard_count(pk_map_str(t, r->topic));
        for (uint32_t k = 0; k < PK_COUNT_OF(templates); k++) {
            if (!pk_map_text_is_template(pk_map_str(t, templates[k].text), captures, &why)) {
                *out = (struct pk_map_error){"[map {}] names a wildcard that its topic does not have", name,
                                             templates[k].key};
                return (int)i;
            }
        }
        if (!are_words_right(t, r, out)) {
            return (int)i;
        }
    }
    return -1;
}

bool pk_map_match(struct pk_str filter, struct pk_str topic, struct pk_str captures[PK_MAP_CAPTURES_MAX],
                  uint32_t *out_count) {
    struct pk_str f, l;
    *out_count = 0;
    if (topic.n > 0 && topic.p[0] == '$' && (filter.p[0] == '+' || filter.p[0] == '#')) {
        return false; /* MQTT-4.7.2-1 */
    }
    while (take_level(&filter, &f)) {
        if (pk_str_eq_c(f, "#")) { /* the parent level too: then there is no rest */
            captures[(*out_count)++] = topic.p != NULL ? topic : pk_str_make("", 0);
            return true;
        }
        if (!take_level(&topic, &l)) {
            return false;
        }
        if (pk_str_eq_c(f, "+")) {
            captures[(*out_count)++] = l;
        } else if (!pk_str_eq(f, l)) {
            return false;
        }
    }
    return topic.p == NULL;
}

void pk_map_note(struct pk_map_count *c, const struct pk_map_outcome *outcome, uint64_t now_ms) {
    uint32_t *count = &c->by_reason[outcome->reason];
    *count += *count < UINT32_MAX ? 1u : 0u;
    if (outcome->reason != PK_MAP_TAKEN && outcome->reason != PK_MAP_SKIPPED) {
        c->last = *outcome;
        c->last_ms = now_ms;
    }
}
