/* Packets from the server: events, and what is answered to those it may not send (now). */
#include <string.h>

#include "mqtt/pk_mqtt_client.h"
#include "support/mqtt_rig.h"
#include "support/pk_test.h"

static struct mqtt_rig rig;

PK_TEST(connack__limits__are_read_and_default) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    const struct pk_mqtt_limits *l = &rig.client.limits;
    CHECK_EQ_U64(l->max_packet_bytes, 268435460);
    CHECK_EQ_INT(l->receive_maximum, 65535);
    CHECK_EQ_INT(l->max_qos, 2);
    CHECK_EQ_INT(l->keep_alive_s, 60);
    CHECK_EQ_U64(l->session_expiry_s, 100);
    CHECK(l->has_retain && l->has_wildcards && l->has_shared && l->has_subscription_ids);
    pk_mqtt_lost(&rig.client);
    REQUIRE(rig_connect_with(&rig, false,
                             "27 00 00 01 00 21 00 05 24 01 25 00 28 00 29 00 2a 00 22 00 09 11 00 00 00 07"
                             "12 00 02 'id' 1f 00 02 'hi'"));
    CHECK_EQ_U64(l->max_packet_bytes, 256);
    CHECK_EQ_INT(l->receive_maximum, 5);
    CHECK_EQ_INT(l->max_qos, 1);
    CHECK_EQ_U64(l->session_expiry_s, 7);
    CHECK_EQ_INT(l->topic_alias_maximum, 9);
    CHECK(!l->has_retain && !l->has_wildcards && !l->has_shared && !l->has_subscription_ids);
    CHECK(pk_str_eq_c(rig.event.props.assigned_client_id, "id"));
    CHECK(pk_str_eq_c(rig.event.props.reason_string, "hi"));
    pk_mqtt_lost(&rig.client);
    REQUIRE(rig_connect(&rig, false)); /* limits are of one connection */
    CHECK_EQ_INT(l->receive_maximum, 65535);
    CHECK_EQ_U64(rig.client.counters.connects, 3);
}

PK_TEST(connack__refusal__is_an_event_and_ends_it) {
    rig_init(&rig, PK_MQTT_V5);
    CHECK_EQ_INT(pk_mqtt_start(&rig.client, 0), PK_OK);
    rig_feed(&rig, "20 09 00 9c 06 1c 00 03 'srv'");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_REFUSED);
    CHECK_EQ_INT(rig.event.u.refused.reason, PK_MQTT_USE_ANOTHER_SERVER);
    CHECK(pk_str_eq_c(rig.event.props.server_reference, "srv"));
    CHECK(pk_mqtt_is_finished(&rig.client));
    CHECK(rig_sends(&rig, ""));
    CHECK_EQ_U64(rig.client.counters.by_reason[PK_MQTT_USE_ANOTHER_SERVER_SLOT], 1);
}

PK_TEST(connack__of_a_311_server__is_unsupported_version) {
    rig_init(&rig, PK_MQTT_V5);
    CHECK_EQ_INT(pk_mqtt_start(&rig.client, 0), PK_OK);
    rig_feed(&rig, "20 02 00 01");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_REFUSED);
    CHECK_EQ_INT(rig.event.u.refused.reason, PK_MQTT_UNSUPPORTED_VERSION);
}

/* Connects in this way and feeds CONNACK; the kind of the event. */
static int session_case(bool clean_start, bool resumes, bool was_connected, bool present) {
    rig_init(&rig, PK_MQTT_V5);
    if (was_connected) {
        CHECK(rig_connect(&rig, false));
        pk_mqtt_lost(&rig.client);
    }
    rig.config.clean_start = clean_start;
    rig.config.resumes_session = resumes;
    CHECK_EQ_INT(pk_mqtt_start(&rig.client, 0), PK_OK);
    (void)rig_take(&rig, NULL, UINT32_MAX);
    rig_feed(&rig, present ? "20 03 01 00 00" : "20 03 00 00 00");
    return rig_event(&rig);
}

/* MQTT-3.2.2-4 and -2. */
PK_TEST(connack__session_present__only_when_we_may_have_one) {
    for (int bits = 0; bits < 16; bits++) {
        const bool clean = (bits & 1) != 0, resumes = (bits & 2) != 0, was = (bits & 4) != 0,
                   present = (bits & 8) != 0;
        const bool is_bad = present && (clean || (!resumes && !was));
        CHECK_EQ_INT(session_case(clean, resumes, was, present),
                     is_bad ? PK_MQTT_EV_ERROR : PK_MQTT_EV_CONNECTED);
        if (!is_bad) {
            CHECK_EQ_INT(rig.event.u.connected.session_present, present);
        } else {
            CHECK(pk_mqtt_is_finished(&rig.client));
        }
    }
}

