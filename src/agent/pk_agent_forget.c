/* Sources that strangers named: an address that tried to log in, the host of a syslog datagram. They have a
 * part of the table of names; when it is nearly full those that were silent longest are forgotten everywhere,
 * and events of theirs that are still kept are of the source "others" (the name stays in their fields). */
#include "agent/pk_agent_priv.h"
#include "base/pk_bitset.h"
#include "detect/pk_forget.h"

enum {
    PAUSE_MS = 10000, /* between two looks: one goes through windows and history */
    QUIET_MS = 10000  /* who was heard of within it stays */
};

static bool is_tight(const struct pk_sources *s) {
    return s->foreign_count >= PK_LIMIT_SOURCES_FOREIGN - PK_LIMIT_SOURCES_FOREIGN / 8u;
}

static void forget_all(struct pk_agent *a, uint16_t heir) {
    const uint64_t *bits = a->forgotten;
    pk_history_forget(&a->history, bits, heir);
    uint32_t id = pk_bitset_next_set(bits, PK_LIMIT_SOURCES, 0);
    while (id < PK_LIMIT_SOURCES) {
        pk_ledger_forget(&a->intake.ledger, (uint16_t)id);
        pk_sources_forget(&a->intake.sources, (uint16_t)id);
        id = pk_bitset_next_set(bits, PK_LIMIT_SOURCES, id + 1u);
    }
}

void pk_agent_forget_sources(struct pk_agent *a) {
    struct pk_intake *in = &a->intake;
    if (!is_tight(&in->sources) || a->now.mono_ms < a->forget_ms || in->count > 0) {
        return;
    }
    a->forget_ms = a->now.mono_ms + PAUSE_MS;
    const int heir = pk_sources_intern(&in->sources, pk_str_of(PK_SOURCE_OTHERS));
    if (heir < 0 || pk_sources_stalest(&in->sources, a->now.mono_ms, QUIET_MS, a->forgotten) == 0) {
        return;
    }
    pk_engine_forget_sources(&a->engine, a->forgotten);
    forget_all(a, (uint16_t)heir);
}
