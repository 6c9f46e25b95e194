/* Text from outside, read through descriptors that the supervisor opened: nothing here needs a path, or
 * anything else the seal forbids. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "port/linux/pk_linux.h"

#ifndef SO_RXQ_OVFL
#define SO_RXQ_OVFL                                                                                          \
    40 /* asm-generic/socket.h; the same number wherever we run but on mips, whose libc has it */
#endif

static struct pk_linux_inlet_slot *slot_of(void *ctx, uint32_t slot) {
    struct pk_linux_inlet *i = ctx;
    PK_ASSERT(slot < PK_LIMIT_INLETS);
    return &i->slots[slot];
}

static bool is_of_form(int fd, enum pk_inlet_form form) {
    struct stat st;
    int type = 0;
    socklen_t n = sizeof type;
    if (fstat(fd, &st) != 0) {
        return false;
    }
    switch (form) {
    case PK_INLET_FILE:
        return S_ISREG(st.st_mode);
    case PK_INLET_DATAGRAMS:
        return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_DGRAM;
    case PK_INLET_RECORDS:
        return S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode);
    case PK_INLET_STREAM:
        return S_ISFIFO(st.st_mode);
    }
    return false;
}

static void close_slot(struct pk_linux_inlet *i, struct pk_linux_inlet_slot *s) {
    if (s->form == PK_INLET_FILE) {
        if (s->fd.fd >= 0) {
            (void)close(s->fd.fd);
        }
        s->fd = (struct pk_fd){.fd = -1};
    } else {
        pk_linux_loop_drop(i->loop, &s->fd);
    }
    for (uint32_t k = 0; k < s->waiting_count; k++) {
        (void)close(s->waiting[k]);
    }
    s->waiting_count = 0;
    s->dropped_count = 0;
}

static int adopt_file(struct pk_linux_inlet_slot *s, int fd) {
    int err = PK_OK;
    if (s->fd.fd < 0) {
        s->fd = (struct pk_fd){.fd = fd};
        return PK_OK;
    }
    if (s->waiting_count == PK_INLET_FILES_WAITING) {
        (void)close(s->waiting[0]);
        s->waiting_count--;
        memmove(&s->waiting[0], &s->waiting[1], s->waiting_count * sizeof s->waiting[0]);
        err = PK_E_FULL;
    }
    s->waiting[s->waiting_count++] = fd;
    return err;
}

static int inlet_adopt(void *ctx, uint32_t slot, enum pk_inlet_form form, uint32_t frame_id) {
    struct pk_linux_inlet *i = ctx;
    struct pk_linux_inlet_slot *s = slot_of(ctx, slot);
    const int fd = pk_linux_ipc_take(i->ipc, frame_id);
    const int yes = 1;
    if (fd < 0) {
        return PK_E_NOT_FOUND;
    }
    if (!is_of_form(fd, form)) {
        (void)close(fd);
        return PK_E_BAD_FIELD;
    }
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        (void)close(fd);
        return PK_E_IO;
    }
    if (form == PK_INLET_FILE && s->form == PK_INLET_FILE) {
        return adopt_file(s, fd);
    }
    close_slot(i, s);
    s->form = form;
    if (form == PK_INLET_FILE) {
        return adopt_file(s, fd);
    }
    if (form == PK_INLET_DATAGRAMS) { /* unix sockets have no such count: they make the sender wait */
        (void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &yes, sizeof yes);
    }
    const int err = pk_linux_loop_add(i->loop, &s->fd, fd, false);
    s->fd.is_readable = true; /* found out by reading: the first PK_E_AGAIN is true */
    if (err != PK_OK) {
        (void)close(fd);
        s->fd = (struct pk_fd){.fd = -1};
    }
    return err == PK_E_FULL ? PK_E_IO : err;
}

static void note_dropped(struct pk_linux_inlet_slot *s, struct msghdr *message) {
    const struct cmsghdr *c = CMSG_FIRSTHDR(message); /* nothing else was asked for */
    if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
        memcpy(&s->dropped_count, CMSG_DATA(c), sizeof s->dropped_count);
    }
}

static ssize_t recv_datagram(struct pk_linux_inlet_slot *s, void *to, uint32_t cap_bytes,
                             struct pk_inlet_piece *out) {
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(sizeof(uint32_t))];
    } control;
    struct iovec part = {.iov_base = to, .iov_len = cap_bytes};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    const ssize_t n = recvmsg(s->fd.fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n >= 0) {
        note_dropped(s, &message);
        *out = (struct pk_inlet_piece){.is_cut = (message.msg_flags & MSG_TRUNC) != 0,
                                       .dropped_count = s->dropped_count};
    }
    return n;
}

static int fail_recv(struct pk_linux_inlet_slot *s) {
    switch (errno) {
    case EINTR:
        return PK_E_AGAIN; /* still readable: the next turn goes on */
    case EPIPE:
        return PK_E_STALE; /* Documentation/ABI/testing/dev-kmsg */
    case EINVAL:
        return s->form == PK_INLET_RECORDS ? PK_E_STALE : PK_E_IO; /* a record longer than the room */
    default:
        break;
    }
    s->fd.is_unfinished = false;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        s->fd.is_readable = false;
        return PK_E_AGAIN;
    }
    return PK_E_IO;
}

