/* Programs run by the supervisor's exec, with real ones of this machine. ctest: timeout=180 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "port/linux/pk_super.h"
#include "support/pk_test.h"

static struct pk_exec the_exec;
static struct pk_port_exec the_port;

static void setup(void) {
    pk_exec_open(&the_exec, false, &the_port);
}

static int start(const char *const *argv, uint32_t timeout_ms, bool leaves_children) {
    const struct pk_exec_request r = {
        .argv = argv, .timeout_ms = timeout_ms, .leaves_children = leaves_children};
    return the_port.start(the_port.ctx, &r);
}

/* Turns the exec as the supervisor's loop does, until a run ends. */
static bool await(struct pk_exec_result *out, int limit_ms) {
    const uint64_t end_ms = pk_super_mono_ms() + (uint64_t)limit_ms;
    struct pollfd fds[PK_EXEC_POLL_FDS];
    while (pk_super_mono_ms() < end_ms) {
        if (the_port.finished(the_port.ctx, out) == PK_OK) {
            return true;
        }
        (void)poll(fds, pk_exec_poll_fds(&the_exec, fds), 10);
    }
    return false;
}

static const char *output_of(const struct pk_exec_result *r) {
    static char text[PK_EXEC_OUTPUT_BYTES + 1];
    const int n = the_port.output(the_port.ctx, r->slot, 0, text, PK_EXEC_OUTPUT_BYTES);
    text[n] = '\0';
    return text;
}

static const char *shell(const char *script, struct pk_exec_result *out, uint32_t timeout_ms) {
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    if (start(argv, timeout_ms, false) < 0 || !await(out, 30000)) {
        return "(did not end)";
    }
    return output_of(out);
}

PK_TEST(exec__output_and_exit_code__come_back) {
    struct pk_exec_result r;
    setup();
    CHECK_STR(shell("echo out; echo err >&2; exit 7", &r, 5000), "out\nerr\n");
    CHECK_EQ_INT(r.exit_code, 7);
    CHECK(!r.is_timed_out);
    CHECK_EQ_U64(r.output_bytes, 8);
    CHECK_STR(shell("kill -9 $$", &r, 5000), "");
    CHECK_EQ_INT(r.exit_code, 137);
}

PK_TEST(exec__what_cannot_be_started__says_why) {
    setup();
    CHECK_EQ_INT(start((const char *const[]){"/does/not/exist", NULL}, 1000, false), PK_E_NOT_FOUND);
    CHECK_EQ_INT(start((const char *const[]){"/etc/passwd", NULL}, 1000, false), PK_E_DENIED);
    CHECK_EQ_INT(start((const char *const[]){"true", NULL}, 1000, false), PK_E_NOT_FOUND);
    CHECK_EQ_INT(start((const char *const[]){NULL}, 1000, false), PK_E_NOT_FOUND);
    const char *many[PK_ARGV_MAX + 3];
    for (size_t i = 0; i < PK_ARGV_MAX + 2; i++) {
        many[i] = "/bin/true";
    }
    many[PK_ARGV_MAX + 2] = NULL;
    CHECK_EQ_INT(start(many, 1000, false), PK_E_NOT_FOUND);
    struct pk_exec_result r;
    CHECK_EQ_INT(the_port.finished(the_port.ctx, &r), PK_E_AGAIN);
}

PK_TEST(exec__arguments__are_not_read_by_a_shell) {
    struct pk_exec_result r;
    setup();
    REQUIRE(start((const char *const[]){"/bin/echo", "$(id)", "; true", "*", NULL}, 5000, false) >= 0);
    REQUIRE(await(&r, 20000));
    CHECK_STR(output_of(&r), "$(id) ; true *\n");
}

