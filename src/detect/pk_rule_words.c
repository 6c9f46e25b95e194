#include "detect/pk_rule_words.h"

#include <string.h>

#include "base/pk_assert.h"
#include "detect/pk_rule_never.h"

enum {
    SPAN_MS_MAX = 7 * 24 * 3600 * 1000, /* windows compare 32-bit times: a week is far inside their 24 days */
    DATA_PREFIX = 5,                    /* "data." */
    DATA_NAME_MAX = 64
};

static const char *const TERM_WORDS[] = {"type", "source", "severity", "value"};
static const char *const SEVERITY_WORDS[] = {"info", "low", "medium", "high", "critical", "warning", "error"};
static const char *const NO_WORDS[] = {"and", "in",   "for",    "by",  "across", "if",
                                       "min", "else", "within", "per", "sources"};

int pk_rule_fail(struct pk_rule_cursor *c, uint32_t at, const char *message, struct pk_str argument) {
    while (at < c->value.n && pk_is_space(c->value.p[at])) {
        at++; /* the word, not the space before it */
    }
    uint32_t line = c->line;
    uint32_t column = c->column;
    for (uint32_t i = 0; i < at && i < c->value.n; i++) {
        const bool is_break = c->value.p[i] == '\n';
        line += is_break ? 1u : 0u;
        column = is_break ? 1u : column + 1u;
    }
    pk_diag_set1(c->diag, c->file, line, column, message, argument);
    return PK_E_CONFIG;
}

int pk_rule_fail_word(struct pk_rule_cursor *c, uint32_t at, const char *message, struct pk_str got,
                      const char *const *words, size_t count) {
    char full[120];
    struct pk_buf b;
    pk_buf_init(&b, full, sizeof full);
    pk_buf_puts(&b, message);
    const char *near = pk_text_suggest(got, words, count);
    if (near != NULL) {
        pk_buf_puts(&b, "; did you mean '");
        pk_buf_puts(&b, near);
        pk_buf_puts(&b, "'?");
    }
    return pk_rule_fail(c, at, full, got);
}

static bool is_operator(char c) {
    return c == '<' || c == '>' || c == '=' || c == '!';
}

static bool is_single(char c) {
    return c == '(' || c == ')' || c == '|' || c == ',' || c == '%';
}

struct pk_str pk_rule_peek(struct pk_rule_cursor *c) {
    const char *p = c->value.p;
    const uint32_t n = c->value.n;
    while (c->at < n && pk_is_space(p[c->at])) {
        c->at++;
    }
    uint32_t end = c->at;
    if (end >= n) {
        return pk_str_make(NULL, 0);
    }
    if (p[end] == '"') {
        end++;
        while (end < n && p[end] != '"') {
            end++;
        }
        end += end < n ? 1u : 0u;
    } else if (is_single(p[end])) {
        end++;
    } else if (is_operator(p[end])) {
        while (end < n && is_operator(p[end])) {
            end++;
        }
    } else if (p[end] == '-' && end + 1u < n && p[end + 1u] == '>') {
        end += 2u;
    } else {
        while (end < n && !pk_is_space(p[end]) && !is_single(p[end]) && !is_operator(p[end]) &&
               p[end] != '"') {
            end++;
        }
    }
    return pk_str_make(p + c->at, end - c->at);
}

struct pk_str pk_rule_take(struct pk_rule_cursor *c) {
    const struct pk_str word = pk_rule_peek(c);
    c->at += word.n;
    return word;
}

bool pk_rule_take_if(struct pk_rule_cursor *c, const char *word) {
    const bool is_it = pk_str_eq_nocase(pk_rule_peek(c), word);
    if (is_it) {
        (void)pk_rule_take(c);
    }
    return is_it;
}

int pk_rule_expect(struct pk_rule_cursor *c, const char *word) {
    const struct pk_str got = pk_rule_peek(c);
    if (pk_rule_take_if(c, word)) {
        return PK_OK;
    }
    char message[48];
    struct pk_buf b;
    pk_buf_init(&b, message, sizeof message);
    pk_buf_puts(&b, "expected '");
    pk_buf_puts(&b, word);
    pk_buf_puts(&b, "'");
    pk_buf_puts(&b, got.n > 0 ? " before '{}'" : " at the end");
    return pk_rule_fail(c, c->at, message, got);
}

int pk_rule_expect_in(struct pk_rule_cursor *c) {
    return pk_rule_take_if(c, "within") ? PK_OK : pk_rule_expect(c, "in");
}

