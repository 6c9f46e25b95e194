#ifndef PK_AGENT_H
#define PK_AGENT_H
/* The agent: all state in one caller-owned struct, one tick. The only place that knows every other module
 * (DESIGN 2).
 *
 *     pk_agent_init(a, port, &identity);
 *     pk_agent_load(a, path, environment, &diag)        configuration, actions, rules, keys: whole or refused
 *     ... the role prepares TLS and the store from a->config ...
 *     pk_agent_start(a, &start)                         restores what was stored
 *     for (;;) { signals = port->loop.wait(until); until = pk_agent_tick(a, signals); }  until
 * pk_agent_is_stopped
 *
 * I/O only fills buffers; the tick drains them with bounded work, reads the clock once, submits at most one
 * store batch, and returns the next deadline. Nothing calls backwards. */
#include "agent/pk_config.h"
#include "agent/pk_limits_check.h"
#include "agent/pk_lines.h"
#include "agent/pk_link.h"
#include "base/pk_bitset.h"
#include "detect/pk_engine.h"
#include "event/pk_intake.h"
#include "event/pk_logevent.h"
#include "event/pk_patterns_own.h"
#include "incident/pk_capsule.h"
#include "incident/pk_incidents.h"
#include "incident/pk_stop_story.h"
#include "report/pk_audit_log.h"
#include "report/pk_command.h"
#include "report/pk_key_changes.h"
#include "report/pk_outbox.h"
#include "report/pk_spend.h"
#include "report/pk_witness.h"
#include "respond/pk_respond.h"
#include "respond/pk_switches.h"
#include "wire/pk_summary_json.h"

struct pk_agent_identity {
    const char *version, *isa, *board;
    /* Fixed memory of third-party code in this process, as pk_platform_arena; NULL: there is none. */
    void (*arena)(struct pk_arena_status *libc_arena, struct pk_arena_status *tls_arena);
};

struct pk_agent_start {
    uint32_t boot_epoch;       /* the supervisor's file; 0 = it had none */
    uint32_t restart_count;    /* of the agent by this supervisor */
    uint32_t last_exit;        /* wait status of the agent before, 0xFFFFFFFF = none */
    bool is_store_moved_aside; /* the store check found damage */
    uint8_t record_lost;       /* as in struct pk_ipc_welcome */
    uint32_t seal_bits;
    /* how what ran before ended, as the supervisor knows it (incident/pk_stop_story.h) */
    uint64_t kernel_boot; /* 0 = not known: nothing is told */
    uint32_t oom_kill_count, trace_crc;
    uint8_t trace; /* enum pk_stop_trace */
    bool has_watchdog_fired, was_hung;
    char trace_line[PK_STOP_LINE_BYTES];
};

enum {
    PK_AGENT_SAMPLES = 64,
    PK_AGENT_ACKS = PK_LIMIT_INFLIGHT * 2,
    PK_AGENT_TAIL_BYTES = 640,
    PK_AGENT_ERROR_BYTES = 120
};

/* One local connection. */
struct pk_agent_connection {
    bool is_used, is_readable, is_watching, watches_events, is_closing;
    uint8_t listener; /* enum pk_listener */
    uint8_t role;     /* enum pk_role */
    uint8_t watch_severity;
    uint32_t uid;
    uint64_t watch_id;
    struct pk_lines lines;
    char line_bytes[PK_LIMIT_LINE_BYTES];
    char tail[PK_AGENT_TAIL_BYTES]; /* rest of a line the socket did not take whole */
    uint32_t tail_bytes;
};

/* A message of a device that was taken and is acknowledged once what it caused is durable. */
#define PK_AGENT_ACK_STAGED UINT64_MAX /* its batch was not submitted yet */
struct pk_agent_ack {
    uint64_t store_seq;
    uint32_t handle;
    uint8_t link;
};

/* What the store knows of a link's session: pk_mqtt_kept. */
struct pk_agent_session {
    uint32_t written_turn; /* pk_mqtt_kept_turn of what went into a batch last */
    bool is_stored;        /* there is a record */
    uint64_t forget_seq;   /* the batch without the ids that are being forgotten; 0: there are none */
};

