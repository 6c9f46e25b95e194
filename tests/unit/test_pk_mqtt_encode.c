#include "mqtt/pk_mqtt_encode.h"

#include <string.h>

#include "mqtt/pk_mqtt_reason.h"
#include "support/mqtt_rig.h"
#include "support/pk_test.h"

static uint8_t got[4096], want[4096];
static const struct pk_mqtt_offer OFFER = {.max_packet_bytes = 4096, .receive_maximum = 10};

/* Encoded bytes are exactly these; measuring gives the same length and writes nothing. */
#define CHECK_PACKET(hex, call_with)                                                                         \
    do {                                                                                                     \
        const uint32_t want_n = rig_hex(hex, want, sizeof want);                                             \
        memset(got, 0xEE, sizeof got);                                                                       \
        uint8_t *p = got;                                                                                    \
        uint32_t cap = want_n - 1;                                                                           \
        CHECK_EQ_INT(call_with, (int)want_n);                                                                \
        CHECK_EQ_INT(got[0], 0xEE);                                                                          \
        cap = want_n;                                                                                        \
        CHECK_EQ_INT(call_with, (int)want_n);                                                                \
        CHECK_MEM(got, want, want_n);                                                                        \
        CHECK_EQ_INT(got[want_n], 0xEE);                                                                     \
    } while (0)

static struct pk_mqtt_config config_of(enum pk_mqtt_version version) {
    return (struct pk_mqtt_config){.version = (uint8_t)version,
                                   .client_id = pk_str_of("gw"),
                                   .session_expiry_s = 100,
                                   .keep_alive_s = 60};
}

PK_TEST(connect__smallest__golden) {
    struct pk_mqtt_config c = config_of(PK_MQTT_V5);
    c.session_expiry_s = 0;
    c.clean_start = true;
    CHECK_PACKET("10 17 00 04 'MQTT' 05 02 00 3c 08 21 00 0a 27 00 00 10 00 00 02 'gw'",
                 pk_mqtt_encode_connect(p, cap, &c, c.clean_start, &OFFER));
}

PK_TEST(connect__topic_aliases_offered__golden) {
    const struct pk_mqtt_offer offer = {4096, 10, 2};
    struct pk_mqtt_config c = config_of(PK_MQTT_V5);
    CHECK_PACKET(
        "10 1f 00 04 'MQTT' 05 00 00 3c 10 11 00 00 00 64 21 00 0a 27 00 00 10 00 22 00 02 00 02 'gw'",
        pk_mqtt_encode_connect(p, cap, &c, c.clean_start, &offer));
}

PK_TEST(publish__with_a_topic_alias__golden) {
    struct pk_mqtt_publish m = {
        .topic = pk_str_of("a/b"), .payload = "x", .payload_bytes = 1, .topic_alias = 7};
    CHECK_PACKET("30 0a 00 03 'a/b' 03 23 00 07 'x'",
                 pk_mqtt_encode_publish(p, cap, &m, 0, false, PK_MQTT_V5));
    m.topic.n = 0;
    CHECK_PACKET("30 07 00 00 03 23 00 07 'x'", pk_mqtt_encode_publish(p, cap, &m, 0, false, PK_MQTT_V5));
    m.topic_alias = 0;
    CHECK_EQ_INT(pk_mqtt_encode_publish(NULL, 0, &m, 0, false, PK_MQTT_V5), PK_E_BAD_FIELD);
}

