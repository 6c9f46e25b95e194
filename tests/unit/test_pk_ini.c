#include "base/pk_ini.h"

#include <stdlib.h>
#include <string.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

static struct pk_ini_reader reader_of(const char *text) {
    struct pk_ini_reader r;
    pk_ini_init(&r, text, (uint32_t)strlen(text));
    return r;
}

static bool is_pair(struct pk_ini_reader *r, const char *key, const char *value) {
    struct pk_ini_item item;
    return pk_ini_next(r, &item) == PK_OK && item.kind == PK_INI_PAIR && pk_str_eq_c(item.key, key) &&
           pk_str_eq_c(item.value, value);
}

static bool is_section(struct pk_ini_reader *r, const char *kind, const char *name) {
    struct pk_ini_item item;
    return pk_ini_next(r, &item) == PK_OK && item.kind == PK_INI_SECTION &&
           pk_str_eq_c(item.section_kind, kind) && pk_str_eq_c(item.section_name, name);
}

static bool is_end(struct pk_ini_reader *r) {
    struct pk_ini_item item;
    return pk_ini_next(r, &item) == PK_OK && item.kind == PK_INI_END;
}

PK_TEST(ini_next__a_rule_file__gives_sections_and_pairs_with_their_places) {
    static const char TEXT[] = "# shipped rules\n"
                               "\n"
                               "[rule error_burst]   # the first\n"
                               "about    = Sudden burst of errors\n"
                               "on       = severity >= error   # a comment\n"
                               "when     = count >= 10 in 5m\n"
                               "           by source\n"
                               "\n"
                               "  # indented comment\n"
                               "[agent]\n"
                               "empty =\n";
    struct pk_ini_reader r = reader_of(TEXT);
    struct pk_ini_item item;
    CHECK_EQ_INT(pk_ini_next(&r, &item), PK_OK);
    CHECK_EQ_INT(item.kind, PK_INI_SECTION);
    CHECK(pk_str_eq_c(item.section_kind, "rule"));
    CHECK(pk_str_eq_c(item.section_name, "error_burst"));
    CHECK_EQ_U64(item.line, 3);
    CHECK_EQ_U64(item.column, 1);
    CHECK_EQ_INT(pk_ini_next(&r, &item), PK_OK);
    CHECK_EQ_INT(item.kind, PK_INI_PAIR);
    CHECK(pk_str_eq_c(item.section_name, "error_burst"));
    CHECK(pk_str_eq_c(item.key, "about"));
    CHECK(pk_str_eq_c(item.value, "Sudden burst of errors"));
    CHECK_EQ_U64(item.line, 4);
    CHECK_EQ_U64(item.column, 1);
    CHECK_EQ_U64(item.value_line, 4);
    CHECK_EQ_U64(item.value_column, 12);
    CHECK(is_pair(&r, "on", "severity >= error"));
    CHECK_EQ_INT(pk_ini_next(&r, &item), PK_OK);
    CHECK(pk_str_eq_c(item.value, "count >= 10 in 5m\n           by source"));
    CHECK_EQ_U64(item.line, 6);
    CHECK(is_section(&r, "agent", ""));
    CHECK_EQ_INT(pk_ini_next(&r, &item), PK_OK);
    CHECK(pk_str_eq_c(item.key, "empty"));
    CHECK_EQ_U64(item.value.n, 0);
    CHECK_EQ_U64(item.line, 11);
    CHECK(is_end(&r));
    CHECK(is_end(&r));
}

PK_TEST(ini_next__line_ends_and_byte_order_mark__make_no_difference) {
    struct pk_ini_reader r = reader_of("\xEF\xBB\xBF[a b]\r\nk = v\r\n  more\r\nlast=1");
    CHECK(is_section(&r, "a", "b"));
    CHECK(is_pair(&r, "k", "v\r\n  more"));
    CHECK(is_pair(&r, "last", "1"));
    CHECK(is_end(&r));
    r = reader_of("");
    CHECK(is_end(&r));
    r = reader_of("\n \n\t\r\n#x");
    CHECK(is_end(&r));
    pk_ini_init(&r, NULL, 0);
    CHECK(is_end(&r));
}

