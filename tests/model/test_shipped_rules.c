/* Every shipped rule on the edge of its threshold: one step short it is silent, on it it fires with its
 * severity, what raises it raises it, and when it is over it clears. A rule without a row here fails the
 * test. */
#include <string.h>

#include "base/pk_assert.h"
#include "support/detect_rig.h"
#include "support/pk_test.h"

/* What is given, in steps separated by ';': `wait SPAN`, or `TYPE SOURCE[,SOURCE] VALUE [!SEVERITY]
 * [NAME=TEXT]... [xCOUNT] [@GAP]`. VALUE is `-`, a number, or FROM+STEP. A '#' in TEXT is the number of the
 * event. */
struct edge {
    const char *rule;
    const char *quiet, *fire; /* each from the start */
    int severity;             /* enum pk_severity */
    const char *raise;        /* goes on behind `fire`; NULL: it has no escalation, or another row has it */
    int raised;
    const char *clear; /* goes on behind them; NULL: never */
};

enum {
    INFO = PK_SEV_INFO,
    LOW = PK_SEV_LOW,
    MEDIUM = PK_SEV_MEDIUM,
    HIGH = PK_SEV_HIGH,
    CRITICAL = PK_SEV_CRITICAL
};

static const struct edge EDGES[] = {
    {"error_burst", "x s - !high x9 @10s", "x s - !high x10 @10s", HIGH, "x s - !high x10 @10s", CRITICAL,
     "wait 10m"},
    {"error_rate_sustained", "x s - !high x80 @6s", "x s - !high x75 @5s", HIGH, NULL, INFO, "wait 10m"},
    {"error_ratio", "api_ok a - x95 @1s; api_error a - !high x5 @1s",
     "api_ok a - x94 @1s; api_error a - !high x5 @1s", CRITICAL, NULL, INFO, "api_ok a - x250 @3s"},
    {"error_ratio", "api_error a - !high x60 @1s", "api_error a - !high x60 @1s; api_ok a - x1", CRITICAL,
     NULL, INFO, "api_ok a - x250 @3s"},
    {"http_errors",
     "api_error w - x4 @10s; http_5xx v - x4 @10s; http_status p 503 x2 @30s; http_status p 499 x9 @30s",
     "http_5xx w - x5 @10s", HIGH, NULL, INFO, "wait 15m"},
    {"http_errors", "http_status p 500 x2 @30s; wait 5m; http_status p 500 x2 @30s",
     "http_status p 500 x3 @30s", HIGH, NULL, INFO, "wait 15m"},
    {"errors_in_a_row", "a_error s,t - !high x14 @1s; a_ok s - x1; a_error s,t - !high x14 @1s",
     "a_error s,t - !high x15 @1s", HIGH, NULL, INFO, "wait 10m"},
    {"errors_in_a_row", "a_error s - !high x40 @1s", "a_error s - !high x14 @1s; a_error t - !high x1", HIGH,
     NULL, INFO, "wait 10m"},
    {"database_connection_fail", "database_connection_error d - x2 @1s", "opcua_error d - x3 @1s", CRITICAL,
     NULL, INFO, "wait 5m"},
    {"api_rate_limit", "rate_limited a - x9 @1s; http_status b 429 x2 @1s; http_status c 200 x9 @1s",
     "rate_limited a - x10 @1s", MEDIUM, "rate_limited a - x190 @10s", HIGH, "wait 15m"},
    {"api_rate_limit", "http_status b 428 x9 @1s", "http_status b 429 x3 @1s", MEDIUM, NULL, INFO,
     "wait 15m"},
    {"cache_failure", "cache_error c - x4 @1s", "cache_error c - x5 @1s", LOW, "cache_error c - x190 @10s",
     MEDIUM, "wait 15m"},
    {"deadlock_detected", "hung_tasks tasks 0 x10 @30s", "deadlock d - x1", HIGH,
     "deadlock d - critical=yes x1", CRITICAL, "wait 15m"},
    {"deadlock_detected", "lock_ok d - x3", "hung_tasks tasks 1 x1", HIGH, NULL, INFO, "wait 15m"},
    {"workflow_failure_spike", "workflow_failed w - x7 @1s", "workflow_failed w - x8 @1s", HIGH,
     "workflow_failed w - critical=yes x1", CRITICAL, "wait 20m"},
    {"workflow_failure_spike", "workflow_done w - x28 @1s; workflow_failed w - x7 @1s",
     "workflow_done w - x27 @1s; workflow_failed w - x7 @1s", HIGH, NULL, INFO, "wait 20m"},
    {"quality_drop", "quality_check_failed q - x4 @1s", "quality_check_failed q - x5 @1s", MEDIUM,
     "quality_check_failed q 49 x1", HIGH, "wait 15m"},
    {"quality_score_drop", "quality_score l 90 x5 @10s; quality_score l 70.1 x5 @10s",
     "quality_score l 90 x5 @10s; quality_score l 70 x1", MEDIUM, "quality_score l 49 x1", HIGH,
     "quality_score l 49 x100 @10s"},
    {"performance_degradation", "slow_request r 1500 x9 @1s", "slow_request r 5000 x10 @1s", MEDIUM,
     "slow_request r 5001 x1", HIGH, "wait 10m"},
    {"latency_high", "latency_ms a 900 x95 @1s; latency_ms a 2000 x5 @1s",
     "latency_ms a 900 x94 @1s; latency_ms a 2000 x6 @1s", HIGH, "latency_ms a 20000 x300 @1s", CRITICAL,
     "latency_ms a 10 x800 @1s"},
    {"latency_unusual", "latency_ms a 100 x400 @30s; latency_ms a 495 x10 @10s",
     "latency_ms a 100 x400 @30s; latency_ms a 505 x10 @10s", MEDIUM, NULL, INFO,
     "latency_ms a 100 x60 @10s"},
    {"throughput_low", "throughput l 50 x10 @10s", "throughput l 49.9 x8 @10s", CRITICAL, NULL, INFO,
     "throughput l 56 x8 @10s"},
    {"convergence_low", "convergence c 0.7 x3 @10s", "convergence c 0.69 x1", CRITICAL, NULL, INFO,
     "convergence c 0.74 x8 @10s"},
    {"queue_backlog", "queue_depth q 1000 x40 @10s", "queue_depth q 1001 x32 @10s", MEDIUM,
     "queue_depth q 10001 x1", HIGH, "queue_depth q 499 x14 @10s"},
    {"queue_overflow", "queue_full q - x2 @1s", "queue_full q - x3 @1s", HIGH, NULL, INFO, "wait 10m"},
    {"latency_anomaly", "probe_latency_ms p 0.3+0.001 x300 @60s; probe_latency_ms p 50.4 x3 @60s",
     "probe_latency_ms p 0.3+0.001 x300 @60s; probe_latency_ms p 50.6 x3 @60s", LOW, NULL, INFO,
     "probe_latency_ms p 0.3 x60 @60s"},
    {"anomaly_detection", "measurement m 10 x300 @60s",
     "measurement m 10 x300 @60s; measurement m 500 x3 @60s", LOW, NULL, INFO, "measurement m 10 x60 @60s"},
    {"cpu_high", "cpu_pct cpu 85 x40 @10s", "cpu_pct cpu 85.1 x32 @10s", HIGH, NULL, INFO,
     "cpu_pct cpu 74 x8 @10s"},
    {"load_high", "load_1m load 4 x70 @10s", "load_1m load 4.1 x62 @10s", MEDIUM, NULL, INFO,
     "load_1m load 1.9 x14 @10s"},
    {"process_busy", "process_cpu_pct p 95 x70 @10s", "process_cpu_pct p 95.1 x62 @10s", MEDIUM, NULL, INFO,
     "process_cpu_pct p 69 x14 @10s"},
    {"gpu_high", "gpu_pct g 95 x40 @10s", "gpu_pct g 95.1 x32 @10s", HIGH, NULL, INFO,
     "gpu_pct g 85 x8 @10s"},
    {"memory_exhaustion", "memory_pct m 90 x9 @5s; memory_pct m 90.1 x2 @5s", "memory_pct m 90.1 x3 @5s",
     CRITICAL, NULL, INFO, "memory_pct m 84 x8 @10s"},
    {"memory_reports", "memory_high d - x2 @50s; wait 30s; memory_high d - x2 @50s",
     "memory_high d - x3 @50s", CRITICAL, NULL, INFO, "wait 4m"},
    {"oom_killed", "oom_kill kernel 0 x9 @10s", "oom_kill kernel 1 x1", CRITICAL, NULL, INFO,
     "oom_kill kernel 0 x70 @10s"},
    {"memory_pressure", "psi_memory_pct p 33 x9 @10s", "psi_memory_pct p 33.1 x8 @10s", HIGH, NULL, INFO,
     "psi_memory_pct p 9.9 x8 @10s"},
    {"swap_high", "swap_pct m 80 x40 @10s", "swap_pct m 80.1 x32 @10s", MEDIUM, "swap_pct m 95.1 x1", HIGH,
     "swap_pct m 69 x14 @10s"},
    {"resource_leak", "process_rss_bytes a 1000000 x400 @30s; process_rss_bytes a 1980000 x70 @10s",
     "process_rss_bytes a 1000000 x400 @30s; process_rss_bytes a 2020000 x63 @10s", MEDIUM,
     "process_rss_bytes a 2020000 x370 @10s", HIGH, "process_rss_bytes a 1000000 x70 @10s"},
    {"zombies", "zombies tasks 20 x70 @10s", "zombies tasks 21 x62 @10s", MEDIUM, "zombies tasks 201 x1",
     HIGH, "zombies tasks 9 x8 @10s"},
    {"disk_space_low", "disk_pct root 90 x3 @30s", "disk_pct root 90.1 x1", HIGH, "disk_pct root 95.1 x1",
     CRITICAL, "disk_pct root 88 x4 @30s"},
    {"inodes_low", "inodes_pct root 90 x3 @30s", "inodes_pct root 90.1 x1", HIGH, "inodes_pct root 95.1 x1",
     CRITICAL, "inodes_pct root 88 x4 @30s"},
    {"disk_space_reports", "disk_space_low d - x2 @1s", "disk_space_low d - x3 @1s", HIGH,
     "disk_space_low d 95.1 x1", CRITICAL, "wait 10m"},
    {"disk_filling", "disk_pct root 50+0.2 x40 @10m", "disk_pct root 50+0.3 x40 @10m", MEDIUM, NULL, INFO,
     "disk_pct root 61 x60 @10m"},
    {"io_pressure", "psi_io_pct p 50 x40 @10s", "psi_io_pct p 50.1 x32 @10s", MEDIUM, NULL, INFO,
     "psi_io_pct p 24 x14 @10s"},
    {"data_corruption", "crc_ok s - !critical x5", "crc_error s - x1", CRITICAL, NULL, INFO, NULL},
    {"fs_readonly", "fs_readonly root 0 x3 @30s", "fs_readonly root 1 x1", CRITICAL, NULL, INFO,
     "fs_readonly root 0 x4 @30s"},
    {"hardware_errors", "usb_error u - x2 @1s; disk_errors d 0 x9 @30s; throttled cpu 1 x5 @10s",
     "usb_error u - x3 @1s", MEDIUM, "fs_errors u 1 x1", CRITICAL, "wait 25m"},
    {"hardware_errors", "throttled cpu 1 x5 @10s; throttled cpu 0 x9 @10s", "throttled cpu 1 x6 @10s", MEDIUM,
     "usb_error cpu - !high x1", HIGH, "wait 25m"},
    {"hardware_errors", "disk_errors d 0 x9 @30s", "disk_errors d 1 x1", MEDIUM, NULL, INFO, "wait 25m"},
    {"storage_wear", "emmc_life_pct e 79 x3 @30s", "emmc_life_pct e 80 x1", MEDIUM, "emmc_life_pct e 90 x1",
     HIGH, "emmc_life_pct e 79 x4 @30s"},
    {"storage_wear", "emmc_life_pct e 79 x3 @30s", "emmc_life_pct e 80 x1", MEDIUM, "emmc_life_pct e 100 x1",
     CRITICAL, "emmc_life_pct e 79 x4 @30s"},
    {"storage_end_of_life", "emmc_eol e 1 x3 @30s", "emmc_eol e 2 x1", HIGH, "emmc_eol e 3 x1", CRITICAL,
     "emmc_eol e 1 x4 @30s"},
    {"temperature_high", "temperature_c t 85 x9 @10s", "temperature_c t 85.1 x8 @10s", HIGH,
     "temperature_c t 95.3 x1", CRITICAL, "temperature_c t 79 x8 @10s"},
    {"network_partition",
     "probe_up a 0 host=h1 reached=yes x9 @10s; probe_up b 0 host=h2 reached=yes x9 @10s",
     "probe_up a 0 host=h1 reached=no x1 @10s; probe_up b - host=h2 reached=no x1", HIGH,
     "probe_up b 0 host=h2 reached=no complete=yes x1", CRITICAL, "wait 10m"},
    {"network_partition", "probe_up a,b,c 0 host=h1 reached=no x30 @10s; probe_up d 0 x30 @10s",
     "probe_up a 0 host=h1 reached=no x1 @100s; probe_up b 0 host=h2 reached=no x1", HIGH, NULL, INFO,
     "wait 10m"},
    {"network_partition", "probe_up a 0 host=h1 reached=no x1 @181s; probe_up b 0 host=h2 reached=no x1",
     "probe_up a 0 host=h1 reached=no x1; probe_up b 0 host=h2 reached=no complete=yes x1", CRITICAL, NULL,
     INFO, "wait 10m"},
    {"probe_down", "probe_up a 1 x2 @10s; probe_up a 0 x1 @10s; probe_up a 1 x1", "probe_up a 0 x2 @10s",
     HIGH, "probe_up a 0 x40 @10s", CRITICAL, "probe_up a 1 x3 @10s"},
    {"link_lost", "link_up e 1 x2 @10s; link_up e 0 x1; wait 4s; link_up e 1 x1", "link_up e 0 x2 @10s", HIGH,
     NULL, INFO, "link_up e 1 x4 @10s"},
    {"network_errors", "timeout_error p - x4 @1s; net_errors e 1 x5 @10s; net_errors e 0 x9 @10s",
     "timeout_error p - x5 @1s", MEDIUM, "timeout_error p - x200 @10s", HIGH, "wait 15m"},
    {"network_errors", "network_ok p - x9", "net_errors e 3 x6 @10s", MEDIUM, NULL, INFO, "wait 15m"},
    {"network_errors", "net_drops e 10 x5 @10s; net_drops e 9 x20 @10s", "net_drops e 10 x6 @10s", MEDIUM,
     NULL, INFO, "wait 15m"},
    {"certificate_expiration", "certificate_days w 30.1 x1; wait 1h", "certificate_days w 29.9 x1", MEDIUM,
     "certificate_days w 6.9 x1", HIGH, "certificate_days w 90 x1; wait 2m"},
    {"certificate_expiration", "certificate_days w 31 x1; certificate_days v 40 x1",
     "certificate_days w 1.1 x1; wait 1h; certificate_days v 40 x1", HIGH, "certificate_days w 0.9 x1",
     CRITICAL, "certificate_days w 90 x1; wait 2m"},
    {"tls_trouble", "tls_error t - x4 @1s", "tls_error t - x5 @1s", HIGH, "certificate_expired t - x1",
     CRITICAL, "wait 25m"},
    {"security_incident", "auth_failed ip - x9 @1s", "auth_failed ip - x10 @1s", CRITICAL, NULL, INFO,
     "wait 45m"},
    {"login_spray", "auth_failed ip - user=u# x4 @1s; auth_failed ip - user=u3 x4 @1s",
     "auth_failed ip - user=u# x5 @1s", CRITICAL, NULL, INFO, "wait 45m"},
    {"critical_error_pattern", "path_ok s - !critical x5", "path_traversal s - x1", CRITICAL, NULL, INFO,
     NULL},
    {"service_down", "service_unavailable s - x4 @1s", "service_unavailable s - x5 @1s", CRITICAL, NULL, INFO,
     "wait 3m"},
    {"process_lost", "process_up p 1 x3 @1s", "process_up p 0 x1", CRITICAL, NULL, INFO,
     "process_up p 1 x5 @1s"},
    {"crash_loop", "process_crashed a - x2 @1s; service_restarts a 1 x2 @1s; service_restarts a 0 x5 @1s",
     "crash_loop a - x1", HIGH, NULL, INFO, "wait 15m"},
    {"crash_loop", "process_ok a - x9", "process_crashed a - x3 @1s", HIGH, NULL, INFO, "wait 15m"},
    {"crash_loop", "service_restarts a 0 x9 @10s", "service_restarts a 1 x3 @10s", HIGH, NULL, INFO,
     "wait 15m"},
    {"unexpected_restart", "restart s - x2", "unexpected_restart s - x1", MEDIUM, NULL, INFO, "wait 65m"},
    {"deployment_failure", "update_done u - x2", "update_failed u - x1", HIGH, NULL, INFO, "wait 65m"},
    {"heartbeat_lost", "heartbeat h 10 x1; wait 19999ms", "heartbeat h 10 x1; wait 20s", CRITICAL, NULL, INFO,
     "heartbeat h 10 x14 @1s"},
    {"source_down", "source_up d 1 x3 @10s", "source_up d 0 x1", HIGH, NULL, INFO, "source_up d 1 x5 @1s"},
    {"device_alarm", "device_alarm d 0 x3 @10s", "device_alarm d 1 x1", MEDIUM, "device_alarm d 4 x1",
     CRITICAL, "device_alarm d 0 x5 @1s"},
    {"undo_failed", "undo_done web 1 x3", "undo_failed web 1 x1", CRITICAL, NULL, INFO, NULL},
    {"self_damaged", "self_fine picketd 1 x3", "self_damaged picketd 1 x1", CRITICAL, NULL, INFO, NULL},
    {"store_damaged", "store_fine picketd 1 x3", "store_moved_aside picketd 1 x1", HIGH, NULL, INFO, NULL},
    {"store_failing", "store_failing picketd 0 x3", "store_failing picketd 1 x1", CRITICAL, NULL, INFO,
     "store_failing picketd 0 x1"},
    {"link_contested", "link_fine picketd 1 x3", "link_contested picketd 1 x1", HIGH, NULL, INFO, "wait 15m"},
    {"names_short", "names_refused picketd 0 x3 @60s", "names_refused picketd 1 x1", MEDIUM, NULL, INFO,
     "names_refused picketd 0 x3 @60s"},
    {"fire_drill", "other drill 1 x3", "fire_drill drill 1 x1", CRITICAL, NULL, INFO, "wait 2m"},
    {"success_low", "success_pct picketd 90 x3 @60s", "success_pct picketd 89 x1", MEDIUM, NULL, INFO,
     "success_pct picketd 90 x1"},
    {"windows_short",
     "windows_evicted_pct picketd 1 x5 @60s; windows_evicted_pct picketd 2 x1; windows_evicted_pct picketd 1 "
     "x1",
     "windows_evicted_pct picketd 1.1 x2 @60s", MEDIUM, "windows_evicted_pct picketd 11 x1", HIGH,
     "windows_evicted_pct picketd 1 x3 @60s"},
    {"queue_backlog", "outbox_depth picketd 1000 x10 @60s", "outbox_depth picketd 1001 x6 @60s", MEDIUM,
     "outbox_depth picketd 10001 x1", HIGH, "outbox_depth picketd 0 x4 @60s"},
    {"stored_rules_off", "stored_rules_off picketd 0 x3", "stored_rules_off picketd 1 x1", HIGH, NULL, INFO,
     "stored_rules_off picketd 0 x1"},
};

