#ifndef PK_LIMITS_H
#define PK_LIMITS_H
/* Profile `large`: servers and tests with many keys. Every capacity of the agent, with unit, range, RAM cost
 * and reason. Relations are checked in src/agent/pk_limits_check.h after a board's overrides. */

/* -- events -- */
#define PK_LIMIT_TYPES 4096u           /* distinct event types; 64..4096; 76 B each */
#define PK_LIMIT_TYPES_FOREIGN 2048u   /* of these, named by senders only; at most half */
#define PK_LIMIT_SOURCES 16384u        /* distinct sources; 16..16384; 190 B each */
#define PK_LIMIT_EVENT_HISTORY 65536u  /* events kept for the recorder; power of two 64..65536; 64 B each */
#define PK_LIMIT_SOURCES_FOREIGN 8192u /* of these, named by text of strangers: the stalest makes room */
#define PK_LIMIT_TEXT_RING_BYTES 4194304u /* messages and fields of recent events; power of two */
#define PK_LIMIT_INTAKE_EVENTS 1024u      /* events waiting for the tick; power of two */
#define PK_LIMIT_LEDGER 256u              /* open loss entries; 40 B each */

/* -- detect -- */
#define PK_LIMIT_RULES 512u              /* 16..512; 1 KB each, with state */
#define PK_LIMIT_THRESHOLDS 32u          /* names of [thresholds]; 16..64; 40 B each, twice */
#define PK_LIMIT_RULE_TEXT_BYTES 262144u /* text of operator rules kept for `rules show` and reload */
#define PK_LIMIT_KEYS 102400u            /* windows over all rules; 64..102400; 76 B and its times each */
#define PK_LIMIT_KEYS_PER_RULE 128u      /* default of `keys = n`: as many rules as there are fit with it */
#define PK_LIMIT_WINDOW_BYTES 6553600u   /* blocks of windows, 32 B to 1 KiB each; of 1024 */
#define PK_LIMIT_CLASSES 512u            /* source classes (sets of globs a source name satisfies) */
#define PK_LIMIT_LEARNED                                                                                     \
    1024u /* series whose usual, anomaly and trend are kept over a restart; 16..4096; 8 B each. All of them  \
             changing, saved every 6 h (`[store] learned`): at most 4.5 MB written a day */

/* -- incident -- */
#define PK_LIMIT_INCIDENTS 4096u /* open or recently resolved in RAM; 16..4096; 3.5 KB each */
#define PK_LIMIT_TIMELINE                                                                                    \
    65536u /* timeline entries in RAM over all incidents; 96 B each; older ones are read from the store */
#define PK_LIMIT_SILENCES 256u /* silences and maintenance windows; 4..1024; 340 B each */
#define PK_LIMIT_TOPOLOGY_NODES                                                                              \
    2048u /* components of topology.conf; 16..4096; 6 B and a bit for each other, twice */
#define PK_LIMIT_TOPOLOGY_EDGES 8192u       /* its dependencies; 16..32768; 4 B each, twice */
#define PK_LIMIT_TOPOLOGY_TEXT_BYTES 65536u /* names of its components, twice */
#define PK_LIMIT_CHANGES 256u               /* recent changes that are suspects; 4..1024; 160 B each */

/* -- respond -- */
#define PK_LIMIT_ACTIONS 96u /* rows of actions.conf; 8..128; 150 B each, twice: in force and being read */
#define PK_LIMIT_ACTION_TARGETS 16u       /* allow-list entries per row */
#define PK_LIMIT_ACTION_TEXT_BYTES 65536u /* actions.conf and its shipped part */
#define PK_LIMIT_RUNS 256u                /* action runs in RAM; 720 B each */
#define PK_LIMIT_STANDING 64u  /* standing orders; 1..256; 270 B each: approvals given in advance */
#define PK_LIMIT_TASKS 32u     /* [maintenance NAME]; 1..256; 800 B each */
#define PK_LIMIT_BUDGETS 1024u /* action x target counters, persisted; 100 B each */

/* -- flight recorder -- */
#define PK_LIMIT_CAPSULES 16u /* 2..64 capsules, in RAM as in the store; the oldest makes room */
/* 2048..65536 at most in one, in RAM; resident once it was written to */
#define PK_LIMIT_CAPSULE_BYTES 16384u
#define PK_LIMIT_LOG_TAIL_BYTES 8192u /* newest lines of all logs, for the next capsule */
#define PK_LIMIT_TOP_SLOTS 4096u      /* processes whose use of the processor is measured; 16 B each */

