#include "base/pk_inlet.h"

#include <string.h>

#include "base/pk_address.h"
#include "base/pk_assert.h"
#include "base/pk_hash.h"

const char PK_INLET_UNKNOWN_KEY[] = "unknown key '{}'";

#define LOG_PREFIX "log:"
enum { LOG_NAME_MAX = PK_INLET_NAME_BYTES - (int)sizeof LOG_PREFIX };

/* What a key of a section does: which row it makes, and from what. */
enum value { VALUE_PATH, VALUE_SWITCH_PATH, VALUE_UDP_LOOPBACK, VALUE_UDP, VALUE_PATTERNS, VALUE_FORM };
static const struct key {
    const char *section, *key;
    uint8_t kind, value;
    const char *name, *path; /* of the row that "yes" makes; no name: that of the section */
} KEYS[] = {
    {"log", "path", PK_INLET_LOG, VALUE_PATH, NULL, ""},
    {"log", "patterns", PK_INLET_LOG, VALUE_PATTERNS, NULL, ""},
    {"log", "format", PK_INLET_LOG, VALUE_FORM, NULL, ""},
    {"syslog", "socket", PK_INLET_SYSLOG, VALUE_SWITCH_PATH, "syslog", ""},
    {"syslog", "udp", PK_INLET_SYSLOG_UDP, VALUE_UDP, "syslog-udp", ""},
    {"statsd", "socket", PK_INLET_STATSD, VALUE_SWITCH_PATH, "statsd", ""},
    {"statsd", "udp", PK_INLET_STATSD_UDP, VALUE_UDP_LOOPBACK, "statsd-udp", ""},
    {"kmsg", "device", PK_INLET_KMSG, VALUE_SWITCH_PATH, "kmsg", "/dev/kmsg"},
    {"journal", "command", PK_INLET_JOURNAL, VALUE_SWITCH_PATH, "journal", "/usr/bin/journalctl"},
    {"witness", "udp", PK_INLET_WITNESS, VALUE_UDP, "witness", ""},
};

static struct pk_inlet_row *find(struct pk_inlets *t, uint8_t kind, const char *name) {
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->rows[i].kind == kind && strcmp(t->rows[i].name, name) == 0) {
            return &t->rows[i];
        }
    }
    return NULL;
}

static struct pk_inlet_row *find_or_add(struct pk_inlets *t, uint8_t kind, const char *name,
                                        const char *path) {
    struct pk_inlet_row *row = find(t, kind, name);
    if (row != NULL || t->count == PK_LIMIT_INLETS) {
        return row;
    }
    row = &t->rows[t->count++];
    memset(row, 0, sizeof *row);
    row->kind = kind;
    (void)pk_str_copy_cut(pk_str_of(name), row->name, sizeof row->name);
    (void)pk_str_copy_cut(pk_str_of(path), row->path, sizeof row->path);
    return row;
}

static void drop(struct pk_inlets *t, uint8_t kind, const char *name) {
    const struct pk_inlet_row *row = find(t, kind, name);
    if (row == NULL) {
        return;
    }
    const uint32_t at = (uint32_t)(row - t->rows);
    memmove(&t->rows[at], &t->rows[at + 1u], (t->count - at - 1u) * sizeof t->rows[0]);
    t->count--;
    memset(&t->rows[t->count], 0, sizeof t->rows[0]);
}

static void log_name(struct pk_str name, char out[PK_INLET_NAME_BYTES]) {
    memcpy(out, LOG_PREFIX, sizeof LOG_PREFIX);
    (void)pk_str_copy_cut(name, out + sizeof LOG_PREFIX - 1u, LOG_NAME_MAX + 1u);
}

