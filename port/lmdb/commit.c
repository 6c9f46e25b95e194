#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "base/pk_batch.h"
#include "port/lmdb/pages.h"
#include "port/lmdb/writer.h"

int pk_lmdb_error_of(int code) {
    switch (code) {
    case 0:
        return PK_OK;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return PK_E_NO_SPACE;
    case ENOMEM:
    case MDB_TXN_FULL:
        return PK_E_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return PK_E_DENIED;
    case MDB_NOTFOUND:
        return PK_E_NOT_FOUND;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_BAD_TXN:
        return PK_E_CORRUPT;
    default:
        return PK_E_IO;
    }
}

bool pk_lmdb_is_schema(enum pk_tree tree, struct pk_str key) {
    return tree == PK_TREE_OBJECTS && pk_str_eq_c(key, PK_STORE_SCHEMA_KEY);
}

static MDB_val val_of(struct pk_str s) {
    /* LMDB takes a pointer to non-const but does not write through it. */
    return (MDB_val){.mv_size = s.n, .mv_data = (void *)(uintptr_t)s.p};
}

static int put(struct pk_lmdb *s, MDB_txn *txn, const struct pk_batch_op *op) {
    MDB_val key = val_of(op->key);
    /* Wrap and value are written where LMDB wants them: no copy of ours in between. */
    MDB_val room = {.mv_size = PK_STORE_WRAP_BYTES + op->value.n};
    unsigned flags = MDB_RESERVE;
    /* The journal's keys ascend, and appending fills pages instead of leaving them half empty. */
    int code = op->tree == PK_TREE_JOURNAL ? mdb_put(txn, s->trees[op->tree], &key, &room, flags | MDB_APPEND)
                                           : MDB_KEYEXIST;
    if (code == MDB_KEYEXIST) {
        room.mv_size = PK_STORE_WRAP_BYTES + op->value.n;
        code = mdb_put(txn, s->trees[op->tree], &key, &room, flags);
    }
    if (code != 0) {
        return code;
    }
    pk_store_wrap(op->tree, op->key, op->value, room.mv_data);
    if (op->value.n > 0) {
        memcpy((uint8_t *)room.mv_data + PK_STORE_WRAP_BYTES, op->value.p, op->value.n);
    }
    return 0;
}

static int apply(struct pk_lmdb *s, MDB_txn *txn, const struct pk_store_batch *batch) {
    uint32_t at = 0;
    struct pk_batch_op op;
    int err = pk_batch_next(batch, &at, &op);
    while (err == PK_OK) {
        int code = 0;
        if (op.is_delete) {
            MDB_val key = val_of(op.key);
            code = mdb_del(txn, s->trees[op.tree], &key, NULL);
            code = code == MDB_NOTFOUND ? 0 : code;
        } else if (!pk_lmdb_is_schema(op.tree, op.key)) {
            code = put(s, txn, &op);
        }
        if (code != 0) {
            return code;
        }
        /* Each step down a tree maps pages, and the kernel adds their neighbours. */
        s->touched_pages++;
        if (s->touched_pages >= PK_STORE_DROP_PAGES) {
            pk_lmdb_drop_pages(s);
        }
        err = pk_batch_next(batch, &at, &op);
    }
    PK_ASSERT(err == PK_E_NOT_FOUND); /* submit checked it */
    return 0;
}

/* Pages a transaction of these batches can dirty, from above for the usual case: a leaf for every object,
 * full leaves in the journal, which the batches share. */
struct estimate {
    uint32_t pages, journal_bytes;
};

static uint32_t pages_of(const struct pk_lmdb *s, const struct estimate *e) {
    return e->pages + (2u * e->journal_bytes + s->page_bytes - 1u) / s->page_bytes;
}

static struct estimate with(struct estimate e, const struct pk_store_batch *batch) {
    uint32_t at = 0;
    struct pk_batch_op op;
    while (pk_batch_next(batch, &at, &op) == PK_OK) {
        if (op.tree == PK_TREE_OBJECTS || op.is_delete) {
            e.pages++;
        } else {
            e.journal_bytes += op.key.n + op.value.n + 2u * PK_STORE_WRAP_BYTES + 2u;
        }
    }
    return e;
}

