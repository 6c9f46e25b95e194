/* What is known of sources, their events and the mapping rows: commands that only read. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "event/pk_source.h"

enum {
    EVENTS_LIMIT = 20,
    SOURCES_LIMIT = 50,
    SOURCE_ROW_BYTES = 420,
    SOURCE_EVENTS = 5,
    EVENT_FRAME_BYTES = 420, /* of a row, without message and fields */
    ESCAPED = 6,             /* bytes one byte may become in JSON */
    MAP_ROW_BYTES = 1200
};
#define UNIX_MS_FROM                                                                                         \
    100000000000u /* whole numbers from here on are Unix milliseconds, below it seconds of age */

static uint32_t event_row_bytes(const struct pk_event *e) {
    return EVENT_FRAME_BYTES + ((uint32_t)e->text_bytes + e->field_bytes) * ESCAPED;
}

static void put_event(const struct pk_agent *a, struct pk_json_writer *w, const struct pk_event *e) {
    pk_event_json_write(w, NULL, e, &a->intake.types, &a->intake.sources, &a->intake.text, a->now.boot);
}

/* ---- events ---- */

/* A moment on either clock: an age counts on the boot-time clock, which nobody sets. */
struct bound {
    bool is_given, is_age;
    uint64_t mono_ms;
    int64_t wall_ms;
};

static int read_bound(const struct pk_agent *a, struct pk_str text, struct bound *out) {
    uint64_t n = 0;
    *out = (struct bound){.is_given = text.n > 0};
    if (text.n == 0 || pk_time_parse(text, &out->wall_ms) == PK_OK) {
        return PK_OK;
    }
    if (pk_parse_u64(text, &n) == PK_OK && n >= UNIX_MS_FROM && n <= INT64_MAX) {
        out->wall_ms = (int64_t)n;
        return PK_OK;
    }
    out->is_age = true;
    if (pk_parse_duration_ms(text, &n) < 0) {
        return PK_E_BAD_FIELD;
    }
    out->mono_ms = n < a->now.mono_ms ? a->now.mono_ms - n : 0;
    return PK_OK;
}

/* -1, 0 or 1: the event is before, at or after the bound. */
static int side_of(const struct bound *b, const struct pk_event *e) {
    if (b->is_age) {
        return e->receive_ms < b->mono_ms ? -1 : e->receive_ms > b->mono_ms ? 1 : 0;
    }
    return e->wall_ms < b->wall_ms ? -1 : e->wall_ms > b->wall_ms ? 1 : 0;
}

struct event_filter {
    struct pk_str source, type;
    enum pk_severity least;
    struct bound since, until;
    uint64_t below; /* n of event ids */
};

/* "<boot>-<n>" of this boot. */
static int read_before(const struct pk_agent *a, struct pk_str id, uint64_t *out) {
    struct pk_str boot;
    uint64_t n = 0;
    *out = UINT64_MAX;
    if (id.n == 0) {
        return PK_OK;
    }
    (void)pk_str_split(&id, '-', &boot);
    const bool is_ours = id.p != NULL && pk_parse_u64(boot, &n) == PK_OK && n == a->now.boot;
    return is_ours && pk_parse_u64(id, out) == PK_OK ? PK_OK : PK_E_BAD_FIELD;
}

static int read_filter(struct pk_agent *a, const struct pk_request *q, struct event_filter *f) {
    const struct pk_str severity = pk_args_text(&q->args, "severity");
    f->source = pk_args_text(&q->args, "source");
    f->type = pk_args_text(&q->args, "type");
    f->least = PK_SEV_INFO;
    if (severity.n > 0 && pk_severity_parse(severity, &f->least) < 0) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "severity is info, low, medium, high or critical");
    }
    if (read_bound(a, pk_args_text(&q->args, "since"), &f->since) < 0 ||
        read_bound(a, pk_args_text(&q->args, "until"), &f->until) < 0) {
        return pk_agent_fail(a, PK_E_BAD_FIELD,
                             "since and until are an age such as 10m, an RFC 3339 time or Unix milliseconds");
    }
    if (read_before(a, pk_args_text(&q->args, "before"), &f->below) < 0) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "before is not the id of an event since this start");
    }
    return PK_OK;
}

