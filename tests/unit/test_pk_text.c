#include "base/pk_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

static struct pk_str s_of(const char *terminated) {
    return pk_str_of(terminated);
}

PK_TEST(str_eq__lengths_and_empties__compare_whole) {
    const struct pk_str nothing = {NULL, 0};
    CHECK(pk_str_eq(s_of("abc"), pk_str_make("abcd", 3)));
    CHECK(!pk_str_eq(s_of("abc"), s_of("abd")));
    CHECK(!pk_str_eq(s_of("abc"), s_of("ab")));
    CHECK(pk_str_eq(nothing, s_of("")));
    CHECK(pk_str_eq(pk_str_of(NULL), nothing));
    CHECK(pk_str_eq_c(s_of("x"), "x"));
    CHECK(pk_str_eq_c(nothing, ""));
    CHECK(!pk_str_eq_c(pk_str_make("a\0b", 3), "a"));
    CHECK(pk_str_eq_nocase(s_of("AbC-9"), "aBc-9"));
    CHECK(!pk_str_eq_nocase(s_of("abc"), "abcd"));
    CHECK(!pk_str_eq_nocase(s_of("abcd"), "abc"));
    CHECK(!pk_str_eq_nocase(s_of("[\xC3\x84"), "{\xC3\xA4")); /* ASCII letters only */
    CHECK(!pk_str_eq_nocase(pk_str_make("a\0", 2), "a"));
    CHECK(pk_str_starts(s_of("prefix"), "pre"));
    CHECK(pk_str_starts(s_of("pre"), "pre"));
    CHECK(pk_str_starts(nothing, ""));
    CHECK(!pk_str_starts(s_of("pr"), "pre"));
}

PK_TEST(str_trim__white_space_at_both_ends__goes) {
    CHECK(pk_str_eq_c(pk_str_trim(s_of(" \t\r\na b\n\r\t ")), "a b"));
    CHECK(pk_str_eq_c(pk_str_trim(s_of("")), ""));
    CHECK(pk_str_eq_c(pk_str_trim(s_of(" \n ")), ""));
    CHECK(pk_str_eq_c(pk_str_trim(s_of("x")), "x"));
}

PK_TEST(str_split__empty_pieces__are_given_and_the_end_is_told) {
    struct pk_str rest = s_of("a,,b,");
    struct pk_str piece;
    CHECK(pk_str_split(&rest, ',', &piece) && pk_str_eq_c(piece, "a"));
    CHECK(pk_str_split(&rest, ',', &piece) && pk_str_eq_c(piece, ""));
    CHECK(pk_str_split(&rest, ',', &piece) && pk_str_eq_c(piece, "b"));
    CHECK(pk_str_split(&rest, ',', &piece) && pk_str_eq_c(piece, ""));
    CHECK(!pk_str_split(&rest, ',', &piece));
    CHECK(!pk_str_split(&rest, ',', &piece));
    rest = s_of("");
    CHECK(pk_str_split(&rest, ',', &piece) && piece.n == 0);
    CHECK(!pk_str_split(&rest, ',', &piece));
}

PK_TEST(str_copy__fits_or_not__all_or_nothing) {
    char out[4];
    CHECK_EQ_INT(pk_str_copy(s_of("abc"), out, sizeof out), 3);
    CHECK_STR(out, "abc");
    CHECK_EQ_INT(pk_str_copy(s_of("abcd"), out, sizeof out), PK_E_TOO_BIG);
    CHECK_STR(out, "");
    CHECK_EQ_INT(pk_str_copy((struct pk_str){NULL, 0}, out, 1), 0);
    CHECK_STR(out, "");
}

PK_TEST(str_copy_cut__in_the_middle_of_a_character__cuts_before_it) {
    static const char TEXT[] = "a\xF0\x9F\x98\x80z";
    char out[8];
    CHECK_EQ_U64(pk_str_copy_cut(s_of(TEXT), out, 7), 6);
    CHECK_STR(out, TEXT);
    CHECK_EQ_U64(pk_str_copy_cut(s_of(TEXT), out, 6), 5);
    CHECK_STR(out, "a\xF0\x9F\x98\x80");
    for (size_t cap_bytes = 2; cap_bytes <= 5; cap_bytes++) {
        CHECK_EQ_U64(pk_str_copy_cut(s_of(TEXT), out, cap_bytes), 1);
        CHECK_STR(out, "a");
    }
    CHECK_EQ_U64(pk_str_copy_cut(s_of(TEXT), out, 1), 0);
    CHECK_STR(out, "");
    /* No text at all: the cut does not run away. */
    CHECK_EQ_U64(pk_str_copy_cut(s_of("\x80\x80\x80\x80\x80\x80\x80\x80\x80"), out, 8), 4);
}

