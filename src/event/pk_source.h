#ifndef PK_SOURCE_H
#define PK_SOURCE_H
/* What is known of a source at a moment, in one word. */
#include "event/pk_intern.h"

enum pk_source_state {
    PK_SOURCE_OK,
    PK_SOURCE_STALE,   /* nothing for longer than usual: three of its gaps, at least a minute */
    PK_SOURCE_SILENT,  /* it owes a sign of life, or is said to be gone */
    PK_SOURCE_FAULT,   /* it cannot measure: never healthy */
    PK_SOURCE_UNKNOWN, /* never heard in this life */
    PK_SOURCE_STATE_COUNT
};
const char *pk_source_state_word(enum pk_source_state s); /* "ok" "stale" "silent" "fault" "unknown" */
PK_MUST_USE int pk_source_state_parse(struct pk_str word, enum pk_source_state *out);
/* is_silent: a rule of absence is firing for it. */
enum pk_source_state pk_source_state_at(const struct pk_source *s, bool is_silent, uint64_t now_ms);
#endif
