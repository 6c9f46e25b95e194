#ifndef PK_MAP_H
#define PK_MAP_H
/* Mapping rows: messages of any topic to events ([map NAME] of picketd.conf, grammar in config/README.md).
 * A row is a topic filter and texts with fields in braces: {1} is what the first wildcard stood for, {topic},
 * {payload}, else a path into the payload; {a,b|x}: a, where it is missing b, else the text x. A table of
 * rows is constant after it was read; counts are kept apart, under the same index. */
#include "event/pk_event_json.h"
#include "event/pk_payload.h"
#include "pk_limits.h"

enum {
    PK_MAP_NAME_BYTES = 33,
    PK_MAP_CAPTURES_MAX = 9,
    PK_MAP_TOPIC_BYTES_MAX = 256, /* of a message that is looked at */
    PK_MAP_TEXT_BYTES = 512       /* longest text made from a template */
};

struct pk_map_ref { /* bytes of the table's text; n 0: not given */
    uint16_t at, n;
};

struct pk_map_row {
    char name[PK_MAP_NAME_BYTES];
    bool has_empty, skips_empty; /* `empty = NUMBER`, `empty = skip` */
    bool takes_retained;
    struct pk_map_ref topic, type, source, severity, value, text, correlation, time, data;
    struct pk_map_ref types, severities, values; /* words: `a -> b, c -> d, * -> e` */
    double scale, offset, empty;                 /* value * scale + offset */
};

struct pk_map_table {
    struct pk_map_row rows[PK_LIMIT_MAPS];
    uint32_t count, text_bytes;
    char text[PK_LIMIT_MAP_TEXT_BYTES];
};

enum pk_map_reason {
    PK_MAP_TAKEN,
    PK_MAP_SKIPPED,   /* empty, and the row says so */
    PK_MAP_EMPTY,     /* empty, and the row does not say what that means */
    PK_MAP_BAD_JSON,  /* begins like JSON and is none */
    PK_MAP_NO_FIELD,  /* what the row asks for is not in it */
    PK_MAP_NO_NUMBER, /* the value is none */
    PK_MAP_BAD_NAME,  /* type or source would be empty or longer than 64 bytes */
    PK_MAP_NO_SEVERITY,
    PK_MAP_NO_TIME,
    PK_MAP_TOO_LONG, /* topic, or a text made from it */
    PK_MAP_RETAINED, /* an old message, and the row takes none */
    PK_MAP_REFUSED,  /* by the intake: rate, table full; in the loss ledger */
    PK_MAP_REASON_COUNT
};
const char *pk_map_reason_word(enum pk_map_reason r); /* "taken", "skipped", "empty", "bad_json", ... */

struct pk_map_outcome {
    enum pk_map_reason reason;
    char detail[48]; /* the field or text it is about */
};

/* What became of a row's messages. */
struct pk_map_count {
    uint32_t by_reason[PK_MAP_REASON_COUNT];
    uint64_t last_ms; /* of the last that did not fit; 0 = none yet */
    struct pk_map_outcome last;
};

void pk_map_init(struct pk_map_table *t);
/* Index of the row of this name, made when it is not there; PK_E_FULL, PK_E_BAD_FIELD (name). */
PK_MUST_USE int pk_map_open(struct pk_map_table *t, struct pk_str name);
/* One `key = value` of a row. PK_OK; PK_E_NOT_FOUND: no such key; PK_E_BAD_FIELD, PK_E_FULL: *out_why says
 * what is wrong, with "{}" for the value. */
PK_MUST_USE int pk_map_set(struct pk_map_table *t, uint32_t row, struct pk_str key, struct pk_str value,
                           const char **out_why);
/* Keys for "did you mean", NULL at the end. */
const char *pk_map_key_word(uint32_t index);
/* A row that lacks something or can never make an event, or -1. */
struct pk_map_error {
    const char *why; /* with "{}" for the argument */
    struct pk_str argument;
    const char *key; /* it is about; NULL: the row */
};
int pk_map_incomplete(const struct pk_map_table *t, struct pk_map_error *out);
struct pk_str pk_map_str(const struct pk_map_table *t, struct pk_map_ref ref);

/* Does a topic reach the filter? Fills what the wildcards stood for, '#' with all the rest. */
bool pk_map_match(struct pk_str filter, struct pk_str topic, struct pk_str captures[PK_MAP_CAPTURES_MAX],
                  uint32_t *out_count);
/* The event of one message under one row whose filter it matches. Anything but PK_MAP_TAKEN: *out means
 * nothing. */
enum pk_map_reason pk_map_apply(const struct pk_map_table *t, uint32_t row, struct pk_str topic,
                                struct pk_str payload, bool is_retained, struct pk_event_in *out,
                                struct pk_map_outcome *outcome);
void pk_map_note(struct pk_map_count *c, const struct pk_map_outcome *outcome, uint64_t now_ms);
#endif
