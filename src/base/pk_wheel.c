#include "base/pk_wheel.h"

#include "base/pk_assert.h"

/* Level L has slots of 64^L ms. A node sits in the lowest level that spans its distance, at the slot its due
 * time falls into; when time reaches the start of a slot above level 0, its nodes move down. The slot of the
 * current time on a level above 0 was emptied when it was entered, so what is in it now is a whole turn away.
 *
 * A slot holds its tail; `next` runs in a circle, so the head is one step on and order is first in, first
 * out. The head's `prev` names the slot instead of a node, which is how cancel finds it without a search. */
enum { SLOT_BITS = 6, SLOT_MARK = 1 << 30, SLOT_COUNT = PK_WHEEL_LEVELS * PK_WHEEL_SLOTS };

#define SPAN_MS ((uint64_t)1 << (SLOT_BITS * PK_WHEEL_LEVELS))

void pk_wheel_init(struct pk_wheel *w, struct pk_wheel_node *nodes, uint32_t node_count, uint64_t now_ms) {
    PK_ASSERT(node_count <= SLOT_MARK);
    *w = (struct pk_wheel){.nodes = nodes, .node_count = node_count, .now_ms = now_ms};
    for (uint32_t i = 0; i < SLOT_COUNT; i++) {
        w->slots[i / PK_WHEEL_SLOTS][i % PK_WHEEL_SLOTS] = PK_WHEEL_NONE;
    }
    for (uint32_t i = 0; i < node_count; i++) {
        nodes[i] = (struct pk_wheel_node){.next = PK_WHEEL_NONE, .prev = PK_WHEEL_NONE};
    }
}

static bool is_head(const struct pk_wheel_node *node) {
    return (node->prev & SLOT_MARK) != 0;
}

static uint32_t slot_index(uint64_t at_ms, unsigned level) {
    return (uint32_t)(at_ms >> (SLOT_BITS * level)) % PK_WHEEL_SLOTS;
}

static void append(struct pk_wheel *w, uint32_t index, unsigned level, uint32_t slot) {
    struct pk_wheel_node *node = &w->nodes[index];
    uint32_t *tail = &w->slots[level][slot];
    if (*tail == PK_WHEEL_NONE) {
        node->next = index;
        node->prev = SLOT_MARK | (level * PK_WHEEL_SLOTS + slot);
        w->occupied[level] |= (uint64_t)1 << slot;
    } else {
        node->next = w->nodes[*tail].next;
        node->prev = *tail;
        w->nodes[*tail].next = index;
    }
    *tail = index;
}

static void unlink_node(struct pk_wheel *w, uint32_t index) {
    struct pk_wheel_node *node = &w->nodes[index];
    struct pk_wheel_node *next = &w->nodes[node->next];
    if (is_head(node)) {
        const uint32_t slot = node->prev & ~(uint32_t)SLOT_MARK;
        uint32_t *tail = &w->slots[slot / PK_WHEEL_SLOTS][slot % PK_WHEEL_SLOTS];
        if (*tail == index) {
            *tail = PK_WHEEL_NONE;
            w->occupied[slot / PK_WHEEL_SLOTS] &= ~((uint64_t)1 << (slot % PK_WHEEL_SLOTS));
        } else {
            w->nodes[*tail].next = node->next;
            next->prev = node->prev;
        }
        return;
    }
    w->nodes[node->prev].next = node->next;
    if (is_head(next)) { /* the node was the tail */
        const uint32_t slot = next->prev & ~(uint32_t)SLOT_MARK;
        w->slots[slot / PK_WHEEL_SLOTS][slot % PK_WHEEL_SLOTS] = node->prev;
    } else {
        next->prev = node->prev;
    }
}

static void place(struct pk_wheel *w, uint32_t index) {
    const uint64_t due_ms = w->nodes[index].due_ms;
    uint64_t distance_ms = due_ms > w->now_ms ? due_ms - w->now_ms : 0u;
    if (distance_ms >= SPAN_MS) {
        distance_ms = SPAN_MS - 1u; /* placed again from there */
    }
    const unsigned level = distance_ms == 0 ? 0u : (63u - (unsigned)__builtin_clzll(distance_ms)) / SLOT_BITS;
    append(w, index, level, slot_index(w->now_ms + distance_ms, level));
}