static struct detect_rig rig;
static struct pk_finding f;

/* What the rule under test said since the start. */
struct told {
    uint32_t rule, fired, cleared;
    int severity; /* of the last firing, as raised since */
};

static void listen(struct told *t) {
    struct pk_finding told;
    while (pk_engine_next_finding(&rig.engine, &told)) {
        if (told.rule_index != t->rule) {
            continue;
        }
        t->fired += told.kind == PK_FINDING_FIRE ? 1u : 0u;
        t->cleared += told.kind == PK_FINDING_CLEARED ? 1u : 0u;
        t->severity = told.kind == PK_FINDING_CLEARED ? t->severity : told.severity;
        CHECK(told.kind == PK_FINDING_CLEARED || told.words[0] != '\0');
    }
}

static void pass(struct told *t, uint64_t ms) {
    const uint64_t until_ms = rig.now_ms + ms;
    while (rig.now_ms < until_ms) {
        const uint64_t left_ms = until_ms - rig.now_ms;
        detect_rig_wait(&rig, left_ms < 500 ? left_ms : 500);
        listen(t);
    }
}

static uint64_t span(struct pk_str s) {
    uint64_t ms = 0;
    CHECK_EQ_INT(pk_parse_duration_ms(s, &ms), PK_OK);
    return ms;
}

