#ifndef PK_TIMELINE_H
#define PK_TIMELINE_H
/* What happened to incidents, newest kept: a byte ring of entries of variable length. Older ones are read
 * from the store. */
#include "incident/pk_incident.h"
#include "pk_limits.h"

enum pk_timeline_kind {
    PK_TL_CREATED,
    PK_TL_JOINED,
    PK_TL_SEVERITY,
    PK_TL_STATUS,
    PK_TL_ACKNOWLEDGED,
    PK_TL_ASSIGNED,
    PK_TL_NOTE,
    PK_TL_ACTION,
    PK_TL_APPROVAL,
    PK_TL_FLAPPING,
    PK_TL_CLEARED,
    PK_TL_LOSS,
    PK_TL_RESTORED,
    PK_TL_SILENCE,
    PK_TL_STAGE,
    PK_TL_CAUSE,
    PK_TL_ESCALATED,
    PK_TL_KIND_COUNT
};
enum pk_timeline_source {
    PK_TL_BY_DETECT,
    PK_TL_BY_AGENT,
    PK_TL_BY_ACTION,
    PK_TL_BY_OPERATOR,
    PK_TL_BY_HUB,
    PK_TL_SOURCE_COUNT
};

enum { PK_TIMELINE_TEXT_BYTES = 121, PK_TIMELINE_BYTES = (int)(PK_LIMIT_TIMELINE * 96u) };

struct pk_timeline_entry {
    uint32_t incident; /* number */
    uint32_t seq;      /* 1, 2, ... over all incidents of this agent start; never reused */
    struct pk_stamp at;
    uint8_t severity;                  /* enum pk_severity */
    uint8_t source;                    /* enum pk_timeline_source */
    uint8_t kind;                      /* enum pk_timeline_kind */
    char text[PK_TIMELINE_TEXT_BYTES]; /* UTF-8, terminated, cut at a character */
};

struct pk_timeline {
    uint8_t bytes[PK_TIMELINE_BYTES];
    uint32_t head, tail; /* offsets: oldest entry, next free byte */
    uint32_t used_bytes, count;
    uint32_t next_seq;
    uint32_t taken_seq; /* newest entry handed out by pk_timeline_next_new */
    uint32_t new_at;    /* offset of the first entry not handed out, when there is one */
    uint64_t overwritten_count;
    uint64_t lost_count; /* overwritten before pk_timeline_next_new handed them out */
};

const char *pk_timeline_kind_word(uint8_t kind);     /* "created" "joined" ... ; "unknown" */
const char *pk_timeline_source_word(uint8_t source); /* "detect" "agent" "action" "operator" "hub" */

void pk_timeline_init(struct pk_timeline *t);
/* Adds at the new end; the oldest make room. e->seq is ignored and set in the ring. Returns the seq. */
uint32_t pk_timeline_add(struct pk_timeline *t, const struct pk_timeline_entry *e);
/* Entries of one incident (0: of all) with seq > after_seq, oldest first: PK_OK and *out, PK_E_NOT_FOUND at
 * the end. Walk with after_seq = out->seq. */
PK_MUST_USE int pk_timeline_next(const struct pk_timeline *t, uint32_t incident, uint32_t after_seq,
                                 struct pk_timeline_entry *out);
/* What was added since the last call, oldest first, for the store. PK_E_NOT_FOUND when there is no more. */
PK_MUST_USE int pk_timeline_next_new(struct pk_timeline *t, struct pk_timeline_entry *out);
#endif
