#include "detect/pk_extreme.h"

#include <string.h>

#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;
static struct pk_finding f;

#define HEAD "[rule x]\non = type = quality\ntype = custom\nseverity = high\nstale = 10m\n"

static void give(const char *source, double value) {
    const struct pk_event e = detect_rig_value(&rig, "quality", source, value);
    detect_rig_give(&rig, &e);
}

/* S0-25: 20 points in 5 minutes. */
PK_TEST(drop__of_exactly_the_amount__fires_and_ends_when_the_top_is_old) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = drop >= 20 in 5m\nclear = stable for 10s\n") == PK_OK);
    give("a", 95);
    detect_rig_wait(&rig, 60000);
    give("a", 75.5);
    give("b", 20); /* another source is another series */
    detect_rig_wait(&rig, 60000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("a", 75);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "a");
    CHECK_STR(f.words, "from 95 to 75 in 5m, threshold 20, condition drop >= 20 in 5m");
    CHECK_EQ_U64(f.first_event_ms, 1000000); /* the top */
    detect_rig_wait(&rig, 189000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
    CHECK_EQ_U64(f.at_ms, 1310000); /* 95 left at 1,300,000, and ten seconds */
}

PK_TEST(rise__by_percent__is_of_the_lowest) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = rise >= 50% within 1m for 5s\n") == PK_OK);
    give("a", 0);
    give("a", 7); /* from zero there are no percent */
    detect_rig_wait(&rig, 61000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("a", 200);
    give("a", 299);
    detect_rig_wait(&rig, 6000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("a", 300);
    detect_rig_wait(&rig, 5000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_STR(f.words, "from 200 to 300 in 1m, threshold 50%, condition rise >= 50% in 1m for 5s");
}

PK_TEST(drop__late_top__counts_by_its_own_time) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = drop >= 20 in 1m\n") == PK_OK);
    give("a", 50);
    struct pk_event e = detect_rig_value(&rig, "quality", "a", 80);
    e.event_ms = rig.now_ms - 59999;
    e.flags |= PK_EVENT_LATE;
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE); /* it fell from there to here */
    REQUIRE(detect_rig_init(&rig, HEAD "when = drop >= 20 in 1m\n") == PK_OK);
    give("a", 50);
    e = detect_rig_value(&rig, "quality", "a", 20); /* late and lower: the newest is 50 all the same */
    e.event_ms = rig.now_ms - 1000;
    e.flags |= PK_EVENT_LATE;
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
}

PK_TEST(drop__stale_or_fault__is_unknown_and_no_recovery) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = drop >= 20 in 1h\nclear = stable for 1s\n") == PK_OK);
    give("a", 95);
    give("a", 70);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    detect_rig_wait(&rig, 2 * 3600000); /* ten minutes are stale, and the top is long gone */
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    struct pk_event e = detect_rig_event(&rig, "quality", "a", PK_SEV_INFO);
    e.flags |= PK_EVENT_FAULT;
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("a", 70);
    detect_rig_wait(&rig, 1000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(gap_that_32_bits_do_not_see__leaves_nothing) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = drop >= 20 in 1h\nclear = stable for 1s\n") == PK_OK);
    give("a", 95);
    give("a", 70);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    detect_rig_wait(&rig, 0x100000000ull - 1000u);
    give("a", 60); /* by the low half of the clock 95 was a moment ago */
    detect_rig_wait(&rig, 1000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(drop_and_rise__read_and_price) {
    REQUIRE(detect_rig_init(&rig, HEAD
                            "when = all of (drop(type = quality) >= 5 in 1m, rise >= 2 in 1m)\n") == PK_OK);
    CHECK_EQ_U64(pk_rule_block_bytes(pk_engine_rule(&rig.engine, 0)), 512);
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = drop >= 0 in 1m\n"), PK_E_CONFIG);
    CHECK_STR(rig.diag.message, "the amount must be above 0");
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = drop > 5 in 1m\n"), PK_E_CONFIG);
    CHECK_STR(rig.diag.message, "expected '>=' before '>'");
    CHECK_EQ_INT(detect_rig_init(&rig, HEAD "when = rise >= 5%\n"), PK_E_CONFIG);
    CHECK_STR(rig.diag.message, "expected 'in' at the end");
}

PK_TEST(replayed__fall_in_their_own_time) {
    REQUIRE(detect_rig_init(&rig, HEAD "when = drop >= 20 in 1m\n") == PK_OK);
    for (uint32_t i = 0; i < 3; i++) {
        struct pk_event e = detect_rig_value(&rig, "quality", "a", i == 2 ? 10 : 90 - 30 * i);
        e.flags |= PK_EVENT_REPLAYED;
        e.wall_ms = 1600000000000 + (int64_t)i * (i == 2 ? 40000 : 60000);
        detect_rig_give(&rig, &e);
        CHECK_EQ_INT(detect_rig_finding(&rig, &f), i == 2 ? PK_FINDING_FIRE : -1);
    }
    CHECK(f.is_replayed);
}

PK_TEST_MAIN(drop__of_exactly_the_amount__fires_and_ends_when_the_top_is_old,
             rise__by_percent__is_of_the_lowest, drop__late_top__counts_by_its_own_time,
             drop__stale_or_fault__is_unknown_and_no_recovery, gap_that_32_bits_do_not_see__leaves_nothing,
             drop_and_rise__read_and_price, replayed__fall_in_their_own_time)
