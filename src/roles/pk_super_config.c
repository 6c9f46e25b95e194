#include "roles/pk_super_config.h"

#include <stddef.h>
#include <string.h>

#include "base/pk_assert.h"
#include "event/pk_probe.h"

enum kind { KIND_PATH, KIND_NAME, KIND_MODE, KIND_BOOL, KIND_SIZE };

struct key {
    const char *section, *name, *variable;
    enum kind kind;
    size_t at, cap_bytes;
};
#define FIELD(member) offsetof(struct pk_super_config, member), sizeof(((struct pk_super_config *)0)->member)
static const struct key keys[] = {
    {"paths", "state", "PICKET_PATHS_STATE", KIND_PATH, FIELD(state_dir)},
    {"paths", "run", "PICKET_PATHS_RUN", KIND_PATH, FIELD(run_dir)},
    {"paths", "actions", "PICKET_PATHS_ACTIONS", KIND_PATH, FIELD(actions_path)},
    {"agent", "user", "PICKET_AGENT_USER", KIND_NAME, FIELD(user)},
    {"agent", "group", "PICKET_AGENT_GROUP", KIND_NAME, FIELD(group)},
    {"agent", "mode", "PICKET_AGENT_MODE", KIND_MODE, FIELD(mode)},
    {"agent", "safe_mode", "PICKET_AGENT_SAFE_MODE", KIND_BOOL, FIELD(is_safe_mode)},
    {"agent", "auto_rollback", "PICKET_AGENT_AUTO_ROLLBACK", KIND_BOOL, FIELD(is_auto_rollback)},
    {"agent", "watchdog", "PICKET_AGENT_WATCHDOG", KIND_PATH, FIELD(watchdog_device)},
    {"store", "memory", "PICKET_STORE_MEMORY", KIND_BOOL, FIELD(is_store_in_memory)},
    {"store", "map", "PICKET_STORE_MAP", KIND_SIZE, FIELD(store_map_bytes)},
};

static const char *const mode_words[PK_MODE_COUNT] = {
    [PK_MODE_OFF] = "off",
    [PK_MODE_OBSERVE] = "observe",
    [PK_MODE_SAFE] = "safe",
    [PK_MODE_AUTO] = "auto",
};

void pk_super_config_defaults(struct pk_super_config *c) {
    memset(c, 0, sizeof *c);
    memcpy(c->state_dir, "/var/lib/picket", sizeof "/var/lib/picket");
    memcpy(c->run_dir, "/run/picket", sizeof "/run/picket");
    memcpy(c->actions_path, "/etc/picket/actions.conf", sizeof "/etc/picket/actions.conf");
    memcpy(c->user, "picket", sizeof "picket");
    memcpy(c->group, "picket", sizeof "picket");
    c->mode = PK_MODE_SAFE;
    c->is_safe_mode = true;
    c->is_auto_rollback = true;
    c->store_map_bytes = 16u << 20;
}

static const char *set_mode(uint8_t *out, struct pk_str value) {
    for (uint8_t m = 0; m < PK_MODE_COUNT; m++) {
        if (pk_str_eq_nocase(value, mode_words[m])) {
            *out = m;
            return NULL;
        }
    }
    return "'{}' is not a mode: off, observe, safe or auto";
}

/* NULL, or what is wrong with the value. */
static const char *set_value(struct pk_super_config *c, const struct key *key, struct pk_str value) {
    char *field = (char *)c + key->at;
    switch (key->kind) {
    case KIND_PATH:
        if (value.n == 0 || value.p[0] != '/') {
            return "'{}' is not an absolute path";
        }
        return pk_str_copy(value, field, key->cap_bytes) < 0 ? "'{}' is too long" : NULL;
    case KIND_NAME:
        if (!pk_text_is_id(value, ".", (uint32_t)key->cap_bytes - 1u)) {
            return "'{}' is not a user or group name";
        }
        return pk_str_copy(value, field, key->cap_bytes) < 0 ? "'{}' is too long" : NULL;
    case KIND_MODE:
        return set_mode((uint8_t *)field, value);
    case KIND_BOOL:
        return pk_parse_bool(value, (bool *)field) < 0 ? "'{}' is not yes or no" : NULL;
    case KIND_SIZE:
        break;
    }
    return pk_parse_size_bytes(value, &c->store_map_bytes) < 0 ? "'{}' is not a size" : NULL;
}

/* Sections of inlets that have no name, so that variables can set them. */
static const char *const inlet_sections[] = {"syslog", "statsd", "kmsg", "journal", "witness"};

