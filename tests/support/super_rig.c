#include "support/super_rig.h"

#include <string.h>

#include "base/pk_assert.h"
#include "respond/pk_action_parse.h"
#include "support/pk_test.h"

static uint64_t mono_ms(void *ctx) {
    return ((struct super_rig *)ctx)->now_ms;
}
static uint32_t random_u32(void *ctx) {
    (void)ctx;
    return 0xFFFFFFFFu;
}
static uint64_t boot_id(void *ctx) {
    return ((struct super_rig *)ctx)->boot_id;
}
static uint32_t wait_ready(void *ctx, uint64_t until_ms, uint32_t wanted) {
    (void)ctx;
    (void)until_ms;
    (void)wanted;
    return 0;
}

static int spawn(void *ctx, enum pk_super_child which, const char *argument) {
    struct super_rig *r = ctx;
    if (r->fails_spawn) {
        return PK_E_IO;
    }
    if (r->is_running[which]) {
        return PK_E_BUSY;
    }
    r->is_running[which] = true;
    r->spawn_count[which]++;
    (void)pk_str_copy_cut(pk_str_of(argument == NULL ? "" : argument), r->spawned_argument,
                          sizeof r->spawned_argument);
    return 100 + (int)which;
}
static int probe(void *ctx, enum pk_super_child which, const struct pk_ipc_probe_order *order) {
    ((struct super_rig *)ctx)->ordered = *order;
    return spawn(ctx, which, NULL);
}
static int ended(void *ctx, struct pk_super_exit *out) {
    struct super_rig *r = ctx;
    if (r->ended_count == 0) {
        return PK_E_AGAIN;
    }
    *out = r->ended[0];
    r->ended_count--;
    memmove(&r->ended[0], &r->ended[1], r->ended_count * sizeof r->ended[0]);
    return PK_OK;
}
static void kill_child(void *ctx, enum pk_super_child which, enum pk_super_kill how) {
    struct super_rig *r = ctx;
    r->kills[which][how] += r->is_running[which] ? 1u : 0u;
}
static int resolved(void *ctx, enum pk_super_child which, struct pk_ipc_resolved *out) {
    struct super_rig *r = ctx;
    (void)which;
    *out = r->resolved;
    return r->has_resolved ? PK_OK : PK_E_BAD_MSG;
}

static int probed(void *ctx, enum pk_super_child which, struct pk_ipc_probed *out) {
    struct super_rig *r = ctx;
    (void)which;
    *out = r->probed;
    return r->has_probed ? PK_OK : PK_E_BAD_MSG;
}

static int send_frame(void *ctx, const struct pk_ipc_frame *frame, int open_id) {
    struct super_rig *r = ctx;
    if (r->room == 0 || r->out_count == RIG_FRAMES) {
        return PK_E_AGAIN;
    }
    r->room--;
    r->out_open_id[r->out_count] = open_id;
    r->out[r->out_count++] = *frame;
    return PK_OK;
}
static int look_inlet(void *ctx, uint32_t slot, const struct pk_inlet_row *row,
                      const struct pk_super_inlet_from *from) {
    struct super_rig *r = ctx;
    (void)row;
    r->inlet_looks[slot]++;
    r->inlet_has_place[slot] = from->place != NULL;
    r->inlet_without_old = from->without_old;
    if (from->place != NULL) {
        r->inlet_place = *from->place;
    }
    (void)pk_str_copy_cut(pk_str_of(from->cursor), r->inlet_cursor, sizeof r->inlet_cursor);
    return r->inlet_says[slot];
}
static int place_of_inlet(void *ctx, uint32_t slot, struct pk_inlet_place *out) {
    const struct super_rig *r = ctx;
    if (!r->inlet_at[slot].is_known) {
        return PK_E_NOT_FOUND;
    }
    const int8_t zone = out->zone_quarters;
    *out = r->inlet_at[slot];
    out->zone_quarters = zone;
    return PK_OK;
}
static uint32_t dropped_at_inlet(void *ctx, uint32_t slot) {
    return ((struct super_rig *)ctx)->inlet_dropped[slot];
}
static void close_inlet(void *ctx, uint32_t slot) {
    ((struct super_rig *)ctx)->inlet_closes[slot]++;
}
static void swap_inlets(void *ctx, uint32_t slot, uint32_t other) {
    struct super_rig *r = ctx;
    r->inlet_swaps++;
    r->inlet_swapped[0] = slot;
    r->inlet_swapped[1] = other;
}
static int recv_frame(void *ctx, struct pk_ipc_frame *out) {
    struct super_rig *r = ctx;
    if (r->in_at == r->in_count) {
        r->in_at = r->in_count = 0;
        return PK_E_AGAIN;
    }
    *out = r->in[r->in_at];
    return r->in_error[r->in_at++];
}

