#ifndef PK_SUPERVISOR_H
#define PK_SUPERVISOR_H
/* The supervisor (DESIGN 3): keeps one agent running, runs actions for it within the policy of root's files,
 * hands out descriptors, feeds the watchdog. All decisions are here and pure but for the port; what touches
 * the system is port/super.h. */
#include "event/pk_probe.h"
#include "incident/pk_stop_story.h"
#include "roles/pk_super_config.h"
#include "roles/pk_super_places.h"
#include "roles/pk_super_policy.h"
#include "roles/pk_super_record.h"

enum pk_super_state {
    PK_SUPER_CHECKING, /* the store check runs */
    PK_SUPER_MOVING,   /* the damaged store is being moved aside */
    PK_SUPER_RUNNING,
    PK_SUPER_BACKOFF, /* waits before the next start */
    PK_SUPER_STOPPING,
    PK_SUPER_DONE
};

enum {
    PK_SUPER_CHECK_MS = 60000,       /* a check that takes longer says nothing about the store */
    PK_SUPER_BACKOFF_FIRST_MS = 500, /* doubles with each crash in a row */
    PK_SUPER_BACKOFF_MAX_MS = 60000,
    PK_SUPER_GOOD_RUN_MS = 600000, /* a crash after that is the first of its row */
    PK_SUPER_UNCHECKED_MAX =
        3, /* failures in a row with a store that cannot even be checked, until it is moved aside */
    PK_SUPER_STOP_MS = 5000,   /* from TERM to KILL */
    PK_SUPER_START_MS = 60000, /* until READY */
    PK_SUPER_TICK_MS = 20000,  /* without a rising tick the agent hangs */
    PK_SUPER_GRACE_MS = 3000,  /* once more before it is believed: we may have been suspended too */
    /* The store may be that slow before the watchdogs go hungry: longer than an agent stays with one that is
     * broken, for its next process may open it (PK_AGENT_REOPEN_MS). */
    PK_SUPER_DURABLE_MS = 660000,
    PK_SUPER_RESOLVE_MS = 20000,
    PK_SUPER_RESOLVE_PAUSE_MS = 200,
    PK_SUPER_NOTIFY_PAUSE_MS = 1000,
    PK_SUPER_INLET_MS = 1000,    /* between two looks whether a log is another file */
    PK_SUPER_PLACES_MS = 300000, /* between two writes of how far inlets were read: the flash wears */
    PK_SUPER_ARMED_RETRY_MS = 1000,
    PK_SUPER_FRAMES_PER_S = 200,
    PK_SUPER_FRAMES_BURST = 400,
    PK_SUPER_FRAMES_PER_STEP = 32,
    PK_SUPER_SCRATCH_BYTES =
        PK_SUPER_RECORD_BYTES_MAX > 65536 ? PK_SUPER_RECORD_BYTES_MAX : 65536 /* a file, or the record */
};

/* The record could not be read; of the changes that wait to be confirmed... */
enum pk_super_lost {
    PK_SUPER_LOST_NO,
    PK_SUPER_LOST_NOTHING, /* ...their copy tells */
    PK_SUPER_LOST_ARMED    /* ...nothing is known */
};

struct pk_super_run {
    uint32_t id; /* 0 = free */
    uint16_t action_index, step;
    uint8_t phase;    /* of the program that runs; enum pk_ipc_phase */
    uint8_t asked;    /* ACT, which takes SNAPSHOT, ACT and, when that goes wrong, UNDO; VERIFY; or UNDO */
    bool is_running;  /* a program of it runs, in `slot` */
    bool is_stopped;  /* no further step */
    bool is_undo_off; /* it is not undone by itself */
    bool is_orphan;   /* the agent that asked is gone: nobody to tell */
    bool is_started_sent, is_done;
    uint32_t slot;
    char target[PK_IPC_TARGET_BYTES];
    uint64_t started_ms;
    uint64_t undo_again_ms; /* no program of it runs: the undo is tried again then; 0 = no */
    uint32_t undo_try_count;
    struct pk_ipc_done done;
    uint32_t sent_bytes, kept_bytes;          /* of transcript */
    uint8_t transcript[PK_EXEC_OUTPUT_BYTES]; /* the last output over all steps */
};

