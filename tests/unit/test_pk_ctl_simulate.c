#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static char dir[] = "/tmp/picketctl-simulate-XXXXXX";

/* `args` behind it, and the configuration of this folder. */
static int with_conf(const char *args) {
    char line[256];
    (void)snprintf(line, sizeof line, "%s --config %s/picketd.conf", args, dir);
    return ctl_rig_run(&rig, line);
}

/* test-rule and replay take their engine from the same place. */
PK_TEST(simulate__thresholds_of_a_configuration) {
    static const char LOW_DISK[] = "simulate --type disk_pct --value 81 --event-count 1";
    char path[128];
    REQUIRE(mkdtemp(dir) != NULL);
    pk_test_put_file(dir, "picketd.conf", "[gateway]\nsite = lab\n[thresholds]\nmax_disk = 95 # for now\n");
    (void)snprintf(path, sizeof path, "%s/conf.d", dir);
    REQUIRE(mkdir(path, 0755) == 0);
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run(&rig, LOW_DISK), 0);
    CHECK_STR(rig.out, "");
    CHECK_EQ_INT(with_conf(LOW_DISK), 0);
    CHECK_STR(rig.out, "");
    pk_test_put_file(dir, "conf.d/10.conf", "[thresholds]\nmax_disk = 80\nmine = 3\n");
    CHECK_EQ_INT(with_conf(LOW_DISK), 0);
    CHECK(says("\"rule_id\":\"disk_space_low\""));
    CHECK_EQ_INT(with_conf("test-rule disk_space_low --events /dev/null"), 0);
    CHECK_EQ_INT(with_conf("replay /dev/null"), 0);
    pk_test_put_file(dir, "own.rules",
                     "[rule own]\non = type = t\nwhen = value > $mine\ntype = custom\nseverity = low\n");
    (void)snprintf(path, sizeof path, "simulate --type t --value 4 --rules %s/own.rules", dir);
    CHECK_EQ_INT(ctl_rig_run(&rig, path), 9);
    CHECK(strstr(rig.err, "own.rules:3:") != NULL);
    CHECK_EQ_INT(with_conf(path), 0);
    CHECK(says("\"rule_id\":\"own\""));
    pk_test_put_file(dir, "conf.d/10.conf", "[thresholds]\nmax_disk = much\n");
    CHECK_EQ_INT(with_conf(LOW_DISK), 9);
    CHECK(strstr(rig.err, "[thresholds] 'max_disk'") != NULL);
    CHECK_EQ_INT(ctl_rig_run(&rig, "simulate --type t --config /does/not/exist"), 3);
    CHECK(strstr(rig.err, "cannot read /does/not/exist") != NULL);
    ctl_rig_end(&rig);
    static const char *const FILES[] = {"conf.d/10.conf", "conf.d", "own.rules", "picketd.conf", ""};
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, FILES[i]);
        CHECK_EQ_INT(remove(path), 0);
    }
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

PK_TEST(simulate__nothing_fired__says_who_looked) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run(&rig, "simulate --type nosuch --severity info"), 0);
    CHECK_STR(rig.out, "");
    CHECK_STR(rig.err,
              "picketctl: no rule listens to events of type nosuch of these components with severity info\n");
    CHECK_EQ_INT(ctl_rig_run(&rig, "simulate --type disk_pct --value 3 --event-count 1"), 0);
    CHECK(strstr(rig.err, "picketctl: no incident; rules that looked at the events: ") == rig.err);
    CHECK(strstr(rig.err, "disk") != NULL);
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

PK_TEST_MAIN(simulate__thresholds_of_a_configuration, simulate__shows_incidents, simulate__shows_its_events,
             simulate__nothing_fired__says_who_looked, simulate__refuses_what_makes_no_sense)
