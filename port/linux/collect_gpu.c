/* How busy graphics and inference units are, where their drivers tell. */
#include <string.h>

#include "port/linux/pk_collect.h"
#include "port/linux/pk_dir.h"

static void put_pct(struct pk_collect_out *o, const char *source, int64_t pct, int err) {
    err = err == PK_OK && (pct < 0 || pct > 100) ? PK_E_BAD_MSG : err;
    pk_collect_add(o, "gpu_pct", source, (double)pct, err);
}

/* amdgpu: card0/device/gpu_busy_percent */
static void look_at_card(const struct pk_source *s, const char *name, struct pk_collect_out *o) {
    char path[PK_COLLECT_PATH_BYTES], source[64];
    int64_t pct = 0;
    if (strncmp(name, "card", 4) != 0 || strchr(name, '-') != NULL ||
        !pk_collect_path(path, s->sys_root, "class/drm", name, "device/gpu_busy_percent")) {
        return; /* card0-HDMI-A-1 is a socket of it */
    }
    const int err = pk_collect_number(path, &pct);
    if (err != PK_E_NOT_FOUND) {
        pk_collect_name(source, sizeof source, pk_str_of(name), "");
        put_pct(o, source, pct, err);
    }
}

/* Mali and others: "45@800000000Hz" */
static void look_at_devfreq(const struct pk_source *s, const char *name, struct pk_collect_out *o) {
    char path[PK_COLLECT_PATH_BYTES], text[PK_COLLECT_TEXT_BYTES], source[64];
    struct pk_str content, number;
    int64_t pct = 0;
    if ((strstr(name, "gpu") == NULL && strstr(name, "mali") == NULL && strstr(name, "npu") == NULL) ||
        !pk_collect_path(path, s->sys_root, "class/devfreq", name, "load")) {
        return;
    }
    int err = pk_collect_text(path, text, &content);
    if (err == PK_E_NOT_FOUND) {
        return;
    }
    if (err > 0) {
        err = pk_str_split(&content, '@', &number) && pk_parse_i64(number, &pct) == PK_OK ? PK_OK
                                                                                          : PK_E_BAD_MSG;
    }
    pk_collect_name(source, sizeof source, pk_str_of(name), "");
    put_pct(o, source, pct, err);
}

static void walk(const struct pk_source *s, const char *folder, struct pk_collect_out *o,
                 void (*look)(const struct pk_source *, const char *, struct pk_collect_out *)) {
    char path[PK_COLLECT_PATH_BYTES];
    struct pk_dir_walk w;
    const char *name;
    if (!pk_collect_path(path, s->sys_root, folder, NULL, NULL) || pk_dir_open(&w, path) != PK_OK) {
        return;
    }
    for (uint32_t i = 0; i < PK_COLLECT_ENTRIES_MAX && (name = pk_dir_next(&w)) != NULL; i++) {
        look(s, name, o);
    }
    pk_dir_close(&w);
}

int pk_collect_gpu(struct pk_source *s, struct pk_sample *out, uint32_t cap_count) {
    struct pk_collect_out o = {.p = out, .cap_count = cap_count, .n = 0};
    walk(s, "class/drm", &o, look_at_card);
    walk(s, "class/devfreq", &o, look_at_devfreq);
    return o.n > 0 ? (int)o.n : PK_E_UNSUPPORTED;
}
