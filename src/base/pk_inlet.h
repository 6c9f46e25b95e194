#ifndef PK_INLET_H
#define PK_INLET_H
/* Where text comes in: tailed files, syslog and statsd sockets, the kernel's log, the journal. The table is
 * read from the sections [log NAME], [syslog], [statsd], [kmsg], [journal] and [witness] of picketd.conf by
 * the agent, which reads the text, and by the supervisor, which opens the descriptors: both must have the
 * same one, and its checksum says whether they do. Every key and its meaning: config/picketd.conf. */
#include "base/pk_log_format.h"
#include "base/pk_text.h"
#include "pk_limits.h"

enum pk_inlet_kind {
    PK_INLET_LOG,
    PK_INLET_SYSLOG,     /* unix datagrams */
    PK_INLET_SYSLOG_UDP, /* path holds the address */
    PK_INLET_STATSD,
    PK_INLET_STATSD_UDP,
    PK_INLET_KMSG,
    PK_INLET_JOURNAL,
    PK_INLET_WITNESS, /* no text: datagrams of other gateways (report/pk_witness.h), and where ours leave */
    PK_INLET_KIND_COUNT
};

enum {
    PK_INLET_NAME_BYTES = 40,
    PK_INLET_PATH_BYTES = 104, /* fits a socket address */
    PK_INLET_PATTERNS_BYTES = 64,
    PK_INLET_CURSOR_BYTES = 200
};

struct pk_inlet_row {               /* 212 bytes, no holes: the checksum is over them */
    char name[PK_INLET_NAME_BYTES]; /* of the source that stands for it: "log:auth", "syslog", "kmsg" */
    /* Absolute, of the file, device or program; of a socket: empty = its usual name in the run directory; of
     * UDP: a numeric address */
    char path[PK_INLET_PATH_BYTES];
    char patterns[PK_INLET_PATTERNS_BYTES]; /* log: "ssh, kernel" (pk_patterns_use_pick); empty = all */
    uint16_t port;
    uint8_t kind; /* enum pk_inlet_kind */
    uint8_t form; /* log: PK_LOG_FORM_AUTO, or 1 + enum pk_log_format */
};
_Static_assert(sizeof(struct pk_inlet_row) ==
                   PK_INLET_NAME_BYTES + PK_INLET_PATH_BYTES + PK_INLET_PATTERNS_BYTES + 4u,
               "no holes");

/* How far one of them was read, for whoever reads it after a restart. */
struct pk_inlet_place {
    uint64_t of;          /* log: number of the file (inode); kernel's log: the boot */
    uint64_t at;          /* first byte, number of the first record, that was not read */
    uint32_t check;       /* log: CRC-32C of the bytes before `at`, PK_INLET_CHECK_BYTES of them at most */
    int8_t zone_quarters; /* quarters of an hour to add to its times that name no zone */
    bool is_known;
    uint16_t reserved;
};
enum { PK_INLET_CHECK_BYTES = 64, PK_INLET_ZONE_QUARTERS_MAX = 14 * 4 };

struct pk_inlets {
    struct pk_inlet_row rows[PK_LIMIT_INLETS];
    uint32_t count;
};

/* The section begins. NULL, or what is wrong with its name, with a place for the name. */
const char *pk_inlet_open(struct pk_inlets *t, struct pk_str kind, struct pk_str name);
/* One pair of it. NULL, or what is wrong, with a place for the value (for the key: PK_INLET_UNKNOWN_KEY). A
 * later pair replaces an earlier one. */
const char *pk_inlet_set(struct pk_inlets *t, struct pk_str kind, struct pk_str name, struct pk_str key,
                         struct pk_str value);
extern const char PK_INLET_UNKNOWN_KEY[];
/* Name of the first [log NAME] without a path, or NULL. */
const char *pk_inlets_incomplete(const struct pk_inlets *t);
/* The first that reads what one before it reads: the same file, socket or port. NULL: none. */
const struct pk_inlet_row *pk_inlets_twice(const struct pk_inlets *t);
/* The section and name it was read from. */
struct pk_str pk_inlet_section(const struct pk_inlet_row *row, struct pk_str *out_name);
/* Its path is a numeric address. */
bool pk_inlet_is_udp(const struct pk_inlet_row *row);
uint32_t pk_inlets_crc(const struct pk_inlets *t);
/* A journal's cursor, as it may stand in an argument: [A-Za-z0-9=;_-]{1,199}. */
bool pk_inlet_is_cursor(struct pk_str s);
#endif
