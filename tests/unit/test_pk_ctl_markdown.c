#include "ctl/pk_ctl_markdown.h"

#include <string.h>

#include "support/pk_test.h"

static char shown[256];

static const char *text(const char *foreign) {
    struct pk_ctl_text t = {0};
    struct pk_buf b;
    pk_ctl_md_text(&t, pk_str_of(foreign));
    pk_buf_init(&b, shown, sizeof shown);
    pk_buf_put_str(&b, pk_ctl_text_str(&t));
    pk_ctl_text_free(&t);
    return shown;
}

static const char *code(const char *foreign) {
    struct pk_ctl_text t = {0};
    struct pk_buf b;
    pk_ctl_md_code(&t, pk_str_of(foreign));
    pk_buf_init(&b, shown, sizeof shown);
    pk_buf_put_str(&b, pk_ctl_text_str(&t));
    pk_ctl_text_free(&t);
    return shown;
}

PK_TEST(text__markup_is_text) {
    CHECK_STR(text("plain words, 3 > 2"), "plain words, 3 > 2");
    CHECK_STR(text("*a* `b` <c> | ~d~ &amp; $e$ \\"),
              "\\*a\\* \\`b\\` \\<c> \\| \\~d\\~ \\&amp; \\$e\\$ \\\\");
    CHECK_STR(text("[x](y) ![z][w] [v]: u"), "[x\\](y) ![z\\][w] [v\\]: u");
    CHECK_STR(text("[high] a < b <= c"), "[high] a < b <= c");
    CHECK_STR(text("<script> </b> <!-- <"), "\\<script> \\</b> \\<!-- <");
    CHECK_STR(text("snake_case _em_ __x"), "snake_case \\_em\\_ \\_\\_x");
}

PK_TEST(text__nothing_begins_a_block) {
    CHECK_STR(text("# title"), "\\# title");
    CHECK_STR(text("- item"), "\\- item");
    CHECK_STR(text("+ item"), "\\+ item");
    CHECK_STR(text("> quote"), "\\> quote");
    CHECK_STR(text("=== x"), "\\=== x");
    CHECK_STR(text("12. item"), "12\\. item");
    CHECK_STR(text("1) item"), "1\\) item");
    CHECK_STR(text("1.5 and a. b"), "1.5 and a. b");
    CHECK_STR(text("    four blanks"), "four blanks");
}

PK_TEST(text__no_links_no_lines_no_controls) {
    CHECK_STR(text("http://a.example/ and www.b.example"), "http\\://a.example/ and www\\.b.example");
    CHECK_STR(text("a\n# b\r\n| c"), "a # b  \\| c");
    CHECK_STR(text("x\x1b[31my\xff"), "x?[31my?");
    CHECK_STR(text(""), "");
    CHECK_STR(text("12:30 is a time"), "12:30 is a time");
}

PK_TEST(code__cannot_be_left) {
    CHECK_STR(code("id_1"), "`id_1`");
    CHECK_STR(code("a`b|c\nd"), "`a'b/c d`");
    CHECK_STR(code(""), "");
    CHECK_STR(code("`"), "`'`");
}

PK_TEST(value__each_kind) {
    struct pk_ctl_text t = {0};
    const struct pk_str object =
        pk_str_of("{\"a\":[\"x_\",\"y\"],\"n\":1.500,\"s\":\"\",\"e\":[],\"z\":null}");
    pk_ctl_md_value_code(&t, pk_ctl_member(object, "a"));
    pk_ctl_text_putc(&t, ' ');
    pk_ctl_md_value(&t, pk_ctl_member(object, "n"));
    CHECK(pk_str_eq_c(pk_ctl_text_str(&t), "`x_`, `y` 1.500"));
    CHECK(pk_ctl_md_is_given(pk_ctl_member(object, "n")));
    CHECK(!pk_ctl_md_is_given(pk_ctl_member(object, "s")));
    CHECK(!pk_ctl_md_is_given(pk_ctl_member(object, "e")));
    CHECK(!pk_ctl_md_is_given(pk_ctl_member(object, "z")));
    CHECK(!pk_ctl_md_is_given(pk_ctl_member(object, "none")));
    t.n = 0;
    pk_ctl_md_blank(&t, "who");
    pk_ctl_md_unknown(&t, "");
    CHECK(pk_str_eq_c(pk_ctl_text_str(&t), "_(to be filled in: who)__(not known here)_"));
    pk_ctl_text_free(&t);
}

PK_TEST_MAIN(text__markup_is_text, text__nothing_begins_a_block, text__no_links_no_lines_no_controls,
             code__cannot_be_left, value__each_kind)
