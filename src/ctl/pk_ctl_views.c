#include "ctl/pk_ctl_views.h"

#include "base/pk_assert.h"

#define COLUMNS(c) .columns = (c), .column_count = (uint32_t)PK_COUNT_OF(c)
#define LINES(l) .lines = (l), .line_count = (uint32_t)PK_COUNT_OF(l)

static const struct pk_ctl_line STATUS_LINES[] = {
    {"gateway", NULL, NULL, "{site}/{gateway}"},
    {"agent", NULL, NULL,
     "picketd {version}, board {board} ({isa}), boot {boot}, restarted {restarts} times"},
    {"clock", NULL, NULL, "{time} ({time_quality})"},
    {"mode", NULL, NULL, "{mode}, remote commands {remote}"},
    {" ", NULL, "safe_mode", "safe mode is on"},
    {" ", "switched_off", NULL, "{words}"},
    {"incidents", NULL, NULL,
     "{incidents.active} active: {incidents.detected} detected, {incidents.investigating} investigating, "
     "{incidents.mitigating} mitigating, {incidents.mitigated} mitigated"},
    {"ended", NULL, NULL,
     "{incidents.resolved} resolved, {incidents.closed} closed, {incidents.false_positive} false positive"},
    {"means", NULL, NULL,
     "to detect {metrics.mttd.mean_seconds:seconds}, to acknowledge {metrics.mtta.mean_seconds:seconds}, to "
     "resolve "
     "{metrics.mttr.mean_seconds:seconds}"},
    {"actions", NULL, NULL, "{running_actions} running"},
    {"events", NULL, NULL, "{events.taken} taken, {events.bad} bad, {events.lost} lost"},
    {"link", "links", NULL,
     "{name} {host}:{port} {state}, MQTT {mqtt}, {messages_out} out, {messages_in} in, lost {lost} times, "
     "{tls_resumed} TLS sessions resumed"},
    {"link error", "links", "error", "{name}: {error}"},
    {"store", NULL, NULL,
     "{store.state}, on {store.medium}, {store.used_bytes:bytes} of {store.map_bytes:bytes}, longest commit "
     "{store.longest_commit_ms} "
     "ms"},
    {" ", NULL, "store.audit_lost", "{store.audit_lost} audit entries found no room"},
    {"outbox", NULL, NULL,
     "{store.outbox} waiting, {store.outbox_bytes:bytes}, {store.outbox_sent} sent since the start"},
    {" ", NULL, "store.outbox_owed", "{store.outbox_owed} incidents wait for room in it"},
    {" ", NULL, "store.hub_ack", "{store.hub_ack.waiting} of them at the broker, not named by the hub yet"},
    {" ", NULL, "store.outbox_drained_in_seconds",
     "drained in about {store.outbox_drained_in_seconds:seconds}"},
    {"commands", NULL, NULL, "{commands.accepted} accepted, {commands.refused} refused"},
    {"seal", NULL, NULL, "{seal}"},
    {"hashes", NULL, NULL, "configuration {config_hash}, rules {rules_hash}"},
};
const struct pk_ctl_view PK_CTL_VIEW_status = {LINES(STATUS_LINES)};

static const struct pk_ctl_column INCIDENT_COLUMNS[] = {
    {"INCIDENT ID", "incident_id", PK_CTL_CELL_INCIDENT, false},
    {"TITLE", "title", PK_CTL_CELL_TEXT, false},
    {"SEVERITY", "severity", PK_CTL_CELL_SEVERITY, false},
    {"STATUS", "status", PK_CTL_CELL_WORD, false},
    {"DETECTED", "detected_at", PK_CTL_CELL_AGE, false},
    {NULL, "incident_type", PK_CTL_CELL_TEXT, false},
    {NULL, "stage", PK_CTL_CELL_TEXT, false},
    {NULL, "acked", PK_CTL_CELL_TEXT, false},
    {NULL, "component", PK_CTL_CELL_TEXT, false},
    {NULL, "event_count", PK_CTL_CELL_NUMBER, false},
};
static const struct pk_ctl_line MORE_LINES[] = {
    {"", NULL, "more", "there are more: --limit N shows them"},
};
const struct pk_ctl_view PK_CTL_VIEW_incidents = {
    .list = "incidents", COLUMNS(INCIDENT_COLUMNS), .empty = "no incidents", LINES(MORE_LINES)};

