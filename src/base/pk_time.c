#include "base/pk_time.h"

#include <string.h>

#include "base/pk_assert.h"

enum { MS_PER_DAY = 86400000, DAYS_PER_400_YEARS = 146097, SECONDS_PER_DAY = 86400 };

#define WALL_MS_MAX 253402300799999 /* 9999-12-31T23:59:59.999Z */

const char *pk_time_quality_word(enum pk_time_quality q) {
    static const char *const WORDS[PK_TIME_QUALITY_COUNT] = {"unset", "floor", "ntp", "hub"};
    PK_ASSERT((unsigned)q < PK_TIME_QUALITY_COUNT);
    return WORDS[q];
}

bool pk_stamp_correct(struct pk_stamp *s, const struct pk_time_fix *fix) {
    PK_ASSERT(fix->boot == 0 || fix->quality >= PK_TIME_NTP);
    if (fix->boot == 0 || s->boot != fix->boot || s->mono_ms == 0 || s->quality >= PK_TIME_NTP) {
        return false;
    }
    s->wall_ms = (int64_t)s->mono_ms + fix->wall_minus_mono_ms;
    s->quality = fix->quality;
    return true;
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

/* Days before each month in a year that begins in March, so that the leap day is the last. */
static unsigned days_before_month(unsigned month_from_march) {
    static const uint16_t DAYS[12] = {0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337};
    return DAYS[month_from_march];
}

static bool is_leap(int year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

unsigned pk_time_days_in_month(int year, unsigned month) {
    static const uint8_t DAYS[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12) {
        return 0;
    }
    return month == 2 && is_leap(year) ? 29u : DAYS[month - 1u];
}

/* Days since 1970-01-01. */
static int64_t days_from_civil(int year, unsigned month, unsigned day) {
    PK_ASSERT(month >= 1 && month <= 12);
    const int64_t y = (int64_t)year - (month < 3u ? 1 : 0);
    const int64_t leap_days = floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400);
    const int64_t epoch = 719468; /* 1970-01-01 counted from 0000-03-01 */
    return y * 365 + leap_days + days_before_month((month + 9u) % 12u) + day - 1 - epoch;
}

int64_t pk_time_from_civil(int year, unsigned month, unsigned day, unsigned hour, unsigned minute,
                           unsigned second) {
    const int64_t days = days_from_civil(year, month, day);
    return (days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second) * 1000;
}

void pk_time_to_civil(int64_t wall_ms, int *year, unsigned *month, unsigned *day, unsigned *hour,
                      unsigned *minute, unsigned *second) {
    const int64_t days = floor_div(wall_ms, MS_PER_DAY);
    const unsigned seconds = (unsigned)((wall_ms - days * MS_PER_DAY) / 1000);
    /* The estimate is never too small and at most one too large for the year that begins in March. */
    const int64_t from_march = days + 719468;
    int64_t y = floor_div(from_march * 400 + 591, DAYS_PER_400_YEARS);
    int64_t day_of_year = days - days_from_civil((int)y, 3, 1);
    if (day_of_year < 0) {
        y--;
        day_of_year = days - days_from_civil((int)y, 3, 1);
    }
    unsigned month_from_march = 11;
    while (days_before_month(month_from_march) > day_of_year) {
        month_from_march--;
    }
    *month = (month_from_march + 2u) % 12u + 1u;
    *day = (unsigned)day_of_year - days_before_month(month_from_march) + 1u;
    *year = (int)y + (*month < 3u ? 1 : 0);
    *hour = seconds / 3600u;
    *minute = seconds / 60u % 60u;
    *second = seconds % 60u;
}

void pk_time_format(int64_t wall_ms, char out[PK_TIME_TEXT_BYTES]) {
    int year;
    unsigned month;
    unsigned day;
    unsigned clock[3];
    struct pk_buf b;
    if (wall_ms < 0) {
        wall_ms = 0;
    }
    if (wall_ms > WALL_MS_MAX) {
        wall_ms = WALL_MS_MAX;
    }
    pk_time_to_civil(wall_ms, &year, &month, &day, &clock[0], &clock[1], &clock[2]);
    pk_buf_init(&b, out, PK_TIME_TEXT_BYTES);
    pk_buf_put_u64_pad(&b, (uint64_t)year, 4);
    pk_buf_putc(&b, '-');
    pk_buf_put_u64_pad(&b, month, 2);
    pk_buf_putc(&b, '-');
    pk_buf_put_u64_pad(&b, day, 2);
    for (int i = 0; i < 3; i++) {
        pk_buf_putc(&b, i == 0 ? 'T' : ':');
        pk_buf_put_u64_pad(&b, clock[i], 2);
    }
    pk_buf_putc(&b, '.');
    pk_buf_put_u64_pad(&b, (uint64_t)(wall_ms % 1000), 3);
    pk_buf_putc(&b, 'Z');
}

/* `width` digits, then one of `ends` ("" = nothing is taken). False when the text is not so. */
static bool take_field(struct pk_str *s, uint32_t width, const char *ends, unsigned *out) {
    uint64_t v = 0;
    if (s->n < width || pk_parse_u64((struct pk_str){s->p, width}, &v) < 0) {
        return false;
    }
    s->p += width;
    s->n -= width;
    *out = (unsigned)v;
    if (ends[0] == '\0') {
        return true;
    }
    if (s->n == 0 || s->p[0] == '\0' || strchr(ends, s->p[0]) == NULL) {
        return false;
    }
    s->p++;
    s->n--;
    return true;
}

/* ".123456" when there is one; what is finer than a millisecond is dropped. */
static bool take_fraction(struct pk_str *s, unsigned *out_ms) {
    uint32_t digits = 0;
    unsigned weight = 100;
    *out_ms = 0;
    if (s->n == 0 || s->p[0] != '.') {
        return true;
    }
    for (; digits + 1u < s->n && s->p[digits + 1u] >= '0' && s->p[digits + 1u] <= '9'; digits++) {
        *out_ms += (unsigned)(s->p[digits + 1u] - '0') * weight;
        weight /= 10u;
    }
    s->p += digits + 1u;
    s->n -= digits + 1u;
    return digits >= 1 && digits <= 9;
}

/* "Z" or "+hh:mm", to the end of the text. */
static bool take_offset(struct pk_str s, int64_t *out_ms) {
    unsigned hour;
    unsigned minute;
    *out_ms = 0;
    if (s.n == 1 && (s.p[0] == 'Z' || s.p[0] == 'z')) {
        return true;
    }
    if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-')) {
        return false;
    }
    const int64_t sign = s.p[0] == '-' ? -1 : 1;
    s.p++;
    s.n--;
    if (!take_field(&s, 2, ":", &hour) || !take_field(&s, 2, "", &minute) || hour > 23 || minute > 59) {
        return false;
    }
    *out_ms = sign * ((int64_t)hour * 60 + minute) * 60000;
    return true;
}

int pk_time_parse(struct pk_str s, int64_t *out_wall_ms) {
    unsigned year, month, day, hour, minute, second, ms;
    int64_t offset_ms;
    if (!take_field(&s, 4, "-", &year) || !take_field(&s, 2, "-", &month) ||
        !take_field(&s, 2, "Tt ", &day)) {
        return PK_E_BAD_FIELD;
    }
    if (!take_field(&s, 2, ":", &hour) || !take_field(&s, 2, ":", &minute) ||
        !take_field(&s, 2, "", &second)) {
        return PK_E_BAD_FIELD;
    }
    if (!take_fraction(&s, &ms) || !take_offset(s, &offset_ms)) {
        return PK_E_BAD_FIELD;
    }
    if (day < 1 || day > pk_time_days_in_month((int)year, month) || hour > 23 || minute > 59 || second > 60) {
        return PK_E_BAD_FIELD;
    }
    if (second == 60) {
        second = 59;
        ms = 999;
    }
    *out_wall_ms = pk_time_from_civil((int)year, month, day, hour, minute, second) + ms - offset_ms;
    return PK_OK;
}