int pk_rule_expect_end(struct pk_rule_cursor *c) {
    const struct pk_str got = pk_rule_peek(c);
    if (got.n == 0) {
        return PK_OK;
    }
    return pk_rule_fail_word(c, c->at, "unexpected '{}'", got, NO_WORDS, PK_COUNT_OF(NO_WORDS));
}

int pk_rule_read_cmp(struct pk_rule_cursor *c, uint8_t *out) {
    const struct pk_str got = pk_rule_peek(c);
    for (unsigned i = 0; i < PK_CMP_COUNT; i++) {
        if (pk_str_eq_c(got, pk_cmp_word((enum pk_cmp)i))) {
            (void)pk_rule_take(c);
            *out = (uint8_t)i;
            return PK_OK;
        }
    }
    return pk_rule_fail(
        c, c->at,
        got.n > 0 ? "expected = != < <= > or >=, not '{}'" : "expected = != < <= > or >= at the end", got);
}

int pk_rule_read_more_or_less(struct pk_rule_cursor *c, uint8_t *out) {
    const uint32_t at = c->at;
    const int err = pk_rule_read_cmp(c, out);
    if (err != PK_OK || *out == PK_CMP_LT || *out == PK_CMP_GT) {
        return err;
    }
    return pk_rule_fail(c, at, "expected < or >", pk_str_make(NULL, 0));
}

/* $NAME, a number of [thresholds]. */
static int read_name(struct pk_rule_cursor *c, double *out) {
    const struct pk_str got = pk_rule_peek(c);
    const struct pk_str name = got.n > 0 ? pk_str_make(got.p + 1, got.n - 1u) : got;
    if (pk_thresholds_get(c->thresholds, name, out) == PK_OK) {
        (void)pk_rule_take(c);
        return PK_OK;
    }
    const char *near = pk_thresholds_suggest(c->thresholds, name);
    if (near != NULL) {
        return pk_rule_fail_word(c, c->at, "'{}' is not a name of [thresholds]", name, &near, 1);
    }
    char message[160];
    struct pk_buf b;
    pk_buf_init(&b, message, sizeof message);
    pk_buf_puts(&b, "'{}' is not a name of [thresholds]: ");
    pk_thresholds_put_names(c->thresholds, &b);
    return pk_rule_fail(c, c->at, message, name);
}

static bool is_name(struct pk_str word) {
    return word.n > 0 && word.p[0] == '$';
}

/* "% of $NAME" behind a number; *out is the number before. */
static int read_share(struct pk_rule_cursor *c, double *out) {
    const uint32_t at = c->at;
    double whole = 0.0;
    if (!pk_rule_take_if(c, "%") || !pk_rule_take_if(c, "of") || !is_name(pk_rule_peek(c))) {
        c->at = at;
        return PK_OK;
    }
    const int err = read_name(c, &whole);
    *out = *out * whole / 100.0;
    return err;
}

int pk_rule_read_number(struct pk_rule_cursor *c, double *out) {
    const struct pk_str got = pk_rule_peek(c);
    if (is_name(got)) {
        return read_name(c, out);
    }
    if (pk_parse_double(got, out) != PK_OK) {
        return pk_rule_fail(c, c->at,
                            got.n > 0 ? "expected a number, not '{}'" : "expected a number at the end", got);
    }
    (void)pk_rule_take(c);
    return read_share(c, out);
}

int pk_rule_read_long_span(struct pk_rule_cursor *c, uint64_t max_ms, uint64_t *out_ms) {
    const struct pk_str got = pk_rule_peek(c);
    uint64_t ms = 0;
    if (pk_parse_duration_ms(got, &ms) != PK_OK) {
        return pk_rule_fail(c, c->at,
                            got.n > 0 ? "expected a time such as 30s, 5m or 2h, not '{}'"
                                      : "expected a time at the end",
                            got);
    }
    if (ms == 0 || ms > max_ms) {
        char message[80];
        struct pk_buf b;
        pk_buf_init(&b, message, sizeof message);
        pk_buf_puts(&b, "the time '{}' must be above 0 and at most ");
        pk_buf_put_duration(&b, max_ms);
        return pk_rule_fail(c, c->at, message, got);
    }
    (void)pk_rule_take(c);
    *out_ms = ms;
    return PK_OK;
}

