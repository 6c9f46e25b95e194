#include "respond/pk_switches.h"

#include <string.h>

#include "base/pk_assert.h"
#include "wire/pk_record.h"

enum { RECORD_VERSION = 1 };

static const char *const WORDS[PK_SWITCH_COUNT] = {[PK_SWITCH_AUTO_REMEDIATION] = "auto_remediation_enabled",
                                                   [PK_SWITCH_NOTIFICATIONS] = "notifications_enabled",
                                                   [PK_SWITCH_MAINTENANCE] = "maintenance_enabled",
                                                   [PK_SWITCH_AUTO_ROLLBACK] = "auto_rollback"};

const char *pk_switch_word(uint8_t which) {
    return which < PK_SWITCH_COUNT ? WORDS[which] : "unknown";
}

int pk_switch_parse(struct pk_str word, uint8_t *out) {
    for (uint8_t i = 0; i < PK_SWITCH_COUNT; i++) {
        if (pk_str_eq_c(word, WORDS[i])) {
            *out = i;
            return PK_OK;
        }
    }
    return PK_E_NOT_FOUND;
}

int pk_switch_set(struct pk_switches *s, uint8_t which, bool is_on, bool allowed, struct pk_str by,
                  struct pk_str why, const struct pk_stamp *now) {
    PK_ASSERT(which < PK_SWITCH_COUNT);
    if (is_on && !allowed) {
        return PK_E_POLICY;
    }
    struct pk_switch_row *row = &s->rows[which];
    *row = (struct pk_switch_row){.is_off = !is_on, .is_dirty = true};
    if (!is_on) {
        row->at = *now;
        (void)pk_str_copy_cut(by, row->by, sizeof row->by);
        (void)pk_str_copy_cut(why, row->why, sizeof row->why);
    }
    return PK_OK;
}

void pk_switch_words(const struct pk_switches *s, uint8_t which, bool allowed, struct pk_buf *out) {
    PK_ASSERT(which < PK_SWITCH_COUNT);
    const struct pk_switch_row *row = &s->rows[which];
    if (allowed && !row->is_off) {
        return;
    }
    pk_buf_puts(out, WORDS[which]);
    pk_buf_puts(out, " is off: ");
    pk_buf_puts(out, !allowed ? "the local file says no" : row->by);
    if (allowed && row->why[0] != '\0') {
        pk_buf_puts(out, ": ");
        pk_buf_puts(out, row->why);
    }
}

/* -- the store -- */
static uint32_t pack(const struct pk_switch_row *row, uint8_t *out) {
    struct pk_writer w;
    pk_writer_init(&w, out, PK_SWITCH_STORED_BYTES);
    pk_put_u8(&w, PK_RECORD_SWITCH);
    pk_put_u8(&w, RECORD_VERSION);
    pk_put_u8(&w, row->at.quality);
    pk_put_u32(&w, row->at.boot);
    pk_put_u64(&w, row->at.mono_ms);
    pk_put_i64(&w, row->at.wall_ms);
    pk_put_text(&w, pk_str_of(row->by));
    pk_put_text(&w, pk_str_of(row->why));
    PK_ASSERT(!w.is_full);
    return w.n;
}

int pk_switches_next_dirty(struct pk_switches *s, struct pk_switch_record *out) {
    for (uint8_t i = 0; i < PK_SWITCH_COUNT; i++) {
        struct pk_switch_row *row = &s->rows[i];
        if (!row->is_dirty) {
            continue;
        }
        row->is_dirty = false;
        out->key[0] = (uint8_t)'w';
        out->key[1] = i;
        out->value_bytes = row->is_off ? pack(row, out->value) : 0;
        return PK_OK;
    }
    return PK_E_NOT_FOUND;
}

static bool get_name(struct pk_reader *r, char *out, size_t cap_bytes) {
    const struct pk_str s = pk_get_text(r);
    return pk_text_is_utf8(s) && (s.n == 0 || memchr(s.p, 0, s.n) == NULL) &&
           pk_str_copy(s, out, cap_bytes) >= 0;
}

static int unpack(struct pk_str value, struct pk_switch_row *row) {
    struct pk_reader r;
    pk_reader_init(&r, value.p, value.n);
    if (pk_get_u8(&r) != PK_RECORD_SWITCH || pk_get_u8(&r) != RECORD_VERSION) {
        return PK_E_CORRUPT;
    }
    row->at.quality = pk_get_u8(&r);
    row->at.boot = pk_get_u32(&r);
    row->at.mono_ms = pk_get_u64(&r);
    row->at.wall_ms = pk_get_i64(&r);
    const bool texts_fit = get_name(&r, row->by, sizeof row->by) && get_name(&r, row->why, sizeof row->why) &&
                           row->by[0] != '\0';
    return texts_fit && pk_reader_done(&r) && row->at.quality < PK_TIME_QUALITY_COUNT ? PK_OK : PK_E_CORRUPT;
}

int pk_switches_restore(struct pk_switches *s, struct pk_str key, struct pk_str value) {
    struct pk_switch_row row = {.is_off = true};
    const uint8_t which = key.n == PK_SWITCH_KEY_BYTES ? (uint8_t)key.p[1] : (uint8_t)PK_SWITCH_COUNT;
    if (which >= PK_SWITCH_COUNT || key.p[0] != 'w') {
        return PK_E_CORRUPT;
    }
    const int err = unpack(value, &row);
    if (err != PK_OK) {
        /* That there is a record says that somebody switched it off. */
        row = (struct pk_switch_row){.is_off = true, .by = "store", .why = "record damaged"};
    }
    s->rows[which] = row;
    return err;
}