PK_TEST(parse_u64__limits_and_forms) {
    static const struct {
        const char *text;
        int err;
        uint64_t value;
    } ROWS[] = {{"0", PK_OK, 0},
                {"007", PK_OK, 7},
                {"18446744073709551615", PK_OK, UINT64_MAX},
                {"18446744073709551616", PK_E_TOO_BIG, 0},
                {"99999999999999999999999", PK_E_TOO_BIG, 0},
                {"99999999999999999999999x", PK_E_BAD_FIELD, 0},
                {"", PK_E_BAD_FIELD, 0},
                {"-1", PK_E_BAD_FIELD, 0},
                {"+1", PK_E_BAD_FIELD, 0},
                {" 1", PK_E_BAD_FIELD, 0},
                {"1 ", PK_E_BAD_FIELD, 0},
                {"1.0", PK_E_BAD_FIELD, 0},
                {"a", PK_E_BAD_FIELD, 0}};
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        uint64_t v = 0;
        CHECK_EQ_INT(pk_parse_u64(s_of(ROWS[i].text), &v), ROWS[i].err);
        CHECK_EQ_U64(v, ROWS[i].value);
    }
}

PK_TEST(parse_i64__limits_and_forms) {
    static const struct {
        const char *text;
        int err;
        int64_t value;
    } ROWS[] = {{"0", PK_OK, 0},
                {"-0", PK_OK, 0},
                {"-5", PK_OK, -5},
                {"9223372036854775807", PK_OK, INT64_MAX},
                {"-9223372036854775808", PK_OK, INT64_MIN},
                {"9223372036854775808", PK_E_TOO_BIG, 0},
                {"-9223372036854775809", PK_E_TOO_BIG, 0},
                {"18446744073709551616", PK_E_TOO_BIG, 0},
                {"-", PK_E_BAD_FIELD, 0},
                {"--1", PK_E_BAD_FIELD, 0},
                {"+1", PK_E_BAD_FIELD, 0},
                {"", PK_E_BAD_FIELD, 0}};
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        int64_t v = 0;
        CHECK_EQ_INT(pk_parse_i64(s_of(ROWS[i].text), &v), ROWS[i].err);
        CHECK_EQ_INT(v, ROWS[i].value);
    }
}

PK_TEST(parse_hex_u64__limits_and_forms) {
    uint64_t v = 0;
    CHECK_EQ_INT(pk_parse_hex_u64(s_of("DeadBeef"), &v), PK_OK);
    CHECK_EQ_U64(v, 0xDEADBEEFu);
    CHECK_EQ_INT(pk_parse_hex_u64(s_of("0000ffffffffffffffff"), &v), PK_OK);
    CHECK_EQ_U64(v, UINT64_MAX);
    CHECK_EQ_INT(pk_parse_hex_u64(s_of("10000000000000000"), &v), PK_E_TOO_BIG);
    CHECK_EQ_INT(pk_parse_hex_u64(s_of("0x1"), &v), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_parse_hex_u64(s_of("g"), &v), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_parse_hex_u64(s_of(""), &v), PK_E_BAD_FIELD);
}

PK_TEST(parse_double__accepted_and_refused_forms) {
    double v = 0.0;
    CHECK_EQ_INT(pk_parse_double(s_of("-12.5e-1"), &v), PK_OK);
    CHECK(v >= -1.25 && v <= -1.25);
    CHECK_EQ_INT(pk_parse_double(s_of("1e400"), &v), PK_E_TOO_BIG);
    CHECK_EQ_INT(pk_parse_double(s_of("nan"), &v), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_parse_double(s_of("1,5"), &v), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_parse_double(s_of(""), &v), PK_E_BAD_FIELD);
}

