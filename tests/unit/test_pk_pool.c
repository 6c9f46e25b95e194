#include "base/pk_pool.h"

#include "base/pk_rng.h"
#include "support/pk_test.h"
#include "support/pk_test_panic.h"

enum { COUNT = 5 };

PK_TEST(pool_take__until_empty__gives_each_index_once_and_counts_refusals) {
    uint32_t next[COUNT];
    struct pk_pool p;
    pk_pool_init(&p, next, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        CHECK(!pk_pool_is_taken(&p, i));
        CHECK_EQ_U64(pk_pool_take(&p), i);
        CHECK(pk_pool_is_taken(&p, i));
        CHECK_EQ_U64(p.used, i + 1u);
    }
    CHECK_EQ_U64(pk_pool_take(&p), PK_POOL_NONE);
    CHECK_EQ_U64(pk_pool_take(&p), PK_POOL_NONE);
    CHECK_EQ_U64(p.failed_count, 2);
    CHECK_EQ_U64(p.high, COUNT);
}

PK_TEST(pool_give__a_slot__is_the_next_taken_and_high_stays) {
    uint32_t next[COUNT];
    struct pk_pool p;
    pk_pool_init(&p, next, COUNT);
    CHECK_EQ_U64(pk_pool_take(&p), 0);
    CHECK_EQ_U64(pk_pool_take(&p), 1);
    CHECK_EQ_U64(pk_pool_take(&p), 2);
    pk_pool_give(&p, 1);
    CHECK(!pk_pool_is_taken(&p, 1));
    CHECK_EQ_U64(p.used, 2);
    CHECK_EQ_U64(p.high, 3);
    CHECK_EQ_U64(pk_pool_take(&p), 1);
    CHECK_EQ_U64(p.high, 3);
}

PK_TEST(pool__without_slots__refuses) {
    uint32_t next[1];
    struct pk_pool p;
    pk_pool_init(&p, next, 0);
    CHECK_EQ_U64(pk_pool_take(&p), PK_POOL_NONE);
    CHECK_EQ_U64(p.failed_count, 1);
}

PK_TEST(pool__random_take_and_give__never_hands_out_a_taken_slot) {
    enum { SLOTS = 64 };
    uint32_t next[SLOTS];
    bool taken[SLOTS] = {false};
    uint32_t used = 0;
    struct pk_pool p;
    struct pk_rng r;
    pk_rng_seed(&r, 3);
    pk_pool_init(&p, next, SLOTS);
    for (int step = 0; step < 20000; step++) {
        const uint32_t at = (uint32_t)pk_rng_below(&r, SLOTS);
        if (taken[at]) {
            pk_pool_give(&p, at);
            taken[at] = false;
            used--;
        } else {
            const uint32_t got = pk_pool_take(&p);
            REQUIRE(got < SLOTS);
            REQUIRE(!taken[got]);
            taken[got] = true;
            used++;
        }
        REQUIRE(p.used == used);
        REQUIRE(pk_pool_is_taken(&p, at) == taken[at]);
    }
}

PK_TEST(pool_give__twice_or_out_of_range__asserts) {
    static uint32_t next[COUNT];
    static struct pk_pool p; /* static: kept over the jump */
    pk_pool_init(&p, next, COUNT);
    CHECK_EQ_U64(pk_pool_take(&p), 0);
    pk_pool_give(&p, 0);
    CHECK_PANICS(pk_pool_give(&p, 0));
    CHECK_PANICS(pk_pool_give(&p, COUNT));
    CHECK_PANICS(pk_pool_give(&p, PK_POOL_NONE));
    CHECK_EQ_U64(p.used, 0);
}

PK_TEST_MAIN(pool_give__twice_or_out_of_range__asserts,
             pool_take__until_empty__gives_each_index_once_and_counts_refusals,
             pool_give__a_slot__is_the_next_taken_and_high_stays, pool__without_slots__refuses,
             pool__random_take_and_give__never_hands_out_a_taken_slot)
