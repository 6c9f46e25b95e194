#include "detect/pk_anomaly_grid.h"

#include <math.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

static unsigned cells(const struct pk_anomaly_grid *g) {
    unsigned n = 0;
    for (unsigned c = 0; c < PK_ANOMALY_GRID_COLUMNS; c++) {
        for (unsigned rows = g->column[c]; rows != 0; rows &= rows - 1u) {
            n++;
        }
    }
    return n;
}

/* Rows of exactly 1: values 0..16, by widening first. */
static void grid_of_16(struct pk_anomaly_grid *g) {
    pk_anomaly_grid_init(g);
    g->low = 0;
    g->high = 16;
}

PK_TEST(grid__first_values_and_new_extremes__are_no_novelty_here) {
    struct pk_anomaly_grid g;
    pk_anomaly_grid_init(&g);
    CHECK(pk_anomaly_grid_by_time(&g, 5, 0) == 0);
    CHECK(pk_anomaly_grid_by_time(&g, 5, 4) == 0);
    CHECK(pk_anomaly_grid_by_time(&g, 105, 0) == 0);
    CHECK(pk_anomaly_grid_by_time(&g, -95, 0) == 0);
    CHECK(g.low == -105.25F); /* 5 % of the new range of 205 beyond the value */
    CHECK(g.high >= 105);
}

PK_TEST(grid__far_from_every_visited_cell__is_the_share_of_the_range_between) {
    struct pk_anomaly_grid g;
    grid_of_16(&g);
    for (unsigned c = 0; c < 8; c++) {
        pk_anomaly_grid_by_time(&g, 2.5F, c);
    }
    CHECK(pk_anomaly_grid_by_time(&g, 2.9F, 3) == 0); /* visited */
    CHECK(pk_anomaly_grid_by_time(&g, 3.5F, 3) == 0); /* touches a visited one */
    CHECK(pk_anomaly_grid_by_time(&g, 9.5F, 3) == 5.0 / 16);
    CHECK(pk_anomaly_grid_by_time(&g, 9.5F, 3) == 0);
    CHECK_EQ_U64(cells(&g), 10);
}

PK_TEST(grid__time_of_day__goes_round) {
    struct pk_anomaly_grid g;
    grid_of_16(&g);
    pk_anomaly_grid_by_time(&g, 2.5F, 0);
    CHECK(pk_anomaly_grid_by_time(&g, 2.5F, 7) == 0); /* the neighbour of 0 */
    grid_of_16(&g);
    pk_anomaly_grid_by_time(&g, 2.5F, 0);
    CHECK(pk_anomaly_grid_by_time(&g, 2.5F, 4) == 3.0 / 16); /* four columns either way */
}

PK_TEST(grid__slow_mean__does_not_go_round) {
    struct pk_anomaly_grid g;
    grid_of_16(&g);
    pk_anomaly_grid_by_mean(&g, 2.5F, 0.5F);
    CHECK(pk_anomaly_grid_by_mean(&g, 2.5F, 15.5F) == 6.0 / 16);
    CHECK_EQ_U64(g.column[0], 1u << 2);
    CHECK_EQ_U64(g.column[7], 1u << 2);
}

PK_TEST(grid__widened__keeps_what_was_visited_where_it_was) {
    struct pk_anomaly_grid g;
    grid_of_16(&g);
    for (unsigned c = 0; c < 8; c++) {
        pk_anomaly_grid_by_time(&g, 2.5F, c);
        pk_anomaly_grid_by_time(&g, 12.5F, c);
    }
    pk_anomaly_grid_by_time(&g, 30, 0); /* rows are now about 2 wide */
    CHECK_EQ_U64(cells(&g), 17);
    CHECK(pk_anomaly_grid_by_time(&g, 2.5F, 5) == 0);
    CHECK(pk_anomaly_grid_by_time(&g, 12.5F, 5) == 0);
    CHECK(pk_anomaly_grid_by_time(&g, 24, 5) > 0);
}

PK_TEST(grid__mean_as_column__moves_with_the_range) {
    struct pk_anomaly_grid g;
    grid_of_16(&g);
    pk_anomaly_grid_by_mean(&g, 2.5F, 15);
    CHECK_EQ_U64(g.column[7], 1u << 2);
    pk_anomaly_grid_by_mean(&g, 100, 15);
    CHECK_EQ_U64(g.column[7], 0);
    CHECK(pk_anomaly_grid_by_mean(&g, 2.5F, 15) == 0);
}

PK_TEST(grid__degenerate_numbers__stay_inside) {
    static const float ODD[] = {0, -0.0F, 1e-44F, -1e-44F, 1e30F, -1e30F, 3, 1e-30F};
    struct pk_anomaly_grid g;
    struct pk_rng r;
    pk_rng_seed(&r, 3);
    for (int by_mean = 0; by_mean < 2; by_mean++) {
        pk_anomaly_grid_init(&g);
        for (int i = 0; i < 2000; i++) {
            const float v = ODD[pk_rng_below(&r, 8)];
            const double share = by_mean ? pk_anomaly_grid_by_mean(&g, v, ODD[pk_rng_below(&r, 8)])
                                         : pk_anomaly_grid_by_time(&g, v, (unsigned)pk_rng_below(&r, 20));
            CHECK(share >= 0 && share < 1);
            CHECK(isfinite(g.low) && isfinite(g.high) && g.low <= g.high);
        }
    }
}

PK_TEST_MAIN(grid__first_values_and_new_extremes__are_no_novelty_here,
             grid__far_from_every_visited_cell__is_the_share_of_the_range_between,
             grid__time_of_day__goes_round, grid__slow_mean__does_not_go_round,
             grid__widened__keeps_what_was_visited_where_it_was, grid__mean_as_column__moves_with_the_range,
             grid__degenerate_numbers__stay_inside)
