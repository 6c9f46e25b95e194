/* The prober against a stranger in memory: every byte and every moment is the test's. */
#include "roles/pk_prober.h"

#include <stdio.h>
#include <string.h>

#include "support/pk_test.h"

static struct {
    uint64_t us;
    struct pk_ipc_resolved resolved;
    int connect_error[4], secure_error, ping_error, certificate_error, send_error;
    struct pk_dial_peer peer;
    int64_t file_end_s;
    const char *name_server;
    char connected[4][64]; /* "address:port" */
    uint32_t connect_count, resolve_count, close_count;
    bool was_datagram;
    char server_name[128], sent[1024];
    uint32_t sent_bytes;
    /* what the stranger says, piece by piece; NULL ends the connection */
    const char *pieces[8];
    uint32_t piece_bytes[8], piece_at, piece_us;
    bool is_silent; /* after the pieces: no end either */
    uint8_t datagrams[4][300];
    uint32_t datagram_bytes[4], datagram_count, datagram_at;
    void (*on_query)(void);
} world;

static uint64_t mono_us(void *ctx) {
    (void)ctx;
    return world.us;
}
static void resolve(void *ctx, const char *name, struct pk_ipc_resolved *out) {
    (void)ctx;
    (void)name;
    world.resolve_count++;
    world.us += 300000;
    *out = world.resolved;
}
static int name_server(void *ctx, char out[PK_ADDRESS_BYTES]) {
    (void)ctx;
    if (world.name_server == NULL) {
        return PK_E_NOT_FOUND;
    }
    return pk_str_copy(pk_str_of(world.name_server), out, PK_ADDRESS_BYTES) > 0 ? PK_OK : PK_E_NOT_FOUND;
}
static uint16_t random_u16(void *ctx) {
    (void)ctx;
    return 0x4242;
}
static int dial_connect(void *ctx, const char *address, uint16_t port, bool is_datagram,
                        uint64_t deadline_us) {
    (void)ctx;
    const uint32_t i = world.connect_count < 3 ? world.connect_count : 3;
    (void)snprintf(world.connected[i], sizeof world.connected[i], "%s:%u", address, (unsigned)port);
    world.connect_count++;
    world.was_datagram = is_datagram;
    if (world.connect_error[i] == PK_E_TIMEOUT) {
        world.us = deadline_us;
    } else {
        world.us += 2000;
    }
    return world.connect_error[i];
}
static int secure(void *ctx, const char *name, struct pk_str ca, uint64_t deadline_us,
                  struct pk_dial_peer *out) {
    (void)ctx;
    (void)ca;
    (void)deadline_us;
    (void)snprintf(world.server_name, sizeof world.server_name, "%s", name);
    world.us += 3000;
    *out = world.peer;
    return world.secure_error;
}
static int dial_send(void *ctx, const void *p, uint32_t n, uint64_t deadline_us) {
    (void)ctx;
    (void)deadline_us;
    memcpy(world.sent, p, n < sizeof world.sent ? n : sizeof world.sent);
    world.sent_bytes = n;
    if (world.on_query != NULL) {
        world.on_query();
    }
    return world.send_error;
}
static int dial_recv(void *ctx, void *out, uint32_t cap_bytes, uint64_t deadline_us) {
    (void)ctx;
    world.us += world.piece_us;
    if (world.us >= deadline_us) {
        return PK_E_TIMEOUT;
    }
    if (world.was_datagram && world.datagram_at < world.datagram_count) {
        const uint32_t n = world.datagram_bytes[world.datagram_at];
        CHECK(n <= cap_bytes);
        memcpy(out, world.datagrams[world.datagram_at++], n);
        return (int)n;
    }
    if (!world.was_datagram && world.piece_at < 8 && world.pieces[world.piece_at] != NULL) {
        const uint32_t n = world.piece_bytes[world.piece_at];
        CHECK(n <= cap_bytes);
        memcpy(out, world.pieces[world.piece_at++], n);
        return (int)n;
    }
    if (world.is_silent || world.was_datagram) {
        world.us = deadline_us;
        return PK_E_TIMEOUT;
    }
    return PK_E_CLOSED;
}
static void dial_close(void *ctx) {
    (void)ctx;
    world.close_count++;
}
static int ping(void *ctx, const char *address, uint64_t deadline_us, uint32_t *out_us) {
    (void)ctx;
    (void)address;
    (void)deadline_us;
    *out_us = 777;
    return world.ping_error;
}
static int certificate(void *ctx, struct pk_str bytes, int64_t *out) {
    (void)ctx;
    (void)bytes;
    *out = world.file_end_s;
    return world.certificate_error;
}
static const char *error_text(void *ctx) {
    (void)ctx;
    return "the dial's words";
}
static const struct pk_port_dial dial = {.mono_us = mono_us,
                                         .resolve = resolve,
                                         .name_server = name_server,
                                         .random = random_u16,
                                         .connect = dial_connect,
                                         .secure = secure,
                                         .send = dial_send,
                                         .recv = dial_recv,
                                         .close = dial_close,
                                         .ping = ping,
                                         .certificate = certificate,
                                         .error_text = error_text};

