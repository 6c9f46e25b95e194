/* MQTT 5.0 statement by statement: a scripted server, bytes in and bytes out. What a server may and may not
 * send is told by tables of this file, written from the specification and not from the code. The table of all
 * statements is tests/conformance/MQTT5.md. */
#include <stdio.h>
#include <string.h>

#include "mqtt/pk_mqtt_client.h"
#include "support/mqtt_rig.h"
#include "support/pk_test.h"
#include "support/pk_test_panic.h"

static struct mqtt_rig rig;

static int publish(const char *payload, uint8_t qos, uint64_t token) {
    const struct pk_mqtt_publish m = rig_message(payload, qos);
    return pk_mqtt_publish(&rig.client, &m, token);
}

static int resend(const char *payload, uint8_t qos, uint64_t token) {
    const struct pk_mqtt_publish m = rig_message(payload, qos);
    return pk_mqtt_resend(&rig.client, &m, token);
}

static bool reconnect(bool session_present) {
    pk_mqtt_lost(&rig.client);
    return rig_connect(&rig, session_present);
}

static void feed_bytes(const uint8_t *p, uint32_t n) {
    CHECK_EQ_U64(pk_mqtt_input(&rig.client, p, n, rig.now_ms), n);
}

/* Connected with QoS 2 allowed; waiting for their answers: packet 1 (QoS 1), packets 2 and 3 (QoS 2, the
 * latter past PUBREC), SUBSCRIBE ff00, UNSUBSCRIBE ff01; received and past PUBREC: packet 9. */
static void busy_session(void) {
    const struct pk_mqtt_filter f = {.filter = pk_str_of("a"), .qos = 2};
    rig_init(&rig, PK_MQTT_V5);
    rig.config.accepts_qos2 = true;
    CHECK(rig_connect(&rig, false));
    CHECK_EQ_INT(publish("x", 1, 1), PK_OK);
    CHECK_EQ_INT(publish("x", 2, 2), PK_OK);
    CHECK_EQ_INT(publish("x", 2, 3), PK_OK);
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 4), PK_OK);
    CHECK_EQ_INT(pk_mqtt_unsubscribe(&rig.client, &f.filter, 1, 5), PK_OK);
    rig_feed(&rig, "50 02 00 03 34 06 00 01 't' 00 09 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, rig.event.u.message.handle, PK_MQTT_SUCCESS), PK_OK);
    (void)rig_take(&rig, NULL, UINT32_MAX);
}

/* One packet a server sends: what it looks like in the session above. */
struct packet {
    uint8_t first;
    const char *head; /* body before the reason code or the properties */
    bool has_reason;
    const char *tail;       /* after the properties */
    const char *reasons;    /* success codes the specification lists, in hex */
    const char *properties; /* ids it lists for a server, in hex */
    const char *repeatable; /* of them, those that may occur more than once */
};

enum { CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, PACKETS };

/* Sections 3.x.2.1 and 3.x.2.2 of each packet; SUBACK and UNSUBACK have their reason code behind the
 * properties. */
static const struct packet SERVER[PACKETS] = {
    [CONNACK] = {0x20, "00", true, "", "00", "11 21 24 25 27 12 22 1f 26 28 29 2a 13 1a 1c", "26"},
    [PUBLISH] = {0x30, "00 01 't'", false, "'x'", "", "01 02 08 09 26 0b 03", "26 0b"},
    [PUBACK] = {0x40, "00 01", true, "", "00 10", "1f 26", "26"},
    [PUBREC] = {0x50, "00 02", true, "", "00 10", "1f 26", "26"},
    [PUBREL] = {0x62, "00 09", true, "", "00", "1f 26", "26"},
    [PUBCOMP] = {0x70, "00 03", true, "", "00", "1f 26", "26"},
    [SUBACK] = {0x90, "ff 00", false, "02", "00 01 02", "1f 26", "26"},
    [UNSUBACK] = {0xB0, "ff 01", false, "00", "00 11", "1f 26", "26"},
    [DISCONNECT] = {0xE0, "", true, "", "00", "1f 26 1c", "26"},
};

static bool lists(const char *hex, uint8_t value) {
    uint8_t values[32];
    const uint32_t n = rig_hex(hex, values, sizeof values);
    for (uint32_t i = 0; i < n; i++) {
        if (values[i] == value) {
            return true;
        }
    }
    return false;
}

/* Feeds one of them to a fresh busy session (CONNACK: to one that waits for it); true when nothing was wrong
 * with it. */
static bool is_taken(int kind, uint8_t reason, const uint8_t *props, uint32_t props_n) {
    const struct packet *s = &SERVER[kind];
    uint8_t p[128] = {s->first, 0};
    uint32_t n = 2;
    n += rig_hex(s->head, p + n, 16);
    if (s->has_reason) {
        p[n++] = reason;
    }
    p[n++] = (uint8_t)props_n;
    memcpy(p + n, props, props_n);
    n += props_n;
    if (kind == SUBACK || kind == UNSUBACK) {
        p[n++] = reason;
    } else {
        n += rig_hex(s->tail, p + n, 16);
    }
    p[1] = (uint8_t)(n - 2);
    if (kind == CONNACK) {
        rig_init(&rig, PK_MQTT_V5);
        CHECK_EQ_INT(pk_mqtt_start(&rig.client, rig.now_ms), PK_OK);
        (void)rig_take(&rig, NULL, UINT32_MAX);
    } else {
        busy_session();
    }
    feed_bytes(p, n);
    int kind_of_event;
    while ((kind_of_event = rig_event(&rig)) >= 0) {
        if (kind_of_event == PK_MQTT_EV_ERROR) {
            return false;
        }
    }
    return true;
}

PK_TEST(first_byte__all_256__only_those_a_server_may_send_now_go_on) {
    static const char *const BODIES[16] = {
        "",      "",      "00 00 00", NULL,          "00 01", "00 02",
        "00 09", "00 03", "00 0a",    "ff 00 00 02", "00 0b", "ff 01 00 00",
        "",      "",      "",         "18 00"};
    for (unsigned first = 0; first < 256; first++) {
        for (int is_connecting = 0; is_connecting < 2; is_connecting++) {
            const char *body = BODIES[first >> 4];
            if (body == NULL) {
                body = (first & 6) == 0 ? "00 01 't' 00" : "00 01 't' 00 07 00";
            }
            uint8_t p[16] = {(uint8_t)first, 0};
            p[1] = (uint8_t)rig_hex(body, p + 2, sizeof p - 2);
            if (is_connecting) {
                rig_init(&rig, PK_MQTT_V5);
                CHECK_EQ_INT(pk_mqtt_start(&rig.client, rig.now_ms), PK_OK);
                (void)rig_take(&rig, NULL, UINT32_MAX);
            } else {
                busy_session();
            }
            feed_bytes(p, p[1] + 2u);
            bool is_error = false;
            int kind;
            while ((kind = rig_event(&rig)) >= 0) {
                is_error = is_error || kind == PK_MQTT_EV_ERROR;
            }
            const bool is_publish = first >> 4 == 3 && (first & 6) != 6 && first != 0x38 && first != 0x39;
            const bool may = is_connecting ? first == 0x20
                                           : is_publish || lists("40 50 62 70 90 b0 d0 e0", (uint8_t)first);
            CHECK_EQ_INT(is_error, !may);
            if (is_error != !may) {
                printf("# first byte %02x, connecting %d\n", first, is_connecting);
            }
            CHECK(may || pk_mqtt_is_finished(&rig.client) || pk_mqtt_has_output(&rig.client));
        }
    }
}

