#include "roles/pk_super_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/pk_config.h"
#include "event/pk_probe.h"
#include "support/pk_test.h"

static struct pk_super_config the_config;
static struct pk_diag the_diag;

static int parse(const char *text) {
    pk_super_config_defaults(&the_config);
    return pk_super_config_parse(&the_config, pk_str_of(text), "f.conf", &the_diag);
}

PK_TEST(config__defaults__are_the_agents) {
    struct pk_config agent;
    pk_config_defaults(&agent);
    pk_super_config_defaults(&the_config);
    CHECK_STR(the_config.state_dir, agent.state_dir);
    CHECK_STR(the_config.run_dir, agent.run_dir);
    CHECK_STR(the_config.actions_path, agent.actions_path);
    CHECK_STR(the_config.user, agent.user);
    CHECK_STR(the_config.group, agent.group);
    CHECK_EQ_INT(the_config.mode, agent.mode);
    CHECK_EQ_INT(the_config.is_safe_mode, agent.is_safe_mode);
    CHECK_EQ_U64(the_config.store_map_bytes, agent.store_map_bytes);
    CHECK_STR(the_config.watchdog_device, "");
}

PK_TEST(config__its_keys__are_taken_and_the_agents_passed_over) {
    CHECK_EQ_INT(parse("[gateway]\nsite = x\n[paths]\nstate = /s\nrun = /r\nactions = /a\n[agent]\nuser = "
                       "u\ngroup = g\nmode = auto\n"
                       "safe_mode = no\nwatchdog = /dev/watchdog\nseal = required\n[store]\nmap = "
                       "32M\n[broker site]\nuser = other\n"),
                 PK_OK);
    CHECK_STR(the_config.state_dir, "/s");
    CHECK_STR(the_config.run_dir, "/r");
    CHECK_STR(the_config.actions_path, "/a");
    CHECK_STR(the_config.user, "u");
    CHECK_STR(the_config.group, "g");
    CHECK_EQ_INT(the_config.mode, PK_MODE_AUTO);
    CHECK(!the_config.is_safe_mode);
    CHECK_STR(the_config.watchdog_device, "/dev/watchdog");
    CHECK_EQ_U64(the_config.store_map_bytes, 32u << 20);
}

PK_TEST(config__bad_values__name_the_place) {
    static const struct {
        const char *text, *message;
    } bad[] = {{"[agent]\nmode = wild\n", "'wild' is not a mode: off, observe, safe or auto"},
               {"[paths]\nstate = relative\n", "'relative' is not an absolute path"},
               {"[agent]\nuser = a b\n", "'a b' is not a user or group name"},
               {"[agent]\nsafe_mode = maybe\n", "'maybe' is not yes or no"},
               {"[store]\nmap = big\n", "'big' is not a size"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ_INT(parse(bad[i].text), PK_E_CONFIG);
        CHECK_STR(the_diag.message, bad[i].message);
        CHECK_EQ_INT(the_diag.line, 2);
        CHECK_STR(the_diag.file, "f.conf");
    }
    CHECK_EQ_INT(parse("[agent\n"), PK_E_CONFIG);
    CHECK_EQ_INT(the_diag.line, 1);
    char longer[300] = "[paths]\nrun = /";
    memset(longer + strlen(longer), 'a', 200);
    CHECK_EQ_INT(parse(longer), PK_E_CONFIG);
}

PK_TEST(config__environment__beats_the_file) {
    static const char *const good[] = {"HOME=/", "PICKET_AGENT_MODE=off", "PICKET_PATHS_STATE=/env",
                                       "PICKET_BROKER_SITE_HOST=x", NULL};
    CHECK_EQ_INT(parse("[agent]\nmode = auto\n"), PK_OK);
    CHECK_EQ_INT(pk_super_config_environment(&the_config, good, &the_diag), PK_OK);
    CHECK_EQ_INT(the_config.mode, PK_MODE_OFF);
    CHECK_STR(the_config.state_dir, "/env");
    static const char *const bad[] = {"PICKET_AGENT_MODE=", NULL};
    CHECK_EQ_INT(pk_super_config_environment(&the_config, bad, &the_diag), PK_E_CONFIG);
    CHECK_STR(the_diag.file, "PICKET_AGENT_MODE");
    CHECK_EQ_INT(pk_super_config_environment(&the_config, NULL, &the_diag), PK_OK);
}

static void put(const char *dir, const char *name, const char *text, mode_t mode) {
    char path[120];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, mode) == 0);
}

