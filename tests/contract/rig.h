/*
 * One rig, two kinds of ports: the same test function runs on port/linux (real descriptors on this machine)
 * and on port/sim. What the far side of a port does (broker, supervisor, client) has one name here and two
 * implementations.
 *
 *     ON_BOTH(stream__echo) { ... uses `rig` ... }
 *     CONTRACT_MAIN(BOTH(stream__echo))
 */
#ifndef PK_CONTRACT_RIG_H
#define PK_CONTRACT_RIG_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "base/pk_batch.h"
#include "port/linux/pk_linux.h"
#include "port/linux/pk_net.h"
#include "port/linux/pk_source.h"
#include "port/lmdb/pk_lmdb.h"
#include "port/sim/pk_sim.h"
#include "support/pk_test.h"

#define ON_BOTH(name)                                                                                        \
    static void name##__body(struct rig *rig);                                                               \
    static void name##__linux(void) {                                                                        \
        rig_open(&rig_only, false);                                                                          \
        name##__body(&rig_only);                                                                             \
        rig_close(&rig_only);                                                                                \
    }                                                                                                        \
    static void name##__sim(void) {                                                                          \
        rig_open(&rig_only, true);                                                                           \
        name##__body(&rig_only);                                                                             \
        rig_close(&rig_only);                                                                                \
    }                                                                                                        \
    static void name##__body(struct rig *rig)
#define BOTH(name) name##__linux, name##__sim
/* Expands BOTH before the names are taken. */
#define CONTRACT_MAIN(...) PK_TEST_MAIN(__VA_ARGS__)

enum { RIG_PEER_BYTES = 256 * 1024, RIG_FRAMES = 16, RIG_PATH_BYTES = 160, RIG_MAP_BYTES = 4 << 20 };

struct rig {
    bool is_sim;
    struct pk_port port;
    char dir[RIG_PATH_BYTES];
    /* linux */
    struct pk_linux_clock clock;
    struct pk_linux_log log;
    struct pk_linux_loop loop;
    struct pk_linux_ipc ipc;
    struct pk_linux_serve serve;
    struct pk_linux_inlet inlet;
    struct pk_source source;
    struct pk_crypto crypto;
    struct pk_net net;
    struct pk_lmdb store;
    struct pk_port_entropy entropy;
    struct pk_port_clock clock_port;
    bool has_store;
    int log_fd, super_fd, listen_fd, peer_fd;
    /* sim */
    struct pk_sim sim;
    /* what reached the far side of a link, and the supervisor (sim) */
    uint8_t peer_bytes[RIG_PEER_BYTES];
    uint32_t peer_count;
    bool is_peer_connected, is_peer_closed;
    struct pk_ipc_frame frames[RIG_FRAMES];
    uint32_t frame_count;
};

__attribute__((unused)) static struct rig rig_only; /* one at a time: it is large */

/* ---- simulation hooks */
static inline void rig_sim_connected(void *arg, struct pk_sim *sim, uint32_t link) {
    (void)sim;
    (void)link;
    ((struct rig *)arg)->is_peer_connected = true;
}

static inline void rig_sim_received(void *arg, struct pk_sim *sim, uint32_t link, const uint8_t *p,
                                    uint32_t n) {
    (void)sim;
    (void)link;
    struct rig *r = arg;
    if (n <= RIG_PEER_BYTES - r->peer_count) {
        memcpy(r->peer_bytes + r->peer_count, p, n);
        r->peer_count += n;
    }
}

static inline void rig_sim_closed(void *arg, struct pk_sim *sim, uint32_t link) {
    (void)sim;
    (void)link;
    ((struct rig *)arg)->is_peer_closed = true;
}

static inline void rig_sim_frame(void *arg, struct pk_sim *sim, const struct pk_ipc_frame *frame) {
    (void)sim;
    struct rig *r = arg;
    if (r->frame_count < RIG_FRAMES) {
        r->frames[r->frame_count++] = *frame;
    }
}