static int inlet_recv(void *ctx, uint32_t slot, void *to, uint32_t cap_bytes, struct pk_inlet_piece *out) {
    struct pk_linux_inlet_slot *s = slot_of(ctx, slot);
    if (s->fd.fd < 0 || s->form == PK_INLET_FILE) {
        return PK_E_CLOSED;
    }
    if (!s->fd.is_readable) {
        return PK_E_AGAIN;
    }
    const bool is_datagrams = s->form == PK_INLET_DATAGRAMS;
    ssize_t n = 0;
    if (is_datagrams) {
        n = recv_datagram(s, to, cap_bytes, out);
    } else {
        *out = (struct pk_inlet_piece){.is_cut = false};
        n = read(s->fd.fd, to, cap_bytes);
    }
    if (n < 0) {
        return fail_recv(s);
    }
    s->fd.is_unfinished = true; /* until EAGAIN says otherwise */
    if (n == 0 && !is_datagrams) {
        s->fd.is_readable = s->fd.is_unfinished = false;
        return PK_E_CLOSED;
    }
    return (int)n;
}

static int inlet_read_at(void *ctx, uint32_t slot, uint64_t at, void *to, uint32_t cap_bytes) {
    const struct pk_linux_inlet_slot *s = slot_of(ctx, slot);
    if (s->fd.fd < 0 || s->form != PK_INLET_FILE) {
        return PK_E_CLOSED;
    }
    ssize_t n = pread(s->fd.fd, to, cap_bytes, (off_t)at);
    while (n < 0 && errno == EINTR) {
        n = pread(s->fd.fd, to, cap_bytes, (off_t)at);
    }
    return n < 0 ? PK_E_IO : (int)n;
}

static int inlet_look(void *ctx, uint32_t slot, struct pk_inlet_file *out) {
    const struct pk_linux_inlet_slot *s = slot_of(ctx, slot);
    struct stat st;
    if (s->fd.fd < 0 || s->form != PK_INLET_FILE) {
        return PK_E_CLOSED;
    }
    const off_t position = fstat(s->fd.fd, &st) == 0 ? lseek(s->fd.fd, 0, SEEK_CUR) : -1;
    if (position < 0) {
        return PK_E_IO;
    }
    const uint64_t of[2] = {(uint64_t)st.st_dev, (uint64_t)st.st_ino};
    *out = (struct pk_inlet_file){.identity = pk_hash64(of, sizeof of),
                                  .size_bytes = (uint64_t)st.st_size,
                                  .position = (uint64_t)position,
                                  .waiting_count = s->waiting_count};
    return PK_OK;
}

static void inlet_keep(void *ctx, uint32_t slot, uint64_t at) {
    const struct pk_linux_inlet_slot *s = slot_of(ctx, slot);
    if (s->fd.fd >= 0 && s->form == PK_INLET_FILE) {
        (void)lseek(s->fd.fd, (off_t)at, SEEK_SET);
    }
}

static int inlet_next_file(void *ctx, uint32_t slot) {
    struct pk_linux_inlet_slot *s = slot_of(ctx, slot);
    if (s->form != PK_INLET_FILE || s->waiting_count == 0) {
        return PK_E_AGAIN;
    }
    (void)close(s->fd.fd);
    s->fd.fd = s->waiting[0];
    s->waiting_count--;
    memmove(&s->waiting[0], &s->waiting[1], s->waiting_count * sizeof s->waiting[0]);
    return PK_OK;
}

static void inlet_close(void *ctx, uint32_t slot) {
    close_slot(ctx, slot_of(ctx, slot));
}

static int inlet_send(void *ctx, uint32_t slot, const char *address, uint16_t port, const void *p,
                      uint32_t n) {
    const struct pk_linux_inlet_slot *s = slot_of(ctx, slot);
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    const struct sockaddr *to = (const struct sockaddr *)&v4;
    socklen_t bytes = sizeof v4;
    if (s->fd.fd < 0 || s->form != PK_INLET_DATAGRAMS) {
        return PK_E_CLOSED;
    }
    if (inet_pton(AF_INET, address, &v4.sin_addr) != 1) {
        if (inet_pton(AF_INET6, address, &v6.sin6_addr) != 1) {
            return PK_E_BAD_FIELD;
        }
        to = (const struct sockaddr *)&v6;
        bytes = sizeof v6;
    }
    if (sendto(s->fd.fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL, to, bytes) == (ssize_t)n) {
        return PK_OK;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? PK_E_AGAIN : PK_E_UNREACHABLE;
}

void pk_linux_inlet_open(struct pk_linux_inlet *i, struct pk_linux_loop *loop, struct pk_linux_ipc *ipc,
                         struct pk_port_inlet *out) {
    *i = (struct pk_linux_inlet){.loop = loop, .ipc = ipc};
    for (uint32_t k = 0; k < PK_LIMIT_INLETS; k++) {
        i->slots[k].fd.fd = -1;
    }
    *out = (struct pk_port_inlet){.ctx = i,
                                  .adopt = inlet_adopt,
                                  .recv = inlet_recv,
                                  .read_at = inlet_read_at,
                                  .look = inlet_look,
                                  .keep = inlet_keep,
                                  .next_file = inlet_next_file,
                                  .close = inlet_close,
                                  .send = inlet_send};
}

void pk_linux_inlet_close(struct pk_linux_inlet *i) {
    for (uint32_t k = 0; k < PK_LIMIT_INLETS; k++) {
        close_slot(i, &i->slots[k]);
    }
}