PK_TEST(parse_duration_ms__units_and_limits) {
    static const struct {
        const char *text;
        int err;
        uint64_t value;
    } ROWS[] = {{"250ms", PK_OK, 250},
                {"30s", PK_OK, 30000},
                {"5m", PK_OK, 300000},
                {"2h", PK_OK, 7200000},
                {"7d", PK_OK, 604800000},
                {"10", PK_OK, 10000},
                {"0", PK_OK, 0},
                {"213503982334d", PK_OK, 213503982334u * 86400000u},
                {"213503982335d", PK_E_TOO_BIG, 0},
                {"99999999999999999999s", PK_E_TOO_BIG, 0},
                {"5M", PK_E_BAD_FIELD, 0},
                {"5 m", PK_E_BAD_FIELD, 0},
                {"1.5h", PK_E_BAD_FIELD, 0},
                {"-5m", PK_E_BAD_FIELD, 0},
                {"5min", PK_E_BAD_FIELD, 0},
                {"m", PK_E_BAD_FIELD, 0},
                {"", PK_E_BAD_FIELD, 0}};
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        uint64_t v = 0;
        CHECK_EQ_INT(pk_parse_duration_ms(s_of(ROWS[i].text), &v), ROWS[i].err);
        CHECK_EQ_U64(v, ROWS[i].value);
    }
    uint64_t v;
    CHECK_EQ_INT(pk_parse_duration_ms((struct pk_str){NULL, 0}, &v), PK_E_BAD_FIELD);
}

PK_TEST(parse_size_bytes__units_and_limits) {
    static const struct {
        const char *text;
        int err;
        uint64_t value;
    } ROWS[] = {{"512", PK_OK, 512},
                {"64k", PK_OK, 65536},
                {"64K", PK_OK, 65536},
                {"16M", PK_OK, 16777216},
                {"2G", PK_OK, 2147483648u},
                {"2GiB", PK_OK, 2147483648u},
                {"2gb", PK_OK, 2147483648u},
                {"7B", PK_OK, 7},
                {"17179869183G", PK_OK, 17179869183u * 1073741824u},
                {"17179869184G", PK_E_TOO_BIG, 0},
                {"2T", PK_E_BAD_FIELD, 0},
                {"k", PK_E_BAD_FIELD, 0},
                {"2 k", PK_E_BAD_FIELD, 0},
                {"1.5M", PK_E_BAD_FIELD, 0},
                {"", PK_E_BAD_FIELD, 0}};
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        uint64_t v = 0;
        CHECK_EQ_INT(pk_parse_size_bytes(s_of(ROWS[i].text), &v), ROWS[i].err);
        CHECK_EQ_U64(v, ROWS[i].value);
    }
}

PK_TEST(parse_bool__words) {
    static const char *const YES[] = {"yes", "on", "true", "1", "TRUE", "Yes"};
    static const char *const NO[] = {"no", "off", "false", "0", "OFF"};
    static const char *const BAD[] = {"", "y", "n", "2", "truee", " yes"};
    for (size_t i = 0; i < sizeof YES / sizeof YES[0]; i++) {
        bool v = false;
        CHECK_EQ_INT(pk_parse_bool(s_of(YES[i]), &v), PK_OK);
        CHECK(v);
    }
    for (size_t i = 0; i < sizeof NO / sizeof NO[0]; i++) {
        bool v = true;
        CHECK_EQ_INT(pk_parse_bool(s_of(NO[i]), &v), PK_OK);
        CHECK(!v);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        bool v = true;
        CHECK_EQ_INT(pk_parse_bool(s_of(BAD[i]), &v), PK_E_BAD_FIELD);
        CHECK(v);
    }
}

PK_TEST(buf__what_does_not_fit__is_left_out_whole_and_so_is_the_rest) {
    char text[8];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    CHECK_STR(text, "");
    pk_buf_puts(&b, "abc");
    pk_buf_put_u64(&b, 12345); /* 5 digits, 4 places */
    CHECK(b.is_cut);
    CHECK_STR(text, "abc");
    pk_buf_putc(&b, 'x'); /* would fit, but the prefix must be whole */
    CHECK_STR(text, "abc");
    CHECK_EQ_U64(b.n, 3);
    CHECK(pk_str_eq_c(pk_buf_str(&b), "abc"));
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "1234567");
    CHECK(!b.is_cut);
    CHECK_STR(text, "1234567");
    pk_buf_put(&b, NULL, 0);
    CHECK(!b.is_cut);
    pk_buf_putc(&b, '8');
    CHECK(b.is_cut);
    pk_buf_init(&b, text, 1);
    pk_buf_puts(&b, "");
    CHECK(!b.is_cut);
    pk_buf_put_hex(&b, (const uint8_t *)"\x01", 1);
    CHECK(b.is_cut);
    CHECK_STR(text, "");
}

