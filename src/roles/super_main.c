#include <limits.h>
#include <unistd.h>

#include "roles/pk_roles.h"
#include "roles/pk_say.h"
#include "roles/pk_supervisor.h"

/* Too big for the stack; one per process. */
static struct pk_supervisor the_supervisor;

static int fail(int err, const char *text) {
    (void)pk_say(STDERR_FILENO, "<3>picketd: ", text, "\n", NULL);
    return err == PK_E_CONFIG ? PK_EXIT_DAEMON_CONFIG : PK_EXIT_FAILED;
}

static struct pk_super_platform_config platform_config(const struct pk_supervisor *s) {
    return (struct pk_super_platform_config){
        .exe_path = "/proc/self/exe", /* the very file we run, also when an upgrade has replaced its name */
        .config_path = s->config_path,
        .state_dir = s->config.state_dir,
        .run_dir = s->config.run_dir,
        .is_memory_wanted = s->config.is_store_in_memory,
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
    if (pk_supervisor_load(&the_supervisor, options->config_path, options->environment, &diag) != PK_OK) {
        pk_diag_format(&diag, &b);
        return fail(PK_E_CONFIG, text);
    }
    const struct pk_super_platform_config config = platform_config(&the_supervisor);
    return pk_super_platform_check(&config, &b) == PK_OK ? PK_EXIT_OK : fail(PK_E_CONFIG, text);
}

/* The roles start in "/": a relative path would mean another file to them. */
static const char *absolute(const char *path, char *out, uint32_t cap_bytes) {
    char folder[PATH_MAX];
    if (path[0] == '/' || getcwd(folder, sizeof folder) == NULL) {
        return path;
    }
    return pk_path_join(out, cap_bytes, folder, path) == PK_OK ? out : path;
}

int pk_supervisor_main(const struct pk_options *options) {
    struct pk_supervisor *s = &the_supervisor;
    struct pk_diag diag;
    static char config_path[PATH_MAX]; /* the supervisor reads it again at each reload */
    char text[320];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    int err = pk_supervisor_load(s, absolute(options->config_path, config_path, sizeof config_path),
                                 options->environment, &diag);
    if (err != PK_OK) {
        pk_diag_format(&diag, &b);
        return fail(err, text);
    }
    const struct pk_super_platform_config config = platform_config(s);
    struct pk_port_super port;
    err = pk_super_platform_open(&config, &port, &b);
    if (err != PK_OK) {
        return fail(err, text);
    }
    pk_supervisor_start(s, &port);
    while (s->state != PK_SUPER_DONE) {
        const uint32_t ready = port.wait(port.ctx, pk_supervisor_until_ms(s), pk_supervisor_wanted(s));
        pk_supervisor_step(s, ready);
    }
    pk_super_platform_close(&port);
    return s->exit_code;
}
