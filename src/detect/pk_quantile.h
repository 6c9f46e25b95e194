#ifndef PK_QUANTILE_H
#define PK_QUANTILE_H
/* p1..p99 of the numbers of a sliding window, by nearest rank: of n numbers the ceil(n * p / 100)-th
 * smallest.
 *
 * A rule asks on which side of a few thresholds the percentile is, so two things are kept. Exact counts of
 * the numbers beyond each threshold ("cut"): the verdict has no error whatever the numbers are. And a
 * histogram of 18 cells to the octave around the first threshold X, cut open at every threshold: the figure
 * that is shown has a relative error of at most 2 % from |X| / 9 to |X| * 8, and is never on the other side
 * of a threshold than the verdict; outside it is only told which side.
 *
 * The window is four slices: a number counts for at least three quarters of the window and never longer than
 * the whole. A slice counts up to 65,535 numbers in one cell one by one; from then on every second, fourth
 * ... one stands for all (in golden section steps, so that no period of the stream is favoured): the rank of
 * the shown figure then has a standard error below 0.2 points of percent. Counts of the verdict stop at 2^32
 * - 1 in a slice.
 *
 * Only comparisons and integer work on the bits of a double: equal on every instruction set. */
#include "detect/pk_rule.h"

enum {
    PK_QUANTILE_SLICES = 4,
    PK_QUANTILE_CUTS = 3,   /* of `when`, `clear` and the escalation clause */
    PK_QUANTILE_GRID = 112, /* 6.2 octaves */
    PK_QUANTILE_CELLS = PK_QUANTILE_GRID + 2 + PK_QUANTILE_CUTS /* one below the grid, one above */
};

struct pk_quantile_cut {
    double at;    /* on the axis: a threshold, mirrored where the axis is */
    bool is_with; /* numbers equal to it are beyond */
    bool is_true; /* the comparison holds beyond it; else on this side */
};

/* What all windows of a rule share: follows from its text. Numbers are laid out by size away from zero: of a
 * negative centre the axis is mirrored, so that its numbers are positive there. */
struct pk_quantile_scale {
    int32_t base; /* number of the cell below the grid */
    bool is_mirrored;
    uint8_t cut_count;
    struct pk_quantile_cut cut[PK_QUANTILE_CUTS];
};

struct pk_quantile { /* all zero is the start */
    uint64_t newest; /* number of the newest slice, time divided by the width of one */
    uint32_t given;  /* numbers that came to a slice that counts only some */
    uint32_t count[PK_QUANTILE_SLICES], beyond[PK_QUANTILE_SLICES][PK_QUANTILE_CUTS];
    uint8_t shift[PK_QUANTILE_SLICES]; /* one in a cell stands for 2^shift */
    uint16_t cell[PK_QUANTILE_SLICES][PK_QUANTILE_CELLS];
};
_Static_assert(sizeof(struct pk_quantile) == 1016, "the price of a series");

enum pk_quantile_side { PK_QUANTILE_BELOW = -1, PK_QUANTILE_IN = 0, PK_QUANTILE_ABOVE = 1 };
struct pk_quantile_figure {
    double value;
    enum pk_quantile_side side; /* BELOW: it is below `value`, the end of the grid; ABOVE: above it */
};

/* PK_E_BAD_FIELD: no finite number, or nearer to zero than 1e-300: it has no size to lay a grid around. */
PK_MUST_USE int pk_quantile_scale_init(struct pk_quantile_scale *s, double centre);
/* Threshold of a comparison (< <= > >=), any finite number; returns its index. The order of calls must be the
 * same for all uses of a window. */
uint32_t pk_quantile_scale_cut(struct pk_quantile_scale *s, enum pk_cmp cmp, double threshold);

/* time_ms: the number's own time; of a late one it goes into the slice it belongs to, or nowhere.
 * PK_E_BAD_FIELD: not a finite number; nothing is changed. */
PK_MUST_USE int pk_quantile_add(struct pk_quantile *q, const struct pk_quantile_scale *s, uint32_t within_ms,
                                uint64_t time_ms, double v);
uint64_t pk_quantile_count(const struct pk_quantile *q, uint32_t within_ms, uint64_t now_ms);
/* The comparison of the cut for the percentile; false of an empty window. */
bool pk_quantile_holds(const struct pk_quantile *q, const struct pk_quantile_scale *s, uint32_t within_ms,
                       uint64_t now_ms, uint32_t percent, uint32_t cut);
/* false when the window is empty. */
bool pk_quantile_figure(const struct pk_quantile *q, const struct pk_quantile_scale *s, uint32_t within_ms,
                        uint64_t now_ms, uint32_t percent, struct pk_quantile_figure *out);
/* When numbers leave the window without one coming; the first such moment after now. */
uint64_t pk_quantile_next_ms(uint32_t within_ms, uint64_t now_ms);
#endif
