/* Descriptors of the table of inlets: given when the agent asks, and again when a log is another file than
 * the one it has. The table is ours, from root's files; the agent names an index of it. */
#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "roles/pk_supervisor.h"

static const char *why_not(const struct pk_inlet_row *row, int error) {
    switch (error) {
    case PK_E_NOT_FOUND:
        return "it is not there";
    case PK_E_DENIED:
        return row->kind == PK_INLET_LOG ? "not allowed, a link, or not a regular file"
                                         : "not allowed, or not of the right kind";
    case PK_E_BUSY:
        return row->kind == PK_INLET_JOURNAL ? "its program ended a moment ago" : "the address is in use";
    default:
        return "it cannot be opened";
    }
}

static void say_no(struct pk_supervisor *s, uint32_t index, int error, const char *why) {
    struct pk_ipc_refused body = {.error = error};
    struct pk_ipc_frame frame;
    (void)pk_str_copy_cut(pk_str_of(why), body.why, sizeof body.why);
    pk_super_frame(&frame, PK_IPC_NO_INLET, index, &body, sizeof body);
    s->counts.refused++;
    pk_super_reply(s, &frame);
}

static void refuse(struct pk_supervisor *s, uint32_t index, int error) {
    struct pk_super_inlets *in = &s->inlets;
    if (in->told_error[index] == error) {
        return;
    }
    in->told_error[index] = (int8_t)error;
    say_no(s, index, error, why_not(&s->config.inlets.rows[index], error));
}

static bool is_udp(const struct pk_supervisor *s, uint32_t index) {
    return pk_inlet_is_udp(&s->config.inlets.rows[index]);
}

/* The first number that is news to the agent. What was lost while there was none is told to the next. */
static uint64_t record_of(const struct pk_supervisor *s, uint32_t index) {
    const struct pk_inlet_place *place = &s->kept.places.rows[index];
    if (is_udp(s, index)) {
        return s->inlets.is_orphaned[index] ? s->inlets.dropped[index]
                                            : s->port->inlet_dropped(s->port->ctx, index);
    }
    if (s->config.inlets.rows[index].kind == PK_INLET_LOG) {
        return s->port->inlet_dropped(s->port->ctx, index);
    }
    return s->config.inlets.rows[index].kind == PK_INLET_KMSG && place->is_known ? place->at : 0;
}

/* A frame that finds no room is made up for at the next look. */
static void hand_over(struct pk_supervisor *s, uint32_t index) {
    struct pk_super_inlets *in = &s->inlets;
    const struct pk_inlet_place *place = &s->kept.places.rows[index];
    const struct pk_ipc_inlet_fd body = {
        .record = record_of(s, index), .zone_quarters = place->zone_quarters, .start = s->kept.start[index]};
    struct pk_ipc_frame frame;
    pk_super_frame(&frame, PK_IPC_FD, PK_IPC_OPEN_INLET + index, &body, sizeof body);
    const int err = s->port->send(s->port->ctx, &frame, (int)(PK_IPC_OPEN_INLET + index));
    in->is_unsent[index] = err == PK_E_AGAIN;
    if (err == PK_OK) {
        in->told_error[index] = PK_OK;
        in->is_orphaned[index] = false;
        s->kept.start[index] = PK_IPC_INLET_AS_IS;
    } else if (err == PK_E_NOT_FOUND) {
        refuse(s, index, PK_E_NOT_FOUND);
    }
}

/* What is known of it from before our start, once. Numbers of kernel records are of one boot. */
static struct pk_super_inlet_from from_of(const struct pk_supervisor *s, uint32_t index, const char *cursor,
                                          bool is_asked) {
    const struct pk_inlet_place *place = &s->kept.places.rows[index];
    const bool is_log = s->config.inlets.rows[index].kind == PK_INLET_LOG;
    const bool has_cursor = cursor[0] == '\0' && s->kept.is_due[index];
    return (struct pk_super_inlet_from){.place = is_log && s->kept.is_due[index] ? place : NULL,
                                        .cursor = has_cursor ? s->kept.places.cursor : cursor,
                                        .without_old = s->kept.was_lost[index],
                                        .is_asked = is_asked,
                                        .is_unsent = s->inlets.is_unsent[index]};
}

