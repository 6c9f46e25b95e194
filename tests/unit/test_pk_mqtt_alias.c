#include "mqtt/pk_mqtt_alias.h"

#include <string.h>

#include "support/pk_test.h"

enum { SLOTS = 2 };

static struct pk_mqtt_alias_slot slots[SLOTS];
static struct pk_mqtt_alias_in in;

static struct pk_str take(uint16_t alias, const char *topic, int want) {
    struct pk_str t = pk_str_of(topic);
    CHECK_EQ_INT(pk_mqtt_alias_in_take(&in, alias, &t), want);
    return t;
}

PK_TEST(in_take__defined_used_and_defined_again) {
    pk_mqtt_alias_in_init(&in, slots, SLOTS);
    CHECK_EQ_INT(pk_mqtt_alias_in_maximum(&in), SLOTS);
    (void)take(1, "", PK_E_NOT_FOUND);
    CHECK(pk_str_eq_c(take(1, "a/b", PK_OK), "a/b"));
    CHECK(pk_str_eq_c(take(1, "", PK_OK), "a/b"));
    CHECK(pk_str_eq_c(take(1, "c", PK_OK), "c"));
    CHECK(pk_str_eq_c(take(1, "", PK_OK), "c"));
    (void)take(2, "", PK_E_NOT_FOUND);
    pk_mqtt_alias_in_lost(&in);
    (void)take(1, "", PK_E_NOT_FOUND);
}

PK_TEST(in_take__numbers_that_were_not_offered__are_refused) {
    pk_mqtt_alias_in_init(&in, slots, SLOTS);
    (void)take(0, "a", PK_E_BAD_FIELD);
    (void)take(SLOTS + 1, "a", PK_E_BAD_FIELD);
    (void)take(UINT16_MAX, "", PK_E_BAD_FIELD);
    pk_mqtt_alias_in_init(&in, NULL, 0);
    CHECK_EQ_INT(pk_mqtt_alias_in_maximum(&in), 0);
    (void)take(1, "a", PK_E_BAD_FIELD);
}

PK_TEST(in_take__topics_up_to_the_slot__are_remembered_and_longer_ones_withdraw_the_offer) {
    char topic[PK_MQTT_ALIAS_TOPIC_BYTES + 2];
    memset(topic, 't', sizeof topic);
    topic[PK_MQTT_ALIAS_TOPIC_BYTES] = '\0';
    pk_mqtt_alias_in_init(&in, slots, SLOTS);
    (void)take(1, topic, PK_OK);
    CHECK_EQ_U64(take(1, "", PK_OK).n, PK_MQTT_ALIAS_TOPIC_BYTES);
    CHECK_EQ_INT(pk_mqtt_alias_in_maximum(&in), SLOTS);
    topic[PK_MQTT_ALIAS_TOPIC_BYTES] = 't';
    topic[PK_MQTT_ALIAS_TOPIC_BYTES + 1] = '\0';
    CHECK_EQ_U64(take(2, topic, PK_OK).n, PK_MQTT_ALIAS_TOPIC_BYTES + 1);
    (void)take(2, "", PK_E_TOO_BIG);
    (void)take(1, "", PK_OK); /* the others stand */
    (void)take(2, "short", PK_OK);
    CHECK(pk_str_eq_c(take(2, "", PK_OK), "short"));
    CHECK_EQ_INT(pk_mqtt_alias_in_maximum(&in), 0);
    pk_mqtt_alias_in_lost(&in);
    CHECK_EQ_INT(pk_mqtt_alias_in_maximum(&in), 0);
}

PK_TEST(out_find__only_what_both_sides_know__is_used) {
    static const struct {
        uint16_t alias, maximum, want;
    } CASES[] = {{0, 10, 0},
                 {1, 0, 0},
                 {1, 1, 1},
                 {2, 1, 0},
                 {PK_MQTT_OUT_ALIASES_MAX, 65535, PK_MQTT_OUT_ALIASES_MAX},
                 {PK_MQTT_OUT_ALIASES_MAX + 1, 65535, 0},
                 {65535, 65535, 0}};
    const struct pk_mqtt_alias_out none = {{0}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        bool is_known = true;
        CHECK_EQ_INT(
            pk_mqtt_alias_out_find(&none, CASES[i].alias, CASES[i].maximum, pk_str_of("t"), &is_known),
            CASES[i].want);
        CHECK(!is_known);
    }
}

PK_TEST(out_told__its_topic_is_known_and_no_other) {
    struct pk_mqtt_alias_out out = {{0}};
    bool is_known = false;
    pk_mqtt_alias_out_told(&out, 3, pk_str_of("a/b"));
    CHECK_EQ_INT(pk_mqtt_alias_out_find(&out, 3, 8, pk_str_of("a/b"), &is_known), 3);
    CHECK(is_known);
    CHECK_EQ_INT(pk_mqtt_alias_out_find(&out, 3, 8, pk_str_of("a/c"), &is_known), 3);
    CHECK(!is_known);
    CHECK_EQ_INT(pk_mqtt_alias_out_find(&out, 4, 8, pk_str_of("a/b"), &is_known), 4);
    CHECK(!is_known);
    CHECK_EQ_INT(pk_mqtt_alias_out_find(&out, 3, 2, pk_str_of("a/b"), &is_known), 0);
    CHECK(!is_known);
}

PK_TEST_MAIN(in_take__defined_used_and_defined_again, in_take__numbers_that_were_not_offered__are_refused,
             in_take__topics_up_to_the_slot__are_remembered_and_longer_ones_withdraw_the_offer,
             out_find__only_what_both_sides_know__is_used, out_told__its_topic_is_known_and_no_other)