PK_TEST(reason_codes__every_value_in_every_packet__successes_only_where_listed) {
    static const uint8_t p[1];
    for (int kind = 0; kind < PACKETS; kind++) {
        if (kind == PUBLISH) {
            continue;
        }
        for (unsigned reason = 0; reason < 256; reason++) {
            const bool may = reason >= 0x80 || lists(SERVER[kind].reasons, (uint8_t)reason);
            if (is_taken(kind, (uint8_t)reason, p, 0) != may) {
                printf("# first byte %02x, reason %02x\n", SERVER[kind].first, reason);
                CHECK(false);
            }
        }
        CHECK(is_taken(kind, 0, p, 0));
    }
}

/* A good value of property `id`: section 2.2.2.2, table 2-4. */
static uint32_t property(uint8_t id, uint8_t *out) {
    static const struct {
        const char *ids, *value;
    } TYPES[] = {{"01 17 19 24 25 28 29 2a", "01"},
                 {"13 21 22 23", "00 01"},
                 {"02 11 18 27", "00 00 01 00"},
                 {"0b", "81 01"},
                 {"03 08 09 12 15 16 1a 1c 1f", "00 01 'v'"},
                 {"26", "00 01 'k' 00 01 'v'"}};
    out[0] = id;
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
        if (lists(TYPES[i].ids, id)) {
            return 1 + rig_hex(TYPES[i].value, out + 1, 16);
        }
    }
    out[1] = 0;
    return 2;
}

PK_TEST(properties__every_id_in_every_packet__only_where_listed_and_once) {
    uint8_t p[64];
    for (int kind = 0; kind < PACKETS; kind++) {
        for (unsigned id = 0; id < 256; id++) {
            const uint32_t n = property((uint8_t)id, p);
            const bool may = lists(SERVER[kind].properties, (uint8_t)id);
            if (is_taken(kind, 0, p, n) != may) {
                printf("# first byte %02x, property %02x\n", SERVER[kind].first, id);
                CHECK(false);
            }
            memcpy(p + n, p, n);
            if (is_taken(kind, 0, p, 2 * n) != (may && lists(SERVER[kind].repeatable, (uint8_t)id))) {
                printf("# first byte %02x, property %02x twice\n", SERVER[kind].first, id);
                CHECK(false);
            }
            if (may && is_taken(kind, 0, p, n - 1)) { /* its last byte is missing */
                printf("# first byte %02x, property %02x cut\n", SERVER[kind].first, id);
                CHECK(false);
            }
        }
    }
}

/* What a client sends in these cases is DISCONNECT with a reason of table 3-13 that a client may use. */
PK_TEST(disconnect__ours__only_reasons_a_client_may_use) {
    static const char *const WRONG[] = {"00 00",
                                        "20 03 00 00 00",
                                        "30 03 00 01 't'",
                                        "30 fe 07",
                                        "30 04 00 01 '#' 00",
                                        "30 07 00 01 't' 03 23 00 01",
                                        "40 02 00 00",
                                        "40 03 00 01 05",
                                        "90 03 ff 00 00",
                                        "e1 00",
                                        "f0 00",
                                        "d0 80 80 80 80 01",
                                        "50 02 00 01",
                                        "e0 07 00 05 11 00 00 00 01"};
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        busy_session();
        rig_feed(&rig, WRONG[i]);
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
        uint8_t sent[16];
        CHECK_EQ_U64(rig_take(&rig, sent, sizeof sent), 3);
        CHECK(sent[0] == 0xE0 && sent[1] == 1);
        CHECK(lists("80 81 82 83 90 93 94 95 96 97 98 99", sent[2]));
        CHECK_EQ_INT(sent[2], rig.event.u.error.reason);
    }
}

PK_TEST(disconnect__after_ours__nothing_more_is_sent_and_the_connection_ends) {
    const struct pk_mqtt_filter f = {.filter = pk_str_of("a"), .qos = 1};
    busy_session();
    rig_feed(&rig, "32 06 00 01 't' 00 07 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    const uint32_t handle = rig.event.u.message.handle;
    pk_mqtt_stop(&rig.client, PK_MQTT_SUCCESS, rig.now_ms);
    (void)pk_mqtt_ack(&rig.client, handle, PK_MQTT_SUCCESS);
    CHECK_EQ_INT(publish("late", 0, 0), PK_E_CLOSED);
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 1), PK_E_CLOSED);
    CHECK_EQ_INT(pk_mqtt_unsubscribe(&rig.client, &f.filter, 1, 1), PK_E_CLOSED);
    rig_feed(&rig, "50 02 00 02 62 02 00 09 32 06 00 01 't' 00 08 00");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "e0 00"));
    CHECK(pk_mqtt_is_finished(&rig.client));
    rig.now_ms += 120000;
    pk_mqtt_tick(&rig.client, rig.now_ms);
    CHECK(rig_sends(&rig, ""));
}

/* A DISCONNECT of 3.1.1 always withholds the will: to have it sent, the connection is closed without one. */
PK_TEST(disconnect__with_will_in_311__closes_without_the_packet) {
    rig_init(&rig, PK_MQTT_V311);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(publish("last", 0, 0), PK_OK);
    pk_mqtt_stop(&rig.client, PK_MQTT_DISCONNECT_WITH_WILL, rig.now_ms);
    CHECK(!pk_mqtt_is_finished(&rig.client));
    CHECK(rig_sends(&rig, "30 07 00 01 't' 'last'"));
    CHECK(pk_mqtt_is_finished(&rig.client));
    REQUIRE(reconnect(true));
    pk_mqtt_stop(&rig.client, PK_MQTT_SUCCESS, rig.now_ms);
    CHECK(rig_sends(&rig, "e0 00"));
}

