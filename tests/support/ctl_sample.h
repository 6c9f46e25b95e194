#ifndef CTL_SAMPLE_H
#define CTL_SAMPLE_H
/* A gateway with one resolved incident, for tests of what picketctl makes of it. Titles and messages are
 * hostile. */
#include "support/ctl_rig.h"

#define SAMPLE_INCIDENT                                                                                      \
    "{\"v\":1,\"rev\":7,\"incident_id\":\"inc_gw_1_00002\",\"site\":\"lab\",\"gateway\":\"gw\",\"incident_"  \
    "type\":"                                                                                                \
    "\"error_burst\",\"rule_id\":\"error_burst\",\"severity\":\"high\",\"status\":\"resolved\",\"stage\":"   \
    "\"postmortem\",\"acked\":false,\"title\":\"[high] <b>Burst</b> | on `api`\",\"description\":\"12 "      \
    "events in "                                                                                             \
    "5m\\u001b[31m\",\"first_event_at\":\"2026-01-01T00:00:00.000Z\",\"detected_at\":\"2026-01-01T00:00:02." \
    "500Z\","                                                                                                \
    "\"acknowledged_at\":null,\"mitigated_at\":null,\"resolved_at\":\"2026-01-01T00:05:00.000Z\",\"closed_"  \
    "at\":null,"                                                                                             \
    "\"mttd_seconds\":2.500,\"mtta_seconds\":null,\"mttr_seconds\":297.500,\"event_count\":12,\"source_"     \
    "events\":["                                                                                             \
    "\"1-5\"],\"affected_components\":[\"api\"],\"overflow\":{\"affected_components\":3,\"actions\":2},"     \
    "\"root_cause\":null,\"causes\":[{\"cause\":\"disk full\",\"confidence\":0.800,\"evidence\":\"disk_pct " \
    "99\"}],"                                                                                                \
    "\"caused_by\":null,\"actions\":[{\"run_id\":\"4\",\"action\":\"clear_cache\",\"target\":\"api\","       \
    "\"state\":"                                                                                             \
    "\"completed\",\"at\":\"2026-01-01T00:01:00.000Z\",\"result\":\"verified\",\"exit_code\":0},{\"run_"     \
    "id\":\"5\","                                                                                            \
    "\"action\":\"restart_service\",\"target\":null,\"state\":\"refused\",\"at\":null,\"result\":null}],"    \
    "\"recommended\":[\"clear_cache\",\"restart_service\"],\"assigned_to\":null,\"metadata\":{\"group_"      \
    "key\":\"api\","                                                                                         \
    "\"flap_count\":2},\"flapping\":true,\"drill\":false}"
#define SAMPLE_TIMELINE                                                                                      \
    "[{\"at\":\"2026-01-01T00:00:02.500Z\",\"severity\":\"high\",\"source\":\"detect\",\"event\":"           \
    "\"created\","                                                                                           \
    "\"message\":\"opened # | "                                                                              \
    "by\\nrule\"},{\"at\":\"2026-01-01T00:01:00.000Z\",\"severity\":\"high\",\"source\":"                    \
    "\"action\",\"event\":\"action\",\"message\":\"clear_cache api: completed\"},{\"at\":"                   \
    "\"2026-01-01T00:03:00.000Z\",\"severity\":\"info\",\"source\":\"operator\",\"event\":\"note\","         \
    "\"message\":"                                                                                           \
    "\"see https://evil.example/ and "                                                                       \
    "[this](x)\"},{\"at\":\"2026-01-01T00:04:00.000Z\",\"severity\":\"high\","                               \
    "\"source\":\"detect\",\"event\":\"cleared\",\"message\":\"the clear condition holds\"},{\"at\":"        \
    "\"2026-01-01T00:05:00.000Z\",\"severity\":\"high\",\"source\":\"agent\",\"event\":\"status\","          \
    "\"message\":"                                                                                           \
    "\"mitigated -> resolved: stayed clear\"}]"
#define SAMPLE_GET                                                                                           \
    "{\"incident\":" SAMPLE_INCIDENT ",\"timeline\":" SAMPLE_TIMELINE ",\"timeline_cut\":false}"
