#include "detect/pk_rule_parse.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "detect/pk_cond.h"
#include "detect/pk_quantile.h"
#include "detect/pk_rule_alias.h"
#include "detect/pk_rule_expr.h"
#include "detect/pk_window.h"

enum key {
    KEY_ABOUT,
    KEY_TITLE,
    KEY_ON,
    KEY_WHEN,
    KEY_TYPE,
    KEY_SEVERITY,
    KEY_CLEAR,
    KEY_COOLDOWN,
    KEY_RECOVER,
    KEY_ACTIONS,
    KEY_AUTO,
    KEY_ENABLED,
    KEY_KEYS,
    KEY_CONSECUTIVE,
    KEY_MIN_COMPONENTS,
    KEY_CHECK_INTERVAL,
    KEY_STALE,
    KEY_TAGS,
    KEY_METADATA,
    KEY_ALIASES,
    /* other words, which pk_rule_alias.c reads */
    KEY_RULE_ID,
    KEY_RULE_TYPE,
    KEY_PATTERN,
    KEY_FILTER,
    KEY_SYSTEMS,
    KEY_THRESHOLD,
    KEY_WINDOW,
    KEY_RUN,
    KEY_COUNT
};
/* Words that only stand for a key. */
static const struct {
    const char *word;
    uint8_t key;
} OTHER_WORDS[] = {{"name", KEY_TITLE},
                   {"description", KEY_ABOUT},
                   {"incident_type", KEY_TYPE},
                   {"check_interval_seconds", KEY_CHECK_INTERVAL},
                   {"min_components_affected", KEY_MIN_COMPONENTS},
                   {"auto_remediation", KEY_AUTO},
                   {"remediation_actions", KEY_ACTIONS},
                   {"confirmation_threshold", KEY_THRESHOLD},
                   {"threshold_value", KEY_THRESHOLD},
                   {"query", KEY_PATTERN}};
enum { OTHER_COUNT = (int)PK_COUNT_OF(OTHER_WORDS) };

static const char *const KEY_WORDS[KEY_COUNT] = {
    [KEY_ABOUT] = "about",
    [KEY_TITLE] = "title",
    [KEY_ON] = "on",
    [KEY_WHEN] = "when",
    [KEY_TYPE] = "type",
    [KEY_SEVERITY] = "severity",
    [KEY_CLEAR] = "clear",
    [KEY_COOLDOWN] = "cooldown",
    [KEY_RECOVER] = "recover",
    [KEY_ACTIONS] = "actions",
    [KEY_AUTO] = "auto",
    [KEY_ENABLED] = "enabled",
    [KEY_KEYS] = "keys",
    [KEY_CONSECUTIVE] = "consecutive",
    [KEY_MIN_COMPONENTS] = "min_components",
    [KEY_CHECK_INTERVAL] = "check_interval",
    [KEY_STALE] = "stale",
    [KEY_TAGS] = "tags",
    [KEY_METADATA] = "metadata",
    [KEY_ALIASES] = "aliases",
    [KEY_RULE_ID] = "rule_id",
    [KEY_RULE_TYPE] = "rule_type",
    [KEY_PATTERN] = "event_pattern",
    [KEY_FILTER] = "severity_filter",
    [KEY_SYSTEMS] = "affected_systems",
    [KEY_THRESHOLD] = "error_threshold",
    [KEY_WINDOW] = "time_window_seconds",
    [KEY_RUN] = "require_consecutive",
};

/* The 15 of REQUIREMENTS S1-22 and those WIRE adds. */
static const char *const TYPE_WORDS[] = {
    "error_burst",
    "service_down",
    "quality_drop",
    "workflow_failure_spike",
    "memory_exhaustion",
    "performance_degradation",
    "disk_space_low",
    "database_connection_fail",
    "api_rate_limit",
    "cache_failure",
    "network_partition",
    "deadlock_detected",
    "resource_leak",
    "security_breach",
    "data_corruption",
    "cpu_high",
    "gpu_high",
    "throughput_low",
    "heartbeat_lost",
    "crash_loop",
    "deployment_failure",
    "queue_backlog",
    "certificate_expiration",
    "anomaly",
    "unexpected_restart",
    "self",
    "custom",
};

enum {
    LIST_ITEM_BYTES_MAX = 47,
    TEXT_BYTES_MAX = 512,
    PLAIN_CLASSES = 4, /* blocks up to 64 times */
    SPAN_MS_MAX = 7 * 24 * 3600 * 1000,
    KEYS_MAX = PK_LIMIT_KEYS > 65000 ? 65000 : PK_LIMIT_KEYS - 2
};

/* Values of one section by key, so that they are read in an order of our own: `on` before `when` before
 * `severity`. */
