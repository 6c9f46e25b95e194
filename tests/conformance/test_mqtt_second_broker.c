/* The MQTT client against a second, independent broker: Aedes under Node.js, which tools/second-broker
 * fetches. What the broker saw it says itself, and messages for us it makes itself: no code of ours is at the
 * other end. 5.0 and 3.1.1. ctest: lane=default timeout=240 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/mqtt_link.h"
#include "support/pk_test.h"

enum { PATH_BYTES = 256 };

struct broker {
    char log_path[PATH_BYTES];
    char log[1 << 18];
    pid_t pid;
    int orders; /* its standard input */
    uint16_t port;
};

static struct broker B;
static struct link L;
static char folder[PATH_BYTES], reason[PATH_BYTES];

/* Where it is, or why it is not here. */
static bool find_broker(void) {
    char line[PATH_BYTES] = "";
    FILE *f = popen(PK_SOURCE_DIR "/tools/second-broker --cached 2>&1", "r");
    const bool has_line = f != NULL && fgets(line, sizeof line, f) != NULL;
    line[strcspn(line, "\n")] = '\0';
    const bool is_there = f != NULL && pclose(f) == 0 && has_line;
    snprintf(is_there ? folder : reason, PATH_BYTES, "%s",
             has_line ? line : "tools/second-broker does not run");
    return is_there;
}

/* What it has said so far. */
static const char *said(void) {
    FILE *f = fopen(B.log_path, "r");
    const size_t n = f != NULL ? fread(B.log, 1, sizeof B.log - 1, f) : 0;
    B.log[n] = '\0';
    if (f != NULL) {
        fclose(f);
    }
    return B.log;
}

/* Turns until the broker has said this; false after LINK_WAIT_MS. */
static bool hears(const char *words) {
    for (const uint64_t end = link_now_ms() + LINK_WAIT_MS; link_now_ms() < end;) {
        if (strstr(said(), words) != NULL) {
            return true;
        }
        link_turn(&L, 5);
    }
    printf("# the broker has not said: %s\n%s\n", words, B.log);
    return false;
}

static bool start(const char *options) {
    int ends[2];
    memset(&B, 0, sizeof B);
    memset(&L, 0, sizeof L);
    L.fd = -1;
    const char *tmp = getenv("TMPDIR");
    snprintf(B.log_path, sizeof B.log_path, "%s/pk_aedes_XXXXXX", tmp != NULL ? tmp : "/tmp");
    const int log = mkstemp(B.log_path);
    if (log < 0 || pipe(ends) != 0) {
        return false;
    }
    B.pid = fork();
    if (B.pid == 0) {
        dup2(ends[0], 0);
        dup2(log, 1);
        dup2(log, 2);
        close(ends[1]); /* it ends when the test does */
        execlp("node", "node", PK_SOURCE_DIR "/tests/conformance/aedes/broker.mjs", folder, options,
               (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    close(log);
    B.orders = ends[1];
    fcntl(B.orders, F_SETFD, FD_CLOEXEC);
    if (!hears("listening ")) {
        return false;
    }
    B.port = (uint16_t)strtoul(strstr(B.log, "listening ") + strlen("listening "), NULL, 10);
    return B.port > 0;
}

static void stop(void) {
    close(B.orders);
    link_end_process(B.pid);
    unlink(B.log_path);
}

static void order(const char *json) {
    CHECK(write(B.orders, json, strlen(json)) == (ssize_t)strlen(json));
}

#define BEGIN(options)                                                                                       \
    if (!find_broker()) {                                                                                    \
        SKIP(reason);                                                                                        \
    }                                                                                                        \
    REQUIRE(start(options))

static void idle(int turns) {
    for (int i = 0; i < turns; i++) {
        link_turn(&L, 10);
    }
}

/* ---- tests ---- */

static void check_publish(enum pk_mqtt_version version) {
    link_init(&L, "gw", version);
    CHECK(link_open(&L, B.port));
    struct pk_mqtt_publish m = link_message("out/0", "zero", 0);
    CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, 1), PK_OK);
    m = link_message("out/1", "one", 1);
    m.is_retained = true;
    CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, 2), PK_OK);
    m = link_message("out/2", "two", 2);
    CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, 3), PK_OK);
    CHECK(link_until(&L, &L.done, 2));
    CHECK_EQ_INT(pk_mqtt_inflight_count(&L.client), 0);
    CHECK(hears("publish gw out/0 0 0 zero") && hears("publish gw out/1 1 1 one") &&
          hears("publish gw out/2 2 0 two"));
    link_leave(&L);
    CHECK(hears("gone gw"));
    CHECK_EQ_INT(L.errors + L.disconnected, 0);
}

