/* A link against a stream that does what the test says: addresses, back-off, and who is let in and thrown out
 * again. */
#include "agent/pk_link.h"

#include <string.h>

#include "support/pk_golden.h"
#include "support/pk_test.h"

static struct {
    int open_result, poll_result, recv_result;
    uint8_t in[64];
    uint32_t in_bytes;
    uint8_t out[4096];
    uint32_t out_bytes, open_count, close_count;
    bool needs_close; /* something of the last open is left, whatever it answered */
    struct pk_endpoint endpoint;
} fake;

static int fake_open(void *ctx, const struct pk_endpoint *endpoint) {
    (void)ctx;
    fake.open_count++;
    if (fake.needs_close) {
        return PK_E_CONFLICT;
    }
    fake.needs_close = true;
    fake.endpoint = *endpoint;
    return fake.open_result;
}

static int fake_poll(void *ctx) {
    (void)ctx;
    return fake.poll_result;
}

static int fake_send(void *ctx, const void *p, uint32_t n) {
    (void)ctx;
    const uint32_t room = (uint32_t)sizeof fake.out - fake.out_bytes;
    const uint32_t taken = n < room ? n : room;
    memcpy(fake.out + fake.out_bytes, p, taken);
    fake.out_bytes += taken;
    return (int)taken;
}

static int fake_recv(void *ctx, void *out, uint32_t cap_bytes) {
    (void)ctx;
    if (fake.in_bytes == 0) {
        return fake.recv_result;
    }
    const uint32_t n = fake.in_bytes < cap_bytes ? fake.in_bytes : cap_bytes;
    memcpy(out, fake.in, n);
    fake.in_bytes = 0;
    return (int)n;
}

static void fake_close(void *ctx) {
    (void)ctx;
    fake.close_count++;
    fake.needs_close = false;
}

static const char *fake_error(void *ctx) {
    (void)ctx;
    return "connect: connection refused";
}

static uint64_t fake_resumed(void *ctx) {
    (void)ctx;
    return 0;
}

static const struct pk_port_stream STREAM = {.open = fake_open,
                                             .poll = fake_poll,
                                             .send = fake_send,
                                             .recv = fake_recv,
                                             .close = fake_close,
                                             .error_text = fake_error,
                                             .resumed_count = fake_resumed,
                                             .carried_bytes = fake_resumed};
static struct pk_config_broker config;
static struct pk_link link_;
static uint64_t now_ms;

static const uint8_t CONNACK[] = {0x20, 0x03, 0x00, 0x00, 0x00};
static const uint8_t TAKEN_OVER[] = {0xE0, 0x02, 0x8E, 0x00};

static void start(const char *host, uint64_t seed) {
    memset(&fake, 0, sizeof fake);
    config = (struct pk_config_broker){.is_set = true,
                                       .port = 8883,
                                       .use_tls = true,
                                       .keep_alive_ms = 60000,
                                       .reconnect_first_ms = 1000,
                                       .reconnect_max_ms = 8000};
    (void)pk_str_copy_cut(pk_str_of(host), config.host, sizeof config.host);
    now_ms = 1000000;
    pk_link_init(&link_, &config, &STREAM, "gw-01", seed, now_ms);
}

static void feed(const uint8_t *p, uint32_t n) {
    memcpy(fake.in, p, n);
    fake.in_bytes = n;
}

static void turn(void) {
    struct pk_mqtt_event e;
    (void)pk_link_step(&link_, now_ms);
    while (pk_link_next(&link_, &e, now_ms)) {
    }
    pk_link_flush(&link_, now_ms);
}

/* Waits for the next try and gets it accepted. */
static void come_online(void) {
    now_ms = pk_link_next_ms(&link_);
    turn();
    turn();
    feed(CONNACK, sizeof CONNACK);
    turn();
    CHECK(pk_link_is_online(&link_));
}

