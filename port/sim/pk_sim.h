#ifndef PK_SIM_H
#define PK_SIM_H
/* The ports of port.h without a machine: virtual time, a network, a disk, a supervisor and clients that exist
 * only in this struct. Everything follows from the seed and from what the test does; nothing is read from
 * outside, so the same run gives the same trace hash on every machine.
 *
 * One struct per agent, owned by the caller (large: static or from the heap). A single agent may drive time
 * through loop.wait; a world of several advances each with pk_sim_advance. */
#include "base/pk_rng.h"
#include "pk_limits.h"
#include "port/mbedtls/pk_crypto.h"
#include "port/port.h"

enum {
    PK_SIM_STREAM_BYTES = 64 * 1024,
    PK_SIM_SEGMENTS = 256,
    PK_SIM_RECORDS =
        PK_LIMIT_INCIDENTS > 1024 ? 24576 : 8192, /* a full table of incidents with what it brings */
    PK_SIM_BATCHES = 512,
    PK_SIM_FRAMES = 64,
    PK_SIM_SAMPLES = 16,
    PK_SIM_FILES = 32,
    PK_SIM_FILE_BYTES = 32 * 1024,
    PK_SIM_PATH_BYTES = 96,
    PK_SIM_CLIENT_BYTES = 64 * 1024,
    PK_SIM_LOG_BYTES = 64 * 1024,
    PK_SIM_TEXTS = 8,
    PK_SIM_TEXT_BYTES = 64 * 1024
};

/* ---- the far end of a link, played by the test */
struct pk_sim;
struct pk_sim_peer {
    void *arg;
    /* The agent's connection arrived, its bytes arrived, it was closed. NULL: not interested. */
    void (*connected)(void *arg, struct pk_sim *sim, uint32_t link);
    void (*received)(void *arg, struct pk_sim *sim, uint32_t link, const uint8_t *p, uint32_t n);
    void (*closed)(void *arg, struct pk_sim *sim, uint32_t link);
};
/* NO_ROUTE: opening itself fails, at once. */
enum pk_sim_answer { PK_SIM_ACCEPT, PK_SIM_REFUSE, PK_SIM_TLS_FAILS, PK_SIM_SILENT, PK_SIM_NO_ROUTE };

struct pk_sim_segment {
    uint64_t at_ms;
    uint32_t n;
};
/* Bytes on the way in one direction. */
struct pk_sim_pipe {
    uint8_t bytes[PK_SIM_STREAM_BYTES];
    uint32_t head, count;                            /* ring */
    struct pk_sim_segment segments[PK_SIM_SEGMENTS]; /* ring, times never decrease */
    uint32_t first, segment_count;
    uint32_t arrived; /* of count: readable at the far end */
    uint64_t last_ms;
    bool is_ended; /* an orderly close follows the bytes */
    uint64_t end_ms;
};
enum pk_sim_link_state { PK_SIM_CLOSED, PK_SIM_CONNECTING, PK_SIM_OPEN, PK_SIM_BROKEN };
struct pk_sim_link {
    struct pk_sim *sim; /* the one it is part of */
    uint32_t index;
    enum pk_sim_link_state state;
    enum pk_sim_answer answer; /* to the next connection */
    struct pk_sim_peer peer;
    struct pk_sim_pipe up, down; /* up: from the agent */
    uint64_t connect_ms;
    bool is_cut; /* silently: bytes vanish, nobody is told */
    bool is_unfinished;
    uint32_t connect_count;
    uint64_t carried_bytes;
    uint32_t delay_min_ms, delay_max_ms;
    uint32_t fragment_max; /* most bytes one recv or send takes; 0 = no limit */
    struct pk_endpoint endpoint;
    const char *error;
};

/* ---- disk */
struct pk_sim_record {
    uint8_t tree, key_bytes;
    uint16_t value_bytes;
    bool is_damaged;
    uint8_t key[PK_STORE_KEY_BYTES];
    uint8_t value[PK_STORE_VALUE_BYTES];
};
struct pk_sim_store {
    struct pk_sim_record records[PK_SIM_RECORDS];
    uint16_t order[PK_SIM_RECORDS]; /* by tree and key */
    uint32_t record_count;
    uint8_t queue[PK_LIMIT_STORE_QUEUE_BYTES];
    struct {
        uint32_t n, op_count;
    } batches[PK_SIM_BATCHES];
    uint32_t batch_count, queued_bytes;
    uint32_t committing; /* batches of the commit under way */
    uint64_t commit_start_ms, commit_end_ms;
    uint64_t submitted_seq, durable_seq;
    uint32_t delay_min_ms, delay_max_ms, backoff_ms;
    bool is_disk_full;
    int32_t write_error; /* commits fail with it; PK_OK: they do not */
    bool has_spare;      /* while it is full: commits find room that was set aside */
    bool has_fetch;
    struct pk_store_fetch fetch;
    uint64_t fetch_ms;
    struct pk_store_status status;
};

