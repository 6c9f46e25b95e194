#include "detect/pk_ruleset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pk_assert.h"
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
    CHECK(strstr(diag.message, "rule 'c' is over the memory budget: ") == diag.message);
    CHECK(strstr(prices, "a: 512 windows") == prices || PK_LIMIT_RULES != 64u);
    CHECK(strstr(prices, "total: windows ") != NULL);
}

/* Forms an operator writes, none of which says `keys`. */
static const char *const ORDINARY[] = {
    "value > 3 for 5m",
    "count >= 10 in 5m by source",
    "rate > 10 per 1m by source",
    "consecutive(value > 1) >= 3 by source",
    "absent for 5m",
    "value > 90",
    "ratio(severity >= high) > 5% in 5m min 20 by source",
    "count(severity >= high) >= 5 in 10m by data.site",
    "event(type = a) without event(type = b) within 1m by source",
    "count >= 3 in 1m across 2 sources",
    "all of (value(type = a) > 3, value(type = b) > 4) for 1m",
    "distinct(data.user) >= 5 in 10m by source",
    "p95 > 100 in 5m",
    "drop >= 20 in 5m",
    "expires within 30d",
    "count >= 5 in 60s",
};

static void put_rule(struct pk_buf *b, uint32_t number, const char *when, const char *more) {
    pk_buf_puts(b, "[rule own_");
    pk_buf_put_u64(b, number);
    pk_buf_puts(b, "]\non = type = a | b\ntype = custom\nseverity = low\nwhen = ");
    pk_buf_puts(b, when);
    pk_buf_puts(b, "\n");
    pk_buf_puts(b, more);
}

static int load_big(struct pk_buf *b) {
    const struct pk_rule_file file = {"own.rules", pk_buf_str(b)};
    pk_ruleset_init(&set);
    return pk_ruleset_load(&set, &PK_SHIPPED_RULES, &file, 1, &diag);
}

/* Beside the shipped rules there is room for sixteen of the operator's as they come. */
PK_TEST(load__sixteen_ordinary_rules_at_default_keys__fit_beside_the_shipped_ones) {
    struct pk_buf b;
    pk_buf_init(&b, big, sizeof big);
    for (uint32_t i = 0; i < 16; i++) {
        put_rule(&b, i, ORDINARY[i % PK_COUNT_OF(ORDINARY)], "");
    }
    CHECK_EQ_INT(load_big(&b), PK_OK);
    CHECK_EQ_U64(set.count, PK_SHIPPED_RULES.count + 16u);
    /* And when all of them keep one window for each source. */
    pk_buf_init(&b, big, sizeof big);
    for (uint32_t i = 0; i < 16; i++) {
        put_rule(&b, i, "count >= 10 in 5m by source", "");
    }
    CHECK_EQ_INT(load_big(&b), PK_OK);
}

/* 64 on `small`, 512 on `standard`: every row of the table can be used, from `standard` on by rules that do
 * not say `keys`. */
PK_TEST(load__as_many_rules_as_the_board_has) {
    const char *keys = PK_LIMIT_RULES < 512u ? "keys = 16\n" : "";
    struct pk_buf b;
    pk_buf_init(&b, big, sizeof big);
    const uint32_t own = PK_LIMIT_RULES - PK_SHIPPED_RULES.count;
    for (uint32_t i = 0; i < own; i++) {
        put_rule(&b, i, ORDINARY[i % PK_COUNT_OF(ORDINARY)], keys);
    }
    REQUIRE(!b.is_cut);
    CHECK(PK_LIMIT_RULES >= 64u);
    const struct pk_rule_file file = {"own.rules", pk_buf_str(&b)};
    CHECK_EQ_INT(pk_ruleset_check(&PK_SHIPPED_RULES, &file, 1, &ids, NULL, &price, &diag), PK_OK);
    printf("# %u rules: %u of %u windows, %u of %u bytes of blocks, %u bytes in all\n", (unsigned)price.rules,
           (unsigned)price.keys, (unsigned)PK_LIMIT_KEYS, (unsigned)price.times_bytes,
           (unsigned)PK_LIMIT_WINDOW_BYTES, (unsigned)price.total_bytes);
    CHECK_EQ_INT(load_big(&b), PK_OK);
    CHECK_EQ_U64(set.count, PK_LIMIT_RULES);
    /* And when all of the operator's keep one window for each source. */
    pk_buf_init(&b, big, sizeof big);
    for (uint32_t i = 0; i < own; i++) {
        put_rule(&b, i, "count >= 10 in 5m by source", keys);
    }
    CHECK_EQ_INT(load_big(&b), PK_OK);
    put_rule(&b, own, "value > 3", keys);
    CHECK_EQ_INT(load_big(&b), PK_E_CONFIG);
    CHECK(strstr(diag.message, " rules; a rule of the same name") != NULL);
    CHECK(strstr(diag.message, "; a rule of the same name takes the place of a shipped one") != NULL);
}