/* What a put leaves in an ample buffer. */
#define CHECK_PUTS(want, put)                                                                                \
    do {                                                                                                     \
        char check_text[64];                                                                                 \
        struct pk_buf b;                                                                                     \
        pk_buf_init(&b, check_text, sizeof check_text);                                                      \
        put;                                                                                                 \
        CHECK(!b.is_cut);                                                                                    \
        CHECK_STR(check_text, want);                                                                         \
    } while (0)

PK_TEST(buf_put_integers__limits_padding_hex) {
    CHECK_PUTS("0", pk_buf_put_u64(&b, 0));
    CHECK_PUTS("18446744073709551615", pk_buf_put_u64(&b, UINT64_MAX));
    CHECK_PUTS("-9223372036854775808", pk_buf_put_i64(&b, INT64_MIN));
    CHECK_PUTS("9223372036854775807", pk_buf_put_i64(&b, INT64_MAX));
    CHECK_PUTS("-1", pk_buf_put_i64(&b, -1));
    CHECK_PUTS("00042", pk_buf_put_u64_pad(&b, 42, 5));
    CHECK_PUTS("42", pk_buf_put_u64_pad(&b, 42, 0));
    CHECK_PUTS("123456", pk_buf_put_u64_pad(&b, 123456, 5));
    CHECK_PUTS("00000000000000000001", pk_buf_put_u64_pad(&b, 1, 20));
    CHECK_PUTS("00ff7f", pk_buf_put_hex(&b, (const uint8_t *)"\x00\xFF\x7F", 3));
    CHECK_PUTS("ab", pk_buf_put_str(&b, pk_str_make("abc", 2)));
}

PK_TEST(buf_put_double__notation_and_specials) {
    CHECK_PUTS("0", pk_buf_put_double(&b, 0.0));
    CHECK_PUTS("-0", pk_buf_put_double(&b, -0.0));
    CHECK_PUTS("1", pk_buf_put_double(&b, 1.0));
    CHECK_PUTS("-1200", pk_buf_put_double(&b, -1200.0));
    CHECK_PUTS("0.1", pk_buf_put_double(&b, 0.1));
    CHECK_PUTS("95.5", pk_buf_put_double(&b, 95.5));
    CHECK_PUTS("0.30000000000000004", pk_buf_put_double(&b, 0.1 + 0.2));
    CHECK_PUTS("0.33333333333333331", pk_buf_put_double(&b, 0.33333333333333331)); /* no 15 digits will do */
    CHECK_PUTS("0.00001", pk_buf_put_double(&b, 1e-5));
    CHECK_PUTS("9.9e-6", pk_buf_put_double(&b, 9.9e-6));
    CHECK_PUTS("999999999999999", pk_buf_put_double(&b, 999999999999999.0));
    CHECK_PUTS("1e15", pk_buf_put_double(&b, 1e15));
    CHECK_PUTS("1.5e300", pk_buf_put_double(&b, 1.5e300));
    CHECK_PUTS("-1.7976931348623157e308", pk_buf_put_double(&b, -1.7976931348623157e308));
    CHECK_PUTS("5e-324", pk_buf_put_double(&b, 5e-324));
    CHECK_PUTS("null", pk_buf_put_double(&b, (double)INFINITY));
    CHECK_PUTS("null", pk_buf_put_double(&b, (double)NAN));
}

PK_TEST(buf_put_double__random_doubles__strtod_reads_them_back) {
    struct pk_rng r;
    pk_rng_seed(&r, 754);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = pk_rng_u64(&r);
        double v;
        char text[40];
        struct pk_buf b;
        if (i % 2 == 0) { /* the range people measure in */
            v = ((double)(int64_t)bits) / 9007199254740992.0 * (1.0 + (double)(i % 1000));
            memcpy(&bits, &v, sizeof bits);
        }
        memcpy(&v, &bits, sizeof v);
        if ((bits >> 52 & 0x7FFu) == 0x7FFu) {
            continue;
        }
        pk_buf_init(&b, text, sizeof text);
        pk_buf_put_double(&b, v);
        REQUIRE(!b.is_cut);
        const double back = strtod(text, NULL);
        REQUIRE(memcmp(&back, &v, sizeof v) == 0);
    }
}

