#ifndef PK_RULESET_H
#define PK_RULESET_H
/* Shipped rules overridden row by row by the operator's: same id replaces. Checked whole, then taken whole or
 * not at all. */
#include "base/pk_ini.h"
#include "detect/pk_rule.h"

/* The text of config/rules/, proven at build time by the parser below (tools/gen_rules.c) and parsed again at
 * start: rows are twice the size of their text (ADR 0030). */
extern const struct pk_rule_book PK_SHIPPED_RULES;

struct pk_rule_file {
    const char *name; /* for "file:line:column: message" */
    struct pk_str text;
};

/* Hashes of the operator's rule ids, while files are checked. */
struct pk_rule_ids {
    uint64_t hashes[PK_LIMIT_RULES];
    uint32_t count;
};

struct pk_ruleset { /* must not be moved after init: rows point into it */
    const struct pk_rule_book *shipped;
    struct pk_rule
        parsed[PK_LIMIT_RULES]; /* the operator's, then those of the shipped ones they do not replace */
    char own_text[PK_LIMIT_RULE_TEXT_BYTES];
    uint32_t own_count, parsed_count, own_text_bytes;
    const struct pk_rule *rows[PK_LIMIT_RULES];
    uint32_t count;
    struct pk_rule_ids own_ids;
    uint64_t hash; /* of all rows in order: rules_hash of status and summary */
};

/* What a set would take, against what there is. */
struct pk_rule_price {
    uint32_t rules, keys, times_bytes, total_bytes;
};

/* Set without rows. */
void pk_ruleset_init(struct pk_ruleset *s);
/* Changes nothing. PK_OK or PK_E_CONFIG with *out_diag: syntax, unknown words with a suggestion, impossible
 * numbers, duplicate ids, too many rules or text, or windows over the memory budget. prices (may be NULL)
 * receives one line for each rule and the totals. shipped may be NULL. ids: work space, needed with files. */
PK_MUST_USE int pk_ruleset_check(const struct pk_rule_book *shipped, const struct pk_rule_file *files,
                                 uint32_t file_count, struct pk_rule_ids *ids, struct pk_buf *prices,
                                 struct pk_rule_price *out_price, struct pk_diag *out_diag);
/* Checks, then replaces the rows. On PK_E_CONFIG the set is as before. File texts are copied. */
PK_MUST_USE int pk_ruleset_load(struct pk_ruleset *s, const struct pk_rule_book *shipped,
                                const struct pk_rule_file *files, uint32_t file_count,
                                struct pk_diag *out_diag);
/* Text of a row's ref; points into the set (or the shipped table). */
struct pk_str pk_ruleset_str(const struct pk_ruleset *s, const struct pk_rule *r, struct pk_rule_ref ref);
/* Index by id or alias; PK_E_NOT_FOUND. */
PK_MUST_USE int pk_ruleset_find(const struct pk_ruleset *s, struct pk_str id);
#endif