struct section {
    struct pk_rule_parser *parser;
    struct pk_diag *diag;
    struct pk_rule *rule;
    struct pk_rule_given values[KEY_COUNT];
    struct pk_rule_cursor at; /* on one of them */
    uint32_t seen;            /* bit per key */
    uint32_t line, column;
};

static bool has(const struct section *s, enum key key) {
    return (s->seen & (1u << key)) != 0u;
}

/* On the value of a key, until the next call. */
static struct pk_rule_cursor *cursor(struct section *s, enum key key) {
    const struct pk_rule_given *g = &s->values[key];
    s->at = (struct pk_rule_cursor){s->parser->file, s->parser->text, g->value, 0,
                                    g->line,         g->column,       s->diag,  s->parser->thresholds};
    return &s->at;
}

static struct pk_rule_ref ref_of(const struct pk_rule_parser *p, struct pk_str s) {
    return (struct pk_rule_ref){s.n > 0 ? (uint32_t)(s.p - p->text) : 0u, (uint16_t)s.n, 0};
}

static int fail_section(const struct section *s, const char *message, struct pk_str argument) {
    pk_diag_set1(s->diag, s->parser->file, s->line, s->column, message, argument);
    return PK_E_CONFIG;
}

static int fail_reader(struct pk_rule_parser *p, struct pk_diag *diag) {
    pk_diag_set(diag, p->file, p->ini.error_line, p->ini.error_column, p->ini.error);
    return PK_E_CONFIG;
}

void pk_rule_parser_init(struct pk_rule_parser *p, const char *file, const char *text, uint32_t base,
                         uint32_t n) {
    memset(p, 0, sizeof *p);
    p->file = file;
    p->text = text;
    pk_ini_init(&p->ini, n > 0 ? text + base : text, n);
}

static uint32_t key_of(struct pk_str word) {
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        if (pk_str_eq_c(word, KEY_WORDS[i])) {
            return i;
        }
    }
    for (uint32_t i = 0; i < OTHER_COUNT; i++) {
        if (pk_str_eq_c(word, OTHER_WORDS[i].word)) {
            return OTHER_WORDS[i].key;
        }
    }
    return KEY_COUNT;
}

static int fail_key(struct pk_rule_cursor *at_key, struct pk_str word) {
    const char *words[KEY_COUNT + OTHER_COUNT];
    memcpy(words, KEY_WORDS, sizeof KEY_WORDS);
    for (uint32_t i = 0; i < OTHER_COUNT; i++) {
        words[KEY_COUNT + i] = OTHER_WORDS[i].word;
    }
    return pk_rule_fail_word(at_key, 0, "unknown key '{}'", word, words, PK_COUNT_OF(words));
}

static int take_pair(struct section *s, const struct pk_ini_item *item) {
    struct pk_rule_cursor at_key = {s->parser->file, s->parser->text, item->key, 0,
                                    item->line,      item->column,    s->diag,   NULL};
    const uint32_t key = key_of(item->key);
    if (key == KEY_COUNT) {
        return fail_key(&at_key, item->key);
    }
    if (has(s, (enum key)key)) {
        return pk_rule_fail(&at_key, 0, "'{}' is given twice", item->key);
    }
    s->seen |= 1u << key;
    s->values[key] = (struct pk_rule_given){item->value, item->value_line, item->value_column};
    if (item->value.n == 0) {
        return pk_rule_fail(&at_key, 0, "'{}' has no value", item->key);
    }
    return PK_OK;
}

static int read_text(struct section *s, enum key key, uint32_t bytes_max, struct pk_rule_ref *out) {
    if (!has(s, key)) {
        return PK_OK;
    }
    struct pk_rule_cursor *c = cursor(s, key);
    if (c->value.n > bytes_max) {
        return pk_rule_fail(c, 0, "the text of '{}' is too long", pk_str_of(KEY_WORDS[key]));
    }
    *out = ref_of(s->parser, c->value);
    return PK_OK;
}

static int read_span(struct section *s, enum key key, bool may_be_zero, uint32_t *out_ms) {
    if (!has(s, key)) {
        return PK_OK;
    }
    struct pk_rule_cursor *c = cursor(s, key);
    uint64_t ms = 0;
    if (pk_parse_duration_ms(c->value, &ms) != PK_OK) {
        return pk_rule_fail(c, 0, "expected a time such as 30s, 5m or 2h, not '{}'", c->value);
    }
    if (ms > SPAN_MS_MAX || (ms == 0 && !may_be_zero)) {
        return pk_rule_fail(c, 0, "the time '{}' must be above 0 and at most 7d", c->value);
    }
    *out_ms = (uint32_t)ms;
    return PK_OK;
}