PK_TEST(exec__child__inherits_nothing) {
    struct pk_exec_result r;
    char session[64];
    setup();
    (void)setenv("SECRET", "x", 1);
    const int fd = open("/dev/null", O_RDONLY); /* not close-on-exec */
    CHECK_STR(shell("env | grep -v '^_=\\|^PWD=' | sort", &r, 5000),
              "LANG=C\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
    CHECK_STR(shell("for f in 0 1 2 3 4 5 6 7 8 9 10 11 12 13; do [ -e /proc/$$/fd/$f ] && echo $f; done; "
                    "readlink /proc/$$/fd/0",
                    &r, 5000),
              "0\n1\n2\n/dev/null\n");
    (void)close(fd);
    (void)signal(SIGTERM, SIG_IGN);
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    CHECK_STR(shell("grep -E 'Sig(Blk|Ign)' /proc/self/status | tr -d '\\t\\n'", &r, 5000),
              "SigBlk:0000000000000000SigIgn:0000000000000000");
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)signal(SIGTERM, SIG_DFL);
    (void)snprintf(session, sizeof session, "%s",
                   shell("cut -d' ' -f6 /proc/$$/stat; echo $$; pwd; umask", &r, 5000));
    char want[64];
    const long own = strtol(session, NULL, 10);
    (void)snprintf(want, sizeof want, "%ld\n%ld\n/\n0022\n", own, own); /* leads its own session */
    CHECK_STR(session, want);
    CHECK(own != (long)getsid(0));
}

PK_TEST(exec__flood__keeps_the_last_bytes_and_blocks_nobody) {
    struct pk_exec_result r;
    setup();
    const char *text = shell("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done", &r, 9000);
    CHECK_EQ_INT(r.exit_code, 0);
    CHECK_EQ_INT(strlen(text), PK_EXEC_OUTPUT_BYTES);
    CHECK_STR(text + PK_EXEC_OUTPUT_BYTES - 10, "line 2999\n");
    CHECK_EQ_U64(r.output_bytes, 10u * 7u + 90u * 8u + 900u * 9u + 2000u * 10u);
    char piece[16];
    CHECK_EQ_INT(the_port.output(the_port.ctx, r.slot, PK_EXEC_OUTPUT_BYTES - 5, piece, sizeof piece), 5);
    CHECK_MEM(piece, "2999\n", 5);
    CHECK_EQ_INT(the_port.output(the_port.ctx, r.slot, PK_EXEC_OUTPUT_BYTES, piece, sizeof piece), 0);
    CHECK_EQ_INT(the_port.output(the_port.ctx, 99, 0, piece, sizeof piece), 0);
    /* A second program gets its turn beside one that never stops writing. */
    REQUIRE(start((const char *const[]){"/usr/bin/yes", NULL}, 9000, false) >= 0);
    REQUIRE(start((const char *const[]){"/bin/true", NULL}, 5000, false) >= 0);
    REQUIRE(await(&r, 8500));
    CHECK_EQ_INT(r.exit_code, 0);
    REQUIRE(await(&r, 20000));
    CHECK(r.is_timed_out);
}

PK_TEST(exec__too_long__is_terminated_then_killed_with_its_session) {
    struct pk_exec_result r;
    setup();
    (void)shell("trap 'echo asked; exit 3' TERM; sleep 30 & wait", &r, 5000);
    CHECK(r.is_timed_out);
    CHECK_EQ_INT(r.exit_code, 3);
    CHECK(r.duration_ms >= 5000 && r.duration_ms < 20000);
    CHECK_STR(output_of(&r), "asked\n");
    /* deaf to TERM, and with a child in a process group of its own */
    const char *script = "trap '' TERM; set -m; sleep 31.5 & echo $!; while :; do sleep 0.1; done";
    char text[64];
    const char *const argv[] = {"/bin/bash", "-c", script, NULL};
    REQUIRE(start(argv, 5000, false) >= 0 && await(&r, 30000));
    (void)snprintf(text, sizeof text, "%.60s", output_of(&r));
    CHECK(r.is_timed_out);
    CHECK_EQ_INT(r.exit_code, 137);
    CHECK(r.duration_ms >= 5000 + PK_EXEC_TERM_MS && r.duration_ms < 25000);
    const pid_t grandchild = (pid_t)strtol(text, NULL, 10);
    REQUIRE(grandchild > 1);
    for (int i = 0; i < 100 && kill(grandchild, 0) == 0; i++) {
        (void)poll(NULL, 0, 10);
    }
    char path[40];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)grandchild);
    char stat_text[128] = "";
    const int fd = open(path, O_RDONLY);
    const ssize_t n = fd < 0 ? 0 : read(fd, stat_text, sizeof stat_text - 1u);
    (void)close(fd);
    CHECK(n <= 0 || strstr(stat_text, ") Z ") != NULL);
}

