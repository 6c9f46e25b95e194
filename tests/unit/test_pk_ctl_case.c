#include "ctl/pk_ctl_case.h"

#include <string.h>

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

PK_TEST(case__asks_for_all_of_it) {
    static const char *const ASKED[] = {
        "\"cmd\":\"incidents.get\",\"args\":{\"incident_id\":\"inc_2\",\"timeline\":true}",
        "\"cmd\":\"status\"",
        "\"cmd\":\"rules.show\",\"args\":{\"rule\":\"error_burst\"}",
        "\"cmd\":\"events.list\",\"args\":{\"source\":\"api\",\"limit\":500}",
        "\"cmd\":\"events.list\",\"args\":{\"type\":\"memory_pct\",\"limit\":500}",
        "\"cmd\":\"incidents.list\",\"args\":{\"limit\":200}",
    };
    CHECK_EQ_INT(run("postmortem inc_2"), 0);
    for (size_t i = 0; i < sizeof ASKED / sizeof ASKED[0]; i++) {
        CHECK(strstr(rig.requests, ASKED[i]) != NULL);
    }
}

PK_TEST(case__what_is_refused_stays_unknown) {
    const struct ctl_rig_step steps[] = {CTL_RIG_FOR("incidents.get", SAMPLE_GET)};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 1, "postmortem inc_2"), 0);
    CHECK(said("_(not known here: no error of the affected components is in the agent's memory any more)_"));
    CHECK_STR(rig.err, "");
}

PK_TEST(case__an_agent_that_goes_away_is_no_blank) {
    const struct ctl_rig_step steps[] = {CTL_RIG_OK(SAMPLE_GET), {.reply = NULL}};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 2, "postmortem inc_2 --timeout 200ms"), 7);
    CHECK_STR(rig.out, "");
    const struct ctl_rig_step odd[] = {CTL_RIG_OK("{\"incident\":[]}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, odd, 1, "postmortem inc_2"), 6);
}

PK_TEST(case__errors_are_looked_for_further_back) {
    const struct ctl_rig_step steps[] = {
        CTL_RIG_FOR("incidents.get", SAMPLE_GET),
        CTL_RIG_FOR_ARGS(
            "events.list", "\"severity\":\"medium\"",
            "{\"events\":[" SAMPLE_EVENT("1-8", "new_error", "api", "high", "1", "04:30") "," SAMPLE_EVENT(
                "1-6", "old_error", "api", "high", "1", "00:30") "],\"more\":false}"),
        CTL_RIG_FOR_ARGS(
            "events.list", "\"source\":\"api\"",
            "{\"events\":[" SAMPLE_EVENT("1-8", "new_error", "api", "high", "1", "04:30") "," SAMPLE_EVENT(
                "1-7", "calm", "api", "info", "1", "04:00") "],\"more\":true}")};
    CHECK_EQ_INT(ctl_rig_once(&rig, steps, 3, "postmortem inc_2 --form long"), 0);
    CHECK(said("- **Errors by type:** `new_error` 1, `old_error` 1\n"));
}

PK_TEST(case__rule_lines_and_arrows) {
    struct pk_ctl_case k = {.is_timeline_cut = false};
    struct pk_ctl_text buffer = {0};
    int64_t from_ms = 0, to_ms = 0;
    pk_ctl_text_puts(&k.rule, "{\"explain\":\"on: a\\nwhen: b = c\\nwhenever: d\"}");
    CHECK(pk_str_eq_c(pk_ctl_case_rule_line(&k, "when", &buffer), "b = c"));
    CHECK_EQ_INT(pk_ctl_case_rule_line(&k, "clear", &buffer).n, 0);
    pk_ctl_text_puts(&k.incident, "{\"detected_at\":\"1970-01-01T00:00:05.000Z\"}");
    pk_ctl_case_span(&k, 9000, &from_ms, &to_ms);
    CHECK_EQ_INT(from_ms, 5000);
    CHECK_EQ_INT(to_ms, 9000);
    CHECK(pk_ctl_leads_to(pk_str_of("mitigated -> resolved: x"), "resolved"));
    CHECK(!pk_ctl_leads_to(pk_str_of("resolved -> closed"), "resolved"));
    CHECK(!pk_ctl_leads_to(pk_str_of(" -> "), "resolved"));
    pk_ctl_text_free(&buffer);
    pk_ctl_case_free(&k);
}

PK_TEST_MAIN(case__asks_for_all_of_it, case__what_is_refused_stays_unknown,
             case__an_agent_that_goes_away_is_no_blank, case__errors_are_looked_for_further_back,
             case__rule_lines_and_arrows)
