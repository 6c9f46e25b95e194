#include "event/pk_logtime.h"

#include <string.h>

#include "base/pk_time.h"
#include "support/pk_test.h"

static struct pk_logtime t;

static const char *wall(const char *text, const char *rest) {
    static char out[PK_TIME_TEXT_BYTES];
    const uint32_t n = pk_logtime_parse(pk_str_of(text), &t);
    if (n == 0 || strcmp(text + n, rest) != 0) {
        return n == 0 ? "none" : text + n;
    }
    if (t.needs_year) {
        pk_logtime_set_year(&t, 2024);
    }
    pk_time_format(t.wall_ms, out);
    return out;
}

PK_TEST(parse__reads_every_form) {
    static const struct {
        const char *text, *rest, *want;
    } ROWS[] = {
        {"2026-11-21T05:04:50.123Z x", " x", "2026-11-21T05:04:50.123Z"},
        {"2026-11-21T05:04:50.123456+01:00 x", " x", "2026-11-21T04:04:50.123Z"},
        {"2026-11-21T05:04:50+0100 x", " x", "2026-11-21T04:04:50.000Z"},
        {"2026-11-21 05:04:50,123 x", " x", "2026-11-21T05:04:50.123Z"},
        {"2026-11-21 05:04:50.123 UTC [7]", " [7]", "2026-11-21T05:04:50.123Z"},
        {"2026-11-21 05:04:50 CET x", " CET x", "2026-11-21T05:04:50.000Z"},
        {"2026-11-21 05:04:50 -0500 x", " x", "2026-11-21T10:04:50.000Z"},
        {"2026-11-21  5:04:50 0 [Note]", " 0 [Note]", "2026-11-21T05:04:50.000Z"},
        {"2026/11/21 05:04:50 [error]", " [error]", "2026-11-21T05:04:50.000Z"},
        {"2005-06-03-15.42.50.363779 R02", " R02", "2005-06-03T15:42:50.363Z"},
        {"2017-05-16_13:53:08 2017", " 2017", "2017-05-16T13:53:08.000Z"},
        {"20171223-22:15:29:606|Step", "|Step", "2017-12-23T22:15:29.606Z"},
        {"20261121T050450Z x", " x", "2026-11-21T05:04:50.000Z"},
        {"081109 203615 148 INFO", " 148 INFO", "2008-11-09T20:36:15.000Z"},
        {"990131 10:20:30 x", " x", "1999-01-31T10:20:30.000Z"},
        {"17/06/09 20:10:40 INFO", " INFO", "2017-06-09T20:10:40.000Z"},
        {"11/21/2026 05:04:50 x", " x", "2026-11-21T05:04:50.000Z"},
        {"03-17 16:13:38.811  1702", "  1702", "2024-03-17T16:13:38.811Z"},
        {"10.30 16:49:06] x", "] x", "2024-10-30T16:49:06.000Z"},
        {"Jun  9 06:06:20 host", " host", "2024-06-09T06:06:20.000Z"},
        {"Feb 29 06:06:20.123456 host", " host", "2024-02-29T06:06:20.123Z"},
        {"Jan 12 2023 06:06:20: x", ": x", "2023-01-12T06:06:20.000Z"},
        {"Sun Dec 04 04:47:44 2005] [x", "] [x", "2005-12-04T04:47:44.000Z"},
        {"Sat Nov 21 05:04:50.123456 2026] x", "] x", "2026-11-21T05:04:50.123Z"},
        {"Sat, 21 Nov 2026 05:04:50 GMT x", " x", "2026-11-21T05:04:50.000Z"},
        {"21/Nov/2026:05:04:50 +0100] x", "] x", "2026-11-21T04:04:50.000Z"},
        {"21-Nov-2026 05:04:50.123 x", " x", "2026-11-21T05:04:50.123Z"},
        {"21 Nov 2026 05:04:50.123 # x", " # x", "2026-11-21T05:04:50.123Z"},
        {"1795237490: x", ": x", "2026-11-21T05:04:50.000Z"},
        {"1795237490.123 x", " x", "2026-11-21T05:04:50.123Z"},
        {"1795237490123 x", " x", "2026-11-21T05:04:50.123Z"},
        {"2016-12-31T23:59:60Z x", " x", "2017-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        CHECK_STR(wall(ROWS[i].text, ROWS[i].rest), ROWS[i].want);
    }
}

PK_TEST(parse__refuses_what_is_no_time) {
    static const char *const BAD[] = {
        "",
        "x",
        "12345678",
        "2026-13-01 00:00:00",
        "2026-11-31 00:00:00",
        "2026-02-29 00:00:00",
        "2026-11-21 24:00:00",
        "2026-11-21 05:60:00",
        "2026-11-21 05",
        "Jum  9 06:06:20 x",
        "Jun 32 06:06:20 x",
        "Feb 30 06:06:20 x",
        "Apr 31 06:06:20 x",
        "02-30 06:06:20.123 x",
        "192.168.1.1 - -",
        "10.30.1.2 16:49:06",
        "1795237490x1234",
        "17952374901 x",
        "Nov 21 x",
        "2026-11-21T05:04:5",
        "99999999 99:99:99",
        "June 9 06:06:20",
        "081109 2036",
        "Sunday is a day x",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK_STR(wall(BAD[i], ""), "none");
    }
    /* No byte beyond the slice is looked at. */
    for (uint32_t n = 0; n < 24; n++) {
        CHECK(pk_logtime_parse(pk_str_make("2026-11-21T05:04:50.123Z", n), &t) <= n);
    }
}

PK_TEST(parse__knows_what_lacks_the_year) {
    CHECK(pk_logtime_parse(pk_str_of("Dec 31 23:59:59 x"), &t) > 0);
    CHECK(t.needs_year && !t.has_weekday);
    CHECK_EQ_INT(t.month, 12);
    CHECK(pk_logtime_parse(pk_str_of("Sun Dec 04 04:47:44 2005 x"), &t) > 0);
    CHECK(!t.needs_year && t.has_weekday);
    CHECK(pk_logtime_parse(pk_str_of("Feb 29 23:59:59 x"), &t) > 0);
    pk_logtime_set_year(&t, 2024);
    CHECK(t.wall_ms > 0);
    CHECK(pk_logtime_parse(pk_str_of("Feb 29 23:59:59 x"), &t) > 0);
    pk_logtime_set_year(&t, 2026);
    CHECK(t.wall_ms == 0); /* there was no such day */
}

PK_TEST(uptime__is_seconds_since_boot) {
    CHECK_EQ_U64(pk_logtime_parse_uptime(pk_str_of("   12.345678] x"), &t), 12);
    CHECK(t.is_uptime);
    CHECK_EQ_U64(t.uptime_ms, 12345);
    CHECK_EQ_U64(pk_logtime_parse_uptime(pk_str_of("12] x"), &t), 0);
    CHECK_EQ_U64(pk_logtime_parse_uptime(pk_str_of("x"), &t), 0);
    CHECK_EQ_U64(pk_logtime_parse_uptime(pk_str_of("99999999999.1] x"), &t), 0);
}

PK_TEST_MAIN(parse__reads_every_form, parse__refuses_what_is_no_time, parse__knows_what_lacks_the_year,
             uptime__is_seconds_since_boot)