static const char *set_inlet(struct pk_super_config *c, const struct pk_ini_item *item) {
    const char *wrong =
        item->kind == PK_INI_SECTION
            ? pk_inlet_open(&c->inlets, item->section_kind, item->section_name)
            : pk_inlet_set(&c->inlets, item->section_kind, item->section_name, item->key, item->value);
    return wrong == PK_INLET_UNKNOWN_KEY ? NULL : wrong; /* the agent says so, as of all other sections */
}

/* PICKET_SYSLOG_UDP: section, then key. */
static const char *set_inlet_variable(struct pk_super_config *c, struct pk_str name, struct pk_str value) {
    char text[32];
    for (size_t i = 0; i < PK_COUNT_OF(inlet_sections); i++) {
        const struct pk_str section = pk_str_of(inlet_sections[i]);
        const uint32_t n = section.n + 1u;
        const struct pk_str word = {name.p + 7, name.n > 7u ? name.n - 7u : 0};
        if (word.n <= n || word.n >= sizeof text || word.p[section.n] != '_' ||
            !pk_str_eq_nocase(pk_str_make(word.p, section.n), inlet_sections[i])) {
            continue;
        }
        for (uint32_t k = n; k < word.n; k++) {
            const char b = word.p[k];
            text[k - n] = b >= 'A' && b <= 'Z' ? (char)(b - 'A' + 'a') : b;
        }
        const char *wrong =
            pk_inlet_set(&c->inlets, section, pk_str_make(NULL, 0), pk_str_make(text, word.n - n), value);
        return wrong == PK_INLET_UNKNOWN_KEY ? NULL : wrong;
    }
    return NULL;
}

static const struct key *find_key(struct pk_str section, struct pk_str name) {
    for (size_t i = 0; i < PK_COUNT_OF(keys); i++) {
        if (pk_str_eq_c(section, keys[i].section) && pk_str_eq_c(name, keys[i].name)) {
            return &keys[i];
        }
    }
    return NULL;
}

int pk_super_config_parse(struct pk_super_config *c, struct pk_str text, const char *file,
                          struct pk_diag *diag) {
    struct pk_ini_reader reader;
    struct pk_ini_item item;
    pk_ini_init(&reader, text.p, text.n);
    for (;;) {
        if (pk_ini_next(&reader, &item) != PK_OK) {
            pk_diag_set(diag, file, reader.error_line, reader.error_column, reader.error);
            return PK_E_CONFIG;
        }
        if (item.kind == PK_INI_END) {
            return PK_OK;
        }
        const struct key *key = item.kind == PK_INI_PAIR ? find_key(item.section_kind, item.key) : NULL;
        const char *wrong = key == NULL ? set_inlet(c, &item) : set_value(c, key, item.value);
        if (wrong != NULL) {
            const bool is_pair = item.kind == PK_INI_PAIR;
            pk_diag_set1(diag, file, is_pair ? item.value_line : item.line,
                         is_pair ? item.value_column : item.column, wrong,
                         is_pair ? item.value : item.section_name);
            return PK_E_CONFIG;
        }
    }
}

int pk_super_config_environment(struct pk_super_config *c, const char *const *environment,
                                struct pk_diag *diag) {
    for (uint32_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        struct pk_str value = pk_str_of(environment[i]), name;
        if (!pk_str_starts(value, "PICKET_") || !pk_str_split(&value, '=', &name)) {
            continue;
        }
        const char *bad_inlet = set_inlet_variable(c, name, value);
        if (bad_inlet != NULL) {
            pk_diag_set1(diag, "the environment", 1, 1, bad_inlet, value);
            return PK_E_CONFIG;
        }
        for (size_t k = 0; k < PK_COUNT_OF(keys); k++) {
            const char *wrong =
                pk_str_eq_nocase(name, keys[k].variable) ? set_value(c, &keys[k], value) : NULL;
            if (wrong != NULL) {
                pk_diag_set1(diag, keys[k].variable, 1, 1, wrong, value);
                return PK_E_CONFIG;
            }
        }
    }
    return PK_OK;
}

struct load {
    struct pk_super_config *config; /* NULL: the probes are read */
    struct pk_probes *probes;
    const char *dir;
    void *scratch;
    uint32_t scratch_bytes;
    struct pk_diag *diag;
    int err;
    const struct pk_probe_error *sought; /* whose place is looked for; NULL: none */
    bool is_found;
};

static int probe_fail(const struct pk_probe_error *e, const char *file, uint32_t line, uint32_t column,
                      struct pk_diag *diag) {
    pk_diag_set1(diag, file, line, column, e->message, e->argument);
    return PK_E_CONFIG;
}

