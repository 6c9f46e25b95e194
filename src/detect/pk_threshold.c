#include "detect/pk_threshold.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"

/* The first four as REQUIREMENTS S2-24 has them. */
static const struct pk_threshold DEFAULTS[] = {
    {"max_cpu", 85},        /* percent */
    {"max_memory", 90},     /* percent */
    {"max_latency", 1000},  /* ms */
    {"min_throughput", 50}, /* a second */
    {"max_disk", 90},       /* percent, of bytes and of inodes */
    {"max_gpu", 95},        /* percent */
    {"max_temperature", 85} /* degrees Celsius */,
    {"min_convergence", 0.7},
};
_Static_assert(PK_COUNT_OF(DEFAULTS) < PK_LIMIT_THRESHOLDS, "an operator has room for own names");

static const struct pk_threshold *rows_of(const struct pk_thresholds *t, uint32_t *out_count) {
    *out_count = t != NULL ? t->count : (uint32_t)PK_COUNT_OF(DEFAULTS);
    return t != NULL ? t->rows : DEFAULTS;
}

void pk_thresholds_defaults(struct pk_thresholds *t) {
    memset(t, 0, sizeof *t);
    memcpy(t->rows, DEFAULTS, sizeof DEFAULTS);
    t->count = (uint32_t)PK_COUNT_OF(DEFAULTS);
}

int pk_thresholds_set(struct pk_thresholds *t, struct pk_str name, double value) {
    if (!pk_text_is_id(name, NULL, PK_THRESHOLD_NAME_BYTES - 1)) {
        return PK_E_BAD_FIELD;
    }
    uint32_t i = 0;
    while (i < t->count && !pk_str_eq_c(name, t->rows[i].name)) {
        i++;
    }
    if (i == PK_LIMIT_THRESHOLDS) {
        return PK_E_FULL;
    }
    (void)pk_str_copy_cut(name, t->rows[i].name, sizeof t->rows[i].name);
    t->rows[i].value = value;
    t->count += i == t->count ? 1u : 0u;
    return PK_OK;
}

int pk_thresholds_get(const struct pk_thresholds *t, struct pk_str name, double *out) {
    uint32_t count = 0;
    const struct pk_threshold *rows = rows_of(t, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (pk_str_eq_c(name, rows[i].name)) {
            *out = rows[i].value;
            return PK_OK;
        }
    }
    return PK_E_NOT_FOUND;
}

const char *pk_thresholds_suggest(const struct pk_thresholds *t, struct pk_str name) {
    const char *words[PK_LIMIT_THRESHOLDS];
    uint32_t count = 0;
    const struct pk_threshold *rows = rows_of(t, &count);
    for (uint32_t i = 0; i < count; i++) {
        words[i] = rows[i].name;
    }
    return pk_text_suggest(name, words, count);
}

void pk_thresholds_put_names(const struct pk_thresholds *t, struct pk_buf *b) {
    uint32_t count = 0;
    const struct pk_threshold *rows = rows_of(t, &count);
    for (uint32_t i = 0; i < count && b->n + strlen(rows[i].name) + 2u < b->cap_bytes; i++) {
        pk_buf_puts(b, i > 0 ? ", " : "");
        pk_buf_puts(b, rows[i].name);
    }
}

uint64_t pk_thresholds_mix(const struct pk_thresholds *t, struct pk_str text, uint64_t hash) {
    for (uint32_t i = 0; i < text.n; i++) {
        double value = 0.0;
        uint32_t n = 0;
        if (text.p[i] != '$') {
            continue;
        }
        while (i + 1u + n < text.n && pk_text_is_id(pk_str_make(text.p + i + 1u + n, 1), NULL, 1)) {
            n++;
        }
        if (pk_thresholds_get(t, pk_str_make(text.p + i + 1u, n), &value) == PK_OK) {
            uint64_t bits = 0;
            memcpy(&bits, &value, sizeof bits);
            hash = pk_hash64_mix(hash, bits);
        }
    }
    return hash;
}
