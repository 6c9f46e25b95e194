#ifndef PK_SUPER_H
#define PK_SUPER_H
/* What the supervisor needs from outside itself. Rules of port.h hold: nothing blocks unless said, nothing
 * allocates, one thread. */
#include "base/pk_inlet.h"
#include "port/port.h"

enum pk_super_child {
    PK_SUPER_AGENT,
    PK_SUPER_CHECK_STORE,
    PK_SUPER_MOVE_STORE,
    PK_SUPER_CHECK_CONFIG,
    PK_SUPER_RESOLVE_0,
    PK_SUPER_RESOLVE_1,
    PK_SUPER_PROBE_0,
    PK_SUPER_PROBE_1,
    PK_SUPER_PROBE_2,
    PK_SUPER_PROBE_3,
    PK_SUPER_CHILD_COUNT
};
enum { PK_SUPER_RESOLVERS = 2, PK_SUPER_PROBERS = PK_PROBES_AT_ONCE };

/* Bits of wait() beside enum pk_signal_bit. */
enum pk_super_ready { PK_SUPER_CHILD_ENDED = 256, PK_SUPER_FRAME_READY = 512, PK_SUPER_FRAME_ROOM = 1024 };

enum pk_super_inlet {
    PK_SUPER_INLET_SAME,
    PK_SUPER_INLET_NEW,
    PK_SUPER_INLET_NEW_OF_MORE,  /* the next call has the next one already */
    PK_SUPER_INLET_NEW_AT_PLACE, /* it goes on at the place */
    PK_SUPER_INLET_NEW_AT_END    /* the place does not fit it any more: from its end on */
};

struct pk_super_inlet_from {
    const struct pk_inlet_place *place; /* NULL: none */
    const char *cursor;
    bool without_old;
    bool is_asked;  /* the agent has nothing of it: begin with the oldest file that has a rest */
    bool is_unsent; /* what is here was not handed over yet: nothing else now */
};

enum { PK_SUPER_NO_EXIT = -1 };
struct pk_super_exit {
    enum pk_super_child child;
    int32_t exit_code;    /* 0..255, 128 + n when signal n ended it */
    uint32_t wait_status; /* as the kernel gave it */
    bool is_fault;        /* ended by what a program does to itself: a bad access, a failed assertion */
};

enum pk_super_kill {
    PK_SUPER_KILL_TERM,
    PK_SUPER_KILL_KILL,
    PK_SUPER_KILL_ABORT,
    PK_SUPER_KILL_RELOAD,
    PK_SUPER_KILL_DUMP,
    PK_SUPER_KILL_LOG_LEVEL
};

struct pk_port_super {
    void *ctx;
    uint64_t (*mono_ms)(void *ctx);
    /* From the system's generator; never fails for long, 0 only when it did. */
    uint32_t (*random)(void *ctx);
    /* This boot of the kernel, for counters that were kept across it. Never 0. */
    uint64_t (*boot_id)(void *ctx);
    /* What was left of how the boot before ended. kernel_dump: the end of the newest dump of the kernel's log
     * that pstore, or what collects it, holds; bytes, PK_E_NOT_FOUND. May touch the disk. */
    int (*kernel_dump)(void *ctx, void *out, uint32_t cap_bytes);
    bool (*has_watchdog_fired)(void *ctx); /* before this boot; false also: nobody knows */
    /* Processes the kernel killed for want of memory in this boot; 0 also: it does not count them. */
    uint64_t (*oom_kill_count)(void *ctx);
    /* Blocks until something is ready, or until_mono_ms (UINT64_MAX: no limit). wanted: FRAME_READY and
     * FRAME_ROOM are looked at only when asked for. Signals and ended children always wake. */
    uint32_t (*wait)(void *ctx, uint64_t until_mono_ms, uint32_t wanted);

