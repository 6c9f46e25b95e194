/* The client against a small model of a broker over a transport that cuts, delays and splits at random
 * places. What must hold after any number of cuts, with and without the session: every message both ways at
 * least once and in its order; with QoS 2 and a kept session exactly once, also when the client's process
 * dies at any moment and all it has left is what was durable. The broker is strict: it checks packet ids, the
 * windows and the order of acknowledgements. A failure prints its seed: run with PK_SEED=n to repeat it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pk_rng.h"
#include "mqtt/pk_mqtt_client.h"
#include "support/pk_test.h"

enum { COUNT = 60, PIPE_BYTES = 1 << 16, SLOTS = 6, WINDOW_MAX = 8, STORE_MAX = 1024, BATCHES_MAX = 4 };

struct pipe {
    uint8_t bytes[PIPE_BYTES];
    uint32_t n;
};

struct flight {
    uint16_t id;
    uint32_t number;
    bool is_released; /* QoS 2 past PUBREC */
    bool is_sent;     /* on this connection */
};

/* The broker's view: `up` from the client, `down` to it. */
struct broker {
    bool has_session, is_connected, has_subscription;
    uint32_t up[COUNT * 50]; /* numbers as they were accepted */
    uint32_t up_count;
    bool up_id_known[65536]; /* QoS 2 ids between PUBLISH and PUBREL */
    uint16_t up_unanswered;  /* PUBLISH received, answer still in the pipe to the client */
    uint16_t receive_maximum, client_receive_maximum;
    struct flight down[WINDOW_MAX];
    uint32_t down_count, down_next; /* oldest first; next number never sent */
    uint16_t next_id;
};

struct received {
    uint32_t handle, number;
};

/* What the store takes whole or not at all. */
struct batch {
    struct received messages[SLOTS * 2];
    uint32_t message_count;
    uint16_t ids[SLOTS * 2];
    uint32_t id_count;
    bool has_ids, ends_forgetting;
};

struct world {
    struct pk_rng rng;
    uint8_t qos;
    bool may_lose_session;
    struct pk_mqtt_client client;
    struct pk_mqtt_config config;
    uint8_t rx[300], tx[600];
    struct pk_mqtt_out_slot out[SLOTS];
    struct pk_mqtt_in_slot in[SLOTS * 2];
    struct broker broker;
    struct pipe to_broker, to_client;
    uint64_t now_ms;
    uint32_t next;            /* first number the application has not handed over */
    bool is_done[COUNT];      /* PUBLISHED came */
    uint32_t got[COUNT * 50]; /* numbers the application stored */
    uint32_t got_count;
    bool is_stored[COUNT];              /* durable: only then acknowledged */
    struct received waiting[STORE_MAX]; /* not durable yet */
    uint32_t waiting_count;
    uint32_t cuts, crashes;
    const char *wrong; /* first broken rule */
    /* With a process that dies: batches on their way to the medium, oldest first; the ids there. */
    bool does_crash, is_forgetting;
    struct batch batches[BATCHES_MAX];
    uint32_t batch_count, ids_turn;
    uint16_t disk_ids[SLOTS * 2];
    uint32_t disk_id_count;
};

static struct world W;

static void wrong(const char *what) {
    if (W.wrong == NULL) {
        W.wrong = what;
    }
}

static uint32_t below(uint32_t bound) {
    return (uint32_t)pk_rng_below(&W.rng, bound);
}

static void put(struct pipe *p, const void *bytes, uint32_t n) {
    if (p->n + n > PIPE_BYTES) {
        wrong("pipe overflow");
        return;
    }
    memcpy(p->bytes + p->n, bytes, n);
    p->n += n;
}

static void drop_front(struct pipe *p, uint32_t n) {
    p->n -= n;
    memmove(p->bytes, p->bytes + n, p->n);
}

/* ---- the broker ---- */

static void answer(uint8_t first, uint16_t id) {
    const uint8_t packet[] = {first, 2, (uint8_t)(id >> 8), (uint8_t)id};
    put(&W.to_client, packet, 4);
}

