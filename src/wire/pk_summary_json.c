#include "wire/pk_summary_json.h"

#include "base/pk_assert.h"

/* What stays free for the parts that are never left out and come after the lists. */
enum { RESERVE_BYTES = 640, ROW_BYTES_MAX = 256 };

static bool has_room(const struct pk_json_writer *w) {
    return w->b->cap_bytes - w->b->n > RESERVE_BYTES + ROW_BYTES_MAX;
}

static void write_metric(struct pk_json_writer *w, const char *key, const struct pk_metric *m) {
    uint32_t used = PK_METRIC_BUCKETS;
    while (used > 0 && m->hist[used - 1] == 0) {
        used--;
    }
    pk_jw_object(w, key);
    pk_jw_u64(w, "count", m->count);
    pk_jw_u64(w, "sum_ms", m->sum_ms);
    pk_jw_array(w, "hist");
    for (uint32_t i = 0; i < used; i++) {
        pk_jw_u64(w, NULL, m->hist[i]);
    }
    pk_jw_array_end(w);
    if (m->unknown_count > 0) {
        pk_jw_u64(w, "unknown", m->unknown_count);
    }
    pk_jw_object_end(w);
}

static void write_counts(struct pk_json_writer *w, struct pk_summary *s) {
    pk_jw_object(w, "by");
    pk_jw_object(w, "severity");
    for (unsigned i = 0; i < PK_SEV_COUNT; i++) {
        if (s->by_severity[i] > 0) {
            pk_jw_u64(w, pk_severity_word((enum pk_severity)i), s->by_severity[i]);
        }
    }
    pk_jw_object_end(w);
    pk_jw_object(w, "status");
    for (unsigned i = 0; i < PK_INC_STATUS_COUNT; i++) {
        if (s->by_status[i] > 0) {
            pk_jw_u64(w, pk_incident_status_word((uint8_t)i), s->by_status[i]);
        }
    }
    pk_jw_object_end(w);
    pk_jw_object(w, "type");
    for (uint32_t i = 0; i < s->type_count; i++) {
        if (s->types[i].count == 0) {
            continue;
        }
        if (!has_room(w)) {
            s->left_out_count++;
            continue;
        }
        pk_jw_key(w, s->types[i].type);
        pk_jw_u64(w, NULL, s->types[i].count);
    }
    pk_jw_object_end(w);
    pk_jw_object_end(w);
}

static void write_losses(struct pk_json_writer *w, struct pk_summary *s) {
    pk_jw_array(w, "ledger");
    for (uint32_t i = 0; i < s->loss_count; i++) {
        const struct pk_summary_loss *loss = &s->losses[i];
        if (!has_room(w)) {
            s->left_out_count++;
            continue;
        }
        pk_jw_object(w, NULL);
        if (loss->source.n > 0) {
            pk_jw_str(w, "source", loss->source);
        } else {
            pk_jw_null(w, "source");
        }
        pk_jw_cstr(w, "reason", loss->reason);
        pk_jw_u64(w, "from", loss->from);
        pk_jw_u64(w, "to", loss->to);
        pk_jw_u64(w, "count", loss->count);
        pk_jw_object_end(w);
    }
    pk_jw_array_end(w);
}

static void write_actions(struct pk_json_writer *w, struct pk_summary *s) {
    pk_jw_object(w, "actions");
    for (uint32_t i = 0; i < s->action_count; i++) {
        const struct pk_summary_action *a = &s->actions[i];
        if (a->ok + a->failed == 0) {
            continue;
        }
        if (!has_room(w)) {
            s->left_out_count++;
            continue;
        }
        pk_jw_key(w, a->action);
        pk_jw_array(w, NULL);
        pk_jw_u64(w, NULL, a->ok);
        pk_jw_u64(w, NULL, a->failed);
        pk_jw_array_end(w);
    }
    pk_jw_object_end(w);
}

static void write_tables(struct pk_json_writer *w, struct pk_summary *s) {
    pk_jw_object(w, "tables");
    for (uint32_t i = 0; i < s->table_count; i++) {
        const struct pk_summary_table *t = &s->tables[i];
        if (!has_room(w)) {
            s->left_out_count++;
            continue;
        }
        pk_jw_array(w, t->name);
        pk_jw_u64(w, NULL, t->capacity);
        pk_jw_u64(w, NULL, t->high);
        pk_jw_u64(w, NULL, t->drops);
        pk_jw_array_end(w);
    }
    pk_jw_object_end(w);
}

