#include "incident/pk_silence.h"

#include "base/pk_assert.h"
#include "incident/pk_incident_metrics.h"

const char *pk_silence_kind_word(uint8_t kind) {
    static const char *const WORDS[PK_SILENCE_KIND_COUNT] = {
        [PK_SILENCE_QUIET] = "silence", [PK_SILENCE_MAINTENANCE] = "maintenance"};
    return kind < PK_SILENCE_KIND_COUNT ? WORDS[kind] : "unknown";
}

const char *pk_silence_phase_word(enum pk_silence_phase p) {
    switch (p) {
    case PK_SILENCE_AHEAD:
        return "scheduled";
    case PK_SILENCE_HOLDS:
        return "active";
    case PK_SILENCE_OVER:
        return "over";
    }
    return "unknown";
}

/* Milliseconds until a moment; 0 when it is past or no common clock can tell. */
static uint64_t until_ms(const struct pk_stamp *moment, const struct pk_stamp *now) {
    uint64_t ms = 0;
    return pk_stamp_elapsed_ms(now, moment, &ms) ? ms : 0;
}

enum pk_silence_phase pk_silence_phase_at(const struct pk_silence *s, const struct pk_stamp *now) {
    if (until_ms(&s->until, now) == 0) {
        return PK_SILENCE_OVER;
    }
    return until_ms(&s->from, now) > 0 ? PK_SILENCE_AHEAD : PK_SILENCE_HOLDS;
}

static int check(const struct pk_silence *s) {
    uint64_t ms = 0;
    if (s->kind >= PK_SILENCE_KIND_COUNT || s->severity >= PK_SEV_COUNT ||
        !pk_stamp_elapsed_ms(&s->from, &s->until, &ms) || ms == 0) {
        return PK_E_BAD_FIELD;
    }
    return PK_OK;
}

static uint32_t find(const struct pk_silences *t, uint32_t number) {
    uint32_t i = 0;
    while (i < t->count && t->rows[i].number != number) {
        i++;
    }
    return i;
}

static void enter(struct pk_silences *t, const struct pk_silence *s, uint16_t number) {
    t->rows[t->count] = *s;
    t->rows[t->count].number = number;
    t->count++;
    t->high_count = t->count > t->high_count ? t->count : t->high_count;
    t->is_changed = true;
}

int pk_silences_add(struct pk_silences *t, const struct pk_silence *s, const struct pk_stamp *now) {
    uint16_t number = t->last_number;
    if (check(s) != PK_OK || pk_silence_phase_at(s, now) == PK_SILENCE_OVER) {
        return PK_E_BAD_FIELD;
    }
    if (t->count == PK_LIMIT_SILENCES) {
        t->refused_count++;
        return PK_E_FULL;
    }
    do {
        number = number == UINT16_MAX ? 1 : (uint16_t)(number + 1);
    } while (find(t, number) < t->count);
    t->last_number = number;
    enter(t, s, number);
    t->rows[t->count - 1].has_begun = false;
    return number;
}

/* It had begun. When more is left than it was to last, the wall clock went back while we were away: it must
 * neither last longer than a person meant nor come again. A clock that begins where it began the last time
 * does not say what passed since: without the half, cuts of the power would keep a silence for ever. */
static void bound(struct pk_silence *s, const struct pk_stamp *now) {
    enum { STOOD_MS = 60000 }; /* starts differ by so much, days of work by more */
    const uint64_t left_ms = until_ms(&s->until, now);
    const bool is_sure = now->quality >= PK_TIME_NTP;
    uint64_t most_ms = 0;
    if (!s->has_begun || left_ms == 0 || !pk_stamp_elapsed_ms(&s->from, &s->until, &most_ms)) {
        return;
    }
    uint64_t fair_ms = left_ms < most_ms ? left_ms : most_ms;
    if (!is_sure && s->is_again && now->wall_ms - s->from.wall_ms < STOOD_MS) {
        fair_ms /= 2u;
    }
    if (fair_ms < left_ms) {
        s->until = *now;
        s->until.mono_ms += fair_ms;
        s->until.wall_ms += now->wall_ms > 0 ? (int64_t)fair_ms : 0;
    }
    if (fair_ms < left_ms || !is_sure) {
        s->from = *now;
        s->is_again = true;
    }
}

