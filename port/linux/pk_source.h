#ifndef PK_SOURCE_H
#define PK_SOURCE_H
/* Collectors: what /proc and the file systems say. Private to port/linux and its tests. */
#include "pk_limits.h"
#include "port/port.h"

enum { PK_PROC_FILES = 6, PK_PROC_ROOT_BYTES = 96 };

struct pk_source_watch {
    struct pk_watch watch;
    /* The process last seen through the pid file: a pid that comes back with another start time while the
     * file did not change was given to somebody else. */
    uint32_t pid;
    uint64_t start_ticks;
    int64_t file_mtime_s, file_mtime_ns;
    uint64_t file_inode;
    bool is_found;  /* by name, in this measurement */
    bool was_mount; /* a file system of its own was seen here: what lies beneath it says nothing about it */
};
struct pk_source {
    char proc_root[PK_PROC_ROOT_BYTES];
    int fd[PK_PROC_FILES]; /* kept open, read again with pread; -1 = not there */
    uint32_t core_count;
    bool has_cpu_sample;
    uint64_t cpu_busy, cpu_total; /* ticks at the last sample */
    struct pk_source_watch watches[PK_LIMIT_WATCHES];
    uint32_t watch_count;
};

/* Opens what stays open. Files that are missing make their collector PK_E_UNSUPPORTED. */
void pk_source_open(struct pk_source *s, const char *proc_root, struct pk_port_source *out);
void pk_source_close(struct pk_source *s);

/* ---- the parsers of /proc text; pure. PK_E_BAD_MSG for anything that is not of the form. ---- */
struct pk_proc_cpu {
    uint64_t busy, total; /* clock ticks since boot */
};
PK_MUST_USE int pk_proc_parse_stat(struct pk_str text, struct pk_proc_cpu *out);
struct pk_proc_memory {
    uint64_t total_kb, available_kb, swap_total_kb, swap_free_kb;
};
PK_MUST_USE int pk_proc_parse_meminfo(struct pk_str text, struct pk_proc_memory *out);
/* "some avg10" in percent. */
PK_MUST_USE int pk_proc_parse_pressure(struct pk_str text, double *out_pct);
PK_MUST_USE int pk_proc_parse_loadavg(struct pk_str text, double *out_load_1m);
struct pk_proc_pid {
    char comm[32];
    char state;
    uint64_t start_ticks;
};
/* /proc/PID/stat: the name may hold blanks and parentheses. */
PK_MUST_USE int pk_proc_parse_pid_stat(struct pk_str text, struct pk_proc_pid *out);
/* First number of a pid file, 1..4194304, nothing but white space after it. */
PK_MUST_USE int pk_proc_parse_pid_file(struct pk_str text, uint32_t *out_pid);
#endif
