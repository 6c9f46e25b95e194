#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

PK_TEST(events__good_lines__each_is_answered_with_its_id) {
    begin(NULL);
    const char *a = gateway_events(&gw, "{\"type\":\"t\",\"source\":\"s\"}\n"
                                        "{\"type\":\"t\",\"source\":\"s\",\"value\":3.5}\r\n"
                                        "{\"event_type\":\"t\",\"source_system\":\"s\",\"extra\":1}\n");
    REQUIRE(a != NULL);
    CHECK(strstr(a, "{\"ok\":true,\"id\":\"1-") == a);
    uint32_t count = 0;
    for (const char *p = a; (p = strstr(p, "\"ok\":true")) != NULL; p++) {
        count++;
    }
    CHECK_EQ_U64(count, 3);
    CHECK_EQ_U64(gw.agent.intake.unknown_field_count, 1);
}

PK_TEST(events__bad_lines__say_where_and_why_and_change_nothing) {
    begin(NULL);
    const uint64_t taken = gw.agent.intake.taken_count;
    static const char *const BAD[] = {"not json\n",
                                      "{\n",
                                      "{\"type\":\"t\"}\n",
                                      "{\"type\":\"a b\",\"source\":\"s\"}\n",
                                      "{\"type\":\"t\",\"source\":\"s\",\"severity\":\"loud\"}\n",
                                      "{\"type\":\"t\",\"source\":\"s\",\"value\":\"x\"}\n",
                                      "[[[[[[[[[[[[[[[[[[[[[[[[\n",
                                      "\x01\x02\xff\n",
                                      "\n"};
    for (uint32_t i = 0; i < PK_COUNT_OF(BAD); i++) {
        const char *a = gateway_events(&gw, BAD[i]);
        REQUIRE(a != NULL);
        CHECK(strstr(a, "\"ok\":false") != NULL && strstr(a, "\"message\":\"") != NULL);
    }
    CHECK_EQ_U64(gw.agent.intake.bad_count, PK_COUNT_OF(BAD));
    CHECK_EQ_U64(gw.agent.intake.taken_count, taken);
    const char *a = gateway_events(&gw, "{\"type\":\"t\",\"source\":\"s\"}\n");
    CHECK(a != NULL && strstr(a, "\"ok\":true") != NULL);
}

PK_TEST(events__line_too_long__refused_once_and_the_next_is_taken) {
    static char text[3 * PK_LIMIT_LINE_BYTES];
    begin(NULL);
    memset(text, 'x', 2 * PK_LIMIT_LINE_BYTES);
    (void)snprintf(text + 2 * PK_LIMIT_LINE_BYTES, 100, "\n{\"type\":\"t\",\"source\":\"s\"}\n");
    const char *a = gateway_events(&gw, text);
    REQUIRE(a != NULL);
    CHECK(strstr(a, "longer than") != NULL);
    CHECK(strstr(a, "\"ok\":true") != NULL);
}

PK_TEST(events__storm__every_line_is_taken_or_in_the_ledger) {
    static char lines[32 * 1024];
    prepare(&(struct gateway_setup){
        .seed = 1,
        .config = "[gateway]\nsite = lab\ngateway = @\n[sources]\nrate = 10\nburst = 20\nprocess = 0\n"});
    REQUIRE(gateway_boot(&gw));
    wait_ms(100);
    const uint64_t before = gw.agent.intake.taken_count;
    struct pk_buf b;
    pk_buf_init(&b, lines, sizeof lines);
    for (uint32_t i = 0; i < 500; i++) {
        pk_buf_puts(&b, "{\"type\":\"t\",\"source\":\"storm\"}\n");
    }
    (void)gateway_events(&gw, lines);
    wait_ms(1000);
    const uint64_t taken = gw.agent.intake.taken_count - before;
    const uint64_t lost = pk_ledger_total(&gw.agent.intake.ledger);
    CHECK_EQ_U64(taken + lost, 500);
    CHECK(taken >= 20 && taken < 100);
    CHECK_STR(site.breach, "");
}

