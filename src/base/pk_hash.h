#ifndef PK_HASH_H
#define PK_HASH_H
/* Hashes over bytes, equal on every machine. Not against an adversary: keyed by nothing, used for tables and
 * checks. */
#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli, reflected 0x82F63B78), init and xor-out 0xFFFFFFFF; `crc` chains calls, start with 0.
 */
uint32_t pk_crc32c(uint32_t crc, const void *p, size_t n);
/* 64-bit FNV-1a with a final avalanche, so low bits index tables well. */
uint64_t pk_hash64(const void *p, size_t n);
/* One to one on 64 bits, every input bit reaches every output bit (the finalizer of splitmix64). */
inline uint64_t pk_hash64_scramble(uint64_t v) {
    v = (v ^ (v >> 30)) * 0xBF58476D1CE4E5B9u;
    v = (v ^ (v >> 27)) * 0x94D049BB133111EBu;
    return v ^ (v >> 31);
}
/* Mixes two integers, for composed keys. */
uint64_t pk_hash64_mix(uint64_t a, uint64_t b);
#endif
