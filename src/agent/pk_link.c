#include "agent/pk_link.h"

#include <string.h>

#include "base/pk_assert.h"

static const char STATE_WORDS[PK_LINK_STATE_COUNT][sizeof "connecting"] = {
    "off", "waiting", "resolving", "connecting", "greeting", "online"};

const char *pk_link_state_word(enum pk_link_state state) {
    return state < PK_LINK_STATE_COUNT ? STATE_WORDS[state] : "unknown";
}

void pk_link_init(struct pk_link *l, const struct pk_config_broker *config,
                  const struct pk_port_stream *stream, const char *client_id, uint64_t seed,
                  uint64_t now_ms) {
    memset(l, 0, offsetof(struct pk_link, rx));
    l->config = config;
    l->stream = stream;
    pk_rng_seed(&l->rng, seed);
    (void)pk_str_copy_cut(pk_str_of(client_id), l->client_id, sizeof l->client_id);
    struct pk_mqtt_config *m = &l->mqtt_config;
    m->version = config->mqtt == PK_BROKER_MQTT_311 ? PK_MQTT_V311 : PK_MQTT_V5;
    m->client_id = pk_str_of(l->client_id);
    m->has_username = config->username[0] != '\0';
    m->username = pk_str_of(config->username);
    m->resumes_session = true; /* the outbox and the used command ids are in the store */
    m->session_expiry_s = config->session_expiry_ms / 1000u;
    m->accepts_qos2 = true;
    m->keep_alive_s = (uint16_t)(config->keep_alive_ms / 1000u);
    m->connect_timeout_ms = PK_LINK_CONNECT_TIMEOUT_MS;
    const struct pk_mqtt_memory memory = {.rx = l->rx,
                                          .rx_bytes = sizeof l->rx,
                                          .tx = l->tx,
                                          .tx_bytes = sizeof l->tx,
                                          .out = l->out,
                                          .out_count = PK_COUNT_OF(l->out),
                                          .in = l->in,
                                          .in_count = PK_COUNT_OF(l->in),
                                          .aliases = l->aliases,
                                          .alias_count = PK_COUNT_OF(l->aliases)};
    pk_mqtt_init(&l->mqtt, m, &memory);
    l->state = config->is_set ? PK_LINK_WAITING : PK_LINK_OFF;
    l->deadline_ms = now_ms;
}

void pk_link_begin_anew(struct pk_link *l) {
    l->mqtt_config.clean_start = true;
}

_Static_assert(sizeof(((struct pk_link *)0)->will.structured) <= sizeof(((struct pk_link *)0)->will.binary),
               "3.1.1 costs no memory of its own");

static int put_will_structured(struct pk_link *l, struct pk_str payload, const struct pk_ce *ce) {
    struct pk_buf b;
    struct pk_json_writer w;
    pk_buf_init(&b, l->will.structured, sizeof l->will.structured);
    const int err = pk_ce_structured_begin(ce, &w, &b);
    if (err < 0) {
        return err;
    }
    pk_jw_raw(&w, "data", payload);
    pk_ce_structured_end(&w);
    l->mqtt_config.will.payload = pk_buf_str(&b);
    return b.is_cut ? PK_E_TOO_BIG : PK_OK;
}

static int put_will_binary(struct pk_link *l, struct pk_str payload, const struct pk_ce *ce) {
    struct pk_ce_attributes *attributes = &l->will.binary.attributes;
    if (pk_str_copy(payload, l->will.binary.payload, sizeof l->will.binary.payload) < 0) {
        return PK_E_TOO_BIG;
    }
    const int err = pk_ce_binary(ce, attributes);
    if (err < 0) {
        return err;
    }
    for (uint32_t i = 0; i < attributes->count; i++) {
        l->will.binary.user[i] =
            (struct pk_mqtt_user_property){attributes->items[i].name, attributes->items[i].value};
    }
    struct pk_mqtt_will *will = &l->mqtt_config.will;
    will->payload = pk_str_of(l->will.binary.payload);
    will->payload_is_text = true;
    will->delay_s = l->config->will_delay_ms / 1000u;
    will->content_type = pk_str_of(PK_CE_CONTENT_TYPE_BINARY);
    will->user = l->will.binary.user;
    will->user_count = attributes->count;
    return PK_OK;
}