int pk_rule_read_span(struct pk_rule_cursor *c, uint32_t *out_ms) {
    uint64_t ms = 0;
    const int err = pk_rule_read_long_span(c, SPAN_MS_MAX, &ms);
    *out_ms = err == PK_OK ? (uint32_t)ms : *out_ms;
    return err;
}

int pk_rule_read_integer(struct pk_rule_cursor *c, uint32_t low, uint32_t high, uint32_t *out) {
    const struct pk_str got = pk_rule_peek(c);
    uint64_t v = 0;
    if (pk_parse_u64(got, &v) != PK_OK) {
        return pk_rule_fail(
            c, c->at, got.n > 0 ? "expected a whole number, not '{}'" : "expected a whole number at the end",
            got);
    }
    if (v < low || v > high) {
        char message[80];
        struct pk_buf b;
        pk_buf_init(&b, message, sizeof message);
        pk_buf_puts(&b, "{} is outside ");
        pk_buf_put_u64(&b, low);
        pk_buf_puts(&b, " .. ");
        pk_buf_put_u64(&b, high);
        return pk_rule_fail(c, c->at, message, got);
    }
    (void)pk_rule_take(c);
    *out = (uint32_t)v;
    return PK_OK;
}

int pk_rule_read_severity_word(struct pk_rule_cursor *c, uint8_t *out) {
    const struct pk_str got = pk_rule_peek(c);
    enum pk_severity severity = PK_SEV_INFO;
    if (pk_severity_parse(got, &severity) != PK_OK) {
        return pk_rule_fail_word(c, c->at, "'{}' is not a severity", got, SEVERITY_WORDS,
                                 PK_COUNT_OF(SEVERITY_WORDS));
    }
    (void)pk_rule_take(c);
    *out = (uint8_t)severity;
    return PK_OK;
}

struct pk_rule_ref pk_rule_ref_at(const struct pk_rule_cursor *c, const char *from, const char *to) {
    return (struct pk_rule_ref){(uint32_t)(from - c->text), (uint16_t)(to - from), 0};
}

/* glob { "|" glob }; a quoted text stands for itself without its quotes and alone. */
static int read_globs(struct pk_rule_cursor *c, struct pk_rule_ref *out) {
    struct pk_str got = pk_rule_take(c);
    if (got.n == 0 || is_single(got.p[0]) || is_operator(got.p[0])) {
        return pk_rule_fail(c, c->at - got.n, "expected a name or a pattern", got);
    }
    if (got.p[0] == '"') {
        if (got.n < 3 || got.p[got.n - 1u] != '"') {
            return pk_rule_fail(c, c->at - got.n, "a quoted text must not be empty and must end with a quote",
                                got);
        }
        *out = pk_rule_ref_at(c, got.p + 1, got.p + got.n - 1);
        return PK_OK;
    }
    const char *from = got.p;
    while (pk_rule_take_if(c, "|")) {
        got = pk_rule_take(c);
        if (got.n == 0 || is_single(got.p[0]) || is_operator(got.p[0]) || got.p[0] == '"') {
            return pk_rule_fail(c, c->at - got.n, "expected a name or a pattern after '|'", got);
        }
    }
    *out = pk_rule_ref_at(c, from, got.p + got.n);
    return PK_OK;
}

static int read_equal_globs(struct pk_rule_cursor *c, struct pk_rule_term *t) {
    const uint32_t at = c->at;
    const int err = pk_rule_read_cmp(c, &t->cmp);
    if (err != PK_OK) {
        return err;
    }
    if (t->cmp != PK_CMP_EQ && t->cmp != PK_CMP_NE) {
        return pk_rule_fail(c, at, "names are compared with = or !=", pk_str_make(NULL, 0));
    }
    return read_globs(c, &t->text);
}

int pk_rule_read_data_name(struct pk_rule_cursor *c, struct pk_rule_ref *out) {
    const struct pk_str word = pk_rule_take(c);
    if (!pk_str_starts(word, "data.") || word.n <= DATA_PREFIX || word.n - DATA_PREFIX > DATA_NAME_MAX) {
        return pk_rule_fail(c, c->at - word.n, "expected a field name after 'data.'", word);
    }
    *out = pk_rule_ref_at(c, word.p + DATA_PREFIX, word.p + word.n);
    return PK_OK;
}

