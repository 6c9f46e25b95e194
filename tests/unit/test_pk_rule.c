#include "detect/pk_rule.h"

#include <math.h>
#include <string.h>

#include "detect/pk_window.h"
#include "support/pk_test.h"

PK_TEST(verdict_tables__are_symmetric_and_unknown_never_looks_healthy) {
    for (unsigned a = 0; a < PK_VERDICT_COUNT; a++) {
        for (unsigned b = 0; b < PK_VERDICT_COUNT; b++) {
            CHECK_EQ_INT(PK_VERDICT_AND[a][b], PK_VERDICT_AND[b][a]);
            CHECK(PK_VERDICT_AND[a][b] != PK_TRUE || (a == PK_TRUE && b == PK_TRUE));
        }
        CHECK_EQ_INT(PK_VERDICT_NOT[PK_VERDICT_NOT[a]], a);
    }
    CHECK_EQ_INT(PK_VERDICT_NOT[PK_STALE], PK_STALE);
    CHECK_EQ_INT(PK_VERDICT_NOT[PK_FAULT], PK_FAULT);
    CHECK_STR(pk_verdict_word(PK_STALE), "unknown");
}

PK_TEST(cmp__each_word_on_less_equal_more_and_nan) {
    static const struct {
        enum pk_cmp cmp;
        const char *word;
        bool less, same, more;
    } ROWS[] = {
        {PK_CMP_EQ, "=", false, true, false}, {PK_CMP_NE, "!=", true, false, true},
        {PK_CMP_LT, "<", true, false, false}, {PK_CMP_LE, "<=", true, true, false},
        {PK_CMP_GT, ">", false, false, true}, {PK_CMP_GE, ">=", false, true, true},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        CHECK_STR(pk_cmp_word(ROWS[i].cmp), ROWS[i].word);
        CHECK(pk_cmp_doubles(1, ROWS[i].cmp, 2) == ROWS[i].less);
        CHECK(pk_cmp_doubles(2, ROWS[i].cmp, 2) == ROWS[i].same);
        CHECK(pk_cmp_doubles(3, ROWS[i].cmp, 2) == ROWS[i].more);
        CHECK(!pk_cmp_doubles((double)NAN, ROWS[i].cmp, 2));
    }
}

PK_TEST(globs__alternatives__any_of_them) {
    CHECK(pk_rule_globs_match(pk_str_of("a | b*"), pk_str_of("bcd")));
    CHECK(pk_rule_globs_match(pk_str_of("a|b"), pk_str_of("a")));
    CHECK(!pk_rule_globs_match(pk_str_of("a | b"), pk_str_of("ab")));
}

PK_TEST(price__is_what_the_windows_take) {
    struct pk_rule r;
    memset(&r, 0, sizeof r);
    r.keys = 10;
    r.ring_class = PK_WINDOW_NO_RING;
    CHECK_EQ_U64(pk_rule_price_bytes(&r), 10u * (sizeof(struct pk_window) + 16u + 4u));
    r.ring_class = 1;
    CHECK_EQ_U64(pk_rule_price_bytes(&r), 10u * (sizeof(struct pk_window) + 16u + 4u + 64u));
    r.when.kind = PK_COND_COUNT;
    r.when.count = 5;
    r.clear.kind = PK_COND_COUNT;
    r.clear.count = 2;
    r.raise_count = 2;
    r.raises[1].kind = PK_RAISE_COUNT;
    r.raises[1].min_count = 9;
    CHECK_EQ_U64(pk_rule_ring_cap(&r), 9);
    CHECK(pk_rule_raise_of(&r, PK_RAISE_COUNT) == &r.raises[1]);
    CHECK(pk_rule_raise_of(&r, PK_RAISE_RATIO) == NULL);
    r.across = 2;
    r.is_plain = true;
    CHECK_EQ_U64(pk_rule_blocks(&r), 2); /* the group, and that of replayed events */
    r.is_plain = false;
    CHECK_EQ_U64(pk_rule_blocks(&r), 9); /* each source; not their group */
}

PK_TEST_MAIN(verdict_tables__are_symmetric_and_unknown_never_looks_healthy,
             cmp__each_word_on_less_equal_more_and_nan, globs__alternatives__any_of_them,
             price__is_what_the_windows_take)
