#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "base/pk_batch.h"
#include "base/pk_bytes.h"
#include "port/lmdb/writer.h"

_Static_assert(2u * (PK_LIMIT_BATCH_BYTES + 64u) <= PK_LIMIT_STORE_QUEUE_BYTES,
               "the largest batch must find room whatever place in the ring it comes to");

/* What may be queued before the disk is seen to be full, in pages that are half empty, and as much for
 * acting. */
enum { SPARE_BYTES = 4 * PK_LIMIT_STORE_QUEUE_BYTES };
enum { LEAST_MAP_BYTES = 1 << 20, LEAST_RESERVE_BYTES = 256 * 1024 };
enum { INLINE_SLOW_US = 10000, INLINE_REST_US = 10000000 };

/* ---- called from the tick */
static bool is_batch(const struct pk_store_batch *batch) {
    uint32_t at = 0;
    struct pk_batch_op op;
    int err = PK_OK;
    while (err == PK_OK) {
        err = pk_batch_next(batch, &at, &op);
    }
    return err == PK_E_NOT_FOUND;
}

/* Offset of `n` bytes in one piece, or PK_E_FULL. Needs lock. */
static int find_room(struct pk_lmdb *s, uint32_t n) {
    if (s->head == s->tail) {
        s->head = 0;
        s->tail = 0;
        s->gap_at = UINT32_MAX;
    }
    if (s->head < s->tail) {
        return n < s->tail - s->head ? (int)s->head : PK_E_FULL;
    }
    if (n <= sizeof s->queue - s->head) {
        return (int)s->head;
    }
    if (n >= s->tail) {
        return PK_E_FULL;
    }
    s->gap_at = s->head;
    return 0;
}

static uint32_t queued_bytes(const struct pk_lmdb *s) {
    return s->head >= s->tail ? s->head - s->tail : s->gap_at - s->tail + s->head;
}

/* Whether the batch to be queued next is committed by the tick (src/decisions/0068-commit-in-memory.md). Then
 * env_lock is taken. Needs lock. */
static bool take_commit(struct pk_lmdb *s) {
    return s->is_in_memory && s->head == s->tail && s->status.last_error == PK_OK &&
           s->now_us() >= s->inline_from_us && pthread_mutex_trylock(&s->env_lock) == 0;
}

/* How often this thread waited for something: gave up the processor, or met a page that was swapped out
 * (which zram unpacks without giving it up). A commit to memory waits for nothing else; one that only lost
 * the processor to somebody else counts none. */
static int64_t wait_count(void) {
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? (int64_t)usage.ru_nvcsw + (int64_t)usage.ru_majflt : 0;
}

/* The one batch in the queue. Needs env_lock and gives it back. */
static void commit_taken(struct pk_lmdb *s, uint32_t tail, uint32_t head) {
    const int64_t waits = wait_count();
    const uint64_t took_us = pk_lmdb_commit_group(s, tail, head, UINT32_MAX);
    const bool is_swapped = took_us >= INLINE_SLOW_US && wait_count() != waits;
    s->inline_from_us = is_swapped ? s->now_us() + INLINE_REST_US : 0;
    pk_lmdb_drop_many_pages(s);
    pthread_mutex_unlock(&s->env_lock);
    pthread_mutex_lock(&s->lock);
    s->is_taken = false;
    const bool is_left = s->head != s->tail;
    pthread_mutex_unlock(&s->lock);
    if (is_left) {
        pthread_cond_signal(&s->changed); /* it failed, and the writer tries again */
    }
}

