#include "respond/pk_action_parse.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_bytes.h"
#include "base/pk_hash.h"
#include "base/pk_zero.h"

enum {
    TIMEOUT_DEFAULT_MS = 30000,
    COOLDOWN_DEFAULT_MS = 300000,
    VERIFY_DEFAULT_MS = 30000,
    PER_HOUR_DEFAULT = 3,
    PER_HOUR_MAX = 60,
    TIMEOUT_MAX_MS = 3600000,
    COOLDOWN_MAX_MS = 86400000,
    VERIFY_MAX_MS = 3600000,
    ABOUT_BYTES_MAX = 120,
    TYPE_BYTES_MAX = 39
};

enum action_key {
    KEY_ABOUT,
    KEY_RISK,
    KEY_COST,
    KEY_ENABLED,
    KEY_READ_ONLY,
    KEY_IDEMPOTENT,
    KEY_DAEMON,
    KEY_ASK_IN_SAFE_MODE,
    KEY_ARGV,
    KEY_VERIFY,
    KEY_SNAPSHOT,
    KEY_UNDO,
    KEY_VERIFY_WITHIN,
    KEY_CONFIRM_WITHIN,
    KEY_TARGETS,
    KEY_CRITICAL_TARGETS,
    KEY_TIMEOUT,
    KEY_COOLDOWN,
    KEY_PER_HOUR,
    KEY_COUNT
};
static const char *const KEY_WORDS[KEY_COUNT] = {[KEY_ABOUT] = "about",
                                                 [KEY_RISK] = "risk",
                                                 [KEY_COST] = "cost",
                                                 [KEY_ENABLED] = "enabled",
                                                 [KEY_READ_ONLY] = "read_only",
                                                 [KEY_IDEMPOTENT] = "idempotent",
                                                 [KEY_DAEMON] = "daemon",
                                                 [KEY_ASK_IN_SAFE_MODE] = "ask_in_safe_mode",
                                                 [KEY_ARGV] = "argv",
                                                 [KEY_VERIFY] = "verify",
                                                 [KEY_SNAPSHOT] = "snapshot",
                                                 [KEY_UNDO] = "undo",
                                                 [KEY_VERIFY_WITHIN] = "verify_within",
                                                 [KEY_CONFIRM_WITHIN] = "confirm_within",
                                                 [KEY_TARGETS] = "targets",
                                                 [KEY_CRITICAL_TARGETS] = "critical_targets",
                                                 [KEY_TIMEOUT] = "timeout",
                                                 [KEY_COOLDOWN] = "cooldown",
                                                 [KEY_PER_HOUR] = "per_hour"};

/* Asked about in every mode while safe_mode is on (REQUIREMENTS A.0), unless the row says otherwise. */
static const char *const SAFE_MODE_ASKS[] = {"kill_queries", "rollback_deployment"};

struct parse {
    struct pk_action_table *t;
    const char *file;
    struct pk_diag *diag;
    struct pk_action *row;     /* of the open section; NULL before the first */
    struct pk_action_map *map; /* the same of an [incident TYPE] */
    uint32_t seen;             /* keys of the section, a bit each */
    const struct pk_ini_item *item;
};

static int fail_at_value(struct parse *p, const char *message, struct pk_str argument) {
    pk_diag_set1(p->diag, p->file, p->item->value_line, p->item->value_column, message, argument);
    return PK_E_CONFIG;
}

static int fail_at_key(struct parse *p, const char *message, struct pk_str argument) {
    pk_diag_set1(p->diag, p->file, p->item->line, p->item->column, message, argument);
    return PK_E_CONFIG;
}

/* Copies text into the table, terminated. */
static int keep_text(struct parse *p, struct pk_str s, uint16_t *out_at) {
    struct pk_action_table *t = p->t;
    if (s.n >= sizeof t->text - t->text_used) {
        return fail_at_value(
            p, "the actions have more text than this board keeps (PK_LIMIT_ACTION_TEXT_BYTES)", s);
    }
    *out_at = (uint16_t)t->text_used;
    memcpy(t->text + t->text_used, s.p, s.n);
    t->text[t->text_used + s.n] = '\0';
    t->text_used += s.n + 1u;
    return PK_OK;
}

