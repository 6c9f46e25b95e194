/* Is a watched process there? By pid file, or by the name the kernel shows. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/linux/pk_collect.h"
#include "port/linux/pk_dir.h"

enum { STAT_BYTES = 512, PATH_BYTES = PK_PROC_ROOT_BYTES + 32, COMM_MAX = 15 };

/* Bytes, or PK_E_NOT_FOUND, PK_E_IO. */
static int read_text(const char *path, char *out, uint32_t cap_bytes, struct stat *out_stat) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR || errno == ESRCH ? PK_E_NOT_FOUND : PK_E_IO;
    }
    const ssize_t n = read(fd, out, cap_bytes);
    const int why = errno;
    const bool has_stat = out_stat == NULL || fstat(fd, out_stat) == 0;
    (void)close(fd);
    if (n < 0) {
        return why == ESRCH ? PK_E_NOT_FOUND : PK_E_IO;
    }
    return has_stat ? (int)n : PK_E_IO;
}

/* PK_OK with *out; PK_E_NOT_FOUND when there is no such process; else why it cannot be told. */
static int read_process(const struct pk_source *s, struct pk_str pid, struct pk_proc_pid *out) {
    char path[PATH_BYTES], text[STAT_BYTES];
    struct pk_buf b;
    pk_buf_init(&b, path, sizeof path);
    pk_buf_puts(&b, s->proc_root);
    pk_buf_putc(&b, '/');
    pk_buf_put_str(&b, pid);
    pk_buf_puts(&b, "/stat");
    const int n = b.is_cut ? PK_E_TOO_BIG : read_text(path, text, sizeof text, NULL);
    return n < 0 ? n : pk_proc_parse_pid_stat(pk_str_make(text, (size_t)n), out);
}

/* A zombie does no work, and a dying process is gone. */
static bool is_up(const struct pk_proc_pid *process) {
    return process->state != 'Z' && process->state != 'X' && process->state != 'x';
}

static bool is_same_file(const struct pk_source_watch *w, const struct stat *st) {
    return w->file_inode == (uint64_t)st->st_ino && w->file_mtime_s == (int64_t)st->st_mtim.tv_sec &&
           w->file_mtime_ns == (int64_t)st->st_mtim.tv_nsec;
}

/* 1 up, 0 down, negative: it cannot be told. */
static int look_by_pid_file(const struct pk_source *s, struct pk_source_watch *w) {
    char text[64], digits[16];
    struct stat st;
    const int n = read_text(w->watch.path, text, sizeof text, &st);
    if (n == PK_E_NOT_FOUND) {
        return 0;
    }
    uint32_t pid = 0;
    if (n < 0 || pk_proc_parse_pid_file(pk_str_make(text, (size_t)n), &pid) != PK_OK) {
        return n < 0 ? n : PK_E_BAD_MSG;
    }
    struct pk_buf b;
    pk_buf_init(&b, digits, sizeof digits);
    pk_buf_put_u64(&b, pid);
    struct pk_proc_pid process;
    const int err = read_process(s, pk_buf_str(&b), &process);
    if (err == PK_E_NOT_FOUND) {
        return 0;
    }
    if (err != PK_OK) {
        return err;
    }
    const bool is_known = w->pid == pid && is_same_file(w, &st);
    if (is_known && w->start_ticks != process.start_ticks) {
        return 0; /* the number went to another process; ours never rewrote its file */
    }
    w->pid = pid;
    w->start_ticks = process.start_ticks;
    w->file_inode = (uint64_t)st.st_ino;
    w->file_mtime_s = (int64_t)st.st_mtim.tv_sec;
    w->file_mtime_ns = (int64_t)st.st_mtim.tv_nsec;
    return is_up(&process) ? 1 : 0;
}

/* The kernel keeps 15 bytes of a name. */
static bool has_name(const struct pk_proc_pid *process, const char *name) {
    const size_t n = strlen(name) > COMM_MAX ? (size_t)COMM_MAX : strlen(name);
    return strlen(process->comm) == n && memcmp(process->comm, name, n) == 0;
}

/* The process found last time first: in the usual case one file instead of all of them. */
static bool is_still_there(const struct pk_source *s, const struct pk_source_watch *w) {
    char digits[16];
    struct pk_buf b;
    struct pk_proc_pid process;
    pk_buf_init(&b, digits, sizeof digits);
    pk_buf_put_u64(&b, w->pid);
    return w->pid != 0 && read_process(s, pk_buf_str(&b), &process) == PK_OK &&
           process.start_ticks == w->start_ticks && has_name(&process, w->watch.name) && is_up(&process);
}

static bool is_searched(const struct pk_source_watch *w) {
    return w->watch.collector == PK_COLLECT_PROCESS && w->watch.path[0] == '\0' && !w->is_found;
}

/* One walk for all names that are still missing. PK_OK, or why the walk is not whole: then absence proves
 * nothing. */
static int search_by_name(struct pk_source *s) {
    struct pk_dir_walk walk;
    uint32_t looked = 0;
    if (pk_dir_open(&walk, s->proc_root) != PK_OK) {
        return PK_E_IO;
    }
    const char *name;
    int err = PK_OK;
    while ((name = pk_dir_next(&walk)) != NULL) {
        struct pk_proc_pid process;
        uint64_t pid = 0;
        if (pk_parse_u64(pk_str_of(name), &pid) != PK_OK || pid > UINT32_MAX) {
            continue;
        }
        if (++looked > PK_SOURCE_PROCESSES_MAX) {
            err = PK_E_TOO_BIG;
            break;
        }
        if (read_process(s, pk_str_of(name), &process) != PK_OK || !is_up(&process)) {
            continue; /* it ended meanwhile */
        }
        for (uint32_t i = 0; i < s->watch_count; i++) {
            struct pk_source_watch *w = &s->watches[i];
            if (is_searched(w) && has_name(&process, w->watch.name)) {
                w->pid = (uint32_t)pid;
                w->start_ticks = process.start_ticks;
                w->is_found = true;
            }
        }
    }
    pk_dir_close(&walk);
    return err;
}

int pk_collect_process(struct pk_source *s, struct pk_sample *out, uint32_t cap_count) {
    bool is_any_missing = false;
    for (uint32_t i = 0; i < s->watch_count; i++) {
        struct pk_source_watch *w = &s->watches[i];
        w->is_found =
            w->watch.collector == PK_COLLECT_PROCESS && w->watch.path[0] == '\0' && is_still_there(s, w);
        is_any_missing = is_any_missing || is_searched(w);
    }
    const int searched = is_any_missing ? search_by_name(s) : PK_OK;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->watch_count && n < cap_count; i++) {
        struct pk_source_watch *w = &s->watches[i];
        if (w->watch.collector != PK_COLLECT_PROCESS) {
            continue;
        }
        int up;
        if (w->watch.path[0] != '\0') {
            up = look_by_pid_file(s, w);
        } else {
            up = w->is_found ? 1 : (searched == PK_OK ? 0 : searched);
        }
        pk_collect_put(&out[n++], "process_up", w->watch.name, up > 0 ? 1.0 : 0.0, up < 0 ? up : PK_OK);
    }
    return (int)n;
}
