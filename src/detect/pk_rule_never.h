#ifndef PK_RULE_NEVER_H
#define PK_RULE_NEVER_H
/* Comparisons no event can pass together: a rule that asks for both would never fire and never say so. */
#include "detect/pk_rule.h"

/* True when it is certain that no event passes both; text is what their references count from. Patterns with
 * wildcards on both sides are not compared. */
bool pk_rule_terms_exclude(const char *text, const struct pk_rule_term *a, const struct pk_rule_term *b);
#endif
