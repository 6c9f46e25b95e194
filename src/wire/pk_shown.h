#ifndef PK_SHOWN_H
#define PK_SHOWN_H
/* What other programs on a broker are shown of us, in their own words: Home Assistant (its MQTT discovery:
 * one device, and a problem for each open incident) and thin-edge.io (alarms and events of the service
 * `picket` of the main device, mqtt-api.md). Everything but events is retained, and taken back with an empty
 * message. */
#include "base/pk_json.h"
#include "base/pk_severity.h"

enum pk_shown_kind {
    PK_SHOWN_HOME_DEVICE,   /* homeassistant/device/{gateway}/config */
    PK_SHOWN_HOME_STATE,    /* picket/v1/{site}/{gateway}/home */
    PK_SHOWN_HOME_INCIDENT, /* homeassistant/binary_sensor/{gateway}/{incident id}/config */
    PK_SHOWN_ALARM,         /* te/device/main/service/picket/a/{incident id} */
    PK_SHOWN_EVENT          /* te/device/main/service/picket/e/{what happened} */
};
enum { PK_SHOWN_TOPIC_BYTES = 160 };

/* Every topic of ours in thin-edge.io's tree begins so: a mapping row that reads alarms must not take them
 * for somebody else's. */
extern const char PK_SHOWN_THIN_EDGE[];

struct pk_shown_gateway {
    struct pk_str site, gateway, version, board;
};
struct pk_shown_state {
    bool has_problem; /* an open incident is high or critical */
    bool is_hub_linked;
    uint32_t open_count;
    int8_t worst;           /* enum pk_severity; negative: nothing is open */
    uint64_t waiting_count; /* reports that were not sent yet */
    uint32_t store_pct;
};

/* Appends it; part: what stands in braces beside site and gateway, else empty. PK_OK, PK_E_TOO_BIG,
 * PK_E_BAD_FIELD (site or gateway). */
PK_MUST_USE int pk_shown_topic(struct pk_buf *out, enum pk_shown_kind kind, const struct pk_shown_gateway *g,
                               struct pk_str part);
/* The payloads, each a whole object. */
void pk_shown_home_device(struct pk_json_writer *w, const struct pk_shown_gateway *g);
void pk_shown_home_state(struct pk_json_writer *w, const struct pk_shown_state *s);
void pk_shown_home_incident(struct pk_json_writer *w, const struct pk_shown_gateway *g, struct pk_str id,
                            struct pk_str title);
/* wall_ms 0: not known, left out. */
void pk_shown_alarm(struct pk_json_writer *w, uint8_t severity, struct pk_str title, int64_t wall_ms);
void pk_shown_event(struct pk_json_writer *w, struct pk_str id, struct pk_str title, int64_t wall_ms);
#endif