static void shape_will(struct pk_link *l) {
    l->mqtt_config.will.qos = l->has_plain_will ? 0 : 1;
    l->mqtt_config.will.is_retained = !l->has_passing_will;
}

int pk_link_set_will(struct pk_link *l, struct pk_str topic, struct pk_str payload, const struct pk_ce *ce) {
    l->mqtt_config.will = (struct pk_mqtt_will){.qos = 0};
    if (pk_str_copy(topic, l->will_topic, sizeof l->will_topic) < 0) {
        return PK_E_TOO_BIG;
    }
    const int err = pk_link_is_311(l) ? put_will_structured(l, payload, ce) : put_will_binary(l, payload, ce);
    if (err < 0) {
        return err;
    }
    l->mqtt_config.will.topic = pk_str_of(l->will_topic); /* with a topic there is a will */
    shape_will(l);
    return PK_OK;
}

int pk_link_set_password(struct pk_link *l, struct pk_str password) {
    const int err = pk_str_copy(password, l->password, sizeof l->password);
    l->mqtt_config.has_password = err >= 0 && password.n > 0;
    l->mqtt_config.password = pk_str_make(l->password, err >= 0 ? password.n : 0);
    return err;
}

/* Full jitter: anywhere between nothing and the doubled bound, so a fleet that lost its broker does not come
 * back in step. The second try comes after all of the time over which the first one was spread: else the
 * seconds of the one are those of the other, too. Who was never connected is no part of such a fleet. */
static void back_off(struct pk_link *l, uint64_t now_ms) {
    uint64_t bound = l->config->reconnect_first_ms;
    if (l->connect_count == 0 && bound > PK_LINK_SOON_MS) {
        bound = PK_LINK_SOON_MS;
    }
    for (uint32_t i = 0; i < l->attempt && bound < l->config->reconnect_max_ms; i++) {
        bound *= 2;
    }
    if (bound > l->config->reconnect_max_ms) {
        bound = l->config->reconnect_max_ms;
    }
    uint64_t base_ms = now_ms;
    if (l->attempt == 0) {
        l->spread_until_ms = now_ms + bound;
    } else if (l->spread_until_ms > now_ms) {
        base_ms = l->spread_until_ms;
    }
    if (l->attempt < 32) {
        l->attempt++;
    }
    uint64_t least = 1;
    if (pk_link_is_contested(l)) {
        bound = (uint64_t)l->config->reconnect_max_ms * PK_LINK_CONTESTED_FACTOR / 2;
        least = bound;
    }
    l->deadline_ms = base_ms + least + pk_rng_below(&l->rng, bound);
    l->state = PK_LINK_WAITING;
}

/* Whatever became of the open: closing what is closed does nothing, and a try never meets what an earlier one
 * left. */
static void close_stream(struct pk_link *l) {
    l->stream->close(l->stream->ctx);
    pk_mqtt_lost(&l->mqtt);
}

bool pk_link_is_contested(const struct pk_link *l) {
    return l->is_taken_over || l->short_count >= PK_LINK_CONTESTED_COUNT;
}

/* ---- 5 or 3.1.1 ---- */

bool pk_link_is_311(const struct pk_link *l) {
    return l->mqtt_config.version == PK_MQTT_V311;
}

/* A password alone is nothing that 3.1.1 could send. */
static bool may_fall_back(const struct pk_link *l) {
    return l->config->mqtt == PK_BROKER_MQTT_AUTO &&
           (l->mqtt_config.has_username || !l->mqtt_config.has_password);
}

/* How this try or connection ended says what the next one speaks; true when it need not wait for long. Only a
 * broker that says it does not know this level is believed: one that hangs up may do so for many reasons. */
static bool judge_level(struct pk_link *l, uint64_t now_ms) {
    const bool is_311 = pk_link_is_311(l);
    const bool was_refused = l->is_level_refused;
    l->is_level_refused = false;
    if (!may_fall_back(l)) {
        return false;
    }
    if (is_311) {
        const bool was_asked = l->v5_again_ms == 0; /* pk_link_try_newest */
        l->v5_again_ms = was_refused ? 0 : l->v5_again_ms;
        return was_asked;
    }
    if (was_refused) {
        l->v5_again_ms = now_ms + PK_LINK_FALLBACK_MS;
    }
    return was_refused;
}

