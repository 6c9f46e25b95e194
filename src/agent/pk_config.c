#include "agent/pk_config.h"

#include <stddef.h>
#include <string.h>

#include "base/pk_address.h"
#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "base/pk_zero.h"
#include "event/pk_map_shipped.h"
#include "incident/pk_escalation.h"
#include "report/pk_cmd_table.h"
#include "wire/pk_role.h"

/* One row per key. `offset` is within struct pk_config, or within the section's own struct for brokers,
 * watches and heartbeats. */
enum value_kind {
    V_ID,
    V_PATH,
    V_TEXT,
    V_HOST,
    V_BOOL,
    V_U16,
    V_U64,
    V_DURATION,
    V_INTERVAL, /* a duration, or 0 */
    V_SIZE,
    V_WORD,
    V_WORDS,
    V_LIST,
    V_ROLE,
    V_WATCH_PATH,
    V_INLET,
    V_HOURS
};
enum section_id {
    S_GATEWAY,
    S_PATHS,
    S_AGENT,
    S_BROKER,
    S_SOURCES,
    S_DISK,
    S_PROCESS,
    S_HEARTBEAT,
    S_MAP,
    S_EVENTS,
    S_INCIDENTS,
    S_RESPOND,
    S_ESCALATION,
    S_TEAM,
    S_REMOTE,
    S_ROLES,
    S_STORE,
    S_REPORT,
    S_THRESHOLDS,
    S_LOG,
    S_SYSLOG,
    S_STATSD,
    S_KMSG,
    S_JOURNAL,
    S_WITNESS,
    S_MAINTENANCE,
    S_COUNT
};

struct section_row {
    char word[15]; /* and no pointer: what must be relocated takes memory */
    bool has_name; /* [broker central] */
};
static const struct section_row SECTIONS[S_COUNT] = {
    [S_GATEWAY] = {"gateway", false},
    [S_PATHS] = {"paths", false},
    [S_AGENT] = {"agent", false},
    [S_BROKER] = {"broker", true},
    [S_SOURCES] = {"sources", false},
    [S_DISK] = {"disk", true},
    [S_PROCESS] = {"process", true},
    [S_HEARTBEAT] = {"heartbeat", true},
    [S_REMOTE] = {"remote", false},
    [S_ROLES] = {"roles", false},
    [S_STORE] = {"store", false},
    [S_REPORT] = {"report", false},
    [S_THRESHOLDS] = {"thresholds", false},
    [S_MAP] = {"map", true},
    [S_EVENTS] = {"events", false},
    [S_INCIDENTS] = {"incidents", false},
    [S_RESPOND] = {"respond", false},
    [S_ESCALATION] = {"escalation", false},
    [S_TEAM] = {"response_team", false},
    [S_LOG] = {"log", true},
    [S_SYSLOG] = {"syslog", false},
    [S_STATSD] = {"statsd", false},
    [S_KMSG] = {"kmsg", false},
    [S_JOURNAL] = {"journal", false},
    [S_WITNESS] = {"witness", false},
    [S_MAINTENANCE] = {"maintenance", true},
};

static const char *const MODE_WORDS[] = {"off", "observe", "safe", "auto", NULL};
static const char *const SEAL_WORDS[] = {"required", "best-effort", NULL};
static const char *const CLOCK_WORDS[] = {"kernel", "trusted", "hub", NULL};
static const char *const REMOTE_WORDS[] = {"off", "read-only", "list", NULL};
static const char *const BROKER_ROLE_WORDS[] = {"events",         "incidents", "commands", "summary",
                                                "home_assistant", "thin_edge", NULL};