/* Next word of a value, split at blanks and line breaks. */
static bool next_word(struct pk_str *rest, struct pk_str *out) {
    while (rest->n > 0 && pk_is_space(rest->p[0])) {
        rest->p++;
        rest->n--;
    }
    uint32_t n = 0;
    while (n < rest->n && !pk_is_space(rest->p[n])) {
        n++;
    }
    *out = (struct pk_str){rest->p, n};
    rest->p += n;
    rest->n -= n;
    return n > 0;
}

static int check_word(struct parse *p, struct pk_str word, uint32_t index) {
    bool has_target = false;
    for (uint32_t i = 0; i < word.n; i++) {
        if (pk_str_starts((struct pk_str){word.p + i, word.n - i}, "{snapshot}") &&
            !pk_str_eq_c(word, "{snapshot}")) {
            return fail_at_value(p, "{snapshot} is a word of its own: {}", word);
        }
        has_target |= pk_str_starts((struct pk_str){word.p + i, word.n - i}, "{target}");
        if (word.p[i] == '"' || word.p[i] == '\'') {
            return fail_at_value(p, "no quotes: there is no shell, words are split at blanks: {}", word);
        }
    }
    if (index == 0 && word.p[0] != '/') {
        return fail_at_value(p, "the program must be an absolute path: {}", word);
    }
    if (index == 0 && has_target) {
        return fail_at_value(p, "the program itself is no place for {target}", word);
    }
    return PK_OK;
}

/* What the word takes of pk_action_words.room with the longest target in it. */
static uint32_t room_bytes(struct pk_str word) {
    enum { MARK_BYTES = 8 };
    uint32_t n = 0;
    for (uint32_t i = 0; i < word.n; i++) {
        n += pk_str_starts(pk_str_make(word.p + i, word.n - i), "{target}")
                 ? PK_ACTION_TARGET_BYTES - 1u - MARK_BYTES
                 : 0u;
    }
    return n == 0 || word.n == MARK_BYTES ? 0u : word.n + n + 2u;
}

static int add_step(struct parse *p, struct pk_str value, uint8_t phase) {
    struct pk_action *row = p->row;
    struct pk_str word;
    uint32_t used_bytes = 0;
    struct pk_action_step step = {0};
    if (row->step_count[phase] == PK_ACTION_STEPS) {
        return fail_at_key(p, "more than 4 lines of {}", p->item->key);
    }
    while (next_word(&value, &word)) {
        uint16_t at = 0;
        if (step.argc + 1u == PK_ACTION_ARGV_MAX) {
            return fail_at_value(p, "more than 23 words: {}", word);
        }
        if (check_word(p, word, step.argc) != PK_OK || keep_text(p, word, &at) != PK_OK) {
            return PK_E_CONFIG;
        }
        used_bytes += room_bytes(word);
        if (used_bytes > PK_ACTION_ROOM_BYTES) {
            return fail_at_value(p, "too long with a target in it: {}", word);
        }
        step.at = step.argc == 0 ? at : step.at;
        step.argc++;
    }
    if (step.argc == 0) {
        return fail_at_value(p, "{} needs a program", p->item->key);
    }
    row->steps[phase][row->step_count[phase]++] = step;
    return PK_OK;
}

static int set_steps(struct parse *p, struct pk_str value, uint8_t phase, bool is_first) {
    p->row->step_count[phase] = is_first ? 0 : p->row->step_count[phase];
    return add_step(p, value, phase);
}

static int set_verify(struct parse *p, struct pk_str value, bool is_first) {
    if (is_first) {
        p->row->verifies_by_clear = false;
        p->row->step_count[PK_PHASE_VERIFY] = 0;
    }
    if (!pk_str_eq_c(value, "clear")) {
        return p->row->verifies_by_clear ? fail_at_value(p, "verify is `clear` or programs, not both", value)
                                         : add_step(p, value, PK_PHASE_VERIFY);
    }
    if (!is_first) {
        return fail_at_value(p, "verify is `clear` or programs, not both", value);
    }
    p->row->verifies_by_clear = true;
    return PK_OK;
}

