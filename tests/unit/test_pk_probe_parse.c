#include <stdio.h>
#include <string.h>

#include "event/pk_probe.h"

#include "support/pk_test.h"

static struct pk_probes table;
static struct pk_probe_error error;
static char message[400];

/* Reads a text of sections as both processes do; PK_OK, or PK_E_CONFIG with `message`. */
static int read_more(const char *text) {
    struct pk_ini_reader reader;
    struct pk_ini_item item;
    int row = -1, err = PK_OK;
    pk_ini_init(&reader, text, (uint32_t)strlen(text));
    while (err >= 0 && pk_ini_next(&reader, &item) == PK_OK && item.kind != PK_INI_END) {
        CHECK(pk_probes_is_section(item.section_kind));
        if (item.kind == PK_INI_SECTION) {
            err = row = pk_probes_open(&table, item.section_kind, item.section_name, &error);
        } else {
            err = pk_probes_set(&table, (uint32_t)row, item.key, item.value, &error);
        }
    }
    return err < 0 ? err : PK_OK;
}
static int read_table(const char *text) {
    pk_probes_init(&table);
    int err = read_more(text);
    err = err < 0 ? err : pk_probes_finish(&table, &error);
    message[0] = '\0';
    if (err < 0) {
        (void)snprintf(message, sizeof message, "%s|%.*s", error.message, (int)error.argument.n,
                       error.argument.p);
    }
    return err;
}
static const char *at(uint16_t place) {
    return pk_probe_text(&table, place);
}

PK_TEST(table__each_kind_with_its_defaults) {
    CHECK_EQ_INT(read_table("[probe t]\nkind = tcp\nhost = 192.0.2.1\nport = 502\n"
                            "[probe h]\nkind = HTTP\nhost = web.example\n"
                            "[probe s]\nkind = http\nhost = web.example\ntls = yes\nstatus = 200\npath = /x\n"
                            "[probe d]\nkind = dns\nname = web.example\n"
                            "[probe l]\nkind = tls\nhost = ::1\nca = /etc/ca.pem\nserver_name = x\n"
                            "[probe i]\nkind = icmp\nhost = gw\ninterval = 5s\ntimeout = 250ms\n"
                            "[probe c]\nkind = certificate\nfile = /etc/x.crt\n"
                            "[check k]\nargv = /bin/check -w 5\n"
                            "[service nginx]\n"
                            "[scrape p]\nhost = 127.0.0.1\nport = 9100\ngauge = up -> app_up\n"),
                 PK_OK);
    CHECK_EQ_INT(table.count, 10);
    const struct pk_probe *r = table.rows;
    CHECK(r[0].kind == PK_PROBE_TCP && r[0].port == 502 && r[0].interval_ms == 30000 &&
          r[0].timeout_ms == 5000);
    CHECK_STR(at(r[0].host), "192.0.2.1");
    CHECK(r[1].port == 80 && r[1].status_min == 200 && r[1].status_max == 399);
    CHECK_STR(at(r[1].path), "/");
    CHECK(r[2].port == 443 && r[2].status_min == 200 && r[2].status_max == 200);
    CHECK(r[3].port == 53);
    CHECK_STR(at(r[3].host), "");
    CHECK_STR(at(r[3].server_name), "web.example");
    CHECK(r[4].port == 443 && r[4].interval_ms == 3600000);
    CHECK(r[5].interval_ms == 5000 && r[5].timeout_ms == 250);
    CHECK_STR(at(r[6].path), "/etc/x.crt");
    CHECK(r[7].argc == 3 && !r[7].runs_as_root && r[7].kind == PK_PROBE_CHECK);
    CHECK_STR(at(r[8].argv), "nginx");
    CHECK_STR(at(r[9].path), "/metrics");
    CHECK(table.crc != 0);
}

PK_TEST(table__series_keep_selector_type_and_source) {
    CHECK_EQ_INT(
        read_table(
            "[scrape p]\nhost = 127.0.0.1\nport = 9100\n"
            "gauge = jobs{queue=\"a -> b\"} -> queue_depth mail\ncounter = hits_total -> hits_per_s\n"),
        PK_OK);
    CHECK_EQ_INT(table.series_count, 2);
    CHECK_STR(at(table.series[0].selector), "jobs{queue=\"a -> b\"}");
    CHECK_STR(at(table.series[0].type), "queue_depth");
    CHECK_STR(at(table.series[0].source), "mail");
    CHECK(!table.series[0].is_counter && table.series[1].is_counter);
    CHECK_STR(at(table.series[1].source), "p");
}