/* One inlet of the configuration (pk_inlet.h), by its index there. */
struct pk_agent_inlet {
    uint32_t row_crc;   /* of the row it was made from; 0 = not in use */
    uint16_t source_id; /* that stands for it */
    bool is_open;       /* the supervisor gave a descriptor */
    bool is_up;         /* said so last; neither up nor fault: not known yet */
    bool is_fault;
    bool is_skipping; /* in the rest of a line that was too long */
    bool has_more;    /* something waits that no descriptor will tell of again */
    bool is_live;     /* a file, or the kernel's log, read to its end a moment ago: new lines are of now */
    bool has_line;    /* since it was opened */
    int8_t error;     /* why it is none, when it was refused */
    uint64_t ask_ms, up_ms, fault_ms; /* when to ask for it, call it up, call it a fault; UINT64_MAX never */
    uint64_t at;                      /* FILE: the first byte that was not taken */
    uint64_t record;                  /* kmsg: number of the next record; 0 = not known */
    uint64_t dropped_count;           /* as the port last said; FILE: files, as the supervisor did */
    int64_t zone_ms;                  /* to be added to times that name no zone */
    uint64_t line_count, event_count, bad_count, cut_count, lost_count;
    uint64_t file_count, truncated_count, skipped_file_count; /* FILE: ended by another, cut short, unread */
    uint64_t other_form_count;  /* lines that are not of the form the configuration says */
    uint64_t odd_byte_count;    /* lines with NUL or not UTF-8 */
    uint64_t place_lost_count;  /* what was written before a restart and after the last read was not read */
    uint64_t known_record;      /* kmsg: those with lower numbers were read by an agent before */
    uint64_t kept_record;       /* as the supervisor was told last */
    int32_t kept_zone_quarters; /* the same */
    const char *refusal;        /* why the last bad one was refused; NULL: none was */
    uint32_t tail_check;        /* FILE: CRC-32C of the bytes before `at`, tail_bytes of them */
    uint8_t tail_bytes;
    struct pk_log_memory memory;
};
/* What is left of a datagram with more lines than the intake had room for. It is in `bytes`: nothing else is
 * read before it is through. */
struct pk_agent_statsd_rest {
    uint32_t inlet, at, n;
    bool is_any, is_cut;
};
struct pk_agent_inlets {
    struct pk_agent_inlet rows[PK_LIMIT_INLETS];
    uint64_t look_ms; /* when the files are looked at next */
    uint64_t keep_ms; /* when the supervisor is told next how far was read */
    bool is_kept;     /* it was told for the last time: we stop */
    struct pk_log_reader reader;
    struct pk_logevent_once once;
    struct pk_logline line;
    struct pk_patterns_tables tables; /* of the inlet that is read */
    struct pk_agent_statsd_rest rest;
    struct pk_lines journal;
    char journal_bytes[PK_LOG_LINE_BYTES_MAX + 1];
    char cursor[PK_LOG_CURSOR_BYTES];
    char kept_cursor[PK_LOG_CURSOR_BYTES];
    char bytes[2 * PK_LOG_LINE_BYTES_MAX];
};

/* What lines are matched with: the operator's patterns, in force and being read, and what each inlet wants.
 */
struct pk_agent_patterns {
    struct pk_patterns_own books[2];
    uint32_t index; /* of the one in force */
    struct pk_patterns_use use;
    struct pk_patterns_picked picked[PK_LIMIT_INLETS];
};

struct pk_agent_counters {
    uint64_t ticks, requests_refused, topic_unknown, retained_event, replies_lost, watch_lost, slow_closed,
        config_refused, reloads, offers_refused, runs_orphaned, batch_full, ipc_bad, log_suppressed,
        audit_lost;
};

/* Keeps what a peer can cause from filling log and audit: so many at once, then one each period. */
struct pk_agent_muffle {
    uint64_t refilled_ms, muffled_count;
    uint32_t spent_count;
};

enum { PK_AGENT_REFUSALS = 128 };
/* What was said about a link last, so that each reason is said once and not at each try. */
struct pk_agent_link_said {
    uint64_t end_count; /* failures and losses seen so far */
    uint64_t lost_count;
    struct pk_agent_muffle ends;
    bool is_online; /* the last line said so */
    bool is_contested;
    uint64_t refusals[PK_BITSET_WORDS(PK_AGENT_REFUSALS)]; /* reasons from 0x80 of publications refused */
    char error[96];
};

