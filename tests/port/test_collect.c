/* Collectors of /sys and of what counts in /proc: a tree of our own for the hardware this machine lacks, the
 * real kernel where its state can be provoked. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port/linux/pk_collect.h"
#include "support/pk_test.h"

static char the_root[40];
static struct pk_source the_source;
static struct pk_port_source the_port;
static struct pk_sample the_samples[64];
static int the_count;
static uint64_t the_us;

static uint64_t now_us(void) {
    return the_us;
}

/* Writes a file, with the folders above it. */
static void put(const char *name, const char *text) {
    char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", the_root, name);
    for (char *c = path + strlen(the_root) + 1; *c != '\0'; c++) {
        if (*c == '/') {
            *c = '\0';
            (void)mkdir(path, 0755);
            *c = '/';
        }
    }
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(fd);
}
static void gone(const char *name) {
    char command[240];
    (void)snprintf(command, sizeof command, "rm -rf %s/%s", the_root, name);
    CHECK_EQ_INT(system(command), 0);
}
static bool begin(void) {
    (void)strcpy(the_root, "/tmp/pk_collect_XXXXXX");
    if (mkdtemp(the_root) == NULL) {
        return false;
    }
    put("stat", "cpu  1 0 0 1\ncpu0 1 0 0 1\n");
    pk_source_open(&the_source, the_root, the_root, &the_port);
    the_us = 1000000;
    the_source.now_us = now_us;
    return true;
}
static void end(void) {
    pk_source_close(&the_source);
    gone("");
}
static int sample(enum pk_collector which) {
    the_count = the_port.sample(the_port.ctx, which, the_samples, 64);
    return the_count;
}
/* The sample of a type and source, NULL when there is none. */
static const struct pk_sample *found(const char *type, const char *source) {
    for (int i = 0; i < the_count; i++) {
        if (strcmp(the_samples[i].type, type) == 0 && strcmp(the_samples[i].source, source) == 0) {
            return &the_samples[i];
        }
    }
    return NULL;
}
static bool has_value(const char *type, const char *source, double value) {
    const struct pk_sample *s = found(type, source);
    return s != NULL && s->error == PK_OK && s->value == value;
}
static bool has_fault(const char *type, const char *source, int error) {
    const struct pk_sample *s = found(type, source);
    return s != NULL && s->error == error && s->value == 0.0;
}

PK_TEST(parse_oom_kill__a_number_or_none) {
    uint64_t n = 0;
    CHECK_EQ_INT(pk_proc_parse_oom_kill(pk_str_of("nr_free_pages 1\noom_kill 12\nzswpin 0\n"), &n), PK_OK);
    CHECK_EQ_U64(n, 12);
    CHECK_EQ_INT(pk_proc_parse_oom_kill(pk_str_of("nr_free_pages 1\noom_killed 5\n"), &n), PK_E_UNSUPPORTED);
    CHECK_EQ_INT(pk_proc_parse_oom_kill(pk_str_of(""), &n), PK_E_UNSUPPORTED);
    static const char *const bad[] = {"oom_kill \n", "oom_kill x\n", "oom_kill -1\n",
                                      "oom_kill 99999999999999999999999\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ_INT(pk_proc_parse_oom_kill(pk_str_of(bad[i]), &n), PK_E_BAD_MSG);
    }
}

PK_TEST(parse_life_time__the_worse_of_both) {
    uint32_t pct = 0;
    CHECK_EQ_INT(pk_sys_parse_life_time(pk_str_of("0x03 0x01\n"), &pct), PK_OK);
    CHECK_EQ_INT(pct, 30);
    CHECK_EQ_INT(pk_sys_parse_life_time(pk_str_of("0x00 0x0b"), &pct), PK_OK);
    CHECK_EQ_INT(pct, 110); /* beyond its estimated life */
    CHECK_EQ_INT(pk_sys_parse_life_time(pk_str_of("0x00 0x00"), &pct), PK_E_UNSUPPORTED);
    static const char *const bad[] = {"",          "0x01",           "1 2", "0x0c 0x01", "0x01 0x",
                                      "0xzz 0x01", "0x01 0xffffffff"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ_INT(pk_sys_parse_life_time(pk_str_of(bad[i]), &pct), PK_E_BAD_MSG);
    }
}