PK_TEST(publish__each_qos__is_taken) {
    BEGIN("{}");
    check_publish(PK_MQTT_V5);
    stop();
}

PK_TEST(publish__each_qos_with_311__is_taken) {
    BEGIN("{}");
    check_publish(PK_MQTT_V311);
    stop();
}

PK_TEST(publish__properties__arrive_as_they_are) {
    BEGIN("{}");
    link_init(&L, "gw", PK_MQTT_V5);
    REQUIRE(link_open(&L, B.port));
    const struct pk_mqtt_user_property user[] = {{pk_str_of("specversion"), pk_str_of("1.0")},
                                                 {pk_str_of("id"), pk_str_of("7-1")}};
    struct pk_mqtt_publish m = link_message("p", "{}", 1);
    m.content_type = pk_str_of("application/json");
    m.response_topic = pk_str_of("reply/here");
    m.has_correlation = true;
    m.correlation = pk_str_of("corr-1");
    m.payload_is_text = true;
    m.message_expiry_s = 60;
    m.user = user;
    m.user_count = 2;
    CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, 1), PK_OK);
    CHECK(link_until(&L, &L.done, 1));
    CHECK(hears("publish gw p 1 0 {} {"));
    static const char *const PARTS[] = {"\"payloadFormatIndicator\":true",
                                        "\"messageExpiryInterval\":60",
                                        "\"contentType\":\"application/json\"",
                                        "\"responseTopic\":\"reply/here\"",
                                        "\"correlationData\":\"corr-1\"",
                                        "\"userProperties\":{\"specversion\":\"1.0\",\"id\":\"7-1\"}"};
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        CHECK(hears(PARTS[i]));
    }
    link_leave(&L);
    stop();
}

static void check_receive(enum pk_mqtt_version version) {
    link_init(&L, "gw", version);
    CHECK(link_open(&L, B.port));
    CHECK(link_subscribe(&L, "in/#", 2));
    CHECK(hears("subscribe gw in/# 2"));
    for (int qos = 0; qos <= 2; qos++) {
        char text[128];
        snprintf(text, sizeof text,
                 "{\"do\":\"publish\",\"topic\":\"in/a\",\"qos\":%d,\"payload\":\"hello %d\"}\n", qos, qos);
        order(text);
        CHECK(link_until(&L, &L.messages, qos + 1));
        snprintf(text, sizeof text, "hello %d", qos);
        CHECK_STR(L.message, text);
        CHECK_STR(L.topic, "in/a");
        CHECK_EQ_INT(L.last.u.message.qos, qos);
    }
    for (const uint64_t end = link_now_ms() + LINK_WAIT_MS; L.client.in.used > 0 && link_now_ms() < end;) {
        link_turn(&L, 5);
    }
    CHECK_EQ_INT(L.client.in.used, 0); /* QoS 2 went through to PUBCOMP */
    CHECK_EQ_INT(L.messages, 3);
    const struct pk_str filter = pk_str_of("in/#");
    const int want = L.subscribed + 1;
    CHECK_EQ_INT(pk_mqtt_unsubscribe(&L.client, &filter, 1, 2), PK_OK);
    CHECK(link_until(&L, &L.subscribed, want));
    order("{\"do\":\"publish\",\"topic\":\"in/a\",\"qos\":1,\"payload\":\"unheard\"}\n");
    CHECK(hears("unheard"));
    idle(10);
    CHECK_EQ_INT(L.messages, 3);
    link_leave(&L);
    CHECK_EQ_INT(L.errors, 0);
}

PK_TEST(subscribe__each_qos__is_delivered) {
    BEGIN("{}");
    check_receive(PK_MQTT_V5);
    stop();
}

PK_TEST(subscribe__each_qos_with_311__is_delivered) {
    BEGIN("{}");
    check_receive(PK_MQTT_V311);
    stop();
}