static void broker_connect(const uint8_t *body) {
    struct broker *b = &W.broker;
    const bool is_clean = (body[7] & 2) != 0;
    if (is_clean || !b->has_session || (W.may_lose_session && below(3) == 0)) {
        memset(b->up_id_known, 0, sizeof b->up_id_known);
        for (uint32_t i = 0; i < b->down_count; i++) {
            b->down[i].is_sent = false;
            b->down[i].is_released = false; /* this model keeps its messages and only forgets the ids */
            b->down[i].id = 0;
        }
        b->next_id = 0; /* so that the same ids soon name other messages */
        b->has_session = false;
        b->has_subscription = false;
    }
    const bool present = b->has_session;
    /* When this CONNACK is lost the client will be told of a session it takes for the older one. With QoS 2
     * no client could tell, so that case is left out: the session begins when the client answers. */
    b->has_session = W.qos == 1 || present;
    b->is_connected = true;
    b->up_unanswered = 0;
    b->receive_maximum = (uint16_t)(1 + below(SLOTS));
    const uint8_t ack[] = {0x20, 6, present, 0, 3, 0x21, 0, (uint8_t)b->receive_maximum};
    put(&W.to_client, ack, sizeof ack);
    for (uint32_t i = 0; i < b->down_count; i++) { /* MQTT-4.4.0-1 */
        b->down[i].is_sent = false;
    }
}

static void broker_publish(uint8_t flags, const uint8_t *body, uint32_t n) {
    struct broker *b = &W.broker;
    const uint8_t qos = flags >> 1 & 3;
    const uint16_t id = (uint16_t)((unsigned)body[3] << 8 | body[4]);
    uint32_t number = 0;
    for (uint32_t i = 6; i < n; i++) {
        number = number * 10 + (uint32_t)(body[i] - '0');
    }
    if (qos != W.qos || id == 0 || number >= COUNT) {
        wrong("not what the application published");
        return;
    }
    if (++b->up_unanswered > b->receive_maximum) {
        wrong("more than the broker's receive maximum");
    }
    if (qos == 2 && b->up_id_known[id]) {
        if ((flags & 8) == 0) {
            wrong("packet id used again before it was released");
        }
    } else if (b->up_count < COUNT * 50) {
        b->up[b->up_count++] = number;
    }
    b->up_id_known[id] = qos == 2;
    answer(qos == 2 ? 0x50 : 0x40, id);
    if (qos == 1) {
        b->up_unanswered--;
    }
}

static void down_finish(uint16_t id, bool is_released) {
    struct broker *b = &W.broker;
    uint32_t at = 0;
    /* PUBCOMP has no order to keep (section 4.6), and of ids that are in a store it comes later. */
    while (W.does_crash && at + 1 < b->down_count && b->down[at].id != id) {
        at++;
    }
    if (b->down_count == 0 || b->down[at].id != id || !b->down[at].is_sent) {
        wrong("acknowledgement out of order or of nothing");
        return;
    }
    if (is_released && !b->down[at].is_released) {
        wrong("PUBCOMP before PUBREC");
    }
    if (!W.is_stored[b->down[at].number]) {
        wrong("acknowledged before it was stored");
    }
    b->down_count--;
    memmove(&b->down[at], &b->down[at + 1], (b->down_count - at) * sizeof b->down[0]);
}

static void down_pubrec(uint16_t id) {
    struct broker *b = &W.broker;
    bool is_expected = true; /* the first that is not released must be this one (MQTT-4.6.0-3) */
    for (uint32_t i = 0; i < b->down_count; i++) {
        if (b->down[i].is_released) {
            continue;
        }
        is_expected = b->down[i].id == id && b->down[i].is_sent;
        b->down[i].is_released = true;
        if (!W.is_stored[b->down[i].number]) {
            wrong("acknowledged before it was stored");
        }
        break;
    }
    if (!is_expected) {
        wrong("PUBREC out of order");
    }
    answer(0x62, id);
}

