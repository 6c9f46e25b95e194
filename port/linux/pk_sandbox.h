#ifndef PK_SANDBOX_H
#define PK_SANDBOX_H
/* The seal: no new privileges, seccomp, Landlock. Private to port/linux and its tests; the agent calls
 * pk_platform_seal (port.h). */
#include <linux/filter.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "port/port.h"

/* Landlock (up to ABI 7) restricts one thread. The seal reaches the others with this signal, so a thread made
 * before the seal must leave it unblocked; one that does not answer in PK_SANDBOX_SIGNAL_WAIT_MS costs the
 * Landlock bit. In the middle of a flush to a slow card no thread answers. */
#define PK_SANDBOX_SIGNAL (SIGRTMIN + 5)
enum { PK_SANDBOX_SIGNAL_WAIT_MS = 3000, PK_SANDBOX_FILTER_MAX = 512 };

/* The resolver's sockets take a port of their own before they ask (bind); the agent's never do. */
enum pk_sandbox_for { PK_SANDBOX_AGENT, PK_SANDBOX_RESOLVER };

/* Builds the filter for this ISA. Instructions, PK_E_FULL, or PK_E_UNSUPPORTED for an ISA not known here.
 * own_pid: the only process tgkill may name. kill_action: what the kernel has to end a process. */
int pk_sandbox_build(enum pk_sandbox_for who, struct sock_filter *out, uint32_t cap_count, uint32_t own_pid,
                     uint32_t kill_action);
/* Names and numbers of the allowed calls, for the test that compares them with what the program does. NULL
 * past the end. */
const char *pk_sandbox_allowed(uint32_t index, long *out_number);
/* Calls that end the process whatever their arguments are. false past the end. */
bool pk_sandbox_killer(uint32_t index, long *out_number);
/* What pk_platform_seal does, for a program that has no port. Bits of enum pk_seal_state. */
uint32_t pk_sandbox_apply(enum pk_sandbox_for who, const char *const *read_paths,
                          const char *const *write_paths);
#endif
