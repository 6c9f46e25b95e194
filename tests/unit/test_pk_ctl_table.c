#include "ctl/pk_ctl_table.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_ctl_text t;
static const struct pk_ctl_column COLUMNS[] = {
    {"NAME", "name", PK_CTL_CELL_TEXT, false},  {"COUNT", "count", PK_CTL_CELL_NUMBER, false},
    {"LOST", "lost", PK_CTL_CELL_NUMBER, true}, {"SEV", "severity", PK_CTL_CELL_SEVERITY, false},
    {NULL, "hidden", PK_CTL_CELL_TEXT, false},
};

static const char *table(const char *rows, bool has_colour) {
    const struct pk_ctl_look look = {.now_ms = 0, .has_colour = has_colour};
    pk_ctl_text_free(&t);
    pk_ctl_put_table(&t, COLUMNS, 5, pk_str_of(rows), "nothing", &look);
    pk_ctl_text_putc(&t, '\0');
    return t.p;
}

PK_TEST(table__columns_fit_their_widest_cell) {
    CHECK_STR(
        table(
            "[{\"name\":\"a\",\"count\":5,\"severity\":\"low\"},"
            "{\"name\":\"\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\",\"count\":123456,\"severity\":\"high\"}]",
            false),
        "NAME    COUNT  SEV\n"
        "a           5  LOW\n"
        "\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6  123456  HIGH\n");
}

PK_TEST(table__optional_columns_appear_with_their_values) {
    CHECK_STR(table("[{\"name\":\"a\",\"count\":5,\"severity\":\"low\",\"lost\":1},{\"name\":\"b\"}]", false),
              "NAME  COUNT  LOST  SEV\n"
              "a         5     1  LOW\n"
              "b         -     -  -\n");
}

PK_TEST(table__only_severities_are_coloured_and_not_counted) {
    CHECK_STR(table("[{\"name\":\"\\u001b[5mx\",\"count\":1,\"severity\":\"high\"}]", true),
              "NAME   COUNT  SEV\n"
              "?[5mx      1  \x1b[31mHIGH\x1b[0m\n");
}

PK_TEST(table__without_rows_says_so) {
    CHECK_STR(table("[]", false), "nothing\n");
    CHECK_STR(table("", false), "nothing\n");
    CHECK_STR(table("{\"no\":1", false), "NAME  COUNT  SEV\n-         -  -\n");
}

PK_TEST(table__long_cells_are_cut_but_not_the_last) {
    static const struct pk_ctl_column TWO[] = {{"A", "a", PK_CTL_CELL_TEXT, false},
                                               {"B", "b", PK_CTL_CELL_TEXT, false}};
    const struct pk_ctl_look look = {.now_ms = 0, .has_colour = false};
    char rows[400] = "[{\"a\":\"", line[400] = "";
    memset(rows + strlen(rows), 'x', 100);
    memcpy(rows + 107, "\",\"b\":\"", 8);
    memset(rows + 114, 'y', 100);
    memcpy(rows + 214, "\"}]", 4);
    pk_ctl_text_free(&t);
    pk_ctl_put_table(&t, TWO, 2, pk_str_of(rows), "", &look);
    memset(line, 'x', 59);
    memcpy(line + 59, "~  ", 3);
    memset(line + 62, 'y', 100);
    line[162] = '\n';
    REQUIRE(t.n > 163);
    CHECK_MEM(t.p + t.n - 163, line, 163);
}

PK_TEST(csv__quotes_where_needed_and_has_all_columns) {
    pk_ctl_text_free(&t);
    pk_ctl_put_csv(
        &t, COLUMNS, 5,
        pk_str_of("[{\"name\":\"a,\\\"b\\\"\\nc\",\"count\":5,\"severity\":\"high\",\"hidden\":true},"
                  "{\"name\":null,\"lost\":[1,2],\"hidden\":{\"k\":\"v\"}}]"));
    pk_ctl_text_putc(&t, '\0');
    CHECK_STR(t.p, "name,count,lost,severity,hidden\n"
                   "\"a,\"\"b\"\"\nc\",5,,high,true\n"
                   ",,\"1, 2\",,\"{\"\"k\"\":\"\"v\"\"}\"\n");
    pk_ctl_text_free(&t);
}

PK_TEST_MAIN(table__columns_fit_their_widest_cell, table__optional_columns_appear_with_their_values,
             table__only_severities_are_coloured_and_not_counted, table__without_rows_says_so,
             table__long_cells_are_cut_but_not_the_last, csv__quotes_where_needed_and_has_all_columns)
