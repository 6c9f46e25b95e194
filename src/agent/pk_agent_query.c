/* Commands that only read. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "base/pk_time.h"

enum {
    LIST_LIMIT = 20,
    INCIDENT_ROW_BYTES = 760,
    RULE_ROW_BYTES = 1400 /* an `about` of 512 escaped bytes */
};

static void put_hex(struct pk_json_writer *w, const char *key, uint32_t v) {
    char text[12];
    struct pk_buf b;
    const uint8_t bytes[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    pk_buf_init(&b, text, sizeof text);
    pk_buf_put_hex(&b, bytes, sizeof bytes);
    pk_jw_cstr(w, key, text);
}

bool pk_agent_has_row_room(const struct pk_json_writer *w, uint32_t bytes) {
    return w->b->cap_bytes - w->b->n > bytes + 256u;
}

/* ---- status ---- */

static void status_links(const struct pk_agent *a, struct pk_json_writer *w) {
    pk_jw_array(w, "links");
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        const struct pk_link *l = &a->links[i];
        if (!a->config.broker[i].is_set) {
            continue;
        }
        pk_jw_object(w, NULL);
        pk_jw_cstr(w, "name", pk_config_broker_word(i));
        pk_jw_cstr(w, "host", l->config->host);
        pk_jw_u64(w, "port", l->config->port);
        pk_jw_bool(w, "tls", l->config->use_tls);
        pk_jw_cstr(w, "mqtt", pk_link_is_311(l) ? "3.1.1" : "5");
        pk_jw_bool(w, "mqtt_fallback", l->config->mqtt == PK_BROKER_MQTT_AUTO && pk_link_is_311(l));
        pk_jw_cstr(w, "state", pk_link_state_word(l->state));
        pk_jw_cstr(w, "error", l->error);
        pk_jw_u64(w, "connects", l->connect_count);
        pk_jw_u64(w, "failures", l->failure_count);
        pk_jw_u64(w, "lost", l->lost_count);
        pk_jw_u64(w, "tls_resumed", l->stream->resumed_count(l->stream->ctx));
        pk_jw_u64(w, "messages_in", l->mqtt.counters.messages_in);
        pk_jw_u64(w, "messages_out", l->mqtt.counters.messages_out);
        pk_jw_u64(w, "messages_too_large", l->mqtt.counters.oversized_skipped);
        if (pk_link_is_online(l)) {
            pk_jw_ms_as_seconds(w, "online_seconds", a->now.mono_ms - l->online_since_ms);
        }
        pk_jw_object_end(w);
    }
    pk_jw_array_end(w);
}

static void status_store(const struct pk_agent *a, struct pk_json_writer *w) {
    struct pk_store_status s;
    a->port->store.status(a->port->store.ctx, &s);
    pk_jw_object(w, "store");
    pk_jw_cstr(w, "medium", s.is_in_memory ? "memory" : "disk");
    pk_jw_bool(w, "fresh", s.is_fresh);
    pk_jw_u64(w, "map_bytes", s.map_bytes);
    pk_jw_u64(w, "used_bytes", s.used_bytes);
    pk_jw_u64(w, "written_bytes", s.written_bytes);
    pk_jw_u64(w, "commits", s.commit_count);
    pk_jw_u64(w, "failed_commits", s.failed_commit_count);
    pk_jw_u64(w, "bad_values", s.bad_value_count);
    pk_jw_u64(w, "longest_commit_ms", s.longest_commit_ms);
    pk_jw_cstr(w, "state", s.last_error == PK_OK ? "ok" : pk_err_word(s.last_error));
    /* All that is shown is on the medium. */
    pk_jw_bool(w, "durable",
               !pk_incidents_has_changes(&a->incidents) && a->batch.op_count == 0 &&
                   a->durable_seq >= a->submitted_seq);
    if (pk_agent_audit_lost(a) > 0) {
        pk_jw_u64(w, "audit_lost", pk_agent_audit_lost(a));
    }
    pk_jw_u64(w, "outbox", pk_outbox_depth(&a->outbox));
    pk_jw_u64(w, "outbox_bytes", pk_outbox_bytes(&a->outbox));
    pk_jw_u64(w, "outbox_sent", a->outbox.counters.acked_count);
    if (a->incidents.owed_count > 0) {
        pk_jw_u64(w, "outbox_owed", a->incidents.owed_count);
    }
    pk_agent_hub_put(a, w);
    uint64_t drain_ms = 0;
    if (pk_outbox_drain_ms(&a->outbox, &drain_ms)) {
        pk_jw_ms_as_seconds(w, "outbox_drained_in_seconds", drain_ms);
    }
    pk_jw_object_end(w);
}

