/* What Home Assistant and thin-edge.io are shown (wire/pk_shown.h, ADR 0084): a picture of the incident table
 * on one broker, drawn anew with each connection, and taken back when its role is taken from the broker. It
 * is no report: it may be ahead of the disk by a commit, and what a broker does not take is not kept. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "base/pk_hash.h"
#include "mqtt/pk_mqtt_topic.h"
#include "wire/pk_shown.h"

enum {
    STATE_APART_MS = 1000,
    STATE_RARE_MS = 60 * STATE_APART_MS,
    WINDOW_SHARE = 2,
    HEAR_MS = 5000,     /* from the broker's answer, or what it kept last, on */
    UNHEARD_MS = 60000, /* where it does not answer */
    AGAIN_MAX = 200     /* of a connection: a broker that takes nothing back is not asked for ever */
};

static const uint8_t ROLES[PK_AGENT_SHOWN_COUNT] = {PK_BROKER_HOME_ASSISTANT, PK_BROKER_THIN_EDGE};

static enum pk_shown_kind kind_of(uint32_t which) {
    return which == PK_AGENT_SHOWN_HOME ? PK_SHOWN_HOME_INCIDENT : PK_SHOWN_ALARM;
}

static uint8_t bit_of(uint32_t link, uint32_t which) {
    return (uint8_t)(1u << (link * PK_AGENT_SHOWN_COUNT + which));
}

/* The broker may hold something of ours: known over restarts, or nobody could take it back. */
static bool is_there(const struct pk_agent *a, uint32_t link, uint32_t which) {
    return (a->meta.shown_bits & bit_of(link, which)) != 0;
}

static void set_there(struct pk_agent *a, uint32_t link, uint32_t which, bool is) {
    const uint8_t bits =
        (uint8_t)(is ? a->meta.shown_bits | bit_of(link, which) : a->meta.shown_bits & ~bit_of(link, which));
    a->is_meta_dirty = a->is_meta_dirty || bits != a->meta.shown_bits;
    a->meta.shown_bits = bits;
}

static struct pk_shown_gateway gateway_of(const struct pk_agent *a) {
    return (struct pk_shown_gateway){.site = pk_str_of(a->config.site),
                                     .gateway = pk_str_of(a->config.gateway),
                                     .version = pk_str_of(a->identity.version),
                                     .board = pk_str_of(a->identity.board)};
}

/* False: no room now. What the broker can never take is counted and passed over. */
static bool say(struct pk_agent *a, uint32_t link, enum pk_shown_kind kind, struct pk_str part,
                struct pk_str payload) {
    char topic[PK_SHOWN_TOPIC_BYTES];
    struct pk_buf t;
    struct pk_link *l = &a->links[link];
    const struct pk_shown_gateway g = gateway_of(a);
    pk_buf_init(&t, topic, sizeof topic);
    if (pk_mqtt_inflight_count(&l->mqtt) >= PK_LIMIT_INFLIGHT / WINDOW_SHARE) {
        return false; /* the reports come first */
    }
    int err = pk_shown_topic(&t, kind, &g, part);
    if (err == PK_OK) {
        const struct pk_mqtt_publish m = {.topic = pk_buf_str(&t),
                                          .payload = payload.p,
                                          .payload_bytes = (uint32_t)payload.n,
                                          .qos = l->mqtt.limits.max_qos > 0 ? 1 : 0,
                                          .is_retained = kind != PK_SHOWN_EVENT,
                                          .payload_is_text = payload.n > 0};
        err = pk_mqtt_publish(&l->mqtt, &m, PK_AGENT_TOKEN_SHOWN);
        a->shown.waiting_count[link] += err == PK_OK && m.qos > 0 ? 1u : 0u;
    }
    if (err == PK_E_FULL || err == PK_E_CLOSED) {
        return false;
    }
    a->shown.refused_count += err < 0 ? 1 : 0;
    return true;
}

static struct pk_str no_text(void) {
    return pk_str_make(NULL, 0);
}

/* ---- one incident ---- */

/* 1 + severity of what is shown of it, 0: nothing. A drill is none of the neighbours' business. */
static uint8_t wanted(const struct pk_agent *a, uint32_t slot) {
    const struct pk_incident *i = &a->incidents.slots[slot].incident;
    const bool is_shown = a->incidents.numbers[slot] != 0 && pk_incident_status_is_active(i->status) &&
                          !i->is_drill && i->severity >= PK_SEV_LOW;
    return is_shown ? (uint8_t)(1u + i->severity) : 0;
}

