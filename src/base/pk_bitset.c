#include "base/pk_bitset.h"

#include "base/pk_assert.h"

static uint64_t mask_of(uint32_t index) {
    return (uint64_t)1 << (index % 64u);
}

void pk_bitset_clear_all(uint64_t *words, uint32_t bits) {
    for (uint32_t i = 0; i < PK_BITSET_WORDS(bits); i++) {
        words[i] = 0;
    }
}

void pk_bitset_set(uint64_t *words, uint32_t bits, uint32_t index) {
    PK_ASSERT(index < bits);
    words[index / 64u] |= mask_of(index);
}

void pk_bitset_clear(uint64_t *words, uint32_t bits, uint32_t index) {
    PK_ASSERT(index < bits);
    words[index / 64u] &= ~mask_of(index);
}

bool pk_bitset_has(const uint64_t *words, uint32_t bits, uint32_t index) {
    PK_ASSERT(index < bits);
    return (words[index / 64u] & mask_of(index)) != 0;
}

uint32_t pk_bitset_count(const uint64_t *words, uint32_t bits) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < PK_BITSET_WORDS(bits); i++) {
        count += (uint32_t)__builtin_popcountll(words[i]);
    }
    return count;
}

uint32_t pk_bitset_next_set(const uint64_t *words, uint32_t bits, uint32_t from) {
    while (from < bits) {
        const uint64_t rest = words[from / 64u] >> (from % 64u);
        if (rest != 0) {
            const uint32_t found = from + (uint32_t)__builtin_ctzll(rest);
            return found < bits ? found : bits;
        }
        from += 64u - from % 64u;
    }
    return bits;
}

void pk_bitset_or(uint64_t *into, const uint64_t *other, uint32_t bits) {
    for (uint32_t i = 0; i < PK_BITSET_WORDS(bits); i++) {
        into[i] |= other[i];
    }
}
