#include "detect/pk_rule_expr.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_rule r;
static struct pk_diag diag;
static char text[256];

typedef int reader(struct pk_rule_cursor *c, struct pk_rule *r);

/* The value stands at line 3, column 9 of a file. */
static int read_value(reader *read, const char *value) {
    (void)pk_str_copy_cut(pk_str_of(value), text, sizeof text);
    memset(&diag, 0, sizeof diag);
    struct pk_rule_cursor c = {"f.rules", text, pk_str_of(text), 0, 3, 9, &diag, NULL};
    return read(&c, &r);
}

static void fresh(void) {
    memset(&r, 0, sizeof r);
}

static void check_fails(reader *read, const char *value, uint32_t column, const char *message) {
    fresh();
    CHECK_EQ_INT(read_value(read, value), PK_E_CONFIG);
    CHECK_STR(diag.file, "f.rules");
    CHECK_EQ_U64(diag.line, 3);
    CHECK_EQ_U64(diag.column, column);
    CHECK_STR(diag.message, message);
}

static const char *ref(struct pk_rule_ref at) {
    static char out[64];
    (void)pk_str_copy_cut(pk_rule_ref_str(text, at), out, sizeof out);
    return out;
}

PK_TEST(on__every_kind_of_term) {
    fresh();
    REQUIRE(read_value(
                pk_rule_read_on,
                "type = a* | b and source != x and severity >= error and value < -2.5 and data.code >= 500 "
                "and data.name = \"a b\"") == PK_OK);
    CHECK_EQ_INT(r.on_count, 6);
    CHECK(r.is_dynamic);
    CHECK_EQ_INT(r.terms[0].field, PK_TERM_TYPE);
    CHECK_STR(ref(r.terms[0].text), "a* | b");
    CHECK_EQ_INT(r.terms[1].cmp, PK_CMP_NE);
    CHECK_EQ_INT(r.terms[2].severity, PK_SEV_HIGH);
    CHECK(r.terms[3].number < -2.4 && r.terms[3].number > -2.6);
    CHECK(r.terms[4].is_number);
    CHECK_STR(ref(r.terms[4].name), "code");
    CHECK(!r.terms[5].is_number);
    CHECK_STR(ref(r.terms[5].text), "a b");
    fresh();
    REQUIRE(read_value(pk_rule_read_on, "any") == PK_OK);
    CHECK_EQ_INT(r.on_count, 0);
    CHECK(!r.is_dynamic);
}

PK_TEST(on__defects__point_at_the_word) {
    check_fails(pk_rule_read_on, "typ = a", 9,
                "'typ' is not type, source, severity, value or data.NAME; did you mean 'type'?");
    check_fails(pk_rule_read_on, "type > a", 14, "names are compared with = or !=");
    check_fails(pk_rule_read_on, "type a", 14, "expected = != < <= > or >=, not 'a'");
    check_fails(pk_rule_read_on, "type = a |", 19, "expected a name or a pattern after '|'");
    check_fails(pk_rule_read_on, "severity >= eror", 21, "'eror' is not a severity; did you mean 'error'?");
    check_fails(pk_rule_read_on, "value > high", 17, "expected a number, not 'high'");
    check_fails(pk_rule_read_on, "type = a or type = b", 18, "unexpected 'or'; did you mean 'for'?");
    check_fails(pk_rule_read_on, "data. = 3", 9, "expected a field name after 'data.'");
    check_fails(pk_rule_read_on, "value > 1 and", 22,
                "expected type, source, severity, value or data.NAME at the end");
    check_fails(pk_rule_read_on, "data.x = \"a", 18,
                "a quoted text must not be empty and must end with a quote");
    check_fails(pk_rule_read_on,
                "value>1 and value>1 and value>1 and value>1 and value>1 and value>1 and value>1 and value>1 "
                "and value>1 and value>1 and value>1 and value>1 and value>1",
                153, "a rule has at most 12 comparisons");
}

