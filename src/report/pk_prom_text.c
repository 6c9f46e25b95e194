#include "report/pk_prom_text.h"

static const char *const KINDS[] = {
    [PK_PROMTEXT_COUNTER] = "counter", [PK_PROMTEXT_GAUGE] = "gauge", [PK_PROMTEXT_HISTOGRAM] = "histogram"};

void pk_promtext_head(struct pk_buf *b, const char *name, enum pk_promtext_kind kind, const char *help) {
    pk_buf_puts(b, "# HELP ");
    pk_buf_puts(b, name);
    pk_buf_putc(b, ' ');
    pk_buf_puts(b, help);
    pk_buf_puts(b, "\n# TYPE ");
    pk_buf_puts(b, name);
    pk_buf_putc(b, ' ');
    pk_buf_puts(b, KINDS[kind]);
    pk_buf_putc(b, '\n');
}

static void put_value(struct pk_buf *b, struct pk_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        if (c == '\n') {
            pk_buf_puts(b, "\\n");
        } else if (c == '"' || c == '\\') {
            pk_buf_putc(b, '\\');
            pk_buf_putc(b, c);
        } else {
            pk_buf_putc(b, (unsigned char)c < 0x20u || (unsigned char)c >= 0x7Fu ? '_' : c);
        }
    }
}

static void put_labels(struct pk_buf *b, const struct pk_promtext_labels *labels) {
    if (labels == NULL || labels->count == 0) {
        return;
    }
    for (uint32_t i = 0; i < labels->count; i++) {
        pk_buf_putc(b, i == 0 ? '{' : ',');
        pk_buf_puts(b, labels->rows[i].name);
        pk_buf_puts(b, "=\"");
        put_value(b, labels->rows[i].value);
        pk_buf_putc(b, '"');
    }
    pk_buf_putc(b, '}');
}

static void put_seconds(struct pk_buf *b, uint64_t ms) {
    pk_buf_put_u64(b, ms / 1000u);
    if (ms % 1000u != 0) {
        pk_buf_putc(b, '.');
        pk_buf_put_u64_pad(b, ms % 1000u, 3);
    }
}

void pk_promtext_u64(struct pk_buf *b, const char *name, const struct pk_promtext_labels *labels,
                     uint64_t value) {
    pk_buf_puts(b, name);
    put_labels(b, labels);
    pk_buf_putc(b, ' ');
    pk_buf_put_u64(b, value);
    pk_buf_putc(b, '\n');
}

void pk_promtext_ms(struct pk_buf *b, const char *name, const struct pk_promtext_labels *labels,
                    uint64_t ms) {
    pk_buf_puts(b, name);
    put_labels(b, labels);
    pk_buf_putc(b, ' ');
    put_seconds(b, ms);
    pk_buf_putc(b, '\n');
}

/* NAME_bucket{le="4.096"} 17: everything in the metric's buckets below is shorter than that; the last of them
 * has no upper end. */
static void put_bucket(struct pk_buf *b, const char *name, uint32_t next, uint64_t count) {
    pk_buf_puts(b, name);
    pk_buf_puts(b, "_bucket{le=\"");
    if (next < PK_METRIC_BUCKETS) {
        put_seconds(b, 1ull << next);
    } else {
        pk_buf_puts(b, "+Inf");
    }
    pk_buf_puts(b, "\"} ");
    pk_buf_put_u64(b, count);
    pk_buf_putc(b, '\n');
}

void pk_promtext_histogram(struct pk_buf *b, const char *name, const struct pk_metric *m) {
    uint64_t below = 0;
    for (uint32_t i = 0; i < PK_METRIC_BUCKETS; i++) {
        below += m->hist[i];
        if (i % 2u == 1u) {
            put_bucket(b, name, i + 1u, below);
        }
    }
    pk_buf_puts(b, name);
    pk_buf_puts(b, "_sum ");
    put_seconds(b, m->sum_ms);
    pk_buf_putc(b, '\n');
    pk_buf_puts(b, name);
    pk_buf_puts(b, "_count ");
    pk_buf_put_u64(b, below);
    pk_buf_putc(b, '\n');
}
