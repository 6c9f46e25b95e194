#include "support/supervisor_model.h"

#include <stdio.h>
#include <string.h>

#include "base/pk_batch.h"
#include "wire/pk_record.h"

enum { HOUR_MS = 3600000, ITERATIONS_MAX = 10 };

static bool happens(struct super_model *s, uint32_t weight) {
    return weight > 0 && pk_rng_below(&s->rng, 1000) < weight;
}

static void breach(struct super_model *s, const struct pk_ipc_frame *f, const char *what) {
    if (s->breach[0] == '\0') {
        (void)snprintf(s->breach, sizeof s->breach, "run %lu at %llu ms: %s", (unsigned long)f->id,
                       (unsigned long long)s->sim->now_ms, what);
    }
}

void super_model_init(struct super_model *s, uint64_t seed, struct pk_sim *sim,
                      const struct pk_agent *agent) {
    memset(s, 0, sizeof *s);
    pk_rng_seed(&s->rng, seed);
    s->sim = sim;
    s->agent = agent;
    s->duration_min_ms = 100;
    s->duration_max_ms = 2000;
    s->slack_ms = 5000;
    (void)snprintf(s->address, sizeof s->address, "10.0.0.1");
    for (uint32_t i = 0; i < SUPER_ANSWERS; i++) {
        s->answers[i].at_ms = UINT64_MAX;
    }
}

static void answer(struct super_model *s, uint16_t type, uint32_t id, const void *body, uint32_t n,
                   uint64_t delay_ms, uint32_t start, int32_t exit_code) {
    for (uint32_t i = 0; i < SUPER_ANSWERS; i++) {
        if (s->answers[i].at_ms != UINT64_MAX) {
            continue;
        }
        s->answers[i].at_ms = s->sim->now_ms + delay_ms;
        s->answers[i].start = start;
        s->answers[i].exit_code = exit_code;
        s->answers[i].frame = (struct pk_ipc_frame){
            .version = PK_IPC_VERSION, .type = type, .id = id, .body_bytes = (uint16_t)n};
        if (n > 0) {
            memcpy(s->answers[i].frame.body, body, n);
        }
        return;
    }
}

static void refuse(struct super_model *s, uint32_t id, int error, const char *why) {
    struct pk_ipc_refused r = {.error = error, .retry_after_ms = 500};
    (void)snprintf(r.why, sizeof r.why, "%s", why);
    s->refused_count++;
    answer(s, PK_IPC_REFUSED, id, &r, sizeof r, 2, 0, 0);
}

/* ---- what must hold when a start arrives */
struct stored_run {
    uint32_t boot, id;
    struct pk_run run;
    bool is_found;
};

static int look_at_run(void *arg, struct pk_str key, struct pk_str value) {
    struct stored_run *wanted = arg;
    struct pk_record_key k;
    pk_record_key_run(&k, wanted->boot, wanted->id);
    if (pk_str_eq(key, pk_record_key_str(&k))) {
        wanted->is_found = pk_run_unpack(&wanted->run, value) == PK_OK;
    }
    return PK_OK;
}

static bool is_intent_durable(struct super_model *s, const struct pk_run *run) {
    struct stored_run wanted = {.boot = run->boot, .id = run->id};
    const struct pk_port_store *store = &s->agent->port->store;
    (void)store->load(store->ctx, PK_TREE_OBJECTS, pk_str_of("r"), look_at_run, &wanted);
    return wanted.is_found && wanted.run.is_intent && wanted.run.incident == run->incident;
}