static void broker_packet(const uint8_t *p, uint32_t header, uint32_t body_n) {
    W.broker.has_session = W.broker.has_session || p[0] >> 4 != 1;
    const uint8_t *body = p + header;
    const uint16_t id = body_n >= 2 ? (uint16_t)((unsigned)body[0] << 8 | body[1]) : 0;
    switch (p[0] >> 4) {
    case 1:
        broker_connect(body);
        break;
    case 3:
        broker_publish(p[0] & 15, body, body_n);
        break;
    case 4:
        down_finish(id, false);
        break;
    case 5:
        down_pubrec(id);
        break;
    case 6:
        W.broker.up_id_known[id] = false;
        answer(0x70, id);
        if (W.broker.up_unanswered > 0) {
            W.broker.up_unanswered--;
        }
        break;
    case 7:
        down_finish(id, true);
        break;
    case 8: {
        const uint8_t ack[] = {0x90, 4, body[0], body[1], 0, W.qos};
        put(&W.to_client, ack, sizeof ack);
        W.broker.has_subscription = true;
        break;
    }
    case 12:
        put(&W.to_client, "\xD0\x00", 2);
        break;
    default:
        wrong("a packet the broker did not expect");
    }
}

static void broker_read(uint32_t n) {
    struct pipe *p = &W.to_broker;
    uint32_t at = 0;
    while (n - at >= 2) {
        const uint32_t body = p->bytes[at + 1];
        if (body >= 128 || n - at < 2 + body) {
            break;
        }
        broker_packet(p->bytes + at, 2, body);
        at += 2 + body;
    }
    drop_front(p, at);
}

static void down_send(struct flight *f) {
    char payload[8];
    const uint32_t n = (uint32_t)snprintf(payload, sizeof payload, "%u", (unsigned)f->number);
    const bool is_again = f->id != 0;
    if (!is_again) {
        W.broker.next_id = W.broker.next_id == 65535 ? 1 : (uint16_t)(W.broker.next_id + 1);
        f->id = W.broker.next_id;
    }
    const uint8_t first = (uint8_t)(0x30 | (is_again ? 8 : 0) | W.qos << 1);
    const uint8_t head[] = {first, (uint8_t)(6 + n), 0, 1, 'd', (uint8_t)(f->id >> 8), (uint8_t)f->id, 0};
    put(&W.to_client, head, sizeof head);
    put(&W.to_client, payload, n);
    f->is_sent = true;
}

static void broker_deliver(void) {
    struct broker *b = &W.broker;
    if (!b->is_connected || !b->has_subscription) {
        return; /* the model keeps what a real broker would not: a forgotten subscription shows as a run
                   without end */
    }
    for (uint32_t i = 0; i < b->down_count; i++) {
        if (b->down[i].is_sent) {
            continue;
        }
        if (b->down[i].is_released) {
            answer(0x62, b->down[i].id);
            b->down[i].is_sent = true;
        } else {
            down_send(&b->down[i]);
        }
    }
    if (b->down_next < COUNT && b->down_count < SLOTS && below(2) == 0) {
        b->down[b->down_count] = (struct flight){.number = b->down_next++};
        down_send(&b->down[b->down_count++]);
    }
}

/* ---- the application ---- */

static void store(const struct pk_mqtt_event *e) {
    uint32_t number = 0;
    for (uint32_t i = 0; i < e->u.message.payload_bytes; i++) {
        number = number * 10 + (uint32_t)(e->u.message.payload[i] - '0');
    }
    if (!W.does_crash && W.got_count < COUNT * 50) {
        W.got[W.got_count++] = number;
    }
    if (W.waiting_count == STORE_MAX) {
        wrong("too many redeliveries");
        return;
    }
    W.waiting[W.waiting_count++] = (struct received){e->u.message.handle, number};
}

/* The store becomes durable in any order; handles of connections long gone among them. */
static void acknowledge_some(void) {
    if (below(4) > 0) {
        return;
    }
    while (W.waiting_count > 0 && below(3) > 0) {
        const uint32_t at = below(W.waiting_count);
        W.is_stored[W.waiting[at].number] = true;
        (void)pk_mqtt_ack(&W.client, W.waiting[at].handle, PK_MQTT_SUCCESS);
        W.waiting[at] = W.waiting[--W.waiting_count];
    }
}

static struct pk_mqtt_publish message_of(uint64_t token, char *payload, size_t cap_bytes) {
    const int n = snprintf(payload, cap_bytes, "%u", (unsigned)token);
    return (struct pk_mqtt_publish){
        .topic = pk_str_of("u"), .payload = payload, .payload_bytes = (uint32_t)n, .qos = W.qos};
}

