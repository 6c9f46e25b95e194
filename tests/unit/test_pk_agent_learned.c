/* ctest: timeout=180 full=native */
#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

enum { HOUR_MS = 3600000 };

#define RULES                                                                                                \
    "[rule full]\non = type = disk_pct\nwhen = value > 1.5x usual\ntype = custom\nseverity = high\n"         \
    "clear = stable for 1m\n"
#define OTHER                                                                                                \
    "[rule full]\non = type = disk_pct\nwhen = value > 1.6x usual\ntype = custom\nseverity = high\n"         \
    "clear = stable for 1m\n"
static const struct gateway_setup SETUP = {.seed = 1, .rules = RULES};

static void disk(double pct) {
    (void)pk_sim_sample_set(&gw.sim, PK_COLLECT_DISK, "disk_pct", "root", pct, PK_OK);
}

static bool is_found(double pct, uint64_t ms) {
    disk(pct);
    wait_ms(ms);
    return gateway_incident(&gw, "full") != NULL;
}

static void teach(void) {
    begin(&SETUP);
    disk(40);
    wait_ms(4 * HOUR_MS);
    CHECK(!is_found(59, 120000));
    CHECK_EQ_U64(gw.agent.learned.taken_count, 0);
}

PK_TEST(learned__after_an_orderly_stop__is_judged_by_at_once) {
    teach();
    CHECK_EQ_U64(gw.agent.learned.saved_count, 0); /* it is not due yet */
    REQUIRE(gateway_stop(&gw));
    wait_ms(60000);
    disk(40);
    REQUIRE(gateway_boot(&gw));
    CHECK(gw.agent.learned.taken_count > 0);
    CHECK(gateway_log_has(&gw, "what rules learned before: series taken "));
    CHECK(!is_found(59, 60000));
    CHECK(is_found(61, 60000));
    check_sound();
}

PK_TEST(learned__killed__what_the_last_round_saved_is_known) {
    teach();
    disk(40);
    wait_ms(3 * HOUR_MS); /* the round after six hours */
    CHECK(gw.agent.learned.saved_count > 0);
    const uint64_t saved = gw.agent.learned.saved_count;
    wait_ms(2 * HOUR_MS);
    CHECK_EQ_U64(gw.agent.learned.saved_count, saved); /* rarely */
    gateway_power_cut(&gw);
    wait_ms(5000);
    REQUIRE(gateway_boot(&gw));
    CHECK(is_found(61, 60000));
    check_sound();
}

PK_TEST(learned__killed_before_the_first_round__is_unknown_again) {
    teach();
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    CHECK_EQ_U64(gw.agent.learned.taken_count, 0);
    CHECK(!is_found(99, 60000));
}

PK_TEST(learned__under_another_text__is_not_taken_and_its_row_goes) {
    teach();
    REQUIRE(gateway_stop(&gw));
    REQUIRE(pk_sim_file_set(&gw.sim, "/etc/picket/rules.d/site.rules", OTHER, sizeof OTHER - 1) == PK_OK);
    REQUIRE(gateway_boot(&gw));
    CHECK(gw.agent.learned.strange_count > 0);
    CHECK(!is_found(99, 60000));
    const uint32_t strange = (uint32_t)gw.agent.learned.strange_count;
    wait_ms(7 * HOUR_MS);
    uint32_t left = 0;
    for (uint32_t i = 0; i < PK_LIMIT_LEARNED; i++) {
        left += gw.agent.learned.names[i] == PK_AGENT_LEARNED_STRANGE ? 1u : 0u;
    }
    CHECK_EQ_U64(left, 0);
    REQUIRE(gateway_stop(&gw));
    REQUIRE(gateway_boot(&gw));
    CHECK_EQ_U64(gw.agent.learned.strange_count, 0);
    CHECK(strange > 0 && gw.agent.learned.taken_count > 0);
    check_sound();
}

/* 10 at night, 40 by day: what was learned says so at the same hour, whatever the boot-time clock says. */
static void days(uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        disk(10);
        wait_ms(12 * HOUR_MS);
        disk(40);
        wait_ms(12 * HOUR_MS);
    }
}

#define DAILY                                                                                                \
    "[rule full]\non = type = disk_pct\nwhen = value > 1.5x usual for 4h\ntype = custom\nseverity = "        \
    "high\n"                                                                                                 \
    "clear = stable for 1m\n"

PK_TEST(learned__away_for_hours_with_a_clock_that_comes_late__the_hour_of_the_day_is_known) {
    begin(&(struct gateway_setup){.seed = 1, .rules = DAILY});
    days(4);
    REQUIRE(gateway_stop(&gw));
    gateway_power_cut(&gw);
    gw.sim.is_wall_synced = false;
    gw.sim.wall_offset_ms = 0;
    wait_ms(13 * HOUR_MS);
    disk(40);
    REQUIRE(gateway_boot(&gw));
    const struct pk_incident *old = gateway_incident(&gw, "full"); /* of the first day, before it was known */
    const uint32_t old_number = old != NULL ? old->number : 0u;
    const uint64_t before_ms = gw.agent.engine.ahead_ms;
    wait_ms(300000);
    CHECK_EQ_U64(gw.agent.engine.ahead_ms, before_ms);
    gw.sim.is_wall_synced = true;
    wait_ms(60000);
    CHECK(gw.agent.engine.ahead_ms >= before_ms + 13 * (uint64_t)HOUR_MS - 60000);
    wait_ms(6 * HOUR_MS);
    const struct pk_incident *now = gateway_incident(&gw, "full");
    CHECK_EQ_U64(now != NULL ? now->number : 0u, old_number); /* by day it is usual */
    check_sound();
}

PK_TEST(tables__name_what_is_kept) {
    begin(&SETUP);
    struct pk_agent_table t[PK_AGENT_TABLES];
    const uint32_t n = pk_agent_tables(&gw.agent, t);
    bool is_there = false;
    for (uint32_t i = 0; i < n; i++) {
        is_there = is_there || (strcmp(t[i].name, "learned_series") == 0 &&
                                t[i].capacity == PK_LIMIT_LEARNED && t[i].bytes == sizeof gw.agent.learned);
    }
    CHECK(is_there);
}

PK_TEST_MAIN(learned__after_an_orderly_stop__is_judged_by_at_once,
             learned__killed__what_the_last_round_saved_is_known,
             learned__killed_before_the_first_round__is_unknown_again,
             learned__under_another_text__is_not_taken_and_its_row_goes,
             learned__away_for_hours_with_a_clock_that_comes_late__the_hour_of_the_day_is_known,
             tables__name_what_is_kept)
