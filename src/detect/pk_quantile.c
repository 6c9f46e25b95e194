#include "detect/pk_quantile.h"

#include <math.h>
#include <string.h>

#include "base/pk_assert.h"

enum {
    SLICES = PK_QUANTILE_SLICES,
    CELLS = PK_QUANTILE_CELLS,
    GRID = PK_QUANTILE_GRID,
    PER_OCTAVE = 18, /* cells grow by 2^(1/18): the middle of one is within 1.97 % of everything in it */
    ABOVE = 3 * PER_OCTAVE,
    CELL_FULL = UINT16_MAX,
    FRACTION_BITS = 52
};
static const uint32_t GOLDEN = 0x9E3779B9u; /* 2^32 divided by the golden section */
static const double LEAST = 1e-300;

/* Lower ends of the cells of an octave: (2^(k/18) - 1) * 2^32. */
static const uint32_t EDGE[PER_OCTAVE] = {0x00000000u, 0x0A0CE483u, 0x147ECB88u, 0x1F59AC3Cu, 0x2AA1A5AAu,
                                          0x365B0049u, 0x428A2F98u, 0x4F33D3D8u, 0x5C5CBBC3u, 0x6A09E667u,
                                          0x7840850Au, 0x8705FD1Eu, 0x965FEA53u, 0xA65420B8u, 0xB6E8AEEEu,
                                          0xC823E074u, 0xDA0C4012u, 0xECA89A4Du};

/* Number of the cell on the whole axis; x > 0. */
static int32_t cell_number(double x) {
    uint64_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t fraction = (uint32_t)(bits >> (FRACTION_BITS - 32));
    /* log2(1 + f) >= f, so the search begins at or below the cell, at most two away. */
    uint32_t k = (uint32_t)(((uint64_t)fraction * PER_OCTAVE) >> 32);
    while (k + 1u < PER_OCTAVE && fraction >= EDGE[k + 1u]) {
        k++;
    }
    return (int32_t)(bits >> FRACTION_BITS) * PER_OCTAVE + (int32_t)k;
}

/* Lower end of a cell, for numbers cell_number() gives; clamped to the normal numbers. */
static double cell_edge(int32_t number) {
    const int32_t least = PER_OCTAVE;
    const int32_t most = 2047 * PER_OCTAVE - 1;
    const uint32_t n = (uint32_t)(number < least ? least : number > most ? most : number);
    const uint64_t bits = (uint64_t)(n / PER_OCTAVE) << FRACTION_BITS | (uint64_t)EDGE[n % PER_OCTAVE]
                                                                            << (FRACTION_BITS - 32);
    double x = 0;
    memcpy(&x, &bits, sizeof x);
    return x;
}

int pk_quantile_scale_init(struct pk_quantile_scale *s, double centre) {
    s->cut_count = 0;
    if (!isfinite(centre) || fabs(centre) < LEAST) {
        return PK_E_BAD_FIELD;
    }
    s->is_mirrored = centre < 0;
    s->base = cell_number(fabs(centre)) + ABOVE - GRID;
    return PK_OK;
}

uint32_t pk_quantile_scale_cut(struct pk_quantile_scale *s, enum pk_cmp cmp, double threshold) {
    PK_ASSERT(s->cut_count < PK_QUANTILE_CUTS && isfinite(threshold));
    PK_ASSERT(cmp != PK_CMP_EQ && cmp != PK_CMP_NE);
    const bool is_upward = cmp == PK_CMP_GT || cmp == PK_CMP_GE;
    const bool is_split_below =
        cmp == PK_CMP_GE || cmp == PK_CMP_LT; /* equal ones are with the larger ones */
    struct pk_quantile_cut *c = &s->cut[s->cut_count];
    c->at = s->is_mirrored ? -threshold : threshold;
    c->is_with = is_split_below != s->is_mirrored;
    c->is_true = is_upward != s->is_mirrored;
    return s->cut_count++;
}

static bool is_beyond(const struct pk_quantile_cut *c, double x) {
    return x > c->at || (c->is_with && x >= c->at);
}

static uint32_t width_of(uint32_t within_ms) {
    return within_ms >= SLICES ? within_ms / SLICES : 1u;
}

