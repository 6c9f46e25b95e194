/* How a prober meets strangers: blocking sockets with a deadline, TLS over them, echoes. One prober is one
 * process. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port/linux/pk_dial.h"
#include "port/linux/pk_net_error.h"
#include "port/linux/pk_sandbox.h"

enum { ORDER_PATIENCE_US = 5000000 };

static int fail(struct pk_dial *d, int err, const char *what, int number) {
    pk_net_error(d->error, sizeof d->error, what, number);
    return err;
}

static uint64_t mono_us(void *ctx) {
    (void)ctx;
    return pk_linux_mono_us();
}

static void resolve(void *ctx, const char *name, struct pk_ipc_resolved *out) {
    (void)ctx;
    pk_platform_resolve(name, out);
}

static uint16_t random_u16(void *ctx) {
    (void)ctx;
    uint16_t v = 0;
    return getrandom(&v, sizeof v, 0) == (ssize_t)sizeof v ? v : 0x5057u;
}

/* resolv.conf(5): "nameserver ADDRESS" */
static int name_server(void *ctx, char out[PK_ADDRESS_BYTES]) {
    char text[4096];
    (void)ctx;
    const int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (fd >= 0) {
        (void)close(fd);
    }
    struct pk_str rest = pk_str_make(text, n > 0 ? (size_t)n : 0), line;
    while (pk_str_split(&rest, '\n', &line)) {
        line = pk_str_trim(line);
        if (pk_str_starts(line, "nameserver") && line.n > 10u && (line.p[10] == ' ' || line.p[10] == '\t')) {
            return pk_str_copy(pk_str_trim(pk_str_make(line.p + 10, line.n - 10u)), out, PK_ADDRESS_BYTES) > 0
                       ? PK_OK
                       : PK_E_NOT_FOUND;
        }
    }
    return PK_E_NOT_FOUND;
}

/* A host that refuses was reached. */
static int error_of(int number) {
    return number == ECONNREFUSED || number == ECONNRESET ? PK_E_CLOSED : PK_E_UNREACHABLE;
}

socklen_t pk_dial_address(const char *text, uint16_t port, struct sockaddr_storage *out) {
    memset(out, 0, sizeof *out);
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        return sizeof *v6;
    }
    return 0;
}

bool pk_dial_wait(int fd, short events, uint64_t deadline_us) {
    for (;;) {
        const uint64_t now_us = pk_linux_mono_us();
        if (now_us >= deadline_us) {
            return false;
        }
        struct pollfd p = {.fd = fd, .events = events};
        const uint64_t left_ms = (deadline_us - now_us + 999u) / 1000u;
        const int n = poll(&p, 1, left_ms > 60000u ? 60000 : (int)left_ms);
        if (n > 0) {
            return true;
        }
        if (n < 0 && errno != EINTR) {
            return false;
        }
    }
}

static void dial_close(void *ctx) {
    struct pk_dial *d = ctx;
    if (d->is_tls) {
        pk_tls_end(&d->tls, true);
    }
    d->is_tls = false;
    if (d->fd >= 0) {
        (void)close(d->fd);
    }
    d->fd = -1;
}

