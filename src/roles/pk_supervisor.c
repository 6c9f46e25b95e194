#include "roles/pk_supervisor.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "respond/pk_action_parse.h"
#include "roles/pk_roles.h"

#define NO_EXIT 0xFFFFFFFFu

void pk_super_log(const struct pk_supervisor *s, enum pk_log_level level, const char *text, uint64_t number) {
    char line[240];
    struct pk_buf b;
    pk_buf_init(&b, line, sizeof line);
    pk_buf_puts(&b, text);
    if (b.n > 0 && line[b.n - 1u] == ' ') {
        pk_buf_put_u64(&b, number);
    }
    s->port->log(s->port->ctx, level, line);
}

struct pk_stamp pk_super_stamp(const struct pk_supervisor *s) {
    return (struct pk_stamp){.boot = (uint32_t)s->port->boot_id(s->port->ctx),
                             .mono_ms = s->port->mono_ms(s->port->ctx)};
}

int pk_super_save(struct pk_supervisor *s) {
    const int n = pk_super_record_pack(&s->record, &s->policy.budget, s->scratch, sizeof s->scratch);
    const int err = n < 0 ? n : s->port->save_state(s->port->ctx, s->scratch, (uint32_t)n);
    if (err != PK_OK) {
        pk_super_log(s, PK_LOG_ERROR,
                     "the supervisor's record cannot be written; no action starts until it can", 0);
    } else {
        pk_super_armed_copy(s);
    }
    return err;
}

void pk_super_frame(struct pk_ipc_frame *frame, enum pk_ipc_type type, uint32_t id, const void *body,
                    uint32_t n) {
    PK_ASSERT(n <= PK_IPC_BODY_BYTES);
    memset(frame, 0, sizeof *frame);
    frame->version = PK_IPC_VERSION;
    frame->type = (uint16_t)type;
    frame->id = id;
    frame->body_bytes = (uint16_t)n;
    if (n > 0) {
        memcpy(frame->body, body, n);
    }
}

void pk_super_reply(struct pk_supervisor *s, const struct pk_ipc_frame *frame) {
    if (s->port->send(s->port->ctx, frame, -1) != PK_OK) {
        s->counts.dropped_frames++;
    }
}

void pk_super_refuse(struct pk_supervisor *s, uint32_t id, int error, uint64_t wait_ms, const char *why) {
    struct pk_ipc_refused body = {.error = error,
                                  .retry_after_ms = wait_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)wait_ms};
    (void)pk_str_copy_cut(pk_str_of(why), body.why, sizeof body.why);
    struct pk_ipc_frame frame;
    pk_super_frame(&frame, PK_IPC_REFUSED, id, &body, sizeof body);
    s->counts.refused++;
    pk_super_reply(s, &frame);
}

/* ---- configuration ---- */

static int load_actions(struct pk_supervisor *s, const char *path, struct pk_diag *diag) {
    const int n = pk_super_read_owned(path, s->scratch, sizeof s->scratch);
    if (n < 0 && n != PK_E_NOT_FOUND) {
        pk_diag_set1(diag, path, 1, 1,
                     n == PK_E_DENIED
                         ? "it and its directory must belong to root and be writable by root only"
                         : "cannot be read: {}",
                     pk_str_of(pk_err_text(n)));
        return PK_E_CONFIG;
    }
    /* Without the file there are no actions: a gateway that only watches. */
    struct pk_action_table *spare = &s->tables[s->table_index ^ 1u];
    pk_actions_init(spare);
    if (n >= 0 &&
        pk_actions_parse(spare, pk_str_make((const char *)s->scratch, (size_t)n), path, diag) != PK_OK) {
        return PK_E_CONFIG;
    }
    return pk_actions_finish(spare, path, diag);
}

static struct pk_probes *spare_probes(struct pk_supervisor *s) {
    return s->probe_table == &s->probe_tables[0] ? &s->probe_tables[1] : &s->probe_tables[0];
}

static void take_config(struct pk_supervisor *s, const struct pk_super_config *config) {
    s->probe_table = spare_probes(s);
    s->policy.mode = config->mode;
    s->policy.is_safe_mode = config->is_safe_mode;
    s->policy.is_auto_rollback = config->is_auto_rollback;
    const struct pk_action_table *before = s->policy.actions;
    s->table_index ^= 1u;
    s->policy.actions = &s->tables[s->table_index];
    if (before == NULL || before->crc != s->policy.actions->crc) {
        pk_super_policy_forget_verifiable(&s->policy);
    }
}

