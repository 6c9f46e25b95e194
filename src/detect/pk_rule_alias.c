#include "detect/pk_rule_alias.h"

#include <string.h>

#include "base/pk_assert.h"

enum { COUNT_DEFAULT = 5, WINDOW_DEFAULT_MS = 300000, WHEN_BYTES = 160, COUNT_MAX = 1000000000 };

/* Which events an incident type stands for. The type, '=', and the globs of `type`; nothing: any event. */
const char PK_RULE_ALIAS_TEXT[] = "custom=\n"
                                  "service_down=service_unavailable\n"
                                  "quality_drop=quality_check_failed\n"
                                  "workflow_failure_spike=workflow_failed\n"
                                  "memory_exhaustion=memory_high\n"
                                  "performance_degradation=slow_request\n"
                                  "disk_space_low=disk_space_low\n"
                                  "database_connection_fail=database_connection_error\n"
                                  "api_rate_limit=rate_limited|api_rate_limit\n"
                                  "cache_failure=cache_error|cache_failure\n"
                                  "network_partition=network_error|link_down|timeout_error\n"
                                  "deadlock_detected=deadlock|hung_task|lock_timeout\n"
                                  "security_breach=auth_failed|path_traversal|hardcoded_secret*\n"
                                  "data_corruption=data_corruption|fs_error|crc_error|remount_readonly\n"
                                  "resource_leak=resource_leak\n"
                                  "certificate_expiration=certificate_expired|tls_error\n"
                                  "crash_loop=process_crashed|crash_loop\n"
                                  "deployment_failure=deployment_failed|update_failed|rollback\n";
static const char ERROR_BURST[] = "error_burst"; /* any event of this severity */

struct pk_rule_cursor pk_rule_alias_cursor(const struct pk_rule_alias *a, const struct pk_rule_given *given) {
    return (struct pk_rule_cursor){.file = a->file,
                                   .text = a->text,
                                   .value = given->value,
                                   .line = given->line,
                                   .column = given->column,
                                   .diag = a->diag,
                                   .thresholds = a->thresholds};
}

static int fail(const struct pk_rule_alias *a, const struct pk_rule_given *given, uint32_t at,
                const char *message, struct pk_str argument) {
    struct pk_rule_cursor c = pk_rule_alias_cursor(a, given);
    return pk_rule_fail(&c, at, message, argument);
}

static struct pk_rule_ref words_ref(struct pk_str s) {
    return (struct pk_rule_ref){(uint32_t)(s.p - PK_RULE_ALIAS_TEXT), (uint16_t)s.n, PK_RULE_IN_WORDS};
}

struct pk_rule_ref pk_rule_alias_type(void) {
    return words_ref(pk_str_make(PK_RULE_ALIAS_TEXT, sizeof "custom" - 1));
}

static int add_term(const struct pk_rule_alias *a, const struct pk_rule_given *c, struct pk_rule *r,
                    const struct pk_rule_term *t) {
    if (r->term_count >= PK_RULE_TERMS_MAX) {
        return fail(a, c, 0, "a rule has at most 12 comparisons", pk_str_make(NULL, 0));
    }
    r->terms[r->term_count++] = *t;
    r->on_count = r->term_count;
    return PK_OK;
}

/* Names and globs, separated by ',' or '|'. */
static int add_names(const struct pk_rule_alias *a, const struct pk_rule_given *c, struct pk_rule *r,
                     enum pk_term_field field) {
    struct pk_str rest = c->value;
    while (rest.n > 0) {
        struct pk_str one;
        uint32_t n = 0;
        while (n < rest.n && rest.p[n] != ',' && rest.p[n] != '|') {
            n++;
        }
        one = pk_str_trim(pk_str_make(rest.p, n));
        if (!pk_text_is_id(one, "_.:@-*?", 64)) {
            return fail(a, c, (uint32_t)(rest.p - c->value.p), "'{}' is not a name or a pattern", one);
        }
        rest = n < rest.n ? pk_str_make(rest.p + n + 1u, rest.n - n - 1u) : pk_str_make(NULL, 0);
    }
    const struct pk_rule_term t = {
        .field = (uint8_t)field,
        .cmp = PK_CMP_EQ,
        .text = {(uint32_t)(c->value.p - a->text), (uint16_t)c->value.n, PK_RULE_IN_BOOK}};
    return add_term(a, c, r, &t);
}

struct band { /* of severities */
    uint8_t low, high;
};

static int read_filter(const struct pk_rule_alias *a, const struct pk_rule_given *c, struct band *out) {
    struct pk_str rest = c->value;
    uint32_t bits = 0;
    while (rest.n > 0) {
        enum pk_severity severity = PK_SEV_INFO;
        uint32_t n = 0;
        while (n < rest.n && rest.p[n] != ',' && rest.p[n] != '|') {
            n++;
        }
        const struct pk_str one = pk_str_trim(pk_str_make(rest.p, n));
        if (pk_severity_parse(one, &severity) != PK_OK) {
            return fail(a, c, (uint32_t)(rest.p - c->value.p), "'{}' is not a severity", one);
        }
        bits |= 1u << severity;
        rest = n < rest.n ? pk_str_make(rest.p + n + 1u, rest.n - n - 1u) : pk_str_make(NULL, 0);
    }
    out->low = 0;
    while ((bits >> out->low & 1u) == 0) {
        out->low++;
    }
    out->high = out->low;
    while (bits >> (out->high + 1u) != 0) {
        out->high++;
    }
    const uint32_t whole = (1u << (out->high + 1u)) - (1u << out->low);
    return bits == whole ? PK_OK : fail(a, c, 0, "the severities must be neighbours, not '{}'", c->value);
}

