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

static int revoke(const char *kid, bool must_keep_admin) {
    return pk_key_changes_revoke(&changes, &keys, pk_str_of(kid), must_keep_admin);
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
        bad[1] = 2;
        CHECK_EQ_INT(pk_key_changes_restore(&back, slot, pk_str_make((char *)bad, n)), PK_E_UNSUPPORTED);
        bad[1] = 1;
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
             changes__full_tables_say_so_and_change_nothing, records__come_back_and_rubbish_is_refused)
