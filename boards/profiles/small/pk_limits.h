#ifndef PK_LIMITS_H
#define PK_LIMITS_H
/* Profile `small`: 64 MB boards. Every capacity of the agent, with unit, range, RAM cost and reason.
 * Relations are checked in src/agent/pk_limits_check.h after a board's overrides. */

/* -- events -- */
#define PK_LIMIT_TYPES 256u             /* distinct event types; 64..4096; 76 B each: 120 are shipped ones */
#define PK_LIMIT_TYPES_FOREIGN 96u      /* of these, named by senders only; at most half */
#define PK_LIMIT_SOURCES 256u           /* distinct sources; 16..16384; 190 B each */
#define PK_LIMIT_SOURCES_FOREIGN 128u   /* of these, named by text of strangers: the stalest makes room */
#define PK_LIMIT_EVENT_HISTORY 1024u    /* events kept for the recorder; power of two 64..65536; 64 B each */
#define PK_LIMIT_TEXT_RING_BYTES 32768u /* messages and fields of recent events; power of two */
#define PK_LIMIT_INTAKE_EVENTS 256u     /* events waiting for the tick; power of two */
#define PK_LIMIT_LEDGER 64u             /* open loss entries; 40 B each */

/* -- detect -- */
#define PK_LIMIT_RULES 88u /* 16..512; 1 KB each, with state: 67 shipped, the rest are for the operator */
#define PK_LIMIT_THRESHOLDS 32u         /* names of [thresholds]; 16..64; 40 B each, twice */
#define PK_LIMIT_RULE_TEXT_BYTES 32768u /* text of operator rules kept for `rules show` and reload */
#define PK_LIMIT_KEYS 1536u             /* windows over all rules; 64..102400; 76 B and its times each */
#define PK_LIMIT_KEYS_PER_RULE 32u      /* default of `keys = n`: sixteen own rules fit */
#define PK_LIMIT_WINDOW_BYTES 131072u   /* blocks of windows, 32 B to 1 KiB each; of 1024 */
#define PK_LIMIT_CLASSES 64u            /* source classes (sets of globs a source name satisfies) */
#define PK_LIMIT_LEARNED                                                                                     \
    128u /* series whose usual, anomaly and trend are kept over a restart; 16..4096; 8 B each. All of them   \
             changing, saved every 6 h (`[store] learned`): at most 1.2 MB written a day */

/* -- incident -- */
#define PK_LIMIT_INCIDENTS 64u /* open or recently resolved in RAM; 16..4096; 3.5 KB each */
#define PK_LIMIT_TIMELINE                                                                                    \
    512u /* timeline entries in RAM over all incidents; 96 B each; older ones are read from the store */
#define PK_LIMIT_SILENCES 16u /* silences and maintenance windows; 4..1024; 340 B each */
#define PK_LIMIT_TOPOLOGY_NODES                                                                              \
    256u /* components of topology.conf; 16..4096; 6 B and a bit for each other, twice */
#define PK_LIMIT_TOPOLOGY_EDGES 512u       /* its dependencies; 16..32768; 4 B each, twice */
#define PK_LIMIT_TOPOLOGY_TEXT_BYTES 6144u /* names of its components, twice */
#define PK_LIMIT_CHANGES 16u               /* recent changes that are suspects; 4..1024; 160 B each */

/* -- respond -- */
#define PK_LIMIT_ACTIONS 32u /* rows of actions.conf; 8..128; 150 B each, twice: in force and being read */
#define PK_LIMIT_ACTION_TARGETS 16u       /* allow-list entries per row */
#define PK_LIMIT_ACTION_TEXT_BYTES 16384u /* actions.conf and its shipped part */
#define PK_LIMIT_RUNS 32u                 /* action runs in RAM; 720 B each */
#define PK_LIMIT_STANDING 8u  /* standing orders; 1..256; 270 B each: approvals given in advance */
#define PK_LIMIT_TASKS 8u     /* [maintenance NAME]; 1..256; 800 B each */
#define PK_LIMIT_BUDGETS 128u /* action x target counters, persisted; 100 B each */

/* -- flight recorder -- */
#define PK_LIMIT_CAPSULES 3u /* 2..64 capsules, in RAM as in the store; the oldest makes room */
/* 2048..65536 at most in one, in RAM; resident once it was written to */
#define PK_LIMIT_CAPSULE_BYTES 6144u
#define PK_LIMIT_LOG_TAIL_BYTES 1536u /* newest lines of all logs, for the next capsule */
#define PK_LIMIT_TOP_SLOTS 256u       /* processes whose use of the processor is measured; 16 B each */

