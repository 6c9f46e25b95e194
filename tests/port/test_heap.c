/* ctest: lane=quick timeout=60 */
#include "port/pk_heap.h"

#include <string.h>

#include "base/pk_rng.h"
#include "support/pk_test_panic.h"

enum { BUFFER_BYTES = 64 * 1024, SLOTS = 120 };
static _Alignas(PK_HEAP_ALIGN_BYTES) uint8_t buffer[BUFFER_BYTES];
static struct pk_heap h;

static void start(void) {
    memset(buffer, 0xEE, sizeof buffer);
    pk_heap_init(&h, buffer, sizeof buffer);
}

PK_TEST(heap__alloc_and_free__all_comes_back) {
    start();
    uint8_t *a = pk_heap_alloc(&h, 100);
    uint8_t *b = pk_heap_alloc(&h, 0);
    uint8_t *c = pk_heap_alloc(&h, 5000);
    REQUIRE(a != NULL && b != NULL && c != NULL);
    CHECK(a != b && b != c);
    CHECK_EQ_U64((uintptr_t)a % 16, 0);
    CHECK_EQ_U64((uintptr_t)c % 16, 0);
    CHECK(pk_heap_usable_bytes(&h, a) >= 100 && pk_heap_usable_bytes(&h, a) < 120);
    memset(a, 1, 100);
    memset(c, 2, 5000);
    CHECK(pk_heap_is_sound(&h));
    pk_heap_free(&h, b);
    pk_heap_free(&h, a);
    pk_heap_free(&h, c);
    pk_heap_free(&h, NULL);
    CHECK_EQ_U64(h.status.used_bytes, 0);
    CHECK(h.status.high_bytes >= 5100);
    CHECK(pk_heap_is_sound(&h));
    /* Joined again: nearly everything in one piece. */
    CHECK(pk_heap_alloc(&h, BUFFER_BYTES - 64) != NULL);
}

PK_TEST(heap__no_room__is_null_counted_and_harmless) {
    start();
    CHECK(pk_heap_alloc(&h, BUFFER_BYTES) == NULL);
    CHECK(pk_heap_alloc(&h, SIZE_MAX) == NULL);
    CHECK(pk_heap_alloc(&h, SIZE_MAX - 7) == NULL);
    CHECK(pk_heap_alloc_aligned(&h, 4096, SIZE_MAX - 4096) == NULL);
    CHECK_EQ_U64(h.status.failed_count, 4);
    uint32_t blocks = 0;
    while (pk_heap_alloc(&h, 1000) != NULL) {
        blocks++;
    }
    CHECK_EQ_U64(blocks, (BUFFER_BYTES - 16) / 1008);
    CHECK(pk_heap_is_sound(&h));
}

PK_TEST(heap__realloc__keeps_bytes_grows_in_place_and_fails_softly) {
    start();
    uint8_t *a = pk_heap_alloc(&h, 64);
    REQUIRE(a != NULL);
    for (uint32_t i = 0; i < 64; i++) {
        a[i] = (uint8_t)i;
    }
    uint8_t *grown = pk_heap_realloc(&h, a, 2000); /* what follows is free */
    CHECK(grown == a);
    uint8_t *wall = pk_heap_alloc(&h, 16);
    REQUIRE(wall != NULL);
    uint8_t *moved = pk_heap_realloc(&h, grown, 9000);
    REQUIRE(moved != NULL && moved != grown);
    for (uint32_t i = 0; i < 64; i++) {
        CHECK_EQ_INT(moved[i], i);
    }
    CHECK(pk_heap_realloc(&h, moved, BUFFER_BYTES) == NULL);
    CHECK(pk_heap_realloc(&h, moved, SIZE_MAX) == NULL);
    CHECK_EQ_INT(moved[63], 63);
    uint8_t *small = pk_heap_realloc(&h, moved, 10);
    CHECK(small == moved);
    CHECK(pk_heap_realloc(&h, NULL, 10) != NULL);
    CHECK(pk_heap_is_sound(&h));
}

