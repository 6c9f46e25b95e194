#ifndef PK_EVENT_JSON_H
#define PK_EVENT_JSON_H
/* Text to event and back (WIRE "Event"). Input is hostile: every defect is answered with field, byte and
 * words, and changes nothing. */
#include "base/pk_json.h"
#include "event/pk_event.h"
#include "event/pk_intern.h"
#include "event/pk_textring.h"

/* An event as it was said, not yet taken. Self-contained: keeps nothing of the line. About 2.6 KB; belongs to
 * the caller. */
struct pk_event_in {
    char type[PK_EVENT_TYPE_BYTES];
    char source[PK_EVENT_SOURCE_BYTES];
    char message[PK_EVENT_MESSAGE_BYTES + 1];
    char correlation[65];
    uint8_t fields[PK_FIELDS_BYTES_MAX]; /* packed, correlation included */
    uint16_t message_bytes, field_bytes;
    uint8_t severity; /* enum pk_severity */
    bool has_value, has_time, is_replayed, is_drill, is_fault;
    bool is_local;        /* from our own collectors: no rate limit */
    bool is_foreign;      /* its source is a name that strangers wrote (pk_intern.h) */
    bool is_type_foreign; /* so is its type */
    uint16_t via;         /* id + 1 of the inlet's source, whose rate it counts in too; 0 = none */
    double value;
    int64_t wall_ms;        /* has_time: its own time */
    int64_t received_ms;    /* recordings: when the agent took it, Unix ms; 0 = not said */
    uint64_t event_id_hash; /* 0 = none given */
    uint32_t unknown_count; /* members we do not know, ignored */
    uint32_t cut_count;     /* message or metadata shortened to the limits */
};

struct pk_event_error {
    int err; /* PK_E_BAD_MSG, PK_E_BAD_FIELD, PK_E_MISSING_FIELD, PK_E_TOO_BIG, PK_E_TOO_DEEP; or what intake
                answered */
    char field[32]; /* "" when it is not about one */
    uint32_t at_byte;
    char message[96];
};

/* One JSON object. PK_OK or the error, which is also in *out_error. A line longer than PK_EVENT_LINE_BYTES is
 * PK_E_TOO_BIG. */
PK_MUST_USE int pk_event_json_parse(struct pk_str line, struct pk_event_in *out,
                                    struct pk_event_error *out_error);
/* MQTT native topic …/in/{source}/{type}: names come from the topic; payload is an object (its own type and
 * source are ignored), a bare number, or empty (an event without value). */
PK_MUST_USE int pk_event_topic_parse(struct pk_str source, struct pk_str type, struct pk_str payload,
                                     struct pk_event_in *out, struct pk_event_error *out_error);
/* A measurement of our own collectors. error != PK_OK makes it a fault without value. PK_OK or PK_E_BAD_FIELD
 * (names). */
PK_MUST_USE int pk_event_sample(const char *type, const char *source, double value, int error,
                                struct pk_event_in *out);
/* Replies of the stream socket, without line end: {"ok":true,"id":"<boot>-<n>"} and
 * {"ok":false,"error":"bad_field","field":"…","at":<byte>,"message":"…"}. */
void pk_event_reply_ok(struct pk_buf *out, uint32_t boot, uint32_t number);
void pk_event_reply_error(struct pk_buf *out, const struct pk_event_error *error);
/* A taken event as the same object (with "event_id":"<boot>-<n>"), for lists, capsules and recordings; `key`
 * as in pk_jw_object. */
void pk_event_json_write(struct pk_json_writer *w, const char *key, const struct pk_event *e,
                         const struct pk_types *types, const struct pk_sources *sources,
                         const struct pk_textring *text, uint32_t boot);
#endif
