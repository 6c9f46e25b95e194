#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

enum { MINUTE_MS = 60000 };

static const char COMMANDS[] = "picket/v1/lab/gw-1/cmd/ping";
static const char EVENTS[] = "picket/v1/lab/gw-1/in/s/t";

static void begin_refused(const char *filter, uint8_t reason, const char *config) {
    static struct gateway_setup setup;
    setup = (struct gateway_setup){.seed = 1, .config = config};
    prepare(&setup);
    broker.refused_filter = filter;
    broker.refused_reason = reason;
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(500);
}

static uint32_t count_in_log(const char *text) {
    uint32_t count = 0;
    const uint32_t n = (uint32_t)strlen(text);
    for (uint32_t i = 0; i + n <= gw.sim.log_bytes; i++) {
        count += memcmp(gw.sim.log + i, text, n) == 0 ? 1u : 0u;
    }
    return count;
}

static bool is_heard(const char *topic) {
    return broker_publish(&broker, topic, "1", 1, "") == 1;
}

PK_TEST(refused__asked_for_again_on_the_same_connection) {
    begin_refused("gw-1/cmd", PK_MQTT_NOT_AUTHORIZED, NULL);
    CHECK(is_heard(EVENTS) && !is_heard(COMMANDS));
    wait_ms(MINUTE_MS);
    CHECK(!is_heard(COMMANDS));
    broker.refused_filter = NULL; /* the operator corrects the access list; nobody disconnects */
    wait_ms(2 * MINUTE_MS);
    CHECK(is_heard(COMMANDS));
    CHECK_EQ_U64(broker.clients[0].connect_count, 1);
    CHECK_EQ_U64(count_in_log("the broker refused a subscription: picket/v1/lab/gw-1/cmd/+: not_authorized"),
                 1);
    CHECK_EQ_U64(count_in_log("the broker grants the subscriptions now"), 1);
    const uint32_t before = broker.subscribe_count;
    wait_ms(60 * MINUTE_MS);
    CHECK_EQ_U64(broker.subscribe_count, before);
    check_sound();
}

/* After 1, 3, 7, 15, 25, 35, 45 and 55 minutes. */
PK_TEST(refused_for_long__asked_for_less_and_less_often_but_always) {
    begin_refused("gw-1/cmd", PK_MQTT_QUOTA_EXCEEDED, NULL);
    const uint32_t first = broker.subscribe_count;
    wait_ms(59 * MINUTE_MS);
    CHECK_EQ_U64(broker.subscribe_count - first, 8);
    CHECK_EQ_U64(count_in_log("the broker refused a subscription"), 1);
    check_sound();
}

PK_TEST(refused__asked_for_again_when_the_session_is_resumed_and_at_a_reload) {
    begin_refused("gw-1/cmd", PK_MQTT_NOT_AUTHORIZED, NULL);
    wait_ms(30 * MINUTE_MS); /* the next one is not near */
    broker_restart(&broker, true);
    wait_ms(30000);
    REQUIRE(gateway_is_online(&gw));
    CHECK(!is_heard(COMMANDS));
    CHECK_EQ_U64(count_in_log("the broker refused a subscription"), 2); /* once a connection */
    broker.refused_filter = NULL;
    broker_restart(&broker, true);
    wait_ms(30000);
    REQUIRE(gateway_is_online(&gw));
    CHECK(is_heard(COMMANDS));

    begin_refused("gw-1/cmd", PK_MQTT_NOT_AUTHORIZED, NULL);
    wait_ms(30 * MINUTE_MS);
    broker.refused_filter = NULL;
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(1000);
    CHECK(is_heard(COMMANDS));
    CHECK_EQ_U64(broker.clients[0].connect_count, 1);
    check_sound();
}

