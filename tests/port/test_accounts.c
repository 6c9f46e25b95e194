/* ctest: lane=quick timeout=20 */
#include "port/linux/pk_accounts.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/pk_test.h"

static char path[64];

static void put_file(const char *text) {
    (void)snprintf(path, sizeof path, "/tmp/picket-accounts.%ld", (long)getpid());
    FILE *f = fopen(path, "wb");
    if (f != NULL) {
        (void)fputs(text, f);
        (void)fclose(f);
    }
}

static long long id_of(const char *name) {
    uint32_t id = 7;
    const int err = pk_account_id(path, name, &id);
    return err == PK_OK ? (long long)id : (long long)err;
}

PK_TEST(account__in_the_file__has_its_id) {
    put_file("root:x:0:0:root:/root:/bin/sh\npick:x:1:1::/:/bin/false\npicket:x:990:991:a:b:c\n"
             "picket2:*:991:0\nlast:x:65534");
    CHECK_EQ_INT(id_of("root"), 0);
    CHECK_EQ_INT(id_of("picket"), 990);
    CHECK_EQ_INT(id_of("pick"), 1);
    CHECK_EQ_INT(id_of("picket2"), 991);
    CHECK_EQ_INT(id_of("last"), 65534);
    (void)unlink(path);
}

PK_TEST(account__absent_or_without_a_number__is_not_found) {
    put_file("a:x:\nb:x\nc\n:x:5:5\nd:x:12a:0\ne:x:4294967295:0\nf:x:99999999999999999999999:0\ng:x:-1:0\n"
             "h:x:4294967294:0\n");
    const char *const names[] = {"a", "b", "c", "", "d", "e", "f", "g", "x", "a:x"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CHECK_EQ_INT(id_of(names[i]), PK_E_NOT_FOUND);
    }
    CHECK_EQ_INT(id_of("h"), 4294967294LL);
    (void)unlink(path);
    CHECK_EQ_INT(id_of("h"), PK_E_NOT_FOUND);
}

PK_TEST(account__behind_lines_longer_than_a_read__is_found) {
    static char text[3000];
    memset(text, 'n', 2000);
    (void)strcpy(text + 2000, ":x:1:1\npicket:");
    memset(text + 2014, 'p', 700);
    (void)strcpy(text + 2714, ":42:42\n");
    put_file(text);
    CHECK_EQ_INT(id_of("picket"), 42);
    CHECK_EQ_INT(id_of("n"), PK_E_NOT_FOUND);
    (void)unlink(path);
}

PK_TEST(account__folder_instead_of_a_file__is_an_error) {
    uint32_t id = 7;
    CHECK_EQ_INT(pk_account_id("/", "root", &id), PK_E_IO);
    CHECK_EQ_U64(id, 7);
}

PK_TEST_MAIN(account__in_the_file__has_its_id, account__absent_or_without_a_number__is_not_found,
             account__behind_lines_longer_than_a_read__is_found,
             account__folder_instead_of_a_file__is_an_error)
