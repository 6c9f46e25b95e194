#include "base/pk_inlet.h"

#include <stdio.h>
#include <string.h>

#include "support/pk_test.h"

static struct pk_inlets table;

static const char *set(const char *kind, const char *name, const char *key, const char *value) {
    return pk_inlet_set(&table, pk_str_of(kind), pk_str_of(name), pk_str_of(key), pk_str_of(value));
}
static const char *open_log(const char *name) {
    return pk_inlet_open(&table, pk_str_of("log"), pk_str_of(name));
}
static void empty(void) {
    memset(&table, 0, sizeof table);
}

PK_TEST(inlets__logs__need_a_name_and_a_path) {
    empty();
    CHECK(open_log("auth") == NULL);
    CHECK_STR(pk_inlets_incomplete(&table), "auth");
    CHECK(set("log", "auth", "path", "/var/log/auth.log") == NULL);
    CHECK(pk_inlets_incomplete(&table) == NULL);
    CHECK_STR(table.rows[0].name, "log:auth");
    CHECK_STR(table.rows[0].path, "/var/log/auth.log");
    CHECK(open_log("auth") == NULL); /* again: the same row */
    CHECK_EQ_U64(table.count, 1);
    CHECK(open_log("") != NULL && open_log("a/b") != NULL);
    CHECK(open_log("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") != NULL);
    CHECK(open_log("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") == NULL);
    CHECK(set("log", "auth", "path", "relative") != NULL && set("log", "auth", "path", "") != NULL);
    CHECK_STR(table.rows[0].path, "/var/log/auth.log");
    CHECK(set("log", "auth", "pfad", "/x") == PK_INLET_UNKNOWN_KEY);
}

PK_TEST(inlets__logs__patterns_and_form) {
    empty();
    CHECK(open_log("a") == NULL);
    const uint32_t crc = pk_inlets_crc(&table);
    CHECK(set("log", "a", "patterns", "ssh, kernel,my.plant") == NULL);
    CHECK_STR(table.rows[0].patterns, "ssh, kernel,my.plant");
    CHECK(pk_inlets_crc(&table) != crc); /* both processes must know */
    CHECK(set("log", "a", "patterns", "") != NULL && set("log", "a", "patterns", "ssh,,kernel") != NULL);
    CHECK(set("log", "a", "patterns", "ssh kernel") != NULL);
    CHECK(set("log", "a", "patterns", "a0123456789,b0123456789,c0123456789,d0123456789,e0123456789,f0123") !=
          NULL);
    CHECK_STR(table.rows[0].patterns, "ssh, kernel,my.plant");
    CHECK(set("log", "a", "patterns", "all") == NULL);
    CHECK_STR(table.rows[0].patterns, "");
    CHECK(set("log", "a", "format", "syslog") == NULL);
    CHECK_EQ_INT(table.rows[0].form, 1 + PK_LOG_FORMAT_SYSLOG);
    CHECK(set("log", "a", "format", "Syslog") != NULL && set("log", "a", "format", "") != NULL);
    CHECK_EQ_INT(table.rows[0].form, 1 + PK_LOG_FORMAT_SYSLOG);
    CHECK(set("log", "a", "format", "auto") == NULL);
    CHECK_EQ_U64(pk_inlets_crc(&table), crc);
    CHECK(set("syslog", "", "format", "auto") == PK_INLET_UNKNOWN_KEY);
}

PK_TEST(inlets__sockets_and_devices__yes_no_or_a_path) {
    empty();
    CHECK(set("syslog", "", "socket", "yes") == NULL && set("kmsg", "", "device", "yes") == NULL);
    CHECK(set("journal", "", "command", "/opt/journalctl") == NULL);
    CHECK_EQ_U64(table.count, 3);
    CHECK_STR(table.rows[0].path, "");
    CHECK_STR(table.rows[1].path, "/dev/kmsg");
    CHECK_STR(table.rows[2].path, "/opt/journalctl");
    CHECK(set("kmsg", "", "device", "no") == NULL);
    CHECK_EQ_U64(table.count, 2);
    CHECK_STR(table.rows[1].name, "journal");
    CHECK(set("kmsg", "", "device", "no") == NULL);
    CHECK(set("kmsg", "", "device", "perhaps") != NULL && set("kmsg", "", "device", "") != NULL);
    CHECK_EQ_U64(table.count, 2);
}

