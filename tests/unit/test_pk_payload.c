#include "event/pk_payload.h"

#include <string.h>

#include "base/pk_assert.h"
#include "support/pk_test.h"

static struct pk_payload payload;
static char out[32];
static enum pk_field_kind kind;

static int open_it(const char *text) {
    uint32_t at_byte = 0;
    return pk_payload_open(&payload, pk_str_of(text), &at_byte);
}

static int find(const char *text, const char *path) {
    const int err = open_it(text);
    return err < 0 ? err : pk_payload_find(&payload, pk_str_of(path), out, sizeof out, &kind);
}

static const char JSON[] = " {\"a\":{\"b\":[1,{\"c\":-2.5e3}],\"n\":null,\"t\":true,\"s\":\"x\\u00e9\"},"
                           "\"a b\":\"first\",\"a b\":\"second\",\"\\u0061c\":7} ";

PK_TEST(find__json_path__names_indices_and_kinds) {
    CHECK_EQ_INT(find(JSON, "a.b[1].c"), 6);
    CHECK_STR(out, "-2.5e3");
    CHECK_EQ_INT(kind, PK_FIELD_NUMBER);
    CHECK_EQ_INT(find(JSON, "a.t"), 4);
    CHECK_STR(out, "true");
    CHECK_EQ_INT(kind, PK_FIELD_BOOL);
    CHECK_EQ_INT(find(JSON, ".a.s"), 3);
    CHECK_STR(out, "x\xC3\xA9");
    CHECK_EQ_INT(kind, PK_FIELD_STRING);
    CHECK_EQ_INT(find(JSON, "a b"), 5);
    CHECK_STR(out, "first");
    CHECK_EQ_INT(find(JSON, "ac"), 1);
    CHECK_EQ_INT(find("[[10,20],[30]]", "[1][0]"), 2);
    CHECK_STR(out, "30");
}

PK_TEST(find__what_is_not_there__is_told_apart) {
    static const char *const MISSING[] = {"b", "a.x", "a.b[2]", "a.b[0].c", "a.n", "a.s.t", "a.b.c", "[0]"};
    for (size_t i = 0; i < PK_COUNT_OF(MISSING); i++) {
        CHECK_EQ_INT(find(JSON, MISSING[i]), PK_E_NOT_FOUND);
    }
    CHECK_EQ_INT(find(JSON, "a"), PK_E_BAD_FIELD);
    CHECK_EQ_INT(find(JSON, "a.b"), PK_E_BAD_FIELD);
    CHECK_EQ_INT(find("{\"a\":\"0123456789012345678901234567890123456789\"}", "a"), PK_E_TOO_BIG);
    CHECK_EQ_U64(strlen(out), sizeof out - 1u);
    CHECK_EQ_INT(find("", "a"), PK_E_NOT_FOUND);
}

PK_TEST(find__pairs__separators_and_quotes) {
    static const char TEXT[] = "cpu,host=gw value=3.5 ; note=\"two words\"&last=;x=1 x=2";
    CHECK_EQ_INT(find(TEXT, "host"), 2);
    CHECK_STR(out, "gw");
    CHECK_EQ_INT(find(TEXT, "value"), 3);
    CHECK_STR(out, "3.5");
    CHECK_EQ_INT(find(TEXT, "note"), 9);
    CHECK_STR(out, "two words");
    CHECK_EQ_INT(find(TEXT, "last"), 0);
    CHECK_EQ_INT(find(TEXT, "x"), 1);
    CHECK_STR(out, "1");
    CHECK_EQ_INT(find(TEXT, "cpu"), PK_E_NOT_FOUND);
    CHECK_EQ_INT(find("=a=\"b", "a"), PK_E_NOT_FOUND);
    CHECK_EQ_INT(find("k=\"open", "k"), 5);
    CHECK_EQ_INT(find("a=0123456789012345678901234567890123456789", "a"), PK_E_TOO_BIG);
}

PK_TEST(open__broken_json__is_refused_with_the_place) {
    uint32_t at_byte = 0;
    CHECK_EQ_INT(pk_payload_open(&payload, pk_str_of("  {\"a\":1,}"), &at_byte), PK_E_BAD_MSG);
    CHECK_EQ_U64(at_byte, 9);
    CHECK_EQ_INT(open_it("{\"a\":1} x"), PK_E_BAD_MSG);
    CHECK_EQ_INT(open_it("[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]"), PK_E_TOO_DEEP);
    CHECK_EQ_INT(open_it("12.5"), PK_OK);
    CHECK_EQ_INT(payload.form, PK_PAYLOAD_TEXT);
    CHECK_EQ_INT(open_it(" \n"), PK_OK);
    CHECK_EQ_INT(payload.form, PK_PAYLOAD_EMPTY);
}

PK_TEST(path__form_and_last_name) {
    static const char *const GOOD[] = {"a", "a.b", ".a", "a[0].b", "[3]", "a[1][2]", "with space.x-y"};
    static const char *const BAD[] = {"", ".", "a.", "a..b", "a[", "a[x]", "a[]", "a[1]b", "a.[1]"};
    char longer[80];
    for (size_t i = 0; i < PK_COUNT_OF(GOOD); i++) {
        CHECK(pk_payload_is_path(pk_str_of(GOOD[i])));
    }
    for (size_t i = 0; i < PK_COUNT_OF(BAD); i++) {
        CHECK(!pk_payload_is_path(pk_str_of(BAD[i])));
    }
    memset(longer, 'x', sizeof longer);
    CHECK(!pk_payload_is_path(pk_str_make(longer, PK_PAYLOAD_NAME_BYTES)));
    CHECK(pk_payload_is_path(pk_str_make(longer, PK_PAYLOAD_NAME_BYTES - 1u)));
    CHECK(pk_str_eq_c(pk_payload_path_name(pk_str_of("sensors[1].value")), "value"));
    CHECK(pk_str_eq_c(pk_payload_path_name(pk_str_of(".sensors[1][2]")), "sensors"));
    CHECK_EQ_U64(pk_payload_path_name(pk_str_of("[1]")).n, 0);
}

PK_TEST_MAIN(find__json_path__names_indices_and_kinds, find__what_is_not_there__is_told_apart,
             find__pairs__separators_and_quotes, open__broken_json__is_refused_with_the_place,
             path__form_and_last_name)