PK_TEST(connect__everything__golden) {
    const struct pk_mqtt_user_property user = {pk_str_of("k"), pk_str_of("v")};
    struct pk_mqtt_config c = config_of(PK_MQTT_V5);
    c.has_username = c.has_password = true;
    c.username = pk_str_of("user");
    c.password = pk_str_make("p\0w", 3);
    c.will = (struct pk_mqtt_will){.topic = pk_str_of("st"),
                                   .payload = pk_str_of("off"),
                                   .qos = 1,
                                   .is_retained = true,
                                   .payload_is_text = true,
                                   .delay_s = 30,
                                   .message_expiry_s = 60,
                                   .content_type = pk_str_of("c"),
                                   .user = &user,
                                   .user_count = 1};
    CHECK_PACKET("10 48 00 04 'MQTT' 05 ec 00 3c 0d 11 00 00 00 64 21 00 0a 27 00 00 10 00 00 02 'gw'"
                 "17 18 00 00 00 1e 01 01 02 00 00 00 3c 03 00 01 'c' 26 00 01 'k' 00 01 'v'"
                 "00 02 'st' 00 03 'off' 00 04 'user' 00 03 70 00 77",
                 pk_mqtt_encode_connect(p, cap, &c, c.clean_start, &OFFER));
}

PK_TEST(connect_311__golden) {
    struct pk_mqtt_config c = config_of(PK_MQTT_V311);
    c.will = (struct pk_mqtt_will){.topic = pk_str_of("st"), .payload = pk_str_of("off"), .qos = 2};
    CHECK_PACKET("10 17 00 04 'MQTT' 04 14 00 3c 00 02 'gw' 00 02 'st' 00 03 'off'",
                 pk_mqtt_encode_connect(p, cap, &c, c.clean_start, &OFFER));
    c.will.topic.n = 0;
    c.clean_start = true;
    CHECK_PACKET("10 0e 00 04 'MQTT' 04 02 00 3c 00 02 'gw'",
                 pk_mqtt_encode_connect(p, cap, &c, c.clean_start, &OFFER));
}

PK_TEST(connect__what_may_not_be_sent__is_refused) {
    static char big[65536];
    memset(big, 'a', sizeof big);
    struct pk_mqtt_config c = config_of(PK_MQTT_V5);
    c.version = 3;
    CHECK_EQ_INT(pk_mqtt_encode_connect(NULL, 0, &c, c.clean_start, &OFFER), PK_E_BAD_FIELD);
    c = config_of(PK_MQTT_V5);
    c.client_id = pk_str_of("\xFF");
    CHECK_EQ_INT(pk_mqtt_encode_connect(NULL, 0, &c, c.clean_start, &OFFER), PK_E_BAD_FIELD);
    c = config_of(PK_MQTT_V5);
    c.client_id = pk_str_make(big, 65536);
    CHECK_EQ_INT(pk_mqtt_encode_connect(NULL, 0, &c, c.clean_start, &OFFER), PK_E_BAD_FIELD);
    c = config_of(PK_MQTT_V311);
    c.client_id.n = 0; /* MQTT-3.1.3-7 */
    CHECK_EQ_INT(pk_mqtt_encode_connect(NULL, 0, &c, c.clean_start, &OFFER), PK_E_BAD_FIELD);
    c.clean_start = true;
    CHECK(pk_mqtt_encode_connect(NULL, 0, &c, c.clean_start, &OFFER) > 0);
    c.has_password = true; /* without a user name: 5.0 only */
    CHECK_EQ_INT(pk_mqtt_encode_connect(NULL, 0, &c, c.clean_start, &OFFER), PK_E_BAD_FIELD);
    c.version = PK_MQTT_V5;
    CHECK(pk_mqtt_encode_connect(NULL, 0, &c, c.clean_start, &OFFER) > 0);
    c.has_username = true;
    c.username = pk_str_make("a\0", 2);
    CHECK_EQ_INT(pk_mqtt_encode_connect(NULL, 0, &c, c.clean_start, &OFFER), PK_E_BAD_FIELD);
    c.username = pk_str_of("a");
    c.password = pk_str_make(big, 65536);
    CHECK_EQ_INT(pk_mqtt_encode_connect(NULL, 0, &c, c.clean_start, &OFFER), PK_E_BAD_FIELD);
    c = config_of(PK_MQTT_V5);
    c.will.topic = pk_str_of("a/#");
    CHECK_EQ_INT(pk_mqtt_encode_connect(NULL, 0, &c, c.clean_start, &OFFER), PK_E_BAD_FIELD);
    c.will.topic = pk_str_of("a");
    c.will.qos = 3;
    CHECK_EQ_INT(pk_mqtt_encode_connect(NULL, 0, &c, c.clean_start, &OFFER), PK_E_BAD_FIELD);
    c.will.qos = 0;
    c.will.payload = pk_str_make(big, 65536);
    CHECK_EQ_INT(pk_mqtt_encode_connect(NULL, 0, &c, c.clean_start, &OFFER), PK_E_BAD_FIELD);
    c.will.payload = pk_str_make(big, 65535);
    CHECK(pk_mqtt_encode_connect(NULL, 0, &c, c.clean_start, &OFFER) > 65535);
}

