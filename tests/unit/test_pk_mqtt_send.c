/* Publishing, sending again, subscribing. */
#include <string.h>

#include "mqtt/pk_mqtt_client.h"
#include "support/mqtt_rig.h"
#include "support/pk_test.h"

static struct mqtt_rig rig;

static int publish(const char *payload, uint8_t qos, uint64_t token) {
    const struct pk_mqtt_publish m = rig_message(payload, qos);
    return pk_mqtt_publish(&rig.client, &m, token);
}

static int resend(const char *payload, uint8_t qos, uint64_t token) {
    const struct pk_mqtt_publish m = rig_message(payload, qos);
    return pk_mqtt_resend(&rig.client, &m, token);
}

/* The token of the PUBLISHED event that comes next; UINT64_MAX when there is none. */
static uint64_t published(void) {
    return rig_event(&rig) == PK_MQTT_EV_PUBLISHED ? rig.event.u.published.token : UINT64_MAX;
}

PK_TEST(publish__each_qos__is_on_the_wire) {
    rig_init(&rig, PK_MQTT_V5);
    CHECK_EQ_INT(publish("x", 0, 1), PK_E_CLOSED);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(publish("a", 0, 1), PK_OK);
    CHECK_EQ_INT(publish("b", 1, 2), PK_OK);
    CHECK_EQ_INT(publish("c", 2, 3), PK_OK);
    CHECK_EQ_U64(pk_mqtt_inflight_count(&rig.client), 2);
    CHECK(
        rig_sends(&rig, "30 05 00 01 't' 00 'a' 32 07 00 01 't' 00 01 00 'b' 34 07 00 01 't' 00 02 00 'c'"));
    rig_feed(&rig, "50 02 00 02 40 03 00 01 10");
    CHECK_EQ_U64(published(), 2);
    CHECK_EQ_INT(rig.event.u.published.reason, PK_MQTT_NO_MATCHING_SUBSCRIBERS);
    CHECK(rig_sends(&rig, "62 02 00 02"));
    rig_feed(&rig, "70 02 00 02");
    CHECK_EQ_U64(published(), 3);
    CHECK_EQ_U64(pk_mqtt_inflight_count(&rig.client), 0);
    CHECK_EQ_U64(rig.client.counters.messages_out, 3);
    CHECK_EQ_U64(rig.client.counters.acks_in, 3);
}

PK_TEST(publish__refused_by_the_server__ends_with_the_reason) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(publish("b", 1, 2), PK_OK);
    CHECK_EQ_INT(publish("c", 2, 3), PK_OK);
    rig_feed(&rig, "40 09 00 01 97 05 1f 00 02 'no' 50 03 00 02 87");
    CHECK_EQ_U64(published(), 2);
    CHECK_EQ_INT(rig.event.u.published.reason, PK_MQTT_QUOTA_EXCEEDED);
    CHECK(pk_str_eq_c(rig.event.props.reason_string, "no"));
    CHECK_EQ_U64(published(), 3);
    CHECK_EQ_INT(rig.event.u.published.reason, PK_MQTT_NOT_AUTHORIZED);
    CHECK_EQ_U64(pk_mqtt_inflight_count(&rig.client), 0);
    CHECK_EQ_U64(rig.client.counters.by_reason[PK_MQTT_QUOTA_EXCEEDED_SLOT], 1);
    CHECK_EQ_U64(rig.client.counters.by_reason[PK_MQTT_NOT_AUTHORIZED_SLOT], 1);
}

PK_TEST(publish__what_the_server_does_not_offer__is_refused_here) {
    static char big[400];
    memset(big, 'x', sizeof big - 1);
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect_with(&rig, false,
                             "24 00 25 00 27 00 00 00 40")); /* QoS 0, no retain, packets of 64 bytes */
    CHECK_EQ_INT(publish("x", 1, 1), PK_E_UNSUPPORTED);
    CHECK_EQ_INT(publish("x", 3, 1), PK_E_BAD_FIELD);
    struct pk_mqtt_publish m = rig_message("x", 0);
    m.is_retained = true;
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 1), PK_E_UNSUPPORTED);
    CHECK_EQ_INT(publish(big, 0, 1), PK_E_TOO_BIG);
    m = rig_message(big, 0);
    m.payload_bytes = 64 - 6; /* header 2, topic 3, property length 1 */
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 1), PK_OK);
    m.payload_bytes++;
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 1), PK_E_TOO_BIG);
    m.topic = pk_str_of("a/#");
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 1), PK_E_BAD_FIELD);
    CHECK(rig_take(&rig, NULL, UINT32_MAX) == 64);
}

