#include "detect/pk_rule.h"

#include "base/pk_assert.h"
#include "base/pk_wheel.h"
#include "detect/pk_window.h"

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
    return pk_str_make(ref.n > 0 ? book_text + ref.at : NULL, ref.n);
}

const char *pk_cmp_word(enum pk_cmp c) {
    static const char *const WORDS[PK_CMP_COUNT] = {"=", "!=", "<", "<=", ">", ">="};
    PK_ASSERT(c < PK_CMP_COUNT);
    return WORDS[c];
}

bool pk_cmp_doubles(double a, enum pk_cmp c, double b) {
    const bool is_less = a < b;
    const bool is_more = a > b;
    const bool is_same = a <= b && a >= b;
    switch (c) {
    case PK_CMP_EQ:
        return is_same;
    case PK_CMP_NE:
        return is_less || is_more;
    case PK_CMP_LT:
        return is_less;
    case PK_CMP_LE:
        return is_less || is_same;
    case PK_CMP_GT:
        return is_more;
    case PK_CMP_GE:
        return is_more || is_same;
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

static void put_span(struct pk_buf *out, const char *word, uint32_t ms) {
    pk_buf_puts(out, word);
    pk_buf_put_duration(out, ms);
}

static void put_absent(struct pk_buf *out, const struct pk_rule_cond *c) {
    pk_buf_puts(out, "absent for ");
    if (c->promised_factor > 0) {
        pk_buf_put_u64(out, c->promised_factor);
        pk_buf_puts(out, "x promised else ");
    }
    pk_buf_put_duration(out, c->for_ms);
}

void pk_rule_cond_put(struct pk_buf *out, const struct pk_rule_cond *c, bool is_clear) {
    switch ((enum pk_cond_kind)c->kind) {
    case PK_COND_NONE:
        pk_buf_puts(out, "none");
        return;
    case PK_COND_COUNT:
        pk_buf_puts(out, c->term_count > 0 ? "count(...)" : "count");
        pk_buf_puts(out, is_clear ? " < " : " >= ");
        pk_buf_put_u64(out, c->count);
        put_span(out, " in ", c->within_ms);
        break;
    case PK_COND_VALUE:
        pk_buf_puts(out, "value ");
        pk_buf_puts(out, pk_cmp_word((enum pk_cmp)c->cmp));
        pk_buf_putc(out, ' ');
        pk_buf_put_double(out, c->value);
        break;
    case PK_COND_ABSENT:
        put_absent(out, c);
        return;
    case PK_COND_STABLE:
        pk_buf_puts(out, "stable");
        break;
    case PK_COND_NEVER:
        pk_buf_puts(out, "never");
        return;
    }
    if (c->for_ms > 0) {
        put_span(out, " for ", c->for_ms);
    }
}

uint32_t pk_rule_ring_cap(const struct pk_rule *r) {
    uint32_t cap = r->when.kind == PK_COND_COUNT ? r->when.count : 0u;
    if (r->clear.kind == PK_COND_COUNT && r->clear.count > cap) {
        cap = r->clear.count;
    }
    if (r->raise.kind == PK_RAISE_COUNT && r->raise.min_count > cap) {
        cap = r->raise.min_count;
    }
    return cap;
}

uint32_t pk_rule_price_bytes(const struct pk_rule *r) {
    const uint32_t times = r->ring_class == PK_WINDOW_NO_RING
                               ? 0u
                               : PK_WINDOW_CLASS_TIMES[r->ring_class] * (uint32_t)sizeof(uint32_t);
    const uint32_t one =
        (uint32_t)(sizeof(struct pk_window) + sizeof(struct pk_wheel_node) + sizeof(uint32_t));
    return r->keys * (one + times);
}
