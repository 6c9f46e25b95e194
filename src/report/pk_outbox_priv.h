#ifndef PK_OUTBOX_PRIV_H
#define PK_OUTBOX_PRIV_H
/* What the parts of the outbox share: pk_outbox.c queues and sends, pk_outbox_drain.c reads back and drops,
 * pk_outbox_hub.c waits for the hub's word, pk_outbox_put_by.c for a broker that takes what it refused. */
#include "base/pk_hash.h"
#include "report/pk_outbox.h"

/* Lane of an entry: 0 is sent first and never dropped. The end of an incident that the hub may have as open
 * is with the open ones: dropped, it leaves it open there until it is told again. */
static inline uint8_t pk_outbox_lane_of(uint8_t severity, bool is_open_there) {
    return (uint8_t)(2u * ((unsigned)PK_SEV_CRITICAL - severity) + (is_open_there ? 0u : 1u));
}

/* What the hub has, or is to have, as open: whoever holds the incident can say later what has become of it.
 * Of what it never heard of nothing stays open there. */
static inline bool pk_outbox_is_owed(const struct pk_out_record *r, uint8_t lane) {
    return r->kind == PK_OUT_INCIDENT && (lane & 1u) == 0;
}

/* What a newer entry replaces an older one of: an incident by its number, an approval request by its id (top
 * bit set; numbers stay below it). 0: nothing. */
static inline uint32_t pk_outbox_subject_of(const struct pk_out_record *r) {
    return r->kind == PK_OUT_INCIDENT ? r->subject : 0x80000000u | pk_crc32c(0, r->id.p, r->id.n);
}

/* NULL when it is in no slot. */
struct pk_outbox_slot *pk_outbox_slot_by_id(struct pk_outbox *ob, uint32_t boot, uint64_t seq);
struct pk_outbox_slot *pk_outbox_slot_free(struct pk_outbox *ob);
/* Of one that waits or is on its way; NULL when there is none. */
struct pk_outbox_slot *pk_outbox_slot_by_token(struct pk_outbox *ob, uint64_t token);
/* Puts a stored entry into a free slot, in the state given. */
void pk_outbox_slot_fill(struct pk_outbox *ob, struct pk_outbox_slot *slot, uint8_t lane, uint32_t boot,
                         uint64_t seq, uint32_t subject, struct pk_str value, enum pk_outbox_state state);
/* Remembers the newest revision of an incident; an older one is not taken. */
void pk_outbox_latest_note(struct pk_outbox *ob, uint32_t subject, struct pk_outbox_latest entry);
const struct pk_outbox_latest *pk_outbox_latest_of(const struct pk_outbox *ob, uint32_t subject);
void pk_outbox_latest_forget(struct pk_outbox *ob, uint32_t boot, uint64_t seq);
/* The entry is no longer in the outbox (its record may still be in the store for a moment). */
void pk_outbox_uncount(struct pk_outbox *ob, uint8_t lane, uint32_t value_bytes);
/* An entry without a slot is about to leave the counts: also that of what was sent. */
void pk_outbox_forget_sent(struct pk_outbox *ob, uint8_t lane, uint32_t boot, uint64_t seq);
/* Its slot is free again, its record stays: it lies before `from` (hub_ack: the broker has it; put by). */
void pk_outbox_keep_sent(struct pk_outbox *ob, struct pk_outbox_slot *slot);
/* Its lane is read from the beginning again. */
void pk_outbox_read_again(struct pk_outbox_lane *l);
/* The same for the lanes in which something was put by, for the others, or for both. */
void pk_outbox_read_lanes_again(struct pk_outbox *ob, bool has_put_by, bool has_not);
/* After a refusal: no more than half of the slots are held by what is refused. */
void pk_outbox_make_way(struct pk_outbox *ob, uint64_t now_ms);
/* Another connection, perhaps with other limits and rights: what was refused is tried at once, and tells
 * whether what was put by is to be taken up; what was too large is taken up at once. */
void pk_outbox_connected(struct pk_outbox *ob);
/* A slot whose subject has a newer entry: sent (again) it could overwrite that one. True: it is gone. */
bool pk_outbox_drop_outdated(struct pk_outbox *ob, struct pk_outbox_slot *s);
/* The broker took what it had refused: it may take the rest, too. */
void pk_outbox_take_up_soon(struct pk_outbox *ob, uint64_t now_ms);
/* What was put by is read again. */
void pk_outbox_take_up(struct pk_outbox *ob);
/* Where the hub's word is to be looked for next. False: nowhere, all of it was. */
bool pk_outbox_hear_next(struct pk_outbox *ob, struct pk_store_fetch *out);
/* Nothing more of it in that lane. */
void pk_outbox_hear_on(struct pk_outbox *ob);
void pk_outbox_lose(struct pk_outbox *ob, enum pk_outbox_loss_reason reason, uint8_t lane, uint64_t seq,
                    uint32_t value_bytes);
/* Remembers a record that is to be deleted (WANTED) or whose delete is in the batch (STAGED). False: no room.
 */
bool pk_outbox_gone_add(struct pk_outbox *ob, uint8_t lane, uint32_t boot, uint64_t seq,
                        enum pk_outbox_gone_state state);
bool pk_outbox_gone_has(const struct pk_outbox *ob, uint32_t boot, uint64_t seq);
bool pk_outbox_gone_is_full(const struct pk_outbox *ob);
/* Slots and records whose delete is on the medium are free again, unless a fetch is under way. */
void pk_outbox_free_deleted(struct pk_outbox *ob);
/* -1, 0, 1 as a is older than, the same as or younger than b. */
static inline int pk_outbox_age_order(uint32_t boot_a, uint64_t seq_a, uint32_t boot_b, uint64_t seq_b) {
    if (boot_a != boot_b) {
        return boot_a < boot_b ? -1 : 1;
    }
    return seq_a == seq_b ? 0 : seq_a < seq_b ? -1 : 1;
}
/* Whether an entry stands before everything of its lane that is still to be read: without a slot, it was
 * sent. */
static inline bool pk_outbox_is_before(const struct pk_outbox_lane *l, uint32_t boot, uint64_t seq) {
    return l->has_from && pk_outbox_age_order(boot, seq, l->from_boot, l->from_seq) < 0;
}
/* What lies before `from` without a slot is known of, and not read again by itself. */
static inline bool pk_outbox_passes_over(const struct pk_outbox *ob, const struct pk_outbox_lane *l) {
    return ob->is_hub_acked || l->has_put_by;
}
/* In the store, in no slot, and neither known as sent nor put by. */
static inline bool pk_outbox_has_unsent(const struct pk_outbox_lane *l) {
    return l->count > (uint64_t)l->slot_count + l->sent_count;
}
/* A key as a bound of a fetch; its length. */
static inline uint8_t pk_outbox_bound(uint8_t out[PK_STORE_KEY_BYTES], uint8_t lane, uint32_t boot,
                                      uint64_t seq) {
    struct pk_record_key key;
    pk_record_key_outbox(&key, lane, boot, seq);
    for (uint32_t i = 0; i < key.n; i++) {
        out[i] = key.bytes[i];
    }
    return (uint8_t)key.n;
}
#endif
