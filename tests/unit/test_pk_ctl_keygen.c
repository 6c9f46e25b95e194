#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/pk_ctl_keyfile.h"
#include "report/pk_keys.h"
#include "support/ctl_rig.h"
#include "support/pk_test.h"

static struct ctl_rig rig;
static struct pk_keys keys;
static char words[256], path[128];

static const char *file(const char *name) {
    (void)snprintf(path, sizeof path, "%s/%s", rig.dir, name);
    return path;
}

static int keygen(const char *rest) {
    (void)snprintf(words, sizeof words, "keygen --out %s %s", rig.dir, rest);
    return ctl_rig_run(&rig, words);
}

PK_TEST(keygen__the_files_are_those_a_gateway_reads) {
    struct pk_port_tool port;
    struct pk_ctl_private_key key;
    struct pk_diag diag;
    char scratch[1024];
    uint8_t signature[PK_ES256_SIGNATURE_BYTES];
    struct stat st;
    ctl_rig_begin_alone(&rig);
    pk_platform_open_tool(&port);
    CHECK_EQ_INT(keygen("--kid alice-2026 --role Approver --owner alice"), 0);
    CHECK_EQ_INT(keygen("--kid bob --role responder"), 0);
    CHECK_EQ_INT(pk_keys_load(&keys, &port.files, rig.dir, scratch, sizeof scratch, &diag), PK_OK);
    REQUIRE(keys.count == 2);
    CHECK_STR(keys.items[0].kid, "alice-2026");
    CHECK_STR(keys.items[0].owner, "alice");
    CHECK_EQ_INT(keys.items[0].role, PK_ROLE_APPROVER);
    CHECK_STR(keys.items[1].owner, "bob");
    CHECK(memcmp(keys.items[0].public_key, keys.items[1].public_key, PK_ES256_PUBLIC_BYTES) != 0);
    CHECK_EQ_INT(stat(file("alice-2026.private"), &st), 0);
    CHECK_EQ_INT(st.st_mode & 0777, 0600);
    /* The halves belong together. */
    CHECK_EQ_INT(pk_ctl_private_load(&port.files, file("alice-2026.private"), &key, &diag), PK_OK);
    CHECK_EQ_INT(port.crypto.es256_sign(port.crypto.ctx, key.bytes, pk_str_of("x"), signature), PK_OK);
    CHECK_EQ_INT(
        port.crypto.es256_verify(port.crypto.ctx, keys.items[0].public_key, pk_str_of("x"), signature),
        PK_OK);
    (void)unlink(file("alice-2026.private"));
    (void)unlink(file("alice-2026.key"));
    (void)unlink(file("bob.private"));
    (void)unlink(file("bob.key"));
    ctl_rig_end(&rig);
}

PK_TEST(keygen__overwrites_nothing_and_leaves_no_half) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(pk_ctl_file_make(file("a.key"), 0644, pk_str_of("mine")), PK_OK);
    CHECK_EQ_INT(keygen("--kid a --role admin"), 8);
    CHECK(strstr(rig.err, "a.key is there already; nothing is overwritten") != NULL);
    CHECK(access(file("a.private"), F_OK) != 0);
    (void)unlink(file("a.key"));
    ctl_rig_end(&rig);
}

PK_TEST(keygen__bad_words_make_nothing) {
    ctl_rig_begin_alone(&rig);
    CHECK_EQ_INT(keygen("--kid a/b --role admin"), 2);
    CHECK_EQ_INT(keygen("--kid a --role king"), 2);
    CHECK_STR(rig.err, "picketctl: --role is viewer, responder, approver, admin or hub, not 'king'\n");
    CHECK_EQ_INT(keygen("--kid a --role none"), 2);
    CHECK_EQ_INT(keygen("--kid a --role admin --owner x+y"), 2);
    CHECK_EQ_INT(keygen("--kid a --role admin --dry-run"), 0);
    CHECK(strstr(rig.out, "would write ") == rig.out);
    CHECK(access(file("a.private"), F_OK) != 0);
    CHECK_EQ_INT(ctl_rig_run(&rig, "keygen --kid a --role admin --out /nonexistent/dir"), 3);
    ctl_rig_end(&rig);
}

PK_TEST_MAIN(keygen__the_files_are_those_a_gateway_reads, keygen__overwrites_nothing_and_leaves_no_half,
             keygen__bad_words_make_nothing)
