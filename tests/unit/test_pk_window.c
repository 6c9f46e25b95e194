#include "detect/pk_window.h"

#include "base/pk_rng.h"
#include "support/pk_test_panic.h"

static struct pk_windows w;

PK_TEST(make__find__free__by_rule_and_key) {
    pk_windows_init(&w);
    const uint32_t a = pk_windows_make(&w, 1, 77, 0, 4);
    const uint32_t b = pk_windows_make(&w, 2, 77, PK_WINDOW_NO_RING, 4);
    CHECK(a != PK_WINDOW_NONE && b != PK_WINDOW_NONE && a != b);
    CHECK_EQ_U64(pk_windows_find(&w, 1, 77), a);
    CHECK_EQ_U64(pk_windows_find(&w, 2, 77), b);
    CHECK_EQ_U64(pk_windows_find(&w, 3, 77), PK_WINDOW_NONE);
    CHECK_EQ_INT(w.slots[a].verdict, PK_STALE);
    CHECK_EQ_INT(w.slots[a].state, PK_WIN_IDLE);
    CHECK_EQ_U64(w.slots[b].ring, PK_WINDOW_NONE);
    pk_windows_free(&w, a);
    CHECK_EQ_U64(pk_windows_find(&w, 1, 77), PK_WINDOW_NONE);
    CHECK(!pk_windows_is_used(&w, a));
    CHECK_EQ_U64(w.times_used, 0);
    CHECK_EQ_U64(w.used, 1);
    CHECK_PANICS(pk_windows_free(&w, a));
}

PK_TEST(make__rule_has_all_it_may__is_refused_until_the_victim_went) {
    pk_windows_init(&w);
    const uint32_t a = pk_windows_make(&w, 0, 1, 0, 2);
    const uint32_t b = pk_windows_make(&w, 0, 2, 0, 2);
    pk_windows_touch(&w, b, 5000);
    pk_windows_touch(&w, a, 9000); /* later second: moves in front */
    CHECK_EQ_U64(pk_windows_make(&w, 0, 3, 0, 2), PK_WINDOW_NONE);
    CHECK_EQ_U64(w.refused_count, 1);
    CHECK_EQ_U64(pk_windows_victim(&w, 0, 2), b);
    CHECK_EQ_U64(pk_windows_victim(&w, 0, 3), PK_WINDOW_NONE);
    pk_windows_pin(&w, b, 0);
    CHECK_EQ_U64(pk_windows_victim(&w, 0, 2), a);
    pk_windows_pin(&w, a, 1);
    CHECK_EQ_U64(pk_windows_victim(&w, 0, 2), PK_WINDOW_NONE);
    pk_windows_unpin(&w, a);
    pk_windows_evict(&w, a);
    CHECK_EQ_U64(w.rows.evicted[0], 1);
    CHECK(pk_windows_make(&w, 0, 3, 0, 2) != PK_WINDOW_NONE);
}

PK_TEST(rings__of_all_classes__never_overlap_and_all_come_back) {
    static uint32_t slots[PK_LIMIT_KEYS];
    static uint8_t used[PK_WINDOW_PAGES * PK_WINDOW_PAGE_TIMES];
    struct pk_rng r;
    uint32_t count = 0;
    pk_windows_init(&w);
    pk_rng_seed(&r, 3);
    for (uint32_t round = 0; round < 20u * PK_LIMIT_KEYS; round++) {
        if (count > 0 && (count == PK_LIMIT_KEYS || pk_rng_below(&r, 5) < 2)) {
            const uint32_t i = (uint32_t)pk_rng_below(&r, count);
            const struct pk_window *s = &w.slots[slots[i]];
            for (uint32_t t = 0; t < PK_WINDOW_CLASS_TIMES[s->ring_class]; t++) {
                used[s->ring + t] = 0;
            }
            pk_windows_free(&w, slots[i]);
            slots[i] = slots[--count];
            continue;
        }
        const uint8_t c = (uint8_t)pk_rng_below(&r, PK_WINDOW_CLASSES);
        const uint32_t slot = pk_windows_make(&w, 1, round, c, UINT16_MAX);
        if (slot == PK_WINDOW_NONE) {
            continue;
        }
        bool is_free = true;
        for (uint32_t t = 0; t < PK_WINDOW_CLASS_TIMES[c]; t++) {
            is_free = is_free && used[w.slots[slot].ring + t] == 0;
            used[w.slots[slot].ring + t] = 1;
        }
        CHECK(is_free && w.slots[slot].ring % PK_WINDOW_CLASS_TIMES[c] == 0);
        slots[count++] = slot;
    }
    CHECK(w.refused_count > 0); /* it was full at times */
    while (count > 0) {
        pk_windows_free(&w, slots[--count]);
    }
    CHECK_EQ_U64(w.times_used, 0);
    uint32_t big = 0;
    while (big < PK_WINDOW_PAGES &&
           pk_windows_make(&w, 1, big, PK_WINDOW_CLASSES - 1, UINT16_MAX) != PK_WINDOW_NONE) {
        big++;
    }
    CHECK_EQ_U64(big, PK_WINDOW_PAGES); /* nothing stayed cut up */
}

