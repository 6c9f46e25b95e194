#include "detect/pk_anomaly_track.h"

#include <math.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

/* Feeds a series of its own, with the counters a detector keeps. */
struct feed {
    struct pk_anomaly_track track;
    uint32_t count, block_count;
};

static double push(struct feed *f, double v) {
    f->count++;
    const struct pk_anomaly_tick tick = {1.0 / f->count, f->count == 1,
                                         f->count % PK_ANOMALY_BLOCK_POINTS == 0, f->block_count};
    f->block_count += tick.is_block_end;
    return pk_anomaly_track_push(&f->track, (float)v, &tick);
}

PK_TEST(track__beyond_a_record__is_measured_in_range_and_step) {
    struct feed f = {0};
    CHECK(push(&f, 0) == 0);
    CHECK(push(&f, 16) == 0); /* the range is still zero: nothing to measure with */
    /* Range 16, mean step 16 at a rate of 1/2. */
    CHECK(push(&f, 20) == 4 / (PK_ANOMALY_UNIT_RANGE * 16 + PK_ANOMALY_UNIT_STEP * 8));
    CHECK(push(&f, 20) == 0); /* reaching it again is no record */
    CHECK(push(&f, 3) == 0);
    CHECK(push(&f, -1) > 0); /* the other side */
    CHECK_EQ_INT(f.track.side[0].record, 20);
    CHECK_EQ_INT(f.track.side[1].record, 1);
}

PK_TEST(track__constant__never_breaks_a_record) {
    struct feed f = {0};
    for (int i = 0; i < 1000; i++) {
        CHECK(push(&f, 0.1) == 0);
    }
}

PK_TEST(track__jumpy_series__needs_a_larger_excess_than_a_smooth_one) {
    struct feed smooth = {0};
    struct feed jumpy = {0};
    for (int i = 0; i < 640; i++) {
        push(&smooth, i % 64 < 32 ? i % 64 : 64 - i % 64); /* 0..32 in steps of 1 */
        push(&jumpy, i % 2 * 32);                          /* 0 and 32 */
    }
    const double quiet = push(&smooth, 40);
    const double loud = push(&jumpy, 40);
    CHECK(loud > 0);
    CHECK(quiet > 4 * loud);
}

PK_TEST(track__one_outlier__fades_until_the_same_is_a_record_again) {
    struct feed f = {0};
    struct pk_rng r;
    pk_rng_seed(&r, 7);
    for (int i = 0; i < 1000; i++) {
        push(&f, (double)pk_rng_below(&r, 100));
    }
    CHECK(push(&f, 1000) > 1);
    for (int i = 0; i < 300; i++) {
        push(&f, (double)pk_rng_below(&r, 100));
    }
    CHECK(push(&f, 900) == 0); /* soon after: not new */
    for (int i = 0; i < 20000; i++) {
        push(&f, (double)pk_rng_below(&r, 100));
    }
    CHECK(f.track.side[0].record < 300);
    CHECK(f.track.side[0].record >= 99); /* what is usual does not fade away */
    CHECK(push(&f, 900) > 1);
}

PK_TEST(track__the_two_sides__mirror_each_other) {
    struct feed a = {0};
    struct feed b = {0};
    struct pk_rng r;
    pk_rng_seed(&r, 11);
    for (int i = 0; i < 3000; i++) {
        const double v = (double)pk_rng_below(&r, 1000) * (i % 500 == 499 ? 3 : 1);
        CHECK(push(&a, v) == push(&b, -v));
    }
    CHECK_MEM(&a.track.side[0], &b.track.side[1], sizeof a.track.side[0]);
    CHECK_MEM(&a.track.side[1], &b.track.side[0], sizeof a.track.side[0]);
}

PK_TEST(track__scaled_by_a_power_of_two__says_the_same) {
    struct feed a = {0};
    struct feed b = {0};
    struct pk_rng r;
    pk_rng_seed(&r, 12);
    for (int i = 0; i < 3000; i++) {
        const double v = (double)pk_rng_below(&r, 1000);
        CHECK(push(&a, v) == push(&b, ldexp(v, -40)));
    }
}

PK_TEST_MAIN(track__beyond_a_record__is_measured_in_range_and_step, track__constant__never_breaks_a_record,
             track__jumpy_series__needs_a_larger_excess_than_a_smooth_one,
             track__one_outlier__fades_until_the_same_is_a_record_again,
             track__the_two_sides__mirror_each_other, track__scaled_by_a_power_of_two__says_the_same)
