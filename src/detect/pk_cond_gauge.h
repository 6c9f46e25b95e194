#ifndef PK_COND_GAUGE_H
#define PK_COND_GAUGE_H
/* What the forms on numbers have in common (pk_cond.h): how old the newest sample is, what was usual between
 * two, and what the last one said; in one word, because states come in blocks of 2^n bytes. */
#include "detect/pk_cond.h"

/* From the low end: 2 bits enum pk_verdict (STALE = no sample yet), 20 bits the gap between the last two
 * samples in units of 256 ms, rounded up (at most 74 hours), 42 bits the time of the newest in ms. */
struct pk_cond_gauge {
    uint64_t packed;
};

/* No sample yet. */
void pk_cond_gauge_init(struct pk_cond_gauge *g);
/* A sample: FAULT, or FALSE until the form says otherwise. false: older than the newest one, not taken. */
bool pk_cond_gauge_take(struct pk_cond_gauge *g, const struct pk_cond_input *in);
void pk_cond_gauge_set(struct pk_cond_gauge *g, enum pk_verdict v);
uint64_t pk_cond_gauge_last_ms(const struct pk_cond_gauge *g);
/* The verdict of the newest sample, STALE when it is too old; *out_until_ms: when it will be. */
enum pk_verdict pk_cond_gauge_judge(const struct pk_cond_gauge *g, const struct pk_rule *r, uint64_t now_ms,
                                    uint64_t *out_until_ms);
/* The event has a number, and the (first) brackets hold. */
bool pk_cond_has_number(const struct pk_cond_input *in);
/* A measured number in four digits: 1249, 12.35, 0.001235. */
void pk_cond_put_figure(struct pk_buf *b, double v);
/* ", threshold > 5" */
void pk_cond_put_threshold(struct pk_buf *b, uint8_t cmp, double threshold);
/* "drop unknown" or "drop cannot be measured"; false: neither. */
bool pk_cond_put_unknown(struct pk_buf *b, const char *what, enum pk_verdict v);
#endif
