/* Configuration, actions, rules, patterns and keys: read whole into spare places, then taken together or not
 * at all. */
#include <string.h>

#include "agent/pk_agent_priv.h"
#include "base/pk_hash.h"

/* Rule files must all be in memory for the check; they share the reply scratch behind the part that reads one
 * file. */
enum { RULE_NAME_BYTES = 64 };
_Static_assert(PK_FILES_LIST_MAX * 64u <= PK_LIMIT_PAYLOAD_BYTES,
               "the names of all rule files fit the scratch");
struct rule_files {
    struct pk_agent *a;
    const char *dir;
    struct pk_rule_file files[PK_FILES_LIST_MAX];
    char (*names)[RULE_NAME_BYTES]; /* in the payload scratch */
    uint32_t count, used_bytes;
    struct pk_diag *diag;
    int err;
};

static void read_rule_file(void *arg, const char *name) {
    struct rule_files *r = arg;
    struct pk_agent *a = r->a;
    char path[PK_CONFIG_PATH_BYTES * 2];
    if (r->err < 0) {
        return;
    }
    (void)pk_path_join(path, sizeof path, r->dir, name);
    char *to = a->reply + r->used_bytes;
    const int n =
        a->port->files.read(a->port->files.ctx, path, to, (uint32_t)sizeof a->reply - r->used_bytes);
    if (n < 0) {
        pk_diag_set1(r->diag, path, 1, 1,
                     n == PK_E_TOO_BIG ? "the rule files together are larger than this board reads"
                                       : "cannot be read: {}",
                     pk_str_of(pk_err_text(n)));
        r->err = PK_E_CONFIG;
        return;
    }
    (void)pk_str_copy_cut(pk_str_of(name), r->names[r->count], sizeof r->names[r->count]);
    r->files[r->count] =
        (struct pk_rule_file){.name = r->names[r->count], .text = pk_str_make(to, (size_t)n)};
    r->count++;
    r->used_bytes += (uint32_t)n;
}

/* An action that actions.conf or a shipped rule has. */
static bool is_action_known(const struct pk_agent *a, const struct pk_action_table *actions,
                            struct pk_str name) {
    bool is_known = pk_actions_find(actions, name) >= 0;
    for (uint32_t i = 0; i < pk_engine_rule_count(&a->engine) && !is_known; i++) {
        const struct pk_rule *r = pk_engine_rule(&a->engine, i);
        for (uint8_t k = 0; k < r->action_count && !r->is_own; k++) {
            is_known = is_known || pk_str_eq(pk_engine_str(&a->engine, r, r->actions[k]), name);
        }
    }
    return is_known;
}

/* A warning: actions.conf may come later than the rule. */
static void warn_action(struct pk_agent *a, const struct pk_action_table *actions, const char *path,
                        const struct pk_ini_item *item, struct pk_str name) {
    const char *words[PK_LIMIT_ACTIONS];
    char text[200];
    struct pk_buf b;
    struct pk_diag where;
    for (uint32_t i = 0; i < actions->count; i++) {
        words[i] = actions->rows[i].name;
    }
    const char *near = pk_text_suggest(name, words, actions->count);
    pk_diag_set1(&where, path, item->value_line, item->value_column + (uint32_t)(name.p - item->value.p),
                 "actions.conf has no action '{}'", name);
    pk_buf_init(&b, text, sizeof text);
    pk_diag_format(&where, &b);
    if (near != NULL) {
        pk_buf_puts(&b, "; did you mean '");
        pk_buf_puts(&b, near);
        pk_buf_puts(&b, "'?");
    }
    pk_agent_log(a, PK_LOG_WARNING, text);
}

struct action_check {
    struct pk_agent *a;
    const struct pk_action_table *actions;
    const char *dir;
};

/* Rule files are read once more: what holds them all while they are loaded is deep enough on the stack. */
static void check_actions(void *arg, const char *name) {
    const struct action_check *k = arg;
    struct pk_agent *a = k->a;
    char path[PK_CONFIG_PATH_BYTES * 2];
    struct pk_ini_reader ini;
    struct pk_ini_item item;
    (void)pk_path_join(path, sizeof path, k->dir, name);
    const int n = a->port->files.read(a->port->files.ctx, path, a->reply, sizeof a->reply);
    if (n < 0) {
        return; /* it was there a moment ago, and what it said is loaded */
    }
    pk_ini_init(&ini, a->reply, (uint32_t)n);
    while (pk_ini_next(&ini, &item) == PK_OK && item.kind != PK_INI_END) {
        const bool is_list = item.kind == PK_INI_PAIR && (pk_str_eq_c(item.key, "actions") ||
                                                          pk_str_eq_c(item.key, "remediation_actions"));
        struct pk_str rest = is_list ? item.value : pk_str_make(NULL, 0);
        struct pk_str piece;
        while (is_list && pk_str_split(&rest, ',', &piece)) {
            const struct pk_str action = pk_str_trim(piece);
            if (!is_action_known(a, k->actions, action)) {
                warn_action(a, k->actions, path, &item, action);
            }
        }
    }
}

