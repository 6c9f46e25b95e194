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

int pk_collect_pid(const struct pk_source *s, struct pk_str pid, struct pk_proc_pid *out) {
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
    const int err = pk_collect_pid(s, pk_buf_str(&b), &process);
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
    return w->pid != 0 && pk_collect_pid(s, pk_buf_str(&b), &process) == PK_OK &&
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
        if (pk_collect_pid(s, pk_str_of(name), &process) != PK_OK || !is_up(&process)) {
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

void pk_collect_find(struct pk_source *s, int up[PK_LIMIT_WATCHES]) {
    bool is_any_missing = false;
    for (uint32_t i = 0; i < s->watch_count; i++) {
        struct pk_source_watch *w = &s->watches[i];
        w->is_found =
            w->watch.collector == PK_COLLECT_PROCESS && w->watch.path[0] == '\0' && is_still_there(s, w);
        is_any_missing = is_any_missing || is_searched(w);
    }
    const int searched = is_any_missing ? search_by_name(s) : PK_OK;
    for (uint32_t i = 0; i < s->watch_count; i++) {
        struct pk_source_watch *w = &s->watches[i];
        up[i] = 0;
        if (w->watch.collector != PK_COLLECT_PROCESS) {
            continue;
        }
        if (w->watch.path[0] != '\0') {
            up[i] = look_by_pid_file(s, w);
        } else {
            up[i] = w->is_found ? 1 : (searched == PK_OK ? 0 : searched);
        }
    }
}

int pk_collect_process(struct pk_source *s, struct pk_sample *out, uint32_t cap_count) {
    int up[PK_LIMIT_WATCHES];
    uint32_t n = 0;
    pk_collect_find(s, up);
    for (uint32_t i = 0; i < s->watch_count && n < cap_count; i++) {
        const struct pk_source_watch *w = &s->watches[i];
        if (w->watch.collector == PK_COLLECT_PROCESS) {
            pk_collect_put(&out[n++], "process_up", w->watch.name, up[i] > 0 ? 1.0 : 0.0,
                           up[i] < 0 ? up[i] : PK_OK);
        }
    }
    return (int)n;
}

/* Since the last look at the same process. */
static void put_cpu(const struct pk_source *s, const struct pk_source_watch *w, const struct pk_proc_pid *p,
                    uint64_t now_us, struct pk_collect_out *o) {
    if (now_us <= w->used_us || p->used_ticks < w->used_ticks || s->ticks_per_s == 0) {
        return;
    }
    const double used_s = (double)(p->used_ticks - w->used_ticks) / (double)s->ticks_per_s;
    pk_collect_add(o, "process_cpu_pct", w->watch.name, 1e8 * used_s / (double)(now_us - w->used_us), PK_OK);
}

static void use(struct pk_source *s, struct pk_source_watch *w, struct pk_collect_out *o) {
    char digits[16];
    struct pk_buf b;
    struct pk_proc_pid p;
    pk_buf_init(&b, digits, sizeof digits);
    pk_buf_put_u64(&b, w->pid);
    const int err = pk_collect_pid(s, pk_buf_str(&b), &p);
    if (err != PK_OK || p.start_ticks != w->start_ticks) {
        return; /* it ended since it was looked for: process_up says so */
    }
    const uint64_t now_us = s->now_us();
    const bool is_same = w->used_pid == w->pid && w->used_start == w->start_ticks;
    if (w->used_pid != 0) {
        pk_collect_add(o, "service_restarts", w->watch.name, is_same ? 0.0 : 1.0, PK_OK);
    }
    if (is_same) {
        put_cpu(s, w, &p, now_us, o);
    }
    pk_collect_add(o, "process_rss_bytes", w->watch.name, (double)(p.rss_pages * s->page_bytes), PK_OK);
    w->used_pid = w->pid;
    w->used_start = w->start_ticks;
    w->used_ticks = p.used_ticks;
    w->used_us = now_us;
}

int pk_collect_usage(struct pk_source *s, struct pk_sample *out, uint32_t cap_count) {
    struct pk_collect_out o = {.p = out, .cap_count = cap_count, .n = 0};
    int up[PK_LIMIT_WATCHES];
    pk_collect_find(s, up);
    for (uint32_t i = 0; i < s->watch_count; i++) {
        if (up[i] > 0) {
            use(s, &s->watches[i], &o);
        } else if (up[i] < 0) {
            pk_collect_add(&o, "process_rss_bytes", s->watches[i].watch.name, 0, up[i]);
        }
    }
    return (int)o.n;
}