PK_TEST(publish__golden) {
    struct pk_mqtt_publish m = rig_message("hi", 0);
    CHECK_PACKET("30 06 00 01 't' 00 'hi'", pk_mqtt_encode_publish(p, cap, &m, 0, false, PK_MQTT_V5));
    CHECK_PACKET("30 05 00 01 't' 'hi'", pk_mqtt_encode_publish(p, cap, &m, 0, false, PK_MQTT_V311));
    m.qos = 1;
    m.is_retained = true;
    CHECK_PACKET("33 08 00 01 't' 12 34 00 'hi'",
                 pk_mqtt_encode_publish(p, cap, &m, 0x1234, false, PK_MQTT_V5));
    m.qos = 2;
    m.is_retained = false;
    CHECK_PACKET("3c 07 00 01 't' 00 01 'hi'", pk_mqtt_encode_publish(p, cap, &m, 1, true, PK_MQTT_V311));
    m.payload_bytes = 0;
    m.payload = NULL;
    CHECK_PACKET("3c 06 00 01 't' 00 01 00", pk_mqtt_encode_publish(p, cap, &m, 1, true, PK_MQTT_V5));
}

PK_TEST(publish__every_property__golden) {
    const struct pk_mqtt_user_property user[] = {{pk_str_of("a"), pk_str_of("1")},
                                                 {pk_str_of("b"), pk_str_of("")}};
    struct pk_mqtt_publish m = rig_message("{}", 1);
    m.payload_is_text = true;
    m.message_expiry_s = 3600;
    m.content_type = pk_str_of("json");
    m.response_topic = pk_str_of("r/t");
    m.has_correlation = true;
    m.correlation = pk_str_make("\0\xFF", 2);
    m.user = user;
    m.user_count = 2;
    CHECK_PACKET("32 2e 00 01 't' 00 05 26 01 01 02 00 00 0e 10 03 00 04 'json' 08 00 03 'r/t' 09 00 02 00 ff"
                 "26 00 01 'a' 00 01 '1' 26 00 01 'b' 00 00 '{}'",
                 pk_mqtt_encode_publish(p, cap, &m, 5, false, PK_MQTT_V5));
    CHECK_PACKET("32 07 00 01 't' 00 05 '{}'", pk_mqtt_encode_publish(p, cap, &m, 5, false, PK_MQTT_V311));
}

