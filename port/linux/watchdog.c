/* The board's watchdog (Documentation/watchdog/watchdog-api.rst): any write feeds it; 'V' before the close
 * disarms it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "port/linux/pk_super.h"

enum { TIMEOUT_UNKNOWN_MS = 10000, TIMEOUT_MAX_S = 86400 };

int pk_watchdog_open(struct pk_watchdog *w, const char *path) {
    w->fd = -1;
    w->timeout_ms = 0;
    if (path == NULL || path[0] == '\0') {
        return PK_OK;
    }
    /* Opening arms it. Non-blocking for whatever stands in for a device and could make us wait. */
    w->fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (w->fd < 0) {
        if (errno == ENOENT || errno == ENODEV || errno == ENXIO) {
            return PK_E_NOT_FOUND;
        }
        return errno == EBUSY ? PK_E_BUSY : PK_E_IO;
    }
    int timeout_s = 0;
    /* Not ioctl(): its request is an int in musl and an unsigned long in glibc, and this number fits one. */
    if (syscall(SYS_ioctl, w->fd, WDIOC_GETTIMEOUT, &timeout_s) == 0 && timeout_s > 0 &&
        timeout_s <= TIMEOUT_MAX_S) {
        w->timeout_ms = (uint32_t)timeout_s * 1000u;
    } else {
        w->timeout_ms = TIMEOUT_UNKNOWN_MS;
    }
    return PK_OK;
}

bool pk_watchdog_has_fired(const struct pk_watchdog *w) {
    int flags = 0;
    return w->fd >= 0 && syscall(SYS_ioctl, w->fd, WDIOC_GETBOOTSTATUS, &flags) == 0 &&
           (flags & WDIOF_CARDRESET) != 0;
}

static void put(const struct pk_watchdog *w, char c) {
    ssize_t n;
    do {
        n = write(w->fd, &c, 1);
    } while (n < 0 && errno == EINTR);
}

void pk_watchdog_feed(struct pk_watchdog *w) {
    if (w->fd >= 0) {
        put(w, '.');
    }
}

void pk_watchdog_close(struct pk_watchdog *w) {
    if (w->fd >= 0) {
        put(w, 'V');
        (void)close(w->fd);
    }
    w->fd = -1;
}
