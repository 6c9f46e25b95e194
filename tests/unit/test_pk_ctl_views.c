#include "ctl/pk_ctl_views.h"

#include <string.h>

#include "support/pk_test.h"

static struct pk_ctl_text t;
static const struct pk_ctl_look LOOK = {.now_ms = 1767226200000, .has_colour = false};

static const char *shown(const struct pk_ctl_view *view, const char *result) {
    pk_ctl_text_free(&t);
    pk_ctl_view_table(&t, view, pk_str_of(result), &LOOK);
    pk_ctl_text_putc(&t, '\0');
    return t.p;
}

PK_TEST(view__status) {
    CHECK_STR(
        shown(
            &PK_CTL_VIEW_status,
            "{\"site\":\"demo\",\"gateway\":\"gw1\",\"version\":\"0.1\",\"isa\":\"x86_64\",\"board\":"
            "\"host\","
            "\"boot\":7,\"restarts\":1,\"time\":\"2026-01-01T00:00:00.000Z\",\"time_quality\":\"ntp\","
            "\"mode\":\"auto\",\"safe_mode\":true,\"remote\":\"list\",\"config_hash\":\"00c0ffee\","
            "\"rules_hash\":\"0badcafe\",\"running_actions\":0,\"seal\":[\"no_new_privs\",\"seccomp\"],"
            "\"incidents\":{\"active\":2,\"detected\":1,\"investigating\":0,\"mitigating\":1,\"mitigated\":0,"
            "\"resolved\":3,\"closed\":4,\"false_positive\":0},"
            "\"events\":{\"taken\":100,\"bad\":2,\"lost\":1},"
            "\"metrics\":{\"mttd\":{\"mean_seconds\":0.250},\"mtta\":{\"mean_seconds\":60.000},"
            "\"mttr\":{\"mean_seconds\":90.000}},"
            "\"links\":[{\"name\":\"site\",\"host\":\"broker\",\"port\":8883,\"mqtt\":\"3.1.1\",\"state\":"
            "\"waiting\",\"error\":"
            "\"refused\",\"lost\":2,\"tls_resumed\":1,\"messages_in\":3,\"messages_out\":4}],"
            "\"store\":{\"medium\":\"disk\",\"map_bytes\":16777216,\"used_bytes\":1048576,\"longest_commit_"
            "ms\":12,\"state\":"
            "\"ok\","
            "\"outbox\":5,\"outbox_bytes\":2048,\"outbox_sent\":9,\"outbox_owed\":3,\"outbox_drained_in_"
            "seconds\":90.000},"
            "\"commands\":{\"accepted\":1,\"refused\":0}}"),
        "gateway       demo/gw1\n"
        "agent         picketd 0.1, board host (x86_64), boot 7, restarted 1 times\n"
        "clock         2026-01-01T00:00:00.000Z (ntp)\n"
        "mode          auto, remote commands list\n"
        "              safe mode is on\n"
        "incidents     2 active: 1 detected, 0 investigating, 1 mitigating, 0 mitigated\n"
        "ended         3 resolved, 4 closed, 0 false positive\n"
        "means         to detect 250ms, to acknowledge 1m, to resolve 1m 30s\n"
        "actions       0 running\n"
        "events        100 taken, 2 bad, 1 lost\n"
        "link          site broker:8883 waiting, MQTT 3.1.1, 4 out, 3 in, lost 2 times, 1 TLS sessions "
        "resumed\n"
        "link error    site: refused\n"
        "store         ok, on disk, 1.0M of 16M, longest commit 12 ms\n"
        "outbox        5 waiting, 2.0K, 9 sent since the start\n"
        "              3 incidents wait for room in it\n"
        "              drained in about 1m 30s\n"
        "commands      1 accepted, 0 refused\n"
        "seal          no_new_privs, seccomp\n"
        "hashes        configuration 00c0ffee, rules 0badcafe\n");
}

PK_TEST(view__lists_without_rows_say_so) {
    CHECK_STR(shown(&PK_CTL_VIEW_incidents, "{\"incidents\":[],\"more\":false}"), "no incidents\n");
    CHECK_STR(shown(&PK_CTL_VIEW_events, "{\"events\":[]}"), "no events\n");
    CHECK_STR(shown(&PK_CTL_VIEW_actions, "{\"actions\":[]}"), "no action is configured\n");
    CHECK_STR(shown(&PK_CTL_VIEW_approvals, "{\"approvals\":[]}"), "nothing waits for approval\n");
    CHECK_STR(shown(&PK_CTL_VIEW_rules, "{}"), "no rules\n");
}

