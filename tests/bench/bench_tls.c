/* How long a tick can be kept by TLS: handshakes of the product's client with a real server, each step
 * measured on the processor of this process, with the server's certificate checked and our own shown.
 * tests/bench/run tls starts the broker: bench_tls PORT CA CERTIFICATE KEY HANDSHAKES. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "port/linux/pk_linux.h"
#include "port/mbedtls/pk_tls.h"

enum { STEP_MAX_US = 5000, PEM_BYTES = 16384, HANDSHAKES_MAX = 1000 };

static int fd = -1;

static _Noreturn void die(const char *what) {
    (void)fprintf(stderr, "bench_tls: %s\n", what);
    exit(2);
}

/* Of this process's processor: what else runs weighs little. */
static uint64_t cpu_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static int raw_send(void *ctx, const void *p, uint32_t n) {
    (void)ctx;
    const ssize_t sent = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent >= 0 ? (int)sent : 0;
}

static int raw_recv(void *ctx, void *out, uint32_t cap_bytes) {
    (void)ctx;
    const ssize_t n = recv(fd, out, cap_bytes, MSG_DONTWAIT);
    return n > 0 ? (int)n : (n == 0 ? PK_E_CLOSED : 0);
}

static struct pk_str pem(const char *path, char *out) {
    FILE *f = fopen(path, "r");
    const size_t n = f != NULL ? fread(out, 1, PEM_BYTES - 1, f) : 0;
    if (n == 0 || fclose(f) != 0) {
        die(path);
    }
    return pk_str_make(out, (uint32_t)n);
}

static void dial(const char *port) {
    const struct sockaddr_in a = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof a) != 0) {
        die("no broker");
    }
}

/* The steps of a whole handshake; microseconds of the longest, in *out_count how many there were. */
static uint64_t shake_hands(struct pk_tls *t, uint32_t *out_count) {
    uint64_t longest_us = 0;
    int err = pk_tls_begin(t, "localhost");
    while (err == PK_OK || err == PK_E_BUSY || err == PK_E_AGAIN) {
        const uint64_t begin_us = cpu_us();
        err = pk_tls_step(t);
        const uint64_t took_us = cpu_us() - begin_us;
        longest_us = took_us > longest_us ? took_us : longest_us;
        (*out_count)++;
        if (err == PK_OK) {
            return longest_us;
        }
        if (err == PK_E_AGAIN) {
            struct pollfd p = {.fd = fd, .events = POLLIN};
            (void)poll(&p, 1, 5000);
        }
    }
    die(t->error);
}

static int compare(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    static char ca[PEM_BYTES], certificate[PEM_BYTES], key[PEM_BYTES];
    static struct pk_port_entropy entropy;
    static struct pk_linux_clock linux_clock;
    static struct pk_port_clock wall;
    static struct pk_crypto crypto;
    static struct pk_tls tls;
    static uint64_t longest_us[HANDSHAKES_MAX];
    struct pk_port_crypto unused;
    const uint32_t count = argc == 6 ? (uint32_t)strtoul(argv[5], NULL, 10) : 0;
    if (count == 0 || count > HANDSHAKES_MAX) {
        die("usage: bench_tls PORT CA CERTIFICATE KEY HANDSHAKES");
    }
    pk_linux_entropy_open(&entropy);
    pk_linux_clock_open(&linux_clock, &wall);
    pk_crypto_open(&crypto, &entropy, pk_linux_mono_us, &unused);
    const struct pk_tls_config config = {
        .ca = pem(argv[2], ca), .certificate = pem(argv[3], certificate), .key = pem(argv[4], key)};
    if (pk_tls_library_open(&entropy, &wall) != PK_OK) {
        die("TLS library");
    }
    pk_tls_init(&tls, &crypto, (struct pk_tls_io){.send = raw_send, .recv = raw_recv});
    uint32_t steps = 0;
    const uint64_t begin_us = cpu_us();
    for (uint32_t i = 0; i < count; i++) {
        if (pk_tls_set(&tls, &config) != PK_OK) { /* set again: no ticket, the whole handshake */
            die(tls.error);
        }
        dial(argv[1]);
        longest_us[i] = shake_hands(&tls, &steps);
        pk_tls_end(&tls, true);
        (void)close(fd);
    }
    const uint64_t each_us = (cpu_us() - begin_us) / count;
    qsort(longest_us, count, sizeof longest_us[0], compare);
    const uint64_t p99_us = longest_us[count * 99u / 100u];
    printf("TLS handshake, certificates both ways: longest step of %u handshakes %llu us, p99 %llu us, p50 "
           "%llu us (at most %d); "
           "a handshake takes %llu us in %u calls\n",
           count, (unsigned long long)longest_us[count - 1u], (unsigned long long)p99_us,
           (unsigned long long)longest_us[count / 2u], STEP_MAX_US, (unsigned long long)each_us,
           steps / count);
    return p99_us <= STEP_MAX_US ? 0 : 1;
}
