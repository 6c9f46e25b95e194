#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

#define HEAD                                                                                                 \
    "[gateway]\nsite = lab\ngateway = @\n[sources]\ncpu = 0\nmemory = 0\npsi = 0\nload = 0\ndisk = 0\n"      \
    "process = 0\nusage = 0\nstorage = 0\nthermal = 0\nnetwork = 0\ntasks = 0\noom = 0\ngpu = 0\n"           \
    "[agent]\nclock = trusted\n"
static const char WEB[] = HEAD "[probe web]\nkind = http\ntls = yes\nhost = 192.0.2.1\ninterval = 10s\n";

static void start(const char *config) {
    const struct gateway_setup setup = {.seed = 3, .config = config, .has_no_broker = true};
    prepare(&setup);
    CHECK(gateway_boot(&gw));
    wait_ms(300);
}

static uint32_t asked(void) {
    return gw.super.probe_count;
}
static uint32_t newest_id(void) {
    return gw.super.probe_ids[(gw.super.probe_count - 1u) % 32u];
}

static struct pk_ipc_probed result_of(uint8_t kind) {
    struct pk_ipc_probed r;
    memset(&r, 0, sizeof r);
    r.kind = kind;
    r.is_up = 1;
    r.latency_us = 12500;
    return r;
}

static void answer_id(uint32_t id, const struct pk_ipc_probed *r) {
    struct pk_ipc_frame f;
    memset(&f, 0, sizeof f);
    f.version = PK_IPC_VERSION;
    f.type = PK_IPC_PROBED;
    f.id = id;
    f.body_bytes = sizeof *r;
    memcpy(f.body, r, sizeof *r);
    CHECK_EQ_INT(pk_sim_ipc_push(&gw.sim, &f, 1), PK_OK);
    wait_ms(50);
}
static void answer(const struct pk_ipc_probed *r) {
    answer_id(newest_id(), r);
}

/* The newest event of a type. */
static bool said(const char *type, const char *text) {
    char args[80];
    (void)snprintf(args, sizeof args, "{\"type\":\"%s\",\"limit\":1}", type);
    return says(0, "events.list", args, text);
}
static bool never_said(const char *type) {
    char args[80];
    (void)snprintf(args, sizeof args, "{\"type\":\"%s\"}", type);
    const char *list = gateway_command(&gw, 0, "events.list", args);
    return list != NULL && strstr(list, "\"event_id\"") == NULL;
}

PK_TEST(probe__is_asked_for_when_due_and_answered_with_events) {
    start(WEB);
    CHECK_EQ_INT(asked(), 1);
    CHECK_EQ_U64(gw.super.probes[0].probes_crc, gw.agent.config.probes.crc);
    CHECK_EQ_INT(gw.super.probes[0].index, 0);
    struct pk_ipc_probed r = result_of(PK_PROBE_HTTP);
    r.status = 204;
    r.not_after_s = gw.agent.now.wall_ms / 1000 + 86400 * 10;
    answer(&r);
    CHECK(said("probe_up", "\"value\":1"));
    CHECK(said("probe_latency_ms", "\"value\":12.5"));
    CHECK(said("http_status", "\"value\":204"));
    CHECK(said("certificate_days", "\"value\":9.99") || said("certificate_days", "\"value\":10"));
    wait_ms(8000);
    CHECK_EQ_INT(asked(), 1);
    wait_ms(3000);
    CHECK_EQ_INT(asked(), 2);
    check_sound();
}

PK_TEST(probe__down_is_measured_and_what_it_hides_is_a_fault) {
    start(WEB);
    struct pk_ipc_probed r = result_of(PK_PROBE_HTTP);
    r.is_up = 0;
    (void)strcpy(r.u.text, "connect: connection refused");
    answer(&r);
    CHECK(said("probe_up", "\"value\":0,\"message\":\"connect: connection refused\""));
    CHECK(said("http_status", "cannot be measured"));
    CHECK(said("certificate_days", "cannot be measured"));
    CHECK(never_said("probe_latency_ms"));
}

PK_TEST(probe__that_cannot_run_is_a_fault_never_healthy) {
    start(WEB);
    struct pk_ipc_probed r = result_of(PK_PROBE_HTTP);
    r.error = PK_E_IO;
    (void)strcpy(r.u.text, "the prober left no result");
    answer(&r);
    CHECK(said("probe_up", "cannot be measured: input/output failed; the prober left no result"));
    CHECK(!strstr(gateway_command(&gw, 0, "events.list", "{\"type\":\"probe_up\"}"), "\"value\""));
    CHECK_EQ_U64(gw.agent.probes.fault_count, 1);
}

