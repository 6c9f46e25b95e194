#include "detect/pk_window.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_zero.h"

_Static_assert(sizeof(struct pk_window) == 56u, "priced in pk_rule_price_bytes and pk_limits.h");
_Static_assert(PK_LIMIT_WINDOW_BYTES % 1024u == 0u, "whole pages");
_Static_assert((int)PK_RULE_COUNT_MAX <= (int)PK_WINDOW_PAGE_TIMES, "the largest window fits a page");
_Static_assert(PK_LIMIT_RULES < 0xFFFFu && PK_LIMIT_INCIDENTS + 8u < PK_WINDOW_NO_ACTIVE,
               "indices are 16 bits");

enum { LISTS = PK_WINDOW_CLASSES + 1, UNITS = 32, UNIT = PK_WINDOW_PAGE_TIMES / UNITS, FREE_SLOT = 0xFF };

const uint16_t PK_WINDOW_CLASS_TIMES[PK_WINDOW_CLASSES] = {8, 16, 32, 64, 128, 256};

static void page_link(struct pk_windows *w, uint32_t page, uint8_t list) {
    struct pk_window_page *p = &w->pages[page];
    p->list = list;
    p->prev = PK_WINDOW_NONE;
    p->next = w->page_lists[list];
    if (p->next != PK_WINDOW_NONE) {
        w->pages[p->next].prev = page;
    }
    w->page_lists[list] = page;
}

static void page_unlink(struct pk_windows *w, uint32_t page) {
    struct pk_window_page *p = &w->pages[page];
    if (p->prev != PK_WINDOW_NONE) {
        w->pages[p->prev].next = p->next;
    } else {
        w->page_lists[p->list] = p->next;
    }
    if (p->next != PK_WINDOW_NONE) {
        w->pages[p->next].prev = p->prev;
    }
}

/* Bits of one block of the class at its first place. */
static uint32_t class_bits(uint8_t ring_class) {
    return (uint32_t)((1ull << (1u << ring_class)) - 1u);
}

/* First free aligned place of the class in units, or UNITS. */
static uint32_t page_place(uint32_t used_bits, uint8_t ring_class) {
    const uint32_t step = 1u << ring_class;
    for (uint32_t at = 0; at < UNITS; at += step) {
        if ((used_bits & (class_bits(ring_class) << at)) == 0u) {
            return at;
        }
    }
    return UNITS;
}

static uint8_t page_list_of(uint32_t used_bits) {
    for (uint8_t c = PK_WINDOW_CLASSES; c > 0; c--) {
        if (page_place(used_bits, (uint8_t)(c - 1u)) < UNITS) {
            return c;
        }
    }
    return 0;
}

static void page_relist(struct pk_windows *w, uint32_t page) {
    const uint8_t list = page_list_of(w->pages[page].used_bits);
    if (list != w->pages[page].list) {
        page_unlink(w, page);
        page_link(w, page, list);
    }
}

/* Best fit: the page whose largest hole is the smallest that does. */
static uint32_t ring_take(struct pk_windows *w, uint8_t ring_class) {
    for (uint32_t list = ring_class + 1u; list < LISTS; list++) {
        const uint32_t page = w->page_lists[list];
        if (page == PK_WINDOW_NONE) {
            continue;
        }
        const uint32_t at = page_place(w->pages[page].used_bits, ring_class);
        PK_ASSERT(at < UNITS);
        w->pages[page].used_bits |= class_bits(ring_class) << at;
        page_relist(w, page);
        w->times_used += PK_WINDOW_CLASS_TIMES[ring_class];
        w->times_high = w->times_used > w->times_high ? w->times_used : w->times_high;
        return page * PK_WINDOW_PAGE_TIMES + at * UNIT;
    }
    return PK_WINDOW_NONE;
}