int pk_supervisor_load(struct pk_supervisor *s, const char *config_path, const char *const *environment,
                       struct pk_diag *diag) {
    s->config_path = config_path;
    s->environment = environment;
    int err = pk_super_config_load(&s->config, config_path, environment, s->scratch, sizeof s->scratch, diag);
    if (err == PK_OK) {
        err = load_actions(s, s->config.actions_path, diag);
    }
    if (err == PK_OK) {
        err = pk_super_config_probes(spare_probes(s), config_path, s->scratch, sizeof s->scratch, diag);
    }
    if (err == PK_OK) {
        take_config(s, &s->config);
    }
    return err;
}

static void take_files(struct pk_supervisor *s) {
    struct pk_super_config *config = &s->config_spare;
    struct pk_diag diag;
    int err =
        pk_super_config_load(config, s->config_path, s->environment, s->scratch, sizeof s->scratch, &diag);
    if (err == PK_OK) {
        err = load_actions(s, config->actions_path, &diag);
    }
    if (err == PK_OK) {
        err = pk_super_config_probes(spare_probes(s), s->config_path, s->scratch, sizeof s->scratch, &diag);
    }
    if (err == PK_OK) {
        take_config(s, config);
        pk_super_inlets_take(s, &config->inlets);
        pk_super_log(s, PK_LOG_NOTICE, "configuration read again, actions: ", s->policy.actions->count);
        s->port->kill(s->port->ctx, PK_SUPER_AGENT, PK_SUPER_KILL_RELOAD);
        return;
    }
    char line[320];
    struct pk_buf b;
    pk_buf_init(&b, line, sizeof line);
    pk_diag_format(&diag, &b);
    pk_super_log(s, PK_LOG_ERROR, line, 0);
    pk_super_log(s, PK_LOG_ERROR, "the old configuration stays", 0);
}

/* Whole or not at all, on both sides of the socket: a child of ours reads everything as the agent would, and
 * only then both take it. Not the agent's word, which may be a stranger's. Paths and users are of the start:
 * a change of them waits for the next one. */
static void reload(struct pk_supervisor *s) {
    s->is_reload_pending = false;
    take_files(s);
    s->port->notify(s->port->ctx, "READY=1");
}

static void ask_reload(struct pk_supervisor *s) {
    s->port->notify(s->port->ctx, "RELOADING=1");
    const int pid = s->port->spawn(s->port->ctx, PK_SUPER_CHECK_CONFIG, NULL);
    s->is_reload_asked_again = pid == PK_E_BUSY;
    if (pid < 0 && pid != PK_E_BUSY) {
        pk_super_log(s, PK_LOG_ERROR, "the configuration cannot be checked; the old one stays", 0);
        s->port->notify(s->port->ctx, "READY=1");
    }
}

static void config_check_ended(struct pk_supervisor *s, int32_t exit_code) {
    if (s->is_reload_asked_again) {
        ask_reload(s); /* the files may have changed after they were read */
        return;
    }
    s->is_reload_pending = exit_code == PK_EXIT_OK; /* taken once no program of the old table runs */
    if (s->is_reload_pending) {
        return;
    }
    pk_super_log(s, PK_LOG_ERROR, "configuration refused, the old one stays; check ended with ",
                 (uint64_t)exit_code);
    if (exit_code == PK_EXIT_DAEMON_CONFIG) { /* it refuses too, and keeps the reason for `doctor` */
        s->port->kill(s->port->ctx, PK_SUPER_AGENT, PK_SUPER_KILL_RELOAD);
    }
    s->port->notify(s->port->ctx, "READY=1");
}

/* ---- the agent's life ---- */

static void done(struct pk_supervisor *s, int exit_code) {
    pk_super_places_save(s);
    s->state = PK_SUPER_DONE;
    s->deadline_ms = UINT64_MAX;
    s->exit_code = exit_code;
}

