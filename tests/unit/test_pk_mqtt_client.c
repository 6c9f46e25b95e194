/* Life of a connection, buffers and time. */
#include "mqtt/pk_mqtt_client.h"

#include <string.h>

#include "support/mqtt_rig.h"
#include "support/pk_test.h"

static struct mqtt_rig rig;

PK_TEST(start__queues_connect_with_our_limits) {
    rig_init(&rig, PK_MQTT_V5);
    CHECK(!pk_mqtt_has_output(&rig.client));
    CHECK_EQ_INT(pk_mqtt_start(&rig.client, rig.now_ms), PK_OK);
    CHECK(pk_mqtt_has_output(&rig.client));
    CHECK(rig_sends(&rig,
                    "10 1c 00 04 'MQTT' 05 02 00 3c 0d 11 00 00 00 64 21 00 08 27 00 00 04 00 00 02 'gw'"));
    CHECK(!pk_mqtt_is_connected(&rig.client));
    CHECK(!pk_mqtt_has_output(&rig.client));
}

/* Offset of the flags of CONNECT is 9. */
static uint8_t connect_flags(void) {
    uint8_t sent[64] = {0};
    CHECK_EQ_INT(pk_mqtt_start(&rig.client, 0), PK_OK);
    CHECK(rig_take(&rig, sent, sizeof sent) > 10);
    return sent[9];
}

PK_TEST(start__clean__until_there_is_a_session_to_resume) {
    rig_init(&rig, PK_MQTT_V5);
    CHECK_EQ_INT(connect_flags(), 2);
    pk_mqtt_lost(&rig.client); /* CONNACK lost */
    CHECK_EQ_INT(connect_flags(), 2);
    pk_mqtt_lost(&rig.client);
    REQUIRE(rig_connect(&rig, false));
    pk_mqtt_lost(&rig.client);
    CHECK_EQ_INT(connect_flags(), 0);
    pk_mqtt_lost(&rig.client);
    rig.config.clean_start = true;
    CHECK_EQ_INT(connect_flags(), 2);
    rig_init(&rig, PK_MQTT_V5);
    rig.config.resumes_session = true;
    CHECK_EQ_INT(connect_flags(), 0);
    rig_init(&rig, PK_MQTT_V311);
    CHECK_EQ_INT(connect_flags(), 0);
    rig_init(&rig, PK_MQTT_V311);
    rig.config.session_expiry_s = 0; /* a session that ends with the connection is a clean one */
    CHECK_EQ_INT(connect_flags(), 2);
}

PK_TEST(start__wished_limits__only_below_what_the_memory_allows) {
    rig_init(&rig, PK_MQTT_V5);
    rig.config.receive_maximum = 3;
    rig.config.max_packet_bytes = 500;
    CHECK_EQ_INT(pk_mqtt_start(&rig.client, 0), PK_OK);
    CHECK_EQ_INT(rig.client.receive_maximum, 3);
    CHECK_EQ_U64(rig.client.max_packet_bytes, 500);
    pk_mqtt_lost(&rig.client);
    rig.config.receive_maximum = 100;
    rig.config.max_packet_bytes = 100000;
    rig.config.accepts_qos2 = true; /* half the slots, the others are for halves of an earlier connection */
    CHECK_EQ_INT(pk_mqtt_start(&rig.client, 0), PK_OK);
    CHECK_EQ_INT(rig.client.receive_maximum, RIG_SLOTS / 2);
    CHECK_EQ_U64(rig.client.max_packet_bytes, RIG_RX_BYTES);
}

PK_TEST(start__what_cannot_be_sent__stays_idle) {
    static char big[2000];
    memset(big, 'a', sizeof big);
    rig_init(&rig, PK_MQTT_V5);
    rig.config.client_id = pk_str_make(big, RIG_TX_BYTES);
    CHECK_EQ_INT(pk_mqtt_start(&rig.client, 0), PK_E_TOO_BIG);
    rig.config.client_id = pk_str_of("\xFF");
    CHECK_EQ_INT(pk_mqtt_start(&rig.client, 0), PK_E_BAD_FIELD);
    CHECK_EQ_INT(rig.client.state, PK_MQTT_IDLE);
    CHECK(!pk_mqtt_has_output(&rig.client));
    rig.config.client_id = pk_str_of("ok");
    CHECK_EQ_INT(pk_mqtt_start(&rig.client, 0), PK_OK);
}

