/* ctest: full=native */
#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

#define CONFIG_OF(syslog)                                                                                    \
    "[gateway]\nsite = lab\ngateway = @\n[agent]\nclock = trusted\n[sources]\ncpu = 0\nmemory = 0\n"         \
    "psi = 0\nload = 0\ndisk = 0\nprocess = 5s\n[syslog]\n" syslog "\n"
#define RULE                                                                                                 \
    "[rule brute]\non = type = auth_failed\nwhen = count >= 3 in 5m by source\ntype = security_breach\n"     \
    "severity = critical\nclear = count < 1 in 1h\nkeys = 64\n"

static uint32_t text;

static void start_with(const char *config) {
    const struct pk_ipc_frame f = {.version = PK_IPC_VERSION, .type = PK_IPC_FD, .id = PK_IPC_OPEN_INLET};
    const struct gateway_setup setup = {.seed = 1, .config = config, .rules = RULE, .has_no_broker = true};
    prepare(&setup);
    REQUIRE(gateway_boot(&gw));
    text = (uint32_t)pk_sim_text_make(&gw.sim, PK_INLET_DATAGRAMS);
    pk_sim_text_pass(&gw.sim, text, PK_IPC_OPEN_INLET);
    CHECK_EQ_INT(pk_sim_ipc_push(&gw.sim, &f, 1), PK_OK);
    wait_ms(10);
}

static void start(void) {
    start_with(CONFIG_OF("udp = 514"));
}

static void fail_login(const char *ip) {
    char line[120];
    /* Without a time it is of now. */
    (void)snprintf(line, sizeof line, "<38>sshd[1]: Failed password for root from %s port 2", ip);
    CHECK(pk_sim_text_put(&gw.sim, text, line, (uint32_t)strlen(line)));
}

static int find(const char *name) {
    return pk_sources_find(&gw.agent.intake.sources, pk_str_of(name));
}

/* What every id means is what it meant when the event was taken: the field `ip` says so. */
static uint32_t check_history(void) {
    const struct pk_event *e = NULL;
    uint32_t looked_at = 0;
    for (uint32_t age = 0; (e = pk_history_at(&gw.agent.history, age)) != NULL; age++) {
        struct pk_field ip;
        const char *name = pk_sources_name(&gw.agent.intake.sources, e->source_id);
        CHECK(name[0] != '\0');
        if (strcmp(name, PK_SOURCE_OTHERS) != 0 &&
            pk_field_find(pk_textring_fields(&gw.agent.intake.text, e), pk_str_of("ip"), &ip)) {
            CHECK(pk_str_eq_c(ip.value, name));
            looked_at++;
        }
    }
    return looked_at;
}

PK_TEST(sources__a_hundred_thousand_addresses__neither_fill_nor_mix_the_table) {
    char ip[20];
    uint64_t looked_at = 0;
    start();
    for (int i = 0; i < 3; i++) {
        fail_login("203.0.113.7");
    }
    wait_ms(10);
    const struct pk_incident *incident = gateway_incident(&gw, "brute");
    REQUIRE(incident != NULL);
    CHECK_STR(incident->group_key, "203.0.113.7");
    const int attacker = find("203.0.113.7");
    for (uint32_t i = 0; i < 100000; i++) {
        (void)snprintf(ip, sizeof ip, "10.%u.%u.%u", i / 65536, i / 256 % 256, i % 256);
        fail_login(ip);
        if (i % 100 == 99) {
            wait_ms(1000); /* a hundred a second: as fast as ids come free, and faster */
        }
        looked_at += i % 500 == 499 ? check_history() : 0;
    }
    const struct pk_sources *s = &gw.agent.intake.sources;
    CHECK(s->foreign_count <= PK_LIMIT_SOURCES_FOREIGN);
    CHECK_EQ_U64(s->refused_count, 0);
    CHECK(s->forgotten_count > 1000);
    CHECK(s->forgotten_count + s->folded_count >= 100000u - PK_LIMIT_SOURCES_FOREIGN);
    CHECK_EQ_INT(find("203.0.113.7"), attacker); /* its incident is open: it is not forgotten */
    CHECK(pk_sources_intern(&gw.agent.intake.sources, pk_str_of("one-of-ours")) >= 0);
    CHECK(looked_at > 1000);
    /* And who comes when it is quiet again has a name and a count of his own. */
    wait_ms(30000);
    for (int i = 0; i < 3; i++) {
        fail_login("198.51.100.1");
    }
    wait_ms(10);
    CHECK(find("198.51.100.1") >= 0);
    bool has_own = false;
    uint32_t below = UINT32_MAX;
    const struct pk_incident *i = NULL;
    while ((i = pk_incidents_next(&gw.agent.incidents, UINT32_MAX, PK_SEV_INFO, &below)) != NULL) {
        has_own = has_own || strcmp(i->group_key, "198.51.100.1") == 0;
    }
    CHECK(has_own);
    check_sound();
}

PK_TEST(sources__with_room__nobody_is_forgotten) {
    start();
    fail_login("203.0.113.7");
    wait_ms(3600000);
    CHECK(find("203.0.113.7") >= 0);
    CHECK_EQ_U64(gw.agent.intake.sources.forgotten_count, 0);
}

/* Any local process may write to the events socket, and names itself. */
static void flood_sources(const char *type, uint32_t count) {
    char line[120];
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(line, sizeof line, "{\"type\":\"%s\",\"source\":\"stranger%u\"}\n", type, (unsigned)i);
        (void)gateway_events(&gw, line);
    }
}

