#include "incident/pk_incident_table.h"

#include <string.h>

#include "base/pk_assert.h"
#include "incident/pk_escalation.h"
#include "incident/pk_incident_record.h"
#include "incident/pk_incident_words.h"

/* Rows each severity may fill (pk_incidents.h says why). */
static const uint32_t ROOM[PK_SEV_COUNT] = {[PK_SEV_INFO] = PK_LIMIT_INCIDENTS * 3u / 4u,
                                            [PK_SEV_LOW] = PK_LIMIT_INCIDENTS * 3u / 4u,
                                            [PK_SEV_MEDIUM] = PK_LIMIT_INCIDENTS * 7u / 8u,
                                            [PK_SEV_HIGH] = PK_LIMIT_INCIDENTS * 7u / 8u,
                                            [PK_SEV_CRITICAL] = PK_LIMIT_INCIDENTS};
_Static_assert(PK_LIMIT_INCIDENTS >= 16u, "the shares of the table are not empty");

static uint32_t bucket_of(uint64_t fingerprint) {
    return (uint32_t)(fingerprint % PK_INCIDENT_BUCKETS);
}

uint32_t pk_incident_table_slot(const struct pk_incidents *t, uint32_t number) {
    for (uint32_t i = 0; number != 0 && i < t->high_count; i++) {
        if (t->numbers[i] == number) {
            return i;
        }
    }
    return PK_INCIDENT_NO_SLOT;
}

uint32_t pk_incident_table_match(const struct pk_incidents *t, uint64_t fingerprint, bool is_active) {
    uint32_t best = PK_INCIDENT_NO_SLOT;
    uint32_t at = t->buckets[bucket_of(fingerprint)];
    while (at != 0) {
        const struct pk_incident_slot *s = &t->slots[at - 1u];
        if (s->incident.fingerprint == fingerprint &&
            pk_incident_status_is_active(s->incident.status) == is_active &&
            (best == PK_INCIDENT_NO_SLOT || s->incident.number > t->slots[best].incident.number)) {
            best = at - 1u;
        }
        at = s->hash_next;
    }
    return best;
}

static void leave_index(struct pk_incidents *t, uint32_t slot) {
    uint32_t *link = &t->buckets[bucket_of(t->slots[slot].incident.fingerprint)];
    while (*link != slot + 1u) {
        PK_ASSERT(*link != 0);
        link = &t->slots[*link - 1u].hash_next;
    }
    *link = t->slots[slot].hash_next;
}

static void remove_slot(struct pk_incidents *t, uint32_t slot) {
    PK_ASSERT((t->change_kinds[slot] & ~(uint32_t)PK_INC_CHANGED_CAUSE) == 0);
    if (t->change_kinds[slot] != 0) {
        t->change_kinds[slot] = 0;
        t->changed_count--;
    }
    PK_ASSERT(!pk_incident_status_is_active(t->slots[slot].incident.status));
    if (t->removed_count < PK_INCIDENT_REMOVED) {
        t->removed[t->removed_count++] = t->numbers[slot];
    } else {
        t->removed_lost_count++;
    }
    if (t->slots[slot].incident.owes_report) {
        t->owed_count--;
        t->owed_lost[t->slots[slot].incident.severity]++;
    }
    leave_index(t, slot);
    t->numbers[slot] = 0;
    t->used_count--;
}

/* Closed and false positive before resolved, what is owed to the hub last, then the oldest. Only what was
 * pulled: its last word is stored. That there is one more consequence of it is none: in a storm each that is
 * over is soon the cause of another. */
