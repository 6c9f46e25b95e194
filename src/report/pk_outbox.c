#include "report/pk_outbox.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_zero.h"
#include "report/pk_outbox_priv.h"

const char *pk_outbox_loss_word(enum pk_outbox_loss_reason reason) {
    switch (reason) {
    case PK_OUTBOX_LOSS_CAP:
        return "outbox_cap";
    case PK_OUTBOX_LOSS_TOO_BIG:
        return "outbox_too_big";
    case PK_OUTBOX_LOSS_DAMAGED:
        return "outbox_damaged";
    case PK_OUTBOX_LOSS_COUNT:
        break;
    }
    PK_ASSERT(false);
    return "";
}

void pk_outbox_init(struct pk_outbox *ob, uint32_t boot, uint64_t cap_bytes) {
    pk_zero(ob, sizeof *ob);
    ob->boot = boot;
    ob->cap_bytes = cap_bytes;
    ob->critical_cap_bytes = cap_bytes + cap_bytes / 8;
    ob->next_seq = 1;
    ob->next_token = 1;
    ob->hear_lane = PK_OUTBOX_LANES;
}

/* ---- slots, lanes, counts
 * ---------------------------------------------------------------------------------------------------------
 */

struct pk_outbox_slot *pk_outbox_slot_by_id(struct pk_outbox *ob, uint32_t boot, uint64_t seq) {
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        struct pk_outbox_slot *s = &ob->slots[i];
        if (s->state != PK_OUTBOX_FREE && s->boot == boot && s->seq == seq) {
            return s;
        }
    }
    return NULL;
}

struct pk_outbox_slot *pk_outbox_slot_free(struct pk_outbox *ob) {
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        if (ob->slots[i].state == PK_OUTBOX_FREE) {
            return &ob->slots[i];
        }
    }
    return NULL;
}

void pk_outbox_slot_fill(struct pk_outbox *ob, struct pk_outbox_slot *slot, uint8_t lane, uint32_t boot,
                         uint64_t seq, uint32_t subject, struct pk_str value, enum pk_outbox_state state) {
    PK_ASSERT(slot->state == PK_OUTBOX_FREE);
    PK_ASSERT(value.n <= PK_STORE_VALUE_BYTES);
    slot->state = (uint8_t)state;
    slot->lane = lane;
    slot->attempts = 0;
    slot->is_live = false;
    slot->is_clearing = false;
    slot->was_submitted = false;
    slot->is_heard = false;
    slot->value_bytes = (uint16_t)value.n;
    slot->boot = boot;
    slot->subject = subject;
    slot->seq = seq;
    slot->token = ob->next_token++;
    slot->store_seq = 0;
    slot->retry_at_ms = 0;
    memcpy(ob->values[slot - ob->slots], value.p, value.n);
    ob->lanes[lane].slot_count++;
}

void pk_outbox_uncount(struct pk_outbox *ob, uint8_t lane, uint32_t value_bytes) {
    struct pk_outbox_lane *l = &ob->lanes[lane];
    PK_ASSERT(l->count > 0);
    PK_ASSERT(l->bytes >= value_bytes);
    l->count--;
    l->bytes -= value_bytes;
}

void pk_outbox_lose(struct pk_outbox *ob, enum pk_outbox_loss_reason reason, uint8_t lane, uint64_t seq,
                    uint32_t value_bytes) {
    struct pk_outbox_loss *loss = &ob->losses[reason];
    if (loss->count == 0) {
        loss->first_seq = seq;
    }
    loss->last_seq = seq;
    loss->count++;
    loss->bytes += value_bytes;
    loss->by_severity[PK_SEV_CRITICAL - lane / 2]++;
}

/* The slot's entry is done with: it leaves the counts and waits to be deleted. */
static void finish_slot(struct pk_outbox *ob, struct pk_outbox_slot *slot) {
    PK_ASSERT(ob->lanes[slot->lane].slot_count > 0);
    ob->lanes[slot->lane].slot_count--;
    pk_outbox_uncount(ob, slot->lane, slot->value_bytes);
    pk_outbox_latest_forget(ob, slot->boot, slot->seq);
    slot->state = PK_OUTBOX_ACKED;
}