PK_TEST(auth__any_of_it__is_refused_before_and_after_connack) {
    static const char *const AUTHS[] = {"f0 00", "f0 02 18 00", "f0 08 18 06 15 00 03 'abc'", "f0 02 19 00",
                                        "f1 00"};
    for (size_t i = 0; i < sizeof AUTHS / sizeof AUTHS[0]; i++) {
        rig_init(&rig, PK_MQTT_V5);
        CHECK_EQ_INT(pk_mqtt_start(&rig.client, rig.now_ms), PK_OK);
        (void)rig_take(&rig, NULL, UINT32_MAX);
        rig_feed(&rig, AUTHS[i]);
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
        CHECK_EQ_INT(rig.event.u.error.reason, PK_MQTT_PROTOCOL_ERROR);
        CHECK(rig_sends(&rig, ""));
        CHECK(pk_mqtt_is_finished(&rig.client));
        busy_session();
        rig_feed(&rig, AUTHS[i]);
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
        CHECK(rig_sends(&rig, "e0 01 82"));
    }
    static const char *const CONNACKS[] = {"20 07 00 00 04 15 00 01 'm'", "20 07 00 00 04 16 00 01 'd'"};
    for (size_t i = 0; i < sizeof CONNACKS / sizeof CONNACKS[0]; i++) {
        rig_init(&rig, PK_MQTT_V5);
        CHECK_EQ_INT(pk_mqtt_start(&rig.client, rig.now_ms), PK_OK);
        (void)rig_take(&rig, NULL, UINT32_MAX);
        rig_feed(&rig, CONNACKS[i]);
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
        CHECK(pk_mqtt_is_finished(&rig.client));
    }
}

/* ---- CONNECT ---- */

struct reader {
    const uint8_t *p;
    uint32_t n, at;
};

static struct pk_str text_of(struct reader *r) {
    const uint32_t n = (uint32_t)r->p[r->at] << 8 | r->p[r->at + 1];
    r->at += 2 + n;
    CHECK(r->at <= r->n);
    return pk_str_make((const char *)r->p + r->at - n, n);
}

/* The payload of a 5.0 CONNECT holds what its flags say, in the order of section 3.1.3, and nothing else. */
static void check_connect(const uint8_t *p, uint32_t n, const struct pk_mqtt_config *config) {
    const uint8_t flags = p[9];
    const bool has_will = config->will.topic.n > 0;
    CHECK_EQ_INT(p[0], 0x10);
    CHECK_MEM(p + 2, "\0\4MQTT\5", 7);
    CHECK_EQ_INT(flags & 1, 0);
    CHECK_EQ_INT((flags & 4) != 0, has_will);
    CHECK_EQ_INT(flags >> 3 & 3, has_will ? config->will.qos : 0);
    CHECK_EQ_INT((flags & 32) != 0, has_will && config->will.is_retained);
    CHECK_EQ_INT((flags & 64) != 0, config->has_password);
    CHECK_EQ_INT((flags & 128) != 0, config->has_username);
    struct reader r = {p, n, 12};
    r.at += 1u + p[12]; /* properties: fewer than 128 bytes */
    CHECK(pk_str_eq_c(text_of(&r), "gw"));
    if (has_will) {
        r.at += 1u + p[r.at];
        CHECK(pk_str_eq_c(text_of(&r), "will/t"));
        CHECK(pk_str_eq_c(text_of(&r), "gone"));
    }
    if (config->has_username) {
        CHECK(pk_str_eq_c(text_of(&r), "user"));
    }
    if (config->has_password) {
        CHECK(pk_str_eq_c(text_of(&r), "secret"));
    }
    CHECK_EQ_U64(r.at, n);
}

PK_TEST(connect__every_combination_of_flags__agrees_with_the_payload) {
    for (unsigned bits = 0; bits < 64; bits++) {
        const struct pk_mqtt_user_property user = {pk_str_of("k"), pk_str_of("v")};
        uint8_t sent[256];
        rig_init(&rig, PK_MQTT_V5);
        rig.config.has_username = (bits & 1) != 0;
        rig.config.has_password = (bits & 2) != 0; /* 5.0 allows it alone */
        rig.config.username = pk_str_of("user");
        rig.config.password = pk_str_of("secret");
        if ((bits & 4) != 0) {
            rig.config.will = (struct pk_mqtt_will){.topic = pk_str_of("will/t"),
                                                    .payload = pk_str_of("gone"),
                                                    .qos = (uint8_t)(bits >> 4) % 3,
                                                    .is_retained = (bits & 8) != 0,
                                                    .user = &user,
                                                    .user_count = bits >> 5};
        }
        CHECK_EQ_INT(pk_mqtt_start(&rig.client, rig.now_ms), PK_OK);
        const uint32_t n = rig_take(&rig, sent, sizeof sent);
        CHECK_EQ_U64(n, sent[1] + 2u);
        check_connect(sent, n, &rig.config);
        CHECK_EQ_INT(rig_event(&rig), -1);
        CHECK(rig_sends(&rig, "")); /* once in a connection */
    }
}

PK_TEST(connect__nothing_leaves_before_it_or_before_its_answer) {
    const struct pk_mqtt_filter f = {.filter = pk_str_of("a"), .qos = 1};
    rig_init(&rig, PK_MQTT_V5);
    for (int is_started = 0; is_started < 2; is_started++) {
        if (is_started) {
            CHECK_EQ_INT(pk_mqtt_start(&rig.client, rig.now_ms), PK_OK);
            (void)rig_take(&rig, NULL, UINT32_MAX);
        }
        CHECK_EQ_INT(publish("x", 0, 0), PK_E_CLOSED);
        CHECK_EQ_INT(publish("x", 1, 1), PK_E_CLOSED);
        CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 1), PK_E_CLOSED);
        pk_mqtt_tick(&rig.client, rig.now_ms + 4000);
        CHECK(rig_sends(&rig, ""));
    }
}

PK_TEST(client_id__assigned_by_the_server__is_that_of_the_session) {
    static char assigned[32];
    rig_init(&rig, PK_MQTT_V5);
    rig.config.client_id = pk_str_of("");
    REQUIRE(rig_connect_with(&rig, false, "12 00 06 'auto-7'"));
    REQUIRE(pk_str_eq_c(rig.event.props.assigned_client_id, "auto-7"));
    rig.config.client_id = pk_str_make(assigned, rig.event.props.assigned_client_id.n);
    memcpy(assigned, rig.event.props.assigned_client_id.p, rig.event.props.assigned_client_id.n);
    CHECK_EQ_INT(publish("x", 1, 1), PK_OK);
    pk_mqtt_lost(&rig.client);
    CHECK_EQ_INT(pk_mqtt_start(&rig.client, rig.now_ms), PK_OK);
    CHECK(rig_sends(
        &rig, "10 20 00 04 'MQTT' 05 00 00 3c 0d 11 00 00 00 64 21 00 08 27 00 00 04 00 00 06 'auto-7'"));
    rig_feed(&rig, "20 03 01 00 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_CONNECTED);
    CHECK_EQ_INT(resend("x", 1, 1), PK_OK);
    CHECK(rig_sends(&rig, "3a 07 00 01 't' 00 01 00 'x'"));
}

PK_TEST(session__gone_at_the_server__ours_is_discarded) {
    const uint64_t nothing = UINT64_MAX;
    uint64_t token = nothing;
    busy_session();
    REQUIRE(reconnect(false));
    CHECK(rig.event.u.connected.subscribe_again);
    CHECK(rig_sends(&rig, "")); /* no PUBREL, no PUBREC of the old session */
    CHECK_EQ_U64(rig.event.u.connected.resend_count, 3);
    rig_feed(&rig, "62 02 00 09");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "70 03 00 09 92")); /* its half of QoS 2 is unknown now */
    rig_feed(&rig, "34 06 00 01 't' 00 09 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE); /* and the id names a new message */
    CHECK(pk_mqtt_resend_peek(&rig.client, &token));
    CHECK_EQ_U64(token, 1); /* the application's messages begin anew, first sendings */
    CHECK_EQ_INT(resend("x", 1, 1), PK_OK);
    CHECK_EQ_INT(resend("x", 2, 2), PK_OK);
    CHECK_EQ_INT(resend("x", 2, 3), PK_OK);
    CHECK(rig_sends(
        &rig, "32 07 00 01 't' 00 01 00 'x' 34 07 00 01 't' 00 02 00 'x' 34 07 00 01 't' 00 03 00 'x'"));
}

