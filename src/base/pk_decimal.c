#include "base/pk_decimal.h"

#include <string.h>

#include "base/pk_assert.h"

enum {
    /* The widest operands: 10^344 (a tiny literal) against a dividend shifted to its length, 1143 bits. */
    BIG_WORDS = 40,
    EXPONENT_TEXT_MAX = 99999,
    NUMBER_TEXT_MAX = 65535, /* characters; keeps the exponent within its type */
    EXPONENT_MAX = 308,      /* one digit with a larger one is above every finite double */
    EXPONENT_MIN = -344,     /* twenty digits with a smaller one are below half of the smallest */
    MANTISSA_BITS = 53,
    EXPONENT_BIAS = 1023,
    EXPONENT_SPECIAL = 2047, /* biased: infinity and NaN */
    SHORT_DIGITS = 15,       /* any decimal of so many digits comes back from a double unchanged */
    EXACT_DIGITS = 17,       /* any double comes back from so many digits unchanged */
    POWERS_EXACT = 22        /* 10^22 is the largest power of ten a double holds exactly */
};

#define MANTISSA_EXACT_MAX 9007199254740992u /* 2^53 */

static const double POWERS_OF_TEN[POWERS_EXACT + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Little-endian words; no leading zero words, so zero has n == 0. */
struct big {
    uint32_t n;
    uint32_t words[BIG_WORDS];
};

static void big_append(struct big *b, uint32_t word) {
    PK_ASSERT(b->n < BIG_WORDS);
    b->words[b->n++] = word;
}

static void big_set(struct big *b, uint64_t v) {
    b->n = 0;
    for (; v != 0; v >>= 32) {
        big_append(b, (uint32_t)v);
    }
}

static void big_multiply(struct big *b, uint32_t factor) {
    uint64_t carry = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        carry += (uint64_t)b->words[i] * factor;
        b->words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0) {
        big_append(b, (uint32_t)carry);
    }
}

static void big_multiply_power_of_ten(struct big *b, uint32_t exponent) {
    for (; exponent >= 9; exponent -= 9) {
        big_multiply(b, 1000000000u);
    }
    for (; exponent > 0; exponent--) {
        big_multiply(b, 10u);
    }
}

static void big_shift_left(struct big *b, uint32_t bits) {
    const uint32_t whole_words = bits / 32u;
    if (whole_words > 0 && b->n > 0) {
        PK_ASSERT(b->n + whole_words <= BIG_WORDS);
        memmove(b->words + whole_words, b->words, b->n * sizeof b->words[0]);
        memset(b->words, 0, whole_words * sizeof b->words[0]);
        b->n += whole_words;
    }
    if (bits % 32u != 0) {
        big_multiply(b, (uint32_t)1 << (bits % 32u));
    }
}

static int big_compare(const struct big *a, const struct big *b) {
    if (a->n != b->n) {
        return a->n < b->n ? -1 : 1;
    }
    for (uint32_t i = a->n; i-- > 0;) {
        if (a->words[i] != b->words[i]) {
            return a->words[i] < b->words[i] ? -1 : 1;
        }
    }
    return 0;
}

/* a -= b, where a >= b */
static void big_subtract(struct big *a, const struct big *b) {
    uint64_t borrow = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        const uint64_t taken = (i < b->n ? b->words[i] : 0u) + borrow;
        borrow = a->words[i] < taken ? 1u : 0u;
        a->words[i] = (uint32_t)(a->words[i] - taken);
    }
    while (a->n > 0 && a->words[a->n - 1] == 0) {
        a->n--;
    }
}

static int32_t big_bits(const struct big *b) {
    return b->n == 0 ? 0 : (int32_t)(b->n * 32u) - __builtin_clz(b->words[b->n - 1]);
}