static void check_history(struct super_model *s, const struct pk_ipc_frame *f, const struct pk_action *row,
                          const struct pk_run *run, const struct pk_ipc_run *r) {
    uint32_t in_hour = 0;
    uint32_t iterations = 0;
    uint32_t running = 0;
    const uint32_t kept = s->start_count < SUPER_STARTS ? s->start_count : SUPER_STARTS;
    for (uint32_t i = 0; i < kept; i++) {
        const struct super_start *old = &s->starts[i];
        const uint64_t age_ms = s->sim->now_ms - old->at_ms + s->slack_ms;
        const bool is_same = old->action == r->action_index && strcmp(old->target, r->target) == 0;
        if (old->boot == run->boot && old->run == run->id && !row->is_idempotent) {
            breach(s, f, "executed twice for one intent");
        }
        in_hour += is_same && age_ms < HOUR_MS ? 1u : 0u;
        iterations += old->incident == r->incident_number ? 1u : 0u;
        running += old->is_running ? 1u : 0u;
        if (is_same && age_ms < row->cooldown_ms) {
            breach(s, f, "started within its cooldown");
        }
    }
    if (in_hour >= row->per_hour) {
        breach(s, f, "more starts in an hour than its budget has");
    }
    if (iterations >= ITERATIONS_MAX) {
        breach(s, f, "more starts for one incident than ten");
    }
    if (running >= PK_RESPOND_CONCURRENT) {
        breach(s, f, "more than three at once");
    }
}

/* Maintenance has no incident: it is on the schedule, of a row that nobody has to be asked for, and known to
 * the store. */
static void judge_task(struct super_model *s, const struct pk_ipc_frame *f, const struct pk_ipc_run *r) {
    const struct pk_agent *a = s->agent;
    const struct pk_action *row = &a->actions[a->actions_index].rows[r->action_index];
    if (a->tasks.row >= a->config.tasks.count || a->tasks.run_id != f->id || r->incident_number != 0 ||
        strcmp(a->config.tasks.rows[a->tasks.row].action, row->name) != 0 ||
        a->tasks.table.states[a->tasks.row].is_dirty || a->durable_seq < a->submitted_seq) {
        breach(s, f, "a start of no task that is due");
    }
    if (!row->is_idempotent || row->risk > (a->mode == PK_MODE_AUTO ? PK_RISK_MEDIUM : PK_RISK_LOW) ||
        a->mode < PK_MODE_SAFE || r->is_approved != 0) {
        breach(s, f, "maintenance that somebody has to be asked for");
    }
}

static void judge(struct super_model *s, const struct pk_ipc_frame *f, const struct pk_ipc_run *r) {
    const struct pk_agent *a = s->agent;
    if ((f->id & PK_AGENT_TASK_IDS) != 0) {
        judge_task(s, f, r);
        return;
    }
    const struct pk_action_table *t = &a->actions[a->actions_index];
    const struct pk_run *run = pk_respond_get(&a->respond, f->id);
    bool is_critical = false;
    if (run == NULL || run->incident != r->incident_number) {
        breach(s, f, "a start of no run of that incident");
        return;
    }
    const struct pk_action *row = &t->rows[r->action_index];
    const uint8_t risk = row->risk;
    if (pk_action_check_target(t, r->action_index, pk_str_of(r->target), &is_critical) != PK_OK) {
        breach(s, f, "a target that is not allowed");
    }
    if (!pk_incidents_is_live(&a->incidents, r->incident_number)) {
        breach(s, f, "no live incident");
    }
    if (!is_intent_durable(s, run)) {
        breach(s, f, "its intent is not durable");
    }
    const bool needs_approval =
        risk + (is_critical ? 1 : 0) > (a->mode == PK_MODE_AUTO ? PK_RISK_MEDIUM : PK_RISK_LOW);
    if (a->mode == PK_MODE_OFF || a->mode == PK_MODE_OBSERVE || (needs_approval && r->is_approved == 0)) {
        breach(s, f, "the mode does not allow it");
    }
    check_history(s, f, row, run, r);
}