static void ring_give(struct pk_windows *w, uint32_t ring, uint8_t ring_class) {
    const uint32_t page = ring / PK_WINDOW_PAGE_TIMES;
    const uint32_t bits = class_bits(ring_class) << ((ring % PK_WINDOW_PAGE_TIMES) / UNIT);
    PK_ASSERT((w->pages[page].used_bits & bits) == bits);
    w->pages[page].used_bits &= ~bits;
    page_relist(w, page);
    w->times_used -= PK_WINDOW_CLASS_TIMES[ring_class];
}

void pk_windows_init(struct pk_windows *w) {
    pk_zero(w, sizeof *w);
    memset(w->buckets, 0xFF, sizeof w->buckets);
    memset(w->rows.newest, 0xFF, sizeof w->rows.newest);
    memset(w->rows.oldest, 0xFF, sizeof w->rows.oldest);
    memset(w->page_lists, 0xFF, sizeof w->page_lists);
    for (uint32_t i = PK_WINDOW_PAGES; i > 0; i--) {
        page_link(w, i - 1u, PK_WINDOW_CLASSES);
    }
    w->free_head = PK_WINDOW_NONE;
}

static uint32_t free_slot(const struct pk_windows *w) {
    if (w->free_head != PK_WINDOW_NONE) {
        return w->free_head;
    }
    return w->fresh < PK_LIMIT_KEYS ? w->fresh : PK_WINDOW_NONE;
}

static uint32_t bucket_of(uint16_t rule, uint64_t key) {
    uint64_t h = (key + 1u) * 0x9E3779B97F4A7C15u ^ (uint64_t)rule * 0xC2B2AE3D27D4EB4Fu;
    h ^= h >> 29;
    h *= 0xBF58476D1CE4E5B9u;
    return (uint32_t)(((h >> 32) * PK_LIMIT_KEYS) >> 32);
}

uint32_t pk_windows_find(const struct pk_windows *w, uint16_t rule, uint64_t key) {
    uint32_t slot = w->buckets[bucket_of(rule, key)];
    while (slot != PK_WINDOW_NONE) {
        const struct pk_window *have = &w->slots[slot];
        if (have->key == key && have->rule == rule) {
            return slot;
        }
        slot = have->chain;
    }
    return PK_WINDOW_NONE;
}

static void lru_unlink(struct pk_windows *w, uint32_t slot) {
    const struct pk_window *s = &w->slots[slot];
    if (s->newer != PK_WINDOW_NONE) {
        w->slots[s->newer].older = s->older;
    } else {
        w->rows.newest[s->rule] = s->older;
    }
    if (s->older != PK_WINDOW_NONE) {
        w->slots[s->older].newer = s->newer;
    } else {
        w->rows.oldest[s->rule] = s->newer;
    }
}

static void lru_link_newest(struct pk_windows *w, uint32_t slot) {
    struct pk_window *s = &w->slots[slot];
    s->newer = PK_WINDOW_NONE;
    s->older = w->rows.newest[s->rule];
    if (s->older != PK_WINDOW_NONE) {
        w->slots[s->older].newer = slot;
    } else {
        w->rows.oldest[s->rule] = slot;
    }
    w->rows.newest[s->rule] = slot;
}

static bool is_pinned(const struct pk_window *s) {
    return s->active != PK_WINDOW_NO_ACTIVE;
}

static void chain_remove(struct pk_windows *w, uint32_t slot) {
    uint32_t *at = &w->buckets[bucket_of(w->slots[slot].rule, w->slots[slot].key)];
    while (*at != slot) {
        PK_ASSERT(*at != PK_WINDOW_NONE);
        at = &w->slots[*at].chain;
    }
    *at = w->slots[slot].chain;
}

void pk_windows_free(struct pk_windows *w, uint32_t slot) {
    struct pk_window *s = &w->slots[slot];
    PK_ASSERT(s->state != FREE_SLOT);
    chain_remove(w, slot);
    if (!is_pinned(s)) {
        lru_unlink(w, slot);
    }
    if (s->ring != PK_WINDOW_NONE) {
        ring_give(w, s->ring, s->ring_class);
        w->rows.block_bytes[s->rule] -= PK_WINDOW_CLASS_TIMES[s->ring_class] * (uint32_t)sizeof w->times[0];
    }
    w->rows.keys[s->rule]--;
    s->state = FREE_SLOT;
    s->chain = w->free_head;
    w->free_head = slot;
    w->used--;
}