static int read_owned(void *ctx, const char *path, void *out, uint32_t cap_bytes) {
    (void)ctx;
    (void)path;
    (void)out;
    (void)cap_bytes;
    return PK_E_NOT_FOUND;
}
static int load_state(void *ctx, void *out, uint32_t cap_bytes) {
    struct super_rig *r = ctx;
    if (r->record_bytes > 0 && (uint32_t)r->record_bytes <= cap_bytes) {
        memcpy(out, r->record, (size_t)r->record_bytes);
    }
    return r->record_bytes;
}
static int save_state(void *ctx, const void *p, uint32_t n) {
    struct super_rig *r = ctx;
    if (r->save_error != PK_OK) {
        return r->save_error;
    }
    memcpy(r->record, p, n);
    r->record_bytes = (int)n;
    r->save_count++;
    return PK_OK;
}
static int load_places(void *ctx, void *out, uint32_t cap_bytes) {
    struct super_rig *r = ctx;
    if (r->places_bytes > 0 && (uint32_t)r->places_bytes <= cap_bytes) {
        memcpy(out, r->places, (size_t)r->places_bytes);
    }
    return r->places_bytes;
}
static int save_places(void *ctx, const void *p, uint32_t n) {
    struct super_rig *r = ctx;
    if (r->save_error != PK_OK) {
        return r->save_error;
    }
    memcpy(r->places, p, n);
    r->places_bytes = (int)n;
    r->places_save_count++;
    return PK_OK;
}
static int load_armed(void *ctx, void *out, uint32_t cap_bytes) {
    struct super_rig *r = ctx;
    if (r->armed_bytes > 0 && (uint32_t)r->armed_bytes <= cap_bytes) {
        memcpy(out, r->armed, (size_t)r->armed_bytes);
    }
    return r->armed_bytes;
}
static int save_armed(void *ctx, const void *p, uint32_t n) {
    struct super_rig *r = ctx;
    PK_ASSERT(n <= sizeof r->armed);
    r->armed_save_count++;
    memcpy(r->armed, p, n);
    r->armed_bytes = (int)n;
    return PK_OK;
}

static void notify(void *ctx, const char *text) {
    struct super_rig *r = ctx;
    const size_t at = strlen(r->told), n = strlen(text);
    if (at + n + 2u < sizeof r->told) {
        memcpy(r->told + at, text, n);
        memcpy(r->told + at + n, "|", 2);
    }
}
static void feed_watchdog(void *ctx) {
    ((struct super_rig *)ctx)->feed_count++;
}
static uint32_t watchdog_ms(void *ctx) {
    return ((struct super_rig *)ctx)->watchdog_ms;
}
static void log_write(void *ctx, enum pk_log_level level, const char *text) {
    (void)text;
    ((struct super_rig *)ctx)->logged[level]++;
}

