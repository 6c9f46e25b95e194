#include "ctl/pk_ctl_conf.h"

#include <stdlib.h>
#include <string.h>

#include "base/pk_ini.h"

enum { FILE_BYTES = 256 * 1024, COMMAND_BYTES = 4096 };

static const char DEFAULT_FILE[] = "/etc/picket/picketd.conf";

static void set(char *out, size_t cap_bytes, struct pk_str value) {
    /* One pair of quotes may stay around a value. */
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"') {
        value = pk_str_make(value.p + 1, value.n - 2);
    }
    (void)pk_str_copy_cut(value, out, cap_bytes);
}

/* ---- finding ---- */

static int read_small(struct pk_ctl *c, const char *path, char *out, uint32_t cap_bytes) {
    return c->port.files.read(c->port.files.ctx, path, out, cap_bytes);
}

/* The word behind -c or --config in a command line as /proc has it. */
static bool take_command(const char *p, uint32_t n, char out[PK_CTL_CONF_PATH_BYTES]) {
    bool is_next = false;
    struct pk_str rest = pk_str_make(p, n), word;
    while (pk_str_split(&rest, '\0', &word)) {
        if (is_next) {
            return word.n > 0 && pk_str_copy(word, out, PK_CTL_CONF_PATH_BYTES) > 0;
        }
        is_next = pk_str_eq_c(word, "-c") || pk_str_eq_c(word, "--config");
    }
    return false;
}

static bool ask_process(struct pk_ctl *c, char out[PK_CTL_CONF_PATH_BYTES]) {
    char path[PK_CTL_CONF_PATH_BYTES], text[COMMAND_BYTES];
    struct pk_buf b;
    uint64_t pid = 0;
    const char *slash = strrchr(c->socket_path, '/');
    pk_buf_init(&b, path, sizeof path);
    pk_buf_put(&b, c->socket_path, slash != NULL ? (size_t)(slash - c->socket_path) : 0);
    pk_buf_puts(&b, "/picketd.pid");
    int n = b.is_cut ? 0 : read_small(c, path, text, sizeof text);
    if (n <= 0 || pk_parse_u64(pk_str_trim(pk_str_make(text, (size_t)n)), &pid) != PK_OK) {
        return false;
    }
    pk_buf_init(&b, path, sizeof path);
    pk_buf_puts(&b, "/proc/");
    pk_buf_put_u64(&b, pid);
    pk_buf_puts(&b, "/cmdline");
    n = read_small(c, path, text, sizeof text);
    return n > 0 && take_command(text, (uint32_t)n, out);
}

void pk_ctl_conf_find(struct pk_ctl *c, struct pk_ctl_conf *conf) {
    const char *given = pk_ctl_args_text(&c->args, "config");
    if (given != NULL) {
        (void)pk_str_copy_cut(pk_str_of(given), conf->file, sizeof conf->file);
    } else if (!ask_process(c, conf->file)) {
        memcpy(conf->file, DEFAULT_FILE, sizeof DEFAULT_FILE);
    }
}

/* ---- reading ---- */

static void take_watched(struct pk_ctl_conf *conf, const struct pk_ini_item *item) {
    static const char *const KINDS[][2] = {{"disk", "path"}, {"process", "pidfile"}, {"heartbeat", ""}};
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if (!pk_str_eq_c(item->section_kind, KINDS[i][0])) {
            continue;
        }
        if (conf->watched == NULL) {
            return;
        }
        if (item->kind == PK_INI_SECTION && conf->watched_count < PK_CTL_CONF_WATCHED_MAX) {
            struct pk_ctl_watched *w = &conf->watched[conf->watched_count++];
            *w = (struct pk_ctl_watched){.kind = KINDS[i][0][0]};
            set(w->name, sizeof w->name, item->section_name);
        } else if (item->kind == PK_INI_PAIR && conf->watched_count > 0 &&
                   pk_str_eq_c(item->key, KINDS[i][1])) {
            struct pk_ctl_watched *w = &conf->watched[conf->watched_count - 1];
            set(w->path, sizeof w->path, item->value);
        }
    }
}

