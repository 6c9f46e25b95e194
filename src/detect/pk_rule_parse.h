#ifndef PK_RULE_PARSE_H
#define PK_RULE_PARSE_H
/* Rule text to rows, one section at a time; the same parser at build and at run time. */
#include "base/pk_ini.h"
#include "detect/pk_rule.h"
#include "detect/pk_threshold.h"

struct pk_rule_parser {
    struct pk_ini_reader ini;
    struct pk_ini_item item; /* read ahead */
    bool is_at_section;      /* item is the section to begin with */
    const char *file;
    const char *text;                       /* refs count from here */
    const struct pk_thresholds *thresholds; /* after init; NULL: the defaults */
};

/* Parses text[base .. base + n); refs count from `text`, which stays the caller's and must live as long as
 * the rows. base + n < 4 GB. */
void pk_rule_parser_init(struct pk_rule_parser *p, const char *file, const char *text, uint32_t base,
                         uint32_t n);
/* PK_OK and a row; PK_E_NOT_FOUND at the end; PK_E_CONFIG and *out_diag: then stop. */
PK_MUST_USE int pk_rule_parse_next(struct pk_rule_parser *p, struct pk_rule *out, struct pk_diag *out_diag);
#endif
