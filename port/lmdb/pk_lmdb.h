#ifndef PK_LMDB_H
#define PK_LMDB_H
/* pk_port_store over LMDB. One writer thread owns the environment; the tick only copies bytes and numbers.
 * Private to port/ and its tests. */
#include <lmdb.h>
#include <pthread.h>

#include "pk_limits.h"
#include "port/port.h"

#define PK_STORE_FILE "store.mdb"
enum { PK_STORE_STACK_BYTES = 128 * 1024, PK_STORE_PATH_BYTES = 256, PK_STORE_SCHEMA = 2 };

enum pk_fetch_state { PK_FETCH_NONE, PK_FETCH_ASKED, PK_FETCH_DONE };

struct pk_lmdb_config {
    const char *state_dir;
    uint64_t map_bytes;       /* 1 MiB at least; rounded down to pages */
    uint64_t keep_free_bytes; /* of the file system: below it the file takes nothing more of it */
    int wake_fd;              /* eventfd that ends the tick's wait, or -1 */
    bool is_in_memory;        /* state_dir is on a file system without a disk: submit commits by itself */
    uint64_t (*now_us)(void);
};

struct pk_lmdb {
    /* The lowest page guards against an overflow. First, so that it is aligned. */
    _Alignas(4096) uint8_t stack[PK_STORE_STACK_BYTES];
    _Alignas(8) uint8_t queue[PK_LIMIT_STORE_QUEUE_BYTES];

    /* Set by open, constant while the writer runs. */
    char path[PK_STORE_PATH_BYTES];
    int wake_fd;
    bool is_in_memory;
    uint64_t (*now_us)(void);
    uint64_t map_bytes, reserve_bytes, keep_free_bytes;
    uint64_t owned_bytes; /* of the file system, by this file, with the spare room; under env_lock */
    uint32_t spare_bytes; /* how much of it there is to be */
    uint32_t page_bytes;
    MDB_env *env;
    MDB_dbi trees[PK_TREE_COUNT];
    void *map;
    pthread_t writer;
    bool is_running;

    pthread_mutex_t env_lock; /* the environment: the writer; load before the first tick; submit in memory */
    pthread_mutex_t lock;     /* everything below */
    pthread_cond_t changed;
    bool is_stopping;
    bool is_taken; /* what is queued is being committed by submit: nothing for the writer */
    /* Batches as they are, each behind a head; whole in one piece, so a gap may be left at the end of the
     * ring. */
    uint32_t head, tail, gap_at;
    uint64_t submitted_seq, durable_seq;
    enum pk_fetch_state fetch_state;
    struct pk_store_fetch fetch;
    int fetch_result;
    uint32_t fetch_bytes;
    struct pk_store_status status;

    uint64_t inline_from_us; /* the tick's own: after a commit that waited the writer has the next ones */

    /* Needs env_lock. */
    uint32_t one_at_a_time; /* after a failure, how many batches are committed alone */
    uint32_t backoff_ms;
    bool is_broken;         /* LMDB refuses every transaction from now on */
    uint32_t touched_pages; /* since the map was last dropped from memory */
};

/* Checks what can be checked quickly; a file that fails is moved aside and a new store begun. PK_OK,
 * PK_E_NO_SPACE, PK_E_DENIED, PK_E_UNSUPPORTED (a newer schema), PK_E_IO. */
int pk_lmdb_open(struct pk_lmdb *s, const struct pk_lmdb_config *config, struct pk_port_store *out);
/* Commits what is queued (one try), ends the writer, closes. */
void pk_lmdb_close(struct pk_lmdb *s);
/* Writer's errors in the numbers of LMDB and errno. */
int pk_lmdb_error_of(int code);

/* ---- values on the medium: u8 kind (tree + 1), u8 version, u16 0, u32 CRC-32C over kind, version, key and
 * value. */
enum { PK_STORE_WRAP_BYTES = 8, PK_STORE_WRAP_VERSION = 1 };
void pk_store_wrap(enum pk_tree tree, struct pk_str key, struct pk_str value,
                   uint8_t out[PK_STORE_WRAP_BYTES]);
/* PK_OK and the value inside, or PK_E_CORRUPT. */
int pk_store_unwrap(enum pk_tree tree, struct pk_str key, struct pk_str wrapped, struct pk_str *out_value);
/* The schema record lives in OBJECTS under this key and is not shown to users of the port. */
#define PK_STORE_SCHEMA_KEY "schema"

/* ---- check of a closed store, page by page with pread: needs no LMDB and cannot crash on any content. PK_OK
 * (also when there is no file), PK_E_CORRUPT, PK_E_IO, PK_E_FULL (no memory), with a sentence in *why. */
struct pk_store_counts {
    uint64_t records, bad_values, pages, free_pages;
};
int pk_store_check(const char *path, struct pk_store_counts *out, struct pk_buf *why);
/* Only the meta pages, the page size and the size of the file. */
int pk_store_check_head(const char *path, struct pk_buf *why);
/* Renames to PATH.bad-<unix seconds>; the newest two such files stay. PK_OK, also when there is no file. */
int pk_store_move_aside(const char *path);
#endif
