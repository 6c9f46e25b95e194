/* Collectors to events, events to findings, findings to incidents. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "detect/pk_expect.h"
#include "detect/pk_finding.h"

enum { EVENTS_PER_TICK = 4096, PRUNE_MS = 300000, LOOK_MS = 60000 };

/* What a collector that cannot be read at all says: a fault of its main measurement. */
static const struct {
    const char *type, *source;
} COLLECTOR_FAULT[PK_COLLECT_COUNT] = {
    [PK_COLLECT_CPU] = {"cpu_pct", "cpu"},
    [PK_COLLECT_MEMORY] = {"memory_pct", "memory"},
    [PK_COLLECT_PSI] = {"psi_cpu_pct", "psi"},
    [PK_COLLECT_LOAD] = {"load_1m", "load"},
    [PK_COLLECT_DISK] = {"disk_pct", "disk"},
    [PK_COLLECT_PROCESS] = {"process_up", "process"},
    [PK_COLLECT_USAGE] = {"process_rss_bytes", "process"},
    [PK_COLLECT_STORAGE] = {"disk_errors", "storage"},
    [PK_COLLECT_THERMAL] = {"temperature_c", "thermal"},
    [PK_COLLECT_NETWORK] = {"link_up", "network"},
    [PK_COLLECT_TASKS] = {"hung_tasks", "tasks"},
    [PK_COLLECT_OOM] = {"oom_kill", "kernel"},
    [PK_COLLECT_GPU] = {"gpu_pct", "gpu"},
};

uint64_t pk_agent_collect_next_ms(const struct pk_agent *a) {
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < PK_COLLECT_COUNT; i++) {
        if (!a->collect_is_off[i] && a->collect_due_ms[i] < next) {
            next = a->collect_due_ms[i];
        }
    }
    return next;
}

/* A refusal is in the loss ledger, with source and sequence. */
bool pk_agent_offer(struct pk_agent *a) {
    uint32_t number = 0;
    const struct pk_intake_clock clock = pk_agent_intake_clock(a);
    const bool is_taken = pk_intake_offer(&a->intake, &a->event_in, &clock, &number) == PK_OK;
    a->counters.offers_refused += is_taken ? 0u : 1u;
    return is_taken;
}

static void offer_sample(struct pk_agent *a, const char *type, const char *source, double value, int error) {
    if (pk_event_sample(type, source, value, error, &a->event_in) < 0) {
        pk_intake_bad(&a->intake, pk_str_of(source), a->now.mono_ms);
        return;
    }
    pk_agent_offer(a);
}

static void collect(struct pk_agent *a, enum pk_collector which) {
    const struct pk_port_source *s = &a->port->source;
    const int count = s->sample(s->ctx, which, a->samples, PK_AGENT_SAMPLES);
    if (count == PK_E_UNSUPPORTED) {
        a->collect_is_off[which] = true;
        pk_agent_log1(a, PK_LOG_NOTICE, "this kernel does not have a source, its collector is off",
                      pk_str_of(COLLECTOR_FAULT[which].type));
        return;
    }
    if (count < 0) {
        offer_sample(a, COLLECTOR_FAULT[which].type, COLLECTOR_FAULT[which].source, 0.0, count);
        return;
    }
    for (int i = 0; i < count; i++) {
        offer_sample(a, a->samples[i].type, a->samples[i].source, a->samples[i].value, a->samples[i].error);
    }
}

void pk_agent_collect(struct pk_agent *a) {
    for (uint32_t i = 0; i < PK_COLLECT_COUNT; i++) {
        if (a->collect_is_off[i] || a->now.mono_ms < a->collect_due_ms[i]) {
            continue;
        }
        const uint64_t period = a->config.collect_ms[i];
        /* Aligned to the period, so that collectors of equal period share a wake-up. */
        a->collect_due_ms[i] = (a->now.mono_ms / period + 1) * period;
        collect(a, (enum pk_collector)i);
    }
}