static const char *const METERED_WORDS[] = {"auto", "no", "yes", NULL};
static const char *const MQTT_WORDS[] = {"auto", "5", "3.1.1", NULL};
static const char *const UPLOAD_WORDS[] = {"info", "low", "medium", "high", "critical", "no", NULL};
static const char *const TIER_WORDS[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", NULL};
_Static_assert(PK_COUNT_OF(TIER_WORDS) == PK_ESC_TIERS_MAX + 2u, "each tier has its word");
static const char *const SEVERITY_WORDS[] = {"info", "low", "medium", "high", "critical", NULL};
static const char *const LOG_WORDS[] = {"", "", "", "error", "warning", "notice", "info", "debug", NULL};

struct key_row {
    uint8_t section, kind;
    const char *key;
    uint32_t offset; /* some tables of the configuration are large */
    uint16_t size_bytes;
    uint64_t min, max;
    const char *const *words;
};
#define C(member)                                                                                            \
    (uint32_t) offsetof(struct pk_config, member), (uint16_t)sizeof(((struct pk_config *)0)->member)
#define B(member)                                                                                            \
    (uint32_t) offsetof(struct pk_config_broker, member),                                                    \
        (uint16_t)sizeof(((struct pk_config_broker *)0)->member)
#define COLLECT(which)                                                                                       \
    (uint32_t)(offsetof(struct pk_config, collect_ms) + sizeof(uint32_t) * (which)),                         \
        (uint16_t)sizeof(uint32_t)
enum { DAY_MS = 86400000 };

static const struct key_row KEYS[] = {
    {S_GATEWAY, V_ID, "site", C(site), 1, 32, NULL},
    {S_GATEWAY, V_ID, "gateway", C(gateway), 1, 32, NULL},
    {S_PATHS, V_PATH, "state", C(state_dir), 1, 159, NULL},
    {S_PATHS, V_PATH, "run", C(run_dir), 1, 90, NULL}, /* socket addresses hold 108 bytes */
    {S_PATHS, V_PATH, "rules", C(rules_dir), 1, 159, NULL},
    {S_PATHS, V_PATH, "patterns", C(patterns_dir), 1, 159, NULL},
    {S_PATHS, V_PATH, "keys", C(keys_dir), 1, 159, NULL},
    {S_PATHS, V_PATH, "actions", C(actions_path), 1, 159, NULL},
    {S_PATHS, V_PATH, "topology", C(topology_path), 1, 159, NULL},
    {S_AGENT, V_TEXT, "user", C(user), 1, 32, NULL},
    {S_AGENT, V_TEXT, "group", C(group), 1, 32, NULL},
    {S_AGENT, V_WORD, "mode", C(mode), 0, 0, MODE_WORDS},
    {S_AGENT, V_BOOL, "safe_mode", C(is_safe_mode), 0, 1, NULL},
    {S_AGENT, V_BOOL, "auto_rollback", C(is_auto_rollback), 0, 1, NULL},
    {S_AGENT, V_BOOL, "auto_remediation_enabled", C(is_auto_remediation), 0, 1, NULL},
    {S_AGENT, V_BOOL, "notifications_enabled", C(is_notifying), 0, 1, NULL},
    {S_AGENT, V_BOOL, "maintenance_enabled", C(is_maintenance_on), 0, 1, NULL},
    {S_AGENT, V_WORD, "seal", C(seal), 0, 0, SEAL_WORDS},
    {S_AGENT, V_WORD, "log", C(log_level), 0, 0, LOG_WORDS},
    {S_AGENT, V_WORD, "clock", C(clock), 0, 0, CLOCK_WORDS},
    {S_AGENT, V_PATH, "watchdog", C(watchdog_device), 1, 159, NULL}, /* opened and fed by the supervisor */
    {S_AGENT, V_DURATION, "approval_timeout", C(approval_timeout_ms), 10000, DAY_MS, NULL},
    {S_BROKER, V_HOST, "host", B(host), 1, 127, NULL},
    {S_BROKER, V_U16, "port", B(port), 1, 65535, NULL},
    {S_BROKER, V_BOOL, "tls", B(use_tls), 0, 1, NULL},
    {S_BROKER, V_BOOL, "tls12", B(is_tls12_allowed), 0, 1, NULL},
    {S_BROKER, V_PATH, "ca", B(ca), 1, 159, NULL},
    {S_BROKER, V_PATH, "certificate", B(certificate), 1, 159, NULL},
    {S_BROKER, V_PATH, "key", B(key), 1, 159, NULL},
    {S_BROKER, V_TEXT, "alpn", B(alpn), 1, PK_ALPN_BYTES - 1, NULL},
    {S_BROKER, V_TEXT, "psk_identity", B(psk_identity), 1, PK_PSK_IDENTITY_BYTES - 1, NULL},
    {S_BROKER, V_PATH, "psk_file", B(psk_file), 1, 159, NULL},
    {S_BROKER, V_TEXT, "username", B(username), 1, 63, NULL},
    {S_BROKER, V_PATH, "password_file", B(password_file), 1, 159, NULL},
    {S_BROKER, V_DURATION, "keep_alive", B(keep_alive_ms), 5000, 65535000, NULL},
    {S_BROKER, V_DURATION, "session_expiry", B(session_expiry_ms), 0, 30ull * DAY_MS, NULL},
    {S_BROKER, V_DURATION, "will_delay", B(will_delay_ms), 0, DAY_MS, NULL},
    {S_BROKER, V_DURATION, "reconnect_first", B(reconnect_first_ms), 100, 3600000, NULL},
    {S_BROKER, V_DURATION, "reconnect_max", B(reconnect_max_ms), 1000, 3600000, NULL},
    {S_BROKER, V_WORDS, "roles", B(roles), 0, 0, BROKER_ROLE_WORDS},
    {S_BROKER, V_WORD, "metered", B(metered), 0, 0, METERED_WORDS},
    {S_BROKER, V_WORD, "mqtt", B(mqtt), 0, 0, MQTT_WORDS},
    {S_BROKER, V_BOOL, "hub_ack", B(is_hub_acked), 0, 1, NULL},
    {S_SOURCES, V_INTERVAL, "cpu", COLLECT(PK_COLLECT_CPU), 100, DAY_MS, NULL},
    {S_SOURCES, V_INTERVAL, "memory", COLLECT(PK_COLLECT_MEMORY), 100, DAY_MS, NULL},
    {S_SOURCES, V_INTERVAL, "psi", COLLECT(PK_COLLECT_PSI), 100, DAY_MS, NULL},
    {S_SOURCES, V_INTERVAL, "load", COLLECT(PK_COLLECT_LOAD), 100, DAY_MS, NULL},
    {S_SOURCES, V_INTERVAL, "disk", COLLECT(PK_COLLECT_DISK), 100, DAY_MS, NULL},
    {S_SOURCES, V_INTERVAL, "process", COLLECT(PK_COLLECT_PROCESS), 100, DAY_MS, NULL},
    {S_SOURCES, V_INTERVAL, "usage", COLLECT(PK_COLLECT_USAGE), 100, DAY_MS, NULL},
    {S_SOURCES, V_INTERVAL, "storage", COLLECT(PK_COLLECT_STORAGE), 100, DAY_MS, NULL},
    {S_SOURCES, V_INTERVAL, "thermal", COLLECT(PK_COLLECT_THERMAL), 100, DAY_MS, NULL},
    {S_SOURCES, V_INTERVAL, "network", COLLECT(PK_COLLECT_NETWORK), 100, DAY_MS, NULL},
    {S_SOURCES, V_INTERVAL, "tasks", COLLECT(PK_COLLECT_TASKS), 100, DAY_MS, NULL},
    {S_SOURCES, V_INTERVAL, "oom", COLLECT(PK_COLLECT_OOM), 100, DAY_MS, NULL},
    {S_SOURCES, V_INTERVAL, "gpu", COLLECT(PK_COLLECT_GPU), 100, DAY_MS, NULL},
    {S_SOURCES, V_DURATION, "hung_after", C(hung_ms), 1000, DAY_MS, NULL},
    {S_SOURCES, V_U64, "rate", C(source_rate_per_s), 1, 1000000, NULL},
    {S_SOURCES, V_U64, "burst", C(source_burst_count), 1, 10000000, NULL},
    {S_DISK, V_WATCH_PATH, "path", 0, 0, 1, 159, NULL},
    {S_PROCESS, V_WATCH_PATH, "pidfile", 0, 0, 1, 159, NULL},
    {S_HEARTBEAT, V_DURATION, "interval", (uint32_t)offsetof(struct pk_config_heartbeat, interval_ms),
     sizeof(uint32_t), 1000, 7ull * DAY_MS, NULL},
    {S_SOURCES, V_BOOL, "thin_edge", C(maps_thin_edge), 0, 1, NULL},
    {S_EVENTS, V_U64, "max_events", C(history_max), 1, PK_LIMIT_EVENT_HISTORY, NULL},
    {S_EVENTS, V_DURATION, "retention", C(history_retention_ms), 60000, 7ull * DAY_MS, NULL},
    {S_INCIDENTS, V_DURATION, "assess", C(assess_ms), 0, DAY_MS, NULL},
    {S_INCIDENTS, V_DURATION, "recover", C(recover_ms), 0, DAY_MS, NULL},
    {S_INCIDENTS, V_DURATION, "flap_window", C(flap_window_ms), 0, DAY_MS, NULL},
    {S_INCIDENTS, V_U64, "flap_count", C(flap_count), 0, 1000, NULL},
    {S_ESCALATION, V_DURATION, "response", C(escalate_ms), 0, 7ull * DAY_MS, NULL},
    {S_ESCALATION, V_DURATION, "again", C(escalate_again_ms), 0, 7ull * DAY_MS, NULL},
    {S_ESCALATION, V_WORD, "tiers", C(escalate_tiers), 0, 0, TIER_WORDS},
    {S_ESCALATION, V_WORD, "severity", C(escalate_severity), 0, 0, SEVERITY_WORDS},
    {S_TEAM, V_TEXT, "info", C(response_team[PK_SEV_INFO]), 1, PK_CONFIG_TEAM_BYTES - 1, NULL},
    {S_TEAM, V_TEXT, "low", C(response_team[PK_SEV_LOW]), 1, PK_CONFIG_TEAM_BYTES - 1, NULL},
    {S_TEAM, V_TEXT, "medium", C(response_team[PK_SEV_MEDIUM]), 1, PK_CONFIG_TEAM_BYTES - 1, NULL},
    {S_TEAM, V_TEXT, "high", C(response_team[PK_SEV_HIGH]), 1, PK_CONFIG_TEAM_BYTES - 1, NULL},
    {S_TEAM, V_TEXT, "critical", C(response_team[PK_SEV_CRITICAL]), 1, PK_CONFIG_TEAM_BYTES - 1, NULL},
    {S_INCIDENTS, V_INTERVAL, "keep", C(keep_ended_ms), DAY_MS / 24, 3650ull * DAY_MS, NULL},
    {S_INCIDENTS, V_U64, "keep_count", C(keep_ended_count), 0, 1000000, NULL},
    {S_RESPOND, V_U64, "risk_behind", C(risk.behind_count), 0, 10000, NULL},
    {S_RESPOND, V_U64, "risk_repeat", C(risk.repeat_count), 0, 1000, NULL},
    {S_RESPOND, V_HOURS, "guarded_hours", C(risk), 0, 0, NULL},
    {S_INCIDENTS, V_BOOL, "capsules", C(has_capsules), 0, 1, NULL},
    {S_INCIDENTS, V_SIZE, "capsule_size", C(capsule_bytes), PK_CAPSULE_BYTES_MIN, PK_LIMIT_CAPSULE_BYTES,
     NULL},
    {S_INCIDENTS, V_SIZE, "capsule_store", C(capsule_store_bytes), PK_CAPSULE_BYTES_MIN,
     PK_LIMIT_CAPSULES *PK_LIMIT_CAPSULE_BYTES, NULL},
    {S_INCIDENTS, V_WORD, "capsule_upload", C(capsule_upload), 0, 0, UPLOAD_WORDS},
    {S_INCIDENTS, V_SIZE, "capsule_rate", C(capsule_rate), 256, 1u << 24, NULL},
    {S_INCIDENTS, V_DURATION, "capsule_after", C(capsule_after_ms), 2000, 600000, NULL},
    {S_REMOTE, V_WORD, "commands", C(remote), 0, 0, REMOTE_WORDS},
    {S_REMOTE, V_LIST, "allow", 0, 0, 0, 0, NULL},
    {S_ROLES, V_ROLE, "viewer", 0, 0, PK_ROLE_VIEWER, 0, NULL},
    {S_ROLES, V_ROLE, "responder", 0, 0, PK_ROLE_RESPONDER, 0, NULL},
    {S_ROLES, V_ROLE, "approver", 0, 0, PK_ROLE_APPROVER, 0, NULL},
    {S_ROLES, V_ROLE, "admin", 0, 0, PK_ROLE_ADMIN, 0, NULL},
    {S_STORE, V_BOOL, "memory", C(is_store_in_memory), 0, 1, NULL},
    {S_STORE, V_SIZE, "map", C(store_map_bytes), 1u << 20, 1u << 30, NULL},
    {S_STORE, V_SIZE, "keep_free", C(store_keep_free_bytes), 0, 1u << 30, NULL},
    {S_STORE, V_SIZE, "day", C(flash_day_bytes), 0, 1ull << 40, NULL},
    {S_STORE, V_U64, "journal_keep", C(journal_keep_count), 100, 10000000, NULL},
    {S_STORE, V_DURATION, "learned", C(learned_ms), 10000, 7ull * DAY_MS, NULL},
    {S_REPORT, V_BOOL, "metered", C(is_metered), 0, 1, NULL},
    {S_REPORT, V_DURATION, "summary", C(summary_ms), 5000, DAY_MS, NULL},
    {S_REPORT, V_SIZE, "month", C(data_month_bytes), 0, 1ull << 50, NULL},
    {S_REPORT, V_PATH, "textfile", C(textfile), 1, 150, NULL},
    {S_REPORT, V_DURATION, "textfile_every", C(textfile_ms), 1000, DAY_MS, NULL},
    {S_LOG, V_INLET, "path", 0, 0, 0, 0, NULL},
    {S_LOG, V_INLET, "patterns", 0, 0, 0, 0, NULL},
    {S_LOG, V_INLET, "format", 0, 0, 0, 0, NULL},
    {S_SYSLOG, V_INLET, "socket", 0, 0, 0, 0, NULL},
    {S_SYSLOG, V_INLET, "udp", 0, 0, 0, 0, NULL},
    {S_STATSD, V_INLET, "socket", 0, 0, 0, 0, NULL},
    {S_STATSD, V_INLET, "udp", 0, 0, 0, 0, NULL},
    {S_KMSG, V_INLET, "device", 0, 0, 0, 0, NULL},
    {S_JOURNAL, V_INLET, "command", 0, 0, 0, 0, NULL},
    {S_WITNESS, V_INLET, "udp", 0, 0, 0, 0, NULL},
    {S_WITNESS, V_TEXT, "peers", C(witness_peers), 1, PK_CONFIG_PEERS_BYTES - 1, NULL},
    {S_WITNESS, V_PATH, "key_file", C(witness_key_file), 1, 159, NULL},
    {S_WITNESS, V_DURATION, "interval", C(witness_ms), 1000, 3600000, NULL},
};
#undef C
#undef B
#undef COLLECT

/* Where a text being read stands. */
struct parse {
    uint32_t map; /* row of the section */
    uint32_t task;
    struct pk_config *c;
    struct pk_diag *diag;
    const char *file;
    uint8_t section;
    bool is_probe; /* the section is a row of the table of probes */
    uint32_t probe;
    struct pk_str name; /* of the section */
    void *target; /* struct the offsets of the section count from; NULL for the section's own handling */
    uint32_t line, column;
    uint32_t value_line, value_column; /* 0: as the key's */
};

const char *pk_mode_word(uint8_t mode) {
    return mode < PK_MODE_COUNT ? MODE_WORDS[mode] : "unknown";
}
const char *pk_remote_word(uint8_t remote) {
    return remote < 3 ? REMOTE_WORDS[remote] : "unknown";
}
const char *pk_config_broker_word(uint32_t link) {
    PK_ASSERT(link < PK_LINKS);
    return link == 0 ? "site" : "central";
}

static int word_index(const char *const *words, struct pk_str s) {
    for (int i = 0; words[i] != NULL; i++) {
        if (words[i][0] != '\0' && pk_str_eq_nocase(s, words[i])) {
            return i;
        }
    }
    return PK_E_BAD_FIELD;
}

int pk_mode_parse(struct pk_str s, uint8_t *out) {
    const int index = word_index(MODE_WORDS, s);
    if (index < 0) {
        return index;
    }
    *out = (uint8_t)index;
    return PK_OK;
}

/* How long what is over is kept. */
static void default_retention(struct pk_config *c) {
    c->journal_keep_count = 20000;
    c->history_retention_ms = 3600000;
    c->keep_ended_ms = 30ull * DAY_MS;
}

/* A broker at the centre is lost by thousands at once, one of a site by a few (ADR 0090). */
static void default_broker(struct pk_config_broker *b, bool is_central) {
    b->port = 8883;
    b->use_tls = true;
    b->keep_alive_ms = PK_CONFIG_KEEP_ALIVE_MS;
    b->session_expiry_ms = DAY_MS;
    b->will_delay_ms = is_central ? 120000 : 30000; /* longer than the way back takes */
    b->reconnect_first_ms = is_central ? 45000 : 1000;
    b->reconnect_max_ms = 120000;
}

void pk_config_defaults(struct pk_config *c) {
    pk_zero(c, sizeof *c);
    pk_probes_init(&c->probes);
    memcpy(c->state_dir, "/var/lib/picket", sizeof "/var/lib/picket");
    memcpy(c->run_dir, "/run/picket", sizeof "/run/picket");
    memcpy(c->rules_dir, "/etc/picket/rules.d", sizeof "/etc/picket/rules.d");
    memcpy(c->patterns_dir, "/etc/picket/patterns.d", sizeof "/etc/picket/patterns.d");
    memcpy(c->keys_dir, "/etc/picket/keys", sizeof "/etc/picket/keys");
    memcpy(c->actions_path, "/etc/picket/actions.conf", sizeof "/etc/picket/actions.conf");
    memcpy(c->topology_path, "/etc/picket/topology.conf", sizeof "/etc/picket/topology.conf");
    memcpy(c->user, "picket", sizeof "picket");
    memcpy(c->group, "picket", sizeof "picket");
    c->mode = PK_MODE_SAFE;
    c->is_safe_mode = true;
    c->is_auto_rollback = true;
    c->is_auto_remediation = true;
    c->is_notifying = c->is_maintenance_on = true;
    c->seal = PK_SEAL_REQUIRED;
    c->log_level = PK_LOG_NOTICE;
    c->collect_ms[PK_COLLECT_CPU] = 5000;
    c->collect_ms[PK_COLLECT_MEMORY] = 5000;
    c->collect_ms[PK_COLLECT_PSI] = 10000;
    c->collect_ms[PK_COLLECT_LOAD] = 10000;
    c->collect_ms[PK_COLLECT_DISK] = 30000;
    c->collect_ms[PK_COLLECT_PROCESS] = 1000;
    c->collect_ms[PK_COLLECT_USAGE] = 10000;
    c->collect_ms[PK_COLLECT_STORAGE] = 30000;
    c->collect_ms[PK_COLLECT_THERMAL] = 10000;
    c->collect_ms[PK_COLLECT_NETWORK] = 10000;
    c->collect_ms[PK_COLLECT_TASKS] = 30000;
    c->collect_ms[PK_COLLECT_OOM] = 10000;
    c->collect_ms[PK_COLLECT_GPU] = 10000;
    c->hung_ms = 120000;
    c->source_rate_per_s = 1000;
    c->source_burst_count = 2000;
    c->store_map_bytes = 16u << 20;
    c->store_keep_free_bytes = 1u << 20;
    default_retention(c);
    c->learned_ms = 6u * 3600000u;
    c->summary_ms = PK_CONFIG_SUMMARY_MS;
    c->witness_ms = 10000;
    c->approval_timeout_ms = 300000;
    c->textfile_ms = 15000;
    c->risk = (struct pk_risk_limits){.behind_count = 5, .repeat_count = 3};
    c->escalate_ms = 1800000;
    c->escalate_again_ms = 1800000;
    c->escalate_tiers = 3;
    c->escalate_severity = PK_SEV_MEDIUM;
    c->assess_ms = 30000;
    c->recover_ms = 300000;
    c->flap_window_ms = 600000;
    c->flap_count = 3;
    c->has_capsules = true;
    c->capsule_bytes = PK_LIMIT_CAPSULE_BYTES;
    c->capsule_store_bytes = PK_LIMIT_CAPSULES * PK_LIMIT_CAPSULE_BYTES;
    c->capsule_upload = PK_CONFIG_UPLOAD_NO;
    c->capsule_rate = 16384;
    c->capsule_after_ms = 30000;
    pk_thresholds_defaults(&c->thresholds);
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        default_broker(&c->broker[i], i > 0);
    }
}

