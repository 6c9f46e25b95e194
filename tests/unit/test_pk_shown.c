#include "wire/pk_shown.h"

#include <string.h>

#include "support/pk_test.h"

static char text[4096];
static const struct pk_shown_gateway GATEWAY = {
    .site = {"lab", 3}, .gateway = {"gw-01", 5}, .version = {"0.1.0", 5}, .board = {"armv7", 5}};

static const char *topic(enum pk_shown_kind kind, const char *part) {
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    CHECK_EQ_INT(pk_shown_topic(&b, kind, &GATEWAY, pk_str_of(part)), PK_OK);
    return text;
}

PK_TEST(topics__are_those_of_the_two_programs) {
    CHECK_STR(topic(PK_SHOWN_HOME_DEVICE, ""), "homeassistant/device/gw-01/config");
    CHECK_STR(topic(PK_SHOWN_HOME_STATE, ""), "picket/v1/lab/gw-01/home");
    CHECK_STR(topic(PK_SHOWN_HOME_INCIDENT, "inc_gw-01_1_00001"),
              "homeassistant/binary_sensor/gw-01/inc_gw-01_1_00001/config");
    CHECK_STR(topic(PK_SHOWN_ALARM, "inc_gw-01_1_00001"),
              "te/device/main/service/picket/a/inc_gw-01_1_00001");
    CHECK_STR(topic(PK_SHOWN_EVENT, "incident_opened"), "te/device/main/service/picket/e/incident_opened");
    CHECK(pk_str_starts(pk_str_of(topic(PK_SHOWN_ALARM, "x")), PK_SHOWN_THIN_EDGE));
}

PK_TEST(topics__too_long__are_refused) {
    char small[24];
    struct pk_buf b;
    for (uint32_t kind = PK_SHOWN_HOME_DEVICE; kind <= PK_SHOWN_EVENT; kind++) {
        pk_buf_init(&b, small, sizeof small);
        CHECK_EQ_INT(pk_shown_topic(&b, (enum pk_shown_kind)kind, &GATEWAY, pk_str_of("incident_opened")),
                     PK_E_TOO_BIG);
    }
}

static struct pk_buf out;
static struct pk_json_writer *writer(void) {
    static struct pk_json_writer w;
    pk_buf_init(&out, text, sizeof text);
    pk_jw_init(&w, &out);
    return &w;
}

static bool has(const char *part) {
    return strstr(text, part) != NULL;
}

/* Every string Home Assistant requires of the form is there, and the whole is one JSON document. */
PK_TEST(home_device__has_what_discovery_requires) {
    struct pk_json_reader r;
    struct pk_json_token t;
    pk_shown_home_device(writer(), &GATEWAY);
    CHECK(!out.is_cut);
    CHECK(has("\"dev\":{\"ids\":[\"picket_gw-01\"],\"name\":\"gw-01\""));
    CHECK(has("\"o\":{\"name\":\"picket\",\"sw\":\"0.1.0\"}"));
    CHECK(has("\"stat_t\":\"picket/v1/lab/gw-01/home\""));
    CHECK(has("\"avty_t\":\"picket/v1/lab/gw-01/status\""));
    CHECK(has("\"problem\":{\"p\":\"binary_sensor\",\"unique_id\":\"gw-01_problem\""));
    CHECK(has("\"unit_of_meas\":\"%\""));
    pk_json_init(&r, out.p, out.n);
    do {
        REQUIRE(pk_json_next(&r, &t) == PK_OK);
    } while (t.kind != PK_JSON_END);
}

PK_TEST(home_state__says_what_is_open) {
    struct pk_shown_state s = {.worst = -1};
    pk_shown_home_state(writer(), &s);
    CHECK_STR(
        text,
        "{\"problem\":false,\"hub\":false,\"open\":0,\"worst\":\"none\",\"waiting\":0,\"store_pct\":0}");
    s = (struct pk_shown_state){.has_problem = true,
                                .is_hub_linked = true,
                                .open_count = 2,
                                .worst = PK_SEV_CRITICAL,
                                .waiting_count = 7,
                                .store_pct = 12};
    pk_shown_home_state(writer(), &s);
    CHECK_STR(
        text,
        "{\"problem\":true,\"hub\":true,\"open\":2,\"worst\":\"critical\",\"waiting\":7,\"store_pct\":12}");
}

PK_TEST(home_incident__is_a_problem_of_the_same_device) {
    pk_shown_home_incident(writer(), &GATEWAY, pk_str_of("inc_gw-01_1_00001"),
                           pk_str_of("[high] \"x\" on api"));
    CHECK(has("\"dev\":{\"ids\":[\"picket_gw-01\"]}"));
    CHECK(has(
        "\"uniq_id\":\"inc_gw-01_1_00001\",\"name\":\"[high] \\\"x\\\" on api\",\"dev_cla\":\"problem\""));
    CHECK(has("\"val_tpl\":\"ON\""));
}

PK_TEST(alarm_and_event__are_thin_edge_io_s) {
    static const char *const WORDS[] = {"warning", "warning", "minor", "major", "critical"};
    for (uint8_t severity = 0; severity < PK_SEV_COUNT; severity++) {
        pk_shown_alarm(writer(), severity, pk_str_of("t"), 0);
        CHECK(has(WORDS[severity]));
        CHECK(!has("time"));
    }
    pk_shown_alarm(writer(), PK_SEV_HIGH, pk_str_of("[high] Error burst on api"), 1790000000000);
    CHECK_STR(text, "{\"severity\":\"major\",\"text\":\"[high] Error burst on "
                    "api\",\"time\":\"2026-09-21T14:13:20.000Z\"}");
    pk_shown_event(writer(), pk_str_of("inc_gw-01_1_00001"), pk_str_of("t"), 0);
    CHECK_STR(text, "{\"text\":\"t\",\"incident_id\":\"inc_gw-01_1_00001\"}");
}

PK_TEST_MAIN(topics__are_those_of_the_two_programs, topics__too_long__are_refused,
             home_device__has_what_discovery_requires, home_state__says_what_is_open,
             home_incident__is_a_problem_of_the_same_device, alarm_and_event__are_thin_edge_io_s)