/* ---- findings ---- */

static struct pk_str finding_component(const struct pk_agent *a, const struct pk_finding *f) {
    if (f->component_count > 0) {
        return pk_str_of(pk_sources_name(&a->intake.sources, f->components[0]));
    }
    return pk_str_of(f->group_key);
}

void pk_agent_recommend(struct pk_agent *a, uint32_t number, struct pk_str names) {
    struct pk_str name;
    while (names.n > 0 && pk_str_split(&names, ',', &name)) {
        name = pk_str_trim(name);
        if (pk_incidents_recommend(&a->incidents, number, name) < 0) {
            pk_agent_log1(a, PK_LOG_DEBUG, "no room to recommend an action", name);
        }
    }
}

static void say_switched_off(struct pk_agent *a, uint32_t number) {
    char words[PK_TIMELINE_TEXT_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, words, sizeof words);
    pk_buf_puts(&b, "only recommended; ");
    pk_agent_switch_words(a, PK_SWITCH_AUTO_REMEDIATION, &b);
    pk_incidents_remark(&a->incidents, number, PK_TL_ACTION, PK_TL_BY_AGENT, pk_buf_str(&b), &a->now);
}

/* Calling somebody is no remediation (src/decisions/0079). False: something else was left out. */
static bool keep_calls(struct pk_str names, struct pk_buf *out) {
    struct pk_str name;
    bool is_all = true;
    while (names.n > 0 && pk_str_split(&names, ',', &name)) {
        name = pk_str_trim(name);
        if (!pk_respond_is_call(name)) {
            is_all = false;
            continue;
        }
        pk_buf_puts(out, out->n > 0 ? "," : "");
        pk_buf_put_str(out, name);
    }
    return is_all;
}

static void plan_actions(struct pk_agent *a, const struct pk_rule *rule, const struct pk_finding *f,
                         uint32_t number) {
    char names[PK_RESPOND_PLAN_ACTIONS * (PK_ACTION_NAME_BYTES + 2)], calls[sizeof names];
    struct pk_buf b, planned;
    pk_buf_init(&b, names, sizeof names);
    pk_buf_init(&planned, calls, sizeof calls);
    for (uint32_t i = 0; i < rule->action_count; i++) {
        pk_buf_puts(&b, i > 0 ? "," : "");
        pk_buf_put_str(&b, pk_engine_str(&a->engine, rule, rule->actions[i]));
    }
    if (rule->action_count == 0) {
        pk_buf_put_str(&b,
                       pk_actions_for_type(pk_agent_actions(a), pk_engine_str(&a->engine, rule, rule->type)));
    }
    if (b.n == 0) {
        return;
    }
    pk_agent_recommend(a, number, pk_buf_str(&b));
    if (!pk_agent_switch_is_on(a, PK_SWITCH_AUTO_REMEDIATION)) {
        if (!keep_calls(pk_buf_str(&b), &planned)) {
            say_switched_off(a, number);
        }
        if (planned.n == 0) {
            return;
        }
        b = planned;
    }
    /* A plan that is under way goes on. */
    const bool is_maintained =
        pk_silences_match(&a->incidents.silences, pk_incidents_get(&a->incidents, number),
                          1u << PK_SILENCE_MAINTENANCE, &a->now) != NULL;
    const int err = pk_respond_plan(&a->respond, number, pk_buf_str(&b), finding_component(a, f),
                                    rule->is_auto && !is_maintained, &a->now);
    if (err < 0 && err != PK_E_CONFLICT) {
        pk_incidents_remark(&a->incidents, number, PK_TL_ACTION, PK_TL_BY_AGENT,
                            pk_str_of("no action could be planned"), &a->now);
        pk_agent_log1(a, PK_LOG_WARNING, "no action could be planned", pk_str_of(pk_err_text(err)));
    }
}