static void resend_some(void) {
    char payload[8];
    uint64_t token = 0;
    while (pk_mqtt_resend_peek(&W.client, &token)) {
        if (W.is_done[token]) {
            wrong("asked for a message that was acknowledged");
        }
        const struct pk_mqtt_publish m = message_of(token, payload, sizeof payload);
        if (pk_mqtt_resend(&W.client, &m, token) != PK_OK) {
            return;
        }
    }
}

/* Not careful about what waits to be sent again: the client must not let a newer message pass. */
static void publish_some(void) {
    char payload[8];
    if (below(3) > 0) {
        resend_some();
    }
    while (W.next < COUNT && below(4) > 0) {
        const struct pk_mqtt_publish m = message_of(W.next, payload, sizeof payload);
        if (pk_mqtt_publish(&W.client, &m, W.next) != PK_OK) {
            return;
        }
        W.next++;
    }
}

static void take_events(void) {
    struct pk_mqtt_event e;
    while (pk_mqtt_next(&W.client, &e)) {
        if (e.kind == PK_MQTT_EV_MESSAGE) {
            store(&e);
        } else if (e.kind == PK_MQTT_EV_PUBLISHED) {
            if (W.is_done[e.u.published.token] || e.u.published.reason != 0) {
                wrong("published twice or refused");
            }
            W.is_done[e.u.published.token] = true;
        } else if (e.kind == PK_MQTT_EV_CONNECTED && e.u.connected.subscribe_again) {
            const struct pk_mqtt_filter f = {.filter = pk_str_of("d"), .qos = W.qos};
            if (pk_mqtt_subscribe(&W.client, &f, 1, 0, 0) != PK_OK) {
                wrong("cannot subscribe");
            }
        } else if (e.kind != PK_MQTT_EV_CONNECTED && e.kind != PK_MQTT_EV_SUBSCRIBED) {
            printf("# event %d: %s\n", (int)e.kind, e.kind == PK_MQTT_EV_ERROR ? e.u.error.what : "");
            wrong("an event no rule of the broker calls for");
        }
    }
}

/* ---- an application that may die ---- */

/* Every third message causes nothing that is stored. */
static bool is_light(uint32_t number) {
    return number % 3 == 0;
}

/* One tick: what came since the last one, and the ids that changed, into one batch. */
static void submit(void) {
    if (W.batch_count == BATCHES_MAX) {
        return;
    }
    struct batch *b = &W.batches[W.batch_count];
    memset(b, 0, sizeof *b);
    for (uint32_t i = 0; i < W.waiting_count; i++) {
        if (is_light(W.waiting[i].number)) {
            W.is_stored[W.waiting[i].number] = true;
            (void)pk_mqtt_ack(&W.client, W.waiting[i].handle, PK_MQTT_SUCCESS);
        } else {
            (void)pk_mqtt_keep(&W.client, W.waiting[i].handle);
            b->messages[b->message_count++] = W.waiting[i];
        }
    }
    W.waiting_count = 0;
    if (!W.is_forgetting && pk_mqtt_forget_begin(&W.client) > 0) {
        W.is_forgetting = b->ends_forgetting = true;
    }
    if (W.ids_turn != pk_mqtt_kept_turn(&W.client)) {
        W.ids_turn = pk_mqtt_kept_turn(&W.client);
        b->has_ids = true;
        b->id_count = pk_mqtt_kept(&W.client, b->ids, SLOTS * 2);
    }
    W.batch_count += b->message_count > 0 || b->has_ids ? 1 : 0;
}

static void take_effect(const struct batch *b) {
    for (uint32_t i = 0; i < b->message_count; i++) {
        W.got[W.got_count++] = b->messages[i].number;
        W.is_stored[b->messages[i].number] = true;
    }
    if (b->has_ids) {
        memcpy(W.disk_ids, b->ids, sizeof W.disk_ids);
        W.disk_id_count = b->id_count;
    }
    W.batch_count--;
    memmove(&W.batches[0], &W.batches[1], W.batch_count * sizeof W.batches[0]);
}

