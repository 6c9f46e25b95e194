#ifndef PK_SUMMARY_JSON_H
#define PK_SUMMARY_JSON_H
/* The periodic summary (WIRE "Topics"): numbers in, one object out. The agent fills the struct; nothing here
 * knows where from. */
#include "base/pk_json.h"
#include "incident/pk_incident_metrics.h"

enum { PK_SUMMARY_HASH_BYTES = 32 };

struct pk_summary_type {
    struct pk_str type;
    uint32_t count;
};
struct pk_summary_table {
    const char *name;
    uint64_t capacity, high, drops;
};
struct pk_summary_loss {
    struct pk_str source;
    const char *reason;
    uint64_t from,
        to; /* range of what was lost: sequence numbers of the source, or times where it has none */
    uint64_t count;
};
struct pk_summary_action {
    struct pk_str action;
    uint64_t ok, failed;
};

struct pk_summary_neighbour {
    struct pk_str gateway;
    uint32_t seen_s;    /* ago */
    bool has_hub;       /* it said so then */
    uint32_t hubless_s; /* that long, then */
};
struct pk_summary_budget {
    const char *name, *level;
    uint64_t used_bytes, limit_bytes;
};

struct pk_summary {
    int64_t from_wall_ms, to_wall_ms;
    uint32_t by_severity[PK_SEV_COUNT];
    uint32_t by_status[PK_INC_STATUS_COUNT];
    const struct pk_summary_type
        *types; /* arrays are borrowed for the call; only those with count > 0 are written */
    uint32_t type_count;
    const struct pk_metric *mttd, *mtta, *mttr; /* histograms of log2 milliseconds, mergeable by addition */
    const struct pk_summary_table *tables;
    uint32_t table_count;
    const struct pk_summary_loss *losses;
    uint32_t loss_count;
    const struct pk_summary_action *actions;
    uint32_t action_count;
    const struct pk_summary_neighbour
        *neighbours; /* what other gateways of the LAN said (report/pk_witness.h) */
    uint32_t neighbour_count;
    uint64_t store_map_bytes, store_used_bytes, store_written_bytes, outbox_count, outbox_bytes;
    const struct pk_summary_budget *budgets; /* those with a limit */
    uint32_t budget_count;
    uint64_t audit_n;
    uint8_t audit_head[PK_SUMMARY_HASH_BYTES];
    uint32_t rules_hash;
    uint32_t seal_bits; /* enum pk_seal_state of port.h */
    uint8_t time_quality;
    /* Out: rows that were left out because the buffer was too small for them. They are in the document as
     * `left_out`. */
    uint32_t left_out_count;
};

/* Histograms are written up to their last non-zero bucket; zero severities, statuses, types and actions are
 * left out. When the buffer runs short, rows of tables, then of actions, types and losses are left out and
 * counted, so that the document is always whole when PK_SUMMARY_BYTES_MIN are free. */
enum { PK_SUMMARY_BYTES_MIN = 2560 };
void pk_summary_json_write(struct pk_json_writer *w, const char *key, struct pk_summary *summary);
#endif
