#include "report/pk_outbox_priv.h"

#include "base/pk_assert.h"

/* Least important first (DESIGN 11: resolved detail, then low; open critical incidents, lane 0, never). Ends
 * of what the hub may have as open are in the lanes of the open ones. */
static const uint8_t DROP_ORDER[] = {9, 7, 5, 3, 8, 6, 4, 1, 2};
_Static_assert(sizeof DROP_ORDER == PK_OUTBOX_LANES - 1, "every lane but the open critical one");

static bool has_backlog(const struct pk_outbox_lane *l) {
    return l->count > l->slot_count;
}

static bool is_cap_near(const struct pk_outbox *ob) {
    return pk_outbox_bytes(ob) > ob->cap_bytes / 100u * PK_OUTBOX_EVICT_PCT;
}

/* Lane to drop from, PK_OUTBOX_LANES when there is none. */
static uint8_t eviction_lane(const struct pk_outbox *ob) {
    if (!is_cap_near(ob) || pk_outbox_gone_is_full(ob)) {
        return PK_OUTBOX_LANES;
    }
    for (unsigned i = 0; i < PK_COUNT_OF(DROP_ORDER); i++) {
        if (has_backlog(&ob->lanes[DROP_ORDER[i]])) {
            return DROP_ORDER[i];
        }
    }
    return PK_OUTBOX_LANES;
}

static uint32_t free_slots(const struct pk_outbox *ob) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        count += ob->slots[i].state == PK_OUTBOX_FREE ? 1u : 0u;
    }
    return count;
}

/* Lane to read back from, PK_OUTBOX_LANES when there is none. */
static uint8_t drain_lane(const struct pk_outbox *ob) {
    uint8_t lane = 0;
    while (lane < PK_OUTBOX_LANES &&
           ((ob->held_lanes & 1u << lane) != 0 || !pk_outbox_has_unsent(&ob->lanes[lane]))) {
        lane++;
    }
    /* A quarter at a time: one read for several entries, and room left for what happens meanwhile. Asked
     * last: it looks at every slot, and mostly there is nothing to drain. */
    const bool is_wanted =
        lane < PK_OUTBOX_LANES && ob->is_online && free_slots(ob) >= PK_LIMIT_OUTBOX_SLOTS / 4u;
    return is_wanted ? lane : (uint8_t)PK_OUTBOX_LANES;
}

static void read_lane(const struct pk_outbox *ob, uint8_t lane, struct pk_store_fetch *out) {
    const struct pk_outbox_lane *l = &ob->lanes[lane];
    uint32_t boot = l->has_from ? l->from_boot : 0;
    uint64_t seq = l->has_from ? l->from_seq : 0;
    if (ob->fetch_is_eviction && pk_outbox_passes_over(ob, l)) {
        boot = ob->evict_lane == lane ? ob->evict_boot : 0;
        seq = ob->evict_lane == lane ? ob->evict_seq : 0;
    }
    out->from_bytes = pk_outbox_bound(out->from, lane, boot, seq);
    out->to_bytes = pk_outbox_bound(out->to, (uint8_t)(lane + 1u), 0, 0);
}

bool pk_outbox_fetch_wanted(struct pk_outbox *ob, struct pk_store_fetch *out) {
    if (ob->is_fetching || ob->is_fetch_blocked) {
        return false;
    }
    *out = (struct pk_store_fetch){
        .tree = PK_TREE_JOURNAL, .out = ob->fetch_buffer, .out_cap_bytes = sizeof ob->fetch_buffer};
    uint8_t lane = eviction_lane(ob);
    ob->fetch_is_eviction = lane < PK_OUTBOX_LANES;
    ob->fetch_is_hearing = !ob->fetch_is_eviction && pk_outbox_hear_next(ob, out);
    if (ob->fetch_is_hearing) {
        lane = ob->hear_lane;
    } else if (!ob->fetch_is_eviction) {
        lane = drain_lane(ob);
    }
    if (lane == PK_OUTBOX_LANES) {
        return false;
    }
    if (!ob->fetch_is_hearing) {
        read_lane(ob, lane, out);
    }
    out->max_records =
        ob->fetch_is_eviction || ob->fetch_is_hearing ? (uint32_t)PK_OUTBOX_GONE : free_slots(ob);
    ob->is_fetching = true;
    ob->is_fetch_undone = false;
    ob->is_fetch_stale = ob->has_staged_stored || ob->stored_seq > ob->durable_seq;
    ob->fetch_lane = lane;
    return true;
}

void pk_outbox_fetch_cancelled(struct pk_outbox *ob) {
    ob->is_fetching = false;
    pk_outbox_free_deleted(ob);
}