static int read_bool(struct section *s, enum key key, bool *out) {
    if (!has(s, key) || pk_parse_bool(s->values[key].value, out) == PK_OK) {
        return PK_OK;
    }
    return pk_rule_fail(cursor(s, key), 0, "expected yes or no, not '{}'", s->values[key].value);
}

static int read_number(struct section *s, enum key key, uint64_t low, uint64_t high, uint64_t *out) {
    if (!has(s, key)) {
        return PK_OK;
    }
    struct pk_rule_cursor *c = cursor(s, key);
    if (pk_parse_u64(c->value, out) != PK_OK || *out < low || *out > high) {
        char message[96];
        struct pk_buf b;
        pk_buf_init(&b, message, sizeof message);
        pk_buf_puts(&b, "expected a whole number from ");
        pk_buf_put_u64(&b, low);
        pk_buf_puts(&b, " to ");
        pk_buf_put_u64(&b, high);
        pk_buf_puts(&b, ", not '{}'");
        return pk_rule_fail(c, 0, message, c->value);
    }
    return PK_OK;
}

static bool is_in_other_words(const struct section *s) {
    const uint32_t bits = 1u << KEY_RULE_TYPE | 1u << KEY_PATTERN | 1u << KEY_FILTER | 1u << KEY_SYSTEMS |
                          1u << KEY_THRESHOLD | 1u << KEY_WINDOW | 1u << KEY_RUN;
    return !has(s, KEY_WHEN) && (s->seen & bits) != 0u;
}

static int read_type(struct section *s) {
    if (!has(s, KEY_TYPE) && is_in_other_words(s)) {
        s->rule->type = pk_rule_alias_type();
        return PK_OK;
    }
    if (!has(s, KEY_TYPE)) {
        return fail_section(s, "rule '{}' has no 'type'", s->parser->item.section_name);
    }
    struct pk_rule_cursor *c = cursor(s, KEY_TYPE);
    for (size_t i = 0; i < PK_COUNT_OF(TYPE_WORDS); i++) {
        if (pk_str_eq_c(c->value, TYPE_WORDS[i])) {
            s->rule->type = ref_of(s->parser, c->value);
            return PK_OK;
        }
    }
    return pk_rule_fail_word(c, 0, "'{}' is not an incident type", c->value, TYPE_WORDS,
                             PK_COUNT_OF(TYPE_WORDS));
}

static int read_actions(struct section *s) {
    if (!has(s, KEY_ACTIONS)) {
        return PK_OK;
    }
    struct pk_rule *r = s->rule;
    struct pk_str rest = s->values[KEY_ACTIONS].value;
    struct pk_str piece;
    while (pk_str_split(&rest, ',', &piece)) {
        const struct pk_str one = pk_str_trim(piece);
        const uint32_t at = (uint32_t)(piece.p - s->values[KEY_ACTIONS].value.p);
        if (!pk_text_is_id(one, NULL, 32)) {
            return pk_rule_fail(cursor(s, KEY_ACTIONS), at, "'{}' is not the name of an action", one);
        }
        if (r->action_count >= PK_RULE_ACTIONS_MAX) {
            return pk_rule_fail(cursor(s, KEY_ACTIONS), at, "a rule has at most 4 actions", one);
        }
        r->actions[r->action_count++] = ref_of(s->parser, one);
    }
    return PK_OK;
}

/* A list of ids, kept as its text. */
static int read_ids(struct section *s, enum key key, struct pk_rule_ref *out) {
    if (!has(s, key)) {
        return PK_OK;
    }
    struct pk_rule_cursor *c = cursor(s, key);
    struct pk_str rest = c->value;
    struct pk_str piece;
    while (pk_str_split(&rest, ',', &piece)) {
        const struct pk_str one = pk_str_trim(piece);
        if (!pk_text_is_id(one, ".:", LIST_ITEM_BYTES_MAX)) {
            return pk_rule_fail(c, (uint32_t)(piece.p - c->value.p), "'{}' is not a name", one);
        }
    }
    return read_text(s, key, TEXT_BYTES_MAX, out);
}

static int read_consecutive(struct section *s) {
    struct pk_rule *r = s->rule;
    uint64_t run = 0;
    bool is_yes = false;
    if (!has(s, KEY_CONSECUTIVE)) {
        return PK_OK;
    }
    struct pk_rule_cursor *c = cursor(s, KEY_CONSECUTIVE);
    if (r->is_plain && r->when.kind == PK_COND_VALUE) {
        const int err = read_number(s, KEY_CONSECUTIVE, 1, 250, &run);
        r->consecutive = (uint8_t)run;
        return err;
    }
    if (!r->is_plain || r->when.kind != PK_COND_COUNT || r->when.term_count == 0) {
        return pk_rule_fail(
            c, 0, "'consecutive' needs 'value', or 'count(...)' that tells which events break the run",
            c->value);
    }
    const int err = read_bool(s, KEY_CONSECUTIVE, &is_yes);
    r->consecutive = is_yes ? 1u : 0u;
    return err;
}

