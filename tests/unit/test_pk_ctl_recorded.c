#include "ctl/pk_ctl_recorded.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_ctl ctl;
static char types[256];
static uint64_t *bad_count; /* NULL: strict */

static void take(void *ctx, struct pk_event_in *event) {
    CHECK(ctx == types);
    strcat(types, event->type);
    strcat(types, " ");
}

static int events(const char *text, const char **out_error) {
    static char error[2048];
    const struct pk_ctl_input in = {.p = text, .n = strlen(text)};
    types[0] = '\0';
    ctl.err.n = 0;
    const int exit_code = pk_ctl_recorded_events(&ctl, "x.json", &in, take, types, bad_count);
    (void)pk_str_copy_cut(pk_ctl_text_str(&ctl.err), error, sizeof error);
    *out_error = error;
    return exit_code;
}

#define E(type) "{\"type\":\"" type "\",\"source\":\"s\"}"

PK_TEST(events__come_as_lines_and_as_one_array) {
    const char *error = NULL;
    CHECK_EQ_INT(events(E("a") "\n\n" E("b") "\r\n" E("c"), &error), 0);
    CHECK_STR(types, "a b c ");
    CHECK_EQ_INT(events("\n [" E("a") ",\n" E("b") "] \n", &error), 0);
    CHECK_STR(types, "a b ");
    CHECK_EQ_INT(events("[]", &error), 0);
    CHECK_STR(types, "");
    CHECK_EQ_INT(events("", &error), 0);
    CHECK_STR(error, "");
    pk_ctl_text_free(&ctl.err);
}

PK_TEST(events__that_are_wrong_are_named_with_their_line) {
    static const struct {
        const char *text, *error;
    } ROWS[] = {
        {E("a") "\n{\"type\":1}\n",
         "picketctl: x.json:2: type: must be a string of 1 to 64 of A-Z a-z 0-9 _ . : @ -\n"},
        {E("a") "\nx\n", "picketctl: x.json:2: not valid JSON\n"},
        {"[" E("a") ",\n" E("b") ",\n{\"type\":\"c\"}]",
         "picketctl: x.json:3: source: a required field is missing\n"},
        {"[" E("a") ",\n\n x]", "picketctl: x.json:3: not valid JSON\n"},
        {"[" E("a") "\n", "picketctl: x.json:2: not valid JSON\n"},
        {"[]\nx", "picketctl: x.json:2: not valid JSON\n"},
    };
    const char *error = NULL;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        CHECK_EQ_INT(events(ROWS[i].text, &error), 1);
        CHECK_STR(error, ROWS[i].error);
    }
    pk_ctl_text_free(&ctl.err);
}

PK_TEST(events__that_are_wrong_are_passed_over_where_that_is_wanted) {
    static const struct {
        const char *text, *types;
        uint64_t bad;
        const char *last;
    } ROWS[] = {
        {E("a") "\n" E("b"), "a b ", 0, ""},
        {E("a") "\nx\n" E("b") "\n{\"type\":\"c", "a b ", 2, "picketctl: x.json:4: not valid JSON\n"},
        {"x\n", "", 1, "picketctl: x.json:1: not valid JSON\n"},
        {"[" E("a") ",\n{\"type\":\"c\"},\n7,\n" E("b") "]", "a b ", 2, "x.json:3: "},
        {"[" E("a") ",\n{\"type\":\"c\"},\n x, " E("b") "]", "a ", 2,
         "picketctl: x.json:3: not valid JSON\n"},
        {"[" E("a") "\n", "a ", 1, "picketctl: x.json:2: not valid JSON\n"},
    };
    const char *error = NULL;
    uint64_t bad = 0;
    bad_count = &bad;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        bad = 0;
        CHECK_EQ_INT(events(ROWS[i].text, &error), 0);
        CHECK_STR(types, ROWS[i].types);
        CHECK_EQ_U64(bad, ROWS[i].bad);
        CHECK(strstr(error, ROWS[i].last) != NULL);
    }
    bad_count = NULL;
    pk_ctl_text_free(&ctl.err);
}

PK_TEST(events__of_which_many_are_wrong__are_counted_and_some_are_named) {
    char text[400];
    const char *error = NULL;
    uint64_t bad = 0, named = 0;
    for (size_t i = 0; i + 3u < sizeof text; i += 2) {
        memcpy(text + i, "x\n", 3);
    }
    bad_count = &bad;
    CHECK_EQ_INT(events(text, &error), 0);
    bad_count = NULL;
    CHECK_EQ_U64(bad, strlen(text) / 2u);
    for (const char *at = error; (at = strstr(at, "not valid JSON")) != NULL; at++) {
        named++;
    }
    CHECK_EQ_U64(named, PK_CTL_BAD_SHOWN);
    CHECK(strstr(error, ":20: not valid JSON\npicketctl: and more bad events\n") != NULL);
    pk_ctl_text_free(&ctl.err);
}

PK_TEST_MAIN(events__that_are_wrong_are_passed_over_where_that_is_wanted,
             events__of_which_many_are_wrong__are_counted_and_some_are_named,
             events__come_as_lines_and_as_one_array, events__that_are_wrong_are_named_with_their_line)
