#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pk_assert.h"
#include "port/lmdb/pages.h"
#include "port/lmdb/pk_lmdb.h"

enum { KEY_MAX = 511 }; /* MDB_MAXKEYSIZE */

enum tree_kind { KIND_FREE, KIND_MAIN, KIND_OURS };

struct checker {
    int fd;
    uint32_t page_bytes;
    struct pk_mdb_meta meta, before; /* the newest head, and the one of the transaction before it */
    size_t newest_free_txn;          /* of the free lists seen in one tree */
    uint8_t *seen;                   /* a bit per page */
    uint8_t *page;                   /* the page being looked at */
    size_t page_number;
    struct pk_store_counts *counts;
    struct pk_buf *why;
    struct pk_mdb_tree ours[PK_TREE_COUNT];
    bool has_ours[PK_TREE_COUNT];
};

struct level {
    size_t page;
    uint32_t at;
};

struct walk {
    struct checker *c;
    enum tree_kind kind;
    enum pk_tree tree; /* of KIND_OURS */
    const struct pk_mdb_tree *db;
    struct level stack[PK_MDB_DEPTH_MAX];
    uint32_t depth;
    size_t branch_pages, leaf_pages, overflow_pages, entries;
    /* Every key must be above this one, or equal when may_equal (a separator of a branch). */
    uint8_t bound[KEY_MAX];
    uint32_t bound_bytes;
    bool has_bound, may_equal;
};

struct node {
    uint32_t low, flags, key_bytes; /* low: data bytes of a leaf node */
    size_t child;                   /* of a branch node */
    const uint8_t *key, *data;
};

static int bad(struct checker *c, const char *what, size_t page) {
    pk_buf_puts(c->why, what);
    if (page != PK_MDB_NO_PAGE) {
        pk_buf_puts(c->why, ", page ");
        pk_buf_put_u64(c->why, page);
    }
    return PK_E_CORRUPT;
}

static int read_at(struct checker *c, void *out, size_t n, uint64_t at) {
    uint8_t *p = out;
    size_t got = 0;
    while (got < n) {
        const ssize_t r = pread(c->fd, p + got, n - got, (off_t)(at + got));
        if (r < 0 && errno == EINTR) {
            continue;
        }
        if (r < 0) {
            pk_buf_puts(c->why, "the file cannot be read");
            return PK_E_IO;
        }
        if (r == 0) {
            return bad(c, "the file ends too early", (size_t)(at / (c->page_bytes ? c->page_bytes : 1u)));
        }
        got += (size_t)r;
    }
    return PK_OK;
}

static bool is_page(const struct checker *c, size_t number) {
    return number >= PK_MDB_METAS && number <= c->meta.last_page;
}

/* Marks a page as reached; false when it was before. */
static bool mark(struct checker *c, size_t number) {
    const uint8_t bit = (uint8_t)(1u << (number & 7u));
    if ((c->seen[number >> 3] & bit) != 0) {
        return false;
    }
    c->seen[number >> 3] |= bit;
    return true;
}

/* ---- pages and nodes */
static struct pk_mdb_page head_of(const struct checker *c) {
    struct pk_mdb_page h;
    memset(&h, 0, sizeof h);
    memcpy(&h, c->page, PK_MDB_HEAD_BYTES);
    return h;
}

static uint32_t key_count(const struct checker *c) {
    return (uint32_t)(head_of(c).lower - PK_MDB_HEAD_BYTES) / 2u;
}

static int load_page(struct walk *w, size_t number, bool is_first_time) {
    struct checker *c = w->c;
    if (!is_page(c, number)) {
        return bad(c, "a reference leads out of the file", number);
    }
    if (is_first_time && !mark(c, number)) {
        return bad(c, "a page is used twice", number);
    }
    const int err = read_at(c, c->page, c->page_bytes, (uint64_t)number * c->page_bytes);
    if (err != PK_OK) {
        return err;
    }
    c->page_number = number;
    const struct pk_mdb_page h = head_of(c);
    if (h.number != number || (h.flags != PK_MDB_BRANCH && h.flags != PK_MDB_LEAF)) {
        return bad(c, "a page is not what it should be", number);
    }
    if (h.lower < PK_MDB_HEAD_BYTES || h.lower > h.upper || h.upper > c->page_bytes || (h.lower & 1u) != 0) {
        return bad(c, "a page has an impossible fill", number);
    }
    return PK_OK;
}

