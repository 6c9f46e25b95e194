#include "detect/pk_anomaly_season.h"

#include "base/pk_time.h"
#include "support/pk_test.h"

static int64_t at(unsigned day, unsigned hour) { /* of September 2014; the 1st is a Monday */
    return pk_time_from_civil(2014, 9, day, hour, 0, 0);
}

static float push(struct pk_anomaly_days *d, float v, int64_t wall_ms) {
    const struct pk_anomaly_moment m = pk_anomaly_moment_of(wall_ms);
    return pk_anomaly_days_push(d, v, &m);
}

PK_TEST(moment__time_of_day_and_weekend__of_any_time) {
    static const bool WEEKEND[7] = {false, false, false, false, false, true, true};
    for (unsigned i = 0; i < 7; i++) {
        CHECK_EQ_INT(pk_anomaly_moment_of(at(1 + i, 0)).is_weekend, WEEKEND[i]);
        CHECK_EQ_INT(pk_anomaly_moment_of(at(1 + i, 23)).is_weekend, WEEKEND[i]);
    }
    CHECK_EQ_U64(pk_anomaly_moment_of(at(3, 5)).ms_of_day, 5 * 3600 * 1000);
    const struct pk_anomaly_moment before = pk_anomaly_moment_of(-1); /* Wednesday, 31 December 1969 */
    CHECK_EQ_U64(before.ms_of_day, PK_ANOMALY_DAY_MS - 1);
    CHECK(!before.is_weekend);
    CHECK(pk_anomaly_moment_of(-4 * (int64_t)PK_ANOMALY_DAY_MS).is_weekend); /* Sunday the 28th */
    CHECK(pk_anomaly_moment_of(INT64_MAX).ms_of_day < PK_ANOMALY_DAY_MS);
    CHECK(pk_anomaly_moment_of(INT64_MIN).ms_of_day < PK_ANOMALY_DAY_MS);
}

PK_TEST(days__nothing_seen_at_this_time__is_the_value_itself) {
    struct pk_anomaly_days d = {0};
    CHECK(push(&d, 10, at(1, 8)) == 10);
    CHECK(push(&d, 12, at(1, 12)) == 12);
    CHECK(push(&d, 11, at(2, 8)) == 10);
}

PK_TEST(days__weekend_unseen__is_expected_like_any_day) {
    struct pk_anomaly_days d = {0};
    for (unsigned day = 1; day <= 5; day++) {
        push(&d, 10, at(day, 8));
    }
    CHECK(push(&d, 2, at(6, 8)) == 10);
}

PK_TEST(days__two_kinds__the_nearer_counts) {
    struct pk_anomaly_days d = {0};
    for (unsigned day = 1; day <= 28; day++) {
        push(&d, day % 7 == 6 || day % 7 == 0 ? 2 : 10, at(day, 8));
    }
    CHECK(push(&d, 2, at(27, 8)) == 2);       /* a Saturday like any */
    CHECK(push(&d, 10, at(29, 8)) == 10);     /* a Monday like any */
    const float all = push(&d, 7, at(30, 8)); /* nearer to the mean of all days */
    CHECK(all > 7 && all < 8.5F);
    CHECK(push(&d, 7, at(28, 8)) > 7); /* a Sunday like any day is nothing new */
}

PK_TEST(days__a_bin__forgets_over_120_visits) {
    struct pk_anomaly_days d = {0};
    for (int i = 0; i < 300; i++) {
        push(&d, 0, at(1, 8));
    }
    CHECK_EQ_INT(d.seen_count[0][4], 255);
    for (int i = 0; i < 120; i++) {
        push(&d, 1, at(1, 8));
    }
    const float left = 1 - push(&d, 1, at(1, 8));
    CHECK(left > 0.35F && left < 0.38F); /* 1/e */
}

/* A pulse: `width` of `points` are 10, the others 0. */
static float pulse(uint32_t i, unsigned points, unsigned width) {
    return i % points < width ? 10 : 0;
}

static float run_cycles(struct pk_anomaly_cycles *c, unsigned points, unsigned width, uint32_t from,
                        uint32_t n) {
    float expected = 0;
    for (uint32_t i = from; i < from + n; i++) {
        expected = pk_anomaly_cycles_push(c, pulse(i, points, width), i, i % PK_ANOMALY_PHASES, 1.25F, 2.2F);
    }
    return expected;
}

PK_TEST(cycles__each_length__is_found_and_foretells) {
    static const unsigned POINTS[PK_ANOMALY_CYCLES] = {24, 48, 96, 144, 288};
    for (unsigned i = 0; i < PK_ANOMALY_CYCLES; i++) {
        struct pk_anomaly_cycles c = {0};
        const unsigned width = POINTS[i] / 8;
        run_cycles(&c, POINTS[i], width, 0, 2000);
        CHECK(run_cycles(&c, POINTS[i], width, POINTS[i] * 100, 1) > 9.9F);         /* the pulse begins */
        CHECK(run_cycles(&c, POINTS[i], width, POINTS[i] * 100 + width, 1) < 0.1F); /* and is over */
    }
}

PK_TEST(cycles__none_fits__is_the_slow_mean) {
    struct pk_anomaly_cycles c = {0};
    CHECK(run_cycles(&c, 101, 13, 0, 5000) == 1.25F);
    struct pk_anomaly_cycles flat = {0};
    for (uint32_t i = 0; i < 2000; i++) {
        CHECK(pk_anomaly_cycles_push(&flat, 3, i, i % PK_ANOMALY_PHASES, 3, 0) == 3);
    }
}

PK_TEST(cycles__before_one_is_over__foretells_nothing) {
    struct pk_anomaly_cycles c = {0};
    for (uint32_t i = 0; i < 24; i++) {
        CHECK(run_cycles(&c, 24, 3, i, 1) == 1.25F);
    }
}

PK_TEST_MAIN(moment__time_of_day_and_weekend__of_any_time,
             days__nothing_seen_at_this_time__is_the_value_itself,
             days__weekend_unseen__is_expected_like_any_day, days__two_kinds__the_nearer_counts,
             days__a_bin__forgets_over_120_visits, cycles__each_length__is_found_and_foretells,
             cycles__none_fits__is_the_slow_mean, cycles__before_one_is_over__foretells_nothing)
