#include <string.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;

static bool says(const char *part) {
    return strstr(rig.out, part) != NULL;
}

PK_TEST(simulate__shows_incidents) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(
        ctl_rig_run(
            &rig,
            "simulate --type auth_failed --components 192.0.2.7,192.0.2.8 --event-count 20 --time-span 1m"),
        0);
    CHECK(says("\"rule_id\":\"security_incident\""));
    CHECK(says("\"affected_components\":[\"192.0.2.7\"]") && says("\"affected_components\":[\"192.0.2.8\"]"));
    CHECK(says("\"detected_at\":\"2026-01-01T00:01:00.000Z\""));
    /* Nine of each are too few. */
    CHECK_EQ_INT(
        ctl_rig_run(&rig, "simulate --type auth_failed --severity low --components a,b --event-count 18"), 0);
    CHECK_STR(rig.out, "");
    CHECK_EQ_INT(ctl_rig_run(&rig, "simulate --type disk_pct --value 97 --event-count 1"), 0);
    CHECK(says("\"rule_id\":\"disk_space_low\""));
    ctl_rig_end(&rig);
}

PK_TEST(simulate__shows_its_events) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(
        ctl_rig_run(&rig, "simulate --type x --severity low --event-count 3 --time-span 10s --as-events"), 0);
    CHECK_STR(rig.out, "{\"time\":\"2026-01-01T00:00:00.000Z\",\"type\":\"x\",\"source\":\"simulation\","
                       "\"severity\":\"low\",\"message\":\"simulated\"}\n"
                       "{\"time\":\"2026-01-01T00:00:05.000Z\",\"type\":\"x\",\"source\":\"simulation\","
                       "\"severity\":\"low\",\"message\":\"simulated\"}\n"
                       "{\"time\":\"2026-01-01T00:00:10.000Z\",\"type\":\"x\",\"source\":\"simulation\","
                       "\"severity\":\"low\",\"message\":\"simulated\"}\n");
    ctl_rig_end(&rig);
}

PK_TEST(simulate__refuses_what_makes_no_sense) {
    static const char *const BAD[] = {"simulate",
                                      "simulate --type a/b",
                                      "simulate --type a --severity much",
                                      "simulate --type a --components a,,b",
                                      "simulate --type a --event-count 0",
                                      "simulate --type a --event-count 1000001",
                                      "simulate --type a --time-span 2y",
                                      "simulate --type a --value x"};
    ctl_rig_begin_alone(&rig);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK_EQ_INT(ctl_rig_run(&rig, BAD[i]), 2);
        CHECK_STR(rig.out, "");
        CHECK(strncmp(rig.err, "picketctl: ", 11) == 0);
    }
    ctl_rig_end(&rig);
}

PK_TEST_MAIN(simulate__shows_incidents, simulate__shows_its_events, simulate__refuses_what_makes_no_sense)