PK_TEST(publish__larger_than_the_buffer_ever_holds__is_too_big) {
    static char big[RIG_TX_BYTES];
    memset(big, 'x', sizeof big);
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    struct pk_mqtt_publish m = rig_message("", 1);
    m.payload = big;
    m.payload_bytes =
        RIG_TX_BYTES - PK_MQTT_TX_RESERVE_BYTES - 9; /* header 3, topic 3, id 2, property length 1 */
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 1), PK_OK);
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 2), PK_E_FULL);
    CHECK_EQ_U64(rig_take(&rig, NULL, UINT32_MAX), RIG_TX_BYTES - PK_MQTT_TX_RESERVE_BYTES);
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 2), PK_OK);
    m.payload_bytes++;
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 3), PK_E_TOO_BIG);
    CHECK_EQ_U64(pk_mqtt_inflight_count(&rig.client), 2);
}

PK_TEST(publish__full_buffer__leaves_room_for_acknowledgements_and_disconnect) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    while (publish("0123456789", 0, 0) == PK_OK) {
    }
    for (int id = 1; id <= RIG_SLOTS; id++) {
        const uint8_t packet[] = {0x32, 6, 0, 1, 't', 0, (uint8_t)id, 0};
        CHECK_EQ_U64(pk_mqtt_input(&rig.client, packet, sizeof packet, rig.now_ms), sizeof packet);
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    }
    CHECK_EQ_U64(pk_mqtt_ack_all(&rig.client), RIG_SLOTS);
    const uint8_t *p;
    const uint32_t before = rig.client.tx_end;
    CHECK_EQ_U64(pk_mqtt_output(&rig.client, &p), before + 4 * RIG_SLOTS);
    pk_mqtt_stop(&rig.client, 0, rig.now_ms);
    CHECK_EQ_U64(pk_mqtt_output(&rig.client, &p), before + 4 * RIG_SLOTS + 2);
}

PK_TEST(receive_maximum__of_the_server__is_never_passed) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect_with(&rig, false, "21 00 03"));
    CHECK_EQ_INT(publish("a", 1, 1), PK_OK);
    CHECK_EQ_INT(publish("b", 2, 2), PK_OK);
    CHECK_EQ_INT(publish("c", 1, 3), PK_OK);
    CHECK_EQ_INT(publish("d", 1, 4), PK_E_FULL);
    CHECK_EQ_INT(publish("q", 0, 0), PK_OK); /* QoS 0 does not count */
    rig_feed(&rig, "50 02 00 02");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK_EQ_INT(publish("d", 1, 4), PK_E_FULL); /* PUBREC with success does not free it */
    rig_feed(&rig, "70 02 00 02");
    CHECK_EQ_U64(published(), 2);
    CHECK_EQ_INT(publish("d", 1, 4), PK_OK);
    CHECK_EQ_INT(publish("e", 1, 5), PK_E_FULL);
    rig_feed(&rig,
             "40 02 00 01 40 02 00 01"); /* the second acknowledges nothing and must not widen the window */
    CHECK_EQ_U64(published(), 1);
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK_EQ_INT(publish("e", 1, 5), PK_OK);
    CHECK_EQ_INT(publish("f", 1, 6), PK_E_FULL);
}

PK_TEST(publish__more_than_slots__is_full_until_acknowledged) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    for (uint64_t i = 0; i < RIG_SLOTS; i++) {
        CHECK_EQ_INT(publish("x", 1, i), PK_OK);
    }
    CHECK_EQ_INT(publish("x", 1, 99), PK_E_FULL);
    rig_feed(&rig, "40 02 00 03");
    CHECK_EQ_U64(published(), 2);
    (void)rig_take(&rig, NULL, UINT32_MAX);
    CHECK_EQ_INT(publish("x", 1, 99), PK_OK);
    CHECK(rig_sends(&rig, "32 07 00 01 't' 00 0b 00 'x'")); /* slot 2 again, another id */
}

