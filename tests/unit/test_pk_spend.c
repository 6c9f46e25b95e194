#include "report/pk_spend.h"

#include "support/pk_test.h"

enum { HOUR_MS = 3600000, DAY_MS = 24 * HOUR_MS };
static struct pk_spend s;
static struct pk_stamp now;

static void begin(enum pk_spend_kind kind, uint64_t limit_bytes, uint8_t quality) {
    pk_spend_init(&s, kind);
    pk_spend_limit(&s, limit_bytes);
    now = (struct pk_stamp){.mono_ms = 1000, .quality = quality};
    now.wall_ms = pk_time_from_civil(2026, 11, 21, 12, 0, 0);
}

static bool look(uint64_t counter_bytes, int64_t passed_ms) {
    now.mono_ms += (uint64_t)passed_ms;
    now.wall_ms += passed_ms;
    return pk_spend_look(&s, counter_bytes, &now);
}

PK_TEST(levels__at_their_shares) {
    begin(PK_SPEND_FLASH, 1000, PK_TIME_NTP);
    CHECK(!look(799, 0));
    CHECK_EQ_INT(s.level, PK_SPEND_FREE);
    CHECK(look(800, 1000));
    CHECK_EQ_INT(s.level, PK_SPEND_TIGHT);
    CHECK(!look(899, 1000));
    CHECK(look(900, 1000));
    CHECK_EQ_INT(s.level, PK_SPEND_SHORT);
    CHECK(look(950, 1000));
    CHECK_EQ_INT(s.level, PK_SPEND_SCARCE);
    CHECK(!look(999, 1000));
    CHECK(look(1000, 1000));
    CHECK_EQ_INT(s.level, PK_SPEND_OVER);
    CHECK(!look(5000, 1000));
    CHECK_EQ_U64(s.record.used_bytes, 5000);
}

PK_TEST(limit__none_and_the_largest) {
    begin(PK_SPEND_DATA, 0, PK_TIME_NTP);
    CHECK(!look(UINT64_MAX / 2, 0));
    CHECK_EQ_INT(s.level, PK_SPEND_FREE);
    CHECK_EQ_U64(s.record.used_bytes, UINT64_MAX / 2);
    pk_spend_limit(&s, UINT64_MAX);
    CHECK_EQ_INT(s.level, PK_SPEND_FREE);
    pk_spend_limit(&s, 1);
    CHECK_EQ_INT(s.level, PK_SPEND_OVER);
    pk_spend_limit(&s, UINT64_MAX / 2 + 1000);
    CHECK_EQ_INT(s.level, PK_SPEND_SCARCE);
}

PK_TEST(day__ends_at_midnight_utc) {
    begin(PK_SPEND_FLASH, 1000, PK_TIME_HUB);
    CHECK(look(1500, 0));
    CHECK(!look(1500, 12 * HOUR_MS - 1));
    CHECK_EQ_INT(s.level, PK_SPEND_OVER);
    CHECK(look(1600, 1));
    CHECK_EQ_INT(s.level, PK_SPEND_FREE);
    CHECK_EQ_U64(s.record.used_bytes, 0); /* what was written around midnight belongs to the day that ends */
    CHECK(!look(1700, HOUR_MS));
    CHECK_EQ_U64(s.record.used_bytes, 100);
}

PK_TEST(month__ends_with_the_calendars) {
    begin(PK_SPEND_DATA, 1000, PK_TIME_NTP);
    CHECK(look(900, 0));
    CHECK(!look(900, 9ll * DAY_MS));
    CHECK(look(900, 12 * HOUR_MS)); /* the 1st of December */
    CHECK_EQ_U64(s.record.used_bytes, 0);
    CHECK_EQ_U64(s.record.period, 56 * 12 + 12);
    CHECK(look(901, 31ll * DAY_MS));
    CHECK_EQ_U64(s.record.period, 57 * 12 + 1);
}

PK_TEST(clock__unknown__running_time_ends_the_period) {
    begin(PK_SPEND_FLASH, 1000, PK_TIME_FLOOR);
    CHECK(!look(0, 0)); /* from here on */
    CHECK(look(850, 0));
    for (int i = 0; i < 24 * 60 - 1; i++) {
        CHECK(!look(850, 60000));
    }
    CHECK(look(850, 60000));
    CHECK_EQ_U64(s.record.used_bytes, 0);
    begin(PK_SPEND_DATA, 1000, PK_TIME_UNSET);
    CHECK(!look(1, 0));
    CHECK(!look(1, 29ll * DAY_MS));
    CHECK(look(1, DAY_MS));
}

