#ifndef PK_DECIMAL_H
#define PK_DECIMAL_H
/* Decimal text and IEEE-754 doubles, both ways, without libc: the same digits on every machine. */
#include "base/pk_text.h"

/* digits * 10^exponent */
struct pk_decimal {
    uint64_t digits;
    int32_t exponent;
    bool is_negative;
    bool is_cut; /* more than 19 significant digits were given; the rest was not all zero */
};

/* [-]digits[.digits][(e|E)[+|-]digits], the whole slice. PK_E_BAD_FIELD else. */
PK_MUST_USE int pk_decimal_parse(struct pk_str s, struct pk_decimal *out);
/* Nearest double, ties to even. PK_E_TOO_BIG beyond the largest finite one. */
PK_MUST_USE int pk_decimal_to_double(const struct pk_decimal *d, double *out);
/* Whole numbers only: PK_E_BAD_FIELD for a fraction, PK_E_TOO_BIG when it does not fit. The sign is not
 * looked at. */
PK_MUST_USE int pk_decimal_to_u64(const struct pk_decimal *d, uint64_t *out);
/* A finite v rounded to digit_count (1..17) significant digits, exactly, ties to even. */
void pk_decimal_round(double v, unsigned digit_count, struct pk_decimal *out);
/* The shortest of up to 15 significant digits that reads back as v, else 17. v is finite. No trailing zeros.
 */
void pk_decimal_shortest(double v, struct pk_decimal *out);
#endif
