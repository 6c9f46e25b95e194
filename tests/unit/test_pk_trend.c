#include "detect/pk_trend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

enum { LOOK_BACK_MS = 24000, WIDTH_MS = LOOK_BACK_MS / PK_TREND_SLOTS, NUMBERS = 600, HOUR_MS = 3600000 };

struct sample {
    uint64_t at_ms;
    double v;
};
static struct sample samples[NUMBERS];

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static double oracle_median(double *v, uint32_t n) {
    qsort(v, n, sizeof v[0], by_value);
    return (v[(n - 1u) / 2u] + v[n / 2u]) / 2;
}

struct oracle_slot {
    double v;
    uint64_t at_ms;
};

/* All complete slots of the look-back before the newest complete one, from all samples. */
static uint32_t oracle_slots(uint32_t n, struct oracle_slot *out) {
    static double in_slot[NUMBERS];
    const uint64_t filling = samples[n - 1u].at_ms / WIDTH_MS;
    uint32_t count = 0;
    uint64_t newest_ms = 0;
    for (uint64_t number = filling; number-- > 0 && filling - number < 200;) {
        uint32_t k = 0;
        uint64_t offset_ms = 0;
        double sum = 0;
        for (uint32_t i = 0; i < n; i++) {
            if (samples[i].at_ms / WIDTH_MS == number) {
                in_slot[k++] = samples[i].v;
                offset_ms += samples[i].at_ms % WIDTH_MS;
            }
        }
        if (k == 0) {
            continue;
        }
        qsort(in_slot, k, sizeof in_slot[0], by_value);
        const uint32_t trim = k >= 3 ? 1u : 0u;
        for (uint32_t i = trim; i < k - trim; i++) {
            sum += in_slot[i];
        }
        const uint64_t at_ms = number * WIDTH_MS + offset_ms / k;
        newest_ms = count == 0 ? at_ms : newest_ms;
        if (count < PK_TREND_SLOTS && newest_ms - at_ms <= LOOK_BACK_MS) {
            out[count++] = (struct oracle_slot){sum / (k - 2u * trim), at_ms};
        }
    }
    return count;
}

static bool is_close(double a, double b) {
    return fabs(a - b) <= 1e-9 * (1 + fabs(a) + fabs(b));
}

static bool oracle_agrees(const struct pk_trend *t, const struct oracle_slot *s, uint32_t n) {
    double outer[PK_TREND_SLOTS];
    double rest[PK_TREND_SLOTS];
    int agree = 0;
    for (uint32_t i = 0; i < n; i++) {
        double inner[PK_TREND_SLOTS];
        uint32_t k = 0;
        for (uint32_t j = 0; j < n; j++) {
            if (j != i) {
                inner[k++] = (s[j].v - s[i].v) / ((double)s[j].at_ms - (double)s[i].at_ms);
            }
        }
        outer[i] = oracle_median(inner, k);
    }
    const double slope = oracle_median(outer, n);
    for (uint32_t i = 0; i < n; i++) {
        rest[i] = s[i].v + slope * ((double)s[0].at_ms - (double)s[i].at_ms);
        for (uint32_t j = 0; j < i; j++) { /* s[j] is later */
            agree += s[j].v > s[i].v ? 1 : s[j].v < s[i].v ? -1 : 0;
        }
    }
    const double tau = agree / (n * (n - 1.0) / 2) * (slope > 0 ? 1 : slope < 0 ? -1 : 0);
    return is_close(t->slope_per_ms, slope) && is_close(t->level, oracle_median(rest, n)) &&
           is_close(t->confidence, tau > 0 ? tau : 0) && t->made_ms == s[0].at_ms;
}

PK_TEST(trend__random_streams__agrees_with_all_samples_looked_at_again) {
    uint32_t known = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct pk_rng r;
        struct pk_trend t = {0};
        pk_rng_seed(&r, seed);
        uint64_t now_ms = pk_rng_below(&r, 1ull << 40);
        const uint64_t gap_ms = 20 + pk_rng_below(&r, 1500);
        const double drift = (double)pk_rng_below(&r, 5) - 2;
        uint32_t wrong = 0;
        for (uint32_t n = 0; n < NUMBERS; n++) {
            now_ms += pk_rng_below(&r, 150) == 0 ? pk_rng_below(&r, 40000) : pk_rng_below(&r, gap_ms);
            const double wild = pk_rng_below(&r, 20) == 0 ? 1000 : 1;
            const double v = drift * n + ((double)pk_rng_below(&r, 41) - 20) * wild;
            samples[n] = (struct sample){now_ms, v};
            wrong += pk_trend_add(&t, LOOK_BACK_MS, now_ms, v) != PK_OK;
            if (pk_rng_below(&r, 10) > 0) {
                continue; /* the oracle is slow */
            }
            struct oracle_slot slots[PK_TREND_SLOTS];
            const uint32_t count = oracle_slots(n + 1u, slots);
            wrong += t.is_known != (count >= PK_TREND_SLOTS_MIN);
            wrong += t.is_known && !oracle_agrees(&t, slots, count);
            known += t.is_known ? 1u : 0u;
        }
        if (!pk_test_eq_u64(wrong == 0 ? 0 : seed, 0, "case that is wrong", __FILE__, __LINE__)) {
            return;
        }
    }
    CHECK(known > 150);
}

