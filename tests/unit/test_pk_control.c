#include "wire/pk_control.h"

#include <string.h>

#include "support/pk_golden.h"
#include "support/pk_test.h"

static struct pk_control_request request;
static const char *field;
static uint32_t at_byte;

static int parse(const char *line) {
    return pk_control_parse(pk_str_of(line), &request, &field, &at_byte);
}

PK_TEST(control__request__golden_line_both_ways) {
    char want[512], text[512];
    struct pk_buf b;
    const struct pk_str golden = pk_golden("control_request.jsonl", want, sizeof want);
    pk_buf_init(&b, text, sizeof text);
    pk_control_write_request(&b, 7, pk_str_of("incidents.list"), pk_str_of("{\"status\":\"active\"}"));
    CHECK_STR(text, want);
    CHECK_EQ_INT(pk_control_parse(pk_str_trim(golden), &request, &field, &at_byte), PK_OK);
    CHECK_EQ_U64(request.id, 7);
    CHECK_STR(request.cmd, "incidents.list");
    CHECK(pk_str_eq_c(request.args, "{\"status\":\"active\"}"));
    CHECK_EQ_INT(parse("{\"v\":1,\"cmd\":\"ping\"}"), PK_OK);
    CHECK_EQ_U64(request.id, 0);
    CHECK(pk_str_eq_c(request.args, "{}"));
    pk_buf_init(&b, text, sizeof text);
    pk_control_write_request(&b, 1, pk_str_of("ping"), (struct pk_str){0});
    CHECK_STR(text, "{\"v\":1,\"id\":1,\"cmd\":\"ping\",\"args\":{}}\n");
}

PK_TEST(control__bad_request__keeps_the_id_for_the_answer) {
    static const struct {
        const char *line;
        int err;
        const char *field;
        uint64_t id;
    } CASES[] = {
        {"", PK_E_BAD_MSG, "", 0},
        {"hello", PK_E_BAD_MSG, "", 0},
        {"[1]", PK_E_BAD_MSG, "", 0},
        {"{\"v\":1,\"id\":7,\"cmd\":\"ping\"", PK_E_BAD_MSG, "", 7},
        {"{\"v\":1,\"id\":7}", PK_E_MISSING_FIELD, "cmd", 7},
        {"{\"id\":7,\"cmd\":\"ping\"}", PK_E_MISSING_FIELD, "v", 7},
        {"{\"v\":2,\"id\":7,\"cmd\":\"ping\"}", PK_E_UNSUPPORTED, "v", 7},
        {"{\"v\":1,\"extra\":1,\"cmd\":\"ping\",\"id\":7}", PK_E_UNKNOWN_FIELD, "", 7},
        {"{\"v\":1,\"v\":1,\"cmd\":\"ping\",\"id\":7}", PK_E_BAD_FIELD, "v", 7},
        {"{\"v\":1,\"id\":7,\"cmd\":5}", PK_E_BAD_FIELD, "cmd", 7},
        {"{\"v\":1,\"id\":7,\"cmd\":\"\"}", PK_E_BAD_FIELD, "cmd", 7},
        {"{\"v\":1,\"id\":7,\"cmd\":\"ping\",\"args\":[]}", PK_E_BAD_FIELD, "args", 7},
        {"{\"v\":1,\"id\":-7,\"cmd\":\"ping\"}", PK_E_BAD_FIELD, "id", 0},
        {"{\"v\":1,\"id\":7,\"cmd\":\"ping\",\"args\":{\"a\":[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}}",
         PK_E_TOO_DEEP, "args", 7},
    };
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        CHECK_EQ_INT(parse(CASES[i].line), CASES[i].err);
        CHECK_STR(field, CASES[i].field);
        CHECK_EQ_U64(request.id, CASES[i].id);
        CHECK_STR(request.cmd, "");
    }
    static char huge[PK_CONTROL_LINE_BYTES_MAX + 2];
    memset(huge, ' ', sizeof huge - 1);
    CHECK_EQ_INT(parse(huge), PK_E_TOO_BIG);
}

