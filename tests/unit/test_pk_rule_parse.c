#include "detect/pk_rule_parse.h"

#include <stdio.h>
#include <string.h>

#include "detect/pk_window.h"
#include "support/pk_test.h"

static struct pk_rule r;
static struct pk_diag diag;
static struct pk_rule_parser parser;
static char text[4096];

#define HEAD "[rule x]\non = any\nwhen = count >= 3 in 5m\ntype = custom\nseverity = low\n"
#define GAUGE "[rule x]\non = type = t\nwhen = value > 90\ntype = custom\nseverity = low\n"

static int parse(const char *source) {
    (void)pk_str_copy_cut(pk_str_of(source), text, sizeof text);
    memset(&diag, 0, sizeof diag);
    pk_rule_parser_init(&parser, "a.rules", text, 0, (uint32_t)strlen(text));
    return pk_rule_parse_next(&parser, &r, &diag);
}

static bool is_ref(struct pk_rule_ref ref, const char *want) {
    return pk_str_eq_c(pk_rule_ref_str(text, ref), want);
}

static void check_fails(const char *source, uint32_t line, const char *message) {
    CHECK_EQ_INT(parse(source), PK_E_CONFIG);
    CHECK_EQ_U64(diag.line, line);
    CHECK_STR(diag.file, "a.rules");
    CHECK_STR(diag.message, message);
}

PK_TEST(next__a_whole_rule__every_key_in_any_order) {
    REQUIRE(parse("# about this file\n[rule error_burst]\nseverity = high -> critical if count >= 20\nwhen = "
                  "count >= 10 in 5m by source\n"
                  "on = severity >= error\nabout = Many errors\n  of one source\ntype = error_burst\nclear = "
                  "count < 2 in 5m for 5m\n"
                  "cooldown = 10m\nactions = clear_cache, restart_service\nauto = yes\nenabled = no\nkeys = "
                  "40\ntags = a, b\n"
                  "metadata = owner: ops\naliases = error_burst_detection\ncheck_interval = 60s\n"
                  "title = Burst\nrecover = 45s\n") == PK_OK);
    CHECK(is_ref(r.id, "error_burst"));
    CHECK(is_ref(r.type, "error_burst"));
    CHECK(is_ref(r.title, "Burst"));
    CHECK(is_ref(r.aliases, "error_burst_detection"));
    CHECK(is_ref(r.actions[1], "restart_service"));
    CHECK_EQ_INT(r.action_count, 2);
    CHECK(r.is_auto && !r.is_enabled && !r.is_own);
    CHECK_EQ_INT(r.keys, 40);
    CHECK_EQ_U64(r.cooldown_ms, 600000);
    CHECK_EQ_U64(r.recover_ms, 45000);
    CHECK_EQ_U64(r.repeat_ms, 60000);
    CHECK_EQ_U64(r.stale_ms, 0);
    CHECK_EQ_INT(r.ring_class, 2); /* 20 times */
    CHECK_EQ_U64(r.line, 2);
    CHECK(pk_str_starts(pk_rule_ref_str(text, r.text), "[rule error_burst]"));
    CHECK_EQ_INT(pk_rule_parse_next(&parser, &r, &diag), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_rule_parse_next(&parser, &r, &diag), PK_E_NOT_FOUND);
}

PK_TEST(next__defaults__are_those_of_the_grammar) {
    REQUIRE(parse(HEAD) == PK_OK);
    CHECK_EQ_INT(r.clear.kind, PK_COND_STABLE);
    CHECK_EQ_U64(r.clear.for_ms, 60000);
    CHECK_EQ_U64(r.repeat_ms, 30000);
    CHECK_EQ_U64(r.cooldown_ms, 0);
    CHECK_EQ_U64(r.recover_ms, 0);
    CHECK(r.is_enabled && !r.is_auto);
    CHECK_EQ_INT(r.keys, 2); /* live and replayed */
    REQUIRE(parse(GAUGE) == PK_OK);
    CHECK_EQ_INT(r.keys, PK_LIMIT_KEYS_PER_RULE);
    CHECK_EQ_INT(r.ring_class, PK_WINDOW_NO_RING);
}

PK_TEST(next__same_text__same_hash__comments_around_do_not_count) {
    REQUIRE(parse(HEAD) == PK_OK);
    const uint64_t hash = r.hash;
    REQUIRE(parse("# a\n\n" HEAD "\n# b\n[rule y]\non = any\n") == PK_OK);
    CHECK_EQ_U64(r.hash, hash);
    REQUIRE(parse(HEAD "cooldown = 1s\n") == PK_OK);
    CHECK(r.hash != hash);
}

PK_TEST(next__defects_of_a_section) {
    check_fails("on = any\n", 1, "'on' stands before the first [rule NAME]");
    check_fails("[role x]\n", 1, "expected [rule NAME], not [role]; did you mean 'rule'?");
    check_fails("[rule a/b]\n", 1, "'a/b' is not a rule name: 1 to 47 of A-Z a-z 0-9 _ -");
    check_fails("[rule]\n", 1, "'' is not a rule name: 1 to 47 of A-Z a-z 0-9 _ -");
    check_fails("[rule x]\nwhn = count >= 1 in 5s\n", 2, "unknown key 'whn'; did you mean 'when'?");
    check_fails("[rule x]\non = any\non = any\n", 3, "'on' is given twice");
    check_fails("[rule x]\non =\n", 2, "'on' has no value");
    check_fails("[rule x]\nwhen = count >= 1 in 5s\n", 1, "rule 'x' has no 'on'");
    check_fails("[rule x]\non = any\n", 1, "rule 'x' has no 'when'");
    check_fails("[rule x]\non = any\nwhen = count >= 1 in 5s\n", 1, "rule 'x' has no 'severity'");
    check_fails("[rule x]\non = any\nwhen = count >= 1 in 5s\nseverity = low\n", 1, "rule 'x' has no 'type'");
    check_fails("[rule x\n", 1, "section header does not end with ']'");
}

