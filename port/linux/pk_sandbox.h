#ifndef PK_SANDBOX_H
#define PK_SANDBOX_H
/* The seal: no new privileges, seccomp, Landlock. Private to port/linux and its tests; the agent calls
 * pk_platform_seal (port.h). */
#include <linux/filter.h>
#include <signal.h>
#include <stddef.h>

#include "port/port.h"

/* Landlock (up to ABI 7) restricts one thread. The seal reaches the others with this signal, so a thread made
 * before the seal must leave it unblocked; one that does not answer in PK_SANDBOX_SIGNAL_WAIT_MS costs the
 * Landlock bit. */
#define PK_SANDBOX_SIGNAL (SIGRTMIN + 5)
enum { PK_SANDBOX_SIGNAL_WAIT_MS = 200, PK_SANDBOX_FILTER_MAX = 512 };

/* Builds the filter for this ISA. Instructions, or PK_E_FULL. own_pid: the only process tgkill may name. */
int pk_sandbox_build(struct sock_filter *out, uint32_t cap_count, uint32_t own_pid);
/* Names and numbers of the allowed calls, for the test that compares them with what the program does. NULL
 * past the end. */
const char *pk_sandbox_allowed(uint32_t index, long *out_number);
#endif
