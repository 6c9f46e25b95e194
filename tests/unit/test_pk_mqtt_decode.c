#include "mqtt/pk_mqtt_decode.h"

#include <string.h>

#include "mqtt/pk_mqtt_reason.h"
#include "support/mqtt_rig.h"
#include "support/pk_test.h"

static uint8_t bytes[1024];

/* A whole packet through the frame and the decoder of its type; *reason is the fault's, 0 when good. */
static int decode(const char *hex, enum pk_mqtt_version version, uint8_t *reason,
                  struct pk_mqtt_frame *frame) {
    struct pk_mqtt_fault fault = {0};
    const uint32_t n = rig_hex(hex, bytes, sizeof bytes);
    int r = pk_mqtt_decode_frame(bytes, n, version, frame, &fault);
    struct pk_mqtt_connack connack;
    struct pk_mqtt_message message;
    struct pk_mqtt_puback ack;
    struct pk_mqtt_suback suback;
    struct pk_mqtt_props props;
    uint8_t code;
    if (r == PK_OK) {
        const enum pk_mqtt_type type = (enum pk_mqtt_type)frame->type;
        const uint8_t *p = bytes + frame->header_bytes;
        const uint32_t body = frame->body_bytes;
        if (type == PK_MQTT_CONNACK) {
            r = pk_mqtt_decode_connack(p, body, version, &connack, &fault);
        } else if (type == PK_MQTT_PUBLISH) {
            r = pk_mqtt_decode_publish(p, body, frame->flags, version, &message, &props, &fault);
        } else if (type == PK_MQTT_SUBACK || type == PK_MQTT_UNSUBACK) {
            r = pk_mqtt_decode_suback(p, body, type, version, &suback, &props, &fault);
        } else if (type == PK_MQTT_DISCONNECT) {
            r = pk_mqtt_decode_disconnect(p, body, &code, &props, &fault);
        } else if (type != PK_MQTT_PINGRESP) {
            r = pk_mqtt_decode_puback(p, body, type, version, &ack, &props, &fault);
        }
    }
    *reason = fault.reason;
    return r;
}

struct row {
    const char *hex;
    uint8_t reason; /* 0: good */
};

static void check_rows(const struct row *rows, size_t count, enum pk_mqtt_version version) {
    for (size_t i = 0; i < count; i++) {
        struct pk_mqtt_frame frame;
        uint8_t reason = 0;
        const int r = decode(rows[i].hex, version, &reason, &frame);
        CHECK_EQ_INT(r, rows[i].reason == 0 ? PK_OK : PK_E_PROTOCOL);
        if (reason != rows[i].reason) {
            CHECK_EQ_INT(reason, rows[i].reason);
            CHECK_STR(rows[i].hex, "this row");
        }
    }
}

static const struct row FRAMES[] = {
    {"00 00", 0x81},       /* type 0 */
    {"10 00", 0x82},       /* CONNECT */
    {"82 00", 0x82},       /* SUBSCRIBE */
    {"a2 00", 0x82},       /* UNSUBSCRIBE */
    {"c0 00", 0x82},       /* PINGREQ */
    {"f0 00", 0x82},       /* AUTH, which we never began */
    {"21 02 00 00", 0x81}, /* reserved flags of CONNACK */
    {"41 02 00 01", 0x81}, /* of PUBACK */
    {"60 02 00 01", 0x81}, /* PUBREL must have 2 */
    {"63 02 00 01", 0x81},
    {"72 02 00 01", 0x81},
    {"d1 00", 0x81},
    {"e1 00", 0x81},
    {"36 05 00 01 't' 00 01", 0x81}, /* QoS 3 */
    {"3e 05 00 01 't' 00 01", 0x81},
    {"38 04 00 01 't' 00", 0x81}, /* DUP with QoS 0 */
    {"20 80 80 80 80 01", 0x81},  /* remaining length of five bytes */
    {"d0 80 00", 0x81},           /* not its shortest form */
    {"d0 00", 0},
};

PK_TEST(frame__what_a_server_may_not_send__is_named) {
    check_rows(FRAMES, sizeof FRAMES / sizeof FRAMES[0], PK_MQTT_V5);
}

PK_TEST(frame__every_cut__asks_for_more) {
    struct pk_mqtt_frame frame;
    struct pk_mqtt_fault fault;
    const uint8_t header[] = {0x30, 0xFF, 0xFF, 0xFF, 0x7F};
    for (uint32_t n = 0; n < sizeof header; n++) {
        CHECK_EQ_INT(pk_mqtt_decode_frame(header, n, PK_MQTT_V5, &frame, &fault), PK_E_AGAIN);
    }
    CHECK_EQ_INT(pk_mqtt_decode_frame(header, sizeof header, PK_MQTT_V5, &frame, &fault), PK_OK);
    CHECK_EQ_U64(frame.body_bytes, 268435455);
    CHECK_EQ_U64(frame.header_bytes, 5);
    CHECK_EQ_INT(frame.type, PK_MQTT_PUBLISH);
}

