#include "base/pk_decimal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

/* Random cases where each is slow: a fifth. */
enum { LESS = PK_IS_SLOW ? 5 : 1 };

static uint64_t bits_of(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static double of_bits(uint64_t bits) {
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Any finite double: all exponents are equally likely, subnormals included. */
static double random_finite(struct pk_rng *r) {
    uint64_t bits = pk_rng_u64(r);
    while ((bits >> 52 & 0x7FFu) == 0x7FFu) {
        bits = pk_rng_u64(r);
    }
    return of_bits(bits);
}

static bool reads_as_strtod(const char *text) {
    struct pk_decimal d;
    double got;
    if (pk_decimal_parse(pk_str_of(text), &d) < 0 || pk_decimal_to_double(&d, &got) < 0) {
        printf("# refused: %s\n", text);
        return false;
    }
    const double want = strtod(text, NULL);
    if (bits_of(got) != bits_of(want)) {
        printf("# %s: got %.17g, want %.17g\n", text, got, want);
        return false;
    }
    return true;
}

PK_TEST(decimal_to_double__hard_cases__equal_strtod) {
    static const char *const TEXTS[] = {
        "0",
        "-0",
        "0.0",
        "0e99999",
        "1",
        "-1",
        "123456789012345",
        "9007199254740993", /* 2^53 + 1: a tie, to even */
        "9007199254740995",
        "18446744073709551615",
        "0.1",
        "0.30000000000000004",
        "1e22",
        "1e23",
        "8.5e22",
        "1.7976931348623157e308",  /* the largest */
        "1.7976931348623158e308",  /* still rounds to it */
        "2.2250738585072014e-308", /* the smallest normal */
        "2.2250738585072011e-308", /* the largest subnormal, known to hang old parsers */
        "2.2250738585072012e-308", /* rounds up into the normals */
        "4.9406564584124654e-324", /* the smallest subnormal */
        "2.4703282292062328e-324", /* just above half of it */
        "2.4703282292062327e-324", /* just below half: zero */
        "5e-324",
        "2e-324",
        "3e-324",
        "1e-400",
        "1e-99999999999999",
        "1234567890123456789e-300",
        "9999999999999999999e-343",
        "00000000000000000000000000001.5",
        "0.000000000000000000000000000000000000000000001234",
        "1000000000000000000000000000000000000000000",
        "6.02214076e23",
        "1.1",
        "2.675",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        CHECK(reads_as_strtod(TEXTS[i]));
    }
}

PK_TEST(decimal_to_double__too_large__is_too_big) {
    static const char *const TEXTS[] = {"1e309", "1.7976931348623159e308", "-1e309", "1e99999999999",
                                        "99999999999999999999e300"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct pk_decimal d;
        double v;
        CHECK_EQ_INT(pk_decimal_parse(pk_str_of(TEXTS[i]), &d), PK_OK);
        CHECK_EQ_INT(pk_decimal_to_double(&d, &v), PK_E_TOO_BIG);
    }
}

PK_TEST(decimal_parse__not_of_the_form__is_a_bad_field) {
    static const char *const TEXTS[] = {"",    "-",     "+1",    ".5",    "5.",    "1e",  "1e+",  "1e-",
                                        "e5",  "1.e5",  "--1",   "1 ",    " 1",    "1,5", "0x10", "inf",
                                        "nan", "1e5.0", "1e5e5", "1.2.3", "1_000", "-e1"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct pk_decimal d;
        CHECK_EQ_INT(pk_decimal_parse(pk_str_of(TEXTS[i]), &d), PK_E_BAD_FIELD);
    }
    struct pk_decimal d;
    CHECK_EQ_INT(pk_decimal_parse((struct pk_str){NULL, 0}, &d), PK_E_BAD_FIELD);
}

PK_TEST(decimal_parse__longer_than_64_kib__is_a_bad_field) {
    static char text[65537];
    struct pk_decimal d;
    double v;
    memset(text, '9', sizeof text);
    CHECK_EQ_INT(pk_decimal_parse(pk_str_make(text, sizeof text), &d), PK_E_BAD_FIELD);
    text[1] = '.';
    CHECK_EQ_INT(pk_decimal_parse(pk_str_make(text, 65535), &d), PK_OK);
    CHECK_EQ_INT(pk_decimal_to_double(&d, &v), PK_OK);
    CHECK(v >= 10.0 && v <= 10.0);
}

PK_TEST(decimal_parse__parts__are_taken_apart) {
    struct pk_decimal d;
    CHECK_EQ_INT(pk_decimal_parse(pk_str_of("-12.50e3"), &d), PK_OK);
    CHECK_EQ_U64(d.digits, 1250);
    CHECK_EQ_INT(d.exponent, 1);
    CHECK(d.is_negative);
    CHECK(!d.is_cut);
    CHECK_EQ_INT(pk_decimal_parse(pk_str_of("12345678901234567890123"), &d), PK_OK);
    CHECK_EQ_U64(d.digits, 1234567890123456789u);
    CHECK_EQ_INT(d.exponent, 4);
    CHECK(d.is_cut);
    CHECK_EQ_INT(pk_decimal_parse(pk_str_of("10000000000000000000000"), &d), PK_OK);
    CHECK(!d.is_cut);
}

PK_TEST(decimal_to_double__random_doubles_in_17_digits__read_back_exactly) {
    struct pk_rng r;
    pk_rng_seed(&r, 17);
    for (int i = 0; i < 30000 / LESS; i++) {
        char text[40];
        snprintf(text, sizeof text, "%.17g", random_finite(&r));
        char *plus = strchr(text, '+');
        if (plus != NULL && i % 2 == 0) { /* both spellings of the exponent */
            memmove(plus, plus + 1, strlen(plus));
        }
        REQUIRE(reads_as_strtod(text));
    }
}

PK_TEST(decimal_to_double__random_digits_and_exponents__equal_strtod) {
    struct pk_rng r;
    pk_rng_seed(&r, 19);
    for (int i = 0; i < 60000 / LESS; i++) {
        char text[64];
        /* Short ones too: a uniform draw would be all 19 digits. */
        const uint64_t digits = pk_rng_u64(&r) % 10000000000000000000u >> pk_rng_below(&r, 60);
        const int span = i % 2 == 0 ? 25 : 310;
        const int exponent = (int)pk_rng_below(&r, (uint64_t)span * 2u) - span;
        snprintf(text, sizeof text, "%llu.%llue%d", (unsigned long long)(digits / 1000u),
                 (unsigned long long)(digits % 1000u), exponent - 20);
        REQUIRE(reads_as_strtod(text));
    }
}

PK_TEST(decimal_to_double__ties_between_neighbours__go_to_even) {
    struct pk_rng r;
    pk_rng_seed(&r, 2);
    for (int i = 0; i < 2000; i++) {
        char text[64];
        /* 2^53 .. 2^54: doubles are 2 apart, so an odd number is half way. */
        const uint64_t odd = ((uint64_t)1 << 53) + (pk_rng_u64(&r) >> 11 | 1u);
        snprintf(text, sizeof text, "%llu", (unsigned long long)odd);
        REQUIRE(reads_as_strtod(text));
        snprintf(text, sizeof text, "%llu.01", (unsigned long long)odd);
        REQUIRE(reads_as_strtod(text));
    }
}

PK_TEST(decimal_to_double__beyond_19_digits__is_within_one_unit_in_the_last_place) {
    struct pk_rng r;
    pk_rng_seed(&r, 40);
    for (int i = 0; i < 5000 / LESS; i++) {
        char text[80];
        struct pk_decimal d;
        double got = 0.0;
        snprintf(text, sizeof text, "%llu%llu.%llue%d", (unsigned long long)pk_rng_u64(&r),
                 (unsigned long long)pk_rng_u64(&r), (unsigned long long)pk_rng_u64(&r),
                 (int)pk_rng_below(&r, 500) - 250);
        REQUIRE(pk_decimal_parse(pk_str_of(text), &d) == PK_OK);
        REQUIRE(pk_decimal_to_double(&d, &got) == PK_OK);
        const int64_t apart = (int64_t)(bits_of(got) - bits_of(strtod(text, NULL)));
        REQUIRE(apart >= -1 && apart <= 1);
    }
}

PK_TEST(decimal_round__random_doubles_and_lengths__equal_printf) {
    struct pk_rng r;
    pk_rng_seed(&r, 23);
    for (int i = 0; i < 20000 / LESS; i++) {
        const double v = random_finite(&r);
        const unsigned count = 1u + (unsigned)pk_rng_below(&r, 17);
        struct pk_decimal d;
        char want[40];
        char got[64];
        pk_decimal_round(v, count, &d);
        snprintf(want, sizeof want, "%.*e", (int)count - 1, v);
        /* The same notation by way of printf's own formatting of our digits, which is exact for up to 17. */
        char digits[24];
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)d.digits);
        const int leading = (int)strlen(digits) - 1 + d.exponent;
        digits[count] = '\0'; /* 9.99 may have become 10.00 */
        snprintf(got, sizeof got, "%s%c%s%se%c%02d", d.is_negative ? "-" : "", digits[0],
                 count > 1 ? "." : "", digits + 1, leading < 0 ? '-' : '+', abs(leading));
        if (strcmp(got, want) != 0) {
            printf("# got %s want %s\n", got, want);
        }
        REQUIRE(strcmp(got, want) == 0);
    }
}

