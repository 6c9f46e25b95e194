#include "base/pk_zero.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { STEP_WORDS = 8, STEP_BYTES = STEP_WORDS * 8 };

/* By words: the C library's memcmp goes byte by byte, and these are tables of megabytes. */
static bool is_zero_step(const uint8_t *p) {
    uint64_t words[STEP_WORDS];
    uint64_t any = 0;
    memcpy(words, p, sizeof words);
    for (uint32_t i = 0; i < STEP_WORDS; i++) {
        any |= words[i];
    }
    return any == 0;
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