static void lose_after(uint64_t ms) {
    now_ms += ms;
    fake.recv_result = PK_E_CLOSED;
    turn();
    fake.recv_result = 0;
    CHECK_EQ_INT(link_.state, PK_LINK_WAITING);
}

PK_TEST(link__not_configured__stays_off) {
    start("192.0.2.1", 1);
    config.is_set = false;
    pk_link_init(&link_, &config, &STREAM, "gw-01", 1, now_ms);
    turn();
    CHECK_EQ_INT(link_.state, PK_LINK_OFF);
    CHECK_EQ_U64(pk_link_next_ms(&link_), UINT64_MAX);
    CHECK_EQ_U64(fake.open_count, 0);
}

PK_TEST(link__numeric_address__needs_no_resolver) {
    static const char *const HOSTS[] = {"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"};
    for (unsigned i = 0; i < sizeof HOSTS / sizeof HOSTS[0]; i++) {
        start(HOSTS[i], 1);
        CHECK(!pk_link_step(&link_, now_ms));
        CHECK_STR(fake.endpoint.address, HOSTS[i]);
        CHECK_STR(fake.endpoint.server_name, HOSTS[i]);
    }
    static const char *const NAMES[] = {"broker", "broker.example", "abc.de", "1a2b"};
    for (unsigned i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        start(NAMES[i], 1);
        CHECK(pk_link_step(&link_, now_ms));
        CHECK_EQ_U64(fake.open_count, 0);
        CHECK(!pk_link_step(&link_, now_ms)); /* asked once */
    }
}

PK_TEST(link__resolved_addresses__are_tried_in_turn) {
    static const char ADDRESSES[2][PK_ADDRESS_BYTES] = {"192.0.2.1", "192.0.2.2"};
    start("broker.example", 1);
    fake.open_result = PK_E_UNREACHABLE;
    for (unsigned i = 0; i < 4; i++) {
        now_ms = pk_link_next_ms(&link_);
        CHECK(pk_link_step(&link_, now_ms));
        pk_link_resolved(&link_, PK_OK, ADDRESSES, 2, now_ms);
        CHECK_STR(fake.endpoint.address, ADDRESSES[i % 2]);
        CHECK_STR(fake.endpoint.server_name, "broker.example");
        CHECK_STR(link_.error, "connect: connection refused");
    }
    CHECK_EQ_U64(link_.failure_count, 4);
    now_ms = pk_link_next_ms(&link_);
    CHECK(pk_link_step(&link_, now_ms));
    pk_link_resolved(&link_, PK_E_NOT_FOUND, NULL, 0, now_ms);
    CHECK_EQ_INT(link_.state, PK_LINK_WAITING);
    pk_link_resolved(&link_, PK_OK, ADDRESSES, 2, now_ms); /* too late: nobody waits for it */
    CHECK_EQ_INT(link_.state, PK_LINK_WAITING);
    now_ms = pk_link_next_ms(&link_);
    CHECK(pk_link_step(&link_, now_ms));
    now_ms += PK_LINK_RESOLVE_TIMEOUT_MS;
    turn();
    CHECK_EQ_INT(link_.state, PK_LINK_WAITING);
}

/* No route, no descriptor: a connection that cannot even be begun is one try like any other. */
PK_TEST(link__open_that_fails_at_once__leaves_nothing_behind) {
    start("192.0.2.1", 1);
    fake.open_result = PK_E_UNREACHABLE;
    for (uint64_t i = 1; i <= 3; i++) {
        now_ms = pk_link_next_ms(&link_);
        turn();
        CHECK_EQ_U64(fake.open_count, i);
        CHECK_EQ_U64(link_.failure_count, i);
        CHECK(!fake.needs_close);
    }
    fake.open_result = PK_OK;
    come_online();
}