/* ---- opening */
static inline void rig_die(const char *what) {
    fprintf(stderr, "rig: %s: errno %d\n", what, errno);
    exit(1);
}

static inline void rig_path(const struct rig *r, const char *name, char out[RIG_PATH_BYTES]) {
    snprintf(out, RIG_PATH_BYTES, "%.100s/%s", r->dir, name);
}

static inline int rig_unix_listen(const char *path) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%.100s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 64) != 0) {
        rig_die("listen");
    }
    return fd;
}

static inline void rig_open_store(struct rig *r) {
    const struct pk_lmdb_config c = {.state_dir = r->dir,
                                     .map_bytes = RIG_MAP_BYTES,
                                     .wake_fd = pk_linux_loop_wake_fd(&r->loop),
                                     .now_us = pk_linux_mono_us};
    if (pk_lmdb_open(&r->store, &c, &r->port.store) != PK_OK) {
        rig_die("store");
    }
    r->has_store = true;
}

static inline void rig_open_linux(struct rig *r) {
    snprintf(r->dir, sizeof r->dir, "%s", "/tmp/pk-contract-XXXXXX");
    int pair[2];
    int log_pipe[2];
    if (mkdtemp(r->dir) == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 ||
        pipe2(log_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        rig_die("start");
    }
    fcntl(log_pipe[1], F_SETFL, 0); /* as stderr usually is */
    r->log_fd = log_pipe[0];
    r->super_fd = pair[1];
    pk_linux_clock_open(&r->clock, &r->port.clock);
    pk_linux_entropy_open(&r->port.entropy);
    r->entropy = r->port.entropy;
    r->clock_port = r->port.clock;
    pk_linux_log_open(&r->log, log_pipe[1], &r->port.log);
    pk_linux_files_open(&r->port.files);
    if (pk_linux_loop_open(&r->loop, &r->port.loop) != PK_OK ||
        pk_linux_ipc_open(&r->ipc, &r->loop, pair[0], &r->port.ipc) != PK_OK ||
        pk_tls_library_open(&r->entropy, &r->clock_port) != PK_OK) {
        rig_die("loop");
    }
    pk_crypto_open(&r->crypto, &r->entropy, pk_linux_mono_us, &r->port.crypto);
    r->crypto.round = &r->loop.round;
    pk_net_open(&r->net, &r->loop, &r->crypto, &r->port.link[0]);
    r->port.link[1] = r->port.link[0];
    pk_source_open(&r->source, "/proc", "/sys", &r->port.source);
    pk_linux_serve_open(&r->serve, &r->loop, &r->port.serve);
    pk_linux_inlet_open(&r->inlet, &r->loop, &r->ipc, &r->port.inlet);
    char path[RIG_PATH_BYTES];
    for (uint32_t i = 0; i < PK_LISTENER_COUNT; i++) {
        rig_path(r, i == 0 ? "control.sock" : "events.sock", path);
        if (pk_linux_serve_adopt(&r->serve, (enum pk_listener)i, rig_unix_listen(path)) != PK_OK) {
            rig_die("adopt");
        }
    }
    rig_open_store(r);
}

static inline void rig_open(struct rig *r, bool is_sim) {
    memset(r, 0, sizeof *r);
    r->is_sim = is_sim;
    r->log_fd = r->super_fd = r->listen_fd = r->peer_fd = -1;
    if (!is_sim) {
        rig_open_linux(r);
        return;
    }
    snprintf(r->dir, sizeof r->dir, "/sim");
    const struct pk_sim_config c = {
        .seed = 42, .wall_ms = 1790000000000, .map_bytes = RIG_MAP_BYTES, .arg = r, .frame = rig_sim_frame};
    pk_sim_init(&r->sim, &c, &r->port);
    const struct pk_sim_peer peer = {
        .arg = r, .connected = rig_sim_connected, .received = rig_sim_received, .closed = rig_sim_closed};
    pk_sim_peer_set(&r->sim, 0, &peer);
}

static inline void rig_close_fd(int *fd) {
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static inline void rig_remove_dir(const char *dir) {
    DIR *d = opendir(dir);
    if (d == NULL) {
        return;
    }
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            unlinkat(dirfd(d), e->d_name, 0);
            unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
        }
    }
    closedir(d);
    rmdir(dir);
}

