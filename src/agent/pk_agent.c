#include "agent/pk_agent.h"

#include <string.h>

#include "agent/pk_agent_priv.h"
#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "base/pk_zero.h"

enum { TICK_FRAME_MS = 5000 };

const struct pk_action_table *pk_agent_actions(const struct pk_agent *a) {
    return &a->actions[a->actions_index];
}

/* ---- log ---- */

void pk_agent_log1(struct pk_agent *a, enum pk_log_level level, const char *text, struct pk_str detail) {
    char line[256];
    struct pk_buf b;
    if ((uint8_t)level > a->log_level) {
        return;
    }
    pk_buf_init(&b, line, sizeof line);
    pk_buf_puts(&b, text);
    if (detail.n > 0) {
        pk_buf_puts(&b, ": ");
        const uint32_t room = b.cap_bytes - b.n - 1;
        pk_buf_put(&b, detail.p, detail.n < room ? detail.n : room);
    }
    a->port->log.write(a->port->log.ctx, level, pk_buf_str(&b));
}

void pk_agent_log(struct pk_agent *a, enum pk_log_level level, const char *text) {
    pk_agent_log1(a, level, text, pk_str_make(NULL, 0));
}

bool pk_agent_may_say(const struct pk_agent *a, struct pk_agent_muffle *m, uint64_t *out_more) {
    enum { AT_ONCE = 20, PERIOD_MS = 60000 };
    const uint64_t periods = (a->now.mono_ms - m->refilled_ms) / PERIOD_MS;
    if (periods > 0) {
        m->refilled_ms += periods * PERIOD_MS;
        m->spent_count -= periods < m->spent_count ? (uint32_t)periods : m->spent_count;
    }
    if (m->spent_count >= AT_ONCE) {
        m->muffled_count++;
        return false;
    }
    m->spent_count++;
    *out_more = m->muffled_count;
    m->muffled_count = 0;
    return true;
}

/* ---- clock ---- */

struct pk_stamp pk_agent_stamp_at(const struct pk_agent *a, uint64_t mono_ms) {
    struct pk_stamp s = a->now;
    if (mono_ms > s.mono_ms) {
        mono_ms = s.mono_ms;
    }
    if (s.wall_ms > 0) {
        s.wall_ms -= (int64_t)(s.mono_ms - mono_ms);
    }
    s.mono_ms = mono_ms;
    return s;
}

struct pk_intake_clock pk_agent_intake_clock(const struct pk_agent *a) {
    return (struct pk_intake_clock){
        .mono_ms = a->now.mono_ms, .wall_ms = a->now.wall_ms, .is_wall_good = a->now.quality >= PK_TIME_NTP};
}

/* Of this boot the newest counts, of earlier ones the newest few: what was stored in one is read with it. */
static void keep_fix(struct pk_agent *a, const struct pk_time_fix *fix) {
    struct pk_time_fix *fixes = a->meta.fixes;
    if (fixes[0].boot != fix->boot) {
        for (uint32_t i = PK_META_FIXES - 1; i > 0; i--) {
            fixes[i] = fixes[i - 1];
        }
    }
    fixes[0] = *fix;
    a->is_meta_dirty = true;
}

/* The chain of the audit stays as it is: this entry says how to read those before it. */
static void say_fix(struct pk_agent *a, const struct pk_time_fix *fix, uint32_t incidents, uint32_t runs) {
    char text[PK_AUDIT_TEXT_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "the clock became good (");
    pk_buf_puts(&b, pk_time_quality_word((enum pk_time_quality)fix->quality));
    pk_buf_puts(&b, "): entries of boot ");
    pk_buf_put_u64(&b, fix->boot);
    pk_buf_puts(&b, " with quality unset or floor were at mono_ms + ");
    pk_buf_put_i64(&b, fix->wall_minus_mono_ms);
    pk_buf_puts(&b, "; corrected: incidents ");
    pk_buf_put_u64(&b, incidents);
    pk_buf_puts(&b, ", runs ");
    pk_buf_put_u64(&b, runs);
    pk_agent_log(a, PK_LOG_NOTICE, text);
    pk_agent_audit(a, 0, "clock", "agent", pk_buf_str(&b));
}

