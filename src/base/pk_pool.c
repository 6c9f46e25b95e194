#include "base/pk_pool.h"

#include "base/pk_assert.h"

void pk_pool_init(struct pk_pool *p, uint32_t *next, uint32_t count) {
    PK_ASSERT(count < PK_POOL_TAKEN);
    *p = (struct pk_pool){.next = next, .count = count, .free_head = count > 0 ? 0u : PK_POOL_NONE};
    for (uint32_t i = 0; i < count; i++) {
        next[i] = i + 1u < count ? i + 1u : PK_POOL_NONE;
    }
}

uint32_t pk_pool_take(struct pk_pool *p) {
    const uint32_t index = p->free_head;
    if (index == PK_POOL_NONE) {
        p->failed_count++;
        return PK_POOL_NONE;
    }
    p->free_head = p->next[index];
    p->next[index] = PK_POOL_TAKEN;
    p->used++;
    if (p->used > p->high) {
        p->high = p->used;
    }
    return index;
}

void pk_pool_give(struct pk_pool *p, uint32_t index) {
    PK_ASSERT(pk_pool_is_taken(p, index));
    p->next[index] = p->free_head;
    p->free_head = index;
    p->used--;
}

bool pk_pool_is_taken(const struct pk_pool *p, uint32_t index) {
    PK_ASSERT(index < p->count);
    return p->next[index] == PK_POOL_TAKEN;
}
