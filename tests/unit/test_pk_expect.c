#include "detect/pk_expect.h"

#include <stdio.h>

#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig rig;
static struct pk_finding f;

static const char RULE[] =
    "[rule lost]\non = type = heartbeat\nwhen = absent for 2x promised else 90s\n"
    "type = heartbeat_lost\nseverity = high\nclear = stable for 10s\nkeys = heartbeats\n";

static uint16_t expected(const char *source, uint32_t interval_ms) {
    const int id = pk_sources_intern(&rig.sources, pk_str_of(source));
    rig.sources.state[id].expected_ms = interval_ms;
    pk_expect_begin(&rig.engine, (uint16_t)id, rig.now_ms);
    return (uint16_t)id;
}

static void heartbeat(const char *source, double seconds) {
    const struct pk_event e = detect_rig_value(&rig, "heartbeat", source, seconds);
    rig.sources.state[e.source_id].promised_ms = (uint32_t)(seconds * 1000);
    detect_rig_give(&rig, &e);
}

PK_TEST(begin__never_heard__fires_at_twice_the_interval_without_any_event) {
    REQUIRE(detect_rig_init(&rig, RULE) == PK_OK);
    (void)expected("press-7", 5000);
    detect_rig_wait(&rig, 9999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "press-7");
    CHECK_EQ_U64(f.at_ms, 1010000);
    CHECK_EQ_U64(f.first_event_ms, 1000000);
    CHECK_EQ_U64(f.event_number_count, 0);
    CHECK_EQ_U64(rig.engine.event_count, 0);
}

PK_TEST(begin__a_heartbeat_comes__its_own_promise_counts) {
    REQUIRE(detect_rig_init(&rig, RULE) == PK_OK);
    const uint16_t id = expected("press-7", 5000);
    detect_rig_wait(&rig, 8000);
    heartbeat("press-7", 20);
    /* Said again, as with each reload. */
    rig.sources.state[id].expected_ms = 1000;
    pk_expect_begin(&rig.engine, id, rig.now_ms);
    detect_rig_wait(&rig, 39999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(begin__another_interval__counts_from_the_first_start) {
    REQUIRE(detect_rig_init(&rig, RULE) == PK_OK);
    (void)expected("a", 60000);
    (void)expected("b", 5000);
    detect_rig_wait(&rig, 4000);
    (void)expected("a", 3000);
    (void)expected("b", 60000);
    detect_rig_wait(&rig, 1999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "a");
    detect_rig_wait(&rig, 113999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 1);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "b");
    CHECK_EQ_U64(f.at_ms, 1120000);
}

PK_TEST(begin__a_heartbeat_without_value__means_the_configured_interval) {
    REQUIRE(detect_rig_init(&rig, RULE) == PK_OK);
    (void)expected("a", 5000);
    struct pk_event e = detect_rig_event(&rig, "heartbeat", "a", PK_SEV_INFO);
    detect_rig_give(&rig, &e);
    e = detect_rig_event(&rig, "heartbeat", "nobody-configured", PK_SEV_INFO);
    detect_rig_give(&rig, &e);
    detect_rig_wait(&rig, 10000);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "a");
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 50000);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_STR(f.group_key, "nobody-configured");
}

