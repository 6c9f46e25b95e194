#include "wire/pk_record_incident.h"

#include <string.h>

#include "base/pk_assert.h"
#include "incident/pk_escalation.h"

/* Only what owes its newest state to the hub is of version 4: all else earlier software reads. */
enum { KIND = 1, VERSION_PLAIN = 3, VERSION = 4 };
enum {
    IS_ACKED = 1,
    IS_FLAPPING = 2,
    IS_DRILL = 4,
    IS_REPLAYED = 8,
    IS_SEVERITY_SET = 16,
    IS_ANNOUNCED = 32,
    IS_AUTO_RESOLVED = 64,
    OWES_REPORT = 128
};

/* How much of the record goes in. Each step of giving way takes one thing out. */
struct plan {
    uint8_t evidence_count, cause_count, result_count, recommended_count, action_first, component_count;
    bool has_description;
    uint16_t left_out_count;
};

static uint32_t saturating_u16(uint32_t v) {
    return v > UINT16_MAX ? UINT16_MAX : v;
}

/* Takes the next thing out, in the order the header promises. False when nothing is left that may go. */
static bool give_way(struct plan *p, const struct pk_incident *i) {
    if (p->evidence_count > 0) {
        p->evidence_count--;
    } else if (p->cause_count > 1) {
        p->cause_count--;
    } else if (p->result_count > 0) {
        p->result_count--;
    } else if (p->recommended_count > 0) {
        p->recommended_count--;
    } else if (p->has_description) {
        p->has_description = false;
    } else if (p->action_first < i->action_count) {
        p->action_first++;
    } else if (p->component_count > 1) {
        p->component_count--;
    } else {
        return false;
    }
    p->left_out_count++;
    return true;
}

static void put_stamp(struct pk_writer *w, const struct pk_stamp *s) {
    /* Most moments of an open incident have not happened: one byte instead of 21. */
    const bool is_set = s->wall_ms != 0 || s->mono_ms != 0 || s->boot != 0;
    pk_put_u8(w, is_set ? (uint8_t)(s->quality + 1u) : 0);
    if (is_set) {
        pk_put_u32(w, s->boot);
        pk_put_u64(w, s->mono_ms);
        pk_put_i64(w, s->wall_ms);
    }
}

static void get_stamp(struct pk_reader *r, struct pk_stamp *out) {
    const uint8_t quality = pk_get_u8(r);
    *out = (struct pk_stamp){0};
    if (quality == 0) {
        return;
    }
    if (quality > PK_TIME_QUALITY_COUNT) {
        r->is_bad = true;
        return;
    }
    out->quality = (uint8_t)(quality - 1u);
    out->boot = pk_get_u32(r);
    out->mono_ms = pk_get_u64(r);
    out->wall_ms = pk_get_i64(r);
}

static void put_string(struct pk_writer *w, const char *text) {
    pk_put_text(w, pk_str_of(text));
}

/* A text that does not fit its member, or holds a terminator, was not written by us. */
static void get_string(struct pk_reader *r, char *out, size_t cap_bytes) {
    const struct pk_str s = pk_get_text(r);
    if (s.n >= cap_bytes || (s.n > 0 && memchr(s.p, 0, s.n) != NULL)) {
        r->is_bad = true;
        out[0] = '\0';
        return;
    }
    if (s.n > 0) {
        memcpy(out, s.p, s.n);
    }
    out[s.n] = '\0';
}

static uint8_t get_count(struct pk_reader *r, uint8_t max) {
    const uint8_t n = pk_get_u8(r);
    if (n > max) {
        r->is_bad = true;
        return 0;
    }
    return n;
}