static int store_submit(void *ctx, const struct pk_store_batch *batch, uint64_t *out_seq) {
    struct pk_lmdb *s = ctx;
    PK_ASSERT(is_batch(batch));
    pthread_mutex_lock(&s->lock);
    if (batch->n == 0) {
        *out_seq = s->submitted_seq;
        pthread_mutex_unlock(&s->lock);
        return PK_OK;
    }
    const struct pk_queue_head h = {.n = batch->n, .op_count = batch->op_count};
    const uint32_t n = (uint32_t)sizeof h + ((batch->n + 7u) & ~7u);
    /* What only adds must not take the pages that deleting will need. */
    const int at = s->status.is_map_full && !pk_batch_has_delete(batch) ? PK_E_FULL : find_room(s, n);
    if (at < 0) {
        pthread_mutex_unlock(&s->lock);
        return PK_E_FULL;
    }
    s->is_taken = take_commit(s);
    const bool is_taken = s->is_taken;
    memcpy(s->queue + at, &h, sizeof h);
    memcpy(s->queue + (uint32_t)at + sizeof h, batch->p, batch->n);
    s->head = (uint32_t)at + n;
    *out_seq = ++s->submitted_seq;
    const uint32_t queued = queued_bytes(s);
    if (queued > s->status.queued_high_bytes) {
        s->status.queued_high_bytes = queued;
    }
    pthread_mutex_unlock(&s->lock);
    if (is_taken) {
        commit_taken(s, (uint32_t)at, (uint32_t)at + n);
    } else {
        pthread_cond_signal(&s->changed); /* after: else the writer wakes only to wait for the lock */
    }
    return PK_OK;
}

static uint64_t store_durable(void *ctx) {
    struct pk_lmdb *s = ctx;
    pthread_mutex_lock(&s->lock);
    const uint64_t seq = s->durable_seq;
    pthread_mutex_unlock(&s->lock);
    return seq;
}

static int store_fetch(void *ctx, const struct pk_store_fetch *request) {
    struct pk_lmdb *s = ctx;
    PK_ASSERT((unsigned)request->tree < PK_TREE_COUNT);
    PK_ASSERT(request->from_bytes <= PK_STORE_KEY_BYTES && request->to_bytes <= PK_STORE_KEY_BYTES);
    pthread_mutex_lock(&s->lock);
    const bool is_free = s->fetch_state == PK_FETCH_NONE;
    if (is_free) {
        s->fetch = *request;
        s->fetch_state = PK_FETCH_ASKED;
    }
    pthread_mutex_unlock(&s->lock);
    if (is_free) {
        pthread_cond_signal(&s->changed);
    }
    return is_free ? PK_OK : PK_E_BUSY;
}

static int store_fetched(void *ctx, uint32_t *out_bytes) {
    struct pk_lmdb *s = ctx;
    int result = PK_E_NOT_FOUND;
    pthread_mutex_lock(&s->lock);
    *out_bytes = 0;
    if (s->fetch_state == PK_FETCH_ASKED) {
        result = PK_E_AGAIN;
    } else if (s->fetch_state == PK_FETCH_DONE) {
        result = s->fetch_result;
        *out_bytes = s->fetch_bytes;
        s->fetch_state = PK_FETCH_NONE;
    }
    pthread_mutex_unlock(&s->lock);
    return result;
}

static void store_status(void *ctx, struct pk_store_status *out) {
    struct pk_lmdb *s = ctx;
    pthread_mutex_lock(&s->lock);
    *out = s->status;
    out->queued_bytes = queued_bytes(s);
    pthread_mutex_unlock(&s->lock);
}