struct step {
    char type[65], sources[65], fields[3][32], texts[3][32];
    uint32_t field_count;
    double value, growth;
    bool has_value;
    uint8_t severity;
    uint64_t count, gap_ms;
};

static void read_value(struct pk_str word, struct step *s) {
    struct pk_str rest = word, from;
    s->has_value = !pk_str_eq_c(word, "-");
    if (!s->has_value) {
        return;
    }
    CHECK(pk_str_split(&rest, '+', &from));
    CHECK_EQ_INT(pk_parse_double(from, &s->value), PK_OK);
    if (rest.p != NULL) {
        CHECK_EQ_INT(pk_parse_double(rest, &s->growth), PK_OK);
    }
}

static void read_option(struct pk_str word, struct step *s) {
    const struct pk_str tail = pk_str_make(word.p + 1, word.n - 1u);
    enum pk_severity severity = PK_SEV_INFO;
    if (word.p[0] == 'x' && pk_parse_u64(tail, &s->count) == PK_OK) {
        return;
    }
    if (word.p[0] == '@') {
        s->gap_ms = span(tail);
    } else if (word.p[0] == '!') {
        CHECK_EQ_INT(pk_severity_parse(tail, &severity), PK_OK);
        s->severity = (uint8_t)severity;
    } else {
        struct pk_str rest = word, name;
        CHECK(pk_str_split(&rest, '=', &name) && rest.p != NULL && s->field_count < 3);
        (void)pk_str_copy_cut(name, s->fields[s->field_count], sizeof s->fields[0]);
        (void)pk_str_copy_cut(rest, s->texts[s->field_count++], sizeof s->texts[0]);
    }
}

