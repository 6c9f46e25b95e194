#ifndef PK_PORT_H
#define PK_PORT_H
/* Everything Picket needs from outside itself. Each contract is a const struct of functions and a ctx, handed
 * in at start; no slot may be NULL (pk_port_check). port/linux and port/sim implement all of them, and the
 * same contract tests pass on both.
 *
 * Common rules: no function blocks unless its comment says so; none allocates after open; all are called from
 * the tick thread; pointers handed in are not kept after the call unless said; ctx belongs to the port and
 * outlives its user. Errors are enum pk_err. */
#include <stdbool.h>
#include <stdint.h>

#include "base/pk_err.h"
#include "base/pk_text.h"
#include "port/ipc.h"

/* ---- time ---- */
struct pk_port_clock {
    void *ctx;
    /* Milliseconds of the boot-time clock: never steps, counts suspend. */
    uint64_t (*mono_ms)(void *ctx);
    /* Unix milliseconds; may step. *out_is_synced: the kernel says a time source disciplines it. */
    int64_t (*wall_ms)(void *ctx, bool *out_is_synced);
};

/* ---- entropy and cryptography ---- */
struct pk_port_entropy {
    void *ctx;
    /* Fills from the system's generator. PK_OK, or PK_E_IO (then nothing may be generated). */
    int (*fill)(void *ctx, void *out, uint32_t n);
};

enum {
    PK_SHA256_BYTES = 32,
    PK_ES256_PUBLIC_BYTES = 64,
    PK_ES256_PRIVATE_BYTES = 32,
    PK_ES256_SIGNATURE_BYTES = 64
};

struct pk_port_crypto {
    void *ctx;
    /* SHA-256 over the parts in order. */
    void (*sha256)(void *ctx, const struct pk_str *parts, uint32_t part_count, uint8_t out[PK_SHA256_BYTES]);
    /* ECDSA P-256 over SHA-256 of msg; public key X||Y, signature R||S (RFC 7518 3.4). PK_OK,
     * PK_E_BAD_SIGNATURE, PK_E_BAD_FIELD (not a point), PK_E_FULL (no memory), PK_E_AGAIN (a handshake
     * had the public-key operation of this round: in the next one). At most one call a tick. */
    int (*es256_verify)(void *ctx, const uint8_t public_key[PK_ES256_PUBLIC_BYTES], struct pk_str msg,
                        const uint8_t signature[PK_ES256_SIGNATURE_BYTES]);
    int (*es256_sign)(void *ctx, const uint8_t private_key[PK_ES256_PRIVATE_BYTES], struct pk_str msg,
                      uint8_t out_signature[PK_ES256_SIGNATURE_BYTES]);
    int (*es256_keygen)(void *ctx, uint8_t out_private[PK_ES256_PRIVATE_BYTES],
                        uint8_t out_public[PK_ES256_PUBLIC_BYTES]);
};

/* ---- network stream ---- */
enum { PK_HOST_BYTES = 128, PK_ADDRESS_BYTES = 46 };

struct pk_endpoint {
    char address[PK_ADDRESS_BYTES];  /* numeric IPv4 or IPv6 */
    char server_name[PK_HOST_BYTES]; /* checked against the certificate (SAN; IP SAN when it is numeric) */
    uint16_t port;
    bool use_tls;
    uint16_t
        idle_s; /* expected silence: TCP asks whether the peer is there only after more (30 s at least) */
    int64_t
        wall_floor_ms; /* certificates are judged by no earlier time than this, however late the clock is */
};

struct pk_port_stream {
    void *ctx;
    /* Begins a connection (TCP_NODELAY, then TLS when asked). The previous one must be closed. PK_OK,
     * PK_E_UNREACHABLE, PK_E_TLS, PK_E_FULL. An open that fails leaves the stream as it was: a closed one
     * stays closed and may be opened again at once, one that is in use goes on. */
    int (*open)(void *ctx, const struct pk_endpoint *endpoint);
    /* Advances it, at most one public-key operation a call. PK_OK = open and usable; PK_E_AGAIN = under way
     * (PK_PORT_STREAM readiness or a later call goes on); PK_E_UNREACHABLE, PK_E_TLS, PK_E_CLOSED = failed,
     * close it. */
    int (*poll)(void *ctx);
    /* >0 bytes accepted (may be fewer); 0 = buffer full, retry at the next readiness; <0 = the link is dead.
     */
    int (*send)(void *ctx, const void *p, uint32_t n);
    /* >0 bytes read; 0 = nothing yet (not: disconnected); PK_E_CLOSED = orderly close; other <0 = the link is
     * dead. */
    int (*recv)(void *ctx, void *out, uint32_t cap_bytes);
    /* Idempotent. Sends the TLS close alert when it can without blocking. */
    void (*close)(void *ctx);
    /* Why the last open, poll, send or recv failed, for people. Never NULL; valid until the next call. */
    const char *(*error_text)(void *ctx);
    /* Connections that took up an earlier TLS session, since the start: without certificates on the wire. */
    uint64_t (*resumed_count)(void *ctx);
    /* What all connections since the start carried, both ways, with TLS, and with TCP and IP as far as the
     * system tells: what a provider counts. Never goes back. */
    uint64_t (*carried_bytes)(void *ctx);
};

