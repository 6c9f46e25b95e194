/* What the agent reads text from, opened here because it needs root: logs, the kernel's messages, sockets,
 * and the program that follows the journal. The descriptors stay here when the agent ends; with them stays
 * how far they were read. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "base/pk_hash.h"
#include "port/linux/pk_accounts.h"
#include "port/linux/pk_dial.h"
#include "port/linux/pk_super_platform.h"

enum {
    RECEIVE_BYTES = 262144,
    JOURNAL_PAUSE_MS = 1000,
    LOG_BETWEEN = PK_INLET_FILES_WAITING - 1 /* the file at the path comes after them */
};

static int error_of(int number) {
    switch (number) {
    case ENOENT:
    case ENOTDIR:
    case ENXIO:
        return PK_E_NOT_FOUND;
    case EACCES:
    case EPERM:
    case ELOOP: /* a link, where none may be */
        return PK_E_DENIED;
    case EADDRINUSE:
        return PK_E_BUSY;
    default:
        return PK_E_IO;
    }
}

static int put_fd(struct pk_super_inlet_state *in, int fd) {
    if (in->fd >= 0) {
        (void)close(in->fd);
    }
    in->fd = fd;
    return PK_SUPER_INLET_NEW;
}

/* The bytes just before a place tell a file from another one that got its number. */
static bool check_before(int fd, uint64_t at, uint32_t *out) {
    uint8_t bytes[PK_INLET_CHECK_BYTES];
    const size_t n = at < sizeof bytes ? (size_t)at : sizeof bytes;
    if (at > (uint64_t)INT64_MAX || pread(fd, bytes, n, (off_t)(at - n)) != (ssize_t)n) {
        return false;
    }
    *out = pk_crc32c(0, bytes, n);
    return true;
}

static int open_log(const char *path, struct stat *st) {
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        return error_of(errno);
    }
    if (fstat(fd, st) != 0 || !S_ISREG(st->st_mode)) {
        (void)close(fd);
        return PK_E_DENIED;
    }
    return fd;
}

/* The device's number is another one after some reboots and says nothing. */
static bool goes_on_at(int fd, const struct stat *st, const struct pk_inlet_place *place) {
    uint32_t check = 0;
    return (uint64_t)st->st_ino == place->of && (uint64_t)st->st_size >= place->at &&
           check_before(fd, place->at, &check) && check == place->check &&
           lseek(fd, (off_t)place->at, SEEK_SET) >= 0;
}

/* ---- the files of a log ---- */

static uint64_t position_of(const struct pk_super_log_file *f) {
    const off_t at = lseek(f->fd, 0, SEEK_CUR);
    return at > 0 ? (uint64_t)at : 0;
}

static bool is_unread(const struct pk_super_log_file *f) {
    struct stat st = {0};
    return fstat(f->fd, &st) == 0 && st.st_size > 0 && (uint64_t)st.st_size > position_of(f);
}

static void show_file(struct pk_super_inlet_state *in, uint32_t at) {
    PK_ASSERT(at < in->file_count);
    in->file_at = (uint8_t)at;
    in->fd = in->files[at].fd;
}

static void drop_files(struct pk_super_inlet_state *in, uint32_t count) {
    PK_ASSERT(count < in->file_count);
    for (uint32_t i = 0; i < count; i++) {
        (void)close(in->files[i].fd);
    }
    in->file_count = (uint8_t)(in->file_count - count);
    memmove(&in->files[0], &in->files[count], in->file_count * sizeof in->files[0]);
    show_file(in, in->file_at > count ? in->file_at - count : 0);
}

/* The first that the agent has not done with: it goes on to the next one when nothing more comes. */
static uint32_t file_being_read(const struct pk_super_inlet_state *in) {
    uint32_t at = in->file_count - 1u;
    while (at > 0 && position_of(&in->files[at]) == 0) {
        at--;
    }
    while (at + 1u < in->file_count && !is_unread(&in->files[at])) {
        at++;
    }
    return at;
}

/* Renamed files are let go once the agent is past them, so that their room on the disk is free when they are
 * deleted. */
static void let_go(struct pk_super_inlet_state *in) {
    const uint32_t reading = file_being_read(in);
    in->quiet_looks = reading > 0 ? (uint8_t)(in->quiet_looks + 1u) : 0;
    if (reading > 0 &&
        (position_of(&in->files[reading]) > 0 || in->quiet_looks >= PK_SUPER_LOG_QUIET_LOOKS)) {
        drop_files(in, reading);
        in->quiet_looks = 0;
    }
}

