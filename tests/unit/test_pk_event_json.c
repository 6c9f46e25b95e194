#include "event/pk_event_json.h"

#include <string.h>

#include "base/pk_severity.h"
#include "support/pk_golden.h"
#include "support/pk_test.h"

static struct pk_event_in in;
static struct pk_event_error error;
static char line[8192];

static int parse(const char *text) {
    return pk_event_json_parse(pk_str_of(text), &in, &error);
}

static void check_error(const char *text, int err, const char *field, uint32_t at) {
    CHECK_EQ_INT(parse(text), err);
    CHECK_EQ_INT(error.err, err);
    CHECK_STR(error.field, field);
    CHECK_EQ_U64(error.at_byte, at);
    CHECK(error.message[0] != '\0');
}

PK_TEST(parse__every_member__is_taken) {
    REQUIRE(
        parse(
            "{\"type\":\"api_error\",\"source\":\"api\",\"severity\":\"WARN\",\"value\":12.5,\"message\":"
            "\"it \\u0041\","
            "\"time\":\"2026-11-21T05:04:50.123Z\",\"event_id\":\"e1\",\"correlation_id\":\"job 7\","
            "\"metadata\":{\"host\":\"db\\n1\",\"code\":503,\"ok\":false,\"nil\":null},\"replayed\":true}") ==
        PK_OK);
    CHECK_STR(in.type, "api_error");
    CHECK_STR(in.source, "api");
    CHECK_EQ_INT(in.severity, PK_SEV_MEDIUM);
    CHECK(in.has_value && pk_test_eq_int((long long)(in.value * 10), 125, "value", __FILE__, __LINE__));
    CHECK_STR(in.message, "it A");
    CHECK(in.has_time);
    CHECK_EQ_INT(in.wall_ms, 1795237490123);
    CHECK(in.event_id_hash != 0);
    CHECK(in.is_replayed);
    CHECK_EQ_U64(in.unknown_count, 0);
    struct pk_field f;
    const struct pk_str fields = pk_str_make((const char *)in.fields, in.field_bytes);
    CHECK(pk_field_find(fields, pk_str_of("host"), &f) && pk_str_eq_c(f.value, "db\n1"));
    CHECK(pk_field_find(fields, pk_str_of("code"), &f) && f.kind == PK_FIELD_NUMBER &&
          pk_str_eq_c(f.value, "503"));
    CHECK(pk_field_find(fields, pk_str_of("ok"), &f) && f.kind == PK_FIELD_BOOL &&
          pk_str_eq_c(f.value, "false"));
    CHECK(!pk_field_find(fields, pk_str_of("nil"), &f));
    CHECK(pk_field_find(fields, pk_str_of(""), &f) && pk_str_eq_c(f.value, "job 7"));
}

PK_TEST(parse__what_recordings_say_besides) {
    REQUIRE(
        parse("{\"received\":\"2026-11-21T05:04:50.123Z\",\"type\":\"t\",\"source\":\"s\",\"fault\":true}") ==
        PK_OK);
    CHECK_EQ_INT(in.received_ms, 1795237490123);
    CHECK(in.is_fault && !in.has_value && !in.has_time);
    REQUIRE(parse("{\"type\":\"t\",\"source\":\"s\",\"fault\":false,\"received\":null}") == PK_OK);
    CHECK(!in.is_fault && in.received_ms == 0);
    check_error("{\"type\":\"t\",\"source\":\"s\",\"fault\":1}", PK_E_BAD_FIELD, "fault", 33);
    check_error("{\"type\":\"t\",\"source\":\"s\",\"received\":-1}", PK_E_BAD_FIELD, "received", 36);
}

PK_TEST(parse__every_alias__means_the_same) {
    REQUIRE(parse("{\"event_type\":\"a\",\"source_system\":\"b\",\"text\":\"t\",\"timestamp\":1700000000000,"
                  "\"data\":{\"x\":1}}") == PK_OK);
    CHECK_STR(in.type, "a");
    CHECK_STR(in.source, "b");
    CHECK_STR(in.message, "t");
    CHECK_EQ_INT(in.wall_ms, 1700000000000);
    CHECK(in.field_bytes > 0);
    CHECK_EQ_INT(in.severity, PK_SEV_INFO);
    CHECK(!in.has_value && !in.is_replayed);
}

