#include "incident/pk_stop_story.h"

#include <string.h>

#include "base/pk_assert.h"
#include "base/pk_err.h"
#include "base/pk_time.h"

static const char *const WORDS[PK_STOP_COUNT] = {
    [PK_STOP_UNKNOWN] = "unknown", [PK_STOP_CLEAN] = "clean",   [PK_STOP_WATCHDOG] = "watchdog",
    [PK_STOP_PANIC] = "panic",     [PK_STOP_OOM] = "oom",       [PK_STOP_POWER] = "power",
    [PK_STOP_CRASH] = "crash",     [PK_STOP_KILLED] = "killed", [PK_STOP_STORE] = "store"};

const char *pk_stop_word(enum pk_stop stop) {
    PK_ASSERT(stop < PK_STOP_COUNT);
    return WORDS[stop];
}

/* ---- the kernel's last words ---- */

/* In the words of kernel/panic.c and of who calls it: mm/oom_kill.c, kernel/watchdog.c, kernel/hung_task.c.
 */
static const struct {
    const char *words;
    uint8_t trace;
} LAST_WORDS[] = {
    {"*Kernel panic - not syncing: *ut of memory*", PK_STOP_TRACE_OOM},
    {"*Kernel panic - not syncing: System is deadlocked on memory*", PK_STOP_TRACE_OOM},
    {"*Kernel panic - not syncing: softlockup*", PK_STOP_TRACE_LOCKUP},
    {"*Kernel panic - not syncing: *LOCKUP*", PK_STOP_TRACE_LOCKUP},
    {"*Kernel panic - not syncing: hung_task*", PK_STOP_TRACE_LOCKUP},
    {"*Kernel panic - not syncing: RCU Stall*", PK_STOP_TRACE_LOCKUP},
    {"*Kernel panic - not syncing: *", PK_STOP_TRACE_PANIC},
    {"*BUG: *", PK_STOP_TRACE_OOPS},
    {"*Oops: *", PK_STOP_TRACE_OOPS},
    {"*Internal error: *", PK_STOP_TRACE_OOPS},
};

static enum pk_stop_trace trace_of_line(struct pk_str line) {
    for (uint32_t i = 0; i < sizeof LAST_WORDS / sizeof LAST_WORDS[0]; i++) {
        if (pk_glob_match(pk_str_of(LAST_WORDS[i].words), line)) {
            return (enum pk_stop_trace)LAST_WORDS[i].trace;
        }
    }
    return PK_STOP_TRACE_NONE;
}

/* "<6>[   12.345678][  T1] text" */
static struct pk_str without_head(struct pk_str line) {
    if (line.n > 2 && line.p[0] == '<') {
        (void)pk_str_split(&line, '>', &(struct pk_str){0});
    }
    while (line.n > 0 && line.p[0] == '[') {
        (void)pk_str_split(&line, ']', &(struct pk_str){0});
        line = pk_str_trim(line);
    }
    return line;
}

static void keep_line(struct pk_str line, char out[PK_STOP_LINE_BYTES]) {
    const uint32_t n = pk_str_copy_cut(without_head(line), out, PK_STOP_LINE_BYTES);
    for (uint32_t i = 0; i < n; i++) {
        out[i] = (unsigned char)out[i] < 0x20u || (unsigned char)out[i] > 0x7eu ? '?' : out[i];
    }
}

/* A panic outweighs what came before it and what its stack trace says after it. */
enum pk_stop_trace pk_stop_trace_of(struct pk_str dump, char out_line[PK_STOP_LINE_BYTES]) {
    enum { LINE_BYTES_MAX = 512 }; /* matching is quadratic in what a stranger could write */
    enum pk_stop_trace found = PK_STOP_TRACE_NONE;
    struct pk_str line;
    out_line[0] = '\0';
    while (pk_str_split(&dump, '\n', &line)) {
        line.n = line.n > LINE_BYTES_MAX ? LINE_BYTES_MAX : line.n;
        const enum pk_stop_trace trace = trace_of_line(line);
        if (trace > PK_STOP_TRACE_OOPS || (trace == PK_STOP_TRACE_OOPS && found <= PK_STOP_TRACE_OOPS)) {
            found = trace;
            keep_line(line, out_line);
        }
    }
    return found;
}

/* ---- which of them ---- */

/* The kernel's word is of the very end; the board's watchdog bites when there was nobody left to write one.
 */
static enum pk_stop stop_of_machine(const struct pk_stop_facts *f) {
    switch (f->is_trace_new ? f->trace : (uint8_t)PK_STOP_TRACE_NONE) {
    case PK_STOP_TRACE_OOM:
        return PK_STOP_OOM;
    case PK_STOP_TRACE_LOCKUP:
        return PK_STOP_WATCHDOG;
    case PK_STOP_TRACE_PANIC:
        return PK_STOP_PANIC;
    default:
        break;
    }
    if (f->was_clean) {
        return PK_STOP_CLEAN;
    }
    if (f->has_watchdog_fired) {
        return PK_STOP_WATCHDOG;
    }
    return f->is_trace_new && f->trace == PK_STOP_TRACE_OOPS ? PK_STOP_PANIC : PK_STOP_POWER;
}