PK_TEST(resend__session_kept__same_ids_dup_in_order_before_newer_ones) {
    uint64_t token = 0;
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(publish("a", 1, 10), PK_OK);
    CHECK_EQ_INT(publish("b", 1, 11), PK_OK);
    CHECK_EQ_INT(publish("c", 1, 12), PK_OK);
    (void)rig_take(&rig, NULL, UINT32_MAX);
    rig_feed(&rig, "40 02 00 02");
    CHECK_EQ_U64(published(), 11);
    pk_mqtt_lost(&rig.client);
    CHECK(!pk_mqtt_resend_peek(&rig.client, &token));
    CHECK_EQ_INT(resend("a", 1, 10), PK_E_CLOSED);
    REQUIRE(rig_connect(&rig, true));
    CHECK_EQ_U64(rig.event.u.connected.resend_count, 2);
    CHECK_EQ_INT(publish("d", 1, 13), PK_E_AGAIN);
    CHECK_EQ_INT(publish("d", 0, 0), PK_E_AGAIN);
    CHECK_EQ_INT(resend("c", 1, 12), PK_E_CONFLICT);
    CHECK_EQ_INT(resend("a", 2, 10), PK_E_CONFLICT); /* another quality of service */
    REQUIRE(pk_mqtt_resend_peek(&rig.client, &token));
    CHECK_EQ_U64(token, 10);
    CHECK_EQ_INT(resend("a", 1, 10), PK_OK);
    REQUIRE(pk_mqtt_resend_peek(&rig.client, &token));
    CHECK_EQ_U64(token, 12);
    CHECK_EQ_INT(resend("c", 1, 12), PK_OK);
    CHECK(!pk_mqtt_resend_peek(&rig.client, &token));
    CHECK_EQ_INT(resend("c", 1, 12), PK_E_CONFLICT);
    CHECK_EQ_INT(publish("d", 1, 13), PK_OK);
    CHECK(rig_sends(
        &rig, "3a 07 00 01 't' 00 01 00 'a' 3a 07 00 01 't' 00 03 00 'c' 32 07 00 01 't' 00 04 00 'd'"));
    CHECK_EQ_U64(rig.client.counters.resent, 2);
}

PK_TEST(resend__session_lost__is_a_first_sending) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(publish("a", 1, 10), PK_OK);
    CHECK_EQ_INT(publish("b", 2, 11), PK_OK);
    (void)rig_take(&rig, NULL, UINT32_MAX);
    rig_feed(&rig, "50 02 00 02");
    CHECK_EQ_INT(rig_event(&rig), -1);
    pk_mqtt_lost(&rig.client);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_U64(rig.event.u.connected.resend_count, 2); /* QoS 2 half done with a session that is gone */
    CHECK_EQ_INT(resend("a", 1, 10), PK_OK);
    CHECK_EQ_INT(resend("b", 2, 11), PK_OK);
    CHECK(rig_sends(&rig, "32 07 00 01 't' 00 01 00 'a' 34 07 00 01 't' 00 02 00 'b'"));
}

PK_TEST(resend__qos_2_past_pubrec__goes_on_with_pubrel) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(publish("b", 2, 11), PK_OK);
    CHECK_EQ_INT(publish("c", 2, 12), PK_OK);
    (void)rig_take(&rig, NULL, UINT32_MAX);
    rig_feed(&rig, "50 02 00 01");
    CHECK_EQ_INT(rig_event(&rig), -1);
    pk_mqtt_lost(&rig.client);
    REQUIRE(rig_connect(&rig, true));
    CHECK_EQ_U64(rig.event.u.connected.resend_count, 1);
    CHECK(pk_mqtt_has_output(&rig.client));
    CHECK(rig_sends(&rig, "62 02 00 01"));
    CHECK_EQ_INT(resend("c", 2, 12), PK_OK);
    CHECK(rig_sends(&rig, "3c 07 00 01 't' 00 02 00 'c'"));
    rig_feed(&rig, "70 03 00 01 92 50 02 00 02"); /* the server had finished: not a failure */
    CHECK_EQ_U64(published(), 11);
    CHECK_EQ_INT(rig.event.u.published.reason, PK_MQTT_SUCCESS);
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "62 02 00 02"));
}

