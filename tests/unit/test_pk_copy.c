#include "base/pk_copy.h"

#include <string.h>

#include "support/pk_test.h"

enum { LENGTH_MAX = 70, ROOM = LENGTH_MAX + 2 };

static void fill(uint8_t *p, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(i * 7u + 1u);
    }
}

PK_TEST(copy__any_length_and_place__those_bytes_and_no_other) {
    uint8_t from[ROOM + 8];
    uint8_t to[ROOM + 8];
    fill(from, sizeof from);
    for (uint32_t n = 0; n <= LENGTH_MAX; n++) {
        for (uint32_t at = 0; at < 8; at++) {
            memset(to, 0xA5, sizeof to);
            pk_copy(to + 1, from + at, n);
            CHECK_EQ_INT(to[0], 0xA5);
            CHECK_EQ_INT(to[n + 1], 0xA5);
            CHECK(memcmp(to + 1, from + at, n) == 0);
        }
    }
}

PK_TEST(copy__nothing__needs_no_place) {
    uint8_t byte = 3;
    pk_copy(&byte, NULL, 0);
    pk_copy(NULL, NULL, 0);
    CHECK_EQ_INT(byte, 3);
    CHECK(pk_is_same(NULL, &byte, 0));
}

PK_TEST(same__any_length__one_byte_of_difference_anywhere_is_seen) {
    uint8_t a[ROOM];
    uint8_t b[ROOM];
    fill(a, sizeof a);
    fill(b, sizeof b);
    for (uint32_t n = 0; n <= LENGTH_MAX; n++) {
        CHECK(pk_is_same(a + 1, b + 1, n));
        for (uint32_t i = 0; i < n; i++) {
            b[1 + i] ^= 0x80u;
            CHECK(!pk_is_same(a + 1, b + 1, n));
            b[1 + i] ^= 0x80u;
        }
        b[0] ^= 1u; /* beside them */
        b[1 + n] ^= 1u;
        CHECK(pk_is_same(a + 1, b + 1, n));
        b[0] ^= 1u;
        b[1 + n] ^= 1u;
    }
}

/* Neighbours of the byte in value and in place, which a borrow could take for it. */
PK_TEST(find_byte__any_length_and_place__the_first_of_them) {
    static const uint8_t WANTED[] = {0, 1, '\n', ' ', 0x7F, 0x80, 0xFF};
    char text[ROOM];
    for (uint32_t w = 0; w < sizeof WANTED; w++) {
        for (unsigned other = 0; other < 256u; other++) {
            for (uint32_t n = 0; n <= 20u && other != WANTED[w]; n++) {
                for (uint32_t at = 0; at <= n; at++) {
                    memset(text, (int)other, sizeof text);
                    text[at] = text[at + 1u] = (char)WANTED[w];
                    CHECK_EQ_U64(pk_find_byte(text, n, (char)WANTED[w]), at);
                    text[at] = (char)(WANTED[w] + 1u);
                    CHECK_EQ_U64(pk_find_byte(text, n, (char)WANTED[w]), at < n ? at + 1u : n);
                }
            }
        }
    }
    CHECK_EQ_U64(pk_find_byte(NULL, 0, 'x'), 0);
    for (uint32_t n = 0; n < sizeof text; n++) {
        memset(text, 'a', sizeof text);
        text[n] = 'b';
        CHECK_EQ_U64(pk_find_byte(text, sizeof text, 'b'), n);
        CHECK_EQ_U64(pk_find_byte(text, n, 'b'), n);
    }
}

PK_TEST_MAIN(find_byte__any_length_and_place__the_first_of_them,
             copy__any_length_and_place__those_bytes_and_no_other, copy__nothing__needs_no_place,
             same__any_length__one_byte_of_difference_anywhere_is_seen)
