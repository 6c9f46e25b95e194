#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;
static char text[65536], words[512], path[256];

static void put_file(const char *name, const char *content) {
    (void)snprintf(path, sizeof path, "%s/%s", rig.dir, name);
    pk_test_put_file(rig.dir, name, content);
}

static int count_lines(const char *s) {
    int n = 0;
    for (; *s != '\0'; s++) {
        n += *s == '\n' ? 1 : 0;
    }
    return n;
}

/* Eleven failed logins, a second apart, over the new year. */
static const char *ssh_log(void) {
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    for (unsigned i = 0; i < 11; i++) {
        pk_buf_puts(&b, i < 5 ? "Dec 31 23:59:5" : "Jan  1 00:00:0");
        pk_buf_put_u64(&b, i < 5 ? i + 5u : i - 5u);
        pk_buf_puts(&b, " gw sshd[7]: Failed password for root from 192.0.2.7 port 4711 ssh2\n");
    }
    return text;
}

PK_TEST(log__gives_incidents_as_json_lines_the_same_each_time) {
    char first[4096];
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "replay --log - --year 2026", ssh_log()), 0);
    CHECK_EQ_INT(count_lines(rig.out), 1);
    CHECK(strstr(rig.out, "\"detected_at\":\"2026-01-01T00:00:04.000Z\"") != NULL);
    CHECK(strstr(rig.out, "\"first_event_at\":\"2025-12-31T23:59:55.000Z\"") != NULL);
    CHECK(strstr(rig.out, "\"affected_components\":[\"192.0.2.7\"]") != NULL);
    CHECK(strstr(rig.err, "11 events, 11 lines, 11 syslog, 11 known by a pattern, 1 incidents") != NULL);
    (void)snprintf(first, sizeof first, "%.4095s", rig.out);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "replay --log - --year 2026", ssh_log()), 0);
    CHECK(strncmp(first, rig.out, 4095) == 0);
    ctl_rig_end(&rig);
}

PK_TEST(events_of_a_log__replay_to_the_same_incidents) {
    static char incidents[4096];
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "replay --log - --year 2026", ssh_log()), 0);
    (void)snprintf(incidents, sizeof incidents, "%.4095s", rig.out);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "replay --log - --year 2026 --as-events", ssh_log()), 0);
    CHECK_EQ_INT(count_lines(rig.out), 11);
    CHECK(strstr(rig.out, "\"metadata\":{\"user\":\"root\",\"ip\":\"192.0.2.7\",\"program\":\"sshd\","
                          "\"pattern\":\"ssh_failed\"") != NULL);
    (void)snprintf(text, sizeof text, "%s", rig.out);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "replay -", text), 0);
    CHECK_STR(rig.out, incidents);
    ctl_rig_end(&rig);
}

PK_TEST(rules__show_what_they_change) {
    ctl_rig_begin_alone(&rig);
    put_file("new.rules",
             "[rule security_incident]\non = type = auth_failed\nwhen = count >= 11 in 5m by source\n"
             "type = security_breach\nseverity = high\n"
             "[rule first_try]\non = type = auth_failed\nwhen = count >= 1 in 5m by source\ntype = "
             "custom\nseverity = low\n");
    (void)snprintf(words, sizeof words, "replay --log - --year 2026 --rules %s", path);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, words, ssh_log()), 0);
    CHECK_EQ_INT(count_lines(rig.out), 4);
    CHECK(strstr(rig.out, "{\"change\":\"added\",\"incident\":{") != NULL);
    CHECK(strstr(rig.out, "{\"change\":\"changed_from\",\"incident\":{") != NULL);
    CHECK(strstr(rig.out, "{\"change\":\"changed_to\",\"incident\":{") != NULL);
    CHECK(strstr(rig.out,
                 "{\"change\":\"total\",\"events\":11,\"same\":0,\"changed\":1,\"added\":1,\"removed\":0}") !=
          NULL);
    put_file("new.rules", "[rule x]\nwhn = 1\n");
    CHECK_EQ_INT(ctl_rig_run_with(&rig, words, ssh_log()), 9);
    CHECK(strstr(rig.err, "new.rules:2:1: ") != NULL);
    CHECK_STR(rig.out, "");
    (void)unlink(path);
    ctl_rig_end(&rig);
}

PK_TEST(bad_input__is_named) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "replay -", "{\"type\":\"a\",\"source\":\"b\"}\n{\"type\":}\n"), 1);
    CHECK(strstr(rig.err, "-:2: not valid JSON") != NULL);
    CHECK(strstr(rig.err, "-: 1 events, 1 bad events passed over, 0 incidents") != NULL);
    CHECK_EQ_INT(
        ctl_rig_run_with(&rig, "replay -",
                         "{\"type\":\"a\"}\n{\"type\":\"hung_tasks\",\"source\":\"tasks\",\"value\":9}\n"
                         "nonsense\n{\"type\":\"data_corruption\",\"source\":\"sda\",\"severity\":"
                         "\"critical\"}\n"),
        1);
    CHECK(strstr(rig.err, "-:1: source: a required field is missing") != NULL);
    CHECK(strstr(rig.err, "-:3: not valid JSON") != NULL && strstr(rig.err, "2 bad events") != NULL);
    CHECK(strstr(rig.out, "\"data_corruption\"") != NULL); /* what comes behind a bad one counts */
    CHECK_EQ_INT(ctl_rig_run(&rig, "replay --log /does/not/exist"), 3);
    CHECK(strstr(rig.err, "there is no file /does/not/exist") != NULL);
    CHECK_EQ_INT(ctl_rig_run(&rig, "replay"), 2);
    CHECK_EQ_INT(ctl_rig_run(&rig, "replay / --log"), 1);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "replay --log -", ""), 0);
    CHECK_STR(rig.out, "");
    ctl_rig_end(&rig);
}

PK_TEST_MAIN(log__gives_incidents_as_json_lines_the_same_each_time,
             events_of_a_log__replay_to_the_same_incidents, rules__show_what_they_change, bad_input__is_named)