/* Our own subscriptions on one link. */
struct pk_agent_subscribing {
    uint64_t due_ms;   /* what was refused is asked for again then; 0: nothing was */
    uint32_t wait_ms;  /* the last such wait on this connection */
    uint8_t open_bits; /* of enum pk_topic_filter: asked for and not granted */
    bool is_said;
};

/* The most there ever was in tables that keep no such figure themselves. */
struct pk_agent_high {
    uint32_t runs, budgets, outbox_slots, batch_bytes, connections;
};

enum pk_agent_remote_step {
    PK_REMOTE_IDLE,
    PK_REMOTE_STORING,
    PK_REMOTE_REPLYING,
    PK_REMOTE_HEARING /* no command, but the hub's acknowledgement */
};

/* The remote command under way (report/pk_command.h): one at a time. */
struct pk_agent_remote {
    enum pk_agent_remote_step step;
    uint8_t link;
    uint32_t handle;    /* of the MQTT message */
    bool is_staged;     /* its id is in the open batch */
    uint64_t store_seq; /* batch that holds it; 0 = not submitted */
    uint64_t since_ms;  /* of the step */
    char reply[PK_LIMIT_PAYLOAD_BYTES];
    uint32_t reply_bytes;
    char reply_topic[PK_TOPIC_BYTES + 64];
    uint8_t correlation[PK_COMMAND_CORRELATION_BYTES];
    uint32_t correlation_bytes;
    char answered_jti[PK_JWS_JTI_BYTES]; /* whose answer `reply` holds; "" = nobody's */
};

/* Subscriptions of the mapping rows on one link: rows asked for, rows answered, and of the rows before the
 * last reload those that were left. */
struct pk_agent_map_link {
    uint32_t next, answered, leave;
    uint64_t refused[PK_BITSET_WORDS(PK_LIMIT_MAPS)];
    bool is_fresh;        /* asked for again because the broker, or we, may know nothing */
    bool is_refused_only; /* the others were granted */
};
struct pk_agent_maps {
    struct pk_map_count counts[PK_LIMIT_MAPS]; /* since the rows were read */
    uint16_t first[PK_LIMIT_MAPS];             /* first row with the same filter */
    struct pk_agent_map_link links[PK_LINKS];
    bool leaves_old; /* the spare configuration holds the rows before the last reload */
};

/* What is known of the probes of the configuration, row by row. */
struct pk_agent_probe {
    uint64_t due_ms, asked_ms;
    uint32_t asked_id; /* 0 = not under way */
    uint8_t again_count;
    bool has_count, gave_value;
    uint64_t count; /* of a service's starts */
    /* the newest result, and how many there were */
    uint64_t done_ms; /* 0 = none yet */
    uint32_t done_count, failed_count, latency_us, byte_count, bad_count;
    int32_t error;
    uint16_t status; /* HTTP, or exit code of a program */
    uint8_t is_up, reach;
};
struct pk_agent_probe_series {
    uint64_t at_ms; /* of the last look; 0 = none */
    double value;
};
struct pk_agent_probes {
    uint32_t crc; /* of the table the rows are of */
    uint32_t next_id;
    uint64_t asked_count, fault_count, bad_line_count;
    struct pk_agent_probe rows[PK_LIMIT_PROBES];
    struct pk_agent_probe_series series[PK_LIMIT_SERIES];
};

