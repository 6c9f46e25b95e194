#ifndef PK_CTL_CONF_H
#define PK_CTL_CONF_H
/* Of picketd.conf what a check of the files around it needs. The daemon's own reader judges it; this one only
 * looks. */
#include "ctl/pk_ctl.h"
#include "detect/pk_threshold.h"

enum { PK_CTL_CONF_PATH_BYTES = 256, PK_CTL_CONF_NAME_BYTES = 64, PK_CTL_CONF_WATCHED_MAX = 32 };

struct pk_ctl_watched {
    char name[PK_CTL_CONF_NAME_BYTES]; /* the source of its events */
    char path[PK_CTL_CONF_PATH_BYTES]; /* pid file or mount point; "" for a heartbeat */
    char kind;                         /* 'd' disk, 'p' process, 'h' heartbeat */
};
struct pk_ctl_conf {
    char file[PK_CTL_CONF_PATH_BYTES];
    char state[PK_CTL_CONF_PATH_BYTES], run[PK_CTL_CONF_PATH_BYTES], rules[PK_CTL_CONF_PATH_BYTES],
        keys[PK_CTL_CONF_PATH_BYTES], actions[PK_CTL_CONF_PATH_BYTES];
    char user[PK_CTL_CONF_NAME_BYTES], group[PK_CTL_CONF_NAME_BYTES];
    char tls_keys[2][PK_CTL_CONF_PATH_BYTES]; /* private keys, "" where there is none */
    uint32_t tls_key_count;
    struct pk_ctl_watched *watched; /* PK_CTL_CONF_WATCHED_MAX, the caller's; NULL = nobody asks */
    uint32_t watched_count;
    struct pk_thresholds *thresholds;           /* the caller's, with its defaults; NULL = nobody asks */
    char bad_threshold[PK_CTL_CONF_NAME_BYTES]; /* the first that could not be taken; "" = none */
};
/* The configuration of the running agent: --config, else what its supervisor was started with (the pid file
 * beside the control socket), else the default place. */
void pk_ctl_conf_find(struct pk_ctl *c, struct pk_ctl_conf *conf);
/* Reads conf->file and conf.d beside it over the defaults. PK_OK, or why the file could not be read. */
int pk_ctl_conf_read(struct pk_ctl *c, struct pk_ctl_conf *conf);
#endif
