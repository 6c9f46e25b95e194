#include "ctl/pk_ctl_figures.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_ctl_figures figures;

static void count(const char *incident, const char *events, const char *gauges) {
    struct pk_ctl_case k = {.is_timeline_cut = false};
    pk_ctl_text_puts(&k.incident, incident);
    pk_ctl_text_puts(&k.events, events);
    pk_ctl_text_puts(&k.gauges, gauges);
    pk_ctl_figures_count(&figures, &k, 600000);
    pk_ctl_case_free(&k);
}

#define EVENT(id, severity, second)                                                                          \
    "{\"event_id\":\"" id "\",\"severity\":\"" severity "\",\"type\":\"t" id "\",\"source\":\"s\",\"time\":" \
    "\"1970-01-01T00:0" second ".000Z\"}"
#define GAUGE(value, time)                                                                                   \
    "{\"type\":\"cpu_pct\",\"source\":\"cpu\",\"value\":" value ",\"time\":\"1970-01-01T00:" time ".000Z\"}"

PK_TEST(figures__errors_and_their_peak) {
    count("{\"source_events\":[\"1-1\"]}",
          "[" EVENT("1-5", "high", "2:00") "," EVENT("1-4", "medium", "1:01") "," EVENT(
              "1-3", "low", "1:00") "," EVENT("1-2", "critical", "1:00") "," EVENT("1-1", "info", "0:10") "]",
          "[]");
    CHECK_EQ_INT(figures.event_count, 5);
    CHECK_EQ_INT(figures.error_count, 4);
    /* 0:10, 1:00 and 1:01; the minute that ends at 2:00 begins after 1:00. */
    CHECK_EQ_INT(figures.peak_per_minute, 3);
    CHECK_EQ_INT(figures.types.count, 4);
    CHECK_EQ_INT(figures.sources.count, 1);
    CHECK_EQ_INT(figures.sources.counts[0], 4);
    CHECK(pk_str_eq_c(pk_ctl_tally_first(&figures.sources), "s"));
}

PK_TEST(figures__the_machine_before_and_after) {
    count(
        "{\"detected_at\":\"1970-01-01T00:05:00.000Z\",\"resolved_at\":\"1970-01-01T00:06:00.000Z\"}", "[]",
        "[" GAUGE("4", "07:00") "," GAUGE("5", "06:10") "," GAUGE("80", "05:50") "," GAUGE(
            "99", "05:20") "," GAUGE("30", "04:59") "," GAUGE("20", "04:00") "," GAUGE("null", "04:00") "]");
    CHECK_EQ_INT(figures.gauge_count, 1);
    CHECK_STR(figures.gauges[0].name, "cpu_pct of cpu");
    CHECK_STR(figures.gauges[0].before, "30");
    CHECK_STR(figures.gauges[0].worst, "99");
    CHECK_STR(figures.gauges[0].after, "5");
}

PK_TEST(figures__nothing_and_nonsense) {
    count("{}", "[]", "[]");
    CHECK_EQ_INT(figures.error_count, 0);
    CHECK_EQ_INT(figures.peak_per_minute, 0);
    CHECK_EQ_INT(pk_ctl_tally_first(&figures.types).n, 0);
    count("[]", "{\"a\":[1,2]}", "null");
    CHECK_EQ_INT(figures.gauge_count, 0);
}

PK_TEST(tally__more_words_than_places) {
    struct pk_ctl_tally t = {.count = 0};
    char word[8] = "a";
    for (int i = 0; i < PK_CTL_TALLY_WORDS + 3; i++) {
        word[0] = (char)('a' + i);
        pk_ctl_tally_add(&t, pk_str_of(word));
    }
    pk_ctl_tally_add(&t, pk_str_of("b"));
    CHECK_EQ_INT(t.count, PK_CTL_TALLY_WORDS);
    CHECK_EQ_INT(t.other_count, 3);
    CHECK(pk_str_eq_c(pk_ctl_tally_first(&t), "b"));
}

PK_TEST_MAIN(figures__errors_and_their_peak, figures__the_machine_before_and_after,
             figures__nothing_and_nonsense, tally__more_words_than_places)
