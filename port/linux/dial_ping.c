/* One ICMP echo (RFC 792, RFC 4443): through a ping socket where the system allows our group one
 * (net.ipv4.ping_group_range), else through the raw socket that root opened for us. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "port/linux/pk_dial.h"

enum { ECHO4 = 8, REPLY4 = 0, ECHO6 = 128, REPLY6 = 129, ECHO_BYTES = 32, HEADER_BYTES = 8 };

struct echo {
    int fd;
    bool is_raw, is_v6;
    uint16_t id, sequence;
    struct sockaddr_storage to;
    socklen_t to_bytes;
};

static uint16_t checksum(const uint8_t *p, uint32_t n) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i + 1u < n; i += 2) {
        sum += (uint32_t)p[i] << 8 | p[i + 1u];
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xFFFFu) + (sum >> 16);
    }
    return (uint16_t)(~sum & 0xFFFFu);
}

static void build(const struct echo *e, uint8_t out[ECHO_BYTES]) {
    memset(out, 0x50, ECHO_BYTES);
    memset(out, 0, HEADER_BYTES);
    out[0] = e->is_v6 ? ECHO6 : ECHO4;
    out[4] = (uint8_t)(e->id >> 8);
    out[5] = (uint8_t)(e->id & 255u);
    out[6] = (uint8_t)(e->sequence >> 8);
    out[7] = (uint8_t)(e->sequence & 255u);
    if (!e->is_v6) { /* for IPv6 the kernel knows the addresses that belong into it */
        const uint16_t sum = checksum(out, ECHO_BYTES);
        out[2] = (uint8_t)(sum >> 8);
        out[3] = (uint8_t)(sum & 255u);
    }
}

static bool is_same_host(const struct echo *e, const struct sockaddr_storage *from) {
    if (e->to.ss_family != from->ss_family) {
        return false;
    }
    if (e->is_v6) {
        return memcmp(&((const struct sockaddr_in6 *)(const void *)&e->to)->sin6_addr,
                      &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16) == 0;
    }
    return ((const struct sockaddr_in *)(const void *)&e->to)->sin_addr.s_addr ==
           ((const struct sockaddr_in *)(const void *)from)->sin_addr.s_addr;
}

/* A raw socket of IPv4 gives the IP header too; a ping socket writes an id of its own. */
static bool is_reply(const struct echo *e, const uint8_t *p, size_t n) {
    if (e->is_raw && !e->is_v6) {
        const size_t header = n > 0 ? (size_t)(p[0] & 15u) * 4u : 0;
        if (header < 20 || n < header) {
            return false;
        }
        p += header;
        n -= header;
    }
    return n >= ECHO_BYTES && p[0] == (e->is_v6 ? REPLY6 : REPLY4) &&
           (!e->is_raw || (p[4] == e->id >> 8 && p[5] == (e->id & 255u))) && p[6] == e->sequence >> 8 &&
           p[7] == (e->sequence & 255u) && p[HEADER_BYTES] == 0x50 && p[ECHO_BYTES - 1] == 0x50;
}

static bool has_raw(int family) {
    int domain = 0, type = 0;
    socklen_t n = sizeof domain, m = sizeof type;
    return getsockopt(PK_DIAL_RAW_FD, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 &&
           getsockopt(PK_DIAL_RAW_FD, SOL_SOCKET, SO_TYPE, &type, &m) == 0 && domain == family &&
           type == SOCK_RAW;
}

static int exchange(const struct echo *e, uint64_t deadline_us, uint32_t *out_us, int *out_errno) {
    uint8_t bytes[ECHO_BYTES], got[256];
    build(e, bytes);
    const uint64_t start_us = pk_linux_mono_us();
    if (sendto(e->fd, bytes, sizeof bytes, 0, (const struct sockaddr *)&e->to, e->to_bytes) < 0) {
        *out_errno = errno;
        return PK_E_UNREACHABLE;
    }
    while (pk_dial_wait(e->fd, POLLIN, deadline_us)) {
        struct sockaddr_storage from;
        socklen_t from_bytes = sizeof from;
        memset(&from, 0, sizeof from);
        const ssize_t n =
            recvfrom(e->fd, got, sizeof got, MSG_DONTWAIT, (struct sockaddr *)&from, &from_bytes);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            *out_errno = errno;
            return PK_E_UNREACHABLE;
        }
        if (n > 0 && is_same_host(e, &from) && is_reply(e, got, (size_t)n)) {
            *out_us = (uint32_t)(pk_linux_mono_us() - start_us);
            return PK_OK;
        }
    }
    return PK_E_TIMEOUT;
}

int pk_dial_ping(const char *address, uint64_t deadline_us, uint16_t id, uint32_t *out_us, int *out_errno) {
    struct echo e = {.id = id, .sequence = (uint16_t)(id ^ 0x5A5Au)};
    e.to_bytes = pk_dial_address(address, 0, &e.to);
    if (e.to_bytes == 0) {
        *out_errno = EINVAL;
        return PK_E_UNREACHABLE;
    }
    e.is_v6 = e.to.ss_family == AF_INET6;
    const int own =
        socket(e.to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, e.is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
    if (own < 0 && !has_raw(e.to.ss_family)) {
        *out_errno = EACCES;
        return PK_E_DENIED;
    }
    e.is_raw = own < 0;
    e.fd = e.is_raw ? PK_DIAL_RAW_FD : own;
    const int err = exchange(&e, deadline_us, out_us, out_errno);
    if (own >= 0) {
        (void)close(own);
    }
    return err;
}
