/* What is kept: restored at start, and every change of a tick as one batch (DESIGN 11). */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "base/pk_batch.h"

enum {
    TIMELINE_RESTORE = 400, /* log entries read back for `--timeline` */
    OBJECT_OP_BYTES = PK_STORE_VALUE_BYTES + 64,
    INCIDENT_OP_BYTES = 2 * OBJECT_OP_BYTES, /* object and outbox entry */
    BUDGET_OP_BYTES = PK_BUDGET_VALUE_BYTES + 64,
    META_OP_BYTES = PK_RECORD_META_BYTES + 64,
    DELETE_OP_BYTES = 32,
    TRIM_SLICE = 8,
    NUMBERS_AHEAD = PK_LIMIT_INCIDENTS,
    /* What deletes is never crowded out by what adds: a full store only gets well by deleting. */
    SESSION_OP_BYTES = PK_RECORD_SESSION_BYTES + 64,
    RESERVE_BYTES = META_OP_BYTES + SESSION_OP_BYTES * PK_LINKS +
                    DELETE_OP_BYTES * (PK_LIMIT_OUTBOX_SLOTS + PK_OUTBOX_GONE + TRIM_SLICE),
    TRIM_FROM_PCT = 70,     /* of the store's map: from here on the log gives way (DESIGN 11) */
    TRIM_KEEP_LEAST = 256,  /* entries; beyond them the outbox gives way */
    FLOOR_CARRY_MS = 300000 /* with what is written anyway, the clock's floor is saved so often (ADR 0089) */
};

bool pk_agent_batch_has_room(const struct pk_agent *a, uint32_t bytes) {
    return a->batch.cap_bytes - a->batch.n >= bytes + a->audit_reserve + RESERVE_BYTES;
}

static int put(struct pk_agent *a, const struct pk_record_key *key, const uint8_t *value, uint32_t n) {
    return pk_batch_put(&a->batch, PK_TREE_OBJECTS, pk_record_key_str(key),
                        pk_str_make((const char *)value, n));
}

_Static_assert((int)PK_META_LOSSES == (int)PK_OUTBOX_LOSS_COUNT, "each reason has its count in the store");

/* What the outbox dropped is counted in the batch that deletes it: after a crash it is either there, or gone
 * and counted. */
static void keep_losses(struct pk_agent *a) {
    for (uint32_t i = 0; i < PK_META_LOSSES; i++) {
        const struct pk_outbox_loss *l = &a->outbox.losses[i];
        struct pk_meta_loss *m = &a->meta.losses[i];
        if (l->count != m->count) {
            *m = (struct pk_meta_loss){l->count, l->first_seq, l->last_seq};
            a->is_meta_dirty = true;
        }
    }
}

static void restore_losses(struct pk_agent *a) {
    for (uint32_t i = 0; i < PK_META_LOSSES; i++) {
        const struct pk_meta_loss *m = &a->meta.losses[i];
        struct pk_outbox_loss *l = &a->outbox.losses[i];
        l->count = m->count;
        l->first_seq = m->first_seq;
        l->last_seq = m->last_seq;
    }
}

static void put_meta(struct pk_agent *a) {
    uint8_t bytes[PK_RECORD_META_BYTES];
    struct pk_record_key key;
    a->meta.boot = a->now.boot;
    /* Ahead of what is used: a number that was seen in the moment before a crash is not given again. */
    a->meta.next_incident_number = a->incidents.next_number + (a->is_stopping ? 0u : NUMBERS_AHEAD);
    pk_audit_log_meta(&a->audit, &a->meta);
    pk_agent_budgets_meta(a);
    const uint32_t n = pk_record_meta_pack(&a->meta, bytes, sizeof bytes);
    pk_record_key_meta(&key);
    a->is_meta_dirty = put(a, &key, bytes, n) < 0;
}

/* ---- restore ---- */

struct restore {
    struct pk_agent *a;
    bool wants_open; /* first pass: open incidents, so that they never miss room */
    uint32_t schema;
    uint32_t bad_count;
    bool are_ids_lost;   /* of used commands, some or all */
    bool is_doubtful;    /* what cannot be read may have held something back */
    uint32_t rule_bytes; /* texts of stored rules read so far */
};

static int restore_meta(void *arg, struct pk_str key, struct pk_str value) {
    struct restore *r = arg;
    if (pk_str_eq_c(key, "schema")) {
        return value.n > 0 ? pk_record_schema_unpack(value, &r->schema) : PK_OK;
    }
    if (pk_str_eq_c(key, "meta") && pk_record_meta_unpack(value, &r->a->meta) < 0) {
        r->bad_count++;
        r->is_doubtful = r->are_ids_lost = true;
    }
    return PK_OK;
}

/* What is only lost is let go, with the batch that says so: else it would be damage anew at every start. A
 * budget that is spent, a switch that is off and a key that is revoked stay, until that record is written
 * anew. Full or of later software is not unreadable. */
static void lose(struct restore *r, struct pk_str key, int err) {
    const char kind = key.p[0];
    const bool is_kept = kind == 'b' || kind == 'w' || kind == 'k';
    r->bad_count++;
    r->are_ids_lost = r->are_ids_lost || kind == 'j';
    r->is_doubtful = r->is_doubtful || kind == 'b' || kind == 'j'; /* a command may come a second time */
    if (!is_kept && err != PK_E_FULL && err != PK_E_UNSUPPORTED && err != PK_E_TOO_BIG &&
        pk_agent_batch_has_room(r->a, DELETE_OP_BYTES)) {
        const int deleted = pk_batch_delete(&r->a->batch, PK_TREE_OBJECTS, key);
        PK_ASSERT(deleted == PK_OK); /* room was checked */
    }
}

static int restore_incident(struct restore *r, struct pk_str key, struct pk_str value) {
    struct pk_agent *a = r->a;
    const int bad = pk_record_incident_unpack(value, &a->incident);
    if (bad < 0) {
        if (r->wants_open) {
            lose(r, key, bad);
        }
        return PK_OK;
    }
    const bool is_open = pk_incident_status_is_active(a->incident.status);
    if (is_open != r->wants_open) {
        return PK_OK;
    }
    pk_agent_correct_incident(a, &a->incident);
    const int err = pk_incidents_restore(&a->incidents, &a->incident, &a->now);
    if (err < 0 && err != PK_E_FULL) {
        lose(r, key, err);
    }
    return PK_OK;
}

