#include "wire/pk_fields.h"

#include <stddef.h>
#include <string.h>

#include "support/pk_test.h"

struct all {
    char text[8], cut[8];
    struct pk_str slice, raw, object, array;
    uint8_t u8;
    uint32_t u32;
    uint64_t u64, ms;
    int64_t i64, time;
    bool flag;
};
#define ROW(kind, flags, member)                                                                             \
    {                                                                                                        \
#member, kind, flags, (uint32_t)offsetof(struct all, member),                                        \
            (uint32_t)sizeof(((struct all *)NULL)->member)                                                   \
    }
static const struct pk_field ROWS[] = {
    ROW(PK_FIELD_TEXT, PK_FIELD_REQUIRED, text),
    ROW(PK_FIELD_TEXT_CUT, 0, cut),
    ROW(PK_FIELD_SLICE, PK_FIELD_NULLABLE, slice),
    ROW(PK_FIELD_RAW, 0, raw),
    ROW(PK_FIELD_OBJECT, 0, object),
    ROW(PK_FIELD_ARRAY, 0, array),
    ROW(PK_FIELD_U8, 0, u8),
    ROW(PK_FIELD_U32, 0, u32),
    ROW(PK_FIELD_U64, 0, u64),
    ROW(PK_FIELD_MS, 0, ms),
    ROW(PK_FIELD_I64, 0, i64),
    ROW(PK_FIELD_TIME, 0, time),
    ROW(PK_FIELD_BOOL, 0, flag),
};
static struct all out;
static struct pk_fields_result result;

static int read(const char *json, enum pk_fields_mode mode) {
    memset(&out, 0, sizeof out);
    return pk_fields_read(json, (uint32_t)strlen(json), ROWS, sizeof ROWS / sizeof ROWS[0], mode, &out,
                          &result);
}

PK_TEST(fields__every_kind__is_read) {
    CHECK_EQ_INT(read("{\"text\":\"a\\u00fc\",\"cut\":\"0123456789\",\"slice\":\"s\",\"raw\":{\"x\":[1]},"
                      "\"object\":{},\"array\":[1,2],"
                      "\"u8\":255,\"u32\":4294967295,\"u64\":18446744073709551615,\"ms\":1.2504,\"i64\":-"
                      "9223372036854775808,"
                      "\"time\":\"2026-09-21T16:13:20+02:00\",\"flag\":true}",
                      PK_FIELDS_STRICT),
                 PK_OK);
    CHECK_STR(out.text, "a\xC3\xBC");
    CHECK_STR(out.cut, "0123456");
    CHECK(pk_str_eq_c(out.slice, "s"));
    CHECK(pk_str_eq_c(out.raw, "{\"x\":[1]}"));
    CHECK(pk_str_eq_c(out.object, "{}"));
    CHECK(pk_str_eq_c(out.array, "[1,2]"));
    CHECK_EQ_INT(out.u8, 255);
    CHECK_EQ_U64(out.u32, UINT32_MAX);
    CHECK_EQ_U64(out.u64, UINT64_MAX);
    CHECK_EQ_U64(out.ms, 1250);
    CHECK(out.i64 == INT64_MIN);
    CHECK(out.time == 1790000000000);
    CHECK(out.flag);
    CHECK_EQ_U64(result.seen_bits, 0x1FFF);
}

PK_TEST(fields__bad_values__name_the_field_and_the_place) {
    static const struct {
        const char *json;
        int err;
        const char *field;
        uint32_t at_byte;
    } CASES[] = {
        {"{\"text\":\"12345678\"}", PK_E_BAD_FIELD, "text", 8},
        {"{\"text\":\"a\\u0000b\"}", PK_E_BAD_FIELD, "text", 8},
        {"{\"text\":5}", PK_E_BAD_FIELD, "text", 8},
        {"{\"text\":null}", PK_E_BAD_FIELD, "text", 8},
        {"{\"slice\":\"\\n\"}", PK_E_BAD_FIELD, "slice", 9},
        {"{\"object\":[]}", PK_E_BAD_FIELD, "object", 10},
        {"{\"array\":{}}", PK_E_BAD_FIELD, "array", 9},
        {"{\"u8\":256}", PK_E_BAD_FIELD, "u8", 6},
        {"{\"u8\":-1}", PK_E_BAD_FIELD, "u8", 6},
        {"{\"u8\":1.5}", PK_E_BAD_FIELD, "u8", 6},
        {"{\"u32\":4294967296}", PK_E_BAD_FIELD, "u32", 7},
        {"{\"u64\":18446744073709551616}", PK_E_BAD_FIELD, "u64", 7},
        {"{\"ms\":-0.001}", PK_E_BAD_FIELD, "ms", 6},
        {"{\"time\":\"x\"}", PK_E_BAD_FIELD, "time", 8},
        {"{\"time\":\"1969-12-31T23:59:59Z\"}", PK_E_BAD_FIELD, "time", 8},
        {"{\"time\":\"9999-12-31T23:59:59-01:00\"}", PK_E_BAD_FIELD, "time", 8},
        {"{\"flag\":1}", PK_E_BAD_FIELD, "flag", 8},
        {"{}", PK_E_MISSING_FIELD, "text", 2},
        {"5", PK_E_BAD_MSG, "", 1},
        {"{\"text\":\"a\"} 5", PK_E_BAD_MSG, "", 13},
    };
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        CHECK_EQ_INT(read(CASES[i].json, PK_FIELDS_LENIENT), CASES[i].err);
        CHECK_STR(result.field, CASES[i].field);
        CHECK_EQ_U64(result.at_byte, CASES[i].at_byte);
    }
}

PK_TEST(fields__modes__differ_in_unknown_and_repeated_members) {
    CHECK_EQ_INT(read("{\"text\":\"a\",\"other\":{\"deep\":[{}]},\"text\":\"b\"}", PK_FIELDS_LENIENT), PK_OK);
    CHECK_STR(out.text, "b");
    CHECK_EQ_INT(read("{\"text\":\"a\",\"text\":\"b\"}", PK_FIELDS_STRICT), PK_E_BAD_FIELD);
    CHECK_STR(result.field, "text");
    CHECK_EQ_INT(read("{\"text\":\"a\",\"other\":1}", PK_FIELDS_STRICT), PK_E_UNKNOWN_FIELD);
    CHECK_STR(result.field, "");
    CHECK_EQ_U64(result.at_byte, 20);
    /* An escaped name is the same name. */
    CHECK_EQ_INT(read("{\"te\\u0078t\":\"a\",\"text\":\"b\"}", PK_FIELDS_STRICT), PK_E_BAD_FIELD);
}

PK_TEST(fields__null__is_not_given_where_it_may_be) {
    CHECK_EQ_INT(read("{\"text\":\"a\",\"slice\":null}", PK_FIELDS_STRICT), PK_OK);
    CHECK(!pk_fields_has(&result, 2));
    CHECK(pk_fields_has(&result, 0));
    CHECK(out.slice.p == NULL);
}

PK_TEST_MAIN(fields__every_kind__is_read, fields__bad_values__name_the_field_and_the_place,
             fields__modes__differ_in_unknown_and_repeated_members,
             fields__null__is_not_given_where_it_may_be)
