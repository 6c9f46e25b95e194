#include "detect/pk_rule_edit.h"

#include <string.h>

#include "detect/pk_rule_parse.h"
#include "support/pk_test.h"

static char out_text[2048];
static const char *why;

static int edit(const char *text, const char *threshold, const char *window, const char *interval,
                const char *severity) {
    const struct pk_rule_edit e = {.threshold = pk_str_of(threshold),
                                   .time_window = pk_str_of(window),
                                   .check_interval = pk_str_of(interval),
                                   .severity = pk_str_of(severity)};
    struct pk_buf b;
    pk_buf_init(&b, out_text, sizeof out_text);
    return pk_rule_edit(pk_str_of(text), &e, &b, &why);
}

static bool parses(void) {
    struct pk_rule_parser p;
    struct pk_rule r;
    struct pk_diag diag;
    pk_rule_parser_init(&p, "t", out_text, 0, (uint32_t)strlen(out_text));
    const int err = pk_rule_parse_next(&p, &r, &diag);
    if (err != PK_OK) {
        CHECK_STR(diag.message, "");
    }
    return err == PK_OK;
}

#define TAIL "type = custom\n"

PK_TEST(edit__each_form__changes_its_number_and_stays_a_rule) {
    static const struct {
        const char *when, *threshold, *window, *want;
    } CASES[] = {
        {"when = count >= 10 in 5m by source\n", "3", "", "when = count >= 3 in 5m by source"},
        {"when = count >= 10 in 5m by source\n", "", "180", "when = count >= 10 in 180 by source"},
        {"when = count(value > 90) >= 3 in 120s\n", "5", "2m", "when = count(value > 90) >= 5 in 2m"},
        {"when = value > 85 for 5m\n", "70.5", "1m", "when = value > 70.5 for 1m"},
        {"when = value > 85 for 5m\nclear = value < 80\n", "70", "", "clear = value < 65"},
        {"when = value > 85\nclear = value < 80\n", "90", "", "clear = value < 80"},
        {"when = value < 5\nclear = value > 6\n", "8", "", "clear = value > 9"},
        {"when = count >= 9 in 5m\nclear = count < 8 in 5m for 1m\n", "3", "10m",
         "clear = count < 3 in 10m for 1m"},
        {"when = value > $max_cpu\nclear = value < 80% of $max_cpu for 1m\n", "50", "",
         "clear = value < 40 for 1m"},
        {"when = value > $max_cpu\nclear = value < 80% of $max_cpu\n", "$max_memory", "",
         "clear = value < 80% of $max_memory"},
        {"when = absent for 5m\n", "", "90s", "when = absent for 90s"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char text[300];
        struct pk_buf b;
        pk_buf_init(&b, text, sizeof text);
        pk_buf_puts(&b, "[rule r]\non = any\n");
        pk_buf_puts(&b, CASES[i].when);
        pk_buf_puts(&b, TAIL "severity = low");
        CHECK_EQ_INT(edit(text, CASES[i].threshold, CASES[i].window, "", ""), PK_OK);
        if (strstr(out_text, CASES[i].want) == NULL) {
            CHECK_STR(out_text, CASES[i].want);
        }
        CHECK(parses());
    }
}

PK_TEST(edit__severity__keeps_the_later_steps_that_still_raise) {
    static const char RULE[] =
        "[rule r]\non = any\nwhen = count >= 3 in 5m\n"
        "severity = low -> medium if event(type = a, b), high if count >= 9, critical if lasting 5m\n" TAIL;
    static const char PLAIN[] =
        "[rule r]\non = any\nwhen = count >= 3 in 5m\n"
        "severity = low -> medium if event(type = a | b), high if count >= 9, critical if lasting 5m\n" TAIL;
    (void)edit(RULE, "", "", "", "high"); /* the comma in the brackets ends no step */
    CHECK(strstr(out_text, "severity = high -> critical if lasting 5m\n") != NULL);
    CHECK_EQ_INT(edit(PLAIN, "", "", "", "medium"), PK_OK);
    CHECK(strstr(out_text, "severity = medium -> high if count >= 9, critical if lasting 5m\n") != NULL &&
          parses());
    CHECK_EQ_INT(edit(PLAIN, "", "", "", "info"), PK_OK);
    CHECK(strstr(out_text, "info -> medium if event(type = a | b), high if count") != NULL && parses());
    CHECK_EQ_INT(edit(PLAIN, "", "", "", "critical"), PK_OK);
    CHECK(strstr(out_text, "severity = critical\n") != NULL && parses());
}

PK_TEST(edit__severity__takes_an_escalation_along_only_while_it_raises) {
    static const char RULE[] =
        "[rule r]\non = any\nwhen = count >= 3 in 5m\nseverity = low -> high if count >= 9\n" TAIL;
    CHECK_EQ_INT(edit(RULE, "", "", "", "medium"), PK_OK);
    CHECK(strstr(out_text, "severity = medium -> high if count >= 9\n") != NULL && parses());
    CHECK_EQ_INT(edit(RULE, "", "", "", "HIGH"), PK_OK);
    CHECK(strstr(out_text, "severity = HIGH\n") != NULL && parses());
}

PK_TEST(edit__check_interval__is_changed_or_added) {
    CHECK_EQ_INT(edit("[rule r]\non = any\nwhen = count >= 3 in 5m\nseverity = low\n" TAIL, "", "", "45", ""),
                 PK_OK);
    CHECK(strstr(out_text, "\ncheck_interval = 45\n") != NULL && parses());
    CHECK_EQ_INT(edit(out_text, "", "", "2m", ""), PK_OK);
}

PK_TEST(edit__window_of_promised_silence__is_the_one_without_a_promise) {
    static const char RULE[] =
        "[rule r]\non = any\nwhen = absent for 2x promised else 90s\nseverity = low\n" TAIL;
    CHECK_EQ_INT(edit(RULE, "", "30", "", ""), PK_OK);
    CHECK(strstr(out_text, "when = absent for 2x promised else 30\n") != NULL && parses());
}

PK_TEST(edit__other_words__are_changed_or_added) {
    static const char RULE[] = "[rule r]\nerror_threshold = 5\nseverity = low\n" TAIL;
    CHECK_EQ_INT(edit(RULE, "7", "120", "", ""), PK_OK);
    CHECK(strstr(out_text, "error_threshold = 7\n") != NULL);
    CHECK(strstr(out_text, "time_window_seconds = 120\n") != NULL && parses());
}

PK_TEST(edit__named_limit__is_one_number) {
    static const char RULE[] =
        "[rule r]\non = any\nwhen = value > 90% of $max_cpu for 1m\nseverity = low\n" TAIL;
    CHECK_EQ_INT(edit(RULE, "40", "", "", ""), PK_OK);
    CHECK(strstr(out_text, "when = value > 40 for 1m\n") != NULL);
    CHECK_EQ_INT(edit(RULE, "$max_memory", "", "", ""), PK_OK);
    CHECK(strstr(out_text, "when = value > $max_memory for 1m\n") != NULL);
}

PK_TEST(edit__what_it_cannot_do__is_said_and_nothing_is_taken) {
    static const char TWO[] =
        "[rule r]\non = any\nwhen = all of (count >= 3 in 5m, value > 3)\nseverity = low\n";
    static const char ONE[] = "[rule r]\non = any\nwhen = count >= 3 in 5m\nseverity = low\n";
    CHECK_EQ_INT(edit(TWO, "4", "", "", ""), PK_E_CONFLICT);
    CHECK_STR(why, "its condition has no single threshold; send the whole rule");
    CHECK_EQ_INT(edit(TWO, "", "5m", "", ""), PK_E_CONFLICT);
    CHECK_EQ_INT(edit("[rule r]\nwhen = value > 3\n", "", "5m", "", ""), PK_E_CONFLICT);
    CHECK_EQ_INT(edit(ONE, "many", "", "", ""), PK_E_BAD_FIELD);
    CHECK_EQ_INT(edit(ONE, "3 in 1m", "", "", ""), PK_E_BAD_FIELD);
    CHECK_EQ_INT(edit(ONE, "", "0", "", ""), PK_E_BAD_FIELD);
    CHECK_EQ_INT(edit(ONE, "", "soon", "", ""), PK_E_BAD_FIELD);
    CHECK_EQ_INT(edit(ONE, "", "", "never", ""), PK_E_BAD_FIELD);
    CHECK_EQ_INT(edit(ONE, "", "", "", "loud"), PK_E_BAD_FIELD);
    struct pk_buf small;
    char few[20];
    pk_buf_init(&small, few, sizeof few);
    const struct pk_rule_edit e = {.severity = pk_str_of("high")};
    CHECK_EQ_INT(pk_rule_edit(pk_str_of(ONE), &e, &small, &why), PK_E_TOO_BIG);
}

PK_TEST_MAIN(edit__each_form__changes_its_number_and_stays_a_rule,
             edit__severity__keeps_the_later_steps_that_still_raise,
             edit__severity__takes_an_escalation_along_only_while_it_raises,
             edit__check_interval__is_changed_or_added,
             edit__window_of_promised_silence__is_the_one_without_a_promise,
             edit__other_words__are_changed_or_added, edit__named_limit__is_one_number,
             edit__what_it_cannot_do__is_said_and_nothing_is_taken)
