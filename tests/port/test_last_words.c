/* What kernel and board left, in a tree that stands in for theirs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/pk_err.h"
#include "port/linux/pk_last_words.h"
#include "support/pk_test.h"

static char the_root[] = "/tmp/pk_last_words_XXXXXX";

static void make_dirs(const char *path) {
    char text[256];
    (void)snprintf(text, sizeof text, "%s/%s", the_root, path);
    for (char *p = text + strlen(the_root) + 1; *p != '\0'; p++) {
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(text, 0755);
            *p = '/';
        }
    }
}

static void put(const char *path, const char *content, time_t when) {
    char text[256];
    make_dirs(path);
    (void)snprintf(text, sizeof text, "%s/%s", the_root, path);
    FILE *f = fopen(text, "w");
    REQUIRE(f != NULL);
    (void)fputs(content, f);
    (void)fclose(f);
    const struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};
    CHECK_EQ_INT(utimensat(AT_FDCWD, text, times, 0), 0);
}

static const char *dump(uint32_t cap_bytes) {
    static char text[256];
    const int n = pk_last_words_dump(the_root, text, cap_bytes);
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? text : pk_err_text(n);
}

PK_TEST(dump__newest_of_pstore__its_end) {
    strcpy(the_root, "/tmp/pk_last_words_XXXXXX");
    REQUIRE(mkdtemp(the_root) != NULL);
    CHECK_STR(dump(200), pk_err_text(PK_E_NOT_FOUND));
    put("var/lib/systemd/pstore/dmesg-efi-1", "moved", 3000);
    CHECK_STR(dump(200), "moved");
    put("sys/fs/pstore/console-ramoops-0", "console", 9000);
    put("sys/fs/pstore/dmesg-ramoops-9.enc.z", "packed", 9000);
    CHECK_STR(dump(200), "moved");
    put("sys/fs/pstore/dmesg-ramoops-1", "old", 1000);
    put("sys/fs/pstore/dmesg-ramoops-0", "newer one", 2000);
    CHECK_STR(dump(200), "newer one");
    put("sys/fs/pstore/dmesg-ramoops-2", "of the same moment", 2000);
    CHECK_STR(dump(200), "of the same moment");
    CHECK_STR(dump(6), "moment");
    put("sys/fs/pstore/dmesg-ramoops-2", "", 5000);
    CHECK_STR(dump(200), "moved");
}

PK_TEST(dump__link_or_directory__is_not_followed) {
    char text[256];
    strcpy(the_root, "/tmp/pk_last_words_XXXXXX");
    REQUIRE(mkdtemp(the_root) != NULL);
    make_dirs("sys/fs/pstore/dmesg-ramoops-1/x");
    (void)snprintf(text, sizeof text, "%s/sys/fs/pstore/dmesg-ramoops-0", the_root);
    REQUIRE(symlink("/etc/passwd", text) == 0);
    CHECK_STR(dump(200), pk_err_text(PK_E_NOT_FOUND));
}

PK_TEST(watchdog__boot_status_of_any) {
    strcpy(the_root, "/tmp/pk_last_words_XXXXXX");
    REQUIRE(mkdtemp(the_root) != NULL);
    CHECK(!pk_last_words_watchdog(the_root));
    put("sys/class/watchdog/watchdog0/bootstatus", "0\n", 1);
    CHECK(!pk_last_words_watchdog(the_root));
    put("sys/class/watchdog/watchdog1/bootstatus", "nonsense\n", 1);
    put("sys/class/watchdog/watchdog2/bootstatus", "16\n", 1); /* power under voltage */
    CHECK(!pk_last_words_watchdog(the_root));
    put("sys/class/watchdog/watchdog3/bootstatus", "32\n", 1);
    CHECK(pk_last_words_watchdog(the_root));
}

PK_TEST(oom_kills__of_vmstat) {
    strcpy(the_root, "/tmp/pk_last_words_XXXXXX");
    REQUIRE(mkdtemp(the_root) != NULL);
    CHECK_EQ_U64(pk_last_words_oom_kills(the_root), 0);
    put("proc/vmstat", "nr_free_pages 5\noom_kill 7\nswap_ra 0\n", 1);
    CHECK_EQ_U64(pk_last_words_oom_kills(the_root), 7);
    put("proc/vmstat", "nr_free_pages 5\n", 1);
    CHECK_EQ_U64(pk_last_words_oom_kills(the_root), 0);
}

PK_TEST_MAIN(dump__newest_of_pstore__its_end, dump__link_or_directory__is_not_followed,
             watchdog__boot_status_of_any, oom_kills__of_vmstat)
