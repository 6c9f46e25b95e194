/* How a prober meets strangers, on real sockets of this machine. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port/linux/pk_dial.h"
#include "support/pk_test.h"

static struct pk_dial dial;
static struct pk_port_dial port;

static void begin(void) {
    pk_dial_open(&dial, NULL, &port);
}
static uint64_t in_ms(uint64_t ms) {
    return port.mono_us(port.ctx) + ms * 1000u;
}

/* A listening socket on the loopback address, or a datagram one. */
static int listen_on(int type, uint16_t *out_port) {
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
          (type == SOCK_DGRAM || listen(fd, 4) == 0) && getsockname(fd, (struct sockaddr *)&a, &n) == 0);
    *out_port = ntohs(a.sin_port);
    return fd;
}

PK_TEST(connect__open_refused_and_no_address) {
    uint16_t number = 0;
    begin();
    const int listener = listen_on(SOCK_STREAM, &number);
    CHECK_EQ_INT(port.connect(port.ctx, "127.0.0.1", number, false, in_ms(20000)), PK_OK);
    (void)close(listener);
    CHECK_EQ_INT(port.connect(port.ctx, "127.0.0.1", number, false, in_ms(20000)), PK_E_CLOSED);
    CHECK_STR(port.error_text(port.ctx), "connect: connection refused");
    CHECK_EQ_INT(port.connect(port.ctx, "localhost", number, false, in_ms(20000)), PK_E_UNREACHABLE);
    port.close(port.ctx);
    port.close(port.ctx);
}

PK_TEST(bytes__pass_until_the_end_or_the_deadline) {
    uint16_t number = 0;
    static char big[4 << 20], got[64];
    begin();
    const int listener = listen_on(SOCK_STREAM, &number);
    CHECK_EQ_INT(port.connect(port.ctx, "127.0.0.1", number, false, in_ms(20000)), PK_OK);
    const int peer = accept(listener, NULL, NULL);
    REQUIRE(peer >= 0);
    CHECK_EQ_INT(port.send(port.ctx, "hello", 5, in_ms(20000)), PK_OK);
    CHECK(recv(peer, got, sizeof got, 0) == 5 && memcmp(got, "hello", 5) == 0);
    CHECK(send(peer, "world", 5, 0) == 5);
    CHECK_EQ_INT(port.recv(port.ctx, got, sizeof got, in_ms(20000)), 5);
    const uint64_t start_us = port.mono_us(port.ctx);
    CHECK_EQ_INT(port.recv(port.ctx, got, sizeof got, in_ms(50)), PK_E_TIMEOUT);
    CHECK(port.mono_us(port.ctx) - start_us >= 45000);
    CHECK_EQ_INT(port.send(port.ctx, big, sizeof big, in_ms(100)), PK_E_TIMEOUT); /* nobody reads */
    (void)close(peer);
    int last = 1;
    for (int i = 0; i < 100 && last > 0; i++) {
        last = port.recv(port.ctx, got, sizeof got, in_ms(20000));
    }
    CHECK(last == PK_E_CLOSED || last == PK_E_UNREACHABLE);
    port.close(port.ctx);
    (void)close(listener);
}

PK_TEST(datagrams__keep_their_limits_and_come_from_the_peer_only) {
    uint16_t number = 0;
    char got[64];
    struct sockaddr_in from;
    socklen_t from_bytes = sizeof from;
    begin();
    const int server = listen_on(SOCK_DGRAM, &number);
    uint16_t other_number = 0;
    const int stranger = listen_on(SOCK_DGRAM, &other_number);
    CHECK_EQ_INT(port.connect(port.ctx, "127.0.0.1", number, true, in_ms(20000)), PK_OK);
    CHECK_EQ_INT(port.send(port.ctx, "query", 5, in_ms(20000)), PK_OK);
    CHECK(recvfrom(server, got, sizeof got, 0, (struct sockaddr *)&from, &from_bytes) == 5);
    CHECK(sendto(stranger, "evil", 4, 0, (struct sockaddr *)&from, from_bytes) == 4);
    CHECK(sendto(server, "one", 3, 0, (struct sockaddr *)&from, from_bytes) == 3);
    CHECK(sendto(server, "twotwo", 6, 0, (struct sockaddr *)&from, from_bytes) == 6);
    CHECK_EQ_INT(port.recv(port.ctx, got, sizeof got, in_ms(20000)), 3);
    CHECK_EQ_INT(port.recv(port.ctx, got, sizeof got, in_ms(20000)), 6);
    CHECK_EQ_INT(port.recv(port.ctx, got, sizeof got, in_ms(20)), PK_E_TIMEOUT);
    (void)close(server);
    CHECK_EQ_INT(port.send(port.ctx, "query", 5, in_ms(20000)), PK_OK);
    CHECK(port.recv(port.ctx, got, sizeof got, in_ms(20000)) < 0); /* refused by the kernel */
    port.close(port.ctx);
    (void)close(stranger);
}

