#include "detect/pk_rule_expr.h"

#include <string.h>

#include "base/pk_assert.h"
#include "detect/pk_cond.h"
#include "detect/pk_cond_quantile.h"

enum { FORM_WORDS_MAX = PK_COND_KIND_COUNT + 2 };

static const char *const GROUP_WORDS[] = {"source", "correlation", "all"};

int pk_rule_read_on(struct pk_rule_cursor *c, struct pk_rule *r) {
    if (pk_rule_take_if(c, "any")) {
        return pk_rule_expect_end(c);
    }
    uint8_t first = 0;
    const int err = pk_rule_read_terms(c, r, &first, &r->on_count);
    for (uint8_t i = 0; i < r->on_count; i++) {
        r->is_dynamic =
            r->is_dynamic || r->terms[i].field == PK_TERM_VALUE || r->terms[i].field == PK_TERM_DATA;
    }
    return err != PK_OK ? err : pk_rule_expect_end(c);
}

static int read_optional_for(struct pk_rule_cursor *c, uint32_t *out_ms) {
    return pk_rule_take_if(c, "for") ? pk_rule_read_span(c, out_ms) : PK_OK;
}

/* The words a condition can begin with, and two more. */
static size_t form_words(const char *out[FORM_WORDS_MAX], const char *more1, const char *more2) {
    size_t count = 0;
    out[count++] = more1;
    out[count++] = more2;
    for (uint8_t i = 0; i < PK_COND_KIND_COUNT; i++) {
        const struct pk_cond_ops *ops = pk_cond_ops(i);
        if (ops != NULL && ops->word != NULL) {
            out[count++] = ops->word;
        }
    }
    return count;
}

static bool is_percentile(struct pk_str word) {
    uint64_t percent = 0;
    return word.n > 1 && (word.p[0] == 'p' || word.p[0] == 'P') &&
           pk_parse_u64(pk_str_make(word.p + 1, word.n - 1u), &percent) == PK_OK;
}

/* A form and what belongs to it, without `for`. */
static int read_form(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_cond *cond,
                     const char *more1, const char *more2) {
    const struct pk_str word = pk_rule_take(c);
    cond->kind = (uint8_t)pk_cond_kind_of(word);
    if (cond->kind == PK_COND_NONE && is_percentile(word)) {
        return pk_rule_fail(c, c->at - word.n, "'{}' is not a condition: percentiles are p50 to p99", word);
    }
    if (cond->kind == PK_COND_NONE) {
        const char *words[FORM_WORDS_MAX];
        const size_t count = form_words(words, more1, more2);
        return pk_rule_fail_word(c, c->at - word.n, "'{}' is not a condition", word, words, count);
    }
    return pk_cond_ops(cond->kind)->read(c, r, cond);
}

/* "of" "(" form { "," form } ")" */
static int read_many(struct pk_rule_cursor *c, struct pk_rule *r, enum pk_cond_kind kind) {
    r->when.kind = (uint8_t)kind;
    int err = pk_rule_expect(c, "of");
    err = err != PK_OK ? err : pk_rule_expect(c, "(");
    do {
        if (err == PK_OK && r->clause_count >= PK_RULE_CLAUSES_MAX) {
            return pk_rule_fail(c, c->at, "at most 4 conditions can be combined", pk_str_make(NULL, 0));
        }
        err = err != PK_OK ? err : read_form(c, r, &r->clauses[r->clause_count], "count", "count");
        r->clause_count++;
        const bool is_for = err == PK_OK && pk_str_eq_nocase(pk_rule_peek(c), "for");
        if (is_for) {
            return pk_rule_fail(c, c->at, "'for' stands behind the ')': it is of all conditions together",
                                pk_str_make(NULL, 0));
        }
    } while (err == PK_OK && pk_rule_take_if(c, ","));
    if (err == PK_OK && r->clause_count < 2) {
        return pk_rule_fail(c, c->at, "there is nothing to combine: a ',' and a second condition are missing",
                            pk_str_make(NULL, 0));
    }
    return err != PK_OK ? err : pk_rule_expect(c, ")");
}