static int read_components(struct section *s) {
    struct pk_rule *r = s->rule;
    uint64_t least = 0;
    const int err = read_number(s, KEY_MIN_COMPONENTS, 1, PK_RULE_ACROSS_MAX, &least);
    if (err != PK_OK || least <= 1) {
        return err;
    }
    const bool is_by_all = r->group == PK_GROUP_ALL ||
                           (r->group == PK_GROUP_SOURCE && (pk_cond_traits(r) & PK_COND_IS_OF_SOURCE) != 0);
    if (r->across != 0 || !is_by_all) {
        return pk_rule_fail(cursor(s, KEY_MIN_COMPONENTS), 0,
                            "'min_components' cannot be combined with 'by' or 'across'",
                            pk_str_make(NULL, 0));
    }
    if (has(s, KEY_THRESHOLD) && r->when.kind == PK_COND_RATE) {
        return pk_rule_fail(
            cursor(s, KEY_MIN_COMPONENTS), 0,
            "'min_components' needs a threshold of at most 64: more are counted for one source",
            pk_str_make(NULL, 0));
    }
    r->across = (uint8_t)least;
    r->group = PK_GROUP_ALL;
    return PK_OK;
}

static bool is_upward(uint8_t cmp) {
    return cmp == PK_CMP_GT || cmp == PK_CMP_GE;
}

static bool is_downward(uint8_t cmp) {
    return cmp == PK_CMP_LT || cmp == PK_CMP_LE;
}

/* A gauge that could trip and clear at once would flap for ever. */
static bool is_overlap(const struct pk_rule_cond *when, const struct pk_rule_cond *clear) {
    const bool is_touching = pk_cmp_doubles(clear->value, PK_CMP_EQ, when->value) &&
                             (clear->cmp == PK_CMP_GE || clear->cmp == PK_CMP_LE) &&
                             (when->cmp == PK_CMP_GE || when->cmp == PK_CMP_LE);
    if (is_upward(when->cmp)) {
        return !is_downward(clear->cmp) || clear->value > when->value || is_touching;
    }
    if (is_downward(when->cmp)) {
        return !is_upward(clear->cmp) || clear->value < when->value || is_touching;
    }
    return pk_cmp_doubles(clear->value, (enum pk_cmp)when->cmp, when->value) && clear->cmp == PK_CMP_EQ;
}

/* What would clear while the condition holds, and what can never be. */
static int check_clear(struct section *s, struct pk_rule_cursor *c) {
    const struct pk_rule *r = s->rule;
    const bool is_gauge = r->when.kind == PK_COND_VALUE || r->when.kind == PK_COND_ABSENT;
    if (r->clear.kind == PK_COND_COUNT && is_gauge) {
        return pk_rule_fail(c, 0, "'clear = count' needs 'when = count'", pk_str_make(NULL, 0));
    }
    if (r->clear.kind == PK_COND_COUNT && r->when.kind == PK_COND_COUNT &&
        (r->clear.count > r->when.count || r->clear.within_ms < r->when.within_ms)) {
        return pk_rule_fail(c, 0,
                            "the rule could clear while its condition holds: count no more, in no less time",
                            pk_str_make(NULL, 0));
    }
    const bool is_same_gauge = r->clear.kind == r->when.kind && r->clear.option == r->when.option &&
                               (r->clear.kind == PK_COND_VALUE || r->clear.kind == PK_COND_QUANTILE ||
                                r->clear.kind == PK_COND_USUAL);
    if (is_same_gauge && is_overlap(&r->when, &r->clear)) {
        return pk_rule_fail(c, 0, "the rule would clear while its condition holds", pk_str_make(NULL, 0));
    }
    if (r->clear.kind == PK_COND_VALUE && (r->when.kind == PK_COND_ABSENT || r->across > 0)) {
        return pk_rule_fail(c, 0, "'clear = value' needs a condition on one source's values",
                            pk_str_make(NULL, 0));
    }
    if (r->across > 0 && pk_cond_ops(r->clear.kind) != NULL && !r->is_plain) {
        return pk_rule_fail(c, 0, "with 'across' only 'clear = stable' and 'never' are possible",
                            pk_str_make(NULL, 0));
    }
    return PK_OK;
}

static int read_clear(struct section *s) {
    struct pk_rule *r = s->rule;
    r->clear.kind = PK_COND_STABLE;
    r->clear.for_ms = PK_RULE_STABLE_MS;
    if (!has(s, KEY_CLEAR)) {
        return PK_OK;
    }
    struct pk_rule_cursor *c = cursor(s, KEY_CLEAR);
    memset(&r->clear, 0, sizeof r->clear);
    return pk_rule_read_clear(c, r);
}

