#include "incident/pk_incident_words.h"

#include "base/pk_assert.h"

/* Rows of the statuses and of the stages come first, in the order of their enums: an index finds them. */
enum { FIRST_STAGE = PK_INC_STATUS_COUNT };
static const struct pk_incident_word WORDS[] = {
    [PK_INC_DETECTED] = {"detected", PK_WORD_STATUS, PK_INC_DETECTED, PK_STAGE_ASSESS},
    [PK_INC_INVESTIGATING] = {"investigating", PK_WORD_STATUS, PK_INC_INVESTIGATING, PK_STAGE_INVESTIGATE},
    [PK_INC_MITIGATING] = {"mitigating", PK_WORD_STATUS, PK_INC_MITIGATING, PK_STAGE_CONTAIN},
    [PK_INC_MITIGATED] = {"mitigated", PK_WORD_STATUS, PK_INC_MITIGATED, PK_STAGE_RECOVER},
    [PK_INC_RESOLVED] = {"resolved", PK_WORD_STATUS, PK_INC_RESOLVED, PK_STAGE_POSTMORTEM},
    [PK_INC_CLOSED] = {"closed", PK_WORD_STATUS, PK_INC_CLOSED, PK_STAGE_POSTMORTEM},
    [PK_INC_FALSE_POSITIVE] = {"false_positive", PK_WORD_STATUS, PK_INC_FALSE_POSITIVE, PK_STAGE_POSTMORTEM},
    [FIRST_STAGE + PK_STAGE_ASSESS] = {"assess", PK_WORD_STAGE, PK_INC_DETECTED, PK_STAGE_ASSESS},
    [FIRST_STAGE + PK_STAGE_CONTAIN] = {"contain", PK_WORD_STAGE, PK_INC_MITIGATING, PK_STAGE_CONTAIN},
    [FIRST_STAGE +
        PK_STAGE_INVESTIGATE] = {"investigate", PK_WORD_STAGE, PK_INC_INVESTIGATING, PK_STAGE_INVESTIGATE},
    [FIRST_STAGE + PK_STAGE_REMEDIATE] = {"remediate", PK_WORD_STAGE, PK_INC_MITIGATING, PK_STAGE_REMEDIATE},
    [FIRST_STAGE + PK_STAGE_RECOVER] = {"recover", PK_WORD_STAGE, PK_INC_MITIGATED, PK_STAGE_RECOVER},
    [FIRST_STAGE + PK_STAGE_POSTMORTEM] = {"postmortem", PK_WORD_STAGE, PK_INC_RESOLVED, PK_STAGE_POSTMORTEM},
    /* The words of older sources (REQUIREMENTS A.0). */
    {"open", PK_WORD_ALIAS, PK_INC_DETECTED, PK_STAGE_ASSESS},
    {"assessing", PK_WORD_ALIAS, PK_INC_DETECTED, PK_STAGE_ASSESS},
    {"containing", PK_WORD_ALIAS, PK_INC_MITIGATING, PK_STAGE_CONTAIN},
    {"remediating", PK_WORD_ALIAS, PK_INC_MITIGATING, PK_STAGE_REMEDIATE},
    {"recovering", PK_WORD_ALIAS, PK_INC_MITIGATED, PK_STAGE_RECOVER},
    {"false-positive", PK_WORD_ALIAS, PK_INC_FALSE_POSITIVE, PK_STAGE_POSTMORTEM},
    /* Not a status: a flag beside it. The status and stage are where it is usually set. */
    {"acknowledged", PK_WORD_ACKED, PK_INC_DETECTED, PK_STAGE_ASSESS},
    {"acknowledge", PK_WORD_ACKED, PK_INC_DETECTED, PK_STAGE_ASSESS},
    {"acked", PK_WORD_ACKED, PK_INC_DETECTED, PK_STAGE_ASSESS},
    {"active", PK_WORD_FILTER, PK_INC_DETECTED, PK_STAGE_ASSESS},
    {"all", PK_WORD_FILTER, PK_INC_DETECTED, PK_STAGE_ASSESS},
};
static const char *const RUN_WORDS[PK_RUN_STATE_COUNT] = {
    [PK_RUN_PLANNED] = "planned",         [PK_RUN_AWAITING_APPROVAL] = "awaiting_approval",
    [PK_RUN_APPROVED] = "approved",       [PK_RUN_REJECTED] = "rejected",
    [PK_RUN_EXPIRED] = "expired",         [PK_RUN_REFUSED] = "refused",
    [PK_RUN_WOULD_RUN] = "would_run",     [PK_RUN_EXECUTING] = "executing",
    [PK_RUN_COMPLETED] = "completed",     [PK_RUN_FAILED] = "failed",
    [PK_RUN_TIMED_OUT] = "timed_out",     [PK_RUN_INTERRUPTED] = "interrupted",
    [PK_RUN_ROLLED_BACK] = "rolled_back", [PK_RUN_UNKNOWN] = "unknown"};

#define STAGE(s) (1u << PK_STAGE_##s)
static const uint8_t STAGES_OF[PK_INC_STATUS_COUNT] = {
    [PK_INC_DETECTED] = STAGE(ASSESS),
    [PK_INC_INVESTIGATING] = STAGE(ASSESS) | STAGE(INVESTIGATE),
    [PK_INC_MITIGATING] = STAGE(CONTAIN) | STAGE(REMEDIATE),
    [PK_INC_MITIGATED] = STAGE(RECOVER),
    [PK_INC_RESOLVED] = STAGE(POSTMORTEM),
    [PK_INC_CLOSED] = STAGE(POSTMORTEM),
    [PK_INC_FALSE_POSITIVE] = STAGE(POSTMORTEM)};
