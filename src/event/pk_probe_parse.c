#include <stddef.h>
#include <string.h>

#include "base/pk_address.h"
#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "base/pk_zero.h"
#include "event/pk_intern.h"
#include "event/pk_probe.h"

enum { ARGV_MAX = 23, DAY_MS = 86400000 };

static const char *const SECTION_WORDS[] = {[PK_SECTION_PROBE] = "probe",
                                            [PK_SECTION_SCRAPE] = "scrape",
                                            [PK_SECTION_CHECK] = "check",
                                            [PK_SECTION_SERVICE] = "service"};
static const char *const MANAGER_WORDS[PK_MANAGER_COUNT] = {
    [PK_MANAGER_SYSTEMD] = "systemd", [PK_MANAGER_OPENRC] = "openrc", [PK_MANAGER_PROCD] = "procd"};

enum value_kind {
    V_KIND,
    V_HOST,
    V_ADDRESS,
    V_ADDRESS_V4,
    V_NAME,
    V_PORT,
    V_TEXT,
    V_PATH,
    V_BOOL,
    V_DURATION,
    V_STATUS,
    V_ARGV,
    V_SERIES,
    V_MANAGER
};
enum key_id {
    K_KIND,
    K_HOST,
    K_PORT,
    K_PATH,
    K_FILE,
    K_TLS,
    K_CA,
    K_SERVER_NAME,
    K_SERVER,
    K_NAME,
    K_EXPECT,
    K_STATUS,
    K_ARGV,
    K_ROOT,
    K_UNIT,
    K_MANAGER,
    K_GAUGE,
    K_COUNTER,
    K_INTERVAL,
    K_TIMEOUT,
    K_COUNT
};
#define BIT(k) (1u << (k))
#define ALWAYS (BIT(K_INTERVAL) | BIT(K_TIMEOUT))

struct key_row {
    const char *word;
    uint8_t kind;
    uint16_t offset;
    uint16_t max_bytes; /* of a text */
};
#define AT(member) (uint16_t) offsetof(struct pk_probe, member)
#define ROOM(member) (uint16_t)(sizeof(((struct pk_ipc_probe_order *)0)->member) - 1u)
static const struct key_row KEYS[K_COUNT] = {
    [K_KIND] = {"kind", V_KIND, AT(kind), 0},
    [K_HOST] = {"host", V_HOST, AT(host), ROOM(host)},
    [K_PORT] = {"port", V_PORT, AT(port), 0},
    [K_PATH] = {"path", V_PATH, AT(path), ROOM(path)},
    [K_FILE] = {"file", V_PATH, AT(path), ROOM(path)},
    [K_TLS] = {"tls", V_BOOL, AT(use_tls), 0},
    [K_CA] = {"ca", V_PATH, AT(ca), ROOM(ca)},
    [K_SERVER_NAME] = {"server_name", V_HOST, AT(server_name), ROOM(server_name)},
    [K_SERVER] = {"server", V_ADDRESS, AT(host), 45},
    [K_NAME] = {"name", V_NAME, AT(server_name), ROOM(server_name)},
    [K_EXPECT] = {"expect", V_ADDRESS_V4, AT(expect), 45},
    [K_STATUS] = {"status", V_STATUS, AT(status_min), 0},
    [K_ARGV] = {"argv", V_ARGV, AT(argv), 0},
    [K_ROOT] = {"root", V_BOOL, AT(runs_as_root), 0},
    [K_UNIT] = {"unit", V_TEXT, AT(argv), 100},
    [K_MANAGER] = {"manager", V_MANAGER, AT(manager), 0},
    [K_GAUGE] = {"gauge", V_SERIES, 0, 0},
    [K_COUNTER] = {"counter", V_SERIES, 0, 0},
    [K_INTERVAL] = {"interval", V_DURATION, AT(interval_ms), 0},
    [K_TIMEOUT] = {"timeout", V_DURATION, AT(timeout_ms), 0},
};