static const struct row CONNACKS[] = {
    {"20 03 00 00 00", 0},
    {"20 03 01 00 00", 0},
    {"20 03 00 87 00", 0},
    {"20 03 00 ef 00", 0}, /* a failure of a later revision */
    {"20 02 00 01", 0},    /* a 3.1.1 server: version refused */
    {"20 02 00 00", 0x81}, /* but 5.0 success needs properties */
    {"20 02 00 05", 0x81},
    {"20 00", 0x81},
    {"20 01 00", 0x81},
    {"20 03 02 00 00", 0x81},    /* reserved flag */
    {"20 03 01 87 00", 0x82},    /* session present in a refusal */
    {"20 03 00 01 00", 0x82},    /* success code that CONNACK has not */
    {"20 04 00 00 00 00", 0x81}, /* a byte too many */
    {"20 04 00 00 03 21", 0x81}, /* properties over the end */
    {"20 06 00 00 03 21 00 0a", 0},
    {"20 07 00 00 03 21 00 0a 00", 0x81},
    {"20 05 00 00 02 01 01", 0x82},             /* payload format is not of CONNACK */
    {"20 04 00 00 80 00", 0x81},                /* property length not its shortest form */
    {"20 09 00 00 06 21 00 0a 21 00 0a", 0x82}, /* twice */
};

PK_TEST(connack__good_and_bad) {
    check_rows(CONNACKS, sizeof CONNACKS / sizeof CONNACKS[0], PK_MQTT_V5);
}

static const struct row ROWS_311[] = {
    {"20 02 00 00", 0},    {"20 02 01 00", 0},       {"20 02 00 05", 0},       {"20 02 00 06", 0x82},
    {"20 02 01 05", 0x82}, {"20 03 00 00 00", 0x81}, {"40 02 00 01", 0},       {"40 03 00 01 00", 0x81},
    {"90 03 00 01 80", 0}, {"90 03 00 01 81", 0x82}, {"90 03 00 01 03", 0x82}, {"90 02 00 01", 0x81},
    {"b0 02 00 01", 0},    {"b0 03 00 01 00", 0x81}, {"e0 00", 0x82}, /* no DISCONNECT from a 3.1.1 server */
    {"f0 00", 0x82},       {"30 03 00 01 't'", 0},   {"30 02 00 00", 0x82}, /* empty topic */
    {"d0 80 00", 0}, /* 3.1.1 does not forbid the longer form */
};

PK_TEST(v311__good_and_bad) {
    check_rows(ROWS_311, sizeof ROWS_311 / sizeof ROWS_311[0], PK_MQTT_V311);
}

PK_TEST(connack_311__return_codes__become_reasons) {
    const uint8_t want[] = {0x00, 0x84, 0x85, 0x88, 0x86, 0x87};
    for (uint8_t code = 0; code < sizeof want; code++) {
        const uint8_t body[] = {0, code};
        struct pk_mqtt_connack ack;
        struct pk_mqtt_fault fault;
        CHECK_EQ_INT(pk_mqtt_decode_connack(body, 2, PK_MQTT_V311, &ack, &fault), PK_OK);
        CHECK_EQ_INT(ack.reason, want[code]);
    }
    const uint8_t old[] = {0, 1};
    struct pk_mqtt_connack ack;
    struct pk_mqtt_fault fault;
    CHECK_EQ_INT(pk_mqtt_decode_connack(old, 2, PK_MQTT_V5, &ack, &fault), PK_OK);
    CHECK_EQ_INT(ack.reason, PK_MQTT_UNSUPPORTED_VERSION);
}

static const struct row PUBLISHES[] = {
    {"30 04 00 01 't' 00", 0},
    {"30 06 00 01 't' 00 'hi'", 0},
    {"32 06 00 01 't' 00 01 00", 0},
    {"3d 06 00 01 't' 00 01 00", 0}, /* QoS 2, DUP, retain */
    {"30 00", 0x81},
    {"30 01 00", 0x81},
    {"30 02 00 01", 0x81},              /* topic over the end */
    {"30 03 00 01 't'", 0x81},          /* no property length */
    {"32 03 00 01 't'", 0x81},          /* no packet id */
    {"32 04 00 01 't' 00", 0x81},       /* half a packet id */
    {"32 06 00 01 't' 00 00 00", 0x82}, /* packet id 0 */
    {"30 03 00 00 00", 0x82},           /* empty topic, no alias */
    {"30 06 00 00 03 23 00 01", 0},     /* empty topic, alias */
    {"30 06 00 03 'a/+' 00", 0x90},     /* wildcard */
    {"30 04 00 01 '#' 00", 0x90},
    {"30 04 00 01 ff 00", 0x81},        /* not UTF-8 */
    {"30 04 00 01 00 00", 0x81},        /* U+0000 */
    {"30 06 00 01 't' 05 01 01", 0x81}, /* properties over the end */
    {"30 06 00 01 't' 02 01 05", 0x82},
    {"30 09 00 01 't' 05 08 00 02 'a+'", 0x82}, /* wildcard in the response topic */
    {"30 07 00 01 't' 03 08 00 00", 0x82},      /* empty response topic */
    {"30 05 00 01 't' 80 00", 0x81},            /* property length not its shortest form */
};

