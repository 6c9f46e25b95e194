/* Mapping rows at work: subscriptions for their filters, messages to events, counts. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "wire/pk_shown.h"

/* Subscription identifiers tell which filters a copy of a message came for: brokers send one for each. */
enum { ID_OWN = 1, ID_ROWS = 2, IDS_MAX = 16 };

static struct pk_str filter_of(const struct pk_map_table *t, uint32_t row) {
    return pk_map_str(t, t->rows[row].topic);
}

static bool has_filter(const struct pk_map_table *t, struct pk_str filter) {
    for (uint32_t i = 0; i < t->count; i++) {
        if (pk_str_eq(filter, filter_of(t, i))) {
            return true;
        }
    }
    return false;
}

static bool is_event_broker(const struct pk_agent *a, uint32_t link) {
    return (a->config.broker[link].roles & PK_BROKER_EVENTS) != 0;
}

/* ---- subscriptions ---- */

static void begin_anew(struct pk_agent_map_link *l) {
    l->next = 0;
    l->answered = 0;
    l->is_refused_only = false;
    pk_bitset_clear_all(l->refused, PK_LIMIT_MAPS);
}

void pk_agent_maps_renew(struct pk_agent *a) {
    const struct pk_map_table *t = &a->config.maps;
    struct pk_agent_maps *m = &a->maps;
    memset(m->counts, 0, sizeof m->counts);
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t first = 0;
        while (!pk_str_eq(filter_of(t, first), filter_of(t, i))) {
            first++;
        }
        m->first[i] = (uint16_t)first;
    }
    for (uint32_t link = 0; link < PK_LINKS; link++) {
        begin_anew(&m->links[link]);
        m->links[link].leave = 0;
        m->links[link].is_fresh = false;
    }
}

/* Rows of one filter share a subscription; it brings retained messages when one of them wants those. */
static bool wants_retained(const struct pk_agent *a, uint32_t first) {
    for (uint32_t i = first; i < a->config.maps.count; i++) {
        if (a->maps.first[i] == first && a->config.maps.rows[i].takes_retained) {
            return true;
        }
    }
    return false;
}

static void note_refused(struct pk_agent *a, uint32_t link, uint32_t row, const char *why) {
    char text[PK_MAP_TOPIC_BYTES_MAX + 64];
    struct pk_buf b;
    pk_bitset_set(a->maps.links[link].refused, PK_LIMIT_MAPS, row);
    pk_agent_subscribe_refused(a, link);
    if (pk_agent_subscribe_is_said(a, link)) {
        return;
    }
    pk_buf_init(&b, text, sizeof text);
    pk_buf_put_str(&b, filter_of(&a->config.maps, row));
    pk_buf_puts(&b, ": ");
    pk_buf_puts(&b, why);
    pk_agent_log1(a, PK_LOG_ERROR, "the topic of a mapping row cannot be subscribed", pk_buf_str(&b));
}

/* Filters of the rows before a reload that no row has now. False: not all of them could be told. */
static bool leave(struct pk_agent *a, uint32_t link) {
    const struct pk_map_table *old = &a->config_spare.maps;
    struct pk_agent_map_link *l = &a->maps.links[link];
    while (a->maps.leaves_old && l->leave < old->count) {
        const struct pk_str filter = filter_of(old, l->leave);
        if (!has_filter(&a->config.maps, filter) &&
            pk_mqtt_unsubscribe(&a->links[link].mqtt, &filter, 1, PK_AGENT_TOKEN_MAPS) == PK_E_FULL) {
            return false;
        }
        l->leave++;
    }
    return true;
}

uint32_t pk_agent_maps_own_id(const struct pk_agent *a, uint32_t link) {
    const bool has_ids = a->links[link].mqtt.limits.has_subscription_ids;
    return a->config.maps.count > 0 && has_ids ? ID_OWN : 0;
}

void pk_agent_maps_subscribe(struct pk_agent *a, uint32_t link) {
    struct pk_agent_map_link *l = &a->maps.links[link];
    struct pk_mqtt_client *mqtt = &a->links[link].mqtt;
    if (!is_event_broker(a, link) || !leave(a, link)) {
        return;
    }
    while (l->next < a->config.maps.count) {
        const uint32_t row = l->next;
        if (l->is_refused_only && !pk_bitset_has(l->refused, PK_LIMIT_MAPS, row)) {
            l->next++;
            continue;
        }
        const uint8_t wanted = l->is_fresh ? 0 : 1; /* after a reload only of what is new */
        const struct pk_mqtt_filter filter = {.filter = filter_of(&a->config.maps, row),
                                              .qos = pk_agent_event_qos(a, link),
                                              .retain_handling = wants_retained(a, row) ? wanted : 2};
        int err = PK_OK;
        if (a->maps.first[row] == row) {
            err = pk_mqtt_subscribe(mqtt, &filter, 1, mqtt->limits.has_subscription_ids ? row + ID_ROWS : 0,
                                    PK_AGENT_TOKEN_MAPS + 1u + row);
        } else {
            l->answered++;
        }
        if (err == PK_E_FULL || err == PK_E_CLOSED) {
            return; /* the next answer makes room */
        }
        if (err < 0) {
            l->answered++;
            note_refused(a, link, row, pk_err_text(err));
        }
        l->next++;
    }
}

