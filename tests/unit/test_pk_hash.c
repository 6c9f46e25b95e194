#include "base/pk_hash.h"

#include <string.h>

#include "support/pk_test.h"

/* The definition: bit by bit division by the reflected polynomial. */
static uint32_t crc32c_by_bits(const uint8_t *p, size_t n) {
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1u) != 0 ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
        }
    }
    return ~crc;
}

PK_TEST(crc32c__published_vectors__match) {
    uint8_t bytes[32];
    CHECK_EQ_U64(pk_crc32c(0, "123456789", 9), 0xE3069283u);
    /* RFC 3720, B.4 */
    memset(bytes, 0, sizeof bytes);
    CHECK_EQ_U64(pk_crc32c(0, bytes, 32), 0x8A9136AAu);
    memset(bytes, 0xFF, sizeof bytes);
    CHECK_EQ_U64(pk_crc32c(0, bytes, 32), 0x62A8AB43u);
    for (unsigned i = 0; i < 32u; i++) {
        bytes[i] = (uint8_t)i;
    }
    CHECK_EQ_U64(pk_crc32c(0, bytes, 32), 0x46DD794Eu);
    CHECK_EQ_U64(pk_crc32c(0, "", 0), 0);
}

PK_TEST(crc32c__every_single_byte__equals_the_bitwise_definition) {
    for (unsigned i = 0; i < 256u; i++) {
        const uint8_t byte = (uint8_t)i;
        CHECK_EQ_U64(pk_crc32c(0, &byte, 1), crc32c_by_bits(&byte, 1));
    }
}

PK_TEST(crc32c__chained_calls__equal_one_call) {
    const char text[] = "a record that is written in parts";
    const size_t n = sizeof text - 1u;
    const uint32_t whole = pk_crc32c(0, text, n);
    CHECK_EQ_U64(whole, crc32c_by_bits((const uint8_t *)text, n));
    for (size_t cut = 0; cut <= n; cut++) {
        CHECK_EQ_U64(pk_crc32c(pk_crc32c(0, text, cut), text + cut, n - cut), whole);
    }
}

PK_TEST(hash64__fixed_inputs__give_the_same_value_on_every_machine) {
    /* The unmixed FNV-1a values are from the published test suite of the algorithm. */
    CHECK_EQ_U64(pk_hash64("", 0), pk_hash64_scramble(0xCBF29CE484222325u));
    CHECK_EQ_U64(pk_hash64("a", 1), pk_hash64_scramble(0xAF63DC4C8601EC8Cu));
    CHECK_EQ_U64(pk_hash64("foobar", 6), pk_hash64_scramble(0x85944171F73967E8u));
}

PK_TEST(hash64__low_bits__spread_similar_names) {
    unsigned counts[64] = {0};
    char name[] = "sensor_000";
    for (int i = 0; i < 1000; i++) {
        name[7] = (char)('0' + i / 100);
        name[8] = (char)('0' + i / 10 % 10);
        name[9] = (char)('0' + i % 10);
        counts[pk_hash64(name, 10) % 64u]++;
    }
    for (int i = 0; i < 64; i++) { /* 15.6 on average */
        CHECK(counts[i] >= 4 && counts[i] <= 36);
    }
}

PK_TEST(hash64_scramble__one_input_bit__changes_about_half_of_the_output) {
    for (unsigned bit = 0; bit < 64u; bit++) {
        const uint64_t v = 0x0123456789ABCDEFu;
        const uint64_t changed = pk_hash64_scramble(v) ^ pk_hash64_scramble(v ^ (uint64_t)1 << bit);
        const int count = __builtin_popcountll(changed);
        CHECK(count >= 14 && count <= 50);
    }
}

PK_TEST(hash64_mix__order_and_both_parts__matter) {
    CHECK(pk_hash64_mix(1, 2) != pk_hash64_mix(2, 1));
    CHECK(pk_hash64_mix(1, 2) != pk_hash64_mix(1, 3));
    CHECK(pk_hash64_mix(0, 0) != 0);
    CHECK_EQ_U64(pk_hash64_mix(7, 9), pk_hash64_mix(7, 9));
}

PK_TEST_MAIN(crc32c__published_vectors__match, crc32c__every_single_byte__equals_the_bitwise_definition,
             crc32c__chained_calls__equal_one_call,
             hash64__fixed_inputs__give_the_same_value_on_every_machine,
             hash64__low_bits__spread_similar_names,
             hash64_scramble__one_input_bit__changes_about_half_of_the_output,
             hash64_mix__order_and_both_parts__matter)