/* The allow-list is both keys together; each replaces what it said before. */
static int set_targets(struct parse *p, struct pk_str value, bool is_critical) {
    struct pk_action *row = p->row;
    struct pk_str piece;
    uint16_t kept = 0;
    for (uint16_t k = 0; k < row->target_count; k++) {
        if ((row->is_critical_target[k] != 0) != is_critical) {
            row->targets[kept] = row->targets[k];
            row->is_critical_target[kept] = row->is_critical_target[k];
            kept++;
        }
    }
    row->target_count = kept;
    while (pk_str_split(&value, ',', &piece)) {
        uint16_t at = 0;
        piece = pk_str_trim(piece);
        if (piece.n == 0) {
            continue;
        }
        if (!pk_action_target_is_valid(piece)) {
            return fail_at_value(
                p, "a target is 1 to 63 of A-Z a-z 0-9 _ . : @ - and does not start with '-': {}", piece);
        }
        for (uint16_t k = 0; k < row->target_count; k++) {
            if (pk_str_eq_c(piece, p->t->text + row->targets[k])) {
                return fail_at_value(p, "target is named twice: {}", piece);
            }
        }
        if (row->target_count == PK_LIMIT_ACTION_TARGETS) {
            return fail_at_value(p, "more targets than this board keeps (PK_LIMIT_ACTION_TARGETS): {}",
                                 piece);
        }
        if (keep_text(p, piece, &at) != PK_OK) {
            return PK_E_CONFIG;
        }
        row->targets[row->target_count] = at;
        row->is_critical_target[row->target_count++] = is_critical ? 1 : 0;
    }
    return PK_OK;
}

static int set_duration(struct parse *p, struct pk_str value, uint32_t min_ms, uint32_t max_ms,
                        uint32_t *out) {
    uint64_t ms = 0;
    if (pk_parse_duration_ms(value, &ms) != PK_OK) {
        return fail_at_value(p, "not a duration (30s, 5m, 1h): {}", value);
    }
    if (ms < min_ms || ms > max_ms) {
        return fail_at_value(p, "out of range: {}", value);
    }
    *out = (uint32_t)ms;
    return PK_OK;
}

static int set_bool(struct parse *p, struct pk_str value, bool *out) {
    return pk_parse_bool(value, out) == PK_OK ? PK_OK : fail_at_value(p, "not yes or no: {}", value);
}

static int set_per_hour(struct parse *p, struct pk_str value) {
    uint64_t v = 0;
    if (pk_parse_u64(value, &v) != PK_OK || v < 1 || v > PER_HOUR_MAX) {
        return fail_at_value(p, "per_hour is 1 to 60: {}", value);
    }
    p->row->per_hour = (uint16_t)v;
    return PK_OK;
}

static int set_about(struct parse *p, struct pk_str value) {
    if (value.n > ABOUT_BYTES_MAX) {
        return fail_at_value(p, "about is longer than 120 bytes", value);
    }
    return keep_text(p, value, &p->row->about);
}

static int set_key(struct parse *p, enum action_key key, struct pk_str v, bool is_first) {
    struct pk_action *row = p->row;
    switch (key) {
    case KEY_ABOUT:
        return set_about(p, v);
    case KEY_RISK:
        return pk_risk_parse(v, &row->risk) == PK_OK
                   ? PK_OK
                   : fail_at_value(p, "risk is low, medium, high or critical: {}", v);
    case KEY_COST:
        return pk_action_cost_parse(v, &row->cost) == PK_OK
                   ? PK_OK
                   : fail_at_value(p, "cost is none, slow or outage: {}", v);
    case KEY_ENABLED:
        return set_bool(p, v, &row->is_enabled);
    case KEY_READ_ONLY:
        return set_bool(p, v, &row->is_read_only);
    case KEY_IDEMPOTENT:
        return set_bool(p, v, &row->is_idempotent);
    case KEY_DAEMON:
        return set_bool(p, v, &row->leaves_children);
    case KEY_ASK_IN_SAFE_MODE:
        return set_bool(p, v, &row->asks_in_safe_mode);
    case KEY_ARGV:
        return set_steps(p, v, PK_PHASE_ACT, is_first);
    case KEY_SNAPSHOT:
        return set_steps(p, v, PK_PHASE_SNAPSHOT, is_first);
    case KEY_UNDO:
        return set_steps(p, v, PK_PHASE_UNDO, is_first);
    case KEY_VERIFY:
        return set_verify(p, v, is_first);
    case KEY_VERIFY_WITHIN:
        return set_duration(p, v, 1000, VERIFY_MAX_MS, &row->verify_within_ms);
    case KEY_CONFIRM_WITHIN:
        return set_duration(p, v, 1000, VERIFY_MAX_MS, &row->confirm_within_ms);
    case KEY_TARGETS:
        return set_targets(p, v, false);
    case KEY_CRITICAL_TARGETS:
        return set_targets(p, v, true);
    case KEY_TIMEOUT:
        return set_duration(p, v, 1000, TIMEOUT_MAX_MS, &row->timeout_ms);
    case KEY_COOLDOWN:
        return set_duration(p, v, 0, COOLDOWN_MAX_MS, &row->cooldown_ms);
    case KEY_PER_HOUR:
        return set_per_hour(p, v);
    case KEY_COUNT:
        break;
    }
    return PK_E_CONFIG;
}