/* What the error says to do is right to the last window. */
static void check_advice(const char *when, const char *what, uint32_t keys_max) {
    struct pk_buf b;
    pk_buf_init(&b, big, sizeof big);
    put_rule(&b, 0, "value > 3", "keys = 100\n");
    put_rule(&b, 1, when, "keys = ");
    pk_buf_put_u64(&b, keys_max);
    pk_buf_putc(&b, '\n');
    CHECK_EQ_INT(load_big(&b), PK_E_CONFIG);
    CHECK_STR(diag.file, "own.rules");
    CHECK(strstr(diag.message, what) != NULL);
    const char *advice = strstr(diag.message, "'keys = ");
    REQUIRE(advice != NULL);
    const uint32_t fit = (uint32_t)strtoul(advice + 8, NULL, 10);
    for (uint32_t more = 0; more < 2; more++) {
        pk_buf_init(&b, big, sizeof big);
        put_rule(&b, 0, "value > 3", "keys = 100\n");
        put_rule(&b, 1, when, "keys = ");
        pk_buf_put_u64(&b, fit + more);
        pk_buf_putc(&b, '\n');
        CHECK_EQ_INT(load_big(&b), more == 0 ? PK_OK : PK_E_CONFIG);
    }
}

PK_TEST(load__what_does_not_fit__is_told_with_the_keys_that_do) {
    const uint32_t most = PK_LIMIT_KEYS > 65000u ? 65000u : PK_LIMIT_KEYS - 2u;
    if (most < 65000u) {
        check_advice("value > 3", " windows; ", most);
        check_advice("value > 3 across 2 sources", " windows; ", most);
    }
    const uint32_t blocks = PK_LIMIT_WINDOW_BYTES / 1024u;
    const uint32_t many = blocks < most ? blocks + 1u : most;
    if (many > blocks) {
        check_advice("p95 > 100 in 5m by source", " bytes of blocks; ", many);
        check_advice("p95 > 100 in 5m across 2 sources", " bytes of blocks; ", many + 1u);
    }
}

