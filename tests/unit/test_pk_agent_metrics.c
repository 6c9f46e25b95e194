#include "agent/pk_agent_priv.h"

#include <stdlib.h>

#include "support/gateway_test.h"

#define TEXTFILE "/mem/picket.prom"
static char config[4096];
static char page[PK_SIM_FILE_BYTES + 1];

static const struct gateway_setup *with(const char *path) {
    static struct gateway_setup setup;
    (void)snprintf(config, sizeof config, "%s[report]\ntextfile = %s\ntextfile_every = 5s\n", GATEWAY_CONFIG,
                   path);
    setup = (struct gateway_setup){.seed = 1, .config = config};
    return &setup;
}

static void read_page(void) {
    const struct pk_port_files *f = &gw.port.files;
    const int n = f->read(f->ctx, TEXTFILE, page, sizeof page - 1);
    REQUIRE(n > 0);
    page[n] = '\0';
}

/* The format's own rules, line by line: a family has one HELP and one TYPE, and all its samples behind them;
 * no series comes twice; every sample is a number; the last line ends. What is wrong, or NULL. */
struct strict {
    char family[80], kind[16], seen[4096];
    char series[1024][120];
    uint32_t series_count;
};
static struct strict strict;

static bool starts(const char *line, const char *with_text) {
    return strncmp(line, with_text, strlen(with_text)) == 0;
}

static const char *check_type(const char *line) {
    char name[80], kind[16], mark[96];
    if (sscanf(line, "# TYPE %79s %15s", name, kind) != 2 || strcmp(name, strict.family) != 0) {
        return "TYPE of another family than HELP";
    }
    (void)snprintf(mark, sizeof mark, " %s ", name);
    if (strstr(strict.seen, mark) != NULL) {
        return "a family comes twice";
    }
    strcat(strict.seen, mark);
    (void)snprintf(strict.kind, sizeof strict.kind, "%s", kind);
    return strcmp(kind, "counter") == 0 || strcmp(kind, "gauge") == 0 || strcmp(kind, "histogram") == 0
               ? NULL
               : "unknown type";
}

static const char *check_sample(const char *line) {
    const char *space = strrchr(line, ' ');
    const size_t n = strlen(strict.family);
    char *end = NULL;
    if (space == NULL || !starts(line, strict.family)) {
        return "a sample outside of its family";
    }
    const bool is_part =
        starts(line + n, "_bucket{") || starts(line + n, "_sum ") || starts(line + n, "_count ");
    if (line[n] != ' ' && line[n] != '{' && !(is_part && strcmp(strict.kind, "histogram") == 0)) {
        return "a sample of another name";
    }
    (void)strtod(space + 1, &end);
    if (end == space + 1 || *end != '\0') {
        return "a value that is no number";
    }
    if (strict.series_count == 1024 || (size_t)(space - line) >= sizeof strict.series[0]) {
        return "more than this test has room for";
    }
    char *series = strict.series[strict.series_count];
    memcpy(series, line, (size_t)(space - line));
    series[space - line] = '\0';
    for (uint32_t i = 0; i < strict.series_count; i++) {
        if (strcmp(strict.series[i], series) == 0) {
            return "a series comes twice";
        }
    }
    strict.series_count++;
    return NULL;
}

static const char *wrong_with_page(void) {
    static char copy[sizeof page];
    const char *wrong = page[strlen(page) - 1] == '\n' ? NULL : "the last line does not end";
    memset(&strict, 0, sizeof strict);
    memcpy(copy, page, sizeof copy);
    for (char *line = strtok(copy, "\n"); line != NULL && wrong == NULL; line = strtok(NULL, "\n")) {
        if (starts(line, "# HELP ")) {
            wrong = sscanf(line, "# HELP %79s ", strict.family) == 1 ? NULL : "HELP of nothing";
        } else if (starts(line, "# TYPE ")) {
            wrong = check_type(line);
        } else {
            wrong = check_sample(line);
        }
        if (wrong != NULL) {
            printf("# %s: %s\n", wrong, line);
        }
    }
    return wrong;
}

static bool has(const char *line) {
    if (strstr(page, line) != NULL) {
        return true;
    }
    printf("# not there: %s\n", line);
    return false;
}