static int node_at(const struct walk *w, uint32_t index, bool is_branch, struct node *out) {
    struct checker *c = w->c;
    uint16_t offset;
    memcpy(&offset, c->page + PK_MDB_HEAD_BYTES + 2u * index, sizeof offset);
    if (offset < head_of(c).upper || offset > c->page_bytes - PK_MDB_NODE_BYTES || (offset & 1u) != 0) {
        return bad(c, "a record lies outside its page", c->page_number);
    }
    uint16_t part[4];
    memcpy(part, c->page + offset, sizeof part);
    const uint16_t one = 1;
    const bool is_little = *(const uint8_t *)&one == 1;
    const uint32_t low = is_little ? part[0] : part[1];
    const uint32_t high = is_little ? part[1] : part[0];
    *out = (struct node){.low = low | high << 16,
                         .flags = part[2],
                         .key_bytes = part[3],
                         .child = (size_t)low | (size_t)high << 16,
                         .key = c->page + offset + PK_MDB_NODE_BYTES};
#if SIZE_MAX > UINT32_MAX
    out->child |= (size_t)part[2] << 32;
#endif
    out->data = out->key + out->key_bytes;
    const uint32_t data_bytes = is_branch                             ? 0u
                                : (out->flags & PK_MDB_NODE_BIG) != 0 ? (uint32_t)sizeof(size_t)
                                                                      : out->low;
    if (out->key_bytes > KEY_MAX || out->key_bytes > c->page_bytes - PK_MDB_NODE_BYTES - offset ||
        data_bytes > c->page_bytes - PK_MDB_NODE_BYTES - offset - out->key_bytes) {
        return bad(c, "a record runs out of its page", c->page_number);
    }
    return PK_OK;
}

/* ---- order of keys */
static int compare(const struct walk *w, const uint8_t *a, uint32_t a_bytes, const uint8_t *b,
                   uint32_t b_bytes) {
    if (w->kind == KIND_FREE) {
        size_t x = 0;
        size_t y = 0;
        memcpy(&x, a, a_bytes < sizeof x ? a_bytes : sizeof x);
        memcpy(&y, b, b_bytes < sizeof y ? b_bytes : sizeof y);
        return x < y ? -1 : x > y ? 1 : 0;
    }
    const int r = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);
    if (r != 0) {
        return r;
    }
    return a_bytes < b_bytes ? -1 : a_bytes > b_bytes ? 1 : 0;
}

static int check_order(struct walk *w, const struct node *n, bool is_branch) {
    if (n->key_bytes == 0 || (w->kind == KIND_FREE && n->key_bytes != sizeof(size_t))) {
        return bad(w->c, "a key has an impossible length", w->c->page_number);
    }
    if (w->has_bound) {
        const int r = compare(w, n->key, n->key_bytes, w->bound, w->bound_bytes);
        if (r < 0 || (r == 0 && (is_branch || !w->may_equal))) {
            return bad(w->c, "keys are out of order", w->c->page_number);
        }
    }
    memcpy(w->bound, n->key, n->key_bytes);
    w->bound_bytes = n->key_bytes;
    w->has_bound = true;
    w->may_equal = is_branch;
    return PK_OK;
}

/* ---- what a leaf holds */
static int check_free_list(struct walk *w, const uint8_t *p, size_t n, size_t txn) {
    struct checker *c = w->c;
    size_t count = 0;
    if (n < sizeof count || n % sizeof count != 0 || txn > c->meta.txn) {
        return bad(c, "a free list has an impossible shape", c->page_number);
    }
    if (txn > c->newest_free_txn) {
        c->newest_free_txn = txn;
    }
    memcpy(&count, p, sizeof count);
    if (count == 0 || count > n / sizeof count - 1u) {
        return bad(c, "a free list has an impossible length", c->page_number);
    }
    for (size_t i = 1; i <= count; i++) {
        size_t number;
        memcpy(&number, p + i * sizeof number, sizeof number);
        if (!is_page(c, number) || !mark(c, number)) {
            return bad(c, "a free page is in use, free twice or outside", number);
        }
    }
    c->counts->free_pages += count;
    return PK_OK;
}

static int check_named(struct walk *w, const struct node *n) {
    struct checker *c = w->c;
    static const char *const names[PK_TREE_COUNT] = {"journal", "objects"};
    if (n->flags != PK_MDB_NODE_SUB || n->low != sizeof(struct pk_mdb_tree)) {
        return bad(c, "the list of trees holds something else", c->page_number);
    }
    for (uint32_t i = 0; i < PK_TREE_COUNT; i++) {
        if (n->key_bytes == strlen(names[i]) && memcmp(n->key, names[i], n->key_bytes) == 0) {
            memcpy(&c->ours[i], n->data, sizeof c->ours[i]);
            c->has_ours[i] = true;
            return PK_OK;
        }
    }
    return bad(c, "the list of trees has an unknown name", c->page_number);
}

