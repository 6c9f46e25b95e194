#include "detect/pk_trend.h"

#include <string.h>

#include "support/detect_rig.h"
#include "support/pk_test.h"

enum { HOUR_MS = 3600000, MINUTE_MS = 60000 };

static struct detect_rig rig;
static struct pk_finding f;

#define HEAD "[rule disk]\non = type = disk\ntype = custom\nseverity = low\nstale = 1h\n"

/* One sample a minute, the value moving by `per_hour`. Returns the first finding's kind, or -1. */
static int run(double *value, double per_hour, uint32_t minutes) {
    for (uint32_t i = 0; i < minutes; i++) {
        detect_rig_wait(&rig, MINUTE_MS);
        const struct pk_event e = detect_rig_value(&rig, "disk", "sda", *value);
        detect_rig_give(&rig, &e);
        *value += per_hour / 60;
        const int kind = detect_rig_finding(&rig, &f);
        if (kind != -1 && kind != PK_FINDING_STILL) {
            return kind;
        }
    }
    return -1;
}

PK_TEST(reaches__steady_rise__is_foretold_in_time) {
    double value = 60;
    REQUIRE(detect_rig_init(&rig, HEAD "when = trend reaches 95 within 24h over 4h\n") == PK_OK);
    CHECK_EQ_INT(run(&value, 1, 60), -1);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_UNKNOWN); /* 8 means of ten minutes */
    CHECK_EQ_INT(run(&value, 1, 560), -1); /* at 70.3 it would take more than a day */
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_OK);
    CHECK_EQ_INT(run(&value, 1, 60), PK_FINDING_FIRE);
    CHECK(value > 70.9 && value < 71.3);
    CHECK(strstr(f.words, " rising 1/h, confidence 1, reaches 95 in ") != NULL);
}

PK_TEST(reaches__when_the_slope_ends__it_ends) {
    double value = 80;
    REQUIRE(detect_rig_init(&rig, HEAD "when = trend reaches 95 within 4h\nclear = stable for 1m\n") ==
            PK_OK);
    CHECK_EQ_INT(run(&value, 6, 120), PK_FINDING_FIRE);
    CHECK_EQ_INT(run(&value, 0, 120), PK_FINDING_CLEARED);
    CHECK(value < 95);
}

PK_TEST(rises_to__beyond_the_limit__holds_though_it_stands_still) {
    double value = 90;
    REQUIRE(detect_rig_init(&rig, HEAD "when = trend rises to 95 within 1h\nclear = stable for 1m\n") ==
            PK_OK);
    CHECK_EQ_INT(run(&value, 10, 60), PK_FINDING_FIRE);
    CHECK_EQ_INT(run(&value, 0, 1), -1);
    value = 96;
    CHECK_EQ_INT(run(&value, 0, 300), -1);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_FIRING);
    value = 50;
    CHECK_EQ_INT(run(&value, 0, 60), PK_FINDING_CLEARED);
}

PK_TEST(falls_to__days_left_of_a_certificate__and_not_the_other_way) {
    double value = 20;
    REQUIRE(detect_rig_init(&rig, HEAD "when = trend falls to 7 within 7d over 2d\n"
                                       "[rule up]\non = type = disk\ntype = custom\nseverity = low\n"
                                       "when = trend reaches 30 within 7d over 2d\n") == PK_OK);
    CHECK_EQ_INT(run(&value, -1.0 / 24, 60 * 24 * 5), -1);
    CHECK_EQ_INT(run(&value, -1.0 / 24, 60 * 24 * 2), PK_FINDING_FIRE);
    CHECK(value > 13.7 && value < 14.2);
    CHECK_EQ_INT(f.rule_index, 0);
}

PK_TEST(stale_or_fault__is_unknown) {
    double value = 80;
    REQUIRE(detect_rig_init(&rig, HEAD "when = trend reaches 95 within 4h\nclear = stable for 1m\n") ==
            PK_OK);
    CHECK_EQ_INT(run(&value, 6, 120), PK_FINDING_FIRE);
    struct pk_event e = detect_rig_event(&rig, "disk", "sda", PK_SEV_INFO);
    e.flags |= PK_EVENT_FAULT;
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_FIRING);
    detect_rig_wait(&rig, 5 * HOUR_MS);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    value = 50; /* back, and unknown until there is enough again */
    CHECK_EQ_INT(run(&value, 0, 15), -1);
    CHECK_EQ_INT(run(&value, 0, 15), PK_FINDING_CLEARED);
}

PK_TEST(read__way_look_back_and_what_cannot_be) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = trend reaches 95 within 24h\n") == PK_OK);
    CHECK_EQ_U64(pk_engine_rule(&rig.engine, 0)->when.within_ms, 6 * HOUR_MS);
    CHECK_EQ_U64(pk_rule_block_bytes(pk_engine_rule(&rig.engine, 0)), 512);
    REQUIRE(detect_rig_init(&rig, HEAD "when = trend reaches 95 within 2s\n") == PK_OK);
    CHECK_EQ_U64(pk_engine_rule(&rig.engine, 0)->when.within_ms, 1000);
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = trend reach 95 within 2s\n"), PK_E_CONFIG);
    CHECK_STR(rig.diag.message,
              "expected reaches, rises to or falls to, not 'reach'; did you mean 'reaches'?");
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = trend rises 95 within 2s\n"), PK_E_CONFIG);
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = trend reaches 95 within 2s over 999ms\n"), PK_E_CONFIG);
    CHECK_STR(rig.diag.message, "a trend is looked for over at least 1s");
}

PK_TEST_MAIN(reaches__steady_rise__is_foretold_in_time, reaches__when_the_slope_ends__it_ends,
             rises_to__beyond_the_limit__holds_though_it_stands_still,
             falls_to__days_left_of_a_certificate__and_not_the_other_way, stale_or_fault__is_unknown,
             read__way_look_back_and_what_cannot_be)
