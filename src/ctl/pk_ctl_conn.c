#include "ctl/pk_ctl_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_BYTES = PK_CONTROL_LINE_BYTES_MAX + 1 };

uint64_t pk_ctl_mono_ms(void) {
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

static int fail(struct pk_ctl_conn *c, int err, const char *why) {
    (void)pk_str_copy_cut(pk_str_of(why), c->why, sizeof c->why);
    return err;
}

void pk_ctl_conn_init(struct pk_ctl_conn *c, uint64_t timeout_ms) {
    *c = (struct pk_ctl_conn){.fd = -1, .timeout_ms = timeout_ms};
}

void pk_ctl_conn_close(struct pk_ctl_conn *c) {
    if (c->fd >= 0) {
        (void)close(c->fd);
    }
    free(c->line_bytes);
    c->line_bytes = NULL;
    c->fd = -1;
}

int pk_ctl_conn_adopt(struct pk_ctl_conn *c, int fd) {
    c->fd = fd;
    c->used = c->taken = 0;
    c->line_bytes = malloc(BUFFER_BYTES);
    const int flags = fcntl(fd, F_GETFL);
    if (c->line_bytes == NULL || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        pk_ctl_conn_close(c);
        return fail(c, PK_E_FULL, "out of memory");
    }
    return PK_OK;
}

/* Readiness for `events` before `deadline_ms`. */
static bool wait_for(const struct pk_ctl_conn *c, short events, bool has_deadline, uint64_t deadline_ms) {
    for (;;) {
        struct pollfd p = {.fd = c->fd, .events = events};
        const uint64_t now_ms = pk_ctl_mono_ms();
        uint64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
        left_ms = left_ms > INT32_MAX ? INT32_MAX : left_ms;
        const int n = poll(&p, 1, has_deadline ? (int)left_ms : -1);
        if (n > 0) {
            return true;
        }
        if (n == 0 || errno != EINTR) {
            return false;
        }
    }
}

static uint64_t deadline_of(const struct pk_ctl_conn *c) {
    return pk_ctl_mono_ms() + c->timeout_ms;
}

static int connect_failed(struct pk_ctl_conn *c, int number) {
    if (number == ENOENT) {
        return fail(c, PK_E_UNREACHABLE, "there is no such socket; is it running?");
    }
    if (number == ECONNREFUSED) {
        return fail(c, PK_E_UNREACHABLE, "connection refused; is it running?");
    }
    if (number == EACCES || number == EPERM) {
        return fail(c, PK_E_UNREACHABLE, "permission denied; this user may not use the socket");
    }
    return fail(c, PK_E_UNREACHABLE, strerror(number));
}

int pk_ctl_conn_open(struct pk_ctl_conn *c, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (pk_str_copy(pk_str_of(path), address.sun_path, sizeof address.sun_path) < 0) {
        return fail(c, PK_E_USAGE, "the path is too long for a socket");
    }
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return connect_failed(c, errno);
    }
    const int err = pk_ctl_conn_adopt(c, fd);
    if (err != PK_OK) {
        return err;
    }
    /* A unix socket connects at once, or not now because the queue of connections is full. */
    const uint64_t deadline_ms = deadline_of(c);
    while (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        const int number = errno;
        if (number == EINTR || number == EAGAIN) {
            if (c->timeout_ms != 0 && pk_ctl_mono_ms() >= deadline_ms) {
                pk_ctl_conn_close(c);
                return fail(c, PK_E_TIMEOUT, "it takes no connection in time");
            }
            (void)poll(NULL, 0, 10);
            continue;
        }
        pk_ctl_conn_close(c);
        return connect_failed(c, number);
    }
    return PK_OK;
}

int pk_ctl_conn_try_send(struct pk_ctl_conn *c, const char *p, size_t n) {
    const ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);
    if (sent >= 0) {
        return (int)sent;
    }
    if (errno == EAGAIN || errno == EINTR) {
        return 0;
    }
    return fail(c, PK_E_CLOSED, "it closed the connection");
}

int pk_ctl_conn_send(struct pk_ctl_conn *c, const char *p, size_t n) {
    const uint64_t deadline_ms = deadline_of(c);
    size_t done = 0;
    while (done < n) {
        const int sent = pk_ctl_conn_try_send(c, p + done, n - done);
        if (sent < 0) {
            return sent;
        }
        done += (size_t)sent;
        if (done < n && !wait_for(c, POLLOUT, c->timeout_ms != 0, deadline_ms)) {
            return fail(c, PK_E_TIMEOUT, "it does not read its requests");
        }
    }
    return PK_OK;
}

static bool take_line(struct pk_ctl_conn *c, struct pk_str *out) {
    const char *from = c->line_bytes + c->taken;
    const char *end = memchr(from, '\n', c->used - c->taken);
    if (end == NULL) {
        return false;
    }
    *out = pk_str_make(from, (size_t)(end - from));
    c->taken += out->n + 1;
    return true;
}

static int receive(struct pk_ctl_conn *c) {
    memmove(c->line_bytes, c->line_bytes + c->taken, c->used - c->taken);
    c->used -= c->taken;
    c->taken = 0;
    if (c->used == BUFFER_BYTES) {
        return fail(c, PK_E_TOO_BIG, "its answer is longer than 64 KiB");
    }
    const ssize_t n = recv(c->fd, c->line_bytes + c->used, BUFFER_BYTES - c->used, 0);
    if (n > 0) {
        c->used += (uint32_t)n;
        return PK_OK;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return PK_E_AGAIN;
    }
    return fail(c, PK_E_CLOSED,
                c->used > 0 ? "it closed the connection in the middle of an answer"
                            : "it closed the connection without an answer");
}

int pk_ctl_conn_try_line(struct pk_ctl_conn *c, struct pk_str *out) {
    while (!take_line(c, out)) {
        const int err = receive(c);
        if (err != PK_OK) {
            return err;
        }
    }
    return PK_OK;
}

int pk_ctl_conn_line(struct pk_ctl_conn *c, struct pk_str *out) {
    const uint64_t deadline_ms = deadline_of(c);
    for (;;) {
        const int err = pk_ctl_conn_try_line(c, out);
        if (err != PK_E_AGAIN) {
            return err;
        }
        if (!wait_for(c, POLLIN, c->timeout_ms != 0, deadline_ms)) {
            return fail(c, PK_E_TIMEOUT, "it does not answer in time");
        }
        if (c->timeout_ms != 0 && pk_ctl_mono_ms() > deadline_ms) {
            return fail(c, PK_E_TIMEOUT, "it does not answer in time");
        }
    }
}