/* ---- store ---- */
enum pk_tree { PK_TREE_JOURNAL, PK_TREE_OBJECTS, PK_TREE_COUNT };
enum { PK_STORE_KEY_BYTES = 40, PK_STORE_VALUE_BYTES = 1900 };

/* Operations of one transaction, packed by pk_batch_put / pk_batch_delete (base/pk_batch.h):
 * u8 op (1 put, 2 delete), u8 tree, u8 key length, u16 value length (little-endian), key, value. */
struct pk_store_batch {
    uint8_t *p;
    uint32_t cap_bytes, n;
    uint32_t op_count;
};

struct pk_store_status {
    uint64_t map_bytes, used_bytes; /* of the fixed map */
    uint64_t record_count;          /* of both trees */
    uint64_t commit_count, written_bytes;
    uint32_t longest_commit_ms, queued_bytes, queued_high_bytes;
    /* Of the writer; PK_OK when the last commit worked and there is room for more. PK_E_NO_SPACE: the file
     * system has none. Commits may go on for a while, in room that was set aside: submit only what acting
     * needs. It heals by itself. */
    int32_t last_error;
    uint64_t failed_commit_count;
    /* Nothing is written or read any more until the store is opened anew, by another process. last_error says
     * what came before. */
    bool is_broken;
    bool is_in_memory;    /* a reboot loses it */
    bool is_fresh;        /* a new store was started at this open */
    bool was_moved_aside; /* because the old one was damaged */
    /* Only the reserve for deletions is left: submit answers PK_E_FULL to a batch that deletes nothing. */
    bool is_map_full;
    uint64_t bad_value_count; /* records whose CRC was wrong */
};

/* One read, answered later. `out` receives records packed as: u8 tree, u8 key length, u16 value length, key,
 * value. */
struct pk_store_fetch {
    enum pk_tree tree;
    uint8_t from[PK_STORE_KEY_BYTES], to[PK_STORE_KEY_BYTES]; /* from <= key < to, in byte order */
    uint8_t from_bytes, to_bytes;
    uint32_t max_records;
    uint8_t *out; /* must stay valid until fetched() answered */
    uint32_t out_cap_bytes;
};

typedef int pk_store_visit(void *arg, struct pk_str key,
                           struct pk_str value); /* PK_OK to go on, negative ends the walk with it */

struct pk_port_store {
    void *ctx;
    /* Blocks; only before the first tick. Records of a tree in key order from the first key >= from. A value
     * whose CRC is wrong is counted; in the journal it is passed over, of an object the key is visited with
     * an empty value: what stood there may have been a limit, and whoever reads it has to fail closed. PK_OK,
     * PK_E_IO, PK_E_CORRUPT, or what visit returned. */
    int (*load)(void *ctx, enum pk_tree tree, struct pk_str from, pk_store_visit *visit, void *arg);
    /* Queues a batch as one transaction and sets *out_seq to its number (1, 2, ...). The bytes are copied.
     * PK_E_FULL: the queue has no room, nothing taken, keep the batch and try at a later tick. An empty batch
     * is PK_OK with the newest number. Batches commit in order; while the disk refuses (full), they wait and
     * are retried. Values are stored with type, version and CRC-32C around them. Waits for no disk; where
     * there is none the batch may be durable when it returns. */
    int (*submit)(void *ctx, const struct pk_store_batch *batch, uint64_t *out_seq);
    /* Every batch up to this number is on the medium. Never decreases. */
    uint64_t (*durable)(void *ctx);
    /* One read at a time: PK_OK or PK_E_BUSY. Sees everything durable when it is answered. */
    int (*fetch)(void *ctx, const struct pk_store_fetch *request);
    /* Records in `out` (0..), PK_E_AGAIN while under way, PK_E_NOT_FOUND when none was asked, PK_E_IO.
     * *out_bytes: bytes of `out` used. */
    int (*fetched)(void *ctx, uint32_t *out_bytes);
    void (*status)(void *ctx, struct pk_store_status *out);
};