static bool is_wanted(const struct pk_agent *a, const struct event_filter *f, const struct pk_event *e) {
    if (e->number >= f->below || e->severity < (uint8_t)f->least) {
        return false;
    }
    if ((f->since.is_given && side_of(&f->since, e) < 0) ||
        (f->until.is_given && side_of(&f->until, e) > 0)) {
        return false;
    }
    return (f->source.n == 0 ||
            pk_glob_match(f->source, pk_str_of(pk_sources_name(&a->intake.sources, e->source_id)))) &&
           (f->type.n == 0 || pk_glob_match(f->type, pk_str_of(pk_types_name(&a->intake.types, e->type_id))));
}

int pk_agent_list_events(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    struct event_filter f;
    const uint64_t limit = pk_args_u64(&q->args, "limit", EVENTS_LIMIT);
    const uint32_t stored = pk_history_count(&a->history, a->now.mono_ms);
    uint64_t count = 0;
    bool has_more = false;
    const int err = read_filter(a, q, &f);
    if (err < 0) {
        return err;
    }
    pk_jw_object(w, "result");
    pk_jw_array(w, "events");
    for (uint32_t age = 0; age < stored && !has_more; age++) {
        const struct pk_event *e = pk_history_at(&a->history, age);
        if (!is_wanted(a, &f, e)) {
            continue;
        }
        has_more = count == limit || !pk_agent_has_row_room(w, event_row_bytes(e));
        if (!has_more) {
            put_event(a, w, e);
            count++;
        }
    }
    pk_jw_array_end(w);
    pk_jw_bool(w, "more", has_more);
    pk_jw_object_end(w);
    return PK_OK;
}

/* ---- sources ---- */

static enum pk_source_state state_of(const struct pk_agent *a, uint16_t id) {
    const struct pk_source *s = &a->intake.sources.state[id];
    const bool is_silent =
        pk_engine_is_silent(&a->engine, pk_str_of(pk_sources_name(&a->intake.sources, id)));
    return pk_source_state_at(s, is_silent, a->now.mono_ms);
}

static void source_members(const struct pk_agent *a, struct pk_json_writer *w, uint16_t id) {
    const struct pk_source *s = &a->intake.sources.state[id];
    pk_jw_cstr(w, "source", pk_sources_name(&a->intake.sources, id));
    pk_jw_cstr(w, "state", pk_source_state_word(state_of(a, id)));
    if (s->last_seen_ms > 0) {
        pk_jw_ms_as_seconds(w, "seen_seconds_ago", a->now.mono_ms - s->last_seen_ms);
    }
    pk_jw_u64(w, "events", s->event_count);
    pk_jw_u64(w, "lost", s->loss_count);
    pk_jw_u64(w, "faults", s->fault_count);
    pk_jw_u64(w, "sequence", s->sequence);
    if (s->promised_ms > 0) {
        pk_jw_ms_as_seconds(w, "promised_seconds", s->promised_ms);
    }
    if (s->expected_ms > 0) {
        pk_jw_ms_as_seconds(w, "expected_seconds", s->expected_ms);
    }
    if (s->gap_ms > 0) {
        pk_jw_ms_as_seconds(w, "usual_gap_seconds", s->gap_ms);
    }
}

/* The bucket fills with time; what it held when it was last looked at is not what is in it now. */
static uint64_t tokens_now(const struct pk_agent *a, const struct pk_source *s) {
    const uint64_t full_milli = (uint64_t)a->intake.burst * 1000u;
    const uint64_t passed_ms = a->now.mono_ms > s->bucket_ms ? a->now.mono_ms - s->bucket_ms : 0;
    const uint64_t gained_milli = passed_ms > full_milli ? full_milli : passed_ms * a->intake.rate_per_s;
    const uint64_t milli = s->bucket_ms == 0 ? full_milli : s->bucket_milli + gained_milli;
    return (milli < full_milli ? milli : full_milli) / 1000u;
}

