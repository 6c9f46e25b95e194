#include "ctl/pk_ctl_args.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_ctl_args args;
static char why[PK_CTL_WHY_BYTES];

/* Words of a constant text, one blank between; '+' is a blank inside a word. */
static int parse(const char *words) {
    static char text[512];
    char *argv[80];
    int argc = 0;
    CHECK(strlen(words) < sizeof text);
    memcpy(text, words, strlen(words) + 1);
    for (char *at = text; at != NULL && *at != '\0';) {
        char *end = strchr(at, ' ');
        argv[argc++] = at;
        if (end != NULL) {
            *end++ = '\0';
        }
        at = end;
    }
    for (int i = 0; i < argc; i++) {
        for (char *p = argv[i]; *p != '\0'; p++) {
            *p = *p == '+' ? ' ' : *p;
        }
    }
    memset(why, 0, sizeof why);
    return pk_ctl_args_parse(&args, argc, argv, why);
}

PK_TEST(parse__options_stand_anywhere) {
    CHECK_EQ_INT(parse("--format json incidents --status active list --limit=5"), PK_OK);
    CHECK_EQ_INT(args.command, PK_CTL_INCIDENTS_LIST);
    CHECK_STR(pk_ctl_args_text(&args, "format"), "json");
    CHECK_STR(pk_ctl_args_text(&args, "status"), "active");
    CHECK_EQ_U64(pk_ctl_args_u64(&args, "limit", 0), 5);
    CHECK(pk_ctl_args_text(&args, "severity") == NULL);
    CHECK_EQ_U64(pk_ctl_args_u64(&args, "offset", 3), 3);
}

PK_TEST(parse__positional_arguments) {
    CHECK_EQ_INT(parse("get inc_7 --timeline"), PK_OK);
    CHECK_EQ_INT(args.command, PK_CTL_INCIDENTS_GET);
    CHECK_STR(pk_ctl_args_text(&args, "id"), "inc_7");
    CHECK(pk_ctl_args_has(&args, "timeline"));
    CHECK_EQ_INT(parse("incidents get --full inc_7"), PK_OK);
    CHECK(pk_ctl_args_has(&args, "full") && !pk_ctl_args_has(&args, "timeline"));
}

PK_TEST(parse__rest_joins_words) {
    CHECK_EQ_INT(parse("note inc_7 the fan is -- --loud"), PK_OK);
    CHECK_STR(pk_ctl_args_text(&args, "text"), "the fan is --loud");
}

PK_TEST(parse__repeated_options_keep_their_order) {
    CHECK_EQ_INT(parse("events send --type t --data a=1 --source s --data b=2"), PK_OK);
    CHECK_EQ_U64(args.count, 4);
    CHECK_STR(args.values[1].value, "a=1");
    CHECK_STR(args.values[3].value, "b=2");
}

PK_TEST(parse__values_may_begin_with_a_dash) {
    CHECK_EQ_INT(parse("events send --type t --source s --value -3.5"), PK_OK);
    CHECK_STR(pk_ctl_args_text(&args, "value"), "-3.5");
    CHECK_EQ_INT(parse("events send -"), PK_OK);
    CHECK_STR(pk_ctl_args_text(&args, "-"), "-");
}

PK_TEST(parse__help_and_version_need_no_command) {
    CHECK_EQ_INT(parse("--version"), PK_OK);
    CHECK_EQ_INT(args.command, PK_CTL_VERSION);
    CHECK_EQ_INT(parse("-V"), PK_OK);
    CHECK_EQ_INT(args.command, PK_CTL_VERSION);
    CHECK_EQ_INT(parse("-h"), PK_OK);
    CHECK_EQ_INT(args.command, PK_CTL_HELP);
    /* With --help what is missing does not matter. */
    CHECK_EQ_INT(parse("incidents get --help"), PK_OK);
    CHECK_EQ_INT(args.command, PK_CTL_INCIDENTS_GET);
}

PK_TEST(parse__says_what_is_wrong) {
    static const struct {
        const char *words;
        int err;
        const char *why;
    } ROWS[] = {
        {"", PK_E_USAGE, "no command"},
        {"incidnts lst", PK_E_UNKNOWN_CMD, "unknown command 'incidnts lst'; did you mean 'incidents list'?"},
        {"frobnicate", PK_E_UNKNOWN_CMD, "unknown command 'frobnicate'"},
        {"incidents list --sevrity high", PK_E_USAGE, "unknown option --sevrity; did you mean --severity?"},
        {"status --limit 4", PK_E_USAGE, "unknown option --limit for 'status'"},
        {"incidents list --limit", PK_E_USAGE, "--limit needs a value"},
        {"incidents list --limit many", PK_E_USAGE, "--limit takes a whole number, not 'many'"},
        {"incidents list --limit -1", PK_E_USAGE, "--limit takes a whole number, not '-1'"},
        {"incidents list --limit 1 --limit 2", PK_E_USAGE, "--limit is given twice"},
        {"incidents list extra", PK_E_USAGE, "unexpected argument 'extra'"},
        {"incidents get", PK_E_USAGE, "'incidents get' needs ID"},
        {"incidents get --timeline=yes x", PK_E_USAGE, "--timeline takes no value"},
        {"incidents note inc_1", PK_E_USAGE, "'incidents note' needs TEXT"},
        {"keygen --kid a --role admin", PK_E_USAGE, "'keygen' needs --out"},
        {"note inc_1 \xff", PK_E_USAGE, "text is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        CHECK_EQ_INT(parse(ROWS[i].words), ROWS[i].err);
        CHECK_STR(why, ROWS[i].why);
    }
}

PK_TEST(parse__too_many_words_are_refused) {
    char *argv[200];
    static char word[] = "x", note[] = "note", data[] = "--data", pair[] = "a=1";
    argv[0] = note;
    for (int i = 1; i < 200; i++) {
        argv[i] = word;
    }
    CHECK_EQ_INT(pk_ctl_args_parse(&args, 200, argv, why), PK_E_USAGE);
    static char events[] = "events", send[] = "send";
    argv[0] = events;
    argv[1] = send;
    for (int i = 2; i < 200; i += 2) {
        argv[i] = data;
        argv[i + 1] = pair;
    }
    CHECK_EQ_INT(pk_ctl_args_parse(&args, 200, argv, why), PK_E_USAGE);
    CHECK_STR(why, "too many arguments");
}

PK_TEST_MAIN(parse__options_stand_anywhere, parse__positional_arguments, parse__rest_joins_words,
             parse__repeated_options_keep_their_order, parse__values_may_begin_with_a_dash,
             parse__help_and_version_need_no_command, parse__says_what_is_wrong,
             parse__too_many_words_are_refused)