/* Back to the store only: somebody more important needs the slot. */
static void release_slot(struct pk_outbox *ob, struct pk_outbox_slot *slot) {
    struct pk_outbox_lane *l = &ob->lanes[slot->lane];
    l->slot_count--;
    if (l->has_from && pk_outbox_age_order(slot->boot, slot->seq, l->from_boot, l->from_seq) < 0) {
        l->from_boot = slot->boot;
        l->from_seq = slot->seq;
        l->sent_count = 0; /* how many of them lie behind it nobody knows */
    }
    const bool is_read_now = ob->is_fetching && ob->fetch_lane == slot->lane;
    ob->is_fetch_stale = ob->is_fetch_stale || is_read_now;
    ob->is_fetch_undone = ob->is_fetch_undone || (pk_outbox_passes_over(ob, l) && is_read_now);
    slot->state = PK_OUTBOX_FREE;
    ob->counters.released_count++;
}

static bool is_held(const struct pk_outbox *ob, uint8_t lane) {
    return (ob->held_lanes & 1u << lane) != 0;
}

void pk_outbox_hold(struct pk_outbox *ob, uint32_t lanes) {
    ob->held_lanes = lanes;
    /* Their places are for what may be sent. */
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        struct pk_outbox_slot *s = &ob->slots[i];
        if (s->state == PK_OUTBOX_WAITING && is_held(ob, s->lane) && s->attempts == 0 && !s->is_clearing) {
            release_slot(ob, s);
        }
    }
}

uint64_t pk_outbox_held_count(const struct pk_outbox *ob) {
    uint64_t count = 0;
    for (uint8_t i = 0; i < PK_OUTBOX_LANES; i++) {
        count += is_held(ob, i) ? ob->lanes[i].count - ob->lanes[i].sent_count : 0u;
    }
    return count;
}

uint64_t pk_outbox_take_seq(struct pk_outbox *ob) {
    return ob->next_seq++;
}

uint64_t pk_outbox_depth(const struct pk_outbox *ob) {
    uint64_t count = 0;
    for (unsigned i = 0; i < PK_OUTBOX_LANES; i++) {
        count += ob->lanes[i].count;
    }
    return count;
}

uint64_t pk_outbox_bytes(const struct pk_outbox *ob) {
    uint64_t bytes = 0;
    for (unsigned i = 0; i < PK_OUTBOX_LANES; i++) {
        bytes += ob->lanes[i].bytes;
    }
    return bytes;
}

/* ---- records on their way out
 * ------------------------------------------------------------------------------------------------------ */

bool pk_outbox_gone_add(struct pk_outbox *ob, uint8_t lane, uint32_t boot, uint64_t seq,
                        enum pk_outbox_gone_state state) {
    for (uint32_t i = 0; i < PK_OUTBOX_GONE; i++) {
        if (ob->gone[i].state == PK_OUTBOX_GONE_FREE) {
            ob->gone[i] =
                (struct pk_outbox_gone){.seq = seq, .boot = boot, .lane = lane, .state = (uint8_t)state};
            return true;
        }
    }
    return false;
}

bool pk_outbox_gone_has(const struct pk_outbox *ob, uint32_t boot, uint64_t seq) {
    for (uint32_t i = 0; i < PK_OUTBOX_GONE; i++) {
        if (ob->gone[i].state != PK_OUTBOX_GONE_FREE && ob->gone[i].boot == boot && ob->gone[i].seq == seq) {
            return true;
        }
    }
    return false;
}

bool pk_outbox_gone_is_full(const struct pk_outbox *ob) {
    for (uint32_t i = 0; i < PK_OUTBOX_GONE; i++) {
        if (ob->gone[i].state == PK_OUTBOX_GONE_FREE) {
            return false;
        }
    }
    return true;
}

/* ---- newest revision of each incident
 * ---------------------------------------------------------------------------------------------- */

const struct pk_outbox_latest *pk_outbox_latest_of(const struct pk_outbox *ob, uint32_t subject) {
    for (uint32_t i = 0; subject != 0 && i < PK_LIMIT_INCIDENTS; i++) {
        if (ob->subjects[i] == subject) {
            return &ob->latest[i];
        }
    }
    return NULL;
}