/* ---- limits of the server ---- */

PK_TEST(maximum_packet__of_the_server__binds_every_packet) {
    const struct pk_mqtt_filter f = {.filter = pk_str_of("a"), .qos = 1};
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect_with(&rig, false, "27 00 00 00 05"));
    CHECK_EQ_INT(publish("", 0, 0), PK_E_TOO_BIG); /* 6 bytes */
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 1), PK_E_TOO_BIG);
    CHECK_EQ_INT(pk_mqtt_unsubscribe(&rig.client, &f.filter, 1, 1), PK_E_TOO_BIG);
    rig_feed(&rig, "32 06 00 01 't' 00 07 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, rig.event.u.message.handle, PK_MQTT_QUOTA_EXCEEDED), PK_OK);
    CHECK(rig_sends(&rig, "40 03 00 07 97"));
    for (int limit = 1; limit < 5; limit++) { /* not even an acknowledgement could be sent */
        char props[32];
        snprintf(props, sizeof props, "27 00 00 00 0%d", limit);
        rig_init(&rig, PK_MQTT_V5);
        CHECK(!rig_connect_with(&rig, false, props));
        CHECK_EQ_INT((int)rig.event.kind, PK_MQTT_EV_ERROR);
        CHECK_EQ_INT(rig.event.u.error.reason, PK_MQTT_PACKET_TOO_LARGE);
        CHECK(rig_sends(&rig, ""));
        CHECK(pk_mqtt_is_finished(&rig.client));
    }
}

PK_TEST(maximum_qos__of_the_server__binds_messages_not_subscriptions) {
    const struct pk_mqtt_filter f = {.filter = pk_str_of("a"), .qos = 1};
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect_with(&rig, false, "24 00"));
    CHECK_EQ_INT(publish("x", 1, 1), PK_E_UNSUPPORTED);
    CHECK_EQ_INT(publish("x", 2, 1), PK_E_UNSUPPORTED);
    CHECK_EQ_INT(publish("x", 0, 0), PK_OK);
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 1), PK_OK); /* section 3.2.2.3.4 */
    rig_feed(&rig, "90 04 ff 00 00 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_SUBSCRIBED);
    CHECK_EQ_INT(rig.event.u.answered.codes[0], PK_MQTT_SUCCESS);
}

PK_TEST(topic_alias__from_the_server__any_value_is_above_our_maximum_of_none) {
    static const char *const ALIASES[] = {"30 07 00 01 't' 03 23 00 00", "30 07 00 01 't' 03 23 00 01",
                                          "30 07 00 01 't' 03 23 ff ff", "30 06 00 00 03 23 00 01"};
    for (size_t i = 0; i < sizeof ALIASES / sizeof ALIASES[0]; i++) {
        rig_init(&rig, PK_MQTT_V5);
        REQUIRE(rig_connect(&rig, false));
        rig_feed(&rig, ALIASES[i]);
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
        CHECK(rig_sends(&rig, "e0 01 94"));
    }
}

PK_TEST(topic_alias__from_the_server__stands_for_its_topic_until_it_gets_another) {
    rig_init_with_aliases(&rig);
    REQUIRE(rig_connect(&rig, false));
    static const struct {
        const char *hex, *topic;
    } STEPS[] = {{"30 09 00 03 'a/b' 03 23 00 01", "a/b"}, {"30 06 00 00 03 23 00 01", "a/b"},
                 {"30 07 00 01 'c' 03 23 00 02", "c"},     {"30 06 00 00 03 23 00 01", "a/b"},
                 {"30 07 00 01 'd' 03 23 00 01", "d"},     {"32 08 00 00 00 05 03 23 00 01", "d"},
                 {"30 06 00 00 03 23 00 02", "c"}};
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
        rig_feed(&rig, STEPS[i].hex);
        REQUIRE(rig_event(&rig) == PK_MQTT_EV_MESSAGE);
        CHECK(pk_str_eq_c(rig.event.u.message.topic, STEPS[i].topic));
    }
    CHECK_EQ_U64(rig.client.counters.aliases_in, 4);
    CHECK_EQ_U64(rig.client.counters.errors, 0);
}

PK_TEST(topic_alias__from_the_server__offered_ones_only_and_only_on_this_connection) {
    static const struct {
        const char *hex, *answer;
    } WRONG[] = {{"30 07 00 01 't' 03 23 00 00", "e0 01 94"},
                 {"30 07 00 01 't' 03 23 00 03", "e0 01 94"},
                 {"30 06 00 00 03 23 00 03", "e0 01 94"},
                 {"30 06 00 00 03 23 00 02", "e0 01 82"},
                 {"30 06 00 00 03 23 00 01", "e0 01 82"}}; /* told on the connection before */
    rig_init_with_aliases(&rig);
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        REQUIRE(rig_connect(&rig, i > 0));
        rig_feed(&rig, WRONG[i].hex);
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
        CHECK(rig_sends(&rig, WRONG[i].answer));
        pk_mqtt_lost(&rig.client);
        REQUIRE(rig_connect(&rig, true));
        rig_feed(&rig, "30 07 00 01 't' 03 23 00 01");
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
        pk_mqtt_lost(&rig.client);
    }
}

PK_TEST(topic_alias__of_a_topic_too_long_to_remember__is_delivered_once_and_none_are_offered_again) {
    char hex[64 + PK_MQTT_ALIAS_TOPIC_BYTES];
    uint8_t out[256];
    const int topic_bytes = PK_MQTT_ALIAS_TOPIC_BYTES + 1;
    rig_init_with_aliases(&rig);
    REQUIRE(rig_connect(&rig, false));
    snprintf(hex, sizeof hex, "30 85 01 00 7f '%0*d' 03 23 00 01", topic_bytes, 0);
    rig_feed(&rig, hex);
    REQUIRE(rig_event(&rig) == PK_MQTT_EV_MESSAGE);
    CHECK_EQ_U64(rig.event.u.message.topic.n, PK_MQTT_ALIAS_TOPIC_BYTES + 1);
    rig_feed(&rig, "30 06 00 00 03 23 00 01");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
    CHECK(rig_sends(&rig, "e0 01 83"));
    pk_mqtt_lost(&rig.client);
    REQUIRE(pk_mqtt_start(&rig.client, rig.now_ms) == PK_OK);
    const uint32_t n = rig_take(&rig, out, sizeof out);
    CHECK(memchr(out, PK_MQTT_PROP_TOPIC_ALIAS_MAXIMUM, n) == NULL);
}

