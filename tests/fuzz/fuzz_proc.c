/* Text of /proc and pid files: a parser takes all of it or says no, and never reads beyond it. The first byte
 * picks the parser. */
#include <stdlib.h>
#include <string.h>

#include "base/pk_assert.h"
#include "port/linux/pk_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(uint8_t which, struct pk_str text) {
    struct pk_proc_cpu cpu;
    struct pk_proc_memory memory;
    struct pk_proc_pid process;
    double v = 0;
    uint32_t pid = 0;
    uint64_t count = 0;
    bool is_readonly = false;
    switch (which % 9) {
    case 0:
        PK_ASSERT(pk_proc_parse_stat(text, &cpu) != PK_OK || cpu.busy <= cpu.total);
        break;
    case 1:
        PK_ASSERT(pk_proc_parse_meminfo(text, &memory) != PK_OK ||
                  (memory.total_kb > 0 && memory.available_kb <= memory.total_kb &&
                   memory.swap_free_kb <= memory.swap_total_kb));
        break;
    case 2:
        PK_ASSERT(pk_proc_parse_pressure(text, &v) != PK_OK || (v >= 0 && v <= 100));
        break;
    case 3:
        PK_ASSERT(pk_proc_parse_loadavg(text, &v) != PK_OK || v >= 0);
        break;
    case 4:
        PK_ASSERT(pk_proc_parse_pid_stat(text, &process) != PK_OK ||
                  memchr(process.comm, '\0', sizeof process.comm) != NULL);
        break;
    case 5:
        PK_ASSERT(pk_proc_parse_oom_kill(text, &count) != PK_OK || text.n > 9);
        break;
    case 8:
        PK_ASSERT(pk_proc_parse_mount(text, "/var/log x", &is_readonly) <= PK_OK);
        PK_ASSERT(pk_proc_parse_mount_over(text, "/var/log x", &is_readonly) <= 10);
        break;
    case 6:
        PK_ASSERT(pk_sys_parse_life_time(text, &pid) != PK_OK || (pid >= 10 && pid <= 110));
        break;
    default:
        PK_ASSERT(pk_proc_parse_pid_file(text, &pid) != PK_OK || (pid >= 1 && pid <= 4194304));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > 65536) {
        return 0;
    }
    /* A copy of the exact size: reading beyond its end is seen. */
    char *copy = malloc(size > 1u ? size - 1u : 1u);
    if (copy == NULL) {
        return 0;
    }
    memcpy(copy, data + 1, size - 1u);
    run(data[0], pk_str_make(copy, size - 1u));
    free(copy);
    return 0;
}
