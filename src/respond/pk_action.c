#include "respond/pk_action.h"

#include <string.h>

#include "base/pk_assert.h"

static const char *const RISK_WORDS[PK_RISK_COUNT] = {[PK_RISK_LOW] = "low",
                                                      [PK_RISK_MEDIUM] = "medium",
                                                      [PK_RISK_HIGH] = "high",
                                                      [PK_RISK_CRITICAL] = "critical"};
static const char *const COST_WORDS[PK_COST_COUNT] = {
    [PK_COST_NONE] = "none", [PK_COST_SLOW] = "slow", [PK_COST_OUTAGE] = "outage"};

const char *pk_risk_word(uint8_t risk) {
    return risk < PK_RISK_COUNT ? RISK_WORDS[risk] : "unknown";
}

int pk_risk_parse(struct pk_str s, uint8_t *out) {
    for (uint8_t i = 0; i < PK_RISK_COUNT; i++) {
        if (pk_str_eq_nocase(s, RISK_WORDS[i])) {
            *out = i;
            return PK_OK;
        }
    }
    return PK_E_BAD_FIELD;
}

const char *pk_action_cost_word(uint8_t cost) {
    return cost < PK_COST_COUNT ? COST_WORDS[cost] : "unknown";
}

int pk_action_cost_parse(struct pk_str s, uint8_t *out) {
    for (uint8_t i = 0; i < PK_COST_COUNT; i++) {
        if (pk_str_eq_nocase(s, COST_WORDS[i])) {
            *out = i;
            return PK_OK;
        }
    }
    return PK_E_BAD_FIELD;
}

bool pk_action_target_is_valid(struct pk_str target) {
    /* `.` and `..` would be other places in a path. */
    return pk_text_is_id(target, "_.:@-", PK_ACTION_TARGET_BYTES - 1) && target.p[0] != '-' &&
           !pk_str_eq_c(target, ".") && !pk_str_eq_c(target, "..");
}

int pk_actions_find(const struct pk_action_table *t, struct pk_str name) {
    for (uint32_t i = 0; i < t->count; i++) {
        if (pk_str_eq_c(name, t->rows[i].name)) {
            return (int)i;
        }
    }
    return PK_E_NOT_FOUND;
}

struct pk_str pk_actions_for_type(const struct pk_action_table *t, struct pk_str type) {
    for (uint32_t i = 0; i < t->map_count; i++) {
        if (pk_str_eq_c(type, t->text + t->maps[i].type)) {
            return pk_str_of(t->text + t->maps[i].actions);
        }
    }
    return pk_str_make("", 0);
}

const char *pk_action_about(const struct pk_action_table *t, uint32_t index) {
    PK_ASSERT(index < t->count);
    return t->text + t->rows[index].about;
}

const char *pk_action_target(const struct pk_action_table *t, uint32_t index, uint32_t target_index) {
    PK_ASSERT(index < t->count);
    PK_ASSERT(target_index < t->rows[index].target_count);
    return t->text + t->rows[index].targets[target_index];
}

int pk_action_check_target(const struct pk_action_table *t, uint32_t index, struct pk_str target,
                           bool *out_is_critical) {
    PK_ASSERT(index < t->count);
    const struct pk_action *a = &t->rows[index];
    *out_is_critical = false;
    if (!a->is_enabled) {
        return PK_E_POLICY;
    }
    if (!a->needs_target) {
        return target.n == 0 ? PK_OK : PK_E_BAD_FIELD;
    }
    if (!pk_action_target_is_valid(target)) {
        return PK_E_BAD_FIELD;
    }
    for (uint32_t k = 0; k < a->target_count; k++) {
        if (pk_str_eq_c(target, t->text + a->targets[k])) {
            *out_is_critical = a->is_critical_target[k] != 0;
            return PK_OK;
        }
    }
    return PK_E_POLICY;
}

/* The word with {target} replaced, behind what is in *room already. NULL: no room. */
static const char *filled(struct pk_buf *room, struct pk_str word, const char *target) {
    const uint32_t at = room->n;
    while (word.n > 0) {
        const uint32_t n = pk_str_starts(word, "{target}") ? 8u : 1u;
        pk_buf_put(room, n == 8u ? target : word.p, n == 8u ? (uint32_t)strlen(target) : 1u);
        word = pk_str_make(word.p + n, word.n - n);
    }
    if (room->is_cut || room->n + 1u >= room->cap_bytes) {
        return NULL;
    }
    room->n++; /* its terminator stays */
    return room->p + at;
}

int pk_action_argv(const struct pk_action_table *t, uint32_t index, uint8_t phase, uint32_t step,
                   struct pk_action_words *words, const char *argv[PK_ACTION_ARGV_MAX]) {
    struct pk_buf room;
    PK_ASSERT(index < t->count && phase < PK_PHASE_COUNT);
    pk_buf_init(&room, words->room, sizeof words->room);
    const struct pk_action *a = &t->rows[index];
    if (step >= a->step_count[phase]) {
        return PK_E_NOT_FOUND;
    }
    const struct pk_action_step *s = &a->steps[phase][step];
    const char *word = t->text + s->at;
    PK_ASSERT(s->argc > 0 && s->argc < PK_ACTION_ARGV_MAX);
    for (uint32_t k = 0; k < s->argc; k++) {
        argv[k] = word;
        if (strcmp(word, "{target}") == 0) {
            argv[k] = words->target;
        } else if (strcmp(word, "{snapshot}") == 0) {
            argv[k] = words->snapshot;
        } else if (strstr(word, "{target}") != NULL) {
            argv[k] = filled(&room, pk_str_of(word), words->target);
        }
        if (argv[k] == NULL) {
            return PK_E_TOO_BIG;
        }
        word += strlen(word) + 1u;
    }
    argv[s->argc] = NULL;
    return (int)s->argc;
}

int pk_action_snapshot_path(const char *state_dir, const char *name, const char *target,
                            char out[PK_ACTION_SNAPSHOT_BYTES]) {
    struct pk_buf b;
    pk_buf_init(&b, out, PK_ACTION_SNAPSHOT_BYTES);
    pk_buf_puts(&b, state_dir);
    pk_buf_puts(&b, "/supervisor/undo.");
    pk_buf_puts(&b, name);
    pk_buf_puts(&b, target[0] != '\0' ? "@" : "");
    pk_buf_puts(&b, target);
    return b.is_cut ? PK_E_TOO_BIG : PK_OK;
}

void pk_action_undo_name(const char *name, char out[PK_ACTION_NAME_BYTES + 8]) {
    struct pk_buf b;
    pk_buf_init(&b, out, PK_ACTION_NAME_BYTES + 8);
    pk_buf_puts(&b, "undo:");
    pk_buf_puts(&b, name);
}
