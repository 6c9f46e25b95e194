#include "report/pk_spend.h"

#include "base/pk_assert.h"

_Static_assert((int)PK_SPEND_COUNT == (int)PK_META_SPENDS, "each has its place in the stored record");

enum { DAY_S = 86400, MONTH_S = 30 * DAY_S };

static const char *const KINDS[PK_SPEND_COUNT] = {[PK_SPEND_FLASH] = "flash", [PK_SPEND_DATA] = "data"};
static const struct {
    const char *word;
    uint8_t from_pct;
} LEVELS[PK_SPEND_LEVEL_COUNT] = {[PK_SPEND_FREE] = {"free", 0},
                                  [PK_SPEND_TIGHT] = {"tight", 80},
                                  [PK_SPEND_SHORT] = {"short", 90},
                                  [PK_SPEND_SCARCE] = {"scarce", 95},
                                  [PK_SPEND_OVER] = {"over", 100}};

const char *pk_spend_word(enum pk_spend_kind kind) {
    return (unsigned)kind < PK_SPEND_COUNT ? KINDS[kind] : "unknown";
}

const char *pk_spend_level_word(enum pk_spend_level level) {
    return (unsigned)level < PK_SPEND_LEVEL_COUNT ? LEVELS[level].word : "unknown";
}

void pk_spend_init(struct pk_spend *s, enum pk_spend_kind kind) {
    *s = (struct pk_spend){.kind = (uint8_t)kind};
}

static uint8_t level_of(const struct pk_spend *s) {
    uint8_t level = PK_SPEND_FREE;
    /* In hundredths, and without a product that a large limit would overflow. */
    const uint64_t part = s->limit_bytes / 100u, rest = s->limit_bytes % 100u;
    for (uint8_t i = PK_SPEND_TIGHT; s->limit_bytes > 0 && i < PK_SPEND_LEVEL_COUNT; i++) {
        const uint64_t from = part * LEVELS[i].from_pct + rest * LEVELS[i].from_pct / 100u;
        level = s->record.used_bytes >= from ? i : level;
    }
    return level;
}

void pk_spend_restore(struct pk_spend *s, const struct pk_meta_spend *record) {
    s->record = *record;
    s->level = level_of(s);
}

void pk_spend_limit(struct pk_spend *s, uint64_t limit_bytes) {
    s->limit_bytes = limit_bytes;
    s->level = level_of(s);
}

static uint32_t period_at(const struct pk_spend *s, int64_t wall_ms) {
    int year = 0;
    unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0;
    if (s->kind == PK_SPEND_FLASH) {
        return (uint32_t)(wall_ms / 1000 / DAY_S) + 1u;
    }
    pk_time_to_civil(wall_ms, &year, &month, &day, &hour, &minute, &second);
    PK_ASSERT(year >= 1970 && month >= 1);
    return (uint32_t)(year - 1970) * 12u + month;
}

/* Whether the period is over at this moment, and its number. */
static bool is_over(struct pk_spend *s, const struct pk_stamp *now) {
    /* One that has a number is a month of the calendar: up to 31 days. */
    const uint32_t month_s = (uint32_t)MONTH_S + (s->record.period != 0 ? (uint32_t)DAY_S : 0u);
    const uint32_t length_s = s->kind == PK_SPEND_FLASH ? (uint32_t)DAY_S : month_s;
    if (now->quality < PK_TIME_NTP || now->wall_ms <= 0) {
        const bool is_full = s->record.elapsed_s >= length_s;
        /* The clock that comes back finds the new one begun. */
        s->record.period += is_full && s->record.period != 0 ? 1u : 0u;
        return is_full;
    }
    const uint32_t period = period_at(s, now->wall_ms), before = s->record.period;
    if (period + 1u != before) { /* a clock that swings around the end of a period gains none */
        s->record.period = period;
    }
    return before != 0 && period > before;
}

bool pk_spend_look(struct pk_spend *s, uint64_t counter_bytes, const struct pk_stamp *now) {
    const uint8_t before = s->level;
    const uint64_t passed_ms = s->seen_ms != 0 && now->mono_ms > s->seen_ms ? now->mono_ms - s->seen_ms : 0u;
    s->record.used_bytes += counter_bytes >= s->seen_bytes ? counter_bytes - s->seen_bytes : counter_bytes;
    s->seen_bytes = counter_bytes;
    /* Whole seconds are counted, the rest with the next look. */
    s->record.elapsed_s += (uint32_t)(passed_ms / 1000u);
    s->seen_ms = s->seen_ms == 0 ? now->mono_ms : s->seen_ms + passed_ms / 1000u * 1000u;
    const bool is_new = is_over(s, now);
    if (is_new) {
        s->record.used_bytes = 0;
        s->record.elapsed_s = 0;
    }
    s->level = level_of(s);
    return is_new || s->level != before;
}
