#include "port/linux/pk_arena.h"

/* One per process, as malloc is. Apart from arena.c, so that the platform can show it in programs that keep
 * libc's malloc. */
struct pk_heap pk_arena_heap;