static void add(struct pk_trend *t, uint32_t look_back_ms, uint64_t at_ms, double v) {
    if (pk_trend_add(t, look_back_ms, at_ms, v) != PK_OK) {
        CHECK(false);
    }
}

/* Steady from 60 % at 1 % an hour, sampled each minute, for six hours. */
static uint64_t fill_disk(struct pk_trend *t, struct pk_rng *r, double noise, uint32_t wild_percent) {
    uint64_t now_ms = 77777;
    for (uint32_t minute = 0; minute < 370; minute++) {
        now_ms += 60000;
        double v = 60 + minute / 60.0 + noise * ((double)pk_rng_below(r, 2001) / 1000 - 1);
        v = pk_rng_below(r, 100) < wild_percent ? 1e6 : v;
        add(t, 6 * HOUR_MS, now_ms, v);
    }
    return now_ms;
}

PK_TEST(trend__steady_rise__is_foretold) {
    struct pk_trend t = {0};
    struct pk_rng r;
    pk_rng_seed(&r, 1);
    const uint64_t now_ms = fill_disk(&t, &r, 0, 0);
    uint64_t left_ms = 0;
    CHECK(pk_trend_is_known(&t, 6 * HOUR_MS, now_ms));
    CHECK(t.confidence > 0.999);
    CHECK(fabs(pk_trend_level(&t, now_ms) - 66.15) < 0.05);
    CHECK(pk_trend_reaches(&t, PK_TREND_EITHER, 95, now_ms, 30 * HOUR_MS, &left_ms)); /* in 28.85 hours */
    CHECK(left_ms > 28 * (uint64_t)HOUR_MS && left_ms < 30 * (uint64_t)HOUR_MS);
    CHECK(!pk_trend_reaches(&t, PK_TREND_EITHER, 95, now_ms, 28 * HOUR_MS, &left_ms));
    CHECK(pk_trend_reaches(&t, PK_TREND_UP, 95, now_ms, 30 * HOUR_MS, &left_ms));
    CHECK(!pk_trend_reaches(&t, PK_TREND_DOWN, 20, now_ms, 7u * 24 * HOUR_MS, &left_ms));
}

PK_TEST(trend__noise_and_outliers__do_not_move_it_much) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct pk_trend t = {0};
        struct pk_rng r;
        pk_rng_seed(&r, seed);
        const uint64_t now_ms = fill_disk(&t, &r, 0.5, 1);
        uint64_t left_ms = 0;
        CHECK(t.confidence >= PK_TREND_CONFIDENCE_MIN);
        CHECK(pk_trend_reaches(&t, PK_TREND_UP, 95, now_ms, 48 * HOUR_MS, &left_ms));
        CHECK(left_ms > 25 * (uint64_t)HOUR_MS && left_ms < 33 * (uint64_t)HOUR_MS);
    }
}

/* One spike in each third slot, each slot with two numbers only, so that none is trimmed away. */
PK_TEST(trend__third_of_the_slots_wild__is_foretold_all_the_same) {
    struct pk_trend t = {0};
    for (uint32_t i = 0; i < 49; i++) {
        add(&t, LOOK_BACK_MS, 1000u * 1000u + i * 500u, i % 6 == 3 ? -1e9 : 10 + i);
    }
    CHECK(fabs(t.slope_per_ms - 1.0 / 500) < 0.0003);
    CHECK(fabs(t.level - 57.5) < 2);
}

PK_TEST(trend__noise_alone__is_hardly_ever_a_trend) {
    uint32_t sure = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct pk_trend t = {0};
        struct pk_rng r;
        pk_rng_seed(&r, seed);
        for (uint32_t i = 0; i < 300; i++) {
            add(&t, LOOK_BACK_MS, 1000000u + i * 100u, (double)pk_rng_below(&r, 1000));
        }
        CHECK(t.is_known);
        sure += t.confidence >= PK_TREND_CONFIDENCE_MIN;
    }
    CHECK_EQ_U64(sure, 0);
}