/* What a row of each kind may say, and what it must. */
static const struct {
    uint32_t may, must;
    uint32_t interval_ms, timeout_ms;
    uint16_t port;
} KINDS[PK_PROBE_KIND_COUNT] = {
    [PK_PROBE_TCP] = {BIT(K_HOST) | BIT(K_PORT), BIT(K_HOST) | BIT(K_PORT), 30000, 5000, 0},
    [PK_PROBE_HTTP] = {BIT(K_HOST) | BIT(K_PORT) | BIT(K_PATH) | BIT(K_TLS) | BIT(K_CA) | BIT(K_SERVER_NAME) |
                           BIT(K_STATUS),
                       BIT(K_HOST), 30000, 5000, 80},
    [PK_PROBE_DNS] = {BIT(K_SERVER) | BIT(K_PORT) | BIT(K_NAME) | BIT(K_EXPECT), BIT(K_NAME), 30000, 5000,
                      53},
    [PK_PROBE_TLS] = {BIT(K_HOST) | BIT(K_PORT) | BIT(K_CA) | BIT(K_SERVER_NAME), BIT(K_HOST), 3600000, 10000,
                      443},
    [PK_PROBE_ICMP] = {BIT(K_HOST), BIT(K_HOST), 30000, 2000, 0},
    [PK_PROBE_CERTIFICATE] = {BIT(K_FILE), BIT(K_FILE), 3600000, 5000, 0},
    [PK_PROBE_SCRAPE] = {BIT(K_HOST) | BIT(K_PORT) | BIT(K_PATH) | BIT(K_TLS) | BIT(K_CA) |
                             BIT(K_SERVER_NAME) | BIT(K_GAUGE) | BIT(K_COUNTER),
                         BIT(K_HOST) | BIT(K_PORT), 15000, 5000, 0},
    [PK_PROBE_CHECK] = {BIT(K_ARGV) | BIT(K_ROOT), BIT(K_ARGV), 60000, 10000, 0},
    [PK_PROBE_SERVICE] = {BIT(K_UNIT) | BIT(K_MANAGER), 0, 60000, 10000, 0},
};

static int fail(struct pk_probe_error *error, const char *message, struct pk_str argument) {
    error->message = message;
    error->argument = argument;
    return PK_E_CONFIG;
}

void pk_probes_init(struct pk_probes *t) {
    pk_zero(t, sizeof *t);
    t->text_used = 1; /* place 0 is the empty text */
}

static int section_of(struct pk_str kind) {
    for (uint32_t i = 0; i < PK_COUNT_OF(SECTION_WORDS); i++) {
        if (pk_str_eq_c(kind, SECTION_WORDS[i])) {
            return (int)i;
        }
    }
    return PK_E_NOT_FOUND;
}

bool pk_probes_is_section(struct pk_str kind) {
    return section_of(kind) >= 0;
}

static int keep(struct pk_probes *t, struct pk_str s, uint16_t *out, struct pk_probe_error *error) {
    if (s.n + 1u > sizeof t->text - t->text_used) {
        return fail(error, "the probes have more text than this board keeps (PK_LIMIT_PROBE_TEXT_BYTES): {}",
                    s);
    }
    *out = (uint16_t)t->text_used;
    memcpy(t->text + t->text_used, s.p, s.n);
    t->text[t->text_used + s.n] = '\0';
    t->text_used += s.n + 1u;
    return PK_OK;
}

int pk_probes_open(struct pk_probes *t, struct pk_str kind, struct pk_str name,
                   struct pk_probe_error *error) {
    static const uint8_t KIND_OF[] = {[PK_SECTION_PROBE] = PK_PROBE_KIND_COUNT, /* its `kind` says */
                                      [PK_SECTION_SCRAPE] = PK_PROBE_SCRAPE,
                                      [PK_SECTION_CHECK] = PK_PROBE_CHECK,
                                      [PK_SECTION_SERVICE] = PK_PROBE_SERVICE};
    const int section = section_of(kind);
    PK_ASSERT(section >= 0);
    if (!pk_text_is_id(name, "_.:@-", 63)) {
        return fail(error, "'{}' is not a source name: 1 to 63 of A-Z a-z 0-9 _ . : @ -", name);
    }
    for (uint32_t i = 0; i < t->count; i++) {
        const uint8_t other = t->rows[i].section;
        if (!pk_str_eq_c(name, pk_probe_text(t, t->rows[i].name))) {
            continue;
        }
        if (other == section) {
            return (int)i;
        }
        if (other <= PK_SECTION_SCRAPE && section <= PK_SECTION_SCRAPE) {
            return fail(error, "'{}' is both a probe and a scrape: one would speak for the other", name);
        }
    }
    if (t->count == PK_LIMIT_PROBES) {
        return fail(error, "no room to probe '{}': the table is full", name);
    }
    struct pk_probe *p = &t->rows[t->count];
    *p = (struct pk_probe){.section = (uint8_t)section, .kind = KIND_OF[section]};
    const int err = keep(t, name, &p->name, error);
    return err < 0 ? err : (int)t->count++;
}

