#ifndef PK_AGENT_PRIV_H
#define PK_AGENT_PRIV_H
/* The steps of the tick, between the files of src/agent only. Each does bounded work and returns to
 * pk_agent_tick. */
#include "agent/pk_agent.h"
#include "base/pk_assert.h"
#include "incident/pk_incident_people.h"
#include "incident/pk_incident_record.h"
#include "respond/pk_action_parse.h"
#include "wire/pk_approval_json.h"
#include "wire/pk_incident_json.h"
#include "wire/pk_role.h"
#include "wire/pk_status_json.h"
#include "wire/pk_summary_json.h"

/* ---- shared ---- */
void pk_agent_log(struct pk_agent *a, enum pk_log_level level, const char *text);
/* "text: detail" */
void pk_agent_log1(struct pk_agent *a, enum pk_log_level level, const char *text, struct pk_str detail);
/* Whether this may be said now; *out_more: how often it was kept back since the last time. */
bool pk_agent_may_say(const struct pk_agent *a, struct pk_agent_muffle *m, uint64_t *out_more);
/* The least it can be by now: the last good time and what passed since. 0: there was none. */
int64_t pk_agent_floor_ms(const struct pk_agent *a);
struct pk_stamp pk_agent_stamp_at(const struct pk_agent *a, uint64_t mono_ms);
struct pk_intake_clock pk_agent_intake_clock(const struct pk_agent *a);
const struct pk_action_table *pk_agent_actions(const struct pk_agent *a);
/* The mode of the configuration, or the lower one that a command set. */
uint8_t pk_agent_mode_allowed(const struct pk_agent *a);
void pk_agent_apply_settings(struct pk_agent *a);
void pk_agent_incident_settings(const struct pk_agent *a, struct pk_incidents_settings *out);

/* ---- clock ---- */
void pk_agent_read_clock(struct pk_agent *a);
/* Of commands from before it is not known whether they were used, and not from when on it is. */
bool pk_agent_are_ids_unknown(const struct pk_agent *a);
/* It is known of all that were issued later than wall_ms. */
void pk_agent_date_ids(struct pk_agent *a, int64_t wall_ms);
/* The hub told the time (time.set). */
void pk_agent_set_time(struct pk_agent *a, int64_t wall_ms);
/* A moment as it was stored, when the clock of its boot became good after it (src/decisions/0099). */
void pk_agent_correct(const struct pk_agent *a, struct pk_stamp *s);
void pk_agent_correct_incident(const struct pk_agent *a, struct pk_incident *incident);

/* ---- detect ---- */
/* Hands a->event_in to the intake: whether it was taken. */
bool pk_agent_offer(struct pk_agent *a);
/* An event about our own store. */
void pk_agent_report_store(struct pk_agent *a, const char *type, double value);
/* One line of the events socket, and its answer: an event, or an array of them, read whole or not at all. */
void pk_agent_event_line(struct pk_agent *a, struct pk_buf *replies, int line_err, struct pk_str line);
/* Whether all events of the next line find room, however many it has. */
bool pk_agent_has_batch_room(const struct pk_agent *a, const struct pk_lines *lines);
void pk_agent_collect(struct pk_agent *a);
void pk_agent_detect(struct pk_agent *a);
/* Names separated by commas. */
void pk_agent_recommend(struct pk_agent *a, uint32_t incident, struct pk_str names);
/* Waits for the sources that the configuration says must report, and for those alone. */
void pk_agent_expect_heartbeats(struct pk_agent *a);
uint64_t pk_agent_collect_next_ms(const struct pk_agent *a);

/* ---- probes ---- */
void pk_agent_probes_configure(struct pk_agent *a);
/* The newest result of a row, for the counts and for what it says of the network. */
void pk_agent_probes_note(struct pk_agent *a, uint32_t row, const struct pk_ipc_probed *r);
/* The host of a row; NULL when its newest result says nothing of a network. */
const char *pk_agent_probes_host(const struct pk_agent *a, uint32_t row);
/* What the newest results of the probes of this name lack of health, or of the time an answer may take, for a
 * sentence that ends with the name; NULL: nothing, or there is none since that moment. */