PK_TEST(topic_alias__to_a_server_that_takes_them__names_the_topic_once_a_connection) {
    struct pk_mqtt_publish m = rig_message("x", 0);
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect_with(&rig, false, "22 00 02"));
    CHECK_EQ_INT(rig.client.limits.topic_alias_maximum, 2);
    m.topic_alias = 1;
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 0), PK_OK);
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 0), PK_OK);
    CHECK(rig_sends(&rig, "30 08 00 01 't' 03 23 00 01 'x' 30 07 00 00 03 23 00 01 'x'"));
    m.topic = pk_str_of("u"); /* another topic under the number is told anew */
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 0), PK_OK);
    m.topic_alias = 3; /* more than the server takes */
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 0), PK_OK);
    CHECK(rig_sends(&rig, "30 08 00 01 'u' 03 23 00 01 'x' 30 05 00 01 'u' 00 'x'"));
    m.topic.n = 0;
    m.topic_alias = 1;
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 0), PK_E_BAD_FIELD);
    pk_mqtt_lost(&rig.client);
    m.topic = pk_str_of("u");
    REQUIRE(rig_connect_with(&rig, true, "22 00 02"));
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 0), PK_OK);
    CHECK(rig_sends(&rig, "30 08 00 01 'u' 03 23 00 01 'x'"));
    CHECK_EQ_U64(rig.client.counters.aliases_out, 1);
}

PK_TEST(topic_alias__to_a_server_that_takes_none__is_not_sent) {
    struct pk_mqtt_publish m = rig_message("x", 0);
    m.topic_alias = 1;
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 0), PK_OK);
    CHECK(rig_sends(&rig, "30 05 00 01 't' 00 'x'"));
    rig_init(&rig, PK_MQTT_V311);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 0), PK_OK);
    CHECK(rig_sends(&rig, "30 04 00 01 't' 'x'"));
}

PK_TEST(topic_alias__message_that_found_no_room__has_told_the_server_nothing) {
    static char big[RIG_TX_BYTES - PK_MQTT_TX_RESERVE_BYTES - 40];
    struct pk_mqtt_publish m = rig_message("x", 0);
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect_with(&rig, false, "22 00 02"));
    memset(big, 'y', sizeof big);
    m.payload = big;
    m.payload_bytes = sizeof big;
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 0), PK_OK);
    m.topic_alias = 1;
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 0), PK_E_FULL);
    (void)rig_take(&rig, NULL, UINT32_MAX);
    m.payload_bytes = 1;
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 0), PK_OK);
    CHECK(rig_sends(&rig, "30 08 00 01 't' 03 23 00 01 'y'"));
}

PK_TEST(topic_alias__of_a_message_sent_again__names_its_topic_again) {
    struct pk_mqtt_publish m = rig_message("x", 1);
    rig_init(&rig, PK_MQTT_V5);
    m.topic_alias = 2;
    REQUIRE(rig_connect_with(&rig, false, "22 00 02"));
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 5), PK_OK);
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 6), PK_OK);
    CHECK(rig_sends(&rig, "32 0a 00 01 't' 00 01 03 23 00 02 'x' 32 09 00 00 00 02 03 23 00 02 'x'"));
    pk_mqtt_lost(&rig.client);
    REQUIRE(rig_connect_with(&rig, true, "22 00 02"));
    CHECK_EQ_INT(pk_mqtt_resend(&rig.client, &m, 5), PK_OK);
    CHECK_EQ_INT(pk_mqtt_resend(&rig.client, &m, 6), PK_OK);
    CHECK(rig_sends(&rig, "3a 0a 00 01 't' 00 01 03 23 00 02 'x' 3a 09 00 00 00 02 03 23 00 02 'x'"));
}

PK_TEST(send_quota__used_up__everything_but_messages_goes_on) {
    const struct pk_mqtt_filter f = {.filter = pk_str_of("a"), .qos = 1};
    rig_init(&rig, PK_MQTT_V5);
    rig.config.accepts_qos2 = true;
    REQUIRE(rig_connect_with(&rig, false, "21 00 01"));
    CHECK_EQ_INT(publish("x", 2, 1), PK_OK);
    CHECK_EQ_INT(publish("x", 1, 2), PK_E_FULL);
    CHECK_EQ_INT(publish("x", 2, 2), PK_E_FULL);
    (void)rig_take(&rig, NULL, UINT32_MAX);
    rig_feed(&rig, "50 02 00 01 34 06 00 01 't' 00 07 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, rig.event.u.message.handle, PK_MQTT_SUCCESS), PK_OK);
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 0, 1), PK_OK);
    CHECK_EQ_INT(pk_mqtt_unsubscribe(&rig.client, &f.filter, 1, 1), PK_OK);
    CHECK(rig_sends(&rig, "62 02 00 01 82 07 ff 00 00 00 01 'a' 01 a2 06 ff 01 00 00 01 'a' 50 02 00 07"));
    rig.now_ms += 58000;
    pk_mqtt_tick(&rig.client, rig.now_ms);
    CHECK(rig_sends(&rig, "c0 00"));
    CHECK_EQ_INT(publish("x", 1, 2), PK_E_FULL);
    rig_feed(&rig, "70 02 00 01");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_PUBLISHED);
    CHECK_EQ_INT(publish("x", 1, 2), PK_OK);
}

PK_TEST(send_quota__a_failing_pubrec__gives_it_back) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect_with(&rig, false, "21 00 01"));
    CHECK_EQ_INT(publish("x", 2, 1), PK_OK);
    (void)rig_take(&rig, NULL, UINT32_MAX);
    rig_feed(&rig, "50 03 00 01 97");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_PUBLISHED);
    CHECK(rig_sends(&rig, "")); /* no PUBREL for it */
    CHECK_EQ_INT(publish("x", 2, 2), PK_OK);
}

/* ---- what we send ---- */

PK_TEST(packet_ids__of_all_that_waits__are_different_and_never_zero) {
    const struct pk_mqtt_filter f = {.filter = pk_str_of("a"), .qos = 1};
    static bool is_used[65536];
    memset(is_used, 0, sizeof is_used);
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    for (uint64_t i = 0; i < RIG_SLOTS; i++) {
        uint8_t sent[64];
        CHECK_EQ_INT(publish("x", (uint8_t)(1 + i % 2), i), PK_OK);
        CHECK_EQ_U64(rig_take(&rig, sent, sizeof sent), 9);
        const unsigned message = (unsigned)sent[5] << 8 | sent[6];
        CHECK_EQ_INT(i % 2 == 0 ? pk_mqtt_subscribe(&rig.client, &f, 1, 0, i)
                                : pk_mqtt_unsubscribe(&rig.client, &f.filter, 1, i),
                     PK_OK);
        CHECK(rig_take(&rig, sent, sizeof sent) >= 8);
        const unsigned request = (unsigned)sent[2] << 8 | sent[3];
        CHECK(message != 0 && !is_used[message]);
        is_used[message] = true;
        CHECK(request != 0 && !is_used[request]);
        is_used[request] = true;
    }
}

