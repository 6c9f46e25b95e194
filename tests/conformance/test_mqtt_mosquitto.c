/* The MQTT client against a real Mosquitto, with mosquitto_pub and mosquitto_sub as the independent ends.
 * Skipped where the programs are not installed.
 * ctest: lane=default timeout=240 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "support/mqtt_link.h"
#include "support/pk_test.h"

enum { PATH_BYTES = 128 };

/* ---- processes ---- */

struct broker {
    char folder[PATH_BYTES];
    char config_path[PATH_BYTES + 16];
    pid_t pid;
    uint16_t port;
};

static bool has_programs(void) {
    return access("/usr/sbin/mosquitto", X_OK) == 0 && access("/usr/bin/mosquitto_pub", X_OK) == 0 &&
           access("/usr/bin/mosquitto_sub", X_OK) == 0;
}

static bool broker_run(struct broker *b) {
    char log[PATH_BYTES + 16];
    snprintf(log, sizeof log, "%s/broker.log", b->folder);
    char *argv[] = {"/usr/sbin/mosquitto", "-c", b->config_path, NULL};
    b->pid = link_spawn(log, argv);
    for (int i = 0; i < 500; i++) {
        const int fd = link_dial(b->port);
        if (fd >= 0) {
            close(fd);
            return true;
        }
        link_nap_ms(20);
    }
    return false;
}

static bool broker_start(struct broker *b, const char *options) {
    memset(b, 0, sizeof *b);
    const char *tmp = getenv("TMPDIR");
    snprintf(b->folder, sizeof b->folder, "%s/pk_mqtt_XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(b->folder) == NULL) {
        return false;
    }
    chmod(b->folder, 0777); /* as root, Mosquitto writes its database as its own user */
    b->port = link_free_port();
    snprintf(b->config_path, sizeof b->config_path, "%s/broker.conf", b->folder);
    FILE *f = fopen(b->config_path, "w");
    if (f == NULL) {
        return false;
    }
    fprintf(f,
            "per_listener_settings false\nlog_type all\nlistener %u 127.0.0.1\nallow_anonymous "
            "true\npersistence_location "
            "%s/\n%s\n",
            b->port, b->folder, options);
    fclose(f);
    return broker_run(b);
}

static void broker_kill(struct broker *b, int signal) {
    if (b->pid > 0) {
        kill(b->pid, signal);
        waitpid(b->pid, NULL, 0);
        b->pid = 0;
    }
}

static void broker_stop(struct broker *b) {
    static const char *const FILES[] = {"broker.log", "broker.conf", "mosquitto.db", "sub.out", "pub.out"};
    broker_kill(b, SIGTERM);
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        char path[PATH_BYTES + 16];
        snprintf(path, sizeof path, "%s/%s", b->folder, FILES[i]);
        unlink(path);
    }
    rmdir(b->folder);
}

/* mosquitto_pub with up to 15 more arguments; true when it ended well. */
static bool mosquitto_pub(struct broker *b, char *const *arguments) {
    char port[8], log[PATH_BYTES + 16];
    char *argv[24] = {"/usr/bin/mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-V", "mqttv5"};
    size_t n = 7;
    snprintf(port, sizeof port, "%u", b->port);
    snprintf(log, sizeof log, "%s/pub.out", b->folder);
    for (size_t i = 0; arguments[i] != NULL && n < 23; i++) {
        argv[n++] = arguments[i];
    }
    int status = -1;
    waitpid(link_spawn(log, argv), &status, 0);
    return status == 0;
}

