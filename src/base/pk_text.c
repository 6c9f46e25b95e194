#include "base/pk_text.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_copy.h"
#include "base/pk_decimal.h"

enum { U64_DIGITS_MAX = 20, SUGGEST_WORD_MAX = 63, SUGGEST_DISTANCE_MAX = 2 };

struct pk_str pk_str_of(const char *terminated) {
    return pk_str_make(terminated, terminated == NULL ? 0u : strlen(terminated));
}

struct pk_str pk_str_make(const char *p, size_t n) {
    PK_ASSERT((uint64_t)n < UINT32_MAX);
    return (struct pk_str){p, (uint32_t)n};
}

extern inline bool pk_str_eq(struct pk_str a, struct pk_str b);

/* The word is not measured first: most comparisons end at the first byte. */
bool pk_str_eq_c(struct pk_str a, const char *terminated) {
    uint32_t i = 0;
    if (terminated == NULL) {
        return a.n == 0;
    }
    while (i < a.n && terminated[i] != '\0' && a.p[i] == terminated[i]) {
        i++;
    }
    return i == a.n && terminated[i] == '\0';
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool pk_str_eq_nocase(struct pk_str a, const char *terminated) {
    uint32_t i = 0;
    while (i < a.n && terminated[i] != '\0' && lower(a.p[i]) == lower(terminated[i])) {
        i++;
    }
    return i == a.n && terminated[i] == '\0';
}

bool pk_str_starts(struct pk_str a, const char *terminated) {
    uint32_t i = 0;
    while (i < a.n && terminated[i] != '\0' && a.p[i] == terminated[i]) {
        i++;
    }
    return terminated[i] == '\0';
}

struct pk_str pk_str_trim(struct pk_str s) {
    while (s.n > 0 && pk_is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && pk_is_space(s.p[s.n - 1u])) {
        s.n--;
    }
    return s;
}

bool pk_str_split(struct pk_str *rest, char separator, struct pk_str *out_piece) {
    if (rest->p == NULL) {
        return false;
    }
    const char *found = memchr(rest->p, separator, rest->n);
    if (found == NULL) {
        *out_piece = *rest;
        *rest = (struct pk_str){NULL, 0};
        return true;
    }
    *out_piece = (struct pk_str){rest->p, (uint32_t)(found - rest->p)};
    rest->p = found + 1;
    rest->n -= out_piece->n + 1u;
    return true;
}

int pk_str_copy(struct pk_str s, char *out, size_t cap_bytes) {
    PK_ASSERT(cap_bytes > 0);
    out[0] = '\0';
    if (s.n >= cap_bytes || s.n > INT32_MAX) {
        return PK_E_TOO_BIG;
    }
    pk_copy(out, s.p, s.n);
    out[s.n] = '\0';
    return (int)s.n;
}

static bool is_continuation(char c) {
    return ((unsigned char)c & 0xC0u) == 0x80u;
}

uint32_t pk_str_copy_cut(struct pk_str s, char *out, size_t cap_bytes) {
    PK_ASSERT(cap_bytes > 0);
    if (s.n >= cap_bytes) {
        s.n = (uint32_t)(cap_bytes - 1u);
        /* A character has at most three continuation bytes; more are no text and are cut anywhere. */
        for (int i = 0; i < 3 && s.n > 0 && is_continuation(s.p[s.n]); i++) {
            s.n--;
        }
    }
    pk_copy(out, s.p, s.n);
    out[s.n] = '\0';
    return s.n;
}

/* Value of a digit in bases up to 16; 16 when it is none. */
static unsigned digit_value(char c) {
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    c = lower(c);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10u : 16u;
}

static int parse_base(struct pk_str s, unsigned base, uint64_t *out) {
    uint64_t v = 0;
    bool is_over = false;
    if (s.n == 0) {
        return PK_E_BAD_FIELD;
    }
    for (uint32_t i = 0; i < s.n; i++) {
        const unsigned digit = digit_value(s.p[i]);
        if (digit >= base) {
            return PK_E_BAD_FIELD;
        }
        is_over = is_over || v > (UINT64_MAX - digit) / base;
        v = v * base + digit;
    }
    if (is_over) {
        return PK_E_TOO_BIG;
    }
    *out = v;
    return PK_OK;
}

int pk_parse_u64(struct pk_str s, uint64_t *out) {
    return parse_base(s, 10u, out);
}

int pk_parse_hex_u64(struct pk_str s, uint64_t *out) {
    return parse_base(s, 16u, out);
}

int pk_parse_i64(struct pk_str s, int64_t *out) {
    uint64_t size = 0;
    const bool is_negative = s.n > 0 && s.p[0] == '-';
    if (is_negative) {
        s.p++;
        s.n--;
    }
    const int err = pk_parse_u64(s, &size);
    if (err < 0) {
        return err;
    }
    if (size > (uint64_t)INT64_MAX + (is_negative ? 1u : 0u)) {
        return PK_E_TOO_BIG;
    }
    if (!is_negative) {
        *out = (int64_t)size;
    } else {
        *out = size == 0 ? 0 : -(int64_t)(size - 1u) - 1;
    }
    return PK_OK;
}

int pk_parse_double(struct pk_str s, double *out) {
    struct pk_decimal d;
    const int err = pk_decimal_parse(s, &d);
    return err < 0 ? err : pk_decimal_to_double(&d, out);
}

struct unit {
    const char *suffix;
    uint64_t factor;
};

/* Whole number, then one of the suffixes (any case when `any_case`). */
static int parse_with_unit(struct pk_str s, const struct unit *units, size_t count, bool any_case,
                           uint64_t *out) {
    uint32_t digits = 0;
    uint64_t v = 0;
    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9') {
        digits++;
    }
    const int err = pk_parse_u64(pk_str_make(s.p, digits), &v);
    if (err < 0) {
        return err;
    }
    const struct pk_str suffix = {s.p + digits, s.n - digits};
    for (size_t i = 0; i < count; i++) {
        const bool is_same =
            any_case ? pk_str_eq_nocase(suffix, units[i].suffix) : pk_str_eq_c(suffix, units[i].suffix);
        if (!is_same) {
            continue;
        }
        if (v > UINT64_MAX / units[i].factor) {
            return PK_E_TOO_BIG;
        }
        *out = v * units[i].factor;
        return PK_OK;
    }
    return PK_E_BAD_FIELD;
}

