/* The seccomp program, built by hand for the ISA it runs on (Documentation/userspace-api/seccomp_filter.rst).
 * Each decision is a comparison followed by its return, so no jump is longer than the few instructions of one
 * rule. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "port/linux/pk_sandbox.h"

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_ARCH AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define OWN_ARCH AUDIT_ARCH_RISCV64
#elif defined(__mips__) && !defined(__mips64) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_ARCH AUDIT_ARCH_MIPSEL
#elif defined(__mips__) && !defined(__mips64)
#define OWN_ARCH AUDIT_ARCH_MIPS
#else
#define OWN_ARCH 0
#endif

/* Numbers from here on are the x32 ABI's, which would get around the comparisons. */
#define X32_FIRST 0x40000000u

struct program {
    struct sock_filter *p;
    uint32_t cap_count, n;
    uint32_t kill;
};

static void put(struct program *b, uint16_t code, uint32_t k, uint8_t if_true, uint8_t if_false) {
    if (b->n < b->cap_count) {
        b->p[b->n] = (struct sock_filter){.code = code, .jt = if_true, .jf = if_false, .k = k};
    }
    b->n++;
}

static void load(struct program *b, size_t offset) {
    put(b, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* Low 32 bits of an argument: every one we look at is an int in the kernel, which ignores the rest. */
static void load_argument(struct program *b, unsigned index) {
    const size_t high_first = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(uint32_t) : 0;
    load(b, offsetof(struct seccomp_data, args) + index * sizeof(uint64_t) + high_first);
}

static void end(struct program *b, uint32_t action) {
    put(b, BPF_RET | BPF_K, action, 0, 0);
}

/* Skips `skipped` instructions unless the accumulator is `value`. */
static void if_equal(struct program *b, uint32_t value, uint8_t skipped) {
    put(b, BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped);
}

static void if_any_bit(struct program *b, uint32_t bits, uint8_t skipped) {
    put(b, BPF_JMP | BPF_JSET | BPF_K, bits, 0, skipped);
}

static uint32_t refused(int error) {
    return SECCOMP_RET_ERRNO | ((uint32_t)error & SECCOMP_RET_DATA);
}

static void rule_call(struct program *b, long number, uint32_t action) {
    if_equal(b, (uint32_t)number, 1);
    end(b, action);
}

/* Executable or anonymous memory is how injected code is born; any other mapping is not needed any more. */
static void rule_mmap(struct program *b, long number) {
    if_equal(b, (uint32_t)number, 7);
    load_argument(b, 2);
    if_any_bit(b, PROT_EXEC, 1);
    end(b, b->kill);
    load_argument(b, 3);
    if_any_bit(b, MAP_ANONYMOUS, 1);
    end(b, b->kill);
    end(b, refused(ENOSYS));
}

static void rule_mprotect(struct program *b, long number) {
    if_equal(b, (uint32_t)number, 4);
    load_argument(b, 2);
    if_any_bit(b, PROT_EXEC, 1);
    end(b, b->kill);
    end(b, refused(ENOSYS));
}

/* Allowed when an argument has one of two values. */
static void rule_argument(struct program *b, long number, unsigned index, uint32_t first, uint32_t second,
                          int error) {
    if_equal(b, (uint32_t)number, 6);
    load_argument(b, index);
    if_equal(b, first, 1);
    end(b, SECCOMP_RET_ALLOW);
    if_equal(b, second, 1);
    end(b, SECCOMP_RET_ALLOW);
    end(b, refused(error));
}

static void put_rules(struct program *b, uint32_t own_pid) {
    long number = 0;
    for (uint32_t i = 0; pk_sandbox_allowed(i, &number) != NULL; i++) {
        rule_call(b, number, SECCOMP_RET_ALLOW);
    }
    for (uint32_t i = 0; pk_sandbox_killer(i, &number); i++) {
        rule_call(b, number, b->kill);
    }
#ifdef SYS_mmap2
    rule_mmap(b, SYS_mmap2);
#endif
#ifdef SYS_mmap
    rule_mmap(b, SYS_mmap);
#endif
    rule_mprotect(b, SYS_mprotect);
#ifdef SYS_pkey_mprotect
    rule_mprotect(b, SYS_pkey_mprotect);
#endif
    rule_argument(b, SYS_madvise, 2, MADV_DONTNEED, MADV_DONTNEED, ENOSYS);
    rule_argument(b, SYS_socket, 0, AF_INET, AF_INET6, EACCES);
    rule_argument(b, SYS_tgkill, 0, own_pid, own_pid, EPERM);
}

int pk_sandbox_build(enum pk_sandbox_for who, struct sock_filter *out, uint32_t cap_count, uint32_t own_pid,
                     uint32_t kill_action) {
    struct program b = {.p = out, .cap_count = cap_count, .n = 0, .kill = kill_action};
    if (OWN_ARCH == 0) {
        return PK_E_UNSUPPORTED;
    }
    load(&b, offsetof(struct seccomp_data, arch));
    put(&b, BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCH, 1, 0);
    end(&b, kill_action); /* the numbers of another ISA mean other calls */
    load(&b, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    put(&b, BPF_JMP | BPF_JGE | BPF_K, X32_FIRST, 0, 1);
    end(&b, refused(ENOSYS));
#endif
    if (who == PK_SANDBOX_RESOLVER) {
        rule_call(&b, SYS_bind, SECCOMP_RET_ALLOW);
    }
    put_rules(&b, own_pid);
    /* What libc tries because it is newer than the kernel or than this list must find its way back. */
    end(&b, refused(ENOSYS));
    return b.n <= cap_count ? (int)b.n : PK_E_FULL;
}
