#ifndef PK_SOURCE_H
#define PK_SOURCE_H
/* Collectors: what /proc and the file systems say. Private to port/linux and its tests. */
#include "pk_limits.h"
#include "port/linux/pk_dir.h"
#include "port/port.h"

enum {
    PK_PROC_FILES = 7,
    PK_PROC_ROOT_BYTES = 96,
    PK_SOURCE_STUCK = 32, /* tasks in uninterruptible sleep that are kept in mind between two looks */
    PK_SOURCE_LINKS = 16, /* interfaces that had a carrier; further ones are not missed */
    PK_SOURCE_LINK_BYTES = 16
};

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
    bool was_writable;
    /* usage: of the process (used_pid, used_start) at used_us */
    uint32_t used_pid;
    uint64_t used_start, used_ticks, used_us;
};
/* A counter of the kernel as it stood at the last look. */
struct pk_source_counter {
    uint64_t key; /* of kind and name; 0 = free */
    uint64_t last;
    uint32_t round; /* of its collector: what is not looked at any more is forgotten */
    uint8_t collector;
};
struct pk_source_stuck {
    uint32_t pid, round; /* pid 0 = free */
    uint64_t start_ticks, since_us;
};
struct pk_source_link {
    char name[PK_SOURCE_LINK_BYTES]; /* empty = free */
    bool is_there;
};
/* Time a process had used when it was last looked at for the busiest, at one of a few places that follow from
 * its pid. */
enum { PK_SOURCE_TOP_PLACES = 8, PK_SOURCE_TOP_ROWS = PK_TOP_MAX / 2 };
struct pk_source_busy {
    uint32_t pid, used_ticks, at_ms;
    uint32_t round; /* of looks, in which it was seen; 0 = free */
};
struct pk_source_top_list {
    struct pk_top rows[PK_SOURCE_TOP_ROWS];
    uint32_t n;
};
struct pk_source_top {
    struct pk_source_busy busy[PK_LIMIT_TOP_SLOTS];
    struct pk_source_top_list busiest, largest;
    struct pk_dir_walk walk;
    uint32_t round, looked_count; /* processes in this round */
    bool is_open;                 /* the round is not over */
};
struct pk_source {
    struct pk_source_top top;
    char proc_root[PK_PROC_ROOT_BYTES], sys_root[PK_PROC_ROOT_BYTES];
    uint64_t (*now_us)(void);
    int fd[PK_PROC_FILES]; /* kept open, read again with pread; -1 = not there */
    uint32_t core_count;
    bool has_cpu_sample;
    uint64_t cpu_busy, cpu_total; /* ticks at the last sample */
    struct pk_source_watch watches[PK_LIMIT_WATCHES];
    uint32_t watch_count;
    struct pk_source_counter counters[PK_LIMIT_COUNTERS];
    struct pk_source_stuck stuck[PK_SOURCE_STUCK];
    struct pk_source_link links[PK_SOURCE_LINKS];
    uint32_t round[PK_COLLECT_COUNT];
    uint32_t hung_ms, ticks_per_s, page_bytes;
};

/* Opens what stays open. Files that are missing make their collector PK_E_UNSUPPORTED. */
void pk_source_open(struct pk_source *s, const char *proc_root, const char *sys_root,
                    struct pk_port_source *out);
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
    uint64_t start_ticks, used_ticks; /* used: user and system */
    uint64_t rss_pages;
};
/* /proc/PID/stat: the name may hold blanks and parentheses. */
PK_MUST_USE int pk_proc_parse_pid_stat(struct pk_str text, struct pk_proc_pid *out);
/* "oom_kill 3" of vmstat. PK_E_UNSUPPORTED: a kernel before 4.13 does not count them. */
PK_MUST_USE int pk_proc_parse_oom_kill(struct pk_str text, uint64_t *out_count);
/* "0x03 0x01": the device life time estimations A and B of an eMMC (JESD84-B51 7.4.31 f.); the worse of both
 * in percent used, the upper end of its step. 0 = not defined: PK_E_UNSUPPORTED. */
PK_MUST_USE int pk_sys_parse_life_time(struct pk_str text, uint32_t *out_pct);
/* One line of /proc/mounts: whether it is of the file system mounted at `path`, and refuses writing; also
 * when it does so because of errors, which since Linux 6.14 is the option emergency_ro of ext4 and no longer
 * the flag. PK_OK, PK_E_NOT_FOUND (another one), PK_E_BAD_MSG. */
PK_MUST_USE int pk_proc_parse_mount(struct pk_str line, const char *path, bool *out_is_readonly);
/* One line of /proc/mounts: bytes of the path that lie at or above what is mounted there, the mount with the
 * most of them is the path's own; PK_E_NOT_FOUND (none), PK_E_BAD_MSG. Network: its server may let a look at
 * it wait for ever. */
PK_MUST_USE int pk_proc_parse_mount_over(struct pk_str line, const char *path, bool *out_is_network);
/* First number of a pid file, 1..4194304, nothing but white space after it. */
PK_MUST_USE int pk_proc_parse_pid_file(struct pk_str text, uint32_t *out_pid);
#endif
