#include <string.h>

#include "base/pk_assert.h"
#include "port/pk_heap.h"

/* A block: u32 size (a multiple of 16; bit 0: in use), u32 size of the block before it (0 = first), then the
 * bytes of its user or, in a free block, u32 next and u32 previous of its list. Offsets count from base,
 * where 8 bytes are left out so that users' bytes are aligned; offset 0 therefore means none. */
enum { USED = 1, FIRST = PK_HEAP_HEAD_BYTES, LEAST_BYTES = 16 };

static uint32_t get(const struct pk_heap *h, uint32_t at) {
    uint32_t v;
    memcpy(&v, h->base + at, sizeof v);
    return v;
}

static void set(struct pk_heap *h, uint32_t at, uint32_t v) {
    memcpy(h->base + at, &v, sizeof v);
}

static uint32_t block_bytes(const struct pk_heap *h, uint32_t at) {
    return get(h, at) & ~(uint32_t)USED;
}

static bool is_used(const struct pk_heap *h, uint32_t at) {
    return (get(h, at) & USED) != 0;
}

static uint32_t end_of(const struct pk_heap *h) {
    return h->size_bytes - PK_HEAP_HEAD_BYTES;
}

static void set_block(struct pk_heap *h, uint32_t at, uint32_t bytes, uint32_t used) {
    set(h, at, bytes | used);
    if (at + bytes < end_of(h)) {
        set(h, at + bytes + 4u, bytes);
    }
}

static uint32_t bin_of(uint32_t bytes) {
    uint32_t bin = 0;
    for (uint32_t v = bytes; v > 1; v >>= 1) {
        bin++;
    }
    return bin < PK_HEAP_BINS ? bin : PK_HEAP_BINS - 1u;
}

static void link_free(struct pk_heap *h, uint32_t at) {
    const uint32_t bin = bin_of(block_bytes(h, at));
    const uint32_t next = h->bins[bin];
    set(h, at + 8u, next);
    set(h, at + 12u, 0);
    if (next != 0) {
        set(h, next + 12u, at);
    }
    h->bins[bin] = at;
    h->bin_bits |= 1u << bin;
}

static void unlink_free(struct pk_heap *h, uint32_t at) {
    const uint32_t bin = bin_of(block_bytes(h, at));
    const uint32_t next = get(h, at + 8u);
    const uint32_t previous = get(h, at + 12u);
    if (next != 0) {
        set(h, next + 12u, previous);
    }
    if (previous != 0) {
        set(h, previous + 8u, next);
        return;
    }
    PK_ASSERT(h->bins[bin] == at);
    h->bins[bin] = next;
    if (next == 0) {
        h->bin_bits &= ~(1u << bin);
    }
}

void pk_heap_init(struct pk_heap *h, void *buffer, size_t size_bytes) {
    PK_ASSERT(((uintptr_t)buffer & (PK_HEAP_ALIGN_BYTES - 1u)) == 0);
    PK_ASSERT(size_bytes >= 64 && size_bytes <= (128u << 20));
    *h = (struct pk_heap){.base = buffer, .size_bytes = (uint32_t)size_bytes & ~15u};
    h->status.capacity_bytes = h->size_bytes;
    set(h, FIRST + 4u, 0);
    set_block(h, FIRST, h->size_bytes - 2u * PK_HEAP_HEAD_BYTES, 0);
    link_free(h, FIRST);
}

/* A free block of at least `bytes`, or 0. The bin of its own size is searched; any block of a higher bin is
 * big enough. */
static uint32_t find(const struct pk_heap *h, uint32_t bytes) {
    const uint32_t bin = bin_of(bytes);
    for (uint32_t at = h->bins[bin]; at != 0; at = get(h, at + 8u)) {
        if (block_bytes(h, at) >= bytes) {
            return at;
        }
    }
    const uint32_t above = bin + 1u < 32u ? h->bin_bits >> (bin + 1u) << (bin + 1u) : 0u;
    return above != 0 ? h->bins[__builtin_ctz(above)] : 0;
}

/* Cuts a block in use down to `bytes`; what is left over becomes free, joined with what follows. */
static void trim(struct pk_heap *h, uint32_t at, uint32_t bytes) {
    const uint32_t whole = block_bytes(h, at);
    if (whole - bytes < LEAST_BYTES) {
        return;
    }
    const uint32_t rest = at + bytes;
    uint32_t rest_bytes = whole - bytes;
    set_block(h, at, bytes, USED);
    const uint32_t next = rest + rest_bytes;
    if (next < end_of(h) && !is_used(h, next)) {
        unlink_free(h, next);
        rest_bytes += block_bytes(h, next);
    }
    set_block(h, rest, rest_bytes, 0);
    link_free(h, rest);
}

static void note_taken(struct pk_heap *h, uint32_t bytes) {
    h->status.used_bytes += bytes;
    if (h->status.used_bytes > h->status.high_bytes) {
        h->status.high_bytes = h->status.used_bytes;
    }
}

static uint32_t size_for(const struct pk_heap *h, size_t n) {
    if (n > h->size_bytes) {
        return 0;
    }
    const uint32_t bytes = ((uint32_t)n + PK_HEAP_HEAD_BYTES + 15u) & ~15u;
    return bytes < LEAST_BYTES ? LEAST_BYTES : bytes;
}

