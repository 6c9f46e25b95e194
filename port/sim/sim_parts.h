#ifndef PK_SIM_PARTS_H
#define PK_SIM_PARTS_H
/* The parts of the simulation, put together by sim.c. Each `open` fills its contract, each `reset` is the end
 * of the agent's process, `next_ms` tells when the part does something by itself and `run` does what is due.
 */
#include "port/sim/pk_sim.h"

void pk_sim_stream_open(struct pk_sim *sim, uint32_t link, struct pk_port_stream *out);
void pk_sim_stream_reset(struct pk_sim *sim);
uint64_t pk_sim_stream_next_ms(const struct pk_sim *sim);
void pk_sim_stream_run(struct pk_sim *sim);

void pk_sim_store_open(struct pk_sim *sim, struct pk_port_store *out);
void pk_sim_store_reset(struct pk_sim *sim);
uint64_t pk_sim_store_next_ms(const struct pk_sim *sim);
void pk_sim_store_run(struct pk_sim *sim);

void pk_sim_ipc_open(struct pk_sim *sim, struct pk_port_ipc *out);
void pk_sim_source_open(struct pk_sim *sim, struct pk_port_source *out);
uint64_t pk_sim_ipc_next_ms(const struct pk_sim *sim);
void pk_sim_ipc_run(struct pk_sim *sim);

void pk_sim_serve_open(struct pk_sim *sim, struct pk_port_serve *out);
void pk_sim_serve_reset(struct pk_sim *sim);

void pk_sim_inlet_open(struct pk_sim *sim, struct pk_port_inlet *out);
void pk_sim_inlet_reset(struct pk_sim *sim);

void pk_sim_files_open(struct pk_sim *sim, struct pk_port_files *out);

/* Uniform in [min, max]. */
uint32_t pk_sim_between(struct pk_sim *sim, uint32_t min, uint32_t max);
#endif
