#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

PK_TEST(collector__aligned_to_its_period_and_off_when_asked) {
    begin(NULL);
    wait_ms(60000);
    CHECK(gw.agent.collect_is_off[PK_COLLECT_CPU]);
    CHECK(!gw.agent.collect_is_off[PK_COLLECT_PROCESS]);
    CHECK_EQ_U64(gw.agent.collect_due_ms[PK_COLLECT_PROCESS] % 5000, 0);
    CHECK_EQ_U64(gw.agent.collect_due_ms[PK_COLLECT_DISK] % 30000, 0);
    CHECK(pk_agent_collect_next_ms(&gw.agent) > gw.agent.now.mono_ms);
}

PK_TEST(collector__kernel_without_it__is_switched_off_and_said_once) {
    prepare(NULL);
    gw.sim.collector_error[PK_COLLECT_DISK] = PK_E_UNSUPPORTED;
    REQUIRE(gateway_boot(&gw));
    wait_ms(120000);
    CHECK(gw.agent.collect_is_off[PK_COLLECT_DISK]);
    CHECK(gateway_log_has(&gw, "its collector is off: disk_pct"));
}

PK_TEST(collector__cannot_be_read__is_a_fault_never_healthy) {
    begin(NULL);
    wait_ms(20000);
    gw.sim.collector_error[PK_COLLECT_PROCESS] = PK_E_IO;
    wait_ms(20000);
    CHECK(gateway_incident(&gw, "process_lost") == NULL); /* unknown is not down */
    CHECK(!gw.agent.collect_is_off[PK_COLLECT_PROCESS]);
    const int rule = pk_engine_find_rule(&gw.agent.engine, pk_str_of("process_lost"));
    REQUIRE(rule >= 0);
    gw.sim.collector_error[PK_COLLECT_PROCESS] = PK_OK;
    CHECK(open_incident() != NULL); /* and it works again afterwards */
}

PK_TEST(finding__carries_evidence_component_severity_and_the_first_moment) {
    begin(NULL);
    wait_ms(10000);
    char lines[2000] = "";
    for (int i = 0; i < 10; i++) {
        strcat(lines, "{\"type\":\"request_failed\",\"source\":\"api\",\"severity\":\"high\"}\n");
    }
    const uint64_t start_ms = gw.agent.now.mono_ms;
    (void)gateway_events(&gw, lines);
    wait_ms(10);
    const struct pk_incident *i = gateway_incident(&gw, "error_burst");
    REQUIRE(i != NULL);
    CHECK_STR(i->group_key, "api");
    CHECK_STR(i->components[0], "api");
    CHECK_EQ_INT(i->severity, PK_SEV_HIGH);
    CHECK_EQ_U64(i->event_count, 10);
    CHECK(i->source_event_count > 0 && i->source_events[0].boot == 1);
    CHECK(i->first_event.mono_ms >= start_ms && i->first_event.mono_ms <= i->detected.mono_ms);
    CHECK(strstr(i->title, "[high]") == i->title);
    CHECK_EQ_U64(i->recommended_count, 2);
    CHECK(gw.agent.first_rule_ms > 0);
    /* Both actions of the rule were tried and refused where everybody sees why. */
    CHECK_EQ_U64(i->action_count, 2);
    CHECK_EQ_INT(i->actions[0].state, PK_RUN_REFUSED);
    check_sound();
}

PK_TEST(finding__raised__raises_and_does_not_plan_again) {
    begin(NULL);
    (void)pk_sim_sample_set(&gw.sim, PK_COLLECT_DISK, "disk_pct", "root", 92.0, PK_OK);
    wait_ms(35000);
    const struct pk_incident *i = gateway_incident(&gw, "disk_space_low");
    REQUIRE(i != NULL);
    CHECK_EQ_INT(i->severity, PK_SEV_HIGH);
    const uint8_t actions = i->action_count;
    (void)pk_sim_sample_set(&gw.sim, PK_COLLECT_DISK, "disk_pct", "root", 97.0, PK_OK);
    wait_ms(35000);
    CHECK_EQ_INT(i->severity, PK_SEV_CRITICAL);
    CHECK_EQ_U64(i->action_count, actions);
    (void)pk_sim_sample_set(&gw.sim, PK_COLLECT_DISK, "disk_pct", "root", 50.0, PK_OK);
    wait_ms(120000);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    CHECK_EQ_U64(gw.agent.incidents.open_count, 1); /* the heartbeat that never came */
    check_sound();
}

PK_TEST(device_event__from_the_broker_counts_like_any_other_a_retained_one_does_not) {
    begin(NULL);
    wait_ms(100);
    static const char TOPIC[] = "picket/v1/lab/gw-1/in/db/deadlock";
    CHECK_EQ_U64(broker_publish(&broker, TOPIC, "", 0, ""), 1);
    wait_ms(1000);
    CHECK(gateway_incident(&gw, "deadlock_detected") != NULL);
    (void)broker_publish(&broker, "picket/v1/lab/gw-1/in/db/temperature", "{\"value\":", 9, "");
    (void)broker_publish(&broker, "picket/v1/lab/gw-1/in/db/temperature", "21.5", 4, "");
    wait_ms(1000);
    CHECK_EQ_U64(gw.agent.intake.bad_count, 1);
    CHECK(says(1000, "events.list", "{\"type\":\"temperature\"}", "21.5"));
    check_sound();
}

/* Four doors share the windows of two: each knock costs another door its window. */
static void knock(uint32_t rounds) {
    for (uint32_t i = 0; i < rounds; i++) {
        char lines[400] = "";
        struct pk_buf b;
        pk_buf_init(&b, lines, sizeof lines);
        for (uint32_t door = 0; door < 4; door++) {
            pk_buf_puts(&b, "{\"type\":\"knock\",\"source\":\"door-");
            pk_buf_put_u64(&b, door);
            pk_buf_puts(&b, "\"}\n");
        }
        (void)gateway_events(&gw, lines);
        wait_ms(10000);
    }
}

PK_TEST(windows__too_few_for_a_rule__open_an_incident_until_there_are_enough) {
    static const struct gateway_setup NARROW = {
        .seed = 1,
        .rules = "[rule narrow]\non = type = knock\nwhen = count >= 60 in 1m by source\ntype = custom\n"
                 "severity = low\nkeys = 2\n"};
    begin(&NARROW);
    knock(8);
    CHECK(gateway_incident(&gw, "windows_short") == NULL); /* one minute of it is not an alarm */
    knock(12);
    const struct pk_incident *i = gateway_incident(&gw, "windows_short");
    REQUIRE(i != NULL);
    CHECK_EQ_INT(i->severity, PK_SEV_HIGH);
    CHECK(gw.agent.engine.windows.evicted_count > 60);
    wait_ms(240000);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    const uint64_t evicted = gw.agent.engine.windows.evicted_count;
    wait_ms(240000);
    CHECK_EQ_U64(gw.agent.engine.windows.evicted_count, evicted);
    CHECK(!gw.agent.self.was_evicting); /* and nothing is said any more */
    check_sound();
}

PK_TEST_MAIN(windows__too_few_for_a_rule__open_an_incident_until_there_are_enough,
             collector__aligned_to_its_period_and_off_when_asked,
             collector__kernel_without_it__is_switched_off_and_said_once,
             collector__cannot_be_read__is_a_fault_never_healthy,
             finding__carries_evidence_component_severity_and_the_first_moment,
             finding__raised__raises_and_does_not_plan_again,
             device_event__from_the_broker_counts_like_any_other_a_retained_one_does_not)
