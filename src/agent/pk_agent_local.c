/* The two local sockets: event lines, control requests, watchers. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "wire/pk_control.h"

enum { LINES_PER_TURN = 256, REPLY_STUCK_MS = 2000, EVENT_REPLY_BYTES = 256 };

static bool is_in_group(const struct pk_serve_event *e, uint32_t gid) {
    bool is_in = e->gid == gid;
    for (uint32_t i = 0; i < e->group_count; i++) {
        is_in = is_in || e->groups[i] == gid;
    }
    return is_in;
}

static uint8_t role_of(const struct pk_agent *a, const struct pk_serve_event *e) {
    uint8_t best = e->uid == 0 ? PK_ROLE_ADMIN : PK_ROLE_NONE;
    for (uint32_t i = 0; i < a->config.role_rule_count; i++) {
        const struct pk_config_role_rule *r = &a->config.roles[i];
        const bool is_meant = r->is_group ? is_in_group(e, r->id) : r->id == e->uid;
        if (is_meant && r->role > best) {
            best = r->role;
        }
    }
    return best;
}

static void close_connection(struct pk_agent *a, uint32_t index) {
    a->port->serve.close(a->port->serve.ctx, index);
    a->connections[index].is_used = false;
    if (a->reply_owner == index + 1) {
        a->reply_owner = 0;
    }
}

static void on_serve_event(struct pk_agent *a, const struct pk_serve_event *e) {
    struct pk_agent_connection *c = &a->connections[e->connection];
    switch (e->kind) {
    case PK_SERVE_OPENED:
        memset(c, 0, offsetof(struct pk_agent_connection, lines));
        pk_lines_init(&c->lines, c->line_bytes, sizeof c->line_bytes);
        c->tail_bytes = 0;
        c->is_used = true;
        pk_agent_note_connections(a);
        c->listener = (uint8_t)e->listener;
        c->uid = e->uid;
        c->role = role_of(a, e);
        return;
    case PK_SERVE_READABLE:
        c->is_readable = true;
        return;
    case PK_SERVE_CLOSED:
        close_connection(a, e->connection);
        return;
    }
}

/* ---- writing small things: what the socket does not take of a line is kept, what comes meanwhile is dropped
 * and counted ---- */

static void flush_tail(struct pk_agent *a, uint32_t index) {
    struct pk_agent_connection *c = &a->connections[index];
    if (c->tail_bytes == 0) {
        return;
    }
    const int n = a->port->serve.send(a->port->serve.ctx, index, c->tail, c->tail_bytes);
    if (n < 0) {
        close_connection(a, index);
        return;
    }
    c->tail_bytes -= (uint32_t)n;
    memmove(c->tail, c->tail + n, c->tail_bytes);
}

static bool send_line(struct pk_agent *a, uint32_t index, const char *p, uint32_t n) {
    struct pk_agent_connection *c = &a->connections[index];
    flush_tail(a, index);
    if (!c->is_used || c->tail_bytes > 0) {
        return false;
    }
    const int sent = a->port->serve.send(a->port->serve.ctx, index, p, n);
    if (sent < 0) {
        close_connection(a, index);
        return false;
    }
    /* Half a line cannot be taken back: its rest waits in the tail, whole lines after it are lost. */
    const uint32_t done = (uint32_t)sent;
    const char *end = done == 0 || done == n || p[done - 1] == '\n' ? NULL : memchr(p + done, '\n', n - done);
    const uint32_t rest = end == NULL ? 0 : (uint32_t)(end - (p + done)) + 1;
    if (rest > sizeof c->tail) {
        a->counters.slow_closed++;
        close_connection(a, index);
        return false;
    }
    memcpy(c->tail, p + done, rest);
    c->tail_bytes = rest;
    return done + rest == n;
}

/* ---- events ---- */

/* Replies of a turn leave in one write. */
static void serve_events(struct pk_agent *a, uint32_t index) {
    struct pk_agent_connection *c = &a->connections[index];
    struct pk_buf replies;
    struct pk_str line = pk_str_make(NULL, 0);
    pk_buf_init(&replies, a->payload, sizeof a->payload);
    for (uint32_t i = 0; i < LINES_PER_TURN; i++) {
        if (a->intake.count >= PK_LIMIT_INTAKE_EVENTS - 1 || !pk_intake_has_text_room(&a->intake) ||
            replies.cap_bytes - replies.n < EVENT_REPLY_BYTES || !pk_agent_has_batch_room(a, &c->lines)) {
            break;
        }
        const int err = pk_lines_next(&c->lines, &line);
        if (err == PK_E_AGAIN) {
            break;
        }
        pk_agent_event_line(a, &replies, err, line);
    }
    if (replies.n > 0 && !send_line(a, index, replies.p, replies.n)) {
        a->counters.replies_lost++;
    }
}

