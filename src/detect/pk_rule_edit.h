#ifndef PK_RULE_EDIT_H
#define PK_RULE_EDIT_H
/* Another number in the text of a rule, as `rules update` asks for: the text stays what an operator reads.
 * The result is not checked; the parser does that. */
#include "base/pk_text.h"

struct pk_rule_edit { /* empty: as it is */
    struct pk_str threshold, time_window, check_interval, severity;
};
/* text: one section. PK_OK; PK_E_BAD_FIELD (the value is not of its form), PK_E_CONFLICT (the condition has
 * no such number, or several), PK_E_TOO_BIG (out is full) with a sentence in *out_why. A threshold moves its
 * `clear` along where that would hold beside it; a window takes a shorter one of `clear` with it. */
PK_MUST_USE int pk_rule_edit(struct pk_str text, const struct pk_rule_edit *edit, struct pk_buf *out,
                             const char **out_why);
#endif
