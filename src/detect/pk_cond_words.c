/* Conditions in words: as the rule file writes them, and with their numbers. */
#include "base/pk_assert.h"
#include "detect/pk_cond.h"

static void put_term(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                     const struct pk_rule_term *t) {
    static const char *const FIELDS[] = {"type", "source", "severity", "value", "data."};
    pk_buf_puts(b, FIELDS[t->field]);
    if (t->field == PK_TERM_DATA) {
        pk_buf_put_str(b, pk_ruleset_str(&e->rules, r, t->name));
    }
    pk_buf_putc(b, ' ');
    pk_buf_puts(b, pk_cmp_word((enum pk_cmp)t->cmp));
    pk_buf_putc(b, ' ');
    if (t->field == PK_TERM_SEVERITY) {
        pk_buf_puts(b, pk_severity_word((enum pk_severity)t->severity));
    } else if (t->text.n > 0) {
        pk_buf_put_str(b, pk_ruleset_str(&e->rules, r, t->text));
    } else {
        pk_buf_put_double(b, t->number);
    }
}

void pk_cond_put_terms(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r, uint8_t first,
                       uint8_t count) {
    for (uint32_t i = first; i < (uint32_t)first + count; i++) {
        pk_buf_puts(b, i > first ? " and " : "");
        put_term(b, e, r, &r->terms[i]);
    }
}

void pk_cond_put_inner(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r, uint8_t first,
                       uint8_t count) {
    if (count == 0) {
        return;
    }
    pk_buf_putc(b, '(');
    if (e != NULL) {
        pk_cond_put_terms(b, e, r, first, count);
    } else {
        pk_buf_puts(b, "...");
    }
    pk_buf_putc(b, ')');
}

static void put_many(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r) {
    pk_buf_puts(b, r->when.kind == PK_COND_ALL ? "all of (" : "any of (");
    for (uint32_t i = 0; i < r->clause_count; i++) {
        pk_buf_puts(b, i > 0 ? ", " : "");
        pk_cond_ops(r->clauses[i].kind)->put(b, e, r, &r->clauses[i]);
    }
    pk_buf_putc(b, ')');
}

void pk_cond_put(struct pk_buf *b, const struct pk_engine *e, const struct pk_rule *r,
                 const struct pk_rule_cond *c) {
    const struct pk_cond_ops *ops = pk_cond_ops(c->kind);
    bool is_for_told = false;
    if (ops != NULL) {
        ops->put(b, e, r, c);
        is_for_told = (ops->traits & PK_COND_FOR_IS_ITS_OWN) != 0;
    } else if (c->kind == PK_COND_ALL || c->kind == PK_COND_ANY) {
        put_many(b, e, r);
    } else {
        is_for_told = c->kind != PK_COND_STABLE;
        pk_buf_puts(b, c->kind == PK_COND_STABLE ? "stable" : c->kind == PK_COND_NEVER ? "never" : "none");
    }
    if (c->for_ms > 0 && !is_for_told) {
        pk_buf_puts(b, " for ");
        pk_buf_put_duration(b, c->for_ms);
    }
}

void pk_cond_put_numbers(struct pk_buf *b, const struct pk_engine *e, uint32_t slot, uint64_t now_ms,
                         bool is_true_only) {
    const struct pk_rule *r = e->rules.rows[e->windows.slots[slot].rule];
    uint32_t count = 0;
    uint32_t put_count = 0;
    const struct pk_rule_cond *clauses = pk_cond_clauses(r, &count);
    for (uint32_t i = 0; i < count; i++) {
        const struct pk_cond_at at = pk_cond_at_of(e, slot, &clauses[i]);
        const struct pk_cond_ops *ops = pk_cond_ops(clauses[i].kind);
        const enum pk_verdict v = ops->judge(&at, now_ms).verdict;
        if (is_true_only && v != PK_TRUE) {
            continue;
        }
        pk_buf_puts(b, put_count > 0 ? "; " : "");
        ops->put_numbers(b, &at, now_ms);
        if (!is_true_only) {
            pk_buf_puts(b, " (");
            pk_buf_puts(b, pk_verdict_word(v));
            pk_buf_putc(b, ')');
        }
        put_count++;
    }
}