static int read_severity(struct section *s) {
    struct pk_rule *r = s->rule;
    if (!has(s, KEY_SEVERITY)) {
        return fail_section(s, "rule '{}' has no 'severity'", s->parser->item.section_name);
    }
    struct pk_rule_cursor *c = cursor(s, KEY_SEVERITY);
    const int err = pk_rule_read_severity(c, r);
    if (err != PK_OK) {
        return err;
    }
    uint32_t ratio_count = 0;
    for (uint32_t i = 0; i < r->raise_count; i++) {
        const struct pk_rule_raise *raise = &r->raises[i];
        const bool is_counted = raise->kind == PK_RAISE_RATIO || raise->kind == PK_RAISE_COUNT;
        ratio_count += raise->kind == PK_RAISE_RATIO ? 1u : 0u;
        if (is_counted && r->when.kind != PK_COND_COUNT) {
            return pk_rule_fail(c, 0, "ratio and count need 'when = count'", pk_str_make(NULL, 0));
        }
        if (raise->kind == PK_RAISE_COUNT && raise->min_count <= r->when.count) {
            return pk_rule_fail(c, 0, "the count after 'if' must be above the threshold",
                                pk_str_make(NULL, 0));
        }
    }
    return ratio_count <= 1 ? PK_OK : pk_rule_fail(c, 0, "a rule can have one ratio", pk_str_make(NULL, 0));
}

/* Quantiles are judged at a few fixed cuts of one histogram, which the group of `across` does not have. */
static int check_quantiles(struct section *s) {
    struct pk_rule *r = s->rule;
    const struct pk_rule_cond *conds[PK_COND_CONDS_MAX];
    const uint32_t count = pk_cond_all(r, conds);
    uint32_t cuts = 0;
    uint32_t raises = 0;
    for (uint32_t i = 0; i < count; i++) {
        cuts += conds[i]->kind == PK_COND_QUANTILE ? 1u : 0u;
    }
    for (uint32_t i = 0; i < r->raise_count; i++) {
        raises += r->raises[i].kind == PK_RAISE_QUANTILE ? 1u : 0u;
    }
    if (raises > 0 && r->across > 0) {
        return pk_rule_fail(cursor(s, KEY_SEVERITY), 0, "a quantile cannot escalate a rule with 'across'",
                            pk_str_make(NULL, 0));
    }
    if (raises > 1 || (cuts > 0 && cuts + raises > PK_QUANTILE_CUTS)) {
        return pk_rule_fail(cursor(s, KEY_WHEN), 0,
                            "a rule has at most three quantiles, one of them in 'severity'",
                            pk_str_make(NULL, 0));
    }
    return PK_OK;
}

/* Rules whose windows need no more than their times. */
static bool is_plain(const struct pk_rule *r) {
    const bool is_own_clear = r->clear.kind == r->when.kind && r->clear.term_first == r->when.term_first &&
                              r->clear.term_count == r->when.term_count;
    if (r->when.kind != PK_COND_COUNT && r->when.kind != PK_COND_VALUE && r->when.kind != PK_COND_ABSENT) {
        return false;
    }
    const bool is_gauge_clear =
        r->when.kind == PK_COND_COUNT && r->clear.kind == PK_COND_VALUE && r->clear.term_count == 0;
    return pk_cond_ops(r->clear.kind) == NULL || is_own_clear || is_gauge_clear;
}

/* Bytes of a window's block: the times the conditions look back at, or the states of the conditions. */
static uint32_t block_need(struct pk_rule *r) {
    if (!r->is_plain) {
        return pk_cond_lay_out(r);
    }
    if (r->when.kind != PK_COND_COUNT) {
        return 0;
    }
    const bool has_ratio = pk_rule_raise_of(r, PK_RAISE_RATIO) != NULL;
    r->ring_cap = (uint8_t)pk_rule_ring_cap(r);
    return (r->ring_cap + (has_ratio ? PK_RULE_RATIO_TIMES : 0u)) * (uint32_t)sizeof(uint32_t);
}

