/* Interfaces: errors, drops, and whether a cable or an access point is there. */
#include <string.h>

#include "port/linux/pk_collect.h"
#include "port/linux/pk_dir.h"

static const char folder[] = "class/net";

/* Ends of pipes inside this machine come and go with containers. */
static bool is_inner(const char *name) {
    return strcmp(name, "lo") == 0 || strncmp(name, "veth", 4) == 0 || strncmp(name, "ifb", 3) == 0;
}

/* Interfaces that stand for a cable or a radio: made by a driver, or called as such are (a container has its
 * eth0 from a pipe). */
static bool is_link(const struct pk_source *s, const char *name) {
    static const char *const prefixes[] = {"eth", "en", "wl", "ww", "usb", "ppp"};
    char path[PK_COLLECT_PATH_BYTES], text[PK_COLLECT_TEXT_BYTES];
    struct pk_str content;
    for (uint32_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return pk_collect_path(path, s->sys_root, folder, name, "device/uevent") &&
           pk_collect_text(path, text, &content) != PK_E_NOT_FOUND;
}

/* Both directions of "errors" or "dropped". */
static void count_both(struct pk_source *s, struct pk_collect_out *o, const char *name, const char *type,
                       const char *rx, const char *tx) {
    char path[PK_COLLECT_PATH_BYTES];
    int64_t in = 0, sent = 0;
    if (!pk_collect_path(path, s->sys_root, folder, name, rx)) {
        return;
    }
    int err = pk_collect_number(path, &in);
    if (err == PK_OK && pk_collect_path(path, s->sys_root, folder, name, tx)) {
        err = pk_collect_number(path, &sent);
    }
    if (err == PK_E_NOT_FOUND) {
        return; /* it went away meanwhile */
    }
    err = err == PK_OK && (in < 0 || sent < 0) ? PK_E_BAD_MSG : err;
    pk_collect_count(s, PK_COLLECT_NETWORK, o, type, name, (uint64_t)in + (uint64_t)sent, err);
}

static struct pk_source_link *find_link(struct pk_source *s, const char *name) {
    for (uint32_t i = 0; i < PK_SOURCE_LINKS; i++) {
        if (strcmp(s->links[i].name, name) == 0) {
            return &s->links[i];
        }
    }
    return NULL;
}

/* A port that never had a carrier is not used, and not missed. */
static void look_at_carrier(struct pk_source *s, const char *name, struct pk_collect_out *o) {
    char path[PK_COLLECT_PATH_BYTES];
    int64_t carrier = 0;
    if (!is_link(s, name) || !pk_collect_path(path, s->sys_root, folder, name, "carrier")) {
        return;
    }
    /* Reading fails while the interface is switched off: no carrier either. */
    const bool has_carrier = pk_collect_number(path, &carrier) == PK_OK && carrier == 1;
    struct pk_source_link *l = find_link(s, name);
    if (l == NULL && has_carrier) {
        l = find_link(s, "");
        if (l == NULL || pk_str_copy(pk_str_of(name), l->name, sizeof l->name) < 0) {
            return;
        }
    }
    if (l != NULL) {
        l->is_there = true;
        pk_collect_add(o, "link_up", name, has_carrier ? 1.0 : 0.0, PK_OK);
    }
}

int pk_collect_network(struct pk_source *s, struct pk_sample *out, uint32_t cap_count) {
    struct pk_collect_out o = {.p = out, .cap_count = cap_count, .n = 0};
    char path[PK_COLLECT_PATH_BYTES];
    struct pk_dir_walk walk;
    const char *name;
    if (!pk_collect_path(path, s->sys_root, folder, NULL, NULL) || pk_dir_open(&walk, path) != PK_OK) {
        return PK_E_UNSUPPORTED;
    }
    pk_collect_round(s, PK_COLLECT_NETWORK);
    for (uint32_t i = 0; i < PK_SOURCE_LINKS; i++) {
        s->links[i].is_there = false;
    }
    for (uint32_t i = 0; i < PK_COLLECT_ENTRIES_MAX && (name = pk_dir_next(&walk)) != NULL; i++) {
        if (is_inner(name) || !pk_text_is_id(pk_str_of(name), "_.:@-", PK_SOURCE_LINK_BYTES - 1u)) {
            continue;
        }
        count_both(s, &o, name, "net_errors", "statistics/rx_errors", "statistics/tx_errors");
        count_both(s, &o, name, "net_drops", "statistics/rx_dropped", "statistics/tx_dropped");
        look_at_carrier(s, name, &o);
    }
    pk_dir_close(&walk);
    for (uint32_t i = 0; i < PK_SOURCE_LINKS; i++) {
        if (s->links[i].name[0] != '\0' && !s->links[i].is_there) {
            pk_collect_add(&o, "link_up", s->links[i].name, 0.0, PK_OK); /* fell off its bus */
        }
    }
    pk_collect_round_end(s, PK_COLLECT_NETWORK);
    return (int)o.n;
}
