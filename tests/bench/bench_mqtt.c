/* Throughput of the MQTT client with Mosquitto, beside a minimal libmosquitto client and a bare socket doing
 * the same in the same run. tests/bench/bench_mqtt.sh builds it, starts the broker and runs it: bench_mqtt
 * PORT MESSAGES TLS_PORT CA.
 *
 * Subscriber: a bare socket publishes in large writes, never more than AHEAD_MAX in front of what the
 * subscriber has seen, so nothing is lost at QoS 0. Publisher: nobody subscribes; the time is until the
 * PUBACK of a last message of QoS 1. All speak 5.0, plain TCP, 128 bytes a message, 1,000 in flight. Each row
 * is the median of ROUNDS rounds in which the three take turns. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <mosquitto.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "mqtt/pk_mqtt_client.h"
#include "port/linux/pk_linux.h"
#include "port/mbedtls/pk_tls.h"

enum { ROUNDS = 7, PAYLOAD_BYTES = 128, FLIGHT_MAX = 1000, AHEAD_MAX = 4000, BUFFER_BYTES = 1 << 16 };
enum who { OURS, LIBMOSQUITTO, BARE, WHO_COUNT, OURS_TLS = WHO_COUNT };
/* The QoS is the last bit. */
enum what {
    SUBSCRIBE_0,
    SUBSCRIBE_1,
    SUBSCRIBE_LOOP_0,
    SUBSCRIBE_LOOP_1,
    PUBLISH_0,
    PUBLISH_1,
    PUBLISH_LOOP_0,
    PUBLISH_LOOP_1,
    WHAT_COUNT
};

static const char *const WHO[] = {"ours", "libmosquitto", "bare socket"};
static const char *const WHAT[] = {"subscriber QoS 0",
                                   "subscriber QoS 1",
                                   "subscriber QoS 0, the product's loop",
                                   "subscriber QoS 1, the product's loop",
                                   "publisher QoS 0",
                                   "publisher QoS 1",
                                   "publisher QoS 0, the product's loop",
                                   "publisher QoS 1, the product's loop"};

static bool subscribes(enum what what) {
    return what <= SUBSCRIBE_LOOP_1;
}

/* With port/linux/loop.c, which rests in a flood: waking a reader that sleeps costs the broker more than a
 * message does. The other rows poll. */
static bool is_looping(enum what what) {
    return what == SUBSCRIBE_LOOP_0 || what == SUBSCRIBE_LOOP_1 || what >= PUBLISH_LOOP_0;
}

/* Between the processes of one run. */
struct shared {
    volatile uint64_t seen; /* messages the subscriber got */
    volatile int is_ready;
};

static struct shared *shared;
static uint16_t port, tls_port;
static const char *ca_path; /* of the broker's TLS listener */
static uint64_t total;
static char payload[PAYLOAD_BYTES];

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static _Noreturn void die(const char *what) {
    fprintf(stderr, "bench_mqtt: %s\n", what);
    _exit(2);
}

_Noreturn void pk_panic(const char *file, int line) {
    (void)file, (void)line;
    die("an assertion failed");
}

