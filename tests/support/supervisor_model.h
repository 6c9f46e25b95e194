#ifndef SUPERVISOR_MODEL_H
#define SUPERVISOR_MODEL_H
/* The other process of a gateway under port/sim: answers what an agent asks, late, badly or not at all as its
 * weights say, and judges every start by what must hold at that moment. The first breach is kept. */
#include "agent/pk_agent.h"
#include "base/pk_rng.h"
#include "port/sim/pk_sim.h"

enum { SUPER_ANSWERS = 64, SUPER_STARTS = 512 };

struct super_weights { /* chances in 1000 of a start, or of a name look-up */
    uint32_t busy, refuse, fail, time_out, never_answer, resolve_fail, resolve_never;
    uint32_t verify_fail;
    uint32_t twice; /* runs what it was asked once a second time: only for canaries */
};

struct super_start {
    uint32_t boot, run, incident;
    uint16_t action;
    char target[PK_IPC_TARGET_BYTES];
    uint64_t at_ms;
    bool is_running;
    bool is_undo_off;
};

struct super_model {
    struct pk_rng rng;
    struct super_weights weights;
    struct pk_sim *sim;
    const struct pk_agent *agent; /* looked at, never touched */
    uint32_t boot_epoch;          /* the file; 0 = lost */
    struct pk_agent_start told;   /* how what ran before ended: handed on at the next start as it is */
    uint32_t duration_min_ms, duration_max_ms;
    uint64_t slack_ms; /* how long the store may have held an intent back: starts may come closer by it */
    char address[PK_ADDRESS_BYTES];
    struct {
        uint64_t at_ms; /* UINT64_MAX: free */
        struct pk_ipc_frame frame;
        uint32_t start; /* index + 1 whose program ends with it; 0 = none */
        int32_t exit_code;
    } answers[SUPER_ANSWERS];
    struct super_start starts[SUPER_STARTS];
    uint32_t start_count; /* all; the ring holds the last */
    uint64_t tick_count, tick_frames, resolve_count, refused_count, verify_count, stop_count, ready_count;
    /* Probes are kept for the test to answer. */
    struct pk_ipc_probe probes[32];
    uint32_t probe_ids[32];
    uint32_t probe_count; /* all; the arrays are rings */
    uint64_t inlet_count; /* asked for; the last request */
    uint32_t inlet_id;
    struct pk_ipc_inlet inlet;
    uint64_t inlet_at_count; /* how far was read; the last report */
    struct pk_ipc_inlet_at inlet_at;
    uint64_t boot_ms;
    char breach[200];
    /* A program ended with this exit code: what it does to the world. NULL: nothing. */
    void *arg;
    void (*ended)(void *arg, const struct super_start *start, int32_t exit_code);
};

void super_model_init(struct super_model *s, uint64_t seed, struct pk_sim *sim, const struct pk_agent *agent);
/* For pk_sim_config.frame. */
void super_model_frame(struct super_model *s, const struct pk_ipc_frame *frame);
/* What the next agent is greeted with. The agent before is gone: answers for it are dropped. */
void super_model_greet(struct super_model *s, bool is_first_of_boot, struct pk_agent_start *out);
uint64_t super_model_next_ms(const struct super_model *s);
void super_model_run(struct super_model *s);
uint32_t super_model_starts_of(const struct super_model *s, const char *action);
#endif