PK_TEST(link__back_off__doubles_to_its_bound_with_full_jitter) {
    uint64_t low = UINT64_MAX, high = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        uint64_t first_until_ms = 0;
        start("192.0.2.1", seed);
        fake.poll_result = PK_E_UNREACHABLE;
        for (uint64_t i = 0; i < 12; i++) {
            now_ms = pk_link_next_ms(&link_);
            turn();
            turn();
            CHECK_EQ_U64(link_.failure_count, i + 1);
            const uint64_t wait_ms = pk_link_next_ms(&link_) - now_ms;
            const uint64_t bound_ms =
                i < 3 ? (uint64_t)config.reconnect_first_ms << i : config.reconnect_max_ms;
            const uint64_t rest_ms = i == 1 && first_until_ms > now_ms ? first_until_ms - now_ms : 0;
            CHECK(wait_ms >= 1 + rest_ms && wait_ms <= rest_ms + bound_ms);
            first_until_ms = i == 0 ? now_ms + bound_ms : first_until_ms;
            if (i >= 3) {
                low = wait_ms < low ? wait_ms : low;
                high = wait_ms > high ? wait_ms : high;
            }
        }
        CHECK_EQ_U64(fake.close_count, 12);
    }
    CHECK(low < config.reconnect_max_ms / 10 && high > config.reconnect_max_ms / 10 * 9);
}

/* Lost after it was there: anywhere within the first bound; the second try, too, but after all of that.
 * Before that, as at the first start, nothing waits so long. */
PK_TEST(link__lost_connection__is_spread_and_a_first_start_is_not) {
    uint64_t low = UINT64_MAX, high = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        start("192.0.2.1", seed);
        config.reconnect_first_ms = 45000;
        config.reconnect_max_ms = 120000;
        fake.poll_result = PK_E_UNREACHABLE;
        turn();
        turn();
        CHECK_EQ_U64(link_.failure_count, 1);
        CHECK(pk_link_next_ms(&link_) - now_ms <= PK_LINK_SOON_MS);
        fake.poll_result = PK_OK;
        come_online();
        lose_after(PK_LINK_STABLE_MS);
        const uint64_t lost_ms = now_ms, wait_ms = pk_link_next_ms(&link_) - now_ms;
        CHECK(wait_ms >= 1 && wait_ms <= 45000);
        low = wait_ms < low ? wait_ms : low;
        high = wait_ms > high ? wait_ms : high;
        fake.poll_result = PK_E_UNREACHABLE;
        now_ms = pk_link_next_ms(&link_);
        turn();
        turn();
        CHECK_EQ_U64(link_.failure_count, 2);
        const uint64_t second_ms = pk_link_next_ms(&link_) - lost_ms;
        CHECK(second_ms > 45000 && second_ms <= 45000 + 90000);
    }
    CHECK(low < 4500 && high > 40500);
}

PK_TEST(link__peer_that_does_not_answer__is_given_up) {
    start("192.0.2.1", 1);
    fake.poll_result = PK_E_AGAIN;
    turn();
    CHECK_EQ_INT(link_.state, PK_LINK_CONNECTING);
    now_ms += PK_LINK_CONNECT_TIMEOUT_MS;
    turn();
    CHECK_STR(link_.error, "connecting timed out");
    fake.poll_result = PK_OK;
    now_ms = pk_link_next_ms(&link_);
    turn();
    turn();
    CHECK_EQ_INT(link_.state, PK_LINK_GREETING);
    now_ms = pk_link_next_ms(&link_);
    turn();
    turn();
    CHECK_EQ_INT(link_.state, PK_LINK_WAITING);
    CHECK_STR(link_.error, "no CONNACK in time");
}

