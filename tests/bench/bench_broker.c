/* Drives a program behind an MQTT broker: publishes events to it on bare sockets (3.1.1, several packets a
 * write) and reads what it publishes. Every so many events one is a mark, which the program must report; so
 * it is known how far it has come, and the publisher stays a window ahead of it.
 *     bench_broker PORT flood QOS EVENTS MARK_EVERY FIRST_MARK IN_PREFIX OUT_FILTER
 *     bench_broker PORT delay QOS MARKS RATE FIRST_MARK IN_PREFIX OUT_FILTER
 *     bench_broker PORT bare QOS 1 1 0 - IN_FILTER     the program itself, as bare as can be
 * Topics are IN_PREFIX/source/type, payloads JSON objects of 128 bytes with both of them; a mark is reported
 * by any message whose payload holds "mark-N". */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    KEYS = 5000,
    TYPES = 20,
    PAYLOAD_BYTES = 128,
    PACKET_BYTES_MAX = PAYLOAD_BYTES + 128,
    PACKETS_A_WRITE = 32,
    WINDOW_MARKS = 4, /* ahead of the last one reported */
    INFLIGHT_MAX = 500,
    MARKS_MAX = 1 << 16,
    BUFFER_BYTES = 1 << 18,
    PATIENCE_S = 20
};

struct mqtt {
    int fd;
    uint32_t have;
    uint8_t in[BUFFER_BYTES];
};

static struct mqtt publisher, subscriber;
static uint16_t port;
static unsigned qos;
static uint32_t mark_first, mark_count;
static const char *in_prefix, *out_filter;
static atomic_uint reported, is_subscribed;
static _Atomic uint64_t last_ns;
static uint64_t sent_ns[MARKS_MAX], seen_ns[MARKS_MAX];
static uint8_t out[BUFFER_BYTES];
static uint8_t prepared[KEYS][PACKET_BYTES_MAX];
static uint16_t prepared_bytes[KEYS];

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "bench_broker: %s\n", what);
    exit(1);
}

static void send_all(int fd, const uint8_t *p, size_t n) {
    while (n > 0) {
        const ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            die("the broker closed the connection");
        }
        p += sent;
        n -= (size_t)sent;
    }
}

static size_t put_text(uint8_t *to, const char *text) {
    const size_t n = strlen(text);
    to[0] = (uint8_t)(n >> 8);
    to[1] = (uint8_t)n;
    memcpy(to + 2, text, n);
    return n + 2u;
}

/* Fixed header; returns its length. */
static size_t put_header(uint8_t *to, uint8_t first, size_t body_bytes) {
    size_t n = 0;
    to[n++] = first;
    do {
        to[n++] = (uint8_t)((body_bytes & 127u) | (body_bytes > 127u ? 128u : 0u));
        body_bytes >>= 7;
    } while (body_bytes > 0);
    return n;
}