PK_TEST(stop__sends_disconnect_after_what_was_queued_and_finishes) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    const struct pk_mqtt_publish m = rig_message("bye", 0);
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 0), PK_OK);
    pk_mqtt_stop(&rig.client, PK_MQTT_SUCCESS, rig.now_ms);
    CHECK(!pk_mqtt_is_finished(&rig.client));
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 0), PK_E_CLOSED); /* MQTT-3.14.4-2 */
    CHECK(rig_sends(&rig, "30 07 00 01 't' 00 'bye' e0 00"));
    CHECK(pk_mqtt_is_finished(&rig.client));
    pk_mqtt_stop(&rig.client, PK_MQTT_SUCCESS, rig.now_ms); /* no effect */
    CHECK(rig_sends(&rig, ""));
    pk_mqtt_lost(&rig.client);
    CHECK(!pk_mqtt_is_finished(&rig.client));
}

PK_TEST(stop__answers_of_the_application__leave_before_it) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "32 06 00 01 't' 00 07 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, rig.event.u.message.handle, 0), PK_OK);
    pk_mqtt_stop(&rig.client, PK_MQTT_DISCONNECT_WITH_WILL, rig.now_ms);
    CHECK(rig_sends(&rig, "40 02 00 07 e0 01 04"));
}

PK_TEST(stop__peer_that_takes_nothing__finishes_in_time) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    pk_mqtt_stop(&rig.client, PK_MQTT_SUCCESS, rig.now_ms);
    CHECK_EQ_U64(pk_mqtt_next_deadline_ms(&rig.client), rig.now_ms + PK_MQTT_CLOSE_FLUSH_MS);
    pk_mqtt_tick(&rig.client, rig.now_ms + PK_MQTT_CLOSE_FLUSH_MS - 1);
    CHECK(!pk_mqtt_is_finished(&rig.client));
    pk_mqtt_tick(&rig.client, rig.now_ms + PK_MQTT_CLOSE_FLUSH_MS);
    CHECK(pk_mqtt_is_finished(&rig.client));
    CHECK_EQ_U64(pk_mqtt_next_deadline_ms(&rig.client), UINT64_MAX);
}

PK_TEST(connect_timeout__is_an_error_and_closes_without_a_word) {
    rig_init(&rig, PK_MQTT_V5);
    CHECK_EQ_U64(pk_mqtt_next_deadline_ms(&rig.client), UINT64_MAX);
    CHECK_EQ_INT(pk_mqtt_start(&rig.client, rig.now_ms), PK_OK);
    CHECK_EQ_U64(pk_mqtt_next_deadline_ms(&rig.client), rig.now_ms + 5000);
    pk_mqtt_tick(&rig.client, rig.now_ms + 4999);
    CHECK_EQ_INT(rig_event(&rig), -1);
    pk_mqtt_tick(&rig.client, rig.now_ms + 5000);
    CHECK(!pk_mqtt_is_finished(&rig.client)); /* the event first */
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
    CHECK_EQ_INT(rig.event.u.error.kind, PK_MQTT_ERROR_CONNECT_TIMEOUT);
    CHECK(pk_mqtt_is_finished(&rig.client));
    CHECK(rig_sends(&rig, ""));
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK_EQ_U64(rig.client.counters.errors, 0); /* nobody broke the protocol */
}

PK_TEST(keep_alive__idle__pings_a_little_before_the_promise) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    const uint64_t start = rig.now_ms;
    CHECK_EQ_U64(pk_mqtt_next_deadline_ms(&rig.client), start + 58000);
    pk_mqtt_tick(&rig.client, start + 57999);
    CHECK(rig_sends(&rig, ""));
    rig.now_ms = start + 58000;
    pk_mqtt_tick(&rig.client, rig.now_ms);
    pk_mqtt_tick(&rig.client, rig.now_ms);
    CHECK(rig_sends(&rig, "c0 00"));
    CHECK_EQ_U64(rig.client.counters.pings, 1);
    rig.now_ms += 100;
    rig_feed(&rig, "d0 00");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK_EQ_U64(pk_mqtt_next_deadline_ms(&rig.client), start + 58000 + 58000);
}

