#include "agent/pk_config.h"

#include <string.h>

#include "support/pk_test.h"
#include "wire/pk_role.h"

#include <stdio.h>

#define HEAD "[gateway]\nsite = s1\ngateway = g1\n"

static struct pk_config config;
static struct pk_diag diag;
static struct pk_config_place place;

static int parse(const char *text) {
    pk_config_defaults(&config);
    return pk_config_parse(&config, pk_str_of(text), "t.conf", &diag);
}

/* The whole diagnostic of a text that must be refused. */
static const char *refusal(const char *text) {
    static char out[400];
    struct pk_buf b;
    memset(&diag, 0, sizeof diag);
    CHECK_EQ_INT(parse(text), PK_E_CONFIG);
    pk_buf_init(&b, out, sizeof out);
    pk_diag_format(&diag, &b);
    return out;
}

PK_TEST(config__defaults__are_those_of_the_shipped_file) {
    CHECK_EQ_INT(parse(HEAD), PK_OK);
    CHECK_EQ_INT(config.mode, PK_MODE_SAFE);
    CHECK(config.is_safe_mode);
    CHECK_EQ_U64(config.escalate_ms, 30 * 60000);
    CHECK_EQ_U64(config.escalate_again_ms, 30 * 60000);
    CHECK(config.escalate_tiers == 3 && config.escalate_severity == PK_SEV_MEDIUM);
    CHECK_STR(config.response_team[PK_SEV_HIGH], "");
    CHECK(config.is_auto_remediation && config.is_notifying && config.is_auto_rollback);
    CHECK_EQ_INT(config.seal, PK_SEAL_REQUIRED);
    CHECK_EQ_INT(config.clock, PK_CLOCK_KERNEL);
    CHECK_EQ_INT(config.remote, PK_REMOTE_OFF);
    CHECK_EQ_INT(config.collect_ms[PK_COLLECT_PROCESS], 1000);
    CHECK_EQ_INT(config.collect_ms[PK_COLLECT_DISK], 30000);
    CHECK_EQ_U64(config.store_map_bytes, 16u << 20);
    CHECK_STR(config.state_dir, "/var/lib/picket");
    CHECK_EQ_INT(config.broker[1].port, 8883);
    CHECK(config.broker[1].use_tls && !config.broker[1].is_set);
}

PK_TEST(config__probes__are_rows_with_errors_at_their_place) {
    struct pk_probe_error error;
    CHECK_EQ_INT(parse(HEAD
                       "[probe plc]\nkind = tcp\nhost = 192.0.2.1\nport = 502\n[disk data]\npath = /data\n"
                       "[sources]\nusage = 7s\nhung_after = 90s\n"),
                 PK_OK);
    CHECK_EQ_INT(pk_probes_finish(&config.probes, &error), PK_OK);
    CHECK_EQ_INT(config.probes.count, 1);
    CHECK_EQ_INT(config.watch_count, 1);
    CHECK_EQ_INT(config.collect_ms[PK_COLLECT_USAGE], 7000);
    CHECK_EQ_INT(config.hung_ms, 90000);
    CHECK_EQ_INT(parse(HEAD "[probe plc]\nkind = tcp\nport = 70000\n"), PK_E_CONFIG);
    CHECK_STR(diag.message, "'70000' is not a port");
    CHECK_EQ_INT(diag.column, 8);
    CHECK_EQ_INT(parse(HEAD "[probe]\nkind = tcp\n"), PK_E_CONFIG);
    CHECK_EQ_INT(parse(HEAD "[probe x]\npath = /data\njournal_keep = 5\n"), PK_E_CONFIG);
    CHECK_STR(diag.message, "unknown key 'journal_keep'");
}

/* tests/bench/bench_reconnect.c has the figure that these stand for. */
PK_TEST(config__central_broker__is_come_back_to_by_few_at_a_time) {
    CHECK_EQ_INT(parse(HEAD), PK_OK);
    CHECK_EQ_INT(config.broker[0].reconnect_first_ms, 1000);
    CHECK_EQ_INT(config.broker[1].reconnect_first_ms, 45000);
    CHECK_EQ_INT(config.broker[0].reconnect_max_ms, 120000);
    CHECK_EQ_INT(config.broker[1].reconnect_max_ms, 120000);
    CHECK_EQ_INT(config.broker[0].mqtt, PK_BROKER_MQTT_AUTO);
}