static int restore_object(void *arg, struct pk_str key, struct pk_str value) {
    struct restore *r = arg;
    struct pk_agent *a = r->a;
    if (key.n == 5 && key.p[0] == 'i') {
        return restore_incident(r, key, value);
    }
    if (r->wants_open) {
        if (key.n == 3 && key.p[0] == 'l') {
            pk_agent_learned_clock(a, value);
        }
        return PK_OK;
    }
    int err = PK_OK;
    if (key.n == 9 && key.p[0] == 'r') {
        err = pk_respond_restore(&a->respond, value, &a->now);
    }
    if (key.n > 1 && key.p[0] == 'b') {
        err = pk_budget_restore(&a->respond.budget, value, &a->now);
    }
    if (key.n == PK_STANDING_KEY_BYTES && key.p[0] == 'o') {
        err = pk_standings_restore(&a->respond.standings, value);
    }
    if (key.n == PK_SWITCH_KEY_BYTES && key.p[0] == 'w') {
        err = pk_agent_switch_restore(a, key, value);
    }
    if (key.n == PK_TASK_KEY_BYTES && key.p[0] == 't') {
        err = pk_tasks_restore(&a->tasks.table, &a->config.tasks, key, value);
        err = err == PK_E_NOT_FOUND ? PK_OK : err; /* a row that is no more */
    }
    if (key.n == 5 && key.p[0] == 's') {
        err = pk_agent_silences_restore(a, value);
    }
    if (key.n == 5 && key.p[0] == 'c') {
        err = pk_agent_card_restore(a, value);
    }
    if (key.n == 2 && key.p[0] == 'k') {
        err = pk_agent_keys_restore(a, key, value);
    }
    if (key.n == 9 && key.p[0] == 'j') {
        err = pk_replay_load(&a->gate.replay, value);
    }
    if (key.n == 9 && key.p[0] == 'u') {
        err = pk_agent_rules_restore(a, value, &r->rule_bytes);
        if (err < 0) {
            pk_agent_log(a, PK_LOG_ERROR, "a rule made at run time could not be read and is not in force");
        }
    }
    if (err < 0) {
        lose(r, key, err);
    }
    return PK_OK;
}

/* The rules are complete only when all other objects were read. */
static int restore_learned(void *arg, struct pk_str key, struct pk_str value) {
    struct restore *r = arg;
    uint16_t row = 0;
    if (pk_record_key_learned_parse(key, &row) < 0) {
        return PK_E_NOT_FOUND;
    }
    pk_agent_learned_restore(r->a, row, value);
    return PK_OK;
}

static int restore_capsule(void *arg, struct pk_str key, struct pk_str value) {
    const struct restore *r = arg;
    return pk_agent_capsule_restore(r->a, key, value);
}

static int restore_timeline(void *arg, struct pk_str key, struct pk_str value) {
    struct restore *r = arg;
    struct pk_log_record record;
    struct pk_audit_entry entry;
    uint64_t n = 0;
    if (pk_record_key_log_parse(key, &n) < 0) {
        return PK_E_NOT_FOUND;
    }
    if (n > r->a->meta.log_checkpoint.n) {
        const int err = pk_audit_log_load(&r->a->audit, key, value);
        if (err == PK_E_NOT_FOUND) {
            return err;
        }
    }
    if (pk_record_log_unpack(value, &record) < 0 || record.incident_number == 0 ||
        pk_audit_entry_parse(record.json, &entry) < 0) {
        return PK_OK;
    }
    struct pk_timeline_entry t = {.incident = record.incident_number,
                                  .at = entry.at,
                                  .severity = entry.severity,
                                  .source = PK_TL_BY_AGENT,
                                  .kind = PK_TL_RESTORED};
    for (uint8_t k = 0; k < PK_TL_KIND_COUNT; k++) {
        if (pk_str_eq_c(pk_str_of(entry.kind), pk_timeline_kind_word(k))) {
            t.kind = k;
        }
    }
    for (uint8_t s = 0; s < PK_TL_SOURCE_COUNT; s++) {
        if (pk_str_eq_c(pk_str_of(entry.who), pk_timeline_source_word(s))) {
            t.source = s;
        }
    }
    (void)pk_str_copy_cut(pk_str_of(entry.text), t.text, sizeof t.text);
    (void)pk_timeline_add(&r->a->incidents.timeline, &t);
    return PK_OK;
}

static int restore_outbox(void *arg, struct pk_str key, struct pk_str value) {
    struct restore *r = arg;
    const int err = pk_outbox_load(&r->a->outbox, key, value);
    if (err == PK_E_BAD_MSG) {
        r->bad_count++;
    }
    return err == PK_E_NOT_FOUND ? err : PK_OK;
}

uint64_t pk_agent_lasted_ms(const struct pk_agent *a, const struct pk_incident *i) {
    uint64_t ms = 0;
    const bool is_one_clock = i->detected.quality >= PK_TIME_NTP || i->detected.quality == a->now.quality;
    const bool is_known =
        is_one_clock && i->flap_count == 0 && pk_stamp_elapsed_ms(&i->detected, &a->now, &ms);
    return is_known ? ms : 0u;
}

const char *pk_agent_adopt(struct pk_agent *a, int rule, const struct pk_incident *i) {
    if (rule < 0) {
        return "its rule is gone: a person has to end it";
    }
    if (!pk_engine_rule_status(&a->engine, (uint32_t)rule)->is_enabled) {
        return "its rule is disabled: a person has to end it";
    }
    /* A source group is known by the number of its name, which this start may not have given yet. */
    if (pk_engine_rule(&a->engine, (uint32_t)rule)->group == PK_GROUP_SOURCE &&
        pk_sources_intern(&a->intake.sources, pk_str_of(i->group_key)) < 0) {
        return "no room for its source to be watched for its end";
    }
    const int err = pk_engine_adopt(&a->engine, (uint32_t)rule, pk_str_of(i->group_key),
                                    (enum pk_severity)i->severity, pk_agent_lasted_ms(a, i), a->now.mono_ms);
    return err < 0 ? "its rule has no room to watch for its end" : NULL;
}