PK_TEST(control__bad_requests__are_errors_with_the_id_that_could_be_read) {
    begin(NULL);
    static const struct {
        const char *line, *says;
    } BAD[] = {{"nonsense", "\"ok\":false"},
               {"{}", "\"error\":\"missing_field\""},
               {"{\"v\":2,\"id\":9,\"cmd\":\"ping\"}", "\"id\":9,\"ok\":false"},
               {"{\"v\":1,\"id\":5,\"cmd\":\"nope\"}", "\"id\":5,\"ok\":false,"},
               {"{\"v\":1,\"id\":5,\"cmd\":\"ping\",\"args\":{\"x\":1}}", "\"error\":\"unknown_field\""},
               {"{\"v\":1,\"id\":5,\"cmd\":\"incidents.get\",\"args\":{}}", "\"error\":\"missing_field\""},
               {"{\"v\":1,\"id\":5,\"cmd\":\"incidents.list\",\"args\":{\"limit\":-1}}", "\"ok\":false"},
               {"{\"v\":1,\"id\":5,\"cmd\":\"ping\",\"args\":[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]}",
                "\"ok\":false"},
               {"{\"v\":1,\"id\":5,\"id\":6,\"cmd\":\"ping\"}", "\"ok\":false"}};
    for (uint32_t i = 0; i < PK_COUNT_OF(BAD); i++) {
        const char *a = gateway_ask(&gw, 0, BAD[i].line);
        REQUIRE(a != NULL);
        CHECK(strstr(a, BAD[i].says) != NULL);
        CHECK(strstr(a, "\"message\":\"") != NULL);
    }
    CHECK(says(0, "ping", "{}", "\"ok\":true"));
}

PK_TEST(control__request_too_long__is_refused_and_the_connection_lives) {
    static char line[8000];
    begin(NULL);
    memset(line, 'a', sizeof line - 1);
    line[6000] = '\0';
    const char *a = gateway_ask(&gw, 0, line);
    REQUIRE(a != NULL);
    CHECK(strstr(a, "too_big") != NULL || strstr(a, "longer than") != NULL);
}

PK_TEST(roles__follow_peer_credentials) {
    begin(NULL);
    CHECK(says(1000, "status", "{}", "\"ok\":true"));
    CHECK(says(1000, "mode.set", "{\"mode\":\"off\"}", "\"error\":\"denied\""));
    CHECK(says(1001, "mode.set", "{\"mode\":\"off\"}", "\"error\":\"denied\""));
    CHECK(says(4711, "status", "{}", "\"error\":\"denied\""));
    CHECK(says(0, "mode.set", "{\"mode\":\"observe\"}", "\"ok\":true"));
    CHECK_EQ_INT(gw.agent.mode, PK_MODE_OBSERVE);
}

PK_TEST(change__is_answered_only_when_it_is_durable) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    char args[120];
    (void)snprintf(args, sizeof args, "{\"incident_id\":\"%s\"}", i->id);
    gw.sim.store.delay_min_ms = gw.sim.store.delay_max_ms = 700;
    const uint64_t start_ms = site.now_ms;
    CHECK(says(1001, "incidents.ack", args, "\"acked\":true"));
    CHECK(site.now_ms - start_ms >= 700);
    gateway_crash(&gw);
    REQUIRE(gateway_boot(&gw));
    i = gateway_incident(&gw, "process_lost");
    REQUIRE(i != NULL);
    CHECK(i->is_acked);
}

PK_TEST(slow_reader__does_not_stop_the_others) {
    static char many[PK_SIM_CLIENT_BYTES];
    begin(NULL);
    struct pk_buf b;
    pk_buf_init(&b, many, sizeof many);
    for (uint32_t i = 0; i < 200; i++) {
        pk_buf_puts(&b, "{\"v\":1,\"id\":1,\"cmd\":\"status\"}\n");
    }
    const int slow = pk_sim_client_open(&gw.sim, PK_LISTEN_CONTROL, 0, 0);
    REQUIRE(slow >= 0);
    (void)pk_sim_client_send(&gw.sim, (uint32_t)slow, b.p, b.n);
    wait_ms(1000);
    /* Its pipe is full and a reply is stuck in it: after a while it is closed, and the others are served. */
    wait_ms(8000);
    CHECK(gw.agent.counters.slow_closed > 0);
    CHECK(says(0, "ping", "{}", "\"ok\":true"));
    CHECK_STR(site.breach, "");
}

static uint32_t read_all(int client, char *out, uint32_t cap) {
    uint32_t n = 0;
    for (int got = 1; got > 0 && n < cap - 1;) {
        got = pk_sim_client_recv(&gw.sim, (uint32_t)client, out + n, cap - 1 - n);
        n += got > 0 ? (uint32_t)got : 0u;
    }
    out[n] = '\0';
    return n;
}

