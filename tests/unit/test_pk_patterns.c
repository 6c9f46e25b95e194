#include "event/pk_patterns.h"

#include <stdio.h>
#include <string.h>

#include "base/pk_rng.h"
#include "event/pk_pattern_parse.h"
#include "support/pk_test.h"

enum { ROWS = 300 };
static struct pk_pattern meanings[PK_PATTERNS_MAX];
static struct pk_pattern_row rows[PK_PATTERNS_ROWS_MAX + 1];
static char text[65536];
static struct pk_pattern_book book;
static struct pk_patterns_build build;
static struct pk_patterns patterns;
static struct pk_pattern_fields fields;

static int make(const char *source) {
    struct pk_diag diag;
    book = (struct pk_pattern_book){.patterns = meanings,
                                    .rows = rows,
                                    .text = text,
                                    .pattern_cap = PK_PATTERNS_MAX,
                                    .row_cap = PK_PATTERNS_ROWS_MAX,
                                    .text_cap = sizeof text};
    const int err = pk_pattern_parse(&book, "x", pk_str_of(source), &diag);
    return err != PK_OK ? err : pk_patterns_build(&build, &book, &patterns);
}

static int find(const char *program, const char *message, enum pk_log_format format) {
    const struct pk_patterns_query q = {
        .message = pk_str_of(message), .program = pk_str_of(program), .format = (uint8_t)format};
    return pk_patterns_find(&patterns, &q, &fields);
}

PK_TEST(find__takes_the_first_row_that_fits) {
    REQUIRE(make("[pattern a]\nevent = e\nprograms = sshd* | login\nmatch = failed for {user} from\n"
                 "[pattern b]\nevent = e\nmatch = failed for\nmatch = iled f\n"
                 "[pattern c]\nevent = e\nformats = access\nmatch = \"\\\" 500 \"\n") == PK_OK);
    CHECK_EQ_INT(find("sshd", "it FAILED for me from there", PK_LOG_FORMAT_SYSLOG), 0);
    CHECK(pk_str_eq_c(pk_pattern_field(&fields, pk_str_of("user")), "me"));
    CHECK_EQ_INT(find("", "it failed for me from there", PK_LOG_FORMAT_SYSLOG), 0);
    CHECK_EQ_INT(find("ftpd", "it failed for me from there", PK_LOG_FORMAT_SYSLOG), 1);
    CHECK_EQ_INT(find("sshd", "failed for me", PK_LOG_FORMAT_SYSLOG), 1);
    CHECK_EQ_INT(find("sshd", "jailed from", PK_LOG_FORMAT_SYSLOG), 2);
    CHECK_EQ_INT(find("", "\"GET /\" 500 7", PK_LOG_FORMAT_ACCESS), 3);
    CHECK_EQ_INT(find("", "\"GET /\" 500 7", PK_LOG_FORMAT_PLAIN), PK_E_NOT_FOUND);
    CHECK_EQ_INT(find("http", "\"jailed from\"", PK_LOG_FORMAT_ACCESS), PK_E_NOT_FOUND);
    CHECK_EQ_INT(find("", "nothing", PK_LOG_FORMAT_PLAIN), PK_E_NOT_FOUND);
    CHECK_EQ_INT(find("", "", PK_LOG_FORMAT_PLAIN), PK_E_NOT_FOUND);
}

/* An anchor longer than the chains know is compared whole; anchors inside anchors are found. */
PK_TEST(find__sees_long_anchors_and_suffixes) {
    REQUIRE(
        make("[pattern a]\nevent = e\nmatch = abcdefghijklmnopqrstuvwxyz\nmatch = bcdefg\nmatch = efgh\n") ==
        PK_OK);
    CHECK_EQ_INT(find("", "__abcdefghijklmnopqrstuvwxyz", PK_LOG_FORMAT_PLAIN), 0);
    CHECK_EQ_INT(find("", "__abcdefghijklmnopqrstuvw", PK_LOG_FORMAT_PLAIN), 1);
    CHECK_EQ_INT(find("", "abcdxefgh", PK_LOG_FORMAT_PLAIN), 2);
}

