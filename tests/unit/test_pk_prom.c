#include "event/pk_prom.h"

#include <stdio.h>
#include <string.h>

#include "support/pk_test.h"

static struct pk_prom page;
static struct pk_prom_selector selectors[PK_PROM_SERIES];

static void select_all(const char *const *texts, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        CHECK_EQ_INT(pk_prom_selector_parse(pk_str_of(texts[i]), &selectors[i]), PK_OK);
    }
    pk_prom_init(&page, selectors, count);
}

/* A page with one selector, fed in pieces. */
static int read_with(const char *selector, const char *text, uint32_t step) {
    select_all(&selector, 1);
    const uint32_t n = (uint32_t)strlen(text);
    for (uint32_t at = 0; at < n; at += step) {
        pk_prom_feed(&page, pk_str_make(text + at, n - at < step ? n - at : step));
    }
    return pk_prom_end(&page);
}

PK_TEST(selector__name_and_labels) {
    struct pk_prom_selector s;
    CHECK_EQ_INT(pk_prom_selector_parse(pk_str_of(" up "), &s), PK_OK);
    CHECK(pk_str_eq_c(s.name, "up") && s.label_count == 0);
    CHECK_EQ_INT(pk_prom_selector_parse(pk_str_of("a:b_1{x=\"1\", y = \"two, } words\\\"\",}"), &s), PK_OK);
    CHECK_EQ_INT(s.label_count, 2);
    CHECK(pk_str_eq_c(s.labels[1].name, "y") && pk_str_eq_c(s.labels[1].value, "two, } words\\\""));
    CHECK_EQ_INT(pk_prom_selector_parse(pk_str_of("up{}"), &s), PK_OK);
    static const char *const bad[] = {"",
                                      "1up",
                                      "up{",
                                      "up{x}",
                                      "up{x=1}",
                                      "up{x=\"1}",
                                      "up{x=\"1\"",
                                      "up}",
                                      "up x",
                                      "up{x=\"1\" y=\"2\"}",
                                      "up{x=\"1\"} 5",
                                      "{x=\"1\"}",
                                      "u{a=\"1\",b=\"1\",c=\"1\",d=\"1\",e=\"1\",f=\"1\",g=\"1\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ_INT(pk_prom_selector_parse(pk_str_of(bad[i]), &s), PK_E_BAD_FIELD);
    }
}

PK_TEST(page__in_pieces_of_any_size) {
    static const char *const text = "# HELP m Words with \"quotes\" {and} braces.\n# TYPE m gauge\n"
                                    "m{a=\"1\",b=\"x\"} 1\nm{a=\"2\", b=\"x\"} -2.5e+01 1700000000000\n"
                                    "m_total 7\n\n   \nm{b=\"y\",a=\"2\"} 9";
    for (uint32_t step = 1; step < 160; step++) {
        CHECK_EQ_INT(read_with("m{a=\"2\",b=\"x\"}", text, step), PK_OK);
        CHECK_EQ_INT(page.found[0], PK_PROM_FOUND);
        CHECK(page.value[0] == -25.0);
        CHECK_EQ_U64(page.line_count, 4);
        CHECK_EQ_U64(page.bad_count, 0);
    }
    CHECK_EQ_INT(read_with("m{b=\"y\"}", text, 1000), PK_OK);
    CHECK(page.found[0] == PK_PROM_FOUND && page.value[0] == 9.0); /* the last line without its end */
}

PK_TEST(page__one_series_or_none_is_told_apart) {
    static const char *const text = "m{a=\"1\"} 1\nm{a=\"2\"} 2\nnan NaN\ninf +Inf\nesc{p=\"C:\\\\x\"} 3\n";
    static const char *const wanted[] = {"m",   "m{a=\"1\"}",         "missing",   "nan",
                                         "inf", "esc{p=\"C:\\\\x\"}", "m{a=\"3\"}"};
    static const uint8_t found[] = {PK_PROM_SEVERAL,   PK_PROM_FOUND, PK_PROM_MISSING, PK_PROM_NO_NUMBER,
                                    PK_PROM_NO_NUMBER, PK_PROM_FOUND, PK_PROM_MISSING};
    select_all(wanted, 7);
    pk_prom_feed(&page, pk_str_of(text));
    CHECK_EQ_INT(pk_prom_end(&page), PK_OK);
    for (size_t i = 0; i < sizeof found; i++) {
        CHECK_EQ_INT(page.found[i], found[i]);
    }
    CHECK(page.value[5] == 3.0);
}

PK_TEST(page__openmetrics_extras) {
    CHECK_EQ_INT(
        read_with("c_total", "# TYPE c counter\nc_total 17 1700000000.5 # {trace=\"x\"} 1 1\n# EOF\n", 9),
        PK_OK);
    CHECK(page.found[0] == PK_PROM_FOUND && page.value[0] == 17.0);
    CHECK_EQ_INT(read_with("c_total", "c_total 17 # {trace=\"x\"} 1\n", 100), PK_OK);
    CHECK_EQ_INT(page.found[0], PK_PROM_FOUND);
}

PK_TEST(page__broken_lines_are_counted_and_nothing_else_suffers) {
    static const char *const text =
        "m 1\nm{ 2\nm{a=\"x} 2\nm\nm one\nm 1 2 3\n1m 5\nm{a=b} 1\n{a=\"b\"} 1\nn 4\n";
    CHECK_EQ_INT(read_with("n", text, 5), PK_OK);
    CHECK(page.found[0] == PK_PROM_FOUND && page.value[0] == 4.0);
    CHECK_EQ_U64(page.line_count, 2);
    CHECK_EQ_U64(page.bad_count, 8);
    CHECK_EQ_INT(read_with("m", "<html>\n<body>hello</body>\n", 100), PK_E_BAD_MSG);
    CHECK_EQ_INT(read_with("m", "", 100), PK_OK); /* an exporter with nothing to say */
    CHECK_EQ_INT(page.found[0], PK_PROM_MISSING);
}

PK_TEST(page__of_ten_megabytes__passes_through) {
    static char filler[4000];
    static const char *const wanted[] = {"needle"};
    memset(filler, 'x', sizeof filler);
    memcpy(filler, "long{a=\"", 8);
    memcpy(filler + sizeof filler - 5, "\"} 1\n", 5);
    select_all(wanted, 1);
    for (int i = 0; i < 2600; i++) {
        pk_prom_feed(&page, pk_str_make(filler, sizeof filler)); /* each line is longer than what is kept */
        if (i == 1300) {
            pk_prom_feed(&page, pk_str_of("needle 42\n"));
        }
    }
    for (int i = 0; i < 1000; i++) {
        pk_prom_feed(&page, pk_str_make(filler, 2000)); /* one line without end */
    }
    CHECK_EQ_INT(pk_prom_end(&page), PK_OK);
    CHECK(page.found[0] == PK_PROM_FOUND && page.value[0] == 42.0);
    CHECK_EQ_U64(page.bad_count, 2601);
}

PK_TEST_MAIN(selector__name_and_labels, page__in_pieces_of_any_size, page__one_series_or_none_is_told_apart,
             page__openmetrics_extras, page__broken_lines_are_counted_and_nothing_else_suffers,
             page__of_ten_megabytes__passes_through)