PK_TEST(heap__aligned__every_power_of_two) {
    start();
    for (size_t align = 1; align <= 8192; align *= 2) {
        uint8_t *a = pk_heap_alloc_aligned(&h, align, 50);
        uint8_t *b = pk_heap_alloc_aligned(&h, align, 50);
        REQUIRE(a != NULL && b != NULL);
        CHECK_EQ_U64((uintptr_t)a % align, 0);
        CHECK_EQ_U64((uintptr_t)b % align, 0);
        memset(a, 1, 50);
        memset(b, 2, 50);
        CHECK(pk_heap_is_sound(&h));
        pk_heap_free(&h, a);
        pk_heap_free(&h, b);
        CHECK_EQ_U64(h.status.used_bytes, 0);
    }
    CHECK(h.status.high_bytes < 10000); /* what is cut off is not counted as used */
}

static uint8_t *pointers[SLOTS];
static size_t sizes[SLOTS];
static uint8_t marks[SLOTS];

static bool holds_mark(uint32_t i) {
    for (size_t k = 0; k < sizes[i]; k++) {
        if (pointers[i][k] != marks[i]) {
            return false;
        }
    }
    return true;
}

PK_TEST(heap__random_use__never_mixes_blocks) {
    start();
    struct pk_rng rng;
    pk_rng_seed(&rng, 3);
    memset(pointers, 0, sizeof pointers);
    uint32_t wrong = 0;
    for (uint32_t step = 0; step < 60000; step++) {
        const uint32_t i = (uint32_t)pk_rng_below(&rng, SLOTS);
        const size_t n = (size_t)pk_rng_below(&rng, pk_rng_below(&rng, 4) == 0 ? 5000 : 120);
        if (pointers[i] != NULL) {
            wrong += holds_mark(i) ? 0u : 1u;
        }
        if (pointers[i] != NULL && pk_rng_below(&rng, 2) == 0) {
            pk_heap_free(&h, pointers[i]);
            pointers[i] = NULL;
            continue;
        }
        const size_t align = (size_t)1 << pk_rng_below(&rng, 11);
        uint8_t *p = pointers[i] != NULL          ? pk_heap_realloc(&h, pointers[i], n)
                     : pk_rng_below(&rng, 4) != 0 ? pk_heap_alloc(&h, n)
                                                  : pk_heap_alloc_aligned(&h, align, n);
        if (p != NULL) {
            pointers[i] = p;
            sizes[i] = n;
            marks[i] = (uint8_t)step;
            memset(p, marks[i], n);
        }
        if (step % 100 == 0) {
            wrong += pk_heap_is_sound(&h) ? 0u : 1u;
        }
    }
    CHECK_EQ_U64(wrong, 0);
    for (uint32_t i = 0; i < SLOTS; i++) {
        pk_heap_free(&h, pointers[i]);
    }
    CHECK_EQ_U64(h.status.used_bytes, 0);
    CHECK(pk_heap_is_sound(&h));
}

/* LMDB's use: pages of 4 KB and a bit, hoarded, and lists that grow; 64 pages must fit what limits promise.
 */
PK_TEST(heap__pages_of_a_transaction__fit_the_arena_formula) {
    static _Alignas(PK_HEAP_ALIGN_BYTES) uint8_t arena[61440u + 4200u * 64u + 65536u];
    pk_heap_init(&h, arena, sizeof arena);
    REQUIRE(pk_heap_alloc(&h, 61440) != NULL);
    for (uint32_t i = 0; i < 64; i++) {
        CHECK(pk_heap_alloc(&h, 4096 + 8) != NULL);
        CHECK(pk_heap_alloc(&h, 60) != NULL);
    }
}

static void *twice;
PK_TEST(heap__misuse__ends_the_process) {
    start();
    twice = pk_heap_alloc(&h, 100);
    (void)pk_heap_alloc(&h, 100);
    pk_heap_free(&h, twice);
    CHECK_PANICS(pk_heap_free(&h, twice));
    CHECK_PANICS(pk_heap_free(&h, buffer + 24)); /* inside a block */
    CHECK_PANICS(pk_heap_free(&h, &h));
    start();
    twice = pk_heap_alloc(&h, 100);
    (void)pk_heap_alloc(&h, 100);
    memset(twice, 0, 120); /* over its end, into the next head */
    CHECK_PANICS(pk_heap_free(&h, twice));
}

PK_TEST_MAIN(heap__alloc_and_free__all_comes_back, heap__no_room__is_null_counted_and_harmless,
             heap__realloc__keeps_bytes_grows_in_place_and_fails_softly, heap__aligned__every_power_of_two,
             heap__random_use__never_mixes_blocks, heap__pages_of_a_transaction__fit_the_arena_formula,
             heap__misuse__ends_the_process)