/* Before the store was read nothing has a time yet. */
static void correct_earlier_records(struct pk_agent *a, uint8_t was) {
    struct pk_incident_action action;
    const struct pk_run *run = NULL;
    uint32_t after = 0;
    if (was >= PK_TIME_NTP || a->now.quality < PK_TIME_NTP) {
        return;
    }
    pk_agent_learned_set_clock(a);
    if (a->now.boot == 0) {
        return;
    }
    const struct pk_time_fix fix = {.wall_minus_mono_ms = a->now.wall_ms - (int64_t)a->now.mono_ms,
                                    .boot = a->now.boot,
                                    .quality = a->now.quality};
    keep_fix(a, &fix);
    const uint32_t runs = pk_respond_correct_wall(&a->respond, &fix);
    while (runs > 0 && (run = pk_respond_next(&a->respond, 0, &after)) != NULL) {
        pk_run_to_action(run, &action);
        pk_incidents_correct_action(&a->incidents, run->incident, &action);
    }
    say_fix(a, &fix, pk_incidents_correct_wall(&a->incidents, &fix), runs);
}

void pk_agent_correct(const struct pk_agent *a, struct pk_stamp *s) {
    for (uint32_t i = 0; i < PK_META_FIXES; i++) {
        (void)!pk_stamp_correct(s, &a->meta.fixes[i]);
    }
}

void pk_agent_correct_incident(const struct pk_agent *a, struct pk_incident *incident) {
    for (uint32_t i = 0; i < PK_META_FIXES; i++) {
        (void)!pk_incident_correct(incident, &a->meta.fixes[i]);
    }
}

int64_t pk_agent_floor_ms(const struct pk_agent *a) {
    const int64_t floor_ms = a->meta.wall_floor_ms;
    return floor_ms > 0 ? floor_ms + (int64_t)(a->now.mono_ms - a->floor_saved_ms) : 0;
}

/* Once a tick. Quality says what the wall time is worth; no deadline ever hangs on it. */
void pk_agent_read_clock(struct pk_agent *a) {
    bool is_synced = false;
    const struct pk_port_clock *c = &a->port->clock;
    const uint8_t was = a->now.quality;
    a->now.mono_ms = c->mono_ms(c->ctx);
    int64_t wall_ms = c->wall_ms(c->ctx, &is_synced);
    uint8_t quality = PK_TIME_UNSET;
    if ((is_synced && a->config.clock != PK_CLOCK_HUB) || a->config.clock == PK_CLOCK_TRUSTED) {
        quality = PK_TIME_NTP;
    } else if (a->has_hub_time) {
        wall_ms = (int64_t)a->now.mono_ms + a->hub_offset_ms;
        quality = PK_TIME_HUB;
    } else if (a->meta.wall_floor_ms > 0) {
        const int64_t floor_ms = pk_agent_floor_ms(a);
        quality = PK_TIME_FLOOR;
        wall_ms = wall_ms < floor_ms ? floor_ms : wall_ms;
    }
    a->now.wall_ms = wall_ms > 0 ? wall_ms : 0;
    a->now.quality = quality;
    if (was != quality) {
        correct_earlier_records(a, was);
    }
}

void pk_agent_set_time(struct pk_agent *a, int64_t wall_ms) {
    a->hub_offset_ms = wall_ms - (int64_t)a->now.mono_ms;
    a->has_hub_time = true;
    pk_agent_read_clock(a);
}

/* ---- life ---- */

void pk_agent_init(struct pk_agent *a, const struct pk_port *port, const struct pk_agent_identity *identity) {
    pk_zero(a, sizeof *a);
    a->port = port;
    a->identity = *identity;
    a->log_level = PK_LOG_NOTICE;
    a->mode_limit = PK_MODE_AUTO;
    a->delete_due_ms = UINT64_MAX;
    pk_config_defaults(&a->config);
    pk_batch_init(&a->batch, a->batch_bytes, sizeof a->batch_bytes);
    pk_intake_init(&a->intake, a->config.source_rate_per_s, a->config.source_burst_count);
    pk_history_init(&a->history, 0, 0);
    const struct pk_engine_world world = {.types = &a->intake.types,
                                          .sources = &a->intake.sources,
                                          .text = &a->intake.text,
                                          .history = &a->history,
                                          .heartbeat_type_id = a->intake.heartbeat_type_id,
                                          .heartbeat_default_ms = a->intake.heartbeat_default_ms};
    a->now.mono_ms = port->clock.mono_ms(port->clock.ctx);
    pk_engine_init(&a->engine, &world, a->now.mono_ms);
    pk_actions_init(&a->actions[0]);
    pk_actions_init(&a->actions[1]);
    pk_keys_init(&a->keys[0]);
    pk_keys_init(&a->keys[1]);
}

