/* Text from outside to events: logs, syslog, statsd, the kernel, the journal. The supervisor opens, the port
 * reads, the parsers of src/event understand; here is when to read, what to do about losses, and what a
 * source that cannot be read is: a fault, never healthy. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "base/pk_copy.h"
#include "base/pk_hash.h"
#include "event/pk_statsd.h"

enum {
    LOOK_MS = 1000,        /* between two looks at the files */
    ASK_MS = 5000,         /* between two tries to get a descriptor */
    GRACE_MS = 5000,       /* a log may be missing that long while it is rotated */
    SETTLE_MS = 3000,      /* a program that runs that long without a word is up */
    KEEP_MS = 60000,       /* between two reports of how far was read */
    QUARTER_MS = 900000,   /* zones are that far apart */
    BYTES_PER_TURN = 65536 /* of one inlet; what is left waits for the next tick */
};
#define NEVER UINT64_MAX

static const struct pk_inlet_row *row_of(const struct pk_agent *a, uint32_t i) {
    return &a->config.inlets.rows[i];
}

static bool is_file(const struct pk_agent *a, uint32_t i) {
    return row_of(a, i)->kind == PK_INLET_LOG;
}

static enum pk_inlet_form form_of(const struct pk_agent *a, uint32_t i) {
    switch ((enum pk_inlet_kind)row_of(a, i)->kind) {
    case PK_INLET_LOG:
        return PK_INLET_FILE;
    case PK_INLET_KMSG:
        return PK_INLET_RECORDS;
    case PK_INLET_JOURNAL:
        return PK_INLET_STREAM;
    case PK_INLET_SYSLOG:
    case PK_INLET_SYSLOG_UDP:
    case PK_INLET_STATSD:
    case PK_INLET_STATSD_UDP:
    case PK_INLET_WITNESS:
    case PK_INLET_KIND_COUNT:
        break;
    }
    return PK_INLET_DATAGRAMS;
}

/* ---- state, as events of the source that stands for it ---- */

static void say_state(struct pk_agent *a, uint32_t i, int error) {
    if (pk_event_sample("source_up", row_of(a, i)->name, 1.0, error, &a->event_in) == PK_OK) {
        a->event_in.severity = error != PK_OK ? PK_SEV_HIGH : PK_SEV_INFO;
        pk_agent_offer(a);
    }
}

static void set_fault(struct pk_agent *a, uint32_t i, int error) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    in->fault_ms = in->up_ms = NEVER;
    in->error = (int8_t)error;
    if (in->is_fault) {
        return;
    }
    in->is_fault = true;
    in->is_up = false;
    pk_agent_log1(a, PK_LOG_WARNING, "a source of text cannot be read", pk_str_of(row_of(a, i)->name));
    say_state(a, i, error);
}

static void set_up(struct pk_agent *a, uint32_t i) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    in->up_ms = NEVER;
    in->error = PK_OK;
    if (in->is_up) {
        return;
    }
    if (in->is_fault) {
        pk_agent_log1(a, PK_LOG_NOTICE, "a source of text can be read again", pk_str_of(row_of(a, i)->name));
    }
    in->is_up = true;
    in->is_fault = false;
    say_state(a, i, PK_OK);
}

static void close_inlet(struct pk_agent *a, uint32_t i) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    a->port->inlet.close(a->port->inlet.ctx, i);
    in->is_open = in->has_more = in->is_live = in->is_skipping = false;
}

static void fail(struct pk_agent *a, uint32_t i, int error) {
    close_inlet(a, i);
    set_fault(a, i, error);
    a->inlets.rows[i].ask_ms = a->now.mono_ms + ASK_MS;
}

/* ---- one line ---- */

/* A line of a live log that names no zone is of now, so the quarters of an hour it is off are the zone of who
 * wrote it. Old lines, which come in bulk, teach nothing. */
static void place_line(struct pk_agent *a, struct pk_agent_inlet *in, bool is_live) {
    enum { SLACK_MS = 120000, ZONE_MAX_MS = 14 * 3600000 };
    struct pk_logline *line = &a->inlets.line;
    if (!line->has_time) {
        line->wall_ms = a->now.wall_ms; /* for what counts in the time of lines */
        return;
    }
    if (line->has_zone || a->now.quality < PK_TIME_NTP) {
        return;
    }
    const int64_t off_ms = a->now.wall_ms - line->wall_ms;
    const int64_t half = off_ms >= 0 ? QUARTER_MS / 2 : -(QUARTER_MS / 2);
    const int64_t zone_ms = (off_ms + half) / QUARTER_MS * QUARTER_MS;
    const int64_t rest_ms = off_ms - zone_ms;
    if (is_live && zone_ms >= -ZONE_MAX_MS && zone_ms <= ZONE_MAX_MS && rest_ms >= -SLACK_MS &&
        rest_ms <= SLACK_MS) {
        in->zone_ms = zone_ms;
    }
    line->wall_ms += in->zone_ms;
}

