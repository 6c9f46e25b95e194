#include "incident/pk_incident_people.h"

#include <string.h>

#include "base/pk_assert.h"
#include "incident/pk_escalation.h"
#include "incident/pk_incident_record.h"
#include "incident/pk_incident_words.h"

static void put_actor(struct pk_buf *b, struct pk_incident_actor by) {
    char name[PK_INC_USER_BYTES];
    if (by.name.n == 0) {
        return;
    }
    pk_str_copy_cut(by.name, name, sizeof name);
    pk_buf_puts(b, "by ");
    pk_buf_puts(b, name);
}

static int check_text(struct pk_str text, uint32_t cap_bytes) {
    if (text.n == 0 || !pk_text_is_utf8(text)) {
        return PK_E_BAD_FIELD;
    }
    return text.n < cap_bytes ? PK_OK : PK_E_TOO_BIG;
}

/* Who has it, and until when. */
static void own(struct pk_incidents *t, uint32_t slot, struct pk_incident_actor by, uint64_t for_ms,
                const struct pk_stamp *now) {
    struct pk_incident *i = &t->slots[slot].incident;
    char text[PK_TIMELINE_TEXT_BYTES];
    struct pk_buf b;
    pk_str_copy_cut(by.name, i->acked_by, sizeof i->acked_by);
    i->ack_until = (struct pk_stamp){0};
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "acknowledged ");
    put_actor(&b, by);
    if (for_ms > 0) {
        i->ack_until = *now;
        i->ack_until.mono_ms += for_ms;
        i->ack_until.wall_ms += now->wall_ms > 0 ? (int64_t)for_ms : 0;
        pk_incident_table_arm(t, slot, i->ack_until.mono_ms);
        pk_buf_puts(&b, " for ");
        pk_buf_put_duration(&b, for_ms);
    }
    pk_incident_table_say(t, slot, PK_TL_ACKNOWLEDGED, by.source, now, pk_str_trim(pk_buf_str(&b)));
}

int pk_incidents_acknowledge(struct pk_incidents *t, uint32_t number, uint64_t for_ms,
                             struct pk_incident_actor by, const struct pk_stamp *now) {
    const uint32_t slot = pk_incident_table_slot(t, number);
    uint32_t kinds = 0;
    if (slot == PK_INCIDENT_NO_SLOT) {
        return PK_E_NOT_FOUND;
    }
    if (for_ms > PK_INC_ACK_MS_MAX) {
        return PK_E_BAD_FIELD;
    }
    const int err = pk_incident_table_move(t, slot, PK_INC_ON_ACKNOWLEDGED, by.source, by.name, now, &kinds);
    if (err != PK_OK) {
        return err;
    }
    const struct pk_incident *i = &t->slots[slot].incident;
    const bool is_same = kinds == 0 && for_ms == 0 && !pk_stamp_is_set(&i->ack_until) &&
                         (by.name.n == 0 || pk_str_eq_c(by.name, i->acked_by));
    if (is_same) {
        return PK_OK; /* asked twice: it is acknowledged */
    }
    own(t, slot, by, for_ms, now);
    pk_incident_table_touch(t, slot, kinds | PK_INC_CHANGED_ACK);
    return PK_OK;
}

int pk_incidents_set_severity(struct pk_incidents *t, uint32_t number, uint8_t severity,
                              struct pk_incident_actor by, const struct pk_stamp *now) {
    const uint32_t slot = pk_incident_table_slot(t, number);
    char why[PK_TIMELINE_TEXT_BYTES];
    struct pk_buf b;
    if (slot == PK_INCIDENT_NO_SLOT) {
        return PK_E_NOT_FOUND;
    }
    struct pk_incident *i = &t->slots[slot].incident;
    if (severity >= PK_SEV_COUNT) {
        return PK_E_BAD_FIELD;
    }
    if (!pk_incident_status_is_active(i->status)) {
        return PK_E_CONFLICT;
    }
    if (i->severity == severity && i->is_severity_set) {
        return PK_OK;
    }
    pk_buf_init(&b, why, sizeof why);
    put_actor(&b, by);
    i->is_severity_set = true;
    pk_incident_table_touch(
        t, slot, pk_incident_table_set_severity(t, slot, severity, by.source, pk_buf_str(&b), now));
    return PK_OK;
}

