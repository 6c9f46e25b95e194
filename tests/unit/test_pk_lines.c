#include "agent/pk_lines.h"

#include <string.h>

#include "support/pk_test.h"

static void feed(struct pk_lines *l, const char *text) {
    uint32_t room = 0;
    const uint32_t n = (uint32_t)strlen(text);
    char *to = pk_lines_room(l, &room);
    CHECK(room >= n);
    memcpy(to, text, n);
    pk_lines_added(l, n);
}

PK_TEST(lines__split_anywhere__come_whole) {
    char buffer[32];
    struct pk_lines l;
    struct pk_str s;
    pk_lines_init(&l, buffer, sizeof buffer);
    feed(&l, "one\ntw");
    CHECK(pk_lines_next(&l, &s) == PK_OK && pk_str_eq_c(s, "one"));
    CHECK_EQ_INT(pk_lines_next(&l, &s), PK_E_AGAIN);
    feed(&l, "o\r\n\nx");
    CHECK(pk_lines_next(&l, &s) == PK_OK && pk_str_eq_c(s, "two"));
    CHECK(pk_lines_next(&l, &s) == PK_OK && s.n == 0);
    CHECK_EQ_INT(pk_lines_next(&l, &s), PK_E_AGAIN);
}

PK_TEST(lines__longer_than_the_buffer__is_dropped_whole_and_said_once) {
    char buffer[8];
    struct pk_lines l;
    struct pk_str s;
    pk_lines_init(&l, buffer, sizeof buffer);
    feed(&l, "12345678");
    CHECK_EQ_INT(pk_lines_next(&l, &s), PK_E_TOO_BIG);
    feed(&l, "90123456");
    CHECK_EQ_INT(pk_lines_next(&l, &s), PK_E_AGAIN);
    feed(&l, "7\nok\n");
    CHECK(pk_lines_next(&l, &s) == PK_OK && pk_str_eq_c(s, "ok"));
}

PK_TEST(lines__exactly_the_buffer__fits) {
    char buffer[8];
    struct pk_lines l;
    struct pk_str s;
    pk_lines_init(&l, buffer, sizeof buffer);
    feed(&l, "1234567\n");
    CHECK(pk_lines_next(&l, &s) == PK_OK && pk_str_eq_c(s, "1234567"));
    uint32_t room = 0;
    (void)pk_lines_room(&l, &room);
    CHECK_EQ_INT(room, 8);
}

PK_TEST_MAIN(lines__split_anywhere__come_whole, lines__longer_than_the_buffer__is_dropped_whole_and_said_once,
             lines__exactly_the_buffer__fits)
