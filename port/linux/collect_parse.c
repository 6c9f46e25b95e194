/* Parsers of /proc text. What is not of the form the kernel writes is an error, never a number. */
#include <string.h>

#include "port/linux/pk_source.h"

/* Cuts the next word off *rest; blanks and tabs separate. Empty at the end. */
static struct pk_str next_word(struct pk_str *rest) {
    while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t')) {
        rest->p++;
        rest->n--;
    }
    uint32_t n = 0;
    while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t' && rest->p[n] != '\n') {
        n++;
    }
    const struct pk_str word = pk_str_make(rest->p, n);
    rest->p += n;
    rest->n -= n;
    return word;
}

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice"; guest is in user already. Kernels
 * before 2.6 had four. */
static int parse_cpu_line(struct pk_str line, struct pk_proc_cpu *out) {
    enum { FIELDS_MIN = 4, FIELDS_MAX = 8, IDLE = 3, IOWAIT = 4 };
    uint64_t total = 0, idle = 0;
    uint32_t field = 0;
    struct pk_str rest = line;
    (void)next_word(&rest);
    for (; field < FIELDS_MAX; field++) {
        const struct pk_str word = next_word(&rest);
        uint64_t ticks = 0;
        if (word.n == 0) {
            break;
        }
        if (pk_parse_u64(word, &ticks) != PK_OK || ticks > UINT64_MAX - total) {
            return PK_E_BAD_MSG;
        }
        total += ticks;
        idle += field == IDLE || field == IOWAIT ? ticks : 0u;
    }
    out->total = total;
    out->busy = total - idle;
    return field >= FIELDS_MIN ? PK_OK : PK_E_BAD_MSG;
}

int pk_proc_parse_stat(struct pk_str text, struct pk_proc_cpu *out) {
    struct pk_proc_cpu cpu = {0, 0};
    struct pk_str rest = text, line;
    bool has_total = false;
    while (pk_str_split(&rest, '\n', &line)) {
        if (!pk_str_starts(line, "cpu")) {
            break; /* they come first */
        }
        if (pk_str_starts(line, "cpu ")) {
            if (parse_cpu_line(line, &cpu) != PK_OK) {
                return PK_E_BAD_MSG;
            }
            has_total = true;
        }
    }
    if (!has_total) {
        return PK_E_BAD_MSG;
    }
    *out = cpu;
    return PK_OK;
}

/* "Name:   123 kB" */
static int parse_kb(struct pk_str line, uint64_t *out) {
    struct pk_str rest = line;
    (void)next_word(&rest);
    if (pk_parse_u64(next_word(&rest), out) != PK_OK || *out > UINT64_MAX / 1024u) {
        return PK_E_BAD_MSG;
    }
    return pk_str_eq_c(next_word(&rest), "kB") ? PK_OK : PK_E_BAD_MSG;
}

int pk_proc_parse_meminfo(struct pk_str text, struct pk_proc_memory *out) {
    enum { TOTAL, AVAILABLE, SWAP_TOTAL, SWAP_FREE, NAME_COUNT };
    static const char *const names[NAME_COUNT] = {"MemTotal:", "MemAvailable:", "SwapTotal:", "SwapFree:"};
    uint64_t kb[NAME_COUNT] = {0};
    uint32_t found = 0;
    struct pk_str rest = text, line;
    while (pk_str_split(&rest, '\n', &line)) {
        for (uint32_t i = 0; i < NAME_COUNT; i++) {
            if (!pk_str_starts(line, names[i])) {
                continue;
            }
            if (parse_kb(line, &kb[i]) != PK_OK) {
                return PK_E_BAD_MSG;
            }
            found |= 1u << i;
        }
    }
    const uint32_t needed = 1u << TOTAL | 1u << AVAILABLE;
    /* Swap lines are missing from kernels without swap. */
    if ((found & needed) != needed || kb[TOTAL] == 0 || kb[AVAILABLE] > kb[TOTAL] ||
        kb[SWAP_FREE] > kb[SWAP_TOTAL]) {
        return PK_E_BAD_MSG;
    }
    *out = (struct pk_proc_memory){.total_kb = kb[TOTAL],
                                   .available_kb = kb[AVAILABLE],
                                   .swap_total_kb = kb[SWAP_TOTAL],
                                   .swap_free_kb = kb[SWAP_FREE]};
    return PK_OK;
}