static void start_agent(struct pk_supervisor *s) {
    const uint64_t now_ms = s->port->mono_ms(s->port->ctx);
    s->record.boot_epoch++;
    s->record.is_clean = false;
    const int saved = pk_super_save(s);
    (void)saved; /* said in the log; watching goes on, acting does not */
    s->state = PK_SUPER_RUNNING;
    s->deadline_ms = UINT64_MAX;
    s->started_ms = now_ms;
    s->is_ready = s->is_ipc_closed = s->is_store_stuck = false;
    s->hang_step = 0;
    s->oom_kill_base = s->port->oom_kill_count(s->port->ctx);
    s->hang_ms = now_ms + PK_SUPER_START_MS;
    s->tick_count = s->durable_seq = 0;
    s->durable_ms = now_ms;
    s->frame_tokens = PK_SUPER_FRAMES_BURST;
    s->frame_tokens_ms = now_ms;
    pk_super_inlets_orphan(s);
    s->is_agent_running = s->port->spawn(s->port->ctx, PK_SUPER_AGENT, NULL) > 0;
    if (!s->is_agent_running) {
        pk_super_log(s, PK_LOG_ERROR, "the agent cannot be started", 0);
        s->state = PK_SUPER_BACKOFF;
        s->deadline_ms = now_ms + PK_SUPER_BACKOFF_MAX_MS;
    }
}

static void start_child(struct pk_supervisor *s, enum pk_super_child child, enum pk_super_state state) {
    s->state = state;
    s->deadline_ms = s->port->mono_ms(s->port->ctx) + PK_SUPER_CHECK_MS;
    if (s->port->spawn(s->port->ctx, child, NULL) < 0) {
        start_agent(s);
    }
}

static void check_ended(struct pk_supervisor *s, const struct pk_super_exit *ended) {
    const uint64_t code = (uint64_t)ended->exit_code;
    if (ended->exit_code == PK_EXIT_OK) {
        start_agent(s);
        return;
    }
    /* Damage is what the check finds, or what makes it crash. Being killed for time or memory, or a disk that
     * cannot be read now, says nothing; but when the agent fails with it again and again, going on matters
     * more, and what is moved aside is still there. */
    const bool is_hopeless = s->record.crash_count >= PK_SUPER_UNCHECKED_MAX;
    if (ended->exit_code == PK_EXIT_FAILED || ended->is_fault || is_hopeless) {
        pk_super_log(s, PK_LOG_ERROR, "the store is damaged and is moved aside; check ended with ", code);
        start_child(s, PK_SUPER_MOVE_STORE, PK_SUPER_MOVING);
        return;
    }
    pk_super_log(s, PK_LOG_WARNING, "the store could not be checked; check ended with ", code);
    start_agent(s);
}

static void move_ended(struct pk_supervisor *s, int32_t exit_code) {
    s->is_store_moved = exit_code == PK_EXIT_OK;
    if (exit_code != PK_EXIT_OK) {
        pk_super_log(s, PK_LOG_ERROR, "the damaged store could not be moved aside; ended with ",
                     (uint64_t)exit_code);
    }
    start_agent(s);
}

static uint64_t backoff_ms(uint32_t crash_count) {
    const uint32_t doublings = crash_count > 0 ? crash_count - 1u : 0u;
    const uint64_t ms =
        doublings < 8u ? (uint64_t)PK_SUPER_BACKOFF_FIRST_MS << doublings : PK_SUPER_BACKOFF_MAX_MS;
    return ms > PK_SUPER_BACKOFF_MAX_MS ? PK_SUPER_BACKOFF_MAX_MS : ms;
}

static void agent_crashed(struct pk_supervisor *s, const struct pk_super_exit *ended, uint64_t now_ms) {
    const bool was_good = s->is_ready && now_ms - s->started_ms >= PK_SUPER_GOOD_RUN_MS;
    s->record.crash_count = was_good ? 1u : s->record.crash_count + 1u;
    pk_super_log(s, PK_LOG_ERROR, "the agent ended with ", (uint64_t)ended->exit_code);
    pk_super_log(s, PK_LOG_NOTICE, "starting it again; unexpected ends in a row: ", s->record.crash_count);
    s->port->notify(s->port->ctx, "STATUS=the agent ended unexpectedly and is started again");
    s->state = PK_SUPER_BACKOFF;
    s->deadline_ms = now_ms + backoff_ms(s->record.crash_count);
}

static void agent_ended(struct pk_supervisor *s, const struct pk_super_exit *ended) {
    const uint64_t now_ms = s->port->mono_ms(s->port->ctx);
    s->is_agent_running = false;
    pk_super_runs_orphan(s);
    pk_super_inlets_orphan(s);
    for (uint32_t i = 0; i < PK_SUPER_RESOLVERS; i++) {
        s->resolves[i].is_orphan = true;
    }
    pk_super_probes_orphan(s);
    s->is_store_moved = false;
    s->was_hung = s->hang_step == 2 && !s->is_ipc_closed;
    s->oom_kill_count = (uint32_t)(s->port->oom_kill_count(s->port->ctx) - s->oom_kill_base);
    s->record.last_exit = ended->wait_status;
    if (s->state == PK_SUPER_STOPPING) {
        s->record.is_clean = ended->exit_code == PK_EXIT_OK;
        s->record.crash_count = s->record.is_clean ? 0u : s->record.crash_count;
    } else if (ended->exit_code == PK_EXIT_DAEMON_CONFIG && !s->was_ready) {
        s->record.is_clean = true; /* it never got as far as the store, or left it whole */
        done(s, PK_EXIT_DAEMON_CONFIG);
    } else {
        agent_crashed(s, ended, now_ms);
    }
    const int saved = pk_super_save(s);
    (void)saved;
}