static int dial_connect(void *ctx, const char *address, uint16_t port, bool is_datagram,
                        uint64_t deadline_us) {
    struct pk_dial *d = ctx;
    struct sockaddr_storage to;
    const socklen_t bytes = pk_dial_address(address, port, &to);
    if (bytes == 0) {
        return fail(d, PK_E_UNREACHABLE, "not a numeric address", 0);
    }
    dial_close(d);
    d->is_datagram = is_datagram;
    d->fd = socket(to.ss_family, (is_datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->fd < 0) {
        return fail(d, PK_E_FULL, "no socket", errno);
    }
    const int one = 1;
    if (!is_datagram) {
        (void)setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    if (connect(d->fd, (struct sockaddr *)&to, bytes) == 0) {
        return PK_OK;
    }
    if (errno != EINPROGRESS) {
        return fail(d, error_of(errno), "connect", errno);
    }
    if (!pk_dial_wait(d->fd, POLLOUT, deadline_us)) {
        return fail(d, PK_E_TIMEOUT, "connect", ETIMEDOUT);
    }
    int number = 0;
    socklen_t number_bytes = sizeof number;
    (void)getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &number, &number_bytes);
    return number == 0 ? PK_OK : fail(d, error_of(number), "connect", number);
}

/* ---- bytes; those of TLS pass through the same socket without waiting ---- */

static int raw_send(void *ctx, const void *p, uint32_t n) {
    struct pk_dial *d = ctx;
    const ssize_t sent = send(d->fd, p, n, MSG_NOSIGNAL);
    if (sent < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : PK_E_CLOSED;
    }
    return (int)sent;
}

static int raw_recv(void *ctx, void *out, uint32_t cap_bytes) {
    struct pk_dial *d = ctx;
    const ssize_t n = recv(d->fd, out, cap_bytes, 0);
    if (n > 0) {
        return (int)n;
    }
    if (n == 0) {
        errno = 0; /* nothing went wrong */
        return PK_E_CLOSED;
    }
    return errno == EAGAIN || errno == EINTR ? 0 : error_of(errno);
}

static int dial_secure(void *ctx, const char *server_name, struct pk_str ca, uint64_t deadline_us,
                       struct pk_dial_peer *out) {
    struct pk_dial *d = ctx;
    *out = (struct pk_dial_peer){.not_after_s = 0};
    d->tls.is_probe = true;
    const struct pk_tls_config config = {.ca = ca, .is_tls12_allowed = true};
    int err = ca.n > 0 ? pk_tls_set(&d->tls, &config) : PK_OK;
    err = err == PK_OK ? pk_tls_begin(&d->tls, server_name) : err;
    d->is_tls = err == PK_OK;
    while (err == PK_OK) {
        err = pk_tls_step(&d->tls);
        if (err == PK_OK) {
            break;
        }
        if (err == PK_E_AGAIN && !pk_dial_wait(d->fd, POLLIN, deadline_us)) {
            return fail(d, PK_E_TIMEOUT, "the TLS handshake timed out", 0);
        }
        if (err == PK_E_BUSY && pk_linux_mono_us() >= deadline_us) {
            return fail(d, PK_E_TIMEOUT, "the TLS handshake timed out", 0);
        }
        err = err == PK_E_AGAIN || err == PK_E_BUSY ? PK_OK : err;
    }
    if (err == PK_OK) {
        out->not_after_s = pk_tls_peer(&d->tls, &out->is_verified);
    }
    pk_net_error(d->error, sizeof d->error, d->tls.error, 0);
    return err;
}

static int dial_send(void *ctx, const void *p, uint32_t n, uint64_t deadline_us) {
    struct pk_dial *d = ctx;
    const uint8_t *at = p;
    while (n > 0) {
        const int sent = d->is_tls ? pk_tls_send(&d->tls, at, n) : raw_send(d, at, n);
        if (sent < 0) {
            return fail(d, sent, d->is_tls ? d->tls.error : "the peer closed the connection", 0);
        }
        if (sent == 0 && !pk_dial_wait(d->fd, POLLOUT, deadline_us)) {
            return fail(d, PK_E_TIMEOUT, "sending timed out", 0);
        }
        at += sent;
        n -= (uint32_t)sent;
    }
    while (d->is_tls && pk_tls_flush(&d->tls) == PK_E_AGAIN) {
        if (!pk_dial_wait(d->fd, POLLOUT, deadline_us)) {
            return fail(d, PK_E_TIMEOUT, "sending timed out", 0);
        }
    }
    return PK_OK;
}

static int dial_recv(void *ctx, void *out, uint32_t cap_bytes, uint64_t deadline_us) {
    struct pk_dial *d = ctx;
    for (;;) {
        if (pk_linux_mono_us() >= deadline_us) { /* also of a peer that trickles */
            return fail(d, PK_E_TIMEOUT, "no answer in time", 0);
        }
        const int n = d->is_tls ? pk_tls_recv(&d->tls, out, cap_bytes) : raw_recv(d, out, cap_bytes);
        if (n > 0) {
            return n;
        }
        if (n < 0) {
            return fail(d, n, d->is_tls ? d->tls.error : "the connection ended", d->is_tls ? 0 : errno);
        }
        if (!(d->is_tls && pk_tls_has_more(&d->tls)) && !pk_dial_wait(d->fd, POLLIN, deadline_us)) {
            return fail(d, PK_E_TIMEOUT, "no answer in time", 0);
        }
    }
}

static int dial_ping(void *ctx, const char *address, uint64_t deadline_us, uint32_t *out_us) {
    struct pk_dial *d = ctx;
    int number = 0;
    const int err = pk_dial_ping(address, deadline_us, random_u16(NULL), out_us, &number);
    return err == PK_OK ? PK_OK
           : err == PK_E_DENIED
               ? fail(d, err, "no ping socket (net.ipv4.ping_group_range) and no raw socket", number)
               : fail(d, err, "echo", err == PK_E_TIMEOUT ? ETIMEDOUT : number);
}

static int dial_certificate(void *ctx, struct pk_str bytes, int64_t *out_not_after_s) {
    struct pk_dial *d = ctx;
    const int err = pk_tls_file_end(bytes, out_not_after_s);
    return err == PK_OK ? PK_OK : fail(d, err, "it holds no readable certificate", 0);
}

static const char *error_text(void *ctx) {
    const struct pk_dial *d = ctx;
    return d->error;
}

void pk_dial_open(struct pk_dial *d, struct pk_crypto *crypto, struct pk_port_dial *out) {
    memset(d, 0, sizeof *d);
    d->fd = -1;
    pk_tls_init(&d->tls, crypto, (struct pk_tls_io){.ctx = d, .send = raw_send, .recv = raw_recv});
    *out = (struct pk_port_dial){.ctx = d,
                                 .mono_us = mono_us,
                                 .resolve = resolve,
                                 .name_server = name_server,
                                 .random = random_u16,
                                 .connect = dial_connect,
                                 .secure = dial_secure,
                                 .send = dial_send,
                                 .recv = dial_recv,
                                 .close = dial_close,
                                 .ping = dial_ping,
                                 .certificate = dial_certificate,
                                 .error_text = error_text};
}

int pk_platform_probe_order(uint32_t fd, struct pk_ipc_probe_order *out) {
    ssize_t n;
    /* The descriptor does not block, and on a busy machine we may be here before the order is. */
    if (!pk_dial_wait((int)fd, POLLIN, pk_linux_mono_us() + ORDER_PATIENCE_US)) {
        return PK_E_BAD_MSG;
    }
    do {
        n = recv((int)fd, out, sizeof *out, MSG_TRUNC);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof *out ? PK_OK : PK_E_BAD_MSG;
}

/* Files are read before; only with musl the resolver stays within its own (resolve.c). */
void pk_platform_seal_prober(void) {
    pk_platform_seal_resolver();
}
