/* Our own figures as a file for node_exporter's textfile collector (src/decisions/0080). A tick writes at
 * most one buffer of it, so it may be as long as the tables are. */
#include <stddef.h>
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "report/pk_prom_text.h"

enum {
    SAMPLE_BYTES = 512, /* longest line and the head of its family; histograms have their own */
    LOOKS_PER_TICK = 2048,
    PART_APART_MS = 5,
    AGAIN_MS = 60000 /* after an error that will not pass by itself */
};

/* What came of a row of a family. */
enum put { PUT_END, PUT_NONE, PUT_SAMPLE };

/* Which of several figures of the same row. */
enum figure {
    RULE_EVALUATIONS,
    RULE_FIRES,
    TABLE_USED,
    TABLE_HIGH,
    TABLE_CAPACITY,
    LINK_ONLINE,
    LINK_RECONNECTS,
    BUDGET_USED,
    BUDGET_LIMIT,
    BUDGET_LEVEL,
    BUDGET_LEFT_OUT
};

struct family {
    const char *name;
    enum pk_promtext_kind kind;
    const char *help;
    enum put (*put)(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row);
    /* What of it `put` asks for. */
    enum figure figure;
    size_t at_bytes; /* in the agent (histogram), in the status of the store */
    uint64_t (*of_outbox)(const struct pk_outbox *ob);
};

/* ---- rows ---- */

static void add_label(struct pk_promtext_labels *l, const char *name, struct pk_str value) {
    PK_ASSERT(l->count < PK_PROMTEXT_LABELS);
    l->rows[l->count++] = (struct pk_promtext_label){.name = name, .value = value};
}

static struct pk_promtext_labels label1(const char *name, struct pk_str value) {
    struct pk_promtext_labels l = {.count = 0};
    add_label(&l, name, value);
    return l;
}

static enum put put_build(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    struct pk_promtext_labels l = label1("version", pk_str_of(a->identity.version));
    if (row > 0) {
        return PUT_END;
    }
    add_label(&l, "isa", pk_str_of(a->identity.isa));
    add_label(&l, "board", pk_str_of(a->identity.board));
    pk_promtext_u64(b, f->name, &l, 1);
    return PUT_SAMPLE;
}

static enum put put_received(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    if (row >= a->intake.sources.count) {
        return PUT_END;
    }
    const char *source = pk_sources_name(&a->intake.sources, (uint16_t)row);
    const uint64_t count = a->intake.sources.state[row].event_count;
    if (source[0] == '\0' || count == 0) { /* forgotten, or only named by a rule */
        return PUT_NONE;
    }
    const struct pk_promtext_labels l = label1("source", pk_str_of(source));
    pk_promtext_u64(b, f->name, &l, count);
    return PUT_SAMPLE;
}

static enum put put_dropped(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    if (row >= PK_LOSS_COUNT) {
        return PUT_END;
    }
    const struct pk_promtext_labels l =
        label1("reason", pk_str_of(pk_loss_reason_word((enum pk_loss_reason)row)));
    pk_promtext_u64(b, f->name, &l, a->intake.ledger.total[row]);
    return PUT_SAMPLE;
}

static enum put put_rule(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    if (row >= pk_engine_rule_count(&a->engine)) {
        return PUT_END;
    }
    const struct pk_rule *rule = pk_engine_rule(&a->engine, row);
    const struct pk_rule_status *s = pk_engine_rule_status(&a->engine, row);
    const struct pk_promtext_labels l = label1("rule", pk_engine_str(&a->engine, rule, rule->id));
    pk_promtext_u64(b, f->name, &l, f->figure == RULE_FIRES ? s->fire_count : s->evaluation_count);
    return PUT_SAMPLE;
}

static enum put put_incidents(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    const uint32_t type = row / PK_SEV_COUNT, severity = row % PK_SEV_COUNT;
    if (type >= PK_INC_TYPE_COUNT) {
        return PUT_END;
    }
    const uint32_t count = a->incidents.metrics.opened[type][severity];
    if (count == 0) {
        return PUT_NONE;
    }
    struct pk_promtext_labels l = label1("type", pk_str_of(pk_incident_type_word((uint8_t)type)));
    add_label(&l, "severity", pk_str_of(pk_severity_word((enum pk_severity)severity)));
    pk_promtext_u64(b, f->name, &l, count);
    return PUT_SAMPLE;
}