PK_TEST(when__count_in_all_its_parts) {
    fresh();
    REQUIRE(read_value(pk_rule_read_when,
                       "count(severity >= high and value > 3) >= 12 in 5m for 90s by data.host") == PK_OK);
    CHECK_EQ_INT(r.when.kind, PK_COND_COUNT);
    CHECK_EQ_INT(r.when.count, 12);
    CHECK_EQ_U64(r.when.within_ms, 300000);
    CHECK_EQ_U64(r.when.for_ms, 90000);
    CHECK_EQ_INT(r.when.term_count, 2);
    CHECK_EQ_INT(r.group, PK_GROUP_DATA);
    CHECK_STR(ref(r.group_field), "host");
    fresh();
    REQUIRE(read_value(pk_rule_read_when, "count >= 1 in 500ms across 3 sources") == PK_OK);
    CHECK_EQ_INT(r.across, 3);
    CHECK_EQ_INT(r.group, PK_GROUP_ALL);
}

PK_TEST(when__value_and_absent) {
    fresh();
    REQUIRE(read_value(pk_rule_read_when, "value <= 0.5 for 10s") == PK_OK);
    CHECK_EQ_INT(r.when.cmp, PK_CMP_LE);
    CHECK_EQ_INT(r.group, PK_GROUP_SOURCE);
    fresh();
    REQUIRE(read_value(pk_rule_read_when, "absent for 3x promised else 2m across 2 sources") == PK_OK);
    CHECK_EQ_INT(r.when.promised_factor, 3);
    CHECK_EQ_U64(r.when.for_ms, 120000);
    CHECK_EQ_INT(r.across, 2);
    fresh();
    REQUIRE(read_value(pk_rule_read_when, "absent for promised else 2m") == PK_OK);
    CHECK_EQ_INT(r.when.promised_factor, 1);
    fresh();
    REQUIRE(read_value(pk_rule_read_when, "absent for 45s") == PK_OK);
    CHECK_EQ_INT(r.when.promised_factor, 0);
    CHECK_EQ_U64(r.when.for_ms, 45000);
}

PK_TEST(when__defects__point_at_the_word) {
    check_fails(pk_rule_read_when, "", 9, "'' is not a condition");
    check_fails(pk_rule_read_when, "count > 3 in 5m", 15, "expected '>=' before '>'");
    check_fails(pk_rule_read_when, "count >= 0 in 5m", 18, "0 is outside 1 .. 64");
    check_fails(pk_rule_read_when, "count >= 65 in 5m", 18,
                "65 is outside 1 .. 64; for more: rate > N per T");
    check_fails(pk_rule_read_when, "count >= 3.5 in 5m", 18, "expected a whole number, not '3.5'");
    check_fails(pk_rule_read_when, "count >= 3", 19, "expected 'in' at the end");
    check_fails(pk_rule_read_when, "count >= 3 in 8d", 23, "the time '8d' must be above 0 and at most 7d");
    check_fails(pk_rule_read_when, "count >= 3 in soon", 23,
                "expected a time such as 30s, 5m or 2h, not 'soon'");
    check_fails(pk_rule_read_when, "count >= 3 in 5m by host", 29,
                "'host' is not source, correlation, data.NAME or all");
    check_fails(pk_rule_read_when, "count >= 3 in 5m by source across 2 sources", 26,
                "'by' and 'across' cannot be combined");
    check_fails(pk_rule_read_when, "count >= 3 in 5m across 1 sources", 33, "1 is outside 2 .. 64");
    check_fails(pk_rule_read_when, "all of (count >= 3 in 5m)", 33,
                "there is nothing to combine: a ',' and a second condition are missing");
    check_fails(pk_rule_read_when, "all (count >= 3 in 5m)", 13, "expected 'of' before '('");
    check_fails(pk_rule_read_when, "any of (value > 3 for 5m, value < 1)", 27,
                "'for' stands behind the ')': it is of all conditions together");
    check_fails(pk_rule_read_when, "any of (value > 3, any of (value < 1, value > 2))", 28,
                "'any' is not a condition");
    check_fails(pk_rule_read_when, "any of (value > 3, value > 4, value > 5, value > 6, value > 7)", 61,
                "at most 4 conditions can be combined");
    check_fails(pk_rule_read_when, "count(value > 1 >= 3 in 5m", 25, "expected ')' before '>='");
    check_fails(pk_rule_read_when, "value > 1 by correlation", 19,
                "value and absent are judged for each source: only 'by source' is possible");
    check_fails(pk_rule_read_when, "absent for 11x promised else 5s", 20, "'11x' must be 1x to 10x");
    check_fails(pk_rule_read_when, "absent for promised", 28, "expected 'else' at the end");
    check_fails(pk_rule_read_when, "absnt for 5s", 9, "'absnt' is not a condition; did you mean 'absent'?");
}