/* Every member that is always there, in the one order both directions use. */
static void put_fixed(struct pk_writer *w, const struct pk_incident *i, const struct plan *p) {
    const struct pk_stamp *const stamps[] = {&i->first_event, &i->detected, &i->acknowledged,
                                             &i->mitigated,   &i->resolved, &i->closed};
    pk_put_u32(w, i->number);
    pk_put_u32(w, i->boot);
    pk_put_u32(w, i->rev);
    pk_put_u64(w, i->fingerprint);
    pk_put_u8(w, i->severity);
    pk_put_u8(w, i->status);
    pk_put_u8(w, i->stage);
    pk_put_u8(w,
              (uint8_t)((i->is_acked ? IS_ACKED : 0) | (i->is_flapping ? IS_FLAPPING : 0) |
                        (i->is_drill ? IS_DRILL : 0) | (i->is_replayed ? IS_REPLAYED : 0) |
                        (i->is_severity_set ? IS_SEVERITY_SET : 0) | (i->is_announced ? IS_ANNOUNCED : 0) |
                        (i->is_auto_resolved ? IS_AUTO_RESOLVED : 0) | (i->owes_report ? OWES_REPORT : 0)));
    for (unsigned k = 0; k < PK_COUNT_OF(stamps); k++) {
        put_stamp(w, stamps[k]);
    }
    pk_put_u32(w, i->event_count);
    pk_put_u32(w, i->flap_count);
    pk_put_u32(w, i->source_events_overflow);
    pk_put_u32(w, i->components_overflow);
    pk_put_u32(w, i->actions_overflow);
    pk_put_u16(w, (uint16_t)saturating_u16((uint32_t)i->texts_overflow + p->left_out_count));
    put_string(w, i->id);
    put_string(w, i->rule_id);
    put_string(w, i->type);
    put_string(w, i->group_key);
    put_string(w, i->title);
    put_string(w, p->has_description ? i->description : "");
    put_string(w, i->assigned_to);
    put_string(w, i->caused_by);
    put_string(w, i->correlation_id);
    put_string(w, i->root_cause);
}

static void get_fixed(struct pk_reader *r, struct pk_incident *i) {
    struct pk_stamp *const stamps[] = {&i->first_event, &i->detected, &i->acknowledged,
                                       &i->mitigated,   &i->resolved, &i->closed};
    i->number = pk_get_u32(r);
    i->boot = pk_get_u32(r);
    i->rev = pk_get_u32(r);
    i->fingerprint = pk_get_u64(r);
    i->severity = pk_get_u8(r);
    i->status = pk_get_u8(r);
    i->stage = pk_get_u8(r);
    const uint8_t flags = pk_get_u8(r);
    i->is_acked = (flags & IS_ACKED) != 0;
    i->is_flapping = (flags & IS_FLAPPING) != 0;
    i->is_drill = (flags & IS_DRILL) != 0;
    i->is_replayed = (flags & IS_REPLAYED) != 0;
    i->is_severity_set = (flags & IS_SEVERITY_SET) != 0;
    i->is_announced = (flags & IS_ANNOUNCED) != 0;
    i->is_auto_resolved = (flags & IS_AUTO_RESOLVED) != 0;
    i->owes_report = (flags & OWES_REPORT) != 0;
    for (unsigned k = 0; k < PK_COUNT_OF(stamps); k++) {
        get_stamp(r, stamps[k]);
    }
    i->event_count = pk_get_u32(r);
    i->flap_count = pk_get_u32(r);
    i->source_events_overflow = pk_get_u32(r);
    i->components_overflow = pk_get_u32(r);
    i->actions_overflow = pk_get_u32(r);
    i->texts_overflow = pk_get_u16(r);
    get_string(r, i->id, sizeof i->id);
    get_string(r, i->rule_id, sizeof i->rule_id);
    get_string(r, i->type, sizeof i->type);
    get_string(r, i->group_key, sizeof i->group_key);
    get_string(r, i->title, sizeof i->title);
    get_string(r, i->description, sizeof i->description);
    get_string(r, i->assigned_to, sizeof i->assigned_to);
    get_string(r, i->caused_by, sizeof i->caused_by);
    get_string(r, i->correlation_id, sizeof i->correlation_id);
    get_string(r, i->root_cause, sizeof i->root_cause);
    if (i->severity >= PK_SEV_COUNT || i->status >= PK_INC_STATUS_COUNT || i->stage >= PK_STAGE_COUNT) {
        r->is_bad = true;
    }
}