const char *pk_agent_probes_trouble(const struct pk_agent *a, const char *source, uint64_t since_ms);
/* No host that was asked of late was met, and there are two of them at least. */
bool pk_agent_probes_is_cut_off(const struct pk_agent *a);
/* The rows that speak for a source, as array `probes` of the open object; nothing when there is none. */
void pk_agent_probes_put(const struct pk_agent *a, struct pk_json_writer *w, const char *source);
void pk_agent_probe(struct pk_agent *a);
void pk_agent_probed(struct pk_agent *a, uint32_t id, const struct pk_ipc_probed *result);
uint64_t pk_agent_probe_next_ms(const struct pk_agent *a);
/* ---- sources ---- */
/* Makes room where names that strangers wrote fill their part of the table. Between detecting and reading:
 * no event waits, no finding is on its way. */
void pk_agent_forget_sources(struct pk_agent *a);

/* ---- patterns ---- */
/* Reads the operator's patterns into the spare book and checks what the logs of *c want of them: PK_OK, or
 * PK_E_CONFIG with *diag. Nothing that is in force changes. */
PK_MUST_USE int pk_agent_patterns_read(struct pk_agent *a, const struct pk_config *c, const char *path,
                                       struct pk_diag *diag);
/* The book that was read is in force, for the inlets of a->config. */
void pk_agent_patterns_take(struct pk_agent *a);

/* ---- inlets ---- */
/* The configuration is another one: what changed is closed and asked for. */
void pk_agent_inlets_apply(struct pk_agent *a);
void pk_agent_inlet_frame(struct pk_agent *a, const struct pk_ipc_frame *f);
void pk_agent_inlets(struct pk_agent *a);
bool pk_agent_inlets_want_turn(const struct pk_agent *a);
uint64_t pk_agent_inlets_next_ms(const struct pk_agent *a);

/* ---- neighbours ---- */
void pk_agent_witness_apply(struct pk_agent *a); /* after the inlets were */
void pk_agent_witness(struct pk_agent *a);
/* NULL, or why it is none. */
const char *pk_agent_witness_take(struct pk_agent *a, struct pk_str datagram);
uint32_t pk_agent_witness_list(const struct pk_agent *a,
                               struct pk_summary_neighbour out[PK_LIMIT_NEIGHBOURS]);
uint64_t pk_agent_witness_next_ms(const struct pk_agent *a);

/* ---- incidents ---- */
const struct pk_topology *pk_agent_topology(const struct pk_agent *a);
/* An incident was opened or fired again: causes and consequences. */
void pk_agent_correlate(struct pk_agent *a, uint32_t number);
/* If the event tells of a change, it is a suspect from now on. */
void pk_agent_note_change(struct pk_agent *a, const struct pk_event *e);
void pk_agent_note_reload(struct pk_agent *a);
/* The machine began anew a moment ago: a change like others, with what is known of its end. */
void pk_agent_note_start(struct pk_agent *a, struct pk_str story);
/* ---- flight recorder ---- */
void pk_agent_capsule_log(struct pk_agent *a, struct pk_str line); /* a line of a log was read */
/* An incident was opened. */
void pk_agent_capsule_want(struct pk_agent *a, uint32_t incident);
/* Some lines further; when it wants to go on. */
uint64_t pk_agent_capsule(struct pk_agent *a);
void pk_agent_capsules_configure(struct pk_agent *a);
PK_MUST_USE int pk_agent_capsule_restore(struct pk_agent *a, struct pk_str key, struct pk_str value);
PK_MUST_USE int pk_agent_get_capsule(struct pk_agent *a, const struct pk_request *q,
                                     struct pk_json_writer *w);