static int visit_all(MDB_cursor *cursor, struct pk_lmdb *s, enum pk_tree tree, struct pk_str from,
                     pk_store_visit *visit, void *arg) {
    MDB_val k = {.mv_size = from.n, .mv_data = (void *)(uintptr_t)from.p};
    MDB_val v;
    int code = mdb_cursor_get(cursor, &k, &v, from.n > 0 ? MDB_SET_RANGE : MDB_FIRST);
    int err = PK_OK;
    while (code == 0 && err >= 0) {
        const struct pk_str key = pk_str_make(k.mv_data, k.mv_size);
        struct pk_str value = pk_str_of("");
        const bool is_whole = pk_store_unwrap(tree, key, pk_str_make(v.mv_data, v.mv_size), &value) == PK_OK;
        if (!is_whole) {
            pthread_mutex_lock(&s->lock);
            s->status.bad_value_count++;
            pthread_mutex_unlock(&s->lock);
        }
        if ((is_whole || tree == PK_TREE_OBJECTS) && !pk_lmdb_is_schema(tree, key)) {
            err = visit(arg, key, value);
        }
        code = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    if (err < 0) {
        return err;
    }
    return code == 0 || code == MDB_NOTFOUND ? PK_OK : pk_lmdb_error_of(code);
}

static int store_load(void *ctx, enum pk_tree tree, struct pk_str from, pk_store_visit *visit, void *arg) {
    struct pk_lmdb *s = ctx;
    PK_ASSERT((unsigned)tree < PK_TREE_COUNT);
    MDB_txn *txn;
    MDB_cursor *cursor;
    pthread_mutex_lock(&s->env_lock);
    int err = pk_lmdb_error_of(mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn));
    if (err == PK_OK) {
        err = pk_lmdb_error_of(mdb_cursor_open(txn, s->trees[tree], &cursor));
        if (err == PK_OK) {
            err = visit_all(cursor, s, tree, from, visit, arg);
            mdb_cursor_close(cursor);
        }
        mdb_txn_abort(txn);
    }
    pk_lmdb_drop_pages(s);
    pthread_mutex_unlock(&s->env_lock);
    return err;
}

/* ---- opening */
static int sync_folder_of(const char *path) {
    char dir[PK_STORE_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    memcpy(dir, path, (size_t)(slash - path));
    dir[slash - path] = '\0';
    const int fd = open(dir[0] != '\0' ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return PK_E_IO;
    }
    const int err = fsync(fd) == 0 ? PK_OK : PK_E_IO;
    close(fd);
    return err;
}

/* *out_is_old: there is none, or an earlier one: what is written from now on earlier software could not read.
 */
static int read_schema(struct pk_lmdb *s, MDB_txn *txn, bool *out_is_old) {
    const struct pk_str name = pk_str_of(PK_STORE_SCHEMA_KEY);
    MDB_val k = {.mv_size = name.n, .mv_data = (void *)(uintptr_t)name.p};
    MDB_val v;
    const int code = mdb_get(txn, s->trees[PK_TREE_OBJECTS], &k, &v);
    *out_is_old = true;
    if (code != 0) {
        return code == MDB_NOTFOUND ? PK_OK : pk_lmdb_error_of(code);
    }
    struct pk_str value;
    if (pk_store_unwrap(PK_TREE_OBJECTS, name, pk_str_make(v.mv_data, v.mv_size), &value) != PK_OK) {
        return PK_E_CORRUPT;
    }
    struct pk_reader r;
    pk_reader_init(&r, value.p, value.n);
    const uint32_t schema = pk_get_u32(&r);
    *out_is_old = schema < PK_STORE_SCHEMA;
    return pk_reader_done(&r) && schema <= PK_STORE_SCHEMA ? PK_OK : PK_E_UNSUPPORTED;
}

static int write_schema(struct pk_lmdb *s, MDB_txn *txn) {
    const struct pk_str name = pk_str_of(PK_STORE_SCHEMA_KEY);
    uint8_t bytes[PK_STORE_WRAP_BYTES + 4];
    struct pk_writer w;
    pk_writer_init(&w, bytes + PK_STORE_WRAP_BYTES, 4);
    pk_put_u32(&w, PK_STORE_SCHEMA);
    pk_store_wrap(PK_TREE_OBJECTS, name, pk_str_make((const char *)bytes + PK_STORE_WRAP_BYTES, 4), bytes);
    MDB_val k = {.mv_size = name.n, .mv_data = (void *)(uintptr_t)name.p};
    MDB_val v = {.mv_size = sizeof bytes, .mv_data = bytes};
    return pk_lmdb_error_of(mdb_put(txn, s->trees[PK_TREE_OBJECTS], &k, &v, 0));
}

static int open_trees(struct pk_lmdb *s) {
    MDB_txn *txn;
    int err = pk_lmdb_error_of(mdb_txn_begin(s->env, NULL, 0, &txn));
    if (err != PK_OK) {
        return err;
    }
    err = pk_lmdb_error_of(mdb_dbi_open(txn, "journal", MDB_CREATE, &s->trees[PK_TREE_JOURNAL]));
    if (err == PK_OK) {
        err = pk_lmdb_error_of(mdb_dbi_open(txn, "objects", MDB_CREATE, &s->trees[PK_TREE_OBJECTS]));
    }
    bool is_old = false;
    if (err == PK_OK) {
        err = read_schema(s, txn, &is_old);
    }
    if (err == PK_OK && is_old) {
        err = write_schema(s, txn);
    }
    if (err != PK_OK) {
        mdb_txn_abort(txn);
        return err;
    }
    return pk_lmdb_error_of(mdb_txn_commit(txn));
}

/* Where LMDB mapped the file: a page carries its own number in front (mdb.c, MDB_page). */
static void find_map(struct pk_lmdb *s) {
    const struct pk_str name = pk_str_of(PK_STORE_SCHEMA_KEY);
    MDB_val k = {.mv_size = name.n, .mv_data = (void *)(uintptr_t)name.p};
    MDB_val v;
    MDB_txn *txn;
    s->map = NULL;
    if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn) != 0) {
        return;
    }
    if (mdb_get(txn, s->trees[PK_TREE_OBJECTS], &k, &v) == 0) {
        uint8_t *page = (uint8_t *)v.mv_data - ((uintptr_t)v.mv_data & (s->page_bytes - 1u));
        size_t number;
        memcpy(&number, page, sizeof number);
        PK_ASSERT(number < s->map_bytes / s->page_bytes);
        s->map = page - number * s->page_bytes;
    }
    mdb_txn_abort(txn);
}

