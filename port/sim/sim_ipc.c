#include <string.h>

#include "base/pk_bytes.h"
#include "port/sim/sim_parts.h"

/* ---- frames */
static int ipc_send(void *ctx, const struct pk_ipc_frame *frame) {
    struct pk_sim *sim = ctx;
    if (sim->is_supervisor_gone) {
        return PK_E_CLOSED;
    }
    uint8_t head[8];
    struct pk_writer w;
    pk_writer_init(&w, head, sizeof head);
    pk_put_u16(&w, frame->type);
    pk_put_u32(&w, frame->id);
    pk_put_u16(&w, frame->body_bytes);
    pk_sim_trace(sim, "frame", head, sizeof head);
    if (sim->config.frame != NULL) {
        sim->config.frame(sim->config.arg, sim, frame);
    }
    return PK_OK;
}

static int ipc_recv(void *ctx, struct pk_ipc_frame *out) {
    struct pk_sim *sim = ctx;
    if (sim->frame_count == 0 || sim->frames[sim->frame_first].at_ms > sim->now_ms) {
        return sim->is_supervisor_gone && sim->frame_count == 0 ? PK_E_CLOSED : PK_E_AGAIN;
    }
    *out = sim->frames[sim->frame_first].frame;
    sim->frame_first = (sim->frame_first + 1u) % PK_SIM_FRAMES;
    sim->frame_count--;
    return out->version == PK_IPC_VERSION && out->body_bytes <= PK_IPC_BODY_BYTES ? PK_OK : PK_E_BAD_MSG;
}

void pk_sim_ipc_open(struct pk_sim *sim, struct pk_port_ipc *out) {
    *out = (struct pk_port_ipc){.ctx = sim, .send = ipc_send, .recv = ipc_recv};
}

int pk_sim_ipc_push(struct pk_sim *sim, const struct pk_ipc_frame *frame, uint32_t delay_ms) {
    if (sim->frame_count == PK_SIM_FRAMES) {
        return PK_E_FULL;
    }
    uint64_t at_ms = sim->now_ms + delay_ms;
    if (sim->frame_count > 0) {
        const uint64_t last_ms =
            sim->frames[(sim->frame_first + sim->frame_count - 1u) % PK_SIM_FRAMES].at_ms;
        at_ms = at_ms < last_ms ? last_ms : at_ms; /* a socket keeps its order */
    }
    const uint32_t place = (sim->frame_first + sim->frame_count) % PK_SIM_FRAMES;
    sim->frames[place].frame = *frame;
    sim->frames[place].at_ms = at_ms;
    sim->frames[place].has_woken = false;
    sim->frame_count++;
    return PK_OK;
}

uint64_t pk_sim_ipc_next_ms(const struct pk_sim *sim) {
    for (uint32_t i = 0; i < sim->frame_count; i++) {
        const uint32_t place = (sim->frame_first + i) % PK_SIM_FRAMES;
        if (!sim->frames[place].has_woken) {
            return sim->frames[place].at_ms;
        }
    }
    return UINT64_MAX;
}

void pk_sim_ipc_run(struct pk_sim *sim) {
    for (uint32_t i = 0; i < sim->frame_count; i++) {
        const uint32_t place = (sim->frame_first + i) % PK_SIM_FRAMES;
        if (!sim->frames[place].has_woken && sim->frames[place].at_ms <= sim->now_ms) {
            sim->frames[place].has_woken = true;
            sim->is_event_due = true;
        }
    }
}

/* ---- measurements */
int pk_sim_sample_set(struct pk_sim *sim, enum pk_collector which, const char *type, const char *source,
                      double value, int32_t error) {
    uint32_t i = 0;
    while (i < sim->sample_count[which] && (strcmp(sim->samples[which][i].type, type) != 0 ||
                                            strcmp(sim->samples[which][i].source, source) != 0)) {
        i++;
    }
    struct pk_sample *s = &sim->samples[which][i];
    if (i == PK_SIM_SAMPLES || pk_str_copy(pk_str_of(type), s->type, sizeof s->type) < 0 ||
        pk_str_copy(pk_str_of(source), s->source, sizeof s->source) < 0) {
        return PK_E_FULL;
    }
    s->value = value;
    s->error = error;
    sim->sample_count[which] += i == sim->sample_count[which] ? 1u : 0u;
    return PK_OK;
}

static int source_sample(void *ctx, enum pk_collector which, struct pk_sample *out, uint32_t cap_count) {
    struct pk_sim *sim = ctx;
    if (sim->collector_error[which] != PK_OK) {
        return sim->collector_error[which];
    }
    if (which == PK_COLLECT_CPU && !sim->has_cpu_sample) {
        sim->has_cpu_sample = true; /* a share of time needs two measurements */
        return 0;
    }
    const uint32_t count = sim->sample_count[which] < cap_count ? sim->sample_count[which] : cap_count;
    memcpy(out, sim->samples[which], count * sizeof *out);
    return (int)count;
}

static int source_top(void *ctx, struct pk_top *out, uint32_t cap_count) {
    struct pk_sim *sim = ctx;
    if (sim->top_again_count > 0) {
        sim->top_again_count--;
        return PK_E_AGAIN;
    }
    const uint32_t count = sim->top_count < cap_count ? sim->top_count : cap_count;
    memcpy(out, sim->top, count * sizeof *out);
    return (int)count;
}

static int source_watch(void *ctx, const struct pk_watch *list, uint32_t count, uint32_t hung_ms) {
    struct pk_sim *sim = ctx;
    (void)hung_ms; /* the test sets what is found */
    if (count > PK_LIMIT_WATCHES) {
        return PK_E_FULL;
    }
    if (count > 0) {
        memcpy(sim->watches, list, count * sizeof *list);
    }
    sim->watch_count = count;
    return PK_OK;
}

void pk_sim_source_open(struct pk_sim *sim, struct pk_port_source *out) {
    *out = (struct pk_port_source){
        .ctx = sim, .sample = source_sample, .top = source_top, .watch = source_watch};
}
