#ifndef PK_PROM_H
#define PK_PROM_H
/* Picks series out of a Prometheus text page (version 0.0.4, and what OpenMetrics shares with it), as it
 * comes in pieces, in fixed memory: a page of any size passes through. */
#include "base/pk_text.h"

enum {
    PK_PROM_LINE_BYTES = 2048, /* longer lines are passed over and counted */
    PK_PROM_LABELS = 6,        /* of a selector */
    PK_PROM_SERIES = 20        /* selectors of one page */
};

/* name or name{label="value",…}: what it says must be there, a series may have further labels. Refers to the
 * selector's text. */
struct pk_prom_selector {
    struct pk_str name;
    struct {
        struct pk_str name, value; /* value as written, between the quotes */
    } labels[PK_PROM_LABELS];
    uint32_t label_count;
};
/* PK_OK or PK_E_BAD_FIELD. */
PK_MUST_USE int pk_prom_selector_parse(struct pk_str text, struct pk_prom_selector *out);

enum pk_prom_found { PK_PROM_MISSING, PK_PROM_FOUND, PK_PROM_SEVERAL, PK_PROM_NO_NUMBER };
struct pk_prom {
    const struct pk_prom_selector *selectors; /* the caller's */
    uint32_t selector_count;
    double value[PK_PROM_SERIES];
    uint8_t found[PK_PROM_SERIES];  /* enum pk_prom_found */
    uint64_t line_count, bad_count; /* samples read; lines that are none, or too long */
    uint32_t line_bytes;
    bool is_too_long;
    char line[PK_PROM_LINE_BYTES];
};
void pk_prom_init(struct pk_prom *p, const struct pk_prom_selector *selectors, uint32_t count);
void pk_prom_feed(struct pk_prom *p, struct pk_str bytes);
/* The page is over: its last line may lack the line end. PK_OK, or PK_E_BAD_MSG when it was no such page: not
 * one sample in it, but lines that are none. */
PK_MUST_USE int pk_prom_end(struct pk_prom *p);
#endif