/* Without a witness there is nothing to say; with one, an empty list says that nobody was heard. */
static void write_neighbours(struct pk_json_writer *w, struct pk_summary *s) {
    if (s->neighbours == NULL) {
        return;
    }
    pk_jw_array(w, "neighbours");
    for (uint32_t i = 0; i < s->neighbour_count; i++) {
        const struct pk_summary_neighbour *n = &s->neighbours[i];
        if (!has_room(w)) {
            s->left_out_count++;
            continue;
        }
        pk_jw_object(w, NULL);
        pk_jw_str(w, "gateway", n->gateway);
        pk_jw_u64(w, "seen_s", n->seen_s);
        pk_jw_bool(w, "hub", n->has_hub);
        if (!n->has_hub) {
            pk_jw_u64(w, "hubless_s", n->hubless_s);
        }
        pk_jw_object_end(w);
    }
    pk_jw_array_end(w);
}

static void write_hex(struct pk_json_writer *w, const char *key, const uint8_t *p, uint32_t n) {
    char text[2 * PK_SUMMARY_HASH_BYTES + 1];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_put_hex(&b, p, n);
    pk_jw_str(w, key, pk_buf_str(&b));
}

static void write_end(struct pk_json_writer *w, const struct pk_summary *s) {
    const uint8_t rules_hash[4] = {(uint8_t)(s->rules_hash >> 24), (uint8_t)(s->rules_hash >> 16),
                                   (uint8_t)(s->rules_hash >> 8), (uint8_t)s->rules_hash};
    pk_jw_object(w, "store");
    pk_jw_u64(w, "map_bytes", s->store_map_bytes);
    pk_jw_u64(w, "used_bytes", s->store_used_bytes);
    pk_jw_u64(w, "written_bytes", s->store_written_bytes);
    pk_jw_u64(w, "outbox", s->outbox_count);
    pk_jw_u64(w, "outbox_bytes", s->outbox_bytes);
    pk_jw_object_end(w);
    if (s->budget_count > 0) {
        pk_jw_object(w, "budgets");
        for (uint32_t i = 0; i < s->budget_count; i++) {
            const struct pk_summary_budget *b = &s->budgets[i];
            pk_jw_array(w, b->name);
            pk_jw_u64(w, NULL, b->used_bytes);
            pk_jw_u64(w, NULL, b->limit_bytes);
            pk_jw_cstr(w, NULL, b->level);
            pk_jw_array_end(w);
        }
        pk_jw_object_end(w);
    }
    pk_jw_object(w, "audit");
    pk_jw_u64(w, "n", s->audit_n);
    write_hex(w, "head", s->audit_head, PK_SUMMARY_HASH_BYTES);
    pk_jw_object_end(w);
    write_hex(w, "rules_hash", rules_hash, sizeof rules_hash);
    pk_jw_u64(w, "seal", s->seal_bits);
    pk_jw_cstr(w, "time_quality", pk_time_quality_word((enum pk_time_quality)s->time_quality));
    if (s->left_out_count > 0) {
        pk_jw_u64(w, "left_out", s->left_out_count);
    }
}

void pk_summary_json_write(struct pk_json_writer *w, const char *key, struct pk_summary *summary) {
    summary->left_out_count = 0;
    pk_jw_object(w, key);
    pk_jw_u64(w, "v", 1);
    pk_jw_time(w, "from", summary->from_wall_ms);
    pk_jw_time(w, "to", summary->to_wall_ms);
    write_metric(w, "mttd", summary->mttd);
    write_metric(w, "mtta", summary->mtta);
    write_metric(w, "mttr", summary->mttr);
    /* The most important list first: what is short of room at the end is left out. */
    write_losses(w, summary);
    write_counts(w, summary);
    write_neighbours(w, summary);
    write_actions(w, summary);
    write_tables(w, summary);
    write_end(w, summary);
    pk_jw_object_end(w);
}
