/* A rule in other words and one in ours: the same events give the same findings. */
#include "detect/pk_rule_alias.h"

#include <string.h>

#include "support/detect_rig.h"
#include "support/pk_test.h"

static struct detect_rig theirs, ours;

/* Events of several types, sources, severities and values, over half an hour. */
static void drive(struct detect_rig *r, uint32_t step) {
    static const char *const TYPES[] = {"service_unavailable", "slow_request", "path_traversal", "level",
                                        "auth_failed"};
    static const char *const SOURCES[] = {"api", "db-1", "web"};
    const uint32_t n = (step * 2654435761u) >> 16;
    struct pk_event e = detect_rig_value(r, TYPES[n % 5u], SOURCES[n / 5u % 3u], (double)(n / 15u % 20u));
    e.severity = (uint8_t)(n / 300u % PK_SEV_COUNT);
    detect_rig_give(r, &e);
    detect_rig_wait(r, 2000u + n % 7u * 1000u);
}

/* How many findings both gave; they must be equal. */
static uint32_t compare(const char *their_text, const char *our_text) {
    uint32_t count = 0;
    if (detect_rig_init(&theirs, their_text) != PK_OK) {
        CHECK_STR(theirs.diag.message, "");
        return 0;
    }
    CHECK_EQ_INT(detect_rig_init(&ours, our_text), PK_OK);
    for (uint32_t step = 0; step < 400; step++) {
        struct pk_finding a, b;
        drive(&theirs, step);
        drive(&ours, step);
        for (;;) {
            const int kind = detect_rig_finding(&theirs, &a);
            CHECK_EQ_INT(detect_rig_finding(&ours, &b), kind);
            if (kind < 0) {
                break;
            }
            CHECK_EQ_INT(a.severity, b.severity);
            CHECK_STR(a.words, b.words);
            CHECK_STR(a.group_key, b.group_key);
            count++;
        }
    }
    return count;
}

#define OUR "[rule r]\nabout = text\ntitle = Name\n"
#define HEAD "[rule r]\nname = Name\ndescription = text\n"

