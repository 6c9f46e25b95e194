#ifndef PK_SUPER_CONFIG_H
#define PK_SUPER_CONFIG_H
/* The few keys of picketd.conf the supervisor needs. Everything else is the agent's, which also reports
 * unknown keys; keys and defaults agree with agent/pk_config.h. */
#include "base/pk_ini.h"
#include "base/pk_inlet.h"
#include "base/pk_mode.h"
#include "port/super.h"

enum { PK_SUPER_CONFIG_PATH_BYTES = 160, PK_SUPER_CONFIG_NAME_BYTES = 33 };

struct pk_super_config {
    char state_dir[PK_SUPER_CONFIG_PATH_BYTES], run_dir[PK_SUPER_CONFIG_PATH_BYTES],
        actions_path[PK_SUPER_CONFIG_PATH_BYTES];
    char watchdog_device[PK_SUPER_CONFIG_PATH_BYTES]; /* empty: none */
    char user[PK_SUPER_CONFIG_NAME_BYTES], group[PK_SUPER_CONFIG_NAME_BYTES];
    uint8_t mode; /* enum pk_mode */
    bool is_safe_mode, is_auto_rollback, is_store_in_memory;
    uint64_t store_map_bytes;
    struct pk_inlets inlets;
};

void pk_super_config_defaults(struct pk_super_config *c);
/* Adds one text. PK_OK, or PK_E_CONFIG with *diag. */
PK_MUST_USE int pk_super_config_parse(struct pk_super_config *c, struct pk_str text, const char *file,
                                      struct pk_diag *diag);
/* PICKET_<SECTION>_<KEY> of the keys above; others are passed over. PK_OK or PK_E_CONFIG. */
PK_MUST_USE int pk_super_config_environment(struct pk_super_config *c, const char *const *environment,
                                            struct pk_diag *diag);
/* The file, conf.d beside it in byte order, the environment. Every file must be root's alone. On an error *c
 * is undefined. */
PK_MUST_USE int pk_super_config_load(struct pk_super_config *c, const char *path,
                                     const char *const *environment, void *scratch, uint32_t scratch_bytes,
                                     struct pk_diag *diag);
/* The probes of the same files, which are read once more: path, then the conf.d beside it. PK_OK or
 * PK_E_CONFIG with *diag. */
struct pk_probes;
PK_MUST_USE int pk_super_config_probes(struct pk_probes *probes, const char *path, void *scratch,
                                       uint32_t scratch_bytes, struct pk_diag *diag);
#endif