PK_TEST(resend__smaller_receive_maximum_than_before__waits) {
    uint64_t token = 0;
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    for (uint64_t i = 1; i <= 4; i++) {
        CHECK_EQ_INT(publish("x", 1, i), PK_OK);
    }
    pk_mqtt_lost(&rig.client);
    REQUIRE(rig_connect_with(&rig, true, "21 00 02"));
    CHECK_EQ_INT(resend("x", 1, 1), PK_OK);
    CHECK_EQ_INT(resend("x", 1, 2), PK_OK);
    CHECK_EQ_INT(resend("x", 1, 3), PK_E_FULL);
    rig_feed(&rig, "40 02 00 03"); /* not sent on this connection: acknowledges nothing */
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK_EQ_U64(rig.client.counters.acks_unknown, 1);
    rig_feed(&rig, "40 02 00 01");
    CHECK_EQ_U64(published(), 1);
    CHECK_EQ_INT(resend("x", 1, 3), PK_OK);
    REQUIRE(pk_mqtt_resend_peek(&rig.client, &token));
    CHECK_EQ_U64(token, 4);
}

PK_TEST(resend__lost_again_half_way__starts_at_the_oldest) {
    uint64_t token = 0;
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    for (uint64_t i = 1; i <= 3; i++) {
        CHECK_EQ_INT(publish("x", 1, i), PK_OK);
    }
    pk_mqtt_lost(&rig.client);
    REQUIRE(rig_connect(&rig, true));
    CHECK_EQ_INT(resend("x", 1, 1), PK_OK);
    CHECK_EQ_INT(resend("x", 1, 2), PK_OK);
    pk_mqtt_lost(&rig.client);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_U64(rig.event.u.connected.resend_count, 3);
    REQUIRE(pk_mqtt_resend_peek(&rig.client, &token));
    CHECK_EQ_U64(token, 1);
}

PK_TEST(publish__a_birth__may_overtake) {
    uint64_t token = 0;
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(publish("old", 1, 1), PK_OK);
    pk_mqtt_lost(&rig.client);
    REQUIRE(rig_connect(&rig, true));
    struct pk_mqtt_publish birth = rig_message("up", 1);
    birth.may_overtake = true;
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &birth, 2), PK_OK);
    CHECK_EQ_INT(resend("old", 1, 1), PK_OK);
    CHECK(rig_sends(&rig, "32 08 00 01 't' 00 02 00 'up' 3a 09 00 01 't' 00 01 00 'old'"));
    pk_mqtt_lost(&rig.client);
    REQUIRE(rig_connect(&rig, true));
    REQUIRE(pk_mqtt_resend_peek(&rig.client, &token));
    CHECK_EQ_U64(token, 1);
    CHECK_EQ_INT(pk_mqtt_forget(&rig.client, 2), PK_OK); /* a new birth replaces it */
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &birth, 3), PK_OK);
    CHECK_EQ_INT(resend("old", 1, 1), PK_OK);
    CHECK(!pk_mqtt_resend_peek(&rig.client, &token));
}

PK_TEST(forget__qos_1__is_gone_and_the_rest_goes_on) {
    uint64_t token = 0;
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(publish("a", 1, 1), PK_OK);
    CHECK_EQ_INT(publish("b", 1, 2), PK_OK);
    CHECK_EQ_INT(pk_mqtt_forget(&rig.client, 1), PK_OK); /* on its way: finished all the same */
    CHECK_EQ_U64(pk_mqtt_inflight_count(&rig.client), 2);
    CHECK_EQ_INT(pk_mqtt_forget(&rig.client, 7), PK_E_NOT_FOUND);
    pk_mqtt_lost(&rig.client);
    CHECK_EQ_INT(pk_mqtt_forget(&rig.client, 1), PK_OK); /* while there is no connection */
    REQUIRE(rig_connect(&rig, true));
    REQUIRE(pk_mqtt_resend_peek(&rig.client, &token));
    CHECK_EQ_U64(token, 2);
    CHECK_EQ_INT(pk_mqtt_forget(&rig.client, 2), PK_OK);
    CHECK(!pk_mqtt_resend_peek(&rig.client, &token));
    CHECK_EQ_U64(pk_mqtt_inflight_count(&rig.client), 0);
    CHECK_EQ_INT(publish("c", 1, 3), PK_OK);
}

