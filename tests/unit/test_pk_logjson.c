#include "event/pk_logjson.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_log_reader reader;
static struct pk_logline line;

static bool take(const char *text) {
    memset(&line, 0, sizeof line);
    return pk_logjson_parse(&reader, pk_str_of(text), &line);
}

PK_TEST(journal__is_read) {
    REQUIRE(take(
        "{\"__REALTIME_TIMESTAMP\":\"1795237490123456\",\"_HOSTNAME\":\"gw\",\"_COMM\":\"sshd-real\","
        "\"PRIORITY\":\"3\","
        "\"SYSLOG_IDENTIFIER\":\"sshd\",\"MESSAGE\":\"say \\\"no\\\"\",\"nested\":{\"message\":\"x\"}}"));
    CHECK(pk_str_eq_c(line.message, "say \"no\""));
    CHECK(pk_str_eq_c(line.program, "sshd"));
    CHECK(pk_str_eq_c(line.host, "gw"));
    CHECK(line.has_time && line.wall_ms == 1795237490123);
    CHECK(line.has_severity);
    CHECK_EQ_INT(line.severity, PK_SEV_HIGH);
    CHECK_EQ_INT(line.format, PK_LOG_FORMAT_JSON);
}

PK_TEST(others__are_read) {
    REQUIRE(take(
        "{\"level\":\"error\",\"ts\":\"2026-11-21T05:04:50.123Z\",\"logger\":\"api\",\"msg\":\"it broke\"}"));
    CHECK(pk_str_eq_c(line.message, "it broke"));
    CHECK(pk_str_eq_c(line.program, "api"));
    CHECK_EQ_INT(line.severity, PK_SEV_HIGH);
    CHECK(line.has_time && line.wall_ms == 1795237490123);
    REQUIRE(take("{\"log\":\"out of it\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-21T05:04:50.123Z\"}"));
    CHECK(pk_str_eq_c(line.message, "out of it"));
    CHECK(!line.has_severity);
    REQUIRE(take("{\"level\":50,\"time\":1795237490123,\"msg\":\"x\"}"));
    CHECK_EQ_INT(line.severity, PK_SEV_HIGH);
    CHECK(line.has_time && line.wall_ms == 1795237490123);
}

PK_TEST(what_is_none__is_left_alone) {
    static const char *const BAD[] = {
        "", "{", "{}", "[1]", "{\"a\":1}", "{\"msg\":\"x\"", "{\"msg\":\"x\",}", "{\"msg\":\"\x01\"}", "x"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK(!take(BAD[i]));
        CHECK_EQ_U64(line.message.n, 0);
    }
    CHECK(take("{\"msg\":\"x\",\"level\":\"unheard of\",\"time\":\"noon\",\"PRIORITY\":null}"));
    CHECK(!line.has_severity && !line.has_time);
}

PK_TEST(journal__text_as_numbers_and_fields_sent_twice) {
    REQUIRE(take("{\"MESSAGE\":[115,97,121,32,110,111,255],\"_SYSTEMD_UNIT\":\"a.service\",\"__CURSOR\":\"s="
                 "1;i=2\"}"));
    CHECK(pk_str_eq_c(line.message, "say no\xff"));
    CHECK(pk_str_eq_c(line.program, "a.service"));
    CHECK_STR(reader.cursor, "s=1;i=2");
    REQUIRE(take("{\"MESSAGE\":[\"one\",\"two\"],\"_COMM\":\"c\",\"_SYSTEMD_UNIT\":\"u\"}"));
    CHECK(pk_str_eq_c(line.message, "one") && pk_str_eq_c(line.program, "c"));
    REQUIRE(take("{\"MESSAGE\":[256,-1,1.5,\"x\",[1],{\"a\":2},null,65]}"));
    CHECK(pk_str_eq_c(line.message, "x"));
    REQUIRE(take("{\"MESSAGE\":[]}") && line.message.n == 0);
    REQUIRE(take("{\"MESSAGE\":null}") && line.message.n == 0);
    CHECK(!take("{\"MESSAGE\":[1,2"));
    memset(&reader, 0, sizeof reader);
    char text[400] = "{\"MESSAGE\":\"m\",\"__CURSOR\":\"";
    memset(text + strlen(text), 'x', 300);
    strcat(text, "\"}");
    REQUIRE(take(text));
    CHECK_STR(reader.cursor, ""); /* half a cursor is none */
}

PK_TEST_MAIN(journal__is_read, others__are_read, what_is_none__is_left_alone,
             journal__text_as_numbers_and_fields_sent_twice)
