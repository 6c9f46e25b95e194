/* What the broker does not take for now (src/decisions/0102-put-by.md): it must not hold the slots that the
 * others need. */
#include "base/pk_assert.h"
#include "report/pk_outbox_priv.h"

void pk_outbox_read_again(struct pk_outbox_lane *l) {
    l->has_from = false;
    l->has_put_by = false;
    l->sent_count = 0;
}

void pk_outbox_read_lanes_again(struct pk_outbox *ob, bool has_put_by, bool has_not) {
    for (unsigned i = 0; i < PK_OUTBOX_LANES; i++) {
        struct pk_outbox_lane *l = &ob->lanes[i];
        if (l->has_put_by ? has_put_by : has_not) {
            ob->counters.resent_count += ob->is_hub_acked ? l->sent_count : 0u;
            pk_outbox_read_again(l);
        }
    }
    ob->is_fetch_undone = ob->is_fetching;
}

static void put_by(struct pk_outbox *ob, struct pk_outbox_slot *slot, uint64_t now_ms) {
    ob->lanes[slot->lane].has_put_by = true;
    pk_outbox_keep_sent(ob, slot);
    ob->counters.put_by_count++;
    if (ob->put_by_ms == 0) {
        const uint64_t wait_ms = (uint64_t)PK_OUTBOX_PUT_BY_MIN_MS << ob->put_by_tries;
        ob->put_by_ms = now_ms + (wait_ms < PK_OUTBOX_PUT_BY_MAX_MS ? wait_ms : PK_OUTBOX_PUT_BY_MAX_MS);
    }
}

void pk_outbox_put_by(struct pk_outbox *ob, uint64_t token, uint64_t now_ms) {
    struct pk_outbox_slot *s = pk_outbox_slot_by_token(ob, token);
    PK_ASSERT(s != NULL);
    if (!pk_outbox_drop_outdated(ob, s)) {
        put_by(ob, s, now_ms);
        ob->has_too_large = true;
    }
}

void pk_outbox_connected(struct pk_outbox *ob) {
    bool has_refused = false;
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        struct pk_outbox_slot *s = &ob->slots[i];
        if (s->state == PK_OUTBOX_WAITING && s->attempts > 0) {
            s->retry_at_ms = 0;
            has_refused = true;
        }
    }
    if (!has_refused || ob->has_too_large) {
        ob->put_by_tries = 0;
        pk_outbox_take_up(ob);
    }
}

void pk_outbox_make_way(struct pk_outbox *ob, uint64_t now_ms) {
    uint32_t refused_count = 0;
    struct pk_outbox_slot *last = NULL;
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        struct pk_outbox_slot *s = &ob->slots[i];
        if (s->state != PK_OUTBOX_WAITING || s->attempts == 0) {
            continue;
        }
        refused_count++;
        if (last == NULL || s->lane > last->lane ||
            (s->lane == last->lane && pk_outbox_age_order(s->boot, s->seq, last->boot, last->seq) > 0)) {
            last = s;
        }
    }
    if (refused_count > PK_LIMIT_OUTBOX_SLOTS / 2u) {
        put_by(ob, last, now_ms);
    }
}

void pk_outbox_take_up(struct pk_outbox *ob) {
    if (ob->put_by_ms == 0) {
        return;
    }
    ob->put_by_ms = 0;
    ob->has_too_large = false;
    pk_outbox_read_lanes_again(ob, true, false);
}

void pk_outbox_take_up_soon(struct pk_outbox *ob, uint64_t now_ms) {
    const uint64_t soon_ms = now_ms + PK_OUTBOX_PUT_BY_SOON_MS;
    ob->put_by_tries = 0;
    ob->put_by_ms = ob->put_by_ms > soon_ms ? soon_ms : ob->put_by_ms;
}
