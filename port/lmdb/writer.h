#ifndef PK_LMDB_WRITER_H
#define PK_LMDB_WRITER_H
/* The store's writer thread: the halves of port/lmdb that are not called from the tick. */
#include "port/lmdb/pk_lmdb.h"

/* In front of every batch in the queue; batches start at multiples of 8. */
struct pk_queue_head {
    uint32_t n, op_count;
};

/* Mapped pages count as ours: given back when this many may have become resident. */
enum { PK_STORE_DROP_PAGES = 64 };

/* Body of the thread; arg is the struct pk_lmdb. */
void *pk_lmdb_writer_main(void *arg);
/* Commits what was queued from `tail` up to `head` (one transaction, perhaps not all of it) and notes the
 * result. Needs env_lock, not lock: takes it for a moment. Microseconds it took. */
uint64_t pk_lmdb_commit_group(struct pk_lmdb *s, uint32_t tail, uint32_t head, uint32_t gap_at);
/* Gives the mapped pages back when many may have become resident. Needs env_lock. */
void pk_lmdb_drop_many_pages(struct pk_lmdb *s);
/* Commits batches from `tail` up to `head` in one transaction, as many as the page limit allows. Batches
 * committed
 * (>= 1), or what went wrong (then nothing is). *out_tail: behind the last one. Needs env_lock. */
int pk_lmdb_commit(struct pk_lmdb *s, uint32_t tail, uint32_t head, uint32_t gap_at, uint32_t batch_max,
                   uint32_t *out_tail, uint32_t *out_pages);
/* Sizes of the map into status. Needs env_lock and lock. */
void pk_lmdb_measure(struct pk_lmdb *s);
/* Whether the file system has so much left, as far as it tells. */
bool pk_lmdb_has_free(const struct pk_lmdb *s, uint64_t bytes);
/* Learns what the file owns beyond its pages, at open. */
void pk_lmdb_spare_find(struct pk_lmdb *s);
/* Sees to it that the file owns room for the commits that acting needs (spare.c). PK_OK, also where no room
 * can be set aside; PK_E_NO_SPACE. Needs env_lock, waits for the disk. */
int pk_lmdb_spare_keep(struct pk_lmdb *s);
/* Answers s->fetch. Records or an error; *out_bytes. Needs env_lock. */
int pk_lmdb_fetch(struct pk_lmdb *s, const struct pk_store_fetch *f, uint32_t *out_bytes,
                  uint64_t *bad_count);
/* Gives the mapped pages back to the system. */
void pk_lmdb_drop_pages(struct pk_lmdb *s);
bool pk_lmdb_is_schema(enum pk_tree tree, struct pk_str key);
#endif
