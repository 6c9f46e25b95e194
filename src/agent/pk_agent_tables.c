/* What every table holds and may hold: `memory`, the summary, `picketd -t`. */
#include <string.h>

#include "agent/pk_agent_priv.h"

/* Also called by `picketd -t`, where no socket and no store is open. */
static uint64_t refused_local(const struct pk_agent *a) {
    return a->port->serve.refused_count == NULL ? 0 : a->port->serve.refused_count(a->port->serve.ctx);
}

static uint32_t connections_used(const struct pk_agent *a) {
    uint32_t used = 0;
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        used += a->connections[i].is_used ? 1 : 0;
    }
    return used;
}

static uint32_t runs_used(const struct pk_respond *r) {
    uint32_t used = 0;
    for (uint32_t i = 0; i < PK_LIMIT_RUNS; i++) {
        used += r->runs[i].id != 0 ? 1 : 0;
    }
    return used;
}

static uint32_t slots_used(const struct pk_outbox *o) {
    uint32_t used = 0;
    for (uint32_t i = 0; i < PK_LIMIT_OUTBOX_SLOTS; i++) {
        used += o->slots[i].state != PK_OUTBOX_FREE ? 1 : 0;
    }
    return used;
}

static void raise_to(uint32_t *high, uint32_t used) {
    *high = used > *high ? used : *high;
}

void pk_agent_note_high(struct pk_agent *a) {
    raise_to(&a->high.runs, runs_used(&a->respond));
    raise_to(&a->high.budgets, a->respond.budget.used_count);
    raise_to(&a->high.outbox_slots, slots_used(&a->outbox));
    raise_to(&a->high.batch_bytes, a->batch.n);
}

void pk_agent_note_connections(struct pk_agent *a) {
    raise_to(&a->high.connections, connections_used(a));
}

static uint64_t incidents_dropped(const struct pk_agent *a) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < PK_SEV_COUNT; i++) {
        sum += a->incidents.dropped_by_severity[i];
    }
    return sum;
}

static uint64_t outbox_lost(const struct pk_agent *a) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < PK_OUTBOX_LOSS_COUNT; i++) {
        sum += a->outbox.losses[i].count;
    }
    return sum;
}

static void add(struct pk_agent_table *t, uint32_t *n, const char *name, uint64_t capacity, uint64_t used,
                uint64_t high, uint64_t drops, uint64_t bytes) {
    PK_ASSERT(*n < PK_AGENT_TABLES);
    t[(*n)++] = (struct pk_agent_table){
        .name = name, .capacity = capacity, .used = used, .high = high, .drops = drops, .bytes = bytes};
}

/* Not sent every minute when nothing of it was dropped. */
static void add_known(struct pk_agent_table *t, uint32_t *n, const char *name, uint64_t capacity,
                      uint64_t used, uint64_t drops, uint64_t bytes) {
    add(t, n, name, capacity, used, used, drops, bytes);
    t[*n - 1].is_known = true;
}

static uint32_t add_links(const struct pk_agent *a, struct pk_agent_table *t, uint32_t n) {
    struct pk_arena_status heap, tls;
    struct pk_store_status store;
    memset(&heap, 0, sizeof heap);
    memset(&tls, 0, sizeof tls);
    if (a->identity.arena != NULL) {
        a->identity.arena(&heap, &tls);
    }
    memset(&store, 0, sizeof store);
    if (a->port->store.status != NULL) {
        a->port->store.status(a->port->store.ctx, &store);
    }
    add(t, &n, "outbox_slots", PK_LIMIT_OUTBOX_SLOTS, slots_used(&a->outbox), a->high.outbox_slots,
        outbox_lost(a), sizeof a->outbox);
    add_known(t, &n, "links", PK_LINKS, pk_link_is_online(&a->links[0]) + pk_link_is_online(&a->links[1]), 0,
              sizeof a->links);
    add(t, &n, "command_ids", PK_LIMIT_REPLAY_JTI, a->gate.replay.count, a->gate.replay.high_count,
        a->gate.replay.refused_full_count, sizeof a->gate);
    add_known(t, &n, "command_keys", PK_LIMIT_KEYS_PUBLIC, a->keys[a->keys_index].count, 0,
              sizeof a->keys + sizeof a->key_changes);
    add(t, &n, "batch_bytes", sizeof a->batch_bytes, a->batch.n, a->high.batch_bytes, a->counters.batch_full,
        sizeof a->batch_bytes);
    add(t, &n, "connections", PK_LIMIT_CONNECTIONS, connections_used(a), a->high.connections,
        refused_local(a), sizeof a->connections);
    add(t, &n, "scratch_bytes", sizeof a->reply + sizeof a->payload, 0, 0, 0,
        sizeof a->reply + sizeof a->payload + sizeof a->remote + sizeof a->samples);
    add_known(t, &n, "configuration", PK_LIMIT_WATCHES, a->config.watch_count, a->counters.config_refused,
              sizeof a->config * 2);
    add(t, &n, "neighbours", PK_LIMIT_NEIGHBOURS, a->witness.table.used_count, a->witness.table.used_count,
        a->witness.table.full_count, sizeof a->witness);
    add_known(t, &n, "probes", PK_LIMIT_PROBES, a->config.probes.count, 0, sizeof a->probes);
    add(t, &n, "store_queue_bytes", PK_LIMIT_STORE_QUEUE_BYTES, store.queued_bytes, store.queued_high_bytes,
        0, PK_LIMIT_STORE_QUEUE_BYTES);
    add_known(t, &n, "store_map_bytes", store.map_bytes, store.used_bytes, store.failed_commit_count, 0);
    add(t, &n, "heap_arena_bytes", heap.capacity_bytes, heap.used_bytes, heap.high_bytes, heap.failed_count,
        heap.capacity_bytes);
    add(t, &n, "tls_arena_bytes", tls.capacity_bytes, tls.used_bytes, tls.high_bytes, tls.failed_count,
        tls.capacity_bytes);
    return n;
}

