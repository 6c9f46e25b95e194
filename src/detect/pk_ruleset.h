#ifndef PK_RULESET_H
#define PK_RULESET_H
/* Shipped rules, over them those of rules.d, over them those made at run time (stored): same id replaces.
 * Checked whole, then taken whole or not at all. Switches, made at run time too, say of any rule whether it
 * is enabled. */
#include "base/pk_ini.h"
#include "detect/pk_rule.h"

/* The text of config/rules/, proven at build time by the parser below (tools/gen_rules.c) and parsed again at
 * start: rows are twice the size of their text (ADR 0030). */
extern const struct pk_rule_book PK_SHIPPED_RULES;

struct pk_rule_file {
    const char *name; /* for "file:line:column: message" */
    struct pk_str text;
};

/* Hashes of the operator's rule ids, the stored ones first. */
struct pk_rule_ids {
    uint64_t hashes[PK_LIMIT_RULES];
    uint32_t count, stored_count;
};

struct pk_rule_switch {
    uint64_t id_hash;
    bool is_enabled;
};

struct pk_ruleset { /* must not be moved after init: rows point into it */
    const struct pk_rule_book *shipped;
    const struct pk_thresholds *thresholds; /* NULL: the defaults. May be set at any time; counts from the
                                               next change of the set on */
    struct pk_rule
        parsed[PK_LIMIT_RULES]; /* the operator's, then those of the shipped ones they do not replace */
    char own_text[PK_LIMIT_RULE_TEXT_BYTES]; /* of the files, then of the stored rules */
    uint32_t own_count, parsed_count, own_text_bytes, file_text_bytes;
    bool is_stored_off; /* the stored rules do not load: their text is kept, but not in force */
    const struct pk_rule *rows[PK_LIMIT_RULES];
    uint32_t count;
    struct pk_rule_ids own_ids;
    struct pk_rule_switch switches[PK_LIMIT_RULES]; /* those of rules that are gone wait for their return */
    uint32_t switch_count;
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
/* Checks with the stored rules, then replaces the rows. On PK_E_CONFIG the set is as before. File texts are
 * copied. Stored rules that were off come back when they load with these files. */
PK_MUST_USE int pk_ruleset_load(struct pk_ruleset *s, const struct pk_rule_book *shipped,
                                const struct pk_rule_file *files, uint32_t file_count,
                                struct pk_diag *out_diag);
/* All stored rules at once, after a start. PK_E_CONFIG: they are off, the rows are as before. */
PK_MUST_USE int pk_ruleset_set_stored(struct pk_ruleset *s, struct pk_str text, struct pk_diag *out_diag);
/* One rule more, or another text for a stored one; `name` stands for the file in *out_diag. text must hold
 * one rule and must not be of the set. PK_OK and its id and section (both point into text); PK_E_CONFIG: as
 * before. */
struct pk_rule_put {
    struct pk_str id, section;
};
PK_MUST_USE int pk_ruleset_put(struct pk_ruleset *s, const char *name, struct pk_str text,
                               struct pk_rule_put *out_put, struct pk_diag *out_diag);
/* What it stood over comes back. PK_OK; PK_E_NOT_FOUND: no stored rule of this id; PK_E_CONFIG: what comes
 * back does not fit. */
PK_MUST_USE int pk_ruleset_remove(struct pk_ruleset *s, struct pk_str id, struct pk_diag *out_diag);
/* Takes effect in is_enabled at once. PK_OK or PK_E_FULL. */
PK_MUST_USE int pk_ruleset_switch(struct pk_ruleset *s, struct pk_str id, bool is_enabled);
void pk_ruleset_forget_switch(struct pk_ruleset *s, struct pk_str id);
/* NULL: its text decides. */
const struct pk_rule_switch *pk_ruleset_find_switch(const struct pk_ruleset *s, struct pk_str id);
bool pk_ruleset_is_enabled(const struct pk_ruleset *s, uint32_t index);
/* Id of the first section of a text; empty when there is none or it is no `[rule ID]`. */
struct pk_str pk_ruleset_section_id(struct pk_str text);
/* Text of a row's ref; points into the set (or the shipped table). */
struct pk_str pk_ruleset_str(const struct pk_ruleset *s, const struct pk_rule *r, struct pk_rule_ref ref);
/* Index by id or alias; PK_E_NOT_FOUND. */
PK_MUST_USE int pk_ruleset_find(const struct pk_ruleset *s, struct pk_str id);
#endif