PK_TEST(ping__this_machine_with_what_the_system_allows) {
    uint32_t us = 0;
    begin();
    const int err = port.ping(port.ctx, "127.0.0.1", in_ms(20000), &us);
    CHECK(err == PK_OK || err == PK_E_DENIED);
    CHECK(err != PK_OK || us < 20000000);
    CHECK_EQ_INT(port.ping(port.ctx, "nowhere", in_ms(100), &us), PK_E_UNREACHABLE);
    if (geteuid() != 0) {
        return; /* the rest needs a raw socket */
    }
    const pid_t child = fork();
    if (child == 0) { /* as the supervisor leaves it: nobody's, with a raw socket at its place */
        const int raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
        if (raw < 0 || dup2(raw, PK_DIAL_RAW_FD) < 0 || setregid(65534, 65534) != 0 ||
            setreuid(65534, 65534) != 0) {
            _exit(2);
        }
        _exit(port.ping(port.ctx, "127.0.0.1", in_ms(20000), &us) == PK_OK ? 0 : 1);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

PK_TEST(certificate__file_of_one_of_two_of_none) {
    struct pk_port entropy_clock;
    int64_t end_s = 0;
    static char text[16384];
    char dir[] = "/tmp/pk_dial_XXXXXX", command[400];
    memset(&entropy_clock, 0, sizeof entropy_clock);
    pk_linux_entropy_open(&entropy_clock.entropy);
    static struct pk_linux_clock clock;
    pk_linux_clock_open(&clock, &entropy_clock.clock);
    begin();
    REQUIRE(pk_tls_library_open(&entropy_clock.entropy, &entropy_clock.clock) == PK_OK);
    REQUIRE(mkdtemp(dir) != NULL);
    (void)snprintf(command, sizeof command,
                   "cd %s && for d in 9 3; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
                   "-nodes -keyout k -out c$d -days $d -subj /CN=x 2>/dev/null; done; cat c9 c3 > both; "
                   "openssl x509 -in c9 -outform DER -out der",
                   dir);
    REQUIRE(system(command) == 0);
    static const struct {
        const char *name;
        int64_t days;
    } files[] = {{"c9", 9}, {"both", 3}, {"der", 9}};
    bool is_synced = false;
    const int64_t now_s = entropy_clock.clock.wall_ms(entropy_clock.clock.ctx, &is_synced) / 1000;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[60];
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[i].name);
        FILE *f = fopen(path, "rb");
        REQUIRE(f != NULL);
        const size_t n = fread(text, 1, sizeof text - 1u, f);
        (void)fclose(f);
        text[n] = '\0';
        CHECK_EQ_INT(port.certificate(port.ctx, pk_str_make(text, n), &end_s), PK_OK);
        const int64_t off_s = end_s - now_s - files[i].days * 86400;
        CHECK(off_s > -120 && off_s <= 0);
        CHECK(port.certificate(port.ctx, pk_str_make(text, n / 3), &end_s) == PK_E_BAD_MSG || n == 0);
    }
    CHECK_EQ_INT(port.certificate(port.ctx, pk_str_of("-----BEGIN CERTIFICATE-----\n"), &end_s),
                 PK_E_BAD_MSG);
    CHECK_EQ_INT(port.certificate(port.ctx, pk_str_of(""), &end_s), PK_E_BAD_MSG);
    CHECK_STR(port.error_text(port.ctx), "it holds no readable certificate");
    (void)snprintf(command, sizeof command, "rm -rf %s", dir);
    CHECK_EQ_INT(system(command), 0);
}

PK_TEST(order__whole_or_not_at_all) {
    int pair[2];
    struct pk_ipc_probe_order order, got;
    memset(&order, 7, sizeof order);
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    CHECK(send(pair[0], &order, sizeof order, 0) == (ssize_t)sizeof order);
    CHECK_EQ_INT(pk_platform_probe_order((uint32_t)pair[1], &got), PK_OK);
    CHECK(memcmp(&order, &got, sizeof got) == 0);
    CHECK(send(pair[0], &order, 10, 0) == 10);
    CHECK_EQ_INT(pk_platform_probe_order((uint32_t)pair[1], &got), PK_E_BAD_MSG);
    (void)close(pair[0]);
    CHECK_EQ_INT(pk_platform_probe_order((uint32_t)pair[1], &got), PK_E_BAD_MSG);
    (void)close(pair[1]);
}

PK_TEST_MAIN(connect__open_refused_and_no_address, bytes__pass_until_the_end_or_the_deadline,
             datagrams__keep_their_limits_and_come_from_the_peer_only,
             ping__this_machine_with_what_the_system_allows, certificate__file_of_one_of_two_of_none,
             order__whole_or_not_at_all)