static void parse_line(struct pk_agent *a, uint32_t i, struct pk_str text) {
    enum { AHEAD_MS = 2 * 86400000 };
    struct pk_agent_inlets *all = &a->inlets;
    pk_agent_capsule_log(a, text);
    pk_logline_parse(&all->reader, text, &all->line);
    /* "Dec 31" read in January is of the year before. */
    if (all->line.has_time && all->reader.month != 0 && all->line.wall_ms - a->now.wall_ms > AHEAD_MS) {
        const uint64_t odd = all->reader.odd_byte_count, other = all->reader.other_form_count;
        all->reader.year--;
        all->reader.month = 0;
        pk_logline_parse(&all->reader, text, &all->line);
        all->reader.year++;
        all->reader.odd_byte_count = odd; /* it is one line */
        all->reader.other_form_count = other;
    }
    all->reader.month = 0;
    place_line(a, &all->rows[i], !is_file(a, i) || all->rows[i].is_live);
}

static void lose(struct pk_agent *a, uint32_t i, enum pk_loss_reason reason, uint64_t count) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    in->bad_count += reason == PK_LOSS_BAD_INPUT ? count : 0;
    in->lost_count += reason == PK_LOSS_BAD_INPUT ? 0 : count;
    pk_intake_lost(&a->intake, in->source_id, reason, count, a->now.mono_ms);
}

static bool has_room(const struct pk_agent *a, uint32_t events) {
    return a->intake.count + events < PK_LIMIT_INTAKE_EVENTS && pk_intake_has_text_room(&a->intake);
}

/* What the patterns say to the line that was parsed. */
static void offer_line(struct pk_agent *a, uint32_t i, bool is_replayed) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    struct pk_logevent_pattern pattern;
    if (pk_logevent_make(&a->inlets.tables, &a->inlets.line, &a->inlets.once, &a->event_in, &pattern) !=
        PK_OK) {
        return;
    }
    a->event_in.is_local = false;
    a->event_in.is_replayed = is_replayed;
    a->event_in.is_foreign = a->event_in.is_foreign || row_of(a, i)->kind == PK_INLET_SYSLOG_UDP;
    a->event_in.via = (uint16_t)(in->source_id + 1u);
    for (uint32_t n = 0; n < pattern.count; n++) {
        if (n > 0 && !has_room(a, 1)) {
            lose(a, i, PK_LOSS_INTAKE_FULL, pattern.count - n);
            break;
        }
        in->event_count++;
        pk_agent_offer(a);
    }
    if (a->inlets.line.repeat_count > PK_LOG_REPEATS_MAX) {
        lose(a, i, PK_LOSS_RATE, a->inlets.line.repeat_count - PK_LOG_REPEATS_MAX);
    }
}

static void refuse(struct pk_agent *a, uint32_t i, const char *why) {
    a->inlets.rows[i].refusal = why;
    lose(a, i, PK_LOSS_BAD_INPUT, 1);
}

/* Between begin and end lines of one inlet are read with what is remembered of it. */
static void begin_reading(struct pk_agent *a, uint32_t i) {
    int year = 0;
    unsigned rest = 0;
    if (a->now.quality >= PK_TIME_NTP) {
        pk_time_to_civil(a->now.wall_ms, &year, &rest, &rest, &rest, &rest, &rest);
    }
    pk_log_reader_resume(&a->inlets.reader, &a->inlets.rows[i].memory, year);
    a->inlets.reader.form = row_of(a, i)->form;
    a->inlets.reader.other_form_count = a->inlets.reader.odd_byte_count = 0;
    pk_patterns_use_tables(&a->patterns.use, &a->patterns.picked[i], &a->inlets.tables);
}

static void end_reading(struct pk_agent *a, uint32_t i, uint64_t lines_before) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    struct pk_source *s = pk_sources_state(&a->intake.sources, in->source_id);
    pk_log_reader_keep(&a->inlets.reader, &in->memory);
    in->other_form_count += a->inlets.reader.other_form_count;
    in->odd_byte_count += a->inlets.reader.odd_byte_count;
    if (in->line_count == lines_before) {
        return;
    }
    if (s != NULL) {
        s->last_seen_ms = a->now.mono_ms;
    }
    in->has_line = true;
    set_up(a, i);
}

