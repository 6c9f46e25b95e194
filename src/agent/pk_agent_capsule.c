/* Flight recorder: fills a capsule a few lines a tick, and hands its pieces to the store. */
#include <string.h>

#include "agent/pk_agent_priv.h"

enum {
    LINES_PER_TICK = 8,
    LINE_BYTES = PK_CAPSULE_LINE_BYTES, /* an event of 4 KiB is cut, and counted */
    LOG_LINE_BYTES = 200,
    METRICS_MAX = 48,
    LOOK_BACK_MAX = 2048,
    ROOM_MS = 100, /* the store has none: this much later again */
    TOP_AFTER_MS = 1000,
    PIECE_OP_BYTES = PK_CAPSULE_PIECE_BYTES + 64,
    DELETE_OP_BYTES = 64
};

static const enum pk_collector FRESH[] = {PK_COLLECT_CPU,    PK_COLLECT_MEMORY, PK_COLLECT_PSI,
                                          PK_COLLECT_LOAD,   PK_COLLECT_DISK,   PK_COLLECT_STORAGE,
                                          PK_COLLECT_NETWORK};

/* ---- the newest lines of all logs ---- */

void pk_agent_capsule_log(struct pk_agent *a, struct pk_str line) {
    struct pk_agent_capsule *k = &a->capsule;
    line.n = line.n > LOG_LINE_BYTES ? LOG_LINE_BYTES : line.n;
    for (uint32_t i = 0; i <= line.n; i++) {
        k->log[k->log_at] = i < line.n ? line.p[i] : '\n';
        k->log_at = (k->log_at + 1u) % PK_LIMIT_LOG_TAIL_BYTES;
    }
}

/* ---- lines ---- */

static void begin_line(struct pk_json_writer *w, struct pk_buf *b, char *text, enum pk_capsule_part part) {
    pk_buf_init(b, text, LINE_BYTES);
    pk_jw_init(w, b);
    pk_jw_object(w, NULL);
    pk_jw_cstr(w, "part", pk_capsule_part_word(part));
}

static bool end_line(struct pk_agent *a, struct pk_json_writer *w, const struct pk_buf *b) {
    pk_jw_object_end(w);
    if (b->is_cut) {
        a->capsule.current->cut_count++;
        return false;
    }
    return pk_capsule_add(&a->capsules, a->capsule.current, a->capsule.part, pk_buf_str(b));
}

static bool put_event(struct pk_agent *a, const struct pk_event *e) {
    char text[LINE_BYTES];
    struct pk_buf b;
    struct pk_json_writer w;
    begin_line(&w, &b, text, a->capsule.part);
    pk_event_json_write(&w, "event", e, &a->intake.types, &a->intake.sources, &a->intake.text, a->now.boot);
    return end_line(a, &w, &b);
}

static void put_head(struct pk_agent *a) {
    char text[LINE_BYTES];
    struct pk_buf b;
    struct pk_json_writer w;
    char id[PK_INC_ID_BYTES];
    const uint32_t number = a->capsule.current->number;
    const struct pk_incident *i = pk_incidents_get(&a->incidents, number);
    /* What is recorded began in this boot. The hub knows the capsule by this name, also when the record is
     * gone. */
    pk_incident_id_make(id, pk_str_of(a->config.gateway), i != NULL ? i->boot : a->now.boot, number);
    begin_line(&w, &b, text, PK_CAPSULE_HEAD);
    pk_jw_cstr(&w, "incident_id", id);
    pk_jw_cstr(&w, "title", i != NULL ? i->title : NULL);
    pk_jw_time(&w, "at", a->now.wall_ms);
    pk_jw_cstr(&w, "time_quality", pk_time_quality_word((enum pk_time_quality)a->now.quality));
    pk_jw_u64(&w, "budget_bytes", a->capsules.budget_bytes);
    (void)end_line(a, &w, &b);
}

static void put_end(struct pk_agent *a) {
    char text[LINE_BYTES];
    struct pk_buf b;
    struct pk_json_writer w;
    begin_line(&w, &b, text, PK_CAPSULE_END);
    pk_jw_time(&w, "at", a->now.wall_ms);
    pk_jw_u64(&w, "lines_cut", a->capsule.current->cut_count);
    (void)end_line(a, &w, &b);
}

/* ---- parts: each takes some lines and tells whether it has more ---- */