/* The rules that opened what is still open must watch for its end. */
static void adopt_open_incidents(struct pk_agent *a) {
    uint32_t cursor = 0;
    const struct pk_incident *i = NULL;
    while ((i = pk_incidents_next_unconfirmed(&a->incidents, &cursor)) != NULL) {
        const char *why_not = pk_agent_adopt(a, pk_engine_find_rule(&a->engine, pk_str_of(i->rule_id)), i);
        char text[96];
        struct pk_buf b;
        pk_buf_init(&b, text, sizeof text);
        pk_buf_puts(&b, "Picket restarted; ");
        pk_buf_puts(&b, why_not != NULL ? why_not : "waiting for the rule to speak");
        pk_incidents_remark(&a->incidents, i->number, PK_TL_RESTORED, PK_TL_BY_AGENT, pk_buf_str(&b),
                            &a->now);
        if (why_not != NULL) {
            pk_agent_log1(a, PK_LOG_WARNING, why_not, pk_str_of(i->id));
        }
    }
}

static int walk(struct pk_agent *a, enum pk_tree tree, const char *from, uint32_t from_bytes,
                pk_store_visit *visit, struct restore *r) {
    const int err = a->port->store.load(a->port->store.ctx, tree, pk_str_make(from, from_bytes), visit, r);
    return err == PK_E_NOT_FOUND ? PK_OK : err; /* the end of one sort of key */
}

static void open_modules(struct pk_agent *a) {
    struct pk_incidents_settings incidents;
    pk_agent_apply_settings(a);
    pk_agent_incident_settings(a, &incidents);
    pk_incidents_init(&a->incidents, &a->port->crypto, pk_str_of(a->config.gateway), a->now.boot, &incidents);
    pk_incidents_set_next_number(&a->incidents, a->meta.next_incident_number);
    struct pk_respond_settings settings;
    pk_respond_settings_defaults(&settings);
    pk_respond_init(&a->respond, pk_agent_actions(a), &a->incidents, a->now.boot, &settings);
    if (a->start.last_exit == (uint32_t)PK_EXIT_STORE << 8) { /* a wait status */
        pk_respond_doubt(&a->respond);
    }
    pk_respond_set_topology(&a->respond, pk_agent_topology(a));
    pk_agent_respond_configure(a, a->config.mode);
    pk_audit_log_init(&a->audit, &a->port->crypto, a->meta.boot == 0 ? NULL : &a->meta);
    pk_outbox_init(&a->outbox, a->now.boot, a->config.store_map_bytes / 2);
    pk_agent_hub_configure(a);
    restore_losses(a);
    pk_agent_budgets_restore(a);
    pk_command_init(&a->gate, &a->command_config);
}

static int restore_journal(struct pk_agent *a, struct restore *r) {
    struct pk_record_key key;
    const uint64_t checkpoint = a->meta.log_checkpoint.n;
    uint64_t from = checkpoint > TIMELINE_RESTORE ? checkpoint - TIMELINE_RESTORE : 1;
    if (from <= a->meta.log_base.n) {
        from = a->meta.log_base.n + 1;
    }
    pk_record_key_log(&key, from);
    int err = walk(a, PK_TREE_JOURNAL, (const char *)key.bytes, key.n, restore_timeline, r);
    struct pk_timeline_entry discard;
    while (pk_timeline_next_new(&a->incidents.timeline, &discard) == PK_OK) {
    } /* they are in the journal already */
    a->incidents.timeline.lost_count = 0;
    if (err == PK_OK) {
        err = walk(a, PK_TREE_JOURNAL, "O", 1, restore_outbox, r);
    }
    return err;
}

int pk_agent_restore(struct pk_agent *a) {
    struct restore r = {.a = a, .wants_open = true};
    int err = walk(a, PK_TREE_OBJECTS, "", 0, restore_meta, &r);
    if (err < 0) {
        return err;
    }
    if (r.schema > PK_SCHEMA_VERSION) {
        return PK_E_UNSUPPORTED;
    }
    open_modules(a);
    err = restore_journal(a, &r); /* first: what restoring has to say comes after what was said before */
    a->durable_head = a->audit.head;
    if (err == PK_OK) {
        err = walk(a, PK_TREE_OBJECTS, "", 0, restore_object, &r);
    }
    r.wants_open = false;
    if (err == PK_OK) {
        err = walk(a, PK_TREE_OBJECTS, "", 0, restore_object, &r);
    }
    if (err < 0) {
        return err;
    }
    /* What could not be read, or was moved aside, may have been a spent counter. */
    if (r.is_doubtful || a->start.is_store_moved_aside) {
        pk_budget_distrust(&a->respond.budget, &a->now);
        pk_agent_log(a, PK_LOG_ERROR,
                     "stored records could not be read; action budgets count as spent for an hour");
    } else if (r.bad_count > 0) {
        pk_agent_log(a, PK_LOG_ERROR, "stored records could not be read; what they said is lost");
    }
    if (r.are_ids_lost || a->start.is_store_moved_aside) {
        a->meta.ids_from_s = PK_META_IDS_LOST;
    }
    pk_agent_switches_apply(a);
    pk_agent_keys_apply(a, &a->keys[a->keys_index]);
    pk_agent_rules_restored(a, r.rule_bytes);
    pk_agent_learned_begin(a);
    err = walk(a, PK_TREE_OBJECTS, "l", 1, restore_learned, &r);
    if (err < 0) {
        return err;
    }
    pk_agent_learned_restored(a);
    err = walk(a, PK_TREE_OBJECTS, "f", 1, restore_capsule, &r);
    if (err < 0) {
        return err;
    }
    pk_agent_budgets_configure(a);
    pk_agent_upload_restored(a);
    adopt_open_incidents(a);
    pk_correlate_rebind(&a->incidents, pk_agent_topology(a));
    if (r.schema <
        PK_SCHEMA_VERSION) { /* new, or of earlier software: what is written from now on it could not read */
        uint8_t bytes[16];
        struct pk_record_key key;
        pk_record_key_schema(&key);
        (void)put(a, &key, bytes, pk_record_schema_pack(PK_SCHEMA_VERSION, bytes, sizeof bytes));
    }
    put_meta(a);
    if (r.bad_count > 0) {
        pk_agent_report_damage(a, "store",
                               r.is_doubtful
                                   ? "Stored records cannot be read: action budgets count as spent for an "
                                     "hour, and what the others said is lost"
                                   : "Stored records cannot be read: what they said is lost");
    }
    return PK_OK;
}

