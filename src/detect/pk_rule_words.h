#ifndef PK_RULE_WORDS_H
#define PK_RULE_WORDS_H
/* The words of a rule's expressions: a cursor over one value, and readers of single words, numbers, times and
 * comparisons. Forms of conditions are written with these (pk_cond.h). Readers return PK_OK and move behind
 * what they took, or PK_E_CONFIG with the cursor's diag set: a place and, where a word is near, a suggestion.
 */
#include "base/pk_ini.h"
#include "detect/pk_rule.h"
#include "detect/pk_threshold.h"

struct pk_rule_cursor {
    const char *file;
    const char *text; /* refs count from here */
    struct pk_str value;
    uint32_t at;           /* byte in value */
    uint32_t line, column; /* of value's first byte */
    struct pk_diag *diag;
    const struct pk_thresholds *thresholds; /* NULL: the defaults */
};

/* Diagnostic at byte `at` of the value; "{}" in message is the argument. Returns PK_E_CONFIG. */
int pk_rule_fail(struct pk_rule_cursor *c, uint32_t at, const char *message, struct pk_str argument);
/* As pk_rule_fail, with "; did you mean 'x'?" when a word is near. message has one "{}". */
int pk_rule_fail_word(struct pk_rule_cursor *c, uint32_t at, const char *message, struct pk_str got,
                      const char *const *words, size_t count);
/* Next word, operator, or "quoted text" (with its quotes); empty at the end. */
struct pk_str pk_rule_peek(struct pk_rule_cursor *c);
struct pk_str pk_rule_take(struct pk_rule_cursor *c);
/* Takes the word when it is the next one. */
bool pk_rule_take_if(struct pk_rule_cursor *c, const char *word);
PK_MUST_USE int pk_rule_expect(struct pk_rule_cursor *c, const char *word);
/* "in" or "within". */
PK_MUST_USE int pk_rule_expect_in(struct pk_rule_cursor *c);
PK_MUST_USE int pk_rule_expect_end(struct pk_rule_cursor *c);
PK_MUST_USE int pk_rule_read_cmp(struct pk_rule_cursor *c, uint8_t *out); /* enum pk_cmp */
/* "<" or ">": for forms whose answer at equality nobody should depend on. */
PK_MUST_USE int pk_rule_read_more_or_less(struct pk_rule_cursor *c, uint8_t *out);
/* NUMBER, $NAME or NUMBER% of $NAME. */
PK_MUST_USE int pk_rule_read_number(struct pk_rule_cursor *c, double *out);
/* 1 ms to 7 days. */
PK_MUST_USE int pk_rule_read_span(struct pk_rule_cursor *c, uint32_t *out_ms);
/* 1 ms to max_ms. */
PK_MUST_USE int pk_rule_read_long_span(struct pk_rule_cursor *c, uint64_t max_ms, uint64_t *out_ms);
PK_MUST_USE int pk_rule_read_integer(struct pk_rule_cursor *c, uint32_t low, uint32_t high, uint32_t *out);
PK_MUST_USE int pk_rule_read_severity_word(struct pk_rule_cursor *c, uint8_t *out);
/* "data.NAME": the reference of NAME. */
PK_MUST_USE int pk_rule_read_data_name(struct pk_rule_cursor *c, struct pk_rule_ref *out);
/* term { "and" term }, put behind the terms the rule has. */
PK_MUST_USE int pk_rule_read_terms(struct pk_rule_cursor *c, struct pk_rule *r, uint8_t *out_first,
                                   uint8_t *out_count);
/* "(" terms ")" when it is there; else *out_count is 0. */
PK_MUST_USE int pk_rule_read_inner(struct pk_rule_cursor *c, struct pk_rule *r, uint8_t *out_first,
                                   uint8_t *out_count);
/* The same, and it must be there. */
PK_MUST_USE int pk_rule_need_inner(struct pk_rule_cursor *c, struct pk_rule *r, uint8_t *out_first,
                                   uint8_t *out_count);
struct pk_rule_ref pk_rule_ref_at(const struct pk_rule_cursor *c, const char *from, const char *to);
#endif