/* ---- files ---- */

/* Bytes taken of n; the rest is the beginning of a line. A line longer than is looked at is taken once it is
 * that long, and what follows of it is passed over. */
static uint32_t take_lines(struct pk_agent *a, uint32_t i, uint32_t n) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    const char *bytes = a->inlets.bytes;
    uint32_t at = 0;
    while (at < n && has_room(a, 1)) {
        const uint32_t length = pk_find_byte(bytes + at, n - at, '\n');
        const bool is_whole = length < n - at, is_long = length >= PK_LOG_LINE_BYTES_MAX;
        if (!is_whole && !is_long && !in->is_skipping) {
            break;
        }
        if (!in->is_skipping) {
            in->line_count++;
            in->cut_count += is_long ? 1u : 0u;
            parse_line(a, i, pk_str_make(bytes + at, length));
            offer_line(a, i, false);
        }
        in->is_skipping = !is_whole;
        at += length + (is_whole ? 1u : 0u);
    }
    return at;
}

/* Of the bytes before `at`. False: they are not there any more. */
static bool check_tail(struct pk_agent *a, uint32_t i, uint32_t n, uint32_t *out, bool *out_is_hole) {
    const struct pk_port_inlet *p = &a->port->inlet;
    uint8_t bytes[PK_INLET_CHECK_BYTES];
    PK_ASSERT(n <= sizeof bytes && n <= a->inlets.rows[i].at);
    if (p->read_at(p->ctx, i, a->inlets.rows[i].at - n, bytes, n) != (int)n) {
        return false;
    }
    uint32_t zeros = 0;
    while (zeros < n && bytes[zeros] == 0) {
        zeros++;
    }
    *out = pk_crc32c(0, bytes, n);
    *out_is_hole = zeros == n;
    return true;
}

static void note_tail(struct pk_agent *a, uint32_t i) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    bool is_hole = false;
    in->tail_bytes = (uint8_t)(in->at < PK_INLET_CHECK_BYTES ? in->at : PK_INLET_CHECK_BYTES);
    if (!check_tail(a, i, in->tail_bytes, &in->tail_check, &is_hole)) {
        in->tail_bytes = 0;
    }
}

/* Cut short under us, copied away and emptied, or written anew: shorter than it was, or it grew beyond that
 * since the last look, and what stands before the place is something else. A writer that did not notice
 * leaves a hole of zeros and goes on where it was, and so do we. */
static bool is_written_anew(struct pk_agent *a, uint32_t i, const struct pk_inlet_file *file) {
    const struct pk_agent_inlet *in = &a->inlets.rows[i];
    uint32_t check = 0;
    bool is_hole = false;
    return file->size_bytes < in->at ||
           (file->size_bytes > in->at && in->tail_bytes > 0 &&
            check_tail(a, i, in->tail_bytes, &check, &is_hole) && !is_hole && check != in->tail_check);
}

/* The old file is done with once a newer one waits and nothing came for a whole look: its writer may have
 * gone on with it for a moment. With two that wait it is certain. */
static void change_file(struct pk_agent *a, uint32_t i, const struct pk_inlet_file *file, uint32_t rest) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    struct pk_inlet_file next;
    if (file->waiting_count == 0 || (!in->is_live && file->waiting_count == 1u)) {
        return;
    }
    if (rest > 0 && !in->is_skipping) { /* its last line has no end */
        in->line_count++;
        parse_line(a, i, pk_str_make(a->inlets.bytes, rest));
        offer_line(a, i, false);
    }
    if (a->port->inlet.next_file(a->port->inlet.ctx, i) != PK_OK ||
        a->port->inlet.look(a->port->inlet.ctx, i, &next) != PK_OK) {
        fail(a, i, PK_E_IO);
        return;
    }
    in->file_count++;
    in->at = next.position;
    note_tail(a, i);
    in->is_skipping = false;
    in->has_more = true;
}