/* ---- its way to the hub ---- */
#define PK_AGENT_TOKEN_UPLOAD ((1ull << 63) + (1ull << 40)) /* and the turn of the chunk */
/* A capsule is whole and stored: wanted, where the configuration says so. */
void pk_agent_upload_whole(struct pk_agent *a, struct pk_capsule *c);
void pk_agent_upload_restored(struct pk_agent *a); /* the capsules of the store are there */
void pk_agent_upload_evicted(struct pk_agent *a, const struct pk_capsule *c); /* it made room for another */
void pk_agent_upload_connected(struct pk_agent *a, uint32_t link);
void pk_agent_upload_answered(struct pk_agent *a, uint64_t token, uint8_t reason);
/* The next chunk, when it is due and nothing more urgent waits. */
void pk_agent_upload_send(struct pk_agent *a, uint32_t link);
uint64_t pk_agent_upload_next_ms(const struct pk_agent *a);
void pk_agent_upload_status(const struct pk_agent *a, struct pk_json_writer *w);
PK_MUST_USE int pk_agent_upload_command(struct pk_agent *a, const struct pk_request *q,
                                        struct pk_json_writer *w);
bool pk_agent_has_window(const struct pk_link *l); /* the client takes a publication that may wait */
/* Why what ran before ended: said, stored, and an event when nobody asked for it. */
void pk_agent_tell_stop(struct pk_agent *a);
/* The event's words into the incident's timeline. */
void pk_agent_put_story(struct pk_agent *a, uint32_t incident, uint32_t event_number);
/* Before what stayed clear is resolved: that nothing about it is still wrong. */
void pk_agent_recover(struct pk_agent *a);

/* ---- respond, supervisor ---- */
/* What the configuration says, in this mode. */
void pk_agent_respond_configure(struct pk_agent *a, uint8_t mode);
int pk_agent_send_frame(struct pk_agent *a, uint16_t type, uint32_t id, const void *body, uint32_t n);
void pk_agent_ipc(struct pk_agent *a);
void pk_agent_respond(struct pk_agent *a);
void pk_agent_tell_supervisor(struct pk_agent *a);

/* ---- escalation ---- */
/* What a run of `escalate` or `notify_team` says on its incident. */
void pk_agent_call(struct pk_agent *a, const struct pk_run *run);
/* Tiers that were called by themselves: told, and their hook run. */
void pk_agent_escalations(struct pk_agent *a);
/* Who answers for the incident by its severity; empty: nobody is named. */
struct pk_str pk_agent_response_team(const struct pk_agent *a, const struct pk_incident *i);

/* ---- switches ---- */
bool pk_agent_switch_is_on(const struct pk_agent *a, enum pk_switch which);
/* Why it is off; nothing when it is on. */
void pk_agent_switch_words(const struct pk_agent *a, enum pk_switch which, struct pk_buf *out);
/* After the file or somebody changed one. */
void pk_agent_switches_apply(struct pk_agent *a);
/* As pk_switches_restore; a damaged record is said. */
int pk_agent_switch_restore(struct pk_agent *a, struct pk_str key, struct pk_str value);
/* What changed into the batch, as far as there is room. */
void pk_agent_journal_switches(struct pk_agent *a);
/* Members `switches` and `switched_off` of the open object. */
void pk_agent_status_switches(const struct pk_agent *a, struct pk_json_writer *w);
int pk_agent_switches_command(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w);

/* ---- approvals ---- */
/* The request on its topic, or that it is decided. False: no room now, nothing happened. */
bool pk_agent_queue_approval(struct pk_agent *a, const struct pk_run *run);
int pk_agent_list_approvals(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w);
int pk_agent_get_approval(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w);
/* The other one who signed: what the first asked for he approves as well. */
void pk_agent_second_signer(struct pk_agent *a, const struct pk_request *q, uint32_t run);
int pk_agent_decide(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w);
/* Asks for the addresses of a link's broker. */
void pk_agent_resolve(struct pk_agent *a, uint32_t link);

