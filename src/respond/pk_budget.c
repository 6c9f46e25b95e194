#include "respond/pk_budget.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "base/pk_zero.h"

enum {
    HOUR_MS = 3600000,
    RECORD_VERSION = 1,
    RECORD_ACTION = 1,
    RECORD_INCIDENT = 2,
    SPENT = 255,
    KEY_LETTER = 'b'
};
_Static_assert((int)PK_BUDGET_SLICES *(int)PK_BUDGET_SLICE_MS >= (int)HOUR_MS + (int)PK_BUDGET_SLICE_MS,
               "whole slices cover any hour");

void pk_budget_init(struct pk_budget *b) {
    pk_zero(b, sizeof *b);
}

static uint64_t key_of(struct pk_str action, struct pk_str target) {
    const uint64_t key = pk_hash64_mix(pk_hash64(action.p, action.n), pk_hash64(target.p, target.n));
    return key != 0 ? key : 1;
}

static bool is_sound(uint8_t used, uint8_t used_inv) {
    return (used ^ used_inv) == 0xFF;
}

static uint64_t slice_of(const struct pk_stamp *now) {
    return now->mono_ms / PK_BUDGET_SLICE_MS;
}

/* Starts of the last hour; SPENT when a slice in it is damaged. */
static uint32_t used_in_hour(const struct pk_budget_slot *s, uint64_t slice_now) {
    uint32_t sum = 0;
    const uint64_t age = slice_now > s->slice ? slice_now - s->slice : 0;
    for (uint32_t k = 0; k < PK_BUDGET_SLICES && k + age < PK_BUDGET_SLICES; k++) {
        if (!is_sound(s->used[k], s->used_inv[k])) {
            return SPENT;
        }
        sum += s->used[k];
    }
    return sum < SPENT ? sum : SPENT;
}

static struct pk_budget_slot *find_slot(struct pk_budget *b, uint64_t key) {
    for (uint32_t i = 0; i < PK_LIMIT_BUDGETS; i++) {
        if (b->slots[i].key == key) {
            return &b->slots[i];
        }
    }
    return NULL;
}

static const struct pk_budget_slot *look_slot(const struct pk_budget *b, uint64_t key) {
    for (uint32_t i = 0; i < PK_LIMIT_BUDGETS; i++) {
        if (b->slots[i].key == key) {
            return &b->slots[i];
        }
    }
    return NULL;
}

static const struct pk_budget_incident *look_incident(const struct pk_budget *b, uint32_t number) {
    for (uint32_t i = 0; number != 0 && i < PK_LIMIT_INCIDENTS; i++) {
        if (b->incidents[i].number == number) {
            return &b->incidents[i];
        }
    }
    return NULL;
}

uint32_t pk_budget_iterations(const struct pk_budget *b, uint32_t incident) {
    const struct pk_budget_incident *i = look_incident(b, incident);
    if (i == NULL) {
        return 0;
    }
    return is_sound(i->used, i->used_inv) ? i->used : (uint32_t)PK_BUDGET_ITERATIONS;
}

uint32_t pk_budget_used(const struct pk_budget *b, struct pk_str action, struct pk_str target,
                        const struct pk_stamp *now) {
    const struct pk_budget_slot *s = look_slot(b, key_of(action, target));
    return s != NULL ? used_in_hour(s, slice_of(now)) : 0;
}

/* When the hour has room for one more, from now; UINT64_MAX when a slice is damaged. */
static uint64_t wait_for_room(const struct pk_budget_slot *s, uint32_t per_hour, const struct pk_stamp *now) {
    const uint64_t slice_now = slice_of(now);
    for (uint64_t ahead = 1; ahead <= PK_BUDGET_SLICES; ahead++) {
        if (used_in_hour(s, slice_now + ahead) < per_hour) {
            return (slice_now + ahead) * PK_BUDGET_SLICE_MS - now->mono_ms;
        }
    }
    return UINT64_MAX;
}

/* A counter whose hour and longest cooldown (a day) are over says nothing any more. */
static bool is_stale(const struct pk_budget_slot *s, const struct pk_stamp *now) {
    static const uint64_t DAY_MS = 86400000u;
    return now->mono_ms >= s->last_start.mono_ms + DAY_MS && used_in_hour(s, slice_of(now)) == 0;
}

static bool has_room_for_slot(const struct pk_budget *b, const struct pk_stamp *now) {
    for (uint32_t i = 0; i < PK_LIMIT_BUDGETS; i++) {
        if (b->slots[i].key == 0 || is_stale(&b->slots[i], now)) {
            return true;
        }
    }
    return false;
}

