#include "detect/pk_rule_words.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_rule r;
static struct pk_diag diag;

static struct pk_rule_cursor cursor(const char *text) {
    memset(&diag, 0, sizeof diag);
    memset(&r, 0, sizeof r);
    return (struct pk_rule_cursor){"f.rules", text, pk_str_of(text), 0, 3, 9, &diag, NULL};
}

PK_TEST(take__cuts_words_operators_and_quotes) {
    struct pk_rule_cursor c = cursor("  a.b>=3 (x|\"y z\")->,5%");
    static const char *const WORDS[] = {"a.b", ">=", "3", "(", "x", "|", "\"y z\"", ")", "->", ",", "5", "%"};
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        CHECK(pk_str_eq_c(pk_rule_peek(&c), WORDS[i]));
        CHECK(pk_str_eq_c(pk_rule_take(&c), WORDS[i]));
    }
    CHECK_EQ_INT(pk_rule_expect_end(&c), PK_OK);
}

PK_TEST(readers__take_or_point_at_the_word) {
    uint32_t ms = 7;
    uint64_t long_ms = 0;
    double v = 0.0;
    uint8_t cmp = 0;
    struct pk_rule_cursor c = cursor("8d");
    CHECK_EQ_INT(pk_rule_read_span(&c, &ms), PK_E_CONFIG);
    CHECK_STR(diag.message, "the time '8d' must be above 0 and at most 7d");
    CHECK_EQ_U64(ms, 7);
    CHECK_EQ_INT(pk_rule_read_long_span(&c, 30ull * 86400000u, &long_ms), PK_OK);
    CHECK_EQ_U64(long_ms, 8ull * 86400000u);
    c = cursor("> 1e3");
    CHECK_EQ_INT(pk_rule_read_more_or_less(&c, &cmp), PK_OK);
    CHECK_EQ_INT(cmp, PK_CMP_GT);
    CHECK_EQ_INT(pk_rule_read_number(&c, &v), PK_OK);
    CHECK(v > 999.9 && v < 1000.1);
    c = cursor(">= 1");
    CHECK_EQ_INT(pk_rule_read_more_or_less(&c, &cmp), PK_E_CONFIG);
    CHECK_STR(diag.message, "expected < or >");
    c = cursor("data.");
    CHECK_EQ_INT(pk_rule_read_data_name(&c, &r.group_field), PK_E_CONFIG);
    CHECK_EQ_U64(diag.column, 9);
    c = cursor("data.host");
    CHECK_EQ_INT(pk_rule_read_data_name(&c, &r.group_field), PK_OK);
    CHECK(pk_str_eq_c(pk_rule_ref_str(c.text, r.group_field), "host"));
}

PK_TEST(inner__terms_go_behind_those_there_are) {
    uint8_t first = 0;
    uint8_t count = 0;
    struct pk_rule_cursor c = cursor("(value > 1 and data.x = y) (type = a)");
    r.term_count = 2;
    CHECK_EQ_INT(pk_rule_read_inner(&c, &r, &first, &count), PK_OK);
    CHECK_EQ_INT(first, 2);
    CHECK_EQ_INT(count, 2);
    CHECK_EQ_INT(pk_rule_need_inner(&c, &r, &first, &count), PK_OK);
    CHECK_EQ_INT(first, 4);
    CHECK_EQ_INT(r.term_count, 5);
    CHECK_EQ_INT(pk_rule_read_inner(&c, &r, &first, &count), PK_OK); /* nothing there */
    CHECK_EQ_INT(pk_rule_need_inner(&c, &r, &first, &count), PK_E_CONFIG);
    CHECK_STR(diag.message, "expected '(' at the end");
    c = cursor("(value > 1");
    CHECK_EQ_INT(pk_rule_read_inner(&c, &r, &first, &count), PK_E_CONFIG);
}

PK_TEST_MAIN(take__cuts_words_operators_and_quotes, readers__take_or_point_at_the_word,
             inner__terms_go_behind_those_there_are)