static int fail(const struct parse *p, const char *message, struct pk_str argument) {
    pk_diag_set1(p->diag, p->file, p->line, p->column, message, argument);
    return PK_E_CONFIG;
}

/* ---- sections ---- */

static int open_broker(struct parse *p, struct pk_str name) {
    for (uint32_t link = 0; link < PK_LINKS; link++) {
        if (pk_str_eq_c(name, pk_config_broker_word(link))) {
            p->c->broker[link].is_set = true;
            p->target = &p->c->broker[link];
            return PK_OK;
        }
    }
    return fail(p, "a broker is called site or central, not '{}'", name);
}

static int open_watch(struct parse *p, struct pk_str name, enum pk_collector collector) {
    struct pk_config *c = p->c;
    if (!pk_text_is_id(name, "_.:@-", sizeof c->watches[0].name - 1)) {
        return fail(p, "'{}' is not a source name: 1 to 63 of A-Z a-z 0-9 _ . : @ -", name);
    }
    for (uint32_t i = 0; i < c->watch_count; i++) {
        if (c->watches[i].collector == collector && pk_str_eq_c(name, c->watches[i].name)) {
            p->target = &c->watches[i];
            return PK_OK;
        }
    }
    if (c->watch_count == PK_LIMIT_WATCHES) {
        return fail(p, "no room to watch '{}': the table is full", name);
    }
    struct pk_watch *w = &c->watches[c->watch_count++];
    memset(w, 0, sizeof *w);
    w->collector = collector;
    (void)pk_str_copy_cut(name, w->name, sizeof w->name);
    p->target = w;
    return PK_OK;
}

