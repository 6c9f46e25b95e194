#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

PK_TEST(birth__comes_before_anything_else_and_the_hub_knows_us) {
    prepare(NULL);
    gw.sim.links[1].answer = PK_SIM_REFUSE;
    REQUIRE(gateway_boot(&gw));
    CHECK(open_incident() != NULL); /* a backlog before the first connection */
    gw.sim.links[1].answer = PK_SIM_ACCEPT;
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(3000);
    CHECK(hub_model_gateway(&hub, "gw-1")->is_online);
    CHECK_EQ_U64(pk_outbox_depth(&gw.agent.outbox), 0);
    check_sound(); /* the models judge the order */
}

PK_TEST(connection_lost__everything_arrives_once_after_the_next) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    for (int n = 0; n < 5; n++) {
        pk_sim_peer_reset(&gw.sim, 1);
        gateway_process(&gw, "web", n % 2 == 0);
        wait_ms(20000);
    }
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(60000);
    const struct hub_incident *known = hub_model_find(&hub, i->id);
    REQUIRE(known != NULL);
    CHECK_EQ_U64(known->rev, i->rev);
    CHECK_EQ_U64(pk_outbox_depth(&gw.agent.outbox), 0);
    check_sound();
}

PK_TEST(stop__says_goodbye) {
    begin(NULL);
    CHECK(gateway_stop(&gw));
    wait_ms(1000);
    CHECK(!hub_model_gateway(&hub, "gw-1")->is_online);
    check_sound();
}

PK_TEST(link_for__gives_each_role_to_its_broker) {
    begin(NULL);
    CHECK_EQ_U64(pk_agent_link_for(&gw.agent, PK_BROKER_INCIDENTS), 1);
    CHECK_EQ_U64(pk_agent_link_for(&gw.agent, PK_BROKER_COMMANDS), 1);
    CHECK_EQ_U64(pk_agent_link_for(&gw.agent, 0x80), PK_LINKS);
}

PK_TEST_MAIN(birth__comes_before_anything_else_and_the_hub_knows_us,
             connection_lost__everything_arrives_once_after_the_next, stop__says_goodbye,
             link_for__gives_each_role_to_its_broker)
