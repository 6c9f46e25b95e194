#include "detect/pk_ruleset.h"

#include <stdio.h>
#include <string.h>

#include "support/pk_test.h"

static struct pk_ruleset set;
static struct pk_diag diag;
static struct pk_rule_ids ids;
static struct pk_rule_price price;
static char big[PK_LIMIT_RULE_TEXT_BYTES + 100];
static char prices[8192];

#define RULE(id, more)                                                                                       \
    "[rule " id "]\non = any\nwhen = count >= 3 in 5m by source\ntype = custom\nseverity = low\n" more

static int load(const char *a, const char *b) {
    const struct pk_rule_file files[2] = {{"10-a.rules", pk_str_of(a)}, {"20-b.rules", pk_str_of(b)}};
    return pk_ruleset_load(&set, &PK_SHIPPED_RULES, files, b[0] != '\0' ? 2u : 1u, &diag);
}

static bool has_text(int index, const char *want) {
    return pk_str_eq_c(pk_ruleset_str(&set, set.rows[index],
                                      set.rows[index]->severity == PK_SEV_LOW ? set.rows[index]->about
                                                                              : set.rows[index]->id),
                       want);
}

PK_TEST(shipped__rules_of_the_requirements__are_there_and_fit) {
    static const char *const IDS[] = {
        "service_down", "process_lost", "error_burst",    "memory_exhaustion",     "disk_space_low",
        "inodes_low",   "cpu_high",     "heartbeat_lost", "error_burst_detection", "disk_space_exhaustion"};
    pk_ruleset_init(&set);
    REQUIRE(pk_ruleset_load(&set, &PK_SHIPPED_RULES, NULL, 0, &diag) == PK_OK);
    CHECK_EQ_U64(set.count, PK_SHIPPED_RULES.count);
    for (size_t i = 0; i < sizeof IDS / sizeof IDS[0]; i++) {
        CHECK(pk_ruleset_find(&set, pk_str_of(IDS[i])) >= 0);
    }
    CHECK_EQ_INT(pk_ruleset_find(&set, pk_str_of("nothing")), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_ruleset_find(&set, pk_str_of("")), PK_E_NOT_FOUND);
    for (uint32_t i = 0; i < set.count; i++) {
        CHECK(set.rows[i]->about.n > 0);
    }
}

PK_TEST(load__same_id__replaces_the_shipped_row_in_its_place) {
    pk_ruleset_init(&set);
    REQUIRE(load("", "") == PK_OK);
    const int before = pk_ruleset_find(&set, pk_str_of("cpu_high"));
    const uint64_t hash = set.hash;
    REQUIRE(load(RULE("cpu_high", "about = mine\n") RULE("extra", "about = more\n"), "") == PK_OK);
    const int after = pk_ruleset_find(&set, pk_str_of("cpu_high"));
    CHECK_EQ_INT(after, before);
    REQUIRE(after >= 0);
    CHECK(has_text(after, "mine") && set.rows[after]->is_own);
    CHECK_EQ_U64(set.count, PK_SHIPPED_RULES.count + 1u);
    CHECK(has_text((int)set.count - 1, "more"));
    CHECK(set.hash != hash);
    REQUIRE(load("", "") == PK_OK);
    CHECK_EQ_U64(set.hash, hash);
}

PK_TEST(load__a_defect_in_any_file__leaves_the_set_as_it_was) {
    pk_ruleset_init(&set);
    REQUIRE(load(RULE("one", "about = kept\n"), "") == PK_OK);
    const uint64_t hash = set.hash;
    CHECK_EQ_INT(load(RULE("one", ""), "\n" RULE("one", "")), PK_E_CONFIG);
    CHECK_STR(diag.file, "20-b.rules");
    CHECK_EQ_U64(diag.line, 2);
    CHECK_STR(diag.message, "rule 'one' is defined twice");
    CHECK_EQ_INT(load(RULE("two", ""), RULE("three", "colour = red\n")), PK_E_CONFIG);
    CHECK_STR(diag.file, "20-b.rules");
    CHECK_EQ_U64(diag.line, 6);
    CHECK_EQ_U64(set.hash, hash);
    const int one = pk_ruleset_find(&set, pk_str_of("one"));
    REQUIRE(one >= 0);
    CHECK(has_text(one, "kept"));
}

PK_TEST(check__over_the_memory_budget__names_rule_and_prices) {
    struct pk_buf b;
    struct pk_buf out;
    pk_buf_init(&b, big, sizeof big);
    pk_buf_init(&out, prices, sizeof prices);
    for (uint32_t i = 0; i < 3; i++) {
        pk_buf_puts(&b, i == 0 ? "[rule a]" : i == 1 ? "\n[rule b]" : "\n[rule c]");
        pk_buf_puts(&b,
                    "\non = any\nwhen = count >= 30 in 5m by source\ntype = custom\nseverity = low\nkeys = ");
        pk_buf_put_u64(&b, PK_LIMIT_WINDOW_BYTES / 128u / 2u < 65000u ? PK_LIMIT_WINDOW_BYTES / 128u / 2u
                                                                      : 65000u);
        pk_buf_putc(&b, '\n');
    }
    const struct pk_rule_file file = {"big.rules", pk_buf_str(&b)};
    CHECK_EQ_INT(pk_ruleset_check(NULL, &file, 1, &ids, &out, &price, &diag), PK_E_CONFIG);
    CHECK_STR(diag.file, "big.rules");
    CHECK_EQ_U64(diag.line, 15);
    CHECK(strstr(diag.message, "rule 'c' is over the memory budget, with it the set takes rules 3 of ") ==
          diag.message);
    CHECK(strstr(prices, "a: 256 windows") == prices || PK_LIMIT_RULES != 64u);
    CHECK(strstr(prices, "total: windows ") != NULL);
}

PK_TEST(check__too_many_rules_or_too_much_text__is_refused) {
    struct pk_buf b;
    pk_buf_init(&b, big, sizeof big);
    for (uint32_t i = 0; i <= PK_LIMIT_RULES; i++) {
        pk_buf_puts(&b, "[rule r");
        pk_buf_put_u64(&b, i);
        pk_buf_puts(&b, "]\non = any\nwhen = count >= 1 in 5m\ntype = custom\nseverity = low\n");
    }
    struct pk_rule_file file = {"many.rules", pk_buf_str(&b)};
    CHECK_EQ_INT(pk_ruleset_check(NULL, &file, 1, &ids, NULL, &price, &diag), PK_E_CONFIG);
    CHECK(strstr(diag.message, "the table of rules is full") != NULL);
    memset(big, '\n', sizeof big);
    file.text = pk_str_make(big, PK_LIMIT_RULE_TEXT_BYTES);
    CHECK_EQ_INT(pk_ruleset_check(NULL, &file, 1, &ids, NULL, &price, &diag), PK_E_CONFIG);
    CHECK_STR(diag.message, "the rule files together are larger than this board keeps");
    file.text = pk_str_make(big, PK_LIMIT_RULE_TEXT_BYTES - 1u);
    CHECK_EQ_INT(pk_ruleset_check(NULL, &file, 1, &ids, NULL, &price, &diag), PK_OK);
    CHECK_EQ_U64(price.rules, 0);
}

PK_TEST_MAIN(shipped__rules_of_the_requirements__are_there_and_fit,
             load__same_id__replaces_the_shipped_row_in_its_place,
             load__a_defect_in_any_file__leaves_the_set_as_it_was,
             check__over_the_memory_budget__names_rule_and_prices,
             check__too_many_rules_or_too_much_text__is_refused)