static void status_seal(const struct pk_agent *a, struct pk_json_writer *w) {
    pk_jw_array(w, "seal");
    if ((a->start.seal_bits & PK_SEAL_NO_NEW_PRIVS) != 0) {
        pk_jw_cstr(w, NULL, "no_new_privs");
    }
    if ((a->start.seal_bits & PK_SEAL_SECCOMP) != 0) {
        pk_jw_cstr(w, NULL, "seccomp");
    }
    if ((a->start.seal_bits & PK_SEAL_LANDLOCK) != 0) {
        pk_jw_cstr(w, NULL, "landlock");
    }
    pk_jw_array_end(w);
}

static void status_counts(const struct pk_agent *a, struct pk_json_writer *w) {
    uint32_t by_status[PK_INC_STATUS_COUNT], by_severity[PK_SEV_COUNT];
    pk_incidents_count(&a->incidents, by_status, by_severity);
    uint32_t active = 0;
    for (uint8_t i = 0; i < PK_INC_STATUS_COUNT; i++) {
        active += pk_incident_status_is_active(i) ? by_status[i] : 0u;
    }
    pk_jw_object(w, "incidents");
    pk_jw_u64(w, "active", active);
    for (uint8_t i = 0; i < PK_INC_STATUS_COUNT; i++) {
        pk_jw_u64(w, pk_incident_status_word(i), by_status[i]);
    }
    pk_jw_u64(w, "opened", a->incidents.metrics.opened_count);
    pk_jw_u64(w, "auto_resolved", a->incidents.metrics.auto_resolved_count);
    pk_jw_u64(w, "joined", a->incidents.metrics.joined_count);
    pk_jw_u64(w, "reopened", a->incidents.metrics.reopened_count);
    pk_jw_u64(w, "drills", a->incidents.metrics.drill_count); /* in none of the others */
    pk_jw_u64(w, "silences", a->incidents.silences.count);
    pk_jw_object_end(w);
    pk_jw_object(w, "events");
    pk_jw_u64(w, "taken", a->intake.taken_count);
    pk_jw_u64(w, "bad", a->intake.bad_count);
    pk_jw_u64(w, "lost", pk_ledger_total(&a->intake.ledger));
    pk_jw_u64(w, "unknown_topics", a->counters.topic_unknown);
    pk_jw_object_end(w);
    pk_jw_object(w, "metrics");
    for (uint8_t m = 0; m < PK_METRIC_COUNT; m++) {
        const struct pk_metric *x = &a->incidents.metrics.metric[m];
        pk_jw_object(w, pk_metric_word((enum pk_incident_metric)m));
        pk_jw_ms_as_seconds(w, "mean_seconds", pk_metric_mean_ms(x));
        pk_jw_u64(w, "count", x->count);
        pk_jw_cstr(w, "formula", pk_metric_formula((enum pk_incident_metric)m));
        pk_jw_object_end(w);
    }
    pk_agent_metrics_put(a, w);
    pk_jw_object_end(w);
    pk_agent_responses_put(a, w);
    pk_agent_budgets_put(a, w);
    pk_agent_textfile_put(a, w);
}

static void status_local(const struct pk_agent *a, struct pk_json_writer *w) {
    pk_jw_object(w, "local");
    pk_jw_u64(w, "refused", a->counters.requests_refused);
    pk_jw_u64(w, "connections_refused", a->port->serve.refused_count(a->port->serve.ctx));
    pk_jw_u64(w, "slow_closed", a->counters.slow_closed);
    pk_jw_u64(w, "replies_lost", a->counters.replies_lost);
    pk_jw_u64(w, "watch_lost", a->counters.watch_lost);
    pk_jw_object_end(w);
}

