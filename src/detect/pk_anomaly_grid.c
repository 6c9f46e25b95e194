#include "detect/pk_anomaly_grid.h"

#include <string.h>

enum { COLUMNS = PK_ANOMALY_GRID_COLUMNS, ROWS = PK_ANOMALY_GRID_ROWS, FAR = COLUMNS + ROWS };
static const double MARGIN = 0.05; /* of the new range, beyond a value that widens it */

void pk_anomaly_grid_init(struct pk_anomaly_grid *g) {
    memset(g, 0, sizeof *g);
    g->low = 1;
}

static unsigned cell_of(double v, double low, double high, unsigned count) {
    if (!(v > low) || !(high > low)) {
        return 0;
    }
    const double at = (v - low) / (high - low) * count;
    return at < count ? (unsigned)at : count - 1u;
}

/* Where the middle of an old cell is now. */
static unsigned moved(unsigned i, unsigned count, const struct pk_anomaly_grid *from, double low,
                      double high) {
    const double width = (double)from->high - (double)from->low;
    return cell_of((double)from->low + ((double)i + 0.5) / count * width, low, high, count);
}

static uint16_t moved_rows(unsigned rows, const struct pk_anomaly_grid *from, double low, double high) {
    unsigned out = 0;
    for (unsigned r = 0; r < ROWS; r++) {
        if (rows >> r & 1u) {
            out |= 1u << moved(r, ROWS, from, low, high);
        }
    }
    return (uint16_t)out;
}

static void widen(struct pk_anomaly_grid *g, float v, bool is_by_mean) {
    if (g->low > g->high) {
        g->low = g->high = v;
        return;
    }
    const struct pk_anomaly_grid old = *g;
    if (v < old.low) {
        g->low = (float)((double)v - MARGIN * ((double)old.high - (double)v));
    } else {
        g->high = (float)((double)v + MARGIN * ((double)v - (double)old.low));
    }
    const double low = (double)g->low;
    const double high = (double)g->high;
    memset(g->column, 0, sizeof g->column);
    for (unsigned c = 0; c < COLUMNS; c++) {
        const unsigned to = is_by_mean ? moved(c, COLUMNS, &old, low, high) : c;
        g->column[to] = (uint16_t)(g->column[to] | moved_rows(old.column[c], &old, low, high));
    }
}

/* Rows between `row` and the nearest visited cell of a column; FAR when it is empty. */
static unsigned rows_apart(unsigned rows, unsigned row) {
    for (unsigned d = 0; d < ROWS; d++) {
        const unsigned above = row + d < ROWS ? rows >> (row + d) & 1u : 0;
        const unsigned below = row >= d ? rows >> (row - d) & 1u : 0;
        if (above | below) {
            return d;
        }
    }
    return FAR;
}

/* Chebyshev distance to the nearest visited cell. */
static unsigned apart(const struct pk_anomaly_grid *g, unsigned column, unsigned row, bool is_cyclic) {
    unsigned best = FAR;
    for (unsigned c = 0; c < COLUMNS; c++) {
        unsigned d = c > column ? c - column : column - c;
        if (is_cyclic && d > COLUMNS / 2) {
            d = COLUMNS - d;
        }
        const unsigned rows = rows_apart(g->column[c], row);
        d = d > rows ? d : rows;
        best = d < best ? d : best;
    }
    return best;
}

static double mark(struct pk_anomaly_grid *g, float v, unsigned column, bool is_cyclic, bool is_new_range) {
    const double low = (double)g->low;
    const double high = (double)g->high;
    const unsigned row = cell_of((double)v, low, high, ROWS);
    const unsigned bit = 1u << row;
    double share = 0;
    if (!(g->column[column] & bit) && !is_new_range && high > low) {
        const unsigned d = apart(g, column, row, is_cyclic);
        share = d > 1u && d < FAR ? (d - 1u) / (double)ROWS : 0;
    }
    g->column[column] = (uint16_t)(g->column[column] | bit);
    return share;
}

static bool is_outside(const struct pk_anomaly_grid *g, float v) {
    return v < g->low || v > g->high;
}

double pk_anomaly_grid_by_time(struct pk_anomaly_grid *g, float v, unsigned column) {
    const bool is_new_range = is_outside(g, v);
    if (is_new_range) {
        widen(g, v, false);
    }
    return mark(g, v, column % COLUMNS, true, is_new_range);
}

double pk_anomaly_grid_by_mean(struct pk_anomaly_grid *g, float v, float mean) {
    const bool is_new_range = is_outside(g, v);
    if (is_new_range) {
        widen(g, v, true);
    }
    const unsigned column = cell_of((double)mean, (double)g->low, (double)g->high, COLUMNS);
    return mark(g, v, column, false, is_new_range);
}
