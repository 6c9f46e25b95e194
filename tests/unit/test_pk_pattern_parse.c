#include "event/pk_pattern_parse.h"

#include <stdio.h>
#include <string.h>

#include "support/pk_test.h"

static struct pk_pattern meanings[6];
static struct pk_pattern_row rows[8];
static char text[1024];
static struct pk_pattern_book book;
static struct pk_diag diag;

static int parse(const char *patterns) {
    book = (struct pk_pattern_book){.patterns = meanings,
                                    .rows = rows,
                                    .text = text,
                                    .pattern_cap = 6,
                                    .row_cap = 8,
                                    .text_cap = sizeof text};
    memset(&diag, 0, sizeof diag);
    return pk_pattern_parse(&book, "x.patterns", pk_str_of(patterns), &diag);
}

static const struct pk_pattern *of(uint32_t row) {
    return &meanings[rows[row].pattern];
}

static bool is(struct pk_pattern_ref r, const char *want) {
    return pk_str_eq_c(pk_pattern_ref_str(text, r), want);
}

PK_TEST(parse__makes_a_row_of_each_match) {
    CHECK_EQ_INT(
        parse("[pattern one]\nabout = x\nmatch = ^gone: {ip}\nmatch = \"say \\\"{user}\\\" to {ip}\"\n"
              "event = auth_failed\nseverity = error\nsource = from.{ip}\nprograms = a | b*\n"
              "formats = syslog | json\nvalue = -3\n[pattern two]\nmatch = load {value}%\nevent = e\n"
              "value = {value}\n"),
        PK_OK);
    REQUIRE(book.row_count == 3);
    CHECK(rows[0].is_at_start && is(rows[0].match, "gone: {ip}"));
    CHECK(!rows[1].is_at_start && is(rows[1].match, "say \"{user}\" to {ip}"));
    for (unsigned i = 0; i < 2; i++) {
        CHECK(is(of(i)->id, "one") && is(of(i)->event, "auth_failed") && is(of(i)->source, "from.{ip}"));
        CHECK(is(of(i)->programs, "a | b*"));
        CHECK_EQ_INT(of(i)->severity, PK_SEV_HIGH);
        CHECK_EQ_INT(of(i)->formats, 1 << PK_LOG_FORMAT_SYSLOG | 1 << PK_LOG_FORMAT_JSON);
        CHECK(of(i)->has_value && of(i)->value.n == 0);
        CHECK_EQ_INT(of(i)->value_whole, -3);
    }
    CHECK(is(of(2)->value, "value") && of(2)->has_value);
    CHECK_EQ_INT(of(2)->severity, PK_SEV_COUNT);
    CHECK_EQ_INT(of(2)->formats, 0xFF & ~(1 << PK_LOG_FORMAT_ACCESS));
}

PK_TEST(once__numbers_words_and_members) {
    CHECK_EQ_INT(parse("[pattern a]\nonce = x\nevent = e\nmatch = aaaa\nmatch = bbbb\n"
                       "[pattern b]\nonce = y\nevent = e\nmatch = cccc\n[pattern c]\nonce = x\nevent = "
                       "e\nmatch = dddd\n"),
                 PK_OK);
    CHECK(of(0)->once == of(1)->once && of(0)->once == of(3)->once && of(0)->once != of(2)->once);
    CHECK(of(0)->once_member == of(1)->once_member && of(0)->once_member != of(3)->once_member);
    /* The words of another file are others. */
    CHECK_EQ_INT(
        pk_pattern_parse(&book, "y", pk_str_of("[pattern d]\nonce = x\nevent = e\nmatch = eeee\n"), &diag),
        PK_OK);
    CHECK(of(4)->once > of(2)->once && of(4)->once > of(0)->once);
    CHECK_EQ_INT(
        parse(
            "[pattern a]\nonce = x\nevent = e\nmatch = aaaa\n[pattern b]\nonce = x\nevent = e\nmatch = aaaa\n"
            "[pattern c]\nonce = x\nevent = e\nmatch = aaaa\n[pattern d]\nonce = x\nevent = e\nmatch = aaaa\n"
            "[pattern e]\nonce = x\n"),
        PK_E_CONFIG);
    CHECK_STR(diag.message, "more than four patterns are once = x");
    CHECK_EQ_INT(parse("[pattern a]\nonce = a b\nevent = e\nmatch = aaaa\n"), PK_E_CONFIG);
    CHECK_STR(diag.message, "`once` is one word of 1 to 47 of A-Z a-z 0-9 _ - . :, not 'a b'");
    CHECK_EQ_U64(diag.line, 2);
}