static void give(const struct step *s, uint64_t n) {
    struct pk_str rest = pk_str_of(s->sources), one;
    char source[65], text[32];
    uint64_t sources = 0;
    while (pk_str_split(&rest, ',', &one)) {
        sources++;
    }
    rest = pk_str_of(s->sources);
    for (uint64_t i = 0; i <= n % sources && pk_str_split(&rest, ',', &one); i++) {
        (void)pk_str_copy_cut(one, source, sizeof source);
    }
    struct pk_event e = detect_rig_event(&rig, s->type, source, (enum pk_severity)s->severity);
    if (strcmp(s->type, "fire_drill") == 0) {
        e.flags |= PK_EVENT_DRILL; /* `drill` sets it, and nothing else can */
    }
    if (s->has_value) {
        e.value = s->value + s->growth * (double)n;
        e.flags |= PK_EVENT_HAS_VALUE;
    }
    for (uint32_t i = 0; i < s->field_count; i++) {
        (void)pk_str_copy_cut(pk_str_of(s->texts[i]), text, sizeof text);
        char *number = strchr(text, '#');
        if (number != NULL) {
            *number = (char)('0' + n % 10u);
        }
        detect_rig_field(&rig, &e, s->fields[i], text);
    }
    detect_rig_give(&rig, &e);
}