static uint64_t seed_of(struct pk_agent *a) {
    uint64_t seed = 0;
    if (a->port->entropy.fill(a->port->entropy.ctx, &seed, sizeof seed) < 0) {
        seed = a->now.mono_ms;
    }
    return seed;
}

/* Both counters lost: a random epoch with the top bit set, so that no old one is met again (WIRE "Ids"). */
static uint32_t epoch_of(struct pk_agent *a, uint32_t from_supervisor) {
    const uint32_t from_store = a->meta.boot == 0 ? 0 : a->meta.boot + 1;
    if (from_supervisor == 0 && from_store == 0) {
        return (uint32_t)seed_of(a) | 0x80000000u;
    }
    a->is_epoch_from_store = from_store > from_supervisor;
    return a->is_epoch_from_store ? from_store : from_supervisor;
}

static void announce_start(struct pk_agent *a) {
    char text[PK_AUDIT_TEXT_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "agent started, version ");
    pk_buf_puts(&b, a->identity.version);
    pk_buf_puts(&b, ", boot ");
    pk_buf_put_u64(&b, a->now.boot);
    if (a->start.last_exit != UINT32_MAX) {
        pk_buf_puts(&b, ", the one before ended with status ");
        pk_buf_put_u64(&b, a->start.last_exit);
    }
    if (a->start.is_store_moved_aside) {
        pk_buf_puts(&b, ", the damaged store was moved aside");
    }
    pk_agent_audit(a, 0, "boot", "agent", pk_buf_str(&b));
    pk_agent_log(a, PK_LOG_NOTICE, text);
}

/* What went wrong with our own store is an event like any other: the rules decide. */
void pk_agent_report_store(struct pk_agent *a, const char *type, double value) {
    struct pk_event_in *in = &a->event_in;
    if (pk_event_sample(type, "picketd", value, PK_OK, in) < 0) {
        return;
    }
    in->severity = value > 0 ? PK_SEV_HIGH : PK_SEV_INFO;
    pk_agent_offer(a);
}

/* The same, of a record that cannot be read; words: for the timeline. */
void pk_agent_report_damage(struct pk_agent *a, const char *source, const char *words) {
    struct pk_event_in *in = &a->event_in;
    if (pk_event_sample("self_damaged", source, 1.0, PK_OK, in) < 0) {
        return;
    }
    in->severity = PK_SEV_CRITICAL;
    in->message_bytes = (uint16_t)pk_str_copy_cut(pk_str_of(words), in->message, sizeof in->message);
    pk_agent_offer(a);
}

const char *pk_agent_record_words(const struct pk_agent *a) {
    return a->start.record_lost > 1 ? "The supervisor's record cannot be read: action budgets count as spent "
                                      "for an hour, and a change "
                                      "that waited to be confirmed is NOT undone"
                                    : "The supervisor's record cannot be read: action budgets count as spent "
                                      "for an hour; changes that "
                                      "waited to be confirmed are known from their copy";
}

/* By the check before the start, or by what opening it found. */
static bool was_store_moved(const struct pk_agent *a) {
    struct pk_store_status s;
    a->port->store.status(a->port->store.ctx, &s);
    return a->start.is_store_moved_aside || s.was_moved_aside;
}

int pk_agent_start(struct pk_agent *a, const struct pk_agent_start *start) {
    PK_ASSERT(pk_port_missing(a->port) == NULL);
    a->start = *start;
    a->start.is_store_moved_aside = was_store_moved(a);
    pk_agent_read_clock(a);
    a->floor_saved_ms = a->started_ms = a->now.mono_ms;
    pk_agent_tasks_begin(a);
    const int err = pk_agent_restore(a);
    if (err < 0) {
        return err;
    }
    if (a->start.is_store_moved_aside) {
        pk_agent_report_store(a, "store_moved_aside", 1.0);
    }
    pk_agent_keys_tell(a);
    if (a->start.record_lost != 0) {
        pk_agent_report_damage(a, "supervisor", pk_agent_record_words(a));
    }
    pk_agent_expect_heartbeats(a);
    announce_start(a);
    pk_agent_tell_stop(a);
    pk_agent_maps_renew(a);
    pk_agent_links_open(a);
    const int session_err = pk_agent_session_restore(a);
    if (session_err < 0) {
        return session_err;
    }
    for (uint32_t i = 0; i < PK_COLLECT_COUNT; i++) {
        a->collect_due_ms[i] = a->now.mono_ms;
    }
    a->summary_due_ms = a->now.mono_ms + a->config.summary_ms;
    a->summary_from_wall_ms = a->now.wall_ms;
    return PK_OK;
}