int pk_incidents_assign(struct pk_incidents *t, uint32_t number, struct pk_str assignee,
                        struct pk_incident_actor by, const struct pk_stamp *now) {
    const uint32_t slot = pk_incident_table_slot(t, number);
    char text[PK_TIMELINE_TEXT_BYTES];
    struct pk_buf b;
    if (slot == PK_INCIDENT_NO_SLOT) {
        return PK_E_NOT_FOUND;
    }
    const int err = assignee.n == 0 ? PK_OK : check_text(assignee, PK_INC_USER_BYTES);
    if (err != PK_OK) {
        return err;
    }
    struct pk_incident *i = &t->slots[slot].incident;
    if (i->status == PK_INC_CLOSED || i->status == PK_INC_FALSE_POSITIVE) {
        return PK_E_CONFLICT;
    }
    pk_str_copy_cut(assignee, i->assigned_to, sizeof i->assigned_to);
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "assigned to ");
    pk_buf_puts(&b, assignee.n == 0 ? "nobody" : i->assigned_to);
    pk_buf_putc(&b, ' ');
    put_actor(&b, by);
    pk_incident_table_say(t, slot, PK_TL_ASSIGNED, by.source, now, pk_str_trim(pk_buf_str(&b)));
    pk_incident_table_touch(t, slot, PK_INC_CHANGED_ASSIGNED);
    return PK_OK;
}

int pk_incidents_note(struct pk_incidents *t, uint32_t number, struct pk_str text,
                      struct pk_incident_actor by, const struct pk_stamp *now) {
    const uint32_t slot = pk_incident_table_slot(t, number);
    if (slot == PK_INCIDENT_NO_SLOT) {
        return PK_E_NOT_FOUND;
    }
    const int err = check_text(text, PK_TIMELINE_TEXT_BYTES);
    if (err != PK_OK) {
        return err;
    }
    pk_incident_table_say(t, slot, PK_TL_NOTE, by.source, now, text);
    pk_incident_table_touch(t, slot, PK_INC_CHANGED_NOTE);
    return PK_OK;
}

int pk_incidents_set_status(struct pk_incidents *t, uint32_t number, uint8_t status, uint8_t stage,
                            struct pk_incident_actor by, const struct pk_stamp *now) {
    const uint32_t slot = pk_incident_table_slot(t, number);
    uint32_t kinds = 0;
    char why[PK_TIMELINE_TEXT_BYTES];
    struct pk_buf b;
    if (slot == PK_INCIDENT_NO_SLOT) {
        return PK_E_NOT_FOUND;
    }
    if (status >= PK_INC_STATUS_COUNT ||
        (stage != PK_STAGE_COUNT && !pk_incident_stage_fits(status, stage))) {
        return PK_E_BAD_FIELD;
    }
    pk_buf_init(&b, why, sizeof why);
    put_actor(&b, by);
    const int err = pk_incident_table_move(t, slot, pk_incident_fsm_event_of(status), by.source,
                                           pk_buf_str(&b), now, &kinds);
    if (err != PK_OK) {
        return err;
    }
    struct pk_incident *i = &t->slots[slot].incident;
    t->slots[slot].is_unconfirmed = false;
    if (stage != PK_STAGE_COUNT && i->stage != stage) {
        pk_incident_table_set_stage(t, slot, stage, now);
        kinds |= PK_INC_CHANGED_STATUS;
    }
    if (kinds != 0) {
        pk_incident_table_touch(t, slot, kinds);
    }
    return PK_OK;
}

int pk_incidents_set_root_cause(struct pk_incidents *t, uint32_t number, struct pk_str cause,
                                struct pk_incident_actor by, const struct pk_stamp *now) {
    const uint32_t slot = pk_incident_table_slot(t, number);
    char text[PK_TIMELINE_TEXT_BYTES];
    struct pk_buf b;
    if (slot == PK_INCIDENT_NO_SLOT) {
        return PK_E_NOT_FOUND;
    }
    const int err = check_text(cause, PK_INC_CAUSE_BYTES);
    if (err != PK_OK) {
        return err;
    }
    struct pk_incident *i = &t->slots[slot].incident;
    pk_str_copy_cut(cause, i->root_cause, sizeof i->root_cause);
    t->slots[slot].correlation.is_cause_set = true;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "root cause: ");
    pk_buf_puts(&b, i->root_cause);
    pk_incident_table_say(t, slot, PK_TL_NOTE, by.source, now, pk_buf_str(&b));
    pk_incident_table_touch(t, slot, PK_INC_CHANGED_CAUSE);
    return PK_OK;
}

int pk_incidents_recommend(struct pk_incidents *t, uint32_t number, struct pk_str action) {
    const uint32_t slot = pk_incident_table_slot(t, number);
    if (slot == PK_INCIDENT_NO_SLOT) {
        return PK_E_NOT_FOUND;
    }
    struct pk_incident *i = &t->slots[slot].incident;
    const uint8_t before = i->recommended_count;
    const int err = pk_incident_add_recommended(i, action);
    if (err == PK_OK && i->recommended_count != before) {
        pk_incident_table_touch(t, slot, PK_INC_CHANGED_ACTION);
    }
    return err;
}