static bool has_room_for_incident(const struct pk_budget *b) {
    for (uint32_t i = 0; i < PK_LIMIT_INCIDENTS; i++) {
        if (b->incidents[i].number == 0) {
            return true;
        }
    }
    return false;
}

int pk_budget_check(const struct pk_budget *b, struct pk_str action, struct pk_str target, uint32_t incident,
                    uint32_t per_hour, uint32_t cooldown_ms, const struct pk_stamp *now,
                    uint64_t *out_wait_ms) {
    const struct pk_budget_slot *s = look_slot(b, key_of(action, target));
    *out_wait_ms = UINT64_MAX;
    if (now->mono_ms < b->distrust_until_ms) {
        *out_wait_ms = b->distrust_until_ms - now->mono_ms;
        return PK_E_BUDGET;
    }
    if (pk_budget_iterations(b, incident) >= PK_BUDGET_ITERATIONS) {
        return PK_E_BUDGET;
    }
    if ((s == NULL && !has_room_for_slot(b, now)) ||
        (look_incident(b, incident) == NULL && !has_room_for_incident(b))) {
        return PK_E_BUDGET;
    }
    if (s == NULL) {
        *out_wait_ms = 0;
        return PK_OK;
    }
    if (used_in_hour(s, slice_of(now)) >= per_hour) {
        *out_wait_ms = wait_for_room(s, per_hour, now);
        return PK_E_BUDGET;
    }
    const uint64_t free_at_ms = s->last_start.mono_ms + cooldown_ms;
    if (now->mono_ms < free_at_ms) {
        *out_wait_ms = free_at_ms - now->mono_ms;
        return PK_E_COOLDOWN;
    }
    *out_wait_ms = 0;
    return PK_OK;
}

static struct pk_budget_slot *take_slot(struct pk_budget *b, uint64_t key, const struct pk_stamp *now) {
    struct pk_budget_slot *s = find_slot(b, key);
    for (uint32_t i = 0; s == NULL && i < PK_LIMIT_BUDGETS; i++) {
        if (b->slots[i].key == 0 || is_stale(&b->slots[i], now)) {
            s = &b->slots[i];
            b->used_count += s->key == 0 ? 1u : 0u;
            *s = (struct pk_budget_slot){.key = key, .gone_key = s->key, .slice = slice_of(now)};
            b->has_dirty = true;
            memset(s->used_inv, 0xFF, sizeof s->used_inv);
        }
    }
    return s;
}

static void advance(struct pk_budget_slot *s, uint64_t slice_now) {
    while (s->slice < slice_now) {
        const uint64_t behind = slice_now - s->slice;
        if (behind >= PK_BUDGET_SLICES) {
            memset(s->used, 0, sizeof s->used);
            memset(s->used_inv, 0xFF, sizeof s->used_inv);
            s->slice = slice_now;
            return;
        }
        memmove(&s->used[1], &s->used[0], PK_BUDGET_SLICES - 1);
        memmove(&s->used_inv[1], &s->used_inv[0], PK_BUDGET_SLICES - 1);
        s->used[0] = 0;
        s->used_inv[0] = 0xFF;
        s->slice++;
    }
}

static void take_incident(struct pk_budget *b, uint32_t number) {
    struct pk_budget_incident *free_row = NULL;
    for (uint32_t i = 0; i < PK_LIMIT_INCIDENTS; i++) {
        struct pk_budget_incident *row = &b->incidents[i];
        if (row->number == number) {
            row->used++;
            row->used_inv = (uint8_t)~row->used;
            row->is_dirty = b->has_dirty = true;
            return;
        }
        free_row = free_row == NULL && row->number == 0 ? row : free_row;
    }
    PK_ASSERT(free_row != NULL);
    *free_row =
        (struct pk_budget_incident){.number = number, .used = 1, .used_inv = (uint8_t)~1u, .is_dirty = true};
    b->has_dirty = true;
}

