#include "wire/pk_topic.h"

#include <string.h>

#include "support/pk_test.h"

static char text[PK_TOPIC_BYTES];
static struct pk_buf b;

static int build(enum pk_topic_kind kind, const char *a, const char *second) {
    const struct pk_topic t = {.kind = kind,
                               .site = pk_str_of("plant"),
                               .gateway = pk_str_of("gw-1"),
                               .a = pk_str_of(a),
                               .b = pk_str_of(second)};
    pk_buf_init(&b, text, sizeof text);
    return pk_topic_build(&b, &t);
}

PK_TEST(topic__every_kind__builds_the_golden_name_and_parses_back) {
    static const struct {
        enum pk_topic_kind kind;
        const char *a, *b, *topic;
    } CASES[PK_TOPIC_KIND_COUNT] = {
        {PK_TOPIC_STATUS, "", "", "picket/v1/plant/gw-1/status"},
        {PK_TOPIC_SUMMARY, "", "", "picket/v1/plant/gw-1/summary"},
        {PK_TOPIC_INCIDENT, "inc_gw-1_7_00042", "", "picket/v1/plant/gw-1/incident/inc_gw-1_7_00042"},
        {PK_TOPIC_APPROVAL, "apr_7_3", "", "picket/v1/plant/gw-1/approval/apr_7_3"},
        {PK_TOPIC_REPLY, "c0ffee", "", "picket/v1/plant/gw-1/reply/c0ffee"},
        {PK_TOPIC_CMD, "incidents.ack", "", "picket/v1/plant/gw-1/cmd/incidents.ack"},
        {PK_TOPIC_ACK, "", "", "picket/v1/plant/gw-1/ack"},
        {PK_TOPIC_CAPSULE, "inc_gw-1_7_00042", "3", "picket/v1/plant/gw-1/capsule/inc_gw-1_7_00042/3"},
        {PK_TOPIC_EVENT, "temp_high", "", "picket/v1/plant/gw-1/event/temp_high"},
        {PK_TOPIC_IN, "plc.4:a@b", "temp_high", "picket/v1/plant/gw-1/in/plc.4:a@b/temp_high"},
        {PK_TOPIC_HOME, "", "", "picket/v1/plant/gw-1/home"},
    };
    for (unsigned i = 0; i < PK_TOPIC_KIND_COUNT; i++) {
        struct pk_topic t;
        CHECK_EQ_INT(CASES[i].kind, i);
        CHECK_EQ_INT(build(CASES[i].kind, CASES[i].a, CASES[i].b), PK_OK);
        CHECK_STR(text, CASES[i].topic);
        CHECK_EQ_INT(pk_topic_parse(pk_str_of(CASES[i].topic), &t), PK_OK);
        CHECK_EQ_INT(t.kind, i);
        CHECK(pk_str_eq_c(t.site, "plant"));
        CHECK(pk_str_eq_c(t.gateway, "gw-1"));
        CHECK(pk_str_eq_c(t.a, CASES[i].a));
        CHECK(pk_str_eq_c(t.b, CASES[i].b));
    }
}

PK_TEST(topic__bad_parts__are_not_built) {
    char long_name[66];
    memset(long_name, 'x', 65);
    long_name[65] = '\0';
    CHECK_EQ_INT(build(PK_TOPIC_INCIDENT, "", ""), PK_E_BAD_FIELD);
    CHECK_EQ_INT(build(PK_TOPIC_INCIDENT, "a/b", ""), PK_E_BAD_FIELD);
    CHECK_EQ_INT(build(PK_TOPIC_INCIDENT, "+", ""), PK_E_BAD_FIELD);
    CHECK_EQ_INT(build(PK_TOPIC_INCIDENT, "#", ""), PK_E_BAD_FIELD);
    CHECK_EQ_INT(build(PK_TOPIC_INCIDENT, "a b", ""), PK_E_BAD_FIELD);
    CHECK_EQ_INT(build(PK_TOPIC_INCIDENT, long_name, ""), PK_E_BAD_FIELD);
    CHECK_EQ_INT(build(PK_TOPIC_INCIDENT, "a", "b"), PK_E_BAD_FIELD);
    CHECK_EQ_INT(build(PK_TOPIC_STATUS, "a", ""), PK_E_BAD_FIELD);
    CHECK_EQ_INT(build(PK_TOPIC_CAPSULE, "a", "one"), PK_E_BAD_FIELD);
    CHECK_EQ_INT(build(PK_TOPIC_IN, "a", ""), PK_E_BAD_FIELD);
    CHECK_STR(text, "");
    struct pk_topic t = {.kind = PK_TOPIC_STATUS, .site = pk_str_of("pl.ant"), .gateway = pk_str_of("g")};
    CHECK_EQ_INT(pk_topic_build(&b, &t), PK_E_BAD_FIELD);
    t.site = pk_str_of("123456789012345678901234567890123");
    CHECK_EQ_INT(pk_topic_build(&b, &t), PK_E_BAD_FIELD);
}