/* ---- values ---- */

static int set_text(struct pk_probes *t, const struct key_row *k, struct pk_str v, uint16_t *out,
                    struct pk_probe_error *error) {
    uint8_t bytes[16];
    if (v.n == 0 || v.n > k->max_bytes) {
        return fail(error, "'{}' is empty or too long", v);
    }
    if (k->kind == V_PATH && v.p[0] != '/') {
        return fail(error, "'{}' does not begin with /", v);
    }
    if (k->kind == V_HOST && !pk_address_is_host(v, k->max_bytes)) {
        return fail(error, "'{}' is not a host name or address", v);
    }
    if (k->kind == V_ADDRESS && !pk_address_parse_v4(v, bytes) && !pk_address_parse_v6(v, bytes)) {
        return fail(error,
                    "'{}' is not a numeric address: no name server is asked for that of the name server", v);
    }
    if (k->kind == V_ADDRESS_V4 && !pk_address_parse_v4(v, bytes)) {
        return fail(error, "'{}' is not an IPv4 address: IPv4 addresses of the name are asked for", v);
    }
    if (k->kind == V_NAME && !pk_address_is_name(v, k->max_bytes)) {
        return fail(error, "'{}' is not a host name", v);
    }
    if (k->kind == V_TEXT && (!pk_text_is_id(v, ".@:\\", k->max_bytes) || v.p[0] == '-')) {
        return fail(error, "'{}' is not the name of a service", v);
    }
    for (uint32_t i = 0; i < v.n; i++) {
        if ((unsigned char)v.p[i] <= ' ') {
            return fail(error, "'{}' may not hold blanks", v);
        }
    }
    return keep(t, v, out, error);
}

static int set_duration(struct pk_str v, bool is_timeout, uint32_t *out, struct pk_probe_error *error) {
    uint64_t ms = 0;
    if (pk_parse_duration_ms(v, &ms) < 0) {
        return fail(error, "'{}' is not a duration such as 30s, 5m, 1h", v);
    }
    if (is_timeout && (ms < 100 || ms > 60000)) {
        return fail(error, "'{}' is outside 100ms..60s", v);
    }
    if (!is_timeout && (ms < 1000 || ms > 7ull * DAY_MS)) {
        return fail(error, "'{}' is outside 1s..7d", v);
    }
    *out = (uint32_t)ms;
    return PK_OK;
}

/* "200" or "200-399" */
static int set_status(struct pk_probe *p, struct pk_str v, struct pk_probe_error *error) {
    struct pk_str rest = v, first;
    uint64_t min = 0, max = 0;
    const bool is_split = pk_str_split(&rest, '-', &first);
    const struct pk_str last = rest.p != NULL ? rest : first;
    if (!is_split || pk_parse_u64(pk_str_trim(first), &min) < 0 ||
        pk_parse_u64(pk_str_trim(last), &max) < 0 || min < 100 || max > 599 || min > max) {
        return fail(error, "'{}' is not an HTTP status such as 200 or a range such as 200-399", v);
    }
    p->status_min = (uint16_t)min;
    p->status_max = (uint16_t)max;
    return PK_OK;
}

static bool next_word(struct pk_str *rest, struct pk_str *out) {
    *rest = pk_str_trim(*rest);
    uint32_t n = 0;
    while (n < rest->n && !pk_is_space(rest->p[n])) {
        n++;
    }
    *out = pk_str_make(rest->p, n);
    rest->p += n;
    rest->n -= n;
    return n > 0;
}