static int check_value(struct walk *w, const struct node *n, const uint8_t *data, size_t data_bytes) {
    size_t txn;
    switch (w->kind) {
    case KIND_FREE:
        memcpy(&txn, n->key, sizeof txn);
        return check_free_list(w, data, data_bytes, txn);
    case KIND_MAIN:
        return check_named(w, n);
    case KIND_OURS:
        break;
    }
    struct pk_str value;
    w->c->counts->records++;
    if (data_bytes > UINT32_MAX ||
        pk_store_unwrap(w->tree, pk_str_make((const char *)n->key, n->key_bytes),
                        pk_str_make((const char *)data, data_bytes), &value) != PK_OK) {
        w->c->counts->bad_values++;
        return bad(w->c, "a value fails its check sum", w->c->page_number);
    }
    return PK_OK;
}

/* A value on pages of its own: long free lists. */
static int check_big(struct walk *w, const struct node *n) {
    struct checker *c = w->c;
    size_t first;
    memcpy(&first, n->data, sizeof first);
    const size_t count = ((size_t)n->low + PK_MDB_HEAD_BYTES - 1u) / c->page_bytes + 1u;
    if (w->kind == KIND_MAIN || !is_page(c, first) || count > c->meta.last_page - first + 1u) {
        return bad(c, "a long value leads out of the file", c->page_number);
    }
    for (size_t i = 0; i < count; i++) {
        if (!mark(c, first + i)) {
            return bad(c, "a page is used twice", first + i);
        }
    }
    w->overflow_pages += count;
    uint8_t *bytes = malloc(PK_MDB_HEAD_BYTES + n->low);
    if (bytes == NULL) {
        pk_buf_puts(c->why, "no memory for a long value");
        return PK_E_FULL;
    }
    int err = read_at(c, bytes, PK_MDB_HEAD_BYTES + n->low, (uint64_t)first * c->page_bytes);
    struct pk_mdb_page h;
    memset(&h, 0, sizeof h);
    memcpy(&h, bytes, PK_MDB_HEAD_BYTES);
    uint32_t page_count;
    memcpy(&page_count, bytes + offsetof(struct pk_mdb_page, lower), sizeof page_count);
    if (err == PK_OK && (h.number != first || h.flags != PK_MDB_OVERFLOW || page_count != count)) {
        err = bad(c, "a page is not what it should be", first);
    }
    if (err == PK_OK) {
        err = check_value(w, n, bytes + PK_MDB_HEAD_BYTES, n->low);
    }
    free(bytes);
    return err;
}

static int check_leaf(struct walk *w) {
    if (w->depth != w->db->depth) {
        return bad(w->c, "a tree is not balanced", w->c->page_number);
    }
    w->leaf_pages++;
    const uint32_t count = key_count(w->c);
    if (count == 0) {
        return bad(w->c, "an empty page is in a tree", w->c->page_number);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct node n = {0};
        int err = node_at(w, i, false, &n);
        if (err == PK_OK) {
            err = check_order(w, &n, false);
        }
        if (err == PK_OK && w->kind != KIND_MAIN && (n.flags & ~(uint32_t)PK_MDB_NODE_BIG) != 0) {
            err = bad(w->c, "a record is of an unknown kind", w->c->page_number);
        }
        if (err == PK_OK) {
            err = (n.flags & PK_MDB_NODE_BIG) != 0 ? check_big(w, &n) : check_value(w, &n, n.data, n.low);
        }
        if (err != PK_OK) {
            return err;
        }
        w->entries++;
    }
    return PK_OK;
}

/* ---- a tree */
static int push(struct walk *w, size_t number) {
    if (w->depth == PK_MDB_DEPTH_MAX || w->depth == w->db->depth) {
        return bad(w->c, "a tree is deeper than it says", number);
    }
    const int err = load_page(w, number, true);
    if (err != PK_OK) {
        return err;
    }
    w->stack[w->depth++] = (struct level){.page = number};
    if (head_of(w->c).flags == PK_MDB_LEAF) {
        const int leaf_err = check_leaf(w);
        w->depth--;
        return leaf_err;
    }
    w->branch_pages++;
    return key_count(w->c) >= 2u ? PK_OK : bad(w->c, "a branch has no choice", number);
}

