/* What each broker is asked for, and asked again as long as it does not grant it. */
#include <string.h>

#include "agent/pk_agent_priv.h"

/* A bit for each enum pk_topic_filter; the token of a SUBSCRIBE names those in it. */
enum { ALL_BITS = (1u << PK_TOPIC_FILTER_COUNT) - 1u, AGAIN_FIRST_MS = 60000, AGAIN_MOST_MS = 600000 };
_Static_assert(PK_AGENT_TOKEN_SUBSCRIBE + ALL_BITS < PK_AGENT_TOKEN_MAPS, "tokens are told apart");

/* What a device published with QoS 2 is taken exactly once, where the broker has that. */
uint8_t pk_agent_event_qos(const struct pk_agent *a, uint32_t link) {
    return a->links[link].mqtt.limits.max_qos;
}

static bool is_asked_for(const struct pk_agent *a, uint32_t link, uint32_t filter) {
    const struct pk_config_broker *b = &a->config.broker[link];
    if (filter == PK_TOPIC_FILTER_ACK) {
        return b->is_hub_acked;
    }
    return (b->roles & (filter == PK_TOPIC_FILTER_IN ? PK_BROKER_EVENTS : PK_BROKER_COMMANDS)) != 0;
}

uint8_t pk_agent_subscriptions(const struct pk_agent *a, uint32_t link) {
    uint8_t bits = 0;
    for (uint32_t i = 0; i < PK_TOPIC_FILTER_COUNT; i++) {
        bits = (uint8_t)(bits | (is_asked_for(a, link, i) ? 1u << i : 0u));
    }
    return bits;
}

static int put_filter(const struct pk_agent *a, uint32_t filter, struct pk_buf *out) {
    return pk_topic_filter_build(out, (enum pk_topic_filter)filter, pk_str_of(a->config.site),
                                 pk_str_of(a->config.gateway));
}

void pk_agent_subscribe_refused(struct pk_agent *a, uint32_t link) {
    struct pk_agent_subscribing *s = &a->subscribing[link];
    if (s->due_ms != 0) {
        return;
    }
    s->wait_ms = s->wait_ms == 0 ? AGAIN_FIRST_MS : 2 * s->wait_ms;
    s->wait_ms = s->wait_ms < AGAIN_MOST_MS ? s->wait_ms : AGAIN_MOST_MS;
    s->due_ms = a->now.mono_ms + s->wait_ms;
}

bool pk_agent_subscribe_is_said(const struct pk_agent *a, uint32_t link) {
    return a->subscribing[link].is_said;
}

static void ask(struct pk_agent *a, uint32_t link, uint32_t bits) {
    char text[PK_TOPIC_FILTER_COUNT][PK_TOPIC_BYTES];
    struct pk_mqtt_filter filters[PK_TOPIC_FILTER_COUNT];
    struct pk_agent_subscribing *s = &a->subscribing[link];
    uint32_t count = 0;
    uint8_t asked = 0;
    for (uint32_t i = 0; i < PK_TOPIC_FILTER_COUNT; i++) {
        const bool is_event = i == PK_TOPIC_FILTER_IN;
        struct pk_buf b;
        if ((bits >> i & 1u) == 0 || !is_asked_for(a, link, i)) {
            continue;
        }
        pk_buf_init(&b, text[count], sizeof text[count]);
        if (put_filter(a, i, &b) < 0) {
            continue;
        }
        /* The mark of a retained command is kept, or one published to a live subscription would look like any
         * other. A retained reading is an event when it is published, and none when it is only remembered. */
        filters[count++] = (struct pk_mqtt_filter){.filter = pk_buf_str(&b),
                                                   .qos = is_event ? pk_agent_event_qos(a, link) : 1,
                                                   .retain_as_published = !is_event,
                                                   .retain_handling = is_event ? 2 : 1};
        asked |= (uint8_t)(1u << i);
    }
    s->open_bits |= asked;
    if (count > 0 && pk_mqtt_subscribe(&a->links[link].mqtt, filters, count, pk_agent_maps_own_id(a, link),
                                       PK_AGENT_TOKEN_SUBSCRIBE + asked) < 0) {
        if (!s->is_said) {
            pk_agent_log(a, PK_LOG_ERROR, "subscribing failed");
        }
        pk_agent_subscribe_refused(a, link);
    }
}

