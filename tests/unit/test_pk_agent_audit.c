#include "agent/pk_agent_priv.h"
#include "base/pk_json.h"

#include "support/gateway_test.h"

/* Asks until the page is there; the answer of the agent. */
static const char *page(const char *args) {
    const char *answer = NULL;
    for (int i = 0; i < 20; i++) {
        answer = gateway_command(&gw, 1000, "audit.list", args);
        if (answer == NULL || strstr(answer, "\"ready\":true") != NULL) {
            return answer;
        }
        wait_ms(20);
    }
    return answer;
}

static bool has(const char *answer, const char *text) {
    return answer != NULL && strstr(answer, text) != NULL;
}

PK_TEST(list__is_read_from_the_store_page_by_page) {
    begin(NULL);
    const struct pk_incident *i = open_incident();
    REQUIRE(i != NULL);
    for (int k = 0; k < 30; k++) {
        CHECK(says(1001, "incidents.note", "{\"incident_id\":\"inc_1\",\"note\":\"seen\"}", "\"ok\":true"));
    }
    wait_ms(1000);
    CHECK(says(1000, "audit.list", "{}", "\"ready\":false,\"entries\":[]"));
    wait_ms(100);
    const char *first = page("{}");
    CHECK(has(first, "{\"n\":1,\"hash\":\""));
    CHECK(has(first, "\"entry\":{\"at\":"));
    CHECK(!has(first, "{\"n\":30,"));
    CHECK(has(page("{\"after\":20}"), "[{\"n\":21,"));
    /* Behind the newest there is nothing, and that is an answer. */
    CHECK(has(page("{\"after\":100000}"), "\"ready\":true,\"entries\":[]"));
    CHECK(has(page("{\"after\":18446744073709551614}"), "\"entries\":[]"));
    CHECK(says(1000, "audit.head", "{}", "\"base_n\":0,\"base\":\"00000000"));
    check_sound();
}

PK_TEST(list__another_question_takes_the_place_of_the_first) {
    begin(NULL);
    REQUIRE(open_incident() != NULL);
    wait_ms(1000);
    CHECK(says(1000, "audit.list", "{\"after\":1}", "\"ready\":false"));
    CHECK(says(1000, "audit.list", "{}", "\"ready\":"));
    wait_ms(100);
    CHECK(has(page("{\"after\":1}"), "[{\"n\":2,"));
    CHECK(has(page("{}"), "[{\"n\":1,"));
    check_sound();
}

PK_TEST(list__goes_on_while_old_entries_are_trimmed) {
    begin(&(struct gateway_setup){.seed = 3, .config = NULL});
    REQUIRE(open_incident() != NULL);
    gw.agent.config.journal_keep_count = 20; /* less than a configuration may say */
    for (int k = 0; k < 80; k++) {
        CHECK(says(1001, "incidents.note", "{\"incident_id\":\"inc_1\",\"note\":\"seen\"}", "\"ok\":true"));
        CHECK(says(1000, "audit.list", "{}", "\"ready\":"));
        wait_ms(50);
    }
    CHECK(gw.agent.audit.base.n > 20);
    CHECK(has(page("{}"), "\"entry\":{"));
    check_sound();
}

PK_TEST_MAIN(list__is_read_from_the_store_page_by_page, list__another_question_takes_the_place_of_the_first,
             list__goes_on_while_old_entries_are_trimmed)
