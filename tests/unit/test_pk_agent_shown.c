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
    wait_ms(2000);
    CHECK_EQ_U64(kept("homeassistant/") + kept("te/") + kept("picket/v1/lab/gw-1/home"), 0);
    CHECK_EQ_U64(gw.agent.meta.shown_bits, 0);
    check_sound();
}

/* The state changes with each report that waits: where a byte costs it is said seldom, then not at all. */
PK_TEST(state__metered_or_tight__is_rare_and_waits_for_no_tick) {
    struct pk_spend *s = &gw.agent.spends[PK_SPEND_DATA];
    start_with(", home_assistant");
    wait_ms(5000);
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

PK_TEST_MAIN(turned_off__refused_or_cut__is_taken_back_with_a_later_connection,
             state__metered_or_tight__is_rare_and_waits_for_no_tick, without_the_roles__nothing_is_shown,
             an_open_incident__is_shown_and_taken_back_when_it_ended, a_broker_that_forgot__is_shown_all_anew,
             resolved_while_away__is_taken_back_later, turned_off_over_a_restart__everything_is_gone)
