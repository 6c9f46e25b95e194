#ifndef PK_TREND_H
#define PK_TREND_H
/* Where is a noisy series going, and when will it be at a limit?
 *
 * The look-back is cut into 24 slots; of each the mean is kept, without its highest and lowest number (of
 * three and more). The slope is the repeated median (Siegel 1982) of the slots: the median over slots of the
 * median slope to all others; so up to half of the slots may be wild. The level is the median of what is
 * left. The confidence is Kendall's tau of the slots towards the slope: the share of pairs that agree with it
 * less the share of those that do not; of a series without trend it is near 0 (deviation 0.15), of a steady
 * one 1.
 *
 * An estimate needs 8 slots with numbers. It is made when a slot is complete, in bounded time (552 slopes),
 * and costs nothing until the next one. Add, subtract, multiply, divide: equal on every instruction set. */
#include <stdbool.h>
#include <stdint.h>

#include "base/pk_bytes.h"

enum { PK_TREND_SLOTS = 24, PK_TREND_SLOTS_MIN = 8 };
/* From this confidence on a trend is one: four deviations. */
#define PK_TREND_CONFIDENCE_MIN 0.6

struct pk_trend_slot {       /* the one being filled */
    double low, high, inner; /* inner: sum of all but these two */
    uint64_t number;         /* time divided by the width of a slot */
    uint64_t offset_ms;      /* sum of the times since its start */
    uint32_t count;
};

struct pk_trend { /* 416 bytes at most; all zero is the start */
    double value[PK_TREND_SLOTS];
    uint32_t at_ms[PK_TREND_SLOTS]; /* oldest first; low 32 bits of the clock */
    struct pk_trend_slot slot;
    double slope_per_ms, level; /* level at made_ms */
    uint64_t made_ms;           /* of the last complete slot */
    double confidence;          /* 0..1 */
    uint8_t count;
    bool is_known;
    uint8_t reserved[6];
};
_Static_assert(sizeof(struct pk_trend) <= 416, "the price of a series");

enum pk_trend_way { PK_TREND_EITHER, PK_TREND_UP, PK_TREND_DOWN };

/* look_back_ms: at least 24, the same in all calls for a series. A number older than the slot that is being
 * filled is passed over. PK_E_BAD_FIELD: not a finite number of less than 1e150; nothing is changed. */
PK_MUST_USE int pk_trend_add(struct pk_trend *t, uint32_t look_back_ms, uint64_t time_ms, double v);
/* Enough was seen in the look-back before now. */
bool pk_trend_is_known(const struct pk_trend *t, uint32_t look_back_ms, uint64_t now_ms);
/* The level at this time, by the estimate; of one that is known. */
double pk_trend_level(const struct pk_trend *t, uint64_t now_ms);
/* Of one that is known: whether the limit is reached within within_ms of now at a slope of enough confidence,
 * or is passed already. EITHER: the way is that of the slope, and passed is what was passed on this way in
 * the look-back. UP and DOWN: beyond the limit is passed whatever the slope says. *out_left_ms: until it is
 * reached, 0 when it is passed. */
bool pk_trend_reaches(const struct pk_trend *t, enum pk_trend_way way, double limit, uint64_t now_ms,
                      uint32_t within_ms, uint64_t *out_left_ms);

/* As bytes, to keep it over a restart: the same on every machine. */
enum { PK_TREND_BYTES = PK_TREND_SLOTS * 12 + 3 * 8 + 2 * 8 + 4 + 2 * 8 + 8 + 8 + 2 };
void pk_trend_put(const struct pk_trend *t, struct pk_writer *w);
/* PK_E_CORRUPT: no series of this look-back can be like this; *t is then all zero. */
PK_MUST_USE int pk_trend_get(struct pk_trend *t, uint32_t look_back_ms, struct pk_reader *r);
#endif
