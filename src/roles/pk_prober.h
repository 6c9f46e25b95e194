#ifndef PK_PROBER_H
#define PK_PROBER_H
/* What a prober does (DESIGN 3): one measurement against strangers, in a sealed process of its own, into one
 * fixed result. */
#include "event/pk_probe.h"
#include "port/super.h"

enum { PK_PROBER_FILE_BYTES = 65536 };

/* What was read before the seal, each followed by a terminator that is not counted. */
struct pk_prober_files {
    struct pk_str ca, file;
    int error; /* of reading them */
};

struct pk_prober {
    const struct pk_port_dial *dial;
    const struct pk_ipc_probe_order *order;
    const struct pk_prober_files *files;
    struct pk_ipc_probed *out;
    uint64_t deadline_us;
    struct pk_prom_selector selectors[PK_PROM_SERIES];
    struct pk_prom page;
    char bytes[16384]; /* of the connection */
};

/* The file the prober has to read before it is sealed, or "". */
const char *pk_prober_file(const struct pk_ipc_probe_order *order);
/* Always fills *out. The order is trusted to be terminated (pk_prober_is_order). */
void pk_prober_run(struct pk_prober *p, const struct pk_port_dial *dial,
                   const struct pk_ipc_probe_order *order, const struct pk_prober_files *files,
                   struct pk_ipc_probed *out);
/* Whether the bytes are an order this binary writes. */
bool pk_prober_is_order(const struct pk_ipc_probe_order *order);
#endif