PK_TEST(subscribe__properties__are_read) {
    BEGIN("{}");
    link_init(&L, "gw", PK_MQTT_V5);
    REQUIRE(link_open(&L, B.port));
    const struct pk_mqtt_filter f = {.filter = pk_str_of("in/+"), .qos = 1};
    REQUIRE(pk_mqtt_subscribe(&L.client, &f, 1, 300, 9) == PK_OK);
    REQUIRE(link_until(&L, &L.subscribed, 1));
    order("{\"do\":\"publish\",\"topic\":\"in/"
          "x\",\"qos\":1,\"payload\":\"v\",\"properties\":{\"contentType\":\"json\","
          "\"responseTopic\":\"r/"
          "t\",\"correlationData\":\"c0\",\"userProperties\":{\"a\":\"1\",\"b\":[\"2\",\"3\"]}}}\n");
    CHECK(link_until(&L, &L.messages, 1));
    CHECK_STR(L.content_type, "json");
    CHECK_STR(L.response_topic, "r/t");
    CHECK_STR(L.correlation, "c0");
    CHECK_STR(L.user, "a=1;b=2;b=3;");
    CHECK_EQ_U64(L.last.props.subscription_id, 300);
    link_leave(&L);
    stop();
}

PK_TEST(subscribe__what_is_not_allowed__is_refused_by_name) {
    BEGIN("{}");
    link_init(&L, "gw", PK_MQTT_V5);
    REQUIRE(link_open(&L, B.port));
    CHECK(!link_subscribe(&L, "forbidden/#", 1));
    CHECK_EQ_INT(L.last_code, PK_MQTT_NOT_AUTHORIZED);
    struct pk_mqtt_publish m = link_message("forbidden/a", "x", 1);
    CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, 1), PK_OK);
    CHECK(link_until(&L, &L.done, 1));
    CHECK_EQ_INT(L.last_reason, PK_MQTT_NOT_AUTHORIZED);
    m.qos = 2;
    CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, 2), PK_OK);
    CHECK(link_until(&L, &L.done, 2));
    CHECK_EQ_INT(L.last_reason, PK_MQTT_NOT_AUTHORIZED);
    CHECK_EQ_INT(pk_mqtt_inflight_count(&L.client), 0);
    CHECK(pk_mqtt_is_connected(&L.client));
    link_leave(&L);
    stop();
}

static void check_session(enum pk_mqtt_version version) {
    link_init(&L, "gw", version);
    CHECK(link_open(&L, B.port));
    CHECK(!L.is_session_present);
    CHECK(link_subscribe(&L, "in/#", 1));
    L.is_refusing_to_ack = true;
    order("{\"do\":\"publish\",\"topic\":\"in/a\",\"qos\":1,\"payload\":\"once\"}\n");
    CHECK(link_until(&L, &L.messages, 1));
    link_close(&L);
    CHECK(hears("gone gw"));
    order("{\"do\":\"publish\",\"topic\":\"in/a\",\"qos\":1,\"payload\":\"while away\"}\n");
    CHECK(hears("while away"));
    L.is_refusing_to_ack = false;
    CHECK(link_open(&L, B.port));
    CHECK(L.is_session_present);
    CHECK(link_until(&L, &L.messages, 3));
    CHECK_STR(L.message, "while away");
    link_leave(&L);
    CHECK(link_open(&L, B.port));
    idle(20);
    CHECK_EQ_INT(L.messages, 3); /* acknowledged: not again */
    link_leave(&L);
    L.config.clean_start = true;
    CHECK(link_open(&L, B.port));
    CHECK(!L.is_session_present);
    link_leave(&L);
    CHECK_EQ_INT(L.errors, 0);
}

PK_TEST(session__kept__what_was_not_acknowledged_comes_again) {
    BEGIN("{}");
    check_session(PK_MQTT_V5);
    stop();
}

PK_TEST(session__kept_with_311__what_was_not_acknowledged_comes_again) {
    BEGIN("{}");
    check_session(PK_MQTT_V311);
    stop();
}

/* How often the broker took payload `number` of topic n. */
static int taken(int number) {
    char words[48];
    int count = 0;
    snprintf(words, sizeof words, " %d {", number);
    for (const char *p = strstr(B.log, "publish gw n "); p != NULL; p = strstr(p + 1, "publish gw n ")) {
        char line[64];
        snprintf(line, sizeof line, "%.*s", (int)strcspn(p, "\n"), p);
        count += strstr(line, words) != NULL;
    }
    return count;
}

/* Beside a new connection Aedes goes on with what it has read of the old one. So until that one is gone. */
static bool await_goodbyes(int goodbyes) {
    for (const uint64_t end = link_now_ms() + LINK_WAIT_MS; link_now_ms() < end; link_nap_ms(10)) {
        int seen = 0;
        for (const char *p = strstr(said(), "gone gw"); p != NULL; p = strstr(p + 1, "gone gw")) {
            seen++;
        }
        if (seen >= goodbyes) {
            return true;
        }
    }
    return false;
}