PK_TEST(trend__constant__goes_nowhere) {
    struct pk_trend t = {0};
    uint64_t left_ms = 0;
    for (uint32_t i = 0; i < 100; i++) {
        add(&t, LOOK_BACK_MS, i * 500u, 42);
    }
    CHECK(pk_trend_is_known(&t, LOOK_BACK_MS, 50000));
    CHECK(!pk_trend_reaches(&t, PK_TREND_EITHER, 42.1, 50000, UINT32_MAX, &left_ms));
    CHECK(!pk_trend_reaches(&t, PK_TREND_EITHER, 42, 50000, UINT32_MAX, &left_ms));
    CHECK(pk_trend_reaches(&t, PK_TREND_UP, 42, 50000, 1000, &left_ms)); /* at the limit is reached */
    CHECK_EQ_U64(left_ms, 0);
    CHECK(!pk_trend_reaches(&t, PK_TREND_UP, 43, 50000, UINT32_MAX, &left_ms));
    CHECK(pk_trend_reaches(&t, PK_TREND_DOWN, 50, 50000, 1000, &left_ms));
}

PK_TEST(trend__falling__reaches_a_lower_limit_only) {
    struct pk_trend t = {0};
    uint64_t left_ms = 0;
    for (uint32_t i = 0; i < 100; i++) {
        add(&t, LOOK_BACK_MS, i * 500u, 90 - i * 0.5); /* one a second */
    }
    CHECK(pk_trend_reaches(&t, PK_TREND_EITHER, 20, 49500, 25000, &left_ms)); /* at 40.5 now */
    CHECK(left_ms > 19000 && left_ms < 22000);
    CHECK(!pk_trend_reaches(&t, PK_TREND_EITHER, 95, 49500, UINT32_MAX, &left_ms));
    CHECK(pk_trend_reaches(&t, PK_TREND_EITHER, 60, 49500, 1, &left_ms)); /* passed on the way */
}

PK_TEST(trend__too_little_or_too_old__is_not_known) {
    struct pk_trend t = {0};
    CHECK(!pk_trend_is_known(&t, LOOK_BACK_MS, 0));
    for (uint32_t i = 0; i < PK_TREND_SLOTS_MIN; i++) {
        add(&t, LOOK_BACK_MS, 5000000u + i * WIDTH_MS, i);
    }
    CHECK(!pk_trend_is_known(&t, LOOK_BACK_MS, 5008000)); /* the eighth is not complete */
    add(&t, LOOK_BACK_MS, 5008000, 8);
    CHECK(pk_trend_is_known(&t, LOOK_BACK_MS, 5008000));
    CHECK(pk_trend_is_known(&t, LOOK_BACK_MS, 5007000 + LOOK_BACK_MS));
    CHECK(!pk_trend_is_known(&t, LOOK_BACK_MS, 5007001 + LOOK_BACK_MS));
    add(&t, LOOK_BACK_MS, 5008000u + (1ull << 32), 8); /* a gap that 32 bits do not see */
    add(&t, LOOK_BACK_MS, 5009000u + (1ull << 32), 8);
    CHECK(!t.is_known);
    CHECK_EQ_U64(t.count, 1);
}

PK_TEST(trend__late_number__is_passed_over) {
    struct pk_trend t = {0};
    add(&t, LOOK_BACK_MS, 10500, 1);
    add(&t, LOOK_BACK_MS, 9999, 1000);
    add(&t, LOOK_BACK_MS, 10100, 3); /* of the slot that is being filled: welcome */
    CHECK_EQ_U64(t.slot.count, 2);
    add(&t, LOOK_BACK_MS, 11000, 5);
    CHECK(t.value[0] > 1.99 && t.value[0] < 2.01);
    CHECK_EQ_U64(t.at_ms[0], 10300);
}

PK_TEST(trend__no_number__is_refused_and_changes_nothing) {
    struct pk_trend t = {0};
    const struct pk_trend before = t;
    CHECK_EQ_INT(pk_trend_add(&t, LOOK_BACK_MS, 5, NAN), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_trend_add(&t, LOOK_BACK_MS, 5, INFINITY), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_trend_add(&t, LOOK_BACK_MS, 5, -1e150), PK_E_BAD_FIELD);
    CHECK_MEM(&t, &before, sizeof t);
    for (uint32_t i = 0; i < 100; i++) { /* as wild as it gets: all stays finite */
        add(&t, LOOK_BACK_MS, i * 500u, i % 2 == 0 ? 9e149 : -9e149);
    }
    CHECK(isfinite(t.slope_per_ms) && isfinite(t.level));
}

PK_TEST_MAIN(trend__random_streams__agrees_with_all_samples_looked_at_again, trend__steady_rise__is_foretold,
             trend__noise_and_outliers__do_not_move_it_much,
             trend__third_of_the_slots_wild__is_foretold_all_the_same,
             trend__noise_alone__is_hardly_ever_a_trend, trend__constant__goes_nowhere,
             trend__falling__reaches_a_lower_limit_only, trend__too_little_or_too_old__is_not_known,
             trend__late_number__is_passed_over, trend__no_number__is_refused_and_changes_nothing)