/* "some avg10=1.24 avg60=... total=..." */
int pk_proc_parse_pressure(struct pk_str text, double *out_pct) {
    struct pk_str rest = text, line;
    while (pk_str_split(&rest, '\n', &line)) {
        if (!pk_str_starts(line, "some ")) {
            continue;
        }
        (void)next_word(&line);
        const struct pk_str word = next_word(&line);
        double pct = 0;
        if (!pk_str_starts(word, "avg10=") ||
            pk_parse_double(pk_str_make(word.p + 6, word.n - 6u), &pct) != PK_OK) {
            return PK_E_BAD_MSG;
        }
        if (!(pct >= 0.0 && pct <= 100.0)) {
            return PK_E_BAD_MSG;
        }
        *out_pct = pct;
        return PK_OK;
    }
    return PK_E_BAD_MSG;
}

int pk_proc_parse_loadavg(struct pk_str text, double *out_load_1m) {
    struct pk_str rest = text;
    double load = 0;
    if (pk_parse_double(next_word(&rest), &load) != PK_OK || !(load >= 0.0) || next_word(&rest).n == 0) {
        return PK_E_BAD_MSG;
    }
    *out_load_1m = load;
    return PK_OK;
}

int pk_proc_parse_pid_stat(struct pk_str text, struct pk_proc_pid *out) {
    /* Counted from the state, which is field 3 of proc(5). */
    enum { USER_FIELD = 11, SYSTEM_FIELD = 12, START_FIELD = 19, RSS_FIELD = 21, FIELD_COUNT };
    uint32_t open = 0, shut = text.n;
    while (open < text.n && text.p[open] != '(') {
        open++;
    }
    while (shut > 0 && text.p[shut - 1u] != ')') {
        shut--;
    }
    if (open == text.n || shut < open + 2u) {
        return PK_E_BAD_MSG;
    }
    struct pk_str rest = pk_str_make(text.p + shut, text.n - shut);
    const struct pk_str state = next_word(&rest);
    uint64_t values[FIELD_COUNT] = {0};
    for (uint32_t field = 1; field < FIELD_COUNT; field++) {
        const bool is_wanted = field == USER_FIELD || field == SYSTEM_FIELD || field >= START_FIELD;
        const struct pk_str word = next_word(&rest);
        if (word.n == 0 && field > START_FIELD) {
            break; /* cut off behind what tells processes apart */
        }
        if (is_wanted && pk_parse_u64(word, &values[field]) != PK_OK) {
            return PK_E_BAD_MSG;
        }
    }
    if (state.n != 1) {
        return PK_E_BAD_MSG;
    }
    (void)pk_str_copy_cut(pk_str_make(text.p + open + 1u, shut - open - 2u), out->comm, sizeof out->comm);
    out->state = state.p[0];
    out->start_ticks = values[START_FIELD];
    out->used_ticks = values[USER_FIELD] + values[SYSTEM_FIELD];
    out->rss_pages = values[RSS_FIELD];
    return PK_OK;
}

int pk_proc_parse_oom_kill(struct pk_str text, uint64_t *out_count) {
    struct pk_str rest = text, line;
    while (pk_str_split(&rest, '\n', &line)) {
        if (!pk_str_starts(line, "oom_kill ")) {
            continue;
        }
        (void)next_word(&line);
        return pk_parse_u64(next_word(&line), out_count) == PK_OK ? PK_OK : PK_E_BAD_MSG;
    }
    return PK_E_UNSUPPORTED;
}

