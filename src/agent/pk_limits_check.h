#ifndef PK_LIMITS_CHECK_H
#define PK_LIMITS_CHECK_H
/* Relations between limits, checked once a board's overrides are final. */
#include "pk_limits.h"
#include "port/port.h"

#define PK_IS_POWER_OF_TWO(n) ((n) != 0u && ((n) & ((n)-1u)) == 0u)

_Static_assert(PK_IS_POWER_OF_TWO(PK_LIMIT_EVENT_HISTORY), "indices wrap by mask");
_Static_assert(PK_IS_POWER_OF_TWO(PK_LIMIT_TEXT_RING_BYTES), "positions wrap by mask");
_Static_assert(PK_IS_POWER_OF_TWO(PK_LIMIT_INTAKE_EVENTS), "indices wrap by mask");
_Static_assert(PK_LIMIT_SOURCES < 0xFFFFu && PK_LIMIT_TYPES < 0xFFFFu,
               "ids are 16 bits, the last means none");
_Static_assert(PK_LIMIT_HEARTBEATS <= PK_LIMIT_SOURCES && PK_LIMIT_HEARTBEATS < PK_LIMIT_KEYS,
               "every heartbeat is of a source and has a window");
_Static_assert(PK_LIMIT_LEARNED >= 16u && PK_LIMIT_LEARNED <= 4096u, "row numbers of the store are 16 bits");
_Static_assert(PK_LIMIT_RULES >= 16u && PK_LIMIT_RULES <= 512u, "range of the profile table");
_Static_assert(PK_LIMIT_INCIDENTS >= PK_LIMIT_RULES || PK_LIMIT_INCIDENTS >= 64u,
               "every rule can hold an open incident");
_Static_assert(PK_LIMIT_MQTT_TX_BYTES >= PK_LIMIT_PAYLOAD_BYTES + 1024u,
               "the largest payload and its topic fit the send buffer");
_Static_assert(PK_LIMIT_BATCH_BYTES >= 8u * PK_STORE_VALUE_BYTES, "a batch takes several incidents");
_Static_assert(PK_LIMIT_STORE_QUEUE_BYTES >= PK_LIMIT_BATCH_BYTES, "a whole batch fits the queue");
_Static_assert(PK_LIMIT_LINE_BYTES > 4096u, "an event of 4 KiB and its line end");
#endif