PK_TEST(config__files__conf_d_in_order_and_only_ours) {
    char dir[] = "/tmp/pk_conf_XXXXXX", sub[60], path[60];
    static char scratch[4096];
    REQUIRE(mkdtemp(dir) != NULL);
    (void)snprintf(sub, sizeof sub, "%s/conf.d", dir);
    (void)snprintf(path, sizeof path, "%s/picketd.conf", dir);
    REQUIRE(mkdir(sub, 0755) == 0);
    put(dir, "picketd.conf", "[agent]\nmode = off\nuser = one\n", 0644);
    put(sub, "20.conf", "[agent]\nmode = auto\n", 0644);
    put(sub, "10.conf", "[agent]\nmode = observe\ngroup = ten\n", 0644);
    put(sub, "30.txt", "[agent]\nmode = wild\n", 0644);
    CHECK_EQ_INT(pk_super_config_load(&the_config, path, NULL, scratch, sizeof scratch, &the_diag), PK_OK);
    CHECK_EQ_INT(the_config.mode, PK_MODE_AUTO);
    CHECK_STR(the_config.user, "one");
    CHECK_STR(the_config.group, "ten");
    put(sub, "20.conf", "[agent]\nmode = auto\n", 0666);
    CHECK_EQ_INT(pk_super_config_load(&the_config, path, NULL, scratch, sizeof scratch, &the_diag),
                 PK_E_CONFIG);
    CHECK_STR(the_diag.message, "it and its directory must belong to root and be writable by root only");
    put(sub, "20.conf", "[agent]\nmode = auto\n", 0644);
    CHECK_EQ_INT(pk_super_config_load(&the_config, path, NULL, scratch, 20, &the_diag),
                 PK_E_CONFIG); /* too big */
    CHECK_EQ_INT(
        pk_super_config_load(&the_config, "/does/not/exist", NULL, scratch, sizeof scratch, &the_diag),
        PK_E_CONFIG);
    static const char *const names[] = {"conf.d/10.conf", "conf.d/20.conf", "conf.d/30.txt",
                                        "conf.d",         "picketd.conf",   ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char gone[120];
        (void)snprintf(gone, sizeof gone, "%s/%s", dir, names[i]);
        (void)remove(gone);
    }
}

static struct pk_probes the_probes;

/* The examples of the shipped file: what stands behind '#' from the probes on, up to the next section. */
static void put_examples(const char *dir) {
    static char text[32768], out[32768];
    FILE *f = fopen(PK_SOURCE_DIR "/config/picketd.conf", "r");
    REQUIRE(f != NULL);
    text[fread(text, 1, sizeof text - 1u, f)] = '\0';
    (void)fclose(f);
    const char *from = strstr(text, "# Probes are measured"), *to = strstr(text, "\n[remote]");
    REQUIRE(from != NULL && to != NULL);
    size_t n = (size_t)snprintf(out, sizeof out, "[gateway]\nsite = lab\ngateway = gw\n");
    while (from < to) {
        const char *end = strchr(from, '\n');
        const bool is_example = from[0] == '#' && from[1] != ' ';
        n += (size_t)snprintf(out + n, sizeof out - n, "%.*s\n", (int)(end - from) - (is_example ? 1 : 0),
                              from + (is_example ? 1 : 0));
        from = end + 1;
    }
    put(dir, "picketd.conf", out, 0644);
}

