#ifndef PK_RULE_ALIAS_H
#define PK_RULE_ALIAS_H
/* Rules in the words of the tools people come from (config/rules/README.md "Other words"): what they say of
 * events and condition, as ours say it. Words that only have another name are in pk_rule_parse.c. */
#include "detect/pk_rule_expr.h"

struct pk_rule_given { /* a value and where it stands */
    struct pk_str value;
    uint32_t line, column;
};
struct pk_rule_alias { /* NULL: not given */
    const struct pk_rule_given *pattern, *filter, *systems, *threshold, *window, *rule_type, *consecutive;
    const char *file, *text; /* as of a cursor */
    struct pk_diag *diag;
    const struct pk_thresholds *thresholds;
};
struct pk_rule_cursor pk_rule_alias_cursor(const struct pk_rule_alias *a, const struct pk_rule_given *given);
/* The text behind refs of base PK_RULE_IN_WORDS. */
extern const char PK_RULE_ALIAS_TEXT[];

/* `type` of a rule that does not say it. */
struct pk_rule_ref pk_rule_alias_type(void);
/* Sets `on`; what the incident type stands for when nothing says it. Needs r->type. */
PK_MUST_USE int pk_rule_alias_on(const struct pk_rule_alias *a, struct pk_rule *r);
/* More terms to an `on` that is there. */
PK_MUST_USE int pk_rule_alias_narrow(const struct pk_rule_alias *a, struct pk_rule *r);
/* Sets `when` and consecutive. After on. PK_OK or PK_E_CONFIG. */
PK_MUST_USE int pk_rule_alias_when(const struct pk_rule_alias *a, struct pk_rule *r);
#endif
