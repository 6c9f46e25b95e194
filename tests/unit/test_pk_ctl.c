#include "ctl/pk_ctl.h"

#include <string.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;

#define ROWS_JSON                                                                                            \
    "{\"incidents\":[{\"incident_id\":\"inc_gw_1_00002\",\"title\":\"[high] Error burst on api\","           \
    "\"severity\":\"high\",\"status\":\"detected\",\"detected_at\":\"2026-01-01T00:00:00.000Z\","            \
    "\"age_seconds\":65}],\"more\":false}"
static const struct ctl_rig_step LIST[] = {CTL_RIG_OK(ROWS_JSON)};

PK_TEST(format__each_form_of_the_same_answer) {
    CHECK_EQ_INT(ctl_rig_once(&rig, LIST, 1, "incidents list --format table"), 0);
    CHECK_STR(rig.out, "INCIDENT ID  TITLE                      SEVERITY  STATUS    DETECTED\n"
                       "inc_00002    [high] Error burst on api  HIGH      DETECTED  1m 5s ago\n");
    CHECK_EQ_INT(ctl_rig_once(&rig, LIST, 1, "incidents list --format CSV"), 0);
    CHECK(strstr(rig.out, "incident_id,title,severity,status,detected_at,") == rig.out);
    CHECK(strstr(rig.out,
                 "\ninc_gw_1_00002,[high] Error burst on api,high,detected,2026-01-01T00:00:00.000Z,") !=
          NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, LIST, 1, "incidents list --format ndjson"), 0);
    CHECK(strstr(rig.out, "{\"incident_id\":\"inc_gw_1_00002\"") == rig.out);
    CHECK(strchr(rig.out, '\n') == rig.out + strlen(rig.out) - 1);
}

PK_TEST(format__is_json_where_nobody_reads) {
    CHECK_EQ_INT(ctl_rig_once(&rig, LIST, 1, "incidents list"), 0);
    CHECK(strstr(rig.out, "{\"v\":1,\"incidents\":[{") == rig.out);
    CHECK(strstr(rig.out, (const char *)ROWS_JSON "\n" + 1) == rig.out + 7);
}

PK_TEST(globals__are_checked) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(ctl_rig_run(&rig, "status --format yaml"), 2);
    CHECK_STR(rig.err, "picketctl: --format is table, json, csv or ndjson, not 'yaml'\n");
    CHECK_EQ_INT(ctl_rig_run(&rig, "status --timeout soon"), 2);
    CHECK_EQ_INT(ctl_rig_run(&rig, "status --timeout 0s"), 2);
    CHECK_EQ_INT(ctl_rig_run(&rig, "status --socket /nonexistent/x.sock"), 6);
    CHECK_STR(
        rig.err,
        "picketctl: cannot reach picketd at /nonexistent/x.sock: there is no such socket; is it running?\n");
    CHECK_EQ_INT(ctl_rig_run(&rig, "frob\x1b[2J"), 2);
    CHECK_STR(rig.err, "picketctl: unknown command 'frob?[2J'\nTry 'picketctl help'.\n");
    ctl_rig_end(&rig);
}

PK_TEST(run__output_that_cannot_be_written_is_a_failure) {
    static struct pk_ctl ctl;
    static char version[] = "version";
    char *argv[] = {version, NULL};
    ctl = (struct pk_ctl){.in_fd = -1, .out_fd = -1, .err_fd = -1};
    CHECK_EQ_INT(pk_ctl_run(&ctl, 1, argv), 1);
}

PK_TEST_MAIN(format__each_form_of_the_same_answer, format__is_json_where_nobody_reads, globals__are_checked,
             run__output_that_cannot_be_written_is_a_failure)