PK_TEST(probe__a_broken_result_is_counted_and_a_fault) {
    start(WEB);
    const uint64_t bad = gw.agent.counters.ipc_bad;
    struct pk_ipc_probed r = result_of(PK_PROBE_TCP);
    answer(&r);
    CHECK_EQ_U64(gw.agent.counters.ipc_bad, bad + 1);
    CHECK(said("probe_up", "cannot be measured: malformed input"));
    answer(&r); /* once more for the same question: nobody waits for it */
    CHECK_EQ_U64(gw.agent.counters.ipc_bad, bad + 1);
    answer_id(0, &r);
    answer_id(4711, &r);
    CHECK_EQ_U64(gw.agent.counters.ipc_bad, bad + 1);
}

PK_TEST(probe__nobody_answers__is_given_up_and_asked_again) {
    start(WEB);
    wait_ms(16000); /* 5 s, 2 s of grace, and ours */
    CHECK(never_said("probe_up"));
    wait_ms(2000);
    CHECK(said("probe_up", "cannot be measured: timed out; the supervisor did not answer"));
    wait_ms(10000);
    CHECK_EQ_INT(asked(), 2);
}

PK_TEST(probe__busy_or_stale__tries_again_soon_and_not_for_ever) {
    start(WEB);
    struct pk_ipc_probed r = result_of(0);
    r.is_up = 0;
    r.error = PK_E_STALE;
    for (uint32_t i = 1; i <= 5; i++) {
        answer(&r);
        CHECK(never_said("probe_up"));
        wait_ms(1100);
        CHECK_EQ_INT(asked(), i + 1);
    }
    answer(&r);
    CHECK(said("probe_up", "cannot be measured: the data is too old"));
    CHECK_EQ_INT(asked(), 6);
}

PK_TEST(probes__so_many_at_a_time_and_the_longest_due_first) {
    static char config[2048];
    int n = snprintf(config, sizeof config, "%s", HEAD);
    for (int i = 0; i < 6; i++) {
        n += snprintf(config + n, sizeof config - (size_t)n,
                      "[probe p%d]\nkind = tcp\nhost = 192.0.2.1\nport = 1\ninterval = 1s\n", i);
    }
    for (int i = 0; i < 4; i++) {
        n += snprintf(config + n, sizeof config - (size_t)n, "[check c%d]\nargv = /bin/true\n", i);
    }
    start(config);
    wait_ms(3000);
    CHECK_EQ_INT(asked(), PK_PROBES_AT_ONCE);
    struct pk_ipc_probed r = result_of(PK_PROBE_TCP);
    bool is_asked[10] = {false};
    for (int i = 0; i < 40; i++) {
        const uint32_t at = (uint32_t)i % 32u;
        if ((uint32_t)i >= asked()) {
            break;
        }
        const uint16_t index = gw.super.probes[at].index;
        REQUIRE(index < 10);
        is_asked[index] = true;
        r.kind = gw.agent.config.probes.rows[index].kind;
        if (index < 6) {
            answer_id(gw.super.probe_ids[at], &r);
        } /* programs are left without an answer: three of them, then no more */
    }
    for (int i = 0; i < 9; i++) {
        CHECK(is_asked[i]);
    }
    CHECK(!is_asked[9]);
}

PK_TEST(page__values_rates_and_faults) {
    start(HEAD "[scrape app]\nhost = 192.0.2.1\nport = 9100\ninterval = 2s\n"
               "gauge = jobs -> queue_depth mail\ncounter = hits -> hits_per_s\ngauge = gone -> missing\n");
    struct pk_ipc_probed r = result_of(PK_PROBE_SCRAPE);
    r.series_count = 3;
    r.bad_count = 2;
    r.u.series.found[0] = r.u.series.found[1] = PK_PROM_FOUND;
    r.u.series.value[0] = 17;
    r.u.series.value[1] = 100;
    answer(&r);
    CHECK(said("queue_depth", "\"source\":\"mail\",\"severity\":\"info\",\"value\":17"));
    CHECK(said("missing", "cannot be measured: not found; gone"));
    CHECK(never_said("hits_per_s")); /* a rate needs two looks */
    const uint64_t first_ms = gw.agent.probes.series[1].at_ms;
    wait_ms(2000);
    r.u.series.value[1] = 120;
    answer(&r);
    CHECK(!never_said("hits_per_s") && gw.agent.probes.series[1].at_ms > first_ms);
    CHECK(said("hits_per_s", "\"value\":"));
    wait_ms(2000);
    r.u.series.value[1] = 5; /* the program started again */
    answer(&r);
    const char *list = gateway_command(&gw, 0, "events.list", "{\"type\":\"hits_per_s\"}");
    const char *first = strstr(list, "event_id");
    CHECK(first != NULL && strstr(first + 1, "event_id") == NULL); /* still the one */
    CHECK_EQ_U64(gw.agent.probes.bad_line_count, 6);
    wait_ms(2000);
    r = result_of(PK_PROBE_SCRAPE);
    r.is_up = 0;
    (void)strcpy(r.u.text, "the server answers 500");
    answer(&r);
    CHECK(said("queue_depth", "cannot be measured: cannot be reached; the server answers 500"));
    CHECK(said("probe_up", "\"value\":0"));
}