static uint32_t standing_count(const struct pk_agent *a) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < PK_LIMIT_STANDING; i++) {
        count += a->respond.standings.rows[i].number != 0 ? 1u : 0u;
    }
    return count;
}

static uint32_t capsules_used(const struct pk_agent *a) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < PK_LIMIT_CAPSULES; i++) {
        count += a->capsules.rows[i].number != 0 ? 1u : 0u;
    }
    return count;
}

uint32_t pk_agent_tables(const struct pk_agent *a, struct pk_agent_table t[PK_AGENT_TABLES]) {
    const struct pk_intake *in = &a->intake;
    const struct pk_engine *e = &a->engine;
    const struct pk_action_table *actions = pk_agent_actions(a);
    const uint32_t text_bytes =
        in->text.end < PK_LIMIT_TEXT_RING_BYTES ? in->text.end : PK_LIMIT_TEXT_RING_BYTES;
    uint32_t n = 0;
    add(t, &n, "event_types", PK_LIMIT_TYPES, in->types.count, in->types.count, in->types.refused_count,
        sizeof in->types);
    add(t, &n, "foreign_types", PK_LIMIT_TYPES_FOREIGN, in->types.foreign_count, in->types.foreign_count, 0,
        0);
    add(t, &n, "event_sources", PK_LIMIT_SOURCES, in->sources.used_count, in->sources.count,
        in->sources.refused_count, sizeof in->sources);
    add(t, &n, "foreign_sources", PK_LIMIT_SOURCES_FOREIGN, in->sources.foreign_count,
        in->sources.foreign_count, in->sources.forgotten_count + in->sources.folded_count, 0);
    add(t, &n, "event_intake", PK_LIMIT_INTAKE_EVENTS, in->count, in->high,
        in->ledger.total[PK_LOSS_INTAKE_FULL], sizeof in->ring + sizeof in->dedupe);
    add_known(t, &n, "event_text_bytes", PK_LIMIT_TEXT_RING_BYTES, text_bytes, 0, sizeof in->text);
    add_known(t, &n, "event_history", PK_LIMIT_EVENT_HISTORY, pk_history_count(&a->history, a->now.mono_ms),
              0, sizeof a->history);
    add(t, &n, "loss_ledger", PK_LIMIT_LEDGER, in->ledger.count, in->ledger.high, in->ledger.merged_count,
        sizeof in->ledger);
    add_known(t, &n, "rules", PK_LIMIT_RULES, e->rules.count, 0, sizeof e->rules + sizeof e->status);
    add_known(t, &n, "patterns", PK_LIMIT_PATTERNS, a->patterns.use.own.pattern_count, 0, sizeof a->patterns);
    add(t, &n, "windows", PK_LIMIT_KEYS, e->windows.used, e->windows.high,
        e->windows.evicted_count + e->windows.refused_count,
        sizeof e->windows + sizeof e->wheel + sizeof e->nodes);
    add(t, &n, "learned_series", PK_LIMIT_LEARNED, a->learned.used, a->learned.high,
        a->learned.full_count + a->learned.strange_count, sizeof a->learned);
    add_known(t, &n, "rule_lists", PK_ENGINE_LISTS, e->list_count, e->list_flush_count,
              sizeof e->lists + sizeof e->list_rules + sizeof e->class_bits + sizeof e->source_class);
    add(t, &n, "findings", PK_ENGINE_FINDINGS, e->finding_count, e->finding_high, e->still_dropped_count,
        sizeof e->findings + sizeof e->active);
    add(t, &n, "incidents", PK_LIMIT_INCIDENTS, a->incidents.used_count, a->incidents.high_count,
        incidents_dropped(a),
        sizeof a->incidents - sizeof a->incidents.timeline - sizeof a->incidents.silences -
            sizeof a->incidents.changes - sizeof a->incidents.cards);
    add(t, &n, "standing_orders", PK_LIMIT_STANDING, standing_count(a), a->respond.standings.high_count,
        a->respond.standings.refused_count, sizeof a->respond.standings);
    add(t, &n, "silences", PK_LIMIT_SILENCES, a->incidents.silences.count, a->incidents.silences.high_count,
        a->incidents.silences.refused_count, sizeof a->incidents.silences);
    add_known(t, &n, "capsules", PK_LIMIT_CAPSULES, capsules_used(a),
              a->capsules.evicted_count + a->capsule.missed_count, sizeof a->capsules + sizeof a->capsule);
    add_known(t, &n, "maintenance_tasks", PK_LIMIT_TASKS, a->config.tasks.count, 0, sizeof a->tasks);
    add_known(t, &n, "rule_cards", PK_LIMIT_RULES, a->incidents.cards.count, a->incidents.cards.refused_count,
              sizeof a->incidents.cards);
    add_known(t, &n, "changes", PK_LIMIT_CHANGES, a->incidents.changes.count, 0, sizeof a->incidents.changes);
    add_known(t, &n, "topology", PK_LIMIT_TOPOLOGY_NODES, a->topology[a->topology_index].count, 0,
              sizeof a->topology);
    add_known(t, &n, "timeline", PK_LIMIT_TIMELINE, a->incidents.timeline.count,
              a->incidents.timeline.lost_count, sizeof a->incidents.timeline);
    add_known(t, &n, "actions", PK_LIMIT_ACTIONS, actions->count, 0, sizeof a->actions);
    add(t, &n, "action_runs", PK_LIMIT_RUNS, runs_used(&a->respond), a->high.runs, a->respond.full_count,
        sizeof a->respond - sizeof a->respond.budget - sizeof a->respond.standings);
    add(t, &n, "action_budgets", PK_LIMIT_BUDGETS, a->respond.budget.used_count, a->high.budgets,
        a->respond.budget.full_count, sizeof a->respond.budget);
    return add_links(a, t, n);
}