/* How many subscriptions the broker has answered. */
static int suback_count(struct broker *b) {
    static char text[1 << 16];
    char path[PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/broker.log", b->folder);
    FILE *f = fopen(path, "r");
    const size_t n = f != NULL ? fread(text, 1, sizeof text - 1, f) : 0;
    text[n] = '\0';
    if (f != NULL) {
        fclose(f);
    }
    int count = 0;
    for (const char *p = text; (p = strstr(p, "Sending SUBACK")) != NULL; p++) {
        count++;
    }
    return count;
}

/* mosquitto_sub in the background, its lines in sub.out; subscribed before it returns. */
static pid_t mosquitto_sub(struct broker *b, const char *filter, const char *qos, const char *format) {
    char port[8], log[PATH_BYTES + 16];
    snprintf(port, sizeof port, "%u", b->port);
    snprintf(log, sizeof log, "%s/sub.out", b->folder);
    char *argv[] = {"/usr/bin/mosquitto_sub",
                    "-h",
                    "127.0.0.1",
                    "-p",
                    port,
                    "-V",
                    "mqttv5",
                    "-t",
                    (char *)(uintptr_t)filter,
                    "-q",
                    (char *)(uintptr_t)qos,
                    "-F",
                    (char *)(uintptr_t)format,
                    "-W",
                    "20",
                    NULL};
    const int before = suback_count(b);
    const pid_t pid = link_spawn(log, argv);
    for (const uint64_t end = link_now_ms() + LINK_WAIT_MS;
         suback_count(b) == before && link_now_ms() < end;) {
        link_nap_ms(10);
    }
    return pid;
}

/* sub.out, once it has this many lines. */
static const char *sub_lines(struct broker *b, int lines) {
    static char text[1 << 16];
    char path[PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/sub.out", b->folder);
    for (const uint64_t end = link_now_ms() + LINK_WAIT_MS; link_now_ms() < end; link_nap_ms(10)) {
        FILE *f = fopen(path, "r");
        size_t n = f != NULL ? fread(text, 1, sizeof text - 1, f) : 0;
        text[n] = '\0';
        if (f != NULL) {
            fclose(f);
        }
        int seen = 0;
        for (size_t i = 0; i < n; i++) {
            seen += text[i] == '\n';
        }
        if (seen >= lines) {
            return text;
        }
    }
    return text;
}

static struct link L;
static struct broker B;

#define BEGIN(options)                                                                                       \
    if (!has_programs()) {                                                                                   \
        SKIP("mosquitto is not installed");                                                                  \
    }                                                                                                        \
    REQUIRE(broker_start(&B, options))

/* ---- tests ---- */

static void check_publish(enum pk_mqtt_version version) {
    link_init(&L, "gw", version);
    CHECK(link_open(&L, B.port));
    const pid_t sub = mosquitto_sub(&B, "out/#", "2", "%t %q %p");
    const char *const want = "out/0 0 zero\nout/1 1 one\nout/2 2 two\n";
    struct pk_mqtt_publish m = link_message("out/0", "zero", 0);
    CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, 1), PK_OK);
    m = link_message("out/1", "one", 1);
    CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, 2), PK_OK);
    m = link_message("out/2", "two", 2);
    CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, 3), PK_OK);
    CHECK(link_until(&L, &L.done, 2));
    CHECK_EQ_INT(pk_mqtt_inflight_count(&L.client), 0);
    const char *got = sub_lines(&B, 3);
    CHECK(strstr(got, "out/0 0 zero\n") != NULL && strstr(got, "out/1 1 one\n") != NULL &&
          strstr(got, "out/2 2 two\n") != NULL);
    CHECK_EQ_INT(strlen(got), strlen(want));
    link_end_process(sub);
    link_leave(&L);
    CHECK_EQ_INT(L.errors, 0);
}

PK_TEST(publish__each_qos__reaches_mosquitto_sub) {
    BEGIN("");
    check_publish(PK_MQTT_V5);
    broker_stop(&B);
}

PK_TEST(publish__each_qos_with_311__reaches_mosquitto_sub) {
    BEGIN("");
    check_publish(PK_MQTT_V311);
    broker_stop(&B);
}

PK_TEST(publish__properties__arrive_as_they_are) {
    BEGIN("");
    link_init(&L, "gw", PK_MQTT_V5);
    REQUIRE(link_open(&L, B.port));
    const pid_t sub = mosquitto_sub(&B, "p", "1", "%C|%R|%D|%F|%P|%p");
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
    const char *got = sub_lines(&B, 1);
    CHECK_STR(got, "application/json|reply/here|corr-1|1|specversion:1.0 id:7-1|{}\n");
    link_end_process(sub);
    link_leave(&L);
    broker_stop(&B);
}

