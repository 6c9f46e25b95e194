#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static char config[4096];
static uint32_t home_count; /* states said */

static const struct gateway_setup *with_roles(const char *roles) {
    static struct gateway_setup setup;
    const char *at = strstr(GATEWAY_CONFIG, "[broker central]\n");
    CHECK(at != NULL);
    const size_t head = (size_t)(at - GATEWAY_CONFIG) + sizeof "[broker central]\n" - 1;
    (void)snprintf(config, sizeof config, "%.*sroles = events, incidents, commands, summary%s\n%s", (int)head,
                   GATEWAY_CONFIG, roles, GATEWAY_CONFIG + head);
    setup = (struct gateway_setup){.seed = 1, .config = config};
    return &setup;
}

/* Retained messages whose topic begins so. */
static uint32_t kept(const char *begin) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < BROKER_RETAINED; i++) {
        const struct broker_retained *r = &broker.retained[i];
        count += r->topic[0] != '\0' && r->n > 0 && strncmp(r->topic, begin, strlen(begin)) == 0 ? 1 : 0;
    }
    return count;
}

/* What is said to others is no report. */
static void on_accepted(void *arg, const struct broker_publish *m) {
    (void)arg;
    home_count += pk_str_eq_c(m->topic, "picket/v1/lab/gw-1/home") ? 1u : 0u;
    if (pk_str_starts(m->topic, "picket/")) {
        hub_model_accept(&hub, m);
    }
}

static void start_with(const char *roles) {
    prepare(with_roles(roles));
    broker.accepted = on_accepted;
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
}

static void restart_without_roles(void) {
    char text[sizeof config];
    struct pk_buf b;
    (void)with_roles("");
    pk_buf_init(&b, text, sizeof text);
    for (const char *p = config; *p != '\0'; p++) {
        if (*p == '@') {
            pk_buf_puts(&b, gw.name);
        } else {
            pk_buf_putc(&b, *p);
        }
    }
    CHECK_EQ_INT(pk_sim_file_set(&gw.sim, "/etc/picket/picketd.conf", b.p, b.n), PK_OK);
    REQUIRE(gateway_boot(&gw));
}

/* Before the silence of press-7 is noticed, or soon after. */
static bool has_ended(void *arg) {
    (void)arg;
    return !pk_incident_status_is_active(gateway_incident(&gw, "process_lost")->status);
}

static bool await_end(void) {
    return gateway_site_until(&site, 60000, has_ended, NULL);
}

static uint32_t heartbeats(void) {
    const struct pk_incident *i = gateway_incident(&gw, "heartbeat_lost");
    return i != NULL && pk_incident_status_is_active(i->status) ? 1 : 0;
}

PK_TEST(without_the_roles__nothing_is_shown) {
    begin(NULL);
    CHECK(open_incident() != NULL);
    CHECK_EQ_U64(kept("homeassistant/") + kept("te/") + kept("picket/v1/lab/gw-1/home"), 0);
    CHECK_EQ_U64(gw.agent.meta.shown_bits, 0);
    check_sound();
}

PK_TEST(an_open_incident__is_shown_and_taken_back_when_it_ended) {
    start_with(", home_assistant, thin_edge");
    wait_ms(2000);
    CHECK_EQ_U64(kept("homeassistant/device/"), 1);
    CHECK_EQ_U64(kept("homeassistant/binary_sensor/") + kept("te/"), 0);
    REQUIRE(open_incident() != NULL);
    wait_ms(1500);
    CHECK_EQ_U64(kept("homeassistant/binary_sensor/"), 1);
    CHECK_EQ_U64(kept("te/device/main/service/picket/a/"), 1);
    gateway_process(&gw, "web", true);
    REQUIRE(await_end());
    wait_ms(500);
    CHECK_EQ_U64(kept("homeassistant/binary_sensor/") + kept("te/"), 2 * heartbeats());
    CHECK_EQ_U64(kept("homeassistant/device/"), 1);
    CHECK_EQ_U64(gw.agent.shown.refused_count, 0);
    check_sound();
}