/* ---- store ---- */
int pk_agent_restore(struct pk_agent *a);
/* How long the firing behind an open incident has gone on; 0: not known, because it flapped or there was no
 * clock. */
uint64_t pk_agent_lasted_ms(const struct pk_agent *a, const struct pk_incident *i);
/* The rule (index, < 0 = there is none) watches for the end of the incident from now on: NULL, or in words
 * why it does not. */
const char *pk_agent_adopt(struct pk_agent *a, int rule, const struct pk_incident *i);
/* One entry for timeline readers and audit. Without room in the batch it is lost, counted, and said later
 * (src/decisions/0103-what-the-audit-has.md). */
void pk_agent_audit(struct pk_agent *a, uint32_t incident, const char *kind, const char *who,
                    struct pk_str text);
/* The same, of a moment before. */
void pk_agent_audit_at(struct pk_agent *a, const struct pk_stamp *at, uint32_t incident, const char *kind,
                       const char *who, struct pk_str text);
/* Since the start: entries that found no room, and lines of timelines that were overwritten before. */
uint64_t pk_agent_audit_lost(const struct pk_agent *a);
/* The disk is full, or nothing that was handed over became durable for seconds. */
bool pk_agent_is_store_stuck(const struct pk_agent *a);
enum { PK_AGENT_AUDIT_OP_BYTES = PK_RECORD_LOG_BYTES + 64 };
bool pk_agent_batch_has_room(const struct pk_agent *a, uint32_t bytes);
/* Every changed counter into the batch. False: there was not room for all. */
bool pk_agent_journal_budgets(struct pk_agent *a);
/* The same for standing orders. */
bool pk_agent_journal_standings(struct pk_agent *a);
int pk_agent_standings_command(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w);
void pk_agent_journal(struct pk_agent *a);
void pk_agent_commit(struct pk_agent *a);
void pk_agent_durable(struct pk_agent *a);

/* ---- maintenance ---- */
void pk_agent_tasks_begin(struct pk_agent *a);
/* The rows are others now; the old ones are in the spare configuration. */
void pk_agent_tasks_reload(struct pk_agent *a);
/* Starts what is due. Boot-time ms at which it wants to be called again at the latest. */
uint64_t pk_agent_tasks(struct pk_agent *a);
void pk_agent_journal_tasks(struct pk_agent *a);
/* One begins so soon. */
bool pk_agent_tasks_are_near(const struct pk_agent *a, uint64_t within_ms);
/* Whether the frame was about a task. */
bool pk_agent_task_frame(struct pk_agent *a, const struct pk_ipc_frame *f);
/* Counts into the open object. */
void pk_agent_put_tasks(const struct pk_agent *a, struct pk_json_writer *w);
int pk_agent_tasks_command(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w);

/* ---- certificates ---- */
void pk_agent_certificates(struct pk_agent *a);

/* ---- sessions ---- */
/* After the links were opened. PK_OK or what the store says. */
PK_MUST_USE int pk_agent_session_restore(struct pk_agent *a);
/* The link's client is a new one. */
void pk_agent_session_renew(struct pk_agent *a, uint32_t link);
/* The messages of this tick caused something that goes into the store. */
void pk_agent_session_keep(struct pk_agent *a);
/* With the last of it, or after: what changed into the batch. */
void pk_agent_session_journal(struct pk_agent *a);
/* Something to be kept found no room in the batch. */
bool pk_agent_session_is_behind(const struct pk_agent *a);
void pk_agent_session_submitted(struct pk_agent *a, uint64_t seq);
void pk_agent_session_durable(struct pk_agent *a);

