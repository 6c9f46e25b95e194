#include "report/pk_args.h"

#include <string.h>

#include "support/pk_test.h"
#include "support/pk_test_panic.h"

static struct pk_args args;
static char field[PK_ARGS_FIELD_BYTES];

static int parse(enum pk_cmd cmd, const char *json) {
    return pk_args_parse(cmd, pk_str_of(json), &args, field);
}

PK_TEST(args__values__by_name_with_fallbacks) {
    CHECK_EQ_INT(parse(PK_CMD_INCIDENTS_LIST, "{\"status\":\"act\\u0069ve\",\"limit\":5}"), PK_OK);
    CHECK(pk_str_eq_c(pk_args_text(&args, "status"), "active"));
    CHECK(pk_args_text(&args, "severity").p == NULL);
    CHECK_EQ_U64(pk_args_u64(&args, "limit", 100), 5);
    CHECK(pk_args_has(&args, "limit"));
    CHECK(!pk_args_has(&args, "before"));
    CHECK_EQ_INT(parse(PK_CMD_INCIDENTS_LIST, "{}"), PK_OK);
    CHECK_EQ_U64(pk_args_u64(&args, "limit", 100), 100);
    CHECK_EQ_INT(parse(PK_CMD_INCIDENTS_GET, "{\"timeline\":true,\"incident_id\":\"i\"}"), PK_OK);
    CHECK(pk_args_bool(&args, "timeline"));
    CHECK_EQ_INT(parse(PK_CMD_EVENTS_SEND, " {\"event\": {\"type\":\"t\",\"a\":[1]} } "), PK_OK);
    CHECK(pk_str_eq_c(pk_args_text(&args, "event"), "{\"type\":\"t\",\"a\":[1]}"));
    CHECK_EQ_INT(parse(PK_CMD_RULES_CREATE, "{\"time_window\":60,\"threshold\":\"5\"}"), PK_OK);
    CHECK(pk_str_eq_c(pk_args_text(&args, "time_window"), "60"));
    CHECK(pk_str_eq_c(pk_args_text(&args, "threshold"), "5"));
    CHECK_EQ_INT(parse(PK_CMD_RULES_CREATE, "{\"time_window\":12345678901234567}"), PK_E_TOO_BIG);
    CHECK_EQ_INT(parse(PK_CMD_RULES_CREATE, "{\"name\":60}"), PK_E_BAD_FIELD);
}

PK_TEST(args__bad__name_the_argument) {
    static const struct {
        enum pk_cmd cmd;
        const char *json;
        int err;
        const char *field;
    } CASES[] = {
        {PK_CMD_PING, "", PK_E_BAD_MSG, ""},
        {PK_CMD_PING, "[]", PK_E_BAD_MSG, ""},
        {PK_CMD_PING, "{} {}", PK_E_BAD_MSG, ""},
        {PK_CMD_PING, "{\"x\":1}", PK_E_UNKNOWN_FIELD, "x"},
        {PK_CMD_PING, "{\"a_very_long_name_that_nobody_would_ever_use_here\":1}", PK_E_UNKNOWN_FIELD,
         "a_very_long_name_that_nobody_would_ever"},
        {PK_CMD_INCIDENTS_GET, "{}", PK_E_MISSING_FIELD, "incident_id"},
        {PK_CMD_INCIDENTS_GET, "{\"incident_id\":5}", PK_E_BAD_FIELD, "incident_id"},
        {PK_CMD_INCIDENTS_GET, "{\"incident_id\":null}", PK_E_BAD_FIELD, "incident_id"},
        {PK_CMD_INCIDENTS_GET, "{\"incident_id\":\"a\",\"incident_id\":\"b\"}", PK_E_BAD_FIELD,
         "incident_id"},
        {PK_CMD_INCIDENTS_GET, "{\"incident_id\":\"a\",\"timeline\":\"yes\"}", PK_E_BAD_FIELD, "timeline"},
        {PK_CMD_INCIDENTS_GET, "{\"incident_id\":\"a\\u001b[2J\"}", PK_E_BAD_FIELD, "incident_id"},
        {PK_CMD_INCIDENTS_GET, "{\"incident_id\":\"a\\u0000b\"}", PK_E_BAD_FIELD, "incident_id"},
        {PK_CMD_INCIDENTS_GET,
         "{\"incident_id\":\"12345678901234567890123456789012345678901234567890123456789012345\"}",
         PK_E_TOO_BIG, "incident_id"},
        {PK_CMD_INCIDENTS_LIST, "{\"limit\":-1}", PK_E_BAD_FIELD, "limit"},
        {PK_CMD_INCIDENTS_LIST, "{\"limit\":1.5}", PK_E_BAD_FIELD, "limit"},
        {PK_CMD_EVENTS_SEND, "{\"event\":\"text\"}", PK_E_BAD_FIELD, "event"},
        {PK_CMD_EVENTS_SEND,
         "{\"event\":{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":{\"h\":{\"i\":{\"j\":{\"k\":{\"l\":{"
         "\"m\":"
         "{\"n\":{\"o\":{}}}}}}}}}}}}}}}}}",
         PK_E_TOO_DEEP, "event"},
    };
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        CHECK_EQ_INT(parse(CASES[i].cmd, CASES[i].json), CASES[i].err);
        CHECK_STR(field, CASES[i].field);
    }
}

