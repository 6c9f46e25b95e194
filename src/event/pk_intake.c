#include "event/pk_intake.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_copy.h"
#include "base/pk_hash.h"
#include "base/pk_zero.h"

_Static_assert((PK_LIMIT_INTAKE_EVENTS & (PK_LIMIT_INTAKE_EVENTS - 1u)) == 0u, "positions wrap by mask");

enum { MASK = PK_LIMIT_INTAKE_EVENTS - 1, HEARTBEAT_DEFAULT_MS = 30000, FAULT_AHEAD_MS = 1000 };

/* Types that are known before anybody says them: of ours, and of REQUIREMENTS S1-20. A table that strangers
 * fill has them all the same. */
static const char *const KNOWN_TYPES[] = {
    "heartbeat",       "source_up",   "api_error",    "service_unavailable", "quality_check_failed",
    "workflow_failed", "memory_high", "slow_request", "disk_space_low",      "database_connection_error",
    "timeout_error"};

void pk_intake_init(struct pk_intake *in, uint32_t rate_per_s, uint32_t burst) {
    pk_zero(in, sizeof *in);
    pk_types_init(&in->types);
    pk_sources_init(&in->sources);
    pk_textring_init(&in->text);
    pk_ledger_init(&in->ledger);
    in->rate_per_s = rate_per_s;
    in->burst = burst > 0 ? burst : 1u;
    in->heartbeat_default_ms = HEARTBEAT_DEFAULT_MS;
    for (uint32_t i = 0; i < PK_COUNT_OF(KNOWN_TYPES); i++) {
        const int id = pk_types_intern(&in->types, pk_str_of(KNOWN_TYPES[i]));
        PK_ASSERT(id == (int)i);
    }
    in->heartbeat_type_id = 0;
    in->source_up_type_id = 1;
}

/* Token bucket in thousandths of an event, integers only. */
static bool take_token(const struct pk_intake *in, struct pk_source *s, uint64_t now_ms) {
    if (in->rate_per_s == 0) {
        return true;
    }
    const uint64_t full_milli = (uint64_t)in->burst * 1000u;
    const uint64_t elapsed_ms = now_ms > s->bucket_ms ? now_ms - s->bucket_ms : 0;
    const bool is_first = s->bucket_ms == 0;
    const uint64_t enough_ms = full_milli / in->rate_per_s + 1u;
    const uint64_t gain_milli = elapsed_ms >= enough_ms ? full_milli : elapsed_ms * in->rate_per_s;
    uint64_t milli = is_first ? full_milli : s->bucket_milli + gain_milli;
    if (milli > full_milli) {
        milli = full_milli;
    }
    s->bucket_ms = now_ms;
    const bool is_taken = milli >= 1000u;
    s->bucket_milli = (uint32_t)(is_taken ? milli - 1000u : milli);
    return is_taken;
}

/* True when the id was among those remembered; else it is remembered now. */
static bool is_seen(struct pk_intake *in, uint64_t id_hash) {
    const uint32_t set = (uint32_t)(id_hash % PK_INTAKE_DEDUPE_SETS);
    for (uint32_t way = 0; way < PK_INTAKE_DEDUPE_WAYS; way++) {
        if (in->dedupe[set][way] == id_hash) {
            return true;
        }
    }
    in->dedupe[set][in->dedupe_next[set]] = id_hash;
    in->dedupe_next[set] = (uint8_t)((in->dedupe_next[set] + 1u) % PK_INTAKE_DEDUPE_WAYS);
    return false;
}

static int refuse(struct pk_intake *in, uint16_t source_id, enum pk_loss_reason reason, uint64_t now_ms,
                  int err) {
    struct pk_source *s = pk_sources_state(&in->sources, source_id);
    if (s != NULL) {
        s->loss_count++;
    }
    pk_ledger_add(&in->ledger, source_id, reason, s != NULL ? s->sequence : 0, now_ms);
    return err;
}

/* Its own time on the boot-time clock. A time ahead of ours is ours; one too far back belongs to a replay. */
static void place_time(struct pk_intake *in, struct pk_source *s, const struct pk_event_in *e,
                       const struct pk_intake_clock *clock, struct pk_event *out) {
    out->receive_ms = clock->mono_ms;
    out->event_ms = clock->mono_ms;
    out->wall_ms = e->has_time ? e->wall_ms : clock->wall_ms;
    out->flags |= clock->is_wall_good ? 0 : PK_EVENT_CLOCK_UNSURE;
    if (e->is_replayed) {
        out->flags |= PK_EVENT_REPLAYED;
    }
    if (!e->has_time || !clock->is_wall_good) {
        return;
    }
    if (e->wall_ms > clock->wall_ms) {
        in->future_time_count += e->wall_ms - clock->wall_ms > FAULT_AHEAD_MS ? 1u : 0u;
        out->wall_ms = clock->wall_ms;
        return;
    }
    const uint64_t behind_ms = (uint64_t)clock->wall_ms - (uint64_t)e->wall_ms;
    if (behind_ms > PK_INTAKE_LIVE_MS || behind_ms >= clock->mono_ms) {
        out->flags |= PK_EVENT_REPLAYED;
        return;
    }
    out->event_ms = clock->mono_ms - behind_ms;
    if (s->last_wall_ms != 0 && e->wall_ms < s->last_wall_ms) {
        out->flags |= PK_EVENT_LATE;
    }
}