static int open_env(struct pk_lmdb *s) {
    int err = pk_lmdb_error_of(mdb_env_create(&s->env));
    if (err != PK_OK) {
        return err;
    }
    int code = mdb_env_set_mapsize(s->env, (size_t)s->map_bytes);
    if (code == 0) {
        code = mdb_env_set_maxdbs(s->env, PK_TREE_COUNT);
    }
    if (code == 0) {
        /* One process and one thread at a time: no lock file. A write map would die of SIGBUS on a full disk.
         */
        code = mdb_env_open(s->env, s->path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NORDAHEAD, 0600);
    }
    err = pk_lmdb_error_of(code);
    if (err == PK_OK) {
        err = open_trees(s);
    }
    if (err != PK_OK) {
        mdb_env_close(s->env);
        s->env = NULL;
        return err;
    }
    MDB_envinfo info;
    if (mdb_env_info(s->env, &info) == 0) {
        s->map_bytes = info.me_mapsize; /* an old store may be larger */
    }
    find_map(s);
    return PK_OK;
}

static int open_checked(struct pk_lmdb *s) {
    char text[96];
    struct pk_buf why;
    pk_buf_init(&why, text, sizeof text);
    int err = pk_store_check_head(s->path, &why);
    s->status.is_fresh = err == PK_E_NOT_FOUND;
    if (err == PK_E_IO) {
        return PK_E_IO;
    }
    if (err != PK_E_CORRUPT) {
        err = open_env(s);
    }
    if (err == PK_E_CORRUPT) {
        err = pk_store_move_aside(s->path);
        if (err != PK_OK) {
            return err;
        }
        s->status.was_moved_aside = true;
        s->status.is_fresh = true;
        err = open_env(s);
    }
    return err == PK_OK && s->status.is_fresh ? sync_folder_of(s->path) : err;
}