static const struct pk_ctl_line INCIDENT_LINES[] = {
    {"", NULL, NULL, "{title}"},
    {"id", NULL, NULL, "{incident_id}"},
    {"severity", NULL, NULL, "{severity:severity}"},
    {"status", NULL, NULL, "{status:upper}, stage {stage}"},
    {"type", NULL, NULL, "{incident_type}, rule {rule_id}"},
    {"detected", NULL, NULL, "{detected_at} ({detected_at:age})"},
    {"acknowledged", NULL, "acknowledged_at", "{acknowledged_at}"},
    {" ", NULL, "acknowledged_by", "by {acknowledged_by}"},
    {" ", NULL, "ack_expires_at", "runs out {ack_expires_at}"},
    {"mitigated", NULL, "mitigated_at", "{mitigated_at}"},
    {"resolved", NULL, "resolved_at", "{resolved_at}"},
    {"closed", NULL, "closed_at", "{closed_at}"},
    {"took", NULL, "mttd_seconds", "{mttd_seconds:seconds} to detect"},
    {" ", NULL, "mtta_seconds", "{mtta_seconds:seconds} to acknowledge"},
    {" ", NULL, "mttr_seconds", "{mttr_seconds:seconds} to resolve"},
    {"stages", NULL, "stage_since",
     "assess {stage_seconds.assess:seconds}, contain {stage_seconds.contain:seconds}, investigate "
     "{stage_seconds.investigate:seconds}, remediate {stage_seconds.remediate:seconds}, recover "
     "{stage_seconds.recover:seconds}; in {stage} since {stage_since}"},
    {"events", NULL, NULL, "{event_count}, first {first_event_at}"},
    {"affected", NULL, "affected_components", "{affected_components}"},
    {"impact", NULL, "impact",
     "{impact.level}, {impact.reach}: {impact.affected} affected, {impact.depending} depend on it"},
    {"team", NULL, "response_team", "{response_team}"},
    {"escalated", NULL, "escalation.reason",
     "to tier {escalation.tier} {escalation.at}: {escalation.reason}"},
    {" ", NULL, "escalation.next_at", "the next tier is called {escalation.next_at}"},
    {"assigned to", NULL, "assigned_to", "{assigned_to}"},
    {"root cause", NULL, "root_cause", "{root_cause}"},
    {"cause", "causes", NULL, "{cause} ({confidence}): {evidence}"},
    {"caused by", NULL, "caused_by", "{caused_by}"},
    {"action", "actions", NULL, "{action} {target}: {state} {result}"},
    {"recommended", NULL, "recommended", "{recommended}"},
    {"", NULL, "flapping", "flapping: it comes and goes"},
    {"", NULL, "description", "{description:lines}"},
};
const struct pk_ctl_view PK_CTL_VIEW_incident = {LINES(INCIDENT_LINES)};

static const struct pk_ctl_column TIMELINE_COLUMNS[] = {
    {NULL, "at", PK_CTL_CELL_TEXT, false},      {NULL, "severity", PK_CTL_CELL_TEXT, false},
    {NULL, "source", PK_CTL_CELL_TEXT, false},  {NULL, "event", PK_CTL_CELL_TEXT, false},
    {NULL, "message", PK_CTL_CELL_TEXT, false},
};
static const struct pk_ctl_line TIMELINE_LINES[] = {
    {"", "timeline", NULL, "{at:clock} [{severity:severity}] {source}: {message}"},
    {"", NULL, "timeline_cut", "the rest does not fit into an answer"},
};
const struct pk_ctl_view PK_CTL_VIEW_timeline = {
    .list = "timeline", COLUMNS(TIMELINE_COLUMNS), LINES(TIMELINE_LINES)};

