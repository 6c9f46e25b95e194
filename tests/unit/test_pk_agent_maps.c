#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static const char HEAD[] = "[gateway]\nsite = lab\ngateway = gw-1\n[agent]\nclock = trusted\n[broker "
                           "central]\nhost = broker.example\ntls = no\n"
                           "port = 1883\n[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\n";
static char config[4096];
static struct gateway_setup setup;

static void start(const char *rows) {
    (void)snprintf(config, sizeof config, "%s%s", HEAD, rows);
    setup = (struct gateway_setup){.seed = 3, .config = config};
    begin(&setup);
    wait_ms(200);
}

static void publish(const char *topic, const char *payload) {
    (void)broker_publish(&broker, topic, payload, (uint32_t)strlen(payload), "");
    wait_ms(200);
}

static const char ROWS[] =
    "[map heat]\ntopic = plant/+/heat\ntype = temperature\nsource = {1}\nvalue = {t}\n"
    "[map all]\ntopic = plant/#\ntype = seen\nsource = {1}\n"
    "[map alarm]\ntopic = alarm/+\ntype = device_alarm\nsource = {1}\nvalue = {payload}\n"
    "empty = 0\nretained = yes\n";

PK_TEST(messages__make_an_event_for_each_row_and_misfits_are_counted) {
    start(ROWS);
    publish("plant/oven-1/heat", "{\"t\":81.5}");
    CHECK(says(0, "events.list", "{\"type\":\"temperature\"}",
               "\"source\":\"oven-1\",\"severity\":\"info\",\"value\":81.5"));
    CHECK(says(0, "events.list", "{\"type\":\"seen\"}", "\"source\":\"oven-1.heat\""));
    publish("plant/oven-1/heat", "{\"u\":1}");
    publish("plant/oven-1/heat", "{broken");
    CHECK(says(
        0, "sources.maps", "{}",
        "{\"map\":\"heat\",\"topic\":\"plant/+/heat\",\"taken\":1,\"misfits\":2,\"reasons\":{\"bad_json\":1,"
        "\"no_field\":1},\"last_reason\":\"bad_json\",\"last_detail\":\"{broken\""));
    CHECK(says(0, "sources.maps", "{}", "\"map\":\"all\",\"topic\":\"plant/#\",\"taken\":2,\"misfits\":1"));
    CHECK_EQ_U64(gw.agent.intake.bad_count, 3);
    CHECK_EQ_U64(gw.agent.counters.topic_unknown, 0);
    CHECK(gateway_log_has(&gw, "does not fit its mapping row"));
    check_sound();
}

PK_TEST(messages__native_ones_are_never_mapped) {
    start("[map everything]\ntopic = \"#\"\ntype = mapped\nsource = s\n");
    publish("picket/v1/lab/gw-1/in/oven-1/temperature", "5");
    CHECK(says(0, "events.list", "{\"type\":\"temperature\"}", "\"value\":5"));
    CHECK(says(0, "events.list", "{\"type\":\"mapped\"}", "\"events\":[]"));
    publish("elsewhere", "x");
    CHECK(says(0, "events.list", "{\"type\":\"mapped\"}", "\"source\":\"s\""));
    check_sound();
}

PK_TEST(intake__that_refuses__is_told_apart) {
    start(ROWS);
    gw.agent.intake.rate_per_s = 1;
    gw.agent.intake.burst = 1;
    publish("alarm/a", "1");
    publish("alarm/a", "2");
    CHECK_EQ_U64(gw.agent.maps.counts[2].by_reason[PK_MAP_TAKEN], 1);
    CHECK_EQ_U64(gw.agent.maps.counts[2].by_reason[PK_MAP_REFUSED], 1);
    check_sound();
}

PK_TEST(alarm__raised_and_cleared__opens_and_ends_an_incident) {
    start(ROWS);
    publish("alarm/pump", "3");
    const struct pk_incident *i = gateway_incident(&gw, "device_alarm");
    REQUIRE(i != NULL);
    CHECK_EQ_INT(i->severity, PK_SEV_HIGH);
    CHECK(says(0, "sources.get", "{\"source\":\"pump\"}", "\"state\":\"ok\""));
    publish("alarm/pump", "");
    wait_ms(5000);
    CHECK(gateway_incident(&gw, "device_alarm")->status >= PK_INC_MITIGATED);
    check_sound();
}

