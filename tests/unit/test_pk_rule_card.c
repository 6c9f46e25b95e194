#include "incident/pk_rule_card.h"

#include <stdio.h>

#include "support/pk_test.h"

static struct pk_rule_cards t;

PK_TEST(card__counts_and_hands_out_what_changed_once) {
    t = (struct pk_rule_cards){.count = 0};
    CHECK(pk_rule_card_get(&t, pk_str_of("a")) == NULL);
    CHECK(pk_rule_card_next_dirty(&t) == NULL);
    pk_rule_card_count(&t, pk_str_of("a"), PK_CARD_OPENED);
    pk_rule_card_count(&t, pk_str_of("a"), PK_CARD_FALSE_POSITIVE);
    pk_rule_card_count(&t, pk_str_of("b"), PK_CARD_OPENED);
    CHECK_EQ_U64(t.dirty_count, 2);
    const struct pk_rule_card *card = pk_rule_card_next_dirty(&t);
    REQUIRE(card != NULL);
    CHECK_EQ_U64(card->key, pk_rule_card_key(pk_str_of("a")));
    CHECK_EQ_U64(card->counts[PK_CARD_OPENED], 1);
    CHECK_EQ_U64(card->counts[PK_CARD_FALSE_POSITIVE], 1);
    CHECK(pk_rule_card_next_dirty(&t) != NULL);
    CHECK(pk_rule_card_next_dirty(&t) == NULL);
    CHECK_STR(pk_card_count_word(PK_CARD_AUTO_RESOLVED), "auto_resolved");
    CHECK_STR(pk_card_count_word(PK_CARD_COUNT), "unknown");
}

PK_TEST(card__restored_goes_on_and_a_full_table_counts_what_it_cannot_hold) {
    struct pk_rule_card stored = {.key = pk_rule_card_key(pk_str_of("a")), .counts = {5, 4, 3, UINT32_MAX}};
    char name[16];
    t = (struct pk_rule_cards){.count = 0};
    CHECK_EQ_INT(pk_rule_card_restore(&t, &stored), PK_OK);
    CHECK_EQ_INT(pk_rule_card_restore(&t, &stored), PK_E_CONFLICT);
    stored.key = 0;
    CHECK_EQ_INT(pk_rule_card_restore(&t, &stored), PK_E_BAD_FIELD);
    CHECK(pk_rule_card_next_dirty(&t) == NULL);
    pk_rule_card_count(&t, pk_str_of("a"), PK_CARD_OPENED);
    pk_rule_card_count(&t, pk_str_of("a"), PK_CARD_FALSE_POSITIVE); /* stays at its end */
    const struct pk_rule_card *card = pk_rule_card_get(&t, pk_str_of("a"));
    REQUIRE(card != NULL);
    CHECK_EQ_U64(card->counts[PK_CARD_OPENED], 6);
    CHECK_EQ_U64(card->counts[PK_CARD_FALSE_POSITIVE], UINT32_MAX);
    for (uint32_t i = 0; t.count < PK_LIMIT_RULES; i++) {
        (void)snprintf(name, sizeof name, "r%u", (unsigned)i);
        pk_rule_card_count(&t, pk_str_of(name), PK_CARD_OPENED);
    }
    pk_rule_card_count(&t, pk_str_of("one too many"), PK_CARD_OPENED);
    CHECK_EQ_U64(t.refused_count, 1);
    stored.key = 1;
    CHECK_EQ_INT(pk_rule_card_restore(&t, &stored), PK_E_FULL);
}

PK_TEST_MAIN(card__counts_and_hands_out_what_changed_once,
             card__restored_goes_on_and_a_full_table_counts_what_it_cannot_hold)
