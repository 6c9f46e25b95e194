#ifndef PK_IPC_H
#define PK_IPC_H
/* Frames between the supervisor and the agent: one SOCK_SEQPACKET datagram each, fixed size, no pointers, no
 * paths, no command lines. Both sides re-check everything; the supervisor treats the agent as hostile. */
#include <stdint.h>

enum {
    PK_IPC_VERSION = 1,
    PK_IPC_BODY_BYTES = 240,
    PK_IPC_TARGET_BYTES = 64,
    PK_IPC_CHUNK_BYTES = 224,
    PK_IPC_CURSOR_BYTES = 200
};

enum pk_ipc_type {
    /* agent -> supervisor */
    PK_IPC_HELLO = 1,   /* body: pk_ipc_hello */
    PK_IPC_TICK = 2,    /* body: pk_ipc_tick; feeds the watchdog */
    PK_IPC_RUN = 3,     /* body: pk_ipc_run; id = run number */
    PK_IPC_STOP = 4,    /* id = run number: interrupt it */
    PK_IPC_OPEN = 5,    /* id = enum pk_ipc_open_id */
    PK_IPC_RESOLVE = 6, /* id = request; body: host name, terminated */
    PK_IPC_NOTIFY = 7,  /* body: status text for the service manager, terminated */
    PK_IPC_READY = 8,   /* body: pk_ipc_ready; sealed, first rule evaluated */
    PK_IPC_INLET = 12,  /* id = index in the table of inlets; body: pk_ipc_inlet. Answered by FD
                           (id = PK_IPC_OPEN_INLET + index) or NO_INLET, now and again whenever it changes */
    PK_IPC_INLET_AT =
        13, /* id as INLET; body: pk_ipc_inlet_at: how far it was read, to be kept over restarts */
    PK_IPC_CONFIRM = 25, /* id = run number: what it changed is to stay */
    PK_IPC_PROBE = 24,   /* body: pk_ipc_probe; id = request: measure a row of root's probe table */
    /* supervisor -> agent */
    PK_IPC_WELCOME = 32, /* body: pk_ipc_welcome */
    PK_IPC_FD =
        33, /* id as in OPEN; carries one descriptor by SCM_RIGHTS; of an inlet, body: pk_ipc_inlet_fd */
    PK_IPC_REFUSED = 34,   /* id as asked; body: pk_ipc_refused */
    PK_IPC_STARTED = 35,   /* id = run number; body: pk_ipc_started */
    PK_IPC_OUTPUT = 36,    /* id = run number; body: pk_ipc_output, a piece of the kept transcript */
    PK_IPC_DONE = 37,      /* id = run number; body: pk_ipc_done */
    PK_IPC_RESOLVED = 38,  /* id = request; body: pk_ipc_resolved */
    PK_IPC_UNDONE = 45,    /* id = run number; body: pk_ipc_done: an undo of its own accord ended */
    PK_IPC_CONFIRMED = 46, /* id as in CONFIRM; body: pk_ipc_confirmed. Each CONFIRM gets one */
    PK_IPC_NO_INLET = 44,  /* id = index; body: pk_ipc_refused */
    PK_IPC_PROBED = 56     /* id = request; body: pk_ipc_probed. Each PROBE gets one, refused or not */
};
enum pk_ipc_open_id {
    PK_IPC_OPEN_CONTROL = 0,
    PK_IPC_OPEN_EVENTS = 1,
    PK_IPC_OPEN_INLET = 16 /* and those behind it */
};

struct pk_ipc_frame {
    uint16_t version, type;
    uint32_t id;
    uint16_t body_bytes, reserved;
    uint32_t reserved2; /* 0 */
    uint8_t body[PK_IPC_BODY_BYTES];
};
_Static_assert(sizeof(struct pk_ipc_frame) == 256u, "one datagram per frame");

/* Bodies: both ends are one binary on one machine, so plain structs of fixed-width members without padding
 * are the format. */