/* Smallest block that holds it. */
static int choose_ring(struct section *s) {
    struct pk_rule *r = s->rule;
    const uint32_t need_bytes = block_need(r);
    const uint8_t classes = r->is_plain ? PLAIN_CLASSES : PK_WINDOW_CLASSES;
    r->ring_class = PK_WINDOW_NO_RING;
    for (uint8_t i = 0; i < classes && need_bytes > 0; i++) {
        if (need_bytes <= PK_WINDOW_CLASS_TIMES[i] * sizeof(uint32_t)) {
            r->ring_class = i;
            return PK_OK;
        }
    }
    if (need_bytes == 0) {
        return PK_OK;
    }
    if (r->is_plain) {
        return pk_rule_fail(cursor(s, KEY_WHEN), 0, "with ratio, counts go up to 56", pk_str_make(NULL, 0));
    }
    char message[96];
    struct pk_buf b;
    pk_buf_init(&b, message, sizeof message);
    pk_buf_puts(&b, "these conditions need ");
    pk_buf_put_u64(&b, need_bytes);
    pk_buf_puts(&b, " bytes for each group, at most 1024 are possible");
    return pk_rule_fail(cursor(s, KEY_WHEN), 0, message, pk_str_make(NULL, 0));
}

/* Windows: one live and one for replayed events when there is no group; children and their parent for across.
 */
static int read_keys(struct section *s) {
    struct pk_rule *r = s->rule;
    uint64_t keys = r->group == PK_GROUP_ALL && r->across == 0 ? 1u : PK_LIMIT_KEYS_PER_RULE;
    const bool is_board =
        has(s, KEY_KEYS) && pk_str_eq_c(pk_str_trim(s->values[KEY_KEYS].value), "heartbeats");
    const int err = is_board ? PK_OK : read_number(s, KEY_KEYS, 1, KEYS_MAX, &keys);
    if (err != PK_OK) {
        return err;
    }
    keys = is_board ? PK_LIMIT_HEARTBEATS : keys;
    if (r->across > keys) {
        char message[96];
        struct pk_buf b;
        pk_buf_init(&b, message, sizeof message);
        pk_buf_puts(&b, "across ");
        pk_buf_put_u64(&b, r->across);
        pk_buf_puts(&b, " sources needs 'keys' of at least as many; it is ");
        pk_buf_put_u64(&b, keys);
        return pk_rule_fail(cursor(s, has(s, KEY_KEYS) ? KEY_KEYS : KEY_WHEN), 0, message,
                            pk_str_make(NULL, 0));
    }
    r->keys = (uint16_t)(keys + pk_rule_keys_beside(r));
    return PK_OK;
}

static const struct pk_rule_given *given(const struct section *s, enum key key) {
    return has(s, key) ? &s->values[key] : NULL;
}

/* What `on` and `when` say already is not said again. */
static int check_words(struct section *s) {
    static const struct {
        uint8_t key, other;
        const char *message;
    } TWICE[] = {{KEY_WHEN, KEY_THRESHOLD, "'when' says the threshold already: leave out one of them"},
                 {KEY_WHEN, KEY_WINDOW, "'when' says the time already: leave out one of them"},
                 {KEY_WHEN, KEY_RULE_TYPE, "'when' says the kind already: leave out one of them"},
                 {KEY_ON, KEY_PATTERN, "'on' says the events already: leave out one of them"},
                 {KEY_CONSECUTIVE, KEY_RUN, "'consecutive' says it already: leave out one of them"}};
    for (size_t i = 0; i < PK_COUNT_OF(TWICE); i++) {
        if (has(s, (enum key)TWICE[i].key) && has(s, (enum key)TWICE[i].other)) {
            return pk_rule_fail(cursor(s, (enum key)TWICE[i].other), 0, TWICE[i].message,
                                pk_str_make(NULL, 0));
        }
    }
    if (has(s, KEY_RULE_ID) && !pk_str_eq(s->values[KEY_RULE_ID].value, s->parser->item.section_name)) {
        return pk_rule_fail(cursor(s, KEY_RULE_ID), 0, "'{}' is not the name of the section",
                            s->values[KEY_RULE_ID].value);
    }
    if (has(s, KEY_WHEN) && has(s, KEY_RUN)) {
        s->values[KEY_CONSECUTIVE] = s->values[KEY_RUN];
        s->seen |= 1u << KEY_CONSECUTIVE;
    }
    return PK_OK;
}

/* Of a rule without `when`: where what is wrong with its condition is told. */
static void place_when(struct section *s) {
    static const uint8_t SAYS[] = {KEY_RUN,    KEY_SYSTEMS,   KEY_FILTER,   KEY_PATTERN,
                                   KEY_WINDOW, KEY_RULE_TYPE, KEY_THRESHOLD};
    for (size_t i = 0; i < PK_COUNT_OF(SAYS); i++) {
        if (has(s, (enum key)SAYS[i])) {
            s->values[KEY_WHEN] = s->values[SAYS[i]];
        }
    }
}

