/* The collectors against a tree of their own, and once against this machine. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port/linux/pk_source.h"
#include "support/pk_test.h"

/* ---- parsers ---- */

static struct pk_str str(const char *s) {
    return pk_str_of(s);
}

PK_TEST(parse_stat__cpu_lines__busy_and_total) {
    struct pk_proc_cpu c;
    CHECK_EQ_INT(pk_proc_parse_stat(str("cpu  10 20 30 400 50 6 7 8 9 10\ncpu0 1 2 3 4\nintr 5\n"), &c),
                 PK_OK);
    CHECK_EQ_U64(c.total, 531); /* guest time is in user already */
    CHECK_EQ_U64(c.busy, 81);
    CHECK_EQ_INT(pk_proc_parse_stat(str("cpu  1 2 3 4\n"), &c), PK_OK);
    CHECK_EQ_U64(c.total, 10);
    static const char *const bad[] = {"",
                                      "cpu\n",
                                      "cpu  1 2 3\n",
                                      "cpu  1 2 3 x\n",
                                      "cpu0 1 2 3 4\n",
                                      "intr 1\n",
                                      "cpu  18446744073709551615 1 1 1\n",
                                      "cpu  -1 2 3 4\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ_INT(pk_proc_parse_stat(str(bad[i]), &c), PK_E_BAD_MSG);
    }
}

PK_TEST(parse_meminfo__with_and_without_swap) {
    struct pk_proc_memory m;
    CHECK_EQ_INT(pk_proc_parse_meminfo(str("MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    250 "
                                           "kB\nSwapTotal: 80 kB\nSwapFree: 20 kB\n"),
                                       &m),
                 PK_OK);
    CHECK_EQ_U64(m.total_kb, 1000);
    CHECK_EQ_U64(m.available_kb, 250);
    CHECK_EQ_U64(m.swap_total_kb - m.swap_free_kb, 60);
    CHECK_EQ_INT(pk_proc_parse_meminfo(str("MemTotal: 1000 kB\nMemAvailable: 250 kB\n"), &m), PK_OK);
    CHECK_EQ_U64(m.swap_total_kb, 0);
    static const char *const bad[] = {
        "",
        "MemTotal: 1000 kB\n",
        "MemTotal: 0 kB\nMemAvailable: 0 kB\n",
        "MemTotal: 10 kB\nMemAvailable: 11 kB\n",
        "MemTotal: 10 MB\nMemAvailable: 1 kB\n",
        "MemTotal: ten kB\nMemAvailable: 1 kB\n",
        "MemTotal: 99999999999999999999 kB\nMemAvailable: 1 kB\n",
        "MemTotal: 10 kB\nMemAvailable: 1 kB\nSwapTotal: 1 kB\nSwapFree: 2 kB\n",
        "MemTotal: 10 kB\nMemAvailable: 1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ_INT(pk_proc_parse_meminfo(str(bad[i]), &m), PK_E_BAD_MSG);
    }
}

PK_TEST(parse_pressure_and_load__figures_or_an_error) {
    double v = -1;
    CHECK_EQ_INT(
        pk_proc_parse_pressure(str("some avg10=12.50 avg60=1 avg300=0 total=5\nfull avg10=3.00\n"), &v),
        PK_OK);
    CHECK(v == 12.5);
    CHECK_EQ_INT(pk_proc_parse_loadavg(str("1.25 0.5 0.1 1/100 1234\n"), &v), PK_OK);
    CHECK(v == 1.25);
    static const char *const bad_pressure[] = {"",
                                               "full avg10=1.00\n",
                                               "some avg60=1.00\n",
                                               "some avg10=\n",
                                               "some avg10=100.01\n",
                                               "some avg10=-1\n",
                                               "some avg10=nan\n"};
    for (size_t i = 0; i < sizeof bad_pressure / sizeof bad_pressure[0]; i++) {
        CHECK_EQ_INT(pk_proc_parse_pressure(str(bad_pressure[i]), &v), PK_E_BAD_MSG);
    }
    static const char *const bad_load[] = {"", "1.25", "x 1 1", "-1 0 0", "inf 0 0"};
    for (size_t i = 0; i < sizeof bad_load / sizeof bad_load[0]; i++) {
        CHECK_EQ_INT(pk_proc_parse_loadavg(str(bad_load[i]), &v), PK_E_BAD_MSG);
    }
    CHECK(v == 1.25); /* untouched by what failed */
}