int pk_agent_list_sources(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const struct pk_str state = pk_args_text(&q->args, "state"), glob = pk_args_text(&q->args, "source"),
                        before = pk_args_text(&q->args, "before");
    const uint64_t limit = pk_args_u64(&q->args, "limit", SOURCES_LIMIT);
    enum pk_source_state wanted = PK_SOURCE_OK;
    uint64_t count = 0;
    bool has_more = false;
    if (state.n > 0 && pk_source_state_parse(state, &wanted) < 0) {
        return pk_agent_fail(a, PK_E_BAD_FIELD, "state is ok, stale, silent, fault or unknown");
    }
    const int from = before.n > 0 ? pk_sources_find(&a->intake.sources, before) : -1;
    if (before.n > 0 && from < 0) {
        return pk_agent_fail(a, PK_E_NOT_FOUND, "before is no source here");
    }
    pk_jw_object(w, "result");
    pk_jw_array(w, "sources");
    for (uint32_t id = (uint32_t)(from + 1); id < a->intake.sources.count && !has_more; id++) {
        const struct pk_str name = pk_str_of(pk_sources_name(&a->intake.sources, (uint16_t)id));
        if (name.n == 0 || (glob.n > 0 && !pk_glob_match(glob, name)) ||
            (state.n > 0 && state_of(a, (uint16_t)id) != wanted)) {
            continue;
        }
        has_more = count == limit || !pk_agent_has_row_room(w, SOURCE_ROW_BYTES);
        if (!has_more) {
            pk_jw_object(w, NULL);
            source_members(a, w, (uint16_t)id);
            pk_jw_object_end(w);
            count++;
        }
    }
    pk_jw_array_end(w);
    pk_jw_u64(w, "known", a->intake.sources.used_count);
    pk_jw_u64(w, "capacity", PK_LIMIT_SOURCES);
    pk_jw_u64(w, "refused", a->intake.sources.refused_count);
    pk_jw_bool(w, "more", has_more);
    pk_jw_object_end(w);
    return PK_OK;
}

/* Losses that are not yet reported; the older ones are in the totals. */
static void put_losses(const struct pk_agent *a, struct pk_json_writer *w, uint16_t id) {
    pk_jw_array(w, "losses");
    for (uint32_t i = 0; i < a->intake.ledger.count; i++) {
        const struct pk_loss *l = pk_ledger_at(&a->intake.ledger, i);
        if (l->source_id != id || !pk_agent_has_row_room(w, SOURCE_ROW_BYTES)) {
            continue;
        }
        pk_jw_object(w, NULL);
        pk_jw_cstr(w, "reason", pk_loss_reason_word((enum pk_loss_reason)l->reason));
        pk_jw_u64(w, "count", l->count);
        pk_jw_u64(w, "from", l->from);
        pk_jw_u64(w, "to", l->to);
        pk_jw_ms_as_seconds(w, "seconds_ago", a->now.mono_ms - l->last_ms);
        pk_jw_object_end(w);
    }
    pk_jw_array_end(w);
}

static void put_newest(const struct pk_agent *a, struct pk_json_writer *w, uint16_t id) {
    const uint32_t stored = pk_history_count(&a->history, a->now.mono_ms);
    uint32_t count = 0;
    pk_jw_array(w, "newest_events");
    for (uint32_t age = 0; age < stored && count < SOURCE_EVENTS; age++) {
        const struct pk_event *e = pk_history_at(&a->history, age);
        if (e->source_id != id) {
            continue;
        }
        count++;
        if (pk_agent_has_row_room(w, event_row_bytes(e))) {
            put_event(a, w, e);
        }
    }
    pk_jw_array_end(w);
}

/* What came through it, when it stands for a log, a socket, the kernel or the journal. A line no pattern
 * knows and one that says again what was said are unmatched both. */