/* ---- what rules learned ---- */
/* At start: the clock of a row; when all are known, the clock; then each row, once the rules are. */
void pk_agent_learned_clock(struct pk_agent *a, struct pk_str value);
void pk_agent_learned_begin(struct pk_agent *a);
void pk_agent_learned_restore(struct pk_agent *a, uint16_t row, struct pk_str value);
void pk_agent_learned_restored(struct pk_agent *a);
/* The wall clock became good. */
void pk_agent_learned_set_clock(struct pk_agent *a);
/* A slice of a round into the batch, when one is due. may_add: the store is not full. */
void pk_agent_learned_save(struct pk_agent *a, bool may_add);
/* After the stop was asked for: the last round is over. */
bool pk_agent_learned_is_done(const struct pk_agent *a);
uint64_t pk_agent_learned_next_ms(const struct pk_agent *a);

/* ---- links ---- */
void pk_agent_links_open(struct pk_agent *a);
/* The client is made anew for what its section says now; begins_anew: so is the session, by the broker. */
void pk_agent_link_renew(struct pk_agent *a, uint32_t link, bool begins_anew);
/* Bits of enum pk_topic_filter: what that broker is asked for. */
uint8_t pk_agent_subscriptions(const struct pk_agent *a, uint32_t link);
/* Reads its password_file; taken with the next connection. */
void pk_agent_link_password(struct pk_agent *a, uint32_t link);
void pk_agent_links_read(struct pk_agent *a);
void pk_agent_links_write(struct pk_agent *a);
/* Messages wait that can be taken now. */
bool pk_agent_links_want_turn(const struct pk_agent *a);
uint64_t pk_agent_links_next_ms(const struct pk_agent *a);
/* Index of the broker with that role (enum pk_broker_role), or PK_LINKS. */
uint32_t pk_agent_link_for(const struct pk_agent *a, uint8_t role);
void pk_agent_remote(struct pk_agent *a);
/* What is under verification was refused with err: into the audit, what anybody may send only now and then.
 */
void pk_agent_audit_refusal(struct pk_agent *a, int err);
struct pk_command_time pk_agent_command_time(const struct pk_agent *a);
/* Done with it: its message is acknowledged, the next one may come. */
void pk_agent_remote_end(struct pk_agent *a);
void pk_agent_links_stop(struct pk_agent *a);

/* ---- the hub's word (topic `ack`) ---- */
/* Whether the outbox waits for it, as the configuration says. */
void pk_agent_hub_configure(struct pk_agent *a);
void pk_agent_hub_message(struct pk_agent *a, uint32_t link, const struct pk_mqtt_event *e);
/* While one is under way: signature, then what it names. */
void pk_agent_hub_step(struct pk_agent *a, const struct pk_command_time *now);
/* All of it was looked for: the next tick ends it. */
bool pk_agent_hub_wants_turn(const struct pk_agent *a);
/* A member of the open object `store`, with hub_ack. */
void pk_agent_hub_put(const struct pk_agent *a, struct pk_json_writer *w);

/* ---- what the brokers are asked for ---- */
/* And the bits of enum pk_topic_filter. */
#define PK_AGENT_TOKEN_SUBSCRIBE ((1ull << 63) + 0x100u)
uint8_t pk_agent_event_qos(const struct pk_agent *a, uint32_t link);
/* All of it, or what was not granted yet. */
void pk_agent_subscribe_connected(struct pk_agent *a, uint32_t link, bool subscribe_again);
/* What was refused is asked for at once: who reloads may have changed the broker. */
void pk_agent_subscribe_reload(struct pk_agent *a, uint32_t link);
/* Whose time has come, and what is left of the mapping rows. */
void pk_agent_subscribe_write(struct pk_agent *a, uint32_t link);
void pk_agent_subscribe_answered(struct pk_agent *a, uint32_t link, const struct pk_mqtt_event *e);
/* Something was refused: asked for again after a minute, doubled up to ten as long as it stays so. */
void pk_agent_subscribe_refused(struct pk_agent *a, uint32_t link);
/* What is asked for now was refused on this connection before, and the log has it. */
bool pk_agent_subscribe_is_said(const struct pk_agent *a, uint32_t link);
uint64_t pk_agent_subscribe_next_ms(const struct pk_agent *a);
void pk_agent_links_remap(struct pk_agent *a);

