#ifndef PK_TOPOLOGY_H
#define PK_TOPOLOGY_H
/* What depends on what, as an operator wrote it in topology.conf:
 *     # what stands left does not work without what stands right
 *     api -> db, cache
 *     web -> api
 * Names are those of components: event sources, services, disks. Everything a component depends on, near or
 * far, is worked out when the file is read; circles are allowed and mean that each needs the other. */
#include "base/pk_bitset.h"
#include "base/pk_ini.h"
#include "pk_limits.h"

enum { PK_TOPOLOGY_NAME_BYTES = 65, PK_TOPOLOGY_BUCKETS = 64 };
#define PK_TOPOLOGY_NONE UINT16_MAX

struct pk_topology_edge {
    uint16_t from, to; /* nodes: from depends on to */
};
struct pk_topology {
    char text[PK_LIMIT_TOPOLOGY_TEXT_BYTES]; /* names, terminated */
    uint32_t text_bytes;
    uint32_t count, edge_count;
    uint32_t name_at[PK_LIMIT_TOPOLOGY_NODES]; /* into text */
    uint16_t next[PK_LIMIT_TOPOLOGY_NODES];    /* chain of the name index: node + 1, 0 ends */
    uint16_t buckets[PK_TOPOLOGY_BUCKETS];
    struct pk_topology_edge edges[PK_LIMIT_TOPOLOGY_EDGES];
    /* Bit n of row x: x depends on n, directly or not. */
    uint64_t needs[PK_LIMIT_TOPOLOGY_NODES][PK_BITSET_WORDS(PK_LIMIT_TOPOLOGY_NODES)];
};

void pk_topology_init(struct pk_topology *t);
/* Adds one file. PK_OK, or PK_E_CONFIG with *diag: no "->", a name that is none, a component that depends on
 * itself, or more than the board has room for. *t is then undefined. */
PK_MUST_USE int pk_topology_parse(struct pk_topology *t, struct pk_str text, const char *file,
                                  struct pk_diag *diag);
/* After the last file: works out `needs`. */
void pk_topology_finish(struct pk_topology *t);
uint16_t pk_topology_find(const struct pk_topology *t, struct pk_str name); /* PK_TOPOLOGY_NONE */
const char *pk_topology_name(const struct pk_topology *t, uint16_t node);
/* 0 no, 1 directly, 2 through others. Of PK_TOPOLOGY_NONE: 0. */
unsigned pk_topology_needs(const struct pk_topology *t, uint16_t node, uint16_t on);
/* Adds every node that depends on this one to the set. */
void pk_topology_blast(const struct pk_topology *t, uint16_t node,
                       uint64_t set[PK_BITSET_WORDS(PK_LIMIT_TOPOLOGY_NODES)]);
#endif
