/* ctest: lane=default timeout=240
 * TLS against OpenSSL's server on the loopback, with certificates made for the purpose. */
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>

#include "contract/rig.h"

enum { PEM_BYTES = 8192 };

static char work[RIG_PATH_BYTES];
static struct rig *rig = &rig_only;

/* ---- openssl */
static int sh(const char *command) {
    char line[2048];
    snprintf(line, sizeof line, "cd %s && %s", work, command);
    const int status = system(line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool has_openssl(void) {
    static int answer = -1;
    if (answer < 0) {
        answer = system("openssl version >/dev/null 2>&1") == 0 ? 1 : 0;
    }
    return answer == 1;
}

/* A CA; a server certificate for localhost and 127.0.0.1; a client certificate; another CA; an expired and a
 * future server certificate. */
static bool make_certificates(void) {
    return sh("{ exec 2>/dev/null\n"
              "ec='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
              "for ca in ca other; do\n"
              "  openssl req -x509 $ec -keyout $ca.key -out $ca.pem -days 30 -subj /CN=$ca || exit 1\n"
              "done\n"
              "printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\n' >san\n"
              "for n in server client; do\n"
              "  openssl req $ec -keyout $n.key -out $n.csr -subj /CN=$n || exit 1\n"
              "  openssl x509 -req -in $n.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 10 -extfile san "
              "-out "
              "$n.pem || exit 1\n"
              "done\n"
              "openssl req -newkey rsa:4096 -nodes -keyout rsa.key -out rsa.csr -subj /CN=rsa || exit 1\n"
              "openssl x509 -req -in rsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 10 -extfile san "
              "-out rsa.pem "
              "|| exit 1\n"
              "mkdir -p db && : >db/index && echo 01 >db/serial\n"
              "printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=db/index\\nserial=db/serial\\nnew_certs_dir=db\\n"
              "default_md=sha256\\npolicy=p\\nunique_subject=no\\n[p]\\ncommonName=supplied\\n' >ca.cnf\n"
              "openssl ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in server.csr -extfile san "
              "-out "
              "expired.pem -startdate 20200101000000Z -enddate 20200201000000Z || exit 1\n"
              "openssl ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in server.csr -extfile san "
              "-out "
              "future.pem -startdate 20700101000000Z -enddate 20720201000000Z || exit 1\n"
              "}") == 0;
}

/* Kept, so that no test beside this one gets it before the server does, which may listen there all the same:
 * both say SO_REUSEADDR. Given back at the end of the program. */
static uint16_t free_port(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    const int yes = 1;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) != 0) {
        rig_die("port");
    }
    return ntohs(a.sin_port);
}

static pid_t server_pid;
static uint16_t server_port;

