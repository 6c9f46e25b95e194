/* picketd: one binary, the role says which process this is. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "pk_limits.h"
#include "roles/pk_roles.h"
#include "roles/pk_say.h"

/* One record to whoever keeps our stderr, without a library that could be what is broken; the supervisor
 * restarts. */
_Noreturn void pk_panic(const char *file, int line) {
    char text[256];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "<2>picketd: assertion failed: ");
    pk_buf_puts(&b, file);
    pk_buf_putc(&b, ':');
    pk_buf_put_u64(&b, (uint64_t)line);
    pk_buf_puts(&b, " of " PK_VERSION "\n");
    if (write(STDERR_FILENO, b.p, b.n) < 0) {
        _exit(70);
    }
    abort();
}

static int run_task(const struct pk_options *o) {
    switch (o->task) {
    case PK_TASK_RUN:
        return pk_supervisor_main(o);
    case PK_TASK_CHECK_CONFIG: {
        /* What the supervisor would refuse at the start too, such as a file others may write; whoever is not
         * root checks the text only. */
        const int code = geteuid() == 0 ? pk_supervisor_check(o) : PK_EXIT_OK;
        return code == PK_EXIT_OK ? pk_agent_check_config(o) : code;
    }
    case PK_TASK_MEMORY:
        return pk_agent_memory(o);
    case PK_TASK_SELFTEST:
        return pk_agent_selftest(o);
    case PK_TASK_DUMP_STATE:
        return pk_dump_state_main(o);
    case PK_TASK_VERSION:
        (void)pk_say(STDOUT_FILENO, "picketd " PK_VERSION ", board " PK_BOARD "\n", NULL);
        return PK_EXIT_OK;
    case PK_TASK_HELP:
        (void)pk_say(STDOUT_FILENO, pk_options_usage(), NULL);
        return PK_EXIT_OK;
    }
    return PK_EXIT_USAGE;
}

static int run_process(const struct pk_options *o) {
    switch (o->process) {
    case PK_PROCESS_SUPERVISOR:
        return run_task(o);
    case PK_PROCESS_AGENT:
        return pk_agent_role_main(o);
    case PK_PROCESS_CHECK_STORE:
        return pk_check_store_main(o);
    case PK_PROCESS_MOVE_STORE:
        return pk_move_store_main(o);
    case PK_PROCESS_CHECK_CONFIG:
        return pk_agent_try_config(o);
    case PK_PROCESS_RESOLVE:
        return pk_resolve_main(o);
    case PK_PROCESS_CLEAN:
        return pk_clean_main(o);
    case PK_PROCESS_PROBE:
        return pk_probe_main();
    case PK_PROCESS_COUNT:
        break;
    }
    return PK_EXIT_USAGE;
}

int main(int argc, char **argv) {
    struct pk_options options;
    char text[200];
    struct pk_buf error;
    extern char **environ;
    pk_buf_init(&error, text, sizeof text);
    if (pk_options_parse(&options, argc, argv, (const char *const *)environ, &error) != PK_OK) {
        (void)pk_say(STDERR_FILENO, "picketd: ", text, "\n", pk_options_usage(), NULL);
        return PK_EXIT_USAGE;
    }
    return run_process(&options);
}
