#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port/linux/pk_linux.h"

static int ipc_send(void *ctx, const struct pk_ipc_frame *frame) {
    struct pk_linux_ipc *i = ctx;
    const int n = pk_linux_fd_send(i->loop, &i->socket, frame, sizeof *frame);
    if (n == 0) {
        return PK_E_AGAIN;
    }
    return n == (int)sizeof *frame ? PK_OK : PK_E_CLOSED;
}

static void keep(struct pk_linux_ipc *i, uint32_t id, int fd) {
    uint32_t place = PK_LINUX_IPC_FDS;
    for (uint32_t k = 0; k < PK_LINUX_IPC_FDS; k++) {
        if (i->kept[k].fd >= 0 && i->kept[k].id == id) {
            close(i->kept[k].fd);
            i->kept[k].fd = -1;
        }
        if (i->kept[k].fd < 0 && place == PK_LINUX_IPC_FDS) {
            place = k;
        }
    }
    if (place == PK_LINUX_IPC_FDS) {
        close(fd);
        i->bad_count++;
        return;
    }
    i->kept[place].fd = fd;
    i->kept[place].id = id;
}

/* The one descriptor of a message, or -1; any others are closed. */
static int take_descriptor(struct msghdr *message) {
    int kept = -1;
    /* The kernel delivers all passed descriptors in one header. */
    const struct cmsghdr *c = CMSG_FIRSTHDR(message);
    if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
        return -1;
    }
    const size_t count = ((size_t)c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t k = 0; k < count; k++) {
        int fd;
        memcpy(&fd, CMSG_DATA(c) + k * sizeof fd, sizeof fd);
        if (kept >= 0) {
            close(fd);
        } else {
            kept = fd;
        }
    }
    return kept;
}

static int ipc_recv(void *ctx, struct pk_ipc_frame *out) {
    struct pk_linux_ipc *i = ctx;
    if (i->socket.fd < 0) {
        return PK_E_CLOSED;
    }
    if (!i->socket.is_readable) {
        return PK_E_AGAIN;
    }
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = out, .iov_len = sizeof *out};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    const ssize_t n = recvmsg(i->socket.fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        i->socket.is_readable = errno == EINTR;
        i->socket.is_unfinished = false;
        return PK_E_AGAIN;
    }
    if (n <= 0) {
        i->socket.is_unfinished = false;
        return PK_E_CLOSED;
    }
    i->socket.is_unfinished = true; /* until EAGAIN says otherwise */
    const int fd = take_descriptor(&message);
    if ((size_t)n != sizeof *out || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
        out->version != PK_IPC_VERSION || out->body_bytes > PK_IPC_BODY_BYTES) {
        if (fd >= 0) {
            close(fd);
        }
        i->bad_count++;
        return PK_E_BAD_MSG;
    }
    if (fd >= 0) {
        keep(i, out->id, fd);
    }
    return PK_OK;
}

int pk_linux_ipc_take(struct pk_linux_ipc *i, uint32_t id) {
    for (uint32_t k = 0; k < PK_LINUX_IPC_FDS; k++) {
        if (i->kept[k].fd >= 0 && i->kept[k].id == id) {
            const int fd = i->kept[k].fd;
            i->kept[k].fd = -1;
            return fd;
        }
    }
    return -1;
}

int pk_linux_ipc_open(struct pk_linux_ipc *i, struct pk_linux_loop *loop, int fd, struct pk_port_ipc *out) {
    *i = (struct pk_linux_ipc){.loop = loop, .socket = {.fd = -1}};
    for (uint32_t k = 0; k < PK_LINUX_IPC_FDS; k++) {
        i->kept[k].fd = -1;
    }
    const int err = pk_linux_loop_add(loop, &i->socket, fd, false);
    *out = (struct pk_port_ipc){.ctx = i, .send = ipc_send, .recv = ipc_recv};
    return err;
}

void pk_linux_ipc_close(struct pk_linux_ipc *i) {
    pk_linux_loop_drop(i->loop, &i->socket);
    for (uint32_t k = 0; k < PK_LINUX_IPC_FDS; k++) {
        if (i->kept[k].fd >= 0) {
            close(i->kept[k].fd);
            i->kept[k].fd = -1;
        }
    }
}