/* Where the anchor begins among the bytes that are looked at makes no difference; the first place counts. */
PK_TEST(find__at_every_place__the_first_of_two) {
    char message[96];
    REQUIRE(make("[pattern a]\nevent = e\nmatch = began at {x} end\n") == PK_OK);
    for (unsigned at = 0; at < 40u; at++) {
        memset(message, '.', sizeof message);
        memcpy(message + at, "Began At 1 end", 14);
        memcpy(message + at + 17u, "began at 2 end", 15);
        CHECK_EQ_INT(find("", message, PK_LOG_FORMAT_PLAIN), 0);
        CHECK(pk_str_eq_c(pk_pattern_field(&fields, pk_str_of("x")), "1"));
        message[at + 13u] = '\0';
        CHECK_EQ_INT(find("", message, PK_LOG_FORMAT_PLAIN), PK_E_NOT_FOUND);
        CHECK_EQ_U64(fields.count, 0);
    }
}

/* A row that fits further on takes the place of a later one, with its own fields. */
PK_TEST(find__a_better_row_further_on__brings_its_fields) {
    REQUIRE(
        make("[pattern a]\nevent = e\nmatch = third {x} end\n[pattern b]\nevent = e\nmatch = second {x} end\n"
             "[pattern c]\nevent = e\nmatch = first {x} end\n") == PK_OK);
    CHECK_EQ_INT(find("", "first 1 end, second 2 end, third 3 end", PK_LOG_FORMAT_PLAIN), 0);
    CHECK(pk_str_eq_c(pk_pattern_field(&fields, pk_str_of("x")), "3"));
    CHECK_EQ_INT(find("", "first 1 end, second 2 end, third 3 no", PK_LOG_FORMAT_PLAIN), 1);
    CHECK(pk_str_eq_c(pk_pattern_field(&fields, pk_str_of("x")), "2"));
    CHECK_EQ_INT(find("", "first 1 end, second 2 no, third 3 no", PK_LOG_FORMAT_PLAIN), 2);
    CHECK(pk_str_eq_c(pk_pattern_field(&fields, pk_str_of("x")), "1"));
}

/* What a line costs is bounded: one made of beginnings is not looked at to its end. */
PK_TEST(find__a_line_of_beginnings__is_given_up) {
    static char source[4096], message[8192];
    struct pk_buf b;
    pk_buf_init(&b, source, sizeof source);
    pk_buf_puts(&b, "[pattern a]\nevent = e\n");
    for (unsigned i = 0; i < 64u; i++) {
        pk_buf_puts(&b, "match = abcd{}Q");
        pk_buf_put_u64(&b, 10u + i);
        pk_buf_putc(&b, '\n');
    }
    REQUIRE(make(source) == PK_OK);
    memset(message, 0, sizeof message);
    for (unsigned at = 0; at < 4000u; at += 4u) {
        memcpy(message + at, "abcd", 4);
    }
    memcpy(message + 4000, "Q73", 3);
    CHECK_EQ_INT(find("", message, PK_LOG_FORMAT_PLAIN), PK_E_NOT_FOUND);
    CHECK_EQ_INT(find("", message + 3960, PK_LOG_FORMAT_PLAIN), 63);
}

static bool contains_at(const char *message, const struct pk_pattern_row *row) {
    const struct pk_str m = pk_pattern_ref_str(text, row->match);
    struct pk_pattern_fields f;
    for (uint32_t at = 0; at + m.n <= strlen(message); at++) {
        if (pk_pattern_walk(m, row->is_at_start, pk_str_of(message), at, &f)) {
            return true;
        }
    }
    return false;
}

