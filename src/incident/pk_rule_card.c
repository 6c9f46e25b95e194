#include "incident/pk_rule_card.h"

#include "base/pk_assert.h"
#include "base/pk_hash.h"

const char *pk_card_count_word(enum pk_card_count c) {
    static const char *const WORDS[PK_CARD_COUNT] = {[PK_CARD_OPENED] = "opened",
                                                     [PK_CARD_RESOLVED] = "resolved",
                                                     [PK_CARD_AUTO_RESOLVED] = "auto_resolved",
                                                     [PK_CARD_FALSE_POSITIVE] = "false_positive"};
    return (unsigned)c < PK_CARD_COUNT ? WORDS[c] : "unknown";
}

uint32_t pk_rule_card_key(struct pk_str rule_id) {
    const uint32_t key = pk_crc32c(0, rule_id.p, rule_id.n);
    return key == 0 ? 1u : key;
}

static uint32_t find(const struct pk_rule_cards *t, uint32_t key) {
    uint32_t i = 0;
    while (i < t->count && t->rows[i].key != key) {
        i++;
    }
    return i;
}

void pk_rule_card_count(struct pk_rule_cards *t, struct pk_str rule_id, enum pk_card_count what) {
    const uint32_t key = pk_rule_card_key(rule_id), i = find(t, key);
    PK_ASSERT((unsigned)what < PK_CARD_COUNT);
    if (i == PK_LIMIT_RULES) {
        t->refused_count++;
        return;
    }
    struct pk_rule_card *card = &t->rows[i];
    if (i == t->count) {
        *card = (struct pk_rule_card){.key = key};
        t->count++;
    }
    card->counts[what] += card->counts[what] < UINT32_MAX ? 1u : 0u;
    t->dirty_count += card->is_dirty ? 0u : 1u;
    card->is_dirty = true;
    t->is_urgent = t->is_urgent || what == PK_CARD_FALSE_POSITIVE;
}

const struct pk_rule_card *pk_rule_card_get(const struct pk_rule_cards *t, struct pk_str rule_id) {
    const uint32_t i = find(t, pk_rule_card_key(rule_id));
    return i < t->count ? &t->rows[i] : NULL;
}

int pk_rule_card_restore(struct pk_rule_cards *t, const struct pk_rule_card *card) {
    if (card->key == 0) {
        return PK_E_BAD_FIELD;
    }
    if (find(t, card->key) < t->count) {
        return PK_E_CONFLICT;
    }
    if (t->count == PK_LIMIT_RULES) {
        return PK_E_FULL;
    }
    t->rows[t->count] = *card;
    t->rows[t->count++].is_dirty = false;
    return PK_OK;
}

const struct pk_rule_card *pk_rule_card_next_dirty(struct pk_rule_cards *t) {
    t->is_urgent = t->is_urgent && t->dirty_count > 0;
    for (uint32_t i = 0; t->dirty_count > 0 && i < t->count; i++) {
        if (t->rows[i].is_dirty) {
            t->rows[i].is_dirty = false;
            t->dirty_count--;
            return &t->rows[i];
        }
    }
    return NULL;
}