static const struct pk_ctl_column CAPSULE_COLUMNS[] = {
    {NULL, "part", PK_CTL_CELL_TEXT, false},    {NULL, "type", PK_CTL_CELL_TEXT, false},
    {NULL, "source", PK_CTL_CELL_TEXT, false},  {NULL, "value", PK_CTL_CELL_TEXT, false},
    {NULL, "name", PK_CTL_CELL_TEXT, false},    {NULL, "pid", PK_CTL_CELL_TEXT, false},
    {NULL, "cpu_pct", PK_CTL_CELL_TEXT, false}, {NULL, "rss_bytes", PK_CTL_CELL_TEXT, false},
    {NULL, "line", PK_CTL_CELL_TEXT, false},    {NULL, "event", PK_CTL_CELL_TEXT, false},
};
static const struct pk_ctl_line CAPSULE_LINES[] = {
    {"", "lines", "title", "{incident_id}: {title}, opened {at}"},
    {"", "lines", "event",
     "{part} {event.time} [{event.severity:severity}] {event.source} {event.type} {event.value} "
     "{event.message}"},
    {"", "lines", "seconds_ago", "metric {source} {type} = {value}, {seconds_ago:seconds} before"},
    {"", "lines", "probes", "probe {name}"},
    {"", "lines", "pid", "process {pid} {name}: cpu {cpu_pct} %, memory {rss_bytes:bytes}"},
    {"", "lines", "line", "log {line}"},
    {"", "lines", "lines_cut", "{lines_cut} lines found no room"},
};
const struct pk_ctl_view PK_CTL_VIEW_capsule = {
    .list = "lines", COLUMNS(CAPSULE_COLUMNS), LINES(CAPSULE_LINES)};

static const struct pk_ctl_column STATS_COLUMNS[] = {
    {"BY", "by", PK_CTL_CELL_TEXT, false},
    {"WORD", "word", PK_CTL_CELL_TEXT, false},
    {"COUNT", "count", PK_CTL_CELL_NUMBER, false},
};
static const struct pk_ctl_line STATS_LINES[] = {
    {"", NULL, NULL,
     "{total_incidents} in all, {active_incidents} active, {resolved_incidents} resolved, "
     "{incidents_auto_resolved} of them without a person"},
    {"", NULL, "drills", "{drills} fire drills beside them, in no figure"},
    {"", NULL, "resolver_unknown",
     "{resolver_unknown} resolved by nobody knows whom: their timeline is gone"},
    {"", NULL, "avg_mttd_seconds",
     "to detect       {avg_mttd_seconds:seconds}  {formulas.avg_mttd_seconds}, over {mttd_count}"},
    {"", NULL, "avg_mtta_seconds",
     "to acknowledge  {avg_mtta_seconds:seconds}  {formulas.avg_mtta_seconds}, over {mtta_count}"},
    {"", NULL, "avg_mttr_seconds",
     "to resolve      {avg_mttr_seconds:seconds}  {formulas.avg_mttr_seconds}, over {mttr_count}"},
    {"", NULL, "avg_mttf_seconds",
     "to the next one {avg_mttf_seconds:seconds}  {formulas.avg_mttf_seconds}, over {mttf_count}"},
    {"", NULL, "responses.total_responses",
     "{responses.total_responses} actions ran, {responses.succeeded} succeeded, {responses.failed} failed, "
     "{responses.refused} were refused"},
    {"", NULL, NULL, "{events_processed} events processed since the agent started"},
};
const struct pk_ctl_view PK_CTL_VIEW_stats = {
    .list = "counts", COLUMNS(STATS_COLUMNS), .empty = "no incidents", LINES(STATS_LINES)};

static const struct pk_ctl_column EVENT_COLUMNS[] = {
    {"TIME", "time", PK_CTL_CELL_CLOCK, false},    {"SEVERITY", "severity", PK_CTL_CELL_SEVERITY, false},
    {"SOURCE", "source", PK_CTL_CELL_TEXT, false}, {"TYPE", "type", PK_CTL_CELL_TEXT, false},
    {"VALUE", "value", PK_CTL_CELL_NUMBER, true},  {"MESSAGE", "message", PK_CTL_CELL_TEXT, true},
    {NULL, "event_id", PK_CTL_CELL_TEXT, false},   {NULL, "correlation_id", PK_CTL_CELL_TEXT, false},
    {NULL, "metadata", PK_CTL_CELL_TEXT, false},
};
const struct pk_ctl_view PK_CTL_VIEW_events = {
    .list = "events", COLUMNS(EVENT_COLUMNS), .empty = "no events", LINES(MORE_LINES)};

