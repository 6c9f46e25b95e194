#include "ctl/pk_ctl_text.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_ctl_text t;

static const char *text_of(void) {
    pk_ctl_text_putc(&t, '\0');
    t.n--;
    return t.p;
}

PK_TEST(text__grows_beyond_its_first_room) {
    pk_ctl_text_fill(&t, 'x', 20000);
    pk_ctl_text_put_u64(&t, 18446744073709551615u);
    CHECK_EQ_U64(t.n, 20020);
    CHECK_STR(text_of() + 20000, "18446744073709551615");
    CHECK(!t.is_cut);
    pk_ctl_text_free(&t);
    CHECK(t.p == NULL && t.n == 0);
}

PK_TEST(safe__escape_sequences_lose_their_power) {
    pk_ctl_text_put_safe(&t, pk_str_of("a\x1b[31mb\x07"), false);
    CHECK_STR(text_of(), "a?[31mb?");
    pk_ctl_text_free(&t);
    /* CSI as one C1 character, a mark that turns the direction, a byte that is not UTF-8. */
    pk_ctl_text_put_safe(&t,
                         pk_str_of("\xc2\x9b"
                                   "2J \xe2\x80\xae"
                                   "x \xff\x7f"),
                         false);
    CHECK_STR(text_of(), "?2J ?x ??");
    pk_ctl_text_free(&t);
}

PK_TEST(safe__letters_of_all_alphabets_stay) {
    pk_ctl_text_put_safe(&t,
                         pk_str_of("Gr\xc3\xb6\xc3\x9f"
                                   "e \xe6\xb8\xa9\xe5\xba\xa6 \xf0\x9f\x94\xa5"),
                         false);
    CHECK_STR(text_of(), "Gr\xc3\xb6\xc3\x9f"
                         "e \xe6\xb8\xa9\xe5\xba\xa6 \xf0\x9f\x94\xa5");
    CHECK_EQ_U64(pk_ctl_text_columns(pk_ctl_text_str(&t)), 10);
    pk_ctl_text_free(&t);
}

PK_TEST(safe__line_ends_stay_only_where_asked) {
    pk_ctl_text_put_safe(&t, pk_str_of("a\nb\tc\rd"), false);
    pk_ctl_text_putc(&t, '|');
    pk_ctl_text_put_safe(&t, pk_str_of("a\nb\tc\rd"), true);
    CHECK_STR(text_of(), "a b c d|a\nb c d");
    pk_ctl_text_free(&t);
}

PK_TEST(json__hostile_characters_become_escapes_of_the_same_value) {
    pk_ctl_text_put_json(&t, pk_str_of("{\"a\":\n\"\xc2\x9b\x7f\xe2\x80\xae\xf3\xa0\x80\x81 \xc3\xa4\"}"));
    CHECK_STR(text_of(), "{\"a\": \"\\u009b\\u007f\\u202e\\udb40\\udc01 \xc3\xa4\"}");
    pk_ctl_text_free(&t);
}

PK_TEST(hostile__says_how_long_the_character_is) {
    CHECK_EQ_U64(pk_ctl_text_hostile("\x1b", 1), 1);
    CHECK_EQ_U64(pk_ctl_text_hostile("\xe2\x80\xa8", 3), 3);
    CHECK_EQ_U64(pk_ctl_text_hostile("\xe2\x80", 2), 1);
    CHECK_EQ_U64(pk_ctl_text_hostile("a", 1), 0);
    CHECK_EQ_U64(pk_ctl_text_hostile("", 0), 0);
}

PK_TEST_MAIN(text__grows_beyond_its_first_room, safe__escape_sequences_lose_their_power,
             safe__letters_of_all_alphabets_stay, safe__line_ends_stay_only_where_asked,
             json__hostile_characters_become_escapes_of_the_same_value,
             hostile__says_how_long_the_character_is)