/* What was drawn of the incident table for others to see, by its slots (pk_agent_shown.c). */
enum { PK_AGENT_SHOWN_HOME, PK_AGENT_SHOWN_ALARMS, PK_AGENT_SHOWN_COUNT };
struct pk_agent_shown_slot {
    uint32_t boot, number; /* of the incident; 0 = none */
    uint8_t severity;      /* 1 + of what is shown, 0 = nothing */
    bool is_sure;          /* said on this connection */
};
struct pk_agent_picture {
    struct pk_agent_shown_slot slots[PK_LIMIT_INCIDENTS];
    uint32_t cursor; /* slots before it are as they should be */
};
struct pk_agent_shown {
    struct pk_agent_picture pictures[PK_AGENT_SHOWN_COUNT];
    uint32_t erased[PK_LINKS][PK_AGENT_SHOWN_COUNT]; /* how far it was taken back */
    uint32_t waiting_count[PK_LINKS];                /* said, not yet answered */
    bool is_refused[PK_LINKS];                       /* something, on this connection */
    uint8_t asked_bits[PK_LINKS]; /* what is retained of which picture, on this connection */
    uint8_t heard_bits[PK_LINKS]; /* of them: subscribed until heard_until_ms */
    bool has_more[PK_LINKS];      /* there was no room to take all of it back: asked again */
    uint8_t again_count[PK_LINKS];
    bool is_device_drawn, is_state_held; /* held: another one than was said waits for state_due_ms */
    uint32_t state_crc;                  /* of what was said; 0 = nothing */
    uint64_t state_due_ms, refused_count;
    uint64_t heard_until_ms[PK_LINKS];
};

struct pk_agent_witness {
    struct pk_witness table;
    uint64_t due_ms; /* of the next datagram */
    uint64_t hub_lost_ms;
    bool has_hub;
    uint64_t unsent_count;
};

/* A page of audit entries that somebody asked for; its bytes are in trim_bytes. */
enum pk_agent_audit_page_state {
    PK_AUDIT_PAGE_NONE,
    PK_AUDIT_PAGE_WANTED,
    PK_AUDIT_PAGE_READING,
    PK_AUDIT_PAGE_READY
};
struct pk_agent_audit_page {
    uint64_t after;
    uint32_t bytes;
    uint8_t state; /* enum pk_agent_audit_page_state */
};

/* What rules learned, kept in rows of the store: a round goes over all windows and saves what changed. */
#define PK_AGENT_LEARNED_STRANGE UINT64_MAX /* name of a row that could not be taken: it goes */
struct pk_agent_learned {
    uint64_t names[PK_LIMIT_LEARNED];                /* of the series in a row; 0 = free */
    uint64_t met[PK_BITSET_WORDS(PK_LIMIT_LEARNED)]; /* rows whose series was met in this round */
    uint64_t due_ms;                                 /* of the next round */
    uint64_t round_ms;                               /* start of the round; of the last one when none is */
    uint64_t whole_ms;                               /* start of the last round that came to its end */
    uint32_t slot;                                   /* next window to look at */
    bool is_round, is_last;                          /* last: the one at the stop was begun */
    bool is_clock_known;                             /* how long we were away is */
    uint64_t base_clock_ms; /* of the newest row at start: the clock of what is learned, and the wall clock */
    int64_t base_wall_ms;
    uint32_t used, high;
    uint64_t saved_count, saved_bytes, taken_count, strange_count, full_count;
};

/* The capsule that is being filled, those that wait, and the newest lines of all logs. */
struct pk_agent_capsule {
    uint32_t waiting[4], waiting_count; /* incidents */
    struct pk_capsule *current;         /* NULL: none */
    enum pk_capsule_part part;
    uint32_t cursor, event_number; /* within the part; the first event after the opening */
    uint64_t due_ms, began_ms;
    uint64_t missed_count, damaged_count;
    bool is_measuring; /* the first look at all processes is not over */
    uint32_t log_at;
    char log[PK_LIMIT_LOG_TAIL_BYTES]; /* a ring of lines */
};

/* The capsule on its way to the hub: one chunk at a time, the next once the broker has it. */
struct pk_agent_upload {
    struct pk_capsule *current; /* NULL: none */
    uint32_t chunk_count;
    uint8_t hash[PK_SHA256_BYTES]; /* of its whole text */
    uint32_t turn;                 /* of the chunk that was handed to the client: its token */
    bool is_inflight;
    uint8_t refusal_count; /* in a row */
    uint64_t due_ms;       /* of the next chunk */
    uint64_t sent_chunks, acked_chunks, resumed_count, done_count, refused_count, evicted_count;
};