static int load_rules(struct pk_agent *a, const struct pk_config *c, struct pk_diag *diag) {
    struct rule_files r = {.a = a,
                           .dir = c->rules_dir,
                           .names = (char(*)[RULE_NAME_BYTES])a->payload,
                           .diag = diag,
                           .err = PK_OK};
    const struct pk_port_files *f = &a->port->files;
    const int err = f->list(f->ctx, c->rules_dir, ".rules", read_rule_file, &r);
    if (r.err < 0) {
        return r.err;
    }
    if (err < 0 && err != PK_E_NOT_FOUND) {
        pk_diag_set1(diag, c->rules_dir, 1, 1, "cannot be listed: {}", pk_str_of(pk_err_text(err)));
        return PK_E_CONFIG;
    }
    int loaded = PK_OK;
    for (uint32_t i = 0; i < r.count && loaded == PK_OK; i++) {
        loaded = pk_agent_types_fit(a, r.files[i].name, r.files[i].text, diag);
    }
    if (loaded == PK_OK) {
        loaded = pk_engine_load(&a->engine, &PK_SHIPPED_RULES, r.files, r.count,
                                a->port->clock.mono_ms(a->port->clock.ctx), diag);
    }
    for (uint32_t i = 0; i < r.count && loaded < 0; i++) {
        if (strcmp(diag->file, r.files[i].name) == 0 &&
            strlen(c->rules_dir) + strlen(diag->file) + 1u < sizeof diag->file) {
            (void)pk_path_join(diag->file, sizeof diag->file, c->rules_dir, r.files[i].name);
        }
    }
    return loaded;
}

static int load_actions(struct pk_agent *a, const struct pk_config *c, struct pk_action_table *into,
                        struct pk_diag *diag) {
    pk_actions_init(into);
    const int n = a->port->files.read(a->port->files.ctx, c->actions_path, a->reply, sizeof a->reply);
    if (n < 0 && n != PK_E_NOT_FOUND) {
        pk_diag_set1(diag, c->actions_path, 1, 1, "cannot be read: {}", pk_str_of(pk_err_text(n)));
        return PK_E_CONFIG;
    }
    int err = PK_OK;
    if (n > 0) {
        err = pk_actions_parse(into, pk_str_make(a->reply, (size_t)n), c->actions_path, diag);
    }
    return err < 0 ? err : pk_actions_finish(into, c->actions_path, diag);
}

/* Not there: nothing is known to depend on anything. */
static int load_topology(struct pk_agent *a, const struct pk_config *c, struct pk_topology *into,
                         struct pk_diag *diag) {
    pk_topology_init(into);
    const int n = a->port->files.read(a->port->files.ctx, c->topology_path, a->reply, sizeof a->reply);
    if (n == PK_E_NOT_FOUND) {
        return PK_OK;
    }
    if (n < 0) {
        pk_diag_set1(diag, c->topology_path, 1, 1, "cannot be read: {}", pk_str_of(pk_err_text(n)));
        return PK_E_CONFIG;
    }
    const int err = pk_topology_parse(into, pk_str_make(a->reply, (size_t)n), c->topology_path, diag);
    pk_topology_finish(into);
    return err;
}

/* The broker calls a gateway offline when its will is due or its session ends, whichever is first; one that
 * is on its way back then alarms people for nothing. */
static void warn_will(struct pk_agent *a) {
    for (uint32_t i = 0; i < PK_LINKS; i++) {
        const struct pk_config_broker *b = &a->config.broker[i];
        const uint32_t back_ms = b->reconnect_first_ms + PK_LINK_CONNECT_TIMEOUT_MS;
        if (b->is_set && (b->will_delay_ms < back_ms || b->session_expiry_ms < back_ms)) {
            pk_agent_log1(a, PK_LOG_WARNING,
                          "a short cut alarms: will_delay or session_expiry is below reconnect_first + 20s",
                          pk_str_of(pk_config_broker_word(i)));
        }
    }
}

/* Nobody could say what the hub has: all is kept, and sent again and again, up to the cap. */
static void warn_hub_key(struct pk_agent *a, const struct pk_keys *keys) {
    bool has_hub = !a->config.broker[0].is_hub_acked && !a->config.broker[1].is_hub_acked;
    for (uint32_t i = 0; i < keys->count; i++) {
        has_hub = has_hub || keys->items[i].role == PK_ROLE_HUB;
    }
    if (!has_hub) {
        pk_agent_log(a, PK_LOG_WARNING, "hub_ack, but no key of role hub: no report counts as arrived");
    }
}