static const char ROWS[] =
    "[gateway]\nsite = lab\ngateway = gw-1\n[agent]\nclock = trusted\n[broker central]\nhost = "
    "broker.example\ntls = no\nport = 1883\nroles = events\n[map heat]\ntopic = plant/+/heat\ntype = "
    "temperature\nsource = {1}\nvalue = {t}\n[map same]\ntopic = plant/+/heat\ntype = same\nsource = "
    "{1}\n[map cold]\ntopic = store/+\ntype = cold\nsource = {1}\n";

PK_TEST(refused_row__asked_for_again_and_only_it) {
    begin_refused("plant/", PK_MQTT_NOT_AUTHORIZED, ROWS);
    CHECK(is_heard("store/milk") && !is_heard("plant/oven/heat"));
    const uint32_t first = broker.subscribe_count;
    wait_ms(4 * MINUTE_MS);
    CHECK_EQ_U64(broker.subscribe_count - first, 2);
    broker.refused_filter = NULL;
    wait_ms(4 * MINUTE_MS);
    CHECK(is_heard("plant/oven/heat"));
    CHECK_EQ_U64(broker.subscribe_count - first, 3);
    CHECK_EQ_U64(count_in_log("the topic of a mapping row cannot be subscribed"), 1);
    check_sound();

    begin_refused("plant/", PK_MQTT_NOT_AUTHORIZED, ROWS);
    wait_ms(30 * MINUTE_MS);
    broker.refused_filter = NULL;
    broker_restart(&broker, true);
    wait_ms(30000);
    REQUIRE(gateway_is_online(&gw));
    CHECK(is_heard("plant/oven/heat"));
    wait_ms(60 * MINUTE_MS);
    CHECK_EQ_U64(broker.clients[0].connect_count, 2);
    check_sound();
}

static const char BROKER_HEAD[] =
    "[gateway]\nsite = lab\ngateway = gw-1\n[process web]\n[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = "
    "0\ndisk = 30s\nprocess = 5s\n[incidents]\nassess = 0\nrecover = 0\n[broker central]\nhost = "
    "broker.example\ntls = no\nport = 1883\nreconnect_first = 1s\nroles = incidents, summary";

static void reload_with(const char *head, const char *rest) {
    static char text[1024];
    (void)snprintf(text, sizeof text, "%s%s\n", head, rest);
    CHECK_EQ_INT(pk_sim_file_set(&gw.sim, "/etc/picket/picketd.conf", text, (uint32_t)strlen(text)), PK_OK);
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
}

PK_TEST(role_that_a_reload_takes_away__is_heard_no_more_and_what_was_on_its_way_arrives) {
    static char text[1024];
    (void)snprintf(text, sizeof text, "%s%s\n", BROKER_HEAD, ", events, commands");
    begin_refused(NULL, 0, text);
    CHECK(is_heard(EVENTS) && is_heard(COMMANDS));
    wait_ms(1000);
    gw.sim.links[1].is_cut = true; /* the incident goes out, and no answer comes */
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    CHECK(pk_mqtt_inflight_count(&gw.agent.links[1].mqtt) > 0);
    reload_with(BROKER_HEAD, ", commands");
    wait_ms(10000);
    REQUIRE(gateway_is_online(&gw));
    CHECK(is_heard(COMMANDS) && !is_heard(EVENTS));
    REQUIRE(hub_model_find(&hub, i->id) != NULL);
    CHECK_EQ_U64(hub_model_find(&hub, i->id)->rev, i->rev);
    CHECK_EQ_U64(pk_outbox_depth(&gw.agent.outbox), 0);
    /* Only the first connection begins anew. */
    broker_restart(&broker, true);
    wait_ms(30000);
    REQUIRE(gateway_is_online(&gw));
    CHECK_EQ_U64(gw.agent.links[1].mqtt.session_present, true);
    check_sound();
}

PK_TEST_MAIN(role_that_a_reload_takes_away__is_heard_no_more_and_what_was_on_its_way_arrives,
             refused__asked_for_again_on_the_same_connection,
             refused_for_long__asked_for_less_and_less_often_but_always,
             refused__asked_for_again_when_the_session_is_resumed_and_at_a_reload,
             refused_row__asked_for_again_and_only_it)
