#ifndef PK_RNG_H
#define PK_RNG_H
/* Seeded pseudo-random numbers (splitmix64), for jitter, simulation and tests; never for keys. */
#include <stdint.h>

struct pk_rng {
    uint64_t state;
};

void pk_rng_seed(struct pk_rng *r, uint64_t seed);
uint64_t pk_rng_u64(struct pk_rng *r);
/* Uniform in [0, bound); 0 when bound is 0. */
uint64_t pk_rng_below(struct pk_rng *r, uint64_t bound);
#endif