PK_TEST(config__every_kind_of_value__is_taken) {
    CHECK_EQ_INT(
        parse(HEAD "[agent]\nmode = auto\nsafe_mode = no\nlog = debug\nclock = trusted\nseal = best-effort\n"
                   "[broker central]\nhost = b.example\nport = 1884\ntls = no\nmqtt = 3.1.1\nkeep_alive = "
                   "30s\nroles = "
                   "incidents, commands\n"
                   "[sources]\ncpu = 0\nmemory = 250ms\nrate = 7\n"
                   "[disk data]\npath = /data\n[process web]\npidfile = /run/web.pid\n[process by-name]\n"
                   "[heartbeat press-7]\ninterval = 45s\n[map m]\ntopic = a\ntype = t\nsource = s\n"
                   "[events]\nmax_events = 200\nretention = 30m\n"
                   "[remote]\ncommands = list\nallow = ping, incidents.ack\n"
                   "[roles]\nviewer = gid:27, uid:1001\napprover = uid:1000\n"
                   "[store]\nmap = 8M\njournal_keep = 500\nlearned = 90m\n[report]\nsummary = 5m\n"),
        PK_OK);
    CHECK_EQ_INT(config.mode, PK_MODE_AUTO);
    CHECK(!config.is_safe_mode);
    CHECK_EQ_INT(config.log_level, PK_LOG_DEBUG);
    CHECK_EQ_INT(config.clock, PK_CLOCK_TRUSTED);
    CHECK_STR(config.broker[1].host, "b.example");
    CHECK_EQ_INT(config.broker[1].port, 1884);
    CHECK_EQ_INT(config.broker[1].keep_alive_ms, 30000);
    CHECK_EQ_INT(config.broker[1].mqtt, PK_BROKER_MQTT_311);
    CHECK_EQ_INT(config.broker[1].roles, PK_BROKER_INCIDENTS | PK_BROKER_COMMANDS);
    CHECK_EQ_INT(config.collect_ms[PK_COLLECT_CPU], 0);
    CHECK_EQ_INT(config.collect_ms[PK_COLLECT_MEMORY], 250);
    CHECK_EQ_INT(config.source_rate_per_s, 7);
    CHECK_EQ_INT(config.watch_count, 3);
    CHECK_EQ_INT(config.watches[0].collector, PK_COLLECT_DISK);
    CHECK_STR(config.watches[0].path, "/data");
    CHECK_STR(config.watches[1].path, "/run/web.pid");
    CHECK_STR(config.watches[2].name, "by-name");
    CHECK_STR(config.watches[2].path, "");
    CHECK_EQ_INT(config.heartbeat_count, 1);
    CHECK_EQ_INT(config.heartbeats[0].interval_ms, 45000);
    CHECK_EQ_INT(config.maps.count, 1);
    CHECK_EQ_INT(config.history_max, 200);
    CHECK_EQ_INT(config.history_retention_ms, 1800000);
    CHECK_EQ_INT(config.remote, PK_REMOTE_LIST);
    CHECK_EQ_INT(pk_bitset_count(config.remote_allow, PK_CMD_COUNT), 2);
    CHECK(pk_bitset_has(config.remote_allow, PK_CMD_COUNT, PK_CMD_PING));
    CHECK(pk_bitset_has(config.remote_allow, PK_CMD_COUNT, PK_CMD_INCIDENTS_ACK));
    CHECK_EQ_INT(config.role_rule_count, 3);
    CHECK(config.roles[0].is_group && config.roles[0].id == 27 && config.roles[0].role == PK_ROLE_VIEWER);
    CHECK(!config.roles[2].is_group && config.roles[2].id == 1000 &&
          config.roles[2].role == PK_ROLE_APPROVER);
    CHECK_EQ_U64(config.store_map_bytes, 8u << 20);
    CHECK_EQ_INT(config.summary_ms, 300000);
    CHECK_EQ_INT(config.learned_ms, 5400000);
    CHECK_EQ_INT(parse(HEAD "[store]\nlearned = 9s\n"), PK_E_CONFIG);
}

