#ifndef PK_COND_QUANTILE_H
#define PK_COND_QUANTILE_H
/* What the rest of the engine asks of quantiles beyond the form (pk_cond.h): their words, and escalations
 * that are about the numbers of `when`. */
#include "detect/pk_cond.h"

/* Of "p50" .. "p99", or 0. */
uint32_t pk_cond_percent_of(struct pk_str word);
/* cmp number, after the word. Needs `when` read before, with a quantile in it. */
PK_MUST_USE int pk_cond_read_quantile_raise(struct pk_rule_cursor *c, const struct pk_rule *r,
                                            struct pk_rule_raise *raise, uint32_t percent);
/* Of a window that has a block. Unknown is no. */
bool pk_cond_quantile_raises(const struct pk_engine *e, uint32_t slot, const struct pk_rule_raise *raise,
                             uint64_t now_ms);
/* "p95 10240 in 5m, escalates at > 10000" */
void pk_cond_put_quantile_raise(struct pk_buf *b, const struct pk_engine *e, uint32_t slot,
                                const struct pk_rule_raise *raise, uint64_t now_ms);
#endif