/* Measurements of other things than the affected one would fill the room; the newest of each has a part of
 * its own. */
static bool is_story(const struct pk_agent *a, const struct pk_event *e) {
    const struct pk_incident *i = pk_incidents_get(&a->incidents, a->capsule.current->number);
    const char *component = i == NULL ? "" : i->component_count > 0 ? i->components[0] : i->group_key;
    return e->severity > PK_SEV_INFO || e->text_bytes > 0 ||
           strcmp(pk_sources_name(&a->intake.sources, e->source_id), component) == 0;
}

/* By number, not by age: new ones come while it is written. */
static const struct pk_event *event_before(const struct pk_agent *a, uint32_t below) {
    const struct pk_event *e = NULL;
    for (uint32_t age = 0; age < LOOK_BACK_MAX; age++) {
        e = pk_history_at(&a->history, age);
        if (e == NULL || (e->number < below && is_story(a, e))) {
            return e;
        }
    }
    return NULL;
}

static bool part_before(struct pk_agent *a) {
    struct pk_agent_capsule *k = &a->capsule;
    for (uint32_t n = 0; n < LINES_PER_TICK; n++) {
        const struct pk_event *e = event_before(a, k->cursor);
        if (e == NULL || !put_event(a, e)) {
            return false;
        }
        k->cursor = e->number;
    }
    return true;
}

/* The newest event of each type and source that brought a number, of what measures all the time. */
static bool part_metric(struct pk_agent *a) {
    uint32_t seen[METRICS_MAX] = {0}, count = 0;
    const struct pk_event *e = NULL;
    for (uint32_t age = 0; age < LOOK_BACK_MAX && count < METRICS_MAX; age++) {
        if ((e = pk_history_at(&a->history, age)) == NULL) {
            break;
        }
        const uint32_t key = (uint32_t)e->type_id << 16 | e->source_id;
        uint32_t i = 0;
        while (i < count && seen[i] != key) {
            i++;
        }
        if (i < count || e->text_bytes > 0) {
            continue; /* with words it is no measurement */
        }
        seen[count++] = key;
        char text[LINE_BYTES];
        struct pk_buf b;
        struct pk_json_writer w;
        begin_line(&w, &b, text, PK_CAPSULE_METRIC);
        pk_jw_cstr(&w, "type", pk_types_name(&a->intake.types, e->type_id));
        pk_jw_cstr(&w, "source", pk_sources_name(&a->intake.sources, e->source_id));
        pk_jw_double(&w, "value", e->value);
        pk_jw_ms_as_seconds(&w, "seconds_ago", a->now.mono_ms - e->receive_ms);
        (void)end_line(a, &w, &b);
    }
    return false;
}

static bool part_probe(struct pk_agent *a) {
    struct pk_agent_capsule *k = &a->capsule;
    for (uint32_t n = 0; n < LINES_PER_TICK; n++, k->cursor++) {
        const struct pk_probes *t = &a->config.probes;
        char text[LINE_BYTES];
        struct pk_buf b;
        struct pk_json_writer w;
        if (k->cursor >= t->count) {
            return false;
        }
        const char *name = pk_probe_text(t, t->rows[k->cursor].name);
        begin_line(&w, &b, text, PK_CAPSULE_PROBE);
        pk_jw_cstr(&w, "name", name);
        pk_agent_probes_put(a, &w, name);
        (void)end_line(a, &w, &b);
    }
    return true;
}

static bool part_log(struct pk_agent *a) {
    struct pk_agent_capsule *k = &a->capsule;
    for (uint32_t n = 0; n < LINES_PER_TICK; n++) {
        char line[LOG_LINE_BYTES + 1], text[LINE_BYTES];
        uint32_t bytes = 0;
        struct pk_buf b;
        struct pk_json_writer w;
        /* From the oldest byte on, which may be in the middle of a line that was overwritten. */
        while (k->cursor < PK_LIMIT_LOG_TAIL_BYTES) {
            const char c = k->log[(k->log_at + k->cursor++) % PK_LIMIT_LOG_TAIL_BYTES];
            if (c == '\n') {
                break;
            }
            if (c != '\0' && bytes < LOG_LINE_BYTES) {
                line[bytes++] = c;
            }
        }
        if (bytes > 0) {
            begin_line(&w, &b, text, PK_CAPSULE_LOG);
            pk_jw_str(&w, "line", pk_str_make(line, bytes));
            (void)end_line(a, &w, &b);
        }
        if (k->cursor >= PK_LIMIT_LOG_TAIL_BYTES) {
            return false;
        }
    }
    return true;
}