static int open_heartbeat(struct parse *p, struct pk_str name) {
    struct pk_config *c = p->c;
    if (!pk_text_is_id(name, "_.:@-", 64)) {
        return fail(p, "'{}' is not a source name", name);
    }
    const uint32_t hash = pk_crc32c(0, name.p, name.n);
    for (uint32_t i = 0; i < c->heartbeat_count; i++) {
        if (c->heartbeats[i].hash == hash && pk_str_eq_c(name, c->heartbeats[i].source)) {
            p->target = &c->heartbeats[i];
            return PK_OK;
        }
    }
    if (c->heartbeat_count == PK_LIMIT_HEARTBEATS) {
        return fail(p, "no room for heartbeat '{}': this board watches no more", name);
    }
    struct pk_config_heartbeat *h = &c->heartbeats[c->heartbeat_count++];
    h->hash = hash;
    h->interval_ms = 30000;
    (void)pk_str_copy_cut(name, h->source, sizeof h->source);
    p->target = h;
    return PK_OK;
}

static int open_task(struct parse *p, struct pk_str name) {
    const int row = pk_task_open(&p->c->tasks, name);
    if (row < 0) {
        return fail(p,
                    row == PK_E_FULL ? "no room for task '{}': this board keeps no more"
                                     : "'{}' is not the name of a task: 1 to 32 of A-Z a-z 0-9 _ -",
                    name);
    }
    p->task = (uint32_t)row;
    return PK_OK;
}

