/* The service manager's socket and the board's watchdog, each with a stand-in: a datagram socket, a FIFO. */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "port/linux/pk_super.h"
#include "support/pk_test.h"

/* Bound datagram socket; a leading '@' means the abstract name space. */
static int listen_at(const char *name) {
    struct sockaddr_un a;
    memset(&a, 0, sizeof a);
    a.sun_family = AF_UNIX;
    (void)strcpy(a.sun_path, name);
    socklen_t n = (socklen_t)sizeof a;
    if (name[0] == '@') {
        a.sun_path[0] = '\0';
        n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    }
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0 ? fd : -1;
}

static const char *heard(int fd) {
    static char text[256];
    const ssize_t n = recv(fd, text, sizeof text - 1u, 0);
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? text : "(nothing)";
}

static void open_with(struct pk_notify *n, const char *a, const char *b, const char *c) {
    const char *environment[] = {a, b, c, NULL};
    pk_notify_open(n, environment);
}

PK_TEST(notify__path_socket__hears_each_datagram) {
    char dir[] = "/tmp/pk_notify_XXXXXX", path[64], variable[96];
    struct pk_notify n;
    REQUIRE(mkdtemp(dir) != NULL);
    (void)snprintf(path, sizeof path, "%s/s", dir);
    (void)snprintf(variable, sizeof variable, "NOTIFY_SOCKET=%s", path);
    const int fd = listen_at(path);
    REQUIRE(fd >= 0);
    open_with(&n, "HOME=/", variable, NULL);
    pk_notify_send(&n, "READY=1\nSTATUS=well");
    CHECK_STR(heard(fd), "READY=1\nSTATUS=well");
    pk_notify_send(&n, "STOPPING=1");
    CHECK_STR(heard(fd), "STOPPING=1");
    CHECK_STR(heard(fd), "(nothing)");
    CHECK_EQ_INT(n.watchdog_ms, 0);
    pk_notify_close(&n);
    pk_notify_send(&n, "READY=1");
    CHECK_STR(heard(fd), "(nothing)");
    (void)close(fd);
    (void)unlink(path);
    (void)rmdir(dir);
}

PK_TEST(notify__abstract_socket__hears_too) {
    char name[48], variable[80];
    struct pk_notify n;
    (void)snprintf(name, sizeof name, "@pk_notify_test_%d", (int)getpid());
    (void)snprintf(variable, sizeof variable, "NOTIFY_SOCKET=%s", name);
    const int fd = listen_at(name);
    REQUIRE(fd >= 0);
    open_with(&n, variable, NULL, NULL);
    pk_notify_send(&n, "WATCHDOG=1");
    CHECK_STR(heard(fd), "WATCHDOG=1");
    pk_notify_close(&n);
    (void)close(fd);
}

PK_TEST(notify__nobody_there__is_silent) {
    struct pk_notify n;
    open_with(&n, "WATCHDOG_USEC=1000000", NULL, NULL);
    CHECK_EQ_INT(n.fd, -1);
    CHECK_EQ_INT(n.watchdog_ms, 0); /* nobody to feed */
    pk_notify_send(&n, "READY=1");
    open_with(&n, "NOTIFY_SOCKET=relative", NULL, NULL);
    CHECK_EQ_INT(n.fd, -1);
    open_with(&n, "NOTIFY_SOCKET=/", NULL, NULL);
    CHECK_EQ_INT(n.fd, -1);
    char longer[160] = "NOTIFY_SOCKET=/";
    memset(longer + 15, 'a', 120);
    open_with(&n, longer, NULL, NULL);
    CHECK_EQ_INT(n.fd, -1);
    open_with(&n, "NOTIFY_SOCKET=/does/not/exist", NULL, NULL);
    pk_notify_send(&n, "READY=1"); /* nobody listens: not our problem */
    CHECK(n.fd >= 0);
    pk_notify_close(&n);
}

PK_TEST(notify__watchdog__is_ours_only_when_meant_for_us) {
    struct pk_notify n;
    char pid[32];
    (void)snprintf(pid, sizeof pid, "WATCHDOG_PID=%d", (int)getpid());
    open_with(&n, "NOTIFY_SOCKET=@x", "WATCHDOG_USEC=30000000", pid);
    CHECK_EQ_INT(n.watchdog_ms, 30000);
    pk_notify_close(&n);
    open_with(&n, "NOTIFY_SOCKET=@x", "WATCHDOG_USEC=30000000", NULL);
    CHECK_EQ_INT(n.watchdog_ms, 30000);
    pk_notify_close(&n);
    open_with(&n, "NOTIFY_SOCKET=@x", "WATCHDOG_USEC=30000000", "WATCHDOG_PID=1");
    CHECK_EQ_INT(n.watchdog_ms, 0);
    pk_notify_close(&n);
    open_with(&n, "NOTIFY_SOCKET=@x", "WATCHDOG_USEC=often", NULL);
    CHECK_EQ_INT(n.watchdog_ms, 0);
    pk_notify_close(&n);
}

PK_TEST(watchdog__device__is_fed_and_disarmed) {
    char dir[] = "/tmp/pk_watchdog_XXXXXX", path[64], text[16] = "";
    struct pk_watchdog w;
    REQUIRE(mkdtemp(dir) != NULL);
    (void)snprintf(path, sizeof path, "%s/watchdog", dir);
    REQUIRE(mkfifo(path, 0600) == 0);
    CHECK_EQ_INT(pk_watchdog_open(&w, path), PK_E_NOT_FOUND); /* ENXIO: no reader, no device behind it */
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(fd >= 0);
    REQUIRE(pk_watchdog_open(&w, path) == PK_OK);
    CHECK(w.timeout_ms >= 1000);
    pk_watchdog_feed(&w);
    pk_watchdog_feed(&w);
    pk_watchdog_close(&w);
    pk_watchdog_feed(&w);
    CHECK_EQ_INT(read(fd, text, sizeof text), 3);
    CHECK_MEM(text, "..V", 3); /* magic close: a stop on purpose must not reboot the board */
    (void)close(fd);
    (void)unlink(path);
    (void)rmdir(dir);
}

PK_TEST(watchdog__none_asked_or_none_there__is_told_apart) {
    struct pk_watchdog w;
    CHECK_EQ_INT(pk_watchdog_open(&w, ""), PK_OK);
    CHECK_EQ_INT(w.fd, -1);
    pk_watchdog_feed(&w);
    pk_watchdog_close(&w);
    CHECK_EQ_INT(pk_watchdog_open(&w, "/dev/does_not_exist"), PK_E_NOT_FOUND);
}

PK_TEST_MAIN(notify__path_socket__hears_each_datagram, notify__abstract_socket__hears_too,
             notify__nobody_there__is_silent, notify__watchdog__is_ours_only_when_meant_for_us,
             watchdog__device__is_fed_and_disarmed, watchdog__none_asked_or_none_there__is_told_apart)
