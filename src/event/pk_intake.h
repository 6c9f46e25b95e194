#ifndef PK_INTAKE_H
#define PK_INTAKE_H
/* The one door for events: intern, sequence, rate limit, duplicate check, ring. Each event offered takes one
 * sequence number of its source, so a gap in what was taken is always explained by an entry of the loss
 * ledger. I/O offers, the tick pops. */
#include "event/pk_event_json.h"
#include "event/pk_ledger.h"

enum {
    PK_INTAKE_DEDUPE_SETS = 64,
    PK_INTAKE_DEDUPE_WAYS = 4, /* event_ids remembered: the last four of each of 64 sets */
    PK_INTAKE_LIVE_MS =
        300000 /* an own time further back (or before this boot) makes the event a replayed one */
};

/* Clock readings of this tick. */
struct pk_intake_clock {
    uint64_t mono_ms;  /* boot-time clock; > 0 */
    int64_t wall_ms;   /* Unix ms, 0 = unknown */
    bool is_wall_good; /* quality is ntp or hub: own times can be placed on the boot-time clock */
};

struct pk_intake {
    struct pk_types types;
    struct pk_sources sources;
    struct pk_textring text;
    struct pk_ledger ledger;
    struct pk_event ring[PK_LIMIT_INTAKE_EVENTS];
    uint32_t head, count, high;
    uint32_t number;            /* of the last event taken */
    uint32_t rate_per_s, burst; /* per source */
    uint32_t heartbeat_default_ms;
    uint16_t heartbeat_type_id; /* "heartbeat", interned by init, as the other known types */
    uint16_t source_up_type_id;
    uint8_t dedupe_next[PK_INTAKE_DEDUPE_SETS];
    uint64_t dedupe[PK_INTAKE_DEDUPE_SETS][PK_INTAKE_DEDUPE_WAYS];
    uint64_t taken_count, bad_count, unknown_field_count, cut_count, future_time_count;
};

/* rate_per_s 0 = no limit; burst >= 1 (events at once). Changing them later: set the fields. */
void pk_intake_init(struct pk_intake *in, uint32_t rate_per_s, uint32_t burst);
/* PK_OK and *out_number (the n of its id); else PK_E_RATE, PK_E_REPLAYED (event_id seen), PK_E_FULL (ring or
 * name table): counted in the ledger. PK_E_BAD_FIELD cannot happen for an event of the parsers above. */
PK_MUST_USE int pk_intake_offer(struct pk_intake *in, const struct pk_event_in *e,
                                const struct pk_intake_clock *clock, uint32_t *out_number);
/* The oldest waiting event. false when there is none. */
bool pk_intake_pop(struct pk_intake *in, struct pk_event *out);
/* One more event of the longest text leaves those that wait theirs. Who asks before he takes input loses
 * nothing: rules see message and fields of every event. */
bool pk_intake_has_text_room(const struct pk_intake *in);
/* A line or payload could not be parsed: counted, and in the ledger. source may be empty or unknown. */
void pk_intake_bad(struct pk_intake *in, struct pk_str source, uint64_t now_ms);
/* That many pieces of an inlet became no event: malformed (counted as bad too), or lost on the way here. */
void pk_intake_lost(struct pk_intake *in, uint16_t source_id, enum pk_loss_reason reason, uint64_t count,
                    uint64_t now_ms);
/* Fills *out for a refusal of pk_intake_offer, for pk_event_reply_error. */
void pk_intake_error(int err, struct pk_event_error *out);
#endif
