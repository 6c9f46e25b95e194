/* The source contract: one call, one measurement. Files of /proc stay open and are read again from the start.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "port/linux/pk_collect.h"
#include "port/linux/pk_linux.h"

enum proc_file {
    FILE_STAT,
    FILE_MEMINFO,
    FILE_LOADAVG,
    FILE_PSI_CPU,
    FILE_PSI_MEMORY,
    FILE_PSI_IO,
    FILE_VMSTAT
};
/* /proc/stat of a machine with many cores is longer; its cpu lines come first. meminfo has 1.5 KB. */
enum { TEXT_BYTES = 4096 };

static const char *const file_names[PK_PROC_FILES] = {
    [FILE_STAT] = "stat",
    [FILE_MEMINFO] = "meminfo",
    [FILE_LOADAVG] = "loadavg",
    [FILE_PSI_CPU] = "pressure/cpu",
    [FILE_PSI_MEMORY] = "pressure/memory",
    [FILE_PSI_IO] = "pressure/io",
    [FILE_VMSTAT] = "vmstat",
};

void pk_collect_put(struct pk_sample *out, const char *type, const char *source, double value, int error) {
    memset(out, 0, sizeof *out);
    (void)pk_str_copy_cut(pk_str_of(type), out->type, sizeof out->type);
    (void)pk_str_copy_cut(pk_str_of(source), out->source, sizeof out->source);
    out->value = error == PK_OK ? value : 0.0;
    out->error = error;
}

/* PK_E_UNSUPPORTED when the kernel has no such file. */
static int read_file(const struct pk_source *s, enum proc_file which, char *text, struct pk_str *out) {
    if (s->fd[which] < 0) {
        return PK_E_UNSUPPORTED;
    }
    const ssize_t n = pread(s->fd[which], text, TEXT_BYTES, 0);
    if (n <= 0) {
        return PK_E_IO;
    }
    *out = pk_str_make(text, (size_t)n);
    return PK_OK;
}

static int sample_cpu(struct pk_source *s, struct pk_sample *out, uint32_t cap_count) {
    char text[TEXT_BYTES];
    struct pk_str content;
    struct pk_proc_cpu cpu;
    int err = read_file(s, FILE_STAT, text, &content);
    if (err != PK_OK) {
        return err;
    }
    err = pk_proc_parse_stat(content, &cpu);
    if (err != PK_OK) {
        s->has_cpu_sample = false;
        pk_collect_put(out, "cpu_pct", "cpu", 0, err);
        return 1;
    }
    /* Counters that stand still or run backwards (a core taken offline) start the measurement anew. */
    const bool is_usable = s->has_cpu_sample && cpu.total > s->cpu_total && cpu.busy >= s->cpu_busy;
    const uint64_t busy = cpu.busy - s->cpu_busy, total = cpu.total - s->cpu_total;
    s->cpu_busy = cpu.busy;
    s->cpu_total = cpu.total;
    s->has_cpu_sample = true;
    if (!is_usable || cap_count == 0) {
        return 0;
    }
    const double pct = 100.0 * (double)busy / (double)total;
    pk_collect_put(out, "cpu_pct", "cpu", pct > 100.0 ? 100.0 : pct, PK_OK);
    return 1;
}

static int sample_memory(struct pk_source *s, struct pk_sample *out, uint32_t cap_count) {
    char text[TEXT_BYTES];
    struct pk_str content;
    struct pk_proc_memory m;
    int err = read_file(s, FILE_MEMINFO, text, &content);
    if (err != PK_OK) {
        return err;
    }
    err = pk_proc_parse_meminfo(content, &m);
    if (err != PK_OK) {
        pk_collect_put(&out[0], "memory_pct", "memory", 0, err);
        return 1;
    }
    const uint64_t used_kb = m.total_kb - m.available_kb;
    pk_collect_put(&out[0], "memory_pct", "memory", 100.0 * (double)used_kb / (double)m.total_kb, PK_OK);
    if (m.swap_total_kb == 0 || cap_count < 2) {
        return 1;
    }
    const uint64_t swap_kb = m.swap_total_kb - m.swap_free_kb;
    pk_collect_put(&out[1], "swap_pct", "memory", 100.0 * (double)swap_kb / (double)m.swap_total_kb, PK_OK);
    return 2;
}