PK_TEST(ini_next__hash_signs__start_a_comment_only_after_white_space_and_outside_quotes) {
    struct pk_ini_reader r = reader_of("a = x#y\n"
                                       "b = x #y\n"
                                       "c = \"x # y\" # z\n"
                                       "d = \"x \\\" # y\" # z\n"
                                       "e = # nothing\n"
                                       "f = x\t# tab\n"
                                       "g = \"one\" \"two # 2\"\n"
                                       "h = # a \" in a comment\n"
                                       "i = C:\\\n");
    CHECK(is_pair(&r, "a", "x#y"));
    CHECK(is_pair(&r, "b", "x"));
    CHECK(is_pair(&r, "c", "\"x # y\""));
    CHECK(is_pair(&r, "d", "\"x \\\" # y\""));
    CHECK(is_pair(&r, "e", ""));
    CHECK(is_pair(&r, "f", "x"));
    CHECK(is_pair(&r, "g", "\"one\" \"two # 2\""));
    CHECK(is_pair(&r, "h", ""));
    CHECK(is_pair(&r, "i", "C:\\"));
    CHECK(is_end(&r));
}

PK_TEST(ini_next__pairs__are_cut_at_the_first_equals_sign) {
    struct pk_ini_reader r = reader_of("top = level\nk=a=b==c\n  spaced key   =   v  \t\n");
    CHECK(is_pair(&r, "top", "level"));
    struct pk_ini_item item;
    CHECK_EQ_INT(pk_ini_next(&r, &item), PK_OK);
    CHECK_EQ_U64(item.section_kind.n, 0);
    CHECK(pk_str_eq_c(item.key, "k"));
    CHECK(pk_str_eq_c(item.value, "a=b==c\n  spaced key   =   v"));
    CHECK(is_end(&r));
}

PK_TEST(ini_next__value_that_begins_on_the_next_line__has_its_place_there) {
    struct pk_ini_reader r = reader_of("actions =\n    one,\n    two   # behind the last\n");
    struct pk_ini_item item;
    CHECK_EQ_INT(pk_ini_next(&r, &item), PK_OK);
    CHECK(pk_str_eq_c(item.value, "one,\n    two"));
    CHECK_EQ_U64(item.line, 1);
    CHECK_EQ_U64(item.value_line, 2);
    CHECK_EQ_U64(item.value_column, 5);
    CHECK(is_end(&r));
}