PK_TEST(keep_alive__busy_both_ways__does_not_ping) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    const struct pk_mqtt_publish m = rig_message("x", 1);
    for (int i = 0; i < 10; i++) {
        rig.now_ms += 30000;
        pk_mqtt_tick(&rig.client, rig.now_ms);
        CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 1), PK_OK);
        uint8_t sent[32];
        CHECK(rig_take(&rig, sent, sizeof sent) == 9);
        const uint8_t ack[] = {0x40, 2, sent[5], sent[6]};
        CHECK_EQ_U64(pk_mqtt_input(&rig.client, ack, 4, rig.now_ms), 4);
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_PUBLISHED);
    }
    CHECK_EQ_U64(rig.client.counters.pings, 0);
}

/* Half-open: our QoS 0 messages go out, nothing comes back. */
PK_TEST(keep_alive__only_we_talk__the_silence_of_the_server_is_noticed) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    const uint64_t start = rig.now_ms;
    const struct pk_mqtt_publish m = rig_message("x", 0);
    while (rig.now_ms < start + 200000 && rig.client.state == PK_MQTT_CONNECTED) {
        rig.now_ms += 1000;
        CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 0), PK_OK);
        pk_mqtt_tick(&rig.client, rig.now_ms);
        (void)rig_take(&rig, NULL, UINT32_MAX);
    }
    CHECK_EQ_U64(rig.now_ms - start, 58000 + 30000);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
    CHECK_EQ_INT(rig.event.u.error.kind, PK_MQTT_ERROR_PING_TIMEOUT);
    CHECK(pk_mqtt_is_finished(&rig.client));
}

/* Half-open with a full socket: not even PINGREQ gets out. */
PK_TEST(keep_alive__nothing_leaves__is_noticed) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    const uint64_t start = rig.now_ms;
    const struct pk_mqtt_publish m = rig_message("0123456789012345678901234567890123456789", 0);
    while (pk_mqtt_publish(&rig.client, &m, 0) == PK_OK) {
    }
    while (rig.now_ms < start + 200000 && rig.client.state == PK_MQTT_CONNECTED) {
        rig.now_ms += 500;
        pk_mqtt_tick(&rig.client, rig.now_ms);
    }
    CHECK(rig.now_ms - start <= 90000);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
    CHECK_EQ_INT(rig.event.u.error.kind, PK_MQTT_ERROR_PING_TIMEOUT);
}

PK_TEST(keep_alive__any_byte_after_the_ping__is_life) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    rig.now_ms += 58000;
    pk_mqtt_tick(&rig.client, rig.now_ms);
    CHECK(rig_sends(&rig, "c0 00"));
    rig.now_ms += 29000;
    rig_feed(&rig, "30"); /* a long message begins */
    CHECK_EQ_INT(rig_event(&rig), -1);
    pk_mqtt_tick(&rig.client, rig.now_ms + 29000);
    CHECK_EQ_INT(rig_event(&rig), -1);
    pk_mqtt_tick(&rig.client, rig.now_ms + 30000);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
}

PK_TEST(hold__messages_wait__answers_before_them_are_heard_and_silence_is_not_blamed) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    pk_mqtt_hold(&rig.client, true);
    rig.now_ms += 58000;
    pk_mqtt_tick(&rig.client, rig.now_ms);
    CHECK(rig_sends(&rig, "c0 00"));
    rig_feed(&rig, "d0 00 30 04 00 01 78 00");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(!rig.client.is_ping_open); /* the answer came before the message */
    for (uint32_t i = 0; i < 5; i++) {
        rig.now_ms += 58000;
        pk_mqtt_tick(&rig.client, rig.now_ms);
        CHECK(rig_sends(&rig, "c0 00")); /* the server hears of us */
        CHECK_EQ_INT(rig_event(&rig), -1);
    }
    pk_mqtt_hold(&rig.client, false);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_INT(rig_event(&rig), -1);
    rig.now_ms += 10000; /* the answers are still in the socket */
    pk_mqtt_tick(&rig.client, rig.now_ms);
    CHECK_EQ_INT(rig_event(&rig), -1);
    rig.now_ms += 20000;
    pk_mqtt_tick(&rig.client, rig.now_ms);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR); /* now it is the server */
}

PK_TEST(keep_alive__of_the_server__replaces_ours) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect_with(&rig, false, "13 00 04"));
    CHECK_EQ_INT(rig.client.limits.keep_alive_s, 4);
    CHECK_EQ_U64(pk_mqtt_next_deadline_ms(&rig.client), rig.now_ms + 3000);
    pk_mqtt_lost(&rig.client);
    REQUIRE(rig_connect_with(&rig, false, "13 00 00")); /* the server turns it off */
    CHECK_EQ_U64(pk_mqtt_next_deadline_ms(&rig.client), UINT64_MAX);
    pk_mqtt_tick(&rig.client, rig.now_ms + 10000000);
    CHECK(rig_sends(&rig, ""));
}

