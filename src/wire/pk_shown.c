#include "wire/pk_shown.h"

#include "base/pk_assert.h"
#include "base/pk_time.h"
#include "wire/pk_topic.h"

const char PK_SHOWN_THIN_EDGE[] = "te/device/main/service/picket/";
#define HOME "homeassistant/"

static int put_own_topic(struct pk_buf *out, const struct pk_shown_gateway *g, enum pk_topic_kind kind) {
    const struct pk_topic t = {.kind = kind, .site = g->site, .gateway = g->gateway};
    return pk_topic_build(out, &t);
}

int pk_shown_topic(struct pk_buf *out, enum pk_shown_kind kind, const struct pk_shown_gateway *g,
                   struct pk_str part) {
    switch (kind) {
    case PK_SHOWN_HOME_STATE:
        return put_own_topic(out, g, PK_TOPIC_HOME);
    case PK_SHOWN_HOME_DEVICE:
        pk_buf_puts(out, HOME "device/");
        pk_buf_put_str(out, g->gateway);
        pk_buf_puts(out, "/config");
        break;
    case PK_SHOWN_HOME_INCIDENT:
        pk_buf_puts(out, HOME "binary_sensor/");
        pk_buf_put_str(out, g->gateway);
        pk_buf_putc(out, '/');
        pk_buf_put_str(out, part);
        pk_buf_puts(out, "/config");
        break;
    case PK_SHOWN_ALARM:
    case PK_SHOWN_EVENT:
        pk_buf_puts(out, PK_SHOWN_THIN_EDGE);
        pk_buf_puts(out, kind == PK_SHOWN_ALARM ? "a/" : "e/");
        pk_buf_put_str(out, part);
        break;
    }
    return out->is_cut ? PK_E_TOO_BIG : PK_OK;
}

/* ---- Home Assistant; the short names are those of its discovery (abbreviations.py) ---- */

static void put_joined(struct pk_json_writer *w, const char *key, struct pk_str a, const char *joint,
                       struct pk_str b) {
    char text[PK_SHOWN_TOPIC_BYTES];
    struct pk_buf out;
    pk_buf_init(&out, text, sizeof text);
    pk_buf_put_str(&out, a);
    pk_buf_puts(&out, joint);
    pk_buf_put_str(&out, b);
    pk_jw_str(w, key, pk_buf_str(&out));
}

static void put_own(struct pk_json_writer *w, const char *key, const struct pk_shown_gateway *g,
                    enum pk_topic_kind kind) {
    char text[PK_SHOWN_TOPIC_BYTES];
    struct pk_buf out;
    pk_buf_init(&out, text, sizeof text);
    (void)put_own_topic(&out, g, kind); /* both names were checked with the configuration */
    pk_jw_str(w, key, pk_buf_str(&out));
}

/* Enough for Home Assistant to see that two messages are of one device. */
static void put_device_id(struct pk_json_writer *w, const struct pk_shown_gateway *g) {
    pk_jw_array(w, "ids");
    put_joined(w, NULL, pk_str_of("picket"), "_", g->gateway);
    pk_jw_array_end(w);
}

static void put_origin(struct pk_json_writer *w, const struct pk_shown_gateway *g) {
    pk_jw_object(w, "o");
    pk_jw_cstr(w, "name", "picket");
    pk_jw_str(w, "sw", g->version);
    pk_jw_object_end(w);
}

static const struct entity {
    const char *id, *platform, *name, *device_class, *state_class, *unit, *value;
} ENTITIES[] = {
    {"problem", "binary_sensor", "Problem", "problem", NULL, NULL,
     "{{ 'ON' if value_json.problem else 'OFF' }}"},
    {"hub", "binary_sensor", "Hub link", "connectivity", NULL, NULL,
     "{{ 'ON' if value_json.hub else 'OFF' }}"},
    {"open", "sensor", "Open incidents", NULL, "measurement", NULL, "{{ value_json.open }}"},
    {"worst", "sensor", "Worst severity", NULL, NULL, NULL, "{{ value_json.worst }}"},
    {"waiting", "sensor", "Reports waiting", NULL, "measurement", NULL, "{{ value_json.waiting }}"},
    {"store", "sensor", "Store used", NULL, "measurement", "%", "{{ value_json.store_pct }}"},
};

static void put_if(struct pk_json_writer *w, const char *key, const char *value) {
    if (value != NULL) {
        pk_jw_cstr(w, key, value);
    }
}