PK_TEST(exec__stop__ends_it_early) {
    struct pk_exec_result r;
    setup();
    const int slot = start((const char *const[]){"/bin/sleep", "30", NULL}, 60000, false);
    REQUIRE(slot >= 0);
    CHECK(pk_exec_deadline_ms(&the_exec) <= pk_super_mono_ms() + 60000);
    the_port.stop(the_port.ctx, (uint32_t)slot);
    REQUIRE(await(&r, 20000));
    CHECK_EQ_INT(r.exit_code, 143);
    CHECK(!r.is_timed_out);
    the_port.stop(the_port.ctx, (uint32_t)slot); /* again: nothing */
    the_port.stop(the_port.ctx, 99);
    CHECK_EQ_U64(pk_exec_deadline_ms(&the_exec), UINT64_MAX);
}

PK_TEST(exec__slots__are_bounded) {
    struct pk_exec_result r;
    int slots[PK_EXEC_SLOTS];
    setup();
    for (int i = 0; i < PK_EXEC_SLOTS; i++) {
        slots[i] = start((const char *const[]){"/bin/sleep", "30", NULL}, 60000, false);
        CHECK_EQ_INT(slots[i], i);
    }
    CHECK_EQ_INT(start((const char *const[]){"/bin/true", NULL}, 1000, false), PK_E_BUSY);
    the_port.stop(the_port.ctx, 2);
    REQUIRE(await(&r, 20000));
    CHECK_EQ_INT(r.slot, 2);
    CHECK_EQ_INT(start((const char *const[]){"/bin/true", NULL}, 1000, false), 2);
    for (uint32_t i = 0; i < PK_EXEC_SLOTS; i++) {
        the_port.stop(the_port.ctx, i);
    }
    for (int i = 0; i < PK_EXEC_SLOTS; i++) {
        CHECK(await(&r, 20000));
    }
}

/* A "daemon": stays, keeps writing to what it inherited, and is alive after the action ended. */
PK_TEST(exec__daemon_left_behind__lives_and_may_go_on_writing) {
    struct pk_exec_result r;
    char file[] = "/tmp/pk-exec-XXXXXX";
    setup();
    const int made = mkstemp(file);
    REQUIRE(made >= 0);
    const char *const argv[] = {"/bin/sh", "-c",
                                "(trap 'exit 9' PIPE; i=0; while [ $i -lt 4000 ]; do echo "
                                "0123456789012345678901234567890123456789; i=$((i+1)); done; "
                                "sleep 30) & echo $! >\"$0\"",
                                file, NULL};
    REQUIRE(start(argv, 5000, true) >= 0);
    REQUIRE(await(&r, 20000));
    CHECK_EQ_INT(r.exit_code, 0);
    char text[16] = "";
    CHECK(read(made, text, sizeof text - 1u) > 0);
    (void)close(made);
    (void)unlink(file);
    const pid_t daemon = (pid_t)strtol(text, NULL, 10);
    /* 160 KB through a pipe of 64 KB: only when somebody reads does it get to its sleep. */
    char path[48], state[128] = "";
    struct pk_exec_result none;
    ssize_t n = 0;
    REQUIRE(daemon > 1);
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)daemon, (int)daemon);
    for (int i = 0; i < 4000 && n <= 0; i++) {
        (void)the_port.finished(the_port.ctx, &none);
        (void)poll(NULL, 0, 5);
        const int fd = open(path, O_RDONLY);
        n = fd < 0 ? 0 : read(fd, state, sizeof state - 1u);
        (void)close(fd);
    }
    CHECK_EQ_INT(kill(daemon, 0), 0);
    CHECK(n > 0); /* the child it waits for is its sleep */
    const pid_t sleeper = (pid_t)strtol(state, NULL, 10);
    if (sleeper > 1) { /* 0 would be everybody in our group, ctest among them */
        (void)kill(sleeper, SIGKILL);
    }
    (void)kill(daemon, SIGKILL);
}

PK_TEST_MAIN(exec__output_and_exit_code__come_back, exec__what_cannot_be_started__says_why,
             exec__arguments__are_not_read_by_a_shell, exec__child__inherits_nothing,
             exec__flood__keeps_the_last_bytes_and_blocks_nobody,
             exec__too_long__is_terminated_then_killed_with_its_session, exec__stop__ends_it_early,
             exec__slots__are_bounded, exec__daemon_left_behind__lives_and_may_go_on_writing)
