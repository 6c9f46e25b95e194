#ifndef PK_ARENA_H
#define PK_ARENA_H
/* The heap behind malloc in picketd (arena.c). Programs linked without arena.c leave it empty: capacity 0. */
#include "port/pk_heap.h"

extern struct pk_heap pk_arena_heap;
#endif
