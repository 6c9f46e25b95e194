#include "detect/pk_cond_gauge.h"

#include <math.h>

enum { VERDICT_BITS = 2, GAP_BITS = 20, LAST_SHIFT = VERDICT_BITS + GAP_BITS, GAP_UNIT_MS = 256 };
static const uint64_t GAP_MAX = (1u << GAP_BITS) - 1u;
static const double FIGURE_LEAST = 1000;
static const double FIGURE_MOST = 1e15; /* every whole number below is exact */
static const double FIGURE_SCALE_MAX = 1e9;

static uint64_t gap_of(const struct pk_cond_gauge *g) {
    return g->packed >> VERDICT_BITS & GAP_MAX;
}

uint64_t pk_cond_gauge_last_ms(const struct pk_cond_gauge *g) {
    return g->packed >> LAST_SHIFT;
}

static enum pk_verdict verdict_of(const struct pk_cond_gauge *g) {
    return (enum pk_verdict)(g->packed & 3u);
}

void pk_cond_gauge_init(struct pk_cond_gauge *g) {
    g->packed = PK_STALE;
}

void pk_cond_gauge_set(struct pk_cond_gauge *g, enum pk_verdict v) {
    g->packed = (g->packed & ~3ull) | (uint64_t)v;
}

bool pk_cond_gauge_take(struct pk_cond_gauge *g, const struct pk_cond_input *in) {
    const uint64_t last_ms = pk_cond_gauge_last_ms(g);
    const bool was_seen = verdict_of(g) != PK_STALE;
    if (was_seen && in->time_ms < last_ms) {
        return false;
    }
    uint64_t gap = gap_of(g);
    if (was_seen && in->time_ms > last_ms) {
        gap = (in->time_ms - last_ms + GAP_UNIT_MS - 1u) / GAP_UNIT_MS;
        gap = gap < GAP_MAX ? gap : GAP_MAX;
    }
    const enum pk_verdict v = (in->event->flags & PK_EVENT_HAS_VALUE) != 0 ? PK_FALSE : PK_FAULT;
    g->packed = in->time_ms << LAST_SHIFT | gap << VERDICT_BITS | (uint64_t)v;
    return true;
}

enum pk_verdict pk_cond_gauge_judge(const struct pk_cond_gauge *g, const struct pk_rule *r, uint64_t now_ms,
                                    uint64_t *out_until_ms) {
    const uint64_t until_ms = pk_cond_gauge_last_ms(g) + pk_cond_stale_ms(r, gap_of(g) * GAP_UNIT_MS);
    const bool is_stale = verdict_of(g) == PK_STALE || until_ms <= now_ms;
    *out_until_ms = is_stale ? UINT64_MAX : until_ms;
    return is_stale ? PK_STALE : verdict_of(g);
}

bool pk_cond_has_number(const struct pk_cond_input *in) {
    return in->is_first && (in->event->flags & PK_EVENT_HAS_VALUE) != 0;
}

void pk_cond_put_figure(struct pk_buf *b, double v) {
    const double size = fabs(v);
    double scale = 1;
    while (scale < FIGURE_SCALE_MAX && size * scale < FIGURE_LEAST) {
        scale *= 10;
    }
    const bool is_plain = size * scale >= FIGURE_LEAST && size * scale < FIGURE_MOST;
    pk_buf_put_double(b, is_plain ? floor(v * scale + 0.5) / scale : v);
}

void pk_cond_put_threshold(struct pk_buf *b, uint8_t cmp, double threshold) {
    pk_buf_puts(b, ", threshold ");
    pk_buf_puts(b, pk_cmp_word((enum pk_cmp)cmp));
    pk_buf_putc(b, ' ');
    pk_buf_put_double(b, threshold);
}

bool pk_cond_put_unknown(struct pk_buf *b, const char *what, enum pk_verdict v) {
    if (v != PK_STALE && v != PK_FAULT) {
        return false;
    }
    pk_buf_puts(b, what);
    pk_buf_puts(b, v == PK_STALE ? " unknown" : " cannot be measured");
    return true;
}
