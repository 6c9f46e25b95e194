#ifndef PK_COPY_H
#define PK_COPY_H
/* Copying, comparing and searching short texts, by words: the C library of the product goes byte by byte up
 * to fifteen bytes, and names, numbers and messages of events are that short. For large things memcpy is the
 * plain word. Here, so that busy code has them in its midst; elsewhere they are calls (pk_copy.c). */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The places do not overlap; either may be NULL when n is 0. The last word is taken from the end, over bytes
 * that were taken already. */
inline void pk_copy(void *to, const void *from, uint32_t n) {
    uint8_t *out = to;
    const uint8_t *in = from;
    if (n >= 8u) {
        uint64_t word, last;
        memcpy(&last, in + n - 8u, sizeof last);
        for (uint32_t at = 0; at + 8u < n; at += 8u) {
            memcpy(&word, in + at, sizeof word);
            memcpy(out + at, &word, sizeof word);
        }
        memcpy(out + n - 8u, &last, sizeof last);
    } else if (n >= 4u) {
        uint32_t first, last;
        memcpy(&first, in, sizeof first);
        memcpy(&last, in + n - 4u, sizeof last);
        memcpy(out, &first, sizeof first);
        memcpy(out + n - 4u, &last, sizeof last);
    } else if (n > 0) {
        const uint8_t middle = in[n / 2u], last = in[n - 1u];
        out[0] = in[0];
        out[n / 2u] = middle;
        out[n - 1u] = last;
    }
}

inline bool pk_is_same(const void *a, const void *b, uint32_t n) {
    const uint8_t *x = a;
    const uint8_t *y = b;
    if (n >= 8u) {
        uint64_t u, v;
        for (uint32_t at = 0; at + 8u < n; at += 8u) {
            memcpy(&u, x + at, sizeof u);
            memcpy(&v, y + at, sizeof v);
            if (u != v) {
                return false;
            }
        }
        memcpy(&u, x + n - 8u, sizeof u);
        memcpy(&v, y + n - 8u, sizeof v);
        return u == v;
    }
    if (n >= 4u) {
        uint32_t u[2], v[2];
        memcpy(&u[0], x, sizeof u[0]);
        memcpy(&u[1], x + n - 4u, sizeof u[1]);
        memcpy(&v[0], y, sizeof v[0]);
        memcpy(&v[1], y + n - 4u, sizeof v[1]);
        return u[0] == v[0] && u[1] == v[1];
    }
    return n == 0 || (x[0] == y[0] && x[n / 2u] == y[n / 2u] && x[n - 1u] == y[n - 1u]);
}

/* Of the first byte `wanted`; n when there is none. p may be NULL when n is 0. */
uint32_t pk_find_byte(const char *p, uint32_t n, char wanted);
#endif
