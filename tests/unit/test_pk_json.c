#include "base/pk_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_rng.h"
#include "support/pk_test.h"

enum { FULL_DEPTH = PK_JSON_DEPTH_MAX };

static int next(struct pk_json_reader *r, struct pk_json_token *t) {
    return pk_json_next(r, t);
}

/* Reads the whole document: PK_OK at its end, or the error. */
static int read_all(const char *p, size_t n, uint32_t *out_at_byte) {
    struct pk_json_reader r;
    struct pk_json_token t;
    int err;
    pk_json_init(&r, p, (uint32_t)n);
    do {
        err = pk_json_next(&r, &t);
    } while (err == PK_OK && t.kind != PK_JSON_END);
    *out_at_byte = r.at_byte;
    return err;
}

static int verdict(const char *text) {
    uint32_t at_byte;
    return read_all(text, strlen(text), &at_byte);
}

/* The only value of a document. */
static struct pk_json_token value_of(struct pk_json_reader *r, const char *text) {
    struct pk_json_token t;
    pk_json_init(r, text, (uint32_t)strlen(text));
    if (pk_json_next(r, &t) < 0) {
        t.kind = PK_JSON_END;
    }
    return t;
}

PK_TEST(json_next__an_event_line__gives_each_member_with_key_depth_and_place) {
    static const char TEXT[] = " {\"type\":\"cpu\",\"value\":-1.5e2, \"ok\" : true,\"none\":null,"
                               "\"metadata\":{\"a\":[1,false]},\"e\":{},\"l\":[ ]}\r\n";
    struct pk_json_reader r;
    struct pk_json_token t;
    pk_json_init(&r, TEXT, sizeof TEXT - 1u);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_OBJECT);
    CHECK_EQ_U64(t.depth, 0);
    CHECK_EQ_U64(t.at_byte, 1);
    CHECK(!t.has_key);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_STRING);
    CHECK_EQ_U64(t.depth, 1);
    CHECK_EQ_U64(t.at_byte, 9);
    CHECK(pk_json_key_is(&t, "type"));
    CHECK(pk_str_eq_c(t.raw, "cpu"));
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_NUMBER);
    CHECK(pk_str_eq_c(t.raw, "-1.5e2"));
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_TRUE);
    CHECK(pk_json_key_is(&t, "ok"));
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_NULL);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_OBJECT);
    CHECK(pk_json_key_is(&t, "metadata"));
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_ARRAY);
    CHECK_EQ_U64(t.depth, 2);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_NUMBER);
    CHECK(!t.has_key);
    CHECK_EQ_U64(t.depth, 3);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_FALSE);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_CLOSE);
    CHECK_EQ_U64(t.depth, 2);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_CLOSE);
    CHECK_EQ_U64(t.depth, 1);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_OBJECT);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_CLOSE);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_ARRAY);
    CHECK(pk_json_key_is(&t, "l"));
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_CLOSE);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_CLOSE);
    CHECK_EQ_U64(t.depth, 0);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_END);
    CHECK_EQ_INT(next(&r, &t), PK_OK); /* and stays there */
    CHECK_EQ_INT(t.kind, PK_JSON_END);
}

PK_TEST(json_next__well_formed_documents__are_read_to_the_end) {
    static const char *const TEXTS[] = {
        "0",
        "-0",
        "1e5",
        "1E+5",
        "0.0e-0",
        "\"\"",
        "true",
        "false",
        "null",
        "[]",
        "{}",
        " \t\r\n[ \t\r\n] \t\r\n",
        "[[],[[]],{}]",
        "{\"\":\"\"}",
        "{\"a\":1,\"a\":2}",
        "\"\x7F\"",
        "\"\\u0000\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\uD83D\\uDE00\"",
        "\"\xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80\"",
        "\"\xEF\xBF\xBF \xF4\x8F\xBF\xBF \xED\x9F\xBF \xEE\x80\x80\"",
        "[1,2.5,-3,\"x\",null]",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        if (verdict(TEXTS[i]) != PK_OK) {
            printf("# %s\n", TEXTS[i]);
        }
        CHECK_EQ_INT(verdict(TEXTS[i]), PK_OK);
    }
}

