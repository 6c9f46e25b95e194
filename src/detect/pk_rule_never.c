#include "detect/pk_rule_never.h"

#include <float.h>

#include "base/pk_assert.h"
#include "base/pk_text.h"

static bool passes_both(const struct pk_rule_term *a, double x, const struct pk_rule_term *b, double y,
                        double v) {
    return pk_cmp_doubles(v, (enum pk_cmp)a->cmp, x) && pk_cmp_doubles(v, (enum pk_cmp)b->cmp, y);
}

/* Each comparison passes the numbers of one side of its own, or that one, or all others: when any number
 * passes both, one of these does. */
static bool numbers_exclude(const struct pk_rule_term *a, const struct pk_rule_term *b) {
    const double x = a->number, y = b->number;
    const double tries[] = {x, y, x / 2 + y / 2, -DBL_MAX, DBL_MAX};
    for (size_t i = 0; i < PK_COUNT_OF(tries); i++) {
        if (passes_both(a, x, b, y, tries[i])) {
            return false;
        }
    }
    return true;
}

static bool severities_exclude(const struct pk_rule_term *a, const struct pk_rule_term *b) {
    for (uint8_t v = PK_SEV_INFO; v <= PK_SEV_CRITICAL; v++) {
        if (passes_both(a, (double)a->severity, b, (double)b->severity, (double)v)) {
            return false;
        }
    }
    return true;
}

static bool is_plain(struct pk_str globs) {
    for (size_t i = 0; i < globs.n; i++) {
        if (globs.p[i] == '*' || globs.p[i] == '?') {
            return false;
        }
    }
    return true;
}

/* No name of `names`, which has no wildcards, passes the other comparison. */
static bool none_passes(struct pk_str names, const struct pk_rule_term *other, struct pk_str globs) {
    struct pk_str piece;
    while (pk_str_split(&names, '|', &piece)) {
        const struct pk_str name = pk_str_trim(piece);
        const bool is_match = other->field == PK_TERM_DATA ? pk_rule_globs_match(globs, name)
                                                           : pk_rule_names_match(globs, name);
        if (is_match == (other->cmp == PK_CMP_EQ)) {
            return false;
        }
    }
    return true;
}

static bool texts_exclude(const char *text, const struct pk_rule_term *a, const struct pk_rule_term *b) {
    const struct pk_str x = pk_rule_ref_str(text, a->text);
    const struct pk_str y = pk_rule_ref_str(text, b->text);
    return (a->cmp == PK_CMP_EQ && is_plain(x) && none_passes(x, b, y)) ||
           (b->cmp == PK_CMP_EQ && is_plain(y) && none_passes(y, a, x));
}

bool pk_rule_terms_exclude(const char *text, const struct pk_rule_term *a, const struct pk_rule_term *b) {
    if (a->field != b->field) {
        return false;
    }
    if (a->field == PK_TERM_SEVERITY) {
        return severities_exclude(a, b);
    }
    if (a->field == PK_TERM_VALUE) {
        return numbers_exclude(a, b);
    }
    if (a->field != PK_TERM_DATA) {
        return texts_exclude(text, a, b);
    }
    const struct pk_str name = pk_rule_ref_str(text, a->name);
    if (a->is_number != b->is_number || !pk_str_eq(name, pk_rule_ref_str(text, b->name))) {
        return false;
    }
    return a->is_number ? numbers_exclude(a, b) : texts_exclude(text, a, b);
}