/* Others need the disk, too, and so does what deletes: the file stops growing before the last block is gone.
 * Pages of the file that are free are still used, and so is the room it owns. */
static bool is_disk_short(const struct pk_lmdb *s, uint32_t pages) {
    const uint64_t idle_bytes = s->owned_bytes - s->status.used_bytes;
    return s->keep_free_bytes > 0 && idle_bytes < (uint64_t)pages * s->page_bytes &&
           !pk_lmdb_has_free(s, s->keep_free_bytes);
}

/* Of a head it could not write LMDB takes back the number alone. Its trees would stay those of a transaction
 * that never was, and the check before the next open calls that damage. Where this cannot be written either,
 * the medium has what it had. */
static int commit_or_restore(const struct pk_lmdb *s, MDB_txn *txn) {
    const size_t at = (mdb_txn_id(txn) % PK_MDB_METAS) * s->page_bytes + PK_MDB_HEAD_BYTES;
    const uint8_t *head = s->map != NULL ? (const uint8_t *)s->map + at : NULL;
    struct pk_mdb_meta before;
    if (head != NULL) {
        memcpy(&before, head, sizeof before);
    }
    const int code = mdb_txn_commit(txn); /* frees it, whatever comes of it */
    int fd = -1;
    if (code != 0 && head != NULL && memcmp(head, &before, sizeof before) != 0 &&
        mdb_env_get_fd(s->env, &fd) == 0) {
        const ssize_t n = pwrite(fd, &before, sizeof before, (off_t)at);
        (void)n;
    }
    return code;
}

int pk_lmdb_commit(struct pk_lmdb *s, uint32_t tail, uint32_t head, uint32_t gap_at, uint32_t batch_max,
                   uint32_t *out_tail, uint32_t *out_pages) {
    /* Free list, main tree, and the way down to the leaves of both trees. */
    struct estimate sum = {.pages = 8};
    int count = 0;
    MDB_txn *txn;
    int code = mdb_txn_begin(s->env, NULL, 0, &txn);
    /* After a meta page that could not be written: what is mapped may not be what the medium has. */
    s->is_broken = code == MDB_PANIC;
    if (code != 0) {
        return pk_lmdb_error_of(code);
    }
    while (code == 0 && tail != head && (uint32_t)count < batch_max) {
        tail = tail == gap_at ? 0 : tail;
        struct pk_queue_head h;
        memcpy(&h, s->queue + tail, sizeof h);
        const struct pk_store_batch batch = {
            .p = s->queue + tail + sizeof h, .cap_bytes = h.n, .n = h.n, .op_count = h.op_count};
        const struct estimate more = with(sum, &batch);
        if (count > 0 && pages_of(s, &more) > PK_TXN_PAGES) {
            break;
        }
        if (is_disk_short(s, pages_of(s, &more)) && !pk_batch_has_delete(&batch)) {
            code = count > 0 ? 0 : ENOSPC; /* what came before it goes */
            break;
        }
        code = apply(s, txn, &batch);
        sum = more;
        count++;
        tail += (uint32_t)sizeof h + ((h.n + 7u) & ~7u);
        *out_tail = tail;
    }
    if (code != 0) {
        mdb_txn_abort(txn);
        return pk_lmdb_error_of(code);
    }
    *out_pages = pages_of(s, &sum);
    code = commit_or_restore(s, txn);
    if (code == EIO && !pk_lmdb_has_free(s, s->page_bytes)) {
        return PK_E_NO_SPACE; /* a write that ended early, as the last one on a disk that fills up does */
    }
    return code != 0 ? pk_lmdb_error_of(code) : count;
}