PK_TEST(ini_next__bad_lines__name_place_and_reason_and_stay_failed) {
    static const struct {
        const char *text;
        uint32_t line, column;
        const char *error;
    } ROWS[] = {
        {"[a b\n", 1, 5, "section header does not end with ']'"},
        {"[", 1, 2, "section header does not end with ']'"},
        {"[a] x\n", 1, 6, "section header does not end with ']'"},
        {"[]\n", 1, 2, "section header needs a kind of letters, digits, '_' or '-'"},
        {"[ ]\n", 1, 3, "section header needs a kind of letters, digits, '_' or '-'"},
        {"[a/b c]\n", 1, 2, "section header needs a kind of letters, digits, '_' or '-'"},
        {"[a b c]\n", 1, 5, "section name is more than one word"},
        {"[a b]]\n", 1, 5, "section name is more than one word"},
        {"[a [b]\n", 1, 4, "section name is more than one word"},
        {"k = v\nword\n", 2, 1, "expected 'key = value' or '[section]'"},
        {"word # x = y\n", 1, 1, "expected 'key = value' or '[section]'"},
        {"= v\n", 1, 1, "no key before '='"},
        {"  = v\n", 1, 3, "indented line continues no value"},
        {"[a]\n  k = v\n", 2, 3, "indented line continues no value"},
        {"k = v\n\n  more\n", 3, 3, "indented line continues no value"},
        {"k = v # end\n  more\n", 2, 3, "indented line continues no value"},
        {"k = v\n# end\n\tmore\n", 3, 2, "indented line continues no value"},
        {"k = \"open\n", 1, 5, "quote is not closed on this line"},
        {"k = \"a\" \"b # c\n", 1, 9, "quote is not closed on this line"},
        {"k = v\n  \"open\n", 2, 3, "quote is not closed on this line"},
        {"k = a\x01z\n", 1, 6, "control character"},
        {"# a\x7Fz\n", 1, 4, "control character"},
        {"k = a\rb\n", 1, 6, "control character"},
        {"k = a\r", 1, 6, "control character"},
        {"k = v\xC3\n", 1, 6, "not valid UTF-8"},
        {"# \xED\xA0\x80\n", 1, 3, "not valid UTF-8"},
        {"k = v\n  \xFF\n", 2, 3, "not valid UTF-8"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct pk_ini_reader r = reader_of(ROWS[i].text);
        struct pk_ini_item item;
        int err;
        do {
            err = pk_ini_next(&r, &item);
        } while (err == PK_OK && item.kind != PK_INI_END);
        CHECK_EQ_INT(err, PK_E_CONFIG);
        CHECK_STR(r.error, ROWS[i].error);
        CHECK_EQ_U64(r.error_line, ROWS[i].line);
        CHECK_EQ_U64(r.error_column, ROWS[i].column);
        CHECK_EQ_INT(pk_ini_next(&r, &item), PK_E_CONFIG);
        CHECK_STR(r.error, ROWS[i].error);
    }
}

PK_TEST(ini_next__nul_byte__is_a_control_character) {
    struct pk_ini_reader r;
    struct pk_ini_item item;
    pk_ini_init(&r, "k = \0", 5);
    CHECK_EQ_INT(pk_ini_next(&r, &item), PK_E_CONFIG);
    CHECK_STR(r.error, "control character");
    CHECK_EQ_U64(r.error_column, 5);
}

PK_TEST(ini_next__longest_line__is_read_and_one_byte_more_is_refused) {
    char text[PK_INI_LINE_BYTES_MAX + 4];
    struct pk_ini_reader r;
    struct pk_ini_item item;
    memset(text, 'x', sizeof text);
    text[1] = '=';
    memcpy(text + PK_INI_LINE_BYTES_MAX, "\r\n", 2);
    pk_ini_init(&r, text, PK_INI_LINE_BYTES_MAX + 2);
    CHECK_EQ_INT(pk_ini_next(&r, &item), PK_OK);
    CHECK_EQ_U64(item.value.n, PK_INI_LINE_BYTES_MAX - 2);
    memcpy(text + PK_INI_LINE_BYTES_MAX, "x\n", 2);
    pk_ini_init(&r, text, PK_INI_LINE_BYTES_MAX + 2);
    CHECK_EQ_INT(pk_ini_next(&r, &item), PK_E_CONFIG);
    CHECK_STR(r.error, "line is too long");
    CHECK_EQ_U64(r.error_line, 1);
    pk_ini_init(&r, text, PK_INI_LINE_BYTES_MAX + 1); /* and without a line end */
    CHECK_EQ_INT(pk_ini_next(&r, &item), PK_E_CONFIG);
}

PK_TEST(ini_next__random_damage__ends_and_stays_inside) {
    static const char TEXT[] = "[rule a]\nk = \"v # w\" # c\nlong = x,\n  y\n\n[b]\nz = 1\n";
    struct pk_rng rng;
    pk_rng_seed(&rng, 77);
    for (int i = 0; i < 50000; i++) {
        const uint32_t n = (uint32_t)pk_rng_below(&rng, sizeof TEXT);
        char *text = malloc(n + 1u); /* of this size, so that a sanitizer sees a read past its end */
        struct pk_ini_reader r;
        struct pk_ini_item item;
        int items = 0;
        int err;
        REQUIRE(text != NULL);
        memcpy(text + 1, TEXT, n);
        for (uint64_t hits = pk_rng_below(&rng, 5); hits > 0 && n > 0; hits--) {
            text[1u + pk_rng_below(&rng, n)] = "[]=#\"\\\n\r \tx\x80"[pk_rng_below(&rng, 12)];
        }
        pk_ini_init(&r, text + 1, n);
        do {
            err = pk_ini_next(&r, &item);
            items++;
        } while (err == PK_OK && item.kind != PK_INI_END && items < 100);
        const bool is_inside = r.at_byte <= n && items < 100 && (err == PK_OK || r.error != NULL);
        free(text);
        REQUIRE(is_inside);
    }
}

PK_TEST(diag__set_and_format__as_every_check_prints_it) {
    struct pk_diag d;
    char text[400];
    struct pk_buf b;
    pk_diag_set(&d, "rules/a.rules", 12, 3, "no such key");
    pk_buf_init(&b, text, sizeof text);
    pk_diag_format(&d, &b);
    CHECK_STR(text, "rules/a.rules:12:3: no such key");
    pk_diag_set1(&d, "a", 1, 2, "unknown key '{}' here", pk_str_of("foo"));
    CHECK_STR(d.message, "unknown key 'foo' here");
    pk_diag_set1(&d, "a", 1, 2, "no place for it", pk_str_of("foo"));
    CHECK_STR(d.message, "no place for it");
    pk_diag_set1(&d, "a", 1, 2, "{} and {}", pk_str_of("{}"));
    CHECK_STR(d.message, "{} and {}");
    pk_diag_set(&d, "a", 0, 0, "cannot be read");
    pk_buf_init(&b, text, sizeof text);
    pk_diag_format(&d, &b);
    CHECK_STR(text, "a: cannot be read");
}

PK_TEST(diag_set1__long_texts__are_cut_and_terminated) {
    struct pk_diag d;
    char longest[500];
    memset(longest, 'y', sizeof longest - 1u);
    longest[sizeof longest - 1u] = '\0';
    pk_diag_set1(&d, longest, 1, 1, "key '{}' is unknown", pk_str_of(longest));
    CHECK_EQ_U64(strlen(d.file), sizeof d.file - 1u);
    CHECK_EQ_U64(strlen(d.message), sizeof d.message - 1u);
    CHECK(strncmp(d.message, "key 'yyy", 8) == 0);
    memcpy(longest + 400, "{}", 2);
    pk_diag_set1(&d, "a", 1, 1, longest, pk_str_of("x"));
    CHECK_EQ_U64(strlen(d.message), sizeof d.message - 1u);
    memcpy(longest + 198, "{}", 2);
    pk_diag_set1(&d, "a", 1, 1, longest, pk_str_of("xyz"));
    CHECK_EQ_U64(strlen(d.message), sizeof d.message - 1u);
    CHECK_EQ_INT(d.message[198], 'x');
}

static uint64_t place(const char *text, const char *kind, const char *name, const char *key) {
    uint32_t line = 0, column = 0;
    return pk_ini_find(pk_str_of(text), pk_str_of(kind), pk_str_of(name), pk_str_of(key), &line, &column)
               ? line * 100u + column
               : 0;
}

PK_TEST(ini__find__a_section_first_and_a_key_last) {
    static const char TEXT[] = "a = 0\n[s]\na = 1\n[s x]\na = 2\n[s]\nb = 3\na =   4\n";
    CHECK_EQ_U64(place(TEXT, "s", "", ""), 201);
    CHECK_EQ_U64(place(TEXT, "s", "x", ""), 401);
    CHECK_EQ_U64(place(TEXT, "s", "", "a"), 807);
    CHECK_EQ_U64(place(TEXT, "s", "x", "a"), 505);
    CHECK_EQ_U64(place(TEXT, "", "", "a"), 105);
    CHECK_EQ_U64(place(TEXT, "s", "x", "b"), 0);
    CHECK_EQ_U64(place(TEXT, "t", "", ""), 0);
    CHECK_EQ_U64(place("[s]\na = 1\nbroken\na = 2\n", "s", "", "a"), 205); /* up to there */
}

PK_TEST_MAIN(ini__find__a_section_first_and_a_key_last,
             ini_next__a_rule_file__gives_sections_and_pairs_with_their_places,
             ini_next__line_ends_and_byte_order_mark__make_no_difference,
             ini_next__hash_signs__start_a_comment_only_after_white_space_and_outside_quotes,
             ini_next__pairs__are_cut_at_the_first_equals_sign,
             ini_next__value_that_begins_on_the_next_line__has_its_place_there,
             ini_next__bad_lines__name_place_and_reason_and_stay_failed,
             ini_next__nul_byte__is_a_control_character,
             ini_next__longest_line__is_read_and_one_byte_more_is_refused,
             ini_next__random_damage__ends_and_stays_inside, diag__set_and_format__as_every_check_prints_it,
             diag_set1__long_texts__are_cut_and_terminated)