static void say_lost(const struct pk_supervisor *s, uint32_t index) {
    char line[160];
    struct pk_buf b;
    pk_buf_init(&b, line, sizeof line);
    pk_buf_puts(&b, s->config.inlets.rows[index].name);
    pk_buf_puts(&b, ": where it was read to is not known any more; it goes on at its end");
    pk_super_log(s, PK_LOG_WARNING, line, 0);
}

static void note_start(struct pk_supervisor *s, uint32_t index, int is_new) {
    struct pk_super_kept *k = &s->kept;
    const bool is_log = s->config.inlets.rows[index].kind == PK_INLET_LOG;
    const bool is_resumed = is_new == PK_SUPER_INLET_NEW_AT_PLACE || (!is_log && k->is_due[index]);
    k->start[index] = is_resumed ? PK_IPC_INLET_RESUMED : PK_IPC_INLET_AS_IS;
    if (is_new == PK_SUPER_INLET_NEW_AT_END || k->was_lost[index]) {
        k->start[index] = PK_IPC_INLET_LOST;
        say_lost(s, index);
    }
    k->is_due[index] = k->was_lost[index] = false;
}

/* Whether the next file of it can be handed over at once. */
static bool look_once(struct pk_supervisor *s, uint32_t index, const char *cursor, bool is_asked) {
    struct pk_super_inlets *in = &s->inlets;
    const struct pk_super_inlet_from from = from_of(s, index, cursor, is_asked);
    const int is_new = s->port->inlet(s->port->ctx, index, &s->config.inlets.rows[index], &from);
    if (is_new < 0) {
        refuse(s, index, is_new);
        return false;
    }
    if (is_new != PK_SUPER_INLET_SAME && s->kept.start[index] == PK_IPC_INLET_AS_IS) {
        note_start(s, index, is_new);
    }
    /* Back in its place after it was missed: said again, though the agent has it still. */
    const bool was_refused = in->told_error[index] != PK_OK;
    if (is_new != PK_SUPER_INLET_SAME || is_asked || was_refused || in->is_unsent[index]) {
        hand_over(s, index);
    }
    return is_new == PK_SUPER_INLET_NEW_OF_MORE && !in->is_unsent[index];
}

static void look(struct pk_supervisor *s, uint32_t index, const char *cursor, bool is_asked) {
    bool has_more = look_once(s, index, cursor, is_asked);
    for (uint32_t i = 0; i < PK_INLET_FILES_WAITING && has_more; i++) {
        has_more = look_once(s, index, "", false);
    }
}

void pk_super_inlet_asked(struct pk_supervisor *s, uint32_t index, const struct pk_ipc_inlet *request) {
    struct pk_super_inlets *in = &s->inlets;
    const bool is_terminated = memchr(request->cursor, '\0', sizeof request->cursor) != NULL;
    const char *cursor = is_terminated ? request->cursor : "";
    if (request->table_crc != pk_inlets_crc(&s->config.inlets)) {
        say_no(s, index, PK_E_STALE, "another configuration is in force");
        return;
    }
    if (index >= s->config.inlets.count || !is_terminated || request->reserved != 0 ||
        (cursor[0] != '\0' && !pk_inlet_is_cursor(pk_str_of(cursor)))) {
        say_no(s, index, PK_E_BAD_FIELD, "no such inlet, or a bad cursor");
        return;
    }
    in->is_wanted[index] = true;
    in->told_error[index] = PK_OK;
    look(s, index, cursor, true);
}

static bool is_watched(const struct pk_supervisor *s, uint32_t index) {
    return s->inlets.is_wanted[index] &&
           (s->config.inlets.rows[index].kind == PK_INLET_LOG || s->inlets.is_unsent[index]);
}

/* ---- how far they were read ---- */

void pk_super_inlet_at(struct pk_supervisor *s, uint32_t index, const struct pk_ipc_inlet_at *at) {
    if (at->table_crc != pk_inlets_crc(&s->config.inlets)) {
        return; /* of before a reload: said again */
    }
    const bool is_terminated = memchr(at->cursor, '\0', sizeof at->cursor) != NULL;
    if (index >= s->config.inlets.count || !is_terminated ||
        (at->cursor[0] != '\0' && !pk_inlet_is_cursor(pk_str_of(at->cursor))) ||
        at->zone_quarters > PK_INLET_ZONE_QUARTERS_MAX || at->zone_quarters < -PK_INLET_ZONE_QUARTERS_MAX ||
        at->record > (uint64_t)INT64_MAX) {
        s->counts.bad_frames++;
        return;
    }
    struct pk_inlet_place *place = &s->kept.places.rows[index];
    place->zone_quarters = (int8_t)at->zone_quarters;
    if (s->config.inlets.rows[index].kind == PK_INLET_KMSG && at->record != 0) {
        place->of = s->port->boot_id(s->port->ctx);
        place->at = at->record;
        place->is_known = true;
    }
    if (s->config.inlets.rows[index].kind == PK_INLET_JOURNAL && at->cursor[0] != '\0') {
        memcpy(s->kept.places.cursor, at->cursor, sizeof at->cursor);
        place->is_known = true;
    }
}

