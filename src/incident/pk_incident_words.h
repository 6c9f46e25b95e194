#ifndef PK_INCIDENT_WORDS_H
#define PK_INCIDENT_WORDS_H
/* The words of an incident (WIRE "Words and values"), both ways. One definition for agent, ctl and hub. */
#include "incident/pk_incident.h"

enum pk_incident_type {
#define PK_INC_TYPE(symbol, word, severity, title) PK_INC_TYPE_##symbol,
#include "incident/pk_incident_types.def"
#undef PK_INC_TYPE
    PK_INC_TYPE_COUNT
};

/* Every word for where an incident stands, once (REQUIREMENTS A.0): `explain states` prints it. */
enum pk_incident_word_kind { PK_WORD_STATUS, PK_WORD_STAGE, PK_WORD_ALIAS, PK_WORD_ACKED, PK_WORD_FILTER };
struct pk_incident_word {
    const char *word;
    uint8_t kind;          /* enum pk_incident_word_kind */
    uint8_t status, stage; /* what it means; of an acked or filter word nothing */
};
const struct pk_incident_word *pk_incident_words(uint32_t *out_count);
/* "acknowledged" and its other forms: the flag, not a status. */
bool pk_incident_word_is_acked(struct pk_str s);

/* "unknown" for a value outside the enum. Never NULL. */
const char *pk_incident_status_word(uint8_t status);
const char *pk_incident_stage_word(uint8_t stage);
const char *pk_run_state_word(uint8_t run_state);
const char *pk_incident_type_word(uint8_t type);
/* Title for people: "Service down". */
const char *pk_incident_type_title(uint8_t type);
enum pk_severity pk_incident_type_severity(uint8_t type);

/* Any case, every alias of WIRE. *out_stage is the stage the word implies ("containing" is
 * mitigating/contain). PK_E_BAD_FIELD. */
PK_MUST_USE int pk_incident_status_parse(struct pk_str s, uint8_t *out_status, uint8_t *out_stage);
PK_MUST_USE int pk_incident_stage_parse(struct pk_str s, uint8_t *out_stage);
PK_MUST_USE int pk_run_state_parse(struct pk_str s, uint8_t *out_run_state);
/* Exact words of the .def list, any case; PK_E_NOT_FOUND. */
PK_MUST_USE int pk_incident_type_parse(struct pk_str s, uint8_t *out_type);

/* Not resolved, closed or false_positive. */
bool pk_incident_status_is_active(uint8_t status);
/* Bits of a filter: nothing has mitigated it yet. */
#define PK_INC_UNMITIGATED (1u << PK_INC_DETECTED | 1u << PK_INC_INVESTIGATING | 1u << PK_INC_MITIGATING)
/* The stage may stand beside the status (mitigating: contain or remediate; resolved: postmortem; ...). */
bool pk_incident_stage_fits(uint8_t status, uint8_t stage);

/* A filter is a bit per status: "active", "all", or comma-separated words and aliases, e.g.
 * "resolved,closed". "acknowledged" is every active one with PK_INC_FILTER_ACKED: the caller looks at the
 * flag. PK_E_BAD_FIELD. */
#define PK_INC_FILTER_ACKED (1u << 31)
PK_MUST_USE int pk_incident_filter_parse(struct pk_str s, uint32_t *out_status_bits);
#endif
