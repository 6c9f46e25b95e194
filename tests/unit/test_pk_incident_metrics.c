#include "incident/pk_incident_metrics.h"

#include "support/pk_test.h"

static struct pk_stamp at(uint32_t boot, uint64_t mono_ms, int64_t wall_ms) {
    return (struct pk_stamp){.boot = boot, .mono_ms = mono_ms, .wall_ms = wall_ms};
}

static bool elapsed(struct pk_stamp a, struct pk_stamp b, uint64_t *ms) {
    return pk_stamp_elapsed_ms(&a, &b, ms);
}

PK_TEST(elapsed__monotonic_within_a_boot_wall_across) {
    uint64_t ms = 99;
    CHECK(elapsed(at(1, 100, 5000), at(1, 350, 1), &ms));
    CHECK_EQ_U64(ms, 250);
    CHECK(elapsed(at(1, 100, 5000), at(2, 7, 9000), &ms));
    CHECK_EQ_U64(ms, 4000);
    CHECK(elapsed(at(1, 100, 5000), at(2, 7, 4000), &ms));
    CHECK_EQ_U64(ms, 0);
    CHECK(elapsed(at(1, 350, 0), at(1, 100, 0), &ms));
    CHECK_EQ_U64(ms, 0);
    CHECK(elapsed(at(1, 0, 1000), at(1, 0, 3000), &ms));
    CHECK_EQ_U64(ms, 2000);
}

PK_TEST(elapsed__unknown_is_not_zero) {
    uint64_t ms = 99;
    CHECK(!elapsed(at(1, 100, 0), at(2, 200, 0), &ms));
    CHECK(!elapsed(at(1, 100, 5000), at(2, 200, 0), &ms));
    CHECK(!elapsed(at(1, 0, 0), at(1, 200, 0), &ms));
    CHECK(!elapsed(at(1, 100, 0), at(0, 0, 0), &ms));
    CHECK_EQ_U64(ms, 99);
}

PK_TEST(sure__one_start_or_wall_times_that_were_set) {
    static const struct {
        uint8_t earlier, later;
        bool is_sure;
    } CASES[] = {{PK_TIME_UNSET, PK_TIME_NTP, false},   {PK_TIME_UNSET, PK_TIME_UNSET, false},
                 {PK_TIME_NTP, PK_TIME_UNSET, false},   {PK_TIME_FLOOR, PK_TIME_NTP, false},
                 {PK_TIME_FLOOR, PK_TIME_UNSET, false}, {PK_TIME_FLOOR, PK_TIME_FLOOR, true},
                 {PK_TIME_NTP, PK_TIME_FLOOR, true},    {PK_TIME_HUB, PK_TIME_NTP, true}};
    for (size_t k = 0; k < sizeof CASES / sizeof CASES[0]; k++) {
        struct pk_stamp earlier = at(1, 100, 5000), later = at(2, 7, 9000);
        earlier.quality = CASES[k].earlier;
        later.quality = CASES[k].later;
        CHECK_EQ_INT(pk_stamp_is_sure(&earlier, &later), CASES[k].is_sure);
        later.boot = earlier.boot;
        CHECK(pk_stamp_is_sure(&earlier, &later));
    }
}

PK_TEST(duration__formulas) {
    struct pk_incident i = {.first_event = at(1, 1000, 0),
                            .detected = at(1, 1250, 0),
                            .acknowledged = at(1, 4250, 0),
                            .resolved = at(1, 11250, 0)};
    uint64_t ms = 0;
    CHECK(pk_incident_duration_ms(&i, PK_MTTD, &ms));
    CHECK_EQ_U64(ms, 250);
    CHECK(pk_incident_duration_ms(&i, PK_MTTA, &ms));
    CHECK_EQ_U64(ms, 3000);
    CHECK(pk_incident_duration_ms(&i, PK_MTTR, &ms));
    CHECK_EQ_U64(ms, 10000);
    CHECK(!pk_incident_duration_ms(&i, PK_MTTF, &ms));
    i.resolved = at(0, 0, 0);
    CHECK(!pk_incident_duration_ms(&i, PK_MTTR, &ms));
}

PK_TEST(metric__buckets_and_taking_back) {
    static const struct {
        uint64_t ms;
        unsigned bucket;
    } CASES[] = {{0, 0},
                 {1, 0},
                 {2, 1},
                 {3, 1},
                 {4, 2},
                 {1023, 9},
                 {1024, 10},
                 {(uint64_t)1 << 31, 31},
                 {(uint64_t)1 << 31 << 8, 31},
                 {UINT64_MAX >> 8, 31}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct pk_metric m = {0};
        pk_metric_add(&m, CASES[i].ms);
        CHECK_EQ_U64(m.hist[CASES[i].bucket], 1);
        CHECK_EQ_U64(m.count, 1);
        CHECK_EQ_U64(m.sum_ms, CASES[i].ms);
        pk_metric_remove(&m, CASES[i].ms);
        CHECK_EQ_U64(m.hist[CASES[i].bucket] + m.count + m.sum_ms, 0);
    }
}

PK_TEST(mean__of_none_is_zero) {
    struct pk_metric m = {0};
    CHECK_EQ_U64(pk_metric_mean_ms(&m), 0);
    pk_metric_add(&m, 10);
    pk_metric_add(&m, 21);
    CHECK_EQ_U64(pk_metric_mean_ms(&m), 15);
    CHECK_STR(pk_metric_word(PK_MTTR), "mttr");
    CHECK_STR(pk_metric_formula(PK_MTTA), "mean(acknowledged - detected)");
    CHECK_STR(pk_metric_word(PK_METRIC_COUNT), "unknown");
}

PK_TEST_MAIN(elapsed__monotonic_within_a_boot_wall_across, elapsed__unknown_is_not_zero,
             sure__one_start_or_wall_times_that_were_set, duration__formulas, metric__buckets_and_taking_back,
             mean__of_none_is_zero)