static const struct pk_ctl_line RECORDED_LINES[] = {
    {"", NULL, NULL, "{recorded} events in {file}"},
    {"", NULL, "missed", "{missed} events came faster than they could be written"},
};
const struct pk_ctl_view PK_CTL_VIEW_recorded = {LINES(RECORDED_LINES)};

static const struct pk_ctl_column SOURCE_COLUMNS[] = {
    {"SOURCE", "source", PK_CTL_CELL_TEXT, false},
    {"STATE", "state", PK_CTL_CELL_WORD, false},
    {"SEEN", "seen_seconds_ago", PK_CTL_CELL_AGO, true},
    {"EVENTS", "events", PK_CTL_CELL_NUMBER, false},
    {"LOST", "lost", PK_CTL_CELL_NUMBER, false},
    {"FAULTS", "faults", PK_CTL_CELL_NUMBER, false},
    {"PROMISED", "promised_seconds", PK_CTL_CELL_SECONDS, true},
    {"EXPECTED", "expected_seconds", PK_CTL_CELL_SECONDS, true},
    {NULL, "sequence", PK_CTL_CELL_NUMBER, false},
    {NULL, "usual_gap_seconds", PK_CTL_CELL_TEXT, false},
};
const struct pk_ctl_view PK_CTL_VIEW_sources = {
    .list = "sources", COLUMNS(SOURCE_COLUMNS), .empty = "no sources", LINES(MORE_LINES)};

static const struct pk_ctl_line SOURCE_LINES[] = {
    {"source", NULL, NULL, "{source}"},
    {"state", NULL, NULL, "{state:upper}"},
    {"seen", NULL, "seen_seconds_ago", "{seen_seconds_ago:seconds} ago"},
    {"events", NULL, NULL, "{events} taken, {lost} lost, {faults} faults, sequence {sequence}"},
    {"heartbeat", NULL, "promised_seconds", "promised every {promised_seconds:seconds}"},
    {"expected", NULL, "expected_seconds", "configured every {expected_seconds:seconds}"},
    {"usual gap", NULL, "usual_gap_seconds", "{usual_gap_seconds:seconds}"},
    {"rate", NULL, NULL, "{tokens} of {burst} tokens, {rate} a second"},
    {"newest", NULL, "newest_time", "{newest_time}"},
    {"lines", NULL, "inlet",
     "{inlet.lines}: {inlet.matched} matched, {inlet.unmatched} not, {inlet.bad} bad, {inlet.cut} cut short, "
     "{inlet.other_form} of another form, {inlet.odd_bytes} with NUL or not UTF-8, {inlet.overrun} overrun"},
    {"refused", NULL, "inlet.refusal", "the last one: {inlet.refusal}"},
    {"files", NULL, "inlet",
     "{inlet.rotated} rotated, {inlet.truncated} truncated, {inlet.skipped_files} skipped, place lost "
     "{inlet.places_lost} times"},
    {"measured", "probes", NULL, "{kind}: {result}, {measured} times, {failed} of them failed"},
    {"last", "probes", "seconds_ago",
     "{kind}: {seconds_ago:seconds} ago in {latency_ms} ms, {bytes:bytes} read, {bad_lines} bad lines"},
    {"lost", "losses", NULL, "{count} by {reason}, sequence {from} to {to}, last {seconds_ago:seconds} ago"},
    {"event", "newest_events", NULL, "{time:clock} [{severity:severity}] {type}"},
};
const struct pk_ctl_view PK_CTL_VIEW_source = {LINES(SOURCE_LINES)};

static const struct pk_ctl_column MAP_COLUMNS[] = {
    {"MAP", "map", PK_CTL_CELL_TEXT, false},
    {"TOPIC", "topic", PK_CTL_CELL_TEXT, false},
    {"TAKEN", "taken", PK_CTL_CELL_NUMBER, false},
    {"DID NOT FIT", "misfits", PK_CTL_CELL_NUMBER, false},
    {"LAST", "last_seconds_ago", PK_CTL_CELL_AGO, true},
    {"WHY", "last_reason", PK_CTL_CELL_TEXT, true},
    {"WHAT", "last_detail", PK_CTL_CELL_TEXT, true},
    {NULL, "reasons", PK_CTL_CELL_TEXT, false},
};
const struct pk_ctl_view PK_CTL_VIEW_maps = {
    .list = "maps", COLUMNS(MAP_COLUMNS), .empty = "no mapping rows", LINES(MORE_LINES)};

