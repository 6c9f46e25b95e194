#include "event/pk_logtime.h"

#include <string.h>

#include "base/pk_time.h"

/* A place in the text. Each step moves on, or marks the whole as failed. */
struct cursor {
    const char *p;
    uint32_t n, at;
    bool is_bad;
};

static char peek(const struct cursor *c) {
    return c->at < c->n ? c->p[c->at] : '\0';
}

static bool take(struct cursor *c, char wanted) {
    const bool is_there = c->at < c->n && c->p[c->at] == wanted;
    c->at += is_there ? 1u : 0u;
    return is_there;
}

static void want(struct cursor *c, const char *any_of) {
    const char found = peek(c);
    while (*any_of != '\0' && *any_of != found) {
        any_of++;
    }
    const bool is_there = found != '\0' && *any_of != '\0';
    c->is_bad = c->is_bad || !is_there;
    c->at += is_there ? 1u : 0u;
}

/* least..most digits. */
static unsigned number(struct cursor *c, unsigned least, unsigned most) {
    unsigned value = 0, count = 0;
    while (count < most && pk_is_digit(peek(c))) {
        value = value * 10u + (unsigned)(peek(c) - '0');
        c->at++;
        count++;
    }
    c->is_bad = c->is_bad || count < least;
    return value;
}

static unsigned digits_ahead(const struct cursor *c) {
    unsigned count = 0;
    while (c->at + count < c->n && count < 20u && pk_is_digit(c->p[c->at + count])) {
        count++;
    }
    return count;
}

