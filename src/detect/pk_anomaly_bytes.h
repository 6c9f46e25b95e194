#ifndef PK_ANOMALY_BYTES_H
#define PK_ANOMALY_BYTES_H
/* A series as bytes, to keep it over a restart: the same on every machine. */
#include "detect/pk_anomaly.h"

void pk_anomaly_save(const struct pk_anomaly *a, uint8_t out[PK_ANOMALY_BYTES]);
/* PK_E_UNSUPPORTED: another version. PK_E_CORRUPT: no series can be like this. On an error *a is as after
 * init. */
PK_MUST_USE int pk_anomaly_load(struct pk_anomaly *a, const uint8_t *bytes, uint32_t n);
#endif
