#ifndef PK_CRYPTO_H
#define PK_CRYPTO_H
/* SHA-256 and ES256 by mbedTLS, and the memory the whole library lives in. No type of the library shows here.
 */
#include "port/pk_heap.h"

/* Heap of mbedTLS; one per process, as the library's allocator hook is. Opened on first use. */
extern struct pk_heap pk_mbedtls_heap;
void pk_mbedtls_heap_open(void);

struct pk_crypto {
    const struct pk_port_entropy *entropy; /* nonces and keys come from here only */
    uint64_t (*now_us)(void);              /* NULL: steps are not measured */
    uint32_t longest_us;                   /* longest public-key step */
    const uint32_t *round;                 /* of the loop they are done in; NULL: there is none */
    uint32_t turn_round;
    const void *turn_of; /* who had that round's public-key operation */
};

/* entropy must outlive c. es256_* return PK_E_FULL when the heap is exhausted, PK_E_IO when entropy fails. */
void pk_crypto_open(struct pk_crypto *c, const struct pk_port_entropy *entropy, uint64_t (*now_us)(void),
                    struct pk_port_crypto *out);
/* At most one public-key operation a round: whether `who` may have it, and that he had it. */
bool pk_crypto_has_turn(const struct pk_crypto *c, const void *who);
void pk_crypto_take_turn(struct pk_crypto *c, const void *who);
/* Counts a step that took since start_us. */
void pk_crypto_note_step(struct pk_crypto *c, uint64_t start_us);
#endif