static void note_gap(struct pk_source *s, uint64_t now_ms) {
    if (s->last_seen_ms == 0) {
        return;
    }
    const uint64_t gap_ms = now_ms - s->last_seen_ms;
    const uint32_t gap = gap_ms < UINT32_MAX ? (uint32_t)gap_ms : UINT32_MAX;
    s->gap_ms = s->gap_ms == 0 ? gap : (uint32_t)(((uint64_t)s->gap_ms * 7u + gap) / 8u);
}

static void remember(struct pk_intake *in, struct pk_source *s, const struct pk_event_in *e,
                     struct pk_event *out) {
    s->event_count++;
    if (e->has_time && out->wall_ms > s->last_wall_ms) {
        s->last_wall_ms = out->wall_ms;
    }
    if ((out->flags & PK_EVENT_REPLAYED) != 0) {
        return;
    }
    note_gap(s, out->receive_ms);
    s->last_seen_ms = out->receive_ms;
    s->is_fault = e->is_fault;
    s->is_gone = out->type_id == in->source_up_type_id && e->has_value && e->value <= 0.0;
    s->fault_count += e->is_fault ? 1u : 0u;
    if (out->type_id != in->heartbeat_type_id) {
        return;
    }
    const bool is_promise = e->has_value && e->value > 0.0 && e->value <= 4000000.0;
    const uint32_t silent_ms = s->expected_ms > 0 ? s->expected_ms : in->heartbeat_default_ms;
    s->promised_ms = is_promise ? (uint32_t)(e->value * 1000.0) : silent_ms;
    s->promised_ms = s->promised_ms > 0 ? s->promised_ms : 1u;
}

static void fill(struct pk_intake *in, const struct pk_event_in *e, uint16_t type_id, uint16_t source_id,
                 struct pk_event *out) {
    out->type_id = type_id;
    out->source_id = source_id;
    out->severity = e->severity;
    out->sequence = in->sources.state[source_id].sequence;
    if (e->has_value) {
        out->value = e->value;
        out->flags |= PK_EVENT_HAS_VALUE;
    }
    out->flags |= (uint8_t)((e->is_fault ? PK_EVENT_FAULT : 0) | (e->is_drill ? PK_EVENT_DRILL : 0));
    if (e->correlation[0] != '\0') {
        out->correlation = pk_hash64(e->correlation, strlen(e->correlation));
    }
    out->text_bytes = e->message_bytes;
    out->field_bytes = e->field_bytes;
    out->text_ref = pk_textring_put(&in->text, (struct pk_str){e->message, e->message_bytes},
                                    (struct pk_str){(const char *)e->fields, e->field_bytes});
}

/* The inlet's own bucket: strangers who name themselves anew with each line share it. An event of the inlet
 * itself is counted once, as that of any source. */
static int pass_inlet(struct pk_intake *in, const struct pk_event_in *e, uint64_t now_ms) {
    const uint16_t id = (uint16_t)(e->via - 1u);
    struct pk_source *inlet = e->via == 0 ? NULL : pk_sources_state(&in->sources, id);
    if (inlet == NULL || strcmp(pk_sources_name(&in->sources, id), e->source) == 0) {
        return PK_OK;
    }
    inlet->sequence++;
    if (!take_token(in, inlet, now_ms)) {
        return refuse(in, id, PK_LOSS_RATE, now_ms, PK_E_RATE);
    }
    inlet->event_count++;
    return PK_OK;
}

/* Its inlet, if any, says so as well: the source may be a name that came and goes. */
static int refuse_type(struct pk_intake *in, const struct pk_event_in *e, uint16_t source_id,
                       uint64_t now_ms) {
    const uint16_t inlet_id = (uint16_t)(e->via - 1u);
    struct pk_source *inlet = e->via == 0 ? NULL : pk_sources_state(&in->sources, inlet_id);
    if (inlet != NULL && inlet_id != source_id) {
        inlet->loss_count++;
    }
    return refuse(in, source_id, PK_LOSS_TYPE_TABLE, now_ms, PK_E_FULL);
}

