#include "detect/pk_quantile.h"

#include <math.h>
#include <stdlib.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

enum { EVENTS = 4000, WITHIN_MS = 10000, WIDTH_MS = WITHIN_MS / PK_QUANTILE_SLICES };

struct sample {
    uint64_t at_ms;
    double v;
};
static struct sample samples[EVENTS];
static double sorted[EVENTS];

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* The obvious way: all of the window, sorted. 0 = empty. */
static uint32_t oracle(uint32_t n, uint64_t now_ms, uint32_t percent, double *out) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (samples[i].at_ms / WIDTH_MS + PK_QUANTILE_SLICES > now_ms / WIDTH_MS) {
            sorted[count++] = samples[i].v;
        }
    }
    qsort(sorted, count, sizeof sorted[0], by_value);
    *out = count > 0 ? sorted[(count * percent + 99u) / 100u - 1u] : 0;
    return count;
}

static double uniform(struct pk_rng *r) {
    return (double)(pk_rng_u64(r) >> 11) / 9007199254740992.0;
}

/* Spread over some octaves, some exactly at thresholds, some with the other sign or zero. */
static double random_value(struct pk_rng *r, double centre) {
    const uint64_t kind = pk_rng_below(r, 20);
    if (kind == 0) {
        return 0;
    }
    if (kind == 1) {
        return -centre;
    }
    if (kind <= 3) {
        return centre * (kind == 2 ? 1.0 : 0.5);
    }
    const double scale = (double)(1u << pk_rng_below(r, 7)) / 8;
    return centre * scale * (0.5 + uniform(r));
}

static const enum pk_cmp CMPS[] = {PK_CMP_LT, PK_CMP_LE, PK_CMP_GT, PK_CMP_GE};

static bool is_near(double got, double want) {
    return fabs(got - want) <= 0.02 * fabs(want);
}

static bool is_figure_good(const struct pk_quantile_figure *f, double want, double centre) {
    const double size = want / centre;
    if (f->side == PK_QUANTILE_IN) {
        return is_near(f->value, want);
    }
    const bool is_outside = size < 1.0 / 9 || size > 8;
    return is_outside && (f->side == PK_QUANTILE_BELOW ? want <= f->value : want >= f->value);
}

/* A case: random centre, comparisons, stream with late numbers and pauses; after each number all is compared.
 */
static uint32_t run_case(uint64_t seed) {
    struct pk_rng r;
    pk_rng_seed(&r, seed);
    static const double CENTRES[] = {1000, 0.013, -85, 1, 3.7e9, -1e-5};
    const double centre = CENTRES[pk_rng_below(&r, 6)];
    struct pk_quantile q = {0};
    struct pk_quantile_scale s;
    double at[PK_QUANTILE_CUTS] = {centre, centre * 0.5, centre * 10};
    enum pk_cmp cmp[PK_QUANTILE_CUTS];
    CHECK_EQ_INT(pk_quantile_scale_init(&s, centre), PK_OK);
    for (uint32_t c = 0; c < PK_QUANTILE_CUTS; c++) {
        at[c] = pk_rng_below(&r, 8) == 0 ? centre : at[c];
        cmp[c] = CMPS[pk_rng_below(&r, 4)];
        pk_quantile_scale_cut(&s, cmp[c], at[c]);
    }
    uint64_t now_ms = pk_rng_below(&r, 1ull << 40);
    uint32_t wrong = 0;
    for (uint32_t n = 0; n < 600; n++) {
        now_ms += pk_rng_below(&r, 50) == 0 ? pk_rng_below(&r, 2 * WITHIN_MS) : pk_rng_below(&r, 60);
        const uint64_t late_ms = pk_rng_below(&r, 10) == 0 ? pk_rng_below(&r, WITHIN_MS + 5000) : 0;
        const bool is_there =
            late_ms <= now_ms && now_ms / WIDTH_MS - (now_ms - late_ms) / WIDTH_MS < PK_QUANTILE_SLICES;
        samples[n] = (struct sample){is_there ? now_ms - late_ms : now_ms, random_value(&r, centre)};
        wrong += pk_quantile_add(&q, &s, WITHIN_MS, samples[n].at_ms, samples[n].v) != PK_OK;
        const uint64_t ask_ms = now_ms + (pk_rng_below(&r, 4) == 0 ? pk_rng_below(&r, WITHIN_MS) : 0);
        const uint32_t percent = 1u + (uint32_t)pk_rng_below(&r, 99);
        double want = 0;
        const uint32_t count = oracle(n + 1u, ask_ms, percent, &want);
        wrong += pk_quantile_count(&q, WITHIN_MS, ask_ms) != count;
        for (uint32_t c = 0; c < PK_QUANTILE_CUTS; c++) {
            const bool holds = count > 0 && pk_cmp_doubles(want, cmp[c], at[c]);
            wrong += pk_quantile_holds(&q, &s, WITHIN_MS, ask_ms, percent, c) != holds;
        }
        struct pk_quantile_figure f = {0};
        const bool is_told = pk_quantile_figure(&q, &s, WITHIN_MS, ask_ms, percent, &f);
        wrong += is_told != (count > 0) || (is_told && !is_figure_good(&f, want, centre));
    }
    return wrong;
}