PK_TEST(json_next__malformed_documents__are_refused_where_they_go_wrong) {
    static const struct {
        const char *text;
        uint32_t at_byte;
    } ROWS[] = {
        {"", 0},
        {"  ", 2},
        {"[", 1},
        {"]", 0},
        {"{", 1},
        {"}", 0},
        {"[1", 2},
        {"[1,", 3},
        {"[1,]", 3},
        {"[,1]", 1},
        {"[1 2]", 3},
        {"[1}", 2},
        {"{\"a\":1]", 6},
        {"{\"a\":1,}", 7},
        {"{,}", 1},
        {"{\"a\"}", 4},
        {"{\"a\":}", 5},
        {"{\"a\" 1}", 5},
        {"{a:1}", 1},
        {"{1:1}", 1},
        {"{'a':1}", 1},
        {"{\"a\":1 \"b\":2}", 7},
        {"1 2", 2},
        {"{}{}", 2},
        {"[]x", 2},
        {"tru", 0},
        {"True", 0},
        {"nul", 0},
        {"nullx", 4},
        {"NaN", 0},
        {"Infinity", 0},
        {"-Infinity", 1},
        {"-", 1},
        {"+1", 0},
        {".5", 0},
        {"5.", 2},
        {"5.e1", 2},
        {"5e", 2},
        {"5e+", 3},
        {"01", 0},
        {"-01", 1},
        {"0x10", 1},
        {"1_0", 1},
        {"\"", 1},
        {"\"abc", 4},
        {"\"a\nb\"", 2},
        {"\"a\tb\"", 2},
        {"\"\x01\"", 1},
        {"\"\x1F\"", 1},
        {"\"\\\"", 3},
        {"\"\\x41\"", 1},
        {"\"\\'\"", 1},
        {"\"\\u12\"", 1},
        {"\"\\u12G4\"", 1},
        {"\"\\u+123\"", 1},
        {"\"\\uD800\"", 1},
        {"\"\\uD800\\n\"", 1},
        {"\"\\uD800\\uD800\"", 1},
        {"\"\\uDC00\"", 1},
        {"\"\\uDE00\\uD83D\"", 1},
        {"\"\x80\"", 1},
        {"\"\xC0\x80\"", 1},
        {"\"\xC3\"", 1},
        {"\"\xC3\x28\"", 1},
        {"\"\xE0\x80\xAF\"", 1},
        {"\"\xED\xA0\x80\"", 1},
        {"\"\xF0\x80\x80\x80\"", 1},
        {"\"\xF4\x90\x80\x80\"", 1},
        {"\"\xF8\x88\x80\x80\x80\"", 1},
        {"\"\xFF\"", 1},
        {"\"12345678\x01\"", 9},
        {"\"1234567\xC3\"", 8},
        {"// x\n1", 0},
        {"/* x */1", 0},
        {"\xEF\xBB\xBF{}", 0},
        {"[1]\xC2\xA0", 3},
        {"[1]\f", 3},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        uint32_t at_byte = 0;
        const int err = read_all(ROWS[i].text, strlen(ROWS[i].text), &at_byte);
        if (err != PK_E_BAD_MSG || at_byte != ROWS[i].at_byte) {
            printf("# row %zu: %s\n", i, ROWS[i].text);
        }
        CHECK_EQ_INT(err, PK_E_BAD_MSG);
        CHECK_EQ_U64(at_byte, ROWS[i].at_byte);
    }
}

PK_TEST(json_next__nul_bytes__are_refused_everywhere) {
    uint32_t at_byte;
    CHECK_EQ_INT(read_all("\0", 1, &at_byte), PK_E_BAD_MSG);
    CHECK_EQ_INT(read_all("1\0", 2, &at_byte), PK_E_BAD_MSG);
    CHECK_EQ_INT(read_all("\"a\0b\"", 5, &at_byte), PK_E_BAD_MSG);
    CHECK_EQ_U64(at_byte, 2);
    CHECK_EQ_INT(read_all("\"\\\0\"", 4, &at_byte), PK_E_BAD_MSG);
}