PK_TEST(probes__the_shipped_examples_are_the_same_table_to_both_processes) {
    char dir[] = "/tmp/pk_probes_XXXXXX", path[60], sub[60];
    static char scratch[65536];
    static struct pk_config agent;
    REQUIRE(mkdtemp(dir) != NULL);
    (void)snprintf(path, sizeof path, "%s/picketd.conf", dir);
    (void)snprintf(sub, sizeof sub, "%s/conf.d", dir);
    REQUIRE(mkdir(sub, 0755) == 0);
    put_examples(dir);
    put(sub, "10.conf", "[probe plc]\nport = 503\n", 0644);
    CHECK_EQ_INT(pk_super_config_probes(&the_probes, path, scratch, sizeof scratch, &the_diag), PK_OK);
    CHECK_EQ_INT(the_probes.count, 9);
    CHECK_EQ_INT(the_probes.rows[0].port, 503);
    CHECK_EQ_INT(the_probes.series_count, 2);
    pk_config_defaults(&agent);
    FILE *f = fopen(path, "r");
    REQUIRE(f != NULL);
    const size_t n = fread(scratch, 1, sizeof scratch, f);
    (void)fclose(f);
    struct pk_probe_error error;
    CHECK_EQ_INT(pk_config_parse(&agent, pk_str_make(scratch, n), path, &the_diag), PK_OK);
    CHECK_EQ_INT(pk_config_parse(&agent, pk_str_of("[probe plc]\nport = 503\n"), "10.conf", &the_diag),
                 PK_OK);
    CHECK_EQ_INT(pk_probes_finish(&agent.probes, &error), PK_OK);
    CHECK_EQ_U64(agent.probes.crc, the_probes.crc);
    put(sub, "10.conf", "[probe plc]\nprot = 503\n", 0644);
    CHECK_EQ_INT(pk_super_config_probes(&the_probes, path, scratch, sizeof scratch, &the_diag), PK_E_CONFIG);
    CHECK(the_diag.line == 2 && strstr(the_diag.message, "did you mean") != NULL);
    put(sub, "10.conf", "[probe half]\nkind = tcp\n", 0644);
    CHECK_EQ_INT(pk_super_config_probes(&the_probes, path, scratch, sizeof scratch, &the_diag), PK_E_CONFIG);
    CHECK_STR(the_diag.message, "probe half: host is missing");
    put(sub, "10.conf", "[probe b@d!]\n", 0644);
    CHECK_EQ_INT(pk_super_config_probes(&the_probes, path, scratch, sizeof scratch, &the_diag), PK_E_CONFIG);
    put(sub, "10.conf", "", 0666);
    CHECK_EQ_INT(pk_super_config_probes(&the_probes, path, scratch, sizeof scratch, &the_diag), PK_E_CONFIG);
    CHECK(strstr(the_diag.message, "must belong to root") != NULL);
    static const char *const names[] = {"conf.d/10.conf", "conf.d", "picketd.conf", ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char gone[120];
        (void)snprintf(gone, sizeof gone, "%s/%s", dir, names[i]);
        (void)remove(gone);
    }
}

PK_TEST(config__inlets__are_the_agents) {
    static const char TEXT[] = "[gateway]\nsite = a\ngateway = b\n[log auth]\npath = "
                               "/var/log/auth.log\n[syslog]\nsocket = /dev/log\nudp = "
                               "5514\n[kmsg]\ndevice = yes\n[journal]\ncommand = yes\n";
    static const char *const VARIABLES[] = {"PICKET_SYSLOG_UDP=no", "PICKET_STATSD_SOCKET=yes",
                                            "PICKET_KMSG=x", "PICKET_LOG_X=1", NULL};
    static struct pk_config agent;
    pk_config_defaults(&agent);
    REQUIRE(parse(TEXT) == PK_OK);
    REQUIRE(pk_config_parse(&agent, pk_str_of(TEXT), "f.conf", &the_diag) == PK_OK);
    CHECK_EQ_U64(the_config.inlets.count, 5);
    CHECK_EQ_U64(pk_inlets_crc(&the_config.inlets), pk_inlets_crc(&agent.inlets));
    REQUIRE(pk_super_config_environment(&the_config, VARIABLES, &the_diag) == PK_OK);
    static const char *const THEIRS[] = {"PICKET_SYSLOG_UDP=no", "PICKET_STATSD_SOCKET=yes", NULL};
    REQUIRE(pk_config_environment(&agent, THEIRS, &the_diag) == PK_OK);
    CHECK_EQ_U64(the_config.inlets.count, 5);
    CHECK_EQ_U64(pk_inlets_crc(&the_config.inlets), pk_inlets_crc(&agent.inlets));
    CHECK_EQ_INT(parse("[statsd]\nudp = 10.0.0.1:1\n"), PK_E_CONFIG);
    CHECK_EQ_U64(the_diag.line, 2);
    CHECK_EQ_INT(parse("[log a b]\n"), PK_E_CONFIG);
    static const char *const BAD[] = {"PICKET_STATSD_UDP=here", NULL};
    pk_super_config_defaults(&the_config);
    CHECK_EQ_INT(pk_super_config_environment(&the_config, BAD, &the_diag), PK_E_CONFIG);
}

PK_TEST_MAIN(config__defaults__are_the_agents, config__its_keys__are_taken_and_the_agents_passed_over,
             config__bad_values__name_the_place, config__environment__beats_the_file,
             config__files__conf_d_in_order_and_only_ours,
             probes__the_shipped_examples_are_the_same_table_to_both_processes,
             config__inlets__are_the_agents)