PK_TEST(parse_pid_stat__names_of_every_kind) {
    struct pk_proc_pid p;
    CHECK_EQ_INT(pk_proc_parse_pid_stat(
                     str("42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20\n"), &p),
                 PK_OK);
    CHECK_STR(p.comm, "a) b (c)");
    CHECK_EQ_INT(p.state, 'S');
    CHECK_EQ_U64(p.start_ticks, 4711);
    CHECK_EQ_INT(pk_proc_parse_pid_stat(str("42 () Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 1"), &p),
                 PK_OK);
    CHECK_STR(p.comm, "");
    static const char *const bad[] = {"",
                                      "42",
                                      "42 (a",
                                      "42 a) S 1",
                                      "42 )( S",
                                      "42 (a) S 1 2 3",
                                      "42 (a) SS 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 1",
                                      "42 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ_INT(pk_proc_parse_pid_stat(str(bad[i]), &p), PK_E_BAD_MSG);
    }
}

PK_TEST(parse_pid_file__one_number) {
    uint32_t pid = 0;
    CHECK_EQ_INT(pk_proc_parse_pid_file(str(" 1234\n"), &pid), PK_OK);
    CHECK_EQ_INT(pid, 1234);
    static const char *const bad[] = {"", "\n", "0", "-5", "12 34", "4194305", "12x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ_INT(pk_proc_parse_pid_file(str(bad[i]), &pid), PK_E_BAD_MSG);
    }
}

/* ---- a tree of our own ---- */

static char the_root[40];

static void put(const char *name, const char *text) {
    char path[120];
    (void)snprintf(path, sizeof path, "%s/%s", the_root, name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(fd);
}
static void make_dir(const char *name) {
    char path[120];
    (void)snprintf(path, sizeof path, "%s/%s", the_root, name);
    CHECK(mkdir(path, 0755) == 0);
}
static void gone(const char *name) {
    char path[120];
    (void)snprintf(path, sizeof path, "%s/%s", the_root, name);
    (void)remove(path);
}
static void put_process(unsigned pid, const char *name, char state, unsigned start) {
    char dir[32], path[48], text[160];
    (void)snprintf(dir, sizeof dir, "%u", pid);
    (void)snprintf(path, sizeof path, "%u/stat", pid);
    char full[100];
    (void)snprintf(full, sizeof full, "%s/%s", the_root, dir);
    (void)mkdir(full, 0755);
    (void)snprintf(text, sizeof text, "%u (%s) %c 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 0 0 1 0 %u 0 0\n", pid, name,
                   state, start);
    put(path, text);
}
static void end_process(unsigned pid) {
    char path[48];
    (void)snprintf(path, sizeof path, "%u/stat", pid);
    gone(path);
    (void)snprintf(path, sizeof path, "%u", pid);
    gone(path);
}

static bool tree(void) {
    (void)strcpy(the_root, "/tmp/pk_proc_XXXXXX");
    return mkdtemp(the_root) != NULL;
}

static struct pk_sample the_samples[16];

PK_TEST(source__cpu__needs_two_looks_and_survives_nonsense) {
    struct pk_source s;
    struct pk_port_source p;
    REQUIRE(tree());
    put("stat", "cpu  100 0 0 900 0 0 0 0 0 0\ncpu0 50 0 0 450\ncpu1 50 0 0 450\n");
    pk_source_open(&s, the_root, the_root, &p);
    CHECK_EQ_INT(s.core_count, 2);
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_CPU, the_samples, 16), 0);
    put("stat", "cpu  150 0 0 950 0 0 0 0 0 0\n");
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_CPU, the_samples, 16), 1);
    CHECK_STR(the_samples[0].type, "cpu_pct");
    CHECK_STR(the_samples[0].source, "cpu");
    CHECK(the_samples[0].value == 50.0);
    CHECK_EQ_INT(the_samples[0].error, PK_OK);
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_CPU, the_samples, 16),
                 0); /* counters stand still: nothing to say */
    put("stat", "cpu  1 0 0 1 0 0 0 0 0 0\n");
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_CPU, the_samples, 16), 0); /* ran backwards: begins anew */
    put("stat", "cpu  garbage\n");
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_CPU, the_samples, 16), 1);
    CHECK_EQ_INT(the_samples[0].error, PK_E_BAD_MSG);
    CHECK(the_samples[0].value == 0.0);
    put("stat", "");
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_CPU, the_samples, 16), PK_E_IO);
    pk_source_close(&s);
    gone("stat");
    gone("");
}

