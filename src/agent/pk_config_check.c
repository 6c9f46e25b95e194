/* What can be judged only once everything was read, and where in the files it stands. */
#include "agent/pk_config.h"

#include <string.h>

#include "base/pk_address.h"

struct check {
    struct pk_config *c;
    const char *file;
    struct pk_config_place *place;
    struct pk_diag *diag;
};

/* key: NULL when it is about the section, as of a key that is missing. */
static int fail(const struct check *k, const char *section, struct pk_str name, const char *key,
                const char *message) {
    k->place->section = pk_str_of(section);
    k->place->name = name;
    k->place->key = key != NULL ? pk_str_of(key) : pk_str_make(NULL, 0);
    pk_diag_set1(k->diag, k->file, 1, 1, message, name);
    return PK_E_CONFIG;
}

static int check_broker(const struct check *k, const struct pk_config_broker *b, struct pk_str name) {
    if (b->host[0] == '\0') {
        return fail(k, "broker", name, NULL, "[broker {}] host is missing");
    }
    const bool has_psk = b->psk_file[0] != '\0';
    if (has_psk != (b->psk_identity[0] != '\0')) {
        return fail(k, "broker", name, has_psk ? "psk_file" : "psk_identity",
                    "[broker {}] psk_identity and psk_file go together");
    }
    if (has_psk && (b->ca[0] != '\0' || b->certificate[0] != '\0' || b->is_tls12_allowed)) {
        return fail(k, "broker", name, "psk_file",
                    "[broker {}] a shared secret replaces certificates and needs TLS 1.3");
    }
    if (b->use_tls && !has_psk && b->ca[0] == '\0') {
        return fail(k, "broker", name, NULL, "[broker {}] tls needs ca");
    }
    if ((b->certificate[0] == '\0') != (b->key[0] == '\0')) {
        return fail(k, "broker", name, b->key[0] == '\0' ? "certificate" : "key",
                    "[broker {}] certificate and key go together");
    }
    if (b->mqtt == PK_BROKER_MQTT_311 && b->password_file[0] != '\0' && b->username[0] == '\0') {
        return fail(k, "broker", name, "password_file",
                    "[broker {}] MQTT 3.1.1 has no password without username");
    }
    if (b->is_hub_acked && (b->roles & PK_BROKER_INCIDENTS) == 0) {
        return fail(k, "broker", name, "hub_ack", "[broker {}] hub_ack needs the role incidents");
    }
    return b->keep_alive_ms % 1000 != 0
               ? fail(k, "broker", name, "keep_alive", "[broker {}] keep_alive is in whole seconds")
               : PK_OK;
}

static int check_brokers(const struct check *k) {
    const struct pk_config_broker *b = k->c->broker;
    const uint8_t once = PK_BROKER_INCIDENTS | PK_BROKER_COMMANDS | PK_BROKER_SUMMARY |
                         PK_BROKER_HOME_ASSISTANT | PK_BROKER_THIN_EDGE;
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        const int err = b[i].is_set ? check_broker(k, &b[i], pk_str_of(pk_config_broker_word(i))) : PK_OK;
        if (err < 0) {
            return err;
        }
    }
    return (b[0].roles & b[1].roles & once) != 0
               ? fail(k, "broker", pk_str_of("central"), "roles",
                      "[broker site] and [broker central] share a role; give each role to one")
               : PK_OK;
}

static int check_inlets(const struct check *k) {
    const char *log = pk_inlets_incomplete(&k->c->inlets);
    if (log != NULL) {
        return fail(k, "log", pk_str_of(log), NULL, "[log {}] path is missing");
    }
    const struct pk_inlet_row *twice = pk_inlets_twice(&k->c->inlets);
    if (twice != NULL) {
        k->place->section = pk_inlet_section(twice, &k->place->name);
        k->place->key = pk_str_make(NULL, 0);
        pk_diag_set1(k->diag, k->file, 1, 1, "'{}' is read already by a section before",
                     pk_str_of(twice->path));
        return PK_E_CONFIG;
    }
    return PK_OK;
}