static void choose_level(struct pk_link *l) {
    if (l->config->mqtt == PK_BROKER_MQTT_AUTO) {
        l->mqtt_config.version = l->deadline_ms < l->v5_again_ms ? PK_MQTT_V311 : PK_MQTT_V5;
    }
}

void pk_link_try_newest(struct pk_link *l, uint64_t now_ms) {
    if (l->v5_again_ms == 0) {
        return;
    }
    l->v5_again_ms = 0;
    if (l->state == PK_LINK_WAITING) {
        choose_level(l);
    } else if (pk_link_is_311(l)) {
        pk_link_drop(l, "MQTT 5 is tried again", now_ms);
    }
}

static void judge_connection(struct pk_link *l, uint64_t now_ms) {
    if (now_ms - l->online_since_ms >= PK_LINK_STABLE_MS) {
        l->attempt = 0;
        l->short_count = 0;
    } else {
        l->short_count++;
    }
}

void pk_link_drop(struct pk_link *l, const char *why, uint64_t now_ms) {
    if (l->state == PK_LINK_OFF) {
        return;
    }
    (void)pk_str_copy_cut(pk_str_of(why), l->error, sizeof l->error);
    const bool is_soon = judge_level(l, now_ms) || l->is_will_refused;
    l->is_will_refused = false;
    if (l->state == PK_LINK_ONLINE) {
        l->lost_count++;
        judge_connection(l, now_ms);
    } else {
        l->failure_count++;
        l->short_count = 0; /* who fights for our name does not keep us from being let in */
    }
    close_stream(l);
    if (l->is_stopping) {
        l->state = PK_LINK_OFF;
    } else {
        back_off(l, now_ms);
        if (is_soon) { /* its turn has come: only the level, or the will, was wrong */
            l->deadline_ms = now_ms + 1 + pk_rng_below(&l->rng, PK_LINK_SOON_MS);
        }
        choose_level(l);
    }
}

static bool is_numeric_address(const char *host) {
    const struct pk_str s = pk_str_of(host);
    bool has_colon = false;
    for (uint32_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        if (c == ':') {
            has_colon = true;
        }
        if (!((c >= '0' && c <= '9') || c == '.' || c == ':')) {
            const bool is_hex = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
            if (!is_hex || memchr(s.p, ':', s.n) == NULL) {
                return false;
            }
        }
    }
    return s.n > 0 && (has_colon || memchr(s.p, '.', s.n) != NULL);
}

/* While MQTT asks often, TCP may ask as well; where each byte costs, MQTT does it alone. */
static uint16_t idle_s_of(uint32_t keep_alive_ms) {
    enum { TCP_ASKS_MS = 60000, LONGEST_S = 32767 }; /* what Linux takes */
    const uint32_t idle_s = keep_alive_ms / 1000u * 3u / 2u;
    return keep_alive_ms <= TCP_ASKS_MS ? 0u : (uint16_t)(idle_s < LONGEST_S ? idle_s : LONGEST_S);
}

static void open_next_address(struct pk_link *l, uint64_t now_ms) {
    PK_ASSERT(l->address_count > 0);
    struct pk_endpoint *e = &l->endpoint;
    memset(e, 0, sizeof *e);
    memcpy(e->address, l->addresses[l->address_next % l->address_count], sizeof e->address);
    l->address_next++;
    (void)pk_str_copy_cut(pk_str_of(l->config->host), e->server_name, sizeof e->server_name);
    e->port = l->config->port;
    e->use_tls = l->config->use_tls;
    e->idle_s = idle_s_of(l->config->keep_alive_ms);
    e->wall_floor_ms = l->wall_floor_ms;
    l->state = PK_LINK_CONNECTING;
    l->deadline_ms = now_ms + PK_LINK_CONNECT_TIMEOUT_MS;
    if (l->stream->open(l->stream->ctx, e) < 0) {
        pk_link_drop(l, l->stream->error_text(l->stream->ctx), now_ms);
    }
}

