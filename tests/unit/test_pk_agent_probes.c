#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

#define HEAD                                                                                                 \
    "[gateway]\nsite = lab\ngateway = @\n[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\n"      \
    "process = 0\nusage = 0\nstorage = 0\nthermal = 0\nnetwork = 0\ntasks = 0\noom = 0\ngpu = 0\n"           \
    "[agent]\nclock = trusted\n"
#define PLC "[probe plc]\nkind = tcp\nhost = 192.0.2.1\nport = 502\ninterval = 10s\n"
#define SHOP "[probe shop]\nkind = http\nhost = 192.0.2.2\ninterval = 10s\n"
#define NGINX "[service nginx]\ninterval = 10s\n"
#define PAGE                                                                                                 \
    "[scrape app]\nhost = 127.0.0.1\nport = 9100\ninterval = 10s\ncounter = errors_total -> errors_per_s\n"

static void start(const char *config) {
    const struct gateway_setup setup = {.seed = 3, .config = config, .has_no_broker = true};
    prepare(&setup);
    CHECK(gateway_boot(&gw));
    wait_ms(2000); /* every row was asked for */
}

static void reload(const char *config) {
    char text[2048];
    (void)snprintf(text, sizeof text, "%s", config);
    *strchr(text, '@') = 'g';
    CHECK_EQ_INT(pk_sim_file_set(&gw.sim, "/etc/picket/picketd.conf", text, (uint32_t)strlen(text)), PK_OK);
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(100);
}

/* Answers what is asked of a row. */
static void answer(uint32_t row, struct pk_ipc_probed *r) {
    struct pk_ipc_frame f;
    for (uint32_t i = 0; i < 120 && gw.agent.probes.rows[row].asked_id == 0; i++) {
        wait_ms(100);
    }
    REQUIRE(gw.agent.probes.rows[row].asked_id != 0);
    memset(&f, 0, sizeof f);
    r->kind = gw.agent.config.probes.rows[row].kind;
    r->series_count = gw.agent.config.probes.rows[row].series_count;
    f.version = PK_IPC_VERSION;
    f.type = PK_IPC_PROBED;
    f.id = gw.agent.probes.rows[row].asked_id;
    f.body_bytes = sizeof *r;
    memcpy(f.body, r, sizeof *r);
    CHECK_EQ_INT(pk_sim_ipc_push(&gw.sim, &f, 1), PK_OK);
    wait_ms(50);
}

static void answer_reach(uint32_t row, enum pk_reach reach) {
    struct pk_ipc_probed r;
    memset(&r, 0, sizeof r);
    r.is_up = reach == PK_REACH_MET ? 1 : 0;
    r.reach = (uint8_t)reach;
    r.latency_us = 2500;
    answer(row, &r);
}
static void answer_count(uint32_t row, const char *output) {
    struct pk_ipc_probed r;
    memset(&r, 0, sizeof r);
    (void)strcpy(r.u.text, output);
    answer(row, &r);
}
static void answer_value(uint32_t row, double value) {
    struct pk_ipc_probed r;
    memset(&r, 0, sizeof r);
    r.is_up = 1;
    r.u.series.value[0] = value;
    r.u.series.found[0] = PK_PROM_FOUND;
    r.byte_count = 4096;
    r.bad_count = 3;
    answer(row, &r);
}

static bool said(const char *type, const char *text) {
    char args[80];
    (void)snprintf(args, sizeof args, "{\"type\":\"%s\",\"limit\":1}", type);
    return says(0, "events.list", args, text);
}

PK_TEST(reload__what_is_known_of_unchanged_rows_stays) {
    start(HEAD PLC NGINX PAGE);
    answer_count(1, "NRestarts=4\n");
    answer_value(2, 100.0);
    reload(HEAD SHOP PAGE NGINX);
    CHECK_EQ_U64(gw.agent.config.probes.count, 3);
    answer_count(2, "NRestarts=6\n");
    CHECK(said("service_restarts", "\"value\":2"));
    answer_value(1, 200.0);
    CHECK(said("errors_per_s", "\"value\":"));
    reload(HEAD "[service nginx]\nunit = other.service\ninterval = 10s\n");
    answer_count(0, "NRestarts=9\n"); /* another unit: nothing to compare with */
    CHECK(said("service_restarts", "\"value\":2"));
    check_sound();
}

