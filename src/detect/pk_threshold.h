#ifndef PK_THRESHOLD_H
#define PK_THRESHOLD_H
/* Named numbers of [thresholds] in picketd.conf, which rules use as $NAME or P% of $NAME. */
#include "base/pk_text.h"
#include "pk_limits.h"

enum { PK_THRESHOLD_NAME_BYTES = 32 };

struct pk_threshold {
    char name[PK_THRESHOLD_NAME_BYTES];
    double value;
};
struct pk_thresholds {
    struct pk_threshold rows[PK_LIMIT_THRESHOLDS];
    uint32_t count;
};

/* What shipped rules use, where the configuration says nothing else. */
void pk_thresholds_defaults(struct pk_thresholds *t);
/* Adds or changes one. PK_OK; PK_E_BAD_FIELD: not 1 to 31 of A-Z a-z 0-9 _; PK_E_FULL. */
PK_MUST_USE int pk_thresholds_set(struct pk_thresholds *t, struct pk_str name, double value);
/* t NULL: the defaults. PK_OK or PK_E_NOT_FOUND. */
PK_MUST_USE int pk_thresholds_get(const struct pk_thresholds *t, struct pk_str name, double *out);
/* The name that is near, or NULL. */
const char *pk_thresholds_suggest(const struct pk_thresholds *t, struct pk_str name);
/* "max_cpu, max_memory, ...": all names, or as many as fit. */
void pk_thresholds_put_names(const struct pk_thresholds *t, struct pk_buf *b);
/* Mixes the values of all $NAMEs in a text into a hash of it: equal hashes mean the same rule. */
uint64_t pk_thresholds_mix(const struct pk_thresholds *t, struct pk_str text, uint64_t hash);
#endif