/* Pages in the free list: the first word of each of its records counts them. */
static uint64_t free_pages(MDB_txn *txn) {
    uint64_t pages = 0;
    MDB_cursor *cursor;
    if (mdb_cursor_open(txn, 0, &cursor) != 0) {
        return 0;
    }
    MDB_val key;
    MDB_val data;
    while (mdb_cursor_get(cursor, &key, &data, MDB_NEXT) == 0) {
        size_t n = 0;
        if (data.mv_size >= sizeof n) {
            memcpy(&n, data.mv_data, sizeof n);
        }
        pages += n;
    }
    mdb_cursor_close(cursor);
    return pages;
}

void pk_lmdb_measure(struct pk_lmdb *s) {
    MDB_envinfo info;
    MDB_txn *txn;
    if (mdb_env_info(s->env, &info) != 0) {
        return;
    }
    uint64_t used = (uint64_t)info.me_last_pgno + 1u;
    if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn) == 0) {
        used -= free_pages(txn);
        s->status.record_count = 0;
        for (uint32_t i = 0; i < PK_TREE_COUNT; i++) {
            MDB_stat stat;
            s->status.record_count += mdb_stat(txn, s->trees[i], &stat) == 0 ? stat.ms_entries : 0u;
        }
        s->status.record_count -=
            s->status.record_count > 0 ? 1u : 0u; /* the schema's is not shown to anybody */
        mdb_txn_abort(txn);
    }
    s->status.used_bytes = used * s->page_bytes;
    s->status.is_map_full = s->status.used_bytes + s->reserve_bytes >= s->map_bytes;
}

static bool put_record(const struct pk_store_fetch *f, uint32_t at, struct pk_str key, struct pk_str value) {
    if (f->out_cap_bytes - at < 4u + key.n + value.n) {
        return false;
    }
    uint8_t *p = f->out + at;
    p[0] = (uint8_t)f->tree;
    p[1] = (uint8_t)key.n;
    p[2] = (uint8_t)(value.n & 0xFFu);
    p[3] = (uint8_t)(value.n >> 8);
    memcpy(p + 4, key.p, key.n);
    if (value.n > 0) {
        memcpy(p + 4 + key.n, value.p, value.n);
    }
    return true;
}

static bool is_below(struct pk_str key, const struct pk_store_fetch *f) {
    const uint32_t n = key.n < f->to_bytes ? key.n : f->to_bytes;
    const int r = memcmp(key.p, f->to, n);
    return r < 0 || (r == 0 && key.n < f->to_bytes);
}

int pk_lmdb_fetch(struct pk_lmdb *s, const struct pk_store_fetch *f, uint32_t *out_bytes,
                  uint64_t *bad_count) {
    MDB_txn *txn;
    MDB_cursor *cursor;
    *out_bytes = 0;
    int code = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (code != 0) {
        return PK_E_IO;
    }
    code = mdb_cursor_open(txn, s->trees[f->tree], &cursor);
    if (code != 0) {
        mdb_txn_abort(txn);
        return PK_E_IO;
    }
    uint32_t count = 0;
    MDB_val k = {.mv_size = f->from_bytes, .mv_data = (void *)(uintptr_t)f->from};
    MDB_val v;
    code = mdb_cursor_get(cursor, &k, &v, f->from_bytes > 0 ? MDB_SET_RANGE : MDB_FIRST);
    while (code == 0 && count < f->max_records) {
        const struct pk_str key = pk_str_make(k.mv_data, k.mv_size);
        struct pk_str value;
        if (!is_below(key, f)) {
            break;
        }
        const bool is_hidden = pk_lmdb_is_schema(f->tree, key);
        if (!is_hidden && pk_store_unwrap(f->tree, key, pk_str_make(v.mv_data, v.mv_size), &value) != PK_OK) {
            (*bad_count)++;
        } else if (!is_hidden) {
            if (!put_record(f, *out_bytes, key, value)) {
                break;
            }
            *out_bytes += 4u + key.n + value.n;
            count++;
        }
        code = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return code == 0 || code == MDB_NOTFOUND ? (int)count : PK_E_IO;
}

void pk_lmdb_drop_pages(struct pk_lmdb *s) {
    if (s->map != NULL) {
        madvise(s->map, (size_t)s->map_bytes, MADV_DONTNEED);
    }
    s->touched_pages = 0;
}