void pk_outbox_latest_forget(struct pk_outbox *ob, uint32_t boot, uint64_t seq) {
    for (uint32_t i = 0; i < PK_LIMIT_INCIDENTS; i++) {
        if (ob->subjects[i] != 0 && ob->latest[i].boot == boot && ob->latest[i].seq == seq) {
            ob->subjects[i] = 0;
        }
    }
}

void pk_outbox_latest_note(struct pk_outbox *ob, uint32_t subject, struct pk_outbox_latest entry) {
    uint32_t best = 0;
    for (uint32_t i = 0; i < PK_LIMIT_INCIDENTS; i++) {
        if (ob->subjects[i] == subject) {
            if (pk_outbox_age_order(entry.boot, entry.seq, ob->latest[i].boot, ob->latest[i].seq) < 0) {
                return;
            }
            best = i;
            break;
        }
        if (ob->subjects[i] == 0) {
            best = i;
        } else if (ob->subjects[best] != 0 && ob->latest[best].is_open && !ob->latest[i].is_open) {
            /* Full: open incidents stay, since they are still going to change. */
            best = i;
        }
    }
    ob->subjects[best] = subject;
    ob->latest[best] = entry;
}

/* ---- start
 * ------------------------------------------------------------------------------------------------------------------------
 */

/* Two entries of one subject were left by a crash: sent, and not yet deleted when the newer one was queued.
 * The older one goes, or it would come last and undo the newer. Of `subject`, (boot, seq) is the entry at
 * hand; true when that is the older one. */
static bool drop_older(struct pk_outbox *ob, uint32_t subject, uint8_t lane, uint32_t boot, uint64_t seq) {
    const struct pk_outbox_latest *found = pk_outbox_latest_of(ob, subject);
    if (found == NULL) {
        return false;
    }
    const struct pk_outbox_latest other = *found;
    if (pk_outbox_age_order(boot, seq, other.boot, other.seq) < 0) {
        return pk_outbox_gone_add(ob, lane, boot, seq, PK_OUTBOX_GONE_WANTED);
    }
    struct pk_outbox_slot *slot = pk_outbox_slot_by_id(ob, other.boot, other.seq);
    if (slot != NULL) {
        finish_slot(ob, slot);
    } else if (pk_outbox_gone_add(ob, other.lane, other.boot, other.seq, PK_OUTBOX_GONE_WANTED)) {
        pk_outbox_uncount(ob, other.lane, other.value_bytes);
    } else {
        return false; /* it is met again when its lane is read back */
    }
    ob->counters.superseded_count++;
    return false;
}

int pk_outbox_load(struct pk_outbox *ob, struct pk_str key, struct pk_str value) {
    struct pk_out_record record;
    uint8_t lane = 0;
    uint32_t boot = 0;
    uint64_t seq = 0;
    if (pk_record_key_outbox_parse(key, &lane, &boot, &seq) != PK_OK || lane >= PK_OUTBOX_LANES) {
        return PK_E_NOT_FOUND;
    }
    struct pk_outbox_lane *l = &ob->lanes[lane];
    const bool is_damaged = pk_record_outbox_unpack(value, &record) != PK_OK;
    if (is_damaged && pk_outbox_gone_add(ob, lane, boot, seq, PK_OUTBOX_GONE_WANTED)) {
        pk_outbox_lose(ob, PK_OUTBOX_LOSS_DAMAGED, lane, seq, value.n);
        return PK_E_BAD_MSG;
    }
    const uint32_t subject = is_damaged ? 0 : pk_outbox_subject_of(&record);
    if (subject != 0 && drop_older(ob, subject, lane, boot, seq)) {
        ob->counters.superseded_count++;
        return PK_OK;
    }
    l->count++;
    l->bytes += value.n;
    if (subject != 0) {
        /* Whether an open one was sent before the stop, nobody knows: taken for sent. */
        const struct pk_outbox_latest entry = {.seq = seq,
                                               .boot = boot,
                                               .value_bytes = (uint16_t)value.n,
                                               .lane = lane,
                                               .is_open = record.is_open,
                                               .is_known = (lane & 1u) == 0};
        pk_outbox_latest_note(ob, subject, entry);
    }
    /* A damaged one beyond what can be remembered stays counted and is met again when the lane is read back.
     */
    struct pk_outbox_slot *slot = is_damaged ? NULL : pk_outbox_slot_free(ob);
    if (slot != NULL) {
        pk_outbox_slot_fill(ob, slot, lane, boot, seq, subject, value, PK_OUTBOX_WAITING);
    } else if (!l->has_from) {
        l->has_from = true;
        l->from_boot = boot;
        l->from_seq = seq;
    }
    return is_damaged ? PK_E_BAD_MSG : PK_OK;
}

