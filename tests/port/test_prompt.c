/* The slice asked of the scheduler, as the kernel says it back; each case in a process of its own. */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port/linux/pk_prompt.h"
#include "support/pk_test.h"

/* Bytes 24 to 31 of struct sched_attr (sched_setattr(2)). 0: a kernel before 6.12, or none that tells. */
static uint64_t slice_ns(void) {
    uint64_t words[6] = {0};
    return syscall(SYS_sched_getattr, 0, words, sizeof words, 0) == 0 ? words[3] : 0u;
}

/* What the function says in a process of its own: 0 to 100. */
static int in_a_process(int (*function)(void)) {
    const pid_t pid = fork();
    if (pid == 0) {
        _exit(function());
    }
    int status = 0;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 101;
}

enum { ALSO_THE_CHILD = 1, NOT_THE_CHILD, NOT_SHORT };

static int has_short_slice(void) {
    return slice_ns() == PK_PROMPT_SLICE_NS;
}

static int ask(void) {
    if (!pk_prompt_ask() || !has_short_slice()) {
        return NOT_SHORT;
    }
    return in_a_process(has_short_slice) == 1 ? ALSO_THE_CHILD : NOT_THE_CHILD;
}

static int ask_without_privilege(void) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
        return 100;
    }
    return ask();
}

static int nice_value(void) {
    return 20 + getpriority(PRIO_PROCESS, 0);
}

/* Of a child of a process that asked; root may have a negative one. */
static int ask_when_nice(void) {
    (void)setpriority(PRIO_PROCESS, 0, geteuid() == 0 ? -5 : 7);
    const int before = nice_value();
    (void)pk_prompt_ask();
    return nice_value() == before && in_a_process(nice_value) == before ? 1 : 0;
}

static int ask_in_batch(void) {
    const struct sched_param parameter = {0};
    if (syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &parameter) != 0) {
        return 2;
    }
    const bool asked = pk_prompt_ask();
    return asked || syscall(SYS_sched_getscheduler, 0) != SCHED_BATCH;
}

PK_TEST(slice__short_where_the_kernel_knows_slices) {
    const bool has_slices = slice_ns() != 0;
    printf("# the kernel's usual slice: %llu ns\n", (unsigned long long)slice_ns());
    CHECK_EQ_INT(in_a_process(ask), has_slices ? ALSO_THE_CHILD : NOT_SHORT);
    CHECK_EQ_INT(in_a_process(ask_without_privilege), has_slices ? ALSO_THE_CHILD : NOT_SHORT);
}

PK_TEST(nice_value__stays_and_is_inherited) {
    CHECK_EQ_INT(in_a_process(ask_when_nice), 1);
}

PK_TEST(another_policy__stays_as_somebody_chose_it) {
    CHECK_EQ_INT(in_a_process(ask_in_batch), 0);
}

PK_TEST_MAIN(slice__short_where_the_kernel_knows_slices, nice_value__stays_and_is_inherited,
             another_policy__stays_as_somebody_chose_it)
