#include "incident/pk_escalation.h"

#include "base/pk_assert.h"
#include "incident/pk_incident_words.h"

static const char *const REASON_WORDS[PK_ESC_REASON_COUNT] = {[PK_ESC_NONE] = "",
                                                              [PK_ESC_RESPONSE] = "no_response",
                                                              [PK_ESC_APPROVAL] = "approval_expired",
                                                              [PK_ESC_RULE] = "rule",
                                                              [PK_ESC_PERSON] = "person"};

const char *pk_escalation_reason_word(uint8_t reason) {
    return reason < PK_ESC_REASON_COUNT ? REASON_WORDS[reason] : "unknown";
}

int pk_escalation_reason_parse(struct pk_str word, uint8_t *out) {
    for (uint8_t i = 1; i < PK_ESC_REASON_COUNT; i++) {
        if (pk_str_eq_c(word, REASON_WORDS[i])) {
            *out = i;
            return PK_OK;
        }
    }
    return PK_E_BAD_FIELD;
}

static uint32_t interval_ms(const struct pk_incidents *t, const struct pk_incident *i) {
    return i->escalation_tier == 0 ? t->settings.escalate_ms : t->settings.escalate_again_ms;
}

/* A tier that an expired approval called leaves the response's own deadline standing. */
static uint32_t longest_ms(const struct pk_incidents *t, const struct pk_incident *i) {
    const uint32_t ms = interval_ms(t, i);
    return t->settings.escalate_ms > ms ? t->settings.escalate_ms : ms;
}

static struct pk_stamp after(const struct pk_stamp *now, uint64_t ms) {
    struct pk_stamp s = *now;
    s.mono_ms += ms;
    s.wall_ms += s.wall_ms > 0 ? (int64_t)ms : 0;
    return s;
}

static void say(struct pk_incidents *t, uint32_t slot, struct pk_str why, const struct pk_stamp *now) {
    const struct pk_incident *i = &t->slots[slot].incident;
    char text[PK_TIMELINE_TEXT_BYTES * 2];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "tier ");
    pk_buf_put_u64(&b, i->escalation_tier);
    pk_buf_puts(&b, " of ");
    pk_buf_put_u64(&b, t->settings.escalate_tiers);
    pk_buf_puts(&b, ": ");
    pk_buf_puts(&b, pk_escalation_reason_word(i->escalation_reason));
    if (why.n > 0) {
        pk_buf_puts(&b, ", ");
        pk_buf_put_str(&b, why);
    }
    pk_incident_table_say(t, slot, PK_TL_ESCALATED, PK_TL_BY_AGENT, now, pk_buf_str(&b));
}

static void next_tier(struct pk_incidents *t, uint32_t slot, uint8_t reason, struct pk_str why,
                      const struct pk_stamp *now) {
    struct pk_incident_slot *row = &t->slots[slot];
    struct pk_incident *i = &row->incident;
    i->escalation_tier++;
    i->escalation_reason = reason;
    i->escalated = *now;
    /* What a rule or a person called is a run already. */
    if (reason == PK_ESC_RESPONSE || reason == PK_ESC_APPROVAL) {
        row->is_escalation_new = true;
        t->has_escalations = true;
    }
    say(t, slot, why, now);
}

/* A later one has its own time; the last tier has none behind it. */
static void wait_again(struct pk_incidents *t, struct pk_incident *i, const struct pk_stamp *now) {
    const uint32_t ms = interval_ms(t, i);
    i->escalate_due =
        i->escalation_tier < t->settings.escalate_tiers && ms > 0 ? after(now, ms) : (struct pk_stamp){0};
}

/* Somebody has it, or somebody wants it quiet, or it is the consequence of another. */
static bool calls_by_itself(const struct pk_incidents *t, const struct pk_incident_slot *row) {
    const struct pk_incident *i = &row->incident;
    return !i->is_acked && i->severity >= t->settings.escalate_severity && i->silenced_by == 0 &&
           (i->caused_by[0] == '\0' || row->is_orphan);
}

