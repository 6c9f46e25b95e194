#include "respond/pk_risk.h"

#include <string.h>

#include "support/pk_test.h"

static const struct pk_risk_limits LIMITS = {
    .behind_count = 5, .repeat_count = 3, .from_min = 360, .until_min = 1320};

/* 2023-11-14 at this minute of the day. */
static struct pk_stamp at(uint32_t minute, uint8_t quality) {
    return (struct pk_stamp){
        .boot = 1, .mono_ms = 5, .wall_ms = 1699920000000 + (int64_t)minute * 60000, .quality = quality};
}

static uint8_t weigh(const struct pk_risk_limits *limits, struct pk_risk_context context, uint32_t minute,
                     uint8_t quality) {
    const struct pk_stamp now = at(minute, quality);
    return pk_risk_weigh(limits, &context, &now);
}

PK_TEST(weigh__each_reason_at_its_limit) {
    const uint32_t NIGHT = 60;
    CHECK_EQ_INT(weigh(&LIMITS, (struct pk_risk_context){0}, NIGHT, PK_TIME_NTP), 0);
    CHECK_EQ_INT(weigh(&LIMITS, (struct pk_risk_context){.behind_count = 4}, NIGHT, PK_TIME_NTP), 0);
    CHECK_EQ_INT(weigh(&LIMITS, (struct pk_risk_context){.behind_count = 5}, NIGHT, PK_TIME_NTP),
                 PK_RISK_BY_BEHIND);
    CHECK_EQ_INT(weigh(&LIMITS, (struct pk_risk_context){.start_count = 2}, NIGHT, PK_TIME_NTP), 0);
    CHECK_EQ_INT(weigh(&LIMITS, (struct pk_risk_context){.start_count = 3}, NIGHT, PK_TIME_NTP),
                 PK_RISK_BY_REPEAT);
    CHECK_EQ_INT(weigh(&LIMITS, (struct pk_risk_context){.is_critical_target = true}, NIGHT, PK_TIME_NTP),
                 PK_RISK_BY_TARGET);
    CHECK_EQ_INT(weigh(&LIMITS,
                       (struct pk_risk_context){
                           .is_critical_target = true, .behind_count = UINT32_MAX, .start_count = UINT32_MAX},
                       720, PK_TIME_NTP),
                 PK_RISK_BY_ALL);
    /* What changes nothing does not mind the hour. */
    CHECK_EQ_INT(weigh(&LIMITS,
                       (struct pk_risk_context){.is_read_only = true, .behind_count = 99, .start_count = 99},
                       720, PK_TIME_NTP),
                 0);
}

PK_TEST(weigh__limits_of_zero_never_count) {
    const struct pk_risk_limits none = {0};
    CHECK_EQ_INT(
        weigh(&none, (struct pk_risk_context){.behind_count = 1000, .start_count = 1000}, 720, PK_TIME_UNSET),
        0);
}

PK_TEST(hours__every_minute_of_the_day_and_a_clock_nobody_vouches_for) {
    const struct pk_risk_limits night = {.from_min = 1320, .until_min = 360};
    for (uint32_t minute = 0; minute < PK_DAY_MIN; minute++) {
        const bool is_day = minute >= 360 && minute < 1320;
        CHECK_EQ_INT(weigh(&LIMITS, (struct pk_risk_context){0}, minute, PK_TIME_HUB),
                     is_day ? PK_RISK_BY_HOURS : 0);
        CHECK_EQ_INT(weigh(&night, (struct pk_risk_context){0}, minute, PK_TIME_NTP),
                     is_day ? 0 : PK_RISK_BY_HOURS);
        CHECK_EQ_INT(weigh(&LIMITS, (struct pk_risk_context){0}, minute, PK_TIME_FLOOR), PK_RISK_BY_HOURS);
    }
    const struct pk_stamp unset = {.quality = PK_TIME_NTP};
    CHECK_EQ_INT(pk_risk_weigh(&LIMITS, &(struct pk_risk_context){0}, &unset), PK_RISK_BY_HOURS);
}

PK_TEST(words__one_for_each_reason) {
    char words[PK_RISK_FACTORS][PK_RISK_FACTOR_BYTES];
    CHECK_EQ_U64(pk_risk_words(0, &LIMITS, 0, 0, words), 0);
    CHECK_EQ_U64(pk_risk_words(PK_RISK_BY_ALL, &LIMITS, UINT32_MAX, UINT32_MAX, words), 4);
    CHECK_EQ_U64(pk_risk_words(PK_RISK_BY_ALL, &LIMITS, 7, 4, words), 4);
    CHECK_STR(words[0], "the target is marked critical");
    CHECK_STR(words[1], "7 things depend on the target");
    CHECK_STR(words[2], "guarded hours 06:00-22:00 UTC, or the clock is not sure");
    CHECK_STR(words[3], "started on it 4 times in the last hour");
    CHECK_EQ_U64(pk_risk_words(PK_RISK_BY_REPEAT, &LIMITS, 7, 4, words), 1);
    CHECK_STR(words[0], "started on it 4 times in the last hour");
}

PK_TEST(hours_parse__good_and_bad) {
    static const char *const BAD[] = {"",
                                      "06:00",
                                      "06:00-",
                                      "-22:00",
                                      "6:00-22:00",
                                      "06:00-24:00",
                                      "06:60-22:00",
                                      "06:00-06:00",
                                      "06:00-22:00-",
                                      "aa:bb-cc:dd",
                                      "06-22",
                                      "yes"};
    struct pk_risk_limits l = {.from_min = 1, .until_min = 2};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK_EQ_INT(pk_risk_hours_parse(pk_str_of(BAD[i]), &l), PK_E_BAD_FIELD);
        CHECK(l.from_min == 1 && l.until_min == 2);
    }
    CHECK_EQ_INT(pk_risk_hours_parse(pk_str_of("22:30 - 05:00"), &l), PK_OK);
    CHECK(l.from_min == 1350 && l.until_min == 300);
    CHECK_EQ_INT(pk_risk_hours_parse(pk_str_of("no"), &l), PK_OK);
    CHECK(l.from_min == 0 && l.until_min == 0);
}

PK_TEST_MAIN(weigh__each_reason_at_its_limit, weigh__limits_of_zero_never_count,
             hours__every_minute_of_the_day_and_a_clock_nobody_vouches_for, words__one_for_each_reason,
             hours_parse__good_and_bad)
