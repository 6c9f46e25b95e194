#ifndef PK_ENGINE_H
#define PK_ENGINE_H
/* Events in, findings out (DESIGN 7, 8). An event finds its rules in one look-up; time does the rest through
 * one timer wheel. No memory but this struct, no clock but the argument. Read findings after each call of
 * event and tick: tick stops early while the queue is full, and is due again at once.
 *
 *     pk_engine_init(&e, &world, now);
 *     if (pk_engine_load(&e, &PK_SHIPPED_RULES, files, n, now, &diag) != PK_OK) { report(&diag); keep the old
 * rules } every tick: pk_engine_tick(&e, now); for each event: pk_history_put(...); pk_engine_event(&e,
 * &event, now); while (pk_engine_next_finding(&e, &f)) { ... } sleep until pk_engine_next_ms(&e)
 */
#include "base/pk_bitset.h"
#include "base/pk_wheel.h"
#include "detect/pk_ruleset.h"
#include "detect/pk_window.h"
#include "event/pk_history.h"
#include "event/pk_intern.h"
#include "event/pk_textring.h"

enum pk_finding_kind {
    PK_FINDING_FIRE,    /* the condition holds: open an incident, or join the open one of this fingerprint */
    PK_FINDING_RAISED,  /* the escalation clause came true: severity is the new one */
    PK_FINDING_STILL,   /* it goes on; at most one each check_interval for a group */
    PK_FINDING_CLEARED, /* the clear condition held for long enough */
    PK_FINDING_KIND_COUNT
};
const char *pk_finding_kind_word(enum pk_finding_kind k); /* "fire" "raised" "still" "cleared" */

enum {
    PK_FINDING_EVENTS = 8,
    PK_FINDING_COMPONENTS = 8,
    PK_FINDING_GROUP_BYTES = 65,
    PK_FINDING_WORDS_BYTES = 120
};

struct pk_finding {
    uint64_t at_ms;          /* boot-time clock */
    uint64_t first_event_ms; /* receive time of the first contributing event (the start of the silence for
                                absence) */
    uint64_t key;            /* group, for pk_engine_release */
    double value;            /* last value seen, when has_value */
    uint32_t event_count;    /* contributing events since the firing began */
    uint32_t event_numbers[PK_FINDING_EVENTS];  /* n of event ids of this boot, oldest first; the first one is
                                                   the earliest known */
    uint16_t components[PK_FINDING_COMPONENTS]; /* source ids, each once */
    uint16_t rule_index;
    uint8_t kind;     /* enum pk_finding_kind */
    uint8_t severity; /* enum pk_severity */
    uint8_t event_number_count, component_count;
    bool has_value, is_replayed, is_drill;
    bool was_put_off; /* fired before while the condition held, as severe, and found no room */
    char group_key[PK_FINDING_GROUP_BYTES]; /* source name, correlation id or field value; "" for a rule
                                               without group */
    char words[PK_FINDING_WORDS_BYTES];     /* "12 events in 5m, threshold 10" */
};

enum pk_rule_state {
    PK_RULE_DISABLED,
    PK_RULE_UNKNOWN,
    PK_RULE_OK,
    PK_RULE_PENDING,
    PK_RULE_FIRING,
    PK_RULE_FAULT,
    PK_RULE_STATE_COUNT
};
const char *
pk_rule_state_word(enum pk_rule_state s); /* "disabled" "unknown" "ok" "pending" "firing" "fault" */

/* Results of one rule, same index as the rows of the rule set. */
struct pk_rule_status {
    uint64_t evaluated_ms, fired_ms; /* last; 0 = never */
    uint64_t evaluation_count, fire_count, cleared_count;
    uint64_t held_back_count; /* held, but the cooldown did not let it fire */
    uint64_t id_hash;         /* of the rule's id; 0 = row not in use */
    uint64_t definition_hash; /* its window_hash: windows survive a reload when it is equal */
    uint32_t pending_count, active_count, fault_count; /* windows in that state */
    bool is_enabled;
};

/* What a firing group needs beyond its window. */
struct pk_active {
    uint64_t fired_ms, first_ms, told_ms; /* told: last finding */
    uint64_t lasted_ms; /* it fired for so long before fired_ms already, in a life before this one */
    uint64_t
        adopted_ms; /* what was counted before is lost: by a restart, or a changed rule; 0 = nothing is */
    double value;
    uint32_t slot, event_count;
    uint16_t rule;
    uint8_t severity;
    bool has_value, is_replayed, is_drill, is_used;
    uint8_t seen_bits; /* escalation clauses that ask for an event, and had it */
    char group_key[PK_FINDING_GROUP_BYTES];
};