PK_TEST(severity__with_each_escalation) {
    fresh();
    REQUIRE(read_value(pk_rule_read_severity, "high -> critical if ratio(severity >= high) > 50% min 20") ==
            PK_OK);
    CHECK_EQ_INT(r.severity, PK_SEV_HIGH);
    CHECK_EQ_INT(r.raises[0].severity, PK_SEV_CRITICAL);
    CHECK_EQ_INT(r.raises[0].kind, PK_RAISE_RATIO);
    CHECK_EQ_INT(r.raises[0].percent, 50);
    CHECK_EQ_INT(r.raises[0].min_count, 20);
    fresh();
    REQUIRE(read_value(pk_rule_read_severity, "warning -> P0 if lasting 30m") == PK_OK);
    CHECK_EQ_INT(r.severity, PK_SEV_MEDIUM);
    CHECK_EQ_U64(r.raises[0].for_ms, 1800000);
    fresh();
    REQUIRE(read_value(pk_rule_read_severity, "low") == PK_OK);
    CHECK_EQ_INT(r.raise_count, 0);
    fresh();
    REQUIRE(read_value(pk_rule_read_severity, "low -> medium if value > 3, critical if lasting 5m") == PK_OK);
    CHECK_EQ_INT(r.raise_count, 2);
    CHECK_EQ_INT(r.raises[1].severity, PK_SEV_CRITICAL);
    check_fails(pk_rule_read_severity, "low -> high if value > 3, medium if value > 4", 35,
                "each severity must be higher than the one before");
    check_fails(pk_rule_read_severity, "high -> low if value > 3", 17,
                "the severity after '->' must be higher");
    check_fails(pk_rule_read_severity, "high -> critical", 25, "expected 'if' at the end");
    check_fails(pk_rule_read_severity, "high -> critical if valu > 3", 29,
                "'valu' is not ratio, value, count, lasting, expires, event or p95; did you mean 'value'?");
    check_fails(pk_rule_read_severity, "high -> critical if ratio > 5% min 2", 35,
                "ratio needs its comparison in brackets");
    check_fails(pk_rule_read_severity, "high critical", 14, "expected '->' before 'critical'");
}

PK_TEST(clear__every_form_and_lines_of_a_long_value) {
    fresh();
    REQUIRE(read_value(pk_rule_read_clear, "never") == PK_OK);
    CHECK_EQ_INT(r.clear.kind, PK_COND_NEVER);
    REQUIRE(read_value(pk_rule_read_clear, "stable for 2m") == PK_OK);
    CHECK_EQ_U64(r.clear.for_ms, 120000);
    REQUIRE(read_value(pk_rule_read_clear, "count < 2 in 5m\n   for 1m") == PK_OK);
    CHECK_EQ_INT(r.clear.count, 2);
    check_fails(pk_rule_read_clear, "absent for 5m", 9, "'absent' cannot be a recovery");
    check_fails(pk_rule_read_clear, "count >= 2 in 5m", 15, "expected '<' before '>='");
    check_fails(pk_rule_read_clear, "always", 9, "'always' is not a condition");
    CHECK_EQ_INT(read_value(pk_rule_read_clear, "count < 2\n  on 5m"), PK_E_CONFIG);
    CHECK_EQ_U64(diag.line, 4);
    CHECK_EQ_U64(diag.column, 3);
}

PK_TEST_MAIN(on__every_kind_of_term, on__defects__point_at_the_word, when__count_in_all_its_parts,
             when__value_and_absent, when__defects__point_at_the_word, severity__with_each_escalation,
             clear__every_form_and_lines_of_a_long_value)