PK_TEST(next__values_that_cannot_be) {
    check_fails("[rule x]\non = any\nwhen = count >= 3 in 5m\ntype = costum\nseverity = low\n", 4,
                "'costum' is not an incident type; did you mean 'custom'?");
    check_fails(HEAD "enabled = maybe\n", 6, "expected yes or no, not 'maybe'");
    char message[80];
    (void)snprintf(message, sizeof message, "expected a whole number from 1 to %u, not '0'",
                   PK_LIMIT_KEYS > 65000u ? 65000u : PK_LIMIT_KEYS - 2u);
    check_fails(HEAD "keys = 0\n", 6, message);
    check_fails(HEAD "cooldown = 10 minutes\n", 6, "expected a time such as 30s, 5m or 2h, not '10 minutes'");
    check_fails(HEAD "check_interval = 0s\n", 6, "the time '0s' must be above 0 and at most 7d");
    check_fails(HEAD "actions = a, b c\n", 6, "'b c' is not the name of an action");
    check_fails(HEAD "actions = a, b, c, d, e\n", 6, "a rule has at most 4 actions");
    check_fails(HEAD "tags = a, \n", 6, "'' is not a name");
    check_fails(HEAD "stale = 5m\n", 6,
                "'stale' is for conditions on values: those of this rule count events");
    check_fails(GAUGE "stale = 0s\n", 6, "the time '0s' must be above 0 and at most 7d");
    check_fails("[rule x]\non = any\nwhen = drop >= 150% in 5m\n", 3, "a value drops by at most 100%");
    check_fails(HEAD "consecutive = yes\n", 6,
                "'consecutive' needs 'value', or 'count(...)' that tells which events break the run");
    check_fails(GAUGE "consecutive = 0\n", 6, "expected a whole number from 1 to 250, not '0'");
    check_fails(GAUGE "clear = count < 1 in 5m\n", 6, "'clear = count' needs 'when = count'");
    check_fails(GAUGE "clear = value < 95\n", 6, "the rule would clear while its condition holds");
    check_fails(GAUGE "clear = value > 95\n", 6, "the rule would clear while its condition holds");
    check_fails(HEAD "clear = count < 4 in 5m\n", 6,
                "the rule could clear while its condition holds: count no more, in no less time");
    check_fails(HEAD "clear = count < 3 in 4m\n", 6,
                "the rule could clear while its condition holds: count no more, in no less time");
    check_fails("[rule x]\non = any\nwhen = value > 3\ntype = custom\nseverity = low -> high if count >= 4\n",
                5, "ratio and count need 'when = count'");
    check_fails(
        "[rule x]\non = any\nwhen = count >= 4 in 5s\ntype = custom\nseverity = low -> high if count >= 4\n",
        5, "the count after 'if' must be above the threshold");
    check_fails("[rule x]\non = any\nwhen = count >= 60 in 5s\ntype = custom\nseverity = low -> high if "
                "ratio(value > 1) > 5% min 9\n",
                3, "with ratio, counts go up to 56");
    check_fails("[rule x]\non = any\nwhen = count >= 4 in 5s by source\nmin_components = 2\ntype = "
                "custom\nseverity = low\n",
                4, "'min_components' cannot be combined with 'by' or 'across'");
    check_fails("[rule x]\non = any\nwhen = count >= 4 in 5s across 5 sources\nkeys = 4\ntype = "
                "custom\nseverity = low\n",
                4, "across 5 sources needs 'keys' of at least as many; it is 4");
}

PK_TEST(next__min_components__is_across) {
    REQUIRE(parse("[rule x]\non = any\nwhen = count >= 15 in 180s\nmin_components = 2\ntype = "
                  "custom\nseverity = high\n") == PK_OK);
    CHECK_EQ_INT(r.across, 2);
    REQUIRE(parse(GAUGE "clear = value <= 90 for 5s\n") == PK_OK); /* the other side, touching */
    REQUIRE(parse(GAUGE "consecutive = 3\n") == PK_OK);
    CHECK_EQ_INT(r.consecutive, 3);
}

PK_TEST(next__line_ends_and_odd_headers__read_as_well) {
    REQUIRE(
        parse("[ rule x ]\r\non = any\r\nwhen = count >= 3 in 5m\r\ntype = custom\r\nseverity = low\r\n") ==
        PK_OK);
    CHECK(pk_str_starts(pk_rule_ref_str(text, r.text), "[ rule x ]"));
}

PK_TEST_MAIN(next__a_whole_rule__every_key_in_any_order, next__defaults__are_those_of_the_grammar,
             next__same_text__same_hash__comments_around_do_not_count, next__defects_of_a_section,
             next__values_that_cannot_be, next__min_components__is_across,
             next__line_ends_and_odd_headers__read_as_well)
