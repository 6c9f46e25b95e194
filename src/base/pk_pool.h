#ifndef PK_POOL_H
#define PK_POOL_H
/* Index allocator over a caller's link array: O(1) take and give, double give asserts. */
#include <stdbool.h>
#include <stdint.h>

#define PK_POOL_NONE 0xFFFFFFFFu
#define PK_POOL_TAKEN 0xFFFFFFFEu

struct pk_pool {
    uint32_t *next; /* [count]: free list links; PK_POOL_TAKEN marks a taken slot */
    uint32_t count;
    uint32_t free_head;
    uint32_t used;
    uint32_t high;
    uint64_t failed_count; /* takes refused because the pool was empty */
};

void pk_pool_init(struct pk_pool *p, uint32_t *next, uint32_t count);
/* Index or PK_POOL_NONE (counted). */
uint32_t pk_pool_take(struct pk_pool *p);
void pk_pool_give(struct pk_pool *p, uint32_t index);
bool pk_pool_is_taken(const struct pk_pool *p, uint32_t index);
#endif
