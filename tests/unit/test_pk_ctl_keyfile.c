#include "ctl/pk_ctl_keyfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/tool.h"
#include "support/pk_test.h"

static struct pk_ctl_private_key key;
static struct pk_diag diag;

static int parse(const char *text) {
    memset(&diag, 0, sizeof diag);
    return pk_ctl_private_parse(pk_str_of(text), "f", &key, &diag);
}

PK_TEST(private__written_and_read_again) {
    struct pk_ctl_private_key made = {"alice-2026", {1, 2, 3, 250}};
    char text[512];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_ctl_private_write(&b, &made);
    CHECK(!b.is_cut);
    CHECK_EQ_INT(parse(text), PK_OK);
    CHECK_STR(key.kid, "alice-2026");
    CHECK_MEM(key.bytes, made.bytes, sizeof made.bytes);
}

PK_TEST(private__what_is_none_is_refused) {
#define GOOD "private = AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    static const char *const ROWS[] = {
        "",
        "[private a]\n",
        GOOD,
        "[key a]\n" GOOD,
        "[private a b]\n" GOOD,
        "[private ../../etc]\n" GOOD,
        "[private a]\npublic = AQ\n",
        "[private a]\nprivate = AQ\n",
        "[private a]\nprivate = AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\n",
        "[private a]\n" GOOD GOOD,
        "[private a]\n" GOOD "[private b]\n" GOOD,
        "-----BEGIN EC PRIVATE KEY-----\n",
        "[private a]\nprivate = \x01\n",
    };
    CHECK_EQ_INT(parse("[private a]\n" GOOD), PK_OK);
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        CHECK_EQ_INT(parse(ROWS[i]), PK_E_CONFIG);
        CHECK(diag.message[0] != '\0');
    }
}

PK_TEST(file__is_made_once_with_its_permissions) {
    char dir[] = "/tmp/pk_keyfile.XXXXXX", path[64], link_path[64];
    struct stat st;
    struct pk_port_tool port;
    REQUIRE(mkdtemp(dir) != NULL);
    (void)snprintf(path, sizeof path, "%s/a.private", dir);
    (void)snprintf(link_path, sizeof link_path, "%s/link", dir);
    CHECK_EQ_INT(pk_ctl_file_make(path, 0600, pk_str_of("[private a]\n" GOOD)), PK_OK);
    CHECK_EQ_INT(pk_ctl_file_make(path, 0600, pk_str_of("other")), PK_E_CONFLICT);
    CHECK_EQ_INT(stat(path, &st), 0);
    CHECK_EQ_INT(st.st_mode & 0777, 0600);
    pk_platform_open_tool(&port);
    CHECK_EQ_INT(pk_ctl_private_load(&port.files, path, &key, &diag), PK_OK);
    CHECK_STR(key.kid, "a");
    /* A symbolic link is followed to read, never to write. */
    CHECK_EQ_INT(symlink(path, link_path), 0);
    CHECK_EQ_INT(pk_ctl_private_load(&port.files, link_path, &key, &diag), PK_OK);
    CHECK_EQ_INT(pk_ctl_file_make(link_path, 0600, pk_str_of("other")), PK_E_CONFLICT);
    CHECK_EQ_INT(pk_ctl_file_make("/nonexistent/x", 0600, pk_str_of("other")), PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_ctl_private_load(&port.files, "/nonexistent/x", &key, &diag), PK_E_NOT_FOUND);
    (void)unlink(link_path);
    (void)unlink(path);
    (void)rmdir(dir);
}

PK_TEST(names__of_keys) {
    CHECK(pk_ctl_is_key_name(pk_str_of("alice@ops.example")));
    CHECK(!pk_ctl_is_key_name(pk_str_of("")));
    CHECK(!pk_ctl_is_key_name(pk_str_of("a/b")));
    CHECK(!pk_ctl_is_key_name(pk_str_of("a23456789012345678901234567890123")));
}

PK_TEST_MAIN(private__written_and_read_again, private__what_is_none_is_refused,
             file__is_made_once_with_its_permissions, names__of_keys)