PK_TEST(decimal_shortest__what_a_person_wrote__comes_back) {
    struct pk_rng r;
    pk_rng_seed(&r, 15);
    for (int i = 0; i < 40000 / LESS; i++) {
        char text[40];
        struct pk_decimal d;
        uint64_t digits = pk_rng_below(&r, 1000000000000000u) >> pk_rng_below(&r, 50);
        digits = digits % 10u == 0 ? digits + 1u : digits; /* no trailing zero */
        const int exponent = (int)pk_rng_below(&r, 560) - 300;
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)digits, exponent);
        pk_decimal_shortest(strtod(text, NULL), &d);
        REQUIRE(d.digits == digits);
        REQUIRE(d.exponent == exponent);
    }
}

PK_TEST(decimal_shortest__random_doubles__read_back_and_no_shorter_length_does) {
    struct pk_rng r;
    pk_rng_seed(&r, 31);
    for (int i = 0; i < 5000 / LESS; i++) {
        /* A third of them subnormal, where the shortest is far shorter than 15. */
        const double v =
            i % 3 == 0 ? of_bits(pk_rng_u64(&r) >> (13 + pk_rng_below(&r, 50))) : random_finite(&r);
        struct pk_decimal d;
        double back = 0.0;
        char text[40];
        pk_decimal_shortest(v, &d);
        REQUIRE(pk_decimal_to_double(&d, &back) == PK_OK);
        REQUIRE(bits_of(back) == bits_of(v));
        snprintf(text, sizeof text, "%llu", (unsigned long long)d.digits);
        const int length = (int)strlen(text);
        REQUIRE(length <= 17 && (d.digits == 0 || d.digits % 10u != 0));
        const int shorter = length > 15 ? 15 : length - 1;
        if (shorter >= 1) {
            snprintf(text, sizeof text, "%.*e", shorter - 1, v);
            REQUIRE(bits_of(strtod(text, NULL)) != bits_of(v));
        }
    }
}