PK_TEST(publish__topic_aliases__arrive_under_their_topics) {
    static const struct {
        const char *topic, *payload;
        uint16_t alias;
        uint8_t qos;
    } SENT[] = {{"a/1", "1", 1, 0}, {"a/1", "2", 1, 1}, {"a/2", "3", 2, 2}, {"a/1", "4", 1, 2},
                {"a/2", "5", 2, 0}, {"a/3", "6", 1, 1}, {"a/3", "7", 1, 1}, {"a/4", "8", 8, 1}};
    BEGIN("max_topic_alias 2");
    link_init(&L, "gw", PK_MQTT_V5);
    REQUIRE(link_open(&L, B.port));
    CHECK_EQ_INT(L.client.limits.topic_alias_maximum, 2);
    const pid_t sub = mosquitto_sub(&B, "a/#", "2", "%t %p");
    for (size_t i = 0; i < PK_COUNT_OF(SENT); i++) {
        struct pk_mqtt_publish m = link_message(SENT[i].topic, SENT[i].payload, SENT[i].qos);
        m.topic_alias = SENT[i].alias;
        CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, i), PK_OK);
    }
    CHECK(link_until(&L, &L.done, 6));
    const char *got = sub_lines(&B, PK_COUNT_OF(SENT));
    for (size_t i = 0; i < PK_COUNT_OF(SENT); i++) { /* the qualities of service may overtake each other */
        char line[16];
        snprintf(line, sizeof line, "%s %s\n", SENT[i].topic, SENT[i].payload);
        CHECK(strstr(got, line) != NULL);
    }
    CHECK_EQ_U64(L.client.counters.aliases_out, 4);
    CHECK_EQ_INT(L.errors + L.disconnected, 0);
    link_end_process(sub);
    link_leave(&L);
    broker_stop(&B);
}

static void check_receive(enum pk_mqtt_version version) {
    link_init(&L, "gw", version);
    CHECK(link_open(&L, B.port));
    CHECK(link_subscribe(&L, "in/#", 2));
    for (int qos = 0; qos <= 2; qos++) {
        char q[2] = {(char)('0' + qos), '\0'};
        char *arguments[] = {"-t", "in/a", "-q", q, "-m", "hello", NULL};
        CHECK(mosquitto_pub(&B, arguments));
        CHECK(link_until(&L, &L.messages, qos + 1));
        CHECK_STR(L.message, "hello");
        CHECK_STR(L.topic, "in/a");
        CHECK_EQ_INT(L.last.u.message.qos, qos);
    }
    for (const uint64_t end = link_now_ms() + LINK_WAIT_MS; L.client.in.used > 0 && link_now_ms() < end;) {
        link_turn(&L, 5);
    }
    CHECK_EQ_INT(L.client.in.used, 0); /* QoS 2 went through to PUBCOMP */
    CHECK_EQ_INT(L.messages, 3);
    link_leave(&L);
    CHECK_EQ_INT(L.errors, 0);
}

PK_TEST(subscribe__each_qos__delivers_from_mosquitto_pub) {
    BEGIN("");
    check_receive(PK_MQTT_V5);
    broker_stop(&B);
}

PK_TEST(subscribe__each_qos_with_311__delivers_from_mosquitto_pub) {
    BEGIN("");
    check_receive(PK_MQTT_V311);
    broker_stop(&B);
}