static void take_threshold(struct pk_ctl_conf *conf, const struct pk_ini_item *item) {
    double number = 0.0;
    const int err = pk_parse_double(item->value, &number);
    if ((err != PK_OK || pk_thresholds_set(conf->thresholds, item->key, number) != PK_OK) &&
        conf->bad_threshold[0] == '\0') {
        set(conf->bad_threshold, sizeof conf->bad_threshold, item->key);
    }
}

static void take_pair(struct pk_ctl_conf *conf, const struct pk_ini_item *item) {
    const struct {
        const char *section, *key;
        char *out;
        size_t cap_bytes;
    } rows[] = {
        {"paths", "state", conf->state, sizeof conf->state},
        {"paths", "run", conf->run, sizeof conf->run},
        {"paths", "rules", conf->rules, sizeof conf->rules},
        {"paths", "keys", conf->keys, sizeof conf->keys},
        {"paths", "actions", conf->actions, sizeof conf->actions},
        {"agent", "user", conf->user, sizeof conf->user},
        {"agent", "group", conf->group, sizeof conf->group},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (pk_str_eq_c(item->section_kind, rows[i].section) && pk_str_eq_c(item->key, rows[i].key)) {
            set(rows[i].out, rows[i].cap_bytes, item->value);
        }
    }
    if (pk_str_eq_c(item->section_kind, "thresholds") && conf->thresholds != NULL) {
        take_threshold(conf, item);
    }
    if (pk_str_eq_c(item->section_kind, "broker") && pk_str_eq_c(item->key, "key") &&
        conf->tls_key_count < 2) {
        char *out = conf->tls_keys[conf->tls_key_count++];
        set(out, sizeof conf->tls_keys[0], item->value);
    }
}

static int read_one(struct pk_ctl *c, struct pk_ctl_conf *conf, const char *path) {
    struct pk_ini_reader r;
    struct pk_ini_item item;
    char *text = malloc(FILE_BYTES);
    if (text == NULL) {
        return PK_E_FULL;
    }
    const int n = c->port.files.read(c->port.files.ctx, path, text, FILE_BYTES);
    pk_ini_init(&r, text, n > 0 ? (uint32_t)n : 0);
    while (n > 0 && pk_ini_next(&r, &item) == PK_OK && item.kind != PK_INI_END) {
        take_watched(conf, &item);
        if (item.kind == PK_INI_PAIR) {
            take_pair(conf, &item);
        }
    }
    free(text);
    return n < 0 ? n : PK_OK;
}

struct listing {
    struct pk_ctl *c;
    struct pk_ctl_conf *conf;
    const char *dir;
};

static void read_listed(void *arg, const char *name) {
    const struct listing *l = arg;
    char path[PK_CTL_CONF_PATH_BYTES * 2];
    if (pk_path_join(path, sizeof path, l->dir, name) == PK_OK) {
        (void)read_one(l->c, l->conf, path);
    }
}

int pk_ctl_conf_read(struct pk_ctl *c, struct pk_ctl_conf *conf) {
    char dir[PK_CTL_CONF_PATH_BYTES + 8];
    struct pk_buf b;
    struct listing l = {.c = c, .conf = conf, .dir = dir};
    set(conf->state, sizeof conf->state, pk_str_of("/var/lib/picket"));
    set(conf->run, sizeof conf->run, pk_str_of("/run/picket"));
    set(conf->rules, sizeof conf->rules, pk_str_of("/etc/picket/rules.d"));
    set(conf->keys, sizeof conf->keys, pk_str_of("/etc/picket/keys"));
    set(conf->actions, sizeof conf->actions, pk_str_of("/etc/picket/actions.conf"));
    set(conf->user, sizeof conf->user, pk_str_of("picket"));
    set(conf->group, sizeof conf->group, pk_str_of("picket"));
    const int err = read_one(c, conf, conf->file);
    const char *slash = strrchr(conf->file, '/');
    if (err != PK_OK || slash == NULL) {
        return err;
    }
    pk_buf_init(&b, dir, sizeof dir);
    pk_buf_put(&b, conf->file, (size_t)(slash - conf->file));
    pk_buf_puts(&b, "/conf.d");
    (void)c->port.files.list(c->port.files.ctx, dir, ".conf", read_listed, &l);
    return PK_OK;
}
