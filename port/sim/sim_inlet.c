#include <string.h>

#include "base/pk_address.h"
#include "base/pk_assert.h"
#include "port/sim/sim_parts.h"

enum { LENGTH_BYTES = 2 };

static struct pk_sim_inlet *inlet_of(void *ctx, uint32_t slot) {
    struct pk_sim *sim = ctx;
    PK_ASSERT(slot < PK_LIMIT_INLETS);
    return &sim->inlets[slot];
}

static struct pk_sim_text *text_of(struct pk_sim *sim, uint32_t index_plus_1) {
    return index_plus_1 == 0 ? NULL : &sim->texts[index_plus_1 - 1u];
}

/* ---- the agent's side */
static uint32_t take_passed(struct pk_sim *sim, uint32_t frame_id) {
    for (uint32_t i = 0; i < PK_SIM_TEXTS; i++) {
        struct pk_sim_text *t = &sim->texts[i];
        if (t->is_used && t->is_passed && t->passed_id == frame_id) {
            t->is_passed = false;
            return i + 1u;
        }
    }
    return 0;
}

static int wait_behind(struct pk_sim_inlet *in, uint32_t text) {
    int err = PK_OK;
    if (in->waiting_count == PK_INLET_FILES_WAITING) {
        in->waiting_count--;
        memmove(&in->waiting[0], &in->waiting[1], in->waiting_count * sizeof in->waiting[0]);
        err = PK_E_FULL;
    }
    in->waiting[in->waiting_count++] = text;
    return err;
}

static int inlet_adopt(void *ctx, uint32_t slot, enum pk_inlet_form form, uint32_t frame_id) {
    struct pk_sim *sim = ctx;
    struct pk_sim_inlet *in = inlet_of(ctx, slot);
    const uint32_t text = take_passed(sim, frame_id);
    if (text == 0) {
        return PK_E_NOT_FOUND;
    }
    if (text_of(sim, text)->form != form) {
        return PK_E_BAD_FIELD;
    }
    const struct pk_sim_text *before = text_of(sim, in->text);
    if (form == PK_INLET_FILE && before != NULL && before->form == PK_INLET_FILE) {
        return wait_behind(in, text);
    }
    *in = (struct pk_sim_inlet){.text = text};
    return PK_OK;
}

static int recv_piece(struct pk_sim_text *t, void *to, uint32_t cap_bytes, struct pk_inlet_piece *out) {
    uint16_t n = 0;
    if (t->n == 0) {
        return PK_E_AGAIN;
    }
    memcpy(&n, t->bytes, LENGTH_BYTES);
    const uint32_t taken = n < cap_bytes ? n : cap_bytes;
    memcpy(to, t->bytes + LENGTH_BYTES, taken);
    t->n -= LENGTH_BYTES + (uint32_t)n;
    memmove(t->bytes, t->bytes + LENGTH_BYTES + n, t->n);
    *out = (struct pk_inlet_piece){.is_cut = taken < n, .dropped_count = t->dropped_count};
    return (int)taken;
}

static int recv_bytes(struct pk_sim_text *t, void *to, uint32_t cap_bytes, struct pk_inlet_piece *out) {
    const uint32_t n = t->n < cap_bytes ? t->n : cap_bytes;
    if (n == 0) {
        return t->is_ended ? PK_E_CLOSED : PK_E_AGAIN;
    }
    memcpy(to, t->bytes, n);
    t->n -= n;
    memmove(t->bytes, t->bytes + n, t->n);
    *out = (struct pk_inlet_piece){.is_cut = false};
    return (int)n;
}

static int inlet_recv(void *ctx, uint32_t slot, void *to, uint32_t cap_bytes, struct pk_inlet_piece *out) {
    struct pk_sim_text *t = text_of(ctx, inlet_of(ctx, slot)->text);
    if (t == NULL || t->form == PK_INLET_FILE) {
        return PK_E_CLOSED;
    }
    if (t->was_overrun && t->form == PK_INLET_RECORDS) {
        t->was_overrun = false;
        return PK_E_STALE;
    }
    const int n =
        t->form == PK_INLET_STREAM ? recv_bytes(t, to, cap_bytes, out) : recv_piece(t, to, cap_bytes, out);
    t->is_unfinished = n >= 0 && (t->n > 0 || t->is_ended);
    return n;
}

static struct pk_sim_text *file_of(void *ctx, uint32_t slot) {
    struct pk_sim_text *t = text_of(ctx, inlet_of(ctx, slot)->text);
    return t != NULL && t->form == PK_INLET_FILE ? t : NULL;
}

static int inlet_read_at(void *ctx, uint32_t slot, uint64_t at, void *to, uint32_t cap_bytes) {
    const struct pk_sim_text *t = file_of(ctx, slot);
    if (t == NULL) {
        return PK_E_CLOSED;
    }
    const uint64_t there = at < t->n ? t->n - at : 0;
    const uint32_t n = there < cap_bytes ? (uint32_t)there : cap_bytes;
    if (n > 0) {
        memcpy(to, t->bytes + at, n);
    }
    return (int)n;
}