static int show_status(const struct pk_agent *a, struct pk_json_writer *w) {
    pk_jw_object(w, "result");
    pk_jw_cstr(w, "site", a->config.site);
    pk_jw_cstr(w, "gateway", a->config.gateway);
    pk_jw_cstr(w, "version", a->identity.version);
    pk_jw_cstr(w, "isa", a->identity.isa);
    pk_jw_cstr(w, "board", a->identity.board);
    pk_jw_u64(w, "boot", a->now.boot);
    pk_jw_u64(w, "restarts", a->start.restart_count);
    pk_jw_time(w, "time", a->now.wall_ms);
    pk_jw_cstr(w, "time_quality", pk_time_quality_word((enum pk_time_quality)a->now.quality));
    pk_jw_cstr(w, "mode", pk_mode_word(a->mode));
    pk_jw_bool(w, "safe_mode", a->config.is_safe_mode);
    pk_agent_status_switches(a, w);
    pk_jw_cstr(w, "remote", pk_remote_word(a->config.remote));
    put_hex(w, "config_hash", a->config.hash);
    put_hex(w, "rules_hash", a->rules_hash);
    pk_jw_u64(w, "ticks", a->counters.ticks);
    pk_jw_u64(w, "longest_tick_ms", a->longest_tick_ms);
    pk_jw_u64(w, "longest_late_ms", a->longest_late_ms);
    pk_jw_u64(w, "first_rule_boot_ms", a->first_rule_ms); /* of the boot-time clock */
    pk_jw_u64(w, "running_actions", pk_respond_running_count(&a->respond));
    status_seal(a, w);
    status_counts(a, w);
    status_links(a, w);
    status_store(a, w);
    status_local(a, w);
    pk_agent_upload_status(a, w);
    pk_jw_object(w, "maintenance");
    pk_jw_bool(w, "enabled", pk_agent_switch_is_on(a, PK_SWITCH_MAINTENANCE));
    pk_agent_put_tasks(a, w);
    pk_jw_object_end(w);
    pk_jw_object(w, "commands");
    pk_jw_u64(w, "accepted", a->gate.counters.accepted_count);
    pk_jw_u64(w, "refused", a->gate.counters.refused_count);
    pk_jw_object_end(w);
    pk_jw_object_end(w);
    return PK_OK;
}

/* ---- incidents ---- */

static void incident_row(const struct pk_agent *a, struct pk_json_writer *w, const struct pk_incident *i) {
    pk_jw_object(w, NULL);
    pk_jw_cstr(w, "incident_id", i->id);
    pk_jw_cstr(w, "title", i->title);
    pk_jw_cstr(w, "incident_type", i->type);
    pk_jw_cstr(w, "severity", pk_severity_word((enum pk_severity)i->severity));
    pk_jw_cstr(w, "status", pk_incident_status_word(i->status));
    pk_jw_cstr(w, "stage", pk_incident_stage_word(i->stage));
    pk_jw_bool(w, "acked", i->is_acked);
    pk_jw_bool(w, "flapping", i->is_flapping);
    pk_jw_bool(w, "drill", i->is_drill);
    pk_jw_bool(w, "announced", i->is_announced);
    pk_jw_u64(w, "silenced_by", i->silenced_by);
    pk_jw_cstr(w, "caused_by", i->caused_by[0] != '\0' ? i->caused_by : NULL);
    pk_jw_time(w, "detected_at", i->detected.wall_ms);
    if (i->detected.boot == a->now.boot) {
        pk_jw_ms_as_seconds(w, "age_seconds", a->now.mono_ms - i->detected.mono_ms);
    }
    pk_jw_u64(w, "event_count", i->event_count);
    pk_jw_cstr(w, "component", i->component_count > 0 ? i->components[0] : i->group_key);
    pk_jw_object_end(w);
}

static bool incident_matches(const struct pk_incident *i, struct pk_str type, struct pk_str source) {
    if (type.n > 0 && !pk_str_eq_c(type, i->type)) {
        return false;
    }
    if (source.n == 0) {
        return true;
    }
    for (uint32_t c = 0; c < i->component_count; c++) {
        if (pk_str_eq_c(source, i->components[c])) {
            return true;
        }
    }
    return false;
}