    /* Starts a role of this binary, as the agent's user when we are root. AGENT gets a new socket; what is
     * left in the old one is gone. argument: host name for RESOLVE, else NULL. Pid > 0, PK_E_BUSY when it
     * runs already, PK_E_IO. */
    int (*spawn)(void *ctx, enum pk_super_child which, const char *argument);
    /* Starts a prober (PK_SUPER_PROBE_0 …) with what it is to do. As spawn. */
    int (*probe)(void *ctx, enum pk_super_child which, const struct pk_ipc_probe_order *order);
    /* One ended child: PK_OK, or PK_E_AGAIN when none. */
    int (*ended)(void *ctx, struct pk_super_exit *out);
    /* No-op when it does not run. */
    void (*kill)(void *ctx, enum pk_super_child which, enum pk_super_kill how);
    /* The result frame of a resolver that ended: PK_OK, or PK_E_BAD_MSG when it left none. */
    int (*resolved)(void *ctx, enum pk_super_child which, struct pk_ipc_resolved *out);
    int (*probed)(void *ctx, enum pk_super_child which, struct pk_ipc_probed *out); /* the same of a prober */

    /* Brings the descriptor of an inlet up to date; it is kept over restarts of the agent, and with it what
     * was read of it. PK_SUPER_INLET_SAME: the one there is still right; anything else: another one is.
     * A log that is there at the first look goes on at from->place, also when it was renamed to PATH.1 ...
     * PATH.9 since (the next look then gives the new one), without a place at its end; one that comes later
     * is read from its beginning. Of several files that wait, each look gives the next; those that were
     * renamed to PATH.1 ... PATH.9 between two looks are among them. The kernel's log begins with its oldest
     * record, without_old with the next. The journal's program goes on behind the cursor ("": with what comes
     * from now on). PK_E_NOT_FOUND, PK_E_DENIED (also: a link, or not a file), PK_E_BUSY (the address is in
     * use, or the program ended a moment ago), PK_E_IO; what was there before stays. May touch the disk. */
    int (*inlet)(void *ctx, uint32_t slot, const struct pk_inlet_row *row,
                 const struct pk_super_inlet_from *from);
    /* Of a log: which file is being read and how far, into of, at, check and is_known of *out; PK_OK, or
     * PK_E_NOT_FOUND (not open, or no log) with *out as it was. May touch the disk. */
    int (*inlet_place)(void *ctx, uint32_t slot, struct pk_inlet_place *out);
    /* Datagrams the kernel threw away at its socket, or files of a log that were renamed and not read: each
     * that was seen under PATH.1 ... PATH.9 beyond those that are kept open, and one for each look after
     * which these names do not lead back to the newest known, for as many as may have been deleted before.
     * Since it was opened. 0 also: not known, or neither of these. */
    uint32_t (*inlet_dropped)(void *ctx, uint32_t slot);
    void (*inlet_close)(void *ctx, uint32_t slot);                /* idempotent */
    void (*inlet_swap)(void *ctx, uint32_t slot, uint32_t other); /* what is known of the two, open or not */

    /* As pk_port_ipc, for the agent's socket. open_id: a descriptor to pass (enum pk_ipc_open_id), or -1.
     * send: also PK_E_NOT_FOUND when that descriptor is not there. */
    int (*send)(void *ctx, const struct pk_ipc_frame *frame, int open_id);
    int (*recv)(void *ctx, struct pk_ipc_frame *out);

    /* Reads a file only root could have written: regular, owned by root (or by us when we are not root), not
     * writable by anybody else, in a directory of which the same holds. Bytes, PK_E_NOT_FOUND, PK_E_DENIED
     * (not such a file), PK_E_TOO_BIG, PK_E_IO. May touch the disk. */
    int (*read_owned)(void *ctx, const char *path, void *out, uint32_t cap_bytes);
    /* The supervisor's own record. load: bytes, PK_E_NOT_FOUND (first start: its directory is new),
     * PK_E_CORRUPT (gone, damaged or not ours; never an older one than was saved). save: whole, on the medium
     * when it returns, and the one before it until then; PK_OK, PK_E_IO, PK_E_NO_SPACE. Both may wait for the
     * disk: save for one flush, because an action waits for it (ADR 0057). */
    int (*load_state)(void *ctx, void *out, uint32_t cap_bytes);
    int (*save_state)(void *ctx, const void *p, uint32_t n);
    /* The places of inlets, in a file of its own beside it; the same. */
    int (*load_places)(void *ctx, void *out, uint32_t cap_bytes);
    int (*save_places)(void *ctx, const void *p, uint32_t n);
    /* A second copy of the changes that wait to be confirmed; the same. */
    int (*load_armed)(void *ctx, void *out, uint32_t cap_bytes);
    int (*save_armed)(void *ctx, const void *p, uint32_t n);

