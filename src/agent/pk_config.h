#ifndef PK_CONFIG_H
#define PK_CONFIG_H
/* picketd.conf and conf.d (all files in byte order after it), then PICKET_<SECTION>_<KEY> from the
 * environment: one table of keys, whole or not at all. Unknown sections, keys and variables are errors with
 * the place. Every key, its default and its range: config/picketd.conf. */
#include "base/pk_bitset.h"
#include "base/pk_ini.h"
#include "base/pk_inlet.h"
#include "base/pk_mode.h"
#include "base/pk_severity.h"
#include "detect/pk_threshold.h"
#include "event/pk_map.h"
#include "event/pk_probe.h"
#include "incident/pk_capsule.h"
#include "pk_limits.h"
#include "port/port.h"
#include "report/pk_cmd_table.h"
#include "respond/pk_risk.h"
#include "respond/pk_task.h"

enum pk_remote { PK_REMOTE_OFF, PK_REMOTE_READ_ONLY, PK_REMOTE_LIST };
enum pk_seal_policy { PK_SEAL_REQUIRED, PK_SEAL_BEST_EFFORT };
enum pk_clock_policy { PK_CLOCK_KERNEL, PK_CLOCK_TRUSTED, PK_CLOCK_HUB };
enum pk_broker_role {
    PK_BROKER_EVENTS = 1,
    PK_BROKER_INCIDENTS = 2,
    PK_BROKER_COMMANDS = 4,
    PK_BROKER_SUMMARY = 8,
    PK_BROKER_HOME_ASSISTANT = 16, /* these two are never given unasked */
    PK_BROKER_THIN_EDGE = 32
};
enum pk_metered { PK_METERED_AUTO, PK_METERED_NO, PK_METERED_YES };
enum pk_broker_mqtt { PK_BROKER_MQTT_AUTO, PK_BROKER_MQTT_5, PK_BROKER_MQTT_311 };
enum {
    PK_CONFIG_PATH_BYTES = 160,
    PK_CONFIG_NAME_BYTES = 33,
    PK_CONFIG_PEERS_BYTES = 256,
    PK_CONFIG_ROLE_RULES = 16,
    PK_CONFIG_TEAM_BYTES = 64,
    PK_CONFIG_SUMMARY_MS = 60000,
    PK_CONFIG_KEEP_ALIVE_MS = 60000,
    PK_CONFIG_METERED_SUMMARY_MS = 900000,
    PK_CONFIG_UPLOAD_NO = PK_SEV_COUNT,
    /* More than a summary apart: while those go out, nothing else has to say that we are there. */
    PK_CONFIG_METERED_KEEP_ALIVE_MS = 1200000
};

struct pk_config_broker {
    bool is_set;
    char host[PK_HOST_BYTES];
    uint16_t port;
    bool use_tls, is_tls12_allowed;
    char ca[PK_CONFIG_PATH_BYTES], certificate[PK_CONFIG_PATH_BYTES], key[PK_CONFIG_PATH_BYTES];
    char username[64], password_file[PK_CONFIG_PATH_BYTES];
    char alpn[PK_ALPN_BYTES], psk_identity[PK_PSK_IDENTITY_BYTES], psk_file[PK_CONFIG_PATH_BYTES];
    uint32_t keep_alive_ms, session_expiry_ms, will_delay_ms, reconnect_first_ms, reconnect_max_ms;
    uint8_t roles;     /* enum pk_broker_role bits */
    uint8_t metered;   /* enum pk_metered: its bytes count into the month; not AUTO once it was checked */
    uint8_t mqtt;      /* enum pk_broker_mqtt */
    bool is_hub_acked; /* the hub's signed word empties the outbox, not the broker's */
};

/* Who may do what on the control socket: the highest role that one of them gives. */
struct pk_config_role_rule {
    bool is_group;
    uint32_t id;  /* uid or gid */
    uint8_t role; /* enum pk_role */
};

struct pk_config_heartbeat {
    uint32_t interval_ms;
    uint32_t hash; /* of source: a long list is looked through quickly */
    char source[65];
};

