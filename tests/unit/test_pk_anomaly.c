#include "detect/pk_anomaly.h"

#include <math.h>

#include "base/pk_rng.h"
#include "detect/pk_anomaly_bytes.h"
#include "support/pk_test.h"

enum { STEP_MS = 300000, DAY_POINTS = 288, MONDAY = 4 };
static const int64_t START_MS = (int64_t)MONDAY * PK_ANOMALY_DAY_MS; /* 5 January 1970 */

struct series {
    struct pk_anomaly a;
    struct pk_rng rng;
    bool has_clock;
    int64_t wall_ms;
    unsigned alert_count;
    double highest;
};

static void reset_counts(struct series *s) {
    s->alert_count = 0;
    s->highest = 0;
}

static void start(struct series *s, uint64_t seed, bool has_clock) {
    pk_anomaly_init(&s->a);
    pk_rng_seed(&s->rng, seed);
    s->has_clock = has_clock;
    s->wall_ms = START_MS;
    reset_counts(s);
}

static double push(struct series *s, double v) {
    double score = -1;
    CHECK_EQ_INT(pk_anomaly_push(&s->a, v, s->wall_ms, s->has_clock, &score), PK_OK);
    CHECK(score >= 0 && score <= 1);
    s->wall_ms += STEP_MS;
    s->alert_count += score >= PK_ANOMALY_ALERT;
    s->highest = score > s->highest ? score : s->highest;
    return score;
}

/* About normal: the sum of four uniform draws, mean 0, standard deviation 1. */
static double noise(struct series *s) {
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += (double)pk_rng_below(&s->rng, 1u << 20) / (1u << 20);
    }
    return (sum - 2) * 1.7320508;
}

static void push_noise(struct series *s, unsigned count, double level) {
    for (unsigned i = 0; i < count; i++) {
        push(s, level + noise(s));
    }
}

PK_TEST(anomaly__plain_noise__hardly_ever_alerts) {
    unsigned alert_count = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct series s;
        start(&s, seed, seed % 2 == 0);
        push_noise(&s, 1000, 50);
        reset_counts(&s);
        push_noise(&s, 5000, 50);
        alert_count += s.alert_count;
    }
    CHECK(alert_count <= 80); /* of 200,000 points: at five minutes a point, one in nine days of a series */
}

PK_TEST(anomaly__constant_and_two_valued__say_nothing) {
    struct series s;
    start(&s, 1, true);
    for (int i = 0; i < 3000; i++) {
        CHECK(push(&s, 0.1) == 0);
    }
    start(&s, 1, false);
    for (int i = 0; i < 100; i++) {
        push(&s, i % 2);
    }
    reset_counts(&s);
    for (int i = 0; i < 3000; i++) {
        push(&s, i % 2);
    }
    CHECK_EQ_INT(s.alert_count, 0);
}

PK_TEST(anomaly__spike__is_an_alert_at_once_and_once) {
    for (int has_clock = 0; has_clock < 2; has_clock++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            struct series s;
            start(&s, 5, has_clock);
            push_noise(&s, 1000, 50);
            reset_counts(&s);
            CHECK(push(&s, 50 + sign * 10) > 0.5);
            push(&s, 50 + sign * 10);
            push_noise(&s, 200, 50);
            CHECK(s.alert_count <= 2);
        }
    }
}

PK_TEST(anomaly__level_shift_inside_the_noise_band__is_found_within_40_points) {
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct series s;
        start(&s, seed, seed % 2 == 0);
        push_noise(&s, 1000, 50);
        reset_counts(&s);
        push_noise(&s, 40, 52); /* two standard deviations: single points look usual */
        CHECK(s.alert_count >= 1);
    }
}

PK_TEST(anomaly__slow_drift_out_of_the_range__is_found) {
    struct series s;
    start(&s, 9, false);
    push_noise(&s, 2000, 50);
    reset_counts(&s);
    for (int i = 0; i < 600; i++) {
        push(&s, 50 + 0.01 * i + noise(&s));
    }
    CHECK(s.alert_count >= 1);
}