static int exec_start(void *ctx, const struct pk_exec_request *request) {
    struct super_rig *r = ctx;
    if (r->exec_error != PK_OK) {
        return r->exec_error;
    }
    for (int i = 0; i < PK_EXEC_SLOTS; i++) {
        if (r->slots[i].is_running || r->slots[i].is_ended) {
            continue;
        }
        struct pk_buf b;
        pk_buf_init(&b, r->slots[i].argv, sizeof r->slots[i].argv);
        for (uint32_t w = 0; request->argv[w] != NULL; w++) {
            pk_buf_puts(&b, w > 0 ? " " : "");
            pk_buf_puts(&b, request->argv[w]);
        }
        r->slots[i].is_running = true;
        r->slots[i].timeout_ms = request->timeout_ms;
        r->slots[i].leaves_children = request->leaves_children;
        r->slots[i].as_agent = request->as_agent;
        r->exec_count++;
        return i;
    }
    return PK_E_BUSY;
}
static int exec_finished(void *ctx, struct pk_exec_result *out) {
    struct super_rig *r = ctx;
    for (uint32_t i = 0; i < PK_EXEC_SLOTS; i++) {
        if (r->slots[i].is_ended) {
            r->slots[i].is_ended = false;
            *out = r->slots[i].result;
            return PK_OK;
        }
    }
    return PK_E_AGAIN;
}
static int exec_output(void *ctx, uint32_t slot, uint32_t from, void *out, uint32_t cap_bytes) {
    struct super_rig *r = ctx;
    const uint32_t have = r->slots[slot].output_bytes;
    const uint32_t n = from >= have ? 0 : (have - from < cap_bytes ? have - from : cap_bytes);
    memcpy(out, r->slots[slot].output + from, n);
    return (int)n;
}
static void exec_stop(void *ctx, uint32_t slot) {
    (void)slot;
    ((struct super_rig *)ctx)->stop_count++;
}

static int kernel_dump(void *ctx, void *out, uint32_t cap_bytes) {
    const struct super_rig *r = ctx;
    if (r->kernel_dump == NULL) {
        return PK_E_NOT_FOUND;
    }
    const size_t n = strlen(r->kernel_dump);
    PK_ASSERT(n <= cap_bytes);
    memcpy(out, r->kernel_dump, n);
    return (int)n;
}
static bool has_watchdog_fired(void *ctx) {
    return ((struct super_rig *)ctx)->has_watchdog_fired;
}
static uint64_t oom_kill_count(void *ctx) {
    return ((struct super_rig *)ctx)->oom_kill_count;
}

void super_rig_init(struct super_rig *r, struct pk_supervisor *s, const char *actions_text) {
    memset(r, 0, sizeof *r);
    memset(s, 0, sizeof *s);
    r->s = s;
    r->now_ms = 1000000;
    r->boot_id = 77;
    r->room = 1000;
    r->record_bytes = r->places_bytes = r->armed_bytes = PK_E_NOT_FOUND;
    r->port = (struct pk_port_super){.ctx = r,
                                     .mono_ms = mono_ms,
                                     .random = random_u32,
                                     .boot_id = boot_id,
                                     .kernel_dump = kernel_dump,
                                     .has_watchdog_fired = has_watchdog_fired,
                                     .oom_kill_count = oom_kill_count,
                                     .wait = wait_ready,
                                     .spawn = spawn,
                                     .ended = ended,
                                     .kill = kill_child,
                                     .probe = probe,
                                     .resolved = resolved,
                                     .probed = probed,
                                     .inlet = look_inlet,
                                     .inlet_place = place_of_inlet,
                                     .inlet_dropped = dropped_at_inlet,
                                     .inlet_close = close_inlet,
                                     .inlet_swap = swap_inlets,
                                     .send = send_frame,
                                     .recv = recv_frame,
                                     .read_owned = read_owned,
                                     .load_state = load_state,
                                     .save_state = save_state,
                                     .load_armed = load_armed,
                                     .save_armed = save_armed,
                                     .load_places = load_places,
                                     .save_places = save_places,
                                     .notify = notify,
                                     .feed_watchdog = feed_watchdog,
                                     .watchdog_ms = watchdog_ms,
                                     .log = log_write,
                                     .exec = {.ctx = r,
                                              .start = exec_start,
                                              .finished = exec_finished,
                                              .output = exec_output,
                                              .stop = exec_stop}};
    struct pk_diag diag;
    pk_super_config_defaults(&s->config);
    pk_actions_init(&s->tables[0]);
    CHECK_EQ_INT(pk_actions_parse(&s->tables[0], pk_str_of(actions_text), "actions", &diag), PK_OK);
    CHECK_EQ_INT(pk_actions_finish(&s->tables[0], "actions", &diag), PK_OK);
    s->policy.actions = &s->tables[0];
    pk_probes_init(&s->probe_tables[0]);
    s->probe_table = &s->probe_tables[0];
    s->policy.mode = PK_MODE_SAFE;
    s->policy.is_safe_mode = true;
    s->config_path = "/does/not/exist/picketd.conf";
    s->port = &r->port;
    pk_budget_init(&s->policy.budget);
}