static int set_argv(struct pk_probes *t, struct pk_probe *p, struct pk_str v, struct pk_probe_error *error) {
    struct pk_str word;
    p->argc = 0;
    while (next_word(&v, &word)) {
        uint16_t at = 0;
        if (p->argc == ARGV_MAX) {
            return fail(error, "more than 23 words: {}", word);
        }
        if (memchr(word.p, '"', word.n) != NULL || memchr(word.p, '\'', word.n) != NULL) {
            return fail(error, "no quotes: there is no shell, words are split at blanks: {}", word);
        }
        if (p->argc == 0 && word.p[0] != '/') {
            return fail(error, "the program must be an absolute path: {}", word);
        }
        if (keep(t, word, &at, error) < 0) {
            return PK_E_CONFIG;
        }
        p->argv = p->argc == 0 ? at : p->argv;
        p->argc++;
    }
    return p->argc > 0 ? PK_OK : fail(error, "a program is missing{}", pk_str_make("", 0));
}

/* "SELECTOR -> TYPE [SOURCE]" */
static int set_series(struct pk_probes *t, struct pk_probe *p, struct pk_str v, bool is_counter,
                      struct pk_probe_error *error) {
    struct pk_prom_selector parsed;
    struct pk_str selector = v, rest = {NULL, 0}, type, source = pk_str_of(pk_probe_text(t, p->name));
    for (uint32_t i = 0; i + 1u < v.n; i++) {
        if (v.p[i] == '-' && v.p[i + 1u] == '>') {
            selector = pk_str_trim(pk_str_make(v.p, i));
            rest = pk_str_make(v.p + i + 2u, v.n - i - 2u);
        }
    }
    if (rest.p == NULL || !next_word(&rest, &type) || !pk_intern_is_name(type)) {
        return fail(error, "'{}' is not of the form: series{label=\"value\"} -> event_type [source]", v);
    }
    (void)next_word(&rest, &source);
    source = source.n > 0 ? source : pk_str_of(pk_probe_text(t, p->name));
    if (!pk_intern_is_name(source) || pk_str_trim(rest).n > 0) {
        return fail(error, "'{}': the source is one word of A-Z a-z 0-9 _ . : @ -", v);
    }
    if (selector.n >= PK_PROBE_SELECTOR_BYTES || pk_prom_selector_parse(selector, &parsed) < 0) {
        return fail(error, "'{}' is not a series such as name{label=\"value\"}, of at most 119 bytes",
                    selector);
    }
    if (t->series_count == PK_LIMIT_SERIES || p->series_count == PK_PROBE_SERIES) {
        return fail(error, "no room for '{}': at most 20 series a page, and what this board keeps", selector);
    }
    if (p->series_count > 0 && p->series_first + p->series_count != t->series_count) {
        return fail(error, "'{}': the series of one page stand together", selector);
    }
    struct pk_probe_series *s = &t->series[t->series_count];
    *s = (struct pk_probe_series){.is_counter = is_counter};
    int err = keep(t, selector, &s->selector, error);
    err = err < 0 ? err : keep(t, type, &s->type, error);
    err = err < 0 ? err : keep(t, source, &s->source, error);
    if (err < 0) {
        return err;
    }
    p->series_first = p->series_count == 0 ? (uint16_t)t->series_count : p->series_first;
    p->series_count++;
    t->series_count++;
    return PK_OK;
}

static int set_kind(struct pk_probe *p, struct pk_str v, struct pk_probe_error *error) {
    for (uint8_t k = 0; k < PK_PROBE_SCRAPE; k++) {
        if (pk_str_eq_nocase(v, pk_probe_kind_word(k))) {
            p->kind = k;
            return PK_OK;
        }
    }
    return fail(error, "'{}' is not a kind of probe: tcp, http, dns, tls, icmp, certificate", v);
}

static int set_manager(struct pk_probe *p, struct pk_str v, struct pk_probe_error *error) {
    for (uint8_t m = 0; m < PK_MANAGER_COUNT; m++) {
        if (pk_str_eq_nocase(v, MANAGER_WORDS[m])) {
            p->manager = m;
            return PK_OK;
        }
    }
    return fail(error, "'{}' is not a service manager: systemd, openrc, procd", v);
}

