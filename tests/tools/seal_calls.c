/* Prints the calls the seal of this ISA allows, "number name" a line. Run under qemu-user by test_seal_calls.
 */
#include <stdio.h>

#include "port/linux/pk_sandbox.h"

int main(void) {
    long number = 0;
    const char *name;
    for (uint32_t i = 0; (name = pk_sandbox_allowed(i, &number)) != NULL; i++) {
        (void)printf("%ld %s\n", number, name);
    }
    /* Looked at by their arguments. */
    (void)printf("-1 madvise\n-1 socket\n-1 tgkill\n");
    return 0;
}
