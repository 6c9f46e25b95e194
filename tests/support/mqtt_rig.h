#ifndef MQTT_RIG_H
#define MQTT_RIG_H
/* An MQTT client with its memory and a hand that plays the server, byte by byte in hex. */
#include "mqtt/pk_mqtt_client.h"

enum { RIG_RX_BYTES = 1024, RIG_TX_BYTES = 1024, RIG_SLOTS = 8, RIG_ALIASES = 2 };

struct mqtt_rig {
    struct pk_mqtt_client client;
    struct pk_mqtt_config config;
    uint8_t rx[RIG_RX_BYTES], tx[RIG_TX_BYTES];
    struct pk_mqtt_out_slot out[RIG_SLOTS];
    struct pk_mqtt_in_slot in[RIG_SLOTS];
    struct pk_mqtt_alias_slot aliases[RIG_ALIASES];
    uint64_t now_ms;
    struct pk_mqtt_event event; /* the last one pulled */
};

/* "20 03 00" to bytes; blanks are skipped, 'text' in single quotes is taken as it is. Bytes written. */
uint32_t rig_hex(const char *hex, uint8_t *out, uint32_t cap_bytes);

/* 5.0, client id "gw", session expiry 100 s, keep-alive 60 s, not yet started. */
void rig_init(struct mqtt_rig *rig, enum pk_mqtt_version version);
/* The same, and it takes RIG_ALIASES topic aliases. */
void rig_init_with_aliases(struct mqtt_rig *rig);
/* Starts, drops the CONNECT, answers CONNACK with success; true when the CONNECTED event came. */
bool rig_connect(struct mqtt_rig *rig, bool session_present);
/* The same with these CONNACK properties in hex (without their length). */
bool rig_connect_with(struct mqtt_rig *rig, bool session_present, const char *props_hex);

/* The server says these bytes. */
void rig_feed(struct mqtt_rig *rig, const char *hex);
/* Pulls the next event into rig->event; -1 when there is none. */
int rig_event(struct mqtt_rig *rig);
/* Everything the client wants to send is exactly these bytes; it is taken. Prints both when not. */
bool rig_sends(struct mqtt_rig *rig, const char *hex);
/* Takes what is to be sent: bytes. */
uint32_t rig_take(struct mqtt_rig *rig, uint8_t *out, uint32_t cap_bytes);

/* A message of topic "t" and this payload. */
struct pk_mqtt_publish rig_message(const char *payload, uint8_t qos);
#endif