int pk_budget_take(struct pk_budget *b, struct pk_str action, struct pk_str target, uint32_t incident,
                   uint32_t per_hour, uint32_t cooldown_ms, const struct pk_stamp *now,
                   uint64_t *out_wait_ms) {
    PK_ASSERT(per_hour > 0 && per_hour < SPENT && incident != 0);
    const int err = pk_budget_check(b, action, target, incident, per_hour, cooldown_ms, now, out_wait_ms);
    if (err != PK_OK) {
        b->full_count += err == PK_E_BUDGET && *out_wait_ms == UINT64_MAX ? 1u : 0u;
        return err;
    }
    struct pk_budget_slot *s = take_slot(b, key_of(action, target), now);
    PK_ASSERT(s != NULL);
    advance(s, slice_of(now));
    PK_ASSERT(is_sound(s->used[0], s->used_inv[0]) && s->used[0] < SPENT);
    s->used[0]++;
    s->used_inv[0] = (uint8_t)~s->used[0];
    s->last_start = *now;
    s->is_dirty = b->has_dirty = true;
    take_incident(b, incident);
    return PK_OK;
}

void pk_budget_forget_incident(struct pk_budget *b, uint32_t incident) {
    for (uint32_t i = 0; incident != 0 && i < PK_LIMIT_INCIDENTS; i++) {
        if (b->incidents[i].number == incident) {
            b->incidents[i].is_gone = true;
            b->incidents[i].is_dirty = b->has_dirty = true;
        }
    }
}

void pk_budget_distrust(struct pk_budget *b, const struct pk_stamp *now) {
    b->distrust_until_ms = now->mono_ms + HOUR_MS;
}

/* -- stored form -- */
static void put_key(struct pk_budget_record *out, uint64_t key, uint32_t bytes) {
    out->key[0] = KEY_LETTER;
    for (uint32_t k = 0; k < bytes; k++) {
        out->key[1u + k] = (uint8_t)(key >> (8u * (bytes - 1u - k)));
    }
    out->key_bytes = 1u + bytes;
}

static void pack_slot(const struct pk_budget_slot *s, struct pk_budget_record *out) {
    struct pk_writer w;
    pk_writer_init(&w, out->value, sizeof out->value);
    pk_put_u8(&w, RECORD_VERSION);
    pk_put_u8(&w, RECORD_ACTION);
    pk_put_u64(&w, s->key);
    pk_put_u32(&w, s->last_start.boot);
    pk_put_u64(&w, s->last_start.mono_ms);
    pk_put_i64(&w, s->last_start.wall_ms);
    pk_put_u8(&w, s->last_start.quality);
    pk_put_u64(&w, s->slice);
    pk_put_bytes(&w, s->used, sizeof s->used);
    pk_put_bytes(&w, s->used_inv, sizeof s->used_inv);
    PK_ASSERT(!w.is_full);
    out->value_bytes = w.n;
    put_key(out, s->key, 8);
}

static void pack_incident(const struct pk_budget_incident *i, struct pk_budget_record *out) {
    struct pk_writer w;
    pk_writer_init(&w, out->value, sizeof out->value);
    pk_put_u8(&w, RECORD_VERSION);
    pk_put_u8(&w, RECORD_INCIDENT);
    pk_put_u32(&w, i->number);
    pk_put_u8(&w, i->used);
    pk_put_u8(&w, i->used_inv);
    PK_ASSERT(!w.is_full);
    out->value_bytes = w.n;
    put_key(out, i->number, 4);
}

static bool next_dirty_slot(struct pk_budget *b, struct pk_budget_record *out) {
    for (uint32_t i = 0; i < PK_LIMIT_BUDGETS; i++) {
        struct pk_budget_slot *s = &b->slots[i];
        if (s->gone_key != 0) {
            put_key(out, s->gone_key, 8);
            s->gone_key = 0;
            return true;
        }
        if (s->key != 0 && s->is_dirty) {
            s->is_dirty = false;
            pack_slot(s, out);
            return true;
        }
    }
    return false;
}

int pk_budget_next_dirty(struct pk_budget *b, struct pk_budget_record *out) {
    memset(out, 0, sizeof *out);
    if (!b->has_dirty) {
        return PK_E_NOT_FOUND;
    }
    if (next_dirty_slot(b, out)) {
        return PK_OK;
    }
    for (uint32_t i = 0; i < PK_LIMIT_INCIDENTS; i++) {
        struct pk_budget_incident *row = &b->incidents[i];
        if (row->number == 0 || !row->is_dirty) {
            continue;
        }
        row->is_dirty = false;
        if (row->is_gone) {
            put_key(out, row->number, 4);
            *row = (struct pk_budget_incident){0};
        } else {
            pack_incident(row, out);
        }
        return PK_OK;
    }
    b->has_dirty = false;
    return PK_E_NOT_FOUND;
}