int pk_parse_duration_ms(struct pk_str s, uint64_t *out_ms) {
    static const struct unit UNITS[] = {{"", 1000u},   {"ms", 1u},      {"s", 1000u},
                                        {"m", 60000u}, {"h", 3600000u}, {"d", 86400000u}};
    return parse_with_unit(s, UNITS, PK_COUNT_OF(UNITS), false, out_ms);
}

int pk_parse_size_bytes(struct pk_str s, uint64_t *out_bytes) {
    static const struct unit UNITS[] = {{"", 1u},         {"b", 1u},         {"k", 1u << 10},
                                        {"kb", 1u << 10}, {"kib", 1u << 10}, {"m", 1u << 20},
                                        {"mb", 1u << 20}, {"mib", 1u << 20}, {"g", 1u << 30},
                                        {"gb", 1u << 30}, {"gib", 1u << 30}};
    return parse_with_unit(s, UNITS, PK_COUNT_OF(UNITS), true, out_bytes);
}

int pk_parse_bool(struct pk_str s, bool *out) {
    static const char *const WORDS[][2] = {{"no", "yes"}, {"off", "on"}, {"false", "true"}, {"0", "1"}};
    for (size_t i = 0; i < PK_COUNT_OF(WORDS); i++) {
        for (int value = 0; value < 2; value++) {
            if (pk_str_eq_nocase(s, WORDS[i][value])) {
                *out = value == 1;
                return PK_OK;
            }
        }
    }
    return PK_E_BAD_FIELD;
}

void pk_buf_init(struct pk_buf *b, char *p, size_t cap_bytes) {
    PK_ASSERT(cap_bytes > 0);
    PK_ASSERT((uint64_t)cap_bytes < UINT32_MAX);
    *b = (struct pk_buf){.p = p, .cap_bytes = (uint32_t)cap_bytes};
    p[0] = '\0';
}