/* Goes on with the innermost branch page: its next child, or up. */
static int descend(struct walk *w) {
    PK_ASSERT(w->depth > 0 && w->depth <= PK_MDB_DEPTH_MAX);
    struct level *top = &w->stack[w->depth - 1u];
    int err = w->c->page_number == top->page ? PK_OK : load_page(w, top->page, false);
    if (err != PK_OK) {
        return err;
    }
    if (top->at == key_count(w->c)) {
        w->depth--;
        return PK_OK;
    }
    struct node n = {0};
    err = node_at(w, top->at, true, &n);
    if (err == PK_OK && top->at > 0) {
        err = check_order(w, &n, true); /* the first key of a branch is left out */
    }
    top->at++;
    return err == PK_OK ? push(w, n.child) : err;
}

static int check_tree(struct checker *c, enum tree_kind kind, enum pk_tree tree,
                      const struct pk_mdb_tree *db) {
    if ((db->flags & PK_MDB_TREE_FORM) != (kind == KIND_FREE ? PK_MDB_INTEGER_KEYS : 0)) {
        return bad(c, "a tree is of an unknown form", PK_MDB_NO_PAGE);
    }
    if (db->root == PK_MDB_NO_PAGE) {
        return db->depth == 0 && db->entries == 0 ? PK_OK
                                                  : bad(c, "an empty tree has entries", PK_MDB_NO_PAGE);
    }
    struct walk w = {.c = c, .kind = kind, .tree = tree, .db = db};
    int err = push(&w, db->root);
    while (err == PK_OK && w.depth > 0) {
        err = descend(&w);
    }
    if (err != PK_OK) {
        return err;
    }
    if (w.entries != db->entries || w.leaf_pages != db->leaf_pages || w.branch_pages != db->branch_pages ||
        w.overflow_pages != db->overflow_pages) {
        return bad(c, "a tree does not hold what it counts", db->root);
    }
    return PK_OK;
}

/* ---- meta pages */
static bool is_power_of_two(uint32_t v) {
    return v != 0 && (v & (v - 1u)) == 0;
}

/* Transaction n writes the head n % 2, so the two heads of a store are neighbours. Nothing else guards these
 * numbers: with a wrong one, an older state would be opened as if it were the newest. */
static bool are_neighbours(const struct pk_mdb_meta metas[PK_MDB_METAS]) {
    const size_t even = metas[0].txn;
    const size_t odd = metas[1].txn;
    if (even == 0 && odd == 0) {
        return true; /* made, but nothing was committed yet */
    }
    return even % 2 == 0 && odd % 2 == 1 && (odd == even + 1 || even == odd + 1);
}

static int read_metas(struct checker *c) {
    struct pk_mdb_meta metas[PK_MDB_METAS];
    uint8_t bytes[PK_MDB_HEAD_BYTES + sizeof metas[0]];
    for (uint32_t i = 0; i < PK_MDB_METAS; i++) {
        const int err = read_at(c, bytes, sizeof bytes, (uint64_t)i * c->page_bytes);
        if (err != PK_OK) {
            return err;
        }
        struct pk_mdb_page h;
        memset(&h, 0, sizeof h);
        memcpy(&h, bytes, PK_MDB_HEAD_BYTES);
        memcpy(&metas[i], bytes + PK_MDB_HEAD_BYTES, sizeof metas[i]);
        if (h.number != i || (h.flags & PK_MDB_META) == 0 || metas[i].magic != PK_MDB_MAGIC ||
            metas[i].version != PK_MDB_VERSION) {
            return bad(c, "not a store, or made on another kind of machine", i);
        }
        const uint32_t page_bytes = metas[i].trees[0].pad;
        if (!is_power_of_two(page_bytes) || page_bytes < PK_MDB_PAGE_MIN || page_bytes > PK_MDB_PAGE_MAX ||
            (i > 0 && page_bytes != c->page_bytes)) {
            return bad(c, "the page size is impossible", i);
        }
        c->page_bytes = page_bytes;
    }
    if (!are_neighbours(metas)) {
        return bad(c, "the numbers of the last two transactions do not fit together", 0);
    }
    const uint32_t newest = metas[0].txn < metas[1].txn ? 1 : 0;
    c->meta = metas[newest];
    c->before = metas[1u - newest];
    return PK_OK;
}

