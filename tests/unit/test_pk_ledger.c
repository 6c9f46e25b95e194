#include "event/pk_ledger.h"

#include "support/pk_test_panic.h"

static struct pk_ledger ledger;

PK_TEST(add__same_source_and_reason__one_entry_with_the_range) {
    pk_ledger_init(&ledger);
    pk_ledger_add(&ledger, 3, PK_LOSS_RATE, 12, 1000);
    pk_ledger_add(&ledger, 3, PK_LOSS_RATE, 10, 2000);
    pk_ledger_add(&ledger, 3, PK_LOSS_RATE, 15, 3000);
    pk_ledger_add(&ledger, 3, PK_LOSS_DUPLICATE, 16, 3000);
    CHECK_EQ_U64(ledger.count, 2);
    const struct pk_loss *l = pk_ledger_at(&ledger, 0);
    REQUIRE(l != NULL);
    CHECK_EQ_U64(l->count, 3);
    CHECK_EQ_U64(l->from, 10);
    CHECK_EQ_U64(l->to, 15);
    CHECK_EQ_U64(l->first_ms, 1000);
    CHECK_EQ_U64(l->last_ms, 3000);
    CHECK_EQ_U64(pk_ledger_total(&ledger), 4);
    CHECK(pk_ledger_at(&ledger, 2) == NULL);
}

PK_TEST(add__without_source__keeps_no_sequences) {
    pk_ledger_init(&ledger);
    pk_ledger_add(&ledger, PK_LEDGER_NO_SOURCE, PK_LOSS_SOURCE_TABLE, 9, 5);
    CHECK_EQ_U64(pk_ledger_at(&ledger, 0)->from, 0);
    CHECK_EQ_U64(pk_ledger_at(&ledger, 0)->to, 0);
}

PK_TEST(add__table_full__further_sources_share_and_nothing_is_uncounted) {
    pk_ledger_init(&ledger);
    for (uint32_t i = 0; i < PK_LIMIT_LEDGER * 3u; i++) {
        pk_ledger_add(&ledger, (uint16_t)i, (enum pk_loss_reason)(i % PK_LOSS_COUNT), i + 1u, i);
    }
    CHECK(ledger.count <= PK_LIMIT_LEDGER);
    CHECK(ledger.merged_count > 0);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < ledger.count; i++) {
        sum += pk_ledger_at(&ledger, i)->count;
    }
    CHECK_EQ_U64(sum, PK_LIMIT_LEDGER * 3u);
    CHECK_EQ_U64(pk_ledger_total(&ledger), PK_LIMIT_LEDGER * 3u);
}

PK_TEST(drop__after_a_report__totals_stay_and_what_came_since) {
    pk_ledger_init(&ledger);
    for (uint16_t i = 0; i < 5; i++) {
        pk_ledger_add(&ledger, i, PK_LOSS_RATE, 1, 1);
    }
    pk_ledger_said(&ledger, 3);
    pk_ledger_add(&ledger, 1, PK_LOSS_RATE, 7, 2);
    pk_ledger_add(&ledger, 1, PK_LOSS_RATE, 8, 2);
    pk_ledger_add(&ledger, 9, PK_LOSS_RATE, 1, 2);
    pk_ledger_drop_said(&ledger);
    REQUIRE(ledger.count == 4);
    CHECK_EQ_U64(pk_ledger_at(&ledger, 0)->source_id, 1);
    CHECK_EQ_U64(pk_ledger_at(&ledger, 0)->count, 2);
    CHECK_EQ_U64(pk_ledger_at(&ledger, 0)->to, 8);
    CHECK_EQ_U64(pk_ledger_at(&ledger, 1)->source_id, 3);
    CHECK_EQ_U64(ledger.total[PK_LOSS_RATE], 8);
    pk_ledger_drop_said(&ledger); /* nothing was said since */
    CHECK_EQ_U64(ledger.count, 4);
    CHECK_PANICS(pk_ledger_said(&ledger, 5));
}

PK_TEST(said__again_and_less__only_the_last_counts) {
    pk_ledger_init(&ledger);
    pk_ledger_add(&ledger, 1, PK_LOSS_RATE, 1, 1);
    pk_ledger_add(&ledger, 2, PK_LOSS_RATE, 1, 1);
    pk_ledger_said(&ledger, 2);
    pk_ledger_add(&ledger, 1, PK_LOSS_RATE, 2, 1);
    pk_ledger_said(&ledger, 1);
    pk_ledger_drop_said(&ledger);
    REQUIRE(ledger.count == 1);
    CHECK_EQ_U64(pk_ledger_at(&ledger, 0)->source_id, 2);
    CHECK_EQ_U64(pk_ledger_at(&ledger, 0)->count, 1);
}

PK_TEST(reason_word__each__is_the_word_of_the_wire) {
    CHECK_STR(pk_loss_reason_word(PK_LOSS_RATE), "rate");
    CHECK_STR(pk_loss_reason_word(PK_LOSS_INTAKE_FULL), "intake_full");
    CHECK_STR(pk_loss_reason_word(PK_LOSS_BAD_INPUT), "bad_input");
    CHECK_PANICS((void)pk_loss_reason_word(PK_LOSS_COUNT));
}

PK_TEST(add_many__one_entry_and_none_for_nothing) {
    pk_ledger_init(&ledger);
    pk_ledger_add_many(&ledger, 4, PK_LOSS_OVERFLOW, 0, 10);
    CHECK_EQ_U64(ledger.count, 0);
    pk_ledger_add_many(&ledger, 4, PK_LOSS_OVERFLOW, 40, 10);
    pk_ledger_add_many(&ledger, 4, PK_LOSS_OVERFLOW, 2, 20);
    REQUIRE(ledger.count == 1);
    CHECK_EQ_U64(pk_ledger_at(&ledger, 0)->count, 42);
    CHECK_EQ_U64(pk_ledger_at(&ledger, 0)->last_ms, 20);
    CHECK_EQ_U64(pk_ledger_total(&ledger), 42);
    CHECK_STR(pk_loss_reason_word(PK_LOSS_OVERFLOW), "overflow");
}

PK_TEST(forget__a_source__its_entries_stay_without_it) {
    pk_ledger_init(&ledger);
    pk_ledger_add(&ledger, 4, PK_LOSS_RATE, 9, 10);
    pk_ledger_add(&ledger, 5, PK_LOSS_RATE, 9, 10);
    pk_ledger_forget(&ledger, 4);
    CHECK_EQ_U64(pk_ledger_at(&ledger, 0)->source_id, PK_LEDGER_NO_SOURCE);
    CHECK_EQ_U64(pk_ledger_at(&ledger, 0)->to, 0);
    CHECK_EQ_U64(pk_ledger_at(&ledger, 1)->source_id, 5);
    CHECK_EQ_U64(pk_ledger_total(&ledger), 2);
}

PK_TEST_MAIN(add__same_source_and_reason__one_entry_with_the_range, add__without_source__keeps_no_sequences,
             add__table_full__further_sources_share_and_nothing_is_uncounted,
             drop__after_a_report__totals_stay_and_what_came_since,
             said__again_and_less__only_the_last_counts, reason_word__each__is_the_word_of_the_wire,
             add_many__one_entry_and_none_for_nothing, forget__a_source__its_entries_stay_without_it)