/* Without the checksum at its end: with it every content has the same one. */
static uint32_t content_crc(const uint8_t *bytes, uint32_t n) {
    return pk_crc32c(0, bytes, n > 4u ? n - 4u : 0);
}

void pk_super_places_load(struct pk_supervisor *s) {
    struct pk_super_kept *k = &s->kept;
    const uint64_t boot = s->port->boot_id(s->port->ctx);
    memset(k, 0, sizeof *k);
    k->due_ms = UINT64_MAX;
    int n = s->port->load_places(s->port->ctx, s->scratch, sizeof s->scratch);
    if (n >= 0) {
        k->saved_crc = content_crc(s->scratch, (uint32_t)n);
        n = pk_super_places_unpack(&k->places, &s->config.inlets, s->scratch, (uint32_t)n);
    }
    const bool is_lost = n < 0 && n != PK_E_NOT_FOUND;
    for (uint32_t i = 0; i < s->config.inlets.count; i++) {
        struct pk_inlet_place *place = &k->places.rows[i];
        const uint8_t kind = s->config.inlets.rows[i].kind;
        k->was_lost[i] = is_lost && (kind == PK_INLET_LOG || kind == PK_INLET_KMSG);
        if (kind == PK_INLET_KMSG && place->of != boot) {
            *place = (struct pk_inlet_place){.is_known = false};
        }
        k->is_due[i] = place->is_known;
    }
}

static void collect_places(struct pk_supervisor *s) {
    for (uint32_t i = 0; i < s->config.inlets.count; i++) {
        if (!s->kept.is_due[i] && s->config.inlets.rows[i].kind == PK_INLET_LOG) {
            (void)s->port->inlet_place(s->port->ctx, i, &s->kept.places.rows[i]);
        }
    }
}

void pk_super_places_save(struct pk_supervisor *s) {
    struct pk_super_kept *k = &s->kept;
    collect_places(s);
    const int n = pk_super_places_pack(&k->places, &s->config.inlets, s->scratch, sizeof s->scratch);
    PK_ASSERT(n > 0);
    const uint32_t crc = content_crc(s->scratch, (uint32_t)n);
    const bool is_nothing = s->config.inlets.count == 0 && k->saved_crc == 0;
    if (crc == k->saved_crc || is_nothing) {
        return;
    }
    if (s->port->save_places(s->port->ctx, s->scratch, (uint32_t)n) != PK_OK) {
        pk_super_log(s, PK_LOG_ERROR, "how far logs were read cannot be written", 0);
        return;
    }
    k->saved_crc = crc;
}

void pk_super_inlets_look(struct pk_supervisor *s, uint64_t now_ms) {
    if (now_ms >= s->kept.due_ms) {
        s->kept.due_ms = now_ms + PK_SUPER_PLACES_MS;
        pk_super_places_save(s);
    }
    if (now_ms < s->inlets.due_ms) {
        return;
    }
    s->inlets.due_ms = UINT64_MAX;
    for (uint32_t i = 0; i < s->config.inlets.count; i++) {
        if (is_watched(s, i)) {
            look(s, i, "", false);
        }
    }
    pk_super_inlets_arm(s, now_ms);
}

void pk_super_inlets_arm(struct pk_supervisor *s, uint64_t now_ms) {
    bool is_any = false;
    for (uint32_t i = 0; i < s->config.inlets.count; i++) {
        is_any = is_any || is_watched(s, i);
    }
    if (s->kept.due_ms == UINT64_MAX) {
        s->kept.due_ms = now_ms + PK_SUPER_PLACES_MS;
    }
    /* In the middle between two looks of the agent, which are at whole seconds. */
    const uint64_t next_ms = (now_ms / PK_SUPER_INLET_MS + 1u) * PK_SUPER_INLET_MS + PK_SUPER_INLET_MS / 2u;
    s->inlets.due_ms = !is_any ? UINT64_MAX : s->inlets.due_ms < next_ms ? s->inlets.due_ms : next_ms;
}