static int open_map(struct parse *p, struct pk_str name) {
    const int row = pk_map_open(&p->c->maps, name);
    if (row < 0) {
        return fail(p,
                    row == PK_E_FULL ? "no room for mapping row '{}': this board has no more"
                                     : "'{}' is not a name: 1 to 32 of A-Z a-z 0-9 _ . -",
                    name);
    }
    p->map = (uint32_t)row;
    return PK_OK;
}

static int probe_fail(const struct parse *p, const struct pk_probe_error *error) {
    return fail(p, error->message, error->argument);
}

static int open_probe(struct parse *p, struct pk_str kind, struct pk_str name) {
    struct pk_probe_error error;
    const int row = pk_probes_open(&p->c->probes, kind, name, &error);
    if (row < 0) {
        return probe_fail(p, &error);
    }
    p->is_probe = true;
    p->probe = (uint32_t)row;
    return PK_OK;
}

static int open_section(struct parse *p, struct pk_str kind, struct pk_str name) {
    p->is_probe = false;
    if (pk_probes_is_section(kind)) {
        return open_probe(p, kind, name);
    }
    const char *words[S_COUNT];
    uint8_t section = S_COUNT;
    for (uint8_t i = 0; i < S_COUNT; i++) {
        words[i] = SECTIONS[i].word;
        if (pk_str_eq_c(kind, SECTIONS[i].word)) {
            section = i;
        }
    }
    if (section == S_COUNT) {
        const char *near = pk_text_suggest(kind, words, S_COUNT);
        return near != NULL ? fail(p, "unknown section; did you mean [{}]?", pk_str_of(near))
                            : fail(p, "unknown section [{}]", kind);
    }
    if (SECTIONS[section].has_name != (name.n > 0)) {
        return fail(
            p, SECTIONS[section].has_name ? "section [{}] needs a name" : "section [{}] takes no name", kind);
    }
    p->section = section;
    p->name = name;
    p->target = p->c;
    switch ((enum section_id)section) {
    case S_BROKER:
        return open_broker(p, name);
    case S_DISK:
        return open_watch(p, name, PK_COLLECT_DISK);
    case S_PROCESS:
        return open_watch(p, name, PK_COLLECT_PROCESS);
    case S_HEARTBEAT:
        return open_heartbeat(p, name);
    case S_MAP:
        return open_map(p, name);
    case S_MAINTENANCE:
        return open_task(p, name);
    case S_LOG: {
        const char *wrong = pk_inlet_open(&p->c->inlets, kind, name);
        return wrong == NULL ? PK_OK : fail(p, wrong, name);
    }
    case S_SYSLOG:
    case S_STATSD:
    case S_KMSG:
    case S_JOURNAL:
    case S_WITNESS:
    case S_EVENTS:
    case S_INCIDENTS:
    case S_RESPOND:
    case S_ESCALATION:
    case S_TEAM:
    case S_GATEWAY:
    case S_PATHS:
    case S_AGENT:
    case S_SOURCES:
    case S_REMOTE:
    case S_ROLES:
    case S_STORE:
    case S_REPORT:
    case S_THRESHOLDS:
    case S_COUNT:
        break;
    }
    return PK_OK;
}

/* ---- values ---- */

static int set_text(const struct parse *p, const struct key_row *k, struct pk_str v, char *to) {
    if (v.n < k->min || v.n > k->max || v.n >= k->size_bytes) {
        return fail(p, "'{}' is empty or too long", v);
    }
    if (k->kind == V_ID && !pk_text_is_id(v, "", (uint32_t)k->max)) {
        return fail(p, "'{}' is not an id: 1 to 32 of A-Z a-z 0-9 _ -", v);
    }
    if (k->kind == V_HOST && !pk_address_is_host(v, (uint32_t)k->max)) {
        return fail(p, "'{}' is not a host name or address", v);
    }
    if (k->kind == V_PATH && v.p[0] != '/') {
        return fail(p, "'{}' is not an absolute path", v);
    }
    memset(to, 0, k->size_bytes);
    memcpy(to, v.p, v.n);
    return PK_OK;
}

