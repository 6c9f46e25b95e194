#include "mqtt/pk_mqtt_inflight.h"

#include "base/pk_assert.h"

enum { SLOTS_MAX = 32767, NONE = PK_MQTT_NO_SLOT };

/* ---- what we sent ---- */

void pk_mqtt_out_init(struct pk_mqtt_out *o, struct pk_mqtt_out_slot *slots, uint32_t count) {
    PK_ASSERT(slots != NULL && count >= 1 && count <= SLOTS_MAX);
    *o = (struct pk_mqtt_out){.slots = slots,
                              .count = (uint16_t)count,
                              .head = NONE,
                              .tail = NONE,
                              .free_head = 0,
                              .free_tail = (uint16_t)(count - 1),
                              .resend = NONE};
    for (uint32_t i = 0; i < count; i++) {
        const uint16_t next = i + 1 < count ? (uint16_t)(i + 1) : (uint16_t)NONE;
        slots[i] = (struct pk_mqtt_out_slot){.next = next, .prev = NONE};
    }
}

/* Ids of a slot are its index + 1 in steps of the slot count, so an id leads to its slot without a search and
 * rests for many uses before it comes again. */
static uint16_t next_id(const struct pk_mqtt_out *o, uint16_t slot) {
    const uint32_t last = o->slots[slot].packet_id;
    const uint32_t next = last == 0 ? (uint32_t)slot + 1 : last + o->count;
    return next <= PK_MQTT_PUBLISH_ID_MAX ? (uint16_t)next : (uint16_t)(slot + 1);
}

uint16_t pk_mqtt_out_next_id(const struct pk_mqtt_out *o) {
    return o->free_head == NONE ? 0 : next_id(o, o->free_head);
}

uint16_t pk_mqtt_out_take(struct pk_mqtt_out *o, uint64_t token, uint8_t qos) {
    const uint16_t slot = o->free_head;
    if (slot == NONE) {
        return NONE;
    }
    struct pk_mqtt_out_slot *s = &o->slots[slot];
    PK_ASSERT(s->state == PK_MQTT_OUT_FREE);
    o->free_head = s->next;
    if (o->free_head == NONE) {
        o->free_tail = NONE;
    }
    *s = (struct pk_mqtt_out_slot){.token = token,
                                   .packet_id = next_id(o, slot),
                                   .next = NONE,
                                   .prev = o->tail,
                                   .state = PK_MQTT_OUT_SENT,
                                   .qos = qos};
    if (o->tail == NONE) {
        o->head = slot;
    } else {
        o->slots[o->tail].next = slot;
    }
    o->tail = slot;
    o->used++;
    if (o->used > o->high) {
        o->high = o->used;
    }
    return slot;
}

uint16_t pk_mqtt_out_find(const struct pk_mqtt_out *o, uint16_t packet_id) {
    if (packet_id == 0 || packet_id > PK_MQTT_PUBLISH_ID_MAX) {
        return NONE;
    }
    const uint16_t slot = (uint16_t)((packet_id - 1u) % o->count);
    const struct pk_mqtt_out_slot *s = &o->slots[slot];
    return s->state != PK_MQTT_OUT_FREE && s->packet_id == packet_id ? slot : (uint16_t)NONE;
}

uint16_t pk_mqtt_out_find_token(const struct pk_mqtt_out *o, uint64_t token) {
    for (uint16_t i = o->head; i != NONE; i = o->slots[i].next) {
        if (o->slots[i].token == token && !o->slots[i].is_forgotten) {
            return i;
        }
    }
    return NONE;
}

uint16_t pk_mqtt_out_due(const struct pk_mqtt_out *o) {
    if (o->due == 0) {
        return NONE;
    }
    uint16_t first = NONE;
    for (uint16_t i = o->head; i != NONE; i = o->slots[i].next) {
        if (o->slots[i].state != PK_MQTT_OUT_RELEASE_DUE) {
            continue;
        }
        if (first == NONE || /* turns wrap around */
            (int16_t)(uint16_t)(o->slots[i].release_turn - o->slots[first].release_turn) < 0) {
            first = i;
        }
    }
    PK_ASSERT(first != NONE);
    return first;
}

