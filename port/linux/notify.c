/* The service manager's notification socket (sd_notify(3)) without libsystemd: one datagram of NAME=value
 * lines. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "port/linux/pk_super.h"

static uint32_t watchdog_of(const char *const *environment) {
    const char *usec_text = pk_environment_get(environment, "WATCHDOG_USEC");
    const char *pid_text = pk_environment_get(environment, "WATCHDOG_PID");
    uint64_t usec = 0, pid = 0;
    if (usec_text == NULL || pk_parse_u64(pk_str_of(usec_text), &usec) != PK_OK) {
        return 0;
    }
    /* Meant for another process when it names one (sd_watchdog_enabled(3)). */
    if (pid_text != NULL && (pk_parse_u64(pk_str_of(pid_text), &pid) != PK_OK || pid != (uint64_t)getpid())) {
        return 0;
    }
    const uint64_t ms = usec / 1000u;
    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

void pk_notify_open(struct pk_notify *n, const char *const *environment) {
    memset(n, 0, sizeof *n);
    n->fd = -1;
    const char *path = pk_environment_get(environment, "NOTIFY_SOCKET");
    const size_t path_bytes = path == NULL ? 0 : strlen(path);
    if (path_bytes < 2 || path_bytes > sizeof n->address - 1u || (path[0] != '/' && path[0] != '@')) {
        return;
    }
    memcpy(n->address, path, path_bytes);
    if (n->address[0] == '@') {
        n->address[0] = '\0'; /* abstract: no file, a leading zero byte, and the length counts */
        n->address_bytes = (uint32_t)path_bytes;
    } else {
        n->address_bytes = (uint32_t)path_bytes + 1u;
    }
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    n->watchdog_ms = n->fd >= 0 ? watchdog_of(environment) : 0;
}

void pk_notify_send(const struct pk_notify *n, const char *text) {
    if (n->fd < 0) {
        return;
    }
    struct sockaddr_un to;
    memset(&to, 0, sizeof to);
    to.sun_family = AF_UNIX;
    memcpy(to.sun_path, n->address,
           n->address_bytes < sizeof to.sun_path ? n->address_bytes : sizeof to.sun_path);
    const socklen_t to_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n->address_bytes);
    ssize_t sent;
    do {
        sent = sendto(n->fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&to, to_bytes);
    } while (sent < 0 && errno == EINTR);
}

void pk_notify_close(struct pk_notify *n) {
    if (n->fd >= 0) {
        (void)close(n->fd);
    }
    n->fd = -1;
    n->watchdog_ms = 0;
}