/* ---- queueing
 * ---------------------------------------------------------------------------------------------------------------------
 */

static struct pk_str slot_value(const struct pk_outbox *ob, const struct pk_outbox_slot *s) {
    return pk_str_make((const char *)ob->values[s - ob->slots], s->value_bytes);
}

static bool goes_before(bool is_live_a, uint8_t lane_a, uint32_t boot_a, uint64_t seq_a,
                        const struct pk_outbox_slot *b) {
    if (is_live_a != b->is_live) {
        return is_live_a;
    }
    if (lane_a != b->lane) {
        return lane_a < b->lane;
    }
    return pk_outbox_age_order(boot_a, seq_a, b->boot, b->seq) < 0;
}

/* A slot for a new entry: a free one, or that of the waiting entry that would be sent last when it comes
 * after the new one. */
static struct pk_outbox_slot *slot_for_new(struct pk_outbox *ob, bool is_live, uint8_t lane) {
    struct pk_outbox_slot *last = pk_outbox_slot_free(ob);
    if (last != NULL) {
        return last;
    }
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        struct pk_outbox_slot *s = &ob->slots[i];
        if (s->state != PK_OUTBOX_WAITING || s->attempts > 0 || s->is_clearing) {
            continue;
        }
        if (last == NULL || goes_before(last->is_live, last->lane, last->boot, last->seq, s)) {
            last = s;
        }
    }
    if (last == NULL || !goes_before(is_live, lane, ob->boot, ob->next_seq, last)) {
        return NULL;
    }
    release_slot(ob, last);
    return last;
}

/* The waiting entry that the new one makes needless, NULL when there is none or it is already on its way. */
static const struct pk_outbox_latest *superseded_by(struct pk_outbox *ob,
                                                    const struct pk_out_record *record) {
    const struct pk_outbox_latest *old = pk_outbox_latest_of(ob, pk_outbox_subject_of(record));
    if (old == NULL) {
        return NULL;
    }
    const struct pk_outbox_slot *slot = pk_outbox_slot_by_id(ob, old->boot, old->seq);
    if (slot == NULL) {
        return old;
    }
    const bool is_waiting = slot->state == PK_OUTBOX_STAGED || slot->state == PK_OUTBOX_SYNCING ||
                            slot->state == PK_OUTBOX_WAITING;
    return is_waiting ? old : NULL;
}

static int put_delete(struct pk_store_batch *batch, uint8_t lane, uint32_t boot, uint64_t seq) {
    struct pk_record_key key;
    pk_record_key_outbox(&key, lane, boot, seq);
    return pk_batch_delete(batch, PK_TREE_JOURNAL, pk_record_key_str(&key));
}

/* Whether the hub may have the incident as it was before what is queued: that was sent, or the cap dropped
 * it. Wrong in the second case, it costs the end of an incident a better lane. */
static bool is_known(const struct pk_out_record *record, const struct pk_outbox_latest *old) {
    return record->kind == PK_OUT_INCIDENT && record->rev > 1 && (old == NULL || old->is_known);
}

/* Half of the reserve is for open critical incidents alone. The other half is also for revisions of what
 * waits or is on its way, and for the end of what the hub may have as open: without it the older one is the
 * last word. Where the older one waits, that is more by what the revision grew, else by an entry; below the
 * cap again by dropping in DROP_ORDER. */
static bool is_over_cap(const struct pk_outbox *ob, const struct pk_out_record *record, uint8_t lane,
                        uint32_t value_bytes, const struct pk_outbox_latest *old) {
    enum { HALF_RESERVE_PART = 18 }; /* a sixteenth of the cap, seen from nine eighths of it */
    const uint64_t after = pk_outbox_bytes(ob) - (old != NULL ? old->value_bytes : 0u) + value_bytes;
    if (after <= ob->cap_bytes) {
        return false;
    }
    if (lane == 0 && record->is_open) {
        return after > ob->critical_cap_bytes;
    }
    if (old != NULL && value_bytes <= old->value_bytes) {
        return false;
    }
    const bool is_revision = pk_outbox_latest_of(ob, pk_outbox_subject_of(record)) != NULL;
    const bool is_known_end = (lane & 1u) == 0 && !record->is_open;
    return after > (is_revision || is_known_end
                        ? ob->critical_cap_bytes - ob->critical_cap_bytes / HALF_RESERVE_PART
                        : ob->cap_bytes);
}