PK_TEST(config__bad_lines__name_place_and_cure) {
    CHECK_STR(refusal("[agnet]\n"), "t.conf:1:1: unknown section; did you mean [agent]?");
    CHECK_STR(refusal("[agent]\nmoed = safe\n"), "t.conf:2:1: unknown key; did you mean 'mode'?");
    CHECK_STR(refusal("mode = safe\n"), "t.conf:1:1: 'mode' stands before the first [section]");
    CHECK_STR(refusal("[agent]\nmode = fast\n"), "t.conf:2:8: 'fast' is not one of off, observe, safe, auto");
    CHECK_STR(refusal("[gateway]\nsite = a b\n"),
              "t.conf:2:8: 'a b' is not an id: 1 to 32 of A-Z a-z 0-9 _ -");
    CHECK_STR(refusal("[paths]\nstate = var\n"), "t.conf:2:9: 'var' is not an absolute path");
    CHECK_STR(refusal("[broker north]\n"), "t.conf:1:1: a broker is called site or central, not 'north'");
    CHECK_STR(refusal("[broker]\n"), "t.conf:1:1: section [broker] needs a name");
    CHECK_STR(refusal("[agent x]\n"), "t.conf:1:1: section [agent] takes no name");
    CHECK_STR(refusal("[broker central]\nport = 70000\n"), "t.conf:2:8: '70000' is outside 1..65535");
    CHECK_STR(refusal("[sources]\ncpu = soon\n"), "t.conf:2:7: 'soon' is not a duration such as 30s, 5m, 1h");
    CHECK_STR(refusal("[roles]\nviewer = bob\n"),
              "t.conf:2:10: 'bob' is not of the form uid:1000 or gid:1000");
    CHECK_STR(refusal("[escalation]\ntiers = 10\n"),
              "t.conf:2:9: '10' is not one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9");
    CHECK(strstr(refusal("[escalation]\nresponse = 8d\n"), "is outside") != NULL);
    CHECK(strstr(refusal("[escalation]\nseverity = urgent\n"),
                 "is not one of info, low, medium, high, critical") != NULL);
    CHECK_STR(refusal("[response_team]\nhigh =\n"), "t.conf:2:7: '' is empty or too long");
    CHECK_STR(refusal("[response_team]\nhigh = \xff\xfe\n"), "t.conf:2:8: not valid UTF-8");
    CHECK(strstr(refusal("[response_team]\nurgent = me\n"), "unknown key") != NULL);
    CHECK_STR(refusal("[agent]\nsafe_mode = perhaps\n"), "t.conf:2:13: 'perhaps' is not yes or no");
    CHECK_STR(refusal("[map a:b]\n"), "t.conf:1:1: 'a:b' is not a name: 1 to 32 of A-Z a-z 0-9 _ . -");
    CHECK_STR(refusal("[map a]\ntpye = x\n"), "t.conf:2:1: unknown key; did you mean 'type'?");
    CHECK_STR(refusal("[map a]\ntopic = a/#/b\n"), "t.conf:2:9: 'a/#/b' is not a topic filter");
    CHECK_STR(refusal("[map a]\nseverities = x -> nice\n"),
              "t.conf:2:14: 'x -> nice' leads to a word that is no severity");
    CHECK(strstr(refusal("[events]\nmax_events = 0\n"), "t.conf:2:14: '0' is outside 1..") != NULL);
    CHECK_STR(refusal("[events]\nretention = 1s\n"), "t.conf:2:13: '1s' is outside 1m..7d");
    CHECK_STR(refusal("[agent]\nmode = atuo\n"),
              "t.conf:2:8: 'atuo' is not one of off, observe, safe, auto; did you mean 'auto'?");
    CHECK_STR(refusal("[broker central]\nroles = events, comands\n"),
              "t.conf:2:9: 'comands' is not one of events, incidents, commands, summary, home_assistant, "
              "thin_edge; did you mean 'commands'?");
    CHECK_STR(refusal("[witness]\nudp = x\n"),
              "t.conf:2:7: 'x' is not PORT, ADDRESS:PORT or [ADDRESS]:PORT with a "
              "numeric IPv4 or IPv6 address");
    CHECK_STR(refusal("[witness]\ninterval = 1ms\n"), "t.conf:2:12: '1ms' is outside 1s..1h");
    CHECK_STR(refusal("[sources]\ncpu = 1ms\n"), "t.conf:2:7: '1ms' is outside 100ms..1d; 0 switches it off");
    CHECK_STR(refusal("[sources]\nhung_after = 0\n"), "t.conf:2:14: '0' is outside 1s..1d");
    CHECK_STR(refusal("[store]\nmap = big\n"), "t.conf:2:7: 'big' is not a size such as 4M or 1G");
    CHECK_STR(refusal("[broker central]\nhost = a b\n"), "t.conf:2:8: 'a b' is not a host name or address");
    CHECK_STR(refusal("[broker central]\nhost = 1.2.3\n"),
              "t.conf:2:8: '1.2.3' is not a host name or address");
    CHECK_STR(refusal("[remote]\nallow = incidents.ack, incident.ack\n"),
              "t.conf:2:24: unknown command; did you mean 'incidents.ack'?");
    CHECK_STR(refusal("[remote]\nallow = ping,\n  status, incident.ack\n"),
              "t.conf:3:11: unknown command; did you mean 'incidents.ack'?");
    CHECK(strstr(refusal("[remote]\nallow = frobnicate\n"), "t.conf:2:9: 'frobnicate' is not a command") !=
          NULL);
    CHECK_STR(refusal("[remote]\nallow = watch\n"),
              "t.conf:2:9: 'watch' is for this machine only: it is never taken from elsewhere");
    CHECK_STR(refusal("[thresholds]\nmax_cpu = 850\n"), "t.conf:2:11: '850' is outside 0..100 percent");
    CHECK_STR(refusal("[disk /]\n"),
              "t.conf:1:1: '/' is not a source name: 1 to 63 of A-Z a-z 0-9 _ . : @ -");
}

