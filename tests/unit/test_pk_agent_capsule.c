#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static bool capsule_says(const char *id, const char *text) {
    char args[128];
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\"}", id);
    return says(0, "incidents.capsule", args, text);
}

static void see_top(uint32_t pid, const char *name) {
    struct pk_top *p = &gw.sim.top[gw.sim.top_count++];
    *p = (struct pk_top){.pid = pid, .cpu_permille = 425, .rss_bytes = 4096};
    (void)pk_str_copy_cut(pk_str_of(name), p->name, sizeof p->name);
}

PK_TEST(capsule__has_what_was_before_and_what_came_after) {
    begin(NULL);
    see_top(77, "spinner");
    pk_agent_capsule_log(&gw.agent, pk_str_of("app[1]: the last words of \"web\""));
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK(capsule_says(i->id, "\"whole\":false"));
    wait_ms(40000);
    CHECK(capsule_says(i->id, "\"whole\":true"));
    CHECK(capsule_says(i->id, "{\"part\":\"head\",\"incident_id\":\"inc_gw-1_"));
    CHECK(capsule_says(i->id, "{\"part\":\"before\",\"event\":{\"event_id\":\"1-"));
    CHECK(capsule_says(i->id, "{\"part\":\"metric\",\"type\":\"disk_pct\",\"source\":\"root\",\"value\":40"));
    CHECK(capsule_says(i->id, "{\"part\":\"log\",\"line\":\"app[1]: the last words of \\\"web\\\"\"}"));
    CHECK(capsule_says(i->id, "{\"part\":\"process\",\"name\":\"spinner\",\"pid\":77,\"cpu_pct\":42.5,"
                              "\"rss_bytes\":4096}"));
    CHECK(capsule_says(i->id, "{\"part\":\"after\",\"event\":"));
    CHECK(capsule_says(i->id, "{\"part\":\"end\""));
    check_sound();
}

PK_TEST(capsule__is_in_the_store) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    char id[PK_INC_ID_BYTES];
    (void)strcpy(id, i->id);
    wait_ms(5000); /* it waits for what comes after: what is there is safe */
    gateway_power_cut(&gw);
    REQUIRE(gateway_boot(&gw));
    CHECK(capsule_says(id, "\"part\":\"before\""));
    CHECK(capsule_says(id, "\"whole\":false"));
    CHECK_EQ_U64(gw.agent.capsule.damaged_count, 0);
}

PK_TEST(capsule__only_the_newest_are_kept__also_in_the_store) {
    char first[PK_INC_ID_BYTES] = "", id[PK_INC_ID_BYTES] = "";
    begin(NULL);
    for (uint32_t n = 0; n <= PK_LIMIT_CAPSULES; n++) {
        const struct pk_incident *i = open_incident();
        REQUIRE(i != NULL);
        (void)strcpy(id, i->id);
        if (n == 0) {
            (void)strcpy(first, id);
        }
        wait_ms(60000);
        gateway_process(&gw, "web", true);
        wait_ms(1200000); /* what comes this much later is another one */
    }
    CHECK(strcmp(first, id) != 0);
    CHECK(gw.agent.capsules.evicted_count >= 1);
    CHECK(capsule_says(first, "it made room for a newer one"));
    CHECK(capsule_says(id, "\"whole\":true"));
    gateway_power_cut(&gw);
    REQUIRE(gateway_boot(&gw));
    CHECK(capsule_says(first, "it made room for a newer one"));
    CHECK(capsule_says(id, "\"whole\":true"));
    CHECK_EQ_U64(gw.agent.capsule.damaged_count, 0);
    check_sound();
}

PK_TEST(capsule__more_at_once_than_can_wait__are_counted) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    struct pk_agent_capsule *k = &gw.agent.capsule;
    for (uint32_t n = 0; n < PK_COUNT_OF(k->waiting) + 3u; n++) {
        pk_agent_capsule_want(&gw.agent, i->number);
    }
    CHECK_EQ_U64(k->missed_count, 3);
    gw.agent.config.has_capsules = false;
    pk_agent_capsule_want(&gw.agent, i->number);
    CHECK_EQ_U64(k->missed_count, 3);
    gw.agent.config.has_capsules = true;
    k->waiting_count = 0;
    gw.agent.spends[PK_SPEND_FLASH].level = PK_SPEND_SHORT;
    pk_agent_capsule_want(&gw.agent, i->number);
    CHECK_EQ_INT(k->waiting_count, i->severity == PK_SEV_CRITICAL ? 1 : 0);
    CHECK_EQ_U64(k->missed_count, i->severity == PK_SEV_CRITICAL ? 3 : 4);
}

PK_TEST(capsule__many_processes__are_looked_at_over_many_ticks) {
    begin(NULL);
    see_top(9, "one_of_many");
    gw.sim.top_again_count = 600; /* one call a tick */
    const uint64_t ticks = gw.agent.counters.ticks;
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    wait_ms(40000);
    CHECK(gw.agent.counters.ticks - ticks >= 600);
    CHECK_EQ_INT(gw.sim.top_again_count, 0);
    CHECK(!gw.agent.capsule.is_measuring);
    CHECK(capsule_says(i->id, "\"name\":\"one_of_many\""));
    CHECK(capsule_says(i->id, "\"whole\":true"));
}

PK_TEST(capsule__bytes_of_all__the_oldest_goes_first) {
    char first[PK_INC_ID_BYTES] = "";
    begin(NULL);
    gw.agent.config.capsule_bytes = PK_CAPSULE_BYTES_MIN;
    gw.agent.config.capsule_store_bytes = PK_CAPSULE_BYTES_MIN;
    pk_agent_capsules_configure(&gw.agent);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    (void)strcpy(first, i->id);
    wait_ms(60000);
    gateway_process(&gw, "web", true);
    wait_ms(1200000);
    i = open_incident();
    REQUIRE(i != NULL && strcmp(i->id, first) != 0);
    CHECK(gw.agent.capsules.evicted_count >= 1);
    CHECK(capsule_says(first, "it made room for a newer one"));
}

PK_TEST(capsule__nobody_knows__is_said) {
    begin(NULL);
    CHECK(says(0, "incidents.capsule", "{\"incident_id\":\"inc_99\"}", "there is no such incident here"));
}

PK_TEST_MAIN(capsule__has_what_was_before_and_what_came_after, capsule__is_in_the_store,
             capsule__only_the_newest_are_kept__also_in_the_store,
             capsule__more_at_once_than_can_wait__are_counted,
             capsule__many_processes__are_looked_at_over_many_ticks,
             capsule__bytes_of_all__the_oldest_goes_first, capsule__nobody_knows__is_said)
