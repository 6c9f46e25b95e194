#include "report/pk_key_changes.h"

#include <stdio.h>
#include <string.h>

#include "support/pk_test.h"

static struct pk_keys keys;
static struct pk_key_changes changes;

static struct pk_key key(const char *kid, enum pk_role role) {
    struct pk_key k = {.role = (uint8_t)role};
    (void)pk_str_copy_cut(pk_str_of(kid), k.kid, sizeof k.kid);
    (void)pk_str_copy_cut(pk_str_of("owner"), k.owner, sizeof k.owner);
    memset(k.public_key, kid[0], sizeof k.public_key);
    return k;
}

/* As the files have it: an admin and a responder. */
static void read_files(void) {
    pk_keys_init(&keys);
    keys.items[keys.count++] = key("ann", PK_ROLE_ADMIN);
    keys.items[keys.count++] = key("rob", PK_ROLE_RESPONDER);
}

static void begin(void) {
    read_files();
    pk_key_changes_init(&changes);
}

static bool has(const char *kid) {
    return pk_keys_find(&keys, pk_str_of(kid)) >= 0;
}

static int add(const char *kid, enum pk_role role) {
    const struct pk_key k = key(kid, role);
    return pk_key_changes_add(&changes, &keys, &k);
}

/* Remotely by two people, or by root of the gateway. */
static int revoke(const char *kid, bool is_remote) {
    const struct pk_key_right right = {
        .is_remote = is_remote, .people_count = 2, .person = pk_str_of("someone")};
    return pk_key_changes_revoke(&changes, &keys, pk_str_of(kid), &right);
}

static int revoke_alone(const char *kid, const char *person) {
    const struct pk_key_right right = {.is_remote = true, .people_count = 1, .person = pk_str_of(person)};
    return pk_key_changes_revoke(&changes, &keys, pk_str_of(kid), &right);
}

PK_TEST(changes__lie_over_the_files_however_often_they_are_read) {
    begin();
    CHECK(add("new", PK_ROLE_ADMIN) >= 0);
    CHECK(revoke("ann", true) >= 0);
    for (int i = 0; i < 3; i++) {
        CHECK(has("new") && has("rob") && !has("ann"));
        CHECK_EQ_U64(keys.count, 2);
        read_files();
        CHECK_EQ_U64(pk_key_changes_apply(&changes, &keys), 0);
        CHECK_EQ_U64(pk_key_changes_apply(&changes, &keys), 0); /* and twice */
    }
}

PK_TEST(changes__names_are_used_once) {
    begin();
    CHECK_EQ_INT(add("ann", PK_ROLE_ADMIN), PK_E_CONFLICT);
    CHECK(add("new", PK_ROLE_ADMIN) >= 0);
    CHECK_EQ_INT(add("new", PK_ROLE_VIEWER), PK_E_CONFLICT);
    const int slot = revoke("new", true);
    CHECK(slot >= 0);
    CHECK_EQ_INT(add("new", PK_ROLE_ADMIN), PK_E_CONFLICT);
    CHECK_EQ_INT(revoke("new", true), PK_E_UNKNOWN_KEY);
    CHECK_EQ_INT(revoke("nobody", true), PK_E_UNKNOWN_KEY);
    CHECK_EQ_INT(revoke("", true), PK_E_UNKNOWN_KEY);
}

PK_TEST(changes__the_last_admin_stays_unless_it_is_said_on_the_gateway) {
    begin();
    CHECK_EQ_INT(revoke("ann", true), PK_E_CONFLICT);
    CHECK(has("ann"));
    CHECK(revoke("rob", true) >= 0);
    CHECK(revoke("ann", false) >= 0);
    CHECK_EQ_U64(keys.count, 0);
}