PK_TEST(link__short_connections_in_a_row__are_contested) {
    start("192.0.2.1", 1);
    for (uint32_t i = 1; i <= PK_LINK_CONTESTED_COUNT; i++) {
        CHECK(!pk_link_is_contested(&link_));
        come_online();
        CHECK_STR(link_.error, "");
        lose_after(PK_LINK_STABLE_MS - 1);
        CHECK_EQ_U64(link_.lost_count, i);
    }
    CHECK(pk_link_is_contested(&link_));
    const uint64_t most_ms = (uint64_t)config.reconnect_max_ms * PK_LINK_CONTESTED_FACTOR;
    const uint64_t wait_ms = pk_link_next_ms(&link_) - now_ms;
    CHECK(wait_ms >= most_ms / 2 && wait_ms <= most_ms);
    come_online();
    lose_after(PK_LINK_STABLE_MS);
    CHECK(!pk_link_is_contested(&link_));
    CHECK(pk_link_next_ms(&link_) - now_ms <= config.reconnect_first_ms);
}

PK_TEST(link__try_that_is_not_let_in__is_no_contest) {
    start("192.0.2.1", 1);
    for (uint32_t i = 0; i < PK_LINK_CONTESTED_COUNT; i++) {
        come_online();
        lose_after(100);
    }
    CHECK(pk_link_is_contested(&link_));
    fake.poll_result = PK_E_UNREACHABLE;
    now_ms = pk_link_next_ms(&link_);
    turn();
    turn();
    CHECK(!pk_link_is_contested(&link_));
    CHECK(pk_link_next_ms(&link_) - now_ms <= config.reconnect_max_ms);
}

PK_TEST(link__taken_over__is_believed_at_once) {
    start("192.0.2.1", 1);
    come_online();
    now_ms += 3 * PK_LINK_STABLE_MS;
    feed(TAKEN_OVER, sizeof TAKEN_OVER);
    turn();
    turn();
    CHECK_EQ_INT(link_.state, PK_LINK_WAITING);
    CHECK(pk_link_is_contested(&link_));
    CHECK_STR(link_.error, "the broker disconnected: session_taken_over");
    CHECK(pk_link_next_ms(&link_) - now_ms >= config.reconnect_max_ms * 2);
    come_online();
    CHECK(!pk_link_is_contested(&link_));
}

PK_TEST(link__stop__says_goodbye_and_ends) {
    start("192.0.2.1", 1);
    come_online();
    fake.out_bytes = 0;
    pk_link_stop(&link_, now_ms);
    turn();
    CHECK_EQ_INT(link_.state, PK_LINK_OFF);
    CHECK(fake.out_bytes >= 2);
    CHECK_EQ_INT(fake.out[0], 0xE0);
    CHECK_EQ_U64(fake.close_count, 1);
    now_ms += 1000000;
    turn();
    CHECK_EQ_INT(link_.state, PK_LINK_OFF);
    start("192.0.2.1", 1);
    pk_link_stop(&link_, now_ms); /* between two tries there is nothing to say */
    CHECK_EQ_INT(link_.state, PK_LINK_OFF);
}

/* ---- 5 or 3.1.1 ---- */

static const uint8_t CONNACK_311[] = {0x20, 0x02, 0x00, 0x00};
static const uint8_t REFUSED_IN_311[] = {0x20, 0x02, 0x00, 0x01};
static const uint8_t REFUSED_IN_5[] = {0x20, 0x03, 0x00, 0x84, 0x00};
static const uint8_t BAD_PASSWORD[] = {0x20, 0x03, 0x00, 0x86, 0x00};

static void start_with(enum pk_broker_mqtt mqtt) {
    start("192.0.2.1", 1);
    config.mqtt = (uint8_t)mqtt;
    pk_link_init(&link_, &config, &STREAM, "gw-01", 1, now_ms);
}

/* The next try, up to its CONNECT: the level in it. */
static int greet(void) {
    now_ms = pk_link_next_ms(&link_);
    fake.out_bytes = 0;
    turn();
    turn();
    CHECK_EQ_INT(link_.state, PK_LINK_GREETING);
    CHECK(fake.out_bytes > 9);
    CHECK_EQ_INT(fake.out[0], 0x10);
    const uint32_t name = fake.out[1] < 0x80 ? 2 : 3; /* after a length of one byte or two */
    CHECK_MEM(fake.out + name, "\0\4MQTT", 6);
    return fake.out[name + 6];
}