static int list_incidents(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const struct pk_str status = pk_args_text(&q->args, "status"),
                        severity = pk_args_text(&q->args, "severity"),
                        before = pk_args_text(&q->args, "before");
    uint32_t bits = 0, below = UINT32_MAX, count = 0;
    enum pk_severity least = PK_SEV_INFO;
    const uint64_t limit = pk_args_u64(&q->args, "limit", LIST_LIMIT);
    if (pk_incident_filter_parse(status.n > 0 ? status : pk_str_of("all"), &bits) < 0) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "status is a status word, active or all");
    }
    if (severity.n > 0 && pk_severity_parse(severity, &least) < 0) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "severity is info, low, medium, high or critical");
    }
    if (before.n > 0) {
        struct pk_incident_ref ref;
        if (pk_incident_id_parse(before, &ref) < 0) {
            return pk_agent_fail(a, PK_E_BAD_FIELD, "before is not an incident id");
        }
        below = ref.number;
    }
    const struct pk_incident *i = NULL;
    bool has_more = false;
    pk_jw_object(w, "result");
    pk_jw_array(w, "incidents");
    while ((i = pk_incidents_next(&a->incidents, bits, (uint8_t)least, &below)) != NULL) {
        if ((bits & PK_INC_FILTER_ACKED) != 0 && !i->is_acked) {
            continue;
        }
        if (!incident_matches(i, pk_args_text(&q->args, "type"), pk_args_text(&q->args, "source"))) {
            continue;
        }
        if (count == limit || !pk_agent_has_row_room(w, INCIDENT_ROW_BYTES)) {
            has_more = true;
            break;
        }
        incident_row(a, w, i);
        count++;
    }
    pk_jw_array_end(w);
    pk_jw_bool(w, "more", has_more);
    pk_jw_object_end(w);
    return PK_OK;
}

static void put_timeline(const struct pk_agent *a, struct pk_json_writer *w, uint32_t number) {
    struct pk_timeline_entry e;
    uint32_t after = 0;
    bool is_cut = false;
    pk_jw_array(w, "timeline");
    while (pk_timeline_next(&a->incidents.timeline, number, after, &e) == PK_OK) {
        after = e.seq;
        if (!pk_agent_has_row_room(w, 320)) {
            is_cut = true;
            break;
        }
        pk_agent_correct(a, &e.at);
        pk_jw_object(w, NULL);
        pk_jw_time(w, "at", e.at.wall_ms);
        pk_jw_cstr(w, "time_quality", pk_time_quality_word((enum pk_time_quality)e.at.quality));
        pk_jw_u64(w, "mono_ms", e.at.mono_ms);
        pk_jw_cstr(w, "severity", pk_severity_word((enum pk_severity)e.severity));
        pk_jw_cstr(w, "source", pk_timeline_source_word(e.source));
        pk_jw_cstr(w, "event", pk_timeline_kind_word(e.kind));
        pk_jw_cstr(w, "message", e.text);
        pk_jw_object_end(w);
    }
    pk_jw_array_end(w);
    pk_jw_bool(w, "timeline_cut", is_cut);
}

/* What depends on what is affected, by name, and what it caused. */
static void put_blast(const struct pk_agent *a, struct pk_json_writer *w, const struct pk_incident *i) {
    enum { NAMES = 32 };
    const char *names[NAMES];
    uint32_t count = 0, below = UINT32_MAX, bits = 0;
    const struct pk_incident *other = NULL;
    const uint32_t n = pk_correlate_blast(pk_agent_topology(a), i, names, NAMES, &count);
    pk_jw_array(w, "depending_components");
    for (uint32_t k = 0; k < n; k++) {
        pk_jw_cstr(w, NULL, names[k]);
    }
    pk_jw_array_end(w);
    pk_jw_u64(w, "depending_count", count);
    pk_jw_array(w, "child_incidents");
    const int err = pk_incident_filter_parse(pk_str_of("all"), &bits);
    while (err == PK_OK && i->child_count > 0 && pk_agent_has_row_room(w, 2048) &&
           (other = pk_incidents_next(&a->incidents, bits, PK_SEV_INFO, &below)) != NULL) {
        if (strcmp(other->caused_by, i->id) == 0) {
            pk_jw_cstr(w, NULL, other->id);
        }
    }
    pk_jw_array_end(w);
}

static int get_incident(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const struct pk_incident *i = NULL;
    const int err = pk_incidents_find(&a->incidents, pk_args_text(&q->args, "incident_id"), &i);
    if (err == PK_E_BAD_FIELD) {
        return pk_agent_fail(a, err, "incident_id is not of the form inc_GATEWAY_BOOT_N or inc_N");
    }
    if (err < 0) {
        return pk_agent_fail(a, err, "there is no such incident here");
    }
    const struct pk_incident_view view = {.site = pk_str_of(a->config.site),
                                          .gateway = pk_str_of(a->config.gateway),
                                          .response_team = pk_agent_response_team(a, i),
                                          .boot = a->now.boot,
                                          .with_aliases = true};
    pk_jw_object(w, "result");
    pk_incident_json_write(w, "incident", i, &view);
    put_blast(a, w, i);
    if (pk_args_bool(&q->args, "timeline")) {
        put_timeline(a, w, i->number);
    }
    pk_jw_object_end(w);
    return PK_OK;
}

