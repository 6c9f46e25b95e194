#include "base/pk_zero.h"

#include <stdint.h>
#include <string.h>

enum { STEP_BYTES = 64 };

void pk_zero(void *p, size_t n) {
    static const uint8_t ZEROS[STEP_BYTES];
    uint8_t *at = p;
    while (n > 0) {
        const size_t step = n < STEP_BYTES ? n : STEP_BYTES;
        if (memcmp(at, ZEROS, step) != 0) {
            memset(at, 0, step);
        }
        at += step;
        n -= step;
    }
}