void pk_budget_dirty_all(struct pk_budget *b) {
    b->has_dirty = true;
    for (uint32_t i = 0; i < PK_LIMIT_BUDGETS; i++) {
        b->slots[i].is_dirty = b->slots[i].key != 0;
    }
    for (uint32_t i = 0; i < PK_LIMIT_INCIDENTS; i++) {
        b->incidents[i].is_dirty = b->incidents[i].number != 0;
    }
}

/* Milliseconds since the stored start that have certainly passed. Between boots only two good wall times
 * tell: an undisciplined clock above the floor may be ahead by years. */
static uint64_t certain_age_ms(const struct pk_stamp *stored, const struct pk_stamp *now) {
    if (stored->boot == now->boot) {
        return now->mono_ms > stored->mono_ms ? now->mono_ms - stored->mono_ms : 0;
    }
    if (stored->quality < PK_TIME_NTP || now->quality < PK_TIME_NTP || stored->wall_ms <= 0 ||
        now->wall_ms <= stored->wall_ms) {
        return 0;
    }
    return (uint64_t)(now->wall_ms - stored->wall_ms);
}

/* The boot-time clock of the other boot is not ours: slices and the last start are moved to where their
 * certain age puts them. */
static void rebase(struct pk_budget_slot *s, const struct pk_stamp *now) {
    if (s->last_start.boot == now->boot) {
        return;
    }
    const uint64_t age_ms = certain_age_ms(&s->last_start, now);
    const uint64_t age_slices = age_ms / PK_BUDGET_SLICE_MS;
    const uint64_t slice_now = slice_of(now);
    s->last_start.mono_ms = now->mono_ms > age_ms ? now->mono_ms - age_ms : 0;
    s->last_start.boot = now->boot;
    if (age_slices <= slice_now) {
        s->slice = slice_now - age_slices;
        return;
    }
    /* Older than this boot: what is left of it is counted as of now rather than before time began. */
    s->slice = slice_now;
    if (age_slices >= PK_BUDGET_SLICES) {
        memset(s->used, 0, sizeof s->used);
        memset(s->used_inv, 0xFF, sizeof s->used_inv);
    }
}

static int restore_slot(struct pk_budget *b, struct pk_reader *r, const struct pk_stamp *now) {
    struct pk_budget_slot s = {0};
    s.key = pk_get_u64(r);
    s.last_start.boot = pk_get_u32(r);
    s.last_start.mono_ms = pk_get_u64(r);
    s.last_start.wall_ms = pk_get_i64(r);
    s.last_start.quality = pk_get_u8(r);
    s.slice = pk_get_u64(r);
    pk_get_bytes(r, s.used, sizeof s.used);
    pk_get_bytes(r, s.used_inv, sizeof s.used_inv);
    if (!pk_reader_done(r) || s.key == 0 || s.last_start.quality >= PK_TIME_QUALITY_COUNT) {
        return PK_E_CORRUPT;
    }
    rebase(&s, now);
    struct pk_budget_slot *row = find_slot(b, s.key);
    row = row != NULL ? row : find_slot(b, 0);
    if (row == NULL) {
        return PK_E_FULL;
    }
    b->used_count += row->key == 0 ? 1u : 0u;
    *row = s;
    return PK_OK;
}

static int restore_incident(struct pk_budget *b, struct pk_reader *r) {
    struct pk_budget_incident i = {.number = pk_get_u32(r)};
    i.used = pk_get_u8(r);
    i.used_inv = pk_get_u8(r);
    if (!pk_reader_done(r) || i.number == 0) {
        return PK_E_CORRUPT;
    }
    for (uint32_t k = 0; k < PK_LIMIT_INCIDENTS; k++) {
        if (b->incidents[k].number == 0 || b->incidents[k].number == i.number) {
            b->incidents[k] = i;
            return PK_OK;
        }
    }
    return PK_E_FULL;
}

int pk_budget_restore(struct pk_budget *b, struct pk_str value, const struct pk_stamp *now) {
    struct pk_reader r;
    int err = PK_E_CORRUPT;
    pk_reader_init(&r, value.p, value.n);
    const uint8_t version = pk_get_u8(&r);
    const uint8_t kind = pk_get_u8(&r);
    if (version == RECORD_VERSION && kind == RECORD_ACTION) {
        err = restore_slot(b, &r, now);
    } else if (version == RECORD_VERSION && kind == RECORD_INCIDENT) {
        err = restore_incident(b, &r);
    }
    if (err != PK_OK) {
        b->corrupt_count++;
        pk_budget_distrust(b, now);
    }
    return err;
}