static enum put put_without_room(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    if (row >= PK_SEV_COUNT) {
        return PUT_END;
    }
    const struct pk_promtext_labels l =
        label1("severity", pk_str_of(pk_severity_word((enum pk_severity)row)));
    pk_promtext_u64(b, f->name, &l, a->incidents.dropped_by_severity[row]);
    return PUT_SAMPLE;
}

static enum put put_active(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    uint32_t active[PK_SEV_COUNT];
    if (row >= PK_SEV_COUNT) {
        return PUT_END;
    }
    pk_incidents_count_active(&a->incidents, active);
    const struct pk_promtext_labels l =
        label1("severity", pk_str_of(pk_severity_word((enum pk_severity)row)));
    pk_promtext_u64(b, f->name, &l, active[row]);
    return PUT_SAMPLE;
}

static enum put put_metric(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    if (row > 0) {
        return PUT_END;
    }
    pk_promtext_histogram(b, f->name,
                          (const struct pk_metric *)(const void *)((const char *)a + f->at_bytes));
    return PUT_SAMPLE;
}

static enum put put_actions(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    static const char *const RESULTS[] = {"completed", "failed", "refused"};
    const struct pk_action_table *actions = pk_agent_actions(a);
    const uint32_t index = row / PK_COUNT_OF(RESULTS), result = row % PK_COUNT_OF(RESULTS);
    if (index >= actions->count) {
        return PUT_END;
    }
    const struct pk_respond_count *c = &a->respond.counts[index];
    const uint32_t counts[PK_COUNT_OF(RESULTS)] = {c->ok, c->failed, c->refused};
    if (counts[0] + counts[1] + counts[2] == 0) {
        return PUT_NONE;
    }
    struct pk_promtext_labels l = label1("action", pk_str_of(actions->rows[index].name));
    add_label(&l, "result", pk_str_of(RESULTS[result]));
    pk_promtext_u64(b, f->name, &l, counts[result]);
    return PUT_SAMPLE;
}

static enum put put_approvals(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    static const char *const RESULTS[PK_APPROVAL_RESULT_COUNT] = {[PK_APPROVAL_APPROVED] = "approved",
                                                                  [PK_APPROVAL_REJECTED] = "rejected",
                                                                  [PK_APPROVAL_EXPIRED] = "expired"};
    if (row >= PK_APPROVAL_RESULT_COUNT) {
        return PUT_END;
    }
    const struct pk_promtext_labels l = label1("result", pk_str_of(RESULTS[row]));
    pk_promtext_u64(b, f->name, &l, a->respond.approvals[row]);
    return PUT_SAMPLE;
}

static enum put put_store(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    struct pk_store_status s;
    if (row > 0) {
        return PUT_END;
    }
    a->port->store.status(a->port->store.ctx, &s);
    uint64_t value;
    memcpy(&value, (const char *)&s + f->at_bytes, sizeof value);
    pk_promtext_u64(b, f->name, NULL, value);
    return PUT_SAMPLE;
}