/* What each used since the look at the opening. */
static bool part_process(struct pk_agent *a) {
    struct pk_top rows[PK_TOP_MAX];
    if (a->capsule.is_measuring) {
        return true;
    }
    const int count = a->port->source.top(a->port->source.ctx, rows, PK_TOP_MAX);
    if (count == PK_E_AGAIN) {
        return true;
    }
    for (int i = 0; i < count; i++) {
        char text[LINE_BYTES];
        struct pk_buf b;
        struct pk_json_writer w;
        begin_line(&w, &b, text, PK_CAPSULE_PROCESS);
        pk_jw_cstr(&w, "name", rows[i].name);
        pk_jw_u64(&w, "pid", rows[i].pid);
        if (rows[i].cpu_permille >= 0) {
            pk_jw_double(&w, "cpu_pct", (double)rows[i].cpu_permille / 10.0);
        }
        pk_jw_u64(&w, "rss_bytes", rows[i].rss_bytes);
        (void)end_line(a, &w, &b);
    }
    return false;
}

/* Oldest first: what comes after is read like a story. */
static bool part_after(struct pk_agent *a) {
    struct pk_agent_capsule *k = &a->capsule;
    uint32_t age = 0;
    while (age < LOOK_BACK_MAX && pk_history_at(&a->history, age) != NULL &&
           pk_history_at(&a->history, age)->number >= k->cursor) {
        age++;
    }
    for (uint32_t n = 0; n < LINES_PER_TICK; n++) {
        if (age == 0) {
            return false;
        }
        const struct pk_event *e = pk_history_at(&a->history, --age);
        k->cursor = e->number + 1u;
        if (is_story(a, e) && !put_event(a, e)) {
            return false;
        }
    }
    return age > 0;
}

/* ---- one after the other ---- */

static bool take_part(struct pk_agent *a) {
    switch (a->capsule.part) {
    case PK_CAPSULE_HEAD:
        put_head(a);
        return false;
    case PK_CAPSULE_BEFORE:
        return part_before(a);
    case PK_CAPSULE_METRIC:
        return part_metric(a);
    case PK_CAPSULE_PROBE:
        return part_probe(a);
    case PK_CAPSULE_LOG:
        return part_log(a);
    case PK_CAPSULE_PROCESS:
        return part_process(a);
    case PK_CAPSULE_AFTER:
        return part_after(a);
    case PK_CAPSULE_END:
        put_end(a);
        return false;
    case PK_CAPSULE_PART_COUNT:
        break;
    }
    return false;
}

/* What the next part begins with, and how long it waits: time has to pass for the time processes use, and
 * for what comes after. */
static void next_part(struct pk_agent *a) {
    struct pk_agent_capsule *k = &a->capsule;
    k->part = (enum pk_capsule_part)(k->part + 1);
    k->cursor = k->part == PK_CAPSULE_BEFORE || k->part == PK_CAPSULE_AFTER ? k->event_number : 0;
    k->due_ms = k->part == PK_CAPSULE_PROCESS ? k->began_ms + TOP_AFTER_MS
                : k->part == PK_CAPSULE_AFTER ? k->began_ms + a->config.capsule_after_ms
                                              : 0;
    if (k->part == PK_CAPSULE_PART_COUNT) {
        k->current->is_done = true;
    }
}

static int delete_piece(struct pk_agent *a, uint32_t number, uint8_t piece) {
    struct pk_record_key key;
    pk_record_key_capsule(&key, number, piece);
    return pk_batch_delete(&a->batch, PK_TREE_OBJECTS, pk_record_key_str(&key));
}

/* One goes, with all its pieces in one batch. False: no room in it. */
static bool evict(struct pk_agent *a, struct pk_capsule *c) {
    if (!pk_agent_batch_has_room(a, (c->piece_count + 1u) * DELETE_OP_BYTES)) {
        return false;
    }
    int err = delete_piece(a, c->number, PK_CAPSULE_PROGRESS_PIECE);
    for (uint32_t i = 0; i < c->piece_count && err >= 0; i++) {
        err = delete_piece(a, c->number, (uint8_t)i);
    }
    PK_ASSERT(err >= 0); /* there is room for all of them */
    pk_agent_upload_evicted(a, c);
    pk_capsules_evict(&a->capsules, c);
    return true;
}