static void put_limit(struct pk_buf *b, const struct key_row *k, uint64_t n) {
    if (k->kind == V_DURATION || k->kind == V_INTERVAL) {
        pk_buf_put_duration(b, n);
    } else {
        pk_buf_put_u64(b, n);
    }
}

static int fail_range(const struct parse *p, const struct key_row *k, struct pk_str v) {
    char text[96];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "'{}' is outside ");
    put_limit(&b, k, k->min);
    pk_buf_puts(&b, "..");
    put_limit(&b, k, k->max);
    if (k->kind == V_INTERVAL) {
        pk_buf_puts(&b, "; 0 switches it off");
    }
    return fail(p, text, v);
}

static int set_number(const struct parse *p, const struct key_row *k, struct pk_str v, void *to) {
    uint64_t n = 0;
    int err = PK_OK;
    const bool is_duration = k->kind == V_DURATION || k->kind == V_INTERVAL;
    if (is_duration) {
        err = pk_parse_duration_ms(v, &n);
    } else if (k->kind == V_SIZE) {
        err = pk_parse_size_bytes(v, &n);
    } else {
        err = pk_parse_u64(v, &n);
    }
    if (err < 0) {
        return fail(p,
                    is_duration         ? "'{}' is not a duration such as 30s, 5m, 1h"
                    : k->kind == V_SIZE ? "'{}' is not a size such as 4M or 1G"
                                        : "'{}' is not a whole number",
                    v);
    }
    const bool is_off = k->kind == V_INTERVAL && n == 0;
    if ((n < k->min || n > k->max) && !is_off) {
        return fail_range(p, k, v);
    }
    const uint32_t n32 = (uint32_t)n;
    const uint16_t n16 = (uint16_t)n;
    if (k->size_bytes == sizeof n) {
        memcpy(to, &n, sizeof n);
    }
    if (k->size_bytes == sizeof n32) {
        memcpy(to, &n32, sizeof n32);
    }
    if (k->size_bytes == sizeof n16) {
        memcpy(to, &n16, sizeof n16);
    }
    return PK_OK;
}

/* "'x' is not one of a, b, c; did you mean 'b'?" */
static int fail_word(const struct parse *p, const char *const *words, struct pk_str v) {
    char text[160];
    struct pk_buf b;
    size_t count = 0;
    bool is_first = true;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "'{}' is not one of ");
    for (; words[count] != NULL; count++) {
        if (words[count][0] != '\0') {
            pk_buf_puts(&b, is_first ? "" : ", ");
            pk_buf_puts(&b, words[count]);
            is_first = false;
        }
    }
    const char *near = pk_text_suggest(v, words, count);
    if (near != NULL && near[0] != '\0') {
        pk_buf_puts(&b, "; did you mean '");
        pk_buf_puts(&b, near);
        pk_buf_puts(&b, "'?");
    }
    return fail(p, text, v);
}

static int set_word(const struct parse *p, const struct key_row *k, struct pk_str v, uint8_t *to) {
    const int index = word_index(k->words, v);
    if (index < 0) {
        return fail_word(p, k->words, v);
    }
    *to = (uint8_t)index;
    return PK_OK;
}

static int set_words(const struct parse *p, const struct key_row *k, struct pk_str v, uint8_t *to) {
    struct pk_str piece;
    uint8_t bits = 0;
    while (pk_str_split(&v, ',', &piece)) {
        piece = pk_str_trim(piece);
        const int index = word_index(k->words, piece);
        if (index < 0) {
            return fail_word(p, k->words, piece);
        }
        bits = (uint8_t)(bits | (1u << index));
    }
    *to = bits;
    return PK_OK;
}

/* A list may go on over lines: where the piece of it stands. */
static struct parse at_piece(const struct parse *p, struct pk_str value, struct pk_str piece) {
    struct parse at = *p;
    for (const char *c = value.p; c < piece.p; c++) {
        at.line += *c == '\n' ? 1u : 0u;
        at.column = *c == '\n' ? 1u : at.column + 1u;
    }
    return at;
}

static int set_allow(const struct parse *p, struct pk_str v) {
    const struct pk_str value = v;
    struct pk_str piece;
    pk_bitset_clear_all(p->c->remote_allow, PK_CMD_COUNT);
    while (pk_str_split(&v, ',', &piece)) {
        piece = pk_str_trim(piece);
        enum pk_cmd cmd = PK_CMD_PING;
        if (pk_cmd_find(piece, &cmd) < 0) {
            const char *near = pk_cmd_suggest(piece);
            const struct parse at = at_piece(p, value, piece);
            return near != NULL
                       ? fail(&at, "unknown command; did you mean '{}'?", pk_str_of(near))
                       : fail(&at, "'{}' is not a command: `picketctl help COMMAND` says its name", piece);
        }
        if ((pk_cmd_row(cmd)->flags & PK_CMD_LOCAL) != 0) {
            const struct parse at = at_piece(p, value, piece);
            return fail(&at, "'{}' is for this machine only: it is never taken from elsewhere", piece);
        }
        pk_bitset_set(p->c->remote_allow, PK_CMD_COUNT, (uint32_t)cmd);
    }
    return PK_OK;
}

/* "uid:1000, gid:27": numbers, since the agent reads no user database after it gave up its privileges. */
static int set_role(const struct parse *p, const struct key_row *k, struct pk_str v) {
    struct pk_str piece;
    while (pk_str_split(&v, ',', &piece)) {
        piece = pk_str_trim(piece);
        const bool is_group = pk_str_starts(piece, "gid:");
        uint64_t id = 0;
        if ((!is_group && !pk_str_starts(piece, "uid:")) ||
            pk_parse_u64(pk_str_make(piece.p + 4, piece.n - 4), &id) < 0 || id > UINT32_MAX) {
            return fail(p, "'{}' is not of the form uid:1000 or gid:1000", piece);
        }
        if (p->c->role_rule_count == PK_CONFIG_ROLE_RULES) {
            return fail(p, "no room for '{}'", piece);
        }
        p->c->roles[p->c->role_rule_count++] =
            (struct pk_config_role_rule){.is_group = is_group, .id = (uint32_t)id, .role = (uint8_t)k->min};
    }
    return PK_OK;
}