static void signal_of(const struct pk_agent *a, const struct pk_rule *rule, const struct pk_finding *f,
                      struct pk_incident_signal *s) {
    memset(s, 0, sizeof *s);
    s->kind = f->kind == PK_FINDING_FIRE     ? PK_SIGNAL_FIRED
              : f->kind == PK_FINDING_RAISED ? PK_SIGNAL_RAISED
                                             : PK_SIGNAL_STILL;
    s->rule_id = pk_engine_str(&a->engine, rule, rule->id);
    s->group_key = pk_str_of(f->group_key);
    s->type = pk_engine_str(&a->engine, rule, rule->type);
    s->title = pk_engine_str(&a->engine, rule, rule->title);
    s->description = pk_str_of(f->words);
    s->component = finding_component(a, f);
    for (uint32_t i = 1; i < f->component_count && s->more_component_count < PK_COUNT_OF(s->more_components);
         i++) {
        s->more_components[s->more_component_count++] =
            pk_str_of(pk_sources_name(&a->intake.sources, f->components[i]));
    }
    s->correlation_id = pk_finding_correlation(&a->engine, f);
    s->severity = f->severity;
    s->recover_ms = rule->recover_ms;
    s->is_drill = f->is_drill;
    s->was_dropped = f->was_put_off;
    s->is_replayed = f->is_replayed;
    s->first_event = pk_agent_stamp_at(a, f->first_event_ms);
    s->event_count = f->event_count == 0 ? 1 : f->event_count;
    for (uint32_t i = 0; i < f->event_number_count && s->event_ref_count < PK_INC_SOURCE_EVENTS; i++) {
        s->event_refs[s->event_ref_count++] =
            (struct pk_incident_event_ref){.boot = a->now.boot, .sequence = f->event_numbers[i]};
    }
}

static void on_cleared(struct pk_agent *a, const struct pk_rule *rule, const struct pk_finding *f) {
    /* Its clause held so long before it was believed. */
    const uint64_t waited_ms = rule->clear.for_ms > 0              ? rule->clear.for_ms
                               : rule->clear.kind == PK_COND_COUNT ? rule->clear.within_ms
                                                                   : 0;
    const int64_t number = pk_incidents_cleared(&a->incidents, pk_engine_str(&a->engine, rule, rule->id),
                                                pk_str_of(f->group_key), waited_ms, &a->now);
    if (number > 0) {
        pk_respond_on_cleared(&a->respond, (uint32_t)number, &a->now);
    }
}

/* The newest run of an incident failed: the fault goes on, so it is tried again, within cooldown, hourly
 * budget and the iterations of the incident. What a person rejected or a policy refused is not asked again.
 */
static bool wants_another_try(const struct pk_agent *a, uint32_t number) {
    uint32_t after = 0;
    const struct pk_run *run = NULL, *newest = NULL;
    while ((run = pk_respond_next(&a->respond, number, &after)) != NULL) {
        newest = run->is_read_only ? newest : run;
    }
    return newest != NULL && (newest->state == PK_RUN_FAILED || newest->state == PK_RUN_TIMED_OUT);
}