struct pk_config {
    char site[PK_CONFIG_NAME_BYTES], gateway[PK_CONFIG_NAME_BYTES];
    char state_dir[PK_CONFIG_PATH_BYTES], run_dir[PK_CONFIG_PATH_BYTES], rules_dir[PK_CONFIG_PATH_BYTES],
        patterns_dir[PK_CONFIG_PATH_BYTES], keys_dir[PK_CONFIG_PATH_BYTES],
        actions_path[PK_CONFIG_PATH_BYTES], topology_path[PK_CONFIG_PATH_BYTES];
    char user[PK_CONFIG_NAME_BYTES], group[PK_CONFIG_NAME_BYTES];
    char watchdog_device[PK_CONFIG_PATH_BYTES]; /* empty: none */
    uint8_t mode;                               /* enum pk_mode */
    bool is_safe_mode, is_auto_rollback, is_auto_remediation, is_notifying;
    uint8_t seal;      /* enum pk_seal_policy */
    uint8_t log_level; /* enum pk_log_level */
    uint8_t clock; /* enum pk_clock_policy: whether the wall clock counts as `ntp`: when the kernel says so,
                      always, never */
    struct pk_config_broker broker[PK_LINKS]; /* [0] site, [1] central */
    uint32_t collect_ms[PK_COLLECT_COUNT];    /* 0 = off */
    uint32_t hung_ms;                         /* a task that waits for a device longer than that is hung */
    struct pk_watch watches[PK_LIMIT_WATCHES];
    uint32_t watch_count;
    struct pk_config_heartbeat heartbeats[PK_LIMIT_HEARTBEATS];
    uint32_t heartbeat_count;
    bool maps_thin_edge; /* the shipped rows of thin-edge.io */
    struct pk_map_table maps;
    uint32_t history_max; /* events; 0 = as many as the board keeps */
    uint32_t history_retention_ms;
    struct pk_probes probes;
    struct pk_inlets inlets;                   /* the supervisor has the same table */
    char witness_peers[PK_CONFIG_PEERS_BYTES]; /* numeric addresses, between commas */
    char witness_key_file[PK_CONFIG_PATH_BYTES];
    uint32_t witness_ms;
    struct pk_task_rows tasks;
    bool is_maintenance_on;
    uint8_t remote;                                       /* enum pk_remote */
    uint64_t remote_allow[PK_BITSET_WORDS(PK_CMD_COUNT)]; /* by enum pk_cmd: every command can be named */
    struct pk_config_role_rule roles[PK_CONFIG_ROLE_RULES];
    uint32_t role_rule_count;
    uint64_t store_map_bytes, store_keep_free_bytes;
    uint64_t flash_day_bytes, data_month_bytes; /* 0 = no limit */
    bool is_store_in_memory; /* the operator knows, and nothing else is allowed: the supervisor sees to it */
    uint64_t journal_keep_count;
    uint32_t learned_ms; /* how often what rules learned is saved */
    bool is_metered;     /* each byte costs: the defaults of summary and keep_alive are longer */
    char textfile[PK_CONFIG_PATH_BYTES]; /* of our figures, for node_exporter; empty: none */
    uint32_t textfile_ms;
    uint32_t summary_ms, approval_timeout_ms;
    struct pk_risk_limits risk;
    uint32_t assess_ms, recover_ms; /* struct pk_incidents_settings */
    uint32_t flap_window_ms, flap_count;
    uint32_t escalate_ms, escalate_again_ms; /* the same */
    uint8_t escalate_tiers, escalate_severity;
    char response_team[PK_SEV_COUNT][PK_CONFIG_TEAM_BYTES]; /* by severity; "": nobody is named */
    uint64_t keep_ended_ms; /* incidents that ended so long ago are let go; 0 = only for want of room */
    uint32_t keep_ended_count;
    bool has_capsules;
    uint64_t capsule_bytes, capsule_store_bytes; /* of one, of all of them */
    uint64_t capsule_rate;                       /* bytes a second, on their way to the hub */
    uint8_t capsule_upload; /* enum pk_severity from which on it goes there by itself, or UPLOAD_NO */
    uint32_t capsule_after_ms;
    uint32_t source_rate_per_s, source_burst_count;
    struct pk_thresholds thresholds;
    uint32_t hash; /* CRC-32C of the text it was read from */
};

/* Defaults only. */
void pk_config_defaults(struct pk_config *c);
/* One text. `file` names it in errors. PK_OK or PK_E_CONFIG with *diag. Values are added to what *c holds. */
PK_MUST_USE int pk_config_parse(struct pk_config *c, struct pk_str text, const char *file,
                                struct pk_diag *diag);
/* NULL-terminated "NAME=value" list; names not starting with PICKET_ are not ours. PK_OK or PK_E_CONFIG. */
PK_MUST_USE int pk_config_environment(struct pk_config *c, const char *const *environment,
                                      struct pk_diag *diag);
/* What an error of the whole is about: texts of the configuration, or constant; empty name, key: none. */
struct pk_config_place {
    struct pk_str section, name, key;
};
/* Cross-checks after everything was read: required keys, ranges that depend on each other. PK_E_CONFIG: *diag
 * says why, at the beginning of the file; *out_place says where that really is. pk_config_check.c */
PK_MUST_USE int pk_config_check(struct pk_config *c, const char *file, struct pk_config_place *out_place,
                                struct pk_diag *diag);
/* Puts line and column of the place into *diag, and the name of the file when it is in conf.d. It stays as it
 * is when the place is in no file: it came from the environment. Reads the files again, one at a time. */
void pk_config_find(const struct pk_port_files *files, const char *path, const struct pk_config_place *place,
                    void *scratch, uint32_t scratch_bytes, struct pk_diag *diag);
/* The same in the files of a folder whose names end so. */
void pk_config_find_in(const struct pk_port_files *files, const char *dir, const char *suffix,
                       const struct pk_config_place *place, void *scratch, uint32_t scratch_bytes,
                       struct pk_diag *diag);
/* "conf.d" beside a file. */
void pk_config_dir(const char *path, char *out, uint32_t cap_bytes);
/* All of it, from files: path, then the conf.d beside it, then the environment, then the check. scratch holds
 * one file at a time. On an error *c is undefined: load into a spare and swap. */
PK_MUST_USE int pk_config_load(struct pk_config *c, const struct pk_port_files *files, const char *path,
                               const char *const *environment, void *scratch, uint32_t scratch_bytes,
                               struct pk_diag *diag);
const char *pk_mode_word(uint8_t mode);
const char *pk_remote_word(uint8_t remote);
/* Name of pk_config.broker[link]: "site", "central". */
const char *pk_config_broker_word(uint32_t link);
PK_MUST_USE int pk_mode_parse(struct pk_str s, uint8_t *out);
#endif
