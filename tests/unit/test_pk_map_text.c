#include "event/pk_map_text.h"

#include "base/pk_assert.h"
#include "support/pk_test.h"

static struct pk_payload payload;
static char out[64];
static struct pk_str field;

static int fill(const char *template, const char *text) {
    static const struct pk_str CAPTURES[] = {{"hall", 4}, {"", 0}, {"3", 1}};
    uint32_t at_byte = 0;
    if (pk_payload_open(&payload, pk_str_of(text), &at_byte) < 0) {
        return PK_E_BAD_MSG;
    }
    const struct pk_map_input in = {
        .topic = pk_str_of("plant/hall//3"), .captures = CAPTURES, .capture_count = 3, .payload = &payload};
    return pk_map_text_fill(pk_str_of(template), &in, out, sizeof out, &field);
}

PK_TEST(fill__levels_topic_payload_and_paths) {
    CHECK(fill("{1}-{3}", "") > 0);
    CHECK_STR(out, "hall-3");
    CHECK(fill("<{topic}>", "") > 0);
    CHECK_STR(out, "<plant/hall//3>");
    CHECK(fill("{payload}", " on ") > 0);
    CHECK_STR(out, "on");
    CHECK(fill("{state.t}/{.payload}", "{\"state\":{\"t\":4},\"payload\":\"p\"}") > 0);
    CHECK_STR(out, "4/p");
    CHECK(fill("plain", "") > 0);
    CHECK_STR(out, "plain");
}

PK_TEST(fill__an_empty_field__takes_the_literal_before_it_along) {
    CHECK(fill("{1}.{2}:{3}!", "") > 0);
    CHECK_STR(out, "hall:3!");
    CHECK(fill("{2}{1}", "") > 0);
    CHECK_STR(out, "hall");
    CHECK_EQ_INT(fill("{2}", ""), 0);
}

PK_TEST(fill__alternatives_and_defaults) {
    CHECK(fill("{a,b|c}", "{\"b\":1}") > 0);
    CHECK_STR(out, "1");
    CHECK(fill("{a,b|c}", "x=1") > 0);
    CHECK_STR(out, "c");
    CHECK(fill("{2|none}", "") > 0);
    CHECK_STR(out, "none");
    CHECK_EQ_INT(fill("x{a|}", ""), 0);
    CHECK(fill("{status,payload}", "1") > 0);
    CHECK_STR(out, "1");
}

PK_TEST(fill__missing_or_too_long__names_the_field) {
    CHECK_EQ_INT(fill("{1} {a.b}", "{\"a\":{}}"), PK_E_NOT_FOUND);
    CHECK(pk_str_eq_c(field, "a.b"));
    CHECK_EQ_INT(fill("{payload}", "0123456789012345678901234567890123456789012345678901234567890123456789"),
                 PK_E_TOO_BIG);
}

PK_TEST(is_template__what_can_never_be_filled_is_refused) {
    static const char *const GOOD[] = {"", "x", "{1}", "{2}", "{a.b[0]|}", "{a, b|x y}", "{topic}{payload}"};
    static const char *const BAD[] = {"{",   "}",      "{a",   "a}",   "{}",     "{0}",
                                      "{3}", "{a..b}", "{a,}", "{|x}", "{a|{b}}"};
    const char *why = NULL;
    for (size_t i = 0; i < PK_COUNT_OF(GOOD); i++) {
        CHECK(pk_map_text_is_template(pk_str_of(GOOD[i]), 2, &why));
    }
    for (size_t i = 0; i < PK_COUNT_OF(BAD); i++) {
        CHECK(!pk_map_text_is_template(pk_str_of(BAD[i]), 2, &why));
        CHECK(why != NULL);
    }
}

static void check_word(const char *words, const char *word, const char *expected) {
    CHECK(pk_str_eq_c(pk_map_text_word(pk_str_of(words), pk_str_of(word)), expected));
}

PK_TEST(word__exact_first_then_star_then_itself) {
    check_word("up -> 1, * -> 0, down -> 2", "UP", "1");
    check_word("up -> 1, * -> 0, down -> 2", "down", "2");
    check_word("up -> 1, * -> 0, down -> 2", "odd", "0");
    check_word("up -> 1", "odd", "odd");
    check_word("", "odd", "odd");
    CHECK(pk_map_text_is_words(pk_str_of("a->b,c -> d e")));
    CHECK(!pk_map_text_is_words(pk_str_of("a -> b,")));
    CHECK(!pk_map_text_is_words(pk_str_of("a b")));
    CHECK(!pk_map_text_is_words(pk_str_of(" -> b")));
    CHECK(!pk_map_text_is_words(pk_str_of("a -> ")));
}

PK_TEST_MAIN(fill__levels_topic_payload_and_paths, fill__an_empty_field__takes_the_literal_before_it_along,
             fill__alternatives_and_defaults, fill__missing_or_too_long__names_the_field,
             is_template__what_can_never_be_filled_is_refused, word__exact_first_then_star_then_itself)
