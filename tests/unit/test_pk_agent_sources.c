#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

static void give(const char *line) {
    const char *answer = gateway_events(&gw, line);
    CHECK(answer != NULL && strstr(answer, "\"ok\":true") != NULL);
}

static uint32_t count_of(const char *cmd, const char *args, const char *text) {
    const char *at = gateway_command(&gw, 0, cmd, args);
    uint32_t count = 0;
    while (at != NULL && (at = strstr(at, text)) != NULL) {
        count++;
        at++;
    }
    return count;
}

PK_TEST(events__by_age_and_time) {
    char args[160];
    begin(NULL);
    give("{\"type\":\"t\",\"source\":\"a\",\"message\":\"first\"}\n");
    const int64_t first_ms = gw.agent.now.wall_ms;
    wait_ms(600000);
    give("{\"type\":\"t\",\"source\":\"a\",\"message\":\"second\"}\n");
    wait_ms(1000);
    CHECK_EQ_U64(count_of("events.list", "{\"type\":\"t\"}", "\"event_id\""), 2);
    CHECK_EQ_U64(count_of("events.list", "{\"type\":\"t\",\"since\":\"5m\"}", "\"second\""), 1);
    CHECK_EQ_U64(count_of("events.list", "{\"type\":\"t\",\"since\":\"5m\"}", "\"event_id\""), 1);
    CHECK_EQ_U64(count_of("events.list", "{\"type\":\"t\",\"until\":\"5m\"}", "\"first\""), 1);
    CHECK_EQ_U64(count_of("events.list", "{\"type\":\"t\",\"until\":\"5m\"}", "\"event_id\""), 1);
    (void)snprintf(args, sizeof args, "{\"type\":\"t\",\"until\":\"%lld\"}", (long long)first_ms);
    CHECK_EQ_U64(count_of("events.list", args, "\"first\""), 1);
    (void)snprintf(args, sizeof args, "{\"type\":\"t\",\"since\":\"%lld\"}", (long long)first_ms + 1);
    CHECK_EQ_U64(count_of("events.list", args, "\"event_id\""), 1);
    CHECK_EQ_U64(
        count_of("events.list", "{\"type\":\"t\",\"since\":\"2020-01-01T00:00:00Z\"}", "\"event_id\""), 2);
    CHECK_EQ_U64(
        count_of("events.list", "{\"type\":\"t\",\"until\":\"2020-01-01T00:00:00Z\"}", "\"event_id\""), 0);
    CHECK(says(0, "events.list", "{\"since\":\"soon\"}", "\"error\":\"bad_field\""));
    check_sound();
}

PK_TEST(events__in_pages) {
    char line[96], args[96];
    begin(NULL);
    for (uint32_t i = 0; i < 7; i++) {
        (void)snprintf(line, sizeof line, "{\"type\":\"t\",\"source\":\"a\",\"message\":\"m%u\"}\n", i);
        give(line);
    }
    const uint32_t last = gw.agent.intake.number;
    CHECK(says(0, "events.list", "{\"type\":\"t\",\"limit\":3}", "\"more\":true"));
    (void)snprintf(args, sizeof args, "{\"type\":\"t\",\"limit\":3,\"before\":\"%u-%u\"}", gw.agent.now.boot,
                   last - 2);
    CHECK(says(0, "events.list", args, "\"m3\""));
    CHECK_EQ_U64(count_of("events.list", args, "\"event_id\""), 3);
    (void)snprintf(args, sizeof args, "{\"type\":\"t\",\"before\":\"%u-%u\"}", gw.agent.now.boot, last - 5);
    CHECK(says(0, "events.list", args, "\"m0\""));
    CHECK(says(0, "events.list", args, "\"more\":false"));
    CHECK(says(0, "events.list", "{\"before\":\"999-1\"}", "\"error\":\"bad_field\""));
    CHECK(says(0, "events.list", "{\"before\":\"7\"}", "\"error\":\"bad_field\""));
    check_sound();
}

PK_TEST(events__large_ones__never_cut_the_answer) {
    char line[3000];
    begin(NULL);
    for (uint32_t i = 0; i < 40; i++) {
        struct pk_buf b;
        pk_buf_init(&b, line, sizeof line);
        pk_buf_puts(&b, "{\"type\":\"big\",\"source\":\"a\",\"message\":\"");
        for (uint32_t k = 0; k < 250; k++) {
            pk_buf_putc(&b, 'x');
        }
        pk_buf_puts(&b, "\",\"metadata\":{");
        for (uint32_t f = 0; f < 7; f++) {
            pk_buf_putc(&b, f > 0 ? ',' : ' ');
            pk_buf_puts(&b, "\"f");
            pk_buf_put_u64(&b, f);
            pk_buf_puts(&b, "\":\"");
            for (uint32_t k = 0; k < 200; k++) {
                pk_buf_puts(&b, "y");
            }
            pk_buf_puts(&b, "\"");
        }
        pk_buf_puts(&b, "}}\n");
        CHECK(!b.is_cut);
        give(line);
    }
    const char *answer = gateway_command(&gw, 0, "events.list", "{\"type\":\"big\",\"limit\":40}");
    REQUIRE(answer != NULL);
    CHECK(strstr(answer, "\"ok\":true") != NULL && strstr(answer, "\"more\":true") != NULL);
    check_sound();
}

