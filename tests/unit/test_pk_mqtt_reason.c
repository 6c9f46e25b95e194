#include "mqtt/pk_mqtt_reason.h"

#include <string.h>

#include "support/pk_test.h"

PK_TEST(word__of_codes_of_the_specification__is_their_name) {
    CHECK_STR(pk_mqtt_reason_word(0x00), "success");
    CHECK_STR(pk_mqtt_reason_word(0x10), "no_matching_subscribers");
    CHECK_STR(pk_mqtt_reason_word(0x87), "not_authorized");
    CHECK_STR(pk_mqtt_reason_word(0x8E), "session_taken_over");
    CHECK_STR(pk_mqtt_reason_word(0x97), "quota_exceeded");
    CHECK_STR(pk_mqtt_reason_word(0xA2), "wildcard_subscriptions_not_supported");
    CHECK_STR(pk_mqtt_reason_word(0x03), "unknown");
    CHECK_STR(pk_mqtt_reason_word(0xFF), "unknown");
}

PK_TEST(slot__of_every_byte__is_in_range_and_names_agree) {
    bool seen[PK_MQTT_REASON_SLOT_COUNT] = {false};
    for (uint32_t code = 0; code < 256; code++) {
        const uint32_t slot = pk_mqtt_reason_slot((uint8_t)code);
        CHECK(slot < PK_MQTT_REASON_SLOT_COUNT);
        CHECK_STR(pk_mqtt_reason_slot_word(slot), pk_mqtt_reason_word((uint8_t)code));
        CHECK(slot == PK_MQTT_REASON_UNKNOWN_SLOT || !seen[slot]); /* no two codes share a counter */
        seen[slot] = true;
    }
    CHECK_EQ_INT(pk_mqtt_reason_slot(PK_MQTT_QUOTA_EXCEEDED), PK_MQTT_QUOTA_EXCEEDED_SLOT);
    CHECK_STR(pk_mqtt_reason_slot_word(PK_MQTT_REASON_SLOT_COUNT), "unknown");
}

PK_TEST(allowed__successes_only_where_the_packet_lists_them) {
    const enum pk_mqtt_reason_use uses[] = {PK_MQTT_IN_CONNACK, PK_MQTT_IN_PUBACK,   PK_MQTT_IN_PUBREL,
                                            PK_MQTT_IN_SUBACK,  PK_MQTT_IN_UNSUBACK, PK_MQTT_IN_DISCONNECT};
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        CHECK(pk_mqtt_reason_is_allowed(0x00, uses[i]));
        CHECK(pk_mqtt_reason_is_allowed(0x80, uses[i]));
        CHECK(pk_mqtt_reason_is_allowed(0xFF, uses[i]));
        CHECK_EQ_INT(pk_mqtt_reason_is_allowed(0x10, uses[i]), uses[i] == PK_MQTT_IN_PUBACK);
        CHECK_EQ_INT(pk_mqtt_reason_is_allowed(0x11, uses[i]), uses[i] == PK_MQTT_IN_UNSUBACK);
        CHECK_EQ_INT(pk_mqtt_reason_is_allowed(0x01, uses[i]), uses[i] == PK_MQTT_IN_SUBACK);
        CHECK_EQ_INT(pk_mqtt_reason_is_allowed(0x02, uses[i]), uses[i] == PK_MQTT_IN_SUBACK);
        CHECK(!pk_mqtt_reason_is_allowed(0x04, uses[i])); /* a client's only */
        CHECK(!pk_mqtt_reason_is_allowed(0x18, uses[i]));
    }
}

PK_TEST_MAIN(word__of_codes_of_the_specification__is_their_name,
             slot__of_every_byte__is_in_range_and_names_agree,
             allowed__successes_only_where_the_packet_lists_them)