PK_TEST(publish__good_and_bad) {
    check_rows(PUBLISHES, sizeof PUBLISHES / sizeof PUBLISHES[0], PK_MQTT_V5);
}

PK_TEST(publish__fields__are_those_of_the_packet) {
    struct pk_mqtt_message m;
    struct pk_mqtt_props props;
    struct pk_mqtt_fault fault;
    const uint32_t n = rig_hex("00 03 'a/b' 12 34 07 03 00 04 'json' 'payload'", bytes, sizeof bytes);
    CHECK_EQ_INT(pk_mqtt_decode_publish(bytes, n, 0x0B, PK_MQTT_V5, &m, &props, &fault), PK_OK);
    CHECK(pk_str_eq_c(m.topic, "a/b"));
    CHECK_EQ_INT(m.packet_id, 0x1234);
    CHECK_EQ_INT(m.qos, 1);
    CHECK(m.is_dup && m.is_retained);
    CHECK(m.payload_bytes == 7 && memcmp(m.payload, "payload", 7) == 0);
    CHECK(pk_str_eq_c(props.content_type, "json"));
    CHECK((const uint8_t *)m.topic.p == bytes + 2); /* no copy */
}

static const struct row ACKS[] = {
    {"40 02 00 01", 0},
    {"40 03 00 01 10", 0},
    {"40 04 00 01 97 00", 0},
    {"40 08 00 01 97 04 1f 00 01 'x'", 0},
    {"40 00", 0x81},
    {"40 01 00", 0x81},
    {"40 02 00 00", 0x82},    /* packet id 0 */
    {"40 03 00 01 11", 0x82}, /* of UNSUBACK */
    {"40 03 00 01 01", 0x82},
    {"50 03 00 01 10", 0},
    {"62 03 00 01 10", 0x82}, /* PUBREL knows 0 and 146 */
    {"62 03 00 01 92", 0},
    {"70 03 00 01 92", 0},
    {"70 03 00 01 10", 0x82},
    {"40 05 00 01 00 01 1f", 0x81},
    {"40 05 00 01 00 00 00", 0x81},       /* a byte too many */
    {"40 07 00 01 00 03 21 00 01", 0x82}, /* receive maximum in PUBACK */
    {"90 04 00 01 00 01", 0},
    {"90 06 00 01 00 00 01 02", 0},
    {"90 04 00 01 00 87", 0},
    {"90 04 00 01 00 03", 0x82}, /* QoS 3 granted */
    {"90 04 00 01 00 11", 0x82},
    {"90 03 00 01 00", 0x81}, /* no code */
    {"90 02 00 01", 0x81},
    {"90 04 00 00 00 00", 0x82},
    {"b0 04 00 01 00 11", 0},
    {"b0 04 00 01 00 01", 0x82},
    {"b0 03 00 01 00", 0x81},
    {"e0 00", 0},
    {"e0 01 8e", 0},
    {"e0 02 8e 00", 0},
    {"e0 07 9c 05 1c 00 02 'ab'", 0},
    {"e0 06 9c 05 1c 00 02 'a'", 0x81},     /* a byte short of what it says */
    {"e0 08 9d 05 1c 00 02 'ab' 00", 0x81}, /* a byte too many */
    {"e0 01 04", 0x82},                     /* with will: a client's */
    {"e0 07 00 05 11 00 00 00 01", 0x82},   /* session expiry: a client's */
};

PK_TEST(acknowledgements_and_disconnect__good_and_bad) {
    check_rows(ACKS, sizeof ACKS / sizeof ACKS[0], PK_MQTT_V5);
}

PK_TEST(suback__codes__are_those_of_the_packet) {
    struct pk_mqtt_suback ack;
    struct pk_mqtt_props props;
    struct pk_mqtt_fault fault;
    const uint32_t n = rig_hex("00 07 05 1f 00 02 'no' 01 87 02", bytes, sizeof bytes);
    CHECK_EQ_INT(pk_mqtt_decode_suback(bytes, n, PK_MQTT_SUBACK, PK_MQTT_V5, &ack, &props, &fault), PK_OK);
    CHECK_EQ_INT(ack.packet_id, 7);
    CHECK_EQ_INT(ack.code_count, 3);
    CHECK_EQ_INT(ack.codes[1], 0x87);
    CHECK(pk_str_eq_c(props.reason_string, "no"));
}

PK_TEST_MAIN(frame__what_a_server_may_not_send__is_named, frame__every_cut__asks_for_more,
             connack__good_and_bad, v311__good_and_bad, connack_311__return_codes__become_reasons,
             publish__good_and_bad, publish__fields__are_those_of_the_packet,
             acknowledgements_and_disconnect__good_and_bad, suback__codes__are_those_of_the_packet)