static int64_t written_ns(const struct stat *st) {
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + (int64_t)st->st_mtim.tv_nsec;
}

static int take_log(struct pk_super_inlet_state *in, const struct stat *st, int fd, int which) {
    if (in->file_count == PK_SUPER_LOG_FILES) {
        in->is_rest_lost = in->is_rest_lost || is_unread(&in->files[0]);
        drop_files(in, 1);
    }
    in->files[in->file_count++] =
        (struct pk_super_log_file){.device = (uint64_t)st->st_dev, .file = (uint64_t)st->st_ino, .fd = fd};
    in->seen_ns = written_ns(st);
    show_file(in, in->file_count - 1u);
    return which;
}

static int open_renamed(const struct pk_inlet_row *row, uint32_t number, struct stat *st) {
    char path[PK_INLET_PATH_BYTES + 4];
    struct pk_buf b;
    pk_buf_init(&b, path, sizeof path);
    pk_buf_puts(&b, row->path);
    pk_buf_putc(&b, '.');
    pk_buf_put_u64(&b, number);
    return open_log(path, st);
}

/* Renamed while nobody looked. The next look finds that its path is another file now. */
static int find_rotated(struct pk_super_inlet_state *in, const struct pk_inlet_row *row,
                        const struct pk_inlet_place *place) {
    struct stat st = {0};
    for (uint32_t i = 1; i <= PK_SUPER_LOG_NAMES; i++) {
        const int fd = open_renamed(row, i, &st);
        if (fd >= 0 && goes_on_at(fd, &st, place)) {
            return take_log(in, &st, fd, PK_SUPER_INLET_NEW_AT_PLACE);
        }
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    return PK_E_NOT_FOUND;
}

/* Files that came after the newest we have and were renamed too before we looked. */
struct between {
    struct stat st[LOG_BETWEEN];
    int fd[LOG_BETWEEN]; /* the newest first */
    uint32_t count, skipped_count;
};

/* From the newest on: a rename meanwhile moves a file to where we come to, so that it may be seen twice but
 * not missed. Names that count upwards lead to older files: what was not written to since is one of them. A
 * file system's clock is coarse: the same time counts as later. */
static void find_between(const struct pk_super_inlet_state *in, const struct pk_inlet_row *row, ino_t newest,
                         struct between *out) {
    const struct pk_super_log_file *last = &in->files[in->file_count - 1u];
    ino_t previous = newest;
    bool is_found = false, is_older = false;
    struct stat st = {0};
    for (uint32_t i = 1; i <= PK_SUPER_LOG_NAMES && !is_found && !is_older; i++) {
        const int fd = open_renamed(row, i, &st);
        if (fd < 0) {
            continue;
        }
        is_found = last->device == (uint64_t)st.st_dev && last->file == (uint64_t)st.st_ino;
        is_older = !is_found && written_ns(&st) < in->seen_ns;
        const bool is_between = !is_found && !is_older && st.st_ino != previous;
        previous = st.st_ino;
        if (is_between && out->count < LOG_BETWEEN) {
            out->st[out->count] = st;
            out->fd[out->count++] = fd;
            continue;
        }
        out->skipped_count += is_between ? 1u : 0u;
        (void)close(fd);
    }
    /* More of them may have been renamed to what we do not know, or deleted: one stands for these. How many
     * cannot be known: a chain of n names of which none is ours is left behind by n + 1 rotations, which lost
     * nothing, as well as by any number of them. */
    out->skipped_count += !is_found && out->count > 0 ? 1u : 0u;
}

static int take_newer(struct pk_super_inlet_state *in, const struct pk_inlet_row *row, const struct stat *st,
                      int fd) {
    struct between b = {.count = 0};
    if (in->file_count > 0) {
        find_between(in, row, st->st_ino, &b);
        in->skipped_count += b.skipped_count;
    }
    for (uint32_t i = b.count; i > 0; i--) {
        (void)take_log(in, &b.st[i - 1u], b.fd[i - 1u], PK_SUPER_INLET_NEW);
    }
    (void)take_log(in, st, fd, PK_SUPER_INLET_NEW);
    show_file(in, in->file_count - 1u - b.count);
    return b.count > 0 ? PK_SUPER_INLET_NEW_OF_MORE : PK_SUPER_INLET_NEW;
}

static int look_log_first(struct pk_super_inlet_state *in, const struct pk_inlet_row *row,
                          const struct pk_inlet_place *place) {
    struct stat st = {0};
    const int fd = open_log(row->path, &st);
    if (fd >= 0 && place != NULL && goes_on_at(fd, &st, place)) {
        return take_log(in, &st, fd, PK_SUPER_INLET_NEW_AT_PLACE);
    }
    if (place != NULL && find_rotated(in, row, place) >= 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return PK_SUPER_INLET_NEW_AT_PLACE;
    }
    if (fd < 0) {
        return fd;
    }
    if (lseek(fd, 0, SEEK_END) < 0) {
        (void)close(fd);
        return PK_E_IO;
    }
    return take_log(in, &st, fd, place != NULL ? PK_SUPER_INLET_NEW_AT_END : PK_SUPER_INLET_NEW);
}

/* The agent ended in the middle, or failed: it begins with what the one before left. */
static int look_log_again(struct pk_super_inlet_state *in) {
    const bool is_lost = in->is_rest_lost;
    drop_files(in, file_being_read(in));
    show_file(in, 0);
    in->is_rest_lost = false;
    return is_lost ? PK_SUPER_INLET_NEW_AT_END : PK_SUPER_INLET_SAME;
}

/* While we hold a file its number is not given to another one, so equal numbers are the same file. */
static int look_log(struct pk_super_inlet_state *in, const struct pk_inlet_row *row,
                    const struct pk_super_inlet_from *from) {
    struct stat st = {0};
    if (!in->was_looked_at) {
        in->was_looked_at = true;
        return look_log_first(in, row, from->place);
    }
    if (from->is_asked && in->file_count > 0) {
        const int which = look_log_again(in);
        if (in->file_count > 1u || is_unread(&in->files[0]) || which != PK_SUPER_INLET_SAME) {
            return which;
        }
    } else if (from->is_unsent && in->file_count > 0) {
        return PK_SUPER_INLET_SAME;
    }
    if (in->file_at + 1u < in->file_count) {
        show_file(in, in->file_at + 1u);
        return in->file_at + 1u < in->file_count ? PK_SUPER_INLET_NEW_OF_MORE : PK_SUPER_INLET_NEW;
    }
    if (lstat(row->path, &st) != 0) {
        return error_of(errno);
    }
    const struct pk_super_log_file *last = in->file_count > 0 ? &in->files[in->file_count - 1u] : NULL;
    if (last != NULL && last->device == (uint64_t)st.st_dev && last->file == (uint64_t)st.st_ino) {
        in->seen_ns = written_ns(&st);
        let_go(in);
        return PK_SUPER_INLET_SAME;
    }
    const int fd = open_log(row->path, &st);
    return fd < 0 ? fd : take_newer(in, row, &st, fd);
}

/* Tests put a FIFO there. */
static int look_kmsg(struct pk_super_inlet_state *in, const struct pk_inlet_row *row, bool without_old) {
    struct stat st = {0};
    if (in->fd >= 0) {
        return PK_SUPER_INLET_SAME;
    }
    const int fd = open(row->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        return error_of(errno);
    }
    if (fstat(fd, &st) != 0 || (!S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode))) {
        (void)close(fd);
        return PK_E_DENIED;
    }
    if (without_old) {
        (void)lseek(fd, 0, SEEK_END);
    }
    return put_fd(in, fd);
}