PK_TEST(buf_put_duration__two_leading_units) {
    CHECK_PUTS("0ms", pk_buf_put_duration(&b, 0));
    CHECK_PUTS("12ms", pk_buf_put_duration(&b, 12));
    CHECK_PUTS("1s", pk_buf_put_duration(&b, 1000));
    CHECK_PUTS("3.250s", pk_buf_put_duration(&b, 3250));
    CHECK_PUTS("59.999s", pk_buf_put_duration(&b, 59999));
    CHECK_PUTS("5m", pk_buf_put_duration(&b, 300000));
    CHECK_PUTS("5m 1s", pk_buf_put_duration(&b, 301999));
    CHECK_PUTS("2h", pk_buf_put_duration(&b, 7200000));
    CHECK_PUTS("1h 59m", pk_buf_put_duration(&b, 7199999));
    CHECK_PUTS("1d 2h", pk_buf_put_duration(&b, 93784005));
    CHECK_PUTS("1d", pk_buf_put_duration(&b, 86400000 + 59 * 60000));
    CHECK_PUTS("213503982334d 14h", pk_buf_put_duration(&b, UINT64_MAX));
}

PK_TEST(text_is_id__alphabet_extra_and_length) {
    CHECK(pk_text_is_id(s_of("Gate-way_09"), NULL, 32));
    CHECK(!pk_text_is_id(s_of(""), NULL, 32));
    CHECK(pk_text_is_id(s_of("abcd"), NULL, 4));
    CHECK(!pk_text_is_id(s_of("abcde"), NULL, 4));
    CHECK(!pk_text_is_id(s_of("a.b"), NULL, 32));
    CHECK(pk_text_is_id(s_of("a.b:c@d"), ".:@", 32));
    CHECK(!pk_text_is_id(s_of("a/b"), ".:@", 32));
    CHECK(!pk_text_is_id(s_of("a b"), ".:@", 32));
    CHECK(!pk_text_is_id(pk_str_make("a\0b", 3), ".:@", 32));
    CHECK(!pk_text_is_id(s_of("\xC3\xA4"), ".:@", 32));
    CHECK(!pk_text_is_id(s_of("a@"), NULL, 32));
    CHECK(!pk_text_is_id(s_of("["), NULL, 32)); /* next to 'Z' */
}

/* RFC 3629 by its definition: decode, then look at the value. */
static uint32_t model_utf8_len(const unsigned char *u, size_t n) {
    static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint32_t len = u[0] < 0x80u              ? 1u
                         : (u[0] & 0xE0u) == 0xC0u ? 2u
                         : (u[0] & 0xF0u) == 0xE0u ? 3u
                         : (u[0] & 0xF8u) == 0xF0u ? 4u
                                                   : 0u;
    if (len <= 1 || len > n) {
        return len <= 1 ? len : 0;
    }
    uint32_t code = u[0] & (0x7Fu >> len);
    for (uint32_t i = 1; i < len; i++) {
        if ((u[i] & 0xC0u) != 0x80u) {
            return 0;
        }
        code = code << 6 | (u[i] & 0x3Fu);
    }
    const bool is_bad = code < LEAST[len] || code > 0x10FFFFu || (code >= 0xD800u && code <= 0xDFFFu);
    return is_bad ? 0 : len;
}

PK_TEST(utf8_len__all_leading_pairs_and_random_rests__equal_the_definition) {
    struct pk_rng r;
    pk_rng_seed(&r, 3629);
    for (uint32_t pair = 0; pair < 65536; pair++) {
        for (int i = 0; i < 4; i++) {
            unsigned char u[4] = {(unsigned char)(pair >> 8), (unsigned char)pair, 0, 0};
            /* Usually a continuation byte, or no good case would be tried. */
            u[2] = (unsigned char)(i == 0 ? pk_rng_u64(&r) : 0x80u + pk_rng_below(&r, 64));
            u[3] = (unsigned char)(i == 1 ? pk_rng_u64(&r) : 0x80u + pk_rng_below(&r, 64));
            for (size_t n = 1; n <= 4; n++) {
                REQUIRE(pk_utf8_len((const char *)u, n) == model_utf8_len(u, n));
            }
        }
    }
    CHECK_EQ_U64(pk_utf8_len("", 0), 0);
}