/* ---- the other process ---- */
struct pk_port_ipc {
    void *ctx;
    /* PK_OK; PK_E_AGAIN = the socket is full, retry later; PK_E_CLOSED = the other process is gone. */
    int (*send)(void *ctx, const struct pk_ipc_frame *frame);
    /* PK_OK; PK_E_AGAIN = nothing there; PK_E_CLOSED; PK_E_BAD_MSG = a frame of wrong size or version was
     * dropped and counted. *out_fd: a passed descriptor the port keeps under frame->id (-1 when none); src
     * never sees descriptors, it asks by id. */
    int (*recv)(void *ctx, struct pk_ipc_frame *out);
};

/* Supervisor side: programs it runs. */
enum { PK_ARGV_MAX = 24 };
struct pk_exec_request {
    const char *const *argv; /* argv[0] is an absolute path; NULL-terminated; copied into the child by exec */
    uint32_t timeout_ms;     /* then TERM to its session, 2 s later KILL */
    bool as_agent;           /* as the agent's user, without privileges */
    bool leaves_children;    /* it starts a daemon: default limits, own session, moved out of our cgroup; its
                                children are not killed */
};
struct pk_exec_result {
    uint32_t slot;
    int32_t exit_code; /* 0..255; 128 + n when signal n ended it */
    bool is_timed_out;
    uint32_t duration_ms;
    uint64_t output_bytes; /* all it wrote; only the last PK_EXEC_OUTPUT_BYTES are kept */
};
enum { PK_EXEC_SLOTS = 7, PK_EXEC_OUTPUT_BYTES = 4096 };
struct pk_port_exec {
    void *ctx;
    /* Slot index >= 0; PK_E_BUSY (all slots taken); PK_E_NOT_FOUND / PK_E_DENIED / PK_E_IO when it cannot be
     * started. No shell, clean environment, own session, stdin is /dev/null, stdout and stderr go to the
     * slot's bounded ring. */
    int (*start)(void *ctx, const struct pk_exec_request *request);
    /* A finished run: PK_OK (the slot is free again; its output stays readable until the next start in it),
     * PK_E_AGAIN when none. */
    int (*finished)(void *ctx, struct pk_exec_result *out);
    /* Copies kept output from byte `from` of what is kept. Bytes. */
    int (*output)(void *ctx, uint32_t slot, uint32_t from, void *out, uint32_t cap_bytes);
    void (*stop)(void *ctx, uint32_t slot);
};

/* ---- sources: what is measured on this machine ---- */
enum pk_collector {
    PK_COLLECT_CPU,    /* cpu_pct, one source "cpu" */
    PK_COLLECT_MEMORY, /* memory_pct, swap_pct */
    PK_COLLECT_PSI,    /* psi_cpu_pct, psi_memory_pct, psi_io_pct ("some avg10") */
    PK_COLLECT_LOAD,   /* load_1m per core */
    PK_COLLECT_DISK, /* disk_pct, inodes_pct for each watched mount; source is the mount path with '/' written
                        as in pk_sample. fs_readonly 1 or 0 once it was seen writable */
    PK_COLLECT_PROCESS, /* process_up 1 or 0 for each watched process (pid file or name) */
    PK_COLLECT_USAGE,   /* process_cpu_pct of one core, process_rss_bytes, service_restarts of each watched
                           process that is up */
    PK_COLLECT_STORAGE, /* disk_errors of each block device, fs_errors of each ext4; emmc_life_pct (used, the
                           upper end of the step the card tells), emmc_eol (1 normal, 2 warning, 3 urgent) */
    PK_COLLECT_THERMAL, /* temperature_c of each zone; throttled: times the cores were slowed down, and 1 or 0
                           as a board's firmware says */
    PK_COLLECT_NETWORK, /* net_errors, net_drops, link_up of each interface that had a carrier since start */
    PK_COLLECT_TASKS,   /* hung_tasks: in uninterruptible sleep for longer than watch() was
                           told; zombies. Source "tasks" */
    PK_COLLECT_OOM,     /* oom_kill, source "kernel" */
    PK_COLLECT_GPU,     /* gpu_pct */
    PK_COLLECT_COUNT
};
struct pk_sample {
    char type[32];
    char source[64];
    double value;
    int32_t error; /* PK_OK, or why there is no value: the sample is then a fault, never healthy */
};
struct pk_watch {
    enum pk_collector collector; /* DISK or PROCESS */
    char name[64];               /* source name */
    char path[160];              /* mount path, or pid file; empty: match the process name */
};
/* What the kernel counts (errors, drops, restarts, kills, throttling) is given as the difference to the call
 * before; a first look, and one at a counter that ran backwards, gives nothing. */
