/* sched_setattr(2) and sched_getattr(2) by number: musl has no wrappers. */
#include "port/linux/pk_prompt.h"

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* struct sched_attr of the kernel's ABI in its first version, 48 bytes (sched_setattr(2)). */
struct attributes {
    uint32_t size_bytes;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns; /* of a task of the usual policy: its slice */
    uint64_t deadline_ns;
    uint64_t period_ns;
};
_Static_assert(sizeof(struct attributes) == 48, "the kernel's ABI");
enum { POLICY_OTHER = 0 };

bool pk_prompt_ask(void) {
    struct attributes a = {0};
    if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) != 0 || a.policy != POLICY_OTHER) {
        return false;
    }
    a.size_bytes = sizeof a;
    a.runtime_ns = PK_PROMPT_SLICE_NS;
    return syscall(SYS_sched_setattr, 0, &a, 0) == 0;
}