/* The next fetch of this kind begins there. */
static void go_on_from(struct pk_outbox *ob, uint8_t lane, uint32_t boot, uint64_t seq) {
    struct pk_outbox_lane *l = &ob->lanes[lane];
    if (ob->fetch_is_hearing) {
        ob->hear_seq = seq;
        return;
    }
    if (ob->fetch_is_eviction && pk_outbox_passes_over(ob, l)) {
        ob->evict_lane = lane;
        ob->evict_boot = boot;
        ob->evict_seq = seq;
        return;
    }
    if (pk_outbox_passes_over(ob, l) && pk_outbox_is_before(l, boot, seq)) {
        return; /* what was sent or put by meanwhile lies behind it */
    }
    l->has_from = true;
    l->from_boot = boot;
    l->from_seq = seq;
}

/* Takes a stored entry out of the outbox. False: no room to remember it. */
static bool remove_stored(struct pk_outbox *ob, uint8_t lane, uint32_t boot, uint64_t seq,
                          uint32_t value_bytes) {
    if (!pk_outbox_gone_add(ob, lane, boot, seq, PK_OUTBOX_GONE_WANTED)) {
        return false;
    }
    pk_outbox_forget_sent(ob, lane, boot, seq);
    pk_outbox_uncount(ob, lane, value_bytes);
    pk_outbox_latest_forget(ob, boot, seq);
    return true;
}

static bool lose_stored(struct pk_outbox *ob, uint8_t lane, uint32_t boot, uint64_t seq, uint32_t value_bytes,
                        enum pk_outbox_loss_reason reason) {
    if (!remove_stored(ob, lane, boot, seq, value_bytes)) {
        return false;
    }
    pk_outbox_lose(ob, reason, lane, seq, value_bytes);
    return true;
}

/* Whether it may be dropped: PK_OK when somebody owes it then, PK_E_NOT_FOUND when it is lost, PK_E_FULL not
 * now. */
static int ask(struct pk_outbox *ob, uint8_t lane, const struct pk_out_record *record,
               const struct pk_outbox_keeper *keeper) {
    if (!is_cap_near(ob) || pk_outbox_gone_is_full(ob)) {
        return PK_E_FULL;
    }
    return pk_outbox_is_owed(record, lane) ? keeper->owe(keeper->arg, record->subject) : PK_E_NOT_FOUND;
}

/* One that the hub may have named. */
static bool hear_record(struct pk_outbox *ob, uint8_t lane, uint32_t boot, uint64_t seq,
                        uint32_t value_bytes) {
    if (!pk_hub_ack_names(&ob->hearing, seq)) {
        return true;
    }
    if (!remove_stored(ob, lane, boot, seq, value_bytes)) {
        return false;
    }
    ob->counters.acked_count++;
    return true;
}

/* One record that was read. False: no room for it, the lane goes on with it next time. */
static bool take_record(struct pk_outbox *ob, uint8_t lane, uint32_t boot, uint64_t seq, struct pk_str value,
                        const struct pk_outbox_keeper *keeper) {
    struct pk_out_record record;
    const struct pk_outbox_lane *l = &ob->lanes[lane];
    if (pk_outbox_slot_by_id(ob, boot, seq) != NULL || pk_outbox_gone_has(ob, boot, seq) || !has_backlog(l) ||
        l->bytes < value.n) {
        ob->counters.skipped_count++;
        return true;
    }
    if (ob->fetch_is_hearing) {
        return hear_record(ob, lane, boot, seq, value.n);
    }
    /* Sent or put by while this was read. */
    const bool is_passed = pk_outbox_passes_over(ob, l) && pk_outbox_is_before(l, boot, seq);
    if (!ob->fetch_is_eviction && (is_passed || !pk_outbox_has_unsent(l))) {
        ob->counters.skipped_count++;
        return true;
    }
    if (pk_record_outbox_unpack(value, &record) != PK_OK) {
        return lose_stored(ob, lane, boot, seq, value.n, PK_OUTBOX_LOSS_DAMAGED);
    }
    const uint32_t subject = pk_outbox_subject_of(&record);
    const struct pk_outbox_latest *latest = pk_outbox_latest_of(ob, subject);
    if (latest != NULL && pk_outbox_age_order(boot, seq, latest->boot, latest->seq) < 0) {
        /* Left from before a restart: a newer revision of the incident is queued. */
        ob->counters.superseded_count++;
        return remove_stored(ob, lane, boot, seq, value.n);
    }
    if (ob->fetch_is_eviction) {
        const int owed = ask(ob, lane, &record, keeper);
        return owed == PK_OK
                   ? remove_stored(ob, lane, boot, seq, value.n)
                   : owed != PK_E_FULL && lose_stored(ob, lane, boot, seq, value.n, PK_OUTBOX_LOSS_CAP);
    }
    struct pk_outbox_slot *slot = pk_outbox_slot_free(ob);
    if (slot == NULL) {
        return false;
    }
    pk_outbox_slot_fill(ob, slot, lane, boot, seq, subject, value, PK_OUTBOX_WAITING);
    ob->counters.fetched_count++;
    return true;
}

/* The lane counts more than the store holds (records that failed their check are passed over there): put
 * right, and said. */