/* ---- mapping rows ---- */
/* Of their own subscriptions and, plus 1 + row, of those that are answered. */
#define PK_AGENT_TOKEN_MAPS ((1ull << 63) + 0x10000u)
/* The rows are others now. */
void pk_agent_maps_renew(struct pk_agent *a);
void pk_agent_maps_connected(struct pk_agent *a, uint32_t link, bool subscribe_again);
/* Those that were refused are to be subscribed. */
void pk_agent_maps_again(struct pk_agent *a, uint32_t link);
/* What is left to subscribe, as far as the client has room. */
void pk_agent_maps_subscribe(struct pk_agent *a, uint32_t link);
void pk_agent_maps_answered(struct pk_agent *a, uint32_t link, const struct pk_mqtt_event *e);
/* Identifier of our own subscriptions, 0 = none: while rows may bring copies of what comes on them. */
uint32_t pk_agent_maps_own_id(const struct pk_agent *a, uint32_t link);
/* The message came for a row although its topic is our own: the original comes as well. */
bool pk_agent_maps_is_copy(const struct pk_mqtt_event *e);
/* Whether it is one of any row. */
bool pk_agent_maps_message(struct pk_agent *a, uint32_t link, const struct pk_mqtt_event *e);

/* ---- shown to others ---- */
#define PK_AGENT_TOKEN_SHOWN ((1ull << 63) + 4u)
void pk_agent_shown_connected(struct pk_agent *a, uint32_t link);
void pk_agent_shown_changed(struct pk_agent *a); /* some incident did */
void pk_agent_shown_write(struct pk_agent *a, uint32_t link);
/* Whether the message answers what was asked: is an incident shown that is none any more? */
bool pk_agent_shown_message(struct pk_agent *a, uint32_t link, const struct pk_mqtt_event *e);
/* The broker has one of its messages, or not. */
void pk_agent_shown_answered(struct pk_agent *a, uint32_t link, uint8_t reason);
/* The broker answered the subscription: what is retained comes now. */
void pk_agent_shown_listens(struct pk_agent *a, uint32_t link);
uint64_t pk_agent_shown_next_ms(const struct pk_agent *a);

/* ---- local sockets ---- */
void pk_agent_local_read(struct pk_agent *a);
void pk_agent_local_write(struct pk_agent *a);
bool pk_agent_local_wants_turn(const struct pk_agent *a);
void pk_agent_watch_incident(struct pk_agent *a, const struct pk_incident *i, uint32_t kinds);
void pk_agent_watch_event(struct pk_agent *a, const struct pk_event *e);
void pk_agent_watch_timeline(struct pk_agent *a, const struct pk_timeline_entry *e);

/* ---- commands: one handler for socket and MQTT. Writes the member "result" into w. PK_OK, or an error and
 * a->why. ---- */
int pk_agent_execute(struct pk_agent *a, const struct pk_request *request, struct pk_json_writer *w);
/* A command of the socket that was refused before it was carried out; a->why says why. */
void pk_agent_audit_refused_local(struct pk_agent *a, const struct pk_request *q, int err);
/* A signed command was taken that has no entry of its end, as it only reads: in the batch of its id. */
void pk_agent_audit_read(struct pk_agent *a, const struct pk_request *q);
int pk_agent_fail(struct pk_agent *a, int err, const char *why);
int pk_agent_query(struct pk_agent *a, const struct pk_request *request,
                   struct pk_json_writer *w); /* reading commands */
int pk_agent_change(struct pk_agent *a, const struct pk_request *request,
                    struct pk_json_writer *w); /* changing commands */