#undef STAGE

static const struct {
    const char *word, *title;
    uint8_t severity;
} TYPES[PK_INC_TYPE_COUNT] = {
#define PK_INC_TYPE(symbol, word, severity, title) [PK_INC_TYPE_##symbol] = {word, title, severity},
#include "incident/pk_incident_types.def"
#undef PK_INC_TYPE
};

static int word_index(const char *const *words, uint8_t count, struct pk_str s, uint8_t *out) {
    for (uint8_t i = 0; i < count; i++) {
        if (pk_str_eq_nocase(s, words[i])) {
            *out = i;
            return PK_OK;
        }
    }
    return PK_E_BAD_FIELD;
}

const char *pk_incident_status_word(uint8_t status) {
    return status < PK_INC_STATUS_COUNT ? WORDS[status].word : "unknown";
}

const char *pk_incident_stage_word(uint8_t stage) {
    return stage < PK_STAGE_COUNT ? WORDS[FIRST_STAGE + stage].word : "unknown";
}

const char *pk_run_state_word(uint8_t run_state) {
    return run_state < PK_RUN_STATE_COUNT ? RUN_WORDS[run_state] : "unknown";
}

const char *pk_incident_type_word(uint8_t type) {
    return type < PK_INC_TYPE_COUNT ? TYPES[type].word : "unknown";
}

const char *pk_incident_type_title(uint8_t type) {
    return type < PK_INC_TYPE_COUNT ? TYPES[type].title : "Incident";
}

enum pk_severity pk_incident_type_severity(uint8_t type) {
    return type < PK_INC_TYPE_COUNT ? (enum pk_severity)TYPES[type].severity : PK_SEV_MEDIUM;
}

const struct pk_incident_word *pk_incident_words(uint32_t *out_count) {
    *out_count = (uint32_t)PK_COUNT_OF(WORDS);
    return WORDS;
}

static const struct pk_incident_word *find_word(struct pk_str s, unsigned kinds) {
    for (size_t i = 0; i < PK_COUNT_OF(WORDS); i++) {
        if ((kinds >> WORDS[i].kind & 1u) != 0 && pk_str_eq_nocase(s, WORDS[i].word)) {
            return &WORDS[i];
        }
    }
    return NULL;
}

int pk_incident_status_parse(struct pk_str s, uint8_t *out_status, uint8_t *out_stage) {
    const struct pk_incident_word *word = find_word(s, 1u << PK_WORD_STATUS | 1u << PK_WORD_ALIAS);
    if (word == NULL) {
        return PK_E_BAD_FIELD;
    }
    *out_status = word->status;
    *out_stage = word->stage;
    return PK_OK;
}

bool pk_incident_word_is_acked(struct pk_str s) {
    return find_word(s, 1u << PK_WORD_ACKED) != NULL;
}

int pk_incident_stage_parse(struct pk_str s, uint8_t *out_stage) {
    const struct pk_incident_word *word = find_word(s, 1u << PK_WORD_STAGE);
    if (word == NULL) {
        return PK_E_BAD_FIELD;
    }
    *out_stage = word->stage;
    return PK_OK;
}

int pk_run_state_parse(struct pk_str s, uint8_t *out_run_state) {
    return word_index(RUN_WORDS, PK_RUN_STATE_COUNT, s, out_run_state);
}

int pk_incident_type_parse(struct pk_str s, uint8_t *out_type) {
    for (uint8_t i = 0; i < PK_INC_TYPE_COUNT; i++) {
        if (pk_str_eq_nocase(s, TYPES[i].word)) {
            *out_type = i;
            return PK_OK;
        }
    }
    return PK_E_NOT_FOUND;
}

bool pk_incident_status_is_active(uint8_t status) {
    return status < PK_INC_RESOLVED;
}

bool pk_incident_stage_fits(uint8_t status, uint8_t stage) {
    if (status >= PK_INC_STATUS_COUNT || stage >= PK_STAGE_COUNT) {
        return false;
    }
    return (STAGES_OF[status] >> stage & 1u) != 0;
}

int pk_incident_filter_parse(struct pk_str s, uint32_t *out_status_bits) {
    static const uint32_t ALL = (1u << PK_INC_STATUS_COUNT) - 1u;
    static const uint32_t ACTIVE = (1u << PK_INC_RESOLVED) - 1u;
    uint32_t bits = 0;
    struct pk_str rest = s, piece;
    while (pk_str_split(&rest, ',', &piece)) {
        uint8_t status = 0, stage = 0;
        piece = pk_str_trim(piece);
        if (pk_str_eq_nocase(piece, "all")) {
            bits |= ALL;
        } else if (pk_str_eq_nocase(piece, "active")) {
            bits |= ACTIVE;
        } else if (pk_incident_word_is_acked(piece)) {
            bits |= ACTIVE | PK_INC_FILTER_ACKED;
        } else if (pk_incident_status_parse(piece, &status, &stage) == PK_OK) {
            bits |= 1u << status;
        } else {
            return PK_E_BAD_FIELD;
        }
    }
    if (bits == 0) {
        return PK_E_BAD_FIELD;
    }
    *out_status_bits = bits;
    return PK_OK;
}
