#include "mqtt/pk_mqtt_props.h"

#include <string.h>

#include "mqtt/pk_mqtt_reason.h"
#include "support/mqtt_rig.h"
#include "support/pk_test.h"

static uint8_t bytes[1024]; /* what the decoded texts point into */

static int decode(const char *hex, enum pk_mqtt_prop_place place, struct pk_mqtt_props *out,
                  struct pk_mqtt_fault *fault) {
    *fault = (struct pk_mqtt_fault){0};
    return pk_mqtt_props_decode(bytes, rig_hex(hex, bytes, sizeof bytes), place, out, fault);
}

PK_TEST(decode__every_property_of_connack__is_read) {
    struct pk_mqtt_props p;
    struct pk_mqtt_fault fault;
    const char *hex =
        "11 00 00 01 02 21 00 14 24 01 25 00 27 00 01 00 00 12 00 02 'ab' 22 00 0a 1f 00 03 'why'"
        "26 00 01 'k' 00 01 'v' 28 00 29 00 2a 01 13 00 1e 1a 00 04 'info' 1c 00 03 'srv'"
        "15 00 01 'm' 16 00 02 ff 00";
    CHECK_EQ_INT(decode(hex, PK_MQTT_PROPS_CONNACK, &p, &fault), PK_OK);
    CHECK_EQ_U64(p.session_expiry_s, 258);
    CHECK_EQ_U64(p.receive_maximum, 20);
    CHECK_EQ_U64(p.maximum_qos, 1);
    CHECK(pk_mqtt_props_has(&p, PK_MQTT_PROP_RETAIN_AVAILABLE) && p.retain_available == 0);
    CHECK_EQ_U64(p.maximum_packet_bytes, 65536);
    CHECK(pk_str_eq_c(p.assigned_client_id, "ab"));
    CHECK_EQ_U64(p.topic_alias_maximum, 10);
    CHECK(pk_str_eq_c(p.reason_string, "why"));
    CHECK(pk_mqtt_props_has(&p, PK_MQTT_PROP_WILDCARD_AVAILABLE) && p.wildcard_available == 0);
    CHECK(pk_mqtt_props_has(&p, PK_MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE) && p.subscription_id_available == 0);
    CHECK_EQ_U64(p.shared_available, 1);
    CHECK_EQ_U64(p.server_keep_alive_s, 30);
    CHECK(pk_str_eq_c(p.response_info, "info"));
    CHECK(pk_str_eq_c(p.server_reference, "srv"));
    CHECK(pk_str_eq_c(p.auth_method, "m"));
    CHECK(p.auth_data.n == 2 && memcmp(p.auth_data.p, "\xFF\0", 2) == 0);
    CHECK(!pk_mqtt_props_has(&p, PK_MQTT_PROP_CONTENT_TYPE) && p.content_type.n == 0);
}

PK_TEST(decode__every_property_of_publish__is_read) {
    struct pk_mqtt_props p;
    struct pk_mqtt_fault fault;
    const char *hex =
        "01 01 02 00 00 0e 10 23 00 05 08 00 03 'r/t' 09 00 03 00 ff 01 03 00 04 'json' 0b 80 01 0b 07";
    CHECK_EQ_INT(decode(hex, PK_MQTT_PROPS_PUBLISH, &p, &fault), PK_OK);
    CHECK_EQ_U64(p.payload_format, 1);
    CHECK_EQ_U64(p.message_expiry_s, 3600);
    CHECK_EQ_U64(p.topic_alias, 5);
    CHECK(pk_str_eq_c(p.response_topic, "r/t"));
    CHECK(p.correlation.n == 3 && memcmp(p.correlation.p, "\0\xFF\1", 3) == 0); /* any bytes */
    CHECK(pk_str_eq_c(p.content_type, "json"));
    CHECK_EQ_U64(p.subscription_id, 128); /* the first of two */
    uint32_t at = 0, id = 0;
    CHECK(pk_mqtt_subscription_id_next(&p, &at, &id) && id == 128);
    CHECK(pk_mqtt_subscription_id_next(&p, &at, &id) && id == 7);
    CHECK(!pk_mqtt_subscription_id_next(&p, &at, &id) && id == 0);
}

PK_TEST(decode__nothing__leaves_all_zero) {
    struct pk_mqtt_props p, zero;
    struct pk_mqtt_fault fault;
    memset(&p, 0xAA, sizeof p);
    memset(&zero, 0, sizeof zero);
    zero.raw = pk_str_make((const char *)bytes, 0);
    CHECK_EQ_INT(decode("", PK_MQTT_PROPS_PUBLISH, &p, &fault), PK_OK);
    CHECK_EQ_U64(p.present, 0);
    CHECK_EQ_U64(p.message_expiry_s, 0);
    CHECK_EQ_INT(p.reason_string.n, 0);
    CHECK_EQ_INT(p.raw.n, zero.raw.n);
}

struct bad {
    const char *hex;
    enum pk_mqtt_prop_place place;
    uint8_t reason;
};