/* -- report, link -- */
#define PK_LIMIT_OUTBOX_SLOTS 64u     /* entries being sent; PK_STORE_VALUE_BYTES each */
#define PK_LIMIT_INFLIGHT 64u         /* our unacknowledged QoS 1 publishes; 104 B each */
#define PK_LIMIT_TOPIC_ALIASES 32u    /* 1..65535 topics a broker may name once, then number; 128 B each */
#define PK_LIMIT_MQTT_RX_BYTES 65536u /* largest packet we accept from a broker */
#define PK_LIMIT_MQTT_TX_BYTES 131072u
#define PK_LIMIT_PAYLOAD_BYTES 8192u /* largest JSON we emit; also the scratch buffer of the codecs */
#define PK_LIMIT_REPLAY_JTI 1024u    /* unexpired command ids; 44 B each, persisted */
#define PK_LIMIT_KEYS_PUBLIC 64u     /* command keys; 140 B each, twice */
#define PK_LIMIT_KEY_CHANGES 32u     /* keys added or revoked by command, 1..200; 145 B each, persisted */
#define PK_LIMIT_NEIGHBOURS 16u      /* gateways of the LAN that vouch for each other, 1..16; 128 B each */
#define PK_LIMIT_BATCH_BYTES 98304u  /* store operations of one tick */

/* -- measured sources -- */
#define PK_LIMIT_COUNTERS                                                                                    \
    512u /* kernel counters (errors, drops, throttling) as last seen; 16..1024; 24 B each */
#define PK_LIMIT_PROBES                                                                                      \
    256u /* [probe], [check], [scrape] and [service] sections; 4..512; 44 B each, twice: in force and being  \
             read, once more in the supervisor, and 72 B of state */
#define PK_LIMIT_SERIES 512u /* series picked from pages; 20..1024; as above, 8 B and 16 B of state */
#define PK_LIMIT_PROBE_TEXT_BYTES 49152u /* texts of their sections, three times; at most 65535 */

/* -- local sockets -- */
#define PK_LIMIT_CONNECTIONS 32u /* control and event connections together */
#define PK_LIMIT_LINE_BYTES                                                                                  \
    5120u /* one event line or control request, per connection: an event of 4 KiB and its envelope */
#define PK_LIMIT_REPLY_BYTES                                                                                 \
    65536u /* longest reply on the control socket; one at a time, also the scratch of start and reload */

/* -- configuration -- */
#define PK_LIMIT_WATCHES 128u /* watched disks and processes; 228 B each, twice */
#define PK_LIMIT_HEARTBEATS                                                                                  \
    10240u                 /* sources that may be watched for silence; 16..20000; 76 B each, twice: in force \
                             and being read; and a window of the rule's `keys = heartbeats` */
#define PK_LIMIT_MAPS 256u /* mapping rows; 8..256; 170 B each, twice */
#define PK_LIMIT_MAP_TEXT_BYTES 61440u /* texts of mapping rows, twice; at most 65536 */
#define PK_LIMIT_INLETS                                                                                      \
    32u /* logs, syslog and statsd sockets, kmsg, journal; 8..64; 0.5 KB each, 40 KB together */

#define PK_LIMIT_PATTERNS                                                                                    \
    192u /* log patterns of the operator; 8..256; 32 B each, twice: in force and being read */
#define PK_LIMIT_PATTERN_TEXTS                                                                               \
    384u /* their texts (`match`); 8..1024; 8 B each, twice, and 4 KB to find them */
#define PK_LIMIT_PATTERN_TEXT_BYTES 32768u /* bytes of their texts and names, twice; at most 65536 */

/* -- third-party memory -- */
#define PK_TXN_PAGES 64u /* pages one store transaction may dirty */
#define PK_LIMIT_ARENA_BYTES (61440u + 4200u * PK_TXN_PAGES + 65536u) /* DESIGN 5: LMDB and libc corners */
#define PK_LIMIT_TLS_HEAP_BYTES 98304u                                /* two brokers */
#define PK_LIMIT_STORE_QUEUE_BYTES 524288u                            /* batches waiting for the writer */

#define PK_AGENT_RAM_MAX (64u * 1024u * 1024u) /* sizeof(struct agent) may not exceed it */
#endif