/* The connection is reset again and again in the middle of a stream of messages; once or at least once, none
 * is lost. Aedes knows a session by its subscriptions: without one it answers that there is none, and the
 * client rightly begins anew. */
static void check_resets(uint8_t qos) {
    enum { COUNT = 400 };
    int next = 0, resets = 0;
    link_init(&L, "gw", PK_MQTT_V5);
    CHECK(link_open(&L, B.port));
    CHECK(link_subscribe(&L, "unused", 0));
    for (const uint64_t end = link_now_ms() + 60000; L.done < COUNT && link_now_ms() < end;) {
        char payload[16];
        uint64_t token = 0;
        struct pk_mqtt_publish m = link_message("n", payload, qos);
        if (L.fd < 0) {
            CHECK(link_open(&L, B.port));
            CHECK(L.is_session_present);
        }
        bool has_room = true;
        while (has_room && pk_mqtt_resend_peek(&L.client, &token)) {
            m.payload_bytes = (uint32_t)snprintf(payload, sizeof payload, "%u", (unsigned)token);
            has_room = pk_mqtt_resend(&L.client, &m, token) == PK_OK;
        }
        while (has_room && next < COUNT) {
            m.payload_bytes = (uint32_t)snprintf(payload, sizeof payload, "%d", next);
            has_room = pk_mqtt_publish(&L.client, &m, (uint64_t)next) == PK_OK;
            next += has_room ? 1 : 0;
        }
        link_turn(&L, 1);
        if (L.done > (resets + 1) * COUNT / 10 && resets < 8) {
            resets++;
            link_write(&L);
            link_close(&L);
            CHECK(await_goodbyes(resets));
        }
    }
    CHECK_EQ_INT(resets, 8);
    CHECK_EQ_INT(L.done, COUNT);
    CHECK_EQ_INT(pk_mqtt_inflight_count(&L.client), 0);
    idle(5);
    (void)said();
    int missing = 0, twice = 0;
    for (int i = 0; i < COUNT; i++) {
        missing += taken(i) == 0;
        twice += taken(i) > 1;
    }
    CHECK_EQ_INT(missing, 0);
    CHECK(qos == 1 || twice == 0);
    CHECK_EQ_INT(L.errors, 0);
    link_leave(&L);
}

PK_TEST(session__connection_reset_again_and_again__qos_1_loses_nothing) {
    BEGIN("{}");
    check_resets(1);
    stop();
}

PK_TEST(session__connection_reset_again_and_again__qos_2_is_exact) {
    BEGIN("{}");
    check_resets(2);
    stop();
}

PK_TEST(will__connection_cut__is_published_and_after_disconnect_it_is_not) {
    BEGIN("{}");
    for (int version = PK_MQTT_V311; version <= PK_MQTT_V5; version++) {
        char words[64], topic[16];
        snprintf(topic, sizeof topic, "will/%d", version);
        link_init(&L, "gw", (enum pk_mqtt_version)version);
        L.config.session_expiry_s = 0;
        L.config.will =
            (struct pk_mqtt_will){.topic = pk_str_of(topic), .payload = pk_str_of("kept back"), .qos = 1};
        REQUIRE(link_open(&L, B.port));
        link_leave(&L);
        L.config.will.payload = pk_str_of("offline");
        REQUIRE(link_open(&L, B.port));
        link_close(&L);
        snprintf(words, sizeof words, "%s 1 0 offline", topic);
        CHECK(hears(words));
        CHECK(strstr(B.log, "kept back") == NULL);
        REQUIRE(link_open(&L, B.port)); /* DISCONNECT that asks for the will, or its like in 3.1.1 */
        pk_mqtt_stop(&L.client, PK_MQTT_DISCONNECT_WITH_WILL, link_now_ms());
        idle(5);
        const char *first = strstr(said(), words);
        for (int i = 0; i < 1500 && (first == NULL || strstr(first + 1, words) == NULL); i++) {
            link_nap_ms(20);
            first = strstr(said(), words);
        }
        CHECK(first != NULL && strstr(first + 1, words) != NULL);
    }
    stop();
}

PK_TEST(connect__wrong_user__is_refused_by_name) {
    BEGIN("{}");
    for (int version = PK_MQTT_V311; version <= PK_MQTT_V5; version++) {
        link_init(&L, "gw", (enum pk_mqtt_version)version);
        L.config.has_username = L.config.has_password = true;
        L.config.username = pk_str_of("wrong");
        L.config.password = pk_str_of("p");
        L.fd = link_dial(B.port);
        CHECK_EQ_INT(pk_mqtt_start(&L.client, link_now_ms()), PK_OK);
        CHECK(link_until(&L, &L.refused, 1));
        CHECK_EQ_INT(L.last_reason, PK_MQTT_BAD_CREDENTIALS);
        CHECK_EQ_INT(L.errors, 0);
        link_close(&L);
    }
    stop();
}

