#include "detect/pk_explain.h"

#include <string.h>

#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;
static struct pk_finding f;
static char text[4096];

static void explain(uint32_t rule) {
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_engine_explain(&rig.engine, rule, rig.now_ms, &b);
}

PK_TEST(explain__count__shows_numbers_and_time_left) {
    REQUIRE(detect_rig_init(&rig, "[rule burst]\nabout = Errors\non = type = api_* and severity >= high\n"
                                  "when = count(value > 3) >= 3 in 10s by source\ntype = error_burst\n"
                                  "severity = high -> critical if ratio(value > 3) > 50% min 20\nclear = "
                                  "count < 2 in 10s for 5s\n") == PK_OK);
    struct pk_event e = detect_rig_value(&rig, "api_x", "web", 4);
    e.severity = PK_SEV_HIGH;
    detect_rig_give(&rig, &e);
    detect_rig_give(&rig, &e);
    rig.now_ms += 2000;
    explain(0);
    CHECK(strstr(text, "rule: burst\nabout: Errors\non: type = api_* and severity >= high\n") == text);
    CHECK(strstr(text, "when: count(value > 3) >= 3 in 10s\n") != NULL);
    CHECK(strstr(text, "clear: count(value > 3) < 2 in 10s for 5s\n") != NULL);
    CHECK(strstr(text, "severity: high -> critical if ratio(value > 3) > 50% min 20\n") != NULL);
    CHECK(strstr(text, "state: ok, last evaluated 2s ago, last fired never\n") != NULL);
    CHECK(strstr(text, "group web: idle, 2 of 3 in 10s, last event 2s ago\n") != NULL);
    e.receive_ms = rig.now_ms;
    e.event_ms = rig.now_ms;
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    explain(0);
    CHECK(strstr(text, "state: firing") != NULL);
    CHECK(strstr(text, "group web: firing, 3 of 3 in 10s, last event 0ms ago, looks again in 8s\n") != NULL);
}

PK_TEST(explain__after_a_restart__says_what_is_known_and_no_more) {
    REQUIRE(detect_rig_init(&rig,
                            "[rule c]\non = type = x\nwhen = count >= 3 in 10m by source\ntype = custom\n"
                            "severity = low\n") == PK_OK);
    REQUIRE(pk_sources_intern(&rig.sources, pk_str_of("web")) >= 0);
    REQUIRE(pk_engine_adopt(&rig.engine, 0, pk_str_of("web"), PK_SEV_LOW, 3600000, rig.now_ms) == PK_OK);
    detect_rig_wait(&rig, 60000);
    explain(0);
    CHECK(strstr(text, "last fired before the start\n") != NULL);
    CHECK(
        strstr(text,
               "group web: firing, 0 of 3 in 10m, no event yet, firing for 1h 1m, counted anew since 1m ago, "
               "looks again in 9m\n") != NULL);
    CHECK_EQ_U64(pk_engine_rule_heard_ms(&rig.engine, 0), 0);
    const struct pk_event e = detect_rig_event(&rig, "x", "web", PK_SEV_LOW);
    detect_rig_give(&rig, &e);
    rig.now_ms += 1000;
    explain(0);
    CHECK(strstr(text, "group web: firing, 1 of 3 in 10m, last event 1s ago, firing for ") != NULL);
    CHECK_EQ_U64(pk_engine_rule_heard_ms(&rig.engine, 0), rig.now_ms - 1000);
}

PK_TEST(explain__pending_gauge__when_it_will_look_again) {
    REQUIRE(detect_rig_init(&rig, "[rule cpu]\non = type = cpu_pct\nwhen = value > 85 for 30s\ntype = "
                                  "cpu_high\nseverity = high\n") == PK_OK);
    const struct pk_event e = detect_rig_value(&rig, "cpu_pct", "cpu", 90);
    detect_rig_give(&rig, &e);
    rig.now_ms += 10000;
    explain(0);
    CHECK(strstr(text, "state: pending") != NULL);
    CHECK(strstr(text, "group cpu: pending, condition yes, last event 10s ago, looks again in 20s\n") !=
          NULL);
}

PK_TEST(state__words_and_what_is_unknown) {
    REQUIRE(
        detect_rig_init(
            &rig,
            "[rule a]\non = any\nwhen = count >= 9 in 5s\ntype = custom\nseverity = low\n"
            "[rule b]\non = type = t\nwhen = value > 85\ntype = custom\nseverity = low\n"
            "[rule c]\non = any\nenabled = no\nwhen = count >= 9 in 5s\ntype = custom\nseverity = low\n") ==
        PK_OK);
    CHECK_STR(pk_rule_state_word(pk_engine_rule_state(&rig.engine, 0)), "ok"); /* nothing to count is fine */
    CHECK_STR(pk_rule_state_word(pk_engine_rule_state(&rig.engine, 1)), "unknown");
    CHECK_STR(pk_rule_state_word(pk_engine_rule_state(&rig.engine, 2)), "disabled");
    const struct pk_event e = detect_rig_value(&rig, "t", "x", 1);
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 1), PK_RULE_OK);
    detect_rig_wait(&rig, 60000);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 1), PK_RULE_UNKNOWN);
}

PK_TEST_MAIN(explain__count__shows_numbers_and_time_left,
             explain__after_a_restart__says_what_is_known_and_no_more,
             explain__pending_gauge__when_it_will_look_again, state__words_and_what_is_unknown)