void pk_agent_print_budget(struct pk_agent *a, struct pk_buf *out) {
    struct pk_agent_table *t = a->summary.rows;
    const uint32_t n = pk_agent_tables(a, t);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += t[i].bytes;
        pk_buf_puts(out, t[i].name);
        for (size_t k = strlen(t[i].name); k < 20; k++) {
            pk_buf_putc(out, ' ');
        }
        pk_buf_puts(out, " capacity ");
        pk_buf_put_u64(out, t[i].capacity);
        pk_buf_puts(out, ", ");
        pk_buf_put_u64(out, t[i].bytes);
        pk_buf_puts(out, " bytes\n");
    }
    pk_buf_puts(out, "tables together ");
    pk_buf_put_u64(out, sum);
    pk_buf_puts(out, " bytes; agent state ");
    pk_buf_put_u64(out, sizeof *a);
    pk_buf_puts(out, " of at most ");
    pk_buf_put_u64(out, PK_AGENT_RAM_MAX);
    pk_buf_puts(out, " bytes\n");
}

void pk_agent_print_rule_prices(struct pk_agent *a, struct pk_buf *out) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < pk_engine_rule_count(&a->engine); i++) {
        const struct pk_rule *r = pk_engine_rule(&a->engine, i);
        const uint32_t bytes = pk_rule_price_bytes(r);
        sum += bytes;
        pk_buf_puts(out, "rule ");
        pk_buf_put_str(out, pk_engine_str(&a->engine, r, r->id));
        pk_buf_puts(out, ": at most ");
        pk_buf_put_u64(out, bytes);
        pk_buf_puts(out, " bytes of windows\n");
    }
    pk_buf_puts(out, "rules together at most ");
    pk_buf_put_u64(out, sum);
    pk_buf_puts(out, " bytes of windows\n");
}

uint32_t pk_agent_actions_crc(const struct pk_agent *a) {
    return pk_agent_actions(a)->crc;
}

/* ---- summary ---- */

static void summarise_losses(const struct pk_agent *a, struct pk_agent_summary *s) {
    for (uint32_t i = 0; s->summary.loss_count < PK_COUNT_OF(s->losses); i++) {
        const struct pk_loss *l = pk_ledger_at(&a->intake.ledger, i);
        if (l == NULL) {
            return;
        }
        s->ledger_count++;
        s->losses[s->summary.loss_count++] = (struct pk_summary_loss){
            .source = pk_str_of(
                l->source_id == PK_LEDGER_NO_SOURCE ? "" : pk_sources_name(&a->intake.sources, l->source_id)),
            .reason = pk_loss_reason_word((enum pk_loss_reason)l->reason),
            .from = l->from,
            .to = l->to,
            .count = l->count};
    }
}