/* ---- journal ---- */

static void append_audit(struct pk_agent *a, struct pk_audit_entry *e) {
    if (!pk_agent_batch_has_room(a, PK_AGENT_AUDIT_OP_BYTES) ||
        pk_audit_log_append(&a->audit, &a->batch, e) < 0) {
        a->counters.batch_full++;
        a->counters.audit_lost++;
        pk_agent_log1(a, PK_LOG_ERROR, "no room for an audit entry", pk_str_of(e->text));
        return;
    }
    a->is_meta_dirty = a->is_meta_dirty || a->audit.head.n - a->meta.log_checkpoint.n >= TIMELINE_RESTORE / 2;
}

void pk_agent_audit(struct pk_agent *a, uint32_t incident, const char *kind, const char *who,
                    struct pk_str text) {
    pk_agent_audit_at(a, &a->now, incident, kind, who, text);
}

void pk_agent_audit_at(struct pk_agent *a, const struct pk_stamp *at, uint32_t incident, const char *kind,
                       const char *who, struct pk_str text) {
    struct pk_audit_entry e = {.at = *at, .incident_number = incident};
    (void)pk_str_copy_cut(pk_str_of(kind), e.kind, sizeof e.kind);
    (void)pk_str_copy_cut(pk_str_of(who), e.who, sizeof e.who);
    (void)pk_str_copy_cut(text, e.text, sizeof e.text);
    append_audit(a, &e);
}

static void journal_timeline(struct pk_agent *a) {
    struct pk_timeline_entry t;
    while (pk_agent_batch_has_room(a, PK_AGENT_AUDIT_OP_BYTES) &&
           pk_timeline_next_new(&a->incidents.timeline, &t) == PK_OK) {
        if (pk_agent_budget_skips_line(a, &t)) {
            pk_agent_watch_timeline(a, &t);
            continue;
        }
        struct pk_audit_entry e = {.at = t.at, .incident_number = t.incident, .severity = t.severity};
        (void)pk_str_copy_cut(pk_str_of(pk_timeline_kind_word(t.kind)), e.kind, sizeof e.kind);
        (void)pk_str_copy_cut(pk_str_of(pk_timeline_source_word(t.source)), e.who, sizeof e.who);
        (void)pk_str_copy_cut(pk_str_of(t.text), e.text, sizeof e.text);
        append_audit(a, &e);
        pk_agent_watch_timeline(a, &t);
    }
}

static int put_incident(struct pk_agent *a, const struct pk_incident *i) {
    struct pk_record_key key;
    uint8_t *value = (uint8_t *)a->payload; /* scratch: the batch copies */
    pk_record_key_incident(&key, i->number);
    return put(a, &key, value, pk_record_incident_pack(i, value, PK_STORE_VALUE_BYTES));
}

/* What finds no room is owed, and stored so with the incident itself (src/decisions/0020). */
static int queue_incident(struct pk_agent *a, const struct pk_incident_change *c) {
    const struct pk_incident *i = c->incident;
    const bool was_owed = i->owes_report;
    uint8_t *body = (uint8_t *)a->payload;
    uint64_t seq = 0;
    const bool is_open = pk_incident_status_is_active(i->status);
    if (was_owed) {
        pk_incidents_owe(&a->incidents, i->number, false);
    }
    const uint32_t n = pk_record_incident_pack(i, body, PK_OUTBOX_BODY_BYTES);
    const struct pk_out_record record = {.kind = PK_OUT_INCIDENT,
                                         .severity = i->severity,
                                         .is_open = is_open,
                                         .then_clear = !is_open,
                                         .is_late = c->kinds == PK_INC_CHANGED_OWED,
                                         .subject = i->number,
                                         .rev = i->rev,
                                         .wall_ms = a->now.wall_ms,
                                         .unsure_mono_ms = a->now.quality < PK_TIME_NTP ? a->now.mono_ms : 0,
                                         .id = pk_str_of(i->id),
                                         .body = pk_str_make((const char *)body, n)};
    const int err = pk_outbox_append(&a->outbox, &a->batch, &record, &seq);
    if (err == PK_E_AGAIN || (err == PK_E_FULL && was_owed)) {
        pk_incidents_owe(&a->incidents, i->number, true);
    }
    /* The object is kept all the same; what is not owed is counted by the outbox. */
    return err == PK_E_AGAIN || err == PK_E_NO_SPACE ? PK_OK : err;
}

/* What had to leave the table before it was told is lost, and counted where it would have been. */
static void count_owed_lost(struct pk_agent *a) {
    uint8_t severity = 0;
    while (pk_incidents_next_owed_lost(&a->incidents, &severity) == PK_OK) {
        pk_outbox_lost(&a->outbox, severity);
    }
}

static int store_change(struct pk_agent *a, const struct pk_incident_change *c) {
    if ((c->kinds & PK_INC_CHANGED_REMOVED) != 0) {
        struct pk_record_key key;
        pk_record_key_incident(&key, c->number);
        count_owed_lost(a);
        pk_budget_forget_incident(&a->respond.budget, c->number);
        return pk_batch_delete(&a->batch, PK_TREE_OBJECTS, pk_record_key_str(&key));
    }
    if (pk_agent_budget_skips(a, c->incident, c->kinds)) {
        pk_agent_watch_incident(a, c->incident, c->kinds);
        return PK_OK;
    }
    int err = queue_incident(a, c);
    if (err == PK_OK) {
        err = put_incident(a, c->incident);
    }
    if ((c->kinds & PK_INC_CHANGED_CREATED) != 0) {
        a->is_meta_dirty = true;
        pk_agent_metrics_opened(a, c->incident);
    }
    pk_agent_watch_incident(a, c->incident, c->kinds);
    return err;
}

