#include "base/pk_bitset.h"

#include "base/pk_rng.h"
#include "support/pk_test.h"
#include "support/pk_test_panic.h"

enum { BITS = 130 };

PK_TEST(bitset__first_and_last_bit_of_each_word__are_kept_apart) {
    static const uint32_t PLACES[] = {0, 63, 64, 127, 128, 129};
    uint64_t words[PK_BITSET_WORDS(BITS)];
    pk_bitset_clear_all(words, BITS);
    CHECK_EQ_U64(pk_bitset_count(words, BITS), 0);
    for (uint32_t i = 0; i < 6; i++) {
        pk_bitset_set(words, BITS, PLACES[i]);
        CHECK_EQ_U64(pk_bitset_count(words, BITS), i + 1u);
    }
    CHECK(pk_bitset_has(words, BITS, 63));
    CHECK(!pk_bitset_has(words, BITS, 62));
    CHECK(!pk_bitset_has(words, BITS, 65));
    pk_bitset_clear(words, BITS, 63);
    CHECK(!pk_bitset_has(words, BITS, 63));
    CHECK(pk_bitset_has(words, BITS, 64));
    pk_bitset_clear(words, BITS, 63);
    CHECK_EQ_U64(pk_bitset_count(words, BITS), 5);
}

PK_TEST(bitset_next__nothing_left__is_the_size) {
    uint64_t words[PK_BITSET_WORDS(BITS)];
    pk_bitset_clear_all(words, BITS);
    CHECK_EQ_U64(pk_bitset_next_set(words, BITS, 0), BITS);
    CHECK_EQ_U64(pk_bitset_next_set(words, BITS, BITS), BITS);
    CHECK_EQ_U64(pk_bitset_next_set(words, BITS, 4000), BITS);
    for (uint32_t i = 0; i < BITS; i++) {
        pk_bitset_set(words, BITS, i);
    }
    CHECK_EQ_U64(pk_bitset_next_set(words, BITS, 129), 129);
}

PK_TEST(bitset_words__of_sizes__round_up) {
    CHECK_EQ_U64(PK_BITSET_WORDS(0), 0);
    CHECK_EQ_U64(PK_BITSET_WORDS(1), 1);
    CHECK_EQ_U64(PK_BITSET_WORDS(64), 1);
    CHECK_EQ_U64(PK_BITSET_WORDS(65), 2);
}

PK_TEST(bitset__random_operations__agree_with_an_array_of_bools) {
    uint64_t words[PK_BITSET_WORDS(BITS)];
    bool model[BITS] = {false};
    struct pk_rng r;
    pk_rng_seed(&r, 11);
    pk_bitset_clear_all(words, BITS);
    for (int step = 0; step < 2000; step++) {
        const uint32_t at = (uint32_t)pk_rng_below(&r, BITS);
        model[at] = pk_rng_below(&r, 2) == 0;
        if (model[at]) {
            pk_bitset_set(words, BITS, at);
        } else {
            pk_bitset_clear(words, BITS, at);
        }
        const uint32_t from = (uint32_t)pk_rng_below(&r, BITS);
        uint32_t next_set = from;
        uint32_t count = 0;
        while (next_set < BITS && !model[next_set]) {
            next_set++;
        }
        for (uint32_t i = 0; i < BITS; i++) {
            count += model[i] ? 1u : 0u;
        }
        REQUIRE(pk_bitset_next_set(words, BITS, from) == next_set);
        REQUIRE(pk_bitset_count(words, BITS) == count);
    }
}

PK_TEST(bitset_or__two_sets__is_their_union) {
    uint64_t a[PK_BITSET_WORDS(BITS)];
    uint64_t b[PK_BITSET_WORDS(BITS)];
    pk_bitset_clear_all(a, BITS);
    pk_bitset_clear_all(b, BITS);
    pk_bitset_set(a, BITS, 1);
    pk_bitset_set(b, BITS, 1);
    pk_bitset_set(b, BITS, 129);
    pk_bitset_or(a, b, BITS);
    CHECK_EQ_U64(pk_bitset_count(a, BITS), 2);
    CHECK(pk_bitset_has(a, BITS, 129));
    CHECK_EQ_U64(pk_bitset_count(b, BITS), 2);
}

PK_TEST(bitset__index_out_of_range__asserts) {
    static uint64_t words[PK_BITSET_WORDS(BITS)];
    CHECK_PANICS(pk_bitset_set(words, BITS, BITS));
    CHECK_PANICS(pk_bitset_clear(words, BITS, BITS));
    CHECK_PANICS((void)pk_bitset_has(words, BITS, UINT32_MAX));
    CHECK_EQ_U64(pk_bitset_count(words, BITS), 0);
}

PK_TEST_MAIN(bitset__index_out_of_range__asserts, bitset__first_and_last_bit_of_each_word__are_kept_apart,
             bitset_next__nothing_left__is_the_size, bitset_words__of_sizes__round_up,
             bitset__random_operations__agree_with_an_array_of_bools, bitset_or__two_sets__is_their_union)
