#include "base/pk_copy.h"

#include <string.h>

static uint64_t load8(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static uint32_t load4(const uint8_t *p) {
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* The last word is taken from the end, over bytes that were taken already. */
void pk_copy(void *to, const void *from, uint32_t n) {
    uint8_t *out = to;
    const uint8_t *in = from;
    if (n >= 8u) {
        const uint64_t last = load8(in + n - 8u);
        for (uint32_t at = 0; at + 8u < n; at += 8u) {
            const uint64_t word = load8(in + at);
            memcpy(out + at, &word, sizeof word);
        }
        memcpy(out + n - 8u, &last, sizeof last);
        return;
    }
    if (n >= 4u) {
        const uint32_t first = load4(in);
        const uint32_t last = load4(in + n - 4u);
        memcpy(out, &first, sizeof first);
        memcpy(out + n - 4u, &last, sizeof last);
        return;
    }
    for (uint32_t at = 0; at < n; at++) {
        out[at] = in[at];
    }
}

bool pk_is_same(const void *a, const void *b, uint32_t n) {
    const uint8_t *x = a;
    const uint8_t *y = b;
    if (n >= 8u) {
        for (uint32_t at = 0; at + 8u < n; at += 8u) {
            if (load8(x + at) != load8(y + at)) {
                return false;
            }
        }
        return load8(x + n - 8u) == load8(y + n - 8u);
    }
    if (n >= 4u) {
        return load4(x) == load4(y) && load4(x + n - 4u) == load4(y + n - 4u);
    }
    bool is_same = true;
    for (uint32_t at = 0; at < n; at++) {
        is_same = is_same && x[at] == y[at];
    }
    return is_same;
}