#define SAMPLE_ROW(id, status, age)                                                                          \
    "{\"incident_id\":\"" id                                                                                 \
    "\",\"title\":\"[low] Other\",\"incident_type\":\"cpu_high\",\"severity\":\"low\","                      \
    "\"status\":\"" status                                                                                   \
    "\",\"stage\":\"assess\",\"detected_at\":\"2026-01-01T00:01:30.000Z\",\"age_seconds\":" age              \
    ",\"event_count\":1,\"component\":\"cpu\"}"
#define SAMPLE_STATUS                                                                                        \
    "{\"mode\":\"safe\",\"safe_mode\":true,\"switched_off\":[{\"switch\":\"notifications_enabled\","         \
    "\"words\":\"notifications_enabled is off: uid:0: "                                                      \
    "tests\"}],\"running_actions\":0,\"incidents\":{\"active\":1},\"events\":{"                              \
    "\"taken\""                                                                                              \
    ":70,\"bad\":0,\"lost\":3,\"unknown_topics\":0},\"links\":[{\"name\":\"central\",\"state\":\"online\","  \
    "\"messages_out\":9,\"connects\":1,\"failures\":0,\"lost\":0}],\"store\":{\"state\":\"ok\",\"outbox\":"  \
    "0}}"
#define SAMPLE_RULE(id, type, actions, automatic, enabled, state)                                            \
    "{\"rule_id\":\"" id "\",\"incident_type\":\"" type "\",\"state\":\"" state "\",\"enabled\":" enabled    \
    ",\"auto\""                                                                                              \
    ":" automatic "}"
#define SAMPLE_RULE_SHOWN(id, type, actions, automatic)                                                      \
    "{\"rules\":[" SAMPLE_RULE(id, type, actions, automatic, "true",                                         \
                               "ok") "],\"text\":\"[rule " id "]\\ntype = " type "\\nactions = " actions     \
                                     "\\nauto = yes\",\"explain\":\"rule: " id                               \
                                     "\\non: severity >= high\\nwhen: count "                                \
                                     ">= 10 in 5m by source\\nclear: count < 2 in 5m for 5m\\nseverity: "    \
                                     "high\\nstate: ok, last fired 2m ago\\ngroup "                          \
                                     "api: idle, condition no\\n\"}"
#define SAMPLE_EVENT(id, type, source, severity, value, time)                                                \
    "{\"event_id\":\"" id "\",\"type\":\"" type "\",\"source\":\"" source "\",\"severity\":\"" severity      \
    "\",\"value\":" value ",\"message\":\"up|stream\",\"time\":\"2026-01-01T00:" time ".000Z\"}"
#define SAMPLE_EVENTS                                                                                        \
    "{\"events\":[" SAMPLE_EVENT("1-9", "api_error", "api", "high", "1", "02:10") "," SAMPLE_EVENT(          \
        "1-8", "api_error", "api", "high", "1",                                                              \
        "01:50") "," SAMPLE_EVENT("1-7", "timeout_error", "api", "medium", "1",                              \
                                  "01:30") "," SAMPLE_EVENT("1-5", "odd", "api", "info", "1",                \
                                                            "00:00") "," SAMPLE_EVENT("1-4", "calm", "api",  \
                                                                                      "info", "1",           \
                                                                                      "00:00") "],\"more\":" \
                                                                                               "false}"
#define SAMPLE_GAUGE                                                                                         \
    "{\"events\":[" SAMPLE_EVENT("1-30", "cpu_pct", "cpu", "info", "11", "06:00") "," SAMPLE_EVENT(          \
        "1-20", "cpu_pct", "cpu", "info", "12.5",                                                            \
        "05:30") "," SAMPLE_EVENT("1-12", "cpu_pct", "cpu", "info", "97",                                    \
                                  "03:00") "," SAMPLE_EVENT("1-11", "cpu_pct", "cpu", "info", "80",          \
                                                            "01:00") "," SAMPLE_EVENT("1-3", "cpu_pct",      \
                                                                                      "cpu", "info", "20",   \
                                                                                      "00:01") "],\"more\":" \
                                                                                               "false}"