/* The old revision leaves the outbox; its delete is in the batch. */
static void supersede(struct pk_outbox *ob, const struct pk_outbox_latest *old) {
    struct pk_outbox_slot *slot = pk_outbox_slot_by_id(ob, old->boot, old->seq);
    ob->counters.superseded_count++;
    ob->counters.deleted_count++;
    if (slot == NULL) {
        const bool is_kept = pk_outbox_gone_add(ob, old->lane, old->boot, old->seq, PK_OUTBOX_GONE_STAGED);
        PK_ASSERT(is_kept);
        pk_outbox_forget_sent(ob, old->lane, old->boot, old->seq);
        pk_outbox_uncount(ob, old->lane, old->value_bytes);
        return;
    }
    finish_slot(ob, slot);
    slot->state = PK_OUTBOX_DELETING;
    slot->was_submitted = false;
}

/* Over the cap. An end takes the older revision that waits with it: alone, that one would say that the
 * incident is open. */
static int refuse(struct pk_outbox *ob, struct pk_store_batch *batch, const struct pk_out_record *record,
                  uint8_t lane, uint32_t value_bytes, const struct pk_outbox_latest *found) {
    if (found != NULL && !record->is_open) {
        const struct pk_outbox_latest old = *found;
        const int err = put_delete(batch, old.lane, old.boot, old.seq);
        if (err != PK_OK) {
            return err;
        }
        supersede(ob, &old);
        pk_outbox_latest_forget(ob, old.boot, old.seq);
    }
    if (pk_outbox_is_owed(record, lane)) {
        return PK_E_AGAIN;
    }
    pk_outbox_lose(ob, PK_OUTBOX_LOSS_CAP, lane, ob->next_seq, value_bytes);
    return PK_E_NO_SPACE;
}

uint32_t pk_outbox_room(const struct pk_outbox *ob) {
    const uint64_t full = ob->cap_bytes / 100u * PK_OUTBOX_REFILL_PCT, held = pk_outbox_bytes(ob);
    return held < full ? (uint32_t)((full - held) / PK_STORE_VALUE_BYTES) : 0u;
}

void pk_outbox_lost(struct pk_outbox *ob, uint8_t severity) {
    pk_outbox_lose(ob, PK_OUTBOX_LOSS_CAP, pk_outbox_lane_of(severity, true), ob->next_seq, 0);
}