/* One file says it for all: also the list with each command a gateway takes from elsewhere fits. */
PK_TEST(config__remote_allow__every_command_can_be_named) {
    static char text[4096];
    struct pk_buf b;
    uint32_t named = 0;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, HEAD "[remote]\ncommands = list\nallow = ");
    for (uint32_t i = 0; i < PK_CMD_COUNT; i++) {
        const struct pk_cmd_row *row = pk_cmd_row((enum pk_cmd)i);
        if ((row->flags & PK_CMD_LOCAL) == 0) {
            pk_buf_puts(&b, named++ > 0 ? ",\n    " : "");
            pk_buf_puts(&b, row->name);
        }
    }
    pk_buf_puts(&b, "\n");
    CHECK_EQ_INT(parse(text), PK_OK);
    CHECK_EQ_INT(pk_bitset_count(config.remote_allow, PK_CMD_COUNT), named);
    CHECK(named > 50);
    for (uint32_t i = 0; i < PK_CMD_COUNT; i++) {
        const bool is_local = (pk_cmd_row((enum pk_cmd)i)->flags & PK_CMD_LOCAL) != 0;
        CHECK(pk_bitset_has(config.remote_allow, PK_CMD_COUNT, i) == !is_local);
    }
    /* The last list counts, and it alone. */
    CHECK_EQ_INT(parse(HEAD "[remote]\nallow = ping\n[remote]\nallow = status\n"), PK_OK);
    CHECK_EQ_INT(pk_bitset_count(config.remote_allow, PK_CMD_COUNT), 1);
    CHECK(pk_bitset_has(config.remote_allow, PK_CMD_COUNT, PK_CMD_STATUS));
}