PK_TEST(args__longest_texts__fit_together) {
    char note[120], json[400];
    struct pk_buf b;
    memset(note, 'n', sizeof note - 1);
    note[sizeof note - 1] = '\0';
    pk_buf_init(&b, json, sizeof json);
    pk_buf_puts(&b, "{\"incident_id\":\"");
    pk_buf_put(&b, note, 64);
    pk_buf_puts(&b, "\",\"note\":\"");
    pk_buf_puts(&b, note);
    pk_buf_puts(&b, "\"}");
    CHECK_EQ_INT(parse(PK_CMD_INCIDENTS_NOTE, json), PK_OK);
    CHECK_EQ_U64(pk_args_text(&args, "note").n, 119);
    CHECK_EQ_U64(pk_args_text(&args, "incident_id").n, 64);
}

PK_TEST(args__name_the_command_does_not_have__is_our_bug) {
    CHECK_EQ_INT(parse(PK_CMD_PING, "{}"), PK_OK);
    CHECK_PANICS((void)pk_args_has(&args, "anything"));
}

PK_TEST(args__lines__may_hold_line_ends) {
    char out[64], few[4];
    CHECK_EQ_INT(parse(PK_CMD_RULES_CREATE, "{\"text\":\"[rule a]\\non = any\\n\"}"), PK_OK);
    CHECK_EQ_INT(pk_args_lines(&args, "text", out, sizeof out), 18);
    CHECK_STR(out, "[rule a]\non = any\n");
    CHECK_EQ_INT(pk_args_lines(&args, "text", few, sizeof few), PK_E_TOO_BIG);
    CHECK_EQ_INT(parse(PK_CMD_RULES_CREATE, "{\"id\":\"a\"}"), PK_OK);
    CHECK_EQ_INT(pk_args_lines(&args, "text", out, sizeof out), 0);
    CHECK_STR(out, "");
    CHECK_EQ_INT(parse(PK_CMD_RULES_CREATE, "{\"text\":5}"), PK_E_BAD_FIELD);
    CHECK_STR(field, "text");
    CHECK_EQ_INT(parse(PK_CMD_RULES_CREATE, "{\"id\":\"a\\nb\"}"), PK_E_BAD_FIELD);
    static char big[4000] = "{\"text\":\"";
    memset(big + 9, 'x', 2700);
    memcpy(big + 9 + 2700, "\"}", 3);
    big[8] = '"';
    CHECK_EQ_INT(parse(PK_CMD_RULES_CREATE, big), PK_E_TOO_BIG);
}

PK_TEST_MAIN(args__values__by_name_with_fallbacks, args__bad__name_the_argument,
             args__longest_texts__fit_together, args__name_the_command_does_not_have__is_our_bug,
             args__lines__may_hold_line_ends)
