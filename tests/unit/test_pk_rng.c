#include "base/pk_rng.h"

#include "support/pk_test.h"

PK_TEST(rng_u64__seed_1234567__gives_the_published_splitmix64_sequence) {
    static const uint64_t EXPECTED[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                        4593380528125082431u, 16408922859458223821u};
    struct pk_rng r;
    pk_rng_seed(&r, 1234567);
    for (size_t i = 0; i < sizeof EXPECTED / sizeof EXPECTED[0]; i++) {
        CHECK_EQ_U64(pk_rng_u64(&r), EXPECTED[i]);
    }
}

PK_TEST(rng__same_seed__same_sequence) {
    struct pk_rng a;
    struct pk_rng b;
    pk_rng_seed(&a, 99);
    pk_rng_seed(&b, 99);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ_U64(pk_rng_below(&a, 1000), pk_rng_below(&b, 1000));
    }
}

PK_TEST(rng_below__bounds_0_1_and_max__stay_inside) {
    struct pk_rng r;
    pk_rng_seed(&r, 5);
    CHECK_EQ_U64(pk_rng_below(&r, 0), 0);
    CHECK_EQ_U64(pk_rng_below(&r, 1), 0);
    CHECK(pk_rng_below(&r, UINT64_MAX) < UINT64_MAX);
    /* Nearly half of all draws are refused for this bound; the result must still be inside. */
    for (int i = 0; i < 1000; i++) {
        CHECK(pk_rng_below(&r, ((uint64_t)1 << 63) + 1u) <= (uint64_t)1 << 63);
    }
}

PK_TEST(rng_below__ten_buckets__are_filled_evenly) {
    unsigned counts[10] = {0};
    struct pk_rng r;
    pk_rng_seed(&r, 2026);
    for (int i = 0; i < 100000; i++) {
        counts[pk_rng_below(&r, 10)]++;
    }
    for (int i = 0; i < 10; i++) { /* 10,000 each, standard deviation 95 */
        CHECK(counts[i] > 9500 && counts[i] < 10500);
    }
}

PK_TEST_MAIN(rng_u64__seed_1234567__gives_the_published_splitmix64_sequence, rng__same_seed__same_sequence,
             rng_below__bounds_0_1_and_max__stay_inside, rng_below__ten_buckets__are_filled_evenly)