static enum put put_table(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    /* Of the first row's moment; whoever fills them in between fills all of them. */
    struct pk_agent_table *t = a->summary.rows;
    if (row == 0) {
        (void)pk_agent_tables(a, t);
    }
    if (row >= PK_AGENT_TABLES || t[row].name == NULL) {
        return PUT_END;
    }
    const struct pk_promtext_labels l = label1("table", pk_str_of(t[row].name));
    pk_promtext_u64(b, f->name, &l,
                    f->figure == TABLE_USED   ? t[row].used
                    : f->figure == TABLE_HIGH ? t[row].high
                                              : t[row].capacity);
    return PUT_SAMPLE;
}
static enum put put_link(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    if (row >= PK_LINKS) {
        return PUT_END;
    }
    if (!a->config.broker[row].is_set) {
        return PUT_NONE;
    }
    const struct pk_link *link = &a->links[row];
    const struct pk_promtext_labels l = label1("broker", pk_str_of(pk_config_broker_word(row)));
    const uint64_t again_count = link->connect_count > 0 ? link->connect_count - 1u : 0u;
    pk_promtext_u64(b, f->name, &l,
                    f->figure == LINK_RECONNECTS ? again_count
                    : pk_link_is_online(link)    ? 1u
                                                 : 0u);
    return PUT_SAMPLE;
}
static enum put put_notifications(struct pk_agent *a, struct pk_buf *b, const struct family *f,
                                  uint32_t row) {
    static const char *const RESULTS[] = {"delivered", "refused", "dropped"};
    uint64_t lost = 0;
    if (row >= PK_COUNT_OF(RESULTS)) {
        return PUT_END;
    }
    for (uint32_t i = 0; i < PK_OUTBOX_LOSS_COUNT; i++) {
        lost += a->outbox.losses[i].count;
    }
    struct pk_promtext_labels l = label1("channel", pk_str_of("mqtt"));
    add_label(&l, "result", pk_str_of(RESULTS[row]));
    pk_promtext_u64(b, f->name, &l,
                    row == 0   ? a->outbox.counters.acked_count
                    : row == 1 ? a->outbox.counters.refused_count
                               : lost);
    return PUT_SAMPLE;
}

static enum put put_outbox(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    if (row > 0) {
        return PUT_END;
    }
    pk_promtext_u64(b, f->name, NULL, f->of_outbox(&a->outbox));
    return PUT_SAMPLE;
}
/* Nothing where it cannot be told: no number would be true. */
static enum put put_outbox_drain(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    uint64_t drain_ms = 0;
    if (row > 0) {
        return PUT_END;
    }
    if (!pk_outbox_drain_ms(&a->outbox, &drain_ms)) {
        return PUT_NONE;
    }
    pk_promtext_ms(b, f->name, NULL, drain_ms);
    return PUT_SAMPLE;
}

static enum put put_outbox_dropped(struct pk_agent *a, struct pk_buf *b, const struct family *f,
                                   uint32_t row) {
    if (row >= PK_OUTBOX_LOSS_COUNT) {
        return PUT_END;
    }
    const struct pk_promtext_labels l =
        label1("reason", pk_str_of(pk_outbox_loss_word((enum pk_outbox_loss_reason)row)));
    pk_promtext_u64(b, f->name, &l, a->outbox.losses[row].count);
    return PUT_SAMPLE;
}

static enum put put_budget(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    if (row >= PK_SPEND_COUNT) {
        return PUT_END;
    }
    const struct pk_spend *s = &a->spends[row];
    if (f->figure == BUDGET_LIMIT && s->limit_bytes == 0) {
        return PUT_NONE;
    }
    const struct pk_promtext_labels l = label1("budget", pk_str_of(pk_spend_word((enum pk_spend_kind)row)));
    pk_promtext_u64(b, f->name, &l,
                    f->figure == BUDGET_USED    ? s->record.used_bytes
                    : f->figure == BUDGET_LIMIT ? s->limit_bytes
                    : f->figure == BUDGET_LEVEL ? s->level
                                                : s->left_out_count);
    return PUT_SAMPLE;
}
static enum put put_maintenance(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    static const char *const RESULTS[] = {"completed", "failed"};
    const uint32_t task = row / PK_COUNT_OF(RESULTS), result = row % PK_COUNT_OF(RESULTS);
    if (task >= a->config.tasks.count) {
        return PUT_END;
    }
    const struct pk_task_state *s = &a->tasks.table.states[task];
    struct pk_promtext_labels l = label1("task", pk_str_of(a->config.tasks.rows[task].name));
    add_label(&l, "result", pk_str_of(RESULTS[result]));
    pk_promtext_u64(b, f->name, &l, result == 0 ? s->completed_count : s->run_count - s->completed_count);
    return PUT_SAMPLE;
}

static enum put put_maintained(struct pk_agent *a, struct pk_buf *b, const struct family *f, uint32_t row) {
    if (row >= a->config.tasks.count) {
        return PUT_END;
    }
    const struct pk_task_state *s = &a->tasks.table.states[row];
    if (s->last_wall_ms <= 0) {
        return PUT_NONE;
    }
    const struct pk_promtext_labels l = label1("task", pk_str_of(a->config.tasks.rows[row].name));
    pk_promtext_ms(b, f->name, &l, (uint64_t)s->last_wall_ms);
    return PUT_SAMPLE;
}

