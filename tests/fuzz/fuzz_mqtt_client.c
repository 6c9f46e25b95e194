/* Bytes a hostile server sends. First byte: bit 0 version 3.1.1, bit 1 QoS 2 is accepted, bit 2 the
 * connection is accepted before the rest is read; the others say how the rest is cut. Whatever the bytes: no
 * assertion, every text handed out lies in the buffer, what we send is whole packets a client may send, and
 * the cut makes no difference. */
#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "mqtt/pk_mqtt_client.h"
#include "mqtt/pk_mqtt_topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RX_BYTES = 512, TX_BYTES = 640, SLOTS = 4, ALIASES = 2, SENT_MAX = 1 << 16 };

struct run {
    struct pk_mqtt_client client;
    struct pk_mqtt_config config;
    uint8_t rx[RX_BYTES], tx[TX_BYTES];
    struct pk_mqtt_out_slot out[SLOTS];
    struct pk_mqtt_in_slot in[SLOTS];
    struct pk_mqtt_alias_slot aliases[ALIASES];
    uint8_t sent[SENT_MAX];
    uint32_t sent_n;
    uint64_t digest;
    uint64_t next_token;
    bool was_dropped; /* the server ended it: what was queued is not said any more */
};

static struct run runs[2];

static void note(struct run *r, const void *p, size_t n) {
    r->digest = pk_hash64_mix(r->digest, pk_hash64(p, n));
}

static void note_text(struct run *r, struct pk_str s) {
    PK_ASSERT(s.n == 0 || ((const uint8_t *)s.p >= r->rx && (const uint8_t *)s.p + s.n <= r->rx + RX_BYTES));
    note(r, s.n > 0 ? s.p : "", s.n);
}

static void note_topic(struct run *r, struct pk_str s) {
    const char *from = (const char *)r->aliases, *to = from + sizeof r->aliases;
    if (s.p >= from && s.p + s.n <= to) {
        note(r, s.p, s.n);
        return;
    }
    note_text(r, s);
}

static void note_event(struct run *r, const struct pk_mqtt_event *e) {
    const uint8_t kind = (uint8_t)e->kind;
    struct pk_str name, value;
    uint32_t at = 0;
    note(r, &kind, 1);
    note(r, &e->props.present, sizeof e->props.present);
    while (pk_mqtt_user_property_next(&e->props, &at, &name, &value)) {
        note_text(r, name);
        note_text(r, value);
        PK_ASSERT(pk_mqtt_text_is_valid(name) && pk_mqtt_text_is_valid(value));
    }
    note_text(r, e->props.content_type);
    note_text(r, e->props.response_topic);
    note_text(r, e->props.correlation);
    note_text(r, e->props.reason_string);
    if (e->kind == PK_MQTT_EV_MESSAGE) {
        PK_ASSERT(pk_mqtt_topic_is_name(e->u.message.topic));
        note_topic(r, e->u.message.topic);
        note_text(r, pk_str_make((const char *)e->u.message.payload, e->u.message.payload_bytes));
    } else if (e->kind == PK_MQTT_EV_ERROR) {
        PK_ASSERT(e->u.error.what != NULL && e->u.error.reason >= PK_MQTT_UNSPECIFIED_ERROR);
        note(r, &e->u.error.reason, 1);
    }
}

static void send_all(struct run *r) {
    const uint8_t *p;
    uint32_t n = pk_mqtt_output(&r->client, &p);
    if (n > SENT_MAX - r->sent_n) {
        n = SENT_MAX - r->sent_n;
    }
    memcpy(r->sent + r->sent_n, p, n);
    r->sent_n += n;
    pk_mqtt_output_done(&r->client, n, 1);
}

static void act(struct run *r, const struct pk_mqtt_event *e) {
    if (e->kind == PK_MQTT_EV_MESSAGE) {
        (void)pk_mqtt_ack(&r->client, e->u.message.handle, PK_MQTT_SUCCESS);
    }
    if (e->kind == PK_MQTT_EV_CONNECTED || e->kind == PK_MQTT_EV_PUBLISHED) {
        const struct pk_mqtt_filter f = {.filter = pk_str_of("a/#"), .qos = 1};
        const struct pk_mqtt_publish m = {.topic = pk_str_of("t"),
                                          .payload = "x",
                                          .payload_bytes = 1,
                                          .qos = (uint8_t)(1 + r->next_token % 2)};
        const int done[] = {pk_mqtt_publish(&r->client, &m, r->next_token++),
                            pk_mqtt_subscribe(&r->client, &f, 1, 0, 1)};
        note(r, done, sizeof done);
    }
}