static void answer(const uint8_t *p, uint32_t n) {
    feed(p, n);
    turn();
}

static void hang_up(void) {
    fake.recv_result = PK_E_CLOSED;
    turn();
    fake.recv_result = 0;
    CHECK_EQ_INT(link_.state, PK_LINK_WAITING);
}

PK_TEST(level__refused_in_either_form__next_try_is_3_1_1_and_soon) {
    for (int i = 0; i < 2; i++) {
        start_with(PK_BROKER_MQTT_AUTO);
        config.reconnect_first_ms = 45000;
        link_.connect_count = 1; /* it was connected once: the back-off is the long one */
        CHECK_EQ_INT(greet(), 5);
        CHECK(!pk_link_is_311(&link_));
        answer(i == 0 ? REFUSED_IN_311 : REFUSED_IN_5,
               (uint32_t)(i == 0 ? sizeof REFUSED_IN_311 : sizeof REFUSED_IN_5));
        CHECK_EQ_INT(link_.state, PK_LINK_WAITING);
        CHECK_STR(link_.error, "the broker refused the connection: unsupported_protocol_version");
        CHECK(pk_link_is_311(&link_));
        CHECK(pk_link_next_ms(&link_) - now_ms <= PK_LINK_SOON_MS + 1);
        CHECK_EQ_INT(greet(), 4);
        answer(CONNACK_311, sizeof CONNACK_311);
        CHECK(pk_link_is_online(&link_));
        CHECK_EQ_U64(link_.failure_count, 1);
    }
}

static const uint8_t NO_QOS[] = {0x20, 0x03, 0x00, 0x9B, 0x00};
static const uint8_t NO_RETAIN[] = {0x20, 0x03, 0x00, 0x9A, 0x00};

/* Will QoS, will retain and will flag of the next CONNECT. */
static int will_flags(void) {
    const struct pk_ce ce = {
        .kind = PK_CE_STATUS, .seq = 1, .site = pk_str_of("lab"), .gateway = pk_str_of("gw-01")};
    CHECK_EQ_INT(pk_link_set_will(&link_, pk_str_of("picket/v1/lab/gw-01/status"), pk_str_of("{}"), &ce),
                 PK_OK);
    (void)greet();
    const uint32_t name = fake.out[1] < 0x80 ? 2 : 3;
    return fake.out[name + 7] & 0x3C;
}

PK_TEST(will__refused_for_its_qos_or_because_it_is_retained__goes_without) {
    enum { WILL = 0x04, QOS_1 = 0x08, RETAINED = 0x20 };
    start_with(PK_BROKER_MQTT_5);
    config.reconnect_first_ms = 45000;
    link_.connect_count = 1; /* it was connected once: the back-off is the long one */
    CHECK_EQ_INT(will_flags(), WILL | QOS_1 | RETAINED);
    answer(NO_QOS, sizeof NO_QOS);
    CHECK_STR(link_.error,
              "the broker refused the connection: qos_not_supported; the next will goes without");
    CHECK(pk_link_next_ms(&link_) - now_ms <= PK_LINK_SOON_MS + 1);
    CHECK_EQ_INT(will_flags(), WILL | RETAINED);
    answer(NO_RETAIN, sizeof NO_RETAIN);
    CHECK_EQ_INT(will_flags(), WILL);
    answer(NO_QOS, sizeof NO_QOS); /* it was not the will: nothing to leave out, no haste */
    CHECK_STR(link_.error, "the broker refused the connection: qos_not_supported");
    CHECK(pk_link_next_ms(&link_) - now_ms > PK_LINK_SOON_MS + 1);
    CHECK_EQ_INT(will_flags(), WILL);
    static const uint8_t PLAIN[] = {0x20, 7, 0, 0, 4, 0x24, 0, 0x25, 0}; /* no QoS 1, no retained messages */
    answer(PLAIN, sizeof PLAIN);
    CHECK(pk_link_is_online(&link_));
    lose_after(PK_LINK_STABLE_MS);
    CHECK_EQ_INT(will_flags(), WILL); /* remembered */
    answer(CONNACK, sizeof CONNACK);  /* it has learned them */
    lose_after(PK_LINK_STABLE_MS);
    CHECK_EQ_INT(will_flags(), WILL | QOS_1 | RETAINED);
    answer(NO_QOS, sizeof NO_QOS);
    hang_up();
    pk_link_init(&link_, &config, &STREAM, "gw-01", 1, now_ms);
    CHECK_EQ_INT(will_flags(), WILL | QOS_1 | RETAINED);
}

