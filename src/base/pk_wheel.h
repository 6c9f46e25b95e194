#ifndef PK_WHEEL_H
#define PK_WHEEL_H
/* Hierarchical timer wheel over caller's nodes: absence, `for`, deadlines. 1 ms resolution, O(1) arm and
 * cancel, never early. Times are boot-time ms; a jump forward expires everything due, in deadline order
 * within one level's accuracy (1 ms). */
#include <stdbool.h>
#include <stdint.h>

enum {
    PK_WHEEL_LEVELS = 6,
    PK_WHEEL_SLOTS = 64
}; /* 64^6 ms = 795 days; later deadlines wait in the last slot and re-arm */
#define PK_WHEEL_NONE 0xFFFFFFFFu

struct pk_wheel_node {
    uint32_t next, prev; /* node indices */
    uint64_t due_ms;     /* 0 = not armed */
};

struct pk_wheel {
    struct pk_wheel_node *nodes;
    uint32_t node_count;
    uint32_t armed_count;
    uint64_t now_ms;
    uint64_t occupied[PK_WHEEL_LEVELS]; /* bit per slot */
    uint32_t slots[PK_WHEEL_LEVELS][PK_WHEEL_SLOTS];
};

void pk_wheel_init(struct pk_wheel *w, struct pk_wheel_node *nodes, uint32_t node_count, uint64_t now_ms);
/* Re-arms when armed. A due time in the past expires at the next advance. */
void pk_wheel_arm(struct pk_wheel *w, uint32_t node, uint64_t due_ms);
void pk_wheel_cancel(struct pk_wheel *w, uint32_t node);
bool pk_wheel_is_armed(const struct pk_wheel *w, uint32_t node);
/* Next expired node with due_ms <= now_ms (disarmed by this call), or PK_WHEEL_NONE when there is no more.
 * Call until NONE. */
uint32_t pk_wheel_advance(struct pk_wheel *w, uint64_t now_ms);
/* Earliest time at which advance may have something (may be early by one cascade, never late); UINT64_MAX
 * when nothing is armed. */
uint64_t pk_wheel_next_ms(const struct pk_wheel *w);
#endif