PK_TEST(config__too_many_sections__are_refused_not_cut) {
    static char text[PK_LIMIT_WATCHES * 40 + 64];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    for (uint32_t i = 0; i <= PK_LIMIT_WATCHES; i++) {
        pk_buf_puts(&b, "[process p");
        pk_buf_put_u64(&b, i);
        pk_buf_puts(&b, "]\n");
    }
    CHECK_EQ_INT(parse(text), PK_E_CONFIG);
    CHECK(strstr(diag.message, "the table is full") != NULL);
}

PK_TEST(config__environment__comes_last_and_is_checked) {
    static const char *const GOOD[] = {"HOME=/root", "PICKET_AGENT_MODE=observe",
                                       "PICKET_BROKER_CENTRAL_HOST=other.example", "PICKET_CACHE=/x", NULL};
    static const char *const WRONG[] = {"PICKET_AGENT_MODE=fast", NULL};
    static const char *const UNKNOWN[] = {"PICKET_AGNET_MODE=safe", NULL};
    CHECK_EQ_INT(parse(HEAD "[agent]\nmode = auto\n[broker central]\nhost = b\n"), PK_OK);
    CHECK_EQ_INT(pk_config_environment(&config, GOOD, &diag), PK_OK);
    CHECK_EQ_INT(config.mode, PK_MODE_OBSERVE);
    CHECK_STR(config.broker[1].host, "other.example");
    CHECK_EQ_INT(pk_config_environment(&config, WRONG, &diag), PK_E_CONFIG);
    CHECK_STR(diag.file, "PICKET_AGENT_MODE");
    CHECK_EQ_INT(pk_config_environment(&config, UNKNOWN, &diag), PK_E_CONFIG);
    CHECK_STR(diag.message, "unknown variable PICKET_AGNET_MODE");
}

static int checked(const char *text) {
    CHECK_EQ_INT(parse(text), PK_OK);
    return pk_config_check(&config, "t.conf", &place, &diag);
}

PK_TEST(config__what_belongs_together__is_checked_at_the_end) {
    CHECK_EQ_INT(checked("[gateway]\nsite = s\n"), PK_E_CONFIG);
    CHECK_STR(diag.message, "[gateway] gateway is missing");
    CHECK_EQ_INT(checked(HEAD "[broker central]\ntls = no\n"), PK_E_CONFIG);
    CHECK_STR(diag.message, "[broker central] host is missing");
    CHECK_EQ_INT(checked(HEAD "[broker central]\nhost = h\n"), PK_E_CONFIG);
    CHECK_STR(diag.message, "[broker central] tls needs ca");
    CHECK_EQ_INT(checked(HEAD "[broker central]\nhost = h\ntls = no\nroles = commands\nhub_ack = yes\n"),
                 PK_E_CONFIG);
    CHECK_STR(diag.message, "[broker central] hub_ack needs the role incidents");
    CHECK_EQ_INT(checked(HEAD "[broker site]\nhost = h\ntls = no\nroles = incidents\nhub_ack = yes\n"),
                 PK_OK);
    CHECK(config.broker[0].is_hub_acked && !config.broker[1].is_hub_acked);
    CHECK_EQ_INT(checked(HEAD "[broker central]\nhost = h\npsk_file = /p\n"), PK_E_CONFIG);
    CHECK_STR(diag.message, "[broker central] psk_identity and psk_file go together");
    CHECK_EQ_INT(checked(HEAD "[broker central]\nhost = h\nca = /c\npsk_file = /p\npsk_identity = i\n"),
                 PK_E_CONFIG);
    CHECK_STR(diag.message, "[broker central] a shared secret replaces certificates and needs TLS 1.3");
    CHECK_EQ_INT(checked(HEAD "[broker central]\nhost = h\ntls12 = yes\npsk_file = /p\npsk_identity = i\n"),
                 PK_E_CONFIG);
    CHECK_EQ_INT(checked(HEAD "[broker central]\nhost = h\npsk_file = /p\npsk_identity = i\nalpn = mqtt\n"),
                 PK_OK);
    CHECK_EQ_INT(checked(HEAD "[broker central]\nhost = h\ntls = no\ncertificate = /c\n"), PK_E_CONFIG);
    CHECK_STR(diag.message, "[broker central] certificate and key go together");
    CHECK_EQ_INT(checked(HEAD "[broker central]\nhost = h\ntls = no\nroles = incidents\n[broker site]\nhost "
                              "= h\ntls = no\nroles = incidents\n"),
                 PK_E_CONFIG);
    CHECK_EQ_INT(checked(HEAD "[disk d]\n"), PK_E_CONFIG);
    CHECK_STR(diag.message, "[disk d] path is missing");
    CHECK_EQ_INT(checked(HEAD "[broker central]\nhost = h\ntls = no\n"), PK_OK);
    CHECK_EQ_INT(checked(HEAD "[witness]\nudp = 7883\n"), PK_E_CONFIG);
    CHECK_STR(diag.message, "[witness] udp needs peers and key_file");
    CHECK_EQ_INT(checked(HEAD "[witness]\nudp = 7883\npeers = 10.0.0.2, ::1,gw-2\nkey_file = /k\n"),
                 PK_E_CONFIG);
    CHECK_STR(diag.message, "'gw-2' is not a numeric address");
    CHECK_EQ_INT(checked(HEAD "[witness]\nudp = 7883\npeers = 10.0.0.2, ::1\nkey_file = /k\n"), PK_OK);
}