static void on_finding(struct pk_agent *a, const struct pk_finding *f) {
    const struct pk_rule *rule = pk_engine_rule(&a->engine, f->rule_index);
    struct pk_incident_signal s;
    uint32_t kinds = 0;
    if (rule == NULL) {
        return;
    } /* the rule set changed between finding and reading */
    if (f->kind == PK_FINDING_CLEARED) {
        on_cleared(a, rule, f);
        return;
    }
    signal_of(a, rule, f, &s);
    const int64_t number = pk_incidents_signal(&a->incidents, &s, &a->now, &kinds);
    if (number < 0) {
        /* A person ended the incident and the rule goes on; or there was no room, which is counted and
         * written down with the others of this second: it has to fire anew. */
        const struct pk_str group = pk_str_of(f->group_key);
        const int err = number == PK_E_STALE
                            ? pk_engine_release(&a->engine, f->rule_index, group, a->now.mono_ms)
                            : pk_engine_put_off(&a->engine, f->rule_index, group, a->now.mono_ms);
        if (err < 0) {
            pk_agent_log1(a, PK_LOG_DEBUG, "no group to release", s.group_key);
        }
        return;
    }
    if ((kinds & PK_INC_CHANGED_CREATED) != 0 && f->event_number_count > 0 &&
        (pk_str_eq_c(s.type, "unexpected_restart") || pk_str_eq_c(s.type, "self"))) {
        pk_agent_put_story(a, (uint32_t)number, f->event_numbers[f->event_number_count - 1u]);
    }
    if ((kinds & PK_INC_CHANGED_CREATED) != 0) {
        pk_agent_capsule_want(a, (uint32_t)number);
        if (!s.is_drill) {
            pk_agent_metrics_detected(a);
        }
    }
    const bool is_reopened = (kinds & (PK_INC_CHANGED_CREATED | PK_INC_CHANGED_STATUS)) != 0;
    if (is_reopened) {
        pk_agent_correlate(a, (uint32_t)number);
    }
    if (is_reopened || wants_another_try(a, (uint32_t)number)) {
        plan_actions(a, rule, f, (uint32_t)number);
    }
}

static void drain_findings(struct pk_agent *a) {
    struct pk_finding f;
    while (pk_engine_next_finding(&a->engine, &f)) {
        on_finding(a, &f);
    }
}

/* ---- heartbeats ---- */

/* Its section is gone: nobody waits any more, and what its silence opened is over. */
static void expect_no_more(struct pk_agent *a, uint16_t source_id) {
    struct pk_source *s = pk_sources_state(&a->intake.sources, source_id);
    while (pk_expect_end(&a->engine, source_id, a->now.mono_ms) == PK_E_FULL) {
        drain_findings(a);
    }
    s->expected_ms = 0;
    s->promised_ms = 0; /* its next heartbeat promises anew */
    pk_agent_log1(a, PK_LOG_NOTICE, "no heartbeat is expected any more",
                  pk_str_of(pk_sources_name(&a->intake.sources, source_id)));
}

/* A configured heartbeat is owed from the first moment: a source that never speaks is as silent as one that
 * stopped. */
void pk_agent_expect_heartbeats(struct pk_agent *a) {
    for (uint32_t i = 0; i < a->config.heartbeat_count; i++) {
        const struct pk_config_heartbeat *h = &a->config.heartbeats[i];
        const int id = pk_sources_intern(&a->intake.sources, pk_str_of(h->source));
        if (id < 0) {
            pk_agent_log1(a, PK_LOG_ERROR, "no room for a source that must report", pk_str_of(h->source));
            continue;
        }
        struct pk_source *s = pk_sources_state(&a->intake.sources, (uint16_t)id);
        s->is_listed = true;
        s->expected_ms = h->interval_ms;
        pk_expect_begin(&a->engine, (uint16_t)id, a->now.mono_ms);
    }
    for (uint32_t id = 0; id < a->intake.sources.count; id++) {
        struct pk_source *s = &a->intake.sources.state[id];
        if (s->expected_ms > 0 && !s->is_listed) {
            expect_no_more(a, (uint16_t)id);
        }
        s->is_listed = false;
    }
    drain_findings(a);
}

/* ---- ourselves ---- */

static void say(struct pk_agent *a, const char *type, const char *source, double value) {
    if (pk_event_sample(type, source, value, PK_OK, &a->event_in) == PK_OK) {
        (void)pk_agent_offer(a);
    }
}

/* The share of the hour's actions that ended well, when it is another one (REQUIREMENTS S2-40). An hour with
 * few of them says nothing against anybody. */