/* First WAITING slot from `from` on. */
static uint16_t waiting_from(const struct pk_mqtt_out *o, uint16_t from) {
    while (from != NONE && o->slots[from].state != PK_MQTT_OUT_WAITING) {
        from = o->slots[from].next;
    }
    return from;
}

static void count_state(struct pk_mqtt_out *o, uint8_t state, int step) {
    if (state == PK_MQTT_OUT_WAITING) {
        o->waiting = (uint16_t)(o->waiting + step);
    } else if (state == PK_MQTT_OUT_RELEASE_DUE) {
        o->due = (uint16_t)(o->due + step);
    }
}

void pk_mqtt_out_set_state(struct pk_mqtt_out *o, uint16_t slot, enum pk_mqtt_out_state state) {
    struct pk_mqtt_out_slot *s = &o->slots[slot];
    PK_ASSERT(s->state != PK_MQTT_OUT_FREE && state != PK_MQTT_OUT_FREE);
    if (s->state <= PK_MQTT_OUT_WAITING && state > PK_MQTT_OUT_WAITING) {
        s->release_turn = o->release_turn++;
    }
    count_state(o, s->state, -1);
    s->state = (uint8_t)state;
    count_state(o, s->state, 1);
    if (o->resend == slot && state != PK_MQTT_OUT_WAITING) {
        o->resend = waiting_from(o, slot);
    }
}

void pk_mqtt_out_give(struct pk_mqtt_out *o, uint16_t slot) {
    struct pk_mqtt_out_slot *s = &o->slots[slot];
    PK_ASSERT(s->state != PK_MQTT_OUT_FREE && o->used > 0);
    count_state(o, s->state, -1);
    s->state = PK_MQTT_OUT_FREE;
    if (o->resend == slot) {
        o->resend = waiting_from(o, s->next);
    }
    if (s->prev == NONE) {
        o->head = s->next;
    } else {
        o->slots[s->prev].next = s->next;
    }
    if (s->next == NONE) {
        o->tail = s->prev;
    } else {
        o->slots[s->next].prev = s->prev;
    }
    s->next = NONE;
    s->prev = NONE;
    if (o->free_tail == NONE) {
        o->free_head = slot;
    } else {
        o->slots[o->free_tail].next = slot;
    }
    o->free_tail = slot;
    o->used--;
}

void pk_mqtt_out_lost(struct pk_mqtt_out *o) {
    for (uint16_t i = o->head; i != NONE; i = o->slots[i].next) {
        if (o->slots[i].state == PK_MQTT_OUT_SENT) {
            pk_mqtt_out_set_state(o, i, PK_MQTT_OUT_WAITING);
        } else if (o->slots[i].state == PK_MQTT_OUT_RELEASE_DUE) {
            pk_mqtt_out_set_state(o, i, PK_MQTT_OUT_RELEASED);
        }
    }
    o->resend = waiting_from(o, o->head);
}

void pk_mqtt_out_resume(struct pk_mqtt_out *o, bool session_present) {
    uint16_t next = NONE;
    for (uint16_t i = o->head; i != NONE; i = next) {
        next = o->slots[i].next;
        if (o->slots[i].state != PK_MQTT_OUT_RELEASED) {
            continue;
        }
        if (session_present) {
            pk_mqtt_out_set_state(o, i, PK_MQTT_OUT_RELEASE_DUE);
        } else if (o->slots[i].is_forgotten) {
            pk_mqtt_out_give(o, i);
        } else {
            /* Whether the server passed the message on before it lost the session cannot be known: at least
             * once wins. */
            pk_mqtt_out_set_state(o, i, PK_MQTT_OUT_WAITING);
        }
    }
    o->resend = waiting_from(o, o->head);
}

/* ---- what we received ---- */

void pk_mqtt_in_init(struct pk_mqtt_in *in, struct pk_mqtt_in_slot *slots, uint32_t count) {
    PK_ASSERT(slots != NULL && count >= 1 && count <= SLOTS_MAX);
    *in = (struct pk_mqtt_in){.slots = slots, .count = (uint16_t)count};
    pk_mqtt_in_clear(in);
}

