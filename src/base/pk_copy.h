#ifndef PK_COPY_H
#define PK_COPY_H
#include <stdbool.h>
#include <stdint.h>

/* Copying and comparing short texts, by words: the C library of the product goes byte by byte up to fifteen
 * bytes, and names, numbers and messages of events are that short. For large things memcpy is the plain word.
 * The places do not overlap; either may be NULL when n is 0. */
void pk_copy(void *to, const void *from, uint32_t n);
bool pk_is_same(const void *a, const void *b, uint32_t n);
#endif