PK_TEST(parse__says_where_and_what) {
    static const struct {
        const char *text, *message;
        unsigned line, column;
    } ROWS[] = {
        {"match = abcd\n", "'match' stands before the first [pattern NAME]", 1, 1},
        {"[patern x]\n", "unknown section 'patern'; did you mean 'pattern'", 1, 1},
        {"[pattern]\n", "a pattern needs a name of letters, digits, _ and -: [pattern NAME]", 1, 1},
        {"[pattern x]\nmatch = abcd\n", "pattern 'x' has no event", 1, 1},
        {"[pattern x]\nevent = e\n", "pattern 'x' has no match", 1, 1},
        {"[pattern x]\nevnt = e\n", "unknown key 'evnt'; did you mean 'event'", 2, 1},
        {"[pattern x]\nevent =\n", "'event' has no value", 2, 1},
        {"[pattern x]\nevent = a b\n", "an event type is 1 to 64 of A-Z a-z 0-9 _ . : @ -, not 'a b'", 2, 9},
        {"[pattern x]\nseverity = hihg\n", "unknown severity 'hihg'; did you mean 'high'", 2, 12},
        {"[pattern x]\nformats = syslog | acess\n", "unknown log format 'acess'; did you mean 'access'", 2,
         11},
        {"[pattern x]\nmatch = abc\n", "needs four or more characters in a row that are no field: 'abc'", 2,
         9},
        {"[pattern x]\nmatch = {a}{b} text\n", "two fields need text between them", 2, 9},
        {"[pattern x]\nmatch = {text} more\n", "{text} takes the rest of the line, so it stands at the end",
         2, 9},
        {"[pattern x]\nmatch = some {Text\n",
         "a field is {name}, of a to z and _, or a pair of braces for text nobody wants", 2, 9},
        {"[pattern x]\nmatch = text {a} {b} {c} {d} {e} {f} {g}\n", "more than six fields in one text", 2, 9},
        {"[pattern x]\nvalue = much\n", "value is a whole number to 32767 or {field}, not 'much'", 2, 9},
        {"[pattern x]\nmatch = abcd\nevent = e\nsource = {id}\n",
         "source takes id from a text that does not have it", 4, 10},
        {"[pattern x]\nmatch = abcd\nevent = e\nvalue = {value}\n",
         "value takes value from a text that does not have it", 4, 9},
        {"[pattern x]\nmatch = abcd\nevent = e\n[pattern x]\n", "pattern 'x' is defined twice", 4, 1},
        {"[pattern x]\nmatch = \"abcd\n", "quote is not closed on this line", 2, 9},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        CHECK_EQ_INT(parse(ROWS[i].text), PK_E_CONFIG);
        CHECK_STR(diag.message, ROWS[i].message);
        CHECK_STR(diag.file, "x.patterns");
        CHECK_EQ_U64(diag.line, ROWS[i].line);
        CHECK_EQ_U64(diag.column, ROWS[i].column);
        CHECK_EQ_U64(book.row_count, 0);
        CHECK_EQ_U64(book.text_bytes, 0);
    }
}

PK_TEST(parse__refuses_a_file_that_does_not_fit_and_keeps_the_ones_before) {
    char many[1024];
    struct pk_buf b;
    CHECK_EQ_INT(parse("[pattern x]\nmatch = abcd\nevent = e\n"), PK_OK);
    pk_buf_init(&b, many, sizeof many);
    pk_buf_puts(&b, "[pattern y]\nevent = e\n");
    for (unsigned i = 0; i < 8; i++) {
        pk_buf_puts(&b, "match = abcdef\n");
    }
    CHECK_EQ_INT(pk_pattern_parse(&book, "y", pk_buf_str(&b), &diag), PK_E_CONFIG);
    CHECK_STR(diag.message, "no room for 'abcdef': this board takes 8 texts");
    CHECK_EQ_U64(book.row_count, 1);
    book.text_cap = book.text_bytes + 4;
    CHECK_EQ_INT(pk_pattern_parse(&book, "y", pk_str_of("[pattern y]\nmatch = abcdef\n"), &diag),
                 PK_E_CONFIG);
    CHECK_STR(diag.message, "no room for 'abcdef': this board takes 11 bytes of patterns");
    CHECK_EQ_U64(book.row_count, 1);
    CHECK(is(rows[0].match, "abcd"));
    book.text_cap = sizeof text;
    book.pattern_cap = 1;
    CHECK_EQ_INT(pk_pattern_parse(&book, "y", pk_str_of("[pattern y]\nmatch = abcdef\n"), &diag),
                 PK_E_CONFIG);
    CHECK_STR(diag.message, "no room for 'y': this board takes 1 patterns");
    CHECK_EQ_U64(book.pattern_count, 1);
}

PK_TEST_MAIN(parse__makes_a_row_of_each_match, once__numbers_words_and_members, parse__says_where_and_what,
             parse__refuses_a_file_that_does_not_fit_and_keeps_the_ones_before)