PK_TEST(subscribe__properties__are_read) {
    BEGIN("");
    link_init(&L, "gw", PK_MQTT_V5);
    REQUIRE(link_open(&L, B.port));
    const struct pk_mqtt_filter f = {.filter = pk_str_of("in/+"), .qos = 1};
    REQUIRE(pk_mqtt_subscribe(&L.client, &f, 1, 300, 9) == PK_OK);
    REQUIRE(link_until(&L, &L.subscribed, 1));
    char *arguments[] = {"-t",      "in/x",          "-q", "1", "-m", "v", "-D",
                         "publish", "user-property", "a",  "1", NULL};
    CHECK(mosquitto_pub(&B, arguments));
    CHECK(link_until(&L, &L.messages, 1));
    CHECK_STR(L.user, "a=1;");
    CHECK_EQ_U64(L.last.props.subscription_id, 300);
    char *more[] = {"-t",
                    "in/x",
                    "-q",
                    "1",
                    "-m",
                    "w",
                    "-D",
                    "publish",
                    "response-topic",
                    "r/t",
                    "-D",
                    "publish",
                    "correlation-data",
                    "c0",
                    NULL};
    CHECK(mosquitto_pub(&B, more));
    CHECK(link_until(&L, &L.messages, 2));
    CHECK_STR(L.response_topic, "r/t");
    CHECK_STR(L.correlation, "c0");
    link_leave(&L);
    broker_stop(&B);
}

PK_TEST(will__connection_cut__is_published_and_retained) {
    BEGIN("");
    link_init(&L, "gw", PK_MQTT_V5);
    L.config.will = (struct pk_mqtt_will){
        .topic = pk_str_of("status"), .payload = pk_str_of("offline"), .qos = 1, .is_retained = true};
    L.config.session_expiry_s = 0;
    REQUIRE(link_open(&L, B.port));
    const pid_t sub = mosquitto_sub(&B, "status", "1", "%p");
    link_close(&L); /* no DISCONNECT */
    CHECK_STR(sub_lines(&B, 1), "offline\n");
    link_end_process(sub);
    const pid_t late = mosquitto_sub(&B, "status", "1", "late %r %p");
    CHECK_STR(sub_lines(&B, 2), "offline\nlate 1 offline\n");
    link_end_process(late);
    broker_stop(&B);
}

PK_TEST(session__unacknowledged_message__comes_again_with_dup) {
    BEGIN("");
    link_init(&L, "gw", PK_MQTT_V5);
    REQUIRE(link_open(&L, B.port));
    REQUIRE(link_subscribe(&L, "in/#", 1));
    L.is_refusing_to_ack = true;
    char *arguments[] = {"-t", "in/a", "-q", "1", "-m", "once", NULL};
    CHECK(mosquitto_pub(&B, arguments));
    CHECK(link_until(&L, &L.messages, 1));
    const uint32_t handle = L.last.u.message.handle;
    link_close(&L);
    CHECK_EQ_INT(pk_mqtt_ack(&L.client, handle, PK_MQTT_SUCCESS), PK_E_STALE);
    L.is_refusing_to_ack = false;
    REQUIRE(link_open(&L, B.port));
    CHECK(L.is_session_present);
    CHECK(link_until(&L, &L.messages, 2));
    CHECK(L.last.u.message.is_dup);
    CHECK_STR(L.message, "once");
    link_leave(&L);
    REQUIRE(link_open(&L, B.port));
    for (int i = 0; i < 20; i++) {
        link_turn(&L, 10);
    }
    CHECK_EQ_INT(L.messages, 2); /* acknowledged now: not a third time */
    link_leave(&L);
    broker_stop(&B);
}

static void send_numbers(struct link *l, int *next, int count) {
    uint64_t token = 0;
    char payload[16] = "";
    struct pk_mqtt_publish m = link_message("n", payload, 1);
    while (pk_mqtt_resend_peek(&l->client, &token)) {
        m.payload_bytes = (uint32_t)snprintf(payload, sizeof payload, "%u", (unsigned)token);
        if (pk_mqtt_resend(&l->client, &m, token) != PK_OK) {
            return;
        }
    }
    while (*next < count) {
        m.payload_bytes = (uint32_t)snprintf(payload, sizeof payload, "%d", *next);
        if (pk_mqtt_publish(&l->client, &m, (uint64_t)*next) != PK_OK) {
            return;
        }
        ++*next;
    }
}

