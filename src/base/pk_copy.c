#include "base/pk_copy.h"

extern inline void pk_copy(void *to, const void *from, uint32_t n);
extern inline bool pk_is_same(const void *a, const void *b, uint32_t n);

/* Of eight bytes; a top bit comes of one that is `wanted`. What a borrow spoils lies above one, so the lowest
 * is true. */
uint32_t pk_find_byte(const char *p, uint32_t n, char wanted) {
    const uint64_t ones = UINT64_C(0x0101010101010101), all = (uint8_t)wanted * ones;
    uint32_t at = 0; /* an index: p may be NULL when there is nothing */
    for (; n - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, p + at, sizeof word);
        word ^= all;
        const uint64_t found = (word - ones) & ~word & ones << 7;
        if (found != 0) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            return at + (uint32_t)__builtin_ctzll(found) / 8u;
#else
            break;
#endif
        }
    }
    while (at < n && p[at] != wanted) {
        at++;
    }
    return at;
}