static const struct pk_ctl_column RULE_COLUMNS[] = {
    {"RULE", "rule_id", PK_CTL_CELL_TEXT, false},
    {"SEVERITY", "severity", PK_CTL_CELL_SEVERITY, false},
    {"STATE", "state", PK_CTL_CELL_WORD, false},
    {"ENABLED", "enabled", PK_CTL_CELL_TEXT, false},
    {"ORIGIN", "origin", PK_CTL_CELL_TEXT, false},
    {"AUTO", "auto", PK_CTL_CELL_TEXT, false},
    {"FIRED", "fires", PK_CTL_CELL_NUMBER, false},
    {"LAST", "fired_seconds_ago", PK_CTL_CELL_AGO, true},
    {"BYTES", "bytes", PK_CTL_CELL_BYTES, true},
    {"AT MOST", "bytes_max", PK_CTL_CELL_BYTES, true},
    {"ABOUT", "about", PK_CTL_CELL_TEXT, false},
    {NULL, "incident_type", PK_CTL_CELL_TEXT, false},
    {NULL, "operator", PK_CTL_CELL_TEXT, false},
    {NULL, "switched", PK_CTL_CELL_TEXT, false},
    {NULL, "evaluations", PK_CTL_CELL_NUMBER, false},
    {NULL, "evaluated_seconds_ago", PK_CTL_CELL_TEXT, false},
};
const struct pk_ctl_view PK_CTL_VIEW_rules = {.list = "rules", COLUMNS(RULE_COLUMNS), .empty = "no rules"};

static const struct pk_ctl_column SWITCHED_COLUMNS[] = {{"RULE", "rule_id", PK_CTL_CELL_TEXT, false},
                                                        {"ENABLED", "enabled", PK_CTL_CELL_TEXT, false},
                                                        {"ORIGIN", "origin", PK_CTL_CELL_TEXT, false}};
const struct pk_ctl_view PK_CTL_VIEW_switched = {
    .list = "rules", COLUMNS(SWITCHED_COLUMNS), .empty = "no rules"};

static const struct pk_ctl_line RULE_LINES[] = {
    {"", NULL, "text", "\n{text:lines}"},
    {"", NULL, "explain", "\n{explain:lines}"},
};
const struct pk_ctl_view PK_CTL_VIEW_rule = {
    .list = "rules", COLUMNS(RULE_COLUMNS), .empty = "no rules", LINES(RULE_LINES)};
static const struct pk_ctl_line EXPLAIN_LINES[] = {{"", NULL, NULL, "{explain:lines}"}};
const struct pk_ctl_view PK_CTL_VIEW_explain = {LINES(EXPLAIN_LINES)};

static const struct pk_ctl_column ACTION_COLUMNS[] = {
    {"ACTION", "action", PK_CTL_CELL_TEXT, false},
    {"RECOMMENDED", "recommended", PK_CTL_CELL_TEXT, true},
    {"TAKEN", "taken", PK_CTL_CELL_TEXT, true},
    {"RISK", "risk", PK_CTL_CELL_SEVERITY, false},
    {"COST", "cost", PK_CTL_CELL_TEXT, false},
    {"ENABLED", "enabled", PK_CTL_CELL_TEXT, false},
    {"PER HOUR", "per_hour", PK_CTL_CELL_NUMBER, false},
    {"TIMEOUT", "timeout_seconds", PK_CTL_CELL_SECONDS, false},
    {"COOLDOWN", "cooldown_seconds", PK_CTL_CELL_SECONDS, false},
    {"OK", "ok", PK_CTL_CELL_NUMBER, false},
    {"FAILED", "failed", PK_CTL_CELL_NUMBER, false},
    {"TARGETS", "targets", PK_CTL_CELL_TEXT, false},
    {"ABOUT", "about", PK_CTL_CELL_TEXT, false},
};
const struct pk_ctl_view PK_CTL_VIEW_actions = {
    .list = "actions", COLUMNS(ACTION_COLUMNS), .empty = "no action is configured"};