static void read_lines(struct pk_agent *a, uint32_t i, const struct pk_inlet_file *file) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    const struct pk_port_inlet *p = &a->port->inlet;
    const uint64_t from = in->at;
    uint32_t rest = 0;
    in->has_more = false;
    for (;;) {
        const int n = p->read_at(p->ctx, i, in->at, a->inlets.bytes, sizeof a->inlets.bytes);
        if (n < 0) {
            fail(a, i, n);
            return;
        }
        const uint32_t taken = take_lines(a, i, (uint32_t)n);
        in->at += taken;
        rest = (uint32_t)n - taken;
        const bool is_stuck = taken == 0 && n > 0 && !has_room(a, 1);
        if (is_stuck || in->at - from >= BYTES_PER_TURN || (taken > 0 && !has_room(a, 1))) {
            in->has_more = true;
            break;
        }
        if (taken == 0) {
            break;
        }
    }
    if (in->at != from) {
        p->keep(p->ctx, i, in->at);
        note_tail(a, i);
    }
    if (!in->has_more) {
        change_file(a, i, file, rest);
        in->is_live = in->is_open;
    }
}

static void read_file(struct pk_agent *a, uint32_t i) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    struct pk_inlet_file file;
    const int err = a->port->inlet.look(a->port->inlet.ctx, i, &file);
    if (err != PK_OK) {
        fail(a, i, err);
        return;
    }
    if (is_written_anew(a, i, &file)) {
        in->at = in->tail_bytes = 0;
        in->is_skipping = false;
        in->truncated_count++;
    }
    if (file.size_bytes == in->at && file.waiting_count == 0) {
        in->has_more = false;
        in->is_live = true;
        return;
    }
    const uint64_t before = in->line_count;
    begin_reading(a, i);
    read_lines(a, i, &file);
    end_reading(a, i, before);
}

/* ---- sockets, records, the journal ---- */

static void take_statsd_line(struct pk_agent *a, uint32_t i, struct pk_str line, bool is_half) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    if (line.n > 0 && line.p[line.n - 1u] == '\r') {
        line.n--;
    }
    if (line.n == 0) {
        return;
    }
    in->line_count++;
    if (is_half) {
        refuse(a, i, "its end was cut off: a datagram is at most 8192 bytes");
        return;
    }
    const enum pk_statsd_refusal refusal = pk_statsd_parse(line, row_of(a, i)->name, &a->event_in);
    if (refusal != PK_STATSD_OK) {
        refuse(a, i, pk_statsd_refusal_text(refusal));
        return;
    }
    a->event_in.is_foreign = strcmp(a->event_in.source, row_of(a, i)->name) != 0;
    a->event_in.is_type_foreign = true;
    a->event_in.via = (uint16_t)(in->source_id + 1u);
    in->event_count++;
    pk_agent_offer(a);
}

/* As many lines as find room; the others wait where they are. */
static void take_statsd(struct pk_agent *a, uint32_t i, struct pk_str text, bool is_cut) {
    struct pk_agent_statsd_rest *rest = &a->inlets.rest;
    const char *end = text.p + text.n;
    struct pk_str line;
    rest->is_any = false;
    while (has_room(a, 1) && pk_str_split(&text, '\n', &line)) {
        take_statsd_line(a, i, line, is_cut && text.p == NULL);
    }
    if (text.p != NULL && text.n > 0) {
        *rest = (struct pk_agent_statsd_rest){.inlet = i,
                                              .at = (uint32_t)(text.p - a->inlets.bytes),
                                              .n = (uint32_t)(end - text.p),
                                              .is_any = true,
                                              .is_cut = is_cut};
    }
}

static void take_statsd_rest(struct pk_agent *a) {
    const struct pk_agent_statsd_rest rest = a->inlets.rest;
    take_statsd(a, rest.inlet, pk_str_make(a->inlets.bytes + rest.at, rest.n), rest.is_cut);
}

/* Its inlet is closed. */
static void drop_statsd_rest(struct pk_agent *a) {
    const struct pk_agent_statsd_rest *rest = &a->inlets.rest;
    struct pk_str text = pk_str_make(a->inlets.bytes + rest->at, rest->n), line;
    uint64_t count = 0;
    while (pk_str_split(&text, '\n', &line)) {
        count += line.n > 0 ? 1u : 0u;
    }
    lose(a, rest->inlet, PK_LOSS_OVERFLOW, count);
    a->inlets.rest.is_any = false;
}

static void take_syslog(struct pk_agent *a, uint32_t i, struct pk_str text) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    while (text.n > 0 && (text.p[text.n - 1u] == '\n' || text.p[text.n - 1u] == '\0')) {
        text.n--;
    }
    in->line_count++;
    parse_line(a, i, text);
    if (text.n == 0 || text.p[0] != '<' || !a->inlets.line.has_severity) {
        refuse(a, i, "no priority in front, <0> to <191>");
        return;
    }
    offer_line(a, i, false);
}