/* The broker dies in the middle, with and without its memory; what was not acknowledged must arrive after. */
static void check_broker_killed(int signal) {
    enum { COUNT = 2000 };
    static struct link peer;
    int next = 0, restarts = 0;
    link_init(&L, "gw", PK_MQTT_V5);
    link_init(&peer, "peer", PK_MQTT_V5);
    CHECK(link_open(&L, B.port) && link_open(&peer, B.port) && link_subscribe(&peer, "n", 1));
    for (const uint64_t end_ms = link_now_ms() + 60000; L.done < COUNT && link_now_ms() < end_ms;) {
        send_numbers(&L, &next, COUNT);
        link_turn(&L, 1);
        link_turn(&peer, 0);
        if (L.done > (restarts + 1) * COUNT / 4 && restarts < 3) {
            restarts++;
            send_numbers(&L, &next, COUNT);
            link_write(&L);
            broker_kill(&B, signal);
            link_close(&L);
            link_close(&peer);
            CHECK(broker_run(&B) && link_open(&peer, B.port) && link_subscribe(&peer, "n", 1) &&
                  link_open(&L, B.port));
        }
    }
    CHECK_EQ_INT(restarts, 3);
    CHECK(L.done >= COUNT);
    CHECK_EQ_INT(pk_mqtt_inflight_count(&L.client), 0);
    static bool seen[COUNT];
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < L.done && i < LINK_TOKENS_MAX; i++) {
        seen[L.done_tokens[i]] = true;
    }
    int missing = 0;
    for (int i = 0; i < COUNT; i++) {
        missing += !seen[i];
    }
    CHECK_EQ_INT(missing, 0);
    link_leave(&L);
    link_leave(&peer);
}

PK_TEST(session__broker_killed_between_publish_and_puback__every_message_is_acknowledged) {
    BEGIN("persistence true");
    check_broker_killed(SIGKILL);
    broker_stop(&B);
}

PK_TEST(session__broker_restarted_with_its_database__every_message_is_acknowledged) {
    BEGIN("persistence true");
    check_broker_killed(SIGTERM);
    broker_stop(&B);
}

PK_TEST(limits__of_the_server__are_kept) {
    BEGIN(
        "max_packet_size 2000\nmax_keepalive 10\nmax_inflight_messages 3\nmax_qos 1\nretain_available false");
    link_init(&L, "gw", PK_MQTT_V5);
    REQUIRE(link_open(&L, B.port));
    CHECK_EQ_INT(L.client.limits.keep_alive_s, 10);
    CHECK_EQ_U64(L.client.limits.max_packet_bytes, 2000);
    static char big[4000];
    memset(big, 'x', sizeof big - 1);
    struct pk_mqtt_publish m = link_message("a", big, 1);
    CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, 1), PK_E_TOO_BIG);
    m = link_message("a", "x", 2);
    CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, 1), PK_E_UNSUPPORTED);
    m = link_message("a", "x", 1);
    m.is_retained = true;
    CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, 1), PK_E_UNSUPPORTED);
    m.is_retained = false;
    int accepted = 0;
    while (pk_mqtt_publish(&L.client, &m, (uint64_t)accepted) == PK_OK) {
        accepted++;
    }
    CHECK_EQ_INT(accepted, L.client.limits.receive_maximum < 64 ? L.client.limits.receive_maximum : 64);
    CHECK(link_until(&L, &L.done, accepted));
    CHECK_EQ_INT(pk_mqtt_publish(&L.client, &m, 99), PK_OK);
    CHECK(link_until(&L, &L.done, accepted + 1));
    CHECK_EQ_INT(L.disconnected + L.errors, 0);
    link_leave(&L);
    broker_stop(&B);
}

