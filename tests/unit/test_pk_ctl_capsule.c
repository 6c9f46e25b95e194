#include <string.h>

#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;

#define FIRST                                                                                                \
    "{\"incident_id\":\"inc_gw_1_00002\",\"whole\":true,\"bytes\":400,\"upload\":\"kept\",\"acked_chunks\":" \
    "0,\"chunks\":1,\"evicted_capsules\":1,"                                                                 \
    "\"missed_capsules\":0,\"lines\":[{\"part\":\"head\",\"incident_id\":\"inc_gw_1_00002\","                \
    "\"title\":\"[high] Disk full on root\",\"at\":\"2026-01-01T00:00:00.000Z\"},"                           \
    "{\"part\":\"before\",\"event\":{\"type\":\"disk_pct\",\"source\":\"root\",\"severity\":\"info\","       \
    "\"value\":99,\"time\":\"2026-01-01T00:00:00.000Z\"}}],\"next\":2}"
#define REST                                                                                                 \
    "{\"incident_id\":\"inc_gw_1_00002\",\"whole\":true,\"bytes\":400,\"upload\":\"kept\",\"acked_chunks\":" \
    "0,\"chunks\":1,\"evicted_capsules\":1,"                                                                 \
    "\"missed_capsules\":0,\"lines\":[{\"part\":\"log\",\"line\":\"no space\\u001b[31m left\"},"             \
    "{\"part\":\"process\",\"name\":\"dd\",\"pid\":7,\"cpu_pct\":91.5,\"rss_bytes\":2048},"                  \
    "{\"part\":\"end\",\"at\":\"2026-01-01T00:00:30.000Z\",\"lines_cut\":0}]}"
static const struct ctl_rig_step PAGES[] = {CTL_RIG_OK(FIRST), CTL_RIG_OK(REST)};

PK_TEST(capsule__all_pages_are_one_answer) {
    CHECK_EQ_INT(ctl_rig_once(&rig, PAGES, 2, "incidents capsule inc_2"), 0);
    CHECK(strstr(rig.requests, "\"args\":{\"incident_id\":\"inc_2\"}}") != NULL);
    CHECK(strstr(rig.requests, "\"args\":{\"incident_id\":\"inc_2\",\"from\":2}}") != NULL);
    CHECK(strstr(rig.out, "\"lines\":[{\"part\":\"head\"") != NULL);
    CHECK(strstr(rig.out, "{\"part\":\"end\"") != NULL);
    CHECK(strstr(rig.out, "\"upload\":\"kept\",\"acked_chunks\":0,\"chunks\":1,\"evicted_capsules\":1,"
                          "\"missed_capsules\":0}\n") != NULL);
}

PK_TEST(capsule__for_people_and_for_programs) {
    CHECK_EQ_INT(ctl_rig_once(&rig, PAGES, 2, "incidents capsule inc_2 --format table"), 0);
    CHECK(strstr(rig.out, "[high] Disk full on root") != NULL);
    CHECK(strstr(rig.out, "root disk_pct 99") != NULL);
    CHECK(strstr(rig.out, "log no space?[31m left\n") != NULL);
    CHECK(strstr(rig.out, "process 7 dd: cpu 91.5 %") != NULL);
    CHECK_EQ_INT(ctl_rig_once(&rig, PAGES, 2, "incidents capsule inc_2 --format csv"), 0);
    CHECK(strstr(rig.out, "part,type,source,value,name,pid,cpu_pct,rss_bytes,line,event\n") == rig.out);
    CHECK_EQ_INT(ctl_rig_once(&rig, PAGES, 2, "incidents capsule inc_2 --format ndjson"), 0);
    CHECK(strstr(rig.out, "\"part\":\"process\"") != NULL);
}

PK_TEST(capsule__none__is_said) {
    const struct ctl_rig_step none[] = {CTL_RIG_REFUSED(3, "not_found", "the incident has no capsule")};
    CHECK_EQ_INT(ctl_rig_once(&rig, none, 1, "incidents capsule inc_2"), 3);
    CHECK(strstr(rig.err, "the incident has no capsule") != NULL);
}

PK_TEST_MAIN(capsule__all_pages_are_one_answer, capsule__for_people_and_for_programs, capsule__none__is_said)
