#ifndef PK_RING_H
#define PK_RING_H
/* Byte ring of length-prefixed records over a caller's buffer: what I/O fills and the tick drains.
 * Single-threaded. */
#include <stdbool.h>
#include <stdint.h>

#include "base/pk_err.h"

struct pk_ring {
    uint8_t *p;
    uint32_t cap_bytes;
    uint32_t head; /* offset of the oldest record */
    uint32_t used_bytes;
    uint32_t count; /* records */
    uint32_t high_bytes;
    uint64_t dropped_count; /* records refused because there was no room */
};

void pk_ring_init(struct pk_ring *r, void *p, uint32_t cap_bytes);
/* All or nothing. PK_E_FULL (counted) when it does not fit now, PK_E_TOO_BIG when it never could. */
PK_MUST_USE int pk_ring_push(struct pk_ring *r, const void *p, uint32_t n);
/* Two parts as one record. */
PK_MUST_USE int pk_ring_push2(struct pk_ring *r, const void *a, uint32_t a_n, const void *b, uint32_t b_n);
/* Copies the oldest record out and removes it. Length, 0-length records are allowed; PK_E_NOT_FOUND when
 * empty; PK_E_TOO_BIG when it does not fit out (the record stays). */
PK_MUST_USE int pk_ring_pop(struct pk_ring *r, void *out, uint32_t cap_bytes);
/* Length of the oldest record or PK_E_NOT_FOUND. */
int pk_ring_peek_len(const struct pk_ring *r);
void pk_ring_drop_oldest(struct pk_ring *r);
#endif
