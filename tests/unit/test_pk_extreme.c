#include "detect/pk_extreme.h"

#include <math.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

enum { NUMBERS = 400, WITHIN_MS = 10000 };

struct sample {
    uint32_t at_ms;
    double v;
};
static struct sample samples[NUMBERS];

/* All numbers of the window, looked at one by one. */
static bool oracle_top(uint32_t n, bool is_rise, uint32_t within_ms, uint32_t now_ms, double *out) {
    bool is_found = false;
    for (uint32_t i = 0; i < n; i++) {
        const double v = samples[i].v;
        if (now_ms - samples[i].at_ms < within_ms && (!is_found || (is_rise ? v < *out : v > *out))) {
            *out = v;
            is_found = true;
        }
    }
    return is_found;
}

static double oracle_newest(uint32_t n) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++) {
        best = (int32_t)(samples[i].at_ms - samples[best].at_ms) >= 0 ? i : best;
    }
    return samples[best].v;
}

static bool oracle_holds(uint32_t n, bool is_rise, uint32_t now_ms, double amount, bool is_percent) {
    double top = 0;
    if (!oracle_top(n, is_rise, WITHIN_MS, now_ms, &top)) {
        return false;
    }
    const double away = is_rise ? oracle_newest(n) - top : top - oracle_newest(n);
    return is_percent ? top != 0 && away >= fabs(top) * amount / 100.0 : away >= amount;
}

/* Values wander, so that there are stairs; with late numbers and pauses. */
static void random_sample(struct pk_rng *r, uint32_t n, uint32_t *now_ms, bool is_steady, bool is_rise) {
    *now_ms += pk_rng_below(r, 40) == 0 ? (uint32_t)pk_rng_below(r, 2 * WITHIN_MS)
                                        : (uint32_t)pk_rng_below(r, is_steady ? 60 : 2000);
    const uint32_t late_ms = pk_rng_below(r, 10) == 0 ? (uint32_t)pk_rng_below(r, WITHIN_MS) : 0;
    const double step = (double)pk_rng_below(r, 9) - (is_steady ? 0.0 : 4.0);
    const double before = n > 0 ? samples[n - 1u].v : 0;
    samples[n] = (struct sample){*now_ms - late_ms, is_steady == is_rise ? before + step : before - step};
}

PK_TEST(extreme__few_steps__agrees_with_looking_at_all) {
    uint32_t held = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct pk_rng r;
        struct pk_extreme x = {0};
        pk_rng_seed(&r, seed);
        const bool is_rise = pk_rng_below(&r, 2) == 0;
        const bool is_percent = pk_rng_below(&r, 3) == 0;
        const double amount = (double)(1 + pk_rng_below(&r, 12));
        uint32_t now_ms = (uint32_t)pk_rng_u64(&r); /* times wrap */
        uint32_t wrong = 0;
        for (uint32_t n = 0; n < NUMBERS; n++) {
            random_sample(&r, n, &now_ms, false, is_rise);
            CHECK_EQ_INT(pk_extreme_add(&x, is_rise, WITHIN_MS, samples[n].at_ms, samples[n].v), PK_OK);
            const uint32_t ask_ms = now_ms + (uint32_t)pk_rng_below(&r, 3000);
            double want = 0;
            double got = 0;
            uint32_t at_ms = 0;
            const bool is_there = oracle_top(n + 1u, is_rise, WITHIN_MS, ask_ms, &want);
            wrong += pk_extreme_top(&x, WITHIN_MS, ask_ms, &got, &at_ms) != is_there;
            wrong += is_there && (got < want || got > want || ask_ms - at_ms >= WITHIN_MS);
            const bool holds = oracle_holds(n + 1u, is_rise, ask_ms, amount, is_percent);
            wrong += pk_extreme_holds(&x, is_rise, WITHIN_MS, ask_ms, amount, is_percent) != holds;
            held += holds ? 1u : 0u;
        }
        if (!pk_test_eq_u64(wrong == 0 ? 0 : seed, 0, "case that is wrong", __FILE__, __LINE__)) {
            return;
        }
    }
    CHECK(held > 1000);
}