/* Files of one configuration folder. */
struct folder {
    const char *main_text, *extra_text;
};
static int folder_read(void *ctx, const char *path, void *out, uint32_t cap_bytes) {
    const struct folder *f = ctx;
    const char *text = strcmp(path, "/etc/p/picketd.conf") == 0     ? f->main_text
                       : strcmp(path, "/etc/p/conf.d/10.conf") == 0 ? f->extra_text
                                                                    : NULL;
    if (text == NULL) {
        return PK_E_NOT_FOUND;
    }
    if (strlen(text) > cap_bytes) {
        return PK_E_TOO_BIG;
    }
    memcpy(out, text, strlen(text));
    return (int)strlen(text);
}
static int folder_list(void *ctx, const char *dir, const char *suffix, pk_file_name *each, void *arg) {
    const struct folder *f = ctx;
    CHECK_STR(dir, "/etc/p/conf.d");
    CHECK_STR(suffix, ".conf");
    if (f->extra_text == NULL) {
        return PK_E_NOT_FOUND;
    }
    each(arg, "10.conf");
    return 1;
}
static int folder_replace(void *ctx, const char *path, const void *p, uint32_t n) {
    (void)ctx;
    (void)path;
    (void)p;
    (void)n;
    return PK_E_DENIED;
}

static int load(struct folder *f, const char *path) {
    char scratch[1024];
    const struct pk_port_files files = {
        .ctx = f, .read = folder_read, .list = folder_list, .replace = folder_replace};
    return pk_config_load(&config, &files, path, NULL, scratch, sizeof scratch, &diag);
}

PK_TEST(config__load__takes_conf_d_after_the_file) {
    struct folder f = {HEAD "[agent]\nmode = auto\n[broker central]\nhost = h\ntls = no\n",
                       "[agent]\nmode = off\n"};
    CHECK_EQ_INT(load(&f, "/etc/p/picketd.conf"), PK_OK);
    CHECK_EQ_INT(config.mode, PK_MODE_OFF);
    CHECK_EQ_INT(config.broker[1].roles,
                 PK_BROKER_EVENTS | PK_BROKER_INCIDENTS | PK_BROKER_COMMANDS | PK_BROKER_SUMMARY);
    f.extra_text = "[agent]\nmode = wrong\n";
    CHECK_EQ_INT(load(&f, "/etc/p/picketd.conf"), PK_E_CONFIG);
    CHECK_STR(diag.file, "/etc/p/conf.d/10.conf");
    f.extra_text = NULL;
    CHECK_EQ_INT(load(&f, "/etc/p/picketd.conf"), PK_OK);
    CHECK_EQ_INT(load(&f, "/etc/p/none.conf"), PK_E_CONFIG);
    CHECK_STR(diag.message, "cannot be read: not found");
}

