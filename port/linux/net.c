#include "port/linux/pk_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port/linux/pk_net_error.h"

static int fail(struct pk_net *n, int err, const char *what, int number) {
    pk_net_error(n->error, sizeof n->error, what, number);
    n->state = PK_NET_DEAD;
    return err;
}

/* Nothing was begun: the state stays what it was, so the next open finds it closed. */
static int fail_open(struct pk_net *n, int err, const char *what, int number) {
    pk_net_error(n->error, sizeof n->error, what, number);
    return err;
}

static int fail_tls(struct pk_net *n, int err) {
    pk_net_error(n->error, sizeof n->error, n->tls.error, 0);
    n->state = PK_NET_DEAD;
    return err;
}

static int io_send(void *ctx, const void *p, uint32_t count) {
    struct pk_net *n = ctx;
    return pk_linux_fd_send(n->loop, &n->socket, p, count);
}

static int io_recv(void *ctx, void *out, uint32_t cap_bytes) {
    struct pk_net *n = ctx;
    return pk_linux_fd_recv(&n->socket, out, cap_bytes);
}

static socklen_t address_of(const struct pk_endpoint *e, struct sockaddr_storage *out) {
    memset(out, 0, sizeof *out);
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    if (inet_pton(AF_INET, e->address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(e->port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, e->address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(e->port);
        return sizeof *v6;
    }
    return 0;
}

static bool set_option(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

static bool set_options(int fd, int idle_s) {
    return set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) && set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
           set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE,
                      idle_s > PK_NET_KEEPALIVE_S ? idle_s : PK_NET_KEEPALIVE_S) &&
           set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, PK_NET_PROBE_S) &&
           set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, PK_NET_PROBES) &&
           set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, PK_NET_USER_TIMEOUT_MS);
}

static int net_connect(void *ctx, const struct pk_endpoint *endpoint) {
    struct pk_net *n = ctx;
    if (n->state != PK_NET_CLOSED) {
        return fail_open(n, PK_E_UNREACHABLE, "the previous connection is not closed", 0);
    }
    struct sockaddr_storage address;
    const socklen_t address_bytes = address_of(endpoint, &address);
    if (address_bytes == 0) {
        return fail_open(n, PK_E_UNREACHABLE, "not a numeric address", 0);
    }
    n->is_tls = endpoint->use_tls;
    n->wall_floor_ms = endpoint->wall_floor_ms;
    memcpy(n->server_name, endpoint->server_name, sizeof n->server_name);
    n->server_name[sizeof n->server_name - 1] = '\0';
    const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return fail_open(n, PK_E_FULL, "no socket", errno);
    }
    if (!set_options(fd, endpoint->idle_s) ||
        (connect(fd, (struct sockaddr *)&address, address_bytes) != 0 && errno != EINPROGRESS)) {
        const int number = errno;
        close(fd);
        return fail_open(n, PK_E_UNREACHABLE, "connect", number);
    }
    const int err = pk_linux_loop_add(n->loop, &n->socket, fd, true);
    if (err != PK_OK) {
        close(fd);
        return fail_open(n, PK_E_FULL, "too many descriptors", 0);
    }
    n->state = PK_NET_CONNECTING;
    pk_net_error(n->error, sizeof n->error, "connecting", 0);
    return PK_OK;
}

static int finish_connect(struct pk_net *n) {
    if (!n->socket.is_writable) {
        return PK_E_AGAIN;
    }
    int number = 0;
    socklen_t bytes = sizeof number;
    if (getsockopt(n->socket.fd, SOL_SOCKET, SO_ERROR, &number, &bytes) != 0) {
        number = errno;
    }
    if (number != 0) {
        return fail(n, PK_E_UNREACHABLE, "connect", number);
    }
    if (!n->is_tls) {
        n->state = PK_NET_OPEN;
        pk_net_error(n->error, sizeof n->error, "", 0);
        return PK_OK;
    }
    pk_tls_library_floor(n->wall_floor_ms);
    const int err = pk_tls_begin(&n->tls, n->server_name);
    if (err != PK_OK) {
        return fail_tls(n, err);
    }
    n->state = PK_NET_HANDSHAKE;
    return PK_OK;
}

/* A step of the handshake, unless somebody else had the public-key operation of this round. */
static int handshake(struct pk_net *n) {
    if (!pk_crypto_has_turn(n->crypto, n)) {
        return PK_E_BUSY;
    }
    const int err = pk_tls_step(&n->tls);
    if (err != PK_E_AGAIN) {
        pk_crypto_take_turn(n->crypto, n);
    }
    return err;
}

static int net_poll(void *ctx) {
    struct pk_net *n = ctx;
    if (n->state == PK_NET_CONNECTING) {
        const int err = finish_connect(n);
        if (err != PK_OK) {
            return err;
        }
    }
    if (n->state == PK_NET_HANDSHAKE) {
        const int err = handshake(n);
        if (err == PK_E_BUSY || err == PK_E_AGAIN) {
            n->socket.is_unfinished = err == PK_E_BUSY;
            return PK_E_AGAIN;
        }
        if (err != PK_OK) {
            return fail_tls(n, err);
        }
        n->state = PK_NET_OPEN;
        /* Records may have come with the last flight. */
        n->socket.is_unfinished = n->socket.is_readable || pk_tls_has_more(&n->tls);
        pk_net_error(n->error, sizeof n->error, "", 0);
    }
    if (n->state == PK_NET_OPEN && n->is_tls && pk_tls_flush(&n->tls) == PK_E_TLS) {
        return fail_tls(n, PK_E_TLS);
    }
    return n->state == PK_NET_OPEN ? PK_OK : PK_E_CLOSED;
}