PK_TEST(limits__of_the_server__are_read_and_kept) {
    BEGIN("{\"maximumPacketSize\":2000,\"receiveMaximum\":3,\"topicAliasMaximum\":5,\"keepaliveLimit\":10,"
          "\"sessionExpiryIntervalLimit\":30}");
    link_init(&L, "", PK_MQTT_V5);
    REQUIRE(link_open(&L, B.port));
    const struct pk_mqtt_limits *l = &L.client.limits;
    CHECK_EQ_U64(l->max_packet_bytes, 2000);
    CHECK_EQ_INT(l->receive_maximum, 3);
    CHECK_EQ_INT(l->topic_alias_maximum, 5);
    CHECK_EQ_INT(l->keep_alive_s, 10);
    CHECK_EQ_U64(l->session_expiry_s, 30);
    static char big[4000];
    memset(big, 'x', sizeof big - 1);
    struct pk_mqtt_publish m = link_message("a", big, 1);
    CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, 1), PK_E_TOO_BIG);
    m = link_message("a", "x", 1);
    for (uint64_t i = 0; i < 3; i++) {
        CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, i), PK_OK);
    }
    CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, 9), PK_E_FULL);
    CHECK(link_until(&L, &L.done, 3));
    link_leave(&L);
    CHECK_EQ_INT(L.errors + L.disconnected, 0);
    stop();
}

PK_TEST(disconnect__of_the_server__says_why) {
    BEGIN("{}");
    static struct link other;
    link_init(&L, "gw", PK_MQTT_V5);
    REQUIRE(link_open(&L, B.port));
    CHECK(hears("ready gw"));
    order("{\"do\":\"kick\",\"id\":\"gw\",\"reason\":152}\n");
    CHECK(link_until(&L, &L.disconnected, 1));
    CHECK_EQ_INT(L.last_reason, PK_MQTT_ADMINISTRATIVE_ACTION);
    CHECK_EQ_INT(L.fd, -1);
    link_init(&other, "gw", PK_MQTT_V5);
    REQUIRE(link_open(&L, B.port));
    REQUIRE(link_open(&other, B.port)); /* the same client identifier */
    CHECK(link_until(&L, &L.disconnected, 2));
    CHECK_EQ_INT(L.last_reason, PK_MQTT_SESSION_TAKEN_OVER);
    CHECK(pk_mqtt_is_connected(&other.client));
    CHECK_EQ_INT(L.errors, 0);
    link_leave(&other);
    stop();
}

PK_TEST(keep_alive__idle_link__lives_by_pings) {
    BEGIN("{}");
    for (int version = PK_MQTT_V311; version <= PK_MQTT_V5; version++) {
        link_init(&L, "gw", (enum pk_mqtt_version)version);
        L.config.keep_alive_s = 4; /* and half as long again: a machine may stop for a while */
        L.config.ping_timeout_ms = 20000;
        REQUIRE(link_open(&L, B.port));
        for (const uint64_t end = link_now_ms() + LINK_WAIT_MS;
             L.client.counters.pings < 2 && L.fd >= 0 && link_now_ms() < end;) {
            link_turn(&L, 20);
        }
        CHECK(pk_mqtt_is_connected(&L.client));
        CHECK(L.client.counters.pings >= 2);
        link_leave(&L);
    }
    stop();
}

PK_TEST_MAIN(publish__each_qos__is_taken, publish__each_qos_with_311__is_taken,
             publish__properties__arrive_as_they_are, subscribe__each_qos__is_delivered,
             subscribe__each_qos_with_311__is_delivered, subscribe__properties__are_read,
             subscribe__what_is_not_allowed__is_refused_by_name,
             session__kept__what_was_not_acknowledged_comes_again,
             session__kept_with_311__what_was_not_acknowledged_comes_again,
             session__connection_reset_again_and_again__qos_1_loses_nothing,
             session__connection_reset_again_and_again__qos_2_is_exact,
             will__connection_cut__is_published_and_after_disconnect_it_is_not,
             connect__wrong_user__is_refused_by_name, limits__of_the_server__are_read_and_kept,
             disconnect__of_the_server__says_why, keep_alive__idle_link__lives_by_pings)