/* 1..12; 0 = no name of a month. */
static unsigned month_name(struct cursor *c) {
    static const char NAMES[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (unsigned i = 0; i < 12u && c->n - c->at >= 3u; i++) {
        if (memcmp(c->p + c->at, NAMES + (size_t)i * 3u, 3) == 0) {
            c->at += 3;
            return i + 1u;
        }
    }
    c->is_bad = true;
    return 0;
}

static bool weekday_name(struct cursor *c) {
    static const char NAMES[] = "MonTueWedThuFriSatSun";
    for (unsigned i = 0; i < 7u && c->n - c->at >= 4u; i++) {
        if (memcmp(c->p + c->at, NAMES + (size_t)i * 3u, 3) == 0) {
            c->at += 3;
            return true;
        }
    }
    return false;
}

/* [.,:]123456 behind the seconds, to ms. */
static void fraction(struct cursor *c, struct pk_logtime *t) {
    const char mark = peek(c);
    if ((mark != '.' && mark != ',' && mark != ':') || c->at + 1u >= c->n || !pk_is_digit(c->p[c->at + 1u])) {
        return;
    }
    c->at++;
    unsigned scale = 100;
    while (pk_is_digit(peek(c))) {
        t->ms = (uint16_t)(t->ms + scale * (unsigned)(peek(c) - '0'));
        scale /= 10u;
        c->at++;
    }
}

static void clock_time(struct cursor *c, struct pk_logtime *t, const char *separators) {
    t->hour = (uint8_t)number(c, 1, 2);
    want(c, separators);
    t->minute = (uint8_t)number(c, 2, 2);
    want(c, separators);
    t->second = (uint8_t)number(c, 2, 2);
    if (!c->is_bad) {
        fraction(c, t);
    }
}

/* +01:00, -0500, Z, " UTC"; minutes east. A zone in letters other than these is left alone. */
static int zone(struct cursor *c, struct pk_logtime *t) {
    const uint32_t start = c->at;
    t->has_zone = true;
    if (take(c, 'Z')) {
        return 0;
    }
    (void)take(c, ' ');
    if (c->n - c->at >= 3u && (memcmp(c->p + c->at, "UTC", 3) == 0 || memcmp(c->p + c->at, "GMT", 3) == 0)) {
        c->at += 3;
        return 0;
    }
    const char sign = peek(c);
    const struct cursor ahead = {c->p, c->n, c->at + 1u, false};
    const unsigned digits = digits_ahead(&ahead);
    if ((sign != '+' && sign != '-') ||
        (digits != 4u && !(digits == 2u && c->at + 5u < c->n && c->p[c->at + 3u] == ':'))) {
        c->at = start;
        t->has_zone = false;
        return 0;
    }
    c->at++;
    const unsigned hours = number(c, 2, 2);
    (void)take(c, ':');
    const unsigned minutes = number(c, 2, 2);
    const int east = (int)(hours * 60u + minutes);
    c->is_bad = c->is_bad || hours > 14u || minutes > 59u;
    return sign == '-' ? -east : east;
}

/* Without a year the 29th of February may be. */
static bool is_valid(const struct pk_logtime *t) {
    enum { LEAP_YEAR = 2000 };
    return t->month >= 1 && t->month <= 12 && t->day >= 1 && t->hour <= 23 && t->minute <= 59 &&
           t->second <= 60 && t->day <= pk_time_days_in_month(t->needs_year ? LEAP_YEAR : t->year, t->month);
}

static int64_t wall_of(const struct pk_logtime *t) {
    return pk_time_from_civil(t->year, t->month, t->day, t->hour, t->minute, t->second) + t->ms;
}

void pk_logtime_set_year(struct pk_logtime *t, int year) {
    t->year = year;
    t->needs_year = false;
    t->wall_ms = t->day <= pk_time_days_in_month(year, t->month) ? wall_of(t) : 0;
}

static uint32_t done(const struct cursor *c, struct pk_logtime *t, int east_minutes) {
    if (c->is_bad || !is_valid(t)) {
        return 0;
    }
    if (!t->needs_year) {
        t->wall_ms = wall_of(t) - (int64_t)east_minutes * 60000;
    }
    return c->at;
}

/* 2026-11-21T05:04:50.123Z and its relatives. */
static uint32_t year_first(struct cursor c, struct pk_logtime *t) {
    t->year = (int)number(&c, 4, 4);
    const char separator[2] = {peek(&c), '\0'};
    want(&c, "-/.");
    t->month = (uint8_t)number(&c, 1, 2);
    want(&c, separator);
    t->day = (uint8_t)number(&c, 1, 2);
    if (peek(&c) == ' ' && c.at + 1u < c.n && c.p[c.at + 1u] == ' ') {
        c.at++; /* "2026-11-21  5:04:50" */
    }
    want(&c, "T _-:");
    clock_time(&c, t, ":.");
    return done(&c, t, c.is_bad ? 0 : zone(&c, t));
}

/* 20261121-05:04:50:123, 20261121 05:04:50, 20261121T050450Z */
static uint32_t compact(struct cursor c, struct pk_logtime *t) {
    t->year = (int)number(&c, 4, 4);
    t->month = (uint8_t)number(&c, 2, 2);
    t->day = (uint8_t)number(&c, 2, 2);
    want(&c, "- T_");
    if (digits_ahead(&c) >= 6u) {
        t->hour = (uint8_t)number(&c, 2, 2);
        t->minute = (uint8_t)number(&c, 2, 2);
        t->second = (uint8_t)number(&c, 2, 2);
    } else {
        clock_time(&c, t, ":");
    }
    return done(&c, t, c.is_bad ? 0 : zone(&c, t));
}

static int century(unsigned two_digits) {
    return (int)two_digits + (two_digits < 70u ? 2000 : 1900);
}

/* 081109 203615 (HDFS), 081109 20:36:15 (MySQL before 5.7) */
static uint32_t six_digits(struct cursor c, struct pk_logtime *t) {
    t->year = century(number(&c, 2, 2));
    t->month = (uint8_t)number(&c, 2, 2);
    t->day = (uint8_t)number(&c, 2, 2);
    want(&c, " ");
    (void)take(&c, ' ');
    if (digits_ahead(&c) == 6u) {
        t->hour = (uint8_t)number(&c, 2, 2);
        t->minute = (uint8_t)number(&c, 2, 2);
        t->second = (uint8_t)number(&c, 2, 2);
    } else {
        clock_time(&c, t, ":");
    }
    return done(&c, t, 0);
}

/* 21/Nov/2026:05:04:50 +0100, 21-Nov-2026 05:04:50, 21 Nov 2026 05:04:50.123 */
static uint32_t day_month_name(struct cursor c, struct pk_logtime *t) {
    t->day = (uint8_t)number(&c, 1, 2);
    const char separator[2] = {peek(&c), '\0'};
    want(&c, "/- ");
    t->month = (uint8_t)month_name(&c);
    want(&c, separator);
    t->year = (int)number(&c, 4, 4);
    want(&c, ": ");
    clock_time(&c, t, ":");
    return done(&c, t, c.is_bad ? 0 : zone(&c, t));
}

/* 26/11/21 05:04:50 (Spark), 11/21/2026 05:04:50, 11-21 05:04:50.123 (Android), 11.21 05:04:50 */
static uint32_t short_date(struct cursor c, struct pk_logtime *t) {
    const unsigned first = number(&c, 1, 2);
    const char separator[2] = {peek(&c), '\0'};
    want(&c, "/-.");
    const unsigned second = number(&c, 1, 2);
    if (peek(&c) == ' ' || peek(&c) == 'T') {
        t->needs_year = true;
        t->month = (uint8_t)first;
        t->day = (uint8_t)second;
    } else {
        want(&c, separator);
        const bool has_year_last = digits_ahead(&c) == 4u;
        const unsigned third = number(&c, 2, 4);
        t->year = has_year_last ? (int)third : century(first);
        t->month = (uint8_t)(has_year_last ? first : second);
        t->day = (uint8_t)(has_year_last ? second : third);
    }
    (void)take(&c, ',');
    want(&c, " T:");
    clock_time(&c, t, ":");
    return done(&c, t, 0);
}

/* Nov 21 05:04:50 [2026], Nov 21 2026 05:04:50; behind a weekday as well, then with a fraction. */
static uint32_t month_first(struct cursor c, struct pk_logtime *t) {
    t->month = (uint8_t)month_name(&c);
    want(&c, " ");
    (void)take(&c, ' ');
    t->day = (uint8_t)number(&c, 1, 2);
    (void)take(&c, ',');
    want(&c, " ");
    if (digits_ahead(&c) == 4u) {
        t->year = (int)number(&c, 4, 4);
        want(&c, " ");
        clock_time(&c, t, ":");
        return done(&c, t, 0);
    }
    clock_time(&c, t, ":");
    const struct cursor behind = {c.p, c.n, c.at + 1u, false};
    t->needs_year = true;
    if (!c.is_bad && peek(&c) == ' ' && digits_ahead(&behind) == 4u &&
        (behind.at + 4u >= c.n || strchr(" ]:", c.p[behind.at + 4u]) != NULL)) {
        c.at++;
        t->year = (int)number(&c, 4, 4);
        t->needs_year = false;
    }
    return done(&c, t, 0);
}

static uint32_t weekday_first(struct cursor c, struct pk_logtime *t) {
    t->has_weekday = true;
    (void)take(&c, ',');
    want(&c, " ");
    if (c.is_bad) {
        return 0;
    }
    return pk_is_digit(peek(&c)) ? day_month_name(c, t) : month_first(c, t);
}

/* Unix seconds or milliseconds of the years 2001 to 2286. */
static uint32_t unix_time(struct cursor c, unsigned digits, struct pk_logtime *t) {
    uint64_t value = 0;
    t->has_zone = true;
    for (unsigned i = 0; i < digits; i++) {
        value = value * 10u + (uint64_t)(c.p[c.at++] - '0');
    }
    if (digits == 13u) {
        t->wall_ms = (int64_t)value;
        return c.at;
    }
    if (peek(&c) == '.') {
        fraction(&c, t);
    }
    t->wall_ms = (int64_t)value * 1000 + t->ms;
    return c.at;
}

uint32_t pk_logtime_parse(struct pk_str s, struct pk_logtime *out) {
    struct cursor c = {.p = s.p, .n = s.n};
    memset(out, 0, sizeof *out);
    if (s.n < 8u) {
        return 0;
    }
    if (!pk_is_digit(s.p[0])) {
        return weekday_name(&c) ? weekday_first(c, out) : month_first(c, out);
    }
    const unsigned digits = digits_ahead(&c);
    const char mark = digits < s.n ? s.p[digits] : '\0';
    const bool has_name = digits + 1u < s.n && s.p[digits + 1u] >= 'A' && s.p[digits + 1u] <= 'S';
    switch (digits) {
    case 1:
    case 2:
        return has_name ? day_month_name(c, out) : short_date(c, out);
    case 4:
        return year_first(c, out);
    case 6:
        return six_digits(c, out);
    case 8:
        return compact(c, out);
    case 10:
    case 13:
        return mark == '\0' || strchr(" .:]\t,|", mark) != NULL ? unix_time(c, digits, out) : 0;
    default:
        return 0;
    }
}

uint32_t pk_logtime_parse_uptime(struct pk_str s, struct pk_logtime *out) {
    struct cursor c = {.p = s.p, .n = s.n};
    memset(out, 0, sizeof *out);
    while (take(&c, ' ')) {
    }
    const unsigned digits = digits_ahead(&c);
    if (digits == 0 || digits > 10u) {
        return 0;
    }
    uint64_t seconds = 0;
    for (unsigned i = 0; i < digits; i++) {
        seconds = seconds * 10u + (uint64_t)(c.p[c.at++] - '0');
    }
    if (peek(&c) != '.') {
        return 0;
    }
    fraction(&c, out);
    out->is_uptime = true;
    out->uptime_ms = seconds * 1000u + out->ms;
    return c.at;
}