/* -- report, link -- */
#define PK_LIMIT_OUTBOX_SLOTS 16u     /* entries being sent; PK_STORE_VALUE_BYTES each */
#define PK_LIMIT_INFLIGHT 16u         /* our unacknowledged QoS 1 publishes; 104 B each */
#define PK_LIMIT_TOPIC_ALIASES 8u     /* 1..65535 topics a broker may name once, then number; 128 B each */
#define PK_LIMIT_MQTT_RX_BYTES 16384u /* largest packet we accept from a broker */
#define PK_LIMIT_MQTT_TX_BYTES 16384u
#define PK_LIMIT_PAYLOAD_BYTES 8192u /* largest JSON we emit; also the scratch buffer of the codecs */
#define PK_LIMIT_REPLAY_JTI 128u     /* unexpired command ids; 44 B each, persisted */
#define PK_LIMIT_KEYS_PUBLIC 16u     /* command keys; 140 B each, twice */
#define PK_LIMIT_KEY_CHANGES 8u      /* keys added or revoked by command, 1..200; 145 B each, persisted */
#define PK_LIMIT_NEIGHBOURS 8u       /* gateways of the LAN that vouch for each other, 1..16; 128 B each */
#define PK_LIMIT_BATCH_BYTES 24576u  /* store operations of one tick */

/* -- measured sources -- */
#define PK_LIMIT_COUNTERS                                                                                    \
    96u /* kernel counters (errors, drops, throttling) as last seen; 16..1024; 24 B each */
#define PK_LIMIT_PROBES                                                                                      \
    24u /* [probe], [check], [scrape] and [service] sections; 4..512; 44 B each, twice: in force and being   \
             read, once more in the supervisor, and 72 B of state */
#define PK_LIMIT_SERIES 40u /* series picked from pages; 20..1024; as above, 8 B and 16 B of state */
#define PK_LIMIT_PROBE_TEXT_BYTES 4096u /* texts of their sections, three times; at most 65535 */

/* -- local sockets -- */
#define PK_LIMIT_CONNECTIONS 8u /* control and event connections together */
#define PK_LIMIT_LINE_BYTES                                                                                  \
    5120u /* one event line or control request, per connection: an event of 4 KiB and its envelope */
#define PK_LIMIT_REPLY_BYTES                                                                                 \
    32768u /* longest reply on the control socket; one at a time, also the scratch of start and reload */

/* -- configuration -- */
#define PK_LIMIT_WATCHES 32u /* watched disks and processes; 228 B each, twice */
#define PK_LIMIT_HEARTBEATS                                                                                  \
    256u                  /* sources that may be watched for silence; 16..20000; 76 B each, twice: in force  \
                              and being read; and a window of the rule's `keys = heartbeats` */
#define PK_LIMIT_MAPS 16u /* mapping rows; 8..256; 170 B each, twice */
#define PK_LIMIT_MAP_TEXT_BYTES 6144u /* texts of mapping rows, twice; at most 65536 */
#define PK_LIMIT_INLETS                                                                                      \
    16u /* logs, syslog and statsd sockets, kmsg, journal; 8..64; 0.5 KB each, 40 KB together */

#define PK_LIMIT_PATTERNS                                                                                    \
    32u /* log patterns of the operator; 8..256; 32 B each, twice: in force and being read */
#define PK_LIMIT_PATTERN_TEXTS                                                                               \
    64u /* their texts (`match`); 8..1024; 8 B each, twice, and 4 KB to find them */
#define PK_LIMIT_PATTERN_TEXT_BYTES 6144u /* bytes of their texts and names, twice; at most 65536 */

/* -- third-party memory -- */
#define PK_TXN_PAGES 64u /* pages one store transaction may dirty */
#define PK_LIMIT_ARENA_BYTES (61440u + 4200u * PK_TXN_PAGES + 65536u) /* DESIGN 5: LMDB and libc corners */
#define PK_LIMIT_TLS_HEAP_BYTES 98304u    /* two brokers; what is not used costs no memory */
#define PK_LIMIT_STORE_QUEUE_BYTES 65536u /* batches waiting for the writer */

/* sizeof(struct agent) may not exceed it: 1152 KB, 200 KB for what detection adds, 64 KB for topology,
   silences, report cards and stages, 24 KB for capsules, 8 KB for what others are shown and for neighbours,
   8 KB for budgets, figures and histograms, 8 KB for escalation, switches
   and response teams, 8 KB for maintenance tasks. Pages nobody writes are not resident. */
#define PK_AGENT_RAM_MAX (1480u * 1024u)
#endif
