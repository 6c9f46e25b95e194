#include "agent/pk_config.h"

#include <stdio.h>
#include <string.h>

#include "support/pk_test.h"

#define HEAD "[gateway]\nsite = s1\ngateway = g1\n"

static struct pk_config config;
static struct pk_diag diag;
static struct pk_config_place place;

static int check(const char *text) {
    pk_config_defaults(&config);
    CHECK_EQ_INT(pk_config_parse(&config, pk_str_of(text), "t.conf", &diag), PK_OK);
    return pk_config_check(&config, "t.conf", &place, &diag);
}

static bool is_place(const char *section, const char *name, const char *key) {
    return pk_str_eq_c(place.section, section) && pk_str_eq_c(place.name, name) &&
           pk_str_eq_c(place.key, key);
}

PK_TEST(check__says_what_and_of_which_section) {
    CHECK_EQ_INT(check(HEAD), PK_OK);
    CHECK_EQ_INT(check("[gateway]\nsite = s1\n"), PK_E_CONFIG);
    CHECK(is_place("gateway", "", ""));
    CHECK_EQ_INT(check(HEAD "[broker site]\nhost = h\nca = /c\nkey = /k\n"), PK_E_CONFIG);
    CHECK(is_place("broker", "site", "key"));
    CHECK_EQ_INT(check(HEAD "[map m]\ntopic = t\ntype = x\nsource = s\nvalue = warm\n"), PK_E_CONFIG);
    CHECK(is_place("map", "m", "value"));
    CHECK_STR(diag.message, "'warm' is not a number; a part of the message stands in braces");
    CHECK_EQ_INT(check(HEAD "[syslog]\nudp = 5514\n[statsd]\nudp = 127.0.0.1:5514\n"), PK_E_CONFIG);
    CHECK(is_place("statsd", "", ""));
    CHECK_STR(diag.message, "'127.0.0.1' is read already by a section before");
    CHECK_EQ_INT(check(HEAD "[scrape p]\nhost = h\nport = 1\n"), PK_E_CONFIG);
    CHECK(is_place("scrape", "p", ""));
    CHECK(diag.line == 1 && diag.column == 1);
}

/* What an integration is shown comes from one broker: on the second it would be silently missing. */
PK_TEST(check__each_role_but_events_is_of_one_broker) {
    static const char *const ONCE[] = {"incidents", "commands", "summary", "home_assistant", "thin_edge"};
    char text[240];
    for (uint32_t i = 0; i < PK_COUNT_OF(ONCE); i++) {
        (void)snprintf(text, sizeof text,
                       HEAD "[broker central]\nhost = h\ntls = no\nroles = events, %s\n"
                            "[broker site]\nhost = h\ntls = no\nroles = %s\n",
                       ONCE[i], ONCE[i]);
        CHECK_EQ_INT(check(text), PK_E_CONFIG);
        CHECK(is_place("broker", "central", "roles"));
    }
    CHECK_EQ_INT(check(HEAD "[broker central]\nhost = h\ntls = no\nroles = events, home_assistant\n"
                            "[broker site]\nhost = h\ntls = no\nroles = events, thin_edge\n"),
                 PK_OK);
}

PK_TEST(metered__has_other_defaults_and_keeps_what_was_said) {
    CHECK_EQ_INT(check(HEAD), PK_OK);
    CHECK_EQ_U64(config.summary_ms, 60000);
    CHECK_EQ_INT(check(HEAD "[report]\nmetered = yes\n"), PK_OK);
    CHECK_EQ_U64(config.summary_ms, 900000);
    CHECK_EQ_U64(config.broker[0].keep_alive_ms, 1200000);
    CHECK_EQ_U64(config.broker[1].keep_alive_ms, 1200000);
    CHECK_EQ_INT(
        check(HEAD
              "[report]\nmetered = yes\nsummary = 1h\n[broker site]\nhost = h\ntls = no\nkeep_alive = 30s\n"),
        PK_OK);
    CHECK_EQ_U64(config.summary_ms, 3600000);
    CHECK_EQ_U64(config.broker[0].keep_alive_ms, 30000);
    CHECK_EQ_INT(pk_config_check(&config, "t.conf", &place, &diag), PK_OK); /* again: as it was */
    CHECK_EQ_U64(config.summary_ms, 3600000);
}