static void put_inlet(const struct pk_agent *a, struct pk_json_writer *w, uint16_t id) {
    const struct pk_agent_inlet *in = NULL;
    for (uint32_t i = 0; i < a->config.inlets.count; i++) {
        in = a->inlets.rows[i].source_id == id ? &a->inlets.rows[i] : in;
    }
    if (in == NULL) {
        return;
    }
    const uint64_t told = in->event_count + in->bad_count;
    pk_jw_object(w, "inlet");
    pk_jw_u64(w, "lines", in->line_count);
    pk_jw_u64(w, "matched", in->event_count);
    pk_jw_u64(w, "unmatched", in->line_count > told ? in->line_count - told : 0);
    pk_jw_u64(w, "bad", in->bad_count);
    pk_jw_u64(w, "other_form", in->other_form_count);
    pk_jw_u64(w, "odd_bytes", in->odd_byte_count);
    pk_jw_u64(w, "cut", in->cut_count);
    pk_jw_u64(w, "overrun", in->lost_count);
    pk_jw_u64(w, "rotated", in->file_count);
    pk_jw_u64(w, "truncated", in->truncated_count);
    pk_jw_u64(w, "skipped_files", in->skipped_file_count);
    pk_jw_u64(w, "places_lost", in->place_lost_count);
    if (in->refusal != NULL) {
        pk_jw_cstr(w, "refusal", in->refusal);
    }
    pk_jw_object_end(w);
}

int pk_agent_get_source(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w) {
    const int id = pk_sources_find(&a->intake.sources, pk_args_text(&q->args, "source"));
    if (id < 0) {
        return pk_agent_fail(a, PK_E_NOT_FOUND, "there is no such source here");
    }
    const struct pk_source *s = &a->intake.sources.state[id];
    pk_jw_object(w, "result");
    source_members(a, w, (uint16_t)id);
    pk_jw_u64(w, "tokens", tokens_now(a, s));
    pk_jw_u64(w, "burst", a->intake.burst);
    pk_jw_u64(w, "rate", a->intake.rate_per_s);
    pk_jw_time(w, "newest_time", s->last_wall_ms);
    put_inlet(a, w, (uint16_t)id);
    pk_agent_probes_put(a, w, pk_sources_name(&a->intake.sources, (uint16_t)id));
    put_losses(a, w, (uint16_t)id);
    put_newest(a, w, (uint16_t)id);
    pk_jw_object_end(w);
    return PK_OK;
}

/* ---- mapping rows ---- */

static void map_row(const struct pk_agent *a, struct pk_json_writer *w, uint32_t row) {
    const struct pk_map_table *t = &a->config.maps;
    const struct pk_map_count *c = &a->maps.counts[row];
    uint64_t misfits = 0;
    pk_jw_object(w, NULL);
    pk_jw_cstr(w, "map", t->rows[row].name);
    pk_jw_str(w, "topic", pk_map_str(t, t->rows[row].topic));
    pk_jw_u64(w, "taken", c->by_reason[PK_MAP_TAKEN]);
    for (unsigned r = PK_MAP_SKIPPED + 1u; r < PK_MAP_REASON_COUNT; r++) {
        misfits += c->by_reason[r];
    }
    pk_jw_u64(w, "misfits", misfits);
    pk_jw_object(w, "reasons");
    for (unsigned r = PK_MAP_SKIPPED; r < PK_MAP_REASON_COUNT; r++) {
        if (c->by_reason[r] > 0) {
            pk_jw_u64(w, pk_map_reason_word((enum pk_map_reason)r), c->by_reason[r]);
        }
    }
    pk_jw_object_end(w);
    if (c->last_ms > 0) {
        pk_jw_cstr(w, "last_reason", pk_map_reason_word(c->last.reason));
        pk_jw_cstr(w, "last_detail", c->last.detail);
        pk_jw_ms_as_seconds(w, "last_seconds_ago", a->now.mono_ms - c->last_ms);
    }
    pk_jw_object_end(w);
}

int pk_agent_list_maps(struct pk_agent *a, struct pk_json_writer *w) {
    bool has_more = false;
    pk_jw_object(w, "result");
    pk_jw_array(w, "maps");
    for (uint32_t i = 0; i < a->config.maps.count && !has_more; i++) {
        has_more = !pk_agent_has_row_room(w, MAP_ROW_BYTES);
        if (!has_more) {
            map_row(a, w, i);
        }
    }
    pk_jw_array_end(w);
    pk_jw_bool(w, "more", has_more);
    pk_jw_object_end(w);
    return PK_OK;
}