static int parse_probes(struct pk_probes *t, struct pk_str text, const char *file, struct pk_diag *diag) {
    struct pk_ini_reader reader;
    struct pk_ini_item item;
    struct pk_probe_error error;
    int row = -1;
    pk_ini_init(&reader, text.p, text.n);
    for (;;) {
        if (pk_ini_next(&reader, &item) != PK_OK) {
            pk_diag_set(diag, file, reader.error_line, reader.error_column, reader.error);
            return PK_E_CONFIG;
        }
        if (item.kind == PK_INI_END) {
            return PK_OK;
        }
        if (!pk_probes_is_section(item.section_kind)) {
            continue;
        }
        if (item.kind == PK_INI_SECTION) {
            row = pk_probes_open(t, item.section_kind, item.section_name, &error);
        } else if (pk_probes_set(t, (uint32_t)row, item.key, item.value, &error) < 0) {
            return probe_fail(&error, file, item.value_line, item.value_column, diag);
        }
        if (row < 0) {
            return probe_fail(&error, file, item.line, item.column, diag);
        }
    }
}

/* A key holds as it was said last, a section begins where it stands first. */
static void look_for(struct load *l, struct pk_str text, const char *path) {
    const struct pk_probe_error *e = l->sought;
    uint32_t line = 0, column = 0;
    if ((!l->is_found || e->key.n > 0) && pk_ini_find(text, e->section, e->name, e->key, &line, &column)) {
        l->is_found = true;
        (void)probe_fail(e, path, line, column, l->diag);
    }
}

static void load_file(struct load *l, const char *path) {
    const int n = pk_super_read_owned(path, l->scratch, l->scratch_bytes);
    if (n >= 0) {
        const struct pk_str text = pk_str_make(l->scratch, (size_t)n);
        if (l->sought != NULL) {
            look_for(l, text, path);
            return;
        }
        l->err = l->config != NULL ? pk_super_config_parse(l->config, text, path, l->diag)
                                   : parse_probes(l->probes, text, path, l->diag);
        return;
    }
    if (n == PK_E_DENIED) {
        pk_diag_set(l->diag, path, 1, 1,
                    "it and its directory must belong to root and be writable by root only");
    } else {
        pk_diag_set1(l->diag, path, 1, 1, "cannot be read: {}", pk_str_of(pk_err_text(n)));
    }
    l->err = PK_E_CONFIG;
}

static void load_conf_d(void *arg, const char *name) {
    struct load *l = arg;
    char path[PK_SUPER_CONFIG_PATH_BYTES * 2];
    (void)pk_path_join(path, sizeof path, l->dir, name);
    if (l->err == PK_OK) {
        load_file(l, path);
    }
}

/* The file, then the conf.d beside it. */
static int load_all(struct load *l, const char *path) {
    char dir[PK_SUPER_CONFIG_PATH_BYTES];
    load_file(l, path);
    if (l->err != PK_OK) {
        return l->err;
    }
    struct pk_str parent = pk_str_of(path);
    while (parent.n > 0 && parent.p[parent.n - 1u] != '/') {
        parent.n--;
    }
    struct pk_buf b;
    pk_buf_init(&b, dir, sizeof dir);
    pk_buf_put_str(&b, parent);
    pk_buf_puts(&b, "conf.d");
    l->dir = dir;
    const int listed = b.is_cut ? PK_E_TOO_BIG : pk_super_list(dir, ".conf", load_conf_d, l);
    l->dir = NULL;
    if (listed < 0 && listed != PK_E_NOT_FOUND && l->err == PK_OK) {
        pk_diag_set1(l->diag, dir, 1, 1, "cannot be listed: {}", pk_str_of(pk_err_text(listed)));
        return PK_E_CONFIG;
    }
    return l->err;
}

int pk_super_config_load(struct pk_super_config *c, const char *path, const char *const *environment,
                         void *scratch, uint32_t scratch_bytes, struct pk_diag *diag) {
    struct load l = {
        .config = c, .scratch = scratch, .scratch_bytes = scratch_bytes, .diag = diag, .err = PK_OK};
    pk_super_config_defaults(c);
    const int err = load_all(&l, path);
    return err == PK_OK ? pk_super_config_environment(c, environment, diag) : err;
}

int pk_super_config_probes(struct pk_probes *probes, const char *path, void *scratch, uint32_t scratch_bytes,
                           struct pk_diag *diag) {
    struct load l = {
        .probes = probes, .scratch = scratch, .scratch_bytes = scratch_bytes, .diag = diag, .err = PK_OK};
    struct pk_probe_error error;
    pk_probes_init(probes);
    const int err = load_all(&l, path);
    if (err != PK_OK) {
        return err;
    }
    if (pk_probes_finish(probes, &error) == PK_OK) {
        return PK_OK;
    }
    (void)probe_fail(&error, path, 1, 1, diag);
    l.sought = &error;
    (void)load_all(&l, path);
    return PK_E_CONFIG;
}
