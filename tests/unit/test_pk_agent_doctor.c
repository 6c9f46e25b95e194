#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

PK_TEST(doctor__sound_gateway__has_no_error) {
    begin(NULL);
    wait_ms(3000);
    const char *answer = gateway_command(&gw, 1000, "doctor", "{}");
    REQUIRE(answer != NULL);
    CHECK(strstr(answer, "\"check\":\"broker central\",\"verdict\":\"ok\"") != NULL);
    CHECK(strstr(answer, "\"check\":\"store\",\"verdict\":\"ok\"") != NULL);
    CHECK(strstr(answer, "\"check\":\"rules\",\"verdict\":\"ok\"") != NULL);
    CHECK(strstr(answer, "\"check\":\"broker central\",\"verdict\":\"error\"") == NULL);
}

PK_TEST(doctor__broker_away__says_why_and_what_to_do) {
    begin(NULL);
    gw.sim.links[1].answer = PK_SIM_REFUSE;
    pk_sim_peer_reset(&gw.sim, 1);
    wait_ms(5000);
    CHECK(says(1000, "doctor", "{}", "\"check\":\"broker central\",\"verdict\":\"error\""));
    CHECK(says(1000, "doctor", "{}", "check host, port, certificates"));
}

PK_TEST(doctor__no_broker__is_a_warning) {
    prepare(
        &(struct gateway_setup){.seed = 3,
                                .has_no_broker = true,
                                .config = "[gateway]\nsite = s\ngateway = gw-1\n[agent]\nmode = observe\n"});
    REQUIRE(gateway_boot(&gw));
    wait_ms(1000);
    CHECK(says(0, "doctor", "{}", "\"check\":\"broker\",\"verdict\":\"warning\""));
    CHECK(says(0, "doctor", "{}", "the mode lets no action run"));
}

PK_TEST(doctor__events_lost__is_said) {
    begin(NULL);
    CHECK(gateway_events(&gw, "{\"type\":\"x\"}\nnot json\n") != NULL);
    CHECK(says(0, "doctor", "{}", "\"check\":\"losses\",\"verdict\":\"warning\""));
}

PK_TEST_MAIN(doctor__sound_gateway__has_no_error, doctor__broker_away__says_why_and_what_to_do,
             doctor__no_broker__is_a_warning, doctor__events_lost__is_said)