static inline void rig_close(struct rig *r) {
    if (r->is_sim) {
        return;
    }
    pk_linux_inlet_close(&r->inlet);
    r->port.link[0].close(r->port.link[0].ctx);
    pk_tls_free(&r->net.tls);
    if (r->has_store) {
        pk_lmdb_close(&r->store);
    }
    pk_source_close(&r->source);
    pk_linux_serve_close(&r->serve);
    pk_linux_ipc_close(&r->ipc);
    pk_linux_loop_close(&r->loop);
    rig_close_fd(&r->log.fd);
    rig_close_fd(&r->log_fd);
    rig_close_fd(&r->super_fd);
    rig_close_fd(&r->listen_fd);
    rig_close_fd(&r->peer_fd);
    rig_remove_dir(r->dir);
}

/* ---- time */
static inline uint64_t rig_now_ms(const struct rig *r) {
    return r->port.clock.mono_ms(r->port.clock.ctx);
}

static inline uint32_t rig_wait(struct rig *r, uint32_t ms) {
    return r->port.loop.wait(r->port.loop.ctx, rig_now_ms(r) + ms);
}

/* Waits until `holds` says so, 30 s at most: a disk may take a second for each flush. */
static inline bool rig_until(struct rig *r, bool (*holds)(struct rig *r)) {
    const uint64_t end_ms = rig_now_ms(r) + 30000;
    while (!holds(r)) {
        if (rig_now_ms(r) >= end_ms) {
            return false;
        }
        rig_wait(r, 20);
    }
    return true;
}