static bool take_back(struct pk_agent *a, uint32_t link, uint32_t which, uint32_t boot, uint32_t number) {
    char id[PK_INC_ID_BYTES];
    pk_incident_id_make(id, pk_str_of(a->config.gateway), boot, number);
    return say(a, link, kind_of(which), pk_str_of(id), no_text());
}

static bool put_up(struct pk_agent *a, uint32_t link, uint32_t which, const struct pk_incident *i) {
    struct pk_buf b;
    struct pk_json_writer w;
    const struct pk_shown_gateway g = gateway_of(a);
    const bool is_home = which == PK_AGENT_SHOWN_HOME;
    pk_buf_init(&b, a->payload, sizeof a->payload);
    pk_jw_init(&w, &b);
    if (is_home) {
        pk_shown_home_incident(&w, &g, pk_str_of(i->id), pk_str_of(i->title));
    } else {
        pk_shown_alarm(&w, i->severity, pk_str_of(i->title), i->detected.wall_ms);
    }
    return say(a, link, kind_of(which), pk_str_of(i->id), pk_buf_str(&b));
}

/* An event is of the moment: what this process saw begin and end, not what a connection draws anew. */
static bool tell_event(struct pk_agent *a, uint32_t link, const char *what, const struct pk_incident *i) {
    struct pk_buf b;
    struct pk_json_writer w;
    const bool is_end = i->resolved.wall_ms != 0 && !pk_incident_status_is_active(i->status);
    pk_buf_init(&b, a->payload, sizeof a->payload);
    pk_jw_init(&w, &b);
    pk_shown_event(&w, pk_str_of(i->id), pk_str_of(i->title),
                   is_end ? i->resolved.wall_ms : i->detected.wall_ms);
    return say(a, link, PK_SHOWN_EVENT, pk_str_of(what), pk_buf_str(&b));
}

static bool draw_slot(struct pk_agent *a, uint32_t link, uint32_t which, uint32_t slot) {
    struct pk_agent_shown_slot *s = &a->shown.pictures[which].slots[slot];
    const struct pk_incident *i = &a->incidents.slots[slot].incident;
    const uint32_t number = a->incidents.numbers[slot];
    if (s->number != number && s->number != 0) { /* another one has its place */
        if (s->severity != 0 || !s->is_sure) {
            if (!take_back(a, link, which, s->boot, s->number)) {
                return false;
            }
            s->severity = 0;
            s->is_sure = true;
        }
        if (a->shown.waiting_count[link] > 0) {
            return false; /* until the broker has it: a cut in between would leave it there for ever */
        }
        s->number = 0;
    }
    if (number == 0) {
        return true;
    }
    const bool is_new = s->number == 0;
    const uint8_t severity = wanted(a, slot);
    if (is_new) {
        *s = (struct pk_agent_shown_slot){.boot = i->boot, .number = number};
    }
    if (s->is_sure && s->severity == severity) {
        return true;
    }
    const bool is_begin = s->severity == 0 && severity != 0 && i->boot == a->now.boot;
    const bool is_end = s->severity != 0 && severity == 0;
    if (which == PK_AGENT_SHOWN_ALARMS && (is_begin || is_end) &&
        !tell_event(a, link, is_begin ? "incident_opened" : "incident_resolved", i)) {
        return false;
    }
    s->severity = severity; /* said from here on, if not shown: the event is not told twice */
    s->is_sure = severity != 0 ? put_up(a, link, which, i) : take_back(a, link, which, i->boot, number);
    return s->is_sure;
}

/* ---- what the broker still has from an earlier life ---- */

/* Topics of any incident. False: site and gateway were checked with the configuration. */
static bool filter_of(const struct pk_agent *a, uint32_t which, struct pk_buf *out) {
    const struct pk_shown_gateway g = gateway_of(a);
    return pk_shown_topic(out, kind_of(which), &g, pk_str_of("+")) == PK_OK;
}

/* A start knows the incidents of the store and not what was on its way when the process before it ended; the
 * broker knows that. Its answer comes as retained messages. False: no room now. */
