#ifndef PK_OUTBOX_H
#define PK_OUTBOX_H
/* What must reach the hub, until it says so (DESIGN 11, 12; src/decisions/0020-outbox-lanes.md).
 *
 * An entry is a record of the journal tree under 'O' lane boot seq; acknowledged, it is deleted. That is all
 * the persistent state there is: no cursor that could be wrong. (boot, seq) is also its name to the hub, so a
 * re-sent entry is recognised there. A lane is a severity, open or not; lanes are sent in order, oldest first
 * within one. RAM holds PK_LIMIT_OUTBOX_SLOTS entries that wait, are on their way or were acknowledged; the
 * rest is read back as slots become free. Entries made while the link is up ("live") go before the backlog.
 *
 * A new revision of an incident replaces the one that still waits (deleted, counted as superseded): offline,
 * the backlog is one entry an incident.
 *
 * With hub_ack (src/decisions/0095-the-hubs-own-word.md) the broker's answer only frees the slot: the entry
 * is then "sent", stays in the store, and leaves when the hub's signed word names it (pk_outbox_heard). Which
 * stored entries were sent is known by the lane's `from` alone: those before it, and not in a slot. It is in
 * RAM only, so a restart sends them again.
 *
 * One tick:
 *     pk_outbox_append(...) for what happened            into the batch of the tick
 *     pk_outbox_flush(ob, batch)                         deletes of what was acknowledged since
 *     store.submit(batch) ok -> pk_outbox_submitted(ob, store_seq)
 *     pk_outbox_durable(ob, store.durable())             what is on the medium may be sent
 *     pk_outbox_fetch_wanted(ob, &fetch) -> store.fetch; store.fetched != PK_E_AGAIN -> pk_outbox_fetched(ob,
 * result, bytes, keeper) while (pk_outbox_peek(ob, now, &view)) { publish with view.token; pk_outbox_sent(ob,
 * view.token) or stop at PK_E_FULL } PK_MQTT_EV_PUBLISHED -> pk_outbox_answered(ob, token, reason, now)
 * PK_MQTT_EV_CONNECTED
 * -> pk_outbox_online(ob, true); pk_mqtt_resend_peek token -> pk_outbox_find(ob, token, &view)
 */
#include "base/pk_batch.h"
#include "pk_limits.h"
#include "wire/pk_hub_ack.h"
#include "wire/pk_record.h"

enum {
    PK_OUTBOX_LANES = 2 * PK_SEV_COUNT,
    PK_OUTBOX_FETCH_BYTES = 8192,
    PK_OUTBOX_BODY_BYTES = PK_STORE_VALUE_BYTES - PK_RECORD_OUTBOX_HEAD_BYTES, /* largest body */
    PK_OUTBOX_RETRY_MIN_MS = 1000, /* after a refusal by the broker, doubled each time */
    PK_OUTBOX_RETRY_MAX_MS = 300000,
    PK_OUTBOX_EVICT_PCT = 90,  /* of the byte cap: from here on the least important entries are dropped */
    PK_OUTBOX_REFILL_PCT = 75, /* of it: below, there is room for what is owed, and it is not dropped again */
    /* What the hub has not named this long after the first of it was sent is sent again; doubled each time,
     * until the hub says anything. */
    PK_OUTBOX_UNHEARD_MIN_MS = 600000,
    PK_OUTBOX_UNHEARD_MAX_MS = 21600000,
    /* What was put by is taken up again; doubled each time, until the broker takes what it had refused
     * (then soon). */
    PK_OUTBOX_PUT_BY_SOON_MS = 30000,
    PK_OUTBOX_PUT_BY_MIN_MS = 300000,
    PK_OUTBOX_PUT_BY_MAX_MS = 21600000
};

enum pk_outbox_state {
    PK_OUTBOX_FREE,
    PK_OUTBOX_STAGED,   /* in a batch that was not submitted yet */
    PK_OUTBOX_SYNCING,  /* submitted, not durable */
    PK_OUTBOX_WAITING,  /* may be sent */
    PK_OUTBOX_INFLIGHT, /* sent, no answer yet */
    PK_OUTBOX_ACKED,    /* to be deleted with the next batch */
    PK_OUTBOX_DELETING, /* in a batch, not durable: remembered so that a fetch does not bring it back */
    PK_OUTBOX_STATE_COUNT
};

struct pk_outbox_slot {
    uint8_t state, lane, attempts;
    bool is_live, is_clearing; /* clearing: the second publish, the empty retained one */
    bool was_submitted : 1;    /* DELETING: its batch was handed over */
    bool is_heard : 1;         /* the hub named it before the broker's last answer */
    uint16_t value_bytes;
    uint32_t boot, subject;
    uint64_t seq, token, store_seq, retry_at_ms;
};