struct pk_ipc_hello {
    uint32_t agent_version, actions_crc; /* CRC-32C of the action table text the agent read */
};
struct pk_ipc_tick {
    uint64_t tick_count, durable_seq, submitted_seq;
};
struct pk_ipc_inlet {
    uint32_t
        table_crc; /* of the table the index belongs to: refused as stale when the supervisor's differs */
    uint32_t reserved;
    char cursor[PK_IPC_CURSOR_BYTES]; /* the journal goes on behind it; terminated, empty: with what comes */
};
struct pk_ipc_inlet_at {
    uint32_t table_crc;
    int32_t zone_quarters;            /* struct pk_inlet_place */
    uint64_t record;                  /* kmsg: number of the next; 0 = not known */
    char cursor[PK_IPC_CURSOR_BYTES]; /* journal: of the last line; terminated, empty: none yet */
};
enum pk_ipc_inlet_start {
    PK_IPC_INLET_AS_IS,   /* nothing was kept of it, or it is as the agent before left it */
    PK_IPC_INLET_RESUMED, /* it goes on where it was before the supervisor's restart */
    PK_IPC_INLET_LOST     /* it was read before, but where that ended is not known: on from its end */
};
struct pk_ipc_inlet_fd {
    uint64_t record; /* kmsg: those with lower numbers were read before; UDP: so many were lost before; log:
                        so many of its files were never opened */
    int32_t zone_quarters;
    uint32_t start; /* enum pk_ipc_inlet_start */
};
/* SNAPSHOT is never asked for: it is the first part of an ACT. */
enum pk_ipc_phase {
    PK_IPC_PHASE_ACT = 0,
    PK_IPC_PHASE_VERIFY = 1,
    PK_IPC_PHASE_SNAPSHOT = 2,
    PK_IPC_PHASE_UNDO = 3
};
/* What the supervisor did by itself after an ACT that did not end well. */
enum pk_ipc_undo { PK_IPC_UNDO_NONE, PK_IPC_UNDO_DONE, PK_IPC_UNDO_FAILED };
/* exit_code of an UNDONE: the undo was owed over a restart, and root's configuration does not want it now. */
enum { PK_IPC_UNDO_LEFT = -1 };
struct pk_ipc_run {
    uint32_t
        actions_crc; /* of the table the index belongs to: refused as stale when the supervisor's differs */
    uint16_t action_index;
    uint8_t phase;       /* enum pk_ipc_phase */
    uint8_t is_approved; /* a person approved it; the supervisor still applies mode, cap, cooldown */
    uint32_t incident_number;
    char target[PK_IPC_TARGET_BYTES]; /* terminated; checked against the row's allow-list by both sides */
    uint8_t is_undo_off; /* 1: a person switched auto_rollback off; what goes wrong stays as it is */
};
struct pk_ipc_ready {
    uint32_t seal_bits, start_ms;
};
struct pk_ipc_welcome {
    uint32_t boot_epoch, actions_crc, restart_count,
        last_exit; /* last_exit: wait status of the previous agent, 0xFFFFFFFF none */
    uint64_t start_mono_ms;
    uint32_t agent_uid, agent_gid;
    uint32_t store_moved_aside; /* the store check moved a damaged store aside before this start */
    uint32_t oom_kill_count;    /* by the kernel while the previous agent ran */
    /* how what ran before ended (incident/pk_stop_story.h) */
    uint64_t kernel_boot; /* this boot of the kernel */
    uint32_t trace_crc;   /* of the kernel's dump; 0 = none */
    uint8_t trace, has_watchdog_fired, was_hung;
    uint8_t
        record_lost; /* the supervisor's record; 2: nor is it known which changes waited to be confirmed */
    char trace_line[124]; /* terminated */
    uint32_t reserved2;
};
struct pk_ipc_refused {
    int32_t error; /* enum pk_err */
    uint32_t retry_after_ms;
    char why[96];
};
struct pk_ipc_started {
    uint32_t pid, reserved;
};
struct pk_ipc_output {
    uint32_t offset, n;
    uint8_t bytes[PK_IPC_CHUNK_BYTES];
};
struct pk_ipc_done {
    int32_t exit_code;
    uint32_t duration_ms;
    uint8_t is_timed_out, phase;
    uint16_t step;     /* argv line that ended it, from 0 */
    uint8_t undo;      /* enum pk_ipc_undo; exit_code, phase and step are of what went wrong before */
    uint8_t undo_exit; /* 0..255 */
    uint16_t reserved;
    uint64_t output_bytes;
};
struct pk_ipc_confirmed {
    int32_t error; /* enum pk_err; PK_OK: it is on the medium that it stays */
};
struct pk_ipc_resolved {
    int32_t error;
    uint32_t address_count;
    char address[4][46];
};
/* ---- probes ---- */
enum {
    PK_PROBES_AT_ONCE = 4,
    PK_PROGRAMS_AT_ONCE = 3, /* of them */
    PK_PROBE_SERIES = 20,
    PK_PROBE_TEXT_BYTES = 200,
    PK_PROBE_SELECTOR_BYTES = 120
};
struct pk_ipc_probe {
    uint32_t probes_crc; /* of the table the index belongs to */
    uint16_t index, reserved;
};
/* The fixed result of one measurement. Written by a sealed child that met strangers, or by the supervisor for
 * a program it ran: every field is checked again by the agent. */