void pk_agent_incident_settings(const struct pk_agent *a, struct pk_incidents_settings *out) {
    pk_incidents_settings_defaults(out);
    out->assess_ms = a->config.assess_ms;
    out->recover_ms = a->config.recover_ms;
    out->flap_window_ms = a->config.flap_window_ms;
    out->flap_count = a->config.flap_count;
    out->escalate_ms = a->config.escalate_ms;
    out->escalate_again_ms = a->config.escalate_again_ms;
    out->escalate_tiers = a->config.escalate_tiers;
    out->escalate_severity = a->config.escalate_severity;
}

uint8_t pk_agent_mode_allowed(const struct pk_agent *a) {
    return a->config.mode < a->mode_limit ? a->config.mode : a->mode_limit;
}

/* Called by restore once the stored meta record is known. */
void pk_agent_apply_settings(struct pk_agent *a) {
    if (a->now.boot == 0) {
        a->now.boot = epoch_of(a, a->start.boot_epoch);
    }
    a->mode = pk_agent_mode_allowed(a);
    a->log_level = a->config.log_level;
    a->intake.rate_per_s = a->config.source_rate_per_s;
    a->intake.burst = a->config.source_burst_count;
    pk_history_limit(&a->history, a->config.history_max, a->config.history_retention_ms);
    (void)a->port->source.watch(a->port->source.ctx, a->config.watches, a->config.watch_count,
                                a->config.hung_ms);
    pk_agent_probes_configure(a);
    for (uint32_t i = 0; i < PK_COLLECT_COUNT; i++) {
        a->collect_is_off[i] = a->config.collect_ms[i] == 0;
    }
    pk_agent_inlets_apply(a);
    pk_agent_capsules_configure(a);
    pk_agent_witness_apply(a);
    pk_agent_metrics_renew(a);
    a->command_config = (struct pk_command_config){.site = pk_str_of(a->config.site),
                                                   .gateway = pk_str_of(a->config.gateway),
                                                   .policy = (enum pk_command_policy)a->config.remote,
                                                   .allow = a->config.remote_allow,
                                                   .keys = &a->keys[a->keys_index]};
}

/* Say so: a person ends it. */
void pk_agent_remark_orphans(struct pk_agent *a) {
    uint32_t active = 0, below = UINT32_MAX;
    const struct pk_incident *i = NULL;
    if (pk_incident_filter_parse(pk_str_of("active"), &active) < 0) {
        return;
    }
    while ((i = pk_incidents_next(&a->incidents, active, PK_SEV_INFO, &below)) != NULL) {
        if (pk_incident_is_manual(i)) {
            continue;
        }
        const int rule = pk_engine_find_rule(&a->engine, pk_str_of(i->rule_id));
        if (rule < 0 || !pk_engine_rule_status(&a->engine, (uint32_t)rule)->is_enabled) {
            pk_incidents_remark(&a->incidents, i->number, PK_TL_STATUS, PK_TL_BY_AGENT,
                                pk_str_of(rule < 0 ? "its rule is gone: a person has to end it"
                                                   : "its rule is disabled: a person has to end it"),
                                &a->now);
        }
    }
}

