#include "mqtt/pk_mqtt_varint.h"

#include <string.h>

#include "support/pk_test.h"

struct golden {
    uint32_t value;
    uint32_t n;
    uint8_t bytes[4];
};

/* MQTT 5.0 table 1-1: the limits of each length. */
static const struct golden GOLDEN[] = {
    {0, 1, {0x00}},
    {127, 1, {0x7F}},
    {128, 2, {0x80, 0x01}},
    {16383, 2, {0xFF, 0x7F}},
    {16384, 3, {0x80, 0x80, 0x01}},
    {2097151, 3, {0xFF, 0xFF, 0x7F}},
    {2097152, 4, {0x80, 0x80, 0x80, 0x01}},
    {268435455, 4, {0xFF, 0xFF, 0xFF, 0x7F}},
};

PK_TEST(varint__table_of_the_specification__both_ways) {
    for (size_t i = 0; i < sizeof GOLDEN / sizeof GOLDEN[0]; i++) {
        const struct golden *g = &GOLDEN[i];
        uint8_t bytes[4] = {0};
        uint32_t value = 0;
        CHECK_EQ_U64(pk_mqtt_varint_encode(g->value, bytes), g->n);
        CHECK_MEM(bytes, g->bytes, g->n);
        CHECK_EQ_U64(pk_mqtt_varint_bytes(g->value), g->n);
        CHECK_EQ_INT(pk_mqtt_varint_decode(g->bytes, g->n, &value), (int)g->n);
        CHECK_EQ_U64(value, g->value);
        for (uint32_t cut = 0; cut < g->n; cut++) {
            CHECK_EQ_INT(pk_mqtt_varint_decode(g->bytes, cut, &value), PK_E_AGAIN);
        }
    }
}

PK_TEST(varint__fifth_byte__is_refused) {
    const uint8_t bytes[] = {0x80, 0x80, 0x80, 0x80, 0x01};
    uint32_t value = 0;
    CHECK_EQ_INT(pk_mqtt_varint_decode(bytes, 5, &value), PK_E_PROTOCOL);
    CHECK_EQ_INT(pk_mqtt_varint_decode(bytes, 4, &value), PK_E_PROTOCOL); /* whatever follows */
}

PK_TEST(varint__longer_form_than_needed__is_read_and_shows_in_its_length) {
    const uint8_t bytes[] = {0x81, 0x00};
    uint32_t value = 0;
    CHECK_EQ_INT(pk_mqtt_varint_decode(bytes, 2, &value), 2);
    CHECK_EQ_U64(value, 1);
    CHECK_EQ_U64(pk_mqtt_varint_bytes(value), 1);
}

PK_TEST_MAIN(varint__table_of_the_specification__both_ways, varint__fifth_byte__is_refused,
             varint__longer_form_than_needed__is_read_and_shows_in_its_length)