PK_TEST(receive_maximum__ours__bounds_what_is_outstanding) {
    BEGIN("");
    link_init(&L, "gw", PK_MQTT_V5);
    L.config.receive_maximum = 2;
    REQUIRE(link_open(&L, B.port));
    REQUIRE(link_subscribe(&L, "in", 1));
    L.is_refusing_to_ack = true;
    for (int i = 0; i < 5; i++) {
        char *arguments[] = {"-t", "in", "-q", "1", "-m", "x", NULL};
        CHECK(mosquitto_pub(&B, arguments));
    }
    for (int i = 0; i < 20; i++) {
        link_turn(&L, 10);
    }
    CHECK_EQ_INT(L.messages, 2);
    L.is_refusing_to_ack = false;
    CHECK_EQ_INT(pk_mqtt_ack_all(&L.client), 2);
    CHECK(link_until(&L, &L.messages, 5));
    CHECK_EQ_INT(L.errors, 0);
    link_leave(&L);
    broker_stop(&B);
}

/* Mosquitto 2.0.11 sends beyond it when it reads several PUBACKs at once. */
PK_TEST(receive_maximum__passed_by_the_broker__loses_nothing) {
    BEGIN("");
    link_init(&L, "gw", PK_MQTT_V5);
    REQUIRE(link_open(&L, B.port));
    REQUIRE(link_subscribe(&L, "in", 1));
    L.is_refusing_to_ack = true;
    char *arguments[] = {"-t", "in", "-q", "1", "-m", "x", "--repeat", "400", NULL};
    CHECK(mosquitto_pub(&B, arguments));
    for (const uint64_t end_ms = link_now_ms() + LINK_WAIT_MS; L.messages < 400 && link_now_ms() < end_ms;) {
        link_turn(&L, 1);
        (void)pk_mqtt_ack_all(&L.client);
    }
    CHECK_EQ_INT(L.messages, 400);
    CHECK_EQ_INT(L.errors + L.disconnected, 0);
    link_leave(&L);
    broker_stop(&B);
}

PK_TEST(keep_alive__idle_link__lives_by_pings) {
    BEGIN("");
    link_init(&L, "gw", PK_MQTT_V5);
    L.config.keep_alive_s = 4; /* and half as long again: a machine may stop for a while */
    L.config.ping_timeout_ms = 20000;
    REQUIRE(link_open(&L, B.port));
    const uint64_t begin_ms = link_now_ms();
    while (L.client.counters.pings < 3 && L.fd >= 0 && link_now_ms() < begin_ms + LINK_WAIT_MS) {
        const uint64_t deadline = pk_mqtt_next_deadline_ms(&L.client), now = link_now_ms();
        link_turn(&L, deadline > now && deadline - now < 1000 ? (int)(deadline - now) : 1);
    }
    CHECK(pk_mqtt_is_connected(&L.client));
    CHECK(L.client.counters.pings >= 3 && link_now_ms() - begin_ms >= 8000); /* and not all the time */
    link_leave(&L);
    broker_stop(&B);
}

PK_TEST(keep_alive__broker_stopped_in_its_tracks__is_noticed) {
    BEGIN("");
    link_init(&L, "gw", PK_MQTT_V5);
    L.config.keep_alive_s = 1;
    L.config.ping_timeout_ms = 500;
    REQUIRE(link_open(&L, B.port));
    kill(B.pid, SIGSTOP);
    CHECK(link_until(&L, &L.errors, 1));
    CHECK_EQ_INT(L.last_reason, PK_MQTT_KEEP_ALIVE_TIMEOUT);
    CHECK_EQ_INT(L.fd, -1);
    kill(B.pid, SIGCONT);
    broker_stop(&B);
}

/* Mosquitto 2.0.11 closes the older connection without saying why; reason 142 itself is in the unit tests. */
PK_TEST(session__taken_over_by_the_same_client_id__ends_the_older_connection) {
    BEGIN("");
    static struct link other;
    link_init(&L, "gw", PK_MQTT_V5);
    link_init(&other, "gw", PK_MQTT_V5);
    CHECK(link_open(&L, B.port) && link_open(&other, B.port));
    CHECK(other.is_session_present);
    for (const uint64_t end_ms = link_now_ms() + LINK_WAIT_MS; L.fd >= 0 && link_now_ms() < end_ms;) {
        link_turn(&L, 20);
    }
    CHECK_EQ_INT(L.fd, -1);
    CHECK_EQ_INT(L.errors, 0);
    CHECK(other.fd >= 0);
    link_leave(&other);
    broker_stop(&B);
}