int pk_super_inlet_place(void *ctx, uint32_t slot, struct pk_inlet_place *out) {
    const struct pk_super_platform *p = ctx;
    PK_ASSERT(slot < PK_LIMIT_INLETS);
    const struct pk_super_inlet_state *in = &p->inlets[slot];
    uint32_t check = 0;
    if (in->file_count == 0) {
        return PK_E_NOT_FOUND;
    }
    const struct pk_super_log_file *f = &in->files[file_being_read(in)];
    const uint64_t at = position_of(f);
    /* Cut short under the reader: it begins anew there. */
    const bool is_there = check_before(f->fd, at, &check);
    out->of = f->file;
    out->at = is_there ? at : 0;
    out->check = is_there ? check : 0;
    out->is_known = true;
    return PK_OK;
}

/* ---- sockets */

static int bind_unix(const struct pk_super_platform *p, struct pk_super_inlet_state *in,
                     const struct pk_inlet_row *row, int fd) {
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    struct pk_buf b;
    pk_buf_init(&b, address.sun_path, sizeof address.sun_path);
    if (row->path[0] != '\0') {
        pk_buf_puts(&b, row->path);
    } else {
        pk_buf_puts(&b, p->config.run_dir);
        pk_buf_putc(&b, '/');
        pk_buf_puts(&b, row->name);
        pk_buf_puts(&b, ".sock");
    }
    struct stat st = {0};
    if (b.is_cut) {
        return PK_E_TOO_BIG;
    }
    if (lstat(address.sun_path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
        return PK_E_DENIED; /* somebody's file is not ours to remove */
    }
    (void)unlink(address.sun_path);
    const mode_t before = umask(0177); /* nobody gets in between bind and chmod */
    const int bound = bind(fd, (const struct sockaddr *)&address, sizeof address);
    const int why = errno;
    (void)umask(before);
    if (bound != 0) {
        return error_of(why);
    }
    memcpy(in->path, address.sun_path, sizeof in->path);
    if ((p->is_root && chown(in->path, 0, p->gid) != 0) || chmod(in->path, 0660) != 0) {
        return PK_E_IO;
    }
    return PK_OK;
}

static int bind_udp(const struct pk_inlet_row *row, int fd) {
    struct sockaddr_storage address;
    const int yes = 1;
    const socklen_t bytes = pk_dial_address(row->path, row->port, &address);
    if (bytes == 0) {
        return PK_E_BAD_FIELD;
    }
    if (address.ss_family == AF_INET6) { /* "::" is not all of IPv4 too: that is another socket */
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    }
    return bind(fd, (const struct sockaddr *)&address, bytes) == 0 ? PK_OK : error_of(errno);
}

static int family_of(const struct pk_inlet_row *row, bool is_udp) {
    if (!is_udp) {
        return AF_UNIX;
    }
    return strchr(row->path, ':') != NULL ? AF_INET6 : AF_INET;
}

static int look_socket(const struct pk_super_platform *p, struct pk_super_inlet_state *in,
                       const struct pk_inlet_row *row) {
    const bool is_udp = pk_inlet_is_udp(row);
    const int yes = 1;
    const int room_bytes = RECEIVE_BYTES;
    if (in->fd >= 0) {
        return PK_SUPER_INLET_SAME;
    }
    const int fd = socket(family_of(row, is_udp), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return PK_E_IO;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room_bytes, sizeof room_bytes);
    if (row->kind == PK_INLET_WITNESS) { /* its neighbours may be told all at once */
        (void)setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes);
    }
    const int err = is_udp ? bind_udp(row, fd) : bind_unix(p, in, row, fd);
    if (err != PK_OK) {
        (void)close(fd);
        return err;
    }
    return put_fd(in, fd);
}