static int check_witness(const struct check *k) {
    const struct pk_str none = pk_str_make(NULL, 0);
    struct pk_str rest = pk_str_of(k->c->witness_peers), piece;
    uint8_t bytes[16];
    bool has_socket = false;
    for (uint32_t i = 0; i < k->c->inlets.count; i++) {
        has_socket = has_socket || k->c->inlets.rows[i].kind == PK_INLET_WITNESS;
    }
    if (has_socket && (rest.n == 0 || k->c->witness_key_file[0] == '\0')) {
        return fail(k, "witness", none, NULL, "[witness] udp needs peers and key_file");
    }
    while (k->c->witness_peers[0] != '\0' && pk_str_split(&rest, ',', &piece)) {
        piece = pk_str_trim(piece);
        if (!pk_address_parse_v4(piece, bytes) && !pk_address_parse_v6(piece, bytes)) {
            const int err = fail(k, "witness", none, "peers", "");
            pk_diag_set1(k->diag, k->file, 1, 1, "'{}' is not a numeric address", piece);
            return err;
        }
    }
    return PK_OK;
}

static int check_watches(const struct check *k) {
    for (uint32_t i = 0; i < k->c->watch_count; i++) {
        const struct pk_watch *w = &k->c->watches[i];
        if (w->collector == PK_COLLECT_DISK && w->path[0] == '\0') {
            return fail(k, "disk", pk_str_of(w->name), NULL, "[disk {}] path is missing");
        }
    }
    return PK_OK;
}

static int check_maps(const struct check *k) {
    struct pk_map_error wrong;
    const int row = pk_map_incomplete(&k->c->maps, &wrong);
    if (row < 0) {
        return PK_OK;
    }
    const int err = fail(k, "map", pk_str_of(k->c->maps.rows[row].name), wrong.key, "");
    pk_diag_set1(k->diag, k->file, 1, 1, wrong.why, wrong.argument);
    return err;
}

static int check_probes(const struct check *k) {
    struct pk_probe_error wrong;
    if (pk_probes_finish(&k->c->probes, &wrong) == PK_OK) {
        return PK_OK;
    }
    *k->place = (struct pk_config_place){wrong.section, wrong.name, wrong.key};
    pk_diag_set1(k->diag, k->file, 1, 1, wrong.message, wrong.argument);
    return PK_E_CONFIG;
}

/* node_exporter reads no file that is called otherwise. */
static int check_textfile(const struct check *k) {
    const struct pk_str path = pk_str_of(k->c->textfile), end = pk_str_of(".prom");
    const bool is_good =
        path.n == 0 || (path.n > end.n && pk_str_eq_c(pk_str_make(path.p + path.n - end.n, end.n), end.p));
    return is_good ? PK_OK
                   : fail(k, "report", pk_str_make(NULL, 0), "textfile",
                          "[report] textfile ends in .prom, or nobody reads it");
}

/* A broker of the site is a way through the LAN, unless it is the only way there is. What stands at its
 * default, said or not, becomes the default of a metered link. */
static void settle_metered(struct pk_config *c) {
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        const bool is_near = i == 0 && c->broker[1].is_set;
        if (c->broker[i].metered == PK_METERED_AUTO) {
            c->broker[i].metered = is_near ? PK_METERED_NO : PK_METERED_YES;
        }
    }
    if (!c->is_metered) {
        return;
    }
    bool is_summary_free = false;
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        struct pk_config_broker *b = &c->broker[i];
        if (b->metered == PK_METERED_YES && b->keep_alive_ms == PK_CONFIG_KEEP_ALIVE_MS) {
            b->keep_alive_ms = PK_CONFIG_METERED_KEEP_ALIVE_MS;
        }
        is_summary_free =
            is_summary_free || (b->metered != PK_METERED_YES && (b->roles & PK_BROKER_SUMMARY) != 0);
    }
    if (!is_summary_free && c->summary_ms == PK_CONFIG_SUMMARY_MS) {
        c->summary_ms = PK_CONFIG_METERED_SUMMARY_MS;
    }
}