PK_TEST(resend__at_no_other_time_than_after_a_reconnect) {
    rig_init(&rig, PK_MQTT_V5);
    rig.config.keep_alive_s = 0;
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(publish("a", 1, 1), PK_OK);
    CHECK_EQ_INT(publish("b", 2, 2), PK_OK);
    (void)rig_take(&rig, NULL, UINT32_MAX);
    for (int hour = 0; hour < 24; hour++) {
        rig.now_ms += 3600000;
        pk_mqtt_tick(&rig.client, rig.now_ms);
        rig_feed(&rig, "d0 00 40 02 00 07");
        CHECK_EQ_INT(rig_event(&rig), -1);
        CHECK_EQ_INT(resend("a", 1, 1), PK_E_CONFLICT);
        CHECK(rig_sends(&rig, ""));
    }
    CHECK_EQ_U64(pk_mqtt_inflight_count(&rig.client),
                 2); /* and nothing is given up while the connection is open */
}

PK_TEST(resend__what_was_refused__is_acknowledged_and_never_sent_again) {
    uint64_t token = 0;
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(publish("a", 1, 1), PK_OK);
    CHECK_EQ_INT(publish("b", 2, 2), PK_OK);
    rig_feed(&rig, "40 03 00 01 87 50 03 00 02 97");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_PUBLISHED);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_PUBLISHED);
    REQUIRE(reconnect(true));
    CHECK(!pk_mqtt_resend_peek(&rig.client, &token));
    CHECK(rig_sends(&rig, ""));
}

/* The four packets of QoS 2, the connection lost after each: what is sent again is exact. */
PK_TEST(qos_2_out__lost_after_each_step__goes_on_from_there) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(publish("x", 2, 1), PK_OK);
    CHECK(rig_sends(&rig, "34 07 00 01 't' 00 01 00 'x'"));
    REQUIRE(reconnect(true)); /* PUBLISH or PUBREC lost */
    CHECK(rig_sends(&rig, ""));
    CHECK_EQ_INT(resend("x", 2, 1), PK_OK);
    CHECK(rig_sends(&rig, "3c 07 00 01 't' 00 01 00 'x'"));
    rig_feed(&rig, "50 02 00 01");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "62 02 00 01"));
    for (int i = 0; i < 3; i++) { /* PUBREL or PUBCOMP lost, as often as it likes: never PUBLISH */
        uint64_t token = 0;
        REQUIRE(reconnect(true));
        CHECK(!pk_mqtt_resend_peek(&rig.client, &token));
        CHECK_EQ_INT(resend("x", 2, 1), PK_E_CONFLICT);
        CHECK(rig_sends(&rig, "62 02 00 01"));
    }
    rig_feed(&rig, "70 02 00 01");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_PUBLISHED);
    CHECK_EQ_U64(rig.event.u.published.token, 1);
    REQUIRE(reconnect(true));
    CHECK(rig_sends(&rig, ""));
}

PK_TEST(qos_2_out__a_repeated_pubrec__is_answered_by_pubrel_again) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(publish("x", 2, 1), PK_OK);
    (void)rig_take(&rig, NULL, UINT32_MAX);
    rig_feed(&rig, "50 02 00 01 50 03 00 01 10");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "62 02 00 01 62 02 00 01"));
    rig_feed(&rig, "70 02 00 01");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_PUBLISHED);
}

/* MQTT-4.6.0-4, on the same connection and when they are sent again on the next one. */
PK_TEST(qos_2_out__pubrels__leave_in_the_order_of_the_pubrecs) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    for (uint64_t i = 1; i <= 4; i++) {
        CHECK_EQ_INT(publish("x", 2, i), PK_OK);
    }
    (void)rig_take(&rig, NULL, UINT32_MAX);
    rig_feed(&rig, "50 02 00 03 50 02 00 01 50 02 00 04");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "62 02 00 03 62 02 00 01 62 02 00 04"));
    REQUIRE(reconnect(true));
    CHECK(rig_sends(&rig, "62 02 00 03 62 02 00 01 62 02 00 04"));
    CHECK_EQ_INT(resend("x", 2, 2), PK_OK);
    rig_feed(&rig, "50 02 00 02 70 02 00 01");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_PUBLISHED);
    (void)rig_take(&rig, NULL, UINT32_MAX);
    REQUIRE(reconnect(true));
    CHECK(rig_sends(&rig, "62 02 00 03 62 02 00 04 62 02 00 02"));
    REQUIRE(reconnect(
        false)); /* without the session they are messages again, in the order they were first sent */
    uint64_t token = 0;
    for (uint64_t want = 2; want <= 4; want++) {
        REQUIRE(pk_mqtt_resend_peek(&rig.client, &token));
        CHECK_EQ_U64(token, want);
        CHECK_EQ_INT(resend("x", 2, want), PK_OK);
    }
}

/* ---- what we receive ---- */

PK_TEST(text__byte_order_mark__is_a_character_like_any_other) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "30 0e 00 04 ef bb bf 't' 07 03 00 04 ef bb bf 'c'");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK(pk_str_eq_c(rig.event.u.message.topic, "\xEF\xBB\xBF"
                                                 "t"));
    CHECK(pk_str_eq_c(rig.event.props.content_type, "\xEF\xBB\xBF"
                                                    "c"));
    struct pk_mqtt_publish m = rig_message("", 0);
    m.topic = pk_str_of("\xEF\xBB\xBF"
                        "t");
    CHECK_EQ_INT(pk_mqtt_publish(&rig.client, &m, 0), PK_OK);
    CHECK(rig_sends(&rig, "30 07 00 04 ef bb bf 't' 00"));
}

PK_TEST(qos_1_in__same_id_after_puback__is_a_new_message_whatever_dup_says) {
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    for (int i = 0; i < 4; i++) {
        rig_feed(&rig, i % 2 == 0 ? "32 06 00 01 't' 00 07 00" : "3a 06 00 01 't' 00 07 00");
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
        CHECK_EQ_INT(pk_mqtt_ack(&rig.client, rig.event.u.message.handle, PK_MQTT_SUCCESS), PK_OK);
        CHECK(rig_sends(&rig, "40 02 00 07"));
    }
    CHECK_EQ_U64(rig.client.counters.messages_in, 4);
}