/* One round over all processes begins the measurement of their time. */
static void measure(struct pk_agent *a) {
    struct pk_top rows[PK_TOP_MAX];
    a->capsule.is_measuring = a->port->source.top(a->port->source.ctx, rows, PK_TOP_MAX) == PK_E_AGAIN;
}

static void begin(struct pk_agent *a) {
    struct pk_agent_capsule *k = &a->capsule;
    struct pk_capsule *surplus = NULL;
    while ((surplus = pk_capsules_surplus(&a->capsules)) != NULL) {
        if (!evict(a, surplus)) {
            return;
        }
    }
    k->current = pk_capsules_begin(&a->capsules, k->waiting[0]);
    PK_ASSERT(k->current != NULL);
    k->part = PK_CAPSULE_HEAD;
    k->due_ms = 0;
    k->began_ms = a->now.mono_ms;
    const struct pk_event *newest = pk_history_at(&a->history, 0);
    k->event_number = newest != NULL ? newest->number + 1u : 0;
    k->waiting_count--;
    memmove(&k->waiting[0], &k->waiting[1], k->waiting_count * sizeof k->waiting[0]);
    measure(a);
    for (uint32_t i = 0; i < PK_COUNT_OF(FRESH); i++) {
        a->collect_due_ms[FRESH[i]] = a->now.mono_ms; /* no use where it is off */
    }
}

static bool is_store_full(struct pk_agent *a) {
    struct pk_store_status status;
    a->port->store.status(a->port->store.ctx, &status);
    return status.is_map_full || a->is_disk_full; /* what makes room comes first */
}

/* False: no room in the batch. */
static bool put_piece(struct pk_agent *a, uint32_t number, uint8_t index, struct pk_str piece) {
    uint8_t bytes[PK_CAPSULE_PIECE_BYTES + PK_RECORD_CAPSULE_HEAD_BYTES];
    struct pk_record_key key;
    if (!pk_agent_batch_has_room(a, PIECE_OP_BYTES)) {
        return false;
    }
    const uint32_t n = pk_record_capsule_pack(piece, bytes, sizeof bytes);
    pk_record_key_capsule(&key, number, index);
    return pk_batch_put(&a->batch, PK_TREE_OBJECTS, pk_record_key_str(&key),
                        pk_str_make((const char *)bytes, n)) >= 0;
}

static void store_pieces(struct pk_agent *a) {
    struct pk_agent_capsule *k = &a->capsule;
    struct pk_capsule *c = k->current;
    const bool is_flush = c->is_done || k->due_ms > a->now.mono_ms;
    struct pk_str piece = pk_capsule_piece(c, is_flush);
    while (piece.n > 0 && put_piece(a, c->number, c->piece_count, piece)) {
        c->piece_count++;
        c->stored_bytes += (uint32_t)piece.n;
        piece = pk_capsule_piece(c, is_flush);
    }
    if (c->is_done && c->stored_bytes == c->used_bytes) {
        k->current = NULL;
        pk_agent_upload_whole(a, c);
    }
}

/* How far the uploads came. True: some wait for room. */
static bool store_progress(struct pk_agent *a) {
    for (uint32_t i = 0; i < PK_LIMIT_CAPSULES; i++) {
        struct pk_capsule *c = &a->capsules.rows[i];
        char progress[PK_CAPSULE_PROGRESS_BYTES];
        if (c->number == 0 || !c->is_unsaved) {
            continue;
        }
        pk_capsule_progress(c, progress);
        if (!put_piece(a, c->number, PK_CAPSULE_PROGRESS_PIECE, pk_str_make(progress, sizeof progress))) {
            return true;
        }
        c->is_unsaved = false;
    }
    return false;
}

void pk_agent_capsule_want(struct pk_agent *a, uint32_t incident) {
    struct pk_agent_capsule *k = &a->capsule;
    const struct pk_incident *i = pk_incidents_get(&a->incidents, incident);
    if (!a->config.has_capsules || i == NULL || i->caused_by[0] != '\0') {
        return; /* what another caused is in that one's capsule */
    }
    if (k->waiting_count == PK_COUNT_OF(k->waiting) || pk_agent_budget_skips_capsule(a, i)) {
        k->missed_count++;
        return;
    }
    k->waiting[k->waiting_count++] = incident;
}

