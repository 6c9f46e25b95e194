#ifndef PK_TIME_H
#define PK_TIME_H
/* Civil time from integers only (musl's localtime maps files and is banned). Proleptic Gregorian, UTC. */
#include "base/pk_text.h"

enum pk_time_quality { PK_TIME_UNSET, PK_TIME_FLOOR, PK_TIME_NTP, PK_TIME_HUB, PK_TIME_QUALITY_COUNT };
const char *pk_time_quality_word(enum pk_time_quality q); /* "unset" "floor" "ntp" "hub" */

enum { PK_TIME_TEXT_BYTES = 25 }; /* "2026-11-21T05:04:50.123Z" and the terminator */

/* The moment something happened, as every record carries it (DESIGN 6). */
struct pk_stamp {
    uint32_t boot;    /* boot epoch of the agent start */
    uint64_t mono_ms; /* boot-time clock */
    int64_t wall_ms;  /* Unix ms, 0 = unknown */
    uint8_t quality;  /* enum pk_time_quality */
};

/* The clock became good in a boot: what its moments of the boot-time clock were in wall time. */
struct pk_time_fix {
    int64_t wall_minus_mono_ms;
    uint32_t boot;   /* 0 = none */
    uint8_t quality; /* of the good clock: ntp or hub */
};
/* A moment of that boot, read off a clock that was not good, gets the wall time and the quality it had in
 * truth. False: it is none of these, and stays. */
bool pk_stamp_correct(struct pk_stamp *s, const struct pk_time_fix *fix);

/* Writes 24 characters; wall_ms outside years 1970..9999 is clamped. */
void pk_time_format(int64_t wall_ms, char out[PK_TIME_TEXT_BYTES]);
/* RFC 3339 with any offset and 0..9 fraction digits, 'T' or space. Leap second 60 reads as 59.999.
 * PK_E_BAD_FIELD else. */
PK_MUST_USE int pk_time_parse(struct pk_str s, int64_t *out_wall_ms);
/* 28..31; 0 for a month outside 1..12. */
unsigned pk_time_days_in_month(int year, unsigned month);
/* Unix ms. Month 1..12; the rest is plain arithmetic, not checked. */
int64_t pk_time_from_civil(int year, unsigned month, unsigned day, unsigned hour, unsigned minute,
                           unsigned second);
void pk_time_to_civil(int64_t wall_ms, int *year, unsigned *month, unsigned *day, unsigned *hour,
                      unsigned *minute, unsigned *second);
#endif