static void ask_again(struct pk_agent *a, uint32_t link) {
    a->subscribing[link].due_ms = 0;
    ask(a, link, a->subscribing[link].open_bits);
    pk_agent_maps_again(a, link);
}

static void begin_anew(struct pk_agent *a, uint32_t link) {
    struct pk_agent_subscribing *s = &a->subscribing[link];
    *s = (struct pk_agent_subscribing){.open_bits = s->open_bits};
}

void pk_agent_subscribe_connected(struct pk_agent *a, uint32_t link, bool subscribe_again) {
    begin_anew(a, link);
    ask(a, link, subscribe_again ? ALL_BITS : a->subscribing[link].open_bits);
}

void pk_agent_subscribe_reload(struct pk_agent *a, uint32_t link) {
    const bool is_waiting = a->subscribing[link].due_ms != 0 && pk_link_is_online(&a->links[link]);
    if (is_waiting) {
        begin_anew(a, link);
        ask_again(a, link);
    }
}

void pk_agent_subscribe_write(struct pk_agent *a, uint32_t link) {
    struct pk_agent_subscribing *s = &a->subscribing[link];
    if (s->due_ms != 0 && a->now.mono_ms >= s->due_ms) {
        s->is_said = true;
        ask_again(a, link);
    }
    pk_agent_maps_subscribe(a, link);
}

uint64_t pk_agent_subscribe_next_ms(const struct pk_agent *a) {
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        const uint64_t due_ms = a->subscribing[i].due_ms;
        if (due_ms != 0 && pk_link_is_online(&a->links[i]) && due_ms < next) {
            next = due_ms;
        }
    }
    return next;
}

static void say_refused(struct pk_agent *a, uint32_t filter, uint8_t reason) {
    char text[PK_TOPIC_BYTES + 64];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    (void)put_filter(a, filter, &b);
    pk_buf_puts(&b, ": ");
    pk_buf_puts(&b, pk_mqtt_reason_word(reason));
    pk_agent_log1(a, PK_LOG_ERROR, "the broker refused a subscription", pk_buf_str(&b));
}

void pk_agent_subscribe_answered(struct pk_agent *a, uint32_t link, const struct pk_mqtt_event *e) {
    struct pk_agent_subscribing *s = &a->subscribing[link];
    const uint64_t asked = e->u.answered.token - PK_AGENT_TOKEN_SUBSCRIBE;
    uint32_t n = 0;
    if (asked > ALL_BITS) {
        return;
    }
    for (uint32_t i = 0; i < PK_TOPIC_FILTER_COUNT && n < e->u.answered.code_count; i++) {
        if ((asked >> i & 1u) == 0) {
            continue;
        }
        const uint8_t code = e->u.answered.codes[n++];
        if (code < 0x80) {
            s->open_bits &= (uint8_t) ~(1u << i);
            continue;
        }
        if (!s->is_said) {
            say_refused(a, i, code);
        }
        pk_agent_subscribe_refused(a, link);
    }
    if (s->is_said && s->open_bits == 0) {
        pk_agent_log(a, PK_LOG_NOTICE, "the broker grants the subscriptions now that it refused");
    }
}

/* The rows changed: the broker hears of it at once, or when it is there again. */
void pk_agent_links_remap(struct pk_agent *a) {
    pk_agent_maps_renew(a);
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        if (pk_link_is_online(&a->links[i])) {
            begin_anew(a, i);
            ask(a, i, ALL_BITS); /* with an identifier, or without */
        } else {
            a->subscribing[i].open_bits = ALL_BITS;
        }
    }
}