static bool connect_and_lose(bool present, bool has_answer) {
    bool again = false;
    if (has_answer) {
        CHECK(rig_connect(&rig, present));
        again = rig.event.u.connected.subscribe_again;
    } else {
        CHECK_EQ_INT(pk_mqtt_start(&rig.client, 0), PK_OK);
        (void)rig_take(&rig, NULL, 3); /* CONNECT leaves in part: the transport may have taken the rest */
    }
    pk_mqtt_lost(&rig.client);
    return again;
}

PK_TEST(connack__subscriptions_not_confirmed__are_asked_for_again) {
    const struct pk_mqtt_filter f = {.filter = pk_str_of("a"), .qos = 1};
    rig_init(&rig, PK_MQTT_V5);
    CHECK(connect_and_lose(false, true));
    CHECK(connect_and_lose(true, true)); /* lost before SUBACK, or never subscribed */
    REQUIRE(rig_connect(&rig, true));
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 1), PK_OK);
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 2), PK_OK);
    rig_feed(&rig, "90 04 ff 00 00 01");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_SUBSCRIBED);
    pk_mqtt_lost(&rig.client);
    REQUIRE(rig_connect(&rig, true)); /* one of two */
    CHECK(rig.event.u.connected.subscribe_again);
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 1), PK_OK);
    rig_feed(&rig, "90 04 ff 02 00 01");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_SUBSCRIBED);
    pk_mqtt_lost(&rig.client);
    CHECK(!connect_and_lose(true, true)); /* all of them */
    (void)connect_and_lose(true, false);  /* CONNACK lost: it may have said that the session is gone */
    CHECK(connect_and_lose(true, true));
}

PK_TEST(message__fields_and_acknowledgement) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "3b 14 00 03 'a/b' 00 09 07 03 00 04 'json' 'hello'");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK(pk_str_eq_c(rig.event.u.message.topic, "a/b"));
    CHECK_EQ_INT(rig.event.u.message.qos, 1);
    CHECK(rig.event.u.message.is_dup && rig.event.u.message.is_retained);
    CHECK_EQ_INT(rig.event.u.message.packet_id, 9);
    CHECK_EQ_U64(rig.event.u.message.payload_bytes, 5);
    CHECK(pk_str_eq_c(rig.event.props.content_type, "json"));
}

PK_TEST(message__acknowledged_only_when_the_application_says_so) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig,
             "30 04 00 01 't' 00 32 06 00 01 't' 00 01 00 32 06 00 01 't' 00 02 00 32 06 00 01 't' 00 03 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_U64(rig.event.u.message.handle, 0);
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, 0, 0), PK_OK);
    uint32_t handle[3];
    for (int i = 0; i < 3; i++) {
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
        handle[i] = rig.event.u.message.handle;
    }
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, ""));
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, handle[1], 0x97), PK_OK);
    CHECK(!pk_mqtt_has_output(&rig.client));
    CHECK(rig_sends(&rig, "")); /* MQTT-4.6.0-2: the first one first */
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, handle[0], 0), PK_OK);
    CHECK(pk_mqtt_has_output(&rig.client));
    CHECK(rig_sends(&rig, "40 02 00 01 40 03 00 02 97"));
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, handle[0], 0), PK_E_STALE);
    CHECK_EQ_U64(pk_mqtt_ack_all(&rig.client), 1);
    CHECK(rig_sends(&rig, "40 02 00 03"));
    CHECK_EQ_U64(rig.client.counters.acks_out, 3);
    CHECK_EQ_U64(rig.client.counters.acks_stale, 1);
}

/* The danger: the same packet id, another message. */
PK_TEST(message__acknowledged_after_a_reconnect__does_not_acknowledge_its_successor) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "32 06 00 01 't' 00 01 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    const uint32_t old = rig.event.u.message.handle;
    pk_mqtt_lost(&rig.client);
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "32 06 00 01 'u' 00 01 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, old, 0), PK_E_STALE);
    CHECK(rig_sends(&rig, ""));
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, rig.event.u.message.handle, 0), PK_OK);
    CHECK(rig_sends(&rig, "40 02 00 01"));
}

