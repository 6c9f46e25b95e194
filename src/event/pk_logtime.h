#ifndef PK_LOGTIME_H
#define PK_LOGTIME_H
/* The time at the start of a text, in the forms programs write. Integers only; without a zone it is taken as
 * UTC, so that the same file says the same everywhere. */
#include "base/pk_text.h"

struct pk_logtime {
    int64_t wall_ms; /* meaningful when !needs_year and !is_uptime */
    uint64_t uptime_ms;
    int year; /* 0 while needs_year */
    uint16_t ms;
    uint8_t month, day, hour, minute, second;
    bool needs_year; /* 1..12, 1..31 known, the year is the reader's business */
    bool is_uptime;  /* since boot: [   12.345678] */
    bool has_weekday;
    bool has_zone; /* it says so, or is Unix time; else taken as UTC */
};

/* Bytes the time takes at the start of s, *out filled; 0 = there is none. Forms:
 * 2026-11-21T05:04:50.123+01:00 with / or . in the date, blank or _ or - instead of T, comma or colon before
 * the fraction; 20261121-05:04:50:123; 261121 050450; 26/11/21 05:04:50; Nov 21 05:04:50 [2026]; Sat Nov 21
 * 05:04:50.123456 2026; Sat, 21 Nov 2026 05:04:50; 21/Nov/2026:05:04:50 +0100; 21-Nov-2026 05:04:50; 21 Nov
 * 2026 05:04:50.123; 11/21/2026 05:04:50; 11-21 05:04:50.123; 1795237490, 1795237490.123 and 1795237490123.
 */
uint32_t pk_logtime_parse(struct pk_str s, struct pk_logtime *out);
/* Sets the year of one that lacks it; wall_ms 0: it had no such day. */
void pk_logtime_set_year(struct pk_logtime *t, int year);
/* Seconds since boot, "12.345678": bytes taken, 0 = none. */
uint32_t pk_logtime_parse_uptime(struct pk_str s, struct pk_logtime *out);
#endif
