#include <stdio.h>
#include <string.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;
static char text[8192];

/* count events of the type, ten seconds apart */
static const char *events(const char *type, unsigned count) {
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    for (unsigned i = 0; i < count; i++) {
        pk_buf_puts(&b, "{\"type\":\"");
        pk_buf_puts(&b, type);
        pk_buf_puts(&b, "\",\"source\":\"db\",\"severity\":\"high\",\"time\":\"2026-11-21T05:00:");
        pk_buf_put_u64_pad(&b, i * 10u, 2);
        pk_buf_puts(&b, "Z\"}\n");
    }
    return text;
}

static bool says(const char *part) {
    return strstr(rig.out, part) != NULL;
}

PK_TEST(test_rule__says_when_it_fires) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "test-rule database_connection_fail --events -",
                                  events("database_connection_error", 4)),
                 0);
    CHECK(says("\"fired\":true"));
    CHECK(says("\"firings\":1"));
    CHECK(says("\"what\":\"fire\",\"at\":\"2026-11-21T05:00:20.000Z\",\"event\":3,\"group\":\"db\""));
    /* By its other name, and with the words in another order. */
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "test-rule --events - database_connection_issues",
                                  events("database_connection_error", 4)),
                 0);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "rules test database_connection_issues --events -",
                                  events("database_connection_error", 4)),
                 0);
    CHECK(says("\"rule\":\"database_connection_fail\""));
    ctl_rig_end(&rig);
}

PK_TEST(test_rule__says_why_it_does_not) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "test-rule database_connection_fail --events -",
                                  events("database_connection_error", 2)),
                 0);
    CHECK(says("\"fired\":false"));
    CHECK(says("\"matching\":2"));
    CHECK(says("2 of 3 in 1m"));
    CHECK_EQ_INT(
        ctl_rig_run_with(&rig, "test-rule database_connection_fail --events -", events("something_else", 5)),
        0);
    CHECK(says("\"matching\":0"));
    CHECK(says("no event matches its `on`"));
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "test-rule database_connection_fail --events -", ""), 0);
    CHECK(says("there is no event"));
    ctl_rig_end(&rig);
}

PK_TEST(test_rule__names_what_is_wrong) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "test-rule no_such_rule --events -", ""), 3);
    CHECK(strstr(rig.err, "there is no rule 'no_such_rule'") != NULL);
    CHECK_EQ_INT(ctl_rig_run(&rig, "test-rule error_burst"), 2);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "test-rule error_burst --events -", "{}\n"), 1);
    CHECK(strstr(rig.err, "-:1: ") != NULL);
    CHECK_EQ_INT(ctl_rig_run(&rig, "test-rule error_burst --events /does/not/exist"), 3);
    ctl_rig_end(&rig);
}

PK_TEST_MAIN(test_rule__says_when_it_fires, test_rule__says_why_it_does_not, test_rule__names_what_is_wrong)