int pk_outbox_append(struct pk_outbox *ob, struct pk_store_batch *batch, const struct pk_out_record *record,
                     uint64_t *out_seq) {
    uint8_t *value = ob->scratch;
    struct pk_record_key key;
    const struct pk_store_batch before = *batch;
    PK_ASSERT(record->kind < PK_OUT_KIND_COUNT && record->severity < PK_SEV_COUNT);
    PK_ASSERT(record->body.n <= PK_OUTBOX_BODY_BYTES);
    const uint32_t n = pk_record_outbox_pack(record, value, sizeof ob->scratch);
    PK_ASSERT(n > 0);
    const uint32_t subject = pk_outbox_subject_of(record);
    const struct pk_outbox_latest *found = superseded_by(ob, record);
    if (found != NULL && pk_outbox_slot_by_id(ob, found->boot, found->seq) == NULL &&
        pk_outbox_gone_is_full(ob)) {
        return PK_E_FULL; /* the older one must be remembered as deleted; that has room after the next commit
                           */
    }
    const bool is_known_there = is_known(record, found);
    const uint8_t lane = pk_outbox_lane_of(record->severity, record->is_open || is_known_there);
    if (is_over_cap(ob, record, lane, n, found)) {
        return refuse(ob, batch, record, lane, n, found);
    }
    pk_record_key_outbox(&key, lane, ob->boot, ob->next_seq);
    int err =
        pk_batch_put(batch, PK_TREE_JOURNAL, pk_record_key_str(&key), pk_str_make((const char *)value, n));
    if (err == PK_OK && found != NULL) {
        err = put_delete(batch, found->lane, found->boot, found->seq);
    }
    if (err != PK_OK) {
        *batch = before;
        return err;
    }
    if (found != NULL) {
        const struct pk_outbox_latest old = *found;
        supersede(ob, &old);
    }
    ob->lanes[lane].count++;
    ob->lanes[lane].bytes += n;
    const bool is_live = ob->is_online && !record->is_late;
    struct pk_outbox_slot *slot = is_held(ob, lane) ? NULL : slot_for_new(ob, is_live, lane);
    if (slot != NULL) {
        pk_outbox_slot_fill(ob, slot, lane, ob->boot, ob->next_seq, subject,
                            pk_str_make((const char *)value, n), PK_OUTBOX_STAGED);
        slot->is_live = is_live;
    } else {
        ob->has_staged_stored = true;
        ob->is_fetch_stale = true;
    }
    if (subject != 0) {
        const struct pk_outbox_latest entry = {.seq = ob->next_seq,
                                               .boot = ob->boot,
                                               .value_bytes = (uint16_t)n,
                                               .lane = lane,
                                               .is_open = record->is_open,
                                               .is_known = is_known_there};
        pk_outbox_latest_note(ob, subject, entry);
    }
    ob->counters.appended_count++;
    *out_seq = ob->next_seq++;
    return PK_OK;
}

int pk_outbox_flush(struct pk_outbox *ob, struct pk_store_batch *batch) {
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        struct pk_outbox_slot *s = &ob->slots[i];
        if (s->state != PK_OUTBOX_ACKED) {
            continue;
        }
        const int err = put_delete(batch, s->lane, s->boot, s->seq);
        if (err != PK_OK) {
            return err;
        }
        s->state = PK_OUTBOX_DELETING;
        s->was_submitted = false;
        ob->counters.deleted_count++;
    }
    for (uint32_t i = 0; i < PK_OUTBOX_GONE; i++) {
        struct pk_outbox_gone *gone = &ob->gone[i];
        if (gone->state != PK_OUTBOX_GONE_WANTED) {
            continue;
        }
        const int err = put_delete(batch, gone->lane, gone->boot, gone->seq);
        if (err != PK_OK) {
            return err;
        }
        gone->state = PK_OUTBOX_GONE_STAGED;
        ob->counters.deleted_count++;
    }
    return PK_OK;
}

uint32_t pk_outbox_flush_count(const struct pk_outbox *ob) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        count += ob->slots[i].state == PK_OUTBOX_ACKED ? 1u : 0u;
    }
    for (uint32_t i = 0; i < PK_OUTBOX_GONE; i++) {
        count += ob->gone[i].state == PK_OUTBOX_GONE_WANTED ? 1u : 0u;
    }
    return count;
}

void pk_outbox_submitted(struct pk_outbox *ob, uint64_t store_seq) {
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        struct pk_outbox_slot *s = &ob->slots[i];
        if (s->state == PK_OUTBOX_STAGED) {
            s->state = PK_OUTBOX_SYNCING;
            s->store_seq = store_seq;
        } else if (s->state == PK_OUTBOX_DELETING && !s->was_submitted) {
            s->was_submitted = true;
            s->store_seq = store_seq;
        }
    }
    for (uint32_t i = 0; i < PK_OUTBOX_GONE; i++) {
        if (ob->gone[i].state == PK_OUTBOX_GONE_STAGED) {
            ob->gone[i].state = PK_OUTBOX_GONE_SUBMITTED;
            ob->gone[i].store_seq = store_seq;
        }
    }
    if (ob->has_staged_stored) {
        ob->has_staged_stored = false;
        ob->stored_seq = store_seq;
    }
}