static void become_durable(void) {
    while (W.batch_count > 0 && below(3) == 0) {
        const struct batch b = W.batches[0];
        take_effect(&b);
        for (uint32_t i = 0; i < b.message_count; i++) {
            (void)pk_mqtt_ack(&W.client, b.messages[i].handle, PK_MQTT_SUCCESS);
        }
        if (b.ends_forgetting) {
            pk_mqtt_forget_done(&W.client);
            W.is_forgetting = false;
        }
    }
}

static void start_client(void);

/* Some batches reached the medium and nobody was told any more. */
static void crash(void) {
    W.crashes++;
    broker_read(below(W.to_broker.n + 1));
    W.to_broker.n = W.to_client.n = 0;
    W.broker.is_connected = false;
    while (W.batch_count > 0 && below(2) == 0) {
        const struct batch b = W.batches[0];
        take_effect(&b);
    }
    W.batch_count = W.waiting_count = 0;
    W.is_forgetting = false;
    start_client();
    for (uint32_t i = 0; i < W.disk_id_count; i++) {
        if (pk_mqtt_restore(&W.client, W.disk_ids[i]) != PK_OK) {
            wrong("cannot restore");
        }
    }
    W.ids_turn = pk_mqtt_kept_turn(&W.client);
}

/* ---- the world ---- */

static void cut(void) {
    W.cuts++;
    broker_read(below(W.to_broker.n + 1)); /* some of what was sent still arrives */
    W.to_broker.n = W.to_client.n = 0;
    W.broker.is_connected = false;
    pk_mqtt_lost(&W.client);
}

static void turn(bool is_calm) {
    W.now_ms += 1 + below(50);
    if (W.client.state == PK_MQTT_IDLE && pk_mqtt_start(&W.client, W.now_ms) != PK_OK) {
        wrong("cannot start");
    }
    publish_some();
    if (W.does_crash) {
        submit();
        become_durable();
    } else {
        acknowledge_some();
    }
    const uint8_t *p;
    const uint32_t there = pk_mqtt_output(&W.client, &p);
    const uint32_t sent = below(4) == 0 ? below(there + 1) : there;
    put(&W.to_broker, p, sent);
    pk_mqtt_output_done(&W.client, sent, W.now_ms);
    broker_read(below(3) == 0 ? below(W.to_broker.n + 1) : W.to_broker.n);
    broker_deliver();
    const uint32_t given = below(3) == 0 ? below(W.to_client.n + 1) : W.to_client.n;
    drop_front(&W.to_client, pk_mqtt_input(&W.client, W.to_client.bytes, given, W.now_ms));
    take_events();
    pk_mqtt_tick(&W.client, W.now_ms);
    if (!is_calm && below(25) == 0) {
        cut();
    } else if (!is_calm && W.does_crash && below(25) == 0) {
        crash();
    }
}

static bool is_over(void) {
    for (uint32_t i = 0; i < COUNT; i++) {
        if (!W.is_done[i]) {
            return false;
        }
    }
    return W.broker.down_next == COUNT && W.broker.down_count == 0;
}

static void check_sequence(const uint32_t *numbers, uint32_t count, bool is_once) {
    bool seen[COUNT] = {false};
    uint32_t expected = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (seen[numbers[i]] && is_once) {
            wrong("delivered twice");
        }
        if (!seen[numbers[i]] && numbers[i] != expected) {
            wrong("a first delivery out of order");
        }
        expected += seen[numbers[i]] ? 0 : 1;
        seen[numbers[i]] = true;
    }
    if (expected != COUNT) {
        wrong("a message was lost");
    }
}

static void start_client(void) {
    const struct pk_mqtt_memory memory = {W.rx,  sizeof W.rx, W.tx,      sizeof W.tx, W.out,
                                          SLOTS, W.in,        SLOTS * 2, NULL,        0};
    pk_mqtt_init(&W.client, &W.config, &memory);
}