static void put_entity(struct pk_json_writer *w, const struct pk_shown_gateway *g, const struct entity *e) {
    pk_jw_object(w, e->id);
    pk_jw_cstr(w, "p", e->platform);
    put_joined(w, "unique_id", g->gateway, "_", pk_str_of(e->id));
    pk_jw_cstr(w, "name", e->name);
    put_if(w, "dev_cla", e->device_class);
    put_if(w, "stat_cla", e->state_class);
    put_if(w, "unit_of_meas", e->unit);
    pk_jw_cstr(w, "val_tpl", e->value);
    pk_jw_object_end(w);
}

void pk_shown_home_device(struct pk_json_writer *w, const struct pk_shown_gateway *g) {
    pk_jw_object(w, NULL);
    pk_jw_object(w, "dev");
    put_device_id(w, g);
    pk_jw_str(w, "name", g->gateway);
    pk_jw_cstr(w, "mf", "Picket");
    pk_jw_str(w, "mdl", g->board);
    pk_jw_str(w, "sw", g->version);
    pk_jw_str(w, "sa", g->site);
    pk_jw_object_end(w);
    put_origin(w, g);
    put_own(w, "stat_t", g, PK_TOPIC_HOME);
    put_own(w, "avty_t", g, PK_TOPIC_STATUS); /* birth and will */
    pk_jw_cstr(w, "avty_tpl", "{{ 'online' if value_json.online else 'offline' }}");
    pk_jw_u64(w, "qos", 1);
    pk_jw_object(w, "cmps");
    for (size_t i = 0; i < PK_COUNT_OF(ENTITIES); i++) {
        put_entity(w, g, &ENTITIES[i]);
    }
    pk_jw_object_end(w);
    pk_jw_object_end(w);
}

void pk_shown_home_state(struct pk_json_writer *w, const struct pk_shown_state *s) {
    pk_jw_object(w, NULL);
    pk_jw_bool(w, "problem", s->has_problem);
    pk_jw_bool(w, "hub", s->is_hub_linked);
    pk_jw_u64(w, "open", s->open_count);
    pk_jw_cstr(w, "worst", s->worst < 0 ? "none" : pk_severity_word((enum pk_severity)s->worst));
    pk_jw_u64(w, "waiting", s->waiting_count);
    pk_jw_u64(w, "store_pct", s->store_pct);
    pk_jw_object_end(w);
}

/* It is there while the incident is open, and then it is a problem: it needs no state of its own. */
void pk_shown_home_incident(struct pk_json_writer *w, const struct pk_shown_gateway *g, struct pk_str id,
                            struct pk_str title) {
    pk_jw_object(w, NULL);
    pk_jw_object(w, "dev");
    put_device_id(w, g);
    pk_jw_object_end(w);
    put_origin(w, g);
    pk_jw_str(w, "uniq_id", id);
    pk_jw_str(w, "name", title);
    pk_jw_cstr(w, "dev_cla", "problem");
    put_own(w, "stat_t", g, PK_TOPIC_HOME);
    pk_jw_cstr(w, "val_tpl", "ON");
    put_own(w, "avty_t", g, PK_TOPIC_STATUS);
    pk_jw_cstr(w, "avty_tpl", "{{ 'online' if value_json.online else 'offline' }}");
    pk_jw_u64(w, "qos", 1);
    pk_jw_object_end(w);
}

/* ---- thin-edge.io ---- */

static void put_text_and_time(struct pk_json_writer *w, struct pk_str title, int64_t wall_ms) {
    pk_jw_str(w, "text", title);
    if (wall_ms != 0) {
        char time[PK_TIME_TEXT_BYTES];
        pk_time_format(wall_ms, time);
        pk_jw_cstr(w, "time", time);
    }
}

void pk_shown_alarm(struct pk_json_writer *w, uint8_t severity, struct pk_str title, int64_t wall_ms) {
    static const char *const WORDS[PK_SEV_COUNT] = {"warning", "warning", "minor", "major", "critical"};
    pk_jw_object(w, NULL);
    pk_jw_cstr(w, "severity", WORDS[severity < PK_SEV_COUNT ? severity : PK_SEV_COUNT - 1]);
    put_text_and_time(w, title, wall_ms);
    pk_jw_object_end(w);
}

void pk_shown_event(struct pk_json_writer *w, struct pk_str id, struct pk_str title, int64_t wall_ms) {
    pk_jw_object(w, NULL);
    put_text_and_time(w, title, wall_ms);
    pk_jw_str(w, "incident_id", id);
    pk_jw_object_end(w);
}