void pk_outbox_free_deleted(struct pk_outbox *ob) {
    /* A fetch that is under way may have read a record before it was deleted: it is remembered until then. */
    if (ob->is_fetching) {
        return;
    }
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        struct pk_outbox_slot *s = &ob->slots[i];
        if (s->state == PK_OUTBOX_DELETING && s->was_submitted && s->store_seq <= ob->durable_seq) {
            s->state = PK_OUTBOX_FREE;
        }
    }
    for (uint32_t i = 0; i < PK_OUTBOX_GONE; i++) {
        struct pk_outbox_gone *gone = &ob->gone[i];
        if (gone->state == PK_OUTBOX_GONE_SUBMITTED && gone->store_seq <= ob->durable_seq) {
            gone->state = PK_OUTBOX_GONE_FREE;
        }
    }
}

void pk_outbox_durable(struct pk_outbox *ob, uint64_t durable_seq) {
    if (durable_seq > ob->durable_seq) {
        ob->durable_seq = durable_seq;
        ob->is_fetch_blocked = false;
    }
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        struct pk_outbox_slot *s = &ob->slots[i];
        if (s->state == PK_OUTBOX_SYNCING && s->store_seq <= ob->durable_seq) {
            s->state = PK_OUTBOX_WAITING;
        }
    }
    pk_outbox_free_deleted(ob);
}

/* ---- sending
 * ----------------------------------------------------------------------------------------------------------------------
 */

struct pk_outbox_slot *pk_outbox_slot_by_token(struct pk_outbox *ob, uint64_t token) {
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        struct pk_outbox_slot *s = &ob->slots[i];
        if ((s->state == PK_OUTBOX_WAITING || s->state == PK_OUTBOX_INFLIGHT) && s->token == token) {
            return s;
        }
    }
    return NULL;
}

static void view_slot(const struct pk_outbox *ob, const struct pk_outbox_slot *s,
                      struct pk_outbox_view *out) {
    out->token = s->token;
    out->boot = s->boot;
    out->seq = s->seq;
    /* It was packed by us or checked when it was read. */
    const int err = pk_record_outbox_unpack(slot_value(ob, s), &out->record);
    PK_ASSERT(err == PK_OK);
    out->is_backlog = !s->is_live;
    out->is_clearing = s->is_clearing;
    out->is_retained = s->is_clearing || out->record.is_open;
}

bool pk_outbox_peek(const struct pk_outbox *ob, uint64_t now_ms, struct pk_outbox_view *out) {
    const struct pk_outbox_slot *best = NULL;
    for (uint32_t i = 0; ob->is_online && i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        const struct pk_outbox_slot *s = &ob->slots[i];
        if (s->state != PK_OUTBOX_WAITING || s->retry_at_ms > now_ms) {
            continue;
        }
        if (best == NULL || goes_before(s->is_live, s->lane, s->boot, s->seq, best)) {
            best = s;
        }
    }
    if (best == NULL) {
        return false;
    }
    view_slot(ob, best, out);
    return true;
}

int pk_outbox_find(const struct pk_outbox *ob, uint64_t token, struct pk_outbox_view *out) {
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        const struct pk_outbox_slot *s = &ob->slots[i];
        if (s->state == PK_OUTBOX_INFLIGHT && s->token == token) {
            view_slot(ob, s, out);
            return PK_OK;
        }
    }
    return PK_E_NOT_FOUND;
}

void pk_outbox_sent(struct pk_outbox *ob, uint64_t token) {
    struct pk_outbox_slot *s = pk_outbox_slot_by_token(ob, token);
    PK_ASSERT(s != NULL);
    s->state = PK_OUTBOX_INFLIGHT;
    const struct pk_outbox_latest *latest = pk_outbox_latest_of(ob, s->subject);
    if (latest != NULL) {
        ob->latest[latest - ob->latest].is_known = true; /* also when the link is cut before the answer */
    }
    ob->counters.sent_count++;
}

void pk_outbox_unsendable(struct pk_outbox *ob, uint64_t token) {
    struct pk_outbox_slot *s = pk_outbox_slot_by_token(ob, token);
    PK_ASSERT(s != NULL);
    pk_outbox_lose(ob, PK_OUTBOX_LOSS_TOO_BIG, s->lane, s->seq, s->value_bytes);
    finish_slot(ob, s);
}

/* A slot whose subject has a newer entry queued: sent (again) it could overwrite that one, or empty the
 * topic that one fills again. */
static bool is_outdated(const struct pk_outbox *ob, const struct pk_outbox_slot *s) {
    const struct pk_outbox_latest *latest = pk_outbox_latest_of(ob, s->subject);
    return latest != NULL && pk_outbox_age_order(s->boot, s->seq, latest->boot, latest->seq) < 0;
}