PK_TEST(a_broker_that_forgot__is_shown_all_anew) {
    start_with(", home_assistant, thin_edge");
    REQUIRE(open_incident() != NULL);
    wait_ms(1500);
    broker_restart(&broker, false);
    memset(broker.retained, 0, sizeof broker.retained);
    CHECK_EQ_U64(kept("te/"), 0);
    wait_ms(30000);
    CHECK_EQ_U64(kept("homeassistant/device/"), 1);
    CHECK_EQ_U64(kept("homeassistant/binary_sensor/"), 1);
    CHECK_EQ_U64(kept("te/device/main/service/picket/a/"), 1);
    check_sound();
}

/* What was resolved while the broker was away is taken back with the next connection. */
PK_TEST(resolved_while_away__is_taken_back_later) {
    start_with(", thin_edge");
    REQUIRE(open_incident() != NULL);
    wait_ms(1500);
    CHECK_EQ_U64(kept("te/"), 1);
    broker.is_down = true;
    broker_restart(&broker, true);
    gateway_process(&gw, "web", true);
    REQUIRE(await_end());
    CHECK_EQ_U64(kept("te/"), 1);
    broker.is_down = false;
    wait_ms(60000);
    CHECK_EQ_U64(kept("te/device/main/service/picket/a/") - heartbeats(), 0);
    check_sound();
}

PK_TEST(turned_off_over_a_restart__everything_is_gone) {
    start_with(", home_assistant, thin_edge");
    REQUIRE(open_incident() != NULL);
    wait_ms(1500);
    CHECK(kept("homeassistant/") == 2 && kept("te/") == 1 && kept("picket/v1/lab/gw-1/home") == 1);
    CHECK(gw.agent.meta.shown_bits != 0);
    CHECK(gateway_stop(&gw));
    restart_without_roles();
    CHECK(gw.agent.meta.shown_bits != 0);
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(8000); /* the subscription is taken back, too */
    CHECK_EQ_U64(kept("homeassistant/") + kept("te/") + kept("picket/v1/lab/gw-1/home"), 0);
    CHECK_EQ_U64(gw.agent.meta.shown_bits, 0);
    check_sound();
}

/* As a process before this one left it, and as others did. */
static void put_retained(const char *topic) {
    for (uint32_t i = 0; i < BROKER_RETAINED; i++) {
        struct broker_retained *r = &broker.retained[i];
        if (r->topic[0] == '\0') {
            (void)snprintf(r->topic, sizeof r->topic, "%s", topic);
            r->payload[0] = 'x';
            r->n = 1;
            return;
        }
    }
    CHECK(false);
}

static const char *const FOREIGN[] = {
    "homeassistant/binary_sensor/gw-1/door/config",
    "homeassistant/binary_sensor/gw-1/inc_gw-1_1_7/config",
    "homeassistant/binary_sensor/gw-1/inc_00007/config",
    "homeassistant/binary_sensor/gw-1/inc_gw-2_1_00007/config",
    "homeassistant/binary_sensor/gw-2/inc_gw-1_1_00007/config",
    "te/device/main/service/picket/a/inc_gw-2_1_00007",
    "te/device/main/service/picket/a/door",
    "te/device/main/service/other/a/inc_gw-1_1_00007",
};

static void put_left_behind(uint32_t count) {
    char topic[BROKER_TOPIC_BYTES];
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(topic, sizeof topic,
                       "homeassistant/binary_sensor/gw-1/inc_gw-1_4000000000_%05u/config", i + 1);
        put_retained(topic);
        (void)snprintf(topic, sizeof topic, "te/device/main/service/picket/a/inc_gw-1_4000000000_%05u",
                       i + 1);
        put_retained(topic);
    }
    for (uint32_t i = 0; i < PK_COUNT_OF(FOREIGN); i++) {
        put_retained(FOREIGN[i]);
    }
}

static void check_foreign(uint32_t count) {
    for (uint32_t i = 0; i < PK_COUNT_OF(FOREIGN); i++) {
        CHECK(broker_find_retained(&broker, FOREIGN[i]) != NULL);
    }
    CHECK_EQ_U64(kept("homeassistant/binary_sensor/") + kept("te/"), PK_COUNT_OF(FOREIGN) + count);
}