PK_TEST(parse__unknown_members__are_ignored_and_counted) {
    REQUIRE(parse("{\"type\":\"a\",\"foo\":{\"deep\":[1,{\"type\":3}]},\"source\":\"b\",\"bar\":[]}") ==
            PK_OK);
    CHECK_EQ_U64(in.unknown_count, 2);
    CHECK_STR(in.source, "b");
}

PK_TEST(parse__defects__name_field_and_byte) {
    check_error("{\"source\":\"b\"}", PK_E_MISSING_FIELD, "type", 14);
    check_error("{\"type\":\"b\"}", PK_E_MISSING_FIELD, "source", 12);
    check_error("{\"type\":\"a b\",\"source\":\"b\"}", PK_E_BAD_FIELD, "type", 8);
    check_error("{\"type\":7,\"source\":\"b\"}", PK_E_BAD_FIELD, "type", 8);
    check_error("{\"type\":\"a\",\"source\":\"\"}", PK_E_BAD_FIELD, "source", 21);
    check_error("{\"type\":\"a\",\"source\":\"b\",\"severity\":\"loud\"}", PK_E_BAD_FIELD, "severity", 36);
    check_error("{\"type\":\"a\",\"source\":\"b\",\"value\":\"12\"}", PK_E_BAD_FIELD, "value", 33);
    check_error("{\"type\":\"a\",\"source\":\"b\",\"value\":1e999}", PK_E_BAD_FIELD, "value", 33);
    check_error("{\"type\":\"a\",\"source\":\"b\",\"time\":\"yesterday\"}", PK_E_BAD_FIELD, "time", 32);
    check_error("{\"type\":\"a\",\"source\":\"b\",\"time\":-5}", PK_E_BAD_FIELD, "time", 32);
    check_error("{\"type\":\"a\",\"source\":\"b\",\"metadata\":[1]}", PK_E_BAD_FIELD, "metadata", 36);
    check_error("{\"type\":\"a\",\"source\":\"b\",\"metadata\":{\"x\":{}}}", PK_E_BAD_FIELD, "x", 41);
    check_error("{\"type\":\"a\",\"source\":\"b\",\"replayed\":\"yes\"}", PK_E_BAD_FIELD, "replayed", 36);
    check_error("{\"type\":\"a\",\"event_type\":\"a\"}", PK_E_BAD_FIELD, "event_type", 25);
    check_error("{\"type\":\"a\",\"source\":\"b\",\"correlation_id\":\"\"}", PK_E_BAD_FIELD, "correlation_id",
                42);
}

PK_TEST(parse__what_is_no_json_object__is_refused) {
    static const char *const BAD[] = {"",
                                      "x",
                                      "[]",
                                      "7",
                                      "{\"type\":\"a\"",
                                      "{\"type\":\"a\",}",
                                      "{} {}",
                                      "{\"a\":\"\x01\"}",
                                      "{\"type\":\"\xFF\"}",
                                      "{'type':'a'}",
                                      "null"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK(parse(BAD[i]) == PK_E_BAD_MSG || (strcmp(BAD[i], "{} {}") == 0 && error.err < 0));
    }
    memset(line, '[', 200);
    memcpy(line, "{\"x\":", 5);
    CHECK_EQ_INT(pk_event_json_parse(pk_str_make(line, 200), &in, &error), PK_E_TOO_DEEP);
    memset(line, ' ', sizeof line);
    CHECK_EQ_INT(pk_event_json_parse(pk_str_make(line, PK_EVENT_LINE_BYTES + 1u), &in, &error), PK_E_TOO_BIG);
}

PK_TEST(parse__more_than_the_limits__is_cut_and_counted) {
    struct pk_buf b;
    pk_buf_init(&b, line, sizeof line);
    pk_buf_puts(&b, "{\"type\":\"a\",\"source\":\"b\",\"message\":\"");
    for (int i = 0; i < 200; i++) {
        pk_buf_puts(&b, "\xC3\xA9");
    }
    pk_buf_puts(&b, "\",\"metadata\":{");
    for (int i = 0; i < 10; i++) {
        pk_buf_puts(&b, i > 0 ? ",\"k" : "\"k");
        pk_buf_put_u64(&b, (uint64_t)i);
        pk_buf_puts(&b, "\":1");
    }
    pk_buf_puts(&b, "}}");
    REQUIRE(parse(line) == PK_OK);
    CHECK_EQ_U64(in.cut_count, 3); /* the message, and two fields above eight */
    CHECK_EQ_U64(in.message_bytes, 256);
    CHECK(pk_text_is_utf8(pk_str_make(in.message, in.message_bytes)));
}