/* Room for n bytes at the end, counted as used already; NULL when they do not fit. */
static char *reserve(struct pk_buf *b, size_t n) {
    if (b->is_cut || n >= b->cap_bytes - b->n) {
        b->is_cut = true;
        return NULL;
    }
    char *room = b->p + b->n;
    b->n += (uint32_t)n;
    b->p[b->n] = '\0';
    return room;
}

void pk_buf_put(struct pk_buf *b, const char *p, size_t n) {
    char *room = reserve(b, n);
    if (room != NULL) {
        pk_copy(room, p, (uint32_t)n); /* there was room for n */
    }
}

void pk_buf_puts(struct pk_buf *b, const char *terminated) {
    pk_buf_put(b, terminated, strlen(terminated));
}

void pk_buf_put_str(struct pk_buf *b, struct pk_str s) {
    pk_buf_put(b, s.p, s.n);
}

void pk_buf_putc(struct pk_buf *b, char c) {
    pk_buf_put(b, &c, 1);
}

void pk_buf_put_u64_pad(struct pk_buf *b, uint64_t v, unsigned width) {
    char digits[U64_DIGITS_MAX];
    unsigned at = U64_DIGITS_MAX;
    PK_ASSERT(width <= U64_DIGITS_MAX);
    do {
        digits[--at] = (char)('0' + v % 10u);
        v /= 10u;
    } while (v != 0);
    while (U64_DIGITS_MAX - at < width) {
        digits[--at] = '0';
    }
    pk_buf_put(b, digits + at, U64_DIGITS_MAX - at);
}

void pk_buf_put_u64(struct pk_buf *b, uint64_t v) {
    pk_buf_put_u64_pad(b, v, 1);
}

void pk_buf_put_i64(struct pk_buf *b, int64_t v) {
    char text[U64_DIGITS_MAX + 2];
    struct pk_buf whole;
    pk_buf_init(&whole, text, sizeof text);
    if (v < 0) {
        pk_buf_putc(&whole, '-');
    }
    pk_buf_put_u64(&whole, v < 0 ? 0u - (uint64_t)v : (uint64_t)v);
    pk_buf_put_str(b, pk_buf_str(&whole));
}

void pk_buf_put_hex(struct pk_buf *b, const uint8_t *p, size_t n) {
    static const char DIGITS[] = "0123456789abcdef";
    char *room = n > UINT32_MAX / 2u ? NULL : reserve(b, n * 2u);
    if (room == NULL) {
        b->is_cut = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        *room++ = DIGITS[p[i] >> 4];
        *room++ = DIGITS[p[i] & 15u];
    }
}

/* A decimal whose digits have no trailing zeros, as 0.00123, 12.3 or 12300. */
static void put_plain(struct pk_buf *b, const char *digits, int32_t count, int32_t exponent) {
    static const char ZEROS[] = "000000000000000000000";
    const int32_t whole_count = count + exponent;
    if (whole_count <= 0) {
        pk_buf_puts(b, "0.");
        pk_buf_put(b, ZEROS, (size_t)-whole_count);
        pk_buf_put(b, digits, (size_t)count);
    } else if (exponent >= 0) {
        pk_buf_put(b, digits, (size_t)count);
        pk_buf_put(b, ZEROS, (size_t)exponent);
    } else {
        pk_buf_put(b, digits, (size_t)whole_count);
        pk_buf_putc(b, '.');
        pk_buf_put(b, digits + whole_count, (size_t)(count - whole_count));
    }
}

static void put_scientific(struct pk_buf *b, const char *digits, int32_t count, int32_t exponent) {
    pk_buf_putc(b, digits[0]);
    if (count > 1) {
        pk_buf_putc(b, '.');
        pk_buf_put(b, digits + 1, (size_t)(count - 1));
    }
    pk_buf_putc(b, 'e');
    pk_buf_put_i64(b, exponent + count - 1);
}