static const struct pk_ctl_column APPROVAL_COLUMNS[] = {
    {"APPROVAL", "approval_id", PK_CTL_CELL_TEXT, false},
    {"INCIDENT", "incident_id", PK_CTL_CELL_TEXT, false},
    {"ACTION", "action", PK_CTL_CELL_TEXT, false},
    {"TARGET", "target", PK_CTL_CELL_TEXT, false},
    {"RISK", "risk", PK_CTL_CELL_SEVERITY, false},
    {"STATE", "state", PK_CTL_CELL_WORD, false},
    {"NEEDS", "needs", PK_CTL_CELL_NUMBER, false},
    {"HAVE", "have", PK_CTL_CELL_NUMBER, false},
    {"EXPIRES IN", "expires_in_seconds", PK_CTL_CELL_SECONDS, false},
    {"WHY", "risk_factors", PK_CTL_CELL_TEXT, false},
};
const struct pk_ctl_view PK_CTL_VIEW_approvals = {
    .list = "approvals", COLUMNS(APPROVAL_COLUMNS), .empty = "nothing waits for approval"};

static const struct pk_ctl_column STANDING_COLUMNS[] = {
    {"ORDER", "order_id", PK_CTL_CELL_NUMBER, false},
    {"ACTION", "action", PK_CTL_CELL_TEXT, false},
    {"TARGET", "target", PK_CTL_CELL_TEXT, false},
    {"LEFT", "uses_left", PK_CTL_CELL_NUMBER, false},
    {"ENDS IN", "ends_in_seconds", PK_CTL_CELL_SECONDS, false},
    {"HOLDS", "holds", PK_CTL_CELL_WORD, false},
    {"ROLE", "role", PK_CTL_CELL_TEXT, false},
    {"BY", "by", PK_CTL_CELL_TEXT, false},
    {"REASON", "reason", PK_CTL_CELL_TEXT, false},
};
const struct pk_ctl_view PK_CTL_VIEW_standing = {
    .list = "orders", COLUMNS(STANDING_COLUMNS), .empty = "there is no standing order"};

static const struct pk_ctl_column MAINTENANCE_COLUMNS[] = {
    {"TASK", "task", PK_CTL_CELL_TEXT, false},
    {"ACTION", "action", PK_CTL_CELL_TEXT, false},
    {"TARGET", "target", PK_CTL_CELL_TEXT, false},
    {"WHEN", "when", PK_CTL_CELL_TEXT, false},
    {"STATE", "state", PK_CTL_CELL_WORD, false},
    {"NEXT IN", "next_in_seconds", PK_CTL_CELL_SECONDS, false},
    {"LAST", "last", PK_CTL_CELL_WORD, false},
    {"OK", "success_count", PK_CTL_CELL_NUMBER, false},
    {"FAILED", "failure_count", PK_CTL_CELL_NUMBER, false},
    {"SAID", "said", PK_CTL_CELL_TEXT, false},
};
static const struct pk_ctl_line MAINTENANCE_LINES[] = {
    {"", NULL, NULL, "{completed_count} of {run_count} runs completed ({completed_pct} %)"}};
const struct pk_ctl_view PK_CTL_VIEW_maintenance = {.list = "tasks",
                                                    COLUMNS(MAINTENANCE_COLUMNS),
                                                    .empty = "there is no maintenance task",
                                                    LINES(MAINTENANCE_LINES)};

static const struct pk_ctl_column MEMORY_COLUMNS[] = {
    {"TABLE", "table", PK_CTL_CELL_TEXT, false},   {"CAPACITY", "capacity", PK_CTL_CELL_NUMBER, false},
    {"USED", "used", PK_CTL_CELL_NUMBER, false},   {"HIGH", "high", PK_CTL_CELL_NUMBER, false},
    {"DROPS", "drops", PK_CTL_CELL_NUMBER, false}, {"BYTES", "bytes", PK_CTL_CELL_BYTES, false},
};
static const struct pk_ctl_line MEMORY_LINES[] = {
    {"", NULL, NULL, "agent: {agent_bytes:bytes} of at most {agent_bytes_max:bytes}"}};