/* ---- families ---- */

static const struct family FAMILIES[] = {
    {"picket_build_info", PK_PROMTEXT_GAUGE, "Version, instruction set and board of this agent.",
     .put = put_build},
    {"picket_events_received_total", PK_PROMTEXT_COUNTER, "Events taken, by source.", .put = put_received},
    {"picket_events_dropped_total", PK_PROMTEXT_COUNTER, "Events offered and not taken.", .put = put_dropped},
    {"picket_rule_evaluations_total", PK_PROMTEXT_COUNTER, "Times a rule was evaluated.", .put = put_rule,
     .figure = RULE_EVALUATIONS},
    {"picket_rule_fires_total", PK_PROMTEXT_COUNTER, "Times a rule fired.", .put = put_rule,
     .figure = RULE_FIRES},
    {"picket_incidents_total", PK_PROMTEXT_COUNTER, "Incidents opened, by the severity they began with.",
     .put = put_incidents},
    {"picket_incidents_dropped_total", PK_PROMTEXT_COUNTER,
     "Findings that found no room for an incident, by severity.", .put = put_without_room},
    {"picket_incidents_active", PK_PROMTEXT_GAUGE, "Incidents that are not resolved, closed or false.",
     .put = put_active},
    {"picket_incident_processing_seconds", PK_PROMTEXT_HISTOGRAM,
     "From the finding until the incident is on the medium and may be reported and acted on.",
     .put = put_metric, .at_bytes = offsetof(struct pk_agent, metrics.processing)},
    {"picket_incident_detect_seconds", PK_PROMTEXT_HISTOGRAM, "Detected - first contributing event.",
     .put = put_metric, .at_bytes = offsetof(struct pk_agent, incidents.metrics.metric[PK_MTTD])},
    {"picket_incident_ack_seconds", PK_PROMTEXT_HISTOGRAM, "Acknowledged - detected.", .put = put_metric,
     .at_bytes = offsetof(struct pk_agent, incidents.metrics.metric[PK_MTTA])},
    {"picket_incident_resolve_seconds", PK_PROMTEXT_HISTOGRAM, "Resolved - detected.", .put = put_metric,
     .at_bytes = offsetof(struct pk_agent, incidents.metrics.metric[PK_MTTR])},
    {"picket_detection_latency_seconds", PK_PROMTEXT_HISTOGRAM,
     "From taking in the event that made a rule fire until its incident was open.", .put = put_metric,
     .at_bytes = offsetof(struct pk_agent, metrics.detection)},
    {"picket_actions_total", PK_PROMTEXT_COUNTER, "Runs of actions that ended.", .put = put_actions},
    {"picket_action_duration_seconds", PK_PROMTEXT_HISTOGRAM, "How long actions ran.", .put = put_metric,
     .at_bytes = offsetof(struct pk_agent, respond.duration)},
    {"picket_approvals_total", PK_PROMTEXT_COUNTER, "Requests for approval that were decided.",
     .put = put_approvals},
    {"picket_store_bytes", PK_PROMTEXT_GAUGE, "Bytes in use in the store.", .put = put_store,
     .at_bytes = offsetof(struct pk_store_status, used_bytes)},
    {"picket_store_records", PK_PROMTEXT_GAUGE, "Records in the store.", .put = put_store,
     .at_bytes = offsetof(struct pk_store_status, record_count)},
    {"picket_store_written_bytes_total", PK_PROMTEXT_COUNTER, "Bytes handed to the disk.", .put = put_store,
     .at_bytes = offsetof(struct pk_store_status, written_bytes)},
    {"picket_table_used", PK_PROMTEXT_GAUGE, "Rows or bytes in use.", .put = put_table, .figure = TABLE_USED},
    {"picket_table_high_water", PK_PROMTEXT_GAUGE, "Most that ever was in use.", .put = put_table,
     .figure = TABLE_HIGH},
    {"picket_table_capacity", PK_PROMTEXT_GAUGE, "Rows or bytes there are.", .put = put_table,
     .figure = TABLE_CAPACITY},
    {"picket_mqtt_connected", PK_PROMTEXT_GAUGE, "1 while the broker is connected.", .put = put_link,
     .figure = LINK_ONLINE},
    {"picket_mqtt_reconnects_total", PK_PROMTEXT_COUNTER, "Connections after the first one.", .put = put_link,
     .figure = LINK_RECONNECTS},
    {"picket_notifications_total", PK_PROMTEXT_COUNTER, "Reports to the hub.", .put = put_notifications},
    {"picket_outbox_entries", PK_PROMTEXT_GAUGE, "Reports that wait to be acknowledged.", .put = put_outbox,
     .of_outbox = pk_outbox_depth},
    {"picket_outbox_bytes", PK_PROMTEXT_GAUGE, "Their bytes.", .put = put_outbox,
     .of_outbox = pk_outbox_bytes},
    {"picket_outbox_held_entries", PK_PROMTEXT_GAUGE,
     "Those that wait for the next month of the data budget.", .put = put_outbox,
     .of_outbox = pk_outbox_held_count},
    {"picket_outbox_unheard_entries", PK_PROMTEXT_GAUGE, "Those the hub has not named yet (hub_ack).",
     .put = put_outbox, .of_outbox = pk_outbox_unheard_count},
    {"picket_outbox_drain_seconds", PK_PROMTEXT_GAUGE,
     "Until all of them are acknowledged at the pace of the last seconds; absent when that cannot be told.",
     .put = put_outbox_drain},
    {"picket_outbox_dropped_total", PK_PROMTEXT_COUNTER, "Reports that were lost, by reason of the ledger.",
     .put = put_outbox_dropped},
    {"picket_budget_used_bytes", PK_PROMTEXT_GAUGE,
     "data: to and from metered brokers this month; flash: handed to the disk this day (UTC).",
     .put = put_budget, .figure = BUDGET_USED},
    {"picket_budget_limit_bytes", PK_PROMTEXT_GAUGE,
     "What the month or day may take; absent without a limit.", .put = put_budget, .figure = BUDGET_LIMIT},
    {"picket_budget_level", PK_PROMTEXT_GAUGE,
     "What gives way: 0 nothing, 1 from 80 %, 2 from 90 %, 3 from 95 %, 4 all is used.", .put = put_budget,
     .figure = BUDGET_LEVEL},
    {"picket_budget_left_out_total", PK_PROMTEXT_COUNTER, "What was not sent or kept because of it.",
     .put = put_budget, .figure = BUDGET_LEFT_OUT},
    {"picket_maintenance_runs_total", PK_PROMTEXT_COUNTER, "Runs of maintenance tasks.",
     .put = put_maintenance},
    {"picket_last_maintenance_timestamp_seconds", PK_PROMTEXT_GAUGE, "When a task ran last, Unix time.",
     .put = put_maintained},
};