PK_TEST(quantile__random_streams__verdicts_are_exact_and_figures_within_2_percent) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        if (!pk_test_eq_u64(run_case(seed) == 0 ? 0 : seed, 0, "case that is wrong", __FILE__, __LINE__)) {
            return;
        }
    }
}

static void simple(struct pk_quantile *q, struct pk_quantile_scale *s, double centre, enum pk_cmp cmp) {
    *q = (struct pk_quantile){0};
    CHECK_EQ_INT(pk_quantile_scale_init(s, centre), PK_OK);
    CHECK_EQ_U64(pk_quantile_scale_cut(s, cmp, centre), 0);
}

static void add(struct pk_quantile *q, const struct pk_quantile_scale *s, uint64_t at_ms, double v) {
    CHECK_EQ_INT(pk_quantile_add(q, s, WITHIN_MS, at_ms, v), PK_OK);
}

PK_TEST(quantile__exactly_at_the_threshold__is_not_above_it) {
    struct pk_quantile q;
    struct pk_quantile_scale s;
    simple(&q, &s, 1000, PK_CMP_GT);
    for (int i = 0; i < 19; i++) {
        add(&q, &s, 5, 1000);
    }
    add(&q, &s, 5, nextafter(1000, 2000)); /* one of 20 is beyond: p95 is the nineteenth */
    CHECK(!pk_quantile_holds(&q, &s, WITHIN_MS, 5, 95, 0));
    CHECK(pk_quantile_holds(&q, &s, WITHIN_MS, 5, 96, 0));
    add(&q, &s, 5, 1001);
    CHECK(pk_quantile_holds(&q, &s, WITHIN_MS, 5, 95, 0)); /* the twentieth of 21 */
    simple(&q, &s, 1000, PK_CMP_GE);
    add(&q, &s, 5, 1000);
    CHECK(pk_quantile_holds(&q, &s, WITHIN_MS, 5, 95, 0));
    simple(&q, &s, -85, PK_CMP_LT); /* dBm: weaker is more negative */
    add(&q, &s, 5, -85);
    CHECK(!pk_quantile_holds(&q, &s, WITHIN_MS, 5, 50, 0));
    add(&q, &s, 5, -85.001);
    CHECK(pk_quantile_holds(&q, &s, WITHIN_MS, 5, 50, 0)); /* the first of two */
    CHECK(!pk_quantile_holds(&q, &s, WITHIN_MS, 5, 51, 0));
}

PK_TEST(quantile__figure__never_contradicts_the_verdict) {
    struct pk_quantile q;
    struct pk_quantile_scale s;
    struct pk_quantile_figure f;
    for (int above = 0; above < 2; above++) {
        simple(&q, &s, 1000, PK_CMP_GT);
        add(&q, &s, 5, above ? nextafter(1000, 2000) : 1000);
        CHECK(pk_quantile_figure(&q, &s, WITHIN_MS, 5, 95, &f));
        CHECK(f.side == PK_QUANTILE_IN && (f.value > 1000) == (above == 1));
        CHECK(f.value > 980 && f.value < 1020);
    }
}

PK_TEST(quantile__outside_the_grid__is_told_as_a_side) {
    struct pk_quantile q;
    struct pk_quantile_scale s;
    struct pk_quantile_figure f;
    simple(&q, &s, 1000, PK_CMP_GT);
    add(&q, &s, 5, 3);
    CHECK(pk_quantile_figure(&q, &s, WITHIN_MS, 5, 50, &f));
    CHECK(f.side == PK_QUANTILE_BELOW && f.value > 100 && f.value <= 1000.0 / 9);
    simple(&q, &s, 1000, PK_CMP_GT);
    add(&q, &s, 5, 1e300);
    CHECK(pk_quantile_figure(&q, &s, WITHIN_MS, 5, 50, &f));
    CHECK(f.side == PK_QUANTILE_ABOVE && f.value >= 8000 && f.value < 8500);
    simple(&q, &s, -1000, PK_CMP_GT);
    add(&q, &s, 5, 0); /* nearer to zero than the grid */
    CHECK(pk_quantile_figure(&q, &s, WITHIN_MS, 5, 50, &f));
    CHECK(f.side == PK_QUANTILE_ABOVE && f.value < -100 && f.value >= -1000.0 / 9);
    CHECK(pk_quantile_holds(&q, &s, WITHIN_MS, 5, 50, 0));
}

