/* Names that the configuration, the rules and the patterns use: event types are in their table from the
 * start, and so are sources that rules name, whatever senders fill the tables with. Types that find no room
 * are refused before anything is changed. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "detect/pk_rule_parse.h"

enum { ROOM = PK_LIMIT_TYPES - PK_LIMIT_TYPES_FOREIGN }; /* what senders can never take */

/* What collectors measure, while they are on (port.h). */
static const struct {
    uint8_t collector;
    const char *type;
} COLLECTED[] = {{PK_COLLECT_CPU, "cpu_pct"},
                 {PK_COLLECT_MEMORY, "memory_pct"},
                 {PK_COLLECT_MEMORY, "swap_pct"},
                 {PK_COLLECT_PSI, "psi_cpu_pct"},
                 {PK_COLLECT_PSI, "psi_memory_pct"},
                 {PK_COLLECT_PSI, "psi_io_pct"},
                 {PK_COLLECT_LOAD, "load_1m"},
                 {PK_COLLECT_DISK, "disk_pct"},
                 {PK_COLLECT_DISK, "inodes_pct"},
                 {PK_COLLECT_DISK, "fs_readonly"},
                 {PK_COLLECT_PROCESS, "process_up"},
                 {PK_COLLECT_USAGE, "process_cpu_pct"},
                 {PK_COLLECT_USAGE, "process_rss_bytes"},
                 {PK_COLLECT_USAGE, "service_restarts"},
                 {PK_COLLECT_STORAGE, "disk_errors"},
                 {PK_COLLECT_STORAGE, "fs_errors"},
                 {PK_COLLECT_STORAGE, "emmc_life_pct"},
                 {PK_COLLECT_STORAGE, "emmc_eol"},
                 {PK_COLLECT_THERMAL, "temperature_c"},
                 {PK_COLLECT_THERMAL, "throttled"},
                 {PK_COLLECT_NETWORK, "net_errors"},
                 {PK_COLLECT_NETWORK, "net_drops"},
                 {PK_COLLECT_NETWORK, "link_up"},
                 {PK_COLLECT_TASKS, "hung_tasks"},
                 {PK_COLLECT_TASKS, "zombies"},
                 {PK_COLLECT_OOM, "oom_kill"},
                 {PK_COLLECT_GPU, "gpu_pct"}};

/* What rows of [probe], [scrape], [check] and [service] measure (pk_agent_probe.c), but for picked series. */
#define KIND(name) (1u << PK_PROBE_##name)
static const struct {
    uint32_t kinds;
    const char *type;
} PROBED[] = {
    {KIND(TCP) | KIND(HTTP) | KIND(DNS) | KIND(TLS) | KIND(ICMP) | KIND(SCRAPE), "probe_up"},
    {KIND(TCP) | KIND(HTTP) | KIND(DNS) | KIND(TLS) | KIND(ICMP) | KIND(SCRAPE), "probe_latency_ms"},
    {KIND(HTTP), "http_status"},
    {KIND(HTTP) | KIND(TLS) | KIND(CERTIFICATE), "certificate_days"},
    {KIND(CHECK), "check_state"},
    {KIND(CHECK), "check_value"},
    {KIND(SERVICE), "service_restarts"}};

/* A walk over names: each is false when it finds no room, and the walk ends with that name. */
struct walk {
    struct pk_agent *a;
    bool (*each)(struct pk_agent *a, struct pk_str name);
    struct pk_str refused;
};

static bool is_plain(struct pk_str name) {
    return name.n > 0 && memchr(name.p, '*', name.n) == NULL && memchr(name.p, '?', name.n) == NULL &&
           memchr(name.p, '{', name.n) == NULL;
}

/* For good: checked before, but for rules made at run time that come back from the store. */
static bool take(struct pk_agent *a, struct pk_str name) {
    if (is_plain(name) && pk_types_intern(&a->intake.types, name) == PK_E_FULL) {
        pk_agent_log1(a, PK_LOG_ERROR, "no room for an event type that is asked for", name);
    }
    return true;
}

/* On trial: the caller cuts the table to what it held. */
static bool reserve(struct pk_agent *a, struct pk_str name) {
    struct pk_types *t = &a->intake.types;
    if (!is_plain(name) || !pk_intern_is_name(name) || pk_types_find(t, name) >= 0) {
        return true;
    }
    return t->count - t->foreign_count < (uint32_t)ROOM && pk_types_intern(t, name) >= 0;
}

