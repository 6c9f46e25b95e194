#include "respond/pk_standing.h"

#include <string.h>

#include "base/pk_assert.h"
#include "wire/pk_record.h"
#include "wire/pk_role.h"

enum { RECORD_VERSION = 1 };

static bool is_intact(const struct pk_standing *s) {
    return (uint8_t)(s->left ^ s->left_inv) == 0xFFu && s->left <= PK_STANDING_USES_MAX;
}

static bool is_over(const struct pk_standing *s, const struct pk_stamp *now) {
    if (s->until.boot == now->boot) {
        return now->mono_ms >= s->until.mono_ms;
    }
    return s->until.wall_ms <= 0 || s->until.quality < PK_TIME_NTP ||
           (now->quality >= PK_TIME_NTP && now->wall_ms >= s->until.wall_ms);
}

bool pk_standing_holds(const struct pk_standing *s, const struct pk_stamp *now) {
    const bool is_clock_known = s->until.boot == now->boot || now->quality >= PK_TIME_NTP;
    return s->number != 0 && !s->is_gone && is_intact(s) && s->left > 0 && is_clock_known && !is_over(s, now);
}

static struct pk_standing *find(struct pk_standings *t, uint32_t number) {
    for (uint32_t i = 0; i < PK_LIMIT_STANDING; i++) {
        if (t->rows[i].number == number) {
            return &t->rows[i];
        }
    }
    return NULL;
}

static uint16_t new_number(struct pk_standings *t) {
    do {
        t->last_number = (uint16_t)(t->last_number == UINT16_MAX ? 1u : t->last_number + 1u);
    } while (find(t, t->last_number) != NULL);
    return t->last_number;
}

static void note_high(struct pk_standings *t) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < PK_LIMIT_STANDING; i++) {
        count += t->rows[i].number != 0 ? 1u : 0u;
    }
    t->high_count = count > t->high_count ? count : t->high_count;
}

int pk_standings_add(struct pk_standings *t, const struct pk_standing *s, const struct pk_stamp *now) {
    if (s->left == 0 || s->left > PK_STANDING_USES_MAX || s->action[0] == '\0' || s->by[0][0] == '\0' ||
        s->role >= PK_ROLE_COUNT || is_over(s, now)) {
        return PK_E_BAD_FIELD;
    }
    struct pk_standing *row = find(t, 0);
    if (row == NULL) {
        t->refused_count++;
        return PK_E_FULL;
    }
    const uint16_t number = new_number(t);
    *row = *s;
    row->number = number;
    row->left_inv = (uint8_t)~row->left;
    row->is_dirty = true;
    row->is_gone = false;
    note_high(t);
    return number;
}

int pk_standings_end(struct pk_standings *t, uint32_t number) {
    struct pk_standing *s = number != 0 ? find(t, number) : NULL;
    if (s == NULL || s->is_gone) {
        return PK_E_NOT_FOUND;
    }
    s->is_gone = true;
    return PK_OK;
}

const struct pk_standing *pk_standings_get(const struct pk_standings *t, uint32_t number) {
    for (uint32_t i = 0; number != 0 && i < PK_LIMIT_STANDING; i++) {
        if (t->rows[i].number == number && !t->rows[i].is_gone) {
            return &t->rows[i];
        }
    }
    return NULL;
}

const struct pk_standing *pk_standings_take(struct pk_standings *t, struct pk_str action,
                                            struct pk_str target, uint8_t role, uint8_t people,
                                            const struct pk_stamp *now) {
    for (uint32_t i = 0; i < PK_LIMIT_STANDING; i++) {
        struct pk_standing *s = &t->rows[i];
        const uint8_t count = s->by[1][0] != '\0' ? 2 : 1;
        if (pk_standing_holds(s, now) && pk_str_eq_c(action, s->action) && pk_str_eq_c(target, s->target) &&
            count >= people && pk_role_reaches((enum pk_role)s->role, (enum pk_role)role)) {
            s->left--;
            s->left_inv = (uint8_t)~s->left;
            s->is_dirty = true;
            return s;
        }
    }
    return NULL;
}