PK_TEST(metered_broker__is_not_that_of_the_site_beside_a_central_one) {
    CHECK_EQ_INT(check(HEAD "[broker site]\nhost = h\ntls = no\n"), PK_OK);
    CHECK_EQ_INT(config.broker[0].metered, PK_METERED_YES);
    CHECK_EQ_INT(check(HEAD "[report]\nmetered = yes\n[broker site]\nhost = h\ntls = no\nroles = events\n"
                            "[broker central]\nhost = h\ntls = no\n"),
                 PK_OK);
    CHECK_EQ_INT(config.broker[0].metered, PK_METERED_NO);
    CHECK_EQ_INT(config.broker[1].metered, PK_METERED_YES);
    CHECK_EQ_U64(config.broker[0].keep_alive_ms, 60000);
    CHECK_EQ_U64(config.broker[1].keep_alive_ms, 1200000);
    CHECK_EQ_INT(check(HEAD "[broker site]\nhost = h\ntls = no\nroles = events\nmetered = yes\n"
                            "[broker central]\nhost = h\ntls = no\nmetered = no\n"),
                 PK_OK);
    CHECK_EQ_INT(config.broker[0].metered, PK_METERED_YES);
    CHECK_EQ_INT(config.broker[1].metered, PK_METERED_NO);
    /* The summary is as rare as its own broker wants it. */
    CHECK_EQ_INT(check(HEAD "[report]\nmetered = yes\n"
                            "[broker site]\nhost = h\ntls = no\nroles = events, summary\n"
                            "[broker central]\nhost = h\ntls = no\nroles = incidents, commands\n"),
                 PK_OK);
    CHECK_EQ_U64(config.summary_ms, 60000);
    CHECK_EQ_INT(check(HEAD "[report]\nmetered = yes\n"
                            "[broker site]\nhost = h\ntls = no\nroles = events\n"
                            "[broker central]\nhost = h\ntls = no\nroles = summary\n"),
                 PK_OK);
    CHECK_EQ_U64(config.summary_ms, 900000);
    CHECK_EQ_INT(pk_config_parse(&config, pk_str_of("[broker site]\nmetered = perhaps\n"), "t.conf", &diag),
                 PK_E_CONFIG);
    CHECK_EQ_INT(diag.line, 2);
}

PK_TEST(mqtt__levels_and_what_3_1_1_cannot_say) {
    static const struct {
        const char *word;
        int mqtt;
    } CASES[] = {{"auto", PK_BROKER_MQTT_AUTO}, {"5", PK_BROKER_MQTT_5}, {"3.1.1", PK_BROKER_MQTT_311}};
    char text[200];
    for (unsigned i = 0; i < PK_COUNT_OF(CASES); i++) {
        (void)snprintf(text, sizeof text,
                       "%s[broker site]\nhost = h\ntls = no\npassword_file = /p\nmqtt = %s\n", HEAD,
                       CASES[i].word);
        const bool is_bad = CASES[i].mqtt == PK_BROKER_MQTT_311;
        CHECK_EQ_INT(check(text), is_bad ? PK_E_CONFIG : PK_OK);
        CHECK_EQ_INT(config.broker[0].mqtt, CASES[i].mqtt);
    }
    CHECK(is_place("broker", "site", "password_file"));
    CHECK_EQ_INT(
        check(HEAD "[broker site]\nhost = h\ntls = no\nusername = u\npassword_file = /p\nmqtt = 3.1.1\n"),
        PK_OK);
    CHECK_EQ_INT(pk_config_parse(&config, pk_str_of("[broker site]\n\nmqtt = 4\n"), "t.conf", &diag),
                 PK_E_CONFIG);
    CHECK_EQ_INT(diag.line, 3);
    CHECK_EQ_INT(diag.column, 8);
}

PK_TEST(dir__conf_d_beside_the_file) {
    char dir[40];
    pk_config_dir("/etc/picket/picketd.conf", dir, sizeof dir);
    CHECK_STR(dir, "/etc/picket/conf.d");
    pk_config_dir("picketd.conf", dir, sizeof dir);
    CHECK_STR(dir, "conf.d");
}

static const char MAIN_TEXT[] = "# words\n[probe a]\nport = 1\n";
static const char *extra_text;

static int read_file(void *ctx, const char *path, void *out, uint32_t cap_bytes) {
    const char *text = strcmp(path, "/e/p.conf") == 0 ? MAIN_TEXT : extra_text;
    (void)ctx;
    CHECK(strlen(text) <= cap_bytes);
    memcpy(out, text, strlen(text));
    return (int)strlen(text);
}
static int list(void *ctx, const char *dir, const char *suffix, pk_file_name *each, void *arg) {
    (void)ctx;
    CHECK_STR(dir, "/e/conf.d");
    CHECK_STR(suffix, ".conf");
    each(arg, "1.conf");
    return 1;
}

static void find(const char *name, const char *key, const char *file, uint32_t line) {
    char scratch[100];
    const struct pk_port_files files = {.read = read_file, .list = list};
    const struct pk_config_place sought = {pk_str_of("probe"), pk_str_of(name), pk_str_of(key)};
    pk_diag_set(&diag, "/e/p.conf", 1, 1, "words");
    pk_config_find(&files, "/e/p.conf", &sought, scratch, sizeof scratch, &diag);
    CHECK_STR(diag.file, file);
    CHECK_EQ_U64(diag.line, line);
    CHECK_STR(diag.message, "words");
}

PK_TEST(find__the_section_first_and_the_key_last) {
    extra_text = "[probe a]\n\nport = 2\n[probe b]\n";
    find("a", "", "/e/p.conf", 2);
    find("a", "port", "/e/conf.d/1.conf", 3);
    find("b", "", "/e/conf.d/1.conf", 4);
    find("c", "", "/e/p.conf", 1);
    extra_text = "[probe b]\n= broken\n";
    find("a", "port", "/e/p.conf", 3);
}

PK_TEST_MAIN(check__each_role_but_events_is_of_one_broker,
             metered__has_other_defaults_and_keeps_what_was_said,
             metered_broker__is_not_that_of_the_site_beside_a_central_one,
             check__says_what_and_of_which_section, mqtt__levels_and_what_3_1_1_cannot_say,
             dir__conf_d_beside_the_file, find__the_section_first_and_the_key_last)