/* Ids, topics, the store and the sockets hang on these: what the files say now is for the next start. */
static void keep_start_values(struct pk_agent *a, struct pk_config *c) {
    const struct pk_config *now = &a->config;
    const bool is_same = strcmp(c->site, now->site) == 0 && strcmp(c->gateway, now->gateway) == 0 &&
                         strcmp(c->state_dir, now->state_dir) == 0 && strcmp(c->run_dir, now->run_dir) == 0 &&
                         c->store_map_bytes == now->store_map_bytes &&
                         c->store_keep_free_bytes == now->store_keep_free_bytes &&
                         c->is_store_in_memory == now->is_store_in_memory;
    if (is_same) {
        return;
    }
    pk_agent_log(
        a, PK_LOG_WARNING,
        "site, gateway, [paths] state and run, [store] memory, map and keep_free change with the next start");
    memcpy(c->site, now->site, sizeof c->site);
    memcpy(c->gateway, now->gateway, sizeof c->gateway);
    memcpy(c->state_dir, now->state_dir, sizeof c->state_dir);
    memcpy(c->run_dir, now->run_dir, sizeof c->run_dir);
    c->store_map_bytes = now->store_map_bytes;
    c->store_keep_free_bytes = now->store_keep_free_bytes;
    c->is_store_in_memory = now->is_store_in_memory;
}

/* Writes only where they differ: what a configuration does not use stays memory that was never touched. */
static void swap(void *x, void *y, size_t n) {
    uint8_t kept[256];
    size_t piece = sizeof kept;
    for (size_t at = 0; at < n; at += piece) {
        piece = n - at < sizeof kept ? n - at : sizeof kept;
        if (memcmp((uint8_t *)x + at, (uint8_t *)y + at, piece) == 0) {
            continue;
        }
        memcpy(kept, (uint8_t *)x + at, piece);
        memcpy((uint8_t *)x + at, (uint8_t *)y + at, piece);
        memcpy((uint8_t *)y + at, kept, piece);
    }
}

/* Rules come last: they are checked and swapped in one step, and everything before them only filled spares.
 */
int pk_agent_load(struct pk_agent *a, const char *path, const char *const *environment,
                  struct pk_diag *diag) {
    struct pk_config *c = &a->config_spare;
    struct pk_action_table *actions = &a->actions[a->actions_index ^ 1u];
    struct pk_keys *keys = &a->keys[a->keys_index ^ 1u];
    a->maps.leaves_old = false;
    int err = pk_config_load(c, &a->port->files, path, environment, a->reply, sizeof a->reply, diag);
    if (err == PK_OK) {
        err = load_actions(a, c, actions, diag);
    }
    if (err == PK_OK) {
        err = load_topology(a, c, &a->topology[a->topology_index ^ 1u], diag);
    }
    pk_keys_init(keys);
    if (err == PK_OK) {
        err = pk_keys_load(keys, &a->port->files, c->keys_dir, a->reply, sizeof a->reply, diag);
    }
    if (err == PK_OK) {
        err = pk_agent_patterns_read(a, c, path, diag);
    }
    const uint32_t types_before = a->intake.types.count;
    if (err == PK_OK) {
        a->engine.rules.thresholds = &c->thresholds;
        err = pk_agent_types_check(a, c, path, diag);
        err = err < 0 ? err : load_rules(a, c, diag);
        a->engine.rules.thresholds = &a->config.thresholds; /* which are the new ones in a moment, or hold */
    }
    pk_types_cut(&a->intake.types, types_before);
    if (err < 0) {
        return PK_E_CONFIG;
    }
    struct action_check check = {.a = a, .actions = actions, .dir = c->rules_dir};
    (void)a->port->files.list(a->port->files.ctx, c->rules_dir, ".rules", check_actions, &check);
    if (a->now.boot != 0) {
        keep_start_values(a, c);
    }
    swap(&a->config, c, sizeof *c); /* the spare one has what held before */
    warn_will(a);
    a->actions_index ^= 1u;
    pk_agent_keys_apply(a, keys);
    a->keys_index ^= 1u;
    warn_hub_key(a, keys);
    a->topology_index ^= 1u;
    pk_agent_patterns_take(a);
    a->command_config.keys = keys;
    a->config_path = path;
    a->environment = environment;
    pk_agent_rules_changed(a);
    if (a->now.boot != 0) { /* running: hand the new tables on */
        pk_respond_set_actions(&a->respond, actions, &a->now);
        pk_correlate_rebind(&a->incidents, pk_agent_topology(a));
        pk_respond_set_topology(&a->respond, pk_agent_topology(a));
        a->mode = pk_agent_mode_allowed(a);
        pk_agent_switches_apply(a);
    }
    return PK_OK;
}