static int sample_psi(struct pk_source *s, struct pk_sample *out, uint32_t cap_count) {
    static const struct {
        enum proc_file file;
        const char *type, *source;
    } kinds[] = {{FILE_PSI_CPU, "psi_cpu_pct", "cpu"},
                 {FILE_PSI_MEMORY, "psi_memory_pct", "memory"},
                 {FILE_PSI_IO, "psi_io_pct", "io"}};
    char text[TEXT_BYTES];
    uint32_t n = 0;
    for (uint32_t i = 0; i < PK_COUNT_OF(kinds) && n < cap_count; i++) {
        struct pk_str content;
        double pct = 0;
        int err = read_file(s, kinds[i].file, text, &content);
        if (err == PK_E_UNSUPPORTED) {
            continue;
        }
        err = err == PK_OK ? pk_proc_parse_pressure(content, &pct) : err;
        pk_collect_put(&out[n++], kinds[i].type, kinds[i].source, pct, err);
    }
    return n > 0 ? (int)n : PK_E_UNSUPPORTED;
}

static int sample_load(struct pk_source *s, struct pk_sample *out, uint32_t cap_count) {
    char text[TEXT_BYTES];
    struct pk_str content;
    double load = 0;
    int err = read_file(s, FILE_LOADAVG, text, &content);
    if (err != PK_OK) {
        return err;
    }
    (void)cap_count;
    err = s->core_count > 0 ? pk_proc_parse_loadavg(content, &load) : PK_E_BAD_MSG;
    pk_collect_put(out, "load_1m", "load", err == PK_OK ? load / (double)s->core_count : 0, err);
    return 1;
}

/* vmstat is longer than the buffer on some kernels: it is read in pieces of whole lines. */
static int read_oom_kill(const struct pk_source *s, uint64_t *out_count) {
    enum { PIECES_MAX = 4 };
    char text[TEXT_BYTES];
    off_t at = 0;
    if (s->fd[FILE_VMSTAT] < 0) {
        return PK_E_UNSUPPORTED;
    }
    for (uint32_t i = 0; i < PIECES_MAX; i++) {
        ssize_t n = pread(s->fd[FILE_VMSTAT], text, sizeof text, at);
        if (n <= 0) {
            return n < 0 || at == 0 ? PK_E_IO : PK_E_UNSUPPORTED;
        }
        const bool is_full = n == (ssize_t)sizeof text;
        while (is_full && n > 0 && text[n - 1] != '\n') {
            n--;
        }
        const int err = pk_proc_parse_oom_kill(pk_str_make(text, (size_t)n), out_count);
        if (err != PK_E_UNSUPPORTED || n == 0 || !is_full) {
            return err;
        }
        at += n;
    }
    return PK_E_UNSUPPORTED;
}

static int sample_oom(struct pk_source *s, struct pk_sample *out, uint32_t cap_count) {
    struct pk_collect_out o = {.p = out, .cap_count = cap_count, .n = 0};
    uint64_t count = 0;
    const int err = read_oom_kill(s, &count);
    if (err == PK_E_UNSUPPORTED || err == PK_E_IO) {
        return err;
    }
    pk_collect_count(s, PK_COLLECT_OOM, &o, "oom_kill", "kernel", count, err);
    return (int)o.n;
}

static int source_sample(void *ctx, enum pk_collector which, struct pk_sample *out, uint32_t cap_count) {
    struct pk_source *s = ctx;
    if (cap_count == 0) {
        return 0;
    }
    switch (which) {
    case PK_COLLECT_CPU:
        return sample_cpu(s, out, cap_count);
    case PK_COLLECT_MEMORY:
        return sample_memory(s, out, cap_count);
    case PK_COLLECT_PSI:
        return sample_psi(s, out, cap_count);
    case PK_COLLECT_LOAD:
        return sample_load(s, out, cap_count);
    case PK_COLLECT_DISK:
        return pk_collect_disk(s, out, cap_count);
    case PK_COLLECT_PROCESS:
        return pk_collect_process(s, out, cap_count);
    case PK_COLLECT_USAGE:
        return pk_collect_usage(s, out, cap_count);
    case PK_COLLECT_STORAGE:
        return pk_collect_storage(s, out, cap_count);
    case PK_COLLECT_THERMAL:
        return pk_collect_thermal(s, out, cap_count);
    case PK_COLLECT_NETWORK:
        return pk_collect_network(s, out, cap_count);
    case PK_COLLECT_TASKS:
        return pk_collect_tasks(s, out, cap_count);
    case PK_COLLECT_OOM:
        return sample_oom(s, out, cap_count);
    case PK_COLLECT_GPU:
        return pk_collect_gpu(s, out, cap_count);
    case PK_COLLECT_COUNT:
        break;
    }
    return PK_E_UNSUPPORTED;
}