/* The value falls (or rises) without end: the longest stair there can be. */
PK_TEST(extreme__long_stair__invents_nothing_and_misses_only_the_oldest_eighth) {
    uint32_t inexact = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct pk_rng r;
        struct pk_extreme x = {0};
        pk_rng_seed(&r, seed);
        const bool is_rise = pk_rng_below(&r, 2) == 0;
        uint32_t now_ms = (uint32_t)pk_rng_u64(&r);
        uint32_t wrong = 0;
        for (uint32_t n = 0; n < NUMBERS; n++) {
            random_sample(&r, n, &now_ms, true, is_rise);
            CHECK_EQ_INT(pk_extreme_add(&x, is_rise, WITHIN_MS, samples[n].at_ms, samples[n].v), PK_OK);
            double most = 0;
            double least = 0;
            double got = 0;
            const bool has_most = oracle_top(n + 1u, is_rise, WITHIN_MS, now_ms, &most);
            const bool has_least = oracle_top(n + 1u, is_rise, WITHIN_MS * 7 / 8, now_ms, &least);
            const bool has = pk_extreme_top(&x, WITHIN_MS, now_ms, &got, NULL);
            wrong += has && !has_most;
            wrong += !has && has_least;
            wrong += has && (is_rise ? got < most || (has_least && got > least)
                                     : got > most || (has_least && got < least));
            inexact += has && (got < most || got > most);
            wrong += x.count > PK_EXTREME_STEPS;
        }
        if (!pk_test_eq_u64(wrong == 0 ? 0 : seed, 0, "case that is wrong", __FILE__, __LINE__)) {
            return;
        }
    }
    CHECK(inexact > 0); /* the bound was needed */
}

static void add(struct pk_extreme *x, bool is_rise, uint32_t at_ms, double v) {
    CHECK_EQ_INT(pk_extreme_add(x, is_rise, WITHIN_MS, at_ms, v), PK_OK);
}

PK_TEST(extreme__fall_of_exactly_the_amount__holds_until_the_top_is_old) {
    struct pk_extreme x = {0};
    add(&x, false, 1000, 95);
    add(&x, false, 5000, 75.5);
    CHECK(!pk_extreme_holds(&x, false, WITHIN_MS, 5000, 20, false));
    add(&x, false, 6000, 75);
    CHECK(pk_extreme_holds(&x, false, WITHIN_MS, 6000, 20, false));
    CHECK(pk_extreme_holds(&x, false, WITHIN_MS, 10999, 20, false));
    CHECK(!pk_extreme_holds(&x, false, WITHIN_MS, 11000, 20, false)); /* 95 is as old as the window */
    add(&x, false, 6500, 95);
    CHECK(!pk_extreme_holds(&x, false, WITHIN_MS, 6500, 20, false)); /* recovered */
}

PK_TEST(extreme__percent__is_of_the_top_and_of_nothing_when_that_is_zero) {
    struct pk_extreme x = {0};
    add(&x, true, 1000, 0);
    add(&x, true, 2000, 50);
    CHECK(!pk_extreme_holds(&x, true, WITHIN_MS, 2000, 10, true));
    x = (struct pk_extreme){0};
    add(&x, true, 1000, 200);
    add(&x, true, 2000, 299);
    CHECK(!pk_extreme_holds(&x, true, WITHIN_MS, 2000, 50, true));
    add(&x, true, 3000, 300);
    CHECK(pk_extreme_holds(&x, true, WITHIN_MS, 3000, 50, true));
    x = (struct pk_extreme){0};
    add(&x, false, 1000, -50); /* half of it further down */
    add(&x, false, 2000, -75);
    CHECK(pk_extreme_holds(&x, false, WITHIN_MS, 2000, 50, true));
}

PK_TEST(extreme__no_number__is_refused_and_changes_nothing) {
    struct pk_extreme x = {0};
    double top = 0;
    CHECK(!pk_extreme_holds(&x, false, WITHIN_MS, 0, 0, false));
    CHECK_EQ_INT(pk_extreme_add(&x, false, WITHIN_MS, 5, NAN), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_extreme_add(&x, false, WITHIN_MS, 5, -INFINITY), PK_E_BAD_FIELD);
    CHECK(!pk_extreme_top(&x, WITHIN_MS, 5, &top, NULL));
    add(&x, false, 5, 1.7e308);
    add(&x, false, 6, -1.7e308); /* further apart than a number can say */
    CHECK(pk_extreme_holds(&x, false, WITHIN_MS, 6, 1, false));
}

PK_TEST(extreme__much_too_late__is_not_taken) {
    struct pk_extreme x = {0};
    double top = 0;
    add(&x, false, 50000, 1);
    add(&x, false, 40000, 9);
    CHECK(pk_extreme_top(&x, WITHIN_MS, 50000, &top, NULL) && top < 2);
    add(&x, false, 40001, 9);
    CHECK(pk_extreme_top(&x, WITHIN_MS, 50000, &top, NULL) && top > 8);
    CHECK(x.newest < 2);
}

PK_TEST_MAIN(extreme__few_steps__agrees_with_looking_at_all,
             extreme__long_stair__invents_nothing_and_misses_only_the_oldest_eighth,
             extreme__fall_of_exactly_the_amount__holds_until_the_top_is_old,
             extreme__percent__is_of_the_top_and_of_nothing_when_that_is_zero,
             extreme__no_number__is_refused_and_changes_nothing, extreme__much_too_late__is_not_taken)
