#include "detect/pk_rule.h"

#include "base/pk_assert.h"
#include "base/pk_wheel.h"
#include "detect/pk_rule_alias.h"
#include "detect/pk_window.h"

enum { GROUPS_OF_ALL = 2 /* live and replayed */ };

/* A fault outweighs a value, no data outweighs yes: only "no" is sure whatever the other side is. */
const uint8_t PK_VERDICT_AND[PK_VERDICT_COUNT][PK_VERDICT_COUNT] = {
    /*             FALSE     TRUE      STALE     FAULT */
    [PK_FALSE] = {PK_FALSE, PK_FALSE, PK_FALSE, PK_FALSE},
    [PK_TRUE] = {PK_FALSE, PK_TRUE, PK_STALE, PK_FAULT},
    [PK_STALE] = {PK_FALSE, PK_STALE, PK_STALE, PK_FAULT},
    [PK_FAULT] = {PK_FALSE, PK_FAULT, PK_FAULT, PK_FAULT},
};
const uint8_t PK_VERDICT_NOT[PK_VERDICT_COUNT] = {
    [PK_FALSE] = PK_TRUE,
    [PK_TRUE] = PK_FALSE,
    [PK_STALE] = PK_STALE,
    [PK_FAULT] = PK_FAULT,
};

const char *pk_verdict_word(enum pk_verdict v) {
    static const char *const WORDS[PK_VERDICT_COUNT] = {"no", "yes", "unknown", "fault"};
    PK_ASSERT(v < PK_VERDICT_COUNT);
    return WORDS[v];
}

struct pk_str pk_rule_ref_str(const char *book_text, struct pk_rule_ref ref) {
    const char *base = ref.base == PK_RULE_IN_WORDS ? PK_RULE_ALIAS_TEXT : book_text;
    return pk_str_make(ref.n > 0 ? base + ref.at : NULL, ref.n);
}

const char *pk_cmp_word(enum pk_cmp c) {
    static const char *const WORDS[PK_CMP_COUNT] = {"=", "!=", "<", "<=", ">", ">="};
    PK_ASSERT(c < PK_CMP_COUNT);
    return WORDS[c];
}

bool pk_cmp_doubles(double a, enum pk_cmp c, double b) {
    switch (c) {
    case PK_CMP_EQ:
        return a <= b && a >= b;
    case PK_CMP_NE:
        return a < b || a > b;
    case PK_CMP_LT:
        return a < b;
    case PK_CMP_LE:
        return a <= b;
    case PK_CMP_GT:
        return a > b;
    case PK_CMP_GE:
        return a >= b;
    case PK_CMP_COUNT:
        break;
    }
    PK_ASSERT(false);
    return false;
}

bool pk_rule_globs_match(struct pk_str globs, struct pk_str text) {
    struct pk_str one;
    while (pk_str_split(&globs, '|', &one)) {
        if (pk_glob_match(pk_str_trim(one), text)) {
            return true;
        }
    }
    return false;
}

bool pk_rule_names_match(struct pk_str globs, struct pk_str name) {
    struct pk_str one;
    while (pk_str_split(&globs, ',', &one)) {
        if (pk_rule_globs_match(one, name)) {
            return true;
        }
    }
    return false;
}

const struct pk_rule_raise *pk_rule_raise_of(const struct pk_rule *r, enum pk_raise_kind kind) {
    for (uint32_t i = 0; i < r->raise_count; i++) {
        if (r->raises[i].kind == (uint8_t)kind) {
            return &r->raises[i];
        }
    }
    return NULL;
}

uint32_t pk_rule_ring_cap(const struct pk_rule *r) {
    uint32_t cap = r->when.kind == PK_COND_COUNT ? r->when.count : 0u;
    if (r->clear.kind == PK_COND_COUNT && r->clear.count > cap) {
        cap = r->clear.count;
    }
    for (uint32_t i = 0; i < r->raise_count; i++) {
        if (r->raises[i].kind == PK_RAISE_COUNT && r->raises[i].min_count > cap) {
            cap = r->raises[i].min_count;
        }
    }
    return cap;
}

bool pk_rule_is_counted_across(const struct pk_rule *r) {
    return r->across > 0 && r->when.kind == PK_COND_COUNT && r->is_plain;
}

uint32_t pk_rule_keys_beside(const struct pk_rule *r) {
    return r->group == PK_GROUP_ALL || r->across > 0 ? 1u : 0u;
}

uint32_t pk_rule_block_bytes(const struct pk_rule *r) {
    return r->ring_class == PK_WINDOW_NO_RING
               ? 0u
               : PK_WINDOW_CLASS_TIMES[r->ring_class] * (uint32_t)sizeof(uint32_t);
}

uint32_t pk_rule_blocks(const struct pk_rule *r) {
    if (pk_rule_block_bytes(r) == 0 || r->across == 0) {
        return r->ring_class == PK_WINDOW_NO_RING ? 0u : r->keys;
    }
    return pk_rule_is_counted_across(r) ? (uint32_t)GROUPS_OF_ALL : r->keys - 1u;
}

uint32_t pk_rule_price_bytes(const struct pk_rule *r) {
    const uint32_t one =
        (uint32_t)(sizeof(struct pk_window) + sizeof(struct pk_wheel_node) + sizeof(uint32_t));
    return r->keys * one + pk_rule_blocks(r) * pk_rule_block_bytes(r);
}