/* False: no room in the batch. */
static bool keep_change(struct pk_agent *a, const struct pk_incident_change *c) {
    pk_agent_shown_changed(a);
    if (store_change(a, c) < 0) {
        pk_incidents_put_back(&a->incidents, c);
        a->counters.batch_full++;
        return false;
    }
    return true;
}

static void journal_incidents(struct pk_agent *a) {
    struct pk_incident_change c;
    if (a->incidents.owed_count > 0) {
        pk_incidents_bring_owed(&a->incidents, pk_outbox_room(&a->outbox));
    }
    while (pk_agent_batch_has_room(a, INCIDENT_OP_BYTES) &&
           pk_incidents_next_change(&a->incidents, &c) == PK_OK && keep_change(a, &c)) {
    }
}

/* What acting needs, and no more: the store lives on the room it had set aside (ADR 0097). An incident comes
 * with the intent of its first run, so that a crash forgets neither. What else changed waits where it is. */
static void journal_acting(struct pk_agent *a) {
    struct pk_incident_change c;
    uint32_t after = 0;
    const struct pk_run *run = NULL;
    while (pk_incidents_has_changes(&a->incidents) && pk_agent_batch_has_room(a, INCIDENT_OP_BYTES) &&
           (run = pk_respond_next(&a->respond, 0, &after)) != NULL) {
        if (run->is_intent && pk_incidents_next_change_of(&a->incidents, run->incident, &c) == PK_OK &&
            !keep_change(a, &c)) {
            break;
        }
    }
    /* Numbers run on, also those of incidents that are not stored. */
    const uint32_t next = a->incidents.next_number, said = a->meta.next_incident_number;
    a->is_meta_dirty = a->is_meta_dirty || next > said || (next == said && !a->is_stopping);
    (void)pk_agent_journal_budgets(a);
    (void)pk_agent_journal_standings(a);
    pk_agent_journal_switches(a);
}

/* False: some counters found no room. */
bool pk_agent_journal_budgets(struct pk_agent *a) {
    struct pk_budget_record r;
    while (pk_agent_batch_has_room(a, BUDGET_OP_BYTES)) {
        if (pk_budget_next_dirty(&a->respond.budget, &r) != PK_OK) {
            return true;
        }
        const struct pk_str key = pk_str_make((const char *)r.key, r.key_bytes);
        const int err = r.value_bytes == 0 ? pk_batch_delete(&a->batch, PK_TREE_OBJECTS, key)
                                           : pk_batch_put(&a->batch, PK_TREE_OBJECTS, key,
                                                          pk_str_make((const char *)r.value, r.value_bytes));
        PK_ASSERT(err == PK_OK); /* room was checked */
    }
    return false;
}

static uint64_t log_keep_count(const struct pk_agent *a, const struct pk_store_status *s) {
    const uint64_t kept = a->audit.head.n - a->audit.base.n;
    if (s->used_bytes < s->map_bytes / 100 * TRIM_FROM_PCT || kept < TRIM_KEEP_LEAST + TRIM_SLICE) {
        return a->config.journal_keep_count;
    }
    return kept - TRIM_SLICE < a->config.journal_keep_count ? kept - TRIM_SLICE
                                                            : a->config.journal_keep_count;
}

static void trim_fetched(struct pk_agent *a, uint64_t keep_count) {
    const struct pk_port_store *s = &a->port->store;
    uint32_t bytes = 0, at = 0;
    struct pk_str key, value;
    const int count = s->fetched(s->ctx, &bytes);
    if (count == PK_E_AGAIN) {
        return;
    }
    a->is_trim_fetching = false;
    while (count > 0 && pk_fetch_next(a->trim_bytes, bytes, &at, &key, &value) == PK_OK) {
        if (pk_audit_log_trim(&a->audit, &a->batch, keep_count, key, value) < 0) {
            break;
        }
        a->is_meta_dirty = true;
    }
}

/* Oldest log entries beyond what is kept, a few at a time. */
static void trim_fetch(struct pk_agent *a, uint64_t keep_count) {
    const struct pk_port_store *s = &a->port->store;
    struct pk_record_key from, to;
    if (a->outbox.is_fetching || a->audit_page.state == PK_AUDIT_PAGE_READING ||
        pk_audit_log_excess(&a->audit, keep_count) < TRIM_SLICE) {
        return;
    }
    a->audit_page.state = PK_AUDIT_PAGE_NONE; /* its bytes are taken */
    struct pk_store_fetch f = {.tree = PK_TREE_JOURNAL,
                               .max_records = TRIM_SLICE,
                               .out = a->trim_bytes,
                               .out_cap_bytes = sizeof a->trim_bytes};
    /* Whatever gap lost entries left: the oldest that are there. */
    pk_record_key_log(&from, a->audit.base.n + 1);
    pk_record_key_log(&to, a->audit.head.n + 1);
    memcpy(f.from, from.bytes, from.n);
    memcpy(f.to, to.bytes, to.n);
    f.from_bytes = (uint8_t)from.n;
    f.to_bytes = (uint8_t)to.n;
    a->is_trim_fetching = s->fetch(s->ctx, &f) == PK_OK;
}

/* A full map: nothing is added until deleting made room, first of the log, then of what the hub has waited
 * for longest. Before anything is added again: the cap that made room is none for what comes then. */
static void limit_outbox(struct pk_agent *a, const struct pk_store_status *s) {
    const bool is_log_at_least =
        s->is_map_full && pk_audit_log_excess(&a->audit, log_keep_count(a, s)) < TRIM_SLICE;
    const uint64_t cap_bytes = a->config.store_map_bytes / 2;
    const uint64_t held_bytes = is_log_at_least ? pk_outbox_bytes(&a->outbox) : cap_bytes;
    a->outbox.cap_bytes = held_bytes < cap_bytes ? held_bytes : cap_bytes;
}