static bool take_source(struct pk_agent *a, struct pk_str name) {
    if (is_plain(name) && pk_sources_intern(&a->intake.sources, name) == PK_E_FULL) {
        pk_agent_log1(a, PK_LOG_ERROR, "no room for a source that a rule names", name);
    }
    return true;
}

static bool one(struct walk *w, struct pk_str name) {
    const bool is_fit = w->each(w->a, name);
    w->refused = is_fit ? w->refused : name;
    return is_fit;
}

/* Of "a | b*, c". */
static bool globs(struct walk *w, struct pk_str list) {
    struct pk_str some, name;
    while (pk_str_split(&list, ',', &some)) {
        while (pk_str_split(&some, '|', &name)) {
            if (!one(w, pk_str_trim(name))) {
                return false;
            }
        }
    }
    return true;
}

/* text: of the rule's book; NULL: the rule is of the set. */
static bool rule(struct walk *w, const struct pk_rule *r, const char *text, enum pk_term_field field) {
    for (uint32_t i = 0; i < r->term_count; i++) {
        const struct pk_rule_ref ref = r->terms[i].text;
        const struct pk_str list =
            text != NULL ? pk_rule_ref_str(text, ref) : pk_ruleset_str(&w->a->engine.rules, r, ref);
        if (r->terms[i].field == field && !globs(w, list)) {
            return false;
        }
    }
    return true;
}

static bool fixed(struct walk *w, const struct pk_config *c) {
    bool is_fit = one(w, pk_str_of(PK_LOGEVENT_ERROR));
    for (size_t i = 0; i < PK_COUNT_OF(COLLECTED) && is_fit; i++) {
        is_fit = c->collect_ms[COLLECTED[i].collector] == 0 || one(w, pk_str_of(COLLECTED[i].type));
    }
    for (size_t i = 0; i < PK_COUNT_OF(PROBED) && is_fit; i++) {
        for (uint32_t row = 0; row < c->probes.count && is_fit; row++) {
            is_fit =
                (PROBED[i].kinds >> c->probes.rows[row].kind & 1u) == 0 || one(w, pk_str_of(PROBED[i].type));
        }
    }
    return is_fit;
}

/* *out_at: the pattern that was too much. */
static bool patterns(struct walk *w, const char *text, const struct pk_pattern *rows, uint32_t count,
                     uint32_t *out_at) {
    for (*out_at = 0; *out_at < count; (*out_at)++) {
        const struct pk_str event = pk_pattern_ref_str(text, rows[*out_at].event);
        if (!pk_str_eq_c(event, PK_LOGEVENT_NONE) && !one(w, event)) {
            return false;
        }
    }
    return true;
}

static bool shipped_patterns(struct walk *w) {
    uint32_t at = 0;
    const struct pk_patterns *p = &PK_SHIPPED_PATTERNS;
    return patterns(w, p->text, p->patterns, p->pattern_count, &at);
}

static bool maps(struct walk *w, const struct pk_map_table *t, uint32_t *out_at) {
    for (*out_at = 0; *out_at < t->count; (*out_at)++) {
        if (!one(w, pk_map_str(t, t->rows[*out_at].type))) {
            return false;
        }
    }
    return true;
}

static bool series(struct walk *w, const struct pk_probes *t, uint32_t *out_at) {
    for (*out_at = 0; *out_at < t->series_count; (*out_at)++) {
        if (!one(w, pk_str_of(pk_probe_text(t, t->series[*out_at].type)))) {
            return false;
        }
    }
    return true;
}

void pk_agent_types_take(struct pk_agent *a) {
    struct walk w = {.a = a, .each = take};
    struct walk of_sources = {.a = a, .each = take_source};
    const struct pk_ruleset *s = &a->engine.rules;
    const struct pk_patterns *own = &a->patterns.use.own;
    uint32_t at = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        (void)rule(&w, s->rows[i], NULL, PK_TERM_TYPE);
        (void)rule(&of_sources, s->rows[i], NULL, PK_TERM_SOURCE);
    }
    (void)fixed(&w, &a->config);
    (void)shipped_patterns(&w);
    (void)patterns(&w, own->text, own->patterns, own->pattern_count, &at);
    (void)maps(&w, &a->config.maps, &at);
    (void)series(&w, &a->config.probes, &at);
}