const struct pk_ctl_view PK_CTL_VIEW_memory = {
    .list = "tables", COLUMNS(MEMORY_COLUMNS), .empty = "no tables", LINES(MEMORY_LINES)};

static const struct pk_ctl_column DOCTOR_COLUMNS[] = {
    {NULL, "check", PK_CTL_CELL_TEXT, false},
    {NULL, "verdict", PK_CTL_CELL_WORD, false},
    {NULL, "what", PK_CTL_CELL_TEXT, false},
    {NULL, "cure", PK_CTL_CELL_TEXT, false},
};
static const struct pk_ctl_line DOCTOR_LINES[] = {
    {"", "findings", NULL, "{verdict:upper}  {check}: {what}"},
    {"to do", "findings", "cure", "{check}: {cure}"},
};
const struct pk_ctl_view PK_CTL_VIEW_doctor = {
    .list = "findings", COLUMNS(DOCTOR_COLUMNS), .empty = "no findings", LINES(DOCTOR_LINES)};

static const struct pk_ctl_column REPORT_COLUMNS[] = {
    {"INCIDENT", "incident_id", PK_CTL_CELL_TEXT, false},
    {"BYTES", "bytes", PK_CTL_CELL_BYTES, false},
    {"FILE", "file", PK_CTL_CELL_TEXT, false},
};
const struct pk_ctl_view PK_CTL_VIEW_reports = {
    .list = "reports", COLUMNS(REPORT_COLUMNS), .empty = "no incident in this time"};

static const struct pk_ctl_column EXPLAINED_COLUMNS[] = {
    {NULL, "about", PK_CTL_CELL_TEXT, false},
    {NULL, "text", PK_CTL_CELL_TEXT, false},
};
static const struct pk_ctl_line EXPLAINED_LINES[] = {
    {"", NULL, NULL, "{subject}"},
    {"", "because", NULL, "  {about}: {text}"},
};
const struct pk_ctl_view PK_CTL_VIEW_explained = {
    .list = "because", COLUMNS(EXPLAINED_COLUMNS), LINES(EXPLAINED_LINES)};

static const struct pk_ctl_line SENT_LINES[] = {
    {"", NULL, "id", "event {id}"},
    {"", NULL, "sent", "{sent} sent, {accepted} accepted, {refused} refused"},
};
const struct pk_ctl_view PK_CTL_VIEW_sent = {LINES(SENT_LINES)};

static const struct pk_ctl_column SILENCE_COLUMNS[] = {
    {"N", "silence_id", PK_CTL_CELL_NUMBER, false},
    {"KIND", "kind", PK_CTL_CELL_TEXT, false},
    {"STATE", "state", PK_CTL_CELL_TEXT, false},
    {"RULE", "rule", PK_CTL_CELL_TEXT, false},
    {"TYPE", "type", PK_CTL_CELL_TEXT, false},
    {"COMPONENT", "component", PK_CTL_CELL_TEXT, false},
    {"UP TO", "severity", PK_CTL_CELL_SEVERITY, false},
    {"UNTIL", "until", PK_CTL_CELL_TEXT, false},
    {"BY", "by", PK_CTL_CELL_TEXT, false},
    {"REASON", "reason", PK_CTL_CELL_TEXT, false},
    {NULL, "from", PK_CTL_CELL_TEXT, false},
};
static const struct pk_ctl_column KEY_COLUMNS[] = {
    {"KEY", "kid", PK_CTL_CELL_TEXT, false},
    {"ROLE", "role", PK_CTL_CELL_WORD, false},
    {"OWNER", "owner", PK_CTL_CELL_TEXT, false},
};
static const struct pk_ctl_line REVOKED_LINES[] = {{"", NULL, "revoked", "revoked: {revoked}"}};
const struct pk_ctl_view PK_CTL_VIEW_keys = {
    .list = "keys", COLUMNS(KEY_COLUMNS), .empty = "no key", LINES(REVOKED_LINES)};

const struct pk_ctl_view PK_CTL_VIEW_silences = {
    .list = "silences", COLUMNS(SILENCE_COLUMNS), .empty = "no silence", LINES(MORE_LINES)};