PK_TEST(changes__full_tables_say_so_and_change_nothing) {
    char kid[16];
    begin();
    for (unsigned i = 0; i < PK_LIMIT_KEY_CHANGES; i++) {
        (void)snprintf(kid, sizeof kid, "x%u", i);
        CHECK_EQ_INT(add(kid, PK_ROLE_VIEWER), (int)i);
    }
    CHECK_EQ_INT(add("more", PK_ROLE_VIEWER), PK_E_FULL);
    CHECK_EQ_INT(revoke("rob", true), PK_E_FULL);
    CHECK(has("rob"));
    CHECK(revoke("x0", true) >= 0); /* takes no further place */
    /* More keys in the files than before: those that were added and find no room are counted. */
    pk_keys_init(&keys);
    for (unsigned i = 0; i < PK_LIMIT_KEYS_PUBLIC; i++) {
        (void)snprintf(kid, sizeof kid, "file%u", i);
        keys.items[keys.count++] = key(kid, PK_ROLE_VIEWER);
    }
    CHECK_EQ_U64(pk_key_changes_apply(&changes, &keys), PK_LIMIT_KEY_CHANGES - 1);
    CHECK_EQ_U64(keys.count, PK_LIMIT_KEYS_PUBLIC);
    pk_key_changes_init(&changes);
    CHECK_EQ_INT(add("more", PK_ROLE_VIEWER), PK_E_FULL);
}

PK_TEST(changes__another_admins_key__needs_two) {
    begin();
    struct pk_key otto = key("otto", PK_ROLE_ADMIN);
    memcpy(otto.owner, "otto", sizeof "otto");
    keys.items[keys.count++] = otto;
    CHECK_EQ_INT(revoke_alone("otto", "owner"), PK_E_DENIED);
    CHECK(has("otto"));
    CHECK(revoke_alone("otto", "otto") >= 0);                  /* his own */
    CHECK_EQ_INT(revoke_alone("ann", "owner"), PK_E_CONFLICT); /* the last one */
    begin();
    keys.items[keys.count++] = otto;
    CHECK(revoke("otto", true) >= 0); /* by two */
    CHECK(revoke_alone("rob", "owner") >= 0);
}

PK_TEST(changes__one_signature_cannot_fill_the_table) {
    char kid[16];
    begin();
    for (unsigned i = 0; i < PK_LIMIT_KEY_CHANGES; i++) {
        (void)snprintf(kid, sizeof kid, "v%u", i);
        keys.items[keys.count++] = key(kid, PK_ROLE_VIEWER);
    }
    for (unsigned i = 0; i < PK_LIMIT_KEY_CHANGES; i++) {
        (void)snprintf(kid, sizeof kid, "v%u", i);
        const bool has_place = i + PK_KEY_CHANGES_KEPT < PK_LIMIT_KEY_CHANGES;
        CHECK_EQ_INT(revoke_alone(kid, "owner"), has_place ? (int)i : PK_E_FULL);
        CHECK_EQ_INT(has(kid), !has_place);
    }
    CHECK(add("new", PK_ROLE_ADMIN) >= 0); /* two signatures, or root */
    CHECK(revoke("ann", true) >= 0);
    CHECK_EQ_INT(revoke("rob", true), PK_E_FULL);
}

PK_TEST(changes__a_record_that_cannot_be_read__nobody_is_obeyed_until_root_says_whom) {
    uint8_t bytes[PK_KEY_CHANGE_BYTES];
    begin();
    CHECK_EQ_INT(revoke("rob", true), 0);
    const uint32_t n = pk_key_changes_pack(&changes, 0, bytes, sizeof bytes);
    bytes[2] ^= 1u; /* revoked no more: it would be a key that was added */
    pk_key_changes_init(&changes);
    read_files();
    CHECK_EQ_INT(pk_key_changes_restore(&changes, 0, pk_str_make((char *)bytes, n)), PK_E_BAD_MSG);
    CHECK(pk_key_changes_is_distrusted(&changes));
    (void)pk_key_changes_apply(&changes, &keys);
    CHECK_EQ_INT(pk_keys_find_obeyed(&keys, pk_str_of("rob")), PK_E_UNKNOWN_KEY);
    CHECK_EQ_INT(pk_keys_find_obeyed(&keys, pk_str_of("ann")), PK_E_UNKNOWN_KEY);
    CHECK_EQ_INT(revoke("nobody", true), PK_E_UNKNOWN_KEY); /* not remotely */
    CHECK_EQ_INT(revoke("no name", false), PK_E_UNKNOWN_KEY);
    CHECK_EQ_INT(revoke("rob", false), 0); /* in its place */
    CHECK(!pk_key_changes_is_distrusted(&changes));
    CHECK(pk_keys_find_obeyed(&keys, pk_str_of("ann")) >= 0 && !has("rob"));
    /* Of a key that no file has any more: its name will do. */
    CHECK_EQ_INT(pk_key_changes_restore(&changes, 1, pk_str_of("x")), PK_E_BAD_MSG);
    (void)pk_key_changes_apply(&changes, &keys);
    CHECK_EQ_INT(revoke("gone", false), 1);
    CHECK(pk_keys_find_obeyed(&keys, pk_str_of("ann")) >= 0);
    struct pk_key_changes back;
    pk_key_changes_init(&back);
    const uint32_t m = pk_key_changes_pack(&changes, 1, bytes, sizeof bytes);
    CHECK_EQ_INT(pk_key_changes_restore(&back, 1, pk_str_make((char *)bytes, m)), PK_OK);
    /* As a build with fewer places finds it. */
    CHECK_EQ_INT(pk_key_changes_restore(&back, PK_LIMIT_KEY_CHANGES, pk_str_make((char *)bytes, m)),
                 PK_E_BAD_MSG);
    CHECK(pk_key_changes_is_distrusted(&back));
}