enum { PK_TOP_MAX = 10, PK_TOP_NAME_BYTES = 32 };
struct pk_top {
    uint32_t pid;
    int32_t cpu_permille; /* of one core; -1 = not known */
    uint64_t rss_bytes;
    char name[PK_TOP_NAME_BYTES]; /* as the kernel shows it */
};
struct pk_port_source {
    void *ctx;
    /* Takes one measurement. Samples written, or PK_E_IO (the whole collector cannot be read),
     * PK_E_UNSUPPORTED (this kernel has none). A CPU sample needs two calls: the first returns 0 samples. */
    int (*sample)(void *ctx, enum pk_collector which, struct pk_sample *out, uint32_t cap_count);
    /* The busiest processes since the look before (idle ones are none of them), then the largest, each once:
     * at most cap_count / 2 of each sort. A look takes as many calls as there are processes for: PK_E_AGAIN
     * until it is over, then processes written, or PK_E_IO. The first look measures no time of them. */
    int (*top)(void *ctx, struct pk_top *out, uint32_t cap_count);
    /* Replaces the watch list. hung_ms: uninterruptible sleep that long counts as hung. PK_OK or PK_E_FULL.
     */
    int (*watch)(void *ctx, const struct pk_watch *list, uint32_t count, uint32_t hung_ms);
};

/* ---- local sockets ---- */
enum pk_listener { PK_LISTEN_CONTROL, PK_LISTEN_EVENTS, PK_LISTENER_COUNT };
enum pk_serve_kind { PK_SERVE_OPENED, PK_SERVE_READABLE, PK_SERVE_CLOSED };
enum {
    PK_SERVE_GROUPS = 32,        /* further groups of a peer; who is in more has none of them here */
    PK_SERVE_CONTROL_RESERVE = 2 /* connections that senders of events cannot take */
};
struct pk_serve_event {
    enum pk_serve_kind kind;
    uint32_t connection; /* index < PK_LIMIT_CONNECTIONS */
    enum pk_listener listener;
    uint32_t uid, gid; /* OPENED: peer credentials from the kernel */
    uint32_t groups[PK_SERVE_GROUPS], group_count;
};
struct pk_port_serve {
    void *ctx;
    /* PK_OK, or PK_E_AGAIN when nothing happened. A connection beyond the table is accepted and closed at
     * once, and counted by the port. */
    int (*next)(void *ctx, struct pk_serve_event *out);
    /* As a stream: >0, 0 = nothing yet, <0 = gone. */
    int (*recv)(void *ctx, uint32_t connection, void *out, uint32_t cap_bytes);
    int (*send)(void *ctx, uint32_t connection, const void *p, uint32_t n);
    void (*close)(void *ctx, uint32_t connection);
    uint64_t (*refused_count)(void *ctx);
};

