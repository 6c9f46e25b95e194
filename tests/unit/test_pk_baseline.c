#include "detect/pk_baseline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

enum { HOUR_MS = 3600000, PART_MS = PK_BASELINE_PART_MS, HOURS_MAX = 600, IN_PART_MAX = 8, PARTS = 12 };

/* All there ever was: the numbers of each five minutes of each hour. */
static double numbers[HOURS_MAX][PARTS][IN_PART_MAX];
static uint32_t counts[HOURS_MAX][PARTS];

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static double oracle_median(double *v, uint32_t n) {
    qsort(v, n, sizeof v[0], by_value);
    return (v[(n - 1u) / 2u] + v[n / 2u]) / 2;
}

/* Means of the hour that there are before this part of it. */
static uint32_t oracle_parts(uint32_t hour, uint32_t before, double out[PARTS]) {
    uint32_t n = 0;
    for (uint32_t p = 0; p < before; p++) {
        const uint32_t k = counts[hour][p];
        double v[IN_PART_MAX];
        memcpy(v, numbers[hour][p], sizeof v);
        qsort(v, k, sizeof v[0], by_value);
        const uint32_t trim = k >= 3 ? 1u : 0u;
        double sum = 0;
        for (uint32_t i = trim; i + trim < k; i++) {
            sum += v[i];
        }
        if (k > 0) {
            out[n++] = sum / (k - 2u * trim);
        }
    }
    return n;
}

static bool oracle_hour(uint32_t hour, double *out) {
    double means[PARTS];
    const uint32_t n = oracle_parts(hour, PARTS, means);
    if (n > 0) {
        *out = oracle_median(means, n);
    }
    return n > 0;
}

static enum pk_baseline_kind oracle_usual(uint32_t hour, uint32_t part, double *out) {
    double same[PK_BASELINE_DAYS];
    double all[PK_BASELINE_HOURS];
    double parts[PARTS];
    uint32_t same_count = 0;
    uint32_t all_count = 0;
    uint32_t means = 0;
    for (uint32_t back = 1; back <= PK_BASELINE_HOURS && back <= hour; back++) {
        double v = 0;
        if (oracle_hour(hour - back, &v)) {
            all[all_count++] = v;
            means += oracle_parts(hour - back, PARTS, parts);
            if (back % 24u == 0) {
                same[same_count++] = v;
            }
        }
    }
    if (same_count >= 3) {
        *out = oracle_median(same, same_count);
        return PK_BASELINE_HOUR;
    }
    if (all_count >= 3) {
        *out = oracle_median(all, all_count);
        return PK_BASELINE_OVERALL;
    }
    const uint32_t now_count = oracle_parts(hour, part, parts);
    memcpy(&all[all_count], parts, now_count * sizeof all[0]);
    *out = means + now_count >= PARTS ? oracle_median(all, all_count + now_count) : 0;
    return means + now_count >= PARTS ? PK_BASELINE_FIRST : PK_BASELINE_UNKNOWN;
}

static bool is_close(double got, double want) {
    return fabs(got - want) <= 0.004 * fabs(want) + 1e-30;
}

PK_TEST(baseline__random_weeks__agree_with_all_numbers_looked_at_again) {
    uint32_t seen[PK_BASELINE_KIND_COUNT] = {0};
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct pk_rng r;
        struct pk_baseline b = {0};
        pk_rng_seed(&r, seed);
        memset(counts, 0, sizeof counts);
        uint32_t wrong = 0;
        const bool is_negative = seed % 3 == 0;
        for (uint32_t hour = 0; hour < HOURS_MAX; hour++) {
            const uint64_t kind = pk_rng_below(&r, 30);
            hour += kind == 0 ? (uint32_t)pk_rng_below(&r, seed % 2 == 0 ? 200 : 4) : 0; /* silence */
            double want = 0;
            enum pk_baseline_kind wanted = PK_BASELINE_UNKNOWN;
            for (uint32_t part = 0; part < PARTS && hour < HOURS_MAX; part++) {
                wanted = part == 0 || wanted <= PK_BASELINE_FIRST ? oracle_usual(hour, part, &want) : wanted;
                const uint32_t n = (uint32_t)pk_rng_below(&r, IN_PART_MAX);
                for (uint32_t i = 0; i < n; i++) {
                    const double wild = kind == 1 ? 50 : 1;
                    const double v = wild * (is_negative ? -1 : 1) *
                                     (10.0 + hour % 24u + (double)pk_rng_below(&r, 100) / 100);
                    numbers[hour][part][counts[hour][part]++] = v;
                    const uint64_t at_ms = (uint64_t)hour * HOUR_MS + part * PART_MS + i * 30000u;
                    wrong += pk_baseline_add(&b, at_ms, v) != PK_OK;
                }
                double got = 0;
                if (n == 0) {
                    continue;
                }
                wrong += pk_baseline_usual(&b, &got) != wanted;
                wrong += wanted != PK_BASELINE_UNKNOWN && !is_close(got, want);
                seen[wanted]++;
            }
        }
        if (!pk_test_eq_u64(wrong == 0 ? 0 : seed, 0, "case that is wrong", __FILE__, __LINE__)) {
            return;
        }
    }
    CHECK(seen[PK_BASELINE_UNKNOWN] > 20 && seen[PK_BASELINE_FIRST] > 20 && seen[PK_BASELINE_OVERALL] > 200 &&
          seen[PK_BASELINE_HOUR] > 2000);
}

