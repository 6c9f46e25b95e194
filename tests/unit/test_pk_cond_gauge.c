#include "detect/pk_cond_gauge.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_event event;
static struct pk_rule rule;

static bool take(struct pk_cond_gauge *g, uint64_t time_ms, bool has_value) {
    event.flags = (uint8_t)(has_value ? PK_EVENT_HAS_VALUE : PK_EVENT_FAULT);
    const struct pk_cond_input in = {.event = &event, .time_ms = time_ms, .now_ms = time_ms};
    return pk_cond_gauge_take(g, &in);
}

PK_TEST(gauge__before_the_first_sample_and_when_it_is_old__is_unknown) {
    struct pk_cond_gauge g;
    uint64_t until_ms = 0;
    rule.stale_ms = 0;
    pk_cond_gauge_init(&g);
    CHECK_EQ_INT(pk_cond_gauge_judge(&g, &rule, 5, &until_ms), PK_STALE);
    CHECK_EQ_U64(until_ms, UINT64_MAX);
    CHECK(take(&g, 1000000, true));
    CHECK_EQ_INT(pk_cond_gauge_judge(&g, &rule, 1059999, &until_ms), PK_FALSE);
    CHECK_EQ_U64(until_ms, 1060000); /* of one sample a minute */
    CHECK_EQ_INT(pk_cond_gauge_judge(&g, &rule, 1060000, &until_ms), PK_STALE);
    CHECK(take(&g, 1100000, true));
    CHECK_EQ_INT(pk_cond_gauge_judge(&g, &rule, 1100000, &until_ms), PK_FALSE);
    CHECK_EQ_U64(until_ms, 1100000 + 3 * 100096); /* three gaps of 100 s, rounded up to 256 ms */
    rule.stale_ms = 7000;
    CHECK_EQ_INT(pk_cond_gauge_judge(&g, &rule, 1106999, &until_ms), PK_FALSE);
    CHECK_EQ_INT(pk_cond_gauge_judge(&g, &rule, 1107000, &until_ms), PK_STALE);
}

PK_TEST(gauge__fault__is_told_until_a_sample_comes) {
    struct pk_cond_gauge g;
    uint64_t until_ms = 0;
    rule.stale_ms = 7000;
    pk_cond_gauge_init(&g);
    CHECK(take(&g, 1000, false));
    CHECK_EQ_INT(pk_cond_gauge_judge(&g, &rule, 1000, &until_ms), PK_FAULT);
    CHECK(take(&g, 1000, true));
    CHECK_EQ_INT(pk_cond_gauge_judge(&g, &rule, 1000, &until_ms), PK_FALSE);
    pk_cond_gauge_set(&g, PK_TRUE);
    CHECK_EQ_INT(pk_cond_gauge_judge(&g, &rule, 1000, &until_ms), PK_TRUE);
    CHECK_EQ_U64(pk_cond_gauge_last_ms(&g), 1000);
}

PK_TEST(gauge__late_sample__is_not_taken) {
    struct pk_cond_gauge g;
    pk_cond_gauge_init(&g);
    CHECK(take(&g, 0, true)); /* the begin of time is a time */
    CHECK(take(&g, 5000, true));
    CHECK(!take(&g, 4999, false));
    CHECK_EQ_U64(pk_cond_gauge_last_ms(&g), 5000);
    CHECK(take(&g, 5000, true));
}

PK_TEST(gauge__wall_times_and_long_gaps__fit) {
    struct pk_cond_gauge g;
    uint64_t until_ms = 0;
    rule.stale_ms = 0;
    pk_cond_gauge_init(&g);
    CHECK(take(&g, 1, true));
    CHECK(take(&g, 4102444800000, true)); /* the year 2100 */
    CHECK_EQ_U64(pk_cond_gauge_last_ms(&g), 4102444800000);
    CHECK_EQ_INT(pk_cond_gauge_judge(&g, &rule, 4102444800000, &until_ms), PK_FALSE);
    CHECK_EQ_U64(until_ms, 4102444800000 + 3ull * 256u * 1048575u); /* 74 hours are the longest gap kept */
}

static const char *figure(double v) {
    static char text[64];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text - 1);
    pk_cond_put_figure(&b, v);
    text[b.n] = '\0';
    return text;
}

PK_TEST(words__figures_have_four_digits__and_unknown_is_said) {
    CHECK_STR(figure(1248.736), "1249");
    CHECK_STR(figure(-12.3456), "-12.35");
    CHECK_STR(figure(0.00123456), "0.001235");
    CHECK_STR(figure(0), "0");
    CHECK_STR(figure(123456789), "123456789");
    CHECK_STR(figure(2.5e20), "2.5e20");
    char text[64];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text - 1);
    CHECK(!pk_cond_put_unknown(&b, "drop", PK_TRUE));
    CHECK(pk_cond_put_unknown(&b, "drop", PK_FAULT));
    pk_cond_put_threshold(&b, PK_CMP_GE, 2.5);
    text[b.n] = '\0';
    CHECK_STR(text, "drop cannot be measured, threshold >= 2.5");
}

PK_TEST_MAIN(gauge__before_the_first_sample_and_when_it_is_old__is_unknown,
             gauge__fault__is_told_until_a_sample_comes, gauge__late_sample__is_not_taken,
             gauge__wall_times_and_long_gaps__fit, words__figures_have_four_digits__and_unknown_is_said)