/* The flags of the next CONNECT; it is answered. */
static int greet_and_see_flags(bool is_accepted) {
    (void)greet();
    const uint32_t name = fake.out[1] < 0x80 ? 2 : 3;
    const int flags = fake.out[name + 7];
    if (is_accepted) {
        answer(pk_link_is_311(&link_) ? CONNACK_311 : CONNACK,
               (uint32_t)(pk_link_is_311(&link_) ? sizeof CONNACK_311 : sizeof CONNACK));
        CHECK(pk_link_is_online(&link_));
        lose_after(1000);
    } else {
        hang_up();
    }
    return flags;
}

PK_TEST(session__begun_anew__until_a_connection_was_accepted) {
    enum { CLEAN = 2 };
    static const enum pk_broker_mqtt LEVELS[] = {PK_BROKER_MQTT_5, PK_BROKER_MQTT_311};
    for (uint32_t i = 0; i < PK_COUNT_OF(LEVELS); i++) {
        start_with(LEVELS[i]);
        config.session_expiry_ms = 60000;
        pk_link_init(&link_, &config, &STREAM, "gw-01", 1, now_ms);
        CHECK_EQ_INT(greet_and_see_flags(false) & CLEAN, 0); /* what an earlier process left is taken up */
        pk_link_begin_anew(&link_);
        CHECK_EQ_INT(greet_and_see_flags(false) & CLEAN, CLEAN);
        CHECK_EQ_INT(greet_and_see_flags(true) & CLEAN, CLEAN);
        CHECK_EQ_INT(greet_and_see_flags(true) & CLEAN, 0);
    }
}

PK_TEST(level__closed_before_connack__is_no_reason) {
    start_with(PK_BROKER_MQTT_AUTO);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ_INT(greet(), 5);
        hang_up();
        CHECK_EQ_INT(greet(), 5);
        fake.recv_result = PK_E_IO; /* reset, instead of closed */
        turn();
        fake.recv_result = 0;
        CHECK_EQ_INT(greet(), 5);
        answer(BAD_PASSWORD, sizeof BAD_PASSWORD);
    }
}

PK_TEST(level__silence_instead_of_connack__is_no_reason) {
    start_with(PK_BROKER_MQTT_AUTO);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ_INT(greet(), 5);
        now_ms = pk_link_next_ms(&link_);
        turn();
        turn();
        CHECK_EQ_INT(link_.state, PK_LINK_WAITING);
        CHECK_STR(link_.error, "no CONNACK in time");
    }
}

static void fall_back(void) {
    start_with(PK_BROKER_MQTT_AUTO);
    CHECK_EQ_INT(greet(), 5);
    answer(REFUSED_IN_311, sizeof REFUSED_IN_311);
    CHECK_EQ_INT(greet(), 4);
    answer(CONNACK_311, sizeof CONNACK_311);
    CHECK(pk_link_is_online(&link_));
}

