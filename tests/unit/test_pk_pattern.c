#include "event/pk_pattern.h"

#include <string.h>

#include "base/pk_rng.h"
#include "support/pk_test.h"

static struct pk_pattern_fields fields;

/* Finds the anchor where it stands first and walks. */
static bool walk(const char *match, bool is_at_start, const char *message) {
    const struct pk_str anchor = pk_pattern_anchor(pk_str_of(match));
    for (uint32_t at = 0; at + anchor.n <= strlen(message); at++) {
        if (pk_pattern_walk(pk_str_of(match), is_at_start, pk_str_of(message), at, &fields)) {
            return true;
        }
    }
    return false;
}

static const char *field(const char *name) {
    static char text[4][300];
    static unsigned next;
    char *out = text[next++ % 4u];
    (void)pk_str_copy_cut(pk_pattern_field(&fields, pk_str_of(name)), out, sizeof text[0]);
    return out;
}

PK_TEST(pieces__are_fields_and_the_text_behind_them) {
    struct pk_str rest = pk_str_of("from {ip} port {}x");
    struct pk_pattern_piece p;
    CHECK_EQ_INT(pk_pattern_piece_next(&rest, &p), PK_OK);
    CHECK(!p.has_field && pk_str_eq_c(p.literal, "from "));
    CHECK_EQ_INT(pk_pattern_piece_next(&rest, &p), PK_OK);
    CHECK(p.has_field && pk_str_eq_c(p.name, "ip") && pk_str_eq_c(p.literal, " port "));
    CHECK_EQ_INT(pk_pattern_piece_next(&rest, &p), PK_OK);
    CHECK(p.has_field && p.name.n == 0 && pk_str_eq_c(p.literal, "x"));
    CHECK_EQ_INT(pk_pattern_piece_next(&rest, &p), PK_E_NOT_FOUND);
    static const char *const BAD[] = {"{ip", "{Ip}", "{", "{a b}", "{1}"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        rest = pk_str_of(BAD[i]);
        CHECK_EQ_INT(pk_pattern_piece_next(&rest, &p), PK_E_BAD_FIELD);
    }
}

PK_TEST(anchor__is_the_longest_text_and_the_first_of_equal_ones) {
    CHECK(pk_str_eq_c(pk_pattern_anchor(pk_str_of("ab{x}abcd{y}wxyz")), "abcd"));
    CHECK(pk_str_eq_c(pk_pattern_anchor(pk_str_of("whole")), "whole"));
    CHECK_EQ_U64(pk_pattern_anchor(pk_str_of("{x}")).n, 0);
}

PK_TEST(walk__takes_fields_on_both_sides) {
    static const char MATCH[] = "Failed password for {user} from {ip} port {value}";
    CHECK(walk(MATCH, false, "x: failed PASSWORD for root from 192.0.2.7 port 4711 ssh2"));
    CHECK_STR(field("user"), "root");
    CHECK_STR(field("ip"), "192.0.2.7");
    CHECK_STR(field("value"), "4711");
    CHECK(walk("{process}[{pid}]: segfault at {address} ip", false,
               "[  1.5] my-app[12]: segfault at 0 ip 0042"));
    CHECK_STR(field("process"), "my-app");
    CHECK_STR(field("pid"), "12");
    CHECK_STR(field("address"), "0");
    CHECK(walk("from {ip} is over its limit", false, "call from 2001:db8::1 is over its limit"));
    CHECK_STR(field("ip"), "2001:db8::1");
}