PK_TEST(source__many_cores__are_counted_beyond_the_buffer) {
    static char text[64 * 300];
    struct pk_source s;
    struct pk_port_source p;
    REQUIRE(tree());
    size_t n = (size_t)snprintf(text, sizeof text, "cpu  1 1 1 1\n");
    for (int i = 0; i < 200; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "cpu%d 111111 222222 333333 444444 5 6 7 8 9 10\n",
                              i);
    }
    (void)snprintf(text + n, sizeof text - n, "intr 5\n");
    put("stat", text);
    put("loadavg", "100.0 1 1 1/1 1\n");
    pk_source_open(&s, the_root, the_root, &p);
    CHECK_EQ_INT(s.core_count, 200);
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_LOAD, the_samples, 16), 1);
    CHECK(the_samples[0].value == 0.5);
    pk_source_close(&s);
    gone("stat");
    gone("loadavg");
    gone("");
}

PK_TEST(source__memory_and_pressure__are_read_anew_each_time) {
    struct pk_source s;
    struct pk_port_source p;
    REQUIRE(tree());
    put("meminfo", "MemTotal: 1000 kB\nMemAvailable: 250 kB\nSwapTotal: 100 kB\nSwapFree: 90 kB\n");
    make_dir("pressure");
    put("pressure/io", "some avg10=7.00 avg60=0 avg300=0 total=0\n");
    pk_source_open(&s, the_root, the_root, &p);
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_MEMORY, the_samples, 16), 2);
    CHECK_STR(the_samples[0].type, "memory_pct");
    CHECK(the_samples[0].value == 75.0);
    CHECK_STR(the_samples[1].type, "swap_pct");
    CHECK(the_samples[1].value == 10.0);
    put("meminfo", "MemTotal: 1000 kB\nMemAvailable: 100 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_MEMORY, the_samples, 16),
                 1); /* without swap there is no swap to be healthy */
    CHECK(the_samples[0].value == 90.0);
    put("meminfo", "MemTotal: 1000 kB\n");
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_MEMORY, the_samples, 16), 1);
    CHECK_EQ_INT(the_samples[0].error, PK_E_BAD_MSG);
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_PSI, the_samples, 16), 1); /* what the kernel has */
    CHECK_STR(the_samples[0].type, "psi_io_pct");
    CHECK(the_samples[0].value == 7.0);
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_CPU, the_samples, 16), PK_E_UNSUPPORTED);
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_LOAD, the_samples, 16), PK_E_UNSUPPORTED);
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_MEMORY, the_samples, 0), 0);
    pk_source_close(&s);
    gone("pressure/io");
    gone("pressure");
    gone("meminfo");
    gone("");
}

static struct pk_watch watch_process(const char *name, const char *path) {
    struct pk_watch w;
    memset(&w, 0, sizeof w);
    w.collector = PK_COLLECT_PROCESS;
    (void)snprintf(w.name, sizeof w.name, "%s", name);
    (void)snprintf(w.path, sizeof w.path, "%s", path);
    return w;
}