PK_TEST(textfile__whole_by_the_formats_rules__with_what_happened) {
    begin(with(TEXTFILE));
    REQUIRE(open_incident() != NULL);
    wait_ms(60000);
    (void)gateway_events(&gw, "rubbish\n");
    wait_ms(6000);
    read_page();
    CHECK_STR(wrong_with_page(), NULL);
    CHECK(strict.series_count > 300);
    CHECK(has("picket_build_info{version=\""));
    CHECK(has("picket_events_received_total{source=\"web\"} "));
    CHECK(has("picket_events_dropped_total{reason=\"bad_input\"} 1\n"));
    CHECK(has("picket_rule_fires_total{rule=\"process_lost\"} 1\n"));
    CHECK(has("picket_incidents_total{type=\"service_down\",severity=\"critical\"} 1\n"));
    CHECK(has("picket_incidents_active{severity=\"critical\"} "));
    CHECK(has("picket_incidents_dropped_total{severity=\"low\"} 0\n"));
    char line[120];
    const unsigned opened = gw.agent.incidents.metrics.opened_count;
    (void)snprintf(line, sizeof line, "picket_incident_processing_seconds_count %u\n", opened);
    CHECK(opened >= 1 && has(line)); /* each that was opened went to the medium */
    (void)snprintf(line, sizeof line, "picket_incident_detect_seconds_bucket{le=\"+Inf\"} %u\n", opened);
    CHECK(has(line));
    CHECK(has("picket_detection_latency_seconds_count 1\n"));
    CHECK(has("picket_actions_total{action=\"restart_service\",result=\"completed\"} "));
    CHECK(has("picket_action_duration_seconds_count "));
    CHECK(has("picket_mqtt_connected{broker=\"central\"} 1\n"));
    CHECK(has("picket_mqtt_reconnects_total{broker=\"central\"} 0\n"));
    CHECK(has("picket_notifications_total{channel=\"mqtt\",result=\"delivered\"} "));
    CHECK(has("picket_table_capacity{table=\"incidents\"} "));
    CHECK(has("picket_store_records "));
    CHECK(strstr(page, gateway_incident(&gw, "process_lost")->id) == NULL); /* never a label */
    check_sound();
}

PK_TEST(textfile__maintenance_tasks_and_when_they_ran) {
    struct gateway_setup setup = *with(TEXTFILE);
    strcat(config, "[maintenance health]\naction = look\nevery = 1m\njitter = 0\n");
    begin(&setup);
    wait_ms(4000);
    read_page();
    CHECK(has("picket_maintenance_runs_total{task=\"health\",result=\"completed\"} 0\n"));
    CHECK(strstr(page, "picket_last_maintenance_timestamp_seconds") == NULL); /* it never ran */
    wait_ms(90000);
    read_page();
    CHECK_STR(wrong_with_page(), NULL);
    CHECK(has("picket_maintenance_runs_total{task=\"health\",result=\"completed\"} 1\n"));
    CHECK(has("picket_maintenance_runs_total{task=\"health\",result=\"failed\"} 0\n"));
    CHECK(has("picket_last_maintenance_timestamp_seconds{task=\"health\"} "));
}

static bool has_number(const char *series, uint64_t value) {
    char line[160];
    (void)snprintf(line, sizeof line, "\n%s %llu\n", series, (unsigned long long)value);
    return has(line);
}

PK_TEST(textfile__what_waits_for_the_hub_and_what_was_lost) {
    begin(with(TEXTFILE));
    wait_ms(10000);
    read_page();
    CHECK(has_number("picket_outbox_entries", 0) && has_number("picket_outbox_bytes", 0));
    CHECK(has_number("picket_outbox_dropped_total{reason=\"outbox_cap\"}", 0));
    broker.is_down = true;
    broker_restart(&broker, true);
    REQUIRE(open_incident() != NULL);
    gw.agent.outbox.losses[PK_OUTBOX_LOSS_CAP].count = 7;
    wait_ms(6000);
    read_page();
    CHECK_STR(wrong_with_page(), NULL);
    REQUIRE(pk_outbox_depth(&gw.agent.outbox) > 0);
    CHECK(has_number("picket_outbox_entries", pk_outbox_depth(&gw.agent.outbox)));
    CHECK(has_number("picket_outbox_bytes", pk_outbox_bytes(&gw.agent.outbox)));
    CHECK(has_number("picket_outbox_held_entries", 0));
    CHECK(has_number("picket_outbox_unheard_entries", 0)); /* no hub_ack: nobody is waited for */
    CHECK(has_number("picket_outbox_dropped_total{reason=\"outbox_cap\"}", 7));
    CHECK(has_number("picket_outbox_dropped_total{reason=\"outbox_too_big\"}", 0));
    CHECK(strstr(page, "picket_outbox_drain_seconds") == NULL); /* there is no telling */
    broker.is_down = false;
    wait_ms(60000);
    read_page();
    CHECK(has_number("picket_outbox_entries", 0));
}