void pk_mqtt_in_clear(struct pk_mqtt_in *in) {
    in->head = in->tail = in->unanswered = in->held = in->held_tail = NONE;
    in->free_head = 0;
    in->pending = in->used = in->released = in->forgotten = 0;
    in->kept_turn++;
    for (uint32_t i = 0; i < in->count; i++) {
        const uint16_t next = i + 1 < in->count ? (uint16_t)(i + 1) : (uint16_t)NONE;
        in->slots[i] = (struct pk_mqtt_in_slot){.next = next};
    }
}

static void count_in(struct pk_mqtt_in *in, uint8_t state, int step) {
    if (state == PK_MQTT_IN_RELEASED) {
        in->released = (uint16_t)(in->released + step);
    } else if (state == PK_MQTT_IN_FORGOTTEN) {
        in->forgotten = (uint16_t)(in->forgotten + step);
    }
}

static void set_in(struct pk_mqtt_in *in, uint16_t slot, enum pk_mqtt_in_state state) {
    count_in(in, in->slots[slot].state, -1);
    in->slots[slot].state = (uint8_t)state;
    count_in(in, in->slots[slot].state, 1);
    in->kept_turn += in->slots[slot].is_kept ? 1 : 0;
}

static void give_in(struct pk_mqtt_in *in, uint16_t slot) {
    PK_ASSERT(in->slots[slot].state != PK_MQTT_IN_FREE && in->used > 0);
    set_in(in, slot, PK_MQTT_IN_FREE);
    in->slots[slot] = (struct pk_mqtt_in_slot){.next = in->free_head};
    in->free_head = slot;
    in->used--;
}

static void append(struct pk_mqtt_in *in, uint16_t slot) {
    in->slots[slot].next = NONE;
    if (in->tail == NONE) {
        in->head = slot;
    } else {
        in->slots[in->tail].next = slot;
    }
    in->tail = slot;
    in->pending++;
    if (in->unanswered == NONE && in->slots[slot].state == PK_MQTT_IN_DELIVERED) {
        in->unanswered = slot;
    }
}

bool pk_mqtt_in_push(struct pk_mqtt_in *in, uint32_t handle, uint16_t packet_id, uint8_t qos,
                     enum pk_mqtt_in_state state) {
    const uint16_t slot = in->free_head;
    if (slot == NONE) {
        return false;
    }
    in->free_head = in->slots[slot].next;
    in->slots[slot] = (struct pk_mqtt_in_slot){
        .handle = handle, .packet_id = packet_id, .state = (uint8_t)state, .qos = qos};
    in->used++;
    if (in->used > in->high) {
        in->high = in->used;
    }
    append(in, slot);
    return true;
}

static void hold(struct pk_mqtt_in *in, uint16_t slot) {
    in->slots[slot].next = NONE;
    if (in->held_tail == NONE) {
        in->held = slot;
    } else {
        in->slots[in->held_tail].next = slot;
    }
    in->held_tail = slot;
}

/* Takes the slot of this QoS 2 id, in this state or a later one, out of a list; NONE when it is not there. */
static uint16_t take(struct pk_mqtt_in *in, uint16_t *head, uint16_t *tail, uint16_t packet_id,
                     enum pk_mqtt_in_state from) {
    uint16_t prev = NONE;
    for (uint16_t i = *head; i != NONE; prev = i, i = in->slots[i].next) {
        if (in->slots[i].packet_id != packet_id || in->slots[i].state < from) {
            continue;
        }
        if (prev == NONE) {
            *head = in->slots[i].next;
        } else {
            in->slots[prev].next = in->slots[i].next;
        }
        if (*tail == i) {
            *tail = prev;
        }
        return i;
    }
    return NONE;
}