static int start_writer(struct pk_lmdb *s) {
    pthread_condattr_t condition;
    pthread_attr_t attributes;
    if (pthread_mutex_init(&s->env_lock, NULL) != 0 || pthread_mutex_init(&s->lock, NULL) != 0 ||
        pthread_condattr_init(&condition) != 0 ||
        pthread_condattr_setclock(&condition, CLOCK_MONOTONIC) != 0 ||
        pthread_cond_init(&s->changed, &condition) != 0 || pthread_attr_init(&attributes) != 0) {
        return PK_E_IO;
    }
    /* Our own stack: the system's would be mapped, and after the seal nothing may be. */
    int code = mprotect(s->stack, s->page_bytes, PROT_NONE);
    if (code == 0 || s->page_bytes > sizeof s->stack / 4u) {
        code = pthread_attr_setstack(&attributes, s->stack, sizeof s->stack);
    }
    if (code == 0) {
        code = pthread_create(&s->writer, &attributes, pk_lmdb_writer_main, s);
    }
    pthread_attr_destroy(&attributes);
    pthread_condattr_destroy(&condition);
    s->is_running = code == 0;
    return code == 0 ? PK_OK : PK_E_IO;
}

int pk_lmdb_open(struct pk_lmdb *s, const struct pk_lmdb_config *config, struct pk_port_store *out) {
    memset(s->path, 0, sizeof s->path);
    struct pk_buf path;
    pk_buf_init(&path, s->path, sizeof s->path);
    pk_buf_puts(&path, config->state_dir);
    pk_buf_puts(&path, "/" PK_STORE_FILE);
    if (path.is_cut || config->state_dir[0] == '\0') {
        return PK_E_TOO_BIG;
    }
    s->wake_fd = config->wake_fd;
    s->is_in_memory = config->is_in_memory;
    s->now_us = config->now_us;
    s->page_bytes = (uint32_t)getpagesize();
    s->map_bytes = config->map_bytes > LEAST_MAP_BYTES ? config->map_bytes : (uint64_t)LEAST_MAP_BYTES;
    s->map_bytes -= s->map_bytes % s->page_bytes;
    s->keep_free_bytes = config->keep_free_bytes;
    s->is_stopping = false;
    s->is_taken = false;
    s->inline_from_us = 0;
    s->head = 0;
    s->tail = 0;
    s->gap_at = UINT32_MAX;
    s->submitted_seq = 0;
    s->durable_seq = 0;
    s->fetch_state = PK_FETCH_NONE;
    s->one_at_a_time = 0;
    s->backoff_ms = 0;
    s->is_broken = false;
    s->touched_pages = 0;
    s->status = (struct pk_store_status){.is_in_memory = config->is_in_memory};
    int err = open_checked(s);
    if (err != PK_OK) {
        return err;
    }
    /* The queue may add this much before the limit is seen, and a transaction copies what it changes. */
    s->reserve_bytes = s->map_bytes / 8u < (1u << 20) ? s->map_bytes / 8u : 1u << 20;
    s->reserve_bytes = s->reserve_bytes < LEAST_RESERVE_BYTES ? LEAST_RESERVE_BYTES : s->reserve_bytes;
    s->spare_bytes = (uint32_t)(s->map_bytes / 4u < SPARE_BYTES ? s->map_bytes / 4u : SPARE_BYTES);
    s->status.map_bytes = s->map_bytes;
    pk_lmdb_measure(s);
    pk_lmdb_spare_find(s);
    s->status.last_error = pk_lmdb_spare_keep(s);
    pk_lmdb_drop_pages(s);
    *out = (struct pk_port_store){.ctx = s,
                                  .load = store_load,
                                  .submit = store_submit,
                                  .durable = store_durable,
                                  .fetch = store_fetch,
                                  .fetched = store_fetched,
                                  .status = store_status};
    err = start_writer(s);
    if (err != PK_OK) {
        mdb_env_close(s->env);
        s->env = NULL;
    }
    return err;
}

void pk_lmdb_close(struct pk_lmdb *s) {
    if (s->env == NULL) {
        return;
    }
    if (s->is_running) {
        pthread_mutex_lock(&s->lock);
        s->is_stopping = true;
        pthread_cond_signal(&s->changed);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->writer, NULL);
        s->is_running = false;
        mprotect(s->stack, s->page_bytes, PROT_READ | PROT_WRITE);
    }
    mdb_env_close(s->env);
    s->env = NULL;
}