static struct pk_prober prober;
static struct pk_ipc_probe_order order;
static struct pk_prober_files files;
static struct pk_ipc_probed out;

static void begin(enum pk_probe_kind kind, const char *host) {
    memset(&world, 0, sizeof world);
    memset(&order, 0, sizeof order);
    memset(&files, 0, sizeof files);
    world.us = 5000000;
    order.kind = (uint8_t)kind;
    order.timeout_ms = 1000;
    order.port = 80;
    order.status_min = 200;
    order.status_max = 399;
    (void)snprintf(order.host, sizeof order.host, "%s", host);
    (void)strcpy(order.path, "/x");
}
static void say(uint32_t i, const char *text) {
    world.pieces[i] = text;
    world.piece_bytes[i] = (uint32_t)strlen(text);
}
static void run(void) {
    CHECK(pk_prober_is_order(&order));
    pk_prober_run(&prober, &dial, &order, &files, &out);
    CHECK_EQ_INT(out.kind, order.kind);
    CHECK(world.close_count > 0);
}
static bool is_down(const char *words) {
    return out.error == PK_OK && out.is_up == 0 && strstr(out.u.text, words) != NULL;
}
static bool is_fault(int error, const char *words) {
    return out.error == error && out.is_up == 0 && strstr(out.u.text, words) != NULL;
}

PK_TEST(tcp__numeric_addresses_are_not_looked_up) {
    begin(PK_PROBE_TCP, "192.0.2.1");
    run();
    CHECK(out.error == PK_OK && out.is_up == 1 && out.latency_us == 2000);
    CHECK_EQ_INT(world.resolve_count, 0);
    CHECK_STR(world.connected[0], "192.0.2.1:80");
    begin(PK_PROBE_TCP, "2001:db8::1");
    run();
    CHECK(out.is_up == 1 && world.resolve_count == 0);
}

PK_TEST(tcp__each_address_gets_its_share_of_the_time) {
    begin(PK_PROBE_TCP, "host");
    world.resolved.address_count = 2;
    (void)strcpy(world.resolved.address[0], "192.0.2.1");
    (void)strcpy(world.resolved.address[1], "192.0.2.2");
    world.connect_error[0] = PK_E_TIMEOUT;
    run();
    CHECK(out.is_up == 1 && out.latency_us == 2000);
    CHECK_EQ_U64(world.us, 5000000 + 300000 + 500000 + 2000); /* half of what is left after the look-up */
    begin(PK_PROBE_TCP, "host");
    world.resolved.address_count = 1;
    world.connect_error[0] = PK_E_UNREACHABLE;
    run();
    CHECK(is_down("the dial's words"));
    begin(PK_PROBE_TCP, "192.0.2.1");
    world.connect_error[0] = PK_E_FULL; /* our own trouble */
    run();
    CHECK(is_fault(PK_E_FULL, "the dial's words"));
}

