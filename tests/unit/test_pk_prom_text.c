#include "report/pk_prom_text.h"

#include <string.h>

#include "support/pk_test.h"

static char text[4096];
static struct pk_buf b;

static void begin(size_t cap_bytes) {
    pk_buf_init(&b, text, cap_bytes);
}

PK_TEST(sample__plain_and_with_labels) {
    const struct pk_promtext_labels l = {.count = 2,
                                         .rows = {{"type", {"cpu_high", 8}}, {"severity", {"high", 4}}}};
    begin(sizeof text);
    pk_promtext_head(&b, "x_total", PK_PROMTEXT_COUNTER, "How many.");
    pk_promtext_u64(&b, "x_total", NULL, 0);
    pk_promtext_u64(&b, "x_total", &l, UINT64_MAX);
    CHECK_STR(text, "# HELP x_total How many.\n# TYPE x_total counter\nx_total 0\n"
                    "x_total{type=\"cpu_high\",severity=\"high\"} 18446744073709551615\n");
    begin(sizeof text);
    pk_promtext_head(&b, "y", PK_PROMTEXT_GAUGE, "What.");
    pk_promtext_ms(&b, "y", NULL, 1500);
    pk_promtext_ms(&b, "y", NULL, 2000);
    pk_promtext_ms(&b, "y", NULL, 7);
    CHECK_STR(text, "# HELP y What.\n# TYPE y gauge\ny 1.500\ny 2\ny 0.007\n");
}

PK_TEST(label__nothing_in_it_ends_the_line) {
    const struct pk_promtext_labels l = {.count = 1, .rows = {{"source", {"a\"b\\c\nd\r\x01\xff\x7f", 11}}}};
    begin(sizeof text);
    pk_promtext_u64(&b, "x", &l, 1);
    CHECK_STR(text, "x{source=\"a\\\"b\\\\c\\nd____\"} 1\n");
}

PK_TEST(histogram__cumulative_and_whole) {
    struct pk_metric m = {0};
    pk_metric_add(&m, 0);
    pk_metric_add(&m, 3);
    pk_metric_add(&m, 4);
    pk_metric_add(&m, 1000);
    pk_metric_add(&m, UINT32_MAX);
    begin(sizeof text);
    pk_promtext_histogram(&b, "h_seconds", &m);
    CHECK(!b.is_cut);
    CHECK(strstr(text, "h_seconds_bucket{le=\"0.004\"} 2\nh_seconds_bucket{le=\"0.016\"} 3\n") == text);
    CHECK(strstr(text, "h_seconds_bucket{le=\"0.256\"} 3\nh_seconds_bucket{le=\"1.024\"} 4\n") != NULL);
    CHECK(strstr(text, "h_seconds_bucket{le=\"1073741.824\"} 4\nh_seconds_bucket{le=\"+Inf\"} 5\n"
                       "h_seconds_sum 4294968.302\nh_seconds_count 5\n") != NULL);
}

PK_TEST(histogram__its_promised_size_holds) {
    struct pk_metric m = {.sum_ms = UINT64_MAX, .count = UINT32_MAX};
    for (uint32_t i = 0; i < PK_METRIC_BUCKETS; i++) {
        m.hist[i] = UINT32_MAX;
    }
    begin(PK_PROMTEXT_HISTOGRAM_BYTES);
    pk_promtext_histogram(&b, "picket_incident_processing_seconds", &m);
    CHECK(!b.is_cut);
}

PK_TEST(buffer__too_small__is_cut_and_says_so) {
    begin(8);
    pk_promtext_u64(&b, "picket_store_bytes", NULL, 12);
    CHECK(b.is_cut);
}

PK_TEST_MAIN(sample__plain_and_with_labels, label__nothing_in_it_ends_the_line,
             histogram__cumulative_and_whole, histogram__its_promised_size_holds,
             buffer__too_small__is_cut_and_says_so)