/* The number behind the first comma (Documentation/ABI/testing/dev-kmsg). */
static bool record_number(struct pk_str text, uint64_t *out) {
    struct pk_str piece;
    return pk_str_split(&text, ',', &piece) && text.p != NULL && pk_str_split(&text, ',', &piece) &&
           pk_parse_u64(piece, out) == PK_OK;
}

/* Records from before we read along have the kernel's time: it stands still in suspend, so it is of use only
 * for them. */
static void parse_kernel_line(struct pk_agent *a, uint32_t i, struct pk_str text) {
    struct pk_log_reader *reader = &a->inlets.reader;
    const bool is_live = a->inlets.rows[i].is_live;
    reader->uptime_ms = 0;
    reader->boot_wall_ms = is_live ? 0 : a->now.wall_ms - (int64_t)a->now.mono_ms;
    parse_line(a, i, text);
    reader->boot_wall_ms = 0;
}

static bool is_record_old(const struct pk_agent *a, uint32_t i) {
    return !a->inlets.rows[i].is_live && a->now.mono_ms > a->inlets.reader.uptime_ms + PK_INTAKE_LIVE_MS;
}

static void take_record(struct pk_agent *a, uint32_t i, struct pk_str text) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    uint64_t number = 0;
    if (record_number(text, &number) && number < in->known_record) {
        return;
    }
    in->line_count++;
    parse_kernel_line(a, i, text);
    if (a->inlets.line.format != PK_LOG_FORMAT_KERNEL || !record_number(text, &number)) {
        refuse(a, i, "not a record of the kernel");
        return;
    }
    if (in->record != 0 && number > in->record) {
        lose(a, i, PK_LOSS_OVERFLOW, number - in->record);
    }
    in->record = number + 1u;
    offer_line(a, i, is_record_old(a, i));
}

/* A record is a line, then lines that begin with a blank and say more about the device. */
static void take_records(struct pk_agent *a, uint32_t i, struct pk_str text) {
    struct pk_str line;
    while (pk_str_split(&text, '\n', &line)) {
        if (line.n > 0 && line.p[0] != ' ') {
            take_record(a, i, line);
        }
    }
}

static void take_neighbour(struct pk_agent *a, uint32_t i, struct pk_str text) {
    const char *why = pk_agent_witness_take(a, text);
    a->inlets.rows[i].line_count++;
    if (why != NULL) {
        refuse(a, i, why);
    }
}

static void take_datagram(struct pk_agent *a, uint32_t i, struct pk_str text,
                          const struct pk_inlet_piece *piece) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    in->cut_count += piece->is_cut ? 1u : 0u;
    if (piece->dropped_count > in->dropped_count) {
        lose(a, i, PK_LOSS_OVERFLOW, piece->dropped_count - in->dropped_count);
    }
    in->dropped_count = piece->dropped_count;
    switch ((enum pk_inlet_kind)row_of(a, i)->kind) {
    case PK_INLET_STATSD:
    case PK_INLET_STATSD_UDP:
        take_statsd(a, i, text, piece->is_cut);
        return;
    case PK_INLET_SYSLOG:
    case PK_INLET_SYSLOG_UDP:
        take_syslog(a, i, text);
        return;
    case PK_INLET_KMSG:
        take_records(a, i, text);
        return;
    case PK_INLET_WITNESS:
        take_neighbour(a, i, text);
        return;
    case PK_INLET_LOG:
    case PK_INLET_JOURNAL:
    case PK_INLET_KIND_COUNT:
        break;
    }
}

/* Whole datagrams and records. One of statsd may hold many events: half the ring is free for it, and what it
 * has beyond waits. */
static void read_datagrams(struct pk_agent *a, uint32_t i) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    const struct pk_port_inlet *p = &a->port->inlet;
    struct pk_inlet_piece piece;
    uint32_t bytes = 0;
    int n = 0;
    in->has_more = false;
    while (n != PK_E_AGAIN) {
        if (bytes >= BYTES_PER_TURN || !has_room(a, PK_LIMIT_INTAKE_EVENTS / 2u)) {
            in->has_more = true;
            return;
        }
        n = p->recv(p->ctx, i, a->inlets.bytes, PK_LOG_LINE_BYTES_MAX + 1, &piece);
        in->is_live = in->is_live || n == PK_E_AGAIN;
        if (n == PK_E_CLOSED || n == PK_E_IO) {
            fail(a, i, n);
            return;
        }
        if (n >= 0) {
            bytes += (uint32_t)n + 64u;
            take_datagram(a, i, pk_str_make(a->inlets.bytes, (uint32_t)n), &piece);
        }
        if (a->inlets.rest.is_any) {
            in->has_more = true;
            return;
        }
    }
}

