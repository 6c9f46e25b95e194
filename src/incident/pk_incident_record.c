#include "incident/pk_incident_record.h"

#include <string.h>

#include "base/pk_assert.h"
#include "incident/pk_incident_id.h"
#include "incident/pk_incident_words.h"

bool pk_incident_is_manual(const struct pk_incident *i) {
    return strcmp(i->rule_id, PK_INC_MANUAL_RULE) == 0;
}

static bool is_known_event(const struct pk_incident *i, struct pk_incident_event_ref ref) {
    for (uint32_t k = 0; k < i->source_event_count; k++) {
        if (i->source_events[k].boot == ref.boot && i->source_events[k].sequence >= ref.sequence) {
            return true;
        }
    }
    return false;
}

void pk_incident_add_events(struct pk_incident *i, const struct pk_incident_event_ref *refs, uint32_t count) {
    for (uint32_t k = 0; k < count; k++) {
        if (is_known_event(i, refs[k])) {
            continue;
        }
        if (i->source_event_count < PK_INC_SOURCE_EVENTS) {
            i->source_events[i->source_event_count++] = refs[k];
            continue;
        }
        memmove(&i->source_events[1], &i->source_events[2],
                sizeof i->source_events[0] * (PK_INC_SOURCE_EVENTS - 2));
        i->source_events[PK_INC_SOURCE_EVENTS - 1] = refs[k];
        i->source_events_overflow++;
    }
}

bool pk_incident_add_component(struct pk_incident *i, struct pk_str component) {
    if (component.n == 0) {
        return false;
    }
    for (uint32_t k = 0; k < i->component_count; k++) {
        if (pk_str_eq_c(component, i->components[k])) {
            return false;
        }
    }
    if (i->component_count == PK_INC_COMPONENTS) {
        i->components_overflow++;
        return false;
    }
    pk_str_copy_cut(component, i->components[i->component_count], sizeof i->components[0]);
    i->component_count++;
    return true;
}

bool pk_run_state_is_final(uint8_t state) {
    static const uint32_t OPEN_STATES = 1u << PK_RUN_PLANNED | 1u << PK_RUN_AWAITING_APPROVAL |
                                        1u << PK_RUN_APPROVED | 1u << PK_RUN_EXECUTING;
    return state < PK_RUN_STATE_COUNT && (OPEN_STATES >> state & 1u) == 0;
}

static void drop_action(struct pk_incident *i, uint32_t k) {
    PK_ASSERT(k < i->action_count);
    memmove(&i->actions[k], &i->actions[k + 1u], sizeof i->actions[0] * (i->action_count - k - 1u));
    i->action_count--;
    i->actions_overflow++;
}

bool pk_incident_put_action(struct pk_incident *i, const struct pk_incident_action *a) {
    for (uint32_t k = 0; k < i->action_count; k++) {
        if (i->actions[k].run == a->run && strcmp(i->actions[k].action, a->action) == 0) {
            i->actions[k] = *a;
            return true;
        }
    }
    for (uint32_t k = 0; k < i->action_count && i->action_count == PK_INC_ACTIONS; k++) {
        if (pk_run_state_is_final(i->actions[k].state)) {
            drop_action(i, k);
        }
    }
    if (i->action_count == PK_INC_ACTIONS) {
        i->actions_overflow++;
        return false;
    }
    i->actions[i->action_count++] = *a;
    return true;
}

int pk_incident_add_recommended(struct pk_incident *i, struct pk_str action) {
    if (action.n == 0 || action.n >= PK_INC_ACTION_BYTES) {
        return PK_E_BAD_FIELD;
    }
    for (uint32_t k = 0; k < i->recommended_count; k++) {
        if (pk_str_eq_c(action, i->recommended[k])) {
            return PK_OK;
        }
    }
    if (i->recommended_count == PK_INC_RECOMMENDED) {
        return PK_E_FULL;
    }
    return pk_str_copy(action, i->recommended[i->recommended_count++], PK_INC_ACTION_BYTES) >= 0
               ? PK_OK
               : PK_E_BAD_FIELD;
}