bool pk_mqtt_in_recognise(struct pk_mqtt_in *in, uint16_t packet_id) {
    for (uint16_t i = in->head; i != NONE; i = in->slots[i].next) {
        if (in->slots[i].qos == 2 && in->slots[i].packet_id == packet_id) {
            return true;
        }
    }
    const uint16_t slot = take(in, &in->held, &in->held_tail, packet_id, PK_MQTT_IN_DELIVERED);
    if (slot == NONE) {
        return false;
    }
    if (in->slots[slot].state >= PK_MQTT_IN_RELEASE) {
        set_in(in, slot, PK_MQTT_IN_REPEATED);
    }
    append(in, slot);
    return true;
}

/* Answered messages are passed over once, not at each call: the common caller answers in order. */
static void advance_unanswered(struct pk_mqtt_in *in) {
    while (in->unanswered != NONE && in->slots[in->unanswered].state != PK_MQTT_IN_DELIVERED) {
        in->unanswered = in->slots[in->unanswered].next;
    }
}

static bool answer_in_list(struct pk_mqtt_in *in, uint16_t from, uint32_t handle, uint8_t reason) {
    for (uint16_t i = from; i != NONE; i = in->slots[i].next) {
        struct pk_mqtt_in_slot *s = &in->slots[i];
        if (s->handle == handle && s->state == PK_MQTT_IN_DELIVERED) {
            s->state = PK_MQTT_IN_ANSWERED;
            s->reason = reason;
            return true;
        }
    }
    return false;
}

bool pk_mqtt_in_answer(struct pk_mqtt_in *in, uint32_t handle, uint8_t reason) {
    const bool found =
        answer_in_list(in, in->unanswered, handle, reason) || answer_in_list(in, in->held, handle, reason);
    advance_unanswered(in);
    return found;
}

static uint32_t answer_list(struct pk_mqtt_in *in, uint16_t from) {
    uint32_t count = 0;
    for (uint16_t i = from; i != NONE; i = in->slots[i].next) {
        if (in->slots[i].state == PK_MQTT_IN_DELIVERED) {
            in->slots[i].state = PK_MQTT_IN_ANSWERED;
            in->slots[i].reason = 0;
            count++;
        }
    }
    return count;
}

uint32_t pk_mqtt_in_answer_all(struct pk_mqtt_in *in) {
    const uint32_t count = answer_list(in, in->unanswered) + answer_list(in, in->held);
    in->unanswered = NONE;
    return count;
}

const struct pk_mqtt_in_slot *pk_mqtt_in_ready(const struct pk_mqtt_in *in) {
    if (in->head == NONE || in->slots[in->head].state == PK_MQTT_IN_DELIVERED) {
        return NULL;
    }
    return &in->slots[in->head];
}

void pk_mqtt_in_sent(struct pk_mqtt_in *in) {
    const uint16_t slot = in->head;
    PK_ASSERT(pk_mqtt_in_ready(in) != NULL && in->unanswered != slot);
    struct pk_mqtt_in_slot *s = &in->slots[slot];
    in->head = s->next;
    if (in->head == NONE) {
        in->tail = NONE;
    }
    in->pending--;
    if (s->qos < 2 || s->reason >= 0x80) {
        give_in(in, slot);
        return;
    }
    set_in(in, slot, PK_MQTT_IN_RELEASE);
    hold(in, slot);
}

enum pk_mqtt_release pk_mqtt_in_release(struct pk_mqtt_in *in, uint16_t packet_id) {
    /* Before REPEATED no PUBREC was sent: not this message. */
    uint16_t slot = take(in, &in->held, &in->held_tail, packet_id, PK_MQTT_IN_REPEATED);
    if (slot == NONE) {
        slot = take(in, &in->head, &in->tail, packet_id, PK_MQTT_IN_REPEATED);
        if (slot == NONE) {
            return PK_MQTT_RELEASE_UNKNOWN;
        }
        in->pending--;
    }
    struct pk_mqtt_in_slot *s = &in->slots[slot];
    if (!s->is_kept) {
        give_in(in, slot);
        return PK_MQTT_RELEASE_DONE;
    }
    s->is_asked = true;
    if (s->state < PK_MQTT_IN_RELEASED) {
        set_in(in, slot, PK_MQTT_IN_RELEASED);
    }
    hold(in, slot);
    return PK_MQTT_RELEASE_LATER;
}