const char *pk_inlet_open(struct pk_inlets *t, struct pk_str kind, struct pk_str name) {
    char row_name[PK_INLET_NAME_BYTES];
    if (!pk_str_eq_c(kind, "log")) {
        return NULL;
    }
    if (!pk_text_is_id(name, ".:@", LOG_NAME_MAX)) {
        return "'{}' is not a name for a log: 1 to 35 of A-Z a-z 0-9 _ . : @ -";
    }
    log_name(name, row_name);
    return find_or_add(t, PK_INLET_LOG, row_name, "") == NULL ? "no room for '{}': too many logs and sockets"
                                                              : NULL;
}

static const char *set_path(struct pk_inlet_row *row, struct pk_str value) {
    if (value.n == 0 || value.p[0] != '/' || value.n >= sizeof row->path ||
        memchr(value.p, '\0', value.n) != NULL) {
        return "'{}' is not an absolute path of at most 103 bytes";
    }
    memset(row->path, 0, sizeof row->path);
    memcpy(row->path, value.p, value.n);
    return NULL;
}

/* "8125", "127.0.0.1:8125", "[::1]:8125" */
static const char *set_address(struct pk_inlet_row *row, struct pk_str value, bool is_any) {
    struct pk_str address = pk_str_of("127.0.0.1"), port = value;
    const bool is_v6 = value.n > 0 && value.p[0] == '[';
    const char *end = value.n > 0 ? memchr(value.p, is_v6 ? ']' : ':', value.n) : NULL;
    uint8_t bytes[16];
    uint64_t n = 0;
    if (end != NULL) {
        const uint32_t at = (uint32_t)(end - value.p);
        address = is_v6 ? pk_str_make(value.p + 1, at - 1u) : pk_str_make(value.p, at);
        port = pk_str_make(end + 1, value.n - at - 1u);
    }
    if (is_v6 && port.n > 0 && port.p[0] == ':') {
        port = pk_str_make(port.p + 1, port.n - 1u);
    }
    if (!(is_v6 ? pk_address_parse_v6(address, bytes) : pk_address_parse_v4(address, bytes)) ||
        pk_parse_u64(port, &n) != PK_OK || n == 0 || n > 65535u || address.n >= sizeof row->path) {
        return "'{}' is not PORT, ADDRESS:PORT or [ADDRESS]:PORT with a numeric IPv4 or IPv6 address";
    }
    if (!is_any && !pk_address_is_loopback(address)) {
        return "'{}' is not on loopback: whoever reaches it can cause actions here";
    }
    memset(row->path, 0, sizeof row->path);
    memcpy(row->path, address.p, address.n);
    row->port = (uint16_t)n;
    return NULL;
}

/* Whether there are such patterns is known once all are read. */
static const char *set_patterns(struct pk_inlet_row *row, struct pk_str value) {
    struct pk_str rest = value, word;
    const bool is_all = pk_str_eq_c(value, "all");
    if (value.n == 0 || value.n >= sizeof row->patterns) {
        return "'{}' is not 'all' or a list of at most 63 bytes";
    }
    while (!is_all && pk_str_split(&rest, ',', &word)) {
        if (!pk_text_is_id(pk_str_trim(word), ".", PK_INLET_PATTERNS_BYTES)) {
            return "'{}' is not 'all' or words between commas: files of patterns, or first words of their "
                   "names";
        }
    }
    memset(row->patterns, 0, sizeof row->patterns);
    if (!is_all) {
        memcpy(row->patterns, value.p, value.n);
    }
    return NULL;
}

static const char *set_form(struct pk_inlet_row *row, struct pk_str value) {
    enum pk_log_format format = PK_LOG_FORMAT_PLAIN;
    if (pk_str_eq_c(value, "auto")) {
        row->form = PK_LOG_FORM_AUTO;
        return NULL;
    }
    if (pk_log_format_parse(value, &format) != PK_OK) {
        return "'{}' is not a form: auto, plain, syslog, syslog5, kernel, json, access, httpd or stamped";
    }
    row->form = (uint8_t)(1 + (int)format);
    return NULL;
}

