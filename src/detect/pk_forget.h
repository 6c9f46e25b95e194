#ifndef PK_FORGET_H
#define PK_FORGET_H
/* Sources that are about to lose their id (event/pk_intern.h): nothing in the engine may mean the old one
 * when the id is given to another. */
#include "detect/pk_engine.h"

/* bits: PK_BITSET_WORDS(PK_LIMIT_SOURCES) words, one bit for each id. Takes out those of whom something is
 * pending, firing or cooling down, or who are waited for (absent, without); of the rest every idle window
 * goes, counted as evicted. One pass over the windows. */
void pk_engine_forget_sources(struct pk_engine *e, uint64_t *bits);
#endif