/* Messages of 5.0 with this first byte, one for each slot. */
static void fill_slots(uint8_t first_byte) {
    for (int id = 1; id <= RIG_SLOTS; id++) {
        const uint8_t packet[] = {first_byte, 6, 0, 1, 't', 0, (uint8_t)id, 0};
        CHECK_EQ_U64(pk_mqtt_input(&rig.client, packet, sizeof packet, rig.now_ms), sizeof packet);
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    }
}

/* Silence while we are the slow ones is not the server's fault. */
static void check_silence_is_forgiven(void) {
    rig.now_ms += 58000;
    pk_mqtt_tick(&rig.client, rig.now_ms);
    (void)rig_take(&rig, NULL, UINT32_MAX);
    pk_mqtt_tick(&rig.client, rig.now_ms + 50000);
    CHECK_EQ_INT(rig_event(&rig), -1);
}

PK_TEST(message__more_than_our_receive_maximum__waits_for_a_slot) {
    rig_init(&rig, PK_MQTT_V5);
    rig.config.receive_maximum = 2;
    REQUIRE(rig_connect(&rig, false));
    fill_slots(0x32);
    rig_feed(&rig, "32 06 00 01 't' 00 20 00 30 04 00 01 'u' 00");
    CHECK_EQ_INT(rig_event(&rig), -1);
    check_silence_is_forgiven();
    CHECK(pk_mqtt_is_connected(&rig.client));
    CHECK_EQ_INT(pk_mqtt_ack_all(&rig.client), RIG_SLOTS);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_INT(rig.event.u.message.packet_id, 0x20);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_INT(rig.event.u.message.qos, 0);
    CHECK_EQ_U64(rig.client.counters.errors, 0);
}

/* All slots wait for a PUBREL, and instead of it comes another message. */
PK_TEST(message__more_than_our_receive_maximum_and_nothing_to_acknowledge__is_147) {
    rig_init(&rig, PK_MQTT_V5);
    rig.config.accepts_qos2 = true;
    REQUIRE(rig_connect(&rig, false));
    fill_slots(0x34);
    CHECK_EQ_INT(pk_mqtt_ack_all(&rig.client), RIG_SLOTS);
    CHECK(rig_sends(
        &rig,
        "50 02 00 01 50 02 00 02 50 02 00 03 50 02 00 04 50 02 00 05 50 02 00 06 50 02 00 07 50 02 00 08"));
    rig_feed(&rig, "32 06 00 01 't' 00 20 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
    CHECK_EQ_INT(rig.event.u.error.reason, PK_MQTT_RECEIVE_MAXIMUM_EXCEEDED);
    CHECK(rig_sends(&rig, "e0 01 93"));
    CHECK_EQ_U64(rig.client.counters.by_reason[PK_MQTT_RECEIVE_MAXIMUM_EXCEEDED_SLOT], 1);
}

PK_TEST(message__larger_than_our_maximum__is_149) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "30 fe 07"); /* 1025 bytes: known from the header */
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
    CHECK_EQ_INT(rig.event.u.error.reason, PK_MQTT_PACKET_TOO_LARGE);
    CHECK(rig_sends(&rig, "e0 01 95"));
    CHECK(pk_mqtt_is_finished(&rig.client));
}

static void feed_large(uint8_t first, uint32_t body, const char *start_hex) {
    static uint8_t packet[8192];
    memset(packet, 'x', sizeof packet);
    packet[0] = first;
    packet[1] = (uint8_t)(0x80u | (body & 0x7Fu));
    packet[2] = (uint8_t)(body >> 7);
    (void)rig_hex(start_hex, packet + 3, 64);
    for (uint32_t at = 0; at < body + 3;) {
        const uint32_t n =
            pk_mqtt_input(&rig.client, packet + at, body + 3 - at < 300 ? body + 3 - at : 300, rig.now_ms);
        at += n;
        CHECK_EQ_INT(rig_event(&rig), -1);
        if (n == 0) {
            CHECK(false);
            return;
        }
    }
}