PK_TEST(left_by_an_earlier_life__is_taken_back__what_is_others_stays) {
    prepare(with_roles(", home_assistant, thin_edge"));
    broker.accepted = on_accepted;
    put_left_behind(40); /* more than the window holds */
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    REQUIRE(open_incident() != NULL);
    wait_ms(10000);
    check_foreign(2);
    CHECK(!gw.agent.shown.has_more[0] && !gw.agent.shown.has_more[1]);
    CHECK_EQ_U64(gw.agent.counters.topic_unknown, 0);
    broker_restart(&broker, true); /* what is shown now is asked for again, and stays */
    wait_ms(30000);
    check_foreign(2);
    check_sound();
}

PK_TEST(left_by_an_earlier_life__without_the_role__is_taken_back_too) {
    start_with(", home_assistant, thin_edge");
    wait_ms(1500);
    CHECK(gateway_stop(&gw));
    put_left_behind(40);
    restart_without_roles();
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(10000);
    check_foreign(0);
    CHECK_EQ_U64(kept("homeassistant/device/"), 0);
    CHECK_EQ_U64(gw.agent.meta.shown_bits, 0);
    broker_restart(&broker, true); /* now nothing is asked for */
    wait_ms(30000);
    CHECK_EQ_U64(gw.agent.shown.asked_bits[0] | gw.agent.shown.asked_bits[1], 0);
    check_sound();
}

/* Subscriptions at the broker whose messages are what is shown, of any gateway. */
static uint32_t listens(void) {
    uint32_t count = 0;
    for (uint32_t c = 0; c < BROKER_CLIENTS; c++) {
        for (uint32_t f = 0; f < broker.clients[c].filter_count; f++) {
            const struct pk_str filter = pk_str_of(broker.clients[c].filters[f]);
            count += pk_str_starts(filter, "te/") || pk_str_starts(filter, "homeassistant/") ? 1u : 0u;
        }
    }
    return count;
}

/* Alarms of other gateways come on the same topics: who has looked back listens no more. */
PK_TEST(looked_back__nothing_of_others_is_heard__until_the_next_connection) {
    prepare(with_roles(", home_assistant, thin_edge"));
    broker.accepted = on_accepted;
    put_left_behind(40); /* more than one round */
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(1000);
    CHECK_EQ_U64(listens(), 2);
    wait_ms(15000);
    for (uint32_t round = 0; round < 2; round++) {
        CHECK_EQ_U64(gw.agent.shown.heard_bits[0] | gw.agent.shown.heard_bits[1], 0);
        CHECK_EQ_U64(listens(), 0);
        check_foreign(2 * heartbeats());
        put_retained("te/device/main/service/picket/a/inc_gw-1_4000000000_00050");
        broker_restart(&broker, true);
        REQUIRE(gateway_run_until_online(&gw));
        wait_ms(60000);
    }
    CHECK_EQ_U64(gw.agent.counters.topic_unknown, 0);
    check_sound();
}

/* The subscription was not answered before the connection ended, and the broker kept it: not for ever. */
PK_TEST(looked_back__cut_before_the_end__is_taken_back_later) {
    prepare(with_roles(", thin_edge"));
    broker.accepted = on_accepted;
    REQUIRE(gateway_boot(&gw));
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(1000);
    CHECK_EQ_U64(listens(), 1);
    CHECK(gateway_stop(&gw));
    restart_without_roles();
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(1000);
    broker_restart(&broker, true);
    wait_ms(60000);
    CHECK_EQ_U64(listens(), 0);
    CHECK_EQ_U64(gw.agent.meta.shown_bits, 0);
    check_sound();
}

/* A broker that keeps what it is told to take back is not asked for ever. */
PK_TEST(left_by_an_earlier_life__refused__is_asked_for_once_a_connection) {
    prepare(with_roles(", home_assistant, thin_edge"));
    broker.accepted = on_accepted;
    put_left_behind(40);
    broker.weights.refuse_publish = 1000;
    REQUIRE(gateway_boot(&gw));
    wait_ms(20000);
    const uint64_t count = broker.refused_count;
    CHECK(count > 0);
    wait_ms(20000);
    CHECK(broker.refused_count < count + 30);
    CHECK_EQ_U64(kept("homeassistant/binary_sensor/") + kept("te/"), 80 + PK_COUNT_OF(FOREIGN));
    broker.weights.refuse_publish = 0;
    broker_restart(&broker, true);
    wait_ms(30000);
    check_foreign(2 * heartbeats());
}

