/* ctest: full=native */
#include "agent/pk_agent_priv.h"

#include "support/gateway_test.h"

enum { DAY_S = 86400, HOUR_MS = 3600000 };

static void ends_in(int64_t days) {
    pk_agent_certificate(&gw.agent, 1, gw.agent.now.wall_ms / 1000 + days * DAY_S);
    wait_ms(20000);
}

static const struct pk_incident *incident(void) {
    return gateway_incident(&gw, "certificate_expiration");
}

PK_TEST(certificate__ends_soon__is_an_incident_until_it_is_renewed) {
    begin(NULL);
    ends_in(90);
    CHECK(incident() == NULL);
    ends_in(20);
    REQUIRE(incident() != NULL);
    CHECK_EQ_INT(incident()->severity, PK_SEV_MEDIUM);
    CHECK(says(0, "events.list", "{\"type\":\"certificate_days\"}", "\"source\":\"broker-central\""));
    ends_in(5);
    CHECK_EQ_INT(incident()->severity, PK_SEV_HIGH);
    ends_in(365);
    wait_ms(2 * HOUR_MS);
    CHECK(!pk_incident_status_is_active(incident()->status));
    check_sound();
}

PK_TEST(certificate__nobody_renews_it__the_day_comes_nearer_by_itself) {
    begin(NULL);
    ends_in(31);
    CHECK(incident() == NULL);
    wait_ms(2ull * DAY_S * 1000u);
    CHECK(incident() != NULL);
    check_sound();
}

PK_TEST(certificate__none__nothing_is_said) {
    begin(NULL);
    pk_agent_certificate(&gw.agent, 1, 0);
    wait_ms(2 * HOUR_MS);
    CHECK(says(0, "events.list", "{\"type\":\"certificate_days\"}", "\"events\":[]"));
    check_sound();
}

PK_TEST_MAIN(certificate__ends_soon__is_an_incident_until_it_is_renewed,
             certificate__nobody_renews_it__the_day_comes_nearer_by_itself,
             certificate__none__nothing_is_said)
