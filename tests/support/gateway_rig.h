#ifndef GATEWAY_RIG_H
#define GATEWAY_RIG_H
/* A whole gateway in memory: the production agent over port/sim, with the models of its supervisor, its
 * broker and the hub. Large: static. Time moves only through gateway_site_run. */
#include "agent/pk_agent.h"
#include "support/broker_model.h"
#include "support/hub_model.h"
#include "support/supervisor_model.h"

enum { GATEWAY_MAX = 3 };

struct gateway {
    struct pk_sim sim;
    struct pk_port port;
    struct pk_agent agent;
    struct super_model super;
    struct gateway_site *site;
    uint32_t index;
    bool is_up, has_booted;
    uint64_t until_ms; /* boot-time ms at which the agent wants its next tick */
    uint64_t last_mono_ms, boot_count, tick_count;
    uint32_t same_moment_ticks;
    char name[33];
    struct pk_diag diag;
    int start_error;
    int (*stalled_submit)(void *ctx, const struct pk_store_batch *batch, uint64_t *out_seq);
    /* A test may put other functions in between; called after the ports were opened anew. NULL: none. */
    void (*wrap)(struct gateway *g);
};

struct gateway_site {
    struct gateway *gateways[GATEWAY_MAX];
    uint32_t count;
    struct broker_model *broker; /* NULL: nobody answers */
    struct hub_model *hub;
    uint64_t now_ms;
    char breach[200];
    /* The rest of the world: when it has something to do, and doing it. NULL: none. */
    void *arg;
    uint64_t (*next_ms)(void *arg);
    void (*run)(void *arg);
    /* After each tick of an agent. NULL: none. */
    void (*ticked)(void *arg, struct gateway *g);
};

struct gateway_setup {
    uint64_t seed;
    const char *name;
    const char *config, *actions, *rules, *keys; /* texts; NULL: the rig's own, or none */
    uint64_t map_bytes;                          /* of the simulated store; 0: 16 MB */
    bool has_no_broker;
};

/* The rig's own texts: mode safe, broker central without TLS, one watched process `web`, heartbeat press-7 of
 * 30 s, actions look and restart (web). uid 1000 is a viewer, 1001 responder, 1002 approver; 0 is admin. */
extern const char GATEWAY_CONFIG[], GATEWAY_ACTIONS[];

void gateway_site_init(struct gateway_site *site, struct broker_model *broker, struct hub_model *hub,
                       uint64_t seed);
void gateway_init(struct gateway *g, struct gateway_site *site, const struct gateway_setup *setup);
/* Starts the agent's process. False: it refused (g->diag or g->start_error). */
bool gateway_boot(struct gateway *g);
/* Dies as by SIGKILL; time may pass before the next gateway_boot. */
void gateway_crash(struct gateway *g);
/* The machine loses power: the boot-time clock starts again. */
void gateway_power_cut(struct gateway *g);
/* SIGTERM, and as long as it takes; false: not within its time. */
bool gateway_stop(struct gateway *g);
void gateway_site_run(struct gateway_site *site, uint64_t ms);
/* Runs until done() says so, at most that long. */
bool gateway_site_until(struct gateway_site *site, uint64_t most_ms, bool (*done)(void *arg), void *arg);
bool gateway_is_online(const struct gateway *g);
bool gateway_run_until_online(struct gateway *g);

/* ---- local clients */
/* One request on the control socket, and its answer: one line without its end, NULL when none came within 2 s
 * of virtual time. Valid until the next call. */
const char *gateway_ask(struct gateway *g, uint32_t uid, const char *line);
/* {"v":1,"id":1,"cmd":CMD,"args":ARGS} */
const char *gateway_command(struct gateway *g, uint32_t uid, const char *cmd, const char *args);
/* Lines on the events socket; the answers. */
const char *gateway_events(struct gateway *g, const char *lines);
void gateway_process(struct gateway *g, const char *name, bool is_up);
/* Newest incident of that rule in the agent's table, NULL when there is none. */
const struct pk_incident *gateway_incident(const struct gateway *g, const char *rule);
bool gateway_log_has(const struct gateway *g, const char *text);

/* ---- what must always hold; the first breach is in site->breach */
/* Walks the durable log: numbered and chained from the stored base. Entries, or -1. */
int64_t gateway_verify_log(struct gateway *g);
/* Durable entries of the log whose JSON has all of this text. */
uint32_t gateway_log_entries(struct gateway *g, const char *text);
/* From now on the store's queue takes nothing, and what goes into a batch finds it full; and as it was. */
void gateway_stall_store(struct gateway *g);
void gateway_free_store(struct gateway *g);
#endif