int pk_sys_parse_life_time(struct pk_str text, uint32_t *out_pct) {
    enum { STEPS = 11, STEP_PCT = 10 }; /* 0x0B: beyond its estimated life */
    struct pk_str rest = text;
    uint64_t worst = 0;
    for (uint32_t i = 0; i < 2; i++) {
        struct pk_str word = next_word(&rest);
        uint64_t step = 0;
        if (!pk_str_starts(word, "0x") ||
            pk_parse_hex_u64(pk_str_make(word.p + 2, word.n - 2u), &step) != PK_OK || step > STEPS) {
            return PK_E_BAD_MSG;
        }
        worst = step > worst ? step : worst;
    }
    if (worst == 0) {
        return PK_E_UNSUPPORTED;
    }
    *out_pct = (uint32_t)worst * STEP_PCT;
    return PK_OK;
}

static bool is_octal(const char *p) {
    return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' && p[2] <= '7';
}

/* Bytes of the path that a mount's place is the beginning of, or -1. The kernel writes blank, tab, line feed
 * and backslash of a path as \040 and so on. */
static int mount_bytes(struct pk_str written, const char *path) {
    uint32_t at = 0, n = 0;
    for (; at < written.n && path[n] != '\0'; n++) {
        char c = written.p[at++];
        if (c == '\\' && at + 3u <= written.n && is_octal(written.p + at)) {
            c = (char)((written.p[at] - '0') << 6 | (written.p[at + 1u] - '0') << 3 |
                       (written.p[at + 2u] - '0'));
            at += 3u;
        }
        if (c != path[n]) {
            return -1;
        }
    }
    return at == written.n && n > 0 ? (int)n : -1;
}

static bool is_network_type(struct pk_str type) {
    static const char *const TYPES[] = {"nfs",   "nfs4",   "cifs",  "smb3",           "smbfs",
                                        "9p",    "afs",    "ceph",  "fuse.glusterfs", "fuse.sshfs",
                                        "ncpfs", "lustre", "autofs"};
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
        if (pk_str_eq_c(type, TYPES[i])) {
            return true;
        }
    }
    return false;
}

int pk_proc_parse_mount_over(struct pk_str line, const char *path, bool *out_is_network) {
    struct pk_str rest = line;
    (void)next_word(&rest);
    const struct pk_str where = next_word(&rest), type = next_word(&rest);
    if (type.n == 0) {
        return PK_E_BAD_MSG;
    }
    const int n = mount_bytes(where, path);
    if (n < 0 || (path[n] != '\0' && path[n] != '/' && path[n - 1] != '/')) {
        return PK_E_NOT_FOUND;
    }
    *out_is_network = is_network_type(type);
    return n;
}

int pk_proc_parse_mount(struct pk_str line, const char *path, bool *out_is_readonly) {
    struct pk_str rest = line, option;
    (void)next_word(&rest);
    const struct pk_str where = next_word(&rest);
    (void)next_word(&rest);
    struct pk_str options = next_word(&rest);
    if (options.n == 0) {
        return PK_E_BAD_MSG;
    }
    const int n = mount_bytes(where, path);
    if (n < 0 || path[n] != '\0') {
        return PK_E_NOT_FOUND;
    }
    *out_is_readonly = false;
    while (pk_str_split(&options, ',', &option)) {
        *out_is_readonly =
            *out_is_readonly || pk_str_eq_c(option, "ro") || pk_str_eq_c(option, "emergency_ro");
    }
    return PK_OK;
}

int pk_proc_parse_pid_file(struct pk_str text, uint32_t *out_pid) {
    enum { PID_MAX = 4194304 }; /* of the kernel */
    uint64_t pid = 0;
    if (pk_parse_u64(pk_str_trim(text), &pid) != PK_OK || pid == 0 || pid > PID_MAX) {
        return PK_E_BAD_MSG;
    }
    *out_pid = (uint32_t)pid;
    return PK_OK;
}