static enum pk_stop stop_of_agent(const struct pk_stop_facts *f) {
    enum { SIGNAL_MASK = 0x7f, BY_KILL = 9 };
    const uint32_t ended_by = f->exit_status & SIGNAL_MASK;
    if (f->was_clean) {
        return PK_STOP_CLEAN;
    }
    if (f->was_hung) {
        return PK_STOP_WATCHDOG;
    }
    if (f->exit_status == PK_STOP_NO_EXIT) {
        return PK_STOP_KILLED; /* the supervisor went with it */
    }
    if (ended_by == BY_KILL) {
        return f->oom_kill_count > 0 ? PK_STOP_OOM : PK_STOP_KILLED;
    }
    if (ended_by == 0 && f->exit_status >> 8 == PK_EXIT_STORE) {
        return PK_STOP_STORE;
    }
    /* SIGTERM and the like are sent by people; SIGILL, TRAP, ABRT, BUS, FPE, SEGV, SYS are earned. */
    const uint32_t earned = 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 11 | 1u << 31;
    return ended_by < 32u && (earned >> ended_by & 1u) != 0 ? PK_STOP_CRASH : PK_STOP_KILLED;
}

enum pk_stop pk_stop_of(const struct pk_stop_facts *f, bool *out_is_machine) {
    *out_is_machine = false;
    if (f->kernel_boot == 0 || f->kernel_boot_before == 0) {
        return PK_STOP_UNKNOWN;
    }
    *out_is_machine = f->kernel_boot != f->kernel_boot_before;
    return *out_is_machine ? stop_of_machine(f) : stop_of_agent(f);
}

bool pk_stop_is_unexpected(enum pk_stop stop) {
    return stop != PK_STOP_UNKNOWN && stop != PK_STOP_CLEAN && stop != PK_STOP_KILLED;
}

/* ---- in words ---- */

static const char *const OF_MACHINE[PK_STOP_COUNT] = {
    [PK_STOP_CLEAN] = "clean: picketd was stopped in order before the machine went down",
    [PK_STOP_WATCHDOG] = "watchdog: the machine hung and was reset",
    [PK_STOP_PANIC] = "panic: the kernel broke",
    [PK_STOP_OOM] = "oom: the kernel ran out of memory and gave up",
    [PK_STOP_POWER] = "power: no clean stop, and neither kernel nor watchdog left a word"};
static const char *const OF_AGENT[PK_STOP_COUNT] = {
    [PK_STOP_CLEAN] = "clean: picketd was stopped in order, the machine ran on",
    [PK_STOP_WATCHDOG] = "watchdog: picketd hung and was ended",
    [PK_STOP_OOM] = "oom: the kernel killed picketd for want of memory",
    [PK_STOP_CRASH] = "crash: picketd ended by a fault of its own",
    [PK_STOP_KILLED] = "killed: picketd ended without being asked to stop, the machine ran on",
    [PK_STOP_STORE] = "store: its file could not be written, and picketd started again to open it anew"};

static void put_number(struct pk_buf *out, const char *what, uint64_t v) {
    pk_buf_puts(out, what);
    pk_buf_put_u64(out, v);
}

void pk_stop_story(const struct pk_stop_facts *f, enum pk_stop stop, bool is_machine, struct pk_buf *out) {
    const char *words = is_machine ? OF_MACHINE[stop] : OF_AGENT[stop];
    pk_buf_puts(out, words != NULL ? words : "unknown: nothing is known of a run before");
    if (stop == PK_STOP_UNKNOWN) {
        return;
    }
    if (is_machine && f->is_trace_new && f->trace != PK_STOP_TRACE_NONE) {
        pk_buf_puts(out, "; kernel: ");
        pk_buf_puts(out, f->line);
    }
    if (is_machine && f->has_watchdog_fired) {
        pk_buf_puts(out, "; boot status: reset by the watchdog");
    }
    if (!is_machine && f->exit_status != PK_STOP_NO_EXIT && stop != PK_STOP_CLEAN) {
        put_number(out, "; wait status ", f->exit_status);
    }
    if (!is_machine && stop == PK_STOP_OOM) {
        put_number(out, "; kills for memory meanwhile: ", f->oom_kill_count);
    }
    if (is_machine && stop != PK_STOP_CLEAN && f->alive_wall_ms > 0) {
        char text[PK_TIME_TEXT_BYTES];
        pk_time_format(f->alive_wall_ms, text);
        pk_buf_puts(out, "; alive after ");
        pk_buf_puts(out, text);
    }
}
