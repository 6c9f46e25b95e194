#include "detect/pk_baseline.h"

#include <math.h>
#include <string.h>

#include "base/pk_assert.h"

enum {
    DAYS = PK_BASELINE_DAYS,
    HOURS = PK_BASELINE_HOURS,
    PARTS = PK_BASELINE_PARTS,
    LEAST = PK_BASELINE_LEAST,
    TRIM_FROM = 3,
    FIRST_PARTS = PARTS, /* an hour in all */
    SIGN = 0x8000,
    ZERO = 1 /* the smallest number above zero stands for it, as 0 is "nothing" */
};
static const double FAR_AWAY = 1e30;

/* Sign, exponent and 7 bits of the fraction of a float, rounded to the nearest. */
static uint16_t pack(float v) {
    uint32_t bits = 0;
    memcpy(&bits, &v, sizeof bits);
    const uint16_t packed = (uint16_t)((bits + 0x8000u) >> 16);
    return (packed & (SIGN - 1)) == 0 ? ZERO : packed;
}

static float unpack(uint16_t packed) {
    const uint32_t bits = packed == ZERO ? 0u : (uint32_t)packed << 16;
    float v = 0;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Of n >= 1 numbers, which are put in order. */
static float median(float *v, uint32_t n) {
    PK_ASSERT(n > 0);
    for (uint32_t i = 1; i < n; i++) {
        const float x = v[i];
        uint32_t at = i;
        while (at > 0 && v[at - 1u] > x) {
            v[at] = v[at - 1u];
            at--;
        }
        v[at] = x;
    }
    return n % 2u == 1u ? v[n / 2u] : (float)(((double)v[n / 2u - 1u] + (double)v[n / 2u]) / 2);
}

/* Every step-th hour before `hour`. */
static uint32_t collect(const struct pk_baseline *b, uint64_t hour, uint32_t step, float *out) {
    uint32_t n = 0;
    for (uint32_t back = step; back <= HOURS && back <= hour; back += step) {
        const uint16_t packed = b->hour[(hour - back) % HOURS];
        if (packed != 0) {
            out[n++] = unpack(packed);
        }
    }
    return n;
}

static void find_usual(struct pk_baseline *b, uint64_t hour) {
    float v[HOURS];
    uint32_t n = collect(b, hour, HOURS / DAYS, v);
    b->kind = PK_BASELINE_HOUR;
    if (n < LEAST) {
        n = collect(b, hour, 1, v);
        b->kind = PK_BASELINE_OVERALL;
    }
    if (n < LEAST) {
        memcpy(&v[n], b->part, b->part_count * sizeof v[0]);
        b->kind = b->made + b->part_count < FIRST_PARTS ? PK_BASELINE_UNKNOWN : PK_BASELINE_FIRST;
        n += b->part_count;
    }
    b->usual = b->kind != PK_BASELINE_UNKNOWN ? median(v, n) : 0;
}

static uint64_t hour_of(uint64_t part_number) {
    return part_number / PARTS;
}

static void complete_part(struct pk_baseline *b) {
    const bool is_trimmed = b->count >= TRIM_FROM;
    const double mean = is_trimmed ? b->inner / (double)(b->count - 2u) : (b->low + b->high) / 2;
    b->part[b->part_count++] = (float)mean;
    b->low = b->high = b->inner = 0;
    b->count = 0;
}

/* Hours without a number leave nothing where what was a week before still is. */
static void complete_hour(struct pk_baseline *b, uint64_t hour, uint64_t next) {
    float v[HOURS];
    const uint32_t parts = b->part_count;
    b->hour[hour % HOURS] = pack(median(b->part, parts));
    b->part_count = 0;
    for (uint64_t h = hour + 1u; h < next && h - hour <= HOURS; h++) {
        b->hour[h % HOURS] = 0;
    }
    const uint32_t n = collect(b, next, 1, v);
    b->made = (uint8_t)(n == 1 ? parts : n == 2 ? b->made + parts : 0u);
    find_usual(b, next);
}

static void put_in_part(struct pk_baseline *b, double v) {
    double middle = v;
    if (b->count == 0) {
        b->low = v;
        b->high = v;
    } else if (v < b->low) {
        middle = b->low;
        b->low = v;
    } else if (v > b->high) {
        middle = b->high;
        b->high = v;
    }
    b->inner += b->count > 1 ? middle : 0;
    b->count++;
}

int pk_baseline_add(struct pk_baseline *b, uint64_t time_ms, double v) {
    if (!isfinite(v)) {
        return PK_E_BAD_FIELD;
    }
    const uint64_t number = time_ms / PK_BASELINE_PART_MS;
    if (b->count > 0 && number < b->part_number) {
        return PK_OK;
    }
    if (b->count > 0 && number > b->part_number) {
        complete_part(b);
        if (hour_of(number) > hour_of(b->part_number)) {
            complete_hour(b, hour_of(b->part_number), hour_of(number));
        } else if (b->kind <= PK_BASELINE_FIRST) {
            find_usual(b, hour_of(number));
        }
    }
    b->part_number = number;
    if (b->count < UINT32_MAX) {
        put_in_part(b, v > FAR_AWAY ? FAR_AWAY : v < -FAR_AWAY ? -FAR_AWAY : v);
    }
    return PK_OK;
}

enum pk_baseline_kind pk_baseline_usual(const struct pk_baseline *b, double *out_usual) {
    if (b->kind != PK_BASELINE_UNKNOWN) {
        *out_usual = (double)b->usual;
    }
    return (enum pk_baseline_kind)b->kind;
}

static void put_float(struct pk_writer *w, float v) {
    uint32_t bits = 0;
    memcpy(&bits, &v, sizeof bits);
    pk_put_u32(w, bits);
}

/* No number of a series is beyond FAR_AWAY, rounded up. */
static bool is_number(double v) {
    return fabs(v) <= FAR_AWAY * 1.01;
}

static float get_float(struct pk_reader *r) {
    const uint32_t bits = pk_get_u32(r);
    float v = 0;
    memcpy(&v, &bits, sizeof v);
    r->is_bad = r->is_bad || !is_number((double)v);
    return v;
}

void pk_baseline_put(const struct pk_baseline *b, struct pk_writer *w) {
    for (uint32_t h = 0; h < HOURS; h++) {
        pk_put_u16(w, b->hour[h]);
    }
    for (uint32_t p = 0; p < PARTS; p++) {
        put_float(w, p < b->part_count ? b->part[p] : 0.0F);
    }
    pk_put_double(w, b->low);
    pk_put_double(w, b->high);
    pk_put_double(w, b->inner);
    pk_put_u64(w, b->part_number);
    pk_put_u32(w, b->count);
    put_float(w, b->usual);
    pk_put_u8(w, b->kind);
    pk_put_u8(w, b->part_count);
    pk_put_u8(w, b->made);
}

/* The sum of as many numbers as were counted. */
static bool is_possible(const struct pk_baseline *b) {
    return is_number(b->low) && is_number(b->high) && b->low <= b->high &&
           fabs(b->inner) <= FAR_AWAY * ((double)b->count + 1) && b->kind < PK_BASELINE_KIND_COUNT &&
           b->part_count < PARTS && b->made <= 2 * PARTS &&
           b->part_number <= UINT64_MAX / PK_BASELINE_PART_MS;
}

int pk_baseline_get(struct pk_baseline *b, struct pk_reader *r) {
    memset(b, 0, sizeof *b);
    for (uint32_t h = 0; h < HOURS; h++) {
        b->hour[h] = pk_get_u16(r);
        r->is_bad = r->is_bad || !is_number((double)unpack(b->hour[h]));
    }
    for (uint32_t p = 0; p < PARTS; p++) {
        b->part[p] = get_float(r);
    }
    b->low = pk_get_double(r);
    b->high = pk_get_double(r);
    b->inner = pk_get_double(r);
    b->part_number = pk_get_u64(r);
    b->count = pk_get_u32(r);
    b->usual = get_float(r);
    b->kind = pk_get_u8(r);
    b->part_count = pk_get_u8(r);
    b->made = pk_get_u8(r);
    if (r->is_bad || !is_possible(b)) {
        memset(b, 0, sizeof *b);
        return PK_E_CORRUPT;
    }
    return PK_OK;
}