static int set_value(struct pk_probes *t, struct pk_probe *p, enum key_id id, struct pk_str v,
                     struct pk_probe_error *error) {
    const struct key_row *k = &KEYS[id];
    char *field = (char *)p + k->offset;
    uint64_t n = 0;
    switch ((enum value_kind)k->kind) {
    case V_KIND:
        return set_kind(p, v, error);
    case V_HOST:
    case V_ADDRESS:
    case V_ADDRESS_V4:
    case V_NAME:
    case V_TEXT:
    case V_PATH:
        return set_text(t, k, v, (uint16_t *)(void *)field, error);
    case V_PORT:
        if (pk_parse_u64(v, &n) < 0 || n == 0 || n > 65535) {
            return fail(error, "'{}' is not a port", v);
        }
        p->port = (uint16_t)n;
        return PK_OK;
    case V_BOOL:
        return pk_parse_bool(v, (bool *)field) < 0 ? fail(error, "'{}' is not yes or no", v) : PK_OK;
    case V_DURATION:
        return set_duration(v, id == K_TIMEOUT, (uint32_t *)(void *)field, error);
    case V_STATUS:
        return set_status(p, v, error);
    case V_ARGV:
        return set_argv(t, p, v, error);
    case V_SERIES:
        return set_series(t, p, v, id == K_COUNTER, error);
    case V_MANAGER:
        return set_manager(p, v, error);
    }
    return PK_OK;
}

/* Keys any row of a section may have. */
static uint32_t keys_of_section(uint8_t section) {
    uint32_t bits = ALWAYS;
    if (section == PK_SECTION_PROBE) {
        bits |= BIT(K_KIND);
        for (uint32_t k = 0; k < PK_PROBE_SCRAPE; k++) {
            bits |= KINDS[k].may;
        }
        return bits;
    }
    static const uint8_t KIND_OF[] = {[PK_SECTION_PROBE] = 0,
                                      [PK_SECTION_SCRAPE] = PK_PROBE_SCRAPE,
                                      [PK_SECTION_CHECK] = PK_PROBE_CHECK,
                                      [PK_SECTION_SERVICE] = PK_PROBE_SERVICE};
    return bits | KINDS[KIND_OF[section]].may;
}

int pk_probes_set(struct pk_probes *t, uint32_t row, struct pk_str key, struct pk_str value,
                  struct pk_probe_error *error) {
    PK_ASSERT(row < t->count);
    struct pk_probe *p = &t->rows[row];
    const uint32_t allowed = keys_of_section(p->section);
    const char *words[K_COUNT];
    uint32_t word_count = 0;
    for (uint32_t k = 0; k < K_COUNT; k++) {
        if ((allowed & BIT(k)) == 0) {
            continue;
        }
        words[word_count++] = KEYS[k].word;
        if (pk_str_eq_c(key, KEYS[k].word)) {
            p->seen |= BIT(k);
            return set_value(t, p, (enum key_id)k, value, error);
        }
    }
    const char *near = pk_text_suggest(key, words, word_count);
    return near != NULL ? fail(error, "unknown key; did you mean '{}'?", pk_str_of(near))
                        : fail(error, "unknown key '{}'", key);
}

/* ---- the whole ---- */

static int finish_service(struct pk_probes *t, struct pk_probe *p, struct pk_probe_error *error) {
    static const char *const BEFORE[PK_MANAGER_COUNT] = {"", "/run/openrc/options/", "{\"name\":\""};
    static const char *const AFTER[PK_MANAGER_COUNT] = {"", "/start_count", "\"}"};
    char text[160];
    struct pk_buf b;
    const char *unit = pk_probe_text(t, p->argv != 0 ? p->argv : p->name);
    if (strchr(unit, '\\') != NULL && p->manager != PK_MANAGER_SYSTEMD) {
        return fail(error, "'{}' is not the name of a service", pk_str_of(unit));
    }
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, BEFORE[p->manager]);
    pk_buf_puts(&b, unit);
    pk_buf_puts(&b, AFTER[p->manager]);
    PK_ASSERT(!b.is_cut);
    return keep(t, pk_buf_str(&b), &p->argv, error);
}

