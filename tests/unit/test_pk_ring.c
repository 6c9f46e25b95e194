#include "base/pk_ring.h"

#include <string.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

PK_TEST(ring_push__records__come_out_in_order) {
    uint8_t bytes[64];
    char out[16];
    struct pk_ring r;
    pk_ring_init(&r, bytes, sizeof bytes);
    CHECK_EQ_INT(pk_ring_peek_len(&r), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_ring_push(&r, "one", 3), PK_OK);
    CHECK_EQ_INT(pk_ring_push2(&r, "tw", 2, "o!", 2), PK_OK);
    CHECK_EQ_INT(pk_ring_push(&r, NULL, 0), PK_OK);
    CHECK_EQ_U64(r.count, 3);
    CHECK_EQ_U64(r.used_bytes, 3 + 4 + 0 + 3 * 4);
    CHECK_EQ_INT(pk_ring_peek_len(&r), 3);
    CHECK_EQ_INT(pk_ring_pop(&r, out, sizeof out), 3);
    CHECK_MEM(out, "one", 3);
    CHECK_EQ_INT(pk_ring_pop(&r, out, sizeof out), 4);
    CHECK_MEM(out, "two!", 4);
    CHECK_EQ_INT(pk_ring_pop(&r, out, sizeof out), 0);
    CHECK_EQ_INT(pk_ring_pop(&r, out, sizeof out), PK_E_NOT_FOUND);
    CHECK_EQ_U64(r.count, 0);
    CHECK_EQ_U64(r.used_bytes, 0);
    CHECK_EQ_U64(r.high_bytes, 19);
}

PK_TEST(ring_push__full_ring__refuses_whole_records_and_counts) {
    uint8_t bytes[16];
    char out[16];
    struct pk_ring r;
    pk_ring_init(&r, bytes, sizeof bytes);
    CHECK_EQ_INT(pk_ring_push(&r, "1234567", 7), PK_OK);
    CHECK_EQ_INT(pk_ring_push(&r, "ab", 2), PK_E_FULL);
    CHECK_EQ_INT(pk_ring_push(&r, "a", 1), PK_OK);
    CHECK_EQ_INT(pk_ring_push(&r, "", 0), PK_E_FULL);
    CHECK_EQ_U64(r.dropped_count, 2);
    CHECK_EQ_U64(r.used_bytes, 16);
    CHECK_EQ_INT(pk_ring_pop(&r, out, sizeof out), 7);
    CHECK_EQ_INT(pk_ring_pop(&r, out, sizeof out), 1);
    CHECK_EQ_INT(out[0], 'a');
}

PK_TEST(ring_push__larger_than_the_ring__is_too_big_and_not_counted_as_a_drop) {
    uint8_t bytes[16];
    uint8_t big[32] = {0};
    struct pk_ring r;
    pk_ring_init(&r, bytes, sizeof bytes);
    CHECK_EQ_INT(pk_ring_push(&r, big, 13), PK_E_TOO_BIG);
    CHECK_EQ_INT(pk_ring_push2(&r, big, 6, big, 7), PK_E_TOO_BIG);
    /* The sum of the parts does not fit 32 bits. */
    CHECK_EQ_INT(pk_ring_push2(&r, big, UINT32_MAX, big, 8), PK_E_TOO_BIG);
    CHECK_EQ_U64(r.dropped_count, 0);
    CHECK_EQ_U64(r.count, 0);
    CHECK_EQ_INT(pk_ring_push(&r, big, 12), PK_OK);
}

PK_TEST(ring_pop__into_too_small_a_buffer__keeps_the_record) {
    uint8_t bytes[32];
    char out[8];
    struct pk_ring r;
    pk_ring_init(&r, bytes, sizeof bytes);
    CHECK_EQ_INT(pk_ring_push(&r, "abcdef", 6), PK_OK);
    CHECK_EQ_INT(pk_ring_pop(&r, out, 5), PK_E_TOO_BIG);
    CHECK_EQ_U64(r.count, 1);
    CHECK_EQ_INT(pk_ring_pop(&r, out, 6), 6);
    CHECK_MEM(out, "abcdef", 6);
}

PK_TEST(ring_drop_oldest__empty_and_not__removes_at_most_one) {
    uint8_t bytes[32];
    char out[8];
    struct pk_ring r;
    pk_ring_init(&r, bytes, sizeof bytes);
    pk_ring_drop_oldest(&r);
    CHECK_EQ_U64(r.count, 0);
    CHECK_EQ_INT(pk_ring_push(&r, "a", 1), PK_OK);
    CHECK_EQ_INT(pk_ring_push(&r, "b", 1), PK_OK);
    pk_ring_drop_oldest(&r);
    CHECK_EQ_INT(pk_ring_pop(&r, out, sizeof out), 1);
    CHECK_EQ_INT(out[0], 'b');
}

PK_TEST(ring__without_room__refuses_everything) {
    struct pk_ring r;
    pk_ring_init(&r, NULL, 0);
    CHECK_EQ_INT(pk_ring_push(&r, "", 0), PK_E_TOO_BIG);
    CHECK_EQ_INT(pk_ring_peek_len(&r), PK_E_NOT_FOUND);
}

/* Lengths and contents follow from a record's number, so the oracle is two counters. */
static uint32_t model_record(uint32_t number, uint8_t out[40]) {
    const uint32_t n = number * 7u % 40u;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(number + i);
    }
    return n;
}

PK_TEST(ring__random_use_with_all_wrap_positions__loses_and_changes_nothing) {
    struct pk_rng random;
    pk_rng_seed(&random, 8);
    for (uint32_t cap_bytes = 44; cap_bytes < 140; cap_bytes += 5) {
        uint8_t bytes[140];
        uint32_t pushed = 0;
        uint32_t popped = 0;
        uint64_t dropped = 0;
        struct pk_ring r;
        pk_ring_init(&r, bytes, cap_bytes);
        for (int step = 0; step < 3000; step++) {
            uint8_t want[40];
            uint8_t got[40];
            if (pk_rng_below(&random, 2) == 0) {
                const uint32_t n = model_record(pushed, want);
                const uint32_t cut = (uint32_t)pk_rng_below(&random, n + 1u);
                const bool has_room = r.used_bytes + n + 4u <= cap_bytes;
                REQUIRE(pk_ring_push2(&r, want, cut, want + cut, n - cut) == (has_room ? PK_OK : PK_E_FULL));
                pushed += has_room ? 1u : 0u;
                dropped += has_room ? 0u : 1u;
            } else if (pushed != popped) {
                const uint32_t n = model_record(popped++, want);
                REQUIRE(pk_ring_pop(&r, got, sizeof got) == (int)n);
                REQUIRE(memcmp(got, want, n) == 0);
            }
            REQUIRE(r.count == pushed - popped);
            REQUIRE(r.dropped_count == dropped);
            REQUIRE(r.high_bytes >= r.used_bytes && r.high_bytes <= cap_bytes);
        }
    }
}

PK_TEST_MAIN(ring_push__records__come_out_in_order, ring_push__full_ring__refuses_whole_records_and_counts,
             ring_push__larger_than_the_ring__is_too_big_and_not_counted_as_a_drop,
             ring_pop__into_too_small_a_buffer__keeps_the_record,
             ring_drop_oldest__empty_and_not__removes_at_most_one, ring__without_room__refuses_everything,
             ring__random_use_with_all_wrap_positions__loses_and_changes_nothing)