/* Added with version 2. */
static void put_stages(struct pk_writer *w, const struct pk_incident *i) {
    put_string(w, i->acked_by);
    put_stamp(w, &i->ack_until);
    put_stamp(w, &i->stage_since);
    for (unsigned k = 0; k < PK_STAGE_COUNT; k++) {
        pk_put_u32(w, i->stage_ms[k]);
    }
    pk_put_u16(w, i->silenced_by);
    pk_put_u16(w, i->blast_count);
    pk_put_u16(w, i->child_count);
}

static void get_stages(struct pk_reader *r, struct pk_incident *i) {
    get_string(r, i->acked_by, sizeof i->acked_by);
    get_stamp(r, &i->ack_until);
    get_stamp(r, &i->stage_since);
    for (unsigned k = 0; k < PK_STAGE_COUNT; k++) {
        i->stage_ms[k] = pk_get_u32(r);
    }
    i->silenced_by = pk_get_u16(r);
    i->blast_count = pk_get_u16(r);
    i->child_count = pk_get_u16(r);
}

/* Version 3. */
static void put_escalation(struct pk_writer *w, const struct pk_incident *i) {
    pk_put_u8(w, i->escalation_tier);
    pk_put_u8(w, i->escalation_reason);
    put_stamp(w, &i->escalated);
    put_stamp(w, &i->escalate_due);
}

static void get_escalation(struct pk_reader *r, struct pk_incident *i) {
    i->escalation_tier = pk_get_u8(r);
    i->escalation_reason = pk_get_u8(r);
    get_stamp(r, &i->escalated);
    get_stamp(r, &i->escalate_due);
    const bool is_called = i->escalation_tier > 0;
    r->is_bad = r->is_bad || i->escalation_tier > PK_ESC_TIERS_MAX ||
                i->escalation_reason >= PK_ESC_REASON_COUNT ||
                is_called != (i->escalation_reason != PK_ESC_NONE);
}

static void put_lists(struct pk_writer *w, const struct pk_incident *i, const struct plan *p) {
    pk_put_u8(w, i->source_event_count);
    for (uint32_t k = 0; k < i->source_event_count; k++) {
        pk_put_u32(w, i->source_events[k].boot);
        pk_put_u32(w, i->source_events[k].sequence);
    }
    pk_put_u8(w, p->component_count);
    for (uint32_t k = 0; k < p->component_count; k++) {
        put_string(w, i->components[k]);
    }
    pk_put_u8(w, p->cause_count);
    for (uint32_t k = 0; k < p->cause_count; k++) {
        put_string(w, i->causes[k].cause);
        put_string(w, k < p->evidence_count ? i->causes[k].evidence : "");
        pk_put_u16(w, i->causes[k].confidence_milli);
    }
    pk_put_u8(w, (uint8_t)(i->action_count - p->action_first));
    for (uint32_t k = p->action_first; k < i->action_count; k++) {
        const struct pk_incident_action *a = &i->actions[k];
        pk_put_u32(w, a->run);
        pk_put_u8(w, a->state);
        put_string(w, a->action);
        put_string(w, a->target);
        pk_put_i64(w, a->at_wall_ms);
        pk_put_u32(w, (uint32_t)a->exit_code);
        /* Results give way oldest first: the newest says how it stands. */
        put_string(w, i->action_count - k <= p->result_count ? a->result : "");
    }
    pk_put_u8(w, p->recommended_count);
    for (uint32_t k = 0; k < p->recommended_count; k++) {
        put_string(w, i->recommended[k]);
    }
}

