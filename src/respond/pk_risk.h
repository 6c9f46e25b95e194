#ifndef PK_RISK_H
#define PK_RISK_H
/* What surrounds an action and makes it riskier than its row says: a target that matters more, many things
 * that depend on it, hours in which people work with it, and that it was tried before without lasting. No
 * state. Raising itself is the table's (pk_decision.h). */
#include "base/pk_text.h"
#include "base/pk_time.h"

enum pk_risk_reason {
    PK_RISK_BY_TARGET = 1, /* it is among the critical_targets of the row */
    PK_RISK_BY_BEHIND = 2,
    PK_RISK_BY_HOURS = 4,
    PK_RISK_BY_REPEAT = 8,
    PK_RISK_BY_ALL = 15
};
enum { PK_RISK_FACTORS = 4, PK_RISK_FACTOR_BYTES = 64, PK_DAY_MIN = 1440 };

/* From where on each of them counts; 0, or hours of equal ends: it never does. */
struct pk_risk_limits {
    uint16_t behind_count;        /* things that depend on the target */
    uint16_t repeat_count;        /* starts on the target within the last hour */
    uint16_t from_min, until_min; /* minutes of the day, UTC; from > until goes over midnight */
};
struct pk_risk_context {
    bool is_critical_target;
    bool is_read_only;     /* changes nothing: circumstances do not matter */
    uint32_t behind_count; /* things that depend on the target, near or far */
    uint32_t start_count;  /* of this action on it in the last hour, not counting this one */
};

/* Bits of enum pk_risk_reason. A clock nobody vouches for may stand in the guarded hours. */
uint8_t pk_risk_weigh(const struct pk_risk_limits *limits, const struct pk_risk_context *context,
                      const struct pk_stamp *now);
/* The reasons in words, terminated; how many were written. */
uint32_t pk_risk_words(uint8_t reasons, const struct pk_risk_limits *limits, uint32_t behind_count,
                       uint32_t start_count, char out[PK_RISK_FACTORS][PK_RISK_FACTOR_BYTES]);
/* "06:00-22:00" -> the two members; "no": none. PK_OK or PK_E_BAD_FIELD. */
PK_MUST_USE int pk_risk_hours_parse(struct pk_str s, struct pk_risk_limits *out);
#endif