PK_TEST(alias__rules__behave_as_ours) {
    static const struct {
        const char *theirs, *ours;
    } CASES[] = {
        /* S1-10, S1-18: fields of the second tool, each of them */
        {HEAD "rule_id = r\nincident_type = service_down\nseverity = CRITICAL\nerror_threshold = 3\n"
              "time_window_seconds = 60\ncheck_interval_seconds = 30\nenabled = true\n",
         OUR "on = type = service_unavailable\nwhen = count >= 3 in 60s\ntype = service_down\nseverity = "
             "critical\n"
             "check_interval = 30s\n"},
        {HEAD
         "incident_type = error_burst\nseverity = HIGH\nerror_threshold = 10\ntime_window_seconds = 300\n",
         OUR "on = severity >= high\nwhen = count >= 10 in 300s\ntype = error_burst\nseverity = high\n"},
        {HEAD "incident_type = custom\nseverity = HIGH\nerror_threshold = 4\ntime_window_seconds = 180\n"
              "require_consecutive = true\nmin_components_affected = 2\n",
         OUR
         "on = any\nwhen = count(severity >= low and severity <= critical) >= 4 in 180s across 2 sources\n"
         "consecutive = yes\ntype = custom\nseverity = high\n"},
        {HEAD
         "incident_type = error_burst\nseverity = HIGH\nerror_threshold = 2\nrequire_consecutive = yes\n",
         OUR
         "on = any\nwhen = count(severity >= high and severity <= critical) >= 2 in 300s\nconsecutive = yes\n"
         "type = error_burst\nseverity = high\n"},
        {HEAD "incident_type = custom\nseverity = HIGH\nevent_pattern = level\nerror_threshold = 64\n"
              "time_window_seconds = 7200\n",
         OUR "on = type = level\nwhen = count >= 64 in 2h\ntype = custom\nseverity = high\n"},
        {HEAD "incident_type = custom\nseverity = HIGH\nevent_pattern = level\nerror_threshold = 65\n"
              "time_window_seconds = 7200\n",
         OUR "on = type = level\nwhen = rate > 64 per 2h\ntype = custom\nseverity = high\n"},
        /* S0-42: fields of the first tool; threshold and time have defaults */
        {HEAD "severity = high\nevent_pattern = path_traversal, auth_*\n", OUR
         "on = type = path_traversal | auth_*\nwhen = count >= 5 in 300s\ntype = custom\nseverity = high\n"},
        {HEAD "severity = high\nevent_pattern = type = level and value > 10\nconfirmation_threshold = 2\n",
         OUR "on = type = level and value > 10\nwhen = count >= 2 in 300s\ntype = custom\nseverity = high\n"},
        {HEAD "severity = high\nevent_pattern = any\nconfirmation_threshold = 2\nseverity_filter = error, "
              "critical\n",
         OUR "on = severity >= high\nwhen = count >= 2 in 300s\ntype = custom\nseverity = high\n"},
        {HEAD "severity = high\nseverity_filter = warning, error\nconfirmation_threshold = "
              "3\naffected_systems = api, db-*\n",
         OUR
         "on = severity >= medium and severity <= high and source = api | db-*\nwhen = count >= 3 in 300s\n"
         "type = custom\nseverity = high\n"},
        {HEAD
         "severity = high\nevent_pattern = level\naffected_systems = web|api\ntime_window_seconds = 600\n"
         "auto_remediation = yes\nremediation_actions = clear_cache, restart_service\nmetadata = team=a\n",
         OUR "on = type = level and source = web | api\nwhen = count >= 5 in 10m\ntype = custom\nseverity = "
             "high\n"
             "auto = yes\nactions = clear_cache, restart_service\nmetadata = team=a\n"},
        {HEAD "severity = low\nevent_pattern = level\nseverity_filter = high\nrequire_consecutive = yes\n"
              "confirmation_threshold = 2\n",
         OUR
         "on = type = level\nwhen = count(severity = high) >= 2 in 300s\nconsecutive = yes\ntype = custom\n"
         "severity = low\n"},
        /* S4-35: rows of the fourth */
        {HEAD "rule_type = threshold\nquery = level\nthreshold_value = 15\nseverity = critical\n",
         OUR "on = type = level\nwhen = value > 15\ntype = custom\nseverity = critical\n"},
        {HEAD "rule_type = threshold\nquery = type = level and source = web\nthreshold_value = 9\n"
              "time_window_seconds = 30\nseverity = high\n",
         OUR
         "on = type = level and source = web\nwhen = value > 9 for 30s\ntype = custom\nseverity = high\n"},
        {HEAD "rule_type = pattern\nquery = path_traversal\nseverity = high\n",
         OUR "on = type = path_traversal\nwhen = count >= 1 in 300s\ntype = custom\nseverity = high\n"},
        /* Some of both. */
        {HEAD "on = type = level\nerror_threshold = 4\ntime_window_seconds = 2m\nseverity = low\ntype = "
              "quality_drop\n",
         OUR "on = type = level\nwhen = count >= 4 in 2m\nseverity = low\ntype = quality_drop\n"},
        {HEAD "on = type = level\nwhen = count >= 4 in 2m\nseverity = low\ntype = "
              "quality_drop\naffected_systems = web\n",
         OUR "on = type = level and source = web\nwhen = count >= 4 in 2m\nseverity = low\ntype = "
             "quality_drop\n"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const uint32_t count = compare(CASES[i].theirs, CASES[i].ours);
        if (count == 0) {
            CHECK_STR(CASES[i].theirs, "fires at least once");
        }
        const struct pk_rule *a = pk_engine_rule(&theirs.engine, 0);
        const struct pk_rule *b = pk_engine_rule(&ours.engine, 0);
        CHECK(
            pk_str_eq(pk_engine_str(&theirs.engine, a, a->title), pk_engine_str(&ours.engine, b, b->title)));
        CHECK(
            pk_str_eq(pk_engine_str(&theirs.engine, a, a->about), pk_engine_str(&ours.engine, b, b->about)));
        CHECK(pk_str_eq(pk_engine_str(&theirs.engine, a, a->type), pk_engine_str(&ours.engine, b, b->type)));
        CHECK(a->is_auto == b->is_auto && a->action_count == b->action_count && a->repeat_ms == b->repeat_ms);
        CHECK_EQ_U64(pk_rule_price_bytes(a), pk_rule_price_bytes(b));
    }
}

PK_TEST(alias__each_incident_type__stands_for_its_events) {
    struct pk_str rest = pk_str_of(PK_RULE_ALIAS_TEXT);
    struct pk_str line, type, glob;
    uint32_t count = 0;
    while (pk_str_split(&rest, '\n', &line) && line.n > 0) {
        char text[200], name[65];
        struct pk_buf b;
        REQUIRE(pk_str_split(&line, '=', &type));
        pk_buf_init(&b, text, sizeof text);
        pk_buf_puts(&b, "[rule r]\nincident_type = ");
        pk_buf_put_str(&b, type);
        pk_buf_puts(&b, "\nseverity = low\nerror_threshold = 1\n");
        REQUIRE(detect_rig_init(&theirs, text) == PK_OK);
        struct pk_finding f;
        if (line.n > 0) {
            struct pk_event other = detect_rig_event(&theirs, "something_else", "s", PK_SEV_CRITICAL);
            detect_rig_give(&theirs, &other);
            CHECK_EQ_INT(detect_rig_finding(&theirs, &f), -1);
        }
        glob = pk_str_of("anything");
        (void)(line.n > 0 && pk_str_split(&line, '|', &glob));
        (void)pk_str_copy_cut(glob, name, sizeof name);
        struct pk_event e = detect_rig_event(&theirs, name, "s", PK_SEV_INFO);
        detect_rig_give(&theirs, &e);
        CHECK_EQ_INT(detect_rig_finding(&theirs, &f), PK_FINDING_FIRE);
        count++;
    }
    CHECK(count >= 15);
}

PK_TEST(alias__bad_words__are_told_with_place_and_cure) {
    static const struct {
        const char *text, *message;
        uint32_t line, column;
    } CASES[] = {
        {"[rule r]\nerror_treshold = 3\n", "unknown key 'error_treshold'; did you mean 'error_threshold'?", 2,
         1},
        {"[rule r]\nseverity = low\nerror_threshold = many\n",
         "expected a whole number from 1 to 1000000000, not 'many'", 3, 19},
        {"[rule r]\nseverity = low\nerror_threshold = 0\n",
         "expected a whole number from 1 to 1000000000, not '0'", 3, 19},
        {"[rule r]\nseverity = low\nerror_threshold = 65\nmin_components_affected = 2\n",
         "'min_components' needs a threshold of at most 64: more are counted for one source", 4, 27},
        {"[rule r]\nseverity = low\nerror_threshold = 65\nrequire_consecutive = yes\n",
         "expected a whole number from 1 to 64, not '65'", 3, 19},
        {"[rule r]\nseverity = low\nerror_threshold = 3\ntime_window_seconds = soon\n",
         "expected a time such as 300, 30s or 5m, at most 7d, not 'soon'", 4, 23},
        {"[rule r]\nseverity = low\nerror_threshold = 3\nconfirmation_threshold = 4\n",
         "'confirmation_threshold' is given twice", 4, 1},
        {"[rule r]\nseverity = low\nrule_id = other\nerror_threshold = 3\n",
         "'other' is not the name of the section", 3, 11},
        {"[rule r]\nseverity = low\nrule_type = treshold\nquery = a\n",
         "'treshold' is not threshold, pattern, anomaly or count; did you mean 'threshold'?", 3, 13},
        {"[rule r]\nseverity = low\nrule_type = threshold\nquery = a\n",
         "a rule of type threshold needs threshold_value", 3, 13},
        {"[rule r]\nseverity = low\nseverity_filter = loud\n", "'loud' is not a severity", 3, 19},
        {"[rule r]\nseverity = low\nseverity_filter = info, critical\n",
         "the severities must be neighbours, not 'info, critical'", 3, 19},
        {"[rule r]\nseverity = low\nevent_pattern = a b\n", "'a b' is not a name or a pattern", 3, 17},
        {"[rule r]\nseverity = low\naffected_systems = a,,b\n", "'' is not a name or a pattern", 3, 22},
        {"[rule r]\nseverity = low\nrequire_consecutive = perhaps\n", "expected yes or no, not 'perhaps'", 3,
         23},
        {"[rule r]\non = any\nwhen = count >= 3 in 5m\nseverity = low\ntype = custom\nerror_threshold = 3\n",
         "'when' says the threshold already: leave out one of them", 6, 19},
        {"[rule r]\non = any\nevent_pattern = a\nseverity = low\n",
         "'on' says the events already: leave out one of them", 3, 17},
        {"[rule r]\nincident_type = eror_burst\nseverity = low\nerror_threshold = 3\n",
         "'eror_burst' is not an incident type; did you mean 'error_burst'?", 2, 17},
        {"[rule r]\nerror_threshold = 3\n", "rule 'r' has no 'severity'", 1, 1},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        CHECK_EQ_INT(detect_rig_init(&theirs, CASES[i].text), PK_E_CONFIG);
        CHECK_STR(theirs.diag.message, CASES[i].message);
        CHECK_EQ_U64(theirs.diag.line, CASES[i].line);
        CHECK_EQ_U64(theirs.diag.column, CASES[i].column);
    }
}

PK_TEST_MAIN(alias__rules__behave_as_ours, alias__each_incident_type__stands_for_its_events,
             alias__bad_words__are_told_with_place_and_cure)
