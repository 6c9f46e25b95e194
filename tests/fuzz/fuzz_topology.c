/* topology.conf: any text is refused with a place, or makes a graph that says the same in both directions. */
#include "incident/pk_topology.h"

#include <string.h>

#include "base/pk_assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pk_topology topology;

static void check_node(uint16_t node) {
    uint64_t behind[PK_BITSET_WORDS(PK_LIMIT_TOPOLOGY_NODES)] = {0};
    const char *name = pk_topology_name(&topology, node);
    PK_ASSERT(name[0] != '\0' && strlen(name) < PK_TOPOLOGY_NAME_BYTES);
    PK_ASSERT(pk_topology_find(&topology, pk_str_of(name)) == node);
    pk_topology_blast(&topology, node, behind);
    for (uint32_t other = 0; other < topology.count; other++) {
        const bool needs = pk_topology_needs(&topology, (uint16_t)other, node) != 0;
        PK_ASSERT(other == node || needs == ((behind[other / 64u] >> other % 64u & 1u) != 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pk_diag diag = {.line = 0};
    pk_topology_init(&topology);
    if (pk_topology_parse(&topology, pk_str_make((const char *)data, size), "t", &diag) != PK_OK) {
        PK_ASSERT(diag.line > 0 && diag.message[0] != '\0');
        return 0;
    }
    pk_topology_finish(&topology);
    PK_ASSERT(topology.count <= PK_LIMIT_TOPOLOGY_NODES && topology.edge_count <= PK_LIMIT_TOPOLOGY_EDGES);
    for (uint32_t i = 0; i < topology.edge_count; i++) {
        PK_ASSERT(pk_topology_needs(&topology, topology.edges[i].from, topology.edges[i].to) == 1u);
    }
    for (uint32_t node = 0; node < topology.count; node++) {
        check_node((uint16_t)node);
    }
    return 0;
}
