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

/* A frame that finds no room is made up for at the next look. */
static void hand_over(struct pk_supervisor *s, uint32_t index) {
    struct pk_super_inlets *in = &s->inlets;
    struct pk_ipc_frame frame;
    pk_super_frame(&frame, PK_IPC_FD, PK_IPC_OPEN_INLET + index, NULL, 0);
    const int err = s->port->send(s->port->ctx, &frame, (int)(PK_IPC_OPEN_INLET + index));
    in->is_unsent[index] = err == PK_E_AGAIN;
    if (err == PK_OK) {
        in->told_error[index] = PK_OK;
    } else if (err == PK_E_NOT_FOUND) {
        refuse(s, index, PK_E_NOT_FOUND);
    }
}

static void look(struct pk_supervisor *s, uint32_t index, const char *cursor, bool is_asked) {
    struct pk_super_inlets *in = &s->inlets;
    const int is_new = s->port->inlet(s->port->ctx, index, &s->config.inlets.rows[index], cursor);
    if (is_new < 0) {
        refuse(s, index, is_new);
        return;
    }
    /* Back in its place after it was missed: said again, though the agent has it still. */
    const bool was_refused = in->told_error[index] != PK_OK;
    if (is_new == PK_SUPER_INLET_NEW || is_asked || was_refused || in->is_unsent[index]) {
        hand_over(s, index);
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

void pk_super_inlets_look(struct pk_supervisor *s, uint64_t now_ms) {
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
    /* In the middle between two looks of the agent, which are at whole seconds. */
    const uint64_t next_ms = (now_ms / PK_SUPER_INLET_MS + 1u) * PK_SUPER_INLET_MS + PK_SUPER_INLET_MS / 2u;
    s->inlets.due_ms = !is_any ? UINT64_MAX : s->inlets.due_ms < next_ms ? s->inlets.due_ms : next_ms;
}

void pk_super_inlets_orphan(struct pk_supervisor *s) {
    memset(&s->inlets, 0, sizeof s->inlets);
    s->inlets.due_ms = UINT64_MAX;
}

static bool is_same(const struct pk_inlet_row *x, const struct pk_inlet_row *y) {
    return memcmp(x, y, sizeof *x) == 0;
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
    for (size_t k = 0; k < PK_COUNT_OF(both); k++) {
        const uint32_t at = both[k];
        in->is_wanted[at] = in->is_unsent[at] = false;
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
    follow_rows(s, table);
    for (uint32_t i = 0; i < PK_LIMIT_INLETS; i++) {
        if (is_same(&s->config.inlets.rows[i], &table->rows[i])) {
            continue;
        }
        s->port->inlet_close(s->port->ctx, i);
        in->is_wanted[i] = in->is_unsent[i] = false;
        in->told_error[i] = PK_OK;
    }
    s->config.inlets = *table;
}