static bool ask(struct pk_agent *a, uint32_t link, uint32_t which) {
    char topic[PK_SHOWN_TOPIC_BYTES];
    struct pk_buf t;
    pk_buf_init(&t, topic, sizeof topic);
    if (!filter_of(a, which, &t)) {
        return true;
    }
    const struct pk_mqtt_filter filter = {.filter = pk_buf_str(&t), .no_local = true};
    const int err = pk_mqtt_subscribe(&a->links[link].mqtt, &filter, 1, 0, PK_AGENT_TOKEN_SHOWN);
    return err != PK_E_FULL && err != PK_E_CLOSED;
}

static void look_back(struct pk_agent *a, uint32_t link) {
    struct pk_agent_shown *s = &a->shown;
    const bool is_again = s->has_more[link] && s->waiting_count[link] == 0 && !s->is_refused[link] &&
                          s->again_count[link] < AGAIN_MAX;
    s->has_more[link] = s->has_more[link] && !is_again;
    s->again_count[link] = (uint8_t)(s->again_count[link] + (is_again ? 1u : 0u));
    for (uint32_t which = 0; which < PK_AGENT_SHOWN_COUNT; which++) {
        const uint8_t bit = (uint8_t)(1u << which);
        const bool is_asked = (s->asked_bits[link] & bit) != 0;
        const bool may_be_there = pk_agent_link_for(a, ROLES[which]) == link || is_there(a, link, which);
        if (is_again ? !is_asked : is_asked || !may_be_there) {
            continue;
        }
        if (ask(a, link, which)) {
            s->asked_bits[link] |= bit;
            s->heard_bits[link] |= bit;
            s->heard_until_ms[link] = a->now.mono_ms + UNHEARD_MS;
        } else {
            s->has_more[link] = s->has_more[link] || is_again;
        }
    }
}

void pk_agent_shown_listens(struct pk_agent *a, uint32_t link) {
    a->shown.heard_until_ms[link] = a->now.mono_ms + HEAR_MS;
}

/* The topics of the alarms name no gateway: who stayed would hear those of all others. */
static void look_away(struct pk_agent *a, uint32_t link) {
    char topic[PK_SHOWN_TOPIC_BYTES];
    struct pk_buf t;
    for (uint32_t which = 0; which < PK_AGENT_SHOWN_COUNT; which++) {
        const uint8_t bit = (uint8_t)(1u << which);
        pk_buf_init(&t, topic, sizeof topic);
        if ((a->shown.heard_bits[link] & bit) == 0 || a->now.mono_ms < a->shown.heard_until_ms[link] ||
            !filter_of(a, which, &t)) {
            continue;
        }
        const struct pk_str filter = pk_buf_str(&t);
        if (pk_mqtt_unsubscribe(&a->links[link].mqtt, &filter, 1, PK_AGENT_TOKEN_SHOWN) != PK_E_FULL) {
            a->shown.heard_bits[link] &= (uint8_t)~bit;
        }
    }
}

/* The incident of this gateway that a topic of the filter is of; somebody else's things are left alone. */
static bool read_topic(const struct pk_agent *a, struct pk_str topic, uint32_t which,
                       struct pk_incident_ref *out) {
    struct pk_str rest = topic, part, before = no_text(), last = no_text();
    while (pk_str_split(&rest, '/', &part)) {
        before = last;
        last = part;
    }
    const struct pk_str id = which == PK_AGENT_SHOWN_HOME ? before : last;
    return pk_incident_id_parse(id, out) == PK_OK && !out->is_short &&
           strcmp(out->gateway, a->config.gateway) == 0;
}

static bool is_drawn(const struct pk_agent *a, uint32_t link, uint32_t which,
                     const struct pk_incident_ref *r) {
    for (uint32_t slot = 0; slot < a->incidents.high_count; slot++) {
        if (a->incidents.numbers[slot] == r->number && a->incidents.slots[slot].incident.boot == r->boot) {
            return pk_agent_link_for(a, ROLES[which]) == link && wanted(a, slot) != 0;
        }
    }
    return false;
}

static void judge(struct pk_agent *a, uint32_t link, uint32_t which, const struct pk_mqtt_event *e) {
    struct pk_incident_ref ref;
    if (!e->u.message.is_retained) {
        return;
    }
    pk_agent_shown_listens(a, link);
    if (e->u.message.payload_bytes > 0 && read_topic(a, e->u.message.topic, which, &ref) &&
        !is_drawn(a, link, which, &ref) && !take_back(a, link, which, ref.boot, ref.number)) {
        a->shown.has_more[link] = true;
    }
}