static int check_tasks(const struct check *k) {
    for (uint32_t i = 0; i < k->c->tasks.count; i++) {
        const struct pk_task_row *r = &k->c->tasks.rows[i];
        const char *lacks = pk_task_lacks(r);
        if (lacks != NULL) {
            return fail(k, "maintenance", pk_str_of(r->name), NULL, lacks);
        }
    }
    return PK_OK;
}

int pk_config_check(struct pk_config *c, const char *file, struct pk_config_place *out_place,
                    struct pk_diag *diag) {
    const struct check k = {c, file, out_place, diag};
    const struct pk_str none = {NULL, 0};
    if (c->site[0] == '\0') {
        return fail(&k, "gateway", none, NULL, "[gateway] site is missing");
    }
    if (c->gateway[0] == '\0') {
        return fail(&k, "gateway", none, NULL, "[gateway] gateway is missing");
    }
    settle_metered(c);
    int err = check_brokers(&k);
    err = err < 0 ? err : check_inlets(&k);
    err = err < 0 ? err : check_witness(&k);
    err = err < 0 ? err : check_watches(&k);
    err = err < 0 ? err : check_textfile(&k);
    err = err < 0 ? err : check_maps(&k);
    err = err < 0 ? err : check_tasks(&k);
    return err < 0 ? err : check_probes(&k);
}

/* ---- where that is ---- */

struct search {
    const struct pk_port_files *files;
    const struct pk_config_place *place;
    const char *dir;
    void *scratch;
    uint32_t scratch_bytes;
    struct pk_diag *diag;
    bool is_found;
};

static void look_in(struct search *s, const char *path) {
    const int n = s->files->read(s->files->ctx, path, s->scratch, s->scratch_bytes);
    uint32_t line = 0, column = 0;
    if (n < 0 || !pk_ini_find(pk_str_make(s->scratch, (size_t)n), s->place->section, s->place->name,
                              s->place->key, &line, &column)) {
        return;
    }
    s->is_found = true;
    s->diag->line = line;
    s->diag->column = column;
    (void)pk_str_copy_cut(pk_str_of(path), s->diag->file, sizeof s->diag->file);
}

static void look_in_extra(void *arg, const char *name) {
    struct search *s = arg;
    char path[PK_CONFIG_PATH_BYTES * 2];
    (void)pk_path_join(path, sizeof path, s->dir, name);
    /* A key holds as it was said last, a section begins where it stands first. */
    if (!s->is_found || s->place->key.n > 0) {
        look_in(s, path);
    }
}

void pk_config_dir(const char *path, char *out, uint32_t cap_bytes) {
    struct pk_str parent = pk_str_of(path);
    while (parent.n > 0 && parent.p[parent.n - 1] != '/') {
        parent.n--;
    }
    struct pk_buf b;
    pk_buf_init(&b, out, cap_bytes);
    pk_buf_put_str(&b, parent);
    pk_buf_puts(&b, "conf.d");
}

void pk_config_find_in(const struct pk_port_files *files, const char *dir, const char *suffix,
                       const struct pk_config_place *place, void *scratch, uint32_t scratch_bytes,
                       struct pk_diag *diag) {
    struct search s = {.files = files,
                       .place = place,
                       .dir = dir,
                       .scratch = scratch,
                       .scratch_bytes = scratch_bytes,
                       .diag = diag};
    (void)files->list(files->ctx, dir, suffix, look_in_extra, &s);
}

void pk_config_find(const struct pk_port_files *files, const char *path, const struct pk_config_place *place,
                    void *scratch, uint32_t scratch_bytes, struct pk_diag *diag) {
    char dir[PK_CONFIG_PATH_BYTES];
    struct search s = {.files = files,
                       .place = place,
                       .dir = dir,
                       .scratch = scratch,
                       .scratch_bytes = scratch_bytes,
                       .diag = diag};
    pk_config_dir(path, dir, sizeof dir);
    look_in(&s, path);
    (void)files->list(files->ctx, dir, ".conf", look_in_extra, &s);
}