static void run_step(struct pk_str words, struct told *t) {
    struct step s = {.count = 1};
    struct pk_str word;
    uint32_t at = 0;
    while (pk_str_split(&words, ' ', &word)) {
        if (at == 0) {
            (void)pk_str_copy_cut(word, s.type, sizeof s.type);
        } else if (at == 1 && strcmp(s.type, "wait") == 0) {
            pass(t, span(word));
            return;
        } else if (at == 1) {
            (void)pk_str_copy_cut(word, s.sources, sizeof s.sources);
        } else if (at == 2) {
            read_value(word, &s);
        } else {
            read_option(word, &s);
        }
        at++;
    }
    for (uint64_t n = 0; n < s.count; n++) {
        give(&s, n);
        listen(t);
        pass(t, s.gap_ms);
    }
}

static void run(const char *script, struct told *t) {
    struct pk_str rest = pk_str_of(script), step;
    while (pk_str_split(&rest, ';', &step)) {
        run_step(pk_str_trim(step), t);
    }
}

static void start(void) {
    CHECK_EQ_INT(detect_rig_init(&rig, ""), PK_OK);
    CHECK_EQ_INT(pk_engine_load(&rig.engine, &PK_SHIPPED_RULES, NULL, 0, rig.now_ms, &rig.diag), PK_OK);
}