PK_TEST(decimal_to_u64__whole_numbers_in_any_spelling__are_read) {
    static const struct {
        const char *text;
        int err;
        uint64_t value;
    } ROWS[] = {
        {"0", PK_OK, 0},
        {"0.000", PK_OK, 0},
        {"0e500", PK_OK, 0},
        {"5.0", PK_OK, 5},
        {"1e3", PK_OK, 1000},
        {"1.5e1", PK_OK, 15},
        {"120e-1", PK_OK, 12},
        {"9999999999999999999", PK_OK, 9999999999999999999u},
        {"12345678901234567891", PK_E_TOO_BIG, 0}, /* 20 digits, even if it would fit */
        {"9999999999999999999e1", PK_E_TOO_BIG, 0},
        {"1e20", PK_E_TOO_BIG, 0},
        {"1e400", PK_E_TOO_BIG, 0},
        {"0.5", PK_E_BAD_FIELD, 0},
        {"1e-1", PK_E_BAD_FIELD, 0},
        {"1.00000000000000000000001", PK_E_BAD_FIELD, 0},
        {"123456789012345678901234567890", PK_E_TOO_BIG, 0},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct pk_decimal d;
        uint64_t v = 0;
        CHECK_EQ_INT(pk_decimal_parse(pk_str_of(ROWS[i].text), &d), PK_OK);
        CHECK_EQ_INT(pk_decimal_to_u64(&d, &v), ROWS[i].err);
        CHECK_EQ_U64(v, ROWS[i].value);
    }
}

PK_TEST_MAIN(decimal_to_double__hard_cases__equal_strtod, decimal_to_double__too_large__is_too_big,
             decimal_parse__not_of_the_form__is_a_bad_field,
             decimal_parse__longer_than_64_kib__is_a_bad_field, decimal_parse__parts__are_taken_apart,
             decimal_to_double__random_doubles_in_17_digits__read_back_exactly,
             decimal_to_double__random_digits_and_exponents__equal_strtod,
             decimal_to_double__ties_between_neighbours__go_to_even,
             decimal_to_double__beyond_19_digits__is_within_one_unit_in_the_last_place,
             decimal_round__random_doubles_and_lengths__equal_printf,
             decimal_shortest__what_a_person_wrote__comes_back,
             decimal_shortest__random_doubles__read_back_and_no_shorter_length_does,
             decimal_to_u64__whole_numbers_in_any_spelling__are_read)
