#ifndef PK_MQTT_TOPIC_H
#define PK_MQTT_TOPIC_H
/* Topic names and filters (MQTT 5.0 section 4.7, 4.8.2) and MQTT's text rule. Pure functions over slices. */
#include "base/pk_text.h"

enum { PK_MQTT_TEXT_BYTES_MAX = 65535 };

/* UTF-8 without U+0000, at most 65535 bytes (MQTT-1.5.4-1, -2). */
bool pk_mqtt_text_is_valid(struct pk_str s);
/* At least one character, valid text, no wildcard. */
bool pk_mqtt_topic_is_name(struct pk_str s);
/* Wildcards only where they may stand; "$share/group/filter" with a group of one character at least, without
 * '+' and '#', and a filter after it. */
bool pk_mqtt_topic_is_filter(struct pk_str s);
bool pk_mqtt_filter_is_shared(struct pk_str filter);
bool pk_mqtt_filter_has_wildcard(struct pk_str filter);
/* Does a message on `name` reach a subscription of `filter`? Both must be valid. A leading wildcard does not
 * match a name that starts with '$' (MQTT-4.7.2-1); "a/#" matches "a"; of a shared filter the part after the
 * group counts. */
bool pk_mqtt_topic_matches(struct pk_str filter, struct pk_str name);
#endif