/* ---- control ---- */

/* Carried out, and the store does not take it: everybody else waits for this answer too. */
static void say_unstored(struct pk_agent *a) {
    struct pk_buf b;
    const struct pk_reply_to to = {.is_socket = true, .id = a->request.id};
    pk_buf_init(&b, a->reply, sizeof a->reply);
    pk_reply_error(&b, &to, PK_E_TIMEOUT, "carried out, but the store has not kept it yet");
    a->reply_bytes = b.n;
    a->reply_is_staged = false;
    a->reply_after_seq = 0;
    a->reply_since_ms = a->now.mono_ms;
}

/* One reply at a time; a request waits while another's reply is still on its way. */
static void send_reply(struct pk_agent *a) {
    if (a->reply_owner == 0) {
        return;
    }
    const bool is_late = a->now.mono_ms - a->reply_since_ms >= PK_AGENT_STORE_WAIT_MS;
    if (a->reply_is_staged || a->reply_after_seq > a->durable_seq) {
        if (!is_late) {
            return;
        }
        say_unstored(a);
    }
    const uint32_t index = a->reply_owner - 1;
    const int n =
        a->port->serve.send(a->port->serve.ctx, index, a->reply + a->reply_at, a->reply_bytes - a->reply_at);
    a->reply_at += n > 0 ? (uint32_t)n : 0;
    if (n >= 0 && a->reply_at == a->reply_bytes) {
        a->reply_owner = 0;
    } else if (n < 0 || a->now.mono_ms - a->reply_since_ms >= REPLY_STUCK_MS) {
        a->counters.slow_closed += n < 0 ? 0 : 1;
        close_connection(a, index);
    }
}

static void begin_reply(struct pk_agent *a, uint32_t index, const struct pk_buf *b, bool waits_for_store) {
    a->reply_owner = index + 1;
    a->reply_at = 0;
    a->reply_bytes = b->n;
    a->reply_is_staged = waits_for_store;
    a->reply_after_seq = 0;
    a->reply_since_ms = a->now.mono_ms;
    send_reply(a);
}

static void refuse(struct pk_agent *a, uint32_t index, uint64_t id, int err, const char *message) {
    struct pk_buf b;
    const struct pk_reply_to to = {.is_socket = true, .id = id};
    pk_buf_init(&b, a->reply, sizeof a->reply);
    pk_reply_error(&b, &to, err, message);
    a->counters.requests_refused++;
    begin_reply(a, index, &b, false);
}

static void start_watch(struct pk_agent *a, uint32_t index) {
    struct pk_agent_connection *c = &a->connections[index];
    const struct pk_str word = pk_args_text(&a->request.args, "severity");
    enum pk_severity severity = PK_SEV_INFO;
    if (word.n > 0 && pk_severity_parse(word, &severity) < 0) {
        refuse(a, index, a->request.id, PK_E_BAD_FIELD,
               "severity is not one of info, low, medium, high, critical");
        return;
    }
    c->is_watching = true;
    c->watches_events = pk_args_bool(&a->request.args, "events");
    c->watch_severity = (uint8_t)severity;
    c->watch_id = a->request.id;
}

static void execute(struct pk_agent *a, uint32_t index) {
    struct pk_buf b;
    struct pk_json_writer w;
    const struct pk_reply_to to = {.is_socket = true, .id = a->request.id};
    const bool is_change = (pk_cmd_row(a->request.cmd)->flags & PK_CMD_MUTATES) != 0;
    if (a->request.cmd == PK_CMD_WATCH) {
        start_watch(a, index);
        return;
    }
    pk_buf_init(&b, a->reply, sizeof a->reply);
    pk_reply_begin(&w, &b, &to, PK_REPLY_RESULT);
    int err = pk_agent_execute(a, &a->request, &w);
    pk_reply_end(&w, &to);
    if (err == PK_OK && b.is_cut) {
        err = pk_agent_fail(a, PK_E_TOO_BIG,
                            "the answer is larger than a reply of this board; ask for less with limit");
    }
    if (err < 0) {
        refuse(a, index, a->request.id, err, a->why);
        return;
    }
    begin_reply(a, index, &b, is_change);
}