PK_TEST(message__too_large_in_311__is_acknowledged_counted_and_skipped) {
    rig_init(&rig, PK_MQTT_V311);
    rig.config.accepts_qos2 = true;
    REQUIRE(rig_connect(&rig, false));
    feed_large(0x30, 5000, "00 01 't'");
    feed_large(0x32, 5000, "00 01 't' 00 07");
    CHECK(rig_sends(&rig, "40 02 00 07"));
    feed_large(0x34, 5000, "00 01 't' 00 08");
    CHECK(rig_sends(&rig, "50 02 00 08"));
    rig_feed(&rig, "62 02 00 08 30 04 00 01 't' 'y'");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_U64(rig.event.u.message.payload_bytes, 1);
    CHECK(rig_sends(&rig, "70 02 00 08"));
    CHECK_EQ_U64(rig.client.counters.oversized_skipped, 3);
    CHECK_EQ_U64(rig.client.counters.messages_in, 1);
    rig_feed(&rig, "32 ff 7f 7f ff 't'"); /* a topic that does not fit: the packet id is out of reach */
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
    CHECK(rig_sends(&rig, ""));
}

/* 3.1.1 has no receive maximum: what the application has not acknowledged holds the rest back. */
PK_TEST(message__more_than_slots_in_311__waits) {
    rig_init(&rig, PK_MQTT_V311);
    REQUIRE(rig_connect(&rig, false));
    for (int id = 1; id <= RIG_SLOTS + 2; id++) {
        const uint8_t packet[] = {0x32, 5, 0, 1, 't', 0, (uint8_t)id};
        CHECK_EQ_U64(pk_mqtt_input(&rig.client, packet, sizeof packet, rig.now_ms), sizeof packet);
    }
    for (int id = 1; id <= RIG_SLOTS; id++) {
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    }
    CHECK_EQ_INT(rig_event(&rig), -1);
    check_silence_is_forgiven();
    CHECK_EQ_U64(pk_mqtt_ack_all(&rig.client), RIG_SLOTS);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_INT(rig.event.u.message.packet_id, RIG_SLOTS + 2);
}

PK_TEST(qos_2__delivered_once_and_released) {
    rig_init(&rig, PK_MQTT_V5);
    rig.config.accepts_qos2 = true;
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "34 06 00 01 't' 00 05 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, rig.event.u.message.handle, 0), PK_OK);
    CHECK(rig_sends(&rig, "50 02 00 05"));
    pk_mqtt_lost(&rig.client); /* PUBREC may not have arrived */
    REQUIRE(rig_connect(&rig, true));
    rig_feed(&rig, "3c 06 00 01 't' 00 05 00");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "50 02 00 05"));
    CHECK_EQ_U64(rig.client.counters.duplicates_in, 1);
    rig_feed(&rig, "62 02 00 05");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "70 02 00 05"));
    rig_feed(&rig, "62 02 00 05"); /* PUBCOMP was lost */
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "70 03 00 05 92"));
    rig_feed(&rig, "34 06 00 01 't' 00 05 00"); /* a new message */
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
}

PK_TEST(qos_2__answer_of_an_earlier_connection__serves_the_redelivery) {
    rig_init(&rig, PK_MQTT_V5);
    rig.config.accepts_qos2 = true;
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "34 06 00 01 't' 00 05 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    const uint32_t handle = rig.event.u.message.handle;
    pk_mqtt_lost(&rig.client);
    REQUIRE(rig_connect(&rig, true));
    rig_feed(&rig, "3c 06 00 01 't' 00 05 00");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, ""));
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, handle, 0), PK_OK);
    CHECK(rig_sends(&rig, "50 02 00 05"));
}

/* A 3.1.1 server may repeat within a connection: PUBREC, PUBREC, then PUBCOMP, and the id is free after it.
 */
PK_TEST(qos_2__repeat_and_release_in_one_read__answers_in_order_and_frees_the_id) {
    rig_init(&rig, PK_MQTT_V311);
    rig.config.accepts_qos2 = true;
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "34 05 00 01 't' 00 05");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, rig.event.u.message.handle, 0), PK_OK);
    CHECK(rig_sends(&rig, "50 02 00 05"));
    rig_feed(&rig, "3c 05 00 01 't' 00 05 62 02 00 05 34 05 00 01 't' 00 05");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE); /* the third PUBLISH is a new message */
    CHECK(rig_sends(&rig, "50 02 00 05 70 02 00 05"));
    CHECK_EQ_U64(rig.client.counters.messages_in, 2);
}

struct bad {
    const char *hex;
    uint8_t reason;
};

