/* What disks and file systems say about themselves. */
#include <string.h>

#include "port/linux/pk_collect.h"
#include "port/linux/pk_dir.h"

/* A counter in a file; one that is not there is nobody's fault. */
static void count_file(struct pk_source *s, struct pk_collect_out *o, const char *path, const char *type,
                       const char *source) {
    int64_t value = 0;
    int err = pk_collect_number(path, &value);
    if (err == PK_E_NOT_FOUND) {
        return;
    }
    err = err == PK_OK && value < 0 ? PK_E_BAD_MSG : err;
    pk_collect_count(s, PK_COLLECT_STORAGE, o, type, source, (uint64_t)value, err);
}

/* "mmcblk0", but not its boot and RPMB parts, which are the same card. */
static bool is_card(const char *name) {
    uint64_t number = 0;
    return strncmp(name, "mmcblk", 6) == 0 && pk_parse_u64(pk_str_of(name + 6), &number) == PK_OK;
}

static void look_at_card(const struct pk_source *s, const char *name, const char *source,
                         struct pk_collect_out *o) {
    char path[PK_COLLECT_PATH_BYTES], block[64], text[PK_COLLECT_TEXT_BYTES];
    struct pk_buf b;
    struct pk_str content;
    pk_buf_init(&b, block, sizeof block);
    pk_buf_puts(&b, "block/");
    pk_buf_puts(&b, name);
    if (b.is_cut || !pk_collect_path(path, s->sys_root, block, "device", "life_time")) {
        return;
    }
    const int n = pk_collect_text(path, text, &content);
    uint32_t pct = 0;
    const int err = n < 0 ? n : pk_sys_parse_life_time(content, &pct);
    if (err != PK_E_NOT_FOUND && err != PK_E_UNSUPPORTED) { /* SD cards and old eMMC do not tell */
        pk_collect_add(o, "emmc_life_pct", source, (double)pct, err);
    }
    int64_t eol = 0;
    (void)pk_collect_path(path, s->sys_root, block, "device", "pre_eol_info");
    int told = pk_collect_number(path, &eol);
    told = told == PK_OK && (eol < 0 || eol > 3) ? PK_E_BAD_MSG : told;
    if (told != PK_E_NOT_FOUND && (told != PK_OK || eol > 0)) {
        pk_collect_add(o, "emmc_eol", source, (double)eol, told);
    }
}

static int walk_blocks(struct pk_source *s, struct pk_collect_out *o) {
    char path[PK_COLLECT_PATH_BYTES], source[64];
    struct pk_dir_walk walk;
    const char *name;
    if (!pk_collect_path(path, s->sys_root, "block", NULL, NULL) || pk_dir_open(&walk, path) != PK_OK) {
        return PK_E_UNSUPPORTED;
    }
    for (uint32_t i = 0; i < PK_COLLECT_ENTRIES_MAX && (name = pk_dir_next(&walk)) != NULL; i++) {
        char device[96];
        struct pk_buf b;
        pk_buf_init(&b, device, sizeof device);
        pk_buf_puts(&b, "block/");
        pk_buf_puts(&b, name);
        pk_collect_name(source, sizeof source, pk_str_of(name), "");
        if (!b.is_cut && pk_collect_path(path, s->sys_root, device, "device", "ioerr_cnt")) {
            count_file(s, o, path, "disk_errors", source);
        }
        if (is_card(name)) {
            look_at_card(s, name, source, o);
        }
    }
    pk_dir_close(&walk);
    return PK_OK;
}

static void walk_ext4(struct pk_source *s, struct pk_collect_out *o) {
    char path[PK_COLLECT_PATH_BYTES], source[64];
    struct pk_dir_walk walk;
    const char *name;
    if (!pk_collect_path(path, s->sys_root, "fs/ext4", NULL, NULL) || pk_dir_open(&walk, path) != PK_OK) {
        return;
    }
    for (uint32_t i = 0; i < PK_COLLECT_ENTRIES_MAX && (name = pk_dir_next(&walk)) != NULL; i++) {
        pk_collect_name(source, sizeof source, pk_str_of(name), "");
        if (pk_collect_path(path, s->sys_root, "fs/ext4", name, "errors_count")) {
            count_file(s, o, path, "fs_errors", source);
        }
    }
    pk_dir_close(&walk);
}

int pk_collect_storage(struct pk_source *s, struct pk_sample *out, uint32_t cap_count) {
    struct pk_collect_out o = {.p = out, .cap_count = cap_count, .n = 0};
    pk_collect_round(s, PK_COLLECT_STORAGE);
    const int err = walk_blocks(s, &o);
    walk_ext4(s, &o);
    pk_collect_round_end(s, PK_COLLECT_STORAGE);
    return err == PK_OK || o.n > 0 ? (int)o.n : err;
}
