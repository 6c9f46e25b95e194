#include "base/pk_base64.h"

#include <string.h>

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* 0..63, or 64 for a character outside the alphabet. */
static uint32_t value_of(char c) {
    if (c >= 'A' && c <= 'Z') {
        return (uint32_t)(c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (uint32_t)(c - 'a') + 26u;
    }
    if (c >= '0' && c <= '9') {
        return (uint32_t)(c - '0') + 52u;
    }
    return c == '-' ? 62u : c == '_' ? 63u : 64u;
}

int pk_base64url_decode(struct pk_str s, uint8_t *out, size_t cap_bytes) {
    const uint32_t decoded_bytes = s.n / 4u * 3u + (s.n % 4u == 0 ? 0u : s.n % 4u - 1u);
    if (s.n % 4u == 1u) {
        return PK_E_BAD_FIELD;
    }
    if (decoded_bytes > cap_bytes || decoded_bytes > INT32_MAX) {
        return PK_E_TOO_BIG;
    }
    uint32_t bits = 0;
    unsigned bit_count = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        const uint32_t value = value_of(s.p[i]);
        if (value == 64u) {
            return PK_E_BAD_FIELD;
        }
        bits = bits << 6 | value;
        bit_count += 6u;
        if (bit_count >= 8u) {
            bit_count -= 8u;
            *out++ = (uint8_t)(bits >> bit_count);
            bits &= ((uint32_t)1 << bit_count) - 1u;
        }
    }
    /* Two texts for the same bytes would let a signed text change without notice. */
    return bits == 0 ? (int)decoded_bytes : PK_E_BAD_FIELD;
}

void pk_base64url_encode(struct pk_buf *b, const uint8_t *p, size_t n) {
    if (b->is_cut || (uint64_t)n * 4u + 2u >= (uint64_t)(b->cap_bytes - b->n) * 3u) {
        b->is_cut = true;
        return;
    }
    uint32_t bits = 0;
    unsigned bit_count = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | p[i];
        for (bit_count += 8u; bit_count >= 6u;) {
            bit_count -= 6u;
            pk_buf_putc(b, ALPHABET[bits >> bit_count & 63u]);
        }
        bits &= ((uint32_t)1 << bit_count) - 1u;
    }
    if (bit_count > 0) {
        pk_buf_putc(b, ALPHABET[bits << (6u - bit_count) & 63u]);
    }
}
