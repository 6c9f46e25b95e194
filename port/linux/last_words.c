/* pstore (Documentation/admin-guide/pstore-blk.rst, ramoops.rst): each dump of the kernel's log is a file
 * dmesg-BACKEND-N; nobody else may read there but root. systemd-pstore moves them to /var/lib/systemd/pstore
 * early in the boot. */
#include "port/linux/pk_last_words.h"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pk_err.h"
#include "port/linux/pk_dir.h"
#include "port/linux/pk_source.h"

enum { PATH_BYTES = 192, WATCHDOGS = 4, TEXT_BYTES = 5600 };

/* Refuses links and what is no file: /var/lib is not the kernel's. */
static int open_file(const char *dir, const char *name, struct stat *st) {
    char path[PATH_BYTES];
    if (pk_path_join(path, sizeof path, dir, name) != PK_OK) {
        return -1;
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && (fstat(fd, st) != 0 || !S_ISREG(st->st_mode))) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static int read_end(int fd, uint64_t size, void *out, uint32_t cap_bytes) {
    const uint64_t from = size > cap_bytes ? size - cap_bytes : 0;
    uint32_t n = 0;
    while (n < cap_bytes) {
        const ssize_t got = pread(fd, (char *)out + n, cap_bytes - n, (off_t)(from + n));
        if (got <= 0) {
            break;
        }
        n += (uint32_t)got;
    }
    return (int)n;
}

struct newest {
    int64_t s, ns;
    char name[64];
};

/* Of two of the same moment the one whose name comes later: the parts of a dump are numbered. */
static void look_at(struct newest *best, const char *dir, const char *name) {
    struct stat st;
    if (strncmp(name, "dmesg-", 6) != 0 || strstr(name, ".enc") != NULL ||
        strlen(name) >= sizeof best->name) {
        return;
    }
    const int fd = open_file(dir, name, &st);
    if (fd < 0) {
        return;
    }
    (void)close(fd);
    const int64_t s = st.st_mtim.tv_sec, ns = st.st_mtim.tv_nsec;
    const bool is_same = s == best->s && ns == best->ns;
    const bool is_later = s > best->s || (s == best->s && ns > best->ns);
    if (best->name[0] == '\0' || is_later || (is_same && strcmp(name, best->name) > 0)) {
        best->s = s;
        best->ns = ns;
        (void)pk_str_copy_cut(pk_str_of(name), best->name, sizeof best->name);
    }
}

static int dump_in(const char *dir, void *out, uint32_t cap_bytes) {
    struct newest best = {0};
    struct pk_dir_walk walk;
    struct stat st;
    const char *name;
    if (pk_dir_open(&walk, dir) != PK_OK) {
        return PK_E_NOT_FOUND;
    }
    while ((name = pk_dir_next(&walk)) != NULL) {
        look_at(&best, dir, name);
    }
    pk_dir_close(&walk);
    const int fd = best.name[0] != '\0' ? open_file(dir, best.name, &st) : -1;
    if (fd < 0) {
        return PK_E_NOT_FOUND;
    }
    const int n = read_end(fd, st.st_size > 0 ? (uint64_t)st.st_size : 0, out, cap_bytes);
    (void)close(fd);
    return n > 0 ? n : PK_E_NOT_FOUND;
}

int pk_last_words_dump(const char *root, void *out, uint32_t cap_bytes) {
    static const char *const DIRS[] = {"sys/fs/pstore", "var/lib/systemd/pstore"};
    for (uint32_t i = 0; i < sizeof DIRS / sizeof DIRS[0]; i++) {
        char dir[PATH_BYTES];
        int n = pk_path_join(dir, sizeof dir, root, DIRS[i]);
        n = n == PK_OK ? dump_in(dir, out, cap_bytes) : n;
        if (n > 0) {
            return n;
        }
    }
    return PK_E_NOT_FOUND;
}

/* Files of /proc and /sys say they have no size. */
static struct pk_str read_text(const char *root, const char *name, char *text, uint32_t cap_bytes) {
    struct stat st;
    const int fd = open_file(root, name, &st);
    const int n = fd >= 0 ? read_end(fd, 0, text, cap_bytes) : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return pk_str_make(text, (size_t)n);
}

/* The class holds links to devices; the file behind one is an ordinary one. */
bool pk_last_words_watchdog(const char *root) {
    char name[] = "sys/class/watchdog/watchdog0/bootstatus", text[32];
    for (uint32_t i = 0; i < WATCHDOGS; i++) {
        uint64_t flags = 0;
        name[sizeof "sys/class/watchdog/watchdog" - 1u] = (char)('0' + i);
        const struct pk_str s = pk_str_trim(read_text(root, name, text, sizeof text));
        if (pk_parse_u64(s, &flags) == PK_OK && (flags & WDIOF_CARDRESET) != 0) {
            return true;
        }
    }
    return false;
}

uint64_t pk_last_words_oom_kills(const char *root) {
    char text[TEXT_BYTES];
    uint64_t count = 0;
    const struct pk_str s = read_text(root, "proc/vmstat", text, sizeof text);
    return s.n > 0 && pk_proc_parse_oom_kill(s, &count) == PK_OK ? count : 0;
}
