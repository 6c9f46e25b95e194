#ifndef SIM_WORLD_PRIV_H
#define SIM_WORLD_PRIV_H
/* Between the files of the simulated world only. */
#include "support/sim_world.h"

enum world_timer {
    WORLD_BOOT,
    WORLD_DISK_BACK,
    WORLD_NET_BACK,
    WORLD_CLOCK_BACK,
    WORLD_PROCESS_BACK,
    WORLD_HEARTBEAT,
    WORLD_HUB_SPEAKS,
    WORLD_WORK,
    WORLD_FAULT,
    WORLD_TIMERS
};

enum world_fault_kind {
    WORLD_FAULT_CRASH,
    WORLD_FAULT_POWER,
    WORLD_FAULT_STOP,
    WORLD_FAULT_RESET,      /* of the connection */
    WORLD_FAULT_SILENT_CUT, /* nobody is told */
    WORLD_FAULT_NO_NETWORK, /* connections are refused, or never answered */
    WORLD_FAULT_SLOW_NETWORK,
    WORLD_FAULT_BROKER_RESTART,
    WORLD_FAULT_BROKER_AMNESIA, /* restart without sessions */
    WORLD_FAULT_BROKER_DOWN,
    WORLD_FAULT_SLOW_STORE,
    WORLD_FAULT_DISK_FULL,
    WORLD_FAULT_CLOCK,
    WORLD_FAULT_RELOAD,
    WORLD_FAULT_EPOCH_LOST, /* the supervisor's file is gone at the next start */
    WORLD_FAULTS
};

enum { WORLD_GATEWAYS = 2, WORLD_CLIENTS = 4 };

struct world_place {
    struct gateway gateway;
    uint64_t timers[WORLD_TIMERS];
    bool heals_by_restart, is_press_dead;
    uint32_t clients[WORLD_CLIENTS];
    uint32_t client_count;
    uint64_t offered_count;
};

struct world {
    struct pk_rng rng;
    struct gateway_site site;
    struct broker_model broker;
    struct hub_model hub;
    struct world_place places[WORLD_GATEWAYS];
    bool is_calm, is_healing;
    bool is_tight; /* the outbox holds a few entries: what is more is owed */
    enum world_canary canary;
    uint32_t fault_weights[WORLD_FAULTS];
    uint64_t fault_every_ms, broker_up_ms;
    uint64_t memory_lost_ms; /* when the broker last lost what it had in memory; 0 = never */
    uint8_t private_key[PK_ES256_PRIVATE_BYTES], hub_key[PK_ES256_PRIVATE_BYTES];
    char key_file[1024];
    uint32_t command_count;
    char breach[260];
};

uint64_t world_below(struct world *w, uint64_t bound);
uint64_t world_between(struct world *w, uint64_t min, uint64_t max);
void world_breach(struct world *w, const struct gateway *g, const char *what);

/* sim_world_work.c: what happens on a site, and what goes wrong */
void world_make_key(struct world *w, uint64_t seed);
void world_heartbeat(struct world *w, struct world_place *p);
void world_work(struct world *w, struct world_place *p);
void world_fault(struct world *w, struct world_place *p);
void world_close_clients(struct world *w, struct world_place *p);
/* The hub says what it has, if it is there. */
void world_hub_speaks(struct world *w, struct world_place *p);
bool world_hub_is_away(const struct world *w);
/* A signed command; its id into jti. */
void world_command(struct world *w, struct world_place *p, const char *cmd, const char *args, char jti[40]);

/* sim_world_check.c: what must hold */
void world_check_tick(struct world *w, struct gateway *g);
void world_check_start(struct world *w, struct world_place *p);
bool world_is_quiet(struct world *w);
void world_say_what_is_left(struct world *w);
void world_last_command(struct world *w);
void world_check_end(struct world *w);

/* sim_world_canary.c */
void world_set_canary(struct world *w);
void world_wrap(struct gateway *g);
#endif