static void child_ended(struct pk_supervisor *s, const struct pk_super_exit *ended) {
    switch (ended->child) {
    case PK_SUPER_AGENT:
        agent_ended(s, ended);
        break;
    case PK_SUPER_CHECK_STORE:
        if (s->state == PK_SUPER_CHECKING) {
            check_ended(s, ended);
        }
        break;
    case PK_SUPER_MOVE_STORE:
        if (s->state == PK_SUPER_MOVING) {
            move_ended(s, ended->exit_code);
        }
        break;
    case PK_SUPER_CHECK_CONFIG:
        if (s->state != PK_SUPER_STOPPING) {
            config_check_ended(s, ended->exit_code);
        }
        break;
    case PK_SUPER_RESOLVE_0:
    case PK_SUPER_RESOLVE_1:
        pk_super_resolve_ended(s, (uint32_t)ended->child - PK_SUPER_RESOLVE_0);
        break;
    case PK_SUPER_PROBE_0:
    case PK_SUPER_PROBE_1:
    case PK_SUPER_PROBE_2:
    case PK_SUPER_PROBE_3:
        pk_super_probe_ended(s, (uint32_t)ended->child - PK_SUPER_PROBE_0, ended);
        break;
    case PK_SUPER_CHILD_COUNT:
        break;
    }
}

/* ---- signals and deadlines ---- */

static void stop(struct pk_supervisor *s) {
    if (s->state == PK_SUPER_STOPPING) {
        return;
    }
    s->port->notify(s->port->ctx, "STOPPING=1");
    s->port->kill(s->port->ctx, PK_SUPER_CHECK_STORE, PK_SUPER_KILL_KILL);
    s->port->kill(s->port->ctx, PK_SUPER_MOVE_STORE, PK_SUPER_KILL_KILL);
    s->port->kill(s->port->ctx, PK_SUPER_CHECK_CONFIG, PK_SUPER_KILL_KILL);
    s->port->kill(s->port->ctx, PK_SUPER_RESOLVE_0, PK_SUPER_KILL_KILL);
    s->port->kill(s->port->ctx, PK_SUPER_RESOLVE_1, PK_SUPER_KILL_KILL);
    s->port->kill(s->port->ctx, PK_SUPER_AGENT, PK_SUPER_KILL_TERM);
    pk_super_probes_stop(s);
    pk_super_runs_stop_all(s);
    s->state = PK_SUPER_STOPPING;
    s->is_stop_killed = false;
    s->deadline_ms = s->port->mono_ms(s->port->ctx) + PK_SUPER_STOP_MS;
}

static void on_signals(struct pk_supervisor *s, uint32_t bits) {
    if ((bits & PK_SIG_STOP) != 0) {
        stop(s);
        return;
    }
    if ((bits & PK_SIG_RELOAD) != 0) {
        ask_reload(s);
    }
    if ((bits & PK_SIG_DUMP) != 0) {
        s->port->kill(s->port->ctx, PK_SUPER_AGENT, PK_SUPER_KILL_DUMP);
    }
    if ((bits & PK_SIG_LOG_LEVEL) != 0) {
        s->port->kill(s->port->ctx, PK_SUPER_AGENT, PK_SUPER_KILL_LOG_LEVEL);
    }
}

/* An agent that shows no rising tick is asked once more, then aborted, then killed. */
static void on_hang(struct pk_supervisor *s, uint64_t now_ms) {
    if (s->hang_step == 0) {
        s->hang_step = 1;
    } else if (s->hang_step == 1) {
        s->hang_step = 2;
        pk_super_log(s, PK_LOG_ERROR, "the agent does not tick: it is ended", 0);
        s->port->kill(s->port->ctx, PK_SUPER_AGENT, PK_SUPER_KILL_ABORT);
    } else {
        s->port->kill(s->port->ctx, PK_SUPER_AGENT, PK_SUPER_KILL_KILL);
    }
    s->hang_ms = now_ms + PK_SUPER_GRACE_MS;
}