PK_TEST(sources__of_the_events_socket__leave_room_for_what_a_reload_configures) {
    static const char *const CONFIGURED[] = {"log:added", "log:second", "must-report"};
    char config[600];
    start();
    (void)snprintf(config, sizeof config,
                   "[gateway]\nsite = lab\ngateway = %s\n[agent]\nclock = trusted\n[syslog]\nudp = 514\n"
                   "[log added]\npath = /var/log/a.log\n[log second]\npath = /var/log/b.log\n"
                   "[heartbeat must-report]\ninterval = 5s\n",
                   gw.name);
    flood_sources("boom", PK_LIMIT_SOURCES + 150u);
    const struct pk_sources *s = &gw.agent.intake.sources;
    CHECK(s->foreign_count <= PK_LIMIT_SOURCES_FOREIGN);
    CHECK(s->folded_count + s->forgotten_count >= 150u);
    CHECK(find("others") >= 0);
    CHECK_EQ_U64(s->refused_count, 0);
    CHECK_EQ_INT(pk_sim_file_set(&gw.sim, "/etc/picket/picketd.conf", config, (uint32_t)strlen(config)),
                 PK_OK);
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(500);
    for (size_t i = 0; i < PK_COUNT_OF(CONFIGURED); i++) {
        const int id = find(CONFIGURED[i]);
        CHECK(id >= 0 && !s->state[id].is_foreign);
    }
    wait_ms(30000);
    CHECK(gateway_incident(&gw, "heartbeat_lost") != NULL);
    check_sound();
}

/* Any local process may write to the socket of syslog, and calls itself what it likes. */
PK_TEST(sources__a_thousand_program_names__leave_room_for_what_a_reload_configures) {
    static const char *const CONFIGURED[] = {"syslog", "log:added", "kmsg", "kernel", "must-report", "plc-7"};
    static const char RULES[] =
        "[rule plc]\non = type = log_error and source = plc-7\nwhen = count >= 1 in 5m\n"
        "type = custom\nseverity = low\n";
    char config[600], line[120];
    start_with(CONFIG_OF("socket = yes"));
    for (unsigned i = 0; i < 1000u; i++) {
        (void)snprintf(line, sizeof line, "<27>1 - - prog%u 7 - - it failed", i);
        CHECK(pk_sim_text_put(&gw.sim, text, line, (uint32_t)strlen(line)));
        wait_ms(i % 50u == 49u ? 100 : 1);
    }
    const struct pk_sources *s = &gw.agent.intake.sources;
    CHECK_EQ_U64(gw.agent.inlets.rows[0].event_count, 1000);
    CHECK(s->foreign_count <= PK_LIMIT_SOURCES_FOREIGN);
    CHECK(s->foreign_count + s->folded_count + s->forgotten_count >= 1000u); /* each is accounted for */
    CHECK_EQ_U64(s->refused_count, 0);
    if (PK_LIMIT_SOURCES_FOREIGN < 1000u) {
        CHECK(find("others") >= 0 && s->folded_count > 0);
    }
    (void)snprintf(
        config, sizeof config,
        "[gateway]\nsite = lab\ngateway = %s\n[agent]\nclock = trusted\n[syslog]\nsocket = yes\n"
        "[log added]\npath = /var/log/a.log\n[kmsg]\ndevice = yes\n[heartbeat must-report]\ninterval = 5s\n",
        gw.name);
    CHECK(pk_sim_file_set(&gw.sim, "/etc/picket/picketd.conf", config, (uint32_t)strlen(config)) >= 0);
    CHECK(pk_sim_file_set(&gw.sim, "/etc/picket/rules.d/plc.rules", RULES, (uint32_t)strlen(RULES)) >= 0);
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(500);
    CHECK_STR(gw.agent.diag.message, "");
    for (size_t i = 0; i < PK_COUNT_OF(CONFIGURED); i++) {
        const int id = find(CONFIGURED[i]);
        CHECK_STR(id >= 0 && !s->state[id].is_foreign ? CONFIGURED[i] : "", CONFIGURED[i]);
    }
    for (unsigned i = 0; i < 1000u; i++) { /* and they go on */
        (void)snprintf(line, sizeof line, "<27>1 - - more%u 7 - - it failed", i);
        CHECK(pk_sim_text_put(&gw.sim, text, line, (uint32_t)strlen(line)));
        wait_ms(5);
    }
    (void)snprintf(line, sizeof line, "<27>1 - - plc-7 7 - - it failed");
    CHECK(pk_sim_text_put(&gw.sim, text, line, (uint32_t)strlen(line)));
    wait_ms(30000);
    CHECK(gateway_incident(&gw, "plc") != NULL);
    CHECK(gateway_incident(&gw, "heartbeat_lost") != NULL);
    CHECK_EQ_U64(s->refused_count, 0);
    check_sound();
}

PK_TEST(sources__that_promised_a_heartbeat__are_not_forgotten_for_strangers) {
    start();
    (void)gateway_events(&gw, "{\"type\":\"heartbeat\",\"source\":\"press\",\"value\":600}\n");
    const int press = find("press");
    REQUIRE(press >= 0);
    CHECK(gw.agent.intake.sources.state[press].is_foreign);
    for (uint32_t round = 0; round < 5; round++) {
        flood_sources("boom", PK_LIMIT_SOURCES_FOREIGN + 20u);
        wait_ms(30000);
        flood_sources("bang", PK_LIMIT_SOURCES_FOREIGN + 20u);
    }
    CHECK(gw.agent.intake.sources.forgotten_count > 0);
    CHECK_EQ_INT(find("press"), press);
    check_sound();
}

PK_TEST_MAIN(sources__a_thousand_program_names__leave_room_for_what_a_reload_configures,
             sources__of_the_events_socket__leave_room_for_what_a_reload_configures,
             sources__that_promised_a_heartbeat__are_not_forgotten_for_strangers,
             sources__a_hundred_thousand_addresses__neither_fill_nor_mix_the_table,
             sources__with_room__nobody_is_forgotten)