static void pull(struct run *r) {
    struct pk_mqtt_event e;
    while (pk_mqtt_next(&r->client, &e)) {
        note_event(r, &e);
        act(r, &e);
        send_all(r);
    }
    send_all(r);
}

/* What left the client is packets, whole, of types and flags a client may send (a DISCONNECT last). */
static void check_sent(const struct run *r) {
    static const uint8_t FLAGS[16] = {[8] = 2, [10] = 2, [6] = 2};
    uint32_t at = 0;
    bool is_over = false;
    while (at < r->sent_n) {
        const uint8_t type = r->sent[at] >> 4;
        uint32_t length = 0, shift = 0, used = 1;
        do {
            PK_ASSERT(at + used < r->sent_n && used <= 4);
            length |= (r->sent[at + used] & 127u) << shift;
            shift += 7;
        } while ((r->sent[at + used++] & 128u) != 0);
        PK_ASSERT(!is_over && length <= r->sent_n - at - used);
        PK_ASSERT(type == 1 ? at == 0 : type >= 3 && type != 9 && type != 11 && type != 13 && type != 15);
        PK_ASSERT(type == 3 || (r->sent[at] & 15) == FLAGS[type]);
        is_over = type == 14;
        at += used + length;
    }
}

static void feed(struct run *r, const uint8_t *p, size_t n, uint32_t piece) {
    while (n > 0) {
        const uint32_t wish = n < piece ? (uint32_t)n : piece;
        const uint32_t taken = pk_mqtt_input(&r->client, p, wish, 1);
        pull(r);
        if (taken == 0) {
            return; /* stalled: 3.1.1 without a free slot, or finished */
        }
        p += taken;
        n -= taken;
    }
}

static void run(struct run *r, uint8_t flags, const uint8_t *p, size_t n, uint32_t piece) {
    memset(r, 0, sizeof *r);
    const bool is_311 = (flags & 1) != 0;
    r->config = (struct pk_mqtt_config){.version = is_311 ? PK_MQTT_V311 : PK_MQTT_V5,
                                        .client_id = pk_str_of("gw"),
                                        .session_expiry_s = 9,
                                        .resumes_session = true,
                                        .accepts_qos2 = (flags & 2) != 0,
                                        .keep_alive_s = 60,
                                        .connect_timeout_ms = 1000};
    const struct pk_mqtt_memory memory = {r->rx, RX_BYTES, r->tx, TX_BYTES,   r->out,
                                          SLOTS, r->in,    SLOTS, r->aliases, ALIASES};
    pk_mqtt_init(&r->client, &r->config, &memory);
    const int started = pk_mqtt_start(&r->client, 1);
    PK_ASSERT(started == PK_OK);
    send_all(r);
    if ((flags & 4) != 0) {
        static const uint8_t ACCEPTED[] = {0x20, 3, 0, 0, 0};
        static const uint8_t ACCEPTED_311[] = {0x20, 2, 0, 0};
        feed(r, is_311 ? ACCEPTED_311 : ACCEPTED, is_311 ? sizeof ACCEPTED_311 : sizeof ACCEPTED, 8);
    }
    feed(r, p, n, piece);
    check_sent(r);
    r->was_dropped = r->client.is_finished;
    pk_mqtt_lost(&r->client);
    PK_ASSERT(pk_mqtt_start(&r->client, 2) == PK_OK && r->client.out.used <= SLOTS &&
              r->client.in.used <= SLOTS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) {
        return 0;
    }
    run(&runs[0], data[0], data + 1, size - 1, 4096);
    run(&runs[1], data[0], data + 1, size - 1, 1u + (data[0] >> 3));
    PK_ASSERT(runs[0].digest == runs[1].digest);
    if (runs[0].client.counters.duplicates_in > 0) {
        return 0; /* whether a repeat meets its own answer, or is answered again, is a matter of the cut */
    }
    const uint32_t both = runs[0].sent_n < runs[1].sent_n ? runs[0].sent_n : runs[1].sent_n;
    PK_ASSERT(runs[0].sent_n == runs[1].sent_n || runs[0].was_dropped);
    PK_ASSERT(memcmp(runs[0].sent, runs[1].sent, both) == 0);
    return 0;
}
