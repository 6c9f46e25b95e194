/* Frames to and from the agent, descriptors to it. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port/linux/pk_super_platform.h"

/* The table of what the agent may be given; -1 = not there. */
static int descriptor_of(const struct pk_super_platform *p, int open_id) {
    switch (open_id) {
    case PK_IPC_OPEN_CONTROL:
        return p->listener_fd[PK_LISTEN_CONTROL];
    case PK_IPC_OPEN_EVENTS:
        return p->listener_fd[PK_LISTEN_EVENTS];
    default:
        break;
    }
    const int slot = open_id - PK_IPC_OPEN_INLET;
    return slot >= 0 && slot < (int)PK_LIMIT_INLETS ? p->inlets[slot].fd : -1;
}

static void attach(struct msghdr *message, void *space, size_t space_bytes, int fd) {
    memset(space, 0, space_bytes);
    message->msg_control = space;
    message->msg_controllen = CMSG_SPACE(sizeof fd);
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
}

static int send_error(void) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EINTR) {
        return PK_E_AGAIN;
    }
    return PK_E_CLOSED;
}

int pk_super_send(void *ctx, const struct pk_ipc_frame *frame, int open_id) {
    const struct pk_super_platform *p = ctx;
    if (p->children[PK_SUPER_AGENT].fd < 0) {
        return PK_E_CLOSED;
    }
    union {
        const struct pk_ipc_frame *in;
        void *out; /* iovec is not const; sendmsg only reads */
    } bytes = {.in = frame};
    struct iovec part = {.iov_base = bytes.out, .iov_len = sizeof *frame};
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } space;
    if (open_id >= 0) {
        const int fd = descriptor_of(p, open_id);
        if (fd < 0) {
            return PK_E_NOT_FOUND;
        }
        attach(&message, &space, sizeof space, fd);
    }
    const ssize_t n = sendmsg(p->children[PK_SUPER_AGENT].fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n == (ssize_t)sizeof *frame ? PK_OK : send_error();
}

/* Descriptors the other side tries to hand over have nowhere to go: the kernel drops them. */
static int recv_frame(int fd, struct pk_ipc_frame *out) {
    const ssize_t n = recv(fd, out, sizeof *out, MSG_DONTWAIT | MSG_TRUNC);
    if (n == 0) {
        return PK_E_CLOSED;
    }
    if (n < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? PK_E_AGAIN : PK_E_CLOSED;
    }
    return n == (ssize_t)sizeof *out && out->version == PK_IPC_VERSION ? PK_OK : PK_E_BAD_MSG;
}

int pk_super_recv(void *ctx, struct pk_ipc_frame *out) {
    const struct pk_super_platform *p = ctx;
    return p->children[PK_SUPER_AGENT].fd < 0 ? PK_E_CLOSED : recv_frame(p->children[PK_SUPER_AGENT].fd, out);
}

/* The one frame a child left on its socket. */
static int take_result(struct pk_super_platform *p, enum pk_super_child which, uint16_t type, void *out,
                       uint32_t bytes) {
    struct pk_super_child_state *child = &p->children[which];
    struct pk_ipc_frame frame;
    int result = PK_E_BAD_MSG;
    if (child->fd >= 0 && recv_frame(child->fd, &frame) == PK_OK && frame.type == type &&
        frame.body_bytes == bytes) {
        memcpy(out, frame.body, bytes);
        result = PK_OK;
    }
    if (child->fd >= 0 && child->pid == 0) {
        (void)close(child->fd);
        child->fd = -1;
    }
    return result;
}

int pk_super_resolved(void *ctx, enum pk_super_child which, struct pk_ipc_resolved *out) {
    return take_result(ctx, which, PK_IPC_RESOLVED, out, sizeof *out);
}

int pk_super_probed(void *ctx, enum pk_super_child which, struct pk_ipc_probed *out) {
    return take_result(ctx, which, PK_IPC_PROBED, out, sizeof *out);
}