/* A try begins. True when the name must be resolved first. */
static bool begin(struct pk_link *l, uint64_t now_ms) {
    if (is_numeric_address(l->config->host)) {
        (void)pk_str_copy_cut(pk_str_of(l->config->host), l->addresses[0], sizeof l->addresses[0]);
        l->address_count = 1;
        open_next_address(l, now_ms);
        return false;
    }
    l->state = PK_LINK_RESOLVING;
    l->deadline_ms = now_ms + PK_LINK_RESOLVE_TIMEOUT_MS;
    return true;
}

void pk_link_resolved(struct pk_link *l, int err, const char (*addresses)[PK_ADDRESS_BYTES], uint32_t count,
                      uint64_t now_ms) {
    if (l->state != PK_LINK_RESOLVING) {
        return;
    }
    if (err < 0 || count == 0) {
        pk_link_drop(l, "the broker's name cannot be resolved", now_ms);
        return;
    }
    l->address_count = count < PK_LINK_ADDRESSES ? count : PK_LINK_ADDRESSES;
    memcpy(l->addresses, addresses, l->address_count * sizeof l->addresses[0]);
    open_next_address(l, now_ms);
}

static void advance_connection(struct pk_link *l, uint64_t now_ms) {
    const int err = l->stream->poll(l->stream->ctx);
    if (err == PK_E_AGAIN) {
        if (now_ms >= l->deadline_ms) {
            pk_link_drop(l, "connecting timed out", now_ms);
        }
        return;
    }
    if (err < 0) {
        pk_link_drop(l, l->stream->error_text(l->stream->ctx), now_ms);
        return;
    }
    if (pk_mqtt_start(&l->mqtt, now_ms) < 0) {
        pk_link_drop(l, "CONNECT does not fit the buffer", now_ms);
        return;
    }
    l->state = PK_LINK_GREETING;
    l->deadline_ms = UINT64_MAX;
}

static void read_input(struct pk_link *l, uint64_t now_ms) {
    for (;;) {
        uint32_t room = 0;
        uint8_t *to = pk_mqtt_rx_space(&l->mqtt, &room);
        if (room == 0) {
            return;
        } /* events wait to be pulled first */
        const int n = l->stream->recv(l->stream->ctx, to, room);
        if (n == 0) {
            return;
        }
        if (n < 0) {
            pk_link_drop(l,
                         n == PK_E_CLOSED ? "the broker closed the connection"
                                          : l->stream->error_text(l->stream->ctx),
                         now_ms);
            return;
        }
        pk_mqtt_rx_done(&l->mqtt, (uint32_t)n, now_ms);
        if ((uint32_t)n < room) {
            return;
        }
    }
}

bool pk_link_step(struct pk_link *l, uint64_t now_ms) {
    switch (l->state) {
    case PK_LINK_OFF:
    case PK_LINK_STATE_COUNT:
        return false;
    case PK_LINK_WAITING:
        return now_ms >= l->deadline_ms && begin(l, now_ms);
    case PK_LINK_RESOLVING:
        if (now_ms >= l->deadline_ms) {
            pk_link_drop(l, "resolving the broker's name timed out", now_ms);
        }
        return false;
    case PK_LINK_CONNECTING:
        advance_connection(l, now_ms);
        return false;
    case PK_LINK_GREETING:
    case PK_LINK_ONLINE:
        break;
    }
    pk_mqtt_tick(&l->mqtt, now_ms);
    read_input(l, now_ms);
    return false;
}

/* A broker that lacks QoS 1 or retained messages refuses a will with them: the next one goes without. */
static void judge_will(struct pk_link *l, uint8_t reason) {
    const struct pk_mqtt_will *will = &l->mqtt_config.will;
    const bool is_qos = reason == PK_MQTT_QOS_NOT_SUPPORTED && will->qos > 0;
    const bool is_retain = reason == PK_MQTT_RETAIN_NOT_SUPPORTED && will->is_retained;
    if (will->topic.n == 0 || (!is_qos && !is_retain)) {
        return;
    }
    l->has_plain_will = l->has_plain_will || is_qos;
    l->has_passing_will = l->has_passing_will || is_retain;
    l->is_will_refused = true;
    shape_will(l);
}