void pk_buf_put_double(struct pk_buf *b, double v) {
    char text[40];
    char digit_text[U64_DIGITS_MAX + 1];
    struct pk_buf whole;
    struct pk_buf digits;
    struct pk_decimal d;
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    if ((bits >> 52 & 0x7FFu) == 0x7FFu) {
        pk_buf_puts(b, "null");
        return;
    }
    pk_decimal_shortest(v, &d);
    pk_buf_init(&digits, digit_text, sizeof digit_text);
    pk_buf_put_u64(&digits, d.digits);
    pk_buf_init(&whole, text, sizeof text);
    if (d.is_negative) {
        pk_buf_putc(&whole, '-');
    }
    const int32_t count = (int32_t)digits.n;
    const int32_t leading = count + d.exponent - 1; /* power of ten of the first digit */
    if (d.digits == 0 || (leading >= -5 && leading < 15)) {
        put_plain(&whole, digit_text, count, d.exponent);
    } else {
        put_scientific(&whole, digit_text, count, d.exponent);
    }
    pk_buf_put_str(b, pk_buf_str(&whole));
}

void pk_buf_put_duration(struct pk_buf *b, uint64_t ms) {
    static const struct unit UNITS[] = {{"d", 86400000u}, {"h", 3600000u}, {"m", 60000u}, {"s", 1000u}};
    char text[48];
    struct pk_buf whole;
    pk_buf_init(&whole, text, sizeof text);
    size_t first = 0;
    while (first < PK_COUNT_OF(UNITS) && ms < UNITS[first].factor) {
        first++;
    }
    if (first == PK_COUNT_OF(UNITS)) {
        pk_buf_put_u64(&whole, ms);
        pk_buf_puts(&whole, "ms");
    } else {
        pk_buf_put_u64(&whole, ms / UNITS[first].factor);
        ms %= UNITS[first].factor;
        if (first == PK_COUNT_OF(UNITS) - 1u && ms != 0) {
            pk_buf_putc(&whole, '.');
            pk_buf_put_u64_pad(&whole, ms, 3);
        }
        pk_buf_puts(&whole, UNITS[first].suffix);
        const size_t second = first + 1u;
        if (second < PK_COUNT_OF(UNITS) && ms >= UNITS[second].factor) {
            pk_buf_putc(&whole, ' ');
            pk_buf_put_u64(&whole, ms / UNITS[second].factor);
            pk_buf_puts(&whole, UNITS[second].suffix);
        }
    }
    pk_buf_put_str(b, pk_buf_str(&whole));
}

struct pk_str pk_buf_str(const struct pk_buf *b) {
    return (struct pk_str){b->p, b->n};
}

int pk_path_join(char *out, size_t cap_bytes, const char *dir, const char *name) {
    struct pk_buf b;
    pk_buf_init(&b, out, cap_bytes);
    pk_buf_puts(&b, dir);
    pk_buf_putc(&b, '/');
    pk_buf_puts(&b, name);
    return b.is_cut ? PK_E_TOO_BIG : PK_OK;
}

bool pk_text_is_id(struct pk_str s, const char *extra, uint32_t max_bytes) {
    if (s.n == 0 || s.n > max_bytes) {
        return false;
    }
    for (uint32_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        const char small = lower(c);
        const bool is_plain =
            (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!is_plain && (c == '\0' || extra == NULL || strchr(extra, c) == NULL)) {
            return false;
        }
    }
    return true;
}

uint32_t pk_utf8_len(const char *p, size_t n) {
    const unsigned char *u = (const unsigned char *)p;
    if (n == 0) {
        return 0;
    }
    if (u[0] < 0x80u) {
        return 1;
    }
    /* The first continuation byte is narrower after E0 (overlong), ED (surrogates), F0 (overlong) and F4
     * (above U+10FFFF). */
    const unsigned first_min = u[0] == 0xE0u ? 0xA0u : u[0] == 0xF0u ? 0x90u : 0x80u;
    const unsigned first_max = u[0] == 0xEDu ? 0x9Fu : u[0] == 0xF4u ? 0x8Fu : 0xBFu;
    const uint32_t len = u[0] < 0xC2u ? 0u : u[0] < 0xE0u ? 2u : u[0] < 0xF0u ? 3u : u[0] < 0xF5u ? 4u : 0u;
    if (len == 0 || n < len || u[1] < first_min || u[1] > first_max) {
        return 0;
    }
    for (uint32_t i = 2; i < len; i++) {
        if (!is_continuation(p[i])) {
            return 0;
        }
    }
    return len;
}