static uint32_t find_evictable(const struct pk_incidents *t, bool may_forget) {
    uint32_t best = PK_INCIDENT_NO_SLOT;
    unsigned best_rank = 0;
    for (uint32_t i = 0; i < t->high_count; i++) {
        const bool is_counted =
            t->change_kinds[i] == PK_INC_CHANGED_CAUSE && !t->slots[i].correlation.is_cause_set;
        if (t->numbers[i] == 0 || (t->change_kinds[i] != 0 && !is_counted) ||
            pk_incident_status_is_active(t->keys[i].status)) {
            continue;
        }
        const bool is_owed = t->owed_count > 0 && t->slots[i].incident.owes_report;
        const unsigned rank = is_owed ? 2u : t->keys[i].status == PK_INC_RESOLVED ? 1u : 0u;
        if ((!is_owed || may_forget) && (best == PK_INCIDENT_NO_SLOT || rank < best_rank ||
                                         (rank == best_rank && t->numbers[i] < t->numbers[best]))) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

/* Since it was closed, resolved, or at least last moved. False: no clock both moments share tells. */
static bool ended_ms(const struct pk_incident *i, const struct pk_stamp *now, uint64_t *out_ms) {
    const struct pk_stamp *at = pk_stamp_is_set(&i->closed)     ? &i->closed
                                : pk_stamp_is_set(&i->resolved) ? &i->resolved
                                                                : &i->stage_since;
    return pk_stamp_is_sure(at, now) && pk_stamp_elapsed_ms(at, now, out_ms);
}

uint32_t pk_incident_table_retire(struct pk_incidents *t, uint64_t keep_ms, uint32_t keep_count,
                                  uint32_t at_most, const struct pk_stamp *now) {
    uint32_t done = 0;
    const uint32_t ended = t->used_count - t->open_count;
    for (uint32_t i = 0; i < t->high_count && done < at_most && keep_ms > 0; i++) {
        uint64_t ms = 0;
        if (t->numbers[i] == 0 || t->change_kinds[i] != 0 ||
            pk_incident_status_is_active(t->keys[i].status) || t->slots[i].incident.owes_report ||
            !ended_ms(&t->slots[i].incident, now, &ms) || ms < keep_ms) {
            continue;
        }
        remove_slot(t, i);
        done++;
    }
    while (keep_count > 0 && ended - done > keep_count && done < at_most) {
        const uint32_t old = find_evictable(t, false);
        if (old == PK_INCIDENT_NO_SLOT) {
            break; /* the last words of the others are not stored yet, or owed to the hub */
        }
        remove_slot(t, old);
        done++;
    }
    return done;
}

uint32_t pk_incident_table_take(struct pk_incidents *t, uint8_t severity, bool may_forget) {
    PK_ASSERT(severity < PK_SEV_COUNT);
    while (t->used_count >= ROOM[severity]) { /* more than one where severer ones took the room beyond */
        const uint32_t old = find_evictable(t, may_forget);
        if (old == PK_INCIDENT_NO_SLOT) {
            return PK_INCIDENT_NO_SLOT;
        }
        remove_slot(t, old);
    }
    pk_incident_table_prepare(t);
    const uint32_t slot = t->spare_slot - 1u;
    t->spare_slot = 0;
    return slot;
}

void pk_incident_table_prepare(struct pk_incidents *t) {
    for (uint32_t i = 0; t->spare_slot == 0 && i < PK_LIMIT_INCIDENTS; i++) {
        if (t->numbers[i] == 0) {
            memset(&t->slots[i], 0, sizeof t->slots[i]);
            t->spare_slot = i + 1u;
        }
    }
}

void pk_incident_table_enter(struct pk_incidents *t, uint32_t slot) {
    struct pk_incident_slot *s = &t->slots[slot];
    uint32_t *head = &t->buckets[bucket_of(s->incident.fingerprint)];
    PK_ASSERT(t->numbers[slot] == 0 && s->incident.number != 0);
    t->numbers[slot] = s->incident.number;
    t->slot_due_ms[slot] = UINT64_MAX;
    s->hash_next = *head;
    *head = slot + 1u;
    t->used_count++;
    if (slot >= t->high_count) {
        t->high_count = slot + 1u;
    }
    t->owed_count += s->incident.owes_report ? 1u : 0u;
    if (pk_incident_status_is_active(s->incident.status)) {
        t->open_count++;
    }
    pk_correlate_note(t, slot);
}

void pk_incident_table_touch(struct pk_incidents *t, uint32_t slot, uint32_t kinds) {
    PK_ASSERT(t->numbers[slot] != 0 && kinds != 0);
    t->slots[slot].incident.rev++;
    t->slots[slot].told_event_count = t->slots[slot].incident.event_count;
    if (t->change_kinds[slot] == 0) {
        t->changed_count++;
    }
    t->change_kinds[slot] |= kinds;
    pk_correlate_note(t, slot);
}

void pk_incident_table_say(struct pk_incidents *t, uint32_t slot, uint8_t kind, uint8_t source,
                           const struct pk_stamp *now, struct pk_str text) {
    struct pk_timeline_entry e = {.incident = t->slots[slot].incident.number,
                                  .at = *now,
                                  .severity = t->slots[slot].incident.severity,
                                  .source = source,
                                  .kind = kind};
    pk_str_copy_cut(text, e.text, sizeof e.text);
    (void)pk_timeline_add(&t->timeline, &e);
}

uint32_t pk_incident_table_set_severity(struct pk_incidents *t, uint32_t slot, uint8_t severity,
                                        uint8_t source, struct pk_str why, const struct pk_stamp *now) {
    struct pk_incident *i = &t->slots[slot].incident;
    char text[PK_TIMELINE_TEXT_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, pk_severity_word((enum pk_severity)i->severity));
    pk_buf_puts(&b, " -> ");
    pk_buf_puts(&b, pk_severity_word((enum pk_severity)severity));
    if (why.n > 0) {
        pk_buf_puts(&b, ": ");
        pk_buf_put_str(&b, why);
    }
    i->severity = severity;
    pk_incident_table_arm(t, slot, now->mono_ms);
    pk_incident_retitle(i);
    pk_incident_table_say(t, slot, PK_TL_SEVERITY, source, now, pk_buf_str(&b));
    return PK_INC_CHANGED_SEVERITY;
}

void pk_incident_table_unack(struct pk_incidents *t, uint32_t slot, const struct pk_stamp *now) {
    struct pk_incident *i = &t->slots[slot].incident;
    char text[PK_TIMELINE_TEXT_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "the acknowledgement ran out");
    if (i->acked_by[0] != '\0') {
        pk_buf_puts(&b, ", it was by ");
        pk_buf_puts(&b, i->acked_by);
    }
    i->is_acked = false;
    i->acked_by[0] = '\0';
    i->ack_until = (struct pk_stamp){0};
    pk_incident_table_say(t, slot, PK_TL_ACKNOWLEDGED, PK_TL_BY_AGENT, now, pk_buf_str(&b));
}

void pk_incident_table_sample(struct pk_incidents *t, const struct pk_incident *i,
                              enum pk_incident_metric m) {
    uint64_t ms = 0;
    if (i->is_drill) {
        return;
    }
    if (pk_incident_duration_ms(i, m, &ms)) {
        pk_metric_add(&t->metrics.metric[m], ms);
    } else {
        t->metrics.metric[m].unknown_count++;
    }
}

/* The sample is kept beside the record: the record's own times may be corrected before it is taken back. */
static void add_resolved(struct pk_incidents *t, struct pk_incident_slot *s) {
    if (s->incident.is_drill) {
        return;
    }
    t->metrics.resolved_count++;
    s->is_mttr_counted = pk_incident_duration_ms(&s->incident, PK_MTTR, &s->mttr_ms);
    if (s->is_mttr_counted) {
        pk_metric_add(&t->metrics.metric[PK_MTTR], s->mttr_ms);
    } else {
        t->metrics.metric[PK_MTTR].unknown_count++;
    }
}

/* It was resolved and is not any more. A record of an earlier start was never counted in this one. */
static void take_back_resolved(struct pk_incidents *t, struct pk_incident_slot *s) {
    if (s->is_mttr_counted) {
        pk_metric_remove(&t->metrics.metric[PK_MTTR], s->mttr_ms);
    }
    s->is_mttr_counted = false;
    s->incident.resolved = (struct pk_stamp){0};
}

static void count_flap(struct pk_incidents *t, struct pk_incident_slot *s, uint32_t *kinds) {
    s->incident.flap_count++;
    if (!s->incident.is_flapping && t->settings.flap_count > 0 &&
        s->incident.flap_count >= t->settings.flap_count) {
        s->incident.is_flapping = true;
        *kinds |= PK_INC_CHANGED_FLAPPING;
    }
}

void pk_incident_table_set_cleared(struct pk_incidents *t, uint32_t slot, bool is_cleared, uint64_t due_ms) {
    struct pk_incident_slot *s = &t->slots[slot];
    s->is_cleared = is_cleared;
    s->is_held = false;
    s->recover_due_ms = is_cleared ? due_ms : 0;
    if (is_cleared) {
        pk_incident_table_arm(t, slot, due_ms);
    }
}

uint32_t pk_incident_table_stable_ms(const struct pk_incidents *t, uint32_t slot) {
    const uint32_t own_ms = t->slots[slot].recover_ms;
    return own_ms > 0 && own_ms < t->settings.recover_ms ? own_ms : t->settings.recover_ms;
}

static uint64_t earlier(uint64_t x, uint64_t y) {
    return x < y ? x : y;
}

void pk_incident_table_arm(struct pk_incidents *t, uint32_t slot, uint64_t at_ms) {
    t->slot_due_ms[slot] = earlier(at_ms, t->slot_due_ms[slot]);
    t->due_ms = earlier(at_ms, t->due_ms);
}

void pk_incident_table_arm_all(struct pk_incidents *t, uint64_t at_ms) {
    for (uint32_t i = 0; i < PK_LIMIT_INCIDENTS; i++) {
        t->slot_due_ms[i] = earlier(at_ms, t->slot_due_ms[i]);
    }
    t->due_ms = earlier(at_ms, t->due_ms);
}

void pk_incident_table_set_stage(struct pk_incidents *t, uint32_t slot, uint8_t stage,
                                 const struct pk_stamp *now) {
    struct pk_incident *i = &t->slots[slot].incident;
    uint64_t ms = 0;
    if (i->stage == stage) {
        return;
    }
    if (pk_stamp_elapsed_ms(&i->stage_since, now, &ms)) {
        const uint32_t room = UINT32_MAX - i->stage_ms[i->stage];
        i->stage_ms[i->stage] += ms < room ? (uint32_t)ms : room;
    }
    i->stage = stage;
    i->stage_since = *now;
}

/* Figures and report cards are of real incidents. */
static void count_end(struct pk_incidents *t, const struct pk_incident *i, enum pk_card_count what) {
    if (i->is_drill) {
        return;
    }
    t->metrics.false_positive_count += what == PK_CARD_FALSE_POSITIVE ? 1u : 0u;
    pk_rule_card_count(&t->cards, pk_str_of(i->rule_id), what);
}

static void apply_effects(struct pk_incidents *t, struct pk_incident_slot *s, uint8_t effects,
                          const struct pk_stamp *now, uint32_t *kinds) {
    struct pk_incident *i = &s->incident;
    if ((effects & PK_INC_DO_ACK) != 0 && !i->is_acked) {
        i->is_acked = true;
        if (!pk_stamp_is_set(&i->acknowledged)) { /* else one before ran out: the first one counts */
            i->acknowledged = *now;
            pk_incident_table_sample(t, i, PK_MTTA);
        }
        *kinds |= PK_INC_CHANGED_ACK;
    }
    if ((effects & (PK_INC_DO_RELAPSE | PK_INC_DO_REOPEN | PK_INC_DO_UNMITIGATE)) != 0) {
        i->mitigated = (struct pk_stamp){0};
    }
    if ((effects & PK_INC_DO_REOPEN) != 0) {
        pk_escalation_reset(i);
        take_back_resolved(t, s);
        t->metrics.reopened_count += i->is_drill ? 0u : 1u;
        i->is_auto_resolved = false;
    }
    if ((effects & (PK_INC_DO_RELAPSE | PK_INC_DO_REOPEN)) != 0) {
        count_flap(t, s, kinds);
    }
    if ((effects & PK_INC_DO_MITIGATE) != 0) {
        i->mitigated = *now;
    }
    if ((effects & PK_INC_DO_RESOLVE) != 0) {
        i->resolved = *now;
        add_resolved(t, s);
        count_end(t, i, PK_CARD_RESOLVED);
    }
    if ((effects & PK_INC_DO_CLOSE) != 0) {
        i->closed = *now;
    }
    if (i->status == PK_INC_FALSE_POSITIVE && (effects & PK_INC_DO_CLOSE) != 0) {
        take_back_resolved(t, s);
        count_end(t, i, PK_CARD_FALSE_POSITIVE);
    }
}

static void say_move(struct pk_incidents *t, uint32_t slot, uint8_t old_status, uint8_t source,
                     struct pk_str why, const struct pk_stamp *now) {
    char text[PK_TIMELINE_TEXT_BYTES * 2];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, pk_incident_status_word(old_status));
    pk_buf_puts(&b, " -> ");
    pk_buf_puts(&b, pk_incident_status_word(t->slots[slot].incident.status));
    if (why.n > 0) {
        pk_buf_puts(&b, ": ");
        pk_buf_put_str(&b, why);
    }
    pk_incident_table_say(t, slot, PK_TL_STATUS, source, now, pk_buf_str(&b));
}

int pk_incident_table_move(struct pk_incidents *t, uint32_t slot, enum pk_incident_event event,
                           uint8_t source, struct pk_str why, const struct pk_stamp *now, uint32_t *kinds) {
    struct pk_incident_slot *s = &t->slots[slot];
    struct pk_incident_cell cell;
    const uint8_t old_status = s->incident.status;
    const uint32_t old_flaps = s->incident.flap_count;
    PK_ASSERT(t->numbers[slot] != 0);
    const int err = pk_incident_fsm_next(old_status, event, &cell);
    if (err != PK_OK) {
        return err;
    }
    s->incident.status = cell.status;
    t->keys[slot].status = cell.status;
    if (!cell.keeps_stage) {
        pk_incident_table_set_stage(t, slot, cell.stage, now);
    }
    apply_effects(t, s, cell.effects, now, kinds);
    if (cell.status != old_status || (cell.effects & PK_INC_DO_ACK) != 0) {
        pk_incident_table_arm(t, slot, now->mono_ms); /* whether anybody is called hangs on it */
    }
    if (cell.status == old_status) {
        return PK_OK;
    }
    const bool is_active = pk_incident_status_is_active(cell.status);
    if (is_active != pk_incident_status_is_active(old_status)) {
        t->open_count = is_active ? t->open_count + 1u : t->open_count - 1u;
    }
    /* An action on what is clear already does not make it come back: it goes on being clear, and its stable
     * time begins when the action ended. */
    const bool is_of_action = old_status == PK_INC_MITIGATING ||
                              (old_status == PK_INC_MITIGATED && cell.status == PK_INC_MITIGATING);
    if (cell.status != PK_INC_MITIGATED && !(is_active && is_of_action)) {
        pk_incident_table_set_cleared(t, slot, false, 0);
    } else if (old_status == PK_INC_MITIGATING && s->is_cleared) {
        pk_incident_table_set_cleared(t, slot, true, now->mono_ms + pk_incident_table_stable_ms(t, slot));
    } else if (cell.status == PK_INC_MITIGATING && s->is_cleared) {
        s->recover_due_ms = UINT64_MAX;
    }
    if (!is_active && s->incident.child_count > 0) {
        pk_incident_table_arm_all(t, now->mono_ms); /* its children are to be looked at */
    }
    *kinds |= PK_INC_CHANGED_STATUS;
    say_move(t, slot, old_status, source, why, now);
    if (s->incident.flap_count != old_flaps && s->incident.is_flapping) {
        pk_incident_table_say(t, slot, PK_TL_FLAPPING, PK_TL_BY_AGENT, now,
                              pk_str_of("comes and goes: flapping"));
    }
    return PK_OK;
}