/* The server may know the id: it is released there before it can name another message. */
PK_TEST(forget__qos_2__is_released_and_silent) {
    uint64_t token = 0;
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(publish("a", 2, 1), PK_OK);
    CHECK_EQ_INT(publish("b", 2, 2), PK_OK);
    pk_mqtt_lost(&rig.client);
    CHECK_EQ_INT(pk_mqtt_forget(&rig.client, 1), PK_OK);
    REQUIRE(rig_connect(&rig, true));
    CHECK_EQ_INT(pk_mqtt_forget(&rig.client, 2), PK_OK);
    CHECK(!pk_mqtt_resend_peek(&rig.client, &token));
    CHECK(rig_sends(&rig, "62 02 00 01 62 02 00 02"));
    rig_feed(&rig, "70 02 00 01 70 03 00 02 92");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK_EQ_U64(pk_mqtt_inflight_count(&rig.client), 0);
    CHECK_EQ_INT(pk_mqtt_forget(&rig.client, 1), PK_E_NOT_FOUND);
}

PK_TEST(subscribe__answers_come_with_the_token) {
    const struct pk_mqtt_filter f[] = {{.filter = pk_str_of("a"), .qos = 1},
                                       {.filter = pk_str_of("b/#"), .qos = 0}};
    const struct pk_str u = pk_str_of("a");
    rig_init(&rig, PK_MQTT_V5);
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, f, 2, 0, 5), PK_E_CLOSED);
    CHECK_EQ_INT(pk_mqtt_unsubscribe(&rig.client, &u, 1, 5), PK_E_CLOSED);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, f, 2, 0, 5), PK_OK);
    CHECK_EQ_INT(pk_mqtt_unsubscribe(&rig.client, &u, 1, 6), PK_OK);
    CHECK(rig_sends(&rig, "82 0d ff 00 00 00 01 'a' 01 00 03 'b/#' 00 a2 06 ff 01 00 00 01 'a'"));
    rig_feed(&rig, "b0 04 ff 01 00 11 90 05 ff 00 00 01 87");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_UNSUBSCRIBED);
    CHECK_EQ_U64(rig.event.u.answered.token, 6);
    CHECK_EQ_INT(rig.event.u.answered.codes[0], PK_MQTT_NO_SUBSCRIPTION_EXISTED);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_SUBSCRIBED);
    CHECK_EQ_U64(rig.event.u.answered.token, 5);
    CHECK_EQ_U64(rig.event.u.answered.code_count, 2);
    CHECK_EQ_INT(rig.event.u.answered.codes[0], 1);
    CHECK_EQ_INT(rig.event.u.answered.codes[1], PK_MQTT_NOT_AUTHORIZED);
    CHECK_EQ_U64(rig.client.counters.by_reason[PK_MQTT_NOT_AUTHORIZED_SLOT], 1);
}

PK_TEST(subscribe__full_window_of_messages__does_not_block_it) {
    const struct pk_mqtt_filter f = {.filter = pk_str_of("a"), .qos = 1};
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect_with(&rig, false, "21 00 01"));
    CHECK_EQ_INT(publish("x", 1, 1), PK_OK);
    CHECK_EQ_INT(publish("x", 1, 2), PK_E_FULL);
    for (uint64_t i = 0; i < PK_MQTT_REQUESTS_MAX; i++) {
        CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, i), PK_OK);
    }
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 99), PK_E_FULL);
    pk_mqtt_lost(&rig.client);
    REQUIRE(rig_connect(&rig, false)); /* unanswered ones are forgotten with the connection */
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 99), PK_OK);
}

