#include "report/pk_key_changes.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_bytes.h"
#include "wire/pk_record.h"

enum { VERSION = 2, VERSION_WITHOUT_CRC = 1, IS_REVOKED = 1 };

void pk_key_changes_init(struct pk_key_changes *c) {
    *c = (struct pk_key_changes){0};
}

static struct pk_key_change *find(struct pk_key_changes *c, struct pk_str kid) {
    for (uint32_t i = 0; i < PK_LIMIT_KEY_CHANGES; i++) {
        if (c->items[i].key.kid[0] != '\0' && pk_str_eq_c(kid, c->items[i].key.kid)) {
            return &c->items[i];
        }
    }
    return NULL;
}

/* A place that is free, but for the last `kept`. One that cannot be read goes first: what root says now takes
 * its place. */
static struct pk_key_change *find_free(struct pk_key_changes *c, uint32_t kept) {
    struct pk_key_change *first = NULL;
    uint32_t free_count = 0;
    for (uint32_t i = 0; i < PK_LIMIT_KEY_CHANGES; i++) {
        if (c->is_unreadable[i]) {
            return &c->items[i];
        }
        if (c->items[i].key.kid[0] == '\0') {
            first = first == NULL ? &c->items[i] : first;
            free_count++;
        }
    }
    return free_count > kept ? first : NULL;
}

/* The slot of a change that was made. */
static int made(struct pk_key_changes *c, struct pk_keys *keys, const struct pk_key_change *change) {
    const int slot = (int)(change - c->items);
    c->is_unreadable[slot] = false;
    keys->is_distrusted = pk_key_changes_is_distrusted(c);
    return slot;
}

bool pk_key_changes_is_distrusted(const struct pk_key_changes *c) {
    bool is_distrusted = c->is_beyond;
    for (uint32_t i = 0; i < PK_LIMIT_KEY_CHANGES; i++) {
        is_distrusted = is_distrusted || c->is_unreadable[i];
    }
    return is_distrusted;
}

static void take_out(struct pk_keys *keys, uint32_t index) {
    for (uint32_t i = index; i + 1 < keys->count; i++) {
        keys->items[i] = keys->items[i + 1];
    }
    keys->count--;
}

uint32_t pk_key_changes_apply(const struct pk_key_changes *c, struct pk_keys *keys) {
    uint32_t left_out_count = 0;
    keys->is_distrusted = pk_key_changes_is_distrusted(c);
    for (uint32_t i = 0; i < PK_LIMIT_KEY_CHANGES; i++) {
        const struct pk_key_change *change = &c->items[i];
        const int index = pk_keys_find(keys, pk_str_of(change->key.kid));
        if (change->key.kid[0] == '\0') {
            continue;
        }
        if (change->is_revoked && index >= 0) {
            take_out(keys, (uint32_t)index);
        } else if (!change->is_revoked && index < 0 && keys->count < PK_LIMIT_KEYS_PUBLIC) {
            keys->items[keys->count++] = change->key;
        } else if (!change->is_revoked && index < 0) {
            left_out_count++;
        }
    }
    return left_out_count;
}

int pk_key_changes_add(struct pk_key_changes *c, struct pk_keys *keys, const struct pk_key *key) {
    PK_ASSERT(key->kid[0] != '\0' && key->role < PK_ROLE_COUNT);
    if (pk_keys_find(keys, pk_str_of(key->kid)) >= 0 || find(c, pk_str_of(key->kid)) != NULL) {
        return PK_E_CONFLICT;
    }
    struct pk_key_change *change = find_free(c, 0);
    if (change == NULL || keys->count == PK_LIMIT_KEYS_PUBLIC) {
        return PK_E_FULL;
    }
    *change = (struct pk_key_change){.key = *key};
    keys->items[keys->count++] = *key;
    return made(c, keys, change);
}

static uint32_t admin_count(const struct pk_keys *keys) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < keys->count; i++) {
        count += keys->items[i].role == PK_ROLE_ADMIN ? 1u : 0u;
    }
    return count;
}

/* May it be said remotely? PK_OK or why not. */
static int check_right(const struct pk_keys *keys, const struct pk_key *key,
                       const struct pk_key_right *right) {
    if (!right->is_remote || key->role != PK_ROLE_ADMIN) {
        return PK_OK;
    }
    if (admin_count(keys) == 1) {
        return PK_E_CONFLICT;
    }
    return right->people_count < 2 && !pk_str_eq_c(right->person, key->owner) ? PK_E_DENIED : PK_OK;
}