struct pk_super_resolve {
    bool is_used, is_orphan;
    uint32_t id;
    uint64_t deadline_ms;
};

struct pk_super_probe {
    bool is_used, is_orphan;
    bool is_program; /* in exec slot `slot`; else the prober of this index */
    uint8_t kind;
    uint32_t id, slot;
    uint64_t deadline_ms;
};

/* What the agent was told of each row of config.inlets. */
struct pk_super_inlets {
    bool is_wanted[PK_LIMIT_INLETS], is_unsent[PK_LIMIT_INLETS];
    int8_t told_error[PK_LIMIT_INLETS]; /* enum pk_err; PK_OK: it has the descriptor, or nothing was said */
    uint64_t due_ms;                    /* of the next look; UINT64_MAX none */
    uint32_t dropped[PK_LIMIT_INLETS];  /* is_orphaned: datagrams lost when its agent ended */
    bool is_orphaned[PK_LIMIT_INLETS];
};

/* How far they were read, over restarts of agents too. */
struct pk_super_kept {
    struct pk_super_places places;
    bool is_due[PK_LIMIT_INLETS];   /* the next descriptor that is opened of it begins at its place */
    uint8_t start[PK_LIMIT_INLETS]; /* enum pk_ipc_inlet_start, to be said with the next descriptor */
    bool was_lost[PK_LIMIT_INLETS]; /* there were places, and they cannot be read; until it is opened */
    uint32_t saved_crc;
    uint64_t due_ms; /* of the next write; UINT64_MAX none */
};

struct pk_super_counts {
    uint64_t bad_frames, refused, dropped_frames, throttled;
};

struct pk_supervisor {
    const struct pk_port_super *port;
    const char *config_path;
    const char *const *environment;
    struct pk_super_config config;
    struct pk_super_policy policy;
    struct pk_super_record record;
    struct pk_super_run runs[PK_SUPER_RUNS];
    struct pk_super_resolve resolves[PK_SUPER_RESOLVERS];
    struct pk_super_probe probes[PK_SUPER_PROBERS];
    struct pk_super_inlets inlets;
    struct pk_super_kept kept;
    struct pk_super_counts counts;
    enum pk_super_state state;
    int exit_code;        /* when DONE */
    uint64_t deadline_ms; /* of the state; UINT64_MAX none */
    uint8_t lost;         /* enum pk_super_lost, at our start */
    uint32_t armed_crc;   /* of their copy on the medium */
    bool is_stop_killed, is_reload_pending, is_reload_asked_again, is_ipc_closed;
    /* the running agent */
    uint64_t started_ms;
    bool is_agent_running, is_ready, is_store_moved;
    bool was_ready;    /* an agent of ours once was: what it refuses now was edited since, and may be again */
    uint8_t hang_step; /* 0 fine, 1 grace, 2 aborted */
    uint64_t hang_ms;  /* when the next step of it is due */
    uint64_t tick_count, durable_seq, durable_ms;
    bool is_store_stuck;
    uint64_t fed_ms, notified_ms, resolved_ms, warned_ms;
    /* how what ran before ended: of the machine, read once, and of the agent before */
    uint64_t oom_kill_base;
    uint32_t oom_kill_count, trace_crc;
    uint8_t trace;
    bool was_hung;
    char trace_line[PK_STOP_LINE_BYTES];
    /* its frames */
    uint32_t frame_tokens;
    uint64_t frame_tokens_ms;
    /* One is in force, the other is parsed into. Untouched until the first reload, so it costs no memory
     * before. */
    struct pk_super_config config_spare;
    struct pk_action_table tables[2];
    uint8_t table_index;
    struct pk_probes probe_tables[2];
    const struct pk_probes *probe_table; /* in force */
    struct pk_ipc_probe_order order;     /* of one call */
    uint8_t scratch[PK_SUPER_SCRATCH_BYTES];
};
_Static_assert(PK_LIMIT_ACTION_TEXT_BYTES <= PK_SUPER_SCRATCH_BYTES, "actions.conf is read into scratch");