/* A failure names the row. */
#define HOLDS(condition, words)                                                                              \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            CHECK_STR(e->rule, words);                                                                       \
        }                                                                                                    \
    } while (0)

static void try_edge(const struct edge *e, uint32_t rule) {
    struct told t = {.rule = rule};
    start();
    run(e->quiet, &t);
    HOLDS(t.fired == 0, "silent one step short of its edge");
    start();
    t = (struct told){.rule = rule};
    run(e->fire, &t);
    HOLDS(t.fired == 1, "fires on its edge, once");
    HOLDS(t.severity == e->severity, "has its severity");
    if (e->raise != NULL) {
        run(e->raise, &t);
        HOLDS(t.fired == 1 && t.severity == e->raised, "is raised");
    }
    HOLDS(t.cleared == 0, "does not clear while it goes on");
    run(e->clear != NULL ? e->clear : "wait 1d", &t);
    HOLDS(t.cleared == (e->clear != NULL ? 1u : 0u), "clears when it is over");
}

static uint32_t rows_of(const char *id) {
    uint32_t count = 0;
    for (size_t i = 0; i < PK_COUNT_OF(EDGES); i++) {
        count += strcmp(EDGES[i].rule, id) == 0 ? 1u : 0u;
    }
    return count;
}

PK_TEST(shipped__each_rule__has_an_edge_case_and_says_what_it_is_for) {
    start();
    for (uint32_t i = 0; i < pk_engine_rule_count(&rig.engine); i++) {
        char id[PK_RULE_ID_BYTES_MAX + 1];
        const struct pk_rule *r = pk_engine_rule(&rig.engine, i);
        (void)pk_str_copy_cut(pk_engine_str(&rig.engine, r, r->id), id, sizeof id);
        if (rows_of(id) == 0) {
            CHECK_STR(id, "has an edge case");
        }
        CHECK(r->about.n > 10 && r->is_enabled);
    }
}