PK_TEST(json_next__every_prefix_of_a_document__is_refused_and_stays_failed) {
    static const char TEXT[] =
        "{\"a\":[1.5e3,true,\"\\u00e4\xC3\xA4\",{\"b\":null}],\"c\":\"\\uD83D\\uDE00\"}";
    for (size_t n = 0; n < sizeof TEXT - 1u; n++) {
        /* A copy of exactly this size, so that a sanitizer sees a read past its end. */
        char *exact = malloc(n + 1u);
        struct pk_json_reader r;
        struct pk_json_token t;
        int err;
        REQUIRE(exact != NULL);
        memcpy(exact + 1, TEXT, n);
        pk_json_init(&r, exact + 1, (uint32_t)n);
        do {
            err = pk_json_next(&r, &t);
        } while (err == PK_OK && t.kind != PK_JSON_END);
        CHECK_EQ_INT(err, PK_E_BAD_MSG);
        CHECK_EQ_INT(pk_json_next(&r, &t), PK_E_BAD_MSG);
        free(exact);
    }
    CHECK_EQ_INT(verdict(TEXT), PK_OK);
}

PK_TEST(json_next__depth_at_and_over_the_limit__passes_and_is_too_deep) {
    char text[4 * FULL_DEPTH];
    for (uint32_t depth = 1; depth <= FULL_DEPTH + 1u; depth++) {
        uint32_t at_byte;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        const int err = read_all(text, depth * 2u, &at_byte);
        CHECK_EQ_INT(err, depth <= FULL_DEPTH ? PK_OK : PK_E_TOO_DEEP);
        if (err < 0) {
            CHECK_EQ_U64(at_byte, FULL_DEPTH);
        }
    }
    /* Objects remember what they are at every level. */
    static const char MIXED[] =
        "[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":1}]}]}]}]}]}]}]}]";
    CHECK_EQ_INT(verdict(MIXED), PK_OK);
    struct pk_json_reader r;
    struct pk_json_token t;
    memset(text, '[', FULL_DEPTH + 1u);
    pk_json_init(&r, text, FULL_DEPTH + 1u);
    for (uint32_t i = 0; i < FULL_DEPTH; i++) {
        CHECK_EQ_INT(next(&r, &t), PK_OK);
    }
    CHECK_EQ_INT(next(&r, &t), PK_E_TOO_DEEP);
    CHECK_EQ_INT(next(&r, &t), PK_E_TOO_DEEP);
}

PK_TEST(json_next__specials_at_every_offset_of_a_long_string__are_found) {
    static const struct {
        unsigned char byte;
        int verdict;
    } SPECIALS[] = {{'"', PK_E_BAD_MSG},  {'\\', PK_E_BAD_MSG}, {0x1F, PK_E_BAD_MSG}, {0x00, PK_E_BAD_MSG},
                    {0x80, PK_E_BAD_MSG}, {0xFF, PK_E_BAD_MSG}, {0x20, PK_OK},        {0x21, PK_OK},
                    {0x23, PK_OK},        {0x5B, PK_OK},        {0x5D, PK_OK},        {0x7F, PK_OK}};
    for (uint32_t length = 1; length < 40; length++) {
        for (uint32_t at = 0; at < length; at++) {
            for (size_t i = 0; i < sizeof SPECIALS / sizeof SPECIALS[0]; i++) {
                char text[64];
                uint32_t at_byte;
                memset(text, 'x', sizeof text);
                text[0] = '"';
                text[1u + at] = (char)SPECIALS[i].byte;
                text[1u + length] = '"';
                REQUIRE(read_all(text, length + 2u, &at_byte) == SPECIALS[i].verdict);
            }
        }
    }
}