enum { PK_AGENT_TABLES = 40 };
/* Incidents on their way to the medium, those of one moment together. */
enum { PK_AGENT_OPENED = 8 };
struct pk_agent_opened {
    uint64_t at_ms, store_seq; /* store_seq 0 = not handed over */
    uint32_t count;
};
/* The textfile (pk_agent_metrics.c), and what only it tells. */
struct pk_agent_metrics {
    uint64_t due_ms;                /* of the next part */
    uint32_t at_bytes, family, row; /* where the file that is being written stands */
    bool is_writing, is_head_out;
    int32_t error; /* of the last one */
    uint64_t written_count, failed_count;
    uint64_t event_ms; /* when the event that is judged was taken in; 0 = none is */
    struct pk_metric detection, processing;
    struct pk_agent_opened opened[PK_AGENT_OPENED];
    uint32_t opened_count;
};

/* ---- tables ---- */
struct pk_agent_table {
    const char *name;
    uint64_t capacity, used, high, drops, bytes;
    bool is_known; /* what it holds follows from the configuration, stands in the summary elsewhere, or is
                      full by nature (rings, caches) */
};
/* What the summary is made from. */
struct pk_agent_summary {
    struct pk_agent_table rows[PK_AGENT_TABLES];
    struct pk_summary_table tables[PK_AGENT_TABLES];
    struct pk_summary_type types[PK_INC_TYPE_COUNT];
    struct pk_summary_loss losses[16];
    struct pk_summary_action actions[PK_LIMIT_ACTIONS];
    struct pk_summary_neighbour neighbours[PK_LIMIT_NEIGHBOURS];
    struct pk_summary_budget budgets[PK_SPEND_COUNT];
    uint32_t ledger_count; /* of losses, those of the ledger: the last ones */

    struct pk_summary summary;
};

struct pk_agent_self { /* what was last said of our own tables, and what they had counted then */
    uint64_t looked_ms, evicted_before, events_before, refused_before;
    uint64_t hour_ms, ok_before, failed_before; /* since when actions are counted, and what they were then */
    uint32_t failed_pct;                        /* of them, as last said */
    bool was_evicting, was_waiting, was_refusing;
};

/* Maintenance by schedule: at most one run, whose frames have this bit in their id. */
#define PK_AGENT_TASK_IDS 0x80000000u
#define PK_AGENT_NO_TASK UINT32_MAX
#define PK_AGENT_LOST_TASK (UINT32_MAX - 1u) /* a reload took the row of the running one away */
enum pk_agent_task_phase { PK_AGENT_TASK_NONE, PK_AGENT_TASK_STORING, PK_AGENT_TASK_RUNNING };
struct pk_agent_tasks {
    struct pk_tasks table;
    uint32_t row, run_id, run_count;
    uint32_t owed_row; /* its end waits to be stored; PK_AGENT_NO_TASK */
    uint64_t owed_ms;  /* when it ended */
    uint8_t phase;     /* enum pk_agent_task_phase */
    bool is_stopped;
    bool is_asked; /* by a person: the switch is about the schedule */
    char said[PK_TASK_SAID_BYTES];
};