void pk_incident_make_title(struct pk_incident *i, struct pk_str words) {
    char whole[PK_INC_TITLE_BYTES * 2];
    struct pk_buf b;
    uint8_t type = PK_INC_TYPE_CUSTOM;
    pk_buf_init(&b, whole, sizeof whole);
    pk_buf_putc(&b, '[');
    pk_buf_puts(&b, pk_severity_word((enum pk_severity)i->severity));
    pk_buf_puts(&b, "] ");
    if (words.n > 0) {
        pk_buf_put(&b, words.p, words.n < PK_INC_TITLE_BYTES ? words.n : PK_INC_TITLE_BYTES);
    } else {
        if (pk_incident_type_parse(pk_str_of(i->type), &type) != PK_OK) {
            type = PK_INC_TYPE_CUSTOM;
        }
        pk_buf_puts(&b, pk_incident_type_title(type));
        if (i->component_count > 0) {
            pk_buf_puts(&b, " on ");
            pk_buf_puts(&b, i->components[0]);
        }
        if (i->component_count > 1) {
            pk_buf_puts(&b, " and ");
            pk_buf_put_u64(&b, i->component_count - 1u);
            pk_buf_puts(&b, " more");
        }
    }
    PK_ASSERT(!b.is_cut);
    pk_str_copy_cut(pk_buf_str(&b), i->title, sizeof i->title);
}

void pk_incident_retitle(struct pk_incident *i) {
    char words[PK_INC_TITLE_BYTES];
    struct pk_str old = pk_str_of(i->title);
    if (old.n > 0 && old.p[0] == '[') {
        struct pk_str before;
        (void)pk_str_split(&old, ']', &before);
        old = pk_str_trim(old);
    }
    pk_str_copy_cut(old, words, sizeof words);
    pk_incident_make_title(i, pk_str_of(words));
}

static bool is_text(const char *text, size_t cap_bytes) {
    const char *end = memchr(text, 0, cap_bytes);
    return end != NULL && pk_text_is_utf8(pk_str_make(text, (size_t)(end - text)));
}

#define IS_TEXT(member) is_text((member), sizeof(member))

static bool lists_are_sound(const struct pk_incident *i) {
    if (i->source_event_count > PK_INC_SOURCE_EVENTS || i->component_count > PK_INC_COMPONENTS ||
        i->cause_count > PK_INC_CAUSES || i->action_count > PK_INC_ACTIONS ||
        i->recommended_count > PK_INC_RECOMMENDED) {
        return false;
    }
    for (uint32_t k = 0; k < i->component_count; k++) {
        if (!IS_TEXT(i->components[k])) {
            return false;
        }
    }
    for (uint32_t k = 0; k < i->cause_count; k++) {
        if (!IS_TEXT(i->causes[k].cause) || !IS_TEXT(i->causes[k].evidence) ||
            i->causes[k].confidence_milli > 1000) {
            return false;
        }
    }
    for (uint32_t k = 0; k < i->action_count; k++) {
        const struct pk_incident_action *a = &i->actions[k];
        if (a->state >= PK_RUN_STATE_COUNT || !IS_TEXT(a->action) || !IS_TEXT(a->target) ||
            !IS_TEXT(a->result)) {
            return false;
        }
    }
    for (uint32_t k = 0; k < i->recommended_count; k++) {
        if (!IS_TEXT(i->recommended[k])) {
            return false;
        }
    }
    return true;
}

int pk_incident_check(const struct pk_incident *i) {
    struct pk_incident_ref ref;
    if (i->number == 0 || i->severity >= PK_SEV_COUNT || i->status >= PK_INC_STATUS_COUNT ||
        i->stage >= PK_STAGE_COUNT) {
        return PK_E_BAD_FIELD;
    }
    if (!IS_TEXT(i->id) || !IS_TEXT(i->rule_id) || !IS_TEXT(i->type) || !IS_TEXT(i->group_key) ||
        !IS_TEXT(i->title) || !IS_TEXT(i->description) || !IS_TEXT(i->assigned_to) ||
        !IS_TEXT(i->caused_by) || !IS_TEXT(i->acked_by) || !IS_TEXT(i->correlation_id) ||
        !IS_TEXT(i->root_cause)) {
        return PK_E_BAD_FIELD;
    }
    if (!lists_are_sound(i)) {
        return PK_E_BAD_FIELD;
    }
    if (pk_incident_id_parse(pk_str_of(i->id), &ref) != PK_OK || ref.is_short || ref.number != i->number ||
        ref.boot != i->boot) {
        return PK_E_BAD_FIELD;
    }
    return PK_OK;
}
