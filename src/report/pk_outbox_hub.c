/* What the broker has and the hub has not named yet (src/decisions/0095-the-hubs-own-word.md). */
#include "base/pk_assert.h"
#include "report/pk_outbox_priv.h"

void pk_outbox_forget_sent(struct pk_outbox *ob, uint8_t lane, uint32_t boot, uint64_t seq) {
    struct pk_outbox_lane *l = &ob->lanes[lane];
    if (l->sent_count > 0 && pk_outbox_is_before(l, boot, seq)) {
        l->sent_count--;
    }
}

void pk_outbox_keep_sent(struct pk_outbox *ob, struct pk_outbox_slot *slot) {
    struct pk_outbox_lane *l = &ob->lanes[slot->lane];
    PK_ASSERT(l->slot_count > 0);
    const bool has_unsent = pk_outbox_has_unsent(l);
    l->slot_count--;
    slot->state = PK_OUTBOX_FREE;
    if (pk_outbox_is_before(l, slot->boot, slot->seq)) {
        l->sent_count++;
    } else if (!has_unsent) {
        l->has_from = true;
        l->from_boot = slot->boot;
        l->from_seq = slot->seq + 1;
        l->sent_count++;
    } /* else it overtook older ones, cannot be told from them any more and is sent once more after them */
}

void pk_outbox_resend(struct pk_outbox *ob) {
    if (ob->is_hub_acked) {
        ob->resend_at_ms = 0;
        pk_outbox_read_lanes_again(ob, true, true);
    }
}

void pk_outbox_hub(struct pk_outbox *ob, bool is_hub_acked) {
    if (is_hub_acked == ob->is_hub_acked) {
        return;
    }
    ob->is_hub_acked = true;
    pk_outbox_resend(ob);
    pk_outbox_stop_hearing(ob);
    ob->is_hub_acked = is_hub_acked;
}

uint64_t pk_outbox_unheard_count(const struct pk_outbox *ob) {
    uint64_t count = 0;
    for (unsigned i = 0; ob->is_hub_acked && i < PK_OUTBOX_LANES; i++) {
        count += ob->lanes[i].has_put_by ? 0u : ob->lanes[i].sent_count;
    }
    return count;
}

void pk_outbox_remind(struct pk_outbox *ob, uint64_t now_ms) {
    enum { DOUBLINGS_MAX = 6 };
    enum { HEARD_FIRST_MS = 60000 }; /* after a cut: what the hub said meanwhile comes first */
    if (ob->is_online && ob->put_by_ms > 0 && now_ms >= ob->put_by_ms) {
        ob->put_by_tries = ob->put_by_tries < DOUBLINGS_MAX ? (uint8_t)(ob->put_by_tries + 1) : DOUBLINGS_MAX;
        pk_outbox_take_up(ob);
    }
    if (!ob->is_hub_acked) {
        return;
    }
    if (pk_outbox_unheard_count(ob) == 0) {
        ob->resend_at_ms = 0;
        return;
    }
    if (!ob->is_online) {
        if (ob->resend_at_ms > 0 && ob->resend_at_ms < now_ms + HEARD_FIRST_MS) {
            ob->resend_at_ms = now_ms + HEARD_FIRST_MS;
        }
        return;
    }
    if (ob->resend_at_ms == 0) {
        const uint64_t wait_ms = (uint64_t)PK_OUTBOX_UNHEARD_MIN_MS << ob->resend_tries;
        ob->resend_at_ms = now_ms + (wait_ms < PK_OUTBOX_UNHEARD_MAX_MS ? wait_ms : PK_OUTBOX_UNHEARD_MAX_MS);
    } else if (now_ms >= ob->resend_at_ms) {
        ob->resend_tries = ob->resend_tries < DOUBLINGS_MAX ? (uint8_t)(ob->resend_tries + 1) : DOUBLINGS_MAX;
        ob->resend_at_ms = 0;
        /* In a lane with what was put by all is taken up in its own time. */
        pk_outbox_read_lanes_again(ob, false, true);
    }
}

/* ---- the hub's word ---- */

/* Of what is on its way: the broker's answer is still due, and for the end of an incident its topic is still
 * to be emptied. */
static void hear_slots(struct pk_outbox *ob, const struct pk_hub_ack *ack) {
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        struct pk_outbox_slot *s = &ob->slots[i];
        const bool is_out =
            s->state == PK_OUTBOX_INFLIGHT || (s->state == PK_OUTBOX_WAITING && s->is_clearing);
        if (is_out && s->boot == ack->boot && pk_hub_ack_names(ack, s->seq)) {
            s->is_heard = true;
        }
    }
}

void pk_outbox_heard(struct pk_outbox *ob, const struct pk_hub_ack *ack, uint64_t now_ms) {
    PK_ASSERT(!pk_outbox_is_hearing(ob));
    if (!ob->is_hub_acked) {
        return;
    }
    /* It is there: what it does not name soon it does not have. */
    ob->resend_tries = 0;
    if (ob->resend_at_ms > now_ms + PK_OUTBOX_UNHEARD_MIN_MS) {
        ob->resend_at_ms = now_ms + PK_OUTBOX_UNHEARD_MIN_MS;
    }
    if (ack->low <= ack->high) {
        hear_slots(ob, ack);
        ob->hearing = *ack;
        ob->hear_seq = ack->low;
        ob->hear_lane = 0;
    }
}

bool pk_outbox_is_hearing(const struct pk_outbox *ob) {
    return ob->hear_lane < PK_OUTBOX_LANES;
}

void pk_outbox_stop_hearing(struct pk_outbox *ob) {
    ob->is_fetch_undone = ob->is_fetch_undone || (ob->is_fetching && ob->fetch_is_hearing);
    ob->hear_lane = PK_OUTBOX_LANES;
}

void pk_outbox_hear_on(struct pk_outbox *ob) {
    if (pk_outbox_is_hearing(ob)) {
        ob->hear_lane++;
        ob->hear_seq = ob->hearing.low;
    }
}

/* One beyond the last number that may be removed: named, and sent since the start. */
static uint64_t hear_end(const struct pk_outbox_lane *l, uint32_t boot, uint64_t high) {
    if (!l->has_from || l->count == l->slot_count || l->from_boot < boot) {
        return 0;
    }
    return l->from_boot == boot && l->from_seq <= high ? l->from_seq : high + 1;
}

bool pk_outbox_hear_next(struct pk_outbox *ob, struct pk_store_fetch *out) {
    while (pk_outbox_is_hearing(ob) && !pk_outbox_gone_is_full(ob)) {
        const uint64_t end = hear_end(&ob->lanes[ob->hear_lane], ob->hearing.boot, ob->hearing.high);
        if (ob->hear_seq < end) {
            out->from_bytes = pk_outbox_bound(out->from, ob->hear_lane, ob->hearing.boot, ob->hear_seq);
            out->to_bytes = pk_outbox_bound(out->to, ob->hear_lane, ob->hearing.boot, end);
            return true;
        }
        pk_outbox_hear_on(ob);
    }
    return false;
}
