#include <stdio.h>
#include <stdlib.h>

#include "roles/pk_roles.h"
#include "roles/pk_supervisor.h"

/* Too big for the stack; one per process. */
static struct pk_supervisor the_supervisor;

static int fail(int err, const char *text) {
    (void)fprintf(stderr, "<3>picketd: %s\n", text);
    return err == PK_E_CONFIG ? PK_EXIT_CONFIG : PK_EXIT_FAILED;
}

static struct pk_super_platform_config platform_config(const struct pk_supervisor *s) {
    return (struct pk_super_platform_config){
        .exe_path = "/proc/self/exe", /* the very file we run, also when an upgrade has replaced its name */
        .config_path = s->config_path,
        .state_dir = s->config.state_dir,
        .run_dir = s->config.run_dir,
        .user = s->config.user,
        .group = s->config.group,
        .watchdog_device = s->config.watchdog_device,
        .environment = s->environment,
    };
}

int pk_supervisor_check(const struct pk_options *options) {
    struct pk_diag diag;
    char text[320];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    if (pk_supervisor_load(&the_supervisor, options->config_path, options->environment, &diag) == PK_OK) {
        return PK_EXIT_OK;
    }
    pk_diag_format(&diag, &b);
    return fail(PK_E_CONFIG, text);
}

int pk_supervisor_main(const struct pk_options *options) {
    struct pk_supervisor *s = &the_supervisor;
    struct pk_diag diag;
    char text[320];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    /* The roles start in "/": a relative path would mean another file to them. */
    char *config_path = realpath(options->config_path, NULL);
    int err = pk_supervisor_load(s, config_path != NULL ? config_path : options->config_path,
                                 options->environment, &diag);
    if (err != PK_OK) {
        pk_diag_format(&diag, &b);
        free(config_path);
        return fail(err, text);
    }
    const struct pk_super_platform_config config = platform_config(s);
    struct pk_port_super port;
    err = pk_super_platform_open(&config, &port, &b);
    if (err != PK_OK) {
        free(config_path);
        return fail(err, text);
    }
    pk_supervisor_start(s, &port);
    while (s->state != PK_SUPER_DONE) {
        const uint32_t ready = port.wait(port.ctx, pk_supervisor_until_ms(s), pk_supervisor_wanted(s));
        pk_supervisor_step(s, ready);
    }
    pk_super_platform_close(&port);
    free(config_path);
    return s->exit_code;
}