PK_TEST(subscribe__packet_ids__are_never_shared_with_one_that_waits) {
    const struct pk_mqtt_filter f = {.filter = pk_str_of("a"), .qos = 1};
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 0), PK_OK); /* keeps ff00 for ever */
    (void)rig_take(&rig, NULL, UINT32_MAX);
    for (uint64_t i = 1; i < 600; i++) {
        uint8_t sent[16];
        CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, i), PK_OK);
        CHECK_EQ_U64(rig_take(&rig, sent, sizeof sent), 9);
        CHECK(sent[2] == 0xFF && sent[3] != 0);
        const uint8_t ack[] = {0x90, 4, sent[2], sent[3], 0, 1};
        CHECK_EQ_U64(pk_mqtt_input(&rig.client, ack, sizeof ack, rig.now_ms), sizeof ack);
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_SUBSCRIBED);
        CHECK_EQ_U64(rig.event.u.answered.token, i);
    }
}

PK_TEST(subscribe__what_the_server_or_we_do_not_offer__is_refused_here) {
    static char big[RIG_TX_BYTES];
    memset(big, 'a', sizeof big);
    struct pk_mqtt_filter f = {.filter = pk_str_of("a/+"), .qos = 1};
    const struct pk_str bad = pk_str_of("a/#/b");
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect_with(&rig, false, "28 00 29 00 2a 00"));
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 1), PK_E_UNSUPPORTED);
    f.filter = pk_str_of("$share/g/a");
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 1), PK_E_UNSUPPORTED);
    f.filter = pk_str_of("a");
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 7, 1), PK_E_UNSUPPORTED);
    f.qos = 2;
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 1), PK_E_UNSUPPORTED);
    f.qos = 1;
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 0, 0, 1), PK_E_BAD_FIELD);
    f.filter = pk_str_make(big, sizeof big);
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 1), PK_E_TOO_BIG);
    f.filter = pk_str_of("");
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 1), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_mqtt_unsubscribe(&rig.client, &bad, 1, 1), PK_E_BAD_FIELD);
    CHECK(rig_sends(&rig, ""));
}

PK_TEST(v311__publish_subscribe__golden) {
    const struct pk_mqtt_filter f = {.filter = pk_str_of("a"), .qos = 1, .no_local = true};
    const struct pk_str u = pk_str_of("a");
    rig_init(&rig, PK_MQTT_V311);
    REQUIRE(rig_connect(&rig, false));
    struct pk_mqtt_publish m = rig_message("x", 1);
    m.content_type = pk_str_of("json"); /* 3.1.1 cannot carry it */
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 1), PK_OK);
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 2), PK_OK);
    CHECK_EQ_INT(pk_mqtt_unsubscribe(&rig.client, &u, 1, 3), PK_OK);
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 9, 4), PK_E_UNSUPPORTED);
    CHECK(rig_sends(&rig, "32 06 00 01 't' 00 01 'x' 82 06 ff 00 00 01 'a' 01 a2 05 ff 01 00 01 'a'"));
    rig_feed(&rig, "40 02 00 01 90 03 ff 00 80 b0 02 ff 01");
    CHECK_EQ_U64(published(), 1);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_SUBSCRIBED);
    CHECK_EQ_INT(rig.event.u.answered.codes[0], 0x80);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_UNSUBSCRIBED);
    CHECK(rig.event.u.answered.codes == NULL);
}

PK_TEST_MAIN(publish__each_qos__is_on_the_wire, publish__refused_by_the_server__ends_with_the_reason,
             publish__what_the_server_does_not_offer__is_refused_here,
             publish__larger_than_the_buffer_ever_holds__is_too_big,
             publish__full_buffer__leaves_room_for_acknowledgements_and_disconnect,
             receive_maximum__of_the_server__is_never_passed,
             publish__more_than_slots__is_full_until_acknowledged,
             resend__session_kept__same_ids_dup_in_order_before_newer_ones,
             resend__session_lost__is_a_first_sending, resend__qos_2_past_pubrec__goes_on_with_pubrel,
             resend__smaller_receive_maximum_than_before__waits,
             resend__lost_again_half_way__starts_at_the_oldest, publish__a_birth__may_overtake,
             forget__qos_1__is_gone_and_the_rest_goes_on, forget__qos_2__is_released_and_silent,
             subscribe__answers_come_with_the_token, subscribe__full_window_of_messages__does_not_block_it,
             subscribe__packet_ids__are_never_shared_with_one_that_waits,
             subscribe__what_the_server_or_we_do_not_offer__is_refused_here, v311__publish_subscribe__golden)