/* -- the store -- */
static uint32_t pack(const struct pk_standing *s, uint8_t out[PK_STANDING_STORED_BYTES]) {
    struct pk_writer w;
    pk_writer_init(&w, out, PK_STANDING_STORED_BYTES);
    pk_put_u8(&w, PK_RECORD_STANDING);
    pk_put_u8(&w, RECORD_VERSION);
    pk_put_u16(&w, s->number);
    pk_put_u8(&w, s->role);
    pk_put_u8(&w, s->left);
    pk_put_u8(&w, s->left_inv);
    pk_put_u32(&w, s->until.boot);
    pk_put_u64(&w, s->until.mono_ms);
    pk_put_i64(&w, s->until.wall_ms);
    pk_put_u8(&w, s->until.quality);
    pk_put_text(&w, pk_str_of(s->action));
    pk_put_text(&w, pk_str_of(s->target));
    pk_put_text(&w, pk_str_of(s->by[0]));
    pk_put_text(&w, pk_str_of(s->by[1]));
    pk_put_text(&w, pk_str_of(s->why));
    PK_ASSERT(!w.is_full);
    return w.n;
}

int pk_standings_next_dirty(struct pk_standings *t, const struct pk_stamp *now,
                            struct pk_standing_record *out) {
    for (uint32_t i = 0; i < PK_LIMIT_STANDING; i++) {
        struct pk_standing *s = &t->rows[i];
        if (s->number == 0) {
            continue;
        }
        const bool is_gone = s->is_gone || !is_intact(s) || s->left == 0 || is_over(s, now);
        if (!is_gone && !s->is_dirty) {
            continue;
        }
        out->key[0] = (uint8_t)'o';
        for (uint32_t k = 0; k < 4; k++) {
            out->key[1 + k] = (uint8_t)((uint32_t)s->number >> (24u - 8u * k));
        }
        out->value_bytes = is_gone ? 0 : pack(s, out->value);
        s->is_dirty = false;
        if (is_gone) {
            *s = (struct pk_standing){0};
        }
        return PK_OK;
    }
    return PK_E_NOT_FOUND;
}

static bool get_name(struct pk_reader *r, char *out, size_t cap_bytes) {
    const struct pk_str s = pk_get_text(r);
    return pk_text_is_utf8(s) && (s.n == 0 || memchr(s.p, 0, s.n) == NULL) &&
           pk_str_copy(s, out, cap_bytes) >= 0;
}

static int unpack(struct pk_standing *s, struct pk_str value) {
    struct pk_reader r;
    memset(s, 0, sizeof *s);
    pk_reader_init(&r, value.p, value.n);
    if (pk_get_u8(&r) != PK_RECORD_STANDING || pk_get_u8(&r) != RECORD_VERSION) {
        return PK_E_CORRUPT;
    }
    s->number = pk_get_u16(&r);
    s->role = pk_get_u8(&r);
    s->left = pk_get_u8(&r);
    s->left_inv = pk_get_u8(&r);
    s->until.boot = pk_get_u32(&r);
    s->until.mono_ms = pk_get_u64(&r);
    s->until.wall_ms = pk_get_i64(&r);
    s->until.quality = pk_get_u8(&r);
    const bool texts_fit = get_name(&r, s->action, sizeof s->action) &&
                           get_name(&r, s->target, sizeof s->target) &&
                           get_name(&r, s->by[0], sizeof s->by[0]) &&
                           get_name(&r, s->by[1], sizeof s->by[1]) && get_name(&r, s->why, sizeof s->why);
    const bool is_sound = texts_fit && pk_reader_done(&r) && s->number != 0 && s->role < PK_ROLE_COUNT &&
                          is_intact(s) && s->until.quality < PK_TIME_QUALITY_COUNT && s->action[0] != '\0' &&
                          s->by[0][0] != '\0';
    return is_sound ? PK_OK : PK_E_CORRUPT;
}

int pk_standings_restore(struct pk_standings *t, struct pk_str value) {
    struct pk_standing s;
    if (unpack(&s, value) != PK_OK) {
        return PK_E_CORRUPT;
    }
    if (find(t, s.number) != NULL) {
        return PK_E_CONFLICT;
    }
    struct pk_standing *row = find(t, 0);
    if (row == NULL) {
        return PK_E_FULL;
    }
    *row = s;
    t->last_number = s.number > t->last_number ? s.number : t->last_number;
    note_high(t);
    return PK_OK;
}