/* ---- the journal */

static bool place_descriptors(int output_fd) {
    const int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int output_high = fcntl(output_fd, F_DUPFD_CLOEXEC, 10);
    if (null_fd < 0 || output_high < 0 || dup2(null_fd, 0) < 0 || dup2(output_high, 1) < 0) {
        return false;
    }
    if (null_fd == 0 && fcntl(0, F_SETFD, 0) != 0) {
        return false;
    }
    pk_child_close_from(3);
    return true;
}

/* As the agent's user, in the group that may read the journal: it parses what every program may write. */
_Noreturn static void journal_main(const struct pk_super_platform *p, const struct pk_inlet_row *row,
                                   const char *cursor, int output_fd, pid_t parent) {
    char after[PK_INLET_CURSOR_BYTES + 16];
    struct pk_buf b;
    uint32_t group = 0;
    pk_buf_init(&b, after, sizeof after);
    pk_buf_puts(&b, "--after-cursor=");
    pk_buf_puts(&b, cursor);
    const bool has_cursor = cursor[0] != '\0';
    const char *const argv[] = {
        row->path,
        "--follow",
        "--output=json",
        "--quiet",
        "--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_COMM,_SYSTEMD_UNIT,_HOSTNAME",
        has_cursor ? "--no-tail" : "--lines=0",
        has_cursor ? after : NULL,
        NULL};
    if (pk_account_id("/etc/group", "systemd-journal", &group) != PK_OK) {
        group = 0;
    }
    pk_child_reset_signals();
    (void)setsid();
    (void)umask(077);
    if (b.is_cut || !place_descriptors(output_fd) || chdir("/") != 0 ||
        (p->is_root && !pk_child_drop_root(p->uid, p->gid, group)) ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 ||
        getppid() != parent) {
        _exit(126);
    }
    union {
        const char *const *in;
        char *const *out;
    } arguments = {.in = argv}, environment = {.in = p->child_environment};
    (void)execve(row->path, arguments.out, environment.out);
    _exit(127);
}