PK_TEST(load__no_room_for_any__says_to_look_at_other_rules) {
    struct pk_buf b;
    pk_buf_init(&b, big, sizeof big);
    const uint32_t most = PK_LIMIT_WINDOW_BYTES / 1024u;
    put_rule(&b, 0, "p95 > 100 in 5m by source", "keys = ");
    uint32_t shipped_pages = 0;
    struct pk_rule_price all;
    REQUIRE(pk_ruleset_check(&PK_SHIPPED_RULES, NULL, 0, NULL, NULL, &all, &diag) == PK_OK);
    shipped_pages = (all.times_bytes + 1023u) / 1024u;
    pk_buf_put_u64(&b, most - shipped_pages);
    pk_buf_putc(&b, '\n');
    put_rule(&b, 1, "p95 > 100 in 5m by source", "");
    CHECK_EQ_INT(load_big(&b), PK_E_CONFIG);
    CHECK(strstr(diag.message, "; lower 'keys' of other rules") != NULL);
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

/* ---- stored rules and switches ---- */

static struct pk_rule_put put;

static int put_text(const char *text) {
    return pk_ruleset_put(&set, "given", pk_str_of(text), &put, &diag);
}

static const struct pk_rule *row(const char *id) {
    const int index = pk_ruleset_find(&set, pk_str_of(id));
    return index < 0 ? NULL : set.rows[index];
}

PK_TEST(put__stands_over_file_and_shipped_until_removed) {
    pk_ruleset_init(&set);
    REQUIRE(load(RULE("cpu_high", "about = of a file\n") RULE("mine", "about = mine\n"), "") == PK_OK);
    const uint64_t hash = set.hash;
    const uint32_t count = set.count;
    REQUIRE(put_text("# a comment\n" RULE("cpu_high", "about = stored\n") "# another\n") == PK_OK);
    CHECK(pk_str_eq_c(put.id, "cpu_high"));
    CHECK(pk_str_eq_c(put.section,
                      "[rule cpu_high]\non = any\nwhen = count >= 3 in 5m by source\ntype = custom\n"
                      "severity = low\nabout = stored"));
    CHECK(has_text(pk_ruleset_find(&set, pk_str_of("cpu_high")), "stored"));
    CHECK(row("cpu_high")->is_stored && row("cpu_high")->is_own && !row("mine")->is_stored);
    CHECK_EQ_U64(set.count, count);
    CHECK(set.hash != hash);
    REQUIRE(put_text(RULE("new", "about = new\n")) == PK_OK);
    CHECK_EQ_U64(set.count, count + 1u);
    REQUIRE(put_text(RULE("cpu_high", "about = again\n")) == PK_OK);
    CHECK(has_text(pk_ruleset_find(&set, pk_str_of("cpu_high")), "again"));
    CHECK(has_text(pk_ruleset_find(&set, pk_str_of("new")), "new"));
    CHECK_EQ_INT(pk_ruleset_remove(&set, pk_str_of("mine"), &diag), PK_E_NOT_FOUND);
    REQUIRE(pk_ruleset_remove(&set, pk_str_of("cpu_high"), &diag) == PK_OK);
    CHECK(has_text(pk_ruleset_find(&set, pk_str_of("cpu_high")), "of a file"));
    REQUIRE(pk_ruleset_remove(&set, pk_str_of("new"), &diag) == PK_OK);
    CHECK(row("new") == NULL);
    CHECK_EQ_U64(set.hash, hash);
}

PK_TEST(load__files_again__leaves_the_stored_ones_above) {
    pk_ruleset_init(&set);
    REQUIRE(load("\xEF\xBB\xBF" RULE("a", "about = 1\n"), RULE("b", "about = 2\n")) == PK_OK);
    REQUIRE(put_text(RULE("b", "about = stored\n")) == PK_OK);
    REQUIRE(load(RULE("b", "about = 4\n") RULE("c", "about = 5\n"), "") == PK_OK);
    CHECK(row("a") == NULL && has_text(pk_ruleset_find(&set, pk_str_of("c")), "5"));
    CHECK(has_text(pk_ruleset_find(&set, pk_str_of("b")), "stored"));
    /* A bad file changes nothing, and neither does a bad rule. */
    CHECK_EQ_INT(load("[rule x]\n", ""), PK_E_CONFIG);
    CHECK_EQ_INT(put_text(RULE("d", "keys = 0\n")), PK_E_CONFIG);
    CHECK_STR(diag.file, "given");
    CHECK_EQ_U64(diag.line, 6);
    CHECK_EQ_INT(put_text(""), PK_E_CONFIG);
    CHECK_STR(diag.message, "there is no [rule NAME]");
    CHECK_EQ_INT(put_text(RULE("d", "") RULE("e", "")), PK_E_CONFIG);
    CHECK_EQ_U64(diag.line, 6);
    CHECK_EQ_INT(put_text(RULE("d", "keys = 4000000000\n")), PK_E_CONFIG);
    CHECK(has_text(pk_ruleset_find(&set, pk_str_of("b")), "stored") && row("c") != NULL && row("d") == NULL);
}

PK_TEST(stored__that_do_not_load__are_off_until_mended) {
    pk_ruleset_init(&set);
    REQUIRE(load(RULE("mine", "about = mine\n"), "") == PK_OK);
    const uint32_t count = set.count;
    static const char TEXT[] =
        RULE("good", "about = good\n") "[rule bad]\non = any\nwhen = later\n" RULE("more", "");
    CHECK_EQ_INT(pk_ruleset_set_stored(&set, pk_str_of(TEXT), &diag), PK_E_CONFIG);
    CHECK_STR(diag.file, "stored rules");
    CHECK(set.is_stored_off && set.count == count && row("good") == NULL && row("mine") != NULL);
    /* A reload of the files does not mind, and does not mend it. */
    REQUIRE(load(RULE("mine", "about = mine\n"), "") == PK_OK);
    CHECK(set.is_stored_off && row("mine") != NULL);
    CHECK_EQ_INT(put_text(RULE("other", "")), PK_E_CONFIG);
    REQUIRE(put_text(RULE("bad", "about = mended\n")) == PK_OK);
    CHECK(!set.is_stored_off && row("good") != NULL && row("more") != NULL);
    CHECK(has_text(pk_ruleset_find(&set, pk_str_of("bad")), "mended"));
    /* Or by removing it. */
    CHECK_EQ_INT(pk_ruleset_set_stored(&set, pk_str_of(TEXT), &diag), PK_E_CONFIG);
    REQUIRE(pk_ruleset_remove(&set, pk_str_of("bad"), &diag) == PK_OK);
    CHECK(!set.is_stored_off && row("good") != NULL && row("bad") == NULL);
    CHECK_EQ_INT(pk_ruleset_set_stored(&set, pk_str_of(""), &diag), PK_OK);
    CHECK_EQ_U64(set.count, count);
}

PK_TEST(switch__holds_over_loads_and_for_rules_to_come) {
    pk_ruleset_init(&set);
    REQUIRE(load(RULE("a", "about = 1\n"), "") == PK_OK);
    REQUIRE(pk_ruleset_switch(&set, pk_str_of("cpu_high"), false) == PK_OK);
    REQUIRE(pk_ruleset_switch(&set, pk_str_of("later"), false) == PK_OK);
    REQUIRE(load(RULE("later", "about = 1\n"), "") == PK_OK);
    CHECK(!pk_ruleset_is_enabled(&set, (uint32_t)pk_ruleset_find(&set, pk_str_of("cpu_high"))));
    CHECK(!pk_ruleset_is_enabled(&set, (uint32_t)pk_ruleset_find(&set, pk_str_of("later"))));
    CHECK(pk_ruleset_is_enabled(&set, (uint32_t)pk_ruleset_find(&set, pk_str_of("swap_high"))));
    REQUIRE(pk_ruleset_switch(&set, pk_str_of("later"), true) == PK_OK);
    CHECK(pk_ruleset_find_switch(&set, pk_str_of("later"))->is_enabled);
    pk_ruleset_forget_switch(&set, pk_str_of("cpu_high"));
    CHECK(pk_ruleset_find_switch(&set, pk_str_of("cpu_high")) == NULL);
    CHECK(pk_ruleset_is_enabled(&set, (uint32_t)pk_ruleset_find(&set, pk_str_of("cpu_high"))));
    for (uint32_t i = set.switch_count; i < PK_LIMIT_RULES; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "id%u", i);
        REQUIRE(pk_ruleset_switch(&set, pk_str_of(id), false) == PK_OK);
    }
    CHECK_EQ_INT(pk_ruleset_switch(&set, pk_str_of("one-more"), false), PK_E_FULL);
    CHECK_EQ_INT(pk_ruleset_switch(&set, pk_str_of("later"), false), PK_OK);
}