/* Against looking for each text apart. Few letters, so that there are many beginnings and suffixes. */
PK_TEST(find__agrees_with_a_plain_search) {
    static char source[65536];
    char message[64];
    struct pk_rng r;
    struct pk_buf b;
    uint32_t hits = 0;
    pk_rng_seed(&r, 7);
    pk_buf_init(&b, source, sizeof source);
    pk_buf_puts(&b, "[pattern a]\nevent = e\n");
    for (unsigned i = 0; i < ROWS; i++) {
        pk_buf_puts(&b, "match = ");
        const unsigned n = 4u + (unsigned)pk_rng_below(&r, 20);
        for (unsigned k = 0; k < n; k++) {
            pk_buf_putc(&b, (char)('a' + pk_rng_below(&r, 3)));
        }
        pk_buf_putc(&b, '\n');
    }
    REQUIRE(!b.is_cut && make(source) == PK_OK);
    for (unsigned round = 0; round < 3000; round++) {
        const unsigned n = (unsigned)pk_rng_below(&r, sizeof message - 1u);
        for (unsigned k = 0; k < n; k++) {
            message[k] = (char)(pk_rng_below(&r, 12) == 0 ? 'Z' : 'A' + pk_rng_below(&r, 3));
        }
        message[n] = '\0';
        int want = PK_E_NOT_FOUND;
        for (unsigned i = 0; i < ROWS && want < 0; i++) {
            want = contains_at(message, &rows[i]) ? (int)i : want;
        }
        hits += want >= 0 ? 1u : 0u;
        if (find("", message, PK_LOG_FORMAT_PLAIN) != want) {
            CHECK_EQ_INT(find("", message, PK_LOG_FORMAT_PLAIN), want);
        }
    }
    CHECK(hits > 500 && hits < 2900);
}

PK_TEST(build__refuses_too_many_rows_and_takes_none) {
    CHECK_EQ_INT(make("[pattern a]\nevent = e\nmatch = abcd\n"), PK_OK);
    book.row_count = PK_PATTERNS_ROWS_MAX + 1;
    CHECK_EQ_INT(pk_patterns_build(&build, &book, &patterns), PK_E_FULL);
    book.row_count = 0;
    CHECK_EQ_INT(pk_patterns_build(&build, &book, &patterns), PK_OK);
    CHECK_EQ_INT(find("", "abcd", PK_LOG_FORMAT_PLAIN), PK_E_NOT_FOUND);
}

/* DESIGN 7: 300 patterns in some 31 KB. */
PK_TEST(shipped__is_small_and_every_text_is_found_in_itself) {
    const struct pk_patterns *p = &PK_SHIPPED_PATTERNS;
    CHECK(p->row_count > 0);
    CHECK(sizeof(struct pk_patterns_build) <= 31744);
    for (uint32_t i = 0; i < p->row_count; i++) {
        /* Fields filled with a digit, which every kind of field takes. */
        char message[1024];
        struct pk_buf b;
        struct pk_str rest = pk_pattern_ref_str(p->text, p->rows[i].match);
        struct pk_pattern_piece piece;
        pk_buf_init(&b, message, sizeof message);
        while (pk_pattern_piece_next(&rest, &piece) == PK_OK) {
            pk_buf_puts(&b, piece.has_field ? pk_str_eq_c(piece.name, "ip") ? "h.7" : "7" : "");
            pk_buf_put_str(&b, piece.literal);
        }
        unsigned format = 0;
        const uint8_t formats = p->patterns[p->rows[i].pattern].formats;
        while (formats != 0 && (formats & (1u << format)) == 0) {
            format++;
        }
        const struct pk_patterns_query q = {.message = pk_buf_str(&b), .format = (uint8_t)format};
        const int row = pk_patterns_find(p, &q, &fields);
        CHECK(row >= 0 && row <= (int)i);
    }
}

PK_TEST_MAIN(find__at_every_place__the_first_of_two, find__a_better_row_further_on__brings_its_fields,
             find__a_line_of_beginnings__is_given_up, find__takes_the_first_row_that_fits,
             find__sees_long_anchors_and_suffixes, find__agrees_with_a_plain_search,
             build__refuses_too_many_rows_and_takes_none, shipped__is_small_and_every_text_is_found_in_itself)