PK_TEST(level__after_a_day__is_tried_again) {
    fall_back();
    const uint64_t since_ms = now_ms;
    lose_after(PK_LINK_FALLBACK_MS / 2);
    CHECK_EQ_INT(greet(), 4);
    answer(CONNACK_311, sizeof CONNACK_311);
    lose_after(since_ms + PK_LINK_FALLBACK_MS - now_ms);
    CHECK(!pk_link_is_311(&link_));
    CHECK_EQ_INT(greet(), 5);
    answer(REFUSED_IN_311, sizeof REFUSED_IN_311); /* still the old one: another day */
    CHECK_EQ_INT(greet(), 4);
    answer(CONNACK_311, sizeof CONNACK_311);
    lose_after(PK_LINK_FALLBACK_MS / 2);
    CHECK_EQ_INT(greet(), 4);
    lose_after(PK_LINK_FALLBACK_MS);
    CHECK_EQ_INT(greet(), 5);
    answer(CONNACK, sizeof CONNACK);
    CHECK(pk_link_is_online(&link_) && !pk_link_is_311(&link_));
}

PK_TEST(level__reload__tries_5_at_once) {
    fall_back();
    now_ms += 60000;
    pk_link_try_newest(&link_, now_ms);
    CHECK_EQ_INT(link_.state, PK_LINK_WAITING);
    CHECK_STR(link_.error, "MQTT 5 is tried again");
    CHECK(pk_link_next_ms(&link_) - now_ms <= PK_LINK_SOON_MS + 1);
    CHECK_EQ_INT(greet(), 5);
    answer(CONNACK, sizeof CONNACK);
    CHECK(pk_link_is_online(&link_));
    const uint64_t lost_count = link_.lost_count;
    pk_link_try_newest(&link_, now_ms); /* 5 is spoken: nothing to try */
    CHECK_EQ_U64(link_.lost_count, lost_count);
    CHECK(pk_link_is_online(&link_));
    /* Between two tries it is the next one. */
    fall_back();
    lose_after(PK_LINK_STABLE_MS);
    CHECK(pk_link_is_311(&link_));
    pk_link_try_newest(&link_, now_ms);
    CHECK_EQ_INT(greet(), 5);
}

PK_TEST(level__configured__is_kept) {
    start_with(PK_BROKER_MQTT_5);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ_INT(greet(), 5);
        answer(REFUSED_IN_311, sizeof REFUSED_IN_311);
        CHECK_EQ_INT(greet(), 5);
        hang_up();
    }
    start_with(PK_BROKER_MQTT_311);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ_INT(greet(), 4);
        hang_up();
    }
    CHECK_EQ_INT(greet(), 4);
    answer(CONNACK_311, sizeof CONNACK_311);
    now_ms += 2ull * PK_LINK_FALLBACK_MS;
    pk_link_try_newest(&link_, now_ms);
    CHECK(link_.state == PK_LINK_ONLINE);
    lose_after(0);
    CHECK_EQ_INT(greet(), 4);
}

/* 3.1.1 cannot send it, and a CONNECT without it is another one. */
PK_TEST(level__password_without_username__does_not_fall_back) {
    start_with(PK_BROKER_MQTT_AUTO);
    CHECK_EQ_INT(pk_link_set_password(&link_, pk_str_of("secret")), 6);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ_INT(greet(), 5);
        hang_up();
    }
}