struct pk_agent {
    const struct pk_port *port;
    struct pk_agent_identity identity;
    struct pk_agent_start start;
    /* configuration: what holds, and the spare one that a reload fills */
    struct pk_config config, config_spare;
    struct pk_action_table actions[2];
    struct pk_keys keys[2];
    struct pk_key_changes key_changes; /* lies over them */
    uint8_t actions_index, keys_index;
    struct pk_command_config command_config;
    const char *config_path;
    const char *const *environment;
    struct pk_diag diag;   /* of the last refused reload */
    bool is_reload_wanted; /* asked for while its scratch was in use */
    uint8_t mode, log_level;
    uint8_t mode_limit; /* what a command lowered it to: holds until the next start, over reloads */
    uint32_t rules_hash;
    bool are_rules_off; /* those made at run time, as last reported */
    /* time */
    struct pk_stamp now;
    int64_t hub_offset_ms; /* wall - mono as the hub said */
    bool has_hub_time;
    bool is_floor_good; /* saved from a good clock since the start */
    uint64_t
        floor_saved_ms; /* when meta.wall_floor_ms was the time, or the start: it is that much later now */
    /* detect */
    struct pk_intake intake;
    struct pk_history history;
    uint64_t cards_due_ms; /* report cards are not stored before */
    uint64_t pruned_ms;    /* when the history was cleared of old events last */
    struct pk_agent_self self;
    struct pk_engine engine;
    struct pk_sample samples[PK_AGENT_SAMPLES];
    uint64_t collect_due_ms[PK_COLLECT_COUNT];
    bool collect_is_off[PK_COLLECT_COUNT];
    struct pk_agent_probes probes;
    struct pk_agent_inlets inlets;
    struct pk_agent_witness witness;
    struct pk_agent_patterns patterns;
    uint64_t forget_ms;                                    /* when sources may be forgotten next */
    uint64_t forgotten[PK_BITSET_WORDS(PK_LIMIT_SOURCES)]; /* scratch of it */
    uint64_t asked_ms;                         /* when the last tick wanted the next one at the latest */
    uint32_t longest_tick_ms, longest_late_ms; /* took, and came after it was asked for */
    uint64_t first_rule_ms; /* boot-time ms at which the first rule was evaluated; 0 = not yet */
    /* incidents, response */
    struct pk_incidents incidents;
    struct pk_topology topology[2]; /* in force, and being read */
    uint8_t topology_index;
    uint8_t
        change_kinds[PK_LIMIT_TYPES]; /* by event type: 0 not looked at, 1 none, 2 + enum pk_change_kind */
    struct pk_capsules capsules;
    struct pk_agent_capsule capsule;
    struct pk_agent_upload upload;
    struct pk_respond respond;
    struct pk_switches switches; /* what people switched off */
    struct pk_agent_tasks tasks;
    char run_output[PK_INC_NOTE_BYTES]; /* first words of what the running action printed */
    uint32_t run_output_run;
    /* store */
    struct pk_meta meta;
    struct pk_audit_log audit;
    /* What others are told of it: the newest head that is on the medium, and one on its way there. */
    struct pk_audit_head durable_head, moving_head;
    uint64_t moving_head_seq; /* of the batch with it; 0 = none */
    uint64_t audit_lost_said; /* of counters.audit_lost, in the audit */
    uint32_t audit_reserve;   /* of the batch, for the entry of the command that is carried out */
    struct pk_outbox outbox;
    struct pk_store_batch batch;
    uint32_t batch_runs[PK_LIMIT_RUNS];
    uint32_t batch_run_count;
    bool is_meta_dirty;
    bool is_store_full;   /* the last submit found no room in the queue of the writer */
    bool is_store_broken; /* until it is opened anew */
    bool is_disk_full;    /* only what acting needs is stored */
    uint8_t drop_worst;   /* severity of the incidents without room, as written down */
    int32_t store_error;  /* of the writer, as last said; PK_OK when it works */
    uint64_t store_said_ms;
    uint64_t store_good_ms; /* when it last kept something, or had nothing to keep */
    uint64_t delete_due_ms; /* of acknowledged entries, when nothing else is written; UINT64_MAX: none */
    uint64_t submitted_seq, durable_seq;
    struct pk_agent_learned learned;
    bool is_trim_fetching;
    struct pk_agent_audit_page audit_page;
    uint8_t batch_bytes[PK_LIMIT_BATCH_BYTES];
    uint8_t trim_bytes[4096]; /* of the trim, or of the audit page */
    /* links, commands */
    struct pk_link links[PK_LINKS];
    int64_t connected_wall_ms;       /* of the newest connection of any link */
    uint64_t birth_due_ms[PK_LINKS]; /* UINT64_MAX: it is out */
    bool is_epoch_from_store;        /* the supervisor's number is behind the store's */
    struct pk_agent_link_said link_said[PK_LINKS];
    struct pk_agent_subscribing subscribing[PK_LINKS];
    struct pk_agent_maps maps;
    struct pk_agent_shown shown;
    bool link_has_more[PK_LINKS]; /* received messages wait until something else is done */
    struct pk_agent_muffle refusals, local_refusals, bad_events, unknown_topics;
    struct pk_command_gate gate;
    struct pk_agent_remote remote;
    struct pk_agent_ack acks[PK_AGENT_ACKS];
    uint32_t ack_head, ack_count;
    struct pk_agent_session sessions[PK_LINKS];
    int64_t certificate_end_s[PK_LINKS]; /* of what we show; 0: nothing */
    uint64_t certificate_due_ms;
    uint32_t resolve_id[PK_LINKS]; /* request under way; 0 = none */
    uint32_t next_resolve_id;
    uint64_t summary_due_ms, summary_sent_ms;
    int64_t summary_from_wall_ms, summary_said_wall_ms; /* end of the last that arrived; of the last sent */
    uint8_t summary_link, summary_waiting_count;        /* sent there, not yet answered */
    /* local sockets */
    struct pk_agent_connection connections[PK_LIMIT_CONNECTIONS];
    struct pk_agent_high high;
    struct pk_request request; /* of the socket, while its handler runs */
    uint32_t reply_owner;      /* connection + 1 whose reply is still being sent */
    uint32_t reply_at, reply_bytes;
    bool reply_is_staged;     /* what it acknowledges is in the open batch */
    uint64_t reply_after_seq; /* not sent before this is durable */
    uint64_t reply_since_ms;
    char why[PK_COMMAND_WHY_BYTES]; /* a handler's sentence on an error */
    char rule_note[64];             /* the rules a command changed, for the audit */
    /* end */
    bool is_stopping, is_stopped;
    uint64_t started_ms, stop_deadline_ms;
    uint64_t tick_sent_ms;
    struct pk_agent_counters counters;
    struct pk_agent_metrics metrics;
    struct pk_spend spends[PK_SPEND_COUNT];
    uint64_t spends_due_ms, spends_saved_ms;
    uint64_t carried_bytes[PK_LINKS]; /* as of the last look */
    uint64_t metered_bytes;           /* of them, those that count into the month */
    uint64_t retire_due_ms;           /* when ended incidents are let go next */
    uint64_t drop_due_ms;             /* when the incidents without room may be written down next */
    uint32_t drop_apart_ms;           /* what is waited after that; 0: none were written */
    /* scratch of one call */
    struct pk_agent_summary summary;
    struct pk_event_in event_in;
    struct pk_incident incident;
    char payload[PK_LIMIT_PAYLOAD_BYTES];
    char reply[PK_LIMIT_REPLY_BYTES];
};
_Static_assert(sizeof(struct pk_agent) <= PK_AGENT_RAM_MAX, "the board's budget for the agent");