static int add_filter(const struct pk_rule_alias *a, const struct pk_rule_given *c, struct pk_rule *r) {
    struct band band;
    int err = read_filter(a, c, &band);
    if (err != PK_OK) {
        return err;
    }
    struct pk_rule_term t = {.field = PK_TERM_SEVERITY, .cmp = PK_CMP_GE, .severity = band.low};
    err = add_term(a, c, r, &t);
    if (err == PK_OK && band.high < PK_SEV_COUNT - 1) {
        t.cmp = PK_CMP_LE;
        t.severity = band.high;
        err = add_term(a, c, r, &t);
    }
    return err;
}

static bool has_operator(struct pk_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.p[i] == '=' || s.p[i] == '<' || s.p[i] == '>') {
            return true;
        }
    }
    return pk_str_eq_nocase(s, "any");
}

static bool is_consecutive(const struct pk_rule_alias *a) {
    bool is_yes = false;
    return a->consecutive != NULL && pk_parse_bool(a->consecutive->value, &is_yes) == PK_OK && is_yes;
}

static struct pk_str globs_of(struct pk_str type) {
    struct pk_str rest = pk_str_of(PK_RULE_ALIAS_TEXT);
    struct pk_str line, name;
    while (pk_str_split(&rest, '\n', &line)) {
        if (pk_str_split(&line, '=', &name) && pk_str_eq(name, type)) {
            return line;
        }
    }
    return pk_str_make(NULL, 0);
}

static void add_default(const struct pk_rule_alias *a, struct pk_str type, struct pk_rule *r) {
    struct pk_rule_term t = {.field = PK_TERM_SEVERITY, .cmp = PK_CMP_GE, .severity = PK_SEV_HIGH};
    const struct pk_str globs = globs_of(type);
    const bool is_burst = pk_str_eq_c(type, ERROR_BURST);
    if (globs.n == 0 && (!is_burst || a->filter != NULL || is_consecutive(a))) {
        return; /* any event */
    }
    if (!is_burst) {
        t = (struct pk_rule_term){.field = PK_TERM_TYPE, .cmp = PK_CMP_EQ, .text = words_ref(globs)};
    }
    r->terms[r->term_count++] = t;
    r->on_count = r->term_count;
}

int pk_rule_alias_on(const struct pk_rule_alias *a, struct pk_rule *r) {
    if (a->pattern == NULL) {
        add_default(a, pk_rule_ref_str(a->text, r->type), r);
        return PK_OK;
    }
    if (!has_operator(a->pattern->value)) {
        return add_names(a, a->pattern, r, PK_TERM_TYPE);
    }
    struct pk_rule_cursor c = pk_rule_alias_cursor(a, a->pattern);
    return pk_rule_read_on(&c, r);
}

int pk_rule_alias_narrow(const struct pk_rule_alias *a, struct pk_rule *r) {
    int err = PK_OK;
    if (a->filter != NULL && !is_consecutive(a)) {
        err = add_filter(a, a->filter, r);
    }
    return err == PK_OK && a->systems != NULL ? add_names(a, a->systems, r, PK_TERM_SOURCE) : err;
}

/* ---- when ---- */

enum rule_type { TYPE_COUNT, TYPE_VALUE, TYPE_PATTERN, TYPE_ANOMALY };

static int read_rule_type(const struct pk_rule_alias *a, enum rule_type *out) {
    static const char *const WORDS[] = {"count", "threshold", "pattern", "anomaly"};
    *out = TYPE_COUNT;
    if (a->rule_type == NULL) {
        return PK_OK;
    }
    for (unsigned i = 0; i < PK_COUNT_OF(WORDS); i++) {
        if (pk_str_eq_nocase(a->rule_type->value, WORDS[i])) {
            *out = (enum rule_type)i;
            return PK_OK;
        }
    }
    struct pk_rule_cursor c = pk_rule_alias_cursor(a, a->rule_type);
    return pk_rule_fail_word(&c, 0, "'{}' is not threshold, pattern, anomaly or count", a->rule_type->value,
                             WORDS, PK_COUNT_OF(WORDS));
}