int pk_key_changes_revoke(struct pk_key_changes *c, struct pk_keys *keys, struct pk_str kid,
                          const struct pk_key_right *right) {
    const int index = pk_keys_find(keys, kid);
    struct pk_key key = {0};
    if (index < 0 && (!keys->is_distrusted || right->is_remote || !pk_keys_is_name(kid))) {
        return PK_E_UNKNOWN_KEY;
    }
    if (index >= 0) {
        key = keys->items[index];
    } else { /* the record that cannot be read may have been of it */
        (void)pk_str_copy_cut(kid, key.kid, sizeof key.kid);
        (void)pk_str_copy_cut(kid, key.owner, sizeof key.owner);
    }
    const int err = check_right(keys, &key, right);
    if (err != PK_OK) {
        return err;
    }
    const uint32_t kept = right->is_remote && right->people_count < 2 ? PK_KEY_CHANGES_KEPT : 0;
    struct pk_key_change *change = find(c, kid);
    if (change == NULL) {
        change = find_free(c, kept);
    }
    if (change == NULL) {
        return PK_E_FULL;
    }
    /* One that was added is remembered, too: its name may not come back with other bytes behind it. */
    change->key = key;
    change->is_revoked = true;
    if (index >= 0) {
        take_out(keys, (uint32_t)index);
    }
    return made(c, keys, change);
}

uint32_t pk_key_changes_pack(const struct pk_key_changes *c, uint32_t slot, uint8_t *out,
                             uint32_t cap_bytes) {
    struct pk_writer w;
    PK_ASSERT(slot < PK_LIMIT_KEY_CHANGES);
    const struct pk_key_change *change = &c->items[slot];
    pk_writer_init(&w, out, cap_bytes);
    pk_put_u8(&w, PK_RECORD_KEY);
    pk_put_u8(&w, VERSION);
    pk_put_u8(&w, change->is_revoked ? IS_REVOKED : 0);
    pk_put_u8(&w, change->key.role);
    pk_put_text(&w, pk_str_of(change->key.kid));
    pk_put_text(&w, pk_str_of(change->key.owner));
    pk_put_bytes(&w, change->key.public_key, sizeof change->key.public_key);
    pk_put_crc(&w);
    PK_ASSERT(!w.is_full);
    return w.n;
}

static int read_change(struct pk_str value, struct pk_key_change *change) {
    struct pk_reader r;
    const bool has_crc = value.n > 1 && value.p[1] != VERSION_WITHOUT_CRC;
    if (value.n > 1 && value.p[0] == PK_RECORD_KEY && (uint8_t)value.p[1] > VERSION) {
        return PK_E_UNSUPPORTED;
    }
    if (has_crc) {
        pk_reader_init_crc(&r, value.p, (uint32_t)value.n);
    } else {
        pk_reader_init(&r, value.p, value.n);
    }
    const uint8_t kind = pk_get_u8(&r);
    const uint8_t version = pk_get_u8(&r);
    if (kind != PK_RECORD_KEY || version == 0) {
        return PK_E_BAD_MSG;
    }
    change->is_revoked = (pk_get_u8(&r) & IS_REVOKED) != 0;
    change->key.role = pk_get_u8(&r);
    const struct pk_str kid = pk_get_text(&r);
    const struct pk_str owner = pk_get_text(&r);
    pk_get_bytes(&r, change->key.public_key, sizeof change->key.public_key);
    if (!pk_reader_done(&r) || change->key.role >= PK_ROLE_COUNT || !pk_keys_is_name(kid) ||
        !pk_keys_is_name(owner)) {
        return PK_E_BAD_MSG;
    }
    (void)pk_str_copy_cut(kid, change->key.kid, sizeof change->key.kid);
    (void)pk_str_copy_cut(owner, change->key.owner, sizeof change->key.owner);
    return PK_OK;
}

int pk_key_changes_restore(struct pk_key_changes *c, uint32_t slot, struct pk_str value) {
    struct pk_key_change change = {0};
    const int err = read_change(value, &change);
    if (slot >= PK_LIMIT_KEY_CHANGES) {
        c->is_beyond = true;
        return err != PK_OK ? err : PK_E_BAD_MSG;
    }
    c->is_unreadable[slot] = err != PK_OK;
    if (err == PK_OK) {
        c->items[slot] = change;
    }
    return err;
}