/* With a store that is broken the agent ends, for the next one to open it; at once so often in a row, then
 * only after as long a run as the supervisor calls good: on a medium that stays bad, what detects runs on. */
enum { PK_AGENT_REOPEN_AT_ONCE = 2, PK_AGENT_REOPEN_MS = 600000 };
enum { PK_AGENT_STOP_MS = 4000 }; /* orderly end: last words to the broker and the store */
/* An answer waits that long for the store; then it says so: a full disk must not silence everything. */
enum { PK_AGENT_STORE_WAIT_MS = 5000 };

/* No I/O but the clock. The port must be whole by pk_agent_start (asserted). */
void pk_agent_init(struct pk_agent *a, const struct pk_port *port, const struct pk_agent_identity *identity);
/* Reads configuration, actions, rules and keys through port->files, before start or again later. PK_OK;
 * PK_E_CONFIG: nothing changed, *diag says where and why. path and environment are kept. */
PK_MUST_USE int pk_agent_load(struct pk_agent *a, const char *path, const char *const *environment,
                              struct pk_diag *diag);
/* Blocks on the store. PK_OK, PK_E_IO, PK_E_UNSUPPORTED (a store of later software). */
PK_MUST_USE int pk_agent_start(struct pk_agent *a, const struct pk_agent_start *start);
/* signals: enum pk_signal_bit. Returns the boot-time ms at which it wants to be called again at the latest.
 */
uint64_t pk_agent_tick(struct pk_agent *a, uint32_t signals);
/* When the certificate that a link shows ends, in Unix seconds; 0: it shows none. */
void pk_agent_certificate(struct pk_agent *a, uint32_t link, int64_t not_after_s);
/* Names the action table towards the supervisor. */
uint32_t pk_agent_actions_crc(const struct pk_agent *a);
bool pk_agent_is_stopped(const struct pk_agent *a);
/* PK_EXIT_OK after a stop that was asked for; PK_EXIT_STORE. */
int pk_agent_exit_code(const struct pk_agent *a);
/* Prices of the loaded rules and every table, as `picketd -t` and --memory print them. */
void pk_agent_print_budget(struct pk_agent *a, struct pk_buf *out);
void pk_agent_print_rule_prices(struct pk_agent *a, struct pk_buf *out);
#endif
