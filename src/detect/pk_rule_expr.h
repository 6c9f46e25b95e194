#ifndef PK_RULE_EXPR_H
#define PK_RULE_EXPR_H
/* The expressions of a rule: values of `on`, `when`, `severity`, `clear`. Each reader takes the whole value
 * or fails with a diagnostic that points at the word. Grammar: config/rules/README.md. */
#include "detect/pk_rule_words.h"

/* All: PK_OK or PK_E_CONFIG with the cursor's diag set. They fill their part of *r, and its terms. */
PK_MUST_USE int pk_rule_read_on(struct pk_rule_cursor *c, struct pk_rule *r);
/* Needs `on` read before: count(...) puts its terms behind. Sets when, group, group_field, across. */
PK_MUST_USE int pk_rule_read_when(struct pk_rule_cursor *c, struct pk_rule *r);
PK_MUST_USE int pk_rule_read_severity(struct pk_rule_cursor *c, struct pk_rule *r);
PK_MUST_USE int pk_rule_read_clear(struct pk_rule_cursor *c, struct pk_rule *r);
#endif