PK_TEST(shipped__each_rule__fires_on_its_edge_and_clears) {
    for (size_t i = 0; i < PK_COUNT_OF(EDGES); i++) {
        start();
        const int rule = pk_engine_find_rule(&rig.engine, pk_str_of(EDGES[i].rule));
        if (rule >= 0) {
            try_edge(&EDGES[i], (uint32_t)rule);
        }
    }
}

PK_TEST(shipped__escalations__have_a_case_each) {
    start();
    for (uint32_t i = 0; i < pk_engine_rule_count(&rig.engine); i++) {
        const struct pk_rule *r = pk_engine_rule(&rig.engine, i);
        uint32_t raised = 0;
        for (size_t k = 0; k < PK_COUNT_OF(EDGES); k++) {
            raised +=
                EDGES[k].raise != NULL && pk_str_eq_c(pk_engine_str(&rig.engine, r, r->id), EDGES[k].rule)
                    ? 1u
                    : 0u;
        }
        if (raised < (r->raise_count > 0 ? 1u : 0u)) {
            char id[PK_RULE_ID_BYTES_MAX + 1];
            (void)pk_str_copy_cut(pk_engine_str(&rig.engine, r, r->id), id, sizeof id);
            CHECK_STR(id, "has a case of its escalation");
        }
    }
}