PK_TEST(control__replies__are_the_golden_lines) {
    char want[2048], text[2048];
    struct pk_buf b;
    struct pk_json_writer w;
    const struct pk_reply_to socket = {.is_socket = true, .id = 7};
    const struct pk_reply_to mqtt = {.jti = pk_str_of("c0ffee")};
    const struct pk_reply_to mqtt311 = {.jti = pk_str_of("c0ffee"), .corr = pk_str_of("abc")};
    pk_buf_init(&b, text, sizeof text);
    pk_reply_begin(&w, &b, &socket, PK_REPLY_RESULT);
    pk_jw_array(&w, "result");
    pk_jw_u64(&w, NULL, 1);
    pk_jw_array_end(&w);
    pk_reply_end(&w, &socket);
    pk_reply_begin(&w, &b, &socket, PK_REPLY_MORE);
    pk_jw_cstr(&w, "result", "x");
    pk_reply_end(&w, &socket);
    pk_reply_begin(&w, &b, &socket, PK_REPLY_DONE);
    pk_reply_end(&w, &socket);
    pk_reply_error(&b, &socket, PK_E_NOT_FOUND, NULL);
    pk_reply_error_detail(&b, &socket, PK_E_BAD_FIELD, "bad argument", pk_str_of("sta\"tus"));
    pk_reply_begin(&w, &b, &mqtt, PK_REPLY_RESULT);
    pk_jw_null(&w, "result");
    pk_reply_end(&w, &mqtt);
    pk_buf_putc(&b, '\n');
    pk_reply_error(&b, &mqtt311, PK_E_EXPIRED, "iat lies in the future");
    pk_buf_putc(&b, '\n');
    pk_reply_error(&b, &(struct pk_reply_to){0}, PK_E_BAD_MSG, NULL);
    pk_buf_putc(&b, '\n');
    CHECK(!b.is_cut);
    (void)pk_golden("control_replies.jsonl", want, sizeof want);
    CHECK_STR(text, want);
}

PK_TEST(control__long_detail__is_cut_not_lost) {
    char text[1024], long_detail[400];
    struct pk_buf b;
    struct pk_control_reply reply;
    memset(long_detail, 'd', sizeof long_detail);
    pk_buf_init(&b, text, sizeof text);
    pk_reply_error_detail(&b, &(struct pk_reply_to){.is_socket = true, .id = 1}, PK_E_DENIED, "no",
                          pk_str_make(long_detail, sizeof long_detail));
    CHECK(!b.is_cut);
    CHECK_EQ_INT(pk_control_reply_parse(pk_str_trim(pk_buf_str(&b)), &reply), PK_OK);
    CHECK(pk_str_starts(reply.message, "no: dddd"));
    CHECK_EQ_INT(reply.code, 5);
}

PK_TEST(control__reply__is_parsed) {
    struct pk_control_reply r;
    CHECK_EQ_INT(
        pk_control_reply_parse(pk_str_of("{\"id\":7,\"ok\":true,\"result\":{\"a\":[1]},\"later\":1}"), &r),
        PK_OK);
    CHECK(r.is_ok && !r.is_more && !r.is_done);
    CHECK_EQ_U64(r.id, 7);
    CHECK(pk_str_eq_c(r.result, "{\"a\":[1]}"));
    CHECK_EQ_INT(
        pk_control_reply_parse(
            pk_str_of(
                "{\"id\":7,\"ok\":false,\"code\":3,\"error\":\"not_found\",\"message\":\"a \\\"b\\\"\"}"),
            &r),
        PK_OK);
    CHECK(!r.is_ok);
    CHECK_EQ_INT(r.code, 3);
    CHECK(pk_str_eq_c(r.error, "not_found"));
    CHECK(pk_str_eq_c(r.message, "a \\\"b\\\""));
    CHECK_EQ_INT(pk_control_reply_parse(pk_str_of("{\"id\":7,\"more\":true,\"result\":1}"), &r), PK_OK);
    CHECK(r.is_more && r.is_ok);
    CHECK_EQ_INT(pk_control_reply_parse(pk_str_of("{\"id\":7,\"done\":true}"), &r), PK_OK);
    CHECK(r.is_done);
    CHECK_EQ_INT(pk_control_reply_parse(pk_str_of("{\"id\":7}"), &r), PK_E_MISSING_FIELD);
    CHECK_EQ_INT(pk_control_reply_parse(pk_str_of("{\"ok\":false,\"code\":99999999999}"), &r),
                 PK_E_BAD_FIELD);
    CHECK_EQ_INT(pk_control_reply_parse(pk_str_of("nonsense"), &r), PK_E_BAD_MSG);
}

PK_TEST_MAIN(control__request__golden_line_both_ways, control__bad_request__keeps_the_id_for_the_answer,
             control__replies__are_the_golden_lines, control__long_detail__is_cut_not_lost,
             control__reply__is_parsed)