bool pk_agent_shown_message(struct pk_agent *a, uint32_t link, const struct pk_mqtt_event *e) {
    char topic[PK_SHOWN_TOPIC_BYTES];
    struct pk_buf t;
    for (uint32_t which = 0; which < PK_AGENT_SHOWN_COUNT; which++) {
        pk_buf_init(&t, topic, sizeof topic);
        if ((a->shown.asked_bits[link] & 1u << which) != 0 && filter_of(a, which, &t) &&
            pk_mqtt_topic_matches(pk_buf_str(&t), e->u.message.topic)) {
            judge(a, link, which, e);
            return true;
        }
    }
    return false;
}

/* ---- the whole ---- */

/* It is said when it changes, though not each time: never while the month is used up, seldom where each byte
 * costs or soon will. */
static uint64_t state_apart_ms(const struct pk_agent *a) {
    const bool is_dear = (a->config.is_metered && pk_agent_budget_counts(a, PK_BROKER_HOME_ASSISTANT)) ||
                         pk_agent_budget_data_level(a, PK_BROKER_HOME_ASSISTANT) >= PK_SPEND_TIGHT;
    return is_dear ? (uint64_t)STATE_RARE_MS : (uint64_t)STATE_APART_MS;
}

static bool draw_state(struct pk_agent *a, uint32_t link) {
    struct pk_buf b;
    struct pk_json_writer w;
    struct pk_store_status store;
    struct pk_shown_state s = {.worst = -1, .waiting_count = pk_outbox_depth(&a->outbox)};
    const uint32_t hub = pk_agent_link_for(a, PK_BROKER_INCIDENTS);
    struct pk_agent_shown *all = &a->shown;
    all->is_state_held = false;
    if (pk_agent_budget_data_level(a, PK_BROKER_HOME_ASSISTANT) >= PK_SPEND_OVER) {
        return true;
    }
    for (uint32_t slot = 0; slot < a->incidents.high_count; slot++) {
        const int8_t severity = (int8_t)((int)wanted(a, slot) - 1);
        s.open_count += severity >= 0 ? 1u : 0u;
        s.worst = severity > s.worst ? severity : s.worst;
    }
    s.has_problem = s.worst >= PK_SEV_HIGH;
    s.is_hub_linked = hub < PK_LINKS && pk_link_is_online(&a->links[hub]);
    a->port->store.status(a->port->store.ctx, &store);
    s.store_pct = store.map_bytes > 0 ? (uint32_t)(store.used_bytes * 100u / store.map_bytes) : 0;
    pk_buf_init(&b, a->payload, sizeof a->payload);
    pk_jw_init(&w, &b);
    pk_shown_home_state(&w, &s);
    const uint32_t crc = pk_crc32c(1, b.p, b.n);
    if (crc == all->state_crc) {
        return true;
    }
    if (a->now.mono_ms < all->state_due_ms) {
        all->is_state_held = true;
        return true;
    }
    if (!say(a, link, PK_SHOWN_HOME_STATE, no_text(), pk_buf_str(&b))) {
        return false;
    }
    all->state_crc = crc;
    all->state_due_ms = a->now.mono_ms + state_apart_ms(a);
    return true;
}

static bool draw_device(struct pk_agent *a, uint32_t link) {
    struct pk_buf b;
    struct pk_json_writer w;
    const struct pk_shown_gateway g = gateway_of(a);
    if (a->shown.is_device_drawn) {
        return true;
    }
    pk_buf_init(&b, a->payload, sizeof a->payload);
    pk_jw_init(&w, &b);
    pk_shown_home_device(&w, &g);
    a->shown.is_device_drawn = say(a, link, PK_SHOWN_HOME_DEVICE, no_text(), pk_buf_str(&b));
    return a->shown.is_device_drawn;
}

static void draw(struct pk_agent *a, uint32_t link, uint32_t which) {
    struct pk_agent_picture *p = &a->shown.pictures[which];
    set_there(a, link, which, true);
    if (which == PK_AGENT_SHOWN_HOME && (!draw_device(a, link) || !draw_state(a, link))) {
        return;
    }
    while (p->cursor < PK_LIMIT_INCIDENTS) {
        if (!draw_slot(a, link, which, p->cursor)) {
            return; /* the next acknowledgement makes room */
        }
        p->cursor++;
    }
}

