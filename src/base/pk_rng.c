#include "base/pk_rng.h"

#include "base/pk_hash.h"

void pk_rng_seed(struct pk_rng *r, uint64_t seed) {
    r->state = seed;
}

uint64_t pk_rng_u64(struct pk_rng *r) {
    r->state += 0x9E3779B97F4A7C15u; /* 2^64 divided by the golden ratio: visits every state */
    return pk_hash64_scramble(r->state);
}

uint64_t pk_rng_below(struct pk_rng *r, uint64_t bound) {
    if (bound == 0) {
        return 0;
    }
    /* The lowest 2^64 mod bound values are drawn again, so that every rest is equally likely. */
    const uint64_t refused = (0u - bound) % bound;
    uint64_t drawn = pk_rng_u64(r);
    while (drawn < refused) {
        drawn = pk_rng_u64(r);
    }
    return drawn % bound;
}