PK_TEST(table__a_later_file_goes_on_with_a_row) {
    pk_probes_init(&table);
    CHECK_EQ_INT(read_more("[probe t]\nkind = tcp\nhost = a\nport = 1\n[probe u]\nkind = icmp\nhost = b\n"),
                 PK_OK);
    CHECK_EQ_INT(read_more("[probe t]\nport = 2\n"), PK_OK);
    CHECK_EQ_INT(pk_probes_finish(&table, &error), PK_OK);
    CHECK(table.count == 2 && table.rows[0].port == 2);
}

PK_TEST(table__its_crc_names_it) {
    CHECK_EQ_INT(read_table("[probe t]\nkind = tcp\nhost = a\nport = 1\n"), PK_OK);
    const uint32_t crc = table.crc;
    CHECK_EQ_INT(read_table("[probe t]\nkind = tcp\nhost = a\nport = 1\n"), PK_OK);
    CHECK_EQ_U64(table.crc, crc);
    CHECK_EQ_INT(read_table("[probe t]\nkind = tcp\nhost = b\nport = 1\n"), PK_OK);
    CHECK(table.crc != crc);
    CHECK_EQ_INT(read_table("[probe t]\nkind = tcp\nhost = a\nport = 2\n"), PK_OK);
    CHECK(table.crc != crc);
}

PK_TEST(table__errors_say_what_is_wrong) {
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"[probe t]\nhost = a\n", "kind is missing"},
        {"[probe t]\nkind = tcp\nport = 1\n", "host is missing"},
        {"[probe t]\nkind = tcp\nhost = a\n", "port is missing"},
        {"[probe t]\nkind = dns\nserver = 127.0.0.1\n", "name is missing"},
        {"[probe t]\nkind = certificate\n", "file is missing"},
        {"[check t]\ninterval = 5s\n", "argv is missing"},
        {"[probe t]\nkind = tcp\nhost = a\nport = 1\npath = /x\n", "does not go with this kind"},
        {"[probe t]\nkind = ftp\n", "not a kind of probe"},
        {"[probe t]\nkind = scrape\n", "not a kind of probe"},
        {"[probe t]\nkind = tcp\nhost = a b\n", "not a host name"},
        {"[probe t]\nkind = tcp\nhost = -x\n", "not a host name"},
        {"[probe t]\nkind = tcp\nhost =\n", "empty or too long"},
        {"[probe t]\nport = 0\n", "not a port"},
        {"[probe t]\nport = 65536\n", "not a port"},
        {"[probe t]\ninterval = 500ms\n", "outside 1s..7d"},
        {"[probe t]\ntimeout = 2m\n", "outside 100ms..60s"},
        {"[probe t]\ntimeout = soon\n", "not a duration"},
        {"[probe t]\nstatus = 99\n", "not an HTTP status"},
        {"[probe t]\nstatus = 300-200\n", "not an HTTP status"},
        {"[probe t]\nstatus = 200-\n", "not an HTTP status"},
        {"[probe t]\ntls = perhaps\n", "not yes or no"},
        {"[probe t]\nca = relative\n", "does not begin with /"},
        {"[probe t]\nprot = 1\n", "did you mean"},
        {"[probe t]\nargv = /bin/true\n", "unknown key"},
        {"[probe t!]\nkind = tcp\n", "not a source name"},
        {"[check t]\nargv = true\n", "absolute path"},
        {"[check t]\nargv = /bin/sh -c \"x\"\n", "no quotes"},
        {"[service t]\nunit = --help\n", "not the name of a service"},
        {"[service t]\nunit = ../x\n", "not the name of a service"},
        {"[service t]\nmanager = upstart\n", "not a service manager"},
        {"[scrape t]\nhost = a\nport = 1\n", "picks no series"},
        {"[scrape t]\nhost = a\ngauge = up -> x\n", "port is missing"},
        {"[scrape t]\ngauge = up\n", "not of the form"},
        {"[scrape t]\ngauge = up -> \n", "not of the form"},
        {"[scrape t]\ngauge = up -> a b c\n", "one word"},
        {"[scrape t]\ngauge = up -> bad/type\n", "not of the form"},
        {"[scrape t]\ngauge = 1up -> x\n", "not a series"},
        {"[scrape t]\nkind = tcp\n", "unknown key"},
        {"[probe t]\nkind = dns\nname = a.example\nserver = dns.example\n", "not a numeric address"},
        {"[probe t]\nkind = dns\nname = a.example\nexpect = ::1\n", "not an IPv4 address"},
        {"[probe t]\nkind = dns\nname = a.example\nexpect = b.example\n", "not an IPv4 address"},
        {"[probe t]\nkind = dns\nname = 192.0.2.1\n", "not a host name"},
        {"[probe t]\nkind = dns\nname = ::1\n", "not a host name"},
        {"[probe t]\nkind = icmp\nhost = 300.1.1.1\n", "not a host name or address"},
        {"[probe t]\nkind = icmp\nhost = 2001:db8:1\n", "not a host name or address"},
        {"[probe t]\nkind = http\nhost = a\nca = /x\n", "'{}' is for tls = yes|ca"},
        {"[probe t]\nkind = tcp\nhost = a\nport = 1\n[scrape t]\nhost = a\nport = 1\ngauge = up -> x\n",
         "both a probe and a scrape"},
        {"[scrape t]\nhost = a\nport = 1\ngauge = a -> x\ngauge = b -> x t\n",
         "another series gives already"},
        {"[scrape t]\nhost = a\nport = 1\ngauge = a -> x s\n[scrape u]\nhost = a\nport = 1\ngauge = b -> x "
         "s\n",
         "another series gives already"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ_INT(read_table(bad[i].text), PK_E_CONFIG);
        CHECK_STR(strstr(message, bad[i].says) != NULL ? bad[i].says : message, bad[i].says);
    }
}