/* Refused is an answer; this machine says nothing of a network. */
PK_TEST(tcp__whether_the_host_was_reached) {
    static const struct {
        const char *host;
        int err;
        enum pk_reach reach;
    } cases[] = {{"192.0.2.1", PK_OK, PK_REACH_MET},         {"192.0.2.1", PK_E_CLOSED, PK_REACH_MET},
                 {"192.0.2.1", PK_E_TIMEOUT, PK_REACH_LOST}, {"2001:db8::1", PK_E_UNREACHABLE, PK_REACH_LOST},
                 {"192.0.2.1", PK_E_FULL, PK_REACH_UNKNOWN}, {"127.0.0.1", PK_E_CLOSED, PK_REACH_HERE},
                 {"127.8.0.1", PK_E_TIMEOUT, PK_REACH_HERE}, {"::1", PK_OK, PK_REACH_HERE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(PK_PROBE_TCP, cases[i].host);
        world.connect_error[0] = cases[i].err;
        run();
        CHECK_EQ_INT(out.reach, cases[i].reach);
    }
    begin(PK_PROBE_TCP, "host");
    world.resolved.address_count = 2;
    (void)strcpy(world.resolved.address[0], "192.0.2.1");
    (void)strcpy(world.resolved.address[1], "192.0.2.2");
    world.connect_error[0] = PK_E_CLOSED;
    world.connect_error[1] = PK_E_TIMEOUT;
    run();
    CHECK_EQ_INT(out.reach, PK_REACH_MET);
    begin(PK_PROBE_TCP, "host");
    world.resolved.error = PK_E_AGAIN;
    run();
    CHECK(out.error == PK_E_AGAIN && out.reach == PK_REACH_LOST);
    begin(PK_PROBE_TCP, "host");
    world.resolved.error = PK_E_NOT_FOUND;
    run();
    CHECK_EQ_INT(out.reach, PK_REACH_UNKNOWN);
}

PK_TEST(names__unknown_is_down_unresolvable_is_a_fault) {
    begin(PK_PROBE_TCP, "host");
    world.resolved.error = PK_E_NOT_FOUND;
    run();
    CHECK(is_down("no such host: host"));
    begin(PK_PROBE_ICMP, "host");
    world.resolved.error = PK_E_AGAIN;
    run();
    CHECK(is_fault(PK_E_AGAIN, "cannot be resolved"));
    begin(PK_PROBE_TCP, "host");
    run(); /* no error, and no address either */
    CHECK(is_fault(PK_E_IO, "cannot be resolved"));
}

PK_TEST(http__status_and_range) {
    begin(PK_PROBE_HTTP, "192.0.2.1");
    say(0, "HTTP/1.1 20");
    say(1, "0 OK\r\nX: y\r\n\r\nbody that nobody reads");
    world.piece_us = 10000;
    run();
    CHECK(out.is_up == 1 && out.status == 200 && out.latency_us == 22000);
    CHECK(strncmp(world.sent, "GET /x HTTP/1.1\r\nHost: 192.0.2.1\r\n", 32) == 0);
    begin(PK_PROBE_HTTP, "192.0.2.1");
    order.status_max = 200;
    say(0, "HTTP/1.0 301 Moved\r\n\r\n");
    run();
    CHECK(is_down("the server answers 301") && out.status == 301);
}

PK_TEST(http__no_answer_is_down_with_its_reason) {
    begin(PK_PROBE_HTTP, "192.0.2.1");
    say(0, "220 mail.example\r\n");
    run();
    CHECK(is_down("not an HTTP answer") && out.status == 0);
    begin(PK_PROBE_HTTP, "192.0.2.1");
    say(0, "HTTP/1.1 200 OK\r\n");
    run(); /* ends in its head */
    CHECK(is_down("the dial's words"));
    begin(PK_PROBE_HTTP, "192.0.2.1");
    for (uint32_t i = 0; i < 8; i++) {
        say(i, i == 0 ? "HTTP/1.1 200 OK\r\n" : "X");
    }
    world.piece_us = 300000; /* trickles */
    run();
    CHECK(is_down("the dial's words"));
    CHECK(world.us < 5000000 + 1400000);
    begin(PK_PROBE_HTTP, "192.0.2.1");
    world.send_error = PK_E_CLOSED;
    run();
    CHECK(is_down("the dial's words"));
    begin(PK_PROBE_HTTP, "192.0.2.1");
    (void)strcpy(order.path, "no slash");
    run();
    CHECK(is_fault(PK_E_BAD_FIELD, "cannot be asked"));
}

PK_TEST(tls__ends_are_told_whether_it_verifies_or_not) {
    begin(PK_PROBE_TLS, "192.0.2.1");
    (void)strcpy(order.server_name, "web.example");
    world.peer.not_after_s = 1900000000;
    run();
    CHECK(out.is_up == 1 && out.not_after_s == 1900000000 && out.latency_us == 5000);
    CHECK_STR(world.server_name, "web.example");
    files.ca = pk_str_of("PEM");
    world.close_count = 0;
    run();
    CHECK(is_down("the dial's words") && out.not_after_s == 1900000000);
    world.peer.is_verified = true;
    run();
    CHECK(out.is_up == 1);
    world.secure_error = PK_E_TLS;
    run();
    CHECK(is_down("the dial's words") && out.not_after_s == 0);
    begin(PK_PROBE_TLS, "192.0.2.1");
    (void)strcpy(order.ca, "/etc/ca.pem");
    files.error = PK_E_DENIED;
    run();
    CHECK(is_fault(PK_E_DENIED, "its CA cannot be read: /etc/ca.pem"));
    CHECK_STR(pk_prober_file(&order), "/etc/ca.pem");
}

PK_TEST(certificate__of_a_file) {
    begin(PK_PROBE_CERTIFICATE, "");
    (void)strcpy(order.path, "/etc/x.crt");
    CHECK_STR(pk_prober_file(&order), "/etc/x.crt");
    world.file_end_s = 1800000000;
    run();
    CHECK(out.error == PK_OK && out.not_after_s == 1800000000);
    world.certificate_error = PK_E_BAD_MSG;
    run();
    CHECK(is_fault(PK_E_BAD_MSG, "the dial's words"));
    files.error = PK_E_NOT_FOUND;
    run();
    CHECK(is_fault(PK_E_NOT_FOUND, "the file cannot be read: /etc/x.crt"));
}

PK_TEST(icmp__echo_none_and_not_permitted) {
    begin(PK_PROBE_ICMP, "192.0.2.1");
    run();
    CHECK(out.is_up == 1 && out.latency_us == 777);
    world.ping_error = PK_E_TIMEOUT;
    run();
    CHECK(is_down("the dial's words"));
    world.ping_error = PK_E_DENIED;
    run();
    CHECK(is_fault(PK_E_DENIED, "the dial's words"));
}

/* The server answers with what was asked, the address behind it. */
static void echo_address(void) {
    static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7};
    for (uint32_t i = 0; i < 2; i++) { /* the first is another question's */
        uint8_t *d = world.datagrams[i];
        memcpy(d, world.sent, world.sent_bytes);
        d[1] ^= i == 0 ? 0xFFu : 0;
        d[2] = 0x81;
        d[3] = 0x80;
        d[7] = 1;
        memcpy(d + world.sent_bytes, record, sizeof record);
        world.datagram_bytes[i] = world.sent_bytes + (uint32_t)sizeof record;
    }
    world.datagram_count = 2;
}
static void say_no_such_name(void) {
    echo_address();
    world.datagrams[1][3] = 0x83;
    world.datagrams[1][7] = 0;
}
static void only_strangers(void) {
    echo_address();
    world.datagram_count = 1;
}
static void broken(void) {
    echo_address();
    world.datagram_bytes[1] -= 3;
}