PK_TEST(will__on_3_1_1__is_the_golden_structured_event) {
    char data[512], want[1024], payload[1024];
    const struct pk_ce ce = {.kind = PK_CE_STATUS,
                             .boot = 7,
                             .seq = 4,
                             .site = pk_str_of("plant"),
                             .gateway = pk_str_of("gw-1"),
                             .wall_ms = 1790000000000};
    const struct pk_str json = pk_str_trim(pk_golden("status_will.json", data, sizeof data));
    const struct pk_str topic = pk_str_of("picket/v1/plant/gw-1/status");
    start_with(PK_BROKER_MQTT_311);
    config.session_expiry_ms = 86400000;
    pk_link_init(&link_, &config, &STREAM, "gw-01", 1, now_ms);
    CHECK_EQ_INT(pk_link_set_will(&link_, topic, json, &ce), PK_OK);
    CHECK_EQ_INT(greet(), 4);
    /* Retained with QoS 1, and the session is kept; keep-alive, client id and topic come before the will. */
    CHECK_EQ_INT(fake.out[3 + 7], 0x04 | 0x08 | 0x20);
    const uint32_t at = 3 + 10 + 2 + 5 + 2 + topic.n;
    const uint32_t n = (uint32_t)fake.out[at] << 8 | fake.out[at + 1];
    CHECK_EQ_U64(at + 2 + n, fake.out_bytes);
    REQUIRE(n < sizeof payload);
    memcpy(payload, fake.out + at + 2, n);
    payload[n] = '\0';
    const struct pk_str golden = pk_str_trim(pk_golden("cloudevent_will.json", want, sizeof want));
    want[golden.n] = '\0';
    CHECK_STR(payload, want);
}

PK_TEST(will__longest__fits_on_both_levels) {
    static char json[PK_LINK_WILL_BYTES + 1];
    char id[33];
    memset(id, 'i', 32);
    id[32] = '\0';
    memset(json, '1', sizeof json - 1);
    const struct pk_ce ce = {.kind = PK_CE_STATUS,
                             .boot = UINT32_MAX,
                             .seq = UINT64_MAX,
                             .site = pk_str_of(id),
                             .gateway = pk_str_of(id),
                             .wall_ms = INT64_MAX};
    for (unsigned is_311 = 0; is_311 < 2; is_311++) {
        start_with(is_311 ? PK_BROKER_MQTT_311 : PK_BROKER_MQTT_5);
        const struct pk_str longest = pk_str_make(json, PK_LINK_WILL_BYTES - 1);
        CHECK_EQ_INT(pk_link_set_will(&link_, pk_str_of("t"), longest, &ce), PK_OK);
        CHECK(link_.mqtt_config.will.topic.n == 1);
        if (!is_311) {
            CHECK_EQ_INT(pk_link_set_will(&link_, pk_str_of("t"), pk_str_of(json), &ce), PK_E_TOO_BIG);
            CHECK(link_.mqtt_config.will.topic.n == 0);
        }
    }
    const struct pk_ce bad = {.kind = PK_CE_STATUS, .site = pk_str_of("a/b"), .gateway = pk_str_of("g")};
    CHECK_EQ_INT(pk_link_set_will(&link_, pk_str_of("t"), pk_str_of("{}"), &bad), PK_E_BAD_FIELD);
    CHECK(link_.mqtt_config.will.topic.n == 0);
}

PK_TEST_MAIN(will__refused_for_its_qos_or_because_it_is_retained__goes_without,
             session__begun_anew__until_a_connection_was_accepted,
             level__refused_in_either_form__next_try_is_3_1_1_and_soon,
             level__closed_before_connack__is_no_reason, level__silence_instead_of_connack__is_no_reason,
             level__after_a_day__is_tried_again, level__reload__tries_5_at_once, level__configured__is_kept,
             level__password_without_username__does_not_fall_back,
             will__on_3_1_1__is_the_golden_structured_event, will__longest__fits_on_both_levels,
             link__not_configured__stays_off, link__numeric_address__needs_no_resolver,
             link__resolved_addresses__are_tried_in_turn,
             link__open_that_fails_at_once__leaves_nothing_behind,
             link__back_off__doubles_to_its_bound_with_full_jitter,
             link__lost_connection__is_spread_and_a_first_start_is_not,
             link__peer_that_does_not_answer__is_given_up, link__short_connections_in_a_row__are_contested,
             link__try_that_is_not_let_in__is_no_contest, link__taken_over__is_believed_at_once,
             link__stop__says_goodbye_and_ends)