/* When the one that is being filled wants to go on. */
static uint64_t fill(struct pk_agent *a, bool is_full) {
    struct pk_agent_capsule *k = &a->capsule;
    if (k->is_measuring) {
        measure(a);
    }
    if (!k->current->is_done && a->now.mono_ms >= k->due_ms && !take_part(a)) {
        next_part(a);
    }
    if (!is_full) {
        store_pieces(a);
    }
    if (k->current == NULL) {
        return k->waiting_count > 0 ? a->now.mono_ms : UINT64_MAX;
    }
    if (k->current->is_done) {
        return a->now.mono_ms + ROOM_MS;
    }
    return k->due_ms > a->now.mono_ms && !k->is_measuring ? k->due_ms : a->now.mono_ms;
}

uint64_t pk_agent_capsule(struct pk_agent *a) {
    struct pk_agent_capsule *k = &a->capsule;
    const bool is_full = is_store_full(a);
    uint64_t next = is_full || store_progress(a) ? a->now.mono_ms + ROOM_MS : UINT64_MAX;
    if (k->current == NULL && k->waiting_count > 0) {
        begin(a);
    }
    if (k->current != NULL) {
        const uint64_t fill_ms = fill(a, is_full);
        return fill_ms < next ? fill_ms : next;
    }
    return k->waiting_count > 0 ? a->now.mono_ms + ROOM_MS : next;
}

/* ---- start ---- */

void pk_agent_capsules_configure(struct pk_agent *a) {
    const uint64_t one = a->config.capsule_bytes, all = a->config.capsule_store_bytes;
    pk_capsules_init(&a->capsules, (uint32_t)one, (uint32_t)(all > one ? all : one));
}

int pk_agent_capsule_restore(struct pk_agent *a, struct pk_str key, struct pk_str value) {
    struct pk_str piece;
    uint32_t number = 0;
    uint8_t chunk = 0;
    if (pk_record_key_capsule_parse(key, &number, &chunk) < 0) {
        return PK_E_NOT_FOUND;
    }
    int err = pk_record_capsule_unpack(value, &piece);
    if (err == PK_OK) {
        err = chunk == PK_CAPSULE_PROGRESS_PIECE ? pk_capsules_restore_progress(&a->capsules, number, piece)
                                                 : pk_capsules_restore(&a->capsules, number, chunk, piece);
    }
    a->capsule.damaged_count += err < 0 ? 1u : 0u;
    return PK_OK;
}

/* ---- asked for ---- */

int pk_agent_get_capsule(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const struct pk_incident *i = NULL;
    const uint64_t from = pk_args_u64(&q->args, "from", 0);
    if (pk_incidents_find(&a->incidents, pk_args_text(&q->args, "incident_id"), &i) < 0) {
        return pk_agent_fail(a, PK_E_NOT_FOUND, "there is no such incident here");
    }
    const struct pk_capsule *c = pk_capsules_find(&a->capsules, i->number);
    if (c == NULL) {
        return pk_agent_fail(a, PK_E_NOT_FOUND,
                             "the incident has no capsule, or it made room for a newer one");
    }
    struct pk_str rest = pk_str_make(c->text, c->used_bytes), line;
    uint64_t at = 0, next = 0;
    pk_jw_object(w, "result");
    pk_jw_cstr(w, "incident_id", i->id);
    pk_jw_bool(w, "whole", c->is_done);
    pk_jw_u64(w, "bytes", c->used_bytes);
    pk_jw_cstr(w, "upload", pk_capsule_upload_word((enum pk_capsule_upload)c->upload));
    pk_jw_u64(w, "acked_chunks", c->acked_count);
    pk_jw_u64(w, "chunks", pk_capsule_chunk_count(c));
    pk_jw_u64(w, "evicted_capsules", a->capsules.evicted_count);
    pk_jw_u64(w, "missed_capsules", a->capsule.missed_count);
    pk_jw_array(w, "lines");
    while (pk_str_split(&rest, '\n', &line) && line.n > 0 && next == 0) {
        next = at >= from && !pk_agent_has_row_room(w, line.n) ? at : 0;
        if (at >= from && next == 0) {
            pk_jw_raw(w, NULL, line);
        }
        at++;
    }
    pk_jw_array_end(w);
    if (next != 0) {
        pk_jw_u64(w, "next", next);
    }
    pk_jw_object_end(w);
    return PK_OK;
}