static const char *set_row(struct pk_inlets *t, const struct key *k, const char *name, struct pk_str value) {
    const enum value what = (enum value)k->value;
    const bool is_path = value.n > 0 && value.p[0] == '/';
    bool is_on = !pk_str_eq_c(value, "no");
    if (what == VALUE_SWITCH_PATH && !is_path && pk_parse_bool(value, &is_on) < 0) {
        return "'{}' is not yes, no or an absolute path";
    }
    if (!is_on && k->name != NULL) {
        drop(t, k->kind, name);
        return NULL;
    }
    struct pk_inlet_row *row = find_or_add(t, k->kind, name, k->path);
    if (row == NULL) {
        return "no room for '{}': too many logs and sockets";
    }
    switch (what) {
    case VALUE_PATH:
        return set_path(row, value);
    case VALUE_SWITCH_PATH:
        return is_path ? set_path(row, value) : NULL;
    case VALUE_UDP_LOOPBACK:
    case VALUE_UDP:
        return set_address(row, value, what == VALUE_UDP);
    case VALUE_PATTERNS:
        return set_patterns(row, value);
    case VALUE_FORM:
        return set_form(row, value);
    }
    return NULL;
}

const char *pk_inlet_set(struct pk_inlets *t, struct pk_str kind, struct pk_str name, struct pk_str key,
                         struct pk_str value) {
    char row_name[PK_INLET_NAME_BYTES];
    for (size_t i = 0; i < PK_COUNT_OF(KEYS); i++) {
        const struct key *k = &KEYS[i];
        if (!pk_str_eq_c(kind, k->section) || !pk_str_eq_c(key, k->key)) {
            continue;
        }
        if (k->name != NULL) {
            return set_row(t, k, k->name, value);
        }
        log_name(name, row_name);
        return set_row(t, k, row_name, value);
    }
    return PK_INLET_UNKNOWN_KEY;
}

const char *pk_inlets_incomplete(const struct pk_inlets *t) {
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->rows[i].kind == PK_INLET_LOG && t->rows[i].path[0] == '\0') {
            return t->rows[i].name + sizeof LOG_PREFIX - 1u;
        }
    }
    return NULL;
}

bool pk_inlet_is_udp(const struct pk_inlet_row *row) {
    return row->kind == PK_INLET_SYSLOG_UDP || row->kind == PK_INLET_STATSD_UDP ||
           row->kind == PK_INLET_WITNESS;
}

static bool is_twice(const struct pk_inlet_row *x, const struct pk_inlet_row *y) {
    if (x->path[0] == '\0' || pk_inlet_is_udp(x) != pk_inlet_is_udp(y)) {
        return false;
    }
    return x->port == y->port && strcmp(x->path, y->path) == 0;
}

const struct pk_inlet_row *pk_inlets_twice(const struct pk_inlets *t) {
    for (uint32_t i = 1; i < t->count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (is_twice(&t->rows[i], &t->rows[k])) {
                return &t->rows[i];
            }
        }
    }
    return NULL;
}

struct pk_str pk_inlet_section(const struct pk_inlet_row *row, struct pk_str *out_name) {
    *out_name =
        row->kind == PK_INLET_LOG ? pk_str_of(row->name + sizeof LOG_PREFIX - 1u) : pk_str_make(NULL, 0);
    for (size_t i = 0; i < PK_COUNT_OF(KEYS); i++) {
        if (KEYS[i].kind == row->kind) {
            return pk_str_of(KEYS[i].section);
        }
    }
    return pk_str_make(NULL, 0);
}

uint32_t pk_inlets_crc(const struct pk_inlets *t) {
    return pk_crc32c(t->count, t->rows, t->count * sizeof t->rows[0]);
}

bool pk_inlet_is_cursor(struct pk_str s) {
    return pk_text_is_id(s, "=;", PK_INLET_CURSOR_BYTES - 1);
}