static bool is_at(const char *section, const char *name, const char *key) {
    return pk_str_eq_c(error.section, section) && pk_str_eq_c(error.name, name) &&
           pk_str_eq_c(error.key, key);
}

PK_TEST(table__errors_of_the_whole_say_where) {
    CHECK_EQ_INT(read_table("[probe a]\nkind = icmp\nhost = a\n[probe b]\nkind = tcp\nhost = a\n"),
                 PK_E_CONFIG);
    CHECK(is_at("probe", "b", ""));
    CHECK_EQ_INT(read_table("[probe b]\nkind = icmp\nhost = a\nport = 7\n"), PK_E_CONFIG);
    CHECK(is_at("probe", "b", "port"));
    CHECK_EQ_INT(read_table("[scrape c]\nhost = a\nport = 1\n"), PK_E_CONFIG);
    CHECK(is_at("scrape", "c", ""));
    CHECK_EQ_INT(read_table("[service d]\nmanager = openrc\nunit = a\\x2db\n"), PK_E_CONFIG);
    CHECK(is_at("service", "d", ""));
}

PK_TEST(table__one_name_for_what_says_different_things) {
    CHECK_EQ_INT(
        read_table("[probe nginx]\nkind = icmp\nhost = a\n[service nginx]\n[check nginx]\nargv = /x\n"),
        PK_OK);
    CHECK_EQ_INT(table.count, 3);
}

PK_TEST(table__is_bounded) {
    static char text[PK_LIMIT_PROBES * 80 + 200];
    size_t n = 0;
    for (uint32_t i = 0; i <= PK_LIMIT_PROBES; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "[probe p%u]\nkind = icmp\nhost = a\n", (unsigned)i);
    }
    CHECK_EQ_INT(read_table(text), PK_E_CONFIG);
    CHECK(strstr(message, "the table is full") != NULL);
    n = (size_t)snprintf(text, sizeof text, "[scrape p]\nhost = a\nport = 1\n");
    for (uint32_t i = 0; i <= PK_PROBE_SERIES; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "gauge = s%u -> t\n", (unsigned)i);
    }
    CHECK_EQ_INT(read_table(text), PK_E_CONFIG);
    CHECK(strstr(message, "at most 20 series") != NULL);
    CHECK_EQ_INT(
        read_table(
            "[scrape p]\nhost = a\nport = 1\ngauge = a -> t\n[scrape q]\nhost = a\nport = 1\ngauge = b -> t\n"
            "[scrape p]\ngauge = c -> t\n"),
        PK_E_CONFIG);
    CHECK(strstr(message, "stand together") != NULL);
    pk_probes_init(&table);
    int row = pk_probes_open(&table, pk_str_of("check"), pk_str_of("x"), &error);
    REQUIRE(row == 0);
    int err = PK_OK;
    for (uint32_t i = 0; i < PK_LIMIT_PROBE_TEXT_BYTES && err == PK_OK; i++) {
        err = pk_probes_set(&table, 0, pk_str_of("argv"), pk_str_of("/bin/some/program with arguments"),
                            &error);
    }
    CHECK_EQ_INT(err, PK_E_CONFIG);
    CHECK(strstr(error.message, "PK_LIMIT_PROBE_TEXT_BYTES") != NULL);
}

PK_TEST_MAIN(table__each_kind_with_its_defaults, table__series_keep_selector_type_and_source,
             table__a_later_file_goes_on_with_a_row, table__its_crc_names_it, table__errors_say_what_is_wrong,
             table__errors_of_the_whole_say_where, table__one_name_for_what_says_different_things,
             table__is_bounded)
