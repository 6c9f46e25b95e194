#ifndef PK_COLLECT_H
#define PK_COLLECT_H
/* What the collect_*.c files share. */
#include "port/linux/pk_source.h"

enum { PK_SOURCE_PROCESSES_MAX = 4096 }; /* looked at in one search by name */

enum { PK_COLLECT_PATH_BYTES = 256, PK_COLLECT_TEXT_BYTES = 128, PK_COLLECT_ENTRIES_MAX = 256 };

void pk_collect_put(struct pk_sample *out, const char *type, const char *source, double value, int error);
int pk_collect_process(struct pk_source *s, struct pk_sample *out, uint32_t cap_count);
int pk_collect_disk(struct pk_source *s, struct pk_sample *out, uint32_t cap_count);
int pk_collect_usage(struct pk_source *s, struct pk_sample *out, uint32_t cap_count);
int pk_collect_storage(struct pk_source *s, struct pk_sample *out, uint32_t cap_count);
int pk_collect_thermal(struct pk_source *s, struct pk_sample *out, uint32_t cap_count);
int pk_collect_network(struct pk_source *s, struct pk_sample *out, uint32_t cap_count);
int pk_collect_tasks(struct pk_source *s, struct pk_sample *out, uint32_t cap_count);
int pk_collect_top(struct pk_source *s, struct pk_top *out, uint32_t cap_count);
int pk_collect_gpu(struct pk_source *s, struct pk_sample *out, uint32_t cap_count);

/* collect_process.c: one process. PK_OK with *out; PK_E_NOT_FOUND when there is no such process; else why it
 * cannot be told. */
int pk_collect_pid(const struct pk_source *s, struct pk_str pid, struct pk_proc_pid *out);
/* Looks for every watched process: up[] of each watch is 1, 0, or an error; 0 for other watches. */
void pk_collect_find(struct pk_source *s, int up[PK_LIMIT_WATCHES]);

/* ---- collect_sys.c: small files of /sys, and what is counted in them ---- */
/* The samples of one call. */
struct pk_collect_out {
    struct pk_sample *p;
    uint32_t cap_count, n;
};
/* Adds one; what does not fit is left out. */
void pk_collect_add(struct pk_collect_out *o, const char *type, const char *source, double value, int error);
/* "<root>/<a>/<b>/<c>"; b and c may be NULL. False when it does not fit. */
bool pk_collect_path(char out[PK_COLLECT_PATH_BYTES], const char *root, const char *a, const char *b,
                     const char *c);
/* Whole small file, trimmed. Bytes, PK_E_NOT_FOUND, PK_E_IO. */
int pk_collect_text(const char *path, char out[PK_COLLECT_TEXT_BYTES], struct pk_str *out_text);
/* One whole number in a file, also negative. PK_OK, PK_E_NOT_FOUND, PK_E_IO, PK_E_BAD_MSG. */
int pk_collect_number(const char *path, int64_t *out);
/* Text as part of a source name: other bytes than those of names become '-'. */
void pk_collect_name(char *out, uint32_t cap_bytes, struct pk_str a, const char *b);
/* A look at counters begins, or ends: those of this collector that were not touched meanwhile are forgotten.
 */
void pk_collect_round(struct pk_source *s, enum pk_collector which);
void pk_collect_round_end(struct pk_source *s, enum pk_collector which);
/* Difference to the last look: 1 with *out; 0 when there was none; PK_E_FULL. */
int pk_collect_delta(struct pk_source *s, enum pk_collector which, const char *kind, const char *name,
                     uint64_t value, uint64_t *out);
/* As above into a sample. err: of reading the counter. */
void pk_collect_count(struct pk_source *s, enum pk_collector which, struct pk_collect_out *o,
                      const char *type, const char *source, uint64_t value, int err);
#endif
