/* Measurements for the agent: probers and programs of root's table. The agent names a row, nothing else. */
#include <string.h>

#include "base/pk_assert.h"
#include "roles/pk_supervisor.h"

_Static_assert((int)PK_PROGRAMS_AT_ONCE + (int)PK_SUPER_RUNS <= (int)PK_EXEC_SLOTS,
               "programs of probes keep out of the slots that actions need");
_Static_assert((int)PK_PROBE_ICMP == 4, "port/linux/super_children.c gives probes of that kind a raw socket");

static void answer(struct pk_supervisor *s, uint32_t id, const struct pk_ipc_probed *body) {
    struct pk_ipc_frame frame;
    pk_super_frame(&frame, PK_IPC_PROBED, id, body, sizeof *body);
    pk_super_reply(s, &frame);
}

static void refuse(struct pk_supervisor *s, uint32_t id, uint8_t kind, int error, const char *why) {
    struct pk_ipc_probed body;
    memset(&body, 0, sizeof body);
    body.error = error;
    body.kind = kind;
    (void)pk_str_copy_cut(pk_str_of(why), body.u.text, sizeof body.u.text);
    answer(s, id, &body);
}

static int start_program(struct pk_supervisor *s, uint32_t row, const struct pk_probe *p) {
    const char *argv[PK_ARGV_MAX];
    (void)pk_probe_argv(s->probe_table, row, argv, PK_ARGV_MAX);
    const struct pk_exec_request request = {
        .argv = argv, .timeout_ms = p->timeout_ms, .as_agent = !p->runs_as_root};
    return s->port->exec.start(s->port->exec.ctx, &request);
}

static int start_prober(struct pk_supervisor *s, uint32_t row, uint32_t index) {
    pk_probe_order(s->probe_table, row, &s->order);
    return s->port->probe(s->port->ctx, (enum pk_super_child)(PK_SUPER_PROBE_0 + index), &s->order);
}

static uint32_t programs(const struct pk_supervisor *s) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < PK_SUPER_PROBERS; i++) {
        n += s->probes[i].is_used && s->probes[i].is_program ? 1u : 0u;
    }
    return n;
}

void pk_super_probe_start(struct pk_supervisor *s, uint32_t id, const struct pk_ipc_probe *request,
                          uint64_t now_ms) {
    const struct pk_probes *t = s->probe_table;
    if (request->probes_crc != t->crc || request->index >= t->count) {
        refuse(s, id, 0, PK_E_STALE, "the agent read another table of probes");
        return;
    }
    const struct pk_probe *p = &t->rows[request->index];
    const bool is_program = p->kind >= PK_PROBE_CHECK;
    uint32_t index = 0;
    while (index < PK_SUPER_PROBERS && s->probes[index].is_used) {
        index++;
    }
    if (index == PK_SUPER_PROBERS || (is_program && programs(s) == PK_PROGRAMS_AT_ONCE)) {
        refuse(s, id, p->kind, PK_E_BUSY, "as many probes as may be at a time");
        return;
    }
    const int started =
        is_program ? start_program(s, request->index, p) : start_prober(s, request->index, index);
    if (started < 0) {
        refuse(s, id, p->kind, started,
               is_program ? "the program cannot be started" : "the prober cannot be started");
        return;
    }
    s->probes[index] = (struct pk_super_probe){.is_used = true,
                                               .is_program = is_program,
                                               .kind = p->kind,
                                               .id = id,
                                               .slot = is_program ? (uint32_t)started : 0,
                                               .deadline_ms = is_program ? UINT64_MAX /* exec has its own */
                                                                         : now_ms + pk_probe_patience_ms(p)};
}