static void take_journal(struct pk_agent *a, uint32_t i, int err, struct pk_str text) {
    struct pk_agent_inlets *all = &a->inlets;
    struct pk_agent_inlet *in = &all->rows[i];
    in->line_count++;
    all->reader.cursor[0] = '\0';
    if (err < 0) {
        in->cut_count++;
        refuse(a, i, "longer than 8192 bytes");
        return;
    }
    parse_line(a, i, text);
    if (all->line.format != PK_LOG_FORMAT_JSON) {
        refuse(a, i, "not a JSON object");
        return;
    }
    if (pk_inlet_is_cursor(pk_str_of(all->reader.cursor))) {
        memcpy(all->cursor, all->reader.cursor, sizeof all->cursor);
    }
    offer_line(a, i, false);
}

static void journal_ended(struct pk_agent *a, uint32_t i) {
    if (!a->inlets.rows[i].has_line) { /* perhaps it does not know the cursor any more */
        a->inlets.cursor[0] = '\0';
    }
    pk_lines_init(&a->inlets.journal, a->inlets.journal_bytes, sizeof a->inlets.journal_bytes);
    fail(a, i, PK_E_CLOSED);
}

static void read_journal(struct pk_agent *a, uint32_t i) {
    struct pk_agent_inlets *all = &a->inlets;
    struct pk_agent_inlet *in = &all->rows[i];
    const struct pk_port_inlet *p = &a->port->inlet;
    struct pk_inlet_piece piece;
    struct pk_str text;
    uint32_t bytes = 0, room = 0;
    in->has_more = false;
    for (;;) {
        int err = PK_OK;
        while (has_room(a, 1) && (err = pk_lines_next(&all->journal, &text)) != PK_E_AGAIN) {
            take_journal(a, i, err, text);
        }
        if (err != PK_E_AGAIN || bytes >= BYTES_PER_TURN) {
            in->has_more = true;
            return;
        }
        char *to = pk_lines_room(&all->journal, &room);
        const int n = p->recv(p->ctx, i, to, room, &piece);
        if (n == PK_E_AGAIN) {
            return;
        }
        if (n < 0) {
            journal_ended(a, i);
            return;
        }
        pk_lines_added(&all->journal, (uint32_t)n);
        bytes += (uint32_t)n;
    }
}

static void read_inlet(struct pk_agent *a, uint32_t i) {
    const uint64_t before = a->inlets.rows[i].line_count;
    begin_reading(a, i);
    if (row_of(a, i)->kind == PK_INLET_JOURNAL) {
        read_journal(a, i);
    } else {
        read_datagrams(a, i);
    }
    end_reading(a, i, before);
}

/* ---- the supervisor ---- */

static void ask(struct pk_agent *a, uint32_t i) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    struct pk_ipc_inlet request = {.table_crc = pk_inlets_crc(&a->config.inlets)};
    if (row_of(a, i)->kind == PK_INLET_JOURNAL) {
        memcpy(request.cursor, a->inlets.cursor, sizeof request.cursor);
    }
    /* A lost frame is made up for by the next one. */
    (void)pk_agent_send_frame(a, PK_IPC_INLET, i, &request, sizeof request);
    in->ask_ms = a->now.mono_ms + ASK_MS;
}

/* Of logs the descriptor itself says how far. */
static void keep_place(struct pk_agent *a, uint32_t i) {
    struct pk_agent_inlets *all = &a->inlets;
    struct pk_agent_inlet *in = &all->rows[i];
    const int32_t zone_quarters = (int32_t)(in->zone_ms / QUARTER_MS);
    const bool is_journal = row_of(a, i)->kind == PK_INLET_JOURNAL;
    const bool has_cursor = is_journal && strcmp(all->cursor, all->kept_cursor) != 0;
    struct pk_ipc_inlet_at at = {
        .table_crc = pk_inlets_crc(&a->config.inlets), .zone_quarters = zone_quarters, .record = in->record};
    if (in->record == in->kept_record && zone_quarters == in->kept_zone_quarters && !has_cursor) {
        return;
    }
    if (is_journal) {
        memcpy(at.cursor, all->cursor, sizeof at.cursor);
    }
    if (pk_agent_send_frame(a, PK_IPC_INLET_AT, i, &at, sizeof at) < 0) {
        return; /* said again with the next ones */
    }
    in->kept_record = in->record;
    in->kept_zone_quarters = zone_quarters;
    if (is_journal) {
        memcpy(all->kept_cursor, all->cursor, sizeof all->kept_cursor);
    }
}

