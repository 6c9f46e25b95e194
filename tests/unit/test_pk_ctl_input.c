#include "ctl/pk_ctl_input.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/pk_test.h"

static char path[64];
static struct pk_ctl_input in;

static void make(const char *text, size_t n) {
    (void)snprintf(path, sizeof path, "/tmp/pk_input_XXXXXX");
    const int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, text, n) == (ssize_t)n);
    const struct timespec times[2] = {{0, 0}, {1795237490, 123000000}};
    CHECK_EQ_INT(futimens(fd, times), 0);
    (void)close(fd);
}

PK_TEST(lines__are_those_of_the_file) {
    make("one\n\ntwo\0x\nlast", 15);
    REQUIRE(pk_ctl_input_open(&in, path, -1) == PK_OK);
    CHECK_EQ_INT(in.changed_ms, 1795237490123);
    struct pk_ctl_input_lines lines = {.in = &in};
    struct pk_str line;
    CHECK(pk_ctl_input_next(&lines, &line) && pk_str_eq_c(line, "one"));
    CHECK(pk_ctl_input_next(&lines, &line) && line.n == 0);
    CHECK(pk_ctl_input_next(&lines, &line) && line.n == 5 && !lines.is_partial);
    CHECK_EQ_U64(lines.line, 3);
    CHECK(pk_ctl_input_next(&lines, &line) && pk_str_eq_c(line, "last") && lines.is_partial);
    CHECK(!pk_ctl_input_next(&lines, &line));
    CHECK_EQ_U64(pk_ctl_input_line_at(&in, 0), 1);
    CHECK_EQ_U64(pk_ctl_input_line_at(&in, 4), 2);
    CHECK_EQ_U64(pk_ctl_input_line_at(&in, 1000), 4);
    pk_ctl_input_close(&in);
    (void)unlink(path);
}

PK_TEST(open__takes_pipes_and_empty_files_and_says_what_is_wrong) {
    int ends[2];
    struct pk_ctl_input_lines lines = {.in = &in};
    struct pk_str line;
    REQUIRE(pipe(ends) == 0);
    CHECK_EQ_INT(write(ends[1], "a\nb", 3), 3);
    (void)close(ends[1]);
    REQUIRE(pk_ctl_input_open(&in, "-", ends[0]) == PK_OK);
    CHECK(in.changed_ms > 0);
    CHECK_EQ_U64(in.n, 3);
    pk_ctl_input_close(&in);
    (void)close(ends[0]);
    make("", 0);
    REQUIRE(pk_ctl_input_open(&in, path, -1) == PK_OK);
    CHECK(!pk_ctl_input_next(&lines, &line));
    pk_ctl_input_close(&in);
    (void)unlink(path);
    CHECK_EQ_INT(pk_ctl_input_open(&in, path, -1), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_ctl_input_open(&in, "/", -1), PK_E_IO);
}

PK_TEST_MAIN(lines__are_those_of_the_file, open__takes_pipes_and_empty_files_and_says_what_is_wrong)
