#ifndef PK_PROBE_H
#define PK_PROBE_H
/* What is measured by somebody else for the agent: the sections [probe], [scrape], [check] and [service] of
 * picketd.conf as one table. The supervisor reads it from root's file and owns it; the agent reads the same
 * file for the intervals and names, and asks by index. */
#include "base/pk_ini.h"
#include "event/pk_event.h"
#include "event/pk_prom.h"
#include "pk_limits.h"
#include "port/ipc.h"

enum pk_probe_kind {
    PK_PROBE_TCP,
    PK_PROBE_HTTP,
    PK_PROBE_DNS,
    PK_PROBE_TLS,
    PK_PROBE_ICMP,
    PK_PROBE_CERTIFICATE, /* a file of this machine */
    PK_PROBE_SCRAPE,
    PK_PROBE_CHECK,   /* a program with Nagios exit codes */
    PK_PROBE_SERVICE, /* how often a service was started again, by the service manager */
    PK_PROBE_KIND_COUNT
};
enum pk_probe_manager { PK_MANAGER_SYSTEMD, PK_MANAGER_OPENRC, PK_MANAGER_PROCD, PK_MANAGER_COUNT };
enum pk_probe_section { PK_SECTION_PROBE, PK_SECTION_SCRAPE, PK_SECTION_CHECK, PK_SECTION_SERVICE };

/* Texts are places in the table's text; 0 = none. */
struct pk_probe {
    uint8_t section, kind, manager;
    bool use_tls, runs_as_root;
    uint8_t argc;
    uint16_t name, host, server_name, path, ca, expect, argv;
    uint16_t port, status_min, status_max;
    uint16_t series_first, series_count, reserved;
    uint32_t interval_ms, timeout_ms;
    uint32_t seen; /* keys its section gave, a bit each */
};
struct pk_probe_series {
    uint16_t selector, type, source;
    bool is_counter; /* given as a rate per second */
    uint8_t reserved;
};
struct pk_probes {
    uint32_t count, series_count, text_used;
    uint32_t crc; /* names this table towards the other process; set by finish */
    struct pk_probe rows[PK_LIMIT_PROBES];
    struct pk_probe_series series[PK_LIMIT_SERIES];
    char text[PK_LIMIT_PROBE_TEXT_BYTES];
};
_Static_assert(sizeof(struct pk_probe) == 44u && sizeof(struct pk_probe_series) == 8u,
               "no padding: the bytes are what names the table");
_Static_assert(PK_LIMIT_PROBE_TEXT_BYTES <= 65535u, "places are 16 bits");
_Static_assert((int)PK_PROBE_SERIES == (int)PK_PROM_SERIES, "a page's series fit one result");

/* What is wrong, with "{}" for the argument. */
struct pk_probe_error {
    const char *message;
    struct pk_str argument;
    /* of finish: which section it is in, and which of its keys it is about, if one */
    struct pk_str section, name, key;
};

/* ---- pk_probe_parse.c ---- */
void pk_probes_init(struct pk_probes *t);
/* Whether sections of this kind are rows of the table. */
bool pk_probes_is_section(struct pk_str kind);
/* A section begins, or goes on in another file: index of its row, or PK_E_CONFIG with *error. */
PK_MUST_USE int pk_probes_open(struct pk_probes *t, struct pk_str kind, struct pk_str name,
                               struct pk_probe_error *error);
PK_MUST_USE int pk_probes_set(struct pk_probes *t, uint32_t row, struct pk_str key, struct pk_str value,
                              struct pk_probe_error *error);
/* Everything was read: checks what belongs together, fills in defaults. PK_OK or PK_E_CONFIG. */
PK_MUST_USE int pk_probes_finish(struct pk_probes *t, struct pk_probe_error *error);

/* ---- pk_probe.c ---- */
const char *pk_probe_text(const struct pk_probes *t, uint16_t at);
const char *pk_probe_kind_word(uint8_t kind);
/* For the child. The row's kind must be one of its (PK_PROBE_TCP … PK_PROBE_SCRAPE). */
void pk_probe_order(const struct pk_probes *t, uint32_t row, struct pk_ipc_probe_order *out);
/* Arguments of the program of a check or service; pointers into the table or static. Words, with argv[n] =
 * NULL; cap_count includes it. */
uint32_t pk_probe_argv(const struct pk_probes *t, uint32_t row, const char **argv, uint32_t cap_count);
/* The child of a row is done by then, or it is ended. */
uint32_t pk_probe_patience_ms(const struct pk_probe *row);

/* ---- pk_probe_result.c: what came back, checked ---- */
/* PK_OK, or PK_E_BAD_MSG: not a result a sound child gives for this row. Terminates and cleans the text. */
PK_MUST_USE int pk_probe_result_check(const struct pk_probe *row, struct pk_ipc_probed *r);
/* First line of what a plugin wrote, up to '|', and the first value behind it ("time=0.012s;1;2"). */
struct pk_check_words {
    struct pk_str text;
    bool has_value;
    double value;
};
void pk_check_words(struct pk_str output, struct pk_check_words *out);
/* A count that rises with each start: NRestarts of systemd, the start count of OpenRC; for procd the pid,
 * which changes. PK_OK or PK_E_BAD_MSG. */
PK_MUST_USE int pk_service_count(uint8_t manager, struct pk_str output, uint64_t *out);
#endif