/* ---- before that ---- */

/* The limit by its name, and what it leaves. */
static int no_room(const struct walk *w, const char *file, uint32_t line, uint32_t column,
                   struct pk_diag *diag) {
    char message[160];
    struct pk_buf b;
    pk_buf_init(&b, message, sizeof message);
    pk_buf_puts(&b, "no room for event type '{}': the limit event_types (");
    pk_buf_put_u64(&b, PK_LIMIT_TYPES);
    pk_buf_puts(&b, ") leaves ");
    pk_buf_put_u64(&b, (uint64_t)ROOM);
    pk_buf_puts(&b, " to rules, patterns and configuration");
    pk_diag_set1(diag, file, line, column, message, w->refused);
    return PK_E_CONFIG;
}

static void place_in(const char *text, const char *at, uint32_t *line, uint32_t *column) {
    *line = *column = 1;
    for (const char *p = text; p < at; p++) {
        *column = *p == '\n' ? 1u : *column + 1u;
        *line += *p == '\n' ? 1u : 0u;
    }
}

int pk_agent_types_fit(struct pk_agent *a, const char *file, struct pk_str text, struct pk_diag *diag) {
    struct walk w = {.a = a, .each = reserve};
    struct pk_rule_parser parser;
    struct pk_rule r;
    pk_rule_parser_init(&parser, file, text.p, 0, text.n);
    parser.thresholds = a->engine.rules.thresholds;
    while (pk_rule_parse_next(&parser, &r, diag) == PK_OK) { /* what is wrong is said by who takes it */
        if (!rule(&w, &r, text.p, PK_TERM_TYPE)) {
            uint32_t line = r.line, column = 1;
            if (w.refused.p >= text.p &&
                w.refused.p < text.p + text.n) { /* no word that an alias stands for */
                place_in(text.p, w.refused.p, &line, &column);
            }
            return no_room(&w, file, line, column, diag);
        }
    }
    return PK_OK;
}

static struct pk_config_place place_of_series(const struct pk_probes *t, uint32_t at) {
    uint32_t row = 0;
    while (row + 1u < t->count && (at < t->rows[row].series_first ||
                                   at >= (uint32_t)t->rows[row].series_first + t->rows[row].series_count)) {
        row++;
    }
    return (struct pk_config_place){pk_str_of("scrape"), pk_str_of(pk_probe_text(t, t->rows[row].name)),
                                    pk_str_of(t->series[at].is_counter ? "counter" : "gauge")};
}

int pk_agent_types_check(struct pk_agent *a, const struct pk_config *c, const char *path,
                         struct pk_diag *diag) {
    struct walk w = {.a = a, .each = reserve};
    const struct pk_patterns_own *own = &a->patterns.books[a->patterns.index ^ 1u];
    struct pk_config_place place;
    const struct pk_str shipped = {PK_SHIPPED_RULES.text, PK_SHIPPED_RULES.text_bytes};
    uint32_t at = 0;
    if (pk_agent_types_fit(a, "shipped", shipped, diag) < 0) {
        return PK_E_CONFIG;
    }
    if (!fixed(&w, c) || !shipped_patterns(&w)) {
        return no_room(&w, path, 1, 1, diag);
    }
    if (!patterns(&w, own->text, own->patterns, own->pattern_count, &at)) {
        place = (struct pk_config_place){
            pk_str_of("pattern"), pk_pattern_ref_str(own->text, own->patterns[at].id), pk_str_of("event")};
        (void)no_room(&w, c->patterns_dir, 1, 1, diag);
        pk_config_find_in(&a->port->files, c->patterns_dir, ".patterns", &place, a->reply, sizeof a->reply,
                          diag);
        return PK_E_CONFIG;
    }
    if (!maps(&w, &c->maps, &at)) {
        place =
            (struct pk_config_place){pk_str_of("map"), pk_str_of(c->maps.rows[at].name), pk_str_of("type")};
    } else if (!series(&w, &c->probes, &at)) {
        place = place_of_series(&c->probes, at);
    } else {
        return PK_OK;
    }
    (void)no_room(&w, path, 1, 1, diag);
    pk_config_find(&a->port->files, path, &place, a->reply, sizeof a->reply, diag);
    return PK_E_CONFIG;
}