void pk_super_probe_ended(struct pk_supervisor *s, uint32_t index, const struct pk_super_exit *ended) {
    PK_ASSERT(index < PK_SUPER_PROBERS);
    struct pk_super_probe *probe = &s->probes[index];
    struct pk_ipc_probed result;
    const enum pk_super_child child = (enum pk_super_child)(PK_SUPER_PROBE_0 + index);
    const int taken = s->port->probed(s->port->ctx, child, &result);
    const struct pk_super_probe was = *probe;
    memset(probe, 0, sizeof *probe);
    if (!was.is_used || was.is_orphan) {
        return;
    }
    if (taken == PK_OK && result.kind == was.kind) {
        answer(s, was.id, &result);
    } else if (s->port->mono_ms(s->port->ctx) >= was.deadline_ms) {
        refuse(s, was.id, was.kind, PK_E_TIMEOUT, "the prober was not done in time");
    } else {
        char why[48];
        struct pk_buf b;
        pk_buf_init(&b, why, sizeof why - 1u);
        pk_buf_puts(&b, "the prober left no result, exit ");
        pk_buf_put_u64(&b, (uint64_t)ended->exit_code);
        why[b.n] = '\0';
        refuse(s, was.id, was.kind, ended->is_fault ? PK_E_PROTOCOL : PK_E_IO, why);
    }
}

/* The first lines a program wrote. Bytes of strangers: copied, not looked into. */
static void keep_output(struct pk_supervisor *s, uint32_t slot, struct pk_ipc_probed *out) {
    const int n = s->port->exec.output(s->port->exec.ctx, slot, 0, out->u.text, sizeof out->u.text - 1u);
    for (int i = 0; i < n; i++) {
        out->u.text[i] = out->u.text[i] == '\0' ? ' ' : out->u.text[i];
    }
}

bool pk_super_probe_program_ended(struct pk_supervisor *s, const struct pk_exec_result *result) {
    for (uint32_t i = 0; i < PK_SUPER_PROBERS; i++) {
        struct pk_super_probe *probe = &s->probes[i];
        if (!probe->is_used || !probe->is_program || probe->slot != result->slot) {
            continue;
        }
        struct pk_ipc_probed body;
        memset(&body, 0, sizeof body);
        body.kind = probe->kind;
        body.is_up = 1;
        body.exit_code = result->exit_code;
        body.error = result->is_timed_out ? PK_E_TIMEOUT : PK_OK;
        body.latency_us = result->duration_ms < UINT32_MAX / 1000u ? result->duration_ms * 1000u : UINT32_MAX;
        keep_output(s, result->slot, &body);
        if (!probe->is_orphan) {
            answer(s, probe->id, &body);
        }
        memset(probe, 0, sizeof *probe);
        return true;
    }
    return false;
}

void pk_super_probes_orphan(struct pk_supervisor *s) {
    for (uint32_t i = 0; i < PK_SUPER_PROBERS; i++) {
        s->probes[i].is_orphan = s->probes[i].is_used;
    }
}

void pk_super_probes_check_time(struct pk_supervisor *s, uint64_t now_ms) {
    for (uint32_t i = 0; i < PK_SUPER_PROBERS; i++) {
        if (s->probes[i].is_used && now_ms >= s->probes[i].deadline_ms) {
            s->port->kill(s->port->ctx, (enum pk_super_child)(PK_SUPER_PROBE_0 + i), PK_SUPER_KILL_KILL);
        }
    }
}

uint64_t pk_super_probes_until_ms(const struct pk_supervisor *s) {
    uint64_t until_ms = UINT64_MAX;
    for (uint32_t i = 0; i < PK_SUPER_PROBERS; i++) {
        if (s->probes[i].is_used && s->probes[i].deadline_ms < until_ms) {
            until_ms = s->probes[i].deadline_ms;
        }
    }
    return until_ms;
}

void pk_super_probes_stop(struct pk_supervisor *s) {
    for (uint32_t i = 0; i < PK_SUPER_PROBERS; i++) {
        if (s->probes[i].is_used && s->probes[i].is_program) {
            s->port->exec.stop(s->port->exec.ctx, s->probes[i].slot);
        }
        s->port->kill(s->port->ctx, (enum pk_super_child)(PK_SUPER_PROBE_0 + i), PK_SUPER_KILL_KILL);
    }
}