static int look_journal(const struct pk_super_platform *p, struct pk_super_inlet_state *in,
                        const struct pk_inlet_row *row, const char *cursor) {
    const uint64_t now_ms = pk_super_mono_ms();
    int pair[2];
    if (in->pid != 0) {
        return PK_SUPER_INLET_SAME;
    }
    if (in->started_ms != 0 && now_ms - in->started_ms < JOURNAL_PAUSE_MS) {
        return PK_E_BUSY;
    }
    if (access(row->path, X_OK) != 0) {
        return error_of(errno);
    }
    if (pipe2(pair, O_CLOEXEC) != 0) {
        return PK_E_IO;
    }
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        journal_main(p, row, cursor, pair[1], parent);
    }
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return PK_E_IO;
    }
    in->pid = pid;
    in->started_ms = now_ms;
    return put_fd(in, pair[0]);
}

void pk_super_inlets_reap(struct pk_super_platform *p) {
    for (uint32_t i = 0; i < PK_LIMIT_INLETS; i++) {
        struct pk_super_inlet_state *in = &p->inlets[i];
        if (in->pid > 0 && waitpid(in->pid, NULL, WNOHANG) == in->pid) {
            in->pid = 0;
            (void)close(in->fd); /* the agent has its own, and reads what is left in it */
            in->fd = -1;
        }
    }
}

bool pk_super_inlets_own(const struct pk_super_platform *p, pid_t pid) {
    bool is_own = false;
    for (uint32_t i = 0; i < PK_LIMIT_INLETS; i++) {
        is_own = is_own || p->inlets[i].pid == pid;
    }
    return is_own;
}

/* ---- */

int pk_super_inlet(void *ctx, uint32_t slot, const struct pk_inlet_row *row,
                   const struct pk_super_inlet_from *from) {
    struct pk_super_platform *p = ctx;
    PK_ASSERT(slot < PK_LIMIT_INLETS);
    struct pk_super_inlet_state *in = &p->inlets[slot];
    switch ((enum pk_inlet_kind)row->kind) {
    case PK_INLET_LOG:
        return look_log(in, row, from);
    case PK_INLET_KMSG:
        return look_kmsg(in, row, from->without_old);
    case PK_INLET_JOURNAL:
        return look_journal(p, in, row, from->cursor);
    case PK_INLET_SYSLOG:
    case PK_INLET_SYSLOG_UDP:
    case PK_INLET_STATSD:
    case PK_INLET_STATSD_UDP:
    case PK_INLET_WITNESS:
        return look_socket(p, in, row);
    case PK_INLET_KIND_COUNT:
        break;
    }
    return PK_E_NOT_FOUND;
}

uint32_t pk_super_inlet_dropped(void *ctx, uint32_t slot) {
    enum { DROPS = 8, FIGURES = 9 }; /* SK_MEMINFO_DROPS, SK_MEMINFO_VARS of linux/sock_diag.h */
    const struct pk_super_platform *p = ctx;
    uint32_t figures[FIGURES] = {0};
    socklen_t bytes = sizeof figures;
    PK_ASSERT(slot < PK_LIMIT_INLETS);
    const int fd = p->inlets[slot].fd;
    if (p->inlets[slot].file_count > 0) {
        return p->inlets[slot].skipped_count;
    }
    return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_MEMINFO, figures, &bytes) == 0 ? figures[DROPS] : 0;
}

void pk_super_inlet_close(void *ctx, uint32_t slot) {
    struct pk_super_platform *p = ctx;
    PK_ASSERT(slot < PK_LIMIT_INLETS);
    struct pk_super_inlet_state *in = &p->inlets[slot];
    if (in->pid > 0) {
        (void)kill(in->pid, SIGKILL);
        (void)waitpid(in->pid, NULL, 0);
    }
    if (in->path[0] != '\0') {
        (void)unlink(in->path);
    }
    for (uint32_t i = 0; i < in->file_count; i++) {
        (void)close(in->files[i].fd);
    }
    if (in->file_count == 0 && in->fd >= 0) {
        (void)close(in->fd);
    }
    *in = (struct pk_super_inlet_state){.fd = -1};
}

void pk_super_inlet_swap(void *ctx, uint32_t slot, uint32_t other) {
    struct pk_super_platform *p = ctx;
    PK_ASSERT(slot < PK_LIMIT_INLETS && other < PK_LIMIT_INLETS);
    const struct pk_super_inlet_state kept = p->inlets[slot];
    p->inlets[slot] = p->inlets[other];
    p->inlets[other] = kept;
}

void pk_super_inlets_init(struct pk_super_platform *p) {
    for (uint32_t i = 0; i < PK_LIMIT_INLETS; i++) {
        p->inlets[i] = (struct pk_super_inlet_state){.fd = -1};
    }
}

void pk_super_inlets_close(struct pk_super_platform *p) {
    for (uint32_t i = 0; i < PK_LIMIT_INLETS; i++) {
        pk_super_inlet_close(p, i);
    }
}
