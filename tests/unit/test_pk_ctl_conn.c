#include "ctl/pk_ctl_conn.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/pk_test.h"

static struct pk_ctl_conn c;
static int peer;

static bool open_pair(uint64_t timeout_ms) {
    int fd[2];
    pk_ctl_conn_init(&c, timeout_ms);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0 ||
        pk_ctl_conn_adopt(&c, fd[0]) != PK_OK) {
        return false;
    }
    peer = fd[1];
    return true;
}

static void say(const char *text) {
    CHECK_EQ_INT(write(peer, text, strlen(text)), (long long)strlen(text));
}

static void close_pair(void) {
    pk_ctl_conn_close(&c);
    (void)close(peer);
}

PK_TEST(open__says_why_not) {
    char path[200];
    pk_ctl_conn_init(&c, 100);
    CHECK_EQ_INT(pk_ctl_conn_open(&c, "/nonexistent/control.sock"), PK_E_UNREACHABLE);
    CHECK_STR(c.why, "there is no such socket; is it running?");
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    CHECK_EQ_INT(pk_ctl_conn_open(&c, path), PK_E_USAGE);
    pk_ctl_conn_close(&c);
    CHECK_EQ_INT(c.fd, -1);
}

PK_TEST(line__comes_whole_whatever_the_pieces) {
    struct pk_str line;
    REQUIRE(open_pair(1000));
    say("one\ntw");
    CHECK_EQ_INT(pk_ctl_conn_line(&c, &line), PK_OK);
    CHECK(pk_str_eq_c(line, "one"));
    CHECK_EQ_INT(pk_ctl_conn_try_line(&c, &line), PK_E_AGAIN);
    say("o\n\n");
    CHECK_EQ_INT(pk_ctl_conn_line(&c, &line), PK_OK);
    CHECK(pk_str_eq_c(line, "two"));
    CHECK_EQ_INT(pk_ctl_conn_line(&c, &line), PK_OK);
    CHECK_EQ_U64(line.n, 0);
    close_pair();
}

PK_TEST(line__the_longest_allowed_fits_and_one_more_does_not) {
    static char text[PK_CONTROL_LINE_BYTES_MAX + 1];
    struct pk_str line;
    const int room = 4 * PK_CONTROL_LINE_BYTES_MAX;
    memset(text, 'x', sizeof text);
    text[PK_CONTROL_LINE_BYTES_MAX] = '\n';
    REQUIRE(open_pair(1000));
    CHECK_EQ_INT(setsockopt(peer, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    CHECK_EQ_INT(write(peer, text, sizeof text), (long long)sizeof text);
    CHECK_EQ_INT(pk_ctl_conn_line(&c, &line), PK_OK);
    CHECK_EQ_U64(line.n, PK_CONTROL_LINE_BYTES_MAX);
    text[PK_CONTROL_LINE_BYTES_MAX] = 'x';
    CHECK_EQ_INT(write(peer, text, sizeof text), (long long)sizeof text);
    CHECK_EQ_INT(pk_ctl_conn_line(&c, &line), PK_E_TOO_BIG);
    close_pair();
}

PK_TEST(line__ends_of_the_connection_are_told_apart) {
    struct pk_str line;
    REQUIRE(open_pair(1000));
    say("half");
    (void)shutdown(peer, SHUT_WR);
    CHECK_EQ_INT(pk_ctl_conn_line(&c, &line), PK_E_CLOSED);
    CHECK_STR(c.why, "it closed the connection in the middle of an answer");
    close_pair();
    REQUIRE(open_pair(1000));
    (void)shutdown(peer, SHUT_WR);
    CHECK_EQ_INT(pk_ctl_conn_line(&c, &line), PK_E_CLOSED);
    CHECK_STR(c.why, "it closed the connection without an answer");
    close_pair();
}

PK_TEST(line__waits_no_longer_than_allowed) {
    struct pk_str line;
    REQUIRE(open_pair(60));
    say("never ends");
    const uint64_t from_ms = pk_ctl_mono_ms();
    CHECK_EQ_INT(pk_ctl_conn_line(&c, &line), PK_E_TIMEOUT);
    const uint64_t took_ms = pk_ctl_mono_ms() - from_ms;
    CHECK(took_ms >= 59 && took_ms < 5000);
    close_pair();
}

PK_TEST(send__a_peer_that_does_not_read_or_is_gone) {
    static char text[1 << 20];
    REQUIRE(open_pair(60));
    CHECK_EQ_INT(pk_ctl_conn_send(&c, text, sizeof text), PK_E_TIMEOUT);
    close_pair();
    REQUIRE(open_pair(60));
    (void)close(peer);
    CHECK_EQ_INT(pk_ctl_conn_send(&c, text, 10), PK_E_CLOSED);
    pk_ctl_conn_close(&c);
}

PK_TEST_MAIN(open__says_why_not, line__comes_whole_whatever_the_pieces,
             line__the_longest_allowed_fits_and_one_more_does_not,
             line__ends_of_the_connection_are_told_apart, line__waits_no_longer_than_allowed,
             send__a_peer_that_does_not_read_or_is_gone)