PK_TEST(walk__fields_end_where_they_must) {
    CHECK(walk("connect to {ip}", false, "cannot connect to db.example.com: refused"));
    CHECK_STR(field("ip"), "db.example.com");
    CHECK(walk("peer {ip}", false, "peer 192.0.2.7:3888 is late"));
    CHECK_STR(field("ip"), "192.0.2.7");
    CHECK(walk("from {ip}:{port} gone", false, "from 2001:db8::1:22 gone"));
    CHECK_STR(field("ip"), "2001:db8::1");
    CHECK_STR(field("port"), "22");
    CHECK(walk("open \"{path}\" failed", false, "open \"/a b/c\" failed"));
    CHECK_STR(field("path"), "/a b/c");
    CHECK(walk("open {path}", false, "open /var/x, twice"));
    CHECK_STR(field("path"), "/var/x");
    CHECK(walk("usage at {value}% of", false, "usage at 95.5% of quota"));
    CHECK_STR(field("value"), "95.5");
    CHECK(walk("reason: {text}", false, "reason: all of it, to the end"));
    CHECK_STR(field("text"), "all of it, to the end");
    /* An empty name is none. */
    CHECK(walk("Invalid user {user} from {ip}", false, "Invalid user  from 192.0.2.7"));
    CHECK_STR(field("user"), "");
    CHECK_EQ_U64(fields.count, 1);
}

PK_TEST(walk__refuses_what_differs) {
    CHECK(!walk("usage at {value}%", false, "usage at most%"));
    CHECK(!walk("usage at {value}%", false, "usage at 1.2.3%"));
    CHECK(!walk("from {ip} port", false, "from  port"));
    CHECK(!walk("Failed password for {user} from {ip} port", false, "Failed password for root"));
    CHECK(!walk("only here", true, "not only here"));
    CHECK(walk("only here", true, "only here, see"));
    CHECK(!walk("a {x} end of it", true, "b a x end of it"));
    CHECK(walk("a {x} end of it", true, "a x end of it"));
    /* A field is not longer than PK_PATTERN_GAP_BYTES_MAX. */
    char message[600];
    memset(message, 'y', sizeof message);
    memcpy(message, "begin ", 6);
    memcpy(message + 500, " ending\0", 8);
    CHECK(!walk("begin {x} ending", false, message));
    memcpy(message + 6 + PK_PATTERN_GAP_BYTES_MAX, " ending\0", 8);
    CHECK(walk("begin {x} ending", false, message));
    CHECK_EQ_U64(strlen(field("x")), PK_PATTERN_GAP_BYTES_MAX);
}

PK_TEST(format_words__are_distinct) {
    for (unsigned i = 0; i < PK_LOG_FORMAT_COUNT; i++) {
        for (unsigned k = 0; k < i; k++) {
            CHECK(strcmp(pk_log_format_word((enum pk_log_format)i),
                         pk_log_format_word((enum pk_log_format)k)) != 0);
        }
    }
}

PK_TEST(anchor__of_any_text__is_the_longest_literal_of_its_pieces) {
    static const char PARTS[] = "ab{x}{}{y_z}{B{";
    struct pk_rng rng;
    pk_rng_seed(&rng, 3);
    for (int i = 0; i < 20000; i++) {
        char text[24];
        const size_t n = (size_t)pk_rng_below(&rng, sizeof text);
        for (size_t k = 0; k < n; k++) {
            text[k] = PARTS[pk_rng_below(&rng, sizeof PARTS - 1u)];
        }
        struct pk_str rest = pk_str_make(text, n), best = {text, 0}, known_rest = rest;
        struct pk_pattern_piece p, known = {0};
        int err = PK_OK;
        while ((err = pk_pattern_piece_next(&rest, &p)) == PK_OK) {
            best = p.literal.n > best.n ? p.literal : best;
            CHECK(pk_pattern_piece_known(&known_rest, &known));
            CHECK(known.has_field == p.has_field && known.name.p == p.name.p && known.name.n == p.name.n);
            CHECK(known.literal.p == p.literal.p && known.literal.n == p.literal.n);
        }
        CHECK(err != PK_E_NOT_FOUND || !pk_pattern_piece_known(&known_rest, &known));
        const struct pk_str anchor = pk_pattern_anchor(pk_str_make(text, n));
        CHECK(anchor.p == best.p && anchor.n == best.n);
    }
}

PK_TEST_MAIN(pieces__are_fields_and_the_text_behind_them,
             anchor__is_the_longest_text_and_the_first_of_equal_ones, walk__takes_fields_on_both_sides,
             walk__fields_end_where_they_must, walk__refuses_what_differs, format_words__are_distinct,
             anchor__of_any_text__is_the_longest_literal_of_its_pieces)