static int unknown_key(struct parse *p) {
    const char *closest = pk_text_suggest(p->item->key, KEY_WORDS, PK_COUNT_OF(KEY_WORDS));
    char message[96];
    struct pk_buf b;
    pk_buf_init(&b, message, sizeof message);
    pk_buf_puts(&b, "unknown key {}");
    if (closest != NULL) {
        pk_buf_puts(&b, "; did you mean ");
        pk_buf_puts(&b, closest);
        pk_buf_putc(&b, '?');
    }
    return fail_at_key(p, message, p->item->key);
}

/* Whether there are such actions is known when all files are read. */
static int take_map(struct parse *p) {
    struct pk_str rest = p->item->value, piece;
    uint32_t count = 0;
    if (!pk_str_eq_c(p->item->key, "actions")) {
        return fail_at_key(p, "unknown key {}; [incident TYPE] has actions only", p->item->key);
    }
    if (p->map->actions != 0) {
        return fail_at_key(p, "key is given twice: {}", p->item->key);
    }
    while (pk_str_split(&rest, ',', &piece)) {
        piece = pk_str_trim(piece);
        if (!pk_text_is_id(piece, "", PK_ACTION_NAME_BYTES - 1)) {
            return fail_at_value(p, "not the name of an action: {}", piece);
        }
        if (++count > PK_ACTION_PER_TYPE) {
            return fail_at_value(p, "more than 6 actions: {}", piece);
        }
    }
    if (p->item->value.n > PK_ACTION_PER_TYPE * (PK_ACTION_NAME_BYTES + 1u)) {
        return fail_at_value(p, "too many blanks: {}", piece);
    }
    return keep_text(p, p->item->value, &p->map->actions);
}

static int take_pair(struct parse *p) {
    const struct pk_ini_item *item = p->item;
    if (p->map != NULL) {
        return take_map(p);
    }
    if (p->row == NULL) {
        return fail_at_key(p, "key before the first [action NAME]: {}", item->key);
    }
    for (unsigned k = 0; k < KEY_COUNT; k++) {
        if (!pk_str_eq_c(item->key, KEY_WORDS[k])) {
            continue;
        }
        const bool is_first = (p->seen >> k & 1u) == 0;
        const bool is_list = k == KEY_ARGV || k == KEY_VERIFY || k == KEY_SNAPSHOT || k == KEY_UNDO;
        if (!is_first && !is_list) {
            return fail_at_key(p, "key is given twice: {}", item->key);
        }
        p->seen |= 1u << k;
        return set_key(p, (enum action_key)k, item->value, is_first);
    }
    return unknown_key(p);
}

static int new_row(struct parse *p, struct pk_str name) {
    struct pk_action_table *t = p->t;
    if (t->count == PK_LIMIT_ACTIONS) {
        return fail_at_key(p, "more actions than this board keeps (PK_LIMIT_ACTIONS): {}", name);
    }
    struct pk_action *row = &t->rows[t->count];
    *row = (struct pk_action){.is_enabled = true,
                              .risk = PK_RISK_HIGH, /* a row that does not say is asked about */
                              .cost = PK_COST_SLOW,
                              .per_hour = PER_HOUR_DEFAULT,
                              .timeout_ms = TIMEOUT_DEFAULT_MS,
                              .cooldown_ms = COOLDOWN_DEFAULT_MS};
    pk_str_copy_cut(name, row->name, sizeof row->name);
    for (size_t k = 0; k < PK_COUNT_OF(SAFE_MODE_ASKS); k++) {
        row->asks_in_safe_mode |= pk_str_eq_c(name, SAFE_MODE_ASKS[k]);
    }
    t->count++;
    p->row = row;
    return PK_OK;
}

