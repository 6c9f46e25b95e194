#include "base/pk_time.h"

#include <string.h>
#include <time.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

#define BAD INT64_MIN

static int64_t parsed(const char *text) {
    int64_t wall_ms = 0;
    const int err = pk_time_parse(pk_str_of(text), &wall_ms);
    return err == PK_E_BAD_FIELD ? BAD : wall_ms;
}

PK_TEST(time_format__known_moments__are_rfc3339_with_milliseconds) {
    char out[PK_TIME_TEXT_BYTES];
    pk_time_format(0, out);
    CHECK_STR(out, "1970-01-01T00:00:00.000Z");
    pk_time_format(951827696789, out);
    CHECK_STR(out, "2000-02-29T12:34:56.789Z");
    pk_time_format(1795237490123, out);
    CHECK_STR(out, "2026-11-21T05:04:50.123Z");
    pk_time_format(4107542399999, out); /* 2100 is no leap year */
    CHECK_STR(out, "2100-02-28T23:59:59.999Z");
}

PK_TEST(time_format__outside_1970_to_9999__is_clamped) {
    char out[PK_TIME_TEXT_BYTES];
    pk_time_format(-1, out);
    CHECK_STR(out, "1970-01-01T00:00:00.000Z");
    pk_time_format(INT64_MIN, out);
    CHECK_STR(out, "1970-01-01T00:00:00.000Z");
    pk_time_format(253402300799999, out);
    CHECK_STR(out, "9999-12-31T23:59:59.999Z");
    pk_time_format(253402300800000, out);
    CHECK_STR(out, "9999-12-31T23:59:59.999Z");
    pk_time_format(INT64_MAX, out);
    CHECK_STR(out, "9999-12-31T23:59:59.999Z");
}

PK_TEST(time_parse__forms_of_rfc3339__are_read) {
    CHECK_EQ_INT(parsed("2026-11-21T05:04:50.123Z"), 1795237490123);
    CHECK_EQ_INT(parsed("2026-11-21T05:04:50Z"), 1795237490000);
    CHECK_EQ_INT(parsed("2026-11-21 05:04:50z"), 1795237490000);
    CHECK_EQ_INT(parsed("2026-11-21t05:04:50.1Z"), 1795237490100);
    CHECK_EQ_INT(parsed("2026-11-21T05:04:50.123456789Z"), 1795237490123);
    CHECK_EQ_INT(parsed("2026-11-21T05:04:50.999999999Z"), 1795237490999);
    CHECK_EQ_INT(parsed("2026-11-21T07:34:50+02:30"), 1795237490000);
    CHECK_EQ_INT(parsed("2026-11-20T20:04:50-09:00"), 1795237490000);
    CHECK_EQ_INT(parsed("2026-11-21T05:04:50-00:00"), 1795237490000);
    CHECK_EQ_INT(parsed("1969-12-31T23:59:59.999Z"), -1);
    CHECK_EQ_INT(parsed("0000-01-01T00:00:00Z"), -62167219200000);
    CHECK_EQ_INT(parsed("9999-12-31T23:59:59.999Z"), 253402300799999);
}

PK_TEST(time_parse__leap_second__reads_as_the_last_millisecond_before) {
    CHECK_EQ_INT(parsed("2016-12-31T23:59:60Z"), parsed("2016-12-31T23:59:59.999Z"));
    CHECK_EQ_INT(parsed("2016-12-31T23:59:60.500Z"), parsed("2016-12-31T23:59:59.999Z"));
    CHECK_EQ_INT(parsed("2017-01-01T01:59:60+02:00"), parsed("2016-12-31T23:59:59.999Z"));
}

PK_TEST(time_parse__anything_else__is_a_bad_field) {
    static const char *const TEXTS[] = {
        "",
        "2026",
        "2026-11-21",
        "2026-11-21T05:04:50",
        "2026-11-21T05:04:50.Z",
        "2026-11-21T05:04:50.1234567890Z",
        "2026-11-21T05:04:50,1Z",
        "2026-11-21T05:04:50ZZ",
        "2026-11-21T05:04:50 Z",
        " 2026-11-21T05:04:50Z",
        "2026-11-21T05:04:50Z ",
        "2026-11-21X05:04:50Z",
        "2026-11-21T05:04Z",
        "2026-11-21T5:04:50Z",
        "2026-1-21T05:04:50Z",
        "26-11-21T05:04:50Z",
        "+026-11-21T05:04:50Z",
        "-026-11-21T05:04:50Z",
        "2026-11-21T05:04:61Z",
        "2026-11-21T05:60:50Z",
        "2026-11-21T24:00:00Z",
        "2026-00-21T05:04:50Z",
        "2026-13-21T05:04:50Z",
        "2026-11-00T05:04:50Z",
        "2026-11-31T05:04:50Z",
        "2026-02-29T05:04:50Z",
        "1900-02-29T05:04:50Z",
        "2026-11-21T05:04:50+24:00",
        "2026-11-21T05:04:50+02:60",
        "2026-11-21T05:04:50+0200",
        "2026-11-21T05:04:50+02",
        "2026-11-21T05:04:50+02:000",
        "20261121T050450Z",
        "1795237490123",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        CHECK_EQ_INT(parsed(TEXTS[i]), BAD);
    }
    int64_t kept = 42;
    CHECK_EQ_INT(pk_time_parse((struct pk_str){NULL, 0}, &kept), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_time_parse(pk_str_make("2026-11-21\0"
                                           "05:04:50Z",
                                           20),
                               &kept),
                 PK_E_BAD_FIELD);
    CHECK_EQ_INT(kept, 42);
}

