#include <stdio.h>
#include <string.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;
static char path[256], words[512];

static const char *with_file(const char *text, const char *rest) {
    (void)snprintf(path, sizeof path, "%s/plant.patterns", rig.dir);
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL);
    if (f != NULL) {
        CHECK(fputs(text, f) >= 0);
        CHECK_EQ_INT(fclose(f), 0);
    }
    (void)snprintf(words, sizeof words, "test-pattern --patterns %s %s", path, rest);
    return words;
}

static bool says(const char *part) {
    return strstr(rig.out, part) != NULL;
}

#define PLANT                                                                                                \
    "[pattern pump_dry]\nevent = pump_dry\nseverity = high\nsource = pump.{pump}\nvalue = {value}\n"         \
    "match = pump {pump} runs dry at {value} bar\n[pattern never]\nevent = x\nmatch = nobody says so\n"

PK_TEST(test_pattern__a_log__each_pattern_with_its_lines) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(
        ctl_rig_run_with(&rig, with_file(PLANT, "-"),
                         "Nov 21 05:00:00 gw plc: pump P3 runs dry at 0.25 bar\n"
                         "Nov 21 05:00:01 gw plc: pump P4 runs dry at 0.5 bar\n"
                         "Nov 21 05:00:02 gw sshd[1]: Failed password for root from 192.0.2.7 port 1\n"
                         "<11>Nov 21 05:00:03 gw app: nobody knows this\n"
                         "Nov 21 05:00:04 gw app: all is well\n"),
        0);
    CHECK(says("\"patterns_read\":2,\"texts_read\":2,\"lines\":5,\"known\":3,\"log_errors\":1"));
    CHECK(says("{\"pattern\":\"pump_dry\",\"file\":\"plant\",\"shipped\":false,\"lines\":2,\"events\":2"));
    CHECK(says("\"type\":\"pump_dry\",\"source\":\"pump.P3\",\"severity\":\"high\",\"value\":0.25"));
    CHECK(says("{\"pattern\":\"never\",\"file\":\"plant\",\"shipped\":false,\"lines\":0,\"events\":0}"));
    CHECK(says("{\"pattern\":\"ssh_failed\",\"file\":\"auth\",\"shipped\":true,\"lines\":1,\"events\":1"));
    ctl_rig_end(&rig);
}

PK_TEST(test_pattern__one_line__with_the_shipped_ones_alone) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run(&rig, "patterns test --line nothing"), 0);
    CHECK(says("\"lines\":1,\"known\":0"));
    CHECK_EQ_INT(ctl_rig_run(&rig, "test-pattern --line CrashLoopBackOff"), 0);
    CHECK(says("\"lines\":1,\"known\":1") && says("\"pattern\":\"crash_loop_container\""));
    ctl_rig_end(&rig);
}

PK_TEST(test_pattern__a_file_alone__is_checked) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run(&rig, with_file(PLANT, "")), 0);
    CHECK(says("\"patterns_read\":2") && says("\"lines\":0"));
    CHECK_EQ_INT(ctl_rig_run(&rig, with_file("[pattern x]\nevent = x\nseverty = high\n", "")), 9);
    CHECK(strstr(rig.err, "plant.patterns:3:1: unknown key 'severty'; did you mean 'severity'") != NULL);
    CHECK_EQ_INT(ctl_rig_run(&rig, with_file("[pattern x]\nevent = x\nmatch = {a}b\n", "")), 9);
    CHECK(strstr(rig.err, ":3:9: ") != NULL);
    CHECK_EQ_INT(ctl_rig_run(&rig, "test-pattern"), 2);
    CHECK_EQ_INT(ctl_rig_run(&rig, "test-pattern /no/such/file"), 3);
    ctl_rig_end(&rig);
}

PK_TEST(replay__takes_the_patterns_too) {
    ctl_rig_begin_alone(&rig);
    (void)with_file(PLANT, "");
    (void)snprintf(words, sizeof words, "replay --log - --as-events --patterns %s", path);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, words, "2026-11-21T05:00:00Z gw plc: pump P3 runs dry at 0.25 bar\n"),
                 0);
    CHECK(says("\"type\":\"pump_dry\"") && says("\"pattern\":\"pump_dry\""));
    ctl_rig_end(&rig);
}

PK_TEST_MAIN(test_pattern__a_log__each_pattern_with_its_lines,
             test_pattern__one_line__with_the_shipped_ones_alone, test_pattern__a_file_alone__is_checked,
             replay__takes_the_patterns_too)