PK_TEST(connect__wrong_password__is_refused_by_name) {
    BEGIN("");
    broker_kill(&B, SIGTERM);
    FILE *f = fopen(B.config_path, "w");
    REQUIRE(f != NULL);
    fprintf(f, "listener %u 127.0.0.1\nallow_anonymous false\n", B.port);
    fclose(f);
    REQUIRE(broker_run(&B));
    for (int version = PK_MQTT_V311; version <= PK_MQTT_V5; version++) {
        link_init(&L, "gw", (enum pk_mqtt_version)version);
        L.config.has_username = L.config.has_password = true;
        L.config.username = pk_str_of("u");
        L.config.password = pk_str_of("p");
        L.fd = link_dial(B.port);
        CHECK_EQ_INT(pk_mqtt_start(&L.client, link_now_ms()), PK_OK);
        CHECK(link_until(&L, &L.refused, 1));
        CHECK_EQ_INT(L.last_reason, PK_MQTT_NOT_AUTHORIZED);
        link_close(&L);
    }
    broker_stop(&B);
}

PK_TEST(subscribe__shared__is_split_between_two) {
    BEGIN("");
    static struct link other;
    link_init(&L, "one", PK_MQTT_V5);
    link_init(&other, "two", PK_MQTT_V5);
    REQUIRE(link_open(&L, B.port) && link_open(&other, B.port));
    REQUIRE(link_subscribe(&L, "$share/hub/in/#", 1) && link_subscribe(&other, "$share/hub/in/#", 1));
    for (int i = 0; i < 6; i++) {
        char *arguments[] = {"-t", "in/a", "-q", "1", "-m", "x", NULL};
        CHECK(mosquitto_pub(&B, arguments));
    }
    for (const uint64_t end_ms = link_now_ms() + LINK_WAIT_MS;
         L.messages + other.messages < 6 && link_now_ms() < end_ms;) {
        link_turn(&L, 5);
        link_turn(&other, 5);
    }
    CHECK_EQ_INT(L.messages, 3);
    CHECK_EQ_INT(other.messages, 3);
    const struct pk_str filter = pk_str_of("$share/hub/in/#");
    const int want = L.subscribed + 1;
    CHECK_EQ_INT(pk_mqtt_unsubscribe(&L.client, &filter, 1, 2), PK_OK);
    CHECK(link_until(&L, &L.subscribed, want));
    CHECK_EQ_INT(L.last_code, PK_MQTT_SUCCESS);
    link_leave(&L);
    link_leave(&other);
    broker_stop(&B);
}

PK_TEST_MAIN(publish__each_qos__reaches_mosquitto_sub, publish__each_qos_with_311__reaches_mosquitto_sub,
             publish__properties__arrive_as_they_are, publish__topic_aliases__arrive_under_their_topics,
             subscribe__each_qos__delivers_from_mosquitto_pub,
             subscribe__each_qos_with_311__delivers_from_mosquitto_pub, subscribe__properties__are_read,
             will__connection_cut__is_published_and_retained,
             session__unacknowledged_message__comes_again_with_dup,
             session__broker_killed_between_publish_and_puback__every_message_is_acknowledged,
             session__broker_restarted_with_its_database__every_message_is_acknowledged,
             limits__of_the_server__are_kept, receive_maximum__ours__bounds_what_is_outstanding,
             receive_maximum__passed_by_the_broker__loses_nothing, keep_alive__idle_link__lives_by_pings,
             keep_alive__broker_stopped_in_its_tracks__is_noticed,
             session__taken_over_by_the_same_client_id__ends_the_older_connection,
             connect__wrong_password__is_refused_by_name, subscribe__shared__is_split_between_two)
