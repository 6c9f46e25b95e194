#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

/* Stops in order and starts again. */
static void stop(void) {
    gw.until_ms = pk_agent_tick(&gw.agent, PK_SIG_STOP);
    wait_ms(15000);
    CHECK(pk_agent_is_stopped(&gw.agent));
}

static void begin_with_boot(uint64_t kernel_boot) {
    prepare(NULL);
    gw.super.told.kernel_boot = kernel_boot;
    CHECK(gateway_boot(&gw));
    CHECK(gateway_run_until_online(&gw));
    wait_ms(20000);
}

static const struct pk_incident *incident(void) {
    wait_ms(20000);
    return gateway_incident(&gw, "unexpected_restart");
}

static bool events_say(const char *text) {
    return says(0, "events.list", "{\"type\":\"unexpected_restart\"}", text);
}

PK_TEST(stop__first_start__is_no_story) {
    begin_with_boot(1);
    CHECK(incident() == NULL);
    CHECK_EQ_U64(gw.agent.meta.kernel_boot, 1);
    CHECK(!gw.agent.meta.is_clean);
}

PK_TEST(stop__power_cut__opens_an_incident_with_the_story) {
    begin_with_boot(1);
    gateway_power_cut(&gw);
    gw.super.told.kernel_boot = 2;
    REQUIRE(gateway_boot(&gw));
    REQUIRE(incident() != NULL);
    CHECK_STR(incident()->components[0], "kernel");
    CHECK(events_say("power: no clean stop, and neither kernel nor watchdog left a word"));
    char args[128];
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\",\"timeline\":true}", incident()->id);
    CHECK(says(0, "incidents.get", args, "\"message\":\"power: no clean stop"));
    CHECK(says(0, "incidents.get", args, "\"event\":\"cause\""));
    check_sound();
}

PK_TEST(stop__in_order__opens_none) {
    begin_with_boot(1);
    stop();
    gateway_power_cut(&gw);
    gw.super.told.kernel_boot = 2;
    REQUIRE(gateway_boot(&gw));
    CHECK(incident() == NULL);
    CHECK(!gw.agent.meta.is_clean); /* the mark is spent */
    gateway_power_cut(&gw);
    gw.super.told.kernel_boot = 3;
    REQUIRE(gateway_boot(&gw));
    CHECK(incident() != NULL);
}

PK_TEST(stop__panic__is_told_once) {
    begin_with_boot(1);
    gateway_power_cut(&gw);
    gw.super.told.kernel_boot = 2;
    gw.super.told.trace = PK_STOP_TRACE_PANIC;
    gw.super.told.trace_crc = 5;
    (void)strcpy(gw.super.told.trace_line, "Kernel panic - not syncing: test");
    REQUIRE(gateway_boot(&gw));
    REQUIRE(incident() != NULL);
    CHECK(events_say("panic: the kernel broke; kernel: Kernel panic - not syncing: test"));
    gateway_power_cut(&gw);
    gw.super.told.kernel_boot = 3; /* pstore still holds it */
    REQUIRE(gateway_boot(&gw));
    CHECK(incident() != NULL);
    CHECK(events_say("power: "));
}

PK_TEST(stop__agent_killed__only_for_memory_is_it_an_incident) {
    begin_with_boot(1);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    CHECK(incident() == NULL);
    gateway_crash(&gw);
    gw.super.told.oom_kill_count = 1;
    REQUIRE(gateway_boot(&gw));
    REQUIRE(incident() != NULL);
    CHECK_STR(incident()->components[0], "picketd");
    CHECK(events_say("oom: the kernel killed picketd for want of memory"));
    check_sound();
}

PK_TEST_MAIN(stop__first_start__is_no_story, stop__power_cut__opens_an_incident_with_the_story,
             stop__in_order__opens_none, stop__panic__is_told_once,
             stop__agent_killed__only_for_memory_is_it_an_incident)