PK_TEST(clock__looked_at_often__no_time_is_lost) {
    begin(PK_SPEND_FLASH, 1000, PK_TIME_UNSET);
    (void)look(0, 0);
    for (int i = 0; i < 2500; i++) {
        (void)look(0, 400); /* each less than a second */
    }
    CHECK_EQ_U64(s.record.elapsed_s, 1000);
}

PK_TEST(clock__goes_back_or_gets_good__no_new_period_for_that) {
    begin(PK_SPEND_FLASH, 1000, PK_TIME_UNSET);
    CHECK(look(900, 0));
    now.quality = PK_TIME_NTP;
    CHECK(!look(900, 1000)); /* the day has a number now */
    CHECK(s.record.period != 0);
    now.wall_ms -= 3 * (int64_t)DAY_MS;
    CHECK(!look(900, 1000));
    CHECK_EQ_U64(s.record.used_bytes, 900);
    now.wall_ms += 3 * (int64_t)DAY_MS;
    CHECK(look(900, 1000)); /* from the day it was set to: that is over */
}

/* The month has a number, then the clock is lost: no month is shorter than it may be. */
PK_TEST(clock__lost_in_a_month__which_has_31_days) {
    begin(PK_SPEND_DATA, 1000, PK_TIME_NTP);
    (void)look(900, 0);
    now.quality = PK_TIME_FLOOR;
    CHECK(!look(900, 30ll * DAY_MS));
    CHECK(!look(900, DAY_MS - 1000));
    CHECK_EQ_U64(s.record.used_bytes, 900);
    CHECK(look(900, 1000));
    CHECK_EQ_U64(s.record.used_bytes, 0);
    CHECK(look(1800, 1000));
    now.quality = PK_TIME_NTP; /* in the month after: that has begun already */
    CHECK(!look(1800, 1000));
    CHECK_EQ_U64(s.record.used_bytes, 900);
}

PK_TEST(clock__swings_around_an_end__gains_one_period_only) {
    for (int kind = 0; kind < PK_SPEND_COUNT; kind++) {
        begin((enum pk_spend_kind)kind, 1000, PK_TIME_NTP);
        now.wall_ms = pk_time_from_civil(2026, 11, 30, 23, 59, 0);
        (void)look(900, 0);
        CHECK(look(900, 60000));
        (void)look(1800, 1000);
        for (int i = 0; i < 3; i++) {
            now.wall_ms -= HOUR_MS;
            CHECK(!look(1800, 1000));
            now.wall_ms += HOUR_MS;
            CHECK(!look(1800, 1000));
        }
        CHECK_EQ_U64(s.record.used_bytes, 900);
    }
}

PK_TEST(counter__begins_anew__goes_on_counting) {
    begin(PK_SPEND_DATA, 1000, PK_TIME_NTP);
    (void)look(500, 0);
    (void)look(100, 1000);
    CHECK_EQ_U64(s.record.used_bytes, 600);
}

PK_TEST(restart__the_period_goes_on) {
    begin(PK_SPEND_DATA, 1000, PK_TIME_NTP);
    (void)look(850, 0);
    const struct pk_meta_spend kept = s.record;
    pk_spend_init(&s, PK_SPEND_DATA);
    pk_spend_restore(&s, &kept);
    pk_spend_limit(&s, 1000);
    CHECK_EQ_INT(s.level, PK_SPEND_TIGHT);
    CHECK(look(60, 5000)); /* the counter of the new process */
    CHECK_EQ_U64(s.record.used_bytes, 910);
    CHECK_EQ_INT(s.level, PK_SPEND_SHORT);
}

PK_TEST(words) {
    CHECK_STR(pk_spend_word(PK_SPEND_FLASH), "flash");
    CHECK_STR(pk_spend_word(PK_SPEND_COUNT), "unknown");
    CHECK_STR(pk_spend_level_word(PK_SPEND_OVER), "over");
    CHECK_STR(pk_spend_level_word(PK_SPEND_LEVEL_COUNT), "unknown");
}

PK_TEST_MAIN(levels__at_their_shares, limit__none_and_the_largest, day__ends_at_midnight_utc,
             month__ends_with_the_calendars, clock__unknown__running_time_ends_the_period,
             clock__looked_at_often__no_time_is_lost, clock__goes_back_or_gets_good__no_new_period_for_that,
             clock__lost_in_a_month__which_has_31_days, clock__swings_around_an_end__gains_one_period_only,
             counter__begins_anew__goes_on_counting, restart__the_period_goes_on, words)
