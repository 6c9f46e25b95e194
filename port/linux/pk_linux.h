#ifndef PK_LINUX_H
#define PK_LINUX_H
/* The agent's side of port/linux: one struct per contract, owned by the platform (platform.c) or by a test.
 * Private to port/ and its tests. */
#include <sys/types.h>

#include "pk_limits.h"
#include "port/linux/pk_image.h"
#include "port/port.h"

/* ---- time and entropy */
struct pk_linux_clock {
    uint64_t checked_ms; /* when the kernel was last asked whether a time source disciplines the clock */
    bool was_asked, is_synced;
};
void pk_linux_clock_open(struct pk_linux_clock *c, struct pk_port_clock *out);
void pk_linux_entropy_open(struct pk_port_entropy *out);
/* Microseconds of the boot-time clock, for measuring. */
uint64_t pk_linux_mono_us(void);

/* ---- log */
struct pk_linux_log {
    int fd;
    bool is_socket;
    uint64_t dropped_count; /* since the last line that came through */
    uint64_t dropped_total;
};
void pk_linux_log_open(struct pk_linux_log *l, int fd, struct pk_port_log *out);

/* ---- loop: one epoll, edge-triggered, with the readiness of each descriptor kept here, so that "nothing
 * yet" is answered without a system call. */
struct pk_fd {
    int fd; /* -1 = none */
    bool is_readable, is_writable, is_hung_up;
    /* Its user took something and left the rest: the next wait must not sleep. A descriptor nobody reads does
     * not count, else a reader that holds back would spin. */
    bool is_unfinished;
    bool is_out_armed;
};
enum { PK_LINUX_LOOP_FDS = 64 };
struct pk_linux_loop {
    int epoll_fd;
    struct pk_fd signals, wake;
    struct pk_fd *list[PK_LINUX_LOOP_FDS];
    uint32_t count;
    uint32_t round; /* counts waits */
    uint64_t wake_count;
    uint64_t busy_from_us; /* a millisecond begins, and ... */
    uint32_t busy_count;   /* ... so many waits were in it */
    struct pk_image image;
};
/* Blocks the signals of enum pk_signal_bit for the calling thread and collects them. PK_OK or PK_E_IO. */
int pk_linux_loop_open(struct pk_linux_loop *l, struct pk_port_loop *out);
void pk_linux_loop_close(struct pk_linux_loop *l);
/* Watches a descriptor for input, and once for output when want_out. PK_OK, PK_E_FULL, PK_E_IO. */
int pk_linux_loop_add(struct pk_linux_loop *l, struct pk_fd *f, int fd, bool want_out);
/* Forgets it and closes the descriptor. Idempotent. */
void pk_linux_loop_drop(struct pk_linux_loop *l, struct pk_fd *f);
/* The descriptor another thread adds to (eventfd) to end a wait. */
int pk_linux_loop_wake_fd(const struct pk_linux_loop *l);
/* Non-blocking socket input and output with the readiness above. >0 bytes; 0 nothing yet; PK_E_CLOSED orderly
 * end (recv) or gone (send); PK_E_IO with errno kept. */
int pk_linux_fd_recv(struct pk_fd *f, void *out, uint32_t cap_bytes);
int pk_linux_fd_send(struct pk_linux_loop *l, struct pk_fd *f, const void *p, uint32_t n);

/* ---- files */
void pk_linux_files_open(struct pk_port_files *out);
/* Replaces `path` whole: PK_OK, PK_E_DENIED, PK_E_NO_SPACE, PK_E_IO. */
int pk_linux_file_replace(const char *path, const void *p, uint32_t n);
/* Its file system (tmpfs, ramfs) has no medium: a write waits for nothing. */
bool pk_linux_is_in_memory(const char *path);

/* ---- ipc: the other process */
enum { PK_LINUX_IPC_FDS = 4 };
struct pk_linux_ipc {
    struct pk_linux_loop *loop;
    struct pk_fd socket;
    struct {
        int fd; /* -1 = none */
        uint32_t id;
    } kept[PK_LINUX_IPC_FDS];
    uint64_t bad_count;
};
/* Takes over fd. PK_OK or what the loop said. */
int pk_linux_ipc_open(struct pk_linux_ipc *i, struct pk_linux_loop *loop, int fd, struct pk_port_ipc *out);
void pk_linux_ipc_close(struct pk_linux_ipc *i);
/* The descriptor that came with frame `id`, which becomes the caller's, or -1. */
int pk_linux_ipc_take(struct pk_linux_ipc *i, uint32_t id);

/* ---- local sockets */
struct pk_linux_connection {
    uint32_t accepted_round; /* of the loop: until the next one nothing is known about the peer */
    struct pk_fd socket;
    enum pk_listener listener;
    uint32_t round; /* of the loop in which READABLE was last reported */
    bool is_dead;   /* recv or send failed, or the peer is gone and nothing is left to read */
    bool is_dead_reported;
};
struct pk_linux_serve {
    struct pk_linux_loop *loop;
    struct pk_fd listeners[PK_LISTENER_COUNT];
    struct pk_linux_connection connections[PK_LIMIT_CONNECTIONS];
    uint32_t at; /* next connection to look at, so that all get their turn */
    uint64_t refused_count;
};
void pk_linux_serve_open(struct pk_linux_serve *s, struct pk_linux_loop *loop, struct pk_port_serve *out);
/* Takes over a listening descriptor. PK_OK, PK_E_BAD_FIELD (not a listening unix stream socket), PK_E_IO,
 * PK_E_FULL. */
int pk_linux_serve_adopt(struct pk_linux_serve *s, enum pk_listener which, int fd);
void pk_linux_serve_close(struct pk_linux_serve *s);

/* ---- inlets */
struct pk_linux_inlet_slot {
    struct pk_fd fd; /* of a FILE not in the loop: such descriptors are always ready */
    int waiting[PK_INLET_FILES_WAITING];
    uint32_t waiting_count;
    enum pk_inlet_form form;
    uint32_t dropped_count; /* as the kernel last said */
};
struct pk_linux_inlet {
    struct pk_linux_loop *loop;
    struct pk_linux_ipc *ipc;
    struct pk_linux_inlet_slot slots[PK_LIMIT_INLETS];
};
void pk_linux_inlet_open(struct pk_linux_inlet *i, struct pk_linux_loop *loop, struct pk_linux_ipc *ipc,
                         struct pk_port_inlet *out);
void pk_linux_inlet_close(struct pk_linux_inlet *i);
#endif
