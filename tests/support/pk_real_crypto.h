/* The product's cryptography for unit tests, with entropy that is the same in every run (never outside
 * tests). */
#ifndef PK_REAL_CRYPTO_H
#define PK_REAL_CRYPTO_H

#include "base/pk_rng.h"
#include "port/mbedtls/pk_crypto.h"
#include "port/port.h"

static inline int pk_real_entropy_fill(void *ctx, void *out, uint32_t n) {
    struct pk_rng *rng = ctx;
    for (uint32_t i = 0; i < n; i++) {
        ((uint8_t *)out)[i] = (uint8_t)pk_rng_u64(rng);
    }
    return PK_OK;
}

struct pk_real_crypto {
    struct pk_rng rng;
    struct pk_port_entropy entropy;
    struct pk_crypto crypto;
    struct pk_port_crypto port;
};

static inline void pk_real_crypto_open(struct pk_real_crypto *t) {
    pk_rng_seed(&t->rng, 7);
    t->entropy = (struct pk_port_entropy){.ctx = &t->rng, .fill = pk_real_entropy_fill};
    pk_crypto_open(&t->crypto, &t->entropy, NULL, &t->port);
}
#endif