static void make_room(struct pk_agent *a, const struct pk_store_status *s) {
    const uint64_t keep_count = log_keep_count(a, s);
    if (a->is_trim_fetching) {
        trim_fetched(a, keep_count);
    } else if (a->batch.op_count > 0 || s->is_map_full) {
        trim_fetch(a, keep_count);
    }
}

/* Together and seldom: each is a delete, and alone a commit of its own. */
static void retire_incidents(struct pk_agent *a) {
    enum { AT_ONCE = 16, EACH_MS = 3600000, MORE_MS = 60000 };
    if (a->now.mono_ms < a->retire_due_ms) {
        return;
    }
    const uint32_t count = pk_incidents_retire(&a->incidents, a->config.keep_ended_ms,
                                               a->config.keep_ended_count, AT_ONCE, &a->now);
    a->retire_due_ms = a->now.mono_ms + (count == AT_ONCE ? (uint64_t)MORE_MS : (uint64_t)EACH_MS);
}

/* The first at once, and what is more severe than all before; the others together, ever further apart while
 * it goes on: where there is no room, every event of a storm may find none, and for days. */
static bool is_drop_due(struct pk_agent *a) {
    enum { FIRST_MS = 1000, LAST_MS = 600000 };
    const struct pk_incident_drop *drop = &a->incidents.drop;
    const uint64_t now_ms = a->now.mono_ms;
    uint8_t worst = PK_SEV_COUNT - 1;
    while (worst > 0 && drop->by_severity[worst] == 0) {
        worst--;
    }
    if (a->drop_apart_ms == 0 || now_ms >= a->drop_due_ms + LAST_MS) { /* something new */
        a->drop_apart_ms = FIRST_MS;
        a->drop_worst = worst;
        a->drop_due_ms = now_ms + a->drop_apart_ms;
        return true;
    }
    if (now_ms >= a->drop_due_ms) {
        a->drop_apart_ms = a->drop_apart_ms < LAST_MS / 2 ? a->drop_apart_ms * 2u : (uint32_t)LAST_MS;
        a->drop_due_ms = now_ms + a->drop_apart_ms;
    } else if (worst <= a->drop_worst && !a->is_stopping) {
        return false;
    }
    a->drop_worst = worst > a->drop_worst ? worst : a->drop_worst;
    return true;
}

static void journal_drops(struct pk_agent *a) {
    struct pk_incident_drop drop;
    char text[PK_AUDIT_TEXT_BYTES];
    struct pk_buf b;
    if (a->incidents.drop.count == 0 || !pk_agent_batch_has_room(a, PK_AGENT_AUDIT_OP_BYTES) ||
        !is_drop_due(a) || pk_incidents_next_drop(&a->incidents, &drop) != PK_OK) {
        return;
    }
    pk_buf_init(&b, text, sizeof text);
    for (uint32_t i = 0; i < PK_SEV_COUNT; i++) {
        if (drop.by_severity[i] > 0) {
            pk_buf_puts(&b, pk_severity_word((enum pk_severity)i));
            pk_buf_putc(&b, ' ');
            pk_buf_put_u64(&b, drop.by_severity[i]);
            pk_buf_puts(&b, ", ");
        }
    }
    pk_buf_puts(&b, "last of ");
    pk_buf_puts(&b, drop.rule_id);
    pk_agent_log1(a, PK_LOG_ERROR, "no room for incidents, dropped and counted", pk_buf_str(&b));
    pk_agent_audit(a, 0, "loss", "agent", pk_buf_str(&b));
}

uint64_t pk_agent_audit_lost(const struct pk_agent *a) {
    return a->counters.audit_lost + a->incidents.timeline.lost_count;
}

/* What is missing in the chain is said in the chain. */
static void journal_audit_lost(struct pk_agent *a) {
    char text[PK_AUDIT_TEXT_BYTES];
    struct pk_buf b;
    const uint64_t lost = pk_agent_audit_lost(a);
    if (lost == a->audit_lost_said || !pk_agent_batch_has_room(a, PK_AGENT_AUDIT_OP_BYTES)) {
        return;
    }
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "entries that could not be kept, as the store was behind: ");
    pk_buf_put_u64(&b, lost - a->audit_lost_said);
    pk_agent_audit(a, 0, "loss", "agent", pk_buf_str(&b));
    a->audit_lost_said = lost;
}

static void journal_additions(struct pk_agent *a) {
    journal_audit_lost(a);
    retire_incidents(a);
    journal_drops(a);
    journal_incidents(a);
    journal_timeline(a);
    pk_agent_journal_budgets(a); /* the rest with the next batch */
    (void)pk_agent_journal_standings(a);
    pk_agent_journal_switches(a);
    pk_agent_journal_cards(a);
}

/* Whether what the hub acknowledged is deleted now. Alone it would be a transaction, a flush of the disk and,
 * on flash, pages of its own; so it waits a moment for company. What a crash leaves is sent again, and the
 * hub knows it. */
static bool is_delete_due(struct pk_agent *a, bool is_map_full) {
    enum { ALONE_AFTER_MS = 1000, ALONE_TIGHT_MS = 60000, ALONE_FROM = PK_LIMIT_OUTBOX_SLOTS / 4 };
    const uint32_t count = pk_outbox_flush_count(&a->outbox);
    if (count == 0) {
        a->delete_due_ms = UINT64_MAX;
        return false;
    }
    if (a->delete_due_ms == UINT64_MAX) {
        const bool is_tight = pk_agent_budget_level(a, PK_SPEND_FLASH) >= PK_SPEND_TIGHT;
        a->delete_due_ms = a->now.mono_ms + (is_tight ? (uint64_t)ALONE_TIGHT_MS : (uint64_t)ALONE_AFTER_MS);
    }
    return a->batch.op_count > 0 || a->is_meta_dirty || is_map_full || a->is_stopping ||
           count >= ALONE_FROM || a->now.mono_ms >= a->delete_due_ms;
}

