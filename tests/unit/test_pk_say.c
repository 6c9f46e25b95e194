#include "roles/pk_say.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "support/pk_test.h"

enum { LONG_BYTES = 3000 };
static int ends[2];
static char got[2 * LONG_BYTES];

/* What came out in one read: of a pipe, one piece when it was written as one. */
static size_t take(void) {
    const ssize_t n = read(ends[0], got, sizeof got - 1u);
    got[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0u;
}

PK_TEST(say__several_strings__are_one_line) {
    REQUIRE(pipe2(ends, O_NONBLOCK) == 0);
    CHECK(pk_say(ends[1], "<3>picketd: ", "", "no such file", "\n", NULL));
    (void)take();
    CHECK_STR(got, "<3>picketd: no such file\n");
    CHECK(pk_say(ends[1], "", NULL));
    CHECK_EQ_U64(take(), 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

PK_TEST(say__more_than_a_piece__comes_whole_and_in_order) {
    static char text[LONG_BYTES + 1];
    static char want[LONG_BYTES + 600];
    char edge[512];
    memset(text, 'x', LONG_BYTES);
    memset(edge, 'e', sizeof edge - 1u);
    edge[sizeof edge - 1u] = '\0';
    REQUIRE(pipe2(ends, O_NONBLOCK) == 0);
    CHECK(pk_say(ends[1], "a", text, edge, "b", "c", NULL));
    const size_t n = take();
    CHECK_EQ_U64(n, 1u + LONG_BYTES + 511u + 2u);
    want[0] = 'a';
    memcpy(want + 1, text, LONG_BYTES);
    memcpy(want + 1 + LONG_BYTES, edge, 511);
    memcpy(want + 1 + LONG_BYTES + 511, "bc", 3);
    CHECK_STR(got, want);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

PK_TEST(say__descriptor_that_takes_nothing__is_told) {
    CHECK(!pk_say(-1, "lost", NULL));
    const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    CHECK(!pk_say(fd, "lost", NULL));
    (void)close(fd);
}

PK_TEST_MAIN(say__several_strings__are_one_line, say__more_than_a_piece__comes_whole_and_in_order,
             say__descriptor_that_takes_nothing__is_told)