static bool is_waited_for(const struct pk_incidents *t, const struct pk_incident_slot *row) {
    const struct pk_incident *i = &row->incident;
    return (PK_INC_UNMITIGATED >> i->status & 1u) != 0 && calls_by_itself(t, row) &&
           i->escalation_tier < t->settings.escalate_tiers && interval_ms(t, i) > 0;
}

/* What is left of a deadline that may be of an earlier start. False: the whole time begins anew: there is no
 * deadline, none that a clock of both starts tells, or one beyond it: the wall clock went back, or the time
 * was made shorter. */
static bool is_known(const struct pk_stamp *due, const struct pk_stamp *now, uint64_t most_ms,
                     uint64_t *left_ms) {
    return pk_stamp_is_sure(due, now) && pk_stamp_elapsed_ms(now, due, left_ms) && *left_ms <= most_ms;
}

uint64_t pk_escalation_tick(struct pk_incidents *t, uint32_t slot, const struct pk_stamp *now,
                            uint32_t *kinds) {
    struct pk_incident_slot *row = &t->slots[slot];
    struct pk_incident *i = &row->incident;
    if (!is_waited_for(t, row)) {
        i->escalate_due = (struct pk_stamp){0};
        return UINT64_MAX;
    }
    uint64_t wait_ms = 0;
    const bool is_new = !is_known(&i->escalate_due, now, longest_ms(t, i), &wait_ms);
    wait_ms = is_new ? interval_ms(t, i) : wait_ms;
    if (wait_ms > 0) {
        if (is_new || i->escalate_due.boot != now->boot) {
            i->escalate_due = after(now, wait_ms);
        }
        /* It has to outlive us. Without a revision of its own where one waits to be pulled, and said there:
         * a change of nothing but detail may be left out. */
        if (is_new && t->change_kinds[slot] != 0) {
            t->change_kinds[slot] |= (uint32_t)PK_INC_CHANGED_ESCALATED;
        } else if (is_new) {
            *kinds |= (uint32_t)PK_INC_CHANGED_ESCALATED;
        }
        return now->mono_ms + wait_ms;
    }
    next_tier(t, slot, PK_ESC_RESPONSE, pk_str_of("not acknowledged, not mitigated"), now);
    wait_again(t, i, now);
    *kinds |= PK_INC_CHANGED_ESCALATED;
    return pk_stamp_is_set(&i->escalate_due) ? i->escalate_due.mono_ms : UINT64_MAX;
}

int pk_incidents_escalate(struct pk_incidents *t, uint32_t number, uint8_t reason, struct pk_str why,
                          const struct pk_stamp *now) {
    PK_ASSERT(reason > PK_ESC_NONE && reason < PK_ESC_REASON_COUNT);
    const uint32_t slot = pk_incident_table_slot(t, number);
    if (slot == PK_INCIDENT_NO_SLOT || !pk_incident_status_is_active(t->slots[slot].incident.status)) {
        return PK_E_NOT_FOUND;
    }
    struct pk_incident *i = &t->slots[slot].incident;
    const bool is_asked_for = reason == PK_ESC_PERSON || reason == PK_ESC_RULE;
    if (!is_asked_for && !calls_by_itself(t, &t->slots[slot])) {
        return PK_E_CONFLICT;
    }
    if (i->escalation_tier >= t->settings.escalate_tiers) {
        return PK_E_FULL;
    }
    next_tier(t, slot, reason, why, now); /* the response's own deadline stays where it is */
    pk_incident_table_touch(t, slot, PK_INC_CHANGED_ESCALATED);
    pk_incident_table_arm(t, slot, now->mono_ms);
    return PK_OK;
}

uint32_t pk_incidents_next_escalation(struct pk_incidents *t) {
    for (uint32_t k = 0; t->has_escalations && k < t->high_count; k++) {
        if (t->numbers[k] != 0 && t->slots[k].is_escalation_new) {
            t->slots[k].is_escalation_new = false;
            return t->numbers[k];
        }
    }
    t->has_escalations = false;
    return 0;
}

void pk_escalation_reset(struct pk_incident *i) {
    i->escalation_tier = 0;
    i->escalation_reason = PK_ESC_NONE;
    i->escalated = (struct pk_stamp){0};
    i->escalate_due = (struct pk_stamp){0};
}