PK_TEST(reload__a_longer_or_shorter_interval_holds_at_once) {
    start(HEAD "[probe plc]\nkind = tcp\nhost = 192.0.2.1\nport = 502\ninterval = 1h\n");
    answer_reach(0, PK_REACH_MET);
    reload(HEAD PLC);
    CHECK_EQ_U64(gw.agent.probes.rows[0].done_count, 1);
    wait_ms(11000);
    CHECK(gw.agent.probes.rows[0].asked_id != 0);
    reload(HEAD PLC SHOP); /* the answer under way is lost: it is asked again soon */
    wait_ms(1000);
    CHECK(gw.agent.probes.rows[0].asked_id != 0 && gw.agent.probes.rows[1].asked_id != 0);
    check_sound();
}

PK_TEST(network__two_hosts_that_cannot_be_reached) {
    start(HEAD PLC SHOP);
    answer_reach(0, PK_REACH_LOST);
    CHECK(said("probe_up", "\"reached\":\"no\"") && said("probe_up", "\"complete\":\"no\""));
    CHECK(gateway_incident(&gw, "network_partition") == NULL);
    answer_reach(1, PK_REACH_MET);
    CHECK(said("probe_up", "\"reached\":\"yes\""));
    answer_reach(0, PK_REACH_LOST);
    answer_reach(1, PK_REACH_LOST);
    CHECK(said("probe_up", "\"host\":\"192.0.2.2\",\"reached\":\"no\",\"complete\":\"yes\""));
    const struct pk_incident *i = gateway_incident(&gw, "network_partition");
    REQUIRE(i != NULL);
    CHECK_EQ_INT(i->severity, PK_SEV_CRITICAL);
    CHECK(strstr(i->title, "Network partition on ") != NULL && strstr(i->title, " and 1 more") != NULL);
    CHECK_EQ_U64(i->component_count, 2);
    check_sound();
}

PK_TEST(network__one_host_and_this_machine_are_no_network) {
    start(HEAD PLC "[probe plc-2]\nkind = tcp\nhost = 192.0.2.1\nport = 503\ninterval = 10s\n"
                   "[probe here]\nkind = tcp\nhost = 127.0.0.1\nport = 80\ninterval = 10s\n");
    for (uint32_t n = 0; n < 12; n++) {
        answer_reach(0, PK_REACH_LOST);
        answer_reach(1, PK_REACH_LOST);
        answer_reach(2, PK_REACH_HERE);
    }
    CHECK(said("probe_up", "\"value\":0") && !said("probe_up", "reached"));
    CHECK(gateway_incident(&gw, "network_partition") == NULL);
    CHECK(gateway_incident(&gw, "probe_down") != NULL);
    check_sound();
}

PK_TEST(sources__show_what_was_measured) {
    start(HEAD PLC PAGE);
    answer_reach(0, PK_REACH_LOST);
    answer_value(1, 1.0);
    CHECK(says(0, "sources.get", "{\"source\":\"plc\"}",
               "\"probes\":[{\"kind\":\"tcp\",\"result\":\"down\",\"measured\":1,\"failed\":1,"));
    CHECK(says(0, "sources.get", "{\"source\":\"app\"}",
               "\"result\":\"up\",\"measured\":1,\"failed\":0,\"seconds_ago\":0.050,\"latency_ms\":0,"
               "\"bytes\":4096,\"bad_lines\":3}]"));
    answer_reach(0, PK_REACH_MET);
    CHECK(says(0, "sources.get", "{\"source\":\"plc\"}", "\"result\":\"up\",\"measured\":2,\"failed\":1,"));
    check_sound();
}

PK_TEST_MAIN(reload__what_is_known_of_unchanged_rows_stays,
             reload__a_longer_or_shorter_interval_holds_at_once, network__two_hosts_that_cannot_be_reached,
             network__one_host_and_this_machine_are_no_network, sources__show_what_was_measured)
