#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "port/linux/pk_linux.h"

/* A flood of connections is turned away in pieces, so that one tick stays short. */
enum { ACCEPTS_A_CALL = 16 };

static struct pk_linux_connection *connection_of(struct pk_linux_serve *s, uint32_t index) {
    PK_ASSERT(index < PK_LIMIT_CONNECTIONS);
    return &s->connections[index];
}

static uint32_t free_connection(const struct pk_linux_serve *s) {
    uint32_t i = 0;
    while (i < PK_LIMIT_CONNECTIONS && s->connections[i].socket.fd >= 0) {
        i++;
    }
    return i;
}

static uint32_t event_senders(const struct pk_linux_serve *s) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        const struct pk_linux_connection *c = &s->connections[i];
        count += c->socket.fd >= 0 && c->listener == PK_LISTEN_EVENTS ? 1u : 0u;
    }
    return count;
}

/* SO_PEERCRED knows the primary group only; the groups that people are put into are these. */
static void read_groups(int fd, struct pk_serve_event *out) {
    gid_t groups[PK_SERVE_GROUPS];
    socklen_t bytes = sizeof groups;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes) != 0) {
        return; /* before Linux 4.13, or too many */
    }
    for (uint32_t i = 0; i < bytes / sizeof groups[0]; i++) {
        out->groups[out->group_count++] = groups[i];
    }
}

static bool is_full_for(const struct pk_linux_serve *s, enum pk_listener which) {
    return free_connection(s) == PK_LIMIT_CONNECTIONS ||
           (which == PK_LISTEN_EVENTS && event_senders(s) >= PK_LIMIT_CONNECTIONS - PK_SERVE_CONTROL_RESERVE);
}

/* Whoever comes now need not be turned away: a peer has gone, and its place is free once that was read; or
 * one is so new that it is not known yet whether it has gone, which the next round tells. */
static bool is_place_coming(const struct pk_linux_serve *s, bool *out_next_round) {
    bool is_coming = false;
    *out_next_round = false;
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        const struct pk_linux_connection *c = &s->connections[i];
        is_coming = is_coming || (c->socket.fd >= 0 && c->socket.is_hung_up);
        *out_next_round = *out_next_round || (c->socket.fd >= 0 && c->accepted_round == s->loop->round);
    }
    return is_coming || *out_next_round;
}

/* Takes fd in. PK_OK and *out, or it is closed and counted. */
static int take_connection(struct pk_linux_serve *s, int fd, enum pk_listener which,
                           struct pk_serve_event *out) {
    const uint32_t index = free_connection(s);
    struct ucred peer = {0};
    socklen_t peer_bytes = sizeof peer;
    if (is_full_for(s, which) || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_bytes) != 0 ||
        pk_linux_loop_add(s->loop, &s->connections[index].socket, fd, false) != PK_OK) {
        close(fd);
        s->refused_count++;
        return PK_E_FULL;
    }
    struct pk_linux_connection *c = &s->connections[index];
    c->listener = which;
    c->round = s->loop->round - 1u;
    c->accepted_round = s->loop->round;
    c->is_dead = false;
    c->is_dead_reported = false;
    *out = (struct pk_serve_event){
        .kind = PK_SERVE_OPENED, .connection = index, .listener = which, .uid = peer.uid, .gid = peer.gid};
    read_groups(fd, out);
    return PK_OK;
}

static int accept_next(struct pk_linux_serve *s, struct pk_serve_event *out) {
    for (uint32_t which = 0; which < PK_LISTENER_COUNT; which++) {
        struct pk_fd *l = &s->listeners[which];
        for (uint32_t tries = 0; l->fd >= 0 && l->is_readable && tries < ACCEPTS_A_CALL; tries++) {
            bool is_next_round = false;
            if (is_full_for(s, (enum pk_listener)which) && is_place_coming(s, &is_next_round)) {
                l->is_unfinished = is_next_round; /* else it goes on when a place is given back */
                break;
            }
            const int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) {
                /* Out of descriptors is not the end of the queue: try again at the next round. */
                l->is_readable = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
                l->is_unfinished = false;
                break;
            }
            l->is_unfinished = true;
            if (take_connection(s, fd, (enum pk_listener)which, out) == PK_OK) {
                return PK_OK;
            }
        }
    }
    return PK_E_AGAIN;
}