PK_TEST(check__codes_words_and_values) {
    start(HEAD "[check disk]\nargv = /bin/check\ninterval = 1s\n");
    struct pk_ipc_probed r = result_of(PK_PROBE_CHECK);
    static const struct {
        int code;
        const char *says;
    } codes[] = {{0, "\"severity\":\"info\",\"value\":0"},
                 {1, "\"severity\":\"medium\",\"value\":1"},
                 {2, "\"severity\":\"high\",\"value\":2"},
                 {3, "cannot be measured: malformed input; DISK words"},
                 {139, "cannot be measured"}};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        r.exit_code = codes[i].code;
        (void)strcpy(r.u.text, "DISK words|free=12%;5\nmore");
        answer(&r);
        CHECK(said("check_state", codes[i].says));
        CHECK(said("check_state", "DISK words"));
        CHECK(said("check_value", codes[i].code <= 2 ? "\"value\":12" : "cannot be measured"));
        wait_ms(1100);
    }
    r.exit_code = 0;
    (void)strcpy(r.u.text, "DISK no value");
    answer(&r);
    CHECK(said("check_value", "cannot be measured: not found"));
    wait_ms(1100);
    r.error = PK_E_TIMEOUT;
    answer(&r);
    CHECK(said("check_state", "cannot be measured: timed out"));
}

PK_TEST(service__restarts_are_differences) {
    start(HEAD "[service nginx]\ninterval = 1s\n");
    struct pk_ipc_probed r = result_of(PK_PROBE_SERVICE);
    (void)strcpy(r.u.text, "NRestarts=3\n");
    answer(&r);
    CHECK(never_said("service_restarts"));
    wait_ms(1100);
    (void)strcpy(r.u.text, "NRestarts=5\n");
    answer(&r);
    CHECK(said("service_restarts", "\"value\":2"));
    wait_ms(1100);
    (void)strcpy(r.u.text, "NRestarts=0\n"); /* the manager counts anew */
    answer(&r);
    CHECK(said("service_restarts", "\"value\":2"));
    wait_ms(1100);
    r.exit_code = 1;
    (void)strcpy(r.u.text, "Unit not found\n");
    answer(&r);
    CHECK(said("service_restarts", "cannot be measured: not found; Unit not found"));
}

PK_TEST(reload__the_same_rows_keep_what_is_known) {
    start(WEB);
    struct pk_ipc_probed r = result_of(PK_PROBE_HTTP);
    answer(&r);
    const uint64_t due_ms = gw.agent.probes.rows[0].due_ms;
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(50);
    CHECK_EQ_U64(gw.agent.probes.rows[0].due_ms, due_ms);
    static const char other[] =
        "[gateway]\nsite = lab\ngateway = gw-1\n[probe other]\nkind = tcp\nhost = 192.0.2.1\nport = 7\n";
    CHECK_EQ_INT(pk_sim_file_set(&gw.sim, "/etc/picket/picketd.conf", other, sizeof other - 1u), PK_OK);
    const uint32_t before = asked();
    pk_sim_signal(&gw.sim, PK_SIG_RELOAD);
    wait_ms(300);
    CHECK_EQ_INT(asked(), before + 1); /* a new row is looked at at once */
    CHECK_STR(pk_probe_text(&gw.agent.config.probes, gw.agent.config.probes.rows[0].name), "other");
}

PK_TEST(idle__without_rows_nothing_is_asked_and_nothing_wakes) {
    start(HEAD);
    CHECK_EQ_U64(pk_agent_probe_next_ms(&gw.agent), UINT64_MAX);
    CHECK_EQ_INT(asked(), 0);
}

PK_TEST_MAIN(probe__is_asked_for_when_due_and_answered_with_events,
             probe__down_is_measured_and_what_it_hides_is_a_fault,
             probe__that_cannot_run_is_a_fault_never_healthy, probe__a_broken_result_is_counted_and_a_fault,
             probe__nobody_answers__is_given_up_and_asked_again,
             probe__busy_or_stale__tries_again_soon_and_not_for_ever,
             probes__so_many_at_a_time_and_the_longest_due_first, page__values_rates_and_faults,
             check__codes_words_and_values, service__restarts_are_differences,
             reload__the_same_rows_keep_what_is_known, idle__without_rows_nothing_is_asked_and_nothing_wakes)
