#include "detect/pk_feed.h"

#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;
static struct pk_finding f;

PK_TEST(count__consecutive__an_event_outside_the_brackets_starts_over) {
    REQUIRE(detect_rig_init(
                &rig,
                "[rule r]\non = type = t\nwhen = count(value > 10) >= 3 in 60s by source\nconsecutive = yes\n"
                "type = custom\nseverity = low\n") == PK_OK);
    static const double VALUES[] = {11, 12, 5, 11, 12, 13};
    for (size_t i = 0; i < 6; i++) {
        CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
        const struct pk_event e = detect_rig_value(&rig, "t", "s", VALUES[i]);
        detect_rig_give(&rig, &e);
        rig.now_ms += 1000;
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(count__clear_by_value__is_fed_by_the_events_outside_the_brackets) {
    REQUIRE(detect_rig_init(
                &rig,
                "[rule m]\non = type = memory_pct\nwhen = count(value > 90) >= 3 in 120s by source\n"
                "type = memory_exhaustion\nseverity = critical\nclear = value < 85 for 20s\n") == PK_OK);
    static const double VALUES[] = {95, 95, 95, 88, 80, 80, 80};
    for (size_t i = 0; i < 7; i++) {
        const struct pk_event e = detect_rig_value(&rig, "memory_pct", "memory", VALUES[i]);
        detect_rig_give(&rig, &e);
        CHECK_EQ_INT(detect_rig_finding(&rig, &f), i == 2 ? (int)PK_FINDING_FIRE : -1);
        detect_rig_wait(&rig, 9000);
    }
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_CLEARED);
    CHECK_EQ_U64(f.at_ms, 1000000 + 36000 + 20000);
}

PK_TEST(value__an_older_sample__does_not_undo_a_newer_one) {
    REQUIRE(detect_rig_init(
                &rig, "[rule r]\non = type = t\nwhen = value > 10 for 5s\ntype = custom\nseverity = low\n") ==
            PK_OK);
    struct pk_event e = detect_rig_value(&rig, "t", "s", 20);
    detect_rig_give(&rig, &e);
    rig.now_ms += 1000;
    e = detect_rig_value(&rig, "t", "s", 1);
    e.event_ms -= 2000;
    e.flags |= PK_EVENT_LATE;
    detect_rig_give(&rig, &e);
    detect_rig_wait(&rig, 4000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(value__events_without_value__are_no_samples) {
    REQUIRE(detect_rig_init(
                &rig, "[rule r]\non = type = t\nwhen = value < 1\ntype = custom\nseverity = low\n") == PK_OK);
    const struct pk_event e = detect_rig_event(&rig, "t", "s", PK_SEV_INFO);
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    CHECK_EQ_U64(rig.engine.windows.used, 0);
}

PK_TEST(value__replayed__fires_in_its_own_time_beside_the_live_window) {
    REQUIRE(
        detect_rig_init(
            &rig, "[rule r]\non = type = t\nwhen = value > 10 for 60s\ntype = custom\nseverity = low\n") ==
        PK_OK);
    struct pk_event e = detect_rig_value(&rig, "t", "s", 1);
    detect_rig_give(&rig, &e);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
        e = detect_rig_value(&rig, "t", "s", 50);
        e.flags |= PK_EVENT_REPLAYED;
        e.wall_ms += -7200000 + (int64_t)i * 30000;
        detect_rig_give(&rig, &e);
    }
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK(f.is_replayed);
    CHECK_EQ_U64(rig.engine.windows.used, 2);
}

PK_TEST(absent__a_fault__is_no_sign_of_life__and_silly_promises_are_bounded) {
    REQUIRE(detect_rig_init(&rig, "[rule h]\non = type = heartbeat\nwhen = absent for promised else "
                                  "90s\ntype = heartbeat_lost\nseverity = low\n") == PK_OK);
    struct pk_event e = detect_rig_event(&rig, "heartbeat", "a", PK_SEV_INFO);
    e.flags |= PK_EVENT_FAULT;
    detect_rig_give(&rig, &e);
    CHECK_EQ_U64(rig.engine.windows.used, 0);
    e = detect_rig_value(&rig, "heartbeat", "a", 1e300);
    detect_rig_give(&rig, &e);
    CHECK_EQ_U64(rig.engine.windows.slots[rig.engine.windows.rows.newest[0]].gap_ms, 604800000);
    e = detect_rig_value(&rig, "heartbeat", "a", 1e-9);
    detect_rig_give(&rig, &e);
    CHECK_EQ_U64(rig.engine.windows.slots[rig.engine.windows.rows.newest[0]].gap_ms, 1);
    e = detect_rig_value(&rig, "heartbeat", "a", -3);
    detect_rig_give(&rig, &e);
    CHECK_EQ_U64(rig.engine.windows.slots[rig.engine.windows.rows.newest[0]].gap_ms, 30000);
}

PK_TEST(across_absent__silent_sources_add_up) {
    REQUIRE(detect_rig_init(&rig, "[rule r]\non = type = tick\nwhen = absent for 10s across 2 sources\ntype "
                                  "= network_partition\nseverity = high\n"
                                  "clear = stable for 5s\n") == PK_OK);
    const char *const names[] = {"a", "b", "c"};
    struct pk_event e;
    for (size_t i = 0; i < 3; i++) {
        e = detect_rig_event(&rig, "tick", names[i], PK_SEV_INFO);
        detect_rig_give(&rig, &e);
        rig.now_ms += 4000;
    }
    detect_rig_wait(&rig, 1999); /* a is due at 10 s, b at 14 s */
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_U64(f.at_ms, 1014000);
    CHECK_EQ_INT(f.component_count, 2);
    CHECK_STR(f.words, "2 sources are silent, threshold 2");
    for (size_t i = 0; i < 2; i++) {
        e = detect_rig_event(&rig, "tick", names[i], PK_SEV_INFO);
        detect_rig_give(&rig, &e);
    }
    detect_rig_wait(&rig, 5000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST_MAIN(count__consecutive__an_event_outside_the_brackets_starts_over,
             count__clear_by_value__is_fed_by_the_events_outside_the_brackets,
             value__an_older_sample__does_not_undo_a_newer_one, value__events_without_value__are_no_samples,
             value__replayed__fires_in_its_own_time_beside_the_live_window,
             absent__a_fault__is_no_sign_of_life__and_silly_promises_are_bounded,
             across_absent__silent_sources_add_up)