PK_TEST(records__every_bit_counts) {
    uint8_t bytes[PK_KEY_CHANGE_BYTES];
    struct pk_key_changes back;
    begin();
    CHECK_EQ_INT(revoke("rob", true), 0);
    const uint32_t n = pk_key_changes_pack(&changes, 0, bytes, sizeof bytes);
    for (uint32_t bit = 0; bit < n * 8u; bit++) {
        pk_key_changes_init(&back);
        bytes[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
        CHECK(pk_key_changes_restore(&back, 0, pk_str_make((char *)bytes, n)) < 0);
        CHECK(pk_key_changes_is_distrusted(&back));
        bytes[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
    }
    bytes[1] = 1; /* as it was stored before it had a sum */
    pk_key_changes_init(&back);
    CHECK_EQ_INT(pk_key_changes_restore(&back, 0, pk_str_make((char *)bytes, n - 4u)), PK_OK);
    CHECK(back.items[0].is_revoked);
}

PK_TEST(records__come_back_and_rubbish_is_refused) {
    uint8_t bytes[PK_KEY_CHANGE_BYTES], bad[PK_KEY_CHANGE_BYTES];
    begin();
    CHECK_EQ_INT(add("new", PK_ROLE_APPROVER), 0);
    CHECK_EQ_INT(revoke("rob", true), 1);
    struct pk_key_changes back;
    pk_key_changes_init(&back);
    for (uint32_t slot = 0; slot < 2; slot++) {
        const uint32_t n = pk_key_changes_pack(&changes, slot, bytes, sizeof bytes);
        for (uint32_t cut = 0; cut < n; cut++) {
            CHECK_EQ_INT(pk_key_changes_restore(&back, slot, pk_str_make((char *)bytes, cut)), PK_E_BAD_MSG);
        }
        CHECK_EQ_INT(pk_key_changes_restore(&back, PK_LIMIT_KEY_CHANGES, pk_str_make((char *)bytes, n)),
                     PK_E_BAD_MSG);
        memcpy(bad, bytes, sizeof bad);
        bad[1] = 3;
        CHECK_EQ_INT(pk_key_changes_restore(&back, slot, pk_str_make((char *)bad, n)), PK_E_UNSUPPORTED);
        bad[1] = 2;
        bad[3] = PK_ROLE_COUNT;
        CHECK_EQ_INT(pk_key_changes_restore(&back, slot, pk_str_make((char *)bad, n)), PK_E_BAD_MSG);
        CHECK_EQ_INT(back.items[slot].key.kid[0], 0);
        CHECK_EQ_INT(pk_key_changes_restore(&back, slot, pk_str_make((char *)bytes, n)), PK_OK);
    }
    CHECK_STR(back.items[0].key.kid, "new");
    CHECK_EQ_INT(back.items[0].key.role, PK_ROLE_APPROVER);
    CHECK(!back.items[0].is_revoked && back.items[1].is_revoked);
    CHECK_EQ_INT(back.items[0].key.public_key[63], 'n');
    read_files();
    (void)pk_key_changes_apply(&back, &keys);
    CHECK(has("new") && !has("rob"));
}

PK_TEST_MAIN(changes__lie_over_the_files_however_often_they_are_read, changes__names_are_used_once,
             changes__the_last_admin_stays_unless_it_is_said_on_the_gateway,
             changes__full_tables_say_so_and_change_nothing, changes__another_admins_key__needs_two,
             changes__one_signature_cannot_fill_the_table,
             changes__a_record_that_cannot_be_read__nobody_is_obeyed_until_root_says_whom,
             records__every_bit_counts, records__come_back_and_rubbish_is_refused)