PK_TEST(last_will__makes_the_source_silent) {
    start("[map will]\ntopic = +/LWT\ntype = source_up\nsource = {1}\nvalue = {payload}\n"
          "values = Online -> 1, Offline -> 0\nretained = yes\n");
    publish("plug-1/LWT", "Online");
    CHECK(says(0, "sources.get", "{\"source\":\"plug-1\"}", "\"state\":\"ok\""));
    publish("plug-1/LWT", "Offline");
    CHECK(says(0, "sources.get", "{\"source\":\"plug-1\"}", "\"state\":\"silent\""));
    CHECK(gateway_incident(&gw, "source_down") != NULL);
    publish("plug-1/LWT", "Online");
    wait_ms(5000);
    CHECK(gateway_incident(&gw, "source_down")->status >= PK_INC_MITIGATED);
    CHECK(says(0, "sources.list", "{\"state\":\"ok\"}", "\"source\":\"plug-1\""));
    check_sound();
}

static const struct pk_source *source_of(const char *name) {
    const int id = pk_sources_find(&gw.agent.intake.sources, pk_str_of(name));
    return id < 0 ? NULL : &gw.agent.intake.sources.state[id];
}

PK_TEST(sources__that_topics_name__have_their_part_of_the_table) {
    char topic[40];
    start("[map named]\ntopic = door/+\ntype = opened\nsource = {1}\n"
          "[map told]\ntopic = lamp\ntype = lit\nsource = l-{id}\n"
          "[map fixed]\ntopic = gate\ntype = opened\nsource = gate\n");
    publish("lamp", "{\"id\":1}");
    publish("gate", "");
    REQUIRE(source_of("l-1") != NULL && source_of("gate") != NULL);
    CHECK(source_of("l-1")->is_foreign && !source_of("gate")->is_foreign);
    for (uint32_t i = 0; i < PK_LIMIT_SOURCES + 50u; i++) {
        (void)snprintf(topic, sizeof topic, "door/%u", (unsigned)i);
        (void)broker_publish(&broker, topic, "", 0, "");
        wait_ms(20);
    }
    const struct pk_sources *s = &gw.agent.intake.sources;
    CHECK_EQ_U64(s->refused_count, 0);
    CHECK(s->foreign_count <= PK_LIMIT_SOURCES_FOREIGN && s->forgotten_count + s->folded_count > 50);
    CHECK(pk_sources_intern(&gw.agent.intake.sources, pk_str_of("one-of-ours")) >= 0);
    check_sound();
}

static bool is_subscribed(const char *filter) {
    for (uint32_t c = 0; c < BROKER_CLIENTS; c++) {
        for (uint32_t f = 0; f < broker.clients[c].filter_count; f++) {
            if (strcmp(broker.clients[c].filters[f], filter) == 0) {
                return true;
            }
        }
    }
    return false;
}

PK_TEST(reload__new_rows_are_subscribed_and_old_ones_left) {
    start(ROWS);
    CHECK(is_subscribed("plant/+/heat") && is_subscribed("plant/#"));
    publish("plant/oven-1/heat", "{\"t\":1}");
    (void)snprintf(config, sizeof config, "%s%s", HEAD,
                   "[map heat]\ntopic = plant/+/heat\ntype = temperature\nsource = {1}\nvalue = {t}\n"
                   "[map cold]\ntopic = store/+\ntype = cold\nsource = {1}\n");
    CHECK_EQ_INT(pk_sim_file_set(&gw.sim, "/etc/picket/picketd.conf", config, (uint32_t)strlen(config)),
                 PK_OK);
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(500);
    CHECK(is_subscribed("plant/+/heat") && is_subscribed("store/+"));
    CHECK(!is_subscribed("plant/#") && !is_subscribed("alarm/+"));
    CHECK_EQ_U64(gw.agent.maps.counts[0].by_reason[PK_MAP_TAKEN], 0);
    publish("store/milk", "");
    CHECK(says(0, "events.list", "{\"type\":\"cold\"}", "\"source\":\"milk\""));
    check_sound();
}

PK_TEST_MAIN(messages__make_an_event_for_each_row_and_misfits_are_counted,
             messages__native_ones_are_never_mapped, intake__that_refuses__is_told_apart,
             alarm__raised_and_cleared__opens_and_ends_an_incident, last_will__makes_the_source_silent,
             sources__that_topics_name__have_their_part_of_the_table,
             reload__new_rows_are_subscribed_and_old_ones_left)