int pk_intake_offer(struct pk_intake *in, const struct pk_event_in *e, const struct pk_intake_clock *clock,
                    uint32_t *out_number) {
    *out_number = 0;
    const uint64_t now_ms = clock->mono_ms;
    in->unknown_field_count += e->unknown_count;
    in->cut_count += e->cut_count;
    if (pass_inlet(in, e, now_ms) != PK_OK) {
        return PK_E_RATE;
    }
    const struct pk_str name = {e->source, pk_find_byte(e->source, sizeof e->source, '\0')};
    const int source =
        e->is_foreign ? pk_sources_intern_foreign(&in->sources, name) : pk_sources_intern(&in->sources, name);
    if (source == PK_E_FULL) {
        return refuse(in, PK_LEDGER_NO_SOURCE, PK_LOSS_SOURCE_TABLE, now_ms, PK_E_FULL);
    }
    if (source < 0) {
        return source;
    }
    const uint16_t source_id = (uint16_t)source;
    struct pk_source *s = &in->sources.state[source_id];
    s->sequence++;
    if (!e->is_local && !take_token(in, s, now_ms)) {
        return refuse(in, source_id, PK_LOSS_RATE, now_ms, PK_E_RATE);
    }
    if (in->count >= PK_LIMIT_INTAKE_EVENTS) {
        return refuse(in, source_id, PK_LOSS_INTAKE_FULL, now_ms, PK_E_FULL);
    }
    const struct pk_str type_name = {e->type, pk_find_byte(e->type, sizeof e->type, '\0')};
    const int type = e->is_type_foreign ? pk_types_intern_foreign(&in->types, type_name)
                                        : pk_types_intern(&in->types, type_name);
    if (type < 0) {
        return type != PK_E_FULL ? type : refuse_type(in, e, source_id, now_ms);
    }
    /* A promise needs a name: who has none is refused, not expected under the name that many share. */
    if (type == in->heartbeat_type_id && e->is_foreign &&
        strcmp(pk_sources_name(&in->sources, source_id), e->source) != 0) {
        in->sources.refused_count++;
        return refuse(in, source_id, PK_LOSS_SOURCE_TABLE, now_ms, PK_E_FULL);
    }
    /* Last, so that the id of an event we could not take may come again. */
    if (e->event_id_hash != 0 && is_seen(in, pk_hash64_mix(e->event_id_hash, source_id))) {
        return refuse(in, source_id, PK_LOSS_DUPLICATE, now_ms, PK_E_REPLAYED);
    }
    struct pk_event *slot = &in->ring[(in->head + in->count) & MASK];
    memset(slot, 0, sizeof *slot);
    place_time(in, s, e, clock, slot);
    fill(in, e, (uint16_t)type, source_id, slot);
    remember(in, s, e, slot);
    slot->number = ++in->number;
    *out_number = slot->number;
    in->taken_count++;
    in->count++;
    in->high = in->count > in->high ? in->count : in->high;
    return PK_OK;
}

bool pk_intake_has_text_room(const struct pk_intake *in) {
    enum { TEXT_BYTES = PK_EVENT_MESSAGE_BYTES + PK_FIELDS_BYTES_MAX + 16 };
    return in->count == 0 ||
           in->text.end - in->ring[in->head].text_ref + TEXT_BYTES * 2u <= PK_LIMIT_TEXT_RING_BYTES;
}

bool pk_intake_pop(struct pk_intake *in, struct pk_event *out) {
    if (in->count == 0) {
        return false;
    }
    *out = in->ring[in->head];
    in->head = (in->head + 1u) & MASK;
    in->count--;
    return true;
}

void pk_intake_lost(struct pk_intake *in, uint16_t source_id, enum pk_loss_reason reason, uint64_t count,
                    uint64_t now_ms) {
    struct pk_source *s = pk_sources_state(&in->sources, source_id);
    in->bad_count += reason == PK_LOSS_BAD_INPUT ? count : 0;
    if (s != NULL) {
        s->loss_count += count;
    }
    pk_ledger_add_many(&in->ledger, source_id, reason, count, now_ms);
}

void pk_intake_bad(struct pk_intake *in, struct pk_str source, uint64_t now_ms) {
    in->bad_count++;
    const int id = pk_sources_find(&in->sources, source);
    if (id < 0) {
        pk_ledger_add(&in->ledger, PK_LEDGER_NO_SOURCE, PK_LOSS_BAD_INPUT, 0, now_ms);
        return;
    }
    in->sources.state[id].loss_count++;
    pk_ledger_add(&in->ledger, (uint16_t)id, PK_LOSS_BAD_INPUT, 0, now_ms);
}

void pk_intake_error(int err, struct pk_event_error *out) {
    memset(out, 0, sizeof *out);
    out->err = err;
    (void)pk_str_copy_cut(pk_str_of(pk_err_text(err)), out->message, sizeof out->message);
}