/* A later file replaces what an earlier one says of a type. */
static int open_map(struct parse *p) {
    const struct pk_str type = p->item->section_name;
    struct pk_action_table *t = p->t;
    uint32_t i = 0;
    if (!pk_text_is_id(type, "", TYPE_BYTES_MAX)) {
        return fail_at_key(p, "not an incident type: {}", type);
    }
    while (i < t->map_count && !pk_str_eq_c(type, t->text + t->maps[i].type)) {
        i++;
    }
    if (i < t->map_count && t->maps[i].file == t->file_number) {
        return fail_at_key(p, "incident type is there twice: {}", type);
    }
    if (i == PK_ACTION_MAPS) {
        return fail_at_key(p, "more incident types than are kept (32): {}", type);
    }
    if (i == t->map_count && keep_text(p, type, &t->maps[i].type) != PK_OK) {
        return PK_E_CONFIG;
    }
    t->map_count += i == t->map_count ? 1u : 0u;
    t->maps[i].actions = 0;
    t->maps[i].file = (uint16_t)t->file_number;
    p->map = &t->maps[i];
    p->row = NULL;
    return PK_OK;
}

static int take_section(struct parse *p) {
    const struct pk_ini_item *item = p->item;
    struct pk_action_table *t = p->t;
    if (pk_str_eq_c(item->section_kind, "incident")) {
        return open_map(p);
    }
    p->map = NULL;
    if (!pk_str_eq_c(item->section_kind, "action")) {
        return fail_at_key(p, "unknown section {}; this file has [action NAME] and [incident TYPE] only",
                           item->section_kind);
    }
    if (!pk_text_is_id(item->section_name, "", PK_ACTION_NAME_BYTES - 1)) {
        return fail_at_key(p, "an action's name is 1 to 32 of A-Z a-z 0-9 _ -: {}", item->section_name);
    }
    const int index = pk_actions_find(t, item->section_name);
    if (index >= 0 && t->row_file[index] == t->file_number) {
        return fail_at_key(p, "action is there twice: {}", item->section_name);
    }
    if (index < 0 && new_row(p, item->section_name) != PK_OK) {
        return PK_E_CONFIG;
    }
    p->row = index >= 0 ? &t->rows[index] : p->row;
    p->row->line = item->line;
    t->row_file[p->row - t->rows] = t->file_number;
    p->seen = 0;
    return PK_OK;
}

void pk_actions_init(struct pk_action_table *t) {
    pk_zero(t, sizeof *t);
    t->text_used = 1; /* offset 0 is the empty text */
}

int pk_actions_parse(struct pk_action_table *t, struct pk_str text, const char *file, struct pk_diag *diag) {
    struct pk_ini_reader r;
    struct pk_ini_item item;
    struct parse p = {.t = t, .file = file, .diag = diag, .item = &item};
    t->file_number++;
    pk_ini_init(&r, text.p, text.n);
    for (;;) {
        if (pk_ini_next(&r, &item) != PK_OK) {
            pk_diag_set(diag, file, r.error_line, r.error_column, r.error);
            return PK_E_CONFIG;
        }
        if (item.kind == PK_INI_END) {
            return PK_OK;
        }
        const int err = item.kind == PK_INI_SECTION ? take_section(&p) : take_pair(&p);
        if (err != PK_OK) {
            return err;
        }
    }
}

/* -- the whole table -- */
static bool steps_have(const struct pk_action_table *t, const struct pk_action *row, const char *what) {
    for (uint8_t phase = 0; phase < PK_PHASE_COUNT; phase++) {
        for (uint32_t k = 0; k < row->step_count[phase]; k++) {
            const char *word = t->text + row->steps[phase][k].at;
            for (uint32_t n = 0; n < row->steps[phase][k].argc; n++) {
                if (strstr(word, what) != NULL) {
                    return true;
                }
                word += strlen(word) + 1u;
            }
        }
    }
    return false;
}