/* The same four packets from the other side. */
PK_TEST(qos_2_in__lost_after_each_step__is_delivered_once) {
    rig_init(&rig, PK_MQTT_V5);
    rig.config.accepts_qos2 = true;
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "34 06 00 01 't' 00 05 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    const uint32_t handle = rig.event.u.message.handle;
    REQUIRE(reconnect(true)); /* before the application has stored it */
    CHECK(rig_sends(&rig, ""));
    rig_feed(&rig, "3c 06 00 01 't' 00 05 00");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, ""));
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, handle, PK_MQTT_SUCCESS), PK_OK);
    CHECK(rig_sends(&rig, "50 02 00 05"));
    for (int i = 0; i < 3; i++) { /* PUBREC lost */
        REQUIRE(reconnect(true));
        CHECK(rig_sends(&rig, ""));
        rig_feed(&rig, "3c 06 00 01 't' 00 05 00");
        CHECK_EQ_INT(rig_event(&rig), -1);
        CHECK(rig_sends(&rig, "50 02 00 05"));
    }
    REQUIRE(reconnect(true)); /* PUBREL lost */
    rig_feed(&rig, "62 02 00 05");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "70 02 00 05"));
    REQUIRE(reconnect(true)); /* PUBCOMP lost */
    rig_feed(&rig, "62 02 00 05");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "70 03 00 05 92"));
    CHECK_EQ_U64(rig.client.counters.messages_in, 1);
    rig_feed(&rig, "3c 06 00 01 't' 00 05 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE); /* the id is free again */
}

PK_TEST(qos_2_in__refused__ends_and_the_id_names_a_new_message) {
    rig_init(&rig, PK_MQTT_V5);
    rig.config.accepts_qos2 = true;
    REQUIRE(rig_connect(&rig, false));
    for (int i = 0; i < 3; i++) {
        rig_feed(&rig, i == 1 ? "3c 06 00 01 't' 00 05 00" : "34 06 00 01 't' 00 05 00");
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
        CHECK_EQ_INT(pk_mqtt_ack(&rig.client, rig.event.u.message.handle, PK_MQTT_QUOTA_EXCEEDED), PK_OK);
        CHECK(rig_sends(&rig, "50 03 00 05 97"));
    }
    CHECK_EQ_INT(rig.client.in.used, 0);
}

PK_TEST(ack__reason_that_is_no_answer__stops) {
    static const char ALLOWED[] =
        "00 80 83 87 90 97 99"; /* tables 3-4 and 3-5, of a receiver that is a client */
    static unsigned reason;
    for (reason = 0; reason < 256; reason++) {
        rig_init(&rig, PK_MQTT_V5);
        CHECK(rig_connect(&rig, false));
        rig_feed(&rig, "32 06 00 01 't' 00 07 00");
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
        if (lists(ALLOWED, (uint8_t)reason)) {
            CHECK_EQ_INT(pk_mqtt_ack(&rig.client, rig.event.u.message.handle, (uint8_t)reason), PK_OK);
        } else {
            CHECK_PANICS((void)pk_mqtt_ack(&rig.client, rig.event.u.message.handle, (uint8_t)reason));
        }
    }
}

PK_TEST(answers__in_the_order_of_arrival__of_both_qualities) {
    uint32_t handle[5];
    rig_init(&rig, PK_MQTT_V5);
    rig.config.accepts_qos2 = true;
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "34 06 00 01 't' 00 01 00 32 06 00 01 't' 00 02 00 34 06 00 01 't' 00 03 00 32 06 00 01 "
                   "'t' 00 04 00");
    for (int i = 0; i < 4; i++) {
        CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
        handle[i] = rig.event.u.message.handle;
    }
    for (int i = 3; i > 0; i--) {
        CHECK_EQ_INT(pk_mqtt_ack(&rig.client, handle[i], PK_MQTT_SUCCESS), PK_OK);
        CHECK(rig_sends(&rig, ""));
    }
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, handle[0], PK_MQTT_SUCCESS), PK_OK);
    CHECK(rig_sends(&rig, "50 02 00 01 40 02 00 02 50 02 00 03 40 02 00 04"));
}

/* A 3.1.1 server may repeat PUBLISH without need. Its repeat waits behind a message that is not answered when
 * PUBREL for the first PUBREC comes: the exchange is over then, and the id names a new message. */
PK_TEST(qos_2_in__repeat_that_crossed_our_pubrec__does_not_keep_the_id) {
    rig_init(&rig, PK_MQTT_V311);
    rig.config.accepts_qos2 = true;
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "34 05 00 01 't' 00 05");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, rig.event.u.message.handle, PK_MQTT_SUCCESS), PK_OK);
    CHECK(rig_sends(&rig, "50 02 00 05"));
    rig_feed(&rig, "32 05 00 01 't' 00 06 3c 05 00 01 't' 00 05 62 02 00 05");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE); /* id 6, not answered yet */
    const uint32_t handle = rig.event.u.message.handle;
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "70 02 00 05"));
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, handle, PK_MQTT_SUCCESS), PK_OK);
    CHECK(rig_sends(&rig, "40 02 00 06"));
    CHECK_EQ_INT(rig.client.in.used, 0);
    rig_feed(&rig, "34 05 00 01 't' 00 05");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
}

/* MQTT-4.3.3-10: a repeat is no new message and no error, whether PUBREC has left or not. */
PK_TEST(qos_2_in__repeats_before_and_after_our_pubrec__are_one_message) {
    rig_init(&rig, PK_MQTT_V5);
    rig.config.accepts_qos2 = true;
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "34 06 00 01 't' 00 05 00 3c 06 00 01 't' 00 05 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    const uint32_t handle = rig.event.u.message.handle;
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "")); /* the application has not stored it */
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, handle, PK_MQTT_SUCCESS), PK_OK);
    rig_feed(&rig, "3c 06 00 01 't' 00 05 00");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "50 02 00 05"));
    rig_feed(&rig, "3c 06 00 01 't' 00 05 00 3c 06 00 01 't' 00 05 00");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "50 02 00 05"));
    rig_feed(&rig, "62 02 00 05");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "70 02 00 05"));
    CHECK_EQ_U64(rig.client.counters.duplicates_in, 4);
    CHECK_EQ_INT(rig.client.in.used, 0);
}

/* PUBREL of a message whose PUBREC never left releases nothing: the message is still to be answered. */
PK_TEST(qos_2_in__pubrel_before_our_pubrec__releases_nothing) {
    rig_init(&rig, PK_MQTT_V5);
    rig.config.accepts_qos2 = true;
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "34 06 00 01 't' 00 05 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    const uint32_t handle = rig.event.u.message.handle;
    rig_feed(&rig, "62 02 00 05");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "70 03 00 05 92"));
    CHECK_EQ_INT(pk_mqtt_ack(&rig.client, handle, PK_MQTT_SUCCESS), PK_OK);
    CHECK(rig_sends(&rig, "50 02 00 05"));
    rig_feed(&rig, "62 02 00 05");
    CHECK_EQ_INT(rig_event(&rig), -1);
    CHECK(rig_sends(&rig, "70 02 00 05"));
}

PK_TEST(subscription_ids__several_of_one_message__are_read_up_to_the_largest) {
    const struct pk_mqtt_filter f = {.filter = pk_str_of("a"), .qos = 1};
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 268435455, 1), PK_OK);
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, &f, 1, 268435456, 1), PK_E_BAD_FIELD);
    CHECK(rig_sends(&rig, "82 0c ff 00 05 0b ff ff ff 7f 00 01 'a' 01"));
    rig_feed(&rig, "30 0c 00 01 't' 08 0b ff ff ff 7f 0b 80 01 30 06 00 01 't' 02 0b 05");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_U64(rig.event.props.subscription_id, 268435455);
    CHECK_EQ_U64(rig.event.props.raw.n, 8); /* all of them, as they came */
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_U64(rig.event.props.subscription_id, 5);
}