/* Entries for the hub that were dropped are lost like events: from and to are their sequence numbers. */
static void summarise_outbox_losses(const struct pk_agent *a, struct pk_agent_summary *s) {
    for (uint32_t i = 0; i < PK_OUTBOX_LOSS_COUNT; i++) {
        const struct pk_outbox_loss *l = &a->outbox.losses[i];
        if (l->count == 0 || s->summary.loss_count == PK_COUNT_OF(s->losses)) {
            continue;
        }
        s->losses[s->summary.loss_count++] =
            (struct pk_summary_loss){.source = pk_str_of("outbox"),
                                     .reason = pk_outbox_loss_word((enum pk_outbox_loss_reason)i),
                                     .from = l->first_seq,
                                     .to = l->last_seq,
                                     .count = l->count};
    }
    if (pk_agent_audit_lost(a) > 0 && s->summary.loss_count < PK_COUNT_OF(s->losses)) {
        s->losses[s->summary.loss_count++] = (struct pk_summary_loss){
            .source = pk_str_of("audit"), .reason = "audit_no_room", .count = pk_agent_audit_lost(a)};
    }
    /* Said as what a budget holds back is: nothing of it is lost, and it explains what the hub misses. */
    if (a->incidents.owed_count > 0 && s->summary.loss_count < PK_COUNT_OF(s->losses)) {
        s->losses[s->summary.loss_count++] = (struct pk_summary_loss){
            .source = pk_str_of("outbox"), .reason = "outbox_owed", .count = a->incidents.owed_count};
    }
}

static void summarise_types_and_actions(const struct pk_agent *a, struct pk_agent_summary *s) {
    const struct pk_action_table *actions = pk_agent_actions(a);
    for (uint8_t i = 0; i < PK_INC_TYPE_COUNT; i++) {
        uint32_t count = 0;
        for (unsigned k = 0; k < PK_SEV_COUNT; k++) {
            count += a->incidents.metrics.opened[i][k];
        }
        if (count > 0) {
            s->types[s->summary.type_count++] =
                (struct pk_summary_type){.type = pk_str_of(pk_incident_type_word(i)), .count = count};
        }
    }
    for (uint32_t i = 0; i < actions->count; i++) {
        const struct pk_respond_count *c = &a->respond.counts[i];
        if (c->ok + c->failed > 0) {
            s->actions[s->summary.action_count++] = (struct pk_summary_action){
                .action = pk_str_of(actions->rows[i].name), .ok = c->ok, .failed = c->failed};
        }
    }
}

void pk_agent_summary(struct pk_agent *a, struct pk_agent_summary *s) {
    struct pk_agent_table *t = s->rows;
    struct pk_store_status store;
    struct pk_summary *m = &s->summary;
    memset(s, 0, sizeof *s);
    m->from_wall_ms = a->summary_from_wall_ms;
    m->to_wall_ms = a->now.wall_ms;
    pk_incidents_count(&a->incidents, m->by_status, m->by_severity);
    summarise_types_and_actions(a, s);
    pk_agent_budgets_summarise(a, s);
    summarise_outbox_losses(a, s);
    summarise_losses(a, s);
    m->types = s->types;
    m->actions = s->actions;
    m->losses = s->losses;
    m->tables = s->tables;
    m->mttd = &a->incidents.metrics.metric[PK_MTTD];
    m->mtta = &a->incidents.metrics.metric[PK_MTTA];
    m->mttr = &a->incidents.metrics.metric[PK_MTTR];
    if (a->witness.table.has_key) {
        m->neighbours = s->neighbours;
        m->neighbour_count = pk_agent_witness_list(a, s->neighbours);
    }
    const uint32_t count = pk_agent_tables(a, t);
    for (uint32_t i = 0; i < count; i++) { /* what has never been used or dropped says nothing */
        if ((t[i].high == 0 || t[i].is_known) && t[i].drops == 0) {
            continue;
        }
        s->tables[m->table_count++] = (struct pk_summary_table){
            .name = t[i].name, .capacity = t[i].capacity, .high = t[i].high, .drops = t[i].drops};
    }
    a->port->store.status(a->port->store.ctx, &store);
    m->store_map_bytes = store.map_bytes;
    m->store_used_bytes = store.used_bytes;
    m->store_written_bytes = store.written_bytes;
    m->outbox_count = pk_outbox_depth(&a->outbox);
    m->outbox_bytes = pk_outbox_bytes(&a->outbox);
    m->audit_n = a->durable_head.n;
    memcpy(m->audit_head, a->durable_head.hash, sizeof m->audit_head);
    m->rules_hash = a->rules_hash;
    m->seal_bits = a->start.seal_bits;
    m->time_quality = a->now.quality;
}