static void reload(struct pk_agent *a) {
    struct pk_diag diag;
    const uint32_t maps_before = pk_crc32c(0, &a->config.maps, sizeof a->config.maps);
    uint32_t before[PK_LINKS];
    uint8_t asked_before[PK_LINKS];
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        asked_before[i] = pk_agent_subscriptions(a, i);
        before[i] = pk_crc32c(0, &a->config.broker[i], sizeof a->config.broker[i]);
    }
    if (pk_agent_load(a, a->config_path, a->environment, &diag) < 0) {
        char text[sizeof diag + 32];
        struct pk_buf b;
        pk_buf_init(&b, text, sizeof text);
        pk_diag_format(&diag, &b);
        a->diag = diag;
        a->counters.config_refused++;
        pk_agent_log1(a, PK_LOG_ERROR, "configuration refused, the old one holds", pk_buf_str(&b));
        pk_agent_audit(a, 0, "config", "agent", pk_buf_str(&b));
        return;
    }
    a->diag = (struct pk_diag){0};
    a->maps.leaves_old = true;
    if (maps_before != pk_crc32c(0, &a->config.maps, sizeof a->config.maps)) {
        pk_agent_links_remap(a);
    }
    struct pk_incidents_settings incidents;
    pk_agent_incident_settings(a, &incidents);
    pk_incidents_configure(&a->incidents, &incidents);
    pk_agent_apply_settings(a);
    pk_agent_budgets_configure(a);
    pk_agent_tasks_reload(a);
    pk_agent_expect_heartbeats(a);
    pk_agent_remark_orphans(a);
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        if (before[i] != pk_crc32c(0, &a->config.broker[i], sizeof a->config.broker[i])) {
            pk_agent_link_renew(a, i, (asked_before[i] & ~pk_agent_subscriptions(a, i)) != 0);
        } else {
            pk_link_try_newest(&a->links[i], a->now.mono_ms);
            pk_agent_subscribe_reload(a, i);
        }
        pk_agent_link_password(a, i);
    }
    pk_agent_hub_configure(a);
    a->counters.reloads++;
    pk_agent_note_reload(a);
    pk_agent_audit(a, 0, "config", "agent", pk_str_of("configuration reloaded"));
    pk_agent_log(a, PK_LOG_NOTICE, "configuration reloaded");
}

static void handle_signals(struct pk_agent *a, uint32_t signals) {
    a->is_reload_wanted = a->is_reload_wanted || (signals & PK_SIG_RELOAD) != 0;
    if (a->is_reload_wanted && a->reply_owner == 0) { /* else its scratch holds a reply, for some seconds */
        a->is_reload_wanted = false;
        reload(a);
    }
    if ((signals & PK_SIG_DUMP) != 0) {
        pk_agent_dump(a);
    }
    if ((signals & PK_SIG_LOG_LEVEL) != 0) {
        a->log_level = a->log_level >= PK_LOG_DEBUG ? PK_LOG_ERROR : (uint8_t)(a->log_level + 1);
        pk_agent_log(a, PK_LOG_ERROR, "log level changed by signal");
    }
    if ((signals & PK_SIG_STOP) != 0 && !a->is_stopping) {
        a->is_stopping = true;
        a->is_meta_dirty = true; /* no number is skipped after an orderly stop */
        a->meta.is_clean = true;
        a->stop_deadline_ms = a->now.mono_ms + PK_AGENT_STOP_MS;
        pk_agent_audit(a, 0, "boot", "agent", pk_str_of("agent stops on request"));
        pk_agent_links_stop(a);
    }
}

static uint64_t earlier(uint64_t x, uint64_t y) {
    return x < y ? x : y;
}

static uint64_t next_deadline(const struct pk_agent *a, uint64_t incidents_ms, uint64_t respond_ms) {
    const uint64_t now = a->now.mono_ms;
    uint64_t next = earlier(incidents_ms, respond_ms);
    next = earlier(next, pk_engine_next_ms(&a->engine));
    next = earlier(next, pk_agent_collect_next_ms(a));
    next = earlier(next, pk_agent_probe_next_ms(a));
    next = earlier(next, pk_agent_inlets_next_ms(a));
    next = earlier(next, pk_agent_witness_next_ms(a));
    next = earlier(next, pk_agent_links_next_ms(a));
    /* What is due and was not sent waits for room in the broker's window: the next acknowledgement ticks. */
    const uint64_t retry_ms = pk_outbox_next_deadline_ms(&a->outbox);
    next = earlier(next, retry_ms > now ? retry_ms : UINT64_MAX);
    next = earlier(next, a->tick_sent_ms + TICK_FRAME_MS);
    next = earlier(next, pk_agent_learned_next_ms(a));
    next = earlier(next, pk_agent_metrics_next_ms(a));
    const uint32_t summary = pk_agent_link_for(a, PK_BROKER_SUMMARY);
    if (summary < PK_LINKS && pk_link_is_online(&a->links[summary])) {
        next = earlier(next, a->summary_due_ms); /* offline it waits for the connection */
    }
    if (a->is_stopping) {
        next = earlier(next, a->stop_deadline_ms);
    }
    if (a->incidents.drop.count > 0) {
        /* What is due and was not written found no room, in the batch or on the medium. */
        next = earlier(next, a->drop_due_ms > now ? a->drop_due_ms : now + 1000u);
    }
    if (a->batch.op_count > 0) {
        next = earlier(next, now + (a->is_store_full ? 10u : 0u));
    } else {
        next = earlier(next, a->delete_due_ms);
    }
    if (a->intake.count > 0 || pk_agent_local_wants_turn(a) || pk_agent_links_want_turn(a) ||
        pk_agent_inlets_want_turn(a) || a->gate.stage == PK_COMMAND_TAKEN || pk_agent_hub_wants_turn(a)) {
        return now;
    }
    return next;
}