#define SAMPLE_ACTION(name, risk, cost, enabled, targets)                                                    \
    "{\"action\":\"" name "\",\"about\":\"about it\",\"risk\":\"" risk "\",\"cost\":\"" cost                 \
    "\",\"enabled\":" enabled                                                                                \
    ",\"per_hour\":3,\"timeout_seconds\":30.000,\"cooldown_seconds\":300.000,\"ok\":2,\"failed\":1,"         \
    "\"targets\":" targets "}"
#define SAMPLE_ACTIONS                                                                                       \
    "{\"actions\":[" SAMPLE_ACTION("clear_cache", "low", "slow", "true", "[]") "," SAMPLE_ACTION(            \
        "restart_service", "high", "outage", "true",                                                         \
        "[\"api\"]") "," SAMPLE_ACTION("off_one", "low", "none", "false", "[\"api\"]") "]}"
#define SAMPLE_RULES                                                                                         \
    "{\"rules\":[" SAMPLE_RULE("error_burst", "error_burst", "", "true", "true", "ok") "," SAMPLE_RULE(      \
        "other_burst", "error_burst", "", "true", "true",                                                    \
        "ok") "," SAMPLE_RULE("quiet", "cpu_high", "", "false", "true",                                      \
                              "unknown") "," SAMPLE_RULE("gone", "anomaly", "", "true", "false",             \
                                                         "disabled") "]}"
#define SAMPLE_APPROVALS                                                                                     \
    "{\"approvals\":[{\"approval_id\":\"apr_1_5\",\"incident_id\":\"inc_gw_1_00002\",\"action\":"            \
    "\"restart_service\",\"target\":\"api\",\"risk\":\"high\",\"needs\":1,\"have\":0,\"expires_in_"          \
    "seconds\":120}]}"

/* Answers of all commands that only read. */
#define SAMPLE_STEPS                                                                                         \
    CTL_RIG_FOR("incidents.get", SAMPLE_GET), CTL_RIG_FOR("status", SAMPLE_STATUS),                          \
        CTL_RIG_FOR("incidents.list",                                                                        \
                    "{\"incidents\":[" SAMPLE_ROW("inc_gw_1_00003", "detected", "60") "],"                   \
                                                                                      "\"more\":false}"),    \
        CTL_RIG_FOR_ARGS("events.list", "cpu_pct", SAMPLE_GAUGE),                                            \
        CTL_RIG_FOR_ARGS("events.list", "\"source\":\"api\"", SAMPLE_EVENTS),                                \
        CTL_RIG_FOR("events.list", "{\"events\":[],\"more\":false}"),                                        \
        CTL_RIG_FOR("actions.list", SAMPLE_ACTIONS), CTL_RIG_FOR("rules.list", SAMPLE_RULES),                \
        CTL_RIG_FOR_ARGS(                                                                                    \
            "rules.show", "\"error_burst\"",                                                                 \
            SAMPLE_RULE_SHOWN("error_burst", "error_burst", "clear_cache, restart_service", "true")),        \
        CTL_RIG_FOR_ARGS("rules.show", "\"other_burst\"",                                                    \
                         SAMPLE_RULE_SHOWN("other_burst", "error_burst", "clear_cache", "true")),            \
        CTL_RIG_FOR_ARGS("rules.show", "\"quiet\"",                                                          \
                         SAMPLE_RULE_SHOWN("quiet", "cpu_high", "off_one, missing_one", "false")),           \
        CTL_RIG_FOR_ARGS("rules.show", "\"gone\"", SAMPLE_RULE_SHOWN("gone", "anomaly", "", "true")),        \
        CTL_RIG_FOR("approval.list", SAMPLE_APPROVALS),                                                      \
        CTL_RIG_FOR("mitigate", "{\"would\":\"cooldown\",\"why\":\"cooling down, free in 4m\"}"),            \
        CTL_RIG_FOR("doctor",                                                                                \
                    "{\"findings\":[{\"check\":\"clock\",\"verdict\":\"ok\",\"what\":\"fine\",\"cure\":"     \
                    "\"\"}]}")
#endif