static void get_actions(struct pk_reader *r, struct pk_incident *i) {
    i->action_count = get_count(r, PK_INC_ACTIONS);
    for (uint32_t k = 0; k < i->action_count; k++) {
        struct pk_incident_action *a = &i->actions[k];
        a->run = pk_get_u32(r);
        a->state = pk_get_u8(r);
        get_string(r, a->action, sizeof a->action);
        get_string(r, a->target, sizeof a->target);
        a->at_wall_ms = pk_get_i64(r);
        a->exit_code = (int32_t)pk_get_u32(r);
        get_string(r, a->result, sizeof a->result);
        if (a->state >= PK_RUN_STATE_COUNT) {
            r->is_bad = true;
        }
    }
}

static void get_lists(struct pk_reader *r, struct pk_incident *i) {
    i->source_event_count = get_count(r, PK_INC_SOURCE_EVENTS);
    for (uint32_t k = 0; k < i->source_event_count; k++) {
        i->source_events[k].boot = pk_get_u32(r);
        i->source_events[k].sequence = pk_get_u32(r);
    }
    i->component_count = get_count(r, PK_INC_COMPONENTS);
    for (uint32_t k = 0; k < i->component_count; k++) {
        get_string(r, i->components[k], sizeof i->components[k]);
    }
    i->cause_count = get_count(r, PK_INC_CAUSES);
    for (uint32_t k = 0; k < i->cause_count; k++) {
        get_string(r, i->causes[k].cause, sizeof i->causes[k].cause);
        get_string(r, i->causes[k].evidence, sizeof i->causes[k].evidence);
        i->causes[k].confidence_milli = pk_get_u16(r);
        if (i->causes[k].confidence_milli > 1000) {
            r->is_bad = true;
        }
    }
    get_actions(r, i);
    i->recommended_count = get_count(r, PK_INC_RECOMMENDED);
    for (uint32_t k = 0; k < i->recommended_count; k++) {
        get_string(r, i->recommended[k], sizeof i->recommended[k]);
    }
}

uint32_t pk_record_incident_pack(const struct pk_incident *incident, uint8_t *out, uint32_t cap_bytes) {
    const struct pk_incident *i = incident;
    struct plan plan = {
        .evidence_count = i->cause_count,
        .cause_count = i->cause_count,
        .result_count = i->action_count,
        .recommended_count = i->recommended_count,
        .component_count = i->component_count,
        .has_description = i->description[0] != '\0',
    };
    PK_ASSERT(i->source_event_count <= PK_INC_SOURCE_EVENTS && i->component_count <= PK_INC_COMPONENTS);
    PK_ASSERT(i->cause_count <= PK_INC_CAUSES && i->action_count <= PK_INC_ACTIONS);
    PK_ASSERT(i->recommended_count <= PK_INC_RECOMMENDED);
    for (;;) {
        struct pk_writer w;
        pk_writer_init(&w, out, cap_bytes);
        pk_put_u8(&w, KIND);
        pk_put_u8(&w, i->owes_report ? VERSION : VERSION_PLAIN);
        put_fixed(&w, i, &plan);
        put_lists(&w, i, &plan);
        put_stages(&w, i);
        put_escalation(&w, i);
        if (!w.is_full) {
            return w.n;
        }
        if (!give_way(&plan, i)) {
            return 0;
        }
    }
}

int pk_record_incident_unpack(struct pk_str value, struct pk_incident *out) {
    struct pk_reader r;
    pk_reader_init(&r, value.p, value.n);
    *out = (struct pk_incident){0};
    const uint8_t kind = pk_get_u8(&r);
    const uint8_t version = pk_get_u8(&r);
    if (r.is_bad || kind != KIND || version == 0) {
        return PK_E_BAD_MSG;
    }
    if (version > VERSION) {
        return PK_E_UNSUPPORTED;
    }
    get_fixed(&r, out);
    get_lists(&r, out);
    if (version >= 2) {
        get_stages(&r, out);
    } else {
        out->is_announced = true; /* version 1 announced all */
    }
    if (version >= 3) {
        get_escalation(&r, out);
    }
    r.is_bad = r.is_bad || out->owes_report != (version >= VERSION);
    return pk_reader_done(&r) ? PK_OK : PK_E_BAD_MSG;
}