PK_TEST(source__process_by_name__up_down_zombie) {
    struct pk_source s;
    struct pk_port_source p;
    REQUIRE(tree());
    put_process(10, "demo", 'S', 100);
    put_process(11, "a_very_long_nam", 'S', 100); /* 15 bytes is what the kernel keeps */
    put_process(12, "dead", 'Z', 100);
    put("not_a_pid", "");
    const struct pk_watch list[] = {watch_process("demo", ""), watch_process("a_very_long_name", ""),
                                    watch_process("dead", ""), watch_process("dem", "")};
    pk_source_open(&s, the_root, the_root, &p);
    CHECK_EQ_INT(p.watch(p.ctx, list, 4, 120000), PK_OK);
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_PROCESS, the_samples, 16), 4);
    CHECK_STR(the_samples[0].type, "process_up");
    CHECK_STR(the_samples[0].source, "demo");
    CHECK(the_samples[0].value == 1.0 && the_samples[1].value == 1.0 && the_samples[2].value == 0.0 &&
          the_samples[3].value == 0.0);
    end_process(10);
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_PROCESS, the_samples, 16), 4);
    CHECK(the_samples[0].value == 0.0 && the_samples[0].error == PK_OK);
    put_process(10, "other", 'S', 200); /* the number is taken again, by somebody else */
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_PROCESS, the_samples, 16), 4);
    CHECK(the_samples[0].value == 0.0);
    put_process(13, "demo", 'R', 300);
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_PROCESS, the_samples, 2), 2); /* no more than there is room for */
    CHECK(the_samples[0].value == 1.0);
    pk_source_close(&s);
    for (unsigned pid = 10; pid <= 13; pid++) {
        end_process(pid);
    }
    gone("not_a_pid");
    gone("");
}

PK_TEST(source__process_by_pid_file__a_reused_number_is_not_the_process) {
    struct pk_source s;
    struct pk_port_source p;
    char path[80];
    REQUIRE(tree());
    (void)snprintf(path, sizeof path, "%s/demo.pid", the_root);
    const struct pk_watch list[] = {watch_process("demo", path)};
    pk_source_open(&s, the_root, the_root, &p);
    CHECK_EQ_INT(p.watch(p.ctx, list, 1, 120000), PK_OK);
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_PROCESS, the_samples, 16), 1);
    CHECK(the_samples[0].value == 0.0 && the_samples[0].error == PK_OK); /* no file: not running */
    put("demo.pid", "20\n");
    (void)p.sample(p.ctx, PK_COLLECT_PROCESS, the_samples, 16);
    CHECK(the_samples[0].value == 0.0); /* a number without a process */
    put_process(20, "demo", 'S', 100);
    (void)p.sample(p.ctx, PK_COLLECT_PROCESS, the_samples, 16);
    CHECK(the_samples[0].value == 1.0);
    put_process(20, "sshd", 'S', 900);
    (void)p.sample(p.ctx, PK_COLLECT_PROCESS, the_samples, 16);
    CHECK(the_samples[0].value == 0.0 && the_samples[0].error == PK_OK);
    gone("demo.pid"); /* a new start writes a new file: the same number is then right */
    put("demo.pid", "20\n");
    (void)p.sample(p.ctx, PK_COLLECT_PROCESS, the_samples, 16);
    CHECK(the_samples[0].value == 1.0);
    put("demo.pid", "twenty\n");
    (void)p.sample(p.ctx, PK_COLLECT_PROCESS, the_samples, 16);
    CHECK_EQ_INT(the_samples[0].error, PK_E_BAD_MSG); /* a fault, neither up nor down */
    put("demo.pid", "20\n");
    put("20/stat", "nonsense");
    (void)p.sample(p.ctx, PK_COLLECT_PROCESS, the_samples, 16);
    CHECK_EQ_INT(the_samples[0].error, PK_E_BAD_MSG);
    pk_source_close(&s);
    gone("demo.pid");
    end_process(20);
    gone("");
}