static const char *row_fault(const struct pk_action_table *t, const struct pk_action *row) {
    const bool has_verify = row->step_count[PK_PHASE_VERIFY] > 0 || row->verifies_by_clear;
    if (row->step_count[PK_PHASE_ACT] == 0) {
        return "action has no argv: {}";
    }
    if (row->verify_within_ms != 0 && !has_verify) {
        return "verify_within without verify: {}";
    }
    if (row->target_count > 0 && !row->needs_target) {
        return "targets are listed, but no line of argv or verify has {target}";
    }
    if (row->confirm_within_ms != 0 && row->step_count[PK_PHASE_UNDO] == 0) {
        return "confirm_within without undo: {}";
    }
    if (row->step_count[PK_PHASE_SNAPSHOT] > 0 && row->step_count[PK_PHASE_UNDO] == 0) {
        return "snapshot without undo: {}";
    }
    if (row->step_count[PK_PHASE_SNAPSHOT] == 0 && steps_have(t, row, "{snapshot}")) {
        return "{snapshot} is used, but no snapshot line makes one";
    }
    return NULL;
}

static void put_row(struct pk_writer *w, const struct pk_action *row) {
    pk_put_text(w, pk_str_of(row->name));
    pk_put_u8(w, row->risk);
    pk_put_u8(w, (uint8_t)((row->is_enabled ? 1u : 0u) | (row->is_read_only ? 2u : 0u) |
                           (row->is_idempotent ? 4u : 0u) | (row->leaves_children ? 8u : 0u) |
                           (row->asks_in_safe_mode ? 16u : 0u) | (row->verifies_by_clear ? 32u : 0u)));
    pk_put_u16(w, row->per_hour);
    pk_put_u32(w, row->timeout_ms);
    pk_put_u32(w, row->cooldown_ms);
    pk_put_u32(w, row->verify_within_ms);
    pk_put_u32(w, row->confirm_within_ms);
}

static uint32_t crc_of_row(const struct pk_action_table *t, const struct pk_action *row, uint32_t crc) {
    uint8_t head[96];
    struct pk_writer w;
    pk_writer_init(&w, head, sizeof head);
    put_row(&w, row);
    PK_ASSERT(!w.is_full);
    crc = pk_crc32c(crc, head, w.n);
    for (uint8_t phase = 0; phase < PK_PHASE_COUNT; phase++) {
        for (uint32_t k = 0; k < row->step_count[phase]; k++) {
            const char *word = t->text + row->steps[phase][k].at;
            crc = pk_crc32c(crc, &phase, 1);
            for (uint32_t n = 0; n < row->steps[phase][k].argc; n++) {
                crc = pk_crc32c(crc, word, strlen(word) + 1u);
                word += strlen(word) + 1u;
            }
        }
    }
    for (uint32_t k = 0; k < row->target_count; k++) {
        const char *target = t->text + row->targets[k];
        crc = pk_crc32c(crc, target, strlen(target) + 1u);
        crc = pk_crc32c(crc, &row->is_critical_target[k], 1);
    }
    return crc;
}

/* A name that is that of no row. */
static bool find_stray(const struct pk_action_table *t, struct pk_str *out) {
    for (uint32_t i = 0; i < t->map_count; i++) {
        struct pk_str rest = pk_str_of(t->text + t->maps[i].actions);
        while (rest.n > 0 && pk_str_split(&rest, ',', out)) {
            *out = pk_str_trim(*out);
            if (pk_actions_find(t, *out) < 0) {
                return true;
            }
        }
    }
    return false;
}

int pk_actions_finish(struct pk_action_table *t, const char *file, struct pk_diag *diag) {
    uint32_t crc = 0;
    struct pk_str stray;
    if (find_stray(t, &stray)) {
        pk_diag_set1(diag, file, 1, 1, "an [incident TYPE] names an action there is not: {}", stray);
        return PK_E_CONFIG;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        struct pk_action *row = &t->rows[i];
        row->needs_target = steps_have(t, row, "{target}");
        const char *fault = row_fault(t, row);
        if (fault != NULL) {
            pk_diag_set1(diag, file, row->line, 1, fault, pk_str_of(row->name));
            return PK_E_CONFIG;
        }
        if (row->verify_within_ms == 0 && (row->step_count[PK_PHASE_VERIFY] > 0 || row->verifies_by_clear)) {
            row->verify_within_ms = VERIFY_DEFAULT_MS;
        }
        crc = crc_of_row(t, row, crc);
    }
    t->crc = crc;
    return PK_OK;
}