static int inlet_look(void *ctx, uint32_t slot, struct pk_inlet_file *out) {
    const struct pk_sim_inlet *in = inlet_of(ctx, slot);
    const struct pk_sim_text *t = file_of(ctx, slot);
    if (t == NULL) {
        return PK_E_CLOSED;
    }
    *out = (struct pk_inlet_file){.identity = in->text,
                                  .size_bytes = t->n,
                                  .position = t->position,
                                  .waiting_count = in->waiting_count};
    return PK_OK;
}

static void inlet_keep(void *ctx, uint32_t slot, uint64_t at) {
    struct pk_sim_text *t = file_of(ctx, slot);
    if (t != NULL) {
        t->position = at;
    }
}

static int inlet_next_file(void *ctx, uint32_t slot) {
    struct pk_sim_inlet *in = inlet_of(ctx, slot);
    if (in->waiting_count == 0) {
        return PK_E_AGAIN;
    }
    in->text = in->waiting[0];
    in->waiting_count--;
    memmove(&in->waiting[0], &in->waiting[1], in->waiting_count * sizeof in->waiting[0]);
    return PK_OK;
}

static void inlet_close(void *ctx, uint32_t slot) {
    *inlet_of(ctx, slot) = (struct pk_sim_inlet){.text = 0};
}

/* Kept for the test; nobody hears it by itself. */
static int inlet_send(void *ctx, uint32_t slot, const char *address, uint16_t port, const void *p,
                      uint32_t n) {
    struct pk_sim *sim = ctx;
    const struct pk_sim_text *t = text_of(sim, inlet_of(ctx, slot)->text);
    uint8_t bytes[16];
    const struct pk_str to = pk_str_of(address);
    (void)port;
    if (t == NULL || t->form != PK_INLET_DATAGRAMS) {
        return PK_E_CLOSED;
    }
    if (!pk_address_parse_v4(to, bytes) && !pk_address_parse_v6(to, bytes)) {
        return PK_E_BAD_FIELD;
    }
    sim->sent_bytes = n < sizeof sim->sent ? n : (uint32_t)sizeof sim->sent;
    memcpy(sim->sent, p, sim->sent_bytes);
    sim->sent_count++;
    return PK_OK;
}

void pk_sim_inlet_open(struct pk_sim *sim, struct pk_port_inlet *out) {
    *out = (struct pk_port_inlet){.ctx = sim,
                                  .adopt = inlet_adopt,
                                  .recv = inlet_recv,
                                  .read_at = inlet_read_at,
                                  .look = inlet_look,
                                  .keep = inlet_keep,
                                  .next_file = inlet_next_file,
                                  .close = inlet_close,
                                  .send = inlet_send};
}

void pk_sim_inlet_reset(struct pk_sim *sim) {
    for (uint32_t i = 0; i < PK_LIMIT_INLETS; i++) {
        inlet_close(sim, i);
    }
}

/* ---- the writers' side */
static struct pk_sim_text *used_text(struct pk_sim *sim, uint32_t text) {
    PK_ASSERT(text < PK_SIM_TEXTS && sim->texts[text].is_used);
    return &sim->texts[text];
}

int pk_sim_text_make(struct pk_sim *sim, enum pk_inlet_form form) {
    for (uint32_t i = 0; i < PK_SIM_TEXTS; i++) {
        if (!sim->texts[i].is_used) {
            memset(&sim->texts[i], 0, sizeof sim->texts[i]);
            sim->texts[i].is_used = true;
            sim->texts[i].form = form;
            return (int)i;
        }
    }
    return PK_E_FULL;
}

void pk_sim_text_pass(struct pk_sim *sim, uint32_t text, uint32_t frame_id) {
    struct pk_sim_text *t = used_text(sim, text);
    t->is_passed = true;
    t->passed_id = frame_id;
}

bool pk_sim_text_put(struct pk_sim *sim, uint32_t text, const void *p, uint32_t n) {
    struct pk_sim_text *t = used_text(sim, text);
    const bool is_piece = t->form == PK_INLET_DATAGRAMS || t->form == PK_INLET_RECORDS;
    const uint32_t head = is_piece ? LENGTH_BYTES : 0u;
    const uint16_t length = (uint16_t)n;
    if (n > UINT16_MAX || n + head > sizeof t->bytes - t->n) {
        return false;
    }
    memcpy(t->bytes + t->n, &length, head);
    if (n > 0) {
        memcpy(t->bytes + t->n + head, p, n);
    }
    t->n += head + n;
    sim->is_event_due = sim->is_event_due || t->form != PK_INLET_FILE;
    return true;
}

void pk_sim_text_truncate(struct pk_sim *sim, uint32_t text) {
    used_text(sim, text)->n = 0;
}

void pk_sim_text_end(struct pk_sim *sim, uint32_t text) {
    used_text(sim, text)->is_ended = true;
    sim->is_event_due = true;
}

void pk_sim_text_overrun(struct pk_sim *sim, uint32_t text, uint64_t count) {
    struct pk_sim_text *t = used_text(sim, text);
    t->n = 0;
    t->was_overrun = true;
    t->dropped_count += count;
    sim->is_event_due = true;
}
