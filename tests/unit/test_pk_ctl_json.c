#include "ctl/pk_ctl_json.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_ctl_text t;

static const char *shown(const char *json, const char *path, bool keep_lines) {
    pk_ctl_text_free(&t);
    pk_ctl_put_value(&t, pk_ctl_member(pk_str_of(json), path), keep_lines);
    pk_ctl_text_putc(&t, '\0');
    return t.p;
}

static const char DOC[] =
    "{\"a\":{\"b\":{\"c\":7}},\"list\":[\"x\",2,null],\"none\":[],\"s\":\"l\\u0031\\nl2\","
    "\"yes\":true,\"no\":false,\"nil\":null,\"deep\":[{\"k\":1}]}";

PK_TEST(member__finds_by_path) {
    CHECK_EQ_U64(pk_ctl_u64(pk_ctl_member(pk_str_of(DOC), "a.b.c"), 0), 7);
    CHECK_EQ_INT(pk_ctl_member(pk_str_of(DOC), "a.b.d").kind, PK_JSON_END);
    CHECK_EQ_INT(pk_ctl_member(pk_str_of(DOC), "list.x").kind, PK_JSON_END);
    CHECK_EQ_INT(pk_ctl_member(pk_str_of(DOC), "yes.x").kind, PK_JSON_END);
    CHECK_EQ_INT(pk_ctl_member(pk_str_make(NULL, 0), "a").kind, PK_JSON_END);
    CHECK_EQ_INT(pk_ctl_member(pk_str_of("{\"a\":1,garbage"), "b").kind, PK_JSON_END);
}

PK_TEST(walk__ends_at_the_first_byte_that_is_not_json) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value v;
    pk_ctl_walk_init(&walk, pk_str_of("[1,[2,3],\x01]"));
    CHECK(pk_ctl_walk_next(&walk, &v));
    CHECK(pk_ctl_walk_next(&walk, &v));
    CHECK(pk_str_eq_c(v.json, "[2,3]"));
    CHECK(!pk_ctl_walk_next(&walk, &v));
    CHECK(!pk_ctl_walk_next(&walk, &v));
    pk_ctl_walk_init(&walk, pk_str_of("7"));
    CHECK(!pk_ctl_walk_next(&walk, &v));
}

PK_TEST(value__is_shown_as_people_write_it) {
    CHECK_STR(shown(DOC, "list", false), "x, 2, -");
    CHECK_STR(shown(DOC, "none", false), "-");
    CHECK_STR(shown(DOC, "s", false), "l1 l2");
    CHECK_STR(shown(DOC, "s", true), "l1\nl2");
    CHECK_STR(shown(DOC, "yes", false), "yes");
    CHECK_STR(shown(DOC, "no", false), "no");
    CHECK_STR(shown(DOC, "nil", false), "-");
    CHECK_STR(shown(DOC, "absent", false), "-");
    CHECK_STR(shown(DOC, "deep", false), "{\"k\":1}");
    CHECK_STR(shown("{\"a\":\"\\u001b[2J\\u009b\"}", "a", false), "?[2J?");
    pk_ctl_text_free(&t);
}

PK_TEST(numbers__take_no_other_form) {
    uint64_t ms = 0;
    const struct pk_str o = pk_str_of("{\"s\":1.25,\"n\":-1,\"t\":\"5\",\"big\":1e300}");
    CHECK(pk_ctl_seconds_ms(pk_ctl_member(o, "s"), &ms));
    CHECK_EQ_U64(ms, 1250);
    CHECK(!pk_ctl_seconds_ms(pk_ctl_member(o, "n"), &ms));
    CHECK(!pk_ctl_seconds_ms(pk_ctl_member(o, "t"), &ms));
    CHECK(!pk_ctl_seconds_ms(pk_ctl_member(o, "big"), &ms));
    CHECK_EQ_U64(pk_ctl_u64(pk_ctl_member(o, "n"), 9), 9);
    CHECK_EQ_U64(pk_ctl_u64(pk_ctl_member(o, "t"), 9), 9);
    CHECK(!pk_ctl_is_true(pk_ctl_member(o, "t")));
}

PK_TEST(word__has_no_escapes) {
    const struct pk_str o = pk_str_of("{\"w\":\"online\",\"e\":\"a\\nb\",\"n\":3}");
    CHECK(pk_str_eq_c(pk_ctl_word(pk_ctl_member(o, "w")), "online"));
    CHECK_EQ_U64(pk_ctl_word(pk_ctl_member(o, "e")).n, 0);
    CHECK_EQ_U64(pk_ctl_word(pk_ctl_member(o, "n")).n, 0);
}

PK_TEST_MAIN(member__finds_by_path, walk__ends_at_the_first_byte_that_is_not_json,
             value__is_shown_as_people_write_it, numbers__take_no_other_form, word__has_no_escapes)
