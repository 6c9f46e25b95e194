/* picketctl: the program around pk_ctl_run(). */
#include <stdlib.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "ctl/pk_ctl.h"

_Noreturn void pk_panic(const char *file, int line) {
    char text[256];
    struct pk_buf b;
    pk_buf_init(&b, text, sizeof text);
    pk_buf_puts(&b, "picketctl: bug at ");
    pk_buf_puts(&b, file);
    pk_buf_putc(&b, ':');
    pk_buf_put_u64(&b, line > 0 ? (uint64_t)line : 0);
    pk_buf_puts(&b, " of " PK_VERSION "\n");
    const ssize_t ignored = write(STDERR_FILENO, b.p, b.n);
    (void)ignored;
    abort();
}

int main(int argc, char **argv) {
    static struct pk_ctl ctl;
    const char *no_colour = getenv("NO_COLOR");
    ctl.in_fd = STDIN_FILENO;
    ctl.out_fd = STDOUT_FILENO;
    ctl.err_fd = STDERR_FILENO;
    ctl.socket_env = getenv("PICKET_SOCKET");
    ctl.no_colour = no_colour != NULL && no_colour[0] != '\0';
    return pk_ctl_run(&ctl, argc > 0 ? argc - 1 : 0, argv + 1);
}