/* ---- requests */
static void act(struct super_model *s, const struct pk_ipc_frame *f, const struct pk_ipc_run *r) {
    judge(s, f, r);
    if (happens(s, s->weights.busy)) {
        refuse(s, f->id, PK_E_BUSY, "three run already");
        return;
    }
    if (happens(s, s->weights.refuse)) {
        refuse(s, f->id, PK_E_BUDGET, "the supervisor's own budget is spent");
        return;
    }
    const struct pk_run *run = pk_respond_get(&s->agent->respond, f->id);
    struct super_start *start = &s->starts[s->start_count % SUPER_STARTS];
    const uint32_t index = s->start_count % SUPER_STARTS + 1;
    *start = (struct super_start){.boot = run != NULL ? run->boot : 0,
                                  .run = f->id,
                                  .incident = r->incident_number,
                                  .action = r->action_index,
                                  .at_ms = s->sim->now_ms,
                                  .is_running = true,
                                  .is_undo_off = r->is_undo_off != 0};
    memcpy(start->target, r->target, sizeof start->target);
    s->start_count++;
    const struct pk_ipc_started started = {.pid = 1000 + s->start_count};
    answer(s, PK_IPC_STARTED, f->id, &started, sizeof started, 1, 0, 0);
    if (happens(s, s->weights.never_answer)) {
        start->is_running = false;
        return;
    }
    const bool is_timed_out = happens(s, s->weights.time_out);
    const bool is_failed = is_timed_out || happens(s, s->weights.fail);
    const uint64_t takes_ms =
        s->duration_min_ms + pk_rng_below(&s->rng, s->duration_max_ms - s->duration_min_ms + 1u);
    struct pk_ipc_output o = {.n = 11};
    memcpy(o.bytes, "said so.\nx\n", 11);
    answer(s, PK_IPC_OUTPUT, f->id, &o, sizeof o, takes_ms, 0, 0);
    const struct pk_ipc_done d = {.exit_code = is_failed ? 1 : 0,
                                  .duration_ms = (uint32_t)takes_ms,
                                  .is_timed_out = is_timed_out,
                                  .phase = PK_IPC_PHASE_ACT,
                                  .output_bytes = 11};
    answer(s, PK_IPC_DONE, f->id, &d, sizeof d, takes_ms + 1, index, d.exit_code);
}

static void verify(struct super_model *s, const struct pk_ipc_frame *f) {
    const struct pk_ipc_done d = {.exit_code = happens(s, s->weights.verify_fail) ? 1 : 0,
                                  .duration_ms = 10,
                                  .phase = PK_IPC_PHASE_VERIFY};
    s->verify_count++;
    answer(s, PK_IPC_DONE, f->id, &d, sizeof d, 20, 0, 0);
}

static void on_run(struct super_model *s, const struct pk_ipc_frame *f) {
    struct pk_ipc_run r;
    memcpy(&r, f->body, sizeof r);
    const struct pk_action_table *t = &s->agent->actions[s->agent->actions_index];
    if (f->body_bytes != sizeof r || r.actions_crc != t->crc || r.action_index >= t->count ||
        memchr(r.target, '\0', sizeof r.target) == NULL || f->id == 0) {
        breach(s, f, "a malformed start");
        return;
    }
    if (r.phase == PK_IPC_PHASE_VERIFY) {
        verify(s, f);
        return;
    }
    act(s, f, &r);
    if (happens(s, s->weights.twice)) {
        act(s, f, &r);
    }
}

static void on_resolve(struct super_model *s, const struct pk_ipc_frame *f) {
    struct pk_ipc_resolved r = {.error = PK_OK, .address_count = 1};
    s->resolve_count++;
    if (happens(s, s->weights.resolve_never)) {
        return;
    }
    if (happens(s, s->weights.resolve_fail)) {
        r = (struct pk_ipc_resolved){.error = PK_E_NOT_FOUND};
    } else {
        memcpy(r.address[0], s->address, sizeof s->address);
    }
    answer(s, PK_IPC_RESOLVED, f->id, &r, sizeof r, 1 + pk_rng_below(&s->rng, 30), 0, 0);
}

static void on_tick(struct super_model *s, const struct pk_ipc_frame *f) {
    struct pk_ipc_tick t;
    memcpy(&t, f->body, sizeof t);
    if (t.tick_count <= s->tick_count || t.durable_seq > t.submitted_seq) {
        breach(s, f, "tick count or store numbers go wrong");
    }
    s->tick_count = t.tick_count;
    s->tick_frames++;
}