uint32_t pk_windows_victim(const struct pk_windows *w, uint16_t rule, uint16_t keys_max) {
    const bool is_full = w->rows.keys[rule] >= keys_max || free_slot(w) == PK_WINDOW_NONE;
    return is_full ? w->rows.oldest[rule] : PK_WINDOW_NONE;
}

uint32_t pk_windows_make(struct pk_windows *w, uint16_t rule, uint64_t key, uint8_t ring_class,
                         uint16_t keys_max) {
    PK_ASSERT(rule < PK_LIMIT_RULES && keys_max >= 1u);
    const uint32_t slot = free_slot(w);
    if (slot == PK_WINDOW_NONE || w->rows.keys[rule] >= keys_max) {
        w->refused_count++;
        return PK_WINDOW_NONE;
    }
    const uint32_t ring = ring_class == PK_WINDOW_NO_RING ? PK_WINDOW_NONE : ring_take(w, ring_class);
    if (ring == PK_WINDOW_NONE && ring_class != PK_WINDOW_NO_RING) {
        w->refused_count++;
        return PK_WINDOW_NONE;
    }
    struct pk_window *s = &w->slots[slot];
    if (slot == w->fresh) {
        w->fresh++;
    } else {
        w->free_head = s->chain;
    }
    memset(s, 0, sizeof *s);
    s->key = key;
    s->rule = rule;
    s->ring = ring;
    s->ring_class = ring_class;
    if (ring != PK_WINDOW_NONE) {
        memset(&w->times[ring], 0, PK_WINDOW_CLASS_TIMES[ring_class] * sizeof w->times[0]);
        w->rows.block_bytes[rule] += PK_WINDOW_CLASS_TIMES[ring_class] * (uint32_t)sizeof w->times[0];
    }
    s->active = PK_WINDOW_NO_ACTIVE;
    s->verdict = PK_STALE;
    uint32_t *bucket = &w->buckets[bucket_of(rule, key)];
    s->chain = *bucket;
    *bucket = slot;
    lru_link_newest(w, slot);
    w->rows.keys[rule]++;
    w->made_count++;
    w->used++;
    w->high = w->used > w->high ? w->used : w->high;
    return slot;
}

void pk_windows_evict(struct pk_windows *w, uint32_t slot) {
    w->rows.evicted[w->slots[slot].rule]++;
    w->evicted_count++;
    pk_windows_free(w, slot);
}

bool pk_windows_is_used(const struct pk_windows *w, uint32_t slot) {
    return slot < w->fresh && w->slots[slot].state != FREE_SLOT;
}

void pk_windows_touch(struct pk_windows *w, uint32_t slot, uint32_t now_ms) {
    struct pk_window *s = &w->slots[slot];
    const bool is_same_tick = now_ms >> PK_WINDOW_LRU_SHIFT == s->last_ms >> PK_WINDOW_LRU_SHIFT;
    s->last_ms = now_ms;
    s->is_heard = true;
    if (is_same_tick || is_pinned(s) || s->newer == PK_WINDOW_NONE) {
        return;
    }
    lru_unlink(w, slot);
    lru_link_newest(w, slot);
}

void pk_windows_pin(struct pk_windows *w, uint32_t slot, uint16_t active) {
    PK_ASSERT(!is_pinned(&w->slots[slot]) && active != PK_WINDOW_NO_ACTIVE);
    lru_unlink(w, slot);
    w->slots[slot].active = active;
}

void pk_windows_unpin(struct pk_windows *w, uint32_t slot) {
    PK_ASSERT(is_pinned(&w->slots[slot]));
    w->slots[slot].active = PK_WINDOW_NO_ACTIVE;
    lru_link_newest(w, slot);
}