static int net_send(void *ctx, const void *p, uint32_t count) {
    struct pk_net *n = ctx;
    if (n->state != PK_NET_OPEN) {
        return PK_E_CLOSED;
    }
    if (n->is_tls) {
        const int r = pk_tls_send(&n->tls, p, count);
        return r < 0 ? fail_tls(n, r) : r;
    }
    const int r = pk_linux_fd_send(n->loop, &n->socket, p, count > INT32_MAX ? (uint32_t)INT32_MAX : count);
    return r < 0 ? fail(n, r, "send", errno) : r;
}

static int net_recv(void *ctx, void *out, uint32_t cap_bytes) {
    struct pk_net *n = ctx;
    if (n->state != PK_NET_OPEN) {
        return PK_E_CLOSED;
    }
    if (n->is_tls) {
        const int r = pk_tls_recv(&n->tls, out, cap_bytes);
        if (r > 0) {
            n->socket.is_unfinished = n->socket.is_readable || pk_tls_has_more(&n->tls);
        }
        return r < 0 ? fail_tls(n, r) : r;
    }
    const int r = pk_linux_fd_recv(&n->socket, out, cap_bytes);
    if (r < 0) {
        return r == PK_E_CLOSED ? fail(n, r, "the peer closed the connection", 0) : fail(n, r, "recv", errno);
    }
    return r;
}

/* What TCP_INFO answers (include/uapi/linux/tcp.h), stated here because the headers of a libc may be older
 * than the kernel. An older kernel fills less of it; the rest stays 0. */
struct kernel_tcp_info {
    uint8_t states[8];
    uint32_t figures[24];
    uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
    uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
    uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
    uint32_t delivered, delivered_ce;
    uint64_t bytes_sent;
};
_Static_assert(offsetof(struct kernel_tcp_info, bytes_acked) == 120 &&
                   offsetof(struct kernel_tcp_info, bytes_sent) == 200,
               "as the kernel lays it out");

/* By the connection there is. The kernel counts bytes of the stream and segments (tcp(7), TCP_INFO); each
 * segment has an IP and a TCP header, mostly with a time stamp. */
static uint64_t carried_now(const struct pk_net *n) {
    enum { HEADER_V4_BYTES = 52, HEADER_V6_BYTES = 72 };
    struct kernel_tcp_info info;
    struct sockaddr_storage peer;
    socklen_t info_bytes = sizeof info, peer_bytes = sizeof peer;
    memset(&info, 0, sizeof info);
    memset(&peer, 0, sizeof peer);
    if (n->socket.fd < 0 || getsockopt(n->socket.fd, IPPROTO_TCP, TCP_INFO, &info, &info_bytes) != 0) {
        return 0;
    }
    (void)getpeername(n->socket.fd, (struct sockaddr *)&peer, &peer_bytes);
    const uint64_t segments = (uint64_t)info.segs_out + info.segs_in;
    const uint64_t sent = info.bytes_sent > info.bytes_acked ? info.bytes_sent /* sent again, too */
                                                             : info.bytes_acked;
    return sent + info.bytes_received +
           segments * (peer.ss_family == AF_INET6 ? (uint64_t)HEADER_V6_BYTES : (uint64_t)HEADER_V4_BYTES);
}

static uint64_t net_carried_bytes(void *ctx) {
    const struct pk_net *n = ctx;
    return n->carried_bytes + carried_now(n);
}

static void net_close(void *ctx) {
    struct pk_net *n = ctx;
    pk_tls_end(&n->tls, n->state == PK_NET_OPEN);
    n->carried_bytes += carried_now(n);
    pk_linux_loop_drop(n->loop, &n->socket);
    n->state = PK_NET_CLOSED;
}

static const char *net_error_text(void *ctx) {
    const struct pk_net *n = ctx;
    return n->error;
}

static uint64_t net_resumed_count(void *ctx) {
    const struct pk_net *n = ctx;
    return n->tls.resumed_count;
}

int pk_net_set_tls(struct pk_net *n, const struct pk_tls_config *c) {
    const int err = pk_tls_set(&n->tls, c);
    if (err != PK_OK) {
        pk_net_error(n->error, sizeof n->error, n->tls.error, 0);
    }
    return err;
}

void pk_net_open(struct pk_net *n, struct pk_linux_loop *loop, struct pk_crypto *crypto,
                 struct pk_port_stream *out) {
    memset(n, 0, sizeof *n);
    n->loop = loop;
    n->crypto = crypto;
    n->socket.fd = -1;
    pk_tls_init(&n->tls, crypto, (struct pk_tls_io){.ctx = n, .send = io_send, .recv = io_recv});
    *out = (struct pk_port_stream){.ctx = n,
                                   .open = net_connect,
                                   .poll = net_poll,
                                   .send = net_send,
                                   .recv = net_recv,
                                   .close = net_close,
                                   .error_text = net_error_text,
                                   .resumed_count = net_resumed_count,
                                   .carried_bytes = net_carried_bytes};
}