PK_TEST(topic__bare_number_object_and_empty__are_events) {
    const struct pk_str source = pk_str_of("plc1");
    const struct pk_str type = pk_str_of("temp");
    REQUIRE(pk_event_topic_parse(source, type, pk_str_of(" 21.5\n"), &in, &error) == PK_OK);
    CHECK_STR(in.type, "temp");
    CHECK_STR(in.source, "plc1");
    CHECK(in.has_value && in.value > 21.4 && in.value < 21.6);
    REQUIRE(pk_event_topic_parse(source, type, pk_str_make(NULL, 0), &in, &error) == PK_OK);
    CHECK(!in.has_value);
    REQUIRE(pk_event_topic_parse(source, type, pk_str_of("{\"type\":\"x y\",\"source\":9,\"value\":3}"), &in,
                                 &error) == PK_OK);
    CHECK_STR(in.type, "temp"); /* the topic's word, whatever the payload says */
    CHECK(in.has_value);
    CHECK_EQ_INT(pk_event_topic_parse(source, type, pk_str_of("NaN"), &in, &error), PK_E_BAD_MSG);
    CHECK_EQ_INT(pk_event_topic_parse(source, type, pk_str_of("[1]"), &in, &error), PK_E_BAD_MSG);
    CHECK_EQ_INT(pk_event_topic_parse(pk_str_of("a#"), type, pk_str_of("1"), &in, &error), PK_E_BAD_FIELD);
    CHECK_STR(error.field, "source");
    CHECK_EQ_INT(pk_event_topic_parse(source, pk_str_of("+"), pk_str_of("1"), &in, &error), PK_E_BAD_FIELD);
    CHECK_STR(error.field, "type");
    CHECK_EQ_INT(pk_event_topic_parse(source, type, pk_str_make(line, PK_EVENT_LINE_BYTES + 1u), &in, &error),
                 PK_E_TOO_BIG);
}

PK_TEST(sample__an_error__is_a_fault_without_value) {
    REQUIRE(pk_event_sample("cpu_pct", "cpu", 12.0, PK_OK, &in) == PK_OK);
    CHECK(in.has_value && !in.is_fault && in.is_local);
    REQUIRE(pk_event_sample("disk_pct", "var", 12.0, PK_E_IO, &in) == PK_OK);
    CHECK(!in.has_value && in.is_fault);
    CHECK_STR(in.message, "cannot be measured: input/output failed");
    CHECK_EQ_INT(pk_event_sample("disk pct", "var", 1.0, PK_OK, &in), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_event_sample("disk_pct", "/var", 1.0, PK_OK, &in), PK_E_BAD_FIELD);
}

PK_TEST(reply__ok_and_error__as_the_wire_has_them) {
    char text[256];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_event_reply_ok(&b, 12, 345);
    CHECK_STR(text, "{\"ok\":true,\"id\":\"12-345\"}");
    (void)parse("{\"type\":\"a\",\"source\":\"b\",\"severity\":\"loud\"}");
    pk_buf_init(&b, text, sizeof text);
    pk_event_reply_error(&b, &error);
    CHECK_STR(text, "{\"ok\":false,\"error\":\"bad_field\",\"field\":\"severity\",\"at\":36,"
                    "\"message\":\"must be info, low, medium, high, critical or a known alias\"}");
}

