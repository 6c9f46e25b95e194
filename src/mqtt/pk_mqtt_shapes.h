#ifndef PK_MQTT_SHAPES_H
#define PK_MQTT_SHAPES_H
/* What an application hands to the client: configuration, messages, filters. */
#include "base/pk_text.h"

enum pk_mqtt_version { PK_MQTT_V311 = 4, PK_MQTT_V5 = 5 };

struct pk_mqtt_user_property {
    struct pk_str name, value;
};

struct pk_mqtt_will {
    struct pk_str topic; /* empty: no will */
    struct pk_str payload;
    uint8_t qos;
    bool is_retained;
    bool payload_is_text;      /* payload format indicator 1 */
    uint32_t delay_s;          /* 0: at once */
    uint32_t message_expiry_s; /* 0: none */
    struct pk_str content_type;
    const struct pk_mqtt_user_property *user;
    uint32_t user_count;
};

/* Borrowed: must outlive the client. Read at pk_mqtt_start, so it may be changed between connections (a will
 * that carries the time of connecting, a clean start after a lost store). What 3.1.1 does not have is left
 * out there. */
struct pk_mqtt_config {
    uint8_t version;         /* enum pk_mqtt_version */
    struct pk_str client_id; /* empty: the server assigns one (in PK_MQTT_EV_CONNECTED) */
    bool has_username, has_password;
    struct pk_str username;
    struct pk_str password; /* any bytes */
    bool clean_start;
    /* The application kept its part of an earlier session (its outbox and de-duplication) over a restart.
     * When false, the first connection starts clean: a session one knows nothing of may not be resumed
     * (MQTT-3.2.2-4), and asking for it again and again would never end. */
    bool resumes_session;
    uint32_t session_expiry_s;   /* 0: the session ends with the connection; 0xFFFFFFFF: never */
    uint16_t keep_alive_s;       /* 0: off */
    uint16_t receive_maximum;    /* 0: as many as the `in` array has (half of it when accepts_qos2) */
    uint32_t max_packet_bytes;   /* 0: the size of the rx buffer; never more than it */
    bool accepts_qos2;           /* may subscribe with QoS 2 */
    uint32_t connect_timeout_ms; /* from pk_mqtt_start to CONNACK */
    uint32_t ping_timeout_ms;    /* silence after a PINGREQ; 0: half the keep-alive */
    struct pk_mqtt_will will;
};

struct pk_mqtt_publish {
    struct pk_str topic;
    const void *payload;
    uint32_t payload_bytes;
    uint8_t qos; /* 0, 1, 2 */
    bool is_retained;
    bool may_overtake;         /* may be sent before messages that wait to be sent again: a birth */
    bool payload_is_text;      /* payload format indicator 1 */
    uint32_t message_expiry_s; /* 0: none */
    /* 1..PK_MQTT_OUT_ALIASES_MAX: the topic is sent once a connection and then only this number, where the
     * server offers so many. 0: the topic each time. */
    uint16_t topic_alias;
    struct pk_str content_type;
    struct pk_str response_topic;
    bool has_correlation;
    struct pk_str correlation;
    const struct pk_mqtt_user_property *user;
    uint32_t user_count;
};

struct pk_mqtt_filter {
    struct pk_str filter;
    uint8_t qos;
    bool no_local;
    bool retain_as_published;
    uint8_t retain_handling; /* 0 send retained messages, 1 only for a new subscription, 2 do not */
};
#endif