PK_TEST(config__load__two_brokers_share_the_roles) {
    struct folder f = {
        HEAD "[broker central]\nhost = c\ntls = no\n[broker site]\nhost = s\ntls = no\nroles = events\n",
        NULL};
    CHECK_EQ_INT(load(&f, "/etc/p/picketd.conf"), PK_OK);
    CHECK_EQ_INT(config.broker[0].roles, PK_BROKER_EVENTS);
    CHECK_EQ_INT(config.broker[1].roles, PK_BROKER_INCIDENTS | PK_BROKER_COMMANDS | PK_BROKER_SUMMARY);
}

static const char *place_of(const char *main_text, const char *extra_text) {
    static char text[320];
    struct folder f = {main_text, extra_text};
    CHECK_EQ_INT(load(&f, "/etc/p/picketd.conf"), PK_E_CONFIG);
    (void)snprintf(text, sizeof text, "%s:%u:%u", diag.file + strlen("/etc/p/"), (unsigned)diag.line,
                   (unsigned)diag.column);
    return text;
}

/* HEAD has three lines. */
PK_TEST(config__errors_of_the_whole__name_their_section_or_key) {
    CHECK_STR(place_of("\n[gateway]\nsite = s\n", NULL), "picketd.conf:2:1");
    CHECK_STR(place_of("[agent]\nmode = safe\n", NULL), "picketd.conf:1:1"); /* no such section */
    CHECK_STR(place_of(HEAD "[disk a]\npath = /\n[disk b]\n", NULL), "picketd.conf:6:1");
    CHECK_STR(place_of(HEAD "[log a]\n", NULL), "picketd.conf:4:1");
    CHECK_STR(place_of(HEAD "[log a]\npath = /x\n[log b]\npath = /x\n", NULL), "picketd.conf:6:1");
    CHECK_STR(place_of(HEAD "[broker site]\nhost = h\nca = /c\n[broker central]\nhost = h\n", NULL),
              "picketd.conf:7:1");
    CHECK_STR(place_of(HEAD "[broker site]\nhost = h\nca = /c\nkeep_alive = 5500ms\n", NULL),
              "picketd.conf:7:14");
    CHECK_STR(place_of(HEAD "[probe a]\nkind = tcp\nhost = h\n", NULL), "picketd.conf:4:1");
    CHECK_STR(place_of(HEAD "[probe a]\nkind = icmp\nhost = h\nport = 1\n", NULL), "picketd.conf:7:8");
    CHECK_STR(place_of(HEAD "[map a]\ntopic = t\ntype = x\nsource = s\nseverity = purple\n", NULL),
              "picketd.conf:8:12");
    CHECK_STR(place_of(HEAD, "[map a]\ntopic = t\ntype = x\n"), "conf.d/10.conf:1:1");
    CHECK_STR(place_of(HEAD "[map a]\ntopic = t\n", "[map a]\ntype = x\n"), "picketd.conf:4:1");
    CHECK_STR(place_of(HEAD "[probe a]\nkind = icmp\nhost = h\nport = 1\n", "[probe a]\nport = 2\n"),
              "conf.d/10.conf:2:8");
}

PK_TEST(config__words__both_ways) {
    uint8_t mode = 0;
    CHECK_EQ_INT(pk_mode_parse(pk_str_of("Auto"), &mode), PK_OK);
    CHECK_STR(pk_mode_word(mode), "auto");
    CHECK(pk_mode_parse(pk_str_of("fast"), &mode) < 0);
    CHECK_STR(pk_mode_word(99), "unknown");
    CHECK_STR(pk_remote_word(PK_REMOTE_READ_ONLY), "read-only");
    CHECK_STR(pk_config_broker_word(0), "site");
    CHECK_STR(pk_config_broker_word(1), "central");
}

