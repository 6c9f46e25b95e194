/* A digest for tests that need one to be distinct and repeatable, not one to be secure. */
#ifndef PK_TEST_CRYPTO_H
#define PK_TEST_CRYPTO_H

#include <string.h>

#include "base/pk_hash.h"
#include "port/port.h"

static void rig_sha256(void *ctx, const struct pk_str *parts, uint32_t part_count,
                       uint8_t out[PK_SHA256_BYTES]) {
    uint64_t h = 1;
    (void)ctx;
    for (uint32_t i = 0; i < part_count; i++) {
        h = pk_hash64_mix(h, pk_hash64(parts[i].p, parts[i].n));
    }
    memset(out, 0, PK_SHA256_BYTES);
    memcpy(out, &h, sizeof h);
}

static const struct pk_port_crypto RIG_CRYPTO = {.sha256 = rig_sha256};
#endif