/* ---- far side of link 0 */
/* A port that is ours and refuses. */
static inline struct pk_endpoint rig_peer_bind(struct rig *r) {
    struct pk_endpoint e = {.address = "127.0.0.1", .server_name = "peer", .port = 1883};
    if (r->is_sim) {
        return e;
    }
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    r->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (r->listen_fd < 0 || bind(r->listen_fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        getsockname(r->listen_fd, (struct sockaddr *)&a, &n) != 0) {
        rig_die("peer");
    }
    e.port = ntohs(a.sin_port);
    return e;
}

static inline struct pk_endpoint rig_peer_listen(struct rig *r) {
    const struct pk_endpoint e = rig_peer_bind(r);
    if (!r->is_sim && listen(r->listen_fd, 4) != 0) {
        rig_die("peer");
    }
    return e;
}

static inline void rig_peer_accept(struct rig *r) {
    if (!r->is_sim) {
        r->peer_fd = accept4(r->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        r->is_peer_connected = r->peer_fd >= 0;
    }
}

static inline void rig_peer_send(struct rig *r, const void *p, uint32_t n) {
    if (r->is_sim) {
        CHECK_EQ_U64(pk_sim_peer_send(&r->sim, 0, p, n), n);
        return;
    }
    CHECK_EQ_INT(send(r->peer_fd, p, n, MSG_NOSIGNAL), n);
}

/* Takes what has come (linux; the sim delivers by itself). */
static inline void rig_peer_drain(struct rig *r) {
    while (!r->is_sim && r->peer_fd >= 0) {
        const ssize_t n =
            recv(r->peer_fd, r->peer_bytes + r->peer_count, RIG_PEER_BYTES - r->peer_count, MSG_DONTWAIT);
        if (n <= 0) {
            r->is_peer_closed = r->is_peer_closed || n == 0;
            return;
        }
        r->peer_count += (uint32_t)n;
    }
}

static inline void rig_peer_close(struct rig *r) {
    if (r->is_sim) {
        pk_sim_peer_close(&r->sim, 0);
        return;
    }
    rig_close_fd(&r->peer_fd);
}

static inline bool rig_is_open(struct rig *r) {
    return r->port.link[0].poll(r->port.link[0].ctx) != PK_E_AGAIN;
}

/* ---- the supervisor's end */
static inline void rig_super_send(struct rig *r, const void *p, uint32_t n) {
    if (!r->is_sim) {
        CHECK_EQ_INT(send(r->super_fd, p, n, MSG_NOSIGNAL), n);
        return;
    }
    struct pk_ipc_frame frame;
    memset(&frame, 0, sizeof frame);
    memcpy(&frame, p, n < sizeof frame ? n : sizeof frame);
    if (n != sizeof frame) {
        frame.version = 0; /* sizes do not exist here; it counts as one of the wrong form */
    }
    CHECK_EQ_INT(pk_sim_ipc_push(&r->sim, &frame, 1), PK_OK);
}

static inline void rig_super_drain(struct rig *r) {
    while (!r->is_sim && r->frame_count < RIG_FRAMES &&
           recv(r->super_fd, &r->frames[r->frame_count], sizeof r->frames[0], MSG_DONTWAIT) ==
               (ssize_t)sizeof r->frames[0]) {
        r->frame_count++;
    }
}

/* ---- local clients: a handle, or -1 */
static inline int rig_client_open(struct rig *r, enum pk_listener which) {
    if (r->is_sim) {
        return pk_sim_client_open(&r->sim, which, getuid(), getgid());
    }
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char path[RIG_PATH_BYTES];
    rig_path(r, which == PK_LISTEN_CONTROL ? "control.sock" : "events.sock", path);
    snprintf(a.sun_path, sizeof a.sun_path, "%.100s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        rig_die("client");
    }
    return fd;
}

static inline void rig_client_send(struct rig *r, int client, const char *text) {
    const uint32_t n = (uint32_t)strlen(text);
    if (r->is_sim) {
        CHECK_EQ_U64(pk_sim_client_send(&r->sim, (uint32_t)client, text, n), n);
        return;
    }
    CHECK_EQ_INT(send(client, text, n, MSG_NOSIGNAL), n);
}

/* As a stream's recv. */
static inline int rig_client_recv(struct rig *r, int client, void *out, uint32_t cap_bytes) {
    if (r->is_sim) {
        return pk_sim_client_recv(&r->sim, (uint32_t)client, out, cap_bytes);
    }
    const ssize_t n = recv(client, out, cap_bytes, MSG_DONTWAIT);
    return n > 0 ? (int)n : n == 0 ? PK_E_CLOSED : 0;
}

static inline void rig_client_close(struct rig *r, int client) {
    if (r->is_sim) {
        pk_sim_client_close(&r->sim, (uint32_t)client);
        return;
    }
    close(client);
}

/* ---- disk */
static inline bool rig_all_durable(struct rig *r) {
    uint8_t none[1];
    struct pk_store_batch empty;
    uint64_t newest;
    pk_batch_init(&empty, none, 0);
    return r->port.store.submit(r->port.store.ctx, &empty, &newest) == PK_OK &&
           r->port.store.durable(r->port.store.ctx) == newest;
}

static inline void rig_file_put(struct rig *r, const char *name, const char *text) {
    char path[RIG_PATH_BYTES];
    rig_path(r, name, path);
    CHECK_EQ_INT(r->port.files.replace(r->port.files.ctx, path, text, (uint32_t)strlen(text)), PK_OK);
}

/* A new process on the same disk. */
static inline void rig_restart(struct rig *r) {
    if (r->is_sim) {
        pk_sim_crash(&r->sim, &r->port);
        return;
    }
    pk_lmdb_close(&r->store);
    rig_open_store(r);
}

#endif