PK_TEST(json_skip__containers__ends_behind_their_close) {
    static const char TEXT[] = "{\"skip\":{\"a\":[1,{\"b\":2}],\"c\":\"]}\"},\"list\":[[],[]],\"last\":7}";
    struct pk_json_reader r;
    struct pk_json_token t;
    uint64_t v = 0;
    pk_json_init(&r, TEXT, sizeof TEXT - 1u);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(pk_json_skip(&r, &t), PK_OK);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK(pk_json_key_is(&t, "list"));
    CHECK_EQ_INT(pk_json_skip(&r, &t), PK_OK);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK(pk_json_key_is(&t, "last"));
    CHECK_EQ_INT(pk_json_skip(&r, &t), PK_OK); /* a scalar: nothing to skip */
    CHECK_EQ_INT(pk_json_u64(&t, &v), PK_OK);
    CHECK_EQ_U64(v, 7);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_CLOSE);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(t.kind, PK_JSON_END);
}

PK_TEST(json_skip__malformed_inside__reports_it) {
    static const char TEXT[] = "{\"skip\":[1,oops]}";
    struct pk_json_reader r;
    struct pk_json_token t;
    pk_json_init(&r, TEXT, sizeof TEXT - 1u);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK_EQ_INT(pk_json_skip(&r, &t), PK_E_BAD_MSG);
    CHECK_EQ_U64(r.at_byte, 11);
}