/* ---- the file ---- */

static uint32_t room_for(const struct family *f) {
    return f->kind == PK_PROMTEXT_HISTOGRAM ? (uint32_t)PK_PROMTEXT_HISTOGRAM_BYTES + SAMPLE_BYTES
                                            : SAMPLE_BYTES;
}

/* Fills the buffer from where the last tick ended. True at the end of the last family. */
static bool put_part(struct pk_agent *a, struct pk_buf *b) {
    struct pk_agent_metrics *m = &a->metrics;
    for (uint32_t looks = 0; looks < LOOKS_PER_TICK && m->family < PK_COUNT_OF(FAMILIES); looks++) {
        const struct family *f = &FAMILIES[m->family];
        const uint32_t before = b->n;
        if (b->cap_bytes - b->n < room_for(f)) {
            return false;
        }
        if (!m->is_head_out) {
            pk_promtext_head(b, f->name, f->kind, f->help);
        }
        const enum put put = f->put(a, b, f, m->row);
        if (put != PUT_SAMPLE && !m->is_head_out) {
            b->n = before; /* a family without samples has no head */
            b->p[b->n] = '\0';
        }
        m->is_head_out = put == PUT_SAMPLE || (put == PUT_NONE && m->is_head_out);
        m->family += put == PUT_END ? 1u : 0u;
        m->row = put == PUT_END ? 0u : m->row + 1u;
    }
    PK_ASSERT(!b->is_cut);
    return m->family == PK_COUNT_OF(FAMILIES);
}