bool pk_outbox_drop_outdated(struct pk_outbox *ob, struct pk_outbox_slot *s) {
    if (!is_outdated(ob, s)) {
        return false;
    }
    ob->counters.superseded_count++;
    finish_slot(ob, s);
    return true;
}

static void refuse_slot(struct pk_outbox *ob, struct pk_outbox_slot *s, uint64_t now_ms) {
    enum { DOUBLINGS_MAX = 9 };
    ob->counters.refused_count++;
    if (pk_outbox_drop_outdated(ob, s)) {
        return;
    }
    const uint64_t wait_ms = (uint64_t)PK_OUTBOX_RETRY_MIN_MS
                             << (s->attempts < DOUBLINGS_MAX ? s->attempts : DOUBLINGS_MAX);
    s->attempts = s->attempts < UINT8_MAX ? (uint8_t)(s->attempts + 1) : s->attempts;
    s->retry_at_ms = now_ms + (wait_ms < PK_OUTBOX_RETRY_MAX_MS ? wait_ms : PK_OUTBOX_RETRY_MAX_MS);
    s->state = PK_OUTBOX_WAITING;
    pk_outbox_make_way(ob, now_ms);
}

int pk_outbox_answered(struct pk_outbox *ob, uint64_t token, uint8_t reason, uint64_t now_ms) {
    enum { NO_SUBSCRIBERS = 16, FAILURE = 0x80 };
    struct pk_outbox_slot *s = pk_outbox_slot_by_token(ob, token);
    if (s == NULL || s->state != PK_OUTBOX_INFLIGHT) {
        return PK_E_NOT_FOUND;
    }
    if (reason >= FAILURE) {
        refuse_slot(ob, s, now_ms);
        return PK_OK;
    }
    ob->counters.no_subscriber_count += reason == NO_SUBSCRIBERS ? 1u : 0u;
    if (s->attempts > 0) {
        pk_outbox_take_up_soon(ob, now_ms);
    }
    struct pk_outbox_view view;
    view_slot(ob, s, &view);
    if (view.record.then_clear && !s->is_clearing && !is_outdated(ob, s)) {
        /* The last word is out; now the retained message of before it is emptied. */
        s->is_clearing = true;
        s->attempts = 0;
        s->retry_at_ms = 0;
        s->token = ob->next_token++;
        s->state = PK_OUTBOX_WAITING;
        return PK_OK;
    }
    if (ob->is_hub_acked && !s->is_heard && !is_outdated(ob, s)) {
        pk_outbox_keep_sent(ob, s);
        return PK_OK;
    }
    ob->counters.acked_count++;
    finish_slot(ob, s);
    return PK_OK;
}

void pk_outbox_online(struct pk_outbox *ob, bool is_online) {
    if (is_online && !ob->is_online) {
        pk_outbox_connected(ob);
    }
    ob->is_online = is_online;
    for (uint32_t i = 0; !is_online && i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        if (ob->slots[i].is_live) { /* a slot that was never used takes no memory, and stays so */
            ob->slots[i].is_live = false;
        }
    }
}

void pk_outbox_restart_inflight(struct pk_outbox *ob) {
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        struct pk_outbox_slot *s = &ob->slots[i];
        if (s->state != PK_OUTBOX_INFLIGHT) {
            continue;
        }
        s->state = PK_OUTBOX_WAITING;
        (void)pk_outbox_drop_outdated(ob, s);
    }
}

uint64_t pk_outbox_next_deadline_ms(const struct pk_outbox *ob) {
    uint64_t next_ms = ob->is_online && ob->resend_at_ms > 0 ? ob->resend_at_ms : UINT64_MAX;
    next_ms = ob->is_online && ob->put_by_ms > 0 && ob->put_by_ms < next_ms ? ob->put_by_ms : next_ms;
    for (uint32_t i = 0; ob->is_online && i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        const struct pk_outbox_slot *s = &ob->slots[i];
        if (s->state == PK_OUTBOX_WAITING && s->retry_at_ms > 0 && s->retry_at_ms < next_ms) {
            next_ms = s->retry_at_ms;
        }
    }
    return next_ms;
}
