#include "event/pk_map.h"

#include <stdio.h>
#include <string.h>

#include "base/pk_assert.h"
#include "support/pk_test.h"

static struct pk_map_table table;
static const char *why;
static struct pk_map_error map_error;

static int set(const char *key, const char *value) {
    return pk_map_set(&table, 0, pk_str_of(key), pk_str_of(value), &why);
}

static void begin(void) {
    pk_map_init(&table);
    why = NULL;
    CHECK_EQ_INT(pk_map_open(&table, pk_str_of("row")), 0);
}

PK_TEST(set__every_key__once_with_a_good_value) {
    static const char *const PAIRS[][2] = {
        {"topic", "a/+/#"},
        {"type", "t"},
        {"source", "{1}.{2}"},
        {"severity", "{s}"},
        {"value", "{v}"},
        {"text", "{x|}"},
        {"correlation", "{c}"},
        {"time", "{t}"},
        {"data", "a.b, c"},
        {"types", "a -> b"},
        {"severities", "x -> high, * -> P3"},
        {"values", "on -> 1, off -> -2.5"},
        {"scale", "0.1"},
        {"offset", "-40"},
        {"empty", "0"},
        {"retained", "yes"},
    };
    begin();
    for (size_t i = 0; i < PK_COUNT_OF(PAIRS); i++) {
        CHECK_EQ_INT(set(PAIRS[i][0], PAIRS[i][1]), PK_OK);
        CHECK_STR(pk_map_key_word((uint32_t)i) != NULL ? PAIRS[i][0] : "", PAIRS[i][0]);
    }
    CHECK(pk_map_key_word(PK_COUNT_OF(PAIRS)) == NULL);
    CHECK_EQ_INT(pk_map_incomplete(&table, &map_error), -1);
    CHECK(table.rows[0].scale == 0.1 && table.rows[0].offset == -40 && table.rows[0].has_empty &&
          table.rows[0].takes_retained);
    CHECK_EQ_INT(set("empty", "skip"), PK_OK);
    CHECK(table.rows[0].skips_empty && !table.rows[0].has_empty);
    CHECK_EQ_INT(set("topic", "\"#\""), PK_OK);
    CHECK(pk_str_eq_c(pk_map_str(&table, table.rows[0].topic), "#"));
}

PK_TEST(set__bad_values__are_refused_with_a_reason_and_change_nothing) {
    static const char *const BAD[][2] = {
        {"topic", ""},
        {"topic", "a/b#"},
        {"topic", "a/#/b"},
        {"topic", "a+/b"},
        {"topic", "$share/g/a"},
        {"topic", "picket/v1/x"},
        {"topic", "+/+/+/+/+/+/+/+/+/+"},
        {"type", "{"},
        {"source", "{0}"},
        {"data", "a..b"},
        {"data", "a,,b"},
        {"data", "[0]"},
        {"data", "a,b,c,d,e,f,g,h,i"},
        {"types", "a"},
        {"severities", "x -> nice"},
        {"values", "on -> one"},
        {"scale", "x"},
        {"offset", ""},
        {"empty", "maybe"},
        {"retained", "perhaps"},
    };
    for (size_t i = 0; i < PK_COUNT_OF(BAD); i++) {
        begin();
        CHECK_EQ_INT(set(BAD[i][0], BAD[i][1]), PK_E_BAD_FIELD);
        CHECK(why != NULL && strstr(why, "{}") != NULL);
        CHECK_EQ_U64(table.text_bytes, 0);
    }
    begin();
    CHECK_EQ_INT(set("topc", "a"), PK_E_NOT_FOUND);
}

PK_TEST(open__names_and_room) {
    char name[16];
    begin();
    CHECK_EQ_INT(pk_map_open(&table, pk_str_of("row")), 0); /* again: the same row */
    CHECK_EQ_INT(pk_map_open(&table, pk_str_of("no name")), PK_E_BAD_FIELD);
    for (uint32_t i = 1; i < PK_LIMIT_MAPS; i++) {
        (void)snprintf(name, sizeof name, "r%u", i);
        CHECK_EQ_INT(pk_map_open(&table, pk_str_of(name)), (int)i);
    }
    CHECK_EQ_INT(pk_map_open(&table, pk_str_of("one-more")), PK_E_FULL);
}

PK_TEST(set__texts_beyond_the_table__are_refused) {
    char text[PK_MAP_TEXT_BYTES];
    memset(text, 'x', sizeof text);
    begin();
    int err = PK_OK;
    for (uint32_t i = 0; err == PK_OK && i <= PK_LIMIT_MAP_TEXT_BYTES / sizeof text; i++) {
        err = pk_map_set(&table, 0, pk_str_of("text"), pk_str_make(text, sizeof text), &why);
    }
    CHECK_EQ_INT(err, PK_E_FULL);
    CHECK(table.text_bytes <= PK_LIMIT_MAP_TEXT_BYTES);
}

PK_TEST(incomplete__a_missing_key_or_wildcard__is_named) {
    begin();
    CHECK_EQ_INT(pk_map_incomplete(&table, &map_error), 0);
    CHECK(set("topic", "a/+") == PK_OK && set("type", "t") == PK_OK);
    CHECK_EQ_INT(pk_map_incomplete(&table, &map_error), 0);
    CHECK_EQ_INT(set("source", "{2}"), PK_OK);
    CHECK_EQ_INT(pk_map_incomplete(&table, &map_error), 0);
    CHECK_EQ_INT(set("source", "{1}"), PK_OK);
    CHECK_EQ_INT(pk_map_incomplete(&table, &map_error), -1);
}

