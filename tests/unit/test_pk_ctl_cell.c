#include "ctl/pk_ctl_cell.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_ctl_text t;
/* 2026-01-01T00:10:00Z */
static const struct pk_ctl_look LOOK = {.now_ms = 1767226200000, .has_colour = false};

static const char *cell(enum pk_ctl_cell kind, const char *row, const char *path) {
    pk_ctl_text_free(&t);
    pk_ctl_put_cell(&t, kind, pk_str_of(row), path, &LOOK);
    pk_ctl_text_putc(&t, '\0');
    return t.p;
}

PK_TEST(cell__words_are_upper_case) {
    CHECK_STR(cell(PK_CTL_CELL_WORD, "{\"s\":\"false_positive\"}", "s"), "FALSE_POSITIVE");
    CHECK_STR(cell(PK_CTL_CELL_SEVERITY, "{\"s\":\"high\"}", "s"), "HIGH");
    CHECK_STR(cell(PK_CTL_CELL_WORD, "{}", "s"), "-");
}

PK_TEST(cell__bytes_have_units) {
    CHECK_STR(cell(PK_CTL_CELL_BYTES, "{\"b\":0}", "b"), "0");
    CHECK_STR(cell(PK_CTL_CELL_BYTES, "{\"b\":1023}", "b"), "1023");
    CHECK_STR(cell(PK_CTL_CELL_BYTES, "{\"b\":1024}", "b"), "1.0K");
    CHECK_STR(cell(PK_CTL_CELL_BYTES, "{\"b\":1572864}", "b"), "1.5M");
    CHECK_STR(cell(PK_CTL_CELL_BYTES, "{\"b\":65536}", "b"), "64K");
    CHECK_STR(cell(PK_CTL_CELL_BYTES, "{\"b\":1048575}", "b"), "1023K");
    CHECK_STR(cell(PK_CTL_CELL_BYTES, "{\"b\":18446744073709551614}", "b"), "15E");
    CHECK_STR(cell(PK_CTL_CELL_BYTES, "{\"b\":\"x\"}", "b"), "x");
}

PK_TEST(cell__ages_take_the_agents_clock_first) {
    CHECK_STR(cell(PK_CTL_CELL_AGE, "{\"at\":\"2026-01-01T00:00:00.000Z\"}", "at"), "10m ago");
    CHECK_STR(cell(PK_CTL_CELL_AGE, "{\"at\":\"2026-01-01T00:00:00.000Z\",\"age_seconds\":62.5}", "at"),
              "1m 2s ago");
    CHECK_STR(cell(PK_CTL_CELL_AGE, "{\"at\":null,\"age_seconds\":0.4}", "at"), "now");
    CHECK_STR(cell(PK_CTL_CELL_AGE, "{\"at\":null}", "at"), "-");
    CHECK_STR(cell(PK_CTL_CELL_AGE, "{\"at\":\"yesterday\"}", "at"), "yesterday");
    /* Our clock is behind. */
    CHECK_STR(cell(PK_CTL_CELL_AGE, "{\"at\":\"2026-01-01T01:00:00.000Z\"}", "at"), "now");
}

PK_TEST(cell__times_and_durations) {
    CHECK_STR(cell(PK_CTL_CELL_CLOCK, "{\"at\":\"2026-01-01T23:59:58.999Z\"}", "at"), "23:59:58Z");
    CHECK_STR(cell(PK_CTL_CELL_CLOCK, "{\"at\":null}", "at"), "--:--:--Z");
    CHECK_STR(cell(PK_CTL_CELL_SECONDS, "{\"s\":90}", "s"), "1m 30s");
    CHECK_STR(cell(PK_CTL_CELL_SECONDS, "{\"s\":null}", "s"), "-");
    CHECK_STR(cell(PK_CTL_CELL_AGO, "{\"s\":3600.25}", "s"), "1h ago");
    CHECK_STR(cell(PK_CTL_CELL_LINES, "{\"s\":\"a\\nb\"}", "s"), "a\nb");
    CHECK_STR(cell(PK_CTL_CELL_TEXT, "{\"s\":\"a\\nb\"}", "s"), "a b");
    pk_ctl_text_free(&t);
}

PK_TEST(colour__only_for_severities) {
    CHECK(strcmp(pk_ctl_severity_colour(pk_str_of("CRITICAL")), "") != 0);
    CHECK_STR(pk_ctl_severity_colour(pk_str_of("info")), "");
    CHECK_STR(pk_ctl_severity_colour(pk_str_of("purple")), "");
    CHECK(pk_ctl_cell_is_right(PK_CTL_CELL_NUMBER));
    CHECK(!pk_ctl_cell_is_right(PK_CTL_CELL_TEXT));
}

PK_TEST_MAIN(cell__words_are_upper_case, cell__bytes_have_units, cell__ages_take_the_agents_clock_first,
             cell__times_and_durations, colour__only_for_severities)