/* ---- rules, actions ---- */

/* What became of the incidents it opened, over the life of the store. */
static void put_card(const struct pk_agent *a, struct pk_json_writer *w, struct pk_str rule_id) {
    const struct pk_rule_card *card = pk_rule_card_get(&a->incidents.cards, rule_id);
    pk_jw_object(w, "card");
    for (uint8_t i = 0; i < PK_CARD_COUNT; i++) {
        pk_jw_u64(w, pk_card_count_word((enum pk_card_count)i), card != NULL ? card->counts[i] : 0);
    }
    pk_jw_object_end(w);
}

static void rule_row(const struct pk_agent *a, struct pk_json_writer *w, uint32_t index, bool with_cost) {
    const struct pk_rule *r = pk_engine_rule(&a->engine, index);
    const struct pk_rule_status *s = pk_engine_rule_status(&a->engine, index);
    pk_jw_object(w, NULL);
    pk_jw_str(w, "rule_id", pk_engine_str(&a->engine, r, r->id));
    pk_jw_str(w, "about", pk_engine_str(&a->engine, r, r->about));
    pk_jw_str(w, "incident_type", pk_engine_str(&a->engine, r, r->type));
    pk_jw_cstr(w, "severity", pk_severity_word((enum pk_severity)r->severity));
    pk_jw_cstr(w, "state", pk_rule_state_word(pk_engine_rule_state(&a->engine, index)));
    pk_jw_bool(w, "enabled", s->is_enabled);
    pk_jw_bool(w, "auto", r->is_auto);
    pk_jw_bool(w, "operator", r->is_own);
    pk_agent_rule_origin(a, w, index);
    pk_jw_u64(w, "evaluations", s->evaluation_count);
    pk_jw_u64(w, "fires", s->fire_count);
    if (s->evaluated_ms > 0) {
        pk_jw_ms_as_seconds(w, "evaluated_seconds_ago", a->now.mono_ms - s->evaluated_ms);
    }
    if (s->fired_ms > 0) {
        pk_jw_ms_as_seconds(w, "fired_seconds_ago", a->now.mono_ms - s->fired_ms);
    }
    put_card(a, w, pk_engine_str(&a->engine, r, r->id));
    if (with_cost) {
        pk_jw_u64(w, "bytes", pk_engine_rule_bytes(&a->engine, index));
        pk_jw_u64(w, "bytes_max", pk_rule_price_bytes(r));
    }
    pk_jw_object_end(w);
}

static int list_rules(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const struct pk_str after = pk_args_text(&q->args, "after");
    const uint64_t limit = pk_args_u64(&q->args, "limit", PK_LIMIT_RULES);
    const bool is_enabled_only = pk_args_bool(&q->args, "enabled");
    const int before = after.n > 0 ? pk_engine_find_rule(&a->engine, after) : -1;
    uint64_t count = 0;
    bool has_more = false;
    if (after.n > 0 && before < 0) {
        return pk_agent_fail(a, PK_E_NOT_FOUND, "after is not a rule");
    }
    pk_jw_object(w, "result");
    pk_jw_array(w, "rules");
    for (uint32_t i = (uint32_t)(before + 1); i < pk_engine_rule_count(&a->engine) && !has_more; i++) {
        if (is_enabled_only && !pk_engine_rule_status(&a->engine, i)->is_enabled) {
            continue;
        }
        has_more = count == limit || !pk_agent_has_row_room(w, RULE_ROW_BYTES);
        if (!has_more) {
            rule_row(a, w, i, pk_args_bool(&q->args, "cost"));
            count++;
        }
    }
    pk_jw_array_end(w);
    pk_jw_bool(w, "more", has_more);
    pk_jw_object_end(w);
    return PK_OK;
}

