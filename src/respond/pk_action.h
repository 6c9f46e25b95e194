#ifndef PK_ACTION_H
#define PK_ACTION_H
/* The action table, read from actions.conf by agent and supervisor alike: both hold the same rows in the same
 * order, and the frame between them names a row by its index. Uses base only. Grammar and every key:
 * config/actions.conf.
 *
 * A later file changes rows key by key: a key it names replaces the earlier value whole (all argv lines, all
 * targets), the rest stays. */
#include "base/pk_ini.h"
#include "pk_limits.h"

enum pk_risk { PK_RISK_LOW, PK_RISK_MEDIUM, PK_RISK_HIGH, PK_RISK_CRITICAL, PK_RISK_COUNT };
/* What running it costs the users of the machine. */
enum pk_action_cost { PK_COST_NONE, PK_COST_SLOW, PK_COST_OUTAGE, PK_COST_COUNT };
enum pk_action_phase {
    PK_PHASE_ACT, /* same values as enum pk_ipc_phase */
    PK_PHASE_VERIFY,
    PK_PHASE_SNAPSHOT, /* runs before ACT, as part of it */
    PK_PHASE_UNDO,
    PK_PHASE_COUNT
};

enum {
    PK_UNDO_TRIES = 3,       /* of an undo that fails: what made it fail may pass */
    PK_UNDO_PAUSE_MS = 3000, /* before the second try; doubles */
    PK_UNDO_PAUSES_MS = PK_UNDO_PAUSE_MS * ((1 << (PK_UNDO_TRIES - 1)) - 1), /* all of them */
    PK_ACTION_NAME_BYTES = 33,
    PK_ACTION_TARGET_BYTES = 64, /* [A-Za-z0-9_.:@-]{1,63}, never starting with '-', and the terminator: fits
                                    PK_IPC_TARGET_BYTES */
    PK_ACTION_MAPS = 32,         /* [incident TYPE] sections: one for each shipped type, and some */
    PK_ACTION_PER_TYPE = 6,      /* as many as a plan holds */
    PK_ACTION_STEPS = 4,         /* argv lines of a phase */
    PK_ACTION_ARGV_MAX = 24,     /* words of a line and the NULL; PK_ARGV_MAX of port.h */
    PK_ACTION_ROOM_BYTES = 512,  /* words of a line that hold the target, terminated */
    PK_ACTION_SNAPSHOT_BYTES = 288
};

struct pk_action_step {
    uint16_t at; /* offset in text of its first word; words follow each other, each terminated */
    uint16_t argc;
};

struct pk_action {
    char name[PK_ACTION_NAME_BYTES];
    uint8_t risk, cost; /* enums above */
    bool is_enabled;
    bool is_read_only;  /* changes nothing: never moves an incident's status, needs no cooldown to be safe */
    bool is_idempotent; /* may be started again after a crash */
    bool leaves_children;   /* starts a daemon: see port.h pk_exec_request */
    bool asks_in_safe_mode; /* `safe_mode = yes` in picketd.conf makes it ask in every mode */
    bool verifies_by_clear; /* verify = clear: the rule's clear condition must come within verify_within */
    bool needs_target;      /* some step has {target} */
    uint8_t step_count[PK_PHASE_COUNT];
    struct pk_action_step steps[PK_PHASE_COUNT][PK_ACTION_STEPS];
    uint16_t target_count;
    uint16_t targets[PK_LIMIT_ACTION_TARGETS];           /* offsets in text */
    uint8_t is_critical_target[PK_LIMIT_ACTION_TARGETS]; /* named in critical_targets */
    uint16_t about;                                      /* offset in text; "" when none was given */
    uint16_t per_hour;                                   /* starts per target and hour, 1..60 */
    uint32_t timeout_ms, cooldown_ms, verify_within_ms;
    uint32_t confirm_within_ms; /* undone unless it proves itself or somebody confirms it; 0 = it stays */
    uint32_t line;              /* of its [action] header in the last file that named it */
};

/* Which actions an incident of a type is to get when its rule names none. */
struct pk_action_map {
    uint16_t type, actions; /* offsets in text; actions: names, separated by commas */
    uint16_t file;          /* as row_file */
};

struct pk_action_table {
    uint32_t count, map_count;
    uint32_t crc; /* CRC-32C of what the rows say; set by pk_actions_finish */
    uint32_t text_used;
    uint32_t file_number; /* files read so far: a row twice in one file is an error */
    uint32_t row_file[PK_LIMIT_ACTIONS];
    struct pk_action rows[PK_LIMIT_ACTIONS];
    struct pk_action_map maps[PK_ACTION_MAPS];
    char text[PK_LIMIT_ACTION_TEXT_BYTES];
};
_Static_assert(PK_LIMIT_ACTION_TEXT_BYTES <= 65536u, "offsets are 16 bits");

/* Index >= 0 or PK_E_NOT_FOUND. A disabled row is found. */
int pk_actions_find(const struct pk_action_table *t, struct pk_str name);
/* The names for incidents of this type, separated by commas; empty when the file says nothing of it. */
struct pk_str pk_actions_for_type(const struct pk_action_table *t, struct pk_str type);
const char *pk_action_about(const struct pk_action_table *t, uint32_t index);
const char *pk_action_target(const struct pk_action_table *t, uint32_t index, uint32_t target_index);
/* May the row run on this target? PK_OK and *out_is_critical; PK_E_BAD_FIELD (form; or a target for a row
 * that takes none, or none for one that needs it); PK_E_POLICY (not on the allow-list, or the row is
 * disabled). */
PK_MUST_USE int pk_action_check_target(const struct pk_action_table *t, uint32_t index, struct pk_str target,
                                       bool *out_is_critical);
/* What a line is filled with; kept by reference, target must be checked before. */
struct pk_action_words {
    const char *target, *snapshot;
    char room[PK_ACTION_ROOM_BYTES]; /* of the words that have the target in the middle */
};
/* Fills argv with pointers into the table and into *words. Words, PK_E_NOT_FOUND when the phase has no such
 * step, PK_E_TOO_BIG when room does not hold them. argv is NULL-terminated. */
PK_MUST_USE int pk_action_argv(const struct pk_action_table *t, uint32_t index, uint8_t phase, uint32_t step,
                               struct pk_action_words *words, const char *argv[PK_ACTION_ARGV_MAX]);
/* Where the row keeps what it must remember of this target: `undo.NAME` or `undo.NAME@TARGET` in root's own
 * folder below the state folder. PK_OK or PK_E_TOO_BIG. */
PK_MUST_USE int pk_action_snapshot_path(const char *state_dir, const char *name, const char *target,
                                        char out[PK_ACTION_SNAPSHOT_BYTES]);
/* Under which name undoing is counted: apart from the action, whose cooldown would be in its way. */
void pk_action_undo_name(const char *name, char out[PK_ACTION_NAME_BYTES + 8]);
bool pk_action_target_is_valid(struct pk_str target);

const char *pk_risk_word(uint8_t risk);
PK_MUST_USE int pk_risk_parse(struct pk_str s, uint8_t *out);
const char *pk_action_cost_word(uint8_t cost);
PK_MUST_USE int pk_action_cost_parse(struct pk_str s, uint8_t *out);
#endif