void pk_agent_maps_again(struct pk_agent *a, uint32_t link) {
    struct pk_agent_map_link *l = &a->maps.links[link];
    const uint32_t count = pk_bitset_count(l->refused, PK_LIMIT_MAPS);
    if (count == 0) {
        return;
    }
    if (l->next < a->config.maps.count || l->answered < a->config.maps.count) {
        pk_agent_subscribe_refused(a, link); /* the others are not all answered yet: after them */
        return;
    }
    l->next = 0;
    l->answered -= count;
    l->is_refused_only = true;
}

void pk_agent_maps_connected(struct pk_agent *a, uint32_t link, bool subscribe_again) {
    struct pk_agent_map_link *l = &a->maps.links[link];
    if (subscribe_again || l->answered < a->config.maps.count) {
        begin_anew(l);
    } else {
        pk_agent_maps_again(a, link);
    }
    l->is_fresh = l->is_fresh || subscribe_again;
}

void pk_agent_maps_answered(struct pk_agent *a, uint32_t link, const struct pk_mqtt_event *e) {
    const uint64_t row = e->u.answered.token - PK_AGENT_TOKEN_MAPS - 1u;
    if (e->kind != PK_MQTT_EV_SUBSCRIBED || row >= a->config.maps.count) {
        return;
    }
    a->maps.links[link].answered++;
    if (e->u.answered.codes[0] >= 0x80) {
        note_refused(a, link, (uint32_t)row, pk_mqtt_reason_word(e->u.answered.codes[0]));
    } else {
        pk_bitset_clear(a->maps.links[link].refused, PK_LIMIT_MAPS, (uint32_t)row);
    }
}

/* ---- messages ---- */

/* What the copy of a message came for; count 0: the broker does not say. */
struct ids {
    uint32_t count, list[IDS_MAX];
};

static void read_ids(const struct pk_mqtt_event *e, struct ids *out) {
    uint32_t at = 0, id = 0;
    out->count = 0;
    while (out->count < IDS_MAX && pk_mqtt_subscription_id_next(&e->props, &at, &id)) {
        out->list[out->count++] = id;
    }
}

static bool has_id(const struct ids *ids, uint32_t id) {
    bool is_there = ids->count == 0;
    for (uint32_t i = 0; i < ids->count; i++) {
        is_there = is_there || ids->list[i] == id;
    }
    return is_there;
}

bool pk_agent_maps_is_copy(const struct pk_mqtt_event *e) {
    struct ids ids;
    read_ids(e, &ids);
    return !has_id(&ids, ID_OWN);
}

static void say_misfit(struct pk_agent *a, uint32_t row, const struct pk_map_outcome *o) {
    char text[160];
    struct pk_buf b;
    uint64_t more = 0;
    if (!pk_agent_may_say(a, &a->bad_events, &more)) {
        a->counters.log_suppressed++;
        return;
    }
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, a->config.maps.rows[row].name);
    pk_buf_puts(&b, ": ");
    pk_buf_puts(&b, pk_map_reason_word(o->reason));
    pk_buf_puts(&b, " ");
    pk_buf_puts(&b, o->detail);
    pk_agent_log1(a, PK_LOG_WARNING, "a message does not fit its mapping row", pk_buf_str(&b));
}

static void apply(struct pk_agent *a, uint32_t row, const struct pk_mqtt_event *e) {
    struct pk_map_outcome o;
    const struct pk_str payload = pk_str_make((const char *)e->u.message.payload, e->u.message.payload_bytes);
    const enum pk_map_reason reason = pk_map_apply(&a->config.maps, row, e->u.message.topic, payload,
                                                   e->u.message.is_retained, &a->event_in, &o);
    if (reason == PK_MAP_TAKEN) {
        o.reason = pk_agent_offer(a) ? PK_MAP_TAKEN : PK_MAP_REFUSED;
    } else if (reason != PK_MAP_SKIPPED && reason != PK_MAP_RETAINED) {
        pk_intake_bad(&a->intake, pk_str_make(NULL, 0), a->now.mono_ms);
        say_misfit(a, row, &o);
    }
    pk_map_note(&a->maps.counts[row], &o, a->now.mono_ms);
}

bool pk_agent_maps_message(struct pk_agent *a, uint32_t link, const struct pk_mqtt_event *e) {
    const struct pk_map_table *t = &a->config.maps;
    struct pk_str captures[PK_MAP_CAPTURES_MAX];
    uint32_t capture_count = 0;
    struct ids ids;
    bool is_known = false;
    if (!is_event_broker(a, link)) {
        return false;
    }
    if (pk_str_starts(e->u.message.topic, PK_SHOWN_THIN_EDGE)) {
        return true; /* what we show others: an alarm of it would open the next incident */
    }
    read_ids(e, &ids);
    for (uint32_t row = 0; row < t->count; row++) {
        if (has_id(&ids, a->maps.first[row] + ID_ROWS) &&
            pk_map_match(filter_of(t, row), e->u.message.topic, captures, &capture_count)) {
            is_known = true;
            apply(a, row, e);
        }
    }
    return is_known;
}