/* false: the slice is no longer there. */
static bool advance(struct pk_quantile *q, uint64_t number) {
    if (number <= q->newest) {
        return q->newest - number < SLICES;
    }
    const uint64_t ahead = number - q->newest;
    for (uint64_t i = 0; i < ahead && i < SLICES; i++) {
        const uint64_t at = (number - i) % SLICES;
        q->count[at] = 0;
        q->shift[at] = 0;
        memset(q->beyond[at], 0, sizeof q->beyond[at]);
        memset(q->cell[at], 0, sizeof q->cell[at]);
    }
    q->newest = number;
    return true;
}

/* What is left over by the halving of a cell goes to the next one: the sum of any run of cells is kept to
 * one.
 */
static void halve(struct pk_quantile *q, uint64_t slice) {
    uint32_t rest = 0;
    for (uint32_t i = 0; i < CELLS; i++) {
        rest += q->cell[slice][i];
        q->cell[slice][i] = (uint16_t)(rest / 2u);
        rest %= 2u;
    }
    q->shift[slice]++;
}

static void count_in_cell(struct pk_quantile *q, uint64_t slice, uint32_t cell) {
    const uint32_t shift = q->shift[slice];
    if (shift > 0) {
        q->given++;
        if ((q->given * GOLDEN) >> (32u - shift) != 0) {
            return;
        }
    }
    if (q->cell[slice][cell] == CELL_FULL) {
        halve(q, slice);
    }
    q->cell[slice][cell]++;
}

int pk_quantile_add(struct pk_quantile *q, const struct pk_quantile_scale *s, uint32_t within_ms,
                    uint64_t time_ms, double v) {
    if (!isfinite(v)) {
        return PK_E_BAD_FIELD;
    }
    const uint64_t number = time_ms / width_of(within_ms);
    const uint64_t slice = number % SLICES;
    if (!advance(q, number) || q->count[slice] == UINT32_MAX) {
        return PK_OK;
    }
    const double x = s->is_mirrored ? -v : v;
    const int32_t on_grid = x > 0 ? cell_number(x) - s->base : 0;
    uint32_t cell = (uint32_t)(on_grid < 0 ? 0 : on_grid > GRID + 1 ? GRID + 1 : on_grid);
    for (uint32_t c = 0; c < s->cut_count; c++) {
        const uint32_t one = is_beyond(&s->cut[c], x) ? 1u : 0u;
        q->beyond[slice][c] += one;
        cell += one; /* so no cell has numbers of both sides */
    }
    q->count[slice]++;
    count_in_cell(q, slice, cell);
    return PK_OK;
}

/* Slices that are in the window are the newest ones: how many. */
static uint32_t live_slices(const struct pk_quantile *q, uint32_t within_ms, uint64_t now_ms) {
    const uint64_t now = now_ms / width_of(within_ms);
    const uint64_t passed = now > q->newest ? now - q->newest : 0;
    return passed < SLICES ? SLICES - (uint32_t)passed : 0;
}

/* i-th newest slice. */
static uint64_t slice_of(const struct pk_quantile *q, uint32_t i) {
    return (q->newest + SLICES - i) % SLICES;
}

uint64_t pk_quantile_count(const struct pk_quantile *q, uint32_t within_ms, uint64_t now_ms) {
    uint64_t count = 0;
    const uint32_t live = live_slices(q, within_ms, now_ms);
    for (uint32_t i = 0; i < live; i++) {
        count += q->count[slice_of(q, i)];
    }
    return count;
}

/* From the low end of the axis; 1..count. */
static uint64_t rank_of(const struct pk_quantile_scale *s, uint64_t count, uint32_t percent) {
    PK_ASSERT(count > 0 && percent >= 1u && percent <= 99u);
    const uint64_t rank = (count * percent + 99u) / 100u;
    return s->is_mirrored ? count + 1u - rank : rank;
}

static bool is_rank_beyond(const struct pk_quantile *q, const struct pk_quantile_scale *s, uint32_t live,
                           uint64_t count, uint32_t percent, uint32_t cut) {
    uint64_t beyond = 0;
    for (uint32_t i = 0; i < live; i++) {
        beyond += q->beyond[slice_of(q, i)][cut];
    }
    return count - beyond < rank_of(s, count, percent);
}

bool pk_quantile_holds(const struct pk_quantile *q, const struct pk_quantile_scale *s, uint32_t within_ms,
                       uint64_t now_ms, uint32_t percent, uint32_t cut) {
    PK_ASSERT(cut < s->cut_count);
    const uint64_t count = pk_quantile_count(q, within_ms, now_ms);
    const uint32_t live = live_slices(q, within_ms, now_ms);
    return count > 0 && is_rank_beyond(q, s, live, count, percent, cut) == s->cut[cut].is_true;
}

