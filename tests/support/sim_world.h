#ifndef SIM_WORLD_H
#define SIM_WORLD_H
/* A site in virtual time, from one seed: two gateways with production agents, a broker, a hub, devices,
 * operators, services that die, and whatever goes wrong. First the faults rage, and nothing that must never
 * happen may happen (safety); then they heal, and within bounded time everything must be reported, ended and
 * empty (liveness). Every choice follows from the seed; the trace hash of a run is the same on every machine.
 */
#include "support/gateway_rig.h"

enum world_canary { /* what is broken on purpose: the run must then end with a breach */
                    WORLD_SOUND,
                    WORLD_STORE_LIES,         /* calls a batch durable when it was only handed over */
                    WORLD_STORE_LOSES_ENTRY,  /* leaves the newest log entry out of a batch now and then */
                    WORLD_STORE_LOSES_OBJECT, /* never deletes */
                    WORLD_RUNS_TWICE,         /* the supervisor runs what it was asked once a second time */
                    WORLD_RESTARTS_FORGET,    /* the store hides what was intended before a crash: runs and
                                                 budgets */
                    WORLD_HUB_COUNTS_TWICE,   /* the hub does not de-duplicate */
                    WORLD_BROKER_FORGETS,     /* acknowledges and forgets */
                    WORLD_CLOCK_GOES_BACK,
                    WORLD_HUB_MISSES, /* it is away half of the time, and the broker keeps nothing for it */
                    WORLD_HUB_MISSES_AND_ACKS, /* the same with hub_ack: of this one nothing may be noticed */
                    WORLD_CANARY_COUNT
};
const char *world_canary_word(enum world_canary canary);

struct world_result {
    uint64_t trace;
    char breach[260]; /* "" = none */
    uint64_t virtual_ms, ticks, boots, incidents, starts, published, duplicates, commands;
};

/* minutes: of the first phase. */
void world_run(uint64_t seed, uint32_t minutes, bool is_calm, enum world_canary canary,
               struct world_result *out);
/* "swarm:mixed:SEED", "swarm:long:SEED" (eight hours), "swarm:calm:SEED", "canary:WORD:SEED". False: not a
 * case id. */
bool world_run_case(const char *id, struct world_result *out);
/* After a run: the agents' last log lines, and what is still open with its timeline and rule. */
void world_explain(void);
void world_print(const char *id, const struct world_result *r);
/* Prints each failed case id; failed ones. */
uint32_t world_swarm(uint64_t first_seed, uint32_t count, bool is_long);

enum { WORLD_MINUTES = 180, WORLD_LONG_MINUTES = 480 };
#endif