/* Whether anything comes that the rule looks at: the first question when it does not fire. */
static void put_source_line(const struct pk_agent *a, uint32_t index, struct pk_buf *b) {
    enum { QUIET_MS = 600000 };
    const uint64_t heard_ms = pk_engine_rule_heard_ms(&a->engine, index);
    const uint64_t ago_ms = heard_ms < a->now.mono_ms ? a->now.mono_ms - heard_ms : 0;
    char time[PK_TIME_TEXT_BYTES];
    if (!pk_engine_rule_status(&a->engine, index)->is_enabled) {
        pk_buf_puts(b, "source: not looked at: the rule is disabled\n");
        return;
    }
    if (heard_ms == 0) {
        pk_buf_puts(b, "source: no event it looks at was heard since the start of Picket: does its source "
                       "send at all? (sources list, events list --type T)\n");
        return;
    }
    const bool is_silent = ago_ms >= QUIET_MS || pk_engine_rule_state(&a->engine, index) == PK_RULE_UNKNOWN;
    pk_time_format(a->now.wall_ms - (int64_t)ago_ms, time);
    pk_buf_puts(b, is_silent ? "source: has been silent since " : "source: last event at ");
    pk_buf_puts(b, time);
    pk_buf_puts(b, ", ");
    pk_buf_put_duration(b, ago_ms);
    pk_buf_puts(b, " ago\n");
}

static int show_rule(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    struct pk_buf b;
    const int index = pk_engine_find_rule(&a->engine, pk_args_text(&q->args, "rule"));
    if (index < 0) {
        return pk_agent_fail(a, index, "there is no such rule");
    }
    const struct pk_rule *r = pk_engine_rule(&a->engine, (uint32_t)index);
    pk_buf_init(&b, a->payload, sizeof a->payload);
    pk_engine_explain(&a->engine, (uint32_t)index, a->now.mono_ms, &b);
    put_source_line(a, (uint32_t)index, &b);
    pk_jw_object(w, "result");
    pk_jw_array(w, "rules");
    rule_row(a, w, (uint32_t)index, true);
    pk_jw_array_end(w);
    pk_jw_str(w, "text", pk_engine_str(&a->engine, r, r->text));
    pk_jw_str(w, "explain", pk_buf_str(&b));
    pk_jw_object_end(w);
    return PK_OK;
}

static int list_actions(struct pk_agent *a, struct pk_json_writer *w) {
    const struct pk_action_table *t = pk_agent_actions(a);
    pk_jw_object(w, "result");
    pk_jw_array(w, "actions");
    for (uint32_t i = 0; i < t->count; i++) {
        const struct pk_action *row = &t->rows[i];
        pk_jw_object(w, NULL);
        pk_jw_cstr(w, "action", row->name);
        pk_jw_cstr(w, "about", pk_action_about(t, i));
        pk_jw_cstr(w, "risk", pk_risk_word(row->risk));
        pk_jw_cstr(w, "cost", pk_action_cost_word(row->cost));
        pk_jw_bool(w, "enabled", row->is_enabled);
        pk_jw_u64(w, "per_hour", row->per_hour);
        pk_jw_ms_as_seconds(w, "timeout_seconds", row->timeout_ms);
        pk_jw_ms_as_seconds(w, "cooldown_seconds", row->cooldown_ms);
        pk_jw_u64(w, "ok", a->respond.counts[i].ok);
        pk_jw_u64(w, "failed", a->respond.counts[i].failed);
        pk_jw_array(w, "targets");
        for (uint32_t k = 0; k < row->target_count; k++) {
            pk_jw_cstr(w, NULL, pk_action_target(t, i, k));
        }
        pk_jw_array_end(w);
        pk_jw_object_end(w);
    }
    pk_jw_array_end(w);
    pk_jw_object_end(w);
    return PK_OK;
}

static int show_memory(struct pk_agent *a, struct pk_json_writer *w) {
    struct pk_agent_table *t = a->summary.rows;
    const uint32_t n = pk_agent_tables(a, t);
    pk_jw_object(w, "result");
    pk_jw_u64(w, "agent_bytes", sizeof *a);
    pk_jw_u64(w, "agent_bytes_max", PK_AGENT_RAM_MAX);
    pk_jw_array(w, "tables");
    for (uint32_t i = 0; i < n; i++) {
        pk_jw_object(w, NULL);
        pk_jw_cstr(w, "table", t[i].name);
        pk_jw_u64(w, "capacity", t[i].capacity);
        pk_jw_u64(w, "used", t[i].used);
        pk_jw_u64(w, "high", t[i].high);
        pk_jw_u64(w, "drops", t[i].drops);
        pk_jw_u64(w, "bytes", t[i].bytes);
        pk_jw_object_end(w);
    }
    pk_jw_array_end(w);
    pk_jw_object_end(w);
    return PK_OK;
}