static int check_sizes(struct checker *c) {
    struct stat st;
    if (fstat(c->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return bad(c, "not a regular file", PK_MDB_NO_PAGE);
    }
    if (c->page_bytes != (uint32_t)getpagesize()) {
        return bad(c, "made with another page size", PK_MDB_NO_PAGE);
    }
    const uint64_t pages = (uint64_t)st.st_size / c->page_bytes;
    const struct pk_mdb_meta *m = &c->meta;
    if (pages < PK_MDB_METAS || m->last_page < 1u || m->last_page > m->map_bytes / c->page_bytes) {
        return bad(c, "the sizes do not fit together", PK_MDB_NO_PAGE);
    }
    for (uint32_t i = 0; i < 2; i++) {
        const size_t root = m->trees[i].root;
        if (root != PK_MDB_NO_PAGE && (!is_page(c, root) || root >= pages)) {
            return bad(c, "the file ends too early", root);
        }
    }
    return PK_OK;
}

/* What will be the same at the next try counts as damage; moving it aside loses nothing of it. */
static int open_error(struct checker *c) {
    if (errno == ENOENT) {
        return PK_E_NOT_FOUND;
    }
    if (errno == EACCES || errno == EPERM || errno == ELOOP) {
        pk_buf_puts(c->why, "the agent's user may not read the file, or it is a link");
        return PK_E_CORRUPT;
    }
    pk_buf_puts(c->why, "the file cannot be opened");
    return PK_E_IO;
}

static int open_file(struct checker *c, const char *path) {
    c->fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (c->fd < 0) {
        return open_error(c);
    }
    struct stat st;
    if (fstat(c->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        pk_buf_puts(c->why, "it is not a regular file");
        return PK_E_CORRUPT;
    }
    if (st.st_size == 0) {
        return PK_E_NOT_FOUND; /* made, but nothing was written before the end */
    }
    const int err = read_metas(c);
    return err != PK_OK ? err : check_sizes(c);
}

/* Every transaction but the first replaces a root page, so it leaves a free list under its own number: a head
 * whose number was changed is found by it. */
static int check_free_tree(struct checker *c) {
    c->newest_free_txn = 0;
    const int err = check_tree(c, KIND_FREE, PK_TREE_COUNT, &c->meta.trees[0]);
    if (err == PK_OK && c->meta.txn > 1 && c->newest_free_txn != c->meta.txn) {
        return bad(c, "a head has the number of another transaction", PK_MDB_NO_PAGE);
    }
    return err;
}

/* LMDB keeps the state before the newest whole. */
static int check_before(struct checker *c, size_t bitmap_bytes) {
    struct pk_store_counts counts = {0};
    struct pk_store_counts *out = c->counts;
    memset(c->seen, 0, bitmap_bytes);
    c->meta = c->before;
    c->counts = &counts;
    const int err = check_free_tree(c);
    c->counts = out;
    return err;
}

static int check_all(struct checker *c) {
    if (c->before.last_page > c->meta.last_page) {
        return bad(c, "the store was larger a transaction ago", PK_MDB_NO_PAGE);
    }
    const size_t bitmap_bytes = c->meta.last_page / 8u + 1u;
    c->seen = calloc(1, bitmap_bytes);
    c->page = malloc(c->page_bytes);
    if (c->seen == NULL || c->page == NULL) {
        pk_buf_puts(c->why, "no memory for the check");
        return PK_E_FULL;
    }
    c->page_number = PK_MDB_NO_PAGE;
    c->counts->pages = c->meta.last_page + 1u;
    int err = check_tree(c, KIND_MAIN, PK_TREE_COUNT, &c->meta.trees[1]);
    for (uint32_t i = 0; i < PK_TREE_COUNT && err == PK_OK; i++) {
        if (c->has_ours[i]) {
            err = check_tree(c, KIND_OURS, (enum pk_tree)i, &c->ours[i]);
        }
    }
    if (err == PK_OK) {
        err = check_free_tree(c);
    }
    return err == PK_OK ? check_before(c, bitmap_bytes) : err;
}

int pk_store_check(const char *path, struct pk_store_counts *out, struct pk_buf *why) {
    *out = (struct pk_store_counts){0};
    struct checker c = {.fd = -1, .counts = out, .why = why};
    int err = open_file(&c, path);
    if (err == PK_OK) {
        err = check_all(&c);
    }
    free(c.seen);
    free(c.page);
    if (c.fd >= 0) {
        close(c.fd);
    }
    return err == PK_E_NOT_FOUND ? PK_OK : err;
}

int pk_store_check_head(const char *path, struct pk_buf *why) {
    struct pk_store_counts counts;
    struct checker c = {.fd = -1, .counts = &counts, .why = why};
    const int err = open_file(&c, path);
    if (c.fd >= 0) {
        close(c.fd);
    }
    return err;
}