/* Right packets at the wrong time, and one malformed of each kind: the rest is in the codec's tests. */
static const struct bad BAD[] = {
    {"20 03 00 00 00", 0x82},              /* a second CONNACK */
    {"10 00", 0x82},                       /* CONNECT */
    {"c0 00", 0x82},                       /* PINGREQ */
    {"f0 00", 0x82},                       /* AUTH */
    {"00 00", 0x81},                       /* no type */
    {"d0 01 00", 0x81},                    /* PINGRESP with a body */
    {"30 03 00 01 't'", 0x81},             /* PUBLISH cut short by its length */
    {"30 07 00 01 't' 03 23 00 01", 0x94}, /* an alias, our maximum is 0 */
    {"30 04 00 01 '#' 00", 0x90},
    {"34 06 00 01 't' 00 05 00", 0x82}, /* QoS 2 that was not subscribed */
    {"50 02 00 01", 0x82},              /* PUBREC for our QoS 1 message */
    {"70 02 00 01", 0x82},              /* PUBCOMP for it */
    {"90 05 ff 00 00 00 00", 0x82},     /* SUBACK with two codes for one filter */
    {"e0 01 04", 0x82},
};

PK_TEST(protocol_errors__are_answered_by_disconnect_with_their_reason) {
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        const struct pk_mqtt_publish m = rig_message("x", 1);
        const struct pk_mqtt_filter f = {.filter = pk_str_of("a"), .qos = 1};
        rig_init(&rig, PK_MQTT_V5);
        REQUIRE(rig_connect(&rig, false));
        CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 1), PK_OK);         /* packet id 1 */
        CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 1), PK_OK); /* packet id 0xff00 */
        (void)rig_take(&rig, NULL, UINT32_MAX);
        rig_feed(&rig, BAD[i].hex);
        rig_feed(&rig, "30 04 00 01 't' 00"); /* no longer looked at */
        const int kind = rig_event(&rig);
        if (kind != PK_MQTT_EV_ERROR || rig.event.u.error.reason != BAD[i].reason) {
            CHECK_EQ_INT(rig.event.u.error.reason, BAD[i].reason);
            CHECK_STR(BAD[i].hex, "the error of this row");
        }
        uint8_t sent[8];
        const uint8_t want[] = {0xE0, 1, BAD[i].reason};
        CHECK_EQ_U64(rig_take(&rig, sent, sizeof sent), 3);
        CHECK_MEM(sent, want, 3);
        CHECK(pk_mqtt_is_finished(&rig.client));
        CHECK_EQ_INT(rig_event(&rig), -1);
        CHECK_EQ_U64(rig.client.counters.errors, 1);
        CHECK_EQ_U64(pk_mqtt_inflight_count(&rig.client), 1); /* the message is not lost with the link */
    }
}

PK_TEST(protocol_errors__in_311__close_without_disconnect) {
    rig_init(&rig, PK_MQTT_V311);
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "c0 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
    CHECK(rig_sends(&rig, "")); /* DISCONNECT would withhold the will */
    CHECK(pk_mqtt_is_finished(&rig.client));
}

PK_TEST(protocol_errors__before_connack__close) {
    static const char *const PACKETS[] = {"30 04 00 01 't' 00", "d0 00", "40 02 00 01",
                                          "e0 01 8b",           "f0 00", "20 00"};
    for (size_t i = 0; i < sizeof PACKETS / sizeof PACKETS[0]; i++) {
        rig_init(&rig, PK_MQTT_V5);
        CHECK_EQ_INT(pk_mqtt_start(&rig.client, 0), PK_OK);
        (void)rig_take(&rig, NULL, UINT32_MAX);
        rig_feed(&rig, PACKETS[i]);
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
        CHECK(rig_sends(&rig, ""));
        CHECK(pk_mqtt_is_finished(&rig.client));
    }
    rig_init(&rig, PK_MQTT_V5);
    CHECK_EQ_INT(pk_mqtt_start(&rig.client, 0), PK_OK);
    rig_feed(&rig, "20 07 00 00 04 15 00 01 'm'"); /* MQTT-4.12.0-6 */
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
}

PK_TEST(disconnect__of_the_server__says_why) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    const struct pk_mqtt_publish m = rig_message("x", 1);
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 1), PK_OK);
    rig_feed(&rig, "e0 07 8e 05 1f 00 02 'by'");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_DISCONNECTED);
    CHECK_EQ_INT(rig.event.u.refused.reason, PK_MQTT_SESSION_TAKEN_OVER);
    CHECK(pk_str_eq_c(rig.event.props.reason_string, "by"));
    CHECK(pk_mqtt_is_finished(&rig.client));
    CHECK(rig_sends(&rig, "")); /* MQTT-3.14.4-1: not even what was queued */
    CHECK_EQ_U64(rig.client.counters.by_reason[PK_MQTT_SESSION_TAKEN_OVER_SLOT], 1);
}