/* Bytes at the start that are ASCII, in steps of eight. */
static uint32_t ascii_steps(struct pk_str s) {
    const uint64_t tops = UINT64_C(0x8080808080808080);
    uint32_t at = 0;
    for (; s.n - at >= 8u; at += 8u) {
        uint64_t word;
        memcpy(&word, s.p + at, sizeof word);
        if ((word & tops) != 0) {
            break;
        }
    }
    return at;
}

/* A top bit comes of a byte that has it, that is below the blank, or that is DEL. What a borrow spoils lies
 * above a byte that is none. */
static uint64_t odd_bytes(const char *p) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return (word | (word - ones * ' ') | (word + ones)) & ones << 7;
}

/* The last step of a text that is plain goes over bytes that were seen already. */
uint32_t pk_text_plain_run(struct pk_str s) {
    uint32_t at = 0;
    for (; s.n - at >= 32u; at += 32u) {
        const char *p = s.p + at;
        if ((odd_bytes(p) | odd_bytes(p + 8) | odd_bytes(p + 16) | odd_bytes(p + 24)) != 0) {
            break;
        }
    }
    for (; s.n - at >= 8u && odd_bytes(s.p + at) == 0; at += 8u) {
    }
    if (s.n - at < 8u && s.n >= 8u && odd_bytes(s.p + s.n - 8u) == 0) {
        return s.n;
    }
    while (at < s.n && s.p[at] >= ' ' && s.p[at] < 0x7F) {
        at++;
    }
    return at;
}

bool pk_text_is_utf8(struct pk_str s) {
    for (uint32_t at = ascii_steps(s); at < s.n;) {
        const uint32_t len = (unsigned char)s.p[at] < 0x80u ? 1u : pk_utf8_len(s.p + at, s.n - at);
        if (len == 0) {
            return false;
        }
        at += len;
    }
    return true;
}

bool pk_glob_match(struct pk_str pattern, struct pk_str text) {
    uint32_t at = 0;
    uint32_t text_at = 0;
    bool has_star = false;
    uint32_t star_at = 0;      /* in the pattern, behind the last '*' */
    uint32_t star_text_at = 0; /* where the text after that '*' is tried next */
    while (text_at < text.n) {
        if (at < pattern.n && pattern.p[at] == '*') {
            has_star = true;
            star_at = ++at;
            star_text_at = text_at;
        } else if (at < pattern.n && (pattern.p[at] == '?' || pattern.p[at] == text.p[text_at])) {
            at++;
            text_at++;
        } else if (has_star) {
            /* Only the last '*' needs another try: an earlier one could not do better. */
            at = star_at;
            text_at = ++star_text_at;
        } else {
            return false;
        }
    }
    while (at < pattern.n && pattern.p[at] == '*') {
        at++;
    }
    return at == pattern.n;
}

static unsigned least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

/* Levenshtein distance; both at most SUGGEST_WORD_MAX long. */
static unsigned edit_distance(struct pk_str a, struct pk_str b) {
    uint8_t row[SUGGEST_WORD_MAX + 1];
    for (uint32_t j = 0; j <= b.n; j++) {
        row[j] = (uint8_t)j;
    }
    for (uint32_t i = 0; i < a.n; i++) {
        unsigned diagonal = row[0];
        row[0] = (uint8_t)(i + 1u);
        for (uint32_t j = 0; j < b.n; j++) {
            const unsigned changed = diagonal + (a.p[i] == b.p[j] ? 0u : 1u);
            diagonal = row[j + 1u];
            row[j + 1u] = (uint8_t)least(changed, least(diagonal, row[j]) + 1u);
        }
    }
    return row[b.n];
}

const char *pk_text_suggest(struct pk_str s, const char *const *words, size_t count) {
    const char *best = NULL;
    unsigned best_distance = SUGGEST_DISTANCE_MAX + 1;
    if (s.n == 0 || s.n > SUGGEST_WORD_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const struct pk_str word = pk_str_of(words[i]);
        if (word.n > SUGGEST_WORD_MAX) {
            continue;
        }
        const unsigned distance = edit_distance(s, word);
        /* A word that shares no letter with the input is no suggestion. */
        if (distance < best_distance && distance < s.n && distance < word.n) {
            best = words[i];
            best_distance = distance;
        }
    }
    return best;
}