PK_TEST(watch__streams_incidents_timeline_and_events_by_severity) {
    static char text[PK_SIM_CLIENT_BYTES];
    begin(NULL);
    const int all = pk_sim_client_open(&gw.sim, PK_LISTEN_CONTROL, 1000, 1000);
    const int grave = pk_sim_client_open(&gw.sim, PK_LISTEN_CONTROL, 1000, 1000);
    static const char ALL[] = "{\"v\":1,\"id\":7,\"cmd\":\"watch\",\"args\":{\"events\":true}}\n";
    static const char GRAVE[] = "{\"v\":1,\"id\":8,\"cmd\":\"watch\",\"args\":{\"severity\":\"critical\"}}\n";
    static const char BAD[] = "{\"v\":1,\"id\":9,\"cmd\":\"watch\",\"args\":{\"severity\":\"loud\"}}\n";
    (void)pk_sim_client_send(&gw.sim, (uint32_t)all, ALL, sizeof ALL - 1);
    (void)pk_sim_client_send(&gw.sim, (uint32_t)grave, GRAVE, sizeof GRAVE - 1);
    wait_ms(10);
    (void)gateway_events(&gw, "{\"type\":\"door\",\"source\":\"gate\",\"severity\":\"low\"}\n");
    REQUIRE(open_incident() != NULL);
    wait_ms(500);
    CHECK(read_all(all, text, sizeof text) > 0);
    CHECK(strstr(text, "{\"id\":7,\"more\":true,\"result\":{\"kind\":\"event\"") != NULL);
    CHECK(strstr(text, "\"door\"") != NULL);
    CHECK(strstr(text, "\"kind\":\"incident\",\"change\":\"created\"") != NULL);
    CHECK(strstr(text, "\"kind\":\"timeline\"") != NULL);
    CHECK(read_all(grave, text, sizeof text) > 0);
    CHECK(strstr(text, "\"door\"") == NULL);
    CHECK(strstr(text, "\"kind\":\"incident\"") != NULL);
    (void)pk_sim_client_send(&gw.sim, (uint32_t)grave, BAD, sizeof BAD - 1);
    wait_ms(10);
    CHECK(read_all(grave, text, sizeof text) > 0);
    CHECK(strstr(text, "\"id\":9,\"ok\":false") != NULL);
}

PK_TEST(watcher_that_does_not_read__loses_lines_and_they_are_counted) {
    begin(NULL);
    const int client = pk_sim_client_open(&gw.sim, PK_LISTEN_CONTROL, 1000, 1000);
    static const char ALL[] = "{\"v\":1,\"id\":7,\"cmd\":\"watch\",\"args\":{\"events\":true}}\n";
    (void)pk_sim_client_send(&gw.sim, (uint32_t)client, ALL, sizeof ALL - 1);
    for (uint32_t i = 0; i < 60; i++) {
        char lines[2000] = "";
        for (int k = 0; k < 20; k++) {
            strcat(lines, "{\"type\":\"t\",\"source\":\"s\",\"message\":\"xxxxxxxxxxx\"}\n");
        }
        (void)gateway_events(&gw, lines);
    }
    CHECK(gw.agent.counters.watch_lost > 0);
    CHECK(says(0, "ping", "{}", "\"ok\":true"));
}

PK_TEST(connections__beyond_the_table__are_refused_and_counted) {
    begin(NULL);
    int clients[PK_LIMIT_CONNECTIONS];
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        clients[i] = pk_sim_client_open(&gw.sim, PK_LISTEN_CONTROL, 0, 0);
        CHECK(clients[i] >= 0);
    }
    wait_ms(10);
    CHECK(gateway_command(&gw, 0, "ping", "{}") == NULL);
    CHECK_EQ_U64(gw.port.serve.refused_count(gw.port.serve.ctx), 1);
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        pk_sim_client_close(&gw.sim, (uint32_t)clients[i]);
    }
    wait_ms(10);
    CHECK(says(0, "ping", "{}", "\"ok\":true"));
}

PK_TEST_MAIN(events__good_lines__each_is_answered_with_its_id,
             events__bad_lines__say_where_and_why_and_change_nothing,
             events__line_too_long__refused_once_and_the_next_is_taken,
             events__storm__every_line_is_taken_or_in_the_ledger,
             control__bad_requests__are_errors_with_the_id_that_could_be_read,
             control__request_too_long__is_refused_and_the_connection_lives, roles__follow_peer_credentials,
             change__is_answered_only_when_it_is_durable, slow_reader__does_not_stop_the_others,
             watch__streams_incidents_timeline_and_events_by_severity,
             watcher_that_does_not_read__loses_lines_and_they_are_counted,
             connections__beyond_the_table__are_refused_and_counted)
