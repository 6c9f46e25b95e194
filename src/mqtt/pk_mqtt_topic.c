#include "mqtt/pk_mqtt_topic.h"

#include <string.h>

static const char SHARE[] = "$share/";
enum { SHARE_BYTES = sizeof SHARE - 1 };

/* Eight bytes at a time: nearly every topic is plain ASCII, and this runs for each message. True when no byte
 * is zero or >= 0x80. */
static bool is_plain_ascii(struct pk_str s) {
    const uint64_t high = 0x8080808080808080u, low = 0x0101010101010101u;
    uint32_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t word;
        memcpy(&word, s.p + i, 8);
        if (((word | ((word - low) & ~word)) & high) != 0) {
            return false;
        }
    }
    for (; i < s.n; i++) {
        if (s.p[i] == '\0' || ((uint8_t)s.p[i] & 0x80u) != 0) {
            return false;
        }
    }
    return true;
}

static bool has_byte(struct pk_str s, char byte) {
    return s.n > 0 && memchr(s.p, byte, s.n) != NULL;
}

bool pk_mqtt_text_is_valid(struct pk_str s) {
    if (s.n > PK_MQTT_TEXT_BYTES_MAX) {
        return false;
    }
    return is_plain_ascii(s) || (!has_byte(s, '\0') && pk_text_is_utf8(s));
}

bool pk_mqtt_filter_has_wildcard(struct pk_str filter) {
    return has_byte(filter, '+') || has_byte(filter, '#');
}

bool pk_mqtt_topic_is_name(struct pk_str s) {
    return s.n > 0 && !pk_mqtt_filter_has_wildcard(s) && pk_mqtt_text_is_valid(s);
}

bool pk_mqtt_filter_is_shared(struct pk_str filter) {
    return filter.n >= SHARE_BYTES && memcmp(filter.p, SHARE, SHARE_BYTES) == 0;
}

/* The part of a shared filter after "$share/group/"; empty when there is none. */
static struct pk_str after_group(struct pk_str filter, struct pk_str *out_group) {
    const char *group = filter.p + SHARE_BYTES;
    const uint32_t n = filter.n - SHARE_BYTES;
    const char *slash = n > 0 ? memchr(group, '/', n) : NULL;
    if (slash == NULL) {
        *out_group = pk_str_make(group, n);
        return pk_str_make(group, 0);
    }
    const uint32_t group_n = (uint32_t)(slash - group);
    *out_group = pk_str_make(group, group_n);
    return pk_str_make(slash + 1, n - group_n - 1);
}

/* '+' fills a level alone; '#' too, and only the last one (MQTT-4.7.1-1, -2). */
static bool wildcards_stand_alone(struct pk_str s) {
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.p[i] != '+' && s.p[i] != '#') {
            continue;
        }
        const bool starts_level = i == 0 || s.p[i - 1] == '/';
        const bool ends_level = i + 1 == s.n || (s.p[i] == '+' && s.p[i + 1] == '/');
        if (!starts_level || !ends_level) {
            return false;
        }
    }
    return true;
}

bool pk_mqtt_topic_is_filter(struct pk_str s) {
    if (s.n == 0 || !pk_mqtt_text_is_valid(s)) {
        return false;
    }
    if (pk_mqtt_filter_is_shared(s)) {
        struct pk_str group;
        s = after_group(s, &group);
        if (group.n == 0 || pk_mqtt_filter_has_wildcard(group) || s.n == 0) {
            return false;
        }
    }
    return wildcards_stand_alone(s);
}

/* Bytes of the level that starts at `at`. */
static uint32_t level_bytes(struct pk_str s, uint32_t at) {
    uint32_t end = at;
    while (end < s.n && s.p[end] != '/') {
        end++;
    }
    return end - at;
}

bool pk_mqtt_topic_matches(struct pk_str filter, struct pk_str name) {
    struct pk_str group;
    if (pk_mqtt_filter_is_shared(filter)) {
        filter = after_group(filter, &group);
    }
    if (filter.n == 0 || name.n == 0) {
        return false;
    }
    if (name.p[0] == '$' && (filter.p[0] == '+' || filter.p[0] == '#')) {
        return false;
    }
    uint32_t f = 0, t = 0;
    for (;;) {
        const uint32_t f_n = level_bytes(filter, f), t_n = level_bytes(name, t);
        const bool is_many = f_n == 1 && filter.p[f] == '#';
        const bool is_one = f_n == 1 && filter.p[f] == '+';
        if (is_many) {
            return true;
        }
        if (!is_one && (f_n != t_n || memcmp(filter.p + f, name.p + t, f_n) != 0)) {
            return false;
        }
        f += f_n;
        t += t_n;
        if (t == name.n) { /* "a/#" also matches its parent "a" */
            return f == filter.n || (filter.n - f == 2 && filter.p[f + 1] == '#');
        }
        if (f == filter.n) {
            return false;
        }
        f++;
        t++;
    }
}
