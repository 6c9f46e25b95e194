#ifndef PK_MATCH_H
#define PK_MATCH_H
/* Which rules an event concerns: type, severity and source are settled once for each (type, severity, source
 * class) and cached; only value and data are looked at for each event. */
#include "detect/pk_engine.h"

struct pk_match_list {
    const uint16_t *rules; /* indices, rising; valid until the next call */
    uint32_t count;
    bool must_check_source; /* the class table is full: pk_match_source each */
};

/* Rules changed: everything cached is forgotten. */
void pk_match_reset(struct pk_engine *e);
void pk_match_find(struct pk_engine *e, const struct pk_event *event, struct pk_match_list *out);
/* The source terms of `on`. */
bool pk_match_source(const struct pk_engine *e, const struct pk_rule *r, uint16_t source_id);
/* Terms [first, first + count), without what the list settled: types and sources of `on`. */
bool pk_match_terms(const struct pk_engine *e, const struct pk_rule *r, uint8_t first, uint8_t count,
                    const struct pk_event *event);
/* All of `on`, without the cache. */
bool pk_match_event(const struct pk_engine *e, uint16_t rule_index, const struct pk_event *event);
/* Group of the event under the rule: *out_key, and text when out_text is not NULL (points into tables; empty
 * for no group). false when the event belongs to no group (no correlation id, no such field). Replayed events
 * have groups of their own. */
bool pk_match_group(const struct pk_engine *e, const struct pk_rule *r, const struct pk_event *event,
                    uint64_t *out_key, struct pk_str *out_text);
#define PK_MATCH_REPLAYED (1ull << 63) /* bit of the keys of replayed groups */
/* Key of a group given as text. PK_OK; PK_E_NOT_FOUND when the source is not known. */
PK_MUST_USE int pk_match_key(const struct pk_engine *e, const struct pk_rule *r, struct pk_str group,
                             uint64_t *out_key);
#endif
