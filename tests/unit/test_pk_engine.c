#include "detect/pk_engine.h"

#include <string.h>

#include "base/pk_assert.h"
#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;
static struct pk_finding f;

#define BURST                                                                                                \
    "[rule burst]\non = severity >= high\nwhen = count >= 3 in 10s by source\ntype = error_burst\n"          \
    "severity = high\nclear = stable for 5s\n"

static void give(const char *type, const char *source, enum pk_severity severity) {
    const struct pk_event e = detect_rig_event(&rig, type, source, severity);
    detect_rig_give(&rig, &e);
}

static void give_value(const char *type, const char *source, double value) {
    const struct pk_event e = detect_rig_value(&rig, type, source, value);
    detect_rig_give(&rig, &e);
}

PK_TEST(count__on_the_nth_event__fires_at_once_with_its_evidence) {
    REQUIRE(detect_rig_init(&rig, BURST) == PK_OK);
    give("api_error", "api", PK_SEV_HIGH);
    detect_rig_wait(&rig, 4000);
    give("api_error", "api", PK_SEV_HIGH);
    give("api_error", "db", PK_SEV_CRITICAL);
    give("api_error", "api", PK_SEV_MEDIUM);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 5999);
    give("api_error", "api", PK_SEV_CRITICAL);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "api");
    CHECK_STR(f.words, "3 events in 10s, threshold 3");
    CHECK_EQ_INT(f.severity, PK_SEV_HIGH);
    CHECK_EQ_U64(f.event_count, 3);
    CHECK_EQ_U64(f.first_event_ms, 1000000);
    CHECK_EQ_U64(f.at_ms, 1009999);
    REQUIRE(f.event_number_count == 3);
    CHECK_EQ_U64(f.event_numbers[0], 1);
    CHECK_EQ_U64(f.event_numbers[1], 2);
    CHECK_EQ_U64(f.event_numbers[2], 5);
    CHECK_EQ_INT(f.component_count, 1);
    CHECK(!f.is_replayed && !f.is_drill);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
}

PK_TEST(drill__is_heard_by_its_own_rule_only) {
    REQUIRE(detect_rig_init(&rig,
                            "[rule all]\non = any\nwhen = count >= 2 in 10s\ntype = custom\nseverity = low\n"
                            "[rule fire_drill]\non = type = fire_drill\nwhen = count >= 1 in 10s\n"
                            "type = self\nseverity = low\n") == PK_OK);
    struct pk_event e = detect_rig_event(&rig, "fire_drill", "drill", PK_SEV_HIGH);
    e.flags |= PK_EVENT_DRILL;
    detect_rig_give(&rig, &e);
    detect_rig_give(&rig, &e);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK(f.is_drill);
    CHECK_EQ_U64(f.rule_index, 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    /* Real events in between do not become a drill. */
    give("x", "api", PK_SEV_HIGH);
    detect_rig_give(&rig, &e);
    give("x", "api", PK_SEV_HIGH);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_U64(f.rule_index, 0);
    CHECK(!f.is_drill);
    CHECK_EQ_U64(f.event_count, 2);
}

/* Anybody may send an event of that type: it would be a real incident, and hold the rule against a drill. */
PK_TEST(drill__its_rule_hears_no_event_that_is_none) {
    REQUIRE(detect_rig_init(&rig, "[rule fire_drill]\non = type = fire_drill\nwhen = count >= 1 in 10s by "
                                  "source\ntype = self\nseverity = critical\nkeys = 1\n") == PK_OK);
    give("fire_drill", "x", PK_SEV_HIGH);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    struct pk_event e = detect_rig_event(&rig, "fire_drill", "drill", PK_SEV_HIGH);
    e.flags |= PK_EVENT_DRILL;
    detect_rig_give(&rig, &e);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK(f.is_drill);
    CHECK_EQ_U64(f.event_count, 1);
}

PK_TEST(count__at_the_edge_of_the_window__an_event_of_exactly_its_age_is_out) {
    REQUIRE(detect_rig_init(&rig, BURST) == PK_OK);
    give("x", "api", PK_SEV_HIGH);
    detect_rig_wait(&rig, 5000);
    give("x", "api", PK_SEV_HIGH);
    detect_rig_wait(&rig, 5000);
    give("x", "api", PK_SEV_HIGH);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 4999);
    give("x", "api", PK_SEV_HIGH);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(count__while_firing__joins_and_clears_after_the_stable_time) {
    REQUIRE(detect_rig_init(&rig, BURST) == PK_OK);
    for (int i = 0; i < 5; i++) {
        give("x", "api", PK_SEV_HIGH);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_FIRING);
    /* The condition holds for 10 s after the burst, then must not hold for 5 s. */
    detect_rig_wait(&rig, 14999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_CLEARED);
    CHECK_EQ_U64(f.at_ms, 1015000);
    CHECK_EQ_U64(f.event_count, 5);
    CHECK_STR(f.group_key, "api");
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_OK);
    CHECK_EQ_U64(pk_engine_next_ms(&rig.engine), UINT64_MAX);
}

PK_TEST(count__goes_on_for_long__still_is_told_once_in_thirty_seconds) {
    REQUIRE(detect_rig_init(&rig, BURST) == PK_OK);
    uint32_t still = 0;
    for (int i = 0; i < 100; i++) {
        give("x", "api", PK_SEV_HIGH);
        detect_rig_wait(&rig, 1000);
        while (detect_rig_finding(&rig, &f) >= 0) {
            still += f.kind == PK_FINDING_STILL ? 1u : 0u;
        }
    }
    CHECK_EQ_U64(still, 3);
    CHECK_EQ_U64(rig.engine.fire_count, 1);
}

PK_TEST(count__for__must_hold_without_a_break) {
    REQUIRE(
        detect_rig_init(
            &rig,
            "[rule r]\non = type = e\nwhen = count >= 2 in 10s for 20s\ntype = custom\nseverity = low\n") ==
        PK_OK);
    for (int i = 0; i < 5; i++) { /* the condition holds from 4 s to 26 s */
        give("e", "a", PK_SEV_INFO);
        detect_rig_wait(&rig, 4000);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 3999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1); /* broken at 22 s: the 4th and 5th are at 12 and 16 s */
    detect_rig_wait(&rig, 60000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    for (int i = 0; i < 6; i++) {
        give("e", "a", PK_SEV_INFO);
        detect_rig_wait(&rig, 4000);
    }
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE); /* by time, not by an event */
    CHECK_EQ_INT(f.event_number_count > 0, 1);
}