static int delete_acknowledged(struct pk_agent *a, bool is_map_full) {
    if (!is_delete_due(a, is_map_full)) {
        return PK_OK;
    }
    const int err = pk_outbox_flush(&a->outbox, &a->batch);
    a->delete_due_ms = err < 0 ? a->delete_due_ms : UINT64_MAX;
    return err;
}

/* An hour old; a quarter more when a task begins by then, whose start is stored anyway. */
static bool is_floor_due(const struct pk_agent *a, uint64_t age_ms) {
    return age_ms >= PK_AGENT_META_LATEST_MS ||
           (age_ms >= PK_AGENT_META_SAVE_MS && !pk_agent_tasks_are_near(a, PK_AGENT_META_LATEST_MS - age_ms));
}

/* Alone, a floor is a transaction and a flush of the disk for eight bytes. */
static void save_floor(struct pk_agent *a) {
    const bool is_good = a->now.quality >= PK_TIME_NTP;
    /* A time that lies ahead was told by a clock that was wrong: it would keep all commands out. */
    const bool is_ahead = a->meta.ids_from_s > a->now.wall_ms / 1000;
    if (is_good && (is_ahead || a->meta.ids_from_s == PK_META_IDS_LOST)) {
        pk_agent_date_ids(a, a->now.wall_ms - (int64_t)(a->now.mono_ms - a->started_ms));
    }
    if (!is_good && a->meta.wall_floor_ms == 0) {
        return;
    }
    const uint64_t age_ms = a->now.mono_ms - a->floor_saved_ms;
    const bool is_tight = pk_agent_budget_level(a, PK_SPEND_FLASH) >= PK_SPEND_TIGHT;
    const bool is_carried = a->batch.op_count > 0 && age_ms >= FLOOR_CARRY_MS && !is_tight;
    const bool is_first = is_good && !a->is_floor_good;
    if (a->is_meta_dirty || is_carried || is_first || is_floor_due(a, age_ms)) {
        /* Without a good clock no more is sure than what passed: the machine's own may be ahead. */
        a->meta.wall_floor_ms = is_good ? a->now.wall_ms : pk_agent_floor_ms(a);
        a->floor_saved_ms = a->now.mono_ms;
        a->is_floor_good = a->is_floor_good || is_good;
        a->is_meta_dirty = true;
    }
}

/* An id is forgotten in the transaction that says how late it is. */
static int journal_replay(struct pk_agent *a) {
    if (pk_replay_forgets(&a->gate.replay)) {
        if (a->batch.cap_bytes - a->batch.n < META_OP_BYTES) {
            return PK_E_FULL;
        }
        put_meta(a);
    }
    return pk_replay_write(&a->gate.replay, &a->batch);
}

void pk_agent_journal(struct pk_agent *a) {
    struct pk_store_status status;
    a->port->store.status(a->port->store.ctx, &status);
    limit_outbox(a, &status);
    if (pk_incidents_has_changes(&a->incidents)) {
        pk_agent_session_keep(a);
    }
    a->is_disk_full = status.last_error == PK_E_NO_SPACE;
    a->is_store_broken = status.is_broken;
    const bool may_add = !status.is_map_full && !a->is_disk_full;
    if (may_add) {
        journal_additions(a);
    } else if (a->is_disk_full) {
        journal_acting(a);
    }
    /* Not before all that the messages caused: an id without it would be a message lost. */
    if (!pk_incidents_has_changes(&a->incidents)) {
        pk_agent_session_journal(a);
    }
    a->is_meta_dirty = a->is_meta_dirty || pk_replay_forgets(&a->gate.replay);
    save_floor(a);
    if (!status.is_map_full) {
        pk_agent_journal_tasks(a); /* the floor is company */
    }
    pk_agent_learned_save(a, may_add);
    /* What finds no room is written with the next batch. */
    const int replay_err = journal_replay(a);
    const int delete_err = delete_acknowledged(a, status.is_map_full);
    if (delete_err < 0 || replay_err < 0) {
        a->counters.batch_full++;
    }
    if (delete_err == PK_OK && a->batch.op_count > 0) {
        keep_losses(a);
    }
    make_room(a, &status);
    if (a->is_meta_dirty && a->batch.cap_bytes - a->batch.n >= META_OP_BYTES) {
        put_meta(a);
    }
}

/* ---- commit ---- */

/* Answers to commands and devices wait for the batch that holds what they acknowledge; that is not this one
 * when it had no room for all that changed. A command that is yet to be carried out waits for its id only. */
static void note_submitted(struct pk_agent *a, uint64_t seq) {
    if (a->remote.is_staged && a->remote.step == PK_REMOTE_STORING && a->gate.replay.pending_count == 0) {
        a->remote.is_staged = false;
        a->remote.store_seq = seq;
    }
    if (pk_incidents_has_changes(&a->incidents) || pk_agent_session_is_behind(a)) {
        return;
    }
    pk_agent_session_submitted(a, seq);
    for (uint32_t i = 0; i < a->ack_count; i++) {
        struct pk_agent_ack *k = &a->acks[(a->ack_head + i) % PK_AGENT_ACKS];
        k->store_seq = k->store_seq == PK_AGENT_ACK_STAGED ? seq : k->store_seq;
    }
    if (a->remote.is_staged && a->gate.replay.pending_count == 0) {
        a->remote.is_staged = false;
        a->remote.store_seq = seq;
    }
    if (a->reply_is_staged) {
        a->reply_is_staged = false;
        a->reply_after_seq = seq;
    }
}

/* Where one is on its way already, the next batch but one takes the head along. */
static void submit_head(struct pk_agent *a, uint64_t seq) {
    if (a->moving_head_seq == 0) {
        a->moving_head = a->audit.head;
        a->moving_head_seq = seq;
    }
}