static const struct pk_rule *rule(const char *id) {
    const int index = pk_engine_find_rule(&rig.engine, pk_str_of(id));
    CHECK(index >= 0);
    return pk_engine_rule(&rig.engine, index >= 0 ? (uint32_t)index : 0u);
}

static void check_count(const char *id, uint32_t count, uint32_t within_s, enum pk_severity severity) {
    const struct pk_rule *r = rule(id);
    CHECK_EQ_INT(r->when.kind, PK_COND_COUNT);
    CHECK_EQ_U64(r->when.count, count);
    CHECK_EQ_U64(r->when.within_ms, within_s * 1000u);
    CHECK_EQ_INT(r->severity, severity);
}

PK_TEST(shipped__numbers__are_those_of_the_requirements) {
    start();
    check_count("error_burst", 10, 300, PK_SEV_HIGH);
    check_count("service_down", 5, 60, PK_SEV_CRITICAL);
    check_count("quality_drop", 5, 600, PK_SEV_MEDIUM);
    const struct pk_rule *workflow = rule("workflow_failure_spike");
    CHECK_EQ_INT(workflow->when.kind, PK_COND_ANY);
    CHECK_EQ_U64(workflow->clauses[0].count, 8);
    CHECK_EQ_U64(workflow->clauses[0].within_ms, 300000);
    check_count("disk_space_reports", 3, 300, PK_SEV_HIGH);
    check_count("errors_in_a_row", 15, 180, PK_SEV_HIGH);
    CHECK_EQ_U64(rule("errors_in_a_row")->across, 2);
    check_count("memory_exhaustion", 3, 120, PK_SEV_CRITICAL);
    check_count("memory_reports", 3, 120, PK_SEV_CRITICAL);
    check_count("performance_degradation", 10, 300, PK_SEV_MEDIUM);
    const struct pk_rule *disk = rule("disk_space_low");
    CHECK(disk->when.value > 89.9 && disk->when.value < 90.1 && disk->raises[0].value > 94.9 &&
          disk->raises[0].value < 95.1);
    CHECK_EQ_INT(disk->raises[0].severity, PK_SEV_CRITICAL);
    const struct pk_rule *cpu = rule("cpu_high");
    CHECK(cpu->when.value > 84.9 && cpu->when.value < 85.1);
    CHECK_EQ_U64(cpu->when.for_ms, 300000);
}

PK_TEST(shipped__a_killed_service__is_told_with_the_first_missing_sample) {
    start();
    struct pk_event e = detect_rig_value(&rig, "process_up", "demo", 1);
    detect_rig_give(&rig, &e);
    detect_rig_wait(&rig, 1000);
    e = detect_rig_value(&rig, "process_up", "demo", 0);
    detect_rig_give(&rig, &e);
    REQUIRE(detect_rig_finding(&rig, &f) == PK_FINDING_FIRE);
    CHECK_EQ_U64(f.at_ms, rig.now_ms);
    CHECK_STR(f.group_key, "demo");
    CHECK_EQ_INT(f.severity, PK_SEV_CRITICAL);
    CHECK(pk_str_eq_c(pk_engine_str(&rig.engine, rule("process_lost"), rule("process_lost")->type),
                      "service_down"));
    for (int i = 0; i < 4; i++) {
        detect_rig_wait(&rig, 1000);
        e = detect_rig_value(&rig, "process_up", "demo", 1);
        detect_rig_give(&rig, &e);
    }
    CHECK_EQ_INT(detect_rig_finding(&rig, &f), PK_FINDING_CLEARED);
}

PK_TEST_MAIN(shipped__each_rule__has_an_edge_case_and_says_what_it_is_for,
             shipped__each_rule__fires_on_its_edge_and_clears, shipped__escalations__have_a_case_each,
             shipped__numbers__are_those_of_the_requirements,
             shipped__a_killed_service__is_told_with_the_first_missing_sample)