PK_TEST(count__cooldown__holds_back_and_fires_when_it_is_over) {
    REQUIRE(detect_rig_init(&rig, BURST "cooldown = 60s\n") == PK_OK);
    for (int i = 0; i < 3; i++) {
        give("x", "api", PK_SEV_HIGH);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    detect_rig_wait(&rig, 20000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
    detect_rig_wait(&rig, 35000);
    for (int i = 0; i < 3; i++) {
        give("x", "api", PK_SEV_HIGH);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    CHECK_EQ_U64(pk_engine_rule_status(&rig.engine, 0)->held_back_count, 1);
    detect_rig_wait(&rig, 5000);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_U64(f.at_ms, 1060000);
}

PK_TEST(value__for__fires_by_the_clock_and_clears_below_the_other_threshold) {
    REQUIRE(
        detect_rig_init(
            &rig,
            "[rule cpu]\non = type = cpu_pct\nwhen = value > 85 for 60s\ntype = cpu_high\nseverity = high\n"
            "clear = value < 75 for 20s\n") == PK_OK);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_UNKNOWN);
    give_value("cpu_pct", "cpu", 50);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_OK);
    for (int i = 0; i < 7; i++) {
        detect_rig_wait(&rig, 9900);
        give_value("cpu_pct", "cpu", 91);
    }
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_PENDING);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 599);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_U64(f.at_ms, 1009900 + 60000);
    CHECK_EQ_U64(f.first_event_ms, 1009900);
    CHECK(f.has_value);
    CHECK_STR(f.words, "value 91, condition value > 85 for 1m");
    give_value("cpu_pct", "cpu", 80); /* between the thresholds: neither */
    detect_rig_wait(&rig, 25000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give_value("cpu_pct", "cpu", 70);
    detect_rig_wait(&rig, 19999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(value__when_the_source_falls_silent__neither_fires_nor_clears) {
    REQUIRE(
        detect_rig_init(
            &rig,
            "[rule cpu]\non = type = cpu_pct\nwhen = value > 85 for 5m\ntype = cpu_high\nseverity = high\n"
            "clear = value < 75 for 5m\n") == PK_OK);
    give_value("cpu_pct", "cpu", 90);
    detect_rig_wait(&rig, 10000);
    give_value("cpu_pct", "cpu", 90);
    detect_rig_wait(&rig, 600000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_UNKNOWN);
    for (int i = 0; i < 32; i++) {
        give_value("cpu_pct", "cpu", 90);
        detect_rig_wait(&rig, 10000);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    give_value("cpu_pct", "cpu", 20);
    detect_rig_wait(&rig, 3600000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_FIRING);
}

PK_TEST(value__a_fault__is_no_violation_and_shows_as_fault) {
    REQUIRE(
        detect_rig_init(
            &rig,
            "[rule p]\non = type = process_up\nwhen = value < 1\ntype = service_down\nseverity = critical\n"
            "clear = value >= 1 for 3s\n") == PK_OK);
    struct pk_event e = detect_rig_event(&rig, "process_up", "web", PK_SEV_INFO);
    e.flags |= PK_EVENT_FAULT;
    detect_rig_give(&rig, &e);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_FAULT);
    give_value("process_up", "web", 1);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_OK);
    give_value("process_up", "web", 0);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "web");
    give_value("process_up", "web", 1);
    detect_rig_wait(&rig, 1000);
    e = detect_rig_event(&rig, "process_up", "web", PK_SEV_INFO);
    e.flags |= PK_EVENT_FAULT;
    detect_rig_give(&rig, &e);
    detect_rig_wait(&rig, 10000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1); /* a fault is not recovery */
    give_value("process_up", "web", 1);
    detect_rig_wait(&rig, 3000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(value__consecutive__a_good_sample_starts_over) {
    REQUIRE(
        detect_rig_init(
            &rig,
            "[rule v]\non = type = t\nwhen = value > 10\nconsecutive = 3\ntype = custom\nseverity = low\n") ==
        PK_OK);
    const double values[] = {11, 12, 9, 11, 12, 13};
    for (size_t i = 0; i < 6; i++) {
        CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
        give_value("t", "s", values[i]);
        detect_rig_wait(&rig, 1000);
    }
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_U64(f.event_count, 3);
}

PK_TEST(absent__unknown_before_first_sight__then_due_to_the_millisecond) {
    REQUIRE(
        detect_rig_init(
            &rig,
            "[rule h]\non = type = heartbeat\nwhen = absent for 2x promised else 90s\ntype = heartbeat_lost\n"
            "severity = critical\nclear = stable for 10s\n") == PK_OK);
    detect_rig_wait(&rig, 3600000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_UNKNOWN);
    give_value("heartbeat", "plc", 5);
    detect_rig_wait(&rig, 4000);
    give_value("heartbeat", "plc", 5);
    const uint64_t last_ms = rig.now_ms;
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_OK);
    detect_rig_wait(&rig, 9999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_U64(f.at_ms, last_ms + 10000);
    CHECK_EQ_U64(f.first_event_ms, last_ms);
    CHECK_STR(f.group_key, "plc");
    CHECK_STR(f.words, "silent for 10s, promised every 5s, condition absent for 2x promised else 1m 30s");
    detect_rig_wait(&rig, 60000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give_value("heartbeat", "plc", 30);
    detect_rig_wait(&rig, 10000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(absent__without_a_promise__uses_the_default_of_the_agent) {
    REQUIRE(
        detect_rig_init(
            &rig,
            "[rule h]\non = type = heartbeat\nwhen = absent for promised else 90s\ntype = heartbeat_lost\n"
            "severity = critical\n[rule t]\non = type = tick\nwhen = absent for 7s\ntype = custom\n"
            "severity = low\n") == PK_OK);
    give("heartbeat", "plc", PK_SEV_INFO);
    give("tick", "plc", PK_SEV_INFO);
    detect_rig_wait(&rig, 7000);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_INT(f.rule_index, 1);
    detect_rig_wait(&rig, 22999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_INT(f.rule_index, 0);
}

PK_TEST(absent__replayed_and_late_events__neither_trip_nor_feed_it) {
    REQUIRE(detect_rig_init(
                &rig, "[rule t]\non = type = tick\nwhen = absent for 10s\ntype = custom\nseverity = low\n") ==
            PK_OK);
    struct pk_event e = detect_rig_event(&rig, "tick", "a", PK_SEV_INFO);
    e.flags |= PK_EVENT_REPLAYED;
    detect_rig_give(&rig, &e);
    e = detect_rig_event(&rig, "tick", "a", PK_SEV_INFO);
    e.flags |= PK_EVENT_LATE;
    e.event_ms -= 60000;
    detect_rig_give(&rig, &e);
    detect_rig_wait(&rig, 100000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("tick", "a", PK_SEV_INFO);
    detect_rig_wait(&rig, 9000);
    e = detect_rig_event(&rig, "tick", "a", PK_SEV_INFO);
    e.flags |= PK_EVENT_REPLAYED;
    detect_rig_give(&rig, &e);
    detect_rig_wait(&rig, 1000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(count__replayed_events__are_counted_in_their_own_time_and_say_so) {
    REQUIRE(detect_rig_init(&rig, BURST) == PK_OK);
    struct pk_event e;
    for (int i = 0; i < 6; i++) { /* a minute apart, delivered at once */
        e = detect_rig_event(&rig, "x", "api", PK_SEV_HIGH);
        e.flags |= PK_EVENT_REPLAYED;
        e.wall_ms += -86400000 + (int64_t)i * 60000;
        detect_rig_give(&rig, &e);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    for (int i = 0; i < 3; i++) {
        e = detect_rig_event(&rig, "x", "api", PK_SEV_HIGH);
        e.flags |= PK_EVENT_REPLAYED;
        e.wall_ms += -43200000 + (int64_t)i * 3000;
        detect_rig_give(&rig, &e);
    }
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK(f.is_replayed);
    CHECK_STR(f.group_key, "api");
    detect_rig_wait(&rig, 5000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
    give("x", "api", PK_SEV_HIGH);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1); /* they did not count among the live ones */
}

PK_TEST(across__count__needs_enough_sources_within_the_window) {
    REQUIRE(detect_rig_init(&rig, "[rule a]\non = type = timeout_error\nwhen = count >= 4 in 60s across 3 "
                                  "sources\ntype = network_partition\n"
                                  "severity = high\n") == PK_OK);
    give("timeout_error", "a", PK_SEV_INFO);
    detect_rig_wait(&rig, 30000);
    for (int i = 0; i < 5; i++) {
        give("timeout_error", "b", PK_SEV_INFO);
    }
    detect_rig_wait(&rig, 30000);
    give("timeout_error", "c", PK_SEV_INFO); /* a is out by now */
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("timeout_error", "a", PK_SEV_INFO);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "");
    CHECK_EQ_INT(f.component_count, 3);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 3600000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(across__count__names_sources_whose_events_the_count_did_not_need) {
    REQUIRE(detect_rig_init(&rig, "[rule a]\non = type = x\nwhen = count >= 3 in 60s across 3 sources\n"
                                  "type = network_partition\nseverity = high\n") == PK_OK);
    static const char *const SOURCES[] = {"gone", "a", "b", "b", "b", "c"};
    for (size_t i = 0; i < PK_COUNT_OF(SOURCES); i++) {
        CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
        give("x", SOURCES[i], PK_SEV_INFO);
        detect_rig_wait(&rig, i == 0 ? 60000 : 5);
    }
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_INT(f.component_count, 3);
}

PK_TEST(across__value__fires_when_enough_sources_hold_and_clears_when_not) {
    REQUIRE(detect_rig_init(&rig, "[rule a]\non = type = memory_pct\nwhen = value > 90 for 20s across 2 "
                                  "sources\ntype = memory_exhaustion\n"
                                  "severity = high\nclear = stable for 10s\nkeys = 4\n") == PK_OK);
    for (int i = 0; i < 3; i++) {
        give_value("memory_pct", "a", 95);
        give_value("memory_pct", "b", 50);
        detect_rig_wait(&rig, 10000);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    for (int i = 0; i < 3; i++) {
        give_value("memory_pct", "a", 95);
        give_value("memory_pct", "b", 96);
        CHECK_EQ_INT(detect_rig_finding(&rig, &f), i < 2 ? -1 : (int)PK_FINDING_FIRE);
        detect_rig_wait(&rig, 10000);
    }
    CHECK_EQ_INT(f.component_count, 2);
    CHECK_STR(f.words, "2 sources with value > 90 for 20s");
    give_value("memory_pct", "b", 40);
    give_value("memory_pct", "a", 95);
    detect_rig_wait(&rig, 10000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(escalation__ratio_value_count_and_lasting__raise_once) {
    REQUIRE(
        detect_rig_init(
            &rig,
            "[rule d]\non = type = disk_pct\nwhen = value > 90\ntype = disk_space_low\n"
            "severity = high -> critical if value > 95\n"
            "[rule c]\non = type = e\nwhen = count >= 2 in 60s\ntype = custom\nseverity = low -> high if "
            "count >= 4\n"
            "[rule l]\non = type = g\nwhen = value > 1\ntype = custom\nseverity = low -> medium if lasting "
            "30s\n"
            "[rule q]\non = type = e | ok\nwhen = count(severity >= high) >= 2 in 60s\ntype = error_burst\n"
            "severity = high -> critical if ratio(severity >= high) > 50% min 10\n") == PK_OK);
    give_value("disk_pct", "root", 91);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_INT(f.severity, PK_SEV_HIGH);
    give_value("disk_pct", "root", 96);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_RAISED);
    CHECK_EQ_INT(f.severity, PK_SEV_CRITICAL);
    CHECK_STR(f.words, "value 96, escalates at value > 95");
    give_value("disk_pct", "root", 97);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give_value("disk_pct", "var", 99);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_INT(f.severity, PK_SEV_CRITICAL);
    for (int i = 0; i < 4; i++) {
        give("e", "x", PK_SEV_INFO);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_RAISED);
    give_value("g", "x", 2);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    detect_rig_wait(&rig, 29999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_RAISED);
    CHECK_EQ_INT(f.rule_index, 2);
}

PK_TEST(escalation__ratio__names_all_events_of_on_as_its_denominator) {
    REQUIRE(detect_rig_init(
                &rig,
                "[rule q]\non = type = r\nwhen = count(severity >= high) >= 2 in 60s\ntype = error_burst\n"
                "severity = high -> critical if ratio(severity >= high) > 50% min 10\n") == PK_OK);
    give("r", "x", PK_SEV_HIGH);
    for (int i = 0; i < 8; i++) {
        give("r", "x", PK_SEV_INFO);
    }
    give("r", "x", PK_SEV_HIGH); /* 2 of 10 */
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_INT(f.severity, PK_SEV_HIGH);
    for (int i = 0; i < 6; i++) { /* 8 of 16: half is not above half */
        give("r", "x", PK_SEV_HIGH);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("r", "x", PK_SEV_HIGH);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_RAISED);
    CHECK_STR(f.words, "9 of 17 events, threshold above 50%");
}

PK_TEST(group__by_correlation_and_by_field__are_apart) {
    REQUIRE(detect_rig_init(&rig, "[rule c]\non = type = c\nwhen = count >= 2 in 60s by correlation\ntype = "
                                  "custom\nseverity = low\n"
                                  "[rule d]\non = type = d\nwhen = count >= 2 in 60s by data.host\ntype = "
                                  "custom\nseverity = low\n") == PK_OK);
    const char *const ids[] = {"job-1", "job-2", "job-1"};
    for (size_t i = 0; i < 3; i++) {
        struct pk_event e = detect_rig_event(&rig, "c", "s", PK_SEV_INFO);
        detect_rig_correlation(&rig, &e, ids[i]);
        detect_rig_give(&rig, &e);
        e = detect_rig_event(&rig, "d", "s", PK_SEV_INFO);
        detect_rig_field(&rig, &e, "host", ids[i]);
        detect_rig_give(&rig, &e);
    }
    give("c", "s", PK_SEV_INFO); /* without an id: in no group */
    give("d", "s", PK_SEV_INFO);
    give("d", "s", PK_SEV_INFO);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "job-1");
    CHECK_EQ_INT(f.rule_index, 0);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "job-1");
    CHECK_EQ_INT(f.rule_index, 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
}

PK_TEST(terms__globs_fields_and_values__select_events) {
    REQUIRE(detect_rig_init(
                &rig,
                "[rule t]\non = type = api_* | web and source != test* and data.code >= 500 and value > 1.5\n"
                "when = count >= 1 in 60s\ntype = custom\nseverity = low\n") == PK_OK);
    struct {
        const char *type, *source, *code;
        double value;
        bool is_match;
    } const rows[] = {
        {"api_x", "prod", "500", 2, true},   {"web", "prod", "503", 2, true},
        {"webs", "prod", "500", 2, false},   {"api_x", "test1", "500", 2, false},
        {"api_x", "prod", "499", 2, false},  {"api_x", "prod", "500", 1.5, false},
        {"api_x", "prod", "oops", 2, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const uint64_t before = rig.engine.match_count;
        struct pk_event e = detect_rig_value(&rig, rows[i].type, rows[i].source, rows[i].value);
        detect_rig_field(&rig, &e, "code", rows[i].code);
        detect_rig_give(&rig, &e);
        CHECK_EQ_U64(rig.engine.match_count - before, rows[i].is_match ? 1 : 0);
    }
}

PK_TEST(keys__more_groups_than_windows__evicts_the_stalest_and_counts) {
    REQUIRE(detect_rig_init(&rig, BURST "keys = 2\n") == PK_OK);
    give("x", "a", PK_SEV_HIGH);
    detect_rig_wait(&rig, 2000);
    give("x", "b", PK_SEV_HIGH);
    detect_rig_wait(&rig, 2000);
    give("x", "a", PK_SEV_HIGH);
    detect_rig_wait(&rig, 1500);
    give("x", "c", PK_SEV_HIGH); /* b goes */
    give("x", "a", PK_SEV_HIGH);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "a");
    CHECK_EQ_U64(rig.engine.windows.evicted_count, 1);
    for (int i = 0; i < 8; i++) { /* a fires and stays */
        char name[2] = {(char)('k' + i), '\0'};
        give("x", name, PK_SEV_HIGH);
    }
    CHECK_EQ_INT(pk_engine_rule_status(&rig.engine, 0)->active_count, 1);
    CHECK_EQ_U64(rig.engine.windows.used, 2);
}

PK_TEST(findings__when_nobody_reads__fire_is_delayed_and_never_lost) {
    REQUIRE(detect_rig_init(
                &rig, "[rule v]\non = type = t\nwhen = value > 1\ntype = custom\nseverity = low\n") == PK_OK);
    for (int i = 0; i < PK_ENGINE_FINDINGS + 5; i++) {
        char name[8] = "s00";
        name[1] = (char)('a' + i / 26);
        name[2] = (char)('a' + i % 26);
        give_value("t", name, 2);
    }
    /* keys = 32 by default: the rest was evicted or waits */
    uint32_t fires = 0;
    for (int round = 0; round < 3; round++) {
        while (detect_rig_finding(&rig, &f) >= 0) {
            fires += f.kind == PK_FINDING_FIRE ? 1u : 0u;
        }
        detect_rig_wait(&rig, 100);
    }
    CHECK_EQ_U64(fires, rig.engine.fire_count);
    CHECK(fires >= PK_ENGINE_FINDINGS);
    CHECK_EQ_U64(rig.engine.finding_high, PK_ENGINE_FINDINGS);
}

PK_TEST(adopt__after_a_restart__clears_when_the_condition_is_known_not_to_hold) {
    REQUIRE(
        detect_rig_init(
            &rig,
            "[rule p]\non = type = process_up\nwhen = value < 1\ntype = service_down\nseverity = critical\n"
            "clear = value >= 1 for 3s\n" BURST
            "[rule h]\non = type = heartbeat\nwhen = absent for 10s\ntype = heartbeat_lost\nseverity = high\n"
            "clear = stable for 5s\n") == PK_OK);
    CHECK_EQ_INT(pk_engine_adopt(&rig.engine, 0, pk_str_of("web"), PK_SEV_CRITICAL, 0, rig.now_ms),
                 PK_E_NOT_FOUND);
    CHECK(pk_sources_intern(&rig.sources, pk_str_of("web")) >= 0);
    CHECK_EQ_INT(pk_engine_adopt(&rig.engine, 0, pk_str_of("web"), PK_SEV_CRITICAL, 0, rig.now_ms), PK_OK);
    CHECK_EQ_INT(pk_engine_adopt(&rig.engine, 0, pk_str_of("web"), PK_SEV_CRITICAL, 0, rig.now_ms), PK_OK);
    CHECK_EQ_INT(pk_engine_adopt(&rig.engine, 2, pk_str_of("web"), PK_SEV_HIGH, 0, rig.now_ms), PK_OK);
    CHECK_EQ_INT(pk_engine_adopt(&rig.engine, 9, pk_str_of("web"), PK_SEV_HIGH, 0, rig.now_ms),
                 PK_E_NOT_FOUND);
    detect_rig_wait(&rig, 3600000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1); /* nothing was seen: not known to be over */
    give_value("process_up", "web", 1);
    detect_rig_wait(&rig, 3000);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_CLEARED);
    CHECK_STR(f.group_key, "web");
    CHECK_EQ_INT(pk_engine_adopt(&rig.engine, 1, pk_str_of("web"), PK_SEV_HIGH, 0, rig.now_ms), PK_OK);
    detect_rig_wait(&rig, 14999); /* a window of 10 s without errors, and 5 s of calm */
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
    give("heartbeat", "web", PK_SEV_INFO);
    detect_rig_wait(&rig, 5000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

#define THREE                                                                                                \
    "[rule c]\non = type = x\nwhen = count >= 3 in 60s by source\ntype = custom\n"                           \
    "severity = low -> high if count >= 5\n"

PK_TEST(adopt__what_was_assumed__raises_nothing) {
    REQUIRE(detect_rig_init(&rig, THREE) == PK_OK);
    CHECK(pk_sources_intern(&rig.sources, pk_str_of("s")) >= 0);
    REQUIRE(pk_engine_adopt(&rig.engine, 0, pk_str_of("s"), PK_SEV_LOW, 0, rig.now_ms) == PK_OK);
    detect_rig_wait(&rig, 1000);
    for (int i = 0; i < 4; i++) {
        give("x", "s", PK_SEV_INFO);
        detect_rig_wait(&rig, 1);
    }
    while (detect_rig_finding(&rig, &f) >= 0) {
        CHECK_EQ_INT(f.kind, PK_FINDING_STILL);
    }
    give("x", "s", PK_SEV_INFO);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_RAISED);
}

#define DOWN "[rule p]\non = type = process_up\nwhen = value < 1\ntype = service_down\nseverity = critical\n"

PK_TEST(release__by_a_person__ends_without_a_finding_and_waits_before_it_fires_anew) {
    REQUIRE(detect_rig_init(&rig, DOWN) == PK_OK);
    give_value("process_up", "web", 0);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_INT(pk_engine_release(&rig.engine, 0, pk_str_of("db"), rig.now_ms), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_engine_release(&rig.engine, 0, pk_str_of("web"), rig.now_ms), PK_OK);
    for (int i = 0; i < 29; i++) {
        detect_rig_wait(&rig, 1000);
        give_value("process_up", "web", 0);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(put_off__no_room_for_what_fired__fires_anew_after_a_second_while_it_goes_on) {
    REQUIRE(detect_rig_init(&rig, DOWN "cooldown = 10m\n") == PK_OK);
    CHECK_EQ_INT(pk_engine_put_off(&rig.engine, 0, pk_str_of("web"), rig.now_ms), PK_E_NOT_FOUND);
    give_value("process_up", "web", 0);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_INT(pk_engine_put_off(&rig.engine, 0, pk_str_of("web"), rig.now_ms), PK_OK);
    CHECK_EQ_INT(pk_engine_rule_status(&rig.engine, 0)->active_count, 0); /* others have its place */
    detect_rig_wait(&rig, 999);
    give_value("process_up", "web", 0);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE); /* nobody has to ask */
    CHECK_EQ_INT(pk_engine_put_off(&rig.engine, 0, pk_str_of("web"), rig.now_ms), PK_OK);
    give_value("process_up", "web", 1);
    detect_rig_wait(&rig, 5000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1); /* it is over, and was never told */
}

static void put_off(uint64_t wait_ms, bool was_put_off, uint8_t severity) {
    detect_rig_wait(&rig, wait_ms - 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_INT(f.was_put_off, was_put_off);
    CHECK_EQ_INT(f.severity, severity);
    CHECK_EQ_INT(pk_engine_put_off(&rig.engine, 0, pk_str_of("web"), rig.now_ms), PK_OK);
}

PK_TEST(put_off__again_and_again__seldomer_and_anew_once_it_was_over) {
    static const uint32_t PAUSES_MS[] = {1000,  2000,   4000,   8000,   16000, 32000,
                                         64000, 128000, 256000, 300000, 300000};
    REQUIRE(detect_rig_init(&rig, DOWN "stale = 7d\n") == PK_OK);
    give_value("process_up", "web", 0);
    for (uint32_t round = 0; round < 2; round++) {
        CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
        CHECK(!f.was_put_off);
        CHECK_EQ_INT(pk_engine_put_off(&rig.engine, 0, pk_str_of("web"), rig.now_ms), PK_OK);
        for (uint32_t i = 0; i < PK_COUNT_OF(PAUSES_MS) && round == 0; i++) {
            put_off(PAUSES_MS[i], true, PK_SEV_CRITICAL);
        }
        give_value("process_up", "web", 1);
        detect_rig_wait(&rig, 300000);
        CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
        give_value("process_up", "web", 0); /* another episode */
    }
}

PK_TEST(put_off__more_severe_than_before__is_told_as_new_and_looked_for_every_16_s) {
    REQUIRE(detect_rig_init(&rig, "[rule p]\non = type = process_up\nwhen = value < 1\ntype = service_down\n"
                                  "severity = low -> critical if value < 0\nstale = 7d\n") == PK_OK);
    give_value("process_up", "web", 0);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_INT(pk_engine_put_off(&rig.engine, 0, pk_str_of("web"), rig.now_ms), PK_OK);
    for (uint32_t ms = 1000; ms <= 16000; ms *= 2) {
        put_off(ms, true, PK_SEV_LOW);
    }
    give_value("process_up", "web", -1);
    put_off(16000, false, PK_SEV_CRITICAL);
    put_off(16000, true, PK_SEV_CRITICAL);
}

PK_TEST(put_off__silence__is_known_while_it_lasts) {
    REQUIRE(detect_rig_init(&rig, "[rule h]\non = type = heartbeat\nwhen = absent for 10s\n"
                                  "type = heartbeat_lost\nseverity = high\n") == PK_OK);
    give("heartbeat", "web", PK_SEV_INFO);
    CHECK(!pk_engine_is_silent(&rig.engine, pk_str_of("web")));
    detect_rig_wait(&rig, 10000);
    CHECK(pk_engine_is_silent(&rig.engine, pk_str_of("web")));
    for (int i = 0; i < 5; i++) {
        CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
        CHECK_EQ_INT(pk_engine_put_off(&rig.engine, 0, pk_str_of("web"), rig.now_ms), PK_OK);
        CHECK(pk_engine_is_silent(&rig.engine, pk_str_of("web")));
        CHECK(!pk_engine_is_silent(&rig.engine, pk_str_of("db")));
        detect_rig_wait(&rig, 1000u << i);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    CHECK_EQ_INT(pk_engine_put_off(&rig.engine, 0, pk_str_of("web"), rig.now_ms), PK_OK);
    give("heartbeat", "web", PK_SEV_INFO);
    CHECK(!pk_engine_is_silent(&rig.engine, pk_str_of("web"))); /* before its pause is over */
}

PK_TEST(load__a_wrong_file__changes_nothing) {
    REQUIRE(detect_rig_init(&rig, BURST) == PK_OK);
    give("x", "api", PK_SEV_HIGH);
    give("x", "api", PK_SEV_HIGH);
    CHECK_EQ_INT(
        detect_rig_load(&rig,
                        BURST "[rule b]\non = any\nwhen = cuont >= 1 in 5s\ntype = custom\nseverity = low\n"),
        PK_E_CONFIG);
    CHECK_STR(rig.diag.file, "test.rules");
    CHECK_EQ_U64(rig.diag.line, 9);
    CHECK_EQ_U64(rig.diag.column, 8);
    CHECK_STR(rig.diag.message, "'cuont' is not a condition; did you mean 'count'?");
    give("x", "api", PK_SEV_HIGH);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(load__keeps_windows_of_unchanged_rules_under_their_new_index) {
    REQUIRE(detect_rig_init(&rig, BURST) == PK_OK);
    give("x", "api", PK_SEV_HIGH);
    give("x", "api", PK_SEV_HIGH);
    const char *const two =
        "[rule a]\non = type = zz\nwhen = count >= 1 in 5s\ntype = custom\nseverity = low\n\n" BURST;
    REQUIRE(detect_rig_load(&rig, two) == PK_OK);
    CHECK_EQ_INT(pk_engine_find_rule(&rig.engine, pk_str_of("burst")), 1);
    give("x", "api", PK_SEV_HIGH);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_INT(f.rule_index, 1);
    CHECK_EQ_U64(pk_engine_rule_status(&rig.engine, 1)->fire_count, 1);
    REQUIRE(detect_rig_load(&rig, BURST) == PK_OK);
    CHECK_EQ_U64(pk_engine_rule_status(&rig.engine, 0)->fire_count, 1);
    detect_rig_wait(&rig, 15000);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_CLEARED);
    CHECK_EQ_INT(f.rule_index, 0);
}

PK_TEST(load__of_a_changed_rule__what_fires_is_judged_by_the_new_text) {
    REQUIRE(detect_rig_init(&rig, BURST) == PK_OK);
    for (int i = 0; i < 3; i++) {
        give("x", "api", PK_SEV_HIGH);
    }
    give("x", "db", PK_SEV_HIGH);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
    REQUIRE(
        detect_rig_load(
            &rig,
            "[rule burst]\non = severity >= high\nwhen = count >= 5 in 10s by source\ntype = error_burst\n"
            "severity = high\nclear = stable for 2s\n") == PK_OK);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_FIRING);
    CHECK_EQ_U64(rig.engine.windows.used, 1);
    give("x", "api", PK_SEV_HIGH);
    detect_rig_wait(&rig, 11999); /* its counts are lost: a window of 10 s, and 2 s of calm */
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_CLEARED);
    CHECK_STR(f.group_key, "api");
    REQUIRE(detect_rig_load(&rig, "") == PK_OK);
    CHECK_EQ_U64(pk_engine_rule_count(&rig.engine), 0);
    CHECK_EQ_U64(rig.engine.windows.used, 0);
}

PK_TEST(load__of_other_words_actions_or_times_of_telling__keeps_every_count) {
    static const char *const COUNT =
        "on = severity >= high\nwhen = count >= 3 in 10s by source\nseverity = low\n";
    static const struct {
        const char *more;
        bool is_kept;
    } CASES[] = {{"about = Other words\n", true},
                 {"title = T\ntags = a\n", true},
                 {"cooldown = 1m\n", true},
                 {"check_interval = 5s\n", true},
                 {"# a comment\nenabled = yes\n", true},
                 {"clear = stable for 9s\n", false},
                 {"keys = 9\n", false}};
    for (size_t i = 0; i < PK_COUNT_OF(CASES); i++) {
        char rules[256];
        struct pk_buf b;
        pk_buf_init(&b, rules, sizeof rules);
        pk_buf_puts(&b, "[rule c]\ntype = custom\n");
        pk_buf_puts(&b, COUNT);
        REQUIRE(detect_rig_init(&rig, rules) == PK_OK);
        give("x", "api", PK_SEV_HIGH);
        give("x", "api", PK_SEV_HIGH);
        pk_buf_init(&b, rules, sizeof rules);
        pk_buf_puts(&b, "[rule c]\ntype = self\n");
        pk_buf_puts(&b, COUNT);
        pk_buf_puts(&b, CASES[i].more);
        REQUIRE(detect_rig_load(&rig, rules) == PK_OK);
        give("x", "api", PK_SEV_HIGH);
        CHECK_EQ_INT(detect_rig_finding(&rig, &f), CASES[i].is_kept ? (int)PK_FINDING_FIRE : -1);
    }
}

#define MANY(within, for_time)                                                                               \
    "[rule m]\non = type = cpu\nwhen = value > 90 for " for_time " across 2 sources\ntype = custom\n"        \
    "severity = low\nclear = stable for " within "\n"

PK_TEST(load__of_a_changed_rule_on_sources__waits_until_each_could_hold_again) {
    REQUIRE(detect_rig_init(&rig, MANY("2s", "10s")) == PK_OK);
    for (uint32_t s = 0; s < 45; s++) {
        if (s == 15) {
            REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
            REQUIRE(detect_rig_load(&rig, MANY("1s", "20s")) == PK_OK);
        }
        give_value("cpu", "a", 95);
        give_value("cpu", "b", 95);
        detect_rig_wait(&rig, 1000);
        while (s >= 15 && detect_rig_finding(&rig, &f) >= 0) {
            CHECK_EQ_INT(f.kind, PK_FINDING_STILL); /* it never was over */
        }
    }
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_FIRING);
    give_value("cpu", "a", 5);
    detect_rig_wait(&rig, 1000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(adopt__a_run_of_samples__is_not_over_while_the_value_is_where_it_was) {
    REQUIRE(detect_rig_init(&rig,
                            "[rule v]\non = type = cpu\nwhen = value > 90\nconsecutive = 3\ntype = custom\n"
                            "severity = low\nclear = stable for 1s\n"
                            "[rule c]\non = type = x\nwhen = consecutive(severity >= high) >= 3 by source\n"
                            "type = custom\nseverity = low\nclear = stable for 1s\n") == PK_OK);
    REQUIRE(pk_sources_intern(&rig.sources, pk_str_of("a")) >= 0);
    REQUIRE(pk_engine_adopt(&rig.engine, 0, pk_str_of("a"), PK_SEV_LOW, 0, rig.now_ms) == PK_OK);
    REQUIRE(pk_engine_adopt(&rig.engine, 1, pk_str_of("a"), PK_SEV_LOW, 0, rig.now_ms) == PK_OK);
    give_value("cpu", "a", 95);
    give("x", "a", PK_SEV_HIGH);
    detect_rig_wait(&rig, 9000);
    while (detect_rig_finding(&rig, &f) >= 0) {
        CHECK_EQ_INT(f.kind, PK_FINDING_STILL);
    }
    give_value("cpu", "a", 5);
    give("x", "a", PK_SEV_LOW);
    detect_rig_wait(&rig, 1000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

#define LONG                                                                                                 \
    "[rule l]\non = type = up\nwhen = value < 1\ntype = custom\nseverity = low -> high if lasting 1h\n"

PK_TEST(adopt__lasting__counts_from_the_true_beginning) {
    REQUIRE(detect_rig_init(&rig, LONG) == PK_OK);
    REQUIRE(pk_sources_intern(&rig.sources, pk_str_of("a")) >= 0);
    REQUIRE(pk_engine_adopt(&rig.engine, 0, pk_str_of("a"), PK_SEV_LOW, 3500000, rig.now_ms) == PK_OK);
    detect_rig_wait(&rig, 99999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_RAISED);
    CHECK_STR(f.words, "lasting for 1h, escalates after 1h");
    REQUIRE(detect_rig_init(&rig, LONG) == PK_OK);
    REQUIRE(pk_sources_intern(&rig.sources, pk_str_of("a")) >= 0);
    REQUIRE(pk_engine_adopt(&rig.engine, 0, pk_str_of("a"), PK_SEV_LOW, 7200000, rig.now_ms) == PK_OK);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_RAISED); /* it came true while nobody looked */
}

PK_TEST(enable__off__forgets_and_matches_nothing_until_on_again) {
    REQUIRE(detect_rig_init(&rig, BURST) == PK_OK);
    give("x", "api", PK_SEV_HIGH);
    give("x", "api", PK_SEV_HIGH);
    CHECK_EQ_INT(pk_engine_enable(&rig.engine, 1, false, rig.now_ms), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_engine_enable(&rig.engine, 0, false, rig.now_ms), PK_OK);
    CHECK_EQ_INT(pk_engine_rule_state(&rig.engine, 0), PK_RULE_DISABLED);
    give("x", "api", PK_SEV_HIGH);
    CHECK_EQ_INT(pk_engine_enable(&rig.engine, 0, true, rig.now_ms), PK_OK);
    give("x", "api", PK_SEV_HIGH);
    give("x", "api", PK_SEV_HIGH);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    give("x", "api", PK_SEV_HIGH);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(clock__a_jump_of_months__fires_nothing_and_forgets_old_times) {
    REQUIRE(detect_rig_init(&rig, BURST "[rule cpu]\non = type = cpu_pct\nwhen = value > 85 for 5m\ntype = "
                                        "cpu_high\nseverity = high\n") == PK_OK);
    give("x", "api", PK_SEV_HIGH);
    give("x", "api", PK_SEV_HIGH);
    give_value("cpu_pct", "cpu", 99);
    for (int i = 0; i < 60; i++) { /* 2^32 ms is 49.7 days */
        detect_rig_wait(&rig, 86400000);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    CHECK_EQ_U64(rig.engine.windows.used, 0);
    give("x", "api", PK_SEV_HIGH);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
}

static void say_value(const char *source, double v) {
    const struct pk_event e = detect_rig_value(&rig, "t", source, v);
    detect_rig_give(&rig, &e);
}

/* The group of an across rule does not age while its sources speak. */
PK_TEST(across__after_weeks__still_counts_who_holds) {
    struct pk_finding told;
    REQUIRE(detect_rig_init(
                &rig,
                "[rule r]\non = type = t\ntype = custom\nseverity = high\n"
                "when = event(value > 1) without event(value <= 1) within 30h across 2 sources\n") == PK_OK);
    for (uint32_t day = 0; day < 24; day++) {
        say_value("a", 2);
        say_value("b", 2);
        detect_rig_wait(&rig, 43200000);
        say_value("a", 0);
        say_value("b", 0);
        detect_rig_wait(&rig, 43200000);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &told), -1);
    say_value("a", 2);
    say_value("b", 2);
    detect_rig_wait(&rig, 30u * 3600000u - 1u); /* the tables are swept meanwhile */
    CHECK_EQ_INT(detect_rig_finding(&rig, &told), -1);
    detect_rig_wait(&rig, 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &told), PK_FINDING_FIRE);
}

/* Sources that come back after a restart say that it is over, however late. */
PK_TEST(across__adopted__ends_when_enough_sources_are_known_again) {
    struct pk_finding told;
    REQUIRE(detect_rig_init(&rig, "[rule r]\non = type = t\nwhen = value > 1 across 2 sources\nstale = 1h\n"
                                  "type = custom\nseverity = high\nclear = stable for 10s\n") == PK_OK);
    REQUIRE(pk_engine_adopt(&rig.engine, 0, pk_str_of(""), PK_SEV_HIGH, 0, rig.now_ms) == PK_OK);
    detect_rig_wait(&rig, 60000);
    say_value("a", 0);
    detect_rig_wait(&rig, 60000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &told), -1);
    say_value("b", 0);
    detect_rig_wait(&rig, 9999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &told), -1);
    detect_rig_wait(&rig, 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &told), PK_FINDING_CLEARED);
}

/* A recording that is not in order does not turn the clock of its group back. */
PK_TEST(replayed__late_one__does_not_make_it_last_longer) {
    struct pk_finding told;
    REQUIRE(detect_rig_init(&rig, "[rule r]\non = type = t\nwhen = count >= 1 in 1h for 10m\ntype = custom\n"
                                  "severity = high\n") == PK_OK);
    static const int64_t AT_S[] = {1000, 900, 1599, 1600};
    for (uint32_t i = 0; i < 4; i++) {
        CHECK_EQ_INT(detect_rig_finding(&rig, &told), -1);
        struct pk_event e = detect_rig_event(&rig, "t", "a", PK_SEV_HIGH);
        e.wall_ms = (INT64_C(1600000000) + AT_S[i]) * 1000;
        e.flags |= PK_EVENT_REPLAYED;
        detect_rig_give(&rig, &e);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &told), PK_FINDING_FIRE);
}

PK_TEST_MAIN(across__after_weeks__still_counts_who_holds,
             across__adopted__ends_when_enough_sources_are_known_again,
             replayed__late_one__does_not_make_it_last_longer,
             count__on_the_nth_event__fires_at_once_with_its_evidence,
             count__at_the_edge_of_the_window__an_event_of_exactly_its_age_is_out,
             count__while_firing__joins_and_clears_after_the_stable_time,
             count__goes_on_for_long__still_is_told_once_in_thirty_seconds,
             drill__is_heard_by_its_own_rule_only, drill__its_rule_hears_no_event_that_is_none,
             count__for__must_hold_without_a_break, count__cooldown__holds_back_and_fires_when_it_is_over,
             value__for__fires_by_the_clock_and_clears_below_the_other_threshold,
             value__when_the_source_falls_silent__neither_fires_nor_clears,
             value__a_fault__is_no_violation_and_shows_as_fault,
             value__consecutive__a_good_sample_starts_over,
             absent__unknown_before_first_sight__then_due_to_the_millisecond,
             absent__without_a_promise__uses_the_default_of_the_agent,
             absent__replayed_and_late_events__neither_trip_nor_feed_it,
             count__replayed_events__are_counted_in_their_own_time_and_say_so,
             across__count__needs_enough_sources_within_the_window,
             across__count__names_sources_whose_events_the_count_did_not_need,
             across__value__fires_when_enough_sources_hold_and_clears_when_not,
             escalation__ratio_value_count_and_lasting__raise_once,
             escalation__ratio__names_all_events_of_on_as_its_denominator,
             group__by_correlation_and_by_field__are_apart, terms__globs_fields_and_values__select_events,
             keys__more_groups_than_windows__evicts_the_stalest_and_counts,
             findings__when_nobody_reads__fire_is_delayed_and_never_lost,
             adopt__after_a_restart__clears_when_the_condition_is_known_not_to_hold,
             adopt__what_was_assumed__raises_nothing,

             release__by_a_person__ends_without_a_finding_and_waits_before_it_fires_anew,
             put_off__no_room_for_what_fired__fires_anew_after_a_second_while_it_goes_on,
             put_off__again_and_again__seldomer_and_anew_once_it_was_over,
             put_off__more_severe_than_before__is_told_as_new_and_looked_for_every_16_s,
             put_off__silence__is_known_while_it_lasts, load__a_wrong_file__changes_nothing,
             load__keeps_windows_of_unchanged_rules_under_their_new_index,
             load__of_a_changed_rule__what_fires_is_judged_by_the_new_text,
             load__of_other_words_actions_or_times_of_telling__keeps_every_count,
             load__of_a_changed_rule_on_sources__waits_until_each_could_hold_again,
             adopt__a_run_of_samples__is_not_over_while_the_value_is_where_it_was,
             adopt__lasting__counts_from_the_true_beginning,
             enable__off__forgets_and_matches_nothing_until_on_again,
             clock__a_jump_of_months__fires_nothing_and_forgets_old_times)