/* ---- inlets: text from outside, through descriptors the supervisor opened ---- */
enum pk_inlet_form {
    PK_INLET_FILE,      /* a file that grows */
    PK_INLET_DATAGRAMS, /* a bound socket */
    PK_INLET_RECORDS,   /* /dev/kmsg: each read is one record */
    PK_INLET_STREAM     /* a pipe */
};
enum { PK_INLET_FILES_WAITING = 4 };
struct pk_inlet_file {
    uint64_t identity, size_bytes; /* identity: the same number only for the same file */
    uint64_t position;             /* where the last reader of this descriptor left it (keep) */
    uint32_t waiting_count;        /* files that are to be read after it */
};
struct pk_inlet_piece {
    bool is_cut;            /* the datagram or record was longer than the room for it */
    uint64_t dropped_count; /* datagrams the kernel threw away since the socket is ours */
};
struct pk_port_inlet {
    void *ctx;
    /* Slot (< PK_LIMIT_INLETS) takes the descriptor that came with ipc frame `frame_id`. A FILE waits behind
     * the one being read and those that wait already (next_file); anything else takes the old one's place.
     * PK_OK; PK_E_NOT_FOUND (no such descriptor); PK_E_BAD_FIELD (not of that form; it is closed);
     * PK_E_FULL (too many files wait: the oldest of them gave way unread); PK_E_IO. */
    int (*adopt)(void *ctx, uint32_t slot, enum pk_inlet_form form, uint32_t frame_id);
    /* DATAGRAMS, RECORDS: one of them. STREAM: what is there. Bytes (a datagram may have none); PK_E_AGAIN:
     * nothing yet; PK_E_STALE: records were overwritten before they were read, the next call goes on behind
     * them; PK_E_CLOSED: the stream ended, or nothing was adopted; PK_E_IO: the slot is of no use any more.
     * *out is filled with bytes only. */
    int (*recv)(void *ctx, uint32_t slot, void *to, uint32_t cap_bytes, struct pk_inlet_piece *out);
    /* FILE: bytes from byte `at` on, 0 at the end; PK_E_CLOSED (none adopted), PK_E_IO. May touch the disk.
     */
    int (*read_at)(void *ctx, uint32_t slot, uint64_t at, void *to, uint32_t cap_bytes);
    int (*look)(void *ctx, uint32_t slot, struct pk_inlet_file *out); /* as read_at */
    /* Whoever reads this descriptor after us begins at byte `at`. */
    void (*keep)(void *ctx, uint32_t slot, uint64_t at);
    /* FILE: done with this one, on to the oldest that waits. PK_OK or PK_E_AGAIN (none waits; it stays). */
    int (*next_file)(void *ctx, uint32_t slot);
    void (*close)(void *ctx, uint32_t slot); /* idempotent; what waits goes too */
    /* DATAGRAMS of an internet socket: one of them leaves. PK_OK; PK_E_AGAIN (no room now); PK_E_CLOSED
     * (nothing adopted); PK_E_BAD_FIELD (not a numeric address); PK_E_UNREACHABLE. */
    int (*send)(void *ctx, uint32_t slot, const char *address, uint16_t port, const void *p, uint32_t n);
};

/* ---- files that an operator owns: configuration, rules, keys ---- */
typedef void pk_file_name(void *arg, const char *name);
struct pk_port_files {
    void *ctx;
    /* Whole regular file, also through a link. Bytes, PK_E_NOT_FOUND, PK_E_DENIED, PK_E_TOO_BIG, PK_E_IO. May
     * touch the disk: start and reload only. */
    int (*read)(void *ctx, const char *path, void *out, uint32_t cap_bytes);
    /* Names of the regular files, and of links that do not lead elsewhere, in a directory that end in
     * `suffix`, in byte order, at most PK_FILES_LIST_MAX. Count or PK_E_NOT_FOUND, PK_E_DENIED, PK_E_FULL. */
    int (*list)(void *ctx, const char *dir, const char *suffix, pk_file_name *each, void *arg);
    /* Replaces a file whole (temporary, fsync, rename). PK_OK, PK_E_NOT_FOUND (no such directory),
     * PK_E_DENIED, PK_E_NO_SPACE, PK_E_IO. Start, reload and --dump-state only. */
    int (*replace)(void *ctx, const char *path, const void *p, uint32_t n);
    /* A part of a file that other programs on this machine read, from byte `at` on: 0 begins it, beside the
     * one that is there; the last part puts it into its place whole, for everybody to read. Only on a file
     * system without a disk, so the tick may; PK_E_UNSUPPORTED on any other. PK_OK; PK_E_STALE (what was
     * begun is not there as it was left: begin anew), PK_E_NOT_FOUND, PK_E_DENIED, PK_E_NO_SPACE, PK_E_IO:
     * nothing is left of it. */
    int (*publish)(void *ctx, const char *path, uint32_t at, const void *p, uint32_t n, bool is_last);
};
enum { PK_FILES_LIST_MAX = 64 };

/* ---- log ---- */
enum pk_log_level {
    PK_LOG_ERROR = 3,
    PK_LOG_WARNING = 4,
    PK_LOG_NOTICE = 5,
    PK_LOG_INFO = 6,
    PK_LOG_DEBUG = 7
}; /* syslog numbers */
struct pk_port_log {
    void *ctx;
    /* One line to stderr with "<N>" in front, as service managers read it. Dropped and counted when the pipe
     * is full. */
    void (*write)(void *ctx, enum pk_log_level level, struct pk_str text);
};