/* Deadline of STOPPING: the agent first, then whatever runs; then we go anyway. */
static void on_stop_deadline(struct pk_supervisor *s, uint64_t now_ms) {
    if (s->is_stop_killed) {
        done(s, PK_EXIT_OK);
        return;
    }
    s->is_stop_killed = true;
    s->port->kill(s->port->ctx, PK_SUPER_AGENT, PK_SUPER_KILL_KILL);
    s->deadline_ms = now_ms + PK_SUPER_GRACE_MS;
}

static void on_deadline(struct pk_supervisor *s, uint64_t now_ms) {
    switch (s->state) {
    case PK_SUPER_CHECKING:
    case PK_SUPER_MOVING:
        s->deadline_ms = UINT64_MAX;
        s->port->kill(s->port->ctx,
                      s->state == PK_SUPER_CHECKING ? PK_SUPER_CHECK_STORE : PK_SUPER_MOVE_STORE,
                      PK_SUPER_KILL_KILL);
        break;
    case PK_SUPER_BACKOFF:
        start_child(s, PK_SUPER_CHECK_STORE, PK_SUPER_CHECKING);
        break;
    case PK_SUPER_STOPPING:
        on_stop_deadline(s, now_ms);
        break;
    case PK_SUPER_RUNNING:
    case PK_SUPER_DONE:
        break;
    }
}

static void check_resolvers(struct pk_supervisor *s, uint64_t now_ms) {
    for (uint32_t i = 0; i < PK_SUPER_RESOLVERS; i++) {
        if (s->resolves[i].is_used && now_ms >= s->resolves[i].deadline_ms) {
            s->port->kill(s->port->ctx, (enum pk_super_child)(PK_SUPER_RESOLVE_0 + i), PK_SUPER_KILL_KILL);
        }
    }
}

/* While there is no agent that could tick, being here is what there is to prove. */
static bool feeds_by_itself(const struct pk_supervisor *s) {
    return s->state != PK_SUPER_RUNNING || !s->is_ready;
}

static uint64_t feed_due_ms(const struct pk_supervisor *s) {
    const uint32_t pause_ms = s->port->watchdog_ms(s->port->ctx);
    return pause_ms == 0 ? UINT64_MAX : s->fed_ms + pause_ms / 2u;
}

static void feed(struct pk_supervisor *s, uint64_t tick_before, uint64_t now_ms) {
    const bool may_feed = feeds_by_itself(s) || (s->tick_count > tick_before && !s->is_store_stuck);
    if (may_feed && now_ms >= feed_due_ms(s)) {
        s->fed_ms = now_ms;
        s->port->feed_watchdog(s->port->ctx);
    }
}

/* ---- the turn ---- */

/* Once: what comes later is not about the boot before. */
static void read_kernel_dump(struct pk_supervisor *s) {
    const int n = s->port->kernel_dump(s->port->ctx, s->scratch, sizeof s->scratch);
    if (n > 0) {
        s->trace = (uint8_t)pk_stop_trace_of(pk_str_make((const char *)s->scratch, (size_t)n), s->trace_line);
        s->trace_crc = pk_crc32c(0, s->scratch, (uint32_t)n);
    }
}

void pk_supervisor_start(struct pk_supervisor *s, const struct pk_port_super *port) {
    s->port = port;
    read_kernel_dump(s);
    const struct pk_stamp now = pk_super_stamp(s);
    s->record = (struct pk_super_record){.last_exit = NO_EXIT};
    pk_budget_init(&s->policy.budget);
    s->inlets.due_ms = UINT64_MAX;
    s->fed_ms = now.mono_ms;
    port->feed_watchdog(port->ctx);
    int n = port->load_state(port->ctx, s->scratch, sizeof s->scratch);
    if (n >= 0) {
        n = pk_super_record_unpack(&s->record, &s->policy.budget, s->scratch, (uint32_t)n, &now);
    }
    if (n == PK_E_CORRUPT) {
        pk_budget_distrust(&s->policy.budget, &now);
        s->policy.blind_undos = PK_SUPER_BLIND_UNDOS;
        s->lost = (uint8_t)pk_super_armed_recover(s);
        pk_super_log(
            s, PK_LOG_ERROR,
            s->lost == PK_SUPER_LOST_ARMED
                ? "the supervisor's record is lost: every action budget counts as spent for an hour, "
                  "and a change that waited to be confirmed is NOT undone"
                : "the supervisor's record is lost: every action budget counts as spent for an hour; "
                  "changes that wait to be confirmed are known from their copy",
            0);
    }
    if (n < 0) {
        /* WIRE "Ids": lost means random with the top bit set; below it room for years of starts. */
        s->record.boot_epoch = 0x80000000u | (port->random(port->ctx) & 0x3FFFFFFFu);
    }
    pk_super_armed_start(s, &now);
    pk_super_places_load(s);
    if (s->record.is_clean) {
        start_agent(s);
    } else {
        start_child(s, PK_SUPER_CHECK_STORE, PK_SUPER_CHECKING);
    }
}

