#include "base/pk_zero.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { STEP_BYTES = 64 };

/* By words, each by itself: the C library's memcmp goes byte by byte, and so does the copy of a whole step
 * that a compiler told to save space makes; these are tables of megabytes. */
static uint64_t word_at(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static bool is_zero_step(const uint8_t *p) {
    const uint64_t first = word_at(p) | word_at(p + 8) | word_at(p + 16) | word_at(p + 24);
    return (first | word_at(p + 32) | word_at(p + 40) | word_at(p + 48) | word_at(p + 56)) == 0;
}

void pk_zero(void *p, size_t n) {
    uint8_t *at = p;
    for (; n >= STEP_BYTES; n -= STEP_BYTES, at += STEP_BYTES) {
        if (!is_zero_step(at)) {
            memset(at, 0, STEP_BYTES);
        }
    }
    memset(at, 0, n);
}