/* pk_agent_keys.c */
int pk_agent_keys_restore(struct pk_agent *a, struct pk_str key, struct pk_str value);
void pk_agent_report_damage(struct pk_agent *a, const char *source, const char *words);
const char *pk_agent_record_words(const struct pk_agent *a); /* what its loss means */
void pk_agent_keys_tell(struct pk_agent *a);                 /* at the start: that none is obeyed */
void pk_agent_keys_apply(struct pk_agent *a,
                         struct pk_keys *keys); /* after they were read from their files */
int pk_agent_keys_command(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w);
int pk_agent_keys_list(const struct pk_agent *a, struct pk_json_writer *w);
/* pk_agent_audit.c */
void pk_agent_audit_page(struct pk_agent *a); /* reads what was asked for; after the outbox's own fetch */
int pk_agent_audit_head(const struct pk_agent *a, struct pk_json_writer *w);
int pk_agent_audit_list(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w);
int pk_agent_list_events(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w);
int pk_agent_list_sources(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w);
int pk_agent_get_source(struct pk_agent *a, const struct pk_request *q, struct pk_json_writer *w);
int pk_agent_list_maps(struct pk_agent *a, struct pk_json_writer *w);
/* The reply has room for one more row of at most so many bytes and its end. */
bool pk_agent_has_row_room(const struct pk_json_writer *w, uint32_t bytes);
int pk_agent_doctor(struct pk_agent *a, struct pk_json_writer *w);

/* ---- rules made at run time ---- */
int pk_agent_rules_command(struct pk_agent *a, const struct pk_request *request, struct pk_json_writer *w);
/* At start: each stored record, then once; the reply scratch holds the texts meanwhile. */
int pk_agent_rules_restore(struct pk_agent *a, struct pk_str value, uint32_t *used_bytes);
void pk_agent_rules_restored(struct pk_agent *a, uint32_t used_bytes);
/* After every change of the set: its hash, and whether the stored ones are in force. */
void pk_agent_rules_changed(struct pk_agent *a);
/* What rules, patterns, mapping rows, collectors and probes name is among the event types before anybody says
 * it, and what rules name among the sources. */
void pk_agent_types_take(struct pk_agent *a);
/* Whether the types of *c, of the spare patterns and of shipped rules, and those that this text of rules
 * names, are there or find room. PK_OK; PK_E_CONFIG and *diag with the place. What is new stays in the table
 * until the caller cuts it (pk_types_cut), so that several texts can be tried together. */
PK_MUST_USE int pk_agent_types_check(struct pk_agent *a, const struct pk_config *c, const char *path,
                                     struct pk_diag *diag);
PK_MUST_USE int pk_agent_types_fit(struct pk_agent *a, const char *file, struct pk_str text,
                                   struct pk_diag *diag);
void pk_agent_rule_origin(const struct pk_agent *a, struct pk_json_writer *w, uint32_t index);
/* Nobody watches any more for the end of an incident whose rule is gone or off. */
void pk_agent_remark_orphans(struct pk_agent *a);

/* ---- silences ---- */
int pk_agent_silences_command(struct pk_agent *a, const struct pk_request *request, struct pk_json_writer *w);
/* What began or ended. Boot-time ms of the next turn. */
uint64_t pk_agent_silences(struct pk_agent *a);
/* A new one, from somebody else than a command. Number, PK_E_AGAIN (the store is busy), or as
 * pk_silences_add. */
int pk_agent_silences_open(struct pk_agent *a, const struct pk_silence *s);
int pk_agent_silences_restore(struct pk_agent *a, struct pk_str value);
int pk_agent_card_restore(struct pk_agent *a, struct pk_str value);
/* Every changed report card into the batch, as far as there is room. */
void pk_agent_journal_cards(struct pk_agent *a);

