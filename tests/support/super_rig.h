/* A world for the supervisor in memory: time stands until it is moved, children end when they are told to,
 * frames are lists. */
#ifndef PK_TEST_SUPER_RIG_H
#define PK_TEST_SUPER_RIG_H
#include "roles/pk_supervisor.h"

enum { RIG_FRAMES = 64, RIG_ENDED = 8, RIG_TOLD_BYTES = 1024 };

struct super_rig {
    struct pk_port_super port;
    struct pk_supervisor *s;
    uint64_t now_ms, boot_id;
    const char *kernel_dump; /* NULL: none */
    bool has_watchdog_fired;
    uint64_t oom_kill_count;
    /* children */
    bool is_running[PK_SUPER_CHILD_COUNT];
    uint32_t spawn_count[PK_SUPER_CHILD_COUNT];
    uint32_t kills[PK_SUPER_CHILD_COUNT][6]; /* by enum pk_super_kill */
    bool fails_spawn;
    char spawned_argument[PK_HOST_BYTES];
    struct pk_super_exit ended[RIG_ENDED];
    uint32_t ended_count;
    bool has_resolved;
    struct pk_ipc_resolved resolved;
    bool has_probed;
    struct pk_ipc_probed probed;
    struct pk_ipc_probe_order ordered; /* of the newest prober */
    /* frames */
    struct pk_ipc_frame in[RIG_FRAMES], out[RIG_FRAMES];
    int in_error[RIG_FRAMES]; /* what recv says instead of handing the frame out */
    int out_open_id[RIG_FRAMES];
    uint32_t in_count, in_at, out_count;
    uint32_t room; /* frames the agent's socket still takes */
    /* inlets: what the next look of a slot says, and what was asked */
    int inlet_says[PK_LIMIT_INLETS];
    uint32_t inlet_looks[PK_LIMIT_INLETS], inlet_closes[PK_LIMIT_INLETS], inlet_dropped[PK_LIMIT_INLETS];
    uint32_t inlet_swaps, inlet_swapped[2];
    char inlet_cursor[PK_INLET_CURSOR_BYTES];
    bool inlet_has_place[PK_LIMIT_INLETS], inlet_without_old; /* with the last look */
    struct pk_inlet_place inlet_place;                        /* of the last one that had one */
    struct pk_inlet_place inlet_at[PK_LIMIT_INLETS];          /* what a log says of itself */
    uint8_t places[PK_SUPER_PLACES_BYTES_MAX];
    int places_bytes; /* or an error */
    uint32_t places_save_count;
    uint8_t armed[PK_SUPER_ARMED_MAX * PK_SUPER_ARMED_BYTES + 16];
    int armed_bytes; /* or an error */
    uint32_t armed_save_count;
    /* record */
    uint8_t record[PK_SUPER_SCRATCH_BYTES];
    int record_bytes; /* or an error */
    uint32_t save_count;
    int save_error;
    /* programs */
    struct {
        bool is_running, is_ended;
        struct pk_exec_result result;
        char argv[200]; /* words with blanks between */
        char output[PK_EXEC_OUTPUT_BYTES];
        uint32_t output_bytes, timeout_ms;
        bool leaves_children, as_agent;
    } slots[PK_EXEC_SLOTS];
    uint32_t exec_count, stop_count;
    int exec_error;
    /* who is told */
    char told[RIG_TOLD_BYTES];
    uint32_t feed_count, watchdog_ms;
    uint32_t logged[8]; /* by level */
};

/* The actions are parsed from text, mode safe. Nothing is started. */
void super_rig_init(struct super_rig *r, struct pk_supervisor *s, const char *actions_text);
/* pk_supervisor_start and, when the store is checked first, its good end: the agent runs. */
void super_rig_run(struct super_rig *r);
void super_rig_child_ends(struct super_rig *r, enum pk_super_child child, int32_t exit_code, bool is_fault);
/* Queues a frame from the agent. */
void super_rig_say(struct super_rig *r, enum pk_ipc_type type, uint32_t id, const void *body, uint32_t n);
/* Moves time and takes one turn, with what is there to be read. */
void super_rig_step(struct super_rig *r, uint64_t later_ms, uint32_t signals);
void super_rig_program_ends(struct super_rig *r, uint32_t slot, int32_t exit_code, const char *output);
/* The newest frame to the agent of a type, NULL when none. */
const struct pk_ipc_frame *super_rig_heard(const struct super_rig *r, enum pk_ipc_type type);
/* Error of the newest REFUSED, 0 when none. */
int super_rig_refused(const struct super_rig *r);
void super_rig_forget(struct super_rig *r); /* frames to the agent so far */
void super_rig_ask(struct super_rig *r, uint32_t id, uint16_t action_index, const char *target,
                   uint8_t phase);
#endif
