#include "event/pk_source.h"

enum { STALE_LEAST_MS = 60000, STALE_GAPS = 3, PROMISES_MISSED = 2 };

static const char *const WORDS[PK_SOURCE_STATE_COUNT] = {"ok", "stale", "silent", "fault", "unknown"};

const char *pk_source_state_word(enum pk_source_state s) {
    return (unsigned)s < PK_SOURCE_STATE_COUNT ? WORDS[s] : "unknown";
}

int pk_source_state_parse(struct pk_str word, enum pk_source_state *out) {
    for (unsigned i = 0; i < PK_SOURCE_STATE_COUNT; i++) {
        if (pk_str_eq_nocase(word, WORDS[i])) {
            *out = (enum pk_source_state)i;
            return PK_OK;
        }
    }
    return PK_E_BAD_FIELD;
}

enum pk_source_state pk_source_state_at(const struct pk_source *s, bool is_silent, uint64_t now_ms) {
    const uint64_t age_ms = now_ms > s->last_seen_ms ? now_ms - s->last_seen_ms : 0;
    const uint64_t owed_ms = s->promised_ms > 0 ? s->promised_ms : s->expected_ms;
    const uint64_t usual_ms = (uint64_t)s->gap_ms * STALE_GAPS;
    if (is_silent || s->is_gone) {
        return PK_SOURCE_SILENT;
    }
    if (s->last_seen_ms == 0) {
        return PK_SOURCE_UNKNOWN;
    }
    if (s->is_fault) {
        return PK_SOURCE_FAULT;
    }
    if (owed_ms > 0 && age_ms > owed_ms * PROMISES_MISSED) {
        return PK_SOURCE_SILENT;
    }
    return age_ms > (usual_ms > STALE_LEAST_MS ? usual_ms : STALE_LEAST_MS) ? PK_SOURCE_STALE : PK_SOURCE_OK;
}