/* Reads configuration and actions. Before the platform is open: only read files. PK_OK or PK_E_CONFIG with
 * *diag. */
PK_MUST_USE int pk_supervisor_load(struct pk_supervisor *s, const char *config_path,
                                   const char *const *environment, struct pk_diag *diag);
/* Reads the record and begins: store check or agent. */
void pk_supervisor_start(struct pk_supervisor *s, const struct pk_port_super *port);
/* One turn: `ready` is what wait() returned. */
void pk_supervisor_step(struct pk_supervisor *s, uint32_t ready);
/* What to wait for next. */
uint64_t pk_supervisor_until_ms(const struct pk_supervisor *s);
uint32_t pk_supervisor_wanted(const struct pk_supervisor *s);

/* ---- between the files of the supervisor
 * ----------------------------------------------------------------------------------------- */
void pk_super_log(const struct pk_supervisor *s, enum pk_log_level level, const char *text, uint64_t number);
/* PK_OK when it is on the medium. */
PK_MUST_USE int pk_super_save(struct pk_supervisor *s);
struct pk_stamp pk_super_stamp(const struct pk_supervisor *s);
void pk_super_frame(struct pk_ipc_frame *frame, enum pk_ipc_type type, uint32_t id, const void *body,
                    uint32_t n);
/* Sends; a full socket costs the frame and is counted: only somebody who does not read loses it. */
void pk_super_reply(struct pk_supervisor *s, const struct pk_ipc_frame *frame);
void pk_super_refuse(struct pk_supervisor *s, uint32_t id, int error, uint64_t wait_ms, const char *why);
/* pk_super_frames.c */
void pk_super_frames(struct pk_supervisor *s, uint64_t now_ms);
void pk_super_refill(struct pk_supervisor *s, uint64_t now_ms);
void pk_super_resolve_ended(struct pk_supervisor *s, uint32_t index);
/* pk_super_probes.c */
void pk_super_probe_start(struct pk_supervisor *s, uint32_t id, const struct pk_ipc_probe *request,
                          uint64_t now_ms);
void pk_super_probe_ended(struct pk_supervisor *s, uint32_t index, const struct pk_super_exit *ended);
/* False: the program was none of ours. */
bool pk_super_probe_program_ended(struct pk_supervisor *s, const struct pk_exec_result *result);
void pk_super_probes_orphan(struct pk_supervisor *s); /* the agent is gone */
void pk_super_probes_stop(struct pk_supervisor *s);
void pk_super_probes_check_time(struct pk_supervisor *s, uint64_t now_ms);
uint64_t pk_super_probes_until_ms(const struct pk_supervisor *s);
/* pk_super_inlets.c */
void pk_super_inlet_asked(struct pk_supervisor *s, uint32_t index, const struct pk_ipc_inlet *request);
void pk_super_inlets_look(struct pk_supervisor *s, uint64_t now_ms); /* what is due */
void pk_super_inlets_arm(struct pk_supervisor *s, uint64_t now_ms);  /* after something was asked for */
void pk_super_inlets_orphan(struct pk_supervisor *s);                /* the agent is gone */
void pk_super_inlet_at(struct pk_supervisor *s, uint32_t index, const struct pk_ipc_inlet_at *at);
void pk_super_places_load(struct pk_supervisor *s);
void pk_super_places_save(struct pk_supervisor *s); /* when something changed */
/* Another table is in force: what changed is closed. */
void pk_super_inlets_take(struct pk_supervisor *s, const struct pk_inlets *table);
/* pk_super_armed.c */
bool pk_super_armed_has_room(struct pk_supervisor *s);
/* Before the change is made; the caller saves. There must be room. */
void pk_super_armed_add(struct pk_supervisor *s, uint32_t run_id, const struct pk_action *row,
                        const char *target, const struct pk_stamp *now);
