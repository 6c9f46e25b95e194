#include "event/pk_history.h"

#include <string.h>

#include "base/pk_bitset.h"
#include "base/pk_zero.h"

_Static_assert((PK_LIMIT_EVENT_HISTORY & (PK_LIMIT_EVENT_HISTORY - 1u)) == 0u, "positions wrap by mask");

enum { MASK = PK_LIMIT_EVENT_HISTORY - 1 };

void pk_history_init(struct pk_history *h, uint32_t events_max, uint64_t retention_ms) {
    pk_zero(h, sizeof *h);
    pk_history_limit(h, events_max, retention_ms);
}

void pk_history_limit(struct pk_history *h, uint32_t events_max, uint64_t retention_ms) {
    h->events_max =
        events_max == 0 || events_max > PK_LIMIT_EVENT_HISTORY ? PK_LIMIT_EVENT_HISTORY : events_max;
    h->retention_ms = retention_ms;
}

void pk_history_put(struct pk_history *h, const struct pk_event *e) {
    h->ring[h->total & MASK] = *e;
    h->total++;
}

static uint32_t stored(const struct pk_history *h) {
    const uint64_t kept = h->total - h->pruned;
    return kept < h->events_max ? (uint32_t)kept : h->events_max;
}

void pk_history_prune(struct pk_history *h, uint64_t now_ms) {
    h->pruned = h->total - pk_history_count(h, now_ms);
}

const struct pk_event *pk_history_at(const struct pk_history *h, uint32_t age) {
    return age < stored(h) ? &h->ring[(h->total - 1u - age) & MASK] : NULL;
}

/* Receive times rise, so the first event past the retention is found by halving. */
uint32_t pk_history_count(const struct pk_history *h, uint64_t now_ms) {
    uint32_t low = 0;
    uint32_t high = stored(h);
    if (h->retention_ms == 0) {
        return high;
    }
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2u;
        const struct pk_event *e = pk_history_at(h, middle);
        const bool is_kept = e->receive_ms >= now_ms || now_ms - e->receive_ms <= h->retention_ms;
        low = is_kept ? middle + 1u : low;
        high = is_kept ? high : middle;
    }
    return low;
}

void pk_history_forget(struct pk_history *h, const uint64_t *sources, uint16_t heir) {
    const uint32_t used = h->total < PK_LIMIT_EVENT_HISTORY ? (uint32_t)h->total : PK_LIMIT_EVENT_HISTORY;
    for (uint32_t i = 0; i < used; i++) {
        if (pk_bitset_has(sources, PK_LIMIT_SOURCES, h->ring[i].source_id)) {
            h->ring[i].source_id = heir;
        }
    }
}