static int set_value(const struct parse *p, const struct key_row *k, struct pk_str v) {
    void *to = (uint8_t *)p->target + k->offset;
    switch ((enum value_kind)k->kind) {
    case V_ID:
    case V_PATH:
    case V_HOST:
    case V_TEXT:
        return set_text(p, k, v, to);
    case V_U16:
    case V_U64:
    case V_DURATION:
    case V_INTERVAL:
    case V_SIZE:
        return set_number(p, k, v, to);
    case V_BOOL:
        return pk_parse_bool(v, to) < 0 ? fail(p, "'{}' is not yes or no", v) : PK_OK;
    case V_WORD:
        return set_word(p, k, v, to);
    case V_WORDS:
        return set_words(p, k, v, to);
    case V_LIST:
        return set_allow(p, v);
    case V_ROLE:
        return set_role(p, k, v);
    case V_WATCH_PATH: {
        const struct key_row as_path = {
            .kind = V_PATH, .size_bytes = sizeof((struct pk_watch *)0)->path, .min = k->min, .max = k->max};
        return set_text(p, &as_path, v, ((struct pk_watch *)p->target)->path);
    }
    case V_HOURS:
        return pk_risk_hours_parse(v, to) < 0
                   ? fail(p, "'{}' is not hours of the day, UTC, such as 06:00-22:00, or no", v)
                   : PK_OK;
    case V_INLET: {
        const char *wrong =
            pk_inlet_set(&p->c->inlets, pk_str_of(SECTIONS[p->section].word), p->name, pk_str_of(k->key), v);
        return wrong == NULL ? PK_OK : fail(p, wrong, v);
    }
    }
    return PK_OK;
}

static void at_value(struct parse *p) {
    p->line = p->value_line > 0 ? p->value_line : p->line;
    p->column = p->value_column > 0 ? p->value_column : p->column;
}

/* The keys are the operator's own names. */
static int set_threshold(struct parse *p, struct pk_str key, struct pk_str value) {
    static const char *const PERCENTAGES[] = {"max_cpu", "max_memory", "max_disk", "max_gpu"};
    double number = 0.0;
    const int err = pk_thresholds_set(&p->c->thresholds, key, 0.0);
    if (err < 0) {
        return fail(p,
                    err == PK_E_FULL ? "no room for threshold '{}'"
                                     : "'{}' is not a name: 1 to 31 of A-Z a-z 0-9 _ -",
                    key);
    }
    at_value(p);
    if (pk_parse_double(value, &number) < 0) {
        return fail(p, "'{}' is not a number", value);
    }
    for (size_t i = 0; i < PK_COUNT_OF(PERCENTAGES); i++) {
        if (pk_str_eq_c(key, PERCENTAGES[i]) && !(number >= 0 && number <= 100)) {
            return fail(p, "'{}' is outside 0..100 percent", value);
        }
    }
    return pk_thresholds_set(&p->c->thresholds, key, number);
}

static int fail_key(const struct parse *p, struct pk_str key, const char *const *words, size_t count) {
    const char *near = pk_text_suggest(key, words, count);
    return near != NULL ? fail(p, "unknown key; did you mean '{}'?", pk_str_of(near))
                        : fail(p, "unknown key '{}'", key);
}

static int set_map(struct parse *p, struct pk_str key, struct pk_str value) {
    const char *words[32];
    const char *why = NULL;
    size_t count = 0;
    const int err = pk_map_set(&p->c->maps, p->map, key, value, &why);
    if (err == PK_E_NOT_FOUND) {
        while (count < PK_COUNT_OF(words) && pk_map_key_word((uint32_t)count) != NULL) {
            words[count] = pk_map_key_word((uint32_t)count);
            count++;
        }
        return fail_key(p, key, words, count);
    }
    at_value(p);
    return err < 0 ? fail(p, why, value) : PK_OK;
}

static int set_task(struct parse *p, struct pk_str key, struct pk_str value) {
    const char *words[16];
    size_t count = 0;
    const char *wrong = pk_task_set(&p->c->tasks.rows[p->task], key, value);
    if (wrong == PK_TASK_UNKNOWN_KEY) {
        while (count < PK_COUNT_OF(words) && pk_task_key_word((uint32_t)count) != NULL) {
            words[count] = pk_task_key_word((uint32_t)count);
            count++;
        }
        return fail_key(p, key, words, count);
    }
    at_value(p);
    return wrong == NULL ? PK_OK : fail(p, wrong, value);
}

static int set_probe_pair(struct parse *p, struct pk_str key, struct pk_str value) {
    struct pk_probe_error error;
    if (pk_probes_set(&p->c->probes, p->probe, key, value, &error) == PK_OK) {
        return PK_OK;
    }
    p->line = p->value_line > 0 ? p->value_line : p->line;
    p->column = p->value_column > 0 ? p->value_column : p->column;
    return probe_fail(p, &error);
}

static int set_pair(struct parse *p, struct pk_str key, struct pk_str value) {
    if (p->is_probe) {
        return set_probe_pair(p, key, value);
    }
    if (p->section == S_MAP) {
        return set_map(p, key, value);
    }
    if (p->section == S_MAINTENANCE) {
        return set_task(p, key, value);
    }
    const char *words[PK_COUNT_OF(KEYS)];
    size_t word_count = 0;
    if (p->section == S_THRESHOLDS) {
        return set_threshold(p, key, value);
    }
    for (size_t i = 0; i < PK_COUNT_OF(KEYS); i++) {
        if (KEYS[i].section != p->section) {
            continue;
        }
        if (pk_str_eq_c(key, KEYS[i].key)) {
            at_value(p);
            return set_value(p, &KEYS[i], value);
        }
        words[word_count++] = KEYS[i].key;
    }
    return fail_key(p, key, words, word_count);
}

int pk_config_parse(struct pk_config *c, struct pk_str text, const char *file, struct pk_diag *diag) {
    struct pk_ini_reader r;
    struct pk_ini_item item;
    struct parse p = {.c = c, .diag = diag, .file = file, .section = S_COUNT, .line = 1, .column = 1};
    c->hash = pk_crc32c(c->hash, text.p, text.n);
    pk_ini_init(&r, text.p, text.n);
    for (;;) {
        if (pk_ini_next(&r, &item) < 0) {
            pk_diag_set(diag, file, r.error_line, r.error_column, r.error);
            return PK_E_CONFIG;
        }
        if (item.kind == PK_INI_END) {
            return PK_OK;
        }
        p.line = item.line;
        p.column = item.column;
        p.value_line = item.value_line;
        p.value_column = item.value_column;
        int err = PK_OK;
        if (item.kind == PK_INI_SECTION) {
            err = open_section(&p, item.section_kind, item.section_name);
        } else if (p.section == S_COUNT && !p.is_probe) {
            err = fail(&p, "'{}' stands before the first [section]", item.key);
        } else {
            err = set_pair(&p, item.key, item.value);
        }
        if (err < 0) {
            return err;
        }
    }
}