PK_TEST(time_parse__every_prefix_of_a_good_text__is_a_bad_field) {
    static const char TEXT[] = "2026-11-21T05:04:50.123+02:00";
    int64_t wall_ms;
    for (size_t n = 0; n < sizeof TEXT - 1u; n++) {
        CHECK_EQ_INT(pk_time_parse(pk_str_make(TEXT, n), &wall_ms), PK_E_BAD_FIELD);
    }
    CHECK_EQ_INT(pk_time_parse(pk_str_make(TEXT, sizeof TEXT - 1u), &wall_ms), PK_OK);
}

PK_TEST(civil__every_day_of_800_years__counts_on_by_one) {
    int64_t want_ms = pk_time_from_civil(1600, 1, 1, 0, 0, 0);
    CHECK_EQ_INT(want_ms, -11676096000000);
    for (int year = 1600; year < 2400; year++) {
        for (unsigned month = 1; month <= 12; month++) {
            for (unsigned day = 1; day <= pk_time_days_in_month(year, month); day++) {
                int y;
                unsigned mo, d, h, mi, s;
                REQUIRE(pk_time_from_civil(year, month, day, 0, 0, 0) == want_ms);
                pk_time_to_civil(want_ms + 86399999, &y, &mo, &d, &h, &mi, &s);
                REQUIRE(y == year && mo == month && d == day && h == 23 && mi == 59 && s == 59);
                want_ms += 86400000;
            }
        }
    }
}

PK_TEST(civil__random_times__agree_with_libc) {
    struct pk_rng r;
    pk_rng_seed(&r, 1970);
    for (int i = 0; i < 20000; i++) {
        const int64_t wall_ms = (int64_t)pk_rng_below(&r, 600000000000000) - 100000000000000;
        /* Floor, as C's division is not. */
        const int64_t floor_s = (wall_ms - ((wall_ms % 1000) + 1000) % 1000) / 1000;
        const time_t seconds = (time_t)floor_s;
        if ((int64_t)seconds != floor_s) {
            continue; /* a libc with 32 bits of time */
        }
        struct tm tm;
        int y;
        unsigned mo, d, h, mi, s;
        REQUIRE(gmtime_r(&seconds, &tm) != NULL);
        pk_time_to_civil(wall_ms, &y, &mo, &d, &h, &mi, &s);
        REQUIRE(y == tm.tm_year + 1900 && (int)mo == tm.tm_mon + 1 && (int)d == tm.tm_mday);
        REQUIRE((int)h == tm.tm_hour && (int)mi == tm.tm_min && (int)s == tm.tm_sec);
        REQUIRE(pk_time_from_civil(y, mo, d, h, mi, s) == floor_s * 1000);
    }
}

PK_TEST(time__random_moments__format_and_parse_back) {
    struct pk_rng r;
    pk_rng_seed(&r, 9999);
    for (int i = 0; i < 20000; i++) {
        char out[PK_TIME_TEXT_BYTES];
        const int64_t wall_ms = (int64_t)pk_rng_below(&r, 253402300800000);
        pk_time_format(wall_ms, out);
        REQUIRE(strlen(out) == PK_TIME_TEXT_BYTES - 1u);
        REQUIRE(parsed(out) == wall_ms);
    }
}

PK_TEST(days_in_month__leap_years_and_bad_months) {
    CHECK_EQ_U64(pk_time_days_in_month(2024, 2), 29);
    CHECK_EQ_U64(pk_time_days_in_month(2026, 2), 28);
    CHECK_EQ_U64(pk_time_days_in_month(1900, 2), 28);
    CHECK_EQ_U64(pk_time_days_in_month(2000, 2), 29);
    CHECK_EQ_U64(pk_time_days_in_month(2026, 12), 31);
    CHECK_EQ_U64(pk_time_days_in_month(2026, 0), 0);
    CHECK_EQ_U64(pk_time_days_in_month(2026, 13), 0);
}

PK_TEST(time_quality_word__each__is_the_wire_word) {
    CHECK_STR(pk_time_quality_word(PK_TIME_UNSET), "unset");
    CHECK_STR(pk_time_quality_word(PK_TIME_FLOOR), "floor");
    CHECK_STR(pk_time_quality_word(PK_TIME_NTP), "ntp");
    CHECK_STR(pk_time_quality_word(PK_TIME_HUB), "hub");
}

PK_TEST_MAIN(time_format__known_moments__are_rfc3339_with_milliseconds,
             time_format__outside_1970_to_9999__is_clamped, time_parse__forms_of_rfc3339__are_read,
             time_parse__leap_second__reads_as_the_last_millisecond_before,
             time_parse__anything_else__is_a_bad_field,
             time_parse__every_prefix_of_a_good_text__is_a_bad_field,
             civil__every_day_of_800_years__counts_on_by_one, civil__random_times__agree_with_libc,
             time__random_moments__format_and_parse_back, days_in_month__leap_years_and_bad_months,
             time_quality_word__each__is_the_wire_word)
