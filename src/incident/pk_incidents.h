#ifndef PK_INCIDENTS_H
#define PK_INCIDENTS_H
/* The incident table: opens, joins, moves and ends incidents. No clock, no I/O: the caller passes the moment
 * and pulls changes.
 *
 * Room is kept for what matters: info and low may fill 3/4 of the table, medium and high 7/8, critical all of
 * it. When there is no room the oldest closed, false positive or resolved incident whose last change was
 * pulled goes first, those that owe their end to the hub after all others; never an open one. What still
 * finds no room is counted by severity (dropped_by_severity) and reported through pk_incidents_next_drop,
 * once an episode, and once more when it has become more severe; the caller releases its group, so that it
 * can fire anew, and says then that it was_dropped. */
#include "incident/pk_incident_people.h"
#include "incident/pk_incident_table.h"

enum pk_incident_signal_kind {
    PK_SIGNAL_FIRED,  /* a new episode of the rule */
    PK_SIGNAL_RAISED, /* it goes on, more severe */
    PK_SIGNAL_STILL   /* it goes on */
};
/* What a rule (or a person) reports. Texts are copied; too long ones are cut and marked by nothing but their
 * length. */
struct pk_incident_signal {
    struct pk_str rule_id, group_key; /* the fingerprint; group_key may be empty */
    struct pk_str type;               /* word of pk_incident_types.def, or an own one */
    struct pk_str title;       /* "Error burst on api" without the severity; empty: from type and component */
    struct pk_str description; /* empty: none */
    struct pk_str component;   /* empty: none */
    struct pk_str correlation_id; /* empty: none */
    uint8_t kind;                 /* enum pk_incident_signal_kind */
    uint8_t severity;             /* enum pk_severity */
    bool is_drill, is_replayed;
    bool was_dropped; /* there was no room for it before, and it is the same episode: counted already */
    struct pk_stamp first_event; /* of the events that led to it */
    uint32_t event_count;        /* contributing events since the firing began, at least 1 */
    uint32_t recover_ms; /* the rule's own stable time; the shorter of it and that of the settings holds. 0 =
                            none */
    /* Components beside the first one, as a condition across sources has them. */
    struct pk_str more_components[PK_INC_COMPONENTS - 1];
    uint32_t more_component_count;
    uint32_t event_ref_count; /* refs below, at most PK_INC_SOURCE_EVENTS */
    struct pk_incident_event_ref event_refs[PK_INC_SOURCE_EVENTS];
};

/* gateway: [A-Za-z0-9_-]{1,32}, asserted. crypto is kept. */
void pk_incidents_init(struct pk_incidents *t, const struct pk_port_crypto *crypto, struct pk_str gateway,
                       uint32_t boot, const struct pk_incidents_settings *settings);
/* flap window 10 min, 3 flaps, recovery 0. */
void pk_incidents_settings_defaults(struct pk_incidents_settings *s);
void pk_incidents_configure(struct pk_incidents *t, const struct pk_incidents_settings *s);

/* -- start: before the first signal -- */
/* Takes a stored record: open ones are unconfirmed until their rule speaks. PK_OK; PK_E_CONFLICT (number
 * already there); PK_E_BAD_FIELD (a value no record may have); PK_E_FULL (counted in dropped_by_severity when
 * it was open: restore open ones first). What owes its end to the hub makes no room for another. The next
 * number rises above it.
 * The caller remarks on it (PK_TL_RESTORED): it knows whether a rule watches for its end. */
PK_MUST_USE int pk_incidents_restore(struct pk_incidents *t, const struct pk_incident *record,
                                     const struct pk_stamp *now);
/* The stored "next number"; the higher of this and what restore saw wins. Store pk_incidents.next_number with
 * every created incident. */
void pk_incidents_set_next_number(struct pk_incidents *t, uint32_t next_number);

/* -- detect -- */
uint64_t pk_incident_fingerprint(const struct pk_port_crypto *crypto, struct pk_str rule_id,
                                 struct pk_str group_key);
/* Opens, joins an open one of the same fingerprint, or reopens one resolved within the flap window. Joining
 * raises the severity, never lowers it. Events that only add to the count are a change when the count has
 * doubled since the last one, so that a storm does not wear out the disk. Number (> 0) of the incident and
 * *out_kinds (what changed; CREATED = new; 0 = absorbed). PK_E_FULL (dropped; counted unless was_dropped).
 * PK_E_STALE: a person ended the incident and the rule goes on (RAISED or STILL): nothing changes; release
 * the group in the engine, then it may fire anew. */
PK_MUST_USE int64_t pk_incidents_signal(struct pk_incidents *t, const struct pk_incident_signal *s,
                                        const struct pk_stamp *now, uint32_t *out_kinds);
/* The clear condition of the rule holds for that group, and has for waited_ms. Number, or PK_E_NOT_FOUND when
 * nothing is open there.
 */
PK_MUST_USE int64_t pk_incidents_cleared(struct pk_incidents *t, struct pk_str rule_id,
                                         struct pk_str group_key, uint64_t waited_ms,
                                         const struct pk_stamp *now);
/* Lets go of incidents that ended keep_ms ago (0: of none for its age), then of those that ended beyond the
 * newest keep_count (0: as many as there is room for), closed and false ones first: so many a call. Their
 * timeline and what waits for the hub stay where they are; what is owed to it stays in the table. How many
 * went. */
uint32_t pk_incidents_retire(struct pk_incidents *t, uint64_t keep_ms, uint32_t keep_count, uint32_t at_most,
                             const struct pk_stamp *now);