PK_TEST(view__lists_with_more_say_how) {
    CHECK(strstr(shown(&PK_CTL_VIEW_incidents, "{\"incidents\":[{\"incident_id\":\"x\"}],\"more\":true}"),
                 "there are more: --limit N shows them\n") != NULL);
}

PK_TEST(view__rules_events_memory_actions) {
    CHECK_STR(shown(&PK_CTL_VIEW_rules,
                    "{\"rules\":[{\"rule_id\":\"cpu_high\",\"severity\":\"high\",\"state\":\"clear\","
                    "\"enabled\":true,\"origin\":\"file\","
                    "\"auto\":false,\"fires\":2,\"fired_seconds_ago\":61,\"about\":\"CPU\"}]}"),
              "RULE      SEVERITY  STATE  ENABLED  ORIGIN  AUTO  FIRED  LAST       ABOUT\n"
              "cpu_high  HIGH      CLEAR  yes      file    no        2  1m 1s ago  CPU\n");
    CHECK(strstr(shown(&PK_CTL_VIEW_rules,
                       "{\"rules\":[{\"rule_id\":\"a\",\"bytes\":2048,\"bytes_max\":4096}]}"),
                 "BYTES  AT MOST") != NULL);
    CHECK_STR(
        shown(&PK_CTL_VIEW_events,
              "{\"events\":[{\"event_id\":\"1-1\",\"type\":\"temp\",\"source\":\"s\",\"severity\":\"low\","
              "\"value\":1.5,\"time\":\"2026-01-01T00:00:03.000Z\"}],\"more\":false}"),
        "TIME       SEVERITY  SOURCE  TYPE  VALUE\n"
        "00:00:03Z  LOW       s       temp    1.5\n");
    CHECK_STR(shown(&PK_CTL_VIEW_memory, "{\"agent_bytes\":524288,\"agent_bytes_max\":1048576,\"tables\":[{"
                                         "\"table\":\"rules\",\"capacity\":64,"
                                         "\"used\":9,\"high\":9,\"drops\":0,\"bytes\":20480}]}"),
              "TABLE  CAPACITY  USED  HIGH  DROPS  BYTES\n"
              "rules        64     9     9      0    20K\n"
              "agent: 512K of at most 1.0M\n");
    CHECK(
        strstr(
            shown(&PK_CTL_VIEW_actions,
                  "{\"actions\":[{\"action\":\"restart_service\",\"risk\":\"low\",\"timeout_seconds\":30.000,"
                  "\"targets\":[\"web\",\"db\"]}]}"),
            "web, db") != NULL);
}

PK_TEST(view__rule_and_explanation_keep_their_lines) {
    static const char RESULT[] =
        "{\"rules\":[{\"rule_id\":\"a\"}],\"text\":\"[rule a]\\non = x\",\"explain\":\"1 of 3\\n\"}";
    CHECK(strstr(shown(&PK_CTL_VIEW_rule, RESULT), "\n\n[rule a]\non = x\n\n1 of 3\n") != NULL);
    CHECK_STR(shown(&PK_CTL_VIEW_explain, RESULT), "1 of 3\n\n");
}

PK_TEST(json__has_a_version) {
    pk_ctl_text_free(&t);
    pk_ctl_view_json(&t, pk_str_of("{}"));
    pk_ctl_view_json(&t, pk_str_of("{\"a\":1}"));
    pk_ctl_view_json(&t, pk_str_of("{\"v\":3,\"a\":1}"));
    pk_ctl_view_json(&t, pk_str_of("[1]"));
    pk_ctl_text_putc(&t, '\0');
    CHECK_STR(t.p, "{\"v\":1}\n{\"v\":1,\"a\":1}\n{\"v\":3,\"a\":1}\n[1]\n");
    pk_ctl_text_free(&t);
}

PK_TEST(ndjson_and_csv__of_lists_and_objects) {
    pk_ctl_view_ndjson(&t, &PK_CTL_VIEW_rules, pk_str_of("{\"rules\":[{\"a\":1},{\"a\":2}]}"));
    pk_ctl_view_ndjson(&t, &PK_CTL_VIEW_changed, pk_str_of("{\"a\":1}"));
    pk_ctl_view_csv(&t, &PK_CTL_VIEW_changed, pk_str_of("{\"a\":1}"));
    pk_ctl_text_putc(&t, '\0');
    CHECK_STR(t.p, "{\"a\":1}\n{\"a\":2}\n{\"v\":1,\"a\":1}\nname,value\na,1\n");
    pk_ctl_text_free(&t);
}

PK_TEST_MAIN(view__status, view__lists_without_rows_say_so, view__lists_with_more_say_how,
             view__rules_events_memory_actions, view__rule_and_explanation_keep_their_lines,
             json__has_a_version, ndjson_and_csv__of_lists_and_objects)
