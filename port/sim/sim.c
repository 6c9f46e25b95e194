#include <string.h>

#include "base/pk_hash.h"
#include "port/sim/sim_parts.h"

void pk_sim_trace(struct pk_sim *sim, const char *kind, const void *p, uint32_t n) {
    sim->trace = pk_hash64_mix(sim->trace, sim->now_ms);
    sim->trace = pk_hash64_mix(sim->trace, pk_hash64(kind, strlen(kind)));
    sim->trace = pk_hash64_mix(sim->trace, pk_hash64(p, n));
}

uint32_t pk_sim_between(struct pk_sim *sim, uint32_t min, uint32_t max) {
    return max <= min ? min : min + (uint32_t)pk_rng_below(&sim->rng, (uint64_t)max - min + 1u);
}

/* ---- time */
static uint64_t mono_ms(void *ctx) {
    const struct pk_sim *sim = ctx;
    return sim->now_ms - sim->mono_offset;
}

static int64_t wall_ms(void *ctx, bool *out_is_synced) {
    const struct pk_sim *sim = ctx;
    *out_is_synced = sim->is_wall_synced;
    return sim->config.wall_ms + (int64_t)sim->now_ms + sim->wall_offset_ms;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

uint64_t pk_sim_next_ms(const struct pk_sim *sim) {
    uint64_t next = pk_sim_stream_next_ms(sim);
    next = earlier(next, pk_sim_store_next_ms(sim));
    next = earlier(next, pk_sim_ipc_next_ms(sim));
    if (sim->config.world_next_ms != NULL) {
        next = earlier(next, sim->config.world_next_ms(sim->config.arg));
    }
    return next;
}

static void run_due(struct pk_sim *sim) {
    pk_sim_stream_run(sim);
    pk_sim_store_run(sim);
    pk_sim_ipc_run(sim);
    if (sim->config.world_next_ms != NULL && sim->config.world_next_ms(sim->config.arg) <= sim->now_ms) {
        sim->config.world_run(sim->config.arg, sim);
    }
}

void pk_sim_advance(struct pk_sim *sim, uint64_t to_ms) {
    for (uint64_t next = pk_sim_next_ms(sim); next <= to_ms && next > sim->now_ms;
         next = pk_sim_next_ms(sim)) {
        sim->now_ms = next;
        run_due(sim);
    }
    if (to_ms > sim->now_ms) {
        sim->now_ms = to_ms;
    }
    run_due(sim);
}

static bool is_unfinished(struct pk_sim *sim) {
    bool any = false;
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        any = any || sim->links[i].is_unfinished;
        sim->links[i].is_unfinished = false;
    }
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        any = any || sim->clients[i].is_unfinished;
        sim->clients[i].is_unfinished = false;
    }
    for (uint32_t i = 0; i < PK_SIM_TEXTS; i++) {
        any = any || sim->texts[i].is_unfinished;
        sim->texts[i].is_unfinished = false;
    }
    return any;
}

static uint32_t loop_wait(void *ctx, uint64_t until_mono_ms) {
    struct pk_sim *sim = ctx;
    const uint64_t until_ms =
        until_mono_ms > UINT64_MAX - sim->mono_offset ? UINT64_MAX : until_mono_ms + sim->mono_offset;
    sim->round++;
    run_due(sim);
    if (!is_unfinished(sim)) {
        while (!sim->is_event_due && sim->signals == 0 && sim->now_ms < until_ms) {
            const uint64_t next = earlier(pk_sim_next_ms(sim), until_ms);
            if (next == UINT64_MAX) {
                break; /* nothing will ever happen; a real process would sleep for ever */
            }
            sim->now_ms = next > sim->now_ms ? next : sim->now_ms;
            run_due(sim);
        }
    }
    sim->is_event_due = false;
    const uint32_t bits = sim->signals;
    sim->signals = 0;
    return bits;
}

void pk_sim_signal(struct pk_sim *sim, uint32_t bits) {
    sim->signals |= bits;
}