static int serve_next(void *ctx, struct pk_serve_event *out) {
    struct pk_linux_serve *s = ctx;
    if (accept_next(s, out) == PK_OK) {
        return PK_OK;
    }
    for (uint32_t tried = 0; tried < PK_LIMIT_CONNECTIONS; tried++) {
        const uint32_t index = s->at;
        s->at = (s->at + 1u) % PK_LIMIT_CONNECTIONS;
        struct pk_linux_connection *c = &s->connections[index];
        if (c->socket.fd < 0) {
            continue;
        }
        *out = (struct pk_serve_event){.connection = index, .listener = c->listener};
        if (c->is_dead && !c->is_dead_reported) {
            c->is_dead_reported = true;
            out->kind = PK_SERVE_CLOSED;
            return PK_OK;
        }
        if (!c->is_dead && c->socket.is_readable && c->round != s->loop->round) {
            c->round = s->loop->round;
            out->kind = PK_SERVE_READABLE;
            return PK_OK;
        }
    }
    return PK_E_AGAIN;
}

static int serve_recv(void *ctx, uint32_t connection, void *out, uint32_t cap_bytes) {
    struct pk_linux_connection *c = connection_of(ctx, connection);
    if (c->is_dead) {
        return PK_E_CLOSED;
    }
    const int n = pk_linux_fd_recv(&c->socket, out, cap_bytes);
    c->is_dead = n < 0;
    return n;
}

static int serve_send(void *ctx, uint32_t connection, const void *p, uint32_t n) {
    struct pk_linux_serve *s = ctx;
    struct pk_linux_connection *c = connection_of(s, connection);
    /* Not refused when is_dead: the peer may have ended its side only and wait for the answer. */
    const int r = pk_linux_fd_send(s->loop, &c->socket, p, n);
    c->is_dead = c->is_dead || r < 0;
    return r;
}

static void serve_close_one(void *ctx, uint32_t connection) {
    struct pk_linux_serve *s = ctx;
    pk_linux_loop_drop(s->loop, &connection_of(s, connection)->socket);
    for (uint32_t i = 0; i < PK_LISTENER_COUNT; i++) {
        s->listeners[i].is_unfinished = s->listeners[i].fd >= 0 && s->listeners[i].is_readable;
    }
}

static uint64_t serve_refused_count(void *ctx) {
    const struct pk_linux_serve *s = ctx;
    return s->refused_count;
}

void pk_linux_serve_open(struct pk_linux_serve *s, struct pk_linux_loop *loop, struct pk_port_serve *out) {
    *s = (struct pk_linux_serve){.loop = loop};
    for (uint32_t i = 0; i < PK_LISTENER_COUNT; i++) {
        s->listeners[i].fd = -1;
    }
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        s->connections[i].socket.fd = -1;
    }
    *out = (struct pk_port_serve){.ctx = s,
                                  .next = serve_next,
                                  .recv = serve_recv,
                                  .send = serve_send,
                                  .close = serve_close_one,
                                  .refused_count = serve_refused_count};
}

int pk_linux_serve_adopt(struct pk_linux_serve *s, enum pk_listener which, int fd) {
    int is_listening = 0;
    socklen_t n = sizeof is_listening;
    struct sockaddr_un address = {.sun_family = AF_UNSPEC};
    socklen_t address_bytes = sizeof address;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &n) != 0 || is_listening == 0 ||
        getsockname(fd, (struct sockaddr *)&address, &address_bytes) != 0 || address.sun_family != AF_UNIX) {
        close(fd);
        return PK_E_BAD_FIELD;
    }
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        close(fd);
        return PK_E_IO;
    }
    pk_linux_loop_drop(s->loop, &s->listeners[which]);
    const int err = pk_linux_loop_add(s->loop, &s->listeners[which], fd, false);
    if (err != PK_OK) {
        close(fd);
    }
    return err;
}

void pk_linux_serve_close(struct pk_linux_serve *s) {
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        pk_linux_loop_drop(s->loop, &s->connections[i].socket);
    }
    for (uint32_t i = 0; i < PK_LISTENER_COUNT; i++) {
        pk_linux_loop_drop(s->loop, &s->listeners[i]);
    }
}