PK_TEST(sources__states_and_figures) {
    begin(NULL);
    CHECK(says(0, "sources.get", "{\"source\":\"press-7\"}", "\"state\":\"unknown\""));
    CHECK(says(0, "sources.get", "{\"source\":\"press-7\"}", "\"expected_seconds\":30.000"));
    give("{\"type\":\"heartbeat\",\"source\":\"press-7\",\"value\":10}\n{\"type\":\"t\",\"source\":\"a\"}\n");
    CHECK(says(0, "sources.get", "{\"source\":\"press-7\"}", "\"state\":\"ok\""));
    CHECK(says(0, "sources.get", "{\"source\":\"press-7\"}", "\"promised_seconds\":10.000"));
    wait_ms(21000);
    CHECK(says(0, "sources.get", "{\"source\":\"press-7\"}", "\"state\":\"silent\""));
    CHECK(says(0, "sources.get", "{\"source\":\"a\"}", "\"state\":\"ok\""));
    wait_ms(60000);
    CHECK(says(0, "sources.list", "{\"state\":\"stale\"}", "\"source\":\"a\",\"state\":\"stale\""));
    CHECK(says(0, "sources.list", "{\"source\":\"press*\"}", "\"source\":\"press-7\",\"state\":\"silent\""));
    CHECK(says(0, "sources.list", "{\"state\":\"well\"}", "\"error\":\"bad_field\""));
    CHECK(says(0, "sources.get", "{\"source\":\"nobody\"}", "\"error\":\"not_found\""));
    CHECK(says(0, "sources.get", "{\"source\":\"a\"}", "\"newest_events\":[{\"event_id\""));
    check_sound();
}

PK_TEST(sources__one_that_never_reported__is_silent_once_its_rule_fires) {
    begin(NULL);
    wait_ms(59000);
    CHECK(says(0, "sources.get", "{\"source\":\"press-7\"}", "\"state\":\"unknown\""));
    wait_ms(2000);
    CHECK(says(0, "sources.get", "{\"source\":\"press-7\"}", "\"state\":\"silent\""));
    CHECK(says(0, "sources.list", "{\"state\":\"silent\"}", "\"source\":\"press-7\""));
    check_sound();
}

PK_TEST(sources__one_that_cannot_measure_is_a_fault) {
    begin(NULL);
    REQUIRE(pk_event_sample("disk_pct", "data", 0, PK_E_IO, &gw.agent.event_in) == PK_OK);
    CHECK(pk_agent_offer(&gw.agent));
    wait_ms(100);
    CHECK(says(0, "sources.get", "{\"source\":\"data\"}", "\"state\":\"fault\""));
    CHECK(says(0, "sources.list", "{\"state\":\"fault\"}", "\"source\":\"data\""));
    CHECK_EQ_U64(count_of("sources.list", "{\"state\":\"ok\"}", "\"data\""), 0);
    check_sound();
}

PK_TEST(sources__losses_by_reason) {
    begin(NULL);
    gw.agent.intake.rate_per_s = 1;
    gw.agent.intake.burst = 2;
    (void)gateway_events(&gw, "{\"type\":\"t\",\"source\":\"a\"}\n{\"type\":\"t\",\"source\":\"a\"}\n"
                              "{\"type\":\"t\",\"source\":\"a\"}\n{\"type\":\"t\",\"source\":\"a\"}\n");
    wait_ms(100);
    CHECK(
        says(0, "sources.get", "{\"source\":\"a\"}", "\"events\":2,\"lost\":2,\"faults\":0,\"sequence\":4"));
    CHECK(
        says(0, "sources.get", "{\"source\":\"a\"}", "{\"reason\":\"rate\",\"count\":2,\"from\":3,\"to\":4"));
    CHECK(says(0, "sources.get", "{\"source\":\"a\"}", "\"tokens\":0,\"burst\":2,\"rate\":1"));
    wait_ms(1500);
    CHECK(says(0, "sources.get", "{\"source\":\"a\"}", "\"tokens\":1,\"burst\":2,\"rate\":1"));
    check_sound();
}

PK_TEST(sources__in_pages_and_by_signed_command) {
    char line[64];
    begin(NULL);
    for (uint32_t i = 0; i < 5; i++) {
        (void)snprintf(line, sizeof line, "{\"type\":\"t\",\"source\":\"s%u\"}\n", i);
        give(line);
    }
    CHECK(says(0, "sources.list", "{\"source\":\"s?\",\"limit\":3}", "\"more\":true"));
    CHECK_EQ_U64(count_of("sources.list", "{\"source\":\"s?\",\"limit\":3}", "\"state\""), 3);
    CHECK_EQ_U64(count_of("sources.list", "{\"source\":\"s?\",\"limit\":3,\"before\":\"s2\"}", "\"state\""),
                 2);
    CHECK(says(0, "sources.list", "{\"before\":\"nobody\"}", "\"error\":\"not_found\""));
    CHECK_EQ_INT(pk_cmd_role_check(PK_CMD_SOURCES_LIST, PK_ROLE_VIEWER), PK_OK);
    CHECK_EQ_INT(pk_cmd_role_check(PK_CMD_SOURCES_GET, PK_ROLE_HUB), PK_OK);
    check_sound();
}

PK_TEST_MAIN(events__by_age_and_time, events__in_pages, events__large_ones__never_cut_the_answer,
             sources__states_and_figures, sources__one_that_never_reported__is_silent_once_its_rule_fires,
             sources__one_that_cannot_measure_is_a_fault, sources__losses_by_reason,
             sources__in_pages_and_by_signed_command)