/* Takes the run of digits at *at; returns its length. */
static uint32_t take_digits(struct pk_str s, uint32_t *at, bool is_fraction, struct pk_decimal *d) {
    const uint32_t start = *at;
    for (; *at < s.n && pk_is_digit(s.p[*at]); ++*at) {
        const unsigned digit = (unsigned)(s.p[*at] - '0');
        /* From 10^18 on all 19 digits that always fit are there. */
        if (d->digits < 1000000000000000000u) {
            d->digits = d->digits * 10u + digit;
            d->exponent -= is_fraction ? 1 : 0;
        } else {
            d->is_cut = d->is_cut || digit != 0;
            d->exponent += is_fraction ? 0 : 1;
        }
    }
    return *at - start;
}

static int take_exponent(struct pk_str s, uint32_t at, int32_t *exponent) {
    const bool is_negative = at < s.n && s.p[at] == '-';
    int32_t value = 0;
    if (at < s.n && (s.p[at] == '-' || s.p[at] == '+')) {
        at++;
    }
    if (at == s.n) {
        return PK_E_BAD_FIELD;
    }
    for (; at < s.n; at++) {
        if (!pk_is_digit(s.p[at])) {
            return PK_E_BAD_FIELD;
        }
        if (value < EXPONENT_TEXT_MAX) {
            value = value * 10 + (s.p[at] - '0');
        }
    }
    *exponent += is_negative ? -value : value;
    return PK_OK;
}

int pk_decimal_parse(struct pk_str s, struct pk_decimal *out) {
    uint32_t at = 0;
    *out = (struct pk_decimal){0};
    if (s.n > NUMBER_TEXT_MAX) {
        return PK_E_BAD_FIELD;
    }
    if (s.n > 0 && s.p[0] == '-') {
        out->is_negative = true;
        at++;
    }
    if (take_digits(s, &at, false, out) == 0) {
        return PK_E_BAD_FIELD;
    }
    if (at < s.n && s.p[at] == '.') {
        at++;
        if (take_digits(s, &at, true, out) == 0) {
            return PK_E_BAD_FIELD;
        }
    }
    if (at == s.n) {
        return PK_OK;
    }
    if (s.p[at] != 'e' && s.p[at] != 'E') {
        return PK_E_BAD_FIELD;
    }
    return take_exponent(s, at + 1u, &out->exponent);
}