enum {
    PK_ENGINE_NO_CLASS = 0xFFFF,
    PK_ENGINE_ANY_CLASS = 0xFFFE /* the table of classes is full: source terms are looked at for each event */
};

enum {
    PK_ENGINE_LISTS = PK_LIMIT_SOURCES * 2,     /* cached rule lists, by (type, severity, class) */
    PK_ENGINE_LIST_RULES = PK_ENGINE_LISTS * 4, /* rule indices in them */
    /* Groups that fire: each open incident has one, and as many more as the rules that one event fires have
     * to fire before it is known that there is no room for them (pk_incidents.h) and they are put off. */
    PK_ENGINE_ACTIVE = PK_LIMIT_INCIDENTS + 8u,
    PK_ENGINE_FINDINGS = 28,       /* waiting to be read; tick pauses when they are full */
    PK_ENGINE_EVIDENCE_SCAN = 1024 /* history events looked at for the refs of one finding */
};

struct pk_rule_list { /* count 0 is cached too: that nothing matches is worth knowing */
    uint32_t at;
    uint16_t count, type_id, class_id;
    uint8_t severity;
    bool is_used;
};

/* What the engine looks at; belongs to the intake, outlives the engine. */
struct pk_engine_world {
    const struct pk_types *types;
    const struct pk_sources *sources;
    const struct pk_textring *text;
    const struct pk_history *history; /* for evidence */
    uint16_t heartbeat_type_id;
    uint32_t heartbeat_default_ms; /* promise of a heartbeat without value */
};

struct pk_engine {
    struct pk_engine_world world;
    struct pk_ruleset rules;
    struct pk_rule_status status[PK_LIMIT_RULES];
    struct pk_windows windows;
    struct pk_wheel wheel; /* node index = window slot */
    struct pk_wheel_node nodes[PK_LIMIT_KEYS];
    struct pk_active active[PK_ENGINE_ACTIVE];
    struct pk_finding findings[PK_ENGINE_FINDINGS];
    uint32_t finding_head, finding_count, finding_high, active_count, active_high;
    struct pk_rule_list lists[PK_ENGINE_LISTS];
    uint16_t list_rules[PK_ENGINE_LIST_RULES];
    uint32_t list_count, list_rule_count;
    uint16_t source_class[PK_LIMIT_SOURCES]; /* PK_ENGINE_NO_CLASS = not told yet */
    uint64_t class_bits[PK_LIMIT_CLASSES]
                       [PK_BITSET_WORDS(PK_LIMIT_RULES)]; /* rules whose source terms hold */
    uint32_t class_count;
    uint64_t now_ms;
    uint64_t
        ahead_ms;   /* of the clock of what is learned: it goes on over restarts, where now_ms begins anew */
    uint32_t swept; /* last sweep of times too old to compare, in units of 2^26 ms */
    /* counters */
    uint64_t event_count, match_count, fire_count, cleared_count;
    uint64_t finding_delayed_count; /* the queue or the table of firing groups was full; tried again 100 ms
                                       later */
    uint64_t still_dropped_count;   /* STILL findings lost because the queue was full */
    uint64_t list_flush_count, class_full_count;
};

void pk_engine_init(struct pk_engine *e, const struct pk_engine_world *world, uint64_t now_ms);
/* Takes a rule set whole or not at all (PK_E_CONFIG, *out_diag). Windows of rules live on when
 * nothing changed that they hang on: other words, actions or times of telling take nothing from them. Of a
 * changed rule only what is firing does, and is judged by the new text: as its counts are lost,
 * that it is over is known only once everything the new text looks back at came after the change. Findings
 * waiting to be read keep their rule; those of removed rules go, and open incidents of removed rules are the
 * caller's to end. Stored rules and switches stay. */
PK_MUST_USE int pk_engine_load(struct pk_engine *e, const struct pk_rule_book *shipped,
                               const struct pk_rule_file *files, uint32_t file_count, uint64_t now_ms,
                               struct pk_diag *out_diag);
/* Changes of the stored rules, as pk_ruleset_set_stored, _put and _remove (which forgets the switch, too),
 * with the same care for windows. */
PK_MUST_USE int pk_engine_set_stored(struct pk_engine *e, struct pk_str text, uint64_t now_ms,
                                     struct pk_diag *out_diag);
PK_MUST_USE int pk_engine_put_rule(struct pk_engine *e, const char *name, struct pk_str text, uint64_t now_ms,
                                   struct pk_rule_put *out_put, struct pk_diag *out_diag);