int pk_silences_restore(struct pk_silences *t, const struct pk_silence *stored, const struct pk_stamp *now) {
    struct pk_silence own = *stored;
    const struct pk_silence *s = &own;
    if (s->number == 0 || check(s) != PK_OK) {
        return PK_E_BAD_FIELD;
    }
    bound(&own, now);
    if (find(t, s->number) < t->count) {
        return PK_E_CONFLICT;
    }
    if (t->count == PK_LIMIT_SILENCES) {
        t->refused_count++;
        return PK_E_FULL;
    }
    t->last_number = s->number > t->last_number ? s->number : t->last_number;
    enter(t, s, s->number);
    return PK_OK;
}

static void leave(struct pk_silences *t, uint32_t i) {
    t->count--;
    t->rows[i] = t->rows[t->count];
    t->is_changed = true;
}

int pk_silences_end(struct pk_silences *t, uint32_t number, struct pk_silence *out) {
    const uint32_t i = find(t, number);
    if (i == t->count) {
        return PK_E_NOT_FOUND;
    }
    *out = t->rows[i];
    leave(t, i);
    return PK_OK;
}

const struct pk_silence *pk_silences_get(const struct pk_silences *t, uint32_t number) {
    const uint32_t i = find(t, number);
    return i < t->count ? &t->rows[i] : NULL;
}

static bool fits(const char *pattern, const char *text) {
    return pattern[0] == '\0' || pk_glob_match(pk_str_of(pattern), pk_str_of(text));
}

static bool fits_component(const char *pattern, const struct pk_incident *i) {
    bool is_fit = fits(pattern, i->group_key);
    for (uint32_t k = 0; k < i->component_count; k++) {
        is_fit = is_fit || fits(pattern, i->components[k]);
    }
    return is_fit;
}

const struct pk_silence *pk_silences_match(const struct pk_silences *t, const struct pk_incident *i,
                                           uint32_t kinds, const struct pk_stamp *now) {
    const struct pk_silence *best = NULL;
    for (uint32_t k = 0; k < t->count; k++) {
        const struct pk_silence *s = &t->rows[k];
        if ((kinds >> s->kind & 1u) == 0 || i->severity > s->severity ||
            pk_silence_phase_at(s, now) != PK_SILENCE_HOLDS || !fits(s->rule, i->rule_id) ||
            !fits(s->type, i->type) || !fits_component(s->component, i)) {
            continue;
        }
        best = best == NULL || until_ms(&s->until, now) > until_ms(&best->until, now) ? s : best;
    }
    return best;
}

int pk_silences_next_turn(struct pk_silences *t, const struct pk_stamp *now, struct pk_silence *out) {
    for (uint32_t i = 0; i < t->count; i++) {
        struct pk_silence *s = &t->rows[i];
        const enum pk_silence_phase phase = pk_silence_phase_at(s, now);
        if (phase == PK_SILENCE_HOLDS && !s->has_begun) {
            s->has_begun = true;
            t->is_changed = true;
            *out = *s;
            return PK_OK;
        }
        if (phase == PK_SILENCE_OVER) {
            *out = *s;
            leave(t, i);
            return PK_OK;
        }
    }
    return PK_E_NOT_FOUND;
}

uint64_t pk_silences_next_ms(const struct pk_silences *t, const struct pk_stamp *now) {
    uint64_t next_ms = UINT64_MAX;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct pk_silence *s = &t->rows[i];
        const uint64_t wait_ms = s->has_begun ? until_ms(&s->until, now) : until_ms(&s->from, now);
        next_ms = wait_ms < next_ms - now->mono_ms ? now->mono_ms + wait_ms : next_ms;
    }
    return next_ms;
}

bool pk_silences_take_change(struct pk_silences *t) {
    const bool is_changed = t->is_changed;
    t->is_changed = false;
    return is_changed;
}