static void begin(struct pk_agent_metrics *m) {
    m->is_writing = true;
    m->is_head_out = false;
    m->at_bytes = 0;
    m->family = 0;
    m->row = 0;
}

static void note_result(struct pk_agent *a, int err) {
    struct pk_agent_metrics *m = &a->metrics;
    const bool is_new = err != m->error;
    m->is_writing = false;
    m->error = err;
    m->failed_count += err < 0 ? 1u : 0u;
    m->written_count += err < 0 ? 0u : 1u;
    m->due_ms = a->now.mono_ms + (err < 0 ? (uint64_t)AGAIN_MS : a->config.textfile_ms);
    if (is_new && err < 0) {
        pk_agent_log1(a, PK_LOG_WARNING,
                      err == PK_E_UNSUPPORTED
                          ? "[report] textfile is on a disk, which each writing would wear out: nothing is "
                            "written; choose a folder on a tmpfs"
                          : "[report] textfile cannot be written",
                      pk_str_of(err == PK_E_UNSUPPORTED ? a->config.textfile : pk_err_text(err)));
    } else if (is_new) {
        pk_agent_log(a, PK_LOG_NOTICE, "[report] textfile can be written again");
    }
}

void pk_agent_metrics(struct pk_agent *a) {
    struct pk_agent_metrics *m = &a->metrics;
    struct pk_buf b;
    if (a->config.textfile[0] == '\0' || a->now.mono_ms < m->due_ms || a->is_stopping) {
        return;
    }
    if (!m->is_writing) {
        begin(m);
    }
    pk_buf_init(&b, a->payload, sizeof a->payload);
    const bool is_last = put_part(a, &b);
    const int err =
        a->port->files.publish(a->port->files.ctx, a->config.textfile, m->at_bytes, b.p, b.n, is_last);
    m->at_bytes += b.n;
    m->due_ms = a->now.mono_ms + PART_APART_MS;
    if (err < 0 || is_last) {
        note_result(a, err);
    }
}

void pk_agent_metrics_renew(struct pk_agent *a) {
    a->metrics.is_writing = false;
    a->metrics.due_ms = a->now.mono_ms;
    a->metrics.error = PK_OK;
}

uint64_t pk_agent_metrics_next_ms(const struct pk_agent *a) {
    return a->config.textfile[0] != '\0' && !a->is_stopping ? a->metrics.due_ms : UINT64_MAX;
}

/* ---- for `status` ---- */

static void put_rate(struct pk_json_writer *w, const char *key, uint64_t good, uint64_t all) {
    if (all == 0) {
        pk_jw_null(w, key);
    } else {
        const uint64_t share = good * 10000u / all; /* four digits are enough */
        pk_jw_double(w, key, (double)share / 10000.0);
    }
}

void pk_agent_responses_put(const struct pk_agent *a, struct pk_json_writer *w) {
    const struct pk_action_table *actions = pk_agent_actions(a);
    uint64_t ok = 0, failed = 0, refused = 0;
    for (uint32_t i = 0; i < actions->count; i++) {
        ok += a->respond.counts[i].ok;
        failed += a->respond.counts[i].failed;
        refused += a->respond.counts[i].refused;
    }
    pk_jw_object(w, "responses");
    pk_jw_u64(w, "total_responses", ok + failed);
    pk_jw_u64(w, "succeeded", ok);
    pk_jw_u64(w, "failed", failed);
    pk_jw_u64(w, "refused", refused);
    put_rate(w, "success_rate", ok, ok + failed);
    pk_jw_cstr(w, "formula", "succeeded / (succeeded + failed), since the agent read actions.conf");
    pk_jw_ms_as_seconds(w, "mean_seconds", pk_metric_mean_ms(&a->respond.duration));
    pk_jw_array(w, "tasks");
    for (uint32_t i = 0; i < actions->count && pk_agent_has_row_room(w, 2048); i++) {
        const struct pk_respond_count *c = &a->respond.counts[i];
        if (c->ok + c->failed + c->refused == 0) {
            continue;
        }
        pk_jw_object(w, NULL);
        pk_jw_cstr(w, "name", actions->rows[i].name);
        pk_jw_u64(w, "success_count", c->ok);
        pk_jw_u64(w, "failure_count", c->failed);
        pk_jw_u64(w, "refused_count", c->refused);
        put_rate(w, "success_rate", c->ok, (uint64_t)c->ok + c->failed);
        pk_jw_object_end(w);
    }
    pk_jw_array_end(w);
    pk_jw_object_end(w);
}