static double double_of_bits(uint64_t bits) {
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static uint64_t bits_of_double(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* Bits of the double nearest to the positive quotient numerator / denominator. */
static uint64_t nearest_double_bits(struct big *numerator, struct big *denominator, bool has_more_digits) {
    /* Bring the quotient into [1, 2); `exponent` is the weight of its leading bit. */
    int32_t exponent = big_bits(numerator) - big_bits(denominator);
    if (exponent > 0) {
        big_shift_left(denominator, (uint32_t)exponent);
    } else {
        big_shift_left(numerator, (uint32_t)-exponent);
    }
    if (big_compare(numerator, denominator) < 0) {
        big_shift_left(numerator, 1);
        exponent--;
    }

    /* Below 2^-1022 a double has fewer bits: its last one weighs 2^-1074. */
    int32_t precision = MANTISSA_BITS;
    if (exponent < 1 - EXPONENT_BIAS) {
        precision = exponent + EXPONENT_BIAS + MANTISSA_BITS - 1;
    }
    if (precision < 0) {
        return 0;
    }
    uint64_t mantissa = 0;
    for (int32_t i = 0; i < precision; i++) {
        mantissa <<= 1;
        if (big_compare(numerator, denominator) >= 0) {
            big_subtract(numerator, denominator);
            mantissa |= 1u;
        }
        big_shift_left(numerator, 1);
    }
    /* The quotient that is left, in [0, 2), is twice the fraction cut off. */
    const int half = big_compare(numerator, denominator);
    if (half > 0 || (half == 0 && (has_more_digits || (mantissa & 1u) != 0))) {
        mantissa++;
    }
    if (precision < MANTISSA_BITS) {
        return mantissa; /* a carry into bit 52 makes the smallest normal number, as it should */
    }
    /* Adding keeps a carry out of the mantissa right: it moves into the exponent. */
    return ((uint64_t)(exponent + EXPONENT_BIAS - 1) << (MANTISSA_BITS - 1)) + mantissa;
}

/* digits * 10^exponent when both parts and so the one rounding of the operation are exact. */
static bool to_double_fast(const struct pk_decimal *d, double *out) {
    if (d->digits > MANTISSA_EXACT_MAX || d->is_cut) {
        return false;
    }
    if (d->exponent < -POWERS_EXACT || d->exponent > POWERS_EXACT) {
        return false;
    }
    const double digits = (double)d->digits;
    *out = d->exponent < 0 ? digits / POWERS_OF_TEN[-d->exponent] : digits * POWERS_OF_TEN[d->exponent];
    return true;
}

int pk_decimal_to_double(const struct pk_decimal *d, double *out) {
    double v = 0.0;
    if (d->digits != 0 && d->exponent > EXPONENT_MAX) {
        return PK_E_TOO_BIG;
    }
    if (d->digits != 0 && d->exponent >= EXPONENT_MIN && !to_double_fast(d, &v)) {
        struct big numerator;
        struct big denominator;
        big_set(&numerator, d->digits);
        big_set(&denominator, 1);
        if (d->exponent < 0) {
            big_multiply_power_of_ten(&denominator, (uint32_t)-d->exponent);
        } else {
            big_multiply_power_of_ten(&numerator, (uint32_t)d->exponent);
        }
        const uint64_t bits = nearest_double_bits(&numerator, &denominator, d->is_cut);
        if (bits >= (uint64_t)EXPONENT_SPECIAL << (MANTISSA_BITS - 1)) {
            return PK_E_TOO_BIG;
        }
        v = double_of_bits(bits);
    }
    *out = d->is_negative ? -v : v;
    return PK_OK;
}

int pk_decimal_to_u64(const struct pk_decimal *d, uint64_t *out) {
    uint64_t v = d->digits;
    int32_t exponent = v == 0 ? 0 : d->exponent;
    if (d->is_cut) {
        return exponent < 0 ? PK_E_BAD_FIELD : PK_E_TOO_BIG;
    }
    for (; exponent < 0; exponent++) {
        if (v % 10u != 0) {
            return PK_E_BAD_FIELD;
        }
        v /= 10u;
    }
    for (; exponent > 0; exponent--) {
        if (v > UINT64_MAX / 10u) {
            return PK_E_TOO_BIG;
        }
        v *= 10u;
    }
    *out = v;
    return PK_OK;
}

/* floor(exponent2 * log10(2)), exact over the range of a double. */
static int32_t decimal_exponent_floor(int32_t exponent2) {
    const int64_t one = (int64_t)1 << 32;
    const int64_t log10_of_2 = 1292913986; /* * 2^-32 */
    const int64_t scaled = exponent2 * log10_of_2;
    return (int32_t)(scaled >= 0 ? scaled / one : -((-scaled + one - 1) / one));
}

void pk_decimal_round(double v, unsigned digit_count, struct pk_decimal *out) {
    const uint64_t bits = bits_of_double(v);
    const uint64_t hidden_bit = (uint64_t)1 << (MANTISSA_BITS - 1);
    uint64_t mantissa = bits & (hidden_bit - 1u);
    int32_t exponent2 = (int32_t)(bits >> (MANTISSA_BITS - 1)) & EXPONENT_SPECIAL;
    PK_ASSERT(exponent2 != EXPONENT_SPECIAL);
    PK_ASSERT(digit_count >= 1 && digit_count <= EXACT_DIGITS);
    *out = (struct pk_decimal){.is_negative = bits >> 63 != 0};
    if (exponent2 == 0 && mantissa == 0) {
        return;
    }
    if (exponent2 == 0) {
        exponent2 = 1;
    } else {
        mantissa |= hidden_bit;
    }
    exponent2 -= EXPONENT_BIAS + MANTISSA_BITS - 1;

    struct big numerator;
    struct big denominator;
    big_set(&numerator, mantissa);
    big_set(&denominator, 1);
    /* |v| / 10^exponent10 in [1, 10); the estimate is exact or one too small. */
    int32_t exponent10 = decimal_exponent_floor(exponent2 + big_bits(&numerator) - 1);
    big_multiply_power_of_ten(exponent10 < 0 ? &numerator : &denominator,
                              (uint32_t)(exponent10 < 0 ? -exponent10 : exponent10));
    big_shift_left(exponent2 < 0 ? &denominator : &numerator,
                   (uint32_t)(exponent2 < 0 ? -exponent2 : exponent2));
    struct big tenfold = denominator;
    big_multiply(&tenfold, 10u);
    if (big_compare(&numerator, &tenfold) >= 0) {
        denominator = tenfold;
        exponent10++;
    }
    for (unsigned i = 0; i < digit_count; i++) {
        out->digits *= 10u;
        for (; big_compare(&numerator, &denominator) >= 0; out->digits++) {
            big_subtract(&numerator, &denominator);
        }
        big_multiply(&numerator, 10u);
    }
    /* What is left is ten times the fraction cut off. */
    big_multiply(&denominator, 5u);
    const int half = big_compare(&numerator, &denominator);
    if (half > 0 || (half == 0 && out->digits % 2u != 0)) {
        out->digits++; /* 99..9 may become 10..0: one digit more, the same value */
    }
    out->exponent = exponent10 - (int32_t)digit_count + 1;
}

static void strip_zeros(struct pk_decimal *d) {
    while (d->digits != 0 && d->digits % 10u == 0) {
        d->digits /= 10u;
        d->exponent++;
    }
}

/* The fewest fraction digits that read back as v, when all digits of it are at most 15. One division decides
 * each try, and it is the very operation that reading does. */
static bool shortest_fast(double v, struct pk_decimal *out) {
    const double size = v < 0.0 ? -v : v;
    for (int32_t places = 0; places <= POWERS_EXACT; places++) {
        const double scaled = size * POWERS_OF_TEN[places] + 0.5;
        if (scaled >= 1e15) {
            return false;
        }
        const uint64_t digits = (uint64_t)scaled;
        const double back = (double)digits / POWERS_OF_TEN[places];
        if (back >= size && back <= size) {
            *out = (struct pk_decimal){.digits = digits, .exponent = -places, .is_negative = v < 0.0};
            return true;
        }
    }
    return false;
}

static bool reads_back(double v, unsigned digit_count, struct pk_decimal *out) {
    double back;
    pk_decimal_round(v, digit_count, out);
    return pk_decimal_to_double(out, &back) == PK_OK && bits_of_double(back) == bits_of_double(v);
}

/* A subnormal holds so few bits that far less than 15 digits may do. More digits are never farther from v, so
 * halving finds the least. */
static void shortest_subnormal(double v, struct pk_decimal *out) {
    unsigned low = 1;
    unsigned high = SHORT_DIGITS;
    while (low < high) {
        const unsigned middle = (low + high) / 2u;
        if (reads_back(v, middle, out)) {
            high = middle;
        } else {
            low = middle + 1u;
        }
    }
    pk_decimal_round(v, low, out);
}

void pk_decimal_shortest(double v, struct pk_decimal *out) {
    const double size = v < 0.0 ? -v : v;
    const double smallest_normal = 2.2250738585072014e-308;
    const bool is_plain = size >= 1e-5 && size < 1e15;
    if (!is_plain || !shortest_fast(v, out)) {
        /* A 15-digit decimal survives the way through a normal double, so rounding to 15 and dropping zeros
         * is the shortest. The fast way has tried all of those already. */
        if (is_plain || !reads_back(v, SHORT_DIGITS, out)) {
            pk_decimal_round(v, EXACT_DIGITS, out);
        } else if (size < smallest_normal) {
            shortest_subnormal(v, out);
        }
    }
    strip_zeros(out);
}