static const char *wrong(const char *key, const char *value) {
    static char text[120];
    begin();
    CHECK(set("topic", "a/+") == PK_OK && set("type", "t") == PK_OK && set("source", "s") == PK_OK);
    CHECK(set("severities", "bad -> high, 1 -> purple") != PK_OK &&
          set("severities", "bad -> high") == PK_OK);
    CHECK_EQ_INT(set("values", "on -> 1"), PK_OK);
    CHECK_EQ_INT(set(key, value), PK_OK);
    if (pk_map_incomplete(&table, &map_error) < 0) {
        return "";
    }
    (void)snprintf(text, sizeof text, "%s|%.*s|%s", map_error.key, (int)map_error.argument.n,
                   map_error.argument.p, map_error.why);
    return text;
}

/* Words that no message changes are looked at when they are read. */
PK_TEST(incomplete__words_that_can_never_fit__are_told) {
    CHECK_STR(wrong("severity", "purple"),
              "severity|purple|'{}' is not a severity: info, low, medium, high, critical");
    CHECK_STR(wrong("severity", "{level|purple}"),
              "severity|purple|'{}' is not a severity: info, low, medium, high, critical");
    CHECK_STR(wrong("value", "warm"),
              "value|warm|'{}' is not a number; a part of the message stands in braces");
    CHECK_STR(wrong("severity", "bad"), "");
    CHECK_STR(wrong("severity", "{level|}"), "");
    CHECK_STR(wrong("severity", "{level|warning}"), "");
    CHECK_STR(wrong("severity", "x{level}"), "");
    CHECK_STR(wrong("severity", "{a|p}{b|q}"), "");
    CHECK_STR(wrong("value", "on"), "");
    CHECK_STR(wrong("value", "true"), "");
    CHECK_STR(wrong("value", "{v}"), "");
    CHECK_STR(wrong("value", "-1.5"), "");
}

static bool match(const char *filter, const char *topic, const char *expected) {
    struct pk_str captures[PK_MAP_CAPTURES_MAX];
    char got[128] = "";
    struct pk_buf b;
    uint32_t count = 0;
    pk_buf_init(&b, got, sizeof got);
    if (!pk_map_match(pk_str_of(filter), pk_str_of(topic), captures, &count)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        pk_buf_put_str(&b, captures[i]);
        pk_buf_putc(&b, '|');
    }
    CHECK_STR(got, expected);
    return true;
}

PK_TEST(match__wildcards_as_mqtt_says) {
    CHECK(match("a/+/c", "a/b/c", "b|"));
    CHECK(match("te/+/+/+/+/a/+", "te/device/main///a/hot", "device|main|||hot|"));
    CHECK(match("a/#", "a/b/c", "b/c|"));
    CHECK(match("a/#", "a/", "|"));
    CHECK(match("a/#", "a", "|"));
    CHECK(match("#", "a/b", "a/b|"));
    CHECK(match("+/+", "/x", "|x|"));
    CHECK(match("a/b", "a/b", ""));
    CHECK(match("$SYS/#", "$SYS/broker/uptime", "broker/uptime|"));
    CHECK(!match("a/+", "a", ""));
    CHECK(!match("a/+", "a/b/c", ""));
    CHECK(!match("a/b", "a/B", ""));
    CHECK(!match("#", "$SYS/x", ""));
    CHECK(!match("+/x", "$SYS/x", ""));
}

PK_TEST(note__counts_by_reason_and_keeps_the_last_misfit) {
    struct pk_map_count c;
    memset(&c, 0, sizeof c);
    struct pk_map_outcome o = {.reason = PK_MAP_NO_FIELD, .detail = "temp"};
    pk_map_note(&c, &o, 5);
    o = (struct pk_map_outcome){.reason = PK_MAP_TAKEN};
    pk_map_note(&c, &o, 6);
    CHECK_EQ_U64(c.by_reason[PK_MAP_TAKEN], 1);
    CHECK_EQ_U64(c.by_reason[PK_MAP_NO_FIELD], 1);
    CHECK_EQ_U64(c.last_ms, 5);
    CHECK_STR(c.last.detail, "temp");
    c.by_reason[PK_MAP_TAKEN] = UINT32_MAX;
    pk_map_note(&c, &o, 7);
    CHECK_EQ_U64(c.by_reason[PK_MAP_TAKEN], UINT32_MAX);
    for (unsigned i = 0; i < PK_MAP_REASON_COUNT; i++) {
        CHECK(strcmp(pk_map_reason_word((enum pk_map_reason)i), "unknown") != 0);
    }
}

PK_TEST_MAIN(set__every_key__once_with_a_good_value,
             set__bad_values__are_refused_with_a_reason_and_change_nothing, open__names_and_room,
             set__texts_beyond_the_table__are_refused, incomplete__a_missing_key_or_wildcard__is_named,
             incomplete__words_that_can_never_fit__are_told, match__wildcards_as_mqtt_says,
             note__counts_by_reason_and_keeps_the_last_misfit)