PK_TEST(suback__codes_and_ids__are_matched_to_their_request) {
    const struct pk_mqtt_filter f[3] = {{.filter = pk_str_of("a"), .qos = 1},
                                        {.filter = pk_str_of("b"), .qos = 0},
                                        {.filter = pk_str_of("c"), .qos = 1}};
    const struct pk_str u[2] = {pk_str_of("a"), pk_str_of("zz")};
    static const uint8_t want[] = {0x01, 0x87, 0x00}, want_u[] = {0x11, 0x00};
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, f, 3, 0, 10), PK_OK);
    CHECK_EQ_INT(pk_mqtt_subscribe(&rig.client, f, 1, 0, 11), PK_OK);
    CHECK_EQ_INT(pk_mqtt_unsubscribe(&rig.client, u, 2, 12), PK_OK);
    rig_feed(&rig, "b0 05 ff 02 00 11 00 90 04 ff 01 00 01 90 06 ff 00 00 01 87 00");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_UNSUBSCRIBED);
    CHECK_EQ_U64(rig.event.u.answered.token, 12);
    CHECK_MEM(rig.event.u.answered.codes, want_u, sizeof want_u);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_SUBSCRIBED);
    CHECK_EQ_U64(rig.event.u.answered.token, 11);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_SUBSCRIBED);
    CHECK_EQ_U64(rig.event.u.answered.token, 10);
    CHECK_EQ_U64(rig.event.u.answered.code_count, 3);
    CHECK_MEM(rig.event.u.answered.codes, want, sizeof want);
    CHECK_EQ_INT(pk_mqtt_unsubscribe(&rig.client, u, 2, 13), PK_OK);
    rig_feed(&rig, "b0 04 ff 03 00 00"); /* one code for two filters */
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
    CHECK_EQ_INT(rig.event.u.error.reason, PK_MQTT_PROTOCOL_ERROR);
}

PK_TEST(message__a_packet_of_exactly_our_maximum__is_taken) {
    uint8_t p[RIG_RX_BYTES + 1] = {0x30, 0xFD, 0x07, 0, 1, 't', 0}; /* 3 + 1021 */
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    feed_bytes(p, RIG_RX_BYTES);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    CHECK_EQ_U64(rig.event.u.message.payload_bytes, RIG_RX_BYTES - 7);
    p[1] = 0xFE;
    feed_bytes(p, 3);
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
    CHECK(rig_sends(&rig, "e0 01 95"));
}

/* 3.1.1 skips what is too large; an identifier of zero is wrong there too, and may not be acknowledged. */
PK_TEST(message__too_large_in_311_without_a_packet_id__is_an_error) {
    rig_init(&rig, PK_MQTT_V311);
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "32 88 27 00 01 't' 00 00 'xxxx'");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_ERROR);
    CHECK(rig_sends(&rig, ""));
    CHECK(pk_mqtt_is_finished(&rig.client));
}

PK_TEST(user_properties__received__keep_their_order) {
    struct pk_str name, value;
    uint32_t at = 0;
    rig_init(&rig, PK_MQTT_V5);
    REQUIRE(rig_connect(&rig, false));
    rig_feed(&rig, "30 19 00 01 't' 15 26 00 01 'z' 00 01 '1' 26 00 01 'a' 00 01 '2' 26 00 01 'z' 00 01 '3'");
    CHECK_EQ_INT(rig_event(&rig), PK_MQTT_EV_MESSAGE);
    static const char *const WANT[] = {"z1", "a2", "z3"};
    for (int i = 0; i < 3; i++) {
        char pair[8];
        REQUIRE(pk_mqtt_user_property_next(&rig.event.props, &at, &name, &value));
        snprintf(pair, sizeof pair, "%.*s%.*s", (int)name.n, name.p, (int)value.n, value.p);
        CHECK_STR(pair, WANT[i]);
    }
}

PK_TEST_MAIN(
    first_byte__all_256__only_those_a_server_may_send_now_go_on,
    reason_codes__every_value_in_every_packet__successes_only_where_listed,
    properties__every_id_in_every_packet__only_where_listed_and_once,
    disconnect__ours__only_reasons_a_client_may_use,
    disconnect__after_ours__nothing_more_is_sent_and_the_connection_ends,
    disconnect__with_will_in_311__closes_without_the_packet,
    auth__any_of_it__is_refused_before_and_after_connack,
    connect__every_combination_of_flags__agrees_with_the_payload,
    connect__nothing_leaves_before_it_or_before_its_answer,
    client_id__assigned_by_the_server__is_that_of_the_session, session__gone_at_the_server__ours_is_discarded,
    maximum_packet__of_the_server__binds_every_packet,
    maximum_qos__of_the_server__binds_messages_not_subscriptions,
    topic_alias__from_the_server__any_value_is_above_our_maximum_of_none,
    topic_alias__from_the_server__stands_for_its_topic_until_it_gets_another,
    topic_alias__from_the_server__offered_ones_only_and_only_on_this_connection,
    topic_alias__of_a_topic_too_long_to_remember__is_delivered_once_and_none_are_offered_again,
    topic_alias__to_a_server_that_takes_them__names_the_topic_once_a_connection,
    topic_alias__to_a_server_that_takes_none__is_not_sent,
    topic_alias__message_that_found_no_room__has_told_the_server_nothing,
    topic_alias__of_a_message_sent_again__names_its_topic_again,
    send_quota__used_up__everything_but_messages_goes_on, send_quota__a_failing_pubrec__gives_it_back,
    packet_ids__of_all_that_waits__are_different_and_never_zero,
    resend__at_no_other_time_than_after_a_reconnect,
    resend__what_was_refused__is_acknowledged_and_never_sent_again,
    qos_2_out__lost_after_each_step__goes_on_from_there,
    qos_2_out__a_repeated_pubrec__is_answered_by_pubrel_again,
    qos_2_out__pubrels__leave_in_the_order_of_the_pubrecs,
    text__byte_order_mark__is_a_character_like_any_other,
    qos_1_in__same_id_after_puback__is_a_new_message_whatever_dup_says,
    qos_2_in__lost_after_each_step__is_delivered_once, qos_2_in__refused__ends_and_the_id_names_a_new_message,
    answers__in_the_order_of_arrival__of_both_qualities,
    qos_2_in__repeat_that_crossed_our_pubrec__does_not_keep_the_id,
    qos_2_in__pubrel_before_our_pubrec__releases_nothing,
    subscription_ids__several_of_one_message__are_read_up_to_the_largest,
    suback__codes_and_ids__are_matched_to_their_request, message__a_packet_of_exactly_our_maximum__is_taken,
    message__too_large_in_311_without_a_packet_id__is_an_error, user_properties__received__keep_their_order,
    ack__reason_that_is_no_answer__stops, qos_2_in__repeats_before_and_after_our_pubrec__are_one_message)
