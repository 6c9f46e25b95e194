#ifndef PK_RULE_EXPR_H
#define PK_RULE_EXPR_H
/* The expressions of a rule: values of `on`, `when`, `severity`, `clear`. Each reader takes the whole value
 * or fails with a diagnostic that points at the word. Grammar: config/rules/README.md. */
#include "base/pk_ini.h"
#include "detect/pk_rule.h"

struct pk_rule_cursor {
    const char *file;
    const char *text; /* refs count from here */
    struct pk_str value;
    uint32_t at;           /* byte in value */
    uint32_t line, column; /* of value's first byte */
    struct pk_diag *diag;
};

/* All: PK_OK or PK_E_CONFIG with the cursor's diag set. They fill their part of *r, and its terms. */
PK_MUST_USE int pk_rule_read_on(struct pk_rule_cursor *c, struct pk_rule *r);
/* Needs `on` read before: count(...) puts its terms behind. Sets when, group, group_field, across. */
PK_MUST_USE int pk_rule_read_when(struct pk_rule_cursor *c, struct pk_rule *r);
PK_MUST_USE int pk_rule_read_severity(struct pk_rule_cursor *c, struct pk_rule *r);
PK_MUST_USE int pk_rule_read_clear(struct pk_rule_cursor *c, struct pk_rule *r);
/* Diagnostic at the cursor's last word; "{}" in message is the argument. Returns PK_E_CONFIG. */
int pk_rule_fail(struct pk_rule_cursor *c, uint32_t at, const char *message, struct pk_str argument);
/* As pk_rule_fail, with "; did you mean 'x'?" when a word is near. message has one "{}". */
int pk_rule_fail_word(struct pk_rule_cursor *c, uint32_t at, const char *message, struct pk_str got,
                      const char *const *words, size_t count);
#endif