/* ---- the wait between ticks ---- */
enum pk_signal_bit { PK_SIG_RELOAD = 1, PK_SIG_DUMP = 2, PK_SIG_LOG_LEVEL = 4, PK_SIG_STOP = 8 };
struct pk_port_loop {
    void *ctx;
    /* Blocks until I/O is ready, a signal came, the store's writer finished something, or until_mono_ms.
     * Returns signal bits. */
    uint32_t (*wait)(void *ctx, uint64_t until_mono_ms);
};

/* ---- all of it ---- */
enum { PK_LINKS = 2 }; /* site, central */
struct pk_port {
    struct pk_port_clock clock;
    struct pk_port_entropy entropy;
    struct pk_port_crypto crypto;
    struct pk_port_stream link[PK_LINKS];
    struct pk_port_store store;
    struct pk_port_ipc ipc;
    struct pk_port_source source;
    struct pk_port_serve serve;
    struct pk_port_inlet inlet;
    struct pk_port_files files;
    struct pk_port_log log;
    struct pk_port_loop loop;
};
/* Name of the first slot that is NULL, or NULL when the port is whole. */
const char *pk_port_missing(const struct pk_port *port);

/* ---- entry points of the platform (one implementation per program; port/linux) ---- */
enum { PK_ALPN_BYTES = 32, PK_PSK_IDENTITY_BYTES = 64, PK_PSK_BYTES_MIN = 16, PK_PSK_BYTES_MAX = 64 };
struct pk_tls_config { /* PEM text, read before; parsed, not kept. Empty certificate and key: none */
    struct pk_str ca, certificate, key;
    bool is_tls12_allowed;
    struct pk_str alpn; /* protocol name to ask for; empty: none */
    /* A shared secret in the place of all certificates (TLS 1.3 only); empty: none. psk is bytes. */
    struct pk_str psk_identity, psk;
};
struct pk_platform_config {
    const char *state_dir;            /* /var/lib/picket */
    const char *proc_root, *sys_root; /* "/proc", "/sys"; tests put a tree of their own */
    uint64_t store_map_bytes;
    uint32_t ipc_fd; /* inherited descriptor of the supervisor socket */
};
enum pk_seal_state {
    PK_SEAL_NONE = 0,
    PK_SEAL_SECCOMP = 1,
    PK_SEAL_LANDLOCK = 2,
    PK_SEAL_NO_NEW_PRIVS = 4
}; /* bits */
/* Agent process. Fills *out; opens clock, loop, files, log and ipc. PK_OK or why not. */
int pk_platform_open(const struct pk_platform_config *config, struct pk_port *out);
/* For checks without a running daemon: clock, entropy, cryptography, files and log only; the other slots stay
 * empty. */
int pk_platform_open_tools(struct pk_port *out);
/* Opens the store (checked before) in state_dir and starts its writer thread. The file does not grow while
 * less than keep_free_bytes of its file system are free: commits then fail as on a full disk. */
int pk_platform_open_store(struct pk_port *port, const char *state_dir, uint64_t map_bytes,
                           uint64_t keep_free_bytes);
/* PEM for a link's TLS. PK_E_TLS with the reason in the stream's error_text. May be called again on reload.
 */
int pk_platform_set_tls(struct pk_port *port, uint32_t link, const struct pk_tls_config *tls);
/* When the certificate that a link shows ends, in Unix seconds; 0: it shows none. */
int64_t pk_platform_certificate_end(uint32_t link);
/* The same check, kept nowhere: for a process without links. Why not is in *why. */
int pk_platform_check_tls(const struct pk_tls_config *tls, struct pk_buf *why);
/* Takes a descriptor that came with an ipc frame as a listening socket. */
int pk_platform_adopt_listener(struct pk_port *port, enum pk_listener listener, uint32_t frame_id);
/* From here on: no new privileges, seccomp, Landlock where the kernel has it. Bits of what holds. read_dirs:
 * NULL-terminated. */
uint32_t pk_platform_seal(struct pk_port *port, const char *const *read_dirs, const char *const *write_dirs);
/* System calls answered ENOSYS since the seal is not countable from inside; the kernel's log has them.
 * Third-party heap figures are: */
struct pk_arena_status {
    uint32_t capacity_bytes, used_bytes, high_bytes;
    uint64_t failed_count;
};
void pk_platform_arena(struct pk_arena_status *libc_arena, struct pk_arena_status *tls_arena);
#endif
