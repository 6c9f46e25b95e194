#ifndef PK_MQTT_PROPS_H
#define PK_MQTT_PROPS_H
/* Properties of MQTT 5.0 (section 2.2.2): decoded strictly into one flat struct whose texts point into the
 * packet. */
#include "base/pk_text.h"

enum pk_mqtt_prop {
    PK_MQTT_PROP_PAYLOAD_FORMAT = 1,
    PK_MQTT_PROP_MESSAGE_EXPIRY = 2,
    PK_MQTT_PROP_CONTENT_TYPE = 3,
    PK_MQTT_PROP_RESPONSE_TOPIC = 8,
    PK_MQTT_PROP_CORRELATION = 9,
    PK_MQTT_PROP_SUBSCRIPTION_ID = 11,
    PK_MQTT_PROP_SESSION_EXPIRY = 17,
    PK_MQTT_PROP_ASSIGNED_CLIENT_ID = 18,
    PK_MQTT_PROP_SERVER_KEEP_ALIVE = 19,
    PK_MQTT_PROP_AUTH_METHOD = 21,
    PK_MQTT_PROP_AUTH_DATA = 22,
    PK_MQTT_PROP_REQUEST_PROBLEM = 23,
    PK_MQTT_PROP_WILL_DELAY = 24,
    PK_MQTT_PROP_REQUEST_RESPONSE = 25,
    PK_MQTT_PROP_RESPONSE_INFO = 26,
    PK_MQTT_PROP_SERVER_REFERENCE = 28,
    PK_MQTT_PROP_REASON_STRING = 31,
    PK_MQTT_PROP_RECEIVE_MAXIMUM = 33,
    PK_MQTT_PROP_TOPIC_ALIAS_MAXIMUM = 34,
    PK_MQTT_PROP_TOPIC_ALIAS = 35,
    PK_MQTT_PROP_MAXIMUM_QOS = 36,
    PK_MQTT_PROP_RETAIN_AVAILABLE = 37,
    PK_MQTT_PROP_USER = 38,
    PK_MQTT_PROP_MAXIMUM_PACKET = 39,
    PK_MQTT_PROP_WILDCARD_AVAILABLE = 40,
    PK_MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE = 41,
    PK_MQTT_PROP_SHARED_AVAILABLE = 42,
    PK_MQTT_PROP_COUNT = 43
};

/* Packets a server may send that carry properties. */
enum pk_mqtt_prop_place {
    PK_MQTT_PROPS_CONNACK = 1u << 0,
    PK_MQTT_PROPS_PUBLISH = 1u << 1,
    PK_MQTT_PROPS_ACK = 1u << 2, /* PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK */
    PK_MQTT_PROPS_DISCONNECT = 1u << 3
};

struct pk_mqtt_props {
    uint64_t present; /* bit n: property id n occurs; a field whose bit is clear is zero */
    uint32_t message_expiry_s;
    uint32_t session_expiry_s;
    uint32_t maximum_packet_bytes;
    uint32_t subscription_id; /* the first one; a message may carry several */
    uint16_t server_keep_alive_s;
    uint16_t receive_maximum;
    uint16_t topic_alias_maximum;
    uint16_t topic_alias;
    uint8_t payload_format; /* 1 = UTF-8 text */
    uint8_t maximum_qos;
    uint8_t retain_available;
    uint8_t wildcard_available;
    uint8_t subscription_id_available;
    uint8_t shared_available;
    struct pk_str content_type;
    struct pk_str response_topic;
    struct pk_str correlation; /* any bytes */
    struct pk_str assigned_client_id;
    struct pk_str auth_method;
    struct pk_str auth_data; /* any bytes */
    struct pk_str response_info;
    struct pk_str server_reference;
    struct pk_str reason_string;
    struct pk_str raw; /* all property bytes, for the iterator below */
};

/* What is wrong with a packet: a reason code of DISCONNECT and a constant text for the log. */
struct pk_mqtt_fault {
    uint8_t reason;
    const char *what;
};

bool pk_mqtt_props_has(const struct pk_mqtt_props *props, enum pk_mqtt_prop id);

/* Decodes n property bytes (after their length). PK_OK or PK_E_PROTOCOL with *fault set: unknown id, id not
 * of this packet, twice, value out of its range, text that is not UTF-8 or holds U+0000, bytes missing. */
PK_MUST_USE int pk_mqtt_props_decode(const uint8_t *p, uint32_t n, enum pk_mqtt_prop_place place,
                                     struct pk_mqtt_props *out, struct pk_mqtt_fault *fault);

/* User properties in order of arrival: start with *at_byte = 0; false when there is no more. Only over
 * decoded (hence valid) properties. */
/* Subscription identifiers of a message, in order of arrival; as below. */
bool pk_mqtt_subscription_id_next(const struct pk_mqtt_props *props, uint32_t *at_byte, uint32_t *out_id);
bool pk_mqtt_user_property_next(const struct pk_mqtt_props *props, uint32_t *at_byte, struct pk_str *out_name,
                                struct pk_str *out_value);
#endif