/* True: all of it was handed over. Incident by incident: what left the table was taken back before it did. */
static bool erase_all(struct pk_agent *a, uint32_t link, uint32_t which) {
    uint32_t *cursor = &a->shown.erased[link][which];
    for (; *cursor < PK_LIMIT_INCIDENTS; (*cursor)++) {
        const uint32_t number = a->incidents.numbers[*cursor];
        if (number != 0 && !take_back(a, link, which, a->incidents.slots[*cursor].incident.boot, number)) {
            return false;
        }
    }
    while (which == PK_AGENT_SHOWN_HOME && *cursor < PK_LIMIT_INCIDENTS + 2u) {
        const bool is_device = *cursor == PK_LIMIT_INCIDENTS;
        if (!say(a, link, is_device ? PK_SHOWN_HOME_DEVICE : PK_SHOWN_HOME_STATE, no_text(), no_text())) {
            return false;
        }
        (*cursor)++;
    }
    return true;
}

/* That something is there is forgotten when the broker has taken all of it back: after a cut, or a refusal,
 * the next connection does it again. */
static void erase(struct pk_agent *a, uint32_t link, uint32_t which) {
    if (erase_all(a, link, which) && a->shown.waiting_count[link] == 0 && !a->shown.is_refused[link] &&
        !a->shown.has_more[link] && a->shown.heard_bits[link] == 0) {
        a->shown.erased[link][which] = 0;
        set_there(a, link, which, false);
    }
}

void pk_agent_shown_answered(struct pk_agent *a, uint32_t link, uint8_t reason) {
    a->shown.waiting_count[link] -= a->shown.waiting_count[link] > 0 ? 1u : 0u;
    a->shown.is_refused[link] = a->shown.is_refused[link] || reason >= 0x80;
}

void pk_agent_shown_write(struct pk_agent *a, uint32_t link) {
    look_back(a, link);
    look_away(a, link);
    for (uint32_t which = 0; which < PK_AGENT_SHOWN_COUNT; which++) {
        if (pk_agent_link_for(a, ROLES[which]) == link) {
            draw(a, link, which);
        } else if (is_there(a, link, which)) {
            erase(a, link, which);
        }
    }
}

/* The broker may have forgotten, and what was on its way is lost: drawn anew. */
void pk_agent_shown_connected(struct pk_agent *a, uint32_t link) {
    a->shown.waiting_count[link] = 0;
    a->shown.is_refused[link] = false;
    a->shown.asked_bits[link] = 0;
    a->shown.heard_bits[link] = 0;
    a->shown.has_more[link] = false;
    a->shown.again_count[link] = 0;
    for (uint32_t which = 0; which < PK_AGENT_SHOWN_COUNT; which++) {
        a->shown.erased[link][which] = 0;
        if (pk_agent_link_for(a, ROLES[which]) != link) {
            continue;
        }
        struct pk_agent_picture *p = &a->shown.pictures[which];
        for (uint32_t i = 0; i < PK_LIMIT_INCIDENTS; i++) {
            p->slots[i].is_sure = false;
        }
        p->cursor = 0;
        if (which == PK_AGENT_SHOWN_HOME) {
            a->shown.is_device_drawn = false;
            a->shown.state_crc = 0;
            a->shown.state_due_ms = 0;
        }
    }
}

void pk_agent_shown_changed(struct pk_agent *a) {
    for (uint32_t which = 0; which < PK_AGENT_SHOWN_COUNT; which++) {
        a->shown.pictures[which].cursor = 0;
    }
}

uint64_t pk_agent_shown_next_ms(const struct pk_agent *a) {
    const uint32_t link = pk_agent_link_for(a, PK_BROKER_HOME_ASSISTANT);
    const bool is_due = link < PK_LINKS && pk_link_is_online(&a->links[link]) && a->shown.is_state_held &&
                        a->shown.state_due_ms > a->now.mono_ms;
    uint64_t next_ms = is_due ? a->shown.state_due_ms : UINT64_MAX;
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        /* One that is due and was not told waits for room: the next answer ticks. */
        const uint64_t ms = a->shown.heard_until_ms[i];
        const bool is_heard = a->shown.heard_bits[i] != 0 && pk_link_is_online(&a->links[i]);
        next_ms = is_heard && ms > a->now.mono_ms && ms < next_ms ? ms : next_ms;
    }
    return next_ms;
}
