#ifndef PK_ANOMALY_GRID_H
#define PK_ANOMALY_GRID_H
/* Which values were seen in which circumstances: one bit for each cell of 8 columns by 16 rows. Rows divide
 * the range of the values; columns are the time of day in steps of three hours, or, without a clock, where
 * the slow mean was within the range. A value in a cell far from every one that was ever visited is novel
 * although the series has been as high and as low before. */
#include <stdbool.h>
#include <stdint.h>

enum { PK_ANOMALY_GRID_COLUMNS = 8, PK_ANOMALY_GRID_ROWS = 16 };

struct pk_anomaly_grid { /* 24 bytes */
    float low, high;     /* the rows cover this; low > high: nothing seen yet */
    uint16_t column[PK_ANOMALY_GRID_COLUMNS];
};

void pk_anomaly_grid_init(struct pk_anomaly_grid *g);
/* Each marks the cell and returns the share of the range by which it is apart from the nearest visited one: 0
 * for a cell that was visited or touches one, and for a value outside the range, which widens it. `by_time`:
 * column 0..7, the last beside the first. `by_mean`: the column follows from `mean`. */
double pk_anomaly_grid_by_time(struct pk_anomaly_grid *g, float v, unsigned column);
double pk_anomaly_grid_by_mean(struct pk_anomaly_grid *g, float v, float mean);
#endif
