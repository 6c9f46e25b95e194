#ifndef PK_MQTT_VARINT_H
#define PK_MQTT_VARINT_H
/* Variable Byte Integer (MQTT 5.0 section 1.5.5): seven bits a byte, low first, 1 to 4 bytes. */
#include <stdint.h>

#include "base/pk_err.h"

#define PK_MQTT_VARINT_MAX 268435455u

/* Bytes read (1..4) with *out set; PK_E_AGAIN when n bytes are not the whole; PK_E_PROTOCOL when a fifth byte
 * would follow. A longer form than needed is returned as it is: compare with pk_mqtt_varint_bytes, 5.0
 * forbids it (MQTT-1.5.5-1). */
PK_MUST_USE int pk_mqtt_varint_decode(const uint8_t *p, uint32_t n, uint32_t *out);
/* Bytes of the shortest form; value <= PK_MQTT_VARINT_MAX. */
uint32_t pk_mqtt_varint_bytes(uint32_t value);
/* Writes the shortest form and returns its bytes; p has room for 4. */
uint32_t pk_mqtt_varint_encode(uint32_t value, uint8_t *p);
#endif
