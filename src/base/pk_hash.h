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
uint64_t pk_hash64_scramble(uint64_t v);
/* Mixes two integers, for composed keys. */
uint64_t pk_hash64_mix(uint64_t a, uint64_t b);
#endif
