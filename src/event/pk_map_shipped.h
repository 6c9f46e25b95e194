#ifndef PK_MAP_SHIPPED_H
#define PK_MAP_SHIPPED_H
/* Mapping rows for neighbours on the broker whose topics are known; off unless the configuration wants them.
 */
#include "event/pk_map.h"

/* thin-edge.io: `[sources] thin_edge = yes`. Text as an operator would write it. */
extern const char PK_MAP_THIN_EDGE[];
/* Adds its rows; a row whose name is there already stays as it is. PK_OK or PK_E_FULL. */
PK_MUST_USE int pk_map_shipped_thin_edge(struct pk_map_table *t);
#endif