static void take_request(struct pk_agent *a, uint32_t index, struct pk_str line) {
    struct pk_agent_connection *c = &a->connections[index];
    struct pk_control_request request;
    const char *field = "";
    uint32_t at_byte = 0;
    char message[128];
    int err = pk_control_parse(line, &request, &field, &at_byte);
    if (err < 0) {
        struct pk_buf b;
        pk_buf_init(&b, message, sizeof message);
        pk_buf_puts(&b, pk_err_text(err));
        if (field[0] != '\0') {
            pk_buf_puts(&b, ": ");
            pk_buf_puts(&b, field);
        }
        pk_buf_puts(&b, " at byte ");
        pk_buf_put_u64(&b, at_byte);
        refuse(a, index, request.id, err, message);
        return;
    }
    err = pk_command_local(pk_str_of(request.cmd), request.args, (enum pk_role)c->role, &a->request, a->why);
    a->request.id = request.id;
    a->request.connection = index;
    struct pk_buf who;
    pk_buf_init(&who, a->request.who, sizeof a->request.who);
    pk_buf_puts(&who, "uid:");
    pk_buf_put_u64(&who, c->uid);
    const char *person = pk_keys_person(&a->keys[a->keys_index], c->uid);
    (void)pk_str_copy_cut(person != NULL ? pk_str_of(person) : pk_buf_str(&who), a->request.people[0],
                          sizeof a->request.people[0]);
    a->request.people[1][0] = '\0';
    if (err < 0) {
        pk_agent_audit_refused_local(a, &a->request, err);
        refuse(a, index, request.id, err, a->why);
        return;
    }
    execute(a, index);
}

static void serve_control(struct pk_agent *a, uint32_t index) {
    struct pk_agent_connection *c = &a->connections[index];
    struct pk_str line;
    while (c->is_used && a->reply_owner == 0) {
        const int err = pk_lines_next(&c->lines, &line);
        if (err == PK_E_AGAIN) {
            return;
        }
        if (err < 0) {
            refuse(a, index, 0, PK_E_TOO_BIG, "the request line is longer than this board takes");
            continue;
        }
        if (line.n > 0) {
            take_request(a, index, line);
        }
    }
}

/* ---- turns ---- */

static void serve(struct pk_agent *a, uint32_t index) {
    struct pk_agent_connection *c = &a->connections[index];
    uint32_t room = 0;
    flush_tail(a, index);
    if (!c->is_used) {
        return;
    }
    char *to = pk_lines_room(&c->lines, &room);
    if (c->is_readable && room > 0) {
        const int n = a->port->serve.recv(a->port->serve.ctx, index, to, room);
        if (n < 0) {
            close_connection(a, index);
            return;
        }
        pk_lines_added(&c->lines, (uint32_t)n);
        c->is_readable = n > 0 && (uint32_t)n == room;
    }
    if (c->listener == PK_LISTEN_EVENTS) {
        serve_events(a, index);
    } else {
        serve_control(a, index);
    }
}

void pk_agent_local_read(struct pk_agent *a) {
    struct pk_serve_event e;
    while (a->port->serve.next(a->port->serve.ctx, &e) == PK_OK) {
        on_serve_event(a, &e);
    }
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        if (a->connections[i].is_used) {
            serve(a, i);
        }
    }
}

void pk_agent_local_write(struct pk_agent *a) {
    send_reply(a);
}

/* True when a connection has something to do without the socket saying so again. */
bool pk_agent_local_wants_turn(const struct pk_agent *a) {
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        const struct pk_agent_connection *c = &a->connections[i];
        if (!c->is_used || (c->listener == PK_LISTEN_CONTROL && a->reply_owner != 0)) {
            continue;
        }
        const uint32_t waiting = c->lines.used_bytes - c->lines.taken_bytes;
        if (c->is_readable ||
            (waiting > 0 && memchr(c->lines.p + c->lines.taken_bytes, '\n', waiting) != NULL)) {
            return true;
        }
    }
    return false;
}

/* ---- watchers ---- */

static bool has_watcher(const struct pk_agent *a, uint8_t severity, bool is_event) {
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        const struct pk_agent_connection *c = &a->connections[i];
        if (c->is_used && c->is_watching && severity >= c->watch_severity &&
            (!is_event || c->watches_events)) {
            return true;
        }
    }
    return false;
}