static void add(struct pk_baseline *b, uint64_t at_ms, double v) {
    CHECK_EQ_INT(pk_baseline_add(b, at_ms, v), PK_OK);
}

/* A number every five minutes: 10 by night, 100 from 8 to 20 o'clock. */
static double day_and_night(uint64_t at_ms) {
    const uint64_t hour = at_ms / HOUR_MS % 24u;
    return hour >= 8 && hour < 20 ? 100 : 10;
}

static uint64_t live(struct pk_baseline *b, uint64_t from_ms, uint32_t hours) {
    uint64_t at_ms = from_ms;
    for (; at_ms < from_ms + (uint64_t)hours * HOUR_MS; at_ms += PART_MS) {
        add(b, at_ms, day_and_night(at_ms));
    }
    return at_ms;
}

PK_TEST(baseline__day_and_night__are_told_apart_after_three_days) {
    struct pk_baseline b = {0};
    double usual = 0;
    uint64_t now_ms = live(&b, 0, 1);
    CHECK_EQ_INT(pk_baseline_usual(&b, &usual), PK_BASELINE_UNKNOWN); /* the twelfth mean is not made yet */
    add(&b, now_ms, 10);
    CHECK_EQ_INT(pk_baseline_usual(&b, &usual), PK_BASELINE_FIRST);
    now_ms = live(&b, now_ms, 2);
    CHECK_EQ_INT(pk_baseline_usual(&b, &usual), PK_BASELINE_FIRST);
    CHECK(is_close(usual, 10));
    now_ms = live(&b, now_ms, 1);
    CHECK_EQ_INT(pk_baseline_usual(&b, &usual), PK_BASELINE_OVERALL);
    now_ms = live(&b, now_ms, 69); /* the hour that began three days after the first one */
    CHECK_EQ_INT(pk_baseline_usual(&b, &usual), PK_BASELINE_HOUR);
    CHECK(is_close(usual, 10));
    live(&b, now_ms, 8);
    CHECK_EQ_INT(pk_baseline_usual(&b, &usual), PK_BASELINE_HOUR);
    CHECK(is_close(usual, 100));
}

PK_TEST(baseline__hours_of_an_incident__do_not_become_usual) {
    struct pk_baseline b = {0};
    double usual = 0;
    uint64_t now_ms = live(&b, 0, 5 * 24);
    for (uint32_t i = 0; i < 2 * 24 * 12; i++, now_ms += PART_MS) { /* two days of madness */
        add(&b, now_ms, 1e12);
        CHECK_EQ_INT(pk_baseline_usual(&b, &usual), PK_BASELINE_HOUR);
        CHECK(is_close(usual, day_and_night(now_ms)));
    }
    /* And minutes of it are not seen at all. */
    now_ms = live(&b, now_ms, 1);
    b = (struct pk_baseline){0};
    for (uint32_t i = 0; i < 6 * HOUR_MS / 10000; i++) {
        add(&b, i * 10000ull, i % 30 == 7 ? 1e12 : 5); /* one spike in each five minutes */
    }
    CHECK_EQ_INT(pk_baseline_usual(&b, &usual), PK_BASELINE_OVERALL);
    CHECK(is_close(usual, 5));
}

PK_TEST(baseline__week_of_silence__forgets) {
    struct pk_baseline b = {0};
    double usual = 0;
    uint64_t now_ms = live(&b, 0, 100);
    add(&b, now_ms + 170ull * HOUR_MS, 10);
    CHECK_EQ_INT(pk_baseline_usual(&b, &usual), PK_BASELINE_UNKNOWN);
    now_ms = live(&b, now_ms + 171ull * HOUR_MS, 4);
    CHECK_EQ_INT(pk_baseline_usual(&b, &usual), PK_BASELINE_OVERALL);
}

PK_TEST(baseline__zero__is_a_number_like_any_other) {
    struct pk_baseline b = {0};
    double usual = 7;
    for (uint64_t at_ms = 0; at_ms < 4ull * HOUR_MS; at_ms += PART_MS) {
        add(&b, at_ms, at_ms / PART_MS % 2 == 0 ? 0.0 : -0.0);
    }
    CHECK_EQ_INT(pk_baseline_usual(&b, &usual), PK_BASELINE_OVERALL);
    CHECK(fabs(usual) < 1e-30);
}

PK_TEST(baseline__no_number_or_a_late_one__changes_nothing) {
    struct pk_baseline b = {0};
    add(&b, 10 * (uint64_t)PART_MS, 1);
    const struct pk_baseline before = b;
    CHECK_EQ_INT(pk_baseline_add(&b, 11 * (uint64_t)PART_MS, NAN), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_baseline_add(&b, 11 * (uint64_t)PART_MS, -INFINITY), PK_E_BAD_FIELD);
    add(&b, 9 * (uint64_t)PART_MS, 1000);
    CHECK_MEM(&b, &before, sizeof b);
    add(&b, 11 * (uint64_t)PART_MS, 1e308); /* counts as far away */
    add(&b, 12 * (uint64_t)PART_MS, -1e308);
    CHECK(isfinite(b.part[0]) && isfinite(b.low));
}

PK_TEST_MAIN(baseline__random_weeks__agree_with_all_numbers_looked_at_again,
             baseline__day_and_night__are_told_apart_after_three_days,
             baseline__hours_of_an_incident__do_not_become_usual, baseline__week_of_silence__forgets,
             baseline__zero__is_a_number_like_any_other, baseline__no_number_or_a_late_one__changes_nothing)