static int read_by(struct pk_rule_cursor *c, struct pk_rule *r) {
    if (pk_str_starts(pk_rule_peek(c), "data.")) {
        r->group = PK_GROUP_DATA;
        return pk_rule_read_data_name(c, &r->group_field);
    }
    const struct pk_str word = pk_rule_take(c);
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

/* [ "for" span ] [ "by" group ] [ "across" k "sources" ] */
static int read_when_tail(struct pk_rule_cursor *c, struct pk_rule *r) {
    const uint8_t traits = pk_cond_traits(r);
    const bool is_many = r->clause_count > 0;
    const bool has_for = (is_many || (traits & PK_COND_FOR_IS_ITS_OWN) == 0) && pk_rule_take_if(c, "for");
    int err = has_for ? pk_rule_read_span(c, &r->when.for_ms) : PK_OK;
    if (err != PK_OK) {
        return err;
    }
    r->group = (traits & PK_COND_IS_OF_SOURCE) != 0 ? PK_GROUP_SOURCE : PK_GROUP_ALL;
    (void)pk_rule_peek(c);
    const uint32_t at = c->at;
    const bool has_by = pk_rule_take_if(c, "by");
    err = has_by ? read_by(c, r) : PK_OK;
    if (err != PK_OK) {
        return err;
    }
    if ((r->when.kind == PK_COND_VALUE || r->when.kind == PK_COND_ABSENT) && r->group != PK_GROUP_SOURCE) {
        return pk_rule_fail(c, at,
                            "value and absent are judged for each source: only 'by source' is possible",
                            pk_str_make(NULL, 0));
    }
    if (!pk_rule_take_if(c, "across")) {
        return pk_rule_expect_end(c);
    }
    if (has_by && r->group != PK_GROUP_ALL) {
        return pk_rule_fail(c, at, "'by' and 'across' cannot be combined", pk_str_make(NULL, 0));
    }
    uint32_t across = 0;
    err = pk_rule_read_integer(c, 2, PK_RULE_ACROSS_MAX, &across);
    r->across = (uint8_t)across;
    r->group = PK_GROUP_ALL;
    err = err != PK_OK ? err : pk_rule_expect(c, "sources");
    return err != PK_OK ? err : pk_rule_expect_end(c);
}

int pk_rule_read_when(struct pk_rule_cursor *c, struct pk_rule *r) {
    int err = PK_OK;
    if (pk_rule_take_if(c, "all")) {
        err = read_many(c, r, PK_COND_ALL);
    } else if (pk_rule_take_if(c, "any")) {
        err = read_many(c, r, PK_COND_ANY);
    } else {
        err = read_form(c, r, &r->when, "all", "any");
    }
    return err != PK_OK ? err : read_when_tail(c, r);
}

static int read_ratio(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_raise *raise) {
    const uint32_t at = c->at;
    uint32_t percent = 0;
    uint32_t least = 0;
    int err = pk_rule_read_inner(c, r, &raise->term_first, &raise->term_count);
    if (err != PK_OK) {
        return err;
    }
    if (raise->term_count == 0) {
        return pk_rule_fail(c, at, "ratio needs its comparison in brackets", pk_str_make(NULL, 0));
    }
    err = pk_rule_expect(c, ">");
    if (err == PK_OK) {
        err = pk_rule_read_integer(c, 0, 99, &percent);
    }
    if (err == PK_OK) {
        err = pk_rule_expect(c, "%");
    }
    if (err == PK_OK) {
        err = pk_rule_expect(c, "min");
    }
    if (err == PK_OK) {
        err = pk_rule_read_integer(c, 1, 10000, &least);
    }
    raise->percent = (uint16_t)percent;
    raise->min_count = (uint16_t)least;
    return err;
}

static int read_raise_count(struct pk_rule_cursor *c, struct pk_rule_raise *raise) {
    uint32_t count = 0;
    int err = pk_rule_expect(c, ">=");
    err = err != PK_OK ? err : pk_rule_read_integer(c, 2, PK_RULE_COUNT_MAX, &count);
    raise->min_count = (uint16_t)count;
    return err;
}

/* What `when` is asked with a shorter time. */
static int read_raise_expires(struct pk_rule_cursor *c, const struct pk_rule *r,
                              struct pk_rule_raise *raise) {
    const uint32_t at = c->at;
    int err = pk_rule_expect(c, "within");
    err = err != PK_OK ? err : pk_rule_read_long_span(c, UINT64_MAX, &raise->whole);
    if (err == PK_OK && (r->when.kind != PK_COND_EXPIRES || raise->whole >= r->when.whole)) {
        return pk_rule_fail(c, at, "this needs 'when = expires within' a longer time", pk_str_make(NULL, 0));
    }
    return err;
}

static int read_raise(struct pk_rule_cursor *c, struct pk_rule *r, struct pk_rule_raise *raise) {
    static const char *const WORDS[] = {"", "ratio", "value", "count", "lasting", "expires", "event"};
    const struct pk_str word = pk_rule_take(c);
    for (uint8_t i = 1; i < PK_COUNT_OF(WORDS); i++) {
        raise->kind = pk_str_eq_nocase(word, WORDS[i]) ? i : raise->kind;
    }
    switch ((enum pk_raise_kind)raise->kind) {
    case PK_RAISE_NONE:
    case PK_RAISE_QUANTILE: /* its words are many */
        break;
    case PK_RAISE_RATIO:
        return read_ratio(c, r, raise);
    case PK_RAISE_VALUE: {
        const int err = pk_rule_read_cmp(c, &raise->cmp);
        return err != PK_OK ? err : pk_rule_read_number(c, &raise->value);
    }
    case PK_RAISE_COUNT:
        return read_raise_count(c, raise);
    case PK_RAISE_LASTING:
        return pk_rule_read_span(c, &raise->for_ms);
    case PK_RAISE_EXPIRES:
        return read_raise_expires(c, r, raise);
    case PK_RAISE_EVENT:
        return pk_rule_need_inner(c, r, &raise->term_first, &raise->term_count);
    }
    const uint32_t percent = pk_cond_percent_of(word);
    if (percent > 0) {
        return pk_cond_read_quantile_raise(c, r, raise, percent);
    }
    return pk_rule_fail_word(c, c->at - word.n,
                             "'{}' is not ratio, value, count, lasting, expires, event or p95", word,
                             WORDS + 1, PK_COUNT_OF(WORDS) - 1u);
}

/* severity "if" clause */
static int read_step(struct pk_rule_cursor *c, struct pk_rule *r) {
    if (r->raise_count >= PK_RULE_RAISES_MAX) {
        return pk_rule_fail(c, c->at, "a severity is raised at most three times", pk_str_make(NULL, 0));
    }
    struct pk_rule_raise *raise = &r->raises[r->raise_count];
    const uint8_t before = r->raise_count > 0 ? r->raises[r->raise_count - 1].severity : r->severity;
    const uint32_t at = c->at;
    int err = pk_rule_read_severity_word(c, &raise->severity);
    if (err == PK_OK && raise->severity <= before) {
        return pk_rule_fail(c, at,
                            r->raise_count == 0 ? "the severity after '->' must be higher"
                                                : "each severity must be higher than the one before",
                            pk_str_make(NULL, 0));
    }
    err = err != PK_OK ? err : pk_rule_expect(c, "if");
    r->raise_count++;
    return err != PK_OK ? err : read_raise(c, r, raise);
}

int pk_rule_read_severity(struct pk_rule_cursor *c, struct pk_rule *r) {
    int err = pk_rule_read_severity_word(c, &r->severity);
    if (err != PK_OK || pk_rule_peek(c).n == 0) {
        return err;
    }
    err = pk_rule_expect(c, "->");
    err = err != PK_OK ? err : read_step(c, r);
    while (err == PK_OK && pk_rule_take_if(c, ",")) {
        err = read_step(c, r);
    }
    return err != PK_OK ? err : pk_rule_expect_end(c);
}

/* A form that counts only what `when` counts does so in `clear` as well, unless it says otherwise. */
static void share_brackets(struct pk_rule *r) {
    if (r->clear.term_count == 0 && r->when.kind == r->clear.kind) {
        r->clear.term_first = r->when.term_first;
        r->clear.term_count = r->when.term_count;
    }
}

int pk_rule_read_clear(struct pk_rule_cursor *c, struct pk_rule *r) {
    struct pk_rule_cond *clear = &r->clear;
    int err = PK_OK;
    if (pk_rule_take_if(c, "never")) {
        clear->kind = PK_COND_NEVER;
        return pk_rule_expect_end(c);
    }
    if (pk_rule_take_if(c, "stable")) {
        clear->kind = PK_COND_STABLE;
        err = pk_rule_expect(c, "for");
        err = err != PK_OK ? err : pk_rule_read_span(c, &clear->for_ms);
        return err != PK_OK ? err : pk_rule_expect_end(c);
    }
    const uint32_t at = c->at;
    err = read_form(c, r, clear, "stable", "never");
    if (err != PK_OK) {
        return err;
    }
    if ((pk_cond_ops(clear->kind)->traits & PK_COND_FOR_IS_ITS_OWN) != 0) {
        return pk_rule_fail(c, at, "'{}' cannot be a recovery", pk_str_of(pk_cond_ops(clear->kind)->word));
    }
    share_brackets(r);
    err = read_optional_for(c, &clear->for_ms);
    return err != PK_OK ? err : pk_rule_expect_end(c);
}
