#include "ctl/pk_ctl_reference.h"

#include <stdio.h>
#include <string.h>

#include "ctl/pk_ctl_commands.h"
#include "support/pk_test.h"

static bool has(const struct pk_ctl_text *t, const char *words) {
    const size_t n = strlen(words);
    for (size_t i = 0; i + n <= t->n; i++) {
        if (memcmp(t->p + i, words, n) == 0) {
            return true;
        }
    }
    return false;
}

PK_TEST(reference__names_every_command_and_option) {
    struct pk_ctl_text t = {0};
    char heading[96];
    pk_ctl_reference(&t);
    for (unsigned i = PK_CTL_GLOBAL + 1; i < PK_CTL_COMMAND_COUNT; i++) {
        uint32_t count = 0;
        const struct pk_ctl_option *rows = pk_ctl_options((enum pk_ctl_command_id)i, &count);
        (void)snprintf(heading, sizeof heading, "\n### %s\n",
                       pk_ctl_command((enum pk_ctl_command_id)i)->words);
        CHECK(has(&t, heading));
        for (uint32_t k = 0; k < count; k++) {
            if ((rows[k].flags & PK_CTL_POSITIONAL) == 0) {
                const struct pk_str name = pk_ctl_option_name(&rows[k]);
                (void)snprintf(heading, sizeof heading, "`--%.*s", (int)name.n, name.p);
                CHECK(has(&t, heading));
            }
        }
    }
    CHECK(has(&t, "# picketctl\n") && has(&t, "| 4 | needs approval |"));
    CHECK(has(&t, "| `--note TEXT`, `--notes TEXT` | note for the timeline |\n"));
    pk_ctl_text_free(&t);
}

PK_TEST_MAIN(reference__names_every_command_and_option)
