/* Temperatures, and what was slowed down because of them. */
#include <string.h>

#include "port/linux/pk_collect.h"
#include "port/linux/pk_dir.h"

/* Millidegrees that a sensor can mean; beyond it is broken. */
enum { COLDEST = -100000, HOTTEST = 300000 };

static void look_at_zone(const struct pk_source *s, const char *zone, struct pk_collect_out *o) {
    static const char folder[] = "class/thermal";
    char path[PK_COLLECT_PATH_BYTES], text[PK_COLLECT_TEXT_BYTES], source[64], number[24];
    struct pk_str content;
    int64_t millidegrees = 0;
    if (pk_collect_path(path, s->sys_root, folder, zone, "mode") &&
        pk_collect_text(path, text, &content) > 0 && pk_str_eq_c(content, "disabled")) {
        return;
    }
    /* Several zones may have one type: the number tells them apart. */
    struct pk_buf b;
    pk_buf_init(&b, number, sizeof number);
    pk_buf_putc(&b, '.');
    pk_buf_puts(&b, zone + strlen("thermal_zone"));
    content = pk_str_of("zone");
    if (pk_collect_path(path, s->sys_root, folder, zone, "type")) {
        (void)pk_collect_text(path, text, &content);
    }
    content.n = content.n < 48u ? content.n : 48u;
    pk_collect_name(source, sizeof source, content, number);
    if (!pk_collect_path(path, s->sys_root, folder, zone, "temp")) {
        return;
    }
    int err = pk_collect_number(path, &millidegrees);
    err = err == PK_OK && (millidegrees < COLDEST || millidegrees > HOTTEST) ? PK_E_BAD_MSG : err;
    pk_collect_add(o, "temperature_c", source, (double)millidegrees / 1000.0, err);
}

static void walk_zones(const struct pk_source *s, struct pk_collect_out *o) {
    char path[PK_COLLECT_PATH_BYTES];
    struct pk_dir_walk walk;
    const char *name;
    if (!pk_collect_path(path, s->sys_root, "class/thermal", NULL, NULL) ||
        pk_dir_open(&walk, path) != PK_OK) {
        return;
    }
    for (uint32_t i = 0; i < PK_COLLECT_ENTRIES_MAX && (name = pk_dir_next(&walk)) != NULL; i++) {
        if (strncmp(name, "thermal_zone", strlen("thermal_zone")) == 0) {
            look_at_zone(s, name, o);
        }
    }
    pk_dir_close(&walk);
}

/* x86: how often each core, and its package, was slowed down. False when no core tells. */
static bool sum_throttling(const struct pk_source *s, uint64_t *out) {
    static const char folder[] = "devices/system/cpu";
    static const char *const files[] = {"thermal_throttle/core_throttle_count",
                                        "thermal_throttle/package_throttle_count"};
    char path[PK_COLLECT_PATH_BYTES];
    struct pk_dir_walk walk;
    const char *name;
    bool is_told = false;
    *out = 0;
    if (!pk_collect_path(path, s->sys_root, folder, NULL, NULL) || pk_dir_open(&walk, path) != PK_OK) {
        return false;
    }
    for (uint32_t i = 0; i < PK_COLLECT_ENTRIES_MAX && (name = pk_dir_next(&walk)) != NULL; i++) {
        if (strncmp(name, "cpu", 3) != 0 || name[3] < '0' || name[3] > '9') {
            continue;
        }
        for (uint32_t f = 0; f < sizeof files / sizeof files[0]; f++) {
            int64_t count = 0;
            if (pk_collect_path(path, s->sys_root, folder, name, files[f]) &&
                pk_collect_number(path, &count) == PK_OK && count >= 0) {
                *out += (uint64_t)count;
                is_told = true;
            }
        }
    }
    pk_dir_close(&walk);
    return is_told;
}

/* Raspberry Pi: the low bits say what holds now: under-voltage, capped, throttled, soft temperature limit. */
static void look_at_firmware(const struct pk_source *s, struct pk_collect_out *o) {
    enum { NOW_BITS = 0xF };
    char path[PK_COLLECT_PATH_BYTES], text[PK_COLLECT_TEXT_BYTES];
    struct pk_str content;
    uint64_t bits = 0;
    if (!pk_collect_path(path, s->sys_root, "devices/platform/soc/soc:firmware/get_throttled", NULL, NULL)) {
        return;
    }
    int err = pk_collect_text(path, text, &content);
    if (err == PK_E_NOT_FOUND) {
        return;
    }
    if (err > 0) {
        const uint32_t prefix = pk_str_starts(content, "0x") ? 2u : 0u;
        err = pk_parse_hex_u64(pk_str_make(content.p + prefix, content.n - prefix), &bits) == PK_OK
                  ? PK_OK
                  : PK_E_BAD_MSG;
    }
    pk_collect_add(o, "throttled", "firmware", (bits & NOW_BITS) != 0 ? 1.0 : 0.0, err);
}

int pk_collect_thermal(struct pk_source *s, struct pk_sample *out, uint32_t cap_count) {
    struct pk_collect_out o = {.p = out, .cap_count = cap_count, .n = 0};
    uint64_t throttled = 0;
    pk_collect_round(s, PK_COLLECT_THERMAL);
    walk_zones(s, &o);
    const bool is_told = sum_throttling(s, &throttled);
    if (is_told) {
        pk_collect_count(s, PK_COLLECT_THERMAL, &o, "throttled", "cpu", throttled, PK_OK);
    }
    look_at_firmware(s, &o);
    pk_collect_round_end(s, PK_COLLECT_THERMAL);
    return o.n > 0 || is_told ? (int)o.n : PK_E_UNSUPPORTED;
}