/* Newest waiting entry of an incident or approval request, to supersede it. */
struct pk_outbox_latest {
    uint64_t seq;
    uint32_t boot;
    uint16_t value_bytes;
    uint8_t lane;
    bool is_open : 1;
    bool is_known : 1; /* the hub may have this revision or an older one */
};

enum pk_outbox_loss_reason {
    PK_OUTBOX_LOSS_CAP,     /* dropped to stay under the byte cap */
    PK_OUTBOX_LOSS_TOO_BIG, /* can never be sent: larger than the broker takes */
    PK_OUTBOX_LOSS_DAMAGED, /* a stored entry could not be read */
    PK_OUTBOX_LOSS_COUNT
};
const char *pk_outbox_loss_word(enum pk_outbox_loss_reason reason); /* for the ledger: "outbox_cap" ... */
struct pk_outbox_loss {
    uint64_t count, bytes;
    uint64_t by_severity[PK_SEV_COUNT];
    uint64_t first_seq, last_seq; /* of the latest run of this boot or of stored ones */
};

struct pk_outbox_lane {
    uint64_t count, bytes; /* in the store, staged ones included */
    uint32_t slot_count;   /* of these in slots */
    bool has_from;         /* from_* is set: everything in the store before it is in slots, sent or gone */
    uint32_t from_boot;
    /* Of these, passed over by `from`: sent and not yet named by the hub, or put by; never more than there
     * are. Too few after a slot was given back: reading on from `from` finds nothing then, and puts it right.
     */
    uint32_t sent_count;
    bool has_put_by;
    uint64_t from_seq;
};

struct pk_outbox_counters {
    uint64_t appended_count, sent_count, acked_count, refused_count, superseded_count, fetched_count,
        skipped_count, released_count, no_subscriber_count, deleted_count, resent_count, put_by_count;
};

/* How fast the backlog gets shorter, as told by the answers of the broker. */
struct pk_outbox_pace {
    uint64_t since_ms, acked_count; /* beginning of the piece being measured */
    uint32_t per_s_milli;           /* entries; 0: not known (yet) */
};

/* A stored entry that is out of all counts: to be deleted, or its delete is not on the medium yet. Remembered
 * so that a fetch does not bring it back. */
enum pk_outbox_gone_state {
    PK_OUTBOX_GONE_FREE,
    PK_OUTBOX_GONE_WANTED,
    PK_OUTBOX_GONE_STAGED,
    PK_OUTBOX_GONE_SUBMITTED
};
struct pk_outbox_gone {
    uint64_t seq, store_seq;
    uint32_t boot;
    uint8_t lane, state;
};
enum { PK_OUTBOX_GONE = 32 };

struct pk_outbox {
    uint32_t boot;
    bool is_hub_acked; /* only the hub's word removes an entry */
    /* Sending again what the hub did not name. */
    uint8_t resend_tries;
    /* The hub's word that is being looked for: lane and sequence number it is at. PK_OUTBOX_LANES: none is.
     */
    uint8_t hear_lane;
    uint8_t evict_lane; /* dropping goes on there at evict_*, since `from` says what was sent */
    uint8_t put_by_tries;
    bool has_too_large;    /* something was put by for its size: a limit of that connection */
    uint64_t resend_at_ms; /* 0: nothing was sent that the hub has to name */
    uint64_t put_by_ms;    /* what was put by is taken up again then; 0: nothing was */
    uint64_t hear_seq;
    uint64_t evict_seq;
    struct pk_hub_ack hearing; /* its ranges are the caller's, until it was looked for */
    uint64_t next_seq, next_token;
    uint64_t cap_bytes;          /* may be lowered while the store is short of room */
    uint64_t critical_cap_bytes; /* for open critical incidents, as at the start; others use half of what it
                                    is more */
    bool is_online;
    uint32_t held_lanes; /* bits: nothing of them is sent for now */
    uint32_t evict_boot;
    /* What is searched with each report stands apart from what is only read when it was found. */
    struct pk_outbox_slot slots[PK_LIMIT_OUTBOX_SLOTS];
    uint32_t subjects[PK_LIMIT_INCIDENTS]; /* incident number, or of an approval request's id; 0 = free */
    struct pk_outbox_latest latest[PK_LIMIT_INCIDENTS]; /* of the subject in the same place */
    uint8_t values[PK_LIMIT_OUTBOX_SLOTS]
                  [PK_STORE_VALUE_BYTES]; /* of the slots: packed struct pk_out_record */
    struct pk_outbox_lane lanes[PK_OUTBOX_LANES];
    struct pk_outbox_loss losses[PK_OUTBOX_LOSS_COUNT];
    struct pk_outbox_counters counters;
    struct pk_outbox_pace pace;
    /* Entries that went to the store without a slot: until they are durable, a fetch that finds nothing
     * proves nothing. */
    bool has_staged_stored;
    uint64_t stored_seq, durable_seq;
    /* The fetch under way. */
    bool is_fetching, fetch_is_eviction, fetch_is_hearing, is_fetch_blocked;
    bool
        is_fetch_undone; /* hub_ack: what it read may be older than what was given back meanwhile: not used */
    bool is_fetch_stale; /* it may have been read before an entry was in the store: finding nothing proves
                            nothing */
    uint8_t fetch_lane;
    uint8_t fetch_buffer[PK_OUTBOX_FETCH_BYTES];
    struct pk_outbox_gone gone[PK_OUTBOX_GONE];
    uint8_t scratch[PK_STORE_VALUE_BYTES]; /* record being queued */
};