PK_TEST(text_is_utf8__whole_texts) {
    CHECK(pk_text_is_utf8(s_of("")));
    CHECK(pk_text_is_utf8(s_of("plain \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80")));
    CHECK(!pk_text_is_utf8(s_of("plain \xC3")));
    CHECK(!pk_text_is_utf8(s_of("\xED\xA0\x80")));
    CHECK(!pk_text_is_utf8(s_of("ok\x80")));
}

/* Slow and obvious: the pattern's rest against every rest of the text. */
static bool model_glob(const char *pattern, const char *text) {
    bool reach[32] = {true};
    const size_t n = strlen(text);
    for (; *pattern != '\0'; pattern++) {
        bool next[32] = {false};
        for (size_t i = 0; i <= n; i++) {
            if (*pattern == '*') {
                next[i] = reach[i] || (i > 0 && next[i - 1]);
            } else {
                next[i] = i > 0 && reach[i - 1] && (*pattern == '?' || *pattern == text[i - 1]);
            }
        }
        memcpy(reach, next, sizeof reach);
    }
    return reach[n];
}

PK_TEST(glob_match__known_and_random_patterns__agree_with_the_model) {
    struct pk_rng r;
    pk_rng_seed(&r, 42);
    CHECK(pk_glob_match(s_of("*"), s_of("")));
    CHECK(pk_glob_match(s_of(""), s_of("")));
    CHECK(!pk_glob_match(s_of(""), s_of("a")));
    CHECK(!pk_glob_match(s_of("?"), s_of("")));
    CHECK(pk_glob_match(s_of("db-*.error"), s_of("db-7.error")));
    CHECK(!pk_glob_match(s_of("db-*.error"), s_of("db-7.errors")));
    CHECK(!pk_glob_match(s_of("[a]"), s_of("a")));
    for (int i = 0; i < 100000; i++) {
        char pattern[12];
        char text[12];
        const uint64_t pattern_n = pk_rng_below(&r, 10);
        const uint64_t text_n = pk_rng_below(&r, 11);
        for (uint64_t k = 0; k < pattern_n; k++) {
            pattern[k] = "ab*?"[pk_rng_below(&r, 4)];
        }
        for (uint64_t k = 0; k < text_n; k++) {
            text[k] = "ab"[pk_rng_below(&r, 2)];
        }
        pattern[pattern_n] = '\0';
        text[text_n] = '\0';
        REQUIRE(pk_glob_match(s_of(pattern), s_of(text)) == model_glob(pattern, text));
    }
}

PK_TEST(glob_match__many_stars_on_a_long_text__ends_quickly) {
    static char text[20000];
    memset(text, 'a', sizeof text);
    CHECK(!pk_glob_match(s_of("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"), pk_str_make(text, sizeof text)));
}

PK_TEST(text_suggest__typos__find_the_closest_word) {
    static const char *const WORDS[] = {
        "severity", "cooldown",
        "count",    "on",
        "type",     "a_name_that_is_longer_than_any_key_that_we_would_ever_want_to_have_in_a_file"};
    const size_t count = sizeof WORDS / sizeof WORDS[0];
    CHECK_STR(pk_text_suggest(s_of("severty"), WORDS, count), "severity");
    CHECK_STR(pk_text_suggest(s_of("serevity"), WORDS, count), "severity");
    CHECK_STR(pk_text_suggest(s_of("cool_down"), WORDS, count), "cooldown");
    CHECK_STR(pk_text_suggest(s_of("cuont"), WORDS, count), "count");
    CHECK_STR(pk_text_suggest(s_of("type"), WORDS, count), "type");
    CHECK_STR(pk_text_suggest(s_of("in"), WORDS, count), "on");
    CHECK_STR(pk_text_suggest(s_of("zz"), WORDS, count), NULL);
    CHECK_STR(pk_text_suggest(s_of("sev"), WORDS, count), NULL);
    CHECK_STR(pk_text_suggest(s_of(""), WORDS, count), NULL);
    CHECK_STR(pk_text_suggest(s_of("x"), WORDS, 0), NULL);
    CHECK_STR(pk_text_suggest(s_of(WORDS[5]), WORDS, count), NULL);
}