static bool is_udp(const struct pk_agent *a, uint32_t i) {
    return pk_inlet_is_udp(row_of(a, i));
}

static void keep_places(struct pk_agent *a) {
    for (uint32_t i = 0; i < a->config.inlets.count; i++) {
        keep_place(a, i);
    }
    a->inlets.keep_ms = a->now.mono_ms + KEEP_MS;
}

/* Those that were renamed more than once between two looks, and gone. */
static void note_skipped(struct pk_agent_inlet *in, uint64_t count) {
    in->skipped_file_count += count > in->dropped_count ? count - in->dropped_count : 0;
    in->dropped_count = count;
}

static void opened(struct pk_agent *a, uint32_t i, bool was_open, const struct pk_ipc_inlet_fd *how) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    struct pk_inlet_file file;
    in->place_lost_count += how->start == PK_IPC_INLET_LOST ? 1u : 0u;
    if (in->zone_ms == 0) {
        in->zone_ms = (int64_t)how->zone_quarters * QUARTER_MS;
        in->kept_zone_quarters = how->zone_quarters;
    }
    in->is_open = true;
    in->ask_ms = in->fault_ms = NEVER;
    if (is_file(a, i)) {
        note_skipped(in, how->record);
    } else {
        in->known_record = is_udp(a, i) ? 0 : how->record;
        in->record = how->start == PK_IPC_INLET_RESUMED ? how->record : 0;
        in->dropped_count = is_udp(a, i) ? how->record : 0;
    }
    if (is_file(a, i) && was_open) {
        set_up(a, i);
        return; /* it waits behind the one being read */
    }
    in->has_line = in->is_skipping = in->is_live = false;
    in->has_more = true; /* something may have come before the descriptor did */
    if (is_file(a, i)) {
        if (a->port->inlet.look(a->port->inlet.ctx, i, &file) != PK_OK) {
            fail(a, i, PK_E_IO);
            return;
        }
        in->at = file.position;
        note_tail(a, i);
    }
    if (row_of(a, i)->kind == PK_INLET_JOURNAL) {
        pk_lines_init(&a->inlets.journal, a->inlets.journal_bytes, sizeof a->inlets.journal_bytes);
        in->up_ms = a->now.mono_ms + SETTLE_MS;
        return;
    }
    set_up(a, i);
}

static void on_descriptor(struct pk_agent *a, uint32_t i, const struct pk_ipc_frame *f) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    const bool was_open = in->is_open;
    struct pk_ipc_inlet_fd how;
    memset(&how, 0, sizeof how);
    memcpy(&how, f->body, f->body_bytes < sizeof how ? f->body_bytes : sizeof how);
    const int err = a->port->inlet.adopt(a->port->inlet.ctx, i, form_of(a, i), f->id);
    in->skipped_file_count += err == PK_E_FULL ? 1u : 0u;
    if (err == PK_OK || err == PK_E_FULL) {
        opened(a, i, was_open, &how);
        return;
    }
    fail(a, i, err);
}

static void on_refusal(struct pk_agent *a, uint32_t i, int error) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    /* A log that is there again is passed without being asked for. */
    in->ask_ms = is_file(a, i) && error != PK_E_STALE ? NEVER : a->now.mono_ms + ASK_MS;
    in->error = (int8_t)error;
    if (!in->is_fault && in->fault_ms == NEVER) {
        in->fault_ms = a->now.mono_ms + GRACE_MS;
    }
}

void pk_agent_inlet_frame(struct pk_agent *a, const struct pk_ipc_frame *f) {
    struct pk_ipc_refused r;
    const bool is_fd = f->type == PK_IPC_FD;
    const uint32_t i = is_fd ? f->id - PK_IPC_OPEN_INLET : f->id;
    if ((is_fd && f->id < PK_IPC_OPEN_INLET) || i >= a->config.inlets.count) {
        a->counters.ipc_bad++; /* of before a reload */
        return;
    }
    if (is_fd) {
        on_descriptor(a, i, f);
        return;
    }
    memset(&r, 0, sizeof r);
    memcpy(&r, f->body, f->body_bytes < sizeof r ? f->body_bytes : sizeof r);
    on_refusal(a, i, r.error < 0 && r.error > INT8_MIN ? r.error : PK_E_IO);
}