static void begin_dns(void (*on_query)(void)) {
    begin(PK_PROBE_DNS, "192.0.2.53");
    order.port = 53;
    (void)strcpy(order.server_name, "web.example");
    world.on_query = on_query;
}

PK_TEST(dns__the_answer_to_this_question_only) {
    begin_dns(echo_address);
    run();
    CHECK(out.is_up == 1 && world.was_datagram);
    CHECK_STR(world.connected[0], "192.0.2.53:53");
    begin_dns(echo_address);
    (void)strcpy(order.expect, "192.0.2.7");
    run();
    CHECK_EQ_INT(out.is_up, 1);
    begin_dns(echo_address);
    (void)strcpy(order.expect, "192.0.2.8");
    run();
    CHECK(is_down("it is not at 192.0.2.8"));
    begin_dns(say_no_such_name);
    run();
    CHECK(is_down("no such name"));
    begin_dns(only_strangers);
    run();
    CHECK(is_down("only answers to other questions"));
    begin_dns(broken);
    run();
    CHECK(is_down("the answer is broken"));
    begin_dns(NULL);
    run();
    CHECK(is_down("the dial's words"));
}

PK_TEST(dns__what_cannot_be_asked_is_a_fault) {
    begin_dns(echo_address);
    order.host[0] = '\0';
    run();
    CHECK(is_fault(PK_E_NOT_FOUND, "no name server"));
    world.name_server = "192.0.2.99";
    run();
    CHECK(out.is_up == 1);
    CHECK_STR(world.connected[0], "192.0.2.99:53");
    begin_dns(echo_address);
    (void)strcpy(order.expect, "192.0.2");
    run();
    CHECK(is_fault(PK_E_BAD_FIELD, "not an IPv4 address"));
    begin_dns(echo_address);
    (void)strcpy(order.server_name, "a..b");
    run();
    CHECK(is_fault(PK_E_BAD_FIELD, "not a host name"));
}