PK_TEST(keep_alive__ping_timeout_of_the_configuration__is_kept) {
    rig_init(&rig, PK_MQTT_V5);
    rig.config.ping_timeout_ms = 2500;
    REQUIRE(rig_connect(&rig, false));
    rig.now_ms += 58000;
    pk_mqtt_tick(&rig.client, rig.now_ms);
    CHECK_EQ_U64(pk_mqtt_next_deadline_ms(&rig.client), rig.now_ms + 2500);
    pk_mqtt_tick(&rig.client, rig.now_ms + 2500);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
}

PK_TEST(input__full_of_events__takes_what_fits) {
    static uint8_t many[RIG_RX_BYTES * 2];
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    uint32_t n = 0;
    while (n + 6 <= sizeof many) {
        n += rig_hex("30 04 00 01 't' 00", many + n, 6);
    }
    uint32_t given = 0;
    uint32_t messages = 0;
    while (given < n) {
        const uint32_t taken = pk_mqtt_input(&rig.client, many + given, n - given, rig.now_ms);
        REQUIRE(taken > 0);
        given += taken;
        while (rig_event(&rig) == PK_MQTT_EV_MESSAGE) {
            messages++;
        }
    }
    CHECK_EQ_U64(messages, n / 6);
    CHECK_EQ_U64(rig.client.counters.messages_in, n / 6);
    CHECK_EQ_U64(pk_mqtt_input(&rig.client, many, RIG_RX_BYTES, rig.now_ms), RIG_RX_BYTES);
    CHECK_EQ_U64(pk_mqtt_input(&rig.client, many, 1, rig.now_ms), 0);
}

PK_TEST(input__without_connection__is_not_taken) {
    rig_init(&rig, PK_MQTT_V5);
    CHECK_EQ_U64(pk_mqtt_input(&rig.client, "x", 1, 0), 0);
    CHECK_EQ_INT(rig_event(&rig), -1);
}

PK_TEST(output__in_pieces__is_the_same_bytes) {
    uint8_t whole[256], pieces[256];
    uint32_t n = 0, whole_n = 0;
    for (int round = 0; round < 2; round++) {
        rig_init(&rig, PK_MQTT_V5);
        REQUIRE(rig_connect(&rig, false));
        const struct pk_mqtt_publish m = rig_message("payload", 1);
        for (uint64_t i = 0; i < 5; i++) {
            CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, i), PK_OK);
            n += round == 1 ? rig_take(&rig, pieces + n, 3) : 0; /* a slow transport */
        }
        if (round == 0) {
            whole_n = rig_take(&rig, whole, sizeof whole);
        }
    }
    while (pk_mqtt_has_output(&rig.client)) {
        n += rig_take(&rig, pieces + n, 3);
    }
    CHECK_EQ_U64(n, whole_n);
    CHECK_MEM(pieces, whole, whole_n);
    CHECK(rig.client.counters.bytes_out > whole_n); /* and CONNECT */
}

PK_TEST_MAIN(start__queues_connect_with_our_limits, start__clean__until_there_is_a_session_to_resume,
             start__wished_limits__only_below_what_the_memory_allows, start__what_cannot_be_sent__stays_idle,
             stop__sends_disconnect_after_what_was_queued_and_finishes,
             stop__answers_of_the_application__leave_before_it,
             stop__peer_that_takes_nothing__finishes_in_time,
             connect_timeout__is_an_error_and_closes_without_a_word,
             keep_alive__idle__pings_a_little_before_the_promise, keep_alive__busy_both_ways__does_not_ping,
             keep_alive__only_we_talk__the_silence_of_the_server_is_noticed,
             keep_alive__nothing_leaves__is_noticed, keep_alive__any_byte_after_the_ping__is_life,
             hold__messages_wait__answers_before_them_are_heard_and_silence_is_not_blamed,
             keep_alive__of_the_server__replaces_ours, keep_alive__ping_timeout_of_the_configuration__is_kept,
             input__full_of_events__takes_what_fits, input__without_connection__is_not_taken,
             output__in_pieces__is_the_same_bytes)