PK_MUST_USE int pk_engine_remove_rule(struct pk_engine *e, struct pk_str id, uint64_t now_ms,
                                      struct pk_diag *out_diag);
/* A switch: holds over loads, whatever the rule's text says. Disabling forgets the windows of the rule; its
 * open incidents are the caller's to end. PK_E_NOT_FOUND; PK_E_FULL: too many switches. */
PK_MUST_USE int pk_engine_enable(struct pk_engine *e, uint32_t rule_index, bool is_enabled, uint64_t now_ms);
/* One event, in the order they were taken. It must already be in the history when evidence is wanted. */
void pk_engine_event(struct pk_engine *e, const struct pk_event *event, uint64_t now_ms);
/* The clock of what is learned (usual, trend) is that much ahead of the boot-time clock: what was learned
 * before a restart keeps its distance. It never steps back; less than before is passed over. */
void pk_engine_set_ahead(struct pk_engine *e, uint64_t ahead_ms);
/* Everything that is due by now_ms. Call before the events of a tick and when pk_engine_next_ms has come. */
void pk_engine_tick(struct pk_engine *e, uint64_t now_ms);
/* When tick has something to do next; UINT64_MAX = nothing waits. May be early, never late. */
uint64_t pk_engine_next_ms(const struct pk_engine *e);
/* Oldest finding, removed. false when there is none. */
bool pk_engine_next_finding(struct pk_engine *e, struct pk_finding *out);

/* After a restart: an incident of this rule and group is still open, since lasted_ms. The group counts as
 * firing, so that CLEARED comes when it is known to be over. PK_OK, PK_E_NOT_FOUND (rule, or disabled),
 * PK_E_FULL. */
PK_MUST_USE int pk_engine_adopt(struct pk_engine *e, uint32_t rule_index, struct pk_str group_key,
                                enum pk_severity severity, uint64_t lasted_ms, uint64_t now_ms);
/* How long a firing group has been firing. */
static inline uint64_t pk_active_lasted_ms(const struct pk_active *a, uint64_t now_ms) {
    return (now_ms > a->fired_ms ? now_ms - a->fired_ms : 0u) + a->lasted_ms;
}
/* A rule of absence is firing for this source, or would if there was room for it: it is known to be silent.
 */
bool pk_engine_is_silent(const struct pk_engine *e, struct pk_str source);
/* A person ended the incident: the group is idle again without a finding. When the condition goes on it fires
 * anew (after cooldown). PK_OK or PK_E_NOT_FOUND. */
PK_MUST_USE int pk_engine_release(struct pk_engine *e, uint32_t rule_index, struct pk_str group_key,
                                  uint64_t now_ms);
/* There was no room for what it fired: as pk_engine_release, but it may fire anew after a second, so that
 * what goes on is known when there is room; after twice as long each time that there is none again, up to
 * five minutes (16 s where the rule may become more severe, for which there may be room). */
PK_MUST_USE int pk_engine_put_off(struct pk_engine *e, uint32_t rule_index, struct pk_str group_key,
                                  uint64_t now_ms);

uint32_t pk_engine_rule_count(const struct pk_engine *e);
/* NULL beyond the count. */
const struct pk_rule *pk_engine_rule(const struct pk_engine *e, uint32_t rule_index);
const struct pk_rule_status *pk_engine_rule_status(const struct pk_engine *e, uint32_t rule_index);
enum pk_rule_state pk_engine_rule_state(const struct pk_engine *e, uint32_t rule_index);
/* Text of a rule's ref: pk_engine_str(e, r, r->id). */
struct pk_str pk_engine_str(const struct pk_engine *e, const struct pk_rule *r, struct pk_rule_ref ref);
/* By id or alias; PK_E_NOT_FOUND. */
PK_MUST_USE int pk_engine_find_rule(const struct pk_engine *e, struct pk_str id);
/* Bytes of windows, blocks and timers the rule holds now. */
uint32_t pk_engine_rule_bytes(const struct pk_engine *e, uint32_t rule_index);
/* When the last event came that a window of the rule took; 0: none has one. */
uint64_t pk_engine_rule_heard_ms(const struct pk_engine *e, uint32_t rule_index);
/* Each clause with its numbers, one line each: condition against threshold, groups by state, window and timer
 * left, cooldown, clear. */
void pk_engine_explain(const struct pk_engine *e, uint32_t rule_index, uint64_t now_ms, struct pk_buf *out);
#endif
