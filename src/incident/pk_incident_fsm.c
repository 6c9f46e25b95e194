#include "incident/pk_incident_fsm.h"

#include "base/pk_assert.h"
#include "incident/pk_incident_words.h"

#define GO(s, g, e)                                                                                          \
    { .is_legal = true, .status = PK_INC_##s, .stage = PK_STAGE_##g, .effects = (e) }
/* The same status; the stage it is in stays. */
#define STAY(s, e)                                                                                           \
    { .is_legal = true, .keeps_stage = true, .status = PK_INC_##s, .effects = (e) }

/* Arrows that need a word:
 * - acknowledging is a flag: it takes the incident out of `detected` nowhere, so that MTTA says nothing about
 * the stage. Legal after resolving: what mended itself in seconds is seen by a person later.
 * - several runs of one incident may be under way: a late failure does not undo what another run mitigated, a
 * late success does.
 * - a run may end after the incident was resolved: legal, nothing moves. After closed it is not looked at any
 * more.
 * - cleared while resolved: a person resolved it before the rule saw the end.
 * - fired while mitigated: it was not mitigated after all (relapse). Fired while resolved: only asked within
 * the flap window. */
static const struct pk_incident_cell TABLE[PK_INC_STATUS_COUNT][PK_INC_EVENT_COUNT] =
    {
        [PK_INC_DETECTED] =
            {
                [PK_INC_ON_FIRED] = STAY(DETECTED, PK_INC_DO_JOIN),
                [PK_INC_ON_ACKNOWLEDGED] = STAY(DETECTED, PK_INC_DO_ACK),
                [PK_INC_ON_ACTION_STARTED] = GO(MITIGATING, CONTAIN, 0),
                [PK_INC_ON_CLEARED] = GO(MITIGATED, RECOVER, PK_INC_DO_MITIGATE),
                [PK_INC_ON_ASSESSED] = GO(INVESTIGATING, INVESTIGATE, 0),
                [PK_INC_ON_SET_DETECTED] = STAY(DETECTED, 0),
                [PK_INC_ON_SET_INVESTIGATING] = GO(INVESTIGATING, INVESTIGATE, 0),
                [PK_INC_ON_SET_MITIGATING] = GO(MITIGATING, CONTAIN, 0),
                [PK_INC_ON_SET_MITIGATED] = GO(MITIGATED, RECOVER, PK_INC_DO_MITIGATE),
                [PK_INC_ON_SET_RESOLVED] = GO(RESOLVED, POSTMORTEM, PK_INC_DO_RESOLVE),
                [PK_INC_ON_FALSE_POSITIVE] = GO(FALSE_POSITIVE, POSTMORTEM, PK_INC_DO_CLOSE),
            },
        [PK_INC_INVESTIGATING] =
            {
                [PK_INC_ON_FIRED] = STAY(INVESTIGATING, PK_INC_DO_JOIN),
                [PK_INC_ON_ACKNOWLEDGED] = STAY(INVESTIGATING, PK_INC_DO_ACK),
                [PK_INC_ON_ACTION_STARTED] = GO(MITIGATING, REMEDIATE, 0),
                [PK_INC_ON_ACTION_SUCCEEDED] = GO(MITIGATED, RECOVER, PK_INC_DO_MITIGATE),
                [PK_INC_ON_ACTION_FAILED] = STAY(INVESTIGATING, 0),
                [PK_INC_ON_CLEARED] = GO(MITIGATED, RECOVER, PK_INC_DO_MITIGATE),
                [PK_INC_ON_SET_INVESTIGATING] = GO(INVESTIGATING, INVESTIGATE, 0),
                [PK_INC_ON_SET_MITIGATING] = GO(MITIGATING, REMEDIATE, 0),
                [PK_INC_ON_SET_MITIGATED] = GO(MITIGATED, RECOVER, PK_INC_DO_MITIGATE),
                [PK_INC_ON_SET_RESOLVED] = GO(RESOLVED, POSTMORTEM, PK_INC_DO_RESOLVE),
                [PK_INC_ON_FALSE_POSITIVE] = GO(FALSE_POSITIVE, POSTMORTEM, PK_INC_DO_CLOSE),
            },
        [PK_INC_MITIGATING] =
            {
                [PK_INC_ON_FIRED] = STAY(MITIGATING, PK_INC_DO_JOIN),
                [PK_INC_ON_ACKNOWLEDGED] = STAY(MITIGATING, PK_INC_DO_ACK),
                [PK_INC_ON_ACTION_STARTED] = STAY(MITIGATING, 0),
                [PK_INC_ON_ACTION_SUCCEEDED] = GO(MITIGATED, RECOVER, PK_INC_DO_MITIGATE),
                [PK_INC_ON_ACTION_FAILED] = GO(INVESTIGATING, INVESTIGATE, 0),
                [PK_INC_ON_CLEARED] = GO(MITIGATED, RECOVER, PK_INC_DO_MITIGATE),
                [PK_INC_ON_SET_INVESTIGATING] = GO(INVESTIGATING, INVESTIGATE, 0),
                [PK_INC_ON_SET_MITIGATING] = STAY(MITIGATING, 0),
                [PK_INC_ON_SET_MITIGATED] = GO(MITIGATED, RECOVER, PK_INC_DO_MITIGATE),
                [PK_INC_ON_SET_RESOLVED] = GO(RESOLVED, POSTMORTEM, PK_INC_DO_RESOLVE),
                [PK_INC_ON_FALSE_POSITIVE] = GO(FALSE_POSITIVE, POSTMORTEM, PK_INC_DO_CLOSE),
            },
        [PK_INC_MITIGATED] =
            {
                [PK_INC_ON_FIRED] = GO(INVESTIGATING, INVESTIGATE, PK_INC_DO_JOIN | PK_INC_DO_RELAPSE),
                [PK_INC_ON_ACKNOWLEDGED] = STAY(MITIGATED, PK_INC_DO_ACK),
                [PK_INC_ON_ACTION_STARTED] = GO(MITIGATING, REMEDIATE, PK_INC_DO_UNMITIGATE),
                [PK_INC_ON_ACTION_SUCCEEDED] = STAY(MITIGATED, 0),
                [PK_INC_ON_ACTION_FAILED] = STAY(MITIGATED, 0),
                [PK_INC_ON_CLEARED] = STAY(MITIGATED, 0),
                [PK_INC_ON_STABLE] = GO(RESOLVED, POSTMORTEM, PK_INC_DO_RESOLVE),
                [PK_INC_ON_SET_INVESTIGATING] = GO(INVESTIGATING, INVESTIGATE, PK_INC_DO_UNMITIGATE),
                [PK_INC_ON_SET_MITIGATING] = GO(MITIGATING, REMEDIATE, PK_INC_DO_UNMITIGATE),
                [PK_INC_ON_SET_MITIGATED] = STAY(MITIGATED, 0),
                [PK_INC_ON_SET_RESOLVED] = GO(RESOLVED, POSTMORTEM, PK_INC_DO_RESOLVE),
                [PK_INC_ON_FALSE_POSITIVE] = GO(FALSE_POSITIVE, POSTMORTEM, PK_INC_DO_CLOSE),
            },
        [PK_INC_RESOLVED] =
            {
                [PK_INC_ON_FIRED] = GO(INVESTIGATING, INVESTIGATE, PK_INC_DO_JOIN | PK_INC_DO_REOPEN),
                [PK_INC_ON_ACKNOWLEDGED] = STAY(RESOLVED, PK_INC_DO_ACK),
                [PK_INC_ON_ACTION_SUCCEEDED] = STAY(RESOLVED, 0),
                [PK_INC_ON_ACTION_FAILED] = STAY(RESOLVED, 0),
                [PK_INC_ON_CLEARED] = STAY(RESOLVED, 0),
                [PK_INC_ON_SET_INVESTIGATING] = GO(INVESTIGATING, INVESTIGATE, PK_INC_DO_REOPEN),
                [PK_INC_ON_SET_RESOLVED] = STAY(RESOLVED, 0),
                [PK_INC_ON_CLOSED] = GO(CLOSED, POSTMORTEM, PK_INC_DO_CLOSE),
                [PK_INC_ON_FALSE_POSITIVE] = GO(FALSE_POSITIVE, POSTMORTEM, PK_INC_DO_CLOSE),
            },
        [PK_INC_CLOSED] =
            {
                [PK_INC_ON_CLOSED] = STAY(CLOSED, 0),
            },
        [PK_INC_FALSE_POSITIVE] =
            {
                [PK_INC_ON_FALSE_POSITIVE] = STAY(FALSE_POSITIVE, 0),
            },
};
#undef GO
#undef STAY

static const char *const EVENT_WORDS[PK_INC_EVENT_COUNT] = {[PK_INC_ON_FIRED] = "fired",
                                                            [PK_INC_ON_ACKNOWLEDGED] = "acknowledged",
                                                            [PK_INC_ON_ACTION_STARTED] = "action_started",
                                                            [PK_INC_ON_ACTION_SUCCEEDED] = "action_succeeded",
                                                            [PK_INC_ON_ACTION_FAILED] = "action_failed",
                                                            [PK_INC_ON_CLEARED] = "cleared",
                                                            [PK_INC_ON_STABLE] = "stable",
                                                            [PK_INC_ON_ASSESSED] = "assessed",
                                                            [PK_INC_ON_SET_DETECTED] = "set_detected",
                                                            [PK_INC_ON_SET_INVESTIGATING] =
                                                                "set_investigating",
                                                            [PK_INC_ON_SET_MITIGATING] = "set_mitigating",
                                                            [PK_INC_ON_SET_MITIGATED] = "set_mitigated",
                                                            [PK_INC_ON_SET_RESOLVED] = "set_resolved",
                                                            [PK_INC_ON_CLOSED] = "closed",
                                                            [PK_INC_ON_FALSE_POSITIVE] = "false_positive"};

static const struct {
    uint8_t bit;
    const char *word;
} EFFECT_WORDS[] = {
    {PK_INC_DO_ACK, "ack"},
    {PK_INC_DO_MITIGATE, "stamp_mitigated"},
    {PK_INC_DO_RESOLVE, "stamp_resolved"},
    {PK_INC_DO_CLOSE, "stamp_closed"},
    {PK_INC_DO_RELAPSE, "relapse"},
    {PK_INC_DO_REOPEN, "reopen"},
    {PK_INC_DO_JOIN, "join"},
    {PK_INC_DO_UNMITIGATE, "unmitigate"},
};

int pk_incident_fsm_next(uint8_t status, enum pk_incident_event event, struct pk_incident_cell *out) {
    PK_ASSERT(status < PK_INC_STATUS_COUNT);
    PK_ASSERT(event < PK_INC_EVENT_COUNT);
    *out = TABLE[status][event];
    return out->is_legal ? PK_OK : PK_E_CONFLICT;
}

enum pk_incident_event pk_incident_fsm_event_of(uint8_t wanted_status) {
    static const uint8_t EVENT_OF[PK_INC_STATUS_COUNT] = {
        [PK_INC_DETECTED] = PK_INC_ON_SET_DETECTED,
        [PK_INC_INVESTIGATING] = PK_INC_ON_SET_INVESTIGATING,
        [PK_INC_MITIGATING] = PK_INC_ON_SET_MITIGATING,
        [PK_INC_MITIGATED] = PK_INC_ON_SET_MITIGATED,
        [PK_INC_RESOLVED] = PK_INC_ON_SET_RESOLVED,
        [PK_INC_CLOSED] = PK_INC_ON_CLOSED,
        [PK_INC_FALSE_POSITIVE] = PK_INC_ON_FALSE_POSITIVE};
    PK_ASSERT(wanted_status < PK_INC_STATUS_COUNT);
    return (enum pk_incident_event)EVENT_OF[wanted_status];
}

const char *pk_incident_event_word(enum pk_incident_event event) {
    return (unsigned)event < PK_INC_EVENT_COUNT ? EVENT_WORDS[event] : "unknown";
}

const char *pk_incident_effect_word(uint8_t effect) {
    for (size_t i = 0; i < PK_COUNT_OF(EFFECT_WORDS); i++) {
        if (EFFECT_WORDS[i].bit == effect) {
            return EFFECT_WORDS[i].word;
        }
    }
    return "unknown";
}

static void print_cell(struct pk_buf *out, uint8_t status, enum pk_incident_event event,
                       const struct pk_incident_cell *c) {
    const char *separator = ": ";
    pk_buf_puts(out, pk_incident_status_word(status));
    pk_buf_puts(out, " + ");
    pk_buf_puts(out, pk_incident_event_word(event));
    pk_buf_puts(out, " -> ");
    pk_buf_puts(out, pk_incident_status_word(c->status));
    if (!c->keeps_stage) {
        pk_buf_putc(out, '/');
        pk_buf_puts(out, pk_incident_stage_word(c->stage));
    }
    for (size_t i = 0; i < PK_COUNT_OF(EFFECT_WORDS); i++) {
        if ((c->effects & EFFECT_WORDS[i].bit) != 0) {
            pk_buf_puts(out, separator);
            pk_buf_puts(out, EFFECT_WORDS[i].word);
            separator = ", ";
        }
    }
    pk_buf_putc(out, '\n');
}

void pk_incident_fsm_print(struct pk_buf *out) {
    for (uint8_t status = 0; status < PK_INC_STATUS_COUNT; status++) {
        for (unsigned event = 0; event < PK_INC_EVENT_COUNT; event++) {
            const struct pk_incident_cell *c = &TABLE[status][event];
            if (c->is_legal) {
                print_cell(out, status, (enum pk_incident_event)event, c);
            }
        }
    }
}
