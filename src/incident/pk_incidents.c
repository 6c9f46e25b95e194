#include "incident/pk_incidents.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_zero.h"
#include "incident/pk_escalation.h"
#include "incident/pk_impact.h"
#include "incident/pk_incident_record.h"
#include "incident/pk_incident_words.h"

enum {
    FLAP_WINDOW_MS = 600000,
    FLAP_COUNT = 3,
    STILL_GRACE_MS = 120000,
    ORPHAN_MS = 300000,
    ESCALATE_TIERS = 3
};

void pk_incidents_settings_defaults(struct pk_incidents_settings *s) {
    *s = (struct pk_incidents_settings){.flap_window_ms = FLAP_WINDOW_MS,
                                        .flap_count = FLAP_COUNT,
                                        .still_grace_ms = STILL_GRACE_MS,
                                        .escalate_tiers = ESCALATE_TIERS,
                                        .escalate_severity = PK_SEV_MEDIUM};
}

void pk_incidents_configure(struct pk_incidents *t, const struct pk_incidents_settings *s) {
    t->settings = *s;
    pk_incident_table_arm_all(t, 0); /* times have changed */
}

void pk_incidents_init(struct pk_incidents *t, const struct pk_port_crypto *crypto, struct pk_str gateway,
                       uint32_t boot, const struct pk_incidents_settings *settings) {
    PK_ASSERT(pk_text_is_id(gateway, "", PK_GATEWAY_BYTES - 1));
    PK_ASSERT(crypto != NULL);
    pk_zero(t, sizeof *t);
    t->crypto = crypto;
    t->settings = *settings;
    t->boot = boot;
    t->next_number = 1;
    t->due_ms = UINT64_MAX;
    pk_str_copy_cut(gateway, t->gateway, sizeof t->gateway);
    pk_timeline_init(&t->timeline);
}

uint64_t pk_incident_fingerprint(const struct pk_port_crypto *crypto, struct pk_str rule_id,
                                 struct pk_str group_key) {
    const struct pk_str parts[] = {rule_id, {"", 1}, group_key};
    uint8_t digest[PK_SHA256_BYTES];
    uint64_t v = 0;
    crypto->sha256(crypto->ctx, parts, (uint32_t)PK_COUNT_OF(parts), digest);
    for (unsigned i = 0; i < 8u; i++) {
        v = v << 8 | digest[i];
    }
    return v;
}

/* -- start -- */
void pk_incidents_set_next_number(struct pk_incidents *t, uint32_t next_number) {
    if (next_number > t->next_number) {
        t->next_number = next_number;
    }
}