void super_model_frame(struct super_model *s, const struct pk_ipc_frame *f) {
    if (f->version != PK_IPC_VERSION || f->reserved != 0 || f->reserved2 != 0) {
        breach(s, f, "a frame of another version");
        return;
    }
    switch (f->type) {
    case PK_IPC_RUN:
        on_run(s, f);
        return;
    case PK_IPC_RESOLVE:
        on_resolve(s, f);
        return;
    case PK_IPC_TICK:
        on_tick(s, f);
        return;
    case PK_IPC_STOP:
        s->stop_count++;
        return;
    case PK_IPC_READY:
        s->ready_count++;
        return;
    case PK_IPC_INLET:
        s->inlet_count++;
        s->inlet_id = f->id;
        memcpy(&s->inlet, f->body, sizeof s->inlet);
        return;
    case PK_IPC_INLET_AT:
        s->inlet_at_count++;
        memcpy(&s->inlet_at, f->body, sizeof s->inlet_at);
        return;
    case PK_IPC_NOTIFY:
        return;
    case PK_IPC_PROBE:
        s->probe_ids[s->probe_count % 32u] = f->id;
        memcpy(&s->probes[s->probe_count % 32u], f->body, sizeof s->probes[0]);
        s->probe_count++;
        return;
    default:
        breach(s, f, "a frame an agent does not send");
        return;
    }
}

/* ---- time */
uint64_t super_model_next_ms(const struct super_model *s) {
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < SUPER_ANSWERS; i++) {
        next = s->answers[i].at_ms < next ? s->answers[i].at_ms : next;
    }
    return next;
}

static uint32_t earliest(const struct super_model *s) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < SUPER_ANSWERS; i++) {
        best = s->answers[i].at_ms < s->answers[best].at_ms ? i : best;
    }
    return best;
}

void super_model_run(struct super_model *s) {
    for (uint32_t i = earliest(s); s->answers[i].at_ms <= s->sim->now_ms; i = earliest(s)) {
        s->answers[i].at_ms = UINT64_MAX;
        if (s->answers[i].start != 0) {
            struct super_start *start = &s->starts[s->answers[i].start - 1];
            start->is_running = false;
            if (s->ended != NULL) {
                s->ended(s->arg, start, s->answers[i].exit_code);
            }
        }
        (void)pk_sim_ipc_push(s->sim, &s->answers[i].frame, 0);
    }
}

void super_model_greet(struct super_model *s, bool is_first_of_boot, struct pk_agent_start *out) {
    for (uint32_t i = 0; i < SUPER_ANSWERS; i++) {
        s->answers[i].at_ms = UINT64_MAX;
    }
    for (uint32_t i = 0; i < SUPER_STARTS; i++) {
        s->starts[i].is_running = false; /* its children ended with it */
    }
    s->tick_count = 0;
    s->boot_epoch++;
    *out = s->told;
    out->boot_epoch = s->boot_epoch;
    const uint32_t by_kill = 9;
    out->last_exit = is_first_of_boot ? UINT32_MAX : s->told.last_exit != 0 ? s->told.last_exit : by_kill;
    out->seal_bits = PK_SEAL_SECCOMP | PK_SEAL_NO_NEW_PRIVS | PK_SEAL_LANDLOCK;
}

uint32_t super_model_starts_of(const struct super_model *s, const char *action) {
    const struct pk_action_table *t = &s->agent->actions[s->agent->actions_index];
    const int index = pk_actions_find(t, pk_str_of(action));
    const uint32_t kept = s->start_count < SUPER_STARTS ? s->start_count : SUPER_STARTS;
    uint32_t count = 0;
    for (uint32_t i = 0; i < kept; i++) {
        count += (int)s->starts[i].action == index ? 1u : 0u;
    }
    return count;
}