/* Two series that say the same of the same source would each hide what the other says. */
static int check_series(const struct pk_probes *t, const struct pk_probe *p, struct pk_probe_error *error) {
    for (uint32_t i = p->series_first; i < (uint32_t)p->series_first + p->series_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(pk_probe_text(t, t->series[i].type), pk_probe_text(t, t->series[k].type)) == 0 &&
                strcmp(pk_probe_text(t, t->series[i].source), pk_probe_text(t, t->series[k].source)) == 0) {
                error->key = pk_str_of(KEYS[t->series[i].is_counter ? K_COUNTER : K_GAUGE].word);
                return fail(error, "'{}' gives a type and source that another series gives already",
                            pk_str_of(pk_probe_text(t, t->series[i].selector)));
            }
        }
    }
    return PK_OK;
}

static int finish_row(struct pk_probes *t, struct pk_probe *p, struct pk_probe_error *error) {
    const struct pk_str name = pk_str_of(pk_probe_text(t, p->name));
    if (p->kind == PK_PROBE_KIND_COUNT) {
        return fail(error, "[probe {}] kind is missing: tcp, http, dns, tls, icmp or certificate", name);
    }
    for (uint32_t k = 0; k < K_COUNT; k++) {
        if ((KINDS[p->kind].must & ~p->seen & BIT(k)) != 0) {
            return fail(error,
                        k == K_HOST   ? "probe {}: host is missing"
                        : k == K_PORT ? "probe {}: port is missing"
                        : k == K_NAME ? "probe {}: name is missing"
                        : k == K_FILE ? "probe {}: file is missing"
                                      : "probe {}: argv is missing",
                        name);
        }
        if ((p->seen & ~(KINDS[p->kind].may | ALWAYS | BIT(K_KIND)) & BIT(k)) != 0) {
            error->key = pk_str_of(KEYS[k].word);
            return fail(error, "'{}' does not go with this kind of probe", error->key);
        }
    }
    if (p->kind != PK_PROBE_TLS && !p->use_tls && (p->seen & BIT(K_CA)) != 0) {
        error->key = pk_str_of(KEYS[K_CA].word);
        return fail(error, "'{}' is for tls = yes", error->key);
    }
    if (p->kind == PK_PROBE_SCRAPE && p->series_count == 0) {
        return fail(error, "[scrape {}] picks no series: gauge or counter is missing", name);
    }
    p->interval_ms = p->interval_ms != 0 ? p->interval_ms : KINDS[p->kind].interval_ms;
    p->timeout_ms = p->timeout_ms != 0 ? p->timeout_ms : KINDS[p->kind].timeout_ms;
    if (p->port == 0) {
        p->port = p->kind == PK_PROBE_HTTP && p->use_tls ? 443 : KINDS[p->kind].port;
    }
    if (p->status_min == 0) {
        p->status_min = 200;
        p->status_max = 399;
    }
    if (p->path == 0 && (p->kind == PK_PROBE_HTTP || p->kind == PK_PROBE_SCRAPE)) {
        return keep(t, pk_str_of(p->kind == PK_PROBE_HTTP ? "/" : "/metrics"), &p->path, error);
    }
    return p->kind == PK_PROBE_SERVICE ? finish_service(t, p, error) : PK_OK;
}

int pk_probes_finish(struct pk_probes *t, struct pk_probe_error *error) {
    for (uint32_t i = 0; i < t->count; i++) {
        const struct pk_probe *p = &t->rows[i];
        *error = (struct pk_probe_error){.section = pk_str_of(SECTION_WORDS[p->section]),
                                         .name = pk_str_of(pk_probe_text(t, p->name))};
        int err = finish_row(t, &t->rows[i], error);
        err = err < 0 ? err : check_series(t, p, error);
        if (err < 0) {
            return err;
        }
    }
    t->crc = 0;
    t->crc = pk_crc32c(0, t, sizeof *t - sizeof t->text);
    t->crc = pk_crc32c(t->crc, t->text, t->text_used);
    return PK_OK;
}