/* boot: epoch of this start. cap_bytes: of values in the store, all lanes; 1/8 of it more is taken for open
 * critical incidents; of that, half also for newer revisions of what waits and ends of what was sent. */
void pk_outbox_init(struct pk_outbox *ob, uint32_t boot, uint64_t cap_bytes);
/* At start: one journal record under 'O', in key order. The first ones fill slots, all are counted. PK_OK;
 * PK_E_NOT_FOUND: not an outbox key; PK_E_BAD_MSG (counted; it stays in the store until pk_outbox_flush
 * deletes it). */
PK_MUST_USE int pk_outbox_load(struct pk_outbox *ob, struct pk_str key, struct pk_str value);

/* Queues an entry: gives it the next sequence number (*out_seq; id "<boot>-<seq>"), puts its record and what
 * it supersedes into the batch. PK_OK; PK_E_FULL: no room in the batch, or for what it supersedes; nothing
 * happened, try with the next one. Over the byte cap (never an open critical one as long as the reserve
 * lasts, nor a newer revision of what waits or the end of what was sent as long as half of it does) an end
 * takes the older revision that waits with it, and the answer is PK_E_AGAIN for an incident that is open or
 * that the hub may have as open: the caller owes it, and brings it when there is room (pk_outbox_room);
 * PK_E_NO_SPACE for all else: dropped and counted. The body is at most PK_OUTBOX_BODY_BYTES (asserted:
 * pk_record_incident_pack bounds it). */
PK_MUST_USE int pk_outbox_append(struct pk_outbox *ob, struct pk_store_batch *batch,
                                 const struct pk_out_record *record, uint64_t *out_seq);
/* How many of the largest entries may be brought now of what is owed. */
uint32_t pk_outbox_room(const struct pk_outbox *ob);
/* What was owed of an incident of that severity will never be told: counted as dropped by the cap. */
void pk_outbox_lost(struct pk_outbox *ob, uint8_t severity);
/* Puts deletes of acknowledged, superseded and dropped entries into the batch. PK_OK or PK_E_FULL: the rest
 * with the next batch. */
PK_MUST_USE int pk_outbox_flush(struct pk_outbox *ob, struct pk_store_batch *batch);
/* How many deletes that would be. They may wait for the next batch, but each holds a place of few. */
uint32_t pk_outbox_flush_count(const struct pk_outbox *ob);
/* The batch that holds everything since the last call was taken by the store under this number. */
void pk_outbox_submitted(struct pk_outbox *ob, uint64_t store_seq);
void pk_outbox_durable(struct pk_outbox *ob, uint64_t durable_seq);

/* What is to be sent now. Slices point into the outbox: valid until the next call that is not const. */
struct pk_outbox_view {
    uint64_t token; /* for the client: never reused, top bit clear (others' tokens have it set) */
    uint32_t boot;
    uint64_t seq;
    struct pk_out_record record;
    bool is_backlog;  /* not live: says `replayed` on the wire */
    bool is_clearing; /* publish an empty retained message instead of the record */
    bool is_retained; /* the flag to publish with */
};
/* The most important entry that may be sent at `now`, again and again until pk_outbox_sent. False when there
 * is none (or offline). */
bool pk_outbox_peek(const struct pk_outbox *ob, uint64_t now_ms, struct pk_outbox_view *out);
/* A token the client asks to send again. PK_OK or PK_E_NOT_FOUND (then pk_mqtt_forget it). */
PK_MUST_USE int pk_outbox_find(const struct pk_outbox *ob, uint64_t token, struct pk_outbox_view *out);
/* The client took it. */
void pk_outbox_sent(struct pk_outbox *ob, uint64_t token);
/* No message can be made of it: dropped and counted. */
void pk_outbox_unsendable(struct pk_outbox *ob, uint64_t token);
/* The broker does not take it on this connection (larger than its Maximum Packet Size): its slot is free, and
 * it is tried again after a time and on the next connection, unless a newer one took its place. */