enum pk_reach {
    PK_REACH_UNKNOWN, /* no host was asked, or it cannot be told */
    PK_REACH_HERE,    /* this machine itself */
    PK_REACH_MET,     /* an answer came, be it a refusal */
    PK_REACH_LOST     /* none came, or the name could not be asked for */
};
struct pk_ipc_probed {
    int64_t not_after_s; /* Unix seconds at which the earliest certificate ends; 0 = none seen */
    int32_t error;       /* PK_OK: measured. Else why nothing can be told */
    uint32_t latency_us;
    int32_t exit_code; /* of a program */
    uint16_t status;   /* HTTP; 0 = none */
    uint8_t kind;      /* enum pk_probe_kind */
    uint8_t is_up;
    uint16_t series_count;
    uint8_t reach; /* enum pk_reach */
    uint8_t reserved;
    uint32_t bad_count;  /* lines of a page that are no samples */
    uint32_t byte_count; /* read of an HTTP answer */
    uint32_t reserved2;
    union {
        char text[PK_PROBE_TEXT_BYTES]; /* words for people, or what a program wrote; terminated */
        struct {
            double value[PK_PROBE_SERIES];
            uint8_t found[PK_PROBE_SERIES]; /* enum pk_prom_found */
            uint8_t reserved[20];
        } series;
    } u;
};
/* What the child is to do: a row of the table with its texts, terminated. One datagram on its socket. */
struct pk_ipc_probe_order {
    uint32_t timeout_ms;
    uint16_t port, status_min, status_max;
    uint8_t kind, use_tls;
    uint32_t series_count;
    char host[128], server_name[128], path[160], ca[160];
    char expect[48]; /* an address a DNS answer must hold */
    char selectors[PK_PROBE_SERIES][PK_PROBE_SELECTOR_BYTES];
};
_Static_assert(sizeof(struct pk_ipc_welcome) == 184u, "fits a frame, no holes");
_Static_assert(sizeof(struct pk_ipc_probed) <= PK_IPC_BODY_BYTES, "fits a frame");
_Static_assert(sizeof(struct pk_ipc_output) <= PK_IPC_BODY_BYTES, "fits a frame");
_Static_assert(sizeof(struct pk_ipc_resolved) <= PK_IPC_BODY_BYTES, "fits a frame");
_Static_assert(sizeof(struct pk_ipc_inlet) <= PK_IPC_BODY_BYTES, "fits a frame");
_Static_assert(sizeof(struct pk_ipc_inlet_at) == 216u, "fits a frame, no holes");
_Static_assert(sizeof(struct pk_ipc_run) <= PK_IPC_BODY_BYTES, "fits a frame");
#endif
