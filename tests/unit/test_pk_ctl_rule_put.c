#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;
static const struct ctl_rig_step MADE[] = {CTL_RIG_OK("{\"rule_id\":\"a\",\"origin\":\"stored\"}")};

PK_TEST(create__options_become_arguments) {
    CHECK_EQ_INT(
        ctl_rig_once(&rig, MADE, 1,
                     "rules create --id a --name A+b --description text --type error_burst --severity HIGH "
                     "--threshold 15 --time-window 180 --check-interval 30"),
        0);
    CHECK(
        strstr(rig.requests,
               "\"cmd\":\"rules.create\",\"args\":{\"id\":\"a\",\"name\":\"A b\",\"description\":\"text\","
               "\"type\":\"error_burst\",\"severity\":\"HIGH\",\"threshold\":\"15\",\"time_window\":\"180\","
               "\"check_interval\":\"30\"}") != NULL);
    CHECK(strstr(rig.out, "\"origin\":\"stored\"") != NULL);
}

PK_TEST(create__file_or_standard_input_is_sent_as_it_stands) {
    ctl_rig_begin(&rig, MADE, 1);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "rules create --file -", "[rule a]\non = any\n"), 0);
    ctl_rig_end(&rig);
    CHECK(strstr(rig.requests, "\"args\":{\"text\":\"[rule a]\\non = any\\n\",\"file\":\"-\"}") != NULL);
    char path[] = "/tmp/rule_put_XXXXXX", words[200];
    const int fd = mkstemp(path);
    REQUIRE(fd >= 0 && write(fd, "[rule b]\n", 9) == 9);
    (void)snprintf(words, sizeof words, "rules update b --file %s", path);
    CHECK_EQ_INT(ctl_rig_once(&rig, MADE, 1, words), 0);
    CHECK(strstr(rig.requests,
                 "\"cmd\":\"rules.update\",\"args\":{\"rule\":\"b\",\"text\":\"[rule b]\\n\"") != NULL);
    CHECK(strstr(rig.requests, "\"file\":\"rule_put_") != NULL);
    (void)close(fd);
    (void)unlink(path);
}

PK_TEST(update__options_become_arguments) {
    CHECK_EQ_INT(ctl_rig_once(&rig, MADE, 1, "rules update a --threshold 5 --severity low"), 0);
    CHECK(strstr(rig.requests, "\"args\":{\"rule\":\"a\",\"threshold\":\"5\",\"severity\":\"low\"}") != NULL);
}

PK_TEST(create__what_cannot_be_sent__is_said) {
    ctl_rig_begin(&rig, MADE, 1);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "rules create --file - --id a", "[rule a]\n"), 2);
    CHECK(strstr(rig.err, "no other option beside it") != NULL);
    CHECK(ctl_rig_run(&rig, "rules create --file /no/such/file") != 0);
    static char big[20000];
    memset(big, 'x', sizeof big - 1);
    CHECK_EQ_INT(ctl_rig_run_with(&rig, "rules create --file -", big), 2);
    CHECK(strstr(rig.err, "longer than a rule may be") != NULL);
    CHECK_EQ_INT(ctl_rig_run(&rig, "rules update"), 2);
    ctl_rig_end(&rig);
    CHECK_STR(rig.requests, "");
}

PK_TEST(enable__several_ids_in_one_request) {
    const struct ctl_rig_step done[] = {CTL_RIG_OK(
        "{\"rules\":[{\"rule_id\":\"a\",\"enabled\":true},{\"rule_id\":\"b\",\"enabled\":true}]}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, done, 1, "rules enable a b --format csv"), 0);
    CHECK(strstr(rig.requests, "\"cmd\":\"rules.enable\",\"args\":{\"rules\":\"a b\"}") != NULL);
    CHECK(strstr(rig.out, "a,true") != NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, done, 1, "rules disable a"), 0);
    CHECK(strstr(rig.requests, "\"cmd\":\"rules.disable\",\"args\":{\"rules\":\"a\"}") != NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, MADE, 1, "rules delete a"), 0);
    CHECK(strstr(rig.requests, "\"cmd\":\"rules.delete\",\"args\":{\"rule\":\"a\"}") != NULL);
}

PK_TEST_MAIN(create__options_become_arguments, create__file_or_standard_input_is_sent_as_it_stands,
             update__options_become_arguments, create__what_cannot_be_sent__is_said,
             enable__several_ids_in_one_request)