void pk_outbox_put_by(struct pk_outbox *ob, uint64_t token, uint64_t now_ms);
/* Answer of the broker: reason < 0x80 (16, no subscribers, too) removes it (with hub_ack: it is sent), else
 * it waits and is tried again. What is refused holds half of the slots at most, the rest of it is put by.
 * PK_OK, PK_E_NOT_FOUND: not a token of ours. */
int pk_outbox_answered(struct pk_outbox *ob, uint64_t token, uint8_t reason, uint64_t now_ms);
/* Whether the hub's word is awaited. At start before pk_outbox_load, and when the configuration changed: what
 * was sent and not named is sent again, and leaves by the other rule. */
void pk_outbox_hub(struct pk_outbox *ob, bool is_hub_acked);
/* The hub's word, checked and signed. Entries on their way remember it; what was sent and lies in the store
 * is looked for by the fetches of the next ticks, and removed. What was not sent since the start stays,
 * whatever is said of it. The text that ack->ranges points into must stay until pk_outbox_is_hearing says
 * false. */
void pk_outbox_heard(struct pk_outbox *ob, const struct pk_hub_ack *ack, uint64_t now_ms);
bool pk_outbox_is_hearing(const struct pk_outbox *ob);
/* The rest of it is not looked for: it is sent again, and the hub says it again. */
void pk_outbox_stop_hearing(struct pk_outbox *ob);
/* The broker lost its memory of us: what was sent and not named is sent again. */
void pk_outbox_resend(struct pk_outbox *ob);
/* The same for what the hub has not named for too long, and for what was put by: call every tick. */
void pk_outbox_remind(struct pk_outbox *ob, uint64_t now_ms);
/* Entries the broker has and the hub has not named (of entries not acknowledged: pk_outbox_depth), without
 * those of a lane in which something was put by: there nobody can tell the ones from the others. */
uint64_t pk_outbox_unheard_count(const struct pk_outbox *ob);
/* The link is usable or not. While it is not, nothing is peeked, and new entries are backlog. */
void pk_outbox_online(struct pk_outbox *ob, bool is_online);
/* Bits of lanes that wait in the store until they are let go: what is on its way, or was tried, goes on. */
void pk_outbox_hold(struct pk_outbox *ob, uint32_t lanes);
uint64_t pk_outbox_held_count(const struct pk_outbox *ob); /* entries that wait for that */
/* The client forgot its session (it was started anew): what was on its way is sent again. */
void pk_outbox_restart_inflight(struct pk_outbox *ob);
/* When the next entry that waits for a retry may be sent; UINT64_MAX when none. */
uint64_t pk_outbox_next_deadline_ms(const struct pk_outbox *ob);

/* True when something should be read back; *out is filled (its buffer is ours). Call store.fetch; when that
 * is busy call pk_outbox_fetch_cancelled. */
bool pk_outbox_fetch_wanted(struct pk_outbox *ob, struct pk_store_fetch *out);
void pk_outbox_fetch_cancelled(struct pk_outbox *ob);
/* Asked before an entry is dropped whose incident is open, or that the hub may have as open. PK_OK: the
 * caller owes its newest state, and that is in a batch before the next pk_outbox_flush. PK_E_FULL: it cannot
 * be put down yet, and the entry stays. PK_E_NOT_FOUND: nobody knows the incident any more, and the entry is
 * lost. */
struct pk_outbox_keeper {
    int (*owe)(void *arg, uint32_t incident);
    void *arg;
};
/* store.fetched answered: what it returned (anything but PK_E_AGAIN) and the bytes of the buffer that are
 * used. */
void pk_outbox_fetched(struct pk_outbox *ob, int result, uint32_t bytes,
                       const struct pk_outbox_keeper *keeper);

/* The next number of the outbound sequence for a message that is not kept (birth, will, summary): their
 * CloudEvents ids share the numbering of the entries, since an id is unique within its source. */
uint64_t pk_outbox_take_seq(struct pk_outbox *ob);
/* Entries not yet acknowledged, and their bytes. */
uint64_t pk_outbox_depth(const struct pk_outbox *ob);
uint64_t pk_outbox_bytes(const struct pk_outbox *ob);
/* Measures the drain: call every tick. */
void pk_outbox_pace(struct pk_outbox *ob, uint64_t now_ms);
/* How long until everything that waits is acknowledged, at the pace of the last seconds. False: nothing
 * waits, the link is down, or nothing was acknowledged for too long to tell. */
PK_MUST_USE bool pk_outbox_drain_ms(const struct pk_outbox *ob, uint64_t *out_ms);
#endif