/* Those that pk_incidents_tick would resolve now: the caller looks whether all is well and holds back what is
 * not. Start with *cursor = 0; false at the end. */
bool pk_incidents_is_recovered(const struct pk_incidents *t, uint32_t *cursor, const struct pk_stamp *now,
                               const struct pk_incident **out);
/* It goes on recovering, for so long at least; why is said once. */
void pk_incidents_hold(struct pk_incidents *t, uint32_t number, uint32_t for_ms, struct pk_str why,
                       const struct pk_stamp *now);
/* Those from the cursor on are looked at so much later: there was no time for them. */
void pk_incidents_postpone(struct pk_incidents *t, uint32_t cursor, uint32_t for_ms,
                           const struct pk_stamp *now);
/* What time does: resolves what stayed clear, takes back an acknowledgement that ran out. Returns the
 * earliest mono_ms at which it must be called again, UINT64_MAX = none. */
uint64_t pk_incidents_tick(struct pk_incidents *t, const struct pk_stamp *now);
/* When there is time: makes the next incident's slot ready. */
void pk_incidents_prepare(struct pk_incidents *t);
/* Before changes are pulled: announces what nothing keeps quiet, and says what does (pk_silence.h). An
 * incident that another one caused is shown, not announced. */
void pk_incidents_announce(struct pk_incidents *t, const struct pk_stamp *now);
/* Nothing is announced while it is quiet; afterwards, what is still open is. */
void pk_incidents_set_quiet(struct pk_incidents *t, bool is_quiet);
/* Open restored incidents whose rule has not spoken: the agent tells the engine to watch for their clear
 * condition. Slot order, start with *cursor = 0; NULL at the end. */
const struct pk_incident *pk_incidents_next_unconfirmed(const struct pk_incidents *t, uint32_t *cursor);

/* -- pull and read -- */
/* PK_OK and *out, or PK_E_NOT_FOUND when everything was pulled. Pulling hands the duty over: put it back when
 * it could not be stored. */
PK_MUST_USE int pk_incidents_next_change(struct pk_incidents *t, struct pk_incident_change *out);
/* The same for one incident, by its number; PK_E_NOT_FOUND: nothing of it changed. */
PK_MUST_USE int pk_incidents_next_change_of(struct pk_incidents *t, uint32_t number,
                                            struct pk_incident_change *out);
void pk_incidents_put_back(struct pk_incidents *t, const struct pk_incident_change *change);
bool pk_incidents_has_changes(const struct pk_incidents *t);

/* -- what is owed to the hub: report/pk_outbox.h had no room for the newest state -- */
/* The number is in the table (asserted); the caller stores the record. */
void pk_incidents_owe(struct pk_incidents *t, uint32_t number, bool is_owed);
/* There is room for so many now: each is a change again, of a revision of its own. */
void pk_incidents_bring_owed(struct pk_incidents *t, uint32_t count);
/* One that had to leave the table before it was told: PK_OK and its severity, or PK_E_NOT_FOUND. */
PK_MUST_USE int pk_incidents_next_owed_lost(struct pk_incidents *t, uint8_t *out_severity);

/* PK_OK and *out: all that was dropped since the last call; or PK_E_NOT_FOUND. */
PK_MUST_USE int pk_incidents_next_drop(struct pk_incidents *t, struct pk_incident_drop *out);
const struct pk_incident *pk_incidents_get(const struct pk_incidents *t,
                                           uint32_t number); /* NULL: not in the table */
/* By full id or, when unique, the short form. PK_OK, PK_E_BAD_FIELD, PK_E_NOT_FOUND. */
PK_MUST_USE int pk_incidents_find(const struct pk_incidents *t, struct pk_str id,
                                  const struct pk_incident **out);
/* In the table and not resolved, closed or false positive. */
bool pk_incidents_is_live(const struct pk_incidents *t, uint32_t number);
/* Incidents whose status is in the bits (pk_incident_filter_parse) and severity >= min_severity, newest
 * number first. Start with *below = UINT32_MAX (numbers below it); NULL at the end. */
const struct pk_incident *pk_incidents_next(const struct pk_incidents *t, uint32_t status_bits,
                                            uint8_t min_severity, uint32_t *below);
/* Counts of what is in the table; drills are in none. */
void pk_incidents_count(const struct pk_incidents *t, uint32_t by_status[PK_INC_STATUS_COUNT],
                        uint32_t by_severity[PK_SEV_COUNT]);
void pk_incidents_count_active(const struct pk_incidents *t, uint32_t by_severity[PK_SEV_COUNT]);
/* mean(next detected - resolved) of one fingerprint. false: no sample. */
bool pk_incidents_mttf_ms(const struct pk_incidents *t, uint32_t number, uint64_t *out_ms);
/* The clock became good: the moments of an incident, or of all in the table, as pk_stamp_correct. Whether, or
 * how many, changed. */
bool pk_incident_correct(struct pk_incident *i, const struct pk_time_fix *fix);
uint32_t pk_incidents_correct_wall(struct pk_incidents *t, const struct pk_time_fix *fix);
/* The same for an action it lists: the time alone, when it is in the state it is listed with. */
void pk_incidents_correct_action(struct pk_incidents *t, uint32_t number, const struct pk_incident_action *a);
/* Entry on the timeline alone, e.g. a loss ledger range. */
void pk_incidents_remark(struct pk_incidents *t, uint32_t number, uint8_t kind, uint8_t source,
                         struct pk_str text, const struct pk_stamp *now);
#endif
