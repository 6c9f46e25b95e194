#ifndef PK_TEXT_H
#define PK_TEXT_H
/* Text without allocation: slices, a bounded builder, and exact parsers. All integers, locale-free. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pk_copy.h"
#include "base/pk_err.h"

/* A slice of somebody else's bytes; not terminated. p may be NULL only when n is 0. */
struct pk_str {
    const char *p;
    uint32_t n;
};

/* ASCII, whatever the locale. */
static inline bool pk_is_digit(char c) {
    return c >= '0' && c <= '9';
}
static inline bool pk_is_blank(char c) {
    return c == ' ' || c == '\t';
}
static inline bool pk_is_space(char c) {
    return pk_is_blank(c) || c == '\r' || c == '\n';
}

struct pk_str pk_str_of(const char *terminated);
struct pk_str pk_str_make(const char *p, size_t n);
inline bool pk_str_eq(struct pk_str a, struct pk_str b) {
    return a.n == b.n && pk_is_same(a.p, b.p, a.n);
}
bool pk_str_eq_c(struct pk_str a, const char *terminated);
/* ASCII case-insensitive. */
bool pk_str_eq_nocase(struct pk_str a, const char *terminated);
bool pk_str_starts(struct pk_str a, const char *terminated);
struct pk_str pk_str_trim(struct pk_str s);
/* Cuts the next piece up to `separator` off *rest (the separator is dropped). false when *rest is used up (p
 * == NULL). */
bool pk_str_split(struct pk_str *rest, char separator, struct pk_str *out_piece);
/* Copies and terminates. PK_E_TOO_BIG when it does not fit (nothing is written then but a terminator).
 * Returns the length. */
PK_MUST_USE int pk_str_copy(struct pk_str s, char *out, size_t cap_bytes);
/* Copies what fits, at a UTF-8 boundary, terminates; returns the length written. For text where a cut is
 * acceptable. */
uint32_t pk_str_copy_cut(struct pk_str s, char *out, size_t cap_bytes);

/* Parsers take the whole slice or fail: PK_E_BAD_FIELD (not of the form), PK_E_TOO_BIG (does not fit the
 * type). */
PK_MUST_USE int pk_parse_u64(struct pk_str s, uint64_t *out);
PK_MUST_USE int pk_parse_i64(struct pk_str s, int64_t *out);
PK_MUST_USE int pk_parse_hex_u64(struct pk_str s, uint64_t *out);
/* Decimal with optional fraction and exponent, digits on both sides of the point. Correctly rounded up to 19
 * significant digits, at most one unit in the last place off beyond. Too small is zero, too large
 * PK_E_TOO_BIG. No inf/nan. */
PK_MUST_USE int pk_parse_double(struct pk_str s, double *out);
/* "250ms" "30s" "5m" "2h" "7d", or a bare number of seconds. Result in milliseconds. */
PK_MUST_USE int pk_parse_duration_ms(struct pk_str s, uint64_t *out_ms);
/* "512" "64k" "16M" "2G" (powers of 1024, optional B/iB). */
PK_MUST_USE int pk_parse_size_bytes(struct pk_str s, uint64_t *out_bytes);
/* yes/no, on/off, true/false, 1/0. */
PK_MUST_USE int pk_parse_bool(struct pk_str s, bool *out);

/* Builder into a caller's buffer: always terminated; once something does not fit, `is_cut` stays set and
 * nothing more is added (so what is there is a whole prefix of whole puts). */
struct pk_buf {
    char *p;
    uint32_t cap_bytes; /* including the terminator */
    uint32_t n;
    bool is_cut;
};

void pk_buf_init(struct pk_buf *b, char *p, size_t cap_bytes);
void pk_buf_put(struct pk_buf *b, const char *p, size_t n);
void pk_buf_puts(struct pk_buf *b, const char *terminated);
void pk_buf_put_str(struct pk_buf *b, struct pk_str s);
void pk_buf_putc(struct pk_buf *b, char c);
void pk_buf_put_u64(struct pk_buf *b, uint64_t v);
void pk_buf_put_i64(struct pk_buf *b, int64_t v);
/* Zero-padded to `width` digits at least. */
void pk_buf_put_u64_pad(struct pk_buf *b, uint64_t v, unsigned width);
void pk_buf_put_hex(struct pk_buf *b, const uint8_t *p, size_t n);
/* Shortest of up to 15 significant digits that reads back equal, else 17; plain notation for 1e-5 <= |v| <
 * 1e15; non-finite as null. */
void pk_buf_put_double(struct pk_buf *b, double v);
/* "1d 2h", "5m", "3.250s", "12ms": the two leading units, for people. */
void pk_buf_put_duration(struct pk_buf *b, uint64_t ms);
struct pk_str pk_buf_str(const struct pk_buf *b);

/* "<dir>/<name>", terminated. PK_OK, or PK_E_TOO_BIG and a beginning of it. */
int pk_path_join(char *out, size_t cap_bytes, const char *dir, const char *name);

/* True when every byte is in [A-Za-z0-9_-] (and `extra`), length 1..max. For ids (WIRE "Ids"). */
bool pk_text_is_id(struct pk_str s, const char *extra, uint32_t max_bytes);
bool pk_text_is_utf8(struct pk_str s);
/* Bytes at the start that stand for themselves, from the blank to the tilde. */
uint32_t pk_text_plain_run(struct pk_str s);
/* Bytes of the well-formed UTF-8 character at p (RFC 3629: no overlong form, no surrogate, <= U+10FFFF); 0
 * when there is none. */
uint32_t pk_utf8_len(const char *p, size_t n);
/* Shell-style glob: '*' any run, '?' one byte. No classes, no recursion. */
bool pk_glob_match(struct pk_str pattern, struct pk_str text);
/* Closest of `count` words to `s` (edit distance <= 2), or NULL: "did you mean". */
const char *pk_text_suggest(struct pk_str s, const char *const *words, size_t count);
#endif