PK_TEST(end__while_waiting__nothing_fires_and_a_later_heartbeat_is_watched_again) {
    REQUIRE(detect_rig_init(&rig, RULE) == PK_OK);
    const uint16_t id = expected("a", 5000);
    CHECK_EQ_INT(pk_expect_end(&rig.engine, id, rig.now_ms), PK_OK);
    rig.sources.state[id].expected_ms = 0;
    CHECK_EQ_U64(rig.engine.windows.used, 0);
    detect_rig_wait(&rig, 600000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    heartbeat("a", 5);
    detect_rig_wait(&rig, 10000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(end__while_firing__clears) {
    REQUIRE(detect_rig_init(&rig, RULE) == PK_OK);
    const uint16_t id = expected("a", 5000);
    detect_rig_wait(&rig, 10000);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_INT(pk_expect_end(&rig.engine, id, rig.now_ms), PK_OK);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_CLEARED);
    CHECK_STR(f.group_key, "a");
    CHECK_EQ_U64(rig.engine.active_count, 0);
    CHECK_EQ_U64(rig.engine.windows.used, 0);
}

PK_TEST(end__no_room_for_the_finding__nothing_is_lost) {
    char name[24];
    REQUIRE(detect_rig_init(&rig, RULE) == PK_OK);
    for (unsigned i = 0; i < PK_ENGINE_FINDINGS + 1u; i++) {
        (void)snprintf(name, sizeof name, "s%u", i);
        (void)expected(name, 5000);
    }
    rig.now_ms += 10000;
    pk_engine_tick(&rig.engine, rig.now_ms);
    CHECK_EQ_U64(rig.engine.finding_count, PK_ENGINE_FINDINGS);
    CHECK_EQ_INT(pk_expect_end(&rig.engine, 0, rig.now_ms), PK_E_FULL);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_INT(pk_expect_end(&rig.engine, 0, rig.now_ms), PK_OK);
}

PK_TEST(adopted_after_a_restart__goes_on_until_a_heartbeat) {
    REQUIRE(detect_rig_init(&rig, RULE) == PK_OK);
    const int id = pk_sources_intern(&rig.sources, pk_str_of("a"));
    REQUIRE(id >= 0 && pk_engine_adopt(&rig.engine, 0, pk_str_of("a"), PK_SEV_HIGH, 0, rig.now_ms) == PK_OK);
    (void)expected("a", 5000);
    detect_rig_wait(&rig, 100000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    heartbeat("a", 60);
    detect_rig_wait(&rig, 10000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST(rule_changed_or_enabled_again__the_wait_begins_anew) {
    static const char CHANGED[] =
        "[rule lost]\non = type = heartbeat\nwhen = absent for 2x promised else 91s\n"
        "type = heartbeat_lost\nseverity = high\nclear = stable for 10s\nkeys = heartbeats\n";
    REQUIRE(detect_rig_init(&rig, RULE) == PK_OK);
    (void)expected("a", 5000);
    detect_rig_wait(&rig, 9000);
    REQUIRE(detect_rig_load(&rig, CHANGED) == PK_OK);
    detect_rig_wait(&rig, 9999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    REQUIRE(pk_engine_enable(&rig.engine, 0, false, rig.now_ms) == PK_OK);
    detect_rig_wait(&rig, 100000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    REQUIRE(pk_engine_enable(&rig.engine, 0, true, rig.now_ms) == PK_OK);
    detect_rig_wait(&rig, 10000);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

PK_TEST(across__expected_sources_are_its_sources) {
    REQUIRE(detect_rig_init(&rig, "[rule wide]\non = type = heartbeat\n"
                                  "when = absent for 2x promised else 90s across 2 sources\n"
                                  "type = network_partition\nseverity = high\n") == PK_OK);
    (void)expected("a", 5000);
    (void)expected("b", 8000);
    detect_rig_wait(&rig, 15999);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), -1);
    detect_rig_wait(&rig, 2);
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_FIRE);
}

/* All that the board may watch, each due at its own moment: every one is noticed in the very tick the engine
 * asked for. */
PK_TEST(many__each_is_noticed_at_its_deadline) {
    char name[24];
    uint32_t seen = 0;
    uint64_t worst_ms = 0;
    REQUIRE(detect_rig_init(&rig, RULE) == PK_OK);
    for (uint32_t i = 0; i < PK_LIMIT_HEARTBEATS; i++) {
        (void)snprintf(name, sizeof name, "s%u", i);
        (void)expected(name, 5000 + i * 7u % 60000u);
    }
    CHECK_EQ_U64(rig.engine.windows.used, PK_LIMIT_HEARTBEATS);
    CHECK_EQ_U64(rig.engine.windows.evicted_count, 0);
    const uint64_t end_ms = rig.now_ms + 140000;
    while (rig.now_ms < end_ms) {
        const uint64_t next_ms = pk_engine_next_ms(&rig.engine);
        rig.now_ms = next_ms > rig.now_ms ? next_ms : rig.now_ms + 1u;
        rig.now_ms = rig.now_ms < end_ms ? rig.now_ms : end_ms;
        pk_engine_tick(&rig.engine, rig.now_ms);
        while (pk_engine_next_finding(&rig.engine, &f)) {
            const int id = pk_sources_find(&rig.sources, pk_str_of(f.group_key));
            const uint64_t due_ms = 1000000u + 2u * (uint64_t)rig.sources.state[id].expected_ms;
            REQUIRE(f.kind == PK_FINDING_FIRE && f.at_ms >= due_ms);
            worst_ms = f.at_ms - due_ms > worst_ms ? f.at_ms - due_ms : worst_ms;
            seen++;
            /* A person ended it at once: the board cannot hold so many open incidents. */
            CHECK_EQ_INT(pk_engine_release(&rig.engine, 0, pk_str_of(f.group_key), rig.now_ms), PK_OK);
            CHECK_EQ_INT(pk_expect_end(&rig.engine, (uint16_t)id, rig.now_ms), PK_OK);
        }
    }
    CHECK_EQ_U64(seen, PK_LIMIT_HEARTBEATS);
    CHECK(worst_ms <= 1);
}

PK_TEST_MAIN(begin__never_heard__fires_at_twice_the_interval_without_any_event,
             begin__a_heartbeat_comes__its_own_promise_counts,
             begin__another_interval__counts_from_the_first_start,
             begin__a_heartbeat_without_value__means_the_configured_interval,
             end__while_waiting__nothing_fires_and_a_later_heartbeat_is_watched_again,
             end__while_firing__clears, end__no_room_for_the_finding__nothing_is_lost,
             adopted_after_a_restart__goes_on_until_a_heartbeat,
             rule_changed_or_enabled_again__the_wait_begins_anew, across__expected_sources_are_its_sources,
             many__each_is_noticed_at_its_deadline)