/* What breaks a run: an event that is looked at and not counted. */
static int put_counted(const struct pk_rule_alias *a, struct pk_str type, struct pk_buf *b) {
    struct band band = {PK_SEV_LOW, PK_SEV_COUNT - 1};
    if (!is_consecutive(a)) {
        return PK_OK;
    }
    if (a->filter != NULL) {
        const int err = read_filter(a, a->filter, &band);
        if (err != PK_OK) {
            return err;
        }
    } else if (pk_str_eq_c(type, ERROR_BURST)) {
        band.low = PK_SEV_HIGH;
    }
    pk_buf_puts(b, "(severity >= ");
    pk_buf_puts(b, pk_severity_word((enum pk_severity)band.low));
    pk_buf_puts(b, " and severity <= ");
    pk_buf_puts(b, pk_severity_word((enum pk_severity)band.high));
    pk_buf_puts(b, ")");
    return PK_OK;
}

static int put_window(const struct pk_rule_alias *a, const char *word, bool is_needed, struct pk_buf *b) {
    uint64_t ms = is_needed ? WINDOW_DEFAULT_MS : 0;
    if (a->window != NULL) {
        if (pk_parse_duration_ms(a->window->value, &ms) != PK_OK || ms == 0 || ms > PK_RULE_SPAN_MS_MAX) {
            return fail(a, a->window, 0, "expected a time such as 300, 30s or 5m, at most 7d, not '{}'",
                        a->window->value);
        }
    }
    if (ms > 0) {
        pk_buf_puts(b, word);
        pk_buf_put_u64(b, ms);
        pk_buf_puts(b, "ms");
    }
    return PK_OK;
}

/* More than a ring of times holds is a rate, which needs no run and no sources. */
static int put_count(const struct pk_rule_alias *a, struct pk_str type, uint64_t fallback, struct pk_buf *b) {
    const uint64_t most = is_consecutive(a) ? PK_RULE_COUNT_MAX : COUNT_MAX;
    uint64_t count = fallback;
    if (a->threshold != NULL &&
        (pk_parse_u64(a->threshold->value, &count) != PK_OK || count < 1 || count > most)) {
        return fail(a, a->threshold, 0,
                    is_consecutive(a) ? "expected a whole number from 1 to 64, not '{}'"
                                      : "expected a whole number from 1 to 1000000000, not '{}'",
                    a->threshold->value);
    }
    const bool is_rate = count > PK_RULE_COUNT_MAX;
    pk_buf_puts(b, is_rate ? "rate" : "count");
    const int err = put_counted(a, type, b);
    pk_buf_puts(b, is_rate ? " > " : " >= ");
    pk_buf_put_u64(b, is_rate ? count - 1u : count);
    return err != PK_OK ? err : put_window(a, is_rate ? " per " : " in ", true, b);
}

static int put_value(const struct pk_rule_alias *a, struct pk_buf *b) {
    double limit = 0.0;
    if (a->threshold == NULL) {
        return fail(a, a->rule_type, 0, "a rule of type threshold needs threshold_value",
                    pk_str_make(NULL, 0));
    }
    const struct pk_str value = a->threshold->value;
    if (pk_parse_double(value, &limit) != PK_OK && (value.n == 0 || value.p[0] != '$')) {
        return fail(a, a->threshold, 0, "expected a number, not '{}'", value);
    }
    if (is_consecutive(a)) {
        return fail(a, a->consecutive, 0, "'require_consecutive' needs a rule that counts events", value);
    }
    pk_buf_puts(b, "value > ");
    pk_buf_put_str(b, value);
    return put_window(a, " for ", false, b);
}

static int put_when(const struct pk_rule_alias *a, struct pk_str type, struct pk_buf *b) {
    enum rule_type kind = TYPE_COUNT;
    const int err = read_rule_type(a, &kind);
    if (err != PK_OK) {
        return err;
    }
    switch (kind) {
    case TYPE_COUNT:
        return put_count(a, type, COUNT_DEFAULT, b);
    case TYPE_VALUE:
        return put_value(a, b);
    case TYPE_PATTERN:
        return put_count(a, type, 1, b);
    case TYPE_ANOMALY:
        break;
    }
    pk_buf_puts(b, "anomaly");
    return PK_OK;
}

int pk_rule_alias_when(const struct pk_rule_alias *a, struct pk_rule *r) {
    char text[WHEN_BYTES];
    struct pk_buf b;
    bool is_yes = false;
    if (a->consecutive != NULL && pk_parse_bool(a->consecutive->value, &is_yes) != PK_OK) {
        return fail(a, a->consecutive, 0, "expected yes or no, not '{}'", a->consecutive->value);
    }
    pk_buf_init(&b, text, sizeof text);
    int err = put_when(a, pk_rule_ref_str(a->text, r->type), &b);
    if (err != PK_OK) {
        return err;
    }
    /* Nothing in it is a name: no ref points into this text. */
    const struct pk_rule_given *at = a->threshold != NULL ? a->threshold : a->rule_type;
    struct pk_rule_cursor c = {.file = a->file,
                               .text = text,
                               .value = pk_buf_str(&b),
                               .line = at != NULL ? at->line : 1,
                               .column = at != NULL ? at->column : 1,
                               .diag = a->diag};
    err = pk_rule_read_when(&c, r);
    r->consecutive = err == PK_OK && is_yes ? 1u : 0u;
    return err;
}
