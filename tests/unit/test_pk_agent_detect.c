#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

PK_TEST(process__gone_and_back__opens_acts_and_resolves) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK_STR(i->components[0], "web");
    CHECK_EQ_INT(i->recommended_count, 1);
    CHECK_STR(i->recommended[0], "restart_service");
    CHECK_EQ_U64(super_model_starts_of(&gw.super, "restart_service"), 1);
    check_sound();
}

PK_TEST(error_burst__tenth_event_opens_it_and_not_the_ninth) {
    begin(NULL);
    for (int n = 0; n < 9; n++) {
        CHECK(gateway_events(&gw, "{\"type\":\"api_error\",\"source\":\"api\",\"severity\":\"high\"}\n") !=
              NULL);
    }
    CHECK(gateway_incident(&gw, "error_burst") == NULL);
    CHECK(gateway_events(&gw, "{\"type\":\"api_error\",\"source\":\"api\",\"severity\":\"high\"}\n") != NULL);
    const struct pk_incident *i = gateway_incident(&gw, "error_burst");
    REQUIRE(i != NULL);
    CHECK_EQ_INT(i->source_event_count, PK_INC_SOURCE_EVENTS);
    CHECK_EQ_U64(i->event_count, 10);
    check_sound();
}

PK_TEST(heartbeat__configured_and_never_seen__is_lost_in_time) {
    begin(NULL);
    wait_ms(50000);
    CHECK(gateway_incident(&gw, "heartbeat_lost") == NULL);
    wait_ms(20000); /* 2 x 30 s after the start */
    const struct pk_incident *i = gateway_incident(&gw, "heartbeat_lost");
    REQUIRE(i != NULL);
    CHECK_STR(i->group_key, "press-7");
    CHECK(gateway_events(&gw, "{\"type\":\"heartbeat\",\"source\":\"press-7\",\"value\":30}\n") != NULL);
    wait_ms(15000);
    CHECK_EQ_INT(i->status, PK_INC_RESOLVED);
    check_sound();
}

PK_TEST(replayed_heartbeat__does_not_count_as_life) {
    begin(NULL);
    wait_ms(40000);
    CHECK(gateway_events(
              &gw, "{\"type\":\"heartbeat\",\"source\":\"press-7\",\"value\":30,\"replayed\":true}\n") !=
          NULL);
    wait_ms(25000);
    CHECK(gateway_incident(&gw, "heartbeat_lost") != NULL);
}

PK_TEST(collectors__due_times_are_aligned) {
    begin(NULL);
    wait_ms(3000);
    CHECK_EQ_U64(gw.agent.collect_due_ms[PK_COLLECT_PROCESS] % gw.agent.config.collect_ms[PK_COLLECT_PROCESS],
                 0);
    CHECK(pk_agent_collect_next_ms(&gw.agent) > gw.agent.now.mono_ms);
}

PK_TEST_MAIN(process__gone_and_back__opens_acts_and_resolves,
             error_burst__tenth_event_opens_it_and_not_the_ninth,
             heartbeat__configured_and_never_seen__is_lost_in_time,
             replayed_heartbeat__does_not_count_as_life, collectors__due_times_are_aligned)
