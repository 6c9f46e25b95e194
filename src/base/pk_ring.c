#include "base/pk_ring.h"

#include <string.h>

#include "base/pk_assert.h"

enum { PREFIX_BYTES = 4 };

void pk_ring_init(struct pk_ring *r, void *p, uint32_t cap_bytes) {
    PK_ASSERT(cap_bytes <= INT32_MAX); /* lengths are returned as int */
    *r = (struct pk_ring){.p = p, .cap_bytes = cap_bytes};
}

static uint32_t wrapped(const struct pk_ring *r, uint32_t offset) {
    return offset < r->cap_bytes ? offset : offset - r->cap_bytes;
}

/* How many of n bytes from `offset` on lie before the end of the buffer. */
static uint32_t before_end(const struct pk_ring *r, uint32_t offset, uint32_t n) {
    const uint32_t until_end = r->cap_bytes - offset;
    return n < until_end ? n : until_end;
}

static void append(struct pk_ring *r, const void *p, uint32_t n) {
    if (n == 0) {
        return;
    }
    const uint32_t tail = wrapped(r, r->head + r->used_bytes);
    const uint32_t first = before_end(r, tail, n);
    memcpy(r->p + tail, p, first);
    if (n > first) {
        memcpy(r->p, (const uint8_t *)p + first, n - first);
    }
    r->used_bytes += n;
}

/* n bytes that lie `skip` bytes behind the head. */
static void copy_out(const struct pk_ring *r, uint32_t skip, void *out, uint32_t n) {
    if (n == 0) {
        return;
    }
    const uint32_t from = wrapped(r, r->head + skip);
    const uint32_t first = before_end(r, from, n);
    memcpy(out, r->p + from, first);
    if (n > first) {
        memcpy((uint8_t *)out + first, r->p, n - first);
    }
}

int pk_ring_push2(struct pk_ring *r, const void *a, uint32_t a_n, const void *b, uint32_t b_n) {
    const uint64_t needed = (uint64_t)a_n + b_n + PREFIX_BYTES;
    if (needed > r->cap_bytes) {
        return PK_E_TOO_BIG;
    }
    if (needed > r->cap_bytes - r->used_bytes) {
        r->dropped_count++;
        return PK_E_FULL;
    }
    const uint32_t n = a_n + b_n;
    append(r, &n, PREFIX_BYTES);
    append(r, a, a_n);
    append(r, b, b_n);
    r->count++;
    if (r->used_bytes > r->high_bytes) {
        r->high_bytes = r->used_bytes;
    }
    return PK_OK;
}

int pk_ring_push(struct pk_ring *r, const void *p, uint32_t n) {
    return pk_ring_push2(r, p, n, NULL, 0);
}

int pk_ring_peek_len(const struct pk_ring *r) {
    uint32_t n = 0;
    if (r->count == 0) {
        return PK_E_NOT_FOUND;
    }
    copy_out(r, 0, &n, PREFIX_BYTES);
    PK_ASSERT(n <= r->used_bytes - PREFIX_BYTES);
    return (int)n;
}

void pk_ring_drop_oldest(struct pk_ring *r) {
    const int n = pk_ring_peek_len(r);
    if (n < 0) {
        return;
    }
    r->head = wrapped(r, r->head + (uint32_t)n + PREFIX_BYTES);
    r->used_bytes -= (uint32_t)n + PREFIX_BYTES;
    r->count--;
}

int pk_ring_pop(struct pk_ring *r, void *out, uint32_t cap_bytes) {
    const int n = pk_ring_peek_len(r);
    if (n < 0) {
        return n;
    }
    if ((uint32_t)n > cap_bytes) {
        return PK_E_TOO_BIG;
    }
    copy_out(r, PREFIX_BYTES, out, (uint32_t)n);
    pk_ring_drop_oldest(r);
    return n;
}