PK_TEST(write__what_was_taken__reads_back) {
    static struct pk_types types;
    static struct pk_sources sources;
    static struct pk_textring text;
    char out[512];
    struct pk_event e;
    struct pk_buf b;
    struct pk_json_writer w;
    pk_types_init(&types);
    pk_sources_init(&sources);
    pk_textring_init(&text);
    REQUIRE(parse("{\"type\":\"a\",\"source\":\"b\",\"message\":\"m\\\"\",\"correlation_id\":\"c\",\"data\":{"
                  "\"s\":\"x\",\"n\":1.50,\"t\":true}}") == PK_OK);
    memset(&e, 0, sizeof e);
    e.type_id = (uint16_t)pk_types_intern(&types, pk_str_of(in.type));
    e.source_id = (uint16_t)pk_sources_intern(&sources, pk_str_of(in.source));
    e.severity = PK_SEV_HIGH;
    e.number = 7;
    e.value = 2.5;
    e.flags = PK_EVENT_HAS_VALUE | PK_EVENT_REPLAYED;
    e.wall_ms = 1700000000123;
    e.correlation = 1;
    e.text_bytes = in.message_bytes;
    e.field_bytes = in.field_bytes;
    e.text_ref = pk_textring_put(&text, pk_str_make(in.message, in.message_bytes),
                                 pk_str_make((const char *)in.fields, in.field_bytes));
    pk_buf_init(&b, out, sizeof out);
    pk_jw_init(&w, &b);
    pk_event_json_write(&w, NULL, &e, &types, &sources, &text, 3);
    CHECK_STR(out, "{\"event_id\":\"3-7\",\"type\":\"a\",\"source\":\"b\",\"severity\":\"high\",\"value\":2."
                   "5,\"message\":\"m\\\"\","
                   "\"time\":\"2023-11-14T22:13:20.123Z\",\"correlation_id\":\"c\",\"metadata\":{\"s\":\"x\","
                   "\"n\":1.50,\"t\":true},"
                   "\"replayed\":true}");
    CHECK_EQ_INT(parse(out), PK_OK);
}

/* What was taken of a line, in one form for all programs. */
static struct pk_str taken(struct pk_buf *b) {
    struct pk_json_writer w;
    pk_jw_init(&w, b);
    pk_jw_object(&w, NULL);
    pk_jw_cstr(&w, "type", in.type);
    pk_jw_cstr(&w, "source", in.source);
    pk_jw_cstr(&w, "severity", pk_severity_word((enum pk_severity)in.severity));
    if (in.has_value) {
        pk_jw_double(&w, "value", in.value);
    } else {
        pk_jw_null(&w, "value");
    }
    pk_jw_cstr(&w, "message", in.message);
    if (in.has_time) {
        pk_jw_i64(&w, "time_ms", in.wall_ms);
    } else {
        pk_jw_null(&w, "time_ms");
    }
    pk_jw_cstr(&w, "correlation_id", in.correlation);
    pk_jw_bool(&w, "replayed", in.is_replayed);
    pk_jw_u64(&w, "unknown", in.unknown_count);
    pk_jw_object_end(&w);
    return pk_buf_str(b);
}

PK_TEST(golden__lines_and_replies__as_every_program_has_them) {
    static const char *const files[] = {"events.jsonl", "event_defects.jsonl"};
    static char text[8192], said[1024];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct pk_str all = pk_golden(files[i], text, sizeof text), input, expected;
        uint32_t pairs = 0;
        while (pk_str_split(&all, '\n', &input) && input.n > 0 && pk_str_split(&all, '\n', &expected)) {
            struct pk_buf b;
            pk_buf_init(&b, said, sizeof said);
            const int err = pk_event_json_parse(input, &in, &error);
            CHECK_EQ_INT(err < 0, i == 1);
            if (err < 0) {
                pk_event_reply_error(&b, &error);
            } else {
                (void)taken(&b);
            }
            CHECK_EQ_U64(b.n, expected.n);
            CHECK_MEM(said, expected.p, expected.n < b.n ? expected.n : b.n);
            pairs++;
        }
        CHECK(pairs >= 3);
    }
    const struct pk_str reply = pk_golden("event_reply.json", text, sizeof text);
    struct pk_buf b;
    pk_buf_init(&b, said, sizeof said);
    pk_event_reply_ok(&b, 7, 42);
    REQUIRE(b.n + 1u == reply.n); /* the file has a line end */
    CHECK_MEM(said, reply.p, b.n);
}

PK_TEST_MAIN(parse__every_member__is_taken, parse__what_recordings_say_besides,
             parse__every_alias__means_the_same, parse__unknown_members__are_ignored_and_counted,
             parse__defects__name_field_and_byte, parse__what_is_no_json_object__is_refused,
             parse__more_than_the_limits__is_cut_and_counted, topic__bare_number_object_and_empty__are_events,
             sample__an_error__is_a_fault_without_value, reply__ok_and_error__as_the_wire_has_them,
             write__what_was_taken__reads_back, golden__lines_and_replies__as_every_program_has_them)