static void recount(struct pk_outbox *ob, uint8_t lane) {
    struct pk_outbox_lane *l = &ob->lanes[lane];
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        const struct pk_outbox_slot *s = &ob->slots[i];
        if (s->lane == lane && s->state >= PK_OUTBOX_STAGED && s->state <= PK_OUTBOX_INFLIGHT) {
            bytes += s->value_bytes;
        }
    }
    while (l->count > l->slot_count) {
        l->count--;
        pk_outbox_lose(ob, PK_OUTBOX_LOSS_DAMAGED, lane, 0, 0);
    }
    l->bytes = bytes;
    pk_outbox_read_again(l);
}

/* The same, but what lies before where the fetch began is not gone. */
static void nothing_found_further(struct pk_outbox *ob, uint8_t lane) {
    struct pk_outbox_lane *l = &ob->lanes[lane];
    const bool is_from_start = ob->fetch_is_eviction
                                   ? ob->evict_lane != lane || (ob->evict_boot == 0 && ob->evict_seq == 0)
                                   : !l->has_from;
    if (is_from_start) {
        recount(ob, lane);
    } else if (ob->fetch_is_eviction) {
        ob->evict_boot = 0;
        ob->evict_seq = 0;
    } else {
        l->sent_count = (uint32_t)(l->count - l->slot_count); /* all that is left was sent or put by */
    }
}

static void nothing_found(struct pk_outbox *ob, uint8_t lane) {
    struct pk_outbox_lane *l = &ob->lanes[lane];
    if (ob->fetch_is_hearing) {
        pk_outbox_hear_on(ob);
    } else if (ob->has_staged_stored || ob->stored_seq > ob->durable_seq) {
        ob->is_fetch_blocked = true;
    } else if (pk_outbox_passes_over(ob, l)) {
        if (!ob->is_fetch_stale) { /* else once more */
            nothing_found_further(ob, lane);
        }
    } else if (l->has_from || ob->is_fetch_stale) {
        pk_outbox_read_again(l); /* once more, from the beginning */
    } else {
        recount(ob, lane);
    }
}

static void take_all(struct pk_outbox *ob, uint32_t bytes, const struct pk_outbox_keeper *keeper) {
    uint32_t at = 0;
    struct pk_str key, value;
    while (pk_fetch_next(ob->fetch_buffer, bytes, &at, &key, &value) == PK_OK) {
        uint8_t lane = 0;
        uint32_t boot = 0;
        uint64_t seq = 0;
        if (pk_record_key_outbox_parse(key, &lane, &boot, &seq) != PK_OK || lane != ob->fetch_lane) {
            return;
        }
        if (!take_record(ob, lane, boot, seq, value, keeper)) {
            go_on_from(ob, lane, boot, seq);
            return;
        }
        go_on_from(ob, lane, boot, seq + 1);
    }
}

void pk_outbox_fetched(struct pk_outbox *ob, int result, uint32_t bytes,
                       const struct pk_outbox_keeper *keeper) {
    PK_ASSERT(ob->is_fetching);
    PK_ASSERT(bytes <= sizeof ob->fetch_buffer);
    if (result < 0) {
        /* The next commit shows whether the store works again. */
        ob->is_fetch_blocked = true;
        pk_outbox_stop_hearing(ob);
    } else if (ob->is_fetch_undone) {
        /* A slot was given back, or all is to be sent again: `from` is where that begins. */
    } else if (result == 0 || bytes == 0) {
        nothing_found(ob, ob->fetch_lane);
    } else {
        take_all(ob, bytes, keeper);
    }
    ob->is_fetching = false;
    pk_outbox_free_deleted(ob);
}

void pk_outbox_pace(struct pk_outbox *ob, uint64_t now_ms) {
    enum { PIECE_MS = 2000 };
    struct pk_outbox_pace *p = &ob->pace;
    if (!ob->is_online || pk_outbox_depth(ob) == 0) {
        *p = (struct pk_outbox_pace){.since_ms = now_ms, .acked_count = ob->counters.acked_count};
        return;
    }
    const uint64_t past_ms = now_ms > p->since_ms ? now_ms - p->since_ms : 0u;
    if (past_ms < PIECE_MS) {
        return;
    }
    const uint64_t rate = (ob->counters.acked_count - p->acked_count) * 1000000u / past_ms;
    const uint32_t fresh = rate < UINT32_MAX / 2u ? (uint32_t)rate : UINT32_MAX / 2u;
    /* Half of it is the newest piece: a stall shows within some pieces, one slow answer does not. */
    p->per_s_milli = p->per_s_milli == 0 ? fresh : (p->per_s_milli + fresh) / 2u;
    p->since_ms = now_ms;
    p->acked_count = ob->counters.acked_count;
}

bool pk_outbox_drain_ms(const struct pk_outbox *ob, uint64_t *out_ms) {
    const uint64_t depth = pk_outbox_depth(ob);
    if (!ob->is_online || depth == 0 || ob->pace.per_s_milli == 0) {
        return false;
    }
    *out_ms = depth * 1000000u / ob->pace.per_s_milli;
    return true;
}