static const struct pk_ctl_column SWITCH_COLUMNS[] = {
    {"SWITCH", "switch", PK_CTL_CELL_TEXT, false}, {"ON", "on", PK_CTL_CELL_TEXT, false},
    {"FILE", "file", PK_CTL_CELL_TEXT, false},     {"BY", "by", PK_CTL_CELL_TEXT, false},
    {"AT", "at", PK_CTL_CELL_TEXT, false},         {"REASON", "reason", PK_CTL_CELL_TEXT, false},
};
const struct pk_ctl_view PK_CTL_VIEW_switches = {.list = "switches", COLUMNS(SWITCH_COLUMNS)};

static const struct pk_ctl_column STATE_COLUMNS[] = {
    {"STATUS", "status", PK_CTL_CELL_TEXT, false},   {"EVENT", "event", PK_CTL_CELL_TEXT, false},
    {"BECOMES", "becomes", PK_CTL_CELL_TEXT, false}, {"STAGE", "stage", PK_CTL_CELL_TEXT, false},
    {"AND", "effects", PK_CTL_CELL_TEXT, false},
};
const struct pk_ctl_view PK_CTL_VIEW_states = {.list = "states", COLUMNS(STATE_COLUMNS)};

static const struct pk_ctl_column WORD_COLUMNS[] = {
    {"WORD", "word", PK_CTL_CELL_TEXT, false},
    {"KIND", "kind", PK_CTL_CELL_TEXT, false},
    {"STATUS", "status", PK_CTL_CELL_TEXT, false},
    {"STAGE", "stage", PK_CTL_CELL_TEXT, false},
};
const struct pk_ctl_view PK_CTL_VIEW_words = {.list = "words", COLUMNS(WORD_COLUMNS)};

const struct pk_ctl_view PK_CTL_VIEW_changed = {.list = NULL};

static bool has_table(const struct pk_ctl_view *view) {
    for (uint32_t i = 0; i < view->column_count; i++) {
        if (view->columns[i].title != NULL) {
            return true;
        }
    }
    return false;
}

void pk_ctl_view_table(struct pk_ctl_text *t, const struct pk_ctl_view *view, struct pk_str result,
                       const struct pk_ctl_look *look) {
    if (view->list != NULL && has_table(view)) {
        pk_ctl_put_table(t, view->columns, view->column_count, pk_ctl_member(result, view->list).json,
                         view->empty, look);
    }
    pk_ctl_put_lines(t, view->lines, view->line_count, result, look);
    if (view->list == NULL && view->line_count == 0) {
        pk_ctl_put_members(t, result);
    }
}

void pk_ctl_view_csv(struct pk_ctl_text *t, const struct pk_ctl_view *view, struct pk_str result) {
    if (view->list == NULL) {
        pk_ctl_put_members_csv(t, result);
        return;
    }
    pk_ctl_put_csv(t, view->columns, view->column_count, pk_ctl_member(result, view->list).json);
}

void pk_ctl_view_json(struct pk_ctl_text *t, struct pk_str result) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value first;
    pk_ctl_walk_init(&walk, result);
    const bool is_empty = !pk_ctl_walk_next(&walk, &first);
    if (result.n > 0 && result.p[0] == '{' && pk_ctl_member(result, "v").kind == PK_JSON_END) {
        pk_ctl_text_puts(t, is_empty ? "{\"v\":1" : "{\"v\":1,");
        result = pk_str_make(result.p + 1, result.n - 1);
    }
    pk_ctl_text_put_json(t, result);
    pk_ctl_text_putc(t, '\n');
}

void pk_ctl_view_ndjson(struct pk_ctl_text *t, const struct pk_ctl_view *view, struct pk_str result) {
    struct pk_ctl_walk walk;
    struct pk_ctl_value item;
    if (view->list == NULL) {
        pk_ctl_view_json(t, result);
        return;
    }
    pk_ctl_walk_init(&walk, pk_ctl_member(result, view->list).json);
    while (pk_ctl_walk_next(&walk, &item)) {
        pk_ctl_text_put_json(t, item.json);
        pk_ctl_text_putc(t, '\n');
    }
}
