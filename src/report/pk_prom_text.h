#ifndef PK_PROM_TEXT_H
#define PK_PROM_TEXT_H
/* Prometheus' text format 0.0.4 (prometheus/docs, exposition_formats.md), as node_exporter's textfile
 * collector reads it: one family after the other, each with HELP and TYPE before its first sample. A full
 * buffer is cut; the caller looks at is_cut. */
#include "base/pk_text.h"
#include "incident/pk_incident_metrics.h"

enum pk_promtext_kind { PK_PROMTEXT_COUNTER, PK_PROMTEXT_GAUGE, PK_PROMTEXT_HISTOGRAM };

struct pk_promtext_label {
    const char *name;
    struct pk_str
        value; /* quotes, backslashes and line ends are escaped; bytes that may not be UTF-8 become _ */
};
enum { PK_PROMTEXT_LABELS = 3 };
struct pk_promtext_labels {
    struct pk_promtext_label rows[PK_PROMTEXT_LABELS];
    uint32_t count;
};

/* help: one line without backslashes. */
void pk_promtext_head(struct pk_buf *b, const char *name, enum pk_promtext_kind kind, const char *help);
void pk_promtext_u64(struct pk_buf *b, const char *name, const struct pk_promtext_labels *labels,
                     uint64_t value);
/* Milliseconds, written as seconds. */
void pk_promtext_ms(struct pk_buf *b, const char *name, const struct pk_promtext_labels *labels, uint64_t ms);
/* Cumulative buckets up to 4 ms, 16 ms, ... 2^2k ms and +Inf: every second one of the metric's, because a
 * scraper pays for each. */
enum { PK_PROMTEXT_HISTOGRAM_BYTES = 1536 };
void pk_promtext_histogram(struct pk_buf *b, const char *name, const struct pk_metric *m);
#endif