static bool is_later(uint32_t a_ms, uint32_t b_ms) {
    return (int32_t)(a_ms - b_ms) > 0;
}

static uint32_t before(uint32_t at, uint32_t cap) {
    return at == 0 ? cap - 1u : at - 1u;
}

void pk_windows_push(struct pk_windows *w, uint32_t slot, uint32_t cap, uint32_t time_ms) {
    struct pk_window *s = &w->slots[slot];
    PK_ASSERT(s->ring != PK_WINDOW_NONE && cap >= 1u && cap <= PK_WINDOW_CLASS_TIMES[s->ring_class]);
    uint32_t *times = &w->times[s->ring];
    const bool is_full = s->count == cap;
    if (is_full && is_later(times[s->head], time_ms)) {
        return;
    }
    uint32_t at = s->head;
    const uint32_t steps_max = is_full ? cap - 1u : s->count;
    for (uint32_t i = 0; i < steps_max; i++) {
        const uint32_t prev = before(at, cap);
        if (!is_later(times[prev], time_ms)) {
            break;
        }
        times[at] = times[prev];
        at = prev;
    }
    times[at] = time_ms;
    s->head = (uint8_t)(s->head + 1u < cap ? s->head + 1u : 0u);
    s->count = (uint8_t)(is_full ? cap : s->count + 1u);
}

bool pk_windows_nth(const struct pk_windows *w, uint32_t slot, uint32_t cap, uint32_t nth, uint32_t *out_ms) {
    const struct pk_window *s = &w->slots[slot];
    PK_ASSERT(nth >= 1u);
    if (nth > s->count) {
        return false;
    }
    const uint32_t at = s->head >= nth ? s->head - nth : s->head + cap - nth;
    *out_ms = w->times[s->ring + at];
    return true;
}

uint32_t pk_windows_count_within(const struct pk_windows *w, uint32_t slot, uint32_t cap, uint32_t now_ms,
                                 uint32_t within_ms) {
    uint32_t count = 0;
    uint32_t time_ms = 0;
    while (pk_windows_nth(w, slot, cap, count + 1u, &time_ms) && now_ms - time_ms < within_ms) {
        count++;
    }
    return count;
}

void pk_windows_clear_times(struct pk_windows *w, uint32_t slot) {
    w->slots[slot].head = 0;
    w->slots[slot].count = 0;
}

/* Chains and the order of use are by rule index, so both are made anew. */
void pk_windows_renumber(struct pk_windows *w, const uint16_t new_index[PK_LIMIT_RULES]) {
    const struct pk_window *const slots = w->slots;
    struct pk_window_rows *const to = &w->moved;
    const struct pk_window_rows *const from = &w->rows;
    memset(to, 0, sizeof *to);
    memset(to->newest, 0xFF, sizeof to->newest);
    memset(to->oldest, 0xFF, sizeof to->oldest);
    for (uint32_t i = 0; i < PK_LIMIT_RULES; i++) {
        PK_ASSERT(new_index[i] < PK_LIMIT_RULES || from->keys[i] == 0);
        if (new_index[i] < PK_LIMIT_RULES) {
            to->evicted[new_index[i]] = from->evicted[i];
            to->newest[new_index[i]] = from->newest[i];
            to->oldest[new_index[i]] = from->oldest[i];
            to->keys[new_index[i]] = from->keys[i];
            to->block_bytes[new_index[i]] = from->block_bytes[i];
        }
    }
    w->rows = *to;
    memset(w->buckets, 0xFF, sizeof w->buckets);
    for (uint32_t i = 0; i < w->fresh; i++) {
        if (slots[i].state == FREE_SLOT) {
            continue;
        }
        w->slots[i].rule = new_index[slots[i].rule];
        uint32_t *bucket = &w->buckets[bucket_of(slots[i].rule, slots[i].key)];
        w->slots[i].chain = *bucket;
        *bucket = i;
    }
}