/* line: room for the result and its frame. */
static void tell_watchers(struct pk_agent *a, uint8_t severity, bool is_event, struct pk_str result,
                          char *line, uint32_t line_bytes) {
    for (uint32_t i = 0; i < PK_LIMIT_CONNECTIONS; i++) {
        const struct pk_agent_connection *c = &a->connections[i];
        if (!c->is_used || !c->is_watching || severity < c->watch_severity ||
            (is_event && !c->watches_events)) {
            continue;
        }
        struct pk_buf b;
        struct pk_json_writer w;
        const struct pk_reply_to to = {.is_socket = true, .id = c->watch_id};
        pk_buf_init(&b, line, line_bytes);
        pk_reply_begin(&w, &b, &to, PK_REPLY_MORE);
        pk_jw_raw(&w, "result", result);
        pk_reply_end(&w, &to);
        if (b.is_cut || !send_line(a, i, b.p, b.n)) {
            a->counters.watch_lost++;
        }
    }
}

void pk_agent_watch_incident(struct pk_agent *a, const struct pk_incident *i, uint32_t kinds) {
    char text[768], line[900];
    struct pk_buf b;
    struct pk_json_writer w;
    if (!has_watcher(a, i->severity, false)) {
        return;
    }
    pk_buf_init(&b, text, sizeof text);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_cstr(&w, "kind", "incident");
    pk_jw_cstr(&w, "change", (kinds & PK_INC_CHANGED_CREATED) != 0 ? "created" : "updated");
    pk_jw_time(&w, "at", a->now.wall_ms);
    pk_jw_cstr(&w, "incident_id", i->id);
    pk_jw_cstr(&w, "title", i->title);
    pk_jw_cstr(&w, "severity", pk_severity_word((enum pk_severity)i->severity));
    pk_jw_cstr(&w, "status", pk_incident_status_word(i->status));
    pk_jw_cstr(&w, "stage", pk_incident_stage_word(i->stage));
    pk_jw_bool(&w, "acked", i->is_acked);
    pk_jw_u64(&w, "rev", i->rev);
    pk_jw_object_end(&w);
    if (!b.is_cut) {
        tell_watchers(a, i->severity, false, pk_buf_str(&b), line, sizeof line);
    }
}

void pk_agent_watch_timeline(struct pk_agent *a, const struct pk_timeline_entry *e) {
    char text[768], line[900];
    struct pk_buf b;
    struct pk_json_writer w;
    if (!has_watcher(a, e->severity, false)) {
        return;
    }
    const struct pk_incident *i = pk_incidents_get(&a->incidents, e->incident);
    pk_buf_init(&b, text, sizeof text);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_cstr(&w, "kind", "timeline");
    pk_jw_time(&w, "at", e->at.wall_ms);
    pk_jw_cstr(&w, "incident_id", i != NULL ? i->id : NULL);
    pk_jw_cstr(&w, "severity", pk_severity_word((enum pk_severity)e->severity));
    pk_jw_cstr(&w, "source", pk_timeline_source_word(e->source));
    pk_jw_cstr(&w, "event", pk_timeline_kind_word(e->kind));
    pk_jw_cstr(&w, "message", e->text);
    pk_jw_object_end(&w);
    if (!b.is_cut) {
        tell_watchers(a, e->severity, false, pk_buf_str(&b), line, sizeof line);
    }
}

void pk_agent_watch_event(struct pk_agent *a, const struct pk_event *e) {
    /* Half of the scratch for the event, the rest for the line. */
    enum { FRAME_BYTES = 96, EVENT_TEXT_BYTES = (PK_LIMIT_PAYLOAD_BYTES - FRAME_BYTES) / 2 };
    struct pk_buf b;
    struct pk_json_writer w;
    if (!has_watcher(a, e->severity, true)) {
        return;
    }
    pk_buf_init(&b, a->payload, EVENT_TEXT_BYTES);
    pk_jw_init(&w, &b);
    pk_jw_object(&w, NULL);
    pk_jw_cstr(&w, "kind", "event");
    pk_jw_time(&w, "received", pk_agent_stamp_at(a, e->receive_ms).wall_ms);
    pk_event_json_write(&w, "event", e, &a->intake.types, &a->intake.sources, &a->intake.text, a->now.boot);
    pk_jw_object_end(&w);
    if (b.is_cut) {
        a->counters.watch_lost++;
        return;
    }
    tell_watchers(a, e->severity, true, pk_buf_str(&b), a->payload + EVENT_TEXT_BYTES,
                  (uint32_t)sizeof a->payload - EVENT_TEXT_BYTES);
}
