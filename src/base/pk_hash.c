#include "base/pk_hash.h"

/* Half a byte a step: the 1 KB of a table by bytes is flash that the smallest boards need more than the time.
 * Entry i is i divided bit by bit by the reflected polynomial 0x82F63B78. */
static const uint32_t CRC32C_TABLE[16] = {
    0x00000000u, 0x105ec76fu, 0x20bd8edeu, 0x30e349b1u, 0x417b1dbcu, 0x5125dad3u, 0x61c69362u, 0x7198540du,
    0x82f63b78u, 0x92a8fc17u, 0xa24bb5a6u, 0xb21572c9u, 0xc38d26c4u, 0xd3d3e1abu, 0xe330a81au, 0xf36e6f75u,
};

uint32_t pk_crc32c(uint32_t crc, const void *p, size_t n) {
    const uint8_t *bytes = p;
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        crc = CRC32C_TABLE[crc & 15u] ^ (crc >> 4);
        crc = CRC32C_TABLE[crc & 15u] ^ (crc >> 4);
    }
    return ~crc;
}

extern inline uint64_t pk_hash64_scramble(uint64_t v);

uint64_t pk_hash64(const void *p, size_t n) {
    const uint8_t *bytes = p;
    uint64_t hash = 0xCBF29CE484222325u; /* FNV-1a offset basis and prime */
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001B3u;
    }
    return pk_hash64_scramble(hash);
}

uint64_t pk_hash64_mix(uint64_t a, uint64_t b) {
    /* Not symmetric: (a, b) and (b, a) are different keys. */
    return pk_hash64_scramble(pk_hash64_scramble(a + 0x9E3779B97F4A7C15u) ^ b);
}
