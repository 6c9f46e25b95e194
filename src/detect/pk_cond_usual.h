#ifndef PK_COND_USUAL_H
#define PK_COND_USUAL_H
/* `value > 3x usual` begins like a gauge (pk_cond_plain.c); from the factor on it is read here. */
#include "detect/pk_cond.h"

/* The next word is a factor: "3x". */
bool pk_cond_is_usual_next(struct pk_rule_cursor *c);
/* factor "usual" [ "min" number ]; the condition becomes PK_COND_USUAL. */
PK_MUST_USE int pk_cond_read_usual(struct pk_rule_cursor *c, struct pk_rule_cond *cond);
#endif
