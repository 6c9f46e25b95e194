#ifndef PK_COLLECT_H
#define PK_COLLECT_H
/* What the collect_*.c files share. */
#include "port/linux/pk_source.h"

enum { PK_SOURCE_PROCESSES_MAX = 4096 }; /* looked at in one search by name */

void pk_collect_put(struct pk_sample *out, const char *type, const char *source, double value, int error);
int pk_collect_process(struct pk_source *s, struct pk_sample *out, uint32_t cap_count);
int pk_collect_disk(struct pk_source *s, struct pk_sample *out, uint32_t cap_count);
#endif