/* ---- environment ---- */

static char lower_of(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Takes "WORD_" off the front of *name when it is there. */
static bool take_word(struct pk_str *name, const char *word) {
    const size_t n = strlen(word);
    if (name->n < n + 1 || name->p[n] != '_') {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (lower_of(name->p[i]) != word[i]) {
            return false;
        }
    }
    *name = pk_str_make(name->p + n + 1, name->n - n - 1);
    return true;
}

/* Variables of the tools around us, which are not configuration. */
static bool is_tool_variable(struct pk_str name) {
    static const char *const TOOL[] = {"DEPS", "CACHE", "SHARED", "SOCKET"};
    for (size_t i = 0; i < PK_COUNT_OF(TOOL); i++) {
        if (pk_str_eq_c(name, TOOL[i])) {
            return true;
        }
    }
    return false;
}

static int set_variable(struct parse *p, struct pk_str name, struct pk_str value) {
    struct pk_str rest = name;
    for (uint8_t s = 0; s < S_COUNT; s++) {
        if ((SECTIONS[s].has_name && s != S_BROKER) || !take_word(&rest, SECTIONS[s].word)) {
            continue;
        }
        struct pk_str section_name = {NULL, 0};
        for (uint32_t link = 0; s == S_BROKER && section_name.n == 0 && link < PK_LINKS; link++) {
            const char *word = pk_config_broker_word(link);
            section_name = pk_str_of(take_word(&rest, word) ? word : "");
        }
        int err = open_section(p, pk_str_of(SECTIONS[s].word), section_name);
        if (err < 0) {
            return err;
        }
        char key[32];
        const uint32_t n = pk_str_copy_cut(rest, key, sizeof key);
        for (uint32_t i = 0; i < n; i++) {
            key[i] = lower_of(key[i]);
        }
        return set_pair(p, pk_str_make(key, n), value);
    }
    return fail(p, "unknown variable PICKET_{}", name);
}

int pk_config_environment(struct pk_config *c, const char *const *environment, struct pk_diag *diag) {
    char variable[sizeof diag->file];
    struct parse p = {.c = c, .diag = diag, .file = variable, .section = S_COUNT, .line = 1, .column = 1};
    for (uint32_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        struct pk_str value = pk_str_of(environment[i]);
        struct pk_str name;
        if (!pk_str_starts(value, "PICKET_") || !pk_str_split(&value, '=', &name)) {
            continue;
        }
        (void)pk_str_copy_cut(name, variable, sizeof variable);
        name = pk_str_make(name.p + 7, name.n - 7);
        if (is_tool_variable(name)) {
            continue;
        }
        const int err = set_variable(&p, name, value);
        if (err < 0) {
            return err;
        }
    }
    return PK_OK;
}

/* ---- the whole ---- */

struct conf_d {
    struct pk_config *c;
    const struct pk_port_files *files;
    const char *dir;
    void *scratch;
    uint32_t scratch_bytes;
    struct pk_diag *diag;
    int err;
};

static int load_one(struct pk_config *c, const struct pk_port_files *files, const char *path, void *scratch,
                    uint32_t scratch_bytes, struct pk_diag *diag) {
    const int n = files->read(files->ctx, path, scratch, scratch_bytes);
    if (n < 0) {
        pk_diag_set1(diag, path, 1, 1, "cannot be read: {}", pk_str_of(pk_err_text(n)));
        return PK_E_CONFIG;
    }
    return pk_config_parse(c, pk_str_make(scratch, (size_t)n), path, diag);
}

static void load_conf_d(void *arg, const char *name) {
    struct conf_d *d = arg;
    char path[PK_CONFIG_PATH_BYTES * 2];
    if (d->err < 0) {
        return;
    }
    (void)pk_path_join(path, sizeof path, d->dir, name);
    d->err = load_one(d->c, d->files, path, d->scratch, d->scratch_bytes, d->diag);
}

/* A broker that names no roles has all that no other broker claims. */
static void default_broker_roles(struct pk_config *c) {
    const uint8_t all = PK_BROKER_EVENTS | PK_BROKER_INCIDENTS | PK_BROKER_COMMANDS | PK_BROKER_SUMMARY;
    if (c->broker[1].is_set && c->broker[1].roles == 0) {
        c->broker[1].roles = (uint8_t)(all & ~(c->broker[0].is_set ? c->broker[0].roles : 0u));
    }
    if (c->broker[0].is_set && c->broker[0].roles == 0) {
        c->broker[0].roles =
            c->broker[1].is_set ? (uint8_t)((all & ~c->broker[1].roles) | PK_BROKER_EVENTS) : all;
    }
}

int pk_config_load(struct pk_config *c, const struct pk_port_files *files, const char *path,
                   const char *const *environment, void *scratch, uint32_t scratch_bytes,
                   struct pk_diag *diag) {
    char dir[PK_CONFIG_PATH_BYTES];
    pk_config_defaults(c);
    int err = load_one(c, files, path, scratch, scratch_bytes, diag);
    if (err < 0) {
        return err;
    }
    pk_config_dir(path, dir, sizeof dir);
    struct conf_d d = {.c = c,
                       .files = files,
                       .dir = dir,
                       .scratch = scratch,
                       .scratch_bytes = scratch_bytes,
                       .diag = diag,
                       .err = PK_OK};
    err = files->list(files->ctx, dir, ".conf", load_conf_d, &d);
    if (d.err < 0) {
        return d.err;
    }
    if (err < 0 && err != PK_E_NOT_FOUND) {
        pk_diag_set1(diag, dir, 1, 1, "cannot be listed: {}", pk_str_of(pk_err_text(err)));
        return PK_E_CONFIG;
    }
    err = pk_config_environment(c, environment, diag);
    if (err < 0) {
        return err;
    }
    default_broker_roles(c);
    if (c->maps_thin_edge && pk_map_shipped_thin_edge(&c->maps) < 0) {
        const struct parse p = {.diag = diag, .file = path, .line = 1, .column = 1};
        return fail(&p, "[sources] thin_edge: no room for its mapping rows", pk_str_make(NULL, 0));
    }
    struct pk_config_place place;
    err = pk_config_check(c, path, &place, diag);
    if (err < 0) {
        pk_config_find(files, path, &place, scratch, scratch_bytes, diag);
    }
    return err;
}