/* `openssl s_server` with options; answers what it is sent in reverse (-rev) unless the options say else. */
static void start_server(const char *options) {
    char line[1024];
    server_port = free_port();
    snprintf(line, sizeof line,
             "cd %s && exec openssl s_server -accept 127.0.0.1:%u -quiet %s >server.out 2>&1", work,
             (unsigned)server_port, options);
    server_pid = fork();
    if (server_pid == 0) {
        const int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(server_port)};
    for (uint32_t i = 0; i < 1500; i++) {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int r = connect(fd, (struct sockaddr *)&a, sizeof a);
        close(fd);
        if (r == 0) {
            return;
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    rig_die("openssl s_server did not start");
}

static void stop_server(void) {
    if (server_pid > 0) {
        kill(server_pid, SIGKILL);
        waitpid(server_pid, NULL, 0);
        server_pid = 0;
    }
}

/* ---- our side */
static struct pk_str pem(const char *name, char buffer[PEM_BYTES]) {
    char path[RIG_PATH_BYTES + 32];
    snprintf(path, sizeof path, "%s/%s", work, name);
    FILE *f = fopen(path, "r");
    const size_t n = f != NULL ? fread(buffer, 1, PEM_BYTES, f) : 0;
    if (f != NULL) {
        fclose(f);
    }
    return pk_str_make(buffer, n);
}

static int set_tls(const char *ca, const char *certificate, const char *key, bool allow12) {
    static char a[PEM_BYTES], b[PEM_BYTES], c[PEM_BYTES];
    const struct pk_tls_config config = {.ca = pem(ca, a),
                                         .certificate =
                                             certificate != NULL ? pem(certificate, b) : pk_str_of(""),
                                         .key = key != NULL ? pem(key, c) : pk_str_of(""),
                                         .is_tls12_allowed = allow12};
    return pk_net_set_tls(&rig->net, &config);
}

static struct pk_port_stream *stream(void) {
    return &rig->port.link[0];
}

static const char *why(void) {
    return stream()->error_text(stream()->ctx);
}

/* What poll ends with. */
static int connect_as(const char *name) {
    struct pk_endpoint e = {.address = "127.0.0.1", .port = server_port, .use_tls = true};
    snprintf(e.server_name, sizeof e.server_name, "%s", name);
    int err = stream()->open(stream()->ctx, &e);
    const uint64_t end_ms = rig_now_ms(rig) + 30000;
    while (err == PK_OK && (err = stream()->poll(stream()->ctx)) == PK_E_AGAIN && rig_now_ms(rig) < end_ms) {
        rig_wait(rig, 100);
        err = PK_OK;
    }
    return err;
}

static char got[65536];
static uint32_t got_count;

/* Reads until `n` bytes are there or the link ends; the result of the last recv. */
static int read_bytes(uint32_t n) {
    const uint64_t end_ms = rig_now_ms(rig) + 30000;
    int r = 0;
    got_count = 0;
    while (got_count < n && r >= 0 && rig_now_ms(rig) < end_ms) {
        r = stream()->recv(stream()->ctx, got + got_count, (uint32_t)sizeof got - got_count);
        got_count += r > 0 ? (uint32_t)r : 0u;
        if (r == 0) {
            rig_wait(rig, 100);
        }
    }
    return r;
}

static void remove_work(void) {
    char db[RIG_PATH_BYTES + 8];
    snprintf(db, sizeof db, "%s/db", work);
    rig_remove_dir(db);
    rig_remove_dir(work);
}

/* Steps are measured in the time of this thread: a busy machine says nothing of a public-key operation. */
static uint64_t cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static bool begin(void) {
    rig_open(rig, false);
    rig->crypto.now_us = cpu_us;
    if (!has_openssl()) {
        pk_test_skip("no openssl program");
        return false;
    }
    if (work[0] == '\0') {
        snprintf(work, sizeof work, "%s", "/tmp/pk-tls-XXXXXX");
        if (mkdtemp(work) == NULL || !make_certificates()) {
            rig_die("certificates");
        }
        atexit(remove_work);
    }
    return true;
}

static void end(void) {
    stop_server();
    rig_close(rig);
    CHECK_EQ_U64(pk_mbedtls_heap.status.used_bytes, 0);
    CHECK(pk_heap_is_sound(&pk_mbedtls_heap));
}

static void echo_over(const char *server_options, bool allow12) {
    start_server(server_options);
    REQUIRE(set_tls("ca.pem", "client.pem", "client.key", allow12) == PK_OK);
    CHECK_EQ_INT(connect_as("localhost"), PK_OK);
    CHECK_STR(why(), "");
    CHECK_EQ_INT(stream()->recv(stream()->ctx, got, sizeof got), 0);
    CHECK_EQ_INT(stream()->send(stream()->ctx, "hello\n", 6), 6);
    read_bytes(6);
    CHECK_EQ_U64(got_count, 6);
    CHECK_MEM(got, "olleh\n", 6);
}

PK_TEST(tls13__client_certificate__bytes_go_both_ways) {
    if (!begin()) {
        return;
    }
    echo_over("-cert server.pem -key server.key -CAfile ca.pem -Verify 1 -verify_return_error -tls1_3 -rev",
              false);
    fprintf(stderr, "# TLS 1.3, EC: heap high %u bytes, longest step %u us\n",
            (unsigned)pk_mbedtls_heap.status.high_bytes, (unsigned)rig->crypto.longest_us);
    end();
}

PK_TEST(tls12__when_allowed__works_and_when_not_is_refused) {
    if (!begin()) {
        return;
    }
    echo_over("-cert server.pem -key server.key -CAfile ca.pem -Verify 1 -verify_return_error -tls1_2 -rev",
              true);
    stream()->close(stream()->ctx);
    CHECK_EQ_INT(set_tls("ca.pem", "client.pem", "client.key", false), PK_OK);
    CHECK_EQ_INT(connect_as("localhost"), PK_E_TLS);
    CHECK(strstr(why(), "older TLS version") != NULL);
    end();
}

PK_TEST(tls13__rsa4096_server__fits_the_heap) {
    if (!begin()) {
        return;
    }
    echo_over("-cert rsa.pem -key rsa.key -CAfile ca.pem -Verify 1 -tls1_3 -rev", false);
    fprintf(stderr, "# TLS 1.3, RSA 4096: heap high %u bytes, longest step %u us\n",
            (unsigned)pk_mbedtls_heap.status.high_bytes, (unsigned)rig->crypto.longest_us);
    end();
}

PK_TEST(tls__ip_address_name__is_checked_against_the_ip_of_the_certificate) {
    if (!begin()) {
        return;
    }
    start_server("-cert server.pem -key server.key -tls1_3 -rev");
    REQUIRE(set_tls("ca.pem", NULL, NULL, false) == PK_OK);
    CHECK_EQ_INT(connect_as("127.0.0.1"), PK_OK);
    stream()->close(stream()->ctx);
    CHECK_EQ_INT(connect_as("127.0.0.2"), PK_E_TLS);
    CHECK(strstr(why(), "another name than 127.0.0.2") != NULL);
    end();
}

static void refused(const char *server_options, const char *ca, const char *name, const char *reason) {
    start_server(server_options);
    REQUIRE(set_tls(ca, "client.pem", "client.key", true) == PK_OK);
    CHECK_EQ_INT(connect_as(name), PK_E_TLS);
    if (strstr(why(), reason) == NULL) {
        CHECK_STR(why(), reason);
    }
    stream()->close(stream()->ctx);
    CHECK(pk_mbedtls_heap.status.used_bytes < 12000); /* certificates and keys, no session */
    CHECK_EQ_INT(stream()->send(stream()->ctx, "x", 1), PK_E_CLOSED);
    stop_server();
}

PK_TEST(tls__bad_server__is_refused_with_the_reason) {
    if (!begin()) {
        return;
    }
    refused("-cert server.pem -key server.key", "ca.pem", "broker.example",
            "certificate verify failed: it is for another name than broker.example");
    refused("-cert server.pem -key server.key", "other.pem", "localhost",
            "certificate verify failed: wrong CA");
    refused("-cert expired.pem -key server.key", "ca.pem", "localhost", "certificate verify failed: expired");
    refused("-cert future.pem -key server.key", "ca.pem", "localhost",
            "certificate verify failed: not yet valid");
    refused("-cert server.pem -key server.key -tls1_1 -cipher DEFAULT@SECLEVEL=0", "ca.pem", "localhost",
            "older TLS version");
    end();
}

PK_TEST(tls__client_certificate_of_a_strange_ca__is_refused_by_the_peer) {
    if (!begin()) {
        return;
    }
    start_server("-cert server.pem -key server.key -CAfile other.pem -Verify 1 -verify_return_error -tls1_3");
    REQUIRE(set_tls("ca.pem", "client.pem", "client.key", false) == PK_OK);
    /* In TLS 1.3 the client is done before the server has judged it: the refusal comes with the first read.
     */
    int err = connect_as("localhost");
    if (err == PK_OK) {
        err = read_bytes(1);
    }
    CHECK_EQ_INT(err, PK_E_TLS);
    CHECK(strstr(why(), "refused by the peer") != NULL);
    stream()->close(stream()->ctx);
    stop_server();
    start_server("-cert server.pem -key server.key -CAfile ca.pem -Verify 1 -verify_return_error -tls1_3");
    REQUIRE(set_tls("ca.pem", NULL, NULL, false) == PK_OK);
    err = connect_as("localhost");
    if (err == PK_OK) {
        err = read_bytes(1);
    }
    CHECK_EQ_INT(err, PK_E_TLS);
    CHECK(strstr(why(), "wants a client certificate") != NULL);
    end();
}

PK_TEST(tls__a_peer_that_does_not_speak_tls__is_refused) {
    if (!begin()) {
        return;
    }
    struct pk_endpoint e = rig_peer_listen(rig);
    server_port = e.port;
    e.use_tls = true;
    snprintf(e.server_name, sizeof e.server_name, "localhost");
    REQUIRE(set_tls("ca.pem", NULL, NULL, false) == PK_OK);
    REQUIRE(stream()->open(stream()->ctx, &e) == PK_OK);
    rig_peer_accept(rig);
    rig_peer_send(rig, "220 smtp.example ESMTP\r\n", 24);
    int err = PK_E_AGAIN;
    for (uint32_t i = 0; i < 50 && err == PK_E_AGAIN; i++) {
        rig_wait(rig, 50);
        err = stream()->poll(stream()->ctx);
    }
    CHECK_EQ_INT(err, PK_E_TLS);
    CHECK(strlen(why()) > 10);
    stream()->close(stream()->ctx);
    /* And one that hangs up in the middle. */
    rig_close_fd(&rig->peer_fd);
    REQUIRE(stream()->open(stream()->ctx, &e) == PK_OK);
    rig_peer_accept(rig);
    rig_wait(rig, 50);
    (void)stream()->poll(stream()->ctx);
    rig_close_fd(&rig->peer_fd);
    err = PK_E_AGAIN;
    for (uint32_t i = 0; i < 50 && err == PK_E_AGAIN; i++) {
        rig_wait(rig, 50);
        err = stream()->poll(stream()->ctx);
    }
    CHECK(err == PK_E_CLOSED || err == PK_E_TLS);
    end();
}

PK_TEST(tls_set__bad_input__keeps_the_old_and_says_why) {
    if (!begin()) {
        return;
    }
    REQUIRE(set_tls("ca.pem", "client.pem", "client.key", false) == PK_OK);
    CHECK_EQ_INT(set_tls("server.key", "client.pem", "client.key", false), PK_E_TLS);
    CHECK(strstr(why(), "CA") != NULL);
    CHECK_EQ_INT(set_tls("ca.pem", "client.key", "client.key", false), PK_E_TLS);
    CHECK(strstr(why(), "certificate file") != NULL);
    CHECK_EQ_INT(set_tls("ca.pem", "client.pem", "client.pem", false), PK_E_TLS);
    CHECK(strstr(why(), "key file") != NULL);
    CHECK_EQ_INT(set_tls("ca.pem", "client.pem", "server.key", false), PK_E_TLS);
    CHECK(strstr(why(), "does not belong") != NULL);
    CHECK_EQ_INT(set_tls("san", NULL, NULL, false), PK_E_TLS);
    start_server(
        "-cert server.pem -key server.key -CAfile ca.pem -Verify 1 -verify_return_error -tls1_3 -rev");
    CHECK_EQ_INT(connect_as("localhost"), PK_OK);
    CHECK_EQ_INT(stream()->send(stream()->ctx, "abc\n", 4), 4);
    read_bytes(4);
    CHECK_MEM(got, "cba\n", 4);
    end();
}

PK_TEST(tls__no_configuration__is_an_error_not_a_crash) {
    if (!begin()) {
        return;
    }
    start_server("-cert server.pem -key server.key");
    CHECK_EQ_INT(connect_as("localhost"), PK_E_TLS);
    CHECK(strstr(why(), "no CA certificate") != NULL);
    end();
}

PK_TEST(tls__large_transfer_over_a_slow_reader__loses_nothing) {
    if (!begin()) {
        return;
    }
    start_server("-cert server.pem -key server.key -tls1_3 -rev");
    REQUIRE(set_tls("ca.pem", NULL, NULL, false) == PK_OK);
    REQUIRE(connect_as("localhost") == PK_OK);
    int small = 4096;
    setsockopt(rig->net.socket.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    /* Lines, because the server turns each around; more than a record, more than the socket takes. */
    static char line[15000];
    uint32_t answered = 0;
    for (uint32_t k = 0; k < 20; k++) {
        for (uint32_t i = 0; i < sizeof line - 1; i++) {
            line[i] = (char)('a' + (i * 7u + k) % 26u);
        }
        line[sizeof line - 1] = '\n';
        uint32_t sent = 0;
        while (sent < sizeof line) {
            const int r = stream()->send(stream()->ctx, line + sent, (uint32_t)sizeof line - sent);
            REQUIRE(r >= 0);
            sent += (uint32_t)r;
            if (r == 0) {
                rig_wait(rig, 50);
            }
        }
        read_bytes(sizeof line);
        REQUIRE(got_count == sizeof line);
        uint32_t wrong = 0;
        for (uint32_t i = 0; i + 1 < sizeof line; i++) {
            wrong += got[i] != line[sizeof line - 2 - i] ? 1u : 0u;
        }
        CHECK_EQ_U64(wrong, 0);
        answered++;
    }
    CHECK_EQ_U64(answered, 20);
    end();
}

static int nothing_goes(void *ctx, const void *p, uint32_t n) {
    (void)ctx;
    (void)p;
    (void)n;
    return 0;
}

/* What the library holds leaves with its reading of the ticket, not with a write: nothing may follow it. */
PK_TEST(tls13__ticket_while_a_record_waits__no_byte_of_ours_is_added) {
    if (!begin()) {
        return;
    }
    start_server("-cert server.pem -key server.key -tls1_3 -rev");
    REQUIRE(set_tls("ca.pem", NULL, NULL, false) == PK_OK);
    REQUIRE(connect_as("localhost") == PK_OK);
    struct pk_tls *t = &rig->net.tls;
    int (*usual)(void *ctx, const void *p, uint32_t n) = t->io.send;
    t->io.send = nothing_goes; /* the socket is full */
    CHECK_EQ_INT(stream()->send(stream()->ctx, "hello\n", 6), 6);
    for (uint32_t i = 0; i < 100 && t->ssl.MBEDTLS_PRIVATE(state) == MBEDTLS_SSL_HANDSHAKE_OVER; i++) {
        CHECK_EQ_INT(stream()->recv(stream()->ctx, got, sizeof got), 0);
        rig_wait(rig, 50);
    }
    REQUIRE(t->ssl.MBEDTLS_PRIVATE(state) != MBEDTLS_SSL_HANDSHAKE_OVER && t->is_flushing);
    t->io.send = usual;
    CHECK_EQ_INT(stream()->poll(stream()->ctx), PK_OK);
    CHECK(!t->is_flushing && t->has_session);
    read_bytes(6);
    CHECK_EQ_U64(got_count, 6);
    CHECK_MEM(got, "olleh\n", 6);
    CHECK_EQ_INT(stream()->send(stream()->ctx, "again\n", 6), 6);
    read_bytes(6);
    CHECK_EQ_U64(got_count, 6);
    CHECK_MEM(got, "niaga\n", 6); /* with a byte before it there would be one before the end of the line */
    end();
}

PK_TEST(tls__server_closes__is_closed_and_memory_comes_back) {
    if (!begin()) {
        return;
    }
    REQUIRE(set_tls("ca.pem", NULL, NULL, false) == PK_OK);
    uint32_t used = 0;
    for (uint32_t i = 0; i < 5; i++) {
        start_server("-cert server.pem -key server.key -tls1_3 -rev -naccept 2 -num_tickets 0");
        REQUIRE(connect_as("localhost") == PK_OK);
        stop_server();
        CHECK_EQ_INT(read_bytes(1), PK_E_CLOSED);
        stream()->close(stream()->ctx);
        if (i == 1) {
            used = pk_mbedtls_heap.status.used_bytes; /* from the second on it is all in place */
        }
    }
    CHECK_EQ_U64(pk_mbedtls_heap.status.used_bytes, used);
    end();
}

PK_TEST(tls__heap_exhausted__is_a_counted_error_and_heals) {
    if (!begin()) {
        return;
    }
    start_server("-cert server.pem -key server.key -tls1_3 -rev");
    REQUIRE(set_tls("ca.pem", NULL, NULL, false) == PK_OK);
    void *hog = NULL;
    for (size_t n = pk_mbedtls_heap.status.capacity_bytes; n > 8000 && hog == NULL; n -= 2000) {
        hog = pk_heap_alloc(&pk_mbedtls_heap, n);
    }
    REQUIRE(hog != NULL);
    CHECK_EQ_INT(connect_as("localhost"), PK_E_TLS);
    CHECK(strstr(why(), "out of TLS memory") != NULL);
    CHECK_EQ_U64(rig->net.tls.no_memory_count, 1);
    stream()->close(stream()->ctx);
    pk_heap_free(&pk_mbedtls_heap, hog);
    CHECK_EQ_INT(connect_as("localhost"), PK_OK);
    end();
}

/* Up, a few bytes each way (tickets come with the first ones), down. */
static void visit(void) {
    CHECK_EQ_INT(connect_as("localhost"), PK_OK);
    CHECK_STR(why(), "");
    CHECK_EQ_INT(stream()->send(stream()->ctx, "hello\n", 6), 6);
    read_bytes(6);
    CHECK_EQ_U64(got_count, 6);
    stream()->close(stream()->ctx);
}

static void come_back(const char *version, bool allow12) {
    char options[200];
    snprintf(options, sizeof options,
             "-cert server.pem -key server.key -CAfile ca.pem -Verify 1 -verify_return_error -rev %s",
             version);
    start_server(options);
    REQUIRE(set_tls("ca.pem", "client.pem", "client.key", allow12) == PK_OK);
    visit();
    CHECK_EQ_U64(rig->net.tls.resumed_count, 0);
    const uint32_t full_us = rig->crypto.longest_us;
    rig->crypto.longest_us = 0;
    visit();
    visit();
    CHECK_EQ_U64(rig->net.tls.resumed_count, 2);
    fprintf(stderr, "# %s: longest step %u us, with a ticket %u us; heap high %u bytes\n", version,
            (unsigned)full_us, (unsigned)rig->crypto.longest_us, (unsigned)pk_mbedtls_heap.status.high_bytes);
    CHECK_EQ_INT(set_tls("ca.pem", "client.pem", "client.key", allow12), PK_OK);
    visit(); /* certificates were renewed: they are shown */
    CHECK_EQ_U64(rig->net.tls.resumed_count, 2);
    visit();
    CHECK_EQ_U64(rig->net.tls.resumed_count, 3);
    stop_server();
    start_server(options); /* another server: the ticket says nothing to it */
    visit();
    CHECK_EQ_U64(rig->net.tls.resumed_count, 3);
    visit();
    CHECK_EQ_U64(rig->net.tls.resumed_count, 4);
}

PK_TEST(tls13__cut_and_back__is_resumed_without_certificates) {
    if (!begin()) {
        return;
    }
    come_back("-tls1_3", false);
    end();
}

PK_TEST(tls12__cut_and_back__is_resumed_without_certificates) {
    if (!begin()) {
        return;
    }
    come_back("-tls1_2", true);
    end();
}

PK_TEST(tls__ticket_that_ends_the_handshake__is_not_offered_again) {
    if (!begin()) {
        return;
    }
    start_server("-cert server.pem -key server.key -tls1_3 -rev");
    REQUIRE(set_tls("ca.pem", NULL, NULL, false) == PK_OK);
    visit();
    stop_server();
    start_server("-cert expired.pem -key server.key -tls1_3 -rev"); /* does not know it, and is refused */
    CHECK_EQ_INT(connect_as("localhost"), PK_E_TLS);
    stream()->close(stream()->ctx);
    CHECK(rig->net.tls.is_session_refused);
    stop_server();
    start_server("-cert server.pem -key server.key -tls1_3 -rev");
    visit();
    visit();
    CHECK_EQ_U64(rig->net.tls.resumed_count, 0);
    end();
}

static int set_more(const char *ca, const char *alpn, const char *identity, struct pk_str psk) {
    static char a[PEM_BYTES];
    const struct pk_tls_config config = {.ca = ca != NULL ? pem(ca, a) : pk_str_of(""),
                                         .alpn = pk_str_of(alpn),
                                         .psk_identity = pk_str_of(identity),
                                         .psk = psk};
    return pk_net_set_tls(&rig->net, &config);
}

PK_TEST(tls__alpn__is_agreed_or_the_handshake_ends) {
    if (!begin()) {
        return;
    }
    start_server("-cert server.pem -key server.key -tls1_3 -rev -alpn h2,mqtt");
    const struct pk_str none = pk_str_of("");
    REQUIRE(set_more("ca.pem", "mqtt", "", none) == PK_OK);
    CHECK_EQ_INT(connect_as("localhost"), PK_OK);
    CHECK_STR(mbedtls_ssl_get_alpn_protocol(&rig->net.tls.ssl), "mqtt");
    stream()->close(stream()->ctx);
    CHECK_EQ_INT(set_more("ca.pem", "x-amzn-mqtt-ca", "", none), PK_OK);
    CHECK_EQ_INT(connect_as("localhost"), PK_E_TLS);
    stream()->close(stream()->ctx);
    CHECK_EQ_INT(set_more("ca.pem", "a-protocol-name-of-more-than-31-bytes", "", none), PK_E_TLS);
    CHECK(strstr(why(), "too long") != NULL);
    end();
}

PK_TEST(tls13__shared_secret__takes_the_place_of_certificates) {
    static const char SECRET[] = "0123456789abcdef";
    if (!begin()) {
        return;
    }
    start_server("-nocert -tls1_3 -rev -psk_identity gw-1 -psk 30313233343536373839616263646566");
    const struct pk_str secret = pk_str_of(SECRET);
    REQUIRE(set_more(NULL, "", "gw-1", secret) == PK_OK);
    visit();
    fprintf(stderr, "# shared secret: longest step %u us\n", (unsigned)rig->crypto.longest_us);
    CHECK_EQ_INT(set_more(NULL, "", "gw-1", pk_str_of("0123456789abcdeX")), PK_OK);
    CHECK_EQ_INT(connect_as("localhost"), PK_E_TLS);
    stream()->close(stream()->ctx);
    CHECK_EQ_INT(set_more(NULL, "", "", secret), PK_E_TLS);
    CHECK_EQ_INT(set_more(NULL, "", "gw-1", pk_str_of("short")), PK_E_TLS);
    CHECK(strstr(why(), "16 to 64 bytes") != NULL);
    stop_server();
    start_server("-cert server.pem -key server.key -tls1_3 -rev"); /* a certificate is no substitute */
    CHECK_EQ_INT(set_more(NULL, "", "gw-1", secret), PK_OK);
    CHECK_EQ_INT(connect_as("localhost"), PK_E_TLS);
    end();
}

PK_TEST(tls__clock_that_is_late__certificates_are_judged_by_the_floor) {
    if (!begin()) {
        return;
    }
    start_server("-cert server.pem -key server.key -tls1_3 -rev");
    REQUIRE(set_tls("ca.pem", NULL, NULL, false) == PK_OK);
    struct pk_endpoint e = {
        .address = "127.0.0.1", .port = server_port, .use_tls = true, .server_name = "localhost"};
    bool is_synced = false;
    e.wall_floor_ms = rig->port.clock.wall_ms(rig->port.clock.ctx, &is_synced) + 20ll * 86400000;
    int err = stream()->open(stream()->ctx, &e);
    const uint64_t end_ms = rig_now_ms(rig) + 30000;
    while (err == PK_OK && (err = stream()->poll(stream()->ctx)) == PK_E_AGAIN && rig_now_ms(rig) < end_ms) {
        rig_wait(rig, 100);
        err = PK_OK;
    }
    CHECK_EQ_INT(err, PK_E_TLS); /* ten days valid, and by the floor it ended ten days ago */
    CHECK(strstr(why(), "expired") != NULL);
    stream()->close(stream()->ctx);
    visit();
    end();
}

/* Microseconds of the longest step of one call; *out_err is what poll said. */
static uint32_t poll_step_us(struct pk_port_stream *of, int *out_err) {
    rig->crypto.longest_us = 0;
    *out_err = of->poll(of->ctx);
    return rig->crypto.longest_us;
}

/* A command's signature, in the same round. */
static int verify_now(void) {
    static const uint8_t key[PK_ES256_PUBLIC_BYTES], signature[PK_ES256_SIGNATURE_BYTES];
    const struct pk_port_crypto *c = &rig->port.crypto;
    return c->es256_verify(c->ctx, key, pk_str_of("x"), signature);
}

PK_TEST(tls__two_handshakes_at_once__take_turns) {
    /* Between a step without a public-key operation and one with it: 0.1 and 0.6 to 2 ms here. */
    enum { LONG_US = PK_IS_EMULATED ? 5000 : PK_IS_SLOW ? 600 : 300, ROUNDS_MAX = 500 };
    static struct pk_net other_net;
    struct pk_port_stream other;
    if (!begin()) {
        return;
    }
    static const char OPTIONS[] = "-cert server.pem -key server.key -tls1_3";
    start_server(OPTIONS);
    const pid_t first_pid = server_pid;
    const uint16_t first_port = server_port;
    start_server(OPTIONS);
    pk_net_open(&other_net, &rig->loop, &rig->crypto, &other);
    REQUIRE(set_tls("ca.pem", NULL, NULL, false) == PK_OK);
    static char ca[PEM_BYTES];
    const struct pk_tls_config config = {.ca = pem("ca.pem", ca)};
    REQUIRE(pk_net_set_tls(&other_net, &config) == PK_OK);
    struct pk_endpoint e = {
        .address = "127.0.0.1", .port = first_port, .server_name = "localhost", .use_tls = true};
    REQUIRE(stream()->open(stream()->ctx, &e) == PK_OK);
    e.port = server_port;
    REQUIRE(other.open(other.ctx, &e) == PK_OK);
    int err = PK_E_AGAIN, other_err = PK_E_AGAIN;
    uint32_t long_count = 0, unheard_count = 0;
    for (int i = 0; i < ROUNDS_MAX && (err == PK_E_AGAIN || other_err == PK_E_AGAIN); i++) {
        const bool is_long = poll_step_us(stream(), &err) > LONG_US;
        const bool is_other_long = poll_step_us(&other, &other_err) > LONG_US;
        CHECK(!is_long || !is_other_long);
        long_count += is_long || is_other_long;
        if ((is_long || is_other_long) && verify_now() != PK_E_AGAIN) {
            unheard_count++;
        }
        rig_wait(rig, 100);
    }
    CHECK_EQ_INT(err, PK_OK);
    CHECK_EQ_INT(other_err, PK_OK);
    CHECK(long_count >= 2);    /* each of them has at least one */
    CHECK(unheard_count <= 1); /* what the kernel did in our time; an operation of theirs would be twice */
    rig_wait(rig, 10);
    CHECK_EQ_INT(verify_now(), PK_E_BAD_FIELD); /* and in a round of its own */
    other.close(other.ctx);
    pk_tls_free(&other_net.tls);
    stop_server();
    server_pid = first_pid;
    end();
}

PK_TEST_MAIN(
    tls__two_handshakes_at_once__take_turns, tls13__ticket_while_a_record_waits__no_byte_of_ours_is_added,
    tls13__client_certificate__bytes_go_both_ways, tls12__when_allowed__works_and_when_not_is_refused,
    tls13__rsa4096_server__fits_the_heap, tls__ip_address_name__is_checked_against_the_ip_of_the_certificate,
    tls__bad_server__is_refused_with_the_reason,
    tls__client_certificate_of_a_strange_ca__is_refused_by_the_peer,
    tls__a_peer_that_does_not_speak_tls__is_refused, tls_set__bad_input__keeps_the_old_and_says_why,
    tls__no_configuration__is_an_error_not_a_crash, tls__large_transfer_over_a_slow_reader__loses_nothing,
    tls__server_closes__is_closed_and_memory_comes_back, tls__heap_exhausted__is_a_counted_error_and_heals,
    tls13__cut_and_back__is_resumed_without_certificates,
    tls12__cut_and_back__is_resumed_without_certificates,
    tls__ticket_that_ends_the_handshake__is_not_offered_again, tls__alpn__is_agreed_or_the_handshake_ends,
    tls13__shared_secret__takes_the_place_of_certificates,
    tls__clock_that_is_late__certificates_are_judged_by_the_floor)