PK_TEST(parse_mount__writable_or_not) {
    static const struct {
        const char *line;
        int err;
        bool is_readonly;
    } cases[] = {{"/dev/sda1 /data ext4 rw,relatime 0 0", PK_OK, false},
                 {"/dev/sda1 /data ext4 ro,relatime 0 0", PK_OK, true},
                 {"/dev/sda1 /data ext4 rw,relatime,emergency_ro 0 0", PK_OK, true},
                 {"/dev/sda1 /data ext4 rw,errors=remount-ro 0 0", PK_OK, false},
                 {"/dev/sda1 /data2 ext4 ro 0 0", PK_E_NOT_FOUND, false},
                 {"/dev/sda1 /dat ext4 ro 0 0", PK_E_NOT_FOUND, false},
                 {"/dev/sda1 /data", PK_E_BAD_MSG, false},
                 {"", PK_E_BAD_MSG, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool is_readonly = false;
        CHECK_EQ_INT(pk_proc_parse_mount(pk_str_of(cases[i].line), "/data", &is_readonly), cases[i].err);
        CHECK(is_readonly == cases[i].is_readonly);
    }
    bool is_readonly = false;
    CHECK_EQ_INT(pk_proc_parse_mount(pk_str_of("x /a\\0 0b ext4 ro 0 0"), "/a b", &is_readonly),
                 PK_E_NOT_FOUND);
    CHECK_EQ_INT(pk_proc_parse_mount(pk_str_of("x /a\\040b\\134 ext4 ro 0 0"), "/a b\\", &is_readonly),
                 PK_OK);
    CHECK(is_readonly);
}

PK_TEST(parse_mount__over_a_path) {
    static const struct {
        const char *line, *path;
        int n;
        bool is_network;
    } cases[] = {{"srv:/x /mnt/nas nfs4 rw 0 0", "/mnt/nas", 8, true},
                 {"srv:/x /mnt/nas nfs4 rw 0 0", "/mnt/nas/deep/er", 8, true},
                 {"srv:/x /mnt/nas nfs4 rw 0 0", "/mnt/nas2", PK_E_NOT_FOUND, false},
                 {"srv:/x /mnt/nas nfs4 rw 0 0", "/mnt", PK_E_NOT_FOUND, false},
                 {"/dev/sda1 / ext4 rw 0 0", "/mnt", 1, false},
                 {"/dev/sda1 / ext4 rw 0 0", "/", 1, false},
                 {"//srv/x /m\\040n cifs rw 0 0", "/m n", 4, true},
                 {"auto /mnt autofs rw 0 0", "/mnt/nas", 4, true},
                 {"x /mnt", "/mnt", PK_E_BAD_MSG, false},
                 {"", "/", PK_E_BAD_MSG, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool is_network = false;
        CHECK_EQ_INT(pk_proc_parse_mount_over(pk_str_of(cases[i].line), cases[i].path, &is_network),
                     cases[i].n);
        CHECK(is_network == cases[i].is_network);
    }
}

/* Nobody asks its server, which may never answer. */
PK_TEST(disk__on_a_network__is_a_fault_and_not_looked_at) {
    struct pk_watch w = {.collector = PK_COLLECT_DISK, .name = "root", .path = "/"};
    REQUIRE(begin());
    put("mounts", "/dev/sda1 / ext4 rw 0 0\nsrv:/x / nfs rw 0 0\n");
    CHECK_EQ_INT(the_port.watch(the_port.ctx, &w, 1, 60000), PK_OK);
    (void)sample(PK_COLLECT_DISK);
    CHECK(has_fault("disk_pct", "root", PK_E_UNSUPPORTED));
    CHECK(found("inodes_pct", "root") == NULL && found("fs_readonly", "root") == NULL);
    put("mounts", "srv:/x / nfs rw 0 0\n/dev/sda1 / ext4 rw 0 0\nsrv:/y /mnt nfs rw 0 0\n");
    (void)sample(PK_COLLECT_DISK);
    CHECK(found("disk_pct", "root") != NULL && !has_fault("disk_pct", "root", PK_E_UNSUPPORTED));
    end();
}

PK_TEST(disk__read_only_once_it_was_writable) {
    static char text[6000];
    struct pk_watch w = {.collector = PK_COLLECT_DISK, .name = "root", .path = "/"};
    REQUIRE(begin());
    put("mounts", "rootfs / rootfs ro 0 0\n");
    CHECK_EQ_INT(the_port.watch(the_port.ctx, &w, 1, 60000), PK_OK);
    (void)sample(PK_COLLECT_DISK);
    CHECK(found("fs_readonly", "root") == NULL); /* by design, as far as we know */
    put("mounts", "rootfs / rootfs ro 0 0\n/dev/sda1 / ext4 rw 0 0\n");
    (void)sample(PK_COLLECT_DISK);
    CHECK(has_value("fs_readonly", "root", 0.0));
    size_t n = 0;
    while (n < 5000) { /* beyond the buffer */
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "overlay /var/lib/some/container/%zu overlay rw 0 0\n", n);
    }
    (void)snprintf(text + n, sizeof text - n, "/dev/sda1 / ext4 rw,emergency_ro 0 0\n");
    put("mounts", text);
    (void)sample(PK_COLLECT_DISK);
    CHECK(has_value("fs_readonly", "root", 1.0));
    end();
}

PK_TEST(storage__counters_as_differences_card_wear_as_it_is) {
    REQUIRE(begin());
    CHECK_EQ_INT(sample(PK_COLLECT_STORAGE), PK_E_UNSUPPORTED); /* no /sys/block at all */
    put("block/sda/device/ioerr_cnt", "0x2\n");
    put("block/loop0/size", "1\n");
    put("block/mmcblk0/device/life_time", "0x03 0x08\n");
    put("block/mmcblk0/device/pre_eol_info", "0x02\n");
    put("block/mmcblk0boot0/device/life_time", "0x01 0x01\n");
    put("block/mmcblk1/device/life_time", "0x00 0x00\n"); /* does not tell */
    put("fs/ext4/mmcblk0p2/errors_count", "0\n");
    put("fs/ext4/features/lazy_itable_init", "supported\n");
    CHECK_EQ_INT(sample(PK_COLLECT_STORAGE), 2);
    CHECK(has_value("emmc_life_pct", "mmcblk0", 80.0));
    CHECK(has_value("emmc_eol", "mmcblk0", 2.0));
    put("block/sda/device/ioerr_cnt", "0x5\n");
    put("fs/ext4/mmcblk0p2/errors_count", "4\n");
    CHECK_EQ_INT(sample(PK_COLLECT_STORAGE), 4);
    CHECK(has_value("disk_errors", "sda", 3.0));
    CHECK(has_value("fs_errors", "mmcblk0p2", 4.0));
    (void)sample(PK_COLLECT_STORAGE);
    CHECK(has_value("disk_errors", "sda", 0.0)); /* good news are told too, or a rule would never clear */
    put("block/sda/device/ioerr_cnt", "garbage\n");
    put("block/mmcblk0/device/life_time", "0x99 0x01\n");
    put("fs/ext4/mmcblk0p2/errors_count", "-1\n");
    (void)sample(PK_COLLECT_STORAGE);
    CHECK(has_fault("disk_errors", "sda", PK_E_BAD_MSG));
    CHECK(has_fault("emmc_life_pct", "mmcblk0", PK_E_BAD_MSG));
    CHECK(has_fault("fs_errors", "mmcblk0p2", PK_E_BAD_MSG));
    put("block/sda/device/ioerr_cnt", "0x1\n"); /* another disk at the same place */
    (void)sample(PK_COLLECT_STORAGE);
    CHECK(found("disk_errors", "sda") == NULL);
    put("block/sda/device/ioerr_cnt", "0x2\n");
    (void)sample(PK_COLLECT_STORAGE);
    CHECK(has_value("disk_errors", "sda", 1.0));
    end();
}

PK_TEST(storage__a_disk_that_went_and_came__is_looked_at_anew) {
    REQUIRE(begin());
    put("block/sda/device/ioerr_cnt", "0x1\n");
    (void)sample(PK_COLLECT_STORAGE);
    gone("block/sda");
    CHECK_EQ_INT(sample(PK_COLLECT_STORAGE), 0);
    put("block/sda/device/ioerr_cnt", "0x9\n");
    CHECK_EQ_INT(sample(PK_COLLECT_STORAGE), 0);
    end();
}

PK_TEST(counters__more_than_there_is_room_for__are_a_fault) {
    char name[64];
    REQUIRE(begin());
    put("block/loop0/size", "1\n");
    for (uint32_t i = 0; i < PK_LIMIT_COUNTERS + 1u && i < PK_COLLECT_ENTRIES_MAX; i++) {
        (void)snprintf(name, sizeof name, "fs/ext4/d%u/errors_count", (unsigned)i);
        put(name, "0\n");
    }
    (void)sample(PK_COLLECT_STORAGE);
    uint32_t faults = 0;
    for (int i = 0; i < the_count; i++) {
        faults += the_samples[i].error == PK_E_FULL ? 1u : 0u;
    }
    CHECK_EQ_INT(faults, PK_LIMIT_COUNTERS < PK_COLLECT_ENTRIES_MAX ? 1 : 0);
    end();
}

PK_TEST(thermal__zones_and_throttling) {
    REQUIRE(begin());
    CHECK_EQ_INT(sample(PK_COLLECT_THERMAL), PK_E_UNSUPPORTED);
    put("class/thermal/thermal_zone0/temp", "48312\n");
    put("class/thermal/thermal_zone0/type", "cpu thermal\n");
    put("class/thermal/thermal_zone1/temp", "-5500\n");
    put("class/thermal/thermal_zone1/type", "x86_pkg_temp\n");
    put("class/thermal/thermal_zone2/temp", "90000\n");
    put("class/thermal/thermal_zone2/mode", "disabled\n");
    put("class/thermal/thermal_zone3/temp", "");
    put("class/thermal/thermal_zone4/temp", "900000\n");
    put("class/thermal/cooling_device0/type", "Fan\n");
    put("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "5\n");
    put("devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "5\n");
    put("devices/system/cpu/cpu1/thermal_throttle/package_throttle_count", "1\n");
    put("devices/system/cpu/cpufreq/boost", "1\n");
    CHECK_EQ_INT(sample(PK_COLLECT_THERMAL), 4);
    CHECK(has_value("temperature_c", "cpu-thermal.0", 48.312));
    CHECK(has_value("temperature_c", "x86_pkg_temp.1", -5.5));
    CHECK(has_fault("temperature_c", "zone.3", PK_E_IO));
    CHECK(has_fault("temperature_c", "zone.4", PK_E_BAD_MSG));
    put("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "12\n");
    (void)sample(PK_COLLECT_THERMAL);
    CHECK(has_value("throttled", "cpu", 7.0));
    put("devices/platform/soc/soc:firmware/get_throttled", "50000\n"); /* it was, some time ago */
    (void)sample(PK_COLLECT_THERMAL);
    CHECK(has_value("throttled", "firmware", 0.0));
    put("devices/platform/soc/soc:firmware/get_throttled", "50005\n");
    (void)sample(PK_COLLECT_THERMAL);
    CHECK(has_value("throttled", "firmware", 1.0));
    put("devices/platform/soc/soc:firmware/get_throttled", "?\n");
    (void)sample(PK_COLLECT_THERMAL);
    CHECK(has_fault("throttled", "firmware", PK_E_BAD_MSG));
    end();
}

static void put_interface(const char *name, const char *carrier, unsigned errors, unsigned drops) {
    char path[100], text[16];
    static const char *const files[] = {"rx_errors", "tx_errors", "rx_dropped", "tx_dropped"};
    for (int i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof path, "class/net/%s/statistics/%s", name, files[i]);
        (void)snprintf(text, sizeof text, "%u\n", i < 2 ? errors : drops);
        put(path, text);
    }
    (void)snprintf(path, sizeof path, "class/net/%s/carrier", name);
    put(path, carrier);
}

PK_TEST(network__errors_drops_and_carrier) {
    REQUIRE(begin());
    CHECK_EQ_INT(sample(PK_COLLECT_NETWORK), PK_E_UNSUPPORTED);
    put_interface("eth0", "1\n", 1, 2);
    put_interface("eth1", "0\n", 0, 0);
    put_interface("lo", "1\n", 0, 0);
    put_interface("vethab12", "1\n", 0, 0);
    put_interface("docker0", "1\n", 0, 0);
    put_interface("can0", "1\n", 0, 0);
    put("class/net/can0/device/uevent", "\n");
    CHECK_EQ_INT(sample(PK_COLLECT_NETWORK), 2);
    CHECK(has_value("link_up", "eth0", 1.0) && has_value("link_up", "can0", 1.0));
    put_interface("eth0", "0\n", 3, 7);
    (void)sample(PK_COLLECT_NETWORK);
    CHECK(has_value("link_up", "eth0", 0.0));
    CHECK(found("link_up", "eth1") == NULL); /* never had a cable */
    CHECK(found("link_up", "docker0") == NULL && found("net_errors", "docker0") != NULL);
    CHECK(found("net_errors", "lo") == NULL && found("net_errors", "vethab12") == NULL);
    CHECK(has_value("net_errors", "eth0", 4.0)); /* both directions */
    CHECK(has_value("net_drops", "eth0", 10.0));
    put("class/net/eth0/carrier", ""); /* switched off: reading fails */
    put("class/net/eth0/statistics/rx_errors", "many\n");
    gone("class/net/can0"); /* fell off its bus */
    (void)sample(PK_COLLECT_NETWORK);
    CHECK(has_value("link_up", "eth0", 0.0) && has_value("link_up", "can0", 0.0));
    CHECK(has_fault("net_errors", "eth0", PK_E_BAD_MSG));
    CHECK(found("net_errors", "can0") == NULL);
    end();
}

PK_TEST(oom__differences_wherever_the_line_stands) {
    static char text[9000];
    REQUIRE(begin());
    CHECK_EQ_INT(sample(PK_COLLECT_OOM), PK_E_UNSUPPORTED);
    pk_source_close(&the_source);
    size_t n = 0;
    for (int i = 0; n < 6000; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "nr_some_counter_%d 123456\n", i);
    }
    (void)snprintf(text + n, sizeof text - n, "oom_kill 3\nswap_ra 0\n");
    put("vmstat", text);
    pk_source_open(&the_source, the_root, the_root, &the_port);
    CHECK_EQ_INT(sample(PK_COLLECT_OOM), 0);
    (void)snprintf(text + n, sizeof text - n, "oom_kill 5\nswap_ra 0\n");
    put("vmstat", text);
    CHECK_EQ_INT(sample(PK_COLLECT_OOM), 1);
    CHECK(has_value("oom_kill", "kernel", 2.0));
    (void)snprintf(text + n, sizeof text - n, "oom_kill ?\n");
    put("vmstat", text);
    CHECK_EQ_INT(sample(PK_COLLECT_OOM), 1);
    CHECK(has_fault("oom_kill", "kernel", PK_E_BAD_MSG));
    put("vmstat", "nr_free_pages 1\n");
    CHECK_EQ_INT(sample(PK_COLLECT_OOM), PK_E_UNSUPPORTED);
    end();
}

PK_TEST(gpu__what_drivers_tell) {
    REQUIRE(begin());
    CHECK_EQ_INT(sample(PK_COLLECT_GPU), PK_E_UNSUPPORTED);
    put("class/drm/card0/device/gpu_busy_percent", "37\n");
    put("class/drm/card0-HDMI-A-1/device/gpu_busy_percent", "1\n");
    put("class/drm/card1/device/vendor", "0x1002\n");
    put("class/devfreq/fb000000.gpu/load", "45@800000000Hz\n");
    put("class/devfreq/dmc/load", "99@1\n"); /* a memory controller */
    CHECK_EQ_INT(sample(PK_COLLECT_GPU), 2);
    CHECK(has_value("gpu_pct", "card0", 37.0));
    CHECK(has_value("gpu_pct", "fb000000.gpu", 45.0));
    put("class/drm/card0/device/gpu_busy_percent", "101\n");
    put("class/devfreq/fb000000.gpu/load", "busy\n");
    CHECK_EQ_INT(sample(PK_COLLECT_GPU), 2);
    CHECK(has_fault("gpu_pct", "card0", PK_E_BAD_MSG));
    CHECK(has_fault("gpu_pct", "fb000000.gpu", PK_E_BAD_MSG));
    end();
}

static void put_process(unsigned pid, const char *name, char state, unsigned used, unsigned start,
                        unsigned pages) {
    char path[48], text[200];
    (void)snprintf(path, sizeof path, "%u/stat", pid);
    (void)snprintf(text, sizeof text, "%u (%s) %c 1 1 1 0 -1 0 0 0 0 0 %u 1 0 0 0 0 1 0 %u 4096 %u 0\n", pid,
                   name, state, used, start, pages);
    put(path, text);
}

PK_TEST(top__busiest_since_the_last_look_then_the_largest) {
    struct pk_top rows[4];
    REQUIRE(begin());
    the_source.ticks_per_s = 100;
    the_source.page_bytes = 4096;
    put_process(10, "idle", 'S', 500, 100, 3);
    put_process(11, "large", 'S', 0, 100, 900);
    put_process(12, "spin", 'R', 50, 100, 2);
    put_process(13, "some", 'R', 50, 100, 2);
    CHECK_EQ_INT(the_port.top(the_port.ctx, rows, 4), 2); /* nothing is known of time */
    CHECK_STR(rows[0].name, "large");
    CHECK_EQ_INT(rows[0].cpu_permille, -1);
    the_us += 2000000;
    put_process(12, "spin", 'R', 230, 100, 2);
    put_process(13, "some", 'R', 60, 100, 2);
    REQUIRE(the_port.top(the_port.ctx, rows, 4) == 4);
    CHECK_STR(rows[0].name, "spin");
    CHECK_EQ_INT(rows[0].cpu_permille, 900);
    CHECK_EQ_INT(rows[0].pid, 12);
    CHECK_STR(rows[1].name, "some");
    CHECK_EQ_INT(rows[1].cpu_permille, 50);
    CHECK_STR(rows[2].name, "large");
    CHECK_EQ_U64(rows[2].rss_bytes, 900 * 4096);
    CHECK_STR(rows[3].name, "idle");
    CHECK_EQ_INT(rows[3].cpu_permille, 0);
    end();
}

PK_TEST(top__more_processes_than_one_call_looks_at) {
    struct pk_top rows[PK_TOP_MAX];
    uint32_t calls = 1;
    int count = 0;
    REQUIRE(begin());
    the_source.ticks_per_s = 100;
    the_source.page_bytes = 4096;
    for (unsigned pid = 100; pid < 200; pid++) {
        put_process(pid, "crowd", 'S', 0, 100, pid);
    }
    while ((count = the_port.top(the_port.ctx, rows, PK_TOP_MAX)) == PK_E_AGAIN) {
        calls++;
    }
    CHECK_EQ_INT(count, PK_TOP_MAX / 2);
    CHECK(calls >= 4);
    CHECK_EQ_INT(rows[0].pid, 199);
    CHECK_EQ_INT(the_port.top(the_port.ctx, rows, PK_TOP_MAX), PK_E_AGAIN); /* closing in between is fine */
    end();
}

/* As many idle ones as would fill every place twice: those that work are measured all the same. */
PK_TEST(top__idle_ones_take_no_place_of_a_busy_one) {
    struct pk_top rows[PK_TOP_MAX];
    const unsigned last = 100 + 2 * PK_LIMIT_TOP_SLOTS;
    int count = 0;
    REQUIRE(begin());
    the_source.ticks_per_s = 100;
    the_source.page_bytes = 4096;
    for (unsigned pid = 100; pid < last; pid++) {
        put_process(pid, "idle", 'S', 0, 100, 1);
    }
    put_process(last, "spin", 'R', 20, 100, 1);
    while ((count = the_port.top(the_port.ctx, rows, PK_TOP_MAX)) == PK_E_AGAIN) {
    }
    the_us += 1000000;
    put_process(last, "spin", 'R', 90, 100, 1);
    while ((count = the_port.top(the_port.ctx, rows, PK_TOP_MAX)) == PK_E_AGAIN) {
    }
    REQUIRE(count > 0);
    CHECK_STR(rows[0].name, "spin");
    CHECK_EQ_INT(rows[0].cpu_permille, 700);
    end();
}

PK_TEST(tasks__hung_after_a_while_and_zombies) {
    REQUIRE(begin());
    CHECK_EQ_INT(the_port.watch(the_port.ctx, NULL, 0, 60000), PK_OK);
    put_process(10, "stuck", 'D', 0, 100, 1);
    put_process(11, "dead", 'Z', 0, 100, 1);
    put_process(12, "fine", 'S', 0, 100, 1);
    put("13/stat", "nonsense");
    CHECK_EQ_INT(sample(PK_COLLECT_TASKS), 2);
    CHECK(has_value("hung_tasks", "tasks", 0.0) && has_value("zombies", "tasks", 1.0));
    the_us += 59999999;
    (void)sample(PK_COLLECT_TASKS);
    CHECK(has_value("hung_tasks", "tasks", 0.0));
    the_us += 1;
    (void)sample(PK_COLLECT_TASKS);
    CHECK(has_value("hung_tasks", "tasks", 1.0));
    put_process(10, "stuck", 'D', 0, 200, 1); /* another process of that number */
    (void)sample(PK_COLLECT_TASKS);
    CHECK(has_value("hung_tasks", "tasks", 0.0));
    the_us += 60000000;
    put_process(10, "stuck", 'S', 0, 200, 1); /* it woke up */
    (void)sample(PK_COLLECT_TASKS);
    put_process(10, "stuck", 'D', 0, 200, 1);
    (void)sample(PK_COLLECT_TASKS);
    CHECK(has_value("hung_tasks", "tasks", 0.0));
    for (unsigned pid = 100; pid < 100u + 2u * PK_SOURCE_STUCK; pid++) {
        put_process(pid, "many", 'D', 0, 1, 1);
    }
    (void)sample(PK_COLLECT_TASKS);
    the_us += 60000000;
    (void)sample(PK_COLLECT_TASKS);
    CHECK(has_value("hung_tasks", "tasks", PK_SOURCE_STUCK)); /* as many as are kept in mind */
    end();
    pk_source_open(&the_source, "/does/not/exist", "/does/not/exist", &the_port);
    CHECK_EQ_INT(sample(PK_COLLECT_TASKS), PK_E_IO);
    pk_source_close(&the_source);
}

PK_TEST(usage__share_of_a_core_memory_and_restarts) {
    struct pk_watch w = {.collector = PK_COLLECT_PROCESS, .name = "demo"};
    REQUIRE(begin());
    the_source.ticks_per_s = 100;
    the_source.page_bytes = 4096;
    CHECK_EQ_INT(the_port.watch(the_port.ctx, &w, 1, 60000), PK_OK);
    CHECK_EQ_INT(sample(PK_COLLECT_USAGE), 0); /* it does not run: process_up says so */
    put_process(10, "demo", 'S', 100, 5, 3);
    CHECK_EQ_INT(sample(PK_COLLECT_USAGE), 1);
    CHECK(has_value("process_rss_bytes", "demo", 12288.0));
    the_us += 2000000;
    put_process(10, "demo", 'S', 150, 5, 4);
    CHECK_EQ_INT(sample(PK_COLLECT_USAGE), 3);
    CHECK(has_value("process_cpu_pct", "demo", 25.0));
    CHECK(has_value("process_rss_bytes", "demo", 16384.0));
    CHECK(has_value("service_restarts", "demo", 0.0));
    gone("10");
    CHECK_EQ_INT(sample(PK_COLLECT_USAGE), 0);
    put_process(11, "demo", 'S', 1, 900, 1);
    CHECK_EQ_INT(sample(PK_COLLECT_USAGE), 2);
    CHECK(has_value("service_restarts", "demo", 1.0));
    CHECK(found("process_cpu_pct", "demo") == NULL); /* of a new process there is no share yet */
    end();
}

PK_TEST(this_machine__a_burning_process_a_hung_one_and_a_zombie) {
    char name[16]; /* another tree may have one as well */
    pk_source_open(&the_source, "/proc", "/sys", &the_port);
    (void)snprintf(name, sizeof name, "pk_burn_%d", (int)getpid());
    const pid_t burner = fork();
    if (burner == 0) {
        static volatile char
            memory[8 << 20]; /* the kernel counts pages loosely: small processes may show none */
        for (size_t i = 0; i < sizeof memory; i += 4096) {
            memory[i] = 1;
        }
        (void)prctl(PR_SET_NAME, name, 0, 0, 0);
        for (volatile unsigned i = 0;; i++) {
        }
    }
    const pid_t zombie = fork();
    if (zombie == 0) {
        _exit(0);
    }
    /* A parent waits uninterruptibly for its vfork child. */
    const pid_t stuck = fork();
    if (stuck == 0) {
        (void)setpgid(0, 0);
        if (vfork() == 0) {
            (void)sleep(30);
            _exit(0);
        }
        _exit(0);
    }
    (void)setpgid(stuck, stuck); /* whoever of both comes first */
    struct pk_watch w = {.collector = PK_COLLECT_PROCESS};
    (void)strcpy(w.name, name);
    CHECK_EQ_INT(the_port.watch(the_port.ctx, &w, 1, 300), PK_OK);
    /* Each of them needs the processor before there is something to see. */
    bool is_hung = false;
    for (int i = 0; i < 100 && !is_hung; i++) {
        (void)usleep(100000);
        is_hung =
            sample(PK_COLLECT_TASKS) == 2 && (PK_IS_EMULATED || found("hung_tasks", "tasks")->value >= 1.0);
    }
    int usage_count = 0;
    for (int i = 0; i < 20 && (usage_count != 3 || found("process_cpu_pct", name)->value <= 5.0); i++) {
        (void)usleep(400000);
        usage_count = sample(PK_COLLECT_USAGE);
    }
    CHECK_EQ_INT(usage_count, 3);
    CHECK(found("process_cpu_pct", name) != NULL && found("process_cpu_pct", name)->value > 5.0);
    CHECK(has_value("service_restarts", name, 0.0));
    CHECK(found("process_rss_bytes", name)->value > 4e6);
    CHECK_EQ_INT(sample(PK_COLLECT_TASKS), 2);
    CHECK_EQ_INT(found("hung_tasks", "tasks")->error, PK_OK);
    CHECK(PK_IS_EMULATED || found("hung_tasks", "tasks")->value >= 1.0);
    CHECK(found("zombies", "tasks")->error == PK_OK && found("zombies", "tasks")->value >= 1.0);
    static const enum pk_collector all[] = {PK_COLLECT_STORAGE, PK_COLLECT_THERMAL, PK_COLLECT_NETWORK,
                                            PK_COLLECT_OOM, PK_COLLECT_GPU};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const int n = sample(all[i]);
        CHECK(n >= 0 || n == PK_E_UNSUPPORTED);
    }
    (void)kill(burner, SIGKILL);
    CHECK_EQ_INT(kill(-stuck, SIGKILL), 0);
    (void)waitpid(burner, NULL, 0);
    (void)waitpid(zombie, NULL, 0);
    (void)waitpid(stuck, NULL, 0);
    pk_source_close(&the_source);
}

PK_TEST_MAIN(parse_mount__writable_or_not, parse_mount__over_a_path,
             disk__on_a_network__is_a_fault_and_not_looked_at, disk__read_only_once_it_was_writable,
             parse_oom_kill__a_number_or_none, parse_life_time__the_worse_of_both,
             storage__counters_as_differences_card_wear_as_it_is,
             storage__a_disk_that_went_and_came__is_looked_at_anew,
             counters__more_than_there_is_room_for__are_a_fault, thermal__zones_and_throttling,
             network__errors_drops_and_carrier, oom__differences_wherever_the_line_stands,
             gpu__what_drivers_tell, top__busiest_since_the_last_look_then_the_largest,
             top__more_processes_than_one_call_looks_at, top__idle_ones_take_no_place_of_a_busy_one,
             tasks__hung_after_a_while_and_zombies, usage__share_of_a_core_memory_and_restarts,
             this_machine__a_burning_process_a_hung_one_and_a_zombie)