/* ---- randomness */
static int entropy_fill(void *ctx, void *out, uint32_t n) {
    struct pk_sim *sim = ctx;
    uint8_t *p = out;
    for (uint32_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(pk_rng_u64(&sim->rng) >> 56);
    }
    return PK_OK;
}

/* ---- log */
static void drop_oldest_line(struct pk_sim *sim) {
    const char *end = memchr(sim->log, '\n', sim->log_bytes);
    const uint32_t n = end == NULL ? sim->log_bytes : (uint32_t)(end - sim->log) + 1u;
    memmove(sim->log, sim->log + n, sim->log_bytes - n);
    sim->log_bytes -= n;
}

static void log_write(void *ctx, enum pk_log_level level, struct pk_str text) {
    struct pk_sim *sim = ctx;
    pk_sim_trace(sim, "log", text.p, text.n);
    const uint32_t kept = text.n < 1000u ? text.n : 1000u;
    while (sim->log_bytes + kept + 5u > sizeof sim->log) {
        drop_oldest_line(sim);
    }
    struct pk_buf b;
    pk_buf_init(&b, sim->log + sim->log_bytes, sizeof sim->log - sim->log_bytes);
    pk_buf_putc(&b, '<');
    pk_buf_put_u64(&b, (uint64_t)level);
    pk_buf_putc(&b, '>');
    for (uint32_t i = 0; i < kept; i++) {
        const unsigned char c = (unsigned char)text.p[i];
        pk_buf_putc(&b, c < 0x20u || c == 0x7Fu ? '?' : text.p[i]);
    }
    pk_buf_putc(&b, '\n');
    sim->log_bytes += b.n;
    sim->log_counts[(uint32_t)level & 7u]++;
}

/* ---- life */
static void open_ports(struct pk_sim *sim, struct pk_port *out) {
    memset(out, 0, sizeof *out);
    out->clock = (struct pk_port_clock){.ctx = sim, .mono_ms = mono_ms, .wall_ms = wall_ms};
    sim->entropy = (struct pk_port_entropy){.ctx = sim, .fill = entropy_fill};
    out->entropy = sim->entropy;
    pk_crypto_open(&sim->crypto, &sim->entropy, NULL, &out->crypto);
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        pk_sim_stream_open(sim, i, &out->link[i]);
    }
    pk_sim_store_open(sim, &out->store);
    pk_sim_ipc_open(sim, &out->ipc);
    pk_sim_source_open(sim, &out->source);
    pk_sim_serve_open(sim, &out->serve);
    pk_sim_inlet_open(sim, &out->inlet);
    pk_sim_files_open(sim, &out->files);
    out->log = (struct pk_port_log){.ctx = sim, .write = log_write};
    out->loop = (struct pk_port_loop){.ctx = sim, .wait = loop_wait};
}

void pk_sim_init(struct pk_sim *sim, const struct pk_sim_config *config, struct pk_port *out) {
    memset(sim, 0, sizeof *sim);
    sim->config = *config;
    pk_rng_seed(&sim->rng, config->seed);
    sim->trace = pk_hash64_mix(0, config->seed);
    sim->is_wall_synced = true;
    sim->store.delay_min_ms = 1;
    sim->store.delay_max_ms = 5;
    sim->store.status.map_bytes = config->map_bytes != 0 ? config->map_bytes : 16u << 20;
    sim->store.status.is_fresh = true;
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        sim->links[i].delay_min_ms = 1;
        sim->links[i].delay_max_ms = 3;
        sim->links[i].error = "";
    }
    open_ports(sim, out);
}

void pk_sim_crash(struct pk_sim *sim, struct pk_port *out) {
    pk_sim_trace(sim, "crash", "", 0);
    pk_sim_stream_reset(sim);
    pk_sim_store_reset(sim);
    pk_sim_serve_reset(sim);
    pk_sim_inlet_reset(sim);
    sim->frame_count = 0;
    sim->watch_count = 0;
    sim->has_cpu_sample = false;
    sim->signals = 0;
    sim->is_event_due = false;
    open_ports(sim, out);
}

void pk_sim_reboot(struct pk_sim *sim, struct pk_port *out) {
    sim->mono_offset = sim->now_ms;
    pk_sim_crash(sim, out);
}