static int read_on_and_when(struct section *s) {
    struct pk_rule *r = s->rule;
    const bool is_alias = is_in_other_words(s);
    const struct pk_rule_alias a = {.pattern = given(s, KEY_PATTERN),
                                    .filter = given(s, KEY_FILTER),
                                    .systems = given(s, KEY_SYSTEMS),
                                    .threshold = given(s, KEY_THRESHOLD),
                                    .window = given(s, KEY_WINDOW),
                                    .rule_type = given(s, KEY_RULE_TYPE),
                                    .consecutive = is_alias ? given(s, KEY_RUN) : NULL,
                                    .file = s->parser->file,
                                    .text = s->parser->text,
                                    .diag = s->diag,
                                    .thresholds = s->parser->thresholds};
    const bool has_on = has(s, KEY_ON) || has(s, KEY_PATTERN);
    if (!is_alias && (!has_on || !has(s, KEY_WHEN))) {
        return fail_section(s, has_on ? "rule '{}' has no 'when'" : "rule '{}' has no 'on'",
                            s->parser->item.section_name);
    }
    int err = is_alias ? read_type(s) : PK_OK; /* it may say which events count */
    if (err != PK_OK) {
        return err;
    }
    err = has(s, KEY_ON) ? pk_rule_read_on(cursor(s, KEY_ON), r) : pk_rule_alias_on(&a, r);
    err = err != PK_OK ? err : pk_rule_alias_narrow(&a, r);
    if (err != PK_OK || !is_alias) {
        return err != PK_OK ? err : pk_rule_read_when(cursor(s, KEY_WHEN), r);
    }
    place_when(s);
    return pk_rule_alias_when(&a, r);
}

/* What forms cannot be combined with. */
static int check_forms(struct section *s) {
    const struct pk_rule *r = s->rule;
    const bool has_counts =
        pk_rule_raise_of(r, PK_RAISE_RATIO) != NULL || pk_rule_raise_of(r, PK_RAISE_COUNT) != NULL;
    if (has_counts && !r->is_plain) {
        return pk_rule_fail(cursor(s, KEY_SEVERITY), 0,
                            "ratio and count need 'clear' to be count, stable or never",
                            pk_str_make(NULL, 0));
    }
    if (r->when.kind == PK_COND_RATE && r->across > 0) {
        return pk_rule_fail(cursor(s, KEY_WHEN), 0, "a rate above 63 cannot be combined with 'across'",
                            pk_str_make(NULL, 0));
    }
    return PK_OK;
}

/* Only what looks at the newest value of a source asks how old that may be. */
static int read_stale(struct section *s) {
    struct pk_rule *r = s->rule;
    const struct pk_cond_ops *clear = pk_cond_ops(r->clear.kind);
    const uint8_t traits = pk_cond_traits(r) | (clear != NULL ? clear->traits : 0u);
    if (has(s, KEY_STALE) && (traits & PK_COND_NEEDS_VALUE) == 0) {
        return pk_rule_fail(cursor(s, KEY_STALE), 0,
                            "'stale' is for conditions on values: those of this rule count events",
                            pk_str_make(NULL, 0));
    }
    return read_span(s, KEY_STALE, false, &r->stale_ms);
}

static int read_conditions(struct section *s) {
    struct pk_rule *r = s->rule;
    int err = check_words(s);
    err = err != PK_OK ? err : read_on_and_when(s);
    err = err != PK_OK ? err : read_severity(s);
    err = err != PK_OK ? err : read_clear(s);
    r->is_plain = is_plain(r);
    err = err != PK_OK ? err : check_forms(s);
    err = err != PK_OK ? err : read_consecutive(s);
    err = err != PK_OK ? err : read_components(s);
    err = err != PK_OK || !has(s, KEY_CLEAR) ? err : check_clear(s, cursor(s, KEY_CLEAR));
    err = err != PK_OK ? err : check_quantiles(s);
    err = err != PK_OK ? err : choose_ring(s);
    return err != PK_OK ? err : read_keys(s);
}

static int read_rest(struct section *s) {
    struct pk_rule *r = s->rule;
    r->repeat_ms = PK_RULE_REPEAT_MS;
    r->is_enabled = true;
    int err = read_type(s);
    err = err != PK_OK ? err : read_text(s, KEY_ABOUT, TEXT_BYTES_MAX, &r->about);
    err = err != PK_OK ? err : read_text(s, KEY_TITLE, 80, &r->title);
    err = err != PK_OK ? err : read_text(s, KEY_METADATA, TEXT_BYTES_MAX, &r->metadata);
    err = err != PK_OK ? err : read_ids(s, KEY_TAGS, &r->tags);
    err = err != PK_OK ? err : read_ids(s, KEY_ALIASES, &r->aliases);
    err = err != PK_OK ? err : read_actions(s);
    err = err != PK_OK ? err : read_bool(s, KEY_AUTO, &r->is_auto);
    err = err != PK_OK ? err : read_bool(s, KEY_ENABLED, &r->is_enabled);
    err = err != PK_OK ? err : read_span(s, KEY_COOLDOWN, true, &r->cooldown_ms);
    err = err != PK_OK ? err : read_span(s, KEY_RECOVER, false, &r->recover_ms);
    err = err != PK_OK ? err : read_span(s, KEY_CHECK_INTERVAL, false, &r->repeat_ms);
    return err != PK_OK ? err : read_stale(s);
}