/* -- respond -- */
/* What a run's new state means for the incident; PK_INC_EVENT_COUNT = nothing. A run that never started
 * cannot fail the incident. */
static enum pk_incident_event event_of_run(uint8_t old_state, uint8_t state) {
    switch ((enum pk_run_state)state) {
    case PK_RUN_EXECUTING:
        return old_state == PK_RUN_EXECUTING ? PK_INC_EVENT_COUNT : PK_INC_ON_ACTION_STARTED;
    case PK_RUN_COMPLETED:
        return PK_INC_ON_ACTION_SUCCEEDED;
    case PK_RUN_FAILED:
    case PK_RUN_TIMED_OUT:
    case PK_RUN_INTERRUPTED:
    case PK_RUN_ROLLED_BACK:
    case PK_RUN_UNKNOWN:
    case PK_RUN_REFUSED: /* by the supervisor, after the start was asked for */
        return old_state == PK_RUN_EXECUTING ? PK_INC_ON_ACTION_FAILED : PK_INC_EVENT_COUNT;
    case PK_RUN_PLANNED:
    case PK_RUN_AWAITING_APPROVAL:
    case PK_RUN_APPROVED:
    case PK_RUN_REJECTED:
    case PK_RUN_EXPIRED:
    case PK_RUN_WOULD_RUN:
    case PK_RUN_STATE_COUNT:
        break;
    }
    return PK_INC_EVENT_COUNT;
}

static void say_action(struct pk_incidents *t, uint32_t slot, const struct pk_incident_action *a,
                       const struct pk_stamp *now) {
    char text[PK_TIMELINE_TEXT_BYTES * 2];
    struct pk_buf b;
    const bool is_approval = a->state == PK_RUN_AWAITING_APPROVAL || a->state == PK_RUN_APPROVED ||
                             a->state == PK_RUN_REJECTED || a->state == PK_RUN_EXPIRED;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, a->action);
    if (a->target[0] != '\0') {
        pk_buf_putc(&b, ' ');
        pk_buf_puts(&b, a->target);
    }
    pk_buf_puts(&b, ": ");
    pk_buf_puts(&b, pk_run_state_word(a->state));
    if (a->result[0] != '\0') {
        pk_buf_puts(&b, ", ");
        pk_buf_puts(&b, a->result);
    }
    pk_incident_table_say(t, slot, is_approval ? PK_TL_APPROVAL : PK_TL_ACTION, PK_TL_BY_ACTION, now,
                          pk_buf_str(&b));
}

/* Nobody answered the request for it. */
static void call_about(struct pk_incidents *t, uint32_t number, const struct pk_incident_action *a,
                       const struct pk_stamp *now) {
    char text[PK_TIMELINE_TEXT_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, a->action);
    if (a->target[0] != '\0') {
        pk_buf_putc(&b, ' ');
        pk_buf_puts(&b, a->target);
    }
    /* Acknowledged, quiet, or the last tier was called: then nobody more is. */
    (void)!pk_incidents_escalate(t, number, PK_ESC_APPROVAL, pk_buf_str(&b), now);
}

int pk_incidents_set_action(struct pk_incidents *t, uint32_t number, const struct pk_incident_action *a,
                            bool drives_status, const struct pk_stamp *now) {
    const uint32_t slot = pk_incident_table_slot(t, number);
    uint8_t old_state = PK_RUN_STATE_COUNT;
    uint32_t kinds = PK_INC_CHANGED_ACTION;
    PK_ASSERT(a->state < PK_RUN_STATE_COUNT);
    if (slot == PK_INCIDENT_NO_SLOT) {
        return PK_E_NOT_FOUND;
    }
    struct pk_incident *i = &t->slots[slot].incident;
    for (uint32_t k = 0; k < i->action_count; k++) {
        if (i->actions[k].run == a->run && strcmp(i->actions[k].action, a->action) == 0) {
            old_state = i->actions[k].state;
        }
    }
    (void)pk_incident_put_action(i, a);
    say_action(t, slot, a, now);
    if (a->state == PK_RUN_EXPIRED && old_state != PK_RUN_EXPIRED) {
        call_about(t, number, a, now);
    }
    const enum pk_incident_event event = event_of_run(old_state, a->state);
    if (drives_status && event != PK_INC_EVENT_COUNT) {
        /* An incident that ended meanwhile does not move; the run is still listed. */
        (void)!pk_incident_table_move(t, slot, event, PK_TL_BY_ACTION, pk_str_of(a->action), now, &kinds);
    }
    pk_incident_table_touch(t, slot, kinds);
    return PK_OK;
}