/* ---- local clients */
struct pk_sim_client {
    bool is_used, is_announced, is_closed_by_client, is_closed_by_agent, is_dead, is_dead_reported;
    bool is_unfinished;
    uint32_t round;
    enum pk_listener listener;
    uint32_t uid, gid;
    uint8_t to_agent[PK_SIM_CLIENT_BYTES];
    uint32_t to_agent_bytes;
    uint8_t to_client[PK_SIM_CLIENT_BYTES];
    uint32_t to_client_bytes;
};

struct pk_sim_file {
    char path[PK_SIM_PATH_BYTES]; /* empty = free */
    uint8_t bytes[PK_SIM_FILE_BYTES];
    uint32_t n;
};

/* What an inlet reads: a file, a socket, a device or a pipe. Of datagrams and records: u16 length, bytes. */
struct pk_sim_text {
    bool is_used, is_ended, is_unfinished;
    enum pk_inlet_form form;
    uint32_t passed_id; /* came with that frame and was not adopted yet */
    bool is_passed, was_overrun;
    uint64_t position, dropped_count;
    uint8_t bytes[PK_SIM_TEXT_BYTES];
    uint32_t n;
};
struct pk_sim_inlet {
    uint32_t text; /* index + 1 into texts, 0 = none */
    uint32_t waiting[PK_INLET_FILES_WAITING];
    uint32_t waiting_count;
};

struct pk_sim_config {
    uint64_t seed;
    int64_t wall_ms; /* at now_ms = 0 */
    uint64_t map_bytes;
    /* The supervisor, played by the test: every frame the agent sends. NULL: they vanish. */
    void *arg;
    void (*frame)(void *arg, struct pk_sim *sim, const struct pk_ipc_frame *frame);
    /* When the world has something to do next (UINT64_MAX: nothing), and doing it. NULL: no world. */
    uint64_t (*world_next_ms)(void *arg);
    void (*world_run)(void *arg, struct pk_sim *sim);
};

struct pk_sim {
    struct pk_sim_config config;
    struct pk_rng rng;
    uint64_t now_ms;      /* never steps back, also over a crash */
    uint64_t mono_offset; /* mono = now - offset; a reboot starts at 0 again */
    int64_t wall_offset_ms;
    bool is_wall_synced;
    uint64_t trace;
    uint32_t round;
    uint32_t signals;
    bool is_event_due; /* something became ready since the last wait */
    struct pk_sim_link links[PK_LINKS];
    struct pk_sim_store store;
    struct {
        struct pk_ipc_frame frame;
        uint64_t at_ms;
        bool has_woken;      /* its arrival ended a wait */
    } frames[PK_SIM_FRAMES]; /* to the agent */
    uint32_t frame_first, frame_count;
    bool is_supervisor_gone;
    struct pk_sample samples[PK_COLLECT_COUNT][PK_SIM_SAMPLES];
    uint32_t sample_count[PK_COLLECT_COUNT];
    int32_t collector_error[PK_COLLECT_COUNT];
    bool has_cpu_sample;
    struct pk_watch watches[PK_LIMIT_WATCHES];
    uint32_t watch_count;
    struct pk_top top[PK_TOP_MAX];
    uint32_t top_count, top_again_count; /* calls that say PK_E_AGAIN first */
    struct pk_sim_client clients[PK_LIMIT_CONNECTIONS];
    uint32_t client_at;
    uint64_t refused_count;
    struct pk_sim_text texts[PK_SIM_TEXTS];
    uint8_t sent[512]; /* the last datagram that left through an inlet */
    uint32_t sent_bytes, sent_count;
    struct pk_sim_inlet inlets[PK_LIMIT_INLETS];
    struct pk_sim_file files[PK_SIM_FILES];
    char log[PK_SIM_LOG_BYTES]; /* "<N>text\n" each; the oldest go first */
    uint32_t log_bytes;
    uint32_t log_counts[8]; /* by level */
    struct pk_port_entropy entropy;
    struct pk_crypto crypto;
};

