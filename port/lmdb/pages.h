#ifndef PK_LMDB_PAGES_H
#define PK_LMDB_PAGES_H
/* The file format of LMDB 0.9 (data version 1) as far as a checker needs it: native word size and byte order,
 * as LMDB writes it. Source of the facts: mdb.c of 0.9.31, "MDB_page", "MDB_node", "MDB_db", "MDB_meta". */
#include <stddef.h>
#include <stdint.h>

enum { PK_MDB_BRANCH = 1, PK_MDB_LEAF = 2, PK_MDB_OVERFLOW = 4, PK_MDB_META = 8 };
enum { PK_MDB_NODE_BIG = 1, PK_MDB_NODE_SUB = 2 };
enum { PK_MDB_INTEGER_KEYS = 8, PK_MDB_TREE_FORM = 0x7f }; /* the low bits of a tree's flags */
enum {
    PK_MDB_NODE_BYTES = 8,
    PK_MDB_METAS = 2,
    PK_MDB_DEPTH_MAX = 32,
    PK_MDB_PAGE_MAX = 65536,
    PK_MDB_PAGE_MIN = 512
};
#define PK_MDB_MAGIC 0xBEEFC0DEu
#define PK_MDB_VERSION 1u

struct pk_mdb_page {
    size_t number;
    uint16_t pad, flags;
    uint16_t lower, upper; /* of an overflow page: u32 count of pages */
};
#define PK_MDB_HEAD_BYTES (offsetof(struct pk_mdb_page, upper) + 2u)

struct pk_mdb_tree {
    uint32_t pad; /* of the free list's tree in a meta page: the page size */
    uint16_t flags, depth;
    size_t branch_pages, leaf_pages, overflow_pages, entries, root;
};

struct pk_mdb_meta {
    uint32_t magic, version;
    void *address;
    size_t map_bytes;
    struct pk_mdb_tree trees[2]; /* free list, main */
    size_t last_page, txn;
};
enum { PK_MDB_TREE_BYTES = 8 + 5 * sizeof(size_t) };
_Static_assert(sizeof(struct pk_mdb_tree) == PK_MDB_TREE_BYTES, "as LMDB lays it out");
#define PK_MDB_NO_PAGE SIZE_MAX
#endif