void pk_super_inlets_orphan(struct pk_supervisor *s) {
    memset(&s->inlets, 0, sizeof s->inlets);
    s->inlets.due_ms = UINT64_MAX;
    for (uint32_t i = 0; i < s->config.inlets.count; i++) {
        s->inlets.is_orphaned[i] = is_udp(s, i);
        s->inlets.dropped[i] = is_udp(s, i) ? s->port->inlet_dropped(s->port->ctx, i) : 0;
        /* the cursor in its memory is gone with it */
        s->kept.is_due[i] = s->kept.is_due[i] || (s->config.inlets.rows[i].kind == PK_INLET_JOURNAL &&
                                                  s->kept.places.rows[i].is_known);
    }
}

static bool is_same(const struct pk_inlet_row *x, const struct pk_inlet_row *y) {
    return memcmp(x, y, sizeof *x) == 0;
}

/* Places themselves are in the order of the new table already. */
static void swap_kept(struct pk_super_kept *k, uint32_t i, uint32_t j) {
    const bool is_due = k->is_due[i], was_lost = k->was_lost[i];
    const uint8_t start = k->start[i];
    k->is_due[i] = k->is_due[j];
    k->was_lost[i] = k->was_lost[j];
    k->start[i] = k->start[j];
    k->is_due[j] = is_due;
    k->was_lost[j] = was_lost;
    k->start[j] = start;
}

/* The agent asks anew for what has another number. What it had of the journal's pipe is not in the pipe any
 * more, but behind its cursor. */
static void renumber(struct pk_supervisor *s, uint32_t i, uint32_t j) {
    struct pk_super_inlets *in = &s->inlets;
    struct pk_inlet_row *rows = s->config.inlets.rows;
    const struct pk_inlet_row row = rows[i];
    const uint32_t both[] = {i, j};
    rows[i] = rows[j];
    rows[j] = row;
    s->port->inlet_swap(s->port->ctx, i, j);
    swap_kept(&s->kept, i, j);
    for (size_t k = 0; k < PK_COUNT_OF(both); k++) {
        const uint32_t at = both[k];
        in->is_wanted[at] = in->is_unsent[at] = in->is_orphaned[at] = false;
        in->told_error[at] = PK_OK;
        if (rows[at].kind == PK_INLET_JOURNAL) {
            s->port->inlet_close(s->port->ctx, at);
        }
    }
}

/* A row that stands elsewhere in the new table is the same inlet: it goes on where it was read. */
static void follow_rows(struct pk_supervisor *s, const struct pk_inlets *table) {
    const struct pk_inlet_row *rows = s->config.inlets.rows;
    for (uint32_t i = 0; i < table->count; i++) {
        for (uint32_t j = 0; j < PK_LIMIT_INLETS && !is_same(&rows[i], &table->rows[i]); j++) {
            if (is_same(&rows[j], &table->rows[i]) && !is_same(&rows[j], &table->rows[j])) {
                renumber(s, i, j);
            }
        }
    }
}

void pk_super_inlets_take(struct pk_supervisor *s, const struct pk_inlets *table) {
    struct pk_super_inlets *in = &s->inlets;
    collect_places(s);
    pk_super_places_move(&s->kept.places, &s->config.inlets, table);
    follow_rows(s, table);
    for (uint32_t i = 0; i < PK_LIMIT_INLETS; i++) {
        const bool is_known = s->kept.places.rows[i].is_known;
        if (is_same(&s->config.inlets.rows[i], &table->rows[i])) {
            s->kept.is_due[i] = s->kept.is_due[i] || (table->rows[i].kind == PK_INLET_JOURNAL && is_known);
            continue;
        }
        s->port->inlet_close(s->port->ctx, i);
        in->is_wanted[i] = in->is_unsent[i] = in->is_orphaned[i] = false;
        in->told_error[i] = PK_OK;
        s->kept.is_due[i] = is_known;
        s->kept.was_lost[i] = false;
        s->kept.start[i] = PK_IPC_INLET_AS_IS;
    }
    s->config.inlets = *table;
}