static void connect_to(struct mqtt *m, const char *client) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    static const uint8_t HEAD[] = {0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0};
    uint8_t body[64];
    uint8_t header[8];
    uint8_t answer[4];
    const int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    m->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (m->fd < 0 || connect(m->fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        die("no broker");
    }
    setsockopt(m->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    memcpy(body, HEAD, sizeof HEAD);
    const size_t n = sizeof HEAD + put_text(body + sizeof HEAD, client);
    send_all(m->fd, header, put_header(header, 0x10, n));
    send_all(m->fd, body, n);
    if (recv(m->fd, answer, sizeof answer, MSG_WAITALL) != sizeof answer || answer[0] != 0x20 ||
        answer[3] != 0) {
        die("the broker refused the connection");
    }
}

/* The next whole packet of what was read: its first byte, body at *body. 0 = none yet. */
static uint8_t next_packet(const struct mqtt *m, uint32_t *at, const uint8_t **body, uint32_t *body_bytes) {
    uint32_t length = 0;
    uint32_t n = *at + 1u;
    for (unsigned shift = 0;; shift += 7u) {
        if (n >= m->have) {
            return 0;
        }
        length |= (uint32_t)(m->in[n] & 127u) << shift;
        if (m->in[n++] < 128u) {
            break;
        }
    }
    if (length > m->have - n) {
        return 0;
    }
    const uint8_t first = m->in[*at];
    *body = m->in + n;
    *body_bytes = length;
    *at = n + length;
    return first;
}

static bool read_some(struct mqtt *m) {
    const ssize_t n = recv(m->fd, m->in + m->have, sizeof m->in - m->have, 0);
    m->have += n > 0 ? (uint32_t)n : 0u;
    return n > 0;
}

static void drop(struct mqtt *m, uint32_t n) {
    m->have -= n;
    memmove(m->in, m->in + n, m->have);
}

/* ---- what comes back ---- */

static void note_mark(const uint8_t *p, uint32_t n) {
    const uint8_t *found = memmem(p, n, "mark-", 5);
    if (found == NULL) {
        return;
    }
    uint32_t number = 0;
    for (found += 5; found < p + n && *found >= '0' && *found <= '9'; found++) {
        number = number * 10u + (uint32_t)(*found - '0');
    }
    if (number < mark_first || number - mark_first >= mark_count || seen_ns[number - mark_first] != 0) {
        return;
    }
    seen_ns[number - mark_first] = now_ns();
    atomic_store(&last_ns, seen_ns[number - mark_first]);
    atomic_fetch_add(&reported, 1u);
}

static void *read_reports(void *unused) {
    uint8_t header[8];
    uint8_t body[256] = {0, 1};
    (void)unused;
    connect_to(&subscriber, "bench-sub");
    size_t n = 2u + put_text(body + 2, out_filter);
    body[n++] = (uint8_t)qos;
    send_all(subscriber.fd, header, put_header(header, 0x82, n));
    send_all(subscriber.fd, body, n);
    while (read_some(&subscriber)) {
        const uint8_t *packet = NULL;
        uint32_t bytes = 0;
        uint32_t at = 0;
        uint8_t first = 0;
        while ((first = next_packet(&subscriber, &at, &packet, &bytes)) != 0) {
            const uint32_t topic_bytes = (uint32_t)packet[0] << 8 | packet[1];
            if (first >> 4 == 9) {
                atomic_store(&is_subscribed, 1u);
            }
            if (first >> 4 != 3) {
                continue;
            }
            note_mark(packet, bytes);
            if ((first & 6) != 0) {
                const uint8_t ack[] = {0x40, 2, packet[topic_bytes + 2u], packet[topic_bytes + 3u]};
                send_all(subscriber.fd, ack, sizeof ack);
            }
        }
        drop(&subscriber, at);
    }
    return NULL;
}

/* The least a program can do: reads everything, reports the marks it finds. What the broker can do at most.
 */
static void read_bare(void) {
    uint8_t header[8];
    uint8_t body[256] = {0, 1};
    connect_to(&subscriber, "bare");
    size_t n = 2u + put_text(body + 2, out_filter);
    body[n++] = (uint8_t)qos;
    send_all(subscriber.fd, header, put_header(header, 0x82, n));
    send_all(subscriber.fd, body, n);
    uint16_t packet_id = 0;
    while (read_some(&subscriber)) {
        const uint8_t *packet = NULL;
        uint32_t bytes = 0;
        uint32_t at = 0;
        uint8_t first = 0;
        size_t filled = 0;
        while ((first = next_packet(&subscriber, &at, &packet, &bytes)) != 0) {
            const uint32_t topic_bytes = (uint32_t)packet[0] << 8 | packet[1];
            if (first >> 4 != 3) {
                continue;
            }
            if ((first & 6) != 0) {
                const uint8_t ack[] = {0x40, 2, packet[topic_bytes + 2u], packet[topic_bytes + 3u]};
                memcpy(out + filled, ack, sizeof ack);
                filled += sizeof ack;
            }
            const uint8_t *mark = packet[topic_bytes + 1u] == 'K' ? memmem(packet, bytes, "mark-", 5) : NULL;
            if (mark != NULL) {
                const size_t id_bytes = qos > 0 ? 2u : 0u;
                filled += put_header(out + filled, (uint8_t)(0x30u | qos << 1), 5u + id_bytes + 12u);
                filled += put_text(out + filled, "inc");
                packet_id = (uint16_t)(packet_id % 65000u + 1u);
                out[filled] = (uint8_t)(packet_id >> 8);
                out[filled + 1u] = (uint8_t)packet_id;
                filled += id_bytes;
                memcpy(out + filled, mark, 12);
                filled += 12u;
            }
        }
        drop(&subscriber, at);
        send_all(subscriber.fd, out, filled);
    }
}

/* ---- what goes ---- */

static size_t put_text_event(uint8_t *to, uint32_t key, bool is_mark, uint32_t mark, uint16_t packet_id) {
    char topic[96];
    char payload[PAYLOAD_BYTES + 1];
    int n = 0;
    if (is_mark) {
        snprintf(topic, sizeof topic, "%s/bench/MARK", in_prefix);
        n = snprintf(
            payload, sizeof payload,
            "{\"type\":\"MARK\",\"source\":\"bench\",\"metadata\":{\"mark\":\"mark-%u\"},\"message\":\"",
            mark);
    } else {
        snprintf(topic, sizeof topic, "%s/s%04u/ET%02u", in_prefix, key / TYPES, key % TYPES);
        n = snprintf(payload, sizeof payload,
                     "{\"type\":\"ET%02u\",\"source\":\"s%04u\",\"value\":%u.5,\"message\":\"", key % TYPES,
                     key / TYPES, key % 100u);
    }
    memset(payload + n, 'x', (size_t)(PAYLOAD_BYTES - 2 - n));
    memcpy(payload + PAYLOAD_BYTES - 2, "\"}", 2);
    const size_t body = strlen(topic) + 2u + (qos > 0 ? 2u : 0u) + PAYLOAD_BYTES;
    size_t at = put_header(to, (uint8_t)(0x30u | qos << 1), body);
    at += put_text(to + at, topic);
    if (qos > 0) {
        to[at++] = (uint8_t)(packet_id >> 8);
        to[at++] = (uint8_t)packet_id;
    }
    memcpy(to + at, payload, PAYLOAD_BYTES);
    return at + PAYLOAD_BYTES;
}

/* The packets of all keys are made before: the publisher shares the machine with what is measured. */
static void prepare_events(void) {
    for (uint32_t key = 0; key < KEYS; key++) {
        prepared_bytes[key] = (uint16_t)put_text_event(prepared[key], key, false, 0, 0);
    }
}

static size_t put_event(uint8_t *to, uint64_t i, bool is_mark, uint32_t mark, uint16_t packet_id) {
    const uint32_t key = (uint32_t)(i * 7919u % KEYS);
    if (is_mark) {
        return put_text_event(to, key, true, mark, packet_id);
    }
    const size_t n = prepared_bytes[key];
    memcpy(to, prepared[key], n);
    if (qos > 0) {
        to[n - PAYLOAD_BYTES - 2u] = (uint8_t)(packet_id >> 8);
        to[n - PAYLOAD_BYTES - 1u] = (uint8_t)packet_id;
    }
    return n;
}

static uint64_t take_acks(int wait_ms) {
    struct pollfd p = {publisher.fd, POLLIN, 0};
    uint64_t count = 0;
    if (poll(&p, 1, wait_ms) <= 0) {
        return 0;
    }
    if (!read_some(&publisher)) {
        die("the broker closed the connection");
    }
    const uint8_t *body = NULL;
    uint32_t bytes = 0;
    uint32_t at = 0;
    uint8_t first = 0;
    while ((first = next_packet(&publisher, &at, &body, &bytes)) != 0) {
        count += first >> 4 == 4 ? 1u : 0u;
    }
    drop(&publisher, at);
    return count;
}

static void flood(uint64_t events, uint32_t every) {
    const uint64_t start_ns = now_ns();
    uint64_t acked = 0;
    uint64_t i = 0;
    uint32_t marks = 0;
    uint64_t moved_ns = start_ns;
    while (i < events) {
        size_t n = 0;
        for (unsigned k = 0; k < PACKETS_A_WRITE && i < events && (qos == 0 || i - acked < INFLIGHT_MAX) &&
                             marks < atomic_load(&reported) + WINDOW_MARKS;
             k++, i++) {
            const bool is_mark = i % every == every - 1u;
            n += put_event(out + n, i, is_mark, mark_first + marks, (uint16_t)(i % 65000u + 1u));
            if (is_mark) {
                sent_ns[marks++] = now_ns();
            }
        }
        send_all(publisher.fd, out, n);
        const uint64_t more = qos > 0 ? take_acks(n > 0 ? 0 : 1) : 0;
        acked += more;
        if (n == 0 && more == 0 && qos == 0) {
            usleep(100);
        }
        moved_ns = n > 0 ? now_ns() : moved_ns;
        if (now_ns() - moved_ns > (uint64_t)PATIENCE_S * 1000000000u) {
            die("stalled");
        }
    }
    const uint64_t end_ns = now_ns();
    while (atomic_load(&reported) < mark_count && now_ns() - end_ns < (uint64_t)PATIENCE_S * 1000000000u) {
        usleep(500);
    }
    const double seconds = (double)(atomic_load(&last_ns) - start_ns) / 1e9;
    printf("events=%llu marks=%u reported=%u seconds=%.3f events_per_s=%.0f\n", (unsigned long long)events,
           mark_count, atomic_load(&reported), seconds, (double)events / seconds);
}

static int by_size(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static void delay(uint32_t rate) {
    enum { EVENTS_A_MARK = 10 };
    static uint64_t took[MARKS_MAX];
    uint64_t next_ns = now_ns();
    uint32_t n = 0;
    uint64_t id = 0;
    for (uint32_t mark = 0; mark < mark_count; mark++) {
        for (unsigned k = 0; k < EVENTS_A_MARK; k++, id++) {
            next_ns += 1000000000u / rate;
            while (now_ns() < next_ns) {
                const uint64_t left = next_ns - now_ns();
                struct timespec t = {0, (long)(left < 1000000000u ? left : 999999999u)};
                nanosleep(&t, NULL);
            }
            const bool is_mark = k == EVENTS_A_MARK - 1u;
            const size_t bytes = put_event(out, id, is_mark, mark_first + mark, (uint16_t)(id % 65000u + 1u));
            sent_ns[mark] = now_ns();
            send_all(publisher.fd, out, bytes);
            (void)take_acks(0);
        }
    }
    for (unsigned i = 0; i < 5000u && atomic_load(&reported) < mark_count; i++) {
        usleep(1000);
    }
    for (uint32_t i = mark_count / 20u; i < mark_count; i++) { /* the first are warming up */
        if (seen_ns[i] != 0) {
            took[n++] = seen_ns[i] - sent_ns[i];
        }
    }
    if (n == 0) {
        die("nothing was reported");
    }
    qsort(took, n, sizeof took[0], by_size);
    printf("marks=%u reported=%u p50_us=%.0f p90_us=%.0f p99_us=%.0f max_us=%.0f\n", mark_count,
           atomic_load(&reported), (double)took[n / 2u] / 1e3, (double)took[n * 9u / 10u] / 1e3,
           (double)took[n * 99u / 100u] / 1e3, (double)took[n - 1u] / 1e3);
}

int main(int argc, char **argv) {
    pthread_t reader;
    if (argc != 9) {
        die("usage: see the top of bench_broker.c");
    }
    const bool is_flood = strcmp(argv[2], "flood") == 0;
    const uint64_t count = strtoull(argv[4], NULL, 10);
    const uint32_t rate = (uint32_t)strtoul(argv[5], NULL, 10);
    port = (uint16_t)atoi(argv[1]);
    qos = (unsigned)atoi(argv[3]);
    mark_first = (uint32_t)strtoul(argv[6], NULL, 10);
    mark_count = (uint32_t)(is_flood ? count / rate : count);
    in_prefix = argv[7];
    out_filter = argv[8];
    if (strcmp(argv[2], "bare") == 0) {
        read_bare();
        return 0;
    }
    if (mark_count == 0 || mark_count > MARKS_MAX || rate == 0) {
        die("marks: 1 to 65536");
    }
    prepare_events();
    connect_to(&publisher, "bench-pub");
    if (pthread_create(&reader, NULL, read_reports, NULL) != 0) {
        die("no thread");
    }
    while (atomic_load(&is_subscribed) == 0) {
        usleep(1000);
    }
    if (is_flood) {
        flood(count, rate);
    } else {
        delay(rate);
    }
    return atomic_load(&reported) == mark_count ? 0 : 1;
}