/* ---- budgets of flash and data ---- */
/* After the meta record was read; then, and after each reload. */
void pk_agent_budgets_restore(struct pk_agent *a);
void pk_agent_budgets_configure(struct pk_agent *a);
void pk_agent_budgets(struct pk_agent *a);      /* looks at the counters, once in a while */
void pk_agent_budgets_meta(struct pk_agent *a); /* into a->meta */
uint8_t pk_agent_budget_level(const struct pk_agent *a, enum pk_spend_kind kind); /* enum pk_spend_level */
/* Whether what goes to the broker of this role (enum pk_broker_role) counts into the month. */
bool pk_agent_budget_counts(const struct pk_agent *a, uint8_t role);
/* Of the month, for what goes to that broker; FREE where that does not count. */
uint8_t pk_agent_budget_data_level(const struct pk_agent *a, uint8_t role);
uint64_t pk_agent_budget_summary_ms(const struct pk_agent *a); /* how far apart summaries are */
/* With nothing else to store, the clock's floor and what is used of budgets are saved so often (ADR 0089). */
enum { PK_AGENT_META_SAVE_MS = 3600000, PK_AGENT_META_LATEST_MS = PK_AGENT_META_SAVE_MS / 4 * 5 };
/* Whether this change of an incident, this line of a timeline, is not stored and not reported; counted. What
 * comes after it has it in it. */
bool pk_agent_budget_skips(struct pk_agent *a, const struct pk_incident *i, uint32_t kinds);
bool pk_agent_budget_skips_line(struct pk_agent *a, const struct pk_timeline_entry *t);
/* Whether what was known around it is not kept; counted. */
bool pk_agent_budget_skips_capsule(struct pk_agent *a, const struct pk_incident *i);
/* Whether saving what rules learned waits for another time; counted. */
bool pk_agent_budget_postpones(struct pk_agent *a);
/* Budgets with a limit, and what they cost so far, into the summary. */
void pk_agent_budgets_summarise(const struct pk_agent *a, struct pk_agent_summary *s);
/* `budgets` of the open object. */
void pk_agent_budgets_put(const struct pk_agent *a, struct pk_json_writer *w);

/* ---- metrics ---- */
/* The next part of the textfile, when it is due. */
void pk_agent_metrics(struct pk_agent *a);
uint64_t pk_agent_metrics_next_ms(const struct pk_agent *a);
/* The configuration is another one: the file is begun anew. */
void pk_agent_metrics_renew(struct pk_agent *a);
/* Members of the open object `status`: what came of actions; of `metrics`; the textfile, where there is one.
 */
void pk_agent_responses_put(const struct pk_agent *a, struct pk_json_writer *w);
void pk_agent_metrics_put(const struct pk_agent *a, struct pk_json_writer *w);
void pk_agent_textfile_put(const struct pk_agent *a, struct pk_json_writer *w);
/* An incident is in the open batch; the batch was handed over; something is on the medium. */
void pk_agent_metrics_opened(struct pk_agent *a, const struct pk_incident *i);
void pk_agent_metrics_submitted(struct pk_agent *a, uint64_t store_seq);
void pk_agent_metrics_durable(struct pk_agent *a);
/* A finding opened an incident just now. */
void pk_agent_metrics_detected(struct pk_agent *a);

/* Before a batch leaves: whatever fills these tables is in one. */
void pk_agent_note_high(struct pk_agent *a);
void pk_agent_note_connections(struct pk_agent *a);
uint32_t pk_agent_tables(const struct pk_agent *a, struct pk_agent_table out[PK_AGENT_TABLES]);
/* Fills *out; the arrays live in the caller's struct. */
void pk_agent_summary(struct pk_agent *a, struct pk_agent_summary *out);
void pk_agent_status(const struct pk_agent *a, struct pk_status *out, bool is_online, uint32_t link,
                     const char *reason);
void pk_agent_dump(struct pk_agent *a);
#endif
