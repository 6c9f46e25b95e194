#ifndef PK_ZERO_H
#define PK_ZERO_H
#include <stddef.h>

/* Zeros memory that has been initialised (static storage is), but writes only where it is not zero yet: a
 * page that was never used stays the system's shared zero page and takes no memory. For the tables of a
 * process, which are large and mostly unused; for small things memset is the plain word. */
void pk_zero(void *p, size_t n);
#endif