void pk_wheel_arm(struct pk_wheel *w, uint32_t node, uint64_t due_ms) {
    pk_wheel_cancel(w, node);
    w->nodes[node].due_ms = due_ms > 0 ? due_ms : 1u; /* 0 says "not armed" */
    w->armed_count++;
    place(w, node);
}

void pk_wheel_cancel(struct pk_wheel *w, uint32_t node) {
    if (!pk_wheel_is_armed(w, node)) {
        return;
    }
    unlink_node(w, node);
    w->nodes[node].due_ms = 0;
    w->armed_count--;
}

bool pk_wheel_is_armed(const struct pk_wheel *w, uint32_t node) {
    PK_ASSERT(node < w->node_count);
    return w->nodes[node].due_ms != 0;
}

/* When time next enters an occupied slot of this level; UINT64_MAX when the level is empty. */
static uint64_t level_next_ms(const struct pk_wheel *w, unsigned level) {
    const uint64_t occupied = w->occupied[level];
    if (occupied == 0) {
        return UINT64_MAX;
    }
    const uint64_t current = w->now_ms >> (SLOT_BITS * level);
    const uint64_t first = level == 0 ? current : current + 1u;
    const unsigned turn = (unsigned)(first % PK_WHEEL_SLOTS);
    const uint64_t from_first = turn == 0 ? occupied : occupied >> turn | occupied << (PK_WHEEL_SLOTS - turn);
    return (first + (unsigned)__builtin_ctzll(from_first)) << (SLOT_BITS * level);
}

uint64_t pk_wheel_next_ms(const struct pk_wheel *w) {
    uint64_t next_ms = UINT64_MAX;
    for (unsigned level = 0; level < PK_WHEEL_LEVELS; level++) {
        const uint64_t level_ms = level_next_ms(w, level);
        next_ms = level_ms < next_ms ? level_ms : next_ms;
    }
    return next_ms;
}

/* Moves every node of a slot that time has just entered to where it belongs now: a lower level, or the last
 * level again. */
static void cascade(struct pk_wheel *w, unsigned level) {
    const uint32_t slot = slot_index(w->now_ms, level);
    const uint32_t tail = w->slots[level][slot];
    w->slots[level][slot] = PK_WHEEL_NONE;
    w->occupied[level] &= ~((uint64_t)1 << slot);
    uint32_t index = w->nodes[tail].next;
    for (bool is_last = false; !is_last;) {
        const uint32_t next = w->nodes[index].next;
        is_last = index == tail;
        place(w, index);
        index = next;
    }
}

/* Steps to the next time anything happens. */
static void enter(struct pk_wheel *w, uint64_t next_ms) {
    bool is_entered[PK_WHEEL_LEVELS];
    /* Looked up first: once the time is set, a slot that starts now would read as a turn away. */
    for (unsigned level = 0; level < PK_WHEEL_LEVELS; level++) {
        is_entered[level] = level > 0 && level_next_ms(w, level) == next_ms;
    }
    w->now_ms = next_ms;
    for (unsigned level = PK_WHEEL_LEVELS - 1u; level > 0; level--) {
        if (is_entered[level]) {
            cascade(w, level);
        }
    }
}

uint32_t pk_wheel_advance(struct pk_wheel *w, uint64_t now_ms) {
    for (;;) {
        const uint64_t next_ms = pk_wheel_next_ms(w);
        if (next_ms > now_ms) {
            w->now_ms = now_ms > w->now_ms ? now_ms : w->now_ms;
            return PK_WHEEL_NONE;
        }
        enter(w, next_ms);
        const uint32_t tail = w->slots[0][slot_index(w->now_ms, 0)];
        if (tail != PK_WHEEL_NONE) {
            const uint32_t index = w->nodes[tail].next;
            pk_wheel_cancel(w, index);
            return index;
        }
    }
}