static uint64_t weight_of(const struct pk_quantile *q, uint32_t live, uint32_t cell) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < live; i++) {
        const uint64_t slice = slice_of(q, i);
        sum += (uint64_t)q->cell[slice][cell] << q->shift[slice];
    }
    return sum;
}

static uint32_t cell_of_rank(const struct pk_quantile *q, const struct pk_quantile_scale *s, uint32_t live,
                             uint32_t percent) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < CELLS; i++) {
        total += weight_of(q, live, i);
    }
    const uint64_t rank = rank_of(s, total, percent);
    uint64_t sum = 0;
    uint32_t cell = 0;
    while (cell + 1u < CELLS) {
        sum += weight_of(q, live, cell);
        if (sum >= rank) {
            break;
        }
        cell++;
    }
    return cell;
}

struct span {
    double low, high;
    int side; /* enum pk_quantile_side */
};

/* Cuts before this one, in the order of the axis. */
static uint32_t cuts_before(const struct pk_quantile_scale *s, uint32_t cut) {
    uint32_t before = 0;
    for (uint32_t c = 0; c < s->cut_count; c++) {
        const bool is_same = s->cut[c].at <= s->cut[cut].at && s->cut[c].at >= s->cut[cut].at;
        before += s->cut[c].at < s->cut[cut].at || (is_same && c < cut) ? 1u : 0u;
    }
    return before;
}

/* Of the axis, what is in this cell of the grid with exactly `beyond` cuts below it. */
static struct span part_of(const struct pk_quantile_scale *s, uint32_t on_grid, uint32_t beyond) {
    struct span p = {-INFINITY, INFINITY, PK_QUANTILE_IN};
    p.side = on_grid == 0 ? PK_QUANTILE_BELOW : on_grid > GRID ? PK_QUANTILE_ABOVE : PK_QUANTILE_IN;
    if (on_grid > 0) {
        p.low = cell_edge(s->base + (int32_t)on_grid);
    }
    if (on_grid <= GRID) {
        p.high = cell_edge(s->base + (int32_t)on_grid + 1);
    }
    for (uint32_t c = 0; c < s->cut_count; c++) {
        const double at = s->cut[c].at;
        if (cuts_before(s, c) < beyond) {
            p.low = at > p.low ? at : p.low;
        } else {
            p.high = at < p.high ? at : p.high;
        }
    }
    return p;
}

/* A cell of the histogram is a cell of the grid moved up by the cuts below it: only one of the ways to make
 * its number has anything in it. */
static struct span span_of(const struct pk_quantile_scale *s, uint32_t cell) {
    struct span point = {0, 0, PK_QUANTILE_IN};
    for (uint32_t beyond = 0; beyond <= s->cut_count && beyond <= cell; beyond++) {
        if (cell - beyond > GRID + 1) {
            continue;
        }
        const struct span p = part_of(s, cell - beyond, beyond);
        if (p.low < p.high) {
            return p;
        }
        point = p.low <= p.high ? p : point; /* between two cuts at one number */
    }
    return point;
}

bool pk_quantile_figure(const struct pk_quantile *q, const struct pk_quantile_scale *s, uint32_t within_ms,
                        uint64_t now_ms, uint32_t percent, struct pk_quantile_figure *out) {
    const uint32_t live = live_slices(q, within_ms, now_ms);
    const uint64_t count = pk_quantile_count(q, within_ms, now_ms);
    if (count == 0) {
        return false;
    }
    const struct span p = span_of(s, cell_of_rank(q, s, live, percent));
    double x = p.low + (p.high - p.low) / 2;
    if (p.side != PK_QUANTILE_IN) {
        x = p.side == PK_QUANTILE_BELOW ? p.high : p.low;
    }
    for (uint32_t c = 0; c < s->cut_count; c++) { /* where cells count only some, the cuts know better */
        const bool is_far = is_rank_beyond(q, s, live, count, percent, c);
        const double at = s->cut[c].at;
        x = (is_far && x < at) || (!is_far && x > at) ? at : x;
    }
    out->value = s->is_mirrored ? -x : x;
    out->side = (enum pk_quantile_side)(s->is_mirrored ? -p.side : p.side);
    return true;
}

uint64_t pk_quantile_next_ms(uint32_t within_ms, uint64_t now_ms) {
    const uint32_t width_ms = width_of(within_ms);
    return now_ms - now_ms % width_ms + width_ms;
}