/* Nothing becomes durable any more, so nothing is begun or reported: only a new process opens the store anew,
 * for after the seal nothing may be mapped. What was begun before may end meanwhile: pk_respond_doubt. */
static void leave_broken_store(struct pk_agent *a) {
    const bool may_end = a->start.restart_count < PK_AGENT_REOPEN_AT_ONCE ||
                         a->now.mono_ms - a->started_ms >= PK_AGENT_REOPEN_MS;
    if (a->is_store_broken && may_end && !a->is_stopped) {
        pk_agent_log(a, PK_LOG_ERROR, "the store's file could not be written; starting again");
        a->is_stopped = true;
    }
}

static void finish_stop(struct pk_agent *a) {
    if (!a->is_stopping) {
        leave_broken_store(a);
    }
    if (!a->is_stopping || a->is_stopped) {
        return;
    }
    bool is_quiet =
        pk_agent_learned_is_done(a) && a->batch.op_count == 0 && a->durable_seq >= a->submitted_seq;
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        is_quiet = is_quiet && a->links[i].state == PK_LINK_OFF;
    }
    a->is_stopped = is_quiet || a->now.mono_ms >= a->stop_deadline_ms;
}

static void keep_longest(uint32_t *longest_ms, uint64_t from_ms, uint64_t to_ms) {
    const uint64_t ms = to_ms > from_ms ? to_ms - from_ms : 0;
    if (ms > *longest_ms) {
        *longest_ms = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
    }
}

uint64_t pk_agent_tick(struct pk_agent *a, uint32_t signals) {
    a->counters.ticks++;
    pk_agent_read_clock(a);
    if (a->asked_ms != 0) {
        keep_longest(&a->longest_late_ms, a->asked_ms, a->now.mono_ms);
    }
    handle_signals(a, signals);
    pk_agent_ipc(a);
    pk_agent_durable(a);
    pk_agent_local_read(a);
    pk_agent_links_read(a);
    pk_agent_inlets(a);
    pk_agent_witness(a);
    pk_agent_collect(a);
    pk_agent_budgets(a);
    pk_agent_certificates(a);
    pk_agent_probe(a);
    pk_agent_detect(a);
    pk_agent_forget_sources(a);
    pk_agent_recover(a);
    const uint64_t incidents_ms = pk_incidents_tick(&a->incidents, &a->now);
    const uint64_t respond_ms = pk_respond_tick(&a->respond, &a->now);
    pk_agent_respond(a);
    pk_agent_escalations(a);
    pk_agent_remote(a);
    const uint64_t tasks_ms = pk_agent_tasks(a);
    const uint64_t silences_ms = earlier(tasks_ms, pk_agent_silences(a));
    pk_incidents_announce(&a->incidents, &a->now);
    const uint64_t capsule_ms = pk_agent_capsule(a);
    pk_agent_journal(a);
    pk_agent_commit(a);
    pk_agent_durable(a);
    pk_agent_respond(a);
    pk_outbox_pace(&a->outbox, a->now.mono_ms);
    pk_outbox_remind(&a->outbox, a->now.mono_ms);
    pk_agent_links_write(a);
    pk_agent_local_write(a);
    pk_agent_tell_supervisor(a);
    pk_incidents_prepare(&a->incidents);
    pk_agent_metrics(a);
    finish_stop(a);
    keep_longest(&a->longest_tick_ms, a->now.mono_ms, a->port->clock.mono_ms(a->port->clock.ctx));
    a->asked_ms = next_deadline(a, earlier(incidents_ms, earlier(silences_ms, capsule_ms)), respond_ms);
    return a->asked_ms;
}

bool pk_agent_is_stopped(const struct pk_agent *a) {
    return a->is_stopped;
}

int pk_agent_exit_code(const struct pk_agent *a) {
    /* Also when it was told to stop: the next one has to know that the ends of runs were not kept. */
    return a->is_stopped && (a->is_store_broken || !a->is_stopping) ? PK_EXIT_STORE : PK_EXIT_OK;
}