PK_TEST(json_string__escapes__are_resolved) {
    struct pk_json_reader r;
    char out[64];
    struct pk_json_token t =
        value_of(&r, "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\u20AC\\ud83d\\ude00\xC3\xA4z\"");
    CHECK(t.has_escape);
    CHECK_EQ_INT(pk_json_string(&t, out, sizeof out), 21);
    CHECK_STR(out, "a\"\\/\b\f\n\r\t\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\xC3\xA4z");
    t = value_of(&r, "\"x\\u0000y\"");
    CHECK_EQ_INT(pk_json_string(&t, out, sizeof out), 3);
    CHECK_MEM(out, "x\0y", 4);
    t = value_of(&r, "\"\\u007f\\u0080\\u07ff\\u0800\\uffff\\ud800\\udc00\\udbff\\udfff\"");
    CHECK_EQ_INT(pk_json_string(&t, out, sizeof out), 1 + 2 + 2 + 3 + 3 + 4 + 4);
    CHECK_STR(out, "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
}

PK_TEST(json_string__too_small_a_buffer__is_cut_at_a_character) {
    struct pk_json_reader r;
    char out[16];
    struct pk_json_token t = value_of(&r, "\"ab\xC3\xA4\"");
    CHECK(!t.has_escape);
    CHECK_EQ_INT(pk_json_string(&t, out, 5), 4);
    CHECK_STR(out, "ab\xC3\xA4");
    CHECK_EQ_INT(pk_json_string(&t, out, 4), PK_E_TOO_BIG);
    CHECK_STR(out, "ab");
    t = value_of(&r, "\"ab\\u00e4\"");
    CHECK_EQ_INT(pk_json_string(&t, out, 5), 4);
    CHECK_EQ_INT(pk_json_string(&t, out, 4), PK_E_TOO_BIG);
    CHECK_STR(out, "ab");
    CHECK_EQ_INT(pk_json_string(&t, out, 1), PK_E_TOO_BIG);
    CHECK_STR(out, "");
    t = value_of(&r, "\"\"");
    CHECK_EQ_INT(pk_json_string(&t, out, 1), 0);
    CHECK_STR(out, "");
}

PK_TEST(json_key__with_escapes__is_compared_and_copied_resolved) {
    static const char TEXT[] = "{\"t\\u0079pe\":1,\"\\\"\":2,\"type\\u0000\":3}";
    struct pk_json_reader r;
    struct pk_json_token t;
    char out[16];
    pk_json_init(&r, TEXT, sizeof TEXT - 1u);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK(!pk_json_key_is(&t, ""));
    CHECK_EQ_INT(pk_json_key(&t, out, sizeof out), PK_E_BAD_FIELD);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK(t.key_has_escape);
    CHECK(pk_json_key_is(&t, "type"));
    CHECK(!pk_json_key_is(&t, "typ"));
    CHECK(!pk_json_key_is(&t, "types"));
    CHECK(!pk_json_key_is(&t, "t\\u0079pe"));
    CHECK_EQ_INT(pk_json_key(&t, out, sizeof out), 4);
    CHECK_STR(out, "type");
    CHECK_EQ_INT(pk_json_key(&t, out, 4), PK_E_TOO_BIG);
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK(pk_json_key_is(&t, "\""));
    CHECK_EQ_INT(next(&r, &t), PK_OK);
    CHECK(!pk_json_key_is(&t, "type"));
}

PK_TEST(json_numbers__as_integers__whole_and_in_range_only) {
    static const struct {
        const char *text;
        bool is_u64, is_i64;
        uint64_t u64;
        int64_t i64;
    } ROWS[] = {
        {"0", true, true, 0, 0},
        {"-0", true, true, 0, 0},
        {"7", true, true, 7, 7},
        {"-7", false, true, 0, -7},
        {"5.0", true, true, 5, 5},
        {"1e3", true, true, 1000, 1000},
        {"-12.0e1", false, true, 0, -120},
        {"9223372036854775807", true, true, INT64_MAX, INT64_MAX},
        {"9223372036854775808", true, false, (uint64_t)INT64_MAX + 1u, 0},
        {"-9223372036854775808", false, true, 0, INT64_MIN},
        {"-9223372036854775809", false, false, 0, 0},
        {"18446744073709551615", true, false, UINT64_MAX, 0},
        {"18446744073709551616", false, false, 0, 0},
        {"1.5", false, false, 0, 0},
        {"1e-1", false, false, 0, 0},
        {"1e30", false, false, 0, 0},
        {"\"7\"", false, false, 0, 0},
        {"true", false, false, 0, 0},
        {"null", false, false, 0, 0},
        {"[]", false, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct pk_json_reader r;
        const struct pk_json_token t = value_of(&r, ROWS[i].text);
        uint64_t u = 0;
        int64_t s = 0;
        CHECK_EQ_INT(pk_json_u64(&t, &u), ROWS[i].is_u64 ? PK_OK : PK_E_BAD_FIELD);
        CHECK_EQ_U64(u, ROWS[i].u64);
        CHECK_EQ_INT(pk_json_i64(&t, &s), ROWS[i].is_i64 ? PK_OK : PK_E_BAD_FIELD);
        CHECK_EQ_INT(s, ROWS[i].i64);
    }
}

PK_TEST(json_values__of_another_kind__are_bad_fields) {
    struct pk_json_reader r;
    char out[8];
    double d;
    bool b = false;
    struct pk_json_token t = value_of(&r, "12.5");
    CHECK_EQ_INT(pk_json_double(&t, &d), PK_OK);
    CHECK(d >= 12.5 && d <= 12.5);
    CHECK_EQ_INT(pk_json_string(&t, out, sizeof out), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_json_bool(&t, &b), PK_E_BAD_FIELD);
    t = value_of(&r, "true");
    CHECK_EQ_INT(pk_json_bool(&t, &b), PK_OK);
    CHECK(b);
    CHECK_EQ_INT(pk_json_double(&t, &d), PK_E_BAD_FIELD);
    t = value_of(&r, "false");
    CHECK_EQ_INT(pk_json_bool(&t, &b), PK_OK);
    CHECK(!b);
    t = value_of(&r, "1e999");
    CHECK_EQ_INT(pk_json_double(&t, &d), PK_E_BAD_FIELD);
    t = value_of(&r, "\"12.5\"");
    CHECK_EQ_INT(pk_json_double(&t, &d), PK_E_BAD_FIELD);
}

PK_TEST(jw__every_kind_of_value__is_written_with_commas_in_place) {
    char text[512];
    struct pk_buf b;
    struct pk_json_writer w;
    pk_buf_init(&b, text, sizeof text);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_cstr(&w, "s", "x");
    pk_jw_cstr(&w, "nothing", NULL);
    pk_jw_u64(&w, "u", UINT64_MAX);
    pk_jw_i64(&w, "i", INT64_MIN);
    pk_jw_double(&w, "d", 0.1);
    pk_jw_double(&w, "inf", strtod("inf", NULL));
    pk_jw_bool(&w, "t", true);
    pk_jw_bool(&w, "f", false);
    pk_jw_null(&w, "n");
    pk_jw_ms_as_seconds(&w, "sec", 1250);
    pk_jw_ms_as_seconds(&w, "sec0", 7);
    pk_jw_time(&w, "at", 1795237490123);
    pk_jw_time(&w, "never", 0);
    pk_jw_raw(&w, "raw", pk_str_of("[1,2]"));
    pk_jw_array(&w, "a");
    pk_jw_u64(&w, NULL, 1);
    pk_jw_object(&w, NULL);
    pk_jw_object_end(&w);
    pk_jw_array(&w, NULL);
    pk_jw_array_end(&w);
    pk_jw_u64(&w, NULL, 2);
    pk_jw_array_end(&w);
    pk_jw_key(&w, pk_str_of("ta\"ble"));
    pk_jw_object(&w, NULL);
    pk_jw_key(&w, pk_str_of("x"));
    pk_jw_u64(&w, NULL, 3);
    pk_jw_key(&w, pk_str_of("y"));
    pk_jw_u64(&w, NULL, 4);
    pk_jw_object_end(&w);
    pk_jw_u64(&w, "z", 5);
    pk_jw_object_end(&w);
    CHECK_STR(text, "{\"s\":\"x\",\"nothing\":null,\"u\":18446744073709551615,\"i\":-9223372036854775808,"
                    "\"d\":0.1,\"inf\":null,\"t\":true,\"f\":false,\"n\":null,\"sec\":1.250,\"sec0\":0.007,"
                    "\"at\":\"2026-11-21T05:04:50.123Z\",\"never\":null,\"raw\":[1,2],\"a\":[1,{},[],2],"
                    "\"ta\\\"ble\":{\"x\":3,\"y\":4},\"z\":5}");
    CHECK_EQ_INT(verdict(text), PK_OK);
    CHECK(!b.is_cut);
}

PK_TEST(jw_str__specials_and_bad_utf8__come_out_valid) {
    static const char TEXT[] = "q\" b\\ \b\f\n\r\t \x01\x1F \x00 \xC3\xA4 \xC3 \xFF\x80 \xED\xA0\x80/";
    char text[128];
    struct pk_buf b;
    struct pk_json_writer w;
    pk_buf_init(&b, text, sizeof text);
    pk_jw_init(&w, &b);
    pk_jw_str(&w, NULL, pk_str_make(TEXT, sizeof TEXT - 1u));
    CHECK_STR(text, "\"q\\\" b\\\\ \\b\\f\\n\\r\\t \\u0001\\u001f \\u0000 \xC3\xA4 \xEF\xBF\xBD "
                    "\xEF\xBF\xBD\xEF\xBF\xBD \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD/\"");
    CHECK_EQ_INT(verdict(text), PK_OK);
}

PK_TEST(jw__buffer_too_small__says_so) {
    char text[8];
    struct pk_buf b;
    struct pk_json_writer w;
    pk_buf_init(&b, text, sizeof text);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_cstr(&w, "key", "value");
    pk_jw_object_end(&w);
    CHECK(b.is_cut);
    CHECK(strlen(text) < sizeof text);
}

static uint32_t random_text(struct pk_rng *r, char *out, uint32_t max_bytes) {
    const uint32_t n = (uint32_t)pk_rng_below(r, max_bytes);
    for (uint32_t i = 0; i < n; i++) {
        /* Mostly printable, with all other bytes now and then. */
        out[i] = pk_rng_below(r, 6) == 0 ? (char)pk_rng_u64(r) : (char)(' ' + pk_rng_below(r, 95));
    }
    return n;
}

PK_TEST(json__random_texts__written_and_read_back_are_equal) {
    struct pk_rng r;
    pk_rng_seed(&r, 8259);
    for (int i = 0; i < 20000; i++) {
        char in[40];
        char text[400];
        char out[256];
        struct pk_buf b;
        struct pk_json_writer w;
        struct pk_json_reader reader;
        struct pk_json_token t;
        const struct pk_str s = {in, random_text(&r, in, sizeof in)};
        pk_buf_init(&b, text, sizeof text);
        pk_jw_init(&w, &b);
        pk_jw_object(&w, NULL);
        pk_jw_key(&w, s);
        pk_jw_str(&w, NULL, s);
        pk_jw_object_end(&w);
        REQUIRE(!b.is_cut);
        pk_json_init(&reader, text, b.n);
        REQUIRE(next(&reader, &t) == PK_OK);
        REQUIRE(next(&reader, &t) == PK_OK);
        const int n = pk_json_string(&t, out, sizeof out);
        REQUIRE(n >= 0);
        REQUIRE(pk_text_is_utf8(pk_str_make(out, (size_t)n)));
        if (pk_text_is_utf8(s)) {
            REQUIRE(pk_str_eq(pk_str_make(out, (size_t)n), s));
            if (memchr(in, '\0', s.n) == NULL) {
                char terminated[sizeof in + 1u];
                REQUIRE(pk_str_copy(s, terminated, sizeof terminated) == (int)s.n);
                REQUIRE(pk_json_key_is(&t, terminated));
            }
        }
        REQUIRE(next(&reader, &t) == PK_OK && t.kind == PK_JSON_CLOSE);
        REQUIRE(next(&reader, &t) == PK_OK && t.kind == PK_JSON_END);
    }
}

PK_TEST(json__random_numbers__written_and_read_back_are_equal) {
    struct pk_rng r;
    pk_rng_seed(&r, 754);
    for (int i = 0; i < 20000; i++) {
        char text[128];
        struct pk_buf b;
        struct pk_json_writer w;
        struct pk_json_reader reader;
        struct pk_json_token t;
        const uint64_t u = pk_rng_u64(&r) >> pk_rng_below(&r, 64);
        const int64_t s = (int64_t)pk_rng_u64(&r) >> pk_rng_below(&r, 64);
        const double d = (double)s / 1000.0;
        uint64_t u_back;
        int64_t s_back;
        double d_back;
        pk_buf_init(&b, text, sizeof text);
        pk_jw_init(&w, &b);
        pk_jw_array(&w, NULL);
        pk_jw_u64(&w, NULL, u);
        pk_jw_i64(&w, NULL, s);
        pk_jw_double(&w, NULL, d);
        pk_jw_array_end(&w);
        pk_json_init(&reader, text, b.n);
        REQUIRE(next(&reader, &t) == PK_OK);
        REQUIRE(next(&reader, &t) == PK_OK && pk_json_u64(&t, &u_back) == PK_OK && u_back == u);
        REQUIRE(next(&reader, &t) == PK_OK && pk_json_i64(&t, &s_back) == PK_OK && s_back == s);
        REQUIRE(next(&reader, &t) == PK_OK && pk_json_double(&t, &d_back) == PK_OK);
        REQUIRE(memcmp(&d_back, &d, sizeof d) == 0);
    }
}

PK_TEST(json_next__random_damage_to_a_document__never_reads_outside_and_ends) {
    static const char TEXT[] =
        "{\"type\":\"cpu\",\"value\":12.5e-1,\"list\":[true,null,{\"k\":\"\\ud83d\\ude00\"}]}";
    struct pk_rng r;
    pk_rng_seed(&r, 404);
    for (int i = 0; i < 50000; i++) {
        char text[sizeof TEXT];
        uint32_t at_byte;
        memcpy(text, TEXT, sizeof TEXT);
        for (uint64_t hits = 1 + pk_rng_below(&r, 4); hits > 0; hits--) {
            text[pk_rng_below(&r, sizeof TEXT - 1u)] = (char)pk_rng_u64(&r);
        }
        const int err = read_all(text, sizeof TEXT - 1u, &at_byte);
        REQUIRE(err == PK_OK || err == PK_E_BAD_MSG);
        REQUIRE(at_byte <= sizeof TEXT - 1u);
    }
}

/* By the book: one character after the other. */
static int copy_slowly(struct pk_str raw, char *out, size_t cap_bytes) {
    char text[64];
    size_t n = 0;
    out[0] = '\0';
    while (raw.n > 0) {
        struct pk_json_reader r;
        struct pk_json_token t;
        const uint32_t len = raw.p[0] == '\\' ? (raw.p[1] == 'u' ? 6u : 2u) : pk_utf8_len(raw.p, raw.n);
        char one[8];
        text[0] = text[len + 1u] = '"';
        memcpy(text + 1, raw.p, len);
        pk_json_init(&r, text, len + 2u);
        const int err = pk_json_next(&r, &t);
        const int got = err == PK_OK ? pk_json_string(&t, one, sizeof one) : err;
        if (got < 0) {
            return got;
        }
        if (n + (size_t)got >= cap_bytes) {
            return PK_E_TOO_BIG;
        }
        memcpy(out + n, one, (size_t)got);
        n += (size_t)got;
        out[n] = '\0';
        raw = (struct pk_str){raw.p + len, raw.n - len};
    }
    return (int)n;
}

PK_TEST(json_string__runs_between_escapes__are_copied_as_characters_one_by_one_would_be) {
    static const char *const PIECES[] = {
        "a", "plain text of some length ", "\\n", "\\u00e9", "\xC3\xA9", "\\\"", "12345678"};
    struct pk_rng rng;
    pk_rng_seed(&rng, 11);
    for (int i = 0; i < 3000; i++) {
        char text[160] = "\"";
        char got[130];
        char wanted[130];
        struct pk_json_reader r;
        struct pk_json_token t;
        struct pk_buf b;
        pk_buf_init(&b, text, sizeof text);
        pk_buf_putc(&b, '"');
        for (uint64_t n = pk_rng_below(&rng, 9); n > 0 && b.n < 100u; n--) {
            pk_buf_puts(&b, PIECES[pk_rng_below(&rng, PK_COUNT_OF(PIECES))]);
        }
        pk_buf_putc(&b, '"');
        pk_json_init(&r, b.p, b.n);
        CHECK_EQ_INT(pk_json_next(&r, &t), PK_OK);
        const size_t cap = 1u + (size_t)pk_rng_below(&rng, sizeof got - 1u);
        const int n = pk_json_string(&t, got, cap);
        if (t.has_escape) { /* else a cut may leave out more, so that a character stays whole */
            CHECK_EQ_INT(n, copy_slowly(t.raw, wanted, cap));
            CHECK(strcmp(got, wanted) == 0);
        }
    }
}

PK_TEST_MAIN(json_next__an_event_line__gives_each_member_with_key_depth_and_place,
             json_next__well_formed_documents__are_read_to_the_end,
             json_next__malformed_documents__are_refused_where_they_go_wrong,
             json_next__nul_bytes__are_refused_everywhere,
             json_next__every_prefix_of_a_document__is_refused_and_stays_failed,
             json_next__depth_at_and_over_the_limit__passes_and_is_too_deep,
             json_next__specials_at_every_offset_of_a_long_string__are_found,
             json_skip__containers__ends_behind_their_close, json_skip__malformed_inside__reports_it,
             json_string__escapes__are_resolved, json_string__too_small_a_buffer__is_cut_at_a_character,
             json_key__with_escapes__is_compared_and_copied_resolved,
             json_numbers__as_integers__whole_and_in_range_only, json_values__of_another_kind__are_bad_fields,
             jw__every_kind_of_value__is_written_with_commas_in_place,
             jw_str__specials_and_bad_utf8__come_out_valid, jw__buffer_too_small__says_so,
             json__random_texts__written_and_read_back_are_equal,
             json__random_numbers__written_and_read_back_are_equal,
             json_next__random_damage_to_a_document__never_reads_outside_and_ends,
             json_string__runs_between_escapes__are_copied_as_characters_one_by_one_would_be)