static int read_id(struct section *s) {
    const struct pk_ini_item *item = &s->parser->item;
    if (!pk_str_eq_c(item->section_kind, "rule")) {
        static const char *const WORDS[] = {"rule"};
        return fail_section(s,
                            pk_text_suggest(item->section_kind, WORDS, 1) != NULL
                                ? "expected [rule NAME], not [{}]; did you mean 'rule'?"
                                : "expected [rule NAME], not [{}]",
                            item->section_kind);
    }
    if (!pk_text_is_id(item->section_name, NULL, PK_RULE_ID_BYTES_MAX)) {
        return fail_section(s, "'{}' is not a rule name: 1 to 47 of A-Z a-z 0-9 _ -", item->section_name);
    }
    s->rule->id = ref_of(s->parser, item->section_name);
    s->rule->is_drill = pk_str_eq_c(item->section_name, "fire_drill");
    return PK_OK;
}

/* First item of the file: a pair before any section is nobody's. */
static int first_section(struct pk_rule_parser *p, struct pk_diag *diag) {
    if (p->is_at_section) {
        return PK_OK;
    }
    if (pk_ini_next(&p->ini, &p->item) != PK_OK) {
        return fail_reader(p, diag);
    }
    if (p->item.kind == PK_INI_PAIR) {
        pk_diag_set1(diag, p->file, p->item.line, p->item.column, "'{}' stands before the first [rule NAME]",
                     p->item.key);
        return PK_E_CONFIG;
    }
    return PK_OK;
}

/* Words for people, what is done about it, and how often it is told change nothing that was counted. */
static bool is_for_windows(enum key key) {
    static const uint32_t OTHERS = 1u << KEY_ABOUT | 1u << KEY_TITLE | 1u << KEY_TYPE | 1u << KEY_COOLDOWN |
                                   1u << KEY_ACTIONS | 1u << KEY_AUTO | 1u << KEY_ENABLED |
                                   1u << KEY_RECOVER | 1u << KEY_CHECK_INTERVAL | 1u << KEY_TAGS |
                                   1u << KEY_METADATA | 1u << KEY_ALIASES;
    return (OTHERS & 1u << key) == 0;
}

static uint64_t window_hash(const struct section *s) {
    uint64_t hash = 0;
    for (uint32_t key = 0; key < KEY_COUNT; key++) {
        if (has(s, (enum key)key) && is_for_windows((enum key)key)) {
            const struct pk_str value = s->values[key].value;
            hash = pk_hash64_mix(hash ^ key, pk_hash64(value.p, value.n));
            hash = pk_thresholds_mix(s->parser->thresholds, value, hash);
        }
    }
    return hash != 0 ? hash : 1u; /* 0 marks a rule that is another one */
}

int pk_rule_parse_next(struct pk_rule_parser *p, struct pk_rule *out, struct pk_diag *out_diag) {
    int err = first_section(p, out_diag);
    if (err != PK_OK) {
        return err;
    }
    if (p->item.kind == PK_INI_END) {
        return PK_E_NOT_FOUND;
    }
    struct section s = {
        .parser = p, .diag = out_diag, .rule = out, .line = p->item.line, .column = p->item.column};
    memset(out, 0, sizeof *out);
    out->line = p->item.line;
    const char *from = p->item.section_kind.p;
    const char *to = from;
    while (*from != '[') {
        from--;
    }
    err = read_id(&s);
    struct pk_ini_item item;
    memset(&item, 0, sizeof item);
    while (err == PK_OK) {
        if (pk_ini_next(&p->ini, &item) != PK_OK) {
            return fail_reader(p, out_diag);
        }
        if (item.kind != PK_INI_PAIR) {
            break;
        }
        err = take_pair(&s, &item);
        to = item.value.p + item.value.n;
    }
    err = err != PK_OK ? err : read_conditions(&s);
    err = err != PK_OK ? err : read_rest(&s);
    if (err != PK_OK) {
        return err;
    }
    const struct pk_str text = pk_str_make(from, (size_t)(to - from));
    out->hash = pk_thresholds_mix(p->thresholds, text, pk_hash64(text.p, text.n));
    out->window_hash = window_hash(&s);
    if (text.n > UINT16_MAX) {
        return fail_section(&s, "the text of rule '{}' is too long", p->item.section_name);
    }
    out->text = ref_of(p, text);
    p->item = item;
    p->is_at_section = true;
    return PK_OK;
}
