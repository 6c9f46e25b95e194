#ifndef PK_PROMPT_H
#define PK_PROMPT_H
/* How soon the scheduler lets us in beside processes that compute. Private to port/linux and its tests. */
#include <stdbool.h>

/* What the kernel gives at least (sched(7), EEVDF since Linux 6.12). */
enum { PK_PROMPT_SLICE_NS = 100000 };

/* Asks for the shortest slice for the calling thread and all threads and processes that it begins from now
 * on: who wants little at a time is let in at once, instead of at the next timer tick. It is no more
 * processor time and needs no privilege; nice value and policy stay, here and there. false: the kernel
 * refused, or the thread's policy is not the usual one and stays as somebody chose it. Kernels before 6.12
 * say yes and do nothing. */
bool pk_prompt_ask(void);
#endif
