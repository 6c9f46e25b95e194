#include "mqtt/pk_mqtt_varint.h"

#include "base/pk_assert.h"

int pk_mqtt_varint_decode(const uint8_t *p, uint32_t n, uint32_t *out) {
    uint32_t value = 0;
    for (uint32_t i = 0; i < 4; i++) {
        if (i == n) {
            return PK_E_AGAIN;
        }
        value |= (uint32_t)(p[i] & 0x7Fu) << (7u * i);
        if ((p[i] & 0x80u) == 0) {
            *out = value;
            return (int)i + 1;
        }
    }
    return PK_E_PROTOCOL;
}

uint32_t pk_mqtt_varint_bytes(uint32_t value) {
    PK_ASSERT(value <= PK_MQTT_VARINT_MAX);
    return value < 128u ? 1u : value < 16384u ? 2u : value < 2097152u ? 3u : 4u;
}

uint32_t pk_mqtt_varint_encode(uint32_t value, uint8_t *p) {
    const uint32_t n = pk_mqtt_varint_bytes(value);
    for (uint32_t i = 0; i + 1 < n; i++) {
        p[i] = (uint8_t)(0x80u | (value & 0x7Fu));
        value >>= 7;
    }
    p[n - 1] = (uint8_t)value;
    return n;
}
