#include "detect/pk_anomaly_bytes.h"

#include <math.h>
#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_bytes.h"

enum { VERSION = 1 };
static const float LARGEST = 1e32F; /* no field of a series gets there */

static void put_float(struct pk_writer *w, float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    pk_put_u32(w, bits);
}

static void put_floats(struct pk_writer *w, const float *v, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        put_float(w, v[i]);
    }
}

/* Bad is what would not be there: NaN, infinities, numbers out of proportion. */
static float get_float(struct pk_reader *r) {
    const uint32_t bits = pk_get_u32(r);
    float v;
    memcpy(&v, &bits, sizeof v);
    if (!(v >= -LARGEST && v <= LARGEST)) {
        r->is_bad = true;
        return 0;
    }
    return v;
}

static void get_floats(struct pk_reader *r, float *v, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        v[i] = get_float(r);
    }
}

static void put_tracks(struct pk_writer *w, const struct pk_anomaly *a) {
    for (unsigned i = 0; i < PK_ANOMALY_STREAMS; i++) {
        const struct pk_anomaly_track *t = &a->track[i];
        for (unsigned k = 0; k < PK_COUNT_OF(t->side); k++) {
            const struct pk_anomaly_side *s = &t->side[k];
            const float all[] = {s->record, s->block_top, s->usual, s->wide};
            put_floats(w, all, PK_COUNT_OF(all));
        }
        put_float(w, t->last);
        put_float(w, t->step);
    }
}

static void get_tracks(struct pk_reader *r, struct pk_anomaly *a) {
    for (unsigned i = 0; i < PK_ANOMALY_STREAMS; i++) {
        struct pk_anomaly_track *t = &a->track[i];
        for (unsigned k = 0; k < PK_COUNT_OF(t->side); k++) {
            float all[4];
            get_floats(r, all, PK_COUNT_OF(all));
            t->side[k] = (struct pk_anomaly_side){all[0], all[1], all[2], all[3]};
            r->is_bad = r->is_bad || t->side[k].wide < 0;
        }
        t->last = get_float(r);
        t->step = get_float(r);
        r->is_bad = r->is_bad || t->step < 0;
    }
}

static void put_season(struct pk_writer *w, const struct pk_anomaly *a) {
    if (a->has_clock) {
        put_floats(w, &a->season.days.usual[0][0], PK_ANOMALY_DAY_KINDS * PK_ANOMALY_DAY_BINS);
        pk_put_bytes(w, a->season.days.seen_count, sizeof a->season.days.seen_count);
    } else {
        put_floats(w, &a->season.cycles.usual[0][0], PK_ANOMALY_CYCLES * PK_ANOMALY_CYCLE_BINS);
        put_floats(w, a->season.cycles.gain, PK_ANOMALY_CYCLES);
    }
}

static void get_season(struct pk_reader *r, struct pk_anomaly *a) {
    if (a->has_clock) {
        get_floats(r, &a->season.days.usual[0][0], PK_ANOMALY_DAY_KINDS * PK_ANOMALY_DAY_BINS);
        pk_get_bytes(r, a->season.days.seen_count, sizeof a->season.days.seen_count);
    } else {
        get_floats(r, &a->season.cycles.usual[0][0], PK_ANOMALY_CYCLES * PK_ANOMALY_CYCLE_BINS);
        get_floats(r, a->season.cycles.gain, PK_ANOMALY_CYCLES);
    }
}

void pk_anomaly_save(const struct pk_anomaly *a, uint8_t out[PK_ANOMALY_BYTES]) {
    struct pk_writer w;
    pk_writer_init(&w, out, PK_ANOMALY_BYTES);
    pk_put_u8(&w, VERSION);
    pk_put_u8(&w, a->has_clock);
    pk_put_u8(&w, a->block_fill);
    pk_put_u16(&w, a->block_count);
    pk_put_u16(&w, a->phase);
    pk_put_u32(&w, a->count);
    pk_put_double(&w, a->origin);
    put_tracks(&w, a);
    put_floats(&w, a->level, PK_ANOMALY_LEVELS);
    const float rest[] = {a->slow_mean, a->error, a->smoothed, a->hold, a->habit, a->grid.low, a->grid.high};
    put_floats(&w, rest, PK_COUNT_OF(rest));
    put_season(&w, a);
    for (unsigned c = 0; c < PK_ANOMALY_GRID_COLUMNS; c++) {
        pk_put_u16(&w, a->grid.column[c]);
    }
    PK_ASSERT(!w.is_full && w.n == PK_ANOMALY_BYTES);
}

static bool is_possible(const struct pk_anomaly *a) {
    return a->has_clock <= 1 && a->block_fill < PK_ANOMALY_BLOCK_POINTS && a->phase < PK_ANOMALY_PHASES &&
           a->count <= PK_ANOMALY_COUNT_MAX && isfinite(a->origin) && a->error >= 0 && a->hold >= 0 &&
           a->hold <= 1 && a->habit >= 0;
}

static void get_all(struct pk_reader *r, struct pk_anomaly *a) {
    a->has_clock = pk_get_u8(r);
    a->block_fill = pk_get_u8(r);
    a->block_count = pk_get_u16(r);
    a->phase = pk_get_u16(r);
    a->count = pk_get_u32(r);
    a->origin = pk_get_double(r);
    get_tracks(r, a);
    get_floats(r, a->level, PK_ANOMALY_LEVELS);
    float rest[7];
    get_floats(r, rest, PK_COUNT_OF(rest));
    a->slow_mean = rest[0];
    a->error = rest[1];
    a->smoothed = rest[2];
    a->hold = rest[3];
    a->habit = rest[4];
    a->grid.low = rest[5];
    a->grid.high = rest[6];
    get_season(r, a);
    for (unsigned c = 0; c < PK_ANOMALY_GRID_COLUMNS; c++) {
        a->grid.column[c] = pk_get_u16(r);
    }
}

int pk_anomaly_load(struct pk_anomaly *a, const uint8_t *bytes, uint32_t n) {
    struct pk_reader r;
    pk_reader_init(&r, bytes, n);
    pk_anomaly_init(a);
    if (n > 0 && pk_get_u8(&r) != VERSION) {
        return PK_E_UNSUPPORTED;
    }
    get_all(&r, a);
    if (!pk_reader_done(&r) || !is_possible(a)) {
        pk_anomaly_init(a);
        return PK_E_CORRUPT;
    }
    return PK_OK;
}