PK_TEST(inlets__udp__port_and_address) {
    empty();
    CHECK(set("syslog", "", "udp", "5514") == NULL);
    CHECK_STR(table.rows[0].path, "127.0.0.1");
    CHECK_EQ_INT(table.rows[0].port, 5514);
    CHECK(set("syslog", "", "udp", "0.0.0.0:514") == NULL);
    CHECK_STR(table.rows[0].path, "0.0.0.0");
    CHECK(set("statsd", "", "udp", "127.0.0.2:8125") == NULL);
    CHECK(set("statsd", "", "udp", "0.0.0.0:8125") != NULL); /* only loopback */
    CHECK(set("syslog", "", "udp", "[::1]:514") == NULL);
    CHECK_STR(table.rows[0].path, "::1");
    CHECK_EQ_INT(table.rows[0].port, 514);
    CHECK(set("statsd", "", "udp", "[::1]:8125") == NULL && set("syslog", "", "udp", "[::]:514") == NULL);
    CHECK(set("statsd", "", "udp", "[2001:db8::1]:8125") != NULL);
    static const char *const bad[] = {
        "0",       "65536", "x",      "1.2.3:1", "1.2.3.4.5:1", "256.1.1.1:1",   ":1",      "1:",       "",
        "::1:514", "[::1]", "[::1]:", "[::1",    "[]:514",      "[1.2.3.4]:514", "[::1]:0", "[::g]:514"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(set("syslog", "", "udp", bad[i]) != NULL);
    }
    CHECK(set("syslog", "", "udp", "no") == NULL && set("statsd", "", "udp", "no") == NULL);
    CHECK_EQ_U64(table.count, 0);
}

PK_TEST(inlets__the_same_thing_twice__is_found) {
    struct pk_str name;
    empty();
    CHECK(open_log("a") == NULL && set("log", "a", "path", "/var/log/x") == NULL);
    CHECK(set("syslog", "", "udp", "5514") == NULL && set("statsd", "", "udp", "127.0.0.2:5514") == NULL);
    CHECK(set("syslog", "", "socket", "yes") == NULL && set("statsd", "", "socket", "yes") == NULL);
    CHECK(pk_inlets_twice(&table) == NULL);
    CHECK(set("statsd", "", "udp", "5514") == NULL);
    const struct pk_inlet_row *row = pk_inlets_twice(&table);
    REQUIRE(row != NULL);
    CHECK(pk_str_eq_c(pk_inlet_section(row, &name), "statsd") && name.n == 0);
    CHECK(set("statsd", "", "udp", "5515") == NULL && pk_inlets_twice(&table) == NULL);
    CHECK(open_log("b") == NULL && set("log", "b", "path", "/var/log/x") == NULL);
    row = pk_inlets_twice(&table);
    REQUIRE(row != NULL);
    CHECK(pk_str_eq_c(pk_inlet_section(row, &name), "log") && pk_str_eq_c(name, "b"));
}

PK_TEST(inlets__full__says_so) {
    char name[16];
    empty();
    for (uint32_t i = 0; i < PK_LIMIT_INLETS; i++) {
        (void)snprintf(name, sizeof name, "l%u", i);
        CHECK(open_log(name) == NULL);
    }
    CHECK(open_log("more") != NULL && set("kmsg", "", "device", "yes") != NULL);
    CHECK(open_log("l0") == NULL);
}

PK_TEST(inlets__checksum__tells_tables_apart) {
    empty();
    const uint32_t none = pk_inlets_crc(&table);
    CHECK(set("kmsg", "", "device", "yes") == NULL);
    const uint32_t one = pk_inlets_crc(&table);
    CHECK(none != one);
    CHECK(set("kmsg", "", "device", "/dev/other") == NULL);
    CHECK(pk_inlets_crc(&table) != one);
    CHECK(set("kmsg", "", "device", "/dev/kmsg") == NULL);
    CHECK_EQ_U64(pk_inlets_crc(&table), one); /* nothing is left of the longer path */
}

PK_TEST(inlets__cursor__nothing_that_is_no_cursor) {
    CHECK(pk_inlet_is_cursor(pk_str_of("s=0a1b;i=4f;b=77;m=1;t=2;x=3")));
    CHECK(!pk_inlet_is_cursor(pk_str_of("")) && !pk_inlet_is_cursor(pk_str_of("s=1 --file=/etc/shadow")));
    CHECK(!pk_inlet_is_cursor(pk_str_of("s=1\n")) && !pk_inlet_is_cursor(pk_str_of("s=/x")));
}

PK_TEST_MAIN(inlets__logs__need_a_name_and_a_path, inlets__logs__patterns_and_form,
             inlets__sockets_and_devices__yes_no_or_a_path, inlets__udp__port_and_address,
             inlets__the_same_thing_twice__is_found, inlets__full__says_so,
             inlets__checksum__tells_tables_apart, inlets__cursor__nothing_that_is_no_cursor)