/* A head that is told and lost with the power would look like an audit that was tampered with. */
static void keep_head(struct pk_agent *a) {
    if (a->durable_seq >= a->submitted_seq && a->batch.op_count == 0) {
        a->durable_head = a->audit.head;
        a->moving_head_seq = 0;
    } else if (a->moving_head_seq != 0 && a->durable_seq >= a->moving_head_seq) {
        a->durable_head = a->moving_head;
        a->moving_head_seq = 0;
    }
}

void pk_agent_commit(struct pk_agent *a) {
    uint64_t seq = a->submitted_seq;
    if (a->batch.op_count == 0) {
        note_submitted(a, seq); /* nothing changed: what waits, waits for what was already handed over */
        return;
    }
    pk_agent_note_high(a);
    const int err = a->port->store.submit(a->port->store.ctx, &a->batch, &seq);
    a->is_store_full = err < 0;
    if (err < 0) {
        a->counters.batch_full++;
        return; /* the batch stays and goes at a later tick */
    }
    a->submitted_seq = seq;
    pk_batch_clear(&a->batch);
    for (uint32_t i = 0; i < a->batch_run_count; i++) {
        pk_respond_on_submitted(&a->respond, a->batch_runs[i], seq);
    }
    a->batch_run_count = 0;
    pk_outbox_submitted(&a->outbox, seq);
    pk_agent_metrics_submitted(a, seq);
    submit_head(a, seq);
    note_submitted(a, seq);
}

/* As struct pk_outbox_keeper: that it is owed is in a batch before the delete is. */
static int owe_incident(void *arg, uint32_t number) {
    struct pk_agent *a = arg;
    const struct pk_incident *i = pk_incidents_get(&a->incidents, number);
    if (i == NULL || i->owes_report) {
        return i == NULL ? PK_E_NOT_FOUND : PK_OK;
    }
    if (!pk_agent_batch_has_room(a, OBJECT_OP_BYTES)) {
        return PK_E_FULL;
    }
    pk_incidents_owe(&a->incidents, number, true);
    const int err = put_incident(a, i);
    PK_ASSERT(err == PK_OK); /* room was checked */
    return PK_OK;
}

static void fetch_outbox(struct pk_agent *a) {
    const struct pk_port_store *s = &a->port->store;
    const struct pk_outbox_keeper keeper = {.owe = owe_incident, .arg = a};
    struct pk_store_fetch f;
    uint32_t bytes = 0;
    if (a->outbox.is_fetching) {
        const int count = s->fetched(s->ctx, &bytes);
        if (count == PK_E_AGAIN) {
            return;
        }
        pk_outbox_fetched(&a->outbox, count, bytes, &keeper);
    }
    pk_agent_audit_page(a);
    if (!a->is_trim_fetching && a->audit_page.state != PK_AUDIT_PAGE_READING &&
        pk_outbox_fetch_wanted(&a->outbox, &f) && s->fetch(s->ctx, &f) < 0) {
        pk_outbox_fetch_cancelled(&a->outbox);
    }
}

bool pk_agent_is_store_stuck(const struct pk_agent *a) {
    enum { STUCK_MS = 10000 };
    return a->is_disk_full || a->now.mono_ms - a->store_good_ms >= STUCK_MS;
}

/* Acknowledges what devices sent once everything it caused is on the medium. */
static void acknowledge_messages(struct pk_agent *a) {
    /* While the disk is full, or nothing was kept for so long, what waits is in memory, for as long as that
     * lasts; a window full of messages would keep out all others, commands among them. Below every window. */
    enum { KEPT_WITHOUT_STORE = 8 };
    const bool is_early = pk_agent_is_store_stuck(a);
    while (a->ack_count > 0) {
        const struct pk_agent_ack *k = &a->acks[a->ack_head];
        if (k->store_seq > a->durable_seq && !(is_early && a->ack_count > KEPT_WITHOUT_STORE)) {
            return;
        }
        (void)pk_mqtt_ack(&a->links[k->link].mqtt, k->handle, PK_MQTT_SUCCESS);
        a->ack_head = (a->ack_head + 1) % PK_AGENT_ACKS;
        a->ack_count--;
    }
}

/* Said when it changes, and again while it lasts, so that the rule's gauge does not go stale. */
static void watch_store(struct pk_agent *a) {
    enum { SAY_AGAIN_MS = 10000 };
    struct pk_store_status s;
    if (a->durable_seq >= a->submitted_seq && a->store_error == PK_OK && !a->is_disk_full) {
        return;
    }
    a->port->store.status(a->port->store.ctx, &s);
    const bool is_change = s.last_error != a->store_error;
    if (!is_change && (s.last_error == PK_OK || a->now.mono_ms - a->store_said_ms < SAY_AGAIN_MS)) {
        return;
    }
    a->store_error = s.last_error;
    a->store_said_ms = a->now.mono_ms;
    pk_agent_report_store(a, "store_failing", s.last_error == PK_OK ? 0.0 : 1.0);
    if (is_change && s.last_error == PK_OK) {
        pk_agent_log(a, PK_LOG_NOTICE, "the store can be written again");
    } else if (is_change) {
        pk_agent_log1(
            a, PK_LOG_ERROR,
            s.last_error == PK_E_NO_SPACE
                ? "the store can grow no more; what actions need is kept while it has room, reports wait"
                : "the store cannot be written; actions and reports wait",
            pk_str_of(pk_err_text(s.last_error)));
    }
}

void pk_agent_durable(struct pk_agent *a) {
    const uint64_t durable = a->port->store.durable(a->port->store.ctx);
    if (durable > a->durable_seq || (durable >= a->submitted_seq && !a->is_store_full)) {
        a->store_good_ms = a->now.mono_ms;
    }
    if (durable > a->durable_seq) {
        if (a->durable_seq == 0) {
            /* An incident of the process before may wait for this word. */
            pk_agent_report_store(a, "store_failing", 0.0);
        }
        a->durable_seq = durable;
        pk_respond_on_durable(&a->respond, durable);
        pk_outbox_durable(&a->outbox, durable);
        pk_agent_metrics_durable(a);
        keep_head(a);
    }
    watch_store(a);
    pk_agent_session_durable(a);
    acknowledge_messages(a);
    fetch_outbox(a);
}
