#ifndef PK_SUPER_PLATFORM_H
#define PK_SUPER_PLATFORM_H
/* What the super_*.c files share. */
#include "port/linux/pk_image.h"
#include "port/linux/pk_slots.h"
#include "port/linux/pk_super.h"

enum { PK_SUPER_PATH_BYTES = 192, PK_SUPER_ENVIRONMENT_MAX = 64, PK_SUPER_RLIMIT_CPU_S = 120 };

struct pk_super_child_state {
    pid_t pid; /* 0 = does not run */
    int fd; /* our end of its socket; -1 = none. A resolver's or prober's stays until its result was read. */
};

/* A log's files, oldest first: the last is what its path was at the last look, those before it were renamed
 * and may have a rest that the agent has not read. Descriptors are shared with the agent, and with them how
 * far it read. */
enum {
    PK_SUPER_LOG_FILES = 1 + PK_INLET_FILES_WAITING,
    PK_SUPER_LOG_NAMES = 9, /* PATH.1 to PATH.9 are looked at for what a log was renamed to */
    PK_SUPER_LOG_QUIET_LOOKS = 5
};
struct pk_super_log_file {
    uint64_t device, file;
    int fd;
};
struct pk_super_inlet_state {
    int fd; /* -1 = none; of a log that of files[file_at], which is the one to hand over */
    bool was_looked_at;
    bool is_rest_lost; /* of a file that had to make room */
    uint8_t file_count, file_at;
    uint8_t quiet_looks;    /* at which nothing was left to read of the renamed ones */
    uint32_t skipped_count; /* files of a log that nobody could open in time */
    int64_t seen_ns;        /* when the newest file was written to, as last seen under the log's path */
    struct pk_super_log_file files[PK_SUPER_LOG_FILES];
    pid_t pid; /* of the journal's program; 0 = does not run */
    uint64_t started_ms;
    char path[108]; /* of a unix socket: to be removed; empty = none */
};

struct pk_super_platform {
    struct pk_super_platform_config config;
    bool is_root, is_state_new;
    uid_t uid; /* of the agent */
    gid_t gid;
    uint64_t boot_id;
    int signal_fd, lock_fd, own_dir_fd; /* own_dir: <state_dir>/supervisor */
    struct pk_slots state;
    int listener_fd[PK_LISTENER_COUNT];
    struct pk_super_inlet_state inlets[PK_LIMIT_INLETS];
    struct pk_super_child_state children[PK_SUPER_CHILD_COUNT];
    const char *child_environment[PK_SUPER_ENVIRONMENT_MAX + 3];
    struct pk_exec exec;
    struct pk_notify notify;
    struct pk_watchdog watchdog;
    struct pk_image image;
};

/* super_files.c */
/* PK_OK; PK_E_CONFIG with a sentence: the configuration wants the state in memory, and it would not be. */
int pk_super_check_memory(const struct pk_super_platform_config *config, struct pk_buf *why);
int pk_super_open_dirs(struct pk_super_platform *p, struct pk_buf *why);
int pk_super_open_listeners(struct pk_super_platform *p, struct pk_buf *why);
void pk_super_close_files(struct pk_super_platform *p);
int pk_super_load_state(void *ctx, void *out, uint32_t cap_bytes);
int pk_super_save_state(void *ctx, const void *bytes, uint32_t n);
int pk_super_load_places(void *ctx, void *out, uint32_t cap_bytes);
int pk_super_save_places(void *ctx, const void *bytes, uint32_t n);
int pk_super_load_armed(void *ctx, void *out, uint32_t cap_bytes);
int pk_super_save_armed(void *ctx, const void *bytes, uint32_t n);
/* super_children.c */
void pk_super_children_init(struct pk_super_platform *p);
int pk_super_spawn(void *ctx, enum pk_super_child which, const char *argument);
int pk_super_probe(void *ctx, enum pk_super_child which, const struct pk_ipc_probe_order *order);
int pk_super_ended(void *ctx, struct pk_super_exit *out);
void pk_super_kill(void *ctx, enum pk_super_child which, enum pk_super_kill how);
/* super_inlets.c */
void pk_super_inlets_init(struct pk_super_platform *p);
int pk_super_inlet(void *ctx, uint32_t slot, const struct pk_inlet_row *row,
                   const struct pk_super_inlet_from *from);
int pk_super_inlet_place(void *ctx, uint32_t slot, struct pk_inlet_place *out);
uint32_t pk_super_inlet_dropped(void *ctx, uint32_t slot);
void pk_super_inlet_close(void *ctx, uint32_t slot);
void pk_super_inlet_swap(void *ctx, uint32_t slot, uint32_t other);
void pk_super_inlets_close(struct pk_super_platform *p);
/* Reaps the journal's program. */
void pk_super_inlets_reap(struct pk_super_platform *p);
bool pk_super_inlets_own(const struct pk_super_platform *p, pid_t pid);
/* super_ipc.c */
int pk_super_send(void *ctx, const struct pk_ipc_frame *frame, int open_id);
int pk_super_recv(void *ctx, struct pk_ipc_frame *out);
int pk_super_resolved(void *ctx, enum pk_super_child which, struct pk_ipc_resolved *out);
int pk_super_probed(void *ctx, enum pk_super_child which, struct pk_ipc_probed *out);
#endif