PK_TEST(quantile__window__counts_three_quarters_at_least_and_the_whole_at_most) {
    struct pk_quantile q;
    struct pk_quantile_scale s;
    simple(&q, &s, 10, PK_CMP_GT);
    const uint64_t at_ms = 100 * WIDTH_MS + 1;
    add(&q, &s, at_ms, 20);
    CHECK_EQ_U64(pk_quantile_count(&q, WITHIN_MS, at_ms + WITHIN_MS * 3 / 4), 1);
    CHECK_EQ_U64(pk_quantile_count(&q, WITHIN_MS, at_ms + WITHIN_MS), 0);
    CHECK(!pk_quantile_holds(&q, &s, WITHIN_MS, at_ms + WITHIN_MS, 95, 0));
    struct pk_quantile_figure f;
    CHECK(!pk_quantile_figure(&q, &s, WITHIN_MS, at_ms + WITHIN_MS, 95, &f));
    uint64_t now_ms = at_ms; /* it goes at a moment that is told before */
    while (pk_quantile_count(&q, WITHIN_MS, now_ms) > 0) {
        now_ms = pk_quantile_next_ms(WITHIN_MS, now_ms);
    }
    CHECK_EQ_U64(now_ms, 104 * WIDTH_MS);
    CHECK_EQ_U64(pk_quantile_count(&q, WITHIN_MS, now_ms - 1u), 1);
}

PK_TEST(quantile__late_number__goes_where_it_belongs_or_nowhere) {
    struct pk_quantile q;
    struct pk_quantile_scale s;
    simple(&q, &s, 10, PK_CMP_GT);
    add(&q, &s, 20 * WIDTH_MS, 20);
    add(&q, &s, 17 * WIDTH_MS, 20);
    add(&q, &s, 16 * WIDTH_MS, 20);
    CHECK_EQ_U64(pk_quantile_count(&q, WITHIN_MS, 20 * WIDTH_MS), 2);
    CHECK_EQ_U64(pk_quantile_count(&q, WITHIN_MS, 21 * WIDTH_MS), 1);
    CHECK_EQ_U64(pk_quantile_count(&q, WITHIN_MS, 24 * WIDTH_MS), 0);
}

PK_TEST(quantile__no_number_or_no_centre__is_refused_and_changes_nothing) {
    struct pk_quantile q;
    struct pk_quantile_scale s;
    simple(&q, &s, 10, PK_CMP_GT);
    CHECK_EQ_INT(pk_quantile_add(&q, &s, WITHIN_MS, 5, NAN), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_quantile_add(&q, &s, WITHIN_MS, 5, INFINITY), PK_E_BAD_FIELD);
    CHECK_EQ_U64(pk_quantile_count(&q, WITHIN_MS, 5), 0);
    CHECK_EQ_INT(pk_quantile_scale_init(&s, 0), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_quantile_scale_init(&s, 1e-301), PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_quantile_scale_init(&s, NAN), PK_E_BAD_FIELD);
    for (int sign = -1; sign <= 1; sign += 2) { /* the ends of what a double can be */
        simple(&q, &s, sign * 1.7e308, PK_CMP_GT);
        add(&q, &s, 5, sign * 1.7e308);
        add(&q, &s, 5, 5e-324);
        struct pk_quantile_figure f;
        CHECK(pk_quantile_figure(&q, &s, WITHIN_MS, 5, 50, &f) && isfinite(f.value));
    }
}

/* Numbers of a known distribution, more than a cell can count one by one, with a period. */
PK_TEST(quantile__millions_in_a_slice__verdict_is_exact_and_figure_stays_near) {
    struct pk_quantile q;
    struct pk_quantile_scale s;
    simple(&q, &s, 1000, PK_CMP_GT);
    const uint32_t total = 2000000;
    uint32_t refused = 0;
    for (uint32_t i = 0; i < total; i++) {
        const double v = 100 + (double)(i * 7u % 1000u); /* each of 100..1099 equally often */
        refused += pk_quantile_add(&q, &s, WITHIN_MS, 5, v) != PK_OK;
    }
    CHECK_EQ_U64(refused, 0);
    CHECK_EQ_U64(pk_quantile_count(&q, WITHIN_MS, 5), total);
    CHECK(!pk_quantile_holds(&q, &s, WITHIN_MS, 5, 90, 0)); /* 901 of 1000 are at most 1000 */
    CHECK(pk_quantile_holds(&q, &s, WITHIN_MS, 5, 91, 0));
    CHECK(q.shift[0] > 0);
    for (uint32_t percent = 50; percent <= 99; percent++) {
        struct pk_quantile_figure f;
        CHECK(pk_quantile_figure(&q, &s, WITHIN_MS, 5, percent, &f));
        CHECK(is_near(f.value, 99 + percent * 10)); /* the error of ranks is not seen beside that of cells */
    }
}

PK_TEST_MAIN(quantile__random_streams__verdicts_are_exact_and_figures_within_2_percent,
             quantile__exactly_at_the_threshold__is_not_above_it,
             quantile__figure__never_contradicts_the_verdict, quantile__outside_the_grid__is_told_as_a_side,
             quantile__window__counts_three_quarters_at_least_and_the_whole_at_most,
             quantile__late_number__goes_where_it_belongs_or_nowhere,
             quantile__no_number_or_no_centre__is_refused_and_changes_nothing,
             quantile__millions_in_a_slice__verdict_is_exact_and_figure_stays_near)