static void check_time(struct pk_supervisor *s, uint64_t now_ms) {
    if (now_ms >= s->deadline_ms) {
        on_deadline(s, now_ms);
    }
    if (s->state == PK_SUPER_RUNNING && now_ms >= s->hang_ms) {
        on_hang(s, now_ms);
    }
    check_resolvers(s, now_ms);
    pk_super_probes_check_time(s, now_ms);
    if (s->state != PK_SUPER_STOPPING && s->state != PK_SUPER_DONE) {
        pk_super_armed_check_time(s, now_ms);
        pk_super_runs_check_time(s, now_ms);
    }
    if (s->state == PK_SUPER_RUNNING) {
        pk_super_inlets_look(s, now_ms);
    }
}

void pk_supervisor_step(struct pk_supervisor *s, uint32_t ready) {
    const uint64_t now_ms = s->port->mono_ms(s->port->ctx);
    const uint64_t tick_before = s->tick_count;
    const bool was_closed = s->is_ipc_closed;
    struct pk_super_exit ended;
    pk_super_refill(s, now_ms);
    if ((ready & PK_SUPER_FRAME_READY) != 0) {
        pk_super_frames(s, now_ms);
    }
    if (s->is_ipc_closed && !was_closed) {
        s->hang_step = 1; /* it ends now, or it is broken */
        s->hang_ms = now_ms + PK_SUPER_GRACE_MS;
    }
    on_signals(s, ready);
    while (s->state != PK_SUPER_DONE && s->port->ended(s->port->ctx, &ended) == PK_OK) {
        child_ended(s, &ended);
    }
    pk_super_runs_collect(s);
    pk_super_runs_send(s);
    pk_super_armed_tell(s);
    if (s->is_reload_pending && pk_super_runs_open(s) == 0) {
        reload(s);
    }
    if (s->state == PK_SUPER_STOPPING && !s->is_agent_running && pk_super_runs_active(s) == 0) {
        done(s, PK_EXIT_OK);
    }
    check_time(s, now_ms);
    feed(s, tick_before, now_ms);
}

static void earlier(uint64_t *at_ms, uint64_t candidate_ms) {
    if (candidate_ms < *at_ms) {
        *at_ms = candidate_ms;
    }
}

uint64_t pk_supervisor_until_ms(const struct pk_supervisor *s) {
    enum { REFILL_MS = 20 };
    uint64_t until_ms = s->deadline_ms;
    if (s->state == PK_SUPER_RUNNING) {
        earlier(&until_ms, s->hang_ms);
        earlier(&until_ms, s->inlets.due_ms);
        earlier(&until_ms, s->kept.due_ms);
        if (s->frame_tokens == 0) {
            earlier(&until_ms, s->frame_tokens_ms + REFILL_MS);
        }
    }
    if (feeds_by_itself(s)) {
        earlier(&until_ms, feed_due_ms(s));
    }
    earlier(&until_ms, pk_super_probes_until_ms(s));
    if (s->state != PK_SUPER_STOPPING && s->state != PK_SUPER_DONE) {
        earlier(&until_ms, pk_super_armed_until_ms(s));
        earlier(&until_ms, pk_super_runs_until_ms(s));
    }
    for (uint32_t i = 0; i < PK_SUPER_RESOLVERS; i++) {
        if (s->resolves[i].is_used) {
            earlier(&until_ms, s->resolves[i].deadline_ms);
        }
    }
    return until_ms;
}

uint32_t pk_supervisor_wanted(const struct pk_supervisor *s) {
    if ((s->state != PK_SUPER_RUNNING && s->state != PK_SUPER_STOPPING) || s->is_ipc_closed) {
        return 0;
    }
    return (s->frame_tokens > 0 ? PK_SUPER_FRAME_READY : 0u) |
           (pk_super_runs_want_room(s) ? PK_SUPER_FRAME_ROOM : 0u);
}