/* High by day, low by night, less at the weekend. */
static double daily(struct series *s, unsigned point) {
    const unsigned of_day = point % DAY_POINTS;
    const unsigned day = point / DAY_POINTS % 7;
    const double height = day >= 5 ? 40 : 80;
    const double up = of_day >= 96 && of_day < 240 ? height : 0;
    return 100 + up + 2 * noise(s);
}

static void run_days(struct series *s, unsigned first_day, unsigned days) {
    for (unsigned i = first_day * DAY_POINTS; i < (first_day + days) * DAY_POINTS; i++) {
        push(s, daily(s, i));
    }
}

PK_TEST(anomaly__daily_and_weekly_pattern__is_learned) {
    struct series s;
    start(&s, 3, true);
    run_days(&s, 0, 14);
    reset_counts(&s);
    run_days(&s, 14, 28);
    CHECK(s.alert_count <= 3); /* four weeks */
}

/* Four weeks as said, then a night like a day: each value is usual, but not now. */
static unsigned busy_night(bool has_clock, bool has_weekends) {
    struct series s;
    start(&s, 3, has_clock);
    for (unsigned i = 0; i < 28 * DAY_POINTS; i++) {
        push(&s, daily(&s, has_weekends ? i : i % DAY_POINTS));
    }
    reset_counts(&s);
    for (unsigned i = 0; i < 36; i++) {
        push(&s, 170 + 2 * noise(&s));
    }
    return s.alert_count;
}

PK_TEST(anomaly__usual_value_at_an_unusual_time__is_an_alert) {
    CHECK(busy_night(true, true) >= 1);
    CHECK(busy_night(false, false) >= 1);
}

PK_TEST(anomaly__cycle_without_a_clock__is_learned) {
    struct series s;
    start(&s, 4, false);
    run_days(&s, 0, 14);
    reset_counts(&s);
    run_days(&s, 14, 28);
    CHECK(s.alert_count <= 4);
}

PK_TEST(anomaly__the_same_alarm_again_and_again__must_be_louder_to_be_heard) {
    struct series s;
    start(&s, 6, false);
    push_noise(&s, 1000, 50);
    double first = 0;
    double last = 0;
    for (int i = 0; i < 10; i++) {
        const double peak = push(&s, 60 + 4 * i); /* each a new record by the same amount */
        first = i == 1 ? peak : first;
        last = peak;
        push_noise(&s, 250, 50);
    }
    CHECK(first > 0.2);
    CHECK(last / (1 - last) < first / (1 - first) / 3);
}

PK_TEST(anomaly__first_points__are_silent) {
    struct series s;
    start(&s, 8, true);
    for (int i = 0; i < PK_ANOMALY_SILENT_POINTS; i++) {
        CHECK(!pk_anomaly_is_awake(&s.a));
        CHECK(push(&s, i * i * i) == 0);
    }
    CHECK(!pk_anomaly_is_awake(&s.a));
    CHECK(push(&s, 1e6) > 0);
    CHECK(pk_anomaly_is_awake(&s.a));
}

PK_TEST(anomaly__not_a_number__is_refused_and_changes_nothing) {
    static const double BAD[] = {NAN, INFINITY, -INFINITY};
    struct series s;
    start(&s, 2, true);
    for (int i = 0; i < 200; i++) {
        if (i == 0 || i == 150) { /* before the first point as well */
            uint8_t before[PK_ANOMALY_BYTES];
            uint8_t after[PK_ANOMALY_BYTES];
            pk_anomaly_save(&s.a, before);
            for (int k = 0; k < 3; k++) {
                double score = 1;
                CHECK_EQ_INT(pk_anomaly_push(&s.a, BAD[k], s.wall_ms, true, &score), PK_E_BAD_FIELD);
                CHECK(score == 0);
            }
            pk_anomaly_save(&s.a, after);
            CHECK_MEM(before, after, sizeof before);
        }
        push(&s, noise(&s));
    }
}

