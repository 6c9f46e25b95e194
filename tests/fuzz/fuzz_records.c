/* Small records that come back from the store: silences, report cards, standing orders, changes of the
 * command keys, the supervisor's armed changes. Each is refused, or can be written again and reads the same.
 * The first byte of the input says which; those with a sum get the right one as well. */
#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "report/pk_key_changes.h"
#include "respond/pk_standing.h"
#include "roles/pk_super_record.h"
#include "wire/pk_record_silence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum which { SILENCE, CARD, KEY, ORDER, ARMED, WHICH_COUNT };
static uint8_t bytes[2048], out[2048], again[2048];

static struct pk_str str_of(const uint8_t *p, uint32_t n) {
    return pk_str_make((const char *)p, n);
}

static void check_silence(uint32_t n) {
    struct pk_silence s, t;
    if (pk_record_silence_unpack(str_of(bytes, n), &s) != PK_OK) {
        return;
    }
    const uint32_t written = pk_record_silence_pack(&s, out, sizeof out);
    PK_ASSERT(written > 0 && written <= PK_RECORD_SILENCE_BYTES);
    const int err = pk_record_silence_unpack(str_of(out, written), &t);
    PK_ASSERT(err == PK_OK);
    PK_ASSERT(pk_record_silence_pack(&t, again, sizeof again) == written && memcmp(out, again, written) == 0);
}

static void check_card(uint32_t n) {
    static struct pk_rule_cards cards;
    struct pk_rule_card card, same;
    if (pk_record_card_unpack(str_of(bytes, n), &card) != PK_OK) {
        return;
    }
    memset(&cards, 0, sizeof cards);
    const int taken = pk_rule_card_restore(&cards, &card);
    PK_ASSERT(taken == (card.key == 0 ? PK_E_BAD_FIELD : PK_OK));
    const uint32_t written = pk_record_card_pack(&card, out, sizeof out);
    const int err = pk_record_card_unpack(str_of(out, written), &same);
    PK_ASSERT(err == PK_OK && same.key == card.key &&
              memcmp(same.counts, card.counts, sizeof card.counts) == 0);
}

/* Whatever cannot be read leaves nobody to be obeyed. */
static void check_key(uint32_t n) {
    static struct pk_key_changes changes, same;
    static struct pk_keys keys;
    pk_key_changes_init(&changes);
    pk_key_changes_init(&same);
    pk_keys_init(&keys);
    keys.items[keys.count++] = (struct pk_key){.kid = "ann", .owner = "ann", .role = PK_ROLE_ADMIN};
    const int err = pk_key_changes_restore(&changes, 0, str_of(bytes, n));
    PK_ASSERT(pk_key_changes_is_distrusted(&changes) == (err != PK_OK));
    (void)pk_key_changes_apply(&changes, &keys);
    if (err != PK_OK) {
        PK_ASSERT(pk_keys_find_obeyed(&keys, pk_str_of("ann")) == PK_E_UNKNOWN_KEY);
        return;
    }
    const struct pk_key_change *change = &changes.items[0];
    PK_ASSERT(change->key.role < PK_ROLE_COUNT && pk_keys_is_name(pk_str_of(change->key.kid)));
    PK_ASSERT((pk_keys_find_obeyed(&keys, pk_str_of(change->key.kid)) >= 0) == !change->is_revoked);
    const uint32_t written = pk_key_changes_pack(&changes, 0, out, PK_KEY_CHANGE_BYTES);
    const int back = pk_key_changes_restore(&same, 0, str_of(out, written));
    PK_ASSERT(back == PK_OK);
    PK_ASSERT(pk_key_changes_pack(&same, 0, again, PK_KEY_CHANGE_BYTES) == written);
    PK_ASSERT(memcmp(out, again, written) == 0);
}

static void check_order(uint32_t n) {
    static struct pk_standings orders;
    memset(&orders, 0, sizeof orders);
    if (pk_standings_restore(&orders, str_of(bytes, n)) != PK_OK) {
        return;
    }
    for (uint32_t i = 0; i < PK_LIMIT_STANDING; i++) {
        const struct pk_standing *s = &orders.rows[i];
        PK_ASSERT(s->number == 0 || (s->by[0][0] != '\0' && s->role < PK_ROLE_COUNT));
    }
}

static void check_armed(uint32_t n) {
    static struct pk_super_record r, same;
    memset(&r, 0, sizeof r);
    if (pk_super_record_unpack_armed(&r, bytes, n) != PK_OK) {
        return;
    }
    const int written = pk_super_record_pack_armed(&r, out, sizeof out);
    PK_ASSERT(written > 0);
    const int err = pk_super_record_unpack_armed(&same, out, (uint32_t)written);
    PK_ASSERT(err == PK_OK);
    for (uint32_t i = 0; i < PK_SUPER_ARMED_MAX; i++) {
        const struct pk_super_armed *a = &r.armed[i], *b = &same.armed[i];
        PK_ASSERT(a->state < PK_SUPER_ARMED_STATE_COUNT && a->state == b->state);
        PK_ASSERT(a->run_id == b->run_id && a->deadline_ms == b->deadline_ms);
        PK_ASSERT(strcmp(a->action, b->action) == 0 && strcmp(a->target, b->target) == 0);
    }
}

static void check(enum which which, uint32_t n) {
    switch (which) {
    case SILENCE:
        check_silence(n);
        return;
    case CARD:
        check_card(n);
        return;
    case KEY:
        check_key(n);
        return;
    case ORDER:
        check_order(n);
        return;
    case ARMED:
        check_armed(n);
        return;
    case WHICH_COUNT:
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    const uint32_t n = (uint32_t)(size - 1u < sizeof bytes - 4u ? size - 1u : sizeof bytes - 4u);
    const enum which which = (enum which)(data[0] % WHICH_COUNT);
    memcpy(bytes, data + 1, n);
    check(which, n);
    const uint32_t crc = pk_crc32c(0, bytes, n);
    for (uint32_t i = 0; i < 4u; i++) {
        bytes[n + i] = (uint8_t)(crc >> (8u * i));
    }
    check(which, n + 4u);
    return 0;
}