/* ---- ids that outlive the process ---- */

bool pk_mqtt_in_keep(struct pk_mqtt_in *in, uint32_t handle) {
    for (uint32_t i = 0; i < in->count; i++) {
        struct pk_mqtt_in_slot *s = &in->slots[i];
        const bool is_open = s->state == PK_MQTT_IN_DELIVERED || s->state == PK_MQTT_IN_ANSWERED;
        if (is_open && s->qos == 2 && s->handle == handle) {
            in->kept_turn += s->is_kept ? 0 : 1;
            s->is_kept = true;
            return true;
        }
    }
    return false;
}

bool pk_mqtt_in_restore(struct pk_mqtt_in *in, uint16_t packet_id) {
    if (in->free_head == NONE) {
        return false;
    }
    const uint16_t slot = in->free_head;
    in->free_head = in->slots[slot].next;
    in->slots[slot] = (struct pk_mqtt_in_slot){
        .packet_id = packet_id, .state = PK_MQTT_IN_RELEASE, .qos = 2, .is_kept = true};
    in->used++;
    in->high = in->used > in->high ? in->used : in->high;
    hold(in, slot);
    return true;
}

uint32_t pk_mqtt_in_kept(const struct pk_mqtt_in *in, uint16_t *ids, uint32_t cap) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < in->count; i++) {
        const struct pk_mqtt_in_slot *s = &in->slots[i];
        if (s->state == PK_MQTT_IN_FREE || s->state >= PK_MQTT_IN_FORGETTING || !s->is_kept) {
            continue;
        }
        if (count < cap) {
            ids[count] = s->packet_id;
        }
        count++;
    }
    return count;
}

uint32_t pk_mqtt_in_forget_begin(struct pk_mqtt_in *in) {
    const uint32_t count = in->released;
    for (uint16_t i = 0; i < in->count && in->released > 0; i++) {
        if (in->slots[i].state == PK_MQTT_IN_RELEASED) {
            set_in(in, i, PK_MQTT_IN_FORGETTING);
        }
    }
    return count;
}

static void drop_held(struct pk_mqtt_in *in, uint16_t slot) {
    const uint16_t taken =
        take(in, &in->held, &in->held_tail, in->slots[slot].packet_id, PK_MQTT_IN_FORGETTING);
    PK_ASSERT(taken == slot);
    give_in(in, slot);
}

void pk_mqtt_in_forget_done(struct pk_mqtt_in *in) {
    for (uint16_t i = 0; i < in->count; i++) {
        if (in->slots[i].state != PK_MQTT_IN_FORGETTING) {
            continue;
        }
        if (in->slots[i].is_asked) {
            set_in(in, i, PK_MQTT_IN_FORGOTTEN);
        } else {
            drop_held(in, i); /* the server asks again, of an id that is then unknown */
        }
    }
}

uint16_t pk_mqtt_in_completion(const struct pk_mqtt_in *in) {
    for (uint16_t i = 0; i < in->count && in->forgotten > 0; i++) {
        if (in->slots[i].state == PK_MQTT_IN_FORGOTTEN) {
            return i;
        }
    }
    return NONE;
}

void pk_mqtt_in_completed(struct pk_mqtt_in *in, uint16_t slot) {
    PK_ASSERT(in->slots[slot].state == PK_MQTT_IN_FORGOTTEN);
    drop_held(in, slot);
}

void pk_mqtt_in_lost(struct pk_mqtt_in *in) {
    uint16_t i = in->head;
    while (i != NONE) {
        const uint16_t next = in->slots[i].next;
        if (in->slots[i].qos < 2) {
            give_in(in, i);
        } else {
            hold(in, i);
        }
        i = next;
    }
    in->head = in->tail = in->unanswered = NONE;
    in->pending = 0;
    for (uint16_t slot = 0; slot < in->count; slot++) {
        in->slots[slot].is_asked = false;
        if (in->slots[slot].state == PK_MQTT_IN_FORGOTTEN) {
            drop_held(in, slot);
        }
    }
}