static int dial(uint16_t to) {
    const struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(to), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) != 0) {
        die("no broker");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void write_all(int fd, const void *p, size_t n) {
    for (size_t at = 0; at < n;) {
        const ssize_t sent = send(fd, (const char *)p + at, n - at, MSG_NOSIGNAL);
        if (sent <= 0) {
            die("connection lost");
        }
        at += (size_t)sent;
    }
}

/* Publishers stay close enough in front of the subscriber. */
static bool may_publish(uint64_t next, bool has_subscriber) {
    return next < total && (!has_subscriber || next < shared->seen + AHEAD_MAX);
}

/* ---- ours ---- */

struct ours {
    bool is_tls;
    struct pk_tls tls;
    struct pk_mqtt_client client;
    struct pk_mqtt_config config;
    uint8_t rx[BUFFER_BYTES], tx[BUFFER_BYTES];
    struct pk_mqtt_out_slot out[FLIGHT_MAX];
    struct pk_mqtt_in_slot in[FLIGHT_MAX];
    int fd;
    bool is_looping;
    struct pk_linux_loop loop;
    struct pk_port_loop waiter;
    struct pk_fd socket; /* of the loop */
    uint64_t published;
    bool is_connected, is_subscribed;
};

static struct ours o;

static int raw_send(void *ctx, const void *p, uint32_t n) {
    (void)ctx;
    if (o.is_looping) {
        return pk_linux_fd_send(&o.loop, &o.socket, p, n);
    }
    const ssize_t sent = send(o.fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent >= 0 ? (int)sent : 0;
}

static int raw_recv(void *ctx, void *out, uint32_t cap_bytes) {
    (void)ctx;
    if (o.is_looping) {
        return pk_linux_fd_recv(&o.socket, out, cap_bytes);
    }
    const ssize_t n = recv(o.fd, out, cap_bytes, MSG_DONTWAIT);
    return n > 0 ? (int)n : (n == 0 ? PK_E_CLOSED : 0);
}

static int64_t wall_ms(void *ctx, bool *is_synced) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    (void)ctx;
    *is_synced = true;
    return (int64_t)t.tv_sec * 1000;
}

static int fill_random(void *ctx, void *out, uint32_t n) {
    (void)ctx;
    return getrandom(out, n, 0) == (ssize_t)n ? PK_OK : PK_E_IO;
}

static void wait_for(short events, int wait_ms) {
    struct pollfd pfd = {.fd = o.fd, .events = events};
    if (o.is_looping) {
        (void)o.waiter.wait(o.waiter.ctx, pk_linux_mono_us() / 1000u + (uint64_t)wait_ms);
    } else {
        (void)poll(&pfd, 1, wait_ms);
    }
}

static void ours_secure(void) {
    static struct pk_port_entropy entropy;
    static struct pk_port_clock clock;
    static struct pk_crypto crypto;
    static char ca[8192];
    struct pk_port_crypto unused;
    FILE *f = fopen(ca_path, "r");
    const size_t n = f != NULL ? fread(ca, 1, sizeof ca - 1, f) : 0;
    entropy.fill = fill_random;
    clock.wall_ms = wall_ms;
    pk_crypto_open(&crypto, &entropy, NULL, &unused);
    if (pk_tls_library_open(&entropy, &clock) != PK_OK) {
        die("TLS library");
    }
    pk_tls_init(&o.tls, &crypto, (struct pk_tls_io){.send = raw_send, .recv = raw_recv});
    const struct pk_tls_config config = {.ca = pk_str_make(ca, n)};
    int err = pk_tls_set(&o.tls, &config);
    err = err == PK_OK ? pk_tls_begin(&o.tls, "localhost") : err;
    while (err == PK_OK && (err = pk_tls_step(&o.tls)) != PK_OK) {
        if (err != PK_E_AGAIN && err != PK_E_BUSY) {
            die(o.tls.error);
        }
        wait_for(err == PK_E_AGAIN ? POLLIN : POLLOUT, 1000);
        err = PK_OK;
    }
}

static void tls_write_all(const uint8_t *p, uint32_t n) {
    while (n > 0) {
        const int sent = pk_tls_send(&o.tls, p, n);
        if (sent < 0) {
            die(o.tls.error);
        }
        p += sent;
        n -= (uint32_t)sent;
        if (sent == 0) {
            wait_for(POLLOUT, 1000);
        }
    }
    while (pk_tls_flush(&o.tls) == PK_E_AGAIN) {
        wait_for(POLLOUT, 1000);
    }
}

static void ours_write(void) {
    const uint8_t *p;
    const uint32_t n = pk_mqtt_output(&o.client, &p);
    if (n > 0) {
        o.is_tls ? tls_write_all(p, n) : write_all(o.fd, p, n);
        pk_mqtt_output_done(&o.client, n, now_ns() / 1000000u);
    }
}

static uint32_t ours_read(int wait_ms) {
    uint32_t cap = 0;
    if (!o.is_tls || !pk_tls_has_more(&o.tls)) {
        wait_for(POLLIN, wait_ms);
    }
    uint8_t *space = pk_mqtt_rx_space(&o.client, &cap);
    const int n = o.is_tls ? pk_tls_recv(&o.tls, space, cap) : raw_recv(NULL, space, cap);
    if (n < 0) {
        die("connection lost");
    }
    return (uint32_t)n;
}

static void ours_turn(int wait_ms) {
    ours_write();
    const uint32_t n = ours_read(wait_ms);
    if (n > 0) {
        pk_mqtt_rx_done(&o.client, n, now_ns() / 1000000u);
    }
    struct pk_mqtt_event e;
    uint64_t seen = shared->seen;
    while (pk_mqtt_next(&o.client, &e)) {
        if (e.kind == PK_MQTT_EV_MESSAGE) {
            seen++;
            (void)pk_mqtt_ack(&o.client, e.u.message.handle, PK_MQTT_SUCCESS);
        } else if (e.kind == PK_MQTT_EV_PUBLISHED) {
            o.published++;
        } else if (e.kind == PK_MQTT_EV_CONNECTED) {
            o.is_connected = true;
        } else if (e.kind == PK_MQTT_EV_SUBSCRIBED) {
            o.is_subscribed = true;
        } else {
            die("refused");
        }
    }
    shared->seen = seen;
    ours_write();
}

static void ours_connect(void) {
    o.config = (struct pk_mqtt_config){.version = PK_MQTT_V5,
                                       .client_id = pk_str_of("ours"),
                                       .clean_start = true,
                                       .keep_alive_s = 60,
                                       .connect_timeout_ms = 5000};
    const struct pk_mqtt_memory memory = {o.rx,       sizeof o.rx, o.tx,       sizeof o.tx, o.out,
                                          FLIGHT_MAX, o.in,        FLIGHT_MAX, NULL,        0};
    pk_mqtt_init(&o.client, &o.config, &memory);
    o.fd = dial(o.is_tls ? tls_port : port);
    if (o.is_looping && (pk_linux_loop_open(&o.loop, &o.waiter) != PK_OK ||
                         pk_linux_loop_add(&o.loop, &o.socket, o.fd, true) != PK_OK)) {
        die("loop");
    }
    if (o.is_tls) {
        ours_secure();
    }
    if (pk_mqtt_start(&o.client, now_ns() / 1000000u) != PK_OK) {
        die("start");
    }
    ours_turn(0);
    while (!o.is_connected) {
        ours_turn(100);
    }
}

static void ours_subscribe(uint8_t qos) {
    const struct pk_mqtt_filter f = {.filter = pk_str_of("b"), .qos = qos};
    ours_connect();
    if (pk_mqtt_subscribe(&o.client, &f, 1, 0, 0) != PK_OK) {
        die("subscribe");
    }
    while (!o.is_subscribed) {
        ours_turn(0);
    }
    shared->is_ready = 1;
    while (shared->seen < total) {
        ours_turn(1000);
    }
}

static void ours_publish(uint8_t qos) {
    struct pk_mqtt_publish m = {
        .topic = pk_str_of("b"), .payload = payload, .payload_bytes = PAYLOAD_BYTES, .qos = qos};
    uint64_t next = 0;
    ours_connect();
    shared->is_ready = 1;
    while (next < total || (qos > 0 && o.published < total)) {
        while (next < total && pk_mqtt_publish(&o.client, &m, next) == PK_OK) {
            next++;
        }
        ours_turn(qos == 0 ? 0 : 1000);
    }
    m.qos = 1; /* the broker has taken all before it when it answers this */
    const uint64_t last = o.published;
    if (pk_mqtt_publish(&o.client, &m, next) != PK_OK) {
        die("publish");
    }
    ours_turn(0);
    while (o.published == last) {
        ours_turn(1000);
    }
}

/* ---- libmosquitto ---- */

static volatile bool is_lib_connected;
static volatile uint64_t lib_published;

static void on_connect(struct mosquitto *m, void *context, int result) {
    (void)m, (void)context;
    is_lib_connected = result == 0;
}

static void on_subscribe(struct mosquitto *m, void *context, int id, int count, const int *granted) {
    (void)m, (void)context, (void)id, (void)count, (void)granted;
    shared->is_ready = 1;
}

static void on_message(struct mosquitto *m, void *context, const struct mosquitto_message *message) {
    (void)m, (void)context, (void)message;
    shared->seen++;
}

static void on_publish(struct mosquitto *m, void *context, int id) {
    (void)m, (void)context, (void)id;
    lib_published++;
}

static struct mosquitto *lib_connect(void) {
    mosquitto_lib_init();
    struct mosquitto *m = mosquitto_new("lib", true, NULL);
    mosquitto_connect_callback_set(m, on_connect);
    mosquitto_subscribe_callback_set(m, on_subscribe);
    mosquitto_message_callback_set(m, on_message);
    mosquitto_publish_callback_set(m, on_publish);
    mosquitto_int_option(m, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(m, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_int_option(m, MOSQ_OPT_RECEIVE_MAXIMUM, FLIGHT_MAX);
    mosquitto_int_option(m, MOSQ_OPT_SEND_MAXIMUM, FLIGHT_MAX);
    if (mosquitto_connect(m, "127.0.0.1", port, 60) != MOSQ_ERR_SUCCESS) {
        die("no broker");
    }
    while (!is_lib_connected) {
        (void)mosquitto_loop(m, 100, 1);
    }
    return m;
}

static void lib_subscribe(uint8_t qos) {
    struct mosquitto *m = lib_connect();
    mosquitto_subscribe(m, NULL, "b", qos);
    while (shared->seen < total) {
        if (mosquitto_loop(m, 1000, 1000) != MOSQ_ERR_SUCCESS) {
            die("connection lost");
        }
    }
}

static void lib_publish(uint8_t qos) {
    struct mosquitto *m = lib_connect();
    uint64_t next = 0;
    shared->is_ready = 1;
    while (lib_published < total + 1) {
        while (next < total + 1 && next - lib_published < FLIGHT_MAX && !mosquitto_want_write(m)) {
            if (mosquitto_publish(m, NULL, "b", PAYLOAD_BYTES, payload, next < total ? qos : 1, false) !=
                MOSQ_ERR_SUCCESS) {
                die("publish");
            }
            next++;
        }
        const bool waits = next - lib_published >= FLIGHT_MAX || next == total + 1;
        if (mosquitto_loop(m, waits ? 1000 : 0, 1000) != MOSQ_ERR_SUCCESS) {
            die("connection lost");
        }
    }
}

/* ---- a bare socket: what the broker can do when the client is no limit ---- */

static uint8_t bare_in[BUFFER_BYTES], bare_out[BUFFER_BYTES];
static uint32_t bare_have;
static uint64_t bare_acked;

static int bare_connect(const char *id) {
    uint8_t p[64] = {
        0x10, 0, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 3, 0x21, FLIGHT_MAX >> 8, FLIGHT_MAX & 0xFF, 0, 0};
    const size_t n = strlen(id);
    p[17] = (uint8_t)n;
    memcpy(p + 18, id, n);
    p[1] = (uint8_t)(16 + n);
    const int fd = dial(port);
    write_all(fd, p, 18 + n);
    uint8_t head[2], rest[128];
    if (recv(fd, head, 2, MSG_WAITALL) != 2 || recv(fd, rest, head[1], MSG_WAITALL) != head[1] ||
        rest[1] != 0) {
        die("refused");
    }
    return fd;
}

/* One read; answers each PUBLISH, counts each PUBACK. */
static void bare_turn(int fd, int wait_ms) {
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    if (poll(&pfd, 1, wait_ms) <= 0) {
        return;
    }
    const ssize_t n = recv(fd, bare_in + bare_have, sizeof bare_in - bare_have, 0);
    if (n <= 0) {
        die("connection lost");
    }
    bare_have += (uint32_t)n;
    uint32_t at = 0, out = 0;
    uint64_t seen = 0;
    while (bare_have - at >= 3) {
        const uint8_t *p = bare_in + at;
        const uint32_t header = (p[1] & 0x80) != 0 ? 3 : 2;
        const uint32_t body = (p[1] & 0x7Fu) | (header == 3 ? (uint32_t)p[2] << 7 : 0);
        if (bare_have - at < header + body) {
            break;
        }
        if (p[0] >> 4 == 3) {
            seen++;
            if ((p[0] & 6) != 0) {
                memcpy(bare_out + out, (const uint8_t[]){0x40, 2, p[header + 3], p[header + 4]}, 4);
                out += 4;
            }
        }
        bare_acked += p[0] >> 4 == 4;
        shared->is_ready = shared->is_ready || p[0] >> 4 == 9;
        at += header + body;
    }
    memmove(bare_in, bare_in + at, bare_have -= at);
    if (seen > 0) { /* the subscriber's alone */
        shared->seen += seen;
    }
    write_all(fd, bare_out, out);
}

static void bare_subscribe(uint8_t qos) {
    const int fd = bare_connect("bare-sub");
    write_all(fd, (const uint8_t[]){0x82, 7, 0, 1, 0, 0, 1, 'b', qos}, 9);
    while (shared->seen < total) {
        bare_turn(fd, 1000);
    }
}

static uint32_t bare_message(uint8_t *p, uint8_t qos, uint64_t number) {
    const uint32_t body = 3u + (qos > 0 ? 2u : 0u) + 1u + PAYLOAD_BYTES;
    const uint16_t id = (uint16_t)(number % 60000 + 1);
    const uint8_t head[] = {
        (uint8_t)(0x30 | qos << 1), (uint8_t)(0x80 | (body & 0x7F)), (uint8_t)(body >> 7), 0, 1, 'b'};
    uint32_t n = sizeof head;
    memcpy(p, head, sizeof head);
    if (qos > 0) {
        p[n++] = (uint8_t)(id >> 8);
        p[n++] = (uint8_t)id;
    }
    p[n++] = 0;
    memcpy(p + n, payload, PAYLOAD_BYTES);
    return n + PAYLOAD_BYTES;
}

static void bare_publish(uint8_t qos, bool has_subscriber) {
    const int fd = bare_connect("bare-pub");
    uint64_t next = 0;
    shared->is_ready = has_subscriber ? shared->is_ready : 1;
    while (next < total || (qos > 0 && bare_acked < total)) {
        uint32_t n = 0;
        while (n + 256 < sizeof bare_out && may_publish(next, has_subscriber) &&
               (qos == 0 || next - bare_acked < FLIGHT_MAX)) {
            n += bare_message(bare_out + n, qos, next++);
        }
        write_all(fd, bare_out, n);
        if (qos > 0) {
            bare_turn(fd, n > 0 ? 0 : 1);
        } else if (n == 0) {
            usleep(100);
        }
    }
    if (!has_subscriber) {
        const uint64_t last = bare_acked;
        write_all(fd, bare_out, bare_message(bare_out, 1, next));
        while (bare_acked == last) {
            bare_turn(fd, 1000);
        }
    }
}

/* ---- runs ---- */

struct figure {
    double per_s, cpu_us;
};

static void work(enum who who, enum what what) {
    const uint8_t qos = what & 1;
    o.is_tls = who == OURS_TLS;
    o.is_looping = is_looping(what);
    if (who == OURS || who == OURS_TLS) {
        subscribes(what) ? ours_subscribe(qos) : ours_publish(qos);
    } else if (who == LIBMOSQUITTO) {
        subscribes(what) ? lib_subscribe(qos) : lib_publish(qos);
    } else {
        subscribes(what) ? bare_subscribe(qos) : bare_publish(qos, false);
    }
}

static struct figure run(enum who who, enum what what) {
    shared->seen = 0;
    shared->is_ready = 0;
    const pid_t worker = fork();
    if (worker == 0) {
        work(who, what);
        _exit(0);
    }
    while (!shared->is_ready && waitpid(worker, NULL, WNOHANG) == 0) {
        usleep(200);
    }
    const uint64_t began = now_ns();
    pid_t helper = 0;
    if (subscribes(what)) {
        helper = fork();
        if (helper == 0) {
            bare_publish(what & 1, true);
            _exit(0);
        }
    }
    struct rusage usage;
    int status = 0;
    if (wait4(worker, &status, 0, &usage) != worker || status != 0) {
        die("a run failed");
    }
    const double seconds = (double)(now_ns() - began) / 1e9;
    if (helper > 0) {
        waitpid(helper, NULL, 0);
    }
    const double cpu_us = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
                          (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    return (struct figure){(double)total / seconds, cpu_us / (double)total};
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values) {
    double sorted[ROUNDS];
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof sorted[0], compare);
    return sorted[ROUNDS / 2];
}

/* A ratio of the same round, because other rounds had another machine; its median over the rounds. */
static double ratio(struct figure f[][WHO_COUNT], enum who to) {
    double ratios[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        ratios[r] = f[r][OURS].per_s / f[r][to].per_s;
    }
    return median(ratios);
}

/* At least so many times the others, at most so much of the processor; 0: shown, not promised. */
struct bound {
    double to_lib, to_bare, cpu_us;
};

static bool judge(double value, const char *unit, double bound, bool is_most) {
    const bool is_kept = bound <= 0 || (is_most ? value <= bound : value >= bound);
    printf(" %.2f %s", value, unit);
    if (bound > 0) {
        printf(" (at %s %.2f%s)", is_most ? "most" : "least", bound, is_kept ? "" : ": MISSED");
    }
    return is_kept;
}

static bool report(enum what what, struct bound bound) {
    struct figure f[ROUNDS][WHO_COUNT];
    double cpu[WHO_COUNT][ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        for (int w = 0; w < WHO_COUNT; w++) {
            const int who = (w + r) % WHO_COUNT;
            f[r][who] = run((enum who)who, what);
            cpu[who][r] = f[r][who].cpu_us;
        }
    }
    printf("%s:", WHAT[what]);
    bool is_kept = judge(ratio(f, LIBMOSQUITTO), "x libmosquitto", bound.to_lib, false);
    is_kept = judge(ratio(f, BARE), "x bare socket", bound.to_bare, false) && is_kept;
    is_kept = judge(median(cpu[OURS]), "us of the processor a message", bound.cpu_us, true) && is_kept;
    printf("; %s %.2f us, %s %.2f us\n", WHO[LIBMOSQUITTO], median(cpu[LIBMOSQUITTO]), WHO[BARE],
           median(cpu[BARE]));
    fflush(stdout);
    return is_kept;
}

/* The broker's part of the encryption is in it. */
static bool report_tls(enum what what, double bound) {
    double ratios[ROUNDS], cpu[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        const struct figure plain = run(OURS, what), tls = run(OURS_TLS, what);
        ratios[r] = tls.per_s / plain.per_s;
        cpu[r] = tls.cpu_us;
    }
    const double to_plain = median(ratios);
    printf("%s over TLS: %.2f x plain (at least %.2f)%s; CPU a message: ours %.2f us\n", WHAT[what], to_plain,
           bound, to_plain >= bound ? "" : " MISSED", median(cpu));
    fflush(stdout);
    return to_plain >= bound;
}

int main(int argc, char **argv) {
    if (argc < 5) {
        die("usage: bench_mqtt PORT MESSAGES TLS_PORT CA");
    }
    port = (uint16_t)strtoul(argv[1], NULL, 10);
    total = strtoull(argv[2], NULL, 10);
    tls_port = (uint16_t)strtoul(argv[3], NULL, 10);
    ca_path = argv[4];
    memset(payload, 'x', sizeof payload);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)run(BARE, PUBLISH_0); /* the broker warms up */
    /* What is promised is the client in the product's loop. One that polls is shown beside it. */
    static const struct bound BOUND[WHAT_COUNT] = {
        [SUBSCRIBE_LOOP_0] = {.to_lib = 1.0},
        [SUBSCRIBE_LOOP_1] = {.to_lib = 1.5, .to_bare = 0.95, .cpu_us = 4.0},
        [PUBLISH_LOOP_0] = {.to_lib = 1.0},
        [PUBLISH_LOOP_1] = {.to_bare = 0.95}};
    bool is_good = true;
    for (int what = 0; what < WHAT_COUNT; what++) {
        is_good = report((enum what)what, BOUND[what]) && is_good;
    }
    is_good = report_tls(SUBSCRIBE_LOOP_1, 0.85) && is_good;
    is_good = report_tls(PUBLISH_LOOP_1, 0.85) && is_good;
    return is_good ? 0 : 1;
}
