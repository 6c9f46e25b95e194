#ifndef PK_INTERN_H
#define PK_INTERN_H
/* Names to small numbers: event types and sources. Bounded; a name that does not fit is refused and counted.
 * An id stays valid until the process ends, but for those of foreign sources: names made of what strangers
 * write (the address in a line of a log, the app of a datagram). They have a part of the table only, share
 * the source "others" when it is full, and the owner of all tables may forget those that fell silent. Ids
 * count from 0 in order of first sight; forgotten ones are given again. Types are never forgotten: those that
 * only senders name have a part of the table, so that what rules, patterns and collectors name finds room. */
#include "base/pk_text.h"
#include "event/pk_event.h"
#include "pk_limits.h"

enum { PK_INTERN_NONE = 0xFFFF };

struct pk_name { /* 72 bytes */
    uint32_t hash;
    uint8_t n;
    bool is_foreign;                    /* of types: only senders named it so far */
    char text[PK_EVENT_TYPE_BYTES + 1]; /* terminated */
};

struct pk_types {
    struct pk_name names[PK_LIMIT_TYPES];
    uint16_t slots[PK_LIMIT_TYPES * 2u]; /* open addressing, PK_INTERN_NONE = empty */
    uint32_t count, foreign_count;
    uint64_t refused_count;
};

/* What is known of one source besides its name. */
struct pk_source {         /* 72 bytes */
    uint64_t last_seen_ms; /* last live event taken, boot-time clock; 0 = none yet */
    int64_t last_wall_ms;  /* newest own time it brought, Unix ms; 0 = none */
    uint64_t bucket_ms;    /* when bucket_milli was last filled up */
    uint64_t event_count;  /* taken */
    uint64_t loss_count;   /* offered and not taken */
    uint32_t bucket_milli; /* tokens left, thousandths */
    uint32_t sequence;     /* last given; the next event offered is sequence + 1 */
    uint32_t promised_ms;  /* interval of its last heartbeat; 0 = never promised */
    uint32_t fault_count;
    uint32_t expected_ms; /* configured interval, until it promises one; 0 = it need not report */
    uint32_t gap_ms;      /* usual time between its events; 0 = not known */
    bool is_fault;        /* its last event said that it could not measure */
    bool is_gone;         /* its last event said so: a last will (type source_up, value 0) */
    bool is_listed;       /* while a configuration is taken: it still names it */
    bool is_foreign;      /* may be forgotten */
};
_Static_assert(sizeof(struct pk_source) == 72u, "no holes: there are many");

struct pk_sources {
    struct pk_name names[PK_LIMIT_SOURCES];
    struct pk_source state[PK_LIMIT_SOURCES];
    uint16_t slots[PK_LIMIT_SOURCES * 2u];
    uint32_t count;      /* ids ever given; those forgotten since have an empty name */
    uint32_t used_count; /* names held */
    uint32_t free_from;  /* no id below it is free */
    uint32_t foreign_count;
    uint64_t refused_count;
    uint64_t folded_count;    /* events given to PK_SOURCE_OTHERS for want of room */
    uint64_t forgotten_count; /* foreign sources that made room */
};
#define PK_SOURCE_OTHERS "others"

void pk_types_init(struct pk_types *t);
/* Id (0..), PK_E_FULL (counted), PK_E_BAD_FIELD (not of the form [A-Za-z0-9_.:@-]{1,64}). */
PK_MUST_USE int pk_types_intern(struct pk_types *t, struct pk_str name);
/* The same for a name that a sender chose; PK_E_FULL as well when the part of the foreign ones is full. */
PK_MUST_USE int pk_types_intern_foreign(struct pk_types *t, struct pk_str name);
/* Forgets the newest until `count` are left: names interned on trial, which no event had yet. */
void pk_types_cut(struct pk_types *t, uint32_t count);
/* Id or PK_E_NOT_FOUND. */
PK_MUST_USE int pk_types_find(const struct pk_types *t, struct pk_str name);
/* Terminated; "" for an id that is not in use. */
const char *pk_types_name(const struct pk_types *t, uint16_t id);

void pk_sources_init(struct pk_sources *s);
/* As pk_types_intern. A new source starts with zeros (and an empty bucket that intake fills). */
PK_MUST_USE int pk_sources_intern(struct pk_sources *s, struct pk_str name);
/* The same for a foreign name; one that finds no room is folded into PK_SOURCE_OTHERS, counted. */
PK_MUST_USE int pk_sources_intern_foreign(struct pk_sources *s, struct pk_str name);
/* The id must be in use and foreign, and nothing may refer to it any more (asserted: the first two). */
void pk_sources_forget(struct pk_sources *s, uint16_t id);
/* Sets the bits (PK_LIMIT_SOURCES of them) of foreign sources that were silent longest, a quarter of their
 * part of the table or somewhat more, none of them heard of within quiet_ms or owing a heartbeat. How many.
 */
uint32_t pk_sources_stalest(const struct pk_sources *s, uint64_t now_ms, uint64_t quiet_ms, uint64_t *bits);
PK_MUST_USE int pk_sources_find(const struct pk_sources *s, struct pk_str name);
const char *pk_sources_name(const struct pk_sources *s, uint16_t id);
/* NULL for an id that is not in use. */
struct pk_source *pk_sources_state(struct pk_sources *s, uint16_t id);
/* The form of type and source names. */
bool pk_intern_is_name(struct pk_str s);
#endif