static int read_data(struct pk_rule_cursor *c, struct pk_rule_term *t) {
    t->field = PK_TERM_DATA;
    int err = pk_rule_read_data_name(c, &t->name);
    err = err != PK_OK ? err : pk_rule_read_cmp(c, &t->cmp);
    if (err != PK_OK) {
        return err;
    }
    const struct pk_str word = pk_rule_peek(c);
    t->is_number = is_name(word) || pk_parse_double(word, &t->number) == PK_OK;
    if (t->is_number) {
        return pk_rule_read_number(c, &t->number);
    }
    if (t->cmp != PK_CMP_EQ && t->cmp != PK_CMP_NE) {
        return pk_rule_read_number(c, &t->number);
    }
    return read_globs(c, &t->text);
}

static int read_term(struct pk_rule_cursor *c, struct pk_rule_term *t) {
    const uint32_t at = c->at;
    memset(t, 0, sizeof *t);
    if (pk_str_starts(pk_rule_peek(c), "data.")) {
        return read_data(c, t);
    }
    const struct pk_str word = pk_rule_take(c);
    if (pk_str_eq_nocase(word, "type") || pk_str_eq_nocase(word, "source")) {
        t->field = pk_str_eq_nocase(word, "type") ? PK_TERM_TYPE : PK_TERM_SOURCE;
        return read_equal_globs(c, t);
    }
    if (pk_str_eq_nocase(word, "severity")) {
        t->field = PK_TERM_SEVERITY;
        const int err = pk_rule_read_cmp(c, &t->cmp);
        return err != PK_OK ? err : pk_rule_read_severity_word(c, &t->severity);
    }
    if (pk_str_eq_nocase(word, "value")) {
        t->field = PK_TERM_VALUE;
        const int err = pk_rule_read_cmp(c, &t->cmp);
        return err != PK_OK ? err : pk_rule_read_number(c, &t->number);
    }
    if (word.n == 0) {
        return pk_rule_fail(c, at, "expected type, source, severity, value or data.NAME at the end", word);
    }
    return pk_rule_fail_word(c, c->at - word.n, "'{}' is not type, source, severity, value or data.NAME",
                             word, TERM_WORDS, PK_COUNT_OF(TERM_WORDS));
}

/* The newest term against those an event must pass as well: of `on`, and of its own brackets. */
static int check_terms(struct pk_rule_cursor *c, const struct pk_rule *r, uint8_t first, uint32_t at) {
    const struct pk_rule_term *newest = &r->terms[r->term_count];
    const struct pk_str got = pk_str_trim(pk_str_make(c->value.p + at, c->at - at));
    for (uint8_t i = 0; i < r->term_count; i++) {
        const bool is_of_on = i < r->on_count;
        if ((!is_of_on && i < first) || r->terms[i].text.base != PK_RULE_IN_BOOK ||
            !pk_rule_terms_exclude(c->text, &r->terms[i], newest)) {
            continue;
        }
        return pk_rule_fail(c, at,
                            is_of_on ? "no event is both '{}' and what 'on' asks for"
                            : newest->text.n > 0
                                ? "no event is both '{}' and what stands before it; either: a | b"
                                : "no event is both '{}' and what stands before it",
                            got);
    }
    return PK_OK;
}

int pk_rule_read_terms(struct pk_rule_cursor *c, struct pk_rule *r, uint8_t *out_first, uint8_t *out_count) {
    const uint8_t first = r->term_count;
    do {
        if (r->term_count >= PK_RULE_TERMS_MAX) {
            return pk_rule_fail(c, c->at, "a rule has at most 12 comparisons", pk_str_make(NULL, 0));
        }
        (void)pk_rule_peek(c);
        const uint32_t at = c->at;
        int err = read_term(c, &r->terms[r->term_count]);
        err = err != PK_OK ? err : check_terms(c, r, first, at);
        if (err != PK_OK) {
            return err;
        }
        r->term_count++;
    } while (pk_rule_take_if(c, "and"));
    *out_first = first;
    *out_count = (uint8_t)(r->term_count - first);
    return PK_OK;
}

int pk_rule_need_inner(struct pk_rule_cursor *c, struct pk_rule *r, uint8_t *out_first, uint8_t *out_count) {
    int err = pk_rule_expect(c, "(");
    err = err != PK_OK ? err : pk_rule_read_terms(c, r, out_first, out_count);
    return err != PK_OK ? err : pk_rule_expect(c, ")");
}

int pk_rule_read_inner(struct pk_rule_cursor *c, struct pk_rule *r, uint8_t *out_first, uint8_t *out_count) {
    return pk_str_eq_c(pk_rule_peek(c), "(") ? pk_rule_need_inner(c, r, out_first, out_count) : PK_OK;
}
