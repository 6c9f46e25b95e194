#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/ctl_sample.h"
#include "support/pk_test.h"

static struct ctl_rig rig;
static const struct ctl_rig_step STEPS[] = {SAMPLE_STEPS};
enum { STEP_COUNT = sizeof STEPS / sizeof STEPS[0] };

static int run(const char *words) {
    return ctl_rig_once(&rig, STEPS, STEP_COUNT, words);
}

static bool said(const char *words) {
    return strstr(rig.out, words) != NULL;
}

static bool has(const char *path, const char *words) {
    static char text[65536];
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        return false;
    }
    const size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    text[n] = '\0';
    return strstr(text, words) != NULL;
}

PK_TEST(report__one_file_for_one_incident) {
    char words[256], path[256];
    struct pk_json_reader r;
    struct pk_json_token t;
    static char text[65536];
    ctl_rig_begin(&rig, STEPS, STEP_COUNT);
    (void)snprintf(words, sizeof words, "incidents report inc_2 --out %s", rig.dir);
    (void)snprintf(path, sizeof path, "%s/inc_gw_1_00002.json", rig.dir);
    CHECK_EQ_INT(ctl_rig_run(&rig, words), 0);
    CHECK(said("\"incident_id\":\"inc_gw_1_00002\"") && said("\"written\":true"));
    CHECK(has(path, "\"kind\":\"incident_report\""));
    CHECK(has(path, "\"primary_error_type\":\"api_error\",\"primary_source\":\"api\",\"error_distribution\":{"
                    "\"api_error\":2,\"timeout_error\":1,\"odd\":1}"));
    CHECK(has(path, "\"timeline\":[{\"at\":") && has(path, "\"postmortem\":\"# Post-mortem: "));
    FILE *f = fopen(path, "r");
    REQUIRE(f != NULL);
    const size_t n = fread(text, 1, sizeof text, f);
    (void)fclose(f);
    pk_json_init(&r, text, (uint32_t)n);
    int err = PK_OK;
    do {
        err = pk_json_next(&r, &t);
    } while (err == PK_OK && t.kind != PK_JSON_END);
    CHECK_EQ_INT(err, PK_OK);
    (void)unlink(path);
    ctl_rig_end(&rig);
}

PK_TEST(report__all_of_a_time) {
    char words[256], path[256];
    ctl_rig_begin(&rig, STEPS, STEP_COUNT);
    (void)snprintf(words, sizeof words, "report --since 1h --out %s --format csv", rig.dir);
    (void)snprintf(path, sizeof path, "%s/inc_gw_1_00002.json", rig.dir);
    CHECK_EQ_INT(ctl_rig_run(&rig, words), 0);
    CHECK(strstr(rig.out, "incident_id,bytes,file\ninc_gw_1_00002,") == rig.out);
    CHECK_EQ_INT(unlink(path), 0);
    (void)snprintf(words, sizeof words, "report --since 1h --dry-run --out %s", rig.dir);
    CHECK_EQ_INT(ctl_rig_run(&rig, words), 0);
    CHECK(said("\"written\":false"));
    CHECK_EQ_INT(unlink(path), -1);
    (void)snprintf(words, sizeof words, "report --since 30s --format table --out %s", rig.dir);
    CHECK_EQ_INT(ctl_rig_run(&rig, words), 0);
    CHECK_STR(rig.out, "no incident in this time\n");
    ctl_rig_end(&rig);
}

PK_TEST(report__wrong_words) {
    CHECK_EQ_INT(run("report --out /tmp"), 2);
    CHECK_EQ_INT(run("report inc_2 --since 1h --out /tmp"), 2);
    CHECK_EQ_INT(run("report inc_2"), 2);
    CHECK_EQ_INT(run("report --since soon --out /tmp"), 2);
    CHECK_EQ_INT(run("report inc_2 --out /nonexistent/folder"), 3);
}

PK_TEST(report__an_id_that_is_no_file_name) {
    const struct ctl_rig_step steps[] = {CTL_RIG_FOR(
        "incidents.get", "{\"incident\":{\"incident_id\":\"../../etc/passwd\"},\"timeline\":[]}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 1, "report inc_2 --out /tmp"), 6);
    CHECK(strstr(rig.err, "is no incident id") != NULL);
}

PK_TEST_MAIN(report__one_file_for_one_incident, report__all_of_a_time, report__wrong_words,
             report__an_id_that_is_no_file_name)