PK_TEST(push__late_and_equal_times__kept_in_order) {
    static const uint32_t IN[] = {100, 300, 200, 300, 50, 400};
    uint32_t t = 0;
    pk_windows_init(&w);
    const uint32_t s = pk_windows_make(&w, 0, 1, 0, 1);
    CHECK(!pk_windows_nth(&w, s, 4, 1, &t));
    for (size_t i = 0; i < 6; i++) {
        pk_windows_push(&w, s, 4, IN[i]);
    }
    static const uint32_t WANT[] = {400, 300, 300, 200};
    for (uint32_t n = 1; n <= 4; n++) {
        CHECK(pk_windows_nth(&w, s, 4, n, &t));
        CHECK_EQ_U64(t, WANT[n - 1]);
    }
    CHECK(!pk_windows_nth(&w, s, 4, 5, &t));
    CHECK_EQ_U64(pk_windows_count_within(&w, s, 4, 400, 100), 1); /* exactly as old as the window is out */
    CHECK_EQ_U64(pk_windows_count_within(&w, s, 4, 400, 101), 3);
    pk_windows_clear_times(&w, s);
    CHECK_EQ_U64(pk_windows_count_within(&w, s, 4, 400, 1000), 0);
    CHECK_PANICS(pk_windows_push(&w, s, 9, 1));
}

PK_TEST(push__across_the_end_of_32_bits__goes_on) {
    uint32_t t = 0;
    pk_windows_init(&w);
    const uint32_t s = pk_windows_make(&w, 0, 1, 0, 1);
    pk_windows_push(&w, s, 3, 0xFFFFFFF0u);
    pk_windows_push(&w, s, 3, 5);
    pk_windows_push(&w, s, 3, 0xFFFFFFFFu);
    CHECK(pk_windows_nth(&w, s, 3, 1, &t) && t == 5);
    CHECK(pk_windows_nth(&w, s, 3, 2, &t) && t == 0xFFFFFFFFu);
    CHECK_EQ_U64(pk_windows_count_within(&w, s, 3, 5, 16), 2);
    CHECK_EQ_U64(pk_windows_count_within(&w, s, 3, 5, 22), 3);
}

PK_TEST(renumber__rules_get_other_indices__windows_are_found_there) {
    static uint16_t map[PK_LIMIT_RULES];
    pk_windows_init(&w);
    const uint32_t a = pk_windows_make(&w, 0, 1, 0, 8);
    const uint32_t b = pk_windows_make(&w, 0, 2, 0, 8);
    const uint32_t c = pk_windows_make(&w, 3, 1, 0, 8);
    for (uint32_t i = 0; i < PK_LIMIT_RULES; i++) {
        map[i] = 0xFFFF;
    }
    map[0] = 5;
    map[3] = 0;
    pk_windows_renumber(&w, map);
    CHECK_EQ_U64(pk_windows_find(&w, 5, 1), a);
    CHECK_EQ_U64(pk_windows_find(&w, 5, 2), b);
    CHECK_EQ_U64(pk_windows_find(&w, 0, 1), c);
    CHECK_EQ_U64(w.rows.keys[5], 2);
    CHECK_EQ_U64(pk_windows_victim(&w, 5, 2), a);
    pk_windows_free(&w, b);
    pk_windows_free(&w, a);
    CHECK_EQ_U64(w.rows.keys[5], 0);
    map[0] = 0xFFFF;
    CHECK_PANICS(pk_windows_renumber(&w, map)); /* a rule that has windows must go somewhere */
}

PK_TEST_MAIN(make__find__free__by_rule_and_key, make__rule_has_all_it_may__is_refused_until_the_victim_went,
             rings__of_all_classes__never_overlap_and_all_come_back,
             push__late_and_equal_times__kept_in_order, push__across_the_end_of_32_bits__goes_on,
             renumber__rules_get_other_indices__windows_are_found_there)