static int ping(struct pk_agent *a, struct pk_json_writer *w) {
    pk_jw_object(w, "result");
    pk_jw_cstr(w, "version", a->identity.version);
    pk_jw_u64(w, "boot", a->now.boot);
    pk_jw_time(w, "time", a->now.wall_ms);
    pk_jw_object_end(w);
    return PK_OK;
}

static int dump_now(struct pk_agent *a, struct pk_json_writer *w) {
    pk_agent_dump(a);
    pk_jw_object(w, "result");
    pk_jw_cstr(w, "directory", a->config.state_dir);
    pk_jw_object_end(w);
    return PK_OK;
}

int pk_agent_query(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    switch (q->cmd) {
    case PK_CMD_PING:
        return ping(a, w);
    case PK_CMD_STATUS:
        return show_status(a, w);
    case PK_CMD_INCIDENTS_LIST:
        return list_incidents(a, q, w);
    case PK_CMD_INCIDENTS_GET:
        return get_incident(a, q, w);
    case PK_CMD_STANDING_LIST:
        return pk_agent_standings_command(a, q, w);
    case PK_CMD_INCIDENTS_CAPSULE:
        return pk_agent_get_capsule(a, q, w);
    case PK_CMD_MAINTENANCE_LIST:
        return pk_agent_tasks_command(a, q, w);
    case PK_CMD_SILENCES_LIST:
        return pk_agent_silences_command(a, q, w);
    case PK_CMD_EVENTS_LIST:
        return pk_agent_list_events(a, q, w);
    case PK_CMD_SOURCES_LIST:
        return pk_agent_list_sources(a, q, w);
    case PK_CMD_SOURCES_GET:
        return pk_agent_get_source(a, q, w);
    case PK_CMD_SOURCES_MAPS:
        return pk_agent_list_maps(a, w);
    case PK_CMD_MEMORY:
        return show_memory(a, w);
    case PK_CMD_RULES_LIST:
        return list_rules(a, q, w);
    case PK_CMD_RULES_SHOW:
        return show_rule(a, q, w);
    case PK_CMD_ACTIONS_LIST:
        return list_actions(a, w);
    case PK_CMD_APPROVAL_LIST:
        return pk_agent_list_approvals(a, q, w);
    case PK_CMD_APPROVAL_GET:
        return pk_agent_get_approval(a, q, w);
    case PK_CMD_SWITCHES_LIST:
        return pk_agent_switches_command(a, q, w);
    case PK_CMD_DOCTOR:
        return pk_agent_doctor(a, w);
    case PK_CMD_DUMP_STATE:
        return dump_now(a, w);
    case PK_CMD_AUDIT_HEAD:
        return pk_agent_audit_head(a, w);
    case PK_CMD_KEYS_LIST:
        return pk_agent_keys_list(a, w);
    case PK_CMD_AUDIT_LIST:
        return pk_agent_audit_list(a, q, w);
    default:
        return pk_agent_fail(a, PK_E_UNKNOWN_CMD, "no such command");
    }
}

/* The whole state as the queries show it, into one file; the reply scratch must be free. */
void pk_agent_dump(struct pk_agent *a) {
    char path[PK_CONFIG_PATH_BYTES + 16];
    struct pk_buf b;
    struct pk_json_writer w;
    if (a->reply_owner != 0) {
        return;
    }
    pk_buf_init(&b, path, sizeof path);
    pk_buf_puts(&b, a->config.state_dir);
    pk_buf_puts(&b, "/dump.json");
    pk_buf_init(&b, (char *)a->batch_bytes + a->batch.n, sizeof a->batch_bytes - a->batch.n);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_object(&w, "status");
    (void)show_status(a, &w);
    pk_jw_object_end(&w);
    pk_jw_object(&w, "memory");
    (void)show_memory(a, &w);
    pk_jw_object_end(&w);
    pk_jw_object_end(&w);
    const int err = b.is_cut ? PK_E_TOO_BIG : a->port->files.replace(a->port->files.ctx, path, b.p, b.n);
    pk_agent_log1(a, err < 0 ? PK_LOG_ERROR : PK_LOG_NOTICE,
                  err < 0 ? "the state could not be dumped" : "state dumped",
                  pk_str_of(err < 0 ? pk_err_text(err) : path));
}