/* The state changes with each report that waits: where a byte costs it is said seldom, then not at all. */
PK_TEST(state__metered_or_tight__is_rare_and_waits_for_no_tick) {
    struct pk_spend *s = &gw.agent.spends[PK_SPEND_DATA];
    start_with(", home_assistant");
    wait_ms(8000);
    CHECK(!gw.agent.shown.is_state_held);
    CHECK_EQ_U64(pk_agent_shown_next_ms(&gw.agent), UINT64_MAX); /* nothing changed: nothing is due */
    gw.agent.config.is_metered = true;
    REQUIRE(open_incident() != NULL);
    const uint32_t count = home_count;
    wait_ms(1000);
    gateway_process(&gw, "web", true);
    REQUIRE(await_end());
    CHECK(home_count <= count + 1u);
    wait_ms(61000);
    CHECK(home_count > count && home_count <= count + 3u);
    gw.agent.config.is_metered = false;
    CHECK(!gw.agent.shown.is_state_held);
    pk_spend_limit(s, 10u << 20);
    s->record.used_bytes = s->limit_bytes;
    wait_ms(6000);
    CHECK_EQ_INT(s->level, PK_SPEND_OVER);
    const uint32_t before = home_count;
    gateway_process(&gw, "web", false);
    wait_ms(70000);
    CHECK_EQ_U64(home_count, before);
    CHECK_EQ_U64(pk_agent_shown_next_ms(&gw.agent), UINT64_MAX);
    check_sound();
}

/* The broker takes nothing, or the connection ends before it says so: it is still known to be there. */
PK_TEST(turned_off__refused_or_cut__is_taken_back_with_a_later_connection) {
    start_with(", home_assistant, thin_edge");
    REQUIRE(open_incident() != NULL);
    wait_ms(1500);
    CHECK(kept("homeassistant/") == 2 && kept("te/") == 1);
    CHECK(gateway_stop(&gw));
    restart_without_roles();
    broker.weights.refuse_publish = 1000;
    REQUIRE(gateway_run_until_online(&gw));
    wait_ms(5000);
    CHECK(kept("homeassistant/") == 2 && kept("te/") == 1);
    CHECK(gw.agent.meta.shown_bits != 0);
    broker.weights.refuse_publish = 0;
    broker.weights.cut_before_ack = 1000;
    broker_restart(&broker, true);
    wait_ms(10000);
    CHECK(gw.agent.meta.shown_bits != 0);
    broker.weights.cut_before_ack = 0;
    wait_ms(200000);
    CHECK_EQ_U64(kept("homeassistant/") + kept("te/") + kept("picket/v1/lab/gw-1/home"), 0);
    CHECK_EQ_U64(gw.agent.meta.shown_bits, 0);
    CHECK(gw.agent.shown.waiting_count[0] == 0 && gw.agent.shown.waiting_count[1] == 0);
    check_sound();
}

PK_TEST_MAIN(looked_back__nothing_of_others_is_heard__until_the_next_connection,
             looked_back__cut_before_the_end__is_taken_back_later,
             turned_off__refused_or_cut__is_taken_back_with_a_later_connection,
             state__metered_or_tight__is_rare_and_waits_for_no_tick, without_the_roles__nothing_is_shown,
             an_open_incident__is_shown_and_taken_back_when_it_ended, a_broker_that_forgot__is_shown_all_anew,
             left_by_an_earlier_life__is_taken_back__what_is_others_stays,
             left_by_an_earlier_life__without_the_role__is_taken_back_too,
             left_by_an_earlier_life__refused__is_asked_for_once_a_connection,
             resolved_while_away__is_taken_back_later, turned_off_over_a_restart__everything_is_gone)