    /* One datagram to the service manager ("READY=1\nSTATUS=..."); nothing when there is none. */
    void (*notify)(void *ctx, const char *text);
    /* Feeds the watchdogs that are there: the service manager's, the board's. */
    void (*feed_watchdog)(void *ctx);
    /* The longest pause between two feeds, in ms, with a margin of two; 0 when there is no watchdog. */
    uint32_t (*watchdog_ms)(void *ctx);
    void (*log)(void *ctx, enum pk_log_level level, const char *text);
    struct pk_port_exec exec;
};

/* What the platform must know to be one. Strings are kept by reference. */
struct pk_super_platform_config {
    const char *exe_path;    /* of this binary: "/proc/self/exe"; tests name another */
    const char *config_path; /* handed on to the roles */
    const char *state_dir, *run_dir;
    bool is_memory_wanted;          /* state_dir on tmpfs or ramfs only: nothing may be written elsewhere */
    const char *user, *group;       /* of the agent; used only when we are root */
    const char *watchdog_device;    /* empty: none */
    const char *const *environment; /* PICKET_* and the service manager's are taken from it */
};
/* Whether the user and group of the agent are there and may be used, and state_dir is where it must be.
 * PK_OK, or PK_E_CONFIG with a sentence.
 */
int pk_super_platform_check(const struct pk_super_platform_config *config, struct pk_buf *why);
/* Makes run and state directories, takes the single-instance lock, writes the pid file, opens the listening
 * sockets, blocks and collects signals. One per process. PK_OK or negative with a sentence in *why. */
int pk_super_platform_open(const struct pk_super_platform_config *config, struct pk_port_super *out,
                           struct pk_buf *why);
/* Disarms the watchdog, removes sockets and pid file. */
void pk_super_platform_close(struct pk_port_super *port);
/* Reading as read_owned without an open platform: the configuration comes first. */
int pk_super_read_owned(const char *path, void *out, uint32_t cap_bytes);
/* Names of regular files in a directory that end in `suffix`, in byte order. Count, PK_E_NOT_FOUND,
 * PK_E_FULL, PK_E_IO. */
int pk_super_list(const char *dir, const char *suffix, pk_file_name *each, void *arg);

/* ---- bodies of the short-lived roles ---- */
/* PK_OK: sound, or none there. PK_E_CORRUPT with a sentence in *why. Runs as the agent's user; may take long;
 * may be ended by a signal when the store is damaged, which counts as damage. (port/lmdb) */
int pk_platform_check_store(const char *state_dir, uint64_t map_bytes, struct pk_buf *why);
/* Renames the store of state_dir aside (the newest two are kept). PK_OK, also when there is none. Runs as
 * root. (port/lmdb)
 */
int pk_platform_move_store_aside(const char *state_dir);
/* Cleaning up below a folder. */
enum { PK_CLEAN_NAME_BYTES = 256, PK_CLEAN_SCRATCH_BYTES = 40960 };
struct pk_clean {
    const char *path; /* absolute, at least two names, none of them a link or ".." */
    uint64_t older_s; /* files that nobody changed for longer go; 0 = none for their age */
    uint64_t
        keep_bytes; /* then the oldest of the rest until so much of the disk is left taken; 0 = no limit */
};
struct pk_cleaned {
    uint64_t file_count, byte_count; /* deleted */
    uint64_t kept_bytes;
    uint64_t
        passed_count; /* links, other file systems, what is no file, deeper than 16 folders: left alone */
    uint64_t failed_count; /* could not be deleted */
};
/* Follows no link and stays on the file system of the folder; folders stay. Oldest first within a fifth of
 * the age. PK_OK; PK_E_BAD_FIELD (not such a path), PK_E_POLICY (too near the top), PK_E_NOT_FOUND,
 * PK_E_DENIED (a link, or no folder), PK_E_IO. */