static void note_refusal(struct pk_link *l, const struct pk_mqtt_event *e) {
    struct pk_buf b;
    pk_buf_init(&b, l->error, sizeof l->error);
    pk_buf_puts(&b, e->kind == PK_MQTT_EV_REFUSED ? "the broker refused the connection: "
                                                  : "the broker disconnected: ");
    pk_buf_puts(&b, pk_mqtt_reason_word(e->u.refused.reason));
    if (l->is_will_refused) {
        pk_buf_puts(&b, "; the next will goes without");
    }
}

bool pk_link_next(struct pk_link *l, struct pk_mqtt_event *out, uint64_t now_ms) {
    if (l->state != PK_LINK_GREETING && l->state != PK_LINK_ONLINE) {
        return false;
    }
    if (!pk_mqtt_next(&l->mqtt, out)) {
        return false;
    }
    switch (out->kind) {
    case PK_MQTT_EV_CONNECTED:
        l->state = PK_LINK_ONLINE;
        l->is_taken_over = false;
        l->mqtt_config.clean_start = false;
        /* What it offers by now the next will has again. */
        l->has_plain_will = l->has_plain_will && l->mqtt.limits.max_qos == 0;
        l->has_passing_will = l->has_passing_will && !l->mqtt.limits.has_retain;
        l->connect_count++;
        l->online_since_ms = now_ms;
        l->error[0] = '\0';
        break;
    case PK_MQTT_EV_REFUSED:
    case PK_MQTT_EV_DISCONNECTED:
        l->is_taken_over = out->u.refused.reason == PK_MQTT_SESSION_TAKEN_OVER;
        l->is_level_refused =
            out->kind == PK_MQTT_EV_REFUSED && out->u.refused.reason == PK_MQTT_UNSUPPORTED_VERSION;
        if (out->kind == PK_MQTT_EV_REFUSED) {
            judge_will(l, out->u.refused.reason);
        }
        note_refusal(l, out);
        break;
    case PK_MQTT_EV_ERROR:
        (void)pk_str_copy_cut(pk_str_of(out->u.error.what), l->error, sizeof l->error);
        break;
    case PK_MQTT_EV_MESSAGE:
    case PK_MQTT_EV_PUBLISHED:
    case PK_MQTT_EV_SUBSCRIBED:
    case PK_MQTT_EV_UNSUBSCRIBED:
        break;
    }
    return true;
}

void pk_link_flush(struct pk_link *l, uint64_t now_ms) {
    if (l->state != PK_LINK_GREETING && l->state != PK_LINK_ONLINE) {
        return;
    }
    for (;;) {
        const uint8_t *p = NULL;
        const uint32_t n = pk_mqtt_output(&l->mqtt, &p);
        if (n == 0) {
            break;
        }
        const int sent = l->stream->send(l->stream->ctx, p, n);
        if (sent < 0) {
            pk_link_drop(l, l->stream->error_text(l->stream->ctx), now_ms);
            return;
        }
        if (sent == 0) {
            break;
        }
        pk_mqtt_output_done(&l->mqtt, (uint32_t)sent, now_ms);
    }
    if (pk_mqtt_is_finished(&l->mqtt)) {
        char why[sizeof l->error];
        memcpy(why, l->error, sizeof why);
        pk_link_drop(l, why[0] != '\0' ? why : "closed", now_ms);
    }
}

void pk_link_stop(struct pk_link *l, uint64_t now_ms) {
    l->is_stopping = true;
    if (l->state == PK_LINK_ONLINE) {
        pk_mqtt_stop(&l->mqtt, PK_MQTT_SUCCESS, now_ms);
        return;
    }
    close_stream(l);
    l->state = PK_LINK_OFF;
}

bool pk_link_is_online(const struct pk_link *l) {
    return l->state == PK_LINK_ONLINE && pk_mqtt_is_connected(&l->mqtt);
}

uint64_t pk_link_next_ms(const struct pk_link *l) {
    if (l->state == PK_LINK_OFF) {
        return UINT64_MAX;
    }
    const uint64_t mqtt_ms = l->state >= PK_LINK_GREETING ? pk_mqtt_next_deadline_ms(&l->mqtt) : UINT64_MAX;
    return mqtt_ms < l->deadline_ms ? mqtt_ms : l->deadline_ms;
}