void super_rig_child_ends(struct super_rig *r, enum pk_super_child child, int32_t exit_code, bool is_fault) {
    PK_ASSERT(r->ended_count < RIG_ENDED);
    r->is_running[child] = false;
    r->ended[r->ended_count++] = (struct pk_super_exit){.child = child,
                                                        .exit_code = exit_code,
                                                        .wait_status = (uint32_t)exit_code << 8,
                                                        .is_fault = is_fault};
}

void super_rig_step(struct super_rig *r, uint64_t later_ms, uint32_t signals) {
    r->now_ms += later_ms;
    pk_supervisor_step(r->s, signals | (r->in_count > r->in_at ? (uint32_t)PK_SUPER_FRAME_READY : 0u));
}

void super_rig_run(struct super_rig *r) {
    pk_supervisor_start(r->s, &r->port);
    if (r->s->state == PK_SUPER_CHECKING) {
        super_rig_child_ends(r, PK_SUPER_CHECK_STORE, 0, false);
        super_rig_step(r, 0, 0);
    }
}

void super_rig_say(struct super_rig *r, enum pk_ipc_type type, uint32_t id, const void *body, uint32_t n) {
    PK_ASSERT(r->in_count < RIG_FRAMES);
    r->in_error[r->in_count] = PK_OK;
    pk_super_frame(&r->in[r->in_count++], type, id, body, n);
}

void super_rig_program_ends(struct super_rig *r, uint32_t slot, int32_t exit_code, const char *output) {
    r->slots[slot].is_running = false;
    r->slots[slot].is_ended = true;
    r->slots[slot].output_bytes = (uint32_t)strlen(output);
    memcpy(r->slots[slot].output, output, strlen(output));
    r->slots[slot].result =
        (struct pk_exec_result){.slot = slot, .exit_code = exit_code, .output_bytes = strlen(output)};
}

const struct pk_ipc_frame *super_rig_heard(const struct super_rig *r, enum pk_ipc_type type) {
    for (uint32_t i = r->out_count; i > 0; i--) {
        if (r->out[i - 1u].type == type) {
            return &r->out[i - 1u];
        }
    }
    return NULL;
}

int super_rig_refused(const struct super_rig *r) {
    const struct pk_ipc_frame *f = super_rig_heard(r, PK_IPC_REFUSED);
    struct pk_ipc_refused body = {0};
    if (f != NULL) {
        memcpy(&body, f->body, sizeof body);
    }
    return body.error;
}

void super_rig_forget(struct super_rig *r) {
    r->out_count = 0;
}

void super_rig_ask(struct super_rig *r, uint32_t id, uint16_t action_index, const char *target,
                   uint8_t phase) {
    struct pk_ipc_run run;
    memset(&run, 0, sizeof run);
    run.actions_crc = r->s->policy.actions->crc;
    run.action_index = action_index;
    run.phase = phase;
    run.incident_number = 5;
    (void)pk_str_copy_cut(pk_str_of(target), run.target, sizeof run.target);
    super_rig_say(r, PK_IPC_RUN, id, &run, sizeof run);
}
