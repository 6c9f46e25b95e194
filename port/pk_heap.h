#ifndef PK_HEAP_H
#define PK_HEAP_H
/* Allocator over one fixed buffer, for third-party code that insists on one. Segregated free lists, boundary
 * tags, neighbours joined at once: the cost of a call does not grow with the number of blocks for the sizes
 * LMDB and mbedTLS use. Not thread-safe. A damaged block header or a double free ends the process (pk_panic):
 * what it guards is gone. */
#include <stddef.h>
#include <stdint.h>

#include "port/port.h"

enum { PK_HEAP_BINS = 28, PK_HEAP_ALIGN_BYTES = 16, PK_HEAP_HEAD_BYTES = 8 };

struct pk_heap {
    uint8_t *base; /* NULL = no buffer yet */
    uint32_t size_bytes;
    uint32_t bin_bits;
    uint32_t bins[PK_HEAP_BINS]; /* offset of the first free block of 2^n..2^(n+1)-1 bytes, 0 = none */
    struct pk_arena_status status;
};

/* buffer: aligned to 16, 64 bytes to 128 MB; its size is rounded down to 16. */
void pk_heap_init(struct pk_heap *h, void *buffer, size_t size_bytes);
/* Aligned to 16; NULL when there is no room (counted). n = 0 gives a block. */
void *pk_heap_alloc(struct pk_heap *h, size_t n);
/* align: a power of two. */
void *pk_heap_alloc_aligned(struct pk_heap *h, size_t align, size_t n);
void pk_heap_free(struct pk_heap *h, void *p);
/* As realloc: NULL leaves the old block as it was. */
void *pk_heap_realloc(struct pk_heap *h, void *p, size_t n);
size_t pk_heap_usable_bytes(const struct pk_heap *h, const void *p);
/* Walks all blocks; false when the structure is damaged. For tests. */
bool pk_heap_is_sound(const struct pk_heap *h);
#endif