PK_TEST(publish__what_may_not_be_sent__is_refused) {
    const struct pk_mqtt_user_property bad = {pk_str_of("a"), pk_str_of("\xC0\x80")};
    struct pk_mqtt_publish m = rig_message("x", 3);
    CHECK_EQ_INT(pk_mqtt_encode_publish(NULL, 0, &m, 1, false, PK_MQTT_V5), PK_E_BAD_FIELD);
    m = rig_message("x", 0);
    m.topic = pk_str_of("");
    CHECK_EQ_INT(pk_mqtt_encode_publish(NULL, 0, &m, 0, false, PK_MQTT_V5), PK_E_BAD_FIELD);
    m.topic = pk_str_of("a/+");
    CHECK_EQ_INT(pk_mqtt_encode_publish(NULL, 0, &m, 0, false, PK_MQTT_V5), PK_E_BAD_FIELD);
    m = rig_message("x", 0);
    m.response_topic = pk_str_of("#");
    CHECK_EQ_INT(pk_mqtt_encode_publish(NULL, 0, &m, 0, false, PK_MQTT_V5), PK_E_BAD_FIELD);
    m = rig_message("x", 0);
    m.content_type = pk_str_make("\0", 1);
    CHECK_EQ_INT(pk_mqtt_encode_publish(NULL, 0, &m, 0, false, PK_MQTT_V5), PK_E_BAD_FIELD);
    m = rig_message("x", 0);
    m.user = &bad;
    m.user_count = 1;
    CHECK_EQ_INT(pk_mqtt_encode_publish(NULL, 0, &m, 0, false, PK_MQTT_V5), PK_E_BAD_FIELD);
    m = rig_message("x", 0);
    m.payload_bytes = 268435455u; /* the body is larger than its length can say */
    CHECK_EQ_INT(pk_mqtt_encode_publish(NULL, 0, &m, 0, false, PK_MQTT_V5), PK_E_TOO_BIG);
    m.payload_bytes = UINT32_MAX;
    CHECK_EQ_INT(pk_mqtt_encode_publish(NULL, 0, &m, 0, false, PK_MQTT_V5), PK_E_TOO_BIG);
    m.payload_bytes = 268435455u - 4;
    CHECK_EQ_INT(pk_mqtt_encode_publish(NULL, 0, &m, 0, false, PK_MQTT_V5), 268435455 + 5);
}

PK_TEST(subscribe__golden) {
    const struct pk_mqtt_filter f[] = {{.filter = pk_str_of("a/#"), .qos = 1},
                                       {.filter = pk_str_of("b"),
                                        .qos = 2,
                                        .no_local = true,
                                        .retain_as_published = true,
                                        .retain_handling = 2}};
    CHECK_PACKET("82 0d 00 0a 00 00 03 'a/#' 01 00 01 'b' 2e",
                 pk_mqtt_encode_subscribe(p, cap, f, 2, 0, 10, PK_MQTT_V5));
    CHECK_PACKET("82 10 00 0a 03 0b ac 02 00 03 'a/#' 01 00 01 'b' 2e",
                 pk_mqtt_encode_subscribe(p, cap, f, 2, 300, 10, PK_MQTT_V5));
    CHECK_PACKET("82 0c 00 0a 00 03 'a/#' 01 00 01 'b' 02",
                 pk_mqtt_encode_subscribe(p, cap, f, 2, 300, 10, PK_MQTT_V311));
}

PK_TEST(subscribe__what_may_not_be_sent__is_refused) {
    struct pk_mqtt_filter f = {.filter = pk_str_of("a"), .qos = 1};
    CHECK_EQ_INT(pk_mqtt_encode_subscribe(NULL, 0, &f, 0, 0, 1, PK_MQTT_V5), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_mqtt_encode_subscribe(NULL, 0, &f, 1, 268435456, 1, PK_MQTT_V5), PK_E_BAD_FIELD);
    f.qos = 3;
    CHECK_EQ_INT(pk_mqtt_encode_subscribe(NULL, 0, &f, 1, 0, 1, PK_MQTT_V5), PK_E_BAD_FIELD);
    f.qos = 1;
    f.retain_handling = 3;
    CHECK_EQ_INT(pk_mqtt_encode_subscribe(NULL, 0, &f, 1, 0, 1, PK_MQTT_V5), PK_E_BAD_FIELD);
    f.retain_handling = 0;
    f.filter = pk_str_of("a#");
    CHECK_EQ_INT(pk_mqtt_encode_subscribe(NULL, 0, &f, 1, 0, 1, PK_MQTT_V5), PK_E_BAD_FIELD);
    f.filter = pk_str_of("$share/g/a");
    CHECK(pk_mqtt_encode_subscribe(NULL, 0, &f, 1, 0, 1, PK_MQTT_V5) > 0);
    f.no_local = true; /* MQTT-3.8.3-4 */
    CHECK_EQ_INT(pk_mqtt_encode_subscribe(NULL, 0, &f, 1, 0, 1, PK_MQTT_V5), PK_E_BAD_FIELD);
}

