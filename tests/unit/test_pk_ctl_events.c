#include <string.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;
static const struct ctl_rig_step TAKEN[] = {CTL_RIG_OK("{\"id\":\"4-17\"}")};

PK_TEST(send__one_event_from_options) {
    CHECK_EQ_INT(
        ctl_rig_once(
            &rig, TAKEN, 1,
            "events send --type temp --source s1 --severity warn --value -3.50 --message it's+\"hot\" "
            "--data rack=7 --data \"q\"=a=b --correlation-id c1 --format table"),
        0);
    CHECK_STR(rig.out, "event 4-17\n");
    CHECK(strstr(rig.requests,
                 "\"cmd\":\"events.send\",\"args\":{\"event\":{\"type\":\"temp\",\"source\":\"s1\","
                 "\"severity\":\"warn\","
                 "\"message\":\"it's "
                 "\\\"hot\\\"\",\"correlation_id\":\"c1\",\"value\":-3.5,\"metadata\":{\"rack\":\"7\","
                 "\"\\\"q\\\"\":\"a=b\"}}}") != NULL);
}

PK_TEST(send__a_source_that_cannot_measure) {
    CHECK_EQ_INT(ctl_rig_once(&rig, TAKEN, 1, "events send --type temperature_c --source s1 --fault"), 0);
    CHECK(strstr(rig.requests, "\"event\":{\"type\":\"temperature_c\",\"source\":\"s1\",\"fault\":true}") !=
          NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, TAKEN, 1, "events send --type t --source s --value 3 --fault"), 2);
    CHECK_STR(rig.err, "picketctl: either --value or --fault\n");
    CHECK_STR(rig.requests, "");
}

PK_TEST(send__bad_options_are_not_sent) {
    CHECK_EQ_INT(ctl_rig_once(&rig, TAKEN, 1, "events send --type temp"), 2);
    CHECK_EQ_INT(ctl_rig_once(&rig, TAKEN, 1, "events send --type t --source s --value warm"), 2);
    CHECK_STR(rig.err, "picketctl: --value takes a number, not 'warm'\n");
    CHECK_EQ_INT(ctl_rig_once(&rig, TAKEN, 1, "events send --type t --source s --data x"), 2);
    CHECK_EQ_INT(ctl_rig_once(&rig, TAKEN, 1, "events send file.json"), 2);
    CHECK_STR(rig.requests, "");
    CHECK_EQ_INT(ctl_rig_once(&rig, TAKEN, 1, "events send --type t --source s --dry-run"), 0);
    CHECK_STR(rig.out, "would send events.send {\"event\":{\"type\":\"t\",\"source\":\"s\"}}\n");
    CHECK_STR(rig.requests, "");
}

PK_TEST(stream__every_line_is_answered) {
    ctl_rig_begin(&rig, NULL, 0);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "events send - --format table", "{\"a\":1}\n\n{\"b\":2}\n{\"c\":3}"),
                 0);
    CHECK_STR(rig.out, "3 sent, 3 accepted, 0 refused\n");
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "events send -", ""), 0);
    CHECK_STR(rig.out, "{\"v\":1,\"sent\":0,\"accepted\":0,\"refused\":0}\n");
    ctl_rig_end(&rig);
    CHECK_STR(rig.requests, "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
}

PK_TEST(stream__refused_lines_are_named) {
    ctl_rig_begin(&rig, NULL, 0);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "events send -", "{\"a\":1}\n{\"bad\":2}\n{\"c\":3}\n"), 1);
    CHECK_STR(rig.out, "{\"v\":1,\"sent\":3,\"accepted\":2,\"refused\":1}\n");
    CHECK_STR(rig.err, "picketctl: line 2: bad_field: not ?[31m a type\n");
    ctl_rig_end(&rig);
}

PK_TEST(stream__thousands_of_lines_pass) {
    static char input[29 * 4000 + 1];
    for (uint32_t i = 0; i < 4000; i++) {
        memcpy(input + i * 29, "{\"type\":\"temp\",\"source\":\"x\"}\n", 29);
    }
    memcpy(input + 29 * 100, "{\"bad_\":\"temp\",\"source\":\"x\"}\n", 29);
    ctl_rig_begin(&rig, NULL, 0);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "events send -", input), 1);
    CHECK_STR(rig.out, "{\"v\":1,\"sent\":4000,\"accepted\":3999,\"refused\":1}\n");
    CHECK(strstr(rig.err, "line 101: ") != NULL);
    ctl_rig_end(&rig);
}

PK_TEST(stream__many_refusals_are_cut_short) {
    static char input[6 * 100 + 1];
    for (uint32_t i = 0; i < 100; i++) {
        memcpy(input + i * 6, "\"bad\"\n", 6);
    }
    ctl_rig_begin(&rig, NULL, 0);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "events send -", input), 1);
    CHECK(strstr(rig.err, "line 20: ") != NULL);
    CHECK(strstr(rig.err, "line 21: ") == NULL);
    CHECK(strstr(rig.err, "and more refused lines") != NULL);
    ctl_rig_end(&rig);
}

PK_TEST(stream__silence_and_absence) {
    static char line[70000];
    ctl_rig_begin(&rig, NULL, 0);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "events send - --timeout 100ms", "{\"mute\":1}\n"), 7);
    memset(line, 'x', sizeof line - 1);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "events send -", line), 2);
    CHECK_STR(rig.err, "picketctl: a line of the input is longer than 64 KiB\n");
    ctl_rig_end(&rig);
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "events send -", "{}\n"), 6);
    CHECK(strstr(rig.err, "events.sock") != NULL);
    ctl_rig_end(&rig);
}

PK_TEST_MAIN(send__one_event_from_options, send__a_source_that_cannot_measure, send__bad_options_are_not_sent,
             stream__every_line_is_answered, stream__refused_lines_are_named, stream__thousands_of_lines_pass,
             stream__many_refusals_are_cut_short, stream__silence_and_absence)
