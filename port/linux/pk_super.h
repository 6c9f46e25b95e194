#ifndef PK_SUPER_LINUX_H
#define PK_SUPER_LINUX_H
/* Supervisor side of port/linux: programs, children, notification, watchdog. Private to port/linux and its
 * tests. */
#include <sys/types.h>

#include "port/super.h"

struct pollfd;

/* ---- exec ---- */
enum pk_exec_state { PK_EXEC_FREE, PK_EXEC_RUNNING, PK_EXEC_TERMINATING, PK_EXEC_KILLED, PK_EXEC_ENDED };
enum { PK_EXEC_TERM_MS = 2000, PK_EXEC_DRAINS = 8 };
struct pk_exec_slot {
    enum pk_exec_state state;
    pid_t pid;
    int pipe_fd; /* -1 = closed; nothing while the slot is free */
    bool leaves_children, is_timed_out;
    int wait_status;
    uint64_t started_ms, ended_ms;
    uint64_t deadline_ms;  /* of the next step against it */
    uint64_t output_bytes; /* all it wrote; the ring holds the last ones */
    uint8_t ring[PK_EXEC_OUTPUT_BYTES];
};
struct pk_exec {
    struct pk_exec_slot slots[PK_EXEC_SLOTS];
    /* Read ends that daemons started by an action still write to: read and thrown away, since closing them
     * would end the daemon with SIGPIPE and leaving them would block it. -1 = free. */
    int drains[PK_EXEC_DRAINS];
    bool drops_root; /* for requests as_agent: uid and gid are the agent's */
    uid_t uid;
    gid_t gid;
    bool moves_cgroup; /* no service manager keeps track of us: what we start must not count as ours */
};
void pk_exec_open(struct pk_exec *e, bool moves_cgroup, struct pk_port_exec *out);
enum { PK_EXEC_POLL_FDS = PK_EXEC_SLOTS + PK_EXEC_DRAINS };
/* Descriptors to poll, at most PK_EXEC_POLL_FDS. Count. */
uint32_t pk_exec_poll_fds(const struct pk_exec *e, struct pollfd *out);
/* Drains output, reaps, ends what is overdue. Called by finished() too. */
void pk_exec_advance(struct pk_exec *e, uint64_t now_ms);
uint64_t pk_exec_deadline_ms(const struct pk_exec *e); /* UINT64_MAX when none */
/* True when the pid is one of ours, so that a reaper of strays leaves it alone. */
bool pk_exec_owns(const struct pk_exec *e, pid_t pid);

/* ---- service manager ---- */
struct pk_notify {
    int fd; /* -1 = no service manager listens */
    char address[108];
    uint32_t address_bytes;
    uint32_t watchdog_ms; /* 0 = none asked */
};
/* Reads NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID from a NULL-terminated "NAME=value" list. */
void pk_notify_open(struct pk_notify *n, const char *const *environment);
void pk_notify_send(const struct pk_notify *n, const char *text);
void pk_notify_close(struct pk_notify *n);

/* ---- the board's watchdog ---- */
struct pk_watchdog {
    int fd;
    uint32_t timeout_ms;
};
/* Empty path: none. PK_OK, PK_E_NOT_FOUND, PK_E_BUSY, PK_E_IO. */
int pk_watchdog_open(struct pk_watchdog *w, const char *path);
void pk_watchdog_feed(struct pk_watchdog *w);
/* It reset the board before this boot; false also: its driver does not know. */
bool pk_watchdog_has_fired(const struct pk_watchdog *w);
/* Magic close: the board must not reboot because we were asked to stop. */
void pk_watchdog_close(struct pk_watchdog *w);

/* ---- small things shared by the files ---- */
uint64_t pk_super_mono_ms(void);
/* Value of NAME in a "NAME=value" list, or NULL. */
const char *pk_environment_get(const char *const *environment, const char *name);
/* Gives up root for good; true when nothing of it is left, looked up rather than believed. In a process of
 * one thread. group: one more to be in, or 0. Async-signal-safe. */
bool pk_child_drop_root(uid_t uid, gid_t gid, gid_t group);
/* Every signal at its default, none blocked: a child must not inherit ours. Async-signal-safe. */
void pk_child_reset_signals(void);
/* Closes every descriptor >= from. Async-signal-safe. */
void pk_child_close_from(int from);
/* Writes a short text into an existing file of /proc or /sys. */
bool pk_child_write_text(const char *path, const char *text);
#endif