PK_TEST(unsubscribe__golden_and_refused) {
    const struct pk_str f[] = {pk_str_of("a/#"), pk_str_of("b")};
    const struct pk_str bad = pk_str_of("");
    CHECK_PACKET("a2 0b 00 0a 00 00 03 'a/#' 00 01 'b'",
                 pk_mqtt_encode_unsubscribe(p, cap, f, 2, 10, PK_MQTT_V5));
    CHECK_PACKET("a2 0a 00 0a 00 03 'a/#' 00 01 'b'",
                 pk_mqtt_encode_unsubscribe(p, cap, f, 2, 10, PK_MQTT_V311));
    CHECK_EQ_INT(pk_mqtt_encode_unsubscribe(NULL, 0, f, 0, 1, PK_MQTT_V5), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_mqtt_encode_unsubscribe(NULL, 0, &bad, 1, 1, PK_MQTT_V5), PK_E_BAD_FIELD);
}

PK_TEST(short_packets__golden) {
    uint8_t p[PK_MQTT_SHORT_BYTES_MAX];
    CHECK_EQ_U64(pk_mqtt_encode_puback(p, PK_MQTT_PUBACK, 0x0102, 0, PK_MQTT_V5), 4);
    CHECK_MEM(p, "\x40\x02\x01\x02", 4);
    CHECK_EQ_U64(pk_mqtt_encode_puback(p, PK_MQTT_PUBACK, 0x0102, 0x97, PK_MQTT_V5), 5);
    CHECK_MEM(p, "\x40\x03\x01\x02\x97", 5);
    CHECK_EQ_U64(pk_mqtt_encode_puback(p, PK_MQTT_PUBREC, 1, 0x97, PK_MQTT_V311),
                 4); /* 3.1.1 cannot say it */
    CHECK_MEM(p, "\x50\x02\x00\x01", 4);
    CHECK_EQ_U64(pk_mqtt_encode_puback(p, PK_MQTT_PUBREL, 1, 0x92, PK_MQTT_V5), 5);
    CHECK_MEM(p, "\x62\x03\x00\x01\x92", 5);
    CHECK_EQ_U64(pk_mqtt_encode_puback(p, PK_MQTT_PUBCOMP, 1, 0, PK_MQTT_V5), 4);
    CHECK_MEM(p, "\x70\x02\x00\x01", 4);
    CHECK_EQ_U64(pk_mqtt_encode_pingreq(p), 2);
    CHECK_MEM(p, "\xC0\x00", 2);
    CHECK_EQ_U64(pk_mqtt_encode_disconnect(p, 0, PK_MQTT_V5), 2);
    CHECK_MEM(p, "\xE0\x00", 2);
    CHECK_EQ_U64(pk_mqtt_encode_disconnect(p, 0x95, PK_MQTT_V5), 3);
    CHECK_MEM(p, "\xE0\x01\x95", 3);
    CHECK_EQ_U64(pk_mqtt_encode_disconnect(p, 4, PK_MQTT_V311), 2);
}

PK_TEST_MAIN(connect__smallest__golden, connect__topic_aliases_offered__golden,
             publish__with_a_topic_alias__golden, connect__everything__golden, connect_311__golden,
             connect__what_may_not_be_sent__is_refused, publish__golden, publish__every_property__golden,
             publish__what_may_not_be_sent__is_refused, subscribe__golden,
             subscribe__what_may_not_be_sent__is_refused, unsubscribe__golden_and_refused,
             short_packets__golden)
