#include "detect/pk_rule_expr.h"

#include <string.h>

#include "base/pk_assert.h"

enum {
    SPAN_MS_MAX = 7 * 24 * 3600 * 1000
}; /* windows compare 32-bit times: a week is far inside their 24 days */

static const char *const TERM_WORDS[] = {"type", "source", "severity", "value"};
static const char *const WHEN_WORDS[] = {"count", "value", "absent"};
static const char *const CLEAR_WORDS[] = {"stable", "count", "value", "never"};
static const char *const RAISE_WORDS[] = {"ratio", "value", "count", "lasting"};
static const char *const GROUP_WORDS[] = {"source", "correlation", "all"};
static const char *const SEVERITY_WORDS[] = {"info", "low", "medium", "high", "critical", "warning", "error"};
static const char *const NO_WORDS[] = {"and", "in", "for", "by", "across", "if", "min", "else", "sources"};

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

int pk_rule_fail(struct pk_rule_cursor *c, uint32_t at, const char *message, struct pk_str argument) {
    while (at < c->value.n && is_space(c->value.p[at])) {
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

/* Next word, operator, or "quoted text" (with its quotes); empty at the end. Does not move the cursor. */
static struct pk_str peek(struct pk_rule_cursor *c) {
    const char *p = c->value.p;
    const uint32_t n = c->value.n;
    while (c->at < n && is_space(p[c->at])) {
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
        while (end < n && !is_space(p[end]) && !is_single(p[end]) && !is_operator(p[end]) && p[end] != '"') {
            end++;
        }
    }
    return pk_str_make(p + c->at, end - c->at);
}

static struct pk_str take(struct pk_rule_cursor *c) {
    const struct pk_str word = peek(c);
    c->at += word.n;
    return word;
}

static bool take_if(struct pk_rule_cursor *c, const char *word) {
    const bool is_it = pk_str_eq_nocase(peek(c), word);
    if (is_it) {
        (void)take(c);
    }
    return is_it;
}

static int expect(struct pk_rule_cursor *c, const char *word) {
    const struct pk_str got = peek(c);
    if (take_if(c, word)) {
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

static int expect_end(struct pk_rule_cursor *c) {
    const struct pk_str got = peek(c);
    if (got.n == 0) {
        return PK_OK;
    }
    return pk_rule_fail_word(c, c->at, "unexpected '{}'", got, NO_WORDS, PK_COUNT_OF(NO_WORDS));
}

static int read_cmp(struct pk_rule_cursor *c, uint8_t *out) {
    const struct pk_str got = peek(c);
    for (unsigned i = 0; i < PK_CMP_COUNT; i++) {
        if (pk_str_eq_c(got, pk_cmp_word((enum pk_cmp)i))) {
            (void)take(c);
            *out = (uint8_t)i;
            return PK_OK;
        }
    }
    return pk_rule_fail(
        c, c->at,
        got.n > 0 ? "expected = != < <= > or >=, not '{}'" : "expected = != < <= > or >= at the end", got);
}

static int read_number(struct pk_rule_cursor *c, double *out) {
    const struct pk_str got = peek(c);
    if (pk_parse_double(got, out) != PK_OK) {
        return pk_rule_fail(c, c->at,
                            got.n > 0 ? "expected a number, not '{}'" : "expected a number at the end", got);
    }
    (void)take(c);
    return PK_OK;
}

static int read_span(struct pk_rule_cursor *c, uint32_t *out_ms) {
    const struct pk_str got = peek(c);
    uint64_t ms = 0;
    if (pk_parse_duration_ms(got, &ms) != PK_OK) {
        return pk_rule_fail(c, c->at,
                            got.n > 0 ? "expected a time such as 30s, 5m or 2h, not '{}'"
                                      : "expected a time at the end",
                            got);
    }
    if (ms == 0 || ms > SPAN_MS_MAX) {
        return pk_rule_fail(c, c->at, "the time '{}' must be above 0 and at most 7d", got);
    }
    (void)take(c);
    *out_ms = (uint32_t)ms;
    return PK_OK;
}

static int read_integer(struct pk_rule_cursor *c, uint32_t low, uint32_t high, uint32_t *out) {
    const struct pk_str got = peek(c);
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
    (void)take(c);
    *out = (uint32_t)v;
    return PK_OK;
}

static int read_severity_word(struct pk_rule_cursor *c, uint8_t *out) {
    const struct pk_str got = peek(c);
    enum pk_severity severity = PK_SEV_INFO;
    if (pk_severity_parse(got, &severity) != PK_OK) {
        return pk_rule_fail_word(c, c->at, "'{}' is not a severity", got, SEVERITY_WORDS,
                                 PK_COUNT_OF(SEVERITY_WORDS));
    }
    (void)take(c);
    *out = (uint8_t)severity;
    return PK_OK;
}

static struct pk_rule_ref ref_of(const struct pk_rule_cursor *c, const char *from, const char *to) {
    return (struct pk_rule_ref){(uint32_t)(from - c->text), (uint16_t)(to - from), 0};
}

/* glob { "|" glob }; a quoted text stands for itself without its quotes and alone. */
static int read_globs(struct pk_rule_cursor *c, struct pk_rule_ref *out) {
    struct pk_str got = take(c);
    if (got.n == 0 || is_single(got.p[0]) || is_operator(got.p[0])) {
        return pk_rule_fail(c, c->at - got.n, "expected a name or a pattern", got);
    }
    if (got.p[0] == '"') {
        if (got.n < 3 || got.p[got.n - 1u] != '"') {
            return pk_rule_fail(c, c->at - got.n, "a quoted text must not be empty and must end with a quote",
                                got);
        }
        *out = ref_of(c, got.p + 1, got.p + got.n - 1);
        return PK_OK;
    }
    const char *from = got.p;
    while (take_if(c, "|")) {
        got = take(c);
        if (got.n == 0 || is_single(got.p[0]) || is_operator(got.p[0]) || got.p[0] == '"') {
            return pk_rule_fail(c, c->at - got.n, "expected a name or a pattern after '|'", got);
        }
    }
    *out = ref_of(c, from, got.p + got.n);
    return PK_OK;
}

static int read_equal_globs(struct pk_rule_cursor *c, struct pk_rule_term *t) {
    const uint32_t at = c->at;
    const int err = read_cmp(c, &t->cmp);
    if (err != PK_OK) {
        return err;
    }
    if (t->cmp != PK_CMP_EQ && t->cmp != PK_CMP_NE) {
        return pk_rule_fail(c, at, "names are compared with = or !=", pk_str_make(NULL, 0));
    }
    return read_globs(c, &t->text);
}

static int read_data(struct pk_rule_cursor *c, struct pk_str word, struct pk_rule_term *t) {
    const uint32_t prefix = 5; /* "data." */
    if (word.n <= prefix || word.n - prefix > 64u) {
        return pk_rule_fail(c, c->at - word.n, "expected a field name after 'data.'", word);
    }
    t->field = PK_TERM_DATA;
    t->name = ref_of(c, word.p + prefix, word.p + word.n);
    int err = read_cmp(c, &t->cmp);
    if (err != PK_OK) {
        return err;
    }
    t->is_number = pk_parse_double(peek(c), &t->number) == PK_OK;
    if (t->is_number) {
        (void)take(c);
        return PK_OK;
    }
    if (t->cmp != PK_CMP_EQ && t->cmp != PK_CMP_NE) {
        return read_number(c, &t->number);
    }
    return read_globs(c, &t->text);
}

static int read_term(struct pk_rule_cursor *c, struct pk_rule_term *t) {
    const uint32_t at = c->at;
    const struct pk_str word = take(c);
    memset(t, 0, sizeof *t);
    if (pk_str_eq_nocase(word, "type") || pk_str_eq_nocase(word, "source")) {
        t->field = pk_str_eq_nocase(word, "type") ? PK_TERM_TYPE : PK_TERM_SOURCE;
        return read_equal_globs(c, t);
    }
    if (pk_str_eq_nocase(word, "severity")) {
        t->field = PK_TERM_SEVERITY;
        const int err = read_cmp(c, &t->cmp);
        return err != PK_OK ? err : read_severity_word(c, &t->severity);
    }
    if (pk_str_eq_nocase(word, "value")) {
        t->field = PK_TERM_VALUE;
        const int err = read_cmp(c, &t->cmp);
        return err != PK_OK ? err : read_number(c, &t->number);
    }
    if (pk_str_starts(word, "data.")) {
        return read_data(c, word, t);
    }
    if (word.n == 0) {
        return pk_rule_fail(c, at, "expected type, source, severity, value or data.NAME at the end", word);
    }
    return pk_rule_fail_word(c, c->at - word.n, "'{}' is not type, source, severity, value or data.NAME",
                             word, TERM_WORDS, PK_COUNT_OF(TERM_WORDS));
}

static uint8_t terms_used(const struct pk_rule *r) {
    return (uint8_t)(r->on_count + r->when.term_count + r->raise.term_count);
}

/* term { "and" term }, put behind the terms there are. */
static int read_terms(struct pk_rule_cursor *c, struct pk_rule *r, uint8_t *out_first, uint8_t *out_count) {
    const uint8_t first = terms_used(r);
    uint8_t count = 0;
    do {
        if (first + count >= PK_RULE_TERMS_MAX) {
            return pk_rule_fail(c, c->at, "a rule has at most 8 comparisons", pk_str_make(NULL, 0));
        }
        const int err = read_term(c, &r->terms[first + count]);
        if (err != PK_OK) {
            return err;
        }
        count++;
    } while (take_if(c, "and"));
    *out_first = first;
    *out_count = count;
    return PK_OK;
}

/* "(" terms ")" when it is there. */
static int read_paren_terms(struct pk_rule_cursor *c, struct pk_rule *r, uint8_t *out_first,
                            uint8_t *out_count) {
    if (!take_if(c, "(")) {
        return PK_OK;
    }
    uint8_t first = 0;
    uint8_t count = 0;
    int err = read_terms(c, r, &first, &count);
    if (err == PK_OK) {
        err = expect(c, ")");
    }
    for (uint8_t i = first; err == PK_OK && i < first + count; i++) {
        const uint8_t field = r->terms[i].field;
        if (field == PK_TERM_TYPE || field == PK_TERM_SOURCE) {
            return pk_rule_fail(c, c->at, "type and source are told in 'on', not in brackets",
                                pk_str_make(NULL, 0));
        }
    }
    *out_first = first;
    *out_count = count;
    return err;
}

int pk_rule_read_on(struct pk_rule_cursor *c, struct pk_rule *r) {
    if (take_if(c, "any")) {
        return expect_end(c);
    }
    uint8_t first = 0;
    const int err = read_terms(c, r, &first, &r->on_count);
    for (uint8_t i = 0; i < r->on_count; i++) {
        r->is_dynamic =
            r->is_dynamic || r->terms[i].field == PK_TERM_VALUE || r->terms[i].field == PK_TERM_DATA;
    }
    return err != PK_OK ? err : expect_end(c);
}

static int read_optional_for(struct pk_rule_cursor *c, uint32_t *out_ms) {
    return take_if(c, "for") ? read_span(c, out_ms) : PK_OK;
}

static int read_value_cond(struct pk_rule_cursor *c, struct pk_rule_cond *cond) {
    cond->kind = PK_COND_VALUE;
    int err = read_cmp(c, &cond->cmp);
    if (err == PK_OK) {
        err = read_number(c, &cond->value);
    }
    return err != PK_OK ? err : read_optional_for(c, &cond->for_ms);
}

static int read_count_tail(struct pk_rule_cursor *c, struct pk_rule_cond *cond) {
    uint32_t count = 0;
    int err = read_integer(c, 1, PK_RULE_COUNT_MAX, &count);
    cond->count = (uint16_t)count;
    if (err == PK_OK) {
        err = expect(c, "in");
    }
    if (err == PK_OK) {
        err = read_span(c, &cond->within_ms);
    }
    return err != PK_OK ? err : read_optional_for(c, &cond->for_ms);
}

static int read_when_count(struct pk_rule_cursor *c, struct pk_rule *r) {
    struct pk_rule_cond *cond = &r->when;
    int err = read_paren_terms(c, r, &cond->term_first, &cond->term_count);
    cond->kind = PK_COND_COUNT;
    if (err == PK_OK) {
        err = expect(c, ">=");
    }
    return err != PK_OK ? err : read_count_tail(c, cond);
}

/* "for" ( span | [ n "x" ] "promised" "else" span ) */
static int read_when_absent(struct pk_rule_cursor *c, struct pk_rule *r) {
    r->when.kind = PK_COND_ABSENT;
    r->group = PK_GROUP_SOURCE;
    const int err = expect(c, "for");
    if (err != PK_OK) {
        return err;
    }
    const struct pk_str word = peek(c);
    uint64_t factor = 1;
    const bool is_factor = word.n >= 2 && word.p[word.n - 1u] == 'x' &&
                           pk_parse_u64(pk_str_make(word.p, word.n - 1u), &factor) == PK_OK;
    if (!is_factor && !pk_str_eq_nocase(word, "promised")) {
        return read_span(c, &r->when.for_ms);
    }
    if (factor < 1 || factor > 10) {
        return pk_rule_fail(c, c->at, "'{}' must be 1x to 10x", word);
    }
    r->when.promised_factor = (uint8_t)factor;
    if (is_factor) {
        (void)take(c);
    }
    int step = expect(c, "promised");
    if (step == PK_OK) {
        step = expect(c, "else");
    }
    return step != PK_OK ? step : read_span(c, &r->when.for_ms);
}

static int read_by(struct pk_rule_cursor *c, struct pk_rule *r) {
    const struct pk_str word = take(c);
    if (pk_str_starts(word, "data.") && word.n > 5 && word.n <= 69) {
        r->group = PK_GROUP_DATA;
        r->group_field = ref_of(c, word.p + 5, word.p + word.n);
        return PK_OK;
    }
    if (pk_str_eq_nocase(word, "source")) {
        r->group = PK_GROUP_SOURCE;
        return PK_OK;
    }
    if (pk_str_eq_nocase(word, "correlation")) {
        r->group = PK_GROUP_CORRELATION;
        return PK_OK;
    }
    if (pk_str_eq_nocase(word, "all")) {
        r->group = PK_GROUP_ALL;
        return PK_OK;
    }
    return pk_rule_fail_word(c, c->at - word.n, "'{}' is not source, correlation, data.NAME or all", word,
                             GROUP_WORDS, PK_COUNT_OF(GROUP_WORDS));
}

/* [ "by" group ] [ "across" k "sources" ] */
static int read_when_tail(struct pk_rule_cursor *c, struct pk_rule *r) {
    const uint32_t at = c->at;
    const bool has_by = take_if(c, "by");
    int err = has_by ? read_by(c, r) : PK_OK;
    if (err != PK_OK) {
        return err;
    }
    if (r->when.kind != PK_COND_COUNT && has_by && r->group != PK_GROUP_SOURCE) {
        return pk_rule_fail(c, at,
                            "value and absent are judged for each source: only 'by source' is possible",
                            pk_str_make(NULL, 0));
    }
    if (!take_if(c, "across")) {
        return expect_end(c);
    }
    if (has_by && r->group != PK_GROUP_ALL) {
        return pk_rule_fail(c, at, "'by' and 'across' cannot be combined", pk_str_make(NULL, 0));
    }
    uint32_t across = 0;
    err = read_integer(c, 2, PK_RULE_ACROSS_MAX, &across);
    r->across = (uint8_t)across;
    r->group = PK_GROUP_ALL;
    if (err == PK_OK) {
        err = expect(c, "sources");
    }
    return err != PK_OK ? err : expect_end(c);
}

int pk_rule_read_when(struct pk_rule_cursor *c, struct pk_rule *r) {
    const struct pk_str word = take(c);
    int err = PK_OK;
    if (pk_str_eq_nocase(word, "count")) {
        r->group = PK_GROUP_ALL;
        err = read_when_count(c, r);
    } else if (pk_str_eq_nocase(word, "value")) {
        r->group = PK_GROUP_SOURCE;
        err = read_value_cond(c, &r->when);
    } else if (pk_str_eq_nocase(word, "absent")) {
        err = read_when_absent(c, r);
    } else {
        return pk_rule_fail_word(c, c->at - word.n, "'{}' is not count, value or absent", word, WHEN_WORDS,
                                 PK_COUNT_OF(WHEN_WORDS));
    }
    return err != PK_OK ? err : read_when_tail(c, r);
}

static int read_ratio(struct pk_rule_cursor *c, struct pk_rule *r) {
    struct pk_rule_raise *raise = &r->raise;
    const uint32_t at = c->at;
    uint32_t percent = 0;
    uint32_t least = 0;
    raise->kind = PK_RAISE_RATIO;
    int err = read_paren_terms(c, r, &raise->term_first, &raise->term_count);
    if (err != PK_OK) {
        return err;
    }
    if (raise->term_count == 0) {
        return pk_rule_fail(c, at, "ratio needs its comparison in brackets", pk_str_make(NULL, 0));
    }
    err = expect(c, ">");
    if (err == PK_OK) {
        err = read_integer(c, 0, 99, &percent);
    }
    if (err == PK_OK) {
        err = expect(c, "%");
    }
    if (err == PK_OK) {
        err = expect(c, "min");
    }
    if (err == PK_OK) {
        err = read_integer(c, 1, 10000, &least);
    }
    raise->percent = (uint16_t)percent;
    raise->min_count = (uint16_t)least;
    return err;
}

static int read_raise(struct pk_rule_cursor *c, struct pk_rule *r) {
    struct pk_rule_raise *raise = &r->raise;
    const struct pk_str word = take(c);
    if (pk_str_eq_nocase(word, "ratio")) {
        return read_ratio(c, r);
    }
    if (pk_str_eq_nocase(word, "value")) {
        raise->kind = PK_RAISE_VALUE;
        const int err = read_cmp(c, &raise->cmp);
        return err != PK_OK ? err : read_number(c, &raise->value);
    }
    if (pk_str_eq_nocase(word, "count")) {
        uint32_t count = 0;
        raise->kind = PK_RAISE_COUNT;
        int err = expect(c, ">=");
        if (err == PK_OK) {
            err = read_integer(c, 2, PK_RULE_COUNT_MAX, &count);
        }
        raise->min_count = (uint16_t)count;
        return err;
    }
    if (pk_str_eq_nocase(word, "lasting")) {
        raise->kind = PK_RAISE_LASTING;
        return read_span(c, &raise->for_ms);
    }
    return pk_rule_fail_word(c, c->at - word.n, "'{}' is not ratio, value, count or lasting", word,
                             RAISE_WORDS, PK_COUNT_OF(RAISE_WORDS));
}

int pk_rule_read_severity(struct pk_rule_cursor *c, struct pk_rule *r) {
    int err = read_severity_word(c, &r->severity);
    r->raised_severity = r->severity;
    if (err != PK_OK || peek(c).n == 0) {
        return err;
    }
    err = expect(c, "->");
    const uint32_t at = c->at;
    if (err == PK_OK) {
        err = read_severity_word(c, &r->raised_severity);
    }
    if (err == PK_OK && r->raised_severity <= r->severity) {
        return pk_rule_fail(c, at, "the severity after '->' must be higher", pk_str_make(NULL, 0));
    }
    if (err == PK_OK) {
        err = expect(c, "if");
    }
    if (err == PK_OK) {
        err = read_raise(c, r);
    }
    return err != PK_OK ? err : expect_end(c);
}

int pk_rule_read_clear(struct pk_rule_cursor *c, struct pk_rule *r) {
    const struct pk_str word = take(c);
    struct pk_rule_cond *clear = &r->clear;
    int err = PK_OK;
    if (pk_str_eq_nocase(word, "never")) {
        clear->kind = PK_COND_NEVER;
    } else if (pk_str_eq_nocase(word, "stable")) {
        clear->kind = PK_COND_STABLE;
        err = expect(c, "for");
        err = err != PK_OK ? err : read_span(c, &clear->for_ms);
    } else if (pk_str_eq_nocase(word, "value")) {
        err = read_value_cond(c, clear);
    } else if (pk_str_eq_nocase(word, "count")) {
        clear->kind = PK_COND_COUNT;
        err = expect(c, "<");
        err = err != PK_OK ? err : read_count_tail(c, clear);
    } else {
        return pk_rule_fail_word(c, c->at - word.n, "'{}' is not stable, count, value or never", word,
                                 CLEAR_WORDS, PK_COUNT_OF(CLEAR_WORDS));
    }
    return err != PK_OK ? err : expect_end(c);
}