PK_TEST(config__thresholds__take_own_names) {
    double value = 0.0;
    pk_config_defaults(&config);
    CHECK_EQ_INT(
        pk_config_parse(&config, pk_str_of("[thresholds]\nmax_cpu = 70.5\nlevel_9 = -3\n"), "f", &diag),
        PK_OK);
    CHECK(pk_thresholds_get(&config.thresholds, pk_str_of("max_cpu"), &value) == PK_OK && value > 70.4 &&
          value < 70.6);
    CHECK(pk_thresholds_get(&config.thresholds, pk_str_of("level_9"), &value) == PK_OK && value < -2.9);
    CHECK(pk_thresholds_get(&config.thresholds, pk_str_of("max_memory"), &value) == PK_OK && value > 89.9);
    CHECK_EQ_INT(pk_config_parse(&config, pk_str_of("[thresholds]\nmax_cpu = high\n"), "f", &diag),
                 PK_E_CONFIG);
    CHECK_STR(diag.message, "'high' is not a number");
    CHECK_EQ_U64(diag.column, 11);
    CHECK_EQ_INT(pk_config_parse(&config, pk_str_of("[thresholds]\na b = 1\n"), "f", &diag), PK_E_CONFIG);
    const char *const environment[] = {"PICKET_THRESHOLDS_MAX_CPU=60", NULL};
    CHECK_EQ_INT(pk_config_environment(&config, environment, &diag), PK_OK);
    CHECK(pk_thresholds_get(&config.thresholds, pk_str_of("max_cpu"), &value) == PK_OK && value < 60.1);
}

PK_TEST(config__inlets__are_one_table) {
    REQUIRE(
        parse(
            HEAD
            "[log auth]\npath = /var/log/auth.log\n[syslog]\nsocket = yes\nudp = 5514\n[statsd]\nudp = 8125\n"
            "[kmsg]\ndevice = yes\n[journal]\ncommand = yes\n") == PK_OK);
    CHECK_EQ_U64(config.inlets.count, 6);
    CHECK_STR(config.inlets.rows[0].name, "log:auth");
    CHECK_EQ_INT(pk_config_check(&config, "t.conf", &place, &diag), PK_OK);
    static const char *const VARIABLES[] = {"PICKET_SYSLOG_UDP=no", "PICKET_KMSG_DEVICE=/dev/other", NULL};
    CHECK_EQ_INT(pk_config_environment(&config, VARIABLES, &diag), PK_OK);
    CHECK_EQ_U64(config.inlets.count, 5);
    CHECK_STR(refusal(HEAD "[log a/b]\n"),
              "t.conf:4:1: 'a/b' is not a name for a log: 1 to 35 of A-Z a-z 0-9 _ . : @ -");
    CHECK_STR(refusal(HEAD "[log a]\nfile = /x\n"), "t.conf:5:1: unknown key 'file'");
    CHECK_STR(refusal(HEAD "[statsd]\nudp = 10.0.0.1:8125\n"),
              "t.conf:5:7: '10.0.0.1:8125' is not on loopback: whoever reaches it can cause actions here");
    REQUIRE(parse(HEAD "[log a]\n") == PK_OK);
    CHECK_EQ_INT(pk_config_check(&config, "t.conf", &place, &diag), PK_E_CONFIG);
    CHECK_STR(diag.message, "[log a] path is missing");
}

PK_TEST_MAIN(config__defaults__are_those_of_the_shipped_file,
             config__central_broker__is_come_back_to_by_few_at_a_time,
             config__probes__are_rows_with_errors_at_their_place, config__every_kind_of_value__is_taken,
             config__bad_lines__name_place_and_cure, config__remote_allow__every_command_can_be_named,
             config__too_many_sections__are_refused_not_cut, config__environment__comes_last_and_is_checked,
             config__what_belongs_together__is_checked_at_the_end, config__load__takes_conf_d_after_the_file,
             config__load__two_brokers_share_the_roles, config__words__both_ways,
             config__errors_of_the_whole__name_their_section_or_key, config__thresholds__take_own_names,
             config__inlets__are_one_table)