PK_MUST_USE int pk_platform_clean(const struct pk_clean *order, uint64_t scratch[PK_CLEAN_SCRATCH_BYTES / 8],
                                  struct pk_cleaned *out);
/* Names and answers come from strangers: seals the resolver as far as the kernel can. Needs a program whose
 * allocator asks the kernel for nothing. */
void pk_platform_seal_resolver(void);
/* Blocks in the system's resolver. Always fills *out. */
void pk_platform_resolve(const char *name, struct pk_ipc_resolved *out);
/* The result of a short-lived role, one frame on a descriptor. */
int pk_platform_result(uint32_t fd, const struct pk_ipc_frame *frame);

/* ---- how a prober meets strangers; every call blocks, until the deadline at most (of mono_us) where there
 * is one. One connection at a time. ---- */
struct pk_dial_peer {
    int64_t not_after_s; /* the earliest end of the certificates it showed */
    bool is_verified;    /* against `ca` and the name; without a CA nothing is */
};
struct pk_port_dial {
    void *ctx;
    uint64_t (*mono_us)(void *ctx);
    /* As pk_platform_resolve; the caller's own end is the supervisor's patience. */
    void (*resolve)(void *ctx, const char *name, struct pk_ipc_resolved *out);
    /* First name server of this machine. PK_OK, PK_E_NOT_FOUND. */
    int (*name_server)(void *ctx, char out[PK_ADDRESS_BYTES]);
    uint16_t (*random)(void *ctx);
    /* To a numeric address. PK_OK, PK_E_CLOSED (it is there and refuses), PK_E_UNREACHABLE, PK_E_TIMEOUT,
     * PK_E_FULL. */
    int (*connect)(void *ctx, const char *address, uint16_t port, bool is_datagram, uint64_t deadline_us);
    /* TLS over the connection. ca: PEM, or empty. PK_OK also when the certificate does not verify: peer and
     * error_text say so. PK_E_TLS, PK_E_CLOSED, PK_E_TIMEOUT. */
    int (*secure)(void *ctx, const char *server_name, struct pk_str ca, uint64_t deadline_us,
                  struct pk_dial_peer *out);
    /* All of it. PK_OK, PK_E_CLOSED, PK_E_TIMEOUT, PK_E_TLS. */
    int (*send)(void *ctx, const void *p, uint32_t n, uint64_t deadline_us);
    /* > 0 bytes (or one datagram), PK_E_CLOSED (ended, refused), PK_E_TIMEOUT, PK_E_UNREACHABLE,
     * PK_E_TLS. */
    int (*recv)(void *ctx, void *out, uint32_t cap_bytes, uint64_t deadline_us);
    void (*close)(void *ctx); /* idempotent */
    /* One echo. PK_OK with the time it took, PK_E_TIMEOUT, PK_E_UNREACHABLE, PK_E_DENIED (neither a ping
     * socket nor a raw one may be had). */
    int (*ping)(void *ctx, const char *address, uint64_t deadline_us, uint32_t *out_us);
    /* The earliest end of the certificates in a PEM or DER file's bytes (terminated). PK_OK, PK_E_BAD_MSG. */
    int (*certificate)(void *ctx, struct pk_str bytes, int64_t *out_not_after_s);
    const char *(*error_text)(void *ctx); /* why the last call failed, for people; never NULL */
};
/* Reads the order; PK_OK or PK_E_BAD_MSG. */
int pk_platform_probe_order(uint32_t fd, struct pk_ipc_probe_order *out);
/* Opens what a prober needs, then seals it as the resolver is sealed: from there on it opens no file but
 * those of the resolver. */
int pk_platform_open_dial(struct pk_port_dial *out);
void pk_platform_seal_prober(void);
#endif