PK_TEST(source__disk__percent_as_df_has_it) {
    struct pk_source s;
    struct pk_port_source p;
    struct pk_watch list[3];
    memset(list, 0, sizeof list);
    for (int i = 0; i < 3; i++) {
        list[i].collector = PK_COLLECT_DISK;
    }
    (void)strcpy(list[0].path, "/");
    (void)strcpy(list[1].path, "/dev/shm");
    (void)strcpy(list[1].name, "shm");
    (void)strcpy(list[2].path, "/does/not/exist");
    pk_source_open(&s, "/proc", "/sys", &p);
    CHECK_EQ_INT(p.watch(p.ctx, list, 3, 120000), PK_OK);
    const int n = p.sample(p.ctx, PK_COLLECT_DISK, the_samples, 16);
    REQUIRE(n >= 3);
    CHECK_STR(the_samples[0].type, "disk_pct");
    CHECK_STR(the_samples[0].source, "root");
    CHECK(the_samples[0].value > 0.0 && the_samples[0].value <= 100.0);
    CHECK_STR(the_samples[n - 1].source, "does-not-exist");
    CHECK_EQ_INT(the_samples[n - 1].error, PK_E_NOT_FOUND);
    FILE *df = popen("df --output=pcent / | tail -1", "r");
    int pct = -1;
    REQUIRE(df != NULL);
    CHECK_EQ_INT(fscanf(df, "%d", &pct), 1);
    (void)pclose(df);
    const double off = the_samples[0].value - (double)pct; /* df rounds up */
    CHECK(off > -1.5 && off < 0.6);
    pk_source_close(&s);
}

PK_TEST(source__this_machine__every_collector) {
    struct pk_source s;
    struct pk_port_source p;
    pk_source_open(&s, "/proc", "/sys", &p);
    CHECK_EQ_INT(s.core_count, sysconf(_SC_NPROCESSORS_ONLN));
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_CPU, the_samples, 16), 0);
    const int memory = p.sample(p.ctx, PK_COLLECT_MEMORY, the_samples, 16);
    CHECK(memory >= 1 && the_samples[0].error == PK_OK && the_samples[0].value > 0.0 &&
          the_samples[0].value < 100.0);
    const int load = p.sample(p.ctx, PK_COLLECT_LOAD, the_samples, 16);
    CHECK(load == 1 && the_samples[0].error == PK_OK);
    const int psi = p.sample(p.ctx, PK_COLLECT_PSI, the_samples, 16);
    CHECK(psi == PK_E_UNSUPPORTED || (psi >= 1 && the_samples[0].error == PK_OK));
    char name[16]; /* another tree may have one as well */
    (void)snprintf(name, sizeof name, "pk_child_%d", (int)getpid());
    const pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_NAME, name, 0, 0, 0);
        (void)pause();
        _exit(0);
    }
    const struct pk_watch list[] = {watch_process(name, "")};
    CHECK_EQ_INT(p.watch(p.ctx, list, 1, 120000), PK_OK);
    bool is_seen = false;
    for (int i = 0; i < 2000 && !is_seen; i++) {
        is_seen = p.sample(p.ctx, PK_COLLECT_PROCESS, the_samples, 16) == 1 && the_samples[0].value == 1.0;
        (void)usleep(5000);
    }
    CHECK(is_seen);
    (void)kill(pid, SIGKILL);
    siginfo_t ended;
    CHECK_EQ_INT(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT), 0);
    CHECK_EQ_INT(p.sample(p.ctx, PK_COLLECT_PROCESS, the_samples, 16), 1);
    CHECK(the_samples[0].value == 0.0); /* a zombie until it is waited for */
    (void)waitpid(pid, NULL, 0);
    struct pk_watch many[PK_LIMIT_WATCHES + 1];
    memset(many, 0, sizeof many);
    CHECK_EQ_INT(p.watch(p.ctx, many, PK_LIMIT_WATCHES + 1, 120000), PK_E_FULL);
    pk_source_close(&s);
}

PK_TEST_MAIN(parse_stat__cpu_lines__busy_and_total, parse_meminfo__with_and_without_swap,
             parse_pressure_and_load__figures_or_an_error, parse_pid_stat__names_of_every_kind,
             parse_pid_file__one_number, source__cpu__needs_two_looks_and_survives_nonsense,
             source__many_cores__are_counted_beyond_the_buffer,
             source__memory_and_pressure__are_read_anew_each_time, source__process_by_name__up_down_zombie,
             source__process_by_pid_file__a_reused_number_is_not_the_process,
             source__disk__percent_as_df_has_it, source__this_machine__every_collector)