static void put_mean(struct pk_json_writer *w, const char *key, const struct pk_metric *m,
                     const char *formula) {
    pk_jw_object(w, key);
    pk_jw_ms_as_seconds(w, "mean_seconds", pk_metric_mean_ms(m));
    pk_jw_u64(w, "count", m->count);
    pk_jw_cstr(w, "formula", formula);
    pk_jw_object_end(w);
}

void pk_agent_metrics_put(const struct pk_agent *a, struct pk_json_writer *w) {
    put_mean(w, "processing", &a->metrics.processing, "mean(on the medium - detected)");
    put_mean(w, "detection_latency", &a->metrics.detection, "mean(detected - event taken in)");
}

void pk_agent_textfile_put(const struct pk_agent *a, struct pk_json_writer *w) {
    if (a->config.textfile[0] == '\0') {
        return;
    }
    pk_jw_object(w, "textfile");
    pk_jw_cstr(w, "path", a->config.textfile);
    pk_jw_u64(w, "written", a->metrics.written_count);
    pk_jw_u64(w, "failed", a->metrics.failed_count);
    pk_jw_cstr(w, "state", a->metrics.error == PK_OK ? "ok" : pk_err_word(a->metrics.error));
    pk_jw_object_end(w);
}

/* ---- how long an incident takes us ---- */

void pk_agent_metrics_opened(struct pk_agent *a, const struct pk_incident *i) {
    struct pk_agent_metrics *m = &a->metrics;
    if (i->detected.boot != a->now.boot || i->is_drill) {
        return;
    }
    struct pk_agent_opened *last = m->opened_count > 0 ? &m->opened[m->opened_count - 1u] : NULL;
    if (last != NULL && (m->opened_count == PK_AGENT_OPENED ||
                         (last->store_seq == 0 && last->at_ms == i->detected.mono_ms))) {
        last->count++; /* the same batch, or no room: counted with the one before, as long as that */
        last->store_seq = 0;
        return;
    }
    m->opened[m->opened_count++] =
        (struct pk_agent_opened){.at_ms = i->detected.mono_ms, .store_seq = 0, .count = 1};
}

void pk_agent_metrics_submitted(struct pk_agent *a, uint64_t store_seq) {
    for (uint32_t i = 0; i < a->metrics.opened_count; i++) {
        struct pk_agent_opened *o = &a->metrics.opened[i];
        o->store_seq = o->store_seq == 0 ? store_seq : o->store_seq;
    }
}

void pk_agent_metrics_durable(struct pk_agent *a) {
    struct pk_agent_metrics *m = &a->metrics;
    const struct pk_port_clock *c = &a->port->clock;
    uint32_t done = 0;
    while (done < m->opened_count && m->opened[done].store_seq != 0 &&
           m->opened[done].store_seq <= a->durable_seq) {
        const uint64_t now_ms = c->mono_ms(c->ctx);
        const uint64_t at_ms = m->opened[done].at_ms;
        for (uint32_t k = 0; k < m->opened[done].count; k++) {
            pk_metric_add(&m->processing, now_ms > at_ms ? now_ms - at_ms : 0u);
        }
        done++;
    }
    if (done == 0) {
        return;
    }
    m->opened_count -= done;
    memmove(m->opened, m->opened + done, sizeof m->opened[0] * m->opened_count);
}

void pk_agent_metrics_detected(struct pk_agent *a) {
    const struct pk_port_clock *c = &a->port->clock;
    if (a->metrics.event_ms == 0) {
        return; /* by the clock, not by an event */
    }
    const uint64_t now_ms = c->mono_ms(c->ctx);
    pk_metric_add(&a->metrics.detection, now_ms > a->metrics.event_ms ? now_ms - a->metrics.event_ms : 0u);
}