/* ---- turns ---- */

static void start_inlet(struct pk_agent *a, uint32_t i, uint32_t crc) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    memset(in, 0, sizeof *in);
    const int source = pk_sources_intern(&a->intake.sources, pk_str_of(row_of(a, i)->name));
    if (source < 0) {
        pk_agent_log1(a, PK_LOG_ERROR, "no room for the source of an inlet", pk_str_of(row_of(a, i)->name));
    }
    if (row_of(a, i)->kind == PK_INLET_KMSG) { /* the program of its lines, which others may claim to be */
        (void)!pk_sources_intern(&a->intake.sources, pk_str_of("kernel"));
    }
    in->row_crc = crc;
    in->source_id = source >= 0 ? (uint16_t)source : (uint16_t)PK_LEDGER_NO_SOURCE;
    in->ask_ms = a->now.mono_ms;
    in->up_ms = in->fault_ms = NEVER;
}

void pk_agent_inlets_apply(struct pk_agent *a) {
    const struct pk_inlets *t = &a->config.inlets;
    for (uint32_t i = 0; i < PK_LIMIT_INLETS; i++) {
        const uint32_t crc = i < t->count ? pk_crc32c(1u, &t->rows[i], sizeof t->rows[i]) | 1u : 0;
        struct pk_agent_inlet *in = &a->inlets.rows[i];
        if (crc == in->row_crc) {
            continue;
        }
        if (a->inlets.rest.is_any && a->inlets.rest.inlet == i) {
            drop_statsd_rest(a);
        }
        close_inlet(a, i);
        if (crc != 0) {
            start_inlet(a, i, crc);
        } else {
            memset(in, 0, sizeof *in);
        }
    }
}

static void check_times(struct pk_agent *a, uint32_t i) {
    struct pk_agent_inlet *in = &a->inlets.rows[i];
    const uint64_t now_ms = a->now.mono_ms;
    if (now_ms >= in->fault_ms) {
        set_fault(a, i, in->error);
    }
    if (now_ms >= in->up_ms) {
        set_up(a, i);
    }
    if (now_ms >= in->ask_ms) {
        ask(a, i);
    }
}

void pk_agent_inlets(struct pk_agent *a) {
    const bool is_look = a->now.mono_ms >= a->inlets.look_ms;
    if (a->is_stopping) { /* nothing is read any more that nobody would be told of */
        if (!a->inlets.is_kept) {
            keep_places(a);
        }
        a->inlets.is_kept = true;
        return;
    }
    if (a->inlets.rest.is_any) {
        take_statsd_rest(a);
    }
    for (uint32_t i = 0; i < a->config.inlets.count; i++) {
        const struct pk_agent_inlet *in = &a->inlets.rows[i];
        if (a->inlets.rest.is_any) {
            /* its bytes are where the others would be read to */
        } else if (in->is_open && is_file(a, i)) {
            if (is_look || in->has_more) {
                read_file(a, i);
            }
        } else if (in->is_open) {
            read_inlet(a, i);
        }
        check_times(a, i);
    }
    if (a->now.mono_ms >= a->inlets.keep_ms) {
        keep_places(a);
    }
    if (is_look) { /* at whole seconds, as the collectors */
        a->inlets.look_ms = (a->now.mono_ms / LOOK_MS + 1u) * LOOK_MS;
    }
}

bool pk_agent_inlets_want_turn(const struct pk_agent *a) {
    bool is_any = false;
    for (uint32_t i = 0; i < a->config.inlets.count && !a->is_stopping; i++) {
        is_any = is_any || (a->inlets.rows[i].is_open && a->inlets.rows[i].has_more);
    }
    return is_any;
}

uint64_t pk_agent_inlets_next_ms(const struct pk_agent *a) {
    uint64_t next = NEVER;
    for (uint32_t i = 0; i < a->config.inlets.count && !a->is_stopping; i++) {
        const struct pk_agent_inlet *in = &a->inlets.rows[i];
        const uint64_t times[] = {in->ask_ms, in->up_ms, in->fault_ms,
                                  in->is_open && is_file(a, i) ? a->inlets.look_ms : NEVER};
        for (size_t k = 0; k < PK_COUNT_OF(times); k++) {
            next = times[k] < next ? times[k] : next;
        }
    }
    return next;
}