/* No-op when it is not armed, or another change is. */
void pk_super_armed_drop(struct pk_supervisor *s, uint32_t run_id, const char *action, const char *target);
/* A change of that number waits. */
bool pk_super_armed_has(struct pk_supervisor *s, uint32_t run_id);
void pk_super_armed_confirm(struct pk_supervisor *s, uint32_t run_id);
void pk_super_armed_acted(struct pk_supervisor *s, uint32_t run_id, const struct pk_action *row,
                          const char *target, const struct pk_ipc_done *done);
void pk_super_armed_undone(struct pk_supervisor *s, uint32_t run_id, const char *action, const char *target,
                           int32_t exit_code);
/* The undo of what went wrong begins: whatever becomes of us, it is done or told. Where there is no room,
 * that is logged. deadline_ms: it is tried from then on, unless the run still does. */
void pk_super_armed_owe(struct pk_supervisor *s, uint32_t run_id, const char *action, const char *target,
                        uint64_t deadline_ms);
/* It ended: it will not run again, and an agent has to hear of it. */
void pk_super_armed_paid(struct pk_supervisor *s, uint32_t run_id, const char *action, const char *target,
                         int32_t exit_code);
/* The agent has heard of it. */
void pk_super_armed_told(struct pk_supervisor *s, uint32_t run_id, const char *action, const char *target);
/* What was done to this target before is still to be undone. */
bool pk_super_armed_owes(const struct pk_supervisor *s, const char *action, const char *target);
/* Their second copy, when it changed. */
void pk_super_armed_copy(struct pk_supervisor *s);
/* The record is lost: what the copy knows is armed again. */
enum pk_super_lost pk_super_armed_recover(struct pk_supervisor *s);
void pk_super_armed_start(struct pk_supervisor *s,
                          const struct pk_stamp *now); /* after the record was read */
void pk_super_armed_check_time(struct pk_supervisor *s, uint64_t now_ms);
uint64_t pk_super_armed_until_ms(const struct pk_supervisor *s);
void pk_super_armed_tell(struct pk_supervisor *s);
/* pk_super_runs.c */
/* What nobody confirmed. PK_OK, PK_E_BUSY, PK_E_NOT_FOUND (no such row or undo), or why it does not start. */
PK_MUST_USE int pk_super_run_undo(struct pk_supervisor *s, uint32_t id, const char *action,
                                  const char *target);
bool pk_super_run_is_here(const struct pk_supervisor *s, uint32_t id);    /* until its DONE has left */
bool pk_super_run_is_at_work(const struct pk_supervisor *s, uint32_t id); /* a program of it runs */
/* Its undo is not tried again; no-op unless it waits for that. */
void pk_super_run_leave(struct pk_supervisor *s, uint32_t id, const char *action, const char *target);
void pk_super_run_start(struct pk_supervisor *s, uint32_t id, const struct pk_ipc_run *request);
void pk_super_run_stop(struct pk_supervisor *s, uint32_t id);
void pk_super_runs_collect(struct pk_supervisor *s); /* ended programs: next step or done */
void pk_super_runs_send(struct pk_supervisor *s);
void pk_super_runs_orphan(struct pk_supervisor *s); /* the agent is gone */
void pk_super_runs_stop_all(struct pk_supervisor *s);
uint32_t pk_super_runs_active(const struct pk_supervisor *s); /* programs that run */
uint32_t pk_super_runs_open(const struct pk_supervisor *s);   /* and undos that wait to be tried again */
void pk_super_runs_check_time(struct pk_supervisor *s, uint64_t now_ms);
uint64_t pk_super_runs_until_ms(const struct pk_supervisor *s);
bool pk_super_runs_want_room(const struct pk_supervisor *s);
#endif
