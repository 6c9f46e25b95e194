#include "mqtt/pk_mqtt_topic.h"

#include <string.h>

#include "support/pk_test.h"

static bool matches(const char *filter, const char *name) {
    return pk_mqtt_topic_matches(pk_str_of(filter), pk_str_of(name));
}

PK_TEST(text__utf8_without_zero__is_valid) {
    CHECK(pk_mqtt_text_is_valid(pk_str_make("", 0)));
    CHECK(pk_mqtt_text_is_valid(pk_str_make(NULL, 0)));
    CHECK(pk_mqtt_text_is_valid(pk_str_of("plain ascii of more than eight bytes")));
    CHECK(pk_mqtt_text_is_valid(pk_str_of("gr\xC3\xBC\xC3\x9F"
                                          "e \xE2\x82\xAC \xF0\x9F\x98\x80")));
    CHECK(pk_mqtt_text_is_valid(pk_str_of("\xEF\xBB\xBF"
                                          "bom"))); /* MQTT-1.5.4-3: kept, not skipped */
    CHECK(!pk_mqtt_text_is_valid(pk_str_make("a\0b", 3)));
    CHECK(!pk_mqtt_text_is_valid(pk_str_make("12345678\0", 9)));
    CHECK(!pk_mqtt_text_is_valid(pk_str_make("1234\0"
                                             "678",
                                             8)));
    CHECK(!pk_mqtt_text_is_valid(pk_str_of("\xED\xA0\x80"))); /* surrogate: MQTT-1.5.4-1 */
    CHECK(!pk_mqtt_text_is_valid(pk_str_of("\xC0\xAF")));     /* overlong */
    CHECK(!pk_mqtt_text_is_valid(pk_str_of("12345678\xFF")));
    CHECK(!pk_mqtt_text_is_valid(pk_str_of("\xC3")));
}

PK_TEST(text__every_zero_and_high_byte_position__is_seen) {
    char text[24];
    for (size_t n = 1; n <= sizeof text; n++) {
        for (size_t at = 0; at < n; at++) {
            memset(text, 'x', sizeof text);
            CHECK(pk_mqtt_text_is_valid(pk_str_make(text, n)));
            text[at] = '\0';
            CHECK(!pk_mqtt_text_is_valid(pk_str_make(text, n)));
            text[at] = (char)0x80;
            CHECK(!pk_mqtt_text_is_valid(pk_str_make(text, n)));
            text[at] = '\x01'; /* next to zero: no false alarm of the word-wise test */
            CHECK(pk_mqtt_text_is_valid(pk_str_make(text, n)));
        }
    }
}

PK_TEST(text__longer_than_65535__is_not_valid) {
    static char text[PK_MQTT_TEXT_BYTES_MAX + 1];
    memset(text, 'a', sizeof text);
    CHECK(pk_mqtt_text_is_valid(pk_str_make(text, PK_MQTT_TEXT_BYTES_MAX)));
    CHECK(!pk_mqtt_text_is_valid(pk_str_make(text, PK_MQTT_TEXT_BYTES_MAX + 1)));
}

PK_TEST(name__without_wildcards__is_a_name) {
    CHECK(pk_mqtt_topic_is_name(pk_str_of("a")));
    CHECK(pk_mqtt_topic_is_name(pk_str_of("/")));
    CHECK(pk_mqtt_topic_is_name(pk_str_of("$SYS/x")));
    CHECK(pk_mqtt_topic_is_name(pk_str_of("a b/c")));
    CHECK(!pk_mqtt_topic_is_name(pk_str_of("")));
    CHECK(!pk_mqtt_topic_is_name(pk_str_of("a/+")));
    CHECK(!pk_mqtt_topic_is_name(pk_str_of("a#")));
    CHECK(!pk_mqtt_topic_is_name(pk_str_make("a\0", 2)));
}