PK_TEST(acknowledgement__of_nothing__is_counted_and_ignored) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "40 02 00 01 70 02 00 05 90 04 00 09 00 01 b0 04 00 09 00 00");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, ""));
    rig_feed(&rig, "50 02 00 05");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "62 03 00 05 92"));
    CHECK_EQ_U64(rig.client.counters.acks_unknown, 5);
    CHECK(pk_mqtt_is_connected(&rig.client));
}

/* Whatever the pieces, the same events and the same answers. */
PK_TEST(fragments__byte_by_byte_and_every_cut__equal_the_whole) {
    static const char STREAM[] =
        "20 06 00 00 03 21 00 0a 30 06 00 01 't' 00 'hi' 32 0d 00 03 'a/b' 00 09 02 01 01 'xyz' d0 00"
        "40 02 00 01 90 04 ff 00 00 01 34 06 00 01 't' 00 05 00 62 02 00 05 e0 01 8b";
    uint8_t stream[256];
    char first[64] = "";
    const uint32_t n = rig_hex(STREAM, stream, sizeof stream);
    for (uint32_t cut = 0; cut <= n + 1; cut++) { /* cut n + 1: byte by byte */
        char seen[64] = "";
        size_t seen_n = 0;
        rig_init(&rig, PK_MQTT_V5);
        rig.config.accepts_qos2 = true;
        CHECK_EQ_INT(pk_mqtt_start(&rig.client, 0), PK_OK);
        for (uint32_t at = 0; at < n;) {
            const uint32_t size = cut == n + 1 ? 1 : at < cut ? cut - at : n - at;
            CHECK_EQ_U64(pk_mqtt_input(&rig.client, stream + at, size, 0), size);
            at += size;
            while (pk_mqtt_next(&rig.client, &rig.event)) {
                seen[seen_n++] = (char)('a' + (int)rig.event.kind);
                if (rig.event.kind == PK_MQTT_EV_MESSAGE) {
                    seen[seen_n++] = (char)('0' + rig.event.u.message.qos);
                    seen[seen_n++] = (char)('0' + rig.event.u.message.payload_bytes);
                }
                if (rig.event.kind == PK_MQTT_EV_CONNECTED) {
                    const struct pk_mqtt_publish m = rig_message("x", 1);
                    const struct pk_mqtt_filter f = {.filter = pk_str_of("a"), .qos = 2};
                    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 1), PK_OK);
                    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 1), PK_OK);
                }
            }
        }
        if (cut == 0) {
            memcpy(first, seen, sizeof first);
        }
        CHECK_STR(seen, first);
        CHECK_EQ_U64(rig.client.counters.messages_in, 3);
    }
    CHECK_STR(first, "ac02c13dec20g");
}

PK_TEST_MAIN(connack__limits__are_read_and_default, connack__refusal__is_an_event_and_ends_it,
             connack__of_a_311_server__is_unsupported_version,
             connack__session_present__only_when_we_may_have_one,
             connack__subscriptions_not_confirmed__are_asked_for_again, message__fields_and_acknowledgement,
             message__acknowledged_only_when_the_application_says_so,
             message__acknowledged_after_a_reconnect__does_not_acknowledge_its_successor,
             message__more_than_our_receive_maximum__waits_for_a_slot,
             message__more_than_our_receive_maximum_and_nothing_to_acknowledge__is_147,
             message__larger_than_our_maximum__is_149,
             message__too_large_in_311__is_acknowledged_counted_and_skipped,
             message__more_than_slots_in_311__waits, qos_2__delivered_once_and_released,
             qos_2__answer_of_an_earlier_connection__serves_the_redelivery,
             qos_2__repeat_and_release_in_one_read__answers_in_order_and_frees_the_id,
             protocol_errors__are_answered_by_disconnect_with_their_reason,
             protocol_errors__in_311__close_without_disconnect, protocol_errors__before_connack__close,
             disconnect__of_the_server__says_why, acknowledgement__of_nothing__is_counted_and_ignored,
             fragments__byte_by_byte_and_every_cut__equal_the_whole)