PK_TEST(textfile__budgets__used_limit_level_and_what_waits) {
    struct gateway_setup setup = *with(TEXTFILE);
    strcat(config, "month = 10M\n");
    begin(&setup);
    struct pk_spend *data = &gw.agent.spends[PK_SPEND_DATA];
    wait_ms(10000);
    read_page();
    CHECK(has_number("picket_budget_limit_bytes{budget=\"data\"}", data->limit_bytes));
    CHECK(data->limit_bytes > 0 && has_number("picket_budget_level{budget=\"data\"}", 0));
    CHECK(strstr(page, "picket_budget_limit_bytes{budget=\"flash\"}") == NULL); /* it has none */
    CHECK(has("picket_budget_used_bytes{budget=\"flash\"} "));
    data->record.used_bytes = data->limit_bytes / 100 * 101;
    wait_ms(6000);
    for (uint32_t i = 0; i < 40; i++) { /* a low one: it waits for the next month */
        (void)gateway_events(&gw, "{\"type\":\"cache_error\",\"source\":\"c-1\"}\n");
    }
    wait_ms(3000);
    gw.agent.outbox.pace.per_s_milli = 1000000; /* as if it had been a busy moment ago */
    wait_ms(6000);
    read_page();
    CHECK_STR(wrong_with_page(), NULL);
    CHECK(has_number("picket_budget_level{budget=\"data\"}", PK_SPEND_OVER));
    const char *used = strstr(page, "picket_budget_used_bytes{budget=\"data\"} ");
    REQUIRE(used != NULL);
    const uint64_t used_bytes = strtoull(strchr(used, ' ') + 1, NULL, 10);
    CHECK(used_bytes > data->limit_bytes && used_bytes <= data->record.used_bytes);
    REQUIRE(pk_outbox_held_count(&gw.agent.outbox) > 0);
    CHECK(has_number("picket_outbox_held_entries", pk_outbox_held_count(&gw.agent.outbox)));
    const char *drain = strstr(page, "\npicket_outbox_drain_seconds ");
    REQUIRE(drain != NULL);
    CHECK(strtod(strchr(drain, ' ') + 1, NULL) > 0.0);
    CHECK(has_number("picket_budget_left_out_total{budget=\"flash\"}",
                     gw.agent.spends[PK_SPEND_FLASH].left_out_count));
    check_sound();
}

PK_TEST(textfile__written_again_and_again_and_never_half) {
    begin(with(TEXTFILE));
    wait_ms(20000);
    const uint64_t count = gw.agent.metrics.written_count;
    CHECK(count >= 3 && count <= 5);
    for (uint32_t i = 0; i < 200; i++) { /* whenever it is looked at */
        wait_ms(37);
        read_page();
        REQUIRE(has("\npicket_notifications_total{channel=\"mqtt\",result=\"dropped\"} 0\n"));
    }
    CHECK_EQ_U64(gw.agent.metrics.failed_count, 0);
    CHECK(says(0, "status", "{}", "\"textfile\":{\"path\":\"" TEXTFILE "\",\"written\":"));
    CHECK(says(0, "doctor", "{}", "\"check\":\"textfile\",\"verdict\":\"ok\""));
}

PK_TEST(textfile__another_took_the_part_away__begun_anew) {
    begin(with(TEXTFILE));
    wait_ms(20000);
    REQUIRE(!gw.agent.metrics.is_writing);
    gw.agent.metrics.is_writing = true;
    gw.agent.metrics.at_bytes = 100;
    gw.agent.metrics.due_ms = 0;
    wait_ms(100);
    CHECK_EQ_INT(gw.agent.metrics.error, PK_E_STALE);
    wait_ms(61000);
    CHECK_EQ_INT(gw.agent.metrics.error, PK_OK);
    read_page();
    CHECK_STR(wrong_with_page(), NULL);
}

PK_TEST(textfile__on_a_disk__nothing_is_written_and_doctor_says_why) {
    begin(with("/disk/picket.prom"));
    wait_ms(70000);
    const struct pk_port_files *f = &gw.port.files;
    CHECK_EQ_INT(f->read(f->ctx, "/disk/picket.prom", page, sizeof page), PK_E_NOT_FOUND);
    CHECK(gateway_log_has(&gw, "choose a folder on a tmpfs: /disk/picket.prom"));
    CHECK(gw.agent.metrics.failed_count <= 2);
    CHECK(says(0, "doctor", "{}", "[report] textfile is on a disk"));
}

PK_TEST(textfile__not_configured__nothing_is_said_of_it) {
    begin(NULL);
    wait_ms(20000);
    CHECK_EQ_U64(gw.agent.metrics.written_count, 0);
    CHECK_EQ_U64(pk_agent_metrics_next_ms(&gw.agent), UINT64_MAX);
    const char *answer = gateway_command(&gw, 0, "status", "{}");
    CHECK(answer != NULL && strstr(answer, "textfile") == NULL);
}

PK_TEST(responses__counts_and_rates_by_action) {
    begin(NULL);
    CHECK(says(0, "status", "{}",
               "\"responses\":{\"total_responses\":0,\"succeeded\":0,\"failed\":0,"
               "\"refused\":0,\"success_rate\":null,"));
    REQUIRE(open_incident() != NULL);
    wait_ms(3000);
    gateway_process(&gw, "web", true);
    wait_ms(60000);
    CHECK(says(0, "status", "{}", "\"success_rate\":1,\"formula\":"));
    CHECK(says(0, "status", "{}", "{\"name\":\"restart_service\",\"success_count\":1,\"failure_count\":0,"));
    CHECK(says(0, "status", "{}", "\"processing\":{\"mean_seconds\":"));
}

PK_TEST_MAIN(textfile__whole_by_the_formats_rules__with_what_happened,
             textfile__maintenance_tasks_and_when_they_ran,
             textfile__what_waits_for_the_hub_and_what_was_lost,
             textfile__budgets__used_limit_level_and_what_waits,
             textfile__written_again_and_again_and_never_half,
             textfile__another_took_the_part_away__begun_anew,
             textfile__on_a_disk__nothing_is_written_and_doctor_says_why,
             textfile__not_configured__nothing_is_said_of_it, responses__counts_and_rates_by_action)