static void watch_actions(struct pk_agent *a) {
    enum { LEAST_RUNS = 5, ALL = 100, HOUR_MS = 3600000 };
    struct pk_agent_self *self = &a->self;
    uint64_t ok = 0, failed = 0;
    for (uint32_t i = 0; i < pk_agent_actions(a)->count; i++) {
        ok += a->respond.counts[i].ok;
        failed += a->respond.counts[i].failed;
    }
    /* Another actions.conf begins to count anew. */
    const bool is_new = self->hour_ms == 0 || ok < self->ok_before || failed < self->failed_before;
    const bool is_over = !is_new && a->now.mono_ms - self->hour_ms >= HOUR_MS;
    if (is_new || is_over) {
        self->hour_ms = a->now.mono_ms;
        self->ok_before = ok;
        self->failed_before = failed;
    }
    const uint64_t runs = ok - self->ok_before + failed - self->failed_before;
    const uint32_t missing = runs < LEAST_RUNS ? 0u : ALL - (uint32_t)((ok - self->ok_before) * ALL / runs);
    /* Also when a start before this one said something else. */
    if (missing != self->failed_pct || is_over) {
        say(a, "success_pct", "picketd", (double)(ALL - missing));
    }
    self->failed_pct = missing;
}

/* What our own tables cannot hold, each minute while there is something to say and once when there is not any
 * more: the share of events that cost a group its window (or found none), how much waits to be sent, and
 * names of types and sources that found no room. */
static void watch_ourselves(struct pk_agent *a) {
    struct pk_agent_self *self = &a->self;
    if (a->now.mono_ms - self->looked_ms < LOOK_MS) {
        return;
    }
    const struct pk_windows *w = &a->engine.windows;
    const uint64_t evicted = w->evicted_count + w->refused_count - self->evicted_before;
    const uint64_t events = a->engine.event_count - self->events_before;
    /* Where there is no broker, nothing waits for one. */
    const bool is_sent = a->config.broker[0].is_set || a->config.broker[1].is_set;
    const uint64_t waiting = is_sent ? pk_outbox_depth(&a->outbox) : 0u;
    const uint64_t refused =
        a->intake.types.refused_count + a->intake.sources.refused_count - self->refused_before;
    self->looked_ms = a->now.mono_ms;
    watch_actions(a);
    self->refused_before += refused;
    self->evicted_before += evicted;
    self->events_before += events;
    if (evicted > 0 || self->was_evicting) {
        say(a, "windows_evicted_pct", "picketd", events > 0 ? 100.0 * (double)evicted / (double)events : 0.0);
    }
    if (waiting > 0 || self->was_waiting) {
        say(a, "outbox_depth", "picketd", (double)waiting);
    }
    if (refused > 0 || self->was_refusing) {
        say(a, "names_refused", "picketd", (double)refused);
    }
    self->was_refusing = refused > 0;
    self->was_evicting = evicted > 0;
    self->was_waiting = waiting > 0;
}

void pk_agent_detect(struct pk_agent *a) {
    struct pk_event e;
    watch_ourselves(a);
    if (a->now.mono_ms - a->pruned_ms >= PRUNE_MS) {
        a->pruned_ms = a->now.mono_ms;
        pk_history_prune(&a->history, a->now.mono_ms);
    }
    pk_engine_tick(&a->engine, a->now.mono_ms);
    drain_findings(a);
    for (uint32_t i = 0; i < EVENTS_PER_TICK && pk_intake_pop(&a->intake, &e); i++) {
        pk_history_put(&a->history, &e);
        pk_agent_note_change(a, &e);
        a->metrics.event_ms = e.receive_ms;
        pk_engine_event(&a->engine, &e, a->now.mono_ms);
        drain_findings(a);
        a->metrics.event_ms = 0;
        pk_agent_watch_event(a, &e);
        if (a->first_rule_ms == 0) {
            a->first_rule_ms = a->port->clock.mono_ms(a->port->clock.ctx);
        }
    }
}