static uint32_t run(uint64_t seed, uint8_t qos, bool may_lose_session) {
    memset(&W, 0, sizeof W);
    pk_rng_seed(&W.rng, seed);
    W.qos = qos;
    W.may_lose_session = may_lose_session;
    W.config = (struct pk_mqtt_config){.version = PK_MQTT_V5,
                                       .client_id = pk_str_of("gw"),
                                       .session_expiry_s = 100,
                                       .keep_alive_s = 60,
                                       .receive_maximum = SLOTS,
                                       .accepts_qos2 = true,
                                       .connect_timeout_ms = 1000000};
    start_client();
    for (int i = 0; i < 100000 && !is_over() && W.wrong == NULL; i++) {
        turn(i > 3000);
    }
    if (!is_over()) {
        wrong("does not come to an end");
    }
    if (W.wrong == NULL) {
        check_sequence(W.broker.up, W.broker.up_count, qos == 2 && !may_lose_session);
        check_sequence(W.got, W.got_count, qos == 2 && !may_lose_session);
    }
    if (W.client.out.used != 0 || (qos == 1 && !is_over())) {
        wrong("a message is still in flight");
    }
    return W.cuts;
}

static void run_many(uint8_t qos, bool may_lose_session) {
    const char *wish = getenv("PK_SEED");
    const uint64_t first = wish != NULL ? strtoull(wish, NULL, 10) : 1;
    const uint64_t last = wish != NULL ? first : 300;
    uint64_t cuts = 0;
    for (uint64_t seed = first; seed <= last; seed++) {
        cuts += run(seed, qos, may_lose_session);
        if (W.wrong != NULL) {
            printf("# PK_SEED=%llu\n", (unsigned long long)seed);
            CHECK_STR(W.wrong, NULL);
            return;
        }
    }
    CHECK(wish != NULL || cuts > 1000); /* the faults were there */
}

PK_TEST(qos_1__session_kept__at_least_once_in_order) {
    run_many(1, false);
}

PK_TEST(qos_1__session_lost_at_times__at_least_once_in_order) {
    run_many(1, true);
}

PK_TEST(qos_2__session_kept__exactly_once_in_order) {
    run_many(2, false);
}

PK_TEST(qos_2__session_lost_at_times__at_least_once_in_order) {
    run_many(2, true);
}

/* Every message that caused something is in the store once. */
static void check_stored_once(void) {
    bool seen[COUNT] = {false};
    for (uint32_t i = 0; i < W.got_count; i++) {
        if (seen[W.got[i]]) {
            wrong("stored twice");
        }
        seen[W.got[i]] = true;
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        if (!seen[i] && !is_light(i)) {
            wrong("a message was lost");
        }
    }
}

static void run_with_crashes(uint64_t seed) {
    memset(&W, 0, sizeof W);
    pk_rng_seed(&W.rng, seed);
    W.qos = 2;
    W.does_crash = true;
    W.next = COUNT; /* this one is about what comes */
    memset(W.is_done, true, sizeof W.is_done);
    W.config = (struct pk_mqtt_config){.version = PK_MQTT_V5,
                                       .client_id = pk_str_of("gw"),
                                       .session_expiry_s = 100,
                                       .resumes_session = true,
                                       .keep_alive_s = 60,
                                       .receive_maximum = SLOTS,
                                       .accepts_qos2 = true,
                                       .connect_timeout_ms = 1000000};
    start_client();
    for (int i = 0; i < 100000 && !(is_over() && W.batch_count == 0) && W.wrong == NULL; i++) {
        turn(i > 3000);
    }
    if (!is_over()) {
        wrong("does not come to an end");
    }
    if (W.wrong == NULL) {
        check_stored_once();
    }
    if (W.wrong == NULL && (W.disk_id_count > 0 || W.client.in.used > 0)) {
        wrong("an id stays for ever");
    }
}

PK_TEST(qos_2__process_killed_at_any_moment__what_is_stored_is_stored_once) {
    uint32_t crashes = 0;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        run_with_crashes(seed);
        crashes += W.crashes;
        if (W.wrong != NULL) {
            printf("# seed %llu\n", (unsigned long long)seed);
            CHECK_STR(W.wrong, NULL);
            return;
        }
    }
    CHECK(crashes > 1000);
}

PK_TEST_MAIN(qos_1__session_kept__at_least_once_in_order,
             qos_1__session_lost_at_times__at_least_once_in_order, qos_2__session_kept__exactly_once_in_order,
             qos_2__session_lost_at_times__at_least_once_in_order,
             qos_2__process_killed_at_any_moment__what_is_stored_is_stored_once)