static const struct bad BAD[] = {
    {"00", PK_MQTT_PROPS_PUBLISH, 0x81},                    /* no such id */
    {"04 00", PK_MQTT_PROPS_PUBLISH, 0x81},                 /* a gap in the list */
    {"2b 00", PK_MQTT_PROPS_CONNACK, 0x81},                 /* past the list */
    {"80 01", PK_MQTT_PROPS_PUBLISH, 0x81},                 /* an id of two bytes: there is none */
    {"17 01", PK_MQTT_PROPS_CONNACK, 0x81},                 /* request problem information: a client's */
    {"18 00 00 00 01", PK_MQTT_PROPS_CONNACK, 0x81},        /* will delay: a client's */
    {"01 02", PK_MQTT_PROPS_PUBLISH, 0x82},                 /* payload format 2 */
    {"01 01 01 01", PK_MQTT_PROPS_PUBLISH, 0x82},           /* twice */
    {"01", PK_MQTT_PROPS_PUBLISH, 0x81},                    /* value missing */
    {"02 00 00 00", PK_MQTT_PROPS_PUBLISH, 0x81},           /* value cut */
    {"03 00", PK_MQTT_PROPS_PUBLISH, 0x81},                 /* length cut */
    {"03 00 05 'json'", PK_MQTT_PROPS_PUBLISH, 0x81},       /* text over the end */
    {"03 00 01 ff", PK_MQTT_PROPS_PUBLISH, 0x81},           /* not UTF-8 */
    {"03 00 01 00", PK_MQTT_PROPS_PUBLISH, 0x81},           /* U+0000 */
    {"26 00 01 'k' 00 01 ff", PK_MQTT_PROPS_PUBLISH, 0x81}, /* value not UTF-8 */
    {"26 00 01 ff 00 01 'v'", PK_MQTT_PROPS_PUBLISH, 0x81}, /* name not UTF-8 */
    {"26 00 01 'k'", PK_MQTT_PROPS_PUBLISH, 0x81},          /* half a pair */
    {"0b 00", PK_MQTT_PROPS_PUBLISH, 0x82},                 /* subscription id 0 */
    {"0b 80 80 80 80 01", PK_MQTT_PROPS_PUBLISH, 0x81},     /* too long a varint */
    {"0b 81 00", PK_MQTT_PROPS_PUBLISH, 0x81},              /* not the shortest form */
    {"21 00 00", PK_MQTT_PROPS_CONNACK, 0x82},              /* receive maximum 0 */
    {"27 00 00 00 00", PK_MQTT_PROPS_CONNACK, 0x82},        /* maximum packet size 0 */
    {"24 02", PK_MQTT_PROPS_CONNACK, 0x82},                 /* maximum QoS 2 may not be said */
    {"25 02", PK_MQTT_PROPS_CONNACK, 0x82},                 /* a boolean of 2 */
    {"1f 00 01 'a' 1f 00 01 'b'", PK_MQTT_PROPS_ACK, 0x82}, /* reason string twice */
    {"21 00 0a", PK_MQTT_PROPS_PUBLISH, 0x82},              /* of CONNACK */
    {"03 00 01 'a'", PK_MQTT_PROPS_CONNACK, 0x82},          /* of PUBLISH */
    {"1f 00 01 'a'", PK_MQTT_PROPS_PUBLISH, 0x82},          /* not of PUBLISH */
    {"11 00 00 00 01", PK_MQTT_PROPS_DISCONNECT, 0x82},     /* MQTT-3.14.2-2 */
    {"1c 00 01 'a'", PK_MQTT_PROPS_ACK, 0x82},              /* server reference */
};

PK_TEST(decode__what_is_wrong__is_named_by_its_reason) {
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct pk_mqtt_props p;
        struct pk_mqtt_fault fault;
        CHECK_EQ_INT(decode(BAD[i].hex, BAD[i].place, &p, &fault), PK_E_PROTOCOL);
        if (fault.reason != BAD[i].reason || fault.what == NULL) {
            CHECK_STR(BAD[i].hex, "the reason of this row");
        }
    }
}

PK_TEST(decode__every_prefix_of_a_good_list__never_runs_over) {
    struct pk_mqtt_props p;
    struct pk_mqtt_fault fault;
    uint8_t whole[128];
    const uint32_t n =
        rig_hex("01 01 02 00 00 0e 10 08 00 03 'r/t' 26 00 01 'k' 00 01 'v' 0b 80 01", whole, sizeof whole);
    int good = 0;
    for (uint32_t cut = 0; cut <= n; cut++) {
        uint8_t exact[128];
        memcpy(exact, whole, cut);
        good += pk_mqtt_props_decode(exact, cut, PK_MQTT_PROPS_PUBLISH, &p, &fault) == PK_OK;
    }
    CHECK_EQ_INT(good, 6); /* after none and after each of the five */
}

PK_TEST(user_properties__among_others__come_in_order) {
    struct pk_mqtt_props p;
    struct pk_mqtt_fault fault;
    struct pk_str name, value;
    uint32_t at = 0;
    CHECK_EQ_INT(decode("26 00 01 'a' 00 01 '1' 01 01 26 00 00 00 02 'xx' 0b 80 01 26 00 01 'a' 00 00",
                        PK_MQTT_PROPS_PUBLISH, &p, &fault),
                 PK_OK);
    REQUIRE(pk_mqtt_user_property_next(&p, &at, &name, &value));
    CHECK(pk_str_eq_c(name, "a") && pk_str_eq_c(value, "1"));
    REQUIRE(pk_mqtt_user_property_next(&p, &at, &name, &value));
    CHECK(name.n == 0 && pk_str_eq_c(value, "xx"));
    REQUIRE(pk_mqtt_user_property_next(&p, &at, &name, &value));
    CHECK(pk_str_eq_c(name, "a") && value.n == 0);
    CHECK(!pk_mqtt_user_property_next(&p, &at, &name, &value));
    CHECK(!pk_mqtt_user_property_next(&p, &at, &name, &value));
}

PK_TEST_MAIN(decode__every_property_of_connack__is_read, decode__every_property_of_publish__is_read,
             decode__nothing__leaves_all_zero, decode__what_is_wrong__is_named_by_its_reason,
             decode__every_prefix_of_a_good_list__never_runs_over,
             user_properties__among_others__come_in_order)
