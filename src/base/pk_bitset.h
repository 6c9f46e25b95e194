#ifndef PK_BITSET_H
#define PK_BITSET_H
/* Bits in a caller's array of 64-bit words. Indices are checked by assertion. */
#include <stdbool.h>
#include <stdint.h>

#define PK_BITSET_WORDS(bits) (((bits) + 63u) / 64u)

void pk_bitset_clear_all(uint64_t *words, uint32_t bits);
void pk_bitset_set(uint64_t *words, uint32_t bits, uint32_t index);
void pk_bitset_clear(uint64_t *words, uint32_t bits, uint32_t index);
bool pk_bitset_has(const uint64_t *words, uint32_t bits, uint32_t index);
uint32_t pk_bitset_count(const uint64_t *words, uint32_t bits);
/* First set bit at or after `from`; `bits` when there is none. */
uint32_t pk_bitset_next_set(const uint64_t *words, uint32_t bits, uint32_t from);
/* into := into or other, whole words. */
void pk_bitset_or(uint64_t *into, const uint64_t *other, uint32_t bits);
#endif