PK_TEST(topic__longest__fits_and_short_buffer__is_left_as_it_was) {
    char name[65], id[33], small[20];
    memset(name, 'n', 64);
    memset(id, 'i', 32);
    name[64] = '\0';
    id[32] = '\0';
    const struct pk_topic t = {.kind = PK_TOPIC_IN,
                               .site = pk_str_of(id),
                               .gateway = pk_str_of(id),
                               .a = pk_str_of(name),
                               .b = pk_str_of(name)};
    pk_buf_init(&b, text, sizeof text);
    CHECK_EQ_INT(pk_topic_build(&b, &t), PK_OK);
    pk_buf_init(&b, small, sizeof small);
    pk_buf_puts(&b, "keep ");
    CHECK_EQ_INT(pk_topic_build(&b, &t), PK_E_TOO_BIG);
    CHECK_STR(small, "keep ");
    CHECK(!b.is_cut);
}

PK_TEST(topic__hostile_names__are_refused) {
    static char huge[65536];
    static const struct {
        const char *text;
        int err;
    } CASES[] = {
        {"", PK_E_NOT_FOUND},
        {"/", PK_E_NOT_FOUND},
        {"picket/v1", PK_E_NOT_FOUND},
        {"picket/v2/plant/gw-1/status", PK_E_NOT_FOUND},
        {"Picket/v1/plant/gw-1/status", PK_E_NOT_FOUND},
        {"picket/v1/", PK_E_BAD_FIELD},
        {"picket/v1/plant/gw-1", PK_E_BAD_FIELD},
        {"picket/v1/plant/gw-1/", PK_E_NOT_FOUND},
        {"picket/v1/plant/gw-1/nothing", PK_E_NOT_FOUND},
        {"picket/v1/plant/gw-1/status/", PK_E_BAD_FIELD},
        {"picket/v1//gw-1/status", PK_E_BAD_FIELD},
        {"picket/v1/plant//status", PK_E_BAD_FIELD},
        {"picket/v1/+/gw-1/status", PK_E_BAD_FIELD},
        {"picket/v1/plant/gw-1/cmd", PK_E_BAD_FIELD},
        {"picket/v1/plant/gw-1/cmd/", PK_E_BAD_FIELD},
        {"picket/v1/plant/gw-1/cmd/#", PK_E_BAD_FIELD},
        {"picket/v1/plant/gw-1/cmd/a/b", PK_E_BAD_FIELD},
        {"picket/v1/plant/gw-1/in/a", PK_E_BAD_FIELD},
        {"picket/v1/plant/gw-1/in//b", PK_E_BAD_FIELD},
        {"picket/v1/plant/gw-1/in/a/b/c", PK_E_BAD_FIELD},
        {"picket/v1/plant/gw-1/in/\xC3\xBC/b", PK_E_BAD_FIELD},
    };
    struct pk_topic t;
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const int err = pk_topic_parse(pk_str_of(CASES[i].text), &t);
        if (err != CASES[i].err) {
            CHECK_STR(CASES[i].text, "");
        }
        CHECK_EQ_INT(err, CASES[i].err);
    }
    memset(huge, 'a', sizeof huge - 1);
    memcpy(huge, "picket/v1/plant/gw-1/in/", 24);
    CHECK_EQ_INT(pk_topic_parse(pk_str_make(huge, sizeof huge - 1), &t), PK_E_BAD_FIELD);
    memset(huge, '/', sizeof huge - 1);
    memcpy(huge, "picket/v1/plant/gw-1/in/", 24);
    CHECK_EQ_INT(pk_topic_parse(pk_str_make(huge, sizeof huge - 1), &t), PK_E_BAD_FIELD);
}

PK_TEST(topic__filters__are_what_an_agent_subscribes_to) {
    static const char *const WANT[PK_TOPIC_FILTER_COUNT] = {
        "picket/v1/plant/gw-1/cmd/+", "picket/v1/plant/all/cmd/+", "picket/v1/all/all/cmd/+",
        "picket/v1/plant/gw-1/ack", "picket/v1/plant/gw-1/in/+/+"};
    for (unsigned i = 0; i < PK_TOPIC_FILTER_COUNT; i++) {
        pk_buf_init(&b, text, sizeof text);
        CHECK_EQ_INT(
            pk_topic_filter_build(&b, (enum pk_topic_filter)i, pk_str_of("plant"), pk_str_of("gw-1")), PK_OK);
        CHECK_STR(text, WANT[i]);
    }
    CHECK_EQ_INT(pk_topic_filter_build(&b, PK_TOPIC_FILTER_CMD, pk_str_of("pl+ant"), pk_str_of("gw-1")),
                 PK_E_BAD_FIELD);
    pk_buf_init(&b, text, 10);
    CHECK_EQ_INT(pk_topic_filter_build(&b, PK_TOPIC_FILTER_CMD, pk_str_of("plant"), pk_str_of("gw-1")),
                 PK_E_TOO_BIG);
}

PK_TEST_MAIN(topic__every_kind__builds_the_golden_name_and_parses_back, topic__bad_parts__are_not_built,
             topic__longest__fits_and_short_buffer__is_left_as_it_was, topic__hostile_names__are_refused,
             topic__filters__are_what_an_agent_subscribes_to)