static int source_watch(void *ctx, const struct pk_watch *list, uint32_t count, uint32_t hung_ms) {
    struct pk_source *s = ctx;
    if (count > PK_LIMIT_WATCHES) {
        return PK_E_FULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct pk_source_watch *w = &s->watches[i];
        const bool is_same = i < s->watch_count && w->watch.collector == list[i].collector &&
                             strcmp(w->watch.name, list[i].name) == 0 &&
                             strcmp(w->watch.path, list[i].path) == 0;
        if (!is_same) { /* what was learnt about the others holds across a reload */
            memset(w, 0, sizeof *w);
            w->watch = list[i];
        }
    }
    s->watch_count = count;
    s->hung_ms = hung_ms;
    return PK_OK;
}

static int open_file(const struct pk_source *s, const char *name) {
    char path[PK_PROC_ROOT_BYTES + 24];
    const bool fits = pk_path_join(path, sizeof path, s->proc_root, name) == PK_OK;
    return fits ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
}

/* "cpuN" lines, over as many reads as it takes: only here is the whole file of interest. */
static uint32_t count_cores(int fd) {
    static const char mark[] = "\ncpu";
    enum { FILE_BYTES_MAX = 1 << 20 };
    char text[TEXT_BYTES];
    uint32_t count = 0, matched = 0;
    off_t at = 0;
    ssize_t n;
    while (fd >= 0 && at < FILE_BYTES_MAX && (n = pread(fd, text, sizeof text, at)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (mark[matched] == '\0') {
                count += text[i] >= '0' && text[i] <= '9' ? 1u : 0u;
                matched = 0;
            }
            matched = text[i] == mark[matched] ? matched + 1u : (text[i] == '\n' ? 1u : 0u);
        }
        at += n;
    }
    return count;
}

static int source_top(void *ctx, struct pk_top *out, uint32_t cap_count) {
    return pk_collect_top(ctx, out, cap_count);
}

void pk_source_open(struct pk_source *s, const char *proc_root, const char *sys_root,
                    struct pk_port_source *out) {
    enum {
        HUNG_MS = 120000,
        TICKS_PER_S = 100,
        PAGE_BYTES = 4096
    }; /* as the kernel has them where we cannot ask */
    const long ticks = sysconf(_SC_CLK_TCK), page_bytes = sysconf(_SC_PAGESIZE);
    memset(s, 0, sizeof *s);
    s->now_us = pk_linux_mono_us;
    s->hung_ms = HUNG_MS;
    s->ticks_per_s = ticks > 0 ? (uint32_t)ticks : TICKS_PER_S;
    s->page_bytes = page_bytes > 0 ? (uint32_t)page_bytes : PAGE_BYTES;
    (void)pk_str_copy_cut(pk_str_of(sys_root), s->sys_root, sizeof s->sys_root);
    (void)pk_str_copy_cut(pk_str_of(proc_root), s->proc_root, sizeof s->proc_root);
    for (uint32_t i = 0; i < PK_PROC_FILES; i++) {
        s->fd[i] = open_file(s, file_names[i]);
    }
    s->core_count = count_cores(s->fd[FILE_STAT]);
    *out =
        (struct pk_port_source){.ctx = s, .sample = source_sample, .top = source_top, .watch = source_watch};
}

void pk_source_close(struct pk_source *s) {
    for (uint32_t i = 0; i < PK_PROC_FILES; i++) {
        if (s->fd[i] >= 0) {
            (void)close(s->fd[i]);
        }
        s->fd[i] = -1;
    }
    if (s->top.is_open) {
        pk_dir_close(&s->top.walk);
        s->top.is_open = false;
    }
}
