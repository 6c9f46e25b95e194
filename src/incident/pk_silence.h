#ifndef PK_SILENCE_H
#define PK_SILENCE_H
/* Silences and maintenance windows. A silence keeps new incidents that it matches from being announced; a
 * maintenance window keeps automatic actions from running as well. Neither hides anything: incidents are
 * opened, stored and shown, what was announced before stays announced and so does its end, and what is still
 * wrong when the window ends is announced then. They may lie ahead and overlap: one that matches is enough,
 * and the one that ends last is named. A moment that no common clock can tell counts as past: doubt is loud.
 */
#include "incident/pk_incident.h"
#include "pk_limits.h"

enum pk_silence_kind { PK_SILENCE_QUIET, PK_SILENCE_MAINTENANCE, PK_SILENCE_KIND_COUNT };
enum { PK_SILENCE_WHY_BYTES = 80 };
enum pk_silence_phase { PK_SILENCE_AHEAD, PK_SILENCE_HOLDS, PK_SILENCE_OVER };

struct pk_silence {
    uint16_t number;  /* never 0, not used again before the counter went round */
    uint8_t kind;     /* enum pk_silence_kind */
    uint8_t severity; /* incidents up to this severity */
    bool has_begun;   /* its begin was told */
    bool is_again;    /* `from` is the last start of the agent, under a clock that was not sure */
    struct pk_stamp from, until;
    /* Globs; empty: any. */
    char rule[PK_INC_RULE_BYTES], type[PK_INC_TYPE_BYTES], component[PK_INC_NAME_BYTES];
    char by[PK_INC_USER_BYTES];
    char why[PK_SILENCE_WHY_BYTES];
};
struct pk_silences {
    struct pk_silence rows[PK_LIMIT_SILENCES];
    uint32_t count;
    uint32_t high_count;
    uint64_t refused_count;
    uint16_t last_number;
    bool is_changed; /* since pk_silences_take_change: incidents are to be looked at again */
};

const char *pk_silence_kind_word(uint8_t kind);             /* "silence" "maintenance" */
const char *pk_silence_phase_word(enum pk_silence_phase p); /* "scheduled" "active" "over" */
enum pk_silence_phase pk_silence_phase_at(const struct pk_silence *s, const struct pk_stamp *now);

/* Copies *s under a new number. Number; PK_E_FULL (counted); PK_E_BAD_FIELD: it ends before it begins or is
 * over, or an enumerator out of range. */
PK_MUST_USE int pk_silences_add(struct pk_silences *t, const struct pk_silence *s,
                                const struct pk_stamp *now);
/* A stored one, under its own number. As pk_silences_add, and PK_E_CONFLICT: the number is there. One that
 * had begun lasts no longer from now on than it was to last at all. Where the clock is not sure and stands
 * where it stood at the start before, nobody knows how long that start lasted: half of what is left is taken
 * off. So over any number of starts it lasts less than three times what was meant, if what is in the table
 * now is stored (it is another than *stored when its `from` is `now`). */
PK_MUST_USE int pk_silences_restore(struct pk_silences *t, const struct pk_silence *stored,
                                    const struct pk_stamp *now);
/* Takes it out. PK_OK and *out as it was, or PK_E_NOT_FOUND. */
PK_MUST_USE int pk_silences_end(struct pk_silences *t, uint32_t number, struct pk_silence *out);
const struct pk_silence *pk_silences_get(const struct pk_silences *t, uint32_t number);
/* The silence that keeps the incident quiet now, of those that match the one that ends last; NULL: none.
 * kinds: bits 1 << enum pk_silence_kind. */
const struct pk_silence *pk_silences_match(const struct pk_silences *t, const struct pk_incident *i,
                                           uint32_t kinds, const struct pk_stamp *now);
/* One that began or ended since: PK_OK and *out (over: it is out of the table now), or PK_E_NOT_FOUND. */
PK_MUST_USE int pk_silences_next_turn(struct pk_silences *t, const struct pk_stamp *now,
                                      struct pk_silence *out);
/* Boot-time ms of the next begin or end; UINT64_MAX: none. */
uint64_t pk_silences_next_ms(const struct pk_silences *t, const struct pk_stamp *now);
bool pk_silences_take_change(struct pk_silences *t);
#endif