static void begin_page(void) {
    begin(PK_PROBE_SCRAPE, "192.0.2.1");
    order.series_count = 2;
    (void)strcpy(order.selectors[0], "up{job=\"a\"}");
    (void)strcpy(order.selectors[1], "gone");
}

PK_TEST(page__series_and_what_is_missing) {
    begin_page();
    say(0, "HTTP/1.1 200 OK\r\nContent-Length: 37\r\n\r\nup{job=\"a\"} 1\nbroken {\n");
    say(1, "up{job=\"b\"} 0\n");
    run();
    CHECK(out.error == PK_OK && out.is_up == 1 && out.series_count == 2 && out.bad_count == 1);
    CHECK(out.u.series.found[0] == PK_PROM_FOUND && out.u.series.value[0] == 1.0);
    CHECK_EQ_INT(out.u.series.found[1], PK_PROM_MISSING);
    CHECK_EQ_INT(world.piece_at, 2);
}

PK_TEST(page__half_of_it_proves_nothing) {
    begin_page();
    say(0, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nup{job=\"a\"} 1\n");
    run();
    CHECK(is_down("the page ends before its end"));
    begin_page();
    say(0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf\r\nup{job=\"a\"} 1\n\r\n");
    world.is_silent = true;
    run();
    CHECK(is_down("the dial's words"));
    begin_page();
    say(0, "HTTP/1.1 503 Busy\r\nContent-Length: 15\r\n\r\nup{job=\"a\"} 1\n\n");
    run();
    CHECK(is_down("the server answers 503"));
    begin_page();
    say(0, "HTTP/1.1 200 OK\r\n\r\n<html>\n</html>\n");
    run();
    CHECK(is_down("not a page of series"));
    begin_page();
    say(0, "hello\r\n");
    run();
    CHECK(is_down("not an HTTP answer"));
    begin_page();
    (void)strcpy(order.selectors[1], "1gone");
    run();
    CHECK(is_fault(PK_E_BAD_FIELD, "not a series: 1gone"));
}

PK_TEST(order__that_is_none_is_noticed) {
    begin(PK_PROBE_TCP, "192.0.2.1");
    order.kind = PK_PROBE_CHECK;
    CHECK(!pk_prober_is_order(&order));
    begin(PK_PROBE_TCP, "192.0.2.1");
    order.series_count = PK_PROBE_SERIES + 1;
    CHECK(!pk_prober_is_order(&order));
    begin(PK_PROBE_TCP, "192.0.2.1");
    memset(order.path, 'x', sizeof order.path);
    CHECK(!pk_prober_is_order(&order));
    begin_page();
    memset(order.selectors[1], 'x', sizeof order.selectors[1]);
    CHECK(!pk_prober_is_order(&order));
}

PK_TEST_MAIN(tcp__numeric_addresses_are_not_looked_up, tcp__each_address_gets_its_share_of_the_time,
             tcp__whether_the_host_was_reached, names__unknown_is_down_unresolvable_is_a_fault,
             http__status_and_range, http__no_answer_is_down_with_its_reason,
             tls__ends_are_told_whether_it_verifies_or_not, certificate__of_a_file,
             icmp__echo_none_and_not_permitted, dns__the_answer_to_this_question_only,
             dns__what_cannot_be_asked_is_a_fault, page__series_and_what_is_missing,
             page__half_of_it_proves_nothing, order__that_is_none_is_noticed)