PK_TEST(section_id__is_that_of_the_first_section) {
    CHECK(pk_str_eq_c(pk_ruleset_section_id(pk_str_of("# c\n\n[rule a-1]\nx")), "a-1"));
    CHECK_EQ_U64(pk_ruleset_section_id(pk_str_of("[role a]\n[rule b]\n")).n, 0);
    CHECK_EQ_U64(pk_ruleset_section_id(pk_str_of("")).n, 0);
    CHECK_EQ_U64(pk_ruleset_section_id(pk_str_of("no section")).n, 0);
}

PK_TEST_MAIN(shipped__rules_of_the_requirements__are_there_and_fit,
             load__same_id__replaces_the_shipped_row_in_its_place,
             load__a_defect_in_any_file__leaves_the_set_as_it_was,
             check__over_the_memory_budget__names_rule_and_prices,
             load__sixteen_ordinary_rules_at_default_keys__fit_beside_the_shipped_ones,
             load__as_many_rules_as_the_board_has, load__what_does_not_fit__is_told_with_the_keys_that_do,
             load__no_room_for_any__says_to_look_at_other_rules,
             check__too_many_rules_or_too_much_text__is_refused,
             put__stands_over_file_and_shipped_until_removed, load__files_again__leaves_the_stored_ones_above,
             stored__that_do_not_load__are_off_until_mended, switch__holds_over_loads_and_for_rules_to_come,
             section_id__is_that_of_the_first_section)
