#ifndef PK_EVENT_H
#define PK_EVENT_H
/* The one record every source becomes (DESIGN 7, WIRE "Event"): 64 bytes, fixed, no pointers. */
#include "base/pk_severity.h"
#include "base/pk_time.h"

enum pk_event_flag {
    PK_EVENT_REPLAYED =
        1, /* delivered late by design (store-and-forward): keeps its own time, never trips absence */
    PK_EVENT_LATE = 2, /* its own time is behind what was already seen from the source */
    PK_EVENT_DRILL = 4,
    PK_EVENT_HAS_VALUE = 8,
    PK_EVENT_FAULT = 16,       /* the source could not measure: unknown, never healthy */
    PK_EVENT_CLOCK_UNSURE = 32 /* the wall clock was not known to be right when it came */
};

struct pk_event {
    uint64_t receive_ms; /* boot-time clock when we took it */
    uint64_t
        event_ms;    /* its own time on the boot-time clock (equal to receive_ms unless it brought a time) */
    int64_t wall_ms; /* its own time, Unix ms; 0 = unknown */
    double value;
    uint64_t correlation; /* pk_hash64 of the correlation id, 0 = none */
    uint32_t sequence;    /* of its source */
    uint32_t text_ref;    /* absolute position in the text ring: message, then fields; valid while text_end -
                             text_ref <= ring size */
    uint16_t text_bytes;  /* message */
    uint16_t field_bytes; /* packed fields after it: u8 name length, u8 kind, u16 value length, name, value */
    uint16_t type_id, source_id;
    uint8_t severity; /* enum pk_severity */
    uint8_t flags;    /* enum pk_event_flag */
    uint16_t reserved;
    uint32_t number; /* n of the event id "<boot>-<n>": 1, 2, ... over all sources of this boot epoch */
};
_Static_assert(sizeof(struct pk_event) == 64u, "one cache line");

enum {
    PK_EVENT_TYPE_BYTES = 65, /* 64 and the terminator */
    PK_EVENT_SOURCE_BYTES = 65,
    PK_EVENT_MESSAGE_BYTES = 256,
    PK_EVENT_FIELDS_MAX = 8,
    PK_EVENT_LINE_BYTES = 4096
};
#endif