PK_TEST(anomaly__monstrous_values__stay_finite) {
    static const double ODD[] = {1.7e308, -1.7e308, 5e-324, 0, -0.0, 1e38, -1e300, 1, 1e-300, 3e30};
    for (int has_clock = 0; has_clock < 2; has_clock++) {
        struct series s;
        start(&s, 13, has_clock);
        for (int i = 0; i < 20000; i++) {
            push(&s, ODD[pk_rng_below(&s.rng, 10)]);
            s.wall_ms = (int64_t)pk_rng_u64(&s.rng);
        }
        static uint8_t bytes[PK_ANOMALY_BYTES];
        struct pk_anomaly again;
        pk_anomaly_save(&s.a, bytes);
        CHECK_EQ_INT(pk_anomaly_load(&again, bytes, sizeof bytes), PK_OK); /* every field within bounds */
    }
}

PK_TEST(anomaly__time__counts_only_as_time_of_day_and_kind_of_day) {
    static const int64_t SHIFT_MS = -7 * (int64_t)PK_ANOMALY_DAY_MS;
    struct series a;
    struct series b;
    start(&a, 21, true);
    start(&b, 21, true);
    for (unsigned i = 0; i < 4000; i++) {
        const double v = daily(&a, i);
        double score_b = -1;
        /* b: the week before, every second week backwards, with gaps */
        const int64_t weeks = i % 3 == 0 ? 5 : -1 - (int64_t)(i % 50);
        CHECK_EQ_INT(pk_anomaly_push(&b.a, v, a.wall_ms + weeks * SHIFT_MS, true, &score_b), PK_OK);
        CHECK(push(&a, v) == score_b);
    }
}

PK_TEST(anomaly__the_unit_of_the_values__does_not_matter) {
    for (int has_clock = 0; has_clock < 2; has_clock++) {
        struct series a;
        struct series b;
        start(&a, 22, has_clock);
        start(&b, 22, has_clock);
        for (unsigned i = 0; i < 3000; i++) {
            const double v = floor(daily(&a, i) * 1024);
            CHECK(push(&a, v) == push(&b, ldexp(v, 60) - ldexp(1, 80)));
        }
        CHECK(a.highest > 0);
    }
}

PK_TEST(anomaly__clock_comes_later__season_is_learned_anew) {
    struct series s;
    start(&s, 23, false);
    run_days(&s, 0, 10);
    s.has_clock = true;
    run_days(&s, 10, 4);
    CHECK_EQ_INT(s.a.has_clock, 1);
    reset_counts(&s);
    run_days(&s, 14, 21);
    CHECK(s.alert_count <= 4);
    /* The clock is lost for a day: no season, no alarm about that. */
    s.has_clock = false;
    reset_counts(&s);
    run_days(&s, 35, 1);
    CHECK(s.alert_count <= 1);
    s.has_clock = true;
    run_days(&s, 36, 7);
    CHECK(s.alert_count <= 2);
}

PK_TEST(anomaly__price__is_at_most_512_bytes) {
    CHECK(sizeof(struct pk_anomaly) <= 512);
    CHECK(PK_ANOMALY_BYTES <= 512);
}

PK_TEST_MAIN(anomaly__plain_noise__hardly_ever_alerts, anomaly__constant_and_two_valued__say_nothing,
             anomaly__spike__is_an_alert_at_once_and_once,
             anomaly__level_shift_inside_the_noise_band__is_found_within_40_points,
             anomaly__slow_drift_out_of_the_range__is_found, anomaly__daily_and_weekly_pattern__is_learned,
             anomaly__usual_value_at_an_unusual_time__is_an_alert, anomaly__cycle_without_a_clock__is_learned,
             anomaly__the_same_alarm_again_and_again__must_be_louder_to_be_heard,
             anomaly__first_points__are_silent, anomaly__not_a_number__is_refused_and_changes_nothing,
             anomaly__monstrous_values__stay_finite,
             anomaly__time__counts_only_as_time_of_day_and_kind_of_day,
             anomaly__the_unit_of_the_values__does_not_matter,
             anomaly__clock_comes_later__season_is_learned_anew, anomaly__price__is_at_most_512_bytes)
