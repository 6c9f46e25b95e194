#ifndef PK_RULE_CARD_H
#define PK_RULE_CARD_H
/* What became of each rule's incidents, over the life of the store: how often it was right. Known by the
 * rule's id, so that a rule keeps its card when the set is read again. */
#include "base/pk_text.h"
#include "pk_limits.h"

enum pk_card_count {
    PK_CARD_OPENED,
    PK_CARD_RESOLVED,      /* by whomever; one that came back and ended again counts again */
    PK_CARD_AUTO_RESOLVED, /* of these, by staying clear */
    PK_CARD_FALSE_POSITIVE,
    PK_CARD_COUNT
};

struct pk_rule_card {
    uint32_t key; /* CRC-32C of the rule id; 0 = free */
    uint32_t counts[PK_CARD_COUNT];
    bool is_dirty; /* not yet stored as it is */
};
struct pk_rule_cards {
    struct pk_rule_card rows[PK_LIMIT_RULES];
    uint32_t count;
    uint32_t dirty_count;
    bool is_urgent;         /* a person's word is among what is not stored */
    uint64_t refused_count; /* counted for rules that found no room */
};

const char *pk_card_count_word(enum pk_card_count c); /* "opened" "resolved" ... */
uint32_t pk_rule_card_key(struct pk_str rule_id);     /* never 0 */
void pk_rule_card_count(struct pk_rule_cards *t, struct pk_str rule_id, enum pk_card_count what);
/* NULL: nothing was counted for it. */
const struct pk_rule_card *pk_rule_card_get(const struct pk_rule_cards *t, struct pk_str rule_id);
/* A stored card, at start. PK_OK, PK_E_FULL, PK_E_BAD_FIELD (no key), PK_E_CONFLICT (there already). */
PK_MUST_USE int pk_rule_card_restore(struct pk_rule_cards *t, const struct pk_rule_card *card);
/* The next card to store, which counts as stored then; NULL: none. */
const struct pk_rule_card *pk_rule_card_next_dirty(struct pk_rule_cards *t);
#endif