/* Everything fresh: empty disk and files. Fills *out. */
void pk_sim_init(struct pk_sim *sim, const struct pk_sim_config *config, struct pk_port *out);
/* The agent's process dies now: what is not durable is lost (a commit under way: as the seed says). Disk,
 * files, time and the scripts stay. Then a new process begins with the ports in *out. */
void pk_sim_crash(struct pk_sim *sim, struct pk_port *out);
/* As crash, and the boot-time clock starts again. */
void pk_sim_reboot(struct pk_sim *sim, struct pk_port *out);

/* ---- time */
/* Runs everything that is due up to `to_ms` and sets the time. */
void pk_sim_advance(struct pk_sim *sim, uint64_t to_ms);
/* Earliest time at which something happens by itself; UINT64_MAX: never. */
uint64_t pk_sim_next_ms(const struct pk_sim *sim);
void pk_sim_signal(struct pk_sim *sim, uint32_t bits);
/* Mixes what the test wants to be part of the trace. */
void pk_sim_trace(struct pk_sim *sim, const char *kind, const void *p, uint32_t n);

/* ---- network; peers are kept over a crash */
void pk_sim_peer_set(struct pk_sim *sim, uint32_t link, const struct pk_sim_peer *peer);
/* Bytes taken (the rest does not fit the pipe). */
uint32_t pk_sim_peer_send(struct pk_sim *sim, uint32_t link, const void *p, uint32_t n);
/* Orderly: after what was sent. */
void pk_sim_peer_close(struct pk_sim *sim, uint32_t link);
/* The agent's next call fails, what is on the way is lost. */
void pk_sim_peer_reset(struct pk_sim *sim, uint32_t link);

/* ---- the supervisor's side. PK_OK or PK_E_FULL. */
int pk_sim_ipc_push(struct pk_sim *sim, const struct pk_ipc_frame *frame, uint32_t delay_ms);

/* ---- measurements: the collector's samples from now on. PK_OK or PK_E_FULL. */
int pk_sim_sample_set(struct pk_sim *sim, enum pk_collector which, const char *type, const char *source,
                      double value, int32_t error);

/* ---- clients. Index, or PK_E_FULL when the table is full (then the connection is refused and counted). */
int pk_sim_client_open(struct pk_sim *sim, enum pk_listener listener, uint32_t uid, uint32_t gid);
uint32_t pk_sim_client_send(struct pk_sim *sim, uint32_t client, const void *p, uint32_t n);
/* Bytes; 0 = nothing; PK_E_CLOSED when the agent closed and all is read (the place is free then). */
int pk_sim_client_recv(struct pk_sim *sim, uint32_t client, void *out, uint32_t cap_bytes);
void pk_sim_client_close(struct pk_sim *sim, uint32_t client);

/* ---- texts that inlets read. Index, or PK_E_FULL. */
int pk_sim_text_make(struct pk_sim *sim, enum pk_inlet_form form);
/* It comes with the next adopt of that frame id; the frame itself is the caller's business. */
void pk_sim_text_pass(struct pk_sim *sim, uint32_t text, uint32_t frame_id);
/* Appends: bytes, or one whole datagram or record. false: no room. */
bool pk_sim_text_put(struct pk_sim *sim, uint32_t text, const void *p, uint32_t n);
void pk_sim_text_truncate(struct pk_sim *sim, uint32_t text);
/* The pipe's writer is gone. */
void pk_sim_text_end(struct pk_sim *sim, uint32_t text);
/* Records or datagrams were thrown away before they were read; what waits goes too. */
void pk_sim_text_overrun(struct pk_sim *sim, uint32_t text, uint64_t count);

/* ---- files and disk */
int pk_sim_file_set(struct pk_sim *sim, const char *path, const void *p,
                    uint32_t n); /* PK_OK, PK_E_FULL, PK_E_TOO_BIG */
void pk_sim_file_remove(struct pk_sim *sim, const char *path);
/* The value of a durable record will fail its check. false: no such record. */
bool pk_sim_store_damage(struct pk_sim *sim, enum pk_tree tree, struct pk_str key);
#endif