int pk_incidents_restore(struct pk_incidents *t, const struct pk_incident *record,
                         const struct pk_stamp *now) {
    if (pk_incident_check(record) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    if (record->number < UINT32_MAX) {
        pk_incidents_set_next_number(t, record->number + 1u);
    }
    if (pk_incident_table_slot(t, record->number) != PK_INCIDENT_NO_SLOT) {
        return PK_E_CONFLICT;
    }
    const bool is_active = pk_incident_status_is_active(record->status);
    /* All that is owed to the hub had a place before: it has one now, and gives none away. */
    const bool is_owed_end = record->owes_report && !is_active;
    const uint8_t room = is_owed_end ? (uint8_t)PK_SEV_CRITICAL : record->severity;
    const uint32_t slot = pk_incident_table_take(t, room, false);
    if (slot == PK_INCIDENT_NO_SLOT) {
        t->dropped_by_severity[record->severity] += is_active ? 1u : 0u;
        return PK_E_FULL;
    }
    t->slots[slot].incident = *record;
    t->slots[slot].told_event_count = record->event_count;
    t->slots[slot].is_unconfirmed = is_active && record->rule_id[0] != '\0' && !pk_incident_is_manual(record);
    pk_incident_table_enter(t, slot);
    if (record->status == PK_INC_DETECTED && t->settings.assess_ms > 0) {
        t->slots[slot].assess_due_ms = now->mono_ms + t->settings.assess_ms;
    }
    pk_incident_table_arm(t, slot, 0); /* what was timed goes on being timed */
    return PK_OK;
}

const struct pk_incident *pk_incidents_next_unconfirmed(const struct pk_incidents *t, uint32_t *cursor) {
    for (; *cursor < PK_LIMIT_INCIDENTS; (*cursor)++) {
        const struct pk_incident_slot *s = &t->slots[*cursor];
        if (t->numbers[*cursor] != 0 && s->is_unconfirmed &&
            pk_incident_status_is_active(s->incident.status)) {
            (*cursor)++;
            return &s->incident;
        }
    }
    return NULL;
}

/* -- detect -- */
static int64_t drop_signal(struct pk_incidents *t, const struct pk_incident_signal *s) {
    if (s->was_dropped) {
        return PK_E_FULL;
    }
    t->dropped_by_severity[s->severity]++;
    t->drop.count++;
    t->drop.by_severity[s->severity]++;
    pk_str_copy_cut(s->rule_id, t->drop.rule_id, sizeof t->drop.rule_id);
    return PK_E_FULL;
}

/* mttf = mean(next detected - resolved): this is the next one of its fingerprint. */
static void carry_mttf(struct pk_incidents *t, uint32_t old_slot, struct pk_incident_slot *s) {
    const struct pk_incident_slot *old = &t->slots[old_slot];
    uint64_t ms = 0;
    if (s->incident.is_drill || old->incident.is_drill) {
        return;
    }
    s->mttf_sum_ms = old->mttf_sum_ms;
    s->mttf_count = old->mttf_count;
    if (pk_stamp_elapsed_ms(&old->incident.resolved, &s->incident.detected, &ms)) {
        s->mttf_sum_ms += ms;
        s->mttf_count++;
        pk_metric_add(&t->metrics.metric[PK_MTTF], ms);
    }
}

static void add_components(struct pk_incident *i, const struct pk_incident_signal *s) {
    pk_incident_add_component(i, s->component);
    for (uint32_t k = 0; k < s->more_component_count && k < PK_COUNT_OF(s->more_components); k++) {
        pk_incident_add_component(i, s->more_components[k]);
    }
}

/* Findings name a few of their events; those that were counted and not named belong to the overflow. */
static void add_events(struct pk_incident *i, const struct pk_incident_signal *s) {
    pk_incident_add_events(i, s->event_refs, s->event_ref_count);
    if (i->source_event_count > 0 && i->event_count > i->source_event_count + i->source_events_overflow) {
        i->source_events_overflow = i->event_count - i->source_event_count;
    }
}

static void fill_record(struct pk_incident *i, const struct pk_incident_signal *s,
                        const struct pk_stamp *now) {
    pk_str_copy_cut(s->rule_id, i->rule_id, sizeof i->rule_id);
    pk_str_copy_cut(s->type, i->type, sizeof i->type);
    pk_str_copy_cut(s->group_key, i->group_key, sizeof i->group_key);
    pk_str_copy_cut(s->description, i->description, sizeof i->description);
    pk_str_copy_cut(s->correlation_id, i->correlation_id, sizeof i->correlation_id);
    i->severity = s->severity;
    i->status = PK_INC_DETECTED;
    i->stage = PK_STAGE_ASSESS;
    i->is_drill = s->is_drill;
    i->is_replayed = s->is_replayed;
    i->first_event = pk_stamp_is_set(&s->first_event) ? s->first_event : *now;
    i->detected = *now;
    i->stage_since = *now;
    i->event_count = s->event_count;
    add_events(i, s);
    add_components(i, s);
    pk_incident_make_title(i, s->title);
}

static void count_opened(struct pk_incidents *t, const struct pk_incident *i) {
    uint8_t type = PK_INC_TYPE_CUSTOM;
    if (i->is_drill) { /* measured by its own record alone */
        t->metrics.drill_count++;
        return;
    }
    if (pk_incident_type_parse(pk_str_of(i->type), &type) != PK_OK) {
        type = PK_INC_TYPE_CUSTOM;
    }
    t->metrics.opened[type][i->severity]++;
    t->metrics.opened_count++;
    pk_rule_card_count(&t->cards, pk_str_of(i->rule_id), PK_CARD_OPENED);
    pk_incident_table_sample(t, i, PK_MTTD);
}

static int64_t open_incident(struct pk_incidents *t, const struct pk_incident_signal *s, uint64_t fingerprint,
                             uint32_t old_slot, const struct pk_stamp *now, uint32_t *out_kinds) {
    const uint32_t slot =
        t->next_number < UINT32_MAX ? pk_incident_table_take(t, s->severity, true) : PK_INCIDENT_NO_SLOT;
    if (slot == PK_INCIDENT_NO_SLOT) {
        return drop_signal(t, s);
    }
    struct pk_incident_slot *row = &t->slots[slot];
    struct pk_incident *i = &row->incident;
    i->number = t->next_number++;
    i->boot = t->boot;
    i->fingerprint = fingerprint;
    pk_incident_id_make(i->id, pk_str_of(t->gateway), t->boot, i->number);
    fill_record(i, s, now);
    row->episode_event_count = s->event_count;
    row->recover_ms = s->recover_ms;
    if (old_slot != PK_INCIDENT_NO_SLOT && t->numbers[old_slot] != 0) {
        carry_mttf(t, old_slot, row);
    }
    pk_incident_table_enter(t, slot);
    if (t->settings.assess_ms > 0) {
        row->assess_due_ms = now->mono_ms + t->settings.assess_ms;
        pk_incident_table_arm(t, slot, row->assess_due_ms);
    }
    pk_incident_table_arm(t, slot, now->mono_ms);
    count_opened(t, i);
    *out_kinds = PK_INC_CHANGED_CREATED;
    pk_incident_table_touch(t, slot, *out_kinds);
    pk_incident_table_say(t, slot, PK_TL_CREATED, PK_TL_BY_DETECT, now,
                          pk_str_of(i->description[0] != '\0' ? i->description : i->title));
    return i->number;
}

static void absorb(struct pk_incident_slot *row, const struct pk_incident_signal *s) {
    const uint32_t before = s->kind == PK_SIGNAL_FIRED ? 0 : row->episode_event_count;
    row->incident.event_count += s->event_count > before ? s->event_count - before : 0;
    row->episode_event_count = s->event_count;
    row->is_unconfirmed = false;
    row->recover_ms = s->recover_ms;
    add_events(&row->incident, s);
    add_components(&row->incident, s);
}

/* What a person set holds until the rule has something new to say. */
static uint32_t raise_severity(struct pk_incidents *t, uint32_t slot, const struct pk_incident_signal *s,
                               const struct pk_stamp *now) {
    struct pk_incident *i = &t->slots[slot].incident;
    if (s->severity <= i->severity || (i->is_severity_set && s->kind == PK_SIGNAL_STILL)) {
        return 0;
    }
    i->is_severity_set = false;
    return pk_incident_table_set_severity(t, slot, s->severity, PK_TL_BY_DETECT, pk_str_make(NULL, 0), now);
}

static uint32_t tell_count(struct pk_incidents *t, uint32_t slot, const struct pk_stamp *now) {
    struct pk_incident_slot *row = &t->slots[slot];
    char text[PK_TIMELINE_TEXT_BYTES];
    struct pk_buf b;
    if (row->incident.event_count / 2u < row->told_event_count ||
        row->incident.event_count == row->told_event_count) {
        return 0;
    }
    pk_buf_init(&b, text, sizeof text);
    pk_buf_put_u64(&b, row->incident.event_count);
    pk_buf_puts(&b, " events so far");
    pk_incident_table_say(t, slot, PK_TL_JOINED, PK_TL_BY_DETECT, now, pk_buf_str(&b));
    return PK_INC_CHANGED_EVENTS;
}

/* A rule that goes on right after the incident was mitigated may only be slow to notice; a new firing is a
 * relapse at once. */
static bool takes_back(const struct pk_incidents *t, const struct pk_incident *i,
                       const struct pk_incident_signal *s, const struct pk_stamp *now) {
    uint64_t ms = 0;
    if (s->kind != PK_SIGNAL_STILL || i->status != PK_INC_MITIGATED) {
        return true;
    }
    return pk_stamp_elapsed_ms(&i->mitigated, now, &ms) && ms >= t->settings.still_grace_ms;
}

static int64_t join_incident(struct pk_incidents *t, uint32_t slot, const struct pk_incident_signal *s,
                             const struct pk_stamp *now, uint32_t *out_kinds) {
    struct pk_incident_slot *row = &t->slots[slot];
    uint32_t kinds = 0;
    const uint32_t component_count = row->incident.component_count;
    absorb(row, s);
    if (row->incident.component_count != component_count) {
        pk_correlate_note(t, slot);
    }
    t->metrics.joined_count += row->incident.is_drill ? 0u : 1u;
    if (takes_back(t, &row->incident, s, now)) {
        const int err = pk_incident_table_move(t, slot, PK_INC_ON_FIRED, PK_TL_BY_DETECT,
                                               pk_str_of("the rule fired again"), now, &kinds);
        PK_ASSERT(err == PK_OK);
        pk_incident_table_set_cleared(t, slot, false, 0);
    }
    kinds |= raise_severity(t, slot, s, now);
    kinds |= tell_count(t, slot, now);
    if (kinds != 0) {
        pk_incident_table_touch(t, slot, kinds);
    }
    *out_kinds = kinds;
    return row->incident.number;
}

static bool is_flap(const struct pk_incidents *t, uint32_t slot, const struct pk_stamp *now) {
    const struct pk_incident *i = &t->slots[slot].incident;
    uint64_t ms = 0;
    return i->status == PK_INC_RESOLVED && pk_stamp_elapsed_ms(&i->resolved, now, &ms) &&
           ms <= t->settings.flap_window_ms;
}

int64_t pk_incidents_signal(struct pk_incidents *t, const struct pk_incident_signal *s,
                            const struct pk_stamp *now, uint32_t *out_kinds) {
    PK_ASSERT(s->severity < PK_SEV_COUNT && s->event_ref_count <= PK_INC_SOURCE_EVENTS);
    *out_kinds = 0;
    const uint64_t fingerprint = pk_incident_fingerprint(t->crypto, s->rule_id, s->group_key);
    uint32_t slot = pk_incident_table_match(t, fingerprint, true);
    if (slot != PK_INCIDENT_NO_SLOT) {
        return join_incident(t, slot, s, now, out_kinds);
    }
    slot = pk_incident_table_match(t, fingerprint, false);
    if (slot != PK_INCIDENT_NO_SLOT && s->kind != PK_SIGNAL_FIRED) {
        return PK_E_STALE;
    }
    if (slot != PK_INCIDENT_NO_SLOT && is_flap(t, slot, now)) {
        return join_incident(t, slot, s, now, out_kinds);
    }
    return open_incident(t, s, fingerprint, slot, now, out_kinds);
}

static void resolve_cleared(struct pk_incidents *t, uint32_t slot, const struct pk_stamp *now,
                            uint32_t *kinds) {
    const int err = pk_incident_table_move(t, slot, PK_INC_ON_STABLE, PK_TL_BY_AGENT,
                                           pk_str_of("stayed clear"), now, kinds);
    PK_ASSERT(err == PK_OK);
    t->slots[slot].incident.is_auto_resolved = true;
    if (t->slots[slot].incident.is_drill) {
        return;
    }
    t->metrics.auto_resolved_count++;
    pk_rule_card_count(&t->cards, pk_str_of(t->slots[slot].incident.rule_id), PK_CARD_AUTO_RESOLVED);
}

int64_t pk_incidents_cleared(struct pk_incidents *t, struct pk_str rule_id, struct pk_str group_key,
                             uint64_t waited_ms, const struct pk_stamp *now) {
    const uint32_t slot =
        pk_incident_table_match(t, pk_incident_fingerprint(t->crypto, rule_id, group_key), true);
    uint32_t kinds = 0;
    if (slot == PK_INCIDENT_NO_SLOT) {
        return PK_E_NOT_FOUND;
    }
    struct pk_incident_slot *row = &t->slots[slot];
    row->is_unconfirmed = false;
    pk_incident_table_say(t, slot, PK_TL_CLEARED, PK_TL_BY_DETECT, now,
                          pk_str_of("the clear condition holds"));
    const int err = pk_incident_table_move(t, slot, PK_INC_ON_CLEARED, PK_TL_BY_DETECT, pk_str_of("cleared"),
                                           now, &kinds);
    PK_ASSERT(err == PK_OK);
    const uint64_t wait_ms = row->incident.severity >= PK_SEV_HIGH ? pk_incident_table_stable_ms(t, slot) : 0;
    pk_incident_table_set_cleared(t, slot, true,
                                  now->mono_ms + (wait_ms > waited_ms ? wait_ms - waited_ms : 0));
    if (wait_ms == 0) {
        resolve_cleared(t, slot, now, &kinds);
    }
    if (kinds != 0) {
        pk_incident_table_touch(t, slot, kinds);
    }
    return row->incident.number;
}

/* A moment of the record that is to come, on our clock; 0 when it is past or no clock can tell. */
static uint64_t due_at_ms(const struct pk_stamp *moment, const struct pk_stamp *now) {
    uint64_t wait_ms = 0;
    return pk_stamp_elapsed_ms(now, moment, &wait_ms) && wait_ms > 0 ? now->mono_ms + wait_ms : 0;
}

static uint64_t tick_recovery(struct pk_incidents *t, uint32_t slot, const struct pk_stamp *now,
                              uint32_t *kinds) {
    const struct pk_incident_slot *row = &t->slots[slot];
    if (!row->is_cleared) {
        return UINT64_MAX;
    }
    if (now->mono_ms < row->recover_due_ms) {
        return row->recover_due_ms;
    }
    if (row->incident.status != PK_INC_MITIGATED) { /* the action failed */
        const int err = pk_incident_table_move(t, slot, PK_INC_ON_CLEARED, PK_TL_BY_AGENT,
                                               pk_str_of("it was clear before the action"), now, kinds);
        PK_ASSERT(err == PK_OK);
    }
    resolve_cleared(t, slot, now, kinds);
    return UINT64_MAX;
}

/* "impact major (high, shared): 1 affected, 3 depend on it" */
static void say_impact(struct pk_incidents *t, uint32_t slot, const struct pk_stamp *now) {
    char text[PK_TIMELINE_TEXT_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_impact_words(&t->slots[slot].incident, &b);
    pk_incident_table_say(t, slot, PK_TL_STAGE, PK_TL_BY_AGENT, now, pk_buf_str(&b));
}

/* An action that began before has moved it on. */
static uint64_t tick_assess(struct pk_incidents *t, uint32_t slot, const struct pk_stamp *now,
                            uint32_t *kinds) {
    struct pk_incident_slot *row = &t->slots[slot];
    if (row->assess_due_ms == 0 || now->mono_ms < row->assess_due_ms) {
        return row->assess_due_ms == 0 ? UINT64_MAX : row->assess_due_ms;
    }
    row->assess_due_ms = 0;
    if (row->incident.status == PK_INC_DETECTED) {
        say_impact(t, slot, now);
        const int err = pk_incident_table_move(t, slot, PK_INC_ON_ASSESSED, PK_TL_BY_AGENT,
                                               pk_str_of("assessed, no action has begun"), now, kinds);
        PK_ASSERT(err == PK_OK);
    }
    return UINT64_MAX;
}

static uint64_t tick_ack(struct pk_incidents *t, uint32_t slot, const struct pk_stamp *now, uint32_t *kinds) {
    struct pk_incident *i = &t->slots[slot].incident;
    if (!i->is_acked || !pk_stamp_is_set(&i->ack_until) || !pk_incident_status_is_active(i->status)) {
        return UINT64_MAX;
    }
    const uint64_t due_ms = due_at_ms(&i->ack_until, now);
    if (due_ms > 0) {
        return due_ms;
    }
    pk_incident_table_unack(t, slot, now);
    *kinds |= PK_INC_CHANGED_ACK;
    return UINT64_MAX;
}

/* What it was the consequence of has ended, and it goes on: then it is more than that. */
static uint64_t tick_orphan(struct pk_incidents *t, uint32_t slot, const struct pk_stamp *now,
                            uint32_t *kinds) {
    struct pk_incident_slot *row = &t->slots[slot];
    struct pk_incident_ref ref;
    if (row->is_orphan || row->incident.is_announced || row->incident.caused_by[0] == '\0' ||
        !pk_incident_status_is_active(row->incident.status)) {
        return UINT64_MAX;
    }
    if (pk_incident_id_parse(pk_str_of(row->incident.caused_by), &ref) == PK_OK &&
        pk_incidents_is_live(t, ref.number)) {
        row->orphan_due_ms = 0;
        return UINT64_MAX;
    }
    if (row->orphan_due_ms == 0) {
        row->orphan_due_ms = now->mono_ms + ORPHAN_MS;
    }
    if (now->mono_ms < row->orphan_due_ms) {
        return row->orphan_due_ms;
    }
    row->is_orphan = true;
    pk_incident_table_say(t, slot, PK_TL_CAUSE, PK_TL_BY_AGENT, now,
                          pk_str_of("goes on although what caused it has ended"));
    *kinds |= PK_INC_CHANGED_CAUSE;
    return UINT64_MAX;
}

static uint64_t earlier(uint64_t x, uint64_t y) {
    return x < y ? x : y;
}

static void tick_slot(struct pk_incidents *t, uint32_t slot, const struct pk_stamp *now) {
    uint32_t kinds = 0;
    uint64_t next_ms = tick_recovery(t, slot, now, &kinds);
    next_ms = earlier(next_ms, tick_ack(t, slot, now, &kinds));
    next_ms = earlier(next_ms, tick_assess(t, slot, now, &kinds));
    next_ms = earlier(next_ms, tick_orphan(t, slot, now, &kinds));
    next_ms = earlier(next_ms, pk_escalation_tick(t, slot, now, &kinds)); /* last: it hangs on the others */
    t->slot_due_ms[slot] = next_ms; /* all of it was looked at, whatever armed it meanwhile */
    if (kinds != 0) {
        pk_incident_table_touch(t, slot, kinds);
    }
}

uint64_t pk_incidents_tick(struct pk_incidents *t, const struct pk_stamp *now) {
    if (now->mono_ms < t->due_ms) {
        return t->due_ms;
    }
    for (uint32_t i = 0; i < t->high_count; i++) {
        if (t->numbers[i] != 0 && now->mono_ms >= t->slot_due_ms[i]) {
            tick_slot(t, i, now);
        }
    }
    t->due_ms = UINT64_MAX;
    for (uint32_t i = 0; i < t->high_count; i++) {
        if (t->numbers[i] != 0) {
            pk_incident_table_arm(t, i, t->slot_due_ms[i]);
        }
    }
    return t->due_ms;
}

uint32_t pk_incidents_retire(struct pk_incidents *t, uint64_t keep_ms, uint32_t keep_count, uint32_t at_most,
                             const struct pk_stamp *now) {
    return pk_incident_table_retire(t, keep_ms, keep_count, at_most, now);
}

bool pk_incidents_is_recovered(const struct pk_incidents *t, uint32_t *cursor, const struct pk_stamp *now,
                               const struct pk_incident **out) {
    for (; now->mono_ms >= t->due_ms && *cursor < t->high_count; (*cursor)++) {
        if (t->numbers[*cursor] == 0 || now->mono_ms < t->slot_due_ms[*cursor] ||
            !pk_incident_status_is_active(t->keys[*cursor].status)) {
            continue;
        }
        const struct pk_incident_slot *row = &t->slots[*cursor];
        if (row->is_cleared && now->mono_ms >= row->recover_due_ms) {
            *out = &row->incident;
            (*cursor)++;
            return true;
        }
    }
    return false;
}

void pk_incidents_hold(struct pk_incidents *t, uint32_t number, uint32_t for_ms, struct pk_str why,
                       const struct pk_stamp *now) {
    const uint32_t slot = pk_incident_table_slot(t, number);
    if (slot == PK_INCIDENT_NO_SLOT || !t->slots[slot].is_cleared) {
        return;
    }
    struct pk_incident_slot *row = &t->slots[slot];
    row->recover_due_ms = now->mono_ms + for_ms;
    if (!row->is_held) {
        row->is_held = true;
        pk_incident_table_say(t, slot, PK_TL_STAGE, PK_TL_BY_AGENT, now, why);
    }
}

void pk_incidents_postpone(struct pk_incidents *t, uint32_t cursor, uint32_t for_ms,
                           const struct pk_stamp *now) {
    const struct pk_incident *i = NULL;
    while (pk_incidents_is_recovered(t, &cursor, now, &i)) {
        t->slots[cursor - 1u].recover_due_ms = now->mono_ms + for_ms;
    }
}

void pk_incidents_prepare(struct pk_incidents *t) {
    pk_incident_table_prepare(t);
}

/* -- announce -- */
static void announce_slot(struct pk_incidents *t, uint32_t slot, const struct pk_stamp *now) {
    struct pk_incident *i = &t->slots[slot].incident;
    const bool is_active = pk_incident_status_is_active(i->status);
    const struct pk_silence *s =
        is_active ? pk_silences_match(&t->silences, i, PK_INCIDENT_ANY_SILENCE, now) : NULL;
    const uint16_t silenced_by = s != NULL ? s->number : 0;
    bool is_changed = false;
    if (is_active && silenced_by != i->silenced_by) {
        char text[PK_TIMELINE_TEXT_BYTES];
        struct pk_buf b;
        pk_buf_init(&b, text, sizeof text);
        pk_buf_puts(&b, s == NULL ? "no longer kept quiet" : "kept quiet by ");
        if (s != NULL) {
            pk_buf_puts(&b, pk_silence_kind_word(s->kind));
            pk_buf_putc(&b, ' ');
            pk_buf_put_u64(&b, s->number);
        }
        i->silenced_by = silenced_by;
        pk_incident_table_arm(t, slot, now->mono_ms); /* its deadlines begin or end */
        pk_incident_table_say(t, slot, PK_TL_SILENCE, PK_TL_BY_AGENT, now, pk_buf_str(&b));
        is_changed = true;
    }
    const bool wants_word = !i->is_announced && is_active && silenced_by == 0 &&
                            (i->caused_by[0] == '\0' || t->slots[slot].is_orphan);
    if (wants_word && t->is_quiet && !t->slots[slot].is_quiet_said) {
        t->slots[slot].is_quiet_said = true;
        pk_incident_table_say(t, slot, PK_TL_SILENCE, PK_TL_BY_AGENT, now,
                              pk_str_of("not announced: notifications_enabled is off"));
    }
    if (wants_word && !t->is_quiet) {
        i->is_announced = true;
        is_changed = true;
    }
    if (is_changed && t->change_kinds[slot] != 0) {
        t->change_kinds[slot] |= PK_INC_CHANGED_ANNOUNCED; /* nobody saw the revision without it */
    } else if (is_changed) {
        pk_incident_table_touch(t, slot, PK_INC_CHANGED_ANNOUNCED);
    }
}

void pk_incidents_set_quiet(struct pk_incidents *t, bool is_quiet) {
    t->silences.is_changed = t->silences.is_changed || t->is_quiet != is_quiet;
    t->is_quiet = is_quiet;
}

void pk_incidents_announce(struct pk_incidents *t, const struct pk_stamp *now) {
    const bool looks_at_all = pk_silences_take_change(&t->silences);
    for (uint32_t i = 0; (looks_at_all || t->changed_count > 0) && i < t->high_count; i++) {
        if (t->numbers[i] != 0 && (looks_at_all || t->change_kinds[i] != 0)) {
            announce_slot(t, i, now);
        }
    }
}

/* -- pull and read -- */
static void take_change(struct pk_incidents *t, uint32_t slot, struct pk_incident_change *out) {
    *out = (struct pk_incident_change){
        .number = t->numbers[slot], .kinds = t->change_kinds[slot], .incident = &t->slots[slot].incident};
    t->change_kinds[slot] = 0;
    t->changed_count--;
}

int pk_incidents_next_change_of(struct pk_incidents *t, uint32_t number, struct pk_incident_change *out) {
    const uint32_t slot = pk_incident_table_slot(t, number);
    if (slot == PK_INCIDENT_NO_SLOT || t->change_kinds[slot] == 0) {
        return PK_E_NOT_FOUND;
    }
    take_change(t, slot, out);
    return PK_OK;
}

int pk_incidents_next_change(struct pk_incidents *t, struct pk_incident_change *out) {
    if (t->removed_count > 0) {
        t->removed_count--;
        *out = (struct pk_incident_change){.number = t->removed[t->removed_count],
                                           .kinds = PK_INC_CHANGED_REMOVED};
        return PK_OK;
    }
    for (uint32_t n = 0; t->changed_count > 0 && n < PK_LIMIT_INCIDENTS; n++) {
        const uint32_t i = (t->change_cursor + n) % PK_LIMIT_INCIDENTS;
        if (t->change_kinds[i] == 0) {
            continue;
        }
        take_change(t, i, out);
        t->change_cursor = i + 1u;
        return PK_OK;
    }
    return PK_E_NOT_FOUND;
}

void pk_incidents_put_back(struct pk_incidents *t, const struct pk_incident_change *change) {
    if ((change->kinds & PK_INC_CHANGED_REMOVED) != 0) {
        PK_ASSERT(t->removed_count < PK_INCIDENT_REMOVED);
        t->removed[t->removed_count++] = change->number;
        return;
    }
    const uint32_t slot = pk_incident_table_slot(t, change->number);
    if (slot == PK_INCIDENT_NO_SLOT) {
        return;
    }
    t->changed_count += t->change_kinds[slot] == 0 ? 1u : 0u;
    t->change_kinds[slot] |= change->kinds;
}

bool pk_incidents_has_changes(const struct pk_incidents *t) {
    return t->changed_count > 0 || t->removed_count > 0;
}

void pk_incidents_owe(struct pk_incidents *t, uint32_t number, bool is_owed) {
    const uint32_t slot = pk_incident_table_slot(t, number);
    PK_ASSERT(slot != PK_INCIDENT_NO_SLOT);
    struct pk_incident *i = &t->slots[slot].incident;
    if (i->owes_report != is_owed) {
        i->owes_report = is_owed;
        t->owed_count = is_owed ? t->owed_count + 1u : t->owed_count - 1u;
    }
}

void pk_incidents_bring_owed(struct pk_incidents *t, uint32_t count) {
    for (uint32_t i = 0; i < t->high_count && count > 0; i++) {
        if (t->numbers[i] != 0 && t->change_kinds[i] == 0 && t->slots[i].incident.owes_report) {
            pk_incident_table_touch(t, i, PK_INC_CHANGED_OWED);
            count--;
        }
    }
}

int pk_incidents_next_owed_lost(struct pk_incidents *t, uint8_t *out_severity) {
    for (uint8_t i = 0; i < PK_SEV_COUNT; i++) {
        if (t->owed_lost[i] > 0) {
            t->owed_lost[i]--;
            *out_severity = i;
            return PK_OK;
        }
    }
    return PK_E_NOT_FOUND;
}

int pk_incidents_next_drop(struct pk_incidents *t, struct pk_incident_drop *out) {
    if (t->drop.count == 0) {
        return PK_E_NOT_FOUND;
    }
    *out = t->drop;
    t->drop = (struct pk_incident_drop){0};
    return PK_OK;
}

const struct pk_incident *pk_incidents_get(const struct pk_incidents *t, uint32_t number) {
    const uint32_t slot = pk_incident_table_slot(t, number);
    return slot != PK_INCIDENT_NO_SLOT ? &t->slots[slot].incident : NULL;
}

int pk_incidents_find(const struct pk_incidents *t, struct pk_str id, const struct pk_incident **out) {
    struct pk_incident_ref ref;
    if (pk_incident_id_parse(id, &ref) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    const struct pk_incident *i = pk_incidents_get(t, ref.number);
    /* Numbers are never reused, so the short form can only mean one. */
    if (i == NULL || (!ref.is_short && !pk_str_eq_c(id, i->id))) {
        return PK_E_NOT_FOUND;
    }
    *out = i;
    return PK_OK;
}

bool pk_incidents_is_live(const struct pk_incidents *t, uint32_t number) {
    const struct pk_incident *i = pk_incidents_get(t, number);
    return i != NULL && pk_incident_status_is_active(i->status);
}

const struct pk_incident *pk_incidents_next(const struct pk_incidents *t, uint32_t status_bits,
                                            uint8_t min_severity, uint32_t *below) {
    uint32_t best = PK_INCIDENT_NO_SLOT;
    for (uint32_t i = 0; i < PK_LIMIT_INCIDENTS; i++) {
        if (t->numbers[i] == 0 || t->numbers[i] >= *below ||
            (best != PK_INCIDENT_NO_SLOT && t->numbers[i] < t->numbers[best])) {
            continue;
        }
        const struct pk_incident *c = &t->slots[i].incident;
        if ((status_bits >> c->status & 1u) != 0 && c->severity >= min_severity) {
            best = i;
        }
    }
    if (best == PK_INCIDENT_NO_SLOT) {
        return NULL;
    }
    *below = t->numbers[best];
    return &t->slots[best].incident;
}

void pk_incidents_count_active(const struct pk_incidents *t, uint32_t by_severity[PK_SEV_COUNT]) {
    memset(by_severity, 0, sizeof(uint32_t) * PK_SEV_COUNT);
    for (uint32_t i = 0; i < t->high_count; i++) {
        if (t->numbers[i] != 0 && !t->slots[i].incident.is_drill &&
            pk_incident_status_is_active(t->keys[i].status)) {
            by_severity[t->slots[i].incident.severity]++;
        }
    }
}

void pk_incidents_count(const struct pk_incidents *t, uint32_t by_status[PK_INC_STATUS_COUNT],
                        uint32_t by_severity[PK_SEV_COUNT]) {
    memset(by_status, 0, sizeof(uint32_t) * PK_INC_STATUS_COUNT);
    memset(by_severity, 0, sizeof(uint32_t) * PK_SEV_COUNT);
    for (uint32_t i = 0; i < PK_LIMIT_INCIDENTS; i++) {
        if (t->numbers[i] != 0 && !t->slots[i].incident.is_drill) {
            by_status[t->slots[i].incident.status]++;
            by_severity[t->slots[i].incident.severity]++;
        }
    }
}

bool pk_incidents_mttf_ms(const struct pk_incidents *t, uint32_t number, uint64_t *out_ms) {
    const uint32_t slot = pk_incident_table_slot(t, number);
    if (slot == PK_INCIDENT_NO_SLOT || t->slots[slot].mttf_count == 0) {
        return false;
    }
    *out_ms = t->slots[slot].mttf_sum_ms / t->slots[slot].mttf_count;
    return true;
}

bool pk_incident_correct(struct pk_incident *i, const struct pk_time_fix *fix) {
    struct pk_stamp *const stamps[] = {&i->first_event, &i->detected,    &i->acknowledged, &i->mitigated,
                                       &i->resolved,    &i->closed,      &i->ack_until,    &i->stage_since,
                                       &i->escalated,   &i->escalate_due};
    bool is_changed = false;
    for (size_t n = 0; n < PK_COUNT_OF(stamps); n++) {
        is_changed |= pk_stamp_correct(stamps[n], fix);
    }
    return is_changed;
}

uint32_t pk_incidents_correct_wall(struct pk_incidents *t, const struct pk_time_fix *fix) {
    uint32_t changed = 0;
    for (uint32_t k = 0; k < PK_LIMIT_INCIDENTS; k++) {
        if (t->numbers[k] != 0 && pk_incident_correct(&t->slots[k].incident, fix)) {
            pk_incident_table_touch(t, k, PK_INC_CHANGED_TIME);
            changed++;
        }
    }
    return changed;
}

void pk_incidents_correct_action(struct pk_incidents *t, uint32_t number,
                                 const struct pk_incident_action *a) {
    const uint32_t slot = pk_incident_table_slot(t, number);
    struct pk_incident *i = slot == PK_INCIDENT_NO_SLOT ? NULL : &t->slots[slot].incident;
    for (uint32_t k = 0; i != NULL && k < i->action_count; k++) {
        struct pk_incident_action *known = &i->actions[k];
        if (known->run == a->run && known->state == a->state && strcmp(known->action, a->action) == 0 &&
            known->at_wall_ms != a->at_wall_ms) {
            known->at_wall_ms = a->at_wall_ms;
            pk_incident_table_touch(t, slot, PK_INC_CHANGED_TIME);
        }
    }
}

void pk_incidents_remark(struct pk_incidents *t, uint32_t number, uint8_t kind, uint8_t source,
                         struct pk_str text, const struct pk_stamp *now) {
    const uint32_t slot = pk_incident_table_slot(t, number);
    if (slot != PK_INCIDENT_NO_SLOT) {
        pk_incident_table_say(t, slot, kind, source, now, text);
    }
}