PK_TEST(is_utf8__a_bad_byte_anywhere_in_any_length__is_found) {
    char text[40];
    for (uint32_t n = 1; n <= sizeof text; n++) {
        memset(text, 'x', sizeof text);
        CHECK(pk_text_is_utf8(pk_str_make(text, n)));
        for (uint32_t at = 0; at < n; at++) {
            text[at] = (char)0xC3; /* a character that goes on */
            CHECK(!pk_text_is_utf8(pk_str_make(text, n)));
            if (at + 1u < n) {
                text[at + 1u] = (char)0xA9;
                CHECK(pk_text_is_utf8(pk_str_make(text, n)));
                text[at + 1u] = 'x';
            }
            text[at] = 'x';
        }
    }
}

PK_TEST(eq_c_and_starts__prefixes_and_nul_bytes__are_not_equal) {
    CHECK(pk_str_eq_c(pk_str_of(""), ""));
    CHECK(!pk_str_eq_c(pk_str_of("ab"), "abc"));
    CHECK(!pk_str_eq_c(pk_str_of("abc"), "ab"));
    CHECK(!pk_str_eq_c(pk_str_make("ab\0c", 4), "ab"));
    CHECK(pk_str_starts(pk_str_of("abc"), "ab"));
    CHECK(pk_str_starts(pk_str_of("abc"), ""));
    CHECK(!pk_str_starts(pk_str_of("ab"), "abc"));
    CHECK(!pk_str_starts(pk_str_make("a\0", 2), "ab"));
}

PK_TEST(plain_run__every_byte_at_every_place__ends_where_it_is_not_printed) {
    char text[45];
    for (unsigned byte = 0; byte < 256u; byte++) {
        for (uint32_t n = 0; n < sizeof text; n++) {
            for (uint32_t at = 0; at <= n; at++) {
                memset(text, 'x', sizeof text);
                text[at] = (char)byte;
                const bool is_plain = byte >= ' ' && byte < 0x7Fu;
                CHECK_EQ_INT((int)pk_text_plain_run(pk_str_make(text, n)),
                             (int)(is_plain || at == n ? n : at));
            }
        }
    }
}

PK_TEST(path_join__fits_to_the_last_byte_or_says_so) {
    char out[8];
    CHECK_EQ_INT(pk_path_join(out, sizeof out, "/a", "bcde"), PK_OK);
    CHECK_STR(out, "/a/bcde");
    CHECK_EQ_INT(pk_path_join(out, sizeof out, "/a", "bcdef"), PK_E_TOO_BIG);
    CHECK_STR(out, "/a/");
}

PK_TEST_MAIN(path_join__fits_to_the_last_byte_or_says_so, str_eq__lengths_and_empties__compare_whole,
             str_trim__white_space_at_both_ends__goes, str_split__empty_pieces__are_given_and_the_end_is_told,
             str_copy__fits_or_not__all_or_nothing,
             str_copy_cut__in_the_middle_of_a_character__cuts_before_it, parse_u64__limits_and_forms,
             parse_i64__limits_and_forms, parse_hex_u64__limits_and_forms,
             parse_double__accepted_and_refused_forms, parse_duration_ms__units_and_limits,
             parse_size_bytes__units_and_limits, parse_bool__words,
             buf__what_does_not_fit__is_left_out_whole_and_so_is_the_rest,
             buf_put_integers__limits_padding_hex, buf_put_double__notation_and_specials,
             buf_put_double__random_doubles__strtod_reads_them_back, buf_put_duration__two_leading_units,
             text_is_id__alphabet_extra_and_length,
             utf8_len__all_leading_pairs_and_random_rests__equal_the_definition, text_is_utf8__whole_texts,
             glob_match__known_and_random_patterns__agree_with_the_model,
             glob_match__many_stars_on_a_long_text__ends_quickly, text_suggest__typos__find_the_closest_word,
             is_utf8__a_bad_byte_anywhere_in_any_length__is_found,
             eq_c_and_starts__prefixes_and_nul_bytes__are_not_equal,
             plain_run__every_byte_at_every_place__ends_where_it_is_not_printed)