void *pk_heap_alloc(struct pk_heap *h, size_t n) {
    const uint32_t bytes = size_for(h, n);
    const uint32_t at = bytes != 0 ? find(h, bytes) : 0;
    if (at == 0) {
        h->status.failed_count++;
        return NULL;
    }
    unlink_free(h, at);
    set(h, at, block_bytes(h, at) | USED);
    trim(h, at, bytes);
    note_taken(h, block_bytes(h, at));
    return h->base + at + PK_HEAP_HEAD_BYTES;
}

void *pk_heap_alloc_aligned(struct pk_heap *h, size_t align, size_t n) {
    PK_ASSERT(align != 0 && (align & (align - 1u)) == 0);
    if (align <= PK_HEAP_ALIGN_BYTES) {
        return pk_heap_alloc(h, n);
    }
    if (n > h->size_bytes || align > h->size_bytes) {
        h->status.failed_count++;
        return NULL;
    }
    const uint32_t high_bytes = h->status.high_bytes;
    uint8_t *p = pk_heap_alloc(h, n + align);
    if (p == NULL) {
        return NULL;
    }
    const uint32_t ahead = (uint32_t)((align - ((uintptr_t)p & (align - 1u))) & (align - 1u));
    uint32_t at = (uint32_t)(p - h->base) - PK_HEAP_HEAD_BYTES;
    h->status.used_bytes -= block_bytes(h, at);
    h->status.high_bytes = high_bytes;
    if (ahead != 0) {
        /* The block before a fresh one is in use or absent (free neighbours are always joined), so the part
         * ahead stands alone. */
        const uint32_t whole = block_bytes(h, at);
        set_block(h, at, ahead, 0);
        set_block(h, at + ahead, whole - ahead, USED);
        link_free(h, at);
        at += ahead;
    }
    trim(h, at, size_for(h, n));
    note_taken(h, block_bytes(h, at));
    return h->base + at + PK_HEAP_HEAD_BYTES;
}

/* Offset of the block of a user's pointer; ends the process when it is none. */
static uint32_t checked_block(const struct pk_heap *h, const void *p) {
    const uint8_t *user = p;
    PK_ASSERT(user >= h->base + FIRST + PK_HEAP_HEAD_BYTES && user < h->base + h->size_bytes);
    const uint32_t at = (uint32_t)(user - h->base) - PK_HEAP_HEAD_BYTES;
    PK_ASSERT((at & 15u) == FIRST);
    const uint32_t bytes = block_bytes(h, at);
    PK_ASSERT(is_used(h, at) && bytes >= LEAST_BYTES && bytes <= end_of(h) - at && (bytes & 15u) == 0);
    PK_ASSERT(at + bytes == end_of(h) || get(h, at + bytes + 4u) == bytes);
    return at;
}

void pk_heap_free(struct pk_heap *h, void *p) {
    if (p == NULL) {
        return;
    }
    uint32_t at = checked_block(h, p);
    uint32_t bytes = block_bytes(h, at);
    h->status.used_bytes -= bytes;
    const uint32_t next = at + bytes;
    if (next < end_of(h) && !is_used(h, next)) {
        unlink_free(h, next);
        bytes += block_bytes(h, next);
    }
    const uint32_t previous_bytes = get(h, at + 4u);
    if (previous_bytes != 0 && !is_used(h, at - previous_bytes)) {
        set(h, at, bytes); /* a second free of p must find it free */
        at -= previous_bytes;
        unlink_free(h, at);
        bytes += previous_bytes;
    }
    set_block(h, at, bytes, 0);
    link_free(h, at);
}

void *pk_heap_realloc(struct pk_heap *h, void *p, size_t n) {
    if (p == NULL) {
        return pk_heap_alloc(h, n);
    }
    const uint32_t at = checked_block(h, p);
    const uint32_t old_bytes = block_bytes(h, at);
    const uint32_t bytes = size_for(h, n);
    if (bytes == 0) {
        h->status.failed_count++;
        return NULL;
    }
    const uint32_t next = at + old_bytes;
    const uint32_t room =
        next < end_of(h) && !is_used(h, next) ? old_bytes + block_bytes(h, next) : old_bytes;
    if (bytes <= room) {
        h->status.used_bytes -= old_bytes;
        if (bytes > old_bytes) {
            unlink_free(h, next);
            set_block(h, at, room, USED);
        }
        trim(h, at, bytes);
        note_taken(h, block_bytes(h, at));
        return p;
    }
    void *other = pk_heap_alloc(h, n);
    if (other == NULL) {
        return NULL;
    }
    memcpy(other, p, old_bytes - PK_HEAP_HEAD_BYTES);
    pk_heap_free(h, p);
    return other;
}

size_t pk_heap_usable_bytes(const struct pk_heap *h, const void *p) {
    return p == NULL ? 0 : block_bytes(h, checked_block(h, p)) - PK_HEAP_HEAD_BYTES;
}

bool pk_heap_is_sound(const struct pk_heap *h) {
    uint32_t used_bytes = 0;
    uint32_t previous_bytes = 0;
    bool was_free = false;
    uint32_t at = FIRST;
    while (at < end_of(h)) {
        const uint32_t bytes = block_bytes(h, at);
        const bool is_free = !is_used(h, at);
        if (bytes < LEAST_BYTES || (bytes & 15u) != 0 || bytes > end_of(h) - at ||
            get(h, at + 4u) != previous_bytes || (is_free && was_free)) {
            return false;
        }
        used_bytes += is_free ? 0u : bytes;
        was_free = is_free;
        previous_bytes = bytes;
        at += bytes;
    }
    return at == end_of(h) && used_bytes == h->status.used_bytes;
}