PK_TEST(filter__wildcards_where_they_may_stand__is_a_filter) {
    const char *const good[] = {"#",          "+",           "a/#",    "+/+",      "/+",
                                "+/",         "a//b",        "/#",     "+/#",      "$share/g/a",
                                "$share/g/+", "$share/g//x", "$SYS/#", "$shared/x"};
    const char *const bad[] = {
        "",           "a#",         "#/a",     "a/#/b",        "a+",         "+a",
        "a/b+/c",     "a/#b",       "++",      "$share/g",     "$share/g/",  "$share//a",
        "$share/+/a", "$share/#/a", "$share/", "$share/a+b/c", "$share/g/a#"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK(pk_mqtt_topic_is_filter(pk_str_of(good[i])) || (CHECK_STR(good[i], "a filter"), false));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!pk_mqtt_topic_is_filter(pk_str_of(bad[i])) || (CHECK_STR(bad[i], "not a filter"), false));
    }
}

PK_TEST(filter__shared_and_wildcard__are_recognised) {
    CHECK(pk_mqtt_filter_is_shared(pk_str_of("$share/g/a")));
    CHECK(!pk_mqtt_filter_is_shared(pk_str_of("$shared/g/a")));
    CHECK(!pk_mqtt_filter_is_shared(pk_str_of("$SHARE/g/a")));
    CHECK(pk_mqtt_filter_has_wildcard(pk_str_of("a/+")));
    CHECK(pk_mqtt_filter_has_wildcard(pk_str_of("#")));
    CHECK(!pk_mqtt_filter_has_wildcard(pk_str_of("a/b")));
}

/* The examples of section 4.7.1 and the corners between them. */
PK_TEST(match__examples_of_the_specification) {
    CHECK(matches("sport/tennis/player1/#", "sport/tennis/player1"));
    CHECK(matches("sport/tennis/player1/#", "sport/tennis/player1/ranking"));
    CHECK(matches("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"));
    CHECK(matches("sport/#", "sport"));
    CHECK(matches("#", "sport"));
    CHECK(matches("sport/tennis/+", "sport/tennis/player1"));
    CHECK(!matches("sport/tennis/+", "sport/tennis/player1/ranking"));
    CHECK(!matches("sport/+", "sport"));
    CHECK(matches("sport/+", "sport/"));
    CHECK(matches("+/+", "/finance"));
    CHECK(matches("/+", "/finance"));
    CHECK(!matches("+", "/finance"));
    CHECK(!matches("#", "$SYS/x"));
    CHECK(!matches("+/monitor/Clients", "$SYS/monitor/Clients"));
    CHECK(matches("$SYS/#", "$SYS/x"));
    CHECK(matches("$SYS/monitor/+", "$SYS/monitor/Clients"));
    CHECK(!matches("ACCOUNTS", "Accounts"));
    CHECK(!matches("a/b", "a"));
    CHECK(!matches("a", "a/b"));
    CHECK(!matches("a/b", "a/c"));
    CHECK(!matches("ab", "abc"));
    CHECK(!matches("abc", "ab"));
    CHECK(matches("a//b", "a//b"));
    CHECK(matches("a/+/b", "a//b"));
    CHECK(!matches("a/+/#", "a"));
    CHECK(matches("a/+/#", "a/b"));
    CHECK(matches("+", "a"));
    CHECK(matches("+/", "a/"));
    CHECK(!matches("a/", "a"));
}

PK_TEST(match__of_a_shared_filter__ignores_the_group) {
    CHECK(matches("$share/hub/a/+", "a/b"));
    CHECK(!matches("$share/hub/a/+", "a/b/c"));
    CHECK(matches("$share/hub//b", "/b"));
    CHECK(!matches("$share/hub/#", "$SYS/x"));
}

PK_TEST_MAIN(text__utf8_without_zero__is_valid, text__every_zero_and_high_byte_position__is_seen,
             text__longer_than_65535__is_not_valid, name__without_wildcards__is_a_name,
             filter__wildcards_where_they_may_stand__is_a_filter, filter__shared_and_wildcard__are_recognised,
             match__examples_of_the_specification, match__of_a_shared_filter__ignores_the_group)
